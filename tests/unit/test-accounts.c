/* Whose mailbox is an address? Addresses of every form, details, aliases of domains and addresses, and maps in Postfix'
 * format, whatever is written there. */
#include <stdio.h>
#include <string.h>

#include "conf/accounts.h"
#include "mail/address.h"
#include "test.h"

static struct arena *arena;

/* --- a site ------------------------------------------------------------------------------------- */

/* Not to disk: there are hundreds of them. */
static void write_map(const char *name, struct span text)
{
	FILE *f = fopen(test_path(name), "we");

	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CU_ASSERT_EQUAL(fwrite(text.p, 1, text.len, f), text.len);
	CU_ASSERT_EQUAL(fclose(f), 0);
}

#define SITE                                                                                       \
	"domains = ( { name = \"example.com\"; aliases = [\"example.org\", "                       \
	"\"b\xc3\xbc"                                                                              \
	"cher.example\"]; }, { name = \"b.example\"; }, { name = \"list.example\"; accounts = "    \
	"[\"Ann\", \"bob\"]; }, { name = \"off.example\"; mode = \"disabled\"; } );\n"

static enum rc read_site(const char *text, struct conf **ret, struct conf_problems *p)
{
	struct buf whole;
	struct err err = ERR_INIT;
	enum rc rc;

	buf_init(&whole, 64 << 20);
	CU_ASSERT_EQUAL(buf_addf(&whole, NULL, "%s%s%s",
				 strstr(text, "alias_maps") != NULL ? "" : "alias_maps = []; ",
				 SITE, text),
			RC_OK);
	write_map("mailseal.conf", buf_span(&whole));
	buf_clear(&whole);
	rc = conf_read(test_path("mailseal.conf"), ret, p, &err);
	return rc;
}

/* The configuration TEXT with one map; nothing is said of it. */
static struct conf *site(const char *text, struct span map)
{
	struct conf_problems p;
	struct conf *c = NULL;
	char line[700];

	snprintf(line, sizeof(line), "alias_maps = [\"%s\"]; %s", test_path("map"), text);
	write_map("map", map);
	conf_problems_init(&p);
	CU_ASSERT_EQUAL(read_site(line, &c, &p), RC_OK);
	CU_ASSERT_EQUAL(p.v.len, 0);
	for (size_t i = 0; i < p.v.len; i++)
		fprintf(stderr, "%s\n", ((const struct conf_problem *)vec_at(&p.v, i))->text);
	conf_problems_clear(&p);
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	return c;
}

/* "ACCOUNT(DETAIL) ADDRESS" for each, "-" for an address elsewhere, "*" behind one that an alias led to. */
static void show_targets(const struct account_targets *t, struct buf *out)
{
	out->len = 0;
	for (size_t i = 0; i < t->n; i++) {
		const struct account_target *x = &t->at[i];

		CU_ASSERT_EQUAL(x->domain == NULL, x->account == NULL);
		CU_ASSERT_PTR_NOT_NULL_FATAL(x->address);
		CU_ASSERT_EQUAL(buf_addf(out, NULL, "%s%s", i > 0 ? "; " : "",
					 x->account != NULL ? x->account : "-"),
				RC_OK);
		if (x->account != NULL && x->detail[0] != '\0')
			CU_ASSERT_EQUAL(buf_addf(out, NULL, "(%s)", x->detail), RC_OK);
		CU_ASSERT_EQUAL(buf_addf(out, NULL, " %s%s", x->address, x->by_alias ? "*" : ""),
				RC_OK);
	}
}

static enum rc resolve(const struct conf *c, struct span address, struct buf *out, struct err *err)
{
	struct account_targets targets;
	struct mailbox m;
	enum rc rc;

	arena_reset(arena);
	CU_ASSERT_EQUAL_FATAL(address_envelope_read(address, arena, &m, err), RC_OK);
	rc = accounts_resolve(c, &m, arena, &targets, err);
	out->len = 0;
	if (rc == RC_OK)
		show_targets(&targets, out);
	return rc;
}

