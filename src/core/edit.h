/* core/edit.h - what the mail server is asked to change, as plain data, and the one place that asks.
 *
 * Applied only after every computation has succeeded. Order is the list's own; body replacement comes last.
 */
#ifndef CORE_EDIT_H
#define CORE_EDIT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/err.h"
#include "base/span.h"
#include "base/vec.h"

enum edit_kind {
	EDIT_INSERT, /* a field at INDEX; 0 is above everything, the MTA's own Received too */
	EDIT_CHANGE, /* the INDEX-th (1 = first) field called NAME gets VALUE */
	EDIT_DELETE /* the INDEX-th field called NAME goes. Lists delete from the last to the first */
};

struct edit {
	enum edit_kind kind;
	int index;
	const char *name;
	const char *
		value; /* C string with folds as LF; begins with its leading space; NULL for DELETE */
};

struct edits {
	struct vec v; /* of struct edit; strings lie in the message's arena */
};

void edits_init(struct edits *e);
void edits_clear(struct edits *e);
MUST_CHECK enum rc edits_insert(struct edits *e, struct arena *arena, int index, const char *name,
				struct span value, struct err *err);
MUST_CHECK enum rc edits_delete(struct edits *e, struct arena *arena, const char *name, int index,
				struct err *err);

/* The mail server, or a test that writes lines. LEADING_SPACE false: values go without their first space
 * (the MTA adds one). Each returns RC_OK or RC_IO. */
struct mta_ops {
	enum rc (*insert)(void *mta, int index, const char *name, const char *value);
	enum rc (*change)(void *mta, int index, const char *name,
			  const char *value); /* NULL value deletes */
};

/* Stops at the first that fails; the message must then get a temporary failure. */
MUST_CHECK enum rc edits_apply(const struct edits *e, const struct mta_ops *ops, void *mta,
			       bool leading_space, struct err *err);

#endif
