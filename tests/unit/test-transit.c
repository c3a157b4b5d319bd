/* One message on its way: the same whatever the pieces of its body, what the mail server is asked fits what leaves, and
 * whatever fails makes nothing good and leaves nothing behind. */
#include <errno.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/session.h"
#include "core/transit.h"
#include "crypto/ossl.h"
#include "dkimcheck.h"
#include "fixture-keys.h"
#include "fixture.h"
#include "iofault.h"
#include "modelmta.h"
#include "oom.h"
#include "opencms.h"
#include "test.h"
#include "testcert.h"

/* --- the world ---------------------------------------------------------------------------------- */

/* Each account has one rule, by which a message is decided at the end of the header, when enough of the body is there, or at
 * the end. */
static const char conf_text[] =
	"limits = { message = \"110000\"; recipients = 3; };\n"
	"domains = ( { name = \"example.com\"; }, { name = \"sealed.example\"; rules = (\n"
	" { name = \"now\"; owner = \"now@sealed.example\"; do = ( (\"Tag Subject\", \"[s]\"),\n"
	"   (\"Store Encrypted in\", \"INBOX\"), (\"Discard\") ); },\n"
	" { name = \"begin\"; owner = \"begin@sealed.example\";\n"
	"   when = ( (\"Security\", \"is not\", \"encrypted\") );\n"
	"   do = ( (\"Store Encrypted in\", \"INBOX\"), (\"Discard\") ); },\n"
	" { name = \"end\"; owner = \"end@sealed.example\";\n"
	"   when = ( (\"Message Size\", \"greater than\", \"1\") );\n"
	"   do = ( (\"Store Encrypted in\", \"Box\"), (\"Discard\") ); },\n"
	" { name = \"large\"; owner = \"large@sealed.example\";\n"
	"   when = ( (\"Message Size\", \"greater than\", \"1MB\") );\n"
	"   do = ( (\"Store Encrypted in\", \"Box\"), (\"Discard\") ); },\n"
	" { name = \"lost\"; owner = \"lost@sealed.example\";\n"
	"   do = ( (\"Store Encrypted in\", \"INBOX\"), (\"Discard\") ); },\n"
	" { name = \"gone\"; owner = \"gone@sealed.example\";\n"
	"   when = ( (\"Message Size\", \"greater than\", \"1\") ); do = ( (\"Discard\") ); },\n"
	" { name = \"never\"; owner = \"never@sealed.example\";\n"
	"   when = ( (\"Message Size\", \"greater than\", \"1\") );\n"
	"   do = ( (\"Reject with\", \"go away\") ); },\n"
	" { name = \"add\"; owner = \"add@sealed.example\";\n"
	"   do = ( (\"Add Header\", \"X-Seen: yes\"), (\"Redirect To\", \"x@else.example\"),\n"
	"   (\"Discard\") ); } ); } );\n"
	"spool = { memory = \"1kB\"; dir = ";

static const char selectors_text[] = "example.com r1 rsa-sha256 active 1700000000 1700000000 rsa\n";

static struct fixture world;
static struct testcert jim = {.cn = "jim", .email = "jim@sealed.example"};
static char record[1000];
static const struct test_record *records;

static const char *spool_dir(void)
{
	static char path[600];

	snprintf(path, sizeof(path), "%s/spool", test_dir());
	return path;
}

static void add_cert(const char *account)
{
	struct user_cert u = {.account = account, .kind = CERT_RSA, .bits = 2048};
	struct directory *d = NULL;
	struct err err = ERR_INIT;
	struct cert *c = testcert_cert(&jim);
	unsigned char *der = NULL;

	u.der.len = (size_t)i2d_X509(jim.x509, &der);
	u.der.p = (const char *)der;
	u.not_before = 1;
	u.not_after = FIXTURE_NOW * (int64_t)2;
	memcpy(u.fingerprint, cert_fingerprint(c), sizeof(u.fingerprint));
	ASSERT_OK(directory_open(test_path("state"), DIRECTORY_WRITE, &d, &err), &err);
	ASSERT_OK(d->ops->user_cert_add(d, &u, &err), &err);
	directory_close(d);
	cert_unref(c);
	OPENSSL_free(der);
}

