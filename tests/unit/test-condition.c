/* Conditions of rules: each with every operator, on fields of every form, and what is answered before all is known. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/condition.h"
#include "rulesroom.h"
#include "test.h"

static const char site[] = "domains = ( { name = \"example.com\"; } );\n";

/* TEXT in quotes of libconfig. */
static void quote(const char *text, struct buf *out)
{
	CU_ASSERT_EQUAL(buf_addc(out, '"', NULL), RC_OK);
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			CU_ASSERT_EQUAL(buf_addc(out, '\\', NULL), RC_OK);
		CU_ASSERT_EQUAL(buf_addc(out, *text, NULL), RC_OK);
	}
	CU_ASSERT_EQUAL(buf_addc(out, '"', NULL), RC_OK);
}

/* A configuration whose one rule has the condition (KIND, OP, VALUE); OP NULL: (KIND). */
static void open_room(struct room *room, const char *zone, const char *kind, const char *op,
		      const char *value)
{
	struct buf conf;

	buf_init(&conf, 1 << 20);
	CU_ASSERT_EQUAL(buf_addf(&conf, NULL,
				 "timezone = \"%s\"; %srules = ( { name = \"r\"; level "
				 "= \"server\"; when = ( (",
				 zone, site),
			RC_OK);
	quote(kind, &conf);
	if (op != NULL) {
		CU_ASSERT_EQUAL(buf_addc(&conf, ',', NULL), RC_OK);
		quote(op, &conf);
		CU_ASSERT_EQUAL(buf_addc(&conf, ',', NULL), RC_OK);
		quote(value, &conf);
	}
	CU_ASSERT_EQUAL(buf_adds(&conf, ") ); do = ( (\"Discard\") ); } );", NULL), RC_OK);
	room_open(room, test_dir(), buf_cstr(&conf), NULL, 0);
	buf_clear(&conf);
}

static enum truth ask(const struct rule_condition *c, struct room_letter *l,
		      enum evidence_need *ret_need)
{
	struct err e = ERR_INIT;
	struct span value;
	enum truth held = TRUTH_UNKNOWN;

	ASSERT_OK(condition_holds(c, &l->evidence, &held, ret_need, &value, &e), &e);
	CU_ASSERT_EQUAL(held == TRUTH_UNKNOWN, *ret_need != NEED_NOTHING);
	return held;
}

/* The answer at the end. Before, it is the same or unknown, whether what was asked earlier is remembered or not; *RET_KNOWN
 * is the stage from which on it is known. */
static enum truth answer(struct room *room, const struct rule_condition *c,
			 const struct room_mail *mail, enum room_stage *ret_known)
{
	enum truth fresh[STAGES], grown[STAGES], last;
	enum evidence_need need;
	struct room_letter l;

	room_letter(room, mail, &l);
	for (unsigned s = 0; s < STAGES; s++) {
		room_show(&l, (enum room_stage)s);
		grown[s] = ask(c, &l, &need);
	}
	for (unsigned s = 0; s < STAGES; s++) {
		room_forget(room, mail, &l);
		room_show(&l, (enum room_stage)s);
		fresh[s] = ask(c, &l, &need);
		CU_ASSERT_EQUAL(fresh[s], grown[s]);
		CU_ASSERT(fresh[s] == TRUTH_UNKNOWN || fresh[s] == grown[STAGE_END]);
	}
	CU_ASSERT_NOT_EQUAL(grown[STAGE_END], TRUTH_UNKNOWN);
	*ret_known = STAGE_END;
	while (*ret_known > 0 && grown[*ret_known - 1] != TRUTH_UNKNOWN)
		(*ret_known)--;
	for (unsigned s = 0; s < *ret_known; s++)
		CU_ASSERT_EQUAL(grown[s], TRUTH_UNKNOWN);
	last = grown[STAGE_END];
	room_letter_clear(&l);
	return last;
}

static bool holds_in_zone(const char *zone, const char *kind, const char *op, const char *value,
			  const struct room_mail *mail, enum room_stage known)
{
	enum room_stage got;
	struct room room;
	enum truth truth;

	open_room(&room, zone, kind, op, value);
	truth = answer(&room, &room.conf->rules.at[0].when[0], mail, &got);
	CU_ASSERT_EQUAL(got, known);
	room_close(&room);
	return truth == TRUTH_YES;
}

static bool holds(const char *kind, const char *op, const char *value, const struct room_mail *mail,
		  enum room_stage known)
{
	return holds_in_zone("UTC", kind, op, value, mail, known);
}

/* --- addresses of a field ------------------------------------------------------------------------- */

/* In the header '%' stands for the name of the field. */
static const struct {
	const char *label, *header, *picture;
	bool is; /* "is not" is the opposite, in every row */
} address_rows[] = {
	{"the address", "%: ann@a.example\n", "ann@a.example", true},
	{"another", "%: ann@a.example\n", "bob@a.example", false},
	{"upper and lower case", "%: Ann@A.Example\n", "aNN@a.eXAMPLE", true},
	{"non-ASCII case", "%: \xc3\x84nn@a.example\n", "\xc3\xa4nn@a.example", true},
	{"a part of it", "%: ann@a.example\n", "ann@a", false},
	{"a picture", "%: ann@a.example\n", "*@*.example", true},
	{"another name of the field", "X-%: ann@a.example\n", "*", false},
	{"the name in capitals", "%: ann@a.example\n", "ann@*", true},
	{"the field is missing", "Subject: x\n", "*", false},
	{"the field is empty", "%:\n", "*", false},
	{"the field is white space", "%:  \n", "*", false},
	{"a group without members", "%: undisclosed-recipients:;\n", "*", false},
	{"a group: the first", "%: team: ann@a.example, bob@b.example;\n", "ann@a.example", true},
	{"a group: the last", "%: team: ann@a.example, bob@b.example;\n", "bob@b.example", true},
	{"a group: its name is no address", "%: team@t: ann@a.example;, x@y.example\n",
	 "team@t: ann@a.example;, x@y.example", true},
	{"several: one of them", "%: a@a.example, Bob <b@b.example>, c@c.example\n", "b@b.example",
	 true},
	{"several: none of them", "%: a@a.example, b@b.example\n", "c@c.example", false},
	{"repeated: the first", "%: ann@a.example\n%: bob@b.example\n", "ann@a.example", true},
	{"repeated: the second", "%: ann@a.example\n%: bob@b.example\n", "bob@b.example", true},
	{"repeated: no list of both", "%: ann@a.example\n%: bob@b.example\n",
	 "ann@a.example*bob@b.example", false},
	{"repeated, one of them empty", "%:\n%: bob@b.example\n", "bob@b.example", true},
	{"folded", "%:\n Ann\n\t<ann\n @a.example>\n", "ann@a.example", true},
	{"a display name is no address", "%: \"bob@b.example\" <ann@a.example>\n", "bob@b.example",
	 false},
	{"an encoded display name", "%: =?utf-8?Q?bob=40b=2Eexample?= <ann@a.example>\n",
	 "ann@a.example", true},
	{"a comment", "%: ann(bob@b.example)@a.example (c@c.example)\n", "ann@a.example", true},
	{"a quoted local part loses its quotes", "%: \"ann smith\"@a.example\n",
	 "ann smith@a.example", true},
	{"a quoted local part with an '@'", "%: \"ann@b.example\"@a.example\n",
	 "ann@b.example@a.example", true},
	{"a route", "%: <@x.example,@y.example:ann@a.example>\n", "ann@a.example", true},
	{"a literal", "%: ann@[192.0.2.1]\n", "ann@[192.0.2.1]", true},
	{"U-labels, asked in U-labels",
	 "%: ann@B\xc3\xbc"
	 "cher.example\n",
	 ("*@b\xc3\xbc"
	  "cher.example"),
	 true},
	{"U-labels, asked in A-labels",
	 ("%: ann@b\xc3\xbc"
	  "cher.example\n"),
	 "*@xn--bcher-kva.example", true},
	{"A-labels, asked in U-labels", "%: ann@xn--bcher-kva.EXAMPLE\n",
	 "*@B\xc3\x9c"
	 "cher.example",
	 true},
	{"A-labels, asked in A-labels", "%: ann@xn--bcher-kva.example\n", "*@XN--bcher-kva.example",
	 true},
	{"A-labels, another", "%: ann@xn--bcher-kva.example\n",
	 "*@b\xc3\xb6"
	 "cher.example",
	 false},
	{"a final dot", "%: ann@a.example.\n", "ann@a.example", true},
	{"an illegal domain, as it is written", "%: ann@-a-.example\n", "ann@-a-.example", true},
	{"the address as its own name, unquoted", "%: ann@a.example <ann@a.example>\n",
	 "ann@a.example", true},
	{"the end is missing", "%: Ann <ann@a.example\n", "ann@a.example", true},
	{"two readings: the text", "%: ann@a.example <bob@b.example>\n",
	 "ann@a.example <bob@b.example>", true},
	{"two readings: not the one", "%: ann@a.example <bob@b.example>\n", "ann@a.example", false},
	{"two readings: nor the other", "%: ann@a.example <bob@b.example>\n", "bob@b.example",
	 false},
	{"two readings: a picture finds both", "%: ann@a.example <bob@b.example>\n",
	 "*bob@b.example*", true},
	{"no address: the text", "%: nobody in particular\n", "nobody in particular", true},
	{"one good and one broken field", "%: ann@a.example <bob@b.example>\n%: eve@c.example\n",
	 "eve@c.example", true},
	{"a word for a word, with its case", "%: \xff\xfe@a.example\n", "\xff\xfe@a.example", true},
	{"empty members", "%: ,, ann@a.example,,\n", "ann@a.example", true},
};

