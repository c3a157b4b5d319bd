/* tool/undo.h - files and directories made by this run, so that a failure leaves nothing half-made. */
#ifndef TOOL_UNDO_H
#define TOOL_UNDO_H

#include <sys/types.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/span.h"
#include "base/vec.h"

struct undo {
	struct vec paths; /* of char *, in the order of making */
};

void undo_init(struct undo *u);
/* Forget: what was made stays. */
void undo_clear(struct undo *u);
/* Remove all, the last first; a directory only when it is empty. Failures are passed over. */
void undo_all(struct undo *u);

/* PATH is going to be made by other means: undo_all() removes it, if it is there then. */
MUST_CHECK enum rc undo_remember(struct undo *u, const char *path, struct err *err);
/* Write the new file PATH; RC_EXISTS when it is there. */
MUST_CHECK enum rc undo_write(struct undo *u, const char *path, struct span content, mode_t mode,
			      struct err *err);
/* Make every missing directory of PATH with MODE, owned by (UID, GID) where these are not -1. */
MUST_CHECK enum rc undo_mkdirs(struct undo *u, const char *path, mode_t mode, uid_t uid, gid_t gid,
			       struct err *err);

#endif
