/* Parsed keys of the whole process. One mutex guards the table and the list; files are read outside it. An entry
 * that is being filled is never evicted, and everybody else who wants it waits on the one condition. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "directory/keystore.h"

enum { RETRY_SECONDS = 10 };

enum entry_state { ENTRY_FILLING, ENTRY_GOOD, ENTRY_FAILED };

struct entry {
	struct entry *chain;	     /* of its bucket */
	struct entry *newer, *older; /* by last use */
	char fingerprint[SHA256_HEX_SIZE];
	enum entry_state state;
	struct key *key;
	enum rc rc; /* FAILED: what is said until RETRY_AT */
	char *text;
	int64_t retry_at;
};

struct keycache {
	pthread_mutex_t lock;
	pthread_cond_t filled;
	char *state_dir;
	size_t max, n;
	size_t mask; /* of the buckets: their number is a power of two */
	struct entry **buckets;
	struct entry *newest, *oldest;
	int64_t (*clock)(void); /* seconds that never run backwards */
};

static int64_t monotonic(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

enum rc keycache_new(const char *state_dir, size_t max_keys, struct keycache **ret, struct err *err)
{
	struct keycache *c = calloc(1, sizeof(*c));
	size_t buckets = 16;

	while (buckets < max_keys && buckets < (size_t)1 << 20)
		buckets *= 2;
	if (c != NULL) {
		c->state_dir = strdup(state_dir);
		c->buckets = calloc(buckets, sizeof(struct entry *));
	}
	if (c == NULL || c->state_dir == NULL || c->buckets == NULL) {
		if (c != NULL) {
			free(c->state_dir);
			free(c->buckets);
		}
		free(c);
		return err_set(err, RC_NOMEM, "cache of keys: out of memory");
	}
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->filled, NULL);
	c->max = max_keys > 0 ? max_keys : 1;
	c->mask = buckets - 1;
	c->clock = monotonic;
	*ret = c;
	return RC_OK;
}

void keycache_set_clock(struct keycache *c, int64_t (*clock)(void))
{
	c->clock = clock;
}

/* The fingerprint is a SHA-256: its first digits are as good as any hash of it. */
static struct entry **bucket_of(struct keycache *c, const char *fingerprint)
{
	size_t hash = 0;

	for (size_t i = 0; i < 15 && fingerprint[i] != '\0'; i++)
		hash = hash << 4 | (size_t)(fingerprint[i] <= '9' ? fingerprint[i] - '0'
								  : fingerprint[i] - 'a' + 10);
	return &c->buckets[hash & c->mask];
}

static struct entry *find(struct keycache *c, const char *fingerprint)
{
	struct entry *e = *bucket_of(c, fingerprint);

	while (e != NULL && strcmp(e->fingerprint, fingerprint) != 0)
		e = e->chain;
	return e;
}

/* ---- the list by last use ---- */

static void unlink_entry(struct keycache *c, struct entry *e)
{
	*(e->newer != NULL ? &e->newer->older : &c->newest) = e->older;
	*(e->older != NULL ? &e->older->newer : &c->oldest) = e->newer;
}

static void link_newest(struct keycache *c, struct entry *e)
{
	e->newer = NULL;
	e->older = c->newest;
	*(c->newest != NULL ? &c->newest->newer : &c->oldest) = e;
	c->newest = e;
}

static void entry_free(struct entry *e)
{
	key_unref(e->key);
	free(e->text);
	free(e);
}

static void drop(struct keycache *c, struct entry *e)
{
	struct entry **at = bucket_of(c, e->fingerprint);

	while (*at != e)
		at = &(*at)->chain;
	*at = e->chain;
	unlink_entry(c, e);
	c->n--;
	entry_free(e);
}

/* False when every entry is being filled: then the newcomer goes without a place. */
static bool make_room(struct keycache *c)
{
	struct entry *e = c->oldest;

	if (c->n < c->max)
		return true;
	while (e != NULL && e->state == ENTRY_FILLING)
		e = e->newer;
	if (e == NULL)
		return false;
	drop(c, e);
	return true;
}

