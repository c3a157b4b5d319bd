#include "base/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"

enum { PIECE_MAX = 65536 };

struct spool {
	char *dir;
	struct buf memory; /* what came first; its max is the bound */
	int fd;		   /* what came when memory was full; -1: nothing yet */
	uint64_t in_file;
};

enum rc spool_new(const char *dir, size_t memory, struct spool **ret, struct err *err)
{
	struct spool *s = calloc(1, sizeof(*s));

	if (s == NULL || (s->dir = strdup(dir)) == NULL) {
		free(s);
		return err_set(err, RC_NOMEM, "out of memory for a spool");
	}
	buf_init(&s->memory, memory);
	s->fd = -1;
	*ret = s;
	return RC_OK;
}

struct spool *spool_free(struct spool *s)
{
	if (s != NULL) {
		if (s->fd >= 0)
			close(s->fd);
		buf_wipe(&s->memory);
		free(s->dir);
		free(s);
	}
	return NULL;
}

/* Where the file system has no O_TMPFILE, a name lives for the time between two system calls. */
static int open_named(const char *dir, struct err *err)
{
	char path[4096];
	int fd, len;

	len = snprintf(path, sizeof(path), "%s/spool.XXXXXX", dir);
	if (len < 0 || (size_t)len >= sizeof(path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0 && unlink(path) != 0) {
		err_sys(err, RC_IO, errno, "%s", path);
		close(fd);
		return -1;
	}
	return fd;
}

static enum rc open_file(struct spool *s, struct err *err)
{
	s->fd = open(s->dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (s->fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL))
		s->fd = open_named(s->dir, err);
	if (s->fd < 0)
		return err_sys(err, RC_IO, errno, "spool.dir %s: cannot make a file", s->dir);
	return RC_OK;
}

static enum rc write_file(struct spool *s, struct span piece, struct err *err)
{
	if (s->fd < 0) {
		enum rc rc = open_file(s, err);

		if (rc != RC_OK)
			return rc;
	}
	while (piece.len > 0) {
		ssize_t n = pwrite(s->fd, piece.p, piece.len, (off_t)s->in_file);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_sys(err, RC_IO, n == 0 ? ENOSPC : errno,
				       "spool.dir %s: cannot write", s->dir);
		s->in_file += (uint64_t)n;
		piece = span_from(piece, (size_t)n);
	}
	return RC_OK;
}

enum rc spool_add(struct spool *s, struct span piece, struct err *err)
{
	size_t room = s->in_file == 0 ? s->memory.max - s->memory.len : 0;
	struct span first = span_sub(piece, 0, room);
	enum rc rc = buf_add(&s->memory, first, err);

	if (rc == RC_OK && first.len < piece.len)
		rc = write_file(s, span_from(piece, first.len), err);
	return rc;
}

uint64_t spool_size(const struct spool *s)
{
	return s->memory.len + s->in_file;
}

static enum rc replay_file(struct spool *s, char *room, size_t piece, spool_sink *sink, void *ctx,
			   struct err *err)
{
	uint64_t at = 0;
	enum rc rc = RC_OK;

	while (at < s->in_file && rc == RC_OK) {
		uint64_t left = s->in_file - at;
		ssize_t n = pread(s->fd, room, left < piece ? (size_t)left : piece, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_sys(err, RC_IO, n == 0 ? EIO : errno,
				       "spool.dir %s: cannot read back", s->dir);
		rc = sink(ctx, span_of(room, (size_t)n), err);
		at += (uint64_t)n;
	}
	return rc;
}

enum rc spool_replay(struct spool *s, size_t piece, spool_sink *sink, void *ctx, struct err *err)
{
	struct span memory = buf_span(&s->memory);
	enum rc rc = RC_OK;
	char *room;

	if (piece == 0 || piece > PIECE_MAX)
		piece = PIECE_MAX;
	for (; memory.len > 0 && rc == RC_OK; memory = span_from(memory, piece))
		rc = sink(ctx, span_sub(memory, 0, piece), err);
	if (rc != RC_OK || s->in_file == 0)
		return rc;
	room = malloc(piece);
	if (room == NULL)
		return err_set(err, RC_NOMEM, "out of memory for a spool");
	rc = replay_file(s, room, piece, sink, ctx, err);
	explicit_bzero(room, piece);
	free(room);
	return rc;
}
