/* restore: the state from an archive, or the configuration that it has into a directory of its own. */
#include "tool/restore.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/units.h"
#include "directory/sqlite_image.h"
#include "tool/undo.h"

/* An archive that others can read was perhaps read by them. */
static void check_mode(const struct tool *t, const char *file)
{
	struct stat st;

	if (stat(file, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 077) != 0)
		tool_say(t,
			 "mailseal: %s (mode %04o) holds private keys and is open to others: chmod "
			 "600 %s\n",
			 file, (unsigned)st.st_mode & 07777, file);
}

static enum rc read_archive(struct tool *t, struct buf *image, struct err *err)
{
	const char *file = tool_arg(t, 0);
	struct stat st;
	enum rc rc = RC_OK;

	check_mode(t, file);
	/* In one piece: keys are not to be moved about in memory while the buffer grows. */
	if (stat(file, &st) == 0 && S_ISREG(st.st_mode) && (size_t)st.st_size <= image->max)
		rc = buf_reserve(image, (size_t)st.st_size, err);
	return rc == RC_OK ? file_read(file, image, err) : rc;
}

static const char *file_word(const struct tool *t)
{
	return strcmp(tool_arg(t, 0), "-") == 0 ? "standard input" : tool_arg(t, 0);
}

/* ---- the state ---- */

static long long number(const json_t *report, const char *name)
{
	return json_integer_value(json_object_get(report, name));
}

static void say_state(struct tool *t, const json_t *report)
{
	const char *kept = json_string_value(json_object_get(report, "kept_in"));
	struct buf made;

	buf_init(&made, 64);
	if (units_show_time(number(report, "made"), &made, NULL) != RC_OK ||
	    buf_cstr(&made) == NULL)
		made.len = 0;
	tool_say(
		t,
		"%s of %.*s: %s: %lld selectors, %lld certificates of accounts, %lld keys and %lld "
		"in the trash\n",
		file_word(t), SPAN_ARG(buf_span(&made)),
		json_string_value(json_object_get(report, "done")), number(report, "selectors"),
		number(report, "certificates"), number(report, "keys"), number(report, "trash"));
	if (kept != NULL)
		tool_say(t, "What was there before %s kept in %s\n",
			 tool_dry_run(t) ? "would be" : "is", kept);
	tool_say(t, "The configuration stays as it is\n");
	buf_clear(&made);
}

static enum rc show_state(struct tool *t, json_t *report, struct err *err)
{
	const char *left = json_string_value(json_object_get(report, "left"));

	if (left != NULL) {
		tool_say(t, "mailseal: key files of before are left in keys: %s\n", left);
		tool_found(t);
	}
	if (number(report, "without_key") > 0) {
		tool_say(t,
			 "mailseal: %lld of the selectors have no key file: the archive has none\n",
			 number(report, "without_key"));
		tool_found(t);
	}
	if (!tool_json_wanted(t))
		say_state(t, report);
	if (!tool_dry_run(t))
		tool_next(t, "mailseal check");
	return tool_json_wanted(t) ? tool_emit_json(t, json_incref(report), err) : RC_OK;
}

/* As root the directory is made for the configured user, who could not make it. */
static enum rc restore_state_run(struct tool *t, struct restore_job *job, struct err *err)
{
	struct undo undo;
	struct buf reply;
	json_t *report = NULL;
	enum rc rc = RC_OK;

	undo_init(&undo);
	buf_init(&reply, 65536);
	tool_hold_signals();
	if (!tool_dry_run(t))
		rc = tool_make_state_dir(t, &undo, err);
	if (rc == RC_OK)
		rc = tool_as_user(t, restore_state, job, &reply, err);
	if (rc != RC_OK)
		undo_all(&undo);
	undo_clear(&undo);
	tool_release_signals();
	if (rc == RC_OK) {
		tool_poke_daemon(t);
		report = json_loadb(reply.p, reply.len, 0, NULL);
		rc = report != NULL ? show_state(t, report, err) : err_set(err, RC_NOMEM, "JSON");
	}
	json_decref(report);
	buf_clear(&reply);
	return rc;
}

/* ---- the verb ---- */

static enum rc run_with(struct tool *t, struct restore_job *job, struct err *err)
{
	const struct conf *conf;
	enum rc rc;

	if (tool_has(t, "config-to"))
		return restore_conf(t, job, tool_opt(t, "config-to"), err);
	rc = tool_conf(t, &conf, err);
	if (rc == RC_NOTFOUND)
		tool_next(t, "mailseal restore %s --config-to DIR", tool_arg(t, 0));
	return rc == RC_OK ? restore_state_run(t, job, err) : rc;
}

static enum rc restore_run(struct tool *t, struct err *err)
{
	struct restore_job job = {.name = file_word(t)};
	enum rc rc;

	if (tool_has(t, "config-to") && tool_has(t, "force"))
		return tool_usage(t, err,
				  "--force is for the state, which --config-to leaves alone");
	buf_init(&job.image, IMAGE_MAX);
	rc = read_archive(t, &job.image, err);
	if (rc == RC_OK)
		rc = run_with(t, &job, err);
	buf_wipe(&job.image);
	return rc;
}

static const struct tool_option restore_options[] = {
	{"force", NULL, "where there is a state already: put it aside, in a directory beside"},
	{"config-to", "DIR", "write the configuration files into DIR, new or empty; nothing else"},
	{NULL, NULL, NULL},
};

const struct tool_verb tool_verbs_restore[] = {
	{
		.noun = "restore",
		.args = "FILE",
		.min_args = 1,
		.max_args = 1,
		.summary = "Bring catalogue and keys back from a backup",
		.help = "FILE, or standard input (-), is what \"mailseal backup\" has made. All "
			"of\n"
			"it is checked before anything is done. Where state_dir holds selectors "
			"or\n"
			"keys, --force is needed: what was there is kept in\n"
			"state_dir/before-restore-TIME, laid out as a state directory, for you to\n"
			"remove.\n"
			"\n"
			"Names of selectors that were used here stay reserved, and keys that were\n"
			"revoked here stay revoked. Configuration files are yours and never\n"
			"rewritten: --config-to writes those of FILE where you can compare them.\n"
			"\n"
			"Example: mailseal restore /var/backups/mailseal.backup --dry-run\n",
		.options = restore_options,
		.flags = TOOL_WRITES,
		.run = restore_run,
	},
	{.noun = NULL},
};
