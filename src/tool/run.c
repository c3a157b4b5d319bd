#include "tool/frame.h"

#include "config.h"
#include "crypto/cert.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "crypto/ossl.h"

const char *tool_conf_file(const struct tool *t)
{
	return t->conf_file;
}

bool tool_json_wanted(const struct tool *t)
{
	return t->json;
}

bool tool_dry_run(const struct tool *t)
{
	return t->dry_run;
}

int64_t tool_now(const struct tool *t)
{
	return t->now;
}

const char *tool_anchors_file(const struct tool *t)
{
	return t->anchors_file;
}

enum rc tool_init(struct tool *t, struct err *err)
{
	memset(t, 0, sizeof(*t));
	t->conf_file = CONF_DEFAULT_FILE;
	t->anchors_file = TRUST_BUILTIN_FILE;
	t->now = (int64_t)time(NULL);
	buf_init(&t->next, 8192);
	/* A reader that goes away, a file that may not grow (ulimit -f): errors of write(), not the end of a half-done
	 * change. */
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR || signal(SIGXFSZ, SIG_IGN) == SIG_ERR)
		return err_sys(err, RC_IO, errno, "signal");
	return file_hold_standard(err);
}

void tool_clear(struct tool *t)
{
	directory_close(t->directory);
	snapshot_unref(t->snapshot);
	conf_free(t->conf);
	vec_clear(&t->args);
	vec_clear(&t->given);
	buf_clear(&t->next);
}

static void mask_signals(int how)
{
	static const int signals[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < COUNT_OF(signals); i++)
		sigaddset(&set, signals[i]);
	sigprocmask(how, &set, NULL);
}

void tool_hold_signals(void)
{
	mask_signals(SIG_BLOCK);
}

void tool_release_signals(void)
{
	mask_signals(SIG_UNBLOCK);
}

static enum rc run_verb(struct tool *t, void *ctx UNUSED, struct buf *reply UNUSED, struct err *err)
{
	return t->verb->run(t, err);
}

/* Something to do: help, version, or the verb. */
static enum rc dispatch(struct tool *t, struct err *err)
{
	if (t->version) {
		tool_print(t, "mailseal %s\n", PACKAGE_VERSION);
		return RC_OK;
	}
	if (t->verb == NULL) {
		if (t->help && t->group[0] == '\0')
			help_all(stdout);
		else if (t->group[0] != '\0')
			help_group(t->group, t->help ? stdout : stderr);
		else
			help_short(stderr);
		t->usage = !t->help;
		return RC_OK;
	}
	if (t->help) {
		help_verb(t->verb, stdout);
		return RC_OK;
	}
	if ((t->verb->flags & TOOL_ROOT) != 0 && geteuid() != 0) {
		tool_next_as_root(t);
		return err_set(err, RC_PERM,
			       "this command needs root: it changes files of the system");
	}
	if ((t->verb->flags & TOOL_STATE) != 0)
		return tool_as_user(t, run_verb, NULL, NULL, err);
	return t->verb->run(t, err);
}

static void suggest_help(struct tool *t)
{
	char name[VERB_NAME_SIZE];

	if (t->verb != NULL) {
		verb_name(t->verb, name);
		tool_next(t, "mailseal help %s", name);
	} else if (t->group[0] != '\0')
		tool_next(t, "mailseal help %s", t->group);
	else
		tool_next(t, "mailseal --help");
}

static int finish(struct tool *t, enum rc rc, struct err *err)
{
	struct err out = ERR_INIT;
	enum rc written = output_finish(&out);

	if (rc != RC_OK && rc != RC_STOP) {
		output_error(t, err);
		if (t->usage)
			suggest_help(t);
	}
	if ((rc != RC_OK && rc != RC_STOP) || !t->quiet)
		output_next(t);
	if (t->usage)
		return EXIT_USAGE;
	if (rc != RC_OK && rc != RC_STOP)
		return rc_exit_status(rc);
	if (written != RC_OK) {
		output_error(t, &out);
		return rc_exit_status(written);
	}
	return t->found ? 1 : 0;
}

int tool_main(int argc, char **argv)
{
	struct tool t;
	struct err err = ERR_INIT;
	enum rc rc;
	int status;

	ossl_watch_memory();
	rc = tool_init(&t, &err);
	t.argc = argc;
	t.argv = argv;
	if (rc == RC_OK)
		rc = options_read(&t, argc, argv, &err);
	output_init(&t, tool_has(&t, "no-color"));
	if (rc == RC_OK)
		rc = dispatch(&t, &err);
	status = finish(&t, rc, &err);
	tool_clear(&t);
	return status;
}
