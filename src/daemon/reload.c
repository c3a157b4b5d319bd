#include "daemon/reload.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/certwatch.h"
#include "daemon/changes.h"
#include "daemon/log.h"
#include "daemon/notify.h"
#include "daemon/spooldir.h"

/* How often the catalogue is looked at, and the dates of its certificates, seconds; and how many keys are read before a
 * message asks for them. */
enum { POLL_EVERY = 5, LOOK_EVERY = 3600, WARM_MAX = 1000 };

struct reloader {
	struct reloader_env env;
	pthread_t thread;
	bool started;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	/* Under the lock. A load answers every request that was there when it began. */
	bool stop;
	uint64_t asked, answered;
	struct err result; /* of the load that answered last */
	char summary[RELOAD_SUMMARY];
	/* The thread's own. */
	struct err poll_trouble; /* said already */
	struct certwatch certificates;
	time_t next_look; /* CLOCK_MONOTONIC */
};

/* --- loading ---------------------------------------------------------------------------------- */

static bool is_empty(const struct snapshot *s)
{
	return s->selectors->n == 0 && s->users->n == 0;
}

/* A catalogue that is gone reads as an empty one: right for a new host, wrong for one that had something in it. */
static enum rc refuse_lost_catalogue(const struct snapshot *old, const struct snapshot *new_one,
				     struct err *err)
{
	struct directory *d = NULL;
	enum rc rc;

	if (is_empty(old) || !is_empty(new_one))
		return RC_OK;
	rc = directory_open(new_one->conf->state_dir, DIRECTORY_READ, &d, err);
	directory_close(d);
	return rc;
}

static enum rc refuse_other_state_dir(const struct snapshot *old, const struct snapshot *new_one,
				      struct err *err)
{
	if (strcmp(old->conf->state_dir, new_one->conf->state_dir) == 0)
		return RC_OK;
	return err_set(err, RC_CONF, "state_dir was \"%s\" and is \"%s\" now: that takes a restart",
		       old->conf->state_dir, new_one->conf->state_dir);
}

static enum rc load(struct reloader *r, const struct snapshot *old, struct err *err)
{
	struct snapshot *new_one = NULL;
	struct conf_problems problems;
	enum rc rc;

	conf_problems_init(&problems);
	rc = snapshot_load(r->env.conf_file, (int64_t)time(NULL), &new_one, &problems, err);
	changes_log_problems(&problems);
	conf_problems_clear(&problems);
	if (rc == RC_OK)
		rc = refuse_other_state_dir(old, new_one, err);
	if (rc == RC_OK)
		rc = refuse_lost_catalogue(old, new_one, err);
	if (rc != RC_OK) {
		snapshot_unref(new_one);
		return rc;
	}
	changes_log(old, new_one);
	if (!r->env.verbose)
		log_set_level(new_one->conf->log_level);
	keycache_forget_failures(r->env.keys);
	spooldir_prepare(new_one->conf);
	snapshot_store_swap(r->env.store, new_one);
	return RC_OK;
}

static enum rc reload(struct reloader *r, char summary[RELOAD_SUMMARY], struct err *err)
{
	struct snapshot *old = snapshot_store_get(r->env.store), *now_in_force;
	enum rc rc;

	notify_reloading();
	rc = load(r, old, err);
	now_in_force = snapshot_store_get(r->env.store);
	changes_summary(now_in_force, summary, RELOAD_SUMMARY);
	counters_add(r->env.counters, rc == RC_OK ? COUNT_RELOADS : COUNT_RELOADS_FAILED, 1);
	if (rc == RC_OK)
		log_say(LEVEL_INFO, "reloaded: %s", summary);
	else
		log_say(LEVEL_ERROR, "reload refused, %s stays in force: %s", summary, err->text);
	notify_ready("%s", summary);
	snapshot_unref(now_in_force);
	snapshot_unref(old);
	return rc;
}

/* --- the catalogue's own changes ---------------------------------------------------------------- */

static enum rc generation_of(const char *state_dir, int64_t *ret, struct err *err)
{
	struct directory *d = NULL;
	enum rc rc = directory_open(state_dir, DIRECTORY_READ, &d, err);

	if (rc == RC_OK)
		rc = d->ops->generation(d, ret, err);
	directory_close(d);
	return rc;
}

/* Trouble is said once, not every five seconds. */
static void poll_failed(struct reloader *r, const struct snapshot *snap, const struct err *err)
{
	if (err->rc == RC_NOTFOUND && is_empty(snap))
		return; /* none made yet */
	if (strcmp(err->text, r->poll_trouble.text) == 0)
		return;
	log_say(LEVEL_ERROR, "the last good state stays in force: %s", err->text);
	r->poll_trouble = *err;
}

static bool catalogue_changed(struct reloader *r)
{
	struct snapshot *snap = snapshot_store_get(r->env.store);
	struct err err = ERR_INIT;
	bool changed = false;
	int64_t generation;

	if (generation_of(snap->conf->state_dir, &generation, &err) != RC_OK) {
		poll_failed(r, snap, &err);
	} else {
		changed = generation != snap->selectors->generation;
		r->poll_trouble = (struct err)ERR_INIT;
	}
	snapshot_unref(snap);
	return changed;
}

/* --- keys ------------------------------------------------------------------------------------- */

static bool wanted_elsewhere(struct reloader *r)
{
	bool wanted;

	pthread_mutex_lock(&r->lock);
	wanted = r->stop || r->asked != r->answered;
	pthread_mutex_unlock(&r->lock);
	return wanted;
}

