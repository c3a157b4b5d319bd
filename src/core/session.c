#include "core/session.h"

#include <stdlib.h>
#include <string.h>

#include "core/factstore.h"
#include "core/plan.h"
#include "core/signer.h"
#include "mail/field.h"

/* The arena takes the header, and what reading it makes of it: copies of addresses, lists, the plan. */
enum { ARENA_FACTOR = 4, ARENA_EXTRA = 8 * 1024 * 1024 };

enum state {
	STATE_IDLE,    /* no message */
	STATE_HEADERS, /* MAIL was seen */
	STATE_BODY,    /* there is a plan that signs */
	STATE_DONE     /* the record is ready */
};

struct session {
	const struct session_env *env;
	bool leading_space;
	struct factstore told;

	/* the message */
	enum state state;
	bool counted;
	bool too_large;
	struct snapshot *snap;
	struct arena *arena;
	struct fields fields;
	struct plan plan;
	struct signer signer;
	struct edits edits;
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
	edits_init(&s->edits);
	*ret = s;
	return RC_OK;
}

/* The message is over, whatever became of it. */
static void clear_message(struct session *s)
{
	if (s->state != STATE_IDLE && !s->counted)
		counters_add(s->env->counters, COUNT_ABORTED, 1);
	signer_clear(&s->signer);
	edits_clear(&s->edits);
	fields_clear(&s->fields);
	s->arena = arena_free(s->arena);
	s->snap = snapshot_unref(s->snap);
	memset(&s->plan, 0, sizeof(s->plan));
	memset(&s->record, 0, sizeof(s->record));
	s->state = STATE_IDLE;
	s->counted = false;
	s->too_large = false;
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
	return RC_OK;
}

enum rc session_mail(struct session *s, struct span from, const struct span *args, size_t n_args,
		     struct err *err)
{
	enum rc rc;

	clear_message(s);
	s->state = STATE_HEADERS;
	rc = factstore_mail(&s->told, from, args, n_args, &s->fault);
	if (rc == RC_OK)
		rc = begin_message(s);
	return end_event(s, rc, err);
}

/* Who gets the message does not matter to its signature. */
enum rc session_rcpt(struct session *s, struct span to, const struct span *args, size_t n_args,
		     struct err *err)
{
	(void)to;
	(void)args;
	(void)n_args;
	return end_event(s, RC_OK, err);
}

enum rc session_header(struct session *s, struct span name, struct span value, struct err *err)
{
	enum rc rc = RC_OK;

	if (s->state == STATE_HEADERS && !s->too_large)
		rc = fields_add_milter(&s->fields, name, value, s->leading_space, &s->fault);
	if (rc == RC_LIMIT) {
		s->too_large = true;
		rc = RC_OK;
	}
	return end_event(s, rc, err);
}

static void settle(struct session *s, enum verdict verdict, const char *error)
{
	s->state = STATE_DONE;
	s->record.verdict = verdict;
	s->record.error = error;
	s->record.plan = &s->plan;
	s->record.facts = &s->told.facts;
	s->record.risks = s->signer.risks.found;
	s->record.body_bytes = s->signer.body_bytes;
}

/* What was planned cannot be done: sign.on_error. Out of memory is never "unsigned": it passes by itself. */
static enum rc cannot_sign(struct session *s, enum rc rc)
{
	if (rc == RC_NOMEM || s->plan.domain->sign.on_error == ON_ERROR_TEMPFAIL)
		return rc;
	plan_refuse(&s->plan, REASON_ERROR, "%s", s->fault.text);
	settle(s, VERDICT_ACCEPT, s->fault.text);
	return RC_OK;
}

static void refuse_size(struct session *s)
{
	if (fields_count(&s->fields) == HEADER_FIELDS_MAX)
		plan_refuse(&s->plan, REASON_TOO_LARGE, "more than %d fields", HEADER_FIELDS_MAX);
	else
		plan_refuse(&s->plan, REASON_TOO_LARGE, "header over limits.headers, %zu bytes",
			    s->fields.max_bytes);
	s->plan.tempfail = false;
}

/* HEADERS -> BODY, or DONE where nothing is to be signed. */
static enum rc decide(struct session *s)
{
	struct plan *p = &s->plan;
	enum rc rc;

	s->record.when = s->env->now(s->env->now_ctx);
	rc = plan_decide(s->snap, &s->told.facts, &s->fields, s->record.when, s->arena, p,
			 &s->fault);
	if (rc != RC_OK)
		return rc;
	if (s->too_large && p->reason != REASON_NOT_TRUSTED)
		refuse_size(s);
	if (p->reason != REASON_NONE || p->observe) {
		settle(s, p->tempfail ? VERDICT_TEMPFAIL : VERDICT_ACCEPT, NULL);
		return RC_OK;
	}
	s->state = STATE_BODY;
	rc = signer_begin(&s->signer, p, &s->fields, s->arena, &s->fault);
	return rc == RC_OK ? RC_OK : cannot_sign(s, rc);
}

/* BODY -> DONE. */
static enum rc sign(struct session *s)
{
	struct signer_input in = {s->snap, s->env->keys, &s->fields, s->arena, s->record.when};
	struct plan *p = &s->plan;
	enum rc rc = signer_finish(&s->signer, &in, p, &s->edits, &s->fault);

	if (rc != RC_OK)
		return cannot_sign(s, rc);
	settle(s, VERDICT_ACCEPT, NULL);
	s->record.n_signed = p->reason == REASON_NONE ? p->n_signatures : 0;
	return RC_OK;
}

static enum session_next next_step(const struct session *s)
{
	if (s->state != STATE_DONE)
		return NEXT_GO_ON;
	return s->record.verdict == VERDICT_TEMPFAIL ? NEXT_TEMPFAIL : NEXT_ACCEPT;
}

enum rc session_end_of_headers(struct session *s, enum session_next *ret, struct err *err)
{
	enum rc rc = s->state == STATE_HEADERS ? decide(s) : RC_OK;

	if (rc == RC_OK)
		*ret = next_step(s);
	return end_event(s, rc, err);
}

enum rc session_body(struct session *s, struct span piece, struct err *err)
{
	enum rc rc = s->state == STATE_HEADERS ? decide(s) : RC_OK;

	if (rc == RC_OK && s->state == STATE_BODY) {
		rc = signer_body(&s->signer, piece, &s->fault);
		rc = rc == RC_OK ? RC_OK : cannot_sign(s, rc);
	}
	return end_event(s, rc, err);
}

enum rc session_end_of_message(struct session *s, enum session_next *ret,
			       const struct edits **ret_edits, struct err *err)
{
	enum rc rc = s->state == STATE_HEADERS ? decide(s) : RC_OK;
	bool signs = rc == RC_OK && s->state == STATE_BODY;

	if (signs)
		rc = sign(s);
	if (rc != RC_OK)
		return end_event(s, rc, err);
	*ret_edits = signs ? &s->edits : &no_edits;
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
	plan_refuse(&s->plan, REASON_ERROR, "%s", s->fault.text);
	settle(s, VERDICT_TEMPFAIL, s->fault.text);
	s->record.n_signed = 0;
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
