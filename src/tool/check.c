/* check: everything that is wrong with configuration, catalogue and keys, at once. */
#include "directory/keystore.h"
#include "tool/findings.h"
#include "tool/leftover.h"
#include "tool/rulecheck.h"
#include "tool/selector.h"
#include "tool/tool.h"
#include "tool/users.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the part that reads state works with. */
struct state_check {
	struct tool *t;
	const struct conf *conf;
	const struct selector_list *list;
	const struct user_cert_list *users;
	struct findings f;
};

static void selector_subject(const struct selector *s, char ret[600])
{
	snprintf(ret, 600, "selector %s of %s", s->name, s->domain);
}

/* Its record is empty: a key has no use any more, and should be gone. */
static enum rc check_revoked(struct state_check *c, const struct selector *s, struct err *err)
{
	const struct selector *other = selector_other_user(c->list, s);
	char subject[600], next[1024];
	struct key *key = NULL;
	bool gone = keystore_get(c->conf->state_dir, s->fingerprint, &key, NULL) == RC_NOTFOUND;

	key_unref(key);
	if (other == NULL && gone)
		return RC_OK;
	if (other == NULL) {
		selector_subject(s, subject);
		snprintf(next, sizeof(next), "mailseal selector revoke %s %s", s->domain, s->name);
		return findings_add(&c->f, FINDING_WARNING, subject, next, err,
				    "revoked, but its key still lies in keys");
	}
	selector_subject(other, subject);
	snprintf(next, sizeof(next), "mailseal selector revoke %s %s --force", other->domain,
		 other->name);
	return findings_add(&c->f, FINDING_WARNING, subject, next, err,
			    "has the key of selector %s of %s, which is revoked", s->name,
			    s->domain);
}

static enum rc check_key(struct state_check *c, const struct selector *s, struct err *err)
{
	char subject[600];
	struct key *key = NULL;
	struct buf base64;
	struct err why = ERR_INIT;
	enum rc rc = keystore_get(c->conf->state_dir, s->fingerprint, &key, &why);

	selector_subject(s, subject);
	if (rc == RC_NOMEM)
		return err_set(err, rc, "%s", why.text);
	if (rc != RC_OK)
		return findings_add(&c->f, FINDING_ERROR, subject, NULL, err, "%s", why.text);
	buf_init(&base64, 65536);
	rc = key_public_base64(key, &base64, err);
	if (rc == RC_OK && (dkim_alg_of_key(key_type(key)) != s->alg ||
			    !span_eq_str(buf_span(&base64), s->public_base64)))
		rc = findings_add(&c->f, FINDING_ERROR, subject, NULL, err,
				  "the key file %s is not the key of the catalogue",
				  s->fingerprint);
	if (rc == RC_OK && key_type(key) == KEY_RSA && key_bits(key) < KEY_RSA_ADVISED)
		rc = findings_add(&c->f, FINDING_WARNING, subject, NULL, err,
				  "RSA with %u bits: verifiers may refuse less than %d (RFC 8301)",
				  key_bits(key), KEY_RSA_ADVISED);
	buf_clear(&base64);
	key_unref(key);
	return rc;
}

static enum rc check_orphans(struct state_check *c, struct err *err)
{
	struct vec files, orphans;
	const char *const *all;
	struct err why = ERR_INIT;
	enum rc rc = keystore_list(c->conf->state_dir, &files, &why);

	if (rc == RC_NOTFOUND)
		return RC_OK;
	if (rc != RC_OK)
		return findings_add(&c->f, FINDING_ERROR, "keys", NULL, err, "%s", why.text);
	rc = leftover_keys(&files, c->list, &orphans, err);
	all = orphans.items;
	for (size_t i = 0; rc == RC_OK && i < orphans.len; i++)
		rc = findings_add(&c->f, FINDING_WARNING, all[i], NULL, err,
				  "key file in %s/keys without a row in the catalogue: an "
				  "interrupted command left it, nothing uses it",
				  c->conf->state_dir);
	vec_clear(&orphans);
	vec_clear(&files);
	return rc;
}

static const char *without_selector(const struct conf_domain *d)
{
	switch (d->sign.before_dns) {
	case BEFORE_DNS_SIGN:
		return "sign.before_dns = \"sign\"";
	case BEFORE_DNS_TEMPFAIL:
		return "its mail is deferred (sign.before_dns = \"tempfail\")";
	case BEFORE_DNS_UNSIGNED:
		break;
	}
	return "its mail leaves unsigned (sign.before_dns = \"unsigned\")";
}

/* The command that leads to an active selector of ALG. */
static void next_step(const struct conf_domain *d, const struct selector *run, size_t n,
		      enum dkim_alg alg, char ret[1024])
{
	for (size_t i = 0; i < n; i++)
		if (run[i].alg == alg &&
		    (run[i].state == SEL_STANDBY || run[i].state == SEL_PUBLISHED)) {
			snprintf(ret, 1024, "mailseal selector activate %s %s --force", d->name,
				 run[i].name);
			return;
		}
	snprintf(ret, 1024, "mailseal setup %s", d->name);
}

