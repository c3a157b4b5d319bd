/* dkim/pick.h - which field does a name in h= mean? RFC 6376 5.4.2: fields of one name are taken from the
 * bottom up, each once. The cost does not depend on how often a name occurs, in h= or in the header.
 * One thread at a time. */
#ifndef DKIM_PICK_H
#define DKIM_PICK_H

#include "base/attr.h"
#include "base/err.h"
#include "base/span.h"
#include "mail/field.h"

struct pick; /* opaque */

/* FIELDS must outlive it and stay as they are. */
MUST_CHECK enum rc pick_new(const struct fields *fields, struct pick **ret, struct err *err);
struct pick *pick_free(struct pick *p);
/* Begin again. EXCEPT (may be NULL) is passed over: the signature that is verified (RFC 6376 3.5, h=). */
void pick_restart(struct pick *p, const struct field *except);
/* The next one called NAME (ASCII case ignored), or NULL when there is none left. */
const struct field *pick_next(struct pick *p, struct span name);

#endif
