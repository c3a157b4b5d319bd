#include "tool/selector.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/units.h"
#include "directory/keystore.h"
#include "mail/domain.h"
#include "tool/dnstext.h"
#include "tool/newkey.h"

enum { PEM_MAX = 65536 };

enum rc selector_work_open(struct tool *t, enum directory_mode mode, bool named,
			   struct selector_work *w, struct err *err)
{
	enum rc rc;

	*w = (struct selector_work){.t = t};
	w->arena = arena_new(1u << 20);
	if (w->arena == NULL)
		return err_set(err, RC_NOMEM, "out of memory");
	rc = tool_snapshot(t, &w->snap, err);
	if (rc == RC_OK)
		rc = tool_domain(t, tool_arg(t, 0), &w->domain, err);
	if (rc == RC_OK && mode != DIRECTORY_READ)
		rc = tool_directory(t, mode, &w->directory, err);
	if (rc != RC_OK || !named)
		return rc;
	w->selector =
		selector_list_find(w->snap->selectors, w->domain->sign_domain, tool_arg(t, 1));
	if (w->selector != NULL)
		return RC_OK;
	tool_next(t, "mailseal selector list %s", w->domain->name);
	return err_set(err, RC_NOTFOUND, "%s: no selector '%s'", w->domain->sign_domain,
		       tool_arg(t, 1));
}

void selector_work_close(struct selector_work *w)
{
	selector_list_free(w->now);
	w->now = NULL;
	w->arena = arena_free(w->arena);
}

enum rc selector_work_renew(struct selector_work *w, struct err *err)
{
	const struct selector *old = w->selector, *row;
	struct selector_list *now = NULL;
	enum rc rc;

	if (tool_dry_run(w->t))
		return RC_OK;
	tool_poke_daemon(w->t);
	rc = w->directory->ops->load(w->directory, &now, err);
	if (rc != RC_OK)
		return err_wrap(err, rc, "%s._domainkey.%s is changed, but cannot be shown",
				old->name, old->domain);
	row = selector_list_find(now, old->domain, old->name);
	w->removed = row == NULL;
	w->now = now;
	if (row != NULL)
		w->selector = row;
	return RC_OK;
}

/* --- what is there ------------------------------------------------------------------------------- */

static const char *show_date(int64_t when, struct buf *out)
{
	const char *text;

	out->len = 0;
	if (when == 0 || units_show_time(when, out, NULL) != RC_OK)
		return "-";
	text = buf_cstr(out);
	return text != NULL ? text : "-";
}

static json_t *row_json(const struct selector *s, const char *state)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:i, s:s, s:s, s:I, s:I, s:I, s:I}", "domain",
			 s->domain, "name", s->name, "algorithm", dkim_alg_name(s->alg), "state",
			 state, "bits", (int)s->bits, "fingerprint", s->fingerprint, "public_key",
			 s->public_base64, "created", (json_int_t)s->created, "not_before",
			 (json_int_t)s->not_before, "seen_since", (json_int_t)s->seen_since,
			 "retired", (json_int_t)s->retired);
}

static json_t *as_json(const struct selector *s)
{
	return row_json(s, sel_state_name(s->state));
}

static void print_row(const struct tool *t, const struct selector *s)
{
	struct buf created;

	buf_init(&created, 64);
	tool_print(t, "%-24s %-20s %-14s %5u  %-9s  %s\n", s->domain, s->name,
		   dkim_alg_name(s->alg), s->bits, sel_state_name(s->state),
		   show_date(s->created, &created));
	buf_clear(&created);
}

static enum rc list_run(struct tool *t, struct err *err)
{
	const struct conf_domain *d = NULL;
	const struct snapshot *snap;
	json_t *all = json_array();
	enum rc rc = tool_snapshot(t, &snap, err);

