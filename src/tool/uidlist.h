/* tool/uidlist.h - dovecot-uidlist, Dovecot's list of UIDs and file names of one Maildir folder.
 *
 * Version 3, as Dovecot 1.1 to 2.4 write it: a header line, then for each message a line "UID [KVALUE ...] :BASE". A
 * message is found by the base of its file name (tool/maildirname.h), sizes included: whoever changes a base changes
 * it here too, or the message gets a new UID. The fields S and W hold sizes where names do not; G holds the GUID, which
 * otherwise is the base.
 *
 * Dovecot changes the list under a lock file, dovecot-uidlist.lock with "PID:HOST", and always writes it anew. */
#ifndef TOOL_UIDLIST_H
#define TOOL_UIDLIST_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

enum { UIDLIST_MAX = 256 << 20 };

/* One message whose file has changed. */
struct uidlist_change {
	const char *base;     /* as the list has it */
	const char *new_base; /* NULL: the same */
};

/* Is this a list of version 3, every line of it? RC_INPUT with the line that is not. Pure. */
MUST_CHECK enum rc uidlist_check(struct span text, struct err *err);
/* The base of the next line of a list that was checked; false: no more. REST begins with the whole text. Pure. */
bool uidlist_next(struct span *rest, struct span *ret_base);
/* TEXT (checked) with the CHANGES, appended to OUT: the new base, no S and W, and G with the old base where the base
 * changes and there is no G. *RET_CHANGED: something is different. CHANGES are sorted here. Pure. */
MUST_CHECK enum rc uidlist_rewrite(struct span text, struct uidlist_change *changes, size_t n,
				   struct buf *out, bool *ret_changed, struct err *err);

/* The list of the directory DIR, whole. RC_NOTFOUND: there is none. */
MUST_CHECK enum rc uidlist_read(int dir, struct buf *out, struct err *err);
/* Another one, with the owner and mode of the old one, in two steps: written beside the old one and synced; put in its
 * place, durably. Under the lock only. */
MUST_CHECK enum rc uidlist_write(int dir, struct span text, struct err *err);
MUST_CHECK enum rc uidlist_replace(int dir, struct err *err);
/* What uidlist_write() made, or a lock that was being made, is removed; false: there was no list. */
bool uidlist_clean(int dir);

/* A lock that nobody can have any more is removed; false: there is none such. */
bool uidlist_break_stale(int dir);

struct uidlist_lock {
	int dir;
	bool held;
	dev_t dev;
	ino_t ino;
};
/* Waits for whoever has it, at most PATIENCE seconds: RC_AGAIN. A lock whose process is gone, or that is older than
 * Dovecot believes in (2 minutes), is broken. */
MUST_CHECK enum rc uidlist_lock(int dir, int patience, struct uidlist_lock *lock, struct err *err);
void uidlist_unlock(struct uidlist_lock *lock);

#endif
