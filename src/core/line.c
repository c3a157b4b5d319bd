#include "core/line.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

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

static bool is_tail(unsigned char c)
{
	return (c & 0xc0) == 0x80;
}

/* RFC 3629 4: the length of the UTF-8 character at the beginning of S, 0 when there is none. The controls U+0080
 * to U+009F count as none: terminals obey some of them. */
static size_t utf8_length(struct span s)
{
	const unsigned char *p = (const unsigned char *)s.p;
	size_t want = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;

	if (want == 0 || want > s.len || p[0] > 0xf4)
		return 0;
	for (size_t i = 1; i < want; i++)
		if (!is_tail(p[i]))
			return 0;
	switch (p[0]) {
	case 0xc2:
		return p[1] >= 0xa0 ? want : 0;
	case 0xe0: /* overlong */
		return p[1] >= 0xa0 ? want : 0;
	case 0xed: /* surrogates */
		return p[1] < 0xa0 ? want : 0;
	case 0xf0: /* overlong */
		return p[1] >= 0x90 ? want : 0;
	case 0xf4: /* past U+10FFFF */
		return p[1] < 0x90 ? want : 0;
	default:
		return want;
	}
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

		n = utf8_length(rest);
		if (i + n > max || i >= max)
			return buf_adds(out, "...", err);
		rc = escape_one(rest, n, quote, out, err);
	}
	return rc;
}