struct row {
	const char *label, *address, *want;
};

static void check_rows(const struct conf *c, const struct row *rows, size_t n)
{
	struct err err = ERR_INIT;
	struct buf out;

	buf_init(&out, 1 << 20);
	for (size_t i = 0; i < n; i++) {
		ROW(rows[i].label);
		ASSERT_OK(resolve(c, span_str(rows[i].address), &out, &err), &err);
		ASSERT_SPAN(buf_span(&out), span_str(rows[i].want));
	}
	ROW("");
	buf_clear(&out);
}

/* --- without aliases ---------------------------------------------------------------------------- */

static const struct row plain_rows[] = {
	{"an account", "<jim@example.com>", "jim@example.com jim@example.com"},
	{"without brackets", "jim@example.com", "jim@example.com jim@example.com"},
	{"in capitals", "<JIM@EXAMPLE.COM>", "jim@example.com JIM@EXAMPLE.COM"},
	{"by an alias of the domain", "<Jim@example.org>", "jim@example.com Jim@example.org"},
	{"by a name in U-labels",
	 "<jim@b\xc3\xbc"
	 "cher.example>",
	 "jim@example.com jim@b\xc3\xbc"
	 "cher.example"},
	{"the same in A-labels", "<jim@XN--bcher-kva.example>",
	 "jim@example.com jim@XN--bcher-kva.example"},
	{"a dot behind the domain", "<jim@example.com.>", "jim@example.com jim@example.com"},
	{"in quotes that it does not need", "<\"jim\"@example.com>",
	 "jim@example.com jim@example.com"},
	{"in quotes that it needs", "<\"jim b\"@example.com>",
	 "jim b@example.com \"jim b\"@example.com"},
	{"an @ in quotes", "<\"a@b\"@example.com>", "a@b@example.com \"a@b\"@example.com"},
	{"a quoted pair", "<\"j\\im\"@example.com>", "jim@example.com jim@example.com"},
	{"letters past ASCII", "<J\xc3\x9cRGEN@example.com>",
	 "j\xc3\x9crgen@example.com J\xc3\x9cRGEN@example.com"},
	{"a source route", "<@a.example,@b.example:jim@example.com>",
	 "jim@example.com jim@example.com"},
	{"elsewhere", "<Bob@Else.Example>", "- Bob@Else.Example"},
	{"below a domain of ours", "<jim@sub.example.com>", "- jim@sub.example.com"},
	{"above a domain of ours", "<jim@example>", "- jim@example"},
	{"a domain that looks so", "<jim@notexample.com>", "- jim@notexample.com"},
	{"a literal", "<jim@[192.0.2.1]>", "- jim@[192.0.2.1]"},
	{"an underscore in the domain", "<jim@_x.example.com>", "- jim@_x.example.com"},
	{"a local name", "<Postmaster>", "- Postmaster"},
	{"nobody", "<>", "- "},
	{"a domain that is not enabled", "<jim@off.example>", "jim@off.example jim@off.example"},

	{"a detail", "<jim+box@example.com>", "jim@example.com(box) jim+box@example.com"},
	{"a detail in capitals", "<Jim+Box@Example.Org>",
	 "jim@example.com(Box) Jim+Box@Example.Org"},
	{"two delimiters", "<jim+a+b@example.com>", "jim@example.com(a+b) jim+a+b@example.com"},
	{"an empty detail", "<jim+@example.com>", "jim@example.com jim+@example.com"},
	{"a delimiter in front", "<+box@example.com>", "+box@example.com +box@example.com"},
	{"nothing but delimiters", "<++@example.com>", "+@example.com ++@example.com"},
	{"a detail in quotes", "<\"jim+a b\"@example.com>",
	 "jim@example.com(a b) \"jim+a b\"@example.com"},
	{"a detail elsewhere", "<bob+x@else.example>", "- bob+x@else.example"},

	{"an account that is listed", "<ANN@list.example>", "ann@list.example ANN@list.example"},
	{"listed, with a detail", "<bob+x@list.example>", "bob@list.example(x) bob+x@list.example"},
	{"one that is not", "<eve@list.example>", "- eve@list.example"},
	{"one that begins so", "<an@list.example>", "- an@list.example"},
	{"one that goes on", "<anna@list.example>", "- anna@list.example"},
};

