/* The base: sizes, times, and the nearest known word. */
#include <inttypes.h>
#include <stdint.h>
#include <string.h>

#include "base/spell.h"
#include "base/units.h"
#include "test.h"

struct number_row {
	const char *text;
	enum rc rc;
	int64_t value;
};

typedef enum rc read_fn(struct span text, int64_t *ret, struct err *err);

static void check_numbers(read_fn *read, const struct number_row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct err err = ERR_INIT;
		int64_t got = -77;

		ROW(rows[i].text);
		if (rows[i].rc == RC_OK) {
			ASSERT_OK(read(span_str(rows[i].text), &got, &err), &err);
			CU_ASSERT_EQUAL(got, rows[i].value);
		} else {
			ASSERT_FAILS(read(span_str(rows[i].text), &got, &err), rows[i].rc, &err,
				     rows[i].text);
			CU_ASSERT_EQUAL(got, -77);
		}
	}
	ROW("");
}

static void test_sizes_are_read(void)
{
	static const struct number_row rows[] = {
		{"0", RC_OK, 0},
		{"007", RC_OK, 7},
		{"1536", RC_OK, 1536},
		{"25B", RC_OK, 25},
		{"500kB", RC_OK, 500000},
		{"500KB", RC_OK, 500000},
		{"25MB", RC_OK, 25000000},
		{"3GB", RC_OK, 3000000000},
		{"1KiB", RC_OK, 1024},
		{"25MiB", RC_OK, 26214400},
		{"2GiB", RC_OK, 2147483648},
		{"9223372036854775807", RC_OK, INT64_MAX},
		{"9223372036854775808", RC_LIMIT, 0},
		{"9223372036854775809MB", RC_LIMIT, 0},
		{"8589934592GiB", RC_LIMIT, 0},
		{"8589934591GiB", RC_OK, INT64_MAX - ((1 << 30) - 1)},
		{"", RC_INPUT, 0},
		{"MB", RC_INPUT, 0},
		{"-1", RC_INPUT, 0},
		{"+1", RC_INPUT, 0},
		{" 1", RC_INPUT, 0},
		{"1 MB", RC_INPUT, 0},
		{"1.5MB", RC_INPUT, 0},
		{"1mb", RC_INPUT, 0},
		{"1M", RC_INPUT, 0},
		{"1TB", RC_INPUT, 0},
		{"1MBx", RC_INPUT, 0},
		{"0x10", RC_INPUT, 0},
	};

	check_numbers(units_size, rows, COUNT_OF(rows));
}

static void test_durations_are_read(void)
{
	static const struct number_row rows[] = {
		{"0", RC_OK, 0},
		{"0s", RC_OK, 0},
		{"30s", RC_OK, 30},
		{"5m", RC_OK, 300},
		{"6h", RC_OK, 21600},
		{"90d", RC_OK, 7776000},
		{"2w", RC_OK, 1209600},
		{"1h30m", RC_OK, 5400},
		{"1w2d3h4m5s", RC_OK, 788645},
		{"9223372036854775807s", RC_OK, INT64_MAX},
		{"9223372036854775808s", RC_LIMIT, 0},
		{"15250284452472w", RC_LIMIT, 0},
		{"106751991167300d15h30m8s", RC_LIMIT, 0},
		{"106751991167300d15h30m7s", RC_OK, INT64_MAX},
		{"", RC_INPUT, 0},
		{"30", RC_INPUT, 0},
		{"00", RC_INPUT, 0},
		{"s", RC_INPUT, 0},
		{"1h30", RC_INPUT, 0},
		{"30m1h", RC_INPUT, 0},
		{"1m1m", RC_INPUT, 0},
		{"-5m", RC_INPUT, 0},
		{"1.5h", RC_INPUT, 0},
		{"1 h", RC_INPUT, 0},
		{"1y", RC_INPUT, 0},
		{"5M", RC_INPUT, 0},
		{"5min", RC_INPUT, 0},
	};

	check_numbers(units_duration, rows, COUNT_OF(rows));
}

struct show_row {
	int64_t value;
	const char *text;
};

typedef enum rc show_fn(int64_t value, struct buf *out, struct err *err);

static void check_shown(show_fn *show, read_fn *read, const struct show_row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct err err = ERR_INIT;
		int64_t back = -77;
		struct buf out;

		ROW(rows[i].text);
		buf_init(&out, 100);
		ASSERT_OK(show(rows[i].value, &out, &err), &err);
		ASSERT_STR(buf_cstr(&out), rows[i].text);
		if (read != NULL && rows[i].value >= 0) {
			ASSERT_OK(read(buf_span(&out), &back, &err), &err);
			CU_ASSERT_EQUAL(back, rows[i].value);
		}
		buf_clear(&out);
	}
	ROW("");
}

