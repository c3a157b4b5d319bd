/* The moments in which something changes for others, and what a run that was killed in one of them has left.
 *
 * In their order, and what is there when the run ends behind each of them:
 *	1. new forms in tmp/, synced		they are removed by the next run
 *	2. the lock of Dovecot's list		it is broken by whoever comes: its process is gone
 *	3. the list with the new names, beside	the next run removes it
 *	4. each file renamed, exchanged with	the list does not know the name: the next run finds it by its stem (if
 *	   its new form, renamed again		Dovecot looks first, the message gets a new UID)
 *	5. the new list in the old one's place	all that Dovecot caches of the messages is old
 *	6. the cache removed			the old forms are in tmp/; the next run removes cache and them
 *	7. the old forms removed		nothing
 * From 2 to 5 Dovecot waits for the lock before it gives UIDs or takes them away. */
#include "tool/maildir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tool/maildirname.h"
#include "tool/uidlist.h"

enum { PATIENCE = 30, NAMES_MAX = 40000000 };

static int dir_of(const struct maildir *m, const struct maildir_change *c)
{
	return c->file.in_new ? m->new_dir : m->cur;
}

/* Is NAME in DIR the very file that was read? */
static bool is_what_was_read(int dir, const char *name, const struct maildir_change *c)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_dev == c->dev &&
	       st.st_ino == c->ino && st.st_size == c->size &&
	       st.st_mtim.tv_sec == c->mtime.tv_sec && st.st_mtim.tv_nsec == c->mtime.tv_nsec;
}

/* NFS and a few others cannot do what renameat2() has flags for. */
static bool has_no_flags(int why)
{
	return why == EINVAL || why == ENOSYS || why == EOPNOTSUPP;
}

/* FROM becomes TO, which must not be there. RC_NOTFOUND: FROM is gone; RC_EXISTS. */
static enum rc rename_new(const struct maildir *m, int dir, const char *from, const char *to,
			  struct err *err)
{
	struct stat st;

	if (renameat2(dir, from, dir, to, RENAME_NOREPLACE) == 0)
		return RC_OK;
	if (has_no_flags(errno)) {
		/* Under Dovecot's lock nobody else makes such a name. */
		if (fstatat(dir, to, &st, AT_SYMLINK_NOFOLLOW) == 0)
			return RC_EXISTS;
		if (renameat(dir, from, dir, to) == 0)
			return RC_OK;
	}
	if (errno == EEXIST)
		return RC_EXISTS;
	return errno == ENOENT ? RC_NOTFOUND : maildir_fail(m, "rename", from, err);
}

/* Where two names cannot be exchanged. A name that no other program knows is ours alone as long as we have the lock; one
 * that others know may change at any time, and then the message would be there twice. */
static enum rc replace(const struct maildir *m, struct maildir_change *c, struct err *err)
{
	if (c->between == NULL)
		return err_set(err, RC_UNAVAIL,
			       "%s: this file system cannot exchange two files in one step (NFS "
			       "cannot): work on the machine that has the disk",
			       m->path);
	if (renameat(m->tmp, c->temp, dir_of(m, c), c->now) != 0)
		return maildir_fail(m, "replace", c->now, err);
	c->done = true;
	return RC_OK;
}

/* The new form and the old one change places: there is no moment with none or both. */
static enum rc exchange(const struct maildir *m, struct maildir_change *c, struct err *err)
{
	int dir = dir_of(m, c);

	if (!is_what_was_read(dir, c->now, c))
		return RC_OK;
	if (renameat2(m->tmp, c->temp, dir, c->now, RENAME_EXCHANGE) != 0) {
		if (has_no_flags(errno))
			return replace(m, c, err);
		return errno == ENOENT ? RC_OK : maildir_fail(m, "replace", c->now, err);
	}
	if (is_what_was_read(m->tmp, c->temp, c)) {
		c->done = true;
		return RC_OK;
	}
	/* Somebody put another file there. */
	if (renameat2(m->tmp, c->temp, dir, c->now, RENAME_EXCHANGE) != 0)
		return maildir_fail(m, "put back", c->now, err);
	return RC_OK;
}

static enum rc go_to(const struct maildir *m, struct maildir_change *c, const char *name,
		     struct err *err)
{
	enum rc rc = RC_OK;

	if (strcmp(c->now, name) != 0)
		rc = rename_new(m, dir_of(m, c), c->now, name, err);
	if (rc == RC_OK)
		c->now = name;
	return rc;
}

/* c->done stays false where the file is not what it was any more. */
static enum rc place(const struct maildir *m, struct maildir_change *c, struct err *err)
{
	enum rc rc = go_to(m, c, c->between != NULL ? c->between : c->file.name, err), named;

