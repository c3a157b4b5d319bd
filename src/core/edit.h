/* core/edit.h - what the mail server is asked to change, as plain data, and the one place that asks.
 *
 * Applied only after every computation has succeeded. Order is the list's own; body replacement comes last, with nothing
 * between its pieces.
 */
#ifndef CORE_EDIT_H
#define CORE_EDIT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/err.h"
#include "base/span.h"
#include "base/spool.h"
#include "base/vec.h"

enum edit_kind {
	EDIT_INSERT, /* a field at INDEX; 0 is above everything, the MTA's own Received too */
	EDIT_CHANGE, /* the INDEX-th (1 = first) field called NAME gets VALUE */
	EDIT_DELETE, /* the INDEX-th field called NAME goes. Lists delete from the last to the first */
	EDIT_APPEND,   /* a field below all others */
	EDIT_ADD_RCPT, /* NAME: the address without angle brackets; VALUE: ESMTP parameters or NULL */
	EDIT_DELETE_RCPT, /* NAME: as it was given in RCPT TO */
	EDIT_QUARANTINE	  /* NAME: the reason */
};

struct edit {
	enum edit_kind kind;
	int index;
	const char *name;
	const char *
		value; /* of a field: a C string with folds as LF that begins with its leading space */
};

struct edits {
	struct vec v;	    /* of struct edit; strings lie in the message's arena */
	struct spool *body; /* what the body becomes; borrowed; NULL: it stays */
};

void edits_init(struct edits *e);
void edits_clear(struct edits *e);
MUST_CHECK enum rc edits_insert(struct edits *e, struct arena *arena, int index, const char *name,
				struct span value, struct err *err);
MUST_CHECK enum rc edits_delete(struct edits *e, struct arena *arena, const char *name, int index,
				struct err *err);
/* Any other; NAME and VALUE (may be NULL) are copied. */
MUST_CHECK enum rc edits_add(struct edits *e, struct arena *arena, enum edit_kind kind, int index,
			     const char *name, const char *value, struct err *err);
/* Those of MORE behind those of E. */
MUST_CHECK enum rc edits_join(struct edits *e, const struct edits *more, struct err *err);

/* The mail server, or a test that writes lines. Each returns RC_OK or RC_IO. */
struct mta_ops {
	enum rc (*insert)(void *mta, int index, const char *name, const char *value);
	enum rc (*change)(void *mta, int index, const char *name,
			  const char *value); /* NULL value deletes */
	enum rc (*append)(void *mta, const char *name, const char *value);
	enum rc (*add_rcpt)(void *mta, const char *address, const char *args); /* NULL args: none */
	enum rc (*delete_rcpt)(void *mta, const char *given);
	enum rc (*quarantine)(void *mta, const char *reason);
	enum rc (*replace_body)(void *mta, struct span piece); /* at most EDIT_PIECE_MAX */
};

enum { EDIT_PIECE_MAX = 65535 };

/* LEADING_SPACE false: values go without their first space (the MTA adds one). Stops at the first that fails; the message
 * must then get a temporary failure. */
MUST_CHECK enum rc edits_apply(const struct edits *e, const struct mta_ops *ops, void *mta,
			       bool leading_space, struct err *err);

#endif