	if (rc == RC_OK && tool_arg(t, 0) != NULL)
		rc = tool_domain(t, tool_arg(t, 0), &d, err);
	for (size_t i = 0; rc == RC_OK && i < snap->selectors->n; i++) {
		const struct selector *s = &snap->selectors->at[i];

		if (d != NULL && strcmp(s->domain, d->sign_domain) != 0)
			continue;
		if (tool_json_wanted(t))
			json_array_append_new(all, as_json(s));
		else
			print_row(t, s);
	}
	if (rc == RC_OK && tool_json_wanted(t))
		return tool_emit_json(t, json_pack("{s:o}", "selectors", all), err);
	json_decref(all);
	return rc;
}

static enum rc print_record(struct tool *t, const struct conf_domain *d, const struct selector *s,
			    struct err *err)
{
	struct dnstext text = dnstext_of(d, s);
	struct buf out;
	enum rc rc;

	buf_init(&out, PEM_MAX);
	rc = dnstext_zone(&text, &out, err);
	if (rc == RC_OK)
		tool_write(t, buf_span(&out));
	buf_clear(&out);
	return rc;
}

static void print_moment(const struct tool *t, const char *label, int64_t when)
{
	struct buf out;

	buf_init(&out, 64);
	tool_print(t, "%-12s %s\n", label, show_date(when, &out));
	buf_clear(&out);
}

static enum rc show_run(struct tool *t, struct err *err)
{
	struct selector_work w;
	enum rc rc = selector_work_open(t, DIRECTORY_READ, true, &w, err);
	const struct selector *s = w.selector;

	if (rc == RC_OK && tool_json_wanted(t)) {
		rc = tool_emit_json(t, as_json(s), err);
	} else if (rc == RC_OK) {
		tool_print(t, "%-12s %s._domainkey.%s\n%-12s %s, %u bits\n%-12s %s\n%-12s %s\n",
			   "selector", s->name, s->domain, "algorithm", dkim_alg_name(s->alg),
			   s->bits, "state", sel_state_name(s->state), "key", s->fingerprint);
		print_moment(t, "created", s->created);
		print_moment(t, "signs from", s->not_before);
		print_moment(t, "retired", s->retired);
		rc = print_record(t, w.domain, s, err);
	}
	selector_work_close(&w);
	return rc;
}

/* --- new ones ------------------------------------------------------------------------------------ */

static enum rc report_row(const struct tool *t, const char *what, json_t *row, struct err *err)
{
	return tool_emit_json(t,
			      json_pack("{s:s, s:b, s:o}", "done", what, "dry_run", tool_dry_run(t),
					"selector", row),
			      err);
}

static void report_text(const struct tool *t, const char *domain, const char *name,
			const char *what)
{
	tool_say(t, "%s._domainkey.%s: %s%s\n", name, domain, what,
		 tool_dry_run(t) ? " (--dry-run: nothing was changed)" : "");
}

enum rc selector_report(struct selector_work *w, const char *done, const char *would,
			struct err *err)
{
	const struct selector *s = w->selector;
	const char *what = tool_dry_run(w->t) ? would : done;

	if (tool_json_wanted(w->t))
		return report_row(w->t, what,
				  row_json(s, w->removed ? "removed" : sel_state_name(s->state)),
				  err);
	report_text(w->t, s->domain, s->name, what);
	return RC_OK;
}

static enum rc wanted_algorithm(struct tool *t, enum dkim_alg *ret, struct err *err)
{
	const char *word = tool_opt(t, "algorithm");

	*ret = DKIM_RSA_SHA256;
	if (word == NULL || dkim_alg_read(span_str(word), ret))
		return RC_OK;
	return tool_usage(t, err, "--algorithm %s: rsa-sha256 or ed25519-sha256 expected", word);
}

static enum rc wanted_bits(struct tool *t, const struct conf_domain *d, unsigned *ret,
			   struct err *err)
{
	const char *word = tool_opt(t, "bits");
	unsigned long bits = d->rotate.rsa_bits;
	char *end = "";

	if (word != NULL)
		bits = strtoul(word, &end, 10);
	if (*end != '\0' || bits < KEY_RSA_MIN || bits > KEY_RSA_MAX)
		return tool_usage(t, err, "--bits %s: a number from %d to %d expected", word,
				  KEY_RSA_MIN, KEY_RSA_MAX);
	*ret = (unsigned)bits;
	return RC_OK;
}

