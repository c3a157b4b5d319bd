/* Time zones: every zone of this machine as Python reads it, POSIX rules as the C library reads them, and files that are
 * cut, bent or made to harm. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "conf/zone.h"
#include "test.h"

static struct arena *arena;

/* --- where files come from ----------------------------------------------------------------------- */

/* What a zone's file is taken to hold: BYTES, or another PATH, or (neither) what the machine has. RC: the reading fails. */
static struct {
	struct span bytes;
	const char *path;
	enum rc rc;
	char asked[300]; /* the last path that was asked for; "" none */
} files;

enum rc __real_file_read(const char *path, struct buf *out, struct err *err);
enum rc __wrap_file_read(const char *path, struct buf *out, struct err *err);

enum rc __wrap_file_read(const char *path, struct buf *out, struct err *err)
{
	snprintf(files.asked, sizeof(files.asked), "%s", path);
	if (files.rc != RC_OK)
		return err_set(err, files.rc, "%s: so it is", path);
	if (files.bytes.p != NULL)
		return buf_add(out, files.bytes, err);
	return __real_file_read(files.path != NULL ? files.path : path, out, err);
}

static void from_machine(void)
{
	memset(&files, 0, sizeof(files));
}

static enum rc read_bytes(struct span bytes, const struct zone **ret, struct err *err)
{
	enum rc rc;

	files.bytes = bytes;
	rc = zone_read("Any/Name", arena, ret, err);
	from_machine();
	return rc;
}

/* --- files made here (RFC 8536 3) ---------------------------------------------------------------- */

struct tz_file {
	char version;
	uint32_t counts[6]; /* utc, wall, leap, times, types, chars: of both headers */
	const int64_t *times;
	const unsigned char *indexes;
	const int32_t *offsets;
	const char *footer; /* with its line ends */
};

static void put(struct buf *out, const void *p, size_t n)
{
	CU_ASSERT_EQUAL(buf_add(out, span_of(p, n), NULL), RC_OK);
}

static void put_number(struct buf *out, uint64_t v, int bytes)
{
	while (bytes-- > 0) {
		char c = (char)(v >> (8 * bytes));

		put(out, &c, 1);
	}
}

static void put_header(struct buf *out, const struct tz_file *f, const uint32_t counts[6])
{
	static const char zeros[15] = "";

	put(out, "TZif", 4);
	put(out, &f->version, 1);
	put(out, zeros, sizeof(zeros));
	for (int i = 0; i < 6; i++)
		put_number(out, counts[i], 4);
}

/* The old block is the smallest that there can be. */
static void make_file(struct buf *out, const struct tz_file *f)
{
	static const uint32_t least[6] = {0, 0, 0, 0, 1, 1};
	const uint32_t *n = f->counts;

	out->len = 0;
	put_header(out, f, least);
	put(out, "\0\0\0\0\0\0\0", 7);
	put_header(out, f, n);
	for (uint32_t i = 0; i < n[3]; i++)
		put_number(out, (uint64_t)f->times[i], 8);
	put(out, f->indexes, n[3]);
	for (uint32_t i = 0; i < n[4]; i++) {
		put_number(out, (uint32_t)f->offsets[i], 4);
		put_number(out, 0, 2);
	}
	for (uint32_t i = 0; i < n[5]; i++)
		put_number(out, 0, 1);
	put(out, f->footer, strlen(f->footer));
}

/* A zone that has nothing but FOOTER. */
static enum rc read_footer(const char *footer, const struct zone **ret, struct err *err)
{
	static const int32_t utc[] = {0};
	struct tz_file f = {.version = '2', .counts = {0, 0, 0, 0, 1, 1}, .offsets = utc};
	char text[200];
	struct buf out;
	enum rc rc;

	snprintf(text, sizeof(text), "\n%s\n", footer);
	f.footer = text;
	buf_init(&out, 10000);
	make_file(&out, &f);
	rc = read_bytes(buf_span(&out), ret, err);
	buf_clear(&out);
	return rc;
}

/* --- as Python reads them ------------------------------------------------------------------------ */

/* For each zone: instants, at random and around changes, with what the clock shows; and what the clock shows, with the
 * instant of it (fold=0: PEP 495 says what this module's header says). */
