#include <stdlib.h>
#include <string.h>

#include "base/picture.h"
#include "base/spell.h"
#include "conf/accounts.h"
#include "conf/problems.h"
#include "conf/rulesread.h"
#include "conf/zone.h"
#include "mail/domain.h"

/* Past this many names none is offered as the one that was meant. */
enum { SPELL_NAMES_MAX = 1000 };

struct conf_share {
	const char *who;     /* an account, or the name of a domain */
	const char *account; /* whose mailbox */
	const char *box;     /* '*' for any run */
};

struct conf_shares {
	const struct conf_share *at;
	size_t n;
};

struct checker {
	struct value_reader *r;
	struct conf *c;
	bool incomplete;
};

/* --- who may store where ------------------------------------------------------------------------ */

static bool is_who(const struct conf_share *s, const char *who)
{
	const char *at = strrchr(who, '@');

	return account_same(s->who, who) || (at != NULL && strcmp(s->who, at + 1) == 0);
}

bool rules_may_store(const struct conf *c, const char *who, const char *account, const char *box)
{
	if (account_same(who, account))
		return true;
	for (size_t i = 0; i < c->shares->n; i++) {
		const struct conf_share *s = &c->shares->at[i];

		if (is_who(s, who) && account_same(s->account, account) &&
		    picture_match(span_str(s->box), span_str(box)))
			return true;
	}
	return false;
}

/* --- names of domains and accounts -------------------------------------------------------------- */

static const struct conf_domain *find_domain(const struct checker *k, struct span text)
{
	char name[DOMAIN_SIZE];

	return domain_to_ascii(text, name, NULL) == RC_OK ? conf_domain_find(k->c, name) : NULL;
}

static const char *nearest_domain(const struct checker *k, struct span text)
{
	const char *words[SPELL_NAMES_MAX];

	if (k->c->n_names > SPELL_NAMES_MAX)
		return NULL;
	for (size_t i = 0; i < k->c->n_names; i++)
		words[i] = k->c->names[i].name;
	return spell_nearest(text, words, k->c->n_names);
}

/* "JIM@example.org" as "jim@example.com", the account that it is. NULL: no memory. */
static const char *account_name(const struct checker *k, struct span local,
				const struct conf_domain *d)
{
	const char *p = account_join(k->r->arena, local, d->name);

	k->r->problems->lost = k->r->problems->lost || p == NULL;
	return p;
}

/* TEXT ("jim", "jim@example.com") as an account; HOME: the domain of "jim". */
static const char *find_account(const struct checker *k, const struct rule_draft *d,
				const char *text, const struct conf_domain *home)
{
	struct span whole = span_str(text);
	const char *sign = strrchr(text, '@');
	size_t at = sign != NULL ? (size_t)(sign - text) : whole.len;
	struct span local = span_sub(whole, 0, at), domain = span_from(whole, at + 1);
	const struct conf_domain *found = sign != NULL ? find_domain(k, domain) : home;
	const char *near;

	if (local.len == 0 || (sign == NULL && home == NULL)) {
		rules_complain(k->r, CONF_ERROR, d, NULL, "\"%.80s\": account@domain is wanted",
			       text);
		return NULL;
	}
	if (found == NULL) {
		near = nearest_domain(k, domain);
		if (!k->incomplete)
			rules_complain(k->r, CONF_ERROR, d, NULL,
				       "%.80s: %.*s is no domain of this configuration%s%s%s", text,
				       SPAN_ARG(domain), near != NULL ? "; is " : "",
				       near != NULL ? near : "", near != NULL ? " meant?" : "");
		return NULL;
	}
	if (!conf_domain_has_account(found, local)) {
		rules_complain(k->r, CONF_ERROR, d, NULL,
			       "%.80s is no account: domain %s lists its accounts", text,
			       found->name);
		return NULL;
	}
	return account_name(k, local, found);
}

/* --- owners ------------------------------------------------------------------------------------- */

static const struct conf_domain *owning_domain(const struct checker *k, const struct rule_draft *d)
{
	const char *text = d->owner != NULL ? d->owner : d->domain;
	const struct conf_domain *found = find_domain(k, span_str(text));
	const char *near;

	if (found == NULL && !k->incomplete) {
		near = nearest_domain(k, span_str(text));
		rules_complain(k->r, CONF_ERROR, d, NULL,
			       "owner: %.80s is no domain of this configuration%s%s%s", text,
			       near != NULL ? "; is " : "", near != NULL ? near : "",
			       near != NULL ? " meant?" : "");
	}
	return found;
}

