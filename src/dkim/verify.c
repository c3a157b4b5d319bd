#include "dkim/verify.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dkim/bodyhash.h"
#include "dkim/headhash.h"
#include "dkim/pick.h"
#include "dkim/sigread.h"

/* One hash of the body, for all signatures of equal c= and l=. */
struct body {
	enum canon canon;
	uint64_t limit;
	struct bodyhash *hash;
	uint8_t digest[SHA256_LEN];
	uint64_t length;
};

struct candidate {
	struct sigread read;
	const struct field *field;
	const struct body *body;
};

struct dkim_verifier {
	const struct fields *fields;
	struct arena *arena;
	struct pick *pick;
	struct candidate at[DKIM_VERIFY_MAX];
	size_t n;
	struct body bodies[DKIM_VERIFY_MAX];
	size_t n_bodies;
};

static void conclude(struct dkim_signature *sig, enum dkim_result result, const char *fmt, ...)
	PRINTF_LIKE(3, 4);

static void conclude(struct dkim_signature *sig, enum dkim_result result, const char *fmt, ...)
{
	va_list args;

	sig->result = result;
	va_start(args, fmt);
	vsnprintf(sig->reason, sizeof(sig->reason), fmt, args);
	va_end(args);
}

static enum rc want_body(struct dkim_verifier *v, struct candidate *c, struct err *err)
{
	enum canon canon = c->read.sig.body_canon;
	uint64_t limit = c->read.sig.body_limit;
	struct body *body = v->bodies;
	enum rc rc = RC_OK;

	while (body < v->bodies + v->n_bodies && (body->canon != canon || body->limit != limit))
		body++;
	if (body == v->bodies + v->n_bodies) {
		body->canon = canon;
		body->limit = limit;
		rc = bodyhash_new(canon, limit, &body->hash, err);
		if (rc != RC_OK)
			return rc;
		v->n_bodies++;
	}
	c->body = body;
	return RC_OK;
}

/* RC_INPUT: the field is no signature that can be checked. RC_NOTFOUND: of another domain. */
static enum rc read_field(struct dkim_verifier *v, const char *only_domain, struct candidate *c,
			  struct err *err)
{
	struct tags tags;
	enum rc rc = tags_read(c->field->value, &tags, err);

	if (rc == RC_OK)
		rc = sigread_domain(&tags, v->arena, &c->read.sig.domain, err);
	if (only_domain != NULL &&
	    (rc == RC_INPUT || (rc == RC_OK && strcmp(c->read.sig.domain, only_domain) != 0)))
		return RC_NOTFOUND;
	if (rc == RC_OK)
		rc = sigread_tags(&tags, v->arena, &c->read, err);
	return rc;
}

static enum rc add_field(struct dkim_verifier *v, const char *only_domain, size_t index,
			 struct err *err)
{
	struct candidate *c = &v->at[v->n];
	struct err why = ERR_INIT;
	enum rc rc;

	memset(c, 0, sizeof(*c));
	c->field = fields_at(v->fields, index);
	c->read.sig.index = index;
	rc = read_field(v, only_domain, c, &why);
	if (rc == RC_NOTFOUND)
		return RC_OK;
	if (rc == RC_OK) {
		c->read.sig.readable = true;
		rc = want_body(v, c, err);
	} else if (rc == RC_INPUT) {
		conclude(&c->read.sig, DKIM_NEUTRAL, "%.*s", 150, why.text);
		rc = RC_OK;
	} else {
		err_set(err, rc, "%s", why.text);
	}
	if (rc == RC_OK)
		v->n++;
	return rc;
}

static enum rc find_signatures(struct dkim_verifier *v, const char *only_domain, struct err *err)
{
	size_t index = 0;
	enum rc rc = RC_OK;

	while (rc == RC_OK && v->n < DKIM_VERIFY_MAX &&
	       fields_find(v->fields, "DKIM-Signature", index, &index) != NULL)
		rc = add_field(v, only_domain, index++, err);
	return rc;
}

enum rc dkim_verifier_new(const struct fields *fields, const char *only_domain, struct arena *arena,
			  struct dkim_verifier **ret, struct err *err)
{
	struct dkim_verifier *v = calloc(1, sizeof(*v));
	enum rc rc;

	if (v == NULL)
		return err_set(err, RC_NOMEM, "out of memory (verifier)");
	v->fields = fields;
	v->arena = arena;
	rc = find_signatures(v, only_domain, err);
	if (rc == RC_OK && v->n > 0)
		rc = pick_new(fields, &v->pick, err);
	if (rc != RC_OK) {
		dkim_verifier_free(v);
		return rc;
	}
	*ret = v;
	return RC_OK;
}

struct dkim_verifier *dkim_verifier_free(struct dkim_verifier *v)
{
	if (v == NULL)
		return NULL;
	for (size_t i = 0; i < v->n_bodies; i++)
		bodyhash_free(v->bodies[i].hash);
	pick_free(v->pick);
	free(v);
	return NULL;
}

bool dkim_verifier_is_idle(const struct dkim_verifier *v)
{
	return v->n_bodies == 0;
}

enum rc dkim_verifier_body(struct dkim_verifier *v, struct span piece, struct err *err)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; i < v->n_bodies && rc == RC_OK; i++)
		rc = bodyhash_update(v->bodies[i].hash, piece, err);
	return rc;
}

