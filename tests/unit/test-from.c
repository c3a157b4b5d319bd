/* Whose message is it? */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mail/from.h"
#include "test.h"

enum { ARENA_MAX = 64 << 20 };

static struct arena *arena;

struct from_row {
	const char *label;
	struct span value;
	enum from_status status;
	const char *domain; /* FROM_GOOD */
	const char *local;  /* of the author; NULL: not looked at */
};

#define ROW_GOOD(label, value, domain, local)                                                      \
	{                                                                                          \
		label, SPAN_LIT(value), FROM_GOOD, domain, local                                   \
	}
#define ROW_BAD(label, value, status)                                                              \
	{                                                                                          \
		label, SPAN_LIT(value), status, "", NULL                                           \
	}

static const struct from_row rows[] = {
	/* One mailbox, as the grammar has it. */
	ROW_GOOD("bare", " joe@example.com", "example.com", "joe"),
	ROW_GOOD("no leading space", "joe@example.com", "example.com", "joe"),
	ROW_GOOD("angle", " <joe@example.com>", "example.com", "joe"),
	ROW_GOOD("name", " Joe Doe <joe@example.com>", "example.com", "joe"),
	ROW_GOOD("name with dots", " Joe Q. Doe <joe@example.com>", "example.com", "joe"),
	ROW_GOOD("quoted name", " \"Doe, Joe\" <joe@example.com>", "example.com", "joe"),
	ROW_GOOD("no space before the angle", "Joe<joe@example.com>", "example.com", "joe"),
	ROW_GOOD("comment behind", " joe@example.com (Joe Doe)", "example.com", "joe"),
	ROW_GOOD("comment in front", " (Joe Doe) joe@example.com", "example.com", "joe"),
	ROW_GOOD("nested comments", " joe@example.com (a (b (c) d) e)", "example.com", "joe"),
	ROW_GOOD("upper case", " Joe@EXAMPLE.Com", "example.com", "Joe"),
	ROW_GOOD("folded", " Joe\n Doe\n\t<joe@example.com>", "example.com", "joe"),
	ROW_GOOD("folded by CRLF", " Joe\r\n <joe@example.com>", "example.com", "joe"),
	ROW_GOOD("folds of white space", " Joe\n \n <joe@example.com>\n ", "example.com", "joe"),
	ROW_GOOD("quoted local part", " \"joe doe\"@example.com", "example.com", "joe doe"),
	ROW_GOOD("at in a quoted local part", " \"a@evil.com\"@example.com", "example.com",
		 "a@evil.com"),
	ROW_GOOD("escapes in a quoted local part", " \"a\\\"\\\\b\"@example.com", "example.com",
		 "a\"\\b"),
	ROW_GOOD("odd but legal local part", " !#$%&'*+-/=?^_`{|}~@example.com", "example.com",
		 "!#$%&'*+-/=?^_`{|}~"),
	ROW_GOOD("percent address", " a%evil.com@example.com", "example.com", "a%evil.com"),
	ROW_GOOD("bang address", " evil.com!a@example.com", "example.com", "evil.com!a"),
	ROW_GOOD("one label", " root@localhost", "localhost", "root"),
	ROW_GOOD("underscore in the domain", " a@my_host.example.com", "my_host.example.com", "a"),
	ROW_GOOD("address in a quoted name", " \"a@evil.com\" <joe@example.com>", "example.com",
		 "joe"),
	ROW_GOOD("angle in a quoted name", " \"<a@evil.com>\" <joe@example.com>", "example.com",
		 "joe"),
	ROW_GOOD("address in a comment", " joe@example.com (a@evil.com)", "example.com", "joe"),
	ROW_GOOD("escaped paren in a comment", " joe@example.com (\\)a@evil.com)", "example.com",
		 "joe"),
	ROW_GOOD("encoded word", " =?utf-8?q?J=C3=B6?= <joe@example.com>", "example.com", "joe"),
	ROW_GOOD("encoded address is opaque", " =?utf-8?q?a=40evil.com?= <b@good.com>", "good.com",
		 "b"),
	ROW_GOOD("encoded angle is opaque", " =?utf-8?q?=3Ca=40evil.com=3E?= <b@good.com>",
		 "good.com", "b"),
	ROW_GOOD("encoded word in base64", " =?utf-8?b?PGFAZXZpbC5jb20+?= <b@good.com>", "good.com",
		 "b"),
	ROW_GOOD("empty quoted name", " \"\" <joe@example.com>", "example.com", "joe"),
	ROW_GOOD("spaces within the angle", " < joe@example.com >", "example.com", "joe"),
	ROW_GOOD("white space around the at", " joe @ example.com", "example.com", "joe"),

	/* UTF-8 and other bytes. */
	ROW_GOOD("UTF-8 name", " J\xc3\xb6rg <joe@example.com>", "example.com", "joe"),
	ROW_GOOD("UTF-8 local part", " j\xc3\xb6@example.com", "example.com", "j\xc3\xb6"),
	ROW_GOOD("U-label",
		 " joe@b\xc3\xbc"
		 "cher.example",
		 "xn--bcher-kva.example", "joe"),
	ROW_GOOD("A-label", " joe@XN--BCHER-KVA.example", "xn--bcher-kva.example", "joe"),
	ROW_GOOD("U-label and A-label are one domain",
		 " joe@b\xc3\xbc"
		 "cher.example, jim@xn--bcher-kva.example",
		 "xn--bcher-kva.example", "joe"),
	ROW_GOOD("Cyrillic homograph is itself", " a@ex\xd0\xb0mple.com", "xn--exmple-4nf.com",
		 "a"),
	ROW_BAD("homograph beside the real one", " a@ex\xd0\xb0mple.com, a@example.com",
		FROM_SEVERAL),
	ROW_GOOD("Latin 1 name", " J\xf6rg <joe@example.com>", "example.com", "joe"),
	ROW_GOOD("Latin 1 in a quoted name", " \"J\xf6rg\" <joe@example.com>", "example.com",
		 "joe"),
	ROW_GOOD("control byte in the name", " Joe\x1b Doe <joe@example.com>", "example.com",
		 "joe"),
	ROW_BAD("Latin 1 domain",
		" joe@b\xfc"
		"cher.example",
		FROM_NO_DOMAIN),
	ROW_BAD("full-width at",
		" a\xef\xbc\xa0"
		"example.com",
		FROM_NO_DOMAIN),
	ROW_BAD("full-width at in the domain",
		" a@b\xef\xbc\xa0"
		"example.com",
		FROM_NO_DOMAIN),

	/* Several mailboxes, groups. */
	ROW_GOOD("two of one domain", " joe@example.com, jim@EXAMPLE.com", "example.com", "joe"),
	ROW_GOOD("comma at the end", " joe@example.com, ", "example.com", "joe"),
	ROW_GOOD("commas all over", " ,, joe@example.com ,\n , jim@example.com,", "example.com",
		 "joe"),
	ROW_BAD("two domains", " joe@example.com, jim@example.org", FROM_SEVERAL),
	ROW_BAD("subdomain is another domain", " a@example.com, b@mail.example.com", FROM_SEVERAL),
	ROW_GOOD("group", " Team: joe@example.com, Jim <jim@example.com>;", "example.com", "joe"),
	ROW_BAD("group of two domains", " Team: joe@example.com, jim@example.org;", FROM_SEVERAL),
	ROW_BAD("group and another domain", " Team: a@evil.com;, b@good.com", FROM_SEVERAL),
	ROW_BAD("empty group", " undisclosed-recipients:;", FROM_EMPTY),
	ROW_BAD("empty group with comment", " x: (y) ;", FROM_EMPTY),

	/* Nobody. */
	ROW_BAD("empty", "", FROM_EMPTY),
	ROW_BAD("white space", " \t ", FROM_EMPTY),
	ROW_BAD("folded nothing", "\n \n\t", FROM_EMPTY),
	ROW_BAD("a comment", " (joe@example.com)", FROM_EMPTY),
	ROW_BAD("a comma", " ,", FROM_EMPTY),
	ROW_BAD("null address", " <>", FROM_EMPTY),
	ROW_BAD("empty quotes", " \"\"", FROM_EMPTY),

	/* No domain. */
	ROW_BAD("a name", " Joe Doe", FROM_NO_DOMAIN),
	ROW_BAD("a user", " root", FROM_NO_DOMAIN),
	ROW_BAD("a user in an angle", " <root>", FROM_NO_DOMAIN),
	ROW_BAD("a quoted name", " \"Joe Doe\"", FROM_NO_DOMAIN),
	ROW_BAD("literal", " joe@[192.0.2.1]", FROM_NO_DOMAIN),
	ROW_BAD("literal with gaps", " joe @ [192.0.2.1]", FROM_NO_DOMAIN),
	ROW_BAD("literal in an angle", " Joe <joe@[IPv6:2001:db8::1]>", FROM_NO_DOMAIN),
	ROW_BAD("literal beside a domain", " joe@example.com, joe@[192.0.2.1]", FROM_NO_DOMAIN),
	ROW_BAD("character no name has", " joe@example.com=evil.com", FROM_NO_DOMAIN),
	ROW_BAD("leading hyphen", " joe@-example.com", FROM_NO_DOMAIN),
	ROW_BAD("empty label", " <joe@example..com>", FROM_NO_DOMAIN),
	ROW_BAD("label too long",
		" joe@aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example",
		FROM_NO_DOMAIN),

	/* Not the grammar's, but every reader finds the same. */
	ROW_GOOD("the address as its own name", " joe@example.com <joe@example.com>", "example.com",
		 "joe"),
	ROW_GOOD("... in apostrophes", " 'joe@example.com' <joe@example.com>", "example.com", ""),
	ROW_GOOD("... with another local part", " jim@example.com <joe@example.com>", "example.com",
		 ""),
	ROW_GOOD("... with a final dot", " joe@example.com. <joe@example.com>", "example.com",
		 "joe"),
	ROW_GOOD("... in an encoded word", " =?utf-8?Q?joe@example.com?= <joe@example.com>",
		 "example.com", ""),
	ROW_GOOD("... as U-label",
		 " joe@b\xc3\xbc"
		 "cher.example <joe@xn--bcher-kva.example>",
		 "xn--bcher-kva.example", "joe"),
	ROW_GOOD("final dot", " joe@example.com.", "example.com", "joe"),
	ROW_GOOD("unquoted comma in the name", " Doe, Joe <joe@example.com>", "example.com", "joe"),
	ROW_GOOD("semicolon of one domain", " joe@example.com; jim@example.com", "example.com", ""),
	ROW_GOOD("semicolon at the end", " joe@example.com;", "example.com", "joe"),
	ROW_GOOD("angle that does not end", " Joe <joe@example.com", "example.com", "joe"),
	ROW_GOOD("angle that does not begin", " joe@example.com>", "example.com", "joe"),
	ROW_GOOD("two angles", " <<joe@example.com>>", "example.com", "joe"),
	ROW_GOOD("words behind the angle", " Joe <joe@example.com> Doe", "example.com", "joe"),
	ROW_GOOD("quote that does not end", " \"Joe <joe@example.com>", "example.com", "joe"),
	ROW_GOOD("quote in the name", " Joe \"The <joe@example.com>", "example.com", "joe"),
	ROW_GOOD("comment that does not end", " joe@example.com (Joe", "example.com", "joe"),
	ROW_GOOD("comment and no end of the angle", " <joe@example.com (Joe (Q))", "example.com",
		 "joe"),
	ROW_GOOD("comments and no end of the angle", " <joe@example.com (Joe) (Doe)", "example.com",
		 "joe"),
	ROW_GOOD("comments, then words", " <joe@example.com (a) (b), Joe) Doe", "example.com",
		 "joe"),
	ROW_GOOD("quoted local part, no end of the angle", " <\"joe doe\"@example.com",
		 "example.com", ""),
	ROW_GOOD("paren too many", " joe@example.com (Joe))", "example.com", "joe"),
	ROW_GOOD("dots in the local part", " joe..doe.@example.com", "example.com", "joe..doe."),
	ROW_GOOD("colon in the name", " Re: Joe <joe@example.com>", "example.com", "joe"),
	ROW_GOOD("group that does not end", " Team: joe@example.com", "example.com", "joe"),
	ROW_GOOD("brackets in the name", " [list] Joe <joe@example.com>", "example.com", "joe"),
	ROW_GOOD("less-than in the name", " I <3 Joe <joe@example.com>", "example.com", "joe"),

	/* Readers differ. */
	ROW_BAD("first or angle", " a@evil.com <b@good.com>", FROM_AMBIGUOUS),
	ROW_BAD("first, comment, angle", " b@good.com (c) <c@evil.com>", FROM_AMBIGUOUS),
	ROW_BAD("semicolon", " b@good.com;a@evil.com", FROM_AMBIGUOUS),
	ROW_BAD("first or last angle", " <a@evil.com> <b@good.com>", FROM_AMBIGUOUS),
	ROW_BAD("angle and first behind it", " <b@good.com> a@evil.com", FROM_AMBIGUOUS),
	ROW_BAD("angle within an angle", " <a@evil.com <b@good.com>>", FROM_AMBIGUOUS),
	ROW_BAD("two ats", " a@evil.com@good.com", FROM_AMBIGUOUS),
	ROW_BAD("two ats of one domain", " a@good.com@good.com", FROM_AMBIGUOUS),
	ROW_BAD("two ats in an angle", " <a@evil.com@good.com>", FROM_AMBIGUOUS),
	ROW_BAD("quoted, not ended", " \"a@evil.com <b@good.com>", FROM_AMBIGUOUS),
	ROW_BAD("quote ended by an escape", " \"a@evil.com\\\" <b@good.com>", FROM_AMBIGUOUS),
	ROW_BAD("commented, not ended", " (a@evil.com <b@good.com>", FROM_AMBIGUOUS),
	ROW_BAD("comment too deep to be read alike", " ((a@evil.com) b@good.com", FROM_AMBIGUOUS),
	ROW_BAD("route", " <@evil.com:b@good.com>", FROM_AMBIGUOUS),
	ROW_BAD("long route", " <@evil.com,@evil.org:b@good.com>", FROM_AMBIGUOUS),
	ROW_BAD("spaces around a dot", " a@good . com", FROM_AMBIGUOUS),
	ROW_BAD("space behind a dot", " a@good. com", FROM_AMBIGUOUS),
	ROW_BAD("folded domain", " a@good.\n com", FROM_AMBIGUOUS),
	ROW_BAD("comment in the domain", " a@good.com(x).evil.org", FROM_AMBIGUOUS),
	ROW_BAD("comment in a domain that is refused", " <a@good.com(x).evil.org", FROM_AMBIGUOUS),
	ROW_BAD("comment and a word", " <a@good.com (x) evil", FROM_AMBIGUOUS),
	ROW_BAD("two comments and a label", " <a@good.com(x) (y) .org", FROM_AMBIGUOUS),
	ROW_BAD("comment that some end early", " <a@good.com((x).evil.org", FROM_AMBIGUOUS),
	ROW_BAD("comment that an escape ends", " <a@good.com(x\\).evil.org", FROM_AMBIGUOUS),
	ROW_BAD("comment that an escape does not end", " <a@good.com(x\\)).evil.org",
		FROM_AMBIGUOUS),
	ROW_BAD("comment with another at", " <a@good.com(b@good.com).evil.org", FROM_AMBIGUOUS),
	ROW_BAD("comment with an at before the at", " a(@evil.com)@good.com", FROM_AMBIGUOUS),
	ROW_BAD("comment behind the at", " a@(evil.com)good.com", FROM_AMBIGUOUS),
	ROW_BAD("a word behind the domain", " a@good.com evil.org", FROM_AMBIGUOUS),
	ROW_BAD("a local part in two words", " Joe a@good.com b", FROM_AMBIGUOUS),
	ROW_BAD("address and a user", " a@good.com <root>", FROM_AMBIGUOUS),
	ROW_BAD("address and nobody", " a@good.com <>", FROM_AMBIGUOUS),
	ROW_BAD("an at in the name", " Team @ Work <a@good.com>", FROM_AMBIGUOUS),
	ROW_BAD("an at without anything behind", " Team @ <a@good.com>", FROM_AMBIGUOUS),
	ROW_BAD("at in an encoded word", " =?utf-8?q?a@evil.com?= <b@good.com>", FROM_AMBIGUOUS),
	ROW_BAD("domain and literal", " a@[192.0.2.1] <b@good.com>", FROM_AMBIGUOUS),
	ROW_BAD("group name with an at", " a@evil.com: b@good.com;", FROM_AMBIGUOUS),
	ROW_BAD("colon behind the domain", " a@good.com:25 <a@good.com>", FROM_AMBIGUOUS),
	ROW_BAD("backslash in the domain", " <a@good.com\\.evil.org>", FROM_AMBIGUOUS),
	ROW_BAD("apostrophe in the domain", " a@good.com'evil.org <a@good.com>", FROM_AMBIGUOUS),
	ROW_BAD("tab as a separator", " a@good.com\tb@good.com", FROM_AMBIGUOUS),
	ROW_BAD("control byte behind the domain", " a@good.com\x01", FROM_AMBIGUOUS),
	ROW_BAD("two groups without a comma", " g:a@evil.com;b@good.com", FROM_AMBIGUOUS),

	/* Nothing to be read. */
	ROW_BAD("NUL in the domain", " joe@example.com\0.evil.com", FROM_SYNTAX),
	ROW_BAD("NUL in the name", " J\0 <joe@example.com>", FROM_SYNTAX),
	ROW_BAD("bare CR", " a@evil.com\r <b@good.com>", FROM_SYNTAX),
	ROW_BAD("CR at the end", " joe@example.com\r", FROM_SYNTAX),
	ROW_BAD("line end at the end", " joe@example.com\n", FROM_SYNTAX),
	ROW_BAD("CRLF at the end", " joe@example.com\r\n", FROM_SYNTAX),
	ROW_BAD("line end that is no fold", " joe@example.com\nBcc: x@example.com", FROM_SYNTAX),
	ROW_BAD("CR CR LF", " joe@example.com\r\r\n <x@y.z>", FROM_SYNTAX),
	ROW_BAD("a quote", " \"", FROM_SYNTAX),
	ROW_BAD("a paren", " (((", FROM_SYNTAX),
	ROW_BAD("an at", " @", FROM_SYNTAX),
	ROW_BAD("nothing before the at", " @example.com", FROM_SYNTAX),
	ROW_BAD("nothing behind the at", " joe@", FROM_SYNTAX),
	ROW_BAD("angle around nothing behind the at", " <joe@>", FROM_SYNTAX),
};

