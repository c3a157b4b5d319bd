/* Rules, mailboxes, accounts, aliases, escrow and time zone in the configuration: what is accepted and how it is kept, and
 * what is said of each mistake. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "conf/accounts.h"
#include "conf/conf.h"
#include "conf/rules.h"
#include "conf/zone.h"
#include "crypto/cert.h"
#include "test.h"
#include "testcert.h"

static void write_file(const char *path, struct span text)
{
	struct err e = ERR_INIT;

	ASSERT_OK(file_write_atomic(path, text, 0600, true, &e), &e);
}

/* TEXT as mailseal.conf; the machine's own aliases are left out, unless TEXT has maps. */
static enum rc read_text(const char *text, struct conf **ret, struct conf_problems *p,
			 struct err *e)
{
	struct buf whole;
	enum rc rc;

	buf_init(&whole, 1 << 20);
	CU_ASSERT_EQUAL(buf_addf(&whole, NULL, "%s%s",
				 strstr(text, "alias_maps") != NULL ? "" : "alias_maps = []; ",
				 text),
			RC_OK);
	write_file(test_path("mailseal.conf"), buf_span(&whole));
	buf_clear(&whole);
	rc = conf_read(test_path("mailseal.conf"), ret, p, e);
	return rc;
}

static void show_problems(const struct conf_problems *p)
{
	for (size_t i = 0; i < p->v.len; i++) {
		struct buf out;

		buf_init(&out, 1 << 20);
		if (conf_problem_show(vec_at(&p->v, i), &out, NULL) == RC_OK)
			fprintf(stderr, "  %s\n", buf_cstr(&out));
		buf_clear(&out);
	}
}

static bool said(const struct conf_problems *p, enum conf_severity severity, unsigned line,
		 const char *words)
{
	for (size_t i = 0; i < p->v.len; i++) {
		const struct conf_problem *x = vec_at(&p->v, i);

		if (x->severity == severity && x->line == line && strstr(x->text, words) != NULL)
			return true;
	}
	return false;
}

static struct conf *must_read(const char *text)
{
	struct conf *c = NULL;
	struct conf_problems p;
	struct err e = ERR_INIT;

	conf_problems_init(&p);
	if (!ASSERT_OK(read_text(text, &c, &p, &e), &e) || p.v.len != 0) {
		fprintf(stderr, "%s\n", text);
		show_problems(&p);
		exit(1);
	}
	conf_problems_clear(&p);
	return c;
}

/* One thing is said of TEXT, as SEVERITY, on LINE, with WORDS; FINE: nothing is. */
enum { FINE = -1, ERROR = CONF_ERROR, WARN = CONF_WARNING };

struct row {
	const char *label;
	const char *text;
	int severity;
	unsigned line;
	const char *words;
};

static void check_row(const struct row *row)
{
	struct conf *c = NULL;
	struct conf_problems p;
	struct err e = ERR_INIT;
	enum rc rc;
	bool good;

	conf_problems_init(&p);
	rc = read_text(row->text, &c, &p, &e);
	if (row->severity == FINE)
		good = p.v.len == 0;
	else
		good = p.v.len == 1 &&
		       said(&p, (enum conf_severity)row->severity, row->line, row->words);
	CU_ASSERT(good);
	if (!good) {
		fprintf(stderr, "%s: wanted %d on line %u: %s; got:\n", row->label, row->severity,
			row->line, row->words);
		show_problems(&p);
	}
	CU_ASSERT_EQUAL(rc, row->severity == ERROR ? RC_CONF : RC_OK);
	CU_ASSERT_EQUAL(c == NULL, row->severity == ERROR);
	conf_free(c);
	conf_problems_clear(&p);
}

static void check_rows(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		ROW(rows[i].label);
		check_row(&rows[i]);
	}
	ROW("");
}

/* The world of most rows: line 1; a rule of john's begins on line 2, what is asked about stands on line 3. */
#define SITE                                                                                       \
	"domains = ( { name = \"example.com\"; aliases = [\"example.org\"]; }, { name = "          \
	"\"b.example\"; accounts = [\"Ann\", \"eve\"]; } );\n"
#define ANY_RULE(rest) SITE "rules = ( { name = \"r\";\n" rest " } );"
#define RULE(rest)                                                                                 \
	SITE "rules = ( { name = \"r\"; level = \"account\"; owner = \"john@example.com\";\n" rest \
	     " } );"
#define WHEN(condition) RULE("when = ( " condition " ); do = ( (\"Discard\") );")
#define DO(actions) RULE("do = ( " actions " );")

/* --- what a rule is made of --------------------------------------------------------------------- */

static const struct row rule_rows[] = {
	{"a rule", RULE("do = ( (\"Discard\") );"), FINE, 0, ""},
	{"no rules", SITE "rules = ();", FINE, 0, ""},
	{"rules are no list", SITE "rules = \"none\";", ERROR, 2,
	 "rules: a list of rules ( { ... }, ... ) is wanted"},
	{"one rule without its list", SITE "rules = { name = \"r\"; };", ERROR, 2,
	 "a list of rules"},
	{"a rule is no group", SITE "rules = ( \"Discard\" );", ERROR, 2,
	 "a rule { name = \"...\"; ... } is wanted, found the text \"Discard\""},
	{"no name", SITE "rules = (\n{ level = \"server\"; do = ( (\"Discard\") ); } );", ERROR, 3,
	 "a name is missing: name = \"...\";"},
	{"an empty name",
	 SITE "rules = ( {\nname = \"\"; level = \"server\"; do = ( (\"Discard\") ); } );", ERROR,
	 3, "a name is missing"},
	{"a name that is a number",
	 SITE "rules = ( {\nname = 5; level = \"server\"; do = ( (\"Discard\") ); } );", ERROR, 3,
	 "name: a text in quotes is wanted, found the number 5"},
	{"unknown setting, near", RULE("do = ( (\"Discard\") );\npriorty = 5;"), ERROR, 4,
	 "rule \"r\": \"priorty\" is no setting of a rule; is \"priority\" meant?"},
	{"unknown setting", RULE("do = ( (\"Discard\") );\nunless = ();"), ERROR, 4,
	 "\"unless\" is no setting of a rule (mailseal.conf(5) has all of them)"},
	{"nothing to do", RULE("when = ();"), ERROR, 2, "rule \"r\": it does nothing"},
	{"an empty list to do", RULE("do = ();"), ERROR, 2, "it does nothing"},
	{"do is no list", RULE("do = \"Discard\";"), ERROR, 3,
	 "do: a list of at most 1000 actions"},
	{"when is no list", RULE("do = ( (\"Discard\") );\nwhen = true;"), ERROR, 4,
	 "when: a list of at most 1000 conditions is wanted"},
	{"no condition", RULE("when = (); do = ( (\"Discard\") );"), FINE, 0, ""},

	{"priority 1", RULE("priority = 1; do = ( (\"Discard\") );"), FINE, 0, ""},
	{"priority 9", RULE("priority = 9; do = ( (\"Discard\") );"), FINE, 0, ""},
	{"priority highest", RULE("priority = \"highest\"; do = ( (\"Discard\") );"), FINE, 0, ""},
	{"priority inactive", RULE("priority = \"inactive\"; do = ( (\"Discard\") );"), FINE, 0,
	 ""},
	{"priority 0", RULE("priority = 0; do = ( (\"Discard\") );"), ERROR, 3,
	 "priority (1 to 9, \"highest\", \"inactive\") is wanted, found the number 0"},
	{"priority 10", RULE("priority = 10; do = ( (\"Discard\") );"), ERROR, 3, "the number 10"},
	{"priority -1", RULE("priority = -1; do = ( (\"Discard\") );"), ERROR, 3, "the number -1"},
	{"priority in quotes", RULE("priority = \"5\"; do = ( (\"Discard\") );"), ERROR, 3,
	 "\"5\" is no priority"},
	{"priority, near", RULE("priority = \"higest\"; do = ( (\"Discard\") );"), ERROR, 3,
	 "is \"highest\" meant?"},
	{"priority with a point", RULE("priority = 5.5; do = ( (\"Discard\") );"), ERROR, 3,
	 "found the number 5.5"},

	{"keep_clear without sealing", RULE("keep_clear = true; do = ( (\"Discard\") );"), WARN, 2,
	 "keep_clear: nothing is sealed here"},
	{"keep_clear = false", RULE("keep_clear = false; do = ( (\"Discard\") );"), FINE, 0, ""},
	{"keep_clear in quotes", RULE("keep_clear = \"true\"; do = ( (\"Discard\") );"), ERROR, 3,
	 "keep_clear: true or false, without quotes, is wanted"},
};

static void test_rules(void)
{
	check_rows(rule_rows, COUNT_OF(rule_rows));
}

/* --- levels and owners -------------------------------------------------------------------------- */

#define OWNED(settings) ANY_RULE(settings " do = ( (\"Discard\") );")
#define WITHIN(rule)                                                                               \
	"domains = ( { name = \"example.com\"; aliases = [\"example.org\"];\nrules = ( { name = "  \
	"\"r\"; " rule " do = ( (\"Discard\") ); } ); }, { name = \"b.example\"; accounts = "      \
	"[\"ann\"]; } );"

