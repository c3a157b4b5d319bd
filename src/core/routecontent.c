#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/line.h"
#include "core/routeimpl.h"

struct route_content route_content_of(const struct mods *m)
{
	return (struct route_content){
		.added = m->added,
		.n_added = m->n_added,
		.tag = m->tag,
		.quarantine = m->quarantine,
	};
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* Fields are the rules' own: the same one has the same address. */
static bool same_fields(const struct route_content *a, const struct route_content *b)
{
	if (a->n_added != b->n_added)
		return false;
	for (size_t i = 0; i < a->n_added; i++)
		if (!same_text(a->added[i].name, b->added[i].name) ||
		    !same_text(a->added[i].value, b->added[i].value))
			return false;
	return true;
}

static bool same_certs(const struct route_content *a, const struct route_content *b)
{
	if (a->n_certs != b->n_certs || a->n_escrow != b->n_escrow)
		return false;
	for (size_t i = 0; i < a->n_certs; i++)
		if (strcmp(a->certs[i]->fingerprint, b->certs[i]->fingerprint) != 0)
			return false;
	for (size_t i = 0; i < a->n_escrow; i++)
		if (a->escrow[i] != b->escrow[i])
			return false;
	return true;
}

/* Same octets, and nobody who can open one but not the other. */
static bool same_content(const struct route_content *a, const struct route_content *b)
{
	return a->seal == b->seal && same_text(a->tag, b->tag) &&
	       same_text(a->quarantine, b->quarantine) && same_fields(a, b) &&
	       (!a->seal || same_certs(a, b));
}

static enum rc content_index(struct router *r, const struct route_content *content, size_t *ret)
{
	struct vec *v = &r->route->contents;
	struct route_content *slot;

	for (*ret = 0; *ret < v->len; (*ret)++) {
		slot = vec_at(v, *ret);
		if (!same_content(slot, content))
			continue;
		/* The same octets, for other reasons: the log has each of them. */
		slot->was_encrypted = slot->was_encrypted || content->was_encrypted;
		slot->plain = slot->plain || content->plain;
		return RC_OK;
	}
	slot = vec_push(v);
	if (slot == NULL)
		return route_no_memory(r);
	*slot = *content;
	return RC_OK;
}

static bool same_delivery(const struct route_delivery *a, const struct route_delivery *b)
{
	if (a->content != b->content)
		return false;
	if (a->as_given || b->as_given)
		return a->as_given && b->as_given && a->recipient == b->recipient;
	return strcmp(a->address, b->address) == 0;
}

enum rc route_would(struct router *r, const char *text)
{
	const char *old = r->route->observed;

