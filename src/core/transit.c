#include "core/transit.h"

#include <string.h>

#include "core/content.h"
#include "smime/detect.h"

/* What the conditions of the rules make of a header: texts, and folded ones for comparison. */
enum { VALUES_FACTOR = 8, VALUES_EXTRA = 1024 * 1024 };

/* Of the pieces that come back from the spool. */
enum { REPLAY_PIECE = 65535 };

static enum rc no_memory(struct err *err)
{
	return err_set(err, RC_NOMEM, "out of memory (message)");
}

/* A header, or aliases, that were made to take more than there is do not look like a server that is short of memory. */
static enum rc rules_failed(const struct transit *t, enum rc rc, struct err *err)
{
	if (rc == RC_NOMEM && arena_was_full(t->values))
		return err_set(
			err, RC_LIMIT,
			"rules: the header and the recipients take more than %zu bytes to look at "
			"(limits.headers, limits.recipients)",
			arena_used(t->values));
	return err_wrap(err, rc, "rules");
}

static bool has_rules(const struct transit *t)
{
	return !t->sign_only && t->snap->conf->rules.n != 0;
}

enum rc transit_begin(struct transit *t, const struct snapshot *snap, struct keycache *keys,
		      const struct facts *facts, const struct fields *fields, struct arena *arena,
		      struct err *err)
{
	t->snap = snap;
	t->keys = keys;
	t->facts = facts;
	t->fields = fields;
	t->arena = arena;
	edits_init(&t->edits);
	route_init(&t->route);
	vec_init(&t->recipients, sizeof(struct route_recipient), snap->conf->limit_recipients);
	buf_init(&t->beginning, DETECT_BODY_MAX);
	t->evidence = (struct evidence){.snap = snap, .facts = facts, .size = -1};
	if (!has_rules(t))
		return RC_OK;
	t->values = arena_new((size_t)snap->conf->limit_headers * VALUES_FACTOR + VALUES_EXTRA);
	t->evidence.arena = t->values;
	return t->values != NULL ? RC_OK : no_memory(err);
}

void transit_clear(struct transit *t)
{
	signer_clear(&t->signer);
	sealer_clear(&t->sealer);
	edits_clear(&t->edits);
	route_clear(&t->route);
	vec_clear(&t->recipients);
	buf_clear(&t->beginning);
	fields_clear(&t->outgoing);
	spool_free(t->waiting);
	arena_free(t->values);
	memset(t, 0, sizeof(*t));
}

static void settle(struct transit *t, enum verdict verdict, const char *xcode, const char *text)
{
	t->state = TRANSIT_DONE;
	t->verdict = verdict;
	t->reply = (struct reply){xcode, text};
}

/* --- recipients --------------------------------------------------------------------------------- */

static enum rc copy_args(struct transit *t, const struct span *args, size_t n,
			 struct route_recipient *r, struct err *err)
{
	struct span *copy = arena_calloc(t->arena, n + 1, sizeof(*copy));

	if (copy == NULL)
		return no_memory(err);
	for (size_t i = 0; i < n; i++) {
		copy[i] = arena_dup(t->arena, args[i]);
		if (copy[i].p == NULL)
			return no_memory(err);
	}
	r->args = copy;
	r->n_args = n;
	return RC_OK;
}

/* What is a mail client's or server's, and not handed in on this host: there a refusal reaches nobody. */
static bool is_smtp(const struct facts *f)
{
	return (f->client == CLIENT_INET || f->client == CLIENT_INET6) && f->port != 0;
}

/* Two recipients with contents of their own in one message would need a copy of it. */
static bool needs_own_message(struct transit *t, const char *content)
{
	if (content == NULL || t->facts->auth_authen.len != 0)
		return false;
	if (t->content == NULL)
		t->content = content;
	return strcmp(t->content, content) != 0;
}

static enum rc early(struct transit *t, const struct route_recipient *r, int64_t now,
		     enum verdict *ret, struct reply *ret_reply, struct err *err)
{
	struct evidence e = {.snap = t->snap,
			     .facts = t->facts,
			     .recipients = &r->given,
			     .n_recipients = 1,
			     .size = -1,
			     .now = now,
			     .arena = t->values};
	enum route_outcome outcome;
	const char *text, *content;
	enum rc rc = route_early(&e, r, &outcome, &text, &content, err);

