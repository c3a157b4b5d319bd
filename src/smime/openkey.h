/* smime/openkey.h - a private key that opens envelopes, and the certificates that it belongs to.
 *
 * For the tool alone: the daemon has no private key of a user and does not link this.
 * Immutable. No text here contains key bytes or a passphrase. */
#ifndef SMIME_OPENKEY_H
#define SMIME_OPENKEY_H

#include <stddef.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/span.h"
#include "crypto/cert.h"

struct openkey; /* opaque */

/* KEY_FILE: PKCS#12, or a private key as PEM or DER (PKCS#8, PKCS#1, SEC 1), with certificates beside it or not.
 * PASSPHRASE (may be NULL, not kept) opens what is encrypted.
 * RC_INPUT with the reason: no key in it, a wrong or missing passphrase, a key that cannot decrypt. */
MUST_CHECK enum rc openkey_read(struct span key_file, const char *passphrase, struct openkey **ret,
				struct err *err);
/* The certificates of CERT_FILE that belong to the key are added. RC_INPUT: none does, or there is none. */
MUST_CHECK enum rc openkey_add_certs(struct openkey *k, struct span cert_file, struct err *err);
/* NULL is fine; always returns NULL. The key is overwritten. */
struct openkey *openkey_free(struct openkey *k);

/* How many certificates belong to the key, and the I-th of them (borrowed). */
size_t openkey_n_certs(const struct openkey *k);
struct cert *openkey_cert(const struct openkey *k, size_t i);
/* The key inside, for src/smime only; borrowed. */
struct evp_pkey_st;
struct evp_pkey_st *openkey_pkey(const struct openkey *k);

#endif
