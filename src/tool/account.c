#include "tool/account.h"

#include <string.h>

#include "conf/accounts.h"
#include "mail/address.h"
#include "mail/domain.h"

static const char *join(struct arena *arena, struct span local, const char *domain)
{
	size_t len = strlen(domain);
	char *name = arena_alloc(arena, local.len + len + 2);

	if (name == NULL)
		return NULL;
	memcpy(name, local.p, local.len);
	name[local.len] = '@';
	memcpy(name + local.len + 1, domain, len);
	return name;
}

/* TEXT as a local part without quotes, and a domain of A-labels in its place. */
static enum rc split(const char *text, struct arena *arena, struct mailbox *ret,
		     char ret_domain[DOMAIN_SIZE], struct err *err)
{
	struct mailbox m = {.in_group = false};
	enum rc rc = address_envelope_read(span_str(text), arena, &m, err);

	if (rc == RC_OK && (m.local.len == 0 || m.domain.len == 0))
		rc = err_set(err, RC_INPUT, "local@domain expected");
	if (rc == RC_OK)
		rc = domain_to_ascii(m.domain, ret_domain, err);
	for (size_t i = 0; rc == RC_OK && i < m.local.len; i++)
		if ((unsigned char)m.local.p[i] < ' ' || m.local.p[i] == 0x7f)
			rc = err_set(err, RC_INPUT, "a control character in it");
	if (rc != RC_OK)
		return err_wrap(err, rc, "account '%s'", text);
	m.domain = span_str(ret_domain);
	*ret = m;
	return RC_OK;
}

static bool has_certificates(const struct user_cert_list *users, const char *name)
{
	size_t n;

	return users != NULL && user_cert_list_account(users, name, &n) != NULL;
}

/* Mail for the address goes there; is it one account of ours, and without more? */
static enum rc check_targets(const struct account *a, const struct account_targets *targets,
			     struct err *err)
{
	const struct account_target *t = &targets->at[0];

	if (targets->n > 1)
		return err_set(err, RC_INPUT,
			       "account '%s': an alias of %zu addresses (%s, %s%s): name one of "
			       "them",
			       a->name, targets->n, t[0].address, t[1].address,
			       targets->n > 2 ? ", ..." : "");
	if (t->domain == NULL && t->by_alias)
		return err_set(err, RC_INPUT,
			       "account '%s': an alias of %s, which is no account of ours", a->name,
			       t->address);
	if (t->domain == NULL)
		return err_set(err, RC_NOTFOUND,
			       "account '%s': not among the accounts of %s (%s:%u)", a->name,
			       a->config->name, a->config->file, a->config->line);
	if (t->detail[0] != '\0')
		return err_set(err, RC_INPUT,
			       "account '%s': '%s' is a detail and no part of an account "
			       "(recipient_delimiter); %s is meant",
			       a->name, t->detail, t->account);
	return RC_OK;
}

static void say_alias(struct tool *t, const char *domain, const struct account *a, bool by_alias)
{
	if (by_alias)
		tool_say(t, "mailseal: that address is an alias: the account is %s\n", a->name);
	else if (a->config != NULL && strcmp(domain, a->config->name) != 0)
		tool_say(t, "mailseal: %s is an alias of %s: the account is %s\n", domain,
			 a->config->name, a->name);
}

/* A is the address as it was given; it becomes the account that the configuration makes of it. */
static enum rc resolve(const struct conf *conf, const struct mailbox *m, struct arena *arena,
		       struct account *a, bool *ret_by_alias, struct err *err)
{
	struct account_targets targets;
	enum rc rc = accounts_resolve(conf, m, arena, &targets, err);

	if (rc == RC_OK)
		rc = check_targets(a, &targets, err);
	if (rc != RC_OK)
		return rc;
	*ret_by_alias = targets.at[0].by_alias;
	if (*ret_by_alias) {
		a->name = targets.at[0].account;
		a->domain = strrchr(a->name, '@') + 1;
		a->config = targets.at[0].domain;
	}
	return RC_OK;
}

enum rc account_read(struct tool *t, const char *text, const struct user_cert_list *users,
		     struct arena *arena, struct account *ret, struct err *err)
{
	struct account a = {.config = NULL};
	struct mailbox m = {.in_group = false};
	char domain[DOMAIN_SIZE];
	bool by_alias = false;
	const struct conf *conf;
	enum rc rc = tool_conf(t, &conf, err);

	if (rc == RC_OK)
		rc = split(text, arena, &m, domain, err);
	if (rc != RC_OK)
		return rc;
	a.config = conf_domain_find(conf, domain);
	a.name = join(arena, m.local, a.config != NULL ? a.config->name : domain);
	if (a.name == NULL)
		return err_set(err, RC_NOMEM, "out of memory");
	a.domain = a.name + m.local.len + 1;
	if (!has_certificates(users, a.name))
		rc = a.config != NULL ? resolve(conf, &m, arena, &a, &by_alias, err)
				      : tool_domain(t, domain, &a.config, err);
	if (rc != RC_OK)
		return rc;
	say_alias(t, domain, &a, by_alias);
	*ret = a;
	return RC_OK;
}

const char *const *account_addresses(const struct account *a, struct arena *arena)
{
	struct span local = span_of(a->name, (size_t)(a->domain - a->name) - 1);
	size_t n = 0, to = 0;
	const char **all;

	while (a->config != NULL && a->config->aliases[n] != NULL)
		n++;
	all = arena_calloc(arena, n + 2, sizeof(*all));
	if (all == NULL)
		return NULL;
	all[to++] = a->name;
	for (size_t i = 0; i < n; i++) {
		all[to] = join(arena, local, a->config->aliases[i]);
		if (all[to++] == NULL)
			return NULL;
	}
	return all;
}
