/* core/existing.h - DKIM-Signature fields of ours that a message bears already (sign.existing). */
#ifndef CORE_EXISTING_H
#define CORE_EXISTING_H

#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/err.h"
#include "conf/snapshot.h"
#include "core/edit.h"
#include "core/plan.h"
#include "dkim/verify.h"
#include "mail/field.h"

/* The body has been fed to V: a signature that verifies with a key of SNAP's catalogue (a revoked selector's
 * excepted) makes the plan REASON_EXISTING. One by a selector that we do not have proves nothing to us. */
MUST_CHECK enum rc existing_check(struct dkim_verifier *v, const struct snapshot *snap, int64_t now,
				  struct plan *plan, struct err *err);

/* Append a DELETE for every DKIM-Signature whose d= is one that the plan signs with (of each d= the first
 * DKIM_VERIFY_MAX), from the last to the first. */
MUST_CHECK enum rc existing_delete(const struct plan *plan, const struct fields *fields,
				   struct arena *arena, struct edits *edits, struct err *err);

#endif
