/* conf/snapshot.h - configuration and catalogue as one immutable object, and the place where the current one is.
 *
 * Built wholly outside any lock, swapped under a mutex, pinned for each message by a reference. A bad new state
 * never replaces a good old one. Thread rule: everything here may be called from any thread.
 */
#ifndef CONF_SNAPSHOT_H
#define CONF_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "conf/conf.h"
#include "directory/directory.h"

struct snapshot {
	const struct conf *conf;
	const struct selector_list *selectors; /* never NULL; n = 0 where no catalogue exists yet */
	const struct user_cert_list *users;    /* never NULL; of the same moment as the selectors */
	uint64_t serial;		       /* counts up with each snapshot of this process */
	int64_t loaded;			       /* when */
					       /* the rest is private */
};

/* Read FILE and the catalogue of its state_dir. PROBLEMS may be NULL. RC_CONF etc. as conf_read() and
 * directory_open(); a catalogue that does not exist yet is an empty one (and a warning). */
MUST_CHECK enum rc snapshot_load(const char *file, int64_t now, struct snapshot **ret,
				 struct conf_problems *problems, struct err *err);
struct snapshot *snapshot_ref(struct snapshot *s);
struct snapshot *snapshot_unref(struct snapshot *s);

/* The domain's selectors (a run sorted by alg and name). */
const struct selector *snapshot_selectors(const struct snapshot *s, const char *domain,
					  size_t *ret_n);

struct snapshot_store;

MUST_CHECK enum rc snapshot_store_new(struct snapshot_store **ret, struct err *err);
struct snapshot_store *snapshot_store_free(struct snapshot_store *s);
/* Takes over the reference to NEW; the old one is let go (freed when the last message unpins it). */
void snapshot_store_swap(struct snapshot_store *s, struct snapshot *new_one);
/* A new reference to the current one; NULL before the first swap. */
struct snapshot *snapshot_store_get(struct snapshot_store *s);

#endif
