#include "dkim/sigread.h"

#include <string.h>

#include "crypto/base64.h"
#include "mail/domain.h"

/* A name more than this in h= signs nothing that anybody sends. */
enum { NAMES_MAX = 1000, SIGNATURE_MAX = KEY_RSA_MAX / 8, TIME_DIGITS = 12 };

static enum rc required(const struct tags *tags, const char *name, struct span *ret,
			struct err *err)
{
	const struct tag *tag = tags_find(tags, name);

	if (tag == NULL)
		return err_set(err, RC_INPUT, "%s= is missing", name);
	*ret = tag->value;
	return RC_OK;
}

static enum rc no_memory(struct err *err)
{
	return err_set(err, RC_NOMEM, "out of memory (signature)");
}

/* A name in A- or U-labels: RFC 8616 5 allows both. */
static enum rc read_labels(const struct tags *tags, const char *name, struct arena *arena,
			   const char **ret, struct err *err)
{
	char ascii[DOMAIN_SIZE];
	struct span value;
	const char *copy;
	enum rc rc = required(tags, name, &value, err);

	if (rc != RC_OK)
		return rc;
	rc = domain_to_ascii(value, ascii, err);
	if (rc != RC_OK)
		return err_wrap(err, rc, "%s=", name);
	copy = arena_strdup(arena, ascii);
	if (copy == NULL)
		return no_memory(err);
	*ret = copy;
	return RC_OK;
}

enum rc sigread_domain(const struct tags *tags, struct arena *arena, const char **ret,
		       struct err *err)
{
	return read_labels(tags, "d", arena, ret, err);
}

static enum rc read_selector(const struct tags *tags, struct arena *arena, const char **ret,
			     struct err *err)
{
	enum rc rc = read_labels(tags, "s", arena, ret, err);

	if (rc == RC_OK && !domain_selector_valid(span_str(*ret)))
		return err_set(err, RC_INPUT, "s=%s is no selector", *ret);
	return rc;
}

static enum rc read_version(const struct tags *tags, struct err *err)
{
	struct span v;
	enum rc rc = required(tags, "v", &v, err);

	if (rc == RC_OK && !span_eq_str(v, "1"))
		return err_set(err, RC_INPUT, "v=%.*s: 1 is expected",
			       SPAN_ARG(span_sub(v, 0, 40)));
	return rc;
}

static enum rc read_methods(const struct tags *tags, struct dkim_signature *sig, struct err *err)
{
	const struct tag *c = tags_find(tags, "c");
	const struct tag *q = tags_find(tags, "q");
	struct span a;
	enum rc rc = required(tags, "a", &a, err);

	if (rc != RC_OK)
		return rc;
	if (!dkim_alg_read(a, &sig->alg))
		return err_set(err, RC_INPUT, "a=%.*s: an algorithm that is not accepted",
			       SPAN_ARG(span_sub(a, 0, 40)));
	if (c != NULL && !canon_pair_read(c->value, &sig->header_canon, &sig->body_canon))
		return err_set(err, RC_INPUT, "c=%.*s: a canonicalization that is not known",
			       SPAN_ARG(span_sub(c->value, 0, 40)));
	if (q != NULL && !tags_lists(q->value, "dns/txt"))
		return err_set(err, RC_INPUT, "q=%.*s: dns/txt is expected",
			       SPAN_ARG(span_sub(q->value, 0, 40)));
	return RC_OK;
}

static enum rc read_base64(struct span text, size_t max, struct arena *arena, struct span *ret,
			   struct err *err)
{
	struct buf bytes;
	enum rc rc;

	buf_init(&bytes, max);
	rc = base64_decode(text, &bytes, err);
	if (rc == RC_OK) {
		*ret = arena_dup(arena, buf_span(&bytes));
		if (ret->p == NULL)
			rc = no_memory(err);
	}
	buf_clear(&bytes);
	return rc == RC_LIMIT ? err_set(err, RC_INPUT, "more than %zu bytes", max) : rc;
}

