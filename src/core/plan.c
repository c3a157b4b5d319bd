#include "core/plan.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/line.h"
#include "dkim/sign.h"

/* What the steps below share. */
struct decision {
	const struct snapshot *snap;
	const struct facts *facts;
	const struct fields *fields;
	int64_t now;
	struct arena *arena;
	struct plan *plan;
};

void plan_refuse(struct plan *p, enum plan_reason reason, const char *fmt, ...)
{
	char text[sizeof(p->detail)];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	line_set(p->detail, sizeof(p->detail), "%s", text);
	p->reason = reason;
}

static const char *mode_name(enum conf_mode m)
{
	return m == MODE_DISABLED ? "disabled" : m == MODE_TEST ? "test" : "enabled";
}

/* Whose mail is it, and may it be signed at all? */
static void decide_author(struct plan *p)
{
	const struct conf_domain *d = p->domain;

	if (!p->trust.trusted)
		plan_refuse(p, REASON_NOT_TRUSTED, "%s", p->trust.why);
	else if (p->from.status != FROM_GOOD)
		plan_refuse(p, REASON_FROM, "%s", from_status_text(p->from.status));
	else if (d == NULL)
		plan_refuse(p, REASON_NO_DOMAIN, "%s", p->from.domain);
	else if (d->mode != MODE_ENABLED)
		plan_refuse(p, REASON_DISABLED, "%s: mode = \"%s\"", d->name, mode_name(d->mode));
	else if (!d->sign.enabled)
		plan_refuse(p, REASON_DISABLED, "%s: sign.enabled = false", d->name);
	else if (p->trust.source == SOURCE_LOCAL && !d->sign.local)
		plan_refuse(p, REASON_LOCAL, "%s: sign.local = false", d->name);
}

static enum rc warn(struct decision *d, const char *text, struct err *err)
{
	const char *old = d->plan->warning;
	size_t size = (old != NULL ? strlen(old) + 2 : 0) + strlen(text) + 1;
	char *both = arena_alloc(d->arena, size);

	if (both == NULL)
		return err_set(err, RC_NOMEM, "out of memory (plan)");
	snprintf(both, size, "%s%s%s", old != NULL ? old : "", old != NULL ? "; " : "", text);
	d->plan->warning = both;
	return RC_OK;
}

static enum rc decide_sender(struct decision *d, struct err *err)
{
	const struct conf *conf = d->snap->conf;
	struct plan *p = d->plan;
	char why[200];
	bool matches;
	enum rc rc;

	if (conf->trust.sender_match == MATCH_OFF)
		return RC_OK;
	rc = trust_sender_matches(conf, d->facts, &p->trust, &p->from, d->arena, &matches, why,
				  sizeof(why), err);
	if (rc != RC_OK || matches)
		return rc;
	if (conf->trust.sender_match == MATCH_WARN)
		return warn(d, why, err);
	plan_refuse(p, REASON_SENDER_MISMATCH, "%s", why);
	return RC_OK;
}

/* sign.before_dns = "sign": the newest selector that has not been activated yet. */
static const struct selector *newest_waiting(const struct selector *s, size_t n, enum dkim_alg alg)
{
	const struct selector *best = NULL;

	for (size_t i = 0; i < n; i++) {
		if (s[i].alg != alg || (s[i].state != SEL_STANDBY && s[i].state != SEL_PUBLISHED))
			continue;
		if (best == NULL || s[i].created > best->created ||
		    (s[i].created == best->created && strcmp(s[i].name, best->name) > 0))
			best = &s[i];
	}
	return best;
}

/* The selectors that sign for DOMAIN, one for each of its algorithms that has one; returns how many. */
static size_t choose_selectors(const struct decision *d, const struct conf_domain *domain,
			       const struct selector *ret[DKIM_ALGS])
{
	size_t n, chosen = 0;
	const struct selector *all = snapshot_selectors(d->snap, domain->sign_domain, &n);

	for (size_t i = 0; i < domain->sign.n_algorithms; i++) {
		ret[chosen] = selector_for_signing(all, n, domain->sign.algorithms[i], d->now);
		chosen += ret[chosen] != NULL;
	}
	if (chosen != 0 || domain->sign.before_dns != BEFORE_DNS_SIGN)
		return chosen;
	for (size_t i = 0; i < domain->sign.n_algorithms; i++) {
		ret[chosen] = newest_waiting(all, n, domain->sign.algorithms[i]);
		chosen += ret[chosen] != NULL;
	}
	return chosen;
}

/* Sendmail adds these after its filters, Postfix before. */
static const char *const supplied_by_sendmail[] = {"Date", "Message-ID", NULL};

static void add_signatures(struct decision *d, const struct conf_domain *domain,
			   const struct selector *const *selectors, size_t n)
{
	struct plan *p = d->plan;

	for (size_t i = 0; i < n; i++) {
		struct plan_signature *s = &p->signatures[p->n_signatures++];

		s->domain = domain;
		s->selector = selectors[i];
		s->policy = domain->sign.policy;
		/* RFC 8616 5: U-labels belong into internationalized messages only. */
		s->policy.ulabels = s->policy.ulabels && d->facts->smtputf8;
		if (facts_sendmail(d->facts))
			s->policy.supplied = supplied_by_sendmail;
	}
}

