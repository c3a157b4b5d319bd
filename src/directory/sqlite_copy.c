/* Copies of the catalogue: made of it, read, and put back into it. */
#include <stdlib.h>
#include <string.h>

#include "directory/sqlite_db.h"

/* ---- out ---- */

enum rc catalogue_backup(struct directory *d, directory_take *take, void *ctx, struct err *err)
{
	struct catalogue *c = (struct catalogue *)d;
	struct span copy = SPAN_NONE;
	sqlite3_backup *b;
	sqlite3 *to = NULL;
	enum rc rc = catalogue_reopen_if_replaced(c, err);
	int code;

	if (rc == RC_OK)
		rc = image_new(&to, err);
	if (rc != RC_OK)
		return rc;
	b = sqlite3_backup_init(to, "main", c->db, "main");
	if (b != NULL)
		sqlite3_backup_step(b, -1);
	code = b != NULL ? sqlite3_backup_finish(b) : sqlite3_extended_errcode(to);
	if (code != SQLITE_OK)
		rc = err_sqlite(err, to, code, c->path);
	if (rc == RC_OK)
		rc = image_bytes(to, &copy, err);
	if (rc == RC_OK)
		rc = take(ctx, copy, err);
	sqlite3_close(to);
	return rc;
}

/* ---- read ---- */

/* An empty catalogue as VERSION has it. */
static enum rc make_reference(int version, sqlite3 **ret, struct err *err)
{
	sqlite3 *db = NULL;
	size_t n = 0;
	enum rc rc = image_new(&db, err);

	while (n < schema_n_steps && schema_steps[n].version <= version)
		n++;
	if (rc == RC_OK)
		rc = schema_upgrade(db, "a new catalogue", schema_steps, n, err);
	if (rc == RC_OK)
		*ret = db;
	else
		sqlite3_close(db);
	return rc;
}

static enum rc check_version(struct image *i, int *ret, struct err *err)
{
	int known = schema_steps[schema_n_steps - 1].version;
	int64_t application = 0, version = 0;
	enum rc rc = image_int(i, "PRAGMA application_id", &application, err);

	if (rc == RC_OK)
		rc = image_int(i, "PRAGMA user_version", &version, err);
	if (rc != RC_OK)
		return rc;
	if (application != SCHEMA_APPLICATION_ID || version < 1)
		return err_set(err, RC_INPUT,
			       "%s: an SQLite database, but not a catalogue of mailseal", i->name);
	if (version > known)
		return err_set(
			err, RC_INPUT,
			"%s: written by a newer mailseal: schema %lld, this program knows up "
			"to %d; install the newer mailseal",
			i->name, (long long)version, known);
	*ret = (int)version;
	return RC_OK;
}

static enum rc open_image(struct catalogue *c, struct span copy, struct err *err)
{
	sqlite3 *reference = NULL;
	int version = 0;
	enum rc rc = image_open(&c->image, copy, c->path, err);

	c->db = c->image.db;
	if (rc == RC_OK)
		rc = check_version(&c->image, &version, err);
	if (rc == RC_OK)
		rc = make_reference(version, &reference, err);
	if (rc == RC_OK)
		rc = image_check(&c->image, reference, err);
	sqlite3_close(reference);
	return rc;
}

enum rc directory_open_copy(struct span copy, const char *name, struct directory **ret,
			    struct err *err)
{
	struct catalogue *c = calloc(1, sizeof(*c));
	struct selector_list *selectors = NULL;
	struct user_cert_list *users = NULL;
	enum rc rc;

	if (c == NULL || (c->path = strdup(name)) == NULL) {
		free(c);
		return err_set(err, RC_NOMEM, "%s: out of memory", name);
	}
	c->base.ops = &catalogue_ops;
	c->mode = DIRECTORY_READ;
	rc = open_image(c, copy, err);
	if (rc == RC_OK)
		rc = catalogue_load_all(&c->base, &selectors, &users, err);
	selector_list_free(selectors);
	user_cert_list_free(users);
	if (rc == RC_OK)
		*ret = &c->base;
	else
		directory_close(&c->base);
	return rc;
}

/* ---- in ---- */

/* FROM, bytes of our own, becomes the schema "copy" of C. Not read-only: BEGIN IMMEDIATE locks it too. */
static enum rc attach(struct catalogue *c, struct span from, struct err *err)
{
	enum rc rc = catalogue_exec(c, "ATTACH ':memory:' AS copy", err);
	int code;

