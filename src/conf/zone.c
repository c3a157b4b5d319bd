#include "conf/zone.h"

#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/span.h"

/* Far above the largest that there is (RFC 8536 has no bound of its own). */
enum { FILE_MAX = 1 << 20, NAME_MAX_LEN = 100, TYPES_MAX = 256, HEADER_LEN = 44 };
enum { DAY = 86400, HOUR = 3600 };
/* RFC 8536 3.3.1: of an offset, and of the time of a change. */
enum { OFFSET_HOURS = 24, TURN_HOURS = 167 };

static const char system_zone[] = "/etc/localtime";
static const char zone_dir[] = "/usr/share/zoneinfo/";

/* When a year's offset changes: POSIX TZ. */
struct turn {
	enum { TURN_WEEKDAY, TURN_JULIAN, TURN_DAY } kind;
	int month, week,
		day; /* WEEKDAY: 1..12, 1..5 (5: the last), 0..6; JULIAN: 1..365; DAY: 0..365 */
	int32_t second;
};

/* What holds behind the last transition. */
struct forever {
	bool known, summer;
	int32_t standard, daylight; /* seconds east of UTC */
	struct turn begin, end;
};

struct zone {
	const int64_t *at;     /* transitions */
	const int32_t *offset; /* from the transition on */
	size_t n;
	int32_t first; /* before the first one */
	struct forever later;
};

/* --- POSIX TZ: "CET-1CEST,M3.5.0,M10.5.0/3" (RFC 8536 3.3) --------------------------------------- */

static bool take_name(struct span *s)
{
	size_t n = 0;

	if (span_starts(*s, SPAN_LIT("<"))) {
		n = span_find(*s, '>', 0) + 1;
		if (n > s->len)
			return false;
	} else {
		while (n < s->len && is_ascii_alpha(s->p[n]))
			n++;
	}
	*s = span_from(*s, n);
	return n >= 3;
}

static bool take_int(struct span *s, int max, int *ret)
{
	size_t n = 0;
	int v = 0;

	while (n < s->len && n < 4 && is_ascii_digit(s->p[n]))
		v = v * 10 + (s->p[n++] - '0');
	*s = span_from(*s, n);
	*ret = v;
	return n != 0 && v <= max;
}

static bool take(struct span *s, char c)
{
	if (s->len == 0 || s->p[0] != c)
		return false;
	*s = span_from(*s, 1);
	return true;
}

/* "[+-]hh[:mm[:ss]]", not past MAX hours. */
static bool take_time(struct span *s, int max, int32_t *ret)
{
	int sign = take(s, '-') ? -1 : 1, hour, minute = 0, second = 0;

	if (sign == 1)
		take(s, '+');
	if (!take_int(s, max, &hour))
		return false;
	if (take(s, ':')) {
		if (!take_int(s, 59, &minute))
			return false;
		if (take(s, ':') && !take_int(s, 59, &second))
			return false;
	}
	*ret = sign * (hour * HOUR + minute * 60 + second);
	return true;
}

static bool take_day(struct span *s, struct turn *ret)
{
	if (take(s, 'M')) {
		ret->kind = TURN_WEEKDAY;
		return take_int(s, 12, &ret->month) && ret->month >= 1 && take(s, '.') &&
		       take_int(s, 5, &ret->week) && ret->week >= 1 && take(s, '.') &&
		       take_int(s, 6, &ret->day);
	}
	ret->kind = take(s, 'J') ? TURN_JULIAN : TURN_DAY;
	return take_int(s, 365, &ret->day) && (ret->kind == TURN_DAY || ret->day >= 1);
}

static bool take_turn(struct span *s, struct turn *ret)
{
	ret->second = 2 * HOUR;
	if (!take(s, ',') || !take_day(s, ret))
		return false;
	return !take(s, '/') || take_time(s, TURN_HOURS, &ret->second);
}

static bool read_forever(struct span s, struct forever *ret)
{
	int32_t west;

	memset(ret, 0, sizeof(*ret));
	if (!take_name(&s) || !take_time(&s, OFFSET_HOURS, &west))
		return false;
	ret->known = true;
	ret->standard = -west;
	ret->daylight = -west + HOUR;
	if (s.len == 0)
		return true;
	ret->summer = true;
	if (!take_name(&s))
		return false;
	if (s.len != 0 && s.p[0] != ',') {
		if (!take_time(&s, OFFSET_HOURS, &west))
			return false;
		ret->daylight = -west;
	}
	return take_turn(&s, &ret->begin) && take_turn(&s, &ret->end) && s.len == 0;
}

