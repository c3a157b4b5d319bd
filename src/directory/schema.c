/* The schema of the catalogue, as steps: step N brings version N-1 to N. A step that was released is never
 * changed; a new one is added behind it. Versions are kept in PRAGMA user_version. */
#include <stdio.h>

#include "directory/sqlite.h"

/* Version 1. Names of selectors stay in selector_name for ever: a name whose record may still be in a cache
 * somewhere must never be used for another key. Any change bumps the generation, also one made by hand. */
static const char step_1[] =
	"CREATE TABLE meta ("
	" id INTEGER PRIMARY KEY CHECK (id = 1),"
	" generation INTEGER NOT NULL,"
	" made INTEGER NOT NULL);"
	/* A random start, so that two catalogues are not taken for one another by a reader. */
	"INSERT INTO meta VALUES (1, (random() & 0xffffffffff) + 1, strftime('%s', 'now'));"

	"CREATE TABLE selector_name ("
	" domain TEXT NOT NULL,"
	" name TEXT NOT NULL,"
	" first_used INTEGER NOT NULL,"
	" PRIMARY KEY (domain, name)) WITHOUT ROWID;"

	"CREATE TABLE selector ("
	" id INTEGER PRIMARY KEY,"
	" domain TEXT NOT NULL,"
	" name TEXT NOT NULL,"
	" alg TEXT NOT NULL,"
	" state TEXT NOT NULL CHECK (state IN"
	"  ('standby', 'published', 'active', 'retiring', 'revoked')),"
	" fingerprint TEXT NOT NULL CHECK (length(fingerprint) = 64),"
	" public TEXT NOT NULL,"
	" bits INTEGER NOT NULL,"
	" created INTEGER NOT NULL,"
	" not_before INTEGER NOT NULL DEFAULT 0,"
	" seen_since INTEGER NOT NULL DEFAULT 0,"
	" retired INTEGER NOT NULL DEFAULT 0,"
	" revision INTEGER NOT NULL DEFAULT 1,"
	" UNIQUE (domain, name),"
	" FOREIGN KEY (domain, name) REFERENCES selector_name (domain, name));"
	"CREATE UNIQUE INDEX one_active ON selector (domain, alg) WHERE state = 'active';"

	"CREATE TABLE audit ("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" at INTEGER NOT NULL,"
	" what TEXT NOT NULL,"
	" domain TEXT NOT NULL,"
	" name TEXT NOT NULL,"
	" fingerprint TEXT NOT NULL);"

	"CREATE TRIGGER selector_added AFTER INSERT ON selector BEGIN"
	" UPDATE meta SET generation = generation + 1; END;"
	"CREATE TRIGGER selector_changed AFTER UPDATE ON selector BEGIN"
	" UPDATE meta SET generation = generation + 1; END;"
	"CREATE TRIGGER selector_removed AFTER DELETE ON selector BEGIN"
	" UPDATE meta SET generation = generation + 1; END;";

/* Version 2: certificates of accounts. NOCASE folds ASCII letters only, as accounts are compared. What came along with
 * a certificate is mostly the same for all accounts, so it is kept once. */
static const char step_2[] =
	"CREATE TABLE user_chain ("
	" id INTEGER PRIMARY KEY,"
	" digest TEXT NOT NULL UNIQUE CHECK (length(digest) = 64));"

	"CREATE TABLE user_chain_part ("
	" chain INTEGER NOT NULL REFERENCES user_chain (id),"
	" place INTEGER NOT NULL,"
	" der BLOB NOT NULL,"
	" PRIMARY KEY (chain, place));"

	"CREATE TABLE user_cert ("
	" id INTEGER PRIMARY KEY,"
	" account TEXT NOT NULL COLLATE NOCASE,"
	" fingerprint TEXT NOT NULL CHECK (length(fingerprint) = 64),"
	" der BLOB NOT NULL,"
	" chain INTEGER REFERENCES user_chain (id),"
	" pinned INTEGER NOT NULL CHECK (pinned IN (0, 1)),"
	" kind TEXT NOT NULL CHECK (kind IN ('RSA', 'EC')),"
	" bits INTEGER NOT NULL,"
	" not_before INTEGER NOT NULL,"
	" not_after INTEGER NOT NULL,"
	" added INTEGER NOT NULL,"
	" UNIQUE (account, fingerprint));"
	"CREATE INDEX user_cert_chain ON user_cert (chain);"

	"CREATE TRIGGER user_cert_added AFTER INSERT ON user_cert BEGIN"
	" UPDATE meta SET generation = generation + 1; END;"
	"CREATE TRIGGER user_cert_changed AFTER UPDATE ON user_cert BEGIN"
	" UPDATE meta SET generation = generation + 1; END;"
	"CREATE TRIGGER user_cert_removed AFTER DELETE ON user_cert BEGIN"
	" UPDATE meta SET generation = generation + 1;"
	" DELETE FROM user_chain_part WHERE chain = OLD.chain"
	"  AND NOT EXISTS (SELECT 1 FROM user_cert WHERE chain = OLD.chain);"
	" DELETE FROM user_chain WHERE id = OLD.chain"
	"  AND NOT EXISTS (SELECT 1 FROM user_cert WHERE chain = OLD.chain); END;";

