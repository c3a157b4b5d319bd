/* Copies of the catalogue: of one moment, read with suspicion, put back in one piece. */
#include "directory/directory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "directory/sqlite.h"
#include "directory/sqlite_image.h"
#include "test.h"

#define FP "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

enum { PAGE = 4096 };

static const int64_t NOW = 1795521600;

static struct directory *open_dir(const char *name, enum directory_mode mode)
{
	struct err err = ERR_INIT;
	struct directory *d = NULL;

	ASSERT_OK(directory_open(test_path(name), mode, &d, &err), &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(d);
	return d;
}

static void add(struct directory *d, const char *name)
{
	struct err err = ERR_INIT;
	struct selector s = {.domain = "a.example",
			     .name = name,
			     .alg = DKIM_RSA_SHA256,
			     .state = SEL_STANDBY,
			     .fingerprint = FP,
			     .public_base64 = "MIIB",
			     .bits = 2048,
			     .created = NOW};

	ASSERT_OK(d->ops->selector_add(d, &s, &err), &err);
}

static void drop(struct directory *d, const char *name)
{
	struct selector s = {.domain = "a.example", .name = name, .revision = 1};
	struct err err = ERR_INIT;

	ASSERT_OK(d->ops->selector_remove(d, &s, &err), &err);
}

/* The names of all selectors, in order, each with a space behind it. */
static const char *names(struct directory *d)
{
	static char all[200];
	struct selector_list *l = NULL;
	struct err err = ERR_INIT;

	all[0] = '\0';
	ASSERT_OK(d->ops->load(d, &l, &err), &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(l);
	for (size_t i = 0; i < l->n; i++)
		strcat(strcat(all, l->at[i].name), " ");
	selector_list_free(l);
	return all;
}

static int64_t generation(struct directory *d)
{
	struct err err = ERR_INIT;
	int64_t g = -1;

	ASSERT_OK(d->ops->generation(d, &g, &err), &err);
	return g;
}

static enum rc take(void *ctx, struct span copy, struct err *err)
{
	return buf_add(ctx, copy, err);
}

/* A copy of D, in a buffer that the caller clears. */
static struct buf copy_of(struct directory *d)
{
	struct err err = ERR_INIT;
	struct buf b;

	buf_init(&b, 64 << 20);
	ASSERT_OK(d->ops->backup(d, take, &b, &err), &err);
	CU_ASSERT_TRUE_FATAL(b.len > PAGE);
	return b;
}

static sqlite3 *open_sql(const char *path)
{
	sqlite3 *db = NULL;

	CU_ASSERT_EQUAL_FATAL(sqlite3_open(path, &db), SQLITE_OK);
	sqlite3_db_config(db, SQLITE_DBCONFIG_WRITABLE_SCHEMA, 1, (int *)NULL);
	return db;
}

static void run_sql(sqlite3 *db, const char *sql)
{
	char *why = NULL;

	CU_ASSERT_EQUAL(sqlite3_exec(db, sql, NULL, NULL, &why), SQLITE_OK);
	if (why != NULL)
		fprintf(stderr, "%s: %s\n", sql, why);
	sqlite3_free(why);
}

/* ---- out ---- */

static enum rc refuse(void *ctx, struct span copy, struct err *err)
{
	(void)ctx;
	return err_set(err, RC_LIMIT, "%s", copy.len > 0 ? "no room" : "nothing");
}

/* What a writer has not committed is not in it, and the writer does not hold it up. */
static void test_one_moment(void)
{
	struct directory *d = open_dir("moment", DIRECTORY_CREATE), *r, *copy = NULL;
	struct err err = ERR_INIT;
	struct buf b;
	sqlite3 *writer;

	add(d, "s1");
	r = open_dir("moment", DIRECTORY_READ);
	writer = open_sql(test_path("moment/" CATALOGUE_FILE));
	run_sql(writer, "BEGIN IMMEDIATE; UPDATE selector SET name = 'half done'");
	b = copy_of(r);
	run_sql(writer, "ROLLBACK");
	sqlite3_close(writer);
	add(d, "s2");
	ASSERT_OK(directory_open_copy(buf_span(&b), "the copy", &copy, &err), &err);
	ASSERT_STR(names(copy), "s1 ");
	ASSERT_STR(names(d), "s1 s2 ");
	ASSERT_OK(copy->ops->check(copy, &err), &err);
	CU_ASSERT_EQUAL(generation(copy) + 1, generation(d));
	ASSERT_FAILS(copy->ops->restore(copy, buf_span(&b), &err), RC_PERM, &err,
		     "opened for reading");
	ASSERT_FAILS(r->ops->backup(r, refuse, NULL, &err), RC_LIMIT, &err, "no room");
	directory_close(copy);
	directory_close(r);
	directory_close(d);
	buf_clear(&b);
}

/* ---- read ---- */

/* A row that SQL makes of a good copy. */
static const struct {
	const char *label, *sql, *words;
} schema_rows[] = {
	{"another application", "PRAGMA application_id = 5", "not a catalogue of mailseal"},
	{"no version", "PRAGMA user_version = 0", "not a catalogue of mailseal"},
	{"a version below nothing", "PRAGMA user_version = -1", "not a catalogue of mailseal"},
	{"a newer schema", "PRAGMA user_version = 9999", "schema 9999, this program knows up to"},
	{"a table more", "CREATE TABLE more (x)", "'more' is strange to it"},
	{"a view more", "CREATE VIEW v AS SELECT 1", "'v' is strange to it"},
	{"an index more", "CREATE INDEX i ON selector (bits)", "'i' is strange to it"},
	{"a trigger more",
	 "CREATE TRIGGER t AFTER INSERT ON selector BEGIN SELECT zeroblob(1000000000); END",
	 "'t' is strange to it"},
	{"a table less", "DROP TABLE audit", "parts, not"},
	{"the guard of one active selector is gone", "DROP INDEX one_active", "parts, not"},
	{"a view that never ends instead of a table",
	 "PRAGMA foreign_keys = OFF; DROP TABLE selector; CREATE VIEW selector AS"
	 " WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n",
	 "'selector' is strange to it"},
	{"another definition",
	 "UPDATE sqlite_schema SET sql = replace(sql, 'bits INTEGER', 'bits TEXT')",
	 "'selector' is strange to it"},
	{"a state that there is not",
	 "PRAGMA ignore_check_constraints = ON; UPDATE selector SET state = 'asleep'", "damaged: "},
	{"an algorithm that there is not", "UPDATE selector SET alg = 'md5'",
	 "an unknown algorithm"},
	{"a name that is none", "PRAGMA foreign_keys = OFF; UPDATE selector SET name = x'00'",
	 "damaged: a row refers to nothing"},
	{"a row without its name", "PRAGMA foreign_keys = OFF; DELETE FROM selector_name",
	 "a row refers to nothing"},
	{"no generation", "DELETE FROM meta", "a row is missing"},
};

static void test_strange_schemas(void)
{
	struct directory *d = open_dir("schemas", DIRECTORY_CREATE), *copy = NULL;
	const char *path = test_path("strange.db");
	struct buf good, bad;
	struct err err = ERR_INIT;

	add(d, "s1");
	good = copy_of(d);
	directory_close(d);
	for (size_t i = 0; i < COUNT_OF(schema_rows); i++) {
		sqlite3 *db;

		ROW(schema_rows[i].label);
		ASSERT_OK(file_write_atomic(path, buf_span(&good), 0600, true, &err), &err);
		db = open_sql(path);
		run_sql(db, schema_rows[i].sql);
		sqlite3_close(db);
		buf_init(&bad, 64 << 20);
		ASSERT_OK(file_read(path, &bad, &err), &err);
		ASSERT_FAILS(directory_open_copy(buf_span(&bad), "the copy", &copy, &err), RC_INPUT,
			     &err, schema_rows[i].words);
		CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "the copy: "));
		CU_ASSERT_PTR_NULL(strstr(err.text, "restore FILE"));
		buf_clear(&bad);
	}
	ROW("");
	buf_clear(&good);
}

