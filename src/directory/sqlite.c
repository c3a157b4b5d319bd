/* Reading the catalogue, and checking it. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "directory/keystore.h"
#include "directory/sqlite_db.h"

enum rc catalogue_prepare(struct catalogue *c, const char *sql, sqlite3_stmt **ret, struct err *err)
{
	int code = sqlite3_prepare_v2(c->db, sql, -1, ret, NULL);

	return code == SQLITE_OK ? RC_OK : err_sqlite(err, c->db, code, c->path);
}

enum rc catalogue_exec(struct catalogue *c, const char *sql, struct err *err)
{
	int code = sqlite3_exec(c->db, sql, NULL, NULL, NULL);

	return code == SQLITE_OK ? RC_OK : err_sqlite(err, c->db, code, c->path);
}

enum rc catalogue_damaged(const struct catalogue *c, struct err *err, const char *fmt, ...)
{
	char what[ERR_TEXT_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	if (c->image.db != NULL)
		return err_set(err, RC_INPUT, "%s: %s", c->path, what);
	return err_set(err, RC_CONF,
		       "%s: %s; bring the catalogue back with 'mailseal restore FILE --force'",
		       c->path, what);
}

enum rc catalogue_int(struct catalogue *c, const char *sql, int64_t *ret, struct err *err)
{
	sqlite3_stmt *st = NULL;
	enum rc rc = catalogue_prepare(c, sql, &st, err);
	int code;

	if (rc != RC_OK)
		return rc;
	code = sqlite3_step(st);
	if (code == SQLITE_ROW)
		*ret = sqlite3_column_int64(st, 0);
	else if (code == SQLITE_DONE)
		rc = catalogue_damaged(c, err, "damaged: a row is missing");
	else
		rc = err_sqlite(err, c->db, code, c->path);
	sqlite3_finalize(st);
	return rc;
}

/* ---- reading ---- */

static enum rc bad_row(struct catalogue *c, const char *domain, const char *name, const char *what,
		       struct err *err)
{
	return catalogue_damaged(c, err, "selector '%s' of '%s': %s", name != NULL ? name : "",
				 domain != NULL ? domain : "", what);
}

const char *catalogue_text(sqlite3_stmt *st, int column)
{
	const char *s = (const char *)sqlite3_column_text(st, column);

	if (s != NULL && strlen(s) != (size_t)sqlite3_column_bytes(st, column))
		return NULL;
	return s;
}

#define SELECTOR_COLUMNS                                                                           \
	"domain, name, alg, state, fingerprint, public, bits, created, not_before, seen_since, "   \
	"retired, revision"

static enum rc copy_texts(struct catalogue *c, sqlite3_stmt *st, struct arena *a,
			  const char *last_domain, struct selector *s, struct err *err)
{
	const char *domain = catalogue_text(st, 0), *name = catalogue_text(st, 1);
	const char *public_base64 = catalogue_text(st, 5);

	if (domain == NULL || *domain == '\0' || name == NULL || *name == '\0' ||
	    public_base64 == NULL)
		return bad_row(c, domain, name, "an empty name or key", err);
	/* Selectors of one domain are mostly made one after the other: its name is kept once. */
	s->domain = last_domain != NULL && strcmp(last_domain, domain) == 0
			    ? last_domain
			    : arena_strdup(a, domain);
	s->name = arena_strdup(a, name);
	s->public_base64 = arena_strdup(a, public_base64);
	if (s->domain == NULL || s->name == NULL || s->public_base64 == NULL)
		return err_set(err, RC_NOMEM, "%s: out of memory", c->path);
	return RC_OK;
}

static enum rc read_selector(struct catalogue *c, sqlite3_stmt *st, struct arena *a,
			     const char *last_domain, struct selector *s, struct err *err)
{
	const char *alg = catalogue_text(st, 2), *state = catalogue_text(st, 3);
	const char *fingerprint = catalogue_text(st, 4);
	enum rc rc = copy_texts(c, st, a, last_domain, s, err);

	if (rc != RC_OK)
		return rc;
	if (alg == NULL || !dkim_alg_read(span_str(alg), &s->alg))
		return bad_row(c, s->domain, s->name, "an unknown algorithm", err);
	if (state == NULL || !sel_state_read(state, &s->state))
		return bad_row(c, s->domain, s->name, "an unknown state", err);
	if (!fingerprint_valid(fingerprint))
		return bad_row(c, s->domain, s->name, "no fingerprint", err);
	memcpy(s->fingerprint, fingerprint, sizeof(s->fingerprint));
	s->bits = (unsigned)sqlite3_column_int64(st, 6);
	s->created = sqlite3_column_int64(st, 7);
	s->not_before = sqlite3_column_int64(st, 8);
	s->seen_since = sqlite3_column_int64(st, 9);
	s->retired = sqlite3_column_int64(st, 10);
	s->revision = sqlite3_column_int64(st, 11);
	return RC_OK;
}