static enum rc wanted_name(struct selector_work *w, enum dkim_alg alg, char ret[64],
			   struct err *err)
{
	const char *name = tool_opt(w->t, "name");
	bool used = false;
	enum rc rc;

	if (name == NULL)
		return newkey_name(w->directory, w->domain->sign_domain, alg, tool_now(w->t), ret,
				   err);
	if (!domain_selector_valid(span_str(name)) || strlen(name) > 63)
		return tool_usage(w->t, err, "--name %s: no legal selector name", name);
	rc = w->directory->ops->selector_name_used(w->directory, w->domain->sign_domain, name,
						   &used, err);
	if (rc == RC_OK && used)
		rc = err_set(err, RC_EXISTS,
			     "%s: the name '%s' was used before; names are never reused",
			     w->domain->sign_domain, name);
	strcpy(ret, name);
	return rc;
}

/* With --dry-run there is neither key nor row: only what is known beforehand. */
static enum rc report_planned(const struct selector_work *w, const char *name, enum dkim_alg alg,
			      const char *would, struct err *err)
{
	const char *domain = w->domain->sign_domain;

	if (tool_json_wanted(w->t))
		return report_row(w->t, would,
				  json_pack("{s:s, s:s, s:s}", "domain", domain, "name", name,
					    "algorithm", dkim_alg_name(alg)),
				  err);
	report_text(w->t, domain, name, would);
	return RC_OK;
}

/* How a key comes to us, in the words of the report. */
struct origin {
	const char *done, *would;
};

static enum rc store_key(struct selector_work *w, const struct key *key, const struct origin *from,
			 struct err *err)
{
	enum dkim_alg alg = dkim_alg_of_key(key_type(key));
	struct selector *made = arena_alloc(w->arena, sizeof(*made));
	char name[64];
	enum rc rc = made != NULL ? wanted_name(w, alg, name, err)
				  : err_set(err, RC_NOMEM, "out of memory (selector)");

	if (rc == RC_OK && tool_dry_run(w->t))
		return report_planned(w, name, alg, from->would, err);
	if (rc == RC_OK)
		rc = newkey_store(w->directory, w->snap->conf->state_dir, w->domain->sign_domain,
				  name, key, tool_now(w->t), w->arena, made, err);
	if (rc != RC_OK)
		return rc;
	w->selector = made;
	rc = selector_report(w, from->done, from->would, err);
	if (rc == RC_OK && !tool_json_wanted(w->t))
		rc = print_record(w->t, w->domain, made, err);
	tool_poke_daemon(w->t);
	tool_next(w->t, "mailseal selector activate %s %s --force", w->domain->name, name);
	return rc;
}

static enum rc add_run(struct tool *t, struct err *err)
{
	static const struct origin made = {"made, standby until it is activated",
					   "would be made, standby until it is activated"};
	struct key *key = NULL;
	enum dkim_alg alg;
	unsigned bits = 0;
	struct selector_work w;
	enum rc rc = wanted_algorithm(t, &alg, err);

	if (rc != RC_OK)
		return rc;
	rc = selector_work_open(t, DIRECTORY_CREATE, false, &w, err);
	if (rc == RC_OK)
		rc = wanted_bits(t, w.domain, &bits, err);
	if (rc == RC_OK)
		rc = key_generate(dkim_alg_key_type(alg), bits, &key, err);
	if (rc == RC_OK)
		rc = store_key(&w, key, &made, err);
	key_unref(key);
	selector_work_close(&w);
	return rc;
}

static enum rc read_key(struct tool *t, struct key **ret, struct err *err)
{
	const char *passphrase_file = tool_opt(t, "passphrase-file");
	struct buf pem, passphrase;
	enum rc rc;