	if (rc != RC_OK)
		return rc;
	code = sqlite3_deserialize(c->db, "copy", (unsigned char *)(uintptr_t)from.p,
				   (sqlite3_int64)from.len, (sqlite3_int64)from.len, 0);
	return code == SQLITE_OK ? RC_OK : err_sqlite(err, c->db, code, c->path);
}

/* Run FORMAT, which names a table some times, for each of the tables that are replaced. All tables are emptied before
 * the first one is filled: a row that goes may take others along. */
static enum rc each_table(struct catalogue *c, const char *format, struct err *err)
{
	static const char sql[] = "SELECT name FROM copy.sqlite_schema WHERE type = 'table'"
				  " AND name NOT LIKE 'sqlite%'"
				  " AND name NOT IN ('meta', 'selector_name', 'audit')";
	sqlite3_stmt *st = NULL;
	enum rc rc = catalogue_prepare(c, sql, &st, err);
	int code = SQLITE_DONE;

	while (rc == RC_OK && (code = sqlite3_step(st)) == SQLITE_ROW) {
		const char *table = (const char *)sqlite3_column_text(st, 0);
		char *text = sqlite3_mprintf(format, table, table);

		rc = text != NULL ? catalogue_exec(c, text, err)
				  : err_set(err, RC_NOMEM, "%s: out of memory", c->path);
		sqlite3_free(text);
	}
	if (rc == RC_OK && code != SQLITE_DONE)
		rc = err_sqlite(err, c->db, code, c->path);
	sqlite3_finalize(st);
	return rc;
}

static enum rc replace_all(struct catalogue *c, struct err *err)
{
	/* A generation that was here or in the copy is passed. Names come before rows that refer to them. */
	static const char merge[] =
		"PRAGMA defer_foreign_keys = ON;"
		"UPDATE main.meta SET made = (SELECT made FROM copy.meta),"
		" generation = max(generation, (SELECT generation FROM copy.meta)) + 1;"
		"INSERT OR IGNORE INTO main.selector_name SELECT * FROM copy.selector_name;"
		"INSERT INTO main.audit (at, what, domain, name, fingerprint)"
		" SELECT at, what, domain, name, fingerprint FROM copy.audit EXCEPT"
		" SELECT at, what, domain, name, fingerprint FROM main.audit ORDER BY at";
	/* What was revoked after the copy was made. */
	static const char revoke[] =
		"UPDATE main.selector SET state = 'revoked', revision = revision + 1"
		" WHERE state <> 'revoked' AND fingerprint IN"
		" (SELECT fingerprint FROM main.audit WHERE what = 'revoked')";
	enum rc rc = catalogue_exec(c, merge, err);

	if (rc == RC_OK)
		rc = each_table(c, "DELETE FROM main.\"%w\"", err);
	if (rc == RC_OK)
		rc = each_table(c, "INSERT INTO main.\"%w\" SELECT * FROM copy.\"%w\"", err);
	if (rc == RC_OK)
		rc = catalogue_exec(c, revoke, err);
	return rc == RC_OK ? catalogue_audit(c, "restore", "", "", "", err) : rc;
}

enum rc catalogue_restore(struct directory *d, struct span copy, struct err *err)
{
	struct catalogue *c = (struct catalogue *)d;
	struct span newest = SPAN_NONE;
	sqlite3 *from = NULL;
	enum rc rc;

	if (c->mode == DIRECTORY_READ)
		return err_set(err, RC_PERM, "%s: opened for reading", c->path);
	rc = catalogue_reopen_if_replaced(c, err);
	if (rc == RC_OK)
		rc = image_copy(copy, &from, err);
	if (rc == RC_OK)
		rc = schema_upgrade(from, c->path, schema_steps, schema_n_steps, err);
	if (rc == RC_OK)
		rc = image_bytes(from, &newest, err);
	if (rc == RC_OK)
		rc = attach(c, newest, err);
	if (rc == RC_OK)
		rc = catalogue_begin(c, err);
	if (rc == RC_OK)
		rc = catalogue_end(c, replace_all(c, err), err);
	if (c->db != NULL)
		sqlite3_exec(c->db, "DETACH copy", NULL, NULL, NULL);
	sqlite3_close(from);
	return rc;
}
