/* daemon/milter.h - libmilter's side of the daemon. The library is one for a process, and so is this.
 * Thread rule: main thread only; the callbacks run in libmilter's threads. */
#ifndef DAEMON_MILTER_H
#define DAEMON_MILTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "core/session.h"

struct milter_setup {
	const char *socket; /* "unix:...", "inet:...", "inet6:..." */
	int backlog;
	int64_t timeout; /* seconds without a word after which a connection is ended */
};

/* Binds and listens; nothing is accepted yet. ENV must live as long as the process. */
MUST_CHECK enum rc milter_open(const struct milter_setup *setup, const struct session_env *env,
			       struct err *err);

/* Accept connections from now on, in a thread of libmilter. When that ends without milter_stop(), ON_END is called there. */
MUST_CHECK enum rc milter_start(void (*on_end)(void), struct err *err);

/* Accept no more and remove the socket; connections go on. */
void milter_retire(void);
/* The end: libmilter stops working, also on what is under way. */
void milter_stop(void);

/* How many are open, and how many of these have a message under way. */
void milter_load(unsigned *ret_connections, unsigned *ret_messages);

/* Nothing is under way: no message, and no connection that has said anything within the last second (between EHLO and
 * MAIL, say: cutting it would defer the message that comes next). */
bool milter_is_quiet(void);

/* libmilter's listener has ended: nothing of it but open connections is left. */
bool milter_has_ended(void);

#endif