static const char teller[] =
	"import random, sys, zoneinfo\n"
	"from datetime import datetime, timedelta, timezone\n"
	"random.seed(1)\n"
	"epoch = datetime(1970, 1, 1, tzinfo=timezone.utc)\n"
	"day = 86400\n"
	"said = []\n"
	"def say(*words):\n"
	"    said.append(' '.join(str(w) for w in words))\n"
	"def show(tz, t):\n"
	"    d = (epoch + timedelta(seconds=t)).astimezone(tz)\n"
	"    off = d.utcoffset()\n"
	"    s = d.hour * 3600 + d.minute * 60 + d.second\n"
	"    say('i', t, off.days * day + off.seconds, d.year, d.month, d.day,\n"
	"        (d.weekday() + 1) % 7, s)\n"
	"def civil(tz, c):\n"
	"    d = (epoch + timedelta(seconds=c)).replace(tzinfo=tz)\n"
	"    say('c', c, round((d - epoch).total_seconds()), 0, 0, 0, 0, 0)\n"
	"def offset(tz, t):\n"
	"    o = (epoch + timedelta(seconds=t)).astimezone(tz).utcoffset()\n"
	"    return o.days * day + o.seconds\n"
	"for name in sorted(zoneinfo.available_timezones()):\n"
	"    tz = zoneinfo.ZoneInfo(name)\n"
	"    say('z', name)\n"
	"    for low, high, n in ((-62000000000, 0, 10), (-3000000000, 4000000000, 30),\n"
	"                         (4000000000, 253000000000, 15)):\n"
	"        for k in range(n):\n"
	"            t = random.randrange(low, high)\n"
	"            show(tz, t)\n"
	"            civil(tz, t)\n"
	"    marks = list(range(-2900000000, 0, 90 * day)) + list(range(0, 2300000000, 20 * day))\n"
	"    marks += list(range(90000000000, 90070000000, 20 * day))\n"
	"    shown = [offset(tz, t) for t in marks]\n"
	"    turns = [i for i in range(1, len(marks)) if shown[i] != shown[i - 1]]\n"
	"    for i in random.sample(turns, min(len(turns), 12)):\n"
	"        low, high = marks[i - 1], marks[i]\n"
	"        while high - low > 1:\n"
	"            middle = (low + high) // 2\n"
	"            if offset(tz, middle) == shown[i - 1]: low = middle\n"
	"            else: high = middle\n"
	"        for t in (low - 1, low, high, high + 1, high + 3599):\n"
	"            show(tz, t)\n"
	"            for o in (offset(tz, low), offset(tz, high)):\n"
	"                civil(tz, t + o)\n"
	"        for k in range(6):\n"
	"            civil(tz, high + offset(tz, low) + random.randrange(-90000, 90000))\n"
	"sys.stdout.write('\\n'.join(said) + '\\n')\n";

static bool same_time(const struct zone_time *t, const struct zone_time *o)
{
	return t->year == o->year && t->month == o->month && t->day == o->day &&
	       t->weekday == o->weekday && t->second_of_day == o->second_of_day;
}

/* A line of Python's: is it what Z says? */
static bool agrees(const struct zone *z, const char *line)
{
	struct zone_time want, got;
	char kind;
	long long when, value;
	int year;

	if (sscanf(line, "%c %lld %lld %d %d %d %d %d", &kind, &when, &value, &year, &want.month,
		   &want.day, &want.weekday, &want.second_of_day) != 8)
		return false;
	if (kind == 'c')
		return zone_instant(z, when) == value;
	want.year = year;
	zone_time(z, when, &got);
	return zone_offset(z, when) == value && same_time(&got, &want);
}

