/* Header fields as they were received. */
#include <stdlib.h>
#include <string.h>

#include "mail/field.h"
#include "test.h"

enum { ARENA_MAX = 1 << 22 };

static struct arena *arena;

static void start(struct fields *f, size_t max_bytes)
{
	if (arena == NULL)
		arena = arena_new(ARENA_MAX);
	CU_ASSERT_PTR_NOT_NULL_FATAL(arena);
	arena_reset(arena);
	fields_init(f, arena, max_bytes);
}

static void test_milter_values(void)
{
	static const struct {
		const char *label;
		struct span name, value;
		bool leading_space;
		const char *want_name;
		struct span want;
		bool want_space_before_colon;
		size_t want_bytes;
	} rows[] = {
		{"as it stood", SPAN_LIT("A"), SPAN_LIT(" b"), true, "A", SPAN_LIT(" b"), false, 6},
		{"no space", SPAN_LIT("A"), SPAN_LIT("b"), true, "A", SPAN_LIT("b"), false, 5},
		{"empty", SPAN_LIT("A"), SPAN_LIT(""), true, "A", SPAN_LIT(""), false, 4},
		{"put back", SPAN_LIT("A"), SPAN_LIT("b"), false, "A", SPAN_LIT(" b"), false, 6},
		{"second space", SPAN_LIT("A"), SPAN_LIT(" b"), false, "A", SPAN_LIT("  b"), false,
		 7},
		{"put back to nothing", SPAN_LIT("A"), SPAN_LIT(""), false, "A", SPAN_LIT(" "),
		 false, 5},
		{"a tab is never removed", SPAN_LIT("A"), SPAN_LIT("\tb"), false, "A",
		 SPAN_LIT("\tb"), false, 6},
		{"fold behind the colon", SPAN_LIT("A"), SPAN_LIT("\n b"), false, "A",
		 SPAN_LIT("\n b"), false, 8},
		{"CRLF fold behind the colon", SPAN_LIT("A"), SPAN_LIT("\r\n b"), false, "A",
		 SPAN_LIT("\r\n b"), false, 8},
		{"NUL first", SPAN_LIT("A"), SPAN_LIT("\0b"), false, "A", SPAN_LIT(" \0b"), false,
		 7},
		{"folds count as CRLF", SPAN_LIT("Ab"), SPAN_LIT(" c\n d\r\n e\rf"), true, "Ab",
		 SPAN_LIT(" c\n d\r\n e\rf"), false, 17},
		{"space before the colon", SPAN_LIT("A \t"), SPAN_LIT("b"), false, "A",
		 SPAN_LIT(" b"), true, 8},
		{"8 bit", SPAN_LIT("A"), SPAN_LIT("\xe4\xff"), false, "A", SPAN_LIT(" \xe4\xff"),
		 false, 7},
		{"trailing white space stays", SPAN_LIT("A"), SPAN_LIT("b \t"), false, "A",
		 SPAN_LIT(" b \t"), false, 8},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct err err = ERR_INIT;
		const struct field *got;
		struct fields f;

		ROW(rows[i].label);
		start(&f, 1000);
		ASSERT_OK(fields_add_milter(&f, rows[i].name, rows[i].value, rows[i].leading_space,
					    &err),
			  &err);
		CU_ASSERT_EQUAL_FATAL(fields_count(&f), 1);
		got = fields_at(&f, 0);
		ASSERT_SPAN(got->name, span_str(rows[i].want_name));
		ASSERT_SPAN(got->value, rows[i].want);
		CU_ASSERT_EQUAL(got->space_before_colon, rows[i].want_space_before_colon);
		CU_ASSERT_EQUAL(f.bytes, rows[i].want_bytes);
		fields_clear(&f);
		CU_ASSERT_EQUAL(f.bytes, 0);
	}
	ROW("");
}

