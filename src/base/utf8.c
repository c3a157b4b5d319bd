#include "base/utf8.h"

/* What may stand behind a first octet: the table of RFC 3629 4. */
static size_t shape(unsigned char first, unsigned char *low, unsigned char *high)
{
	*low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
	*high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
	if (first < 0x80)
		return 1;
	if (first < 0xc2 || first > 0xf4)
		return 0;
	return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

size_t utf8_length(struct span s)
{
	const unsigned char *p = (const unsigned char *)s.p;
	unsigned char low, high;
	size_t n = s.len != 0 ? shape(p[0], &low, &high) : 0;

	if (n > s.len)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if (p[i] < low || p[i] > high)
			return 0;
		low = 0x80;
		high = 0xbf;
	}
	return n;
}

bool utf8_valid(struct span s)
{
	for (size_t n; s.len != 0; s = span_from(s, n)) {
		n = utf8_length(s);
		if (n == 0)
			return false;
	}
	return true;
}
