/* daemon/reload.h - the one road by which a new state comes in: SIGHUP, SIGUSR1, "mailseal reload", and a catalogue that
 * has changed (looked at every 5 s).
 *
 * A thread of its own loads outside any lock; requests that come meanwhile are merged into one further load. A bad new
 * state never replaces a good one. Thread rule: requests from any thread; new and free in the main thread.
 */
#ifndef DAEMON_RELOAD_H
#define DAEMON_RELOAD_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/err.h"
#include "conf/snapshot.h"
#include "core/counters.h"
#include "directory/keystore.h"

struct reloader_env {
	const char *conf_file;
	struct snapshot_store *store;
	struct keycache *keys;
	struct counters *counters;
	bool verbose; /* log.level stays "debug" */
};

struct reloader; /* opaque */

/* ENV (copied) must be filled, and STORE hold the first snapshot. Starts the thread, which begins by warming the keys. */
MUST_CHECK enum rc reloader_new(const struct reloader_env *env, struct reloader **ret,
				struct err *err);
/* Ends the thread; a load that has begun is finished, whoever waits for another is sent away (RC_AGAIN). NULL is fine. */
void reloader_stop(struct reloader *r);
/* When nobody can call it any more. NULL is fine. */
struct reloader *reloader_free(struct reloader *r);

/* Soon; does not wait. */
void reloader_request(struct reloader *r);

/* Now, and wait for the end, at most WAIT seconds (RC_AGAIN). What the load returned, with the text of its first error.
 * On success SUMMARY (one line) says what is in force. */
enum { RELOAD_SUMMARY = 256 };
MUST_CHECK enum rc reloader_run(struct reloader *r, int wait, char summary[RELOAD_SUMMARY],
				struct err *err);

#endif