static bool belongs_here(const struct checker *k, const struct rule_draft *d, const char *domain)
{
	const struct conf_domain *here =
		d->domain != NULL ? find_domain(k, span_str(d->domain)) : NULL;

	if (here == NULL || strcmp(here->name, domain) == 0)
		return true;
	rules_complain(k->r, CONF_ERROR, d, NULL,
		       "owner: it stands within domain %s and belongs to %s", here->name, domain);
	return false;
}

static bool set_domain_owner(const struct checker *k, struct rule_draft *d)
{
	const struct conf_domain *found;

	if (d->owner == NULL && d->domain == NULL) {
		rules_complain(k->r, CONF_ERROR, d, NULL,
			       "a rule of a domain needs owner = \"example.com\";");
		return false;
	}
	found = owning_domain(k, d);
	if (found == NULL)
		return false;
	d->rule.owner = found->name;
	return belongs_here(k, d, found->name);
}

static bool set_account_owner(const struct checker *k, struct rule_draft *d)
{
	const struct conf_domain *home =
		d->domain != NULL ? find_domain(k, span_str(d->domain)) : NULL;

	if (d->owner == NULL) {
		rules_complain(k->r, CONF_ERROR, d, NULL,
			       "a rule of an account needs owner = \"john@example.com\";");
		return false;
	}
	d->rule.owner = find_account(k, d, d->owner, home);
	return d->rule.owner != NULL && belongs_here(k, d, strrchr(d->rule.owner, '@') + 1);
}

static bool set_owner(const struct checker *k, struct rule_draft *d)
{
	if (!d->has_level && d->domain == NULL) {
		rules_complain(k->r, CONF_ERROR, d, NULL,
			       "level = \"server\", \"domain\" or \"account\"; is missing");
		return false;
	}
	if (!d->has_level)
		d->rule.level = d->owner != NULL && strchr(d->owner, '@') != NULL ? RULE_ACCOUNT
										  : RULE_DOMAIN;
	d->rule.owner = "";
	if (d->rule.level == RULE_DOMAIN)
		return set_domain_owner(k, d);
	if (d->rule.level == RULE_ACCOUNT)
		return set_account_owner(k, d);
	if (d->domain != NULL || d->owner != NULL)
		rules_complain(k->r, CONF_ERROR, d, NULL,
			       d->domain != NULL ? "a rule of the server stands at the top level"
						 : "a rule of the server has no owner");
	return d->domain == NULL && d->owner == NULL;
}

/* --- mailboxes ---------------------------------------------------------------------------------- */

static const struct conf_domain *home_of(const struct checker *k, const struct rule *rule)
{
	const char *at = strrchr(rule->owner, '@');

	if (rule->level == RULE_SERVER)
		return k->c->n_domains == 1 ? &k->c->domains[0] : NULL;
	return conf_domain_find(k->c, at != NULL ? at + 1 : rule->owner);
}

static bool check_mailbox(const struct checker *k, struct rule_draft *d, struct rule_action *a)
{
	const struct rule *rule = &d->rule;

	if (a->mailbox.account == NULL) {
		if (rule->level == RULE_SERVER)
			rules_complain(k->r, CONF_ERROR, d, NULL,
				       "a rule of the server names mailboxes as "
				       "\"~account@domain/%s\"",
				       a->mailbox.box);
		return rule->level != RULE_SERVER;
	}
	a->mailbox.account = find_account(k, d, a->mailbox.account, home_of(k, rule));
	if (a->mailbox.account == NULL)
		return false;
	if (rule->level == RULE_ACCOUNT && account_same(a->mailbox.account, rule->owner)) {
		a->mailbox.account = NULL;
		return true;
	}
	if (rule->level == RULE_SERVER ||
	    rules_may_store(k->c, rule->owner, a->mailbox.account, a->mailbox.box))
		return true;
	rules_complain(k->r, CONF_ERROR, d, NULL,
		       "%s may not store into ~%s/%s; mailboxes = { shared = ( (\"%s\", "
		       "\"~%s/%s\") ); }; would allow it",
		       rule->owner, a->mailbox.account, a->mailbox.box, rule->owner,
		       a->mailbox.account, a->mailbox.box);
	return false;
}

static bool check_mailboxes(const struct checker *k, struct rule_draft *d)
{
	bool good = true;

	for (size_t i = 0; i < d->rule.n_todo; i++)
		if (d->todo[i].mailbox.box != NULL)
			good = check_mailbox(k, d, &d->todo[i]) && good;
	return good;
}

