/* Message files: read in pieces, sealed, opened again; nothing but the envelope's fields changes. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "smime/envelope.h"
#include "test.h"
#include "testcert.h"
#include "tool/sealfile.h"

enum { ROOM = 16 << 20 };

static struct testcert john = {.cn = "John", .email = "john@example.com"};
static struct cert *john_cert;
static struct openkey *john_key;

static void make_all(void)
{
	struct err err = ERR_INIT;
	struct buf pem;

	if (john.x509 != NULL)
		return;
	testcert_make(&john);
	john_cert = testcert_cert(&john);
	buf_init(&pem, 65536);
	testcert_key_pem(&john, &pem);
	testcert_pem(&john, &pem);
	ASSERT_OK(openkey_read(buf_span(&pem), NULL, &john_key, &err), &err);
	buf_clear(&pem);
}

static enum rc to_buf(void *ctx, struct span piece, struct err *err)
{
	return buf_add(ctx, piece, err);
}

/* A file with RAW in it, open for reading. */
static int file_of(struct span raw)
{
	struct err err = ERR_INIT;
	const char *path = test_path("message");
	int fd;

	ASSERT_OK(file_write_atomic(path, raw, 0600, true, &err), &err);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	CU_ASSERT_TRUE_FATAL(fd >= 0);
	return fd;
}

enum deed { DEED_COPY, DEED_SEAL, DEED_OPEN };

static enum rc do_it(enum deed deed, struct span raw, bool crlf, struct buf *out, struct err *err)
{
	static struct lineends lines;
	struct msgfile m;
	int fd = file_of(raw);
	enum rc rc;

	make_all();
	out->len = 0;
	lineends_init(&lines, to_buf, out);
	rc = msgfile_attach(&m, fd, "message", err);
	if (rc == RC_OK && deed == DEED_COPY)
		rc = sealfile_copy(&m, crlf, &lines, err);
	else if (rc == RC_OK && deed == DEED_SEAL)
		rc = sealfile_seal(&m, &john_cert, 1, crlf, &lines, err);
	else if (rc == RC_OK)
		rc = sealfile_open(&m, john_key, crlf, &lines, err);
	msgfile_close(&m);
	close(fd);
	return rc;
}

/* As a mail server reads it. */
static void view(struct span in, struct buf *out)
{
	out->len = 0;
	for (size_t i = 0; i < in.len; i++) {
		if (in.p[i] == '\n' && (i == 0 || in.p[i - 1] != '\r'))
			CU_ASSERT_EQUAL(buf_addc(out, '\r', NULL), RC_OK);
		CU_ASSERT_EQUAL(buf_addc(out, in.p[i], NULL), RC_OK);
	}
}

/* RAW: a message; OPENED: what it is after it was sealed and opened again, NULL: the same. All with LF; bytes that are
 * not text stand in bodies. */