static void test_python(void)
{
	FILE *script = fopen(test_path("teller.py"), "we"), *said;
	const struct zone *z = NULL;
	size_t zones = 0, lines = 0, wrong = 0;
	struct err err = ERR_INIT;
	char command[600], line[300], name[100] = "";

	CU_ASSERT_PTR_NOT_NULL_FATAL(script);
	CU_ASSERT_TRUE(fputs(teller, script) >= 0);
	CU_ASSERT_EQUAL(fclose(script), 0);
	snprintf(command, sizeof(command), "PYTHONTZPATH=/usr/share/zoneinfo python3 %s",
		 test_path("teller.py"));
	said = popen(command, "re");
	CU_ASSERT_PTR_NOT_NULL_FATAL(said);
	while (fgets(line, sizeof(line), said) != NULL) {
		if (sscanf(line, "z %99s", name) == 1) {
			arena_reset(arena);
			zones += ASSERT_OK(zone_read(name, arena, &z, &err), &err);
			continue;
		}
		lines++;
		if (z == NULL || agrees(z, line))
			continue;
		if (wrong++ < 20)
			fprintf(stderr, "%s: Python has %s", name, line);
	}
	CU_ASSERT_EQUAL(pclose(said), 0);
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT_TRUE(zones > 300 && lines > 100 * zones);
}

/* --- as the C library reads rules ---------------------------------------------------------------- */

static long libc_offset(int64_t when)
{
	time_t t = (time_t)when;
	struct tm tm;

	CU_ASSERT_PTR_NOT_NULL_FATAL(localtime_r(&t, &tm));
	return tm.tm_gmtoff;
}

static void set_libc(const char *tz)
{
	CU_ASSERT_EQUAL(setenv("TZ", tz, 1), 0);
	tzset();
}

/* The instant between LOW and HIGH (offsets differ there) at which the C library's offset changes. */
static int64_t find_turn(int64_t low, int64_t high)
{
	long before = libc_offset(low);

	while (high - low > 1) {
		int64_t middle = low + (high - low) / 2;

		if (libc_offset(middle) == before)
			low = middle;
		else
			high = middle;
	}
	return high;
}

/* A year of Z and of the C library, day by day and around each change. */
static size_t compare_year(const struct zone *z, int64_t start)
{
	size_t wrong = 0;

	for (int64_t t = start; t < start + 366 * 86400; t += 86400) {
		int64_t turn;

		wrong += zone_offset(z, t) != libc_offset(t);
		if (libc_offset(t) == libc_offset(t + 86400))
			continue;
		turn = find_turn(t, t + 86400);
		for (int64_t at = turn - 1; at <= turn + 1; at++)
			wrong += zone_offset(z, at) != libc_offset(at);
	}
	return wrong;
}

static size_t compare_rule(const char *rule)
{
	static const int64_t years[] = {0,	    951782400,	 1750000000,
					4100000000, 95000000000, 1234567890123};
	const struct zone *z;
	struct err err = ERR_INIT;
	size_t wrong = 0;

	arena_reset(arena);
	if (!ASSERT_OK(read_footer(rule, &z, &err), &err))
		return 1;
	set_libc(rule);
	for (size_t i = 0; i < COUNT_OF(years); i++)
		wrong += compare_year(z, years[i] + test_random(366 * 86400));
	return wrong;
}

static const char *const rules[] = {
	"UTC0",
	"<+0330>-3:30",
	"<-12>12",
	"ABC-1:02:03",
	"CET-1CEST,M3.5.0,M10.5.0/3",
	"NZST-12NZDT,M9.5.0,M4.1.0/3",
	"IST-1GMT0,M10.5.0,M3.5.0/1",
	"<-02>2<-01>,M3.5.0/-1,M10.5.0/0",
	"EET-2EEST,M3.4.4/50,M10.4.4/50",
	"<+1030>-10:30<+11>-11,M10.1.0,M4.1.0",
	"AAA8BBB,J60/0,J300",
	"AAA8BBB,59/0,300",
	"AAA8BBB,60/24,299/-3:30",
	"AAA8BBB7:15,M2.1.1/2:30:15,M11.4.6",
	"AAA+5BBB+4,M4.2.3/+1,M9.3.5/+167",
	"AAA-9BBB,J90/-167,J250/167",
};

static void test_rules(void)
{
	for (size_t i = 0; i < COUNT_OF(rules); i++) {
		ROW(rules[i]);
		CU_ASSERT_EQUAL(compare_rule(rules[i]), 0);
		if (compare_rule(rules[i]) != 0)
			fprintf(stderr, "%s differs from the C library's\n", rules[i]);
	}
	ROW("");
}