	buf_init(&pem, PEM_MAX);
	buf_init(&passphrase, 4096);
	rc = file_read(tool_arg(t, 1), &pem, err);
	if (rc == RC_OK && passphrase_file != NULL)
		rc = file_read(passphrase_file, &passphrase, err);
	while (passphrase.len > 0 && (passphrase.p[passphrase.len - 1] == '\n' ||
				      passphrase.p[passphrase.len - 1] == '\r'))
		passphrase.len--;
	if (rc == RC_OK)
		rc = key_read_pem(buf_span(&pem),
				  passphrase_file != NULL ? buf_cstr(&passphrase) : NULL, ret, err);
	buf_wipe(&pem);
	buf_wipe(&passphrase);
	return rc == RC_OK ? rc : err_wrap(err, rc, "%s", tool_arg(t, 1));
}

static enum rc import_as_user(struct tool *t, void *ctx, struct buf *reply, struct err *err)
{
	static const struct origin imported = {"imported, standby until it is activated",
					       "would be imported, standby until it is activated"};
	struct selector_work w;
	enum rc rc = selector_work_open(t, DIRECTORY_CREATE, false, &w, err);

	(void)reply;
	if (rc == RC_OK)
		rc = selector_check_key(&w, key_fingerprint(ctx), err);
	if (rc == RC_OK)
		rc = store_key(&w, ctx, &imported, err);
	selector_work_close(&w);
	return rc;
}

/* The file is the caller's, the state is the user's. */
static enum rc import_run(struct tool *t, struct err *err)
{
	struct key *key = NULL;
	enum rc rc = read_key(t, &key, err);

	if (rc == RC_OK)
		rc = tool_as_user(t, import_as_user, key, NULL, err);
	key_unref(key);
	return rc;
}

static enum rc export_run(struct tool *t, struct err *err)
{
	struct key *key = NULL;
	struct buf pem;
	struct selector_work w;
	enum rc rc;

	if (isatty(STDOUT_FILENO))
		return tool_usage(t, err,
				  "a private key is not shown on a terminal: send it to a file");
	buf_init(&pem, PEM_MAX);
	rc = selector_work_open(t, DIRECTORY_READ, true, &w, err);
	if (rc == RC_OK && w.selector->state == SEL_REVOKED)
		rc = err_set(err, RC_REFUSED,
			     "%s._domainkey.%s is revoked: its key is void and is not handed out",
			     w.selector->name, w.selector->domain);
	if (rc == RC_OK)
		rc = keystore_get(w.snap->conf->state_dir, w.selector->fingerprint, &key, err);
	if (rc == RC_OK)
		rc = key_write_pem(key, &pem, err);
	if (rc == RC_OK)
		tool_write(t, buf_span(&pem));
	buf_wipe(&pem);
	key_unref(key);
	selector_work_close(&w);
	return rc;
}

static const struct tool_option add_options[] = {
	{"algorithm", "ALGORITHM", "rsa-sha256 (default) or ed25519-sha256"},
	{"name", "NAME", "name of the selector (default: rsa-DATE or ed-DATE)"},
	{"bits", "N", "size of an RSA key (default: rotate.rsa_bits)"},
	{NULL, NULL, NULL},
};

static const struct tool_option import_options[] = {
	{"name", "NAME", "name of the selector (default: rsa-DATE or ed-DATE)"},
	{"passphrase-file", "FILE", "opens an encrypted key"},
	{NULL, NULL, NULL},
};

static const struct tool_option force_options[] = {
	{"force", NULL, "do it although the checks speak against it"},
	{NULL, NULL, NULL},
};

