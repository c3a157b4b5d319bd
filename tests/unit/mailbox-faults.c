/* Linked over mailseal as tests/unit/mailseal-faults, for tests/unit/seal-kill: the N-th call that opens or changes a file
 * does not come back, or fails.
 *
 *	FAULT_AT=N		the process ends there, a write() half done
 *	FAULT_AT=N FAULT_ERRNO=E	the call fails with the error number E
 *	FAULT_NO_EXCHANGE=1	renameat2() has no flags, as on NFS
 * And it sees that what is renamed was synced: sync-order.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sync-order.h"

enum { ENDED = 99 };

int __real_open(const char *path, int flags, ...);
int __real_openat(int at, const char *path, int flags, ...);
ssize_t __real_write(int fd, const void *bytes, size_t len);
int __real_fsync(int fd);
int __real_fchmod(int fd, mode_t mode);
int __real_futimens(int fd, const struct timespec times[2]);
int __real_renameat(int from_at, const char *from, int to_at, const char *to);
int __real_renameat2(int from_at, const char *from, int to_at, const char *to, unsigned flags);
int __real_linkat(int from_at, const char *from, int to_at, const char *to, int flags);
int __real_unlinkat(int at, const char *path, int flags);

int __wrap_open(const char *path, int flags, ...);
int __wrap_openat(int at, const char *path, int flags, ...);
ssize_t __wrap_write(int fd, const void *bytes, size_t len);
int __wrap_fsync(int fd);
int __wrap_fchmod(int fd, mode_t mode);
int __wrap_futimens(int fd, const struct timespec times[2]);
int __wrap_renameat(int from_at, const char *from, int to_at, const char *to);
int __wrap_renameat2(int from_at, const char *from, int to_at, const char *to, unsigned flags);
int __wrap_linkat(int from_at, const char *from, int to_at, const char *to, int flags);
int __wrap_unlinkat(int at, const char *path, int flags);

/* Something went wrong on purpose: what the program leaves to be synced is not looked at. */
static bool happened;

__attribute__((destructor)) static void at_the_end(void)
{
	if (!happened)
		order_end();
}

static int number_of(const char *name)
{
	const char *text = getenv(name);

	return text != NULL ? atoi(text) : 0;
}

/* Is this the call that goes wrong? errno is set when it has to fail. */
static bool is_it(void)
{
	static int calls;

	if (++calls != number_of("FAULT_AT"))
		return false;
	happened = true;
	errno = number_of("FAULT_ERRNO");
	return true;
}

static int made(int fd, int flags)
{
	if (fd >= 0 && (flags & O_CREAT) != 0)
		order_made(fd);
	return fd;
}

static int changed(int fd, int status)
{
	if (status == 0)
		order_changed(fd);
	return status;
}

static int renamed(int from_at, int to_at, int status)
{
	if (status == 0)
		order_renamed(from_at, to_at);
	return status;
}

/* For all calls but write(): true when it has to fail. */
static bool fails(void)
{
	if (!is_it())
		return false;
	if (errno == 0)
		_exit(ENDED);
	return true;
}

int __wrap_open(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list args;

	va_start(args, flags);
	if ((flags & O_CREAT) != 0)
		mode = va_arg(args, mode_t);
	va_end(args);
	return fails() ? -1 : made(__real_open(path, flags, mode), flags);
}

int __wrap_openat(int at, const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list args;

	va_start(args, flags);
	if ((flags & O_CREAT) != 0)
		mode = va_arg(args, mode_t);
	va_end(args);
	return fails() ? -1 : made(__real_openat(at, path, flags, mode), flags);
}

ssize_t __wrap_write(int fd, const void *bytes, size_t len)
{
	if (!is_it()) {
		ssize_t n = __real_write(fd, bytes, len);

		if (n > 0)
			order_changed(fd);
		return n;
	}
	if (errno != 0)
		return -1;
	if (__real_write(fd, bytes, len / 2) < 0)
		perror("write");
	_exit(ENDED);
}

int __wrap_fsync(int fd)
{
	int status = fails() ? -1 : __real_fsync(fd);

	if (status == 0)
		order_synced(fd);
	return status;
}

int __wrap_fchmod(int fd, mode_t mode)
{
	return fails() ? -1 : changed(fd, __real_fchmod(fd, mode));
}

int __wrap_futimens(int fd, const struct timespec times[2])
{
	return fails() ? -1 : changed(fd, __real_futimens(fd, times));
}

int __wrap_renameat(int from_at, const char *from, int to_at, const char *to)
{
	if (fails())
		return -1;
	order_rename(from_at, from);
	return renamed(from_at, to_at, __real_renameat(from_at, from, to_at, to));
}

int __wrap_renameat2(int from_at, const char *from, int to_at, const char *to, unsigned flags)
{
	if (number_of("FAULT_NO_EXCHANGE") != 0) {
		errno = EINVAL;
		return -1;
	}
	if (fails())
		return -1;
	order_rename(from_at, from);
	return renamed(from_at, to_at, __real_renameat2(from_at, from, to_at, to, flags));
}

int __wrap_unlinkat(int at, const char *path, int flags)
{
	if (fails())
		return -1;
	order_unlink(at, path);
	return __real_unlinkat(at, path, flags);
}

int __wrap_linkat(int from_at, const char *from, int to_at, const char *to, int flags)
{
	return fails() ? -1 : __real_linkat(from_at, from, to_at, to, flags);
}
