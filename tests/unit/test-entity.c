/* What goes inside, what stays outside, and what is encrypted or signed already. */
#include <string.h>

#include "mail/ctype.h"
#include "mail/words.h"
#include "smime/detect.h"
#include "smime/entity.h"
#include "test.h"

static struct arena *arena;

static void read_message(struct span raw, struct fields *fields, struct span *body)
{
	struct err err = ERR_INIT;
	bool crlf;

	arena_reset(arena);
	fields_init(fields, arena, 1u << 20);
	ASSERT_OK(fields_read(fields, raw, body, &crlf, &err), &err);
}

#define HEX_ENVELOPED "MIAGCSqGSIb3DQEHA6CAMIACAQAxggFMMIIBSAIBADAwMBgxFjAUBgNVBAMMDVRlc3Q="
#define HEX_ENVELOPED_DER "MIICXAYJKoZIhvcNAQcDoIICTTCCAkkCAQAxggFMMIIBSAIBADAwMBgxFjAUBgNVBAM="
#define HEX_SIGNED "MIAGCSqGSIb3DQEHAqCAMIACAQExDzANBglghkgBZQMEAgEFADCABgkqhkiG9w0BBwE="
#define HEX_AUTH "MIAGCyqGSIb3DQEJEAEXoIAwgAIBADGCAUwwggFIAgEAMDAwGDEWMBQGA1UEAwwNVGU="

