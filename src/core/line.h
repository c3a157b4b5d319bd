/* core/line.h - one line of text for people, made of bytes from outside. Pure; any thread. */
#ifndef CORE_LINE_H
#define CORE_LINE_H

#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

/* As snprintf(), but control bytes are shown as '?' and a text that does not fit ends in "...". SIZE >= 4. */
void line_set(char *out, size_t size, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Append S so that it stays one line and can be read back: backslash and QUOTE (0: none) get a backslash,
 * control bytes and whatever is no UTF-8 become \xNN, other UTF-8 stays as it is. What is longer than MAX bytes
 * of S is cut, with "..." behind. */
MUST_CHECK enum rc line_escape(struct span s, char quote, size_t max, struct buf *out,
			       struct err *err);

#endif
