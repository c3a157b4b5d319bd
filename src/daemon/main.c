/* mailseald: wiring. What it does with a message is in core/; what it does with libmilter in milter.c. */
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "config.h"
#include "crypto/ossl.h"
#include "daemon/changes.h"
#include "daemon/control.h"
#include "daemon/log.h"
#include "daemon/milter.h"
#include "daemon/notify.h"
#include "daemon/options.h"
#include "daemon/privileges.h"
#include "daemon/reload.h"
#include "daemon/signals.h"
#include "daemon/spooldir.h"

/* Parsed keys kept in memory: some 10 KB each. */
enum { KEYS_MAX = 10000 };

enum { EXIT_UNAVAILABLE = 69, EXIT_CONFIGURATION = 78 };

struct daemon {
	struct options options;
	struct snapshot_store *store;
	struct keycache *keys;
	struct counters counters;
	struct session_env env;
	struct reloader *reloader;
	struct control *control;
	int64_t stop_timeout;
};

/* libmilter gave up: its listener died under us. */
static volatile sig_atomic_t listener_died;

static void on_listener_end(void)
{
	listener_died = 1;
	kill(getpid(), SIGTERM);
}

static int64_t wall_clock(void *ctx)
{
	(void)ctx;
	return (int64_t)time(NULL);
}

static int exit_status(enum rc rc)
{
	return rc == RC_NOTFOUND ? EXIT_CONFIGURATION : rc_exit_status(rc);
}

/* --- start ------------------------------------------------------------------------------------ */

/* As root, for the user and the log only: what counts is what the user can read, which comes after. */
static enum rc become_user(const struct options *o, struct err *err)
{
	struct conf_problems problems;
	struct conf *conf = NULL;
	enum rc rc;

	conf_problems_init(&problems);
	rc = conf_read(o->conf_file, &conf, &problems, err);
	if (rc != RC_OK) {
		changes_log_problems(&problems);
		goto out;
	}
	if (o->action == ACTION_RUN)
		rc = log_open(conf->log_target, err);
	/* A check may be made by anybody who can read the files. */
	if (rc == RC_OK && (o->action == ACTION_RUN || geteuid() == 0))
		rc = privileges_drop(conf->user, err);
	if (rc == RC_OK)
		log_set_level(o->verbose ? LEVEL_DEBUG : conf->log_level);
out:
	conf_free(conf);
	conf_problems_clear(&problems);
	return rc;
}

static enum rc load_first(const struct options *o, struct snapshot **ret, struct err *err)
{
	struct conf_problems problems;
	enum rc rc;

	conf_problems_init(&problems);
	rc = snapshot_load(o->conf_file, wall_clock(NULL), ret, &problems, err);
	changes_log_problems(&problems);
	conf_problems_clear(&problems);
	return rc;
}

static enum rc open_state(struct daemon *d, struct snapshot *first, struct err *err)
{
	enum rc rc = snapshot_store_new(&d->store, err);

	if (rc == RC_OK)
		rc = keycache_new(first->conf->state_dir, KEYS_MAX, &d->keys, err);
	if (rc != RC_OK)
		return rc;
	d->env = (struct session_env){
		.store = d->store, .keys = d->keys, .counters = &d->counters, .now = wall_clock};
	d->stop_timeout = first->conf->milter_stop_timeout;
	spooldir_prepare(first->conf);
	return RC_OK;
}

static enum rc start_threads(struct daemon *d, const struct conf *conf, struct err *err)
{
	const struct reloader_env reloader_env = {.conf_file = d->options.conf_file,
						  .store = d->store,
						  .keys = d->keys,
						  .counters = &d->counters,
						  .verbose = d->options.verbose};
	enum rc rc = reloader_new(&reloader_env, &d->reloader, err);
	struct control_env control_env = {.store = d->store,
					  .counters = &d->counters,
					  .reloader = d->reloader,
					  .started = wall_clock(NULL)};

	if (rc == RC_OK)
		rc = control_new(conf->control_socket, &control_env, &d->control, err);
	if (rc == RC_OK)
		rc = milter_start(on_listener_end, err);
	return rc;
}

static enum rc start(struct daemon *d, struct snapshot *first, struct err *err)
{
	const struct conf *conf = first->conf;
	const struct milter_setup setup = {.socket = conf->milter_socket,
					   .backlog = conf->milter_backlog,
					   .timeout = conf->milter_timeout};
	char summary[RELOAD_SUMMARY];
	enum rc rc = open_state(d, first, err);

