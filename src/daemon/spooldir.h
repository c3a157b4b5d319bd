/* daemon/spooldir.h - spool.dir is there before a message needs it. */
#ifndef DAEMON_SPOOLDIR_H
#define DAEMON_SPOOLDIR_H

#include "conf/conf.h"

/* Where there are rules: make the directory if it is missing (mode 0700), and say in the log when nothing can be written
 * there; large messages are deferred then. As the user that mailseald runs as; any thread. */
void spooldir_prepare(const struct conf *c);

#endif
