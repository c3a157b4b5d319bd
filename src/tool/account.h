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

/* TEXT is "local@domain"; U-labels and aliases of a domain become its name, which is said. What *RET points to lies in
 * ARENA. RC_INPUT: no address, or one with a detail; RC_NOTFOUND as tool_domain(), unless USERS (may be NULL) has
 * certificates of that account: what left the configuration can still be shown and removed. */
MUST_CHECK enum rc account_read(struct tool *t, const char *text,
				const struct user_cert_list *users, struct arena *arena,
				struct account *ret, struct err *err);

/* Every address that is the account's: its name, then its local part at each alias of the domain; NULL ends. In ARENA;
 * NULL: out of memory. */
MUST_CHECK const char *const *account_addresses(const struct account *a, struct arena *arena);

#endif
