#include "base/picture.h"

#include <locale.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <wctype.h>

#include "base/utf8.h"

/* Longest form of a character in UTF-8. */
enum { UTF8_MAX = 4 };

static locale_t letters;
static pthread_once_t letters_once = PTHREAD_ONCE_INIT;

/* The C library has this one built in; without it only ASCII letters are folded. */
static void letters_init(void)
{
	letters = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
}

/* The character of N octets at P, which utf8_length() has looked at. */
static int32_t utf8_get(const unsigned char *p, size_t n)
{
	int32_t c = p[0] & (n == 1 ? 0x7f : 0x7f >> n);

	for (size_t i = 1; i < n; i++)
		c = (int32_t)((uint32_t)c << 6 | (p[i] & 0x3fU));
	return c;
}

static size_t utf8_put(int32_t c, char *out)
{
	static const unsigned char first[] = {0, 0, 0xc0, 0xe0, 0xf0};
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

	for (size_t i = n - 1; i > 0; i--) {
		out[i] = (char)(0x80 | (c & 0x3f));
		c >>= 6;
	}
	out[0] = (char)(n == 1 ? c : first[n] | c);
	return n;
}

static size_t fold_wide(struct span text, char *out, size_t *ret_read)
{
	size_t n = letters != (locale_t)0 ? utf8_length(text) : 0;
	wint_t c;

	*ret_read = n != 0 ? n : 1;
	*out = text.p[0];
	if (n == 0)
		return 1;
	c = (wint_t)utf8_get((const unsigned char *)text.p, n);
	return utf8_put((int32_t)towlower_l(c, letters), out);
}

enum rc picture_fold(struct span text, struct arena *arena, struct span *ret, struct err *err)
{
	size_t out = 0, read;
	char *to;

	pthread_once(&letters_once, letters_init);
	/* A two-octet letter may have a lower case of three (U+023A). */
	to = arena_calloc(arena, text.len + text.len / 2 + UTF8_MAX, 1);
	if (to == NULL)
		return err_set(err, RC_NOMEM, "out of memory (text of %zu bytes)", text.len);
	for (size_t at = 0; at < text.len; at += read) {
		read = 1;
		if (text.p[at] == '\t')
			to[out++] = ' ';
		else if ((unsigned char)text.p[at] < 0x80)
			to[out++] = ascii_lower(text.p[at]);
		else
			out += fold_wide(span_from(text, at), to + out, &read);
	}
	*ret = span_of(to, out);
	return RC_OK;
}

bool picture_match(struct span picture, struct span text)
{
	struct span part, rest = picture;
	const char *found;

	if (!span_has(picture, '*'))
		return span_eq(picture, text);
	/* What stands before the first '*' and behind the last one is tied to an end. */
	span_split(&rest, '*', &part);
	if (!span_starts(text, part))
		return false;
	text = span_from(text, part.len);
	while (span_split(&rest, '*', &part) && rest.p != NULL) {
		if (part.len == 0)
			continue;
		found = part.len <= text.len ? memmem(text.p, text.len, part.p, part.len) : NULL;
		if (found == NULL)
			return false;
		text = span_from(text, (size_t)(found - text.p) + part.len);
	}
	return span_ends(text, part);
}
