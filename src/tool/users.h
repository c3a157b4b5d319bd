/* tool/users.h - what the verbs of the noun user share; usercert.c changes certificates of accounts, userlist.c and usershow.c
 * show them, usercheck.c looks at all of them for "mailseal check". */
#ifndef TOOL_USERS_H
#define TOOL_USERS_H

#include "core/expiry.h"
#include "tool/account.h"
#include "tool/findings.h"
#include "tool/tool.h"

/* The account of the first argument, and its certificates; ended by users_close(), after a failure too. */
struct users_work {
	struct tool *t;
	const struct snapshot *snap;
	struct account account;
	const struct user_cert *run; /* its certificates */
	size_t n;
	struct arena *arena;
};
MUST_CHECK enum rc users_open(struct tool *t, struct users_work *w, struct err *err);
void users_close(struct users_work *w);

/* The one of the account whose fingerprint begins with PREFIX (hex of either case, colons left out). RC_INPUT: no hex, or
 * several begin so; RC_NOTFOUND. */
MUST_CHECK enum rc users_find(struct users_work *w, const char *prefix,
			      const struct user_cert **ret, struct err *err);

/* Sealing for EC keys is not built yet (smime/envelope.h). */
#define USER_EC_NOT_BUILT                                                                          \
	"mail cannot be sealed for those yet: what a rule would seal for it is deferred"

/* "RSA 2048", "EC 256". */
enum { USER_KIND_SIZE = 24 };
const char *user_kind(const struct user_cert *c, char ret[USER_KIND_SIZE]);
/* UTC. */
enum { USER_DATE_SIZE = 32 };
const char *user_date(int64_t when, char ret[USER_DATE_SIZE]);
/* "valid", "to come", "ended"; of an account "good", "ends soon", "to come", "ended". */
const char *user_state_word(const struct user_cert *c, int64_t now);
const char *user_account_word(enum expiry_state s);
/* The one that mail of the account is sealed for now, or NULL; it may have ended, where D (NULL: not configured, and
 * nothing is sealed) has certificate_grace. */
const struct user_cert *user_sealing_now(const struct conf_domain *d, const struct user_cert *run,
					 size_t n, int64_t now);
/* What the catalogue knows of one certificate. NULL: out of memory. */
json_t *user_cert_json(const struct user_cert *c, int64_t now);
/* With that in it: of all of the account mail is sealed for this one now (SEALS). */
json_t *user_listed_json(const struct user_cert *c, bool seals, int64_t now);

/* userlist.c, usershow.c */
enum rc user_list_run(struct tool *t, struct err *err);
enum rc user_show_run(struct tool *t, struct err *err);
enum rc user_cert_list_run(struct tool *t, struct err *err);
enum rc user_cert_show_run(struct tool *t, struct err *err);

/* usercert.c */
enum rc user_cert_add_run(struct tool *t, struct err *err);
enum rc user_cert_remove_run(struct tool *t, struct err *err);

/* usercheck.c: what is wrong with the stored certificates of LIST: changed, not as their rows say, not good for their
 * accounts any more, about to end, of no account; and with those that domains have for escrow. Bounded: at most
 * USER_CHECK_LINES findings of a kind, then a count; the first USER_CHECK_PARSED are looked into. ANCHORS_FILE: the trusted
 * set. */
enum { USER_CHECK_LINES = 20, USER_CHECK_PARSED = 10000 };
MUST_CHECK enum rc user_check(const struct conf *conf, const struct user_cert_list *list,
			      const char *anchors_file, int64_t now, struct findings *f,
			      struct err *err);

#endif