/* Days from spring to autumn: the C library takes the year of UTC, which is another one for hours around New Year. */
static void random_day(char *to, size_t size, unsigned month)
{
	switch (test_random(3)) {
	case 0:
		snprintf(to, size, "M%u.%u.%u", month, 1 + test_random(5), test_random(7));
		break;
	case 1:
		snprintf(to, size, "J%u", (month - 1) * 30 + 1 + test_random(28));
		break;
	default:
		snprintf(to, size, "%u", (month - 1) * 30 + 1 + test_random(28));
	}
}

static void random_rule(char *to, size_t size)
{
	char days[2][20], times[2][20];
	unsigned months[2] = {2 + test_random(4), 7 + test_random(5)}, first = test_random(2);
	int west = (int)test_random(24) - 12;

	for (int i = 0; i < 2; i++) {
		random_day(days[i], sizeof(days[i]), months[i ^ (int)first]);
		times[i][0] = '\0';
		if (test_random(3) > 0)
			snprintf(times[i], sizeof(times[i]), "/%d:%02u:%02u",
				 (int)test_random(100) - 40, test_random(60), test_random(60));
	}
	snprintf(to, size, "<x%02u>%d:%02u<y%02u>%d,%s%s,%s%s", test_random(100), west,
		 test_random(60), test_random(100), west - 1 + (int)test_random(3), days[0],
		 times[0], days[1], times[1]);
}

static void test_random_rules(void)
{
	size_t wrong = 0;

	for (unsigned i = 0; i < 150 && wrong == 0; i++) {
		char rule[200];

		random_rule(rule, sizeof(rule));
		wrong += compare_rule(rule);
		if (wrong != 0)
			fprintf(stderr, "%s differs from the C library's\n", rule);
	}
	CU_ASSERT_EQUAL(wrong, 0);
}

/* RFC 8536 3.3.1: summer all year, at every second around New Year too. */
static void test_all_year(void)
{
	static const struct {
		const char *rule;
		int32_t offset;
	} rows[] = {{"EST5EDT,0/0,J365/25", -4 * 3600},
		    {"XXX-2<+01>-1,0/0,J365/23", 3600},
		    {"AAA-11BBB,J1/0,J365/25", 12 * 3600}};
	static const int64_t new_years[] = {1735689600, 1767225600, 4102444800, 1704067200};
	const struct zone *z;
	struct err err = ERR_INIT;

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		size_t wrong = 0;

		ROW(rows[i].rule);
		arena_reset(arena);
		ASSERT_OK(read_footer(rows[i].rule, &z, &err), &err);
		for (size_t k = 0; k < COUNT_OF(new_years); k++)
			for (int64_t t = -86400; t < 86400; t += 1 + test_random(20))
				wrong += zone_offset(z, new_years[k] + t) != rows[i].offset;
		CU_ASSERT_EQUAL(wrong, 0);
	}
	ROW("");
}

static void test_bad_rules(void)
{
	static const char *const bad[] = {
		"A",
		"AB3",
		"AAA",
		"3",
		"<AAA3",
		"<>3",
		"AAA3BBB",
		"AAA3BBB,",
		"AAA3BBB,M3.2.0",
		"AAA3BBB,M3.2.0,",
		"AAA3BBB,M3.2.0,M11",
		"AAA3BBB,M3.2,M11.1.0",
		"AAA3BBB,M0.2.0,M11.1.0",
		"AAA3BBB,M13.2.0,M11.1.0",
		"AAA3BBB,M3.0.0,M11.1.0",
		"AAA3BBB,M3.6.0,M11.1.0",
		"AAA3BBB,M3.1.7,M11.1.0",
		"AAA3BBB,J0,J300",
		"AAA3BBB,J366,J300",
		"AAA3BBB,366,300",
		"AAA3BBB,-1,300",
		"AAA3BBB,M3.2.0/168,M11.1.0",
		"AAA3BBB,M3.2.0/2:60,M11.1.0",
		"AAA3BBB,M3.2.0/2:00:60,M11.1.0",
		"AAA3BBB,M3.2.0/,M11.1.0",
		"AAA3BBB,M3.2.0,M11.1.0/2 ",
		"AAA3BBB,M3.2.0,M11.1.0,M11.1.0",
		"AAA3:60",
		"AAA30",
		"AAA-30",
		"AAA3BBB30,M3.2.0,M11.1.0",
		"AAA3000000000",
		"AAA3 ",
		"AAA 3",
		"AAA3BBB,M99999999993.2.0,M11.1.0",
		"\xc3\x9c\xc3\x9c\xc3\x9c-3",
	};
	struct err err = ERR_INIT;
	const struct zone *z;

	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		ROW(bad[i]);
		arena_reset(arena);
		ASSERT_FAILS(read_footer(bad[i], &z, &err), RC_INPUT, &err,
			     "is no file of a time zone");
	}
	ROW("");
}

