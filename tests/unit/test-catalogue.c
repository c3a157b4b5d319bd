/* The file of the catalogue: what is in its place, in what state, and the steps of its schema. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "directory/sqlite.h"
#include "test.h"

/* A state directory with an empty catalogue; its path. */
static const char *make_state(const char *name)
{
	struct err err = ERR_INIT;
	struct directory *d = NULL;

	ASSERT_OK(directory_open(test_path(name), DIRECTORY_CREATE, &d, &err), &err);
	directory_close(d);
	return test_path(name);
}

static const char *catalogue_of(const char *name)
{
	static char path[600];

	snprintf(path, sizeof(path), "%s/" CATALOGUE_FILE, test_path(name));
	return path;
}

static void put_file(const char *path, const void *bytes, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	CU_ASSERT_TRUE_FATAL(fd >= 0);
	CU_ASSERT_EQUAL(write(fd, bytes, len), (ssize_t)len);
	close(fd);
}

static void run_sql(const char *path, const char *sql)
{
	char *why = NULL;
	sqlite3 *db;

	CU_ASSERT_EQUAL_FATAL(sqlite3_open(path, &db), SQLITE_OK);
	sqlite3_db_config(db, SQLITE_DBCONFIG_WRITABLE_SCHEMA, 1, (int *)NULL);
	CU_ASSERT_EQUAL(sqlite3_exec(db, sql, NULL, NULL, &why), SQLITE_OK);
	if (why != NULL)
		fprintf(stderr, "%s\n", why);
	sqlite3_free(why);
	sqlite3_close(db);
}

static enum rc open_state(const char *name, enum directory_mode mode, struct err *err)
{
	struct directory *d = NULL;
	enum rc rc = sqlite_open(test_path(name), mode, 20, &d, err);

	if (rc == RC_OK) {
		struct selector_list *l = NULL;

		rc = d->ops->load(d, &l, err);
		selector_list_free(l);
	} else {
		CU_ASSERT_PTR_NULL(d);
	}
	directory_close(d);
	return rc;
}

/* Every mode says the same. */
static void assert_refused(const char *name, enum rc want, const char *words)
{
	for (int mode = DIRECTORY_READ; mode <= DIRECTORY_CREATE; mode++) {
		struct err err = ERR_INIT;

		ASSERT_FAILS(open_state(name, (enum directory_mode)mode, &err), want, &err, words);
		CU_ASSERT_PTR_NOT_NULL(strstr(err.text, catalogue_of(name)));
	}
}

static void test_created(void)
{
	struct err err = ERR_INIT;
	struct stat st;
	mode_t old = umask(0);

	ASSERT_FAILS(open_state("new", DIRECTORY_READ, &err), RC_NOTFOUND, &err,
		     "no catalogue yet");
	ASSERT_FAILS(open_state("new", DIRECTORY_WRITE, &err), RC_NOTFOUND, &err, "selector add");
	CU_ASSERT_NOT_EQUAL(stat(test_path("new"), &st), 0);
	ASSERT_OK(open_state("new", DIRECTORY_CREATE, &err), &err);
	CU_ASSERT_EQUAL(stat(test_path("new"), &st), 0);
	CU_ASSERT_EQUAL(st.st_mode & 07777, 0700);
	CU_ASSERT_EQUAL(stat(catalogue_of("new"), &st), 0);
	CU_ASSERT_EQUAL(st.st_mode & 07777, 0600);
	ASSERT_OK(open_state("new", DIRECTORY_CREATE, &err), &err);
	ASSERT_OK(open_state("new", DIRECTORY_WRITE, &err), &err);
	ASSERT_OK(open_state("new", DIRECTORY_READ, &err), &err);
	umask(old);
}

/* WAL's own files come and go with the writers. */
static void test_reader_needs_no_wal(void)
{
	struct err err = ERR_INIT;
	struct directory *d = NULL;
	char wal[700];

	make_state("wal");
	snprintf(wal, sizeof(wal), "%s-wal", catalogue_of("wal"));
	CU_ASSERT_EQUAL(access(wal, F_OK), -1);
	ASSERT_OK(directory_open(test_path("wal"), DIRECTORY_READ, &d, &err), &err);
	ASSERT_OK(open_state("wal", DIRECTORY_WRITE, &err), &err);
	ASSERT_OK(d->ops->check(d, &err), &err);
	directory_close(d);
}