/* Each row: a message and what it is. */
static const struct {
	const char *label;
	const char *message;
	enum security want;
	bool by_fields;
} detect_rows[] = {
	{"no Content-Type", "Subject: x\n\nhello\n", SECURITY_PLAIN, false},
	{"text", "Content-Type: text/plain\n\nhello\n", SECURITY_PLAIN, false},
	{"html", "Content-Type: text/html\n\n-----BEGIN PGP MESSAGE-----\n", SECURITY_PLAIN, true},
	{"multipart", "Content-Type: multipart/mixed; boundary=b\n\n--b\n", SECURITY_PLAIN, true},
	{"enveloped",
	 "Content-Type: application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m\n"
	 "Content-Transfer-Encoding: base64\n\n" HEX_ENVELOPED "\n",
	 SECURITY_ENCRYPTED, false},
	{"enveloped, DER lengths, folded and odd case",
	 "CONTENT-TYPE: Application/X-PKCS7-mime;\n\tSMIME-Type=Enveloped-Data\n"
	 "content-transfer-encoding:\n BASE64\n\n" HEX_ENVELOPED_DER "\n",
	 SECURITY_ENCRYPTED, false},
	{"an EnvelopedData labelled signed-data",
	 "Content-Type: application/pkcs7-mime; smime-type=signed-data\n"
	 "Content-Transfer-Encoding: base64\n\n" HEX_ENVELOPED "\n",
	 SECURITY_ENCRYPTED, false},
	{"a SignedData labelled enveloped-data",
	 "Content-Type: application/pkcs7-mime; smime-type=enveloped-data\n"
	 "Content-Transfer-Encoding: base64\n\n" HEX_SIGNED "\n",
	 SECURITY_SIGNED, false},
	{"clear text labelled enveloped-data",
	 "Content-Type: application/pkcs7-mime; smime-type=enveloped-data\n\nhello\n",
	 SECURITY_PLAIN, false},
	{"authenticated",
	 "Content-Type: application/pkcs7-mime; smime-type=authEnveloped-data\n"
	 "Content-Transfer-Encoding: base64\n\n" HEX_AUTH "\n",
	 SECURITY_ENCRYPTED, false},
	{"opaque signed",
	 "Content-Type: application/pkcs7-mime; smime-type=signed-data\n"
	 "Content-Transfer-Encoding: base64\n\n" HEX_SIGNED "\n",
	 SECURITY_SIGNED, false},
	{"octet-stream by name",
	 "Content-Type: application/octet-stream; name=\"smime.P7M\"\n"
	 "Content-Transfer-Encoding: base64\n\n" HEX_ENVELOPED "\n",
	 SECURITY_ENCRYPTED, false},
	{"octet-stream by disposition",
	 "Content-Type: application/octet-stream\nContent-Disposition: attachment; "
	 "filename*0=smime; filename*1=.p7m\n"
	 "Content-Transfer-Encoding: base64\n\n" HEX_ENVELOPED "\n",
	 SECURITY_ENCRYPTED, false},
	{"octet-stream with another name",
	 "Content-Type: application/octet-stream; name=x.bin\n"
	 "Content-Transfer-Encoding: base64\n\n" HEX_ENVELOPED "\n",
	 SECURITY_PLAIN, true},
	{"multipart/signed",
	 "Content-Type: multipart/signed; protocol=\"application/pkcs7-signature\"\n\n",
	 SECURITY_SIGNED, true},
	{"PGP/MIME",
	 "Content-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; "
	 "boundary=b\n\n--b\n"
	 "Content-Type: application/pgp-encrypted\n\nVersion: 1\n\n--b\nContent-Type: "
	 "application/octet-stream\n\n-----BEGIN PGP MESSAGE-----\n\nhQ==\n",
	 SECURITY_ENCRYPTED, false},
	{"PGP/MIME in name only",
	 "Content-Type: multipart/encrypted; boundary=b\n\n--b\n\nhello -----BEGIN PGP "
	 "MESSAGE-----\n",
	 SECURITY_PLAIN, false},
	{"armour", "Content-Type: text/plain\n\n\n-----BEGIN PGP MESSAGE-----\n\nhQ==\n",
	 SECURITY_ENCRYPTED, false},
	{"armour without Content-Type", "Subject: x\n\n-----BEGIN PGP MESSAGE-----\n",
	 SECURITY_ENCRYPTED, false},
	{"text before the armour", "Subject: x\n\nlook:\n-----BEGIN PGP MESSAGE-----\n",
	 SECURITY_PLAIN, false},
	{"signed PGP text", "Subject: x\n\n-----BEGIN PGP SIGNED MESSAGE-----\n", SECURITY_PLAIN,
	 false},
	{"two Content-Types",
	 "Content-Type: application/pkcs7-mime; smime-type=enveloped-data\nContent-Type: "
	 "text/plain\n"
	 "Content-Transfer-Encoding: base64\n\n" HEX_ENVELOPED "\n",
	 SECURITY_PLAIN, true},
	{"broken Content-Type", "Content-Type: ;;\n\nhello\n", SECURITY_PLAIN, false},
	{"empty body", "Content-Type: application/pkcs7-mime\n\n", SECURITY_PLAIN, false},
};

static void test_detect(void)
{
	static const char *const names[] = {"plain", "signed", "encrypted"};

	for (size_t i = 0; i < COUNT_OF(detect_rows); i++) {
		struct fields fields;
		struct span body;
		enum security by_fields = SECURITY_PLAIN;

		ROW(detect_rows[i].label);
		read_message(span_str(detect_rows[i].message), &fields, &body);
		CU_ASSERT_EQUAL(detect_by_fields(&fields, arena, &by_fields),
				detect_rows[i].by_fields);
		if (detect_rows[i].by_fields)
			CU_ASSERT_EQUAL(by_fields, detect_rows[i].want);
		ASSERT_STR(names[detect_with_body(&fields, body, arena)],
			   names[detect_rows[i].want]);
		fields_clear(&fields);
	}
	ROW("");
}