static enum rc check_domain(struct state_check *c, const struct conf_domain *d, struct err *err)
{
	size_t n, signing = 0;
	const struct selector *run = selector_list_domain(c->list, d->sign_domain, &n);
	char next[1024];
	enum rc rc = RC_OK;

	if (d->mode == MODE_DISABLED || !d->sign.enabled)
		return RC_OK;
	for (size_t i = 0; i < d->sign.n_algorithms; i++)
		if (selector_for_signing(run, n, d->sign.algorithms[i], tool_now(c->t)) != NULL)
			signing++;
	for (size_t i = 0; rc == RC_OK && i < d->sign.n_algorithms; i++) {
		enum dkim_alg alg = d->sign.algorithms[i];

		if (selector_for_signing(run, n, alg, tool_now(c->t)) != NULL)
			continue;
		next_step(d, run, n, alg, next);
		rc = findings_add(&c->f, FINDING_WARNING, d->name, next, err,
				  "no active selector for %s: %s", dkim_alg_name(alg),
				  signing > 0 ? "its mail is signed with the others only"
					      : without_selector(d));
	}
	return rc;
}

static enum rc check_left_domains(struct state_check *c, struct err *err)
{
	struct vec left;
	const char *const *all;
	size_t n;
	enum rc rc = leftover_domains(c->conf, c->list, &left, err);

	all = left.items;
	for (size_t i = 0; rc == RC_OK && i < left.len; i++) {
		(void)selector_list_domain(c->list, all[i], &n);
		rc = findings_add(&c->f, FINDING_NOTE, all[i], NULL, err,
				  "has %zu selector%s in the catalogue, but the "
				  "configuration does not name it",
				  n, n == 1 ? "" : "s");
	}
	vec_clear(&left);
	return rc;
}

static enum rc check_list(struct state_check *c, struct err *err)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; rc == RC_OK && i < c->list->n; i++)
		rc = c->list->at[i].state == SEL_REVOKED ? check_revoked(c, &c->list->at[i], err)
							 : check_key(c, &c->list->at[i], err);
	if (rc == RC_OK)
		rc = check_orphans(c, err);
	for (size_t i = 0; rc == RC_OK && i < c->conf->n_domains; i++)
		rc = check_domain(c, &c->conf->domains[i], err);
	if (rc == RC_OK)
		rc = check_left_domains(c, err);
	if (rc == RC_OK)
		rc = user_check(c->conf, c->users, tool_anchors_file(c->t), tool_now(c->t), &c->f,
				err);
	return rc == RC_OK ? rule_check(c->conf, c->users, tool_now(c->t), &c->f, err) : rc;
}

static enum rc no_catalogue(struct state_check *c, struct err *err)
{
	char next[300] = "mailseal setup DOMAIN";

	if (c->conf->n_domains > 0)
		snprintf(next, sizeof(next), "mailseal setup %s", c->conf->domains[0].name);
	return findings_add(&c->f, c->conf->n_domains > 0 ? FINDING_WARNING : FINDING_NOTE,
			    c->conf->state_dir, next, err, "there is no catalogue yet: no keys");
}

static enum rc check_catalogue(struct state_check *c, struct err *err)
{
	struct directory *d = NULL;
	struct selector_list *list = NULL;
	struct user_cert_list *users = NULL;
	struct err why = ERR_INIT;
	enum rc rc = directory_open(c->conf->state_dir, DIRECTORY_READ, &d, &why);

	if (rc == RC_NOTFOUND)
		return no_catalogue(c, err);
	if (rc == RC_OK)
		rc = d->ops->check(d, &why);
	if (rc == RC_OK)
		rc = d->ops->load_all(d, &list, &users, &why);
	if (rc == RC_OK) {
		c->list = list;
		c->users = users;
		rc = check_list(c, err);
	} else {
		rc = findings_add(&c->f, FINDING_ERROR, "catalogue", NULL, err, "%s", why.text);
	}
	selector_list_free(list);
	user_cert_list_free(users);
	directory_close(d);
	return rc;
}

/* As the configured user. What was found travels as JSON, however it will be shown. */
static enum rc check_state(struct tool *t, void *ctx UNUSED, struct buf *reply, struct err *err)
{
	struct state_check c = {.t = t};
	json_t *array = NULL;
	char *text = NULL;
	enum rc rc = tool_conf(t, &c.conf, err);

	findings_init(&c.f);
	if (rc == RC_OK)
		rc = check_catalogue(&c, err);
	if (rc == RC_OK && (array = findings_json(&c.f)) != NULL)
		text = json_dumps(array, JSON_COMPACT);
	if (rc == RC_OK)
		rc = text != NULL ? buf_adds(reply, text, err) : err_set(err, RC_NOMEM, "findings");
	free(text);
	json_decref(array);
	findings_clear(&c.f);
	return rc;
}

