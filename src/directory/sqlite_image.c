#include "directory/sqlite_image.h"

#include <stdbool.h>
#include <string.h>

#include "directory/sqlite.h"

/* The file format, sqlite.org/fileformat2.html 1.3. */
enum {
	HEADER_SIZE = 100,
	AT_PAGE_SIZE = 16,
	AT_WRITE_VERSION = 18, /* 1: rollback journal, 2: with a -wal */
	AT_READ_VERSION = 19,
	AT_PAGES = 28
};

static const char magic[16] = "SQLite format 3";

/* Objects of a schema: a bound for one that is not ours. */
enum { OBJECTS_MAX = 1000 };

static enum rc failed(struct err *err, sqlite3 *db, int code)
{
	enum rc rc = err_sqlite(err, db, code, "a database in memory");

	sqlite3_close(db);
	return rc;
}

enum rc image_new(sqlite3 **ret, struct err *err)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
	sqlite3 *db = NULL;
	int code = sqlite3_open_v2("image", &db, flags, "memdb");

	if (code != SQLITE_OK)
		return failed(err, db, code);
	*ret = db;
	return RC_OK;
}

enum rc image_copy(struct span bytes, sqlite3 **ret, struct err *err)
{
	int flags = SQLITE_DESERIALIZE_FREEONCLOSE | SQLITE_DESERIALIZE_RESIZEABLE;
	unsigned char *copy = sqlite3_malloc64(bytes.len);
	sqlite3 *db = NULL;
	int code;
	enum rc rc;

	if (copy == NULL)
		return err_set(err, RC_NOMEM, "out of memory (%zu bytes)", bytes.len);
	memcpy(copy, bytes.p, bytes.len);
	rc = image_new(&db, err);
	if (rc != RC_OK) {
		sqlite3_free(copy);
		return rc;
	}
	/* Takes the copy, also when it fails. */
	code = sqlite3_deserialize(db, "main", copy, (sqlite3_int64)bytes.len,
				   (sqlite3_int64)bytes.len, (unsigned)flags);
	if (code != SQLITE_OK)
		return failed(err, db, code);
	*ret = db;
	return RC_OK;
}

enum rc image_bytes(sqlite3 *db, struct span *ret, struct err *err)
{
	sqlite3_int64 size = 0;
	unsigned char *p = sqlite3_serialize(db, "main", &size, SQLITE_SERIALIZE_NOCOPY);

	if (p == NULL || size < HEADER_SIZE)
		return err_set(err, RC_IO, "a database in memory has no bytes");
	/* Copied pages say that there is a -wal where the original had one. Nothing of it is left out. */
	p[AT_WRITE_VERSION] = p[AT_READ_VERSION] = 1;
	*ret = span_of(p, (size_t)size);
	return RC_OK;
}

/* ---- reading what comes from outside ---- */

enum rc err_image(struct err *err, const struct image *i, int code)
{
	switch (code & 0xff) {
	case SQLITE_NOMEM:
		return err_set(err, RC_NOMEM, "%s: out of memory", i->name);
	case SQLITE_INTERRUPT:
		return err_set(err, RC_INPUT, "%s: damaged: there is no end to reading it",
			       i->name);
	default:
		return err_set(err, RC_INPUT, "%s: damaged (%s)", i->name, sqlite3_errstr(code));
	}
}

static uint32_t read_number(const unsigned char *p, unsigned bytes)
{
	uint32_t n = 0;

	while (bytes-- > 0)
		n = n << 8 | *p++;
	return n;
}

/* SQLite reads a file that is cut short until it misses something. */
static enum rc check_header(struct span bytes, const char *name, struct err *err)
{
	const unsigned char *p = (const unsigned char *)bytes.p;
	uint64_t page, want;

	if (bytes.len < sizeof(magic) || memcmp(p, magic, sizeof(magic)) != 0)
		return err_set(err, RC_INPUT, "%s: no SQLite database", name);
	if (bytes.len < HEADER_SIZE)
		return err_set(err, RC_INPUT, "%s: cut short: %zu bytes", name, bytes.len);
	page = read_number(p + AT_PAGE_SIZE, 2);
	if (page == 1) /* 65536 does not fit into two bytes */
		page = 65536;
	want = page * read_number(p + AT_PAGES, 4);
	if (bytes.len < want)
		return err_set(err, RC_INPUT, "%s: cut short: %zu bytes of %llu", name, bytes.len,
			       (unsigned long long)want);
	if (bytes.len > want || p[AT_READ_VERSION] != 1 || p[AT_WRITE_VERSION] != 1)
		return err_set(err, RC_INPUT, "%s: damaged: its header does not fit", name);
	if (want > IMAGE_MAX)
		return err_set(err, RC_LIMIT, "%s: larger than the %d bytes that are allowed", name,
			       IMAGE_MAX);
	return RC_OK;
}

static int spend(void *ctx)
{
	struct image *i = ctx;

	if (i->work == 0)
		return 1;
	i->work--;
	return 0;
}

/* Nothing in the schema of a stranger's database may call what has an effect; every page is looked at closely. */
static int make_safe(struct image *i)
{
	sqlite3_db_config(i->db, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)NULL);
	sqlite3_db_config(i->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, (int *)NULL);
	sqlite3_progress_handler(i->db, 1000, spend, i);
	return sqlite3_exec(i->db, "PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY", NULL,
			    NULL, NULL);
}

enum rc image_open(struct image *i, struct span bytes, const char *name, struct err *err)
{
	enum rc rc;
	int code;