static void decide_own(struct decision *d)
{
	const struct conf_domain *own = d->plan->domain;
	const struct selector *selectors[DKIM_ALGS];
	size_t n = choose_selectors(d, own, selectors), known;

	add_signatures(d, own, selectors, n);
	if (n != 0)
		return;
	snapshot_selectors(d->snap, own->sign_domain, &known);
	plan_refuse(d->plan, REASON_NO_SELECTOR, "%s: %s", own->sign_domain,
		    known == 0 ? "there is none at all" : "see `mailseal selector list`");
	d->plan->tempfail = own->sign.before_dns == BEFORE_DNS_TEMPFAIL && !own->observe;
}

static bool is_signing(const struct plan *p, const char *sign_domain)
{
	for (size_t i = 0; i < p->n_signatures; i++)
		if (strcmp(p->signatures[i].domain->sign_domain, sign_domain) == 0)
			return true;
	return false;
}

/* Why a domain of sign.also cannot sign; NULL when it can, with its selectors. */
static const char *also_problem(const struct decision *d, const struct conf_domain *also,
				const struct selector *ret[DKIM_ALGS], size_t *ret_n)
{
	if (also == NULL)
		return "not configured";
	if (also->mode != MODE_ENABLED || !also->sign.enabled)
		return "disabled";
	*ret_n = choose_selectors(d, also, ret);
	if (*ret_n == 0)
		return "no active selector";
	if (d->plan->n_signatures + *ret_n > DKIM_JOBS_MAX)
		return "too many signatures";
	return NULL;
}

/* sign.also: further domains of ours. One that cannot sign does not keep the others from it. */
static enum rc decide_also(struct decision *d, const char *name, struct err *err)
{
	const struct conf_domain *also = conf_domain_find(d->snap->conf, name);
	const struct selector *selectors[DKIM_ALGS];
	const char *problem;
	char text[400];
	size_t n = 0;

	if (also != NULL && is_signing(d->plan, also->sign_domain))
		return RC_OK;
	problem = also_problem(d, also, selectors, &n);
	if (problem == NULL) {
		add_signatures(d, also, selectors, n);
		return RC_OK;
	}
	line_set(text, sizeof(text), "also %s: %s", name, problem);
	return warn(d, text, err);
}

static enum rc decide_signatures(struct decision *d, struct err *err)
{
	const struct conf_sign *sign = &d->plan->domain->sign;
	struct plan *p = d->plan;
	enum rc rc = RC_OK;

	p->signatures = arena_calloc(d->arena, DKIM_JOBS_MAX, sizeof(*p->signatures));
	if (p->signatures == NULL)
		return err_set(err, RC_NOMEM, "out of memory (plan)");
	decide_own(d);
	if (p->reason != REASON_NONE)
		return RC_OK;
	for (const char *const *name = sign->also; *name != NULL && rc == RC_OK; name++)
		rc = decide_also(d, *name, err);
	p->check_existing = sign->existing == EXISTING_KEEP &&
			    fields_count_of(d->fields, "DKIM-Signature") != 0;
	return rc;
}

enum rc plan_decide(const struct snapshot *snap, const struct facts *facts,
		    const struct fields *fields, int64_t now, struct arena *arena, struct plan *ret,
		    struct err *err)
{
	struct plan plan = {.reason = REASON_NONE, .sendmail = facts_sendmail(facts)};
	struct decision d = {snap, facts, fields, now, arena, &plan};
	enum rc rc = from_read(fields, arena, &plan.from, err);

	if (rc != RC_OK)
		return rc;
	trust_decide(&snap->conf->trust, facts, fields, &plan.trust);
	if (plan.from.status == FROM_GOOD)
		plan.domain = conf_domain_for_mail(snap->conf, plan.from.domain);
	plan.observe = plan.domain != NULL && plan.domain->observe;
	decide_author(&plan);
	if (plan.reason == REASON_NONE)
		rc = decide_sender(&d, err);
	if (rc == RC_OK && plan.reason == REASON_NONE)
		rc = decide_signatures(&d, err);
	if (rc == RC_OK)
		*ret = plan;
	return rc;
}

const char *plan_reason_name(enum plan_reason r)
{
	static const char *const names[REASONS] = {
		[REASON_NONE] = "none",
		[REASON_NOT_TRUSTED] = "not trusted",
		[REASON_FROM] = "From",
		[REASON_NO_DOMAIN] = "domain not ours",
		[REASON_DISABLED] = "disabled",
		[REASON_LOCAL] = "local mail",
		[REASON_SENDER_MISMATCH] = "sender mismatch",
		[REASON_NO_SELECTOR] = "no active selector",
		[REASON_EXISTING] = "signed already",
		[REASON_TOO_LARGE] = "too large",
		[REASON_ERROR] = "error",
	};

	return names[r];
}
