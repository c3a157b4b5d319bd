/* dns/resolver.h - look-ups through libunbound. Never used on the path of a message.
 * One thread at a time for each resolver. */
#ifndef DNS_RESOLVER_H
#define DNS_RESOLVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"

struct resolver; /* opaque */

/* SERVER: "" for the system's (/etc/resolv.conf; validated by the root key of /usr/share/dns where that is
 * installed), or "ADDRESS" or "ADDRESS@PORT" (asked for everything, taken at its word). /etc/hosts does not matter.
 * TIMEOUT in seconds bounds one look-up as a whole. RC_CONF: SERVER is no address. Nothing is sent yet. */
MUST_CHECK enum rc resolver_new(const char *server, unsigned timeout, struct resolver **ret,
				struct err *err);
struct resolver *resolver_free(struct resolver *r);

struct dns_txt {
	struct buf *values; /* each one TXT record, its strings joined */
	size_t n;
	uint32_t ttl;
	bool secure; /* validated by DNSSEC here; never with a SERVER that was named */
};

/* CNAMEs are followed. RC_NOTFOUND: no such name or no TXT there; RC_AGAIN: SERVFAIL, timeout, no answer, a
 * malformed one. RET is to be cleared by the caller. */
MUST_CHECK enum rc resolver_txt(struct resolver *r, const char *name, struct dns_txt *ret,
				struct err *err);
void dns_txt_clear(struct dns_txt *t);

#endif
