/* Tag lists, key records, record files. */
#include <string.h>

#include "dkim/record.h"
#include "dkim/tags.h"
#include "test.h"
#include "vectors.h"

static void test_tags(void)
{
	struct span text = SPAN_LIT("v = 1 ;a=\r\n\trsa-sha256; _b=x;");
	struct err err = ERR_INIT;
	struct tags tags;

	ASSERT_FAILS(tags_read(text, &tags, &err), RC_INPUT, &err, "'_b' is no name");
	text = SPAN_LIT(" v = 1 ;a=\r\n\trsa-sha256;\n b_2 = Qq \n == ;\t\n x=\xc3\xa9;c=;");
	ASSERT_OK(tags_read(text, &tags, &err), &err);
	CU_ASSERT_EQUAL(tags.n, 5);
	ASSERT_SPAN(tags_find(&tags, "v")->value, SPAN_LIT("1"));
	ASSERT_SPAN(tags_find(&tags, "a")->value, SPAN_LIT("rsa-sha256"));
	ASSERT_SPAN(tags_find(&tags, "b_2")->value, SPAN_LIT("Qq \n =="));
	ASSERT_SPAN(tags_find(&tags, "b_2")->raw, SPAN_LIT(" Qq \n == "));
	ASSERT_SPAN(tags_find(&tags, "x")->value, SPAN_LIT("\xc3\xa9"));
	ASSERT_SPAN(tags_find(&tags, "c")->value, SPAN_LIT(""));
	CU_ASSERT_PTR_NULL(tags_find(&tags, "V"));
	CU_ASSERT_PTR_NULL(tags_find(&tags, "b"));
}

static void test_tags_refuse(void)
{
	static const struct row {
		const char *label;
		struct span text;
		const char *words;
	} rows[] = {
		{"nothing", SPAN_NONE, "no tags"},
		{"white space", SPAN_LIT(" \r\n "), "no tags"},
		{"semicolon only", SPAN_LIT(";"), "nothing between"},
		{"twice", SPAN_LIT("v=1; a=x; v=1"), "v= stands there twice"},
		{"twice, other value", SPAN_LIT("d=a;d=b"), "d= stands there twice"},
		{"no equals", SPAN_LIT("v=1; bogus"), "'bogus' has no '='"},
		{"no name", SPAN_LIT("v=1; =x"), "'' is no name"},
		{"digit first", SPAN_LIT("1v=1"), "'1v' is no name"},
		{"white space in a name", SPAN_LIT("v v=1"), "'v v' is no name"},
		{"empty in the middle", SPAN_LIT("v=1;;a=b"), "nothing between"},
		{"NUL", SPAN_LIT("v=1\0"), "0x00 at 4"},
		{"form feed", SPAN_LIT("v=\f1"), "0x0c"},
		{"DEL", SPAN_LIT("v=\x7f"), "0x7f"},
		{"bare CR", SPAN_LIT("v=1;\ra=b"), "0x0d at 5"},
		{"LF that folds nothing", SPAN_LIT("v=1;\na=b"), "0x0a at 5"},
	};
	struct err err = ERR_INIT;
	struct tags tags;
	struct buf many;

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		ROW(rows[i].label);
		ASSERT_FAILS(tags_read(rows[i].text, &tags, &err), RC_INPUT, &err, rows[i].words);
	}
	ROW("too many");
	buf_init(&many, 10000);
	for (int i = 0; i <= TAGS_MAX; i++)
		ASSERT_OK(buf_addf(&many, &err, "t%d=x;", i), &err);
	ASSERT_FAILS(tags_read(buf_span(&many), &tags, &err), RC_INPUT, &err, "more than");
	buf_clear(&many);
	ROW("");
}

