#include "tool/sealkeys.h"

#include <stdint.h>
#include <string.h>

#include "base/file.h"
#include "base/units.h"
#include "tool/account.h"

enum { FILE_MAX = 4 << 20, PASSPHRASE_MAX = 4096 };

static enum rc add_cert(struct sealcerts *certs, struct cert *c, struct err *err)
{
	if (certs->n == ENVELOPE_CERTS_MAX)
		return err_set(err, RC_LIMIT, "more than %d certificates", ENVELOPE_CERTS_MAX);
	certs->at[certs->n++] = cert_ref(c);
	return RC_OK;
}

static void say_if_not_now(struct tool *t, const char *what, const struct cert *c)
{
	enum cert_fault fault = cert_fault_of_time(c, tool_now(t));
	struct buf when;

	if (fault == CERT_GOOD)
		return;
	buf_init(&when, 64);
	if (units_show_time(fault == CERT_EXPIRED ? cert_not_after(c) : cert_not_before(c), &when,
			    NULL) == RC_OK)
		tool_say(t, "%s: the certificate of %s %s %.*s; it is used all the same\n", what,
			 cert_subject(c), fault == CERT_EXPIRED ? "expired" : "begins",
			 SPAN_ARG(buf_span(&when)));
	buf_clear(&when);
}

/* Named by the caller, it needs no path to anything, and may be of anybody. */
static enum rc check_cert(const struct cert *c, int64_t now, struct err *err)
{
	const char *const *addresses = cert_addresses(c);
	char why[200];
	enum cert_fault fault = cert_check(c, NULL, 0, addresses[0] != NULL ? addresses[0] : "",
					   NULL, true, now, why, sizeof(why));

	if (fault == CERT_GOOD || fault == CERT_ADDRESS)
		return RC_OK;
	return err_set(err, RC_INPUT, "the certificate of %s cannot be sealed for: %s",
		       cert_subject(c), why);
}

static enum rc add_file(struct tool *t, const char *path, struct sealcerts *certs, struct err *err)
{
	struct cert **found = NULL;
	struct buf bytes;
	size_t n = 0;
	enum rc rc;

	buf_init(&bytes, FILE_MAX);
	rc = file_read(path, &bytes, err);
	if (rc == RC_OK) {
		rc = cert_read_bundle(buf_span(&bytes), &found, &n, err);
		if (rc == RC_OK)
			rc = check_cert(found[0], tool_now(t), err);
		if (rc == RC_OK)
			rc = add_cert(certs, found[0], err);
		if (rc == RC_OK)
			say_if_not_now(t, path, found[0]);
		else
			err_wrap(err, rc, "%s", path);
	}
	cert_array_free(found, n);
	buf_clear(&bytes);
	return rc;
}

/* As rules seal: an expired one for a while, where the domain's settings say so. */
static int64_t grace_of(const struct account *a)
{
	const struct conf_seal *seal = a->config != NULL ? &a->config->seal : NULL;

	return seal != NULL && seal->on_expired == FALLBACK_SEAL ? seal->grace : 0;
}

static enum rc put_der(struct span der, struct buf *reply, struct err *err)
{
	uint32_t len = (uint32_t)der.len;
	enum rc rc = buf_add(reply, span_of(&len, sizeof(len)), err);

	return rc == RC_OK ? buf_add(reply, der, err) : rc;
}

/* As in every envelope for an account of such a domain. */
static enum rc put_escrow(struct tool *t, const struct conf_domain *domain, struct buf *reply,
			  struct err *err)
{
	struct buf der;
	enum rc rc;

	if (domain == NULL || domain->escrow == NULL)
		return RC_OK;
	tool_say(t, "also for the escrow certificate of %s, %s\n", domain->name,
		 cert_subject(domain->escrow));
	buf_init(&der, FILE_MAX);
	rc = cert_write_der(domain->escrow, &der, err);
	if (rc == RC_OK)
		rc = put_der(buf_span(&der), reply, err);
	buf_clear(&der);
	return rc;
}

static enum rc choose(struct tool *t, const struct user_cert_list *users, const char *text,
		      struct arena *arena, struct buf *reply, struct err *err)
{
	struct user_cert_choice choice = {NULL, false};
	const struct user_cert *run;
	struct account account;
	size_t n = 0;
	enum rc rc = account_read(t, text, users, arena, &account, err);

	if (rc != RC_OK)
		return rc;
	run = user_cert_list_account(users, account.name, &n);
	if (!user_cert_for_sealing(run, n, tool_now(t), grace_of(&account), &choice)) {
		tool_next(t, "mailseal user cert add %s FILE", account.name);
		return err_set(err, RC_NOTFOUND,
			       n == 0 ? "the catalogue has no certificate of %s"
				      : "no certificate of %s is valid now",
			       account.name);
	}
	rc = put_der(choice.cert->der, reply, err);
	return rc == RC_OK ? put_escrow(t, account.config, reply, err) : rc;
}