static const struct {
	const char *label;
	struct span raw, opened;
} rows[] = {
	{"plain", SPAN_LIT("From: a@b\nMIME-Version: 1.0\nContent-Type: text/plain\n\nhello\n"),
	 SPAN_NONE},
	{"folds and order",
	 SPAN_LIT("Content-Type: text/plain;\n\tcharset=x\nFrom: a\n b\nMIME-Version: 1.0\n"
		  "Content-ID: <x>\nTo: c\n\nhello\n"),
	 SPAN_LIT("From: a\n b\nTo: c\nMIME-Version: 1.0\nContent-Type: text/plain;\n\tcharset=x\n"
		  "Content-ID: <x>\n\nhello\n")},
	{"no Content-Type, no MIME-Version", SPAN_LIT("From: a\n\nhello\n"),
	 SPAN_LIT("From: a\nMIME-Version: 1.0\n\nhello\n")},
	{"two MIME-Versions",
	 SPAN_LIT(
		 "MIME-Version: 1.0\nFrom: a\nmime-version: 1.0 (again)\nContent-Type: x/y\n\nb\n"),
	 SPAN_LIT("From: a\nMIME-Version: 1.0\nContent-Type: x/y\n\nb\n")},
	{"empty body", SPAN_LIT("From: a\nMIME-Version: 1.0\nContent-Type: x/y\n\n"), SPAN_NONE},
	{"header alone", SPAN_LIT("From: a\nMIME-Version: 1.0\nContent-Type: x/y\n"),
	 SPAN_LIT("From: a\nMIME-Version: 1.0\nContent-Type: x/y\n\n")},
	{"header alone, without its line end", SPAN_LIT("From: a\nMIME-Version: 1.0\nContent-A: b"),
	 SPAN_LIT("From: a\nMIME-Version: 1.0\nContent-A: b\n\n")},
	{"one field alone, without its line end", SPAN_LIT("From: a"),
	 SPAN_LIT("From: a\nMIME-Version: 1.0\n\n")},
	{"no header", SPAN_LIT("\nhello\n"), SPAN_LIT("MIME-Version: 1.0\n\nhello\n")},
	{"a line that is no field ends the header", SPAN_LIT("From: a\nhello\nTo: b\n\nc\n"),
	 SPAN_LIT("From: a\nMIME-Version: 1.0\n\nhello\nTo: b\n\nc\n")},
	{"line of an mbox", SPAN_LIT("From a@b Mon\nFrom: a\nMIME-Version: 1.0\n\nhello\n"),
	 SPAN_NONE},
	{"NUL", SPAN_LIT("A: b\nMIME-Version: 1.0\n\n\0a\0\n\0"), SPAN_NONE},
	{"CR alone", SPAN_LIT("A: b\nMIME-Version: 1.0\n\na\rb\n\rc\n"), SPAN_NONE},
	{"CR CR LF", SPAN_LIT("A: b\nMIME-Version: 1.0\n\na\r\r\nb\n\r\r\r\n"), SPAN_NONE},
	{"8 bit", SPAN_LIT("A: \xe4\nMIME-Version: 1.0\n\n\xff\x80\xc3\xa4\n"), SPAN_NONE},
	{"no final line end", SPAN_LIT("A: b\nMIME-Version: 1.0\n\nhello"), SPAN_NONE},
	{"white space before the colon", SPAN_LIT("From : a\nContent-Type : x/y\n\nhello\n"),
	 SPAN_LIT("From : a\nMIME-Version: 1.0\nContent-Type: x/y\n\nhello\n")},
};

static void test_there_and_back(void)
{
	struct buf raw, sealed, opened, want;
	struct err err = ERR_INIT;

	buf_init(&raw, ROOM);
	buf_init(&sealed, ROOM);
	buf_init(&opened, ROOM);
	buf_init(&want, ROOM);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct span back = rows[i].opened.p != NULL ? rows[i].opened : rows[i].raw;

		ROW(rows[i].label);
		ASSERT_OK(do_it(DEED_SEAL, rows[i].raw, false, &sealed, &err), &err);
		CU_ASSERT_EQUAL(span_search(buf_span(&sealed), SPAN_LIT("hello"), 0, false),
				sealed.len);
		/* A message whose first line has no line end is none with LF. */
		CU_ASSERT_EQUAL(span_has(buf_span(&sealed), '\r'), false);
		ASSERT_OK(do_it(DEED_OPEN, buf_span(&sealed), false, &opened, &err), &err);
		ASSERT_SPAN(buf_span(&opened), back);
		/* With CRLF all along. */
		view(rows[i].raw, &raw);
		view(back, &want);
		if (!span_has(rows[i].raw, '\n'))
			continue;
		ASSERT_OK(do_it(DEED_SEAL, buf_span(&raw), false, &sealed, &err), &err);
		ASSERT_OK(do_it(DEED_OPEN, buf_span(&sealed), false, &opened, &err), &err);
		ASSERT_SPAN(buf_span(&opened), buf_span(&want));
		/* LF, made CRLF on either way. */
		ASSERT_OK(do_it(DEED_SEAL, rows[i].raw, true, &sealed, &err), &err);
		view(buf_span(&sealed), &raw);
		ASSERT_SPAN(buf_span(&sealed), buf_span(&raw));
		ASSERT_OK(do_it(DEED_OPEN, buf_span(&sealed), false, &opened, &err), &err);
		ASSERT_SPAN(buf_span(&opened), buf_span(&want));
		ASSERT_OK(do_it(DEED_SEAL, rows[i].raw, false, &sealed, &err), &err);
		ASSERT_OK(do_it(DEED_OPEN, buf_span(&sealed), true, &opened, &err), &err);
		ASSERT_SPAN(buf_span(&opened), buf_span(&want));
	}
	ROW("");
	buf_clear(&raw);
	buf_clear(&sealed);
	buf_clear(&opened);
	buf_clear(&want);
}

