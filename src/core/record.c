#include "core/record.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <string.h>

#include "core/line.h"
#include "core/recordjson.h"
#include "dkim/alg.h"
#include "mail/address.h"

enum { LINE_MAX_BYTES = 1000 };
/* Longest text of one kind in a line: an address (RFC 5321 4.5.3.1.3), or a reason. */
enum { TEXT_MAX = 320 };

/* A line under way; the first failure stays, later calls do nothing. */
struct writer {
	struct buf *out;
	struct err *err;
	enum rc rc;
};

static void put(struct writer *w, const char *s)
{
	if (w->rc == RC_OK)
		w->rc = buf_adds(w->out, s, w->err);
}

static void put_text(struct writer *w, struct span s, char quote)
{
	if (w->rc == RC_OK)
		w->rc = line_escape(s, quote, TEXT_MAX, w->out, w->err);
}

static void put_quoted(struct writer *w, const char *key, const char *text)
{
	put(w, key);
	put(w, "=\"");
	put_text(w, span_str(text), '"');
	put(w, "\"");
}

static void put_number(struct writer *w, uint64_t n)
{
	if (w->rc == RC_OK)
		w->rc = buf_addf(w->out, w->err, "%" PRIu64, n);
}

static void put_queue_id(struct writer *w, const struct record *r)
{
	if (r->queue_id.len == 0)
		put(w, "NOQUEUE");
	else
		put_text(w, r->queue_id, '\0');
	put(w, ": ");
}

/* " d=example.com s=rsa-1,ed-1", once a domain: the plan keeps a domain's signatures together. */
static void put_signatures(struct writer *w, const struct plan *p)
{
	const char *last = "";

	for (size_t i = 0; i < p->n_signatures; i++) {
		const char *domain = p->signatures[i].domain->sign_domain;

		if (strcmp(domain, last) == 0) {
			put(w, ",");
		} else {
			put(w, " d=");
			put(w, domain);
			put(w, " s=");
		}
		put(w, p->signatures[i].selector->name);
		last = domain;
	}
}

static void put_reason(struct writer *w, const struct plan *p)
{
	put(w, "not signed: ");
	put(w, plan_reason_name(p->reason));
	put(w, " (");
	put_text(w, span_str(p->detail), '\0');
	put(w, ")");
}

static void put_signing(struct writer *w, const struct plan *p)
{
	if (p->reason != REASON_NONE) {
		put_reason(w, p);
		return;
	}
	put(w, p->observe ? "would sign" : "signed");
	put_signatures(w, p);
	put(w, p->observe ? " (observe)" : "");
}

/* What became of the content: " for=jim@example.com,john@example.com" where it was sealed. */
static void put_content(struct writer *w, const struct route_content *c)
{
	if (c->seal)
		put(w, "sealed for=");
	for (size_t i = 0; c->seal && i < c->n_accounts; i++) {
		put(w, i > 0 ? "," : "");
		put_text(w, span_str(c->accounts[i]), ' ');
	}
	if (c->seal && c->n_escrow != 0)
		put(w, ",escrow");
	if (!c->seal)
		put(w, c->was_encrypted ? "encrypted already"
		       : c->plain	? "not sealed: no certificate"
					: "changed");
	if (c->quarantine != NULL)
		put(w, " quarantined");
}

/* " rule="bank mail" to=jim@example.com": each rule once, and each address that is new or that a rule was about. */
static void put_deliveries(struct writer *w, const struct route *r)
{
	const struct rule *last = NULL;
	const char *before = " to=";

	for (size_t i = 0; i < r->deliveries.len; i++) {
		const struct route_delivery *d = vec_at(&r->deliveries, i);

		if (d->rule != NULL && d->rule != last)
			put_quoted(w, " rule", d->rule->name);
		last = d->rule != NULL ? d->rule : last;
	}
	for (size_t i = 0; i < r->deliveries.len; i++) {
		const struct route_delivery *d = vec_at(&r->deliveries, i);

		if (d->rule == NULL && d->as_given)
			continue;
		put(w, before);
		put_text(w, span_str(d->address), ' ');
		before = ",";
	}
}