static const struct row owner_rows[] = {
	{"no level", OWNED("owner = \"john@example.com\";"), ERROR, 2,
	 "level = \"server\", \"domain\" or \"account\"; is missing"},
	{"unknown level, near", OWNED("level = \"acount\";"), ERROR, 3, "is \"account\" meant?"},
	{"unknown level", OWNED("level = \"everybody\";"), ERROR, 3,
	 "\"everybody\" is no level (server, domain, account)"},
	{"level in capitals", OWNED("level = \"Server\";"), ERROR, 3, "is \"server\" meant?"},
	{"level as a number", OWNED("level = 1;"), ERROR, 3, "found the number 1"},

	{"server", OWNED("level = \"server\";"), FINE, 0, ""},
	{"server with an owner", OWNED("level = \"server\"; owner = \"example.com\";"), ERROR, 2,
	 "a rule of the server has no owner"},
	{"server within a domain", WITHIN("level = \"server\";"), ERROR, 2,
	 "domain example.com: rule \"r\": a rule of the server stands at the top level"},

	{"domain", OWNED("level = \"domain\"; owner = \"example.com\";"), FINE, 0, ""},
	{"domain by alias", OWNED("level = \"domain\"; owner = \"Example.ORG\";"), FINE, 0, ""},
	{"domain, no owner", OWNED("level = \"domain\";"), ERROR, 2,
	 "a rule of a domain needs owner = \"example.com\";"},
	{"domain unknown", OWNED("level = \"domain\"; owner = \"examples.com\";"), ERROR, 2,
	 "owner: examples.com is no domain of this configuration; is example.com meant?"},
	{"domain unknown, far", OWNED("level = \"domain\"; owner = \"other.test\";"), ERROR, 2,
	 "owner: other.test is no domain of this configuration"},
	{"an account for a domain", OWNED("level = \"domain\"; owner = \"john@example.com\";"),
	 ERROR, 2, "owner: john@example.com is no domain of this configuration"},
	{"owner is a number", OWNED("level = \"domain\"; owner = 3;"), ERROR, 3,
	 "owner: a text in quotes is wanted, found the number 3"},

	{"account", OWNED("level = \"account\"; owner = \"john@example.com\";"), FINE, 0, ""},
	{"account in capitals, alias of the domain",
	 OWNED("level = \"account\"; owner = \"JOHN@Example.Org\";"), FINE, 0, ""},
	{"account, no owner", OWNED("level = \"account\";"), ERROR, 2,
	 "a rule of an account needs owner = \"john@example.com\";"},
	{"account without a domain", OWNED("level = \"account\"; owner = \"john\";"), ERROR, 2,
	 "\"john\": account@domain is wanted"},
	{"account without a local part", OWNED("level = \"account\"; owner = \"@example.com\";"),
	 ERROR, 2, "\"@example.com\": account@domain is wanted"},
	{"account of an unknown domain",
	 OWNED("level = \"account\"; owner = \"john@example.cmo\";"), ERROR, 2,
	 "john@example.cmo: example.cmo is no domain of this configuration; is example.com"},
	{"account that is listed", OWNED("level = \"account\"; owner = \"ANN@b.example\";"), FINE,
	 0, ""},
	{"account that is not listed", OWNED("level = \"account\"; owner = \"bob@b.example\";"),
	 ERROR, 2, "bob@b.example is no account: domain b.example lists its accounts"},
	{"account with a detail", OWNED("level = \"account\"; owner = \"john+x@example.com\";"),
	 ERROR, 2, "an account has no detail"},

	{"within a domain: of it", WITHIN(""), FINE, 0, ""},
	{"within a domain: said", WITHIN("level = \"domain\"; owner = \"example.org\";"), FINE, 0,
	 ""},
	{"within a domain: an account", WITHIN("owner = \"john@example.com\";"), FINE, 0, ""},
	{"within a domain: an account, by its local part",
	 WITHIN("level = \"account\"; owner = \"john\";"), FINE, 0, ""},
	{"within a domain: another one", WITHIN("owner = \"b.example\";"), ERROR, 2,
	 "owner: it stands within domain example.com and belongs to b.example"},
	{"within a domain: an account of another one", WITHIN("owner = \"ann@b.example\";"), ERROR,
	 2, "it stands within domain example.com and belongs to b.example"},
	{"within a domain: an account without owner", WITHIN("level = \"account\";"), ERROR, 2,
	 "a rule of an account needs owner"},
	{"a domain that is not enabled",
	 "domains = ( { name = \"example.com\"; mode = \"disabled\";\nrules = ( { name = \"r\"; do "
	 "= ( "
	 "(\"Discard\") ); } ); } );",
	 WARN, 2, "domain example.com is not enabled: the rule does nothing"},
	{"an owner that is an alias",
	 SITE
	 "aliases = ( (\"john@example.com\", \"jim@example.com\") ); rules = (\n{ name = \"r\"; "
	 "level = \"account\"; owner = \"john@example.com\"; do = ( (\"Discard\") ); } );",
	 WARN, 3,
	 "john@example.com is an alias (its mail is that of jim@example.com): the rule is "
	 "never asked"},
	{"an owner that is an alias with itself in it",
	 SITE
	 "aliases = ( (\"john@example.com\", \"jim@example.com, john@example.com\") ); rules = "
	 "(\n{ name = \"r\"; level = \"account\"; owner = \"john@example.com\"; do = ( "
	 "(\"Discard\") ); } );",
	 FINE, 0, ""},
};

static void test_owners(void)
{
	check_rows(owner_rows, COUNT_OF(owner_rows));
}

/* --- conditions --------------------------------------------------------------------------------- */

