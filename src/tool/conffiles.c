#include "tool/conffiles.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

enum { PATH_BYTES = 3 * PATH_MAX, CONTENT_MAX = 64 << 20 };

/* Keep the first N. */
static void cut(struct vec *files, size_t n)
{
	struct conffile *all = files->items;

	while (files->len > n) {
		struct conffile *last = &all[--files->len];

		free(last->path);
		free(last->name);
		buf_clear(&last->content);
	}
}

void conffiles_clear(struct vec *files)
{
	cut(files, 0);
	vec_clear(files);
}

/* ---- names ---- */

static enum rc add_parts(struct buf *out, struct span rest, struct err *err)
{
	struct span part;
	enum rc rc = RC_OK;

	while (rc == RC_OK && span_split(&rest, '/', &part)) {
		if (part.len == 0 || span_eq_str(part, "."))
			continue;
		if (span_eq_str(part, "..")) {
			while (out->len > 0 && out->p[--out->len] != '/')
				;
			continue;
		}
		rc = buf_addc(out, '/', err);
		if (rc == RC_OK)
			rc = buf_add(out, part, err);
	}
	return rc;
}

/* PATH as it is written, made absolute; "" for "/". To be freed. */
static enum rc absolute(const char *path, char **ret, struct err *err)
{
	char here[PATH_MAX] = "";
	struct buf out;
	enum rc rc;

	if (path[0] != '/' && getcwd(here, sizeof(here)) == NULL)
		return err_sys(err, RC_IO, errno, "the current directory");
	buf_init(&out, PATH_BYTES);
	rc = add_parts(&out, span_str(here), err);
	if (rc == RC_OK)
		rc = add_parts(&out, span_str(path), err);
	if (rc == RC_OK) {
		*ret = buf_cstr(&out) != NULL ? strdup(out.p) : NULL;
		if (*ret == NULL)
			rc = err_set(err, RC_NOMEM, "%s: out of memory", path);
	}
	buf_clear(&out);
	return rc;
}

/* DIR has no final slash. */
static enum rc name_of(const char *path, struct span dir, char **ret, struct err *err)
{
	int made;

	if (span_starts(span_str(path), dir) && path[dir.len] == '/')
		made = asprintf(ret, "%s", path + dir.len + 1);
	else
		made = asprintf(ret, "%s%s", CONFFILES_OUTSIDE, path);
	return made < 0 ? err_set(err, RC_NOMEM, "%s: out of memory", path) : RC_OK;
}

/* ---- reading ---- */

static enum rc read_content(const char *path, struct conffile *f, struct err *err)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return err_sys(err, errno == ENOENT ? RC_NOTFOUND : RC_IO, errno, "%s", path);
	f->mode = (unsigned)st.st_mode & 07777;
	f->time = st.st_mtime;
	return file_read_regular(path, &f->content, err);
}

static enum rc add_file(struct vec *files, const char *path, struct span dir, struct err *err)
{
	struct conffile *f = vec_push(files);
	enum rc rc;

	if (f == NULL)
		return err_set(err, RC_NOMEM, "%s: out of memory", path);
	buf_init(&f->content, CONTENT_MAX);
	rc = absolute(path, &f->path, err);
	if (rc == RC_OK)
		rc = name_of(f->path, dir, &f->name, err);
	return rc == RC_OK ? read_content(path, f, err) : rc;
}

static int by_name(const void *a, const void *b)
{
	const struct conffile *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	return order != 0 ? order : strcmp(x->path, y->path);
}

/* What is included in several places is there several times. */
static enum rc sort(struct vec *files, struct err *err)
{
	struct conffile *all = files->items;
	size_t kept = 0;

	qsort(all, files->len, sizeof(*all), by_name);
	for (size_t i = 1; i < files->len; i++) {
		if (strcmp(all[kept].name, all[i].name) != 0) {
			struct conffile other = all[++kept];

			all[kept] = all[i];
			all[i] = other;
		} else if (strcmp(all[kept].path, all[i].path) != 0) {
			return err_set(err, RC_EXISTS,
				       "%s and %s would both be '%s' in the archive: give the "
				       "first one another name",
				       all[kept].path, all[i].path, all[i].name);
		}
	}
	cut(files, kept + 1);
	return RC_OK;
}

static enum rc read_files(const struct conf *conf, struct vec *files, struct span dir,
			  struct err *err)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; rc == RC_OK && i < conf->n_files; i++)
		rc = add_file(files, conf->files[i], dir, err);
	return rc == RC_OK ? sort(files, err) : rc;
}

enum rc conffiles_read(const struct conf *conf, struct vec *ret, const struct conffile **ret_main,
		       struct err *err)
{
	struct vec files;
	char *path = NULL;
	const struct conffile *all;
	enum rc rc = absolute(conf->file, &path, err);

	if (rc != RC_OK)
		return rc;
	vec_init(&files, sizeof(struct conffile), SIZE_MAX / sizeof(struct conffile));
	rc = read_files(conf, &files, span_of(path, (size_t)(strrchr(path, '/') - path)), err);
	all = files.items;
	for (size_t i = 0; rc == RC_OK && i < files.len; i++)
		if (strcmp(all[i].path, path) == 0)
			*ret_main = &all[i];
	free(path);
	if (rc == RC_OK)
		*ret = files;
	else
		conffiles_clear(&files);
	return rc;
}
