#include "crypto/cert.h"

#include <limits.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "crypto/ossl.h"

enum { ADDRESSES_MAX = 64 };

struct cert {
	atomic_uint refs;
	X509 *x509;
	char *subject, *issuer, *serial;
	char **addresses; /* NULL ends */
	size_t n_addresses;
	char fingerprint[SHA256_HEX_SIZE];
	int64_t not_before, not_after;
};

static enum rc no_memory(struct err *err)
{
	return err_set(err, RC_NOMEM, "out of memory for a certificate");
}

static char *name_text(const X509_NAME *name)
{
	unsigned long flags = (XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) | ASN1_STRFLGS_UTF8_CONVERT;
	BIO *bio = BIO_new(BIO_s_mem());
	char *text = NULL;
	char *bytes;
	long len;

	if (bio != NULL && X509_NAME_print_ex(bio, name, 0, flags) >= 0) {
		len = BIO_get_mem_data(bio, &bytes);
		text = strndup(len > 0 ? bytes : "", len > 0 ? (size_t)len : 0);
	}
	BIO_free(bio);
	return text;
}

static char *serial_text(const X509 *x)
{
	BIGNUM *bn = ASN1_INTEGER_to_BN(X509_get0_serialNumber(x), NULL);
	char *hex = bn != NULL ? BN_bn2hex(bn) : NULL;
	char *text = hex != NULL ? strdup(hex) : NULL;

	OPENSSL_free(hex);
	BN_free(bn);
	return text;
}

static bool time_of(const ASN1_TIME *t, int64_t *ret)
{
	struct tm tm;

	if (ASN1_TIME_to_tm(t, &tm) != 1)
		return false;
	*ret = timegm(&tm);
	return true;
}

/* An address with a NUL or another control byte in it is none. */
static enum rc add_address(struct cert *c, const unsigned char *p, int len, struct err *err)
{
	if (c->n_addresses == ADDRESSES_MAX || len <= 0)
		return RC_OK;
	for (int i = 0; i < len; i++)
		if (p[i] <= 0x20 || p[i] == 0x7f)
			return RC_OK;
	c->addresses[c->n_addresses] = strndup((const char *)p, (size_t)len);
	if (c->addresses[c->n_addresses] == NULL)
		return no_memory(err);
	c->n_addresses++;
	return RC_OK;
}

/* RFC 8551 3: rfc822Name; RFC 9598 3: SmtpUTF8Mailbox, an otherName with a UTF8String. */
static enum rc add_general_name(struct cert *c, const GENERAL_NAME *name, struct err *err)
{
	int type;
	const void *value = GENERAL_NAME_get0_value(name, &type);

	if (type == GEN_EMAIL)
		return add_address(c, ASN1_STRING_get0_data(value), ASN1_STRING_length(value), err);
	if (type == GEN_OTHERNAME) {
		const OTHERNAME *other = value;

		if (OBJ_obj2nid(other->type_id) == NID_id_on_SmtpUTF8Mailbox &&
		    other->value->type == V_ASN1_UTF8STRING)
			return add_address(c, ASN1_STRING_get0_data(other->value->value.utf8string),
					   ASN1_STRING_length(other->value->value.utf8string), err);
	}
	return RC_OK;
}

static enum rc read_subject_addresses(struct cert *c, struct err *err)
{
	const X509_NAME *subject = X509_get_subject_name(c->x509);
	enum rc rc = RC_OK;
	int at = -1;

	while (rc == RC_OK) {
		const ASN1_STRING *s;

		at = X509_NAME_get_index_by_NID(subject, NID_pkcs9_emailAddress, at);
		if (at < 0)
			break;
		s = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
		rc = add_address(c, ASN1_STRING_get0_data(s), ASN1_STRING_length(s), err);
	}
	return rc;
}

static enum rc read_addresses(struct cert *c, struct err *err)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(c->x509, NID_subject_alt_name, NULL, NULL);
	enum rc rc = RC_OK;

	c->addresses = calloc(ADDRESSES_MAX + 1, sizeof(*c->addresses));
	if (c->addresses == NULL)
		rc = no_memory(err);
	for (int i = 0; rc == RC_OK && i < sk_GENERAL_NAME_num(names); i++)
		rc = add_general_name(c, sk_GENERAL_NAME_value(names, i), err);
	if (rc == RC_OK)
		rc = read_subject_addresses(c, err);
	GENERAL_NAMES_free(names);
	return rc;
}

static enum rc describe(struct cert *c, struct err *err)
{
	unsigned char digest[SHA256_LEN];
	unsigned len = sizeof(digest);

