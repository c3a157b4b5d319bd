/* tool/milterprobe.h - one test message through a milter socket, as Postfix's cleanup would send it.
 *
 * Speaks version 6 of the milter protocol as the client: negotiation, connection from localhost with port 0 (mail that
 * did not come by SMTP), envelope, header, body, end. Everything is bounded in time and size.
 */
#ifndef TOOL_MILTERPROBE_H
#define TOOL_MILTERPROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"

struct milterprobe {
	const char *socket; /* as milter.socket of the configuration */
	const char *domain; /* of From: */
	int64_t now;
	int64_t patience; /* seconds for all of it */
};

struct milterprobe_result {
	size_t signatures; /* DKIM-Signature fields that the filter inserted */
	size_t changes;	   /* other changes that it asked for */
};

/* RC_OK: the message was let through. RC_NOTFOUND: nobody listens; RC_PERM; RC_UNAVAIL: no answer in time, garbage, or
 * the message was refused: the text says at which step and how. */
MUST_CHECK enum rc milterprobe_run(const struct milterprobe *p, struct milterprobe_result *ret,
				   struct err *err);

/* Connect to a socket as milter.socket writes it. */
MUST_CHECK enum rc milterprobe_connect(const char *socket, int *ret_fd, struct err *err);

#endif
