#include "core/existing.h"

#include <stdbool.h>
#include <string.h>

#include "crypto/base64.h"
#include "crypto/key.h"
#include "dkim/record.h"

static const char signature_field[] = "DKIM-Signature";

/* Longest p= that is decoded: RSA with KEY_RSA_MAX bits takes some 2 KB. */
enum { PUBLIC_MAX = 8192 };

struct catalogue {
	const struct selector_list *selectors;
};

static enum rc find_own_key(void *ctx, const char *domain, const char *selector, enum dkim_alg alg,
			    struct dkim_record *ret, struct err *err)
{
	const struct catalogue *c = ctx;
	const struct selector *s = selector_list_find(c->selectors, domain, selector);
	struct key *key = NULL;
	struct buf bytes;
	enum rc rc;

	if (s == NULL || s->alg != alg || s->state == SEL_REVOKED)
		return err_set(err, RC_NOTFOUND, "no selector of ours");
	buf_init(&bytes, PUBLIC_MAX);
	rc = base64_decode(span_str(s->public_base64), &bytes, err);
	if (rc == RC_OK)
		rc = key_read_public(dkim_alg_key_type(alg), buf_span(&bytes), &key, err);
	if (rc == RC_OK)
		*ret = (struct dkim_record){.alg = alg, .email = true, .sha256 = true, .key = key};
	buf_clear(&bytes);
	return rc;
}

enum rc existing_check(struct dkim_verifier *v, const struct snapshot *snap, int64_t now,
		       struct plan *plan, struct err *err)
{
	struct catalogue c = {snap->selectors};
	enum rc rc = dkim_verifier_finish(v, find_own_key, &c, now, err);

	if (rc != RC_OK)
		return rc;
	for (size_t i = 0; i < dkim_verifier_count(v); i++) {
		const struct dkim_signature *sig = dkim_verifier_at(v, i);

		if (sig->result != DKIM_PASS)
			continue;
		plan_refuse(plan, REASON_EXISTING, "d=%s s=%s", sig->domain, sig->selector);
		return RC_OK;
	}
	return RC_OK;
}

/* Set MINE[i] for the i-th field of the header if it is a signature by DOMAIN. */
static enum rc mark(const struct fields *fields, const char *domain, struct arena *arena,
		    bool *mine, struct err *err)
{
	struct dkim_verifier *v = NULL;
	enum rc rc = dkim_verifier_new(fields, domain, arena, &v, err);

	if (rc != RC_OK)
		return rc;
	for (size_t i = 0; i < dkim_verifier_count(v); i++)
		mine[dkim_verifier_at(v, i)->index] = true;
	dkim_verifier_free(v);
	return RC_OK;
}

static enum rc mark_all(const struct plan *plan, const struct fields *fields, struct arena *arena,
			bool *mine, struct err *err)
{
	const char *last = "";
	enum rc rc = RC_OK;

	/* Both algorithms of a domain stand side by side in the plan. */
	for (size_t i = 0; i < plan->n_signatures && rc == RC_OK; i++) {
		const char *domain = plan->signatures[i].domain->sign_domain;

		if (strcmp(domain, last) != 0)
			rc = mark(fields, domain, arena, mine, err);
		last = domain;
	}
	return rc;
}

enum rc existing_delete(const struct plan *plan, const struct fields *fields, struct arena *arena,
			struct edits *edits, struct err *err)
{
	size_t ordinal = fields_count_of(fields, signature_field);
	bool *mine;
	enum rc rc;

	if (ordinal == 0)
		return RC_OK;
	mine = arena_calloc(arena, fields_count(fields), sizeof(*mine));
	if (mine == NULL)
		return err_set(err, RC_NOMEM, "out of memory (list of signatures)");
	rc = mark_all(plan, fields, arena, mine, err);
	/* The MTA counts the fields of a name from the top, 1 first; a deletion moves those below it. */
	for (size_t i = fields_count(fields); i > 0 && rc == RC_OK; i--) {
		if (!span_ieq_str(fields_at(fields, i - 1)->name, signature_field))
			continue;
		if (mine[i - 1])
			rc = edits_delete(edits, arena, signature_field, (int)ordinal, err);
		ordinal--;
	}
	return rc;
}