static enum rc read_rows(struct catalogue *c, struct selector_list *l, size_t count,
			 struct err *err)
{
	static const char sql[] = "SELECT " SELECTOR_COLUMNS " FROM selector";
	const char *last_domain = NULL;
	sqlite3_stmt *st = NULL;
	enum rc rc = catalogue_prepare(c, sql, &st, err);
	int code = SQLITE_DONE;

	while (rc == RC_OK && (code = sqlite3_step(st)) == SQLITE_ROW && l->n < count) {
		rc = read_selector(c, st, l->arena, last_domain, &l->at[l->n], err);
		last_domain = l->at[l->n].domain;
		l->n += rc == RC_OK;
	}
	if (rc == RC_OK && code != SQLITE_DONE)
		rc = err_sqlite(err, c->db, code == SQLITE_ROW ? SQLITE_CORRUPT : code, c->path);
	sqlite3_finalize(st);
	return rc;
}

static int compare_selectors(const void *a, const void *b)
{
	const struct selector *x = a, *y = b;
	int order = strcmp(x->domain, y->domain);

	if (order == 0)
		order = (x->alg > y->alg) - (x->alg < y->alg);
	return order != 0 ? order : strcmp(x->name, y->name);
}

static enum rc read_selectors(struct catalogue *c, struct selector_list *l, struct err *err)
{
	int64_t count = 0;
	enum rc rc;

	rc = catalogue_int(c, "SELECT generation FROM meta", &l->generation, err);
	if (rc == RC_OK)
		rc = catalogue_int(c, "SELECT count(*) FROM selector", &count, err);
	if (rc != RC_OK)
		return rc;
	l->at = arena_calloc(l->arena, (size_t)count + 1, sizeof(*l->at));
	if (l->at == NULL)
		return err_set(err, RC_NOMEM, "%s: out of memory", c->path);
	rc = read_rows(c, l, (size_t)count, err);
	if (rc == RC_OK)
		qsort(l->at, l->n, sizeof(*l->at), compare_selectors);
	return rc;
}

static struct selector_list *new_selectors(void)
{
	struct arena *a = arena_new(CATALOGUE_LIST_MAX);
	struct selector_list *l = a != NULL ? arena_alloc(a, sizeof(*l)) : NULL;

	if (l != NULL)
		l->arena = a;
	else
		arena_free(a);
	return l;
}

static struct user_cert_list *new_users(void)
{
	struct arena *a = arena_new(CATALOGUE_LIST_MAX);
	struct user_cert_list *l = a != NULL ? arena_alloc(a, sizeof(*l)) : NULL;

	if (l != NULL)
		l->arena = a;
	else
		arena_free(a);
	return l;
}

/* One transaction, so that the lists and their generations are of one moment. Either may be NULL. */
static enum rc read_lists(struct catalogue *c, struct selector_list *selectors,
			  struct user_cert_list *users, struct err *err)
{
	enum rc rc = catalogue_reopen_if_replaced(c, err);

	if (rc == RC_OK)
		rc = catalogue_exec(c, "BEGIN", err);
	if (rc != RC_OK)
		return rc;
	if (selectors != NULL)
		rc = read_selectors(c, selectors, err);
	if (rc == RC_OK && users != NULL)
		rc = catalogue_read_users(c, users, err);
	sqlite3_exec(c->db, "COMMIT", NULL, NULL, NULL);
	return rc;
}

/* Either RET may be NULL: not wanted. */
static enum rc load(struct catalogue *c, struct selector_list **ret_selectors,
		    struct user_cert_list **ret_users, struct err *err)
{
	struct selector_list *selectors = ret_selectors != NULL ? new_selectors() : NULL;
	struct user_cert_list *users = ret_users != NULL ? new_users() : NULL;
	enum rc rc;

