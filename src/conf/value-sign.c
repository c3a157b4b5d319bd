#include <string.h>

#include "base/units.h"
#include "conf/signing.h"
#include "conf/value.h"
#include "mail/domain.h"

enum { FIELDS_MAX = 200, FIELD_NAME_MAX = 76, SIX_DAYS = 6 * 86400 };

void value_canonicalization(struct value_reader *r, const struct schema_key *k,
			    const struct node *n, void *to)
{
	static const char wanted[] =
		"\"relaxed/relaxed\", \"relaxed/simple\", \"simple/relaxed\" or "
		"\"simple/simple\"";
	const char *text = value_text(r, k, n, wanted);
	struct dkim_policy *policy = to;

	if (text != NULL &&
	    !canon_pair_read(span_str(text), &policy->header_canon, &policy->body_canon))
		value_complain(r, CONF_ERROR, k, n, "%s (header/body) is wanted, found \"%.60s\"",
			       wanted, text);
}

static bool has_algorithm(const struct conf_sign *s, enum dkim_alg alg)
{
	for (size_t i = 0; i < s->n_algorithms; i++)
		if (s->algorithms[i] == alg)
			return true;
	return false;
}

void value_algorithms(struct value_reader *r, const struct schema_key *k, const struct node *n,
		      void *to)
{
	struct conf_sign *sign = to, read = {.n_algorithms = 0};

	if (!value_is_texts(r, k, n))
		return;
	for (size_t i = 0; i < n->u.kids.n; i++) {
		const struct node *element = &n->u.kids.at[i];
		enum dkim_alg alg;

		if (!dkim_alg_read(span_str(element->u.text), &alg))
			value_complain(r, CONF_ERROR, k, element,
				       "\"%s\" or \"%s\" is wanted, found \"%.60s\"",
				       dkim_alg_name(DKIM_RSA_SHA256),
				       dkim_alg_name(DKIM_ED25519_SHA256), element->u.text);
		else if (has_algorithm(&read, alg))
			value_complain(r, CONF_ERROR, k, element, "\"%s\" is listed twice",
				       element->u.text);
		else
			read.algorithms[read.n_algorithms++] = alg;
	}
	if (n->u.kids.n == 0)
		value_complain(r, CONF_ERROR, k, n,
			       "the list is empty; to sign nothing, write enabled = false");
	memcpy(sign->algorithms, read.algorithms, sizeof(read.algorithms));
	sign->n_algorithms = read.n_algorithms;
}

/* RFC 5322 3.6.8: printable ASCII without the colon. A ';' would end h= (RFC 6376 3.2). */
static bool is_field_name(const char *s)
{
	size_t len = strlen(s);

	for (size_t i = 0; i < len; i++)
		if (s[i] <= ' ' || s[i] >= 0x7f || s[i] == ':' || s[i] == ';')
			return false;
	return len > 0 && len <= FIELD_NAME_MAX;
}

/* RFC 6376 5.4.1: fields that are changed, added or removed on the way, or that say what nobody may learn. */
static bool is_never_signed(const char *s)
{
	static const char *const names[] = {"Received", "Return-Path", "Delivered-To", "Bcc",
					    "DKIM-Signature"};

	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (span_ieq_str(span_str(s), names[i]))
			return true;
	return false;
}

static bool check_field(struct value_reader *r, const struct schema_key *k, const struct node *n,
			const char *const *before)
{
	const char *name = n->u.text;

	if (!is_field_name(name))
		value_complain(r, CONF_ERROR, k, n, "\"%.60s\" is no name of a header field", name);
	else if (is_never_signed(name))
		value_complain(r, CONF_ERROR, k, n,
			       "%s cannot be signed: it is changed, added or removed on the way",
			       name);
	else if (signing_has_field(before, name))
		value_complain(r, CONF_ERROR, k, n, "%s is listed twice", name);
	else
		return true;
	return false;
}

