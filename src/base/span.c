#include "base/span.h"

#include <limits.h>
#include <string.h>

struct span span_str(const char *s)
{
	return span_of(s, s != NULL ? strlen(s) : 0);
}

int span_int_len(struct span s)
{
	return s.len > INT_MAX ? INT_MAX : (int)s.len;
}

bool span_eq(struct span a, struct span b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

bool span_ieq(struct span a, struct span b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (ascii_lower(a.p[i]) != ascii_lower(b.p[i]))
			return false;
	return true;
}

bool span_eq_str(struct span a, const char *b)
{
	return span_eq(a, span_str(b));
}

bool span_ieq_str(struct span a, const char *b)
{
	return span_ieq(a, span_str(b));
}

int span_cmp(struct span a, struct span b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int order = len == 0 ? 0 : memcmp(a.p, b.p, len);

	if (order != 0)
		return order;
	return (a.len > b.len) - (a.len < b.len);
}

bool span_starts(struct span s, struct span prefix)
{
	return s.len >= prefix.len && span_eq(span_sub(s, 0, prefix.len), prefix);
}

bool span_istarts(struct span s, struct span prefix)
{
	return s.len >= prefix.len && span_ieq(span_sub(s, 0, prefix.len), prefix);
}

bool span_ends(struct span s, struct span suffix)
{
	return s.len >= suffix.len && span_eq(span_from(s, s.len - suffix.len), suffix);
}

bool span_iends(struct span s, struct span suffix)
{
	return s.len >= suffix.len && span_ieq(span_from(s, s.len - suffix.len), suffix);
}

size_t span_find(struct span s, char c, size_t from)
{
	const char *at;

	if (from >= s.len)
		return s.len;
	at = memchr(s.p + from, c, s.len - from);
	return at != NULL ? (size_t)(at - s.p) : s.len;
}

size_t span_search(struct span s, struct span needle, size_t from, bool ignore_case)
{
	for (size_t i = from; i <= s.len && needle.len <= s.len - i; i++) {
		struct span here = span_sub(s, i, needle.len);

		if (ignore_case ? span_ieq(here, needle) : span_eq(here, needle))
			return i;
	}
	return s.len;
}

bool span_has(struct span s, char c)
{
	return span_find(s, c, 0) < s.len;
}

struct span span_sub(struct span s, size_t from, size_t len)
{
	if (from > s.len)
		from = s.len;
	if (len > s.len - from)
		len = s.len - from;
	return span_of(s.len > 0 ? s.p + from : s.p, len); /* NULL + 0 is not defined */
}

struct span span_from(struct span s, size_t from)
{
	return span_sub(s, from, s.len);
}

struct span span_trim(struct span s)
{
	while (s.len > 0 && is_wsp(s.p[0]))
		s = span_from(s, 1);
	while (s.len > 0 && is_wsp(s.p[s.len - 1]))
		s.len--;
	return s;
}

static bool is_fold_byte(char c)
{
	return is_wsp(c) || c == '\r' || c == '\n';
}

struct span span_trim_fold(struct span s)
{
	while (s.len > 0 && is_fold_byte(s.p[0]))
		s = span_from(s, 1);
	while (s.len > 0 && is_fold_byte(s.p[s.len - 1]))
		s.len--;
	return s;
}

bool span_split(struct span *rest, char sep, struct span *head)
{
	size_t at;

	if (rest->p == NULL)
		return false;
	at = span_find(*rest, sep, 0);
	*head = span_sub(*rest, 0, at);
	*rest = at < rest->len ? span_from(*rest, at + 1) : SPAN_NONE;
	return true;
}
