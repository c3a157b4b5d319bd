#include "core/session.h"

#include <stdlib.h>
#include <string.h>

#include "core/factstore.h"
#include "core/transit.h"
#include "mail/field.h"

/* The arena takes the header, and what reading it makes of it: copies of addresses, lists, the plan. */
enum { ARENA_FACTOR = 4, ARENA_EXTRA = 8 * 1024 * 1024 };

enum state {
	STATE_IDLE, /* no message */
	STATE_OPEN, /* MAIL was seen */
	STATE_DONE  /* the record is ready */
};

struct session {
	const struct session_env *env;
	bool leading_space;
	struct factstore told;

	/* the message */
	enum state state;
	bool counted;
	struct snapshot *snap;
	struct arena *arena;
	struct fields fields;
	struct transit transit;
	struct record record;
	struct err fault;
};

static const struct edits no_edits;

enum rc session_new(const struct session_env *env, struct session **ret, struct err *err)
{
	struct session *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return err_set(err, RC_NOMEM, "out of memory (session)");
	s->env = env;
	factstore_init(&s->told);
	*ret = s;
	return RC_OK;
}

/* The message is over, whatever became of it. */
static void clear_message(struct session *s)
{
	if (s->state != STATE_IDLE && !s->counted)
		counters_add(s->env->counters, COUNT_ABORTED, 1);
	transit_clear(&s->transit);
	fields_clear(&s->fields);
	s->arena = arena_free(s->arena);
	s->snap = snapshot_unref(s->snap);
	memset(&s->record, 0, sizeof(s->record));
	s->state = STATE_IDLE;
	s->counted = false;
}

struct session *session_free(struct session *s)
{
	if (s == NULL)
		return NULL;
	clear_message(s);
	factstore_clear(&s->told);
	free(s);
	return NULL;
}

void session_set_leading_space(struct session *s, bool leading_space)
{
	s->leading_space = leading_space;
}

bool session_leading_space(const struct session *s)
{
	return s->leading_space;
}

/* Every event ends here: a failure becomes the message's record. */
static enum rc end_event(struct session *s, enum rc rc, struct err *err)
{
	factstore_end_event(&s->told);
	if (rc == RC_OK)
		return RC_OK;
	session_fail(s, &s->fault);
	if (err != NULL)
		*err = s->fault;
	return rc;
}

enum rc session_macro(struct session *s, enum macro m, struct span value, struct err *err)
{
	return factstore_macro(&s->told, m, value, err);
}

enum rc session_connect(struct session *s, struct span host, enum client_kind kind,
			const uint8_t *addr, uint16_t port, struct err *err)
{
	counters_add(s->env->counters, COUNT_CONNECTIONS, 1);
	return end_event(s, factstore_connect(&s->told, host, kind, addr, port, &s->fault), err);
}

enum rc session_helo(struct session *s, struct span name, struct err *err)
{
	return end_event(s, factstore_helo(&s->told, name, &s->fault), err);
}

static enum rc begin_message(struct session *s)
{
	size_t max_header;

	s->snap = snapshot_store_get(s->env->store);
	if (s->snap == NULL)
		return err_set(&s->fault, RC_UNAVAIL, "no configuration is loaded yet");
	max_header = (size_t)s->snap->conf->limit_headers;
	s->arena = arena_new(max_header * ARENA_FACTOR + ARENA_EXTRA);
	if (s->arena == NULL)
		return err_set(&s->fault, RC_NOMEM, "out of memory (message)");
	fields_init(&s->fields, s->arena, max_header);
	s->transit.sign_only = s->env->sign_only;
	return transit_begin(&s->transit, s->snap, s->env->keys, &s->told.facts, &s->fields,
			     s->arena, &s->fault);
}

enum rc session_mail(struct session *s, struct span from, const struct span *args, size_t n_args,
		     struct err *err)
{
	enum rc rc;

	clear_message(s);
	s->state = STATE_OPEN;
	rc = factstore_mail(&s->told, from, args, n_args, &s->fault);
	if (rc == RC_OK)
		rc = begin_message(s);
	return end_event(s, rc, err);
}

static int64_t now_of(const struct session *s)
{
	return s->env->now(s->env->now_ctx);
}

enum rc session_rcpt(struct session *s, struct span to, const struct span *args, size_t n_args,
		     enum verdict *ret, struct reply *ret_reply, struct err *err)
{
	enum rc rc = RC_OK;

	*ret = VERDICT_ACCEPT;
	if (s->state == STATE_OPEN && s->snap != NULL)
		rc = transit_rcpt(&s->transit, to, args, n_args, now_of(s), ret, ret_reply,
				  &s->fault);
	if (rc == RC_OK && *ret != VERDICT_ACCEPT)
		counters_add(s->env->counters, COUNT_RECIPIENTS_REFUSED, 1);
	return end_event(s, rc, err);
}

