#include "tool/msgfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FIRST_READ = 65536 };

static enum rc sys_fail(const char *what, const char *name, struct err *err)
{
	int why = errno;
	enum rc rc = why == ENOENT || why == ENOTDIR ? RC_NOTFOUND
		     : why == EACCES || why == EPERM ? RC_PERM
						     : RC_IO;

	return err_sys(err, rc, why, "cannot %s %s", what, name);
}

static enum rc examine(struct msgfile *m, struct err *err)
{
	struct stat st;

	if (fstat(m->fd, &st) != 0)
		return sys_fail("examine", m->name, err);
	if (S_ISDIR(st.st_mode))
		return err_set(err, RC_INPUT, "%s is a directory, not a message", m->name);
	m->is_file = S_ISREG(st.st_mode);
	if (!m->is_file && !S_ISFIFO(st.st_mode) && m->fd != STDIN_FILENO)
		return err_set(err, RC_INPUT, "%s is neither a file nor a pipe", m->name);
	m->from = m->is_file ? lseek(m->fd, 0, SEEK_CUR) : 0;
	return m->from < 0 ? sys_fail("read", m->name, err) : RC_OK;
}

/* Octets of the file at AT, or the next ones of a pipe. */
static enum rc read_some(struct msgfile *m, char *room, size_t size, size_t at, size_t *ret_len,
			 struct err *err)
{
	ssize_t n;

	do {
		n = m->is_file ? pread(m->fd, room, size, m->from + (off_t)at)
			       : read(m->fd, room, size);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return sys_fail("read", m->name, err);
	*ret_len = (size_t)n;
	return RC_OK;
}

/* BEGIN grows to at least WANTED octets, or to the whole message: *RET_ALL. */
static enum rc read_begin(struct msgfile *m, size_t wanted, bool *ret_all, struct err *err)
{
	enum rc rc = buf_reserve(&m->begin, wanted - m->begin.len, err);

	*ret_all = false;
	while (rc == RC_OK && m->begin.len < wanted && !*ret_all) {
		size_t len = 0;

		rc = read_some(m, m->begin.p + m->begin.len, wanted - m->begin.len, m->begin.len,
			       &len, err);
		m->begin.len += len;
		*ret_all = rc == RC_OK && len == 0;
	}
	return rc;
}

/* Whole lines only, unless there is no more: half a line may not look like a field. */
static struct span lines_of(const struct buf *begin, bool all)
{
	struct span s = buf_span(begin);

	while (!all && s.len > 0 && s.p[s.len - 1] != '\n')
		s.len--;
	return s;
}

static bool is_empty_line(struct span s)
{
	return span_eq_str(s, "\n") || span_eq_str(s, "\r\n");
}

/* What stands before the body, without the empty line. */
static struct span header_of(struct span lines, size_t body_at)
{
	struct span header = span_sub(lines, 0, body_at);
	size_t line = header.len;

	if (line > 0 && header.p[line - 1] == '\n')
		line--;
	while (line > 0 && header.p[line - 1] != '\n')
		line--;
	if (is_empty_line(span_from(header, line)))
		header.len = line;
	return header;
}

static enum rc read_header(struct msgfile *m, struct err *err)
{
	struct span lines, body = SPAN_NONE;
	bool all = false;
	enum rc rc = RC_OK;

