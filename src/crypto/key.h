/* crypto/key.h - a domain's private key, and the public key of a record.
 *
 * Immutable and reference counted: any number of threads may sign with one key at once. The private
 * part never leaves but as PEM into a buffer that the caller wipes; no text here contains key bytes.
 */
#ifndef CRYPTO_KEY_H
#define CRYPTO_KEY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"
#include "crypto/digest.h"

enum key_type { KEY_RSA, KEY_ED25519 };

struct key; /* opaque */

/* RFC 8301 3.2: under 1024 is never accepted, under 2048 is warned of. */
enum { KEY_RSA_MIN = 1024, KEY_RSA_ADVISED = 2048, KEY_RSA_MAX = 16384 };

/* A private key from PEM: PKCS#8, or PKCS#1 "RSA PRIVATE KEY". An encrypted one is RC_INPUT with the
 * reason unless PASSPHRASE (may be NULL, not kept) opens it. Text before the PEM block is skipped.
 * Checked: type, size, and that the pair fits (sign, verify: "Verification String is OK"). */
MUST_CHECK enum rc key_read_pem(struct span pem, const char *passphrase, struct key **ret,
				struct err *err);
/* BITS is for RSA only. */
MUST_CHECK enum rc key_generate(enum key_type type, unsigned bits, struct key **ret,
				struct err *err);
/* The p= of a record: for RSA a DER SubjectPublicKeyInfo, or RSAPublicKey (RFC 6376 3.6.1 is read
 * both ways in the field); for Ed25519 the 32 bytes (RFC 8463 4.2). Verifies only. */
MUST_CHECK enum rc key_read_public(enum key_type type, struct span bytes, struct key **ret,
				   struct err *err);

struct key *key_ref(struct key *k);
/* NULL is fine; always returns NULL. The private part is overwritten with the last reference. */
struct key *key_unref(struct key *k);

enum key_type key_type(const struct key *k);
unsigned key_bits(const struct key *k); /* 256 for Ed25519 */
bool key_has_private(const struct key *k);
/* SHA-256 of the DER SubjectPublicKeyInfo, lower-case hex: the name of the key's file. */
const char *key_fingerprint(const struct key *k);
/* What p= carries, as base64, appended (RSA: SubjectPublicKeyInfo; Ed25519: the raw 32 bytes). */
MUST_CHECK enum rc key_public_base64(const struct key *k, struct buf *out, struct err *err);
/* Unencrypted PKCS#8 PEM, appended; wipe OUT afterwards. */
MUST_CHECK enum rc key_write_pem(const struct key *k, struct buf *out, struct err *err);

/* RFC 6376 3.3.3 (RSASSA-PKCS1-v1_5 over the SHA-256 value) or RFC 8463 3 (PureEdDSA over the 32 bytes
 * of the SHA-256 value). The raw signature is appended. */
MUST_CHECK enum rc key_sign(struct key *k, const uint8_t digest[SHA256_LEN], struct buf *out,
			    struct err *err);
/* RC_OK good, RC_INPUT the signature does not fit, others: it could not be computed. */
MUST_CHECK enum rc key_verify(const struct key *k, const uint8_t digest[SHA256_LEN],
			      struct span signature, struct err *err);

#endif
