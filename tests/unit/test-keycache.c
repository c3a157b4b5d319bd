/* The cache of parsed keys: one filler, bounded, failures remembered, from many threads. */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "directory/keystore.h"
#include "test.h"

enum { KEYS = 6, THREADS = 8 };

static struct key *keys[KEYS];
static int64_t fake_now = 1000;

static int64_t fake_clock(void)
{
	return fake_now;
}

static const char *file_of(const struct key *k)
{
	char below[300];

	snprintf(below, sizeof(below), "keys/%s.pem", key_fingerprint(k));
	return test_path(below);
}

static void make_keys(void)
{
	struct err err = ERR_INIT;

	for (size_t i = 0; i < KEYS; i++) {
		ASSERT_OK(key_generate(KEY_ED25519, 0, &keys[i], &err), &err);
		ASSERT_OK(keystore_put(test_dir(), keys[i], &err), &err);
	}
}

static struct keycache *new_cache(size_t max)
{
	struct keycache *c = NULL;
	struct err err = ERR_INIT;

	ASSERT_OK(keycache_new(test_dir(), max, &c, &err), &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	keycache_set_clock(c, fake_clock);
	return c;
}

static struct key *get(struct keycache *c, size_t i)
{
	struct err err = ERR_INIT;
	struct key *k = NULL;

	ASSERT_OK(keycache_get(c, key_fingerprint(keys[i]), &k, &err), &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(k);
	ASSERT_STR(key_fingerprint(k), key_fingerprint(keys[i]));
	return k;
}

static void test_kept(void)
{
	struct keycache *c = new_cache(10);
	struct key *a = get(c, 0), *b = get(c, 0);
	struct err err = ERR_INIT;

	CU_ASSERT_PTR_EQUAL(a, b);
	key_unref(b);
	/* No look at the file again. */
	CU_ASSERT_EQUAL(rename(file_of(keys[0]), test_path("aside")), 0);
	b = get(c, 0);
	CU_ASSERT_PTR_EQUAL(a, b);
	CU_ASSERT_EQUAL(rename(test_path("aside"), file_of(keys[0])), 0);
	keycache_free(c);
	/* The references outlive the cache. */
	ASSERT_STR(key_fingerprint(a), key_fingerprint(b));
	key_unref(a);
	key_unref(b);
	CU_ASSERT_PTR_NULL(keycache_free(NULL));
	c = new_cache(10);
	ASSERT_FAILS(keycache_get(c, "../x", &a, &err), RC_INPUT, &err, "no fingerprint");
	keycache_free(c);
}

/* The least recently used one makes room. */
static void test_bounded(void)
{
	struct keycache *c = new_cache(2);
	struct err err = ERR_INIT;
	struct key *k = NULL;

	key_unref(get(c, 0));
	key_unref(get(c, 1));
	key_unref(get(c, 0));
	key_unref(get(c, 2)); /* 1 goes */
	for (size_t i = 0; i < 3; i++)
		CU_ASSERT_EQUAL(rename(file_of(keys[i]), test_path(i == 0   ? "f0"
								   : i == 1 ? "f1"
									    : "f2")),
				0);
	key_unref(get(c, 0));
	key_unref(get(c, 2));
	ASSERT_FAILS(keycache_get(c, key_fingerprint(keys[1]), &k, &err), RC_NOTFOUND, &err,
		     key_fingerprint(keys[1]));
	CU_ASSERT_EQUAL(rename(test_path("f0"), file_of(keys[0])), 0);
	CU_ASSERT_EQUAL(rename(test_path("f1"), file_of(keys[1])), 0);
	CU_ASSERT_EQUAL(rename(test_path("f2"), file_of(keys[2])), 0);
	keycache_free(c);
	c = new_cache(1);
	for (size_t i = 0; i < 3 * KEYS; i++)
		key_unref(get(c, i % KEYS));
	keycache_free(c);
}

static enum rc try_get(struct keycache *c, size_t i, struct err *err)
{
	struct key *k = NULL;
	enum rc rc = keycache_get(c, key_fingerprint(keys[i]), &k, err);