static void test_lists(void)
{
	struct span rest = SPAN_LIT(" a :b\r\n :\tc");
	struct span item;
	static const char *const want[] = {"a", "b", "c"};

	for (size_t i = 0; i < COUNT_OF(want); i++) {
		CU_ASSERT_TRUE(tags_next_item(&rest, &item));
		ASSERT_SPAN(item, span_str(want[i]));
	}
	CU_ASSERT_FALSE(tags_next_item(&rest, &item));
	CU_ASSERT_TRUE(tags_lists(SPAN_LIT("sha1 : sha256"), "sha256"));
	CU_ASSERT_FALSE(tags_lists(SPAN_LIT("sha1:sha2567"), "sha256"));
	CU_ASSERT_FALSE(tags_lists(SPAN_LIT(""), "sha256"));
}

#define P "p=" RFC8463_ED25519_PUBLIC
#define RSA_P "p=" RFC8463_RSA_PUBLIC

static void test_records(void)
{
	static const struct row {
		const char *label;
		struct span txt;
		enum dkim_alg alg;
		bool revoked, testing, strict, email, sha256;
	} rows[] = {
		{"RFC 8463 A.2", SPAN_LIT("v=DKIM1; k=ed25519; " P), DKIM_ED25519_SHA256, false,
		 false, false, true, true},
		{"no v=, no k=", SPAN_LIT(RSA_P), DKIM_RSA_SHA256, false, false, false, true, true},
		{"everything",
		 SPAN_LIT(
			 "v=DKIM1;h=sha1:sha256;k=rsa;n=a note;s=email:other;t=y : s;x=new;" RSA_P),
		 DKIM_RSA_SHA256, false, true, true, true, true},
		{"other service", SPAN_LIT("s=tlsrpt; " RSA_P), DKIM_RSA_SHA256, false, false,
		 false, false, true},
		{"any service", SPAN_LIT("s=*; " RSA_P), DKIM_RSA_SHA256, false, false, false, true,
		 true},
		{"other hash", SPAN_LIT("h=sha1; " RSA_P), DKIM_RSA_SHA256, false, false, false,
		 true, false},
		{"revoked", SPAN_LIT("v=DKIM1; p="), DKIM_RSA_SHA256, true, false, false, true,
		 true},
		{"revoked, Ed25519", SPAN_LIT("v=DKIM1; k=ed25519; p= ;"), DKIM_ED25519_SHA256,
		 true, false, false, true, true},
		{"white space in p=",
		 SPAN_LIT("k=ed25519; p=11qYAYKxCrfVS/ 7TyWQHOg7hcvPa\tpiMlrwIaaPcHURo="),
		 DKIM_ED25519_SHA256, false, false, false, true, true},
		{"flags in capitals are none", SPAN_LIT("t=Y:S; " RSA_P), DKIM_RSA_SHA256, false,
		 false, false, true, true},
	};
	struct err err = ERR_INIT;

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct dkim_record r;

		ROW(rows[i].label);
		if (!ASSERT_OK(dkim_record_read(rows[i].txt, &r, &err), &err))
			continue;
		CU_ASSERT_EQUAL(r.alg, rows[i].alg);
		CU_ASSERT_EQUAL(r.revoked, rows[i].revoked);
		CU_ASSERT_EQUAL(r.testing, rows[i].testing);
		CU_ASSERT_EQUAL(r.strict, rows[i].strict);
		CU_ASSERT_EQUAL(r.email, rows[i].email);
		CU_ASSERT_EQUAL(r.sha256, rows[i].sha256);
		CU_ASSERT_EQUAL(r.key == NULL, r.revoked);
		dkim_record_clear(&r);
		CU_ASSERT_PTR_NULL(r.key);
	}
	ROW("");
}

