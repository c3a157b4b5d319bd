#include "conf/accounts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mail/domain.h"

bool account_same(const char *a, const char *b)
{
	return span_ieq(span_str(a), span_str(b));
}

char *account_join(struct arena *arena, struct span local, const char *domain)
{
	size_t len = strlen(domain);
	char *p = arena_calloc(arena, local.len + len + 2, 1);

	if (p == NULL)
		return NULL;
	for (size_t i = 0; i < local.len; i++)
		p[i] = ascii_lower(local.p[i]);
	p[local.len] = '@';
	memcpy(p + local.len + 1, domain, len);
	return p;
}

/* An address on its way to the accounts that it stands for. */
struct walk {
	const struct conf *c;
	struct arena *arena;
	struct account_targets *ret;
	size_t room;
	unsigned steps; /* aliases that were followed, each as often as it was met */
	struct err *err;
};

/* What an address is before any alias is looked up. */
struct place {
	const struct conf_domain *domain; /* NULL: elsewhere */
	struct span local, detail;	  /* detail.p == NULL: none */
	char *name;			  /* "local@name" in lower case, with the detail; or NULL */
};

static enum rc no_memory(struct walk *w)
{
	return err_set(w->err, RC_NOMEM, "out of memory (accounts)");
}

/* The place of the first delimiter in LOCAL that is not its first byte (Postfix: a detail never leaves nobody).
 * LOCAL.len: none. */
static size_t find_delimiter(const struct conf *c, struct span local)
{
	for (size_t i = 1; i < local.len; i++)
		if (strchr(c->recipient_delimiter, local.p[i]) != NULL && local.p[i] != '\0')
			return i;
	return local.len;
}

/* The order of the list: bytes, in lower case. */
static int compare_local(const void *key, const void *element)
{
	const struct span *local = key;
	const unsigned char *name = *(const unsigned char *const *)element;

	for (size_t i = 0; i < local->len; i++) {
		unsigned char c = (unsigned char)ascii_lower(local->p[i]);

		if (name[i] == '\0')
			return 1;
		if (c != name[i])
			return c < name[i] ? -1 : 1;
	}
	return name[local->len] == '\0' ? 0 : -1;
}

bool conf_domain_has_account(const struct conf_domain *d, struct span local)
{
	if (d->accounts == NULL)
		return true;
	return bsearch(&local, d->accounts, d->n_accounts, sizeof(*d->accounts), compare_local) !=
	       NULL;
}

static enum rc find_place(struct walk *w, const struct mailbox *m, struct place *ret)
{
	char name[DOMAIN_SIZE];
	size_t cut;
	enum rc rc;

	memset(ret, 0, sizeof(*ret));
	ret->local = m->local;
	if (m->local.len == 0)
		return RC_OK;
	rc = domain_to_ascii(m->domain, name, w->err);
	if (rc != RC_OK)
		return rc == RC_INPUT ? RC_OK : rc;
	ret->domain = conf_domain_find(w->c, name);
	if (ret->domain == NULL)
		return RC_OK;
	ret->name = account_join(w->arena, m->local, ret->domain->name);
	if (ret->name == NULL)
		return no_memory(w);
	cut = find_delimiter(w->c, m->local);
	if (cut < m->local.len) {
		ret->local = span_sub(m->local, 0, cut);
		ret->detail = span_from(m->local, cut + 1);
	}
	return RC_OK;
}

/* --- aliases ------------------------------------------------------------------------------------ */

static int compare_alias(const void *key, const void *element)
{
	const struct conf_alias *a = element;

	return strcmp(key, a->name);
}

static const struct conf_alias *lookup(const struct conf *c, const char *name)
{
	const struct conf_aliases *all = c->aliases;

	if (all->n == 0)
		return NULL;
	return bsearch(name, all->at, all->n, sizeof(*all->at), compare_alias);
}

/* The local part of NAME ("local@domain") alone. */
static const struct conf_alias *lookup_local(const struct conf *c, char *name)
{
	const struct conf_alias *found;
	char *at = strrchr(name, '@');

	*at = '\0';
	found = lookup(c, name);
	*at = '@';
	return found;
}

/* In the order of virtual(5): the whole address, without its detail, the local part alone with it and without, the domain.
 * *RET_DETAIL: the detail was not part of what was found, and goes on to the targets. */
static enum rc find_alias(struct walk *w, const struct place *p, const struct conf_alias **ret,
			  bool *ret_detail)
{
	char *bare = account_join(w->arena, p->local, p->domain->name);

	if (bare == NULL)
		return no_memory(w);
	*ret_detail = false;
	*ret = lookup(w->c, p->name);
	if (*ret == NULL && p->detail.p != NULL) {
		*ret = lookup(w->c, bare);
		*ret_detail = *ret != NULL;
	}
	if (*ret == NULL)
		*ret = lookup_local(w->c, p->name);
	if (*ret != NULL)
		return RC_OK;
	*ret_detail = p->detail.p != NULL;
	*ret = lookup_local(w->c, bare);
	if (*ret == NULL)
		*ret = lookup(w->c, strrchr(bare, '@'));
	return RC_OK;
}

/* --- targets ------------------------------------------------------------------------------------ */

static char *show_address(struct walk *w, const struct mailbox *m)
{
	struct buf out;
	char *p = NULL;

	buf_init(&out, 2 * (m->local.len + m->domain.len) + 16);
	if (address_show(m, &out, NULL) == RC_OK)
		p = arena_strndup(w->arena, buf_span(&out));
	buf_clear(&out);
	return p;
}