	for (size_t wanted = FIRST_READ; rc == RC_OK; wanted *= 2) {
		if (wanted > MSGFILE_HEADER_MAX)
			return err_set(err, RC_LIMIT, "%s: its header is larger than %d MiB",
				       m->name, MSGFILE_HEADER_MAX >> 20);
		rc = read_begin(m, wanted, &all, err);
		if (rc != RC_OK)
			return rc;
		fields_clear(&m->fields);
		arena_reset(m->arena);
		fields_init(&m->fields, m->arena, MSGFILE_HEADER_MAX);
		lines = lines_of(&m->begin, all);
		rc = fields_read(&m->fields, lines, &body, &m->crlf, err);
		/* Octets behind the header: it ends there. */
		if (rc == RC_OK && (body.len > 0 || all))
			break;
	}
	if (rc != RC_OK)
		return err_wrap(err, rc, "%s", m->name);
	if (m->begin.len == 0)
		return err_set(err, RC_INPUT, "%s: the message is empty", m->name);
	m->body_at = lines.len - body.len;
	m->header = header_of(lines, m->body_at);
	return RC_OK;
}

static int open_nameless(void)
{
	const char *dir = getenv("TMPDIR");
	char path[4096];
	int fd;

	if (dir == NULL || *dir == '\0')
		dir = "/tmp";
	fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
		return fd;
	if ((size_t)snprintf(path, sizeof(path), "%s/mailseal.XXXXXX", dir) >= sizeof(path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		unlink(path);
	return fd;
}

static enum rc write_all(int fd, struct span s)
{
	while (s.len > 0) {
		ssize_t n = write(fd, s.p, s.len);

		if (n < 0 && errno != EINTR)
			return RC_IO;
		if (n > 0)
			s = span_from(s, (size_t)n);
	}
	return RC_OK;
}

/* What comes by a pipe goes into a file that M has from now on. */
static enum rc keep_pipe(struct msgfile *m, struct err *err)
{
	char room[FIRST_READ];
	size_t len = 1;
	int fd = open_nameless();
	enum rc rc = RC_OK;

	if (fd < 0)
		return sys_fail("make", "a temporary file (TMPDIR says where)", err);
	while (rc == RC_OK && len > 0) {
		rc = read_some(m, room, sizeof(room), 0, &len, err);
		if (rc == RC_OK && write_all(fd, span_of(room, len)) != RC_OK)
			rc = sys_fail("write", "a temporary file (TMPDIR says where)", err);
	}
	if (rc != RC_OK) {
		close(fd);
		return rc;
	}
	if (m->own_fd)
		close(m->fd);
	m->fd = fd;
	m->own_fd = m->is_file = true;
	return RC_OK;
}

static enum rc begin(struct msgfile *m, bool twice, struct err *err)
{
	enum rc rc;

	m->arena = arena_new(4 * (size_t)MSGFILE_HEADER_MAX);
	if (m->arena == NULL)
		return err_set(err, RC_NOMEM, "out of memory for %s", m->name);
	fields_init(&m->fields, m->arena, MSGFILE_HEADER_MAX);
	buf_init(&m->begin, MSGFILE_HEADER_MAX + DETECT_BODY_MAX);
	rc = examine(m, err);
	if (rc == RC_OK && twice && !m->is_file)
		rc = keep_pipe(m, err);
	return rc == RC_OK ? read_header(m, err) : rc;
}

enum rc msgfile_open(struct msgfile *m, const char *path, bool twice, struct err *err)
{
	bool is_stdin = strcmp(path, "-") == 0;

	memset(m, 0, sizeof(*m));
	m->name = is_stdin ? "standard input" : path;
	m->fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (m->fd < 0)
		return sys_fail("read", m->name, err);
	m->own_fd = !is_stdin;
	return begin(m, twice, err);
}

enum rc msgfile_attach(struct msgfile *m, int fd, const char *name, struct err *err)
{
	memset(m, 0, sizeof(*m));
	m->name = name;
	m->fd = fd;
	return begin(m, false, err);
}

void msgfile_close(struct msgfile *m)
{
	if (m->own_fd)
		close(m->fd);
	fields_clear(&m->fields);
	buf_wipe(&m->begin);
	m->arena = arena_free(m->arena);
	m->own_fd = false;
}

struct span msgfile_before_body(const struct msgfile *m)
{
	return span_of(m->begin.p, m->body_at);
}

enum rc msgfile_read(struct msgfile *m, char *room, size_t size, size_t *ret_len, struct err *err)
{
	size_t at = m->body_at + m->body_pos;
	struct span there = span_sub(buf_span(&m->begin), at, size);
	enum rc rc = RC_OK;

	*ret_len = there.len;
	if (there.len > 0)
		memcpy(room, there.p, there.len);
	else
		rc = read_some(m, room, size, at, ret_len, err);
	m->body_pos += *ret_len;
	return rc;
}

enum rc msgfile_rewind(struct msgfile *m, struct err *err)
{
	if (!m->is_file && m->body_at + m->body_pos > m->begin.len)
		return err_set(err, RC_IO, "%s: a pipe cannot be read twice", m->name);
	m->body_pos = 0;
	return RC_OK;
}

enum rc msgfile_security(struct msgfile *m, enum security *ret, struct err *err)
{
	size_t wanted = m->body_at + DETECT_BODY_MAX;
	struct arena *arena;
	bool all;
	enum rc rc = RC_OK;

	if (m->begin.len < wanted) {
		size_t header_len = m->header.len;

		rc = read_begin(m, wanted, &all, err);
		m->header = span_of(m->begin.p, header_len); /* it may have moved */
	}
	if (rc != RC_OK)
		return rc;
	arena = arena_new(1 << 20);
	if (arena == NULL)
		return err_set(err, RC_NOMEM, "out of memory for %s", m->name);
	*ret = detect_with_body(&m->fields, span_from(buf_span(&m->begin), m->body_at), arena);
	arena_free(arena);
	return RC_OK;
}

/* From a line's first byte to behind its LF, or to the end. */
static struct span take_line(struct span *rest)
{
	struct span line = span_sub(*rest, 0, span_find(*rest, '\n', 0) + 1);

	*rest = span_from(*rest, line.len);
	return line;
}

static bool begins_with_field(struct span text, const struct field *f)
{
	text = span_trim(span_from(text, span_starts(text, f->name) ? f->name.len : text.len));
	return span_starts(text, SPAN_LIT(":"));
}

bool msgfile_next_piece(struct msgfile_pieces *pieces, const struct field **ret_field,
			struct span *ret_text)
{
	const struct field *f = pieces->i < fields_count(pieces->fields)
					? fields_at(pieces->fields, pieces->i)
					: NULL;
	struct span text;

	if (pieces->rest.len == 0)
		return false;
	text = take_line(&pieces->rest);
	*ret_field = f != NULL && begins_with_field(text, f) ? f : NULL;
	if (*ret_field != NULL) {
		pieces->i++;
		while (pieces->rest.len > 0 && is_wsp(pieces->rest.p[0]))
			text.len += take_line(&pieces->rest).len;
	}
	*ret_text = text;
	return true;
}
