#include "tool/dnstext.h"

#include "dkim/record.h"

/* RFC 1035 3.3: a <character-string> has at most 255 octets. The longest record is that of RSA-16384. */
enum { STRING_MAX = 255, VALUE_MAX = 8192 };

struct dnstext dnstext_of(const struct conf_domain *d, const struct selector *s)
{
	return (struct dnstext){
		.domain = s->domain,
		.selector = s->name,
		.alg = s->alg,
		.public_base64 = s->state == SEL_REVOKED ? "" : s->public_base64,
		.testing = d != NULL && d->mode == MODE_TEST,
		.ttl = d != NULL ? d->dns.ttl : 3600,
	};
}

enum rc dnstext_name(const struct dnstext *r, struct buf *out, struct err *err)
{
	return buf_addf(out, err, "%s._domainkey.%s", r->selector, r->domain);
}

enum rc dnstext_value(const struct dnstext *r, struct buf *out, struct err *err)
{
	return dkim_record_show(r->alg, span_str(r->public_base64), r->testing, out, err);
}

/* VALUE in quoted strings with SEPARATOR between them. The first string ends before p=, as opendkim-genkey
 * writes it: the key then stands alone. Nothing in a record needs quoting. */
static enum rc add_strings(struct span value, const char *separator, struct buf *out,
			   struct err *err)
{
	size_t cut = span_search(value, SPAN_LIT("p="), 0, false);
	enum rc rc = RC_OK;

	if (cut == 0 || cut == value.len || cut > STRING_MAX)
		cut = STRING_MAX;
	for (bool first = true; rc == RC_OK && (first || value.len > 0); first = false) {
		rc = buf_addf(out, err, "%s\"%.*s\"", first ? "" : separator,
			      SPAN_ARG(span_sub(value, 0, cut)));
		value = span_from(value, cut);
		cut = STRING_MAX;
	}
	return rc;
}

/* How the texts below begin: the value, on its own. */
static enum rc make_value(const struct dnstext *r, struct buf *value, struct err *err)
{
	buf_init(value, VALUE_MAX);
	return dnstext_value(r, value, err);
}

enum rc dnstext_zone(const struct dnstext *r, struct buf *out, struct err *err)
{
	struct buf value;
	enum rc rc = make_value(r, &value, err);

	if (rc == RC_OK)
		rc = dnstext_name(r, out, err);
	if (rc == RC_OK)
		rc = buf_adds(out, ".\tIN\tTXT\t( ", err);
	if (rc == RC_OK)
		rc = add_strings(buf_span(&value), "\n\t  ", out, err);
	if (rc == RC_OK)
		rc = buf_addf(out, err, " )  ; ----- DKIM key %s for %s\n", r->selector, r->domain);
	buf_clear(&value);
	return rc;
}

enum rc dnstext_web(const struct dnstext *r, struct buf *out, struct err *err)
{
	struct buf value;
	enum rc rc = make_value(r, &value, err);

	if (rc == RC_OK)
		rc = buf_adds(out, "Name:  ", err);
	if (rc == RC_OK)
		rc = dnstext_name(r, out, err);
	if (rc == RC_OK)
		rc = buf_addf(out, err, "\nType:  TXT\nValue: %.*s\n", SPAN_ARG(buf_span(&value)));
	buf_clear(&value);
	return rc;
}

static enum rc add_command(const struct dnstext *r, const char *command, struct buf *out,
			   struct err *err)
{
	enum rc rc = buf_addf(out, err, "update %s ", command);

	if (rc == RC_OK)
		rc = dnstext_name(r, out, err);
	return rc == RC_OK ? buf_addc(out, '.', err) : rc;
}

enum rc dnstext_nsupdate(const struct dnstext *r, struct buf *out, struct err *err)
{
	struct buf value;
	enum rc rc = make_value(r, &value, err);

	if (rc == RC_OK)
		rc = add_command(r, "delete", out, err);
	if (rc == RC_OK)
		rc = buf_adds(out, " TXT\n", err);
	if (rc == RC_OK)
		rc = add_command(r, "add", out, err);
	if (rc == RC_OK)
		rc = buf_addf(out, err, " %lld TXT ", (long long)r->ttl);
	if (rc == RC_OK)
		rc = add_strings(buf_span(&value), " ", out, err);
	if (rc == RC_OK)
		rc = buf_addc(out, '\n', err);
	buf_clear(&value);
	return rc;
}

static json_t *json_strings(struct span value)
{
	json_t *list = json_array();

	for (; list != NULL && value.len > 0; value = span_from(value, STRING_MAX)) {
		struct span s = span_sub(value, 0, STRING_MAX);

		if (json_array_append_new(list, json_stringn(s.p, s.len)) != 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

enum rc dnstext_json(const struct dnstext *r, json_t **ret, struct err *err)
{
	struct buf value, name;
	json_t *object = NULL;
	enum rc rc = make_value(r, &value, err);

	buf_init(&name, 512);
	if (rc == RC_OK)
		rc = dnstext_name(r, &name, err);
	if (rc == RC_OK) {
		object = json_pack("{s:s%, s:s, s:I, s:s%, s:o*}", "name", name.p, name.len, "type",
				   "TXT", "ttl", (json_int_t)r->ttl, "value", value.p, value.len,
				   "strings", json_strings(buf_span(&value)));
		if (object == NULL)
			rc = err_set(err, RC_NOMEM, "JSON");
	}
	if (rc == RC_OK)
		*ret = object;
	buf_clear(&value);
	buf_clear(&name);
	return rc;
}
