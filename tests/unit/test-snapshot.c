/* The snapshot of configuration and catalogue, and the store that threads take it from. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "conf/snapshot.h"
#include "test.h"

static void write_file(const char *path, const char *text)
{
	struct err e = ERR_INIT;

	ASSERT_OK(file_write_atomic(path, span_str(text), 0600, true, &e), &e);
}

/* mailseal.conf with the domains a.example and b.example, state_dir NAME. */
static const char *make_conf(const char *name)
{
	const char *path = test_path("mailseal.conf");
	char text[1000];

	snprintf(text, sizeof(text),
		 "state_dir = \"%s\";\n"
		 "domains = ( { name = \"a.example\"; }, { name = \"b.example\"; } );\n",
		 test_path(name));
	write_file(path, text);
	return path;
}

static void add_selector(struct directory *d, const char *domain, const char *name,
			 enum dkim_alg alg)
{
	struct err e = ERR_INIT;
	struct selector s = {.domain = domain,
			     .name = name,
			     .alg = alg,
			     .state = SEL_STANDBY,
			     .public_base64 = "AAAA",
			     .bits = 2048,
			     .created = 1000};

	memset(s.fingerprint, 'a', SHA256_HEX_SIZE - 1);
	ASSERT_OK(d->ops->selector_add(d, &s, &e), &e);
}

static void add_user(struct directory *d, const char *account)
{
	struct err e = ERR_INIT;
	struct user_cert u = {.account = account, .der = SPAN_LIT("x"), .kind = CERT_RSA};

	memset(u.fingerprint, 'b', SHA256_HEX_SIZE - 1);
	ASSERT_OK(d->ops->user_cert_add(d, &u, &e), &e);
}

static void make_catalogue(const char *name)
{
	struct directory *d = NULL;
	struct err e = ERR_INIT;

	CU_ASSERT_EQUAL(mkdir(test_path(name), 0700), 0);
	if (!ASSERT_OK(directory_open(test_path(name), DIRECTORY_CREATE, &d, &e), &e))
		exit(1);
	add_selector(d, "b.example", "s2", DKIM_RSA_SHA256);
	add_selector(d, "b.example", "e1", DKIM_ED25519_SHA256);
	add_selector(d, "b.example", "s1", DKIM_RSA_SHA256);
	add_selector(d, "left.example", "s1", DKIM_RSA_SHA256);
	add_user(d, "john@b.example");
	directory_close(d);
}

static void test_no_catalogue(void)
{
	struct snapshot *s = NULL;
	struct conf_problems p;
	struct err e = ERR_INIT;
	size_t n = 7;

	conf_problems_init(&p);
	ASSERT_OK(snapshot_load(make_conf("no-state"), 1234, &s, &p, &e), &e);
	CU_ASSERT_EQUAL(p.warnings, 1);
	CU_ASSERT_EQUAL(p.errors, 0);
	CU_ASSERT_EQUAL(p.v.len, 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(((struct conf_problem *)p.v.items)->text, "mailseal setup"));
	CU_ASSERT_EQUAL(s->conf->n_domains, 2);
	CU_ASSERT_EQUAL(s->loaded, 1234);
	CU_ASSERT_PTR_NOT_NULL(s->selectors);
	CU_ASSERT_EQUAL(s->selectors->n, 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s->users);
	CU_ASSERT_EQUAL(s->users->n, 0);
	CU_ASSERT_PTR_NULL(snapshot_selectors(s, "a.example", &n));
	CU_ASSERT_EQUAL(n, 0);
	CU_ASSERT_PTR_NULL(snapshot_unref(s));
	conf_problems_clear(&p);
	/* Nobody has to listen. */
	ASSERT_OK(snapshot_load(make_conf("no-state"), 1, &s, NULL, &e), &e);
	snapshot_unref(s);
}

static void test_catalogue(void)
{
	struct snapshot *s = NULL, *later = NULL;
	const struct selector *run;
	struct conf_problems p;
	struct err e = ERR_INIT;
	size_t n = 0;

	make_catalogue("state");
	conf_problems_init(&p);
	ASSERT_OK(snapshot_load(make_conf("state"), 1, &s, &p, &e), &e);
	CU_ASSERT_EQUAL(p.v.len, 0);
	CU_ASSERT_EQUAL(s->selectors->n, 4);
	CU_ASSERT_EQUAL_FATAL(s->users->n, 1);
	ASSERT_STR(s->users->at[0].account, "john@b.example");
	CU_ASSERT_EQUAL(s->users->generation, s->selectors->generation);
	run = snapshot_selectors(s, "b.example", &n);
	CU_ASSERT_EQUAL(n, 3);
	ASSERT_STR(run[0].name, "s1");
	ASSERT_STR(run[1].name, "s2");
	ASSERT_STR(run[2].name, "e1");
	CU_ASSERT_PTR_NULL(snapshot_selectors(s, "a.example", &n));
	CU_ASSERT_EQUAL(n, 0);
	ASSERT_OK(snapshot_load(make_conf("state"), 2, &later, &p, &e), &e);
	CU_ASSERT_EQUAL(later->serial, s->serial + 1);
	snapshot_unref(s);
	snapshot_unref(later);
	conf_problems_clear(&p);
}