static const struct row condition_rows[] = {
	{"unknown condition, near", WHEN("(\"Form\", \"is\", \"*\")"), ERROR, 3,
	 "rule \"r\": \"Form\" is no condition; is \"From\" meant?"},
	{"unknown condition", WHEN("(\"Colour\", \"is\", \"red\")"), ERROR, 3,
	 "\"Colour\" is no condition (mailseal.conf(5) has all of them)"},
	{"other case", WHEN("(\"from name\", \"is\", \"*\")"), ERROR, 3, "is \"From Name\" meant?"},
	{"condition is a number", WHEN("(1, \"is\", \"*\")"), ERROR, 3,
	 "condition is wanted, found the number 1"},
	{"condition is a text", WHEN("\"From\""), ERROR, 3,
	 "when: a condition (\"From\", \"in\", \"*@bank.example\") is wanted"},
	{"condition is empty", WHEN("()"), ERROR, 3, "when: a condition"},
	{"no operator", WHEN("(\"From\")"), ERROR, 3,
	 "\"From\" wants an operator and a value: (\"From\", \"...\", \"...\")"},
	{"no value", WHEN("(\"From\", \"is\")"), ERROR, 3, "wants an operator and a value"},
	{"two values", WHEN("(\"From\", \"in\", \"a@b\", \"c@d\")"), ERROR, 3,
	 "wants an operator and a value"},
	{"unknown operator, near", WHEN("(\"From\", \"isnot\", \"*\")"), ERROR, 3,
	 "\"isnot\" is no operator; is \"is not\" meant?"},
	{"unknown operator", WHEN("(\"From\", \"matches\", \"*\")"), ERROR, 3,
	 "\"matches\" is no operator"},
	{"operator is a number", WHEN("(\"From\", 1, \"*\")"), ERROR, 3,
	 "operator is wanted, found the number 1"},
	{"value is a number", WHEN("(\"Subject\", \"is\", 5)"), ERROR, 3,
	 "a value in quotes is wanted"},
	{"value is a list", WHEN("(\"From\", \"in\", [\"a@b\", \"c@d\"])"), ERROR, 3,
	 "a value in quotes is wanted"},
	{"Human Generated", WHEN("(\"Human Generated\")"), FINE, 0, ""},
	{"Human Generated with a value", WHEN("(\"Human Generated\", \"is\", \"true\")"), ERROR, 3,
	 "\"Human Generated\" has neither operator nor value"},

	{"an empty list", WHEN("(\"From\", \"in\", \" , ,\")"), ERROR, 3,
	 "the list of \"in\" is empty"},
	{"an empty negative list", WHEN("(\"From\", \"not in\", \"\")"), ERROR, 3,
	 "the list of \"not in\" is empty"},
	{"an empty picture", WHEN("(\"Subject\", \"is\", \"\")"), FINE, 0, ""},
	{"no address", WHEN("(\"From\", \"is\", \"bank.example\")"), WARN, 3,
	 "\"bank.example\" is no address and has no '*': it matches nothing; is \"*@bank.example\" "
	 "meant?"},
	{"no address, in a list", WHEN("(\"Any Recipient\", \"in\", \"a@b.example, jim\")"), WARN,
	 3, "is \"*@jim\" meant?"},
	{"the null sender", WHEN("(\"Return-Path\", \"is\", \"<>\")"), FINE, 0, ""},
	{"a comma with is", WHEN("(\"From\", \"is\", \"a@b.example,c@d.example\")"), WARN, 3,
	 "has a comma, which no address has; is \"in\" meant?"},
	{"a comma with is not", WHEN("(\"From\", \"is not\", \"*@b.example,*@d.example\")"), WARN,
	 3, "is \"not in\" meant?"},
	{"a comma in a Subject", WHEN("(\"Subject\", \"is\", \"one, two\")"), FINE, 0, ""},
	{"a picture of 1000 bytes fits, one more does not",
	 WHEN("(\"Subject\", \"in\", \"" /* 1001 = 10 * 100 + 1 */
#define TEN "aaaaaaaaaa"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define THOUSAND HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED
	      THOUSAND "," THOUSAND "a\")"),
	 ERROR, 3, "a picture of more than 1000 bytes"},

	{"Security encrypted", WHEN("(\"Security\", \"is\", \"Encrypted\")"), FINE, 0, ""},
	{"Security, as the reference writes it",
	 WHEN("(\"Security\", \"in\", \"*encrypted*,*signed*\")"), FINE, 0, ""},
	{"Security unknown, near", WHEN("(\"Security\", \"is\", \"encrypt\")"), ERROR, 3,
	 "\"encrypt\" is no word of Security (encrypted, signed); is \"encrypted\" meant?"},
	{"Security, a list with is", WHEN("(\"Security\", \"is\", \"encrypted,signed\")"), ERROR, 3,
	 "is no word of Security"},
	{"Source, all", WHEN("(\"Source\", \"in\", \"trusted,authenticated,local,relayed\")"), FINE,
	 0, ""},
	{"Source unknown", WHEN("(\"Source\", \"not in\", \"trusted,nowhere\")"), ERROR, 3,
	 "\"nowhere\" is no word of Source (trusted, authenticated, local, relayed)"},
	{"Current Day", WHEN("(\"Current Day\", \"in\", \"Mon, tuesday, WED\")"), FINE, 0, ""},
	{"Current Day unknown", WHEN("(\"Current Day\", \"is\", \"Mo\")"), ERROR, 3,
	 "\"mo\" is no day (Mon, Tue, Wed, Thu, Fri, Sat, Sun)"},
	{"Current Day compared", WHEN("(\"Current Day\", \"less than\", \"Tue\")"), ERROR, 3,
	 "\"Current Day\" cannot be asked with \"less than\"; \"is\", \"is not\", \"in\" or \"not "
	 "in\" "
	 "is wanted"},
	{"Message Size with is", WHEN("(\"Message Size\", \"is\", \"25MB\")"), ERROR, 3,
	 "\"Message Size\" cannot be asked with \"is\"; \"less than\" or \"greater than\" is "
	 "wanted"},
	{"Message Size", WHEN("(\"Message Size\", \"less than\", \"25MiB\")"), FINE, 0, ""},
	{"Message Size in bytes", WHEN("(\"Message Size\", \"greater than\", \"0\")"), FINE, 0, ""},
	{"Message Size, no size", WHEN("(\"Message Size\", \"less than\", \"25M\")"), ERROR, 3,
	 "Message Size: "},
	{"Message Size negative", WHEN("(\"Message Size\", \"less than\", \"-1\")"), ERROR, 3,
	 "Message Size: "},
	{"Message Size past 64 bits", WHEN("(\"Message Size\", \"less than\", \"99999999999GB\")"),
	 ERROR, 3, "Message Size: "},

	{"Submit Address", WHEN("(\"Submit Address\", \"in\", \"192.0.2.*,2001:db8:*\")"), FINE, 0,
	 ""},
	{"Submit Address as a network", WHEN("(\"Submit Address\", \"not in\", \"10.0.0.0/8\")"),
	 WARN, 3,
	 "\"10.0.0.0/8\" matches no address: networks are written with '*', such as \"10.*\""},
	{"Message-ID in brackets", WHEN("(\"Message-ID\", \"is\", \"<a@b>\")"), WARN, 3,
	 "\"<a@b>\" has angle brackets, which are left out here; is \"a@b\" meant?"},

	{"time", WHEN("(\"Time Of Day\", \"less than\", \"08:30\")"), FINE, 0, ""},
	{"time with seconds", WHEN("(\"Time Of Day\", \"greater than\", \"17:00:59\")"), FINE, 0,
	 ""},
	{"the end of the day", WHEN("(\"Time Of Day\", \"less than\", \"24:00\")"), FINE, 0, ""},
	{"past the end of the day", WHEN("(\"Time Of Day\", \"less than\", \"24:01\")"), ERROR, 3,
	 "\"24:01\" is no time of day, such as \"08:30\" or \"17:00:00\""},
	{"minute 60", WHEN("(\"Time Of Day\", \"less than\", \"08:60\")"), ERROR, 3,
	 "is no time of day"},
	{"second 60", WHEN("(\"Time Of Day\", \"less than\", \"08:00:60\")"), ERROR, 3, "no time"},
	{"no minutes", WHEN("(\"Time Of Day\", \"less than\", \"8\")"), ERROR, 3, "no time of day"},
	{"am", WHEN("(\"Time Of Day\", \"less than\", \"8:00am\")"), ERROR, 3, "no time of day"},
	{"a colon too many", WHEN("(\"Time Of Day\", \"less than\", \"8:00:00:\")"), ERROR, 3,
	 "no time"},
	{"a sign", WHEN("(\"Time Of Day\", \"less than\", \"-8:00\")"), ERROR, 3, "no time of day"},
	{"time with is", WHEN("(\"Time Of Day\", \"is\", \"08:30\")"), ERROR, 3,
	 "cannot be asked with"},
	{"date", WHEN("(\"Current Date\", \"less than\", \"1 Feb 2027\")"), FINE, 0, ""},
	{"date and time", WHEN("(\"Current Date\", \"greater than\", \"28 feb 2027 14:30:00\")"),
	 FINE, 0, ""},
	{"29 Feb of a leap year", WHEN("(\"Current Date\", \"less than\", \"29 Feb 2028\")"), FINE,
	 0, ""},
	{"29 Feb of another", WHEN("(\"Current Date\", \"less than\", \"29 Feb 2027\")"), ERROR, 3,
	 "\"29 Feb 2027\" is no date, such as \"1 Feb 2027\" or \"1 Feb 2027 14:30:00\""},
	{"29 Feb 2100", WHEN("(\"Current Date\", \"less than\", \"29 Feb 2100\")"), ERROR, 3,
	 "no date"},
	{"day 0", WHEN("(\"Current Date\", \"less than\", \"0 Feb 2027\")"), ERROR, 3,
	 "is no date"},
	{"31 Apr", WHEN("(\"Current Date\", \"less than\", \"31 Apr 2027\")"), ERROR, 3,
	 "is no date"},
	{"year of two digits", WHEN("(\"Current Date\", \"less than\", \"1 Feb 27\")"), ERROR, 3,
	 "is no date"},
	{"year of five digits", WHEN("(\"Current Date\", \"less than\", \"1 Feb 20270\")"), ERROR,
	 3, "is no date"},
	{"a month in whole", WHEN("(\"Current Date\", \"less than\", \"1 February 2027\")"), ERROR,
	 3, "is no date"},
	{"ISO 8601", WHEN("(\"Current Date\", \"less than\", \"2027-02-01\")"), ERROR, 3,
	 "is no date"},
	{"rest behind a date", WHEN("(\"Current Date\", \"less than\", \"1 Feb 2027x\")"), ERROR, 3,
	 "is no date"},
};

static void test_conditions(void)
{
	check_rows(condition_rows, COUNT_OF(condition_rows));
}

static const char *const operators[] = {"is",	  "is not",    "in",
					"not in", "less than", "greater than"};

struct kind_row {
	enum condition_kind kind;
	const char *name, *value;
	bool number;
};

static const struct kind_row kind_rows[] = {
	{COND_FROM, "From", "*@a.example", false},
	{COND_SENDER, "Sender", "*@a.example", false},
	{COND_RETURN_PATH, "Return-Path", "*@a.example", false},
	{COND_TO, "To", "*@a.example", false},
	{COND_CC, "Cc", "*@a.example", false},
	{COND_REPLY_TO, "Reply-To", "*@a.example", false},
	{COND_ANY_TO_OR_CC, "Any To or Cc", "*@a.example", false},
	{COND_EACH_TO_OR_CC, "Each To or Cc", "*@a.example", false},
	{COND_FROM_NAME, "From Name", "Ann*", false},
	{COND_SUBJECT, "Subject", "*bank*", false},
	{COND_MESSAGE_ID, "Message-ID", "*@a.example", false},
	{COND_SIZE, "Message Size", "25MB", true},
	{COND_HEADER_FIELD, "Header Field", "X-Spam: yes*", false},
	{COND_ANY_RECIPIENT, "Any Recipient", "*@a.example", false},
	{COND_EACH_RECIPIENT, "Each Recipient", "*@a.example", false},
	{COND_SECURITY, "Security", "encrypted", false},
	{COND_SOURCE, "Source", "relayed", false},
	{COND_SUBMIT_ADDRESS, "Submit Address", "192.0.2.*", false},
	{COND_TIME_OF_DAY, "Time Of Day", "12:00", true},
	{COND_DATE, "Current Date", "1 Feb 2027", true},
	{COND_DAY, "Current Day", "Mon", false},
};

static void check_operator(const struct kind_row *k, unsigned op)
{
	bool wanted = k->number == (op >= 4);
	char text[1000];
	struct conf *c;

	snprintf(text, sizeof(text),
		 RULE("when = ( (\"%s\", \"%s\", \"%s\") ); do = ( (\"Discard\") );"), k->name,
		 operators[op], k->value);
	if (!wanted) {
		check_row(&(struct row){k->name, text, ERROR, 3, "cannot be asked with"});
		return;
	}
	c = must_read(text);
	CU_ASSERT_EQUAL_FATAL(c->rules.n, 1);
	CU_ASSERT_EQUAL_FATAL(c->rules.at[0].n_when, 1);
	CU_ASSERT_EQUAL(c->rules.at[0].when[0].kind, k->kind);
	CU_ASSERT_EQUAL(c->rules.at[0].when[0].op, OP_IS + op);
	ASSERT_STR(c->rules.at[0].when[0].text, k->value);
	ASSERT_STR(condition_name(k->kind), k->name);
	ASSERT_STR(condition_op_name((enum condition_op)(OP_IS + op)), operators[op]);
	CU_ASSERT_EQUAL(c->rules.at[0].when[0].pictures == NULL, k->number);
	conf_free(c);
}

/* Every condition with every operator: taken and kept, or refused. */
static void test_operators(void)
{
	CU_ASSERT_EQUAL(COUNT_OF(kind_rows) + 1, CONDITIONS); /* and Human Generated */
	for (size_t i = 0; i < COUNT_OF(kind_rows); i++) {
		ROW(kind_rows[i].name);
		for (unsigned op = 0; op < COUNT_OF(operators); op++)
			check_operator(&kind_rows[i], op);
	}
	ROW("");
}

