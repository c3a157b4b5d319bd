/* Signing: what is selected, how it is written, and that every signature verifies. */
#include <stdio.h>
#include <string.h>

#include "crypto/base64.h"
#include "dkim/headhash.h"
#include "dkim/pick.h"
#include "dkim/sign.h"
#include "dkim/tags.h"
#include "dkimcheck.h"
#include "test.h"
#include "vectors.h"

enum { NOW = 1700000000 };

#define ED25519_RECORD "k=ed25519; p=" RFC8463_ED25519_PUBLIC
#define RSA_RECORD "p=" RFC8463_RSA_PUBLIC

static const struct test_record records[] = {
	{"example.com", "ed", ED25519_RECORD, RC_OK},
	{"example.com", "rsa", RSA_RECORD, RC_OK},
	{"sub.example.com", "ed", ED25519_RECORD, RC_OK},
	{"xn--bcher-kva.example", "ed", ED25519_RECORD, RC_OK},
	{NULL, NULL, NULL, RC_OK},
};

static const struct dkim_policy plain = {
	.header_canon = CANON_RELAXED,
	.body_canon = CANON_RELAXED,
	.sign = dkim_default_sign,
	.oversign = dkim_default_oversign,
	.identity = "",
};

/* The value that one signature of TEXT has; the message to verify (the field on top) goes to OUT. */
static enum rc sign(struct span text, const struct dkim_policy *policy, const char *domain,
		    const char *pem, struct buf *ret_value, struct buf *out, struct err *err)
{
	struct key *k = test_key(pem);
	struct dkim_job job = {policy, domain, key_type(k) == KEY_RSA ? "rsa" : "ed", k, NULL};
	uint8_t body_hash[SHA256_LEN];
	struct message m;
	struct buf hash, raw;
	enum rc rc;

	buf_init(&hash, 100);
	buf_init(&raw, 100);
	message_read(&m, text);
	test_body_hash(policy->body_canon, UINT64_MAX, m.body, &hash);
	ASSERT_OK(base64_decode(buf_span(&hash), &raw, err), err);
	memcpy(body_hash, raw.p, SHA256_LEN);
	job.body_hash = body_hash;
	rc = dkim_sign(&m.fields, &job, 1, NOW, ret_value, err);
	if (rc == RC_OK) {
		out->len = 0;
		ASSERT_OK(buf_adds(out, "DKIM-Signature:", err), err);
		ASSERT_OK(buf_add(out, buf_span(ret_value), err), err);
		ASSERT_OK(buf_adds(out, "\r\n", err), err);
		ASSERT_OK(buf_add(out, text, err), err);
	}
	buf_clear(&hash);
	buf_clear(&raw);
	message_clear(&m);
	key_unref(k);
	return rc;
}

/* All signatures of TEXT, which are N, come out as WANT. */
static void verify(struct span text, size_t n, enum dkim_result want)
{
	struct dkim_verifier *v;
	struct message m;

	message_read(&m, text);
	v = test_verify(&m, NULL, records, NOW);
	CU_ASSERT_EQUAL(dkim_verifier_count(v), n);
	for (size_t i = 0; i < dkim_verifier_count(v); i++) {
		const struct dkim_signature *sig = dkim_verifier_at(v, i);
		struct err why = ERR_INIT;

		if (sig->result != want)
			err_set(&why, RC_INPUT, "%s: %s", dkim_result_name(sig->result),
				sig->reason);
		ASSERT_OK(why.rc, &why);
	}
	dkim_verifier_free(v);
	message_clear(&m);
}

/* Lines under 78 columns (a tab counts eight), unless the line is one word; each begins with white space
 * and none ends in it. */
static void check_folding(struct span value)
{
	size_t column = strlen("DKIM-Signature:");
	struct span line;

	CU_ASSERT_TRUE(span_starts(value, SPAN_LIT(" v=1; ")));
	CU_ASSERT_FALSE(span_has(value, '\r'));
	while (span_split(&value, '\n', &line)) {
		size_t columns = column + line.len + (span_has(line, '\t') ? 7 : 0);

		CU_ASSERT_TRUE(line.len > 1 && is_wsp(line.p[0]));
		CU_ASSERT_FALSE(is_wsp(line.p[line.len - 1]));
		CU_ASSERT_TRUE(columns < 78 || !span_has(span_trim(line), ' '));
		if (columns >= 78)
			CU_ASSERT_TRUE(span_starts(line, SPAN_LIT("\td=")) ||
				       span_starts(line, SPAN_LIT("\ti=")));
		column = 0;
	}
}

/* What an example of an RFC has, and the key that its author used. */
struct example {
	const char *label;
	struct span text; /* the signature on top */
	const char *pem;
	const char *bh, *b; /* as they are printed, without the folds */
	enum canon header_canon, body_canon;
};