/* --- transitions --------------------------------------------------------------------------------- */

static const int64_t some_times[] = {-1000, 0, 500, 1000};
static const unsigned char some_indexes[] = {1, 2, 0, 1};
static const int32_t some_offsets[] = {100, 200, 300};

static const struct tz_file good_file = {.version = '2',
					 .counts = {0, 0, 0, 4, 3, 1},
					 .times = some_times,
					 .indexes = some_indexes,
					 .offsets = some_offsets,
					 .footer = "\n\n"};

/* RFC 8536 3.2: before the first transition the first type holds, behind the last one the last, where no rule follows. */
static void test_transitions(void)
{
	static const struct {
		int64_t when;
		int32_t bare, ruled;
	} rows[] = {{INT64_MIN / 4, 100, 100},
		    {-1001, 100, 100},
		    {-1000, 200, 200},
		    {-1, 200, 200},
		    {0, 300, 300},
		    {499, 300, 300},
		    {500, 100, 100},
		    {999, 100, 100},
		    {1000, 200, 7200},
		    {100000, 200, 7200}};
	struct tz_file ruled = good_file;
	const struct zone *z = NULL, *r = NULL;
	struct err err = ERR_INIT;
	struct buf out;

	arena_reset(arena);
	buf_init(&out, 10000);
	make_file(&out, &good_file);
	ASSERT_OK(read_bytes(buf_span(&out), &z, &err), &err);
	ruled.footer = "\nAAA-2\n";
	ruled.version = '3';
	make_file(&out, &ruled);
	ASSERT_OK(read_bytes(buf_span(&out), &r, &err), &err);
	for (size_t i = 0; i < COUNT_OF(rows) && z != NULL && r != NULL; i++) {
		CU_ASSERT_EQUAL(zone_offset(z, rows[i].when), rows[i].bare);
		CU_ASSERT_EQUAL(zone_offset(r, rows[i].when), rows[i].ruled);
	}
	buf_clear(&out);
}

static const int64_t unsorted[] = {-1000, 500, 0, 1000}, equal[] = {-1000, 0, 0, 1000};
static const unsigned char beyond[] = {1, 3, 0, 1};
static const int32_t too_far[] = {100, 26 * 3600, 300}, too_low[] = {INT32_MIN, 200, 300};

