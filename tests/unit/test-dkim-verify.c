/* Verifying: the examples of the RFCs to the letter, and everything that may be wrong with a signature. */
#include <string.h>

#include "crypto/base64.h"
#include "dkim/canon.h"
#include "dkimcheck.h"
#include "test.h"
#include "vectors.h"

static const struct test_record records[] = {
	{"example.com", "brisbane", "v=DKIM1; p=" RFC6376_RSA_PUBLIC, RC_OK},
	{"football.example.com", "brisbane", "v=DKIM1; k=ed25519; p=" RFC8463_ED25519_PUBLIC,
	 RC_OK},
	{"football.example.com", "test", "v=DKIM1; k=rsa; p=" RFC8463_RSA_PUBLIC, RC_OK},
	{"xn--bcher-kva.example", "xn--mnchen-3ya", "k=ed25519; p=" RFC8463_ED25519_PUBLIC, RC_OK},
	{NULL, NULL, NULL, RC_OK},
};

static void check_one(const struct message *m, size_t at, enum dkim_result want, const char *words,
		      const struct test_record *with, int64_t now)
{
	struct dkim_verifier *v = test_verify(m, NULL, with, now);
	const struct dkim_signature *sig;

	CU_ASSERT_TRUE_FATAL(at < dkim_verifier_count(v));
	sig = dkim_verifier_at(v, at);
	if (sig->result != want || strstr(sig->reason, words) == NULL ||
	    (sig->reason[0] == '\0') != (want == DKIM_PASS)) {
		struct err why = ERR_INIT;

		err_set(&why, RC_INPUT, "%s (%s), wanted %s (%s)", dkim_result_name(sig->result),
			sig->reason, dkim_result_name(want), words);
		ASSERT_OK(RC_INPUT, &why);
	}
	CU_ASSERT_EQUAL(sig->result, want);
	dkim_verifier_free(v);
}

static void test_examples_of_the_rfcs(void)
{
	static const struct row {
		const char *label;
		struct span text;
		size_t n;
		unsigned bits[2];
	} rows[] = {
		{"RFC 6376 A.2",
		 SPAN_LIT(RFC6376_SIGNATURE RFC6376_HEADER "\r\n" RFC6376_BODY),
		 1,
		 {1024}},
		{"RFC 8463 A.3",
		 SPAN_LIT(RFC8463_ED25519_SIGNATURE RFC8463_RSA_SIGNATURE RFC8463_HEADER
			  "\r\n" RFC8463_BODY),
		 2,
		 {256, 1024}},
	};
	struct message m;

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct dkim_verifier *v;

		ROW(rows[i].label);
		message_read(&m, rows[i].text);
		v = test_verify(&m, NULL, records, 0);
		CU_ASSERT_EQUAL_FATAL(dkim_verifier_count(v), rows[i].n);
		for (size_t k = 0; k < rows[i].n; k++) {
			CU_ASSERT_EQUAL(dkim_verifier_at(v, k)->result, DKIM_PASS);
			CU_ASSERT_EQUAL(dkim_verifier_at(v, k)->key_bits, rows[i].bits[k]);
			CU_ASSERT_EQUAL(dkim_verifier_at(v, k)->index, k);
		}
		dkim_verifier_free(v);
		message_clear(&m);
	}
	ROW("");
}

static void test_what_was_read(void)
{
	const struct dkim_signature *sig;
	struct dkim_verifier *v;
	struct message m;

	message_read(&m, SPAN_LIT(RFC8463_RSA_SIGNATURE RFC8463_HEADER "\r\n" RFC8463_BODY));
	v = test_verify(&m, NULL, records, 0);
	sig = dkim_verifier_at(v, 0);
	CU_ASSERT_TRUE(sig->readable);
	CU_ASSERT_EQUAL(sig->alg, DKIM_RSA_SHA256);
	CU_ASSERT_EQUAL(sig->header_canon, CANON_RELAXED);
	CU_ASSERT_EQUAL(sig->body_canon, CANON_RELAXED);
	ASSERT_STR(sig->domain, "football.example.com");
	ASSERT_STR(sig->selector, "test");
	ASSERT_SPAN(sig->identity, SPAN_LIT("@football.example.com"));
	CU_ASSERT_EQUAL(sig->signed_at, 1528637909);
	CU_ASSERT_EQUAL(sig->expires, -1);
	CU_ASSERT_EQUAL(sig->body_limit, UINT64_MAX);
	CU_ASSERT_EQUAL_FATAL(sig->n_names, 8);
	ASSERT_SPAN(sig->names[4], SPAN_LIT("message-id"));
	CU_ASSERT_EQUAL(sig->signature.len, 128);
	CU_ASSERT_FALSE(sig->testing);
	dkim_verifier_free(v);
	message_clear(&m);
}

