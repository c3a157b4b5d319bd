/* Certificates: what is read, what is accepted, and the reason for each refusal. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "crypto/cert.h"
#include "test.h"
#include "testcert.h"

static struct testcert root = {.cn = "Root", .ca = true, .usage = "keyCertSign"};
static struct testcert sub = {.cn = "Issuer", .ca = true, .usage = "keyCertSign", .issuer = &root};
static struct testcert john = {.cn = "John", .email = "john@example.com", .issuer = &sub};
static struct testcert stranger = {.cn = "Other root", .ca = true};

static void make_all(void)
{
	if (root.x509 != NULL)
		return;
	testcert_make(&root);
	testcert_make(&sub);
	testcert_make(&john);
	testcert_make(&stranger);
}

static struct trust_anchors *anchors_of(const struct testcert *c)
{
	struct err err = ERR_INIT;
	struct trust_anchors *t = NULL;
	const char *path = test_path("anchors.pem");
	struct buf pem;
	FILE *f = fopen(path, "w");

	buf_init(&pem, 100000);
	testcert_pem(c, &pem);
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	fwrite(pem.p, 1, pem.len, f);
	fclose(f);
	buf_clear(&pem);
	ASSERT_OK(trust_anchors_new(path, &t, &err), &err);
	return t;
}

static void test_bundle_finds_the_leaf(void)
{
	const struct testcert *orders[][3] = {
		{&john, &sub, &root}, {&root, &sub, &john}, {&sub, &john, &root}};
	struct err err = ERR_INIT;
	struct cert **certs = NULL;
	struct buf pem;
	size_t n = 0;

	make_all();
	buf_init(&pem, 100000);
	for (size_t i = 0; i < COUNT_OF(orders); i++) {
		pem.len = 0;
		ASSERT_OK(buf_adds(&pem, "subject=/CN=text before\n", &err), &err);
		for (size_t k = 0; k < 3; k++)
			testcert_pem(orders[i][k], &pem);
		testcert_key_pem(&john, &pem);
		testcert_pem(&john, &pem); /* given twice */
		ASSERT_OK(cert_read_bundle(buf_span(&pem), &certs, &n, &err), &err);
		CU_ASSERT_EQUAL_FATAL(n, 3);
		ASSERT_STR(cert_subject(certs[0]), "CN=John");
		ASSERT_STR(cert_issuer(certs[0]), "CN=Issuer");
		ASSERT_STR(cert_addresses(certs[0])[0], "john@example.com");
		cert_array_free(certs, n);
	}
	buf_clear(&pem);
}

static void test_bundle_refuses(void)
{
	struct testcert jim = {.cn = "Jim", .email = "jim@example.com", .issuer = &sub};
	struct err err = ERR_INIT;
	struct cert **certs = NULL;
	struct buf pem;
	size_t n = 0;

	make_all();
	testcert_make(&jim);
	buf_init(&pem, 100000);
	ASSERT_FAILS(cert_read_bundle(SPAN_NONE, &certs, &n, &err), RC_INPUT, &err,
		     "no certificate");
	ASSERT_FAILS(cert_read_bundle(SPAN_LIT("hello"), &certs, &n, &err), RC_INPUT, &err,
		     "no certificate");
	testcert_key_pem(&john, &pem);
	ASSERT_FAILS(cert_read_bundle(buf_span(&pem), &certs, &n, &err), RC_INPUT, &err,
		     "no certificate");
	CU_ASSERT_PTR_NULL(strstr(err.text, "PRIVATE"));
	pem.len = 0;
	testcert_pem(&john, &pem);
	testcert_pem(&jim, &pem);
	ASSERT_FAILS(cert_read_bundle(buf_span(&pem), &certs, &n, &err), RC_INPUT, &err, "CN=Jim");
	/* Two that have signed themselves, of one name: neither is the other's issuer. */
	pem.len = 0;
	for (int i = 0; i < 2; i++) {
		struct testcert self = {.cn = "Joe", .key = "p256", .email = "joe@example.com"};

		testcert_make(&self);
		testcert_pem(&self, &pem);
		testcert_free(&self);
	}
	ASSERT_FAILS(cert_read_bundle(buf_span(&pem), &certs, &n, &err), RC_INPUT, &err,
		     "several user certificates");
	pem.len = 0;
	testcert_pem(&john, &pem);
	testcert_pem(&jim, &pem);
	pem.len /= 2; /* cut in the middle of the first block */
	pem.len -= 100;
	ASSERT_FAILS(cert_read_bundle(buf_span(&pem), &certs, &n, &err), RC_INPUT, &err, "");
	pem.len = 0;
	testcert_pem(&root, &pem);
	testcert_pem(&john, &pem);
	pem.len -= 100; /* cut in the middle of the second block, the one that counts */
	ASSERT_FAILS(cert_read_bundle(buf_span(&pem), &certs, &n, &err), RC_INPUT, &err,
		     "a PEM block of it cannot be read");
	buf_clear(&pem);
	testcert_free(&jim);
}

