/* Envelopes: what goes in comes out, byte for byte, whatever the pieces; who can open it and who cannot. */
#include <openssl/cms.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/base64.h"
#include "smime/envelope.h"
#include "test.h"
#include "testcert.h"

static struct testcert john = {.cn = "John", .email = "john@example.com"};
static struct testcert jim = {.cn = "Jim", .email = "jim@example.com"};
static struct testcert eve = {.cn = "Eve", .email = "eve@example.com"};
static struct testcert ec = {.cn = "EC", .email = "ec@example.com", .key = "p256"};

static enum rc to_buf(void *ctx, struct span piece, struct err *err)
{
	return buf_add(ctx, piece, err);
}

static enum rc to_nowhere(void *ctx, struct span piece, struct err *err)
{
	(void)piece;
	return ++*(int *)ctx > 2 ? err_set(err, RC_IO, "disk full at call %d", *(int *)ctx) : RC_OK;
}

/* Seal TEXT in pieces of PIECE octets. */
static void seal(struct span text, size_t piece, struct cert *const *certs, size_t n,
		 struct buf *out)
{
	struct err err = ERR_INIT;
	struct envelope *e = NULL;

	out->len = 0;
	ASSERT_OK(envelope_new(PROFILE_COMPAT, certs, n, to_buf, out, &e, &err), &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(e);
	for (size_t i = 0; i < text.len; i += piece)
		ASSERT_OK(envelope_update(e, span_sub(text, i, piece), &err), &err);
	ASSERT_OK(envelope_finish(e, &err), &err);
	envelope_free(e);
}

/* What WHO gets when opening it with OpenSSL; false when there is nothing for WHO in it. */
static bool open_with(struct span base64, const struct testcert *who, struct buf *plain)
{
	struct buf der;
	const unsigned char *p;
	CMS_ContentInfo *cms;
	BIO *out = BIO_new(BIO_s_mem());
	char *bytes;
	long len;
	bool good;

	buf_init(&der, 100u << 20);
	CU_ASSERT_EQUAL_FATAL(base64_decode(base64, &der, NULL), RC_OK);
	p = (const unsigned char *)der.p;
	cms = d2i_CMS_ContentInfo(NULL, &p, (long)der.len);
	CU_ASSERT_PTR_NOT_NULL_FATAL(cms);
	good = CMS_decrypt(cms, who->pkey, who->x509, NULL, out, CMS_BINARY) == 1;
	plain->len = 0;
	len = BIO_get_mem_data(out, &bytes);
	if (good)
		CU_ASSERT_EQUAL(buf_add(plain, span_of(bytes, (size_t)len), NULL), RC_OK);
	BIO_free(out);
	CMS_ContentInfo_free(cms);
	buf_clear(&der);
	return good;
}

static struct {
	const char *label;
	struct span in, want; /* want.p == NULL: the same */
} rows[] = {
	{"plain", SPAN_LIT("\r\nhello\r\n"), SPAN_NONE},
	{"nothing", SPAN_LIT(""), SPAN_NONE},
	{"NUL", SPAN_LIT("\r\na\0b\0\0\r\n"), SPAN_NONE},
	{"bare CR", SPAN_LIT("\r\na\rb\r\rc\r\n\r"), SPAN_NONE},
	{"CR CR LF", SPAN_LIT("\r\na\r\r\nb\r\r\r\n"), SPAN_NONE},
	{"LF only", SPAN_LIT("\na\n\nb\n"), SPAN_LIT("\r\na\r\n\r\nb\r\n")},
	{"no final line end", SPAN_LIT("\r\nabc"), SPAN_NONE},
	{"8 bit", SPAN_LIT("\r\n\xe4\xff\x80\xc3\xa4\r\n"), SPAN_NONE},
};

static void make_all(void)
{
	if (john.x509 != NULL)
		return;
	testcert_make(&john);
	testcert_make(&jim);
	testcert_make(&eve);
	testcert_make(&ec);
}

static void test_every_split(void)
{
	struct cert *certs[2];
	struct buf out, plain;

	make_all();
	certs[0] = testcert_cert(&john);
	certs[1] = testcert_cert(&jim);
	buf_init(&out, 1u << 20);
	buf_init(&plain, 1u << 20);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct span want = rows[i].want.p != NULL ? rows[i].want : rows[i].in;

		ROW(rows[i].label);
		for (size_t piece = 1; piece <= rows[i].in.len + 1; piece++) {
			seal(rows[i].in, piece, certs, 2, &out);
			CU_ASSERT_TRUE(open_with(buf_span(&out), &john, &plain));
			ASSERT_SPAN(buf_span(&plain), want);
		}
		CU_ASSERT_TRUE(open_with(buf_span(&out), &jim, &plain));
		ASSERT_SPAN(buf_span(&plain), want);
		CU_ASSERT_FALSE(open_with(buf_span(&out), &eve, &plain));
	}
	ROW("");
	buf_clear(&out);
	buf_clear(&plain);
	cert_unref(certs[0]);
	cert_unref(certs[1]);
}

static void check_lines(struct span text)
{
	struct span line;
	size_t longest = 0;

	while (span_split(&text, '\n', &line) && text.p != NULL) {
		CU_ASSERT_TRUE(line.len > 1 && line.p[line.len - 1] == '\r');
		longest = line.len > longest ? line.len : longest;
	}
	CU_ASSERT_EQUAL(line.len, 0); /* nothing behind the last CRLF */
	CU_ASSERT_TRUE(longest <= 77);
}

