#include "conf/domains.h"

#include <stdlib.h>
#include <string.h>

#include "base/spell.h"
#include "conf/problems.h"
#include "conf/read.h"
#include "conf/signing.h"
#include "mail/domain.h"

/* Past this many names none is offered as the one that was meant. */
enum { SPELL_NAMES_MAX = 1000 };

/* A list of sign.also that was read. */
struct also {
	const char *domain; /* whose it is; NULL: the global one */
	const char *const *list;
	const char *file;
	unsigned line;
};

/* Never more than the files can hold. */
#define DOMAINS_MAX (SIZE_MAX / sizeof(struct conf_domain))

void domains_init(struct domains *d, struct value_reader *r, struct conf *c)
{
	memset(d, 0, sizeof(*d));
	d->r = r;
	d->c = c;
	vec_init(&d->v, sizeof(struct conf_domain), DOMAINS_MAX);
	vec_init(&d->also, sizeof(struct also), DOMAINS_MAX);
}

void domains_clear(struct domains *d)
{
	vec_clear(&d->v);
	vec_clear(&d->also);
}

static void remember_also(struct domains *d, const char *domain, const char *const *list,
			  const struct node *n)
{
	struct also *a = vec_push(&d->also);

	if (a == NULL)
		d->r->problems->lost = true;
	else
		*a = (struct also){domain, list, n->file, n->line};
}

void domains_inherit(struct domains *d, const struct node *also)
{
	d->initial.sign = d->c->sign;
	d->initial.rotate = d->c->rotate;
	d->initial.dns = d->c->dns;
	d->initial.seal = d->c->seal;
	signing_finish(d->r, &d->c->sign.policy);
	if (also != NULL)
		remember_also(d, NULL, d->c->sign.also, also);
}

static void domain_error(struct domains *d, const struct node *n, const char *key, const char *text)
{
	conf_problems_add(d->r->problems, CONF_ERROR, n->file, n->line, "domain %s: %s: %s",
			  d->r->domain, key, text);
}

/* The node of KEY, or of sign.KEY, where the domain sets it; else that of the domain. */
static const struct node *place_of(const struct node *group, const char *in, const char *key)
{
	const struct node *outer = in != NULL ? node_member(group, in) : group;
	const struct node *n =
		outer != NULL && outer->type == NODE_GROUP ? node_member(outer, key) : NULL;

	return n != NULL ? n : group;
}

static void check_names(struct domains *d, const struct node *group, const struct conf_domain *dom)
{
	static const char suffix[] = "a public suffix is nobody's own domain";

	if (domain_is_public_suffix(dom->name))
		domain_error(d, place_of(group, NULL, "name"), "name", suffix);
	for (const char *const *a = dom->aliases; *a != NULL; a++)
		if (domain_is_public_suffix(*a))
			conf_problems_add(d->r->problems, CONF_ERROR, group->file,
					  place_of(group, NULL, "aliases")->line,
					  "domain %s: aliases: %s: %s", d->r->domain, *a, suffix);
}

/* RFC 6376 6.3 lets a verifier doubt a d= that is no parent of the author's domain; RFC 7489 3.1 takes the
 * organizational domain for the outermost one that still speaks for it. */
static void check_sign_domain(struct domains *d, const struct node *group, struct conf_domain *dom)
{
	const struct node *n = place_of(group, NULL, "sign_domain");

	if (dom->sign_domain == NULL || strcmp(dom->sign_domain, dom->name) == 0)
		dom->sign_domain = dom->name;
	else if (!domain_is_within(dom->name, dom->sign_domain))
		domain_error(d, n, "sign_domain", "the domain itself or a parent of it is wanted");
	else if (domain_is_public_suffix(dom->sign_domain))
		domain_error(d, n, "sign_domain",
			     "a public suffix cannot sign; the outermost that can is the domain "
			     "one label below it");
}

static void check_identity(struct domains *d, const struct node *group,
			   const struct conf_domain *dom)
{
	const char *identity = dom->sign.policy.identity;
	const char *at = strrchr(identity, '@');
	const struct node *n = place_of(group, "sign", "identity");

	if (at != NULL && !domain_is_within(at + 1, dom->sign_domain))
		conf_problems_add(
			d->r->problems, CONF_ERROR, n->file, n->line,
			"domain %s: sign.identity: \"%s\"%s does not lie within %s, which "
			"signs (RFC 6376 3.5)",
			d->r->domain, identity, n == group ? " of the global settings" : "",
			dom->sign_domain);
}