	*i = (struct image){.name = name, .work = 1000 + bytes.len / 16};
	rc = check_header(bytes, name, err);
	if (rc == RC_OK)
		rc = image_new(&i->db, err);
	if (rc != RC_OK)
		return rc;
	/* The pointer is not const; nothing is written through it by a database that is read only. */
	code = sqlite3_deserialize(i->db, "main", (unsigned char *)(uintptr_t)bytes.p,
				   (sqlite3_int64)bytes.len, (sqlite3_int64)bytes.len,
				   SQLITE_DESERIALIZE_READONLY);
	if (code == SQLITE_OK)
		code = make_safe(i);
	return code == SQLITE_OK ? RC_OK : err_image(err, i, code);
}

void image_close(struct image *i)
{
	sqlite3_close(i->db);
	i->db = NULL;
}

enum rc image_prepare(struct image *i, const char *sql, sqlite3_stmt **ret, struct err *err)
{
	int code = sqlite3_prepare_v2(i->db, sql, -1, ret, NULL);

	return code == SQLITE_OK ? RC_OK : err_image(err, i, code);
}

enum rc image_int(struct image *i, const char *sql, int64_t *ret, struct err *err)
{
	sqlite3_stmt *st = NULL;
	enum rc rc = image_prepare(i, sql, &st, err);
	int code;

	if (rc != RC_OK)
		return rc;
	code = sqlite3_step(st);
	if (code == SQLITE_ROW)
		*ret = sqlite3_column_int64(st, 0);
	else
		rc = err_image(err, i, code == SQLITE_DONE ? SQLITE_CORRUPT : code);
	sqlite3_finalize(st);
	return rc;
}

/* Does REFERENCE have the object of the current row of ST? */
static enum rc find_object(struct image *i, sqlite3_stmt *st, sqlite3_stmt *find, struct err *err)
{
	const char *name = (const char *)sqlite3_column_text(st, 1);
	int code;

	sqlite3_reset(find);
	for (int column = 0; column < 4; column++)
		sqlite3_bind_value(find, column + 1, sqlite3_column_value(st, column));
	code = sqlite3_step(find);
	if (code == SQLITE_ROW)
		return RC_OK;
	if (code != SQLITE_DONE)
		return err_image(err, i, code);
	return err_set(err, RC_INPUT, "%s: not as mailseal makes it: '%s' is strange to it",
		       i->name, name != NULL ? name : "");
}

/* Row by row and not by ORDER BY or count(): these work on all rows, however many a damaged file seems to have,
 * before they give the first one. */
static enum rc compare_objects(struct image *i, sqlite3_stmt *st, sqlite3_stmt *find, int expected,
			       struct err *err)
{
	int code = SQLITE_ROW, n = 0;
	enum rc rc = RC_OK;

	while (rc == RC_OK && n < OBJECTS_MAX && (code = sqlite3_step(st)) == SQLITE_ROW) {
		rc = find_object(i, st, find, err);
		n++;
	}
	if (rc == RC_OK && code != SQLITE_ROW && code != SQLITE_DONE)
		rc = err_image(err, i, code);
	if (rc == RC_OK && n != expected)
		rc = err_set(err, RC_INPUT, "%s: not as mailseal makes it: %d parts, not %d",
			     i->name, n, expected);
	return rc;
}

static enum rc compare_schema(struct image *i, sqlite3 *reference, struct err *err)
{
	static const char all[] = "SELECT type, name, tbl_name, sql FROM sqlite_schema";
	static const char one[] = "SELECT 1 FROM sqlite_schema WHERE type = ?1 AND name = ?2"
				  " AND tbl_name = ?3 AND sql IS ?4";
	static const char count[] = "SELECT count(*) FROM sqlite_schema";
	sqlite3_stmt *st = NULL, *find = NULL, *counted = NULL;
	int code = sqlite3_prepare_v2(reference, one, -1, &find, NULL);
	enum rc rc;

	if (code == SQLITE_OK)
		code = sqlite3_prepare_v2(reference, count, -1, &counted, NULL);
	if (code == SQLITE_OK && (code = sqlite3_step(counted)) == SQLITE_ROW)
		code = SQLITE_OK;
	rc = code == SQLITE_OK ? image_prepare(i, all, &st, err)
			       : err_sqlite(err, reference, code, "a database in memory");
	if (rc == RC_OK)
		rc = compare_objects(i, st, find, sqlite3_column_int(counted, 0), err);
	sqlite3_finalize(st);
	sqlite3_finalize(find);
	sqlite3_finalize(counted);
	return rc;
}

/* The first row of PRAGMA is GOOD, or, with NULL, there is none. */
static enum rc run_check(struct image *i, const char *pragma, const char *good, const char *bad,
			 struct err *err)
{
	sqlite3_stmt *st = NULL;
	enum rc rc = image_prepare(i, pragma, &st, err);
	int code;

	if (rc != RC_OK)
		return rc;
	code = sqlite3_step(st);
	if (code == SQLITE_ROW) {
		const char *text = (const char *)sqlite3_column_text(st, 0);

		if (good == NULL || text == NULL || strcmp(text, good) != 0)
			rc = err_set(err, RC_INPUT, "%s: damaged: %s", i->name,
				     good != NULL && text != NULL ? text : bad);
	} else if (code != SQLITE_DONE) {
		rc = err_image(err, i, code);
	}
	sqlite3_finalize(st);
	return rc;
}

enum rc image_check(struct image *i, sqlite3 *reference, struct err *err)
{
	enum rc rc = compare_schema(i, reference, err);

	if (rc == RC_OK)
		rc = run_check(i, "PRAGMA integrity_check(1)", "ok", "it is not sound", err);
	if (rc == RC_OK)
		rc = run_check(i, "PRAGMA foreign_key_check", NULL, "a row refers to nothing", err);
	return rc;
}