static void put_number(struct buf *b, size_t at, unsigned n, unsigned bytes)
{
	while (bytes-- > 0) {
		b->p[at + bytes] = (char)(n & 0xff);
		n >>= 8;
	}
}

static void cut_header(struct buf *b)
{
	b->len = 50;
}

static void cut_page(struct buf *b)
{
	b->len -= PAGE;
}

static void cut_byte(struct buf *b)
{
	b->len--;
}

static void add_byte(struct buf *b)
{
	CU_ASSERT_EQUAL(buf_addc(b, 'x', NULL), RC_OK);
}

static void empty(struct buf *b)
{
	b->len = 0;
}

static void other_magic(struct buf *b)
{
	b->p[3] = 'X';
}

static void with_wal(struct buf *b)
{
	b->p[18] = b->p[19] = 2;
}

static void no_pages(struct buf *b)
{
	put_number(b, 28, 0, 4);
}

static void odd_page_size(struct buf *b)
{
	put_number(b, 16, 1000, 2);
	put_number(b, 28, 0xffffffff, 4);
}

static void spoil_pages(struct buf *b)
{
	for (size_t at = PAGE; at < b->len; at += 97)
		b->p[at] = (char)(b->p[at] ^ 0x55);
}

static void spoil_schema(struct buf *b)
{
	memset(b->p + 100, 0xff, 200);
}

