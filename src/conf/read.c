#include "conf/read.h"

#include <string.h>

#include "base/spell.h"
#include "conf/problems.h"

/* Room for a value that no structure has a field for. Aligned for any of them. */
union scratch {
	int64_t number;
	const void *pointer;
	char bytes[64];
};

static bool is_later_word(const struct schema_key *k, const struct node *n)
{
	if (k->later_words == NULL || n->type != NODE_TEXT)
		return false;
	for (const char *const *w = k->later_words; *w != NULL; w++)
		if (strcmp(n->u.text, *w) == 0)
			return true;
	return false;
}

static void note_later(struct value_reader *r, const struct schema_key *k, const struct node *n)
{
	if (k->later != NULL)
		value_complain(r, CONF_NOTE, k, n, "accepted; not built yet: %s", k->later);
	else if (is_later_word(k, n))
		value_complain(r, CONF_NOTE, k, n,
			       "accepted; not built yet: \"%s\" has no effect so far", n->u.text);
}

static void read_key(struct value_reader *r, const struct schema_key *k, const struct node *n,
		     void *base)
{
	union scratch scratch;
	size_t errors = r->problems->errors;

	if (k->field == SCHEMA_NO_FIELD)
		k->read(r, k, n, &scratch);
	else
		k->read(r, k, n, (char *)base + k->field);
	if (r->problems->errors == errors)
		note_later(r, k, n);
}

/* Names that may stand where an unknown one was found. */
struct known {
	const char *words[64];
	size_t n;
};

static void known_add(struct known *known, const char *word)
{
	if (known->n < COUNT_OF(known->words))
		known->words[known->n++] = word;
}

static void known_add_keys(struct known *known, const struct schema_group *g)
{
	for (size_t i = 0; i < g->n; i++)
		known_add(known, g->keys[i].name);
}

static void unknown_name(struct value_reader *r, const struct schema_group *g,
			 const struct known *known, const struct node *n)
{
	const char *near = spell_nearest(span_str(n->name), known->words, known->n);
	const struct schema_group *home = schema_home(n->name, g);
	const struct schema_group *group = schema_group_find(n->name);
	struct schema_key nameless = {.name = n->name};

	if (near != NULL)
		value_complain(r, CONF_ERROR, &nameless, n,
			       "there is no such setting; is '%s' meant?", near);
	else if (group != NULL)
		value_complain(r, CONF_ERROR, &nameless, n,
			       "this group stands at the top level of mailseal.conf only");
	else if (home == NULL)
		value_complain(r, CONF_ERROR, &nameless, n,
			       "there is no such setting (mailseal.conf(5) has all of them)");
	else if (home == &schema_domain)
		value_complain(r, CONF_ERROR, &nameless, n,
			       "this stands within a domain: domains = ( { name = \"example.com\"; "
			       "%s = ...; } );",
			       n->name);
	else if (*home->name == '\0')
		value_complain(r, CONF_ERROR, &nameless, n,
			       "this stands at the top level of mailseal.conf, outside of { }");
	else
		value_complain(r, CONF_ERROR, &nameless, n,
			       "this stands in the group %s: %s = { %s = ...; };", home->name,
			       home->name, n->name);
}

void read_group(struct value_reader *r, const struct schema_group *g, const struct node *group,
		void *base)
{
	const char *outer = r->group;
	struct known known = {.n = 0};

	r->group = g->name;
	known_add_keys(&known, g);
	for (size_t i = 0; i < group->u.kids.n; i++) {
		const struct node *n = &group->u.kids.at[i];
		const struct schema_key *k = schema_key_find(g, n->name);

		if (k != NULL)
			read_key(r, k, n, base);
		else
			unknown_name(r, g, &known, n);
	}
	r->group = outer;
}

/* A place that takes keys of its own and groups: the top level, or a domain. */
struct level {
	const struct schema_group *own;
	void *base;
	bool domain;
};

static size_t group_offset(const struct level *l, const struct schema_group *g)
{
	return l->domain ? g->in_domain : g->in_conf;
}

static const struct schema_group *level_group(const struct level *l, const char *name)
{
	const struct schema_group *g = *name != '\0' ? schema_group_find(name) : NULL;

	return g != NULL && group_offset(l, g) != SCHEMA_NO_FIELD ? g : NULL;
}

static void unknown_in_level(struct value_reader *r, const struct level *l, const struct node *n)
{
	struct known known = {.n = 0};

	known_add_keys(&known, l->own);
	for (size_t i = 1; i < schema_n_groups; i++)
		if (group_offset(l, &schema_groups[i]) != SCHEMA_NO_FIELD)
			known_add(&known, schema_groups[i].name);
	unknown_name(r, l->own, &known, n);
}

static void read_member(struct value_reader *r, const struct level *l, const struct node *n)
{
	const struct schema_key *k = schema_key_find(l->own, n->name);
	const struct schema_group *g = level_group(l, n->name);
	struct schema_key as_key = {.name = n->name};
	char shown[VALUE_SHOWN_SIZE];

	if (k != NULL)
		read_key(r, k, n, l->base);
	else if (g == NULL)
		unknown_in_level(r, l, n);
	else if (n->type != NODE_GROUP)
		value_complain(r, CONF_ERROR, &as_key, n,
			       "a group is wanted: %s = { ... }; found %s", n->name,
			       value_shown(n, shown));
	else
		read_group(r, g, n, (char *)l->base + group_offset(l, g));
}

static void read_level(struct value_reader *r, const struct level *l, const struct node *group)
{
	for (size_t i = 0; i < group->u.kids.n; i++)
		read_member(r, l, &group->u.kids.at[i]);
}

void read_top(struct value_reader *r, const struct node *root, struct conf *c)
{
	struct level top = {.own = &schema_groups[0], .base = c};

	r->group = "";
	read_level(r, &top, root);
}

void read_domain(struct value_reader *r, const struct node *group, struct conf_domain *d)
{
	struct level level = {.own = &schema_domain, .base = d, .domain = true};

	r->group = "";
	read_level(r, &level, group);
}
