/* crypto/base64.h - RFC 4648 4, by OpenSSL's block calls. Pure. */
#ifndef CRYPTO_BASE64_H
#define CRYPTO_BASE64_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

/* Append, one line, padded. */
MUST_CHECK enum rc base64_encode(struct span bytes, struct buf *out, struct err *err);
/* Append the decoded bytes. SP, HTAB, CR, LF anywhere are skipped (RFC 6376 2.8: FWS in base64string);
 * anything else that is no base64, wrong padding, and bits left over are RC_INPUT. */
MUST_CHECK enum rc base64_decode(struct span text, struct buf *out, struct err *err);

#endif