/* --- what a rule cannot mean -------------------------------------------------------------------- */

static bool has_action(const struct rule *rule, enum action_kind kind)
{
	for (size_t i = 0; i < rule->n_todo; i++)
		if (rule->todo[i].kind == kind)
			return true;
	return false;
}

static bool seals_own(const struct rule *rule)
{
	for (size_t i = 0; i < rule->n_todo; i++)
		if (rule->todo[i].kind == ACTION_STORE_ENCRYPTED &&
		    rule->todo[i].mailbox.account == NULL)
			return true;
	return false;
}

/* Does it make more than one content of the message, each for somebody else to open? */
static bool makes_contents(const struct rule *rule)
{
	const struct rule_action *first = NULL;

	for (size_t i = 0; i < rule->n_todo; i++) {
		const struct rule_action *a = &rule->todo[i];

		if (a->kind == ACTION_STORE || a->kind == ACTION_REDIRECT ||
		    a->kind == ACTION_MIRROR)
			return true;
		if (a->kind != ACTION_STORE_ENCRYPTED)
			continue;
		if (first != NULL && a->mailbox.account != first->mailbox.account &&
		    (a->mailbox.account == NULL || first->mailbox.account == NULL ||
		     !account_same(a->mailbox.account, first->mailbox.account)))
			return true;
		first = a;
	}
	return false;
}

static const char copies[] = "copies of a message (deliver.reentry), which are not built yet";

static void check_clear(const struct checker *k, const struct rule_draft *d)
{
	const struct rule *rule = &d->rule;
	bool ends = has_action(rule, ACTION_DISCARD) || has_action(rule, ACTION_REJECT);

	if (!has_action(rule, ACTION_STORE_ENCRYPTED)) {
		if (rule->keep_clear)
			rules_complain(k->r, CONF_WARNING, d, NULL,
				       "keep_clear: nothing is sealed here");
		return;
	}
	if (seals_own(rule) && !ends && !rule->keep_clear)
		rules_complain(k->r, CONF_ERROR, d, NULL,
			       "the clear message goes on to the same account beside the sealed "
			       "one: end with (\"Discard\"), or say keep_clear = true;");
	else if (rule->keep_clear && !ends)
		rules_complain(k->r, CONF_ERROR, d, NULL,
			       "keep_clear: a sealed and a clear message need %s", copies);
	else if (makes_contents(rule))
		rules_complain(k->r, CONF_ERROR, d, NULL,
			       "what is sealed and what else it stores or sends need %s", copies);
	else if (has_action(rule, ACTION_REJECT))
		rules_complain(k->r, CONF_ERROR, d, NULL,
			       "to store a message that is rejected needs %s", copies);
}

/* Another rule of the same owner, or of the owner's domain, that may take the clear message away. */
static bool may_be_discarded(const struct rules *all, const struct rule *rule)
{
	const char *at = strrchr(rule->owner, '@');

	for (size_t i = 0; i < all->n; i++) {
		const struct rule *other = &all->at[i];

		if (other == rule || other->priority == RULE_INACTIVE ||
		    other->priority > rule->priority || !has_action(other, ACTION_DISCARD))
			continue;
		if (other->level == RULE_SERVER || strcmp(other->owner, rule->owner) == 0 ||
		    (at != NULL && strcmp(other->owner, at + 1) == 0) ||
		    (rule->level == RULE_DOMAIN && strchr(other->owner, '@') != NULL))
			return true;
	}
	return false;
}

/* What is sealed for another's mailbox while the clear message goes on: two contents, unless a later rule discards. */
static void check_foreseen(const struct checker *k, const struct rules *all)
{
	for (size_t i = 0; i < all->n; i++) {
		const struct rule *rule = &all->at[i];
		const struct rule_draft as_draft = {.rule = *rule};

		if (rule->priority == RULE_INACTIVE || has_action(rule, ACTION_DISCARD) ||
		    has_action(rule, ACTION_REJECT) || rule->keep_clear ||
		    !has_action(rule, ACTION_STORE_ENCRYPTED) || seals_own(rule) ||
		    may_be_discarded(all, rule))
			continue;
		rules_complain(k->r, CONF_ERROR, &as_draft, NULL,
			       "the clear message goes on beside the sealed one, which needs %s: "
			       "end with (\"Discard\")",
			       copies);
	}
}

static void check_domain_is_used(const struct checker *k, const struct rule_draft *d)
{
	const struct conf_domain *home = home_of(k, &d->rule);

	if (d->rule.level != RULE_SERVER && home != NULL && home->mode != MODE_ENABLED)
		rules_complain(k->r, CONF_WARNING, d, NULL,
			       "domain %s is not enabled: the rule does nothing", home->name);
}