static void test_records_refused(void)
{
	static const struct row {
		const char *label;
		struct span txt;
		const char *words;
	} rows[] = {
		{"empty", SPAN_LIT(""), "no tags"},
		{"SPF", SPAN_LIT("v=spf1 -all"), "v=spf1 -all: DKIM1 is expected"},
		{"v=DKIM2", SPAN_LIT("v=DKIM2; " RSA_P), "DKIM1 is expected"},
		{"v=dkim1", SPAN_LIT("v=dkim1; " RSA_P), "DKIM1 is expected"},
		{"v= not first", SPAN_LIT("k=rsa; v=DKIM1; " RSA_P), "first tag"},
		{"no p=", SPAN_LIT("v=DKIM1; k=rsa"), "p= is missing"},
		{"k=dsa", SPAN_LIT("k=dsa; " RSA_P), "k=dsa"},
		{"twice", SPAN_LIT(RSA_P ";" RSA_P), "twice"},
		{"p= is no base64", SPAN_LIT("p=MII#"), "p=: no base64"},
		{"p= is cut", SPAN_LIT("p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQ"),
		 "p=: no readable key"},
		{"an RSA key for Ed25519", SPAN_LIT("k=ed25519; " RSA_P), "32 bytes"},
		{"an Ed25519 key for RSA", SPAN_LIT(P), "no readable key"},
		{"512 bits",
		 SPAN_LIT("p=MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAL1ZshUgYEsDOyDHCcMoLgf93PSbL44HRuOg"
			  "jyO9MURUiVskVVxKM7Jzy4YGvFrEJQORelnYSxugxZJBCuPcem0CAwEAAQ=="),
		 "p=: an RSA key of 512 bits"},
		{"escaped", SPAN_LIT("v=DKIM1\\; k=rsa\\; " RSA_P), "DKIM1 is expected"},
	};
	struct err err = ERR_INIT;
	struct dkim_record r = {.testing = true};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		ROW(rows[i].label);
		ASSERT_FAILS(dkim_record_read(rows[i].txt, &r, &err), RC_INPUT, &err,
			     rows[i].words);
		CU_ASSERT_TRUE(r.testing);
	}
	ROW("");
}

static void test_shown_records_are_read(void)
{
	struct err err = ERR_INIT;
	struct dkim_record r;
	struct buf out;

	buf_init(&out, 1000);
	ASSERT_OK(dkim_record_show(DKIM_ED25519_SHA256, SPAN_LIT(RFC8463_ED25519_PUBLIC), false,
				   &out, &err),
		  &err);
	ASSERT_SPAN(buf_span(&out), SPAN_LIT("v=DKIM1; k=ed25519; " P));
	out.len = 0;
	ASSERT_OK(dkim_record_show(DKIM_RSA_SHA256, SPAN_LIT(RFC8463_RSA_PUBLIC), true, &out, &err),
		  &err);
	ASSERT_SPAN(buf_span(&out), SPAN_LIT("v=DKIM1; k=rsa; t=y; " RSA_P));
	ASSERT_OK(dkim_record_read(buf_span(&out), &r, &err), &err);
	CU_ASSERT_TRUE(r.testing);
	dkim_record_clear(&r);
	out.len = 0;
	ASSERT_OK(dkim_record_show(DKIM_RSA_SHA256, SPAN_NONE, false, &out, &err), &err);
	ASSERT_SPAN(buf_span(&out), SPAN_LIT("v=DKIM1; k=rsa; p="));
	buf_clear(&out);
	buf_init(&out, 20);
	ASSERT_FAILS(dkim_record_show(DKIM_RSA_SHA256, SPAN_LIT("MIGfMA0G"), false, &out, &err),
		     RC_LIMIT, &err, "");
	CU_ASSERT_EQUAL(out.len, 0);
	buf_clear(&out);
}

