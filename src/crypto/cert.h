/* crypto/cert.h - certificates that messages are sealed for.
 *
 * Immutable and reference counted; any thread may use one. OpenSSL's error queue stays empty after each call. */
#ifndef CRYPTO_CERT_H
#define CRYPTO_CERT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"
#include "crypto/digest.h"

struct cert; /* opaque */

enum cert_kind { CERT_RSA, CERT_EC, CERT_OTHER };

/* The certificates of what was given: PEM (any number of blocks, text between them skipped), DER, or PKCS#7
 * (PEM or DER). The leaf is the one that is no CA and issued no other of them; it comes first, the rest follow as
 * they came. *RET is a malloc()ed array of *RET_N references; cert_array_free() frees it. A private key among the blocks
 * is skipped. RC_INPUT: nothing readable, or several leaves (the text names their subjects); RC_LIMIT past 32. */
MUST_CHECK enum rc cert_read_bundle(struct span bytes, struct cert ***ret, size_t *ret_n,
				    struct err *err);
MUST_CHECK enum rc cert_read_der(struct span der, struct cert **ret, struct err *err);
struct cert *cert_ref(struct cert *c);
struct cert *cert_unref(struct cert *c);
void cert_array_free(struct cert **certs, size_t n);

enum cert_kind cert_kind(const struct cert *c);
unsigned cert_bits(const struct cert *c);
const char *cert_fingerprint(const struct cert *c); /* SHA-256 of the DER, lower-case hex */
int64_t cert_not_before(const struct cert *c);
int64_t cert_not_after(const struct cert *c);
/* One line each, UTF-8, control bytes escaped. */
const char *cert_subject(const struct cert *c);
const char *cert_issuer(const struct cert *c);
const char *cert_serial(const struct cert *c); /* hex */
/* SAN rfc822Name, SAN SmtpUTF8Mailbox (RFC 9598), subject emailAddress; NULL ends the list. */
const char *const *cert_addresses(const struct cert *c);
MUST_CHECK enum rc cert_write_der(const struct cert *c, struct buf *out, struct err *err);
MUST_CHECK enum rc cert_write_pem(const struct cert *c, struct buf *out, struct err *err);
/* The X509 inside, for src/smime only; borrowed. */
struct x509_st;
struct x509_st *cert_x509(const struct cert *c);

/* The set that the system keeps (package ca-certificates). */
#define TRUST_BUILTIN_FILE "/etc/ssl/certs/ca-certificates.crt"

/* Trusted certificates, read-only after it was made. */
struct trust_anchors;
/* PEM_FILE: a bundle such as /etc/ssl/certs/ca-certificates.crt; NULL: none. A file that is missing is an empty set. */
MUST_CHECK enum rc trust_anchors_new(const char *pem_file, struct trust_anchors **ret,
				     struct err *err);
struct trust_anchors *trust_anchors_free(struct trust_anchors *t);

enum cert_fault {
	CERT_GOOD,
	CERT_NOT_YET_VALID,
	CERT_EXPIRED,
	CERT_IS_CA,
	CERT_KEY_TYPE,	     /* not RSA, not P-256, P-384, P-521 */
	CERT_KEY_SIZE,	     /* RSA under 2048 */
	CERT_KEY_USAGE,	     /* present without keyEncipherment (RSA), keyAgreement (EC) */
	CERT_EXTENDED_USAGE, /* present without emailProtection or any */
	CERT_ADDRESS,	     /* none of its addresses is the account's */
	CERT_UNTRUSTED	     /* no path to an anchor, and not pinned */
};

/* May a message be sealed with C for ADDRESS (local@a-label-domain)? CHAIN: what came along. All of it but the
 * validity dates, which cert_fault_of_time() judges. The domain is compared as A-labels without case, the local part
 * exactly, then without ASCII case. WHY gets one line for people. */
enum cert_fault cert_check(const struct cert *c, struct cert *const *chain, size_t n_chain,
			   const char *address, const struct trust_anchors *anchors, bool pinned,
			   int64_t now, char *why, size_t why_size);
enum cert_fault cert_fault_of_time(const struct cert *c, int64_t now);
const char *cert_fault_name(enum cert_fault f);

#endif
