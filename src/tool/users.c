/* The noun user: its table of verbs, and what they share. */
#include "tool/users.h"

#include <stdio.h>
#include <string.h>

#include "base/units.h"

enum rc users_open(struct tool *t, struct users_work *w, struct err *err)
{
	enum rc rc;

	*w = (struct users_work){.t = t, .arena = arena_new(1u << 20)};
	if (w->arena == NULL)
		return err_set(err, RC_NOMEM, "out of memory");
	rc = tool_snapshot(t, &w->snap, err);
	if (rc == RC_OK)
		rc = account_read(t, tool_arg(t, 0), w->snap->users, w->arena, &w->account, err);
	if (rc == RC_OK)
		w->run = user_cert_list_account(w->snap->users, w->account.name, &w->n);
	if (w->run != NULL)
		w->account.name = w->run->account; /* as it was written when it was added */
	return rc;
}

void users_close(struct users_work *w)
{
	w->arena = arena_free(w->arena);
}

static bool is_hex(char c)
{
	return is_ascii_digit(c) || (c >= 'a' && c <= 'f');
}

/* What OpenSSL and browsers show has colons and capitals. */
static enum rc read_prefix(const char *text, char ret[SHA256_HEX_SIZE], struct err *err)
{
	const char *p = text;
	size_t n = 0;

	for (; n < SHA256_HEX_SIZE - 1 && (*p == ':' || is_hex(ascii_lower(*p))); p++)
		if (*p != ':')
			ret[n++] = ascii_lower(*p);
	if (n == 0 || *p != '\0')
		return err_set(err, RC_INPUT,
			       "'%s' is no beginning of a fingerprint: hexadecimal digits, at "
			       "most 64",
			       text);
	ret[n] = '\0';
	return RC_OK;
}

enum rc users_find(struct users_work *w, const char *prefix, const struct user_cert **ret,
		   struct err *err)
{
	const struct user_cert *found = NULL;
	char hex[SHA256_HEX_SIZE];
	enum rc rc = read_prefix(prefix, hex, err);

	for (size_t i = 0; rc == RC_OK && i < w->n; i++) {
		if (strncmp(w->run[i].fingerprint, hex, strlen(hex)) != 0)
			continue;
		if (found != NULL)
			rc = err_set(err, RC_INPUT,
				     "%s: several certificates begin with %s (%.16s, %.16s): give "
				     "more digits",
				     w->account.name, hex, found->fingerprint,
				     w->run[i].fingerprint);
		found = &w->run[i];
	}
	if (rc == RC_OK && found == NULL)
		rc = err_set(err, RC_NOTFOUND, "%s has no certificate whose fingerprint begins %s",
			     w->account.name, hex);
	if (rc != RC_OK)
		tool_next(w->t, "mailseal user cert list %s", w->account.name);
	else
		*ret = found;
	return rc;
}

/* --- words ------------------------------------------------------------------------------------ */

const char *user_kind(const struct user_cert *c, char ret[USER_KIND_SIZE])
{
	snprintf(ret, USER_KIND_SIZE, "%s %u", c->kind == CERT_RSA ? "RSA" : "EC", c->bits);
	return ret;
}

const struct user_cert *user_sealing_now(const struct conf_domain *d, const struct user_cert *run,
					 size_t n, int64_t now)
{
	struct user_cert_choice choice = {.cert = NULL};
	int64_t grace = d != NULL && d->seal.on_expired == FALLBACK_SEAL ? d->seal.grace : 0;

	if (d == NULL || !user_cert_for_sealing(run, n, now, grace, &choice))
		return NULL;
	return choice.cert;
}

const char *user_state_word(const struct user_cert *c, int64_t now)
{
	if (now < c->not_before)
		return "to come";
	return now > c->not_after ? "ended" : "valid";
}

const char *user_account_word(enum expiry_state s)
{
	switch (s) {
	case EXPIRY_GOOD:
		return "good";
	case EXPIRY_ENDS_SOON:
		return "ends soon";
	case EXPIRY_ENDED:
		return "ended";
	case EXPIRY_TO_COME:
		return "to come";
	}
	return "unknown";
}

const char *user_date(int64_t when, char ret[USER_DATE_SIZE])
{
	struct buf out;

	buf_init(&out, USER_DATE_SIZE - 1);
	snprintf(ret, USER_DATE_SIZE, "%s",
		 units_show_time(when, &out, NULL) == RC_OK ? buf_cstr(&out) : "-");
	buf_clear(&out);
	return ret;
}

json_t *user_cert_json(const struct user_cert *c, int64_t now)
{
	return json_pack("{s:s, s:s, s:s, s:i, s:b, s:I, s:I, s:I, s:s}", "account", c->account,
			 "fingerprint", c->fingerprint, "kind", c->kind == CERT_RSA ? "RSA" : "EC",
			 "bits", (int)c->bits, "pinned", (int)c->pinned, "not_before",
			 (json_int_t)c->not_before, "not_after", (json_int_t)c->not_after, "added",
			 (json_int_t)c->added, "state", user_state_word(c, now));
}

