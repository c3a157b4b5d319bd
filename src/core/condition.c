#include "core/condition.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <string.h>

#include "base/buf.h"
#include "base/picture.h"
#include "base/vec.h"
#include "conf/zone.h"
#include "mail/address.h"
#include "mail/domain.h"
#include "mail/loose.h"
#include "mail/words.h"

/* Values under way: what one kind of condition looks at. */
struct collector {
	struct evidence *e;
	struct vec v; /* of struct value_forms */
	struct err *err;
};

static enum rc no_memory(struct err *err)
{
	return err_set(err, RC_NOMEM, "out of memory (condition)");
}

static enum rc fold(struct evidence *e, struct span text, struct span *ret, struct err *err)
{
	return picture_fold(text, e->arena, ret, err);
}

static enum rc collect(struct collector *c, struct span text, struct span unicode)
{
	struct value_forms forms = {.text = text};
	struct value_forms *slot;
	enum rc rc = fold(c->e, text, &forms.folded, c->err);

	if (rc == RC_OK && unicode.p != NULL)
		rc = fold(c->e, unicode, &forms.unicode, c->err);
	if (rc != RC_OK)
		return rc;
	slot = vec_push(&c->v);
	if (slot == NULL)
		return no_memory(c->err);
	*slot = forms;
	return RC_OK;
}

static enum rc collect_copy(struct collector *c, struct span text)
{
	struct span copy = arena_dup(c->e->arena, text);

	return copy.p == NULL ? no_memory(c->err) : collect(c, copy, SPAN_NONE);
}

static enum rc collect_text(struct collector *c, const char *text)
{
	return collect(c, span_str(text), SPAN_NONE);
}

/* "local@DOMAIN", the local part without quotes: that is what a picture is written against. */
static enum rc join(struct collector *c, struct span local, struct span domain, struct span *ret)
{
	char *p = arena_calloc(c->e->arena, local.len + domain.len + 2, 1);

	if (p == NULL)
		return no_memory(c->err);
	if (local.len != 0)
		memcpy(p, local.p, local.len);
	*ret = span_of(p, local.len);
	if (domain.len == 0)
		return RC_OK;
	p[local.len] = '@';
	memcpy(p + local.len + 1, domain.p, domain.len);
	ret->len += 1 + domain.len;
	return RC_OK;
}

static enum rc collect_address(struct collector *c, struct span local, struct span domain)
{
	struct span text, unicode = SPAN_NONE;
	char ascii[DOMAIN_SIZE];
	struct buf shown;
	enum rc rc;

	rc = domain_to_ascii(domain, ascii, c->err);
	if (rc == RC_INPUT) {
		rc = join(c, local, domain, &text);
		return rc == RC_OK ? collect(c, text, SPAN_NONE) : rc;
	}
	if (rc != RC_OK)
		return rc;
	buf_init(&shown, 4 * DOMAIN_SIZE);
	rc = join(c, local, span_str(ascii), &text);
	if (rc == RC_OK)
		rc = domain_to_unicode(ascii, &shown, c->err);
	if (rc == RC_OK && !span_eq_str(buf_span(&shown), ascii))
		rc = join(c, local, buf_span(&shown), &unicode);
	buf_clear(&shown);
	return rc == RC_OK ? collect(c, text, unicode) : rc;
}

static enum rc collect_loosely(struct collector *c, struct span value)
{
	struct loose loose;
	enum rc rc = loose_read(value, &loose, c->err);

	if (rc != RC_OK)
		return rc;
	if (loose.kind == LOOSE_ONE && loose.local.len != 0)
		return collect_address(c, loose.local, span_str(loose.domain));
	return span_trim_fold(value).len == 0 ? RC_OK : collect_copy(c, span_trim_fold(value));
}

/* What the strict grammar refuses counts as the one address that all readers find in it, or as the text that it is. */
static enum rc collect_list(struct collector *c, struct span value)
{
	struct address_list list;
	enum rc rc = address_list_read(value, c->e->arena, &list, c->err);