static void make_record(void)
{
	static struct test_record all[] = {{"example.com", "r1", record, RC_OK},
					   {NULL, NULL, NULL, RC_OK}};
	struct key *key = test_key(FIXTURE_KEY_RSA);
	struct err err = ERR_INIT;
	struct buf public;

	buf_init(&public, 4096);
	ASSERT_OK(key_public_base64(key, &public, &err), &err);
	snprintf(record, sizeof(record), "v=DKIM1; k=rsa; p=%s", buf_cstr(&public));
	buf_clear(&public);
	key_unref(key);
	records = all;
}

static void make_world(void)
{
	static const char *const accounts[] = {"now", "begin", "end", "large", "gone", "never"};
	struct err err = ERR_INIT;
	char conf[4000];

	CU_ASSERT_EQUAL(mkdir(spool_dir(), 0700), 0);
	snprintf(conf, sizeof(conf), "%s\"%s\"; };\n", conf_text, spool_dir());
	ASSERT_OK(fixture_open(&world, test_dir(), span_str(conf), span_str(selectors_text), &err),
		  &err);
	testcert_make(&jim);
	for (size_t i = 0; i < COUNT_OF(accounts); i++) {
		char account[60];

		snprintf(account, sizeof(account), "%s@sealed.example", accounts[i]);
		add_cert(account);
	}
	ASSERT_OK(fixture_reload(&world, span_str(conf), &err), &err);
	make_record();
	CU_ASSERT_PTR_NOT_NULL_FATAL(world.keys);
}

/* --- one message -------------------------------------------------------------------------------- */

struct job {
	const char *rcpt, *header;
	struct span body;
	size_t cut, piece; /* the first piece, and all behind it; 0: at random */
	bool local;	   /* handed in on this host: a recipient is not refused by itself */
	bool sign_only, too_large;
	long oom_at; /* the allocation that fails, from 1; 0: none */
};

/* What became of it. The texts are empty where it is not accepted. */
struct outcome {
	enum rc rc;
	enum verdict verdict;
	const char *xcode;
	size_t n_signed;
	bool valid;	   /* the signature, of what leaves */
	bool sealed;	   /* the body was replaced */
	bool asked;	   /* before its end */
	struct buf header; /* without the signature */
	struct buf rcpts, body, inside;
};

static void outcome_init(struct outcome *o)
{
	memset(o, 0, sizeof(*o));
	buf_init(&o->header, 1 << 20);
	buf_init(&o->rcpts, 1 << 20);
	buf_init(&o->body, 1 << 20);
	buf_init(&o->inside, 1 << 20);
}

static void outcome_clear(struct outcome *o)
{
	buf_clear(&o->header);
	buf_clear(&o->rcpts);
	buf_clear(&o->body);
	buf_clear(&o->inside);
}

static enum rc send_body(struct transit *t, const struct job *j, struct err *err)
{
	struct span rest = span_from(j->body, j->cut);
	enum rc rc = RC_OK;

	if (j->cut != 0)
		rc = transit_body(t, span_sub(j->body, 0, j->cut), err);
	while (rest.len != 0 && rc == RC_OK) {
		size_t n = j->piece != 0 ? j->piece : 1 + test_random(6000);

		rc = transit_body(t, span_sub(rest, 0, n), err);
		rest = span_from(rest, n);
	}
	return rc;
}

static enum rc send_all(struct transit *t, const struct job *j, const struct snapshot *snap,
			const struct facts *facts, const struct fields *fields, struct arena *arena,
			struct err *err)
{
	enum verdict verdict = VERDICT_ACCEPT;
	struct reply reply;
	enum rc rc = transit_begin(t, snap, world.keys, facts, fields, arena, err);

	if (rc == RC_OK)
		rc = transit_rcpt(t, span_str(j->rcpt), NULL, 0, FIXTURE_NOW, &verdict, &reply,
				  err);
	if (rc == RC_OK && verdict != VERDICT_ACCEPT) {
		t->state = TRANSIT_DONE;
		t->verdict = verdict;
		t->reply = reply;
		return RC_OK;
	}
	t->too_large = j->too_large;
	if (rc == RC_OK)
		rc = transit_headers(t, FIXTURE_NOW, err);
	if (rc == RC_OK)
		rc = send_body(t, j, err);
	return rc == RC_OK ? transit_end(t, err) : rc;
}