static void add(struct fields *f, const char *name, struct span value)
{
	struct err err = ERR_INIT;

	ASSERT_OK(fields_add(f, span_str(name), value, &err), &err);
}

static void start(struct fields *f)
{
	arena_reset(arena);
	fields_init(f, arena, 16 << 20);
	add(f, "To", SPAN_LIT(" x@y.example"));
}

static void check_status(const struct from *from, enum from_status want)
{
	ASSERT_STR(from_status_text(from->status), from_status_text(want));
}

static void check_row(const struct from_row *row)
{
	struct err err = ERR_INIT;
	struct from from;
	struct fields f;

	ROW(row->label);
	start(&f);
	add(&f, "from", row->value);
	ASSERT_OK(from_read(&f, arena, &from, &err), &err);
	check_status(&from, row->status);
	ASSERT_STR(from.domain, row->domain);
	if (row->local != NULL)
		ASSERT_SPAN(from.author.local, span_str(row->local));
	if (row->status != FROM_GOOD)
		CU_ASSERT_EQUAL(from.author.domain.len, 0);
	CU_ASSERT_FALSE(from.by_sender);
	fields_clear(&f);
}

static void test_table(void)
{
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		check_row(&rows[i]);
	ROW("");
	printf("from: %zu rows of From: values\n", COUNT_OF(rows));
}