	if (rc == RC_NOTFOUND || rc == RC_EXISTS)
		return RC_OK;
	if (rc == RC_OK && c->content)
		rc = exchange(m, c, err);
	if (rc == RC_OK && !c->content)
		c->done = is_what_was_read(dir_of(m, c), c->now, c);
	named = go_to(m, c, c->done ? c->new_name : c->file.name, rc == RC_OK ? err : NULL);
	/* Somebody else renamed it, which only programs do that know nothing of the lock. */
	if (named == RC_NOTFOUND || named == RC_EXISTS)
		named = RC_OK;
	return rc == RC_OK ? named : rc;
}

/* What the list of UIDs has to be told. */
struct telling {
	struct uidlist_lock lock;
	struct buf text;
	struct vec changes; /* of struct uidlist_change, whose names are its own */
};

static void forget_changes(struct telling *w)
{
	for (size_t i = 0; i < w->changes.len; i++) {
		struct uidlist_change *c = vec_at(&w->changes, i);

		free((char *)c->base);
		free((char *)c->new_base);
	}
	w->changes.len = 0;
}

static void telling_clear(struct telling *w)
{
	uidlist_unlock(&w->lock);
	forget_changes(w);
	vec_clear(&w->changes);
	buf_clear(&w->text);
}

static enum rc telling_begin(struct telling *w, const struct maildir *m, struct err *err)
{
	enum rc rc;

	memset(w, 0, sizeof(*w));
	buf_init(&w->text, UIDLIST_MAX);
	vec_init(&w->changes, sizeof(struct uidlist_change), NAMES_MAX);
	rc = uidlist_lock(m->control, PATIENCE, &w->lock, err);
	if (rc == RC_OK)
		rc = uidlist_read(m->control, &w->text, err);
	if (rc == RC_OK)
		rc = uidlist_check(buf_span(&w->text), err);
	return rc == RC_OK ? rc : err_wrap(err, rc, "%s", m->path);
}

static enum rc tell_change(struct telling *w, struct span base, struct span new_base,
			   struct err *err)
{
	struct uidlist_change *c = vec_push(&w->changes);
	bool same = span_eq(base, new_base);

	if (c != NULL)
		c->base = strndup(base.p, base.len);
	if (c != NULL && !same)
		c->new_base = strndup(new_base.p, new_base.len);
	if (c == NULL || c->base == NULL || (!same && c->new_base == NULL))
		return err_set(err, RC_NOMEM, "out of memory for the list of UIDs");
	return RC_OK;
}

/* The list as it is to be, beside the old one. *RET_WRITTEN false: it stays as it is. */
static enum rc write_list(struct telling *w, const struct maildir *m, bool *ret_written,
			  struct err *err)
{
	struct buf text;
	enum rc rc;

	buf_init(&text, UIDLIST_MAX);
	rc = uidlist_rewrite(buf_span(&w->text), w->changes.items, w->changes.len, &text,
			     ret_written, err);
	if (rc == RC_OK && *ret_written)
		rc = uidlist_write(m->control, buf_span(&text), err);
	buf_clear(&text);
	return rc == RC_OK ? rc : err_wrap(err, rc, "%s", m->path);
}

static enum rc replace_list(const struct maildir *m, struct err *err)
{
	enum rc rc = uidlist_replace(m->control, err);

	return rc == RC_OK ? rc : err_wrap(err, rc, "%s", m->path);
}

/* As it is to be with ALL of the changes; or as it is now. */
static enum rc tell_changes(struct telling *w, const struct maildir *m, bool all, struct err *err)
{
	enum rc rc = RC_OK;

	forget_changes(w);
	for (size_t i = 0; rc == RC_OK && i < m->changes.len; i++) {
		const struct maildir_change *c = vec_at(&m->changes, i);

		if (all || c->now != c->file.name)
			rc = tell_change(w, maildirname_base(span_str(c->file.name)),
					 maildirname_base(span_str(all ? c->new_name : c->now)),
					 err);
	}
	return rc;
}

static enum rc place_all(const struct maildir *m, bool *ret_all, struct err *err)
{
	enum rc rc = RC_OK;

	*ret_all = true;
	for (size_t i = 0; rc == RC_OK && i < m->changes.len; i++) {
		struct maildir_change *c = vec_at(&m->changes, i);

		rc = place(m, c, err);
		*ret_all = *ret_all && c->now == c->new_name;
	}
	if (rc != RC_OK)
		*ret_all = false;
	return rc;
}

/* With a list of UIDs: it is ready before the first file changes, so that there is next to no time between the two. */
static enum rc place_with_list(const struct maildir *m, struct err *err)
{
	struct telling w;
	bool written = false, all = false;
	enum rc rc = telling_begin(&w, m, err), told;

