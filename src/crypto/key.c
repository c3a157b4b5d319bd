#include "crypto/key.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/encoder.h>
#include <openssl/params.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/base64.h"
#include "crypto/keyimpl.h"
#include "crypto/ossl.h"

enum { ED25519_PUBLIC_LEN = 32, SIGNATURE_MAX = KEY_RSA_MAX / 8 };

/* One piece of PKEY in one encoding. *RET is freed with OPENSSL_clear_free(). */
static enum rc encode(const EVP_PKEY *pkey, int selection, const char *format,
		      const char *structure, unsigned char **ret, size_t *ret_len, struct err *err)
{
	OSSL_ENCODER_CTX *ctx;
	unsigned char *data = NULL;
	size_t len = 0;
	enum rc rc = RC_OK;

	ctx = OSSL_ENCODER_CTX_new_for_pkey(pkey, selection, format, structure, NULL);
	if (ctx == NULL || OSSL_ENCODER_to_data(ctx, &data, &len) != 1) {
		rc = err_openssl(err, RC_CRYPTO, "key cannot be written as %s", structure);
		goto out;
	}
	*ret = data;
	*ret_len = len;
out:
	OSSL_ENCODER_CTX_free(ctx);
	return rc;
}

static enum rc encode_public(const EVP_PKEY *pkey, unsigned char **ret, size_t *ret_len,
			     struct err *err)
{
	return encode(pkey, EVP_PKEY_PUBLIC_KEY, "DER", "SubjectPublicKeyInfo", ret, ret_len, err);
}

static enum rc set_fingerprint(struct key *k, struct err *err)
{
	uint8_t digest[SHA256_LEN];
	unsigned char *der = NULL;
	size_t len = 0;
	enum rc rc = encode_public(k->pkey, &der, &len, err);

	if (rc == RC_OK)
		rc = sha256_of(span_of(der, len), digest, err);
	if (rc == RC_OK)
		sha256_hex(digest, k->fingerprint);
	OPENSSL_clear_free(der, len);
	return rc;
}

static enum rc check_type(struct key *k, struct err *err)
{
	const char *name = EVP_PKEY_get0_type_name(k->pkey);

	if (EVP_PKEY_is_a(k->pkey, "ED25519")) {
		k->type = KEY_ED25519;
		k->bits = 256;
		return RC_OK;
	}
	if (!EVP_PKEY_is_a(k->pkey, "RSA"))
		return err_set(err, RC_INPUT, "a key of type %s: DKIM has RSA and Ed25519 only",
			       name != NULL ? name : "unknown");
	k->type = KEY_RSA;
	k->bits = (unsigned)EVP_PKEY_get_bits(k->pkey);
	if (k->bits < KEY_RSA_MIN)
		return err_set(err, RC_INPUT,
			       "an RSA key of %u bits: RFC 8301 forbids fewer than %d", k->bits,
			       KEY_RSA_MIN);
	if (k->bits > KEY_RSA_MAX)
		return err_set(err, RC_INPUT, "an RSA key of %u bits: more than %d", k->bits,
			       KEY_RSA_MAX);
	return RC_OK;
}

enum rc key_wrap(EVP_PKEY *pkey, bool has_private, struct key **ret, struct err *err)
{
	struct key *k = calloc(1, sizeof(*k));
	enum rc rc;

	if (k == NULL)
		return err_set(err, RC_NOMEM, "out of memory (key)");
	atomic_init(&k->refs, 1);
	k->has_private = has_private;
	k->pkey = pkey;
	rc = check_type(k, err);
	if (rc == RC_OK)
		rc = set_fingerprint(k, err);
	if (rc != RC_OK) {
		free(k);
		return rc;
	}
	*ret = k;
	return RC_OK;
}

enum rc key_generate(enum key_type type, unsigned bits, struct key **ret, struct err *err)
{
	EVP_PKEY *pkey;
	enum rc rc;

	if (type == KEY_RSA && (bits < KEY_RSA_MIN || bits > KEY_RSA_MAX))
		return err_set(err, RC_INPUT, "an RSA key of %u bits: give %d to %d, best %d", bits,
			       KEY_RSA_MIN, KEY_RSA_MAX, KEY_RSA_ADVISED);
	if (type == KEY_RSA)
		pkey = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)bits);
	else
		pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	if (pkey == NULL)
		return err_openssl(err, RC_CRYPTO, "key cannot be made");
	rc = key_wrap(pkey, true, ret, err);
	if (rc != RC_OK)
		EVP_PKEY_free(pkey);
	return rc;
}