/* --- all of them -------------------------------------------------------------------------------- */

static bool finish_one(const struct checker *k, struct rule_draft *d)
{
	if (!set_owner(k, d) || !check_mailboxes(k, d) || d->bad)
		return false;
	for (size_t i = 0; i < d->rule.n_when; i++)
		if (d->when[i].kind == COND_DATE)
			d->when[i].number = zone_instant(k->c->zone, d->when[i].number);
	check_clear(k, d);
	check_domain_is_used(k, d);
	return true;
}

static int compare_rules(const void *a, const void *b)
{
	const struct rule *x = a, *y = b;
	int order = (int)x->level - (int)y->level;

	if (order == 0)
		order = strcmp(x->owner, y->owner);
	if (order == 0)
		order = (int)y->priority - (int)x->priority;
	return order != 0 ? order : (x->order > y->order) - (x->order < y->order);
}

static void finish_rules(const struct checker *k, struct vec *drafts)
{
	struct rule *all = value_alloc(k->r, drafts->len + 1, sizeof(*all));
	struct rules *to = &k->c->rules;
	size_t n = 0;

	for (size_t i = 0; i < drafts->len && all != NULL; i++) {
		struct rule_draft *d = vec_at(drafts, i);

		if (finish_one(k, d))
			all[n++] = d->rule;
	}
	if (all == NULL)
		return;
	qsort(all, n, sizeof(*all), compare_rules);
	*to = (struct rules){.at = all, .n = n};
	for (size_t i = 0; i < n; i++)
		to->seal = to->seal || (all[i].priority != RULE_INACTIVE &&
					has_action(&all[i], ACTION_STORE_ENCRYPTED));
	check_foreseen(k, to);
}

static void share_error(const struct checker *k, const struct share_draft *s, const char *text)
{
	conf_problems_add(k->r->problems, CONF_ERROR, s->file, s->line,
			  "mailboxes.shared: (\"%s\", \"%s\"): %s", s->who, s->mailbox, text);
}

static const char *plain_account(const struct checker *k, struct span text)
{
	size_t at = span_find(text, '@', 0);
	const struct conf_domain *d =
		at < text.len ? find_domain(k, span_from(text, at + 1)) : NULL;

	return d != NULL && at != 0 ? account_name(k, span_sub(text, 0, at), d) : NULL;
}

static const char *share_who(const struct checker *k, const char *text)
{
	const struct conf_domain *d;

	if (strchr(text, '@') != NULL)
		return plain_account(k, span_str(text));
	d = find_domain(k, span_str(text));
	return d != NULL ? d->name : NULL;
}

static bool finish_share(const struct checker *k, const struct share_draft *s,
			 struct conf_share *ret)
{
	struct span text = span_str(s->mailbox);
	size_t slash = span_find(text, '/', 0);

	if (!span_starts(text, SPAN_LIT("~")) || slash + 1 >= text.len) {
		share_error(k, s, "the mailbox is written as \"~account@domain/Box\"");
		return false;
	}
	ret->who = share_who(k, s->who);
	ret->account = plain_account(k, span_sub(text, 1, slash - 1));
	ret->box = value_strdup(k->r, s->mailbox + slash + 1);
	if ((ret->who == NULL || ret->account == NULL) && !k->incomplete)
		share_error(k, s,
			    ret->who == NULL ? "who may store is no account and no domain of this "
					       "configuration"
					     : "the mailbox is of no domain of this configuration");
	return ret->who != NULL && ret->account != NULL && ret->box != NULL;
}

static void finish_shares(const struct checker *k, const struct vec *drafts)
{
	struct conf_shares *shares = value_alloc(k->r, 1, sizeof(*shares));
	struct conf_share *all = value_alloc(k->r, drafts->len + 1, sizeof(*all));

	if (shares == NULL || all == NULL)
		return;
	shares->at = all;
	for (size_t i = 0; i < drafts->len; i++)
		if (finish_share(k, vec_at(drafts, i), &all[shares->n]))
			shares->n++;
	k->c->shares = shares;
}

void rules_finish(struct value_reader *r, struct rules_drafts *drafts, struct conf *c,
		  bool incomplete)
{
	struct checker k = {.r = r, .c = c, .incomplete = incomplete};

	finish_shares(&k, &drafts->shares);
	if (c->shares != NULL)
		finish_rules(&k, &drafts->rules);
}
