/* user show, user cert show. */
#include "tool/users.h"

#include <string.h>

/* --- one certificate -------------------------------------------------------------------------- */

static enum rc parse(const struct users_work *w, struct span der, struct cert **ret,
		     struct err *err)
{
	enum rc rc = cert_read_der(der, ret, err);

	if (rc == RC_OK || rc == RC_NOMEM)
		return rc;
	return err_wrap(err, RC_CONF, "certificate of %s: the catalogue is damaged",
			w->account.name);
}

static json_t *addresses_json(const struct cert *c)
{
	json_t *all = json_array();

	for (const char *const *a = cert_addresses(c); *a != NULL; a++)
		json_array_append_new(all, json_string(*a));
	return all;
}

static json_t *names_json(const struct cert *c)
{
	return json_pack("{s:s, s:s, s:s, s:s}", "subject", cert_subject(c), "issuer",
			 cert_issuer(c), "serial", cert_serial(c), "fingerprint",
			 cert_fingerprint(c));
}

static enum rc chain_json(const struct users_work *w, const struct user_cert *c, json_t *all,
			  struct err *err)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; rc == RC_OK && i < c->n_chain; i++) {
		struct cert *part = NULL;

		rc = parse(w, c->chain[i], &part, err);
		if (rc == RC_OK && json_array_append_new(all, names_json(part)) != 0)
			rc = err_set(err, RC_NOMEM, "JSON");
		cert_unref(part);
	}
	return rc;
}

/* Everything that is known of C. */
static enum rc details_json(const struct users_work *w, const struct user_cert *c, json_t **ret,
			    struct err *err)
{
	bool seals = user_sealing_now(w->account.config, w->run, w->n, tool_now(w->t)) == c;
	json_t *all = user_listed_json(c, seals, tool_now(w->t)), *chain = json_array();
	struct cert *parsed = NULL;
	enum rc rc = parse(w, c->der, &parsed, err);

	if (rc == RC_OK)
		rc = chain_json(w, c, chain, err);
	if (rc == RC_OK && (json_object_update_new(all, names_json(parsed)) != 0 ||
			    json_object_set_new(all, "addresses", addresses_json(parsed)) != 0 ||
			    json_object_set(all, "chain", chain) != 0))
		rc = err_set(err, RC_NOMEM, "JSON");
	cert_unref(parsed);
	json_decref(chain);
	if (rc == RC_OK)
		*ret = all;
	else
		json_decref(all);
	return rc;
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text != NULL ? text : "";
}

static void print_details(const struct tool *t, const struct user_cert *c, const json_t *d)
{
	const json_t *chain = json_object_get(d, "chain");
	const json_t *addresses = json_object_get(d, "addresses");
	char kind[USER_KIND_SIZE], when[USER_DATE_SIZE];

	tool_print(t, "%-12s %s\n%-12s %s\n", "fingerprint", c->fingerprint, "subject",
		   text_of(d, "subject"));
	tool_print(t, "%-12s %s\n%-12s %s\n", "issuer", text_of(d, "issuer"), "serial",
		   text_of(d, "serial"));
	for (size_t i = 0; i < json_array_size(addresses); i++)
		tool_print(t, "%-12s %s\n", i == 0 ? "for" : "",
			   json_string_value(json_array_get(addresses, i)));
	tool_print(t, "%-12s %s\n%-12s %s\n", "key", user_kind(c, kind), "valid from",
		   user_date(c->not_before, when));
	tool_print(t, "%-12s %s\n", "until", user_date(c->not_after, when));
	tool_print(t, "%-12s %s%s\n", "state", user_state_word(c, tool_now(t)),
		   json_is_true(json_object_get(d, "seals")) ? ", mail is sealed for it" : "");
	tool_print(t, "%-12s %s\n", "trusted",
		   c->pinned ? "by --pin, as it is" : "by the certificates of its issuers");
	tool_print(t, "%-12s %s\n", "added", user_date(c->added, when));
	for (size_t i = 0; i < json_array_size(chain); i++)
		tool_print(t, "%-12s %s\n", i == 0 ? "came with" : "",
			   text_of(json_array_get(chain, i), "subject"));
}

/* --- user show -------------------------------------------------------------------------------- */