	if (text == NULL)
		return route_no_memory(r);
	r->route->observed =
		route_text(r, "%s%s%s", old != NULL ? old : "", old != NULL ? "; " : "", text);
	return r->route->observed != NULL ? RC_OK : route_no_memory(r);
}

enum rc route_observe(struct router *r, const char *address, const struct route_content *content)
{
	if (content == NULL)
		return route_would(r, route_text(r, "nothing more to %s", address));
	if (!content->seal)
		return route_would(
			r, route_text(r, "%s to %s",
				      content->was_encrypted ? "encrypted already" : "clear",
				      address));
	return route_would(r, route_text(r, "sealed for %s%s%s to %s", content->accounts[0],
					 content->n_accounts > 1 ? "," : "",
					 content->n_accounts > 1 ? content->accounts[1] : "",
					 address));
}

/* One mailbox gets one copy of the same content, whatever led there. */
enum rc route_deliver(struct router *r, struct route_delivery d,
		      const struct route_content *content)
{
	struct route_delivery *slot;
	enum rc rc;

	if (r->muted)
		return route_observe(r, d.address, content);
	if (d.recipient < r->n_recipients)
		r->got[d.recipient] = true;
	rc = content_index(r, content, &d.content);
	for (size_t i = 0; i < r->route->deliveries.len && rc == RC_OK; i++)
		if (same_delivery(vec_at(&r->route->deliveries, i), &d))
			return RC_OK;
	if (rc != RC_OK)
		return rc;
	slot = vec_push(&r->route->deliveries);
	if (slot == NULL)
		return err_set(r->err, RC_LIMIT,
			       "rules send the message to more than %zu addresses",
			       r->route->deliveries.max);
	*slot = d;
	return RC_OK;
}

/* --- who can open it ---------------------------------------------------------------------------- */

static const struct conf_domain *domain_of(const struct router *r, const char *account)
{
	const char *at = strrchr(account, '@');

	return at != NULL ? conf_domain_find(r->e->snap->conf, at + 1) : NULL;
}

static bool has_ended(const struct user_cert *run, size_t n, int64_t now)
{
	for (size_t i = 0; i < n; i++)
		if (run[i].not_after < now)
			return true;
	return false;
}

/* A certificate of ACCOUNT, or what its domain says where there is none. The profile "compat" seals for RSA keys: the
 * others, which come behind them in the list, are none for it. */
static enum conf_fallback choose(const struct router *r, const char *account,
				 const struct conf_domain *domain, struct user_cert_choice *ret,
				 bool *ret_ec)
{
	const struct conf_seal *seal = &domain->seal;
	bool late = seal->on_expired == FALLBACK_SEAL;
	size_t n, rsa = 0;
	const struct user_cert *run = user_cert_list_account(r->e->snap->users, account, &n);

	while (rsa < n && run[rsa].kind == CERT_RSA)
		rsa++;
	*ret_ec = rsa == 0 && n != 0;
	if (user_cert_for_sealing(run, rsa, r->e->now, late ? seal->grace : 0, ret))
		return FALLBACK_SEAL;
	return !late && has_ended(run, rsa, r->e->now) ? seal->on_expired : seal->on_missing;
}

/* Each account is named once. */
static enum rc warn_expired(struct router *r, const char *account)
{
	const char *old = r->route->warning;
	const char *text = route_text(r, "certificate of %s has expired", account);

	if (text == NULL)
		return route_no_memory(r);
	if (old != NULL && strstr(old, text) != NULL)
		return RC_OK;
	r->route->warning = old == NULL ? text : route_text(r, "%s; %s", old, text);
	return r->route->warning != NULL ? RC_OK : route_no_memory(r);
}

static const char *missing_text(struct router *r, const char *account, bool ec)
{
	return route_text(
		r,
		ec ? "no certificate of %s to seal with: those for elliptic-curve keys are not "
		     "built yet"
		   : "no valid certificate of %s to seal with",
		account);
}

struct sealing {
	const char *accounts[2];
	const struct user_cert *certs[2];
	struct cert *escrow[2];
	size_t n, n_escrow;
	enum conf_fallback fallback; /* FALLBACK_SEAL: all are there */
	const char *missing;	     /* what the sender is told of the first that is not */
};

static void add_escrow(struct sealing *s, struct cert *escrow)
{
	if (escrow != NULL && (s->n_escrow == 0 || s->escrow[0] != escrow))
		s->escrow[s->n_escrow++] = escrow;
}

/* The gravest answer counts: a message is deferred before it is rejected, and rejected before it is stored in clear. */
static enum conf_fallback graver(enum conf_fallback a, enum conf_fallback b)
{
	static const int weight[] = {[FALLBACK_SEAL] = 0,
				     [FALLBACK_PLAIN] = 1,
				     [FALLBACK_REJECT] = 2,
				     [FALLBACK_DEFER] = 3};

	return weight[a] >= weight[b] ? a : b;
}

static enum rc miss(struct router *r, struct sealing *s, const char *account,
		    enum conf_fallback fallback, bool ec)
{
	const char *text = missing_text(r, account, ec);

