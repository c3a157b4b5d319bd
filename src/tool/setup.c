/* setup DOMAIN: makes what is missing, from the configuration file to the selectors. */
#include "tool/setup.h"

#include "mail/domain.h"
#include "tool/frame.h"
#include "tool/postfix.h"
#include "tool/undo.h"

#include "config.h"

#include <errno.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum step_state { STEP_OK, STEP_MADE, STEP_WANTED };

struct setup {
	struct tool *t;
	char domain[DOMAIN_SIZE];
	struct undo undo;
	json_t *steps;
	json_t *keys; /* what setup_selectors() replied */
	bool changed; /* something was made, or would be */
};

static const char *step_word(enum step_state s)
{
	static const char *const words[] = {
		[STEP_OK] = "ok", [STEP_MADE] = "made", [STEP_WANTED] = "todo"};

	return words[s];
}

/* " 2 domain        made  example.com ..." on stderr; the same for --json. */
static enum rc step(struct setup *s, const char *name, enum step_state state, struct err *err,
		    const char *fmt, ...) PRINTF_LIKE(5, 6);

static enum rc step(struct setup *s, const char *name, enum step_state state, struct err *err,
		    const char *fmt, ...)
{
	static const enum tool_ink inks[] = {
		[STEP_OK] = INK_GOOD, [STEP_MADE] = INK_GOOD, [STEP_WANTED] = INK_WARN};
	char text[ERR_TEXT_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (json_array_append_new(s->steps, json_pack("{s:s, s:s, s:s}", "step", name, "state",
						      step_word(state), "text", text)) != 0)
		return err_set(err, RC_NOMEM, "JSON");
	tool_say(s->t, "%2zu %-14s %s%-5s%s %s\n", json_array_size(s->steps), name,
		 tool_style(s->t, 2, inks[state]), step_word(state), tool_style(s->t, 2, INK_OFF),
		 text);
	s->changed = s->changed || state == STEP_MADE || (state == STEP_WANTED && s->t->dry_run);
	return RC_OK;
}

/* A quoted string of libconfig; what would need escapes is refused, not escaped. */
static enum rc add_setting(struct buf *out, const char *before, const char *value,
			   const char *after, struct err *err)
{
	if (strpbrk(value, "\"\\\n") != NULL)
		return err_set(err, RC_INPUT, "'%s' has a character that no setting can have",
			       value);
	return buf_addf(out, err, "%s\"%s\"%s\n", before, value, after);
}

/* The account that state will belong to: asked for, or the caller's own where that is not root. */
static const char *wanted_user(const struct tool *t)
{
	const struct passwd *pw = getpwuid(geteuid());
	const char *asked = tool_opt(t, "user");

	if (asked != NULL)
		return asked;
	return geteuid() != 0 && pw != NULL ? pw->pw_name : NULL;
}

static enum rc write_settings(const struct tool *t, struct buf *out, struct err *err)
{
	const struct {
		const char *value, *before, *after;
	} settings[] = {
		{tool_opt(t, "socket"), "milter = { socket = ", "; };"},
		{tool_opt(t, "control-socket"), "control = { socket = ", "; };"},
		{tool_opt(t, "state-dir"), "state_dir = ", ";"},
		{wanted_user(t), "user = ", ";"},
	};
	enum rc rc = buf_adds(out,
			      "// Configuration of mailseal. mailseal.conf(5) explains every "
			      "setting; what is not set\n"
			      "// here has its default. Domains are in domains.d/*.conf beside "
			      "this file.\n\n",
			      err);

	for (size_t i = 0; rc == RC_OK && i < COUNT_OF(settings); i++)
		if (settings[i].value != NULL)
			rc = add_setting(out, settings[i].before, settings[i].value,
					 settings[i].after, err);
	return rc;
}

/* DIR of "DIR/file", "." of "file". */
static enum rc add_dir_of(const char *path, struct buf *out, struct err *err)
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL)
		return buf_adds(out, ".", err);
	return buf_add(out, span_of(path, slash == path ? 1 : (size_t)(slash - path)), err);
}

static enum rc make_dir(struct setup *s, const struct buf *path, struct err *err)
{
	return undo_mkdirs(&s->undo, path->p, 0755, (uid_t)-1, (gid_t)-1, err);
}

static enum rc write_conf_file(struct setup *s, const char *file, struct err *err)
{
	struct buf dir, content;
	enum rc rc;