static enum rc read_hashes(const struct tags *tags, struct arena *arena, struct sigread *ret,
			   struct err *err)
{
	struct span b, bh, digest;
	enum rc rc = required(tags, "bh", &bh, err);

	if (rc == RC_OK)
		rc = required(tags, "b", &b, err);
	if (rc != RC_OK)
		return rc;
	rc = read_base64(bh, SHA256_LEN, arena, &digest, err);
	if (rc != RC_OK)
		return err_wrap(err, rc, "bh=");
	if (digest.len != SHA256_LEN)
		return err_set(err, RC_INPUT, "bh= has %zu bytes: SHA-256 has %d", digest.len,
			       SHA256_LEN);
	memcpy(ret->sig.body_hash, digest.p, SHA256_LEN);
	rc = read_base64(b, SIGNATURE_MAX, arena, &ret->sig.signature, err);
	if (rc != RC_OK)
		return err_wrap(err, rc, "b=");
	if (ret->sig.signature.len == 0)
		return err_set(err, RC_INPUT, "b= is empty");
	ret->b_raw = tags_find(tags, "b")->raw;
	return RC_OK;
}

/* RFC 5322 3.6.8 */
static bool is_field_name(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] < 0x21 || s.p[i] > 0x7e)
			return false;
	return s.len > 0;
}

static enum rc add_names(struct span rest, struct dkim_signature *sig, struct err *err)
{
	bool has_from = false;
	struct span name;

	while (tags_next_item(&rest, &name)) {
		if (!is_field_name(name))
			return err_set(err, RC_INPUT, "h=: '%.*s' is no name of a field",
				       SPAN_ARG(span_sub(name, 0, 40)));
		has_from = has_from || span_ieq_str(name, "from");
		sig->names[sig->n_names++] = name;
	}
	/* RFC 6376 5.4 */
	if (!has_from)
		return err_set(err, RC_INPUT, "h= does not have From");
	return RC_OK;
}

static enum rc read_names(const struct tags *tags, struct arena *arena, struct dkim_signature *sig,
			  struct err *err)
{
	size_t n = 1;
	struct span h;
	enum rc rc = required(tags, "h", &h, err);

	if (rc != RC_OK)
		return rc;
	for (size_t i = 0; i < h.len; i++)
		n += h.p[i] == ':';
	if (n > NAMES_MAX)
		return err_set(err, RC_INPUT, "h= has %zu names: more than %d", n, NAMES_MAX);
	sig->names = arena_calloc(arena, n, sizeof(*sig->names));
	if (sig->names == NULL)
		return no_memory(err);
	return add_names(h, sig, err);
}

/* Digits only. Past what 64 bits hold: MOST. */
static bool read_digits(struct span s, size_t max_digits, uint64_t most, uint64_t *ret)
{
	uint64_t value = 0;

	if (s.len == 0 || s.len > max_digits)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (!is_ascii_digit(s.p[i]))
			return false;
		if (value > (most - 9) / 10)
			value = most;
		else
			value = value * 10 + (uint64_t)(s.p[i] - '0');
	}
	*ret = value;
	return true;
}

static enum rc read_time(const struct tags *tags, const char *name, int64_t *ret, struct err *err)
{
	const struct tag *tag = tags_find(tags, name);
	uint64_t value;

	if (tag == NULL)
		return RC_OK;
	if (!read_digits(tag->value, TIME_DIGITS, INT64_MAX, &value))
		return err_set(err, RC_INPUT, "%s=%.*s is no time", name,
			       SPAN_ARG(span_sub(tag->value, 0, 40)));
	*ret = (int64_t)value;
	return RC_OK;
}

static enum rc read_times(const struct tags *tags, struct dkim_signature *sig, struct err *err)
{
	enum rc rc = read_time(tags, "t", &sig->signed_at, err);

	if (rc == RC_OK)
		rc = read_time(tags, "x", &sig->expires, err);
	if (rc != RC_OK)
		return rc;
	if (sig->signed_at >= 0 && sig->expires >= 0 && sig->expires <= sig->signed_at)
		return err_set(err, RC_INPUT, "x= is not later than t=");
	return RC_OK;
}

