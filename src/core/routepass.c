#include <stdlib.h>
#include <string.h>

#include "core/line.h"
#include "core/routeimpl.h"

enum { DEPTH_MAX = 10, TAGS_MAX = 900 };

enum rc route_trace_add(struct router *r, struct route_trace_entry entry)
{
	struct route_trace_entry *slot;

	if (r->trace == NULL)
		return RC_OK;
	slot = vec_push(&r->trace->v);
	if (slot == NULL)
		return route_no_memory(r);
	*slot = entry;
	return RC_OK;
}

static enum rc trace_action(struct router *r, const struct pass *p, const struct rule *rule,
			    const struct rule_action *action)
{
	return route_trace_add(r, (struct route_trace_entry){.kind = TRACE_ACTION,
							     .recipient = p->recipient,
							     .rule = rule,
							     .action = action});
}

/* --- conditions --------------------------------------------------------------------------------- */

static void need_more(struct router *r, enum evidence_need need)
{
	if (need > r->need)
		r->need = need;
}

/* All must hold. One that fails settles it, also where an earlier one is not known yet. */
static enum rc judge(struct router *r, const struct pass *p, const struct rule *rule,
		     enum truth *ret, enum evidence_need *ret_need)
{
	enum rc rc = RC_OK;

	*ret = TRUTH_YES;
	*ret_need = NEED_NOTHING;
	for (size_t i = 0; i < rule->n_when && rc == RC_OK && *ret != TRUTH_NO; i++) {
		struct span value = SPAN_NONE;
		enum evidence_need need;
		enum truth held;

		rc = condition_holds(&rule->when[i], r->e, &held, &need, &value, r->err);
		if (rc == RC_OK)
			rc = route_trace_add(r,
					     (struct route_trace_entry){.kind = TRACE_CONDITION,
									.recipient = p->recipient,
									.rule = rule,
									.condition = &rule->when[i],
									.held = held,
									.value = value});
		if (need > *ret_need)
			*ret_need = need;
		if (held != TRUTH_YES)
			*ret = held;
	}
	return rc;
}

/* --- actions ------------------------------------------------------------------------------------ */

static const char *account_of(const struct pass *p)
{
	return p->target != NULL ? p->target->account : NULL;
}

/* TEXT is local@domain without quotes; with them where RFC 5321 4.1.2 wants them. */
static enum rc quote_address(struct router *r, struct span text, const char **ret)
{
	size_t at = text.len;
	struct mailbox m = {.in_group = false};
	struct buf out;
	enum rc rc;

	while (at > 0 && text.p[at - 1] != '@')
		at--;
	m.local = span_sub(text, 0, at > 0 ? at - 1 : text.len);
	m.domain = at > 0 ? span_from(text, at) : SPAN_NONE;
	buf_init(&out, 2 * text.len + 16);
	rc = address_show(&m, &out, r->err);
	if (rc == RC_OK)
		*ret = arena_strndup(r->arena, buf_span(&out));
	buf_clear(&out);
	return rc == RC_OK && *ret == NULL ? route_no_memory(r) : rc;
}

static enum rc add_box(struct buf *out, const char *box, const char *separator, struct err *err)
{
	enum rc rc = RC_OK;

	for (; *box != '\0' && rc == RC_OK; box++)
		rc = *box == '/' ? buf_adds(out, separator, err) : buf_addc(out, *box, err);
	return rc;
}

/* deliver.mailbox_address; its variables were checked when the configuration was read. */
static enum rc expand(struct router *r, const char *account, const char *box, struct buf *out)
{
	const struct conf_deliver *d = &r->e->snap->conf->deliver;
	struct span rest = span_str(d->mailbox_address), whole = span_str(account);
	size_t at = span_find(whole, '@', 0);
	enum rc rc = RC_OK;

	while (rest.len != 0 && rc == RC_OK) {
		if (span_starts(rest, SPAN_LIT("${local}")))
			rc = buf_add(out, span_sub(whole, 0, at), r->err);
		else if (span_starts(rest, SPAN_LIT("${domain}")))
			rc = buf_add(out, span_from(whole, at + 1), r->err);
		else if (span_starts(rest, SPAN_LIT("${mailbox}")))
			rc = add_box(out, box, d->separator, r->err);
		else {
			rc = buf_addc(out, rest.p[0], r->err);
			rest = span_from(rest, 1);
			continue;
		}
		rest = span_from(rest, span_find(rest, '}', 0) + 1);
	}
	return rc;
}