const struct tool_verb tool_verbs_selector[] = {
	{
		.noun = "selector",
		.verb = "list",
		.args = "[DOMAIN]",
		.max_args = 1,
		.summary = "List selectors with their states",
		.help = "One line for each selector: domain, name, algorithm, bits, state, when it "
			"was\n"
			"made.\n"
			"\n"
			"Example: mailseal selector list example.com\n",
		.flags = TOOL_READS | TOOL_STATE,
		.run = list_run,
	},
	{
		.noun = "selector",
		.verb = "show",
		.args = "DOMAIN NAME",
		.min_args = 2,
		.max_args = 2,
		.summary = "Show one selector and its DNS record",
		.help = "Example: mailseal selector show example.com rsa-20261124\n",
		.flags = TOOL_READS | TOOL_STATE,
		.run = show_run,
	},
	{
		.noun = "selector",
		.verb = "add",
		.args = "DOMAIN",
		.min_args = 1,
		.max_args = 1,
		.summary = "Make a key and a selector for it",
		.help = "The selector is standby: it signs nothing until it is activated. Its DNS\n"
			"record is printed for publication.\n"
			"\n"
			"Example: mailseal selector add example.com --algorithm ed25519-sha256\n",
		.options = add_options,
		.flags = TOOL_WRITES | TOOL_STATE,
		.run = add_run,
	},
	{
		.noun = "selector",
		.verb = "import",
		.args = "DOMAIN FILE",
		.min_args = 2,
		.max_args = 2,
		.summary = "Make a selector of a private key that exists",
		.help = "FILE is PEM (PKCS#8 or PKCS#1), \"-\" for standard input. The selector "
			"is\n"
			"standby until it is activated. The file stays as it is.\n"
			"\n"
			"Example: mailseal selector import example.com mail.private --name mail\n",
		.options = import_options,
		.flags = TOOL_WRITES,
		.run = import_run,
	},
	{
		.noun = "selector",
		.verb = "export",
		.args = "DOMAIN NAME",
		.min_args = 2,
		.max_args = 2,
		.summary = "Write the private key of a selector to standard output",
		.help = "Unencrypted PEM (PKCS#8). Refused when standard output is a terminal.\n"
			"\n"
			"Example: mailseal selector export example.com rsa-20261124 >key.pem\n",
		.flags = TOOL_STATE,
		.run = export_run,
	},
	{
		.noun = "selector",
		.verb = "activate",
		.args = "DOMAIN NAME",
		.min_args = 2,
		.max_args = 2,
		.summary = "Let a selector sign",
		.help = "The active selector of the same algorithm becomes retiring in the same "
			"step.\n"
			"DNS is not watched yet: look at the record yourself, then say --force.\n"
			"\n"
			"Example: mailseal selector activate example.com rsa-20261124 --force\n",
		.options = force_options,
		.flags = TOOL_WRITES | TOOL_STATE,
		.run = selector_activate_run,
	},
	{
		.noun = "selector",
		.verb = "retire",
		.args = "DOMAIN NAME",
		.min_args = 2,
		.max_args = 2,
		.summary = "Stop signing with a selector, its record stays",
		.help = "Mail that is under way is verified with its record for a week at least. A "
			"selector\n"
			"retires by itself when another of its algorithm is activated.\n"
			"\n"
			"Example: mailseal selector retire example.com rsa-20261124 --force\n",
		.options = force_options,
		.flags = TOOL_WRITES | TOOL_STATE,
		.run = selector_retire_run,
	},
	{
		.noun = "selector",
		.verb = "revoke",
		.args = "DOMAIN NAME",
		.min_args = 2,
		.max_args = 2,
		.summary = "Declare a key void: its record gets an empty p=",
		.help = "For a key that is no longer secret. Publish the record that \"mailseal "
			"dns\n"
			"show\" prints afterwards. The key goes to keys/trash, unless another "
			"selector has\n"
			"it too, and never signs again.\n"
			"\n"
			"Example: mailseal selector revoke example.com rsa-20261124 --force\n",
		.options = force_options,
		.flags = TOOL_WRITES | TOOL_STATE,
		.run = selector_revoke_run,
	},
	{
		.noun = "selector",
		.verb = "remove",
		.args = "DOMAIN NAME",
		.min_args = 2,
		.max_args = 2,
		.summary = "Forget a selector, its key goes to the trash",
		.help = "Its name is never used again. Remove its DNS record as well.\n"
			"\n"
			"Example: mailseal selector remove example.com rsa-20261124\n",
		.flags = TOOL_WRITES | TOOL_STATE,
		.run = selector_remove_run,
	},
	{.noun = NULL},
};
