/* A content as edits: what a mail server makes of them is the header that is wanted, and the recipients that are. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/content.h"
#include "modelmta.h"
#include "test.h"

static struct arena *arena;

static const char *text_of(struct span s)
{
	const char *p = arena_strndup(arena, s);

	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	return p;
}

static void show_fields(const struct fields *f, struct buf *out)
{
	out->len = 0;
	for (size_t i = 0; i < fields_count(f); i++)
		CU_ASSERT_EQUAL(buf_addf(out, NULL, "%.*s:%.*s\n", SPAN_ARG(fields_at(f, i)->name),
					 SPAN_ARG(fields_at(f, i)->value)),
				RC_OK);
}

/* --- the header --------------------------------------------------------------------------------- */

static void read_header(const char *text, struct fields *ret)
{
	struct err err = ERR_INIT;
	struct span body;
	bool crlf;

	fields_init(ret, arena, 1 << 20);
	ASSERT_OK(fields_read(ret, span_str(text), &body, &crlf, &err), &err);
}

/* What the mail server has when CONTENT was made of FIELDS, as text; and it is what the signer was told. */
static void outgoing_of(const struct route_content *content, const struct fields *fields,
			struct buf *out)
{
	struct err err = ERR_INIT;
	struct fields outgoing;
	struct edits edits;
	struct buf other;

	buf_init(&other, 1 << 22);
	fields_init(&outgoing, arena, 1 << 22);
	edits_init(&edits);
	ASSERT_OK(content_edits(content, fields, arena, &edits, &outgoing, &err), &err);
	show_fields(&outgoing, out);
	for (int leading = 0; leading < 2; leading++) {
		struct model m;

		model_begin(&m, arena, fields);
		m.adds_space = leading == 0;
		ASSERT_OK(edits_apply(&edits, &model_ops, &m, leading != 0, &err), &err);
		CU_ASSERT_FALSE(m.wrong);
		model_show_header(&m, &other);
		ASSERT_SPAN(buf_span(&other), buf_span(out));
		model_clear(&m);
	}
	CU_ASSERT_PTR_NULL(edits.body);
	edits_clear(&edits);
	fields_clear(&outgoing);
	buf_clear(&other);
}

#define ENVELOPE_FIELDS                                                                            \
	"MIME-Version: 1.0\n"                                                                      \
	"Content-Type: application/pkcs7-mime; smime-type=enveloped-data;\n\tname=\"smime.p7m\"\n" \
	"Content-Transfer-Encoding: base64\n"                                                      \
	"Content-Disposition: attachment; filename=\"smime.p7m\"\n"
#define SEALED true
#define CLEAR false

