#include "smime/openkey.h"

#include <limits.h>
#include <openssl/decoder.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/provider.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/ossl.h"

enum { CERTS_MAX = 32 };

struct openkey {
	EVP_PKEY *pkey;
	struct cert *certs[CERTS_MAX];
	size_t n;
};

/* What the callback of a PEM reader was asked. */
struct asked {
	const char *passphrase;
	bool was;
};

static int give_passphrase(char *room, int size, int for_writing, void *ctx)
{
	struct asked *a = ctx;
	size_t len = a->passphrase != NULL ? strlen(a->passphrase) : 0;

	(void)for_writing;
	a->was = true;
	if (a->passphrase == NULL || len > (size_t)size)
		return -1;
	memcpy(room, a->passphrase, len);
	return (int)len;
}

static enum rc refused_passphrase(bool given, struct err *err)
{
	err_openssl(NULL, RC_INPUT, "dropped");
	return err_set(err, RC_INPUT,
		       given ? "the passphrase does not open it"
			     : "it is encrypted: --passphrase-file FILE opens it");
}

/* What X.509 has in the certificate is the same key as PKEY's. */
static bool belongs(const struct cert *c, const EVP_PKEY *pkey)
{
	bool yes = EVP_PKEY_eq(X509_get0_pubkey(cert_x509(c)), pkey) == 1;

	err_openssl(NULL, RC_OK, "leave the queue empty");
	return yes;
}

static bool has(const struct openkey *k, const struct cert *c)
{
	for (size_t i = 0; i < k->n; i++)
		if (strcmp(cert_fingerprint(k->certs[i]), cert_fingerprint(c)) == 0)
			return true;
	return false;
}

static void add_if_ours(struct openkey *k, struct cert *c)
{
	if (k->n < CERTS_MAX && belongs(c, k->pkey) && !has(k, c))
		k->certs[k->n++] = cert_ref(c);
}

static enum rc add_x509(struct openkey *k, const X509 *x, struct err *err)
{
	unsigned char *der = NULL;
	int len = x != NULL ? i2d_X509(x, &der) : 0;
	struct cert *c = NULL;
	enum rc rc = RC_OK;

	if (len < 0)
		rc = err_openssl(err, RC_INPUT, "a certificate in it");
	if (len > 0)
		rc = cert_read_der(span_of(der, (size_t)len), &c, err);
	if (rc == RC_OK && c != NULL)
		add_if_ours(k, c);
	cert_unref(c);
	OPENSSL_free(der);
	return rc;
}

/* Old exports have their certificates encrypted with RC2, which is only there on demand. */
static bool parse_pkcs12(PKCS12 *p12, const char *passphrase, EVP_PKEY **pkey, X509 **x,
			 STACK_OF(X509) * *others)
{
	if (PKCS12_parse(p12, passphrase, pkey, x, others) == 1)
		return true;
	if (ERR_GET_REASON(ERR_peek_last_error()) == PKCS12_R_MAC_VERIFY_FAILURE)
		return false;
	err_openssl(NULL, RC_OK, "tried again");
	return OSSL_PROVIDER_try_load(NULL, "legacy", 1) != NULL &&
	       PKCS12_parse(p12, passphrase, pkey, x, others) == 1;
}

static enum rc read_pkcs12(struct openkey *k, PKCS12 *p12, const char *passphrase, struct err *err)
{
	STACK_OF(X509) *others = NULL;
	X509 *x = NULL;
	enum rc rc = RC_OK;

	if (PKCS12_mac_present(p12) == 1 && PKCS12_verify_mac(p12, passphrase, -1) != 1 &&
	    (passphrase != NULL || PKCS12_verify_mac(p12, "", 0) != 1))
		return refused_passphrase(passphrase != NULL, err);
	if (!parse_pkcs12(p12, passphrase, &k->pkey, &x, &others))
		rc = err_openssl(err, RC_INPUT, "the PKCS#12 file cannot be opened");
	else if (k->pkey == NULL)
		rc = err_set(err, RC_INPUT, "there is no private key in the PKCS#12 file");
	if (rc == RC_OK)
		rc = add_x509(k, x, err);
	for (int i = 0; rc == RC_OK && i < sk_X509_num(others); i++)
		rc = add_x509(k, sk_X509_value(others, i), err);
	sk_X509_pop_free(others, X509_free);
	X509_free(x);
	return rc;
}

static enum rc read_pem_key(struct openkey *k, struct span file, const char *passphrase,
			    struct err *err)
{
	struct asked asked = {.passphrase = passphrase};
	BIO *bio = BIO_new_mem_buf(file.p, (int)file.len);

	if (bio == NULL)
		return err_openssl(err, RC_NOMEM, "out of memory for a key");
	k->pkey = PEM_read_bio_PrivateKey(bio, NULL, give_passphrase, &asked);
	BIO_free(bio);
	if (k->pkey != NULL)
		return RC_OK;
	if (asked.was)
		return refused_passphrase(passphrase != NULL, err);
	return err_openssl(err, RC_INPUT, "no readable private key in it");
}

