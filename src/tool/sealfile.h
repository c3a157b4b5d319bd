/* tool/sealfile.h - a stored message sealed, and opened again. RFC 8551 3.1, RFC 9788 for what others put inside.
 *
 * Memory does not grow with the body. One thread at a time. */
#ifndef TOOL_SEALFILE_H
#define TOOL_SEALFILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/err.h"
#include "crypto/cert.h"
#include "smime/openkey.h"
#include "tool/lineends.h"
#include "tool/msgfile.h"

/* Each writes the whole message to OUT (a fresh one) and finishes it. Line ends are those of M; CRLF: all CRLF. After
 * an error what OUT has written is worthless. */

/* Of a message that is encrypted: with S/MIME, so that sealfile_open() may open it, or in another way? */
bool sealfile_is_cms(const struct msgfile *m);

/* As it is. */
MUST_CHECK enum rc sealfile_copy(struct msgfile *m, bool crlf, struct lineends *out,
				 struct err *err);

/* Content-* fields and the body go inside, everything else stays outside; the fields of the envelope come last. A body
 * with LF is read as CRLF. CERTS as for envelope_new(). */
MUST_CHECK enum rc sealfile_seal(struct msgfile *m, struct cert *const *certs, size_t n, bool crlf,
				 struct lineends *out, struct err *err);

/* The message that M (read twice) was: the outer fields as they stand but for the envelope's, which give way to the
 * Content-* fields from inside, one MIME-Version, and the body, byte for byte. Other fields found inside (a copy of the
 * header, a whole message) take the place of the outer ones of their name; fields that servers write do so only where
 * there is none outside, and what vouches for a message (Authentication-Results, ARC) never comes from inside.
 * RC_PERM, RC_INPUT as open_entity(). */
MUST_CHECK enum rc sealfile_open(struct msgfile *m, const struct openkey *key, bool crlf,
				 struct lineends *out, struct err *err);

#endif