static void test_number_of_fields(void)
{
	struct err err = ERR_INIT;
	struct from from;
	struct fields f;

	start(&f);
	ASSERT_OK(from_read(&f, arena, &from, &err), &err);
	check_status(&from, FROM_MISSING);
	add(&f, "From", SPAN_LIT(" joe@example.com"));
	ASSERT_OK(from_read(&f, arena, &from, &err), &err);
	check_status(&from, FROM_GOOD);
	add(&f, "FROM", SPAN_LIT(" joe@example.com"));
	ASSERT_OK(from_read(&f, arena, &from, &err), &err);
	check_status(&from, FROM_REPEATED);
	CU_ASSERT_EQUAL(from.list.n, 0);
	fields_clear(&f);
	ROW("white space before the colon");
	start(&f);
	add(&f, "From ", SPAN_LIT(" joe@example.com"));
	ASSERT_OK(from_read(&f, arena, &from, &err), &err);
	check_status(&from, FROM_SPACED);
	ASSERT_STR(from.domain, "");
	add(&f, "From", SPAN_LIT(" joe@example.com"));
	ASSERT_OK(from_read(&f, arena, &from, &err), &err);
	check_status(&from, FROM_REPEATED);
	fields_clear(&f);
	ROW("");
}

static void test_sender_decides_between_several(void)
{
	static const struct {
		const char *label, *from, *sender, *second_sender;
		enum from_status status;
		const char *domain, *local;
		bool by_sender;
	} table[] = {
		{"the second", "a@x.example, b@y.example", "z@Y.example", NULL, FROM_GOOD,
		 "y.example", "b", true},
		{"the first of its domain", "a@x.example, b@y.example, c@y.example", "z@y.example",
		 NULL, FROM_GOOD, "y.example", "b", true},
		{"by a name", "a@x.example, b@y.example", "Z <z@x.example>", NULL, FROM_GOOD,
		 "x.example", "a", true},
		{"none of them", "a@x.example, b@y.example", "z@z.example", NULL, FROM_SEVERAL, "",
		 "", false},
		{"a subdomain of one", "a@x.example, b@y.example", "z@m.x.example", NULL,
		 FROM_SEVERAL, "", "", false},
		{"no Sender", "a@x.example, b@y.example", NULL, NULL, FROM_SEVERAL, "", "", false},
		{"two Senders", "a@x.example, b@y.example", "z@y.example", "z@y.example",
		 FROM_SEVERAL, "", "", false},
		{"two in Sender", "a@x.example, b@y.example", "z@y.example, z@y.example", NULL,
		 FROM_SEVERAL, "", "", false},
		{"Sender that cannot be read", "a@x.example, b@y.example",
		 "z@x.example <z@y.example>", NULL, FROM_SEVERAL, "", "", false},
		{"Sender by a route", "a@x.example, b@y.example", "<@x.example:z@y.example>", NULL,
		 FROM_SEVERAL, "", "", false},
		{"empty Sender", "a@x.example, b@y.example", "", NULL, FROM_SEVERAL, "", "", false},
		{"literal in Sender", "a@x.example, b@y.example", "z@[192.0.2.1]", NULL,
		 FROM_SEVERAL, "", "", false},
		{"one domain: Sender is not asked", "a@x.example, b@x.example", "z@y.example", NULL,
		 FROM_GOOD, "x.example", "a", false},
		{"an ambiguous From stays so", "a@x.example <b@y.example>", "z@y.example", NULL,
		 FROM_AMBIGUOUS, "", "", false},
		{"several with a gap stay ambiguous", "a@x.example, b@y . example", "z@x.example",
		 NULL, FROM_AMBIGUOUS, "", "", false},
	};

	for (size_t i = 0; i < COUNT_OF(table); i++) {
		struct err err = ERR_INIT;
		struct from from;
		struct fields f;

		ROW(table[i].label);
		start(&f);
		add(&f, "From", span_str(table[i].from));
		if (table[i].sender != NULL)
			add(&f, "Sender", span_str(table[i].sender));
		if (table[i].second_sender != NULL)
			add(&f, "Sender", span_str(table[i].second_sender));
		ASSERT_OK(from_read(&f, arena, &from, &err), &err);
		check_status(&from, table[i].status);
		ASSERT_STR(from.domain, table[i].domain);
		ASSERT_SPAN(from.author.local, span_str(table[i].local));
		CU_ASSERT_EQUAL(from.by_sender, table[i].by_sender);
		fields_clear(&f);
	}
	ROW("");
}

