#include "core/recordjson.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "core/line.h"
#include "dkim/alg.h"
#include "mail/address.h"

/* Longest string from outside. */
enum { TEXT_MAX = 320 };

/* Octets of a list. */
enum { LIST_MAX = 6000 };

/* NULL: out of memory, which whoever takes it says. */
static json_t *new_text(struct span s)
{
	json_t *text = NULL;
	struct buf shown;

	buf_init(&shown, SIZE_MAX / 2);
	if (line_escape(s, '\0', TEXT_MAX, &shown, NULL) == RC_OK)
		text = json_stringn(shown.p != NULL ? shown.p : "", shown.len);
	buf_clear(&shown);
	return text;
}

/* Every set function takes the object as it is built and says whether all went well so far. */
static bool set_text(json_t *o, const char *key, struct span s)
{
	return json_object_set_new(o, key, new_text(s)) == 0;
}

static bool set_string(json_t *o, const char *key, const char *s)
{
	return s == NULL || s[0] == '\0' || set_text(o, key, span_str(s));
}

static const char *result_name(const struct record *r)
{
	if (r->verdict == VERDICT_TEMPFAIL)
		return "temporary failure";
	if (r->verdict == VERDICT_REJECT)
		return "rejected";
	if (r->verdict == VERDICT_DISCARD)
		return "discarded";
	if (r->plan->reason != REASON_NONE)
		return "not signed";
	return r->plan->observe ? "would sign" : "signed";
}

static bool set_signatures(json_t *o, const struct record *r)
{
	const struct plan *p = r->plan;
	json_t *all;

	if (r->verdict != VERDICT_ACCEPT || p->reason != REASON_NONE)
		return true;
	all = json_array();
	for (size_t i = 0; i < p->n_signatures; i++) {
		const struct plan_signature *s = &p->signatures[i];

		/* Appending fails when either is NULL, and takes over the new one in any case. */
		if (json_array_append_new(all, json_pack("{s:s, s:s, s:s}", "domain",
							 s->domain->sign_domain, "selector",
							 s->selector->name, "algorithm",
							 dkim_alg_name(s->selector->alg))) != 0) {
			json_decref(all);
			return false;
		}
	}
	return json_object_set_new(o, "signatures", all) == 0;
}

static const char *content_name(const struct route_content *c)
{
	return c->seal		  ? "sealed"
	       : c->was_encrypted ? "encrypted already"
	       : c->plain	  ? "not sealed"
				  : "changed";
}

static bool set_sealed_for(json_t *o, const struct route_content *c)
{
	json_t *all = json_array();

	if (json_object_set_new(o, "sealed_for", all) != 0)
		return false;
	for (size_t i = 0; i < c->n_accounts; i++)
		if (json_array_append_new(all, new_text(span_str(c->accounts[i]))) != 0)
			return false;
	return true;
}

/* What there may be many of: the first of them, and how many more there are. The line has room for no more. */
struct list {
	json_t *all;
	size_t room; /* octets */
	size_t more;
};

static bool list_begin(struct list *l, json_t *o, const char *key)
{
	*l = (struct list){json_array(), LIST_MAX, 0};
	return json_object_set_new(o, key, l->all) == 0;
}

/* Takes ONE over in any case. */
static bool list_add(struct list *l, json_t *one)
{
	size_t size = json_dumpb(one, NULL, 0, JSON_COMPACT | JSON_ENCODE_ANY);

	if (size == 0 || size >= l->room || l->more != 0) {
		l->more++;
		json_decref(one);
		return size != 0;
	}
	l->room -= size + strlen(",");
	return json_array_append_new(l->all, one) == 0;
}

static bool list_end(const struct list *l, json_t *o, const char *more_key)
{
	return l->more == 0 ||
	       json_object_set_new(o, more_key, json_integer((json_int_t)l->more)) == 0;
}

static bool add_delivery(struct list *l, const struct route_delivery *d)
{
	json_t *one = json_object();
	bool good = set_string(one, "address", d->address) &&
		    set_string(one, "mailbox", d->mailbox) &&
		    set_string(one, "rule", d->rule != NULL ? d->rule->name : NULL);

	return list_add(l, one) && good;
}

