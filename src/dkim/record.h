/* dkim/record.h - the TXT record of a selector. RFC 6376 3.6.1, RFC 8463 4. Pure. */
#ifndef DKIM_RECORD_H
#define DKIM_RECORD_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"
#include "dkim/alg.h"

struct dkim_record {
	enum dkim_alg alg;
	bool revoked;	 /* empty p= */
	bool testing;	 /* t=y */
	bool strict;	 /* t=s: i= must have the very domain of d= */
	bool email;	 /* s= absent, * or email */
	bool sha256;	 /* h= absent, or lists sha256 */
	struct key *key; /* NULL when revoked; the record owns it */
};

/* Read a record (strings of the TXT joined). Unknown tags are ignored. RC_INPUT says what is wrong. */
MUST_CHECK enum rc dkim_record_read(struct span txt, struct dkim_record *ret, struct err *err);
void dkim_record_clear(struct dkim_record *r);

/* "v=DKIM1; k=rsa; p=..." appended. PUBLIC_BASE64 empty: revoked. TESTING: t=y. */
MUST_CHECK enum rc dkim_record_show(enum dkim_alg alg, struct span public_base64, bool testing,
				    struct buf *out, struct err *err);

/* A record file: zone lines as `mailseal dns show`, opendkim-genkey and rspamd write them (quoted
 * strings, parentheses, comments), or the bare value on a line. The value joined, appended to OUT. */
MUST_CHECK enum rc dkim_record_from_file(struct span content, struct buf *out, struct err *err);

#endif
