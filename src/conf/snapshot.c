#include "conf/snapshot.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "conf/problems.h"

/* What the header shows, and what it does not. */
struct snapshot_private {
	struct snapshot shown; /* first: one pointer serves for both */
	atomic_size_t references;
	struct conf *conf;
	struct selector_list *selectors;
	struct user_cert_list *users;
	struct selector_list no_selectors; /* where there is no catalogue */
	struct user_cert_list no_users;
};

static struct snapshot_private *inside(struct snapshot *s)
{
	return (struct snapshot_private *)s;
}

static void snapshot_free(struct snapshot_private *s)
{
	if (s == NULL)
		return;
	selector_list_free(s->selectors);
	user_cert_list_free(s->users);
	conf_free(s->conf);
	free(s);
}

static void no_catalogue(struct snapshot_private *s, struct conf_problems *problems,
			 const struct err *why)
{
	conf_problems_add(problems, CONF_WARNING, s->conf->file, 0,
			  "nothing can be signed before there is a key: %s", why->text);
	conf_problems_sort(problems);
}

static enum rc load_catalogue(struct snapshot_private *s, struct conf_problems *problems,
			      struct err *err)
{
	struct directory *d = NULL;
	struct err why = ERR_INIT;
	enum rc rc = directory_open(s->conf->state_dir, DIRECTORY_READ, &d, &why);

	s->shown.selectors = &s->no_selectors;
	s->shown.users = &s->no_users;
	if (rc == RC_NOTFOUND) {
		no_catalogue(s, problems, &why);
		return RC_OK;
	}
	if (rc == RC_OK)
		rc = d->ops->load_all(d, &s->selectors, &s->users, &why);
	directory_close(d);
	if (rc != RC_OK)
		return err_set(err, rc, "%s", why.text);
	s->shown.selectors = s->selectors;
	s->shown.users = s->users;
	return RC_OK;
}

static enum rc load(struct snapshot_private *s, const char *file, struct conf_problems *problems,
		    struct err *err)
{
	enum rc rc = conf_read(file, &s->conf, problems, err);

	if (rc == RC_OK) {
		s->shown.conf = s->conf;
		rc = load_catalogue(s, problems, err);
	}
	return rc;
}

enum rc snapshot_load(const char *file, int64_t now, struct snapshot **ret,
		      struct conf_problems *problems, struct err *err)
{
	static atomic_uint_fast64_t serial;
	struct snapshot_private *s = calloc(1, sizeof(*s));
	struct conf_problems own;
	enum rc rc;

	if (s == NULL)
		return err_set(err, RC_NOMEM, "out of memory");
	conf_problems_init(&own);
	rc = load(s, file, problems != NULL ? problems : &own, err);
	conf_problems_clear(&own);
	if (rc != RC_OK) {
		snapshot_free(s);
		return rc;
	}
	atomic_init(&s->references, 1);
	s->shown.serial = atomic_fetch_add(&serial, 1) + 1;
	s->shown.loaded = now;
	*ret = &s->shown;
	return RC_OK;
}

struct snapshot *snapshot_ref(struct snapshot *s)
{
	if (s != NULL)
		atomic_fetch_add_explicit(&inside(s)->references, 1, memory_order_relaxed);
	return s;
}

struct snapshot *snapshot_unref(struct snapshot *s)
{
	/* The last one must see all that the others did before they let go. */
	if (s != NULL &&
	    atomic_fetch_sub_explicit(&inside(s)->references, 1, memory_order_acq_rel) == 1)
		snapshot_free(inside(s));
	return NULL;
}

const struct selector *snapshot_selectors(const struct snapshot *s, const char *domain,
					  size_t *ret_n)
{
	return selector_list_domain(s->selectors, domain, ret_n);
}