static void test_what_is_in_its_place(void)
{
	char text[5000];

	memset(text, 'x', sizeof(text));
	CU_ASSERT_EQUAL(mkdir(test_path("place"), 0700), 0);
	put_file(catalogue_of("place"), "", 0);
	ROW("empty");
	assert_refused("place", RC_CONF, "empty, so the catalogue is lost");
	put_file(catalogue_of("place"), text, 10);
	ROW("a short text");
	assert_refused("place", RC_CONF, "damaged");
	put_file(catalogue_of("place"), text, sizeof(text));
	ROW("a long text");
	assert_refused("place", RC_CONF, "damaged");
	CU_ASSERT_EQUAL(unlink(catalogue_of("place")), 0);
	run_sql(catalogue_of("place"), "CREATE TABLE bookmarks (url)");
	ROW("another database");
	assert_refused("place", RC_CONF, "not a catalogue of mailseal");
	run_sql(catalogue_of("place"), "DROP TABLE bookmarks; VACUUM");
	ROW("a database without any table");
	assert_refused("place", RC_CONF, "holds no catalogue");
	CU_ASSERT_EQUAL(unlink(catalogue_of("place")), 0);
	CU_ASSERT_EQUAL(mkdir(catalogue_of("place"), 0700), 0);
	ROW("a directory");
	assert_refused("place", RC_CONF, "a directory");
	CU_ASSERT_EQUAL(rmdir(catalogue_of("place")), 0);
	CU_ASSERT_EQUAL(mkfifo(catalogue_of("place"), 0600), 0);
	ROW("a pipe");
	assert_refused("place", RC_CONF, "not a regular file");
	ROW("");
}

static void test_newer_schema(void)
{
	make_state("newer");
	run_sql(catalogue_of("newer"), "PRAGMA user_version = 7");
	assert_refused("newer", RC_CONF, "schema 7, this program knows up to 2");
}

static void test_damage_inside(void)
{
	static const char add[] = "INSERT INTO selector_name VALUES ('a.example', 's', 1);"
				  "INSERT INTO selector (domain, name, alg, state, fingerprint, "
				  "public, bits, created)"
				  " VALUES ('a.example', 's', 'rsa-sha256', 'active', "
				  "lower(hex(zeroblob(32))), 'x', 1, 1)";
	static const struct {
		const char *label, *sql, *words;
	} rows[] = {
		{"algorithm", "UPDATE selector SET alg = 'rsa-md5'", "an unknown algorithm"},
		{"fingerprint",
		 "UPDATE selector SET fingerprint = upper(hex('/etc/shadow')) || "
		 "hex(zeroblob(21))",
		 "no fingerprint"},
		{"a NUL in a name",
		 "PRAGMA foreign_keys = OFF; UPDATE selector SET name = 's' || "
		 "char(0) || 't'",
		 "an empty name"},
		{"an empty domain", "UPDATE selector SET domain = ''", "an empty name"},
		{"state",
		 "PRAGMA ignore_check_constraints = ON; UPDATE selector SET state = 'dead'",
		 "an unknown state"},
		{"no generation", "DELETE FROM meta", "a row is missing"},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		ROW(rows[i].label);
		make_state("inside");
		run_sql(catalogue_of("inside"), add);
		run_sql(catalogue_of("inside"), rows[i].sql);
		assert_refused("inside", RC_CONF, rows[i].words);
		CU_ASSERT_EQUAL(unlink(catalogue_of("inside")), 0);
	}
	ROW("");
}

