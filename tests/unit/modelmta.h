/* tests/unit/modelmta.h - a mail server in small: fields and recipients in their order, edits carried out as the milter
 * protocol has them. Mistakes of the test end the program. */
#ifndef UNIT_MODELMTA_H
#define UNIT_MODELMTA_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/vec.h"
#include "core/edit.h"
#include "mail/field.h"

struct model_field {
	const char *name, *value;
};

struct model_rcpt {
	const char *address, *args; /* args: of those that were added; else NULL */
};

struct model {
	struct arena *arena;
	struct vec fields; /* of struct model_field */
	struct vec rcpts;  /* of struct model_rcpt */
	struct buf body;
	bool adds_space; /* behind the colon (no SMFIP_HDR_LEADSPC) */
	bool replaced;	 /* BODY is what it became */
	bool wrong;	 /* it was asked for what is not there, or had no recipient for a while */
	const char *quarantine;
};

extern const struct mta_ops model_ops; /* on a struct model */

/* FIELDS may be NULL; strings are kept in ARENA. */
void model_begin(struct model *m, struct arena *arena, const struct fields *fields);
void model_add_rcpt(struct model *m, struct span given);
void model_clear(struct model *m);

/* "Name:value" and LF for each field, instead of what is in OUT. */
void model_show_header(const struct model *m, struct buf *out);
/* The address, and where it was added a space and its parameters, and LF; at the end the quarantine. */
void model_show_rcpts(const struct model *m, struct buf *out);

#endif
