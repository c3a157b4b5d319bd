#include "directory/directory.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "directory/sqlite.h"

static const char *const state_names[] = {
	[SEL_STANDBY] = "standby",   [SEL_PUBLISHED] = "published", [SEL_ACTIVE] = "active",
	[SEL_RETIRING] = "retiring", [SEL_REVOKED] = "revoked",
};

const char *sel_state_name(enum sel_state s)
{
	return state_names[s];
}

bool sel_state_read(const char *s, enum sel_state *ret)
{
	for (size_t i = 0; i < COUNT_OF(state_names); i++) {
		if (strcmp(s, state_names[i]) == 0) {
			*ret = (enum sel_state)i;
			return true;
		}
	}
	return false;
}

void selector_list_free(struct selector_list *l)
{
	if (l != NULL)
		arena_free(l->arena); /* the list itself lies in it */
}

/* The first place whose domain is not before DOMAIN. */
static size_t lower_bound(const struct selector_list *l, const char *domain)
{
	size_t low = 0, high = l->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(l->at[middle].domain, domain) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct selector *selector_list_domain(const struct selector_list *l, const char *domain,
					    size_t *ret_n)
{
	size_t first = lower_bound(l, domain);
	size_t end = first;

	while (end < l->n && strcmp(l->at[end].domain, domain) == 0)
		end++;
	*ret_n = end - first;
	return end > first ? &l->at[first] : NULL;
}

const struct selector *selector_list_find(const struct selector_list *l, const char *domain,
					  const char *name)
{
	size_t n;
	const struct selector *s = selector_list_domain(l, domain, &n);

	for (size_t i = 0; i < n; i++)
		if (strcmp(s[i].name, name) == 0)
			return &s[i];
	return NULL;
}

static bool may_sign(const struct selector *s, enum dkim_alg alg)
{
	return s->alg == alg && (s->state == SEL_ACTIVE || s->state == SEL_RETIRING) &&
	       s->not_before != 0;
}

static bool later(const struct selector *a, const struct selector *b)
{
	if (a->not_before != b->not_before)
		return a->not_before > b->not_before;
	if (a->created != b->created)
		return a->created > b->created;
	return strcmp(a->name, b->name) > 0;
}

const struct selector *selector_for_signing(const struct selector *s, size_t n, enum dkim_alg alg,
					    int64_t now)
{
	const struct selector *best = NULL, *first = NULL;
	bool has_active = false;

	for (size_t i = 0; i < n; i++) {
		if (!may_sign(&s[i], alg))
			continue;
		has_active = has_active || s[i].state == SEL_ACTIVE;
		if (s[i].not_before <= now && (best == NULL || later(&s[i], best)))
			best = &s[i];
		if (first == NULL || later(first, &s[i]))
			first = &s[i];
	}
	if (!has_active)
		return NULL;
	return best != NULL ? best : first;
}

enum rc directory_open(const char *state_dir, enum directory_mode mode, struct directory **ret,
		       struct err *err)
{
	return sqlite_open(state_dir, mode, mode == DIRECTORY_READ ? 1000 : 5000, ret, err);
}

struct directory *directory_close(struct directory *d)
{
	if (d != NULL)
		d->ops->close(d);
	return NULL;
}
