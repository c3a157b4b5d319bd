/* daemon/socket.h - the ground around libmilter's socket: what it does not check, and what it does not set.
 * Main thread only. */
#ifndef DAEMON_SOCKET_H
#define DAEMON_SOCKET_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/err.h"

/* One unix socket file of ours: removed at the end only if it is still the one that we made. */
struct socket_file {
	char *path; /* owned; NULL: not a unix socket, nothing to remove */
	dev_t dev;
	ino_t ino;
	int lock; /* on the directory, while the file is being made; -1 */
};

/* Can SPEC ("unix:PATH", "inet:PORT@HOST", "inet6:PORT@HOST") be bound? A unix socket on which nobody answers is
 * removed; the directory stays locked until socket_made(), so that two daemons that start at once do not remove each
 * other's. RC_UNAVAIL: in use, or no such directory or address; RC_PERM; RC_EXISTS: something that is no socket. */
MUST_CHECK enum rc socket_prepare(const char *spec, struct socket_file *ret, struct err *err);
/* The same for a plain PATH. */
MUST_CHECK enum rc socket_prepare_path(const char *path, struct socket_file *ret, struct err *err);

/* After bind() and listen(): remember the file, unlock. */
void socket_made(struct socket_file *f);
/* Bind() failed: unlock, forget. */
void socket_not_made(struct socket_file *f);
/* Remove the file, if it is still ours, and forget it. */
void socket_remove(struct socket_file *f);

/* The one descriptor of this process that listens, or -1: libmilter keeps its own to itself. */
int socket_find_listener(void);
/* Is it TCP? Then accepted connections send at once (they inherit TCP_NODELAY): Nagle's algorithm would hold
 * libmilter's last reply until the mail server's delayed ACK, 40 ms. */
MUST_CHECK enum rc socket_set_nodelay(int listener, bool *ret_tcp, struct err *err);
/* From now on nobody can connect: the descriptor LISTENER stays, with another socket behind it that nobody knows. */
MUST_CHECK enum rc socket_retire(int listener, struct err *err);

#endif