static void test_copy(void)
{
	struct buf out, want;
	struct err err = ERR_INIT;

	buf_init(&out, ROOM);
	buf_init(&want, ROOM);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		ROW(rows[i].label);
		ASSERT_OK(do_it(DEED_COPY, rows[i].raw, false, &out, &err), &err);
		ASSERT_SPAN(buf_span(&out), rows[i].raw);
		ASSERT_OK(do_it(DEED_COPY, rows[i].raw, true, &out, &err), &err);
		view(rows[i].raw, &want);
		ASSERT_SPAN(buf_span(&out), buf_span(&want));
	}
	ROW("");
	buf_clear(&out);
	buf_clear(&want);
}

static void test_what_stands_outside(void)
{
	struct buf sealed;
	struct err err = ERR_INIT;
	struct span head;

	buf_init(&sealed, ROOM);
	ASSERT_OK(do_it(DEED_SEAL,
			SPAN_LIT("Received: x\n\ty\nMIME-Version: 1.0\nContent-Type: a/b\n"
				 "Content-Length: 7\nSubject: s\n\nhello\n"),
			false, &sealed, &err),
		  &err);
	head = span_sub(buf_span(&sealed), 0,
			span_search(buf_span(&sealed), SPAN_LIT("\n\n"), 0, false) + 2);
	ASSERT_SPAN(head,
		    SPAN_LIT("Received: x\n\ty\nSubject: s\nMIME-Version: 1.0\n"
			     "Content-Type: application/pkcs7-mime; smime-type=enveloped-data;\n"
			     "\tname=\"smime.p7m\"\n"
			     "Content-Transfer-Encoding: base64\n"
			     "Content-Disposition: attachment; filename=\"smime.p7m\"\n\n"));
	buf_clear(&sealed);
}

/* OUTER: fields of the sealed message; INNER: what was sealed. */
static void seal_by_hand(const char *outer, struct span inner, struct buf *out)
{
	struct envelope *e = NULL;
	struct err err = ERR_INIT;

	make_all();
	out->len = 0;
	CU_ASSERT_EQUAL(buf_adds(out, outer, NULL), RC_OK);
	CU_ASSERT_EQUAL(buf_adds(out, "Content-Transfer-Encoding: base64\r\n\r\n", NULL), RC_OK);
	ASSERT_OK(envelope_new(PROFILE_COMPAT, &john_cert, 1, to_buf, out, &e, &err), &err);
	ASSERT_OK(envelope_update(e, inner, &err), &err);
	ASSERT_OK(envelope_finish(e, &err), &err);
	envelope_free(e);
}

#define TYPE "Content-Type: application/pkcs7-mime\r\n"

