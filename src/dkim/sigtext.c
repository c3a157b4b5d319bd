#include "dkim/sigtext.h"

#include <string.h>

#include "crypto/base64.h"
#include "mail/domain.h"

/* z= is for people who look for what changed on the way; a header that is larger is copied in part. */
enum { COPIES_MAX = 16384, WORD_MAX = COPIES_MAX };

struct writer {
	struct fold *fold;
	const struct dkim_job *job;
	struct buf word; /* the tag that is being put together */
};

/* RFC 6376 2.11; RFC 8616 5 makes UTF-8 safe in internationalized mail. */
static bool is_qp_safe(char c, bool utf8)
{
	unsigned char byte = (unsigned char)c;

	if (byte >= 0x80)
		return utf8;
	return byte > 0x20 && byte < 0x7f && c != ';' && c != '=';
}

static enum rc add_hex(struct buf *out, char c, struct err *err)
{
	return buf_addf(out, err, "=%02X", (unsigned)(unsigned char)c);
}

static enum rc begin(struct writer *w, const char *tag, struct err *err)
{
	w->word.len = 0;
	return buf_adds(&w->word, tag, err);
}

/* The tag is complete. */
static enum rc end(struct writer *w, struct err *err)
{
	enum rc rc = buf_addc(&w->word, ';', err);

	return rc == RC_OK ? fold_word(w->fold, buf_span(&w->word), true, err) : rc;
}

static enum rc write_tag(struct writer *w, const char *tag, const char *value, struct err *err)
{
	enum rc rc = begin(w, tag, err);

	if (rc == RC_OK)
		rc = buf_adds(&w->word, value, err);
	return rc == RC_OK ? end(w, err) : rc;
}

/* A name in A-labels, or in U-labels where the policy wants them. */
static enum rc add_labels(struct writer *w, const char *ascii, struct err *err)
{
	if (w->job->policy->ulabels)
		return domain_to_unicode(ascii, &w->word, err);
	return buf_adds(&w->word, ascii, err);
}

static enum rc write_labels(struct writer *w, const char *tag, const char *ascii, struct err *err)
{
	enum rc rc = begin(w, tag, err);

	if (rc == RC_OK)
		rc = add_labels(w, ascii, err);
	return rc == RC_OK ? end(w, err) : rc;
}

static enum rc write_number(struct writer *w, const char *tag, int64_t value, struct err *err)
{
	enum rc rc = begin(w, tag, err);

	if (rc == RC_OK)
		rc = buf_addf(&w->word, err, "%lld", (long long)value);
	return rc == RC_OK ? end(w, err) : rc;
}

static enum rc write_canon(struct writer *w, struct err *err)
{
	const struct dkim_policy *policy = w->job->policy;
	enum rc rc = begin(w, "c=", err);

	if (rc == RC_OK)
		rc = buf_addf(&w->word, err, "%s/%s", canon_name(policy->header_canon),
			      canon_name(policy->body_canon));
	return rc == RC_OK ? end(w, err) : rc;
}

static enum rc add_local_part(struct writer *w, struct span local, struct err *err)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; i < local.len && rc == RC_OK; i++) {
		if (is_qp_safe(local.p[i], w->job->policy->ulabels))
			rc = buf_addc(&w->word, local.p[i], err);
		else
			rc = add_hex(&w->word, local.p[i], err);
	}
	return rc;
}

/* RFC 6376 3.5: i= lies in d=. A policy may serve several d=: where it does not, i= is left out, for a
 * verifier would refuse the signature. */
static enum rc write_identity(struct writer *w, struct err *err)
{
	struct span identity = span_str(w->job->policy->identity);
	char domain[DOMAIN_SIZE];
	size_t at = identity.len;
	enum rc rc;

	while (at > 0 && identity.p[at - 1] != '@')
		at--;
	if (at == 0)
		return err_set(err, RC_CONF, "i=%s has no '@'", w->job->policy->identity);
	rc = domain_to_ascii(span_from(identity, at), domain, err);
	if (rc != RC_OK)
		return err_wrap(err, RC_CONF, "i=%s", w->job->policy->identity);
	if (!domain_is_within(domain, w->job->domain))
		return RC_OK;
	rc = begin(w, "i=", err);
	if (rc == RC_OK)
		rc = add_local_part(w, span_sub(identity, 0, at - 1), err);
	if (rc == RC_OK)
		rc = buf_addc(&w->word, '@', err);
	if (rc == RC_OK)
		rc = add_labels(w, domain, err);
	return rc == RC_OK ? end(w, err) : rc;
}

/* Folds between names are allowed around the colons (RFC 6376 3.5); ours stand behind them. */
static enum rc write_names(struct writer *w, const struct vec *names, struct err *err)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; i < names->len && rc == RC_OK; i++) {
		const struct span *name = vec_at(names, i);

