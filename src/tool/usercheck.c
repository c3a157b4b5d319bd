/* check: certificates of accounts. */
#include "tool/users.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "conf/accounts.h"
#include "tool/certfile.h"

/* What there is to be found; each kind is counted by itself. */
enum kind { ENDED, ENDS_SOON, TO_COME, NO_ACCOUNT, NOT_BUILT, BAD_ROW, NOT_GOOD, KINDS };

static const struct {
	enum finding_level level;
	const char *more; /* "17 more ..." */
} kinds[KINDS] = {
	[ENDED] = {FINDING_ERROR, "accounts have no valid certificate any more"},
	[ENDS_SOON] = {FINDING_WARNING, "certificates end soon"},
	[TO_COME] = {FINDING_NOTE, "accounts have no valid certificate yet"},
	[NO_ACCOUNT] = {FINDING_NOTE, "accounts are none by the configuration"},
	[NOT_BUILT] = {FINDING_WARNING,
		       "accounts have a certificate that cannot be sealed for yet"},
	[BAD_ROW] = {FINDING_ERROR, "certificates are not what the catalogue says"},
	[NOT_GOOD] = {FINDING_WARNING, "certificates would not be accepted today"},
};

struct user_checker {
	const struct conf *conf;
	struct trust_anchors *anchors;
	int64_t now;
	struct findings *f;
	struct arena *arena; /* of one account */
	size_t found[KINDS];
	size_t parsed; /* how many were looked into */
};

static enum rc found(struct user_checker *c, enum kind kind, const char *subject, const char *next,
		     struct err *err, const char *fmt, ...) PRINTF_LIKE(6, 7);

static enum rc found(struct user_checker *c, enum kind kind, const char *subject, const char *next,
		     struct err *err, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	va_list args;

	if (c->found[kind]++ >= USER_CHECK_LINES)
		return RC_OK;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return findings_add(c->f, kinds[kind].level, subject, next, err, "%s", text);
}

/* --- dates ------------------------------------------------------------------------------------ */

enum { NEXT_SIZE = 400 };

static enum rc check_end(struct user_checker *c, const struct user_cert *u, const char *next,
			 struct err *err)
{
	int64_t days = expiry_days(u->not_after, c->now);
	char when[USER_DATE_SIZE];

	if (days == 0 || u->not_after - c->now > EXPIRY_SOON)
		return RC_OK;
	return found(c, ENDS_SOON, u->account, next, err,
		     "its certificate %.16s ends in %lld day%s (%s)", u->fingerprint,
		     (long long)days, days == 1 ? "" : "s", user_date(u->not_after, when));
}

/* None is valid any more: what was the last one is used for a while longer, or not. */
static enum rc add_ended(struct user_checker *c, const struct conf_domain *d,
			 const struct user_cert *run, size_t n, int64_t last, const char *next,
			 struct err *err)
{
	const struct user_cert *used = user_sealing_now(d, run, n, c->now);
	char when[USER_DATE_SIZE], until[USER_DATE_SIZE];

	if (used == NULL)
		return found(c, ENDED, run->account, next, err,
			     "no valid certificate any more, the last one ended %s",
			     user_date(last, when));
	return found(c, ENDED, run->account, next, err,
		     "no valid certificate any more, the last one ended %s and is used until %s "
		     "(seal.certificate_grace)",
		     user_date(last, when), user_date(used->not_after + d->seal.grace, until));
}

static enum rc check_dates(struct user_checker *c, const struct conf_domain *d,
			   const struct user_cert *run, size_t n, struct err *err)
{
	enum expiry_state state = expiry_of_account(run, n, c->now);
	int64_t last = run->not_after, first = run->not_before;
	char next[NEXT_SIZE], when[USER_DATE_SIZE];
	enum rc rc = RC_OK;

	for (size_t i = 1; i < n; i++) {
		last = run[i].not_after > last ? run[i].not_after : last;
		first = run[i].not_before < first ? run[i].not_before : first;
	}
	snprintf(next, sizeof(next), "mailseal user cert add %s FILE", run->account);
	if (state == EXPIRY_ENDED)
		return add_ended(c, d, run, n, last, next, err);
	if (state == EXPIRY_TO_COME)
		return found(c, TO_COME, run->account, NULL, err, "no valid certificate before %s",
			     user_date(first, when));
	for (size_t i = 0; rc == RC_OK && i < n; i++)
		if (expiry_matters(run, n, i))
			rc = check_end(c, &run[i], next, err);
	return rc;
}

