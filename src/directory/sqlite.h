/* directory/sqlite.h - the catalogue in STATE_DIR/catalogue.db, behind directory/directory.h, and the pieces that
 * `backup` and the tests need of it. A handle is used by one thread at a time. */
#ifndef DIRECTORY_SQLITE_H
#define DIRECTORY_SQLITE_H

#include <sqlite3.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/err.h"
#include "directory/directory.h"

#define CATALOGUE_FILE "catalogue.db"

/* As directory_open(); BUSY_MS is how long a lock of another process is waited for. */
MUST_CHECK enum rc sqlite_open(const char *state_dir, enum directory_mode mode, int busy_ms,
			       struct directory **ret, struct err *err);

/* "STATE_DIR/FILE" in malloc()ed memory, or NULL. */
char *state_path(const char *state_dir, const char *file);

/* SQLite's result CODE (extended) about PATH as our class and a text that says what to do. */
enum rc err_sqlite(struct err *err, sqlite3 *db, int code, const char *path);

/* One step of the schema: SQL that brings a catalogue of version VERSION - 1 to VERSION. */
struct schema_step {
	int version;
	const char *sql;
};

extern const struct schema_step schema_steps[];
extern const size_t schema_n_steps;
/* PRAGMA application_id: tells a catalogue from any other SQLite file ("MSea"). */
enum { SCHEMA_APPLICATION_ID = 0x4d536561 };

/* Read version and application_id: RC_CONF where it is no catalogue, or newer than STEPS know. */
MUST_CHECK enum rc schema_version(sqlite3 *db, const char *path, const struct schema_step *steps,
				  size_t n, int *ret, struct err *err);
/* Bring DB up to the last of STEPS in one transaction; all or nothing. An empty database becomes a catalogue. */
MUST_CHECK enum rc schema_upgrade(sqlite3 *db, const char *path, const struct schema_step *steps,
				  size_t n, struct err *err);

#endif
