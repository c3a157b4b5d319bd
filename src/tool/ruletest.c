#include "tool/ruletest.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/line.h"
#include "core/route.h"
#include "mail/domain.h"
#include "mail/from.h"

enum { ARENA_MAX = 256 << 20, HEADER_MAX = 64 << 20, VALUE_SHOWN_MAX = 200, TRACE_MAX = 1000000 };

/* One message on the bench. */
struct bench {
	struct ruletest *test;
	struct arena *arena;
	struct fields fields;
	struct span body;
	struct facts facts;
	struct trust trust;
	struct vec rcpt; /* of struct route_recipient */
	struct route route;
	struct route_trace trace;
	struct buf *out;
	struct err *err;
};

/* --- the envelope ------------------------------------------------------------------------------- */

static enum rc add_recipient(struct bench *b, struct span address)
{
	struct route_recipient *slot;
	struct span copy = arena_dup(b->arena, address);

	for (size_t i = 0; i < b->rcpt.len; i++) {
		const struct route_recipient *r = vec_at(&b->rcpt, i);

		if (span_ieq(r->given, copy))
			return RC_OK;
	}
	slot = copy.p != NULL ? vec_push(&b->rcpt) : NULL;
	if (slot == NULL)
		return err_set(b->err, RC_LIMIT, "more than %zu recipients", b->rcpt.max);
	slot->given = copy;
	return RC_OK;
}

static bool is_ours(const struct bench *b, const struct mailbox *m)
{
	char name[DOMAIN_SIZE];

	return domain_to_ascii(m->domain, name, NULL) == RC_OK &&
	       conf_domain_find(b->test->snap->conf, name) != NULL;
}

static enum rc show(struct bench *b, const struct mailbox *m, struct span *ret)
{
	struct buf text;
	enum rc rc;

	buf_init(&text, 10000);
	rc = address_show(m, &text, b->err);
	if (rc == RC_OK)
		*ret = arena_dup(b->arena, buf_span(&text));
	buf_clear(&text);
	return rc == RC_OK && ret->p == NULL ? err_set(b->err, RC_NOMEM, "out of memory") : rc;
}

static enum rc add_ours_of(struct bench *b, const char *name)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; i < fields_count(&b->fields) && rc == RC_OK; i++) {
		const struct field *f = fields_at(&b->fields, i);
		struct address_list list;
		struct span address;

		if (!span_ieq_str(f->name, name) ||
		    address_list_read(f->value, b->arena, &list, NULL) != RC_OK)
			continue;
		for (size_t k = 0; k < list.n && rc == RC_OK; k++) {
			if (!is_ours(b, &list.at[k]))
				continue;
			rc = show(b, &list.at[k], &address);
			if (rc == RC_OK)
				rc = add_recipient(b, address);
		}
	}
	return rc;
}

static enum rc find_recipients(struct bench *b)
{
	const char *given;
	enum rc rc = RC_OK;

	for (size_t i = 0; (given = tool_opt_at(b->test->tool, "rcpt", i)) != NULL && rc == RC_OK;
	     i++)
		rc = add_recipient(b, span_str(given));
	if (rc == RC_OK && b->rcpt.len == 0)
		rc = add_ours_of(b, "To");
	if (rc == RC_OK && b->rcpt.len == 0)
		rc = add_ours_of(b, "Cc");
	if (rc == RC_OK && b->rcpt.len == 0)
		rc = err_set(b->err, RC_INPUT,
			     "neither To: nor Cc: names an address of ours: say --rcpt ADDRESS");
	return rc;
}

static enum rc find_sender(struct bench *b)
{
	struct from from;
	enum rc rc;

	b->facts.mail_from = span_str(b->test->mail_from);
	if (b->test->mail_from != NULL)
		return RC_OK;
	rc = from_read(&b->fields, b->arena, &from, b->err);
	if (rc == RC_OK && from.status == FROM_GOOD && from.author.local.len != 0)
		rc = show(b, &from.author, &b->facts.mail_from);
	return rc;
}

