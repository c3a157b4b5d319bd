/* Domain names: A-labels, U-labels, public suffixes, selectors. */
#include <pthread.h>
#include <string.h>

#include "mail/domain.h"
#include "test.h"

#define X10 "xxxxxxxxxx"
#define X63 X10 X10 X10 X10 X10 X10 "xxx"

struct ascii_row {
	const char *label;
	struct span in;
	const char *want; /* NULL: RC_INPUT */
	const char *words;
};

static const struct ascii_row ascii_rows[] = {
	{"plain", SPAN_LIT("example.com"), "example.com", ""},
	{"upper case", SPAN_LIT("EXAMPLE.Com"), "example.com", ""},
	{"final dot", SPAN_LIT("example.com."), "example.com", ""},
	{"one label", SPAN_LIT("localhost"), "localhost", ""},
	{"underscore", SPAN_LIT("s1._domainkey.example.com"), "s1._domainkey.example.com", ""},
	{"digits", SPAN_LIT("3com.123"), "3com.123", ""},
	{"inner hyphens", SPAN_LIT("a--b.c-d"), "a--b.c-d", ""},
	{"A-label", SPAN_LIT("XN--Bcher-KVA.example"), "xn--bcher-kva.example", ""},
	{"U-label",
	 SPAN_LIT("b\xc3\xbc"
		  "cher.example"),
	 "xn--bcher-kva.example", ""},
	{"U-label, upper case",
	 SPAN_LIT("B\xc3\x9c"
		  "CHER.EXAMPLE"),
	 "xn--bcher-kva.example", ""},
	{"U-label, decomposed",
	 SPAN_LIT("bu\xcc\x88"
		  "cher.example"),
	 "xn--bcher-kva.example", ""},
	{"U-label, final dot",
	 SPAN_LIT("b\xc3\xbc"
		  "cher.example."),
	 "xn--bcher-kva.example", ""},
	{"sharp s stays (non-transitional)",
	 SPAN_LIT("stra\xc3\x9f"
		  "e.example"),
	 "xn--strae-oqa.example", ""},
	{"U-label as top level", SPAN_LIT("example.\xd1\x80\xd1\x84"), "example.xn--p1ai", ""},
	{"ideographic full stop",
	 SPAN_LIT("\xe4\xbe\x8b\xe3\x80\x82"
		  "com"),
	 "xn--fsq.com", ""},
	{"full width", SPAN_LIT("\xef\xbd\x85xample.com"), "example.com", ""},
	{"underscore beside a U-label",
	 SPAN_LIT("_dmarc.b\xc3\xbc"
		  "cher.example"),
	 "_dmarc.xn--bcher-kva.example", ""},
	{"Cyrillic homograph is another name", SPAN_LIT("ex\xd0\xb0mple.com"), "xn--exmple-4nf.com",
	 ""},
	{"label of 63", SPAN_LIT(X63 ".com"), X63 ".com", ""},
	{"name of 253", SPAN_LIT(X63 "." X63 "." X63 "." X10 X10 X10 X10 X10 X10 "x"),
	 X63 "." X63 "." X63 "." X10 X10 X10 X10 X10 X10 "x", ""},
	{"name of 253 with final dot",
	 SPAN_LIT(X63 "." X63 "." X63 "." X10 X10 X10 X10 X10 X10 "x."),
	 X63 "." X63 "." X63 "." X10 X10 X10 X10 X10 X10 "x", ""},

	{"name of 254", SPAN_LIT(X63 "." X63 "." X63 "." X10 X10 X10 X10 X10 X10 "xx"), NULL,
	 "more than 253 bytes"},
	{"label of 64", SPAN_LIT(X63 "x.com"), NULL, "more than 63 bytes"},
	{"empty", SPAN_LIT(""), NULL, "empty"},
	{"a dot", SPAN_LIT("."), NULL, "empty label"},
	{"leading dot", SPAN_LIT(".example.com"), NULL, "empty label"},
	{"two dots", SPAN_LIT("example..com"), NULL, "empty label"},
	{"two final dots", SPAN_LIT("example.com.."), NULL, "empty label"},
	{"final dot of two scripts", SPAN_LIT("example.com\xe3\x80\x82."), NULL, "empty label"},
	{"literal", SPAN_LIT("[192.0.2.1]"), NULL, "address literal"},
	{"literal of IPv6", SPAN_LIT("[IPv6:::1]"), NULL, "address literal"},
	{"space", SPAN_LIT("example .com"), NULL, "letters, digits"},
	{"slash", SPAN_LIT("example.com/x"), NULL, "letters, digits"},
	{"at", SPAN_LIT("a@example.com"), NULL, "letters, digits"},
	{"line end", SPAN_LIT("example.com\n"), NULL, "letters, digits"},
	{"NUL", SPAN_LIT("example.com\0.evil"), NULL, "NUL"},
	{"leading hyphen", SPAN_LIT("-a.example"), NULL, "'-' at either end"},
	{"final hyphen", SPAN_LIT("a-.example"), NULL, "'-' at either end"},
	{"Latin 1",
	 SPAN_LIT("b\xfc"
		  "cher.example"),
	 NULL, "no domain name"},
	{"cut UTF-8", SPAN_LIT("example.com\xc3"), NULL, "no domain name"},
	{"overlong UTF-8",
	 SPAN_LIT("example\xc0\xae"
		  "com"),
	 NULL, "no domain name"},
	{"full-width at",
	 SPAN_LIT("a\xef\xbc\xa0"
		  "example.com"),
	 NULL, "no domain name"},
	{"digit with a full stop",
	 SPAN_LIT("\xe2\x92\x88"
		  "com"),
	 NULL, "no domain name"},
	{"zero-width joiner", SPAN_LIT("exam\xe2\x80\x8dple.com"), NULL, "no domain name"},
	{"full-width solidus",
	 SPAN_LIT("example.com\xef\xbc\x8f"
		  "b\xc3\xbc"),
	 NULL, "no domain name"},
	{"account of: a/c", SPAN_LIT("\xe2\x84\x80.com"), NULL, "no domain name"},
	{"mixed direction", SPAN_LIT("a\xd7\x90.com"), NULL, "no domain name"},
	{"right-to-left override",
	 SPAN_LIT("ex\xe2\x80\xae"
		  "ample.com"),
	 NULL, "no domain name"},
	{"U-label that begins with xn--", SPAN_LIT("xn--b\xc3\xbc.example"), NULL,
	 "no domain name"},
	{"U-label too long as A-label", SPAN_LIT(X63 "\xc3\xbc.example"), NULL, "no domain name"},
	{"a heart is no letter (IDNA2008)", SPAN_LIT("i\xe2\x9d\xa4.example"), NULL,
	 "no domain name"},
};

