/* What changes the catalogue: each call one transaction, guarded by the revision that the caller has seen, with one
 * line for the audit. */
#include <stddef.h>

#include "directory/keystore.h"
#include "directory/sqlite_db.h"

enum rc catalogue_begin(struct catalogue *c, struct err *err)
{
	enum rc rc;

	if (c->mode == DIRECTORY_READ)
		return err_set(err, RC_PERM, "%s: opened for reading", c->path);
	rc = catalogue_reopen_if_replaced(c, err);
	return rc == RC_OK ? catalogue_exec(c, "BEGIN IMMEDIATE", err) : rc;
}

enum rc catalogue_end(struct catalogue *c, enum rc rc, struct err *err)
{
	if (rc == RC_OK)
		rc = catalogue_exec(c, "COMMIT", err);
	if (rc != RC_OK)
		sqlite3_exec(c->db, "ROLLBACK", NULL, NULL, NULL);
	return rc;
}

void catalogue_bind(sqlite3_stmt *st, int at, const char *text)
{
	sqlite3_bind_text(st, at, text, -1, SQLITE_STATIC);
}

enum rc catalogue_run(struct catalogue *c, sqlite3_stmt *st, struct err *err)
{
	int code = sqlite3_step(st);
	/* Before the statement is gone: its text is the last one of the connection. */
	enum rc rc = code == SQLITE_DONE ? RC_OK : err_sqlite(err, c->db, code, c->path);

	sqlite3_finalize(st);
	return rc;
}

enum rc catalogue_audit(struct catalogue *c, const char *what, const char *domain, const char *name,
			const char *fingerprint, struct err *err)
{
	static const char sql[] = "INSERT INTO audit (at, what, domain, name, fingerprint) "
				  "VALUES (strftime('%s', 'now'), ?1, ?2, ?3, ?4)";
	sqlite3_stmt *st = NULL;
	enum rc rc = catalogue_prepare(c, sql, &st, err);

	if (rc != RC_OK)
		return rc;
	catalogue_bind(st, 1, what);
	catalogue_bind(st, 2, domain);
	catalogue_bind(st, 3, name);
	catalogue_bind(st, 4, fingerprint);
	return catalogue_run(c, st, err);
}

static enum rc audit(struct catalogue *c, const struct selector *s, const char *what,
		     struct err *err)
{
	return catalogue_audit(c, what, s->domain, s->name, s->fingerprint, err);
}

/* ?1 domain, ?2 name, ?3 revision changed or deleted exactly one row; else say which of the two it is. */
static enum rc one_row_changed(struct catalogue *c, const struct selector *s, struct err *err)
{
	static const char sql[] = "SELECT 1 FROM selector WHERE domain = ?1 AND name = ?2";
	sqlite3_stmt *st = NULL;
	enum rc rc;
	int code;

	if (sqlite3_changes(c->db) == 1)
		return RC_OK;
	rc = catalogue_prepare(c, sql, &st, err);
	if (rc != RC_OK)
		return rc;
	catalogue_bind(st, 1, s->domain);
	catalogue_bind(st, 2, s->name);
	code = sqlite3_step(st);
	if (code == SQLITE_ROW)
		rc = err_set(
			err, RC_AGAIN,
			"selector '%s' of '%s' was changed meanwhile; look at it and try again",
			s->name, s->domain);
	else if (code == SQLITE_DONE)
		rc = err_set(err, RC_NOTFOUND, "'%s' has no selector '%s'", s->domain, s->name);
	else
		rc = err_sqlite(err, c->db, code, c->path);
	sqlite3_finalize(st);
	return rc;
}

static enum rc prepare_guarded(struct catalogue *c, const char *sql, const struct selector *s,
			       sqlite3_stmt **ret, struct err *err)
{
	enum rc rc = catalogue_prepare(c, sql, ret, err);

	if (rc != RC_OK)
		return rc;
	catalogue_bind(*ret, 1, s->domain);
	catalogue_bind(*ret, 2, s->name);
	sqlite3_bind_int64(*ret, 3, s->revision);
	return RC_OK;
}

/* A key that was revoked once never signs again, whatever selector it comes back with. */
static enum rc refuse_revoked_key(struct catalogue *c, const struct selector *s, struct err *err)
{
	bool revoked = false;
	enum rc rc = catalogue_key_revoked(&c->base, s->fingerprint, &revoked, err);

