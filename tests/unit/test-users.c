/* Certificates of accounts: which one seals, the list, every change, and catalogues from before there were any. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "directory/directory.h"
#include "directory/sqlite.h"
#include "test.h"

#define FP_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define FP_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define FP_C "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"

/* ---- which one seals ---- */

#define VALID(fp, from)                                                                            \
	{                                                                                          \
		.fingerprint = fp, .not_before = (from), .not_after = 2000                         \
	}
#define EC_VALID(fp, from)                                                                         \
	{                                                                                          \
		.fingerprint = fp, .kind = CERT_EC, .not_before = (from), .not_after = 2000        \
	}
#define ENDED(fp, from, to)                                                                        \
	{                                                                                          \
		.fingerprint = fp, .not_before = (from), .not_after = (to)                         \
	}

static void test_for_sealing(void)
{
	static const struct {
		const char *label;
		struct user_cert run[3]; /* in the order of the list */
		size_t n;
		int64_t grace;
		const char *want; /* NULL: none */
		bool expired;
	} rows[] = {
		{"none at all", {VALID("", 0)}, 0, 100, NULL, false},
		{"one valid", {VALID("a", 500)}, 1, 100, "a", false},
		{"valid from this very second", {VALID("a", 1000)}, 1, 100, "a", false},
		{"not yet valid", {VALID("a", 1001)}, 1, 100, NULL, false},
		{"valid in its last second", {ENDED("a", 0, 1000)}, 1, 0, "a", false},
		{"the newest of two", {VALID("a", 600), VALID("b", 500)}, 2, 100, "a", false},
		{"the newest has not begun", {VALID("a", 1001), VALID("b", 5)}, 2, 0, "b", false},
		{"RSA before a newer EC", {VALID("a", 5), EC_VALID("b", 900)}, 2, 0, "a", false},
		{"EC where RSA has expired",
		 {ENDED("a", 0, 999), EC_VALID("b", 900)},
		 2,
		 100,
		 "b",
		 false},
		{"expired a second ago", {ENDED("a", 0, 999)}, 1, 100, "a", true},
		{"expired just within the grace", {ENDED("a", 0, 900)}, 1, 100, "a", true},
		{"expired past the grace", {ENDED("a", 0, 899)}, 1, 100, NULL, false},
		{"no grace", {ENDED("a", 0, 999)}, 1, 0, NULL, false},
		{"the newest of two expired",
		 {ENDED("a", 10, 950), ENDED("b", 0, 980)},
		 2,
		 100,
		 "a",
		 true},
		{"the newest is past the grace, the next not",
		 {ENDED("a", 10, 500), ENDED("b", 0, 980)},
		 2,
		 100,
		 "b",
		 true},
		{"an expired one does not stand in for one to come",
		 {VALID("a", 1001), ENDED("b", 0, 980)},
		 2,
		 100,
		 "b",
		 true},
		{"a valid older one before an expired newer one",
		 {ENDED("a", 900, 990), VALID("b", 5)},
		 2,
		 100,
		 "b",
		 false},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct user_cert_choice got = {.cert = NULL};
		bool found =
			user_cert_for_sealing(rows[i].run, rows[i].n, 1000, rows[i].grace, &got);

		ROW(rows[i].label);
		CU_ASSERT_EQUAL(found, rows[i].want != NULL);
		CU_ASSERT_EQUAL(found, got.cert != NULL);
		ASSERT_STR(found ? got.cert->fingerprint : "(none)",
			   rows[i].want != NULL ? rows[i].want : "(none)");
		CU_ASSERT_EQUAL(got.expired, rows[i].expired);
	}
	ROW("");
}

/* ---- the catalogue ---- */

static struct directory *fresh(const char *name)
{
	struct err err = ERR_INIT;
	struct directory *d = NULL;

	ASSERT_OK(directory_open(test_path(name), DIRECTORY_CREATE, &d, &err), &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(d);
	return d;
}

static struct user_cert make(const char *account, const char *fingerprint)
{
	struct user_cert u = {.account = account,
			      .der = SPAN_LIT("der\0of it"),
			      .kind = CERT_RSA,
			      .bits = 2048,
			      .not_before = 100,
			      .not_after = 200,
			      .added = 150};