/* The message as it leaves, as a file: is its signature good? */
static bool is_valid(const struct model *m, const struct buf *header)
{
	const struct dkim_signature *s;
	struct dkim_verifier *v;
	struct message message;
	struct buf text;
	bool good;

	buf_init(&text, 4 << 20);
	CU_ASSERT_EQUAL(buf_add(&text, buf_span(header), NULL), RC_OK);
	CU_ASSERT_EQUAL(buf_addc(&text, '\n', NULL), RC_OK);
	CU_ASSERT_EQUAL(buf_add(&text, buf_span(&m->body), NULL), RC_OK);
	message_read(&message, buf_span(&text));
	v = test_verify(&message, NULL, records, FIXTURE_NOW);
	s = dkim_verifier_count(v) == 1 ? dkim_verifier_at(v, 0) : NULL;
	good = s != NULL && s->result == DKIM_PASS;
	dkim_verifier_free(v);
	message_clear(&message);
	buf_clear(&text);
	return good;
}

/* T's edits, carried out by a mail server. */
static void carry_out(const struct transit *t, const struct job *j, const struct fields *fields,
		      struct outcome *o)
{
	struct arena *arena = arena_new(16 << 20);
	struct err err = ERR_INIT;
	struct model m;

	CU_ASSERT_PTR_NOT_NULL_FATAL(arena);
	model_begin(&m, arena, fields);
	model_add_rcpt(&m, span_str(j->rcpt));
	CU_ASSERT_EQUAL(buf_add(&m.body, j->body, NULL), RC_OK);
	ASSERT_OK(edits_apply(&t->edits, &model_ops, &m, true, &err), &err);
	CU_ASSERT_FALSE(m.wrong);
	model_show_header(&m, &o->header);
	o->n_signed = t->n_signed;
	if (t->n_signed != 0) {
		struct span whole = buf_span(&o->header);

		o->valid = is_valid(&m, &o->header);
		whole = span_from(whole, span_search(whole, SPAN_LIT("\nReceived:"), 0, false) + 1);
		memmove(o->header.p, whole.p, whole.len);
		o->header.len = whole.len;
	}
	o->sealed = m.replaced;
	CU_ASSERT_EQUAL(buf_add(&o->body, buf_span(&m.body), NULL), RC_OK);
	if (o->sealed)
		CU_ASSERT_TRUE(opencms(buf_span(&m.body), &jim, &o->inside));
	model_show_rcpts(&m, &o->rcpts);
	model_clear(&m);
	arena_free(arena);
}

static void run(const struct job *j, struct outcome *o, struct err *err)
{
	struct facts facts = {.client = CLIENT_INET,
			      .addr = {127, 0, 0, 1},
			      .port = j->local ? 0 : 4711,
			      .mail_from = SPAN_LIT("<joe@example.com>")};
	struct arena *outer = arena_new(16 << 20), *arena = arena_new(16 << 20);
	struct snapshot *snap = snapshot_store_get(world.store);
	struct transit t = {.sign_only = j->sign_only};
	size_t before = open_descriptors();
	struct fields fields;
	struct span body;
	bool crlf;

	CU_ASSERT_FATAL(outer != NULL && arena != NULL && snap != NULL);
	outcome_clear(o);
	outcome_init(o);
	fields_init(&fields, outer, 1 << 20);
	ASSERT_OK(fields_read(&fields, span_str(j->header), &body, &crlf, err), err);
	err->text[0] = '\0';
	if (j->oom_at != 0)
		oom_after(j->oom_at - 1);
	o->rc = send_all(&t, j, snap, &facts, &fields, arena, err);
	o->asked = oom_end();
	iofault_end();
	CU_ASSERT_TRUE(o->rc == RC_OK ? t.state == TRANSIT_DONE : err->text[0] != '\0');
	o->verdict = t.verdict;
	o->xcode = t.reply.xcode;
	if (o->rc == RC_OK && t.verdict == VERDICT_ACCEPT)
		carry_out(&t, j, &fields, o);
	transit_clear(&t);
	CU_ASSERT_EQUAL(open_descriptors(), before);
	CU_ASSERT_EQUAL(files_in(spool_dir()), 0);
	fields_clear(&fields);
	snapshot_unref(snap);
	arena_free(arena);
	arena_free(outer);
}

