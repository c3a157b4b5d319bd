/* dkim/alg.h - the words of a signature that come from small closed sets. Pure. */
#ifndef DKIM_ALG_H
#define DKIM_ALG_H

#include <stdbool.h>

#include "base/span.h"
#include "crypto/key.h"

enum dkim_alg { DKIM_RSA_SHA256, DKIM_ED25519_SHA256 };
enum { DKIM_ALGS = 2 };

enum canon { CANON_SIMPLE, CANON_RELAXED };

/* "rsa-sha256" */
const char *dkim_alg_name(enum dkim_alg a);
/* "rsa": k= of a record. */
const char *dkim_alg_key(enum dkim_alg a);
bool dkim_alg_read(struct span s, enum dkim_alg *ret);
enum key_type dkim_alg_key_type(enum dkim_alg a);
enum dkim_alg dkim_alg_of_key(enum key_type t);

const char *canon_name(enum canon c);
/* "relaxed/simple", "relaxed" (= relaxed/simple, RFC 6376 3.5). */
bool canon_pair_read(struct span s, enum canon *ret_header, enum canon *ret_body);

#endif
