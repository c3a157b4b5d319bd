#include "tool/uidlist.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char list_name[] = "dovecot-uidlist";
static const char temp_name[] = "dovecot-uidlist.mailseal";
static const char lock_name[] = "dovecot-uidlist.lock";
static const char lock_temp_name[] = "dovecot-uidlist.lock.mailseal";

enum {
	STALE = 120, /* as Dovecot has it */
	LOCK_TEXT_MAX = 512,
	PIECE = 65536,
	NAP_MS = 50
};

/* "UID FIELDS:BASE", taken apart. */
struct line {
	struct span uid;
	struct span fields; /* with a space before each and one behind the last, or nothing */
	struct span base;
};

static bool read_line(struct span text, struct line *ret)
{
	size_t digits = 0, colon;

	while (digits < text.len && is_ascii_digit(text.p[digits]))
		digits++;
	colon = span_search(text, SPAN_LIT(" :"), digits, false);
	if (digits == 0 || colon == text.len || text.p[digits] != ' ')
		return false;
	ret->uid = span_sub(text, 0, digits);
	ret->fields = span_sub(text, digits, colon - digits);
	ret->base = span_from(text, colon + 2);
	return ret->base.len > 0 && !span_has(ret->base, '/') && !span_has(ret->base, '\0');
}

/* Without its LF. The last line may lack one. */
static bool take_line(struct span *rest, struct span *ret)
{
	if (rest->len == 0)
		return false;
	*ret = span_sub(*rest, 0, span_find(*rest, '\n', 0));
	*rest = span_from(*rest, ret->len + 1);
	return true;
}

enum rc uidlist_check(struct span text, struct err *err)
{
	struct span line;
	struct line parts;

	if (!take_line(&text, &line) || !span_starts(line, SPAN_LIT("3 ")))
		return err_set(err, RC_INPUT, "%s: this is not version 3 of the format", list_name);
	for (int number = 2; take_line(&text, &line); number++)
		if (!read_line(line, &parts))
			return err_set(err, RC_INPUT, "%s:%d: no \"UID :NAME\"", list_name, number);
	return RC_OK;
}

bool uidlist_next(struct span *rest, struct span *ret_base)
{
	struct span line;
	struct line parts;

	while (take_line(rest, &line))
		if (read_line(line, &parts)) { /* not the header */
			*ret_base = parts.base;
			return true;
		}
	return false;
}

static int compare_changes(const void *a, const void *b)
{
	return strcmp(((const struct uidlist_change *)a)->base,
		      ((const struct uidlist_change *)b)->base);
}

static const struct uidlist_change *find_change(const struct uidlist_change *changes, size_t n,
						struct span base)
{
	while (n > 0) {
		const struct uidlist_change *middle = changes + n / 2;
		int order = span_cmp(base, span_str(middle->base));

		if (order == 0)
			return middle;
		if (order > 0) {
			changes = middle + 1;
			n -= n / 2 + 1;
		} else {
			n /= 2;
		}
	}
	return NULL;
}

/* The fields that stay, and the GUID that the message had by its name. */
static enum rc put_fields(struct line line, const struct uidlist_change *c, struct buf *out,
			  struct err *err)
{
	struct span field, rest = line.fields;
	bool has_guid = false;
	enum rc rc = RC_OK;

	while (rc == RC_OK && rest.len > 0 && span_split(&rest, ' ', &field)) {
		if (field.len == 0 || field.p[0] == 'S' || field.p[0] == 'W')
			continue;
		has_guid = has_guid || field.p[0] == 'G';
		rc = buf_addc(out, ' ', err);
		if (rc == RC_OK)
			rc = buf_add(out, field, err);
	}
	if (rc == RC_OK && c->new_base != NULL && !has_guid && !span_has(line.base, ' '))
		rc = buf_addf(out, err, " G%s", c->base);
	return rc;
}

static enum rc put_changed(struct line line, const struct uidlist_change *c, struct buf *out,
			   struct err *err)
{
	enum rc rc = buf_add(out, line.uid, err);