	memcpy(u.fingerprint, fingerprint, sizeof(u.fingerprint));
	return u;
}

static void add(struct directory *d, const struct user_cert *u)
{
	struct err err = ERR_INIT;

	ASSERT_OK(d->ops->user_cert_add(d, u, &err), &err);
}

static struct user_cert_list *load(struct directory *d)
{
	struct user_cert_list *l = NULL;
	struct err err = ERR_INIT;

	ASSERT_OK(d->ops->users_load(d, &l, &err), &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(l);
	return l;
}

static int64_t generation(struct directory *d)
{
	struct err err = ERR_INIT;
	int64_t g = -1;

	ASSERT_OK(d->ops->generation(d, &g, &err), &err);
	return g;
}

static void test_list_is_sorted_and_searched(void)
{
	struct directory *d = fresh("sorted");
	static const struct {
		const char *account;
		const char *fingerprint;
		enum cert_kind kind;
		int64_t not_before;
	} rows[] = {
		{"b@a.example", FP_A, CERT_EC, 900},  {"B@a.example", FP_C, CERT_RSA, 100},
		{"b@a.example", FP_B, CERT_RSA, 500}, {"b.c@a.example", FP_A, CERT_RSA, 1},
		{"a@b.example", FP_A, CERT_RSA, 1},
	};
	struct user_cert_list *l = load(d);
	const struct user_cert *run;
	size_t n = 99;

	CU_ASSERT_EQUAL(l->n, 0);
	CU_ASSERT_PTR_NULL(user_cert_list_account(l, "a@b.example", &n));
	CU_ASSERT_EQUAL(n, 0);
	user_cert_list_free(l);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct user_cert u = make(rows[i].account, rows[i].fingerprint);

		u.kind = rows[i].kind;
		u.not_before = rows[i].not_before;
		add(d, &u);
	}
	l = load(d);
	CU_ASSERT_EQUAL_FATAL(l->n, 5);
	CU_ASSERT_EQUAL(l->generation, generation(d));
	ASSERT_STR(l->at[0].account, "a@b.example");
	ASSERT_STR(l->at[1].account, "b.c@a.example");
	run = user_cert_list_account(l, "B@A.example", &n);
	CU_ASSERT_EQUAL_FATAL(n, 3);
	ASSERT_STR(run[0].fingerprint, FP_B);
	ASSERT_STR(run[1].fingerprint, FP_C);
	ASSERT_STR(run[1].account, "B@a.example");
	ASSERT_STR(run[2].fingerprint, FP_A);
	CU_ASSERT_EQUAL(run[2].kind, CERT_EC);
	CU_ASSERT_PTR_NULL(user_cert_list_account(l, "b@a.exampl", &n));
	CU_ASSERT_PTR_NULL(user_cert_list_account(l, "z@a.example", &n));
	CU_ASSERT_PTR_NULL(user_cert_list_account(l, "", &n));
	user_cert_list_free(l);
	user_cert_list_free(NULL);
	directory_close(d);
}

static void test_a_row_reads_back(void)
{
	struct directory *d = fresh("back");
	struct span chain[] = {SPAN_LIT("first"), SPAN_LIT("sec\0ond")};
	struct user_cert u = make("J\xc3\xb6rg@a.example", FP_A);
	struct user_cert_list *l;

	u.chain = chain;
	u.n_chain = 2;
	u.pinned = true;
	u.kind = CERT_EC;
	u.bits = 384;
	add(d, &u);
	l = load(d);
	CU_ASSERT_EQUAL_FATAL(l->n, 1);
	ASSERT_STR(l->at[0].account, "J\xc3\xb6rg@a.example");
	ASSERT_STR(l->at[0].fingerprint, FP_A);
	ASSERT_SPAN(l->at[0].der, SPAN_LIT("der\0of it"));
	CU_ASSERT_EQUAL_FATAL(l->at[0].n_chain, 2);
	ASSERT_SPAN(l->at[0].chain[0], chain[0]);
	ASSERT_SPAN(l->at[0].chain[1], chain[1]);
	CU_ASSERT_TRUE(l->at[0].pinned);
	CU_ASSERT_EQUAL(l->at[0].kind, CERT_EC);
	CU_ASSERT_EQUAL(l->at[0].bits, 384);
	CU_ASSERT_EQUAL(l->at[0].not_before, 100);
	CU_ASSERT_EQUAL(l->at[0].not_after, 200);
	CU_ASSERT_EQUAL(l->at[0].added, 150);
	user_cert_list_free(l);
	directory_close(d);
}

static void test_add_and_remove(void)
{
	struct directory *d = fresh("change");
	struct user_cert u = make("john@a.example", FP_A), other = make("jim@a.example", FP_A);
	struct err err = ERR_INIT;
	struct user_cert_list *l;
	int64_t before = generation(d);

	add(d, &u);
	CU_ASSERT_NOT_EQUAL(generation(d), before);
	before = generation(d);
	ASSERT_FAILS(d->ops->user_cert_add(d, &u, &err), RC_EXISTS, &err, "john@a.example has");
	u.account = "John@a.example";
	ASSERT_FAILS(d->ops->user_cert_add(d, &u, &err), RC_EXISTS, &err, "already");
	CU_ASSERT_EQUAL(generation(d), before);
	add(d, &other);
	before = generation(d);
	ASSERT_FAILS(d->ops->user_cert_remove(d, "john@a.example", FP_B, &err), RC_NOTFOUND, &err,
		     FP_B);
	ASSERT_FAILS(d->ops->user_cert_remove(d, "nobody@a.example", FP_A, &err), RC_NOTFOUND, &err,
		     "nobody@a.example");
	ASSERT_FAILS(d->ops->user_cert_remove(d, "nobody", FP_A, &err), RC_INPUT, &err, "account");
	CU_ASSERT_EQUAL(generation(d), before);
	ASSERT_OK(d->ops->user_cert_remove(d, "JOHN@a.example", FP_A, &err), &err);
	CU_ASSERT_NOT_EQUAL(generation(d), before);
	l = load(d);
	CU_ASSERT_EQUAL_FATAL(l->n, 1);
	ASSERT_STR(l->at[0].account, "jim@a.example");
	user_cert_list_free(l);
	directory_close(d);
}

static void test_add_refuses(void)
{
	static char large[USER_DER_MAX + 1];
	static const struct span none[] = {{NULL, 0}};
	static const struct span too_large[] = {{large, sizeof(large)}};
	static struct span many[USER_CHAIN_MAX + 1];
	static const struct {
		const char *label;
		const char *account, *fingerprint;
		struct span der;
		const struct span *chain;
		size_t n_chain;
		enum cert_kind kind;
		const char *words;
	} rows[] = {
		{"no account", NULL, FP_A, {"x", 1}, NULL, 0, CERT_RSA, "needs an account"},
		{"no domain", "john@", FP_A, {"x", 1}, NULL, 0, CERT_RSA, "needs an account"},
		{"no local part", "@a.example", FP_A, {"x", 1}, NULL, 0, CERT_RSA, "local@domain"},
		{"no @", "john", FP_A, {"x", 1}, NULL, 0, CERT_RSA, "local@domain"},
		{"domain in capitals", "j@A.example", FP_A, {"x", 1}, NULL, 0, CERT_RSA, "lower"},
		{"no fingerprint", "j@a.example", "../x", {"x", 1}, NULL, 0, CERT_RSA, "no cert"},
		{"no DER", "j@a.example", FP_A, {"", 0}, NULL, 0, CERT_RSA, "no certificate"},
		{"a large DER",
		 "j@a.example",
		 FP_A,
		 {large, sizeof(large)},
		 NULL,
		 0,
		 CERT_RSA,
		 "no certificate"},
		{"another kind", "j@a.example", FP_A, {"x", 1}, NULL, 0, CERT_OTHER, "no cert"},
		{"an empty part", "j@a.example", FP_A, {"x", 1}, none, 1, CERT_RSA, "came along"},
		{"a large part",
		 "j@a.example",
		 FP_A,
		 {"x", 1},
		 too_large,
		 1,
		 CERT_RSA,
		 "over 65536 bytes"},
		{"a long chain",
		 "j@a.example",
		 FP_A,
		 {"x", 1},
		 many,
		 COUNT_OF(many),
		 CERT_RSA,
		 "more than 32"},
	};
	struct directory *d = fresh("refuses"), *reader = NULL;
	struct err err = ERR_INIT;
	struct user_cert u = make("j@a.example", FP_A);
	struct user_cert_list *l;

	for (size_t i = 0; i < COUNT_OF(many); i++)
		many[i] = SPAN_LIT("x");
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct user_cert bad = {.account = rows[i].account,
					.der = rows[i].der,
					.chain = rows[i].chain,
					.n_chain = rows[i].n_chain,
					.kind = rows[i].kind};

		ROW(rows[i].label);
		snprintf(bad.fingerprint, sizeof(bad.fingerprint), "%s", rows[i].fingerprint);
		ASSERT_FAILS(d->ops->user_cert_add(d, &bad, &err), RC_INPUT, &err, rows[i].words);
	}
	ROW("");
	l = load(d);
	CU_ASSERT_EQUAL(l->n, 0);
	user_cert_list_free(l);
	ASSERT_OK(directory_open(test_path("refuses"), DIRECTORY_READ, &reader, &err), &err);
	ASSERT_FAILS(reader->ops->user_cert_add(reader, &u, &err), RC_PERM, &err, "for reading");
	ASSERT_FAILS(reader->ops->user_cert_remove(reader, "j@a.example", FP_A, &err), RC_PERM,
		     &err, "for reading");
	directory_close(reader);
	directory_close(d);
}

