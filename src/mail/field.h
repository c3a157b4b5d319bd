/* mail/field.h - header fields exactly as they were received.
 *
 * A field keeps every byte that the mail server keeps: the name as written, and the value with all
 * that stands behind the colon, leading white space included, folds as they came (LF from a milter,
 * CRLF or LF from a file), without the final line end. Only dkim/canon makes CRLF of folds.
 * Spans point into the arena given to fields_init(). One thread at a time.
 */
#ifndef MAIL_FIELD_H
#define MAIL_FIELD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/err.h"
#include "base/span.h"
#include "base/vec.h"

struct field {
	struct span name;	 /* without white space before the colon */
	struct span value;	 /* everything after the colon */
	bool space_before_colon; /* RFC 5322 4.5: obsolete; such a field is never signed */
};

struct fields {
	struct arena *arena;
	struct vec v; /* of struct field, in order of the message */
	size_t bytes; /* names, colons, values and final CRLFs, folds counted as CRLF */
	size_t max_bytes;
};

void fields_init(struct fields *f, struct arena *arena, size_t max_bytes);
/* Forget the fields; the arena is the caller's to reset. */
void fields_clear(struct fields *f);

enum { HEADER_FIELDS_MAX = 10000 };

/* Add one at the end; bytes are copied. RC_LIMIT past max_bytes or HEADER_FIELDS_MAX fields. */
MUST_CHECK enum rc fields_add(struct fields *f, struct span name, struct span value,
			      struct err *err);

/* As a milter gets it. LEADING_SPACE: SMFIP_HDR_LEADSPC was negotiated and VALUE has all that stood
 * behind the colon; otherwise the MTA removed one space, which is put back unless VALUE begins with a
 * tab or a fold: there none is likely to have been. (What the MTA did cannot be told for sure then;
 * only the simple header canonicalization can see the difference.)
 * NAME may end in white space (obsolete syntax), which is cut and remembered. */
MUST_CHECK enum rc fields_add_milter(struct fields *f, struct span name, struct span value,
				     bool leading_space, struct err *err);

size_t fields_count(const struct fields *f);
const struct field *fields_at(const struct fields *f, size_t i);

/* How many fields are called NAME (ASCII case ignored). */
size_t fields_count_of(const struct fields *f, const char *name);
/* The first (topmost) called NAME at or after index FROM, or NULL; *RET_INDEX (may be NULL). */
const struct field *fields_find(const struct fields *f, const char *name, size_t from,
				size_t *ret_index);

/* A message as a file has it, split: header fields into F, *RET_BODY what follows the empty line
 * (points into RAW). Lines may end in LF or CRLF. A first line "From " (mbox) is skipped
 * (the obsolete "From : joe" is a field). A line that is no field (">From " too) ends the header, as
 * an MTA does it: it is the first line of the body. *RET_CRLF: the first line ends in CRLF.
 * RC_LIMIT past f->max_bytes; F is as before then. */
MUST_CHECK enum rc fields_read(struct fields *f, struct span raw, struct span *ret_body,
			       bool *ret_crlf, struct err *err);

#endif
