/* core/sealer.h - the body on its way through a CMS envelope, and kept until the message ends.
 *
 * The cipher text comes as it streams; memory is bounded by the spool's. One thread at a time. */
#ifndef CORE_SEALER_H
#define CORE_SEALER_H

#include "base/attr.h"
#include "base/err.h"
#include "base/span.h"
#include "base/spool.h"
#include "core/route.h"
#include "core/signer.h"
#include "mail/field.h"
#include "smime/envelope.h"

/* All zero until sealer_begin(). */
struct sealer {
	struct envelope *envelope;
	struct spool *text;    /* of the envelope, base64 */
	struct signer *signer; /* sees what will leave; NULL: nothing is signed */
	enum rc sign_rc;       /* its first failure, which is no failure of sealing */
	struct err sign_err;
};

/* For everybody who may open CONTENT. FIELDS: the message's own header. SIGNER may be NULL, and must outlive S. */
MUST_CHECK enum rc sealer_begin(struct sealer *s, const struct route_content *content,
				const struct fields *fields, const char *spool_dir, size_t memory,
				struct signer *signer, struct err *err);
MUST_CHECK enum rc sealer_body(struct sealer *s, struct span piece, struct err *err);
/* S->text is whole then. */
MUST_CHECK enum rc sealer_finish(struct sealer *s, struct err *err);
void sealer_clear(struct sealer *s);

#endif
