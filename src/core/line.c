#include "core/line.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

static bool is_control(unsigned char c)
{
	return c < 0x20 || c == 0x7f;
}

void line_set(char *out, size_t size, const char *fmt, ...)
{
	va_list args;
	int wanted;

	va_start(args, fmt);
	wanted = vsnprintf(out, size, fmt, args);
	va_end(args);
	if (wanted < 0)
		out[0] = '\0';
	else if ((size_t)wanted >= size)
		memcpy(out + size - 4, "...", 4);
	for (char *p = out; *p != '\0'; p++)
		if (is_control((unsigned char)*p))
			*p = '?';
}

/* The length of the UTF-8 character at the beginning of S, 0 when there is none. The controls U+0080 to U+009F count as
 * none: terminals obey some of them. */
static size_t printable_length(struct span s)
{
	size_t n = utf8_length(s);

	return n == 2 && (unsigned char)s.p[0] == 0xc2 && (unsigned char)s.p[1] < 0xa0 ? 0 : n;
}

static enum rc escape_one(struct span rest, size_t n, char quote, struct buf *out, struct err *err)
{
	unsigned char c = (unsigned char)rest.p[0];

	if (n == 0 || is_control(c))
		return buf_addf(out, err, "\\x%02x", c);
	if (c == '\\' || (quote != '\0' && c == (unsigned char)quote))
		return buf_addf(out, err, "\\%c", c);
	return buf_add(out, span_sub(rest, 0, n), err);
}

enum rc line_escape(struct span s, char quote, size_t max, struct buf *out, struct err *err)
{
	enum rc rc = RC_OK;

	for (size_t i = 0, n = 0; i < s.len && rc == RC_OK; i += n != 0 ? n : 1) {
		struct span rest = span_from(s, i);

		n = printable_length(rest);
		if (i + n > max || i >= max)
			return buf_adds(out, "...", err);
		rc = escape_one(rest, n, quote, out, err);
	}
	return rc;
}
