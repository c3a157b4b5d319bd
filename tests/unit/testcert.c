#include "testcert.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void must(bool good, const char *what)
{
	if (!good) {
		fprintf(stderr, "test certificate: %s failed\n", what);
		exit(99);
	}
}

static EVP_PKEY *make_key(const char *type)
{
	EVP_PKEY *key = NULL;

	if (strncmp(type, "rsa", 3) == 0)
		key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)atoi(type + 3));
	else if (strcmp(type, "ed25519") == 0)
		key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	else if (strcmp(type, "p256") == 0)
		key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	else if (strcmp(type, "p384") == 0)
		key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384");
	else if (strcmp(type, "p521") == 0)
		key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-521");
	else
		key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", type);
	must(key != NULL, "key generation");
	return key;
}

static EVP_PKEY *read_key(const char *pem)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);

	must(key != NULL, "reading a key");
	BIO_free(bio);
	return key;
}

static void add_ext(const struct testcert *c, int nid, const char *value)
{
	const X509 *issuer = c->issuer != NULL ? c->issuer->x509 : c->x509;
	X509_EXTENSION *ext;
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, (X509 *)issuer, c->x509, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	must(ext != NULL && X509_add_ext(c->x509, ext, -1) == 1, value);
	X509_EXTENSION_free(ext);
}

/* RFC 9598 3: an otherName id-on-SmtpUTF8Mailbox with a UTF8String. */
static void add_utf8_mailbox(const struct testcert *c)
{
	GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
	GENERAL_NAME *name = GENERAL_NAME_new();
	ASN1_TYPE *value = ASN1_TYPE_new();
	ASN1_UTF8STRING *text = ASN1_UTF8STRING_new();

	must(names != NULL && name != NULL && value != NULL && text != NULL, "mailbox");
	must(ASN1_STRING_set(text, c->utf8_email, -1) == 1, "mailbox");
	ASN1_TYPE_set(value, V_ASN1_UTF8STRING, text);
	must(GENERAL_NAME_set0_othername(name, OBJ_nid2obj(NID_id_on_SmtpUTF8Mailbox), value) == 1,
	     "mailbox");
	must(sk_GENERAL_NAME_push(names, name) > 0, "mailbox");
	must(X509_add1_ext_i2d(c->x509, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) == 1,
	     "mailbox");
	GENERAL_NAMES_free(names);
}

static void add_alternative_names(const struct testcert *c)
{
	char value[512];

	if (c->email != NULL) {
		snprintf(value, sizeof(value), "email:%s", c->email);
		add_ext(c, NID_subject_alt_name, value);
	} else if (c->utf8_email != NULL) {
		add_utf8_mailbox(c);
	}
}

static void add_name(X509_NAME *name, const char *field, const char *value)
{
	must(X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, (const unsigned char *)value,
					-1, -1, 0) == 1,
	     field);
}

static void set_times(const struct testcert *c)
{
	time_t now = time(NULL);
	time_t from = c->not_before != 0 ? (time_t)c->not_before : now - 3600;
	time_t to = c->not_after != 0 ? (time_t)c->not_after : now + 365 * 86400;

	must(ASN1_TIME_set(X509_getm_notBefore(c->x509), from) != NULL, "notBefore");
	must(ASN1_TIME_set(X509_getm_notAfter(c->x509), to) != NULL, "notAfter");
}

static void sign(const struct testcert *c)
{
	EVP_PKEY *key = c->issuer != NULL ? c->issuer->pkey : c->pkey;
	const EVP_MD *md = EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519 ? NULL : EVP_sha256();

	must(X509_sign(c->x509, key, md) > 0, "signing");
}

void testcert_make(struct testcert *c)
{
	static long serial = 1000;
	X509_NAME *subject;

	c->pkey = c->key_pem != NULL ? read_key(c->key_pem)
				     : make_key(c->key != NULL ? c->key : "rsa2048");
	c->x509 = X509_new();
	must(c->x509 != NULL && X509_set_version(c->x509, X509_VERSION_3) == 1, "X509_new");
	must(ASN1_INTEGER_set(X509_get_serialNumber(c->x509),
			      c->serial != 0 ? c->serial : serial++) == 1,
	     "serial");
	set_times(c);
	subject = X509_get_subject_name(c->x509);
	add_name(subject, "CN", c->cn);
	if (c->subject_email != NULL)
		add_name(subject, "emailAddress", c->subject_email);
	X509_set_issuer_name(c->x509,
			     c->issuer != NULL ? X509_get_subject_name(c->issuer->x509) : subject);
	X509_set_pubkey(c->x509, c->pkey);
	add_ext(c, NID_basic_constraints, c->ca ? "critical,CA:TRUE" : "CA:FALSE");
	add_ext(c, NID_subject_key_identifier, "hash");
	if (c->usage != NULL)
		add_ext(c, NID_key_usage, c->usage);
	if (c->extended != NULL)
		add_ext(c, NID_ext_key_usage, c->extended);
	add_alternative_names(c);
	sign(c);
}

static void take(BIO *bio, struct buf *out)
{
	char *bytes;
	long len = BIO_get_mem_data(bio, &bytes);

	must(buf_add(out, span_of(bytes, (size_t)len), NULL) == RC_OK, "buffer");
	BIO_free(bio);
}

void testcert_pem(const struct testcert *c, struct buf *out)
{
	BIO *bio = BIO_new(BIO_s_mem());

	must(PEM_write_bio_X509(bio, c->x509) == 1, "PEM");
	take(bio, out);
}

void testcert_key_pem(const struct testcert *c, struct buf *out)
{
	BIO *bio = BIO_new(BIO_s_mem());

	must(PEM_write_bio_PKCS8PrivateKey(bio, c->pkey, NULL, NULL, 0, NULL, NULL) == 1, "PEM");
	take(bio, out);
}

struct cert *testcert_cert(const struct testcert *c)
{
	unsigned char *der = NULL;
	int len = i2d_X509(c->x509, &der);
	struct cert *ret = NULL;

	must(len > 0 && cert_read_der(span_of(der, (size_t)len), &ret, NULL) == RC_OK,
	     "struct cert");
	OPENSSL_free(der);
	return ret;
}

void testcert_free(struct testcert *c)
{
	X509_free(c->x509);
	EVP_PKEY_free(c->pkey);
	c->x509 = NULL;
	c->pkey = NULL;
}