	if (rc != RC_OK)
		return rc;
	if (outcome == ROUTE_PASS && needs_own_message(t, content)) {
		*ret = VERDICT_TEMPFAIL;
		*ret_reply = (struct reply){
			"4.5.3",
			"it needs another content than the recipients before it: a message of its "
			"own, since copies (deliver.reentry) are not built yet"};
	}
	if (outcome == ROUTE_PASS)
		return RC_OK;
	*ret = outcome == ROUTE_REJECT ? VERDICT_REJECT : VERDICT_TEMPFAIL;
	*ret_reply = (struct reply){outcome == ROUTE_REJECT ? "5.7.1" : "4.7.5", text};
	return RC_OK;
}

/* The client sends the rest in a further message; what is handed in on this host is refused as a whole. */
static enum rc too_many(const struct transit *t, enum verdict *ret, struct reply *ret_reply,
			struct err *err)
{
	if (!is_smtp(t->facts))
		return err_set(err, RC_LIMIT, "more than %zu recipients (limits.recipients)",
			       t->recipients.max);
	*ret = VERDICT_TEMPFAIL;
	*ret_reply = (struct reply){"4.5.3", "too many recipients"};
	return RC_OK;
}

enum rc transit_rcpt(struct transit *t, struct span given, const struct span *args, size_t n_args,
		     int64_t now, enum verdict *ret, struct reply *ret_reply, struct err *err)
{
	struct route_recipient *slot, r = {.given = given};
	enum rc rc;

	*ret = VERDICT_ACCEPT;
	if (!has_rules(t) || t->state != TRANSIT_HEADER)
		return RC_OK;
	if (t->recipients.len == t->recipients.max)
		return too_many(t, ret, ret_reply, err);
	r.given = arena_dup(t->arena, given);
	rc = r.given.p != NULL ? copy_args(t, args, n_args, &r, err) : no_memory(err);
	if (rc == RC_OK && is_smtp(t->facts))
		rc = early(t, &r, now, ret, ret_reply, err);
	if (rc != RC_OK || *ret != VERDICT_ACCEPT)
		return rc;
	slot = vec_push(&t->recipients);
	if (slot == NULL)
		return no_memory(err);
	*slot = r;
	return RC_OK;
}

/* --- carrying it out ---------------------------------------------------------------------------- */

static const struct fields *leaving(const struct transit *t)
{
	return t->changed ? &t->outgoing : t->fields;
}

/* What was planned cannot be done: sign.on_error. What passes by itself is never "unsigned". */
static enum rc cannot_sign(struct transit *t, enum rc rc, const struct err *why)
{
	if (rc_passes(rc) || t->plan.domain->sign.on_error == ON_ERROR_TEMPFAIL)
		return rc;
	plan_refuse(&t->plan, REASON_ERROR, "%s", why->text);
	t->signs = false;
	t->sealer.signer = NULL;
	return RC_OK;
}

static enum rc start_signing(struct transit *t, struct err *err)
{
	enum rc rc;

	t->signs = t->plan.reason == REASON_NONE && !t->plan.observe;
	if (!t->signs)
		return RC_OK;
	/* A signature that is there already was made for another message than the one that leaves. */
	if (t->changed)
		t->plan.check_existing = false;
	rc = signer_begin(&t->signer, &t->plan, leaving(t), t->arena, err);
	return rc == RC_OK ? RC_OK : cannot_sign(t, rc, err);
}

static enum rc pass_on(struct transit *t, struct span piece, struct err *err)
{
	enum rc rc;

	if (t->seals)
		return sealer_body(&t->sealer, piece, err);
	if (!t->signs)
		return RC_OK;
	rc = signer_body(&t->signer, piece, err);
	return rc == RC_OK ? RC_OK : cannot_sign(t, rc, err);
}

static enum rc replay(void *ctx, struct span piece, struct err *err)
{
	return pass_on(ctx, piece, err);
}

/* Everything is decided: set up what the body flows through, and give it what was kept. */
static enum rc start(struct transit *t, struct err *err)
{
	const struct conf *c = t->snap->conf;
	enum rc rc = start_signing(t, err);

