#include "daemon/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/span.h"

static enum rc unix_address(const char *path, struct sockaddr_un *ret, struct err *err)
{
	size_t len = strlen(path);

	*ret = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (len == 0 || len >= sizeof(ret->sun_path))
		return err_set(err, RC_CONF, "socket %s: a path of 1 to %zu bytes is needed", path,
			       sizeof(ret->sun_path) - 1);
	memcpy(ret->sun_path, path, len);
	return RC_OK;
}

/* Open the directory that PATH lies in, judge it, and lock it. */
static enum rc lock_parent(const char *path, int *ret_fd, struct err *err)
{
	enum rc rc = RC_OK;
	const char *slash = strrchr(path, '/');
	char *dir = slash == NULL ? strdup(".") : strndup(path, (size_t)(slash - path) + 1);
	struct stat st;
	int fd = -1;

	if (dir == NULL)
		return err_set(err, RC_NOMEM, "socket %s", path);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) != 0) {
		rc = err_sys(err, RC_UNAVAIL, errno, "socket %s: directory %s", path, dir);
		goto out;
	}
	if ((st.st_mode & S_IWOTH) != 0 && (st.st_mode & S_ISVTX) == 0) {
		rc = err_set(err, RC_PERM,
			     "socket %s: everybody may write to directory %s (mode %04o): "
			     "\"chmod o-w %s\"",
			     path, dir, (unsigned)(st.st_mode & 07777), dir);
		goto out;
	}
	if (faccessat(AT_FDCWD, dir, W_OK | X_OK, AT_EACCESS) != 0) {
		rc = err_sys(err, RC_PERM, errno,
			     "socket %s: uid %ld may not make files in %s (owner %ld, mode %04o)",
			     path, (long)geteuid(), dir, (long)st.st_uid,
			     (unsigned)(st.st_mode & 07777));
		goto out;
	}
	if (flock(fd, LOCK_EX) != 0) {
		rc = err_sys(err, RC_UNAVAIL, errno, "socket %s: lock directory %s", path, dir);
		goto out;
	}
	*ret_fd = fd;
	fd = -1;
out:
	if (fd >= 0)
		close(fd);
	free(dir);
	return rc;
}

/* Does anybody accept on it? ECONNREFUSED is the only sure no. */
static enum rc remove_stale(const char *path, struct err *err)
{
	struct sockaddr_un addr;
	struct stat st;
	int fd, saved;

	if (lstat(path, &st) != 0)
		return errno == ENOENT ? RC_OK : err_sys(err, RC_UNAVAIL, errno, "socket %s", path);
	if (!S_ISSOCK(st.st_mode))
		return err_set(err, RC_EXISTS, "%s is there and is no socket: move it away", path);
	if (unix_address(path, &addr, err) != RC_OK)
		return RC_CONF;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_sys(err, RC_IO, errno, "socket");
	saved = connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) == 0 ? 0 : errno;
	close(fd);
	if (saved == 0 || saved == EAGAIN)
		return err_set(err, RC_UNAVAIL,
			       "socket %s is in use: another process answers on it "
			       "(\"ss -xlp\" shows which); stop it first",
			       path);
	if (saved != ECONNREFUSED && saved != ENOENT)
		return err_sys(err, RC_UNAVAIL, saved, "socket %s: is anybody there?", path);
	if (unlink(path) != 0 && errno != ENOENT)
		return err_sys(err, RC_PERM, errno, "remove the old socket %s", path);
	return RC_OK;
}

enum rc socket_prepare_path(const char *path, struct socket_file *ret, struct err *err)
{
	struct socket_file f = {.path = strdup(path), .lock = -1};
	struct sockaddr_un addr;
	enum rc rc = f.path != NULL ? unix_address(path, &addr, err)
				    : err_set(err, RC_NOMEM, "socket %s", path);

	if (rc == RC_OK)
		rc = lock_parent(path, &f.lock, err);
	if (rc == RC_OK)
		rc = remove_stale(path, err);
	if (rc == RC_OK)
		*ret = f;
	else
		socket_not_made(&f);
	return rc;
}

void socket_not_made(struct socket_file *f)
{
	if (f->lock >= 0)
		close(f->lock);
	free(f->path);
	*f = (struct socket_file){.path = NULL, .lock = -1};
}

void socket_made(struct socket_file *f)
{
	struct stat st;

	if (f->path == NULL)
		return;
	if (lstat(f->path, &st) != 0) {
		socket_not_made(f);
		return;
	}
	f->dev = st.st_dev;
	f->ino = st.st_ino;
	close(f->lock);
	f->lock = -1;
}

