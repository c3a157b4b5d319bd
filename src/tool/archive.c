/* What making and reading an archive have in common: the schema, names, the hash over all. */
#include "tool/archive.h"

#include <stdio.h>
#include <string.h>

#include "directory/keystore.h"
#include "directory/sqlite.h"
#include "directory/sqlite_image.h"
#include "tool/archiveimpl.h"

enum { NAME_MAX_BYTES = 4000, PART_MAX_BYTES = 255, CONF_FILE_MAX = 64 << 20 };

const char archive_sql[] = "CREATE TABLE archive ("
			   " id INTEGER PRIMARY KEY CHECK (id = 1),"
			   " made INTEGER NOT NULL,"
			   " version TEXT NOT NULL,"
			   " conf_name TEXT NOT NULL,"
			   " state_dir TEXT NOT NULL,"
			   " manifest TEXT NOT NULL);"

			   "CREATE TABLE file ("
			   " id INTEGER PRIMARY KEY,"
			   " kind TEXT NOT NULL,"
			   " name TEXT NOT NULL,"
			   " mode INTEGER NOT NULL,"
			   " time INTEGER NOT NULL,"
			   " size INTEGER NOT NULL,"
			   " sha256 TEXT NOT NULL,"
			   " content BLOB NOT NULL,"
			   " UNIQUE (kind, name));";

/* In the order of the alphabet: files are sorted by kind. */
static const char *const kind_words[] = {[ARCHIVE_CATALOGUE] = "catalogue",
					 [ARCHIVE_CONF] = "conf",
					 [ARCHIVE_KEY] = "key",
					 [ARCHIVE_TRASH] = "trash"};

static const size_t size_max[] = {[ARCHIVE_CATALOGUE] = IMAGE_MAX,
				  [ARCHIVE_CONF] = CONF_FILE_MAX,
				  [ARCHIVE_KEY] = KEY_FILE_MAX,
				  [ARCHIVE_TRASH] = KEY_FILE_MAX};

const char *archive_kind_word(enum archive_kind kind)
{
	return kind_words[kind];
}

static bool has_control(const char *name)
{
	for (; *name != '\0'; name++)
		if ((unsigned char)*name < 0x20 || *name == 0x7f)
			return true;
	return false;
}

/* A relative path that leads nowhere but down. */
static bool is_path_below(const char *name)
{
	struct span rest = span_str(name), part;

	if (rest.len == 0 || rest.len > NAME_MAX_BYTES || has_control(name))
		return false;
	while (span_split(&rest, '/', &part))
		if (part.len == 0 || part.len > PART_MAX_BYTES || span_eq_str(part, ".") ||
		    span_eq_str(part, ".."))
			return false;
	return true;
}

static bool is_key_name(const char *name)
{
	char fingerprint[SHA256_HEX_SIZE];
	size_t len = strlen(name);

	if (len != SHA256_HEX_SIZE - 1 + 4 || strcmp(name + len - 4, ".pem") != 0)
		return false;
	memcpy(fingerprint, name, SHA256_HEX_SIZE - 1);
	fingerprint[SHA256_HEX_SIZE - 1] = '\0';
	return fingerprint_valid(fingerprint);
}

static bool is_name(enum archive_kind kind, const char *name)
{
	if (kind == ARCHIVE_CATALOGUE)
		return strcmp(name, CATALOGUE_FILE) == 0;
	return kind == ARCHIVE_CONF ? is_path_below(name) : is_key_name(name);
}

enum rc archive_check_file(enum archive_kind kind, const char *name, int64_t mode, size_t size,
			   struct err *err)
{
	if (!is_name(kind, name))
		return err_set(err, RC_INPUT, "%s '%.200s': no archive has a file of that name",
			       kind_words[kind], name);
	if (mode < 0 || mode > 07777)
		return err_set(err, RC_INPUT, "%s '%.200s': mode %lld is none", kind_words[kind],
			       name, (long long)mode);
	if (size > size_max[kind])
		return err_set(err, RC_LIMIT,
			       "%s '%.200s': larger than the %zu bytes that are "
			       "allowed",
			       kind_words[kind], name, size_max[kind]);
	return RC_OK;
}

static enum rc add_line(struct sha256 *d, const char *text, struct err *err)
{
	enum rc rc = sha256_update(d, span_str(text), err);

	return rc == RC_OK ? sha256_update(d, SPAN_LIT("\n"), err) : rc;
}

static enum rc add_head(struct sha256 *d, const struct archive_head *h, struct err *err)
{
	char made[32];
	enum rc rc;

	snprintf(made, sizeof(made), "%lld", (long long)h->made);
	rc = add_line(d, made, err);
	if (rc == RC_OK)
		rc = add_line(d, h->version, err);
	if (rc == RC_OK)
		rc = add_line(d, h->conf_name, err);
	return rc == RC_OK ? add_line(d, h->state_dir, err) : rc;
}

static enum rc add_rows(struct sha256 *d, sqlite3 *db, struct err *err)
{
	static const char sql[] =
		"SELECT kind, name, mode, time, size, sha256 FROM file ORDER BY kind, name";
	sqlite3_stmt *st = NULL;
	int code = sqlite3_prepare_v2(db, sql, -1, &st, NULL);
	enum rc rc = RC_OK;

	if (code == SQLITE_OK)
		code = sqlite3_step(st);
	while (rc == RC_OK && code == SQLITE_ROW) {
		for (int column = 0; rc == RC_OK && column < 6; column++)
			rc = add_line(d, (const char *)sqlite3_column_text(st, column), err);
		code = sqlite3_step(st);
	}
	if (rc == RC_OK && code != SQLITE_DONE)
		rc = err_set(err, code == SQLITE_NOMEM ? RC_NOMEM : RC_INPUT,
			     "the list of files: %s", sqlite3_errstr(code));
	sqlite3_finalize(st);
	return rc;
}

enum rc archive_manifest(sqlite3 *db, const struct archive_head *head, char ret[SHA256_HEX_SIZE],
			 struct err *err)
{
	uint8_t hash[SHA256_LEN];
	struct sha256 *d = NULL;
	enum rc rc = sha256_new(&d, err);

	if (rc == RC_OK)
		rc = add_head(d, head, err);
	if (rc == RC_OK)
		rc = add_rows(d, db, err);
	if (rc == RC_OK)
		rc = sha256_finish(d, hash, err);
	if (rc == RC_OK)
		sha256_hex(hash, ret);
	sha256_free(d);
	return rc;
}