json_t *user_listed_json(const struct user_cert *c, bool seals, int64_t now)
{
	json_t *one = user_cert_json(c, now);

	if (one != NULL && json_object_set_new(one, "seals", json_boolean(seals)) != 0) {
		json_decref(one);
		one = NULL;
	}
	return one;
}

/* --- the table -------------------------------------------------------------------------------- */

static const struct tool_option add_options[] = {
	{"pin", NULL, "good as it is, without a trusted issuer"},
	{"force", NULL, "do it although the checks speak against it"},
	{NULL, NULL, NULL},
};

static const struct tool_option show_options[] = {
	{"pem", NULL, "write it as PEM, and what came along behind it"},
	{NULL, NULL, NULL},
};

static const struct tool_option remove_options[] = {
	{"force", NULL, "do it although the checks speak against it"},
	{NULL, NULL, NULL},
};

const struct tool_verb tool_verbs_user[] = {
	{
		.noun = "user",
		.verb = "list",
		.args = "[PATTERN]",
		.max_args = 1,
		.summary = "List the accounts that have certificates",
		.help = "PATTERN is a domain, an account, or a pattern of accounts as the shell "
			"has\n"
			"them; case does not count. Shown are the number of certificates, how it\n"
			"stands with them, and the one that mail is sealed for now.\n"
			"\n"
			"Example: mailseal user list 'j*@example.com'\n",
		.flags = TOOL_READS | TOOL_STATE,
		.run = user_list_run,
	},
	{
		.noun = "user",
		.verb = "show",
		.args = "ACCOUNT",
		.min_args = 1,
		.max_args = 1,
		.summary = "Show one account and all about its certificates",
		.help = "ACCOUNT is an address of a configured domain or of an alias of one.\n"
			"\n"
			"Example: mailseal user show john@example.com\n",
		.flags = TOOL_READS | TOOL_STATE,
		.run = user_show_run,
	},
	{
		.noun = "user",
		.verb = "cert add",
		.args = "ACCOUNT FILE",
		.min_args = 2,
		.max_args = 2,
		.summary = "Add a certificate that mail of an account is sealed for",
		.help = "FILE is PEM, DER or PKCS#7 (\"-\": standard input); of several "
			"certificates the\n"
			"user's is found, the others are kept as its chain. It must be for RSA "
			"with\n"
			"2048 bits or more, or P-256, P-384 or P-521, for encryption, for S/MIME "
			"where\n"
			"it says what for, for the account's address (that of an alias of the "
			"domain\n"
			"is as good), and have a path to a trusted issuer.\n"
			"--pin takes it without that path: compare its fingerprint with the "
			"user's\n"
			"first. --force takes one that has ended. Of several the newest valid one "
			"is\n"
			"used, RSA before EC. The private key stays with the user: one in FILE is "
			"left\n"
			"out.\n"
			"\n"
			"Example: mailseal user cert add john@example.com john.pem\n",
		.options = add_options,
		.flags = TOOL_WRITES,
		.run = user_cert_add_run,
	},
	{
		.noun = "user",
		.verb = "cert list",
		.args = "ACCOUNT",
		.min_args = 1,
		.max_args = 1,
		.summary = "List the certificates of an account",
		.help = "Fingerprint, key, first and last moment; \"seals\" marks the one that "
			"mail "
			"is\n"
			"sealed for now.\n"
			"\n"
			"Example: mailseal user cert list john@example.com\n",
		.flags = TOOL_READS | TOOL_STATE,
		.run = user_cert_list_run,
	},
	{
		.noun = "user",
		.verb = "cert show",
		.args = "ACCOUNT FINGERPRINT",
		.min_args = 2,
		.max_args = 2,
		.summary = "Show one certificate of an account",
		.help = "The beginning of the fingerprint is enough.\n"
			"\n"
			"Example: mailseal user cert show john@example.com 3fa2 --pem\n",
		.options = show_options,
		.flags = TOOL_READS | TOOL_STATE,
		.run = user_cert_show_run,
	},
	{
		.noun = "user",
		.verb = "cert remove",
		.args = "ACCOUNT FINGERPRINT",
		.min_args = 2,
		.max_args = 2,
		.summary = "Remove one certificate of an account",
		.help = "What was sealed for it stays as it is and is opened with the user's key "
			"as\n"
			"before. The last one that is valid needs --force: without any, mail that "
			"a\n"
			"rule says to seal is treated as seal.on_missing_certificate says.\n"
			"\n"
			"Example: mailseal user cert remove john@example.com 3fa2\n",
		.options = remove_options,
		.flags = TOOL_WRITES | TOOL_STATE,
		.run = user_cert_remove_run,
	},
	{.noun = NULL},
};
