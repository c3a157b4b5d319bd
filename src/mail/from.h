/* mail/from.h - whose message is it? The one domain that From: names, or the reason why none.
 *
 * RFC 5322 3.6.2. Strict on purpose: what different readers read differently has no single author,
 * and a signature would lend it one. Pure.
 */
#ifndef MAIL_FROM_H
#define MAIL_FROM_H

#include "base/arena.h"
#include "base/attr.h"
#include "base/err.h"
#include "mail/address.h"
#include "mail/domain.h"
#include "mail/field.h"

enum from_status {
	FROM_GOOD,	/* one domain: ret->domain */
	FROM_MISSING,	/* no From: field */
	FROM_REPEATED,	/* more than one From: field */
	FROM_SPACED,	/* white space before its colon: such a field cannot be signed */
	FROM_EMPTY,	/* no mailbox in it (empty, or an empty group) */
	FROM_SYNTAX,	/* cannot be read in any way */
	FROM_AMBIGUOUS, /* can be read in several ways that name different domains */
	FROM_NO_DOMAIN, /* a mailbox without a domain, with a literal, or with an illegal name */
	FROM_SEVERAL	/* mailboxes of several domains, and Sender: names none of them */
};

struct from {
	enum from_status status;
	char domain[DOMAIN_SIZE]; /* A-labels; set when FROM_GOOD */
	struct address_list
		list;	       /* the mailboxes of the strict reading; n = 0 when there is none */
	struct mailbox author; /* the mailbox whose domain was taken (the first one of it); when the
				  strict reading failed, its local part is empty unless all
				  readings have the same */
	bool by_sender;	       /* several domains: Sender: decided */
};

/* One mailbox: its domain. Several of one domain: that one. Of several: the domain of Sender: when it
 * is among them. A field that the strict grammar refuses is read in the ways that readers in the field
 * read it (first angle address, last angle address, first address, every address-like word outside
 * angles, with and without comments and quotes); it is FROM_GOOD only where all give one domain. The
 * same goes for what is legal but read differently (white space, comments, routes inside an address).
 * A NUL, or a line end that is no fold, is FROM_SYNTAX. Fails with RC_NOMEM only. */
MUST_CHECK enum rc from_read(const struct fields *fields, struct arena *arena, struct from *ret,
			     struct err *err);

/* For log lines, beside the name of the field: "more than one field". */
const char *from_status_text(enum from_status s);

#endif
