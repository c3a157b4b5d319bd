/* daemon/notify.h - telling the service manager how far we are: sd_notify(3), spoken without its library.
 * Nothing happens where no manager asked (NOTIFY_SOCKET). Thread rule: notify_open() first, then any thread. */
#ifndef DAEMON_NOTIFY_H
#define DAEMON_NOTIFY_H

#include "base/attr.h"

/* Takes NOTIFY_SOCKET out of the environment. */
void notify_open(void);
/* Listening, or a reload has ended; one line for "systemctl status". */
void notify_ready(const char *fmt, ...) PRINTF_LIKE(1, 2);
void notify_reloading(void);
void notify_stopping(void);

#endif