static bool is_leap(int64_t year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Days from 1970-01-01 to YEAR-MONTH-DAY. */
static int64_t days_to(int64_t year, int month, int day)
{
	struct tm tm = {.tm_year = (int)(year - 1900), .tm_mon = month - 1, .tm_mday = day};

	return (int64_t)timegm(&tm) / DAY;
}

static int weekday_of(int64_t days)
{
	return (int)(((days + 4) % 7 + 7) % 7);
}

static int64_t day_of_turn(const struct turn *t, int64_t year)
{
	int64_t first = days_to(year, 1, 1), month, next;

	if (t->kind == TURN_DAY)
		return first + t->day;
	if (t->kind == TURN_JULIAN)
		return first + t->day - 1 + (is_leap(year) && t->day >= 60 ? 1 : 0);
	month = days_to(year, t->month, 1);
	next = t->month == 12 ? days_to(year + 1, 1, 1) : days_to(year, t->month + 1, 1);
	month += (t->day - weekday_of(month) + 7) % 7 + 7 * (t->week - 1);
	return month < next ? month : month - 7;
}

static int32_t offset_forever(const struct forever *f, int64_t when)
{
	struct zone_time t;
	const struct zone standard = {.first = f->standard};
	int64_t begin, end;
	bool summer;

	if (!f->summer)
		return f->standard;
	zone_time(&standard, when, &t);
	begin = day_of_turn(&f->begin, t.year) * DAY + f->begin.second - f->standard;
	end = day_of_turn(&f->end, t.year) * DAY + f->end.second - f->daylight;
	summer = begin < end ? when >= begin && when < end : when >= begin || when < end;
	return summer ? f->daylight : f->standard;
}

/* --- TZif (RFC 8536 3) --------------------------------------------------------------------------- */

struct tzif {
	struct span data; /* what has not been read yet */
	size_t utc, wall, leap, times, types, chars;
};

static uint32_t be32(const char *p)
{
	const unsigned char *u = (const unsigned char *)p;

	return (uint32_t)u[0] << 24 | (uint32_t)u[1] << 16 | (uint32_t)u[2] << 8 | u[3];
}

static int64_t be64(const char *p)
{
	return (int64_t)((uint64_t)be32(p) << 32 | be32(p + 4));
}

/* Its header; what it counts must lie within the data. SIZE: bytes of a time. */
static bool read_header(struct tzif *f, size_t size)
{
	const char *p = f->data.p;

	if (f->data.len < HEADER_LEN || memcmp(p, "TZif", 4) != 0)
		return false;
	f->utc = be32(p + 20);
	f->wall = be32(p + 24);
	f->leap = be32(p + 28);
	f->times = be32(p + 32);
	f->types = be32(p + 36);
	f->chars = be32(p + 40);
	f->data = span_from(f->data, HEADER_LEN);
	if (f->types == 0 || f->types > TYPES_MAX || f->times > FILE_MAX || f->leap > FILE_MAX ||
	    f->chars > FILE_MAX || f->utc > TYPES_MAX || f->wall > TYPES_MAX)
		return false;
	return f->times * (size + 1) + f->types * 6 + f->chars + f->leap * (size + 4) + f->wall +
		       f->utc <=
	       f->data.len;
}

static size_t block_len(const struct tzif *f, size_t size)
{
	return f->times * (size + 1) + f->types * 6 + f->chars + f->leap * (size + 4) + f->wall +
	       f->utc;
}

/* The offset of the INDEX-th type of a version 2 block. */
static bool type_offset(const struct tzif *f, unsigned index, int32_t *ret)
{
	const char *types = f->data.p + f->times * 9;

	if (index >= f->types)
		return false;
	*ret = (int32_t)be32(types + (size_t)index * 6);
	return *ret > -26 * HOUR && *ret < 26 * HOUR;
}

/* RC_OK, RC_INPUT or RC_NOMEM. */
static enum rc read_times(const struct tzif *f, struct arena *arena, struct zone *z)
{
	int64_t *at = arena_calloc(arena, f->times + 1, sizeof(*at));
	int32_t *offset = arena_calloc(arena, f->times + 1, sizeof(*offset));
	const unsigned char *index = (const unsigned char *)f->data.p + f->times * 8;

	if (at == NULL || offset == NULL)
		return RC_NOMEM;
	if (!type_offset(f, 0, &z->first))
		return RC_INPUT;
	for (size_t i = 0; i < f->times; i++) {
		at[i] = be64(f->data.p + i * 8);
		if (!type_offset(f, index[i], &offset[i]) || (i > 0 && at[i] <= at[i - 1]))
			return RC_INPUT;
	}
	z->at = at;
	z->offset = offset;
	z->n = f->times;
	return RC_OK;
}

/* "\n", a rule or nothing, "\n": without the second one it was cut, and may say another rule. */
static bool read_footer(struct span footer, struct forever *ret)
{
	size_t end;

	if (!take(&footer, '\n'))
		return false;
	end = span_find(footer, '\n', 0);
	if (end == footer.len)
		return false;
	return end == 0 || read_forever(span_sub(footer, 0, end), ret);
}

/* RC_OK, RC_INPUT or RC_NOMEM. */
static enum rc parse(struct span data, struct arena *arena, struct zone *z)
{
	struct tzif f = {.data = data};
	enum rc rc;

	/* Version 1 has 32-bit times and is there for old readers. */
	if (data.len < HEADER_LEN || data.p[4] < '2' || !read_header(&f, 4))
		return RC_INPUT;
	f.data = span_from(f.data, block_len(&f, 4));
	if (!read_header(&f, 8))
		return RC_INPUT;
	rc = read_times(&f, arena, z);
	if (rc != RC_OK)
		return rc;
	return read_footer(span_from(f.data, block_len(&f, 8)), &z->later) ? RC_OK : RC_INPUT;
}

static bool is_good_name(const char *name)
{
	struct span rest = span_str(name), part;

	if (*name == '\0' || rest.len > NAME_MAX_LEN)
		return false;
	while (span_split(&rest, '/', &part)) {
		if (part.len == 0 || part.p[0] == '.')
			return false;
		for (size_t i = 0; i < part.len; i++)
			if (!is_ascii_alpha(part.p[i]) && !is_ascii_digit(part.p[i]) &&
			    strchr("_+-", part.p[i]) == NULL)
				return false;
	}
	return true;
}

static enum rc read_file(const char *path, struct arena *arena, struct zone *z, struct err *err)
{
	struct buf data;
	enum rc rc;

	buf_init(&data, FILE_MAX);
	rc = file_read(path, &data, err);
	if (rc == RC_OK) {
		rc = parse(buf_span(&data), arena, z);
		if (rc == RC_NOMEM)
			err_set(err, rc, "out of memory (time zone)");
		else if (rc != RC_OK)
			err_set(err, rc, "%s is no file of a time zone (TZif version 2)", path);
	}
	buf_clear(&data);
	return rc;
}

enum rc zone_read(const char *name, struct arena *arena, const struct zone **ret, struct err *err)
{
	char path[sizeof(zone_dir) + NAME_MAX_LEN] = "";
	struct zone *z = arena_alloc(arena, sizeof(*z));
	enum rc rc;

	if (z == NULL)
		return err_set(err, RC_NOMEM, "out of memory (time zone)");
	if (*name != '\0' && !is_good_name(name))
		return err_set(err, RC_INPUT, "\"%.60s\" is no name of a time zone", name);
	strcpy(path, *name == '\0' ? system_zone : zone_dir);
	strcat(path, name);
	rc = read_file(path, arena, z, err);
	if (rc == RC_NOTFOUND && *name == '\0')
		rc = RC_OK; /* UTC, as the C library has it */
	if (rc == RC_OK)
		*ret = z;
	return rc;
}

/* --- asking ------------------------------------------------------------------------------------- */

int32_t zone_offset(const struct zone *z, int64_t when)
{
	size_t low = 0, high = z->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (z->at[middle] <= when)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == z->n && z->later.known)
		return offset_forever(&z->later, when);
	return low == 0 ? z->first : z->offset[low - 1];
}

void zone_time(const struct zone *z, int64_t when, struct zone_time *ret)
{
	time_t local = (time_t)(when + zone_offset(z, when));
	struct tm tm = {.tm_mday = 1};

	(void)gmtime_r(&local, &tm);
	*ret = (struct zone_time){.year = (int64_t)tm.tm_year + 1900,
				  .month = tm.tm_mon + 1,
				  .day = tm.tm_mday,
				  .weekday = tm.tm_wday,
				  .second_of_day = tm.tm_hour * HOUR + tm.tm_min * 60 + tm.tm_sec};
}

int64_t zone_instant(const struct zone *z, int64_t civil)
{
	int64_t before = civil - zone_offset(z, civil - DAY),
		after = civil - zone_offset(z, civil + DAY);
	int64_t early = before < after ? before : after, late = before < after ? after : before;

	if (early + zone_offset(z, early) == civil)
		return early;
	return late + zone_offset(z, late) == civil ? late : before;
}
