/* mail/address.h - address lists of RFC 5322 3.4 with RFC 6532 (UTF-8), read strictly.
 *
 * Comments and folding white space are allowed wherever the grammar allows them, obsolete routes
 * (<@a,@b:user@c>) and obsolete spacing around dots too. Everything else is RC_INPUT: never guessed.
 * Empty members of a list (4.4) are skipped. Depth of comments and number of mailboxes are bounded,
 * cost is linear. Pure; spans point into VALUE or the arena.
 */
#ifndef MAIL_ADDRESS_H
#define MAIL_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

struct mailbox {
	struct span
		display;    /* display name, quoting removed, words joined by one space; or empty */
	struct span local;  /* local part, quoting removed */
	struct span domain; /* as written; "[...]" for a literal; U-labels stay */
	bool in_group;
};

struct address_list {
	struct mailbox *at;
	size_t n;
	bool has_group; /* "name: ... ;" occurred, possibly with no mailbox in it */
	bool unusual;	/* white space, comments or a route inside an address: legal, but rare, and
			   readers differ */
};

/* At most this many mailboxes in one field; more is RC_LIMIT. */
#define ADDRESS_MAX 10000

/* RC_INPUT: the text says where; an empty list is RC_OK with n = 0. */ MUST_CHECK enum rc
address_list_read(struct span value, struct arena *arena, struct address_list *ret,
		  struct err *err);

/* One address of an SMTP envelope: "<user@dom>" or "user@dom" (Postfix gives non-SMTP senders bare),
 * "<>" or "" is the null address (local and domain empty, RC_OK), source routes and a dot behind the
 * domain are dropped, "<postmaster>" has no domain. Neither white space nor comments are allowed inside. */
MUST_CHECK enum rc address_envelope_read(struct span text, struct arena *arena, struct mailbox *ret,
					 struct err *err);

/* local@domain, the local part quoted where RFC 5321 4.1.2 needs it, appended to OUT; nothing for the
 * null address. */
MUST_CHECK enum rc address_show(const struct mailbox *m, struct buf *out, struct err *err);

#endif