/* --- what is stored --------------------------------------------------------------------------- */

static bool row_is_true(const struct user_cert *u, const struct cert *parsed)
{
	return u->kind == cert_kind(parsed) && u->bits == cert_bits(parsed) &&
	       u->not_before == cert_not_before(parsed) && u->not_after == cert_not_after(parsed);
}

static enum rc read_chain(const struct user_cert *u, struct cert *chain[USER_CHAIN_MAX],
			  struct err *err)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; rc == RC_OK && i < u->n_chain; i++)
		rc = cert_read_der(u->chain[i], &chain[i], err);
	return rc;
}

static enum rc check_acceptance(struct user_checker *c, const struct user_cert *u,
				const struct cert *parsed, struct cert *const *chain,
				const char *const *addresses, struct err *err)
{
	char why[300], next[NEXT_SIZE];
	enum cert_fault fault = certfile_check(parsed, chain, u->n_chain, addresses, c->anchors,
					       u->pinned, c->now, why, sizeof(why));

	if (fault == CERT_GOOD)
		return RC_OK;
	snprintf(next, sizeof(next), "mailseal user cert show %s %.16s", u->account,
		 u->fingerprint);
	return found(c, NOT_GOOD, u->account, next, err,
		     "its certificate %.16s would not be accepted today: %s: %s", u->fingerprint,
		     cert_fault_name(fault), why);
}

static enum rc bad_row(struct user_checker *c, const struct user_cert *u, const char *what,
		       struct err *err)
{
	char next[NEXT_SIZE];

	snprintf(next, sizeof(next), "mailseal user cert remove %s %.16s --force", u->account,
		 u->fingerprint);
	return found(c, BAD_ROW, u->account, next, err, "its certificate %.16s: %s; add it again",
		     u->fingerprint, what);
}

/* OpenSSL takes its time for a key: some 0.2 ms each. */
static enum rc look_into(struct user_checker *c, const struct user_cert *u,
			 const char *const *addresses, struct err *err)
{
	struct cert *parsed = NULL, *chain[USER_CHAIN_MAX] = {NULL};
	struct err why = ERR_INIT;
	enum rc rc = cert_read_der(u->der, &parsed, &why);

	if (rc == RC_OK)
		rc = read_chain(u, chain, &why);
	if (rc == RC_NOMEM)
		err_set(err, rc, "%s", why.text);
	else if (rc != RC_OK)
		rc = bad_row(c, u, why.text, err);
	else if (!row_is_true(u, parsed))
		rc = bad_row(c, u, "it is not what the catalogue says of it", err);
	else
		rc = check_acceptance(c, u, parsed, chain, addresses, err);
	for (size_t i = 0; i < u->n_chain; i++)
		cert_unref(chain[i]);
	cert_unref(parsed);
	return rc;
}

/* One that has ended is not looked into: nobody needs to hear more of it. */
static enum rc check_stored(struct user_checker *c, const struct user_cert *u,
			    const char *const *addresses, struct err *err)
{
	uint8_t digest[SHA256_LEN];
	char hex[SHA256_HEX_SIZE];
	enum rc rc = sha256_of(u->der, digest, err);

	if (rc != RC_OK)
		return rc;
	sha256_hex(digest, hex);
	if (strcmp(hex, u->fingerprint) != 0)
		return bad_row(c, u, "its bytes have changed", err);
	if (c->now > u->not_after || c->parsed++ >= USER_CHECK_PARSED)
		return RC_OK;
	return look_into(c, u, addresses, err);
}

/* --- accounts --------------------------------------------------------------------------------- */

/* Mail never goes to an address that is none, or an alias: its certificates are of no use. */
static enum rc check_address(struct user_checker *c, const struct account *a, size_t n,
			     bool *ret_good, struct err *err)
{
	struct mailbox m = {.local = span_of(a->name, (size_t)(a->domain - a->name) - 1),
			    .domain = span_str(a->domain)};
	struct account_targets targets;
	struct err why = ERR_INIT;
	enum rc rc = accounts_resolve(c->conf, &m, c->arena, &targets, &why);
	const char *what = NULL;

	if (rc == RC_NOMEM)
		return err_set(err, rc, "%s", why.text);
	if (a->config == NULL)
		what = "the configuration does not name its domain";
	else if (rc != RC_OK || targets.at[0].by_alias)
		what = "it is an alias";
	else if (targets.at[0].domain == NULL)
		what = "its domain does not list it among its accounts";
	else if (targets.at[0].detail[0] != '\0')
		what = "it has a detail (recipient_delimiter)";
	*ret_good = what == NULL;
	if (what == NULL)
		return RC_OK;
	return found(c, NO_ACCOUNT, a->name, NULL, err,
		     "has %zu certificate%s, but is no account: %s", n, n == 1 ? "" : "s", what);
}