static const char *const address_fields[] = {"From", "Sender", "To", "Cc", "Reply-To"};

static void fill_name(const char *template, const char *name, char *out, size_t size)
{
	size_t n = 0;

	for (; *template != '\0' && n + strlen(name) + 1 < size; template ++)
		if (*template == '%') {
			strcpy(out + n, name);
			n += strlen(name);
		} else {
			out[n++] = *template;
		}
	out[n] = '\0';
}

static void check_address(const char *kind, const char *name, size_t row)
{
	const char *picture = address_rows[row].picture;
	char text[600];
	struct room_mail mail = {.text = text};
	bool comma = strchr(picture, ',') != NULL;

	fill_name(address_rows[row].header, name, text, sizeof(text));
	strcat(text, "\nbody\n");
	CU_ASSERT_EQUAL(holds(kind, "is", picture, &mail, STAGE_HEADER), address_rows[row].is);
	CU_ASSERT_EQUAL(holds(kind, "is not", picture, &mail, STAGE_HEADER), !address_rows[row].is);
	if (comma)
		return;
	CU_ASSERT_EQUAL(holds(kind, "in", picture, &mail, STAGE_HEADER), address_rows[row].is);
	CU_ASSERT_EQUAL(holds(kind, "not in", picture, &mail, STAGE_HEADER), !address_rows[row].is);
}

static void test_addresses(void)
{
	for (size_t i = 0; i < COUNT_OF(address_rows); i++) {
		ROW(address_rows[i].label);
		for (size_t f = 0; f < COUNT_OF(address_fields); f++)
			check_address(address_fields[f], address_fields[f], i);
		check_address("Any To or Cc", "To", i);
		check_address("Any To or Cc", "CC", i);
	}
	ROW("");
}

/* Each condition looks at its own field only. */
static void test_own_field(void)
{
	static const char text[] =
		"From: from@a.example\nSender: sender@a.example\nTo: to@a.example\nCc: "
		"cc@a.example\n"
		"Reply-To: reply-to@a.example\nResent-From: x@a.example\nBcc: bcc@a.example\n\n";
	struct room_mail mail = {.text = text, .mail_from = "<return-path@a.example>"};

	for (size_t i = 0; i < COUNT_OF(address_fields); i++)
		for (size_t k = 0; k < COUNT_OF(address_fields); k++) {
			char picture[100];

			ROW(address_fields[i]);
			snprintf(picture, sizeof(picture), "%s@a.example", address_fields[k]);
			CU_ASSERT_EQUAL(
				holds(address_fields[i], "is", picture, &mail, STAGE_HEADER),
				i == k);
		}
	ROW("");
	CU_ASSERT(holds("Return-Path", "is", "return-path@a.example", &mail, STAGE_RCPT));
	CU_ASSERT_FALSE(
		holds("Return-Path", "in", "from@a.example,bcc@a.example", &mail, STAGE_RCPT));
	CU_ASSERT_FALSE(holds("Any To or Cc", "is", "bcc@a.example", &mail, STAGE_HEADER));
	CU_ASSERT(holds("Any To or Cc", "is", "to@a.example", &mail, STAGE_HEADER));
	CU_ASSERT(holds("Any To or Cc", "is", "cc@a.example", &mail, STAGE_HEADER));
}

/* --- everything else ------------------------------------------------------------------------------ */

struct row {
	const char *label, *kind, *op, *value;
	bool held;
	enum room_stage known;
	const char *zone;
	struct room_mail mail;
};

#define MAIL(...) IN("UTC", __VA_ARGS__)
#define IN(zone, ...)                                                                              \
	zone,                                                                                      \
	{                                                                                          \
		__VA_ARGS__                                                                        \
	}

#define HEAD(header) .text = header "\nbody\n"
#define TO_AND_CC "To: a@x.example, b@x.example\nCc: c@x.example\n"