static enum rc collect_state(struct tool *t, struct findings *f, struct err *err)
{
	struct buf reply;
	json_t *array = NULL;
	enum rc rc;

	buf_init(&reply, TOOL_REPLY_MAX);
	rc = tool_as_user(t, check_state, NULL, &reply, err);
	if (rc == RC_OK) {
		array = json_loadb(reply.p, reply.len, 0, NULL);
		rc = array != NULL ? findings_from_json(array, f, err)
				   : err_set(err, RC_NOMEM, "findings");
	}
	json_decref(array);
	buf_clear(&reply);
	return rc;
}

static const char *severity_name(enum conf_severity s)
{
	return s == CONF_ERROR ? "error" : s == CONF_WARNING ? "warning" : "note";
}

static json_t *problems_json(const struct conf_problems *p)
{
	const struct conf_problem *all = p->v.items;
	json_t *list = json_array();

	for (size_t i = 0; list != NULL && i < p->v.len; i++)
		if (json_array_append_new(list, json_pack("{s:s, s:s, s:i, s:s}", "level",
							  severity_name(all[i].severity), "file",
							  all[i].file, "line", (int)all[i].line,
							  "text", all[i].text)) != 0) {
			json_decref(list);
			list = NULL;
		}
	return list;
}

static enum rc print_problems(struct tool *t, const struct conf_problems *p, struct err *err)
{
	const struct conf_problem *all = p->v.items;
	struct buf line;
	enum rc rc = RC_OK;

	buf_init(&line, 1 << 20);
	for (size_t i = 0; rc == RC_OK && i < p->v.len; i++) {
		line.len = 0;
		rc = conf_problem_show(&all[i], &line, err);
		if (rc == RC_OK)
			rc = buf_addc(&line, '\n', err);
		if (rc == RC_OK)
			tool_write(t, buf_span(&line));
	}
	buf_clear(&line);
	return rc;
}

static enum rc show(struct tool *t, const struct conf_problems *p, const struct findings *f,
		    struct err *err)
{
	enum rc rc;

	if (tool_json_wanted(t))
		return tool_emit_json(t,
				      json_pack("{s:s, s:o, s:o}", "configuration",
						tool_conf_file(t), "problems", problems_json(p),
						"findings", findings_json(f)),
				      err);
	rc = print_problems(t, p, err);
	if (rc == RC_OK)
		findings_print(t, f);
	return rc;
}

static enum rc check_run(struct tool *t, struct err *err)
{
	struct conf_problems problems;
	struct conf *conf = NULL;
	struct findings f;
	enum rc rc, shown;
	bool readable;

	conf_problems_init(&problems);
	findings_init(&f);
	rc = conf_read(tool_conf_file(t), &conf, &problems, err);
	readable = rc == RC_OK || problems.errors > 0;
	if (rc == RC_OK && !tool_has(t, "no-state"))
		rc = collect_state(t, &f, err);
	/* An error elsewhere does not hide what was found up to there. */
	shown = readable ? show(t, &problems, &f, rc == RC_OK ? err : NULL) : RC_OK;
	if (rc == RC_OK)
		rc = shown;
	if (rc == RC_NOTFOUND)
		tool_next(t, "mailseal setup DOMAIN");
	if (problems.warnings > 0 || findings_serious(&f))
		tool_found(t);
	if (rc == RC_OK && problems.v.len == 0 && f.v.len == 0)
		tool_say(t, "%s: all is well\n", tool_conf_file(t));
	conf_free(conf);
	findings_clear(&f);
	conf_problems_clear(&problems);
	return rc;
}

static const struct tool_option check_options[] = {
	{"no-state", NULL, "look at the configuration only, not at catalogue and keys"},
	{NULL, NULL, NULL},
};

const struct tool_verb tool_verbs_check[] = {
	{
		.noun = "check",
		.args = "",
		.summary = "Find what is wrong with configuration, catalogue and keys",
		.help = "Prints all problems at once: errors, warnings and notes of the "
			"configuration\n"
			"with file and line; keys that cannot be read or do not fit; keys without "
			"a\n"
			"selector and selectors without a key; domains without an active "
			"selector;\n"
			"domains that are only in the catalogue; certificates of accounts that "
			"end\n"
			"within 30 days, have ended, or would not be accepted today.\n"
			"Exit status 78 when the configuration has errors, 1 when anything else "
			"worse\n"
			"than a note was found.\n"
			"\n"
			"Example: mailseal check -c /etc/mailseal/mailseal.conf\n",
		.options = check_options,
		.flags = TOOL_READS,
		.run = check_run,
	},
	{.noun = NULL},
};
