#include "core/route.h"

#include <stdint.h>
#include <string.h>

#include "core/routeimpl.h"

/* Far above deliver.max_copies: what one message may become. */
enum { DELIVERIES_MAX = 100000, TRACE_MAX = 1000000 };

static const char no_recipient[] = "the mail server named no recipient whose rules could be asked";
static const char needs_reentry[] =
	"this needs copies of the message (deliver.reentry), which are not built yet";

void route_init(struct route *r)
{
	memset(r, 0, sizeof(*r));
	vec_init(&r->contents, sizeof(struct route_content), DELIVERIES_MAX);
	vec_init(&r->deliveries, sizeof(struct route_delivery), DELIVERIES_MAX);
	vec_init(&r->dropped, sizeof(size_t), DELIVERIES_MAX);
}

void route_clear(struct route *r)
{
	vec_clear(&r->contents);
	vec_clear(&r->deliveries);
	vec_clear(&r->dropped);
}

/* --- the recipients ----------------------------------------------------------------------------- */

static enum rc as_given(struct router *r, size_t recipient, const struct route_content *content)
{
	struct span given = r->recipients[recipient].given;
	struct route_delivery d = {.recipient = recipient, .as_given = true};

	if (given.len >= 2 && given.p[0] == '<' && given.p[given.len - 1] == '>')
		given = span_sub(given, 1, given.len - 2);
	d.address = arena_strndup(r->arena, given);
	return d.address != NULL ? route_deliver(r, d, content) : route_no_memory(r);
}

/* An alias whose accounts all get one content and no rule names a mailbox needs nothing from us: the mail server knows
 * the alias. */
static bool all_as_usual(const struct router *r, size_t before, size_t n)
{
	const struct vec *v = &r->route->deliveries;
	const struct route_delivery *first;

	if (v->len - before != n)
		return false;
	first = vec_at(v, before);
	for (size_t i = before; i < v->len; i++) {
		const struct route_delivery *d = vec_at(v, i);

		if (d->rule != NULL || d->content != first->content)
			return false;
	}
	return true;
}

static enum rc run_targets(struct router *r, size_t recipient, const struct account_targets *t,
			   const struct mods *mods)
{
	size_t before = r->route->deliveries.len;
	struct route_content content;
	enum rc rc = RC_OK;

	for (size_t i = 0; i < t->n && rc == RC_OK && r->need == NEED_NOTHING; i++)
		rc = route_target(
			r,
			&(struct pass){.recipient = recipient, .target = &t->at[i], .mods = *mods});
	if (rc != RC_OK || r->need != NEED_NOTHING || !t->at[0].by_alias ||
	    !all_as_usual(r, before, t->n))
		return rc;
	content = *(const struct route_content *)vec_at(
		&r->route->contents,
		((const struct route_delivery *)vec_at(&r->route->deliveries, before))->content);
	r->route->deliveries.len = before;
	return as_given(r, recipient, &content);
}

/* RFC 3461 4.1: the sender wants to hear of failures unless NOTIFY is given and does not name them. */
static bool wants_no_notice(const struct route_recipient *r)
{
	for (size_t i = 0; i < r->n_args; i++)
		if (span_istarts(r->args[i], SPAN_LIT("NOTIFY=")))
			return span_search(r->args[i], SPAN_LIT("FAILURE"), 0, true) ==
			       r->args[i].len;
	return false;
}

static enum rc refuse_loose_name(struct router *r, size_t recipient, const struct mailbox *m,
				 bool *ret)
{
	const char *why;
	enum rc rc = route_loose_name(r, r->recipients[recipient].given, m, &why);

	*ret = rc == RC_OK && why != NULL;
	if (!*ret)
		return rc;
	if (r->reject == NULL)
		r->reject = why;
	r->n_to_tell += !wants_no_notice(&r->recipients[recipient]);
	return RC_OK;
}