static const struct row list_rows[] = {
	{"in: the first", "From", "in", "a@a.example,b@b.example", true, STAGE_HEADER,
	 MAIL(HEAD("From: a@a.example\n"))},
	{"in: the last, with spaces", "From", "in", "a@a.example , b@b.example ", true,
	 STAGE_HEADER, MAIL(HEAD("From: b@b.example\n"))},
	{"in: none", "From", "in", "a@a.example,b@b.example", false, STAGE_HEADER,
	 MAIL(HEAD("From: c@c.example\n"))},
	{"not in: none", "From", "not in", "a@a.example,b@b.example", true, STAGE_HEADER,
	 MAIL(HEAD("From: c@c.example\n"))},
	{"not in: one of several is", "From", "not in", "a@a.example,b@b.example", false,
	 STAGE_HEADER, MAIL(HEAD("From: c@c.example, b@b.example\n"))},

	{"each: all are", "Each To or Cc", "is", "*@x.example", true, STAGE_HEADER,
	 MAIL(HEAD(TO_AND_CC))},
	{"each: Cc is not", "Each To or Cc", "in", "a@*,b@*", false, STAGE_HEADER,
	 MAIL(HEAD(TO_AND_CC))},
	{"each: To is not", "Each To or Cc", "in", "b@*,c@*", false, STAGE_HEADER,
	 MAIL(HEAD(TO_AND_CC))},
	{"each: one, which is", "Each To or Cc", "is", "a@*", true, STAGE_HEADER,
	 MAIL(HEAD("Cc: a@x.example\n"))},
	{"each: one, which is not", "Each To or Cc", "is", "b@*", false, STAGE_HEADER,
	 MAIL(HEAD("Cc: a@x.example\n"))},
	{"each: there is none", "Each To or Cc", "is", "*", false, STAGE_HEADER,
	 MAIL(HEAD("From: a@x.example\n"))},
	{"each is not: none is", "Each To or Cc", "is not", "d@*", true, STAGE_HEADER,
	 MAIL(HEAD(TO_AND_CC))},
	{"each not in: one is", "Each To or Cc", "not in", "d@*,c@*", false, STAGE_HEADER,
	 MAIL(HEAD(TO_AND_CC))},
	{"each is not: there is none", "Each To or Cc", "is not", "d@*", false, STAGE_HEADER,
	 MAIL(HEAD("From: a@x.example\n"))},
	{"any is not: there is none", "Any To or Cc", "is not", "d@*", true, STAGE_HEADER,
	 MAIL(HEAD("From: a@x.example\n"))},
	{"any is not: one is", "Any To or Cc", "is not", "c@*", false, STAGE_HEADER,
	 MAIL(HEAD(TO_AND_CC))},

	{"recipient: it is", "Any Recipient", "is", "jim@example.com", true, STAGE_RCPT,
	 MAIL(HEAD(""))},
	{"recipient: without brackets", "Any Recipient", "is", "jim@example.com", true, STAGE_RCPT,
	 MAIL(HEAD(""), .rcpt = "JIM@Example.com")},
	{"recipient: the second", "Any Recipient", "in", "ann@*,bob@*", true, STAGE_RCPT,
	 MAIL(HEAD(""), .rcpt = "<jim@example.com> <bob@example.com>")},
	{"recipient: none, and more may come", "Any Recipient", "is", "ann@*", false, STAGE_HEADER,
	 MAIL(HEAD(""))},
	{"recipient: one must not be, and is", "Any Recipient", "is not", "jim@*", false,
	 STAGE_RCPT, MAIL(HEAD(""))},
	{"recipient: one must not be, and is not yet", "Any Recipient", "not in", "ann@*", true,
	 STAGE_HEADER, MAIL(HEAD(""))},
	{"recipient: with its detail", "Any Recipient", "is", "jim+x@example.com", true, STAGE_RCPT,
	 MAIL(HEAD(""), .rcpt = "<jim+x@example.com>")},
	{"recipient: quoted", "Any Recipient", "is", "a.b@example.com", true, STAGE_RCPT,
	 MAIL(HEAD(""), .rcpt = "<\"a\\.b\"@example.com>")},
	{"recipient: no domain", "Any Recipient", "is", "*postmaster", true, STAGE_RCPT,
	 MAIL(HEAD(""), .rcpt = "<Postmaster>")},
	{"recipient: U-labels", "Any Recipient", "is", "*@xn--bcher-kva.example", true, STAGE_RCPT,
	 MAIL(HEAD(""), .rcpt = ("<a@b\xc3\xbc"
				 "cher.example>"))},
	{"recipient: what is no address is a text", "Any Recipient", "is", "<<>*", true, STAGE_RCPT,
	 MAIL(HEAD(""), .rcpt = "<<>>")},
	{"each recipient: one is not", "Each Recipient", "is", "ann@*", false, STAGE_RCPT,
	 MAIL(HEAD(""))},
	{"each recipient: so far all are", "Each Recipient", "is", "*@example.com", true,
	 STAGE_HEADER, MAIL(HEAD(""), .rcpt = "<jim@example.com> <bob@example.com>")},
	{"each recipient not: one is", "Each Recipient", "not in", "ann@*,bob@*", false, STAGE_RCPT,
	 MAIL(HEAD(""), .rcpt = "<jim@example.com> <bob@example.com>")},
	{"each recipient not: so far none is", "Each Recipient", "is not", "ann@*", true,
	 STAGE_HEADER, MAIL(HEAD(""))},
	{"each recipient: there is none", "Each Recipient", "is", "*", false, STAGE_HEADER,
	 MAIL(HEAD(""), .rcpt = "")},
	{"any recipient: there is none", "Any Recipient", "is", "*", false, STAGE_HEADER,
	 MAIL(HEAD(""), .rcpt = "")},
	{"any recipient not: there is none", "Any Recipient", "is not", "*", true, STAGE_HEADER,
	 MAIL(HEAD(""), .rcpt = "")},

	{"Return-Path", "Return-Path", "in", "*@else.example,x@y.example", true, STAGE_RCPT,
	 MAIL(HEAD(""))},
	{"Return-Path, bare", "Return-Path", "is", "Bob@else.example", true, STAGE_RCPT,
	 MAIL(HEAD(""), .mail_from = "bob@ELSE.example")},
	{"Return-Path: the null sender", "Return-Path", "is", "<>", true, STAGE_RCPT,
	 MAIL(HEAD(""), .mail_from = "<>")},
	{"Return-Path: the null sender, bare", "Return-Path", "is", "<>", true, STAGE_RCPT,
	 MAIL(HEAD(""), .mail_from = "")},
	{"Return-Path: the null sender is not another", "Return-Path", "is not", "*@*", true,
	 STAGE_RCPT, MAIL(HEAD(""), .mail_from = "<>")},
	{"Return-Path: a field of that name does not count", "Return-Path", "is", "<x@y.example>",
	 false, STAGE_RCPT, MAIL(HEAD("Return-Path: <x@y.example>\n"))},
};