void socket_remove(struct socket_file *f)
{
	struct stat st;

	if (f->path != NULL && lstat(f->path, &st) == 0 && S_ISSOCK(st.st_mode) &&
	    st.st_dev == f->dev && st.st_ino == f->ino)
		(void)unlink(f->path);
	socket_not_made(f);
}

/* libmilter says only "it failed", and only to syslog: try first, for the reason. */
static enum rc try_bind(const char *spec, const struct addrinfo *ai, struct err *err)
{
	const int on = 1;
	enum rc rc = RC_OK;
	int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return err_sys(err, RC_UNAVAIL, errno, "socket %s", spec);
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
	    bind(fd, ai->ai_addr, ai->ai_addrlen) != 0 || listen(fd, 1) != 0)
		rc = err_sys(err, errno == EACCES ? RC_PERM : RC_UNAVAIL, errno, "socket %s", spec);
	close(fd);
	return rc;
}

/* "PORT@HOST" behind "inet:" or "inet6:". */
static enum rc prepare_inet(const char *spec, int family, struct err *err)
{
	const struct addrinfo hints = {
		.ai_family = family, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
	struct span rest = span_str(strchr(spec, ':') + 1), port;
	struct addrinfo *found = NULL;
	char service[32];
	enum rc rc;
	int failed;

	(void)span_split(&rest, '@', &port);
	if (port.len == 0 || port.len >= sizeof(service))
		return err_set(err, RC_CONF, "socket %s: expected PORT@HOST", spec);
	memcpy(service, port.p, port.len);
	service[port.len] = '\0';
	failed = getaddrinfo(rest.p, service, &hints, &found);
	if (failed != 0)
		return err_set(err, RC_UNAVAIL, "socket %s: %s", spec, gai_strerror(failed));
	rc = try_bind(spec, found, err);
	freeaddrinfo(found);
	return rc;
}

enum rc socket_prepare(const char *spec, struct socket_file *ret, struct err *err)
{
	int family;
	enum rc rc;

	if (strncmp(spec, "unix:", 5) == 0)
		return socket_prepare_path(spec + 5, ret, err);
	if (strncmp(spec, "inet:", 5) == 0)
		family = AF_INET;
	else if (strncmp(spec, "inet6:", 6) == 0)
		family = AF_INET6;
	else
		return err_set(err, RC_CONF, "socket %s: expected unix:, inet: or inet6:", spec);
	rc = prepare_inet(spec, family, err);
	if (rc == RC_OK)
		*ret = (struct socket_file){.path = NULL, .lock = -1};
	return rc;
}

int socket_find_listener(void)
{
	enum { LOOK_AT = 1024 }; /* it is among the first that this process opened */
	socklen_t len;
	int listens;

	for (int fd = STDERR_FILENO + 1; fd < LOOK_AT; fd++) {
		len = sizeof(listens);
		if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) == 0 && listens)
			return fd;
	}
	return -1;
}

enum rc socket_set_nodelay(int listener, bool *ret_tcp, struct err *err)
{
	struct sockaddr_storage addr = {.ss_family = AF_UNSPEC};
	socklen_t len = sizeof(addr);
	const int on = 1;
	bool tcp;

	if (getsockname(listener, (struct sockaddr *)&addr, &len) != 0)
		return err_sys(err, RC_IO, errno, "name of the milter socket");
	tcp = addr.ss_family != AF_UNIX;
	if (tcp && setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0)
		return err_sys(err, RC_IO, errno, "TCP_NODELAY on the milter socket");
	*ret_tcp = tcp;
	return RC_OK;
}

/* A listening socket with a name that the kernel picks. */
static int open_unknown(void)
{
	const struct sockaddr_un nameless = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 &&
	    (bind(fd, (const struct sockaddr *)&nameless, sizeof(nameless.sun_family)) != 0 ||
	     listen(fd, 1) != 0)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* libmilter goes on with its connections only as long as its listener runs: smfi_stop() ends its workers, whatever
 * they have in hand. So the listener keeps its descriptor, and the socket behind it is changed. */
enum rc socket_retire(int listener, struct err *err)
{
	int old = fcntl(listener, F_DUPFD_CLOEXEC, 0);
	int fresh = open_unknown();
	enum rc rc = RC_OK;

	if (old < 0 || fresh < 0 || dup2(fresh, listener) < 0)
		rc = err_sys(err, RC_IO, errno, "the listening socket cannot be closed early");
	else
		(void)shutdown(old, SHUT_RDWR); /* wakes whoever waits on it */
	if (old >= 0)
		close(old);
	if (fresh >= 0)
		close(fresh);
	return rc;
}