static enum rc run_recipient(struct router *r, size_t recipient, const struct mods *mods)
{
	struct route_content usual = route_content_of(mods);
	struct account_targets targets;
	struct mailbox m;
	enum rc rc = address_envelope_read(r->recipients[recipient].given, r->arena, &m, r->err);
	bool readable = rc == RC_OK, refused = false;

	r->seen = NULL;
	r->refused = r->refused_further = false;
	if (rc == RC_OK || rc == RC_INPUT)
		rc = refuse_loose_name(r, recipient, readable ? &m : NULL, &refused);
	if (rc != RC_OK || refused)
		return rc;
	if (!readable || m.domain.len == 0)
		return as_given(r, recipient, &usual);
	rc = accounts_resolve(r->e->snap->conf, &m, r->arena, &targets, r->err);
	if (rc == RC_OK)
		rc = run_targets(r, recipient, &targets, mods);
	/* Rejected by several: the sender hears of it once. What a redirection comes to is told where nothing else came of
	 * the message. */
	if ((r->refused || (r->refused_further && !r->got[recipient])) &&
	    !wants_no_notice(&r->recipients[recipient]))
		r->n_to_tell++;
	return rc;
}

/* --- what comes of it --------------------------------------------------------------------------- */

static enum rc find_dropped(struct router *r)
{
	for (size_t i = 0; i < r->n_recipients; i++) {
		size_t *slot;

		if (r->got[i])
			continue;
		slot = vec_push(&r->route->dropped);
		if (slot == NULL)
			return route_no_memory(r);
		*slot = i;
	}
	return RC_OK;
}

/* RFC 3464: whoever is dropped after the message was accepted is told of, but not to the null sender. */
static bool somebody_must_be_told(const struct router *r)
{
	struct span from = r->e->facts->mail_from;

	return r->n_to_tell != 0 && from.len != 0 && !span_eq_str(from, "<>");
}

bool route_content_is_plain(const struct route_content *c)
{
	return !c->seal && c->n_added == 0 && c->tag == NULL && c->quarantine == NULL;
}

static bool changes_nothing(const struct route *route)
{
	for (size_t i = 0; i < route->deliveries.len; i++) {
		const struct route_delivery *d = vec_at(&route->deliveries, i);

		if (!d->as_given)
			return false;
	}
	return route->dropped.len == 0 && route_content_is_plain(vec_at(&route->contents, 0));
}

static void settle(struct route *route, enum route_outcome outcome, const char *text)
{
	route->outcome = outcome;
	route->text = text;
}

static enum rc conclude(struct router *r)
{
	struct route *route = r->route;
	enum rc rc = find_dropped(r);

	if (rc != RC_OK)
		return rc;
	if (r->defer != NULL)
		settle(route, ROUTE_DEFER, r->defer);
	else if (r->n_recipients == 0)
		settle(route, ROUTE_DEFER, no_recipient);
	else if (route->deliveries.len == 0)
		settle(route, r->reject != NULL ? ROUTE_REJECT : ROUTE_DISCARD, r->reject);
	else if (route->contents.len > 1 || somebody_must_be_told(r))
		settle(route, ROUTE_DEFER, needs_reentry);
	else
		settle(route, changes_nothing(route) ? ROUTE_PASS : ROUTE_EDIT, NULL);
	return RC_OK;
}

static enum rc router_init(struct router *r, struct evidence *e,
			   const struct route_recipient *recipients, size_t n, struct route *route,
			   struct route_trace *trace, struct err *err)
{
	*r = (struct router){.e = e,
			     .arena = e->arena,
			     .recipients = recipients,
			     .n_recipients = n,
			     .route = route,
			     .trace = trace,
			     .err = err};
	r->got = arena_calloc(r->arena, n + 1, sizeof(*r->got));
	return r->got != NULL ? RC_OK : route_no_memory(r);
}

/* Everything that an earlier call found without knowing enough. */
static void forget(struct route *route)
{
	route->contents.len = route->deliveries.len = route->dropped.len = 0;
	route->warning = NULL;
	route->text = NULL;
	route->observed = NULL;
	route->outcome = ROUTE_PASS;
}

