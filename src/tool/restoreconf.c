/* restore --config-to: the configuration files of an archive, into a directory that has nothing to lose. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tool/archive.h"
#include "tool/conffiles.h"
#include "tool/restore.h"
#include "tool/undo.h"

enum { CONTENT_MAX = 64 << 20, PATH_BYTES = 16384 };

struct conf_job {
	struct tool *t;
	struct archive *archive;
	const char *dir;
	struct undo undo;
};

static enum rc check_empty(const char *dir, struct err *err)
{
	DIR *d = opendir(dir);
	const struct dirent *entry;
	enum rc rc = RC_OK;

	if (d == NULL && errno == ENOENT)
		return RC_OK;
	if (d == NULL)
		return err_sys(err, errno == EACCES ? RC_PERM : RC_INPUT, errno, "%s", dir);
	while (rc == RC_OK && (entry = readdir(d)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			rc = err_set(err, RC_EXISTS,
				     "%s is not empty (%s): configuration files are never "
				     "rewritten; name a new directory",
				     dir, entry->d_name);
	closedir(d);
	return rc;
}

/* DIR/NAME in OUT. */
static enum rc join(const char *dir, const char *name, struct buf *out, struct err *err)
{
	enum rc rc;

	out->len = 0;
	rc = buf_addf(out, err, "%s/%s", dir, name);
	if (rc == RC_OK && buf_cstr(out) == NULL)
		rc = err_set(err, RC_NOMEM, "%s: out of memory", name);
	return rc;
}

static enum rc make_dirs_of(struct conf_job *c, struct buf *path, struct err *err)
{
	char *slash = strrchr(path->p, '/');
	enum rc rc;

	*slash = '\0';
	rc = undo_mkdirs(&c->undo, path->p, 0755, (uid_t)-1, (gid_t)-1, err);
	*slash = '/';
	return rc;
}

/* Nobody but the owner may write it, whatever its mode was. */
static enum rc write_one(struct conf_job *c, const struct archive_file *f, struct buf *path,
			 struct err *err)
{
	struct buf content;
	enum rc rc;

	buf_init(&content, CONTENT_MAX);
	rc = archive_content(c->archive, f, &content, err);
	if (rc == RC_OK)
		rc = make_dirs_of(c, path, err);
	if (rc == RC_OK)
		rc = undo_write(&c->undo, path->p, buf_span(&content), (f->mode & 0644) | 0600,
				err);
	buf_clear(&content);
	return rc;
}

static enum rc write_all(struct conf_job *c, json_t *list, struct err *err)
{
	size_t n;
	const struct archive_file *run = archive_run(c->archive, ARCHIVE_CONF, &n);
	struct buf path;
	enum rc rc = RC_OK;

	buf_init(&path, PATH_BYTES);
	for (size_t i = 0; rc == RC_OK && i < n; i++) {
		rc = join(c->dir, run[i].name, &path, err);
		if (rc == RC_OK && !tool_dry_run(c->t))
			rc = write_one(c, &run[i], &path, err);
		if (rc == RC_OK && json_array_append_new(list, json_stringn(path.p, path.len)) != 0)
			rc = err_set(err, RC_INPUT, "%s: a name that is not UTF-8", path.p);
	}
	buf_clear(&path);
	return rc;
}

static bool has_outside(const struct archive *a)
{
	size_t n;
	const struct archive_file *run = archive_run(a, ARCHIVE_CONF, &n);

	for (size_t i = 0; i < n; i++)
		if (strncmp(run[i].name, CONFFILES_OUTSIDE "/", sizeof(CONFFILES_OUTSIDE)) == 0)
			return true;
	return false;
}

static enum rc show(struct conf_job *c, json_t *list, struct err *err)
{
	struct tool *t = c->t;
	const char *done = tool_dry_run(t) ? "would be written" : "written";
	size_t i;
	json_t *path;

	if (tool_json_wanted(t))
		return tool_emit_json(t,
				      json_pack("{s:s, s:b, s:s, s:O}", "done", done, "dry_run",
						tool_dry_run(t), "directory", c->dir, "files",
						list),
				      err);
	json_array_foreach(list, i, path) tool_print(t, "%s\n", json_string_value(path));
	tool_say(t, "%zu files %s; the state stays as it is\n", json_array_size(list), done);
	if (has_outside(c->archive))
		tool_say(t,
			 "Those below %s/" CONFFILES_OUTSIDE
			 " lay elsewhere: @include names them where they were\n",
			 c->dir);
	if (!tool_dry_run(t))
		tool_next(t, "mailseal check --no-state -c %s/%s", c->dir,
			  archive_head(c->archive)->conf_name);
	return RC_OK;
}

static enum rc run(struct conf_job *c, struct err *err)
{
	json_t *list = json_array();
	enum rc rc = list != NULL ? check_empty(c->dir, err) : err_set(err, RC_NOMEM, "JSON");

	undo_init(&c->undo);
	tool_hold_signals();
	if (rc == RC_OK)
		rc = write_all(c, list, err);
	if (rc != RC_OK)
		undo_all(&c->undo);
	undo_clear(&c->undo);
	tool_release_signals();
	if (rc == RC_OK)
		rc = show(c, list, err);
	json_decref(list);
	return rc;
}

enum rc restore_conf(struct tool *t, struct restore_job *job, const char *dir, struct err *err)
{
	struct conf_job c = {.t = t, .dir = dir};
	struct archive_summary summary;
	enum rc rc = archive_open(buf_span(&job->image), job->name, &c.archive, err);

	if (rc == RC_OK)
		rc = archive_check(c.archive, &summary, err);
	if (rc == RC_OK)
		rc = run(&c, err);
	archive_free(c.archive);
	return rc;
}