static void test_inner_header(void)
{
	static const struct {
		const char *label, *message, *want;
	} inner[] = {
		{"order and bytes kept",
		 "From: a\nContent-Type: text/plain;\n\tcharset=utf-8\nSubject: s\nCONTENT-Foo:bar "
		 "\n\n",
		 "Content-Type: text/plain;\r\n\tcharset=utf-8\r\nCONTENT-Foo:bar \r\n\r\n"},
		{"CRLF folds", "Content-Type: a/b;\r\n c=d\r\n\r\n",
		 "Content-Type: a/b;\r\n c=d\r\n\r\n"},
		{"none", "From: a\nMIME-Version: 1.0\n\n", "\r\n"},
		{"twice", "Content-Type: a/b\nContent-Type: c/d\n\n",
		 "Content-Type: a/b\r\nContent-Type: c/d\r\n\r\n"},
		{"nearly", "Content: a\nContents-Type: b\n\n", "\r\n"},
	};
	struct err err = ERR_INIT;
	struct buf out;

	buf_init(&out, 10000);
	for (size_t i = 0; i < COUNT_OF(inner); i++) {
		struct fields fields;
		struct span body;

		ROW(inner[i].label);
		read_message(span_str(inner[i].message), &fields, &body);
		out.len = 0;
		ASSERT_OK(entity_inner_header(&fields, &out, &err), &err);
		ASSERT_SPAN(buf_span(&out), span_str(inner[i].want));
		fields_clear(&fields);
	}
	ROW("");
	buf_clear(&out);
}

static void test_outer_fields(void)
{
	const struct entity_outer *outer = entity_outer_fields(false);
	struct ctype type;

	arena_reset(arena);
	ASSERT_STR(outer[0].name, "MIME-Version");
	ASSERT_STR(outer[0].value, " 1.0");
	CU_ASSERT_EQUAL(ctype_read(span_str(outer[1].value), arena, &type, NULL), RC_OK);
	ASSERT_SPAN(type.subtype, SPAN_LIT("pkcs7-mime"));
	ASSERT_SPAN(ctype_param(&type, "smime-type"), SPAN_LIT("enveloped-data"));
	CU_ASSERT_EQUAL(
		ctype_read(span_str(entity_outer_fields(true)[1].value), arena, &type, NULL),
		RC_OK);
	ASSERT_SPAN(ctype_param(&type, "smime-type"), SPAN_LIT("authEnveloped-data"));
}

static void test_ctype(void)
{
	static const struct {
		const char *label, *in, *type, *subtype, *name, *value;
	} t[] = {
		{"plain", "text/plain", "text", "plain", "charset", NULL},
		{"case and folds", " TEXT / HTML ;\n charset = \"UTF-8\"", "text", "html",
		 "charset", "UTF-8"},
		{"comments", "(x)text(y)/(z\\))plain(a(b)c);charset(q)=us-ascii(w)", "text",
		 "plain", "charset", "us-ascii"},
		{"quoted pair", "a/b; name=\"x\\\"y;z\"", "a", "b", "name", "x\"y;z"},
		{"continuation", "a/b; name*1=lo; name*0=hel", "a", "b", "name", "hello"},
		{"extended", "a/b; name*=utf-8'en'%c3%a4.p7m", "a", "b", "name", "\xc3\xa4.p7m"},
		{"extended pieces", "a/b; name*0*=utf-8''%41; name*1=%42; name*2*=%43", "a", "b",
		 "name", "A%42C"},
		{"empty parameters", "a/b;;; c=d", "a", "b", "c", "d"},
		{"broken parameter ends", "a/b; c; d=e", "a", "b", "d", NULL},
		{"a parameter without a name", "a/b; *=d; *0=e", "a", "b", "", NULL},
		{"unclosed quote", "a/b; c=\"d", "a", "b", "c", NULL},
		{"no subtype", "attachment; filename=f", "attachment", "", "filename", "f"},
	};
	struct err err = ERR_INIT;
	struct ctype c;

	for (size_t i = 0; i < COUNT_OF(t); i++) {
		ROW(t[i].label);
		arena_reset(arena);
		ASSERT_OK(ctype_read(span_str(t[i].in), arena, &c, &err), &err);
		ASSERT_SPAN(c.type, span_str(t[i].type));
		ASSERT_SPAN(c.subtype, span_str(t[i].subtype));
		CU_ASSERT_EQUAL(ctype_param(&c, t[i].name).p == NULL, t[i].value == NULL);
		ASSERT_SPAN(ctype_param(&c, t[i].name), span_str(t[i].value));
	}
	ROW("");
	ASSERT_FAILS(ctype_read(SPAN_LIT(" ;a=b"), arena, &c, &err), RC_INPUT, &err, "media type");
	ASSERT_FAILS(ctype_read(SPAN_LIT("((((((("), arena, &c, &err), RC_INPUT, &err,
		     "media type");
}