/* --- rows --------------------------------------------------------------------------------------- */

#define OUTER                                                                                      \
	"Received: by x\nFrom: joe@example.com\nTo: y@z.example\n"                                 \
	"Date: Fri, 1 Jan 2021 00:00:00 +0000\nMessage-ID: <1@example.com>\n"
#define TEXT OUTER "Subject: hello\nContent-Type: text/plain\nMIME-Version: 1.0\n\n"
#define FROM_ELSEWHERE                                                                             \
	"Received: by x\nFrom: x@else.example\nSubject: hello\nContent-Type: text/plain\n\n"
#define INSIDE "Content-Type: text/plain\r\n\r\n"
#define ENVELOPE_FIELDS                                                                            \
	"MIME-Version: 1.0\n"                                                                      \
	"Content-Type: application/pkcs7-mime; smime-type=enveloped-data;\n\tname=\"smime.p7m\"\n" \
	"Content-Transfer-Encoding: base64\n"                                                      \
	"Content-Disposition: attachment; filename=\"smime.p7m\"\n"
#define SEALED_TEXT OUTER "Subject: hello\n" ENVELOPE_FIELDS
#define PLAIN_TEXT OUTER "Subject: hello\nContent-Type: text/plain\nMIME-Version: 1.0\n"

static const struct row {
	const char *label, *rcpt, *header;
	enum verdict verdict;
	const char *xcode; /* NULL: none */
	bool sealed;
	size_t n_signed;
	const char *want, *rcpts; /* header and recipients as they leave */
} rows[] = {
	{"decided by the header, sealed and signed", "<now@sealed.example>", TEXT, VERDICT_ACCEPT,
	 NULL, true, 1, OUTER "Subject: [s]\n hello\n" ENVELOPE_FIELDS, "<now@sealed.example>\n"},
	{"by the beginning", "<begin@sealed.example>", TEXT, VERDICT_ACCEPT, NULL, true, 1,
	 SEALED_TEXT, "<begin@sealed.example>\n"},
	{"at the end", "<end@sealed.example>", TEXT, VERDICT_ACCEPT, NULL, true, 1, SEALED_TEXT,
	 "end+Box@sealed.example \n"},
	{"at the end, and nothing is to be done but signing", "<large@sealed.example>", TEXT,
	 VERDICT_ACCEPT, NULL, false, 1, PLAIN_TEXT, "<large@sealed.example>\n"},
	{"nobody of ours: signed alone", "<x@else.example>", TEXT, VERDICT_ACCEPT, NULL, false, 1,
	 PLAIN_TEXT, "<x@else.example>\n"},
	{"sealed and not signed", "<begin@sealed.example>", FROM_ELSEWHERE, VERDICT_ACCEPT, NULL,
	 true, 0, "Received: by x\nFrom: x@else.example\nSubject: hello\n" ENVELOPE_FIELDS,
	 "<begin@sealed.example>\n"},
	{"neither", "<x@else.example>", FROM_ELSEWHERE, VERDICT_ACCEPT, NULL, false, 0,
	 "Received: by x\nFrom: x@else.example\nSubject: hello\nContent-Type: text/plain\n",
	 "<x@else.example>\n"},
	{"neither, at the end", "<large@sealed.example>", FROM_ELSEWHERE, VERDICT_ACCEPT, NULL,
	 false, 0,
	 "Received: by x\nFrom: x@else.example\nSubject: hello\nContent-Type: text/plain\n",
	 "<large@sealed.example>\n"},
	{"a field added and sent on", "<add@sealed.example>", TEXT, VERDICT_ACCEPT, NULL, false, 1,
	 PLAIN_TEXT "X-Seen: yes\n", "x@else.example \n"},
	{"discarded at the end", "<gone@sealed.example>", TEXT, VERDICT_DISCARD, NULL, false, 0, "",
	 ""},
	{"rejected at the end", "<never@sealed.example>", TEXT, VERDICT_REJECT, "5.7.1", false, 0,
	 "", ""},
	{"no certificate", "<lost@sealed.example>", TEXT, VERDICT_TEMPFAIL, "4.7.5", false, 0, "",
	 ""},
};

