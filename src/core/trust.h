/* core/trust.h - is this our own mail? design 3.3. Pure. */
#ifndef CORE_TRUST_H
#define CORE_TRUST_H

#include <stdbool.h>

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

/* Received and Authentication-Results of this host (macro j) that show an outside client outweigh loopback
 * and local submission; they do not outweigh authentication, a daemon name or a certificate. */
void trust_decide(const struct conf_trust *conf, const struct facts *facts,
		  const struct fields *fields, struct trust *ret);

/* trust.sender_match: does From: agree with the authenticated user and the envelope sender? Local submission and
 * the null sender always do. On false WHY (one line) says what differs. */
bool trust_sender_matches(const struct conf *conf, const struct facts *facts,
			  const struct trust *trust, const struct from *from, char *why,
			  size_t why_size);

const char *trust_source_name(enum trust_source s);

#endif