static const struct row text_rows[] = {
	{"name", "From Name", "is", "ann smith", true, STAGE_HEADER,
	 MAIL(HEAD("From: Ann  Smith <a@a.example>\n"))},
	{"name, quoted", "From Name", "is", "Smith, \"Ann\"", true, STAGE_HEADER,
	 MAIL(HEAD("From: \"Smith, \\\"Ann\\\"\" <a@a.example>\n"))},
	{"name, encoded", "From Name", "is", "J\xc3\xbcrgen M\xc3\xbcller", true, STAGE_HEADER,
	 MAIL(HEAD("From: =?iso-8859-1?Q?J=FCrgen?=\n =?utf-8?B?IE3DvGxsZXI=?= <a@a.example>\n"))},
	{"name, encoded, other case", "From Name", "is", "j\xc3\x9crgen*", true, STAGE_HEADER,
	 MAIL(HEAD("From: =?ISO-8859-1?q?J=fcrgen?= <a@a.example>\n"))},
	{"name of the second", "From Name", "is", "Bob", true, STAGE_HEADER,
	 MAIL(HEAD("From: a@a.example, Bob <b@a.example>\nSender: a@a.example\n"))},
	{"no name", "From Name", "is", "*", false, STAGE_HEADER, MAIL(HEAD("From: a@a.example\n"))},
	{"no name is not another", "From Name", "not in", "a,b", true, STAGE_HEADER,
	 MAIL(HEAD("From: a@a.example\n"))},
	{"an address is no name", "From Name", "is", "*@*", false, STAGE_HEADER,
	 MAIL(HEAD("From: a@a.example\n"))},
	{"no From", "From Name", "is not", "*", true, STAGE_HEADER,
	 MAIL(HEAD("To: Ann <a@a.example>\n"))},
	{"a broken From has no name", "From Name", "is", "*", false, STAGE_HEADER,
	 MAIL(HEAD("From: Ann@x.example <a@a.example>\n"))},

	{"subject", "Subject", "is", "the BANK writes", true, STAGE_HEADER,
	 MAIL(HEAD("Subject: The Bank writes\n"))},
	{"subject, several words", "Subject", "in", "*code*, *pin*", true, STAGE_HEADER,
	 MAIL(HEAD("Subject: your PIN is 4711\n"))},
	{"subject, not in", "Subject", "not in", "*code*, *pin*", false, STAGE_HEADER,
	 MAIL(HEAD("Subject: your PIN is 4711\n"))},
	{"subject, folded", "Subject", "is", "one two three", true, STAGE_HEADER,
	 MAIL(HEAD("Subject: one\n two\n three\n"))},
	{"subject, encoded", "Subject", "is",
	 "gr\xc3\xbc\xc3\x9f"
	 "e",
	 true, STAGE_HEADER, MAIL(HEAD("Subject: =?utf-8?B?R3LDvMOfZQ==?=\n"))},
	{"subject, a character in two words", "Subject", "is",
	 "gr\xc3\xbc\xc3\x9f"
	 "e",
	 true, STAGE_HEADER, MAIL(HEAD("Subject: =?utf-8?Q?Gr=C3?= =?utf-8?Q?=BC=C3=9Fe?=\n"))},
	{"subject, raw UTF-8", "Subject", "is", "*\xc3\x9c*", true, STAGE_HEADER,
	 MAIL(HEAD("Subject: Gr\xc3\xbc\xc3\x9f"
		   "e\n"))},
	{"subject, no UTF-8", "Subject", "is",
	 "Gr\xef\xbf\xbd"
	 "e",
	 true, STAGE_HEADER,
	 MAIL(HEAD("Subject: Gr\xfc"
		   "e\n"))},
	{"subject, an unknown charset stays", "Subject", "is", "=?x-none?q?abc?=", true,
	 STAGE_HEADER, MAIL(HEAD("Subject: =?x-none?Q?abc?=\n"))},
	{"subject, empty", "Subject", "is", "", true, STAGE_HEADER, MAIL(HEAD("Subject:\n"))},
	{"subject, empty, is not", "Subject", "is not", "x", true, STAGE_HEADER,
	 MAIL(HEAD("Subject: \n"))},
	{"subject, missing", "Subject", "is", "", false, STAGE_HEADER,
	 MAIL(HEAD("From: a@b.example\n"))},
	{"subject, missing, is not", "Subject", "is not", "", true, STAGE_HEADER,
	 MAIL(HEAD("From: a@b.example\n"))},
	{"subject, two of them", "Subject", "is", "two", true, STAGE_HEADER,
	 MAIL(HEAD("Subject: one\nSubject: two\n"))},
	{"subject, two of them, is not", "Subject", "is not", "two", false, STAGE_HEADER,
	 MAIL(HEAD("Subject: one\nSubject: two\n"))},

	{"message-id", "Message-ID", "is", "1.A@x.example", true, STAGE_HEADER,
	 MAIL(HEAD("Message-ID:  <1.a@X.example> \n"))},
	{"message-id, folded", "Message-ID", "in", "z,1.a@*", true, STAGE_HEADER,
	 MAIL(HEAD("Message-ID:\n <1.a@x.example>\n"))},
	{"message-id, no brackets", "Message-ID", "is", "odd", true, STAGE_HEADER,
	 MAIL(HEAD("Message-ID: odd\n"))},
	{"message-id, missing", "Message-ID", "is not", "*", true, STAGE_HEADER,
	 MAIL(HEAD("To: x@y\n"))},
	{"message-id, missing, not in", "Message-ID", "in", "*", false, STAGE_HEADER,
	 MAIL(HEAD("To: x@y\n"))},
	{"message-id, one bracket", "Message-ID", "is", "<", true, STAGE_HEADER,
	 MAIL(HEAD("Message-ID: <\n"))},

	{"line", "Header Field", "is", "X-Spam-Flag: YES", true, STAGE_HEADER,
	 MAIL(HEAD("To: a@b\nx-spam-flag: yes\n"))},
	{"line, another value", "Header Field", "is", "X-Spam-Flag: YES", false, STAGE_HEADER,
	 MAIL(HEAD("X-Spam-Flag: YES!\n"))},
	{"line, without a space", "Header Field", "is", "X-A: b", true, STAGE_HEADER,
	 MAIL(HEAD("X-A:b\n"))},
	{"line, with many", "Header Field", "is", "X-A: b", true, STAGE_HEADER,
	 MAIL(HEAD("X-A: \t b  \n"))},
	{"line, folded", "Header Field", "is", "X-A: b c", true, STAGE_HEADER,
	 MAIL(HEAD("X-A: b\n c\n"))},
	{"line, folded by a tab", "Header Field", "is", "X-A: b c", true, STAGE_HEADER,
	 MAIL(HEAD("X-A: b\n\tc\n"))},
	{"line, encoded", "Header Field", "is", "X-A: \xc3\xbc", true, STAGE_HEADER,
	 MAIL(HEAD("X-A: =?utf-8?q?=C3=BC?=\n"))},
	{"line, any value", "Header Field", "in", "X-No: *,X-A: *", true, STAGE_HEADER,
	 MAIL(HEAD("X-A: b\n"))},
	{"line, not there", "Header Field", "is not", "X-A: *", true, STAGE_HEADER,
	 MAIL(HEAD("X-AB: b\n"))},
	{"line, one must not be there", "Header Field", "not in", "X-B: *,X-A: *", false,
	 STAGE_HEADER, MAIL(HEAD("X-C: 1\nX-A: b\n"))},
	{"line, obsolete white space", "Header Field", "is", "X-A: b", true, STAGE_HEADER,
	 MAIL(HEAD("X-A : b\n"))},
	{"line, no header at all", "Header Field", "is", "*", false, STAGE_HEADER,
	 MAIL(.text = "\nbody\n")},
	{"line, no header at all, is not", "Header Field", "is not", "*", true, STAGE_HEADER,
	 MAIL(.text = "\nbody\n")},
	{"a NUL", "Header Field", "is", "X-A: b*d", true, STAGE_HEADER,
	 MAIL(.bytes = SPAN_LIT("X-A: b\0c\0d\n\n"))},

	{"client", "Submit Address", "is", "192.0.2.9", true, STAGE_RCPT, MAIL(HEAD(""))},
	{"client, a network", "Submit Address", "in", "10.*,192.0.2.*", true, STAGE_RCPT,
	 MAIL(HEAD(""))},
	{"client, another", "Submit Address", "is not", "192.0.2.8", true, STAGE_RCPT,
	 MAIL(HEAD(""))},
	{"client, not in", "Submit Address", "not in", "192.0.2.9", false, STAGE_RCPT,
	 MAIL(HEAD(""))},
	{"client, IPv6", "Submit Address", "is", "2001:DB8::A", true, STAGE_RCPT,
	 MAIL(HEAD(""), .client = "2001:0db8:0:0::000a")},
	{"client, mapped", "Submit Address", "is", "192.0.2.9", true, STAGE_RCPT,
	 MAIL(HEAD(""), .client = "::ffff:192.0.2.9")},
	{"client, on a unix socket", "Submit Address", "is", "*", false, STAGE_RCPT,
	 MAIL(HEAD(""), .client = "unix")},
	{"client, unknown", "Submit Address", "is not", "*", true, STAGE_RCPT,
	 MAIL(HEAD(""), .client = "unknown")},

	{"source: relayed", "Source", "is", "Relayed", true, STAGE_HEADER, MAIL(HEAD(""))},
	{"source: trusted", "Source", "is", "trusted", true, STAGE_HEADER,
	 MAIL(HEAD(""), .source = SOURCE_TRUSTED)},
	{"source: authenticated", "Source", "in", "trusted,authenticated", true, STAGE_HEADER,
	 MAIL(HEAD(""), .source = SOURCE_AUTHENTICATED)},
	{"source: authenticated is not trusted", "Source", "is", "trusted", false, STAGE_HEADER,
	 MAIL(HEAD(""), .source = SOURCE_AUTHENTICATED)},
	{"source: local", "Source", "is", "l*", true, STAGE_HEADER,
	 MAIL(HEAD(""), .source = SOURCE_LOCAL)},
	{"source: is not", "Source", "is not", "relayed", false, STAGE_HEADER, MAIL(HEAD(""))},
	{"source: not in", "Source", "not in", "trusted,authenticated,local", true, STAGE_HEADER,
	 MAIL(HEAD(""))},
};

