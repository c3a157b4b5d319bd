/* Reading an archive that comes from anywhere. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/vec.h"
#include "directory/keystore.h"
#include "directory/sqlite.h"
#include "directory/sqlite_image.h"
#include "tool/archiveimpl.h"

/* The columns of a row of "file" that read_row() selects. */
enum { COL_ID, COL_KIND, COL_NAME, COL_MODE, COL_TIME, COL_SIZE, COL_SHA256, COL_CONTENT };

struct archive {
	struct image image;
	const char *name;
	struct archive_head head;
	char manifest[SHA256_HEX_SIZE];
	struct vec files; /* of struct archive_file */
	struct arena *arena;
};

struct archive *archive_free(struct archive *a)
{
	if (a != NULL) {
		image_close(&a->image);
		vec_clear(&a->files);
		arena_free(a->arena);
		free(a);
	}
	return NULL;
}

/* A text without a NUL in it, which lives as long as A; NULL when it is none. */
static const char *take_text(struct archive *a, sqlite3_stmt *st, int column)
{
	const char *s;

	if (sqlite3_column_type(st, column) != SQLITE_TEXT)
		return NULL;
	s = (const char *)sqlite3_column_text(st, column);
	if (s == NULL || strlen(s) != (size_t)sqlite3_column_bytes(st, column))
		return NULL;
	return arena_strdup(a->arena, s);
}

static enum rc wrong_type(const struct archive *a, const char *what, struct err *err)
{
	return err_set(err, RC_INPUT, "%s: damaged: %s has a value of a wrong type", a->name, what);
}

/* ---- what it is ---- */

static enum rc check_format(struct archive *a, struct err *err)
{
	int64_t application = 0, format = 0;
	enum rc rc = image_int(&a->image, "PRAGMA application_id", &application, err);

	if (rc == RC_OK)
		rc = image_int(&a->image, "PRAGMA user_version", &format, err);
	if (rc != RC_OK)
		return rc;
	if (application == SCHEMA_APPLICATION_ID)
		return err_set(err, RC_INPUT,
			       "%s: a catalogue, not what 'mailseal backup' makes of it", a->name);
	if (application != ARCHIVE_APPLICATION_ID || format < 1)
		return err_set(err, RC_INPUT,
			       "%s: an SQLite database, but none that 'mailseal backup' has made",
			       a->name);
	if (format > ARCHIVE_FORMAT)
		return err_set(err, RC_INPUT,
			       "%s: made by a newer mailseal: format %lld, this program knows up "
			       "to %d; install the newer mailseal",
			       a->name, (long long)format, ARCHIVE_FORMAT);
	return RC_OK;
}

static enum rc check_schema(struct archive *a, struct err *err)
{
	sqlite3 *reference = NULL;
	enum rc rc = image_new(&reference, err);

	if (rc == RC_OK && sqlite3_exec(reference, archive_sql, NULL, NULL, NULL) != SQLITE_OK)
		rc = err_set(err, RC_NOMEM, "%s: out of memory", a->name);
	if (rc == RC_OK)
		rc = image_check(&a->image, reference, err);
	sqlite3_close(reference);
	return rc;
}

static enum rc take_head(struct archive *a, sqlite3_stmt *st, struct err *err)
{
	const char *manifest = take_text(a, st, 4);

	a->head = (struct archive_head){.made = sqlite3_column_int64(st, 0),
					.version = take_text(a, st, 1),
					.conf_name = take_text(a, st, 2),
					.state_dir = take_text(a, st, 3)};
	if (sqlite3_column_type(st, 0) != SQLITE_INTEGER || a->head.version == NULL ||
	    a->head.conf_name == NULL || a->head.state_dir == NULL || !fingerprint_valid(manifest))
		return wrong_type(a, "the head", err);
	memcpy(a->manifest, manifest, sizeof(a->manifest));
	return RC_OK;
}

static enum rc read_head(struct archive *a, struct err *err)
{
	static const char sql[] =
		"SELECT made, version, conf_name, state_dir, manifest FROM archive";
	sqlite3_stmt *st = NULL;
	enum rc rc = image_prepare(&a->image, sql, &st, err);
	int code;

	if (rc != RC_OK)
		return rc;
	code = sqlite3_step(st);
	if (code == SQLITE_ROW)
		rc = take_head(a, st, err);
	else
		rc = code == SQLITE_DONE
			     ? err_set(err, RC_INPUT, "%s: damaged: it has no head", a->name)
			     : err_image(err, &a->image, code);
	sqlite3_finalize(st);
	return rc;
}

/* ---- files ---- */

