/* dkim/sigread.h - a DKIM-Signature field, read strictly. RFC 6376 3.5, 6.1.1; RFC 8616 5. Pure. */
#ifndef DKIM_SIGREAD_H
#define DKIM_SIGREAD_H

#include "base/arena.h"
#include "base/attr.h"
#include "base/err.h"
#include "dkim/tags.h"
#include "dkim/verify.h"

/* What is in the text of a field, and what only the verifier wants to know. */
struct sigread {
	struct dkim_signature sig;
	struct span b_raw;   /* all between the '=' of b= and its ';', in the field's value */
	bool identity_exact; /* the domain of i= is that of d=, or there is no i= */
};

/* The d= of TAGS in A-labels, a copy in ARENA. RC_INPUT: absent or no domain. */
MUST_CHECK enum rc sigread_domain(const struct tags *tags, struct arena *arena, const char **ret,
				  struct err *err);

/* The tags to RET, whose domain is set already and whose results are left alone. RC_INPUT says what is
 * wrong with the field; RET may be set in part then. */
MUST_CHECK enum rc sigread_tags(const struct tags *tags, struct arena *arena, struct sigread *ret,
				struct err *err);

#endif
