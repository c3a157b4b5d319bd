#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "conf/value.h"
#include "crypto/cert.h"

/* A certificate with what came along. */
enum { ESCROW_FILE_MAX = 1 << 20, ESCROW_BITS_MIN = 2048 };

void value_missing(struct value_reader *r, const struct schema_key *k, const struct node *n,
		   void *to)
{
	enum conf_fallback read = FALLBACK_DEFER;

	value_word(r, k, n, &read);
	if (read == FALLBACK_SEAL)
		value_complain(
			r, CONF_ERROR, k, n,
			"\"defer\", \"reject\" or \"plain\" is wanted: without a certificate "
			"nothing can be sealed");
	else
		memcpy(to, &read, sizeof(read));
}

/* --- deliver.mailbox_address -------------------------------------------------------------------- */

static size_t count_variable(struct span text, struct span name)
{
	size_t n = 0;

	for (size_t at = span_search(text, name, 0, false); at < text.len;
	     at = span_search(text, name, at + name.len, false))
		n++;
	return n;
}

void value_template(struct value_reader *r, const struct schema_key *k, const struct node *n,
		    void *to)
{
	const char *text = value_text(r, k, n, "a text in quotes");
	struct span s = span_str(text);
	size_t known;

	if (text == NULL)
		return;
	known = count_variable(s, SPAN_LIT("${local}")) +
		count_variable(s, SPAN_LIT("${mailbox}")) +
		count_variable(s, SPAN_LIT("${domain}"));
	if (count_variable(s, SPAN_LIT("${")) != known ||
	    count_variable(s, SPAN_LIT("${mailbox}")) == 0 ||
	    count_variable(s, SPAN_LIT("${local}")) == 0 || !span_has(s, '@'))
		value_complain(r, CONF_ERROR, k, n,
			       "\"%.80s\": an address of ${local}, ${mailbox} and ${domain} is "
			       "wanted, such as \"${local}+${mailbox}@${domain}\"",
			       text);
	else
		value_string(r, k, n, to);
}

/* --- accounts ----------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void value_accounts(struct value_reader *r, const struct schema_key *k, const struct node *n,
		    void *to)
{
	const char **list = NULL;

	if (n->type == NODE_TEXT && strcmp(n->u.text, "any") == 0) {
		memcpy(to, &list, sizeof(const char *const *));
		return;
	}
	if (n->type == NODE_TEXT) {
		value_complain(r, CONF_ERROR, k, n,
			       "\"any\" or a list of local parts is wanted, found \"%.60s\"",
			       n->u.text);
		return;
	}
	value_strings(r, k, n, &list);
	if (list == NULL)
		return;
	for (size_t i = 0; list[i] != NULL; i++) {
		for (char *p = (char *)(uintptr_t)list[i]; *p != '\0'; p++)
			*p = ascii_lower(*p);
		if (strchr(list[i], '@') != NULL)
			value_complain(r, CONF_ERROR, k, n,
				       "\"%.60s\": only what stands before the '@' is wanted",
				       list[i]);
	}
	qsort(list, n->u.kids.n, sizeof(*list), compare);
	memcpy(to, &list, sizeof(const char *const *));
}

/* --- escrow ------------------------------------------------------------------------------------- */

static struct cert *leaf_of(struct value_reader *r, const struct schema_key *k,
			    const struct node *n)
{
	struct err why = ERR_INIT;
	struct cert **all = NULL, *leaf = NULL;
	struct buf bytes;
	size_t count = 0;
	enum rc rc;

	buf_init(&bytes, ESCROW_FILE_MAX);
	rc = file_read(n->u.text, &bytes, &why);
	if (rc == RC_OK)
		value_remember_file(r, n->u.text);
	if (rc == RC_OK)
		rc = cert_read_bundle(buf_span(&bytes), &all, &count, &why);
	if (rc == RC_OK)
		leaf = cert_ref(all[0]);
	else
		value_complain(r, CONF_ERROR, k, n, "%s: %s", n->u.text, why.text);
	if (all != NULL)
		cert_array_free(all, count);
	buf_clear(&bytes);
	return leaf;
}

static bool is_good(struct value_reader *r, const struct schema_key *k, const struct node *n,
		    const struct cert *c)
{
	if (cert_kind(c) == CERT_RSA && cert_bits(c) >= ESCROW_BITS_MIN)
		return true;
	value_complain(
		r, CONF_ERROR, k, n,
		"%s: an RSA certificate of at least %d bits is wanted; EC ones are not built "
		"yet",
		n->u.text, ESCROW_BITS_MIN);
	return false;
}

/* The certificate stays with the configuration, which frees it. */
void value_escrow(struct value_reader *r, const struct schema_key *k, const struct node *n,
		  void *to)
{
	const char *path = value_text(r, k, n, "the path of a certificate (PEM), or \"\",");
	struct cert *leaf, **kept;

	if (path == NULL || *path == '\0')
		return;
	leaf = leaf_of(r, k, n);
	kept = leaf != NULL ? vec_push(r->certs) : NULL;
	if (kept == NULL) {
		r->problems->lost = r->problems->lost || leaf != NULL;
		cert_unref(leaf);
		return;
	}
	*kept = leaf;
	if (is_good(r, k, n, leaf))
		memcpy(to, &leaf, sizeof(struct cert *));
}
