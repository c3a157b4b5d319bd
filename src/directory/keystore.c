#include "directory/keystore.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

enum { KEYS_MAX = 10000000, TRASH_SECONDS = 30 * 86400 };

bool fingerprint_valid(const char *s)
{
	size_t n = 0;

	if (s == NULL)
		return false;
	while (is_ascii_digit(s[n]) || (s[n] >= 'a' && s[n] <= 'f'))
		n++;
	return s[n] == '\0' && n == SHA256_HEX_SIZE - 1;
}

static const char *const places[] = {[KEYSTORE_KEYS] = "keys", [KEYSTORE_TRASH] = "keys/trash"};

/* The fingerprint becomes a file name, so it is looked at first. */
enum rc keystore_path(const char *state_dir, enum keystore_place place, const char *fingerprint,
		      char **ret, struct err *err)
{
	if (!fingerprint_valid(fingerprint))
		return err_set(err, RC_INPUT,
			       "'%s' is no fingerprint (64 digits of lower-case hex)",
			       fingerprint != NULL ? fingerprint : "");
	if (asprintf(ret, "%s/%s/%s.pem", state_dir, places[place], fingerprint) < 0)
		return err_set(err, RC_NOMEM, "key file: out of memory");
	return RC_OK;
}

static enum rc make_directories(const char *state_dir, struct err *err)
{
	char *trash;
	enum rc rc;

	if (asprintf(&trash, "%s/keys/trash", state_dir) < 0)
		return err_set(err, RC_NOMEM, "%s/keys: out of memory", state_dir);
	rc = file_mkdirs(trash, 0700, err);
	free(trash);
	return rc;
}

enum rc keystore_put(const char *state_dir, const struct key *k, struct err *err)
{
	struct key *there = NULL;
	char *path = NULL;
	struct buf pem;
	enum rc rc;

	buf_init(&pem, KEY_FILE_MAX);
	rc = keystore_path(state_dir, KEYSTORE_KEYS, key_fingerprint(k), &path, err);
	if (rc == RC_OK)
		rc = make_directories(state_dir, err);
	if (rc == RC_OK)
		rc = key_write_pem(k, &pem, err);
	if (rc == RC_OK)
		rc = file_write_atomic(path, buf_span(&pem), 0600, false, err);
	/* The name says what must be in it: there already is good, if it can still be read. */
	if (rc == RC_EXISTS)
		rc = keystore_get(state_dir, key_fingerprint(k), &there, err);
	key_unref(there);
	buf_wipe(&pem);
	free(path);
	return rc;
}

/* Whose the key files are: ours; for root, those of the state directory's owner. */
static enum rc keys_owner(const char *state_dir, uid_t *ret, struct err *err)
{
	struct stat st;

	*ret = geteuid();
	if (*ret != 0)
		return RC_OK;
	if (stat(state_dir, &st) != 0)
		return err_sys(err, errno == ENOENT ? RC_NOTFOUND : RC_IO, errno, "%s", state_dir);
	*ret = st.st_uid;
	return RC_OK;
}

static enum rc read_key(const char *path, const char *fingerprint, uid_t owner, struct buf *pem,
			struct key **ret, struct err *err)
{
	struct key *k = NULL;
	enum rc rc;

	rc = file_check_secret(path, owner, err);
	if (rc == RC_OK)
		rc = file_read(path, pem, err);
	if (rc == RC_OK) {
		rc = key_read_pem(buf_span(pem), NULL, &k, err);
		if (rc != RC_OK)
			err_wrap(err, rc, "%s", path);
	}
	if (rc != RC_OK)
		return rc;
	if (strcmp(key_fingerprint(k), fingerprint) != 0) {
		rc = err_set(
			err, RC_INPUT,
			"%s: holds another key (fingerprint %s); bring the right file back from "
			"a backup",
			path, key_fingerprint(k));
		key_unref(k);
		return rc;
	}
	*ret = k;
	return RC_OK;
}

enum rc keystore_get(const char *state_dir, const char *fingerprint, struct key **ret,
		     struct err *err)
{
	char *path = NULL;
	uid_t owner = 0;
	struct buf pem;
	enum rc rc = keystore_path(state_dir, KEYSTORE_KEYS, fingerprint, &path, err);

	buf_init(&pem, KEY_FILE_MAX);
	if (rc == RC_OK)
		rc = keys_owner(state_dir, &owner, err);
	if (rc == RC_OK)
		rc = read_key(path, fingerprint, owner, &pem, ret, err);
	buf_wipe(&pem);
	free(path);
	return rc;
}

enum rc keystore_read(const char *state_dir, enum keystore_place place, const char *fingerprint,
		      struct buf *pem, int64_t *ret_time, struct err *err)
{
	char *path = NULL;
	struct key *k = NULL;
	struct stat st;
	uid_t owner = 0;
	enum rc rc = keystore_path(state_dir, place, fingerprint, &path, err);

	if (rc == RC_OK)
		rc = keys_owner(state_dir, &owner, err);
	if (rc == RC_OK)
		rc = read_key(path, fingerprint, owner, pem, &k, err);
	if (rc == RC_OK && stat(path, &st) != 0)
		rc = err_sys(err, errno == ENOENT ? RC_NOTFOUND : RC_IO, errno, "%s", path);
	if (rc == RC_OK)
		*ret_time = st.st_mtime;
	key_unref(k);
	free(path);
	return rc;
}

