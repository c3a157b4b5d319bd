#include "tool/maildir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tool/maildirname.h"
#include "tool/uidlist.h"

enum {
	FILES_MAX = 20000000,
	/* One commit: the list of UIDs is written once for so many messages, and so much is on the disk twice. */
	CHANGES_MAX = 200,
	BYTES_MAX = 64 << 20,
	NAME_ROOM = 256
};

enum rc maildir_fail(const struct maildir *m, const char *what, const char *name, struct err *err)
{
	int why = errno;
	enum rc rc = why == ENOENT				     ? RC_NOTFOUND
		     : why == EACCES || why == EPERM || why == EROFS ? RC_PERM
								     : RC_IO;

	return err_sys(err, rc, why, "%s: cannot %s %s", m->path, what, name);
}

static enum rc open_dir(int at, const char *name, int *ret)
{
	*ret = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return *ret >= 0 ? RC_OK : RC_IO;
}

/* "/a/b/" and "/a/b" are the same, also where b is a symbolic link. */
static char *without_slashes(const char *path)
{
	size_t len = strlen(path);

	while (len > 1 && path[len - 1] == '/')
		len--;
	return strndup(path, len);
}

static enum rc open_top(struct maildir *m, struct err *err)
{
	struct stat st;

	if (open_dir(AT_FDCWD, m->path, &m->dir) == RC_OK)
		return RC_OK;
	if (lstat(m->path, &st) == 0 && S_ISLNK(st.st_mode))
		return err_set(err, RC_INPUT, "%s is a symbolic link: name the directory itself",
			       m->path);
	if (errno == ENOTDIR)
		return err_set(err, RC_INPUT, "%s is no directory", m->path);
	return maildir_fail(m, "open", "the directory", err);
}

static enum rc open_subdirs(struct maildir *m, struct err *err)
{
	const struct {
		const char *name;
		int *fd;
	} all[] = {{"cur", &m->cur}, {"new", &m->new_dir}, {"tmp", &m->tmp}};

	for (size_t i = 0; i < COUNT_OF(all); i++) {
		if (open_dir(m->dir, all[i].name, all[i].fd) == RC_OK)
			continue;
		if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP)
			return err_set(err, RC_INPUT, "%s is no Maildir: it has no directory '%s'",
				       m->path, all[i].name);
		return maildir_fail(m, "open", all[i].name, err);
	}
	return RC_OK;
}

static enum rc open_place(const struct maildir *m, const char *place, int *ret, struct err *err)
{
	if (open_dir(place != NULL ? AT_FDCWD : m->dir, place != NULL ? place : ".", ret) == RC_OK)
		return RC_OK;
	return maildir_fail(m, "open", place != NULL ? place : "the directory", err);
}