static size_t length(const char *const *list)
{
	size_t n = 0;

	while (list[n] != NULL)
		n++;
	return n;
}

static bool has(const char *const *list, const char *name)
{
	for (; *list != NULL; list++)
		if (strcmp(*list, name) == 0)
			return true;
	return false;
}

/* A domain signs for itself anyway: that is all right in the global list only. */
static void drop_own_name(struct domains *d, struct conf_domain *dom)
{
	const char *const *from = dom->sign.also;
	const char **list = value_alloc(d->r, length(from) + 1, sizeof(*list));
	size_t n = 0;

	for (; *from != NULL && list != NULL; from++)
		if (strcmp(*from, dom->name) != 0)
			list[n++] = *from;
	if (list != NULL)
		dom->sign.also = list;
}

static void check_also(struct domains *d, const struct node *group, struct conf_domain *dom)
{
	const struct node *n = place_of(group, "sign", "also");
	bool own = dom->sign.also != d->initial.sign.also;
	size_t made = (1 + length(dom->sign.also)) * dom->sign.n_algorithms;

	if (made > DKIM_JOBS_MAX)
		conf_problems_add(d->r->problems, CONF_ERROR, n->file, n->line,
				  "domain %s: sign.also: %zu signatures on one message, at most %d "
				  "are made",
				  d->r->domain, made, DKIM_JOBS_MAX);
	else if (own)
		remember_also(d, dom->name, dom->sign.also, n);
	if (!has(dom->sign.also, dom->name))
		return;
	if (own)
		conf_problems_add(d->r->problems, CONF_WARNING, n->file, n->line,
				  "domain %s: sign.also: it signs for itself without being listed",
				  d->r->domain);
	drop_own_name(d, dom);
}

/* Lists that are the global ones share what was made of them. */
static void finish_policy(struct domains *d, struct dkim_policy *p)
{
	const struct dkim_policy *written = &d->initial.sign.policy;
	const struct dkim_policy *made = &d->c->sign.policy;

	if (p->sign == written->sign && p->oversign == written->oversign) {
		p->sign = made->sign;
		p->oversign = made->oversign;
	} else {
		signing_finish(d->r, p);
	}
}

static void add_one(struct domains *d, const struct node *group)
{
	const struct node *name = node_member(group, "name");
	struct conf_domain dom = d->initial, *kept;

	if (name == NULL) {
		conf_problems_add(d->r->problems, CONF_ERROR, group->file, group->line,
				  "domains: a domain without a name: name = \"example.com\"; is "
				  "missing");
		return;
	}
	d->r->domain = name->type == NODE_TEXT ? name->u.text : "?";
	read_domain(d->r, group, &dom);
	if (dom.name != NULL) {
		dom.file = group->file;
		dom.line = group->line;
		check_names(d, group, &dom);
		check_sign_domain(d, group, &dom);
		check_identity(d, group, &dom);
		check_also(d, group, &dom);
		finish_policy(d, &dom.sign.policy);
		kept = vec_push(&d->v);
		if (kept != NULL)
			*kept = dom;
		else
			d->r->problems->lost = true;
	}
	d->r->domain = NULL;
}

void domains_add(struct domains *d, const struct node *list)
{
	char shown[VALUE_SHOWN_SIZE];

	for (size_t i = 0; i < list->u.kids.n; i++) {
		const struct node *n = &list->u.kids.at[i];

		if (n->type == NODE_GROUP)
			add_one(d, n);
		else
			conf_problems_add(d->r->problems, CONF_ERROR, n->file, n->line,
					  "domains: a group { name = \"example.com\"; ... } is "
					  "wanted, found %s",
					  value_shown(n, shown));
	}
}

static int compare_domains(const void *a, const void *b)
{
	const struct conf_domain *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	if (order == 0)
		order = strcmp(x->file, y->file);
	return order != 0 ? order : (x->line > y->line) - (x->line < y->line);
}

/* Equal names in the order of the domains, so that the message does not depend on qsort(). */
static int compare_names(const void *a, const void *b)
{
	const struct conf_name *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	return order != 0 ? order : (x->domain > y->domain) - (x->domain < y->domain);
}