static void test_numbers_are_shown_exactly(void)
{
	static const struct show_row durations[] = {
		{0, "0"},
		{1, "1s"},
		{90, "1m30s"},
		{3600, "1h"},
		{5184000, "60d"},
		{1209600, "14d"},
		{86401, "1d1s"},
		{-90, "-1m30s"},
		{INT64_MAX, "106751991167300d15h30m7s"},
		{INT64_MIN, "-106751991167300d15h30m8s"},
	};
	static const struct show_row sizes[] = {
		{0, "0B"},
		{1, "1B"},
		{1000, "1kB"},
		{1024, "1KiB"},
		{1536, "1536B"},
		{1000000, "1MB"},
		{26214400, "25MiB"},
		{3000000000, "3GB"},
		{(int64_t)4 << 30, "4GiB"},
		{INT64_MAX, "9223372036854775807B"},
	};
	static const struct show_row times_of_day[] = {
		{0, "1970-01-01T00:00:00Z"},
		{1795521600, "2026-11-24T12:00:00Z"},
		{-1, "1969-12-31T23:59:59Z"},
		{253402300799, "9999-12-31T23:59:59Z"},
	};

	check_shown(units_show_duration, units_duration, durations, COUNT_OF(durations));
	check_shown(units_show_size, units_size, sizes, COUNT_OF(sizes));
	check_shown(units_show_time, NULL, times_of_day, COUNT_OF(times_of_day));
}

static void test_what_cannot_be_shown_leaves_the_buffer_alone(void)
{
	struct err err = ERR_INIT;
	struct buf out;

	buf_init(&out, 4);
	ASSERT_OK(buf_adds(&out, "a", &err), &err);
	ASSERT_FAILS(units_show_duration(86400 + 3600, &out, &err), RC_LIMIT, &err, "4 bytes");
	ASSERT_FAILS(units_show_size(100000, &out, &err), RC_LIMIT, &err, "4 bytes");
	ASSERT_FAILS(units_show_time(253402300800, &out, &err), RC_INPUT, &err, "253402300800");
	ASSERT_FAILS(units_show_time(INT64_MAX, &out, &err), RC_INPUT, &err, "9999");
	ASSERT_STR(buf_cstr(&out), "a");
	buf_clear(&out);
}

static void test_the_nearest_word(void)
{
	static const char *const words[] = {"selector",	 "domain", "sign_domain", "log",
					    "algorithm", "key",	   "keys"};
	static const struct {
		const char *word;
		const char *want; /* NULL: none is near */
	} rows[] = {
		{"selector", "selector"},
		{"slector", "selector"},
		{"selectorr", "selector"},
		{"seelctor", "selector"},
		{"SELECTER", "selector"},
		{"sign-domain", "sign_domain"},
		{"sgn-domian", "sign_domain"},
		{"algoritm", "algorithm"},
		{"algrthm", "algorithm"},
		{"algrth", NULL},
		{"selecttttor", NULL},
		{"lgo", "log"},
		{"kez", "key"},
		{"lo", NULL},
		{"xy", NULL},
		{"", NULL},
		{"domains_of_ours", NULL},
	};
	char big[66];

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const char *got = spell_nearest(span_str(rows[i].word), words, COUNT_OF(words));

		ROW(rows[i].word);
		ASSERT_STR(got != NULL ? got : "(none)",
			   rows[i].want != NULL ? rows[i].want : "(none)");
	}
	ROW("long words");
	memset(big, 'a', sizeof(big));
	big[64] = '\0';
	CU_ASSERT_PTR_EQUAL(spell_nearest(span_of(big, 63), (const char *[]){big}, 1), big);
	CU_ASSERT_PTR_NULL(spell_nearest(span_of(big, 65), (const char *[]){big}, 1));
	CU_ASSERT_PTR_NULL(spell_nearest(SPAN_LIT("key"), NULL, 0));
	ROW("");
}

int main(void)
{
	static const struct test tests[] = {
		{"sizes are read", test_sizes_are_read},
		{"durations are read", test_durations_are_read},
		{"numbers are shown exactly", test_numbers_are_shown_exactly},
		{"what cannot be shown leaves the buffer alone",
		 test_what_cannot_be_shown_leaves_the_buffer_alone},
		{"the nearest word", test_the_nearest_word},
	};

	return test_main("base-text", tests, COUNT_OF(tests));
}
