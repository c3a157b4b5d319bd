/* Pictures, against a matcher that tries everything; case, in ASCII and beyond; characters of UTF-8. */
#include <locale.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <wctype.h>

#include "base/arena.h"
#include "base/picture.h"
#include "base/utf8.h"
#include "test.h"

static const struct {
	const char *label, *picture, *text;
	bool match;
} rows[] = {
	{"equal", "abc", "abc", true},
	{"a prefix", "abc", "abcd", false},
	{"longer than the text", "abcd", "abc", false},
	{"both empty", "", "", true},
	{"an empty picture", "", "a", false},
	{"an empty text", "a", "", false},
	{"a star for everything", "*", "anything", true},
	{"a star for nothing", "*", "", true},
	{"stars for nothing", "***", "", true},
	{"a star behind", "ab*", "abc", true},
	{"a star behind, nothing there", "ab*", "ab", true},
	{"a star behind, another beginning", "ab*", "xab", false},
	{"a star in front", "*bc", "abc", true},
	{"a star in front, another end", "*bc", "abcx", false},
	{"a star between", "a*c", "abbbc", true},
	{"a star between, nothing there", "a*c", "ac", true},
	{"both ends want the same octet", "a*a", "a", false},
	{"both ends overlap", "ab*bc", "abc", false},
	{"anywhere", "*@bank.example*", "x <a@bank.example> y", true},
	{"nowhere", "*@bank.example*", "a@bank.exampl", false},
	{"two in order", "*a*b*", "xaybz", true},
	{"two out of order", "*a*b*", "xbyaz", false},
	{"the last of several", "*ab", "abab", true},
	{"the first is taken, and the rest suffices", "*ab*ab", "ababab", true},
	{"the end is not taken twice", "*ab*ab", "ab", false},
	{"nothing else is special", "a?[b]\\", "a?[b]\\", true},
	{"a question mark stands for itself", "a?", "ab", false},
	{"a star in the text", "a*c", "a*c", true},
	{"a star in the text for itself", "abc", "a*c", false},
	{"a domain below", "*@*.bank.example", "a@mail.bank.example", true},
	{"the domain itself is not below", "*@*.bank.example", "a@bank.example", false},
};

static void test_rows(void)
{
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		ROW(rows[i].label);
		CU_ASSERT_EQUAL(picture_match(span_str(rows[i].picture), span_str(rows[i].text)),
				rows[i].match);
	}
	ROW("");
	CU_ASSERT(picture_match(SPAN_LIT("*"), SPAN_NONE));
	CU_ASSERT(picture_match(SPAN_NONE, SPAN_NONE));
	CU_ASSERT_FALSE(picture_match(SPAN_LIT("a*"), SPAN_NONE));
	CU_ASSERT(picture_match(SPAN_LIT("a*b"), span_of("a\0*\0b", 5)));
	CU_ASSERT_FALSE(picture_match(SPAN_LIT("a"), span_of("a\0", 2)));
}

/* Everything is tried. */
static bool plainly(struct span picture, struct span text)
{
	if (picture.len == 0)
		return text.len == 0;
	if (picture.p[0] != '*')
		return text.len != 0 && picture.p[0] == text.p[0] &&
		       plainly(span_from(picture, 1), span_from(text, 1));
	for (size_t i = 0; i <= text.len; i++)
		if (plainly(span_from(picture, 1), span_from(text, i)))
			return true;
	return false;
}

static struct span random_text(char *room, size_t max, const char *letters)
{
	size_t len = test_random((unsigned)max + 1);

	for (size_t i = 0; i < len; i++)
		room[i] = letters[test_random((unsigned)strlen(letters))];
	return span_of(room, len);
}

static void test_against_plain(void)
{
	unsigned matched = 0;

	for (unsigned i = 0; i < 200000; i++) {
		char picture[8], text[10];
		struct span p = random_text(picture, sizeof(picture), "ab*"),
			    t = random_text(text, sizeof(text), "ab");
		bool want = plainly(p, t);

		matched += want;
		if (picture_match(p, t) == want)
			continue;
		test_assert_span(p, t, __FILE__, __LINE__);
		return;
	}
	CU_ASSERT(matched > 20000 && matched < 180000);
}

/* A matcher that goes back would not come to an end. */
static void test_hostile(void)
{
	enum { TEXT = 4 << 20, PARTS = 400 };
	char *text = malloc(TEXT), picture[2 * PARTS + 3];

	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	memset(text, 'a', TEXT);
	for (size_t i = 0; i < PARTS; i++)
		memcpy(picture + 2 * i, "*a", 2);
	memcpy(picture + (size_t)2 * PARTS, "*b", 3);
	CU_ASSERT_FALSE(picture_match(span_str(picture), span_of(text, TEXT)));
	picture[2 * PARTS + 1] = '\0';
	CU_ASSERT(picture_match(span_str(picture), span_of(text, TEXT)));
	memset(picture, 'a', (size_t)2 * PARTS);
	picture[0] = '*';
	memcpy(picture + (size_t)2 * PARTS, "b*", 3);
	CU_ASSERT_FALSE(picture_match(span_str(picture), span_of(text, TEXT)));
	free(text);
}

/* --- case ---------------------------------------------------------------------------------------- */

