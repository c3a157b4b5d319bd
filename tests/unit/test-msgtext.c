/* Message files with edits applied: every byte that is not edited stays. */
#include "test.h"

#include "mail/field.h"
#include "tool/msgtext.h"

struct file {
	struct arena *arena;
	struct fields fields;
	struct msgtext text;
};

static void open_file(struct file *f, const char *raw)
{
	struct err err = ERR_INIT;
	struct span body;
	bool crlf;

	f->arena = arena_new(1 << 20);
	CU_ASSERT_PTR_NOT_NULL_FATAL(f->arena);
	fields_init(&f->fields, f->arena, 1 << 16);
	ASSERT_OK(fields_read(&f->fields, span_str(raw), &body, &crlf, &err), &err);
	ASSERT_OK(msgtext_init(&f->text, f->arena, span_str(raw), body, crlf, &err), &err);
}

static void close_file(struct file *f)
{
	msgtext_clear(&f->text);
	fields_clear(&f->fields);
	arena_free(f->arena);
}

static void assert_shown(const struct file *f, bool force_crlf, const char *wanted)
{
	struct err err = ERR_INIT;
	struct buf out;

	buf_init(&out, 1 << 16);
	ASSERT_OK(msgtext_show(&f->text, force_crlf, &out, &err), &err);
	ASSERT_SPAN(buf_span(&out), span_str(wanted));
	buf_clear(&out);
}

static const struct {
	const char *label, *raw, *signed_text, *forced;
} files[] = {
	{"LF", "A: 1\nB: 2\n\nbody\n", "S: v\n\tw\nA: 1\nB: 2\n\nbody\n",
	 "S: v\r\n\tw\r\nA: 1\r\nB: 2\r\n\r\nbody\r\n"},
	{"CRLF", "A: 1\r\n\r\nbody\r\n", "S: v\r\n\tw\r\nA: 1\r\n\r\nbody\r\n",
	 "S: v\r\n\tw\r\nA: 1\r\n\r\nbody\r\n"},
	{"folds", "A: 1\n 2\n\t3\nB:\n\n", "S: v\n\tw\nA: 1\n 2\n\t3\nB:\n\n",
	 "S: v\r\n\tw\r\nA: 1\r\n 2\r\n\t3\r\nB:\r\n\r\n"},
	{"no body", "A: 1\n", "S: v\n\tw\nA: 1\n", "S: v\r\n\tw\r\nA: 1\r\n"},
	{"no final line end", "A: 1\n\nb", "S: v\n\tw\nA: 1\n\nb", "S: v\r\n\tw\r\nA: 1\r\n\r\nb"},
	{"mbox line", "From a@b Mon\nA: 1\n\nb\n", "From a@b Mon\nS: v\n\tw\nA: 1\n\nb\n",
	 "From a@b Mon\r\nS: v\r\n\tw\r\nA: 1\r\n\r\nb\r\n"},
	{"header ended by a line that is no field", "A: 1\nno field\nB: 2\n",
	 "S: v\n\tw\nA: 1\nno field\nB: 2\n", "S: v\r\n\tw\r\nA: 1\r\nno field\r\nB: 2\r\n"},
	{"empty line first", "\nbody\n", "S: v\n\tw\n\nbody\n", "S: v\r\n\tw\r\n\r\nbody\r\n"},
	{"bare CR in a body", "A: 1\n\na\rb\n", "S: v\n\tw\nA: 1\n\na\rb\n",
	 "S: v\r\n\tw\r\nA: 1\r\n\r\na\rb\r\n"},
};

static void test_insert(void)
{
	for (size_t i = 0; i < COUNT_OF(files); i++) {
		struct file f;

		ROW(files[i].label);
		open_file(&f, files[i].raw);
		assert_shown(&f, false, files[i].raw);
		CU_ASSERT_EQUAL(msgtext_ops.insert(&f.text, 0, "S", " v\n\tw"), RC_OK);
		assert_shown(&f, false, files[i].signed_text);
		assert_shown(&f, true, files[i].forced);
		close_file(&f);
	}
}

static void test_order(void)
{
	struct file f;

	open_file(&f, "A: 1\nB: 2\n\n");
	CU_ASSERT_EQUAL(msgtext_ops.insert(&f.text, 0, "X", " 1"), RC_OK);
	CU_ASSERT_EQUAL(msgtext_ops.insert(&f.text, 0, "X", " 2"), RC_OK);
	CU_ASSERT_EQUAL(msgtext_ops.insert(&f.text, 3, "Y", " 3"), RC_OK);
	CU_ASSERT_EQUAL(msgtext_ops.insert(&f.text, 99, "Z", " 4"), RC_OK);
	assert_shown(&f, false, "X: 2\nX: 1\nA: 1\nY: 3\nB: 2\nZ: 4\n\n");
	close_file(&f);
}

static void test_change(void)
{
	struct file f;

	open_file(&f, "A: 1\na: 2\nB: 3\nA: 4\n\n");
	CU_ASSERT_EQUAL(msgtext_ops.change(&f.text, 2, "A", NULL), RC_OK);
	assert_shown(&f, false, "A: 1\nB: 3\nA: 4\n\n");
	/* Deleted ones do not count any more, as in the MTA. */
	CU_ASSERT_EQUAL(msgtext_ops.change(&f.text, 2, "A", " x\n y"), RC_OK);
	assert_shown(&f, false, "A: 1\nB: 3\nA: x\n y\n\n");
	CU_ASSERT_EQUAL(msgtext_ops.change(&f.text, 3, "A", NULL), RC_IO);
	CU_ASSERT_EQUAL(msgtext_ops.change(&f.text, 1, "C", NULL), RC_IO);
	assert_shown(&f, false, "A: 1\nB: 3\nA: x\n y\n\n");
	close_file(&f);
}

static void test_line_ends(void)
{
	static const struct {
		const char *label, *text, *crlf, *lf;
	} rows[] = {
		{"empty", "", "", ""},
		{"LF", "a\nb\n", "a\r\nb\r\n", "a\nb\n"},
		{"CRLF", "a\r\nb\r\n", "a\r\nb\r\n", "a\nb\n"},
		{"mixed", "a\r\nb\nc", "a\r\nb\r\nc", "a\nb\nc"},
		{"CR alone", "a\rb\n", "a\rb\r\n", "a\rb\n"},
		{"LF first", "\n\n", "\r\n\r\n", "\n\n"},
		{"CR CR LF", "a\r\r\n", "a\r\r\n", "a\r\n"},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct err err = ERR_INIT;
		struct buf out;

		ROW(rows[i].label);
		buf_init(&out, 4096);
		ASSERT_OK(msgtext_to_crlf(span_str(rows[i].text), &out, &err), &err);
		ASSERT_SPAN(buf_span(&out), span_str(rows[i].crlf));
		out.len = 0;
		ASSERT_OK(msgtext_to_lf(span_str(rows[i].text), &out, &err), &err);
		ASSERT_SPAN(buf_span(&out), span_str(rows[i].lf));
		buf_clear(&out);
	}
}

int main(void)
{
	static const struct test tests[] = {
		{"a field is inserted, all else stays", test_insert},
		{"insertions keep their order", test_order},
		{"fields are changed and deleted by number", test_change},
		{"line ends", test_line_ends},
	};
	return test_main("msgtext", tests, COUNT_OF(tests));
}
