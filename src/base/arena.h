/* base/arena.h - memory that is freed all at once: a message's, or a snapshot's.
 *
 * Allocations are aligned for any type and zeroed. The maximum bounds the sum of what was asked
 * for; past it, and when out of memory, NULL is returned. One thread at a time; once nobody writes
 * any more, any number of threads may read what lies in it.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/span.h"

struct arena; /* opaque */

MUST_CHECK struct arena *arena_new(size_t max_bytes);
/* Frees everything in it. NULL is fine; always returns NULL. */
struct arena *arena_free(struct arena *a);
/* Forget everything, keep the first block: for the next message. */
void arena_reset(struct arena *a);
/* Bytes handed out since arena_new() or arena_reset(). */
size_t arena_used(const struct arena *a);
/* Was something refused since then because of the maximum, and not for want of memory? */
bool arena_was_full(const struct arena *a);

MUST_CHECK void *arena_alloc(struct arena *a, size_t size);
/* COUNT elements of SIZE bytes; NULL also when the product overflows. */
MUST_CHECK void *arena_calloc(struct arena *a, size_t count, size_t size);
/* A copy with a NUL behind it (so that it is a C string when it holds no NUL itself). */
MUST_CHECK char *arena_strndup(struct arena *a, struct span s);
MUST_CHECK char *arena_strdup(struct arena *a, const char *s);
/* A copy as a span; ret->p is NULL only when out of memory (an empty span gets a byte too). */
MUST_CHECK struct span arena_dup(struct arena *a, struct span s);

#endif
