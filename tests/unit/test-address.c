/* Address lists, read strictly. */
#include <stdlib.h>
#include <string.h>

#include "mail/address.h"
#include "test.h"

enum { ARENA_MAX = 1 << 22 };

static struct arena *arena;

struct list_row {
	const char *label;
	struct span value;
	const char *want;  /* display|local|domain, one a line, '*' in front of members of a group,
			      '!' at the end when unusual; NULL: refused */
	const char *words; /* of the refusal */
};

#define LIST(label, value, want)                                                                   \
	{                                                                                          \
		label, SPAN_LIT(value), want, ""                                                   \
	}
#define REFUSED(label, value, words)                                                               \
	{                                                                                          \
		label, SPAN_LIT(value), NULL, words                                                \
	}

static const struct list_row list_rows[] = {
	LIST("bare", "joe@example.com", "|joe|example.com\n"),
	LIST("angle", "<joe@example.com>", "|joe|example.com\n"),
	LIST("name", "Joe Doe <joe@example.com>", "Joe Doe|joe|example.com\n"),
	LIST("name in many spaces", "  Joe \t\n  Doe  <joe@example.com>",
	     "Joe Doe|joe|example.com\n"),
	LIST("quoted name", "\"Joe  \\\"J\\\" Doe\" <joe@example.com>",
	     "Joe  \"J\" Doe|joe|example.com\n"),
	LIST("folded quoted name", "\"Joe\r\n Doe\" <joe@example.com>",
	     "Joe Doe|joe|example.com\n"),
	LIST("words and quotes", "Joe \"the\" Doe <joe@example.com>",
	     "Joe the Doe|joe|example.com\n"),
	LIST("quotes without a gap", "Joe\"the\"Doe <joe@example.com>",
	     "JoetheDoe|joe|example.com\n"),
	LIST("empty quotes in a name", "\"\" Joe \"\" Doe \"\" <joe@example.com>",
	     "Joe  Doe |joe|example.com\n"),
	LIST("dots in a name", "Joe Q. Doe Jr.<joe@example.com>",
	     "Joe Q. Doe Jr.|joe|example.com\n"),
	LIST("comment in a name", "Joe (the) Doe <joe@example.com>", "Joe Doe|joe|example.com\n"),
	LIST("comments everywhere", "(a)Joe(b)<(c)joe@example.com(d)>(e)", "Joe|joe|example.com\n"),
	LIST("comment for a name", "joe@example.com (Joe Doe)", "|joe|example.com\n"),
	LIST("escapes in a comment", "joe@example.com (\\(\\)\\\\)", "|joe|example.com\n"),
	LIST("quote in a comment", "joe@example.com (\")", "|joe|example.com\n"),
	LIST("encoded word", "=?utf-8?q?a=40b?= <joe@example.com>",
	     "=?utf-8?q?a=40b?=|joe|example.com\n"),
	LIST("UTF-8", "J\xc3\xb6 <j\xc3\xb6@\xe4\xbe\x8b.example>",
	     "J\xc3\xb6|j\xc3\xb6|\xe4\xbe\x8b.example\n"),
	LIST("UTF-8 of four bytes", "\xf0\x9f\x93\xa7 <joe@example.com>",
	     "\xf0\x9f\x93\xa7|joe|example.com\n"),
	LIST("quoted local part", "\"a b\"@example.com", "|a b|example.com\n"),
	LIST("empty local part", "\"\"@example.com", "||example.com\n"),
	LIST("local part of words", "\"a\".b.\"c d\"@example.com", "|a.b.c d|example.com\n"),
	LIST("literal", "joe@[192.0.2.1]", "|joe|[192.0.2.1]\n"),
	LIST("literal with parens", "joe@[(]", "|joe|[(]\n"),
	LIST("case stays", "Joe@EXAMPLE.com", "|Joe|EXAMPLE.com\n"),
	LIST("list", "a@x.example, B <b@y.example>,c@z.example",
	     "|a|x.example\nB|b|y.example\n|c|z.example\n"),
	LIST("empty members", " , a@x.example,,\n (c) , b@y.example, ",
	     "|a|x.example\n|b|y.example\n"),
	LIST("comma in quotes", "\"a, b\" <c@x.example>", "a, b|c|x.example\n"),
	LIST("comma in a comment", "c@x.example (a, b)", "|c|x.example\n"),
	LIST("group", "Team: a@x.example, B <b@y.example>;, c@z.example",
	     "*|a|x.example\n*B|b|y.example\n|c|z.example\n"),
	LIST("quoted group", "\"a: b\": a@x.example;", "*|a|x.example\n"),
	LIST("empty group", "undisclosed-recipients:;", ""),
	LIST("group of commas", "g: ,, ;", ""),
	LIST("two groups", "g: a@x.example;, h: b@y.example;", "*|a|x.example\n*|b|y.example\n"),
	LIST("nothing", "", ""),
	LIST("white space", " \n\t", ""),
	LIST("a comment", "(joe@example.com)", ""),
	LIST("spaces inside the angle", "< joe@example.com >", "|joe|example.com\n"),
	LIST("route", "<@a.example,@b.example:u@c.example>", "|u|c.example\n!"),
	LIST("route with commas", "<@a.example, ,@b.example:u@c.example>", "|u|c.example\n!"),
	LIST("gaps around dots", "a . b@c . example", "|a.b|c.example\n!"),
	LIST("gaps around the at", "a @ c.example", "|a|c.example\n!"),
	LIST("comment before the at", "a(x)@c.example", "|a|c.example\n!"),
	LIST("comment in the domain", "a@c(x).example", "|a|c.example\n!"),

	REFUSED("a word", "joe", "byte 4"),
	REFUSED("a word in an angle", "<joe>", "byte 5"),
	REFUSED("null address", "<>", "'@' is expected"),
	REFUSED("at first", "@example.com", "no local part"),
	REFUSED("nothing behind the at", "joe@", "domain name is expected"),
	REFUSED("two ats", "a@b@c", "comma is expected"),
	REFUSED("at in a name", "a@b <c@d>", "comma is expected"),
	REFUSED("two words before the at", "Joe Doe@example.com", "no local part"),
	REFUSED("dots in the local part", "a..b@example.com", "no local part"),
	REFUSED("leading dot in the local part", ".a@example.com", "no local part"),
	REFUSED("final dot in the local part", "a.@example.com", "no local part"),
	REFUSED("leading dot in the domain", "a@.example.com", "domain name is expected"),
	REFUSED("final dot in the domain", "a@example.com.", "domain name is expected"),
	REFUSED("quotes in the domain", "a@\"example\".com", "domain name is expected"),
	REFUSED("dot as a name", ". <a@b.example>", "without an address"),
	REFUSED("literal that does not end", "a@[192.0.2.1", "']'"),
	REFUSED("literal with a space", "a@[192.0.2.1 ]", "']'"),
	REFUSED("literal with something behind", "a@[192.0.2.1].example", "comma is expected"),
	REFUSED("angle that does not end", "<a@b.example", "'>' is expected"),
	REFUSED("angle that does not begin", "a@b.example>", "comma is expected"),
	REFUSED("two angles", "<a@b.example> <c@d.example>", "comma is expected"),
	REFUSED("two angles in each other", "<<a@b.example>>", "'@' is expected"),
	REFUSED("words behind the angle", "<a@b.example> Joe", "comma is expected"),
	REFUSED("words behind the domain", "a@b.example Joe", "comma is expected"),
	REFUSED("semicolon", "a@b.example; c@d.example", "comma is expected"),
	REFUSED("two groups without a comma", "g:a@b.example;c@d.example", "comma is expected"),
	REFUSED("group that does not end", "g: a@b.example", "without ';'"),
	REFUSED("group in a group", "g: h: a@b.example;;", "group within a group"),
	REFUSED("group without a name", ": a@b.example;", "group without a name"),
	REFUSED("group named by an address", "a@x.example: b@y.example;", "comma is expected"),
	REFUSED("quote that does not end", "\"Joe <a@b.example>", "quoted string"),
	REFUSED("quote that ends in an escape", "\"Joe\\", "quoted string"),
	REFUSED("quoted line end", "\"Joe\\\n \" <a@b.example>", "quoted string"),
	REFUSED("comment that does not end", "a@b.example (Joe", "comment"),
	REFUSED("comment that ends in an escape", "a@b.example (Joe\\)", "comment"),
	REFUSED("paren too many", "a@b.example )", "comma is expected"),
	REFUSED("route without a colon", "<@a.example u@c.example>", "route"),
	REFUSED("route of two ats", "<@a.example@b.example:u@c.example>", "route"),
	REFUSED("route that is all", "<@a.example:>", "'@' is expected"),
	REFUSED("backslash outside quotes", "a\\b@c.example", "without an address"),
	REFUSED("NUL", "a@b.example\0", "control"),
	REFUSED("control character", "a\x01@b.example", "control"),
	REFUSED("DEL", "a\x7f@b.example", "control"),
	REFUSED("bare CR", "a@b.example\r ", "CR without LF"),
	REFUSED("final CR", "a@b.example\r", "CR without LF"),
	REFUSED("line end", "a@b.example\r\n", "no fold"),
	REFUSED("line end inside", "a@b.example\nx", "no fold"),
	REFUSED("Latin 1", "J\xf6rg <a@b.example>", "UTF-8"),
	REFUSED("cut UTF-8", "J <a@b.example> \xc3", "UTF-8"),
	REFUSED("overlong UTF-8", "\xc0\xaf@b.example", "UTF-8"),
	REFUSED("overlong UTF-8 of three bytes", "\xe0\x80\xaf@b.example", "UTF-8"),
	REFUSED("third byte of UTF-8", "\xe4\xbe\xff@b.example", "UTF-8"),
	REFUSED("third byte of UTF-8 too small",
		"\xe4\xbe"
		"b@b.example",
		"UTF-8"),
	REFUSED("surrogate", "\xed\xa0\x80@b.example", "UTF-8"),
	REFUSED("past Unicode", "\xf4\x90\x80\x80@b.example", "UTF-8"),
};