	if (rc == RC_OK && t->seals)
		rc = sealer_begin(&t->sealer, vec_at(&t->route.contents, 0), t->fields,
				  c->spool_dir, (size_t)c->spool_memory,
				  t->signs ? &t->signer : NULL, err);
	if (rc != RC_OK)
		return rc;
	t->state = TRANSIT_BODY;
	if (!t->signs && !t->seals && t->edits.v.len == 0)
		settle(t, VERDICT_ACCEPT, NULL, NULL);
	if (t->waiting != NULL)
		rc = spool_replay(t->waiting, REPLAY_PIECE, replay, t, err);
	t->waiting = spool_free(t->waiting);
	return rc;
}

static enum rc list_edits(struct transit *t, struct err *err)
{
	const struct route_content *content = vec_at(&t->route.contents, 0);
	enum rc rc = RC_OK;

	t->seals = content->seal;
	t->changed = !route_content_is_plain(content);
	/* Its header and what is added to it; the envelope's fields are short. */
	fields_init(&t->outgoing, t->arena, 2 * t->fields->max_bytes + 65536);
	if (t->changed)
		rc = content_edits(content, t->fields, t->arena, &t->edits, &t->outgoing, err);
	if (rc == RC_OK)
		rc = content_envelope(&t->route, t->recipients.items, t->recipients.len, t->arena,
				      &t->edits, err);
	return rc;
}

static enum rc take_route(struct transit *t, struct err *err)
{
	enum rc rc = RC_OK;

	t->routed = true;
	switch (t->route.outcome) {
	case ROUTE_PASS:
		return start(t, err);
	case ROUTE_EDIT:
		rc = list_edits(t, err);
		return rc == RC_OK ? start(t, err) : rc;
	case ROUTE_DISCARD:
		settle(t, VERDICT_DISCARD, NULL, NULL);
		break;
	case ROUTE_REJECT:
		settle(t, VERDICT_REJECT, "5.7.1", t->route.text);
		break;
	case ROUTE_DEFER:
		settle(t, VERDICT_TEMPFAIL, "4.7.5", t->route.text);
		break;
	}
	return rc;
}

/* --- deciding ----------------------------------------------------------------------------------- */

static enum rc start_waiting(struct transit *t, struct err *err)
{
	const struct conf *c = t->snap->conf;

	t->state = TRANSIT_WAIT;
	if (t->waiting != NULL)
		return RC_OK;
	return spool_new(c->spool_dir, (size_t)c->spool_memory, &t->waiting, err);
}

/* A header that is not whole answers no condition about it. */
static void refuse_large_header(struct transit *t)
{
	settle(t, VERDICT_REJECT, "5.3.4",
	       "the header is larger than this server's rules can look at (limits.headers)");
}

static enum rc given_recipients(struct transit *t, const struct span **ret, struct err *err)
{
	struct span *all = arena_calloc(t->arena, t->recipients.len + 1, sizeof(*all));

	if (all == NULL)
		return no_memory(err);
	for (size_t i = 0; i < t->recipients.len; i++)
		all[i] = ((const struct route_recipient *)vec_at(&t->recipients, i))->given;
	*ret = all;
	return RC_OK;
}

static enum rc ask_rules(struct transit *t, struct err *err)
{
	enum rc rc = route_decide(&t->evidence, t->recipients.items, t->recipients.len, &t->route,
				  &t->need, NULL, err);

	if (rc != RC_OK)
		return rules_failed(t, rc, err);
	if (t->too_large && (t->need != NEED_NOTHING || t->route.outcome == ROUTE_EDIT)) {
		refuse_large_header(t);
		return RC_OK;
	}
	return t->need == NEED_NOTHING ? take_route(t, err) : start_waiting(t, err);
}

static enum rc first_question(struct transit *t, struct err *err)
{
	struct evidence *e = &t->evidence;
	enum rc rc;

	if (!has_rules(t))
		return start(t, err);
	e->trust = &t->plan.trust;
	e->fields = t->too_large ? NULL : t->fields;
	e->all_recipients = true;
	e->n_recipients = t->recipients.len;
	e->now = t->now;
	rc = given_recipients(t, &e->recipients, err);
	return rc == RC_OK ? ask_rules(t, err) : rc;
}