/* RFC 6376 3.7 and 5.4.2: a name without a field is the null string. */
static enum rc hash_header(struct dkim_verifier *v, const struct candidate *c,
			   uint8_t ret[SHA256_LEN], struct err *err)
{
	const struct dkim_signature *sig = &c->read.sig;
	struct headhash *hash = NULL;
	/* Canonical forms are no longer than the header, folds counted as CRLF. */
	enum rc rc = headhash_new(sig->header_canon, v->fields->bytes + 2, &hash, err);

	pick_restart(v->pick, c->field);
	for (size_t i = 0; i < sig->n_names && rc == RC_OK; i++) {
		const struct field *field = pick_next(v->pick, sig->names[i]);

		if (field != NULL)
			rc = headhash_add(hash, field, err);
	}
	if (rc == RC_OK)
		rc = headhash_finish(hash, c->field, c->read.b_raw, ret, err);
	headhash_free(hash);
	return rc;
}

/* What the record says against the signature; false when it does. */
static bool record_allows(struct candidate *c, const struct dkim_record *r)
{
	struct dkim_signature *sig = &c->read.sig;
	const char *reason = NULL;

	if (r->revoked)
		reason = "the key is revoked (p= is empty)";
	else if (r->alg != sig->alg)
		reason = "k= of the record is not the kind of key that a= wants";
	else if (!r->sha256)
		reason = "h= of the record does not allow sha256";
	else if (!r->email)
		reason = "s= of the record does not allow email";
	else if (r->strict && !c->read.identity_exact)
		reason = "t=s of the record wants i= to have the very domain of d=";
	if (reason != NULL)
		conclude(sig, DKIM_PERMERROR, "%s", reason);
	return reason == NULL;
}

static enum rc check_signature(struct dkim_verifier *v, struct candidate *c,
			       const struct dkim_record *r, struct err *err)
{
	struct dkim_signature *sig = &c->read.sig;
	uint8_t digest[SHA256_LEN];
	enum rc rc;

	sig->testing = r->testing;
	if (!record_allows(c, r))
		return RC_OK;
	sig->key_bits = key_bits(r->key);
	rc = hash_header(v, c, digest, err);
	if (rc == RC_OK)
		rc = key_verify(r->key, digest, sig->signature, err);
	if (rc == RC_OK)
		conclude(sig, DKIM_PASS, "%s", "");
	if (rc != RC_INPUT)
		return rc;
	conclude(sig, DKIM_FAIL,
		 "the signature does not fit: a signed field was changed, or this is another key");
	return RC_OK;
}

/* What can be said without the key; false when all is said. */
static bool body_fits(struct candidate *c, int64_t now)
{
	struct dkim_signature *sig = &c->read.sig;

	if (now != 0 && sig->expires >= 0 && sig->expires < now) {
		conclude(sig, DKIM_PERMERROR, "expired: x= is %lld", (long long)sig->expires);
		return false;
	}
	if (sig->body_limit != UINT64_MAX && sig->body_limit > c->body->length) {
		conclude(sig, DKIM_FAIL, "l= is more than the body has");
		return false;
	}
	if (memcmp(sig->body_hash, c->body->digest, SHA256_LEN) != 0) {
		conclude(sig, DKIM_FAIL, "the body hash does not fit: the body was changed");
		return false;
	}
	return true;
}

static enum rc decide(struct dkim_verifier *v, struct candidate *c, dkim_find_key *find, void *ctx,
		      int64_t now, struct err *err)
{
	struct dkim_record record = {.key = NULL};
	struct dkim_signature *sig = &c->read.sig;
	struct err why = ERR_INIT;
	enum rc rc;

	if (!sig->readable || !body_fits(c, now))
		return RC_OK;
	rc = find(ctx, sig->domain, sig->selector, sig->alg, &record, &why);
	switch (rc) {
	case RC_OK:
		rc = check_signature(v, c, &record, err);
		dkim_record_clear(&record);
		return rc;
	case RC_NOTFOUND:
	case RC_INPUT:
		conclude(sig, DKIM_PERMERROR, "no key: %.*s", 140, why.text);
		return RC_OK;
	case RC_AGAIN:
	case RC_UNAVAIL:
		conclude(sig, DKIM_TEMPERROR, "no key now: %.*s", 140, why.text);
		return RC_OK;
	default:
		return err_set(err, rc, "%s", why.text);
	}
}

enum rc dkim_verifier_finish(struct dkim_verifier *v, dkim_find_key *find, void *ctx, int64_t now,
			     struct err *err)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; i < v->n_bodies && rc == RC_OK; i++) {
		struct body *body = &v->bodies[i];

		rc = bodyhash_finish(body->hash, body->digest, &body->length, err);
	}
	for (size_t i = 0; i < v->n && rc == RC_OK; i++)
		rc = decide(v, &v->at[i], find, ctx, now, err);
	return rc;
}

size_t dkim_verifier_count(const struct dkim_verifier *v)
{
	return v->n;
}

const struct dkim_signature *dkim_verifier_at(const struct dkim_verifier *v, size_t i)
{
	return &v->at[i].read.sig;
}

const char *dkim_result_name(enum dkim_result r)
{
	static const char *const names[] = {
		[DKIM_PASS] = "pass",		[DKIM_FAIL] = "fail",
		[DKIM_NEUTRAL] = "neutral",	[DKIM_PERMERROR] = "permerror",
		[DKIM_TEMPERROR] = "temperror",
	};

	return names[r];
}
