/* smime/detect.h - is this message encrypted, or signed, already? Pure.
 *
 * RFC 8551 3.2.2, RFC 3156, and the labels that are wrong in the field: an EnvelopedData called signed-data is
 * encrypted, by its ContentInfo. */
#ifndef SMIME_DETECT_H
#define SMIME_DETECT_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/err.h"
#include "base/span.h"
#include "mail/field.h"

enum security {
	SECURITY_PLAIN,
	SECURITY_SIGNED, /* multipart/signed, opaque SignedData */
	SECURITY_ENCRYPTED /* EnvelopedData, AuthEnvelopedData, PGP/MIME, PGP armour in a single text part */
};

/* So many octets of the body decide in every case. */
enum { DETECT_BODY_MAX = 4096 };

/* By the fields alone, when they suffice. False: the first DETECT_BODY_MAX octets of the body are needed. */
bool detect_by_fields(const struct fields *fields, struct arena *arena, enum security *ret);
/* By fields and the beginning of the body (all of it when shorter). */
enum security detect_with_body(const struct fields *fields, struct span beginning,
			       struct arena *arena);

#endif