static const struct {
	const char *label;
	void (*spoil)(struct buf *b);
	const char *words;
} byte_rows[] = {
	{"nothing", empty, "no SQLite database"},
	{"another kind of file", other_magic, "no SQLite database"},
	{"half of the header", cut_header, "cut short: 50 bytes"},
	{"the last page is missing", cut_page, "cut short: "},
	{"the last byte is missing", cut_byte, "cut short: "},
	{"a byte too many", add_byte, "header does not fit"},
	{"says that there is a -wal", with_wal, "header does not fit"},
	{"no pages", no_pages, "header does not fit"},
	{"pages of an impossible size", odd_page_size, "cut short"},
	{"bytes of every page", spoil_pages, "damaged"},
	{"bytes of the schema", spoil_schema, "damaged"},
};

static void test_strange_bytes(void)
{
	struct directory *d = open_dir("bytes", DIRECTORY_CREATE), *copy = NULL;
	struct buf good, bad;
	struct err err = ERR_INIT;

	add(d, "s1");
	good = copy_of(d);
	directory_close(d);
	for (size_t i = 0; i < COUNT_OF(byte_rows); i++) {
		ROW(byte_rows[i].label);
		buf_init(&bad, good.len + PAGE);
		CU_ASSERT_EQUAL_FATAL(buf_add(&bad, buf_span(&good), NULL), RC_OK);
		byte_rows[i].spoil(&bad);
		ASSERT_FAILS(directory_open_copy(buf_span(&bad), "the copy", &copy, &err), RC_INPUT,
			     &err, byte_rows[i].words);
		buf_clear(&bad);
	}
	ROW("");
	buf_clear(&good);
}

/* Whatever a byte is changed to, reading ends with or without an error. */
static void test_changed_bytes(void)
{
	struct directory *d = open_dir("changed", DIRECTORY_CREATE), *copy = NULL;
	struct buf b;
	size_t refused = 0;

	add(d, "s1");
	b = copy_of(d);
	directory_close(d);
	for (size_t i = 0; i < 1000; i++) {
		size_t at = test_random((unsigned)b.len);
		char was = b.p[at];

		b.p[at] = (char)test_random(256);
		if (directory_open_copy(buf_span(&b), "the copy", &copy, NULL) == RC_OK)
			directory_close(copy);
		else
			refused++;
		b.p[at] = was;
	}
	CU_ASSERT_TRUE(refused > 10);
	buf_clear(&b);
}