static void show_list(const struct address_list *list, struct buf *out)
{
	struct err err = ERR_INIT;

	for (size_t i = 0; i < list->n; i++) {
		const struct mailbox *m = &list->at[i];

		ASSERT_OK(buf_adds(out, m->in_group ? "*" : "", &err), &err);
		ASSERT_OK(buf_add(out, m->display, &err), &err);
		ASSERT_OK(buf_addc(out, '|', &err), &err);
		ASSERT_OK(buf_add(out, m->local, &err), &err);
		ASSERT_OK(buf_addc(out, '|', &err), &err);
		ASSERT_OK(buf_add(out, m->domain, &err), &err);
		ASSERT_OK(buf_addc(out, '\n', &err), &err);
	}
	if (list->unusual)
		ASSERT_OK(buf_addc(out, '!', &err), &err);
}

static void test_lists(void)
{
	for (size_t i = 0; i < COUNT_OF(list_rows); i++) {
		const struct list_row *row = &list_rows[i];
		struct address_list list = {.n = 77};
		struct err err = ERR_INIT;
		struct buf shown;

		ROW(row->label);
		arena_reset(arena);
		buf_init(&shown, 10000);
		if (row->want != NULL) {
			if (ASSERT_OK(address_list_read(row->value, arena, &list, &err), &err))
				show_list(&list, &shown);
			ASSERT_SPAN(buf_span(&shown), span_str(row->want));
			CU_ASSERT_EQUAL(list.has_group, strstr(row->label, "group") != NULL);
		} else {
			ASSERT_FAILS(address_list_read(row->value, arena, &list, &err), RC_INPUT,
				     &err, row->words);
			CU_ASSERT_EQUAL(list.n, 77);
		}
		buf_clear(&shown);
	}
	ROW("");
}