static bool set_deliveries(json_t *o, const struct route *r)
{
	struct list l;

	if (!list_begin(&l, o, "deliveries"))
		return false;
	for (size_t i = 0; i < r->deliveries.len; i++)
		if (!add_delivery(&l, vec_at(&r->deliveries, i)))
			return false;
	return list_end(&l, o, "deliveries_more");
}

static bool set_dropped(json_t *o, const struct route *r)
{
	struct list l;

	if (r->dropped.len == 0)
		return true;
	if (!list_begin(&l, o, "dropped"))
		return false;
	for (size_t i = 0; i < r->dropped.len; i++)
		if (!list_add(&l, new_text(record_dropped(r, i))))
			return false;
	return list_end(&l, o, "dropped_more");
}

/* What the rules did, where they did something. */
static bool set_route(json_t *o, const struct record *r)
{
	const struct route_content *c;

	if (r->verdict != VERDICT_ACCEPT)
		return set_string(o, "reply", r->reply.text);
	if (r->route == NULL)
		return true;
	if (!set_string(o, "observe", r->route->observed))
		return false;
	if (!record_is_routed(r))
		return true;
	c = vec_at(&r->route->contents, 0);
	return set_string(o, "content", content_name(c)) && (!c->seal || set_sealed_for(o, c)) &&
	       set_string(o, "quarantine", c->quarantine) && set_deliveries(o, r->route) &&
	       set_dropped(o, r->route) && set_string(o, "rules_warning", r->route->warning);
}

static bool set_reason(json_t *o, const struct record *r)
{
	if (r->plan->reason == REASON_NONE)
		return true;
	return set_string(o, "reason", plan_reason_name(r->plan->reason)) &&
	       set_string(o, "detail", r->plan->detail) && set_string(o, "error", r->error);
}

static bool set_author(json_t *o, const struct record *r)
{
	const struct plan *p = r->plan;
	struct buf address;
	bool good;

	if (!record_has_author(r))
		return true;
	buf_init(&address, SIZE_MAX / 2);
	good = address_show(&p->from.author, &address, NULL) == RC_OK &&
	       set_text(o, "from", buf_span(&address));
	buf_clear(&address);
	return good && (p->domain == NULL || set_string(o, "domain", p->domain->name));
}

static bool set_trust(json_t *o, const struct trust *t)
{
	json_t *trust;

	if (t->why[0] == '\0') /* never decided */
		return true;
	trust = json_object();
	return json_object_set_new(o, "trust", trust) == 0 &&
	       json_object_set_new(trust, "trusted", json_boolean(t->trusted)) == 0 &&
	       set_string(trust, "source", trust_source_name(t->source)) &&
	       set_string(trust, "why", t->why);
}

static bool set_risks(json_t *o, unsigned risks)
{
	json_t *all;

	if (risks == 0)
		return true;
	all = json_array();
	if (json_object_set_new(o, "risks", all) != 0)
		return false;
	for (unsigned risk = 1; risk <= RISK_LAST; risk <<= 1)
		if ((risks & risk) != 0 &&
		    json_array_append_new(all, json_string(record_risk_name((enum risk)risk))) != 0)
			return false;
	return true;
}

static bool set_all(json_t *o, const struct record *r)
{
	const struct span noqueue = SPAN_LIT("NOQUEUE");

	return set_text(o, "queue_id", r->queue_id.len != 0 ? r->queue_id : noqueue) &&
	       json_object_set_new(o, "time", json_integer(r->when)) == 0 &&
	       set_string(o, "result", result_name(r)) && set_route(o, r) && set_signatures(o, r) &&
	       set_reason(o, r) && set_author(o, r) && set_text(o, "sender", record_sender(r)) &&
	       set_trust(o, &r->plan->trust) &&
	       json_object_set_new(o, "body_bytes", json_integer((json_int_t)r->body_bytes)) == 0 &&
	       set_risks(o, r->risks) && set_string(o, "warning", r->plan->warning);
}

enum rc record_show_json(const struct record *r, struct buf *out, struct err *err)
{
	json_t *o = json_object();
	char *text = NULL;
	enum rc rc = RC_NOMEM;

	if (o != NULL && set_all(o, r))
		text = json_dumps(o, JSON_COMPACT);
	if (text != NULL)
		rc = buf_adds(out, text, err);
	else
		err_set(err, rc, "out of memory (record as JSON)");
	free(text);
	json_decref(o);
	return rc;
}