	if (rc == RC_OK)
		rc = milter_open(&setup, &d->env, err);
	if (rc != RC_OK)
		return rc;
	changes_summary(first, summary, sizeof(summary));
	snapshot_store_swap(d->store, snapshot_ref(first));
	rc = start_threads(d, conf, err);
	if (rc != RC_OK)
		return rc;
	log_say(LEVEL_INFO, "mailseald %s listens on %s, %s", PACKAGE_VERSION, conf->milter_socket,
		summary);
	notify_ready("%s", summary);
	return RC_OK;
}

/* --- stop ------------------------------------------------------------------------------------- */

static int64_t monotonic_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* A second TERM or INT ends the patience. */
static void drain(int64_t seconds)
{
	int64_t deadline = monotonic_ms() + seconds * 1000;

	while (!milter_is_quiet() && monotonic_ms() < deadline)
		if (signals_wait(20) == WISH_STOP)
			break;
}

static void say_goodbye(unsigned connections, unsigned messages)
{
	if (messages > 0)
		log_say(LEVEL_WARNING, "stopped; %u message%s cut off, the mail server will defer",
			messages, messages == 1 ? " was" : "s were");
	else
		log_say(LEVEL_INFO, "stopped; %u idle connection%s closed", connections,
			connections == 1 ? "" : "s");
}

static void stop(struct daemon *d)
{
	unsigned connections, messages;

	notify_stopping();
	milter_retire();
	drain(d->stop_timeout);
	milter_stop();
	reloader_stop(d->reloader);
	d->control = control_free(d->control);
	d->reloader = reloader_free(d->reloader);
	milter_load(&connections, &messages);
	say_goodbye(connections, messages);
	/* Threads of libmilter sit in open connections and use what would be freed now. */
	if (connections > 0 || !milter_has_ended())
		_exit(listener_died ? EXIT_UNAVAILABLE : EXIT_SUCCESS);
	keycache_free(d->keys);
	snapshot_store_free(d->store);
}

/* A start that failed half way; nothing was accepted yet. */
static void undo_start(struct daemon *d)
{
	milter_stop();
	reloader_stop(d->reloader);
	control_free(d->control);
	reloader_free(d->reloader);
	keycache_free(d->keys);
	snapshot_store_free(d->store);
}

static void serve(struct daemon *d)
{
	enum wish wish;

	while ((wish = signals_wait(-1)) != WISH_STOP)
		if (wish == WISH_RELOAD)
			reloader_request(d->reloader);
	if (listener_died)
		log_say(LEVEL_ERROR, "libmilter's listener ended by itself (syslog has why)");
}

/* --- the two actions -------------------------------------------------------------------------- */

static enum rc run(const struct options *o, struct snapshot *first, struct err *err)
{
	static struct daemon d; /* connections refer to it until the process is gone */
	enum rc rc;

	d.options = *o;
	rc = start(&d, first, err);
	snapshot_unref(first);
	if (rc != RC_OK) {
		undo_start(&d);
		return rc;
	}
	serve(&d);
	stop(&d);
	return listener_died ? err_set(err, RC_UNAVAIL, "stopped without being asked to") : RC_OK;
}

static enum rc report_check(const struct options *o, struct snapshot *first)
{
	char summary[RELOAD_SUMMARY];

	changes_summary(first, summary, sizeof(summary));
	printf("%s is good, %s\n", o->conf_file, summary);
	snapshot_unref(first);
	return RC_OK;
}

static enum rc act(const struct options *o, struct err *err)
{
	struct snapshot *first = NULL;
	enum rc rc = become_user(o, err);

	if (rc == RC_OK)
		rc = privileges_harden(err);
	if (rc == RC_OK)
		rc = load_first(o, &first, err);
	if (rc != RC_OK)
		return rc;
	return o->action == ACTION_CHECK ? report_check(o, first) : run(o, first, err);
}

/* By itself glibc raises these to the largest block that was ever freed, and an old state of 100,000 domains is kept
 * as spare memory for good. */
static void bound_spare_memory(void)
{
	(void)mallopt(M_MMAP_THRESHOLD, 1 << 20);
	(void)mallopt(M_TRIM_THRESHOLD, 4 << 20);
}

int main(int argc, char **argv)
{
	struct options options;
	struct err err = ERR_INIT;
	int status = options_read(argc, argv, &options);
	enum rc rc;

	ossl_watch_memory();
	if (status != OPTIONS_GO_ON)
		return status;
	/* Sockets get the group of their directory, and others nothing: a chrooted Postfix reaches
	 * a socket in a directory "2750 mailseal postfix". */
	umask(007);
	bound_spare_memory();
	rc = file_hold_standard(&err);
	notify_open();
	privileges_raise_files();
	if (rc == RC_OK)
		rc = signals_block(&err);
	if (rc == RC_OK)
		rc = act(&options, &err);
	if (rc != RC_OK)
		log_say(LEVEL_ERROR, "%s", err.text);
	return exit_status(rc);
}