static void test_der_reads_back(void)
{
	struct err err = ERR_INIT;
	struct cert *c, *again = NULL;
	struct cert **certs = NULL;
	struct buf der;
	size_t n = 0;

	make_all();
	c = testcert_cert(&john);
	buf_init(&der, 100000);
	ASSERT_OK(cert_write_der(c, &der, &err), &err);
	ASSERT_OK(cert_read_der(buf_span(&der), &again, &err), &err);
	ASSERT_STR(cert_fingerprint(again), cert_fingerprint(c));
	CU_ASSERT_EQUAL(strlen(cert_fingerprint(c)), 64);
	CU_ASSERT_EQUAL(cert_kind(c), CERT_RSA);
	CU_ASSERT_EQUAL(cert_bits(c), 2048);
	CU_ASSERT_TRUE(cert_not_after(c) > cert_not_before(c));
	ASSERT_OK(cert_read_bundle(buf_span(&der), &certs, &n, &err), &err);
	CU_ASSERT_EQUAL(n, 1);
	cert_array_free(certs, n);
	ASSERT_OK(buf_addc(&der, 'x', &err), &err);
	cert_unref(again);
	ASSERT_FAILS(cert_read_der(buf_span(&der), &again, &err), RC_INPUT, &err, "DER");
	buf_clear(&der);
	cert_unref(c);
}

static void test_addresses_of_every_kind(void)
{
	struct testcert utf8 = {.cn = "U", .utf8_email = "j\xc3\xb6rg@example.com"};
	struct testcert old = {.cn = "O", .subject_email = "old@example.com"};
	struct testcert none = {.cn = "N"};
	struct cert *c;

	testcert_make(&utf8);
	testcert_make(&old);
	testcert_make(&none);
	c = testcert_cert(&utf8);
	ASSERT_STR(cert_addresses(c)[0], "j\xc3\xb6rg@example.com");
	cert_unref(c);
	c = testcert_cert(&old);
	ASSERT_STR(cert_addresses(c)[0], "old@example.com");
	cert_unref(c);
	c = testcert_cert(&none);
	CU_ASSERT_PTR_NULL(cert_addresses(c)[0]);
	cert_unref(c);
	testcert_free(&utf8);
	testcert_free(&old);
	testcert_free(&none);
}

#define USER .issuer = &sub, .cn = "John", .email = "john@example.com"