/* RFC 6376 A and RFC 8463 A.3. */
static const struct example examples[] = {
	{"RFC 6376 A.2", SPAN_LIT(RFC6376_SIGNATURE RFC6376_HEADER "\r\n" RFC6376_BODY),
	 RFC6376_RSA_PEM, "2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=",
	 "AuUoFEfDxTDkHlLXSZEpZj79LICEps6eda7W3deTVFOk4yAUoqOB"
	 "4nujc7YopdG5dWLSdNg6xNAZpOPr+kHxt1IrE+NahM6L/LbvaHut"
	 "KVdkLLkpVaVVQPzeRDI009SO2Il5Lu7rDNH6mZckBdrIx0orEtZV"
	 "4bmp/YzhwvcubU4=",
	 CANON_SIMPLE, CANON_SIMPLE},
	{"RFC 8463 A.3, Ed25519",
	 SPAN_LIT(RFC8463_ED25519_SIGNATURE RFC8463_HEADER "\r\n" RFC8463_BODY),
	 RFC8463_ED25519_PEM, "2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=",
	 "/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus"
	 "Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==",
	 CANON_RELAXED, CANON_RELAXED},
	{"RFC 8463 A.3, RSA", SPAN_LIT(RFC8463_RSA_SIGNATURE RFC8463_HEADER "\r\n" RFC8463_BODY),
	 RFC8463_RSA_PEM, "2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=",
	 "F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3"
	 "DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz"
	 "dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=",
	 CANON_RELAXED, CANON_RELAXED},
};

/* The hash that the topmost field of M, a DKIM-Signature, signs; its h= names the fields. */
static void hash_example(const struct message *m, enum canon c, uint8_t ret[SHA256_LEN])
{
	const struct field *self = fields_at(&m->fields, 0);
	struct headhash *hash = NULL;
	struct pick *pick = NULL;
	struct err err = ERR_INIT;
	struct tags tags;
	struct span names, name;

	ASSERT_OK(tags_read(self->value, &tags, &err), &err);
	ASSERT_OK(pick_new(&m->fields, &pick, &err), &err);
	ASSERT_OK(headhash_new(c, 10000, &hash, &err), &err);
	pick_restart(pick, self);
	names = tags_find(&tags, "h")->value;
	while (tags_next_item(&names, &name)) {
		const struct field *field = pick_next(pick, name);

		if (field != NULL)
			ASSERT_OK(headhash_add(hash, field, &err), &err);
	}
	ASSERT_OK(headhash_finish(hash, self, tags_find(&tags, "b")->raw, ret, &err), &err);
	CU_ASSERT_PTR_NULL(headhash_free(hash));
	pick_free(pick);
}

/* Both algorithms are deterministic: the text that an RFC signs gives the signature that it prints. */
static void test_examples_of_the_rfcs(void)
{
	struct err err = ERR_INIT;
	struct buf raw, text;

	buf_init(&raw, 1000);
	buf_init(&text, 1000);
	for (size_t i = 0; i < COUNT_OF(examples); i++) {
		struct key *k = test_key(examples[i].pem);
		uint8_t digest[SHA256_LEN];
		struct message m;

		ROW(examples[i].label);
		raw.len = text.len = 0;
		message_read(&m, examples[i].text);
		test_body_hash(examples[i].body_canon, UINT64_MAX, m.body, &text);
		ASSERT_SPAN(buf_span(&text), span_str(examples[i].bh));
		text.len = 0;
		hash_example(&m, examples[i].header_canon, digest);
		ASSERT_OK(key_sign(k, digest, &raw, &err), &err);
		ASSERT_OK(base64_encode(buf_span(&raw), &text, &err), &err);
		ASSERT_SPAN(buf_span(&text), span_str(examples[i].b));
		message_clear(&m);
		key_unref(k);
	}
	ROW("");
	buf_clear(&raw);
	buf_clear(&text);
}

/* Ed25519 is deterministic and the clock is given: the field is known to the byte. dkimpy and Mail::DKIM
 * accept it. */
static void test_known_field(void)
{
	struct err err = ERR_INIT;
	struct buf value, out;

	buf_init(&value, 0);
	buf_init(&out, 10000);
	ASSERT_OK(sign(SPAN_LIT("From: Joe <joe@example.com>\r\nTo: sue@example.net\r\n"
				"Subject: Is dinner ready?\r\n\r\nHi.\r\n"),
		       &plain, "example.com", RFC8463_ED25519_PEM, &value, &out, &err),
		  &err);
	ASSERT_SPAN(
		buf_span(&value),
		SPAN_LIT(" v=1; a=ed25519-sha256; c=relaxed/relaxed; d=example.com;\n"
			 "\ts=ed; t=1700000000; h=From:From:Reply-To:Subject:Subject:Date:To:To:\n"
			 "\tCc:Message-ID:MIME-Version:Content-Type:Content-Transfer-Encoding;\n"
			 "\tbh=UrA8rmgY3eNBotmDWtzAmHyn5RyZv8Gea45sNGsP0zw=;\n"
			 "\tb=TZm9Ur0O3oNiXiiG3KDV3eVkd+vLsMaIcnQaLIK+XwFWkj47nmGnC9Xl+kH2yN06M19\n"
			 "\tEqlydTghZJZ/KN6QXBw=="));
	verify(buf_span(&out), 1, DKIM_PASS);
	buf_clear(&value);
	buf_clear(&out);
}

