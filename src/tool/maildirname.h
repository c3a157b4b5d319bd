/* tool/maildirname.h - file names of a Maildir, with what Dovecot and Courier put into them. Pure.
 *
 *	1700000000.M20046P2137.host,S=4242,W=4347:2,FS
 *	[---------- stem ---------]
 *	[------------- base --------------] [info]
 *
 * S= is the size of the file, W= its size with CRLF. The base is what a list of UIDs knows a message by, sizes
 * included; flags are in the info. */
#ifndef TOOL_MAILDIRNAME_H
#define TOOL_MAILDIRNAME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

struct span maildirname_base(struct span name);
struct span maildirname_stem(struct span name);
/* The number behind ",KEY=" of the base; false where there is none. */
bool maildirname_size(struct span name, char key, uint64_t *ret);
/* A name for the time in which a message has neither its old nor its new size: the stem, a mark and the info. A base that
 * ends in the mark was left by a run that was killed. */
MUST_CHECK enum rc maildirname_between(struct span name, struct buf *out, struct err *err);
bool maildirname_is_between(struct span name);
/* NAME without the mark, appended, with S= and W= as given where it has them; those that it has not are put in when ADD. RC_LIMIT past
 * 255 bytes. */
MUST_CHECK enum rc maildirname_resize(struct span name, uint64_t size, uint64_t crlf_size, bool add,
				      struct buf *out, struct err *err);

#endif