/* TEXT with the first FROM replaced. */
static void replace(struct span text, const char *from, struct span to, struct buf *out)
{
	struct err err = ERR_INIT;
	size_t at = span_search(text, span_str(from), 0, false);

	CU_ASSERT_TRUE_FATAL(at < text.len || *from == '\0');
	out->len = 0;
	ASSERT_OK(buf_add(out, span_sub(text, 0, at), &err), &err);
	ASSERT_OK(buf_add(out, to, &err), &err);
	ASSERT_OK(buf_add(out, span_from(text, at + strlen(from)), &err), &err);
}

#define ED25519_MESSAGE RFC8463_ED25519_SIGNATURE RFC8463_HEADER "\r\n" RFC8463_BODY

/* One change to the Ed25519 example of RFC 8463, and what becomes of it. */
static void test_one_change(void)
{
	static const struct row {
		const char *label;
		const char *from;
		struct span to;
		enum dkim_result want;
		const char *words;
	} rows[] = {
		/* what relaxed does not see */
		{"more white space", "; a=", SPAN_LIT(";\r\n\t  a="), DKIM_PASS, ""},
		{"white space in b=", "SwhEIug4", SPAN_LIT("Sw \t hE\r\n Iug4"), DKIM_PASS, ""},
		{"white space before b=", "b=/gC", SPAN_LIT("b= \r\n /gC"), DKIM_PASS, ""},
		{"white space behind b=", "Q1Dw==", SPAN_LIT("Q1Dw== \t"), DKIM_PASS, ""},
		{"name of a field in capitals", "Subject:", SPAN_LIT("SUBJECT:"), DKIM_PASS, ""},
		{"folded From", "Joe SixPack", SPAN_LIT("Joe\r\n\t SixPack"), DKIM_PASS, ""},
		{"trailing lines", "Joe.\r\n", SPAN_LIT("Joe.  \r\n \r\n\r\n"), DKIM_PASS, ""},
		{"another field", "To: ", SPAN_LIT("X-Other: x\r\nTo: "), DKIM_PASS, ""},
		/* what was signed */
		{"another From", "Joe SixPack", SPAN_LIT("Joe Sixpack"), DKIM_FAIL, "does not fit"},
		{"a second From above", "From: Joe", SPAN_LIT("From: x@y.example\r\nFrom: Joe"),
		 DKIM_FAIL, "does not fit"},
		{"a second Subject", "Subject:", SPAN_LIT("Subject: x\r\nSubject:"), DKIM_FAIL,
		 "does not fit"},
		{"Date is gone", "Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n", SPAN_LIT(""),
		 DKIM_FAIL, "does not fit"},
		{"another body", "game.", SPAN_LIT("game!"), DKIM_FAIL, "body was changed"},
		{"more body", "Joe.\r\n", SPAN_LIT("Joe.\r\nx\r\n"), DKIM_FAIL, "body was changed"},
		{"another t=", "t=1528637909", SPAN_LIT("t=1528637908"), DKIM_FAIL, "does not fit"},
		{"another b=", "b=/gCr", SPAN_LIT("b=/gCs"), DKIM_FAIL, "does not fit"},
		{"a short b=", "Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==", SPAN_LIT(""), DKIM_FAIL,
		 "does not fit"},
		{"another bh=", "bh=2jUS", SPAN_LIT("bh=2jUT"), DKIM_FAIL, "body was changed"},
		{"simple header", "relaxed/relaxed", SPAN_LIT("simple/relaxed"), DKIM_FAIL,
		 "does not fit"},
		{"another selector", "s=brisbane", SPAN_LIT("s=sydney"), DKIM_PERMERROR,
		 "no key: no record for sydney._domainkey.football.example.com"},
		{"the selector of another key", "s=brisbane", SPAN_LIT("s=test"), DKIM_PERMERROR,
		 "kind of key"},
		{"l= more than there is", "q=dns/txt;", SPAN_LIT("q=dns/txt; l=999;"), DKIM_FAIL,
		 "more than the body"},
		{"l= of 30 digits", "q=dns/txt;", SPAN_LIT("l=100000000000000000000000000000;"),
		 DKIM_FAIL, "more than the body"},
		/* the field itself */
		{"v=2", "v=1", SPAN_LIT("v=2"), DKIM_NEUTRAL, "v=2: 1 is expected"},
		{"v=1.0", "v=1", SPAN_LIT("v=1.0"), DKIM_NEUTRAL, "v=1.0"},
		{"no v=", "v=1;", SPAN_LIT(""), DKIM_NEUTRAL, "v= is missing"},
		{"no a=", "a=ed25519-sha256;", SPAN_LIT(""), DKIM_NEUTRAL, "a= is missing"},
		{"no d=", "d=football.example.com;", SPAN_LIT(""), DKIM_NEUTRAL, "d= is missing"},
		{"no s=", "s=brisbane;", SPAN_LIT(""), DKIM_NEUTRAL, "s= is missing"},
		{"no h=", "h=from", SPAN_LIT("hh=from"), DKIM_NEUTRAL, "h= is missing"},
		{"no bh=", "bh=2j", SPAN_LIT("bbh=2j"), DKIM_NEUTRAL, "bh= is missing"},
		{"no b=", "b=/g", SPAN_LIT("bb=/g"), DKIM_NEUTRAL, "b= is missing"},
		{"rsa-sha1", "ed25519-sha256", SPAN_LIT("rsa-sha1"), DKIM_NEUTRAL, "a=rsa-sha1"},
		{"a= in capitals", "ed25519-sha256", SPAN_LIT("ED25519-SHA256"), DKIM_NEUTRAL,
		 "not accepted"},
		{"c= unknown", "relaxed/relaxed", SPAN_LIT("nowsp"), DKIM_NEUTRAL, "c=nowsp"},
		{"d= is no domain", "d=football.example.com", SPAN_LIT("d=foot ball.example.com"),
		 DKIM_NEUTRAL, "d="},
		{"d= is empty", "d=football.example.com", SPAN_LIT("d="), DKIM_NEUTRAL, "d="},
		{"s= is no selector", "s=brisbane", SPAN_LIT("s=bris!bane"), DKIM_NEUTRAL, "s="},
		{"i= of another domain", "i=@football", SPAN_LIT("i=@basketball"), DKIM_NEUTRAL,
		 "not within"},
		{"i= of the parent", "i=@football.", SPAN_LIT("i=@"), DKIM_NEUTRAL, "not within"},
		{"i= without @", "i=@", SPAN_LIT("i="), DKIM_NEUTRAL, "no '@'"},
		{"i= badly quoted", "i=@", SPAN_LIT("i=a=4g@"), DKIM_NEUTRAL, "hexadecimal"},
		{"i= with a cut quote", "i=@football.example.com", SPAN_LIT("i=@football=2"),
		 DKIM_NEUTRAL, "hexadecimal"},
		{"q= unknown", "q=dns/txt", SPAN_LIT("q=http"), DKIM_NEUTRAL, "q=http"},
		{"h= with one From less", "h=from : to", SPAN_LIT("h=fro : to"), DKIM_FAIL,
		 "does not fit"},
		{"h= with a hole", "from : to", SPAN_LIT("from : : to"), DKIM_NEUTRAL,
		 "'' is no name"},
		{"h= with white space in a name", "from : to", SPAN_LIT("from to"), DKIM_NEUTRAL,
		 "'from to' is no name"},
		{"bh= is no base64", "bh=2j", SPAN_LIT("bh=2-"), DKIM_NEUTRAL, "bh=: no base64"},
		{"bh= of SHA-1", "bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=",
		 SPAN_LIT("bh=2jUSOH9NhtVGCQWNr9BrIAPreKQ="), DKIM_NEUTRAL, "SHA-256 has 32"},
		{"bh= too long", "bh=2j", SPAN_LIT("bh=AAAA2j"), DKIM_NEUTRAL, "bh=: more than 32"},
		{"b= is no base64", "b=/gC", SPAN_LIT("b=/g#"), DKIM_NEUTRAL, "b=: no base64"},
		{"d= twice", "d=football", SPAN_LIT("d=evil.example; d=football"), DKIM_NEUTRAL,
		 "twice"},
		{"b= twice", "bh=", SPAN_LIT("b=AAAA; bh="), DKIM_NEUTRAL, "twice"},
		{"no tag", "q=dns/txt;", SPAN_LIT("hello;"), DKIM_NEUTRAL, "no '='"},
		{"NUL", "q=dns", SPAN_LIT("q=\0dns"), DKIM_NEUTRAL, "byte 0x00"},
		{"t= is no time", "t=1528637909", SPAN_LIT("t=-1"), DKIM_NEUTRAL, "t=-1"},
		{"t= is too long", "t=1528637909", SPAN_LIT("t=1528637909000"), DKIM_NEUTRAL, "t="},
		{"x= before t=", "q=dns/txt;", SPAN_LIT("x=1528637908;"), DKIM_NEUTRAL,
		 "not later"},
		{"x= equals t=", "q=dns/txt;", SPAN_LIT("x=1528637909;"), DKIM_NEUTRAL,
		 "not later"},
		{"l= is no number", "q=dns/txt;", SPAN_LIT("l=1k;"), DKIM_NEUTRAL, "l=1k"},
		{"l= is empty", "q=dns/txt;", SPAN_LIT("l=;"), DKIM_NEUTRAL, "l="},
	};
	struct message m;
	struct buf text;

	buf_init(&text, 10000);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		ROW(rows[i].label);
		replace(SPAN_LIT(ED25519_MESSAGE), rows[i].from, rows[i].to, &text);
		message_read(&m, buf_span(&text));
		check_one(&m, 0, rows[i].want, rows[i].words, records, 0);
		message_clear(&m);
	}
	ROW("h= without From at all");
	replace(SPAN_LIT(ED25519_MESSAGE), "from : to :\r\n subject : date : message-id : from",
		SPAN_LIT("to"), &text);
	message_read(&m, buf_span(&text));
	check_one(&m, 0, DKIM_NEUTRAL, "does not have From", records, 0);
	message_clear(&m);
	ROW("");
	buf_clear(&text);
}

