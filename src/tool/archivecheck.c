/* Would an archive restore? */
#include <stdio.h>
#include <stdlib.h>

#include "directory/directory.h"
#include "directory/sqlite_image.h"
#include "tool/archiveimpl.h"

static enum rc check_keys(struct archive *a, enum archive_kind kind, size_t *ret_n, struct err *err)
{
	const struct archive_file *run = archive_run(a, kind, ret_n);
	enum rc rc = RC_OK;

	for (size_t i = 0; rc == RC_OK && i < *ret_n; i++) {
		struct key *k = NULL;

		rc = archive_key(a, &run[i], &k, err);
		key_unref(k);
	}
	return rc;
}

static enum rc count_rows(const struct archive *a, struct directory *d, struct archive_summary *s,
			  struct err *err)
{
	struct selector_list *selectors = NULL;
	struct user_cert_list *users = NULL;
	enum rc rc = d->ops->load_all(d, &selectors, &users, err);

	if (rc != RC_OK)
		return rc;
	s->selectors = selectors->n;
	s->certificates = users->n;
	for (size_t i = 0; i < selectors->n; i++)
		if (selectors->at[i].state != SEL_REVOKED &&
		    !archive_has_key(a, ARCHIVE_KEY, selectors->at[i].fingerprint))
			s->without_key++;
	selector_list_free(selectors);
	user_cert_list_free(users);
	return RC_OK;
}

static enum rc check_catalogue(struct archive *a, const char *name, struct archive_summary *s,
			       struct err *err)
{
	const struct archive_file *f;
	struct directory *d = NULL;
	struct buf copy;
	size_t n;
	enum rc rc;

	buf_init(&copy, IMAGE_MAX);
	f = archive_run(a, ARCHIVE_CATALOGUE, &n);
	rc = archive_content(a, f, &copy, err);
	if (rc == RC_OK)
		rc = directory_open_copy(buf_span(&copy), name, &d, err);
	if (rc == RC_OK)
		rc = count_rows(a, d, s, err);
	directory_close(d);
	buf_clear(&copy);
	return rc;
}

enum rc archive_check(struct archive *a, struct archive_summary *ret, struct err *err)
{
	struct archive_summary s = {.selectors = 0};
	char *name = NULL;
	enum rc rc;

	if (asprintf(&name, "%s: its catalogue", archive_name(a)) < 0)
		return err_set(err, RC_NOMEM, "%s: out of memory", archive_name(a));
	(void)archive_run(a, ARCHIVE_CONF, &s.conf_files);
	rc = check_catalogue(a, name, &s, err);
	if (rc == RC_OK)
		rc = check_keys(a, ARCHIVE_KEY, &s.keys, err);
	if (rc == RC_OK)
		rc = check_keys(a, ARCHIVE_TRASH, &s.trash, err);
	if (rc == RC_OK)
		*ret = s;
	free(name);
	return rc;
}