/* Mail that other signers are known to have got wrong. */
static const struct {
	const char *label;
	struct span text;
} messages[] = {
	{"plain", SPAN_LIT("From: a@example.com\r\nSubject: s\r\n\r\nbody\r\n")},
	{"line ends of Unix", SPAN_LIT("From: a@example.com\nTo: b,\n\tc\n\nbody\n \n\n")},
	{"no body", SPAN_LIT("From: a@example.com\r\n\r\n")},
	{"no empty line", SPAN_LIT("From: a@example.com\r\n")},
	{"no final CRLF", SPAN_LIT("From: a@example.com\r\n\r\nbody")},
	{"body of CRLFs", SPAN_LIT("From: a@example.com\r\n\r\n\r\n\r\n\r\n")},
	{"body of white space", SPAN_LIT("From: a@example.com\r\n\r\n \t\r\n ")},
	{"fold behind the colon",
	 SPAN_LIT("From:\r\n\ta@example.com\r\nSubject:\r\n \r\n x\r\n\r\n")},
	{"empty and white fields",
	 SPAN_LIT("From: a@example.com\r\nSubject:\r\nTo: \t \r\nCc:\t\r\n\r\n")},
	{"tabs", SPAN_LIT("From:\ta@example.com\r\nSubject: \ta\t\tb \t\r\n\r\n\ta\t \r\n")},
	{"8 bit",
	 SPAN_LIT("From: \"\xc3\xa9\" <a@example.com>\r\nSubject: \xe9\xa0\r\n\r\n\xff\xfe\r\n")},
	{"form feed, vertical tab",
	 SPAN_LIT("From: a@example.com\r\nSubject: \f x \v\r\n\r\n\f \v\r\n")},
	{"CR in both", SPAN_LIT("From: a@example.com\r\nSubject: a\rb\r\n\r\na\rb\r\r\n\r")},
	{"NUL in both", SPAN_LIT("From: a@example.com\r\nSubject: a\0b\r\n\r\na\0b\r\n")},
	{"repeated fields", SPAN_LIT("To: a\r\nFrom: a@example.com\r\nTo: b\r\nReferences: x\r\n"
				     "TO: c\r\nreferences: y\r\n\r\n")},
	{"space before a colon",
	 SPAN_LIT("From: a@example.com\r\nSubject : old\r\nTo: b\r\n\r\nx")},
	{"space before a colon, between",
	 SPAN_LIT("Subject: 1\r\nFrom: a@example.com\r\nSubject : 2\r\nSubject: 3\r\n\r\nx")},
	{"names in capitals", SPAN_LIT("FROM: a@example.com\r\nSUBJECT: x\r\n\r\nx")},
	{"a signature before", SPAN_LIT("From: a@example.com\r\nList-Id: x\r\nSender: y\r\n\r\nx")},
};

static void test_signatures_verify(void)
{
	static const char *const pems[] = {RFC8463_RSA_PEM, RFC8463_ED25519_PEM};
	struct err err = ERR_INIT;
	struct buf value, out;

	buf_init(&value, 0);
	buf_init(&out, 100000);
	for (size_t i = 0; i < COUNT_OF(messages) * 8; i++) {
		struct dkim_policy policy = plain;

		ROW(messages[i / 8].label);
		policy.header_canon = i & 1 ? CANON_SIMPLE : CANON_RELAXED;
		policy.body_canon = i & 2 ? CANON_SIMPLE : CANON_RELAXED;
		policy.diagnostics = (i & 4) != 0;
		ASSERT_OK(sign(messages[i / 8].text, &policy, "example.com", pems[i / 4 & 1],
			       &value, &out, &err),
			  &err);
		verify(buf_span(&out), 1, DKIM_PASS);
		check_folding(buf_span(&value));
		buf_clear(&value);
	}
	ROW("");
	buf_clear(&out);
}

