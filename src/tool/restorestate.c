/* restore, as the configured user: from an archive to the state.
 *
 * The order is that of every change: key files, then rows, then what no row needs any more goes. A key file is named by what
 * is in it, so that those of both states can lie side by side; at no moment there is a row without its key. Before all
 * that, the old state is kept in a directory of its own, by a copy of its catalogue and by links to its keys. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "directory/keystore.h"
#include "directory/sqlite.h"
#include "directory/sqlite_image.h"
#include "tool/archive.h"
#include "tool/restore.h"
#include "tool/undo.h"

enum { KEPT_MAX = 100 };

struct move {
	char *from, *to;
};

struct restore {
	struct tool *t;
	const char *state_dir;
	struct archive *archive;
	struct archive_summary summary;

	/* What is there. */
	struct vec keys, trash;	   /* of fingerprints: keystore_list_place() */
	bool catalogue;		   /* its file */
	struct directory *old;	   /* NULL: none, or not to be read */
	size_t selectors;	   /* of OLD */
	char damage[ERR_TEXT_MAX]; /* why it cannot be read, or "" */

	char *kept;		 /* where the old state goes; NULL: there is nothing */
	struct undo keeping;	 /* what was made there */
	struct vec moved;	 /* of struct move: what cannot stay and be kept at once */
	struct undo made;	 /* what was made in the state */
	char left[ERR_TEXT_MAX]; /* why key files of before are still there, or "" */
};

/* ---- what is there ---- */

static enum rc count_selectors(struct restore *r, struct err *err)
{
	struct selector_list *l = NULL;
	enum rc rc = r->old->ops->check(r->old, err);

	if (rc == RC_OK)
		rc = r->old->ops->load(r->old, &l, err);
	if (rc != RC_OK)
		return rc;
	r->selectors = l->n;
	selector_list_free(l);
	return RC_OK;
}

/* A catalogue that is damaged is what a restore is for; one that is locked or not ours is not. */
static enum rc look_at_catalogue(struct restore *r, struct err *err)
{
	struct err why = ERR_INIT;
	enum rc rc = directory_open(r->state_dir, DIRECTORY_READ, &r->old, &why);

	if (rc == RC_NOTFOUND)
		return RC_OK;
	r->catalogue = true;
	if (rc == RC_OK)
		rc = count_selectors(r, &why);
	if (rc == RC_OK)
		return RC_OK;
	r->old = directory_close(r->old);
	if (rc != RC_CONF)
		return err_set(err, rc, "%s", why.text);
	memcpy(r->damage, why.text, sizeof(r->damage));
	return RC_OK;
}

static enum rc look(struct restore *r, struct err *err)
{
	enum rc rc = look_at_catalogue(r, err);

	if (rc == RC_OK)
		rc = keystore_list_place(r->state_dir, KEYSTORE_KEYS, &r->keys, err);
	if (rc == RC_OK)
		rc = keystore_list_place(r->state_dir, KEYSTORE_TRASH, &r->trash, err);
	return rc;
}

static bool is_empty(const struct restore *r)
{
	return r->selectors == 0 && r->damage[0] == '\0' && r->keys.len == 0 && r->trash.len == 0;
}

static enum rc check_force(struct restore *r, struct err *err)
{
	if (is_empty(r) || tool_has(r->t, "force"))
		return RC_OK;
	tool_next(r->t, "mailseal restore %s --force", tool_arg(r->t, 0));
	if (r->damage[0] != '\0')
		return err_set(err, RC_REFUSED,
			       "%s has a catalogue that cannot be read, and %zu key files: with "
			       "--force they are put aside",
			       r->state_dir, r->keys.len);
	return err_set(err, RC_REFUSED,
		       "%s has %zu selectors and %zu key files, %zu more in the trash: with "
		       "--force they are put aside",
		       r->state_dir, r->selectors, r->keys.len, r->trash.len);
}