/* A message signed by hand: TAGS ends in "b=", a %s in it gets the body hash of the first LIMIT octets;
 * CANONICAL is the signed header. Relaxed, Ed25519 key of RFC 8463. */
static void sign_by_hand(const char *tags, const char *header, const char *canonical,
			 struct span body, uint64_t limit, struct buf *out)
{
	struct key *k = test_key(RFC8463_ED25519_PEM);
	struct err err = ERR_INIT;
	struct buf hash, value, input, sig;
	uint8_t digest[SHA256_LEN];

	buf_init(&hash, 100);
	buf_init(&value, 10000);
	buf_init(&input, 20000);
	buf_init(&sig, 1000);
	test_body_hash(CANON_RELAXED, limit, body, &hash);
	replace(span_str(tags), "%s", buf_span(&hash), &value);
	ASSERT_OK(buf_adds(&input, canonical, &err), &err);
	ASSERT_OK(canon_field(CANON_RELAXED,
			      &(struct field){SPAN_LIT("DKIM-Signature"), buf_span(&value), false},
			      &input, &err),
		  &err);
	input.len -= 2;
	ASSERT_OK(sha256_of(buf_span(&input), digest, &err), &err);
	ASSERT_OK(key_sign(k, digest, &sig, &err), &err);
	out->len = 0;
	ASSERT_OK(buf_addf(out, &err, "DKIM-Signature:%s", buf_cstr(&value)), &err);
	ASSERT_OK(base64_encode(buf_span(&sig), out, &err), &err);
	ASSERT_OK(buf_addf(out, &err, "\r\n%s\r\n", header), &err);
	ASSERT_OK(buf_add(out, body, &err), &err);
	buf_clear(&hash);
	buf_clear(&value);
	buf_clear(&input);
	buf_clear(&sig);
	key_unref(k);
}

