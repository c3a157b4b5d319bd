/* daemon/privileges.h - giving up what is not needed. Before threads only. */
#ifndef DAEMON_PRIVILEGES_H
#define DAEMON_PRIVILEGES_H

#include "base/attr.h"
#include "base/err.h"

/* Become USER for good, with its groups. As root only; anybody else must be USER already. USER "root" stays root: the
 * configuration has to say so. RC_CONF: there is no such user; RC_PERM: we are another one. */
MUST_CHECK enum rc privileges_drop(const char *user, struct err *err);

/* No new privileges by exec, no core dump, no tracing: keys lie in our memory. */
MUST_CHECK enum rc privileges_harden(struct err *err);

/* As many open files as the hard limit allows. */
void privileges_raise_files(void);

#endif