static enum rc check_kind(struct user_checker *c, const struct conf_domain *d,
			  const struct user_cert *run, size_t n, struct err *err)
{
	const struct user_cert *used = user_sealing_now(d, run, n, c->now);

	if (used == NULL || used->kind == CERT_RSA)
		return RC_OK;
	return found(c, NOT_BUILT, run->account, NULL, err,
		     "its certificate %.16s is for an EC key; %s", used->fingerprint,
		     USER_EC_NOT_BUILT);
}

static enum rc check_account(struct user_checker *c, const struct user_cert *run, size_t n,
			     struct err *err)
{
	struct account a = {.name = run->account, .domain = strrchr(run->account, '@') + 1};
	const char *const *addresses;
	bool good = false;
	enum rc rc;

	arena_reset(c->arena);
	a.config = conf_domain_find(c->conf, a.domain);
	rc = check_address(c, &a, n, &good, err);
	if (rc != RC_OK || !good)
		return rc;
	addresses = account_addresses(&a, c->arena);
	if (addresses == NULL)
		return err_set(err, RC_NOMEM, "out of memory");
	rc = check_dates(c, a.config, run, n, err);
	if (rc == RC_OK)
		rc = check_kind(c, a.config, run, n, err);
	for (size_t i = 0; rc == RC_OK && i < n; i++)
		rc = check_stored(c, &run[i], addresses, err);
	return rc;
}

/* --- escrow ----------------------------------------------------------------------------------- */

/* Everything that is sealed for the domain's accounts is sealed for it too, valid or not. */
static enum rc check_escrow(struct user_checker *c, const struct conf_domain *d, struct err *err)
{
	int64_t end = d->escrow != NULL ? cert_not_after(d->escrow) : 0;
	int64_t days = expiry_days(end, c->now);
	char when[USER_DATE_SIZE];

	if (d->escrow == NULL || end - c->now > EXPIRY_SOON)
		return RC_OK;
	if (days == 0)
		return findings_add(c->f, FINDING_ERROR, d->name, NULL, err,
				    "its escrow certificate ended %s", user_date(end, when));
	return findings_add(c->f, FINDING_WARNING, d->name, NULL, err,
			    "its escrow certificate ends in %lld day%s (%s)", (long long)days,
			    days == 1 ? "" : "s", user_date(end, when));
}

/* How many of a kind were not shown. */
static enum rc add_rest(struct user_checker *c, struct err *err)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; rc == RC_OK && i < KINDS; i++)
		if (c->found[i] > USER_CHECK_LINES)
			rc = findings_add(c->f, kinds[i].level, "certificates",
					  "mailseal user list", err, "%zu more %s",
					  c->found[i] - USER_CHECK_LINES, kinds[i].more);
	if (rc == RC_OK && c->parsed > USER_CHECK_PARSED)
		rc = findings_add(c->f, FINDING_NOTE, "certificates", NULL, err,
				  "whether they would be accepted today was looked at for the "
				  "first %d",
				  USER_CHECK_PARSED);
	return rc;
}

enum rc user_check(const struct conf *conf, const struct user_cert_list *list,
		   const char *anchors_file, int64_t now, struct findings *f, struct err *err)
{
	struct user_checker c = {
		.conf = conf, .now = now, .f = f, .arena = arena_new((size_t)16 << 20)};
	size_t n;
	enum rc rc = c.arena != NULL ? RC_OK : err_set(err, RC_NOMEM, "out of memory");

	if (rc == RC_OK && list->n > 0)
		rc = trust_anchors_new(anchors_file, &c.anchors, err);
	for (size_t i = 0; rc == RC_OK && i < list->n; i += n) {
		const struct user_cert *run = user_cert_list_account(list, list->at[i].account, &n);

		rc = check_account(&c, run, n, err);
	}
	if (rc == RC_OK)
		rc = add_rest(&c, err);
	for (size_t i = 0; rc == RC_OK && i < conf->n_domains; i++)
		rc = check_escrow(&c, &conf->domains[i], err);
	trust_anchors_free(c.anchors);
	arena_free(c.arena);
	return rc;
}