/* Each row: a certificate, whether it is pinned, the account, what is said of it. */
static struct {
	const char *label;
	struct testcert cert;
	bool pinned;
	const char *address;
	enum cert_fault want;
	const char *words;
} rows[] = {
	{"plain RSA", {USER}, false, "john@example.com", CERT_GOOD, ""},
	{"case of the address", {USER}, false, "John@EXAMPLE.com", CERT_GOOD, ""},
	{"another account", {USER}, false, "jim@example.com", CERT_ADDRESS, "john@example.com"},
	{"another domain", {USER}, false, "john@example.org", CERT_ADDRESS, "john@example.com"},
	{"no address",
	 {.issuer = &sub, .cn = "J"},
	 false,
	 "john@example.com",
	 CERT_ADDRESS,
	 "no address"},
	{"address in the subject",
	 {.issuer = &sub, .cn = "J", .subject_email = "john@example.com"},
	 false,
	 "john@example.com",
	 CERT_GOOD,
	 ""},
	{"UTF-8 mailbox, IDN as A-label",
	 {.issuer = &sub, .cn = "J", .utf8_email = "j\xc3\xb6rg@ex\xc3\xa4mple.com"},
	 false,
	 "j\xc3\xb6rg@xn--exmple-cua.com",
	 CERT_GOOD,
	 ""},
	{"RSA 1024", {USER, .key = "rsa1024"}, false, "john@example.com", CERT_KEY_SIZE, "1024"},
	{"P-256", {USER, .key = "p256"}, false, "john@example.com", CERT_GOOD, ""},
	{"P-384", {USER, .key = "p384"}, false, "john@example.com", CERT_GOOD, ""},
	{"P-521", {USER, .key = "p521"}, false, "john@example.com", CERT_GOOD, ""},
	{"another curve",
	 {USER, .key = "secp256k1"},
	 false,
	 "john@example.com",
	 CERT_KEY_TYPE,
	 "P-256"},
	{"Ed25519", {USER, .key = "ed25519"}, false, "john@example.com", CERT_KEY_TYPE, "RSA"},
	{"keyEncipherment",
	 {USER, .usage = "critical,keyEncipherment"},
	 false,
	 "john@example.com",
	 CERT_GOOD,
	 ""},
	{"signing only",
	 {USER, .usage = "digitalSignature"},
	 false,
	 "john@example.com",
	 CERT_KEY_USAGE,
	 "keyEncipherment"},
	{"keyAgreement of an EC key",
	 {USER, .key = "p256", .usage = "keyAgreement"},
	 false,
	 "john@example.com",
	 CERT_GOOD,
	 ""},
	{"keyEncipherment of an EC key",
	 {USER, .key = "p256", .usage = "keyEncipherment"},
	 false,
	 "john@example.com",
	 CERT_KEY_USAGE,
	 "keyAgreement"},
	{"emailProtection",
	 {USER, .extended = "emailProtection,clientAuth"},
	 false,
	 "john@example.com",
	 CERT_GOOD,
	 ""},
	{"any usage",
	 {USER, .extended = "anyExtendedKeyUsage"},
	 false,
	 "john@example.com",
	 CERT_GOOD,
	 ""},
	{"a TLS certificate",
	 {USER, .extended = "serverAuth"},
	 false,
	 "john@example.com",
	 CERT_EXTENDED_USAGE,
	 "emailProtection"},
	{"a CA", {USER, .ca = true}, false, "john@example.com", CERT_IS_CA, "CA"},
	{"a CA that is pinned, not self-signed",
	 {USER, .ca = true},
	 true,
	 "john@example.com",
	 CERT_IS_CA,
	 "CA"},
	{"self-signed",
	 {.cn = "J", .email = "john@example.com"},
	 false,
	 "john@example.com",
	 CERT_UNTRUSTED,
	 "no path"},
	{"self-signed, pinned",
	 {.cn = "J", .email = "john@example.com"},
	 true,
	 "john@example.com",
	 CERT_GOOD,
	 ""},
	{"self-signed CA as openssl req makes it, pinned",
	 {.cn = "J", .email = "john@example.com", .ca = true},
	 true,
	 "john@example.com",
	 CERT_GOOD,
	 ""},
	{"another root",
	 {.issuer = &stranger, .cn = "J", .email = "john@example.com"},
	 false,
	 "john@example.com",
	 CERT_UNTRUSTED,
	 "no path"},
	{"pinned does not excuse the address",
	 {.cn = "J", .email = "john@example.com"},
	 true,
	 "jim@example.com",
	 CERT_ADDRESS,
	 ""},
	{"pinned does not excuse the size",
	 {.cn = "J", .email = "john@example.com", .key = "rsa1024"},
	 true,
	 "john@example.com",
	 CERT_KEY_SIZE,
	 ""},
	{"expired a while ago, good path then",
	 {USER, .not_before = 1700000000, .not_after = 1700000900},
	 false,
	 "john@example.com",
	 CERT_UNTRUSTED,
	 "no path"},
};