	if (rc == RC_OK)
		rc = tell_changes(&w, m, true, err);
	if (rc == RC_OK)
		rc = write_list(&w, m, &written, err);
	if (rc != RC_OK)
		goto out;
	rc = place_all(m, &all, err);
	if (!all) {
		struct err *first = rc == RC_OK ? err : NULL;

		told = tell_changes(&w, m, false, first);
		if (told == RC_OK)
			told = write_list(&w, m, &written, first);
		rc = rc == RC_OK ? told : rc;
		written = written && told == RC_OK;
	}
	if (written) {
		told = replace_list(m, rc == RC_OK ? err : NULL);
		rc = rc == RC_OK ? told : rc;
	}
out:
	uidlist_clean(m->control);
	telling_clear(&w);
	return rc;
}

static bool any_done(const struct maildir *m)
{
	for (size_t i = 0; i < m->changes.len; i++)
		if (((struct maildir_change *)vec_at(&m->changes, i))->done)
			return true;
	return false;
}

/* Some file systems cannot sync a directory and say EINVAL. */
static enum rc sync_dirs(const struct maildir *m, struct err *err)
{
	const int dirs[] = {m->cur, m->new_dir, m->tmp};

	for (size_t i = 0; i < COUNT_OF(dirs); i++)
		if (fsync(dirs[i]) != 0 && errno != EINVAL)
			return maildir_fail(m, "sync", "the directories", err);
	return RC_OK;
}

static enum rc remove_if_there(const struct maildir *m, int dir, const char *name, struct err *err)
{
	if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
		return RC_OK;
	return maildir_fail(m, "remove", name, err);
}

/* What servers have taken from the messages as they were: Dovecot's cache, and sums of sizes. They make them anew. */
static enum rc drop_caches(const struct maildir *m, struct err *err)
{
	enum rc rc = remove_if_there(m, m->index, "dovecot.index.cache", err);

	return rc == RC_OK ? remove_if_there(m, m->dir, "maildirsize", err) : rc;
}

/* KEEP: they stay, for the next run to see that there is something to do. */
static void end_temps(const struct maildir *m, bool keep)
{
	for (size_t i = 0; i < m->changes.len; i++) {
		struct maildir_change *c = vec_at(&m->changes, i);

		if (c->temp != NULL && !keep)
			unlinkat(m->tmp, c->temp, 0);
		free(c->temp);
		c->temp = NULL;
	}
}

enum rc maildir_commit(struct maildir *m, struct err *err)
{
	struct err later = ERR_INIT;
	bool all;
	enum rc rc, ended = RC_OK;

	if (m->changes.len == 0)
		return RC_OK;
	rc = m->control >= 0 ? place_with_list(m, err) : place_all(m, &all, err);
	if (any_done(m)) {
		ended = sync_dirs(m, &later);
		if (ended == RC_OK)
			ended = drop_caches(m, &later);
	}
	end_temps(m, ended != RC_OK);
	if (rc == RC_OK && ended != RC_OK)
		rc = err_set(err, ended, "%s", later.text);
	return rc;
}