	if (rc == RC_INPUT || rc == RC_LIMIT)
		return collect_loosely(c, value);
	for (size_t i = 0; i < list.n && rc == RC_OK; i++)
		rc = collect_address(c, list.at[i].local, list.at[i].domain);
	return rc;
}

static enum rc collect_envelope(struct collector *c, struct span given)
{
	struct mailbox m;
	enum rc rc = address_envelope_read(given, c->e->arena, &m, c->err);

	if (rc == RC_INPUT)
		return collect_copy(c, given);
	if (rc == RC_OK && m.local.len == 0 && m.domain.len == 0)
		return collect_text(c, "<>");
	return rc == RC_OK ? collect_address(c, m.local, m.domain) : rc;
}

/* What would grow beyond all measure when it is decoded stays as it is written. */
static enum rc collect_decoded(struct collector *c, struct span prefix, struct span value)
{
	struct buf out;
	enum rc rc;

	buf_init(&out, prefix.len + 4 * value.len + 64);
	rc = buf_add(&out, prefix, c->err);
	if (rc == RC_OK)
		rc = words_decode(value, &out, c->err);
	if (rc == RC_LIMIT) {
		out.len = prefix.len;
		rc = buf_add(&out, span_trim_fold(value), c->err);
	}
	if (rc == RC_OK)
		rc = collect_copy(c, buf_span(&out));
	buf_clear(&out);
	return rc;
}

static enum rc collect_names(struct collector *c, struct span value)
{
	struct address_list list;
	enum rc rc = address_list_read(value, c->e->arena, &list, c->err);

	if (rc == RC_INPUT || rc == RC_LIMIT)
		return RC_OK;
	for (size_t i = 0; i < list.n && rc == RC_OK; i++)
		if (list.at[i].display.len != 0)
			rc = collect_decoded(c, SPAN_NONE, list.at[i].display);
	return rc;
}

static enum rc collect_subject(struct collector *c, struct span value)
{
	return collect_decoded(c, SPAN_NONE, value);
}

static enum rc collect_message_id(struct collector *c, struct span value)
{
	value = span_trim_fold(value);
	if (value.len >= 2 && value.p[0] == '<' && value.p[value.len - 1] == '>')
		value = span_sub(value, 1, value.len - 2);
	return collect_copy(c, value);
}

typedef enum rc collect_value(struct collector *c, struct span value);

static enum rc collect_fields(struct collector *c, const char *name, collect_value *one)
{
	const struct fields *fields = c->e->fields;
	enum rc rc = RC_OK;

	for (size_t i = 0; i < fields_count(fields) && rc == RC_OK; i++)
		if (span_ieq_str(fields_at(fields, i)->name, name))
			rc = one(c, fields_at(fields, i)->value);
	return rc;
}

static enum rc collect_to_and_cc(struct collector *c)
{
	enum rc rc = collect_fields(c, "To", collect_list);

	return rc == RC_OK ? collect_fields(c, "Cc", collect_list) : rc;
}

/* "Name: value", unfolded and decoded, with the one space that people expect. */
static enum rc collect_line(struct collector *c, const struct field *f)
{
	struct buf name;
	enum rc rc;

	buf_init(&name, f->name.len + 2);
	rc = buf_add(&name, f->name, c->err);
	if (rc == RC_OK)
		rc = buf_adds(&name, ": ", c->err);
	if (rc == RC_OK)
		rc = collect_decoded(c, buf_span(&name), f->value);
	buf_clear(&name);
	return rc;
}

static enum rc collect_lines(struct collector *c)
{
	const struct fields *fields = c->e->fields;
	enum rc rc = RC_OK;

	for (size_t i = 0; i < fields_count(fields) && rc == RC_OK; i++)
		rc = collect_line(c, fields_at(fields, i));
	return rc;
}

static enum rc collect_recipients(struct collector *c)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; i < c->e->n_recipients && rc == RC_OK; i++)
		rc = collect_envelope(c, c->e->recipients[i]);
	return rc;
}