/* What fails leaves *ret alone. */
static void test_failures(void)
{
	struct snapshot *s = NULL;
	struct conf_problems p;
	struct err e = ERR_INIT;
	const char *file;

	conf_problems_init(&p);
	ASSERT_FAILS(snapshot_load(test_path("none.conf"), 1, &s, &p, &e), RC_NOTFOUND, &e, "none");
	write_file(test_path("bad.conf"), "a = ;\n");
	ASSERT_FAILS(snapshot_load(test_path("bad.conf"), 1, &s, &p, &e), RC_CONF, &e, ":1: ");
	CU_ASSERT_EQUAL(p.errors, 1);
	ASSERT_FAILS(snapshot_load(test_path("bad.conf"), 1, &s, NULL, &e), RC_CONF, &e, ":1: ");
	file = make_conf("broken");
	CU_ASSERT_EQUAL(mkdir(test_path("broken"), 0700), 0);
	write_file(test_path("broken/catalogue.db"),
		   "this is no database at all, whatever its name");
	ASSERT_FAILS(snapshot_load(file, 1, &s, &p, &e), RC_CONF, &e, "catalogue.db");
	CU_ASSERT_PTR_NULL(s);
	conf_problems_clear(&p);
}

static struct snapshot *load(const char *file)
{
	struct snapshot *s = NULL;
	struct err e = ERR_INIT;

	if (!ASSERT_OK(snapshot_load(file, 1, &s, NULL, &e), &e))
		exit(1);
	return s;
}

static struct snapshot_store *new_store(void)
{
	struct snapshot_store *store = NULL;
	struct err e = ERR_INIT;

	if (!ASSERT_OK(snapshot_store_new(&store, &e), &e))
		exit(1);
	return store;
}

/* A pinned one outlives the swap; the store keeps the current one only. */
static void test_store(void)
{
	struct snapshot_store *store = new_store();
	const char *file = make_conf("no-state");
	struct snapshot *first, *second, *pinned;

	CU_ASSERT_PTR_NULL(snapshot_store_get(store));
	first = load(file);
	second = load(file);
	snapshot_store_swap(store, first);
	pinned = snapshot_store_get(store);
	CU_ASSERT_PTR_EQUAL(pinned, first);
	snapshot_store_swap(store, second);
	ASSERT_STR(pinned->conf->domains[1].name, "b.example");
	snapshot_unref(pinned);
	pinned = snapshot_store_get(store);
	CU_ASSERT_PTR_EQUAL(pinned, second);
	CU_ASSERT_PTR_NULL(snapshot_store_free(store));
	ASSERT_STR(pinned->conf->domains[0].name, "a.example");
	CU_ASSERT_PTR_EQUAL(snapshot_ref(pinned), pinned);
	snapshot_unref(pinned);
	ASSERT_STR(pinned->conf->domains[0].name, "a.example");
	snapshot_unref(pinned);
	CU_ASSERT_PTR_NULL(snapshot_ref(NULL));
	CU_ASSERT_PTR_NULL(snapshot_unref(NULL));
	CU_ASSERT_PTR_NULL(snapshot_store_free(NULL));
}

enum { THREADS = 8, SWAPS = 300 };

struct reader {
	pthread_t thread;
	struct snapshot_store *store;
	atomic_bool *done;
	unsigned wrong; /* what was not as it should be */
};

/* Each message sees one whole snapshot, and none older than the one before. */
static void *read_snapshots(void *arg)
{
	struct reader *r = arg;
	uint64_t last = 0;

	while (!atomic_load(r->done)) {
		struct snapshot *s = snapshot_store_get(r->store);

		r->wrong += s->serial < last || s->conf->n_domains != 2 ||
			    conf_domain_find(s->conf, "b.example") == NULL || s->selectors->n != 0;
		last = s->serial;
		snapshot_unref(s);
	}
	return NULL;
}

static void test_threads(void)
{
	struct snapshot_store *store = new_store();
	const char *file = make_conf("no-state");
	struct reader readers[THREADS];
	atomic_bool done = false;

	snapshot_store_swap(store, load(file));
	for (size_t i = 0; i < THREADS; i++) {
		readers[i] = (struct reader){.store = store, .done = &done};
		CU_ASSERT_EQUAL_FATAL(
			pthread_create(&readers[i].thread, NULL, read_snapshots, &readers[i]), 0);
	}
	for (unsigned i = 0; i < SWAPS; i++)
		snapshot_store_swap(store, load(file));
	atomic_store(&done, true);
	for (size_t i = 0; i < THREADS; i++) {
		CU_ASSERT_EQUAL(pthread_join(readers[i].thread, NULL), 0);
		CU_ASSERT_EQUAL(readers[i].wrong, 0);
	}
	snapshot_store_free(store);
}

int main(void)
{
	static const struct test tests[] = {
		{"no catalogue yet: an empty one, and a warning", test_no_catalogue},
		{"selectors of the catalogue", test_catalogue},
		{"failures", test_failures},
		{"store: pinned ones stay", test_store},
		{"store: threads against swaps", test_threads},
	};

	return test_main("snapshot", tests, COUNT_OF(tests));
}