/* What is kept of a condition: pictures folded, '|' between them, or a number. */
static const struct {
	const char *label, *condition, *pictures;
	int64_t number;
} kept_rows[] = {
	{"one picture, folded", "(\"Subject\", \"is\", \"  Bank \xc3\x9c*\")", "  bank \xc3\xbc*",
	 0},
	{"a list, trimmed", "(\"Subject\", \"in\", \" One ,, TWO two ,\")", "one|two two", 0},
	{"a comma is no list with is", "(\"Subject\", \"is\", \"a, b\")", "a, b", 0},
	{"whole names of days", "(\"Current Day\", \"in\", \"Sunday,MON\")", "sun|mon", 0},
	{"decimal size", "(\"Message Size\", \"less than\", \"25MB\")", "", 25000000},
	{"binary size", "(\"Message Size\", \"less than\", \"1KiB\")", "", 1024},
	{"time", "(\"Time Of Day\", \"less than\", \"8:05\")", "", 8 * 3600 + 300},
	{"time with seconds", "(\"Time Of Day\", \"less than\", \"23:59:59\")", "", 86399},
	{"date in UTC", "(\"Current Date\", \"less than\", \"1 Feb 2027\")", "", 1801440000},
	{"date and time", "(\"Current Date\", \"less than\", \"1 Feb 2027 0:00:01\")", "",
	 1801440001},
	{"the first date", "(\"Current Date\", \"less than\", \"1 Jan 1970\")", "", 0},
	{"the last date", "(\"Current Date\", \"less than\", \"31 Dec 9999 23:59:59\")", "",
	 INT64_C(253402300799)},
};

static void test_kept(void)
{
	for (size_t i = 0; i < COUNT_OF(kept_rows); i++) {
		const struct rule_condition *when;
		struct buf joined;
		char text[1000];
		struct conf *c;

		ROW(kept_rows[i].label);
		snprintf(text, sizeof(text), "timezone = \"UTC\"; " WHEN("%s"),
			 kept_rows[i].condition);
		c = must_read(text);
		when = &c->rules.at[0].when[0];
		CU_ASSERT_EQUAL(when->number, kept_rows[i].number);
		buf_init(&joined, 1000);
		for (size_t p = 0; when->pictures != NULL && when->pictures[p] != NULL; p++)
			CU_ASSERT_EQUAL(buf_addf(&joined, NULL, "%s%s", p > 0 ? "|" : "",
						 when->pictures[p]),
					RC_OK);
		ASSERT_SPAN(buf_span(&joined), span_str(kept_rows[i].pictures));
		buf_clear(&joined);
		conf_free(c);
	}
	ROW("");
}

/* --- actions ------------------------------------------------------------------------------------ */

#define STORE(box) DO("(\"Store in\", \"" box "\")")
#define SHARED_STORE(who, shared, box)                                                             \
	SITE "mailboxes = { shared = ( (\"" who "\", \"" shared "\") ); };\nrules = ( { name = "   \
	     "\"r\"; level = \"account\"; owner = \"john@example.com\"; do = ( (\"Store in\", "    \
	     "\"" box "\") ); } );"

static const struct row action_rows[] = {
	{"unknown action, near", DO("(\"Store Encrypted\", \"INBOX\")"), ERROR, 3,
	 "\"Store Encrypted\" is no action"},
	{"unknown action, one letter", DO("(\"Discart\")"), ERROR, 3, "is \"Discard\" meant?"},
	{"an action is a text", DO("\"Discard\""), ERROR, 3, "do: an action in ( ) is wanted"},
	{"an action is empty", DO("()"), ERROR, 3, "do: an action in ( ) is wanted"},
	{"an action is a number", DO("(5)"), ERROR, 3, "action is wanted, found the number 5"},
	{"Discard with a value", DO("(\"Discard\", \"all\")"), ERROR, 3,
	 "\"Discard\" has no value"},
	{"Stop Processing", DO("(\"Stop Processing\")"), FINE, 0, ""},
	{"Stop Processing with a value", DO("(\"Stop Processing\", \"now\")"), ERROR, 3,
	 "\"Stop Processing\" has no value"},
	{"Store in without a value", DO("(\"Store in\")"), ERROR, 3,
	 "\"Store in\" wants one value"},
	{"Store in with two", DO("(\"Store in\", \"A\", \"B\")"), ERROR, 3, "wants one value"},
	{"Store in a number", DO("(\"Store in\", 5)"), ERROR, 3,
	 "\"Store in\": a text in quotes is wanted"},

	{"a box", STORE("Bank"), FINE, 0, ""},
	{"a box in a box", STORE("Bank/2026/a.b_c-d"), FINE, 0, ""},
	{"inbox", STORE("inbox"), FINE, 0, ""},
	{"no box", STORE(""), ERROR, 3, "\"\" is no mailbox: "},
	{"a box with a space", STORE("My Box"), ERROR, 3, "\"My Box\" is no mailbox"},
	{"a box with a plus", STORE("a+b"), ERROR, 3, "is no mailbox"},
	{"a box with an umlaut", STORE("Entw\xc3\xbcrfe"), ERROR, 3,
	 "of letters, digits, '.', '_' and '-'"},
	{"a box with a percent sign", STORE("a%b"), ERROR, 3, "is no mailbox"},
	{"a box called ..", STORE(".."), ERROR, 3, "is no mailbox"},
	{"a box through ..", STORE("a/../b"), ERROR, 3, "is no mailbox"},
	{"a box called .", STORE("a/."), ERROR, 3, "is no mailbox"},
	{"a box called ...", STORE("a/..."), FINE, 0, ""},
	{"an empty name", STORE("a//b"), ERROR, 3, "is no mailbox"},
	{"a slash in front", STORE("/a"), ERROR, 3, "is no mailbox"},
	{"a slash behind", STORE("a/"), ERROR, 3, "is no mailbox"},
	{"a box of 200 bytes", STORE(HUNDRED HUNDRED), FINE, 0, ""},
	{"a box of 201 bytes", STORE(HUNDRED HUNDRED "a"), ERROR, 3, "is no mailbox"},
	{"one's own, by name", STORE("~john/Box"), FINE, 0, ""},
	{"one's own, by name and alias", STORE("~JOHN@example.org/Box"), FINE, 0, ""},
	{"~ and no account", STORE("~/Box"), ERROR, 3, "is no mailbox"},
	{"~ and no box", STORE("~jim"), ERROR, 3, "is no mailbox"},
	{"~ and an empty box", STORE("~jim/"), ERROR, 3, "is no mailbox"},
	{"~ without local part", STORE("~@example.com/Box"), ERROR, 2, "account@domain is wanted"},
	{"~ with a detail", STORE("~jim+x/Box"), ERROR, 2, "an account has no detail"},
	{"~ of an unknown domain", STORE("~jim@exmple.com/Box"), ERROR, 2,
	 "jim@exmple.com: exmple.com is no domain of this configuration; is example.com meant?"},
	{"~ of an account that is not listed", STORE("~bob@b.example/Box"), ERROR, 2,
	 "bob@b.example is no account: domain b.example lists its accounts"},
	{"another's", STORE("~jim/Box"), ERROR, 2,
	 "john@example.com may not store into ~jim@example.com/Box; mailboxes = { shared = ( "
	 "(\"john@example.com\", \"~jim@example.com/Box\") ); }; would allow it"},
	{"public", STORE("~public/Box"), ERROR, 2, "may not store into ~public@example.com/Box"},

	{"shared with the account",
	 SHARED_STORE("john@example.com", "~jim@example.com/Box", "~jim/Box"), FINE, 0, ""},
	{"shared, in other words",
	 SHARED_STORE("JOHN@example.org", "~Jim@Example.Org/inbox", "~jim@example.org/Inbox"), FINE,
	 0, ""},
	{"shared with another",
	 SHARED_STORE("jane@example.com", "~jim@example.com/Box", "~jim/Box"), ERROR, 3,
	 "may not store into"},
	{"another box is shared",
	 SHARED_STORE("john@example.com", "~jim@example.com/Box", "~jim/Box2"), ERROR, 3,
	 "may not store into"},
	{"another's box is shared",
	 SHARED_STORE("john@example.com", "~jane@example.com/Box", "~jim/Box"), ERROR, 3,
	 "may not store into"},
	{"boxes of the same letters",
	 SHARED_STORE("john@example.com", "~jim@example.com/BOX", "~jim/Box"), ERROR, 3,
	 "may not store into"},
	{"shared with the domain",
	 SHARED_STORE("example.com", "~public@example.com/*", "~public/a/b"), FINE, 0, ""},
	{"shared with the domain by alias",
	 SHARED_STORE("example.org", "~public@example.com/*", "~public/a"), FINE, 0, ""},
	{"shared with another domain",
	 SHARED_STORE("b.example", "~public@example.com/*", "~public/a"), ERROR, 3,
	 "may not store into"},
	{"some are shared", SHARED_STORE("example.com", "~public@example.com/In/*", "~public/In/a"),
	 FINE, 0, ""},
	{"others are", SHARED_STORE("example.com", "~public@example.com/In/*", "~public/Out/a"),
	 ERROR, 3, "may not store into"},

	{"Redirect To", DO("(\"Redirect To\", \"jim@example.com, Joe@Else.Example\")"), FINE, 0,
	 ""},
	{"Mirror To",
	 DO("(\"Mirror To\", \"<\\\"a b\\\"@b\xc3\xbc"
	    "cher.example>\")"),
	 FINE, 0, ""},
	{"Redirect To nobody", DO("(\"Redirect To\", \"\")"), ERROR, 3, "\"\" is no address"},
	{"Redirect To a name", DO("(\"Redirect To\", \"jim\")"), ERROR, 3, "\"jim\" is no address"},
	{"Redirect To an empty one", DO("(\"Redirect To\", \"a@b.example,,c@d.example\")"), ERROR,
	 3, "\"\" is no address"},
	{"Redirect To the null address", DO("(\"Redirect To\", \"<>\")"), ERROR, 3,
	 "\"<>\" is no address"},
	{"Redirect To no domain", DO("(\"Redirect To\", \"a@b..example\")"), ERROR, 3,
	 "\"a@b..example\" is no address"},
	{"Redirect To a literal", DO("(\"Redirect To\", \"a@[192.0.2.1]\")"), ERROR, 3,
	 "is no address"},

	{"Reject with", DO("(\"Reject with\", \"we do not want it\")"), FINE, 0, ""},
	{"Reject with nothing", DO("(\"Reject with\", \"\")"), ERROR, 3,
	 "\"Reject with\": a line of 1 to 400 ASCII characters is wanted"},
	{"Reject with an umlaut", DO("(\"Reject with\", \"f\xc3\xbcr\")"), ERROR, 3,
	 "ASCII characters"},
	{"Reject with 400", DO("(\"Reject with\", \"" HUNDRED HUNDRED HUNDRED HUNDRED "\")"), FINE,
	 0, ""},
	{"Reject with 401", DO("(\"Reject with\", \"" HUNDRED HUNDRED HUNDRED HUNDRED "a\")"),
	 ERROR, 3, "1 to 400 ASCII"},
	{"Quarantine", DO("(\"Quarantine\")"), FINE, 0, ""},
	{"Quarantine, a reason", DO("(\"Quarantine\", \"odd\")"), FINE, 0, ""},
	{"Quarantine, an empty reason", DO("(\"Quarantine\", \"\")"), ERROR, 3,
	 "\"Quarantine\": a line"},
	{"Tag Subject",
	 DO("(\"Tag Subject\", \"[\xc3\xbc"
	    "berpr\xc3\xbc"
	    "ft]\")"),
	 FINE, 0, ""},
	{"Tag Subject with nothing", DO("(\"Tag Subject\", \"\")"), ERROR, 3,
	 "\"Tag Subject\": a text of 1 to 400 bytes"},
	{"Tag Subject, no UTF-8", DO("(\"Tag Subject\", \"[\\xfcber]\")"), ERROR, 3,
	 "\"Tag Subject\": UTF-8 is wanted"},
	{"Add Header", DO("(\"Add Header\", \"X-Rule: seen\")"), FINE, 0, ""},
	{"Add Header without a colon", DO("(\"Add Header\", \"X-Rule\")"), ERROR, 3,
	 "\"Add Header\": \"Name: value\" of at most 400 ASCII characters is wanted"},
	{"Add Header without a name", DO("(\"Add Header\", \": x\")"), ERROR, 3, "\"Name: value\""},
	{"Add Header without a value", DO("(\"Add Header\", \"X-Rule: \")"), ERROR, 3,
	 "\"Name: value\""},
	{"Add Header, a space in the name", DO("(\"Add Header\", \"X Rule: x\")"), ERROR, 3,
	 "\"Name: value\""},
	{"Add Header, an umlaut", DO("(\"Add Header\", \"X-Rule: \xc3\xbc\")"), ERROR, 3,
	 "\"Name: value\""},
	{"Add Header From", DO("(\"Add Header\", \"from: a@b.example\")"), ERROR, 3,
	 "\"Add Header\" cannot add from"},
	{"Add Header Content-", DO("(\"Add Header\", \"Content-Type: text/html\")"), ERROR, 3,
	 "cannot add Content-Type"},
	{"Add Header MIME-Version", DO("(\"Add Header\", \"MIME-Version: 1.0\")"), ERROR, 3,
	 "cannot add"},
	{"Add Header DKIM-Signature", DO("(\"Add Header\", \"DKIM-Signature: x\")"), ERROR, 3,
	 "cannot add"},

	{"behind Discard", DO("(\"Discard\"), (\"Store in\", \"A\")"), ERROR, 3,
	 "\"Store in\" comes after \"Discard\", behind which nothing is done"},
	{"behind Reject with", DO("(\"Reject with\", \"no\"), (\"Discard\")"), ERROR, 3,
	 "\"Discard\" comes after \"Reject with\""},
	{"behind Stop Processing", DO("(\"Stop Processing\"), (\"Discard\")"), ERROR, 3,
	 "\"Discard\" comes after \"Stop Processing\""},

	{"a server's rule stores into a box",
	 ANY_RULE("level = \"server\"; do = ( (\"Store in\", \"A\") );"), ERROR, 2,
	 "a rule of the server names mailboxes as \"~account@domain/A\""},
	{"a server's rule, an account",
	 ANY_RULE("level = \"server\"; do = ( (\"Store in\", "
		  "\"~jim@example.com/A\") );"),
	 FINE, 0, ""},
	{"a server's rule, an account without domain",
	 ANY_RULE("level = \"server\"; do = ( (\"Store in\", \"~jim/A\") );"), ERROR, 2,
	 "\"jim\": account@domain is wanted"},
	{"a server's rule, an account of the only domain",
	 "domains = ( { name = \"example.com\"; } ); rules = ( { name = \"r\"; level = \"server\"; "
	 "do = "
	 "( (\"Store in\", \"~jim/A\") ); } );",
	 FINE, 0, ""},
};