#define ENVELOPED "MIAGCSqGSIb3DQEHA6CAMIACAQAxKg==\n"
#define AUTH_ENVELOPED "MIAGCyqGSIb3DQEJEAEXoIAwgAIBADEq\n"
#define SIGNED_DATA "MIAGCSqGSIb3DQEHAqCAMIACAQAxKg==\n"
#define PKCS7(type, body)                                                                          \
	.text = "Content-Type: application/pkcs7-mime" type                                        \
		"\nContent-Transfer-Encoding: base64\n\n" body

static const struct row security_rows[] = {
	{"plain", "Security", "is", "*", false, STAGE_HEADER,
	 MAIL(.text = "Content-Type: text/html\n\nbody\n")},
	{"plain is not", "Security", "not in", "encrypted,signed", true, STAGE_HEADER,
	 MAIL(.text = "Content-Type: multipart/mixed; boundary=x\n\nbody\n")},
	{"a text may begin with armour", "Security", "is not", "encrypted", true, STAGE_BEGINNING,
	 MAIL(.text = "Subject: x\n\nbody\n")},
	{"armour", "Security", "is", "encrypted", true, STAGE_BEGINNING,
	 MAIL(.text = "Subject: x\n\n-----BEGIN PGP MESSAGE-----\n\nx\n")},
	{"a body that is empty", "Security", "is", "encrypted", false, STAGE_BEGINNING,
	 MAIL(.text = "Subject: x\n\n")},
	{"PGP/MIME", "Security", "is", "encrypted", true, STAGE_BEGINNING,
	 MAIL(.text = "Content-Type: multipart/encrypted; boundary=b\n\n--b\n\n-----BEGIN PGP "
		      "MESSAGE-----\n")},
	{"PGP/MIME in name only", "Security", "is", "encrypted", false, STAGE_BEGINNING,
	 MAIL(.text = "Content-Type: multipart/encrypted; boundary=b\n\n--b\n\nhello\n")},
	{"multipart/signed", "Security", "is", "signed", true, STAGE_HEADER,
	 MAIL(.text = "Content-Type: Multipart/Signed;\n boundary=x\n\nbody\n")},
	{"multipart/signed is not encrypted", "Security", "is", "encrypted", false, STAGE_HEADER,
	 MAIL(.text = "Content-Type: multipart/signed; boundary=x\n\nbody\n")},
	{"EnvelopedData", "Security", "is", "*encrypted*", true, STAGE_BEGINNING,
	 MAIL(PKCS7("; smime-type=enveloped-data", ENVELOPED))},
	{"EnvelopedData is not signed", "Security", "not in", "signed", true, STAGE_BEGINNING,
	 MAIL(PKCS7("; smime-type=enveloped-data", ENVELOPED))},
	{"EnvelopedData called signed", "Security", "is", "encrypted", true, STAGE_BEGINNING,
	 MAIL(PKCS7("; smime-type=signed-data", ENVELOPED))},
	{"AuthEnvelopedData", "Security", "is", "encrypted", true, STAGE_BEGINNING,
	 MAIL(PKCS7("; smime-type=authEnveloped-data", AUTH_ENVELOPED))},
	{"SignedData", "Security", "is", "signed", true, STAGE_BEGINNING,
	 MAIL(PKCS7("; smime-type=signed-data", SIGNED_DATA))},
	{"SignedData called enveloped", "Security", "is", "encrypted", false, STAGE_BEGINNING,
	 MAIL(PKCS7("; smime-type=enveloped-data", SIGNED_DATA))},
	{"called enveloped, and nothing of it", "Security", "is", "*", false, STAGE_BEGINNING,
	 MAIL(PKCS7("; smime-type=enveloped-data", "aGVsbG8=\n"))},
	{"two fields say different things", "Security", "is", "*", false, STAGE_HEADER,
	 MAIL(.text = "Content-Type: multipart/signed; boundary=x\nContent-Type: "
		      "text/plain\n\nbody\n")},
	{"an octet-stream by its name", "Security", "is", "encrypted", true, STAGE_BEGINNING,
	 MAIL(.text = "Content-Type: application/octet-stream; "
		      "name=smime.P7M\nContent-Transfer-Encoding: "
		      "base64\n\n" ENVELOPED)},
};

static const struct row human_rows[] = {
	{"a person", "Human Generated", NULL, NULL, true, STAGE_HEADER, MAIL(HEAD("From: a@b\n"))},
	{"the null sender", "Human Generated", NULL, NULL, false, STAGE_HEADER,
	 MAIL(HEAD("From: a@b\n"), .mail_from = "<>")},
	{"the null sender, bare", "Human Generated", NULL, NULL, false, STAGE_HEADER,
	 MAIL(HEAD("From: a@b\n"), .mail_from = "")},
	{"Auto-Submitted: no", "Human Generated", NULL, NULL, true, STAGE_HEADER,
	 MAIL(HEAD("Auto-Submitted: No\n"))},
	{"Auto-Submitted: no (comment)", "Human Generated", NULL, NULL, true, STAGE_HEADER,
	 MAIL(HEAD("Auto-Submitted: no (really)\n"))},
	{"Auto-Submitted: auto-replied", "Human Generated", NULL, NULL, false, STAGE_HEADER,
	 MAIL(HEAD("auto-submitted: auto-replied; x=y\n"))},
	{"Auto-Submitted: auto-generated", "Human Generated", NULL, NULL, false, STAGE_HEADER,
	 MAIL(HEAD("Auto-Submitted:\n auto-generated\n"))},
	{"Auto-Submitted: nothing", "Human Generated", NULL, NULL, false, STAGE_HEADER,
	 MAIL(HEAD("Auto-Submitted:\n"))},
	{"Auto-Submitted: no, and yes", "Human Generated", NULL, NULL, false, STAGE_HEADER,
	 MAIL(HEAD("Auto-Submitted: no\nAuto-Submitted: auto-generated\n"))},
	{"Auto-Submitted: november", "Human Generated", NULL, NULL, false, STAGE_HEADER,
	 MAIL(HEAD("Auto-Submitted: november\n"))},
	{"List-Id", "Human Generated", NULL, NULL, false, STAGE_HEADER, MAIL(HEAD("list-id: x\n"))},
	{"List-Unsubscribe", "Human Generated", NULL, NULL, false, STAGE_HEADER,
	 MAIL(HEAD("List-Unsubscribe: <x>\n"))},
	{"Listing", "Human Generated", NULL, NULL, true, STAGE_HEADER, MAIL(HEAD("Listing: x\n"))},
	{"Precedence: bulk", "Human Generated", NULL, NULL, false, STAGE_HEADER,
	 MAIL(HEAD("Precedence: Bulk\n"))},
	{"Precedence: list", "Human Generated", NULL, NULL, false, STAGE_HEADER,
	 MAIL(HEAD("Precedence: list\n"))},
	{"Precedence: junk", "Human Generated", NULL, NULL, false, STAGE_HEADER,
	 MAIL(HEAD("Precedence: junk\n"))},
	{"Precedence: first-class", "Human Generated", NULL, NULL, true, STAGE_HEADER,
	 MAIL(HEAD("Precedence: first-class\n"))},
	{"Precedence: bulky", "Human Generated", NULL, NULL, true, STAGE_HEADER,
	 MAIL(HEAD("Precedence: bulky\n"))},
};