static const struct {
	const char *label, *header;
	bool seal;
	const char *tag, *add; /* "Name: value", or NULL */
	const char *want;
} header_rows[] = {
	{"nothing to do", "From: a\nContent-Type: text/plain\n\n", CLEAR, NULL, NULL,
	 "From: a\nContent-Type: text/plain\n"},
	{"no header at all", "\n", CLEAR, NULL, NULL, ""},
	{"no header at all, sealed", "\n", SEALED, NULL, NULL, ENVELOPE_FIELDS},
	{"sealed", "From: a\nContent-Type: text/plain\nSubject: s\nMIME-Version: 1.0\nTo: b\n\n",
	 SEALED, NULL, NULL, "From: a\nSubject: s\nTo: b\n" ENVELOPE_FIELDS},
	{"sealed, odd case and repeated",
	 "CONTENT-TYPE: a/b\nFrom: a\ncontent-type: c/d\nMime-version: 1.0\nContent-ID: <x>\n"
	 "MIME-VERSION: 1.0\n\n",
	 SEALED, NULL, NULL, "From: a\n" ENVELOPE_FIELDS},
	{"sealed, names that only look so",
	 "Content: x\nContents-Type: y\nX-Content-Type: z\nMIME-Versions: 1\nMIME: 2\n\n", SEALED,
	 NULL, NULL,
	 "Content: x\nContents-Type: y\nX-Content-Type: z\nMIME-Versions: 1\nMIME: "
	 "2\n" ENVELOPE_FIELDS},
	{"sealed, any name that begins so", "Content-: a\nContent-Foo: b\nTo: c\n\n", SEALED, NULL,
	 NULL, "To: c\n" ENVELOPE_FIELDS},
	{"sealed, nothing to take away", "From: a\n\n", SEALED, NULL, NULL,
	 "From: a\n" ENVELOPE_FIELDS},
	{"sealed, folds and white space stay", "From:a\n b\nTo:  c\nX:\n\td\n\n", SEALED, NULL,
	 NULL, "From:a\n b\nTo:  c\nX:\n\td\n" ENVELOPE_FIELDS},
	{"a field added", "From: a\n\n", CLEAR, NULL, "X-Rule: r", "From: a\nX-Rule: r\n"},
	{"a field added that is there already", "X-Rule: q\nFrom: a\n\n", CLEAR, NULL, "X-Rule: r",
	 "X-Rule: q\nFrom: a\nX-Rule: r\n"},
	{"sealed, and a field added", "Content-Type: a/b\nFrom: a\n\n", SEALED, NULL, "X-Rule: r",
	 "From: a\nX-Rule: r\n" ENVELOPE_FIELDS},
	{"a Subject tagged", "Subject: hello\nFrom: a\n\n", CLEAR, "[t]", NULL,
	 "Subject: [t]\n hello\nFrom: a\n"},
	{"its name stays as it was", "SUBJECT: hello\n\n", CLEAR, "[t]", NULL,
	 "SUBJECT: [t]\n hello\n"},
	{"no space in it", "Subject:hello\n\n", CLEAR, "[t]", NULL, "Subject: [t]\n hello\n"},
	{"a tab in it", "Subject:\thello\n\n", CLEAR, "[t]", NULL, "Subject: [t]\n\thello\n"},
	{"it begins with a fold", "Subject:\n hello\n\n", CLEAR, "[t]", NULL,
	 "Subject: [t]\n hello\n"},
	{"it has folds", "Subject: one\n two\n\n", CLEAR, "[t]", NULL,
	 "Subject: [t]\n one\n two\n"},
	{"an empty one", "Subject:\nFrom: a\n\n", CLEAR, "[t]", NULL, "Subject: [t]\nFrom: a\n"},
	{"one of white space", "Subject:  \t \nFrom: a\n\n", CLEAR, "[t]", NULL,
	 "Subject: [t]\nFrom: a\n"},
	{"none", "From: a\n\n", CLEAR, "[t]", NULL, "From: a\nSubject: [t]\n"},
	{"two of them", "Subject: one\nFrom: a\nsubject: two\n\n", CLEAR, "[t]", NULL,
	 "Subject: [t]\n one\nFrom: a\nsubject: [t]\n two\n"},
	{"names that are none", "Subjects: one\nX-Subject: two\n\n", CLEAR, "[t]", NULL,
	 "Subjects: one\nX-Subject: two\nSubject: [t]\n"},
	{"an encoded one behind ASCII", "Subject: =?utf-8?q?=C3=BC?=\n\n", CLEAR, "[t]", NULL,
	 "Subject: [t]\n =?utf-8?q?=C3=BC?=\n"},
	{"a tag to be encoded", "Subject: hello\n\n", CLEAR, "\xc3\xbc", NULL,
	 "Subject: =?UTF-8?B?w7w=?=\n hello\n"},
	{"to be encoded, before a word: the space is in it", "Subject: =?utf-8?q?=C3=BC?=\n\n",
	 CLEAR, "\xc3\xbc", NULL, "Subject: =?UTF-8?B?w7wg?=\n =?utf-8?q?=C3=BC?=\n"},
	{"to be encoded, before a word behind a fold", "Subject:\n\t=?utf-8?q?=C3=BC?=\n\n", CLEAR,
	 "\xc3\xbc", NULL, "Subject: =?UTF-8?B?w7wg?=\n\t=?utf-8?q?=C3=BC?=\n"},
	{"to be encoded, and no Subject", "From: a\n\n", CLEAR, "\xc3\xbc", NULL,
	 "From: a\nSubject: =?UTF-8?B?w7w=?=\n"},
	{"39 octets are one word", "Subject: x\n\n", CLEAR,
	 "\xc3\xbc"
	 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	 NULL, "Subject: =?UTF-8?B?w7xhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFh?=\n x\n"},
	{"40 are two, cut between characters", "Subject: x\n\n", CLEAR,
	 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\xc3\xbc", NULL,
	 "Subject: =?UTF-8?B?YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE=?=\n"
	 "\t=?UTF-8?B?w7w=?=\n x\n"},
	{"everything at once",
	 "Content-Type: a/b\nSubject: s\nFrom: a\nMIME-Version: 1.0\nSubject: t\n"
	 "Content-ID: <1>\nContent-ID: <2>\n\n",
	 SEALED, "[t]", "X-A: 1",
	 "Subject: [t]\n s\nFrom: a\nSubject: [t]\n t\nX-A: 1\n" ENVELOPE_FIELDS},
};

