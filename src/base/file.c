#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_CHUNK = 65536 };

/* The code for the errno of a call on a path. */
static enum rc errno_rc(int saved_errno)
{
	switch (saved_errno) {
	case ENOENT:
	case ENOTDIR:
		return RC_NOTFOUND;
	case EACCES:
	case EPERM:
	case EROFS:
		return RC_PERM;
	case ENOMEM:
		return RC_NOMEM;
	case EMFILE:
	case ENFILE:
		return RC_AGAIN;
	default:
		return RC_IO;
	}
}

static enum rc sys_fail(struct err *err, const char *what, const char *path)
{
	int saved_errno = errno;

	return err_sys(err, errno_rc(saved_errno), saved_errno, "cannot %s %s", what, path);
}

static enum rc too_large(const char *path, const struct buf *out, struct err *err)
{
	return err_set(err, RC_LIMIT, "%s is larger than the %zu bytes that are allowed", path,
		       out->max);
}

/* Where OUT is full, the next byte decides whether the file is too large. */
static enum rc read_to_end(int fd, const char *path, struct buf *out, struct err *err)
{
	for (;;) {
		size_t room = out->max - out->len;
		char probe;
		ssize_t got;
		enum rc rc;

		if (room > READ_CHUNK)
			room = READ_CHUNK;
		rc = buf_reserve(out, room, err);
		if (rc != RC_OK)
			return rc;
		got = room > 0 ? read(fd, out->p + out->len, room) : read(fd, &probe, 1);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return sys_fail(err, "read", path);
		if (got == 0)
			return RC_OK;
		if (room == 0)
			return too_large(path, out, err);
		out->len += (size_t)got;
	}
}

enum wanted { WANT_ANYTHING, WANT_FILE_OR_PIPE, WANT_FILE };

/* A device or a socket has no end, or reading it has effects. */
static enum rc check_readable(int fd, const char *path, enum wanted wanted, const struct buf *out,
			      struct err *err)
{
	struct stat st;

	if (wanted == WANT_ANYTHING)
		return RC_OK;
	if (fstat(fd, &st) != 0)
		return sys_fail(err, "examine", path);
	if (S_ISDIR(st.st_mode))
		return err_set(err, RC_INPUT, "%s is a directory, not a file", path);
	if (!S_ISREG(st.st_mode) && wanted == WANT_FILE)
		return err_set(err, RC_INPUT, "%s is no regular file", path);
	if (!S_ISREG(st.st_mode) && !S_ISFIFO(st.st_mode))
		return err_set(err, RC_INPUT, "%s is neither a file nor a pipe", path);
	if (S_ISREG(st.st_mode) && st.st_size > 0 && (size_t)st.st_size > out->max - out->len)
		return too_large(path, out, err);
	return RC_OK;
}

static enum rc read_whole(int fd, const char *path, enum wanted wanted, struct buf *out,
			  struct err *err)
{
	size_t start = out->len;
	enum rc rc = check_readable(fd, path, wanted, out, err);

	if (rc == RC_OK)
		rc = read_to_end(fd, path, out, err);
	if (rc != RC_OK)
		out->len = start;
	return rc;
}

static enum rc open_and_read(const char *path, int flags, enum wanted wanted, struct buf *out,
			     struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | flags);
	enum rc rc;

	if (fd < 0)
		return sys_fail(err, "read", path);
	rc = read_whole(fd, path, wanted, out, err);
	close(fd);
	return rc;
}

enum rc file_read(const char *path, struct buf *out, struct err *err)
{
	if (strcmp(path, "-") == 0)
		return read_whole(STDIN_FILENO, "standard input", WANT_ANYTHING, out, err);
	return open_and_read(path, 0, WANT_FILE_OR_PIPE, out, err);
}

/* Without O_NONBLOCK, to open a pipe is to wait for its writer; some files of /proc wait when they are read. */
enum rc file_read_regular(const char *path, struct buf *out, struct err *err)
{
	return open_and_read(path, O_NONBLOCK, WANT_FILE, out, err);
}

enum rc file_hold_standard(struct err *err)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) < 0)
			return err_sys(err, RC_IO, errno, "/dev/null");
	return RC_OK;
}

static enum rc write_all(int fd, struct span s)
{
	while (s.len > 0) {
		ssize_t put = write(fd, s.p, s.len);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return RC_IO;
		s = span_from(s, (size_t)put);
	}
	return RC_OK;
}

/* The directory that holds PATH: "/a" for "/a/b" and "/a/b/", "." for "b". To be freed. */
static char *parent_of(const char *path)
{
	size_t len = strlen(path);

	while (len > 1 && path[len - 1] == '/')
		len--;
	while (len > 0 && path[len - 1] != '/')
		len--;
	while (len > 1 && path[len - 1] == '/')
		len--;
	return len == 0 ? strdup(".") : strndup(path, len);
}

