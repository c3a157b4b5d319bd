/* file_check_secret(): every component of a path, as the kernel would walk it.
 *
 * What is checked once stays true: a directory that only root and the owner can write to can be
 * changed by nobody else between the check and the use. */
#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

enum { LINKS_MAX = 40, NAME_BYTES = 64, PASSWD_BYTES = 16384 };

struct walk {
	uid_t owner;
	int links;
	bool at_file;	     /* DONE is the file itself */
	char done[PATH_MAX]; /* checked, without symbolic links or dots, no final slash ("" is /) */
	char ahead[PATH_MAX]; /* what is still to be walked, relative to DONE */
};

/* The name of UID, or its number. *RET_GID (may be NULL): its primary group, or -1. */
static void user_name(uid_t uid, char name[NAME_BYTES], gid_t *ret_gid)
{
	struct passwd pw, *found = NULL;
	char *room = malloc(PASSWD_BYTES);

	if (room != NULL && getpwuid_r(uid, &pw, room, PASSWD_BYTES, &found) != 0)
		found = NULL;
	if (ret_gid != NULL)
		*ret_gid = found != NULL ? found->pw_gid : (gid_t)-1;
	if (found != NULL && strlen(found->pw_name) < NAME_BYTES)
		snprintf(name, NAME_BYTES, "%s", found->pw_name);
	else
		snprintf(name, NAME_BYTES, "%lu", (unsigned long)uid);
	free(room);
}

static enum rc unsafe(const char *path, const struct stat *st, const char *why, const char *command,
		      struct err *err)
{
	char name[NAME_BYTES];

	user_name(st->st_uid, name, NULL);
	return err_set(err, RC_PERM, "%s (owner %s, mode %04o) %s: %s %s", path, name,
		       (unsigned)(st->st_mode & 07777), why, command, path);
}

static enum rc check_owner(const struct walk *w, const char *path, const struct stat *st,
			   struct err *err)
{
	char name[NAME_BYTES], why[NAME_BYTES + 64], command[NAME_BYTES + 16];

	if (st->st_uid == 0 || st->st_uid == w->owner)
		return RC_OK;
	user_name(w->owner, name, NULL);
	if (w->owner == 0)
		snprintf(why, sizeof(why), "must belong to root");
	else
		snprintf(why, sizeof(why), "must belong to root or %s", name);
	snprintf(command, sizeof(command), "chown %s%s", S_ISLNK(st->st_mode) ? "-h " : "", name);
	return unsafe(path, st, why, command, err);
}

static enum rc check_dir(const struct walk *w, const char *path, const struct stat *st,
			 bool sticky_allowed, struct err *err)
{
	enum rc rc = check_owner(w, path, st, err);

	if (rc != RC_OK || (st->st_mode & (S_IWGRP | S_IWOTH)) == 0)
		return rc;
	if ((st->st_mode & S_ISVTX) == 0)
		return unsafe(path, st, "may be written by others than its owner", "chmod go-w",
			      err);
	if (!sticky_allowed)
		return err_set(err, RC_PERM,
			       "%s (mode %04o) is open to everybody, no place for a secret: move "
			       "the file into a directory of its own, made with mkdir -m 700",
			       path, (unsigned)(st->st_mode & 07777));
	return RC_OK;
}

static enum rc check_file(const struct walk *w, const char *path, const struct stat *st,
			  struct err *err)
{
	enum rc rc = check_owner(w, path, st, err);
	char name[NAME_BYTES];
	gid_t primary;

	if (rc != RC_OK)
		return rc;
	if (!S_ISREG(st->st_mode))
		return err_set(err, RC_PERM, "%s is no regular file", path);
	if ((st->st_mode & S_IRWXO) != 0)
		return unsafe(path, st, "is open to others", "chmod o-rwx", err);
	if ((st->st_mode & (S_IWGRP | S_IXGRP)) != 0)
		return unsafe(path, st, "gives its group more than reading", "chmod g-wx", err);
	user_name(w->owner, name, &primary);
	if ((st->st_mode & S_IRGRP) != 0 && (primary == (gid_t)-1 || st->st_gid != primary))
		return unsafe(path, st, "can be read by a group that is not its owner's own",
			      "chmod g-rwx", err);
	return RC_OK;
}

static enum rc too_long(const char *path, struct err *err)
{
	return err_set(err, RC_IO, "a path of more than %d bytes: %.100s...", PATH_MAX - 1, path);
}

/* What is left of the way: HEAD, a slash, and REST. */
static enum rc go_by(struct walk *w, const char *head, const char *rest, struct err *err)
{
	char joined[PATH_MAX];
	int len = snprintf(joined, sizeof(joined), "%s/%s", head, rest);

