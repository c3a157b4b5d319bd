/* dkim/fold.h - a field's value, folded while it is written: under 78 columns, "\n\t" between.
 * Pure; appends to a buffer. A tab counts as eight columns, so that every reader's count is under 78. */
#ifndef DKIM_FOLD_H
#define DKIM_FOLD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

struct fold {
	struct buf *out;
	size_t column; /* of the next byte, from 0 */
};

/* COLUMN: what stands on the first line already, the name and its colon. */
void fold_init(struct fold *f, struct buf *out, size_t column);
MUST_CHECK enum rc fold_newline(struct fold *f, struct err *err);
/* A word that is never broken, on the next line where it does not fit here (one that fits nowhere has a
 * line of its own). SPACED: with a space before it, unless it begins a line. */
MUST_CHECK enum rc fold_word(struct fold *f, struct span word, bool spaced, struct err *err);
/* Text that may be broken anywhere but between '=' and the two characters behind it: base64, and
 * dkim-quoted-printable (RFC 6376 2.11). */
MUST_CHECK enum rc fold_text(struct fold *f, struct span text, struct err *err);

#endif