static void put_verdict(struct writer *w, const struct record *r)
{
	switch (r->verdict) {
	case VERDICT_REJECT:
		put(w, "rejected: ");
		put_text(w, span_str(r->reply.text), '\0');
		return;
	case VERDICT_DISCARD:
		put(w, "discarded: rules leave no recipient");
		return;
	case VERDICT_TEMPFAIL:
		put(w, "temporary failure: ");
		if (r->error != NULL || r->reply.text != NULL) {
			put_text(w, span_str(r->error != NULL ? r->error : r->reply.text), '\0');
			return;
		}
		put(w, plan_reason_name(r->plan->reason));
		put(w, " (");
		put_text(w, span_str(r->plan->detail), '\0');
		put(w, ")");
		return;
	case VERDICT_ACCEPT:
		break;
	}
	if (record_is_routed(r)) {
		put_content(w, vec_at(&r->route->contents, 0));
		put_deliveries(w, r->route);
		put(w, "; ");
	}
	put_signing(w, r->plan);
}

bool record_is_routed(const struct record *r)
{
	const struct route_content *c;

	if (r->route == NULL || r->route->contents.len == 0)
		return false;
	c = vec_at(&r->route->contents, 0);
	return r->route->outcome == ROUTE_EDIT ||
	       (r->route->outcome == ROUTE_PASS && (c->was_encrypted || c->plain));
}

/* "joe@example.com" of "<joe@example.com>". */
static struct span without_brackets(struct span s)
{
	if (s.len >= 2 && s.p[0] == '<' && s.p[s.len - 1] == '>')
		return span_sub(s, 1, s.len - 2);
	return s;
}

bool record_has_author(const struct record *r)
{
	return r->plan->from.status == FROM_GOOD && r->plan->from.domain[0] != '\0';
}

static void put_author(struct writer *w, const struct record *r)
{
	struct buf address;

	if (!record_has_author(r))
		return;
	buf_init(&address, SIZE_MAX / 2);
	if (w->rc == RC_OK)
		w->rc = address_show(&r->plan->from.author, &address, w->err);
	put(w, " from=");
	put_text(w, buf_span(&address), ' ');
	buf_clear(&address);
}

struct span record_dropped(const struct route *r, size_t i)
{
	return without_brackets(r->recipients[*(const size_t *)vec_at(&r->dropped, i)].given);
}

/* At the end: there may be many. */
static void put_dropped(struct writer *w, const struct route *r)
{
	for (size_t i = 0; i < r->dropped.len; i++) {
		put(w, i == 0 ? " dropped=" : ",");
		put_text(w, record_dropped(r, i), ' ');
	}
}

static void put_facts(struct writer *w, const struct record *r)
{
	const struct plan *p = r->plan;

	put_author(w, r);
	put(w, " sender=<");
	put_text(w, record_sender(r), '>');
	put(w, ">");
	if (p->trust.trusted)
		put_quoted(w, " trust", p->trust.why);
	if (r->body_bytes != 0) {
		put(w, " body=");
		put_number(w, r->body_bytes);
	}
	if (r->risks != 0) {
		put(w, " risks=");
		if (w->rc == RC_OK)
			w->rc = record_show_risks(r->risks, w->out, w->err);
	}
	if (p->warning != NULL)
		put_quoted(w, " warning", p->warning);
	if (r->route != NULL && r->route->warning != NULL)
		put_quoted(w, " warning", r->route->warning);
	if (r->route != NULL && r->route->observed != NULL)
		put_quoted(w, " observe", r->route->observed);
	if (r->verdict == VERDICT_ACCEPT && record_is_routed(r))
		put_dropped(w, r->route);
}

static void put_plain(struct writer *w, const struct record *r)
{
	put_queue_id(w, r);
	put_verdict(w, r);
	put_facts(w, r);
}

struct span record_sender(const struct record *r)
{
	return without_brackets(r->mail_from);
}

/* Cut what was written since AT to a line's length, never inside a UTF-8 character. */
static void end_line(struct writer *w, size_t at)
{
	static const char dots[] = "...";
	size_t end = at + LINE_MAX_BYTES - strlen(dots);

	if (w->rc != RC_OK || w->out->len - at <= LINE_MAX_BYTES)
		return;
	while (end > at && ((unsigned char)w->out->p[end] & 0xc0) == 0x80)
		end--;
	w->out->len = end;
	put(w, dots);
}

static void put_opendkim_signed(struct writer *w, const struct record *r)
{
	for (size_t i = 0; i < r->n_signed; i++) {
		const struct plan_signature *s = &r->plan->signatures[i];
		size_t at = w->out->len + (i > 0);

		put(w, i > 0 ? "\n" : "");
		put_queue_id(w, r);
		put(w, "DKIM-Signature field added (s=");
		put(w, s->selector->name);
		put(w, ", d=");
		put(w, s->domain->sign_domain);
		put(w, ")");
		end_line(w, at);
	}
}

