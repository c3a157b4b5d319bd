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
	struct arena *arena;
};

/* The domain of the first argument; with NAMED, its selector of the second, RC_NOTFOUND without one. The directory is
 * opened where MODE is to write. Close it after a failure too. */
MUST_CHECK enum rc selector_work_open(struct tool *t, enum directory_mode mode, bool named,
				      struct selector_work *w, struct err *err);
void selector_work_close(struct selector_work *w);

/* Said after every change: what was done, and to whom. */
MUST_CHECK enum rc selector_report(struct selector_work *w, const char *done,
				   const struct selector *s, struct err *err);

/* selstate.c */
enum rc selector_activate_run(struct tool *t, struct err *err);
enum rc selector_retire_run(struct tool *t, struct err *err);
enum rc selector_revoke_run(struct tool *t, struct err *err);
enum rc selector_remove_run(struct tool *t, struct err *err);

#endif