static bool has_name(int dir, const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static enum rc open_places(struct maildir *m, const struct maildir_places *places, struct err *err)
{
	enum rc rc = open_place(m, places->index, &m->index, err);

	if (rc == RC_OK)
		rc = open_place(m, places->control, &m->control, err);
	if (rc == RC_OK && !has_name(m->control, "dovecot-uidlist")) {
		close(m->control);
		m->control = -1;
	}
	return rc;
}

void maildir_files_init(struct vec *files)
{
	vec_init(files, sizeof(struct maildir_file), FILES_MAX);
}

enum rc maildir_files_add(struct vec *files, bool in_new, const char *name, struct err *err)
{
	struct maildir_file *f = vec_push(files);

	if (f == NULL || (f->name = strdup(name)) == NULL)
		return err_set(err, RC_NOMEM, "out of memory for the names of messages");
	f->in_new = in_new;
	return RC_OK;
}

static enum rc list_dir(const struct maildir *m, bool in_new, struct vec *files, struct err *err)
{
	const char *name = in_new ? "new" : "cur";
	struct dirent *entry;
	enum rc rc = RC_OK;
	DIR *dir;
	int fd;

	if (open_dir(m->dir, name, &fd) != RC_OK)
		return maildir_fail(m, "list", name, err);
	dir = fdopendir(fd);
	if (dir == NULL) {
		close(fd);
		return maildir_fail(m, "list", name, err);
	}
	errno = 0;
	while (rc == RC_OK && (entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.')
			rc = maildir_files_add(files, in_new, entry->d_name, err);
	if (rc == RC_OK && errno != 0)
		rc = maildir_fail(m, "list", name, err);
	closedir(dir);
	return rc;
}

static int compare_files(const void *a, const void *b)
{
	return strcmp(((const struct maildir_file *)a)->name,
		      ((const struct maildir_file *)b)->name);
}

enum rc maildir_list(const struct maildir *m, struct vec *files, struct err *err)
{
	enum rc rc;

	maildir_files_init(files);
	rc = list_dir(m, true, files, err);
	if (rc == RC_OK)
		rc = list_dir(m, false, files, err);
	if (rc == RC_OK && files->len > 0)
		qsort(files->items, files->len, sizeof(struct maildir_file), compare_files);
	return rc;
}

void maildir_files_free(struct vec *files)
{
	for (size_t i = 0; i < files->len; i++)
		free(((struct maildir_file *)vec_at(files, i))->name);
	vec_clear(files);
}

static bool has_message(const struct vec *names, const char *name)
{
	struct span stem = maildirname_stem(span_str(name));

	for (size_t i = 0; i < names->len; i++) {
		const struct maildir_file *f = vec_at(names, i);

		if (span_eq(maildirname_stem(span_str(f->name)), stem))
			return true;
	}
	return false;
}

enum rc maildir_relist(struct maildir *m, const struct vec *names, struct err *err)
{
	struct vec now;
	enum rc rc = maildir_list(m, &now, err);

	maildir_files_free(&m->files);
	maildir_files_init(&m->files);
	for (size_t i = 0; rc == RC_OK && i < now.len; i++) {
		const struct maildir_file *f = vec_at(&now, i);

		if (has_message(names, f->name))
			rc = maildir_files_add(&m->files, f->in_new, f->name, err);
	}
	maildir_files_free(&now);
	return rc;
}

/* What would become of the UIDs that a mail server has given. */
static enum rc check_uids(const struct maildir *m, struct err *err)
{
	uint64_t size;

	if (m->control >= 0)
		return RC_OK;
	if (has_name(m->dir, "courierimapuiddb"))
		return err_set(err, RC_REFUSED,
			       "%s: Courier keeps the UIDs here, and its list cannot be kept: the "
			       "messages would get new ones (--force does it all the same)",
			       m->path);
	for (size_t i = 0; i < m->files.len; i++) {
		const struct maildir_file *f = vec_at(&m->files, i);

		if (maildirname_size(span_str(f->name), 'S', &size) ||
		    maildirname_size(span_str(f->name), 'W', &size))
			return err_set(
				err, RC_REFUSED,
				"%s: names have sizes in them and there is no "
				"dovecot-uidlist: where Dovecot has it elsewhere (CONTROL= of "
				"mail_location), --control DIR; where new UIDs do not matter, "
				"--force",
				m->path);
	}
	return RC_OK;
}

enum rc maildir_open(struct maildir *m, const char *path, const struct maildir_places *places,
		     bool force, struct err *err)
{
	enum rc rc;

	memset(m, 0, sizeof(*m));
	m->dir = m->cur = m->new_dir = m->tmp = m->control = m->index = -1;
	maildir_files_init(&m->files);
	vec_init(&m->changes, sizeof(struct maildir_change), CHANGES_MAX);
	m->path = without_slashes(path);
	if (m->path == NULL)
		return err_set(err, RC_NOMEM, "out of memory for %s", path);
	rc = open_top(m, err);
	if (rc == RC_OK)
		rc = open_subdirs(m, err);
	if (rc == RC_OK && flock(m->dir, LOCK_EX | LOCK_NB) != 0)
		rc = errno == EWOULDBLOCK
			     ? err_set(err, RC_AGAIN, "%s: another run works on it", m->path)
			     : maildir_fail(m, "lock", "the directory", err);
	if (rc == RC_OK)
		rc = open_places(m, places, err);
	if (rc == RC_OK)
		rc = maildir_list(m, &m->files, err);
	return rc == RC_OK && !force ? check_uids(m, err) : rc;
}

void maildir_close(struct maildir *m)
{
	const int fds[] = {m->dir, m->cur, m->new_dir, m->tmp, m->control, m->index};

	if (m->path == NULL)
		return;
	maildir_forget(m);
	for (size_t i = 0; i < COUNT_OF(fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	maildir_files_free(&m->files);
	vec_clear(&m->changes);
	free(m->path);
	m->path = NULL;
}

static int dir_of(const struct maildir *m, const struct maildir_file *f)
{
	return f->in_new ? m->new_dir : m->cur;
}

enum rc maildir_open_file(struct maildir *m, const struct maildir_file *f, int *ret_fd,
			  struct err *err)
{
	struct stat st;
	int fd = openat(dir_of(m, f), f->name,
			O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0 && errno == ELOOP)
		return err_set(err, RC_REFUSED, "a symbolic link, which is never followed");
	if (fd < 0)
		return err_sys(err,
			       errno == ENOENT	 ? RC_NOTFOUND
			       : errno == EACCES ? RC_PERM
						 : RC_IO,
			       errno, "cannot read it");
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return err_set(err, RC_REFUSED, "no regular file");
	}
	*ret_fd = fd;
	return RC_OK;
}

/* The end of a change that was not made. */
static void drop(struct maildir *m, struct maildir_change *c)
{
	if (c->temp != NULL)
		unlinkat(m->tmp, c->temp, 0);
	free(c->file.name);
	free(c->between);
	free(c->new_name);
	free(c->temp);
}

void maildir_forget(struct maildir *m)
{
	for (size_t i = 0; i < m->changes.len; i++)
		drop(m, vec_at(&m->changes, i));
	m->changes.len = 0;
	m->bytes = 0;
}

bool maildir_is_full(const struct maildir *m)
{
	return m->changes.len == CHANGES_MAX || m->bytes >= BYTES_MAX;
}

/* Everything of C but what the new form decides. */
static enum rc begin_change(const struct maildir_file *f, const struct stat *st, bool with_temp,
			    unsigned number, struct maildir_change *c, struct err *err)
{
	*c = (struct maildir_change){.content = with_temp,
				     .dev = st->st_dev,
				     .ino = st->st_ino,
				     .size = st->st_size,
				     .mtime = st->st_mtim};
	c->file = (struct maildir_file){.in_new = f->in_new, .name = strdup(f->name)};
	if (with_temp &&
	    asprintf(&c->temp, MAILDIR_TEMP_PREFIX "%ld.%u", (long)getpid(), number) < 0)
		c->temp = NULL;
	if (c->file.name == NULL || (with_temp && c->temp == NULL))
		return err_set(err, RC_NOMEM, "out of memory for a message");
	return RC_OK;
}

/* A copy of what NAME has; OUT is empty afterwards. */
static enum rc take_name(struct buf *name, char **ret, struct err *err)
{
	*ret = strndup(name->p, name->len);
	name->len = 0;
	return *ret != NULL ? RC_OK : err_set(err, RC_NOMEM, "out of memory for a message");
}

/* Where Dovecot keeps a list, what changes gets its sizes into its name: what else Dovecot knows of a size counts less.
 * In between it has no size at all: Dovecot then measures it, and a wrong one would make it unreadable. */
static enum rc name_change(const struct maildir *m, struct maildir_change *c, uint64_t size,
			   uint64_t crlf_size, struct err *err)
{
	struct span old = span_str(c->file.name);
	bool add = maildirname_is_between(old) || (m->control >= 0 && c->content);
	struct buf name;
	enum rc rc;

	buf_init(&name, NAME_ROOM);
	rc = maildirname_resize(old, size, crlf_size, add, &name, err);
	if (rc == RC_OK)
		rc = take_name(&name, &c->new_name, err);
	if (rc == RC_OK && c->content && strcmp(c->new_name, c->file.name) != 0) {
		rc = maildirname_between(old, &name, err);
		if (rc == RC_OK)
			rc = take_name(&name, &c->between, err);
	}
	c->now = c->file.name;
	buf_clear(&name);
	return rc;
}

struct temp_file {
	struct maildir *m;
	int fd;
	const char *name;
};

static enum rc to_temp(void *ctx, struct span piece, struct err *err)
{
	struct temp_file *t = ctx;

	while (piece.len > 0) {
		ssize_t n = write(t->fd, piece.p, piece.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			t->m->stuck = true;
			return maildir_fail(t->m, "write to", "tmp", err);
		}
		piece = span_from(piece, (size_t)n);
	}
	return RC_OK;
}

/* Owner, mode and times of the old file; the time of a message is that of its file. */
static enum rc keep_attributes(struct temp_file *t, const struct stat *st, struct err *err)
{
	const struct timespec times[2] = {st->st_atim, st->st_mtim};
	struct stat now;

	if (fstat(t->fd, &now) != 0)
		return maildir_fail(t->m, "examine", t->name, err);
	if ((now.st_uid != st->st_uid || now.st_gid != st->st_gid) &&
	    fchown(t->fd, st->st_uid, st->st_gid) != 0)
		return err_sys(err, RC_UNAVAIL, errno,
			       "its owner cannot be kept (root can do that)");
	if (fchmod(t->fd, st->st_mode & 07777) == 0 && futimens(t->fd, times) == 0 &&
	    fsync(t->fd) == 0)
		return RC_OK;
	t->m->stuck = true;
	return maildir_fail(t->m, "write to", "tmp", err);
}

static enum rc write_temp(struct temp_file *t, const struct stat *st, struct msgfile *m_file,
			  maildir_transform *fn, void *ctx, struct lineends *out, struct err *err)
{
	enum rc rc;

	t->fd = openat(t->m->tmp, t->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		       0600);
	if (t->fd < 0) {
		t->m->stuck = true;
		return maildir_fail(t->m, "make a file in", "tmp", err);
	}
	lineends_init(out, to_temp, t);
	rc = fn(ctx, m_file, out, err);
	if (rc == RC_OK)
		rc = keep_attributes(t, st, err);
	if (close(t->fd) != 0 && rc == RC_OK) {
		t->m->stuck = true;
		rc = maildir_fail(t->m, "write to", "tmp", err);
	}
	return rc;
}

static enum rc keep_change(struct maildir *m, const struct maildir_change *c, struct err *err)
{
	struct maildir_change *slot = vec_push(&m->changes);

	if (slot == NULL)
		return err_set(err, RC_NOMEM, "out of memory for a message");
	*slot = *c;
	return RC_OK;
}

enum rc maildir_prepare(struct maildir *m, const struct maildir_file *f, int fd,
			struct msgfile *m_file, maildir_transform *fn, void *ctx, struct err *err)
{
	struct temp_file t = {.m = m, .fd = -1};
	struct maildir_change c = {.temp = NULL};
	struct lineends *out;
	struct stat st;
	enum rc rc;

	if (fstat(fd, &st) != 0)
		return err_sys(err, RC_IO, errno, "cannot examine it");
	out = malloc(sizeof(*out));
	if (out == NULL)
		return err_set(err, RC_NOMEM, "out of memory for a message");
	rc = begin_change(f, &st, true, m->n_temps++, &c, err);
	if (rc == RC_OK) {
		t.name = c.temp;
		rc = write_temp(&t, &st, m_file, fn, ctx, out, err);
	}
	if (rc == RC_OK)
		rc = name_change(m, &c, out->n_out, out->n_crlf, err);
	if (rc == RC_OK)
		rc = keep_change(m, &c, err);
	if (rc == RC_OK)
		m->bytes += out->n_out;
	else
		drop(m, &c);
	free(out);
	return rc;
}

/* How large FD's file is when every LF counts as CRLF. */
static enum rc count_crlf(int fd, uint64_t *ret, struct err *err)
{
	char room[65536], last = '\0';
	off_t at = 0;
	ssize_t n;

	*ret = 0;
	while ((n = pread(fd, room, sizeof(room), at)) > 0) {
		for (ssize_t i = 0; i < n; i++) {
			*ret += room[i] == '\n' && last != '\r' ? 2 : 1;
			last = room[i];
		}
		at += n;
	}
	return n == 0 ? RC_OK : err_sys(err, RC_IO, errno, "cannot read it");
}

/* Whatever a name says that a killed run has left in between; else the size of the file counts, which is known without
 * reading it. */
static bool has_right_sizes(struct span name, const struct stat *st)
{
	uint64_t size = 0;

	if (maildirname_is_between(name))
		return false;
	if (maildirname_size(name, 'S', &size))
		return size == (uint64_t)st->st_size;
	return !maildirname_size(name, 'W', &size);
}

enum rc maildir_prepare_name(struct maildir *m, const struct maildir_file *f, int fd,
			     struct err *err)
{
	struct maildir_change c = {.temp = NULL};
	uint64_t crlf_size = 0;
	struct stat st;
	enum rc rc;

	if (fstat(fd, &st) != 0)
		return err_sys(err, RC_IO, errno, "cannot examine it");
	if (has_right_sizes(span_str(f->name), &st))
		return RC_OK;
	rc = count_crlf(fd, &crlf_size, err);
	if (rc == RC_OK)
		rc = begin_change(f, &st, false, 0, &c, err);
	if (rc == RC_OK)
		rc = name_change(m, &c, (uint64_t)st.st_size, crlf_size, err);
	if (rc == RC_OK && strcmp(c.new_name, c.file.name) == 0) {
		drop(m, &c);
		return RC_OK;
	}
	if (rc == RC_OK)
		rc = keep_change(m, &c, err);
	if (rc != RC_OK)
		drop(m, &c);
	return rc;
}