static void put_opendkim_untrusted(struct writer *w, const struct record *r)
{
	const struct facts *f = r->facts;
	char addr[INET6_ADDRSTRLEN] = "unknown";

	if (f->client == CLIENT_INET)
		(void)inet_ntop(AF_INET, f->addr, addr, sizeof(addr));
	if (f->client == CLIENT_INET6)
		(void)inet_ntop(AF_INET6, f->addr, addr, sizeof(addr));
	put_queue_id(w, r);
	put_text(w, f->host, '\0');
	put(w, " [");
	put(w, addr);
	put(w, "] not internal\n");
	put_queue_id(w, r);
	put(w, "not authenticated");
}

static void put_opendkim_no_domain(struct writer *w, const struct record *r)
{
	struct buf address;

	buf_init(&address, SIZE_MAX / 2);
	if (w->rc == RC_OK)
		w->rc = address_show(&r->plan->from.author, &address, w->err);
	put_queue_id(w, r);
	put(w, "no signing table match for '");
	put_text(w, buf_span(&address), '\'');
	put(w, "'");
	buf_clear(&address);
}

static void put_opendkim(struct writer *w, const struct record *r)
{
	size_t at = w->out->len;

	if (r->verdict != VERDICT_ACCEPT || record_is_routed(r)) {
		put_plain(w, r);
		end_line(w, at);
		if (r->verdict == VERDICT_ACCEPT && r->n_signed != 0) {
			put(w, "\n");
			put_opendkim_signed(w, r);
		}
		return;
	}
	if (r->n_signed != 0) {
		put_opendkim_signed(w, r);
		return;
	}
	if (r->plan->reason == REASON_NOT_TRUSTED && r->facts != NULL)
		put_opendkim_untrusted(w, r);
	else if (r->plan->reason == REASON_NO_DOMAIN)
		put_opendkim_no_domain(w, r);
	else
		put_plain(w, r);
	end_line(w, at);
}

enum rc record_show(const struct record *r, enum conf_log_format format, struct buf *out,
		    struct err *err)
{
	struct writer w = {out, err, RC_OK};
	size_t at = out->len;

	switch (format) {
	case FORMAT_JSON:
		w.rc = record_show_json(r, out, err);
		break;
	case FORMAT_OPENDKIM:
		put_opendkim(&w, r);
		break;
	case FORMAT_PLAIN:
		put_plain(&w, r);
		end_line(&w, at);
		break;
	}
	if (w.rc != RC_OK)
		out->len = at;
	return w.rc;
}

const char *record_risk_name(enum risk risk)
{
	switch (risk) {
	case RISK_8BIT:
		return "8bit";
	case RISK_LONG_LINE:
		return "long-line";
	case RISK_BARE_CR:
		return "bare-cr";
	case RISK_BARE_LF:
		return "bare-lf";
	case RISK_ADDRESS:
		return "address";
	case RISK_NUL:
		return "nul";
	}
	return "";
}

enum rc record_show_risks(unsigned risks, struct buf *out, struct err *err)
{
	const char *comma = "";
	enum rc rc = RC_OK;

	for (unsigned risk = 1; risk <= RISK_LAST && rc == RC_OK; risk <<= 1) {
		if ((risks & risk) == 0)
			continue;
		rc = buf_addf(out, err, "%s%s", comma, record_risk_name((enum risk)risk));
		comma = ",";
	}
	return rc;
}

static bool stores_clear(const struct record *r)
{
	const struct route_content *c;

	if (!record_is_routed(r))
		return false;
	c = vec_at(&r->route->contents, 0);
	return c->plain;
}

enum conf_log_level record_level(const struct record *r)
{
	if ((r->verdict == VERDICT_TEMPFAIL && r->reply.text != NULL) || stores_clear(r) ||
	    (r->route != NULL && r->route->warning != NULL))
		return LEVEL_WARNING;
	switch (r->plan->reason) {
	case REASON_ERROR:
		return LEVEL_ERROR;
	case REASON_NO_SELECTOR:
	case REASON_TOO_LARGE:
	case REASON_SENDER_MISMATCH:
		return LEVEL_WARNING;
	default:
		return r->plan->warning != NULL ? LEVEL_WARNING : LEVEL_INFO;
	}
}
