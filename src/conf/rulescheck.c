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

/* What following the aliases of one account may take. */
enum { SCRATCH_MAX = 16 << 20 };

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
	struct arena *scratch; /* of one rule */
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

/* A detail is cut before an account is looked for: one with a delimiter is never found. */
static bool has_detail(const struct conf *c, struct span local)
{
	for (size_t i = 1; i < local.len; i++)
		if (strchr(c->recipient_delimiter, local.p[i]) != NULL)
			return true;
	return false;
}

static void unknown_domain(const struct checker *k, const char *text, struct span domain,
			   struct err *why)
{
	const char *near = nearest_domain(k, domain);

	if (k->incomplete)
		return;
	err_set(why, RC_CONF, "%.80s: %.*s is no domain of this configuration%s%s%s", text,
		SPAN_ARG(domain), near != NULL ? "; is " : "", near != NULL ? near : "",
		near != NULL ? " meant?" : "");
}

/* TEXT ("jim", "jim@example.com") as an account; HOME: the domain of "jim". NULL: *WHY says what is wrong, or is empty
 * where there is nothing to be said. */
static const char *find_account(const struct checker *k, const char *text,
				const struct conf_domain *home, struct err *why)
{
	struct span whole = span_str(text);
	const char *sign = strrchr(text, '@');
	size_t at = sign != NULL ? (size_t)(sign - text) : whole.len;
	struct span local = span_sub(whole, 0, at), domain = span_from(whole, at + 1);
	const struct conf_domain *found = sign != NULL ? find_domain(k, domain) : home;

	if (local.len == 0 || (sign == NULL && home == NULL))
		err_set(why, RC_CONF, "\"%.80s\": account@domain is wanted", text);
	else if (found == NULL)
		unknown_domain(k, text, domain, why);
	else if (has_detail(k->c, local))
		err_set(why, RC_CONF,
			"%.80s: an account has no detail (recipient_delimiter = \"%s\")", text,
			k->c->recipient_delimiter);
	else if (!conf_domain_has_account(found, local))
		err_set(why, RC_CONF, "%.80s is no account: domain %s lists its accounts", text,
			found->name);
	else
		return account_name(k, local, found);
	return NULL;
}

/* The same for a rule, which complains. */
static const char *account_of_rule(const struct checker *k, const struct rule_draft *d,
				   const char *text, const struct conf_domain *home)
{
	struct err why = ERR_INIT;
	const char *account = find_account(k, text, home, &why);

	if (account == NULL && why.text[0] != '\0')
		rules_complain(k->r, CONF_ERROR, d, NULL, "%s", why.text);
	return account;
}

/* Where the mail of ACCOUNT goes instead, when it is an alias; NULL: it gets its mail. */
static const char *goes_to(const struct checker *k, const char *account)
{
	const char *at = strrchr(account, '@');
	struct mailbox m = {.local = span_of(account, (size_t)(at - account)),
			    .domain = span_str(at + 1)};
	struct account_targets targets;

	if (accounts_resolve(k->c, &m, k->scratch, &targets, NULL) != RC_OK)
		return NULL;
	for (size_t i = 0; i < targets.n; i++)
		if (targets.at[i].domain != NULL && account_same(targets.at[i].account, account))
			return NULL;
	return targets.at[0].by_alias ? targets.at[0].address : NULL;
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
	d->rule.owner = account_of_rule(k, d, d->owner, home);
	return d->rule.owner != NULL && belongs_here(k, d, strrchr(d->rule.owner, '@') + 1);
}

static void check_alias(const struct checker *k, const struct rule_draft *d)
{
	const char *other = d->rule.level == RULE_ACCOUNT ? goes_to(k, d->rule.owner) : NULL;

	if (other != NULL)
		rules_complain(k->r, CONF_WARNING, d, NULL,
			       "%s is an alias (its mail is that of %s): the rule is never asked",
			       d->rule.owner, other);
}

