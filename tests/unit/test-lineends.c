/* Line ends changed on the way, at every split, and what LF is read as. */
#include <string.h>

#include "test.h"
#include "tool/lineends.h"

static enum rc to_buf(void *ctx, struct span piece, struct err *err)
{
	return buf_add(ctx, piece, err);
}

static enum rc refuse(void *ctx UNUSED, struct span piece UNUSED, struct err *err)
{
	return err_set(err, RC_IO, "disk full");
}

static const struct {
	const char *label;
	struct span in, crlf, lf;
} rows[] = {
	{"nothing", SPAN_LIT(""), SPAN_LIT(""), SPAN_LIT("")},
	{"CRLF", SPAN_LIT("a\r\nb\r\n"), SPAN_LIT("a\r\nb\r\n"), SPAN_LIT("a\nb\n")},
	{"LF", SPAN_LIT("a\n\nb\n"), SPAN_LIT("a\r\n\r\nb\r\n"), SPAN_LIT("a\n\nb\n")},
	{"CR alone", SPAN_LIT("a\rb\r"), SPAN_LIT("a\rb\r"), SPAN_LIT("a\rb\r")},
	{"CR CR LF", SPAN_LIT("a\r\r\nb\r\r\r\n"), SPAN_LIT("a\r\r\nb\r\r\r\n"),
	 SPAN_LIT("a\r\r\nb\r\r\r\n")},
	{"CR LF LF", SPAN_LIT("\r\n\n\r\n"), SPAN_LIT("\r\n\r\n\r\n"), SPAN_LIT("\n\n\n")},
	{"NUL", SPAN_LIT("\0\r\0\n\0"), SPAN_LIT("\0\r\0\r\n\0"), SPAN_LIT("\0\r\0\n\0")},
	{"CR at the very end", SPAN_LIT("\r\n\r"), SPAN_LIT("\r\n\r"), SPAN_LIT("\n\r")},
};

/* What a mail server reads from a file: LF counts as CRLF. */
static void view(struct span in, struct buf *out)
{
	out->len = 0;
	for (size_t i = 0; i < in.len; i++) {
		if (in.p[i] == '\n' && (i == 0 || in.p[i - 1] != '\r'))
			CU_ASSERT_EQUAL(buf_addc(out, '\r', NULL), RC_OK);
		CU_ASSERT_EQUAL(buf_addc(out, in.p[i], NULL), RC_OK);
	}
}

static void change(enum lineends_to to, struct span in, size_t piece, struct buf *out)
{
	static struct lineends l;
	struct err err = ERR_INIT;
	struct buf seen;

	out->len = 0;
	lineends_init(&l, to_buf, out);
	ASSERT_OK(lineends_set(&l, to, &err), &err);
	for (size_t i = 0; i < in.len; i += piece)
		ASSERT_OK(lineends_write(&l, span_sub(in, i, piece), &err), &err);
	ASSERT_OK(lineends_finish(&l, &err), &err);
	buf_init(&seen, 1 << 20);
	view(buf_span(out), &seen);
	CU_ASSERT_EQUAL(l.n_out, out->len);
	CU_ASSERT_EQUAL(l.n_crlf, seen.len);
	buf_clear(&seen);
}

static void test_rows(void)
{
	struct buf out;

	buf_init(&out, 1 << 20);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		ROW(rows[i].label);
		for (size_t piece = 1; piece <= rows[i].in.len + 1; piece++) {
			change(LINEENDS_KEEP, rows[i].in, piece, &out);
			ASSERT_SPAN(buf_span(&out), rows[i].in);
			change(LINEENDS_CRLF, rows[i].in, piece, &out);
			ASSERT_SPAN(buf_span(&out), rows[i].crlf);
			change(LINEENDS_LF, rows[i].in, piece, &out);
			ASSERT_SPAN(buf_span(&out), rows[i].lf);
		}
	}
	ROW("");
	buf_clear(&out);
}

/* What has LF is read as what had CRLF. */
static void test_lf_is_read_back(void)
{
	static const char letters[] = "\r\na";
	struct buf in, crlf, lf, back;

	buf_init(&in, 1 << 20);
	buf_init(&crlf, 1 << 20);
	buf_init(&lf, 1 << 20);
	buf_init(&back, 1 << 20);
	for (int round = 0; round < 3000; round++) {
		in.len = 0;
		for (unsigned i = test_random(20); i > 0; i--)
			CU_ASSERT_EQUAL(buf_addc(&in, letters[test_random(3)], NULL), RC_OK);
		view(buf_span(&in), &crlf);
		change(LINEENDS_LF, buf_span(&crlf), 1 + test_random(5), &lf);
		view(buf_span(&lf), &back);
		ASSERT_SPAN(buf_span(&back), buf_span(&crlf));
	}
	buf_clear(&in);
	buf_clear(&crlf);
	buf_clear(&lf);
	buf_clear(&back);
}

static void test_changed_on_the_way(void)
{
	static struct lineends l;
	struct err err = ERR_INIT;
	struct buf out;

	buf_init(&out, 1 << 20);
	lineends_init(&l, to_buf, &out);
	ASSERT_OK(lineends_write(&l, SPAN_LIT("a\n"), &err), &err);
	ASSERT_OK(lineends_set(&l, LINEENDS_CRLF, &err), &err);
	ASSERT_OK(lineends_write(&l, SPAN_LIT("b\n"), &err), &err);
	ASSERT_OK(lineends_set(&l, LINEENDS_LF, &err), &err);
	ASSERT_OK(lineends_write(&l, SPAN_LIT("c\r\n\r"), &err), &err);
	ASSERT_OK(lineends_set(&l, LINEENDS_KEEP, &err), &err);
	ASSERT_OK(lineends_write(&l, SPAN_LIT("\n"), &err), &err);
	ASSERT_OK(lineends_finish(&l, &err), &err);
	ASSERT_STR("a\nb\r\nc\n\r\n", buf_cstr(&out));
	buf_clear(&out);
}

static void test_sink_that_fails(void)
{
	static struct lineends l;
	static char many[40000];
	struct err err = ERR_INIT;

	lineends_init(&l, refuse, NULL);
	ASSERT_OK(lineends_write(&l, SPAN_LIT("a\n"), &err), &err);
	ASSERT_FAILS(lineends_finish(&l, &err), RC_IO, &err, "disk full");
	lineends_init(&l, refuse, NULL);
	ASSERT_FAILS(lineends_write(&l, span_of(many, sizeof(many)), &err), RC_IO, &err,
		     "disk full");
}

int main(void)
{
	static const struct test tests[] = {
		{"every row at every split", test_rows},
		{"what has LF is read back", test_lf_is_read_back},
		{"changed on the way", test_changed_on_the_way},
		{"a sink that fails", test_sink_that_fails},
	};
	return test_main("lineends", tests, COUNT_OF(tests));
}