	buf_init(&dir, 8192);
	buf_init(&content, 65536);
	rc = add_dir_of(file, &dir, err);
	if (rc == RC_OK && buf_cstr(&dir) == NULL)
		rc = err_set(err, RC_NOMEM, "%s", file);
	if (rc == RC_OK)
		rc = write_settings(s->t, &content, err);
	if (rc == RC_OK)
		rc = make_dir(s, &dir, err);
	if (rc == RC_OK)
		rc = undo_write(&s->undo, file, buf_span(&content), 0644, err);
	buf_clear(&dir);
	buf_clear(&content);
	return rc;
}

/* The options that shape a new configuration file say nothing to one that is there. */
static enum rc refuse_file_options(struct setup *s, struct err *err)
{
	static const char *const names[] = {"socket", "control-socket", "state-dir", "user"};

	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (tool_has(s->t, names[i]))
			return tool_usage(s->t, err,
					  "--%s is for a new configuration file: %s is there",
					  names[i], tool_conf_file(s->t));
	return RC_OK;
}

static enum rc setup_conf(struct setup *s, bool *ret_there, struct err *err)
{
	const char *file = tool_conf_file(s->t);
	struct stat st;
	enum rc rc;

	*ret_there = true;
	if (stat(file, &st) == 0) {
		rc = refuse_file_options(s, err);
		return rc == RC_OK ? step(s, "configuration", STEP_OK, err, "%s", file) : rc;
	}
	if (errno != ENOENT)
		return err_sys(err, errno == EACCES ? RC_PERM : RC_IO, errno, "%s", file);
	if (tool_dry_run(s->t)) {
		*ret_there = false;
		return step(s, "configuration", STEP_WANTED, err, "%s would be written", file);
	}
	rc = write_conf_file(s, file, err);
	return rc == RC_OK ? step(s, "configuration", STEP_MADE, err, "%s", file) : rc;
}

static enum rc write_domain_file(struct setup *s, const char *path, struct err *err)
{
	struct buf dir, content;
	enum rc rc;

	buf_init(&dir, 8192);
	buf_init(&content, 4096);
	rc = add_dir_of(path, &dir, err);
	if (rc == RC_OK && buf_cstr(&dir) == NULL)
		rc = err_set(err, RC_NOMEM, "%s", path);
	if (rc == RC_OK)
		rc = buf_addf(&content, err,
			      "// The domain %s. mailseal.conf(5) explains every setting.\n\n"
			      "domains = (\n\t{\n\t\tname = \"%s\";\n\t}\n);\n",
			      s->domain, s->domain);
	if (rc == RC_OK)
		rc = make_dir(s, &dir, err);
	if (rc == RC_OK)
		rc = undo_write(&s->undo, path, buf_span(&content), 0644, err);
	if (rc == RC_EXISTS)
		rc = err_set(err, rc,
			     "%s is there, but names no domain %s: name it there, or move the file "
			     "away",
			     path, s->domain);
	buf_clear(&dir);
	buf_clear(&content);
	return rc;
}

static enum rc make_domain(struct setup *s, struct err *err)
{
	struct buf path;
	enum rc rc;

	buf_init(&path, 8192);
	rc = add_dir_of(tool_conf_file(s->t), &path, err);
	if (rc == RC_OK)
		rc = buf_addf(&path, err, "/domains.d/%s.conf", s->domain);
	if (rc == RC_OK && buf_cstr(&path) == NULL)
		rc = err_set(err, RC_NOMEM, "%s", s->domain);
	if (rc == RC_OK && tool_dry_run(s->t)) {
		rc = step(s, "domain", STEP_WANTED, err, "%s would be written", path.p);
	} else if (rc == RC_OK) {
		rc = write_domain_file(s, path.p, err);
		if (rc == RC_OK)
			rc = step(s, "domain", STEP_MADE, err, "%s", path.p);
		tool_forget_conf(s->t);
	}
	buf_clear(&path);
	return rc;
}

/* *RET_THERE false: only with --dry-run. */
static enum rc setup_domain(struct setup *s, bool conf_there, bool *ret_there, struct err *err)
{
	const struct conf *conf;
	const struct conf_domain *d;
	enum rc rc;

	*ret_there = false;
	if (!conf_there)
		return make_domain(s, err);
	rc = tool_conf(s->t, &conf, err);
	if (rc != RC_OK)
		return rc;
	d = conf_domain_find(conf, s->domain);
	if (d == NULL) {
		*ret_there = !tool_dry_run(s->t);
		return make_domain(s, err);
	}
	*ret_there = true;
	if (strcmp(d->name, s->domain) != 0) {
		tool_next(s->t, "mailseal setup %s", d->name);
		return err_set(err, RC_EXISTS, "%s is an alias of %s (%s:%u), and signed as that",
			       s->domain, d->name, d->file, d->line);
	}
	return step(s, "domain", STEP_OK, err, "%s (%s:%u)", s->domain, d->file, d->line);
}