/* Read the keys that will be asked for, so that no message waits for that, and say which cannot be read before one needs
 * them. Ends early when there is something else to do. */
static void warm_keys(struct reloader *r)
{
	struct snapshot *snap = snapshot_store_get(r->env.store);
	const struct selector_list *list = snap->selectors;
	struct err err = ERR_INIT;
	struct key *key;

	for (size_t i = 0, warmed = 0; i < list->n && warmed < WARM_MAX; i++) {
		const struct selector *s = &list->at[i];

		if (s->state != SEL_ACTIVE || conf_domain_find(snap->conf, s->domain) == NULL)
			continue;
		if (wanted_elsewhere(r))
			break;
		key = NULL;
		if (keycache_get(r->env.keys, s->fingerprint, &key, &err) != RC_OK)
			log_say(LEVEL_ERROR, "selector %s of %s cannot sign: %s", s->name,
				s->domain, err.text);
		key_unref(key);
		warmed++;
	}
	snapshot_unref(snap);
}

/* --- certificates ----------------------------------------------------------------------------- */

static time_t monotonic(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

static void look_at_certificates(struct reloader *r)
{
	struct snapshot *snap = snapshot_store_get(r->env.store);

	certwatch_look(&r->certificates, snap, (int64_t)time(NULL));
	r->next_look = monotonic() + LOOK_EVERY;
	snapshot_unref(snap);
}

/* --- the thread ------------------------------------------------------------------------------- */

/* Until somebody asks or it is time to look at the catalogue; true: asked. Called and returns with the lock held. */
static bool wait_for_request(struct reloader *r)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += POLL_EVERY;
	while (!r->stop && r->asked == r->answered)
		if (pthread_cond_timedwait(&r->changed, &r->lock, &until) == ETIMEDOUT)
			break;
	return r->asked != r->answered;
}

static void serve(struct reloader *r, uint64_t ticket)
{
	char summary[RELOAD_SUMMARY];
	struct err err = ERR_INIT;

	(void)reload(r, summary, &err);
	pthread_mutex_lock(&r->lock);
	r->answered = ticket;
	r->result = err;
	memcpy(r->summary, summary, sizeof(summary));
	pthread_cond_broadcast(&r->changed);
	pthread_mutex_unlock(&r->lock);
	look_at_certificates(r);
	warm_keys(r);
}

static void *run(void *arg)
{
	struct reloader *r = arg;
	uint64_t ticket;
	bool asked;

	look_at_certificates(r);
	warm_keys(r);
	pthread_mutex_lock(&r->lock);
	while (!r->stop) {
		asked = wait_for_request(r);
		ticket = r->asked;
		if (r->stop)
			break;
		pthread_mutex_unlock(&r->lock);
		if (asked || catalogue_changed(r))
			serve(r, ticket);
		else if (monotonic() >= r->next_look)
			look_at_certificates(r);
		pthread_mutex_lock(&r->lock);
	}
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

static void init_condition(pthread_cond_t *cond)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC); /* wall clocks jump */
	pthread_cond_init(cond, &attr);
	pthread_condattr_destroy(&attr);
}

enum rc reloader_new(const struct reloader_env *env, struct reloader **ret, struct err *err)
{
	struct reloader *r = calloc(1, sizeof(*r));
	int failed;

	if (r == NULL)
		return err_set(err, RC_NOMEM, "reloader");
	r->env = *env;
	pthread_mutex_init(&r->lock, NULL);
	init_condition(&r->changed);
	failed = pthread_create(&r->thread, NULL, run, r);
	if (failed != 0) {
		reloader_free(r);
		return err_sys(err, RC_UNAVAIL, failed, "thread of the reloader");
	}
	r->started = true;
	*ret = r;
	return RC_OK;
}

void reloader_stop(struct reloader *r)
{
	if (r == NULL || !r->started)
		return;
	pthread_mutex_lock(&r->lock);
	r->stop = true;
	pthread_cond_broadcast(&r->changed);
	pthread_mutex_unlock(&r->lock);
	pthread_join(r->thread, NULL);
	r->started = false;
}

struct reloader *reloader_free(struct reloader *r)
{
	if (r == NULL)
		return NULL;
	reloader_stop(r);
	certwatch_clear(&r->certificates);
	pthread_cond_destroy(&r->changed);
	pthread_mutex_destroy(&r->lock);
	free(r);
	return NULL;
}

void reloader_request(struct reloader *r)
{
	pthread_mutex_lock(&r->lock);
	r->asked++;
	pthread_cond_broadcast(&r->changed);
	pthread_mutex_unlock(&r->lock);
}

enum rc reloader_run(struct reloader *r, int wait, char summary[RELOAD_SUMMARY], struct err *err)
{
	struct timespec until;
	enum rc rc = RC_OK;
	uint64_t ticket;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += wait;
	pthread_mutex_lock(&r->lock);
	ticket = ++r->asked;
	pthread_cond_broadcast(&r->changed);
	while (r->answered < ticket && !r->stop)
		if (pthread_cond_timedwait(&r->changed, &r->lock, &until) == ETIMEDOUT)
			break;
	if (r->answered < ticket && r->stop)
		rc = err_set(err, RC_AGAIN, "mailseald is stopping");
	else if (r->answered < ticket)
		rc = err_set(err, RC_AGAIN,
			     "still loading after %d s; the log will say how it ends", wait);
	else if (r->result.rc != RC_OK)
		rc = err_set(err, r->result.rc, "%s", r->result.text);
	else
		memcpy(summary, r->summary, RELOAD_SUMMARY);
	pthread_mutex_unlock(&r->lock);
	return rc;
}