#define TAGS " v=1;a=ed25519-sha256;c=relaxed/relaxed;d=football.example.com;s=brisbane;bh=%s;"
#define FROM "From: joe@football.example.com\r\n"
#define FROM_CANON "from:joe@football.example.com\r\n"

/* Signatures that are good, and say something that the examples do not. */
static void test_signed_by_hand(void)
{
	static const struct row {
		const char *label;
		const char *tags, *header, *canonical;
		uint64_t limit;
		int64_t now;
		enum dkim_result want;
		const char *words;
	} rows[] = {
		{"least", TAGS "h=from;b=", FROM, FROM_CANON, UINT64_MAX, 0, DKIM_PASS, ""},
		{"unknown tags, q= a list", TAGS "h=From;q=x:dns/txt;zz=1;z=From:=20x|To:;b=", FROM,
		 FROM_CANON, UINT64_MAX, 0, DKIM_PASS, ""},
		{"i= below d=", TAGS "h=from;i=joe=40x@sub.football.example.com;b=", FROM,
		 FROM_CANON, UINT64_MAX, 0, DKIM_PASS, ""},
		{"x= to come", TAGS "h=from;t=5;x=10;b=", FROM, FROM_CANON, UINT64_MAX, 10,
		 DKIM_PASS, ""},
		{"x= gone by", TAGS "h=from;t=5;x=10;b=", FROM, FROM_CANON, UINT64_MAX, 11,
		 DKIM_PERMERROR, "expired"},
		{"x= gone by, not looked at", TAGS "h=from;t=5;x=10;b=", FROM, FROM_CANON,
		 UINT64_MAX, 0, DKIM_PASS, ""},
		{"l=", TAGS "h=from;l=5;b=", FROM, FROM_CANON, 5, 0, DKIM_PASS, ""},
		{"l=0", TAGS "h=from;l=0;b=", FROM, FROM_CANON, 0, 0, DKIM_PASS, ""},
		{"l= wrong", TAGS "h=from;l=4;b=", FROM, FROM_CANON, 5, 0, DKIM_FAIL,
		 "body was changed"},
		{"from the bottom up", TAGS "h=from:to:to:to;b=", "To: a\r\n" FROM "to: b\r\n",
		 FROM_CANON "to:b\r\nto:a\r\n", UINT64_MAX, 0, DKIM_PASS, ""},
		{"not from the top", TAGS "h=from:to;b=", "To: a\r\n" FROM "to: b\r\n",
		 FROM_CANON "to:a\r\n", UINT64_MAX, 0, DKIM_FAIL, "does not fit"},
		{"names mixed",
		 TAGS "h=to : From:\r\n x-none:TO;b=", "To: a\r\n" FROM "X-NONE2: c\r\nto: b\r\n",
		 "to:b\r\n" FROM_CANON "to:a\r\n", UINT64_MAX, 0, DKIM_PASS, ""},
		{"another signature is signed, itself is not",
		 TAGS "h=from:dkim-signature:dkim-signature;b=", "DKIM-Signature: old\r\n" FROM,
		 FROM_CANON "dkim-signature:old\r\n", UINT64_MAX, 0, DKIM_PASS, ""},
		{"space before a colon", TAGS "h=from:to;b=", FROM "To : a\r\n",
		 FROM_CANON "to:a\r\n", UINT64_MAX, 0, DKIM_PASS, ""},
		{"U-labels",
		 " v=1;a=ed25519-sha256;c=relaxed/relaxed;d=b\xc3\xbc"
		 "cher.example;s=m\xc3\xbcnchen;i=j\xc3\xb6@xn--bcher-kva.example;bh=%s;h=from;b=",
		 FROM, FROM_CANON, UINT64_MAX, 0, DKIM_PASS, ""},
	};
	struct span body = SPAN_LIT("hello\r\nworld\r\n");
	struct message m;
	struct buf text;

	buf_init(&text, 10000);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		ROW(rows[i].label);
		sign_by_hand(rows[i].tags, rows[i].header, rows[i].canonical, body, rows[i].limit,
			     &text);
		message_read(&m, buf_span(&text));
		check_one(&m, 0, rows[i].want, rows[i].words, records, rows[i].now);
		message_clear(&m);
	}
	ROW("");
	buf_clear(&text);
}

