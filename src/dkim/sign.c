#include "dkim/sign.h"

#include <string.h>

#include "crypto/base64.h"
#include "dkim/headhash.h"
#include "dkim/pick.h"
#include "dkim/sigtext.h"

/* What a signer always wants covered; those that other hosts may add in good faith are not oversigned. */
const char *const dkim_default_sign[] = {
	"From", "Reply-To", "Subject", "Date", "To", "Cc", "Message-ID", "MIME-Version",
	"Content-Type", "Content-Transfer-Encoding", "Sender", "In-Reply-To", "References",
	/* RFC 5322 3.6.6 and 4.5.6, without Resent-Bcc */
	"Resent-Date", "Resent-From", "Resent-Sender", "Resent-To", "Resent-Cc",
	"Resent-Message-ID", "Resent-Reply-To",
	/* RFC 2369, RFC 2919, RFC 8058 */
	"List-Id", "List-Help", "List-Unsubscribe", "List-Unsubscribe-Post", "List-Subscribe",
	"List-Post", "List-Owner", "List-Archive", NULL};

const char *const dkim_default_oversign[] = {
	"From", "Reply-To",   "Subject",      "Date",	      "To",
	"Cc",	"Message-ID", "MIME-Version", "Content-Type", "Content-Transfer-Encoding",
	NULL};

enum { FIELD_VALUE_MAX = 65536 };

/* The signed part of the header: one for all jobs of equal canonicalization and lists. */
struct part {
	const struct dkim_policy *policy;
	struct headhash *hash;
	struct vec names;  /* of struct span: h= */
	struct vec fields; /* of const struct field *: those that are there */
};

/* The work on one message. */
struct work {
	const struct fields *header;
	struct pick *pick;
	struct part parts[DKIM_JOBS_MAX];
	size_t n_parts;
	struct buf base64;
};

static bool names_equal(const char *const *a, const char *const *b)
{
	size_t i = 0;

	if (a == b)
		return true;
	while (a[i] != NULL && b[i] != NULL && span_ieq_str(span_str(a[i]), b[i]))
		i++;
	return a[i] == NULL && b[i] == NULL;
}

static bool names_have(const char *const *names, size_t n, struct span name)
{
	for (size_t i = 0; i < n && names[i] != NULL; i++)
		if (span_ieq_str(name, names[i]))
			return true;
	return false;
}

static enum rc push_name(struct part *part, struct span name, struct err *err)
{
	struct span *slot = vec_push(&part->names);

	if (slot == NULL)
		return err_set(err, RC_NOMEM, "out of memory (h=)");
	*slot = name;
	return RC_OK;
}

static enum rc sign_field(struct part *part, struct span name, const struct field *field,
			  struct err *err)
{
	const struct field **slot = vec_push(&part->fields);

	if (slot == NULL)
		return err_set(err, RC_NOMEM, "out of memory (signed fields)");
	*slot = field;
	if (push_name(part, name, err) != RC_OK)
		return RC_NOMEM;
	return headhash_add(part->hash, field, err);
}

/* One more of a field is to break the signature; but not the one that the mail server itself supplies. */
static bool is_oversigned(const struct dkim_policy *policy, struct span name, size_t n_signed)
{
	if (n_signed == 0 && policy->supplied != NULL &&
	    names_have(policy->supplied, SIZE_MAX, name))
		return false;
	return names_have(policy->oversign, SIZE_MAX, name);
}

/* RFC 6376 5.4.2: all fields called NAME from the bottom up, and the name once more where it is
 * oversigned. A field that cannot be signed ends it: a further NAME would mean that one. */
static enum rc sign_name(struct work *w, struct part *part, struct span name, struct err *err)
{
	const struct field *field;
	size_t n_signed = 0;
	enum rc rc = RC_OK;

	while (rc == RC_OK && (field = pick_next(w->pick, name)) != NULL) {
		if (field->space_before_colon)
			return RC_OK;
		rc = sign_field(part, name, field, err);
		n_signed++;
	}
	if (rc == RC_OK && is_oversigned(part->policy, name, n_signed))
		rc = push_name(part, name, err);
	return rc;
}

static enum rc sign_from(struct work *w, struct part *part, struct err *err)
{
	enum rc rc = sign_name(w, part, SPAN_LIT("From"), err);

	if (rc == RC_OK && part->fields.len == 0)
		return err_set(err, RC_INPUT, "no From: field that can be signed");
	return rc;
}