/* Header, empty line and body: "A: b\r\n" 6, "\r\n" 2, "body\r\n" 6. */
#define OF_14 .text = "A: b\n\nbody\n"

static const struct row number_rows[] = {
	{"14 is less than 15", "Message Size", "less than", "15", true, STAGE_END, MAIL(OF_14)},
	{"14 is not less than 14", "Message Size", "less than", "14", false, STAGE_END,
	 MAIL(OF_14)},
	{"14 is greater than 13", "Message Size", "greater than", "13", true, STAGE_END,
	 MAIL(OF_14)},
	{"14 is not greater than 14", "Message Size", "greater than", "14", false, STAGE_END,
	 MAIL(OF_14)},
	{"CRLF counts the same", "Message Size", "less than", "15", true, STAGE_END,
	 MAIL(.text = "A: b\r\n\r\nbody\r\n")},
	{"nothing is not less than nothing", "Message Size", "less than", "0", false, STAGE_END,
	 MAIL(OF_14)},
	{"a fold is two", "Message Size", "greater than", "16", true, STAGE_END,
	 MAIL(.text = "A: b\n c\n\nbody\n")},

	{"Sunday", "Current Day", "is", "Sunday", true, STAGE_RCPT, MAIL(HEAD(""))},
	{"not Sunday", "Current Day", "not in", "Sat,Sun", false, STAGE_RCPT, MAIL(HEAD(""))},
	{"a working day", "Current Day", "in", "Mon,Tue,Wed,Thu,Fri", true, STAGE_RCPT,
	 MAIL(HEAD(""), .now = ROOM_NOW + 86400)},
	{"still Sunday in UTC", "Current Day", "is", "Sun", true, STAGE_RCPT,
	 MAIL(HEAD(""), .now = 1750031999)},
	{"Monday in UTC", "Current Day", "is", "Mon", true, STAGE_RCPT,
	 MAIL(HEAD(""), .now = 1750032000)},
	{"Monday in Berlin two hours before", "Current Day", "is", "Mon", true, STAGE_RCPT,
	 IN("Europe/Berlin", HEAD(""), .now = 1750032000 - 7200)},
	{"Sunday in Berlin a second before that", "Current Day", "is not", "Mon", true, STAGE_RCPT,
	 IN("Europe/Berlin", HEAD(""), .now = 1750032000 - 7201)},
	{"Sunday in Honolulu ten hours later", "Current Day", "is", "Sun", true, STAGE_RCPT,
	 IN("Pacific/Honolulu", HEAD(""), .now = 1750032000 + 35999)},

	{"15:06:40 is less than 15:07", "Time Of Day", "less than", "15:07", true, STAGE_RCPT,
	 MAIL(HEAD(""))},
	{"15:06:40 is not less than 15:06:40", "Time Of Day", "less than", "15:06:40", false,
	 STAGE_RCPT, MAIL(HEAD(""))},
	{"15:06:40 is not greater than it", "Time Of Day", "greater than", "15:06:40", false,
	 STAGE_RCPT, MAIL(HEAD(""))},
	{"15:06:40 is greater than 15:06", "Time Of Day", "greater than", "15:06", true, STAGE_RCPT,
	 MAIL(HEAD(""))},
	{"17:06:40 in Berlin", "Time Of Day", "greater than", "17:00", true, STAGE_RCPT,
	 IN("Europe/Berlin", HEAD(""))},
	{"midnight", "Time Of Day", "less than", "00:00:01", true, STAGE_RCPT,
	 MAIL(HEAD(""), .now = 1750032000)},
	{"the last second", "Time Of Day", "less than", "24:00", true, STAGE_RCPT,
	 MAIL(HEAD(""), .now = 1750031999)},
	/* 2025-03-30 01:00 UTC: 2:00 becomes 3:00; 2025-10-26 01:00 UTC: 3:00 becomes 2:00. */
	{"before the spring", "Time Of Day", "less than", "02:00", true, STAGE_RCPT,
	 IN("Europe/Berlin", HEAD(""), .now = 1743296399)},
	{"the spring", "Time Of Day", "greater than", "02:59:59", true, STAGE_RCPT,
	 IN("Europe/Berlin", HEAD(""), .now = 1743296400)},
	{"before the autumn", "Time Of Day", "greater than", "02:59:58", true, STAGE_RCPT,
	 IN("Europe/Berlin", HEAD(""), .now = 1761440399)},
	{"the autumn", "Time Of Day", "less than", "02:00:01", true, STAGE_RCPT,
	 IN("Europe/Berlin", HEAD(""), .now = 1761440400)},

	{"a date to come", "Current Date", "less than", "16 Jun 2025", true, STAGE_RCPT,
	 MAIL(HEAD(""))},
	{"today has begun", "Current Date", "greater than", "15 Jun 2025", true, STAGE_RCPT,
	 MAIL(HEAD(""))},
	{"the very second", "Current Date", "less than", "15 Jun 2025 15:06:40", false, STAGE_RCPT,
	 MAIL(HEAD(""))},
	{"the very second, not past it", "Current Date", "greater than", "15 Jun 2025 15:06:40",
	 false, STAGE_RCPT, MAIL(HEAD(""))},
	{"a second later", "Current Date", "less than", "15 Jun 2025 15:06:41", true, STAGE_RCPT,
	 MAIL(HEAD(""))},
	{"in Berlin", "Current Date", "less than", "15 Jun 2025 17:06:41", true, STAGE_RCPT,
	 IN("Europe/Berlin", HEAD(""))},
	{"in Berlin, not", "Current Date", "less than", "15 Jun 2025 17:06:40", false, STAGE_RCPT,
	 IN("Europe/Berlin", HEAD(""))},
	{"a time that there is not, as the clock before it goes on", "Current Date", "greater than",
	 "30 Mar 2025 02:30", false, STAGE_RCPT,
	 IN("Europe/Berlin", HEAD(""), .now = 1743296400 + 1800)},
	{"past it", "Current Date", "greater than", "30 Mar 2025 02:30", true, STAGE_RCPT,
	 IN("Europe/Berlin", HEAD(""), .now = 1743296400 + 1801)},
	{"a time that there is twice: the first", "Current Date", "greater than",
	 "26 Oct 2025 02:30", true, STAGE_RCPT,
	 IN("Europe/Berlin", HEAD(""), .now = 1761440400 - 1799)},
	{"before the first", "Current Date", "greater than", "26 Oct 2025 02:30", false, STAGE_RCPT,
	 IN("Europe/Berlin", HEAD(""), .now = 1761440400 - 1800)},
};

