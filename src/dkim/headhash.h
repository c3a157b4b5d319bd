/* dkim/headhash.h - what b= signs: the fields that h= names, then the DKIM-Signature itself without the
 * value of its b=. One for signer and verifier. RFC 6376 3.7. Pure; one thread at a time. */
#ifndef DKIM_HEADHASH_H
#define DKIM_HEADHASH_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/span.h"
#include "crypto/digest.h"
#include "dkim/alg.h"
#include "mail/field.h"

struct headhash; /* opaque */

/* MAX: the most that the canonical form of one field may have. */
MUST_CHECK enum rc headhash_new(enum canon c, size_t max, struct headhash **ret, struct err *err);
/* The next field that h= names. RFC 6376 5.4.2: a name without a field adds nothing. */
MUST_CHECK enum rc headhash_add(struct headhash *h, const struct field *field, struct err *err);
/* The hash of all fields added so far, then of SELF, whose B (a part of its value: all between the '=' of
 * b= and the ';' or the end) is passed over, without its final CRLF. H stays as it is: several signatures
 * over one header differ in SELF alone. */
MUST_CHECK enum rc headhash_finish(struct headhash *h, const struct field *self, struct span b,
				   uint8_t ret[SHA256_LEN], struct err *err);
struct headhash *headhash_free(struct headhash *h);

#endif
