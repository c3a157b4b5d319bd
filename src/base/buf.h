/* base/buf.h - an owned byte buffer that grows up to a maximum.
 *
 * buf_init() sets the maximum (bytes of content); a call that would pass it returns RC_LIMIT and
 * leaves the content as it was. A buffer that is all zero may be cleared. One thread at a time.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stddef.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/span.h"

struct buf {
	char *p;    /* len bytes of content; NULL while cap is 0 */
	size_t len; /* may be set to a smaller value to cut the content */
	size_t cap;
	size_t max;
};

/* No allocation yet. */
void buf_init(struct buf *b, size_t max);
/* Frees; the buffer may be used again with the same maximum. */
void buf_clear(struct buf *b);
/* As buf_clear(), the content overwritten first: for secrets. */
void buf_wipe(struct buf *b);

/* Append. RC_NOMEM or RC_LIMIT on failure; nothing was appended then. */
MUST_CHECK enum rc buf_add(struct buf *b, struct span s, struct err *err);
MUST_CHECK enum rc buf_addc(struct buf *b, char c, struct err *err);
MUST_CHECK enum rc buf_adds(struct buf *b, const char *s, struct err *err);
MUST_CHECK enum rc buf_addf(struct buf *b, struct err *err, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Room for at least EXTRA more bytes, so that the next EXTRA bytes cannot fail. */
MUST_CHECK enum rc buf_reserve(struct buf *b, size_t extra, struct err *err);

struct span buf_span(const struct buf *b);
/* The content as a C string (a NUL is put behind it, not counted); NULL when out of memory.
 * Valid until the next append. */
const char *buf_cstr(struct buf *b);

#endif