/* RFC 6376 5.4: From is always among them, so it is first whatever the list says. */
static enum rc fill_part(struct work *w, struct part *part, struct err *err)
{
	const char *const *names = part->policy->sign;
	enum rc rc = headhash_new(part->policy->header_canon,
				  w->header->bytes + (size_t)2 * FIELD_VALUE_MAX, &part->hash, err);

	pick_restart(w->pick, NULL);
	if (rc == RC_OK)
		rc = sign_from(w, part, err);
	for (size_t i = 0; rc == RC_OK && names[i] != NULL; i++) {
		struct span name = span_str(names[i]);

		if (!span_ieq_str(name, "From") && !names_have(names, i, name))
			rc = sign_name(w, part, name, err);
	}
	return rc;
}

static bool part_fits(const struct part *part, const struct dkim_policy *policy)
{
	return part->policy->header_canon == policy->header_canon &&
	       part->policy->supplied == policy->supplied &&
	       names_equal(part->policy->sign, policy->sign) &&
	       names_equal(part->policy->oversign, policy->oversign);
}

static enum rc find_part(struct work *w, const struct dkim_policy *policy, struct part **ret,
			 struct err *err)
{
	size_t max = fields_count(w->header);
	struct part *part;
	size_t n_sign = 0;

	for (size_t i = 0; i < w->n_parts; i++) {
		if (part_fits(&w->parts[i], policy)) {
			*ret = &w->parts[i];
			return RC_OK;
		}
	}
	while (policy->sign[n_sign] != NULL)
		n_sign++;
	part = &w->parts[w->n_parts++];
	part->policy = policy;
	vec_init(&part->fields, sizeof(const struct field *), max);
	vec_init(&part->names, sizeof(struct span), max + n_sign + 1);
	*ret = part;
	return fill_part(w, part, err);
}

/* The very bytes that are in VALUE are hashed: what is inserted is what was signed. */
static enum rc hash_self(const struct part *part, const struct buf *value, uint8_t ret[SHA256_LEN],
			 struct err *err)
{
	const struct field self = {SPAN_LIT("DKIM-Signature"), buf_span(value), false};

	return headhash_finish(part->hash, &self, span_from(self.value, self.value.len), ret, err);
}

static enum rc add_signature(struct work *w, const struct dkim_job *job,
			     const uint8_t digest[SHA256_LEN], struct fold *fold, struct err *err)
{
	struct buf raw;
	enum rc rc;

	buf_init(&raw, KEY_RSA_MAX / 8);
	w->base64.len = 0;
	rc = key_sign(job->key, digest, &raw, err);
	if (rc == RC_OK)
		rc = base64_encode(buf_span(&raw), &w->base64, err);
	if (rc == RC_OK)
		rc = fold_text(fold, buf_span(&w->base64), err);
	buf_clear(&raw);
	return rc;
}

static enum rc do_job(struct work *w, const struct dkim_job *job, int64_t now, struct buf *ret,
		      struct err *err)
{
	uint8_t digest[SHA256_LEN];
	struct part *part = NULL;
	struct fold fold;
	enum rc rc = find_part(w, job->policy, &part, err);

	fold_init(&fold, ret, strlen("DKIM-Signature:"));
	if (rc == RC_OK)
		rc = sigtext_write(&fold, job, &part->names, &part->fields, now, err);
	if (rc == RC_OK)
		rc = hash_self(part, ret, digest, err);
	if (rc == RC_OK)
		rc = add_signature(w, job, digest, &fold, err);
	if (rc == RC_OK)
		return RC_OK;
	return err_wrap(err, rc, "signature of %s, selector %s", job->domain, job->selector);
}

enum rc dkim_sign(const struct fields *fields, const struct dkim_job *jobs, size_t n, int64_t now,
		  struct buf *ret, struct err *err)
{
	struct work w = {.header = fields};
	enum rc rc;

	for (size_t i = 0; i < n; i++)
		buf_init(&ret[i], FIELD_VALUE_MAX);
	if (n > DKIM_JOBS_MAX)
		return err_set(err, RC_LIMIT, "%zu signatures on one message: at most %d", n,
			       DKIM_JOBS_MAX);
	buf_init(&w.base64, FIELD_VALUE_MAX);
	rc = pick_new(fields, &w.pick, err);
	for (size_t i = 0; i < n && rc == RC_OK; i++)
		rc = do_job(&w, &jobs[i], now, &ret[i], err);
	for (size_t i = 0; i < w.n_parts; i++) {
		headhash_free(w.parts[i].hash);
		vec_clear(&w.parts[i].names);
		vec_clear(&w.parts[i].fields);
	}
	pick_free(w.pick);
	buf_clear(&w.base64);
	return rc;
}
