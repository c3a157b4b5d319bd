#include "mail/skip.h"

size_t skip_quoted(struct span s, size_t at)
{
	for (at++; at < s.len; at++) {
		if (s.p[at] == '\\')
			at++;
		else if (s.p[at] == '"')
			return at + 1;
	}
	return SIZE_MAX;
}

size_t skip_comment(struct span s, size_t at)
{
	size_t depth = 0;

	for (; at < s.len; at++) {
		if (s.p[at] == '\\')
			at++;
		else if (s.p[at] == '(')
			depth++;
		else if (s.p[at] == ')' && --depth == 0)
			return at + 1;
	}
	return SIZE_MAX;
}
