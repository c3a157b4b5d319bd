#include "dkim/pick.h"

#include <stdlib.h>

struct entry {
	const struct field *field;
	size_t index;
	size_t taken; /* in the first entry of a name: how many of that name are used up */
};

/* Sorted by name, fields of one name from the bottom up. Not hashed: whoever writes the header could
 * choose names that collide. */
struct pick {
	const struct field *except;
	size_t n;
	struct entry at[];
};

static int compare_names(struct span a, struct span b)
{
	size_t len = a.len < b.len ? a.len : b.len;

	for (size_t i = 0; i < len; i++) {
		unsigned char x = (unsigned char)ascii_lower(a.p[i]);
		unsigned char y = (unsigned char)ascii_lower(b.p[i]);

		if (x != y)
			return x < y ? -1 : 1;
	}
	return (a.len > b.len) - (a.len < b.len);
}

static int compare_entries(const void *a, const void *b)
{
	const struct entry *x = a;
	const struct entry *y = b;
	int order = compare_names(x->field->name, y->field->name);

	return order != 0 ? order : (x->index < y->index) - (x->index > y->index);
}

enum rc pick_new(const struct fields *fields, struct pick **ret, struct err *err)
{
	size_t n = fields_count(fields);
	struct pick *p = calloc(1, sizeof(*p) + n * sizeof(p->at[0]));

	if (p == NULL)
		return err_set(err, RC_NOMEM, "out of memory (%zu fields)", n);
	p->n = n;
	for (size_t i = 0; i < n; i++)
		p->at[i] = (struct entry){fields_at(fields, i), i, 0};
	qsort(p->at, n, sizeof(p->at[0]), compare_entries);
	*ret = p;
	return RC_OK;
}

struct pick *pick_free(struct pick *p)
{
	free(p);
	return NULL;
}

void pick_restart(struct pick *p, const struct field *except)
{
	p->except = except;
	for (size_t i = 0; i < p->n; i++)
		p->at[i].taken = 0;
}

/* The first entry that does not stand before NAME. */
static size_t lower_bound(const struct pick *p, struct span name)
{
	size_t low = 0;
	size_t high = p->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_names(p->at[middle].field->name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct field *pick_next(struct pick *p, struct span name)
{
	size_t first = lower_bound(p, name);
	size_t i;

	while (first < p->n) {
		i = first + p->at[first].taken;
		if (i >= p->n || !span_ieq(p->at[i].field->name, name))
			return NULL;
		p->at[first].taken++;
		if (p->at[i].field != p->except)
			return p->at[i].field;
	}
	return NULL;
}