/* The value of a tag in VALUE, white space removed, to OUT; false when the tag is absent. */
static bool get_tag(struct span value, const char *name, struct buf *out)
{
	struct err err = ERR_INIT;
	const struct tag *tag;
	struct tags tags;

	out->len = 0;
	ASSERT_OK(tags_read(value, &tags, &err), &err);
	tag = tags_find(&tags, name);
	for (size_t i = 0; tag != NULL && i < tag->value.len; i++)
		if (span_trim_fold(span_sub(tag->value, i, 1)).len > 0)
			ASSERT_OK(buf_addc(out, tag->value.p[i], &err), &err);
	return tag != NULL;
}

static const char *const two[] = {"From", "Subject", NULL};
static const char *const only_subject[] = {"Subject", "subject", "FROM", "SUBJECT", NULL};
static const char *const three[] = {"To", "From", "Subject", NULL};
static const char *const none[] = {NULL};

static void test_selection(void)
{
	static const struct row {
		const char *label;
		const char *const *sign, *const *oversign;
		struct span text;
		const char *h;
		const char *const *supplied;
	} rows[] = {
		{"present and absent", dkim_default_sign, dkim_default_oversign,
		 SPAN_LIT("from: a\r\nList-ID: x\r\nReceived: y\r\nBcc: z\r\n\r\n"),
		 "From:From:Reply-To:Subject:Date:To:Cc:Message-ID:MIME-Version:Content-Type:"
		 "Content-Transfer-Encoding:List-Id",
		 NULL},
		{"not oversigned", three, none, SPAN_LIT("From: a\r\nTo: b\r\n\r\n"), "From:To",
		 NULL},
		{"as often as there", three, none, SPAN_LIT("To: 1\r\nFrom: a\r\nTO: 2\r\n\r\n"),
		 "From:To:To", NULL},
		{"and once more", three, three, SPAN_LIT("To: 1\r\nFrom: a\r\nTO: 2\r\n\r\n"),
		 "From:From:To:To:To:Subject", NULL},
		{"From is always there", none, none, SPAN_LIT("From: a\r\n\r\n"), "From", NULL},
		{"From is always first, names count once", only_subject, only_subject,
		 SPAN_LIT("Subject: a\r\nFrom: a\r\n\r\n"), "From:From:Subject:Subject", NULL},
		{"space before the colon", two, two, SPAN_LIT("Subject : a\r\nFrom: a\r\n\r\n"),
		 "From:From", NULL},
		{"space before the colon, one below", two, two,
		 SPAN_LIT("Subject: 1\r\nSubject : 2\r\nFrom: a\r\nSubject: 3\r\n\r\n"),
		 "From:From:Subject", NULL},
		{"space before the colon, one above", two, two,
		 SPAN_LIT("Subject: 1\r\nFrom: a\r\nSubject : 3\r\n\r\n"), "From:From", NULL},
		{"a From that cannot be signed above", two, two,
		 SPAN_LIT("From : 1\r\nFrom: a\r\n\r\n"), "From:Subject", NULL},
		{"supplied where it is missing", three, three, SPAN_LIT("From: a\r\nTo: 1\r\n\r\n"),
		 "From:From:To:To", two},
		{"supplied, but it is there", three, three,
		 SPAN_LIT("Subject: s\r\nFrom: a\r\n\r\n"), "From:From:To:Subject:Subject", two},
	};
	struct err err = ERR_INIT;
	struct buf value, out, h;

	buf_init(&value, 0);
	buf_init(&out, 10000);
	buf_init(&h, 10000);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct dkim_policy policy = plain;

		ROW(rows[i].label);
		policy.sign = rows[i].sign;
		policy.oversign = rows[i].oversign;
		policy.supplied = rows[i].supplied;
		ASSERT_OK(sign(rows[i].text, &policy, "example.com", RFC8463_ED25519_PEM, &value,
			       &out, &err),
			  &err);
		CU_ASSERT_TRUE(get_tag(buf_span(&value), "h", &h));
		ASSERT_SPAN(buf_span(&h), span_str(rows[i].h));
		verify(buf_span(&out), 1, DKIM_PASS);
		buf_clear(&value);
	}
	ROW("");
	buf_clear(&out);
	buf_clear(&h);
}

static void test_nothing_to_sign(void)
{
	static const struct {
		const char *label;
		struct span text;
	} rows[] = {
		{"no From", SPAN_LIT("To: a\r\n\r\n")},
		{"no field", SPAN_LIT("\r\nbody\r\n")},
		{"From with space before the colon", SPAN_LIT("From : a@example.com\r\n\r\n")},
		{"the last From cannot be signed", SPAN_LIT("From: a\r\nFrom : b\r\n\r\n")},
	};
	struct err err = ERR_INIT;
	struct buf value, out;

	buf_init(&out, 10000);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		ROW(rows[i].label);
		ASSERT_FAILS(sign(rows[i].text, &plain, "example.com", RFC8463_ED25519_PEM, &value,
				  &out, &err),
			     RC_INPUT, &err, "no From: field that can be signed");
		buf_clear(&value);
	}
	ROW("");
	buf_clear(&out);
}