/* ---- keeping it ---- */

/* A second one within a second gets a number. */
static enum rc name_kept(struct restore *r, struct err *err)
{
	time_t now = (time_t)tool_now(r->t);
	char when[32] = "";
	struct tm day;
	struct stat st;

	if (!r->catalogue && r->keys.len == 0 && r->trash.len == 0)
		return RC_OK;
	if (gmtime_r(&now, &day) != NULL)
		(void)!strftime(when, sizeof(when), "-%Y%m%dT%H%M%SZ", &day);
	for (int i = 1; i < KEPT_MAX; i++) {
		char number[16] = "";

		if (i > 1)
			snprintf(number, sizeof(number), "-%d", i);
		free(r->kept);
		if (asprintf(&r->kept, "%s/before-restore%s%s", r->state_dir, when, number) < 0) {
			r->kept = NULL;
			return err_set(err, RC_NOMEM, "%s: out of memory", r->state_dir);
		}
		if (lstat(r->kept, &st) != 0)
			return RC_OK;
	}
	return err_set(err, RC_AGAIN, "%s is there already; try again", r->kept);
}

static enum rc make_dir(struct restore *r, const char *below, struct err *err)
{
	char *path = NULL;
	enum rc rc;

	if (asprintf(&path, "%s%s", r->kept, below) < 0)
		return err_set(err, RC_NOMEM, "%s: out of memory", r->kept);
	/* Not remembered when it is not ours. */
	if (mkdir(path, 0700) == 0)
		rc = undo_remember(&r->keeping, path, err);
	else if (errno == EEXIST)
		rc = err_set(err, RC_AGAIN, "%s is there already; try again", path);
	else
		rc = err_sys(err, errno == EACCES ? RC_PERM : RC_IO, errno, "%s", path);
	free(path);
	return rc;
}

static enum rc move_away(struct restore *r, const char *from, const char *to, struct err *err)
{
	struct move *m = vec_push(&r->moved);

	if (m == NULL || (m->from = strdup(from)) == NULL || (m->to = strdup(to)) == NULL)
		return err_set(err, RC_NOMEM, "%s: out of memory", from);
	if (rename(from, to) == 0)
		return RC_OK;
	return err_sys(err, RC_IO, errno, "%s cannot be moved to %s", from, to);
}

/* A file that the archive has too, and that is not what its name says, makes room. */
static bool in_the_way(struct restore *r, enum keystore_place place, const char *fingerprint)
{
	struct key *k = NULL;
	bool bad;

	if (place != KEYSTORE_KEYS || !archive_has_key(r->archive, ARCHIVE_KEY, fingerprint))
		return false;
	bad = keystore_get(r->state_dir, fingerprint, &k, NULL) != RC_OK;
	key_unref(k);
	return bad;
}

static enum rc link_key(struct restore *r, const char *from, const char *to, struct err *err)
{
	enum rc rc = undo_remember(&r->keeping, to, err);

	/* What has gone meanwhile has gone by a command that was faster. */
	if (rc == RC_OK && link(from, to) != 0 && errno != ENOENT)
		rc = err_sys(err, RC_IO, errno, "%s cannot be kept as %s", from, to);
	return rc;
}

static enum rc keep_keys(struct restore *r, enum keystore_place place, const struct vec *found,
			 struct err *err)
{
	const char(*all)[SHA256_HEX_SIZE] = found->items;
	enum rc rc = RC_OK;

	for (size_t i = 0; rc == RC_OK && i < found->len; i++) {
		char *from = NULL, *to = NULL;

		rc = keystore_path(r->state_dir, place, all[i], &from, err);
		if (rc == RC_OK)
			rc = keystore_path(r->kept, place, all[i], &to, err);
		if (rc == RC_OK)
			rc = in_the_way(r, place, all[i]) ? move_away(r, from, to, err)
							  : link_key(r, from, to, err);
		if (rc == RC_OK && i + 1 == found->len)
			rc = file_sync_parent(to, err);
		free(from);
		free(to);
	}
	return rc;
}

