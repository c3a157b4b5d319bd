/* Reading the files that people have: PEM, DER, PKCS#7, chains in any order. */
#include <limits.h>
#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/cert.h"
#include "crypto/ossl.h"

enum { BUNDLE_MAX = 32 };

struct bundle {
	struct cert *at[BUNDLE_MAX];
	size_t n;
};

static enum rc add_der(struct bundle *b, struct span der, struct err *err)
{
	struct cert *c;
	enum rc rc;

	if (b->n == BUNDLE_MAX)
		return err_set(err, RC_LIMIT, "more than %d certificates in one file", BUNDLE_MAX);
	rc = cert_read_der(der, &c, err);
	if (rc != RC_OK)
		return rc;
	for (size_t i = 0; i < b->n; i++) {
		if (strcmp(cert_fingerprint(b->at[i]), cert_fingerprint(c)) == 0) {
			cert_unref(c); /* given twice */
			return RC_OK;
		}
	}
	b->at[b->n++] = c;
	return RC_OK;
}

static enum rc add_x509(struct bundle *b, const X509 *x, struct err *err)
{
	unsigned char *der = NULL;
	int len = i2d_X509(x, &der);
	enum rc rc;

	if (len <= 0)
		return err_openssl(err, RC_INPUT, "a certificate of the PKCS#7 file");
	rc = add_der(b, span_of(der, (size_t)len), err);
	OPENSSL_free(der);
	return rc;
}

/* RFC 5652 5.1: the certificates of a SignedData, "degenerate" or not. */
static enum rc add_pkcs7(struct bundle *b, struct span der, struct err *err)
{
	const unsigned char *p = (const unsigned char *)der.p;
	CMS_ContentInfo *cms =
		der.len <= LONG_MAX ? d2i_CMS_ContentInfo(NULL, &p, (long)der.len) : NULL;
	STACK_OF(X509) *certs = cms != NULL ? CMS_get1_certs(cms) : NULL;
	enum rc rc = RC_OK;

	if (sk_X509_num(certs) <= 0)
		rc = err_openssl(err, RC_INPUT, "no certificate in it (PEM, DER or PKCS#7)");
	for (int i = 0; rc == RC_OK && i < sk_X509_num(certs); i++)
		rc = add_x509(b, sk_X509_value(certs, i), err);
	sk_X509_pop_free(certs, X509_free);
	CMS_ContentInfo_free(cms);
	return rc;
}

static enum rc add_pem_block(struct bundle *b, const char *name, struct span der, struct err *err)
{
	if (strcmp(name, PEM_STRING_X509) == 0 || strcmp(name, PEM_STRING_X509_OLD) == 0)
		return add_der(b, der, err);
	if (strcmp(name, PEM_STRING_PKCS7) == 0 || strcmp(name, PEM_STRING_CMS) == 0 ||
	    strcmp(name, PEM_STRING_PKCS7_SIGNED) == 0)
		return add_pkcs7(b, der, err);
	return RC_OK; /* keys and parameters often stand beside */
}

static enum rc add_pem(struct bundle *b, BIO *bio, struct err *err)
{
	enum rc rc = RC_OK;
	char *name, *header;
	unsigned char *der;
	long len;

	while (rc == RC_OK && PEM_read_bio(bio, &name, &header, &der, &len) == 1) {
		rc = add_pem_block(b, name, span_of(der, (size_t)len), err);
		OPENSSL_free(name);
		OPENSSL_free(header);
		OPENSSL_clear_free(der, (size_t)len);
	}
	/* No further block is the end; one that is cut or damaged may have been the user's. */
	if (rc == RC_OK && ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		rc = err_openssl(err, RC_INPUT, "a PEM block of it cannot be read");
	else if (rc == RC_OK && b->n == 0)
		rc = err_openssl(err, RC_INPUT, "no certificate in it (PEM, DER or PKCS#7)");
	return rc;
}

static enum rc add_binary(struct bundle *b, struct span der, struct err *err)
{
	if (add_der(b, der, NULL) == RC_OK)
		return RC_OK;
	return add_pkcs7(b, der, err);
}

static enum rc read_all(struct bundle *b, struct span bytes, struct err *err)
{
	bool pem = span_search(bytes, SPAN_LIT("-----BEGIN "), 0, false) < bytes.len;
	BIO *bio;
	enum rc rc;