static enum rc read_der_key(struct openkey *k, struct span file, const char *passphrase,
			    struct err *err)
{
	const unsigned char *p = (const unsigned char *)file.p;
	size_t left = file.len;
	OSSL_DECODER_CTX *ctx = OSSL_DECODER_CTX_new_for_pkey(&k->pkey, "DER", NULL, NULL,
							      EVP_PKEY_KEYPAIR, NULL, NULL);

	if (ctx != NULL && passphrase != NULL &&
	    OSSL_DECODER_CTX_set_passphrase(ctx, (const unsigned char *)passphrase,
					    strlen(passphrase)) != 1) {
		OSSL_DECODER_CTX_free(ctx);
		return err_openssl(err, RC_CRYPTO, "the passphrase cannot be used");
	}
	if (ctx == NULL || OSSL_DECODER_from_data(ctx, &p, &left) != 1)
		k->pkey = NULL;
	OSSL_DECODER_CTX_free(ctx);
	if (k->pkey != NULL)
		return RC_OK;
	return err_openssl(err, RC_INPUT,
			   "no readable private key in it (PKCS#12, PEM or DER, with the right "
			   "passphrase)");
}

/* The certificates beside a key in PEM. There may be none, and those of others do not matter. */
static void add_beside(struct openkey *k, struct span file)
{
	struct cert **certs = NULL;
	size_t n = 0;

	if (cert_read_bundle(file, &certs, &n, NULL) != RC_OK)
		return;
	for (size_t i = 0; i < n; i++)
		add_if_ours(k, certs[i]);
	cert_array_free(certs, n);
}

static enum rc read_any(struct openkey *k, struct span file, const char *passphrase,
			struct err *err)
{
	const unsigned char *p = (const unsigned char *)file.p;
	bool pem = span_search(file, SPAN_LIT("-----BEGIN "), 0, false) < file.len;
	PKCS12 *p12;
	enum rc rc;

	if (file.len == 0 || file.len > INT_MAX)
		return err_set(err, RC_INPUT, "no private key in it: it is empty");
	if (pem) {
		rc = read_pem_key(k, file, passphrase, err);
		if (rc == RC_OK)
			add_beside(k, file);
		return rc;
	}
	p12 = d2i_PKCS12(NULL, &p, (long)file.len);
	if (p12 == NULL) {
		err_openssl(NULL, RC_OK, "then it is a key");
		return read_der_key(k, file, passphrase, err);
	}
	rc = read_pkcs12(k, p12, passphrase, err);
	PKCS12_free(p12);
	return rc;
}

static enum rc check_kind(const EVP_PKEY *pkey, struct err *err)
{
	if (EVP_PKEY_is_a(pkey, "RSA") || EVP_PKEY_is_a(pkey, "EC"))
		return RC_OK;
	return err_set(err, RC_INPUT, "the private key is neither RSA nor EC: it opens nothing");
}

enum rc openkey_read(struct span key_file, const char *passphrase, struct openkey **ret,
		     struct err *err)
{
	struct openkey *k = calloc(1, sizeof(*k));
	enum rc rc;

	if (k == NULL)
		return err_set(err, RC_NOMEM, "out of memory for a key");
	rc = read_any(k, key_file, passphrase, err);
	if (rc == RC_OK)
		rc = check_kind(k->pkey, err);
	err_openssl(NULL, RC_OK, "leave the queue empty");
	if (rc != RC_OK) {
		openkey_free(k);
		return rc;
	}
	*ret = k;
	return RC_OK;
}

enum rc openkey_add_certs(struct openkey *k, struct span cert_file, struct err *err)
{
	struct cert **certs = NULL;
	size_t n = 0, ours = 0;
	enum rc rc = cert_read_bundle(cert_file, &certs, &n, err);

	for (size_t i = 0; rc == RC_OK && i < n; i++) {
		ours += belongs(certs[i], k->pkey);
		add_if_ours(k, certs[i]);
	}
	if (rc == RC_OK && ours == 0)
		rc = err_set(err, RC_INPUT, "the private key does not belong to certificate %s",
			     cert_subject(certs[0]));
	cert_array_free(certs, n);
	return rc;
}

struct openkey *openkey_free(struct openkey *k)
{
	if (k != NULL) {
		EVP_PKEY_free(k->pkey);
		for (size_t i = 0; i < k->n; i++)
			cert_unref(k->certs[i]);
		free(k);
	}
	return NULL;
}

size_t openkey_n_certs(const struct openkey *k)
{
	return k->n;
}

struct cert *openkey_cert(const struct openkey *k, size_t i)
{
	return k->certs[i];
}

struct evp_pkey_st *openkey_pkey(const struct openkey *k)
{
	return k->pkey;
}
