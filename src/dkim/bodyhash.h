/* dkim/bodyhash.h - streaming body hash (bh=) of one canonicalization.
 *
 * Hashes the body as the MTA will send it: a final CRLF that is missing is implied, a bare LF is a line
 * end. A bare CR is a byte like any other. White space is SP and HTAB only. State is O(1) whatever the
 * body holds (runs of white space and of empty lines are counted, not kept).
 * Pure; one thread at a time.
 */
#ifndef DKIM_BODYHASH_H
#define DKIM_BODYHASH_H

#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/span.h"
#include "crypto/digest.h"
#include "dkim/alg.h"

struct bodyhash; /* opaque */

/* LIMIT: hash only that many canonical octets (l= of a signature that is verified); UINT64_MAX: all. */
MUST_CHECK enum rc bodyhash_new(enum canon c, uint64_t limit, struct bodyhash **ret,
				struct err *err);
/* Feed the next piece. Pieces may split anywhere, even between CR and LF. */
MUST_CHECK enum rc bodyhash_update(struct bodyhash *bh, struct span piece, struct err *err);
/* RFC 6376 3.4.3, 3.4.4: the end of the body. Once. RET_LENGTH (may be NULL): canonical
 * octets of the whole body, those past LIMIT too. */
MUST_CHECK enum rc bodyhash_finish(struct bodyhash *bh, uint8_t ret[SHA256_LEN],
				   uint64_t *ret_length, struct err *err);
struct bodyhash *bodyhash_free(struct bodyhash *bh);

#endif