static void test_plain(void)
{
	struct conf *c = site("", SPAN_LIT(""));

	check_rows(c, plain_rows, COUNT_OF(plain_rows));
	conf_free(c);
}

static void test_delimiters(void)
{
	static const struct row none[] = {{"no delimiter", "<jim+box@example.com>",
					   "jim+box@example.com jim+box@example.com"},
					  {"nor another", "<jim-box@example.com>",
					   "jim-box@example.com jim-box@example.com"}};
	static const struct row two[] = {{"the first that comes", "<jim-a+b@example.com>",
					  "jim@example.com(a+b) jim-a+b@example.com"},
					 {"the other one", "<jim+a-b@example.com>",
					  "jim@example.com(a-b) jim+a-b@example.com"}};
	struct conf *c = site("recipient_delimiter = \"\";", SPAN_LIT(""));

	check_rows(c, none, COUNT_OF(none));
	conf_free(c);
	c = site("recipient_delimiter = \"+-\";", SPAN_LIT(""));
	check_rows(c, two, COUNT_OF(two));
	conf_free(c);
}

/* --- aliases ------------------------------------------------------------------------------------ */

/* In the order of virtual(5). The configuration's own names go before those of maps. */
static const char alias_map[] =
	"info@example.com      jim@example.com\n"
	"sales@Example.Org     Jim@example.com, Bob@Else.Example\n"
	"jim+list@example.com  ann@example.com\n"
	"root                  admin@b.example\n"
	"root+mail             spool@b.example\n"
	"team@example.com      team@example.com, jim@example.com\n"
	"a@example.com         b@example.com\n"
	"b@example.com         a@example.com\n"
	"self@example.com      self@example.com\n"
	"twice@example.com     Jim@example.com JIM@example.com jim@example.org\n"
	"boxes@example.com     jim+a@example.com jim+b@example.org JIM+a@example.org\n"
	"@b.example            catch@example.com\n"
	"known@b.example       known@b.example\n"
	"admin@b.example       known@b.example\n"
	"spool@b.example       spool@b.example\n"
	"eve@list.example      ann@list.example\n"
	"both@example.com      map@example.com\n";

static const struct row alias_rows[] = {
	{"an alias", "<info@example.com>", "jim@example.com jim@example.com*"},
	{"in capitals, by another name of the domain", "<INFO@example.ORG>",
	 "jim@example.com jim@example.com*"},
	{"its detail goes on", "<info+x@example.com>", "jim@example.com(x) jim+x@example.com*"},
	{"to several, one elsewhere", "<sales@example.com>",
	 "jim@example.com Jim@example.com*; - Bob@else.example*"},
	{"to several, with a detail", "<sales+x@example.com>",
	 "jim@example.com(x) Jim+x@example.com*; - Bob+x@else.example*"},
	{"an alias that has a detail", "<jim+list@example.com>",
	 "ann@example.com ann@example.com*"},
	{"in capitals", "<JIM+LIST@example.com>", "ann@example.com ann@example.com*"},
	{"another detail is none", "<jim+lists@example.com>",
	 "jim@example.com(lists) jim+lists@example.com"},
	{"a local part alone", "<root@example.com>", "known@b.example known@b.example*"},
	{"in any domain of ours", "<root@off.example>", "known@b.example known@b.example*"},
	{"but in none elsewhere", "<root@else.example>", "- root@else.example"},
	{"and before the one for the domain", "<root@b.example>",
	 "known@b.example known@b.example*"},
	{"a local part alone, with its detail", "<root+mail@example.com>",
	 "spool@b.example spool@b.example*"},
	{"a local part alone, with another", "<root+x@example.com>",
	 "known@b.example(x) known+x@b.example*"},
	{"the whole domain", "<anyone@b.example>", "catch@example.com catch@example.com*"},
	{"but not who is named", "<known@b.example>", "known@b.example known@b.example*"},
	{"who is in a list of itself", "<team@example.com>",
	 "team@example.com team@example.com*; jim@example.com jim@example.com*"},
	{"a circle", "<a@example.com>", "a@example.com a@example.com*"},
	{"the same from the other side", "<b@example.com>", "b@example.com b@example.com*"},
	{"itself", "<self@example.com>", "self@example.com self@example.com*"},
	{"one account, named three times", "<twice@example.com>",
	 "jim@example.com Jim@example.com*"},
	{"two mailboxes of one account", "<boxes@example.com>",
	 "jim@example.com(a) jim+a@example.com*; jim@example.com(b) jim+b@example.org*"},
	{"an account that is not listed, by an alias", "<eve@list.example>",
	 "ann@list.example ann@list.example*"},
	{"the configuration goes before the map", "<both@example.com>",
	 "conf@example.com conf@example.com*"},
};