/* PART again and again, SIZE bytes of it, between HEAD and TAIL. */
static struct span repeat(const char *head, const char *part, const char *tail, size_t size)
{
	size_t head_len = strlen(head), part_len = strlen(part), tail_len = strlen(tail);
	size_t n = size / part_len, len = head_len + n * part_len + tail_len;
	char *p = malloc(len);

	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	memcpy(p, head, head_len);
	for (size_t i = 0; i < n; i++)
		memcpy(p + head_len + i * part_len, part, part_len);
	memcpy(p + head_len + n * part_len, tail, tail_len);
	return span_of(p, len);
}

static double seconds_for(struct span value, enum from_status want)
{
	struct err err = ERR_INIT;
	struct timespec begin, end;
	struct from from;
	struct fields f;

	start(&f);
	add(&f, "From", value);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
	ASSERT_OK(from_read(&f, arena, &from, &err), &err);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
	check_status(&from, want);
	fields_clear(&f);
	return (double)(end.tv_sec - begin.tv_sec) + 1e-9 * (double)(end.tv_nsec - begin.tv_nsec);
}

/* Eight times the input may take some times eight times as long, but not 64 times. */
static void test_huge_values_cost_their_length(void)
{
	static const struct {
		const char *head, *part, *tail;
		enum from_status status;
	} table[] = {
		{"", "a@b.example,", "c@b.example", FROM_GOOD},
		{"", "a@b.example,", "c@d.example <", FROM_AMBIGUOUS},
		{"", "a@b.example <", "", FROM_GOOD},
		{"", "(", "", FROM_SYNTAX},
		{"", "()", "joe@example.com", FROM_GOOD},
		{"", "(", "joe@example.com", FROM_GOOD},
		{"x", "(a@b.example", "", FROM_AMBIGUOUS},
		{"x", "a@b.example) (", "", FROM_GOOD},
		{"a@b.example (", ") (", "<", FROM_AMBIGUOUS},
		{"a@b.example ", "(", "", FROM_GOOD},
		{"a@b.example (", ")", "", FROM_GOOD},
		{"", "\"", "\" <joe@example.com", FROM_GOOD},
		{"", "\\", "<joe@example.com>", FROM_GOOD},
		{"", " ", "joe@example.com", FROM_GOOD},
		{"joe@example.com", " ", "", FROM_GOOD},
		{"joe@example.com", "\n ", "x", FROM_AMBIGUOUS},
		{"", "<", "joe@example.com>", FROM_GOOD},
		{"", "@", "", FROM_SYNTAX},
		{"", "a @ ", "", FROM_AMBIGUOUS},
		{"", "a@b ", "", FROM_AMBIGUOUS},
		{"", ",", "", FROM_EMPTY},
		{"", "a", "@example.com", FROM_GOOD},
		{"joe@", "a", "", FROM_NO_DOMAIN},
		{"joe@", "a.", "b", FROM_NO_DOMAIN},
		{"joe@", "\xc3\xbc.", "b", FROM_NO_DOMAIN},
		{"", "a:", "", FROM_NO_DOMAIN},
		{"", "\"a\" ", "<joe@example.com>", FROM_GOOD},
		{"a", "@b.example:", "", FROM_AMBIGUOUS},
		{"<", "@b.example,", "@b.example:a@b.example>", FROM_AMBIGUOUS},
		{"", "joe@b\xc3\xbc.example;", "", FROM_GOOD},
	};

	for (size_t i = 0; i < COUNT_OF(table); i++) {
		struct span small = repeat(table[i].head, table[i].part, table[i].tail, 1 << 16);
		struct span large = repeat(table[i].head, table[i].part, table[i].tail, 1 << 19);
		double once, more;

		ROW(table[i].part);
		once = seconds_for(small, table[i].status);
		more = seconds_for(large, table[i].status);
		CU_ASSERT_TRUE(more < 0.05 || more < 30 * once);
		free((void *)small.p);
		free((void *)large.p);
	}
	ROW("");
}