static void test_long_random_input(void)
{
	size_t len = 300000;
	char *text = malloc(len);
	struct cert *certs[1];
	struct buf out, plain;

	make_all();
	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	certs[0] = testcert_cert(&john);
	buf_init(&out, 10u << 20);
	buf_init(&plain, 10u << 20);
	for (size_t i = 0; i < len; i++)
		text[i] = (char)(test_random(255) < 128 ? 'a' : test_random(256));
	for (size_t i = 0; i < len; i++) /* LF would become CRLF */
		if (text[i] == '\n')
			text[i] = 'n';
	for (size_t round = 0; round < 6; round++) {
		static const size_t pieces[] = {1, 2, 4095, 16384, 65535, 300000};

		seal(span_of(text, len), pieces[round], certs, 1, &out);
		check_lines(buf_span(&out));
		CU_ASSERT_TRUE(open_with(buf_span(&out), &john, &plain));
		ASSERT_SPAN(buf_span(&plain), span_of(text, len));
	}
	buf_clear(&out);
	buf_clear(&plain);
	cert_unref(certs[0]);
	free(text);
}

static void test_refusals(void)
{
	struct err err = ERR_INIT;
	struct envelope *e = NULL;
	struct cert *certs[2];
	int calls = 0;
	char *big = calloc(1, 200000);

	make_all();
	certs[0] = testcert_cert(&john);
	certs[1] = testcert_cert(&ec);
	ASSERT_FAILS(envelope_new(PROFILE_COMPAT, certs, 0, to_nowhere, &calls, &e, &err), RC_INPUT,
		     &err, "1 to");
	ASSERT_FAILS(envelope_new(PROFILE_COMPAT, certs, 2, to_nowhere, &calls, &e, &err), RC_INPUT,
		     &err, "CN=EC");
	CU_ASSERT_PTR_NULL(e);
	ASSERT_OK(envelope_new(PROFILE_COMPAT, certs, 1, to_nowhere, &calls, &e, &err), &err);
	ASSERT_FAILS(envelope_update(e, span_of(big, 200000), &err), RC_IO, &err,
		     "disk full at call 3");
	envelope_free(e);
	envelope_free(NULL);
	free(big);
	cert_unref(certs[0]);
	cert_unref(certs[1]);
}

/* The sink fails once, at each of its calls in turn: what it did not get is missing, and the envelope is no good. */
static enum rc once(void *ctx, struct span piece, struct err *err)
{
	(void)piece;
	return (*(int *)ctx)-- == 0 ? err_set(err, RC_IO, "no room") : RC_OK;
}

static void test_sink_that_fails_once(void)
{
	enum { LEN = 100000 };
	struct err err = ERR_INIT;
	struct cert *cert;
	char *big = calloc(1, LEN);
	int left = -1, calls = 0;

	make_all();
	CU_ASSERT_PTR_NOT_NULL_FATAL(big);
	cert = testcert_cert(&john);
	for (; left < 0; calls++) {
		struct envelope *e = NULL;
		enum rc rc = RC_OK;

		left = calls;
		ASSERT_OK(envelope_new(PROFILE_COMPAT, &cert, 1, once, &left, &e, &err), &err);
		for (size_t at = 0; at < LEN && rc == RC_OK; at += LEN / 10)
			rc = envelope_update(e, span_of(big + at, LEN / 10), &err);
		if (rc == RC_OK)
			rc = envelope_finish(e, &err);
		if (left < 0)
			ASSERT_FAILS(rc, RC_IO, &err, "no room");
		else
			ASSERT_OK(rc, &err);
		envelope_free(e);
	}
	CU_ASSERT_TRUE(calls > 15);
	cert_unref(cert);
	free(big);
}

static void test_one_certificate_twice_is_one_recipient(void)
{
	struct cert *certs[2];
	struct buf out, der;
	const unsigned char *p;
	CMS_ContentInfo *cms;

	make_all();
	certs[0] = testcert_cert(&john);
	certs[1] = testcert_cert(&john);
	buf_init(&out, 1u << 20);
	buf_init(&der, 1u << 20);
	seal(SPAN_LIT("x\r\n"), 10, certs, 2, &out);
	CU_ASSERT_EQUAL(base64_decode(buf_span(&out), &der, NULL), RC_OK);
	p = (const unsigned char *)der.p;
	cms = d2i_CMS_ContentInfo(NULL, &p, (long)der.len);
	CU_ASSERT_PTR_NOT_NULL_FATAL(cms);
	CU_ASSERT_EQUAL(sk_CMS_RecipientInfo_num(CMS_get0_RecipientInfos(cms)), 1);
	CMS_ContentInfo_free(cms);
	buf_clear(&out);
	buf_clear(&der);
	cert_unref(certs[0]);
	cert_unref(certs[1]);
}

int main(void)
{
	static const struct test tests[] = {
		{"every split, two that can open it, one that cannot", test_every_split},
		{"long input in pieces of every size", test_long_random_input},
		{"refusals and a sink that fails", test_refusals},
		{"a sink that fails once", test_sink_that_fails_once},
		{"one certificate twice is one recipient",
		 test_one_certificate_twice_is_one_recipient},
	};
	int status = test_main("envelope", tests, COUNT_OF(tests));

	testcert_free(&john);
	testcert_free(&jim);
	testcert_free(&eve);
	testcert_free(&ec);
	return status;
}