/* ---- what SQL sees ---- */

static void run_sql(const char *name, const char *sql)
{
	char path[600];
	sqlite3 *db;

	snprintf(path, sizeof(path), "%s/" CATALOGUE_FILE, test_path(name));
	CU_ASSERT_EQUAL_FATAL(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
		fprintf(stderr, "%s: %s\n", sql, sqlite3_errmsg(db));
		CU_FAIL("SQL");
	}
	sqlite3_close(db);
}

static int take_text(void *ret, int n, char **values, char **names)
{
	(void)n;
	(void)names;
	snprintf(ret, 300, "%s", values[0] != NULL ? values[0] : "");
	return 0;
}

static void assert_sql(const char *name, const char *sql, const char *want)
{
	char path[600], got[300] = "";
	sqlite3 *db;

	snprintf(path, sizeof(path), "%s/" CATALOGUE_FILE, test_path(name));
	CU_ASSERT_EQUAL_FATAL(sqlite3_open(path, &db), SQLITE_OK);
	CU_ASSERT_EQUAL(sqlite3_exec(db, sql, take_text, got, NULL), SQLITE_OK);
	sqlite3_close(db);
	ASSERT_STR(got, want);
}

static void test_chains_are_shared(void)
{
	static const char parts[] = "SELECT count(*) FROM user_chain_part";
	struct directory *d = fresh("chains");
	struct span chain[] = {SPAN_LIT("one"), SPAN_LIT("two")};
	struct user_cert a = make("a@a.example", FP_A), b = make("b@a.example", FP_B);
	struct user_cert c = make("c@a.example", FP_C);
	struct err err = ERR_INIT;
	struct user_cert_list *l;

	a.chain = b.chain = c.chain = chain;
	a.n_chain = b.n_chain = 2;
	c.n_chain = 1;
	add(d, &a);
	add(d, &b);
	add(d, &c);
	assert_sql("chains", parts, "3");
	l = load(d);
	CU_ASSERT_EQUAL_FATAL(l->n, 3);
	CU_ASSERT_PTR_EQUAL(l->at[0].chain, l->at[1].chain);
	CU_ASSERT_EQUAL_FATAL(l->at[2].n_chain, 1);
	ASSERT_SPAN(l->at[2].chain[0], chain[0]);
	user_cert_list_free(l);
	ASSERT_OK(d->ops->user_cert_remove(d, "a@a.example", FP_A, &err), &err);
	assert_sql("chains", parts, "3");
	ASSERT_OK(d->ops->user_cert_remove(d, "b@a.example", FP_B, &err), &err);
	assert_sql("chains", parts, "1");
	ASSERT_OK(d->ops->user_cert_remove(d, "c@a.example", FP_C, &err), &err);
	assert_sql("chains", parts, "0");
	assert_sql("chains", "SELECT count(*) FROM user_chain", "0");
	directory_close(d);
}

