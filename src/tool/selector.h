/* tool/selector.h - what the verbs of the noun selector share; selector.c makes and shows them, selstate.c leads them from
 * state to state. */
#ifndef TOOL_SELECTOR_H
#define TOOL_SELECTOR_H

#include "base/arena.h"
#include "tool/tool.h"

/* Everything that a verb of this noun works on; ended by selector_work_close(). */
struct selector_work {
	struct tool *t;
	const struct snapshot *snap;
	const struct conf_domain *domain;
	struct directory *directory;
	const struct selector *selector; /* the one named on the command line, or NULL */
	struct selector_list *now;	 /* the catalogue after a change, or NULL before it */
	bool removed;			 /* the selector is in NOW no more */
	struct arena *arena;
};

/* The domain of the first argument; with NAMED, its selector of the second, RC_NOTFOUND without one. The directory is
 * opened where MODE is not to read, with --dry-run for reading. Close it after a failure too. */
MUST_CHECK enum rc selector_work_open(struct tool *t, enum directory_mode mode, bool named,
				      struct selector_work *w, struct err *err);
void selector_work_close(struct selector_work *w);

/* After a change, which is made known to the daemon: the selector becomes the row as it is now. Nothing with
 * --dry-run. */
MUST_CHECK enum rc selector_work_renew(struct selector_work *w, struct err *err);

/* RC_REFUSED: a selector with this key was revoked once. */
MUST_CHECK enum rc selector_check_key(struct selector_work *w, const char *fingerprint,
				      struct err *err);
/* Another selector of L that may sign with the key of S, one that is not revoked itself; NULL: none. */
const struct selector *selector_other_user(const struct selector_list *l, const struct selector *s);

/* The end of every verb that changes something: what was DONE to the selector of W, or WOULD be with --dry-run; with
 * --json the selector as it is. */
MUST_CHECK enum rc selector_report(struct selector_work *w, const char *done, const char *would,
				   struct err *err);

/* selstate.c */
enum rc selector_activate_run(struct tool *t, struct err *err);
enum rc selector_retire_run(struct tool *t, struct err *err);
enum rc selector_revoke_run(struct tool *t, struct err *err);
enum rc selector_remove_run(struct tool *t, struct err *err);

#endif