static void test_bad_files(void)
{
	static const struct {
		const char *label;
		struct tz_file file;
	} rows[] = {
		{"version 1",
		 {'\0', {0, 0, 0, 4, 3, 1}, some_times, some_indexes, some_offsets, "\n\n"}},
		{"times that go back",
		 {'2', {0, 0, 0, 4, 3, 1}, unsorted, some_indexes, some_offsets, "\n\n"}},
		{"times that stand still",
		 {'2', {0, 0, 0, 4, 3, 1}, equal, some_indexes, some_offsets, "\n\n"}},
		{"a type that is not there",
		 {'2', {0, 0, 0, 4, 3, 9}, some_times, beyond, some_offsets, "\n\n"}},
		{"an offset of more than a day",
		 {'2', {0, 0, 0, 4, 3, 1}, some_times, some_indexes, too_far, "\n\n"}},
		{"an offset that has no negative",
		 {'2', {0, 0, 0, 4, 3, 1}, some_times, some_indexes, too_low, "\n\n"}},
		{"no types",
		 {'2', {0, 0, 0, 0, 0, 1}, some_times, some_indexes, some_offsets, "\n\n"}},
		{"no footer",
		 {'2', {0, 0, 0, 4, 3, 1}, some_times, some_indexes, some_offsets, ""}},
		{"a footer without its first line end",
		 {'2', {0, 0, 0, 4, 3, 1}, some_times, some_indexes, some_offsets, "UTC0\n"}},
		{"a footer without its last line end",
		 {'2', {0, 0, 0, 4, 3, 1}, some_times, some_indexes, some_offsets, "\nUTC0"}},
	};
	struct err err = ERR_INIT;
	const struct zone *z;
	struct buf out;

	buf_init(&out, 10000);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		ROW(rows[i].label);
		arena_reset(arena);
		make_file(&out, &rows[i].file);
		ASSERT_FAILS(read_bytes(buf_span(&out), &z, &err), RC_INPUT, &err,
			     "is no file of a time zone");
	}
	ROW("");
	buf_clear(&out);
}

/* --- files that are cut or bent ------------------------------------------------------------------ */

static void real_file(const char *name, struct buf *out)
{
	struct err err = ERR_INIT;
	char path[200];

	snprintf(path, sizeof(path), "/usr/share/zoneinfo/%s", name);
	out->len = 0;
	ASSERT_OK(__real_file_read(path, out, &err), &err);
}

/* In memory of its own, so that a sanitizer sees a byte too far. */
static enum rc read_copy(struct span bytes, const struct zone **ret, struct err *err)
{
	char *copy = malloc(bytes.len + 1);
	enum rc rc;

