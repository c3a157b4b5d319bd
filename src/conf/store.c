#include <pthread.h>
#include <stdlib.h>

#include "conf/snapshot.h"

struct snapshot_store {
	pthread_mutex_t lock;
	struct snapshot *current;
};

enum rc snapshot_store_new(struct snapshot_store **ret, struct err *err)
{
	struct snapshot_store *s = calloc(1, sizeof(*s));
	int failed;

	if (s == NULL)
		return err_set(err, RC_NOMEM, "out of memory");
	failed = pthread_mutex_init(&s->lock, NULL);
	if (failed != 0) {
		free(s);
		return err_sys(err, RC_NOMEM, failed, "cannot make a lock");
	}
	*ret = s;
	return RC_OK;
}

struct snapshot_store *snapshot_store_free(struct snapshot_store *s)
{
	if (s != NULL) {
		snapshot_unref(s->current);
		pthread_mutex_destroy(&s->lock);
		free(s);
	}
	return NULL;
}

/* The old one is freed outside of the lock: that may take its time. */
void snapshot_store_swap(struct snapshot_store *s, struct snapshot *new_one)
{
	struct snapshot *old;

	pthread_mutex_lock(&s->lock);
	old = s->current;
	s->current = new_one;
	pthread_mutex_unlock(&s->lock);
	snapshot_unref(old);
}

struct snapshot *snapshot_store_get(struct snapshot_store *s)
{
	struct snapshot *current;

	pthread_mutex_lock(&s->lock);
	current = snapshot_ref(s->current);
	pthread_mutex_unlock(&s->lock);
	return current;
}