static const struct {
	const char *label, *outer, *inner, *opened;
} others[] = {
	{"no MIME-Version outside", "A: b\r\n" TYPE, "Content-Type: x/y\r\n\r\nhello\r\n",
	 "A: b\r\nContent-Type: x/y\r\nMIME-Version: 1.0\r\n\r\nhello\r\n"},
	{"MIME-Version inside too", "MIME-Version: 1.0\r\nA: b\r\n" TYPE,
	 "MIME-Version: 1.0 (in)\r\nContent-Type: x/y\r\n\r\nhello\r\n",
	 "MIME-Version: 1.0\r\nA: b\r\nContent-Type: x/y\r\n\r\nhello\r\n"},
	{"a description of the envelope",
	 "MIME-Version: 1.0\r\nContent-Description: S/MIME Encrypted Message\r\n" TYPE "A: b\r\n",
	 "Content-Type: x/y\r\n\r\nhello\r\n",
	 "MIME-Version: 1.0\r\nContent-Type: x/y\r\nA: b\r\n\r\nhello\r\n"},
	{"a protected Subject", "MIME-Version: 1.0\r\nSubject: [...]\r\nFrom: a\r\n" TYPE,
	 "Content-Type: x/y; hp=\"cipher\"\r\nSubject: the plan\r\nHP-Outer: Subject: [...]\r\n"
	 "From: a\r\n\r\nhello\r\n",
	 "MIME-Version: 1.0\r\nContent-Type: x/y; hp=\"cipher\"\r\nSubject: the plan\r\nFrom: a\r\n"
	 "\r\nhello\r\n"},
	{"a whole message", "MIME-Version: 1.0\r\nFrom: a\r\n" TYPE,
	 "Received: 1\r\nX-Own: 2\r\nMIME-Version: 1.0\r\nFrom: a\r\nContent-Type: "
	 "x/y\r\n\r\nhello\r\n",
	 "MIME-Version: 1.0\r\nContent-Type: x/y\r\nReceived: 1\r\nX-Own: 2\r\nFrom: "
	 "a\r\n\r\nhello\r\n"},
	{"what the own server wrote outside stays",
	 "Received: own\r\nReturn-Path: <own>\r\nAuthentication-Results: own\r\nMIME-Version: "
	 "1.0\r\n" TYPE,
	 "Received: forged\r\nReturn-Path: <forged>\r\nAuthentication-Results: forged\r\n"
	 "Content-Type: x/y\r\n\r\nhello\r\n",
	 "Received: own\r\nReturn-Path: <own>\r\nAuthentication-Results: own\r\nMIME-Version: "
	 "1.0\r\n"
	 "Content-Type: x/y\r\n\r\nhello\r\n"},
	{"nothing vouches for itself from inside", "MIME-Version: 1.0\r\n" TYPE,
	 "Authentication-Results: own; dkim=pass\r\nARC-Seal: i=1\r\n"
	 "ARC-Message-Signature: i=1\r\nARC-Authentication-Results: i=1\r\nContent-Type: x/y\r\n"
	 "\r\nhello\r\n",
	 "MIME-Version: 1.0\r\nContent-Type: x/y\r\n\r\nhello\r\n"},
	{"nothing inside but a body", "MIME-Version: 1.0\r\nA: b\r\n" TYPE, "\r\nhello\r\n",
	 "MIME-Version: 1.0\r\nA: b\r\n\r\nhello\r\n"},
};

static void test_what_others_seal(void)
{
	struct buf sealed, opened;
	struct err err = ERR_INIT;

	buf_init(&sealed, ROOM);
	buf_init(&opened, ROOM);
	for (size_t i = 0; i < COUNT_OF(others); i++) {
		ROW(others[i].label);
		seal_by_hand(others[i].outer, span_str(others[i].inner), &sealed);
		ASSERT_OK(do_it(DEED_OPEN, buf_span(&sealed), false, &opened, &err), &err);
		ASSERT_SPAN(buf_span(&opened), span_str(others[i].opened));
	}
	ROW("");
	buf_clear(&sealed);
	buf_clear(&opened);
}

static void test_large(void)
{
	struct buf raw, sealed, opened;
	struct err err = ERR_INIT;

	buf_init(&raw, ROOM);
	buf_init(&sealed, ROOM);
	buf_init(&opened, ROOM);
	for (int i = 0; i < 3000; i++) /* a header past the first read */
		CU_ASSERT_EQUAL(buf_addf(&raw, NULL, "X-%d: %0100d\n\tfolded\n", i, i), RC_OK);
	CU_ASSERT_EQUAL(buf_adds(&raw, "MIME-Version: 1.0\nContent-Type: x/y\n\n", NULL), RC_OK);
	for (int i = 0; i < 10000; i++) /* a line of 10,000 characters */
		CU_ASSERT_EQUAL(buf_addc(&raw, 'x', NULL), RC_OK);
	for (int i = 0; i < 1000000; i++)
		CU_ASSERT_EQUAL(buf_addc(&raw, (char)test_random(256), NULL), RC_OK);
	for (size_t i = 1; i < raw.len; i++) /* CR LF in a file with LF is read as LF */
		if (raw.p[i] == '\n' && raw.p[i - 1] == '\r')
			raw.p[i] = 'n';
	ASSERT_OK(do_it(DEED_SEAL, buf_span(&raw), false, &sealed, &err), &err);
	ASSERT_OK(do_it(DEED_OPEN, buf_span(&sealed), false, &opened, &err), &err);
	CU_ASSERT_TRUE(span_eq(buf_span(&raw), buf_span(&opened)));
	buf_clear(&raw);
	buf_clear(&sealed);
	buf_clear(&opened);
}