/* "Name: value" as "Add Header" keeps it. */
static struct route_field added_field(const char *line)
{
	const char *colon = strchr(line, ':');

	return (struct route_field){text_of(span_of(line, (size_t)(colon - line))), colon + 1};
}

static void test_header(void)
{
	struct buf out;

	buf_init(&out, 1 << 22);
	for (size_t i = 0; i < COUNT_OF(header_rows); i++) {
		struct route_content content = {.seal = header_rows[i].seal,
						.tag = header_rows[i].tag};
		struct route_field added;
		struct fields fields;

		ROW(header_rows[i].label);
		arena_reset(arena);
		if (header_rows[i].add != NULL) {
			added = added_field(header_rows[i].add);
			content.added = &added;
			content.n_added = 1;
		}
		read_header(header_rows[i].header, &fields);
		outgoing_of(&content, &fields, &out);
		ASSERT_SPAN(buf_span(&out), span_str(header_rows[i].want));
		fields_clear(&fields);
	}
	ROW("");
	buf_clear(&out);
}

/* A name that ended in white space is never signed (RFC 5322 4.5): also not when the header is another one. */
static void test_obsolete_syntax(void)
{
	struct route_content content = {.seal = true};
	struct err err = ERR_INIT;
	struct fields fields, outgoing;
	struct edits edits;

	arena_reset(arena);
	edits_init(&edits);
	fields_init(&fields, arena, 1000);
	fields_init(&outgoing, arena, 10000);
	ASSERT_OK(fields_add_milter(&fields, SPAN_LIT("X-Old "), SPAN_LIT(" x"), true, &err), &err);
	ASSERT_OK(fields_add_milter(&fields, SPAN_LIT("X-New"), SPAN_LIT(" x"), true, &err), &err);
	ASSERT_OK(content_edits(&content, &fields, arena, &edits, &outgoing, &err), &err);
	CU_ASSERT_TRUE(fields_at(&outgoing, 0)->space_before_colon);
	CU_ASSERT_FALSE(fields_at(&outgoing, 1)->space_before_colon);
	edits_clear(&edits);
	fields_clear(&fields);
	fields_clear(&outgoing);
}

/* --- random headers, against what is to stay, said in a few lines -------------------------------- */

static const char *const names[] = {"From",	    "Subject",	"SUBJECT",    "To",
				    "Received",	    "X-A",	"Content-ID", "content-type",
				    "CONTENT-TYPE", "Contents", "MIME-Ver",   "MIME-Version",
				    "mime-version", "Content-", "DKIM-X"};
static const char *const values[] = {" x",   "x",  " x\n y",	"\n x",		 "",
				     "\tx ", " z", " \xc3\xbc", " =?utf-8?q?a?="};

static bool goes(const char *name)
{
	return strncasecmp(name, "content-", 8) == 0 || strcasecmp(name, "mime-version") == 0;
}

