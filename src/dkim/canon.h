/* dkim/canon.h - header canonicalization. Pure. */
#ifndef DKIM_CANON_H
#define DKIM_CANON_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "dkim/alg.h"
#include "mail/field.h"

/* RFC 6376 3.4.1, 3.4.2: append the canonical form of FIELD, with its final CRLF. A fold that came as
 * LF is a CRLF (that is what the MTA sends); white space is SP and HTAB only. */
MUST_CHECK enum rc canon_field(enum canon c, const struct field *field, struct buf *out,
			       struct err *err);

#endif