/* RFC 6376 3.5: l= may have 76 digits; UINT64_MAX would say that there is none. */
static enum rc read_length(const struct tags *tags, struct dkim_signature *sig, struct err *err)
{
	const struct tag *l = tags_find(tags, "l");

	if (l != NULL && !read_digits(l->value, 76, UINT64_MAX - 1, &sig->body_limit))
		return err_set(err, RC_INPUT, "l=%.*s is no length",
			       SPAN_ARG(span_sub(l->value, 0, 40)));
	return RC_OK;
}

static int hex_value(char c)
{
	if (is_ascii_digit(c))
		return c - '0';
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* RFC 6376 2.11: white space is ignored, "=XX" is an octet; hexadecimal digits are capitals. */
static enum rc decode_qp(struct span text, struct arena *arena, struct span *ret, struct err *err)
{
	char *out = arena_alloc(arena, text.len + 1);
	size_t len = 0;

	if (out == NULL)
		return no_memory(err);
	for (size_t i = 0; i < text.len; i++) {
		int high, low;

		if (span_trim_fold(span_sub(text, i, 1)).len == 0)
			continue;
		if (text.p[i] != '=') {
			out[len++] = text.p[i];
			continue;
		}
		high = i + 2 < text.len ? hex_value(text.p[i + 1]) : -1;
		low = i + 2 < text.len ? hex_value(text.p[i + 2]) : -1;
		if (high < 0 || low < 0)
			return err_set(err, RC_INPUT, "'=' without two hexadecimal digits");
		out[len++] = (char)(high * 16 + low);
		i += 2;
	}
	*ret = span_of(out, len);
	return RC_OK;
}

/* RFC 6376 3.5: the domain of i= is that of d=, or lies in it. */
static enum rc read_identity(const struct tags *tags, struct arena *arena, struct sigread *ret,
			     struct err *err)
{
	const struct tag *i = tags_find(tags, "i");
	char domain[DOMAIN_SIZE];
	struct span text;
	size_t at;
	enum rc rc;

	ret->identity_exact = true;
	if (i == NULL)
		return RC_OK;
	rc = decode_qp(i->value, arena, &text, err);
	if (rc != RC_OK)
		return err_wrap(err, rc, "i=");
	at = text.len;
	while (at > 0 && text.p[at - 1] != '@')
		at--;
	if (at == 0)
		return err_set(err, RC_INPUT, "i= has no '@'");
	rc = domain_to_ascii(span_from(text, at), domain, err);
	if (rc != RC_OK)
		return err_wrap(err, rc, "i=");
	if (!domain_is_within(domain, ret->sig.domain))
		return err_set(err, RC_INPUT, "i= is of %.60s, which is not within d=%.60s", domain,
			       ret->sig.domain);
	ret->sig.identity = text;
	ret->identity_exact = strcmp(domain, ret->sig.domain) == 0;
	return RC_OK;
}

enum rc sigread_tags(const struct tags *tags, struct arena *arena, struct sigread *ret,
		     struct err *err)
{
	struct dkim_signature *sig = &ret->sig;
	enum rc rc = read_version(tags, err);

	sig->signed_at = -1;
	sig->expires = -1;
	sig->body_limit = UINT64_MAX;
	if (rc == RC_OK)
		rc = read_methods(tags, sig, err);
	if (rc == RC_OK)
		rc = read_selector(tags, arena, &sig->selector, err);
	if (rc == RC_OK)
		rc = read_names(tags, arena, sig, err);
	if (rc == RC_OK)
		rc = read_hashes(tags, arena, ret, err);
	if (rc == RC_OK)
		rc = read_times(tags, sig, err);
	if (rc == RC_OK)
		rc = read_length(tags, sig, err);
	if (rc == RC_OK)
		rc = read_identity(tags, arena, ret, err);
	return rc;
}