static void refuse_size(struct transit *t)
{
	if (fields_count(t->fields) == HEADER_FIELDS_MAX)
		plan_refuse(&t->plan, REASON_TOO_LARGE, "more than %d fields", HEADER_FIELDS_MAX);
	else
		plan_refuse(&t->plan, REASON_TOO_LARGE, "header over limits.headers, %zu bytes",
			    t->fields->max_bytes);
	t->plan.tempfail = false;
}

enum rc transit_headers(struct transit *t, int64_t now, struct err *err)
{
	enum rc rc;

	t->now = now;
	rc = plan_decide(t->snap, t->facts, t->fields, now, t->arena, &t->plan, err);
	if (rc != RC_OK)
		return rc;
	if (t->too_large && t->plan.reason != REASON_NOT_TRUSTED)
		refuse_size(t);
	if (t->plan.tempfail) {
		settle(t, VERDICT_TEMPFAIL, NULL, NULL);
		return RC_OK;
	}
	return first_question(t, err);
}

/* --- the body ----------------------------------------------------------------------------------- */

static enum rc wait_on(struct transit *t, struct span piece, struct err *err)
{
	struct span missing = span_sub(piece, 0, DETECT_BODY_MAX - t->beginning.len);
	enum rc rc = spool_add(t->waiting, piece, err);

	if (rc == RC_OK)
		rc = buf_add(&t->beginning, missing, err);
	if (rc != RC_OK || t->need != NEED_BEGINNING || t->beginning.len < DETECT_BODY_MAX)
		return rc;
	t->evidence.beginning = buf_span(&t->beginning);
	return ask_rules(t, err);
}

static bool is_over_limit(const struct transit *t)
{
	return (t->seals || t->state == TRANSIT_WAIT) &&
	       t->body_bytes > (uint64_t)t->snap->conf->limit_message;
}

enum rc transit_body(struct transit *t, struct span piece, struct err *err)
{
	t->body_bytes += piece.len;
	if (t->state != TRANSIT_WAIT && t->state != TRANSIT_BODY)
		return RC_OK;
	if (is_over_limit(t)) {
		settle(t, VERDICT_REJECT, "5.3.4",
		       "the message is larger than this server seals (limits.message)");
		return RC_OK;
	}
	return t->state == TRANSIT_WAIT ? wait_on(t, piece, err) : pass_on(t, piece, err);
}

/* --- the end ------------------------------------------------------------------------------------ */

/* RFC 5322 2.1: an empty line stands between header and body. */
static uint64_t message_size(const struct transit *t)
{
	return t->fields->bytes + strlen("\r\n") + t->body_bytes;
}

static enum rc last_question(struct transit *t, struct err *err)
{
	static const char nothing[] = "";

	t->evidence.size = (int64_t)message_size(t);
	t->evidence.beginning = buf_span(&t->beginning);
	if (t->evidence.beginning.p == NULL)
		t->evidence.beginning = span_str(nothing);
	return ask_rules(t, err);
}

static enum rc sign(struct transit *t, struct err *err)
{
	struct signer_input in = {t->snap, t->keys, leaving(t), t->arena, t->now};
	struct edits made;
	enum rc rc = t->seals ? t->sealer.sign_rc : RC_OK;

	edits_init(&made);
	if (rc != RC_OK)
		*err = t->sealer.sign_err;
	else
		rc = signer_finish(&t->signer, &in, &t->plan, &made, err);
	if (rc != RC_OK)
		rc = cannot_sign(t, rc, err);
	else
		rc = edits_join(&t->edits, &made, err);
	if (rc == RC_OK && t->signs && t->plan.reason == REASON_NONE)
		t->n_signed = t->plan.n_signatures;
	edits_clear(&made);
	return rc;
}

enum rc transit_end(struct transit *t, struct err *err)
{
	enum rc rc = t->state == TRANSIT_WAIT ? last_question(t, err) : RC_OK;

	if (rc != RC_OK || t->state != TRANSIT_BODY)
		return rc;
	if (t->seals) {
		rc = sealer_finish(&t->sealer, err);
		t->edits.body = t->sealer.text;
	}
	if (rc == RC_OK && t->signs)
		rc = sign(t, err);
	if (rc == RC_OK)
		settle(t, VERDICT_ACCEPT, NULL, NULL);
	return rc;
}