static void test_bounds(void)
{
	size_t size = (ADDRESS_MAX + 1) * 4;
	char *many = malloc(size), deep[500];
	struct address_list list;
	struct err err = ERR_INIT;

	CU_ASSERT_PTR_NOT_NULL_FATAL(many);
	for (size_t i = 0; i < size; i += 4)
		memcpy(many + i, "a@b,", 4);
	arena_reset(arena);
	ASSERT_OK(address_list_read(span_of(many, size - 4), arena, &list, &err), &err);
	CU_ASSERT_EQUAL(list.n, ADDRESS_MAX);
	arena_reset(arena);
	ASSERT_FAILS(address_list_read(span_of(many, size), arena, &list, &err), RC_LIMIT, &err,
		     "10000 addresses");
	free(many);

	memset(deep, '(', 101);
	memset(deep + 101, ')', 101);
	ASSERT_FAILS(address_list_read(span_of(deep, 202), arena, &list, &err), RC_INPUT, &err,
		     "nested too deep");
	ASSERT_OK(address_list_read(span_of(deep + 1, 200), arena, &list, &err), &err);
}

static void test_envelope(void)
{
	static const struct {
		const char *label;
		struct span text;
		const char *want;  /* as address_show() shows it; NULL: refused */
		const char *local; /* unquoted */
	} rows[] = {
		{"angle", SPAN_LIT("<joe@example.com>"), "joe@example.com", "joe"},
		{"bare", SPAN_LIT("joe@example.com"), "joe@example.com", "joe"},
		{"white space around", SPAN_LIT(" <joe@example.com> "), "joe@example.com", "joe"},
		{"null", SPAN_LIT("<>"), "", ""},
		{"empty", SPAN_LIT(""), "", ""},
		{"postmaster", SPAN_LIT("<postmaster>"), "postmaster", "postmaster"},
		{"bare user", SPAN_LIT("root"), "root", "root"},
		{"quoted", SPAN_LIT("<\"joe doe\"@example.com>"), "\"joe doe\"@example.com",
		 "joe doe"},
		{"quoted without need", SPAN_LIT("<\"joe\"@example.com>"), "joe@example.com",
		 "joe"},
		{"quoted at", SPAN_LIT("<\"a@b\"@example.com>"), "\"a@b\"@example.com", "a@b"},
		{"quoted escapes", SPAN_LIT("<\"a\\\"\\\\\"@example.com>"),
		 "\"a\\\"\\\\\"@example.com", "a\"\\"},
		{"quoted dots", SPAN_LIT("<\"a..b\"@example.com>"), "\"a..b\"@example.com", "a..b"},
		{"empty local part", SPAN_LIT("<\"\"@example.com>"), "\"\"@example.com", ""},
		{"quoted user", SPAN_LIT("<\"a b\">"), "\"a b\"", "a b"},
		{"route", SPAN_LIT("<@a.example,@b.example:joe@example.com>"), "joe@example.com",
		 "joe"},
		{"literal", SPAN_LIT("<joe@[192.0.2.1]>"), "joe@[192.0.2.1]", "joe"},
		{"UTF-8", SPAN_LIT("<j\xc3\xb6@b\xc3\xbc.example>"), "j\xc3\xb6@b\xc3\xbc.example",
		 "j\xc3\xb6"},
		{"a dot behind the domain", SPAN_LIT("<joe@example.com.>"), "joe@example.com",
		 "joe"},
		{"a dot behind the domain, bare", SPAN_LIT("joe@b.c."), "joe@b.c", "joe"},
		{"two of them", SPAN_LIT("<joe@example.com..>"), NULL, NULL},
		{"a dot for a domain", SPAN_LIT("<joe@.>"), NULL, NULL},
		{"a dot behind a user", SPAN_LIT("<joe.>"), NULL, NULL},
		{"no end", SPAN_LIT("<joe@example.com"), NULL, NULL},
		{"no begin", SPAN_LIT("joe@example.com>"), NULL, NULL},
		{"a bracket", SPAN_LIT("<"), NULL, NULL},
		{"brackets twice", SPAN_LIT("<<joe@example.com>>"), NULL, NULL},
		{"name", SPAN_LIT("Joe <joe@example.com>"), NULL, NULL},
		{"two words", SPAN_LIT("joe doe"), NULL, NULL},
		{"white space inside", SPAN_LIT("< joe@example.com>"), NULL, NULL},
		{"white space at the end inside", SPAN_LIT("<joe@example.com >"), NULL, NULL},
		{"white space at the at", SPAN_LIT("<joe @example.com>"), NULL, NULL},
		{"white space behind the at", SPAN_LIT("<joe@ example.com>"), NULL, NULL},
		{"white space in a route", SPAN_LIT("<@a.example, @b.example:joe@example.com>"),
		 NULL, NULL},
		{"comment", SPAN_LIT("<joe(x)@example.com>"), NULL, NULL},
		{"comment at the end", SPAN_LIT("joe@example.com(x)"), NULL, NULL},
		{"comment behind a user", SPAN_LIT("joe(x)"), NULL, NULL},
		{"two", SPAN_LIT("a@x.example,b@y.example"), NULL, NULL},
		{"two ats", SPAN_LIT("<a@x.example@y.example>"), NULL, NULL},
		{"no local part", SPAN_LIT("<@example.com>"), NULL, NULL},
		{"no domain", SPAN_LIT("<joe@>"), NULL, NULL},
		{"route only", SPAN_LIT("<@a.example:>"), NULL, NULL},
		{"dots", SPAN_LIT("<a..b@example.com>"), NULL, NULL},
		{"NUL", SPAN_LIT("<joe@example.com\0>"), NULL, NULL},
		{"Latin 1", SPAN_LIT("<j\xf6@example.com>"), NULL, NULL},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct mailbox m = {.local = SPAN_LIT("untouched")};
		struct err err = ERR_INIT;
		struct buf out;

		ROW(rows[i].label);
		arena_reset(arena);
		buf_init(&out, 1000);
		if (rows[i].want == NULL) {
			ASSERT_FAILS(address_envelope_read(rows[i].text, arena, &m, &err), RC_INPUT,
				     &err, "byte");
			ASSERT_SPAN(m.local, SPAN_LIT("untouched"));
			continue;
		}
		ASSERT_OK(address_envelope_read(rows[i].text, arena, &m, &err), &err);
		ASSERT_SPAN(m.local, span_str(rows[i].local));
		ASSERT_OK(address_show(&m, &out, &err), &err);
		ASSERT_SPAN(buf_span(&out), span_str(rows[i].want));
		buf_clear(&out);
	}
	ROW("");
}