static struct job job_of(const struct row *r, struct span body)
{
	return (struct job){.rcpt = r->rcpt, .header = r->header, .body = body, .piece = 65535};
}

static void check(const struct row *r, const struct job *j, const struct outcome *o)
{
	struct buf inside;

	CU_ASSERT_EQUAL(o->rc, RC_OK);
	CU_ASSERT_EQUAL(o->verdict, r->verdict);
	CU_ASSERT_EQUAL(o->xcode == NULL, r->xcode == NULL);
	if (r->xcode != NULL && o->xcode != NULL)
		ASSERT_STR(o->xcode, r->xcode);
	CU_ASSERT_EQUAL(o->sealed, r->sealed);
	CU_ASSERT_EQUAL(o->n_signed, r->n_signed);
	CU_ASSERT_EQUAL(o->valid, r->n_signed != 0);
	ASSERT_SPAN(buf_span(&o->header), span_str(r->want));
	ASSERT_SPAN(buf_span(&o->rcpts), span_str(r->rcpts));
	if (!r->sealed)
		return;
	buf_init(&inside, 1 << 20);
	CU_ASSERT_EQUAL(buf_adds(&inside, INSIDE, NULL), RC_OK);
	CU_ASSERT_EQUAL(buf_add(&inside, j->body, NULL), RC_OK);
	ASSERT_SPAN(buf_span(&o->inside), buf_span(&inside));
	buf_clear(&inside);
}

static void test_every_split(void)
{
	static const struct span bodies[] = {SPAN_LIT(""), SPAN_LIT("\r\n"),
					     SPAN_LIT("a\r\n\r\nb \t c\r\n\r\n")};
	struct err err = ERR_INIT;
	struct outcome o;

	outcome_init(&o);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		ROW(rows[i].label);
		for (size_t b = 0; b < COUNT_OF(bodies); b++)
			for (size_t cut = 0; cut <= bodies[b].len; cut++) {
				struct job j = job_of(&rows[i], bodies[b]);

				j.cut = cut;
				j.piece = cut % 2 == 0 ? 1 : 100;
				j.local = cut % 3 == 0;
				run(&j, &o, &err);
				check(&rows[i], &j, &o);
			}
	}
	ROW("");
	outcome_clear(&o);
}

/* What is encrypted already is not sealed again, and is told by its beginning however that comes. */
static void test_encrypted(void)
{
	static const struct row row = {
		"encrypted already",
		"<begin@sealed.example>",
		OUTER "Content-Type: application/pkcs7-mime\nContent-Transfer-Encoding: base64\n\n",
		VERDICT_ACCEPT,
		NULL,
		false,
		1,
		OUTER "Content-Type: application/pkcs7-mime\nContent-Transfer-Encoding: base64\n",
		"<begin@sealed.example>\n"};
	static const struct span body = SPAN_LIT("\r\nMIAGCSqGSIb3DQEHA6CAMIACAQAxKg==\r\n");
	struct err err = ERR_INIT;
	struct outcome o;

	outcome_init(&o);
	ROW(row.label);
	for (size_t cut = 0; cut <= body.len; cut++) {
		struct job j = job_of(&row, body);

		j.cut = cut;
		run(&j, &o, &err);
		check(&row, &j, &o);
		j.piece = 1;
		run(&j, &o, &err);
		check(&row, &j, &o);
	}
	ROW("");
	outcome_clear(&o);
}

static void text_body(struct buf *out, size_t len)
{
	out->len = 0;
	while (out->len < len) {
		size_t n = test_random(80);

		for (; n > 0; n--)
			if (buf_addc(out, (char)(' ' + test_random(95)), NULL) != RC_OK)
				CU_FAIL_FATAL("out of memory");
		CU_ASSERT_EQUAL(buf_adds(out, "\r\n", NULL), RC_OK);
	}
}