static void print_head(const struct users_work *w)
{
	const struct account *a = &w->account;

	tool_print(w->t, "%-12s %s\n", "account", a->name);
	if (a->config != NULL)
		tool_print(w->t, "%-12s %s (%s:%u)\n", "domain", a->domain, a->config->file,
			   a->config->line);
	else
		tool_print(w->t, "%-12s %s is not configured\n", "domain", a->domain);
	tool_print(w->t, "%-12s %s\n", "certificates",
		   w->n == 0 ? "none"
			     : user_account_word(expiry_of_account(w->run, w->n, tool_now(w->t))));
}

static enum rc show_account(struct users_work *w, struct err *err)
{
	json_t *all = json_array();
	enum rc rc = RC_OK;

	if (!tool_json_wanted(w->t))
		print_head(w);
	for (size_t i = 0; rc == RC_OK && i < w->n; i++) {
		json_t *one = NULL;

		rc = details_json(w, &w->run[i], &one, err);
		if (rc == RC_OK && !tool_json_wanted(w->t)) {
			tool_print(w->t, "\n");
			print_details(w->t, &w->run[i], one);
		}
		if (rc == RC_OK && json_array_append(all, one) != 0)
			rc = err_set(err, RC_NOMEM, "JSON");
		json_decref(one);
	}
	if (rc == RC_OK && tool_json_wanted(w->t))
		return tool_emit_json(
			w->t,
			json_pack("{s:s, s:b, s:s, s:o}", "account", w->account.name, "configured",
				  (int)(w->account.config != NULL), "state",
				  w->n == 0 ? "none"
					    : user_account_word(expiry_of_account(w->run, w->n,
										  tool_now(w->t))),
				  "certificates", all),
			err);
	json_decref(all);
	return rc;
}

enum rc user_show_run(struct tool *t, struct err *err)
{
	struct users_work w;
	enum rc rc = users_open(t, &w, err);

	if (rc == RC_OK)
		rc = show_account(&w, err);
	if (rc == RC_OK && w.n == 0)
		tool_next(t, "mailseal user cert add %s FILE", w.account.name);
	users_close(&w);
	return rc;
}

/* --- user cert show ---------------------------------------------------------------------------- */

/* The leaf, then what came along. */
static enum rc write_pem(const struct users_work *w, const struct user_cert *c, struct buf *out,
			 struct err *err)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; rc == RC_OK && i <= c->n_chain; i++) {
		struct cert *part = NULL;

		rc = parse(w, i == 0 ? c->der : c->chain[i - 1], &part, err);
		if (rc == RC_OK)
			rc = cert_write_pem(part, out, err);
		cert_unref(part);
	}
	return rc;
}

static enum rc show_pem(const struct users_work *w, const struct user_cert *c, json_t *details,
			struct err *err)
{
	struct buf pem;
	enum rc rc;

	buf_init(&pem, (size_t)8 << 20);
	rc = write_pem(w, c, &pem, err);
	if (rc == RC_OK && !tool_json_wanted(w->t))
		tool_write(w->t, buf_span(&pem));
	else if (rc == RC_OK &&
		 json_object_set_new(details, "pem", json_stringn(pem.p, pem.len)) != 0)
		rc = err_set(err, RC_NOMEM, "JSON");
	buf_clear(&pem);
	return rc;
}

static enum rc show_cert(struct users_work *w, const struct user_cert *c, struct err *err)
{
	json_t *details = NULL;
	enum rc rc = details_json(w, c, &details, err);

	if (rc == RC_OK && tool_has(w->t, "pem"))
		rc = show_pem(w, c, details, err);
	else if (rc == RC_OK && !tool_json_wanted(w->t))
		print_details(w->t, c, details);
	if (rc == RC_OK && tool_json_wanted(w->t))
		return tool_emit_json(w->t, details, err);
	json_decref(details);
	return rc;
}

enum rc user_cert_show_run(struct tool *t, struct err *err)
{
	const struct user_cert *c = NULL;
	struct users_work w;
	enum rc rc = users_open(t, &w, err);

	if (rc == RC_OK)
		rc = users_find(&w, tool_arg(t, 1), &c, err);
	if (rc == RC_OK)
		rc = show_cert(&w, c, err);
	users_close(&w);
	return rc;
}