/* Whatever is done to a signed or an oversigned field is seen; what is not signed may change. */
static void test_what_is_protected(void)
{
	static const struct {
		const char *label, *from, *to;
		enum dkim_result want;
	} rows[] = {
		{"nothing", "", "", DKIM_PASS},
		{"Subject changed", "Subject: s", "Subject: t", DKIM_FAIL},
		{"Subject removed", "Subject: s\r\n", "", DKIM_FAIL},
		{"Subject added above", "\r\nFrom:", "\r\nSubject: x\r\nFrom:", DKIM_FAIL},
		{"Subject added below", "X-Z:", "Subject: x\r\nX-Z:", DKIM_FAIL},
		{"From added", "X-Z:", "From: x\r\nX-Z:", DKIM_FAIL},
		{"Cc added", "X-Z:", "Cc: x\r\nX-Z:", DKIM_FAIL},
		{"Content-Type added", "X-Z:", "Content-Type: x\r\nX-Z:", DKIM_FAIL},
		{"List-Id added", "X-Z:", "List-Id: x\r\nX-Z:", DKIM_PASS},
		{"Sender added", "X-Z:", "Sender: x\r\nX-Z:", DKIM_PASS},
		{"another field changed", "X-Z: z", "X-Z: y", DKIM_PASS},
		{"Received added", "\r\nFrom:", "\r\nReceived: x\r\nFrom:", DKIM_PASS},
		{"body changed", "body", "bode", DKIM_FAIL},
		{"t= changed", "t=1700000000", "t=1700000001", DKIM_FAIL},
		{"x= added", "t=1700000000;", "t=1700000000; x=1900000000;", DKIM_FAIL},
	};
	struct err err = ERR_INIT;
	struct buf value, out, changed;

	buf_init(&out, 10000);
	buf_init(&changed, 10000);
	ASSERT_OK(sign(SPAN_LIT("From: a@example.com\r\nSubject: s\r\nX-Z: z\r\n\r\nbody\r\n"),
		       &plain, "example.com", RFC8463_ED25519_PEM, &value, &out, &err),
		  &err);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct span from = span_str(rows[i].from);
		size_t at = span_search(buf_span(&out), from, 0, false);

		ROW(rows[i].label);
		CU_ASSERT_TRUE_FATAL(at < out.len);
		changed.len = 0;
		ASSERT_OK(buf_add(&changed, span_sub(buf_span(&out), 0, at), &err), &err);
		ASSERT_OK(buf_adds(&changed, rows[i].to, &err), &err);
		ASSERT_OK(buf_add(&changed, span_from(buf_span(&out), at + from.len), &err), &err);
		verify(buf_span(&changed), 1, rows[i].want);
	}
	ROW("");
	buf_clear(&value);
	buf_clear(&out);
	buf_clear(&changed);
}

static void test_tags_of_the_policy(void)
{
	static const struct row {
		const char *label, *domain;
		int64_t expire;
		const char *identity;
		bool ulabels;
		const char *tag, *want; /* want NULL: the tag is absent */
	} rows[] = {
		{"v", "example.com", 0, "", false, "v", "1"},
		{"t", "example.com", 0, "", false, "t", "1700000000"},
		{"no x", "example.com", 0, "", false, "x", NULL},
		{"x", "example.com", 864000, "", false, "x", "1700864000"},
		{"no i", "example.com", 0, "", false, "i", NULL},
		{"no l, ever", "example.com", 864000, "@example.com", true, "l", NULL},
		{"i", "example.com", 0, "joe@example.com", false, "i", "joe@example.com"},
		{"i below d", "example.com", 0, "@sub.example.com", false, "i", "@sub.example.com"},
		{"i of another domain is left out", "sub.example.com", 0, "@example.com", false,
		 "i", NULL},
		{"i quoted", "example.com", 0, "a b;c=d\xc3\xa9@Example.com", false, "i",
		 "a=20b=3Bc=3Dd=C3=A9@example.com"},
		{"i with two @", "example.com", 0, "\"a@b\"@example.com", false, "i",
		 "\"a@b\"@example.com"},
		{"c", "example.com", 0, "", false, "c", "relaxed/relaxed"},
		{"a", "example.com", 0, "", false, "a", "ed25519-sha256"},
		{"s", "example.com", 0, "", false, "s", "ed"},
		{"A-labels", "xn--bcher-kva.example", 0, "", false, "d", "xn--bcher-kva.example"},
		{"U-labels", "xn--bcher-kva.example", 0, "", true, "d",
		 "b\xc3\xbc"
		 "cher.example"},
		{"U-labels in i", "xn--bcher-kva.example", 0, "\xc3\xa9@x.xn--bcher-kva.example",
		 true, "i",
		 "\xc3\xa9@x.b\xc3\xbc"
		 "cher.example"},
		{"A-labels in i", "xn--bcher-kva.example", 0,
		 "@b\xc3\xbc"
		 "cher.example",
		 false, "i", "@xn--bcher-kva.example"},
	};
	struct err err = ERR_INIT;
	struct buf value, out, tag;

	buf_init(&out, 10000);
	buf_init(&tag, 10000);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct dkim_policy policy = plain;
		bool there;

		ROW(rows[i].label);
		policy.expire = rows[i].expire;
		policy.identity = rows[i].identity;
		policy.ulabels = rows[i].ulabels;
		ASSERT_OK(sign(SPAN_LIT("From: a\r\n\r\nx"), &policy, rows[i].domain,
			       RFC8463_ED25519_PEM, &value, &out, &err),
			  &err);
		there = get_tag(buf_span(&value), rows[i].tag, &tag);
		CU_ASSERT_EQUAL(there, rows[i].want != NULL);
		if (rows[i].want != NULL)
			ASSERT_SPAN(buf_span(&tag), span_str(rows[i].want));
		verify(buf_span(&out), 1, DKIM_PASS);
		buf_clear(&value);
	}
	ROW("");
	buf_clear(&out);
	buf_clear(&tag);
}

