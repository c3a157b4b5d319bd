/* tests/unit/dkimcheck.h - messages and keys for the tests of dkim. */
#ifndef UNIT_DKIMCHECK_H
#define UNIT_DKIMCHECK_H

#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "crypto/key.h"
#include "dkim/verify.h"
#include "mail/field.h"

/* A message as a file has it, read. */
struct message {
	struct arena *arena;
	struct fields fields;
	struct span body; /* points into the text that was read */
};

void message_read(struct message *m, struct span text);
void message_clear(struct message *m);

/* A private key from PEM; ends the test when there is none. */
struct key *test_key(const char *pem);

/* Records for the verifier; the list ends with a row whose txt is NULL. RC other than RC_OK: what the
 * look-up gives. */
struct test_record {
	const char *domain, *selector, *txt;
	enum rc rc;
};
enum rc test_find_key(void *ctx, const char *domain, const char *selector, enum dkim_alg alg,
		      struct dkim_record *ret, struct err *err);

/* A verifier that has seen all of M and has decided. */
struct dkim_verifier *test_verify(const struct message *m, const char *only_domain,
				  const struct test_record *records, int64_t now);

/* The hash of BODY as bh= has it, appended. */
void test_body_hash(enum canon c, uint64_t limit, struct span body, struct buf *out);

#endif