/* Page AT becomes the inner page of a table, whose CELLS + 1 children are all CHILD, but for the first one. */
static void make_inner(struct buf *b, unsigned page, unsigned first, unsigned child)
{
	enum { CELLS = 100, CELL = 5 };
	size_t start = (size_t)(page - 1) * PAGE, header = start + (page == 1 ? 100 : 0);

	memset(b->p + header, 0, start + PAGE - header);
	b->p[header] = 5;
	put_number(b, header + 3, CELLS, 2);
	put_number(b, header + 5, PAGE - CELLS * CELL, 2);
	put_number(b, header + 8, child, 4);
	for (unsigned i = 0; i < CELLS; i++) {
		size_t at = PAGE - CELLS * CELL + (size_t)i * CELL;

		put_number(b, header + 12 + 2 * (size_t)i, (unsigned)at, 2);
		put_number(b, start + at, i == 0 ? first : child, 4);
		b->p[start + at + 4] = (char)(i + 1);
	}
}

/* Page AT becomes a leaf with the cells FROM.. of the schema, which is the leaf LEAF; its header is at HEADER there. */
static void copy_leaf(struct buf *b, unsigned page, const char leaf[PAGE], unsigned from,
		      unsigned n)
{
	char *to = b->p + (size_t)(page - 1) * PAGE;

	memcpy(to, leaf, PAGE);
	memcpy(to, leaf + 100, 8);
	memcpy(to + 8, leaf + 108 + (size_t)from * 2, (size_t)n * 2);
	put_number(b, (size_t)(page - 1) * PAGE + 3, n, 2);
}

/* A schema in which one and the same row comes 10^24 times: 24 pages. */
static void test_no_end(void)
{
	enum { LEVELS = 12, FIRST = 4, INNER = 5, LAST = INNER + LEVELS, PAGES = LAST };
	char leaf[PAGE];
	struct span made = SPAN_NONE;
	struct err err = ERR_INIT;
	struct image i;
	struct buf b;
	sqlite3 *db = NULL;
	int64_t n = 0;

	ASSERT_OK(image_new(&db, &err), &err);
	run_sql(db, "CREATE TABLE x (a UNIQUE)");
	ASSERT_OK(image_bytes(db, &made, &err), &err);
	buf_init(&b, PAGES * PAGE);
	CU_ASSERT_EQUAL_FATAL(buf_add(&b, made, NULL), RC_OK);
	sqlite3_close(db);
	CU_ASSERT_EQUAL_FATAL(b.len, (FIRST - 1) * PAGE);
	CU_ASSERT_EQUAL_FATAL(buf_reserve(&b, (PAGES - FIRST + 1) * PAGE, NULL), RC_OK);
	b.len = PAGES * PAGE;
	memcpy(leaf, b.p, PAGE);
	put_number(&b, 28, PAGES, 4);
	copy_leaf(&b, FIRST, leaf, 0, 2); /* the table and its index */
	copy_leaf(&b, LAST, leaf, 1, 1);  /* the index again */
	make_inner(&b, 1, FIRST, INNER);
	for (unsigned p = INNER; p < LAST; p++)
		make_inner(&b, p, p + 1, p + 1);
	ASSERT_OK(image_open(&i, buf_span(&b), "the copy", &err), &err);
	ASSERT_FAILS(image_int(&i, "SELECT count(*) FROM x", &n, &err), RC_INPUT, &err,
		     "there is no end");
	image_close(&i);
	buf_clear(&b);
}

/* ---- in ---- */

static int one_text(void *ret, int n, char **values, char **columns)
{
	(void)n;
	(void)columns;
	snprintf(ret, 200, "%s", values[0] != NULL ? values[0] : "");
	return 0;
}

/* Of one row. */
static const char *ask(const char *path, const char *sql)
{
	static char answer[200];
	sqlite3 *db = open_sql(path);

	answer[0] = '\0';
	CU_ASSERT_EQUAL(sqlite3_exec(db, sql, one_text, answer, NULL), SQLITE_OK);
	sqlite3_close(db);
	return answer;
}

