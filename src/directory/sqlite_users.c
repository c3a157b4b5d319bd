/* Certificates of accounts in the catalogue. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "directory/keystore.h"
#include "directory/sqlite_db.h"

/* The version of the schema that brought the tables; a reader may have an older catalogue open. */
enum { USERS_SINCE = 2 };

static const char *const kind_names[] = {[CERT_RSA] = "RSA", [CERT_EC] = "EC"};

static enum rc no_memory(const struct catalogue *c, struct err *err)
{
	return err_set(err, RC_NOMEM, "%s: out of memory", c->path);
}

static enum rc bad_row(const struct catalogue *c, const char *account, const char *what,
		       struct err *err)
{
	return catalogue_damaged(c, err, "certificate of '%s': %s", account != NULL ? account : "",
				 what);
}

/* ---- reading: what came along ---- */

/* The chains, sorted by id. One is shared by all certificates that came with it. */
struct chain {
	int64_t id;
	struct span *parts;
	size_t n;
};

struct chains {
	struct chain *at;
	size_t n;
};

static enum rc copy_blob(struct catalogue *c, sqlite3_stmt *st, int column, struct arena *a,
			 struct span *ret, struct err *err)
{
	int len = sqlite3_column_bytes(st, column);
	const void *bytes = sqlite3_column_blob(st, column);

	if (bytes == NULL || len <= 0 || len > USER_DER_MAX)
		return bad_row(c, "", "empty, or too large for a certificate", err);
	*ret = arena_dup(a, span_of(bytes, (size_t)len));
	return ret->p != NULL ? RC_OK : no_memory(c, err);
}

/* Rows come sorted by chain; PARTS has room for all of them, in one piece. */
static enum rc read_parts(struct catalogue *c, struct arena *a, struct chains *chains,
			  struct span *parts, size_t count, struct err *err)
{
	static const char sql[] = "SELECT chain, der FROM user_chain_part ORDER BY chain, place";
	struct chain *last = NULL;
	sqlite3_stmt *st = NULL;
	enum rc rc = catalogue_prepare(c, sql, &st, err);
	int code = SQLITE_DONE;

	for (size_t i = 0; rc == RC_OK && (code = sqlite3_step(st)) == SQLITE_ROW && i < count;
	     i++) {
		int64_t id = sqlite3_column_int64(st, 0);

		if (last == NULL || last->id != id) {
			last = &chains->at[chains->n++];
			*last = (struct chain){.id = id, .parts = &parts[i]};
		}
		last->n++;
		rc = copy_blob(c, st, 1, a, &parts[i], err);
	}
	if (rc == RC_OK && code != SQLITE_DONE)
		rc = err_sqlite(err, c->db, code == SQLITE_ROW ? SQLITE_CORRUPT : code, c->path);
	sqlite3_finalize(st);
	return rc;
}

/* CHAINS->at is the caller's to free. */
static enum rc read_chains(struct catalogue *c, struct arena *a, struct chains *chains,
			   struct err *err)
{
	int64_t count = 0;
	struct span *parts;
	enum rc rc = catalogue_int(c, "SELECT count(*) FROM user_chain_part", &count, err);

	if (rc != RC_OK)
		return rc;
	chains->at = calloc((size_t)count + 1, sizeof(*chains->at));
	parts = arena_calloc(a, (size_t)count + 1, sizeof(*parts));
	if (chains->at == NULL || parts == NULL)
		return no_memory(c, err);
	return read_parts(c, a, chains, parts, (size_t)count, err);
}