static void random_header(const struct route_content *c, struct fields *fields, struct buf *want)
{
	unsigned n = test_random(25);
	bool subject = false;

	want->len = 0;
	for (; n > 0; n--) {
		const char *name = names[test_random(COUNT_OF(names))];
		const char *value = values[test_random(COUNT_OF(values))];
		bool tagged = c->tag != NULL && strcasecmp(name, "subject") == 0;
		const char *fold = strchr(" \t", value[0]) != NULL ? "\n" : "\n ";

		subject = subject || strcasecmp(name, "subject") == 0;
		CU_ASSERT_EQUAL(fields_add(fields, span_str(name), span_str(value), NULL), RC_OK);
		if (c->seal && goes(name))
			continue;
		if (!tagged)
			fold = "";
		else if (value[0] == '\0' || value[0] == '\n')
			fold = "";
		CU_ASSERT_EQUAL(buf_addf(want, NULL, "%s:%s%s%s%s\n", name, tagged ? " " : "",
					 tagged ? c->tag : "", fold, value),
				RC_OK);
	}
	if (c->tag != NULL && !subject)
		CU_ASSERT_EQUAL(buf_addf(want, NULL, "Subject: %s\n", c->tag), RC_OK);
	for (size_t i = 0; i < c->n_added; i++)
		CU_ASSERT_EQUAL(
			buf_addf(want, NULL, "%s:%s\n", c->added[i].name, c->added[i].value),
			RC_OK);
	if (c->seal)
		CU_ASSERT_EQUAL(buf_adds(want, ENVELOPE_FIELDS, NULL), RC_OK);
}

static void test_random_headers(void)
{
	static const struct route_field added[] = {{"X-A", " 1"}, {"X-B", " 2"}, {"X-A", " 3"}};
	struct buf got, want;

	buf_init(&got, 1 << 22);
	buf_init(&want, 1 << 22);
	for (unsigned i = 0; i < 3000; i++) {
		struct route_content content = {.seal = test_random(2) == 1,
						.tag = test_random(2) == 1 ? "[tag]" : NULL,
						.added = added,
						.n_added = test_random(COUNT_OF(added) + 1)};
		struct fields fields;

		arena_reset(arena);
		fields_init(&fields, arena, 1 << 20);
		random_header(&content, &fields, &want);
		outgoing_of(&content, &fields, &got);
		ASSERT_SPAN(buf_span(&got), buf_span(&want));
		fields_clear(&fields);
	}
	buf_clear(&got);
	buf_clear(&want);
}

/* --- tags, read by somebody else ----------------------------------------------------------------- */

/* RFC 2047 2, 5: each word is of 75 octets at most and holds whole characters, no line has more than 76, and all of them
 * together say the text. */
static const char judge[] =
	"import base64, email, email.policy, re, sys\n"
	"bad = n = 0\n"
	"for line in open(sys.argv[1], encoding='ascii'):\n"
	"    raw, want = (bytes.fromhex(x) for x in (line.rstrip('\\n') + ' ').split(' ')[:2])\n"
	"    n += 1\n"
	"    words = [w for w in raw.split() if w.startswith(b'=?UTF-8?B?')]\n"
	"    for w in words:\n"
	"        base64.b64decode(w[10:-2], validate=True).decode()\n"
	"    long = [l for l in raw.split(b'\\n') if len(l) > (76 if words else 998)]\n"
	"    long += [w for w in words if len(w) > 75]\n"
	"    m = email.message_from_bytes(raw + b'\\n\\n', policy=email.policy.default)\n"
	"    said = ' '.join(str(m['subject']).split())\n"
	"    want = ' '.join(want.decode().split())\n"
	"    if long or said != want:\n"
	"        bad += 1\n"
	"        print(raw, repr(said), repr(want), long)\n"
	"sys.exit(bad != 0 or n == 0)\n";

static void add_hex(FILE *f, struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		fprintf(f, "%02x", (unsigned char)s.p[i]);
}

/* Subjects with what they say. */
static const char *const subjects[][2] = {
	{"", ""},
	{" hello", "hello"},
	{"hello", "hello"},
	{"\n\thello", "hello"},
	{" one\n two", "one two"},
	{" =?utf-8?q?=C3=BC_x?=", "\xc3\xbc x"},
	{"\n =?utf-8?b?w7w=?=\n =?utf-8?q?y?=", "\xc3\xbcy"},
	{" x =?utf-8?q?=C3=BC?=", "x \xc3\xbc"},
};