const struct schema_step schema_steps[] = {{1, step_1}, {2, step_2}};
const size_t schema_n_steps = COUNT_OF(schema_steps);

static enum rc read_int(sqlite3 *db, const char *path, const char *sql, int *ret, struct err *err)
{
	sqlite3_stmt *st = NULL;
	int code = sqlite3_prepare_v2(db, sql, -1, &st, NULL);

	if (code == SQLITE_OK) {
		code = sqlite3_step(st);
		if (code == SQLITE_ROW) {
			*ret = sqlite3_column_int(st, 0);
			code = SQLITE_OK;
		}
	}
	sqlite3_finalize(st);
	return code == SQLITE_OK ? RC_OK : err_sqlite(err, db, code, path);
}

enum rc schema_version(sqlite3 *db, const char *path, const struct schema_step *steps, size_t n,
		       int *ret, struct err *err)
{
	int known = n > 0 ? steps[n - 1].version : 0;
	int version = 0, application = 0, objects = 0;
	enum rc rc;

	rc = read_int(db, path, "PRAGMA user_version", &version, err);
	if (rc == RC_OK)
		rc = read_int(db, path, "PRAGMA application_id", &application, err);
	if (rc == RC_OK && application != SCHEMA_APPLICATION_ID)
		rc = read_int(db, path, "SELECT count(*) FROM sqlite_schema", &objects, err);
	if (rc != RC_OK)
		return rc;
	if (application != SCHEMA_APPLICATION_ID && (application | version | objects) != 0)
		return err_set(err, RC_CONF,
			       "%s: an SQLite database, but not a catalogue of mailseal; move it "
			       "away, or bring the catalogue back with 'mailseal restore'",
			       path);
	if (version < 0 || version > known)
		return err_set(err, RC_CONF,
			       "%s: written by a newer mailseal: schema %d, this program knows up "
			       "to %d; install the newer mailseal again, or restore a backup",
			       path, version, known);
	*ret = version;
	return RC_OK;
}

static enum rc run(sqlite3 *db, const char *path, const char *sql, struct err *err)
{
	int code = sqlite3_exec(db, sql, NULL, NULL, NULL);

	return code == SQLITE_OK ? RC_OK : err_sqlite(err, db, code, path);
}

static enum rc run_steps(sqlite3 *db, const char *path, const struct schema_step *steps, size_t n,
			 struct err *err)
{
	char pragma[96];
	int version = 0;
	enum rc rc;

	/* Asked for again inside the transaction: another process may have been faster. */
	rc = schema_version(db, path, steps, n, &version, err);
	for (size_t i = 0; rc == RC_OK && i < n; i++) {
		if (steps[i].version <= version)
			continue;
		rc = run(db, path, steps[i].sql, err);
		if (rc != RC_OK)
			return err_wrap(err, rc, "schema %d", steps[i].version);
		snprintf(pragma, sizeof(pragma), "PRAGMA user_version = %d", steps[i].version);
		rc = run(db, path, pragma, err);
	}
	if (rc != RC_OK)
		return rc;
	snprintf(pragma, sizeof(pragma), "PRAGMA application_id = %d", SCHEMA_APPLICATION_ID);
	return run(db, path, pragma, err);
}

enum rc schema_upgrade(sqlite3 *db, const char *path, const struct schema_step *steps, size_t n,
		       struct err *err)
{
	enum rc rc = run(db, path, "BEGIN IMMEDIATE", err);

	if (rc != RC_OK)
		return rc;
	rc = run_steps(db, path, steps, n, err);
	if (rc == RC_OK)
		rc = run(db, path, "COMMIT", err);
	if (rc != RC_OK)
		sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	return rc;
}