	if (rc == RC_OK && revoked)
		rc = err_set(err, RC_REFUSED,
			     "the key of selector '%s' of '%s' was revoked and never signs again; "
			     "make a new one",
			     s->name, s->domain);
	return rc;
}

/* ---- add ---- */

static enum rc reserve_name(struct catalogue *c, const struct selector *s, struct err *err)
{
	static const char sql[] = "INSERT INTO selector_name VALUES (?1, ?2, ?3)";
	sqlite3_stmt *st = NULL;
	enum rc rc = catalogue_prepare(c, sql, &st, err);

	if (rc != RC_OK)
		return rc;
	catalogue_bind(st, 1, s->domain);
	catalogue_bind(st, 2, s->name);
	sqlite3_bind_int64(st, 3, s->created);
	rc = catalogue_run(c, st, err);
	if (rc == RC_EXISTS)
		return err_set(err, rc,
			       "'%s' has or had a selector '%s'; a name is never used for a second "
			       "key, choose another",
			       s->domain, s->name);
	return rc;
}

static enum rc insert_row(struct catalogue *c, const struct selector *s, struct err *err)
{
	static const char sql[] = "INSERT INTO selector (domain, name, alg, state, fingerprint, "
				  "public, bits, created, "
				  "not_before, seen_since, retired, revision) "
				  "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 1)";
	sqlite3_stmt *st = NULL;
	enum rc rc = catalogue_prepare(c, sql, &st, err);

	if (rc != RC_OK)
		return rc;
	catalogue_bind(st, 1, s->domain);
	catalogue_bind(st, 2, s->name);
	catalogue_bind(st, 3, dkim_alg_name(s->alg));
	catalogue_bind(st, 4, sel_state_name(s->state));
	catalogue_bind(st, 5, s->fingerprint);
	catalogue_bind(st, 6, s->public_base64);
	sqlite3_bind_int64(st, 7, s->bits);
	sqlite3_bind_int64(st, 8, s->created);
	sqlite3_bind_int64(st, 9, s->not_before);
	sqlite3_bind_int64(st, 10, s->seen_since);
	sqlite3_bind_int64(st, 11, s->retired);
	rc = catalogue_run(c, st, err);
	if (rc == RC_EXISTS)
		return err_set(err, rc, "'%s' has an active %s selector already", s->domain,
			       dkim_alg_name(s->alg));
	return rc;
}

enum rc catalogue_selector_add(struct directory *d, const struct selector *s, struct err *err)
{
	struct catalogue *c = (struct catalogue *)d;
	enum rc rc;

	if (!fingerprint_valid(s->fingerprint) || *s->domain == '\0' || *s->name == '\0')
		return err_set(err, RC_INPUT, "a selector needs a domain, a name and a key");
	rc = catalogue_begin(c, err);
	if (rc != RC_OK)
		return rc;
	rc = refuse_revoked_key(c, s, err);
	if (rc == RC_OK)
		rc = reserve_name(c, s, err);
	if (rc == RC_OK)
		rc = insert_row(c, s, err);
	if (rc == RC_OK)
		rc = audit(c, s, "add", err);
	return catalogue_end(c, rc, err);
}

/* ---- change ---- */

/* The others of the algorithm make room, so that the newest activation always has the greatest not_before: one
 * that has begun in the same second (or later, by a clock set back) steps back before it; one that was planned for
 * later will not begin at all. */
static enum rc retire_others(struct catalogue *c, const struct selector *s, int64_t not_before,
			     int64_t now, struct err *err)
{
	static const char sql[] =
		"UPDATE selector SET"
		" retired = CASE state WHEN 'active' THEN ?4 ELSE retired END,"
		" state = CASE state WHEN 'active' THEN 'retiring' ELSE state END,"
		" not_before = CASE WHEN not_before < ?3 THEN not_before"
		"  WHEN not_before > ?4 THEN 0 ELSE ?3 - 1 END,"
		" revision = revision + 1"
		" WHERE domain = ?1 AND name <> ?2 AND alg = ?5"
		" AND (state = 'active' OR not_before >= ?3)";
	sqlite3_stmt *st = NULL;
	enum rc rc = catalogue_prepare(c, sql, &st, err);

	if (rc != RC_OK)
		return rc;
	catalogue_bind(st, 1, s->domain);
	catalogue_bind(st, 2, s->name);
	sqlite3_bind_int64(st, 3, not_before);
	sqlite3_bind_int64(st, 4, now);
	catalogue_bind(st, 5, dkim_alg_name(s->alg));
	return catalogue_run(c, st, err);
}