static struct entry *add(struct keycache *c, const char *fingerprint)
{
	struct entry **bucket = bucket_of(c, fingerprint);
	struct entry *e;

	if (!make_room(c))
		return NULL;
	e = calloc(1, sizeof(*e));
	if (e == NULL)
		return NULL;
	memcpy(e->fingerprint, fingerprint, SHA256_HEX_SIZE);
	e->chain = *bucket;
	*bucket = e;
	link_newest(c, e);
	c->n++;
	return e;
}

/* ---- look-up ---- */

/* Called and returns with the lock held. */
static enum rc fill(struct keycache *c, struct entry *e, struct key **ret, struct err *err)
{
	struct err own = ERR_INIT;
	struct key *k = NULL;
	enum rc rc;

	e->state = ENTRY_FILLING;
	pthread_mutex_unlock(&c->lock);
	rc = keystore_get(c->state_dir, e->fingerprint, &k, &own);
	pthread_mutex_lock(&c->lock);
	if (rc == RC_OK) {
		e->state = ENTRY_GOOD;
		e->key = k;
		*ret = key_ref(k);
	} else {
		if (err != NULL)
			*err = own;
		e->state = ENTRY_FAILED;
		e->rc = rc;
		e->text = strdup(own.text);
		e->retry_at = rc_passes(rc) ? 0 : c->clock() + RETRY_SECONDS;
	}
	pthread_cond_broadcast(&c->filled);
	return rc;
}

static enum rc remembered(const struct entry *e, struct err *err)
{
	return err_set(err, e->rc, "%s", e->text != NULL ? e->text : "the key could not be read");
}

/* With the lock held. */
static enum rc get_locked(struct keycache *c, const char *fingerprint, struct key **ret,
			  struct err *err)
{
	struct entry *e;

	/* Looked for again after each wait: it may have been evicted meanwhile. */
	while ((e = find(c, fingerprint)) != NULL && e->state == ENTRY_FILLING)
		pthread_cond_wait(&c->filled, &c->lock);
	if (e == NULL) {
		e = add(c, fingerprint);
		if (e == NULL) {
			enum rc rc;

			pthread_mutex_unlock(&c->lock);
			rc = keystore_get(c->state_dir, fingerprint, ret, err);
			pthread_mutex_lock(&c->lock);
			return rc;
		}
		return fill(c, e, ret, err);
	}
	unlink_entry(c, e);
	link_newest(c, e);
	if (e->state == ENTRY_GOOD) {
		*ret = key_ref(e->key);
		return RC_OK;
	}
	if (c->clock() < e->retry_at)
		return remembered(e, err);
	free(e->text);
	e->text = NULL;
	return fill(c, e, ret, err);
}

enum rc keycache_get(struct keycache *c, const char *fingerprint, struct key **ret, struct err *err)
{
	enum rc rc;

	if (!fingerprint_valid(fingerprint))
		return err_set(err, RC_INPUT, "'%s' is no fingerprint", fingerprint);
	pthread_mutex_lock(&c->lock);
	rc = get_locked(c, fingerprint, ret, err);
	pthread_mutex_unlock(&c->lock);
	return rc;
}

void keycache_forget_failures(struct keycache *c)
{
	pthread_mutex_lock(&c->lock);
	for (struct entry *e = c->newest; e != NULL; e = e->older)
		if (e->state == ENTRY_FAILED)
			e->retry_at = 0;
	pthread_mutex_unlock(&c->lock);
}

struct keycache *keycache_free(struct keycache *c)
{
	struct entry *older;

	if (c == NULL)
		return NULL;
	for (struct entry *e = c->newest; e != NULL; e = older) {
		older = e->older;
		entry_free(e);
	}
	pthread_cond_destroy(&c->filled);
	pthread_mutex_destroy(&c->lock);
	free(c->buckets);
	free(c->state_dir);
	free(c);
	return NULL;
}
