/* base/spell.h - the nearest known word. Pure. */
#ifndef BASE_SPELL_H
#define BASE_SPELL_H

#include <stddef.h>

#include "base/span.h"

/* Of N words the one nearest to WORD (edit distance with transpositions, ASCII case ignored, '-' and
 * '_' equal), if it is near enough to be meant: distance at most 2, and less than half the word.
 * NULL when none is. Words of more than 64 bytes are never near. */
const char *spell_nearest(struct span word, const char *const *words, size_t n);

#endif