static void test_out_of_memory_is_said(void)
{
	struct arena *small = arena_new(1000);
	struct err err = ERR_INIT;
	struct from from = {.status = FROM_SEVERAL};
	struct fields f;

	CU_ASSERT_PTR_NOT_NULL_FATAL(small);
	start(&f);
	add(&f, "From",
	    SPAN_LIT("a@b, a@b, a@b, a@b, a@b, a@b, a@b, a@b, a@b, a@b, a@b, a@b, a@b,"
		     "a@b, a@b, a@b, a@b, a@b, a@b, a@b, a@b, a@b, a@b, a@b, a@b"));
	ASSERT_FAILS(from_read(&f, small, &from, &err), RC_NOMEM, &err, "memory");
	CU_ASSERT_EQUAL(from.status, FROM_SEVERAL);
	fields_clear(&f);
	arena_free(small);
}

int main(void)
{
	static const struct test tests[] = {
		{"values of From:", test_table},
		{"the number of From: fields", test_number_of_fields},
		{"Sender: decides between several", test_sender_decides_between_several},
		{"huge values cost their length", test_huge_values_cost_their_length},
		{"out of memory is said", test_out_of_memory_is_said},
	};
	int status;

	arena = arena_new(ARENA_MAX);
	status = arena != NULL ? test_main("from", tests, COUNT_OF(tests)) : 99;
	arena_free(arena);
	return status;
}
