/* The base: error texts, spans, buffers, arena, vector. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/vec.h"
#include "test.h"

static void test_err_gains_context(void)
{
	struct err err = ERR_INIT;

	CU_ASSERT_EQUAL(err_set(&err, RC_INPUT, "bad %s", "tag"), RC_INPUT);
	CU_ASSERT_EQUAL(err_wrap(&err, RC_CONF, "selector '%s'", "s1"), RC_CONF);
	ASSERT_STR(err.text, "selector 's1': bad tag");
	CU_ASSERT_EQUAL(err.rc, RC_CONF);
	CU_ASSERT_EQUAL(err_set(NULL, RC_NOMEM, "nobody listens"), RC_NOMEM);
}

static void test_err_is_one_bounded_line(void)
{
	struct err err = ERR_INIT;
	char big[3000];

	err_set(&err, RC_INPUT, "a\r\nb\x01");
	ASSERT_STR(err.text, "a??b?");
	memset(big, 'x', sizeof(big));
	big[sizeof(big) - 1] = '\0';
	err_set(&err, RC_INPUT, "%s", big);
	CU_ASSERT_EQUAL(strlen(err.text), ERR_TEXT_MAX - 1);
	CU_ASSERT_STRING_EQUAL(err.text + ERR_TEXT_MAX - 4, "...");
	err_wrap(&err, RC_INPUT, "front");
	CU_ASSERT_EQUAL(strncmp(err.text, "front: xxx", 10), 0);
	CU_ASSERT_STRING_EQUAL(err.text + ERR_TEXT_MAX - 4, "...");
}

static void test_err_says_what_the_system_said(void)
{
	struct err err = ERR_INIT;

	CU_ASSERT_EQUAL(err_sys(&err, RC_NOTFOUND, ENOENT, "cannot read %s", "x"), RC_NOTFOUND);
	ASSERT_STR(err.text, "cannot read x: No such file or directory");
	err_sys(&err, RC_IO, 99999, "odd");
	CU_ASSERT_EQUAL(strncmp(err.text, "odd: ", 5), 0);
	CU_ASSERT_TRUE(strlen(err.text) > 5);
	CU_ASSERT_EQUAL(err_sys(NULL, RC_IO, EIO, "nobody listens"), RC_IO);
}

static void test_span_table(void)
{
	struct span rest = SPAN_LIT("a;b;;");
	struct span head;
	static const char *const want[] = {"a", "b", "", ""};

	for (size_t i = 0; i < COUNT_OF(want); i++) {
		CU_ASSERT_TRUE(span_split(&rest, ';', &head));
		ASSERT_SPAN(head, span_str(want[i]));
	}
	CU_ASSERT_FALSE(span_split(&rest, ';', &head));
	ASSERT_SPAN(span_trim(SPAN_LIT(" \t a b\f \t")), SPAN_LIT("a b\f"));
	ASSERT_SPAN(span_trim_fold(SPAN_LIT(" \r\n\t a ")), SPAN_LIT("a"));
	CU_ASSERT_TRUE(span_ieq_str(SPAN_LIT("FrOm"), "from"));
	CU_ASSERT_FALSE(span_ieq_str(SPAN_LIT("Fro"), "from"));
	CU_ASSERT_TRUE(span_iends(SPAN_LIT("a.EXAMPLE"), SPAN_LIT(".example")));
	CU_ASSERT_FALSE(span_ends(SPAN_LIT("a.EXAMPLE"), SPAN_LIT(".example")));
	CU_ASSERT_EQUAL(span_search(SPAN_LIT("abcABD"), SPAN_LIT("abd"), 0, true), 3);
	CU_ASSERT_EQUAL(span_search(SPAN_LIT("abcABD"), SPAN_LIT("abd"), 0, false), 6);
	CU_ASSERT_TRUE(span_cmp(SPAN_LIT("a"), SPAN_LIT("ab")) < 0);
	CU_ASSERT_TRUE(span_cmp(SPAN_LIT("b"), SPAN_LIT("ab")) > 0);
	CU_ASSERT_EQUAL(span_cmp(SPAN_LIT("ab"), SPAN_LIT("ab")), 0);
	CU_ASSERT_EQUAL(span_sub(SPAN_NONE, 3, 4).len, 0);
}

static void test_buf_keeps_its_maximum(void)
{
	struct err err = ERR_INIT;
	struct buf b;

	buf_init(&b, 10);
	ASSERT_OK(buf_adds(&b, "12345678", &err), &err);
	ASSERT_FAILS(buf_adds(&b, "abc", &err), RC_LIMIT, &err, "10 bytes");
	ASSERT_SPAN(buf_span(&b), SPAN_LIT("12345678"));
	ASSERT_OK(buf_addf(&b, &err, "%d", 90), &err);
	ASSERT_STR(buf_cstr(&b), "1234567890");
	ASSERT_FAILS(buf_addc(&b, 'x', &err), RC_LIMIT, &err, "");
	buf_wipe(&b);
	CU_ASSERT_EQUAL(b.len, 0);
	CU_ASSERT_EQUAL(b.max, 10);
	ASSERT_STR(buf_cstr(&b), "");
	buf_clear(&b);
}

static void test_arena_is_zeroed_bounded_and_reusable(void)
{
	struct arena *a = arena_new(100000);
	char *p;

	for (int round = 0; round < 3; round++) {
		p = arena_alloc(a, 3);
		CU_ASSERT_PTR_NOT_NULL_FATAL(p);
		CU_ASSERT_EQUAL(p[0] | p[1] | p[2], 0);
		memset(p, 'x', 3);
		p = arena_alloc(a, 50000);
		CU_ASSERT_PTR_NOT_NULL_FATAL(p);
		CU_ASSERT_EQUAL(p[0] | p[49999], 0);
		memset(p, 'y', 50000);
		CU_ASSERT_FALSE(arena_was_full(a));
		CU_ASSERT_PTR_NULL(arena_alloc(a, 60000));
		CU_ASSERT(arena_was_full(a));
		CU_ASSERT_PTR_NULL(arena_alloc(a, (size_t)-1));
		CU_ASSERT_PTR_NULL(arena_calloc(a, (size_t)-1 / 2, 3));
		ASSERT_SPAN(arena_dup(a, SPAN_LIT("a\0b")), SPAN_LIT("a\0b"));
		CU_ASSERT_PTR_NOT_NULL(arena_dup(a, SPAN_NONE).p);
		arena_reset(a);
		CU_ASSERT_EQUAL(arena_used(a), 0);
		CU_ASSERT_FALSE(arena_was_full(a));
	}
	CU_ASSERT_PTR_NULL(arena_free(a));
	CU_ASSERT_PTR_NULL(arena_free(NULL));
}

static void test_vec_stops_at_its_maximum(void)
{
	struct vec v;
	int *slot;

	vec_init(&v, sizeof(int), 20);
	for (int i = 0; i < 20; i++) {
		slot = vec_push(&v);
		CU_ASSERT_PTR_NOT_NULL_FATAL(slot);
		CU_ASSERT_EQUAL(*slot, 0);
		*slot = i;
	}
	CU_ASSERT_PTR_NULL(vec_push(&v));
	CU_ASSERT_EQUAL(*(int *)vec_at(&v, 19), 19);
	CU_ASSERT_EQUAL(*(int *)vec_at(&v, 0), 0);
	vec_clear(&v);
	CU_ASSERT_EQUAL(v.len, 0);
}

int main(void)
{
	static const struct test tests[] = {
		{"an error gains context", test_err_gains_context},
		{"an error is one bounded line", test_err_is_one_bounded_line},
		{"an error says what the system said", test_err_says_what_the_system_said},
		{"spans", test_span_table},
		{"a buffer keeps its maximum", test_buf_keeps_its_maximum},
		{"an arena is zeroed, bounded, reusable",
		 test_arena_is_zeroed_bounded_and_reusable},
		{"a vector stops at its maximum", test_vec_stops_at_its_maximum},
	};

	return test_main("base", tests, COUNT_OF(tests));
}