	if (X509_get0_pubkey(c->x509) == NULL)
		return err_openssl(err, RC_INPUT, "certificate: its key cannot be read");
	if (X509_digest(c->x509, EVP_sha256(), digest, &len) != 1 || len != SHA256_LEN)
		return err_openssl(err, RC_CRYPTO, "certificate: no digest");
	sha256_hex(digest, c->fingerprint);
	if (!time_of(X509_get0_notBefore(c->x509), &c->not_before) ||
	    !time_of(X509_get0_notAfter(c->x509), &c->not_after))
		return err_openssl(err, RC_INPUT, "certificate: its dates cannot be read");
	c->subject = name_text(X509_get_subject_name(c->x509));
	c->issuer = name_text(X509_get_issuer_name(c->x509));
	c->serial = serial_text(c->x509);
	if (c->subject == NULL || c->issuer == NULL || c->serial == NULL)
		return no_memory(err);
	return read_addresses(c, err);
}

/* Takes over X, also when it fails. */
static enum rc wrap(X509 *x, struct cert **ret, struct err *err)
{
	struct cert *c = calloc(1, sizeof(*c));
	enum rc rc;

	if (c == NULL) {
		X509_free(x);
		return no_memory(err);
	}
	atomic_init(&c->refs, 1);
	c->x509 = x;
	rc = describe(c, err);
	err_openssl(NULL, RC_OK, "leave the queue empty");
	if (rc != RC_OK) {
		cert_unref(c);
		return rc;
	}
	*ret = c;
	return RC_OK;
}

enum rc cert_read_der(struct span der, struct cert **ret, struct err *err)
{
	const unsigned char *p = (const unsigned char *)der.p;
	X509 *x = der.len <= LONG_MAX ? d2i_X509(NULL, &p, (long)der.len) : NULL;

	if (x == NULL || p != (const unsigned char *)der.p + der.len) {
		X509_free(x);
		return err_openssl(err, RC_INPUT, "no DER certificate");
	}
	return wrap(x, ret, err);
}

struct cert *cert_ref(struct cert *c)
{
	atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
	return c;
}

struct cert *cert_unref(struct cert *c)
{
	if (c == NULL || atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) != 1)
		return NULL;
	for (size_t i = 0; i < c->n_addresses; i++)
		free(c->addresses[i]);
	free(c->addresses);
	free(c->subject);
	free(c->issuer);
	free(c->serial);
	X509_free(c->x509);
	free(c);
	return NULL;
}

enum cert_kind cert_kind(const struct cert *c)
{
	const EVP_PKEY *key = X509_get0_pubkey(c->x509);

	if (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA)
		return CERT_RSA;
	return EVP_PKEY_get_base_id(key) == EVP_PKEY_EC ? CERT_EC : CERT_OTHER;
}

unsigned cert_bits(const struct cert *c)
{
	int bits = EVP_PKEY_get_bits(X509_get0_pubkey(c->x509));

	return bits > 0 ? (unsigned)bits : 0;
}

const char *cert_fingerprint(const struct cert *c)
{
	return c->fingerprint;
}

int64_t cert_not_before(const struct cert *c)
{
	return c->not_before;
}

int64_t cert_not_after(const struct cert *c)
{
	return c->not_after;
}

const char *cert_subject(const struct cert *c)
{
	return c->subject;
}

const char *cert_issuer(const struct cert *c)
{
	return c->issuer;
}

const char *cert_serial(const struct cert *c)
{
	return c->serial;
}

const char *const *cert_addresses(const struct cert *c)
{
	return (const char *const *)c->addresses;
}

struct x509_st *cert_x509(const struct cert *c)
{
	return c->x509;
}

enum rc cert_write_der(const struct cert *c, struct buf *out, struct err *err)
{
	unsigned char *der = NULL;
	int len = i2d_X509(c->x509, &der);
	enum rc rc;

	if (len <= 0)
		return err_openssl(err, RC_CRYPTO, "certificate %s: cannot be encoded", c->subject);
	rc = buf_add(out, span_of(der, (size_t)len), err);
	OPENSSL_free(der);
	return rc;
}

enum rc cert_write_pem(const struct cert *c, struct buf *out, struct err *err)
{
	BIO *bio = BIO_new(BIO_s_mem());
	enum rc rc;
	char *bytes;
	long len;

	if (bio == NULL || PEM_write_bio_X509(bio, c->x509) != 1) {
		rc = err_openssl(err, RC_CRYPTO, "certificate %s: cannot be encoded", c->subject);
	} else {
		len = BIO_get_mem_data(bio, &bytes);
		rc = buf_add(out, span_of(bytes, (size_t)len), err);
	}
	BIO_free(bio);
	return rc;
}