static void random_tag(struct buf *out)
{
	static const char *const pieces[] = {"a",	  "[",	      "x y",	      "]",
					     "\xc3\xbc",  "\xe2\x82", "\xf0\x9f\x93", "=",
					     "\xcc\x88z", "?"};
	unsigned n = 1 + test_random(test_random(4) == 0 ? 200 : 20);

	out->len = 0;
	while (n-- > 0) {
		const char *piece = pieces[test_random(COUNT_OF(pieces))];

		CU_ASSERT_EQUAL(buf_adds(out, piece, NULL), RC_OK);
		/* The last octet of some characters is apart, so that they can end anywhere. */
		if (piece[0] == '\xe2')
			CU_ASSERT_EQUAL(buf_addc(out, '\xac', NULL), RC_OK);
		if (piece[0] == '\xf0')
			CU_ASSERT_EQUAL(buf_addc(out, '\xa7', NULL), RC_OK);
	}
}

static void write_tagged(FILE *f, const char *tag, const char *const *subject)
{
	struct route_content content = {.tag = tag};
	struct fields fields;
	struct buf out;

	arena_reset(arena);
	buf_init(&out, 1 << 20);
	fields_init(&fields, arena, 1 << 20);
	CU_ASSERT_EQUAL(fields_add(&fields, SPAN_LIT("Subject"), span_str(subject[0]), NULL),
			RC_OK);
	outgoing_of(&content, &fields, &out);
	add_hex(f, span_trim_fold(buf_span(&out)));
	fputc(' ', f);
	add_hex(f, span_str(tag));
	add_hex(f, SPAN_LIT(" "));
	add_hex(f, span_str(subject[1]));
	fputc('\n', f);
	fields_clear(&fields);
	buf_clear(&out);
}

static void test_tags(void)
{
	FILE *script = fopen(test_path("judge.py"), "we"), *f = fopen(test_path("tags"), "we");
	char command[1100];
	struct buf tag;

	buf_init(&tag, 10000);
	CU_ASSERT_PTR_NOT_NULL_FATAL(script);
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	for (unsigned i = 0; i < 600; i++) {
		random_tag(&tag);
		write_tagged(f, buf_cstr(&tag), subjects[test_random(COUNT_OF(subjects))]);
	}
	CU_ASSERT_TRUE(fputs(judge, script) >= 0);
	CU_ASSERT_EQUAL(fclose(script), 0);
	CU_ASSERT_EQUAL(fclose(f), 0);
	snprintf(command, sizeof(command), "python3 %s %s", test_path("judge.py"),
		 test_path("tags"));
	CU_ASSERT_EQUAL(system(command), 0);
	buf_clear(&tag);
}

/* --- the envelope ------------------------------------------------------------------------------- */

/* RCPT: given ones, apart by a space, with what was asked for behind ';'. DELIVER: lines "RECIPIENT FLAGS ADDRESS", '-' for
 * a server's rule; '=' as given, '>' another address, 'x' extra. WANT: who gets it in the end, with the parameters of those
 * that were added. */
