/* directory/sqlite_db.h - the inside of the catalogue, shared by the sqlite_*.c files only. */
#ifndef DIRECTORY_SQLITE_DB_H
#define DIRECTORY_SQLITE_DB_H

#include <stdint.h>
#include <sys/types.h>

#include "directory/sqlite.h"
#include "directory/sqlite_image.h"

struct catalogue {
	struct directory base;
	sqlite3 *db; /* NULL after the file was replaced by one that cannot be opened */
	char *path;
	enum directory_mode mode;
	int busy_ms;
	dev_t device; /* of the file that is open: a restore puts another in its place */
	ino_t inode;
	struct image
		image; /* of directory_open_copy(): its db is ours, and path a name for people */
};

MUST_CHECK enum rc catalogue_prepare(struct catalogue *c, const char *sql, sqlite3_stmt **ret,
				     struct err *err);
MUST_CHECK enum rc catalogue_exec(struct catalogue *c, const char *sql, struct err *err);
/* The first column of the one row that SQL gives. */
MUST_CHECK enum rc catalogue_int(struct catalogue *c, const char *sql, int64_t *ret,
				 struct err *err);
/* An open handle goes on with the file that stands at its path now. */
MUST_CHECK enum rc catalogue_reopen_if_replaced(struct catalogue *c, struct err *err);

/* Something in it is not as we make it: RC_CONF and the remedy; RC_INPUT for a copy, which comes from outside. */
enum rc catalogue_damaged(const struct catalogue *c, struct err *err, const char *fmt, ...)
	PRINTF_LIKE(3, 4);

/* A column as a C string; NULL when it is NULL, or holds a NUL. */
const char *catalogue_text(sqlite3_stmt *st, int column);

/* A bound for a catalogue that is damaged, or not ours; 100,000 selectors take some 60 MB, certificates 150 MB. */
#define CATALOGUE_LIST_MAX ((size_t)1 << 30)

/* Inside a transaction: what the catalogue holds of users. L->arena is there. */
MUST_CHECK enum rc catalogue_read_users(struct catalogue *c, struct user_cert_list *l,
					struct err *err);

/* What changes the catalogue is one transaction: begin, statements, end. */
MUST_CHECK enum rc catalogue_begin(struct catalogue *c, struct err *err);
/* COMMIT where RC is RC_OK, else ROLLBACK; the final RC. */
MUST_CHECK enum rc catalogue_end(struct catalogue *c, enum rc rc, struct err *err);
/* One step of a statement that gives no row; ST is gone after it. */
MUST_CHECK enum rc catalogue_run(struct catalogue *c, sqlite3_stmt *st, struct err *err);
/* TEXT must live until the statement has run. */
void catalogue_bind(sqlite3_stmt *st, int at, const char *text);
MUST_CHECK enum rc catalogue_audit(struct catalogue *c, const char *what, const char *domain,
				   const char *name, const char *fingerprint, struct err *err);

extern const struct directory_ops catalogue_ops;
/* The calls of struct directory_ops. */
enum rc catalogue_generation(struct directory *d, int64_t *ret, struct err *err);
enum rc catalogue_load(struct directory *d, struct selector_list **ret, struct err *err);
enum rc catalogue_users_load(struct directory *d, struct user_cert_list **ret, struct err *err);
enum rc catalogue_load_all(struct directory *d, struct selector_list **ret_selectors,
			   struct user_cert_list **ret_users, struct err *err);
enum rc catalogue_name_used(struct directory *d, const char *domain, const char *name, bool *ret,
			    struct err *err);
enum rc catalogue_key_revoked(struct directory *d, const char *fingerprint, bool *ret,
			      struct err *err);
enum rc catalogue_backup(struct directory *d, directory_take *take, void *ctx, struct err *err);
enum rc catalogue_restore(struct directory *d, struct span copy, struct err *err);
enum rc catalogue_check(struct directory *d, struct err *err);
enum rc catalogue_selector_add(struct directory *d, const struct selector *s, struct err *err);
enum rc catalogue_selector_activate(struct directory *d, const struct selector *s,
				    int64_t not_before, int64_t now, struct err *err);
enum rc catalogue_selector_set_state(struct directory *d, const struct selector *s,
				     enum sel_state state, int64_t now, struct err *err);
enum rc catalogue_selector_remove(struct directory *d, const struct selector *s, struct err *err);
enum rc catalogue_user_cert_add(struct directory *d, const struct user_cert *u, struct err *err);
enum rc catalogue_user_cert_remove(struct directory *d, const char *account,
				   const char *fingerprint, struct err *err);

#endif