static void given_twice(struct domains *d, const struct conf_name *first,
			const struct conf_name *again)
{
	const struct conf_domain *a = first->domain, *b = again->domain;

	if (a == b)
		conf_problems_add(d->r->problems, CONF_ERROR, b->file, b->line,
				  "domain %s: the name %s is given twice (name or aliases)",
				  b->name, again->name);
	else
		conf_problems_add(
			d->r->problems, CONF_ERROR, b->file, b->line,
			"domain %s: the name %s is given twice: domain %s at %s:%u has it "
			"too",
			b->name, again->name, a->name, a->file, a->line);
}

static struct conf_name *collect_names(struct domains *d, size_t *ret_n)
{
	const struct conf_domain *all = d->c->domains;
	struct conf_name *names;
	size_t n = d->c->n_domains, at = 0;

	for (size_t i = 0; i < d->c->n_domains; i++)
		n += length(all[i].aliases);
	names = value_alloc(d->r, n, sizeof(*names));
	for (size_t i = 0; i < d->c->n_domains && names != NULL; i++) {
		names[at++] = (struct conf_name){all[i].name, &all[i]};
		for (const char *const *a = all[i].aliases; *a != NULL; a++)
			names[at++] = (struct conf_name){*a, &all[i]};
	}
	*ret_n = n;
	return names;
}

static void finish_names(struct domains *d)
{
	size_t n;
	struct conf_name *names = collect_names(d, &n);

	if (names == NULL || n == 0)
		return;
	qsort(names, n, sizeof(*names), compare_names);
	for (size_t i = 1; i < n; i++)
		if (strcmp(names[i - 1].name, names[i].name) == 0)
			given_twice(d, &names[i - 1], &names[i]);
	d->c->names = names;
	d->c->n_names = n;
}

static void also_error(struct domains *d, const struct also *a, const char *name, const char *text)
{
	conf_problems_add(d->r->problems, CONF_ERROR, a->file, a->line, "%s%s%ssign.also: %s %s",
			  a->domain != NULL ? "domain " : "", a->domain != NULL ? a->domain : "",
			  a->domain != NULL ? ": " : "", name, text);
}

static void also_unknown(struct domains *d, const struct also *a, const char *name)
{
	const char *words[SPELL_NAMES_MAX], *near = NULL;
	size_t n = d->c->n_names;
	char text[2 * DOMAIN_SIZE];

	if (d->incomplete)
		return;
	if (n <= SPELL_NAMES_MAX) {
		for (size_t i = 0; i < n; i++)
			words[i] = d->c->names[i].name;
		near = spell_nearest(span_str(name), words, n);
	}
	strcpy(text, "is no domain of this configuration");
	if (near != NULL)
		strcat(strcat(strcat(text, "; is "), near), " meant?");
	also_error(d, a, name, text);
}

static void check_also_name(struct domains *d, const struct also *a, const char *name)
{
	const struct conf_domain *found = conf_domain_find(d->c, name);

	if (found == NULL)
		also_unknown(d, a, name);
	else if (strcmp(found->name, name) != 0)
		also_error(d, a, name, "is an alias; the name of the domain is wanted");
	else if (found->mode != MODE_ENABLED)
		conf_problems_add(d->r->problems, CONF_WARNING, a->file, a->line,
				  "sign.also: %s is not enabled and signs nothing", name);
}

static void finish_also(struct domains *d)
{
	const struct also *all = d->also.items;

	for (size_t i = 0; i < d->also.len; i++) {
		const char *const *list = all[i].list;

		/* A longer one was complained of where a domain has it. */
		for (size_t j = 0; j < DKIM_JOBS_MAX && list[j] != NULL; j++) {
			check_also_name(d, &all[i], list[j]);
			for (size_t k = 0; k < j; k++)
				if (strcmp(list[k], list[j]) == 0)
					also_error(d, &all[i], list[j], "is listed twice");
		}
	}
}

static void count_accounts(struct conf_domain *d)
{
	while (d->accounts != NULL && d->accounts[d->n_accounts] != NULL)
		d->n_accounts++;
}

void domains_finish(struct domains *d)
{
	size_t n = d->v.len;
	struct conf_domain *all = n > 0 ? value_alloc(d->r, n, sizeof(*all)) : NULL;

	if (all != NULL) {
		qsort(d->v.items, n, sizeof(*all), compare_domains);
		memcpy(all, d->v.items, n * sizeof(*all));
		vec_clear(&d->v);
		for (size_t i = 0; i < n; i++)
			count_accounts(&all[i]);
		d->c->domains = all;
		d->c->n_domains = n;
		finish_names(d);
	}
	finish_also(d);
}