static void test_actions(void)
{
	check_rows(action_rows, COUNT_OF(action_rows));
}

/* Level and owner of one rule with all its settings; what every kind of action keeps. */
static void test_kept_actions(void)
{
	struct conf *c = must_read(
		SITE
		"mailboxes = { shared = ( (\"john@example.com\", \"~jim@example.com/*\") ); };\n"
		"rules = ( { name = \"all\"; level = \"account\"; owner = \"John@Example.Org\";"
		" priority = \"highest\"; do = ( (\"Store in\", \"inbox\"), (\"Store in\", "
		"\"~JIM@example.org/Bank/2026\"), (\"Store in\", \"~john/X\"), (\"Add Header\", "
		"\"X-A:  b c \"), (\"Tag Subject\", \"[t]\"), (\"Redirect To\", "
		"\"a@B\xc3\xbc"
		"cher.example , \\\"x y\\\"@c.example\"), (\"Mirror To\", "
		"\"m@c.example\"), (\"Quarantine\", \"why\"), (\"Reject with\", \"go away\") ); "
		"} );");
	const struct rule *r = &c->rules.at[0];
	const struct rule_action *a = r->todo;

	CU_ASSERT_EQUAL_FATAL(c->rules.n, 1);
	ASSERT_STR(r->name, "all");
	CU_ASSERT_EQUAL(r->level, RULE_ACCOUNT);
	ASSERT_STR(r->owner, "john@example.com");
	CU_ASSERT_EQUAL(r->priority, RULE_HIGHEST);
	ASSERT_STR(r->file, test_path("mailseal.conf"));
	CU_ASSERT_EQUAL(r->line, 3);
	CU_ASSERT_EQUAL(r->n_when, 0);
	CU_ASSERT_EQUAL_FATAL(r->n_todo, 9);
	CU_ASSERT_FALSE(c->rules.seal);
	for (size_t i = 0; i < 3; i++)
		CU_ASSERT_EQUAL(a[i].kind, ACTION_STORE);
	ASSERT_STR(a[0].mailbox.box, "INBOX");
	CU_ASSERT_PTR_NULL(a[0].mailbox.account);
	ASSERT_STR(a[1].mailbox.box, "Bank/2026");
	ASSERT_STR(a[1].mailbox.account, "jim@example.com");
	ASSERT_STR(a[2].mailbox.box, "X");
	CU_ASSERT_PTR_NULL(a[2].mailbox.account);
	CU_ASSERT_EQUAL(a[3].kind, ACTION_ADD_HEADER);
	ASSERT_STR(a[3].field, "X-A");
	ASSERT_STR(a[3].text, " b c");
	CU_ASSERT_EQUAL(a[4].kind, ACTION_TAG_SUBJECT);
	ASSERT_STR(a[4].text, "[t]");
	CU_ASSERT_EQUAL(a[5].kind, ACTION_REDIRECT);
	ASSERT_STR(a[5].addresses[0], "a@xn--bcher-kva.example");
	ASSERT_STR(a[5].addresses[1], "x y@c.example");
	CU_ASSERT_PTR_NULL(a[5].addresses[2]);
	CU_ASSERT_EQUAL(a[6].kind, ACTION_MIRROR);
	ASSERT_STR(a[6].addresses[0], "m@c.example");
	CU_ASSERT_EQUAL(a[7].kind, ACTION_QUARANTINE);
	ASSERT_STR(a[7].text, "why");
	CU_ASSERT_EQUAL(a[8].kind, ACTION_REJECT);
	ASSERT_STR(a[8].text, "go away");
	conf_free(c);
}

/* --- what a rule cannot mean -------------------------------------------------------------------- */

#define SEAL "(\"Store Encrypted in\", \"INBOX\")"
#define SEAL_TO_JIM "(\"Store Encrypted in\", \"~jim/INBOX\")"
#define SHARE "mailboxes = { shared = ( (\"example.com\", \"~jim@example.com/*\") ); }; "
#define MEANS(rest) SHARE RULE(rest)