static enum rc write_copy(void *ctx, struct span copy, struct err *err)
{
	struct restore *r = ctx;
	char *path = state_path(r->kept, CATALOGUE_FILE);
	enum rc rc = path != NULL ? undo_write(&r->keeping, path, copy, 0600, err)
				  : err_set(err, RC_NOMEM, "%s: out of memory", r->kept);

	free(path);
	return rc;
}

/* With what lies beside it: it may be what somebody can still mend. */
static enum rc move_catalogue(struct restore *r, struct err *err)
{
	static const char *const files[] = {CATALOGUE_FILE, CATALOGUE_FILE "-wal",
					    CATALOGUE_FILE "-shm"};
	enum rc rc = RC_OK;

	for (size_t i = 0; rc == RC_OK && i < COUNT_OF(files); i++) {
		char *from = state_path(r->state_dir, files[i]),
		     *to = state_path(r->kept, files[i]);
		struct stat st;

		if (from == NULL || to == NULL)
			rc = err_set(err, RC_NOMEM, "%s: out of memory", r->kept);
		else if (lstat(from, &st) == 0)
			rc = move_away(r, from, to, err);
		free(from);
		free(to);
	}
	return rc;
}

static enum rc keep(struct restore *r, struct err *err)
{
	enum rc rc;

	if (r->kept == NULL)
		return RC_OK;
	rc = make_dir(r, "", err);
	if (rc == RC_OK)
		rc = make_dir(r, "/keys", err);
	if (rc == RC_OK)
		rc = make_dir(r, "/keys/trash", err);
	if (rc == RC_OK)
		rc = keep_keys(r, KEYSTORE_KEYS, &r->keys, err);
	if (rc == RC_OK)
		rc = keep_keys(r, KEYSTORE_TRASH, &r->trash, err);
	if (rc == RC_OK && r->old != NULL)
		rc = r->old->ops->backup(r->old, write_copy, r, err);
	else if (rc == RC_OK && r->catalogue)
		rc = move_catalogue(r, err);
	return rc == RC_OK ? file_sync_parent(r->kept, err) : rc;
}

/* ---- the new state ---- */

/* Where a file of that name is, it is this key: keep_keys() has moved away what was not. */
static enum rc put_key(struct restore *r, const struct archive_file *f, struct err *err)
{
	char fingerprint[SHA256_HEX_SIZE] = "", *path = NULL;
	struct key *k = NULL;
	enum rc rc;

	memcpy(fingerprint, f->name, SHA256_HEX_SIZE - 1);
	rc = keystore_path(r->state_dir, KEYSTORE_KEYS, fingerprint, &path, err);
	if (rc == RC_OK && access(path, F_OK) != 0) {
		rc = archive_key(r->archive, f, &k, err);
		if (rc == RC_OK)
			rc = undo_remember(&r->made, path, err);
		if (rc == RC_OK)
			rc = keystore_put(r->state_dir, k, err);
	}
	key_unref(k);
	free(path);
	return rc;
}

/* What keystore_put() makes beside the file. */
static enum rc remember_dirs(struct restore *r, struct err *err)
{
	static const char *const dirs[] = {"keys", "keys/trash"};
	enum rc rc = RC_OK;

	for (size_t i = 0; rc == RC_OK && i < COUNT_OF(dirs); i++) {
		char *path = state_path(r->state_dir, dirs[i]);

		if (path == NULL)
			rc = err_set(err, RC_NOMEM, "%s: out of memory", r->state_dir);
		else if (access(path, F_OK) != 0)
			rc = undo_remember(&r->made, path, err);
		free(path);
	}
	return rc;
}

static enum rc put_keys(struct restore *r, struct err *err)
{
	size_t n;
	const struct archive_file *run = archive_run(r->archive, ARCHIVE_KEY, &n);
	enum rc rc = remember_dirs(r, err);