static const struct {
	const char *label, *rcpt, *deliver, *quarantine, *want;
} envelope_rows[] = {
	{"as given", "<a@x.example> b@x.example", "0 = a@x.example\n1 = b@x.example\n", NULL,
	 "<a@x.example>\nb@x.example\n"},
	{"one is dropped", "<a@x.example> <b@x.example>", "0 = a@x.example\n", NULL,
	 "<a@x.example>\n"},
	{"the first is dropped", "<a@x.example> <b@x.example>", "1 = b@x.example\n", NULL,
	 "<b@x.example>\n"},
	{"another address", "<a@x.example>", "0 > a+Box@x.example\n", NULL, "a+Box@x.example \n"},
	{"the only one is exchanged, never is there none", "<a@x.example>", "0 > c@y.example\n",
	 NULL, "c@y.example \n"},
	{"NOTIFY and ORCPT go on, the rest does not",
	 "<a@x.example>;NOTIFY=SUCCESS,FAILURE;SIZE=1;ORCPT=rfc822;a@x.example",
	 "0 > c@y.example\n", NULL, "c@y.example NOTIFY=SUCCESS,FAILURE ORCPT=rfc822\n"},
	{"in small letters", "<a@x.example>;notify=NEVER;orcpt=rfc822,a", "0 > c@y.example\n", NULL,
	 "c@y.example notify=NEVER orcpt=rfc822,a\n"},
	{"to two", "<a@x.example>;NOTIFY=FAILURE", "0 > c@y.example\n0 > d@y.example\n", NULL,
	 "c@y.example NOTIFY=FAILURE\nd@y.example NOTIFY=FAILURE\n"},
	{"a copy for somebody else", "<a@x.example>;NOTIFY=SUCCESS",
	 "0 = a@x.example\n0 x c@y.example\n", NULL, "<a@x.example>\nc@y.example NOTIFY=NEVER\n"},
	{"all that is left of it", "<a@x.example>;NOTIFY=SUCCESS",
	 "0 x c@y.example\n0 x d@y.example\n", NULL,
	 "c@y.example NOTIFY=SUCCESS\nd@y.example NOTIFY=NEVER\n"},
	{"all that is left of one of two", "<a@x.example> <b@x.example>",
	 "0 = a@x.example\n0 x c@y.example\n1 x d@y.example\n", NULL,
	 "<a@x.example>\nc@y.example NOTIFY=NEVER\nd@y.example \n"},
	{"of a server's rule", "<a@x.example>", "0 = a@x.example\n- > c@y.example\n", NULL,
	 "<a@x.example>\nc@y.example NOTIFY=NEVER\n"},
	{"of a server's rule, and nothing else is left", "<a@x.example>;NOTIFY=SUCCESS",
	 "- > c@y.example\n- > d@y.example\n", NULL, "c@y.example \nd@y.example NOTIFY=NEVER\n"},
	{"who has it already is not added", "<a@x.example> <b@x.example>",
	 "0 > b@x.example\n1 = b@x.example\n", NULL, "<b@x.example>\n"},
	{"in other letters", "<a@x.example> <B@X.example>", "0 > b@x.example\n", NULL,
	 "<B@X.example>\n"},
	{"in quotes that it does not need", "<a@x.example> <\"b\"@x.example>", "0 > b@x.example\n",
	 NULL, "<\"b\"@x.example>\n"},
	{"in quotes, dropped", "<a@x.example> <\"b\"@x.example>", "0 = a@x.example\n", NULL,
	 "<a@x.example>\n"},
	{"given twice, delivered as given twice", "<a@x.example> <a@x.example>",
	 "0 = a@x.example\n1 = a@x.example\n", NULL, "<a@x.example>\n<a@x.example>\n"},
	{"given twice, wanted once: none may be taken back", "<a@x.example> <a@x.example>",
	 "- > a@x.example\n", NULL, "<a@x.example>\n<a@x.example>\n"},
	{"given twice, dropped", "<b@x.example> <a@x.example> <a@x.example>", "0 = b@x.example\n",
	 NULL, "<b@x.example>\n"},
	{"no address at all", "<> <a@x.example>", "0 = \n", NULL, "<>\n"},
	{"a local name", "<Postmaster> <a@x.example>", "0 = Postmaster\n1 > postmaster\n", NULL,
	 "<Postmaster>\n"},
	{"what is no address is dropped as it was given", "<a@x.example> <@@>", "0 = a@x.example\n",
	 NULL, "<a@x.example>\n"},
	{"held back", "<a@x.example>", "0 = a@x.example\n", "odd",
	 "<a@x.example>\nquarantine: odd\n"},
	{"held back and sent on", "<a@x.example>", "0 > c@y.example\n", "odd",
	 "c@y.example \nquarantine: odd\n"},
};

enum { RCPT_MAX = 20 };

static size_t read_recipients(const char *text, struct route_recipient *to)
{
	struct span rest = span_str(text), word;
	size_t n = 0;

	while (n < RCPT_MAX && span_split(&rest, ' ', &word)) {
		struct span *args = arena_calloc(arena, 8, sizeof(*args));

		CU_ASSERT_PTR_NOT_NULL_FATAL(args);
		to[n] = (struct route_recipient){.args = args};
		(void)span_split(&word, ';', &to[n].given);
		while (to[n].n_args < 8 && span_split(&word, ';', &args[to[n].n_args]))
			to[n].n_args++;
		n++;
	}
	return n;
}

