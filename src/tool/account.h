/* tool/account.h - accounts as they are typed. */
#ifndef TOOL_ACCOUNT_H
#define TOOL_ACCOUNT_H

#include "base/arena.h"
#include "tool/tool.h"

struct account {
	const char *name;		  /* local@domain, as the catalogue has it */
	const char *domain;		  /* the part of NAME behind the @ */
	const struct conf_domain *config; /* NULL: the configuration does not name the domain */
};

/* TEXT is "local@domain"; aliases of a domain become its name, an alias of one account that account, and both are said.
 * What *RET points to lies in ARENA. An address that USERS (may be NULL) has certificates of is an account whatever the
 * configuration says: what is not one any more can still be shown and removed. RC_INPUT: no address, one with a detail,
 * an alias of several or of somebody elsewhere; RC_NOTFOUND: of an unknown domain, as tool_domain(), or not listed by
 * its domain. */
MUST_CHECK enum rc account_read(struct tool *t, const char *text,
				const struct user_cert_list *users, struct arena *arena,
				struct account *ret, struct err *err);

/* Every address that is the account's: its name, then its local part at each alias of the domain; NULL ends. In ARENA;
 * NULL: out of memory. */
MUST_CHECK const char *const *account_addresses(const struct account *a, struct arena *arena);

#endif
