/* core/received.h - did this very host see the message come in from outside before? Pure.
 *
 * Mail that a content filter, a mailbox fetcher or a forwarding program hands back on loopback still bears the
 * Received and Authentication-Results fields that this host wrote when it came in. Such fields can be forged, but
 * only so that a message is trusted less: each field that shows an outside client counts, whatever others say.
 */
#ifndef CORE_RECEIVED_H
#define CORE_RECEIVED_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"
#include "conf/conf.h"
#include "mail/field.h"

/* HOST: this host's name (macro j); empty: nothing can be told, false. On true WHY (one line) says which field.
 * Looked at are
 *  - Received fields "by HOST": outside unless they say that the client was authenticated (RFC 3848: "with ESMTPA",
 *    "ESMTPSA", ...), lies in trust.networks, or that there was none (sendmail(1), bounces); a client address that
 *    cannot be read is outside;
 *  - Authentication-Results fields of HOST (RFC 8601 2.2) that judge a client (spf, iprev, sender-id): only one from
 *    outside is judged; outside unless one says "auth=pass". Those that judge signatures only may be of a verifier that
 *    stands before us in the mail server's list of filters: it looks at our own mail as well. */
bool received_from_outside(const struct conf_trust *conf, struct span host,
			   const struct fields *fields, char *why, size_t why_size);

#endif