	for (size_t i = 0; rc == RC_OK && i < n; i++)
		rc = put_key(r, &run[i], err);
	return rc;
}

/* Where none is, or none that is any good, a new one is filled. */
static enum rc open_catalogue(struct restore *r, struct directory **ret, struct err *err)
{
	char *path;
	enum rc rc;

	if (r->old != NULL)
		return directory_open(r->state_dir, DIRECTORY_WRITE, ret, err);
	path = state_path(r->state_dir, CATALOGUE_FILE);
	rc = path != NULL ? undo_remember(&r->made, path, err)
			  : err_set(err, RC_NOMEM, "%s: out of memory", r->state_dir);
	free(path);
	return rc == RC_OK ? directory_open(r->state_dir, DIRECTORY_CREATE, ret, err) : rc;
}

static enum rc put_catalogue(struct restore *r, struct err *err)
{
	size_t n;
	const struct archive_file *f = archive_run(r->archive, ARCHIVE_CATALOGUE, &n);
	struct directory *d = NULL;
	struct buf copy;
	enum rc rc;

	buf_init(&copy, IMAGE_MAX);
	rc = archive_content(r->archive, f, &copy, err);
	if (rc == RC_OK)
		rc = open_catalogue(r, &d, err);
	if (rc == RC_OK)
		rc = d->ops->restore(d, buf_span(&copy), err);
	directory_close(d);
	buf_clear(&copy);
	return rc;
}

/* ---- what no row needs any more ---- */

static enum rc drop_keys(struct restore *r, enum keystore_place place, const struct vec *found,
			 struct err *err)
{
	enum archive_kind kind = place == KEYSTORE_KEYS ? ARCHIVE_KEY : ARCHIVE_TRASH;
	const char(*all)[SHA256_HEX_SIZE] = found->items;
	enum rc rc = RC_OK;

	for (size_t i = 0; rc == RC_OK && i < found->len; i++) {
		char *path = NULL;

		if (archive_has_key(r->archive, kind, all[i]))
			continue;
		rc = keystore_path(r->state_dir, place, all[i], &path, err);
		if (rc == RC_OK && unlink(path) != 0 && errno != ENOENT)
			rc = err_sys(err, RC_IO, errno, "%s", path);
		free(path);
	}
	return rc;
}

/* With the time of its removal, so that it goes when it should. */
static enum rc put_trash(struct restore *r, struct err *err)
{
	size_t n;
	const struct archive_file *run = archive_run(r->archive, ARCHIVE_TRASH, &n);
	enum rc rc = RC_OK;

	for (size_t i = 0; rc == RC_OK && i < n; i++) {
		struct key *k = NULL;

		rc = archive_key(r->archive, &run[i], &k, err);
		if (rc == RC_OK && !archive_has_key(r->archive, ARCHIVE_KEY, key_fingerprint(k))) {
			rc = keystore_put(r->state_dir, k, err);
			if (rc == RC_OK)
				rc = keystore_trash(r->state_dir, key_fingerprint(k), run[i].time,
						    err);
		}
		key_unref(k);
	}
	return rc;
}

/* The state is whole by now: what goes wrong here is told, and undoes nothing. */
static void clean_up(struct restore *r)
{
	struct err why = ERR_INIT;
	enum rc rc = drop_keys(r, KEYSTORE_KEYS, &r->keys, &why);

	if (rc == RC_OK)
		rc = drop_keys(r, KEYSTORE_TRASH, &r->trash, &why);
	if (rc == RC_OK)
		rc = put_trash(r, &why);
	if (rc != RC_OK)
		memcpy(r->left, why.text, sizeof(r->left));
}

/* ---- all of it ---- */