static void test_audit(void)
{
	struct directory *d = fresh("audit");
	struct user_cert u = make("john@a.example", FP_A);
	struct err err = ERR_INIT;

	add(d, &u);
	ASSERT_FAILS(d->ops->user_cert_add(d, &u, &err), RC_EXISTS, &err, "");
	ASSERT_OK(d->ops->user_cert_remove(d, "john@a.example", FP_A, &err), &err);
	directory_close(d);
	assert_sql("audit",
		   "SELECT group_concat(what || ' ' || domain || ' ' || name || ' ' || "
		   "substr(fingerprint, 1, 2), ', ') FROM audit WHERE at > 0",
		   "user cert add a.example john@a.example aa, "
		   "user cert remove a.example john@a.example aa");
}

static void test_damaged_rows(void)
{
	static const struct {
		const char *label, *sql, *words;
	} rows[] = {
		{"no account", "account = 'john'", "no account"},
		{"a NUL in the account", "account = CAST(x'6a406100' AS TEXT)", "no account"},
		{"no fingerprint", "fingerprint = replace(fingerprint, 'a', 'X')", "fingerprint"},
		{"empty", "der = x''", "empty"},
		{"an end beyond all years", "not_after = 9223372036854775807", "a time"},
		{"a beginning before all years", "not_before = -9223372036854775808", "a time"},
		{"a large certificate", "der = zeroblob(65537)", "too large"},
		{"a chain without parts", "chain = (SELECT max(id) + 1 FROM user_chain)",
		 "its chain"},
	};
	struct span chain[] = {SPAN_LIT("one")};
	struct user_cert u = make("john@a.example", FP_A);

	u.chain = chain;
	u.n_chain = 1;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct directory *d;
		struct user_cert_list *l = NULL;
		struct selector_list *s = NULL;
		struct err err = ERR_INIT;
		char name[32], sql[300];

		ROW(rows[i].label);
		snprintf(name, sizeof(name), "damaged-%zu", i);
		d = fresh(name);
		add(d, &u);
		snprintf(sql, sizeof(sql), "UPDATE user_cert SET %s", rows[i].sql);
		run_sql(name, sql);
		ASSERT_FAILS(d->ops->users_load(d, &l, &err), RC_CONF, &err, rows[i].words);
		ASSERT_FAILS(d->ops->load_all(d, &s, &l, &err), RC_CONF, &err, CATALOGUE_FILE);
		ASSERT_FAILS(d->ops->check(d, &err), RC_CONF, &err, "");
		CU_ASSERT_PTR_NULL(l);
		CU_ASSERT_PTR_NULL(s);
		/* Selectors alone can still be read. */
		ASSERT_OK(d->ops->load(d, &s, &err), &err);
		selector_list_free(s);
		directory_close(d);
	}
	ROW("");
}

