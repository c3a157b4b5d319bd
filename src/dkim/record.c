#include "dkim/record.h"

#include <string.h>

#include "crypto/base64.h"
#include "dkim/tags.h"

/* Base64 of the largest RSA key that is accepted has under 3 KB. */
enum { PUBLIC_MAX = 8192 };

/* RFC 6376 3.6.1: v= may be left out; where it stands, it is the first tag. */
static enum rc check_version(const struct tags *tags, struct err *err)
{
	const struct tag *v = tags_find(tags, "v");

	if (v == NULL)
		return RC_OK;
	if (v != &tags->at[0])
		return err_set(err, RC_INPUT, "v= must be the first tag");
	if (!span_eq_str(v->value, "DKIM1"))
		return err_set(err, RC_INPUT, "v=%.*s: DKIM1 is expected",
			       SPAN_ARG(span_sub(v->value, 0, 40)));
	return RC_OK;
}

static enum rc read_type(const struct tags *tags, enum dkim_alg *ret, struct err *err)
{
	const struct tag *k = tags_find(tags, "k");

	if (k == NULL) {
		*ret = DKIM_RSA_SHA256;
		return RC_OK;
	}
	for (int i = 0; i < DKIM_ALGS; i++) {
		if (span_eq_str(k->value, dkim_alg_key((enum dkim_alg)i))) {
			*ret = (enum dkim_alg)i;
			return RC_OK;
		}
	}
	return err_set(err, RC_INPUT, "k=%.*s: a key type that is not known here",
		       SPAN_ARG(span_sub(k->value, 0, 40)));
}

static enum rc read_key(struct span base64, enum key_type type, struct key **ret, struct err *err)
{
	struct buf bytes;
	enum rc rc;

	buf_init(&bytes, PUBLIC_MAX);
	rc = base64_decode(base64, &bytes, err);
	if (rc == RC_OK)
		rc = key_read_public(type, buf_span(&bytes), ret, err);
	buf_clear(&bytes);
	if (rc == RC_OK || rc == RC_NOMEM)
		return rc;
	return err_wrap(err, RC_INPUT, "p=");
}

static bool absent_or_lists(const struct tags *tags, const char *name, const char *word,
			    const char *other)
{
	const struct tag *tag = tags_find(tags, name);

	return tag == NULL || tags_lists(tag->value, word) ||
	       (other != NULL && tags_lists(tag->value, other));
}

static bool has_flag(const struct tags *tags, const char *flag)
{
	const struct tag *t = tags_find(tags, "t");

	return t != NULL && tags_lists(t->value, flag);
}

enum rc dkim_record_read(struct span txt, struct dkim_record *ret, struct err *err)
{
	struct dkim_record r = {.key = NULL};
	const struct tag *p;
	struct tags tags;
	enum rc rc = tags_read(txt, &tags, err);

	if (rc == RC_OK)
		rc = check_version(&tags, err);
	if (rc == RC_OK)
		rc = read_type(&tags, &r.alg, err);
	if (rc != RC_OK)
		return rc;
	p = tags_find(&tags, "p");
	if (p == NULL)
		return err_set(err, RC_INPUT, "p= is missing: the record has no key");
	r.revoked = p->value.len == 0;
	r.testing = has_flag(&tags, "y");
	r.strict = has_flag(&tags, "s");
	r.email = absent_or_lists(&tags, "s", "*", "email");
	r.sha256 = absent_or_lists(&tags, "h", "sha256", NULL);
	if (!r.revoked)
		rc = read_key(p->value, dkim_alg_key_type(r.alg), &r.key, err);
	if (rc == RC_OK)
		*ret = r;
	return rc;
}

void dkim_record_clear(struct dkim_record *r)
{
	key_unref(r->key);
	memset(r, 0, sizeof(*r));
}

enum rc dkim_record_show(enum dkim_alg alg, struct span public_base64, bool testing,
			 struct buf *out, struct err *err)
{
	size_t old_len = out->len;
	enum rc rc = buf_addf(out, err, "v=DKIM1; k=%s; %sp=", dkim_alg_key(alg),
			      testing ? "t=y; " : "");

	if (rc == RC_OK)
		rc = buf_add(out, public_base64, err);
	if (rc != RC_OK)
		out->len = old_len;
	return rc;
}