struct key *key_ref(struct key *k)
{
	atomic_fetch_add_explicit(&k->refs, 1, memory_order_relaxed);
	return k;
}

struct key *key_unref(struct key *k)
{
	if (k == NULL || atomic_fetch_sub_explicit(&k->refs, 1, memory_order_acq_rel) != 1)
		return NULL;
	/* OpenSSL overwrites the private numbers of RSA and Ed25519 itself. */
	EVP_PKEY_free(k->pkey);
	free(k);
	return NULL;
}

enum key_type key_type(const struct key *k)
{
	return k->type;
}

unsigned key_bits(const struct key *k)
{
	return k->bits;
}

bool key_has_private(const struct key *k)
{
	return k->has_private;
}

const char *key_fingerprint(const struct key *k)
{
	return k->fingerprint;
}

static enum rc ed25519_public_base64(const struct key *k, struct buf *out, struct err *err)
{
	unsigned char raw[ED25519_PUBLIC_LEN];
	size_t len = sizeof(raw);

	if (EVP_PKEY_get_raw_public_key(k->pkey, raw, &len) != 1)
		return err_openssl(err, RC_CRYPTO, "public key cannot be read");
	return base64_encode(span_of(raw, len), out, err);
}

enum rc key_public_base64(const struct key *k, struct buf *out, struct err *err)
{
	unsigned char *der = NULL;
	size_t len = 0;
	enum rc rc;

	if (k->type == KEY_ED25519)
		return ed25519_public_base64(k, out, err);
	rc = encode_public(k->pkey, &der, &len, err);
	if (rc == RC_OK)
		rc = base64_encode(span_of(der, len), out, err);
	OPENSSL_clear_free(der, len);
	return rc;
}

enum rc key_write_pem(const struct key *k, struct buf *out, struct err *err)
{
	unsigned char *pem = NULL;
	size_t len = 0;
	enum rc rc;

	if (!k->has_private)
		return err_set(err, RC_INPUT, "a public key alone has no private part to write");
	rc = encode(k->pkey, EVP_PKEY_KEYPAIR, "PEM", "PrivateKeyInfo", &pem, &len, err);
	if (rc == RC_OK)
		rc = buf_add(out, span_of(pem, len), err);
	OPENSSL_clear_free(pem, len);
	return rc;
}

/* RFC 6376 3.3.2: rsa-sha256 is RSASSA-PKCS1-v1_5. OpenSSL puts the DigestInfo around the value. */
static const OSSL_PARAM *rsa_params(void)
{
	static const OSSL_PARAM params[] = {
		{OSSL_SIGNATURE_PARAM_PAD_MODE, OSSL_PARAM_UTF8_STRING,
		 (void *)OSSL_PKEY_RSA_PAD_MODE_PKCSV15, sizeof(OSSL_PKEY_RSA_PAD_MODE_PKCSV15) - 1,
		 OSSL_PARAM_UNMODIFIED},
		{OSSL_SIGNATURE_PARAM_DIGEST, OSSL_PARAM_UTF8_STRING, (void *)"SHA256", 6,
		 OSSL_PARAM_UNMODIFIED},
		OSSL_PARAM_END,
	};

	return params;
}

/* A new context for each signature: that is about 1 % of the operation, and nothing but the key itself
 * is shared between threads. */
static enum rc rsa_sign(EVP_PKEY *pkey, const uint8_t digest[SHA256_LEN], unsigned char *sig,
			size_t *len, struct err *err)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
	bool good = ctx != NULL && EVP_PKEY_sign_init_ex(ctx, rsa_params()) == 1 &&
		    EVP_PKEY_sign(ctx, sig, len, digest, SHA256_LEN) == 1;

	EVP_PKEY_CTX_free(ctx);
	return good ? RC_OK : err_openssl(err, RC_CRYPTO, "RSA signature failed");
}