/* ---- catalogues of version 1 ---- */

static void make_old(const char *name)
{
	struct directory *d = fresh(name);
	struct err err = ERR_INIT;
	char path[600];
	sqlite3 *db;

	directory_close(d);
	snprintf(path, sizeof(path), "%s/" CATALOGUE_FILE, test_path(name));
	CU_ASSERT_EQUAL(remove(path), 0);
	CU_ASSERT_EQUAL_FATAL(sqlite3_open(path, &db), SQLITE_OK);
	ASSERT_OK(schema_upgrade(db, path, schema_steps, 1, &err), &err);
	sqlite3_close(db);
	run_sql(name, "PRAGMA journal_mode = WAL");
	run_sql(name, "INSERT INTO selector_name VALUES ('a.example', 's1', 1);"
		      "INSERT INTO selector (domain, name, alg, state, fingerprint, public, bits, "
		      "created) VALUES ('a.example', 's1', 'rsa-sha256', 'active', '" FP_A
		      "', 'MIIB', 2048, 1)");
}

static void test_an_older_catalogue(void)
{
	struct directory *r = NULL, *w = NULL;
	struct err err = ERR_INIT;
	struct user_cert u = make("john@a.example", FP_A);
	struct selector_list *s = NULL;
	struct user_cert_list *l = NULL;
	int64_t before;

	make_old("old");
	ASSERT_OK(directory_open(test_path("old"), DIRECTORY_READ, &r, &err), &err);
	before = generation(r);
	ASSERT_OK(r->ops->load_all(r, &s, &l, &err), &err);
	CU_ASSERT_EQUAL(s->n, 1);
	CU_ASSERT_EQUAL(l->n, 0);
	CU_ASSERT_EQUAL(l->generation, before);
	selector_list_free(s);
	user_cert_list_free(l);
	ASSERT_OK(r->ops->check(r, &err), &err);
	assert_sql("old", "PRAGMA user_version", "1");
	/* A writer brings it up; a reader that was open all the while goes on with it. */
	ASSERT_OK(directory_open(test_path("old"), DIRECTORY_WRITE, &w, &err), &err);
	assert_sql("old", "PRAGMA user_version", "2");
	CU_ASSERT_EQUAL(generation(r), before);
	add(w, &u);
	CU_ASSERT_NOT_EQUAL(generation(r), before);
	ASSERT_OK(r->ops->load_all(r, &s, &l, &err), &err);
	CU_ASSERT_EQUAL(s->n, 1);
	CU_ASSERT_EQUAL(l->n, 1);
	CU_ASSERT_EQUAL(l->generation, s->generation);
	selector_list_free(s);
	user_cert_list_free(l);
	directory_close(w);
	directory_close(r);
}

