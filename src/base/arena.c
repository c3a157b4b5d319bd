#include "base/arena.h"

#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_SIZE = 4096 };

struct block {
	struct block *next;
	size_t size;
	size_t used;
	alignas(max_align_t) char bytes[];
};

struct arena {
	struct block *top; /* the newest block, the one that is filled */
	size_t used;
	size_t max;
	bool was_full;
};

struct arena *arena_new(size_t max_bytes)
{
	struct arena *a = calloc(1, sizeof(*a));

	if (a != NULL)
		a->max = max_bytes;
	return a;
}

static void free_blocks(struct block *b, const struct block *keep)
{
	while (b != NULL && b != keep) {
		struct block *next = b->next;

		free(b);
		b = next;
	}
}

struct arena *arena_free(struct arena *a)
{
	if (a != NULL) {
		free_blocks(a->top, NULL);
		free(a);
	}
	return NULL;
}

void arena_reset(struct arena *a)
{
	struct block *first = a->top;

	while (first != NULL && first->next != NULL)
		first = first->next;
	free_blocks(a->top, first);
	a->top = first;
	if (first != NULL) {
		memset(first->bytes, 0, first->used);
		first->used = 0;
	}
	a->used = 0;
	a->was_full = false;
}

size_t arena_used(const struct arena *a)
{
	return a->used;
}

bool arena_was_full(const struct arena *a)
{
	return a->was_full;
}

static struct block *add_block(struct arena *a, size_t need)
{
	size_t size = need > BLOCK_SIZE ? need : BLOCK_SIZE;
	struct block *b = calloc(1, sizeof(*b) + size);

	if (b == NULL)
		return NULL;
	b->size = size;
	b->next = a->top;
	a->top = b;
	return b;
}

void *arena_alloc(struct arena *a, size_t size)
{
	size_t need = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	struct block *b = a->top;
	void *p;

	if (need < size || need > a->max - a->used) {
		a->was_full = true;
		return NULL;
	}
	if (b == NULL || b->size - b->used < need)
		b = add_block(a, need);
	if (b == NULL)
		return NULL;
	p = b->bytes + b->used;
	b->used += need;
	a->used += need;
	return p;
}

void *arena_calloc(struct arena *a, size_t count, size_t size)
{
	if (size != 0 && count > SIZE_MAX / size)
		return NULL;
	return arena_alloc(a, count * size);
}

char *arena_strndup(struct arena *a, struct span s)
{
	char *p = s.len == SIZE_MAX ? NULL : arena_alloc(a, s.len + 1);

	if (p != NULL && s.len > 0)
		memcpy(p, s.p, s.len);
	return p;
}

char *arena_strdup(struct arena *a, const char *s)
{
	return arena_strndup(a, span_str(s));
}

struct span arena_dup(struct arena *a, struct span s)
{
	char *p = arena_strndup(a, s);

	return p != NULL ? span_of(p, s.len) : SPAN_NONE;
}
