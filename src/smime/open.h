/* smime/open.h - a sealed message opened, while it streams. RFC 5652 6, RFC 5083, RFC 8551 2.
 *
 * For the tool alone: the daemon opens nothing and does not link this (tests/daemon-opens-nothing). Memory is O(1)
 * whatever the message holds. One thread at a time. */
#ifndef SMIME_OPEN_H
#define SMIME_OPEN_H

#include <stddef.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/span.h"
#include "mail/field.h"
#include "smime/openkey.h"

/* The body of the sealed message, as often as it is asked for. */
struct open_source {
	/* To its first octet. */
	enum rc (*rewind)(void *ctx, struct err *err);
	/* Up to SIZE octets into ROOM; *RET_LEN 0 at the end. */
	enum rc (*read)(void *ctx, char *room, size_t size, size_t *ret_len, struct err *err);
	void *ctx;
};

/* Takes the MIME entity that was inside. HEADER is called once, first: INNER its fields, RAW the same bytes without
 * the empty line behind them. Spans are good during the call. */
struct open_sink {
	enum rc (*header)(void *ctx, const struct fields *inner, struct span raw, struct err *err);
	enum rc (*body)(void *ctx, struct span piece, struct err *err);
	void *ctx;
};

enum { OPEN_HEADER_MAX = 4 << 20 };

/* FIELDS are the message's own: its Content-Transfer-Encoding says how the body has to be read. SRC is read twice.
 *
 * The envelope must name one of the key's certificates by issuer and serial number or by key identifier (RFC 5652 6.2),
 * and what comes out must begin as a MIME entity: decryption by PKCS#1 v1.5 alone tells nobody that a key is wrong
 * (it gives random bytes). AuthEnvelopedData: the tag is checked at the end, after the sink had the octets.
 *
 * RC_PERM: it is for others (the text names them). RC_INPUT: no envelope, damaged, not a MIME entity. Else as SINK and
 * SRC say. After an error what the sink has is worthless. */
MUST_CHECK enum rc open_entity(const struct openkey *key, const struct fields *fields,
			       const struct open_source *src, const struct open_sink *sink,
			       struct err *err);

#endif