static void test_aliases(void)
{
	struct conf_problems p;
	struct conf *c = NULL;
	char line[800];

	snprintf(line, sizeof(line),
		 "alias_maps = [\"%s\"]; aliases = ( (\"both@example.com\", \"conf@example.com\") "
		 ");",
		 test_path("map"));
	write_map("map", SPAN_LIT(alias_map));
	conf_problems_init(&p);
	CU_ASSERT_EQUAL(read_site(line, &c, &p), RC_OK);
	CU_ASSERT_EQUAL(p.errors, 0);
	CU_ASSERT_EQUAL(p.warnings, 1); /* both@example.com */
	conf_problems_clear(&p);
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	check_rows(c, alias_rows, COUNT_OF(alias_rows));
	conf_free(c);
}

static void put(struct buf *out, const char *text)
{
	CU_ASSERT_EQUAL(buf_adds(out, text, NULL), RC_OK);
}

/* "PREFIXnBEHIND" */
static void put_number(struct buf *out, const char *prefix, unsigned n, const char *behind)
{
	CU_ASSERT_EQUAL(buf_addf(out, NULL, "%s%u%s", prefix, n, behind), RC_OK);
}

/* As far as it may go, and one step further. */
static void test_limits(void)
{
	struct err err = ERR_INIT;
	struct buf map, out;
	struct conf *c;

	buf_init(&map, 64 << 20);
	buf_init(&out, 64 << 20);
	for (unsigned i = 0; i < ACCOUNT_DEPTH_MAX + 1; i++) {
		put_number(&map, "d", i, "@example.com ");
		put_number(&map, "d", i + 1, "@example.com\n");
	}
	CU_ASSERT_EQUAL(buf_adds(&map, "many@example.com", NULL), RC_OK);
	for (unsigned i = 0; i < ACCOUNT_TARGETS_MAX; i++)
		put_number(&map, " m", i, "@example.com");
	CU_ASSERT_EQUAL(buf_adds(&map, "\nmore@example.com many@example.com x@example.com\n", NULL),
			RC_OK);
	c = site("", buf_span(&map));
	ASSERT_FAILS(resolve(c, SPAN_LIT("<d0@example.com>"), &out, &err), RC_LIMIT, &err,
		     "more than 10 aliases in a row, last d10@example.com (");
	ASSERT_OK(resolve(c, SPAN_LIT("<d1@example.com>"), &out, &err), &err);
	ASSERT_SPAN(buf_span(&out), SPAN_LIT("d11@example.com d11@example.com*"));
	ASSERT_OK(resolve(c, SPAN_LIT("<many@example.com>"), &out, &err), &err);
	ASSERT_FAILS(resolve(c, SPAN_LIT("<more@example.com>"), &out, &err), RC_LIMIT, &err,
		     "lead to more than 1000 addresses");
	conf_free(c);
	buf_clear(&map);
	buf_clear(&out);
}