static void test_to_ascii(void)
{
	for (size_t i = 0; i < COUNT_OF(ascii_rows); i++) {
		const struct ascii_row *row = &ascii_rows[i];
		char got[DOMAIN_SIZE] = "untouched";
		struct err err = ERR_INIT;

		ROW(row->label);
		if (row->want != NULL) {
			ASSERT_OK(domain_to_ascii(row->in, got, &err), &err);
			ASSERT_STR(got, row->want);
		} else {
			ASSERT_FAILS(domain_to_ascii(row->in, got, &err), RC_INPUT, &err,
				     row->words);
			ASSERT_STR(got, "untouched");
		}
	}
	ROW("");
}

static void test_huge_names_are_refused_at_once(void)
{
	static char huge[100000];
	char got[DOMAIN_SIZE];
	struct err err = ERR_INIT;

	for (size_t i = 0; i < sizeof(huge); i += 2)
		memcpy(huge + i, "\xc3\xbc", 2);
	ASSERT_FAILS(domain_to_ascii(span_of(huge, sizeof(huge)), got, &err), RC_INPUT, &err,
		     "more than 1012 bytes");
	ASSERT_FAILS(domain_to_ascii(span_of(huge, 1012), got, &err), RC_INPUT, &err, "");
	memset(huge, 'a', sizeof(huge));
	ASSERT_FAILS(domain_to_ascii(span_of(huge, sizeof(huge)), got, &err), RC_INPUT, &err,
		     "more than 253 bytes");
}

static void test_to_unicode(void)
{
	static const struct {
		const char *ascii, *want;
	} rows[] = {
		{"example.com", "example.com"},
		{"xn--bcher-kva.example", "b\xc3\xbc"
					  "cher.example"},
		{"_dmarc.xn--strae-oqa.example", "_dmarc.stra\xc3\x9f"
						 "e.example"},
		{"xn--fsq.com", "\xe4\xbe\x8b.com"},
		/* Not made by any U-label: shown as it is. */
		{"xn--a", "xn--a"},
		{"xn--ab-r13a.example", "xn--ab-r13a.example"},	    /* an ideographic full stop */
		{"xn--bcher-2pa.example", "xn--bcher-2pa.example"}, /* an upper-case U-umlaut */
		{"xn--bc-bz3n.example", "xn--bc-bz3n.example"},	    /* a full-width letter */
		{"xn--tda680n.example", "xn--tda680n.example"},	    /* a right-to-left override */
		{"xn--abc-.example", "xn--abc-.example"},
		{"xn--i-7iq.example", "xn--i-7iq.example"},
		{"xn--99999999", "xn--99999999"},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct err err = ERR_INIT;
		struct buf out;

		ROW(rows[i].ascii);
		buf_init(&out, 1000);
		ASSERT_OK(buf_adds(&out, "<", &err), &err);
		ASSERT_OK(domain_to_unicode(rows[i].ascii, &out, &err), &err);
		ASSERT_SPAN(span_from(buf_span(&out), 1), span_str(rows[i].want));
		buf_clear(&out);
	}
	ROW("");
}