	if (rc == RC_OK)
		rc = put_fields(line, c, out, err);
	if (rc == RC_OK)
		rc = buf_adds(out, " :", err);
	if (rc == RC_OK)
		rc = buf_adds(out, c->new_base != NULL ? c->new_base : c->base, err);
	return rc;
}

enum rc uidlist_rewrite(struct span text, struct uidlist_change *changes, size_t n, struct buf *out,
			bool *ret_changed, struct err *err)
{
	size_t before = out->len;
	struct span line, rest = text;
	struct line parts;
	enum rc rc = RC_OK;

	if (n > 0)
		qsort(changes, n, sizeof(*changes), compare_changes);
	while (rc == RC_OK && take_line(&rest, &line)) {
		const struct uidlist_change *c =
			read_line(line, &parts) ? find_change(changes, n, parts.base) : NULL;

		rc = c != NULL ? put_changed(parts, c, out, err) : buf_add(out, line, err);
		if (rc == RC_OK)
			rc = buf_addc(out, '\n', err);
	}
	*ret_changed = !span_eq(span_from(buf_span(out), before), text);
	return rc;
}

static enum rc sys_fail(const char *what, const char *name, struct err *err)
{
	int why = errno;
	enum rc rc = why == ENOENT ? RC_NOTFOUND : why == EACCES || why == EPERM ? RC_PERM : RC_IO;

	return err_sys(err, rc, why, "cannot %s %s", what, name);
}