static bool read_kind(const char *word, enum archive_kind *ret)
{
	for (int k = ARCHIVE_CATALOGUE; k <= ARCHIVE_TRASH; k++)
		if (strcmp(word, archive_kind_word((enum archive_kind)k)) == 0) {
			*ret = (enum archive_kind)k;
			return true;
		}
	return false;
}

static enum rc check_content(struct archive *a, sqlite3_stmt *st, const struct archive_file *f,
			     struct err *err)
{
	const void *bytes = sqlite3_column_blob(st, COL_CONTENT);
	size_t size = (size_t)sqlite3_column_bytes(st, COL_CONTENT);
	const char *wanted = take_text(a, st, COL_SHA256);
	uint8_t hash[SHA256_LEN];
	char hex[SHA256_HEX_SIZE];
	enum rc rc;

	if (size != f->size || sqlite3_column_int64(st, COL_SIZE) < 0)
		return err_set(err, RC_INPUT,
			       "%s: damaged: %s '%s' has %zu bytes and should have "
			       "%zu",
			       a->name, archive_kind_word(f->kind), f->name, size, f->size);
	rc = sha256_of(span_of(bytes, size), hash, err);
	if (rc != RC_OK)
		return rc;
	sha256_hex(hash, hex);
	if (wanted == NULL || strcmp(hex, wanted) != 0)
		return err_set(err, RC_INPUT, "%s: damaged: %s '%s' does not fit its hash", a->name,
			       archive_kind_word(f->kind), f->name);
	return RC_OK;
}

static bool types_fit(sqlite3_stmt *st)
{
	static const int types[] = {
		[COL_ID] = SQLITE_INTEGER,   [COL_KIND] = SQLITE_TEXT,
		[COL_NAME] = SQLITE_TEXT,    [COL_MODE] = SQLITE_INTEGER,
		[COL_TIME] = SQLITE_INTEGER, [COL_SIZE] = SQLITE_INTEGER,
		[COL_SHA256] = SQLITE_TEXT,  [COL_CONTENT] = SQLITE_BLOB,
	};

	for (size_t i = 0; i < COUNT_OF(types); i++)
		if (sqlite3_column_type(st, (int)i) != types[i])
			return false;
	return true;
}

static enum rc read_row(struct archive *a, sqlite3_stmt *st, struct err *err)
{
	const char *kind = take_text(a, st, COL_KIND);
	struct archive_file *f = vec_push(&a->files);
	int64_t mode = sqlite3_column_int64(st, COL_MODE);
	enum rc rc;

	if (f == NULL)
		return err_set(err, RC_NOMEM, "%s: out of memory", a->name);
	f->name = take_text(a, st, COL_NAME);
	if (!types_fit(st) || kind == NULL || f->name == NULL)
		return wrong_type(a, "a file", err);
	if (!read_kind(kind, &f->kind))
		return err_set(err, RC_INPUT, "%s: damaged: '%.100s' is no kind of file", a->name,
			       kind);
	f->mode = (unsigned)mode;
	f->time = sqlite3_column_int64(st, COL_TIME);
	f->size = (size_t)sqlite3_column_int64(st, COL_SIZE);
	f->row = sqlite3_column_int64(st, COL_ID);
	rc = archive_check_file(f->kind, f->name, mode,
				(size_t)sqlite3_column_bytes(st, COL_CONTENT), err);
	if (rc != RC_OK)
		return err_wrap(err, RC_INPUT, "%s", a->name);
	return check_content(a, st, f, err);
}

static enum rc read_files(struct archive *a, struct err *err)
{
	static const char sql[] = "SELECT id, kind, name, mode, time, size, sha256, content"
				  " FROM file ORDER BY kind, name";
	sqlite3_stmt *st = NULL;
	enum rc rc = image_prepare(&a->image, sql, &st, err);
	int code = SQLITE_DONE;

	while (rc == RC_OK && (code = sqlite3_step(st)) == SQLITE_ROW)
		rc = read_row(a, st, err);
	if (rc == RC_OK && code != SQLITE_DONE)
		rc = err_image(err, &a->image, code);
	sqlite3_finalize(st);
	return rc;
}

