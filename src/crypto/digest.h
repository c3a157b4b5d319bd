/* crypto/digest.h - streaming SHA-256. The algorithm is fetched once for the process. */
#ifndef CRYPTO_DIGEST_H
#define CRYPTO_DIGEST_H

#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/span.h"

enum { SHA256_LEN = 32, SHA256_HEX_SIZE = 65 };

struct sha256; /* opaque; one thread at a time */

MUST_CHECK enum rc sha256_new(struct sha256 **ret, struct err *err);
/* An independent copy of what was hashed so far: one prefix, several ends. */
MUST_CHECK enum rc sha256_copy(const struct sha256 *from, struct sha256 **ret, struct err *err);
MUST_CHECK enum rc sha256_update(struct sha256 *d, struct span s, struct err *err);
/* Ends it; only sha256_free() may follow. */
MUST_CHECK enum rc sha256_finish(struct sha256 *d, uint8_t ret[SHA256_LEN], struct err *err);
struct sha256 *sha256_free(struct sha256 *d);

MUST_CHECK enum rc sha256_of(struct span s, uint8_t ret[SHA256_LEN], struct err *err);
/* The fetched algorithm, for calls of OpenSSL that want it (src/crypto only). Lives as long as the
 * process. Any thread. */
struct evp_md_st;
MUST_CHECK enum rc sha256_algorithm(const struct evp_md_st **ret, struct err *err);
/* Lower-case hex with a NUL. */
void sha256_hex(const uint8_t d[SHA256_LEN], char ret[SHA256_HEX_SIZE]);

#endif