	if (bytes.len == 0 || bytes.len > INT_MAX)
		return err_set(err, RC_INPUT, "no certificate in it (PEM, DER or PKCS#7)");
	if (!pem)
		return add_binary(b, bytes, err);
	bio = BIO_new_mem_buf(bytes.p, (int)bytes.len);
	if (bio == NULL)
		return err_openssl(err, RC_NOMEM, "out of memory for certificates");
	rc = add_pem(b, bio, err);
	BIO_free(bio);
	return rc;
}

static bool is_ca(const struct cert *c)
{
	return X509_check_ca(cert_x509(c)) == 1;
}

static bool issued(const struct cert *issuer, const struct cert *c)
{
	return X509_check_issued(cert_x509(issuer), cert_x509(c)) == X509_V_OK;
}

/* Names alone decide, so one that has signed itself is nobody else's: the old and the new one of a user have one name. */
static bool issued_another(const struct bundle *b, size_t i)
{
	for (size_t k = 0; k < b->n; k++)
		if (k != i && issued(b->at[i], b->at[k]) && !issued(b->at[k], b->at[k]))
			return true;
	return false;
}

/* The certificate that the others stand for: one that issued none of them, no CA where there is a choice. */
static enum rc find_leaf(const struct bundle *b, size_t *ret, struct err *err)
{
	size_t leaf = b->n, other = b->n;

	for (size_t i = 0; i < b->n; i++) {
		if (issued_another(b, i))
			continue;
		if (leaf == b->n || (is_ca(b->at[leaf]) && !is_ca(b->at[i])))
			leaf = i;
		else if (!is_ca(b->at[i]) || is_ca(b->at[leaf]))
			other = i;
	}
	if (leaf == b->n)
		return err_set(err, RC_INPUT,
			       "the certificates issue each other; none is the user's");
	if (other != b->n && is_ca(b->at[leaf]) == is_ca(b->at[other]))
		return err_set(err, RC_INPUT,
			       "several user certificates in one file (%s; %s): give one at a time",
			       cert_subject(b->at[leaf]), cert_subject(b->at[other]));
	*ret = leaf;
	return RC_OK;
}

static enum rc hand_over(struct bundle *b, struct cert ***ret, size_t *ret_n, struct err *err)
{
	struct cert **certs;
	size_t leaf = 0, to = 0;
	enum rc rc = find_leaf(b, &leaf, err);

	if (rc != RC_OK)
		return rc;
	certs = calloc(b->n, sizeof(struct cert *));
	if (certs == NULL)
		return err_set(err, RC_NOMEM, "out of memory for certificates");
	certs[to++] = b->at[leaf];
	for (size_t i = 0; i < b->n; i++)
		if (i != leaf)
			certs[to++] = b->at[i];
	*ret = certs;
	*ret_n = b->n;
	b->n = 0;
	return RC_OK;
}

enum rc cert_read_bundle(struct span bytes, struct cert ***ret, size_t *ret_n, struct err *err)
{
	struct bundle b = {.n = 0};
	enum rc rc = read_all(&b, bytes, err);

	if (rc == RC_OK)
		rc = hand_over(&b, ret, ret_n, err);
	for (size_t i = 0; i < b.n; i++)
		cert_unref(b.at[i]);
	err_openssl(NULL, RC_OK, "leave the queue empty");
	return rc;
}

void cert_array_free(struct cert **certs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		cert_unref(certs[i]);
	free(certs);
}
