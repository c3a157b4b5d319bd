/* SQLite's result codes as our classes, with a text that says what to do next. */
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "directory/sqlite.h"

static enum rc not_writable(struct err *err, const char *path)
{
	return err_set(
		err, RC_PERM,
		"%s: the file, or its -wal or -shm beside it, cannot be written by uid %u; "
		"the directory and all three must belong to the user that 'user' names in the "
		"configuration, on a file system that is not read-only",
		path, (unsigned)geteuid());
}

static bool no_descriptor_left(sqlite3 *db)
{
	int number = db != NULL ? sqlite3_system_errno(db) : 0;

	return number == EMFILE || number == ENFILE;
}

enum rc err_sqlite(struct err *err, sqlite3 *db, int code, const char *path)
{
	if ((code & 0xff) == SQLITE_CANTOPEN && no_descriptor_left(db))
		return err_sys(err, RC_AGAIN, sqlite3_system_errno(db), "cannot read %s", path);
	switch (code & 0xff) {
	case SQLITE_NOMEM:
		return err_set(err, RC_NOMEM, "%s: out of memory", path);
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return err_set(err, RC_UNAVAIL,
			       "%s: locked by another process; try again, 'fuser %s' shows who",
			       path, path);
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return err_set(
			err, RC_CONF,
			"%s: damaged (%s); bring it back with 'mailseal restore FILE --force'",
			path, sqlite3_errstr(code));
	case SQLITE_READONLY:
	case SQLITE_CANTOPEN:
	case SQLITE_PERM:
		return not_writable(err, path);
	case SQLITE_CONSTRAINT:
		return err_set(err, RC_EXISTS, "%s: %s", path,
			       db != NULL ? sqlite3_errmsg(db) : sqlite3_errstr(code));
	case SQLITE_FULL:
		return err_set(err, RC_IO, "%s: the disk is full, or a file may not grow further",
			       path);
	case SQLITE_IOERR:
		return err_sys(err, RC_IO, db != NULL ? sqlite3_system_errno(db) : 0, "%s: %s",
			       path, sqlite3_errstr(code));
	default:
		return err_set(err, RC_IO, "%s: %s", path,
			       db != NULL ? sqlite3_errmsg(db) : sqlite3_errstr(code));
	}
}