static const struct {
	const char *label, *text, *folded;
} fold_rows[] = {
	{"ASCII", "From ABCXYZ[@`{", "from abcxyz[@`{"},
	{"nothing", "", ""},
	{"tabs", "\tA\t\tb", " a  b"},
	{"two octets", "\xc3\x84\xc3\x96\xc3\x9c\xc3\xa4", "\xc3\xa4\xc3\xb6\xc3\xbc\xc3\xa4"},
	{"Greek, Cyrillic", "\xce\xa9\xd0\x96", "\xcf\x89\xd0\xb6"},
	{"two octets become three", "\xc8\xba", "\xe2\xb1\xa5"},
	{"three octets become one", "\xe2\x84\xaa", "k"},
	{"four octets", "\xf0\x90\x90\x80", "\xf0\x90\x90\xa8"},
	{"no other form", "\xc3\x9f\xe4\xb8\xad\xf0\x9f\x98\x80",
	 "\xc3\x9f\xe4\xb8\xad\xf0\x9f\x98\x80"},
	{"Latin-1 stays", "\xc4pfel A", "\xc4pfel a"},
	{"a lone tail stays",
	 "\x84"
	 "A",
	 "\x84"
	 "a"},
	{"a cut character stays", "A\xe2\x84", "a\xe2\x84"},
	{"a form longer than needed stays", "\xc1\x81\xe0\x81\x81\xf0\x80\x81\x81",
	 "\xc1\x81\xe0\x81\x81\xf0\x80\x81\x81"},
	{"a star in a longer form is none", "\xe0\x80\xaa", "\xe0\x80\xaa"},
	{"a surrogate stays", "\xed\xa0\x80", "\xed\xa0\x80"},
	{"past the last character", "\xf4\x90\x80\x80\xf5\xff", "\xf4\x90\x80\x80\xf5\xff"},
};

static struct span folded(struct arena *arena, struct span text)
{
	struct err e = ERR_INIT;
	struct span ret = SPAN_NONE;

	ASSERT_OK(picture_fold(text, arena, &ret, &e), &e);
	return ret;
}

static void test_fold(void)
{
	struct arena *arena = arena_new(1 << 20);

	CU_ASSERT_PTR_NOT_NULL_FATAL(arena);
	for (size_t i = 0; i < COUNT_OF(fold_rows); i++) {
		ROW(fold_rows[i].label);
		ASSERT_SPAN(folded(arena, span_str(fold_rows[i].text)),
			    span_str(fold_rows[i].folded));
	}
	ROW("");
	ASSERT_SPAN(folded(arena, span_of("A\0B", 3)), span_of("a\0b", 3));
	CU_ASSERT_PTR_NOT_NULL(folded(arena, SPAN_NONE).p);
	arena_free(arena);
}

static void test_fold_no_memory(void)
{
	struct arena *arena = arena_new(100);
	struct err e = ERR_INIT;
	char text[200] = "";
	struct span ret;

	CU_ASSERT_PTR_NOT_NULL_FATAL(arena);
	ASSERT_FAILS(picture_fold(span_of(text, sizeof(text)), arena, &ret, &e), RC_NOMEM, &e,
		     "text of 200 bytes");
	arena_free(arena);
}

static size_t encode(uint32_t c, char out[4])
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

/* Every character there is: one by one, and so many of each that one that grows would overrun. */
static void test_all_characters(void)
{
	locale_t locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	struct arena *arena = arena_new(1 << 20);
	size_t wrong = 0, changed = 0;

	CU_ASSERT_FATAL(locale != (locale_t)0 && arena != NULL);
	for (uint32_t c = 0x80; c < 0x110000; c++) {
		char text[64], want[64];
		size_t n = encode(c, text), m;
		bool surrogate = c >= 0xd800 && c < 0xe000;

		wrong += utf8_length(span_of(text, n)) != (surrogate ? 0 : n);
		if (surrogate)
			continue;
		m = encode((uint32_t)towlower_l((wint_t)c, locale), want);
		for (size_t i = 1; i < 16; i++) {
			memcpy(text + i * n, text, n);
			memcpy(want + i * m, want, m);
		}
		arena_reset(arena);
		wrong += !span_eq(folded(arena, span_of(text, 16 * n)), span_of(want, 16 * m));
		changed += m != n || memcmp(text, want, n) != 0;
	}
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT(changed > 1000);
	arena_free(arena);
	freelocale(locale);
}

/* --- UTF-8 --------------------------------------------------------------------------------------- */

static void test_utf8(void)
{
	CU_ASSERT_EQUAL(utf8_length(SPAN_NONE), 0);
	CU_ASSERT_EQUAL(utf8_length(SPAN_LIT("ab")), 1);
	CU_ASSERT_EQUAL(utf8_length(span_of("", 1)), 1);
	CU_ASSERT(utf8_valid(SPAN_NONE));
	CU_ASSERT(utf8_valid(SPAN_LIT("a\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80z")));
	CU_ASSERT_FALSE(utf8_valid(SPAN_LIT("a\xc3\xbc\xe2\x82")));
	CU_ASSERT_FALSE(utf8_valid(SPAN_LIT("\xfc")));
	/* Two octets can be nothing but the well-formed ones. */
	for (unsigned a = 0; a < 256; a++)
		for (unsigned b = 0; b < 256; b++) {
			char text[2] = {(char)a, (char)b};
			size_t n = utf8_length(span_of(text, 2));
			bool two = a >= 0xc2 && a <= 0xdf && b >= 0x80 && b <= 0xbf;

			CU_ASSERT_EQUAL(n, a < 0x80 ? 1 : two ? 2 : 0);
		}
}

int main(void)
{
	static const struct test tests[] = {
		{"pictures and texts", test_rows},
		{"random ones, against a plain matcher", test_against_plain},
		{"pictures made to take long", test_hostile},
		{"upper and lower case", test_fold},
		{"no memory to fold in", test_fold_no_memory},
		{"every character there is", test_all_characters},
		{"UTF-8", test_utf8},
	};

	return test_main("picture", tests, COUNT_OF(tests));
}
