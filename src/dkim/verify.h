/* dkim/verify.h - good enough to check what we made: every DKIM-Signature of one message.
 *
 * Keys come from a callback: catalogue, record file, DNS. Pure otherwise. One thread at a time.
 */
#ifndef DKIM_VERIFY_H
#define DKIM_VERIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/err.h"
#include "base/span.h"
#include "dkim/alg.h"
#include "dkim/record.h"
#include "mail/field.h"

enum dkim_result {
	DKIM_PASS,
	DKIM_FAIL,	/* the signature or the body hash does not fit */
	DKIM_NEUTRAL,	/* the field itself is malformed, or an algorithm we do not know */
	DKIM_PERMERROR, /* no key, revoked, key unusable, expired */
	DKIM_TEMPERROR	/* the key could not be fetched just now */
};

/* One DKIM-Signature field, read. Strings lie in the arena. */
struct dkim_signature {
	size_t index;  /* of the field in the header */
	bool readable; /* the tags below are set */
	enum dkim_alg alg;
	enum canon header_canon, body_canon;
	const char *domain, *selector; /* A-labels */
	struct span identity;	       /* i= or empty */
	int64_t signed_at, expires;    /* -1: absent */
	uint64_t body_limit;	       /* l=, UINT64_MAX: absent */
	struct span *names;	       /* h=, in order */
	size_t n_names;
	uint8_t body_hash[SHA256_LEN];
	struct span signature; /* b=, decoded */
	/* results */
	enum dkim_result result;
	char reason[160]; /* "" when passed */
	unsigned key_bits;
	bool testing;
};

/* Fill RET with the key for (DOMAIN, SELECTOR, ALG); RC_NOTFOUND, RC_INPUT (bad record), RC_AGAIN.
 * The record is cleared by the verifier. */
typedef enum rc dkim_find_key(void *ctx, const char *domain, const char *selector,
			      enum dkim_alg alg, struct dkim_record *ret, struct err *err);

struct dkim_verifier; /* opaque */

/* At most this many signatures are looked at; further ones are not verified. */
enum { DKIM_VERIFY_MAX = 32 };

/* Reads every DKIM-Signature of FIELDS (which must outlive the verifier) whose d= is ONLY_DOMAIN (A-labels;
 * NULL: all). Body hashes are prepared for those found. */
MUST_CHECK enum rc dkim_verifier_new(const struct fields *fields, const char *only_domain,
				     struct arena *arena, struct dkim_verifier **ret,
				     struct err *err);
/* True when there is nothing to feed: no signature of interest. */
bool dkim_verifier_is_idle(const struct dkim_verifier *v);
MUST_CHECK enum rc dkim_verifier_body(struct dkim_verifier *v, struct span piece, struct err *err);
/* End of body: decide each. NOW for x=; 0: do not look at it. */
MUST_CHECK enum rc dkim_verifier_finish(struct dkim_verifier *v, dkim_find_key *find, void *ctx,
					int64_t now, struct err *err);
size_t dkim_verifier_count(const struct dkim_verifier *v);
const struct dkim_signature *dkim_verifier_at(const struct dkim_verifier *v, size_t i);
struct dkim_verifier *dkim_verifier_free(struct dkim_verifier *v);

const char *dkim_result_name(enum dkim_result r);

#endif
