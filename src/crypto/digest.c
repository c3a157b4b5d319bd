#include "crypto/digest.h"

#include <openssl/evp.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "crypto/ossl.h"

struct sha256 {
	EVP_MD_CTX *ctx;
};

/* Fetched on first use and kept: EVP_sha256() would look the algorithm up again in every digest.
 * Two threads may fetch at once; the second one's is given back. Not pthread_once(): a fetch that
 * failed for want of memory must be tried again. */
enum rc sha256_algorithm(const struct evp_md_st **ret, struct err *err)
{
	static _Atomic(EVP_MD *) shared;
	EVP_MD *md = atomic_load(&shared);
	EVP_MD *first = NULL;

	if (md == NULL) {
		md = EVP_MD_fetch(NULL, "SHA256", NULL);
		if (md == NULL)
			return err_openssl(err, RC_CRYPTO, "OpenSSL has no SHA-256");
		if (!atomic_compare_exchange_strong(&shared, &first, md)) {
			EVP_MD_free(md);
			md = first;
		}
	}
	*ret = md;
	return RC_OK;
}

static struct sha256 *sha256_alloc(struct err *err)
{
	struct sha256 *d = calloc(1, sizeof(*d));

	if (d != NULL && (d->ctx = EVP_MD_CTX_new()) != NULL)
		return d;
	err_openssl(err, RC_NOMEM, "out of memory (digest)");
	return sha256_free(d);
}

enum rc sha256_new(struct sha256 **ret, struct err *err)
{
	const EVP_MD *md;
	struct sha256 *d;
	enum rc rc = sha256_algorithm(&md, err);

	if (rc != RC_OK)
		return rc;
	d = sha256_alloc(err);
	if (d == NULL)
		return RC_NOMEM;
	if (EVP_DigestInit_ex2(d->ctx, md, NULL) != 1) {
		sha256_free(d);
		return err_openssl(err, RC_CRYPTO, "SHA-256 cannot begin");
	}
	*ret = d;
	return RC_OK;
}

enum rc sha256_copy(const struct sha256 *from, struct sha256 **ret, struct err *err)
{
	struct sha256 *d = sha256_alloc(err);

	if (d == NULL)
		return RC_NOMEM;
	if (EVP_MD_CTX_copy_ex(d->ctx, from->ctx) != 1) {
		sha256_free(d);
		return err_openssl(err, RC_CRYPTO, "SHA-256 cannot be copied");
	}
	*ret = d;
	return RC_OK;
}

enum rc sha256_update(struct sha256 *d, struct span s, struct err *err)
{
	if (s.len != 0 && EVP_DigestUpdate(d->ctx, s.p, s.len) != 1)
		return err_openssl(err, RC_CRYPTO, "SHA-256");
	return RC_OK;
}

enum rc sha256_finish(struct sha256 *d, uint8_t ret[SHA256_LEN], struct err *err)
{
	unsigned len = 0;

	if (EVP_DigestFinal_ex(d->ctx, ret, &len) != 1 || len != SHA256_LEN)
		return err_openssl(err, RC_CRYPTO, "SHA-256 cannot end");
	return RC_OK;
}

struct sha256 *sha256_free(struct sha256 *d)
{
	if (d != NULL)
		EVP_MD_CTX_free(d->ctx);
	free(d);
	return NULL;
}

enum rc sha256_of(struct span s, uint8_t ret[SHA256_LEN], struct err *err)
{
	const EVP_MD *md;
	enum rc rc = sha256_algorithm(&md, err);

	if (rc != RC_OK)
		return rc;
	if (EVP_Digest(s.p, s.len, ret, NULL, md, NULL) != 1)
		return err_openssl(err, RC_CRYPTO, "SHA-256");
	return RC_OK;
}

void sha256_hex(const uint8_t d[SHA256_LEN], char ret[SHA256_HEX_SIZE])
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < SHA256_LEN; i++) {
		ret[2 * i] = digits[d[i] >> 4];
		ret[2 * i + 1] = digits[d[i] & 15];
	}
	ret[SHA256_HEX_SIZE - 1] = '\0';
}
