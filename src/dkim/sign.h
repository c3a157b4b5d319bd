/* dkim/sign.h - DKIM-Signature fields for one message. RFC 6376, RFC 8301, RFC 8463, RFC 8616.
 *
 * Pure but for the key operation: the time is passed in. One thread at a time.
 */
#ifndef DKIM_SIGN_H
#define DKIM_SIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "crypto/digest.h"
#include "crypto/key.h"
#include "dkim/alg.h"
#include "mail/field.h"

/* How to sign: of one domain's configuration. Immutable; names end with a NULL pointer. */
struct dkim_policy {
	enum canon header_canon;
	enum canon body_canon;
	const char *const *sign;     /* signed where present, in this order */
	const char *const *oversign; /* signed, and once more than present (must be in sign too) */
	/* What the mail server adds behind us where it is missing, and so not oversigned then; or NULL. */
	const char *const *supplied;
	int64_t expire;	      /* x= is t= plus this; 0: no x= */
	const char *identity; /* i=, "" none; "@sub.example.com" or "user@example.com" */
	bool diagnostics;     /* z= (RFC 6376 3.5) */
	bool ulabels;	      /* RFC 8616 5: U-labels in d=, s=, i= (caller: only SMTPUTF8 mail) */
};

/* The names signed and those oversigned by default; both end with NULL. */
extern const char *const dkim_default_sign[];
extern const char *const dkim_default_oversign[];

/* One signature to make. */
struct dkim_job {
	const struct dkim_policy *policy;
	const char *domain;   /* d=, A-labels */
	const char *selector; /* s=, A-labels */
	struct key *key;
	const uint8_t *body_hash; /* SHA256_LEN bytes, of policy->body_canon */
};

/* Most signatures on one message. */
enum { DKIM_JOBS_MAX = 32 };

/* Make N signatures over FIELDS at time NOW. RET[i] (initialized here, max 64 KB, the caller clears all N
 * whether this succeeds or not) gets the value of a DKIM-Signature field: it begins with one space, folds
 * are "\n\t", lines are under 78 columns (name and colon counted), no line ends in white space.
 * The canonical header is hashed once for all jobs of equal policy->header_canon, sign and oversign.
 * A field with space before its colon is left out of h=, with all above it of that name (RFC 6376 5.4.2:
 * bottom up). RC_INPUT when From is missing. All N or none. */
MUST_CHECK enum rc dkim_sign(const struct fields *fields, const struct dkim_job *jobs, size_t n,
			     int64_t now, struct buf *ret, struct err *err);

#endif