enum rc route_decide(struct evidence *evidence, const struct route_recipient *recipients, size_t n,
		     struct route *ret, enum evidence_need *ret_need, struct route_trace *trace,
		     struct err *err)
{
	struct pass server = {.recipient = SIZE_MAX};
	struct router r;
	enum rc rc;

	forget(ret);
	ret->recipients = recipients;
	rc = router_init(&r, evidence, recipients, n, ret, trace, err);
	if (rc == RC_OK)
		rc = route_run(&r, &server);
	if (server.rejected && rc == RC_OK && r.need == NEED_NOTHING) {
		/* A copy that a rule stored before would have to be sent though the message is refused. */
		*ret_need = NEED_NOTHING;
		settle(ret, ret->deliveries.len == 0 ? ROUTE_REJECT : ROUTE_DEFER,
		       ret->deliveries.len == 0 ? r.reject : needs_reentry);
		return RC_OK;
	}
	for (size_t i = 0; i < n && rc == RC_OK && r.need == NEED_NOTHING && !server.discarded; i++)
		rc = run_recipient(&r, i, &server.mods);
	*ret_need = r.need;
	return rc == RC_OK && r.need == NEED_NOTHING ? conclude(&r) : rc;
}

/* Who can open a content, and what is done to its header, as one text. */
static enum rc describe(struct router *r, const struct route_content *c, struct buf *out)
{
	enum rc rc =
		buf_addf(out, r->err, "%s|%s|%s", c->seal ? "sealed" : "clear",
			 c->tag != NULL ? c->tag : "", c->quarantine != NULL ? c->quarantine : "");

	for (size_t i = 0; i < c->n_added && rc == RC_OK; i++)
		rc = buf_addf(out, r->err, "|%s:%s", c->added[i].name, c->added[i].value);
	for (size_t i = 0; c->seal && i < c->n_certs && rc == RC_OK; i++)
		rc = buf_addf(out, r->err, "|%s", c->certs[i]->fingerprint);
	for (size_t i = 0; c->seal && i < c->n_escrow && rc == RC_OK; i++)
		rc = buf_addf(out, r->err, "|%p", (const void *)c->escrow[i]);
	return rc;
}

static enum rc describe_all(struct router *r, const char **ret)
{
	const struct vec *v = &r->route->contents;
	struct buf out;
	enum rc rc = RC_OK;

	buf_init(&out, 1 << 20);
	for (size_t i = 0; i < v->len && rc == RC_OK; i++)
		rc = describe(r, vec_at(v, i), &out);
	if (rc == RC_OK)
		*ret = arena_strndup(r->arena, buf_span(&out));
	buf_clear(&out);
	return rc == RC_OK && *ret == NULL ? route_no_memory(r) : rc;
}

enum rc route_early(struct evidence *evidence, const struct route_recipient *recipient,
		    enum route_outcome *ret, const char **ret_text, const char **ret_content,
		    struct err *err)
{
	const struct mods none = {.n_added = 0};
	struct route route;
	struct router r;
	enum rc rc;

	route_init(&route);
	rc = router_init(&r, evidence, recipient, 1, &route, NULL, err);
	if (rc == RC_OK)
		rc = run_recipient(&r, 0, &none);
	*ret = ROUTE_PASS;
	*ret_text = *ret_content = NULL;
	if (rc == RC_OK && r.defer != NULL) {
		*ret = ROUTE_DEFER;
		*ret_text = r.defer;
	} else if (rc == RC_OK && r.need == NEED_NOTHING && route.deliveries.len != 0) {
		rc = describe_all(&r, ret_content);
	} else if (rc == RC_OK && r.need == NEED_NOTHING && r.reject != NULL) {
		*ret = ROUTE_REJECT;
		*ret_text = r.reject;
	}
	route_clear(&route);
	return rc;
}