static void test_restore(void)
{
	struct directory *d = open_dir("live", DIRECTORY_CREATE), *other, *reader;
	struct err err = ERR_INIT;
	int64_t before, theirs;
	struct buf b;

	other = open_dir("other", DIRECTORY_CREATE);
	add(other, "o1");
	add(other, "o2");
	drop(other, "o2");
	b = copy_of(other);
	theirs = generation(other);
	directory_close(other);
	add(d, "l1");
	add(d, "l2");
	reader = open_dir("live", DIRECTORY_READ);
	before = generation(reader);
	ASSERT_OK(d->ops->restore(d, buf_span(&b), &err), &err);
	ASSERT_STR(names(d), "o1 ");
	ASSERT_STR(names(reader), "o1 ");
	ASSERT_OK(d->ops->check(d, &err), &err);
	CU_ASSERT_TRUE(generation(reader) > before && generation(reader) > theirs);
	directory_close(reader);
	/* No name is free again, wherever it was used. */
	for (size_t i = 0; i < 4; i++) {
		static const char *const used[] = {"l1", "l2", "o1", "o2"};
		bool is = false;

		ROW(used[i]);
		ASSERT_OK(d->ops->selector_name_used(d, "a.example", used[i], &is, &err), &err);
		CU_ASSERT_TRUE(is);
	}
	ROW("");
	/* A second time, and with the same handle. */
	ASSERT_OK(d->ops->restore(d, buf_span(&b), &err), &err);
	ASSERT_STR(names(d), "o1 ");
	add(d, "l3");
	directory_close(d);
	ASSERT_STR(ask(test_path("live/" CATALOGUE_FILE),
		       "SELECT group_concat(what, ' ') FROM (SELECT what FROM audit ORDER BY id)"),
		   "add add add add remove restore restore add");
	ASSERT_STR(ask(test_path("live/" CATALOGUE_FILE), "PRAGMA journal_mode"), "wal");
	buf_clear(&b);
}

/* With one certificate that came along: both catalogues number the chain 1. */
static void add_user(struct directory *d, const char *account, const char *chain)
{
	struct span part = span_str(chain);
	struct user_cert c = {.account = account,
			      .fingerprint = FP,
			      .der = SPAN_LIT("der"),
			      .chain = &part,
			      .n_chain = 1,
			      .bits = 2048,
			      .not_before = 1,
			      .not_after = NOW,
			      .added = 1};
	struct err err = ERR_INIT;

	ASSERT_OK(d->ops->user_cert_add(d, &c, &err), &err);
}

static void test_restore_users(void)
{
	struct directory *d = open_dir("live-users", DIRECTORY_CREATE), *other;
	struct user_cert_list *l = NULL;
	struct err err = ERR_INIT;
	struct buf b;

	other = open_dir("other-users", DIRECTORY_CREATE);
	add_user(other, "theirs@a.example", "their chain");
	b = copy_of(other);
	directory_close(other);
	add_user(d, "ours@a.example", "our chain");
	ASSERT_OK(d->ops->restore(d, buf_span(&b), &err), &err);
	ASSERT_OK(d->ops->check(d, &err), &err);
	ASSERT_OK(d->ops->users_load(d, &l, &err), &err);
	CU_ASSERT_EQUAL_FATAL(l->n, 1);
	ASSERT_STR(l->at[0].account, "theirs@a.example");
	CU_ASSERT_EQUAL_FATAL(l->at[0].n_chain, 1);
	ASSERT_SPAN(l->at[0].chain[0], SPAN_LIT("their chain"));
	user_cert_list_free(l);
	directory_close(d);
	buf_clear(&b);
}

/* A key that was revoked after the copy was made never signs again. */
static void test_restore_revoked(void)
{
	struct directory *d = open_dir("revoked", DIRECTORY_CREATE);
	struct err err = ERR_INIT;
	struct selector s = {.domain = "a.example", .name = "s1", .fingerprint = FP, .revision = 1};
	struct selector_list *l = NULL;
	struct buf b;

	add(d, "s1");
	ASSERT_OK(d->ops->selector_activate(d, &s, NOW, NOW, &err), &err);
	b = copy_of(d);
	s.revision = 2;
	ASSERT_OK(d->ops->selector_set_state(d, &s, SEL_REVOKED, NOW, &err), &err);
	s.revision = 3;
	ASSERT_OK(d->ops->selector_remove(d, &s, &err), &err);
	ASSERT_OK(d->ops->restore(d, buf_span(&b), &err), &err);
	ASSERT_OK(d->ops->load(d, &l, &err), &err);
	CU_ASSERT_EQUAL_FATAL(l->n, 1);
	CU_ASSERT_EQUAL(l->at[0].state, SEL_REVOKED);
	selector_list_free(l);
	directory_close(d);
	buf_clear(&b);
}

