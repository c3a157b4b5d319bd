/* The spool: memory first, a nameless file behind it, nothing left whatever happens. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/spool.h"
#include "test.h"

static enum rc to_buf(void *ctx, struct span piece, struct err *err)
{
	CU_ASSERT_TRUE(piece.len > 0 && piece.len <= 7);
	return buf_add(ctx, piece, err);
}

static enum rc stop_at_second(void *ctx, struct span piece, struct err *err)
{
	(void)piece;
	return ++*(int *)ctx == 2 ? err_set(err, RC_IO, "enough") : RC_OK;
}

static size_t entries(const char *dir)
{
	DIR *d = opendir(dir);
	size_t n = 0;

	while (d != NULL && readdir(d) != NULL)
		n++;
	closedir(d);
	return n - 2; /* . and .. */
}

static void test_order_at_every_bound(void)
{
	static const char text[] = "0123456789abcdefghijklmnopqrstuvwxyz";
	struct span all = SPAN_LIT(text);
	struct err err = ERR_INIT;
	struct buf out;

	buf_init(&out, 1000);
	for (size_t memory = 0; memory <= all.len + 1; memory++) {
		for (size_t cut = 1; cut <= all.len; cut += 5) {
			struct spool *s = NULL;

			ASSERT_OK(spool_new(test_dir(), memory, &s, &err), &err);
			for (size_t at = 0; at < all.len; at += cut)
				ASSERT_OK(spool_add(s, span_sub(all, at, cut), &err), &err);
			CU_ASSERT_EQUAL(spool_size(s), all.len);
			CU_ASSERT_EQUAL(entries(test_dir()), 0);
			for (int twice = 0; twice < 2; twice++) {
				out.len = 0;
				ASSERT_OK(spool_replay(s, 7, to_buf, &out, &err), &err);
				ASSERT_SPAN(buf_span(&out), all);
			}
			spool_free(s);
		}
	}
	buf_clear(&out);
}

static void test_failures(void)
{
	struct err err = ERR_INIT;
	struct spool *s = NULL;
	int calls = 0;

	ASSERT_OK(spool_new("/nonexistent", 4, &s, &err), &err);
	ASSERT_OK(spool_add(s, SPAN_LIT("1234"), &err), &err);
	ASSERT_FAILS(spool_add(s, SPAN_LIT("5"), &err), RC_IO, &err, "spool.dir /nonexistent");
	spool_free(s);
	ASSERT_OK(spool_new(test_dir(), 4, &s, &err), &err);
	ASSERT_OK(spool_add(s, SPAN_LIT("12345678"), &err), &err);
	ASSERT_FAILS(spool_replay(s, 2, stop_at_second, &calls, &err), RC_IO, &err, "enough");
	calls = -2; /* stops at the fourth piece, which lies in the file */
	ASSERT_FAILS(spool_replay(s, 2, stop_at_second, &calls, &err), RC_IO, &err, "enough");
	spool_free(s);
	CU_ASSERT_PTR_NULL(spool_free(NULL));
}

int main(void)
{
	static const struct test tests[] = {
		{"order, at every bound and piece", test_order_at_every_bound},
		{"failures", test_failures},
	};

	return test_main("spool", tests, COUNT_OF(tests));
}
