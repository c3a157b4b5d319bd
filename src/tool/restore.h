/* tool/restore.h - the parts of restore: the state, and the configuration. */
#ifndef TOOL_RESTORE_H
#define TOOL_RESTORE_H

#include "base/buf.h"
#include "tool/tool.h"

struct restore_job {
	const char *name; /* of the archive, for people */
	struct buf image; /* its bytes, not looked at yet */
};

/* As the configured user; the context is a struct restore_job. Checks the archive, then puts its catalogue and keys into
 * state_dir: key files first, then the rows, then what is no more needed goes. What was there is kept in a directory
 * below state_dir. On failure everything is as it was. REPLY gets what --json shows; "left" in it is why key files of
 * before are still there. RC_REFUSED: there is a state, and no --force. */
MUST_CHECK enum rc restore_state(struct tool *t, void *ctx, struct buf *reply, struct err *err);

/* Write the configuration files of the archive into DIR, which must be new or empty. On failure nothing of it stays. */
MUST_CHECK enum rc restore_conf(struct tool *t, struct restore_job *job, const char *dir,
				struct err *err);

#endif