static enum rc collect_security(struct collector *c)
{
	if (c->e->security == SECURITY_ENCRYPTED)
		return collect_text(c, "encrypted");
	return c->e->security == SECURITY_SIGNED ? collect_text(c, "signed") : RC_OK;
}

static enum rc collect_client(struct collector *c)
{
	const struct facts *f = c->e->facts;
	char text[INET6_ADDRSTRLEN];
	int family = f->client == CLIENT_INET6 ? AF_INET6 : AF_INET;
	const uint8_t *addr = f->addr;

	if (f->client != CLIENT_INET && f->client != CLIENT_INET6)
		return RC_OK;
	if (family == AF_INET6 &&
	    IN6_IS_ADDR_V4MAPPED((const struct in6_addr *)(const void *)addr)) {
		family = AF_INET;
		addr += 12;
	}
	if (inet_ntop(family, addr, text, sizeof(text)) == NULL)
		return RC_OK;
	return collect_copy(c, span_str(text));
}

static enum rc collect_day(struct collector *c)
{
	static const char *const names[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
	struct zone_time t;

	zone_time(c->e->snap->conf->zone, c->e->now, &t);
	return collect_text(c, names[t.weekday]);
}

static enum rc collect_kind(struct collector *c, enum condition_kind kind)
{
	switch (kind) {
	case COND_FROM:
		return collect_fields(c, "From", collect_list);
	case COND_SENDER:
		return collect_fields(c, "Sender", collect_list);
	case COND_RETURN_PATH:
		return collect_envelope(c, c->e->facts->mail_from);
	case COND_TO:
		return collect_fields(c, "To", collect_list);
	case COND_CC:
		return collect_fields(c, "Cc", collect_list);
	case COND_REPLY_TO:
		return collect_fields(c, "Reply-To", collect_list);
	case COND_ANY_TO_OR_CC:
	case COND_EACH_TO_OR_CC:
		return collect_to_and_cc(c);
	case COND_FROM_NAME:
		return collect_fields(c, "From", collect_names);
	case COND_SUBJECT:
		return collect_fields(c, "Subject", collect_subject);
	case COND_MESSAGE_ID:
		return collect_fields(c, "Message-ID", collect_message_id);
	case COND_HEADER_FIELD:
		return collect_lines(c);
	case COND_ANY_RECIPIENT:
	case COND_EACH_RECIPIENT:
		return collect_recipients(c);
	case COND_SECURITY:
		return collect_security(c);
	case COND_SOURCE:
		return collect_text(c, trust_source_name(c->e->trust->source));
	case COND_SUBMIT_ADDRESS:
		return collect_client(c);
	case COND_DAY:
		return collect_day(c);
	case COND_SIZE:
	case COND_HUMAN:
	case COND_TIME_OF_DAY:
	case COND_DATE:
	case CONDITIONS:
		break;
	}
	return RC_OK;
}

static enum rc values_of(struct evidence *e, enum condition_kind kind, struct values *ret,
			 struct err *err)
{
	struct collector c = {.e = e, .err = err};
	struct value_forms *kept;
	enum rc rc;

