#include "core/signer.h"

#include <string.h>

#include "core/existing.h"
#include "crypto/digest.h"
#include "dkim/sign.h"

static const char signature_field[] = "DKIM-Signature";

enum rc signer_begin(struct signer *s, const struct plan *plan, const struct fields *fields,
		     struct arena *arena, struct err *err)
{
	enum rc rc = RC_OK;

	s->risks.sendmail = plan->sendmail;
	for (size_t i = 0; i < plan->n_signatures; i++)
		s->risks.simple |= plan->signatures[i].policy.header_canon == CANON_SIMPLE;
	for (size_t i = 0; i < fields_count(fields); i++)
		risks_field(&s->risks, fields_at(fields, i));
	for (size_t i = 0; i < plan->n_signatures && rc == RC_OK; i++) {
		enum canon c = plan->signatures[i].policy.body_canon;

		if (s->hash[c] == NULL)
			rc = bodyhash_new(c, UINT64_MAX, &s->hash[c], err);
	}
	if (rc == RC_OK && plan->check_existing)
		rc = dkim_verifier_new(fields, plan->domain->sign_domain, arena, &s->verifier, err);
	return rc;
}

enum rc signer_body(struct signer *s, struct span piece, struct err *err)
{
	enum rc rc = RC_OK;

	s->body_bytes += piece.len;
	risks_body(&s->risks, piece);
	for (size_t c = 0; c < COUNT_OF(s->hash) && rc == RC_OK; c++)
		if (s->hash[c] != NULL)
			rc = bodyhash_update(s->hash[c], piece, err);
	if (rc == RC_OK && s->verifier != NULL)
		rc = dkim_verifier_body(s->verifier, piece, err);
	return rc;
}

static enum rc finish_hashes(struct signer *s, uint8_t ret[2][SHA256_LEN], struct err *err)
{
	enum rc rc = RC_OK;

	for (size_t c = 0; c < COUNT_OF(s->hash) && rc == RC_OK; c++)
		if (s->hash[c] != NULL)
			rc = bodyhash_finish(s->hash[c], ret[c], NULL, err);
	return rc;
}

/* The selector's key, and not one of another algorithm: what it made would never verify. */
static enum rc load_key(const struct signer_input *in, const struct plan_signature *sig,
			struct key **ret, struct err *err)
{
	const struct selector *sel = sig->selector;
	struct key *key = NULL;
	enum rc rc = keycache_get(in->keys, sel->fingerprint, &key, err);

	if (rc == RC_OK &&
	    (key_type(key) != dkim_alg_key_type(sel->alg) || !key_has_private(key))) {
		key = key_unref(key);
		rc = err_set(err, RC_CONF, "key %s is no private %s key", sel->fingerprint,
			     dkim_alg_key(sel->alg));
	}
	if (rc != RC_OK)
		return err_wrap(err, rc, "selector '%s' of %s", sel->name, sel->domain);
	*ret = key;
	return RC_OK;
}

/* So many fields that h= does not hold their names: that is the message's fault, and trying again does not help. */
static enum rc sign_or_refuse(const struct signer_input *in, const struct dkim_job *jobs,
			      struct plan *plan, struct buf *values, struct err *err)
{
	enum rc rc = dkim_sign(in->fields, jobs, plan->n_signatures, in->now, values, err);

	if (rc != RC_LIMIT)
		return rc;
	plan_refuse(plan, REASON_TOO_LARGE, "the names of the fields to sign do not fit into h=");
	return RC_OK;
}

/* One value for each planned signature in VALUES, which the caller clears; or none, and PLAN says why. */
static enum rc make_signatures(struct signer *s, const struct signer_input *in, struct plan *plan,
			       struct buf *values, struct err *err)
{
	uint8_t hashes[2][SHA256_LEN];
	struct key *keys[DKIM_JOBS_MAX] = {NULL};
	struct dkim_job jobs[DKIM_JOBS_MAX];
	enum rc rc = finish_hashes(s, hashes, err);

	for (size_t i = 0; i < plan->n_signatures && rc == RC_OK; i++) {
		const struct plan_signature *sig = &plan->signatures[i];

		rc = load_key(in, sig, &keys[i], err);
		jobs[i] = (struct dkim_job){
			.policy = &sig->policy,
			.domain = sig->domain->sign_domain,
			.selector = sig->selector->name,
			.key = keys[i],
			.body_hash = hashes[sig->policy.body_canon],
		};
	}
	if (rc == RC_OK)
		rc = sign_or_refuse(in, jobs, plan, values, err);
	for (size_t i = 0; i < plan->n_signatures; i++)
		key_unref(keys[i]);
	return rc;
}

/* Old ones first, then the new ones from the last to the first, each on top: the plan's first ends topmost. */
static enum rc list_edits(const struct signer_input *in, const struct plan *plan,
			  const struct buf *values, struct edits *edits, struct err *err)
{
	enum rc rc = RC_OK;

	if (plan->domain->sign.existing == EXISTING_REPLACE)
		rc = existing_delete(plan, in->fields, in->arena, edits, err);
	for (size_t i = plan->n_signatures; i > 0 && rc == RC_OK; i--)
		rc = edits_insert(edits, in->arena, 0, signature_field, buf_span(&values[i - 1]),
				  err);
	return rc;
}

enum rc signer_finish(struct signer *s, const struct signer_input *in, struct plan *plan,
		      struct edits *edits, struct err *err)
{
	struct buf values[DKIM_JOBS_MAX];
	enum rc rc = RC_OK;

	memset(values, 0, sizeof(values));
	risks_finish(&s->risks);
	if (s->verifier != NULL)
		rc = existing_check(s->verifier, in->snap, in->now, plan, err);
	if (rc != RC_OK || plan->reason != REASON_NONE)
		return rc;
	rc = make_signatures(s, in, plan, values, err);
	if (rc == RC_OK && plan->reason == REASON_NONE)
		rc = list_edits(in, plan, values, edits, err);
	if (rc != RC_OK)
		edits_clear(edits);
	for (size_t i = 0; i < plan->n_signatures; i++)
		buf_clear(&values[i]);
	return rc;
}

void signer_clear(struct signer *s)
{
	for (size_t c = 0; c < COUNT_OF(s->hash); c++)
		bodyhash_free(s->hash[c]);
	dkim_verifier_free(s->verifier);
	memset(s, 0, sizeof(*s));
}
