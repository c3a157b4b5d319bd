/* What a header field says to a person. */
#include <string.h>

#include "fuzz.h"
#include "mail/words.h"

enum { OUT_MAX = 1 << 20, GROWTH = 16 };

/* RFC 3629 4, told in another way than the code under test does it: decoded, then judged. */
static size_t utf8_length(const unsigned char *p, size_t len)
{
	static const unsigned long least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t n = p[0] < 0x80 ? 1 : p[0] < 0xc0 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	unsigned long c = n < 2 ? p[0] : p[0] & (0x7fu >> n);

	if (n == 0 || n > len || p[0] >= 0xf8)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3fu);
	}
	return c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000) ? 0 : n;
}

static void check_utf8(struct span s)
{
	const unsigned char *p = (const unsigned char *)s.p;

	for (size_t i = 0; i < s.len;) {
		size_t n = utf8_length(p + i, s.len - i);

		PROMISE(n > 0);
		i += n;
	}
}

/* Printable ASCII without encoded words is what it was. */
static void check_plain(struct span input, struct span text)
{
	for (size_t i = 0; i < input.len; i++)
		if (input.p[i] < 0x20 || input.p[i] == 0x7f ||
		    (input.p[i] == '=' && i + 1 < input.len && input.p[i + 1] == '?'))
			return;
	PROMISE(span_eq(text, span_trim(input)));
}

/* A buffer that is too small for it: as much as fits, or nothing more. */
static void check_bound(struct span input, size_t max)
{
	struct buf out;
	enum rc rc;

	buf_init(&out, max);
	rc = words_decode(input, &out, NULL);
	PROMISE(rc == RC_OK || rc == RC_LIMIT);
	PROMISE(out.len <= max);
	buf_clear(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span input = span_of(data, size);
	struct buf out;

	buf_init(&out, OUT_MAX);
	PROMISE(words_decode(input, &out, NULL) == RC_OK);
	PROMISE(out.len <= GROWTH * size);
	PROMISE(out.len == 0 || (!is_wsp(out.p[0]) && !is_wsp(out.p[out.len - 1])));
	check_utf8(buf_span(&out));
	check_plain(input, buf_span(&out));
	check_bound(input, out.len / 2);
	buf_clear(&out);
	return 0;
}