		rc = begin(w, i == 0 ? "h=" : "", err);
		if (rc == RC_OK)
			rc = buf_add(&w->word, *name, err);
		if (rc == RC_OK)
			rc = buf_addc(&w->word, i + 1 < names->len ? ':' : ';', err);
		if (rc == RC_OK)
			rc = fold_word(w->fold, buf_span(&w->word), i == 0, err);
	}
	return rc;
}

static enum rc write_body_hash(struct writer *w, struct err *err)
{
	enum rc rc = begin(w, "bh=", err);

	if (rc == RC_OK)
		rc = base64_encode(span_of(w->job->body_hash, SHA256_LEN), &w->word, err);
	return rc == RC_OK ? end(w, err) : rc;
}

/* RFC 6376 3.5, z=: the value as it is, '|' encoded too; a fold as the CRLF that the MTA sends. */
static enum rc add_copy(struct span value, struct buf *out, struct err *err)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; i < value.len && rc == RC_OK; i++) {
		char c = value.p[i];

		if (c == '\n' && (i == 0 || value.p[i - 1] != '\r'))
			rc = buf_adds(out, "=0D", err);
		if (rc != RC_OK)
			return rc;
		if (is_qp_safe(c, false) && c != '|')
			rc = buf_addc(out, c, err);
		else
			rc = add_hex(out, c, err);
	}
	return rc;
}

static enum rc write_copy(struct writer *w, const struct field *field, bool first,
			  struct span value, struct err *err)
{
	enum rc rc = begin(w, first ? "z=" : "|", err);

	if (rc == RC_OK)
		rc = buf_add(&w->word, field->name, err);
	if (rc == RC_OK)
		rc = buf_addc(&w->word, ':', err);
	if (rc == RC_OK)
		rc = fold_word(w->fold, buf_span(&w->word), first, err);
	return rc == RC_OK ? fold_text(w->fold, value, err) : rc;
}

/* A field that does not fit into *ROOM any more is left out. */
static enum rc try_copy(struct writer *w, const struct field *field, size_t *room, struct err *err)
{
	struct buf value;
	enum rc rc;

	if (field->name.len >= *room)
		return RC_OK;
	buf_init(&value, *room - field->name.len);
	rc = add_copy(field->value, &value, err);
	if (rc == RC_OK) {
		rc = write_copy(w, field, *room == COPIES_MAX, buf_span(&value), err);
		*room -= field->name.len + value.len;
	} else if (rc == RC_LIMIT) {
		rc = RC_OK;
	}
	buf_clear(&value);
	return rc;
}

static enum rc write_copies(struct writer *w, const struct vec *fields, struct err *err)
{
	size_t room = COPIES_MAX;
	enum rc rc = RC_OK;

	for (size_t i = 0; i < fields->len && rc == RC_OK; i++)
		rc = try_copy(w, *(const struct field *const *)vec_at(fields, i), &room, err);
	if (rc != RC_OK || room == COPIES_MAX)
		return rc;
	return fold_text(w->fold, SPAN_LIT(";"), err);
}

/* b= begins a line of its own: no fold falls between it and its value. */
static enum rc write_all(struct writer *w, const struct vec *names, const struct vec *fields,
			 int64_t now, struct err *err)
{
	const struct dkim_policy *policy = w->job->policy;
	enum dkim_alg alg = dkim_alg_of_key(key_type(w->job->key));
	enum rc rc = write_tag(w, "v=", "1", err);

	if (rc == RC_OK)
		rc = write_tag(w, "a=", dkim_alg_name(alg), err);
	if (rc == RC_OK)
		rc = write_canon(w, err);
	if (rc == RC_OK)
		rc = write_labels(w, "d=", w->job->domain, err);
	if (rc == RC_OK)
		rc = write_labels(w, "s=", w->job->selector, err);
	if (rc == RC_OK)
		rc = write_number(w, "t=", now, err);
	if (rc == RC_OK && policy->expire > 0)
		rc = write_number(w, "x=", now + policy->expire, err);
	if (rc == RC_OK && policy->identity[0] != '\0')
		rc = write_identity(w, err);
	if (rc == RC_OK)
		rc = write_names(w, names, err);
	if (rc == RC_OK)
		rc = write_body_hash(w, err);
	if (rc == RC_OK && policy->diagnostics)
		rc = write_copies(w, fields, err);
	if (rc == RC_OK)
		rc = fold_newline(w->fold, err);
	return rc == RC_OK ? fold_word(w->fold, SPAN_LIT("b="), false, err) : rc;
}

enum rc sigtext_write(struct fold *fold, const struct dkim_job *job, const struct vec *names,
		      const struct vec *fields, int64_t now, struct err *err)
{
	struct writer w = {.fold = fold, .job = job};
	enum rc rc;

	buf_init(&w.word, WORD_MAX);
	rc = write_all(&w, names, fields, now, err);
	buf_clear(&w.word);
	return rc;
}
