/* tool/control.h - one question to the control socket of the daemon. */
#ifndef TOOL_CONTROL_H
#define TOOL_CONTROL_H

#include <jansson.h>

#include "base/attr.h"
#include "base/err.h"

/* Send the line COMMAND to the unix socket PATH and read the one line of JSON that comes back; the caller
 * decrefs *RET. RC_NOTFOUND: no daemon listens there; RC_PERM: it is not ours to ask; RC_UNAVAIL: it did not
 * answer within 30 s, or no JSON object. */
MUST_CHECK enum rc control_ask(const char *path, const char *command, json_t **ret,
			       struct err *err);

/* {"ok": true, ...}: RC_OK. Otherwise RC_UNAVAIL with the text of "error". */
MUST_CHECK enum rc control_reply_ok(const json_t *reply, struct err *err);

#endif