enum rc uidlist_read(int dir, struct buf *out, struct err *err)
{
	int fd = openat(dir, list_name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	enum rc rc = RC_OK;
	ssize_t n = 1;

	if (fd < 0)
		return sys_fail("read", list_name, err);
	while (rc == RC_OK && n > 0) {
		rc = buf_reserve(out, PIECE, err);
		if (rc != RC_OK)
			break;
		n = read(fd, out->p + out->len, PIECE);
		if (n < 0)
			rc = sys_fail("read", list_name, err);
		else
			out->len += (size_t)n;
	}
	close(fd);
	return rc;
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

/* Owner and mode before the content: nobody may write to a list that is not his. */
static enum rc fill(int fd, const struct stat *old, struct span text, struct err *err)
{
	struct stat now;

	if (fstat(fd, &now) != 0)
		return sys_fail("write", temp_name, err);
	if ((now.st_uid != old->st_uid || now.st_gid != old->st_gid) &&
	    fchown(fd, old->st_uid, old->st_gid) != 0)
		return sys_fail("give the owner of the old one to", temp_name, err);
	if (fchmod(fd, old->st_mode & 07777) != 0 || write_all(fd, text) != RC_OK || fsync(fd) != 0)
		return sys_fail("write", temp_name, err);
	return RC_OK;
}

enum rc uidlist_write(int dir, struct span text, struct err *err)
{
	struct stat old;
	enum rc rc;
	int fd;

	if (fstatat(dir, list_name, &old, AT_SYMLINK_NOFOLLOW) != 0)
		return sys_fail("examine", list_name, err);
	uidlist_clean(dir);
	fd = openat(dir, temp_name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return sys_fail("make", temp_name, err);
	rc = fill(fd, &old, text, err);
	if (close(fd) != 0 && rc == RC_OK)
		rc = sys_fail("write", temp_name, err);
	if (rc != RC_OK)
		uidlist_clean(dir);
	return rc;
}

enum rc uidlist_replace(int dir, struct err *err)
{
	if (renameat(dir, temp_name, dir, list_name) != 0)
		return sys_fail("replace", list_name, err);
	return fsync(dir) == 0 || errno == EINVAL
		       ? RC_OK
		       : sys_fail("sync the directory of", list_name, err);
}

bool uidlist_clean(int dir)
{
	unlinkat(dir, lock_temp_name, 0);
	return unlinkat(dir, temp_name, 0) == 0;
}

/* "PID:HOST" of this host with a PID that is no more. */
static bool is_gone(struct span text)
{
	char host[256] = "", number[32];
	struct span pid = span_sub(text, 0, span_find(text, ':', 0));
	long value;

	if (pid.len == 0 || pid.len >= sizeof(number) || gethostname(host, sizeof(host) - 1) != 0 ||
	    !span_eq_str(span_from(text, pid.len + 1), host))
		return false;
	snprintf(number, sizeof(number), "%.*s", SPAN_ARG(pid));
	value = strtol(number, NULL, 10);
	return value > 0 && kill((pid_t)value, 0) != 0 && errno == ESRCH;
}

static bool is_stale(int dir)
{
	char text[LOCK_TEXT_MAX];
	struct stat lock, list;
	time_t newest;
	ssize_t n;
	int fd = openat(dir, lock_name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text));
	if (fstat(fd, &lock) != 0)
		n = -1;
	close(fd);
	if (n < 0)
		return false;
	if (n > 0 && is_gone(span_trim_fold(span_of(text, (size_t)n))))
		return true;
	newest = lock.st_mtime;
	if (fstatat(dir, list_name, &list, AT_SYMLINK_NOFOLLOW) == 0 && list.st_mtime > newest)
		newest = list.st_mtime;
	return time(NULL) > newest + STALE;
}

bool uidlist_break_stale(int dir)
{
	return is_stale(dir) && unlinkat(dir, lock_name, 0) == 0;
}

/* "PID:HOST" in a file of our own, which becomes the lock whole: one without them would be waited for. */
static enum rc write_lock(const struct uidlist_lock *lock, struct stat *ret, struct err *err)
{
	char text[LOCK_TEXT_MAX], host[256] = "";
	enum rc rc = RC_OK;
	int fd, len;

	unlinkat(lock->dir, lock_temp_name, 0);
	fd = openat(lock->dir, lock_temp_name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return sys_fail("make", lock_temp_name, err);
	if (gethostname(host, sizeof(host) - 1) != 0)
		host[0] = '\0';
	len = snprintf(text, sizeof(text), "%ld:%s", (long)getpid(), host);
	if (write_all(fd, span_of(text, (size_t)len)) != RC_OK || fstat(fd, ret) != 0)
		rc = sys_fail("write", lock_temp_name, err);
	close(fd);
	return rc;
}

static enum rc try_lock(struct uidlist_lock *lock, struct err *err)
{
	struct stat st;
	enum rc rc = write_lock(lock, &st, err);

	if (rc == RC_OK && linkat(lock->dir, lock_temp_name, lock->dir, lock_name, 0) != 0)
		rc = errno == EEXIST ? RC_AGAIN : sys_fail("make", lock_name, err);
	unlinkat(lock->dir, lock_temp_name, 0);
	if (rc != RC_OK)
		return rc;
	lock->held = true;
	lock->dev = st.st_dev;
	lock->ino = st.st_ino;
	return RC_OK;
}

enum rc uidlist_lock(int dir, int patience, struct uidlist_lock *lock, struct err *err)
{
	const struct timespec nap = {.tv_nsec = NAP_MS * 1000000L};
	enum rc rc;

	*lock = (struct uidlist_lock){.dir = dir};
	for (long left = patience * 1000L / NAP_MS; (rc = try_lock(lock, err)) == RC_AGAIN;
	     left--) {
		if (uidlist_break_stale(dir))
			continue;
		if (left <= 0)
			return err_set(err, RC_AGAIN, "%s: somebody else has it for more than %d s",
				       lock_name, patience);
		nanosleep(&nap, NULL);
	}
	return rc;
}

/* Unless it was taken from us and is another's. */
void uidlist_unlock(struct uidlist_lock *lock)
{
	struct stat st;

	if (lock->held && fstatat(lock->dir, lock_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    st.st_dev == lock->dev && st.st_ino == lock->ino)
		unlinkat(lock->dir, lock_name, 0);
	lock->held = false;
}