static void check_rows(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct row *r = &rows[i];

		ROW(r->label);
		if (holds_in_zone(r->zone, r->kind, r->op, r->value, &r->mail, r->known) == r->held)
			continue;
		fprintf(stderr, "%s: %s %s \"%s\" is %s\n", r->label, r->kind,
			r->op != NULL ? r->op : "", r->value != NULL ? r->value : "",
			r->held ? "not held" : "held");
		CU_ASSERT(false);
	}
	ROW("");
}

static void test_lists(void)
{
	check_rows(list_rows, COUNT_OF(list_rows));
}

static void test_texts(void)
{
	check_rows(text_rows, COUNT_OF(text_rows));
}

static void test_security(void)
{
	check_rows(security_rows, COUNT_OF(security_rows));
}

static void test_human(void)
{
	check_rows(human_rows, COUNT_OF(human_rows));
}

static void test_numbers(void)
{
	check_rows(number_rows, COUNT_OF(number_rows));
}

/* --- what decided --------------------------------------------------------------------------------- */

static const struct {
	const char *label, *kind, *op, *value, *shown, *zone; /* SHOWN NULL: there is nothing */
	struct room_mail mail;
} shown_rows[] = {
	{"the one that matches", "From", "is", "b@*", "b@b.example",
	 MAIL(HEAD("From: a@a.example, b@B.example\n"))},
	{"the first where none does", "From", "is", "c@*", "A@a.example",
	 MAIL(HEAD("From: A@a.example, b@b.example\n"))},
	{"the one that should not", "From", "is not", "b@*", "b@b.example",
	 MAIL(HEAD("From: a@a.example, b@b.example\n"))},
	{"the one that fails of each", "Each To or Cc", "is", "a@*", "b@b.example",
	 MAIL(HEAD("To: a@a.example, b@b.example, c@c.example\n"))},
	{"nothing there", "From", "is", "*", NULL, MAIL(HEAD(""))},
	{"decoded", "Subject", "is", "*",
	 "Gr\xc3\xbc\xc3\x9f"
	 "e",
	 MAIL(HEAD("Subject: =?utf-8?B?R3LDvMOfZQ==?=\n"))},
	{"size", "Message Size", "less than", "1MB", "14 bytes", MAIL(OF_14)},
	{"time", "Time Of Day", "less than", "12:00", "17:06:40", IN("Europe/Berlin", HEAD(""))},
	{"date", "Current Date", "less than", "1 Jan 2030", "2025-06-15 17:06:40",
	 IN("Europe/Berlin", HEAD(""))},
	{"day", "Current Day", "is", "Mon", "Sun", MAIL(HEAD(""))},
	{"source", "Source", "is", "local", "relayed", MAIL(HEAD(""))},
	{"security", "Security", "is", "signed", "signed",
	 MAIL(.text = "Content-Type: multipart/signed; boundary=x\n\n")},
};

static void test_shown(void)
{
	for (size_t i = 0; i < COUNT_OF(shown_rows); i++) {
		struct err e = ERR_INIT;
		enum evidence_need need;
		struct room_letter l;
		struct span value;
		enum truth held;
		struct room room;

		ROW(shown_rows[i].label);
		open_room(&room, shown_rows[i].zone, shown_rows[i].kind, shown_rows[i].op,
			  shown_rows[i].value);
		room_letter(&room, &shown_rows[i].mail, &l);
		room_show(&l, STAGE_END);
		ASSERT_OK(condition_holds(&room.conf->rules.at[0].when[0], &l.evidence, &held,
					  &need, &value, &e),
			  &e);
		CU_ASSERT_EQUAL(value.p == NULL, shown_rows[i].shown == NULL);
		if (shown_rows[i].shown != NULL)
			ASSERT_SPAN(value, span_str(shown_rows[i].shown));
		room_letter_clear(&l);
		room_close(&room);
	}
	ROW("");
}

/* --- random rules and messages -------------------------------------------------------------------- */

static const char *const some_pictures[] = {"*",
					    "",
					    "<>",
					    "*@a.example",
					    "ann@*",
					    "bob@b.example",
					    ("*b\xc3\xbc"
					     "cher*"),
					    "*@xn--bcher-kva.example",
					    "*x*",
					    "*a*b*",
					    "Subject: *",
					    "X-A: *",
					    "*example",
					    "192.0.2.*",
					    "2001:db8::1",
					    "*=?*",
					    "* *",
					    "*\xef\xbf\xbd*"};
static const char *const some_ops[] = {"is", "is not", "in", "not in"};
static const char *const text_kinds[] = {
	"From",		 "Sender",	   "Return-Path",   "To",      "Cc",	     "Reply-To",
	"Any To or Cc",	 "Each To or Cc",  "From Name",	    "Subject", "Message-ID", "Header Field",
	"Any Recipient", "Each Recipient", "Submit Address"};
static const char *const few_conditions[] = {
	"\"Human Generated\"",
	"\"Security\", \"is\", \"encrypted\"",
	"\"Security\", \"not in\", \"encrypted,signed\"",
	"\"Security\", \"is\", \"signed\"",
	"\"Security\", \"is not\", \"*\"",
	"\"Source\", \"is\", \"relayed\"",
	"\"Source\", \"not in\", \"trusted,local\"",
	"\"Message Size\", \"less than\", \"100\"",
	"\"Message Size\", \"greater than\", \"1kB\"",
	"\"Time Of Day\", \"less than\", \"12:00\"",
	"\"Current Date\", \"greater than\", \"1 Jan 2025\"",
	"\"Current Day\", \"in\", \"Sat,Sun\"",
};

static const char *pick(const char *const *of, size_t n)
{
	return of[test_random((unsigned)n)];
}
#define PICK(table) pick(table, COUNT_OF(table))

static void add_condition(struct buf *conf, unsigned n)
{
	const char *op = PICK(some_ops);

	CU_ASSERT_EQUAL(buf_addf(conf, NULL, "%s{ name = \"%u\"; level = \"server\"; when = ( (",
				 n > 0 ? ",\n" : "", n),
			RC_OK);
	if (n < COUNT_OF(few_conditions)) {
		CU_ASSERT_EQUAL(buf_adds(conf, few_conditions[n], NULL), RC_OK);
	} else {
		CU_ASSERT_EQUAL(buf_addf(conf, NULL, "\"%s\", \"%s\", \"%s", PICK(text_kinds), op,
					 strstr(op, "in") != NULL ? "none," : ""),
				RC_OK);
		CU_ASSERT_EQUAL(buf_addf(conf, NULL, "%s\"", PICK(some_pictures)), RC_OK);
	}
	CU_ASSERT_EQUAL(buf_adds(conf, ") ); do = ( (\"Discard\") ); }", NULL), RC_OK);
}

static const char *const some_names[] = {
	"From",	      "from",		"Sender",     "To",  "Cc",    "CC",
	"Subject",    "Reply-To",	"Message-ID", "X-A", "From ", "List-Id",
	"Precedence", "Auto-Submitted", "Bcc"};
static const char *const some_values[] = {
	"ann@a.example",
	"Ann <ann@a.example>, bob@b.example",
	("\"x, y\" <x@b\xc3\xbc"
	 "cher.example>"),
	"<x@xn--bcher-kva.example>",
	"team: ann@a.example;",
	"undisclosed:;",
	"ann@a.example <bob@b.example>",
	"<ann@a.example",
	"x",
	"",
	"\n ",
	"a\n\tb",
	"=?utf-8?Q?x=C3=BC?=",
	"=?utf-8?B?eA?= =?iso-8859-1?q?=FC?=",
	"=?utf-8?Q?",
	"\xff\xfe",
	"(((",
	"\"",
	"a@[192.0.2.1]",
	"<1@x.example>",
	"bulk",
	"no",
	"auto-replied",
	"@,@;:<>",
};
static const char *const some_types[] = {
	"Content-Type: multipart/signed\n",
	"Content-Type: text/plain\n",
	"Content-Type: application/pkcs7-mime\nContent-Transfer-Encoding: base64\n",
	"Content-Type: multipart/encrypted\n",
	"Content-Type: text/html\n",
	"",
	"",
	"Content-Type:\n"};
