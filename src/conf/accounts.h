/* conf/accounts.h - whose mailbox is an address? Pure; any thread.
 *
 * Accounts are the addresses of our domains: aliases of domains resolved, the detail (recipient_delimiter) cut,
 * aliases of addresses (aliases, alias_maps) followed. */
#ifndef CONF_ACCOUNTS_H
#define CONF_ACCOUNTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/err.h"
#include "base/span.h"
#include "conf/conf.h"
#include "mail/address.h"

/* One alias: NAME ("local@domain-name", "@domain-name" for every address that has no other) stands for TARGETS. */
struct conf_alias {
	const char *name;	    /* local part in lower case */
	const char *const *targets; /* local@domain (A-labels); NULL ends */
	const char *file;
	unsigned line;
};

/* conf->aliases: sorted by name, bytewise; the configuration's own before those of maps where both have a name. */
struct conf_aliases {
	const struct conf_alias *at;
	size_t n;
};

enum { ACCOUNT_TARGETS_MAX = 1000, ACCOUNT_DEPTH_MAX = 10, ACCOUNT_STEPS_MAX = 10000 };

/* Where mail for one address goes. */
struct account_target {
	const struct conf_domain *domain; /* whose account it is; NULL: an address elsewhere */
	const char *
		account; /* domain != NULL: "local@name": local part in lower case, without quotes or detail */
	const char *detail; /* "" or what stood behind the delimiter */
	const char *
		address; /* "local+detail@domain" as it would be delivered (RFC 5321 quoting); never NULL */
	bool by_alias; /* an alias of addresses led here */
};

struct account_targets {
	struct account_target *at;
	size_t n; /* 1 or more */
};

/* Follow ADDRESS (local@domain or a mailbox of an envelope) to the accounts it stands for, in the order of the files,
 * each once. An address elsewhere is its own target. accounts = [ ... ] of a domain: a local part that is not listed is
 * no account of ours (domain NULL), though its domain is. Circles of aliases end where they close (the address itself
 * is the target then). RC_LIMIT past ACCOUNT_TARGETS_MAX, ACCOUNT_DEPTH_MAX or ACCOUNT_STEPS_MAX: the text names the alias.
 * RC_NOMEM. */
MUST_CHECK enum rc accounts_resolve(const struct conf *c, const struct mailbox *address,
				    struct arena *arena, struct account_targets *ret,
				    struct err *err);

/* "local@domain" in ARENA, the local part in ASCII lower case: as accounts are named. NULL: out of memory. */
MUST_CHECK char *account_join(struct arena *arena, struct span local, const char *domain);

/* Are A and B ("local@domain") the same account? Local parts without regard to ASCII case. */
bool account_same(const char *a, const char *b);

#endif