enum rc session_header(struct session *s, struct span name, struct span value, struct err *err)
{
	struct transit *t = &s->transit;
	enum rc rc = RC_OK;

	if (s->state == STATE_OPEN && t->state == TRANSIT_HEADER && !t->too_large)
		rc = fields_add_milter(&s->fields, name, value, s->leading_space, &s->fault);
	if (rc == RC_LIMIT) {
		t->too_large = true;
		rc = RC_OK;
	}
	return end_event(s, rc, err);
}

static void settle(struct session *s, const char *error)
{
	const struct transit *t = &s->transit;

	s->state = STATE_DONE;
	s->record.verdict = t->verdict;
	s->record.reply = t->reply;
	s->record.error = error;
	s->record.plan = &t->plan;
	s->record.route = t->routed ? &t->route : NULL;
	s->record.facts = &s->told.facts;
	s->record.risks = t->signer.risks.found;
	s->record.body_bytes = t->body_bytes;
	s->record.n_signed = t->n_signed;
	s->record.when = t->now;
}

/* A fault of ours that sign.on_error lets pass has its text in the plan. */
static const char *fault_of(const struct session *s)
{
	return s->transit.plan.reason == REASON_ERROR ? s->transit.plan.detail : NULL;
}

/* The header is over, also where the mail server does not say so. */
static enum rc decide(struct session *s)
{
	enum rc rc = RC_OK;

	if (s->state == STATE_OPEN && s->transit.state == TRANSIT_HEADER)
		rc = transit_headers(&s->transit, now_of(s), &s->fault);
	return rc;
}

static void settle_if_done(struct session *s)
{
	if (s->state == STATE_OPEN && s->transit.state == TRANSIT_DONE)
		settle(s, fault_of(s));
}

static enum session_next next_step(const struct session *s)
{
	static const enum session_next by_verdict[] = {[VERDICT_ACCEPT] = NEXT_ACCEPT,
						       [VERDICT_TEMPFAIL] = NEXT_TEMPFAIL,
						       [VERDICT_REJECT] = NEXT_REJECT,
						       [VERDICT_DISCARD] = NEXT_DISCARD};

	return s->state != STATE_DONE ? NEXT_GO_ON : by_verdict[s->record.verdict];
}

enum rc session_end_of_headers(struct session *s, enum session_next *ret, struct err *err)
{
	enum rc rc = decide(s);

	if (rc == RC_OK) {
		settle_if_done(s);
		*ret = next_step(s);
	}
	return end_event(s, rc, err);
}

/* A verdict that the body brings waits for the end: that is where the mail server listens. */
enum rc session_body(struct session *s, struct span piece, struct err *err)
{
	enum rc rc = decide(s);

	if (rc == RC_OK && s->state == STATE_OPEN)
		rc = transit_body(&s->transit, piece, &s->fault);
	return end_event(s, rc, err);
}

enum rc session_end_of_message(struct session *s, enum session_next *ret,
			       const struct edits **ret_edits, struct err *err)
{
	bool open = s->state == STATE_OPEN;
	enum rc rc = decide(s);

	if (rc == RC_OK && open)
		rc = transit_end(&s->transit, &s->fault);
	if (rc != RC_OK)
		return end_event(s, rc, err);
	settle_if_done(s);
	open = open && s->record.verdict == VERDICT_ACCEPT;
	*ret_edits = open ? &s->transit.edits : &no_edits;
	if ((*ret_edits)->v.len != 0)
		*ret = NEXT_GO_ON;
	else /* the end of no message at all: nobody can say that it is in order */
		*ret = s->state == STATE_DONE ? next_step(s) : NEXT_TEMPFAIL;
	return end_event(s, RC_OK, err);
}

void session_fail(struct session *s, const struct err *err)
{
	if (s->state == STATE_IDLE || s->counted)
		return;
	if (err != &s->fault)
		s->fault = *err;
	plan_refuse(&s->transit.plan, REASON_ERROR, "%s", s->fault.text);
	settle(s, s->fault.text);
	s->record.verdict = VERDICT_TEMPFAIL;
	s->record.n_signed = 0;
	s->record.route = NULL;
	s->record.reply = (struct reply){NULL, NULL};
}

struct span session_queue_id(const struct session *s)
{
	return s->told.facts.queue_id;
}

const struct record *session_finish(struct session *s)
{
	if (s->state != STATE_DONE)
		return NULL;
	if (!s->counted) {
		/* The queue id may have come as late as the end of the message. */
		s->record.queue_id = s->told.facts.queue_id;
		s->record.mail_from = s->told.facts.mail_from;
		counters_message(s->env->counters, &s->record);
	}
	s->counted = true;
	return &s->record;
}

const struct snapshot *session_snapshot(const struct session *s)
{
	return s->snap;
}

void session_release(struct session *s)
{
	clear_message(s);
}

void session_abort(struct session *s)
{
	clear_message(s);
}