static enum rc address_of_box(struct router *r, const char *account, const char *box,
			      const char **ret)
{
	struct buf out;
	enum rc rc;

	if (strcmp(box, "INBOX") == 0)
		return quote_address(r, span_str(account), ret);
	buf_init(&out, 4096);
	rc = expand(r, account, box, &out);
	if (rc == RC_OK)
		rc = quote_address(r, buf_span(&out), ret);
	buf_clear(&out);
	return rc;
}

/* The recipient's own address leads to this very mailbox already. */
static bool is_own_inbox(const struct pass *p, const char *owner, const char *box)
{
	return p->outer == NULL && p->target != NULL && !p->target->by_alias &&
	       p->target->detail[0] == '\0' && strcmp(box, "INBOX") == 0 &&
	       account_same(owner, p->target->account);
}

/* Rules of the server are never muted: P has a target then. */
static enum rc reject(struct router *r, struct pass *p, struct refusal why)
{
	p->rejected = true;
	p->ended = true;
	if (r->muted)
		return route_would(r, route_text(r, "%s for %s: %s",
						 why.later ? "temporary failure" : "rejected",
						 p->target->address, why.text));
	if (r->reject == NULL)
		r->reject = why.text;
	return RC_OK;
}

static enum rc store_in(struct router *r, const struct pass *p, const struct rule *rule,
			const struct rule_action *a, const char *owner,
			const struct route_content *content)
{
	struct route_delivery d = {
		.recipient = p->recipient, .rule = rule, .mailbox = "", .address = ""};
	enum rc rc = RC_OK;

	d.as_given = is_own_inbox(p, owner, a->mailbox.box);
	d.extra = p->extra || p->target == NULL || !account_same(owner, p->target->account);
	d.mailbox = route_text(r, "~%s/%s", owner, a->mailbox.box);
	if (d.mailbox == NULL)
		return route_no_memory(r);
	if (d.as_given)
		d.address = p->target->address;
	else
		rc = address_of_box(r, owner, a->mailbox.box, &d.address);
	return rc == RC_OK ? route_deliver(r, d, content) : rc;
}

static enum rc do_store(struct router *r, struct pass *p, const struct rule *rule,
			const struct rule_action *a)
{
	const char *account = account_of(p);
	const char *owner = a->mailbox.account != NULL ? a->mailbox.account : account;
	struct route_content content = route_content_of(&p->mods);
	struct refusal why = {.text = NULL};
	enum rc rc = RC_OK;

	/* The account of a rule opens what its rule stores into another's mailbox; the server is no account. */
	if (a->kind == ACTION_STORE_ENCRYPTED)
		rc = route_seal(r, owner,
				account != NULL && !account_same(owner, account) ? account : NULL,
				&content, &why);
	if (rc != RC_OK || r->need != NEED_NOTHING)
		return rc;
	return why.text == NULL ? store_in(r, p, rule, a, owner, &content) : reject(r, p, why);
}

static enum rc send_on(struct router *r, const struct pass *p, const struct rule *rule,
		       const struct rule_action *a, const char *address)
{
	const char *at = strrchr(address, '@');
	struct mailbox m = {.local = span_of(address, (size_t)(at - address)),
			    .domain = span_str(at + 1)};
	struct account_targets targets;
	enum rc rc = accounts_resolve(r->e->snap->conf, &m, r->arena, &targets, r->err);

	for (size_t i = 0; i < targets.n && rc == RC_OK && r->need == NEED_NOTHING; i++)
		rc = route_target(r, &(struct pass){.outer = p,
						    .depth = p->depth + 1,
						    .recipient = p->recipient,
						    .target = &targets.at[i],
						    .mods = p->mods,
						    .rule = rule,
						    .extra = p->extra || a->kind == ACTION_MIRROR});
	return rc;
}

static enum rc do_send_on(struct router *r, const struct pass *p, const struct rule *rule,
			  const struct rule_action *a)
{
	enum rc rc = RC_OK;

	for (const char *const *to = a->addresses;
	     *to != NULL && rc == RC_OK && r->need == NEED_NOTHING; to++)
		rc = send_on(r, p, rule, a, *to);
	return rc;
}

static enum rc do_add_header(struct router *r, struct pass *p, const struct rule_action *a)
{
	struct mods *m = &p->mods;
	struct route_field *all = arena_calloc(r->arena, m->n_added + 1, sizeof(*all));

	if (all == NULL)
		return route_no_memory(r);
	if (m->n_added != 0)
		memcpy(all, m->added, m->n_added * sizeof(*all));
	all[m->n_added++] = (struct route_field){a->field, a->text};
	m->added = all;
	return RC_OK;
}

