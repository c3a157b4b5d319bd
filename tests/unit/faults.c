/* Preloaded into a program under test: its FAULT_AT-th call that makes or changes a file fails, or with FAULT_KILL kills
 * the process. Counted are the calls of the program and its libraries, not those of stdio. FAULT_MARK names a file that
 * is made when it has happened. unlink() and rmdir() never fail: they are how a program cleans up. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static int fails(int why)
{
	static long left = -1; /* 0: nothing fails any more */
	const char *mark = getenv("FAULT_MARK"), *at = getenv("FAULT_AT");

	if (left < 0)
		left = at != NULL ? atol(at) : 0;
	if (left == 0 || --left > 0)
		return 0;
	if (mark != NULL)
		syscall(SYS_close,
			(int)syscall(SYS_openat, AT_FDCWD, mark, O_CREAT | O_WRONLY, 0666));
	if (getenv("FAULT_KILL") != NULL)
		syscall(SYS_kill, getpid(), SIGKILL);
	errno = why;
	return 1;
}

static int open_as(int dir, const char *path, int flags, mode_t mode)
{
	if ((flags & (O_CREAT | O_TRUNC)) != 0 && fails(ENOSPC))
		return -1;
	return (int)syscall(SYS_openat, dir, path, flags, mode);
}

#define MODE_OF(flags, last)                                                                       \
	mode_t mode = 0;                                                                           \
	va_list args;                                                                              \
	va_start(args, last);                                                                      \
	if (((flags)&O_CREAT) != 0)                                                                \
		mode = va_arg(args, mode_t);                                                       \
	va_end(args)

int open(const char *path, int flags, ...)
{
	MODE_OF(flags, flags);
	return open_as(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
	MODE_OF(flags, flags);
	return open_as(AT_FDCWD, path, flags | O_LARGEFILE, mode);
}

int openat(int dir, const char *path, int flags, ...)
{
	MODE_OF(flags, flags);
	return open_as(dir, path, flags, mode);
}

int mkostemp(char *name, int flags)
{
	int (*real)(char *, int) = (int (*)(char *, int))dlsym(RTLD_NEXT, "mkostemp");

	return fails(ENOSPC) ? -1 : real(name, flags);
}

ssize_t write(int fd, const void *bytes, size_t n)
{
	struct stat st;
	int is_file = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);

	return is_file && fails(ENOSPC) ? -1 : (ssize_t)syscall(SYS_write, fd, bytes, n);
}

ssize_t pwrite(int fd, const void *bytes, size_t n, off_t at)
{
	return fails(ENOSPC) ? -1 : (ssize_t)syscall(SYS_pwrite64, fd, bytes, n, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t n, off64_t at)
{
	return fails(ENOSPC) ? -1 : (ssize_t)syscall(SYS_pwrite64, fd, bytes, n, at);
}

int ftruncate64(int fd, off64_t size)
{
	return fails(EIO) ? -1 : (int)syscall(SYS_ftruncate, fd, size);
}

int fsync(int fd)
{
	return fails(EIO) ? -1 : (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
	return fails(EIO) ? -1 : (int)syscall(SYS_fdatasync, fd);
}

int fchmod(int fd, mode_t mode)
{
	return fails(EPERM) ? -1 : (int)syscall(SYS_fchmod, fd, mode);
}

int chmod(const char *path, mode_t mode)
{
	return fails(EPERM) ? -1 : (int)syscall(SYS_fchmodat, AT_FDCWD, path, mode);
}

int mkdir(const char *path, mode_t mode)
{
	return fails(ENOSPC) ? -1 : (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
}

int link(const char *from, const char *to)
{
	return fails(ENOSPC) ? -1 : (int)syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int rename(const char *from, const char *to)
{
	return fails(ENOSPC) ? -1 : (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int chown(const char *path, uid_t uid, gid_t gid)
{
	return fails(EPERM) ? -1 : (int)syscall(SYS_fchownat, AT_FDCWD, path, uid, gid, 0);
}