/* Around what is looked at of the beginning, and around what stays in memory. */
static void test_random_splits(void)
{
	static const size_t sizes[] = {900, 1000, 1100, 4000, 4090, 4100, 4200, 9000, 19000};
	struct err err = ERR_INIT;
	struct outcome o;
	struct buf body;

	outcome_init(&o);
	buf_init(&body, 1 << 20);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		ROW(rows[i].label);
		for (size_t k = 0; k < COUNT_OF(sizes); k++) {
			struct job j;

			text_body(&body, sizes[k] - test_random(10));
			j = job_of(&rows[i], buf_span(&body));
			j.cut = test_random(2) == 0 ? test_random((unsigned)body.len) : 0;
			j.piece = 0;
			run(&j, &o, &err);
			check(&rows[i], &j, &o);
		}
	}
	ROW("");
	buf_clear(&body);
	outcome_clear(&o);
}

/* --- limits ------------------------------------------------------------------------------------- */

/* limits.message counts where the message would be sealed, or is kept until that is known; the last octet that it has room
 * for, and one more. */
static void test_message_limit(void)
{
	struct err err = ERR_INIT;
	struct outcome o;
	struct buf body;

	outcome_init(&o);
	buf_init(&body, 1 << 20);
	for (size_t i = 0; i < 6; i++) {
		bool counts = rows[i].sealed || strncmp(rows[i].rcpt, "<large", 6) == 0;
		struct row too_large = rows[i];
		struct job j;

		ROW(rows[i].label);
		text_body(&body, 110100);
		body.len = 110000;
		j = job_of(&rows[i], buf_span(&body));
		j.piece = 0;
		run(&j, &o, &err);
		check(&rows[i], &j, &o);
		body.len = 110001;
		j.body = buf_span(&body);
		if (counts) {
			too_large.verdict = VERDICT_REJECT;
			too_large.xcode = "5.3.4";
			too_large.sealed = false;
			too_large.n_signed = 0;
			too_large.want = too_large.rcpts = "";
		}
		run(&j, &o, &err);
		check(&too_large, &j, &o);
	}
	ROW("");
	buf_clear(&body);
	outcome_clear(&o);
}

/* A header that is not whole answers no rule; without rules for it, it is passed on unsigned. */
static void test_large_header(void)
{
	struct row rejected = rows[0], unsigned_ = rows[4];
	struct job j = job_of(&rows[0], SPAN_LIT("x\r\n"));
	struct err err = ERR_INIT;
	struct outcome o;

	outcome_init(&o);
	rejected.verdict = VERDICT_REJECT;
	rejected.xcode = "5.3.4";
	rejected.sealed = false;
	rejected.n_signed = 0;
	rejected.want = rejected.rcpts = "";
	j.too_large = true;
	run(&j, &o, &err);
	check(&rejected, &j, &o);
	unsigned_.n_signed = 0;
	j = job_of(&rows[4], SPAN_LIT("x\r\n"));
	j.too_large = true;
	run(&j, &o, &err);
	check(&unsigned_, &j, &o);
	outcome_clear(&o);
}

static void test_sign_only(void)
{
	struct row signed_ = rows[0];
	struct job j = job_of(&rows[0], SPAN_LIT("x\r\n"));
	struct err err = ERR_INIT;
	struct outcome o;

	outcome_init(&o);
	signed_.sealed = false;
	signed_.want = PLAIN_TEXT;
	j.sign_only = true;
	run(&j, &o, &err);
	check(&signed_, &j, &o);
	outcome_clear(&o);
}

/* --- recipients --------------------------------------------------------------------------------- */