static void read_deliveries(const char *text, struct route *route)
{
	struct span rest = span_str(text), line, word;

	while (span_split(&rest, '\n', &line)) {
		struct route_delivery *d;

		if (line.len == 0)
			continue;
		d = vec_push(&route->deliveries);
		CU_ASSERT_PTR_NOT_NULL_FATAL(d);
		(void)span_split(&line, ' ', &word);
		*d = (struct route_delivery){.recipient = SIZE_MAX};
		if (word.p[0] != '-')
			d->recipient = (size_t)(word.p[0] - '0');
		(void)span_split(&line, ' ', &word);
		d->as_given = word.p[0] == '=';
		d->extra = word.p[0] == 'x';
		d->address = text_of(line);
	}
}

/* Who has the message when the mail server has done what ROUTE asks; the caller clears M. */
static void envelope_of(const struct route *route, const struct route_recipient *rcpt, size_t n,
			struct model *m)
{
	struct err err = ERR_INIT;
	struct edits edits;

	edits_init(&edits);
	model_begin(m, arena, NULL);
	for (size_t i = 0; i < n; i++)
		model_add_rcpt(m, rcpt[i].given);
	ASSERT_OK(content_envelope(route, rcpt, n, arena, &edits, &err), &err);
	ASSERT_OK(edits_apply(&edits, &model_ops, m, true, &err), &err);
	CU_ASSERT_FALSE(m->wrong);
	edits_clear(&edits);
}

static void begin_route(struct route *route, const char *quarantine)
{
	struct route_content *content;

	route_init(route);
	content = vec_push(&route->contents);
	CU_ASSERT_PTR_NOT_NULL_FATAL(content);
	*content = (struct route_content){.quarantine = quarantine};
}

static void test_envelope(void)
{
	struct buf out;

	buf_init(&out, 1 << 20);
	for (size_t i = 0; i < COUNT_OF(envelope_rows); i++) {
		struct route_recipient rcpt[RCPT_MAX];
		struct route route;
		struct model m;

		ROW(envelope_rows[i].label);
		arena_reset(arena);
		begin_route(&route, envelope_rows[i].quarantine);
		read_deliveries(envelope_rows[i].deliver, &route);
		envelope_of(&route, rcpt, read_recipients(envelope_rows[i].rcpt, rcpt), &m);
		model_show_rcpts(&m, &out);
		ASSERT_SPAN(buf_span(&out), span_str(envelope_rows[i].want));
		model_clear(&m);
		route_clear(&route);
	}
	ROW("");
	buf_clear(&out);
}

/* --- random envelopes ---------------------------------------------------------------------------- */

static const char *const people[] = {"a@x.example", "b@x.example",	 "A@x.example",
				     "c@y.example", "\"a b\"@x.example", "a+Box@x.example"};

static struct span bare(const char *address)
{
	struct span s = span_str(address);

	return s.len >= 2 && s.p[0] == '<' ? span_sub(s, 1, s.len - 2) : s;
}

static bool has_message(const struct model *m, struct span address)
{
	const struct model_rcpt *all = m->rcpts.items;

	for (size_t i = 0; i < m->rcpts.len; i++)
		if (span_ieq(bare(all[i].address), address))
			return true;
	return false;
}

static bool is_wanted(const struct route *route, struct span address)
{
	for (size_t i = 0; i < route->deliveries.len; i++) {
		const struct route_delivery *d = vec_at(&route->deliveries, i);

		if (span_ieq_str(address, d->address))
			return true;
	}
	return false;
}

/* Those who get it are those that the route names, each of them, and nobody else. */
static size_t check_envelope(const struct route *route, const struct model *m)
{
	const struct model_rcpt *all = m->rcpts.items;
	size_t wrong = 0;

	for (size_t i = 0; i < route->deliveries.len; i++) {
		const struct route_delivery *d = vec_at(&route->deliveries, i);

		wrong += !has_message(m, span_str(d->address));
	}
	for (size_t i = 0; i < m->rcpts.len; i++)
		wrong += !is_wanted(route, bare(all[i].address));
	return wrong;
}

