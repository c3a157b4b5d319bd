/* A message with signatures that somebody made up: verified, signed, and verified again. */
#include <string.h>

#include "dkim/bodyhash.h"
#include "dkim/sign.h"
#include "dkim/verify.h"
#include "fuzz.h"

enum { HEADER_MAX = 1 << 18, ARENA_MAX = 64 << 20, NOW = 1700000000 };

/* RFC 8463 A.1, A.2: the keys of its example, which is in the corpus. */
#define ED25519_PEM                                                                                \
	"-----BEGIN PRIVATE KEY-----\n"                                                            \
	"MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"                       \
	"-----END PRIVATE KEY-----\n"
#define ED25519_RECORD "k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
#define RSA_RECORD                                                                                 \
	"p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jL" \
	"QiY/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9Pzox" \
	"ZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB"

static struct key *key;

static enum rc find(void *ctx, const char *domain, const char *selector, enum dkim_alg alg,
		    struct dkim_record *ret, struct err *err)
{
	(void)ctx;
	PROMISE(domain[0] != '\0' && selector[0] != '\0');
	switch (selector[0]) {
	case 'n':
		return err_set(err, RC_NOTFOUND, "no record");
	case 'a':
		return err_set(err, RC_AGAIN, "no answer");
	case 'i':
		return dkim_record_read(SPAN_LIT("p=hello"), ret, err);
	case 'r':
		return dkim_record_read(SPAN_LIT("t=s:y; p="), ret, err);
	default:
		return dkim_record_read(alg == DKIM_RSA_SHA256 ? SPAN_LIT(RSA_RECORD)
							       : SPAN_LIT(ED25519_RECORD),
					ret, err);
	}
}

static struct dkim_verifier *verify(const struct fields *f, struct span body, size_t step,
				    struct arena *arena)
{
	struct dkim_verifier *v = NULL;

	PROMISE(dkim_verifier_new(f, NULL, arena, &v, NULL) == RC_OK);
	for (size_t at = 0; at < body.len; at += step)
		PROMISE(dkim_verifier_body(v, span_sub(body, at, step), NULL) == RC_OK);
	PROMISE(dkim_verifier_finish(v, find, NULL, NOW, NULL) == RC_OK);
	PROMISE(dkim_verifier_count(v) <= DKIM_VERIFY_MAX);
	return v;
}

static void check_signature(const struct dkim_signature *s, const struct fields *f)
{
	PROMISE(s->index < fields_count(f));
	PROMISE(span_ieq_str(fields_at(f, s->index)->name, "DKIM-Signature"));
	PROMISE((s->result == DKIM_PASS) == (s->reason[0] == '\0'));
	PROMISE(strlen(dkim_result_name(s->result)) >= 4);
	PROMISE(s->readable || s->result == DKIM_NEUTRAL);
	if (!s->readable)
		return;
	PROMISE(s->domain[0] != '\0' && s->selector[0] != '\0' && s->n_names > 0);
	PROMISE(s->expires < 0 || s->signed_at < 0 || s->expires > s->signed_at);
	PROMISE(s->result != DKIM_PASS || s->expires < 0 || s->expires >= NOW);
}

/* The pieces of the body do not matter. */
static void check_verifying(const struct fields *f, struct span body, size_t step,
			    struct arena *arena)
{
	struct dkim_verifier *whole = verify(f, body, body.len, arena);
	struct dkim_verifier *pieces = verify(f, body, step, arena);

	PROMISE(dkim_verifier_count(whole) == dkim_verifier_count(pieces));
	for (size_t i = 0; i < dkim_verifier_count(whole); i++) {
		check_signature(dkim_verifier_at(whole, i), f);
		PROMISE(dkim_verifier_at(whole, i)->result == dkim_verifier_at(pieces, i)->result);
	}
	dkim_verifier_free(whole);
	dkim_verifier_free(pieces);
}

static void hash_body(enum canon c, struct span body, uint8_t ret[SHA256_LEN])
{
	struct bodyhash *bh = NULL;

	PROMISE(bodyhash_new(c, UINT64_MAX, &bh, NULL) == RC_OK);
	PROMISE(bodyhash_update(bh, body, NULL) == RC_OK);
	PROMISE(bodyhash_finish(bh, ret, NULL, NULL) == RC_OK);
	bodyhash_free(bh);
}

/* OLD with a signature on top that has VALUE: it verifies, and the message says nothing else of it. */
static void check_own(const struct fields *old, const struct buf *value, struct span body,
		      struct arena *arena)
{
	struct dkim_verifier *v;
	struct fields f;

	fields_init(&f, arena, 2 * HEADER_MAX);
	PROMISE(fields_add(&f, SPAN_LIT("DKIM-Signature"), buf_span(value), NULL) == RC_OK);
	for (size_t i = 0; i + 1 < HEADER_FIELDS_MAX && i < fields_count(old); i++) {
		const struct field *field = fields_at(old, i);

		PROMISE(fields_add(&f, field->name, field->value, NULL) == RC_OK);
	}
	v = verify(&f, body, body.len, arena);
	PROMISE(dkim_verifier_count(v) > 0 && dkim_verifier_at(v, 0)->index == 0);
	PROMISE(dkim_verifier_at(v, 0)->result == DKIM_PASS);
	dkim_verifier_free(v);
	fields_clear(&f);
}

/* Every signature that is made verifies: the first promise of all. */
static void check_signing(const struct fields *f, struct span body, unsigned flags,
			  struct arena *arena)
{
	struct dkim_policy policy = {
		.header_canon = (flags & 1) != 0 ? CANON_RELAXED : CANON_SIMPLE,
		.body_canon = (flags & 2) != 0 ? CANON_RELAXED : CANON_SIMPLE,
		.sign = dkim_default_sign,
		.oversign = dkim_default_oversign,
		.expire = (flags & 4) != 0 ? 864000 : 0,
		.identity = (flags & 8) != 0 ? "a b=;c@sub.football.example.com" : "",
		.diagnostics = (flags & 16) != 0,
	};
	uint8_t hash[SHA256_LEN];
	struct dkim_job job = {&policy, "football.example.com", "brisbane", key, hash};
	struct buf value;
	enum rc rc;

	hash_body(policy.body_canon, body, hash);
	rc = dkim_sign(f, &job, 1, NOW, &value, NULL);
	PROMISE(rc == RC_OK || rc == RC_INPUT || rc == RC_LIMIT);
	if (rc == RC_OK)
		check_own(f, &value, body, arena);
	buf_clear(&value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new(ARENA_MAX);
	struct span body;
	struct fields f;
	bool crlf;

	PROMISE(arena != NULL);
	if (key == NULL)
		PROMISE(key_read_pem(SPAN_LIT(ED25519_PEM), NULL, &key, NULL) == RC_OK);
	fields_init(&f, arena, HEADER_MAX);
	if (size > 1 && fields_read(&f, span_of(data + 1, size - 1), &body, &crlf, NULL) == RC_OK) {
		check_verifying(&f, body, (size_t)(data[0] >> 5) + 1, arena);
		check_signing(&f, body, data[0], arena);
	}
	fields_clear(&f);
	arena_free(arena);
	return 0;
}
