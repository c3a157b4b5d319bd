#include "base/spell.h"

#include <string.h>

enum { WORD_MAX_BYTES = 64, DISTANCE_MAX = 2 };

static char fold(char c)
{
	return c == '_' ? '-' : ascii_lower(c);
}

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Optimal string alignment: insert, delete, replace, swap two neighbours; each counts one. */
static unsigned distance(struct span a, struct span b)
{
	unsigned rows[3][WORD_MAX_BYTES + 1];
	unsigned *before = rows[0], *last = rows[1], *now = rows[2];

	for (unsigned j = 0; j <= b.len; j++)
		last[j] = j;
	for (unsigned i = 1; i <= a.len; i++) {
		unsigned *spare = before;

		now[0] = i;
		for (unsigned j = 1; j <= b.len; j++) {
			bool same = fold(a.p[i - 1]) == fold(b.p[j - 1]);

			now[j] = least(last[j - 1] + !same, least(last[j], now[j - 1]) + 1);
			if (i > 1 && j > 1 && fold(a.p[i - 1]) == fold(b.p[j - 2]) &&
			    fold(a.p[i - 2]) == fold(b.p[j - 1]))
				now[j] = least(now[j], before[j - 2] + 1);
		}
		before = last;
		last = now;
		now = spare;
	}
	return last[b.len];
}

const char *spell_nearest(struct span word, const char *const *words, size_t n)
{
	unsigned best = DISTANCE_MAX + 1;
	const char *found = NULL;

	if (word.len > WORD_MAX_BYTES)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		struct span known = span_str(words[i]);
		unsigned d;

		if (known.len > WORD_MAX_BYTES)
			continue;
		d = distance(word, known);
		if (d < best && 2 * (size_t)d < word.len) {
			best = d;
			found = words[i];
		}
	}
	return found;
}