/* One account under two names of its domain is one; with two details it is two mailboxes. */
static bool is_same(const struct account_target *a, const struct account_target *b)
{
	if (a->domain != NULL && b->domain != NULL)
		return account_same(a->account, b->account) && strcmp(a->detail, b->detail) == 0;
	return account_same(a->address, b->address);
}

static bool is_known(const struct walk *w, const struct account_target *t)
{
	for (size_t i = 0; i < w->ret->n; i++)
		if (is_same(&w->ret->at[i], t))
			return true;
	return false;
}

/* What an address is when no alias leads on from it. */
static enum rc make_target(struct walk *w, const struct mailbox *m, const struct place *p,
			   struct account_target *ret)
{
	ret->detail = "";
	ret->address = show_address(w, m);
	if (ret->address == NULL)
		return no_memory(w);
	if (p->domain == NULL || !conf_domain_has_account(p->domain, p->local))
		return RC_OK;
	ret->domain = p->domain;
	ret->account = account_join(w->arena, p->local, p->domain->name);
	if (p->detail.p != NULL)
		ret->detail = arena_strndup(w->arena, p->detail);
	return ret->account != NULL && ret->detail != NULL ? RC_OK : no_memory(w);
}

static enum rc add_target(struct walk *w, const struct mailbox *m, const struct place *p,
			  bool by_alias)
{
	struct account_target t = {.by_alias = by_alias};
	struct account_target *more;
	enum rc rc = make_target(w, m, p, &t);

	if (rc != RC_OK || is_known(w, &t))
		return rc;
	if (w->ret->n == ACCOUNT_TARGETS_MAX)
		return err_set(w->err, RC_LIMIT, "aliases of %s lead to more than %d addresses",
			       w->ret->at[0].address, ACCOUNT_TARGETS_MAX);
	if (w->ret->n == w->room) {
		w->room = w->room == 0 ? 4 : 2 * w->room;
		more = arena_calloc(w->arena, w->room, sizeof(*more));
		if (more == NULL)
			return no_memory(w);
		if (w->ret->n != 0)
			memcpy(more, w->ret->at, w->ret->n * sizeof(*more));
		w->ret->at = more;
	}
	w->ret->at[w->ret->n++] = t;
	return RC_OK;
}

/* The names that led here, so that a circle is seen. */
struct trail {
	const struct trail *from;
	const struct conf_alias *alias;
	unsigned depth;
};

static bool is_on_trail(const struct trail *t, const struct conf_alias *a)
{
	for (; t != NULL; t = t->from)
		if (t->alias == a)
			return true;
	return false;
}

static enum rc follow(struct walk *w, const struct mailbox *m, const struct trail *trail);

/* TEXT is local@domain without quotes; the detail of the alias' user is carried on, as Postfix does it. */
static enum rc follow_text(struct walk *w, const char *text, struct span detail,
			   const struct trail *trail)
{
	const char *at = strrchr(text, '@');
	size_t len = (size_t)(at - text);
	struct mailbox m = {.domain = span_str(at + 1)};
	char *local;

	m.local = span_of(text, len);
	if (detail.p == NULL)
		return follow(w, &m, trail);
	local = arena_calloc(w->arena, len + detail.len + 2, 1);
	if (local == NULL)
		return no_memory(w);
	memcpy(local, text, len);
	local[len] = w->c->recipient_delimiter[0];
	memcpy(local + len + 1, detail.p, detail.len);
	m.local = span_of(local, len + 1 + detail.len);
	return follow(w, &m, trail);
}

static enum rc follow_all(struct walk *w, const struct conf_alias *alias, struct span detail,
			  const struct trail *from)
{
	struct trail here = {from, alias, from != NULL ? from->depth + 1 : 1};
	enum rc rc = RC_OK;

	if (++w->steps > ACCOUNT_STEPS_MAX)
		return err_set(w->err, RC_LIMIT,
			       "more than %d aliases for one address, last %s (%s:%u)",
			       ACCOUNT_STEPS_MAX, alias->name, alias->file, alias->line);
	if (here.depth > ACCOUNT_DEPTH_MAX)
		return err_set(w->err, RC_LIMIT, "more than %d aliases in a row, last %s (%s:%u)",
			       ACCOUNT_DEPTH_MAX, alias->name, alias->file, alias->line);
	for (const char *const *t = alias->targets; *t != NULL && rc == RC_OK; t++)
		rc = follow_text(w, *t, detail, &here);
	return rc;
}

static enum rc follow(struct walk *w, const struct mailbox *m, const struct trail *trail)
{
	const struct conf_alias *alias = NULL;
	bool detail = false;
	struct place p;
	enum rc rc = find_place(w, m, &p);

	if (rc == RC_OK && p.domain != NULL)
		rc = find_alias(w, &p, &alias, &detail);
	if (rc != RC_OK)
		return rc;
	if (alias == NULL || is_on_trail(trail, alias))
		return add_target(w, m, &p, trail != NULL);
	return follow_all(w, alias, detail ? p.detail : SPAN_NONE, trail);
}

enum rc accounts_resolve(const struct conf *c, const struct mailbox *address, struct arena *arena,
			 struct account_targets *ret, struct err *err)
{
	struct walk w = {.c = c, .arena = arena, .ret = ret, .err = err};

	memset(ret, 0, sizeof(*ret));
	return follow(&w, address, NULL);
}
