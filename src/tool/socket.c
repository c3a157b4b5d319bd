#include "tool/socket.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* A daemon that hangs accepts nobody, and once its queue is full connect() would wait for ever. */
enum { CONNECT_SECONDS = 5 };

int64_t socket_clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static enum rc connect_failed(int why, struct err *err)
{
	if (why == ENOENT || why == ECONNREFUSED)
		return err_set(err, RC_NOTFOUND, "no daemon listens there");
	if (why == EACCES || why == EPERM)
		return err_sys(err, RC_PERM, why, "connect");
	if (why == EAGAIN || why == EINPROGRESS)
		return err_set(err, RC_UNAVAIL, "no answer in %d s", CONNECT_SECONDS);
	return err_sys(err, RC_UNAVAIL, why, "connect");
}

static int connect_in_time(int fd, const struct sockaddr *a, socklen_t len)
{
	const struct timeval limit = {.tv_sec = CONNECT_SECONDS};

	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) != 0)
		return -1;
	return connect(fd, a, len);
}

enum rc socket_connect_unix(const char *path, int *ret_fd, struct err *err)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd;

	if (strlen(path) >= sizeof(a.sun_path))
		return err_set(err, RC_INPUT, "the path has more than %zu bytes",
			       sizeof(a.sun_path) - 1);
	strcpy(a.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_sys(err, RC_IO, errno, "socket");
	if (connect_in_time(fd, (struct sockaddr *)&a, sizeof(a)) != 0) {
		int why = errno;

		close(fd);
		return connect_failed(why, err);
	}
	*ret_fd = fd;
	return RC_OK;
}

/* The first address that answers. */
static int connect_any(const struct addrinfo *a, int *ret_why)
{
	for (; a != NULL; a = a->ai_next) {
		int fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);

		if (fd >= 0 && connect_in_time(fd, a->ai_addr, a->ai_addrlen) == 0)
			return fd;
		*ret_why = errno;
		if (fd >= 0)
			close(fd);
	}
	return -1;
}

enum rc socket_connect_inet(const char *host, const char *port, int family, int *ret_fd,
			    struct err *err)
{
	struct addrinfo hints = {.ai_family = family, .ai_socktype = SOCK_STREAM};
	struct addrinfo *list = NULL;
	int why = ENOENT;
	int failed = getaddrinfo(host, port, &hints, &list);
	int fd;

	if (failed != 0)
		return err_set(err, RC_UNAVAIL, "host %s: %s", host, gai_strerror(failed));
	fd = connect_any(list, &why);
	freeaddrinfo(list);
	if (fd < 0)
		return connect_failed(why, err);
	*ret_fd = fd;
	return RC_OK;
}

static enum rc wait_for(int fd, short events, int64_t until, struct err *err)
{
	for (;;) {
		int64_t left = until - socket_clock_ms();
		struct pollfd p = {.fd = fd, .events = events};
		int n;

		if (left <= 0)
			return err_set(err, RC_UNAVAIL, "no answer in time");
		n = poll(&p, 1, left > 1000000 ? 1000000 : (int)left);
		if (n > 0)
			return RC_OK;
		if (n < 0 && errno != EINTR)
			return err_sys(err, RC_IO, errno, "poll");
	}
}

enum rc socket_write(int fd, struct span bytes, int64_t until, struct err *err)
{
	while (bytes.len > 0) {
		enum rc rc = wait_for(fd, POLLOUT, until, err);
		ssize_t n;

		if (rc != RC_OK)
			return rc;
		n = send(fd, bytes.p, bytes.len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n > 0)
			bytes = span_from(bytes, (size_t)n);
		else if (n < 0 && errno != EINTR && errno != EAGAIN)
			return err_sys(err, RC_UNAVAIL, errno, "send");
	}
	return RC_OK;
}

enum rc socket_read_some(int fd, void *into, size_t size, int64_t until, size_t *ret_got,
			 struct err *err)
{
	for (;;) {
		enum rc rc = wait_for(fd, POLLIN, until, err);
		ssize_t n;

		if (rc != RC_OK)
			return rc;
		n = recv(fd, into, size, MSG_DONTWAIT);
		if (n >= 0) {
			*ret_got = (size_t)n;
			return RC_OK;
		}
		if (errno != EINTR && errno != EAGAIN)
			return err_sys(err, RC_UNAVAIL, errno, "recv");
	}
}
