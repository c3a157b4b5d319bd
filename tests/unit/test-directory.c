/* Selectors: which one signs, the list, and every change of the catalogue. */
#include "directory/directory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "directory/sqlite.h"
#include "test.h"

#define FP_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define FP_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static const int64_t NOW = 1795521600;

/* ---- which selector signs ---- */

#define RSA DKIM_RSA_SHA256
#define ED DKIM_ED25519_SHA256

static void test_for_signing(void)
{
	static const struct {
		const char *label;
		struct selector s[3];
		size_t n;
		const char *want_rsa; /* NULL: none */
	} rows[] = {
		{"none at all", {{.name = ""}}, 0, NULL},
		{"one active",
		 {{.name = "a", .alg = RSA, .state = SEL_ACTIVE, .not_before = 10}},
		 1,
		 "a"},
		{"standby does not sign",
		 {{.name = "a", .alg = RSA, .state = SEL_STANDBY, .not_before = 10}},
		 1,
		 NULL},
		{"published does not sign",
		 {{.name = "a", .alg = RSA, .state = SEL_PUBLISHED, .not_before = 10}},
		 1,
		 NULL},
		{"revoked does not sign",
		 {{.name = "a", .alg = RSA, .state = SEL_REVOKED, .not_before = 10}},
		 1,
		 NULL},
		{"another algorithm does not sign",
		 {{.name = "a", .alg = ED, .state = SEL_ACTIVE, .not_before = 10}},
		 1,
		 NULL},
		{"never activated", {{.name = "a", .alg = RSA, .state = SEL_ACTIVE}}, 1, NULL},
		{"the clock went back",
		 {{.name = "a", .alg = RSA, .state = SEL_ACTIVE, .not_before = 101}},
		 1,
		 "a"},
		{"the clock went back behind a rotation",
		 {{.name = "new", .alg = RSA, .state = SEL_ACTIVE, .not_before = 300},
		  {.name = "older", .alg = RSA, .state = SEL_RETIRING, .not_before = 101},
		  {.name = "old", .alg = RSA, .state = SEL_RETIRING, .not_before = 200}},
		 3,
		 "older"},
		{"the clock went back, and none is active",
		 {{.name = "a", .alg = RSA, .state = SEL_RETIRING, .not_before = 101}},
		 1,
		 NULL},
		{"from this very second",
		 {{.name = "a", .alg = RSA, .state = SEL_ACTIVE, .not_before = 100}},
		 1,
		 "a"},
		{"the old one signs until its successor begins",
		 {{.name = "new", .alg = RSA, .state = SEL_ACTIVE, .not_before = 101},
		  {.name = "old", .alg = RSA, .state = SEL_RETIRING, .not_before = 10}},
		 2,
		 "old"},
		{"the successor has begun",
		 {{.name = "old", .alg = RSA, .state = SEL_RETIRING, .not_before = 10},
		  {.name = "new", .alg = RSA, .state = SEL_ACTIVE, .not_before = 99}},
		 2,
		 "new"},
		{"retired by hand: there is no successor to sign for",
		 {{.name = "a", .alg = RSA, .state = SEL_RETIRING, .not_before = 10}},
		 1,
		 NULL},
		{"a retiring one does not come back when its successor is revoked",
		 {{.name = "old", .alg = RSA, .state = SEL_RETIRING, .not_before = 10},
		  {.name = "new", .alg = RSA, .state = SEL_REVOKED, .not_before = 99}},
		 2,
		 NULL},
		{"the successor is one of the same algorithm",
		 {{.name = "old", .alg = RSA, .state = SEL_RETIRING, .not_before = 10},
		  {.name = "ed", .alg = ED, .state = SEL_ACTIVE, .not_before = 99}},
		 2,
		 NULL},
		{"a tie goes to the one created later",
		 {{.name = "z", .alg = RSA, .state = SEL_RETIRING, .not_before = 50, .created = 1},
		  {.name = "a", .alg = RSA, .state = SEL_ACTIVE, .not_before = 50, .created = 2}},
		 2,
		 "a"},
		{"a tie of both goes to the greater name",
		 {{.name = "b", .alg = RSA, .state = SEL_ACTIVE, .not_before = 50, .created = 2},
		  {.name = "c", .alg = RSA, .state = SEL_RETIRING, .not_before = 50, .created = 2},
		  {.name = "a", .alg = RSA, .state = SEL_RETIRING, .not_before = 50, .created = 2}},
		 3,
		 "c"},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const struct selector *s =
			selector_for_signing(rows[i].s, rows[i].n, DKIM_RSA_SHA256, 100);

		ROW(rows[i].label);
		ASSERT_STR(s != NULL ? s->name : "(none)",
			   rows[i].want_rsa != NULL ? rows[i].want_rsa : "(none)");
	}
	ROW("");
}