/* What stands behind b= is signed as well, down to a ';'. */
static void test_tags_behind_b(void)
{
	struct message m;
	struct buf text;

	buf_init(&text, 10000);
	replace(SPAN_LIT(ED25519_MESSAGE), "Q1Dw==", SPAN_LIT("Q1Dw==;x=9999999999"), &text);
	message_read(&m, buf_span(&text));
	check_one(&m, 0, DKIM_FAIL, "does not fit", records, 0);
	message_clear(&m);
	ROW("RFC 6376 A.2 has a ';' there");
	replace(SPAN_LIT(RFC6376_SIGNATURE RFC6376_HEADER "\r\n" RFC6376_BODY), "zhwvcubU4=;",
		SPAN_LIT("zhwvcubU4="), &text);
	message_read(&m, buf_span(&text));
	check_one(&m, 0, DKIM_FAIL, "does not fit", records, 0);
	message_clear(&m);
	ROW("");
	buf_clear(&text);
}

static void test_records_decide(void)
{
#define KEY "k=ed25519;p=" RFC8463_ED25519_PUBLIC
	static const struct row {
		const char *label, *txt;
		enum rc rc;
		enum dkim_result want;
		const char *words;
	} rows[] = {
		{"good", KEY, RC_OK, DKIM_PASS, ""},
		{"strict, and i= is d=", "t=s;" KEY, RC_OK, DKIM_PASS, ""},
		{"revoked", "k=ed25519;p=", RC_OK, DKIM_PERMERROR, "revoked"},
		{"another key", "k=ed25519;p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", RC_OK,
		 DKIM_FAIL, "another key"},
		{"another kind", "p=" RFC8463_RSA_PUBLIC, RC_OK, DKIM_PERMERROR, "kind of key"},
		{"another hash", "h=sha1;" KEY, RC_OK, DKIM_PERMERROR, "sha256"},
		{"another service", "s=tlsrpt;" KEY, RC_OK, DKIM_PERMERROR, "email"},
		{"no record", "no such name", RC_NOTFOUND, DKIM_PERMERROR, "no key: no such name"},
		{"a bad record", "v=spf1", RC_OK, DKIM_PERMERROR, "no key: v=spf1"},
		{"no answer", "SERVFAIL", RC_AGAIN, DKIM_TEMPERROR, "no key now: SERVFAIL"},
		{"no resolver", "nobody there", RC_UNAVAIL, DKIM_TEMPERROR, "nobody there"},
	};
	struct message m;

	message_read(&m, SPAN_LIT(ED25519_MESSAGE));
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const struct test_record one[] = {
			{"football.example.com", "brisbane", rows[i].txt, rows[i].rc},
			{NULL, NULL, NULL, RC_OK},
		};

		ROW(rows[i].label);
		check_one(&m, 0, rows[i].want, rows[i].words, one, 0);
	}
	ROW("");
	message_clear(&m);
}