/* Everybody stands for everybody: all ways through would take years. */
static void test_steps(void)
{
	struct err err = ERR_INIT;
	struct buf map, out;
	struct conf *c;

	buf_init(&map, 1 << 20);
	buf_init(&out, 1 << 20);
	for (unsigned i = 0; i < 9; i++) {
		put_number(&map, "s", i, "@example.com");
		for (unsigned k = 0; k < 9; k++)
			put_number(&map, " s", k, "@example.com");
		put(&map, "\n");
	}
	c = site("", buf_span(&map));
	ASSERT_FAILS(resolve(c, SPAN_LIT("<s0@example.com>"), &out, &err), RC_LIMIT, &err,
		     "more than 10000 aliases for one address, last s");
	conf_free(c);
	buf_clear(&map);
	buf_clear(&out);
}

/* --- maps --------------------------------------------------------------------------------------- */

enum { NOTHING = -1, ERROR = CONF_ERROR, WARNING = CONF_WARNING };

static const struct {
	const char *label;
	struct span map;
	const char *want; /* targets of x@example.com */
	int severity;
	unsigned line;
	const char *words;
} map_rows[] = {
	{"one line", SPAN_LIT("x@example.com a@example.com\n"), "a@example.com a@example.com*",
	 NOTHING, 0, ""},
	{"no line end", SPAN_LIT("x@example.com a@example.com"), "a@example.com a@example.com*",
	 NOTHING, 0, ""},
	{"CRLF", SPAN_LIT("x@example.com a@example.com\r\n# c\r\n\r\n\tb@example.com\r\n"),
	 "a@example.com a@example.com*; b@example.com b@example.com*", NOTHING, 0, ""},
	{"tabs and commas", SPAN_LIT("x@example.com\t,a@example.com,,\tb@example.com ,\n"),
	 "a@example.com a@example.com*; b@example.com b@example.com*", NOTHING, 0, ""},
	{"a colon", SPAN_LIT("x@example.com: a@example.com\n"), "a@example.com a@example.com*",
	 NOTHING, 0, ""},
	{"goes on", SPAN_LIT("x@example.com a@example.com\n b@example.com\n"),
	 "a@example.com a@example.com*; b@example.com b@example.com*", NOTHING, 0, ""},
	{"goes on from its name", SPAN_LIT("x@example.com\n a@example.com\n"),
	 "a@example.com a@example.com*", NOTHING, 0, ""},
	{"goes on behind comments and empty lines",
	 SPAN_LIT("x@example.com a@example.com\n# c@example.com\n \t\n\n  # d@example.com\n "
		  "b@example.com\n"),
	 "a@example.com a@example.com*; b@example.com b@example.com*", NOTHING, 0, ""},
	{"a comment behind white space",
	 SPAN_LIT("x@example.com a@example.com\n\t# b@example.com\n"),
	 "a@example.com a@example.com*", NOTHING, 0, ""},
	{"a comment behind white space first",
	 SPAN_LIT("  # y\n\t#\nx@example.com a@example.com\n"), "a@example.com a@example.com*",
	 NOTHING, 0, ""},
	{"a '#' within a line is none", SPAN_LIT("x@example.com a#b@example.com\n"),
	 "a#b@example.com a#b@example.com*", NOTHING, 0, ""},
	{"goes on from nothing", SPAN_LIT(" a@example.com\nx@example.com b@example.com\n"),
	 "b@example.com b@example.com*", WARNING, 1, "begins with white space"},
	{"brackets", SPAN_LIT("x@example.com <a@example.com>\n"), "a@example.com a@example.com*",
	 NOTHING, 0, ""},
	{"a bare target is of the same domain", SPAN_LIT("x@example.com a\n"),
	 "a@example.com a@example.com*", NOTHING, 0, ""},
	{"twice: the first counts", SPAN_LIT("x@example.com a@example.com\nX@Example.Org b\n"),
	 "a@example.com a@example.com*", WARNING, 2, "given before at "},
	{"an empty file", SPAN_LIT(""), "x@example.com x@example.com", NOTHING, 0, ""},
	{"nothing but comments", SPAN_LIT("#\n\n  \n# x@example.com a@example.com"),
	 "x@example.com x@example.com", NOTHING, 0, ""},
	{"another domain", SPAN_LIT("x@else.example a@example.com\n"),
	 "x@example.com x@example.com", WARNING, 1,
	 "it is no address of a domain of this configuration"},
	{"no target", SPAN_LIT("\nx@example.com\n"), NULL, ERROR, 2, "it has no target"},
	{"a name of bad bytes", SPAN_LIT("\xff\xfe@\x80 a@example.com\n"),
	 "x@example.com x@example.com", WARNING, 1, "it is no address"},
	{"a target of bad bytes", SPAN_LIT("x@example.com \xff@\xfe\n"), NULL, ERROR, 1,
	 "its targets are addresses"},
	{"a control byte", SPAN_LIT("x@example.com a\x01@example.com\n"), NULL, ERROR, 1,
	 "its targets are addresses"},
	{"a CR within a line", SPAN_LIT("x@example.com a@example.com\rb@example.com\n"), NULL,
	 ERROR, 1, "its targets are addresses"},
	{"a NUL", SPAN_LIT("x@example.com a@example.com\n\0"), NULL, ERROR, 0, "a NUL in it"},
	{"a program", SPAN_LIT("x@example.com \"|/bin/sh -c true\"\n"), NULL, ERROR, 1,
	 "its targets are addresses"},
	{"a file", SPAN_LIT("x@example.com /var/mail/x\n"), NULL, ERROR, 1,
	 "its targets are addresses"},
	{"a list of files", SPAN_LIT("x@example.com :include:/etc/list\n"), NULL, ERROR, 1,
	 "its targets are addresses"},
	{"no domain", SPAN_LIT("x@example.com a@\n"), NULL, ERROR, 1, "its targets are addresses"},
	{"no local part", SPAN_LIT("x@example.com @example.com\n"), NULL, ERROR, 1,
	 "its targets are addresses"},
	{"the line of an entry is its first",
	 SPAN_LIT("# c\n\nx@example.com\n a@example.com\n @\n"), NULL, ERROR, 3,
	 "its targets are addresses"},
};