/* ---- removal ---- */

static bool pem_name(const char *name, char fingerprint[SHA256_HEX_SIZE])
{
	if (strlen(name) != SHA256_HEX_SIZE - 1 + 4 ||
	    strcmp(name + SHA256_HEX_SIZE - 1, ".pem") != 0)
		return false;
	memcpy(fingerprint, name, SHA256_HEX_SIZE - 1);
	fingerprint[SHA256_HEX_SIZE - 1] = '\0';
	return fingerprint_valid(fingerprint);
}

/* Best effort: what cannot be removed now is tried with the next removal. */
static void purge_trash(const char *state_dir, int64_t now)
{
	char fingerprint[SHA256_HEX_SIZE], *path;
	const struct dirent *entry;
	struct stat st;
	DIR *dir;

	if (asprintf(&path, "%s/keys/trash", state_dir) < 0)
		return;
	dir = opendir(path);
	free(path);
	if (dir == NULL)
		return;
	while ((entry = readdir(dir)) != NULL)
		if (pem_name(entry->d_name, fingerprint) &&
		    fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    st.st_mtime < now - TRASH_SECONDS)
			unlinkat(dirfd(dir), entry->d_name, 0);
	closedir(dir);
}

/* The time of the file becomes that of its removal, which is what the 30 days count from. */
static enum rc move_to_trash(const char *from, const char *to, int64_t now, struct err *err)
{
	struct timespec times[2] = {{.tv_sec = now}, {.tv_sec = now}};
	enum rc rc;

	if (utimensat(AT_FDCWD, from, times, AT_SYMLINK_NOFOLLOW) != 0 || rename(from, to) != 0)
		return err_sys(err,
			       errno == ENOENT			   ? RC_NOTFOUND
			       : errno == EACCES || errno == EPERM ? RC_PERM
								   : RC_IO,
			       errno, "%s: cannot be moved to the trash", from);
	rc = file_sync_parent(to, err);
	return rc == RC_OK ? file_sync_parent(from, err) : rc;
}

enum rc keystore_trash(const char *state_dir, const char *fingerprint, int64_t now, struct err *err)
{
	char *from = NULL, *to = NULL;
	enum rc rc = keystore_path(state_dir, KEYSTORE_KEYS, fingerprint, &from, err);

	if (rc == RC_OK)
		rc = keystore_path(state_dir, KEYSTORE_TRASH, fingerprint, &to, err);
	if (rc == RC_OK && access(from, F_OK) != 0 && errno == ENOENT)
		rc = err_set(err, RC_NOTFOUND, "%s: no such file", from);
	if (rc == RC_OK)
		rc = make_directories(state_dir, err);
	if (rc == RC_OK)
		rc = move_to_trash(from, to, now, err);
	if (rc == RC_OK)
		purge_trash(state_dir, now);
	free(from);
	free(to);
	return rc;
}

enum rc keystore_discard(const char *state_dir, const char *fingerprint, struct err *err)
{
	char *path = NULL;
	enum rc rc = keystore_path(state_dir, KEYSTORE_KEYS, fingerprint, &path, err);

	if (rc == RC_OK && unlink(path) != 0)
		rc = err_sys(err,
			     errno == ENOENT			 ? RC_NOTFOUND
			     : errno == EACCES || errno == EPERM ? RC_PERM
								 : RC_IO,
			     errno, "%s", path);
	if (rc == RC_OK)
		rc = file_sync_parent(path, err);
	free(path);
	return rc;
}

/* ---- list ---- */

static enum rc read_names(DIR *dir, struct vec *v, struct err *err)
{
	char fingerprint[SHA256_HEX_SIZE], *slot;
	const struct dirent *entry;

	while (errno = 0, (entry = readdir(dir)) != NULL) {
		if (!pem_name(entry->d_name, fingerprint))
			continue;
		slot = vec_push(v);
		if (slot == NULL)
			return err_set(err, RC_NOMEM, "list of key files: out of memory");
		memcpy(slot, fingerprint, SHA256_HEX_SIZE);
	}
	return errno == 0 ? RC_OK : err_sys(err, RC_IO, errno, "list of key files");
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(a, b);
}

enum rc keystore_list_place(const char *state_dir, enum keystore_place place, struct vec *ret,
			    struct err *err)
{
	struct vec v;
	enum rc rc;
	char *path;
	DIR *dir;

	vec_init(&v, SHA256_HEX_SIZE, KEYS_MAX);
	if (asprintf(&path, "%s/%s", state_dir, places[place]) < 0)
		return err_set(err, RC_NOMEM, "%s/%s: out of memory", state_dir, places[place]);
	dir = opendir(path);
	if (dir != NULL)
		rc = read_names(dir, &v, err);
	else if (errno == ENOENT)
		rc = RC_OK; /* no key was ever made */
	else
		rc = err_sys(err, errno == EACCES ? RC_PERM : RC_IO, errno, "%s", path);
	if (dir != NULL)
		closedir(dir);
	free(path);
	if (rc != RC_OK) {
		vec_clear(&v);
		return rc;
	}
	if (v.len > 1)
		qsort(v.items, v.len, v.elem, compare_names);
	*ret = v;
	return RC_OK;
}

enum rc keystore_list(const char *state_dir, struct vec *ret, struct err *err)
{
	return keystore_list_place(state_dir, KEYSTORE_KEYS, ret, err);
}
