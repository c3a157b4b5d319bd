/* tool/exec.h - run another program: no shell, nothing on its standard input. */
#ifndef TOOL_EXEC_H
#define TOOL_EXEC_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"

/* Run ARGV (NULL ends), found by PATH and then in the sbin directories; what it writes to stdout is appended to OUT
 * (may be NULL), whose maximum is the bound. RC_UNAVAIL: there is no such program, or it failed: the text has the
 * first line of its stderr. */
MUST_CHECK enum rc exec_run(const char *const *argv, struct buf *out, struct err *err);

#endif