/* Recipients one after another, by SMTP or handed in on this host: what each is answered. */
static void test_recipients(void)
{
	static const struct {
		const char *label, *rcpt[4], *answers[4]; /* "": taken, "!": the call fails */
		bool local, authenticated;
	} t[] = {
		{"taken", {"<x@else.example>", "<y@else.example>"}, {"", ""}, false, false},
		{"up to the limit",
		 {"<a@x.y>", "<b@x.y>", "<c@x.y>", "<d@x.y>"},
		 {"", "", "", "4.5.3"},
		 false,
		 false},
		{"over the limit, from here",
		 {"<a@x.y>", "<b@x.y>", "<c@x.y>", "<d@x.y>"},
		 {"", "", "", "!"},
		 true,
		 false},
		{"no certificate",
		 {"<lost@sealed.example>", "<x@else.example>"},
		 {"4.7.5", ""},
		 false,
		 false},
		{"no certificate, from here", {"<lost@sealed.example>"}, {""}, true, false},
		{"another content",
		 {"<now@sealed.example>", "<x@else.example>"},
		 {"", "4.5.3"},
		 false,
		 false},
		{"another content, the other way round",
		 {"<x@else.example>", "<now@sealed.example>"},
		 {"", "4.5.3"},
		 false,
		 false},
		{"another content, by somebody who cannot send it twice",
		 {"<now@sealed.example>", "<x@else.example>"},
		 {"", ""},
		 false,
		 true},
		{"a content that is not known yet",
		 {"<begin@sealed.example>", "<x@else.example>"},
		 {"", ""},
		 false,
		 false},
	};
	struct snapshot *snap = snapshot_store_get(world.store);

	for (size_t i = 0; i < COUNT_OF(t); i++) {
		struct facts facts = {.client = CLIENT_INET, .port = t[i].local ? 0 : 4711};
		struct arena *arena = arena_new(1 << 20);
		struct transit transit = {.sign_only = false};
		struct err err = ERR_INIT;
		struct fields fields;

		ROW(t[i].label);
		CU_ASSERT_PTR_NOT_NULL_FATAL(arena);
		facts.addr[0] = 192;
		facts.mail_from = SPAN_LIT("<x@else.example>");
		if (t[i].authenticated)
			facts.auth_authen = SPAN_LIT("joe");
		fields_init(&fields, arena, 1 << 16);
		ASSERT_OK(transit_begin(&transit, snap, world.keys, &facts, &fields, arena, &err),
			  &err);
		for (size_t k = 0; k < 4 && t[i].rcpt[k] != NULL; k++) {
			const char *want = t[i].answers[k];
			struct reply reply = {"", NULL};
			enum verdict v;
			enum rc rc = transit_rcpt(&transit, span_str(t[i].rcpt[k]), NULL, 0,
						  FIXTURE_NOW, &v, &reply, &err);

			CU_ASSERT_EQUAL(rc, *want == '!' ? RC_LIMIT : RC_OK);
			if (*want == '!')
				continue;
			CU_ASSERT_EQUAL(v, *want == '\0' ? VERDICT_ACCEPT : VERDICT_TEMPFAIL);
			ASSERT_STR(reply.xcode, want);
		}
		transit_clear(&transit);
		fields_clear(&fields);
		arena_free(arena);
	}
	ROW("");
	snapshot_unref(snap);
}

/* --- what fails --------------------------------------------------------------------------------- */

/* Each call to a spool's file fails in turn: an error, or (where it did a part of its work) the right message. */
static void test_disk(void)
{
	static const int reasons[] = {ENOSPC, EIO, 0};
	struct err err = ERR_INIT;
	struct outcome o;
	struct buf body;

	outcome_init(&o);
	buf_init(&body, 1 << 20);
	text_body(&body, 12000);
	for (size_t i = 0; i < 4; i++) {
		ROW(rows[i].label);
		for (size_t k = 0; k < COUNT_OF(reasons); k++) {
			size_t failures = 0;
			long n = 0;

			for (bool good = false; !good && n < 200; n++) {
				struct job j = job_of(&rows[i], buf_span(&body));

				j.piece = 3000;
				iofault_after(n, reasons[k]);
				run(&j, &o, &err);
				good = !iofault_failed();
				if (good || reasons[k] == 0) {
					check(&rows[i], &j, &o);
					continue;
				}
				failures++;
				ASSERT_FAILS(o.rc, RC_IO, &err, "spool.dir ");
			}
			CU_ASSERT_TRUE(n > 3 && n < 200 && (failures > 2 || reasons[k] == 0));
		}
	}
	ROW("");
	buf_clear(&body);
	outcome_clear(&o);
}

