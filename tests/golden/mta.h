/* tests/golden/mta.h - a mail server that is asked for edits: it writes down what it is asked for, and does it to the
 * message that it holds. Mistakes of the test end the program. */
#ifndef GOLDEN_MTA_H
#define GOLDEN_MTA_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"
#include "core/edit.h"
#include "mail/field.h"

struct mta {
	struct arena *arena;
	struct vec fields;     /* of struct mta_field */
	struct vec recipients; /* of const char * */
	struct buf body;       /* as it is sent */
	struct buf asked;      /* the edits, as text */
	const char *quarantine;
	bool leading_space; /* SMFIP_HDR_LEADSPC */
	bool counts_deleted; /* an index counts fields that were deleted before: Sendmail's way. Postfix counts those
			      * that are there */
	bool hides_signatures; /* what a signature of random octets is made of is not written down */
	bool new_body;	       /* it was replaced: nothing else may be asked for now */
};

/* With the header FIELDS and the body BODY. The rest of M is set by the caller, and zero. */
void mta_open(struct mta *m, const struct fields *fields, struct span body);
void mta_close(struct mta *m);
void mta_add_recipient(struct mta *m, struct span given);
extern const struct mta_ops mta_ops;

/* The header as it is now: appended to OUT as text, or as fields. */
void mta_show_header(const struct mta *m, struct buf *out);
void mta_fields(const struct mta *m, struct fields *out);

#endif
