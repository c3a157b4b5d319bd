#include "dkimcheck.h"

#include <string.h>

#include "crypto/base64.h"
#include "dkim/bodyhash.h"
#include "test.h"

void message_read(struct message *m, struct span text)
{
	struct err err = ERR_INIT;
	bool crlf;

	m->arena = arena_new(10000000);
	CU_ASSERT_PTR_NOT_NULL_FATAL(m->arena);
	fields_init(&m->fields, m->arena, 1000000);
	ASSERT_OK(fields_read(&m->fields, text, &m->body, &crlf, &err), &err);
}

void message_clear(struct message *m)
{
	fields_clear(&m->fields);
	m->arena = arena_free(m->arena);
}

struct key *test_key(const char *pem)
{
	struct err err = ERR_INIT;
	struct key *k = NULL;

	ASSERT_OK(key_read_pem(span_str(pem), NULL, &k, &err), &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(k);
	return k;
}

enum rc test_find_key(void *ctx, const char *domain, const char *selector, enum dkim_alg alg,
		      struct dkim_record *ret, struct err *err)
{
	const struct test_record *r;

	(void)alg;
	for (r = ctx; r->txt != NULL; r++) {
		if (strcmp(r->domain, domain) != 0 || strcmp(r->selector, selector) != 0)
			continue;
		if (r->rc != RC_OK)
			return err_set(err, r->rc, "%s", r->txt);
		return dkim_record_read(span_str(r->txt), ret, err);
	}
	return err_set(err, RC_NOTFOUND, "no record for %s._domainkey.%s", selector, domain);
}

struct dkim_verifier *test_verify(const struct message *m, const char *only_domain,
				  const struct test_record *records, int64_t now)
{
	struct dkim_verifier *v = NULL;
	struct err err = ERR_INIT;

	ASSERT_OK(dkim_verifier_new(&m->fields, only_domain, m->arena, &v, &err), &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(v);
	ASSERT_OK(dkim_verifier_body(v, m->body, &err), &err);
	ASSERT_OK(dkim_verifier_finish(v, test_find_key, (void *)records, now, &err), &err);
	return v;
}

void test_body_hash(enum canon c, uint64_t limit, struct span body, struct buf *out)
{
	uint8_t digest[SHA256_LEN];
	struct bodyhash *bh = NULL;
	struct err err = ERR_INIT;

	ASSERT_OK(bodyhash_new(c, limit, &bh, &err), &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(bh);
	ASSERT_OK(bodyhash_update(bh, body, &err), &err);
	ASSERT_OK(bodyhash_finish(bh, digest, NULL, &err), &err);
	ASSERT_OK(base64_encode(span_of(digest, SHA256_LEN), out, &err), &err);
	bodyhash_free(bh);
}
