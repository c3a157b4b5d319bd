/* smime/envelope.h - CMS EnvelopedData while it streams. RFC 5652 6, RFC 8551, RFC 5753.
 *
 * Memory is O(1) whatever the body holds. One thread at a time for each envelope; certificates may be shared.
 * It never decrypts. */
#ifndef SMIME_ENVELOPE_H
#define SMIME_ENVELOPE_H

#include <stddef.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/span.h"
#include "crypto/cert.h"

enum seal_profile {
	PROFILE_COMPAT /* EnvelopedData, AES-256-CBC; RSA PKCS#1 v1.5, issuer and serial */
};

struct envelope; /* opaque */

/* Takes the base64 text of the envelope in CRLF lines of 76 octets as it comes, in pieces of any size. */
typedef enum rc envelope_sink(void *ctx, struct span piece, struct err *err);

enum { ENVELOPE_CERTS_MAX = 64 };

/* For CERTS (1 to ENVELOPE_CERTS_MAX, checked by the caller with cert_check(); RSA only, RC_INPUT for others). Equal
 * certificates are put in once. */
MUST_CHECK enum rc envelope_new(enum seal_profile profile, struct cert *const *certs, size_t n,
				envelope_sink *sink, void *ctx, struct envelope **ret,
				struct err *err);
/* The plain entity, in pieces of any size: a bare LF is sent as CRLF, as the MTA would; nothing else changes. */
MUST_CHECK enum rc envelope_update(struct envelope *e, struct span piece, struct err *err);
/* RC_OK: the sink has had all of it. After any error the text that the sink has is worthless. */
MUST_CHECK enum rc envelope_finish(struct envelope *e, struct err *err);
struct envelope *envelope_free(struct envelope *e);

#endif