/* The newest one in front. Past a line of a header (RFC 5322 2.1.1) no more are put there. */
static enum rc do_tag(struct router *r, struct pass *p, const struct rule_action *a)
{
	const char *old = p->mods.tag != NULL ? p->mods.tag : "";
	size_t len = strlen(a->text), room = len + 1 + strlen(old) + 1;
	char *both;

	if (room > TAGS_MAX)
		return RC_OK;
	both = arena_alloc(r->arena, room);
	if (both == NULL)
		return route_no_memory(r);
	memcpy(both, a->text, len);
	if (*old != '\0') {
		both[len] = ' ';
		strcpy(both + len + 1, old);
	}
	p->mods.tag = both;
	return RC_OK;
}

static enum rc act(struct router *r, struct pass *p, const struct rule *rule,
		   const struct rule_action *a)
{
	switch (a->kind) {
	case ACTION_STORE_ENCRYPTED:
	case ACTION_STORE:
		return do_store(r, p, rule, a);
	case ACTION_DISCARD:
		p->discarded = p->ended = true;
		return RC_OK;
	case ACTION_STOP:
		p->ended = true;
		return RC_OK;
	case ACTION_REJECT:
		return reject(r, p, (struct refusal){a->text, false});
	case ACTION_ADD_HEADER:
		return do_add_header(r, p, a);
	case ACTION_TAG_SUBJECT:
		return do_tag(r, p, a);
	case ACTION_REDIRECT:
	case ACTION_MIRROR:
		return do_send_on(r, p, rule, a);
	case ACTION_QUARANTINE:
		p->mods.quarantine = a->text != NULL ? a->text : rule->name;
		return RC_OK;
	case ACTIONS:
		break;
	}
	return RC_OK;
}

static enum rc act_all(struct router *r, struct pass *p, const struct rule *rule)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; i < rule->n_todo && rc == RC_OK && !p->ended; i++) {
		rc = trace_action(r, p, rule, &rule->todo[i]);
		if (rc == RC_OK)
			rc = act(r, p, rule, &rule->todo[i]);
		if (r->need != NEED_NOTHING)
			return rc;
	}
	return rc;
}

/* --- one account's rules ------------------------------------------------------------------------ */

/* Rules of a domain and of an account, read as one list. */
struct two_runs {
	const struct rule *at[2];
	size_t left[2];
};

static bool goes_before(const struct rule *a, const struct rule *b)
{
	return a->priority != b->priority ? a->priority > b->priority : a->order < b->order;
}

static const struct rule *next_rule(struct two_runs *runs)
{
	size_t i = runs->left[0] == 0 ? 1 : 0;

	if (runs->left[0] != 0 && runs->left[1] != 0 && goes_before(runs->at[1], runs->at[0]))
		i = 1;
	if (runs->left[i] == 0)
		return NULL;
	runs->left[i]--;
	return runs->at[i]++;
}

static void find_rules(const struct router *r, const struct pass *p, struct two_runs *ret)
{
	const struct rules *rules = &r->e->snap->conf->rules;

	memset(ret, 0, sizeof(*ret));
	if (p->target == NULL) {
		ret->at[0] = rules_of(rules, RULE_SERVER, "", &ret->left[0]);
		return;
	}
	if (p->target->domain->mode != MODE_ENABLED)
		return;
	ret->at[0] = rules_of(rules, RULE_DOMAIN, p->target->domain->name, &ret->left[0]);
	ret->at[1] = rules_of(rules, RULE_ACCOUNT, p->target->account, &ret->left[1]);
}

enum rc route_run(struct router *r, struct pass *p)
{
	const struct rule *rule;
	struct two_runs runs;
	enum rc rc = RC_OK;

	find_rules(r, p, &runs);
	while (rc == RC_OK && !p->ended && (rule = next_rule(&runs)) != NULL) {
		enum evidence_need need;
		enum truth held;

		rc = judge(r, p, rule, &held, &need);
		if (rc == RC_OK)
			rc = route_trace_add(r,
					     (struct route_trace_entry){.kind = TRACE_RULE,
									.recipient = p->recipient,
									.rule = rule,
									.held = held});
		if (held == TRUTH_UNKNOWN)
			need_more(r, need);
		if (rc == RC_OK && held == TRUTH_YES)
			rc = act_all(r, p, rule);
		if (r->need != NEED_NOTHING)
			return rc;
	}
	return rc;
}

/* --- one address -------------------------------------------------------------------------------- */

static bool is_in_chain(const struct pass *p, const char *account)
{
	for (; p != NULL; p = p->outer)
		if (p->target != NULL && account_same(p->target->account, account))
			return true;
	return false;
}