static void test_bad_identity(void)
{
	static const char *const identities[] = {"joe", "joe@", "@exa mple.com"};
	struct err err = ERR_INIT;
	struct buf value, out;

	buf_init(&out, 10000);
	for (size_t i = 0; i < COUNT_OF(identities); i++) {
		struct dkim_policy policy = plain;

		ROW(identities[i]);
		policy.identity = identities[i];
		ASSERT_FAILS(sign(SPAN_LIT("From: a\r\n\r\n"), &policy, "example.com",
				  RFC8463_ED25519_PEM, &value, &out, &err),
			     RC_CONF, &err, "i=");
		buf_clear(&value);
	}
	ROW("");
	buf_clear(&out);
}

static void test_copies(void)
{
	static const struct row {
		const char *label;
		struct span text;
		const char *z;
	} rows[] = {
		{"two", SPAN_LIT("Subject: a=b\r\nFrom: x\r\n\r\n"), "From:=20x|Subject:=20a=3Db"},
		{"bar and semicolon", SPAN_LIT("Subject:a|b;c\r\nFrom: x\r\n\r\n"),
		 "From:=20x|Subject:a=7Cb=3Bc"},
		{"fold as CRLF", SPAN_LIT("From: x\r\n\ty\r\n\r\n"), "From:=20x=0D=0A=09y"},
		{"fold as LF", SPAN_LIT("From: x\n y\n\n"), "From:=20x=0D=0A=20y"},
		{"NUL and 8 bit", SPAN_LIT("From:\0\xc3\xa9\r\n\r\n"), "From:=00=C3=A9"},
		{"name as it is there", SPAN_LIT("fROM:x\r\n\r\n"), "fROM:x"},
	};
	struct dkim_policy policy = plain;
	struct err err = ERR_INIT;
	struct buf value, out, z;

	buf_init(&out, 10000);
	buf_init(&z, 10000);
	policy.diagnostics = true;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		ROW(rows[i].label);
		ASSERT_OK(sign(rows[i].text, &policy, "example.com", RFC8463_ED25519_PEM, &value,
			       &out, &err),
			  &err);
		CU_ASSERT_TRUE(get_tag(buf_span(&value), "z", &z));
		ASSERT_SPAN(buf_span(&z), span_str(rows[i].z));
		verify(buf_span(&out), 1, DKIM_PASS);
		buf_clear(&value);
	}
	ROW("");
	buf_clear(&out);
	buf_clear(&z);
}

/* LEN bytes of a text that has LF, '=', ';' and all other bytes at changing distances. */
static void add_noise(struct buf *out, size_t len)
{
	struct err err = ERR_INIT;

	for (size_t i = 0; i < len; i++) {
		char c = (char)test_random(256);

		ASSERT_OK(buf_addc(out, c == '\n' || c == '\r' ? '=' : c, &err), &err);
	}
}

