/* crypto/keyimpl.h - the inside of a key, shared by key.c and keyread.c and by nobody else. */
#ifndef CRYPTO_KEYIMPL_H
#define CRYPTO_KEYIMPL_H

#include <openssl/evp.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "crypto/key.h"

struct key {
	atomic_uint refs;
	enum key_type type;
	unsigned bits;
	bool has_private;
	EVP_PKEY *pkey;
	atomic_bool starved; /* memory ran out while it signed: see key_sign() */
	char fingerprint[SHA256_HEX_SIZE];
};

/* A key around PKEY, which is checked for type and size and handed over only with RC_OK. */
MUST_CHECK enum rc key_wrap(EVP_PKEY *pkey, bool has_private, struct key **ret, struct err *err);

#endif