static void random_route(struct route *route, struct route_recipient *rcpt, size_t n)
{
	begin_route(route, NULL);
	for (size_t i = 0; i < n; i++) {
		char text[60];

		snprintf(text, sizeof(text), test_random(2) == 0 ? "<%s>" : "%s",
			 people[test_random(COUNT_OF(people))]);
		rcpt[i] = (struct route_recipient){.given = span_str(text_of(span_str(text)))};
	}
	for (unsigned left = 1 + test_random(6); left > 0; left--) {
		struct route_delivery *d = vec_push(&route->deliveries);

		CU_ASSERT_PTR_NOT_NULL_FATAL(d);
		*d = (struct route_delivery){.recipient = test_random((unsigned)n),
					     .as_given = test_random(2) == 0,
					     .extra = test_random(2) == 0,
					     .address = people[test_random(COUNT_OF(people))]};
		if (d->as_given)
			d->address = text_of(bare(text_of(rcpt[d->recipient].given)));
	}
}

static void test_random_envelopes(void)
{
	size_t wrong = 0;

	for (unsigned i = 0; i < 5000 && wrong == 0; i++) {
		struct route_recipient rcpt[6];
		size_t n = 1 + test_random(COUNT_OF(rcpt));
		struct route route;
		struct model m;

		arena_reset(arena);
		random_route(&route, rcpt, n);
		envelope_of(&route, rcpt, n, &m);
		wrong += check_envelope(&route, &m);
		model_clear(&m);
		route_clear(&route);
	}
	CU_ASSERT_EQUAL(wrong, 0);
}

/* --- limits ------------------------------------------------------------------------------------- */

/* Memory that ends anywhere: RC_NOMEM, and in the end it is enough. */
static void test_memory(void)
{
	static const struct route_field added = {"X-A", " 1"};
	struct route_content content = {
		.seal = true, .tag = "\xc3\xbc", .added = &added, .n_added = 1};
	struct fields fields;
	struct buf want;
	size_t failed = 0;
	enum rc rc = RC_NOMEM;

	arena_reset(arena);
	buf_init(&want, 1 << 20);
	read_header("Content-Type: a/b\nSubject: s\nFrom: a\nMIME-Version: 1.0\n\n", &fields);
	outgoing_of(&content, &fields, &want);
	for (size_t room = 0; room < 5000 && rc != RC_OK; room += 8) {
		struct arena *little = arena_new(room);
		struct err err = ERR_INIT;
		struct fields outgoing;
		struct edits edits;
		struct buf got;

		buf_init(&got, 1 << 20);
		edits_init(&edits);
		fields_init(&outgoing, little, 1 << 20);
		rc = content_edits(&content, &fields, little, &edits, &outgoing, &err);
		failed += rc != RC_OK;
		CU_ASSERT_TRUE(rc == RC_OK || rc == RC_NOMEM);
		CU_ASSERT_TRUE(rc == RC_OK || err.text[0] != '\0');
		show_fields(&outgoing, &got);
		CU_ASSERT_EQUAL(rc == RC_OK, span_eq(buf_span(&got), buf_span(&want)));
		edits_clear(&edits);
		fields_clear(&outgoing);
		buf_clear(&got);
		arena_free(little);
	}
	CU_ASSERT_EQUAL(rc, RC_OK);
	CU_ASSERT_TRUE(failed > 10);
	fields_clear(&fields);
	buf_clear(&want);
}

int main(void)
{
	static const struct test tests[] = {
		{"the header", test_header},
		{"white space before a colon", test_obsolete_syntax},
		{"random headers", test_random_headers},
		{"tags, read by Python", test_tags},
		{"the envelope", test_envelope},
		{"random envelopes", test_random_envelopes},
		{"memory that ends", test_memory},
	};
	int status;

	arena = arena_new(64u << 20);
	status = test_main("content", tests, COUNT_OF(tests));
	arena_free(arena);
	return status;
}
