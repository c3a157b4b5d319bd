#include <string.h>

#include "conf/accounts.h"
#include "core/routeimpl.h"
#include "mail/domain.h"

/* Postfix and Sendmail read more than RFC 5321 allows, and show their filters what was written: "<jim (x)@example.com>" is
 * jim@example.com to them, "<example.com!jim>", "<jim%example.com>" and "<jim%example.com@HOST>" too, and "<jim>" is of
 * $myorigin. Whoever asks for jim in such words must not have rules left out that seal his mail. */

/* Somebody who has to write a domain: neither this host, whose programs say "root", nor who has logged in. */
static bool is_stranger(const struct facts *f)
{
	static const uint8_t loopback6[16] = {[15] = 1};

	if (f->auth_authen.len != 0)
		return false;
	return (f->client == CLIENT_INET && f->addr[0] != 127) ||
	       (f->client == CLIENT_INET6 && memcmp(f->addr, loopback6, sizeof(loopback6)) != 0);
}

/* What remains of TEXT without comments and all that is no part of a name. */
static enum rc name_in(struct router *r, struct span text, struct span *ret)
{
	char *name = arena_alloc(r->arena, text.len + 1);
	size_t n = 0;
	int depth = 0;

	if (name == NULL)
		return route_no_memory(r);
	for (size_t i = 0; i < text.len; i++) {
		char c = text.p[i];

		depth += c == '(' ? 1 : c == ')' && depth > 0 ? -1 : 0;
		if (depth == 0 && (is_ascii_alpha(c) || is_ascii_digit(c) || (c & 0x80) != 0 ||
				   strchr("-_.@!%", c) != NULL))
			name[n++] = c;
	}
	while (n > 0 && strchr(".@", name[n - 1]) != NULL)
		n--;
	*ret = span_of(name, n);
	return RC_OK;
}

static size_t last_of(struct span s, char c)
{
	size_t i = s.len;

	while (i > 0 && s.p[i - 1] != c)
		i--;
	return i;
}

/* The domain that NAME is of, to a mail server that tries everything; empty: none is named. */
static struct span domain_in(struct span name)
{
	if (last_of(name, '@') != 0)
		return span_from(name, last_of(name, '@'));
	if (span_has(name, '!'))
		return span_sub(name, 0, span_find(name, '!', 0));
	return last_of(name, '%') != 0 ? span_from(name, last_of(name, '%')) : SPAN_NONE;
}

/* Who in it is meant is not known. */
static enum rc seals_in_domain(struct router *r, struct span text, bool *ret)
{
	const struct conf *c = r->e->snap->conf;
	const struct conf_domain *domain = NULL;
	char name[DOMAIN_SIZE];
	struct span whole = SPAN_NONE;
	enum rc rc = name_in(r, text, &whole);

	if (rc == RC_OK)
		rc = domain_to_ascii(domain_in(whole), name, NULL);
	if (rc == RC_OK)
		domain = conf_domain_find(c, name);
	*ret = domain != NULL && c->rules.seal && domain->mode == MODE_ENABLED && !domain->observe;
	return rc == RC_INPUT ? RC_OK : rc;
}

/* A local part alone, of any of our domains. RFC 5321 4.5.1: postmaster is always taken so. */
static enum rc seals_somewhere(struct router *r, struct span local, bool *ret)
{
	const struct conf *c = r->e->snap->conf;

	if (span_ieq_str(local, "postmaster"))
		return RC_OK;
	for (size_t i = 0; i < c->n_domains && !*ret; i++) {
		const char *account = account_join(r->arena, local, c->domains[i].name);

		if (account == NULL)
			return route_no_memory(r);
		*ret = route_seals(r, &c->domains[i], account);
	}
	return RC_OK;
}

static bool has_route(struct span local)
{
	return span_has(local, '@') || span_has(local, '!') || span_has(local, '%');
}

enum rc route_loose_name(struct router *r, struct span given, const struct mailbox *read,
			 const char **ret)
{
	bool hides = false;
	enum rc rc = RC_OK;

	*ret = NULL;
	/* Without SMTP (sendmail(1), bounces) the mail server has read it already, and takes no refusal. */
	if (!r->e->snap->conf->rules.seal || r->e->facts->port == 0)
		return RC_OK;
	if (read == NULL)
		rc = seals_in_domain(r, given, &hides);
	else if (has_route(read->local))
		rc = seals_in_domain(r, read->local, &hides);
	else if (read->local.len != 0 && read->domain.len == 0 && is_stranger(r->e->facts))
		rc = seals_somewhere(r, read->local, &hides);
	if (rc == RC_OK && hides)
		*ret = "its address is not in the form user@domain";
	return rc;
}
