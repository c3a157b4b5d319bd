#include "tool/account.h"

#include <string.h>

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

/* The parts of TEXT: a local part without quotes, and A-labels. */
static enum rc split(const char *text, struct arena *arena, struct span *ret_local,
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
	*ret_local = m.local;
	return RC_OK;
}

/* "john+lists@" reaches john@: certificates belong to the account. */
static enum rc refuse_detail(const struct conf *conf, struct span local, struct err *err)
{
	for (size_t i = 1; i < local.len; i++)
		if (strchr(conf->recipient_delimiter, local.p[i]) != NULL)
			return err_set(err, RC_INPUT,
				       "account '%.*s': the part from '%c' on is no part of an "
				       "account (recipient_delimiter); '%.*s' is meant",
				       SPAN_ARG(local), local.p[i],
				       SPAN_ARG(span_sub(local, 0, i)));
	return RC_OK;
}

static bool has_certificates(const struct user_cert_list *users, const char *name)
{
	size_t n;

	return users != NULL && user_cert_list_account(users, name, &n) != NULL;
}

enum rc account_read(struct tool *t, const char *text, const struct user_cert_list *users,
		     struct arena *arena, struct account *ret, struct err *err)
{
	struct account a = {.config = NULL};
	char domain[DOMAIN_SIZE];
	const struct conf *conf;
	struct span local = SPAN_NONE;
	enum rc rc = tool_conf(t, &conf, err);

	if (rc == RC_OK)
		rc = split(text, arena, &local, domain, err);
	if (rc != RC_OK)
		return rc;
	a.config = conf_domain_find(conf, domain);
	a.name = join(arena, local, a.config != NULL ? a.config->name : domain);
	if (a.name == NULL)
		return err_set(err, RC_NOMEM, "out of memory");
	a.domain = a.name + local.len + 1;
	if (a.config == NULL && !has_certificates(users, a.name))
		return tool_domain(t, domain, &a.config, err);
	if (a.config != NULL)
		rc = refuse_detail(conf, local, err);
	if (rc != RC_OK)
		return rc;
	if (a.config != NULL && strcmp(domain, a.config->name) != 0)
		tool_say(t, "mailseal: %s is an alias of %s: the account is %s\n", domain,
			 a.config->name, a.name);
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