static bool set_owner(const struct checker *k, struct rule_draft *d)
{
	if (d->bad_owner)
		return false;
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
	a->mailbox.account = account_of_rule(k, d, a->mailbox.account, home_of(k, rule));
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

/* OWNED: the rule has an owner; without one only what does not depend on it is looked at. */
static bool check_mailboxes(const struct checker *k, struct rule_draft *d, bool owned)
{
	bool good = true;

	for (size_t i = 0; i < d->rule.n_todo; i++) {
		struct rule_action *a = &d->todo[i];

		if (a->mailbox.box != NULL && owned)
			good = check_mailbox(k, d, a) && good;
		else if (a->mailbox.account != NULL && strchr(a->mailbox.account, '@') != NULL)
			good = account_of_rule(k, d, a->mailbox.account, NULL) != NULL && good;
	}
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

/* What an inactive rule would need is no mistake yet. */
static void check_copies(const struct checker *k, const struct rule_draft *d)
{
	const struct rule *rule = &d->rule;
	bool ends = has_action(rule, ACTION_DISCARD) || has_action(rule, ACTION_REJECT);

	if (rule->priority == RULE_INACTIVE)
		return;
	if (rule->keep_clear && !ends)
		rules_complain(k->r, CONF_ERROR, d, NULL,
			       "keep_clear: a sealed and a clear message need %s", copies);
	else if (makes_contents(rule))
		rules_complain(k->r, CONF_ERROR, d, NULL,
			       "what is sealed and what else it stores or sends need %s", copies);
	else if (has_action(rule, ACTION_REJECT))
		rules_complain(k->r, CONF_ERROR, d, NULL,
			       "to store a message that is rejected needs %s", copies);
}

static void check_clear(const struct checker *k, const struct rule_draft *d)
{
	const struct rule *rule = &d->rule;
	bool ends = has_action(rule, ACTION_DISCARD) || has_action(rule, ACTION_REJECT);
	bool any = has_action(rule, ACTION_STORE_ENCRYPTED);

	if (rule->keep_clear && !any)
		rules_complain(k->r, CONF_WARNING, d, NULL, "keep_clear: nothing is sealed here");
	if (rule->keep_clear && any && has_action(rule, ACTION_DISCARD))
		rules_complain(k->r, CONF_WARNING, d, NULL,
			       "keep_clear: (\"Discard\") takes the clear message away");
	if (seals_own(rule) && !ends && !rule->keep_clear)
		rules_complain(k->r, CONF_ERROR, d, NULL,
			       "the clear message goes on to the same account beside the sealed "
			       "one: end with (\"Discard\"), or say keep_clear = true;");
	else if (any)
		check_copies(k, d);
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
	bool owned = set_owner(k, d);

	arena_reset(k->scratch);
	if (!check_mailboxes(k, d, owned) || !owned || d->bad)
		return false;
	for (size_t i = 0; i < d->rule.n_when; i++)
		if (d->when[i].kind == COND_DATE)
			d->when[i].number = zone_instant(k->c->zone, d->when[i].number);
	check_alias(k, d);
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

/* An account, or a domain. */
static const char *share_who(const struct checker *k, const char *text, struct err *why)
{
	const struct conf_domain *d;

	if (strchr(text, '@') != NULL)
		return find_account(k, text, NULL, why);
	d = find_domain(k, span_str(text));
	if (d == NULL)
		unknown_domain(k, text, span_str(text), why);
	return d != NULL ? d->name : NULL;
}

static bool is_box_picture(const char *box)
{
	char plain[RULE_BOX_MAX + 1];
	size_t n = 0;

	/* A name that '*' stands in is as good as one with a letter there. */
	for (; n < RULE_BOX_MAX && box[n] != '\0'; n++)
		plain[n] = box[n] == '*' ? 'x' : box[n];
	plain[n] = '\0';
	return box[n] == '\0' && rules_is_box(span_str(plain));
}

static bool read_share(const struct checker *k, const struct share_draft *s, struct conf_share *ret,
		       struct err *why)
{
	struct span text = span_str(s->mailbox);
	size_t slash = span_find(text, '/', 0);
	const char *box = s->mailbox + (slash < text.len ? slash + 1 : slash), *account;

	if (!span_starts(text, SPAN_LIT("~")) || *box == '\0') {
		err_set(why, RC_CONF, "the mailbox is written as \"~account@domain/Box\"");
		return false;
	}
	if (!is_box_picture(box)) {
		err_set(why, RC_CONF,
			"\"%.60s\": mailboxes are of letters, digits, '.', '_', '-' and '*'", box);
		return false;
	}
	account = arena_strndup(k->r->arena, span_sub(text, 1, slash - 1));
	ret->who = share_who(k, s->who, why);
	if (account != NULL && ret->who != NULL)
		ret->account = find_account(k, account, NULL, why);
	ret->box = span_ieq_str(span_str(box), "INBOX") ? "INBOX" : value_strdup(k->r, box);
	return ret->who != NULL && ret->account != NULL && ret->box != NULL;
}

static bool finish_share(const struct checker *k, const struct share_draft *s,
			 struct conf_share *ret)
{
	struct err why = ERR_INIT;
	bool good = read_share(k, s, ret, &why);

	if (!good && why.text[0] != '\0')
		conf_problems_add(k->r->problems, CONF_ERROR, s->file, s->line,
				  "mailboxes.shared: (\"%s\", \"%s\"): %s", s->who, s->mailbox,
				  why.text);
	return good;
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

	k.scratch = arena_new(SCRATCH_MAX);
	if (k.scratch == NULL)
		r->problems->lost = true;
	else
		finish_shares(&k, &drafts->shares);
	if (c->shares != NULL)
		finish_rules(&k, &drafts->rules);
	arena_free(k.scratch);
}
