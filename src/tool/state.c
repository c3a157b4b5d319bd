#include "base/spell.h"
#include "mail/domain.h"
#include "tool/control.h"
#include "tool/frame.h"

#include <stdlib.h>

static const char *severity_style(const struct tool *t, enum conf_severity s)
{
	return tool_style(t, 2, s == CONF_ERROR ? INK_BAD : INK_WARN);
}

/* Errors one by one; warnings and notes are for "mailseal check" and only counted here. */
static void say_problems(const struct tool *t, const struct conf_problems *p)
{
	const struct conf_problem *all = p->v.items;
	struct buf line;

	buf_init(&line, 65536);
	for (size_t i = 0; i < p->v.len; i++) {
		line.len = 0;
		if (all[i].severity != CONF_ERROR ||
		    conf_problem_show(&all[i], &line, NULL) != RC_OK)
			continue;
		fprintf(stderr, "%s%.*s%s\n", severity_style(t, CONF_ERROR),
			SPAN_ARG(buf_span(&line)), tool_style(t, 2, INK_OFF));
	}
	buf_clear(&line);
	if (p->errors == 0 && p->warnings > 0)
		tool_say(t, "mailseal: the configuration has %zu warning%s: mailseal check\n",
			 p->warnings, p->warnings == 1 ? "" : "s");
}

static enum rc conf_failed(struct tool *t, enum rc rc)
{
	if (rc == RC_NOTFOUND)
		tool_next(t, "mailseal setup DOMAIN");
	if (rc == RC_CONF)
		tool_next(t, "mailseal check");
	return rc;
}

enum rc tool_conf(struct tool *t, const struct conf **ret, struct err *err)
{
	struct conf_problems problems;
	enum rc rc = RC_OK;

	if (t->snapshot != NULL) {
		*ret = t->snapshot->conf;
		return RC_OK;
	}
	if (t->conf == NULL) {
		conf_problems_init(&problems);
		rc = conf_read(t->conf_file, &t->conf, &problems, err);
		say_problems(t, &problems);
		conf_problems_clear(&problems);
	}
	if (rc != RC_OK)
		return conf_failed(t, rc);
	*ret = t->conf;
	return RC_OK;
}

void tool_forget_conf(struct tool *t)
{
	t->conf = conf_free(t->conf);
	t->snapshot = snapshot_unref(t->snapshot);
}

enum rc tool_snapshot(struct tool *t, const struct snapshot **ret, struct err *err)
{
	const struct conf *conf;
	enum rc rc;

	if (t->snapshot == NULL) {
		/* First by itself, so that its problems are said once and in one way. */
		rc = tool_conf(t, &conf, err);
		if (rc == RC_OK)
			rc = snapshot_load(t->conf_file, t->now, &t->snapshot, NULL, err);
		if (rc != RC_OK)
			return rc;
	}
	*ret = t->snapshot;
	return RC_OK;
}

static enum rc unknown_domain(struct tool *t, const struct conf *conf, const char *ascii,
			      struct err *err)
{
	const char **words = calloc(conf->n_names + 1, sizeof(*words));
	const char *near;

	if (words == NULL)
		return err_set(err, RC_NOMEM, "domain names");
	for (size_t i = 0; i < conf->n_names; i++)
		words[i] = conf->names[i].name;
	near = spell_nearest(span_str(ascii), words, conf->n_names);
	free(words);
	tool_next(t, "mailseal setup %s", ascii);
	if (near != NULL)
		return err_set(err, RC_NOTFOUND,
			       "domain %s: not in the configuration %s: did you mean %s?", ascii,
			       conf->file, near);
	return err_set(err, RC_NOTFOUND, "domain %s: not in the configuration %s", ascii,
		       conf->file);
}

enum rc tool_domain(struct tool *t, const char *name, const struct conf_domain **ret,
		    struct err *err)
{
	char ascii[DOMAIN_SIZE];
	const struct conf *conf;
	const struct conf_domain *d;
	enum rc rc = domain_to_ascii(span_str(name), ascii, err);

	if (rc != RC_OK)
		return err_wrap(err, rc, "domain '%s'", name);
	rc = tool_conf(t, &conf, err);
	if (rc != RC_OK)
		return rc;
	d = conf_domain_find(conf, ascii);
	if (d == NULL)
		return unknown_domain(t, conf, ascii, err);
	*ret = d;
	return RC_OK;
}

enum rc tool_directory(struct tool *t, enum directory_mode mode, struct directory **ret,
		       struct err *err)
{
	const struct conf *conf;
	enum rc rc = tool_conf(t, &conf, err);

	if (rc != RC_OK)
		return rc;
	if (t->dry_run)
		mode = DIRECTORY_READ;
	if (t->directory != NULL && t->directory_mode != mode)
		t->directory = directory_close(t->directory);
	if (t->directory == NULL) {
		rc = directory_open(conf->state_dir, mode, &t->directory, err);
		if (rc != RC_OK)
			return rc;
		t->directory_mode = mode;
	}
	*ret = t->directory;
	return RC_OK;
}

void tool_poke_daemon(struct tool *t)
{
	const struct conf *conf;
	struct err err = ERR_INIT;
	json_t *reply = NULL;
	enum rc rc = t->dry_run ? RC_NOTFOUND : tool_conf(t, &conf, &err);

	if (rc == RC_OK)
		rc = control_ask(conf->control_socket, "reload", &reply, &err);
	if (rc == RC_OK)
		rc = control_reply_ok(reply, &err);
	json_decref(reply);
	if (rc != RC_OK && rc != RC_NOTFOUND)
		tool_say(t, "mailseal: the running daemon keeps its old state: %s\n", err.text);
}
