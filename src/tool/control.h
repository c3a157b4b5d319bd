/* tool/control.h - one question to the control socket of the daemon. */
#ifndef TOOL_CONTROL_H
#define TOOL_CONTROL_H

#include <jansson.h>

#include "base/attr.h"
#include "base/err.h"

/* Send the line COMMAND to the unix socket PATH and read the one line that comes back: a JSON object, or "ok: TEXT"
 * or "error: TEXT", given as {"ok": true, "text": TEXT} and {"ok": false, "error": TEXT}. The caller decrefs *RET.
 * RC_NOTFOUND: no daemon listens there; RC_PERM: it is not ours to ask; RC_UNAVAIL: no answer within 30 s, or one
 * that is not understood. */
MUST_CHECK enum rc control_ask(const char *path, const char *command, json_t **ret,
			       struct err *err);

/* Neither "ok": false nor an "error" in it: RC_OK. Otherwise RC_UNAVAIL with the text of "error". */
MUST_CHECK enum rc control_reply_ok(const json_t *reply, struct err *err);

#endif
