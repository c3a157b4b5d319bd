/* daemon/control.h - the control socket: one command a connection, one answer, by a thread of its own.
 *
 *	ping	-> ok
 *	reload	-> ok: what is in force | error: file:line and why
 *	status	-> one line of JSON
 *
 * Each line ends in LF. Root, our own user and members of the socket's group are heard; a client that says nothing for
 * two seconds is sent away, so that mail never waits for one.
 */
#ifndef DAEMON_CONTROL_H
#define DAEMON_CONTROL_H

#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "conf/snapshot.h"
#include "core/counters.h"
#include "daemon/reload.h"

struct control_env {
	struct snapshot_store *store;
	struct counters *counters;
	struct reloader *reloader;
	int64_t started;
};

struct control; /* opaque */

/* Makes the socket PATH (0660) and starts the thread. RC_UNAVAIL, RC_PERM as socket_prepare(). */
MUST_CHECK enum rc control_new(const char *path, const struct control_env *env,
			       struct control **ret, struct err *err);
/* Ends the thread, removes the socket. NULL is fine. */
struct control *control_free(struct control *c);

#endif
