/* Header canonicalization. */
#include "dkim/canon.h"
#include "test.h"

static void test_fields(void)
{
	static const struct row {
		const char *label;
		struct span name, value;
		struct span simple, relaxed;
	} rows[] = {
		{"plain", SPAN_LIT("Subject"), SPAN_LIT(" hello"), SPAN_LIT("Subject: hello\r\n"),
		 SPAN_LIT("subject:hello\r\n")},
		{"RFC 6376 3.4.5, A", SPAN_LIT("A"), SPAN_LIT(" X"), SPAN_LIT("A: X\r\n"),
		 SPAN_LIT("a:X\r\n")},
		{"RFC 6376 3.4.5, B", SPAN_LIT("B"), SPAN_LIT(" Y\t\r\n\tZ  "),
		 SPAN_LIT("B: Y\t\r\n\tZ  \r\n"), SPAN_LIT("b:Y Z\r\n")},
		{"fold as LF", SPAN_LIT("B"), SPAN_LIT(" Y\t\n\tZ  "),
		 SPAN_LIT("B: Y\t\r\n\tZ  \r\n"), SPAN_LIT("b:Y Z\r\n")},
		{"fold behind the colon", SPAN_LIT("To"), SPAN_LIT("\r\n\tjoe"),
		 SPAN_LIT("To:\r\n\tjoe\r\n"), SPAN_LIT("to:joe\r\n")},
		{"LF behind the colon", SPAN_LIT("To"), SPAN_LIT(" \n joe"),
		 SPAN_LIT("To: \r\n joe\r\n"), SPAN_LIT("to:joe\r\n")},
		{"no white space", SPAN_LIT("To"), SPAN_LIT("joe"), SPAN_LIT("To:joe\r\n"),
		 SPAN_LIT("to:joe\r\n")},
		{"empty", SPAN_LIT("Subject"), SPAN_LIT(""), SPAN_LIT("Subject:\r\n"),
		 SPAN_LIT("subject:\r\n")},
		{"white space only", SPAN_LIT("Subject"), SPAN_LIT(" \t "),
		 SPAN_LIT("Subject: \t \r\n"), SPAN_LIT("subject:\r\n")},
		{"fold of white space only", SPAN_LIT("Subject"), SPAN_LIT(" a\r\n \t\r\n b\n\t"),
		 SPAN_LIT("Subject: a\r\n \t\r\n b\r\n\t\r\n"), SPAN_LIT("subject:a b\r\n")},
		{"tabs", SPAN_LIT("Subject"), SPAN_LIT("\ta\t\tb\t"),
		 SPAN_LIT("Subject:\ta\t\tb\t\r\n"), SPAN_LIT("subject:a b\r\n")},
		{"names in capitals", SPAN_LIT("MIME-VERSION_[Z]"), SPAN_LIT(" 1.0"),
		 SPAN_LIT("MIME-VERSION_[Z]: 1.0\r\n"), SPAN_LIT("mime-version_[z]:1.0\r\n")},
		{"NUL", SPAN_LIT("X"), SPAN_LIT(" a\0 \0b"), SPAN_LIT("X: a\0 \0b\r\n"),
		 SPAN_LIT("x:a\0 \0b\r\n")},
		{"8 bit", SPAN_LIT("X"), SPAN_LIT(" \xc3\x89\xa0 \xff"),
		 SPAN_LIT("X: \xc3\x89\xa0 \xff\r\n"), SPAN_LIT("x:\xc3\x89\xa0 \xff\r\n")},
		{"form feed is no white space", SPAN_LIT("X"), SPAN_LIT(" \f a \v"),
		 SPAN_LIT("X: \f a \v\r\n"), SPAN_LIT("x:\f a \v\r\n")},
		{"CR is a byte", SPAN_LIT("X"), SPAN_LIT(" a\rb \r c\r"),
		 SPAN_LIT("X: a\rb \r c\r\r\n"), SPAN_LIT("x:a\rb \r c\r\r\n")},
		{"CR before a fold", SPAN_LIT("X"), SPAN_LIT(" a\r\r\n b"),
		 SPAN_LIT("X: a\r\r\n b\r\n"), SPAN_LIT("x:a\r b\r\n")},
		{"colon in the value", SPAN_LIT("X"), SPAN_LIT(": a :b"), SPAN_LIT("X:: a :b\r\n"),
		 SPAN_LIT("x:: a :b\r\n")},
	};
	struct err err = ERR_INIT;
	struct buf out;

	buf_init(&out, 1000);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct field field = {rows[i].name, rows[i].value, false};

		ROW(rows[i].label);
		out.len = 0;
		ASSERT_OK(canon_field(CANON_SIMPLE, &field, &out, &err), &err);
		ASSERT_SPAN(buf_span(&out), rows[i].simple);
		out.len = 0;
		ASSERT_OK(canon_field(CANON_RELAXED, &field, &out, &err), &err);
		ASSERT_SPAN(buf_span(&out), rows[i].relaxed);
	}
	ROW("");
	buf_clear(&out);
}

static void test_appends_all_or_nothing(void)
{
	struct field field = {SPAN_LIT("To"), SPAN_LIT(" a\n b"), false};
	struct err err = ERR_INIT;
	struct buf out;

	for (int c = CANON_SIMPLE; c <= CANON_RELAXED; c++) {
		ROW(canon_name((enum canon)c));
		buf_init(&out, 10);
		ASSERT_OK(buf_adds(&out, "kept", &err), &err);
		ASSERT_FAILS(canon_field((enum canon)c, &field, &out, &err), RC_LIMIT, &err, "");
		ASSERT_SPAN(buf_span(&out), SPAN_LIT("kept"));
		buf_clear(&out);
	}
	ROW("");
}

int main(void)
{
	static const struct test tests[] = {
		{"fields in both forms", test_fields},
		{"all of a field or nothing", test_appends_all_or_nothing},
	};

	return test_main("canon", tests, COUNT_OF(tests));
}