static const struct row meaning_rows[] = {
	{"sealed and discarded", MEANS("do = ( " SEAL ", (\"Discard\") );"), FINE, 0, ""},
	{"sealed, the clear one goes on", MEANS("do = ( " SEAL " );"), ERROR, 2,
	 "the clear message goes on to the same account beside the sealed one: end with "
	 "(\"Discard\"), or say keep_clear = true;"},
	{"sealed, and stop", MEANS("do = ( " SEAL ", (\"Stop Processing\") );"), ERROR, 2,
	 "end with (\"Discard\")"},
	{"one's own box by name",
	 MEANS("do = ( (\"Store Encrypted in\", \"~john@example.org/INBOX\") );"), ERROR, 2,
	 "end with (\"Discard\")"},
	{"keep_clear", MEANS("keep_clear = true; do = ( " SEAL " );"), ERROR, 2,
	 "keep_clear: a sealed and a clear message need copies of a message (deliver.reentry), "
	 "which "
	 "are not built yet"},
	{"keep_clear and Discard", MEANS("keep_clear = true; do = ( " SEAL ", (\"Discard\") );"),
	 WARN, 2, "keep_clear: (\"Discard\") takes the clear message away"},
	{"sealed in two boxes of one account",
	 MEANS("do = ( " SEAL ", (\"Store Encrypted in\", \"Bank\"), (\"Discard\") );"), FINE, 0,
	 ""},
	{"sealed for two", MEANS("do = ( " SEAL ", " SEAL_TO_JIM ", (\"Discard\") );"), ERROR, 2,
	 "what is sealed and what else it stores or sends need copies"},
	{"sealed and stored", MEANS("do = ( " SEAL ", (\"Store in\", \"A\"), (\"Discard\") );"),
	 ERROR, 2, "need copies"},
	{"sealed and redirected",
	 MEANS("do = ( (\"Redirect To\", \"a@b.test\"), " SEAL ", (\"Discard\") );"), ERROR, 2,
	 "need copies"},
	{"sealed and mirrored",
	 MEANS("do = ( " SEAL ", (\"Mirror To\", \"a@b.test\"), (\"Discard\") );"), ERROR, 2,
	 "need copies"},
	{"sealed and rejected", MEANS("do = ( " SEAL ", (\"Reject with\", \"no\") );"), ERROR, 2,
	 "to store a message that is rejected needs copies"},
	{"for another, and discarded", MEANS("do = ( " SEAL_TO_JIM ", (\"Discard\") );"), FINE, 0,
	 ""},
	{"for another, the clear one goes on", MEANS("do = ( " SEAL_TO_JIM " );"), ERROR, 2,
	 "the clear message goes on beside the sealed one, which needs copies of a message "
	 "(deliver.reentry), which are not built yet: end with (\"Discard\")"},
	{"for another, and a later rule discards",
	 SHARE SITE
	 "rules = ( { name = \"r\"; level = \"account\"; owner = \"john@example.com\"; priority "
	 "= 6; do = ( " SEAL_TO_JIM " ); }, { name = \"s\"; level = \"domain\"; owner = "
	 "\"example.com\"; do = ( (\"Discard\") ); } );",
	 FINE, 0, ""},
	{"for another, and an earlier rule discards",
	 SHARE SITE
	 "rules = (\n{ name = \"r\"; level = \"account\"; owner = \"john@example.com\"; priority "
	 "= 4; do = ( " SEAL_TO_JIM " ); }, { name = \"s\"; level = \"domain\"; owner = "
	 "\"example.com\"; do = ( (\"Discard\") ); } );",
	 ERROR, 3, "end with (\"Discard\")"},
	{"for another, and a rule of somebody else discards",
	 SHARE SITE "rules = (\n{ name = \"r\"; level = \"account\"; owner = \"john@example.com\"; "
		    "do = ( " SEAL_TO_JIM " ); }, { name = \"s\"; level = \"account\"; owner = "
		    "\"jane@example.com\"; do = ( (\"Discard\") ); } );",
	 ERROR, 3, "end with (\"Discard\")"},
	{"an inactive rule may need copies",
	 MEANS("priority = \"inactive\"; do = ( " SEAL ", " SEAL_TO_JIM ", (\"Discard\") );"), FINE,
	 0, ""},
	{"an inactive rule that leaks is told of",
	 MEANS("priority = \"inactive\"; do = ( " SEAL " );"), ERROR, 2, "end with (\"Discard\")"},
	{"an inactive rule is read all the same",
	 RULE("priority = \"inactive\"; do = ( (\"Discart\") );"), ERROR, 3,
	 "is \"Discard\" meant?"},
};

static void test_meaning(void)
{
	check_rows(meaning_rows, COUNT_OF(meaning_rows));
}

/* --- mailboxes.shared, accounts, aliases --------------------------------------------------------- */

static const struct row site_rows[] = {
	{"shared: no list", SITE "mailboxes = { shared = \"x\"; };", ERROR, 2,
	 "mailboxes.shared: pairs (\"account or domain\", \"~account@domain/Mailbox\") are wanted"},
	{"shared: no pair", SITE "mailboxes = { shared = (\n(\"john@example.com\") ); };", ERROR, 3,
	 "pairs"},
	{"shared: three", SITE "mailboxes = { shared = ( (\"a\", \"b\", \"c\") ); };", ERROR, 2,
	 "pairs"},
	{"shared: a number", SITE "mailboxes = { shared = ( (\"a\", 5) ); };", ERROR, 2, "pairs"},
	{"shared: who is unknown",
	 SITE "mailboxes = { shared = ( (\"john@other.test\", \"~jim@example.com/A\") ); };", ERROR,
	 2,
	 "(\"john@other.test\", \"~jim@example.com/A\"): john@other.test: other.test is no domain "
	 "of "
	 "this configuration"},
	{"shared: a domain that is unknown",
	 SITE "mailboxes = { shared = ( (\"other.test\", \"~jim@example.com/A\") ); };", ERROR, 2,
	 ": other.test is no domain of this configuration"},
	{"shared: everybody", SITE "mailboxes = { shared = ( (\"*\", \"~jim@example.com/A\") ); };",
	 ERROR, 2, "*: * is no domain of this configuration"},
	{"shared: no domain of the mailbox",
	 SITE "mailboxes = { shared = ( (\"example.com\", \"~jim/A\") ); };", ERROR, 2,
	 "\"jim\": account@domain is wanted"},
	{"shared: no ~",
	 SITE "mailboxes = { shared = ( (\"example.com\", \"jim@example.com/A\") ); };", ERROR, 2,
	 "the mailbox is written as \"~account@domain/Box\""},
	{"shared: no box",
	 SITE "mailboxes = { shared = ( (\"example.com\", \"~jim@example.com/\") ); };", ERROR, 2,
	 "is written as"},
	{"shared: a box that cannot be",
	 SITE "mailboxes = { shared = ( (\"example.com\", \"~jim@example.com/My Box\") ); };",
	 ERROR, 2, "of letters, digits, '.', '_', '-' and '*'"},
	{"shared: a box through ..",
	 SITE "mailboxes = { shared = ( (\"example.com\", \"~jim@example.com/../A\") ); };", ERROR,
	 2, "of letters, digits"},
	{"shared: an account that is not listed",
	 SITE "mailboxes = { shared = ( (\"example.com\", \"~bob@b.example/A\") ); };", ERROR, 2,
	 "domain b.example lists its accounts"},

	{"accounts: any", "domains = ( { name = \"example.com\"; accounts = \"any\"; } );", FINE, 0,
	 ""},
	{"accounts: none", "domains = ( { name = \"example.com\"; accounts = []; } );", FINE, 0,
	 ""},
	{"accounts: a word", "domains = ( { name = \"example.com\"; accounts = \"all\"; } );",
	 ERROR, 1, "\"any\" or a list of local parts is wanted, found \"all\""},
	{"accounts: an address",
	 "domains = ( { name = \"example.com\"; accounts = [\"jim@example.com\"]; } );", ERROR, 1,
	 "\"jim@example.com\": only what stands before the '@' is wanted"},
	{"accounts: a number", "domains = ( { name = \"example.com\"; accounts = [5]; } );", ERROR,
	 1, "found the number 5"},

	{"aliases: no list", SITE "aliases = \"x\";", ERROR, 2,
	 "aliases: pairs (\"alias@example.com\", \"account@example.com, other@example.net\") are "
	 "wanted"},
	{"aliases: no pair", SITE "aliases = (\n\"x\" );", ERROR, 3, "pairs"},
	{"aliases: no target", SITE "aliases = ( (\"x@example.com\", \" , \") );", ERROR, 2,
	 "alias \"x@example.com\": it has no target"},
	{"aliases: a bare target", SITE "aliases = ( (\"x@example.com\", \"jim\") );", FINE, 0, ""},
	{"aliases: bare both", SITE "aliases = ( (\"x\", \"jim\") );", ERROR, 2,
	 "alias \"x\": its targets are addresses, account@domain"},
	{"aliases: bare name", SITE "aliases = ( (\"x\", \"jim@example.com\") );", FINE, 0, ""},
	{"aliases: a program", SITE "aliases = ( (\"x@example.com\", \"|/bin/cat\") );", ERROR, 2,
	 "its targets are addresses"},
	{"aliases: a file", SITE "aliases = ( (\"x@example.com\", \"/var/mail/x\") );", ERROR, 2,
	 "its targets are addresses"},
	{"aliases: a bad domain", SITE "aliases = ( (\"x@example.com\", \"a@b..c\") );", ERROR, 2,
	 "its targets are addresses"},
	{"aliases: not ours", SITE "aliases = ( (\"x@other.test\", \"jim@example.com\") );", WARN,
	 2, "it is no address of a domain of this configuration and has no effect"},
	{"aliases: twice",
	 SITE "aliases = ( (\"x@example.com\", \"a@example.com\"),\n(\"X@Example.Org\", "
	      "\"b@example.com\") "
	      ");",
	 WARN, 3, "alias \"x@example.com\": given before at "},
	{"aliases: a whole domain", SITE "aliases = ( (\"@example.com\", \"a@b.example\") );", FINE,
	 0, ""},
	{"alias_maps: none there", SITE "alias_maps = [\"/nonexistent/aliases\"];", ERROR, 0,
	 "alias_maps: "},

	{"timezone", "timezone = \"Europe/Berlin\";", FINE, 0, ""},
	{"timezone: the system's", "timezone = \"\";", FINE, 0, ""},
	{"timezone: unknown", "\ntimezone = \"Europe/Bielefeld\";", ERROR, 2, "timezone: "},
	{"timezone: out of the directory", "timezone = \"../../../etc/passwd\";", ERROR, 1,
	 "timezone: \"../../../etc/passwd\" is no name of a time zone"},
	{"timezone: absolute", "timezone = \"/etc/localtime\";", ERROR, 1,
	 "is no name of a time zone"},
	{"timezone: no zone file", "timezone = \"tzdata.zi\";", ERROR, 1, "timezone: "},
	{"timezone: a directory", "timezone = \"Europe\";", ERROR, 1, "timezone: "},

	{"escrow: none", "domains = ( { name = \"example.com\"; escrow = \"\"; } );", FINE, 0, ""},
	{"escrow: missing",
	 "domains = ( { name = \"example.com\"; escrow = \"/nonexistent/escrow.pem\"; } );", ERROR,
	 1, "escrow: /nonexistent/escrow.pem: "},
	{"escrow: a number", "domains = ( { name = \"example.com\"; escrow = 5; } );", ERROR, 1,
	 "escrow: the path of a certificate (PEM), or \"\", is wanted"},
};