/* Pages overwritten one after the other: a clear text or right data, never a crash. */
static void test_damaged_pages(void)
{
	struct directory *d = NULL;
	struct err err = ERR_INIT;
	unsigned refused = 0;
	char page[4096];
	struct stat st;

	memset(page, 0xa5, sizeof(page));
	make_state("pages");
	CU_ASSERT_EQUAL_FATAL(stat(catalogue_of("pages"), &st), 0);
	for (off_t at = 0; at < st.st_size; at += (off_t)sizeof(page)) {
		int fd;

		unlink(catalogue_of("pages"));
		make_state("pages");
		fd = open(catalogue_of("pages"), O_WRONLY | O_CLOEXEC);
		CU_ASSERT_EQUAL(pwrite(fd, page, sizeof(page), at), (ssize_t)sizeof(page));
		close(fd);
		if (sqlite_open(test_path("pages"), DIRECTORY_READ, 20, &d, &err) == RC_OK) {
			refused += d->ops->check(d, &err) == RC_CONF;
			d = directory_close(d);
		} else {
			refused += err.rc == RC_CONF;
		}
	}
	CU_ASSERT_EQUAL(refused, st.st_size / (off_t)sizeof(page));
}

static void test_locked(void)
{
	struct err err = ERR_INIT;
	struct directory *d = NULL;
	struct selector s = {.domain = "a.example", .name = "s", .public_base64 = "x"};
	sqlite3 *db;

	memset(s.fingerprint, 'a', sizeof(s.fingerprint) - 1);
	make_state("locked");
	CU_ASSERT_EQUAL_FATAL(sqlite3_open(catalogue_of("locked"), &db), SQLITE_OK);
	CU_ASSERT_EQUAL(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	ASSERT_OK(open_state("locked", DIRECTORY_READ, &err), &err);
	ASSERT_OK(sqlite_open(test_path("locked"), DIRECTORY_WRITE, 20, &d, &err), &err);
	ASSERT_FAILS(d->ops->selector_add(d, &s, &err), RC_UNAVAIL, &err, "locked by another");
	CU_ASSERT_EQUAL(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	ASSERT_OK(d->ops->selector_add(d, &s, &err), &err);
	directory_close(d);
	sqlite3_close(db);
	CU_ASSERT_EQUAL_FATAL(sqlite3_open(catalogue_of("locked"), &db), SQLITE_OK);
	CU_ASSERT_EQUAL(sqlite3_exec(db, "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE", NULL,
				     NULL, NULL),
			SQLITE_OK);
	ASSERT_FAILS(open_state("locked", DIRECTORY_READ, &err), RC_UNAVAIL, &err, "locked by");
	sqlite3_close(db);
	ASSERT_OK(open_state("locked", DIRECTORY_READ, &err), &err);
}

/* What a user who is not root sees; root itself may do anything. */
static enum rc as_user(const char *name, enum directory_mode mode, struct err *err)
{
	int p[2], status;
	pid_t child;

	CU_ASSERT_EQUAL_FATAL(pipe(p), 0);
	child = fork();
	CU_ASSERT_TRUE_FATAL(child >= 0);
	if (child == 0) {
		struct err own = ERR_INIT;

		if (geteuid() == 0 &&
		    (setgroups(0, NULL) != 0 || setgid(65534) != 0 || setuid(65534) != 0))
			_exit(99);
		open_state(name, mode, &own);
		_exit(write(p[1], &own, sizeof(own)) == (ssize_t)sizeof(own) ? 0 : 99);
	}
	close(p[1]);
	CU_ASSERT_EQUAL(read(p[0], err, sizeof(*err)), (ssize_t)sizeof(*err));
	close(p[0]);
	CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
	CU_ASSERT_EQUAL(status, 0);
	return err->rc;
}

static void test_permissions(void)
{
	struct err err = ERR_INIT;

	CU_ASSERT_EQUAL(chmod(test_dir(), 0711), 0);
	make_state("rights");
	ROW("unreadable file");
	CU_ASSERT_EQUAL(chmod(test_path("rights"), 0755), 0);
	CU_ASSERT_EQUAL(chmod(catalogue_of("rights"), 0000), 0);
	ASSERT_FAILS(as_user("rights", DIRECTORY_READ, &err), RC_PERM, &err, "cannot read it");
	ROW("file that cannot be written");
	CU_ASSERT_EQUAL(chmod(catalogue_of("rights"), 0444), 0);
	ASSERT_FAILS(as_user("rights", DIRECTORY_WRITE, &err), RC_PERM, &err, "cannot write it");
	ROW("directory that cannot be written");
	CU_ASSERT_EQUAL(chmod(test_path("rights"), 0555), 0);
	ASSERT_FAILS(as_user("rights", DIRECTORY_READ, &err), RC_PERM, &err, "-shm");
	ROW("directory that cannot be searched");
	CU_ASSERT_EQUAL(chmod(test_path("rights"), 0000), 0);
	ASSERT_FAILS(as_user("rights", DIRECTORY_READ, &err), RC_PERM, &err, CATALOGUE_FILE);
	ASSERT_FAILS(as_user("rights", DIRECTORY_CREATE, &err), RC_PERM, &err, CATALOGUE_FILE);
	CU_ASSERT_EQUAL(chmod(test_path("rights"), 0700), 0);
	ROW("");
}

/* ---- the steps of the schema ---- */

static int read_value(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *st = NULL;
	int value = -1;

	if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) == SQLITE_OK &&
	    sqlite3_step(st) == SQLITE_ROW)
		value = sqlite3_column_int(st, 0);
	sqlite3_finalize(st);
	return value;
}

