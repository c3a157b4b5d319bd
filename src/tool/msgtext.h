/* tool/msgtext.h - a message file with edits applied: for "message sign". One thread at a time. */
#ifndef TOOL_MSGTEXT_H
#define TOOL_MSGTEXT_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"
#include "base/vec.h"
#include "core/edit.h"

struct msgtext {
	struct arena *arena;
	struct vec lines; /* the header in pieces: fields with their folds; private */
	struct span rest; /* the empty line and the body; points into the file */
	bool crlf;	  /* what new lines end in */
};

/* RAW (borrowed) with BODY, a part of it where the body begins, as fields_read() gives it; CRLF: new fields end in
 * CRLF. Cleared by the caller even on failure. */
MUST_CHECK enum rc msgtext_init(struct msgtext *m, struct arena *arena, struct span raw,
				struct span body, bool crlf, struct err *err);
void msgtext_clear(struct msgtext *m);

/* For edits_apply(): MTA is a struct msgtext, values bring their leading space. */
extern const struct mta_ops msgtext_ops;

/* The message, appended. FORCE_CRLF: every line end becomes CRLF. */
MUST_CHECK enum rc msgtext_show(const struct msgtext *m, bool force_crlf, struct buf *out,
				struct err *err);

/* Append TEXT with each LF that has no CR before it as CRLF: the form that mail travels in. */
MUST_CHECK enum rc msgtext_to_crlf(struct span text, struct buf *out, struct err *err);
/* Append TEXT with each CRLF as LF: folds as a milter gets them. */
MUST_CHECK enum rc msgtext_to_lf(struct span text, struct buf *out, struct err *err);

#endif