static const char *const some_bodies[] = {"",
					  "hello\n",
					  ENVELOPED,
					  SIGNED_DATA,
					  "-----BEGIN PGP MESSAGE-----\n",
					  "hello\n-----BEGIN PGP MESSAGE-----\n"};
static const char *const some_clients[] = {"192.0.2.9", "2001:db8::1", "unix", "unknown"};
static const char *const some_senders[] = {"<bob@b.example>", "<>", "",
					   "ann@a.example",   "<<", "a b"};
static const char *const some_rcpts[] = {"<jim@example.com>", "<ann@a.example> bob@b.example", "",
					 ("<x@b\xc3\xbc"
					  "cher.example>"),
					 "<Postmaster> <<"};

static void random_message(struct buf *out)
{
	out->len = 0;
	for (unsigned n = test_random(8); n > 0; n--)
		CU_ASSERT_EQUAL(
			buf_addf(out, NULL, "%s: %s\n", PICK(some_names), PICK(some_values)),
			RC_OK);
	CU_ASSERT_EQUAL(buf_addf(out, NULL, "%s\n%s", PICK(some_types), PICK(some_bodies)), RC_OK);
	for (unsigned n = test_random(4) == 0 ? test_random(300) : 0; n > 0; n--)
		CU_ASSERT_EQUAL(buf_adds(out, "line after line\n", NULL), RC_OK);
}

struct tally {
	size_t asked, wrong, early, yes;
};

/* What is answered at STAGE is the answer at the end, or nothing. */
static void check_stage(struct room *room, struct room_letter *l, const enum truth *last,
			struct tally *t)
{
	for (size_t i = 0; i < room->conf->rules.n; i++) {
		const struct rule_condition *c = &room->conf->rules.at[i].when[0];
		enum evidence_need need;
		enum truth got;

		if (condition_holds(c, &l->evidence, &got, &need, NULL, NULL) != RC_OK) {
			t->wrong++;
			continue;
		}
		t->asked++;
		t->early += got != TRUTH_UNKNOWN;
		t->wrong += got != TRUTH_UNKNOWN && got != last[i];
		t->wrong += (got == TRUTH_UNKNOWN) != (need != NEED_NOTHING);
	}
}

static void check_letter(struct room *room, const struct room_mail *mail, struct tally *t)
{
	size_t n = room->conf->rules.n;
	enum truth *last = calloc(n, sizeof(*last));
	struct room_letter l;

	CU_ASSERT_PTR_NOT_NULL_FATAL(last);
	room_letter(room, mail, &l);
	room_show(&l, STAGE_END);
	for (size_t i = 0; i < n; i++) {
		enum evidence_need need;

		t->wrong += condition_holds(&room->conf->rules.at[i].when[0], &l.evidence, &last[i],
					    &need, NULL, NULL) != RC_OK;
		t->wrong += last[i] == TRUTH_UNKNOWN;
		t->yes += last[i] == TRUTH_YES;
	}
	room_forget(room, mail, &l);
	for (unsigned s = 0; s < STAGES; s++) {
		room_show(&l, (enum room_stage)s);
		check_stage(room, &l, last, t);
	}
	for (unsigned s = 0; s < STAGES; s++) {
		room_forget(room, mail, &l);
		room_show(&l, (enum room_stage)s);
		check_stage(room, &l, last, t);
	}
	room_letter_clear(&l);
	free(last);
}

static void test_never_wrong(void)
{
	struct tally t = {.asked = 0};
	struct buf conf, text;
	struct room room;

	buf_init(&conf, 1 << 20);
	buf_init(&text, 1 << 20);
	CU_ASSERT_EQUAL(buf_addf(&conf, NULL, "timezone = \"UTC\"; %srules = ( ", site), RC_OK);
	for (unsigned i = 0; i < 300; i++)
		add_condition(&conf, i);
	CU_ASSERT_EQUAL(buf_adds(&conf, " );", NULL), RC_OK);
	room_open(&room, test_dir(), buf_cstr(&conf), NULL, 0);
	CU_ASSERT_EQUAL(room.conf->rules.n, 300);
	for (unsigned i = 0; i < 300; i++) {
		struct room_mail mail = {.mail_from = PICK(some_senders),
					 .rcpt = PICK(some_rcpts),
					 .client = PICK(some_clients),
					 .source = (enum trust_source)test_random(4),
					 .now = ROOM_NOW + test_random(86400 * 7)};

		random_message(&text);
		mail.bytes = buf_span(&text);
		check_letter(&room, &mail, &t);
	}
	CU_ASSERT_EQUAL(t.wrong, 0);
	CU_ASSERT(t.asked > 700000 && t.early > t.asked / 3 && t.early < t.asked);
	CU_ASSERT(t.yes > 9000 && t.yes < 81000);
	room_close(&room);
	buf_clear(&conf);
	buf_clear(&text);
}

/* --- memory --------------------------------------------------------------------------------------- */

/* A header of nothing but addresses ends in an error, and takes no more memory than it was given. */
static void test_bounded(void)
{
	struct arena *little = arena_new(9 << 20);
	struct room_mail mail = {.text = NULL};
	struct err e = ERR_INIT;
	enum evidence_need need;
	struct room_letter l;
	enum truth held;
	struct buf text;
	struct room room;

	CU_ASSERT_PTR_NOT_NULL_FATAL(little);
	buf_init(&text, 4 << 20);
	for (unsigned i = 0; i < 30; i++) {
		CU_ASSERT_EQUAL(buf_adds(&text, "To: a@b", NULL), RC_OK);
		for (unsigned k = 0; k < 8000; k++)
			CU_ASSERT_EQUAL(buf_adds(&text, ",a@b", NULL), RC_OK);
		CU_ASSERT_EQUAL(buf_adds(&text, "\n", NULL), RC_OK);
	}
	mail.bytes = buf_span(&text);
	open_room(&room, "UTC", "To", "is", "x@y.example");
	room_letter(&room, &mail, &l);
	room_show(&l, STAGE_END);
	l.evidence.arena = little;
	ASSERT_FAILS(condition_holds(&room.conf->rules.at[0].when[0], &l.evidence, &held, &need,
				     NULL, &e),
		     RC_NOMEM, &e, "out of memory");
	CU_ASSERT(arena_was_full(little));
	room_letter_clear(&l);
	room_close(&room);
	arena_free(little);
	buf_clear(&text);
}

int main(void)
{
	static const struct test tests[] = {
		{"addresses, in every field", test_addresses},
		{"each condition looks at its own field", test_own_field},
		{"any, each, lists, recipients", test_lists},
		{"names, subjects, lines, clients, sources", test_texts},
		{"encrypted and signed", test_security},
		{"written by a person", test_human},
		{"sizes, times, dates, days", test_numbers},
		{"the value that decided", test_shown},
		{"random rules and messages: never a wrong answer", test_never_wrong},
		{"nothing but addresses", test_bounded},
	};

	return test_main("condition", tests, COUNT_OF(tests));
}
