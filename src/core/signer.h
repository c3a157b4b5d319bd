/* core/signer.h - carrying out a plan that signs: what the body flows through, and the edits at its end.
 *
 * Pure but for the key cache. Computes all or nothing: on failure the list of edits is empty. One thread at a time.
 */
#ifndef CORE_SIGNER_H
#define CORE_SIGNER_H

#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/err.h"
#include "core/edit.h"
#include "core/plan.h"
#include "core/risks.h"
#include "directory/keystore.h"
#include "dkim/bodyhash.h"
#include "dkim/verify.h"
#include "mail/field.h"

/* All zero until signer_begin(). */
struct signer {
	struct bodyhash *hash[2]; /* by enum canon; NULL where no signature of the plan wants it */
	struct dkim_verifier *verifier; /* of the signatures that are there already; or NULL */
	struct risk_scan risks;
	uint64_t body_bytes;
};

/* Set up what PLAN needs, and look at the header. FIELDS and ARENA must outlive S. On failure clear it too. */
MUST_CHECK enum rc signer_begin(struct signer *s, const struct plan *plan,
				const struct fields *fields, struct arena *arena, struct err *err);
MUST_CHECK enum rc signer_body(struct signer *s, struct span piece, struct err *err);

/* What signer_finish() works on. */
struct signer_input {
	const struct snapshot *snap;
	struct keycache *keys;
	const struct fields *fields;
	struct arena *arena; /* gets the strings of the edits */
	int64_t now;
};

/* The end of the body: append the edits of every planned signature to EDITS. A valid signature of our own that is
 * there already (sign.existing = "keep") makes the plan REASON_EXISTING instead, more fields to sign than one
 * signature can name make it REASON_TOO_LARGE, both with no edits.
 * Every planned signature is made or none: a failure names the selector and why. */
MUST_CHECK enum rc signer_finish(struct signer *s, const struct signer_input *in, struct plan *plan,
				 struct edits *edits, struct err *err);
void signer_clear(struct signer *s);

#endif
