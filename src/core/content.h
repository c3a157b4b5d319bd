/* core/content.h - a content of core/route as edits of the message's header, and the header as it will leave. Pure. */
#ifndef CORE_CONTENT_H
#define CORE_CONTENT_H

#include <stddef.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/err.h"
#include "core/edit.h"
#include "core/route.h"
#include "mail/field.h"

/* Append the edits that make the header FIELDS one of CONTENT: fields that go inside the envelope deleted from the last to
 * the first, those of the envelope and added ones appended, Subject tagged (RFC 2047 where the tag is not ASCII). OUTGOING
 * (initialized, empty) gets the fields as they stand then. */
MUST_CHECK enum rc content_edits(const struct route_content *content, const struct fields *fields,
				 struct arena *arena, struct edits *edits, struct fields *outgoing,
				 struct err *err);

/* Append the edits of the envelope: recipients that R's deliveries add (with NOTIFY and ORCPT of the recipient they stand
 * for; NOTIFY=NEVER where they are extra and something else is left for the recipient) or drop, and the quarantine. */
MUST_CHECK enum rc content_envelope(const struct route *r, const struct route_recipient *recipients,
				    size_t n, struct arena *arena, struct edits *edits,
				    struct err *err);

#endif