/* Lines that end in LF count as if they ended in CRLF. */
static int64_t size_of(const struct bench *b)
{
	size_t size = b->fields.bytes + strlen("\r\n") + b->body.len;
	struct span rest = b->body, line;

	while (span_split(&rest, '\n', &line) && rest.p != NULL)
		size += !span_ends(line, SPAN_LIT("\r"));
	return (int64_t)size;
}

/* --- asking ------------------------------------------------------------------------------------- */

static enum rc decide(struct bench *b)
{
	struct span *given = arena_calloc(b->arena, b->rcpt.len, sizeof(*given));
	struct evidence e = {.snap = b->test->snap,
			     .facts = &b->facts,
			     .trust = &b->trust,
			     .fields = &b->fields,
			     .recipients = given,
			     .n_recipients = b->rcpt.len,
			     .all_recipients = true,
			     .beginning = b->body.p != NULL ? b->body : SPAN_LIT(""),
			     .size = size_of(b),
			     .now = b->test->now,
			     .arena = b->arena};
	enum evidence_need need;

	if (given == NULL)
		return err_set(b->err, RC_NOMEM, "out of memory");
	for (size_t i = 0; i < b->rcpt.len; i++)
		given[i] = ((const struct route_recipient *)vec_at(&b->rcpt, i))->given;
	return route_decide(&e, b->rcpt.items, b->rcpt.len, &b->route, &need, &b->trace, b->err);
}

/* --- in words ----------------------------------------------------------------------------------- */

static enum rc put_value(struct bench *b, struct span value)
{
	enum rc rc;

	if (value.p == NULL)
		return buf_adds(b->out, "  (nothing there)", b->err);
	rc = buf_adds(b->out, "  \"", b->err);
	if (rc == RC_OK)
		rc = line_escape(value, '"', VALUE_SHOWN_MAX, b->out, b->err);
	return rc == RC_OK ? buf_adds(b->out, "\"", b->err) : rc;
}

static const char *ink(const struct bench *b, enum tool_ink i)
{
	return tool_style(b->test->tool, 1, i);
}

static const char *truth_word(enum truth t)
{
	return t == TRUTH_YES ? "yes" : t == TRUTH_NO ? "no " : "?  ";
}

static enum rc put_condition(struct bench *b, const struct route_trace_entry *e)
{
	const struct rule_condition *c = e->condition;
	enum rc rc = buf_addf(b->out, b->err, "    %s%s%s  %s",
			      ink(b, e->held == TRUTH_YES ? INK_GOOD : INK_DIM),
			      truth_word(e->held), ink(b, INK_OFF), condition_name(c->kind));

	if (rc == RC_OK && c->op != OP_NONE)
		rc = buf_addf(b->out, b->err, " %s \"%s\"", condition_op_name(c->op), c->text);
	if (rc == RC_OK && c->kind != COND_HUMAN)
		rc = put_value(b, e->value);
	return rc == RC_OK ? buf_addc(b->out, '\n', b->err) : rc;
}

static enum rc put_action(struct bench *b, const struct route_trace_entry *e)
{
	const struct rule_action *a = e->action;
	enum rc rc = buf_addf(b->out, b->err, "    do   %s", action_name(a->kind));

	if (rc == RC_OK && a->mailbox.box != NULL)
		rc = buf_addf(b->out, b->err, " %s%s%s%s", a->mailbox.account != NULL ? "~" : "",
			      a->mailbox.account != NULL ? a->mailbox.account : "",
			      a->mailbox.account != NULL ? "/" : "", a->mailbox.box);
	if (rc == RC_OK && a->text != NULL)
		rc = buf_addf(b->out, b->err, " %s", a->text);
	return rc == RC_OK ? buf_addc(b->out, '\n', b->err) : rc;
}

/* Conditions come before the verdict on their rule: its name stands above them. */
static enum rc put_rule_name(struct bench *b, const struct route_trace_entry *e)
{
	const struct rule *r = e->rule;

	return buf_addf(b->out, b->err, "  rule \"%s\"  %s, priority %u  (%s:%u)\n", r->name,
			r->level == RULE_SERVER ? "server" : r->owner, r->priority, r->file,
			r->line);
}