static void test_bytes_are_copied(void)
{
	char name[] = "Subject", value[] = " hello";
	struct err err = ERR_INIT;
	struct fields f;

	start(&f, 1000);
	ASSERT_OK(fields_add(&f, span_str(name), span_str(value), &err), &err);
	memset(name, 'x', sizeof(name) - 1);
	memset(value, 'x', sizeof(value) - 1);
	ASSERT_SPAN(fields_at(&f, 0)->name, SPAN_LIT("Subject"));
	ASSERT_SPAN(fields_at(&f, 0)->value, SPAN_LIT(" hello"));
	fields_clear(&f);
}

static void test_limits(void)
{
	struct arena *small = arena_new(20);
	struct err err = ERR_INIT;
	struct fields f;

	start(&f, 11);
	ASSERT_OK(fields_add(&f, SPAN_LIT("A"), SPAN_LIT("b"), &err), &err);
	ASSERT_OK(fields_add(&f, SPAN_LIT("A"), SPAN_LIT(" b"), &err), &err);
	ASSERT_FAILS(fields_add(&f, SPAN_LIT(""), SPAN_LIT(""), &err), RC_LIMIT, &err, "11 bytes");
	CU_ASSERT_EQUAL(fields_count(&f), 2);
	CU_ASSERT_EQUAL(f.bytes, 11);
	fields_clear(&f);

	start(&f, 7);
	ASSERT_FAILS(fields_add(&f, SPAN_LIT("A"), SPAN_LIT("\n b"), &err), RC_LIMIT, &err, "");
	fields_clear(&f);

	start(&f, 1000000);
	for (int i = 0; i < 10000; i++)
		if (fields_add(&f, SPAN_LIT("A"), SPAN_LIT("b"), &err) != RC_OK)
			CU_FAIL_FATAL("too few fields");
	ASSERT_FAILS(fields_add(&f, SPAN_LIT("A"), SPAN_LIT("b"), &err), RC_LIMIT, &err,
		     "10000 header fields");
	fields_clear(&f);

	CU_ASSERT_PTR_NOT_NULL_FATAL(small);
	fields_init(&f, small, 1000);
	ASSERT_FAILS(fields_add(&f, SPAN_LIT("A"), SPAN_LIT("b"), &err), RC_NOMEM, &err, "memory");
	CU_ASSERT_EQUAL(fields_count(&f), 0);
	fields_clear(&f);
	arena_free(small);
}

static void test_look_up(void)
{
	struct err err = ERR_INIT;
	struct fields f;
	size_t at = 77;

	start(&f, 1000);
	ASSERT_OK(fields_add(&f, SPAN_LIT("To"), SPAN_LIT("1"), &err), &err);
	ASSERT_OK(fields_add(&f, SPAN_LIT("FROM"), SPAN_LIT("2"), &err), &err);
	ASSERT_OK(fields_add(&f, SPAN_LIT("Fro"), SPAN_LIT("3"), &err), &err);
	ASSERT_OK(fields_add(&f, SPAN_LIT("from "), SPAN_LIT("4"), &err), &err);
	CU_ASSERT_EQUAL(fields_count_of(&f, "From"), 2);
	CU_ASSERT_EQUAL(fields_count_of(&f, "Fr"), 0);
	ASSERT_SPAN(fields_find(&f, "From", 0, &at)->value, SPAN_LIT("2"));
	CU_ASSERT_EQUAL(at, 1);
	ASSERT_SPAN(fields_find(&f, "from", 2, &at)->value, SPAN_LIT("4"));
	CU_ASSERT_EQUAL(at, 3);
	CU_ASSERT_PTR_NULL(fields_find(&f, "from", 4, &at));
	CU_ASSERT_PTR_NULL(fields_find(&f, "Cc", 0, NULL));
	CU_ASSERT_EQUAL(at, 3);
	fields_clear(&f);
}

struct read_row {
	const char *label;
	struct span raw;
	const char *fields; /* each as [name|value], with '!' for white space before the colon */
	struct span body;
	bool crlf;
};