	CU_ASSERT_PTR_NOT_NULL_FATAL(copy);
	copy = realloc(copy, bytes.len != 0 ? bytes.len : 1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(copy);
	memcpy(copy, bytes.p, bytes.len);
	rc = read_bytes(span_of(copy, bytes.len), ret, err);
	free(copy);
	return rc;
}

static void test_cut(void)
{
	static const char *const zones[] = {"Europe/Berlin", "UTC", "Asia/Tehran"};
	struct err err = ERR_INIT;
	const struct zone *z;
	struct buf whole;

	buf_init(&whole, 1 << 20);
	for (size_t i = 0; i < COUNT_OF(zones); i++) {
		size_t taken = 0;

		ROW(zones[i]);
		real_file(zones[i], &whole);
		for (size_t n = 0; n < whole.len; n++) {
			arena_reset(arena);
			taken += read_copy(span_sub(buf_span(&whole), 0, n), &z, &err) != RC_INPUT;
		}
		CU_ASSERT_EQUAL(taken, 0);
		ASSERT_OK(read_copy(buf_span(&whole), &z, &err), &err);
	}
	ROW("");
	buf_clear(&whole);
}

/* Whatever was read: nothing that is asked of it goes wrong. */
static size_t ask(const struct zone *z)
{
	size_t wrong = 0;

	for (unsigned i = 0; i < 20; i++) {
		int64_t when = ((int64_t)test_random(1u << 31) - (1 << 30)) *
			       (1 + (int64_t)test_random(i < 10 ? 4 : 4000));
		struct zone_time t;
		int32_t offset = zone_offset(z, when);

		zone_time(z, when, &t);
		wrong += offset <= -26 * 3600 || offset >= 26 * 3600;
		wrong += t.month < 1 || t.month > 12 || t.day < 1 || t.day > 31 || t.weekday < 0 ||
			 t.weekday > 6 || t.second_of_day < 0 || t.second_of_day > 86399;
		wrong += llabs(zone_instant(z, when) - when) > 26 * 3600;
	}
	return wrong;
}

static void bend(struct span to)
{
	static const unsigned char edges[] = {0, 1, 0x7f, 0x80, 0xff, '\n', ',', '9'};
	char *p = (char *)(uintptr_t)to.p;

	for (unsigned n = 1 + test_random(4); n > 0; n--) {
		size_t at = test_random(3) == 0 ? test_random(100) : test_random((unsigned)to.len);

		if (at < to.len)
			p[at] = (char)(test_random(2) == 0 ? edges[test_random(COUNT_OF(edges))]
							   : test_random(256));
	}
}

/* Bytes changed at random, all numbers of the headers at their edges, and nothing but noise. */
static void test_bent(void)
{
	size_t wrong = 0, taken = 0, refused = 0;
	struct buf whole, bent;
	struct err err = ERR_INIT;
	const struct zone *z;

	buf_init(&whole, 1 << 20);
	buf_init(&bent, 1 << 20);
	real_file("America/New_York", &whole);
	for (unsigned i = 0; i < 20000; i++) {
		struct span file = buf_span(&whole);
		size_t cut = i % 3 == 0 ? test_random((unsigned)file.len) : 0;
		enum rc rc;

		arena_reset(arena);
		bent.len = 0;
		put(&bent, file.p, file.len - cut);
		if (i % 100 == 99)
			for (size_t k = 6; k < bent.len; k++)
				bent.p[k] = (char)test_random(256);
		else
			bend(buf_span(&bent));
		rc = read_copy(buf_span(&bent), &z, &err);
		wrong += rc == RC_OK ? ask(z) : rc != RC_INPUT;
		taken += rc == RC_OK;
		refused += rc == RC_INPUT;
	}
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT_TRUE(taken > 500 && refused > 500);
	buf_clear(&whole);
	buf_clear(&bent);
}

static void test_counts(void)
{
	static const uint32_t edges[] = {0x7fffffff, 0x80000000, 0xffffffff, 0x15555556,
					 0x1c71c71d, 257,	 1 << 20,    (1 << 20) + 1};
	struct err err = ERR_INIT;
	const struct zone *z;
	struct buf whole;

	buf_init(&whole, 1 << 20);
	make_file(&whole, &good_file);
	for (size_t header = 0; header < 2; header++) {
		for (size_t count = 0; count < 6; count++) {
			char *p = whole.p + (header == 0 ? 0 : 44 + 7) + 20 + 4 * count, old[4];

			memcpy(old, p, 4);
			for (size_t i = 0; i < COUNT_OF(edges); i++) {
				for (int k = 0; k < 4; k++)
					p[k] = (char)(edges[i] >> (24 - 8 * k));
				arena_reset(arena);
				ASSERT_FAILS(read_copy(buf_span(&whole), &z, &err), RC_INPUT, &err,
					     "is no file");
			}
			memcpy(p, old, 4);
		}
	}
	arena_reset(arena);
	ASSERT_OK(read_copy(buf_span(&whole), &z, &err), &err);
	buf_clear(&whole);
}

#define A_TEN "aaaaaaaaaa"
#define A_HUNDRED A_TEN A_TEN A_TEN A_TEN A_TEN A_TEN A_TEN A_TEN A_TEN A_TEN

/* --- names --------------------------------------------------------------------------------------- */

static void test_names(void)
{
	static const char *const bad[] = {"../UTC",
					  "Europe/../UTC",
					  "Europe/..",
					  "/UTC",
					  "/etc/localtime",
					  "Europe//Berlin",
					  "Europe/",
					  "/",
					  ".",
					  "..",
					  ".hidden",
					  "Europe/.hidden",
					  "Europe/Ber lin",
					  "Europe/Berlin\n",
					  "Europe\\Berlin",
					  "Etc/%55TC",
					  "tzdata.zi",
					  "\xc3\x9cTC",
					  ":UTC",
					  "CET-1CEST,M3.5.0,M10.5.0/3",
					  (A_HUNDRED "a")};
	static const char *const good[] = {"UTC", "Etc/GMT+1", "America/Port-au-Prince",
					   "America/Argentina/Buenos_Aires", "Etc/GMT-14"};
	struct err err = ERR_INIT;
	const struct zone *z;

	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		ROW(bad[i]);
		arena_reset(arena);
		from_machine();
		ASSERT_FAILS(zone_read(bad[i], arena, &z, &err), RC_INPUT, &err,
			     "is no name of a time zone");
		ASSERT_STR(files.asked, "");
	}
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		char path[200];