	key_unref(k);
	return rc;
}

static void test_failures_are_remembered(void)
{
	struct keycache *c = new_cache(10);
	struct err err = ERR_INIT;
	char first[ERR_TEXT_MAX];

	CU_ASSERT_EQUAL(chmod(file_of(keys[0]), 0644), 0);
	ASSERT_FAILS(try_get(c, 0, &err), RC_PERM, &err, ".pem");
	strcpy(first, err.text);
	CU_ASSERT_EQUAL(chmod(file_of(keys[0]), 0600), 0);
	ROW("9 s later");
	fake_now += 9;
	ASSERT_FAILS(try_get(c, 0, &err), RC_PERM, &err, ".pem");
	ASSERT_STR(err.text, first);
	CU_ASSERT_EQUAL(try_get(c, 0, NULL), RC_PERM);
	key_unref(get(c, 1));
	ROW("10 s later");
	fake_now += 1;
	ASSERT_OK(try_get(c, 0, &err), &err);
	keycache_free(c);
	ROW("forgotten on reload");
	c = new_cache(10);
	CU_ASSERT_EQUAL(chmod(file_of(keys[0]), 0644), 0);
	CU_ASSERT_EQUAL(try_get(c, 0, NULL), RC_PERM);
	CU_ASSERT_EQUAL(chmod(file_of(keys[0]), 0600), 0);
	CU_ASSERT_EQUAL(try_get(c, 0, NULL), RC_PERM);
	keycache_forget_failures(c);
	ASSERT_OK(try_get(c, 0, &err), &err);
	ROW("still broken");
	CU_ASSERT_EQUAL(chmod(file_of(keys[2]), 0644), 0);
	CU_ASSERT_EQUAL(try_get(c, 2, NULL), RC_PERM);
	fake_now += 10;
	CU_ASSERT_EQUAL(try_get(c, 2, NULL), RC_PERM);
	CU_ASSERT_EQUAL(chmod(file_of(keys[2]), 0600), 0);
	CU_ASSERT_EQUAL(try_get(c, 2, NULL), RC_PERM);
	keycache_free(c);
	ROW("");
}

/* ---- threads ---- */

struct work {
	struct keycache *c;
	unsigned seed, rounds;
	struct key *last;
	atomic_uint *wrong;
};

static void *use_keys(void *arg)
{
	struct work *w = arg;

	for (unsigned i = 0; i < w->rounds; i++) {
		struct err err = ERR_INIT;
		struct key *k = NULL;
		size_t which;

		w->seed = w->seed * 1103515245 + 12345;
		which = (w->seed >> 16) % KEYS;
		if (keycache_get(w->c, key_fingerprint(keys[which]), &k, &err) != RC_OK ||
		    strcmp(key_fingerprint(k), key_fingerprint(keys[which])) != 0)
			atomic_fetch_add(w->wrong, 1);
		key_unref(k);
		if (i % 16 == 0)
			keycache_forget_failures(w->c);
	}
	return NULL;
}

static void *get_first(void *arg)
{
	struct work *w = arg;

	if (keycache_get(w->c, key_fingerprint(keys[0]), &w->last, NULL) != RC_OK)
		atomic_fetch_add(w->wrong, 1);
	return NULL;
}

static void run_threads(struct keycache *c, void *(*fn)(void *), struct work *work)
{
	pthread_t threads[THREADS];
	atomic_uint wrong = 0;

	for (unsigned i = 0; i < THREADS; i++) {
		work[i] = (struct work){.c = c, .seed = i + 1, .rounds = 60, .wrong = &wrong};
		CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, fn, &work[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++)
		CU_ASSERT_EQUAL(pthread_join(threads[i], NULL), 0);
	CU_ASSERT_EQUAL(atomic_load(&wrong), 0);
}

static void test_threads_share(void)
{
	static const size_t sizes[] = {1, 2, 3, KEYS, 100};
	struct work work[THREADS];

	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		struct keycache *c = new_cache(sizes[i]);

		run_threads(c, use_keys, work);
		keycache_free(c);
	}
}

/* A second filler would make a second object. Every thread gets the very same one. */
static void test_one_filler(void)
{
	struct work work[THREADS];

	for (int round = 0; round < 20; round++) {
		struct keycache *c = new_cache(10);

		run_threads(c, get_first, work);
		for (unsigned i = 1; i < THREADS; i++)
			CU_ASSERT_PTR_EQUAL(work[i].last, work[0].last);
		for (unsigned i = 0; i < THREADS; i++)
			key_unref(work[i].last);
		keycache_free(c);
	}
}

static void test_end(void)
{
	for (size_t i = 0; i < KEYS; i++)
		keys[i] = key_unref(keys[i]);
	CU_ASSERT_PTR_NULL(keys[0]);
}

int main(void)
{
	static const struct test tests[] = {
		{"keys to work with", make_keys},
		{"kept", test_kept},
		{"bounded", test_bounded},
		{"failures are remembered", test_failures_are_remembered},
		{"threads share", test_threads_share},
		{"one filler", test_one_filler},
		{"end", test_end},
	};

	return test_main("keycache", tests, COUNT_OF(tests));
}
