#include "base/units.h"

#include <inttypes.h>
#include <stdbool.h>
#include <time.h>

struct unit {
	const char *name;
	int64_t factor;
};

/* Largest first: the first one that divides a number exactly gives the shortest form. */
static const struct unit sizes[] = {
	{"GiB", (int64_t)1 << 30},
	{"GB", 1000000000},
	{"MiB", (int64_t)1 << 20},
	{"MB", 1000000},
	{"KiB", 1 << 10},
	{"kB", 1000},
	{"KB", 1000},
	{"B", 1},
};

static const struct unit times[] = {
	{"w", 604800}, {"d", 86400}, {"h", 3600}, {"m", 60}, {"s", 1},
};

enum { TIMES_DAY = 1 }; /* where days stand in times[] */

/* Digits at the start of *REST, which is moved behind them. RC_INPUT: there are none. */
static enum rc take_number(struct span *rest, int64_t *ret)
{
	int64_t value = 0;
	size_t i = 0;

	for (; i < rest->len && is_ascii_digit(rest->p[i]); i++) {
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, rest->p[i] - '0', &value))
			return RC_LIMIT;
	}
	if (i == 0)
		return RC_INPUT;
	*rest = span_from(*rest, i);
	*ret = value;
	return RC_OK;
}

static enum rc bad_size(enum rc rc, struct span text, struct err *err)
{
	if (rc == RC_LIMIT)
		return err_set(err, rc, "'%.*s' is too large a size", SPAN_ARG(text));
	return err_set(err, rc,
		       "'%.*s' is no size: write a whole number and a unit without a space, such "
		       "as 500kB, 25MB, 25MiB or 1GB",
		       SPAN_ARG(text));
}

enum rc units_size(struct span text, int64_t *ret_bytes, struct err *err)
{
	struct span rest = text;
	int64_t value;
	enum rc rc = take_number(&rest, &value);

	if (rc != RC_OK)
		return bad_size(rc, text, err);
	if (rest.len == 0) {
		*ret_bytes = value;
		return RC_OK;
	}
	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		if (!span_eq_str(rest, sizes[i].name))
			continue;
		if (__builtin_mul_overflow(value, sizes[i].factor, &value))
			return bad_size(RC_LIMIT, text, err);
		*ret_bytes = value;
		return RC_OK;
	}
	return bad_size(RC_INPUT, text, err);
}

static enum rc bad_duration(enum rc rc, struct span text, struct err *err)
{
	if (rc == RC_LIMIT)
		return err_set(err, rc, "'%.*s' is too long a time", SPAN_ARG(text));
	return err_set(
		err, rc,
		"'%.*s' is no time: write whole numbers with the units w, d, h, m and s, the "
		"larger unit first, such as 30s, 90d or 1h30m",
		SPAN_ARG(text));
}

/* One number with its unit, added to *SUM. *NEXT is the first unit that may still come. */
static enum rc take_part(struct span *rest, size_t *next, int64_t *sum)
{
	int64_t value;
	enum rc rc = take_number(rest, &value);

	if (rc != RC_OK)
		return rc;
	for (size_t i = *next; i < COUNT_OF(times) && rest->len > 0; i++) {
		if (rest->p[0] != times[i].name[0])
			continue;
		if (__builtin_mul_overflow(value, times[i].factor, &value) ||
		    __builtin_add_overflow(*sum, value, sum))
			return RC_LIMIT;
		*rest = span_from(*rest, 1);
		*next = i + 1;
		return RC_OK;
	}
	return RC_INPUT;
}

enum rc units_duration(struct span text, int64_t *ret_seconds, struct err *err)
{
	struct span rest = text;
	size_t next = 0;
	int64_t sum = 0;

	if (span_eq_str(text, "0")) {
		*ret_seconds = 0;
		return RC_OK;
	}
	do {
		enum rc rc = take_part(&rest, &next, &sum);

		if (rc != RC_OK)
			return bad_duration(rc, text, err);
	} while (rest.len > 0);
	*ret_seconds = sum;
	return RC_OK;
}

enum rc units_show_duration(int64_t seconds, struct buf *out, struct err *err)
{
	size_t start = out->len;
	/* Unsigned, so that INT64_MIN has a magnitude. */
	uint64_t rest = seconds < 0 ? -(uint64_t)seconds : (uint64_t)seconds;
	enum rc rc = seconds < 0 ? buf_addc(out, '-', err) : RC_OK;

	if (seconds == 0)
		return buf_addc(out, '0', err);
	for (size_t i = TIMES_DAY; i < COUNT_OF(times) && rc == RC_OK; i++) {
		uint64_t factor = (uint64_t)times[i].factor;

		if (rest >= factor)
			rc = buf_addf(out, err, "%" PRIu64 "%s", rest / factor, times[i].name);
		rest %= factor;
	}
	if (rc != RC_OK)
		out->len = start;
	return rc;
}

enum rc units_show_size(int64_t bytes, struct buf *out, struct err *err)
{
	size_t i = 0;

	while (bytes == 0 ? sizes[i].factor != 1 : bytes % sizes[i].factor != 0)
		i++;
	return buf_addf(out, err, "%" PRId64 "%s", bytes / sizes[i].factor, sizes[i].name);
}

enum rc units_show_time(int64_t when, struct buf *out, struct err *err)
{
	time_t t = (time_t)when;
	struct tm tm;

	if (gmtime_r(&t, &tm) == NULL || tm.tm_year < -1900 || tm.tm_year > 8099)
		return err_set(err, RC_INPUT, "%" PRId64 " is no time between the years 0 and 9999",
			       when);
	return buf_addf(out, err, "%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year + 1900,
			tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
}