static void test_within_and_parent(void)
{
	static const struct {
		const char *child, *parent;
		bool want;
	} rows[] = {
		{"example.com", "example.com", true},
		{"a.example.com", "example.com", true},
		{"a.b.example.com", "example.com", true},
		{"aexample.com", "example.com", false},
		{"example.com", "a.example.com", false},
		{"example.com", "com", true},
		{"example.org", "example.com", false},
		{"example.com.org", "example.com", false},
		{"example.com", "", false},
		{"", "", false},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		ROW(rows[i].child);
		CU_ASSERT_EQUAL(domain_is_within(rows[i].child, rows[i].parent), rows[i].want);
	}
	ROW("");
	ASSERT_STR(domain_parent("a.b.c"), "b.c");
	ASSERT_STR(domain_parent("b.c"), "c");
	CU_ASSERT_PTR_NULL(domain_parent("c"));
}

static void test_public_suffixes(void)
{
	static const struct {
		const char *domain;
		const char *organizational; /* NULL: is a public suffix */
	} rows[] = {
		{"com", NULL},
		{"localhost", NULL},
		{"co.uk", NULL},
		{"github.io", NULL}, /* the private part of the list */
		{"xn--p1ai", NULL},
		{"xn--55qx5d.cn", NULL},
		{"example.com", "example.com"},
		{"mail.example.com", "example.com"},
		{"a.b.example.co.uk", "example.co.uk"},
		{"joe.github.io", "joe.github.io"},
		{"x.joe.github.io", "joe.github.io"},
		{"www.ck", "www.ck"}, /* an exception of a wildcard */
		{"other.ck", NULL},
		{"a.other.ck", "a.other.ck"},
		{"host.internal-name", "host.internal-name"},
		{"x.example.xn--p1ai", "example.xn--p1ai"},
		{"x.example.xn--55qx5d.cn", "example.xn--55qx5d.cn"},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const char *got = domain_organizational(rows[i].domain);

		ROW(rows[i].domain);
		CU_ASSERT_EQUAL(domain_is_public_suffix(rows[i].domain),
				rows[i].organizational == NULL);
		ASSERT_STR(got != NULL ? got : "(none)",
			   rows[i].organizational != NULL ? rows[i].organizational : "(none)");
		if (got != NULL)
			CU_ASSERT_PTR_EQUAL(got + strlen(got),
					    rows[i].domain + strlen(rows[i].domain));
	}
	ROW("");
}

static void *ask_often(void *unused)
{
	(void)unused;
	for (int i = 0; i < 1000; i++)
		if (!domain_is_public_suffix("co.uk") || domain_is_public_suffix("example.co.uk"))
			return (void *)1;
	return NULL;
}

static void test_any_thread_may_ask(void)
{
	pthread_t threads[4];
	void *wrong;

	for (size_t i = 0; i < COUNT_OF(threads); i++)
		CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, ask_often, NULL), 0);
	for (size_t i = 0; i < COUNT_OF(threads); i++) {
		pthread_join(threads[i], &wrong);
		CU_ASSERT_PTR_NULL(wrong);
	}
}

static void test_selectors(void)
{
	static const struct {
		struct span name;
		bool want;
	} rows[] = {
		{SPAN_LIT("s1"), true},
		{SPAN_LIT("rsa-20261124"), true},
		{SPAN_LIT("a.b_c.d"), true},
		{SPAN_LIT("S1"), true},
		{SPAN_LIT(X63), true},
		{SPAN_LIT(X63 "." X63 "." X63 "." X10 X10 X10 X10 "xxxxxxxx"), true},
		{SPAN_LIT(X63 "." X63 "." X63 "." X10 X10 X10 X10 "xxxxxxxxx"), false},
		{SPAN_LIT(X63 "x"), false},
		{SPAN_LIT(""), false},
		{SPAN_LIT("."), false},
		{SPAN_LIT("a."), false},
		{SPAN_LIT(".a"), false},
		{SPAN_LIT("a..b"), false},
		{SPAN_LIT("-a"), false},
		{SPAN_LIT("a-"), false},
		{SPAN_LIT("a b"), false},
		{SPAN_LIT("a\0b"), false},
		{SPAN_LIT("a;b"), false},
		{SPAN_LIT("b\xc3\xbc"), false},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		ROW(rows[i].name.p);
		CU_ASSERT_EQUAL(domain_selector_valid(rows[i].name), rows[i].want);
	}
	ROW("");
}

int main(void)
{
	static const struct test tests[] = {
		{"names become A-labels", test_to_ascii},
		{"huge names are refused at once", test_huge_names_are_refused_at_once},
		{"A-labels become U-labels", test_to_unicode},
		{"within, and parent", test_within_and_parent},
		{"public suffixes", test_public_suffixes},
		{"any thread may ask", test_any_thread_may_ask},
		{"selectors", test_selectors},
	};

	return test_main("domain", tests, COUNT_OF(tests));
}