static const struct read_row read_rows[] = {
	{"LF", SPAN_LIT("A: b\nC: d\n\nbody\n"), "[A| b][C| d]", SPAN_LIT("body\n"), false},
	{"CRLF", SPAN_LIT("A: b\r\nC: d\r\n\r\nbody\r\n"), "[A| b][C| d]", SPAN_LIT("body\r\n"),
	 true},
	{"mixed", SPAN_LIT("A: b\r\nC: d\n\nbody"), "[A| b][C| d]", SPAN_LIT("body"), true},
	{"folds", SPAN_LIT("A: b\n c\n\td\nE:f\n\n"), "[A| b\n c\n\td][E|f]", SPAN_LIT(""), false},
	{"CRLF folds", SPAN_LIT("A: b\r\n c\r\n\r\n"), "[A| b\r\n c]", SPAN_LIT(""), true},
	{"fold behind the colon", SPAN_LIT("A:\n b\n\n"), "[A|\n b]", SPAN_LIT(""), false},
	{"fold of white space", SPAN_LIT("A: b\n \nC: d\n\n"), "[A| b\n ][C| d]", SPAN_LIT(""),
	 false},
	{"empty value", SPAN_LIT("A:\nB: \n\nx"), "[A|][B| ]", SPAN_LIT("x"), false},
	{"no body", SPAN_LIT("A: b\n"), "[A| b]", SPAN_LIT(""), false},
	{"no final line end", SPAN_LIT("A: b"), "[A| b]", SPAN_LIT(""), false},
	{"no final line end in a fold", SPAN_LIT("A: b\n c"), "[A| b\n c]", SPAN_LIT(""), false},
	{"nothing", SPAN_LIT(""), "", SPAN_LIT(""), false},
	{"empty line only", SPAN_LIT("\r\n"), "", SPAN_LIT(""), true},
	{"body only", SPAN_LIT("\nbody\n\nmore"), "", SPAN_LIT("body\n\nmore"), false},
	{"no separator", SPAN_LIT("A: b\nno field\nC: d\n"), "[A| b]", SPAN_LIT("no field\nC: d\n"),
	 false},
	{"first line no field", SPAN_LIT("no field\nA: b\n"), "", SPAN_LIT("no field\nA: b\n"),
	 false},
	{"continuation of nothing", SPAN_LIT(" x\nA: b\n"), "", SPAN_LIT(" x\nA: b\n"), false},
	{"colon first", SPAN_LIT("A: b\n: c\n"), "[A| b]", SPAN_LIT(": c\n"), false},
	{"8-bit name", SPAN_LIT("A: b\n\xc3\xa4: c\n"), "[A| b]", SPAN_LIT("\xc3\xa4: c\n"), false},
	{"space in a name", SPAN_LIT("A: b\nC d: e\n"), "[A| b]", SPAN_LIT("C d: e\n"), false},
	{"space before the colon", SPAN_LIT("A \t: b\n\nx"), "[A!| b]", SPAN_LIT("x"), false},
	{"mbox", SPAN_LIT("From joe@example.com Tue Nov 24 12:00:00 2026\nA: b\n\nx"), "[A| b]",
	 SPAN_LIT("x"), false},
	{"mbox only", SPAN_LIT("From joe\r\n"), "", SPAN_LIT(""), true},
	{"a From field is no mbox line", SPAN_LIT("From: joe\n\nx"), "[From| joe]", SPAN_LIT("x"),
	 false},
	{"an obsolete From field is no mbox line", SPAN_LIT("From : joe\n\nx"), "[From!| joe]",
	 SPAN_LIT("x"), false},
	{"a second mbox line ends the header", SPAN_LIT("A: b\nFrom joe Tue\nC: d\n"), "[A| b]",
	 SPAN_LIT("From joe Tue\nC: d\n"), false},
	{"quoted mbox line ends the header", SPAN_LIT("A: b\n>From joe\n"), "[A| b]",
	 SPAN_LIT(">From joe\n"), false},
	{"bare CR stays", SPAN_LIT("A: b\rC: d\n\nx"), "[A| b\rC: d]", SPAN_LIT("x"), false},
	{"CR CR LF", SPAN_LIT("A: b\r\r\n\r\nx"), "[A| b\r]", SPAN_LIT("x"), true},
	{"CR alone is no empty line", SPAN_LIT("A: b\n\rx\n"), "[A| b]", SPAN_LIT("\rx\n"), false},
	{"NUL stays", SPAN_LIT("A: b\0c\n\nx\0y"), "[A| b\0c]", SPAN_LIT("x\0y"), false},
	{"repeated", SPAN_LIT("A: 1\na: 2\nA: 3\n\n"), "[A| 1][a| 2][A| 3]", SPAN_LIT(""), false},
};

