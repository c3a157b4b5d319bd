/* user cert add, user cert remove. */
#include "tool/certfile.h"
#include "tool/users.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/units.h"

enum { FILE_MAX = 1 << 20 };

/* --- what both report -------------------------------------------------------------------------- */

static enum rc report(struct tool *t, const struct user_cert *c, const char *done, json_t *warnings,
		      struct err *err)
{
	if (!tool_json_wanted(t)) {
		tool_say(t, "%s: certificate %.16s: %s%s\n", c->account, c->fingerprint, done,
			 tool_dry_run(t) ? " (--dry-run: nothing was changed)" : "");
		return RC_OK;
	}
	return tool_emit_json(t,
			      json_pack("{s:s, s:b, s:o, s:O}", "done", done, "dry_run",
					(int)tool_dry_run(t), "certificate",
					user_cert_json(c, tool_now(t)), "warnings", warnings),
			      err);
}

/* --- add --------------------------------------------------------------------------------------- */

struct adding {
	struct tool *t;
	struct span bytes; /* of the file */
	struct certfile file;
	struct account account;
	struct arena *arena;
	json_t *warnings;
};

static void warn(struct adding *a, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void warn(struct adding *a, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	json_array_append_new(a->warnings, json_string(text));
	tool_say(a->t, "%smailseal: warning:%s %s\n", tool_style(a->t, 2, INK_WARN),
		 tool_style(a->t, 2, INK_OFF), text);
}

static void warn_of_key(struct adding *a)
{
	if (a->file.has_key)
		warn(a,
		     "%s holds a private key as well, which was left out: whoever can read that "
		     "file can open the sealed mail of %s; it belongs to the user alone, not here",
		     tool_arg(a->t, 1), a->account.name);
}

static void warn_of_dates(struct adding *a)
{
	const struct cert *c = a->file.certs[0];
	int64_t now = tool_now(a->t), days = expiry_days(cert_not_after(c), now);
	struct buf from;

	buf_init(&from, 64);
	if (cert_fault_of_time(c, now) == CERT_NOT_YET_VALID &&
	    units_show_time(cert_not_before(c), &from, NULL) == RC_OK)
		warn(a, "the certificate is valid from %.*s on; nothing is sealed for it before",
		     SPAN_ARG(buf_span(&from)));
	else if (days == 0)
		warn(a, "the certificate has ended");
	else if (days <= EXPIRY_SOON / EXPIRY_DAY)
		warn(a, "the certificate ends in %lld day%s", (long long)days,
		     days == 1 ? "" : "s");
	buf_clear(&from);
}

/* Nothing is lost by having it in good time. */
static void warn_of_kind(struct adding *a)
{
	if (cert_kind(a->file.certs[0]) == CERT_EC)
		warn(a, "the certificate is for an EC key; " USER_EC_NOT_BUILT);
}

/* An address of ours that the certificate is for. What a stranger wrote into it is shown as a command only where a shell
 * takes it as one word. */
static const char *address_of_ours(const struct adding *a, const struct conf *conf)
{
	for (const char *const *p = cert_addresses(a->file.certs[0]); *p != NULL; p++) {
		const char *domain = strrchr(*p, '@');

		if (domain != NULL && conf_domain_find(conf, domain + 1) != NULL &&
		    strspn(*p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
			       "._@") == strlen(*p))
			return *p;
	}
	return NULL;
}

/* The one command that may help. */
static void suggest(struct adding *a, const struct certfile_verdict *v)
{
	const char *file = tool_arg(a->t, 1), *pin = tool_has(a->t, "pin") ? " --pin" : "";
	const struct conf *conf = NULL;
	const char *other = NULL;

	if (v->remedy == REMEDY_PIN) {
		tool_say(a->t, "its fingerprint (SHA-256): %s\n",
			 cert_fingerprint(a->file.certs[0]));
		tool_next(a->t, "mailseal user cert add %s %s --pin", a->account.name, file);
	} else if (v->remedy == REMEDY_FORCE) {
		tool_next(a->t, "mailseal user cert add %s %s%s --force", a->account.name, file,
			  pin);
	} else if (v->fault == CERT_ADDRESS && tool_conf(a->t, &conf, NULL) == RC_OK) {
		other = address_of_ours(a, conf);
	}
	if (other != NULL)
		tool_next(a->t, "mailseal user cert add %s %s%s", other, file, pin);
}

static enum rc judge(struct adding *a, struct err *err)
{
	struct certfile_question q = {.addresses = account_addresses(&a->account, a->arena),
				      .pin = tool_has(a->t, "pin"),
				      .force = tool_has(a->t, "force"),
				      .now = tool_now(a->t)};
	struct trust_anchors *anchors = NULL;
	struct certfile_verdict verdict;
	enum rc rc;

	if (q.addresses == NULL)
		return err_set(err, RC_NOMEM, "out of memory");
	rc = trust_anchors_new(tool_anchors_file(a->t), &anchors, err);
	if (rc == RC_OK) {
		q.anchors = anchors;
		rc = certfile_judge(&a->file, &q, &verdict, err);
		if (rc != RC_OK)
			suggest(a, &verdict);
	}
	trust_anchors_free(anchors);
	return rc;
}

static enum rc take_der(struct adding *a, const struct cert *c, struct span *ret, struct err *err)
{
	struct buf der;
	enum rc rc;

	buf_init(&der, USER_DER_MAX);
	rc = cert_write_der(c, &der, err);
	if (rc == RC_OK) {
		*ret = arena_dup(a->arena, buf_span(&der));
		if (ret->p == NULL)
			rc = err_set(err, RC_NOMEM, "out of memory");
	}
	buf_clear(&der);
	return rc;
}

static enum rc fill_row(struct adding *a, struct user_cert *ret, struct err *err)
{
	const struct cert *c = a->file.certs[0];
	struct span *chain = arena_calloc(a->arena, a->file.n, sizeof(*chain));
	struct user_cert u = {.account = a->account.name,
			      .chain = chain,
			      .n_chain = a->file.n - 1,
			      .pinned = tool_has(a->t, "pin"),
			      .kind = cert_kind(c),
			      .bits = cert_bits(c),
			      .not_before = cert_not_before(c),
			      .not_after = cert_not_after(c),
			      .added = tool_now(a->t)};
	enum rc rc;

	if (chain == NULL)
		return err_set(err, RC_NOMEM, "out of memory");
	memcpy(u.fingerprint, cert_fingerprint(c), sizeof(u.fingerprint));
	rc = take_der(a, c, &u.der, err);
	for (size_t i = 0; rc == RC_OK && i < u.n_chain; i++)
		rc = take_der(a, a->file.certs[i + 1], &chain[i], err);
	if (rc == RC_OK)
		*ret = u;
	return rc;
}

/* The row of the same certificate as U, if there is one: *RET_THERE, and with --pin it must be pinned. */
static enum rc look_for(struct adding *a, const struct user_cert *u, bool *ret_there,
			struct err *err)
{
	struct directory *d = NULL;
	struct user_cert_list *l = NULL;
	const struct user_cert *run = NULL;
	size_t n = 0;
	enum rc rc = tool_directory(a->t, DIRECTORY_READ, &d, err);

	*ret_there = false;
	if (rc == RC_NOTFOUND)
		return RC_OK; /* no catalogue yet */
	if (rc == RC_OK)
		rc = d->ops->users_load(d, &l, err);
	if (rc == RC_OK)
		run = user_cert_list_account(l, u->account, &n);
	for (size_t i = 0; rc == RC_OK && i < n; i++) {
		if (strcmp(run[i].fingerprint, u->fingerprint) != 0)
			continue;
		*ret_there = true;
		if (u->pinned && !run[i].pinned) {
			tool_next(a->t, "mailseal user cert remove %s %.16s --force", u->account,
				  u->fingerprint);
			rc = err_set(err, RC_EXISTS,
				     "%s has the certificate %.16s already, but not pinned: remove "
				     "it first",
				     u->account, u->fingerprint);
		}
	}
	user_cert_list_free(l);
	return rc;
}

static enum rc store(struct adding *a, const struct user_cert *u, bool *ret_there, struct err *err)
{
	struct directory *d = NULL;
	enum rc rc;

	if (tool_dry_run(a->t))
		return look_for(a, u, ret_there, err);
	*ret_there = false;
	rc = tool_directory(a->t, DIRECTORY_CREATE, &d, err);
	if (rc == RC_OK)
		rc = d->ops->user_cert_add(d, u, err);
	if (rc == RC_EXISTS)
		return look_for(a, u, ret_there, err);
	if (rc == RC_OK)
		tool_poke_daemon(a->t);
	return rc;
}

static enum rc add_certificate(struct adding *a, struct err *err)
{
	struct user_cert u;
	bool there = false;
	enum rc rc = account_read(a->t, tool_arg(a->t, 0), NULL, a->arena, &a->account, err);

	if (rc != RC_OK)
		return rc;
	rc = certfile_read(a->bytes, &a->file, err);
	warn_of_key(a);
	if (rc == RC_OK)
		rc = judge(a, err);
	if (rc != RC_OK)
		return err_wrap(err, rc, "%s", tool_arg(a->t, 1));
	warn_of_dates(a);
	warn_of_kind(a);
	rc = fill_row(a, &u, err);
	if (rc == RC_OK)
		rc = store(a, &u, &there, err);
	if (rc != RC_OK)
		return rc;
	return report(a->t, &u,
		      there		   ? "is there already"
		      : tool_dry_run(a->t) ? "would be added"
					   : "added",
		      a->warnings, err);
}

static enum rc add_as_user(struct tool *t, void *ctx, struct buf *reply, struct err *err)
{
	const struct buf *bytes = ctx;
	struct adding a = {.t = t,
			   .bytes = buf_span(bytes),
			   .arena = arena_new((size_t)16 << 20),
			   .warnings = json_array()};
	enum rc rc = a.arena != NULL && a.warnings != NULL
			     ? add_certificate(&a, err)
			     : err_set(err, RC_NOMEM, "out of memory");

	(void)reply;
	certfile_clear(&a.file);
	arena_free(a.arena);
	json_decref(a.warnings);
	return rc;
}

static bool is_pkcs12_name(const char *file)
{
	return span_iends(span_str(file), SPAN_LIT(".p12")) ||
	       span_iends(span_str(file), SPAN_LIT(".pfx"));
}

/* The file is the caller's, the state is the user's. It may hold a private key, so its bytes do not stay in memory. */
enum rc user_cert_add_run(struct tool *t, struct err *err)
{
	const char *file = tool_arg(t, 1);
	struct buf bytes;
	enum rc rc;

	buf_init(&bytes, FILE_MAX);
	rc = file_read(file, &bytes, err);
	if (rc == RC_OK)
		rc = tool_as_user(t, add_as_user, &bytes, NULL, err);
	if (rc == RC_INPUT && is_pkcs12_name(file))
		tool_next(t, "openssl pkcs12 -in %s -nokeys -out cert.pem", file);
	buf_wipe(&bytes);
	return rc;
}

/* --- remove ------------------------------------------------------------------------------------ */

/* Would the account be left without one that is valid now? What is not valid itself can go. */
static bool is_last(const struct users_work *w, const struct user_cert *c)
{
	int64_t now = tool_now(w->t);
	size_t valid = 0;

	if (w->n == 1)
		return true;
	for (size_t i = 0; i < w->n; i++)
		valid += w->run[i].not_before <= now && now <= w->run[i].not_after;
	return valid == 1 && c->not_before <= now && now <= c->not_after;
}

static enum rc remove_certificate(struct users_work *w, const struct user_cert *c, struct err *err)
{
	struct directory *d = NULL;
	enum rc rc;

	if (is_last(w, c) && !tool_has(w->t, "force")) {
		tool_next(w->t, "mailseal user cert remove %s %.16s --force", w->account.name,
			  c->fingerprint);
		return err_set(err, RC_REFUSED,
			       "%s: certificate %.16s is the last one that mail can be sealed for; "
			       "add another first, or say --force",
			       w->account.name, c->fingerprint);
	}
	if (tool_dry_run(w->t))
		return RC_OK;
	rc = tool_directory(w->t, DIRECTORY_WRITE, &d, err);
	if (rc == RC_OK)
		rc = d->ops->user_cert_remove(d, c->account, c->fingerprint, err);
	if (rc == RC_OK)
		tool_poke_daemon(w->t);
	return rc;
}

enum rc user_cert_remove_run(struct tool *t, struct err *err)
{
	const struct user_cert *c = NULL;
	json_t *warnings = json_array();
	struct users_work w;
	enum rc rc = users_open(t, &w, err);

	if (rc == RC_OK)
		rc = users_find(&w, tool_arg(t, 1), &c, err);
	if (rc == RC_OK)
		rc = remove_certificate(&w, c, err);
	if (rc == RC_OK)
		rc = report(t, c, tool_dry_run(t) ? "would be removed" : "removed", warnings, err);
	json_decref(warnings);
	users_close(&w);
	return rc;
}