static bool was_seen(const struct router *r, const char *account)
{
	for (const struct seen *s = r->seen; s != NULL; s = s->next)
		if (account_same(s->account, account))
			return true;
	return false;
}

static enum rc see(struct router *r, const char *account)
{
	struct seen *s = arena_alloc(r->arena, sizeof(*s));

	if (s == NULL)
		return route_no_memory(r);
	*s = (struct seen){r->seen, account};
	r->seen = s;
	return RC_OK;
}

static bool seals(const struct rule *rules, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < rules[i].n_todo; k++)
			if (rules[i].todo[k].kind == ACTION_STORE_ENCRYPTED)
				return true;
	return false;
}

bool route_seals(const struct router *r, const struct conf_domain *domain, const char *account)
{
	const struct rules *rules = &r->e->snap->conf->rules;
	size_t n_domain, n_account;
	const struct rule *of_domain = rules_of(rules, RULE_DOMAIN, domain->name, &n_domain);
	const struct rule *of_account = rules_of(rules, RULE_ACCOUNT, account, &n_account);

	return domain->mode == MODE_ENABLED && !domain->observe &&
	       (seals(of_domain, n_domain) || seals(of_account, n_account));
}

/* A detail can name a mailbox: a stranger must not put clear mail beside what the account's rules seal. */
static bool must_cut_detail(const struct router *r, const struct pass *p)
{
	const struct account_target *t = p->target;
	const struct trust *trust = r->e->trust;

	return t->domain != NULL && t->detail[0] != '\0' && !(trust != NULL && trust->trusted) &&
	       route_seals(r, t->domain, t->account);
}

/* No rule has taken the message away: it goes where it was going. */
static enum rc deliver_as_usual(struct router *r, const struct pass *p, const struct mods *mods)
{
	struct route_content content = route_content_of(mods);
	struct route_delivery d = {.recipient = p->recipient,
				   .rule = p->rule,
				   .extra = p->extra,
				   .address = p->target->address};
	bool cut = must_cut_detail(r, p);
	enum rc rc = RC_OK;

	d.as_given = p->outer == NULL && !p->target->by_alias && !cut;
	if (cut)
		rc = quote_address(r, span_str(p->target->account), &d.address);
	return rc == RC_OK ? route_deliver(r, d, &content) : rc;
}

static enum rc too_deep(struct router *r, const struct account_target *t)
{
	if (r->defer == NULL && !r->muted)
		r->defer =
			route_text(r, "rules send mail on more than %d times in a row, last to %s",
				   DEPTH_MAX, t->address);
	return r->defer != NULL || r->muted ? RC_OK : route_no_memory(r);
}

static enum rc trace_target(struct router *r, const struct pass *p)
{
	const struct account_target *t = p->target;

	return route_trace_add(r, (struct route_trace_entry){
					  .kind = TRACE_RECIPIENT,
					  .recipient = p->recipient,
					  .account = t->domain != NULL ? t->account : t->address});
}

/* The rules of an account of ours; under observe = true they are asked, and nothing comes of it. */
static enum rc run_account(struct router *r, struct pass *p)
{
	const struct conf_domain *domain = p->target->domain;
	const struct mods before = p->mods;
	const struct seen *seen;
	bool muted = r->muted;
	enum rc rc = see(r, p->target->account);

	if (rc != RC_OK)
		return rc;
	seen = r->seen;
	r->muted = muted || domain->observe;
	rc = route_run(r, p);
	r->muted = muted;
	if (rc != RC_OK || r->need != NEED_NOTHING)
		return rc;
	if (domain->observe) {
		r->seen = seen; /* nothing came of those behind it */
		if (p->discarded)
			rc = route_observe(r, p->target->address, NULL);
		return rc == RC_OK ? deliver_as_usual(r, p, &before) : rc;
	}
	if (p->rejected && !muted) {
		r->refused = r->refused || p->outer == NULL;
		r->refused_further = true;
	}
	return p->rejected || p->discarded ? RC_OK : deliver_as_usual(r, p, &p->mods);
}

enum rc route_target(struct router *r, struct pass *p)
{
	const struct account_target *t = p->target;
	enum rc rc;

	if (p->depth > DEPTH_MAX)
		return too_deep(r, t);
	rc = trace_target(r, p);
	if (rc != RC_OK)
		return rc;
	/* What comes back in a circle is delivered as usual, or it would be lost. */
	if (t->domain == NULL || is_in_chain(p->outer, t->account))
		return deliver_as_usual(r, p, &p->mods);
	/* The rules of an account are asked once for each recipient: what they make of the message is made already. */
	if (p->outer != NULL && was_seen(r, t->account))
		return RC_OK;
	return run_account(r, p);
}