static void check_map(size_t i, struct buf *out)
{
	struct conf_problems p;
	struct conf *c = NULL;
	struct err err = ERR_INIT;
	char line[700];

	snprintf(line, sizeof(line), "alias_maps = [\"%s\"];", test_path("map"));
	write_map("map", map_rows[i].map);
	conf_problems_init(&p);
	CU_ASSERT_EQUAL(read_site(line, &c, &p), map_rows[i].severity == ERROR ? RC_CONF : RC_OK);
	CU_ASSERT_EQUAL(p.v.len, map_rows[i].severity == NOTHING ? 0 : 1);
	for (size_t k = 0; k < p.v.len; k++) {
		const struct conf_problem *x = vec_at(&p.v, k);

		CU_ASSERT_EQUAL((int)x->severity, map_rows[i].severity);
		CU_ASSERT_EQUAL(x->line, map_rows[i].line);
		CU_ASSERT_PTR_NOT_NULL(strstr(x->text, map_rows[i].words));
		if (strstr(x->text, map_rows[i].words) == NULL ||
		    (int)x->severity != map_rows[i].severity)
			fprintf(stderr, "%s: %s\n", map_rows[i].label, x->text);
	}
	if (c != NULL) {
		ASSERT_OK(resolve(c, SPAN_LIT("<x@example.com>"), out, &err), &err);
		ASSERT_SPAN(buf_span(out), span_str(map_rows[i].want));
	}
	conf_problems_clear(&p);
	conf_free(c);
}

static void test_maps(void)
{
	struct buf out;

	buf_init(&out, 1 << 20);
	for (size_t i = 0; i < COUNT_OF(map_rows); i++) {
		ROW(map_rows[i].label);
		check_map(i, &out);
	}
	ROW("");
	buf_clear(&out);
}

