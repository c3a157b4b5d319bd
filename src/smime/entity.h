/* smime/entity.h - which fields go inside the envelope, and what stands outside. RFC 8551 3.1. Pure.
 *
 * Content-* fields go inside, byte for byte, in their order; everything else stays outside; every MIME-Version goes and
 * exactly one comes back. */
#ifndef SMIME_ENTITY_H
#define SMIME_ENTITY_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "mail/field.h"

/* Is FIELD one that moves inside (any Content-*)? Is it one that is removed outside (those and MIME-Version)? */
bool entity_field_is_inside(const struct field *field);
bool entity_field_is_replaced(const struct field *field);

/* The header of the inner entity with the empty line behind it, line ends CRLF, appended to OUT. No Content-Type in the
 * message: none inside (RFC 2045 5.2 gives the default). */
MUST_CHECK enum rc entity_inner_header(const struct fields *fields, struct buf *out,
				       struct err *err);

/* The fields that the sealed message gets outside, in the order in which they stand: name and value (with its
 * leading space, folds "\n\t"). AUTHENTICATED: AuthEnvelopedData (RFC 8551 3.2.2). */
struct entity_outer {
	const char *name;
	const char *value;
};
enum { ENTITY_OUTER_FIELDS = 4 };
const struct entity_outer *entity_outer_fields(bool authenticated);

#endif
