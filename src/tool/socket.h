/* tool/socket.h - client side of the daemon's sockets: every wait is bounded. */
#ifndef TOOL_SOCKET_H
#define TOOL_SOCKET_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/span.h"

/* The monotonic clock, in milliseconds. */
int64_t socket_clock_ms(void);

/* RC_NOTFOUND: nobody listens at PATH; RC_PERM; RC_INPUT: PATH is too long for a socket. */
MUST_CHECK enum rc socket_connect_unix(const char *path, int *ret_fd, struct err *err);
/* HOST is a name or an address of FAMILY (AF_INET, AF_INET6). RC_NOTFOUND as above. */
MUST_CHECK enum rc socket_connect_inet(const char *host, const char *port, int family, int *ret_fd,
				       struct err *err);

/* UNTIL is of socket_clock_ms(). RC_UNAVAIL: too slow, or the other side went away. */
MUST_CHECK enum rc socket_write(int fd, struct span bytes, int64_t until, struct err *err);
/* *RET_GOT 0: end of file. */
MUST_CHECK enum rc socket_read_some(int fd, void *into, size_t size, int64_t until, size_t *ret_got,
				    struct err *err);

#endif