	if ((ret_selectors != NULL && selectors == NULL) || (ret_users != NULL && users == NULL)) {
		rc = err_set(err, RC_NOMEM, "%s: out of memory", c->path);
		goto out;
	}
	rc = read_lists(c, selectors, users, err);
	if (rc != RC_OK)
		goto out;
	if (ret_selectors != NULL)
		*ret_selectors = selectors;
	if (ret_users != NULL)
		*ret_users = users;
	selectors = NULL; /* handed over */
	users = NULL;
out:
	selector_list_free(selectors);
	user_cert_list_free(users);
	return rc;
}

enum rc catalogue_load(struct directory *d, struct selector_list **ret, struct err *err)
{
	return load((struct catalogue *)d, ret, NULL, err);
}

enum rc catalogue_users_load(struct directory *d, struct user_cert_list **ret, struct err *err)
{
	return load((struct catalogue *)d, NULL, ret, err);
}

enum rc catalogue_load_all(struct directory *d, struct selector_list **ret_selectors,
			   struct user_cert_list **ret_users, struct err *err)
{
	return load((struct catalogue *)d, ret_selectors, ret_users, err);
}

enum rc catalogue_generation(struct directory *d, int64_t *ret, struct err *err)
{
	struct catalogue *c = (struct catalogue *)d;
	enum rc rc = catalogue_reopen_if_replaced(c, err);
	int64_t generation = 0;

	if (rc == RC_OK)
		rc = catalogue_int(c, "SELECT generation FROM meta", &generation, err);
	if (rc == RC_OK)
		*ret = generation;
	return rc;
}

/* Does SQL, with ?1 and ?2 (where B is not NULL) bound, find a row? */
static enum rc finds_row(struct catalogue *c, const char *sql, const char *a, const char *b,
			 bool *ret, struct err *err)
{
	sqlite3_stmt *st = NULL;
	enum rc rc = catalogue_prepare(c, sql, &st, err);
	int code;

	if (rc != RC_OK)
		return rc;
	sqlite3_bind_text(st, 1, a, -1, SQLITE_STATIC);
	if (b != NULL)
		sqlite3_bind_text(st, 2, b, -1, SQLITE_STATIC);
	code = sqlite3_step(st);
	if (code == SQLITE_ROW || code == SQLITE_DONE)
		*ret = code == SQLITE_ROW;
	else
		rc = err_sqlite(err, c->db, code, c->path);
	sqlite3_finalize(st);
	return rc;
}

enum rc catalogue_name_used(struct directory *d, const char *domain, const char *name, bool *ret,
			    struct err *err)
{
	return finds_row((struct catalogue *)d,
			 "SELECT 1 FROM selector_name WHERE domain = ?1 AND name = ?2", domain,
			 name, ret, err);
}

/* Every revocation has left its line in the audit, in the same transaction. */
enum rc catalogue_key_revoked(struct directory *d, const char *fingerprint, bool *ret,
			      struct err *err)
{
	return finds_row((struct catalogue *)d,
			 "SELECT 1 FROM audit WHERE fingerprint = ?1 AND what = 'revoked'",
			 fingerprint, NULL, ret, err);
}

/* ---- integrity ---- */

static enum rc run_check(struct catalogue *c, const char *pragma, const char *good, struct err *err)
{
	sqlite3_stmt *st = NULL;
	enum rc rc = catalogue_prepare(c, pragma, &st, err);
	int code;

	if (rc != RC_OK)
		return rc;
	code = sqlite3_step(st);
	if (code == SQLITE_ROW) {
		const char *text = (const char *)sqlite3_column_text(st, 0);

		if (text == NULL || good == NULL || strcmp(text, good) != 0)
			rc = catalogue_damaged(c, err, "damaged: %s",
					       text != NULL ? text : "a row refers to nothing");
	} else if (code != SQLITE_DONE) {
		rc = err_sqlite(err, c->db, code, c->path);
	}
	sqlite3_finalize(st);
	return rc;
}

enum rc catalogue_check(struct directory *d, struct err *err)
{
	struct catalogue *c = (struct catalogue *)d;
	struct selector_list *selectors = NULL;
	struct user_cert_list *users = NULL;
	enum rc rc;

	rc = run_check(c, "PRAGMA integrity_check(1)", "ok", err);
	if (rc == RC_OK)
		rc = run_check(c, "PRAGMA foreign_key_check", NULL, err);
	if (rc == RC_OK)
		rc = catalogue_load_all(d, &selectors, &users, err);
	selector_list_free(selectors);
	user_cert_list_free(users);
	return rc;
}