/* Lines without end: one name of a megabyte, one entry with too many targets, one line of nothing. */
static void test_huge_lines(void)
{
	enum { HUGE = 1 << 20 };
	struct conf_problems p;
	struct conf *c = NULL;
	struct buf map;
	char line[700];

	buf_init(&map, 64 << 20);
	for (size_t i = 0; i < HUGE; i++)
		CU_ASSERT_EQUAL(buf_addc(&map, 'a', NULL), RC_OK);
	CU_ASSERT_EQUAL(buf_adds(&map, "@example.com x@example.com\ny@example.com", NULL), RC_OK);
	for (size_t i = 0; i <= ACCOUNT_TARGETS_MAX; i++)
		CU_ASSERT_EQUAL(buf_adds(&map, "\n z@example.com", NULL), RC_OK);
	CU_ASSERT_EQUAL(buf_addc(&map, '\n', NULL), RC_OK);
	for (size_t i = 0; i < HUGE; i++)
		CU_ASSERT_EQUAL(buf_addc(&map, ' ', NULL), RC_OK);
	snprintf(line, sizeof(line), "alias_maps = [\"%s\"];", test_path("map"));
	write_map("map", buf_span(&map));
	conf_problems_init(&p);
	CU_ASSERT_EQUAL(read_site(line, &c, &p), RC_CONF);
	CU_ASSERT_EQUAL_FATAL(p.v.len, 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(((const struct conf_problem *)vec_at(&p.v, 0))->text,
				      "it has more than 1000 targets"));
	CU_ASSERT_EQUAL(((const struct conf_problem *)vec_at(&p.v, 0))->line, 2);
	CU_ASSERT_PTR_NULL(c);
	conf_problems_clear(&p);
	buf_clear(&map);
}

/* Several maps: the first that has a name counts. One that is a directory, or is not there, is an error. */
static void test_several_maps(void)
{
	static const struct row rows[] = {
		{"in the first", "<x@example.com>", "one@example.com one@example.com*"},
		{"in the second alone", "<y@example.com>", "two@example.com two@example.com*"}};
	struct conf_problems p;
	struct conf *c = NULL;
	char line[1500];

	write_map("one", SPAN_LIT("x@example.com one@example.com\n"));
	write_map("two",
		  SPAN_LIT("x@example.com two@example.com\ny@example.com two@example.com\n"));
	snprintf(line, sizeof(line), "alias_maps = [\"%s\", \"%s\"];", test_path("one"),
		 test_path("two"));
	conf_problems_init(&p);
	CU_ASSERT_EQUAL(read_site(line, &c, &p), RC_OK);
	CU_ASSERT_EQUAL(p.warnings, 1);
	conf_problems_clear(&p);
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	check_rows(c, rows, COUNT_OF(rows));
	conf_free(c);
	c = NULL;
	snprintf(line, sizeof(line), "alias_maps = [\"%s\", \"%s\"];", test_dir(),
		 test_path("none"));
	conf_problems_init(&p);
	CU_ASSERT_EQUAL(read_site(line, &c, &p), RC_CONF);
	CU_ASSERT_EQUAL(p.errors, 2);
	conf_problems_clear(&p);
	CU_ASSERT_PTR_NULL(c);
}

/* --- random maps, against a reader of a few lines ----------------------------------------------- */

enum { PEOPLE = 8 };

/* Who stands for whom: bits. 0: no alias. */
struct world {
	unsigned to[PEOPLE];
};

static void random_white(struct buf *out)
{
	static const char *const white[] = {" ",	"\t",	  ", ",		  "\n ",
					    "\n# x\n ", "\n\n\t", "\n  # y z\n ", "\r\n "};

	CU_ASSERT_EQUAL(buf_adds(out, white[test_random(COUNT_OF(white))], NULL), RC_OK);
}