static void test_site(void)
{
	check_rows(site_rows, COUNT_OF(site_rows));
}

/* --- escrow -------------------------------------------------------------------------------------- */

static void put_cert(const char *name, struct testcert *c)
{
	struct buf pem;

	buf_init(&pem, 1 << 16);
	testcert_make(c);
	testcert_pem(c, &pem);
	write_file(test_path(name), buf_span(&pem));
	buf_clear(&pem);
}

static void check_escrow(const char *name, int severity, const char *words)
{
	char text[1000];

	ROW(name);
	snprintf(text, sizeof(text), "domains = ( { name = \"example.com\";\nescrow = \"%s\"; } );",
		 test_path(name));
	check_row(&(struct row){name, text, severity, 2, words});
	ROW("");
}

static void test_escrow(void)
{
	struct testcert rsa = {.cn = "escrow"}, ec = {.cn = "escrow", .key = "p256"},
			small = {.cn = "escrow", .key = "rsa1024"};
	struct cert *wanted;
	char text[1000];
	struct conf *c;

	put_cert("rsa.pem", &rsa);
	put_cert("ec.pem", &ec);
	put_cert("small.pem", &small);
	write_file(test_path("no.pem"), SPAN_LIT("this is no certificate\n"));
	write_file(test_path("empty.pem"), SPAN_LIT(""));
	check_escrow("rsa.pem", FINE, "");
	check_escrow("ec.pem", ERROR, "an RSA certificate of at least 2048 bits is wanted");
	check_escrow("small.pem", ERROR, "an RSA certificate of at least 2048 bits is wanted");
	check_escrow("no.pem", ERROR, "no.pem: ");
	check_escrow("empty.pem", ERROR, "empty.pem: ");
	check_escrow("", ERROR, "directory");
	snprintf(text, sizeof(text),
		 "domains = ( { name = \"a.example\"; escrow = \"%s\"; }, { name = \"b.example\"; "
		 "} );",
		 test_path("rsa.pem"));
	c = must_read(text);
	wanted = testcert_cert(&rsa);
	CU_ASSERT_PTR_NOT_NULL_FATAL(c->domains[0].escrow);
	ASSERT_STR(cert_fingerprint(c->domains[0].escrow), cert_fingerprint(wanted));
	CU_ASSERT_PTR_NULL(c->domains[1].escrow);
	cert_unref(wanted);
	conf_free(c);
	testcert_free(&rsa);
	testcert_free(&ec);
	testcert_free(&small);
}

/* --- order --------------------------------------------------------------------------------------- */

/* A directory with mailseal.conf and domains.d of its own. */
static const char *make_site(const char *name, const char *text)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/domains.d", test_path(name));
	CU_ASSERT_EQUAL(mkdir(test_path(name), 0700), 0);
	CU_ASSERT_EQUAL(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/mailseal.conf", name);
	write_file(test_path(path), span_str(text));
	return test_path(path);
}

static void add_to_site(const char *name, const char *file, const char *text)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/domains.d/%s", name, file);
	write_file(test_path(path), span_str(text));
}

static void assert_run(const struct conf *c, enum rule_level level, const char *owner,
		       const char *wanted)
{
	struct buf names;
	size_t n = 99;
	const struct rule *run = rules_of(&c->rules, level, owner, &n);

	CU_ASSERT_EQUAL(run == NULL, n == 0);
	buf_init(&names, 10000);
	for (size_t i = 0; i < n; i++)
		CU_ASSERT_EQUAL(buf_addf(&names, NULL, "%s%s", i > 0 ? " " : "", run[i].name),
				RC_OK);
	ASSERT_SPAN(buf_span(&names), span_str(wanted));
	buf_clear(&names);
}

#define ACCOUNT_RULE(name, owner, priority)                                                        \
	"{ name = \"" name "\"; level = \"account\"; owner = \"" owner "\"; priority = " priority  \
	"; do = ( (\"Discard\") ); }"
#define DOMAIN_RULE(name, owner, priority)                                                         \
	"{ name = \"" name "\"; level = \"domain\"; owner = \"" owner "\"; priority = " priority   \
	"; do = ( (\"Discard\") ); }"
#define SERVER_RULE(name, priority)                                                                \
	"{ name = \"" name "\"; level = \"server\"; priority = " priority                          \
	"; do = ( (\"Discard\") ); }"

/* The highest first, ties in the order of the files, inactive ones nowhere; each owner its own. */
static void test_order(void)
{
	const char
		*main_file =
			make_site("order",
				  "alias_maps = []; domains = ( { name = \"example.com\"; aliases "
				  "= [\"example.org\"]; "
				  "rules = ( { name = \"d1\"; do = ( (\"Discard\") ); } ); } );\n"
				  "rules = ( " SERVER_RULE("s3", "3") ", " SERVER_RULE("s9", "9") ", " SERVER_RULE("off", "\"inactive\"") ", " SERVER_RULE("top", "\"highest\"") ", " ACCOUNT_RULE(
					  "a5", "jim@example.com",
					  "5") ", " ACCOUNT_RULE("b5", "JIM@example.org",
								 "5") ", " ACCOUNT_RULE("gone",
											"jim@"
											"example."
											"com",
											"\"inactive"
											"\"") ","
											      " " ACCOUNT_RULE("a9", "jim@example.com", "9") ", " ACCOUNT_RULE(
												      "john",
												      "john@example.com",
												      "1") ", " DOMAIN_RULE("d9",
															    "example.org",
															    "9") ", " DOMAIN_RULE("never",
																		  "b.example",
																		  "\"inactive\"") " );\n");
	struct conf *c = NULL;
	struct err e = ERR_INIT;

	add_to_site("order", "2.conf",
		    "domains = ( { name = \"c.example\"; rules = ( { name = \"c\"; do = ( "
		    "(\"Discard\") ); }, { name = \"ann\"; level = \"account\"; owner = \"ann\"; "
		    "do = ( "
		    "(\"Discard\") ); } ); } );");
	add_to_site("order", "1.conf", "domains = ( { name = \"b.example\"; } );");
	ASSERT_OK(conf_read(main_file, &c, NULL, &e), &e);
	if (c == NULL)
		return;
	assert_run(c, RULE_SERVER, "", "top s9 s3");
	assert_run(c, RULE_DOMAIN, "example.com", "d9 d1");
	assert_run(c, RULE_ACCOUNT, "jim@example.com", "a9 a5 b5");
	assert_run(c, RULE_ACCOUNT, "john@example.com", "john");
	assert_run(c, RULE_ACCOUNT, "JIM@example.com", "");
	assert_run(c, RULE_DOMAIN, "example.org", "");
	assert_run(c, RULE_DOMAIN, "b.example", "");
	assert_run(c, RULE_DOMAIN, "c.example", "c");
	assert_run(c, RULE_ACCOUNT, "ann@c.example", "ann");
	assert_run(c, RULE_ACCOUNT, "", "");
	assert_run(c, RULE_SERVER, "example.com", "");
	ASSERT_STR(rules_of(&c->rules, RULE_DOMAIN, "c.example", &(size_t){0})->file,
		   test_path("order/domains.d/2.conf"));
	conf_free(c);
}

/* Does an active rule seal? */
static void test_seal(void)
{
	static const struct {
		const char *label, *text;
		bool seals;
	} seal_rows[] = {
		{"none", SITE, false},
		{"one", RULE("do = ( " SEAL ", (\"Discard\") );"), true},
		{"inactive", RULE("priority = \"inactive\"; do = ( " SEAL ", (\"Discard\") );"),
		 false},
		{"another action", RULE("do = ( (\"Store in\", \"A\") );"), false},
	};

	for (size_t i = 0; i < COUNT_OF(seal_rows); i++) {
		struct conf *c = must_read(seal_rows[i].text);

		ROW(seal_rows[i].label);
		CU_ASSERT_EQUAL(c->rules.seal, seal_rows[i].seals);
		conf_free(c);
	}
	ROW("");
}

/* Ties between the rules of a domain and of its accounts are settled by struct rule's order: that of the files. */
static void test_file_order(void)
{
	struct conf *c = must_read(
		SITE "rules = ( " ACCOUNT_RULE("one", "jim@example.com", "5") ", " DOMAIN_RULE(
			"two", "example.com", "5") ", " ACCOUNT_RULE("three", "jim@example.com",
								     "5") " );");
	size_t n;
	const struct rule *account = rules_of(&c->rules, RULE_ACCOUNT, "jim@example.com", &n);
	const struct rule *domain = rules_of(&c->rules, RULE_DOMAIN, "example.com", &n);

	CU_ASSERT_FATAL(account != NULL && domain != NULL);
	ASSERT_STR(account[0].name, "one");
	CU_ASSERT(account[0].order < domain[0].order && domain[0].order < account[1].order);
	conf_free(c);
}

/* --- accounts and aliases, as they are kept ------------------------------------------------------- */

