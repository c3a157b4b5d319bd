/* mail/loose.h - the domains that readers which are not strict may find in a list of addresses.
 *
 * Readers in the field take the first angle address or the last one, the first thing with an '@' or
 * each of them; they heed quotes and comments, or do not. All of them go by an '@' and what stands
 * behind it. So every '@' is looked at, wherever it stands: where all name one domain, no reader can
 * find another. Linear in the length of the value. Pure.
 */
#ifndef MAIL_LOOSE_H
#define MAIL_LOOSE_H

#include "base/attr.h"
#include "base/err.h"
#include "base/span.h"
#include "mail/domain.h"

enum loose_kind {
	LOOSE_ONE,	 /* every reading gives ret->domain */
	LOOSE_DIFFERENT, /* readings give different domains, or some give none */
	LOOSE_NO_DOMAIN, /* there are addresses, none with a legal domain name */
	LOOSE_EMPTY,	 /* nothing that could name anybody */
	LOOSE_SYNTAX	 /* nothing of it is an address */
};

struct loose {
	enum loose_kind kind;
	char domain[DOMAIN_SIZE]; /* A-labels; LOOSE_ONE */
	struct span domain_text;  /* as written where it stands first */
	struct span local;	  /* where all readings have the same one, else empty */
};

/* RC_NOMEM only. Spans point into VALUE. */
MUST_CHECK enum rc loose_read(struct span value, struct loose *ret, struct err *err);

#endif