static enum rc put_entry(struct bench *b, const struct route_trace_entry *e,
			 const struct rule **last)
{
	enum rc rc = RC_OK;

	if (e->rule != NULL && e->rule != *last)
		rc = put_rule_name(b, e);
	*last = e->kind == TRACE_RECIPIENT ? NULL : e->rule;
	if (rc != RC_OK)
		return rc;
	switch (e->kind) {
	case TRACE_RECIPIENT:
		return buf_addf(b->out, b->err, "%s%s%s\n", ink(b, INK_BOLD), e->account,
				ink(b, INK_OFF));
	case TRACE_CONDITION:
		return put_condition(b, e);
	case TRACE_RULE:
		return buf_addf(b->out, b->err, "    %s\n",
				e->held == TRUTH_YES ? "applies" : "does not apply");
	case TRACE_ACTION:
		return put_action(b, e);
	}
	return rc;
}

static const char *outcome_word(enum route_outcome o)
{
	static const char *const words[] = {[ROUTE_PASS] = "delivered as it is",
					    [ROUTE_EDIT] = "changed in place",
					    [ROUTE_DISCARD] = "discarded",
					    [ROUTE_REJECT] = "rejected",
					    [ROUTE_DEFER] = "temporary failure"};

	return words[o];
}

static enum rc put_delivery(struct bench *b, const struct route_delivery *d)
{
	const struct route_content *c = vec_at(&b->route.contents, d->content);
	enum rc rc = buf_addf(b->out, b->err, "  to %s", d->address);

	if (rc == RC_OK && d->mailbox != NULL)
		rc = buf_addf(b->out, b->err, " (%s)", d->mailbox);
	if (rc == RC_OK)
		rc = buf_adds(b->out,
			      c->seal		 ? ": sealed for"
			      : c->was_encrypted ? ": encrypted already, as it came"
			      : c->plain	 ? ": in clear, a certificate is missing"
						 : ": in clear",
			      b->err);
	for (size_t i = 0; c->seal && i < c->n_accounts && rc == RC_OK; i++)
		rc = buf_addf(b->out, b->err, "%s %s", i > 0 ? " and" : "", c->accounts[i]);
	if (rc == RC_OK && c->seal && c->n_escrow != 0)
		rc = buf_adds(b->out, " and escrow", b->err);
	return rc == RC_OK ? buf_addc(b->out, '\n', b->err) : rc;
}

static enum rc put_text(struct bench *b)
{
	const struct rule *last = NULL;
	enum rc rc = RC_OK;

	for (size_t i = 0; i < b->trace.v.len && rc == RC_OK; i++)
		rc = put_entry(b, vec_at(&b->trace.v, i), &last);
	if (rc == RC_OK)
		rc = buf_addf(b->out, b->err, "%sresult: %s%s%s%s\n", ink(b, INK_BOLD),
			      outcome_word(b->route.outcome), b->route.text != NULL ? ": " : "",
			      b->route.text != NULL ? b->route.text : "", ink(b, INK_OFF));
	for (size_t i = 0; i < b->route.deliveries.len && rc == RC_OK; i++)
		rc = put_delivery(b, vec_at(&b->route.deliveries, i));
	if (rc == RC_OK && b->route.observed != NULL)
		rc = buf_addf(b->out, b->err, "  observe = true; else: %s\n", b->route.observed);
	if (rc == RC_OK && b->route.warning != NULL)
		rc = buf_addf(b->out, b->err, "  warning: %s\n", b->route.warning);
	return rc;
}

/* --- as JSON ------------------------------------------------------------------------------------ */

static json_t *text_json(struct span s)
{
	struct buf text;
	json_t *j = NULL;

	if (s.p == NULL)
		return json_null();
	buf_init(&text, SIZE_MAX / 2);
	if (line_escape(s, '\0', 10000, &text, NULL) == RC_OK)
		j = json_stringn(text.p != NULL ? text.p : "", text.len);
	buf_clear(&text);
	return j;
}