	if (e->has[kind]) {
		*ret = e->seen[kind];
		return RC_OK;
	}
	/* As many as a header can hold. */
	vec_init(&c.v, sizeof(struct value_forms), SIZE_MAX / sizeof(struct value_forms));
	rc = collect_kind(&c, kind);
	kept = rc == RC_OK ? arena_calloc(e->arena, c.v.len + 1, sizeof(*kept)) : NULL;
	if (rc == RC_OK && kept == NULL)
		rc = no_memory(err);
	if (rc == RC_OK) {
		if (c.v.len != 0)
			memcpy(kept, c.v.items, c.v.len * sizeof(*kept));
		e->seen[kind] = (struct values){kept, c.v.len};
		e->has[kind] = true;
		*ret = e->seen[kind];
	}
	vec_clear(&c.v);
	return rc;
}

/* --- what is known already ---------------------------------------------------------------------- */

enum truth evidence_is_encrypted(struct evidence *e)
{
	if (!e->security_known && e->fields != NULL) {
		if (e->beginning.p != NULL) {
			e->security = detect_with_body(e->fields, e->beginning, e->arena);
			e->security_known = true;
		} else {
			e->security_known = detect_by_fields(e->fields, e->arena, &e->security);
		}
	}
	if (!e->security_known)
		return TRUTH_UNKNOWN;
	return e->security == SECURITY_ENCRYPTED ? TRUTH_YES : TRUTH_NO;
}

static enum evidence_need need_of(enum condition_kind kind, struct evidence *e)
{
	switch (kind) {
	case COND_RETURN_PATH:
	case COND_ANY_RECIPIENT:
	case COND_EACH_RECIPIENT:
	case COND_SUBMIT_ADDRESS:
	case COND_TIME_OF_DAY:
	case COND_DATE:
	case COND_DAY:
		return NEED_NOTHING;
	case COND_SOURCE:
		return e->trust != NULL ? NEED_NOTHING : NEED_HEADER;
	case COND_SIZE:
		return e->size >= 0 ? NEED_NOTHING : NEED_END;
	case COND_SECURITY:
		if (e->fields == NULL)
			return NEED_HEADER;
		return evidence_is_encrypted(e) != TRUTH_UNKNOWN ? NEED_NOTHING : NEED_BEGINNING;
	default:
		return e->fields != NULL ? NEED_NOTHING : NEED_HEADER;
	}
}

/* --- holding them against each other ------------------------------------------------------------ */

static bool matches_one(const char *picture, const struct value_forms *v)
{
	struct span p = span_str(picture);

	return picture_match(p, v->folded) ||
	       (v->unicode.p != NULL && picture_match(p, v->unicode));
}

static bool matches(const struct rule_condition *c, const struct value_forms *v)
{
	for (const char *const *p = c->pictures; *p != NULL; p++)
		if (matches_one(*p, v))
			return true;
	return false;
}

static bool is_positive(enum condition_op op)
{
	return op == OP_IS || op == OP_IN;
}

static bool wants_each(enum condition_kind k)
{
	return k == COND_EACH_TO_OR_CC || k == COND_EACH_RECIPIENT;
}

/* The first value for which "does it match?" is ANSWER; n: none. */
static size_t first_that(const struct rule_condition *c, const struct values *v, bool answer)
{
	size_t i = 0;

	while (i < v->n && matches(c, &v->at[i]) != answer)
		i++;
	return i;
}

static enum truth compare_values(const struct rule_condition *c, const struct values *v,
				 bool complete, size_t *ret_decided)
{
	bool positive = is_positive(c->op), each = wants_each(c->kind);
	size_t i = first_that(c, v, each ? !positive : true);

	*ret_decided = i < v->n ? i : 0;
	if (i < v->n)
		return each || !positive ? TRUTH_NO : TRUTH_YES;
	if (!complete)
		return TRUTH_UNKNOWN;
	if (each)
		return v->n != 0 ? TRUTH_YES : TRUTH_NO;
	return positive ? TRUTH_NO : TRUTH_YES;
}

static enum rc by_values(const struct rule_condition *c, struct evidence *e, enum truth *ret,
			 struct span *ret_value, struct err *err)
{
	bool recipients = c->kind == COND_ANY_RECIPIENT || c->kind == COND_EACH_RECIPIENT;
	struct values v;
	size_t decided;
	enum rc rc;

