#include "base/vec.h"

#include <stdlib.h>
#include <string.h>

enum { VEC_FIRST = 8 };

void vec_init(struct vec *v, size_t elem, size_t max)
{
	memset(v, 0, sizeof(*v));
	v->elem = elem;
	v->max = max;
}

void vec_clear(struct vec *v)
{
	free(v->items);
	vec_init(v, v->elem, v->max);
}

void *vec_push(struct vec *v)
{
	void *slot;

	if (v->len >= v->max)
		return NULL;
	if (v->len == v->cap) {
		size_t cap = v->cap != 0 ? v->cap * 2 : VEC_FIRST;
		void *grown = reallocarray(v->items, cap, v->elem);

		if (grown == NULL)
			return NULL;
		v->items = grown;
		v->cap = cap;
	}
	slot = (char *)v->items + v->len * v->elem;
	memset(slot, 0, v->elem);
	v->len++;
	return slot;
}

void *vec_at(const struct vec *v, size_t i)
{
	return (char *)v->items + i * v->elem;
}
