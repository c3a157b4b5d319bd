/* daemon/log.h - the only place that says something: standard error, syslog or the journal.
 *
 * Until log_open() everything goes to standard error. Thread rule: log_open() once, before threads; the rest from
 * any thread. One line is one write: lines of different threads never mix.
 */
#ifndef DAEMON_LOG_H
#define DAEMON_LOG_H

#include "base/attr.h"
#include "base/err.h"
#include "base/span.h"
#include "conf/conf.h"

/* LOG_AUTO: the journal where standard error leads there (systemd), else syslog when there is no terminal and somebody
 * listens to /dev/log, else standard error. RC_UNAVAIL: LOG_JOURNAL, and no journal is there. */
MUST_CHECK enum rc log_open(enum conf_log_target target, struct err *err);

void log_set_level(enum conf_log_level level);

/* About the daemon itself. On a plain standard error warnings and errors are marked as such. */
void log_say(enum conf_log_level level, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* About a message: LINES are separated by LF and go out as they are, nothing in front of the queue id. */
void log_record(enum conf_log_level level, struct span lines);

#endif
