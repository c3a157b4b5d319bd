#include "tool/rulecheck.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "conf/accounts.h"
#include "tool/users.h"

/* An account of a catalogue: RFC 5321 4.5.3.1, with room. */
enum { ACCOUNT_SIZE = 400, NEXT_SIZE = ACCOUNT_SIZE + 40 };

struct rule_checker {
	const struct conf *conf;
	const struct user_cert_list *list;
	int64_t now;
	struct findings *f;
	struct err *err;
	char told[RULE_CHECK_LINES][ACCOUNT_SIZE]; /* each account once */
	size_t found;
};

static const struct conf_domain *domain_of(const struct conf *conf, const char *account)
{
	const char *at = strrchr(account, '@');

	return at != NULL ? conf_domain_find(conf, at + 1) : NULL;
}

static bool is_told(const struct rule_checker *c, const char *account)
{
	for (size_t i = 0; i < c->found && i < RULE_CHECK_LINES; i++)
		if (account_same(c->told[i], account))
			return true;
	return false;
}

static const char *what_happens(const struct conf_domain *d)
{
	return d->seal.on_missing == FALLBACK_REJECT  ? "rejected"
	       : d->seal.on_missing == FALLBACK_PLAIN ? "stored in clear"
						      : "deferred";
}

static enum rc check_account(struct rule_checker *c, const struct rule *rule, const char *account)
{
	const struct conf_domain *d = domain_of(c->conf, account);
	const struct user_cert *run;
	char next[NEXT_SIZE];
	size_t n;

	if (d == NULL || d->mode != MODE_ENABLED)
		return RC_OK;
	run = user_cert_list_account(c->list, account, &n);
	if (user_sealing_now(d, run, n, c->now) != NULL || is_told(c, account))
		return RC_OK;
	if (c->found >= RULE_CHECK_LINES) {
		c->found++;
		return RC_OK;
	}
	snprintf(c->told[c->found++], ACCOUNT_SIZE, "%s", account);
	snprintf(next, sizeof(next), "mailseal user cert add %s FILE", account);
	return findings_add(
		c->f, FINDING_WARNING, account, next, c->err,
		"rule \"%s\" seals for it (%s:%u), but it has no certificate to seal with: "
		"such mail is %s",
		rule->name, rule->file, rule->line, what_happens(d));
}

/* Rules of a domain seal for whoever gets mail there: only what is listed can be looked at. */
static enum rc check_listed(struct rule_checker *c, const struct rule *rule)
{
	const struct conf_domain *d = conf_domain_find(c->conf, rule->owner);
	char account[ACCOUNT_SIZE];
	enum rc rc = RC_OK;

	if (d == NULL || d->accounts == NULL)
		return RC_OK;
	for (const char *const *a = d->accounts; *a != NULL && rc == RC_OK; a++) {
		snprintf(account, sizeof(account), "%s@%s", *a, d->name);
		rc = check_account(c, rule, account);
	}
	return rc;
}

static enum rc check_action(struct rule_checker *c, const struct rule *rule,
			    const struct rule_action *a)
{
	enum rc rc = RC_OK;

	if (a->kind != ACTION_STORE_ENCRYPTED)
		return RC_OK;
	if (a->mailbox.account != NULL)
		rc = check_account(c, rule, a->mailbox.account);
	if (rc == RC_OK && rule->level == RULE_ACCOUNT)
		rc = check_account(c, rule, rule->owner);
	if (rc == RC_OK && rule->level == RULE_DOMAIN)
		rc = check_listed(c, rule);
	return rc;
}

static enum rc check_spool(struct rule_checker *c)
{
	const char *dir = c->conf->spool_dir;

	/* One that is not there yet is made by the daemon. */
	if (access(dir, W_OK | X_OK) == 0 || errno == ENOENT)
		return RC_OK;
	return findings_add(c->f, FINDING_ERROR, "spool.dir", NULL, c->err,
			    "%s: %s: large messages cannot be sealed", dir, strerror(errno));
}

enum rc rule_check(const struct conf *conf, const struct user_cert_list *list, int64_t now,
		   struct findings *f, struct err *err)
{
	struct rule_checker c = {.conf = conf, .list = list, .now = now, .f = f, .err = err};
	const struct rules *rules = &conf->rules;
	enum rc rc = rules->n != 0 ? check_spool(&c) : RC_OK;

	for (size_t i = 0; i < rules->n && rc == RC_OK; i++)
		for (size_t k = 0; k < rules->at[i].n_todo && rc == RC_OK; k++)
			if (rules->at[i].priority != RULE_INACTIVE)
				rc = check_action(&c, &rules->at[i], &rules->at[i].todo[k]);
	if (rc == RC_OK && c.found > RULE_CHECK_LINES)
		rc = findings_add(f, FINDING_WARNING, "rules", "mailseal user list", err,
				  "%zu more accounts that rules seal for have no certificate",
				  c.found - RULE_CHECK_LINES);
	return rc;
}