static void test_steps_in_order(void)
{
	static const struct schema_step steps[] = {
		{1, "CREATE TABLE t (a); INSERT INTO t VALUES (1)"},
		{2, "ALTER TABLE t ADD COLUMN b DEFAULT 20"},
		{3, "UPDATE t SET b = b + 1"},
	};
	struct err err = ERR_INIT;
	int version = -1;
	sqlite3 *db;

	CU_ASSERT_EQUAL_FATAL(sqlite3_open(":memory:", &db), SQLITE_OK);
	ASSERT_OK(schema_version(db, "db", steps, 3, &version, &err), &err);
	CU_ASSERT_EQUAL(version, 0);
	ASSERT_OK(schema_upgrade(db, "db", steps, 1, &err), &err);
	CU_ASSERT_EQUAL(read_value(db, "PRAGMA user_version"), 1);
	/* An old one, with content, comes up; a second time changes nothing. */
	ASSERT_OK(schema_upgrade(db, "db", steps, 3, &err), &err);
	CU_ASSERT_EQUAL(read_value(db, "SELECT b FROM t"), 21);
	ASSERT_OK(schema_upgrade(db, "db", steps, 3, &err), &err);
	CU_ASSERT_EQUAL(read_value(db, "SELECT b FROM t"), 21);
	ASSERT_OK(schema_version(db, "db", steps, 3, &version, &err), &err);
	CU_ASSERT_EQUAL(version, 3);
	ASSERT_FAILS(schema_version(db, "db", steps, 2, &version, &err), RC_CONF, &err, "newer");
	ASSERT_FAILS(schema_upgrade(db, "db", steps, 2, &err), RC_CONF, &err, "newer");
	sqlite3_close(db);
}

static void test_a_step_that_fails_leaves_the_old(void)
{
	static const struct schema_step steps[] = {
		{1, "CREATE TABLE t (a); INSERT INTO t VALUES (1)"},
		{2, "UPDATE t SET a = 2"},
		{3, "UPDATE t SET a = 3; INSERT INTO nowhere VALUES (1)"},
	};
	struct err err = ERR_INIT;
	sqlite3 *db;

	CU_ASSERT_EQUAL_FATAL(sqlite3_open(":memory:", &db), SQLITE_OK);
	ASSERT_OK(schema_upgrade(db, "db", steps, 1, &err), &err);
	ASSERT_FAILS(schema_upgrade(db, "db", steps, 3, &err), RC_IO, &err, "schema 3");
	CU_ASSERT_EQUAL(read_value(db, "PRAGMA user_version"), 1);
	CU_ASSERT_EQUAL(read_value(db, "SELECT a FROM t"), 1);
	CU_ASSERT_TRUE(sqlite3_get_autocommit(db));
	sqlite3_close(db);
}

int main(void)
{
	static const struct test tests[] = {
		{"made when asked to", test_created},
		{"a reader needs no -wal", test_reader_needs_no_wal},
		{"what is in its place", test_what_is_in_its_place},
		{"a newer schema", test_newer_schema},
		{"damage inside", test_damage_inside},
		{"damaged pages", test_damaged_pages},
		{"locked", test_locked},
		{"permissions", test_permissions},
		{"steps in order", test_steps_in_order},
		{"a step that fails leaves the old", test_a_step_that_fails_leaves_the_old},
	};

	return test_main("catalogue", tests, COUNT_OF(tests));
}