static void test_acceptance_table(void)
{
	struct trust_anchors *anchors;
	struct cert *chain[1];
	char why[300];

	make_all();
	anchors = anchors_of(&root);
	chain[0] = testcert_cert(&sub);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct cert *c;
		enum cert_fault got;

		ROW(rows[i].label);
		testcert_make(&rows[i].cert);
		c = testcert_cert(&rows[i].cert);
		got = cert_check(c, chain, 1, rows[i].address, anchors, rows[i].pinned, time(NULL),
				 why, sizeof(why));
		ASSERT_STR(cert_fault_name(got), cert_fault_name(rows[i].want));
		CU_ASSERT_PTR_NOT_NULL(strstr(why, rows[i].words));
		CU_ASSERT_EQUAL(why[0] == '\0', rows[i].want == CERT_GOOD);
		cert_unref(c);
		testcert_free(&rows[i].cert);
	}
	ROW("");
	cert_unref(chain[0]);
	trust_anchors_free(anchors);
}

static void test_path_needs_what_came_along(void)
{
	struct trust_anchors *anchors, *direct;
	struct cert *c, *chain[1];
	char why[300];

	make_all();
	c = testcert_cert(&john);
	chain[0] = testcert_cert(&sub);
	anchors = anchors_of(&root);
	direct = anchors_of(&john);
	CU_ASSERT_EQUAL(cert_check(c, chain, 1, "john@example.com", anchors, false, time(NULL), why,
				   sizeof(why)),
			CERT_GOOD);
	CU_ASSERT_EQUAL(cert_check(c, NULL, 0, "john@example.com", anchors, false, time(NULL), why,
				   sizeof(why)),
			CERT_UNTRUSTED);
	/* "Equal to a trusted certificate." */
	CU_ASSERT_EQUAL(cert_check(c, NULL, 0, "john@example.com", direct, false, time(NULL), why,
				   sizeof(why)),
			CERT_GOOD);
	trust_anchors_free(anchors);
	trust_anchors_free(direct);
	cert_unref(chain[0]);
	cert_unref(c);
}

static void test_dates(void)
{
	struct cert *c;

	make_all();
	c = testcert_cert(&john);
	CU_ASSERT_EQUAL(cert_fault_of_time(c, cert_not_before(c)), CERT_GOOD);
	CU_ASSERT_EQUAL(cert_fault_of_time(c, cert_not_before(c) - 1), CERT_NOT_YET_VALID);
	CU_ASSERT_EQUAL(cert_fault_of_time(c, cert_not_after(c)), CERT_GOOD);
	CU_ASSERT_EQUAL(cert_fault_of_time(c, cert_not_after(c) + 1), CERT_EXPIRED);
	cert_unref(c);
}

int main(void)
{
	static const struct test tests[] = {
		{"a bundle in any order gives its leaf", test_bundle_finds_the_leaf},
		{"what is no bundle is refused with the reason", test_bundle_refuses},
		{"DER reads back", test_der_reads_back},
		{"addresses of every kind", test_addresses_of_every_kind},
		{"acceptance", test_acceptance_table},
		{"the path uses what came along", test_path_needs_what_came_along},
		{"dates", test_dates},
	};
	int status = test_main("cert", tests, COUNT_OF(tests));

	testcert_free(&john);
	testcert_free(&sub);
	testcert_free(&root);
	testcert_free(&stranger);
	return status;
}