static void test_accounts(void)
{
	struct conf *c = must_read("domains = ( { name = \"a.example\"; accounts = [\"zoe\", "
				   "\"Ann\", \"bob\"]; }, { name = "
				   "\"b.example\"; accounts = []; }, { name = \"c.example\"; } );");

	ASSERT_STR(c->domains[0].accounts[0], "ann");
	ASSERT_STR(c->domains[0].accounts[1], "bob");
	ASSERT_STR(c->domains[0].accounts[2], "zoe");
	CU_ASSERT_PTR_NULL(c->domains[0].accounts[3]);
	CU_ASSERT_PTR_NOT_NULL_FATAL(c->domains[1].accounts);
	CU_ASSERT_PTR_NULL(c->domains[1].accounts[0]);
	CU_ASSERT_PTR_NULL(c->domains[2].accounts);
	conf_free(c);
}

static void show_aliases(const struct conf *c, struct buf *out)
{
	for (size_t i = 0; i < c->aliases->n; i++) {
		const struct conf_alias *a = &c->aliases->at[i];

		CU_ASSERT_EQUAL(buf_addf(out, NULL, "%s =", a->name), RC_OK);
		for (const char *const *t = a->targets; *t != NULL; t++)
			CU_ASSERT_EQUAL(buf_addf(out, NULL, " %s", *t), RC_OK);
		CU_ASSERT_EQUAL(buf_addf(out, NULL, " (%u)\n", a->line), RC_OK);
	}
}

/* A map as virtual(5) or aliases(5) has it; what the configuration says goes before it. */
static void test_alias_map(void)
{
	static const char map[] = "# comment\n"
				  "\n"
				  "Sales@Example.Org  ann@example.com,\tbob@b\xc3\xbc"
				  "cher.example\n"
				  "info: ann@example.com\n"
				  "\t  cid@example.com\n"
				  "# comment in between\n"
				  "    dan@example.com\n"
				  "@example.com   rest@example.net\r\n"
				  "bare@example.com eve\n"
				  "other@else.test x@example.com\n"
				  "nothing@example.com\n"
				  "root@example.com from-the-map@example.com";
	static const char kept[] =
		"@example.com = rest@example.net (8)\n"
		"bare@example.com = eve@example.com (9)\n"
		"info = ann@example.com cid@example.com dan@example.com (4)\n"
		"root@example.com = admin@example.com (1)\n"
		"sales@example.com = ann@example.com bob@xn--bcher-kva.example (3)\n";
	struct conf_problems p;
	struct err e = ERR_INIT;
	struct conf *c = NULL;
	struct buf shown;
	char text[1000];

	write_file(test_path("map"), span_str(map));
	snprintf(text, sizeof(text),
		 "alias_maps = [\"%s\"]; aliases = ( (\"root@example.com\", \"admin@example.com\") "
		 "); " SITE,
		 test_path("map"));
	conf_problems_init(&p);
	CU_ASSERT_EQUAL(read_text(text, &c, &p, &e), RC_CONF);
	CU_ASSERT_EQUAL(p.errors, 1);
	CU_ASSERT_EQUAL(p.warnings, 2);
	CU_ASSERT(said(&p, CONF_ERROR, 11, "alias \"nothing@example.com\": it has no target"));
	CU_ASSERT(said(&p, CONF_WARNING, 10, "alias \"other@else.test\": it is no address"));
	CU_ASSERT(said(&p, CONF_WARNING, 12, "alias \"root@example.com\": given before at "));
	conf_problems_clear(&p);
	write_file(test_path("map"), span_of(map, (size_t)(strstr(map, "other@") - map)));
	c = must_read(text);
	buf_init(&shown, 10000);
	show_aliases(c, &shown);
	ASSERT_SPAN(buf_span(&shown), span_str(kept));
	buf_clear(&shown);
	conf_free(c);
}

static void test_alias_map_binary(void)
{
	char text[400];

	write_file(test_path("map.db"), span_of("a\0b", 3));
	snprintf(text, sizeof(text), "alias_maps = [\"%s\"]; " SITE, test_path("map.db"));
	check_row(&(struct row){"a NUL", text, ERROR, 0,
				"a NUL in it: the text is wanted, not its .db"});
}

/* --- all at once --------------------------------------------------------------------------------- */

static void test_all_at_once(void)
{
	static const char text[] =
		SITE "mailboxes = { shared = ( (\"x\", \"y\") ); };\n"
		     "rules = ( { name = \"one\"; level = \"sever\";\n"
		     "when = ( (\"Form\", \"is\", \"*\"),\n"
		     "(\"Subject\", \"si\", \"*\") );\n"
		     "do = ( (\"Store in\", \"..\"),\n"
		     "(\"Redirect To\", \"x\") ); },\n"
		     "{ name = \"two\"; level = \"account\"; owner = \"a@other.test\";\n"
		     "do = ( (\"Store in\", \"~b@other.test/X\"), (\"Discrad\") ); },\n"
		     "{ name = \"three\"; level = \"account\"; owner = \"a@example.com\";\n"
		     "do = ( (\"Store in\", \"~b/X\"), (\"Store in\", \"~c/X\") ); } );\n"
		     "aliases = ( (\"x@example.com\", \"\") );\n";
	static const struct {
		unsigned line;
		const char *words;
	} wanted[] = {
		{2, "mailboxes.shared: (\"x\", \"y\")"},
		{3, "rule \"one\": \"sever\" is no level (server, domain, account); is \"server\""},
		{4, "rule \"one\": \"Form\" is no condition"},
		{5, "rule \"one\": \"si\" is no operator"},
		{6, "rule \"one\": \"..\" is no mailbox"},
		{7, "rule \"one\": \"x\" is no address"},
		{8, "rule \"two\": a@other.test: other.test is no domain"},
		{8, "rule \"two\": b@other.test: other.test is no domain"},
		{9, "rule \"two\": \"Discrad\" is no action; is \"Discard\" meant?"},
		{10, "rule \"three\": a@example.com may not store into ~b@example.com/X"},
		{10, "rule \"three\": a@example.com may not store into ~c@example.com/X"},
		{12, "alias \"x@example.com\": it has no target"},
	};
	struct conf_problems p;
	struct err e = ERR_INIT;
	struct conf *c = NULL;

	conf_problems_init(&p);
	ASSERT_FAILS(read_text(text, &c, &p, &e), RC_CONF, &e, "12 errors in the configuration");
	CU_ASSERT_EQUAL(p.v.len, COUNT_OF(wanted));
	for (size_t i = 0; i < COUNT_OF(wanted); i++) {
		ROW(wanted[i].words);
		CU_ASSERT(said(&p, CONF_ERROR, wanted[i].line, wanted[i].words));
	}
	ROW("");
	if (p.v.len != COUNT_OF(wanted))
		show_problems(&p);
	conf_problems_clear(&p);
}

/* A file that cannot be read may have had the names that are missing: nothing is said of them. */
static void test_incomplete(void)
{
	const char *main_file = make_site(
		"incomplete",
		"alias_maps = []; " RULE("do = ( (\"Store in\", \"~ann@c.example/X\") );"));
	struct conf_problems p;
	struct err e = ERR_INIT;
	struct conf *c = NULL;

	add_to_site("incomplete", "c.conf", "domains = ( { name = c.example; } );");
	conf_problems_init(&p);
	ASSERT_FAILS(conf_read(main_file, &c, &p, &e), RC_CONF, &e, "needs quotes");
	CU_ASSERT_EQUAL(p.v.len, 1);
	conf_problems_clear(&p);
}

/* Ten thousand rules are read, sorted and found; the cost is that of sorting. */
static void test_many(void)
{
	struct buf text;
	struct conf *c;
	size_t n;

	buf_init(&text, 16 << 20);
	CU_ASSERT_EQUAL(buf_adds(&text, SITE "rules = ( ", NULL), RC_OK);
	for (unsigned i = 0; i < 10000; i++)
		CU_ASSERT_EQUAL(
			buf_addf(&text, NULL,
				 "%s{ name = \"r%u\"; level = \"account\"; owner = "
				 "\"u%u@example.com\"; priority = %u; do = ( (\"Discard\") ); }",
				 i > 0 ? ",\n" : "", i, i % 1000, 1 + i / 1000 % 9),
			RC_OK);
	CU_ASSERT_EQUAL(buf_adds(&text, " );", NULL), RC_OK);
	c = must_read(buf_cstr(&text));
	CU_ASSERT_EQUAL(c->rules.n, 10000);
	assert_run(c, RULE_ACCOUNT, "u7@example.com",
		   "r8007 r7007 r6007 r5007 r4007 r3007 r2007 r1007 "
		   "r7 r9007");
	(void)rules_of(&c->rules, RULE_ACCOUNT, "u1000@example.com", &n);
	CU_ASSERT_EQUAL(n, 0);
	conf_free(c);
	buf_clear(&text);
}

int main(void)
{
	static const struct test tests[] = {
		{"what a rule is made of", test_rules},
		{"levels and owners", test_owners},
		{"conditions, good and bad", test_conditions},
		{"every condition with every operator", test_operators},
		{"what is kept of a condition", test_kept},
		{"actions and mailboxes, good and bad", test_actions},
		{"what is kept of a rule and its actions", test_kept_actions},
		{"what a rule cannot mean", test_meaning},
		{"shared mailboxes, accounts, aliases, time zone", test_site},
		{"escrow", test_escrow},
		{"order of the rules", test_order},
		{"order of the files between a domain and its accounts", test_file_order},
		{"is anything sealed?", test_seal},
		{"accounts of a domain", test_accounts},
		{"a map of aliases", test_alias_map},
		{"a map of aliases that is a database", test_alias_map_binary},
		{"all mistakes at once", test_all_at_once},
		{"what may stand in a file that cannot be read", test_incomplete},
		{"ten thousand rules", test_many},
	};

	return test_main("rules-conf", tests, COUNT_OF(tests));
}
