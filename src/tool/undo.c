#include "tool/undo.h"

#include "base/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A key file for each selector, in two places, is the most that is made at once. */
enum { PATHS_MAX = 100000000 };

void undo_init(struct undo *u)
{
	vec_init(&u->paths, sizeof(char *), PATHS_MAX);
}

void undo_clear(struct undo *u)
{
	char **all = u->paths.items;

	for (size_t i = 0; i < u->paths.len; i++)
		free(all[i]);
	vec_clear(&u->paths);
}

void undo_all(struct undo *u)
{
	char **all = u->paths.items;

	for (size_t i = u->paths.len; i > 0; i--)
		(void)!remove(all[i - 1]);
	undo_clear(u);
}

/* A place for PATH, before anything is made: there must be nothing that cannot be undone. */
enum rc undo_remember(struct undo *u, const char *path, struct err *err)
{
	char *copy = strdup(path);
	char **place = copy != NULL ? vec_push(&u->paths) : NULL;

	if (place == NULL) {
		free(copy);
		return err_set(err, RC_NOMEM, "%s", path);
	}
	*place = copy;
	return RC_OK;
}

static void forget_last(struct undo *u)
{
	char **all = u->paths.items;

	free(all[--u->paths.len]);
}

enum rc undo_write(struct undo *u, const char *path, struct span content, mode_t mode,
		   struct err *err)
{
	enum rc rc = undo_remember(u, path, err);

	if (rc != RC_OK)
		return rc;
	rc = file_write_atomic(path, content, mode, false, err);
	if (rc != RC_OK)
		forget_last(u);
	return rc;
}

static enum rc make_one(struct undo *u, const char *path, mode_t mode, uid_t uid, gid_t gid,
			struct err *err)
{
	enum rc rc = undo_remember(u, path, err);

	if (rc != RC_OK)
		return rc;
	if (mkdir(path, mode) != 0) {
		int why = errno;

		forget_last(u);
		return why == EEXIST
			       ? RC_OK
			       : err_sys(err, why == EACCES ? RC_PERM : RC_IO, why, "%s", path);
	}
	/* mkdir() obeys the umask; what was asked for holds. */
	if (chmod(path, mode) != 0 || (uid != (uid_t)-1 && chown(path, uid, gid) != 0))
		return err_sys(err, RC_IO, errno, "%s", path);
	return RC_OK;
}

enum rc undo_mkdirs(struct undo *u, const char *path, mode_t mode, uid_t uid, gid_t gid,
		    struct err *err)
{
	char *copy = strdup(path);
	enum rc rc = RC_OK;
	struct stat st;

	if (copy == NULL)
		return err_set(err, RC_NOMEM, "%s", path);
	for (char *p = copy + 1; rc == RC_OK && *p != '\0'; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		/* Directories above are of the system: not the caller's mode and owner. */
		if (stat(copy, &st) != 0)
			rc = make_one(u, copy, 0755, (uid_t)-1, (gid_t)-1, err);
		*p = '/';
	}
	if (rc == RC_OK && stat(copy, &st) != 0)
		rc = make_one(u, copy, mode, uid, gid, err);
	free(copy);
	return rc;
}