void value_fields(struct value_reader *r, const struct schema_key *k, const struct node *n,
		  void *to)
{
	const char **list;
	size_t good = 0;

	if (!value_is_texts(r, k, n))
		return;
	if (n->u.kids.n > FIELDS_MAX) {
		value_complain(r, CONF_ERROR, k, n, "more than %d names", FIELDS_MAX);
		return;
	}
	list = value_alloc(r, n->u.kids.n + 1, sizeof(*list));
	for (size_t i = 0; i < n->u.kids.n && list != NULL; i++)
		if (check_field(r, k, &n->u.kids.at[i], list))
			list[good++] = value_strdup(r, n->u.kids.at[i].u.text);
	if (list != NULL)
		memcpy(to, &list, sizeof(list));
}

static bool is_local_part(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 0x7f ||
		    strchr("<>@,;", s.p[i]) != NULL)
			return false;
	return true;
}

/* RFC 6376 3.5, i=: an optional local part, "@", a domain. */
void value_identity(struct value_reader *r, const struct schema_key *k, const struct node *n,
		    void *to)
{
	const char *text =
		value_text(r, k, n, "\"@sub.example.com\", \"user@example.com\" or \"\"");
	const char *at = text != NULL ? strrchr(text, '@') : NULL;
	char domain[DOMAIN_SIZE] = "", *made;
	struct err why = ERR_INIT;
	size_t local;

	if (text == NULL)
		return;
	if (*text != '\0' && (at == NULL || !is_local_part(span_of(text, (size_t)(at - text))))) {
		value_complain(r, CONF_ERROR, k, n,
			       "\"%.60s\": \"@sub.example.com\" or \"user@example.com\" is wanted",
			       text);
		return;
	}
	if (at != NULL && domain_to_ascii(span_str(at + 1), domain, &why) != RC_OK) {
		value_complain(r, CONF_ERROR, k, n, "%s", why.text);
		return;
	}
	local = at != NULL ? (size_t)(at - text) + 1 : 0;
	made = value_alloc(r, local + strlen(domain) + 1, 1);
	if (made == NULL)
		return;
	memcpy(made, text, local);
	memcpy(made + local, domain, strlen(domain));
	memcpy(to, &made, sizeof(made));
}

void value_expire(struct value_reader *r, const struct schema_key *k, const struct node *n,
		  void *to)
{
	int64_t seconds = 0;

	value_time(r, k, n, &seconds);
	if (seconds > 0 && seconds < SIX_DAYS)
		value_complain(
			r, CONF_WARNING, k, n,
			"mail may lie in a queue for 5 days and is checked after that: under "
			"6d good signatures will fail");
	memcpy(to, &seconds, sizeof(seconds));
}

void value_rsa_bits(struct value_reader *r, const struct schema_key *k, const struct node *n,
		    void *to)
{
	unsigned bits = 0;

	value_int(r, k, n, &bits);
	if (bits == 0)
		return;
	if (bits < KEY_RSA_ADVISED)
		value_complain(r, CONF_WARNING, k, n,
			       "RSA keys under %d bits are weak (RFC 8301 3.2)", KEY_RSA_ADVISED);
	memcpy(to, &bits, sizeof(bits));
}

void value_domain(struct value_reader *r, const struct schema_key *k, const struct node *n,
		  void *to)
{
	const char *text = value_text(r, k, n, "the name of a domain in quotes"), *copy;
	char domain[DOMAIN_SIZE];
	struct err why = ERR_INIT;

	if (text == NULL)
		return;
	if (domain_to_ascii(span_str(text), domain, &why) != RC_OK) {
		value_complain(r, CONF_ERROR, k, n, "%s", why.text);
		return;
	}
	copy = value_strdup(r, domain);
	if (copy != NULL)
		memcpy(to, &copy, sizeof(copy));
}

void value_domains(struct value_reader *r, const struct schema_key *k, const struct node *n,
		   void *to)
{
	const char **list;
	size_t good = 0;

	if (!value_is_texts(r, k, n))
		return;
	list = value_alloc(r, n->u.kids.n + 1, sizeof(*list));
	for (size_t i = 0; i < n->u.kids.n && list != NULL; i++) {
		value_domain(r, k, &n->u.kids.at[i], &list[good]);
		if (list[good] != NULL)
			good++;
	}
	if (list != NULL)
		memcpy(to, &list, sizeof(list));
}