/* The schema that was there before users had certificates. */
static void test_restore_older(void)
{
	struct directory *d = open_dir("newer", DIRECTORY_CREATE), *copy = NULL;
	struct err err = ERR_INIT;
	struct span bytes = SPAN_NONE;
	sqlite3 *db = NULL;

	ASSERT_OK(image_new(&db, &err), &err);
	ASSERT_OK(schema_upgrade(db, "old", schema_steps, 1, &err), &err);
	run_sql(db, "INSERT INTO selector_name VALUES ('a.example', 'old', 1);"
		    "INSERT INTO selector (domain, name, alg, state, fingerprint, public, bits,"
		    " created) VALUES ('a.example', 'old', 'rsa-sha256', 'standby', '" FP
		    "', 'MIIB', 2048, 1)");
	ASSERT_OK(image_bytes(db, &bytes, &err), &err);
	ASSERT_OK(directory_open_copy(bytes, "the copy", &copy, &err), &err);
	ASSERT_STR(names(copy), "old ");
	directory_close(copy);
	add_user(d, "ours@a.example", "our chain");
	ASSERT_OK(d->ops->restore(d, bytes, &err), &err);
	ASSERT_STR(names(d), "old ");
	ASSERT_OK(d->ops->check(d, &err), &err);
	directory_close(d);
	ASSERT_STR(ask(test_path("newer/" CATALOGUE_FILE), "SELECT count(*) FROM user_cert"), "0");
	sqlite3_close(db);
}

/* All or nothing. */
static void test_restore_refused(void)
{
	struct directory *d = open_dir("held", DIRECTORY_CREATE), *quick = NULL;
	struct err err = ERR_INIT;
	struct buf b = copy_of(d);
	sqlite3 *writer;
	int64_t before;

	add(d, "l1");
	before = generation(d);
	writer = open_sql(test_path("held/" CATALOGUE_FILE));
	run_sql(writer, "BEGIN IMMEDIATE");
	ASSERT_OK(sqlite_open(test_path("held"), DIRECTORY_WRITE, 20, &quick, &err), &err);
	ASSERT_FAILS(quick->ops->restore(quick, buf_span(&b), &err), RC_UNAVAIL, &err,
		     "locked by another process");
	run_sql(writer, "ROLLBACK");
	/* Fails at the very end. */
	run_sql(writer, "CREATE TRIGGER no BEFORE INSERT ON audit WHEN NEW.what = 'restore' BEGIN"
			" SELECT raise(ABORT, 'not today'); END");
	ASSERT_FAILS(quick->ops->restore(quick, buf_span(&b), &err), RC_EXISTS, &err, "not today");
	ASSERT_STR(names(d), "l1 ");
	CU_ASSERT_EQUAL(generation(d), before);
	run_sql(writer, "DROP TRIGGER no");
	sqlite3_close(writer);
	ASSERT_OK(quick->ops->restore(quick, buf_span(&b), &err), &err);
	ASSERT_STR(names(d), "");
	directory_close(quick);
	directory_close(d);
	buf_clear(&b);
}

int main(void)
{
	static const struct test tests[] = {
		{"a copy is of one moment", test_one_moment},
		{"strange schemas", test_strange_schemas},
		{"strange bytes", test_strange_bytes},
		{"changed bytes", test_changed_bytes},
		{"reading ends", test_no_end},
		{"restore", test_restore},
		{"restore: certificates of accounts", test_restore_users},
		{"restore: a revoked key", test_restore_revoked},
		{"restore: an older schema", test_restore_older},
		{"restore, refused", test_restore_refused},
	};

	return test_main("catalogue-copy", tests, COUNT_OF(tests));
}