static void random_map(struct world *w, struct buf *out)
{
	out->len = 0;
	for (unsigned i = 0; i < PEOPLE; i++) {
		w->to[i] = test_random(2) == 0 ? 0 : 1 + test_random((1 << PEOPLE) - 1);
		if (w->to[i] == 0)
			continue;
		if (test_random(3) == 0)
			CU_ASSERT_EQUAL(buf_adds(out, "# a comment\n\n", NULL), RC_OK);
		put_number(out, "P", i, test_random(2) == 0 ? "@example.com " : "@Example.Org: ");
		for (unsigned k = 0; k < PEOPLE; k++)
			if ((w->to[i] >> k & 1) != 0) {
				random_white(out);
				put_number(out, "p", k, test_random(2) == 0 ? "@example.com" : "");
			}
		CU_ASSERT_EQUAL(buf_adds(out, test_random(2) == 0 ? "\n" : "\r\n", NULL), RC_OK);
	}
}

/* All that a walk reaches and that is no alias, or closes a circle. */
static unsigned reach(const struct world *w, unsigned who, unsigned trail)
{
	unsigned found = 0;

	if (w->to[who] == 0 || (trail >> who & 1) != 0)
		return 1u << who;
	for (unsigned k = 0; k < PEOPLE; k++)
		if ((w->to[who] >> k & 1) != 0)
			found |= reach(w, k, trail | 1u << who);
	return found;
}

static unsigned shown_people(struct span shown)
{
	unsigned found = 0;

	for (unsigned k = 0; k < PEOPLE; k++) {
		char account[30];

		snprintf(account, sizeof(account), "p%u@example.com ", k);
		if (span_search(shown, span_str(account), 0, true) < shown.len)
			found |= 1u << k;
	}
	return found;
}

static void test_random_maps(void)
{
	size_t wrong = 0, limits = 0;
	struct err err = ERR_INIT;
	struct buf map, out;

	buf_init(&map, 1 << 20);
	buf_init(&out, 1 << 20);
	for (unsigned i = 0; i < 300 && wrong == 0; i++) {
		struct world w;
		struct conf *c;

		random_map(&w, &map);
		c = site("", buf_span(&map));
		for (unsigned k = 0; k < PEOPLE; k++) {
			char address[30];
			enum rc rc;

			snprintf(address, sizeof(address), "<p%u@example.com>", k);
			rc = resolve(c, span_str(address), &out, &err);
			limits += rc == RC_LIMIT;
			wrong += rc != RC_LIMIT &&
				 (rc != RC_OK || shown_people(buf_span(&out)) != reach(&w, k, 0));
		}
		if (wrong != 0)
			fprintf(stderr, "%s\n", buf_cstr(&map));
		conf_free(c);
	}
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT_TRUE(limits < 300);
	buf_clear(&map);
	buf_clear(&out);
}

static void test_memory(void)
{
	struct conf *c = site("", SPAN_LIT("x@example.com a@example.com b@example.com\n"));
	struct mailbox m = {.local = SPAN_LIT("x+y"), .domain = SPAN_LIT("example.com")};
	enum rc rc = RC_NOMEM;
	size_t failed = 0;

	for (size_t room = 0; room < 10000 && rc != RC_OK; room += 8) {
		struct arena *little = arena_new(room);
		struct account_targets targets;
		struct err err = ERR_INIT;

		rc = accounts_resolve(c, &m, little, &targets, &err);
		CU_ASSERT_TRUE(rc == RC_OK || (rc == RC_NOMEM && err.text[0] != '\0'));
		failed += rc != RC_OK;
		arena_free(little);
	}
	CU_ASSERT_EQUAL(rc, RC_OK);
	CU_ASSERT_TRUE(failed > 10);
	conf_free(c);
}

int main(void)
{
	static const struct test tests[] = {
		{"addresses", test_plain},
		{"delimiters", test_delimiters},
		{"aliases", test_aliases},
		{"limits", test_limits},
		{"everybody for everybody", test_steps},
		{"maps", test_maps},
		{"huge lines", test_huge_lines},
		{"several maps", test_several_maps},
		{"random maps", test_random_maps},
		{"memory that ends", test_memory},
	};
	int status;

	arena = arena_new(64u << 20);
	status = test_main("accounts", tests, COUNT_OF(tests));
	arena_free(arena);
	return status;
}
