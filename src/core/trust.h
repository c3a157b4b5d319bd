/* core/trust.h - is this our own mail? Pure.
 *
 * In this order: SMTP AUTH; {daemon_name} in trust.daemons; a verified TLS client certificate in
 * trust.certificates; local submission; the client in trust.networks, unless {daemon_name} is in trust.not_daemons;
 * trust.any. Names of daemons are compared without regard to case, names in certificates exactly. */
#ifndef CORE_TRUST_H
#define CORE_TRUST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/err.h"
#include "conf/conf.h"
#include "core/facts.h"
#include "mail/field.h"
#include "mail/from.h"

enum trust_source {
	SOURCE_RELAYED,	      /* from outside: not trusted */
	SOURCE_TRUSTED,	      /* network, daemon name or certificate */
	SOURCE_AUTHENTICATED, /* SMTP AUTH */
	SOURCE_LOCAL	      /* sendmail(1), bounces of this host */
};

struct trust {
	bool trusted;
	enum trust_source source;
	/* One short phrase for the log line: "authenticated", "daemon ORIGINATING", "network 127.0.0.0/8",
	 * "client certificate", "local submission", "not authenticated, client 192.0.2.9 not in trust.networks",
	 * "came from outside: Received from [192.0.2.9]", ... One line. */
	char why[200];
};

/* Received and Authentication-Results of this host (macro j) that show an outside client (core/received.h) outweigh
 * local submission and trust.networks, loopback or not; they do not outweigh authentication, a daemon name, a
 * certificate or trust.any. */
void trust_decide(const struct conf_trust *conf, const struct facts *facts,
		  const struct fields *fields, struct trust *ret);

/* trust.sender_match: does From: (which must be FROM_GOOD) agree with the authenticated user and the envelope sender?
 *  - Local submission and the null sender always do.
 *  - A login "joe@example.com" must be of From's domain: the same domain of ours, by name, alias or subdomain. Its
 *    local part is not compared (joe may write as info@). A bare login "joe" names no domain: it must be the local
 *    part of From (address extension and case apart), unless one domain only is configured.
 *  - The envelope sender must be of From's domain in the same sense, or of the domain that signs for it, or of a
 *    subdomain of it that is nobody else's.
 * *RET false: WHY (one line) says what differs. RC_NOMEM only. */
MUST_CHECK enum rc trust_sender_matches(const struct conf *conf, const struct facts *facts,
					const struct trust *trust, const struct from *from,
					struct arena *arena, bool *ret, char *why, size_t why_size,
					struct err *err);

const char *trust_source_name(enum trust_source s);

#endif
