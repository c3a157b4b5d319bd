/* core/rewrites against what a real Sendmail makes of address fields (sendmail-addresses). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/rewrites.h"

#include "test.h"

enum { VALUE_MAX = 1000 };

/* \r, \n, \t, \\ and \xNN. */
static struct span unescape(const char *from, char *to)
{
	size_t n = 0;
	char hex[3] = "";

	for (; *from != '\0' && n < VALUE_MAX; from++) {
		if (*from != '\\') {
			to[n++] = *from;
			continue;
		}
		switch (*++from) {
		case 'r':
			to[n++] = '\r';
			break;
		case 'n':
			to[n++] = '\n';
			break;
		case 't':
			to[n++] = '\t';
			break;
		case 'x':
			memcpy(hex, from + 1, 2);
			to[n++] = (char)strtol(hex, NULL, 16);
			from += 2;
			break;
		default:
			to[n++] = *from;
		}
	}
	return span_of(to, n);
}

static bool rewrites(const char *name, struct span value, bool simple)
{
	struct field f = {.name = span_str(name), .value = value};

	return rewrites_field(&f, simple);
}

/* As a filter gets it: folds are LF there. */
static struct span with_lf(struct span value, char *to)
{
	size_t n = 0;

	for (size_t i = 0; i < value.len; i++)
		if (value.p[i] != '\r')
			to[n++] = value.p[i];
	return span_of(to, n);
}

static void check_row(const char *what, struct span value)
{
	char as_lf[VALUE_MAX];
	struct span values[] = {value, with_lf(value, as_lf)};

	for (size_t i = 0; i < COUNT_OF(values); i++) {
		CU_ASSERT_EQUAL(rewrites("To", values[i], false), strcmp(what, "changed") == 0);
		CU_ASSERT_EQUAL(rewrites("From", values[i], true), strcmp(what, "kept") != 0);
		CU_ASSERT_FALSE(rewrites("Subject", values[i], true));
	}
}

static FILE *open_table(void)
{
	const char *srcdir = getenv("srcdir");
	char path[1000];

	snprintf(path, sizeof(path), "%s/tests/unit/sendmail-addresses",
		 srcdir != NULL ? srcdir : ".");
	return fopen(path, "r");
}

static void test_table(void)
{
	char line[VALUE_MAX], value[VALUE_MAX], what[8];
	FILE *f = open_table();
	size_t rows = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	while (fgets(line, sizeof(line), f) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '#')
			continue;
		CU_ASSERT_EQUAL_FATAL(sscanf(line, "%7s", what), 1);
		ROW(line);
		check_row(what, unescape(line + 8, value));
		rows++;
	}
	fclose(f);
	ROW("");
	CU_ASSERT(rows > 90);
}

static void test_long_members(void)
{
	static const struct {
		const char *label;
		size_t len;
		bool want;
	} rows[] = {{"200 letters", 200, false},
		    {"300 letters", 300, true},
		    {"60,000 letters", 60000, true}};
	static char value[60100];

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		ROW(rows[i].label);
		value[0] = ' ';
		memset(value + 1, 'n', rows[i].len);
		strcpy(value + 1 + rows[i].len, " <a@x.example>");
		CU_ASSERT_EQUAL(rewrites("From", span_str(value), false), rows[i].want);
	}
	ROW("");
}

static void test_names(void)
{
	static const struct {
		const char *name;
		bool want;
	} rows[] = {{"from", true},	 {"SENDER", true},	{"Reply-To", true},
		    {"Resent-To", true}, {"To", true},		{"Cc", true},
		    {"X-To", false},	 {"Subject", false},	{"References", false},
		    {"To-", false},	 {"Message-ID", false}, {"", false}};
	struct field obsolete = {
		.name = SPAN_LIT("To"), .value = SPAN_LIT(" a@x,b@x"), .space_before_colon = true};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		ROW(rows[i].name);
		CU_ASSERT_EQUAL(rewrites(rows[i].name, SPAN_LIT(" a@x,b@x"), false), rows[i].want);
	}
	ROW("never signed");
	CU_ASSERT_FALSE(rewrites_field(&obsolete, true));
	ROW("empty");
	CU_ASSERT_FALSE(rewrites("To", SPAN_LIT(""), true));
	CU_ASSERT_FALSE(rewrites("To", SPAN_LIT(" \t"), true));
}

/* Nothing is read behind the end of the value, wherever that is. */
static void test_every_end(void)
{
	static const char whole[] =
		" \"A\\\"B\" (c \\) (d)) <\"a b\"@x.example>, T: e@x;,\r\n\tf@x (g)";

	for (size_t n = 0; n < sizeof(whole); n++) {
		char *exact = malloc(n + 1);

		memcpy(exact, whole, n);
		(void)rewrites("To", span_of(exact, n), true);
		(void)rewrites("To", span_of(exact, n), false);
		free(exact);
	}
	CU_ASSERT_FALSE(rewrites("To", span_of(whole, sizeof(whole) - 1), false));
}

int main(void)
{
	static const struct test tests[] = {
		{"what Sendmail does", test_table},
		{"long members", test_long_members},
		{"names of fields", test_names},
		{"cut at every octet", test_every_end},
	};

	return test_main("rewrites", tests, COUNT_OF(tests));
}
