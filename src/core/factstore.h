/* core/factstore.h - the memory behind struct facts: what the mail server told, kept as long as it holds.
 * One thread at a time. */
#ifndef CORE_FACTSTORE_H
#define CORE_FACTSTORE_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "core/facts.h"

struct factstore {
	struct facts facts; /* its spans lie in the buffers */
	struct buf macros[MACROS];
	struct buf host, helo, mail_from;
	unsigned told; /* bit by macro: told since the last event */
};

void factstore_init(struct factstore *s);
void factstore_clear(struct factstore *s);

/* All of these: RC_NOMEM, RC_LIMIT (a text over 64 KB); the fact is then empty. */
MUST_CHECK enum rc factstore_macro(struct factstore *s, enum macro m, struct span value,
				   struct err *err);
MUST_CHECK enum rc factstore_connect(struct factstore *s, struct span host, enum client_kind kind,
				     const uint8_t *addr, uint16_t port, struct err *err);
/* Forgets TLS macros that were not told since the last event: they are of an earlier handshake. */
MUST_CHECK enum rc factstore_helo(struct factstore *s, struct span name, struct err *err);
/* Forgets the queue id and AUTH macros that were not told since the last event: they are of an earlier message. */
MUST_CHECK enum rc factstore_mail(struct factstore *s, struct span from, const struct span *args,
				  size_t n_args, struct err *err);
/* An event is over: what is told from here on is for the next one. */
void factstore_end_event(struct factstore *s);

#endif