static void test_strict_and_testing_records(void)
{
	static const struct test_record one[] = {
		{"football.example.com", "brisbane", "t=y:s;" KEY, RC_OK},
		{NULL, NULL, NULL, RC_OK},
	};
	struct dkim_verifier *v;
	struct message m;
	struct buf text;

	buf_init(&text, 10000);
	sign_by_hand(TAGS "h=from;i=@sub.football.example.com;b=", FROM, FROM_CANON,
		     SPAN_LIT("x\r\n"), UINT64_MAX, &text);
	message_read(&m, buf_span(&text));
	check_one(&m, 0, DKIM_PERMERROR, "very domain of d=", one, 0);
	message_clear(&m);
	message_read(&m, SPAN_LIT(ED25519_MESSAGE));
	v = test_verify(&m, NULL, one, 0);
	CU_ASSERT_EQUAL(dkim_verifier_at(v, 0)->result, DKIM_PASS);
	CU_ASSERT_TRUE(dkim_verifier_at(v, 0)->testing);
	dkim_verifier_free(v);
	message_clear(&m);
	buf_clear(&text);
}

/* A fault of ours is no verdict on the mail. */
static void test_faults_are_errors(void)
{
	static const struct test_record one[] = {
		{"football.example.com", "brisbane", "disk on fire", RC_IO},
		{NULL, NULL, NULL, RC_OK},
	};
	struct arena *small = arena_new(10);
	struct dkim_verifier *v = NULL;
	struct err err = ERR_INIT;
	struct message m;

	message_read(&m, SPAN_LIT(ED25519_MESSAGE));
	ASSERT_OK(dkim_verifier_new(&m.fields, NULL, m.arena, &v, &err), &err);
	ASSERT_OK(dkim_verifier_body(v, m.body, &err), &err);
	ASSERT_FAILS(dkim_verifier_finish(v, test_find_key, (void *)one, 0, &err), RC_IO, &err,
		     "disk on fire");
	dkim_verifier_free(v);
	ROW("no memory");
	v = NULL;
	ASSERT_FAILS(dkim_verifier_new(&m.fields, NULL, small, &v, &err), RC_NOMEM, &err,
		     "out of memory");
	CU_ASSERT_PTR_NULL(v);
	arena_free(small);
	ROW("");
	message_clear(&m);
}