static void test_show_fails_whole(void)
{
	struct mailbox m = {.local = SPAN_LIT("a b"), .domain = SPAN_LIT("example.com")};
	struct err err = ERR_INIT;
	struct buf out;

	buf_init(&out, 10);
	ASSERT_OK(buf_adds(&out, "x", &err), &err);
	ASSERT_FAILS(address_show(&m, &out, &err), RC_LIMIT, &err, "10 bytes");
	ASSERT_SPAN(buf_span(&out), SPAN_LIT("x"));
	buf_clear(&out);
}

static void test_out_of_memory_is_said(void)
{
	struct arena *none = arena_new(0), *little = arena_new(64);
	struct address_list list = {.n = 77};
	struct err err = ERR_INIT;

	CU_ASSERT_TRUE_FATAL(none != NULL && little != NULL);
	ASSERT_FAILS(address_list_read(SPAN_LIT("a@b.example"), none, &list, &err), RC_NOMEM, &err,
		     "memory");
	ASSERT_FAILS(
		address_list_read(SPAN_LIT("Joe \"Q\" Doe <a@b.example>"), little, &list, &err),
		RC_NOMEM, &err, "memory");
	CU_ASSERT_EQUAL(list.n, 77);
	arena_free(none);
	arena_free(little);
}

int main(void)
{
	static const struct test tests[] = {
		{"lists", test_lists},
		{"bounds", test_bounds},
		{"addresses of an envelope", test_envelope},
		{"a failed show changes nothing", test_show_fails_whole},
		{"out of memory is said", test_out_of_memory_is_said},
	};
	int status;

	arena = arena_new(ARENA_MAX);
	status = arena != NULL ? test_main("address", tests, COUNT_OF(tests)) : 99;
	arena_free(arena);
	return status;
}
