/* base/picture.h - pictures of rules: '*' stands for any run of bytes, everything else for itself.
 *
 * Case does not count: picture and text are folded first (ASCII, and what UTF-8 has of letters), once each. Nor does it
 * count whether a line was folded before a space or by a tab. Linear in the length of the text for each run between two
 * '*'. Pure; any thread. */
#ifndef BASE_PICTURE_H
#define BASE_PICTURE_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/err.h"
#include "base/span.h"

/* TEXT in lower case, tabs as spaces, in ARENA; bytes that are no UTF-8 stay. RC_NOMEM. */
MUST_CHECK enum rc picture_fold(struct span text, struct arena *arena, struct span *ret,
				struct err *err);

/* Does the whole of TEXT match? Both folded. */
bool picture_match(struct span picture, struct span text);

#endif