static void test_words(void)
{
	static const struct {
		const char *label;
		struct span in;
		const char *want;
	} t[] = {
		{"plain", SPAN_LIT("  hello world\r\n"), "hello world"},
		{"unfolded", SPAN_LIT(" hello\r\n\tworld"), "hello\tworld"},
		{"Q", SPAN_LIT("=?iso-8859-1?q?p=F6stal_card?="), "p\xc3\xb6stal card"},
		{"B", SPAN_LIT("=?UTF-8?B?w6TDtsO8?="), "\xc3\xa4\xc3\xb6\xc3\xbc"},
		{"B without padding", SPAN_LIT("=?utf-8?b?w6Q?="), "\xc3\xa4"},
		{"space between words goes", SPAN_LIT("=?utf-8?q?a?= \r\n =?utf-8?q?b?="), "ab"},
		{"space before text stays", SPAN_LIT("=?utf-8?q?a?= b"), "a b"},
		{"a character cut in two", SPAN_LIT("=?utf-8?q?=C3?= =?utf-8?q?=A4?="), "\xc3\xa4"},
		{"two charsets", SPAN_LIT("=?utf-8?q?=C3=A4?= =?koi8-r?q?=C1?="),
		 "\xc3\xa4\xd0\xb0"},
		{"language", SPAN_LIT("=?us-ascii*en?q?x?="), "x"},
		{"unknown charset stays", SPAN_LIT("=?x-none?q?a=41?= b"), "=?x-none?q?a=41?= b"},
		{"no word", SPAN_LIT("a =?b?= =?utf-8?x?c?= =?utf-8?q?d"),
		 "a =?b?= =?utf-8?x?c?= =?utf-8?q?d"},
		{"broken UTF-8", SPAN_LIT("a\xff\xc3(b"), "a\xef\xbf\xbd\xef\xbf\xbd(b"},
		{"broken word", SPAN_LIT("=?utf-8?q?=FF=41?="),
		 "\xef\xbf\xbd"
		 "A"},
		{"ISO-2022-JP", SPAN_LIT("=?ISO-2022-JP?B?GyRCJDMbKEI=?="), "\xe3\x81\x93"},
		{"letters that may take an accent", SPAN_LIT("=?tcvn?q?a?= =?big5-hkscs?b?iGI=?="),
		 "a\xc3\x8a\xcc\x84"},
		{"white space in words", SPAN_LIT("=?utf-8?q?_=09a_b?= =?utf-8?q?_=0D=0A_?="),
		 "a b"},
		{"nothing but white space in a word", SPAN_LIT("=?utf-8?q?___?="), ""},
		{"empty", SPAN_LIT(""), ""},
	};
	struct err err = ERR_INIT;
	struct buf out;

	buf_init(&out, 1000);
	for (size_t i = 0; i < COUNT_OF(t); i++) {
		ROW(t[i].label);
		out.len = 0;
		ASSERT_OK(words_decode(t[i].in, &out, &err), &err);
		ASSERT_SPAN(buf_span(&out), span_str(t[i].want));
	}
	ROW("");
	buf_clear(&out);
	buf_init(&out, 3);
	ASSERT_FAILS(words_decode(SPAN_LIT("long text"), &out, &err), RC_LIMIT, &err, "");
	buf_clear(&out);
}

int main(void)
{
	static const struct test tests[] = {
		{"detection", test_detect},
		{"the inner header", test_inner_header},
		{"the outer fields", test_outer_fields},
		{"media types", test_ctype},
		{"encoded words", test_words},
	};
	int status;

	arena = arena_new(64u << 20);
	status = test_main("entity", tests, COUNT_OF(tests));
	arena_free(arena);
	return status;
}