/* Whether the state directory is fit is the business of whoever uses it; here it only has to be there. */
static enum rc setup_state(struct setup *s, struct err *err)
{
	const struct conf *conf;
	struct stat st;
	enum rc rc = tool_conf(s->t, &conf, err);

	if (rc != RC_OK)
		return rc;
	/* Before it is made, by whoever may not own it. */
	rc = tool_check_keeper(s->t, conf, err);
	if (rc != RC_OK)
		return rc;
	if (stat(conf->state_dir, &st) == 0)
		return step(s, "state", STEP_OK, err, "%s", conf->state_dir);
	if (tool_dry_run(s->t))
		return step(s, "state", STEP_WANTED, err, "%s would be made", conf->state_dir);
	rc = tool_make_state_dir(s->t, &s->undo, err);
	return rc == RC_OK ? step(s, "state", STEP_MADE, err, "%s", conf->state_dir) : rc;
}

/* "a, b" of a list of strings. */
static void join(const json_t *list, char *ret, size_t size)
{
	size_t i, len = 0;
	json_t *word;

	ret[0] = '\0';
	json_array_foreach(list, i, word)
	{
		int n = snprintf(ret + len, size - len, "%s%s", i > 0 ? ", " : "",
				 json_string_value(word));

		if (n < 0 || (size_t)n >= size - len)
			return;
		len += (size_t)n;
	}
}

static enum rc tell_keys(struct setup *s, struct err *err)
{
	static const struct {
		const char *list;
		enum step_state state;
	} parts[] = {{"kept", STEP_OK}, {"made", STEP_MADE}, {"wanted", STEP_WANTED}};
	char words[800];
	enum rc rc = RC_OK;

	for (size_t i = 0; rc == RC_OK && i < COUNT_OF(parts); i++) {
		const json_t *list = json_object_get(s->keys, parts[i].list);

		if (json_array_size(list) == 0)
			continue;
		join(list, words, sizeof(words));
		rc = step(s, "selectors", parts[i].state, err, "%s%s", words,
			  parts[i].state == STEP_WANTED ? ": keys would be generated" : "");
	}
	return rc;
}

static enum rc setup_keys(struct setup *s, struct err *err)
{
	struct buf reply;
	enum rc rc;

	buf_init(&reply, 16 << 20);
	rc = tool_as_user(s->t, setup_selectors, s->domain, &reply, err);
	if (rc == RC_OK) {
		s->keys = json_loadb(reply.p, reply.len, 0, NULL);
		rc = s->keys != NULL ? tell_keys(s, err) : err_set(err, RC_NOMEM, "JSON");
	}
	buf_clear(&reply);
	return rc;
}

/* Postfix refused or not there is no failure of what was made: it stays to be done. */
static enum rc setup_postfix(struct setup *s, struct err *err)
{
	enum postfix_outcome outcome = POSTFIX_WOULD_CONNECT;
	struct err why = ERR_INIT;
	enum rc rc;

	if (!tool_has(s->t, "postfix"))
		return RC_OK;
	rc = postfix_connect(s->t, tool_opt(s->t, "config-dir"), tool_has(s->t, "reload"), &outcome,
			     &why);
	if (rc != RC_OK) {
		tool_found(s->t);
		tool_next(s->t, "mailseal postfix connect");
		return step(s, "Postfix", STEP_WANTED, err, "%s", why.text);
	}
	if (outcome == POSTFIX_WOULD_CONNECT)
		return step(s, "Postfix", STEP_WANTED, err, "would be connected");
	return step(s, "Postfix", outcome == POSTFIX_CONNECTED ? STEP_MADE : STEP_OK, err,
		    "last in smtpd_milters and non_smtpd_milters (undo: mailseal postfix "
		    "disconnect)");
}

/* Selectors that are not active yet wait for their records. */
static enum rc tell_dns(struct setup *s, struct err *err)
{
	size_t n = json_array_size(json_object_get(s->keys, "records")), i;
	json_t *name;

	if (n == 0)
		return RC_OK;
	json_array_foreach(json_object_get(s->keys, "made"), i, name)
		tool_next(s->t, "mailseal selector activate %s %s --force", s->domain,
			  json_string_value(name));
	if (json_array_size(json_object_get(s->keys, "made")) == 0)
		return RC_OK;
	return step(s, "DNS", STEP_WANTED, err,
		    "publish the records, wait until they are visible, then activate");
}

