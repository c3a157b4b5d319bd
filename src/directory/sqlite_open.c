/* The catalogue in an SQLite file: finding, making and opening it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "directory/sqlite_db.h"

char *state_path(const char *state_dir, const char *file)
{
	char *path;

	return asprintf(&path, "%s/%s", state_dir, file) < 0 ? NULL : path;
}

static void close_db(struct catalogue *c)
{
	sqlite3_close(c->db); /* no statement outlives its call */
	c->db = c->image.db = NULL;
}

static void catalogue_close(struct directory *d)
{
	struct catalogue *c = (struct catalogue *)d;

	close_db(c);
	free(c->path);
	free(c);
}

const struct directory_ops catalogue_ops = {
	.generation = catalogue_generation,
	.load = catalogue_load,
	.users_load = catalogue_users_load,
	.load_all = catalogue_load_all,
	.selector_add = catalogue_selector_add,
	.selector_activate = catalogue_selector_activate,
	.selector_set_state = catalogue_selector_set_state,
	.selector_remove = catalogue_selector_remove,
	.selector_name_used = catalogue_name_used,
	.key_revoked = catalogue_key_revoked,
	.user_cert_add = catalogue_user_cert_add,
	.user_cert_remove = catalogue_user_cert_remove,
	.backup = catalogue_backup,
	.restore = catalogue_restore,
	.check = catalogue_check,
	.close = catalogue_close,
};

/* What stands at the path, before SQLite is asked: its own texts name neither file nor remedy. The file is not
 * opened for it: closing that descriptor would drop the locks of every other handle of this process. */
static enum rc look_at_file(struct catalogue *c, struct stat *st, struct err *err)
{
	int how = c->mode == DIRECTORY_READ ? R_OK : R_OK | W_OK;

	if (stat(c->path, st) != 0) {
		if (errno == ENOENT)
			return err_set(err, RC_NOTFOUND,
				       "%s: no catalogue yet; 'mailseal setup DOMAIN' or 'mailseal "
				       "selector add DOMAIN' makes it",
				       c->path);
		return err_sys(err, errno == EACCES ? RC_PERM : RC_IO, errno, "%s", c->path);
	}
	if (!S_ISREG(st->st_mode))
		return err_set(err, RC_CONF, "%s: %s, not a catalogue; move it away", c->path,
			       S_ISDIR(st->st_mode) ? "a directory" : "not a regular file");
	if (st->st_size == 0)
		return err_set(err, RC_CONF,
			       "%s: empty, so the catalogue is lost; bring it back with 'mailseal "
			       "restore FILE --force', or remove the file to begin anew",
			       c->path);
	if (faccessat(AT_FDCWD, c->path, how, AT_EACCESS) != 0)
		return err_sys(
			err, RC_PERM, errno,
			"%s: uid %u cannot %s it (owner %u, mode %04o); it must belong to the "
			"user that 'user' names in the configuration",
			c->path, (unsigned)geteuid(), how == R_OK ? "read" : "write",
			(unsigned)st->st_uid, (unsigned)st->st_mode & 07777);
	return RC_OK;
}

static enum rc configure_db(struct catalogue *c, struct err *err)
{
	static const char reader[] = "PRAGMA query_only = ON; PRAGMA trusted_schema = OFF";
	/* A selector whose record was printed must still be there after a power cut: FULL. */
	static const char writer[] = "PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; "
				     "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL";

	sqlite3_busy_timeout(c->db, c->busy_ms);
	sqlite3_db_config(c->db, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)NULL);
	return catalogue_exec(c, c->mode == DIRECTORY_READ ? reader : writer, err);
}

/* A reader takes an older catalogue as it is: nothing brings it up before the tool changes something. */
static enum rc upgrade_or_refuse(struct catalogue *c, struct err *err)
{
	int newest = schema_steps[schema_n_steps - 1].version;
	int version = 0;
	enum rc rc = schema_version(c->db, c->path, schema_steps, schema_n_steps, &version, err);

	if (rc != RC_OK || version == newest)
		return rc;
	if (version == 0)
		return err_set(err, RC_CONF,
			       "%s: holds no catalogue; 'mailseal setup DOMAIN' or 'mailseal "
			       "selector add DOMAIN' brings it up",
			       c->path);
	if (c->mode == DIRECTORY_READ)
		return RC_OK;
	return schema_upgrade(c->db, c->path, schema_steps, schema_n_steps, err);
}