static void test_copies_are_bounded(void)
{
	struct dkim_policy policy = plain;
	struct err err = ERR_INIT;
	struct buf value, out, text, z;

	buf_init(&out, 300000);
	buf_init(&text, 300000);
	buf_init(&z, 100000);
	policy.diagnostics = true;
	ASSERT_OK(buf_adds(&text, "From: x\r\nSubject: ", &err), &err);
	add_noise(&text, 100000);
	ASSERT_OK(buf_adds(&text, "\r\nTo: ", &err), &err);
	add_noise(&text, 3000);
	ASSERT_OK(buf_adds(&text, "\r\nDate: now\r\n\r\n", &err), &err);
	ASSERT_OK(sign(buf_span(&text), &policy, "example.com", RFC8463_ED25519_PEM, &value, &out,
		       &err),
		  &err);
	CU_ASSERT_TRUE(get_tag(buf_span(&value), "z", &z));
	CU_ASSERT_TRUE(span_starts(buf_span(&z), SPAN_LIT("From:=20x|Date:=20now|To:=20")));
	CU_ASSERT_EQUAL(span_search(buf_span(&z), SPAN_LIT("Subject"), 0, false), z.len);
	verify(buf_span(&out), 1, DKIM_PASS);
	check_folding(buf_span(&value));
	buf_clear(&value);
	buf_clear(&out);
	buf_clear(&text);
	buf_clear(&z);
}

/* Every length of the tags moves the folds by one. */
static void test_folding_at_every_length(void)
{
	char domain[254], identity[300];
	struct err err = ERR_INIT;
	struct buf value, out;

	buf_init(&out, 100000);
	for (size_t len = 5; len < sizeof(domain); len += len < 120 ? 1 : 19) {
		struct dkim_policy policy = plain;
		struct dkim_verifier *v;
		struct message m;
		const struct test_record one[] = {{domain, "ed", ED25519_RECORD, RC_OK},
						  {NULL, NULL, NULL, RC_OK}};

		for (size_t i = 0; i < len; i++)
			domain[i] = (len - i) % 50 == 0 ? '.' : 'a';
		domain[0] = 'a';
		domain[len] = '\0';
		ROW(domain);
		snprintf(identity, sizeof(identity), "x@%s", domain);
		policy.identity = len % 2 ? identity : "";
		policy.diagnostics = len % 3 == 0;
		policy.header_canon = len % 5 == 0 ? CANON_SIMPLE : CANON_RELAXED;
		ASSERT_OK(sign(SPAN_LIT("From: a=b;c=d\r\nSubject: \x80\x81\x82==\r\n\r\nx\r\n"),
			       &policy, domain, RFC8463_ED25519_PEM, &value, &out, &err),
			  &err);
		check_folding(buf_span(&value));
		message_read(&m, buf_span(&out));
		v = test_verify(&m, NULL, one, NOW);
		CU_ASSERT_EQUAL_FATAL(dkim_verifier_count(v), 1);
		CU_ASSERT_EQUAL(dkim_verifier_at(v, 0)->result, DKIM_PASS);
		dkim_verifier_free(v);
		message_clear(&m);
		buf_clear(&value);
	}
	ROW("");
	buf_clear(&out);
}

/* The value that goes out with folds as LF is what the MTA sends with CRLF. */
static void test_line_ends_do_not_matter(void)
{
	struct span text = SPAN_LIT("From: a\r\n\tb\r\nSubject: c\r\n d\r\n\r\nx\r\ny\r\n");
	struct dkim_policy policy = plain;
	struct err err = ERR_INIT;
	struct buf value, out, lf, crlf;

	buf_init(&out, 10000);
	buf_init(&lf, 10000);
	buf_init(&crlf, 10000);
	policy.header_canon = CANON_SIMPLE;
	policy.body_canon = CANON_SIMPLE;
	ASSERT_OK(sign(text, &policy, "example.com", RFC8463_RSA_PEM, &value, &out, &err), &err);
	for (size_t i = 0; i < out.len; i++) {
		if (out.p[i] == '\r')
			continue;
		ASSERT_OK(buf_addc(&lf, out.p[i], &err), &err);
		if (out.p[i] == '\n')
			ASSERT_OK(buf_addc(&crlf, '\r', &err), &err);
		ASSERT_OK(buf_addc(&crlf, out.p[i], &err), &err);
	}
	verify(buf_span(&lf), 1, DKIM_PASS);
	verify(buf_span(&crlf), 1, DKIM_PASS);
	buf_clear(&value);
	buf_clear(&out);
	buf_clear(&lf);
	buf_clear(&crlf);
}

