#include "iofault.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/types.h>

static long countdown = -1; /* calls until one fails; -1: none does */
static int reason;
static bool has_failed;

void iofault_after(long n, int why)
{
	has_failed = false;
	reason = why;
	countdown = n;
}

bool iofault_end(void)
{
	countdown = -1;
	return has_failed;
}

bool iofault_failed(void)
{
	return has_failed;
}

static bool fails(void)
{
	if (countdown < 0 || countdown-- > 0)
		return false;
	has_failed = true;
	errno = reason;
	return true;
}

int __real_open(const char *path, int flags, mode_t mode);
ssize_t __real_pwrite(int fd, const void *bytes, size_t n, off_t at);
ssize_t __real_pread(int fd, void *bytes, size_t n, off_t at);
int __wrap_open(const char *path, int flags, ...);
ssize_t __wrap_pwrite(int fd, const void *bytes, size_t n, off_t at);
ssize_t __wrap_pread(int fd, void *bytes, size_t n, off_t at);

int __wrap_open(const char *path, int flags, ...)
{
	bool makes = (flags & O_TMPFILE) == O_TMPFILE;
	mode_t mode = 0;
	va_list args;

	va_start(args, flags);
	if (makes || (flags & O_CREAT) != 0)
		mode = va_arg(args, mode_t);
	va_end(args);
	return makes && fails() && reason != 0 ? -1 : __real_open(path, flags, mode);
}

ssize_t __wrap_pwrite(int fd, const void *bytes, size_t n, off_t at)
{
	bool failed = fails();

	if (failed && reason != 0)
		return -1;
	return __real_pwrite(fd, bytes, failed && n > 1 ? n / 2 : n, at);
}

ssize_t __wrap_pread(int fd, void *bytes, size_t n, off_t at)
{
	bool failed = fails();

	if (failed && reason != 0)
		return -1;
	return __real_pread(fd, bytes, failed && n > 1 ? n / 2 : n, at);
}

size_t files_in(const char *dir)
{
	DIR *d = opendir(dir);
	size_t n = 0;

	if (d == NULL)
		return 0;
	for (const struct dirent *e; (e = readdir(d)) != NULL;)
		n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
	closedir(d);
	return n;
}

size_t open_descriptors(void)
{
	return files_in("/proc/self/fd");
}