static json_t *entry_json(const struct route_trace_entry *e)
{
	static const char *const held[] = {
		[TRUTH_NO] = "no", [TRUTH_YES] = "yes", [TRUTH_UNKNOWN] = "unknown"};

	switch (e->kind) {
	case TRACE_RECIPIENT:
		return json_pack("{s:s}", "account", e->account);
	case TRACE_RULE:
		return json_pack("{s:s, s:s, s:i, s:s}", "rule", e->rule->name, "file",
				 e->rule->file, "line", (int)e->rule->line, "applies",
				 held[e->held]);
	case TRACE_CONDITION:
		return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o}", "rule", e->rule->name,
				 "condition", condition_name(e->condition->kind), "operator",
				 condition_op_name(e->condition->op), "wanted", e->condition->text,
				 "held", held[e->held], "value", text_json(e->value));
	case TRACE_ACTION:
		return json_pack("{s:s, s:s}", "rule", e->rule->name, "action",
				 action_name(e->action->kind));
	}
	return NULL;
}

static json_t *delivery_json(const struct bench *b, const struct route_delivery *d)
{
	const struct route_content *c = vec_at(&b->route.contents, d->content);
	json_t *accounts = json_array();

	for (size_t i = 0; i < c->n_accounts; i++)
		json_array_append_new(accounts, json_string(c->accounts[i]));
	return json_pack("{s:s, s:s?, s:b, s:o, s:s?}", "address", d->address, "mailbox",
			 d->mailbox, "sealed", (int)c->seal, "sealed_for", accounts, "rule",
			 d->rule != NULL ? d->rule->name : NULL);
}

static enum rc put_json(struct bench *b)
{
	json_t *trace = json_array(), *deliveries = json_array(), *all;
	char *text;
	enum rc rc;

	for (size_t i = 0; i < b->trace.v.len; i++)
		json_array_append_new(trace, entry_json(vec_at(&b->trace.v, i)));
	for (size_t i = 0; i < b->route.deliveries.len; i++)
		json_array_append_new(deliveries,
				      delivery_json(b, vec_at(&b->route.deliveries, i)));
	all = json_pack("{s:s, s:s?, s:o, s:o, s:s?, s:s?}", "result",
			outcome_word(b->route.outcome), "text", b->route.text, "deliveries",
			deliveries, "trace", trace, "warning", b->route.warning, "observe",
			b->route.observed);
	text = all != NULL ? json_dumps(all, JSON_INDENT(2)) : NULL;
	rc = text != NULL ? buf_adds(b->out, text, b->err)
			  : err_set(b->err, RC_NOMEM, "out of memory (JSON)");
	if (rc == RC_OK)
		rc = buf_addc(b->out, '\n', b->err);
	free(text);
	json_decref(all);
	return rc;
}

/* --- all of it ---------------------------------------------------------------------------------- */

static enum rc run(struct bench *b)
{
	bool crlf;
	enum rc rc = fields_read(&b->fields, b->test->raw, &b->body, &crlf, b->err);

	if (rc == RC_OK)
		rc = find_recipients(b);
	if (rc == RC_OK)
		rc = find_sender(b);
	if (rc == RC_OK)
		rc = decide(b);
	if (rc == RC_OK)
		rc = b->test->json ? put_json(b) : put_text(b);
	return rc;
}

enum rc ruletest_run(struct ruletest *r, struct buf *out, struct err *err)
{
	struct bench b = {.test = r, .out = out, .err = err};
	enum rc rc;

	b.arena = arena_new(ARENA_MAX);
	if (b.arena == NULL)
		return err_set(err, RC_NOMEM, "out of memory");
	b.trust.source = r->source;
	b.trust.trusted = r->source != SOURCE_RELAYED;
	fields_init(&b.fields, b.arena, HEADER_MAX);
	vec_init(&b.rcpt, sizeof(struct route_recipient), r->snap->conf->limit_recipients);
	vec_init(&b.trace.v, sizeof(struct route_trace_entry), TRACE_MAX);
	route_init(&b.route);
	rc = run(&b);
	route_clear(&b.route);
	vec_clear(&b.trace.v);
	vec_clear(&b.rcpt);
	fields_clear(&b.fields);
	arena_free(b.arena);
	return rc;
}