static enum rc run_steps(struct setup *s, struct err *err)
{
	bool conf_there, domain_there = false;
	enum rc rc = setup_conf(s, &conf_there, err);

	if (rc == RC_OK)
		rc = setup_domain(s, conf_there, &domain_there, err);
	if (rc == RC_OK && conf_there)
		rc = setup_state(s, err);
	if (rc == RC_OK && domain_there)
		rc = setup_keys(s, err);
	else if (rc == RC_OK)
		rc = step(s, "selectors", STEP_WANTED, err,
			  "one key for each algorithm would be generated");
	return rc;
}

static void print_text(const struct tool *t, const char *title, const json_t *text)
{
	const char *s = json_string_value(text);

	if (s != NULL && *s != '\0')
		tool_print(t, "%s\n%s\n", title, s);
}

static enum rc show(struct setup *s, struct err *err)
{
	json_t *records = json_object_get(s->keys, "records");

	if (tool_json_wanted(s->t))
		return tool_emit_json(
			s->t,
			json_pack("{s:s, s:b, s:O, s:o}", "domain", s->domain, "changed",
				  s->changed, "steps", s->steps, "records",
				  records != NULL ? json_incref(records) : json_array()),
			err);
	print_text(s->t, "; for a zone file", json_object_get(s->keys, "zone"));
	print_text(s->t, "; the same for a web form, each value in one piece",
		   json_object_get(s->keys, "web"));
	return RC_OK;
}

static enum rc setup_all(struct setup *s, struct err *err)
{
	enum rc rc = run_steps(s, err);

	if (rc != RC_OK) {
		undo_all(&s->undo);
		return rc;
	}
	/* From here on what was made is whole, and stays. */
	undo_clear(&s->undo);
	if (s->changed)
		tool_poke_daemon(s->t);
	rc = setup_postfix(s, err);
	if (rc == RC_OK)
		rc = tell_dns(s, err);
	if (rc == RC_OK && !s->changed)
		tool_say(s->t, "%s is set up already: nothing to do\n", s->domain);
	return rc == RC_OK ? show(s, err) : rc;
}

static enum rc setup_run(struct tool *t, struct err *err)
{
	struct setup s = {.t = t};
	enum rc rc = domain_to_ascii(span_str(tool_arg(t, 0)), s.domain, err);

	if (rc != RC_OK)
		return err_wrap(err, rc, "domain '%s'", tool_arg(t, 0));
	if (domain_is_public_suffix(s.domain))
		return err_set(err, RC_INPUT,
			       "domain '%s' is a public suffix: nobody signs for all below it",
			       s.domain);
	undo_init(&s.undo);
	s.steps = json_array();
	if (s.steps == NULL) {
		rc = err_set(err, RC_NOMEM, "JSON");
	} else {
		tool_say(t, "mailseal %s: setting up %s%s\n", PACKAGE_VERSION, s.domain,
			 tool_dry_run(t) ? " (dry run: nothing is changed)" : "");
		rc = setup_all(&s, err);
	}
	json_decref(s.steps);
	json_decref(s.keys);
	undo_clear(&s.undo);
	return rc;
}

static const struct tool_option setup_options[] = {
	{"postfix", NULL, "connect Postfix too, as \"mailseal postfix connect\" does"},
	{"config-dir", "DIR", "Postfix's configuration directory, when it is not the usual one"},
	{"reload", NULL, "run \"postfix reload\" afterwards"},
	{"socket", "SOCKET", "milter.socket of a new configuration file"},
	{"control-socket", "PATH", "control.socket of a new configuration file"},
	{"state-dir", "DIR", "state_dir of a new configuration file"},
	{"user", "NAME", "user of a new configuration file"},
	{NULL, NULL, NULL},
};

const struct tool_verb tool_verbs_setup[] = {
	{
		.noun = "setup",
		.args = "DOMAIN",
		.min_args = 1,
		.max_args = 1,
		.summary = "Make keys and configuration of a domain, show its DNS records",
		.help = "Makes what is missing and leaves what is there: the configuration file, "
			"the\n"
			"domain's file in domains.d beside it, the state directory, and a "
			"selector\n"
			"with a new key for each signing algorithm. Prints the records to "
			"publish.\n"
			"Nothing is signed before a selector is activated. When a step fails, "
			"what\n"
			"this run has made is removed again. A second run changes nothing.\n"
			"\n"
			"Example: mailseal setup example.com --dry-run\n",
		.options = setup_options,
		.flags = TOOL_WRITES,
		.run = setup_run,
	},
	{.noun = NULL},
};