static void test_states(void)
{
	enum sel_state s = SEL_REVOKED;

	for (int i = SEL_STANDBY; i <= SEL_REVOKED; i++) {
		CU_ASSERT_TRUE(sel_state_read(sel_state_name((enum sel_state)i), &s));
		CU_ASSERT_EQUAL((int)s, i);
	}
	s = SEL_ACTIVE;
	CU_ASSERT_FALSE(sel_state_read("Active", &s));
	CU_ASSERT_FALSE(sel_state_read("", &s));
	CU_ASSERT_EQUAL(s, SEL_ACTIVE);
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

static struct selector make(const char *domain, const char *name, enum dkim_alg alg)
{
	struct selector s = {.domain = domain,
			     .name = name,
			     .alg = alg,
			     .state = SEL_STANDBY,
			     .fingerprint = FP_A,
			     .public_base64 = "MIIB",
			     .bits = 2048,
			     .created = NOW};

	return s;
}

static void add(struct directory *d, const char *domain, const char *name, enum dkim_alg alg)
{
	struct err err = ERR_INIT;
	struct selector s = make(domain, name, alg);

	ASSERT_OK(d->ops->selector_add(d, &s, &err), &err);
}

static struct selector_list *load(struct directory *d)
{
	struct selector_list *l = NULL;
	struct err err = ERR_INIT;

	ASSERT_OK(d->ops->load(d, &l, &err), &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(l);
	return l;
}

/* The selector as a copy whose strings are the caller's literals. */
static struct selector get(struct directory *d, const char *domain, const char *name)
{
	struct selector_list *l = load(d);
	const struct selector *found = selector_list_find(l, domain, name);
	struct selector s = {.domain = domain, .name = name, .public_base64 = "", .revision = -1};

	if (found != NULL) {
		s = *found;
		s.domain = domain;
		s.name = name;
		s.public_base64 = "";
	}
	selector_list_free(l);
	return s;
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
	struct selector_list *l;
	const struct selector *run;
	size_t n = 99;

	l = load(d);
	CU_ASSERT_EQUAL(l->n, 0);
	CU_ASSERT_PTR_NULL(selector_list_domain(l, "a.example", &n));
	CU_ASSERT_EQUAL(n, 0);
	selector_list_free(l);
	add(d, "b.example", "ed-2", DKIM_ED25519_SHA256);
	add(d, "b.example", "rsa-2", DKIM_RSA_SHA256);
	add(d, "b.example", "rsa-1", DKIM_RSA_SHA256);
	add(d, "a.example", "x", DKIM_RSA_SHA256);
	add(d, "b-b.example", "x", DKIM_RSA_SHA256);
	l = load(d);
	CU_ASSERT_EQUAL_FATAL(l->n, 5);
	CU_ASSERT_EQUAL(l->generation, generation(d));
	ASSERT_STR(l->at[0].domain, "a.example");
	ASSERT_STR(l->at[1].domain, "b-b.example");
	run = selector_list_domain(l, "b.example", &n);
	CU_ASSERT_EQUAL_FATAL(n, 3);
	ASSERT_STR(run[0].name, "rsa-1");
	ASSERT_STR(run[1].name, "rsa-2");
	ASSERT_STR(run[2].name, "ed-2");
	CU_ASSERT_EQUAL(run[2].alg, DKIM_ED25519_SHA256);
	CU_ASSERT_EQUAL(run[2].bits, 2048);
	CU_ASSERT_EQUAL(run[2].created, NOW);
	ASSERT_STR(run[2].fingerprint, FP_A);
	ASSERT_STR(run[2].public_base64, "MIIB");
	CU_ASSERT_PTR_NULL(selector_list_domain(l, "b", &n));
	CU_ASSERT_PTR_NULL(selector_list_domain(l, "c.example", &n));
	CU_ASSERT_PTR_NULL(selector_list_find(l, "a.example", "rsa-1"));
	CU_ASSERT_PTR_NOT_NULL(selector_list_find(l, "b-b.example", "x"));
	selector_list_free(l);
	selector_list_free(NULL);
	directory_close(d);
}

static void test_names_are_never_reused(void)
{
	struct directory *d = fresh("names");
	struct err err = ERR_INIT;
	struct selector s = make("a.example", "s1", DKIM_RSA_SHA256);
	bool used = true;

	ASSERT_OK(d->ops->selector_name_used(d, "a.example", "s1", &used, &err), &err);
	CU_ASSERT_FALSE(used);
	add(d, "a.example", "s1", DKIM_RSA_SHA256);
	ASSERT_FAILS(d->ops->selector_add(d, &s, &err), RC_EXISTS, &err, "'s1'");
	add(d, "b.example", "s1", DKIM_RSA_SHA256);
	s = get(d, "a.example", "s1");
	ASSERT_OK(d->ops->selector_remove(d, &s, &err), &err);
	CU_ASSERT_EQUAL(get(d, "a.example", "s1").revision, -1);
	ASSERT_FAILS(d->ops->selector_remove(d, &s, &err), RC_NOTFOUND, &err, "'s1'");
	s = make("a.example", "s1", DKIM_RSA_SHA256);
	ASSERT_FAILS(d->ops->selector_add(d, &s, &err), RC_EXISTS, &err, "never used");
	ASSERT_OK(d->ops->selector_name_used(d, "a.example", "s1", &used, &err), &err);
	CU_ASSERT_TRUE(used);
	directory_close(d);
}

static bool revoked(struct directory *d, const char *fingerprint)
{
	struct err err = ERR_INIT;
	bool ret = false;

	ASSERT_OK(d->ops->key_revoked(d, fingerprint, &ret, &err), &err);
	return ret;
}

static void test_a_revoked_key_never_signs_again(void)
{
	struct directory *d = fresh("revoked-key");
	struct err err = ERR_INIT;
	struct selector twin, s, other = make("a.example", "s3", DKIM_RSA_SHA256);

	memset(other.fingerprint, 'b', SHA256_HEX_SIZE - 1);
	add(d, "a.example", "s1", DKIM_RSA_SHA256);
	add(d, "b.example", "s2", DKIM_RSA_SHA256); /* with the same key */
	s = get(d, "a.example", "s1");
	CU_ASSERT_FALSE(revoked(d, s.fingerprint));
	ASSERT_OK(d->ops->selector_set_state(d, &s, SEL_REVOKED, NOW, &err), &err);
	CU_ASSERT_TRUE(revoked(d, s.fingerprint));
	CU_ASSERT_FALSE(revoked(d, other.fingerprint));
	s = get(d, "a.example", "s1");
	ASSERT_FAILS(d->ops->selector_activate(d, &s, NOW, NOW, &err), RC_REFUSED, &err, "revoked");
	twin = get(d, "b.example", "s2");
	ASSERT_FAILS(d->ops->selector_activate(d, &twin, NOW, NOW, &err), RC_REFUSED, &err, "'s2'");
	ASSERT_OK(d->ops->selector_remove(d, &s, &err), &err);
	s = make("a.example", "s4", DKIM_RSA_SHA256);
	ASSERT_FAILS(d->ops->selector_add(d, &s, &err), RC_REFUSED, &err, "never signs again");
	ASSERT_OK(d->ops->selector_add(d, &other, &err), &err);
	other = get(d, "a.example", "s3");
	ASSERT_OK(d->ops->selector_activate(d, &other, NOW, NOW, &err), &err);
	CU_ASSERT_EQUAL(get(d, "a.example", "s4").revision, -1);
	directory_close(d);
}

static void test_add_refuses(void)
{
	struct directory *d = fresh("refuses");
	struct err err = ERR_INIT;
	struct selector s = make("a.example", "s1", DKIM_RSA_SHA256);
	int64_t before = generation(d);

	strcpy(s.fingerprint, "../../etc/passwd");
	ASSERT_FAILS(d->ops->selector_add(d, &s, &err), RC_INPUT, &err, "key");
	s = make("", "s1", DKIM_RSA_SHA256);
	ASSERT_FAILS(d->ops->selector_add(d, &s, &err), RC_INPUT, &err, "domain");
	s = make("a.example", "s1", DKIM_RSA_SHA256);
	s.state = SEL_ACTIVE;
	ASSERT_OK(d->ops->selector_add(d, &s, &err), &err);
	s.name = "s2";
	ASSERT_FAILS(d->ops->selector_add(d, &s, &err), RC_EXISTS, &err, "active rsa-sha256");
	/* Nothing of the refused one is left: not even its name. */
	s.state = SEL_STANDBY;
	ASSERT_OK(d->ops->selector_add(d, &s, &err), &err);
	CU_ASSERT_TRUE(generation(d) > before);
	directory_close(d);
}

static void activate(struct directory *d, const char *name, int64_t not_before, int64_t now)
{
	struct err err = ERR_INIT;
	struct selector s = get(d, "a.example", name);

	ASSERT_OK(d->ops->selector_activate(d, &s, not_before, now, &err), &err);
}

/* Who signs for a.example by RSA at WHEN. */
static void assert_signs(struct directory *d, int64_t when, const char *want)
{
	struct selector_list *l = load(d);
	const struct selector *s;
	size_t n;

	s = selector_list_domain(l, "a.example", &n);
	s = selector_for_signing(s, n, DKIM_RSA_SHA256, when);
	ASSERT_STR(s != NULL ? s->name : "(none)", want);
	selector_list_free(l);
}

static void test_activation_hands_over(void)
{
	struct directory *d = fresh("activate");
	struct selector s;

	add(d, "a.example", "s1", DKIM_RSA_SHA256);
	add(d, "a.example", "s2", DKIM_RSA_SHA256);
	add(d, "a.example", "ed", DKIM_ED25519_SHA256);
	add(d, "b.example", "s1", DKIM_RSA_SHA256);
	activate(d, "ed", NOW, NOW);
	activate(d, "s1", NOW, NOW);
	assert_signs(d, NOW, "s1");
	activate(d, "s2", NOW + 100, NOW + 50);
	s = get(d, "a.example", "s1");
	CU_ASSERT_EQUAL(s.state, SEL_RETIRING);
	CU_ASSERT_EQUAL(s.retired, NOW + 50);
	CU_ASSERT_EQUAL(s.not_before, NOW);
	s = get(d, "a.example", "s2");
	CU_ASSERT_EQUAL(s.state, SEL_ACTIVE);
	CU_ASSERT_EQUAL(s.not_before, NOW + 100);
	CU_ASSERT_EQUAL(get(d, "a.example", "ed").state, SEL_ACTIVE);
	CU_ASSERT_EQUAL(get(d, "b.example", "s1").state, SEL_STANDBY);
	assert_signs(d, NOW + 99, "s1");
	assert_signs(d, NOW + 100, "s2");
	/* Back again: it was retired, now it is not. */
	activate(d, "s1", NOW + 200, NOW + 200);
	CU_ASSERT_EQUAL(get(d, "a.example", "s1").retired, 0);
	assert_signs(d, NOW + 200, "s1");
	directory_close(d);
}

static void test_the_newest_activation_wins(void)
{
	struct directory *d = fresh("newest");

	add(d, "a.example", "s3", DKIM_RSA_SHA256);
	add(d, "a.example", "s2", DKIM_RSA_SHA256);
	add(d, "a.example", "s1", DKIM_RSA_SHA256);
	activate(d, "s3", NOW, NOW);
	/* In the same second, with the smaller name. */
	activate(d, "s2", NOW, NOW);
	assert_signs(d, NOW, "s2");
	/* Planned for later, then overtaken: it must not come back when its time is there. */
	activate(d, "s3", NOW + 1000, NOW + 1);
	assert_signs(d, NOW + 500, "s2");
	activate(d, "s1", NOW + 10, NOW + 10);
	assert_signs(d, NOW + 9, "s2");
	assert_signs(d, NOW + 10, "s1");
	assert_signs(d, NOW + 2000, "s1");
	directory_close(d);
}

static void test_revision_guards(void)
{
	struct directory *d = fresh("revision");
	struct err err = ERR_INIT;
	struct selector stale, s;
	int64_t before;

	add(d, "a.example", "old", DKIM_RSA_SHA256);
	add(d, "a.example", "s1", DKIM_RSA_SHA256);
	activate(d, "old", NOW, NOW);
	stale = get(d, "a.example", "s1");
	CU_ASSERT_EQUAL(stale.revision, 1);
	ASSERT_OK(d->ops->selector_set_state(d, &stale, SEL_PUBLISHED, NOW + 5, &err), &err);
	s = get(d, "a.example", "s1");
	CU_ASSERT_EQUAL(s.revision, 2);
	CU_ASSERT_EQUAL(s.state, SEL_PUBLISHED);
	CU_ASSERT_EQUAL(s.seen_since, NOW + 5);
	before = generation(d);
	ASSERT_FAILS(d->ops->selector_set_state(d, &stale, SEL_STANDBY, NOW, &err), RC_AGAIN, &err,
		     "changed meanwhile");
	ASSERT_FAILS(d->ops->selector_activate(d, &stale, NOW, NOW, &err), RC_AGAIN, &err, "s1");
	ASSERT_FAILS(d->ops->selector_remove(d, &stale, &err), RC_AGAIN, &err, "s1");
	/* The activation that failed has not retired the old one. */
	CU_ASSERT_EQUAL(get(d, "a.example", "old").state, SEL_ACTIVE);
	CU_ASSERT_EQUAL(generation(d), before);
	stale.name = "nobody";
	ASSERT_FAILS(d->ops->selector_set_state(d, &stale, SEL_STANDBY, NOW, &err), RC_NOTFOUND,
		     &err, "'nobody'");
	ASSERT_FAILS(d->ops->selector_set_state(d, &s, SEL_ACTIVE, NOW, &err), RC_INPUT, &err,
		     "activation");
	ASSERT_FAILS(d->ops->selector_activate(d, &s, 0, NOW, &err), RC_INPUT, &err, "time");
	directory_close(d);
}

static void test_times_follow_the_state(void)
{
	struct directory *d = fresh("times");
	static const struct {
		enum sel_state to;
		int64_t now, seen_since, retired;
	} rows[] = {
		{SEL_PUBLISHED, 10, 10, 0}, {SEL_STANDBY, 20, 0, 0},   {SEL_PUBLISHED, 30, 30, 0},
		{SEL_RETIRING, 40, 30, 40}, {SEL_REVOKED, 50, 30, 40},
	};

	add(d, "a.example", "s1", DKIM_RSA_SHA256);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct selector s = get(d, "a.example", "s1");
		struct err err = ERR_INIT;

		ASSERT_OK(d->ops->selector_set_state(d, &s, rows[i].to, rows[i].now, &err), &err);
		s = get(d, "a.example", "s1");
		CU_ASSERT_EQUAL(s.state, rows[i].to);
		CU_ASSERT_EQUAL(s.seen_since, rows[i].seen_since);
		CU_ASSERT_EQUAL(s.retired, rows[i].retired);
		CU_ASSERT_EQUAL(s.revision, (int64_t)i + 2);
	}
	directory_close(d);
}

static int count_audit(void *ret, int n, char **values, char **names)
{
	(void)n;
	(void)names;
	snprintf(ret, 200, "%s", values[0]);
	return 0;
}

static void test_audit(void)
{
	struct directory *d = fresh("audit");
	struct err err = ERR_INIT;
	char seen[200] = "";
	struct selector s;
	sqlite3 *db;

	add(d, "a.example", "s1", DKIM_RSA_SHA256);
	activate(d, "s1", NOW, NOW);
	s = get(d, "a.example", "s1");
	ASSERT_OK(d->ops->selector_set_state(d, &s, SEL_REVOKED, NOW, &err), &err);
	ASSERT_FAILS(d->ops->selector_remove(d, &s, &err), RC_AGAIN, &err, "");
	s = get(d, "a.example", "s1");
	ASSERT_OK(d->ops->selector_remove(d, &s, &err), &err);
	directory_close(d);
	CU_ASSERT_EQUAL_FATAL(sqlite3_open(test_path("audit/" CATALOGUE_FILE), &db), SQLITE_OK);
	CU_ASSERT_EQUAL(
		sqlite3_exec(db,
			     "SELECT group_concat(what || ' ' || domain || ' ' || name || ' ' "
			     "|| substr(fingerprint, 1, 2), ',') FROM audit WHERE at > 0",
			     count_audit, seen, NULL),
		SQLITE_OK);
	sqlite3_close(db);
	ASSERT_STR(seen, "add a.example s1 aa,activate a.example s1 aa,revoked a.example s1 aa,"
			 "remove a.example s1 aa");
}

static void test_a_reader_follows_a_writer(void)
{
	struct directory *w = fresh("follow"), *r = NULL;
	struct err err = ERR_INIT;
	struct selector s = make("a.example", "s2", DKIM_RSA_SHA256);
	int64_t before;

	ASSERT_OK(directory_open(test_path("follow"), DIRECTORY_READ, &r, &err), &err);
	before = generation(r);
	CU_ASSERT_EQUAL(generation(r), before);
	add(w, "a.example", "s1", DKIM_RSA_SHA256);
	CU_ASSERT_NOT_EQUAL(generation(r), before);
	CU_ASSERT_EQUAL(get(r, "a.example", "s1").revision, 1);
	ASSERT_FAILS(r->ops->selector_add(r, &s, &err), RC_PERM, &err, "opened for reading");
	directory_close(w);
	directory_close(r);
}

/* A restore puts another file in its place; a reader that stays open must not go on with the old one. */
static void test_a_reader_notices_another_file(void)
{
	struct directory *w = fresh("replaced"), *r = NULL;
	struct err err = ERR_INIT;
	int64_t before, g = 0;

	add(w, "a.example", "s1", DKIM_RSA_SHA256);
	directory_close(w);
	ASSERT_OK(directory_open(test_path("replaced"), DIRECTORY_READ, &r, &err), &err);
	before = generation(r);
	CU_ASSERT_EQUAL(rename(test_path("replaced"), test_path("replaced-old")), 0);
	ASSERT_FAILS(r->ops->generation(r, &g, &err), RC_NOTFOUND, &err, "no catalogue yet");
	w = fresh("replaced");
	add(w, "a.example", "s2", DKIM_RSA_SHA256);
	CU_ASSERT_NOT_EQUAL(generation(r), before);
	CU_ASSERT_EQUAL(get(r, "a.example", "s1").revision, -1);
	CU_ASSERT_EQUAL(get(r, "a.example", "s2").revision, 1);
	directory_close(w);
	directory_close(r);
}

static void test_many(void)
{
	static const char sql[] =
		"WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 99999) "
		"INSERT INTO selector_name SELECT printf('d%05d.example', i * 7919 % 100000), 's', "
		"1 FROM n;"
		"INSERT INTO selector (domain, name, alg, state, fingerprint, public, bits, "
		"created) "
		"SELECT domain, name, 'rsa-sha256', 'active', lower(hex(zeroblob(32))), "
		"hex(zeroblob(196)), 2048, 1 FROM selector_name;";
	struct directory *d = fresh("many");
	struct selector_list *l;
	char domain[32];
	clock_t start;
	size_t n, found = 0;
	sqlite3 *db;

	directory_close(d);
	CU_ASSERT_EQUAL_FATAL(sqlite3_open(test_path("many/" CATALOGUE_FILE), &db), SQLITE_OK);
	CU_ASSERT_EQUAL(sqlite3_exec(db, "BEGIN", NULL, NULL, NULL), SQLITE_OK);
	CU_ASSERT_EQUAL(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	CU_ASSERT_EQUAL(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	d = fresh("many");
	start = clock();
	l = load(d);
	printf("load of %zu selectors: %.0f ms\n", l->n,
	       (double)(clock() - start) * 1000 / CLOCKS_PER_SEC);
	CU_ASSERT_EQUAL(l->n, 100000);
	for (unsigned i = 0; i < 100000; i += 97) {
		snprintf(domain, sizeof(domain), "d%05u.example", i);
		found += selector_list_domain(l, domain, &n) != NULL && n == 1;
	}
	CU_ASSERT_EQUAL(found, 1031);
	selector_list_free(l);
	directory_close(d);
}

int main(void)
{
	static const struct test tests[] = {
		{"which selector signs", test_for_signing},
		{"words of the states", test_states},
		{"the list is sorted and searched", test_list_is_sorted_and_searched},
		{"names are never reused", test_names_are_never_reused},
		{"a revoked key never signs again", test_a_revoked_key_never_signs_again},
		{"what add refuses", test_add_refuses},
		{"an activation hands over", test_activation_hands_over},
		{"the newest activation wins", test_the_newest_activation_wins},
		{"a revision guards", test_revision_guards},
		{"times follow the state", test_times_follow_the_state},
		{"the audit", test_audit},
		{"a reader follows a writer", test_a_reader_follows_a_writer},
		{"a reader notices another file", test_a_reader_notices_another_file},
		{"100,000 selectors", test_many},
	};

	return test_main("directory", tests, COUNT_OF(tests));
}
