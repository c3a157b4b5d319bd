/* tests/golden/people.h - certificates of accounts, the same in every run: the keys lie in tests/golden/keys, numbers and
 * dates are fixed, and an authority with an RSA key has signed them all. Mistakes of the test end the program. */
#ifndef GOLDEN_PEOPLE_H
#define GOLDEN_PEOPLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "testcert.h"

struct person {
	char name[64];	   /* of the certificate, its CN */
	char account[256]; /* "-": of nobody's */
	struct testcert c;
	struct buf key_pem;
};

enum { PEOPLE_MAX = 16 };

struct people {
	struct person authority;
	struct person at[PEOPLE_MAX];
	size_t n;
};

/* TEXT has lines "NAME ACCOUNT KEY FROM TO": KEY is a file of KEYS_DIR without its ".pem", FROM and TO are days before
 * (-) and after NOW. Empty lines and those that begin with # are skipped. */
void people_make(struct people *p, struct span text, const char *keys_dir, int64_t now);
void people_free(struct people *p);
/* Each that has an account goes into the catalogue of STATE_DIR, pinned, and each to DIR/NAME.pem. */
void people_store(const struct people *p, const char *state_dir, const char *dir);

#endif