static int compare_chains(const void *a, const void *b)
{
	const struct chain *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

static enum rc find_chain(struct catalogue *c, sqlite3_stmt *st, int column,
			  const struct chains *chains, struct user_cert *u, struct err *err)
{
	struct chain wanted = {.id = sqlite3_column_int64(st, column)};
	const struct chain *found;

	if (sqlite3_column_type(st, column) == SQLITE_NULL)
		return RC_OK;
	found = bsearch(&wanted, chains->at, chains->n, sizeof(wanted), compare_chains);
	if (found == NULL || found->n > USER_CHAIN_MAX)
		return bad_row(c, u->account, "its chain is not what it was", err);
	u->chain = found->parts;
	u->n_chain = found->n;
	return RC_OK;
}

/* ---- reading: the certificates ---- */

#define USER_COLUMNS                                                                               \
	"account, fingerprint, der, chain, pinned, kind, bits, not_before, not_after, added"

static bool read_kind(const char *text, enum cert_kind *ret)
{
	for (size_t i = 0; text != NULL && i < COUNT_OF(kind_names); i++) {
		if (strcmp(text, kind_names[i]) == 0) {
			*ret = (enum cert_kind)i;
			return true;
		}
	}
	return false;
}

/* RFC 5280 4.1.2.5: the years 0 to 9999, so that nobody has to think of overflow. */
static bool is_date(int64_t when)
{
	return when >= -62167219200 && when <= 253402300799;
}

static enum rc read_times(struct catalogue *c, sqlite3_stmt *st, struct user_cert *u,
			  struct err *err)
{
	u->not_before = sqlite3_column_int64(st, 7);
	u->not_after = sqlite3_column_int64(st, 8);
	u->added = sqlite3_column_int64(st, 9);
	if (!is_date(u->not_before) || !is_date(u->not_after) || !is_date(u->added))
		return bad_row(c, u->account, "a time that is none", err);
	return RC_OK;
}

static enum rc read_user(struct catalogue *c, sqlite3_stmt *st, struct arena *a,
			 const struct chains *chains, struct user_cert *u, struct err *err)
{
	const char *account = catalogue_text(st, 0), *fingerprint = catalogue_text(st, 1);
	enum rc rc;

	if (account == NULL || strchr(account, '@') == NULL)
		return bad_row(c, account, "no account", err);
	if (!fingerprint_valid(fingerprint))
		return bad_row(c, account, "no fingerprint", err);
	if (!read_kind(catalogue_text(st, 5), &u->kind))
		return bad_row(c, account, "an unknown kind of key", err);
	u->account = arena_strdup(a, account);
	if (u->account == NULL)
		return no_memory(c, err);
	memcpy(u->fingerprint, fingerprint, sizeof(u->fingerprint));
	u->pinned = sqlite3_column_int(st, 4) != 0;
	u->bits = (unsigned)sqlite3_column_int64(st, 6);
	rc = read_times(c, st, u, err);
	if (rc == RC_OK)
		rc = copy_blob(c, st, 2, a, &u->der, err);
	return rc == RC_OK ? find_chain(c, st, 3, chains, u, err) : rc;
}

static enum rc read_rows(struct catalogue *c, struct user_cert_list *l, const struct chains *chains,
			 size_t count, struct err *err)
{
	static const char sql[] = "SELECT " USER_COLUMNS " FROM user_cert";
	sqlite3_stmt *st = NULL;
	enum rc rc = catalogue_prepare(c, sql, &st, err);
	int code = SQLITE_DONE;

	while (rc == RC_OK && (code = sqlite3_step(st)) == SQLITE_ROW && l->n < count) {
		rc = read_user(c, st, l->arena, chains, &l->at[l->n], err);
		l->n += rc == RC_OK;
	}
	if (rc == RC_OK && code != SQLITE_DONE)
		rc = err_sqlite(err, c->db, code == SQLITE_ROW ? SQLITE_CORRUPT : code, c->path);
	sqlite3_finalize(st);
	return rc;
}

static enum rc read_all(struct catalogue *c, struct user_cert_list *l, struct err *err)
{
	struct chains chains = {.at = NULL};
	int64_t count = 0;
	enum rc rc = catalogue_int(c, "SELECT count(*) FROM user_cert", &count, err);

	if (rc == RC_OK)
		rc = read_chains(c, l->arena, &chains, err);
	if (rc == RC_OK) {
		l->at = arena_calloc(l->arena, (size_t)count + 1, sizeof(*l->at));
		rc = l->at != NULL ? read_rows(c, l, &chains, (size_t)count, err)
				   : no_memory(c, err);
	}
	free(chains.at);
	if (rc == RC_OK)
		qsort(l->at, l->n, sizeof(*l->at), user_cert_compare);
	return rc;
}

enum rc catalogue_read_users(struct catalogue *c, struct user_cert_list *l, struct err *err)
{
	int64_t version = 0;
	enum rc rc = catalogue_int(c, "SELECT generation FROM meta", &l->generation, err);

	if (rc == RC_OK)
		rc = catalogue_int(c, "PRAGMA user_version", &version, err);
	if (rc != RC_OK || version < USERS_SINCE)
		return rc;
	return read_all(c, l, err);
}

/* ---- add ---- */

static bool der_fits(struct span der)
{
	return der.p != NULL && der.len > 0 && der.len <= USER_DER_MAX;
}

static enum rc check_user(const struct user_cert *u, struct err *err)
{
	const char *at = u->account != NULL ? strrchr(u->account, '@') : NULL;

	if (at == NULL || at == u->account || at[1] == '\0')
		return err_set(err, RC_INPUT, "a certificate needs an account (local@domain)");
	for (const char *p = at; *p != '\0'; p++)
		if (*p != ascii_lower(*p))
			return err_set(err, RC_INPUT, "%s: its domain is not in lower case",
				       u->account);
	if (!fingerprint_valid(u->fingerprint) || !der_fits(u->der) ||
	    (u->kind != CERT_RSA && u->kind != CERT_EC))
		return err_set(err, RC_INPUT, "%s: no certificate that could be used", u->account);
	if (u->n_chain > USER_CHAIN_MAX)
		return err_set(err, RC_INPUT, "%s: more than %d certificates came along",
			       u->account, USER_CHAIN_MAX);
	for (size_t i = 0; i < u->n_chain; i++)
		if (!der_fits(u->chain[i]))
			return err_set(err, RC_INPUT,
				       "%s: what came along is empty, or over %d bytes", u->account,
				       USER_DER_MAX);
	return RC_OK;
}

/* DER says itself where it ends, so the parts one after another are told apart. */
static enum rc chain_digest(const struct user_cert *u, char ret[SHA256_HEX_SIZE], struct err *err)
{
	uint8_t digest[SHA256_LEN];
	struct sha256 *md = NULL;
	enum rc rc = sha256_new(&md, err);

	for (size_t i = 0; rc == RC_OK && i < u->n_chain; i++)
		rc = sha256_update(md, u->chain[i], err);
	if (rc == RC_OK)
		rc = sha256_finish(md, digest, err);
	if (rc == RC_OK)
		sha256_hex(digest, ret);
	sha256_free(md);
	return rc;
}

/* *RET is untouched where no chain has that digest. */
static enum rc find_stored_chain(struct catalogue *c, const char *digest, int64_t *ret,
				 struct err *err)
{
	sqlite3_stmt *st = NULL;
	enum rc rc = catalogue_prepare(c, "SELECT id FROM user_chain WHERE digest = ?1", &st, err);
	int code;

	if (rc != RC_OK)
		return rc;
	catalogue_bind(st, 1, digest);
	code = sqlite3_step(st);
	if (code == SQLITE_ROW)
		*ret = sqlite3_column_int64(st, 0);
	else if (code != SQLITE_DONE)
		rc = err_sqlite(err, c->db, code, c->path);
	sqlite3_finalize(st);
	return rc;
}

static enum rc insert_chain(struct catalogue *c, const char *digest, int64_t *ret, struct err *err)
{
	sqlite3_stmt *st = NULL;
	enum rc rc = catalogue_prepare(c, "INSERT INTO user_chain (digest) VALUES (?1)", &st, err);

	if (rc != RC_OK)
		return rc;
	catalogue_bind(st, 1, digest);
	rc = catalogue_run(c, st, err);
	if (rc == RC_OK)
		*ret = sqlite3_last_insert_rowid(c->db);
	return rc;
}

static void bind_span(sqlite3_stmt *st, int at, struct span s)
{
	sqlite3_bind_blob64(st, at, s.p, s.len, SQLITE_STATIC);
}

static enum rc insert_part(struct catalogue *c, int64_t chain, size_t place, struct span der,
			   struct err *err)
{
	static const char sql[] = "INSERT INTO user_chain_part VALUES (?1, ?2, ?3)";
	sqlite3_stmt *st = NULL;
	enum rc rc = catalogue_prepare(c, sql, &st, err);

	if (rc != RC_OK)
		return rc;
	sqlite3_bind_int64(st, 1, chain);
	sqlite3_bind_int64(st, 2, (int64_t)place);
	bind_span(st, 3, der);
	return catalogue_run(c, st, err);
}

/* The id of the chain that came with U, 0 where nothing did. */
static enum rc keep_chain(struct catalogue *c, const struct user_cert *u, int64_t *ret,
			  struct err *err)
{
	char digest[SHA256_HEX_SIZE];
	enum rc rc;

	*ret = 0;
	if (u->n_chain == 0)
		return RC_OK;
	rc = chain_digest(u, digest, err);
	if (rc == RC_OK)
		rc = find_stored_chain(c, digest, ret, err);
	if (rc != RC_OK || *ret != 0)
		return rc;
	rc = insert_chain(c, digest, ret, err);
	for (size_t i = 0; rc == RC_OK && i < u->n_chain; i++)
		rc = insert_part(c, *ret, i, u->chain[i], err);
	return rc;
}

static enum rc insert_user(struct catalogue *c, const struct user_cert *u, int64_t chain,
			   struct err *err)
{
	static const char sql[] = "INSERT INTO user_cert (" USER_COLUMNS ") "
				  "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
	sqlite3_stmt *st = NULL;
	enum rc rc = catalogue_prepare(c, sql, &st, err);

	if (rc != RC_OK)
		return rc;
	catalogue_bind(st, 1, u->account);
	catalogue_bind(st, 2, u->fingerprint);
	bind_span(st, 3, u->der);
	if (chain != 0)
		sqlite3_bind_int64(st, 4, chain);
	sqlite3_bind_int(st, 5, u->pinned);
	catalogue_bind(st, 6, kind_names[u->kind]);
	sqlite3_bind_int64(st, 7, u->bits);
	sqlite3_bind_int64(st, 8, u->not_before);
	sqlite3_bind_int64(st, 9, u->not_after);
	sqlite3_bind_int64(st, 10, u->added);
	rc = catalogue_run(c, st, err);
	if (rc == RC_EXISTS)
		return err_set(err, rc, "%s has the certificate %s already", u->account,
			       u->fingerprint);
	return rc;
}

static enum rc audit(struct catalogue *c, const char *what, const char *account,
		     const char *fingerprint, struct err *err)
{
	return catalogue_audit(c, what, strrchr(account, '@') + 1, account, fingerprint, err);
}

enum rc catalogue_user_cert_add(struct directory *d, const struct user_cert *u, struct err *err)
{
	struct catalogue *c = (struct catalogue *)d;
	int64_t chain = 0;
	enum rc rc = check_user(u, err);

	if (rc == RC_OK)
		rc = catalogue_begin(c, err);
	if (rc != RC_OK)
		return rc;
	rc = keep_chain(c, u, &chain, err);
	if (rc == RC_OK)
		rc = insert_user(c, u, chain, err);
	if (rc == RC_OK)
		rc = audit(c, "user cert add", u->account, u->fingerprint, err);
	return catalogue_end(c, rc, err);
}

/* ---- remove ---- */

static enum rc delete_user(struct catalogue *c, const char *account, const char *fingerprint,
			   struct err *err)
{
	static const char sql[] = "DELETE FROM user_cert WHERE account = ?1 AND fingerprint = ?2";
	sqlite3_stmt *st = NULL;
	enum rc rc = catalogue_prepare(c, sql, &st, err);

	if (rc != RC_OK)
		return rc;
	catalogue_bind(st, 1, account);
	catalogue_bind(st, 2, fingerprint);
	rc = catalogue_run(c, st, err);
	if (rc == RC_OK && sqlite3_changes(c->db) == 0)
		return err_set(err, RC_NOTFOUND, "%s has no certificate %s", account, fingerprint);
	return rc;
}

enum rc catalogue_user_cert_remove(struct directory *d, const char *account,
				   const char *fingerprint, struct err *err)
{
	struct catalogue *c = (struct catalogue *)d;
	enum rc rc;

	if (strchr(account, '@') == NULL)
		return err_set(err, RC_INPUT, "'%s' is no account (local@domain)", account);
	rc = catalogue_begin(c, err);
	if (rc != RC_OK)
		return rc;
	rc = delete_user(c, account, fingerprint, err);
	if (rc == RC_OK)
		rc = audit(c, "user cert remove", account, fingerprint, err);
	return catalogue_end(c, rc, err);
}