/* Eight keys and ways on one message; and all of them or none. */
static void test_eight_signatures(void)
{
	struct key *keys[] = {test_key(RFC8463_RSA_PEM), test_key(RFC8463_ED25519_PEM)};
	struct span text = SPAN_LIT("From: a\r\nTo: b\r\nTo: c\r\nSubject: s\r\n\r\nbody  x\r\n");
	struct dkim_policy policies[4] = {plain, plain, plain, plain};
	uint8_t hashes[2][SHA256_LEN];
	struct dkim_job jobs[DKIM_JOBS_MAX + 1];
	struct buf values[DKIM_JOBS_MAX + 1];
	struct err err = ERR_INIT;
	struct message m;
	struct buf out;

	buf_init(&out, 100000);
	policies[1].header_canon = CANON_SIMPLE;
	policies[2].body_canon = CANON_SIMPLE;
	policies[2].sign = two;
	policies[2].oversign = none;
	policies[3].diagnostics = true;
	policies[3].expire = 1000000;
	ASSERT_OK(sha256_of(SPAN_LIT("body x\r\n"), hashes[CANON_RELAXED], &err), &err);
	ASSERT_OK(sha256_of(SPAN_LIT("body  x\r\n"), hashes[CANON_SIMPLE], &err), &err);
	for (size_t i = 0; i < COUNT_OF(jobs); i++)
		jobs[i] =
			(struct dkim_job){&policies[i / 2 % 4], "example.com", i % 2 ? "ed" : "rsa",
					  keys[i % 2], hashes[policies[i / 2 % 4].body_canon]};
	message_read(&m, text);
	ASSERT_OK(dkim_sign(&m.fields, jobs, 8, NOW, values, &err), &err);
	for (size_t i = 0; i < 8; i++) {
		check_folding(buf_span(&values[i]));
		ASSERT_OK(buf_addf(&out, &err, "DKIM-Signature:%s\n", buf_cstr(&values[i])), &err);
		buf_clear(&values[i]);
	}
	ASSERT_OK(buf_add(&out, text, &err), &err);
	verify(buf_span(&out), 8, DKIM_PASS);
	ROW("none");
	ASSERT_OK(dkim_sign(&m.fields, jobs, 0, NOW, values, &err), &err);
	ROW("too many");
	ASSERT_FAILS(dkim_sign(&m.fields, jobs, COUNT_OF(jobs), NOW, values, &err), RC_LIMIT, &err,
		     "33 signatures");
	for (size_t i = 0; i < COUNT_OF(jobs); i++)
		buf_clear(&values[i]);
	ROW("");
	message_clear(&m);
	buf_clear(&out);
	key_unref(keys[0]);
	key_unref(keys[1]);
}

/* A public key among the keys: an error that names the selector, and nothing is left behind. */
static void test_all_or_none(void)
{
	struct key *good = test_key(RFC8463_ED25519_PEM);
	struct key *public = NULL;
	uint8_t hash[SHA256_LEN] = {0};
	struct dkim_job jobs[2];
	struct buf values[2], raw;
	struct err err = ERR_INIT;
	struct message m;

	buf_init(&raw, 100);
	ASSERT_OK(base64_decode(SPAN_LIT(RFC8463_ED25519_PUBLIC), &raw, &err), &err);
	ASSERT_OK(key_read_public(KEY_ED25519, buf_span(&raw), &public, &err), &err);
	jobs[0] = (struct dkim_job){&plain, "example.com", "one", good, hash};
	jobs[1] = (struct dkim_job){&plain, "example.com", "two", public, hash};
	message_read(&m, SPAN_LIT("From: a\r\n\r\n"));
	ASSERT_FAILS(dkim_sign(&m.fields, jobs, 2, NOW, values, &err), RC_INPUT, &err,
		     "signature of example.com, selector two: a public key alone");
	buf_clear(&values[0]);
	buf_clear(&values[1]);
	buf_clear(&raw);
	message_clear(&m);
	key_unref(good);
	key_unref(public);
}

/* Ten thousand recipients' fields: too many for one field, and no time is lost over it. */
static void test_field_that_grows_too_large(void)
{
	struct err err = ERR_INIT;
	struct buf value, out, text;

	buf_init(&out, 1000000);
	buf_init(&text, 1000000);
	ASSERT_OK(buf_adds(&text, "From: a\r\n", &err), &err);
	for (int i = 0; i < 5000; i++)
		ASSERT_OK(buf_adds(&text, "Content-Type: x\r\n", &err), &err);
	ASSERT_FAILS(sign(buf_span(&text), &plain, "example.com", RFC8463_ED25519_PEM, &value, &out,
			  &err),
		     RC_LIMIT, &err, "65536 bytes");
	buf_clear(&value);
	buf_clear(&out);
	buf_clear(&text);
}

int main(void)
{
	static const struct test tests[] = {
		{"the examples of the RFCs", test_examples_of_the_rfcs},
		{"a known field", test_known_field},
		{"signatures verify", test_signatures_verify},
		{"selection", test_selection},
		{"nothing to sign", test_nothing_to_sign},
		{"what is protected", test_what_is_protected},
		{"tags of the policy", test_tags_of_the_policy},
		{"an i= that is none", test_bad_identity},
		{"z= copies", test_copies},
		{"z= is bounded", test_copies_are_bounded},
		{"folding at every length", test_folding_at_every_length},
		{"line ends do not matter", test_line_ends_do_not_matter},
		{"eight signatures", test_eight_signatures},
		{"all or none", test_all_or_none},
		{"a field that grows too large", test_field_that_grows_too_large},
	};

	return test_main("dkim-sign", tests, COUNT_OF(tests));
}