static void test_many(void)
{
	static const char sql[] =
		"BEGIN; INSERT INTO user_chain VALUES (7, '" FP_A "');"
		"INSERT INTO user_chain_part VALUES (7, 0, zeroblob(1400));"
		"WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 99999) "
		"INSERT INTO user_cert SELECT NULL, printf('u%05d@a.example', i * 7919 % 100000), "
		"'" FP_A "', zeroblob(1300), 7, 0, 'RSA', 2048, 1, 2, 3 FROM n; COMMIT;";
	struct directory *d = fresh("many");
	struct user_cert_list *l;
	char account[32];
	clock_t start;
	size_t n, found = 0;

	run_sql("many", sql);
	start = clock();
	l = load(d);
	printf("load of %zu certificates: %.0f ms\n", l->n,
	       (double)(clock() - start) * 1000 / CLOCKS_PER_SEC);
	CU_ASSERT_EQUAL(l->n, 100000);
	for (unsigned i = 0; i < 100000; i += 97) {
		snprintf(account, sizeof(account), "U%05u@a.example", i);
		found += user_cert_list_account(l, account, &n) != NULL && n == 1;
	}
	CU_ASSERT_EQUAL(found, 1031);
	user_cert_list_free(l);
	directory_close(d);
}

int main(void)
{
	static const struct test tests[] = {
		{"which certificate seals", test_for_sealing},
		{"the list is sorted and searched", test_list_is_sorted_and_searched},
		{"a row reads back", test_a_row_reads_back},
		{"add and remove", test_add_and_remove},
		{"what add refuses", test_add_refuses},
		{"chains are shared", test_chains_are_shared},
		{"the audit", test_audit},
		{"damaged rows", test_damaged_rows},
		{"an older catalogue", test_an_older_catalogue},
		{"100,000 certificates", test_many},
	};

	return test_main("users", tests, COUNT_OF(tests));
}
