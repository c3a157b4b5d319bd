/* tool/milterreach.h - can the mail server reach the daemon's socket? */
#ifndef TOOL_MILTERREACH_H
#define TOOL_MILTERREACH_H

#include "base/attr.h"
#include "base/err.h"
#include "tool/findings.h"

/* Connects to SOCKET, as milter.socket writes it; as root once more as USER (NULL: root itself), if there is such a user:
 * no guess about modes, groups and access lists. What fails is appended to F, and only what keeps us from looking is a
 * failure. */
MUST_CHECK enum rc milterreach_report(const char *socket, const char *user, struct findings *f,
				      struct err *err);

#endif