	if (recipients && !e->all_recipients)
		e->has[c->kind] = false;
	rc = values_of(e, c->kind, &v, err);
	if (rc != RC_OK)
		return rc;
	*ret = compare_values(c, &v, !recipients || e->all_recipients, &decided);
	if (v.n != 0)
		*ret_value = v.at[decided].text;
	return RC_OK;
}

static bool field_says(const struct fields *fields, const char *name, const char *const *words,
		       bool others)
{
	for (size_t i = 0; i < fields_count(fields); i++) {
		struct span word = fields_at(fields, i)->value, value;
		bool listed = false;

		if (!span_ieq_str(fields_at(fields, i)->name, name))
			continue;
		/* RFC 3834 5: a word, perhaps with parameters or a comment behind it. */
		value = span_trim_fold(word);
		word = span_trim_fold(span_sub(value, 0, span_find(value, ';', 0)));
		word = span_trim_fold(span_sub(word, 0, span_find(word, '(', 0)));
		for (const char *const *w = words; *w != NULL; w++)
			listed = listed || span_ieq_str(word, *w);
		if (listed != others)
			return true;
	}
	return false;
}

static bool has_list_field(const struct fields *fields)
{
	for (size_t i = 0; i < fields_count(fields); i++)
		if (span_istarts(fields_at(fields, i)->name, SPAN_LIT("List-")))
			return true;
	return false;
}

/* RFC 3834: what a program sends says so; lists and bulk mail do (RFC 2369, and Precedence by custom). */
static bool is_human(const struct evidence *e)
{
	static const char *const no[] = {"no", NULL};
	static const char *const bulk[] = {"bulk", "list", "junk", NULL};
	struct span from = e->facts->mail_from;

	return from.len != 0 && !span_eq_str(from, "<>") &&
	       !field_says(e->fields, "Auto-Submitted", no, true) && !has_list_field(e->fields) &&
	       !field_says(e->fields, "Precedence", bulk, false);
}

static enum rc keep_text(struct evidence *e, struct buf *text, struct span *ret, struct err *err)
{
	*ret = arena_dup(e->arena, buf_span(text));
	return ret->p != NULL ? RC_OK : no_memory(err);
}

/* For people: a size, a time of day, or a date. */
static enum rc show_number(struct evidence *e, enum condition_kind kind, int64_t n,
			   struct span *ret, struct err *err)
{
	struct zone_time t;
	struct buf text;
	int second;
	enum rc rc;

	zone_time(e->snap->conf->zone, e->now, &t);
	second = t.second_of_day;
	buf_init(&text, 64);
	if (kind == COND_SIZE)
		rc = buf_addf(&text, err, "%" PRId64 " bytes", n);
	else if (kind == COND_TIME_OF_DAY)
		rc = buf_addf(&text, err, "%02d:%02d:%02d", second / 3600, second / 60 % 60,
			      second % 60);
	else
		rc = buf_addf(&text, err, "%" PRId64 "-%02d-%02d %02d:%02d:%02d", t.year, t.month,
			      t.day, second / 3600, second / 60 % 60, second % 60);
	if (rc == RC_OK)
		rc = keep_text(e, &text, ret, err);
	buf_clear(&text);
	return rc;
}

static enum rc by_number(const struct rule_condition *c, struct evidence *e, enum truth *ret,
			 struct span *ret_value, struct err *err)
{
	int64_t n = e->now;
	struct zone_time t;

	if (c->kind == COND_SIZE)
		n = e->size;
	if (c->kind == COND_TIME_OF_DAY) {
		zone_time(e->snap->conf->zone, e->now, &t);
		n = t.second_of_day;
	}
	*ret = (c->op == OP_LESS ? n < c->number : n > c->number) ? TRUTH_YES : TRUTH_NO;
	return show_number(e, c->kind, n, ret_value, err);
}

enum rc condition_holds(const struct rule_condition *c, struct evidence *e, enum truth *ret,
			enum evidence_need *ret_need, struct span *ret_value, struct err *err)
{
	struct span value = SPAN_NONE;
	enum rc rc = RC_OK;

	*ret = TRUTH_UNKNOWN;
	*ret_need = need_of(c->kind, e);
	if (*ret_need != NEED_NOTHING)
		return RC_OK;
	if (c->kind == COND_HUMAN)
		*ret = is_human(e) ? TRUTH_YES : TRUTH_NO;
	else if (c->op == OP_LESS || c->op == OP_GREATER)
		rc = by_number(c, e, ret, &value, err);
	else
		rc = by_values(c, e, ret, &value, err);
	if (*ret == TRUTH_UNKNOWN)
		*ret_need = NEED_HEADER;
	if (ret_value != NULL)
		*ret_value = value;
	return rc;
}