/* RFC 8463 3: PureEdDSA signs the SHA-256 value as its message. */
static enum rc ed25519_sign(EVP_PKEY *pkey, const uint8_t digest[SHA256_LEN], unsigned char *sig,
			    size_t *len, struct err *err)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool good = ctx != NULL &&
		    EVP_DigestSignInit_ex(ctx, NULL, NULL, NULL, NULL, pkey, NULL) == 1 &&
		    EVP_DigestSign(ctx, sig, len, digest, SHA256_LEN) == 1;

	EVP_MD_CTX_free(ctx);
	return good ? RC_OK : err_openssl(err, RC_CRYPTO, "Ed25519 signature failed");
}

static int rsa_verify(const struct key *k, const uint8_t digest[SHA256_LEN], struct span sig)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, k->pkey, NULL);
	int verdict = -1;

	if (ctx != NULL && EVP_PKEY_verify_init_ex(ctx, rsa_params()) == 1)
		verdict = EVP_PKEY_verify(ctx, (const unsigned char *)sig.p, sig.len, digest,
					  SHA256_LEN) == 1;
	EVP_PKEY_CTX_free(ctx);
	return verdict;
}

static int ed25519_verify(const struct key *k, const uint8_t digest[SHA256_LEN], struct span sig)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int verdict = -1;

	if (ctx != NULL && EVP_DigestVerifyInit_ex(ctx, NULL, NULL, NULL, NULL, k->pkey, NULL) == 1)
		verdict = EVP_DigestVerify(ctx, (const unsigned char *)sig.p, sig.len, digest,
					   SHA256_LEN) == 1;
	EVP_MD_CTX_free(ctx);
	return verdict;
}

enum rc key_verify(const struct key *k, const uint8_t digest[SHA256_LEN], struct span signature,
		   struct err *err)
{
	int verdict;

	ossl_begin();
	if (k->type == KEY_RSA)
		verdict = rsa_verify(k, digest, signature);
	else
		verdict = ed25519_verify(k, digest, signature);
	if (verdict == 1)
		return RC_OK;
	if (verdict == 0)
		return err_openssl(err, RC_INPUT, "the signature does not fit the key");
	return err_openssl(err, RC_CRYPTO, "the signature cannot be checked");
}

static enum rc sign(struct key *k, EVP_PKEY *pkey, const uint8_t digest[SHA256_LEN],
		    unsigned char *sig, size_t *len, struct err *err)
{
	enum rc rc;

	ossl_begin();
	*len = SIGNATURE_MAX;
	if (k->type == KEY_RSA)
		rc = rsa_sign(pkey, digest, sig, len, err);
	else
		rc = ed25519_sign(pkey, digest, sig, len, err);
	if (rc == RC_OK && ossl_memory_failed())
		rc = err_set(err, RC_NOMEM, "out of memory (signature)");
	if (rc == RC_NOMEM)
		k->starved = true;
	return rc;
}

/* With a copy of the key, which has nothing of what OpenSSL keeps with this one. */
static enum rc sign_afresh(struct key *k, const uint8_t digest[SHA256_LEN], unsigned char *sig,
			   size_t *len, struct err *err)
{
	EVP_PKEY *copy = EVP_PKEY_dup(k->pkey);
	enum rc rc = copy != NULL ? sign(k, copy, digest, sig, len, err)
				  : err_openssl(err, RC_NOMEM, "out of memory (signature)");

	EVP_PKEY_free(copy);
	return rc;
}

/* Against timing attacks OpenSSL keeps two factors with an RSA key (BN_BLINDING). They do not fit together any more when
 * memory ran out between the two: success is reported then, and up to 32 signatures are void. So from then on those of
 * that key are checked. */
enum rc key_sign(struct key *k, const uint8_t digest[SHA256_LEN], struct buf *out, struct err *err)
{
	unsigned char sig[SIGNATURE_MAX];
	size_t len;
	enum rc rc;

	if (!k->has_private)
		return err_set(err, RC_INPUT, "a public key alone cannot sign");
	rc = sign(k, k->pkey, digest, sig, &len, err);
	if (rc == RC_OK && k->starved && key_verify(k, digest, span_of(sig, len), err) != RC_OK)
		rc = sign_afresh(k, digest, sig, &len, err);
	if (rc != RC_OK)
		return rc;
	return buf_add(out, span_of(sig, len), err);
}