	if (len < 0 || (size_t)len >= sizeof(joined))
		return too_long(head, err);
	memcpy(w->ahead, joined, (size_t)len + 1);
	if (head[0] == '/')
		w->done[0] = '\0';
	return RC_OK;
}

static enum rc follow_link(struct walk *w, const char *path, const char *rest, struct err *err)
{
	char target[PATH_MAX];
	ssize_t len;

	if (++w->links > LINKS_MAX)
		return err_sys(err, RC_IO, ELOOP, "cannot follow %s", path);
	len = readlink(path, target, sizeof(target));
	if (len < 0)
		return err_sys(err, RC_IO, errno, "cannot follow %s", path);
	if ((size_t)len == sizeof(target))
		return too_long(path, err);
	target[len] = '\0';
	return go_by(w, target, rest, err);
}

static void go_up(struct walk *w)
{
	char *slash = strrchr(w->done, '/');

	if (slash != NULL)
		*slash = '\0';
}

static enum rc stat_failed(const char *path, int saved_errno, struct err *err)
{
	enum rc rc = RC_IO;

	if (saved_errno == ENOENT || saved_errno == ENOTDIR)
		rc = RC_NOTFOUND;
	else if (saved_errno == EACCES)
		rc = RC_PERM;
	return err_sys(err, rc, saved_errno, "cannot examine %s", path);
}

/* The directory that DONE names. */
static enum rc check_done_dir(const struct walk *w, bool sticky_allowed, struct err *err)
{
	const char *path = w->done[0] != '\0' ? w->done : "/";
	struct stat st;

	if (lstat(path, &st) != 0)
		return stat_failed(path, errno, err);
	return check_dir(w, path, &st, sticky_allowed, err);
}

/* The last component, in DONE's directory: the parent gets no mercy for being sticky. */
static enum rc check_last(const struct walk *w, const char *path, const struct stat *st,
			  struct err *err)
{
	enum rc rc = check_done_dir(w, false, err);

	return rc == RC_OK ? check_file(w, path, st, err) : rc;
}

/* Take the component NAME; REST is what follows it, "" for nothing. */
static enum rc step(struct walk *w, const char *name, const char *rest, struct err *err)
{
	bool last = rest[strspn(rest, "/")] == '\0';
	char path[PATH_MAX];
	struct stat st;
	enum rc rc;
	int len = snprintf(path, sizeof(path), "%s/%s", w->done, name);

	if (len < 0 || (size_t)len >= sizeof(path))
		return too_long(name, err);
	if (lstat(path, &st) != 0)
		return stat_failed(path, errno, err);
	if (S_ISLNK(st.st_mode)) {
		rc = check_owner(w, path, &st, err);
		return rc == RC_OK ? follow_link(w, path, rest, err) : rc;
	}
	if (last)
		rc = check_last(w, path, &st, err);
	else if (S_ISDIR(st.st_mode))
		rc = check_dir(w, path, &st, true, err);
	else
		rc = stat_failed(path, ENOTDIR, err);
	if (rc == RC_OK) {
		w->at_file = last;
		memcpy(w->done, path, (size_t)len + 1);
		memmove(w->ahead, rest, strlen(rest) + 1);
	}
	return rc;
}

static enum rc walk_on(struct walk *w, struct err *err)
{
	enum rc rc = check_done_dir(w, true, err);

	while (rc == RC_OK && w->ahead[0] != '\0') {
		char name[PATH_MAX];
		char *start = w->ahead + strspn(w->ahead, "/");
		size_t len = strcspn(start, "/");

		memcpy(name, start, len);
		name[len] = '\0';
		if (len == 0 || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
			if (len == 2)
				go_up(w);
			memmove(w->ahead, start + len, strlen(start + len) + 1);
			continue;
		}
		rc = step(w, name, start + len, err);
	}
	if (rc == RC_OK && !w->at_file)
		rc = err_set(err, RC_PERM, "%s/ is a directory, no regular file", w->done);
	return rc;
}

/* The whole way: PATH made absolute. */
static enum rc start_walk(struct walk *w, const char *path, struct err *err)
{
	char here[PATH_MAX];

	if (path[0] == '/')
		return go_by(w, path, "", err);
	if (getcwd(here, sizeof(here)) == NULL)
		return err_sys(err, RC_IO, errno, "cannot find the current directory");
	return go_by(w, here, path, err);
}

enum rc file_check_secret(const char *path, uid_t owner, struct err *err)
{
	struct walk *w = calloc(1, sizeof(*w));
	enum rc rc;

	if (w == NULL)
		return err_set(err, RC_NOMEM, "out of memory");
	w->owner = owner;
	rc = start_walk(w, path, err);
	if (rc == RC_OK)
		rc = walk_on(w, err);
	free(w);
	return rc;
}