		ROW(good[i]);
		arena_reset(arena);
		from_machine();
		ASSERT_OK(zone_read(good[i], arena, &z, &err), &err);
		snprintf(path, sizeof(path), "/usr/share/zoneinfo/%s", good[i]);
		ASSERT_STR(files.asked, path);
	}
	ROW("");
}

/* "" is the machine's own zone; without one it is UTC, and what is there and cannot be read is no reason to guess. */
static void test_system_zone(void)
{
	struct err err = ERR_INIT;
	const struct zone *z = NULL;
	struct zone_time t;

	arena_reset(arena);
	from_machine();
	files.rc = RC_NOTFOUND;
	ASSERT_OK(zone_read("", arena, &z, &err), &err);
	ASSERT_STR(files.asked, "/etc/localtime");
	CU_ASSERT_EQUAL(zone_offset(z, 1750000000), 0);
	CU_ASSERT_EQUAL(zone_instant(z, 1750000000), 1750000000);
	zone_time(z, -1, &t);
	CU_ASSERT_TRUE(same_time(&t, &(struct zone_time){1969, 12, 31, 3, 86399}));
	ASSERT_FAILS(zone_read("UTC", arena, &z, &err), RC_NOTFOUND, &err, "zoneinfo/UTC");
	files.rc = RC_PERM;
	ASSERT_FAILS(zone_read("", arena, &z, &err), RC_PERM, &err, "/etc/localtime");
	files.rc = RC_AGAIN;
	ASSERT_FAILS(zone_read("UTC", arena, &z, &err), RC_AGAIN, &err, "zoneinfo/UTC");
	from_machine();
}

static enum rc read_link(const char *target, struct err *err)
{
	const char *path = test_path("link");
	const struct zone *z;
	enum rc rc;

	(void)unlink(path);
	CU_ASSERT_EQUAL(symlink(target, path), 0);
	arena_reset(arena);
	from_machine();
	files.path = path;
	rc = zone_read("Link", arena, &z, err);
	from_machine();
	return rc;
}

static void test_links(void)
{
	struct err err = ERR_INIT;

	ASSERT_OK(read_link("/usr/share/zoneinfo/Europe/Berlin", &err), &err);
	ASSERT_FAILS(read_link("/etc/passwd", &err), RC_INPUT, &err, "is no file of a time zone");
	ASSERT_FAILS(read_link("/dev/null", &err), RC_INPUT, &err, "");
	ASSERT_FAILS(read_link("/dev/zero", &err), RC_INPUT, &err, "");
	ASSERT_FAILS(read_link("/usr/share/zoneinfo", &err), RC_INPUT, &err, "");
	ASSERT_FAILS(read_link("/nonexistent", &err), RC_NOTFOUND, &err, "");
	ASSERT_FAILS(read_link("link", &err), RC_IO, &err, ""); /* it leads to itself */
}

static void test_memory(void)
{
	struct err err = ERR_INIT;
	const struct zone *z = NULL;
	size_t failed = 0;
	enum rc rc = RC_NOMEM;

	from_machine();
	for (size_t room = 0; room < 100000 && rc != RC_OK; room += 64) {
		struct arena *little = arena_new(room);

		rc = zone_read("Europe/Berlin", little, &z, &err);
		CU_ASSERT_TRUE(rc == RC_OK || rc == RC_NOMEM);
		failed += rc != RC_OK;
		arena_free(little);
	}
	CU_ASSERT_EQUAL(rc, RC_OK);
	CU_ASSERT_TRUE(failed > 10);
}

int main(void)
{
	static const struct test tests[] = {
		{"every zone, as Python has it", test_python},
		{"rules, as the C library has them", test_rules},
		{"random rules", test_random_rules},
		{"summer all year", test_all_year},
		{"rules that are none", test_bad_rules},
		{"transitions", test_transitions},
		{"files that are none", test_bad_files},
		{"files cut at every byte", test_cut},
		{"bytes changed at random", test_bent},
		{"counts", test_counts},
		{"names", test_names},
		{"the machine's own zone", test_system_zone},
		{"links", test_links},
		{"memory that ends", test_memory},
	};
	int status;

	arena = arena_new(16u << 20);
	status = test_main("zone", tests, COUNT_OF(tests));
	arena_free(arena);
	return status;
}