/* Files in tmp/ that a run made which is no more; removed when REMOVE. How many? */
static size_t leftovers(const struct maildir *m, bool remove)
{
	int fd = openat(m->dir, "tmp", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;
	size_t n = 0;

	if (dir == NULL && fd >= 0)
		close(fd);
	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		struct stat st;

		if (!span_starts(span_str(entry->d_name), SPAN_LIT(MAILDIR_TEMP_PREFIX)) ||
		    fstatat(m->tmp, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
		    !S_ISREG(st.st_mode))
			continue;
		n++;
		if (remove)
			unlinkat(m->tmp, entry->d_name, 0);
	}
	if (dir != NULL)
		closedir(dir);
	return n;
}

/* Names, to be looked up by base and by stem: both orders are that of the bytes. */
struct names {
	struct span *at;
	size_t n;
};

static int compare_spans(const void *a, const void *b)
{
	return span_cmp(*(const struct span *)a, *(const struct span *)b);
}

static bool has_base(const struct names *names, struct span base)
{
	return names->n > 0 &&
	       bsearch(&base, names->at, names->n, sizeof(base), compare_spans) != NULL;
}

static enum rc names_of_files(const struct vec *files, struct names *ret, struct err *err)
{
	ret->at = calloc(files->len + 1, sizeof(*ret->at));
	if (ret->at == NULL)
		return err_set(err, RC_NOMEM, "out of memory for the names of messages");
	for (size_t i = 0; i < files->len; i++) {
		const struct maildir_file *f = vec_at(files, i);

		ret->at[ret->n++] = maildirname_base(span_str(f->name));
	}
	if (ret->n > 0)
		qsort(ret->at, ret->n, sizeof(*ret->at), compare_spans);
	return RC_OK;
}

static enum rc names_of_list(struct span text, struct names *ret, struct err *err)
{
	struct span rest = text, base;
	size_t n = 0;

	while (uidlist_next(&rest, &base))
		n++;
	ret->at = calloc(n + 1, sizeof(*ret->at));
	if (ret->at == NULL)
		return err_set(err, RC_NOMEM, "out of memory for the list of UIDs");
	for (rest = text; uidlist_next(&rest, &base);)
		ret->at[ret->n++] = base;
	if (n > 0)
		qsort(ret->at, ret->n, sizeof(*ret->at), compare_spans);
	return RC_OK;
}

/* The one name that has BASE's stem and that the list does not know; false where there is none, or several. */
static bool find_by_stem(const struct names *files, const struct names *list, struct span base,
			 struct span *ret)
{
	struct span stem = maildirname_stem(base);
	size_t low = 0, high = files->n, found = 0;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (span_cmp(files->at[middle], stem) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < files->n && span_starts(files->at[low], stem); low++) {
		if (!span_eq(maildirname_stem(files->at[low]), stem) ||
		    has_base(list, files->at[low]))
			continue;
		*ret = files->at[low];
		found++;
	}
	return found == 1;
}

/* Lines of the list whose file has another base now. W NULL: they are only counted. */
static enum rc find_renamed(const struct names *files, const struct names *list, struct telling *w,
			    size_t *ret_n, struct err *err)
{
	enum rc rc = RC_OK;

	*ret_n = 0;
	for (size_t i = 0; rc == RC_OK && i < list->n; i++) {
		struct span now;

		if (has_base(files, list->at[i]) || !find_by_stem(files, list, list->at[i], &now))
			continue;
		++*ret_n;
		if (w != NULL)
			rc = tell_change(w, list->at[i], now, err);
	}
	return rc;
}

/* How many lines of the list in TEXT are to change; with W, they are told to it. */
static enum rc compare_list(const struct maildir *m, struct span text, struct telling *w,
			    size_t *ret_n, struct err *err)
{
	struct names list = {NULL, 0}, files = {NULL, 0};
	struct vec now;
	enum rc rc = maildir_list(m, &now, err);

	if (rc == RC_OK)
		rc = names_of_files(&now, &files, err);
	if (rc == RC_OK)
		rc = names_of_list(text, &list, err);
	if (rc == RC_OK)
		rc = find_renamed(&files, &list, w, ret_n, err);
	free(list.at);
	free(files.at);
	maildir_files_free(&now);
	return rc;
}

/* How many lines are to be repaired, as far as can be seen without the lock. */
static enum rc count_renamed(const struct maildir *m, size_t *ret_n, struct err *err)
{
	struct buf text;
	enum rc rc;

	buf_init(&text, UIDLIST_MAX);
	rc = uidlist_read(m->control, &text, err);
	if (rc == RC_OK)
		rc = uidlist_check(buf_span(&text), err);
	rc = rc == RC_OK ? compare_list(m, buf_span(&text), NULL, ret_n, err)
			 : err_wrap(err, rc, "%s", m->path);
	buf_clear(&text);
	return rc;
}

static enum rc repair_list(const struct maildir *m, struct err *err)
{
	struct telling w;
	bool written = false;
	size_t n = 0;
	enum rc rc = count_renamed(m, &n, err);

	if (rc != RC_OK || n == 0)
		return rc;
	rc = telling_begin(&w, m, err);
	if (rc == RC_OK)
		rc = compare_list(m, buf_span(&w.text), &w, &n, err);
	if (rc == RC_OK && n > 0)
		rc = write_list(&w, m, &written, err);
	if (rc == RC_OK && written)
		rc = replace_list(m, err);
	telling_clear(&w);
	return rc;
}

enum rc maildir_recover(struct maildir *m, struct err *err)
{
	bool list_left = m->control >= 0 && uidlist_clean(m->control);
	enum rc rc = RC_OK;

	if (m->control >= 0) {
		uidlist_break_stale(m->control);
		rc = repair_list(m, err);
	}
	if (rc == RC_OK && (leftovers(m, false) > 0 || list_left)) {
		/* The run that was killed may have synced nothing of what it renamed, and old forms go. */
		rc = sync_dirs(m, err);
		if (rc == RC_OK)
			rc = drop_caches(m, err);
	}
	if (rc == RC_OK)
		leftovers(m, true);
	return rc;
}