/* Some file systems cannot fsync a directory and say EINVAL; what they can do was done then. */
static enum rc sync_dir(const char *dir, struct err *err)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum rc rc = RC_OK;

	if (fd < 0)
		return sys_fail(err, "open directory", dir);
	if (fsync(fd) != 0 && errno != EINVAL)
		rc = sys_fail(err, "sync directory", dir);
	close(fd);
	return rc;
}

enum rc file_sync_parent(const char *path, struct err *err)
{
	char *dir = parent_of(path);
	enum rc rc;

	if (dir == NULL)
		return err_set(err, RC_NOMEM, "out of memory");
	rc = sync_dir(dir, err);
	free(dir);
	return rc;
}

/* CONTENT in a new file TEMP (a mkostemp() template), on the disk. */
static enum rc write_temp(char *temp, struct span content, mode_t mode, struct err *err)
{
	int fd = mkostemp(temp, O_CLOEXEC);
	enum rc rc = RC_OK;

	if (fd < 0) {
		rc = sys_fail(err, "make a file like", temp);
		temp[0] = '\0';
		return rc;
	}
	/* fchmod() and not the umask decides; it comes last, so that no reader sees a part. */
	if (write_all(fd, content) != RC_OK || fchmod(fd, mode) != 0 || fsync(fd) != 0)
		rc = sys_fail(err, "write", temp);
	if (close(fd) != 0 && rc == RC_OK)
		rc = sys_fail(err, "write", temp);
	return rc;
}

/* TEMP becomes PATH. On success TEMP is gone. */
static enum rc put_in_place(const char *temp, const char *path, bool replace, struct err *err)
{
	if (replace)
		return rename(temp, path) == 0 ? RC_OK : sys_fail(err, "replace", path);
	if (link(temp, path) != 0) {
		if (errno == EEXIST)
			return err_set(err, RC_EXISTS, "%s exists already", path);
		return sys_fail(err, "make", path);
	}
	unlink(temp);
	return RC_OK;
}

enum rc file_write_atomic(const char *path, struct span content, mode_t mode, bool replace,
			  struct err *err)
{
	char *dir = parent_of(path);
	char *temp = NULL;
	enum rc rc;

	/* A name of its own length: PATH's name may be as long as the file system allows. */
	if (dir == NULL || asprintf(&temp, "%s/.mailseal.XXXXXX", dir) < 0) {
		temp = NULL;
		rc = err_set(err, RC_NOMEM, "out of memory");
		goto out;
	}
	rc = write_temp(temp, content, mode, err);
	if (rc == RC_OK)
		rc = put_in_place(temp, path, replace, err);
	if (rc != RC_OK) {
		if (temp[0] != '\0')
			unlink(temp);
		goto out;
	}
	rc = sync_dir(dir, err);
	if (rc != RC_OK && !replace)
		unlink(path);
out:
	free(temp);
	free(dir);
	return rc;
}

/* The mode of mkdir() loses to the umask and has no set-group-id bit, so it is set again. */
static enum rc set_dir_mode(const char *path, mode_t mode, struct err *err)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	enum rc rc = RC_OK;

	if (fd < 0)
		return sys_fail(err, "open directory", path);
	if (fchmod(fd, mode) != 0)
		rc = sys_fail(err, "set the mode of", path);
	close(fd);
	return rc;
}

static enum rc make_dir(const char *path, mode_t mode, struct err *err)
{
	struct stat st;
	enum rc rc;

	if (mkdir(path, 0700) == 0) {
		rc = set_dir_mode(path, mode, err);
		return rc == RC_OK ? file_sync_parent(path, err) : rc;
	}
	/* On a read-only or foreign directory mkdir() may complain of that first. */
	if (errno == EEXIST || errno == EROFS || errno == EACCES) {
		int saved_errno = errno;

		if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
			return RC_OK;
		if (saved_errno == EEXIST)
			return err_set(err, RC_EXISTS, "%s is there and is no directory", path);
		errno = saved_errno;
	}
	return sys_fail(err, "make directory", path);
}

enum rc file_mkdirs(const char *path, mode_t mode, struct err *err)
{
	char *copy = strdup(path);
	enum rc rc = RC_OK;

	if (copy == NULL)
		return err_set(err, RC_NOMEM, "out of memory");
	for (char *p = copy; rc == RC_OK && *p != '\0';) {
		char kept;

		p += strspn(p, "/");
		p += strcspn(p, "/");
		kept = *p;
		*p = '\0';
		rc = make_dir(copy, mode, err);
		*p = kept;
		p += strspn(p, "/");
	}
	free(copy);
	return rc;
}