static enum rc open_db(struct catalogue *c, struct err *err)
{
	int flags = c->mode == DIRECTORY_READ ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
	struct stat st;
	enum rc rc = look_at_file(c, &st, err);
	int code;

	if (rc != RC_OK)
		return rc;
	c->device = st.st_dev;
	c->inode = st.st_ino;
	code = sqlite3_open_v2(c->path, &c->db, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
			       NULL);
	rc = code == SQLITE_OK ? configure_db(c, err) : err_sqlite(err, c->db, code, c->path);
	if (rc == RC_OK)
		rc = upgrade_or_refuse(c, err);
	if (rc != RC_OK)
		close_db(c);
	return rc;
}

enum rc catalogue_reopen_if_replaced(struct catalogue *c, struct err *err)
{
	struct stat st;

	if (c->image.db != NULL)
		return RC_OK;
	if (c->db != NULL && stat(c->path, &st) == 0 && st.st_dev == c->device &&
	    st.st_ino == c->inode)
		return RC_OK;
	close_db(c);
	return open_db(c, err);
}

/* PATH, empty and 0600, for SQLite to fill: it would choose the mode by the umask. */
static enum rc make_file(const char *path, struct err *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	int saved = errno;

	if (fd >= 0) {
		close(fd);
		return RC_OK;
	}
	if (saved == EEXIST)
		return err_set(err, RC_EXISTS, "%s: is there already", path);
	if (saved == ENOENT)
		return err_sys(err, RC_NOTFOUND, saved, "%s", path);
	return err_sys(err, saved == EACCES || saved == EPERM || saved == EROFS ? RC_PERM : RC_IO,
		       saved, "%s", path);
}

/* Fill PATH, an empty file, with a new catalogue. */
static enum rc fill_new(const char *path, struct err *err)
{
	sqlite3 *db = NULL;
	int code = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	enum rc rc;

	rc = code == SQLITE_OK ? schema_upgrade(db, path, schema_steps, schema_n_steps, err)
			       : err_sqlite(err, db, code, path);
	if (rc == RC_OK) {
		code = sqlite3_exec(db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);
		if (code != SQLITE_OK)
			rc = err_sqlite(err, db, code, path);
	}
	code = sqlite3_close(db);
	if (rc == RC_OK && code != SQLITE_OK)
		rc = err_set(err, RC_IO, "%s: %s", path, sqlite3_errstr(code));
	return rc;
}

/* Made beside and linked into place: nobody ever sees half a catalogue, so an empty file there is damage. */
static enum rc create_file(const char *state_dir, const char *path, struct err *err)
{
	char *beside = NULL;
	enum rc rc = file_mkdirs(state_dir, 0700, err);

	if (rc != RC_OK)
		return rc;
	if (asprintf(&beside, "%s.new.%ld", path, (long)getpid()) < 0)
		return err_set(err, RC_NOMEM, "%s: out of memory", path);
	unlink(beside);
	rc = make_file(beside, err);
	if (rc == RC_OK)
		rc = fill_new(beside, err);
	/* EEXIST: another process made it meanwhile, which is as good. */
	if (rc == RC_OK && link(beside, path) != 0 && errno != EEXIST)
		rc = err_sys(err, RC_IO, errno, "%s", path);
	unlink(beside);
	free(beside);
	return rc == RC_OK ? file_sync_parent(path, err) : rc;
}

enum rc sqlite_open(const char *state_dir, enum directory_mode mode, int busy_ms,
		    struct directory **ret, struct err *err)
{
	struct catalogue *c = calloc(1, sizeof(*c));
	struct stat st;
	enum rc rc = RC_OK;

	if (c != NULL)
		c->path = state_path(state_dir, CATALOGUE_FILE);
	if (c == NULL || c->path == NULL) {
		free(c);
		return err_set(err, RC_NOMEM, "catalogue: out of memory");
	}
	c->base.ops = &catalogue_ops;
	c->mode = mode;
	c->busy_ms = busy_ms;
	if (mode == DIRECTORY_CREATE && lstat(c->path, &st) != 0 && errno == ENOENT)
		rc = create_file(state_dir, c->path, err);
	if (rc == RC_OK)
		rc = open_db(c, err);
	if (rc == RC_OK)
		*ret = &c->base;
	else
		catalogue_close(&c->base);
	return rc;
}