static void test_files_that_are_none(void)
{
	struct msgfile m;
	struct err err = ERR_INIT;
	char *long_header = malloc(MSGFILE_HEADER_MAX + 100);

	ASSERT_FAILS(msgfile_open(&m, test_path("absent"), false, &err), RC_NOTFOUND, &err,
		     "absent");
	msgfile_close(&m);
	ASSERT_FAILS(msgfile_open(&m, test_dir(), false, &err), RC_INPUT, &err, "directory");
	msgfile_close(&m);
	ASSERT_FAILS(msgfile_open(&m, "/dev/zero", false, &err), RC_INPUT, &err, "neither");
	msgfile_close(&m);
	close(file_of(SPAN_LIT("")));
	ASSERT_FAILS(msgfile_open(&m, test_path("message"), false, &err), RC_INPUT, &err, "empty");
	msgfile_close(&m);
	CU_ASSERT_PTR_NOT_NULL_FATAL(long_header);
	memset(long_header, 'x', MSGFILE_HEADER_MAX + 100);
	memcpy(long_header, "A:", 2);
	close(file_of(span_of(long_header, MSGFILE_HEADER_MAX + 100)));
	ASSERT_FAILS(msgfile_open(&m, test_path("message"), false, &err), RC_LIMIT, &err,
		     "header is larger");
	msgfile_close(&m);
	free(long_header);
}

/* Through a pipe, once and twice, and what detection has read ahead. */
static void test_pipe(void)
{
	static const char text[] = "A: b\nContent-Type: x/y\n\nbody\n";
	char room[100];
	struct err err = ERR_INIT;
	struct buf out;

	buf_init(&out, ROOM);
	for (int twice = 0; twice < 2; twice++) {
		static struct lineends lines;
		enum security security = SECURITY_ENCRYPTED;
		struct msgfile m;
		const char *path = test_path("pipe");
		size_t len = 0;
		pid_t pid;

		unlink(path);
		CU_ASSERT_EQUAL_FATAL(mkfifo(path, 0600), 0);
		pid = fork();
		if (pid == 0) {
			int fd = open(path, O_WRONLY | O_CLOEXEC);

			for (size_t i = 0; i < sizeof(text) - 1; i++)
				if (write(fd, text + i, 1) != 1)
					_exit(1);
			_exit(0);
		}
		ASSERT_OK(msgfile_open(&m, path, twice != 0, &err), &err);
		CU_ASSERT_EQUAL(fields_count(&m.fields), 2);
		ASSERT_OK(msgfile_security(&m, &security, &err), &err);
		CU_ASSERT_EQUAL(security, SECURITY_PLAIN);
		out.len = 0;
		lineends_init(&lines, to_buf, &out);
		ASSERT_OK(sealfile_copy(&m, false, &lines, &err), &err);
		ASSERT_SPAN(buf_span(&out), span_of(text, sizeof(text) - 1));
		ASSERT_OK(msgfile_rewind(&m, &err), &err);
		ASSERT_OK(msgfile_read(&m, room, sizeof(room), &len, &err), &err);
		ASSERT_SPAN(span_of(room, len), SPAN_LIT("body\n"));
		msgfile_close(&m);
	}
	buf_clear(&out);
}

static void test_refusals(void)
{
	struct buf out;
	struct err err = ERR_INIT;

	buf_init(&out, ROOM);
	ASSERT_FAILS(do_it(DEED_OPEN, SPAN_LIT("A: b\n\nhello\n"), false, &out, &err), RC_INPUT,
		     &err, "no envelope");
	seal_by_hand(TYPE, SPAN_LIT("no entity at all\r\n"), &out);
	ASSERT_FAILS(do_it(DEED_OPEN, buf_span(&out), false, &out, &err), RC_INPUT, &err,
		     "no MIME entity");
	buf_clear(&out);
}

int main(void)
{
	static const struct test tests[] = {
		{"sealed and opened again", test_there_and_back},
		{"copied", test_copy},
		{"what stands outside", test_what_stands_outside},
		{"what others put inside", test_what_others_seal},
		{"a long header, long lines, a large body", test_large},
		{"files that are no messages", test_files_that_are_none},
		{"pipes", test_pipe},
		{"refusals", test_refusals},
	};
	int status = test_main("sealfile", tests, COUNT_OF(tests));

	openkey_free(john_key);
	cert_unref(john_cert);
	testcert_free(&john);
	return status;
}
