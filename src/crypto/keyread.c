/* Keys from outside: PEM files, and the p= of records. */
#include <openssl/crypto.h>
#include <openssl/decoder.h>
#include <string.h>

#include "crypto/keyimpl.h"
#include "crypto/ossl.h"

/* A PEM of an RSA key of KEY_RSA_MAX bits has about 13 KB. */
enum { PEM_BLOCK_MAX = 65536, ED25519_PUBLIC_LEN = 32 };

struct pem_block {
	struct span label; /* "RSA PRIVATE KEY" */
	struct span text;  /* from its BEGIN line to its END line */
	bool encrypted;
};

static const char begin_mark[] = "-----BEGIN ";
static const char end_mark[] = "-----END ";
static const char dashes[] = "-----";

/* The next block at or after *AT, which moves behind its BEGIN line. Text around blocks is skipped:
 * openssl and others write the key in words before it. */
static bool next_block(struct span pem, size_t *at, struct pem_block *ret)
{
	size_t begin = span_search(pem, span_str(begin_mark), *at, false);
	size_t label = begin + strlen(begin_mark);
	size_t label_end, end;

	if (begin == pem.len)
		return false;
	label_end = span_search(pem, span_str(dashes), label, false);
	end = span_search(pem, span_str(end_mark), label_end, false);
	end = span_find(pem, '\n', end);
	ret->label = span_sub(pem, label, label_end - label);
	ret->text = span_sub(pem, begin, end - begin);
	/* RFC 5958 has its own label; RFC 1421 4.6.1.1 wrote it in a header line. */
	ret->encrypted = span_eq_str(ret->label, "ENCRYPTED PRIVATE KEY") ||
			 span_search(ret->text, SPAN_LIT("Proc-Type: 4,ENCRYPTED"), 0, false) !=
				 ret->text.len;
	*at = label_end;
	return true;
}

static enum rc find_private(struct span pem, struct pem_block *ret, struct err *err)
{
	struct pem_block block;
	struct span other = SPAN_NONE;
	size_t at = 0;

	while (next_block(pem, &at, &block)) {
		if (span_ends(block.label, SPAN_LIT("PRIVATE KEY"))) {
			*ret = block;
			return RC_OK;
		}
		if (other.p == NULL)
			other = block.label;
	}
	if (other.p == NULL)
		return err_set(err, RC_INPUT,
			       "no PEM block: the line \"-----BEGIN PRIVATE KEY-----\" is missing");
	return err_set(err, RC_INPUT, "no private key: the PEM block is a \"%.*s\"",
		       SPAN_ARG(span_sub(other, 0, 40)));
}

static enum rc check_block(const struct pem_block *block, const char *passphrase, struct err *err)
{
	if (span_search(block->text, span_str(end_mark), 0, false) == block->text.len)
		return err_set(err, RC_INPUT, "the PEM block has no END line: the file is cut");
	if (block->text.len > PEM_BLOCK_MAX)
		return err_set(err, RC_INPUT, "the PEM block is longer than %d bytes",
			       PEM_BLOCK_MAX);
	if (block->encrypted && passphrase == NULL)
		return err_set(err, RC_INPUT,
			       "the private key is encrypted with a passphrase: decrypt it first, "
			       "e.g. with \"openssl pkey -in FILE -out NEWFILE\"");
	return RC_OK;
}

/* DATA in one encoding to a key. Whatever stands behind it is an error. */
static enum rc decode(struct span data, const char *format, const char *structure, const char *type,
		      int selection, const char *passphrase, EVP_PKEY **ret, struct err *err)
{
	const unsigned char *p = (const unsigned char *)data.p;
	OSSL_DECODER_CTX *ctx;
	EVP_PKEY *pkey = NULL;
	size_t rest = data.len;
	enum rc rc = RC_OK;

	ctx = OSSL_DECODER_CTX_new_for_pkey(&pkey, format, structure, type, selection, NULL, NULL);
	if (ctx != NULL && passphrase != NULL &&
	    OSSL_DECODER_CTX_set_passphrase(ctx, (const unsigned char *)passphrase,
					    strlen(passphrase)) != 1) {
		rc = err_openssl(err, RC_CRYPTO, "passphrase cannot be set");
		goto out;
	}
	if (ctx == NULL || OSSL_DECODER_from_data(ctx, &p, &rest) != 1 || pkey == NULL) {
		rc = err_openssl(err, ctx == NULL ? RC_CRYPTO : RC_INPUT, "no readable key");
		goto out;
	}
	if (rest != 0) {
		rc = err_set(err, RC_INPUT,
			     "the key is followed by %zu bytes that do not belong to it", rest);
		goto out;
	}
	*ret = pkey;
	pkey = NULL;
out:
	EVP_PKEY_free(pkey);
	OSSL_DECODER_CTX_free(ctx);
	return rc;
}