static void show_fields(const struct fields *f, struct buf *out)
{
	struct err err = ERR_INIT;

	for (size_t i = 0; i < fields_count(f); i++) {
		const struct field *field = fields_at(f, i);

		ASSERT_OK(buf_addc(out, '[', &err), &err);
		ASSERT_OK(buf_add(out, field->name, &err), &err);
		ASSERT_OK(buf_adds(out, field->space_before_colon ? "!|" : "|", &err), &err);
		ASSERT_OK(buf_add(out, field->value, &err), &err);
		ASSERT_OK(buf_addc(out, ']', &err), &err);
	}
}

static void test_read(void)
{
	for (size_t i = 0; i < COUNT_OF(read_rows); i++) {
		const struct read_row *row = &read_rows[i];
		struct span body = SPAN_NONE, want = span_str(row->fields);
		struct err err = ERR_INIT;
		struct fields f;
		struct buf shown;
		bool crlf = !row->crlf;

		ROW(row->label);
		if (strcmp(row->label, "NUL stays") == 0)
			want = SPAN_LIT("[A| b\0c]");
		start(&f, 1000);
		buf_init(&shown, 1000);
		ASSERT_OK(fields_read(&f, row->raw, &body, &crlf, &err), &err);
		show_fields(&f, &shown);
		ASSERT_SPAN(buf_span(&shown), want);
		ASSERT_SPAN(body, row->body);
		CU_ASSERT_PTR_EQUAL(body.p + body.len, row->raw.p + row->raw.len);
		CU_ASSERT_EQUAL(crlf, row->crlf);
		buf_clear(&shown);
		fields_clear(&f);
	}
	ROW("");
}

static void test_read_fails_whole(void)
{
	struct span body = SPAN_LIT("untouched");
	struct err err = ERR_INIT;
	struct fields f;
	bool crlf = false;

	start(&f, 14);
	ASSERT_OK(fields_add(&f, SPAN_LIT("Z"), SPAN_LIT("z"), &err), &err);
	ASSERT_FAILS(fields_read(&f, SPAN_LIT("A: b\r\nB: cd\r\n\r\n"), &body, &crlf, &err),
		     RC_LIMIT, &err, "14 bytes");
	CU_ASSERT_EQUAL(fields_count(&f), 1);
	CU_ASSERT_EQUAL(f.bytes, 5);
	ASSERT_SPAN(body, SPAN_LIT("untouched"));
	CU_ASSERT_FALSE(crlf);
	ASSERT_OK(fields_read(&f, SPAN_LIT("A: b\r\nE\r\n"), &body, &crlf, &err), &err);
	CU_ASSERT_EQUAL(fields_count(&f), 2);
	ASSERT_SPAN(body, SPAN_LIT("E\r\n"));
	fields_clear(&f);
}

int main(void)
{
	static const struct test tests[] = {
		{"values from a milter", test_milter_values},
		{"bytes are copied", test_bytes_are_copied},
		{"limits", test_limits},
		{"looking up", test_look_up},
		{"a message is split", test_read},
		{"a failed reading changes nothing", test_read_fails_whole},
	};
	int status = test_main("field", tests, COUNT_OF(tests));

	arena_free(arena);
	return status;
}