/* The first place that is not before KIND, NAME. */
static size_t lower_bound(const struct archive *a, enum archive_kind kind, const char *name)
{
	const struct archive_file *all = a->files.items;
	size_t low = 0, high = a->files.len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (all[middle].kind < kind ||
		    (all[middle].kind == kind && strcmp(all[middle].name, name) < 0))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool has_file(const struct archive *a, enum archive_kind kind, const char *name)
{
	const struct archive_file *all = a->files.items;
	size_t at = lower_bound(a, kind, name);

	return at < a->files.len && all[at].kind == kind && strcmp(all[at].name, name) == 0;
}

/* Nothing is missing, and nothing was put in. */
static enum rc check_whole(struct archive *a, struct err *err)
{
	char manifest[SHA256_HEX_SIZE];
	size_t n;
	enum rc rc = archive_manifest(a->image.db, &a->head, manifest, err);

	if (rc != RC_OK)
		return err_wrap(err, rc, "%s", a->name);
	if (strcmp(manifest, a->manifest) != 0)
		return err_set(err, RC_INPUT,
			       "%s: damaged: the list of its files does not fit its hash", a->name);
	(void)archive_run(a, ARCHIVE_CATALOGUE, &n);
	if (n != 1)
		return err_set(err, RC_INPUT, "%s: damaged: it has no catalogue", a->name);
	if (!has_file(a, ARCHIVE_CONF, a->head.conf_name))
		return err_set(err, RC_INPUT, "%s: damaged: it has no configuration file '%.200s'",
			       a->name, a->head.conf_name);
	return RC_OK;
}

static enum rc read_all(struct archive *a, struct span bytes, struct err *err)
{
	enum rc rc = image_open(&a->image, bytes, a->name, err);

	if (rc == RC_OK)
		rc = check_format(a, err);
	if (rc == RC_OK)
		rc = check_schema(a, err);
	if (rc == RC_OK)
		rc = read_head(a, err);
	if (rc == RC_OK)
		rc = read_files(a, err);
	return rc == RC_OK ? check_whole(a, err) : rc;
}

enum rc archive_open(struct span bytes, const char *name, struct archive **ret, struct err *err)
{
	struct archive *a = calloc(1, sizeof(*a));
	enum rc rc;

	if (a != NULL)
		a->arena = arena_new(IMAGE_MAX);
	if (a == NULL || a->arena == NULL) {
		free(a);
		return err_set(err, RC_NOMEM, "%s: out of memory", name);
	}
	a->name = name;
	vec_init(&a->files, sizeof(struct archive_file), IMAGE_MAX / sizeof(struct archive_file));
	rc = read_all(a, bytes, err);
	if (rc == RC_OK)
		*ret = a;
	else
		archive_free(a);
	return rc;
}

/* ---- what is in it ---- */

const char *archive_name(const struct archive *a)
{
	return a->name;
}

const struct archive_head *archive_head(const struct archive *a)
{
	return &a->head;
}

const struct archive_file *archive_run(const struct archive *a, enum archive_kind kind,
				       size_t *ret_n)
{
	const struct archive_file *all = a->files.items;
	size_t first = lower_bound(a, kind, ""), end = first;

	while (end < a->files.len && all[end].kind == kind)
		end++;
	*ret_n = end - first;
	return end > first ? &all[first] : NULL;
}

bool archive_has_key(const struct archive *a, enum archive_kind kind, const char *fingerprint)
{
	char name[SHA256_HEX_SIZE + 8];

	snprintf(name, sizeof(name), "%s.pem", fingerprint);
	return has_file(a, kind, name);
}

enum rc archive_content(struct archive *a, const struct archive_file *f, struct buf *out,
			struct err *err)
{
	sqlite3_stmt *st = NULL;
	enum rc rc = image_prepare(&a->image, "SELECT content FROM file WHERE id = ?1", &st, err);
	int code;

	if (rc != RC_OK)
		return rc;
	sqlite3_bind_int64(st, 1, f->row);
	code = sqlite3_step(st);
	if (code == SQLITE_ROW) {
		const void *bytes = sqlite3_column_blob(st, 0);

		rc = buf_add(out, span_of(bytes, (size_t)sqlite3_column_bytes(st, 0)), err);
	} else {
		rc = err_image(err, &a->image, code == SQLITE_DONE ? SQLITE_CORRUPT : code);
	}
	sqlite3_finalize(st);
	return rc;
}

enum rc archive_key(struct archive *a, const struct archive_file *f, struct key **ret,
		    struct err *err)
{
	struct key *k = NULL;
	struct buf pem;
	enum rc rc;

	buf_init(&pem, KEY_FILE_MAX);
	rc = archive_content(a, f, &pem, err);
	if (rc == RC_OK) {
		rc = key_read_pem(buf_span(&pem), NULL, &k, err);
		if (rc != RC_OK)
			err_wrap(err, rc, "%s: %s '%s'", a->name, archive_kind_word(f->kind),
				 f->name);
	}
	buf_wipe(&pem);
	if (rc != RC_OK)
		return rc;
	if (strncmp(key_fingerprint(k), f->name, SHA256_HEX_SIZE - 1) != 0) {
		rc = err_set(err, RC_INPUT, "%s: %s '%s' holds another key (fingerprint %s)",
			     a->name, archive_kind_word(f->kind), f->name, key_fingerprint(k));
		key_unref(k);
		return rc;
	}
	*ret = k;
	return RC_OK;
}