/* A file may hold the numbers of two different keys: every signature would be void. */
static enum rc check_pair(struct key *k, struct err *err)
{
	static const uint8_t probe[SHA256_LEN] = "Verification String is OK";
	struct buf sig;
	enum rc rc;

	buf_init(&sig, KEY_RSA_MAX / 8);
	rc = key_sign(k, probe, &sig, err);
	if (rc == RC_OK)
		rc = key_verify(k, probe, buf_span(&sig), err);
	buf_clear(&sig);
	if (rc == RC_OK || rc == RC_NOMEM)
		return rc;
	return err_wrap(err, RC_INPUT, "the private and the public part do not belong together");
}

/* OpenSSL tries all that it knows where no type is named, and takes four times as long. */
static enum rc decode_private(const struct pem_block *block, const char *passphrase, EVP_PKEY **ret,
			      struct err *err)
{
	static const char *const types[] = {"RSA", "ED25519", NULL};
	enum rc rc = RC_INPUT;

	for (size_t i = 0; i < COUNT_OF(types) && rc == RC_INPUT; i++)
		rc = decode(block->text, "PEM", NULL, types[i], EVP_PKEY_KEYPAIR, passphrase, ret,
			    err);
	return rc;
}

static enum rc read_pem(struct span pem, const char *passphrase, struct key **ret, struct err *err)
{
	struct pem_block block = {SPAN_NONE, SPAN_NONE, false};
	EVP_PKEY *pkey = NULL;
	struct key *k = NULL;
	enum rc rc;

	rc = find_private(pem, &block, err);
	if (rc == RC_OK)
		rc = check_block(&block, passphrase, err);
	if (rc == RC_OK)
		rc = decode_private(&block, passphrase, &pkey, err);
	if (rc != RC_OK)
		return rc;
	rc = key_wrap(pkey, true, &k, err);
	if (rc != RC_OK) {
		EVP_PKEY_free(pkey);
		return rc;
	}
	rc = check_pair(k, err);
	if (rc != RC_OK) {
		key_unref(k);
		return rc;
	}
	*ret = k;
	return RC_OK;
}

/* What else was said of the key is a guess where memory was short. */
static enum rc blame_memory(enum rc rc, struct err *err)
{
	if (rc == RC_OK || !ossl_memory_failed())
		return rc;
	return err_set(err, RC_NOMEM, "out of memory (key)");
}

enum rc key_read_pem(struct span pem, const char *passphrase, struct key **ret, struct err *err)
{
	ossl_begin();
	return blame_memory(read_pem(pem, passphrase, ret, err), err);
}

static enum rc rsa_from_public(struct span der, EVP_PKEY **ret, struct err *err)
{
	enum rc rc = decode(der, "DER", "SubjectPublicKeyInfo", "RSA", EVP_PKEY_PUBLIC_KEY, NULL,
			    ret, err);

	if (rc != RC_INPUT)
		return rc;
	return decode(der, "DER", "type-specific", "RSA", EVP_PKEY_PUBLIC_KEY, NULL, ret, err);
}

static enum rc ed25519_from_public(struct span raw, EVP_PKEY **ret, struct err *err)
{
	EVP_PKEY *pkey;

	if (raw.len != ED25519_PUBLIC_LEN)
		return err_set(err, RC_INPUT, "an Ed25519 key has %d bytes, here are %zu",
			       ED25519_PUBLIC_LEN, raw.len);
	pkey = EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, (const unsigned char *)raw.p,
					      raw.len);
	if (pkey == NULL)
		return err_openssl(err, RC_CRYPTO, "no Ed25519 key");
	*ret = pkey;
	return RC_OK;
}

static enum rc read_public(enum key_type type, struct span bytes, struct key **ret, struct err *err)
{
	EVP_PKEY *pkey = NULL;
	enum rc rc;

	if (type == KEY_RSA)
		rc = rsa_from_public(bytes, &pkey, err);
	else
		rc = ed25519_from_public(bytes, &pkey, err);
	if (rc != RC_OK)
		return rc;
	rc = key_wrap(pkey, false, ret, err);
	if (rc != RC_OK)
		EVP_PKEY_free(pkey);
	return rc;
}

enum rc key_read_public(enum key_type type, struct span bytes, struct key **ret, struct err *err)
{
	ossl_begin();
	return blame_memory(read_public(type, bytes, ret, err), err);
}