static void test_record_files(void)
{
	static const struct row {
		const char *label;
		struct span content;
		const char *want;
	} rows[] = {
		{"opendkim-genkey",
		 SPAN_LIT("mail._domainkey\tIN\tTXT\t( \"v=DKIM1; h=sha256; k=rsa; \"\n"
			  "\t  \"p=MIIB\"\n\t  \"IjAN\" )  ; ----- DKIM key \"mail\" for "
			  "example.com\n"),
		 "v=DKIM1; h=sha256; k=rsa; p=MIIBIjAN"},
		{"rspamd",
		 SPAN_LIT("mail._domainkey IN TXT ( \"v=DKIM1; k=rsa; \"\n\t\"p=MIIB\" ) ;\n"),
		 "v=DKIM1; k=rsa; p=MIIB"},
		{"one line", SPAN_LIT("s._domainkey.example.com. 300 IN TXT \"v=DKIM1; p=\" \"x\""),
		 "v=DKIM1; p=x"},
		{"CRLF", SPAN_LIT("a TXT (\"v=1\"\r\n\"p=2\")\r\n\r\n"), "v=1p=2"},
		{"comment, directive, empty lines",
		 SPAN_LIT("; a \"comment\"\n$TTL 300\n\n# another \"one\"\na TXT \"p=1\"\n; end\n"),
		 "p=1"},
		{"parentheses on lines of their own", SPAN_LIT("a TXT (\n\"p=\"\n\n\"1\"\n)\n"),
		 "p=1"},
		{"escapes", SPAN_LIT("a TXT \"v=1\\; p\\061\\\"\\\\\"\n"), "v=1; p=\"\\"},
		{"bare value", SPAN_LIT("v=DKIM1; k=rsa; p=MIIB\n"), "v=DKIM1; k=rsa; p=MIIB"},
		{"bare value, no line end", SPAN_LIT("  v=DKIM1; p=\t"), "v=DKIM1; p="},
		{"bare value, comment", SPAN_LIT("; k (\"1\")\n\nv=DKIM1; p=\n\n# end\n"),
		 "v=DKIM1; p="},
		{"answer of dig +short", SPAN_LIT("\"v=DKIM1; p=\" \"MIIB\"\n"), "v=DKIM1; p=MIIB"},
	};
	struct err err = ERR_INIT;
	struct buf out;

	buf_init(&out, 1000);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		ROW(rows[i].label);
		out.len = 0;
		ASSERT_OK(dkim_record_from_file(rows[i].content, &out, &err), &err);
		ASSERT_SPAN(buf_span(&out), span_str(rows[i].want));
	}
	ROW("");
	buf_clear(&out);
}

static void test_record_files_refused(void)
{
	static const struct row {
		const char *label;
		struct span content;
		const char *words;
	} rows[] = {
		{"empty", SPAN_LIT(""), "no record"},
		{"comments only", SPAN_LIT("; a\n# b\n\n"), "no record"},
		{"two records", SPAN_LIT("a TXT \"p=1\"\nb TXT \"p=2\"\n"), "more than one record"},
		{"two bare values", SPAN_LIT("p=1\np=2\n"), "one line"},
		{"open quote", SPAN_LIT("a TXT \"p=1\n\"\n"), "closing quote"},
		{"open quote at the end", SPAN_LIT("a TXT \"p=1"), "closing quote"},
		{"open parenthesis", SPAN_LIT("a TXT ( \"p=1\"\n"), "'(' without ')'"},
		{"closing parenthesis", SPAN_LIT("a TXT \"p=1\" )\n"), "')' without '('"},
		{"no string", SPAN_LIT("a TXT ( )\n"), "no string"},
		{"backslash at the end", SPAN_LIT("a TXT \"p\\"), "backslash"},
		{"two digits", SPAN_LIT("a TXT \"p\\06\"\n"), "three digits"},
		{"no octet", SPAN_LIT("a TXT \"p\\256\"\n"), "\\256 is no octet"},
	};
	struct err err = ERR_INIT;
	struct buf out;

	buf_init(&out, 1000);
	ASSERT_OK(buf_adds(&out, "kept", &err), &err);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		ROW(rows[i].label);
		ASSERT_FAILS(dkim_record_from_file(rows[i].content, &out, &err), RC_INPUT, &err,
			     rows[i].words);
		ASSERT_SPAN(buf_span(&out), SPAN_LIT("kept"));
	}
	ROW("");
	buf_clear(&out);
}

int main(void)
{
	static const struct test tests[] = {
		{"tag lists", test_tags},
		{"tag lists that are none", test_tags_refuse},
		{"lists with colons", test_lists},
		{"records", test_records},
		{"records that are none", test_records_refused},
		{"records shown are read again", test_shown_records_are_read},
		{"record files", test_record_files},
		{"record files that will not do", test_record_files_refused},
	};

	return test_main("dkim-record", tests, COUNT_OF(tests));
}
