/* mail/words.h - what a header field says to a person. RFC 2047, RFC 2231 not included. Pure. */
#ifndef MAIL_WORDS_H
#define MAIL_WORDS_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

/* Unfold VALUE, decode its encoded-words (any charset that iconv knows, B and Q, RFC 2047 6.2: white space between
 * two of them goes) and append the text as valid UTF-8, without white space at both ends. What cannot be decoded
 * stays as it is written; bytes that are no UTF-8 become U+FFFD. RC_LIMIT when OUT is full, RC_NOMEM. */
MUST_CHECK enum rc words_decode(struct span value, struct buf *out, struct err *err);

#endif