/* The same through the session: the mail server is told to ask the client to come again, and nothing else. */
static void test_disk_session(void)
{
	struct err err = ERR_INIT;
	struct buf raw;

	buf_init(&raw, 1 << 20);
	text_body(&raw, 12000);
	for (size_t i = 0; i < 4; i++) {
		bool failed = true;
		struct buf text;
		long n = 0;

		ROW(rows[i].label);
		buf_init(&text, 1 << 20);
		CU_ASSERT_EQUAL(buf_adds(&text, rows[i].header, NULL), RC_OK);
		for (size_t k = 0; k < raw.len; k++)
			if (raw.p[k] != '\r')
				CU_ASSERT_EQUAL(buf_addc(&text, raw.p[k], NULL), RC_OK);
		for (; failed && n < 200; n++) {
			struct fixture_recipient to = {.given = span_str(rows[i].rcpt)};
			struct fixture_message m = fixture_message(buf_span(&text));
			const struct edits *edits = NULL;
			struct session *s = NULL;
			enum session_next next;

			m.recipients = &to;
			m.n_recipients = 1;
			ASSERT_OK(session_new(&world.env, &s, &err), &err);
			iofault_after(n, ENOSPC);
			next = fixture_send(s, &m, &edits);
			failed = iofault_end();
			CU_ASSERT_EQUAL(next, failed ? NEXT_TEMPFAIL : NEXT_GO_ON);
			CU_ASSERT_EQUAL(edits == NULL || edits->v.len == 0, failed);
			CU_ASSERT_PTR_NOT_NULL_FATAL(session_finish(s));
			CU_ASSERT_EQUAL(session_finish(s)->verdict,
					failed ? VERDICT_TEMPFAIL : VERDICT_ACCEPT);
			session_free(s);
		}
		CU_ASSERT_TRUE(n > 3 && n < 200);
		buf_clear(&text);
	}
	ROW("");
	buf_clear(&raw);
}

static void test_no_directory(void)
{
	struct err err = ERR_INIT;
	struct outcome o;
	struct buf body;

	outcome_init(&o);
	buf_init(&body, 1 << 20);
	text_body(&body, 12000);
	CU_ASSERT_EQUAL(rmdir(spool_dir()), 0);
	for (size_t i = 0; i < 4; i++) {
		struct job j = job_of(&rows[i], buf_span(&body));

		ROW(rows[i].label);
		run(&j, &o, &err);
		ASSERT_FAILS(o.rc, RC_IO, &err, "spool.dir ");
	}
	CU_ASSERT_EQUAL(mkdir(spool_dir(), 0700), 0);
	for (size_t i = 0; i < 4; i++) {
		struct job j = job_of(&rows[i], buf_span(&body));

		ROW(rows[i].label);
		run(&j, &o, &err);
		check(&rows[i], &j, &o);
	}
	ROW("");
	buf_clear(&body);
	outcome_clear(&o);
}

/* Every n-th allocation: test-core-torture has all of them, for a message in one piece. */
static void test_memory(void)
{
	enum { STEP = 7 };
	struct err err = ERR_INIT;
	struct outcome o;
	struct buf body;

	outcome_init(&o);
	buf_init(&body, 1 << 20);
	text_body(&body, 9000);
	for (size_t i = 1; i < 4; i++) {
		size_t refused = 0;
		long n = 1 + (long)i;

		ROW(rows[i].label);
		for (o.asked = true; o.asked; n += STEP) {
			struct job j = job_of(&rows[i], buf_span(&body));

			j.piece = 3000;
			j.oom_at = n;
			run(&j, &o, &err);
			if (o.rc == RC_OK)
				check(&rows[i], &j, &o);
			else
				refused++;
		}
		printf("    %s: %ld allocations, %zu refused\n", rows[i].label, n, refused);
		CU_ASSERT_TRUE(refused > 5);
	}
	ROW("");
	buf_clear(&body);
	outcome_clear(&o);
}

int main(void)
{
	static const struct test tests[] = {
		{"the world", make_world},
		{"every split", test_every_split},
		{"encrypted already", test_encrypted},
		{"random splits", test_random_splits},
		{"limits.message", test_message_limit},
		{"a header that is not whole", test_large_header},
		{"signing alone", test_sign_only},
		{"recipients", test_recipients},
		{"the disk at each call", test_disk},
		{"the disk at each call, and the session", test_disk_session},
		{"no directory", test_no_directory},
		{"every n-th allocation", test_memory},
	};
	int status;

	ossl_watch_memory();
	status = test_main("transit", tests, COUNT_OF(tests));
	fixture_close(&world);
	testcert_free(&jim);
	return status;
}