/* tool_work: the chosen certificates as DER, each with its length before it. */
static enum rc choose_all(struct tool *t, void *ctx UNUSED, struct buf *reply, struct err *err)
{
	const struct snapshot *snapshot = NULL;
	struct arena *arena = arena_new(1 << 20);
	const char *account;
	enum rc rc = arena != NULL ? tool_snapshot(t, &snapshot, err)
				   : err_set(err, RC_NOMEM, "out of memory for accounts");

	for (size_t i = 0; rc == RC_OK && (account = tool_opt_at(t, "for", i)) != NULL; i++)
		rc = choose(t, snapshot->users, account, arena, reply, err);
	arena_free(arena);
	return rc;
}

static enum rc add_accounts(struct tool *t, struct sealcerts *certs, struct err *err)
{
	struct buf reply;
	struct span rest;
	uint32_t len;
	enum rc rc;

	buf_init(&reply, FILE_MAX);
	rc = tool_as_user(t, choose_all, NULL, &reply, err);
	rest = buf_span(&reply);
	while (rc == RC_OK && rest.len >= sizeof(len)) {
		struct cert *c = NULL;

		memcpy(&len, rest.p, sizeof(len));
		rc = cert_read_der(span_sub(rest, sizeof(len), len), &c, err);
		if (rc == RC_OK)
			rc = add_cert(certs, c, err);
		if (rc == RC_OK)
			say_if_not_now(t, "--for", c);
		cert_unref(c);
		rest = span_from(rest, sizeof(len) + len);
	}
	buf_clear(&reply);
	return rc;
}

enum rc sealkeys_certs(struct tool *t, struct sealcerts *certs, struct err *err)
{
	const char *path;
	enum rc rc = RC_OK;

	certs->n = 0;
	if (!tool_has(t, "cert") && !tool_has(t, "for"))
		return tool_usage(t, err, "for whom? --cert FILE or --for ACCOUNT says it");
	for (size_t i = 0; rc == RC_OK && (path = tool_opt_at(t, "cert", i)) != NULL; i++)
		rc = add_file(t, path, certs, err);
	if (rc == RC_OK && tool_has(t, "for"))
		rc = add_accounts(t, certs, err);
	return rc;
}

void sealcerts_clear(struct sealcerts *certs)
{
	for (size_t i = 0; i < certs->n; i++)
		cert_unref(certs->at[i]);
	certs->n = 0;
}

json_t *sealcerts_json(const struct sealcerts *certs)
{
	json_t *all = json_array();

	for (size_t i = 0; all != NULL && i < certs->n; i++) {
		const struct cert *c = certs->at[i];
		json_t *one = json_pack("{s:s, s:s, s:s, s:s}", "subject", cert_subject(c),
					"issuer", cert_issuer(c), "serial", cert_serial(c),
					"fingerprint", cert_fingerprint(c));

		if (json_array_append_new(all, one) != 0) {
			json_decref(all);
			all = NULL;
		}
	}
	return all;
}

static enum rc read_passphrase(const char *path, struct buf *out, struct err *err)
{
	enum rc rc = file_read(path, out, err);

	while (out->len > 0 && (out->p[out->len - 1] == '\n' || out->p[out->len - 1] == '\r'))
		out->len--;
	return rc;
}

static enum rc add_key_certs(struct tool *t, struct openkey *key, struct err *err)
{
	struct buf bytes;
	const char *path;
	enum rc rc = RC_OK;

	buf_init(&bytes, FILE_MAX);
	for (size_t i = 0; rc == RC_OK && (path = tool_opt_at(t, "cert", i)) != NULL; i++) {
		bytes.len = 0;
		rc = file_read(path, &bytes, err);
		if (rc != RC_OK)
			break;
		rc = openkey_add_certs(key, buf_span(&bytes), err);
		if (rc != RC_OK)
			err_wrap(err, rc, "%s", path);
	}
	buf_clear(&bytes);
	if (rc == RC_OK && openkey_n_certs(key) == 0)
		rc = err_set(err, RC_INPUT, "%s has no certificate: --cert FILE gives it",
			     tool_opt(t, "key"));
	return rc;
}

enum rc sealkeys_key(struct tool *t, struct openkey **ret, struct err *err)
{
	const char *path = tool_opt(t, "key"), *passphrase_file = tool_opt(t, "passphrase-file");
	struct openkey *key = NULL;
	struct buf bytes, passphrase;
	enum rc rc = RC_OK;

	if (path == NULL)
		return tool_usage(t, err, "with which key? --key FILE says it");
	buf_init(&bytes, FILE_MAX);
	buf_init(&passphrase, PASSPHRASE_MAX);
	if (passphrase_file != NULL)
		rc = read_passphrase(passphrase_file, &passphrase, err);
	if (rc == RC_OK)
		rc = file_read(path, &bytes, err);
	if (rc == RC_OK) {
		rc = openkey_read(buf_span(&bytes),
				  passphrase_file != NULL ? buf_cstr(&passphrase) : NULL, &key,
				  err);
		if (rc != RC_OK)
			err_wrap(err, rc, "%s", path);
	}
	if (rc == RC_OK)
		rc = add_key_certs(t, key, err);
	if (rc == RC_OK) {
		*ret = key;
		key = NULL;
	}
	openkey_free(key);
	buf_wipe(&bytes);
	buf_wipe(&passphrase);
	return rc;
}