	if (text == NULL)
		return route_no_memory(r);
	if (s->missing == NULL)
		s->missing = text;
	if (fallback == FALLBACK_DEFER && r->defer == NULL && !r->muted)
		r->defer = text;
	return RC_OK;
}

static enum rc add_account(struct router *r, struct sealing *s, const char *account)
{
	const struct conf_domain *domain = domain_of(r, account);
	struct user_cert_choice choice = {NULL, false};
	bool ec = false;
	enum conf_fallback fallback =
		domain != NULL ? choose(r, account, domain, &choice, &ec) : FALLBACK_DEFER;

	s->fallback = graver(s->fallback, fallback);
	if (fallback == FALLBACK_DEFER || fallback == FALLBACK_REJECT)
		return miss(r, s, account, fallback, ec);
	if (fallback != FALLBACK_SEAL)
		return RC_OK;
	s->accounts[s->n] = account;
	s->certs[s->n++] = choice.cert;
	add_escrow(s, domain->escrow);
	return choice.expired ? warn_expired(r, account) : RC_OK;
}

/* Sorted, so that the same two accounts give the same content whichever of them has the rule. */
static void sort(struct sealing *s)
{
	const char *account = s->accounts[0];
	const struct user_cert *cert = s->certs[0];

	if (s->n == 2 && strcmp(s->certs[0]->fingerprint, s->certs[1]->fingerprint) > 0) {
		s->accounts[0] = s->accounts[1];
		s->certs[0] = s->certs[1];
		s->accounts[1] = account;
		s->certs[1] = cert;
	}
}

static void *keep(struct router *r, const void *items, size_t n, size_t size)
{
	void *kept = arena_calloc(r->arena, n + 1, size);

	if (kept != NULL && n != 0)
		memcpy(kept, items, n * size);
	return kept;
}

static enum rc set_sealing(struct router *r, struct sealing *s, struct route_content *content)
{
	sort(s);
	content->accounts = keep(r, s->accounts, s->n, sizeof(s->accounts[0]));
	content->certs = keep(r, s->certs, s->n, sizeof(s->certs[0]));
	content->escrow = keep(r, s->escrow, s->n_escrow, sizeof(s->escrow[0]));
	if (content->accounts == NULL || content->certs == NULL || content->escrow == NULL)
		return route_no_memory(r);
	content->seal = true;
	content->n_accounts = content->n_certs = s->n;
	content->n_escrow = s->n_escrow;
	return RC_OK;
}

enum rc route_seal(struct router *r, const char *owner, const char *also,
		   struct route_content *content, struct refusal *ret)
{
	struct sealing s = {.n = 0, .fallback = FALLBACK_SEAL};
	enum truth encrypted = evidence_is_encrypted(r->e);
	enum rc rc;

	*ret = (struct refusal){.text = NULL};
	if (encrypted == TRUTH_YES) {
		content->was_encrypted = true;
		return RC_OK;
	}
	/* At RCPT a missing certificate is told whatever the message may turn out to be. */
	if (encrypted == TRUTH_UNKNOWN && r->e->fields != NULL) {
		r->need = NEED_BEGINNING;
		return RC_OK;
	}
	rc = add_account(r, &s, owner);
	if (rc == RC_OK && also != NULL)
		rc = add_account(r, &s, also);
	if (s.fallback == FALLBACK_REJECT || (s.fallback == FALLBACK_DEFER && r->muted))
		*ret = (struct refusal){s.missing, s.fallback == FALLBACK_DEFER};
	content->plain = s.fallback == FALLBACK_PLAIN;
	if (rc != RC_OK || s.fallback != FALLBACK_SEAL)
		return rc;
	return set_sealing(r, &s, content);
}

char *route_text(struct router *r, const char *fmt, ...)
{
	char text[400], line[400];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	line_set(line, sizeof(line), "%s", text);
	return arena_strdup(r->arena, line);
}

enum rc route_no_memory(struct router *r)
{
	return err_set(r->err, RC_NOMEM, "out of memory (rules)");
}
