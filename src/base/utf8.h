/* base/utf8.h - characters of UTF-8. RFC 3629 4. Pure; any thread. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"

/* The octets of the character at the beginning of S: 1 to 4; 0 where there is none: S is empty, cut, a form longer than
 * needed, a surrogate, or past U+10FFFF. */
size_t utf8_length(struct span s);
/* Is all of S UTF-8? */
bool utf8_valid(struct span s);

#endif
