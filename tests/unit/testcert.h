/* tests/unit/testcert.h - certificates and keys made on the spot, for tests. They end with the process. */
#ifndef UNIT_TESTCERT_H
#define UNIT_TESTCERT_H

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "crypto/cert.h"

struct testcert {
	const char *cn;		   /* subject CN */
	const char *email;	   /* SAN rfc822Name, or NULL */
	const char *utf8_email;	   /* SAN SmtpUTF8Mailbox, or NULL (email wins) */
	const char *subject_email; /* emailAddress in the subject, or NULL */
	const char *
		key; /* "rsa2048" (default), "rsa1024", "p256", "p384", "p521", "secp256k1", "ed25519" */
	const char *key_pem; /* a private key that is there already, in PEM, or NULL: KEY is made */
	long serial;	     /* 0: another one for each */
	const char *
		usage; /* keyUsage as OpenSSL writes it ("critical,keyEncipherment"), or NULL: none */
	const char *extended;	       /* extendedKeyUsage, or NULL */
	bool ca;		       /* basicConstraints CA:TRUE */
	int64_t not_before, not_after; /* 0: an hour ago, in a year */
	const struct testcert *issuer; /* NULL: self-signed */
	/* filled by testcert_make() */
	X509 *x509;
	EVP_PKEY *pkey;
};

/* Makes C (its issuer must be made). Ends the program when OpenSSL fails. */
void testcert_make(struct testcert *c);
void testcert_pem(const struct testcert *c, struct buf *out);
void testcert_key_pem(const struct testcert *c, struct buf *out);
/* The same as a struct cert; the caller unrefs. */
struct cert *testcert_cert(const struct testcert *c);
void testcert_free(struct testcert *c);

#endif
