/* directory/sqlite_image.h - whole SQLite databases in memory: made there, or read from bytes that come from outside.
 * No file, no journal and no lock has a part in it. One thread at a time. */
#ifndef DIRECTORY_SQLITE_IMAGE_H
#define DIRECTORY_SQLITE_IMAGE_H

#include <sqlite3.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/span.h"

/* SQLite's own bound of a database in memory. */
enum { IMAGE_MAX = 1 << 30 };

/* A new, empty one; sqlite3_close() ends it. */
MUST_CHECK enum rc image_new(sqlite3 **ret, struct err *err);
/* One that may be changed, made of a copy of BYTES. */
MUST_CHECK enum rc image_copy(struct span bytes, sqlite3 **ret, struct err *err);
/* The bytes of DB, made by one of the two above: those of a file without a -wal. Good until the next change. */
MUST_CHECK enum rc image_bytes(sqlite3 *db, struct span *ret, struct err *err);

/* One that is only read, and that nobody needs to trust. */
struct image {
	sqlite3 *db;
	const char *name;
	uint64_t work; /* what reading may still take, in thousands of SQLite's instructions */
};

/* BYTES and NAME, which begins every text, must stay until image_close(). The work on it is bounded by the number of
 * BYTES. RC_INPUT: no SQLite database, or not all of it; RC_LIMIT: more than IMAGE_MAX. I may be closed whatever came
 * of it, and must not move while it is open. */
MUST_CHECK enum rc image_open(struct image *i, struct span bytes, const char *name,
			      struct err *err);
/* RC_INPUT unless I is sound, and has the tables, indexes and triggers that REFERENCE has and nothing else: nothing
 * that somebody has put in is run. To be called before a query reads a table. */
MUST_CHECK enum rc image_check(struct image *i, sqlite3 *reference, struct err *err);
MUST_CHECK enum rc image_prepare(struct image *i, const char *sql, sqlite3_stmt **ret,
				 struct err *err);
/* The first column of the one row that SQL gives. */
MUST_CHECK enum rc image_int(struct image *i, const char *sql, int64_t *ret, struct err *err);
/* SQLite's result CODE about I: RC_NOMEM, else RC_INPUT. */
enum rc err_image(struct err *err, const struct image *i, int code);
void image_close(struct image *i);

#endif