static void test_only_one_domain(void)
{
	static const struct row {
		const char *label, *domain;
		size_t count;
		bool idle;
	} rows[] = {
		{"all", NULL, 5, false},
		{"one", "example.com", 1, false},
		{"two signatures", "football.example.com", 2, false},
		{"unreadable, of this domain", "example.net", 1, true},
		{"none", "example.org", 0, true},
	};
	struct message m;

	message_read(&m, SPAN_LIT(RFC6376_SIGNATURE RFC8463_ED25519_SIGNATURE RFC8463_RSA_SIGNATURE
				  "DKIM-Signature: v=1; d=Example.NET; b=\r\n"
				  "dkim-signature: hello\r\n" RFC8463_HEADER "\r\n" RFC8463_BODY));
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct dkim_verifier *v = test_verify(&m, rows[i].domain, records, 0);

		ROW(rows[i].label);
		CU_ASSERT_EQUAL(dkim_verifier_count(v), rows[i].count);
		CU_ASSERT_EQUAL(dkim_verifier_is_idle(v), rows[i].idle);
		CU_ASSERT_PTR_NULL(dkim_verifier_free(v));
	}
	ROW("");
	CU_ASSERT_PTR_NULL(dkim_verifier_free(NULL));
	message_clear(&m);
}

static void test_no_more_than_the_maximum(void)
{
	struct dkim_verifier *v;
	struct err err = ERR_INIT;
	struct message m;
	struct buf text;

	buf_init(&text, 100000);
	for (int i = 0; i < DKIM_VERIFY_MAX + 3; i++)
		ASSERT_OK(buf_adds(&text, RFC8463_ED25519_SIGNATURE, &err), &err);
	ASSERT_OK(buf_adds(&text, RFC8463_HEADER "\r\n" RFC8463_BODY, &err), &err);
	message_read(&m, buf_span(&text));
	v = test_verify(&m, NULL, records, 0);
	CU_ASSERT_EQUAL_FATAL(dkim_verifier_count(v), DKIM_VERIFY_MAX);
	for (size_t i = 0; i < DKIM_VERIFY_MAX; i++)
		CU_ASSERT_EQUAL(dkim_verifier_at(v, i)->result, DKIM_PASS);
	dkim_verifier_free(v);
	message_clear(&m);
	buf_clear(&text);
}

static void test_too_many_names(void)
{
	struct err err = ERR_INIT;
	struct message m;
	struct buf h, text;

	buf_init(&h, 100000);
	buf_init(&text, 100000);
	ASSERT_OK(buf_adds(&h, "h=from", &err), &err);
	for (int i = 0; i < 1000; i++)
		ASSERT_OK(buf_adds(&h, ":x", &err), &err);
	replace(SPAN_LIT(ED25519_MESSAGE), "h=from", buf_span(&h), &text);
	message_read(&m, buf_span(&text));
	check_one(&m, 0, DKIM_NEUTRAL, "more than 1000", records, 0);
	message_clear(&m);
	buf_clear(&h);
	buf_clear(&text);
}

int main(void)
{
	static const struct test tests[] = {
		{"the examples of the RFCs", test_examples_of_the_rfcs},
		{"what was read", test_what_was_read},
		{"one change to a good message", test_one_change},
		{"signed by hand", test_signed_by_hand},
		{"tags behind b=", test_tags_behind_b},
		{"records decide", test_records_decide},
		{"t=s and t=y", test_strict_and_testing_records},
		{"faults of ours are errors", test_faults_are_errors},
		{"one domain only", test_only_one_domain},
		{"no more than the maximum", test_no_more_than_the_maximum},
		{"too many names", test_too_many_names},
	};

	return test_main("dkim-verify", tests, COUNT_OF(tests));
}
