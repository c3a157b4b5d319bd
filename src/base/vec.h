/* base/vec.h - a growing array of equal elements, with a maximum count.
 *
 *	struct vec v;
 *	vec_init(&v, sizeof(struct thing), 1000);
 *	struct thing *t = vec_push(&v);		NULL: out of memory, or 1000 are there already
 *	struct thing *all = v.items;		v.len of them
 *	vec_clear(&v);
 *
 * Pointers into it are good until the next vec_push(). One thread at a time.
 */
#ifndef BASE_VEC_H
#define BASE_VEC_H

#include <stddef.h>

#include "base/attr.h"

struct vec {
	void *items;
	size_t len;
	size_t cap;
	size_t elem; /* bytes of one element */
	size_t max;  /* elements */
};

void vec_init(struct vec *v, size_t elem, size_t max);
/* Frees the elements' memory (not what they point to). */
void vec_clear(struct vec *v);
/* A new zeroed element at the end, or NULL. */
MUST_CHECK void *vec_push(struct vec *v);
void *vec_at(const struct vec *v, size_t i);

#endif