static enum rc make_active(struct catalogue *c, const struct selector *s, int64_t not_before,
			   struct err *err)
{
	static const char sql[] =
		"UPDATE selector SET state = 'active', not_before = ?4, retired = 0,"
		" revision = revision + 1 WHERE domain = ?1 AND name = ?2 AND revision = ?3";
	sqlite3_stmt *st = NULL;
	enum rc rc = prepare_guarded(c, sql, s, &st, err);

	if (rc != RC_OK)
		return rc;
	sqlite3_bind_int64(st, 4, not_before);
	rc = catalogue_run(c, st, err);
	return rc == RC_OK ? one_row_changed(c, s, err) : rc;
}

enum rc catalogue_selector_activate(struct directory *d, const struct selector *s,
				    int64_t not_before, int64_t now, struct err *err)
{
	struct catalogue *c = (struct catalogue *)d;
	enum rc rc;

	if (not_before <= 0)
		return err_set(err, RC_INPUT, "a selector needs a time from which on it signs");
	rc = catalogue_begin(c, err);
	if (rc != RC_OK)
		return rc;
	rc = refuse_revoked_key(c, s, err);
	if (rc == RC_OK)
		rc = retire_others(c, s, not_before, now, err);
	if (rc == RC_OK)
		rc = make_active(c, s, not_before, err);
	if (rc == RC_OK)
		rc = audit(c, s, "activate", err);
	return catalogue_end(c, rc, err);
}

/* The times that belong to a state follow it: seen_since is of the record, retired of retiring. */
static enum rc update_state(struct catalogue *c, const struct selector *s, enum sel_state state,
			    int64_t now, struct err *err)
{
	static const char sql[] = "UPDATE selector SET"
				  " seen_since = CASE ?4 WHEN 'published' THEN ?5 WHEN 'standby' "
				  "THEN 0 ELSE seen_since END,"
				  " retired = CASE ?4 WHEN 'retiring' THEN ?5 ELSE retired END,"
				  " state = ?4, revision = revision + 1"
				  " WHERE domain = ?1 AND name = ?2 AND revision = ?3";
	sqlite3_stmt *st = NULL;
	enum rc rc = prepare_guarded(c, sql, s, &st, err);

	if (rc != RC_OK)
		return rc;
	catalogue_bind(st, 4, sel_state_name(state));
	sqlite3_bind_int64(st, 5, now);
	rc = catalogue_run(c, st, err);
	return rc == RC_OK ? one_row_changed(c, s, err) : rc;
}

enum rc catalogue_selector_set_state(struct directory *d, const struct selector *s,
				     enum sel_state state, int64_t now, struct err *err)
{
	struct catalogue *c = (struct catalogue *)d;
	enum rc rc;

	if (state == SEL_ACTIVE)
		return err_set(err, RC_INPUT, "a selector becomes active by its activation only");
	rc = catalogue_begin(c, err);
	if (rc != RC_OK)
		return rc;
	rc = update_state(c, s, state, now, err);
	if (rc == RC_OK)
		rc = audit(c, s, sel_state_name(state), err);
	return catalogue_end(c, rc, err);
}

/* ---- remove ---- */

enum rc catalogue_selector_remove(struct directory *d, const struct selector *s, struct err *err)
{
	static const char sql[] =
		"DELETE FROM selector WHERE domain = ?1 AND name = ?2 AND revision = ?3";
	struct catalogue *c = (struct catalogue *)d;
	sqlite3_stmt *st = NULL;
	enum rc rc = catalogue_begin(c, err);

	if (rc != RC_OK)
		return rc;
	rc = prepare_guarded(c, sql, s, &st, err);
	if (rc == RC_OK)
		rc = catalogue_run(c, st, err);
	if (rc == RC_OK)
		rc = one_row_changed(c, s, err);
	if (rc == RC_OK)
		rc = audit(c, s, "remove", err);
	return catalogue_end(c, rc, err);
}