/* The new things go, then what was moved comes back, then the place where it was. */
static void undo(struct restore *r)
{
	const struct move *all = r->moved.items;

	undo_all(&r->made);
	for (size_t i = r->moved.len; i > 0; i--)
		if (all[i - 1].to != NULL)
			(void)!rename(all[i - 1].to, all[i - 1].from);
	undo_all(&r->keeping);
}

static enum rc change(struct restore *r, struct err *err)
{
	enum rc rc = keep(r, err);

	if (rc == RC_OK)
		rc = put_keys(r, err);
	if (rc == RC_OK)
		rc = put_catalogue(r, err);
	if (rc != RC_OK) {
		undo(r);
		return rc;
	}
	clean_up(r);
	return RC_OK;
}

static json_t *report(const struct restore *r)
{
	const struct archive_head *head = archive_head(r->archive);
	const struct archive_summary *s = &r->summary;
	bool dry = tool_dry_run(r->t);

	return json_pack("{s:s, s:b, s:I, s:o?, s:I, s:I, s:I, s:I, s:I, s:o?}", "done",
			 dry ? "would be restored" : "restored", "dry_run", dry, "made",
			 (json_int_t)head->made, "version", json_string(head->version), "selectors",
			 (json_int_t)s->selectors, "certificates", (json_int_t)s->certificates,
			 "keys", (json_int_t)s->keys, "trash", (json_int_t)s->trash, "without_key",
			 (json_int_t)s->without_key, "kept_in", json_string(r->kept));
}

/* The report is made before anything is done: afterwards nothing may fail any more. */
static enum rc change_and_tell(struct restore *r, struct buf *reply, struct err *err)
{
	json_t *all = report(r);
	char *text = NULL;
	enum rc rc = all != NULL ? RC_OK : err_set(err, RC_NOMEM, "JSON");

	if (rc == RC_OK && !tool_dry_run(r->t))
		rc = change(r, err);
	if (rc == RC_OK) {
		if (r->left[0] != '\0')
			json_object_set_new(all, "left", json_string(r->left));
		text = json_dumps(all, JSON_COMPACT);
		rc = text != NULL ? buf_adds(reply, text, err) : err_set(err, RC_NOMEM, "JSON");
	}
	free(text);
	json_decref(all);
	return rc;
}

static enum rc run(struct restore *r, const struct restore_job *job, struct buf *reply,
		   struct err *err)
{
	enum rc rc = archive_open(buf_span(&job->image), job->name, &r->archive, err);

	if (rc == RC_OK)
		rc = archive_check(r->archive, &r->summary, err);
	if (rc == RC_OK)
		rc = look(r, err);
	if (rc == RC_OK)
		rc = check_force(r, err);
	if (rc == RC_OK)
		rc = name_kept(r, err);
	return rc == RC_OK ? change_and_tell(r, reply, err) : rc;
}

static void clear(struct restore *r)
{
	struct move *all = r->moved.items;

	for (size_t i = 0; i < r->moved.len; i++) {
		free(all[i].from);
		free(all[i].to);
	}
	vec_clear(&r->moved);
	vec_clear(&r->keys);
	vec_clear(&r->trash);
	undo_clear(&r->keeping);
	undo_clear(&r->made);
	directory_close(r->old);
	archive_free(r->archive);
	free(r->kept);
}

enum rc restore_state(struct tool *t, void *ctx, struct buf *reply, struct err *err)
{
	const struct restore_job *job = ctx;
	struct restore r = {.t = t};
	const struct conf *conf;
	enum rc rc = tool_conf(t, &conf, err);

	if (rc != RC_OK)
		return rc;
	r.state_dir = conf->state_dir;
	undo_init(&r.keeping);
	undo_init(&r.made);
	vec_init(&r.moved, sizeof(struct move), SIZE_MAX / sizeof(struct move));
	vec_init(&r.keys, SHA256_HEX_SIZE, 0);
	vec_init(&r.trash, SHA256_HEX_SIZE, 0);
	rc = run(&r, job, reply, err);
	clear(&r);
	return rc;
}
