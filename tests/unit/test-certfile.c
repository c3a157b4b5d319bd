/* Certificates in files, judged for an account; and all stored ones, judged again by "mailseal check". */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "test.h"
#include "testcert.h"
#include "tool/certfile.h"
#include "tool/users.h"

static struct testcert root = {.cn = "Root", .ca = true, .usage = "keyCertSign"};
static struct testcert sub = {.cn = "Issuer", .ca = true, .usage = "keyCertSign", .issuer = &root};
static struct testcert stranger = {.cn = "Other root", .ca = true, .usage = "keyCertSign"};

/* Quick ones, where the row does not say. */
static void make(struct testcert *c)
{
	if (c->key == NULL)
		c->key = "p256";
	testcert_make(c);
}

static const char *anchors_file(void)
{
	const char *path = test_path("anchors.pem");
	struct err err = ERR_INIT;
	struct buf pem;

	buf_init(&pem, 100000);
	testcert_pem(&root, &pem);
	ASSERT_OK(file_write_atomic(path, buf_span(&pem), 0600, true, &err), &err);
	buf_clear(&pem);
	return path;
}

#define USER .cn = "John", .email = "john@example.com", .issuer = &sub
#define SELF .cn = "John", .email = "john@example.com"
#define DAY 86400

/* Times are days from now here. */
static struct {
	const char *label;
	struct testcert cert;
	bool with_chain, pin, force;
	enum rc rc;
	enum cert_fault fault;
	enum certfile_remedy remedy;
	const char *words[2]; /* the reason, and what to do */
} rows[] = {
	{"good", {USER}, true, false, false, RC_OK, CERT_GOOD, REMEDY_NONE, {NULL}},
	{"good for an alias of the domain",
	 {.cn = "J", .email = "John@example.org", .issuer = &sub},
	 true,
	 false,
	 false,
	 RC_OK,
	 CERT_GOOD,
	 REMEDY_NONE,
	 {NULL}},
	{"RSA",
	 {USER, .key = "rsa2048"},
	 true,
	 false,
	 false,
	 RC_OK,
	 CERT_GOOD,
	 REMEDY_NONE,
	 {NULL}},
	{"without its issuer",
	 {USER},
	 false,
	 false,
	 false,
	 RC_REFUSED,
	 CERT_UNTRUSTED,
	 REMEDY_PIN,
	 {"no path to a trusted certificate", "say --pin"}},
	{"without its issuer, pinned",
	 {USER},
	 false,
	 true,
	 false,
	 RC_OK,
	 CERT_GOOD,
	 REMEDY_NONE,
	 {NULL}},
	{"of another issuer",
	 {.cn = "J", .email = "john@example.com", .issuer = &stranger},
	 true,
	 false,
	 false,
	 RC_REFUSED,
	 CERT_UNTRUSTED,
	 REMEDY_PIN,
	 {"no path", "certificates of its issuers"}},
	{"self-signed",
	 {SELF},
	 false,
	 false,
	 false,
	 RC_REFUSED,
	 CERT_UNTRUSTED,
	 REMEDY_PIN,
	 {"no path", "--pin"}},
	{"self-signed and a CA, as openssl req makes it",
	 {SELF, .ca = true},
	 false,
	 false,
	 false,
	 RC_REFUSED,
	 CERT_IS_CA,
	 REMEDY_PIN,
	 {"certificate of a CA", "say --pin"}},
	{"the same, pinned",
	 {SELF, .ca = true},
	 false,
	 true,
	 false,
	 RC_OK,
	 CERT_GOOD,
	 REMEDY_NONE,
	 {NULL}},
	{"a CA",
	 {USER, .ca = true},
	 true,
	 false,
	 false,
	 RC_INPUT,
	 CERT_IS_CA,
	 REMEDY_NONE,
	 {"certificate of a CA", "issued for the user"}},
	{"a CA, pinned",
	 {USER, .ca = true},
	 true,
	 true,
	 false,
	 RC_INPUT,
	 CERT_IS_CA,
	 REMEDY_NONE,
	 {"certificate of a CA", "issued for the user"}},
	{"another kind of key",
	 {USER, .key = "ed25519"},
	 true,
	 true,
	 true,
	 RC_INPUT,
	 CERT_KEY_TYPE,
	 REMEDY_NONE,
	 {"neither RSA nor", "RSA key of 2048"}},
	{"another curve",
	 {USER, .key = "secp256k1"},
	 true,
	 false,
	 false,
	 RC_INPUT,
	 CERT_KEY_TYPE,
	 REMEDY_NONE,
	 {"neither RSA nor", "P-256"}},
	{"a small key",
	 {USER, .key = "rsa1024"},
	 true,
	 true,
	 true,
	 RC_INPUT,
	 CERT_KEY_SIZE,
	 REMEDY_NONE,
	 {"RSA key of 1024 bits", "ask for one with"}},
	{"for signing",
	 {USER, .usage = "digitalSignature"},
	 true,
	 true,
	 true,
	 RC_INPUT,
	 CERT_KEY_USAGE,
	 REMEDY_NONE,
	 {"keyAgreement", "give the other"}},
	{"for TLS",
	 {USER, .extended = "serverAuth"},
	 true,
	 true,
	 true,
	 RC_INPUT,
	 CERT_EXTENDED_USAGE,
	 REMEDY_NONE,
	 {"emailProtection", "for S/MIME"}},
	{"another address, said of the account's own name",
	 {.cn = "J", .email = "jim@example.com", .issuer = &sub},
	 true,
	 true,
	 true,
	 RC_INPUT,
	 CERT_ADDRESS,
	 REMEDY_NONE,
	 {"for jim@example.com, not for john@example.com", "add it to the account"}},
	{"no address",
	 {.cn = "J", .issuer = &sub},
	 true,
	 false,
	 false,
	 RC_INPUT,
	 CERT_ADDRESS,
	 REMEDY_NONE,
	 {"no address", "ask for one"}},
	{"ended",
	 {SELF, .not_before = -20, .not_after = -10},
	 false,
	 true,
	 false,
	 RC_REFUSED,
	 CERT_EXPIRED,
	 REMEDY_FORCE,
	 {"its time is over", "--force"}},
	{"ended, forced",
	 {SELF, .not_before = -20, .not_after = -10},
	 false,
	 true,
	 true,
	 RC_OK,
	 CERT_GOOD,
	 REMEDY_NONE,
	 {NULL}},
	{"force is no pin",
	 {SELF, .not_before = -20, .not_after = -10},
	 false,
	 false,
	 true,
	 RC_REFUSED,
	 CERT_UNTRUSTED,
	 REMEDY_PIN,
	 {"no path", "--pin"}},
	{"to come",
	 {SELF, .not_before = 10, .not_after = 20},
	 false,
	 true,
	 false,
	 RC_OK,
	 CERT_GOOD,
	 REMEDY_NONE,
	 {NULL}},
};

static void pem_of(const struct testcert *c, bool with_chain, struct buf *ret)
{
	testcert_pem(c, ret);
	if (with_chain)
		testcert_pem(&sub, ret);
}

static void assert_says(const struct err *err, const char *words)
{
	bool said = strstr(err->text, words) != NULL;

	CU_ASSERT_TRUE(said);
	if (!said)
		fprintf(stderr, "\"%s\" expected in: %s\n", words, err->text);
}

static void test_judged(void)
{
	static const char *const addresses[] = {"john@example.com", "john@example.org", NULL};
	int64_t now = (int64_t)time(NULL);
	struct trust_anchors *anchors = NULL;
	struct err err = ERR_INIT;
	struct buf pem;

	ASSERT_OK(trust_anchors_new(anchors_file(), &anchors, &err), &err);
	buf_init(&pem, 100000);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const struct certfile_question q = {.addresses = addresses,
						    .anchors = anchors,
						    .pin = rows[i].pin,
						    .force = rows[i].force,
						    .now = now};
		struct certfile_verdict v = {.fault = CERT_UNTRUSTED, .remedy = REMEDY_FORCE};
		struct testcert *c = &rows[i].cert;
		struct certfile f;
		enum rc rc;

		ROW(rows[i].label);
		c->not_before = c->not_before != 0 ? now + c->not_before * DAY : 0;
		c->not_after = c->not_after != 0 ? now + c->not_after * DAY : 0;
		make(c);
		pem.len = 0;
		pem_of(c, rows[i].with_chain, &pem);
		ASSERT_OK(certfile_read(buf_span(&pem), &f, &err), &err);
		CU_ASSERT_FALSE(f.has_key);
		err.text[0] = '\0';
		rc = certfile_judge(&f, &q, &v, &err);
		CU_ASSERT_EQUAL(rc, rows[i].rc);
		ASSERT_STR(cert_fault_name(v.fault), cert_fault_name(rows[i].fault));
		CU_ASSERT_EQUAL(v.remedy, rows[i].remedy);
		for (size_t k = 0; k < 2 && rows[i].words[k] != NULL; k++)
			assert_says(&err, rows[i].words[k]);
		certfile_clear(&f);
		testcert_free(c);
	}
	ROW("");
	buf_clear(&pem);
	trust_anchors_free(anchors);
}

static void test_a_key_beside(void)
{
	struct testcert c = {SELF};
	struct err err = ERR_INIT;
	struct certfile f;
	struct buf pem;

	make(&c);
	buf_init(&pem, 100000);
	testcert_key_pem(&c, &pem);
	ASSERT_FAILS(certfile_read(buf_span(&pem), &f, &err), RC_INPUT, &err, "no certificate");
	CU_ASSERT_TRUE(f.has_key);
	certfile_clear(&f);
	testcert_pem(&c, &pem);
	ASSERT_OK(certfile_read(buf_span(&pem), &f, &err), &err);
	CU_ASSERT_TRUE(f.has_key);
	CU_ASSERT_EQUAL(f.n, 1);
	certfile_clear(&f);
	buf_clear(&pem);
	testcert_free(&c);
}

/* ---- mailseal check ---- */

enum { STORED_MAX = 64 };

/* A list as the catalogue would give it. */
struct stored {
	struct user_cert at[STORED_MAX];
	struct buf der[STORED_MAX];
	struct user_cert_list list;
};

static struct user_cert *put(struct stored *s, const char *account, struct testcert *c, int from,
			     int to)
{
	size_t i = s->list.n++;
	struct err err = ERR_INIT;
	int64_t now = (int64_t)time(NULL);
	struct cert *parsed;

	CU_ASSERT_FATAL(i < STORED_MAX);
	c->not_before = now + from * (int64_t)DAY;
	c->not_after = now + to * (int64_t)DAY - 3600;
	make(c);
	parsed = testcert_cert(c);
	buf_init(&s->der[i], USER_DER_MAX);
	ASSERT_OK(cert_write_der(parsed, &s->der[i], &err), &err);
	s->at[i] = (struct user_cert){.account = account,
				      .der = buf_span(&s->der[i]),
				      .kind = cert_kind(parsed),
				      .bits = cert_bits(parsed),
				      .not_before = cert_not_before(parsed),
				      .not_after = cert_not_after(parsed),
				      .added = now};
	memcpy(s->at[i].fingerprint, cert_fingerprint(parsed), SHA256_HEX_SIZE);
	cert_unref(parsed);
	testcert_free(c);
	return &s->at[i];
}

static void clear(struct stored *s)
{
	for (size_t i = 0; i < s->list.n; i++)
		buf_clear(&s->der[i]);
	s->list.n = 0;
}

static struct conf *read_conf(void)
{
	const char *path = test_path("mailseal.conf");
	struct err err = ERR_INIT;
	struct conf *conf = NULL;

	ASSERT_OK(file_write_atomic(path,
				    SPAN_LIT("domains = ( { name = \"example.com\"; aliases = "
					     "[\"example.org\"]; } );\n"),
				    0600, true, &err),
		  &err);
	ASSERT_OK(conf_read(path, &conf, NULL, &err), &err);
	return conf;
}

/* What was found, as "level subject text" lines. */
static void assert_found(struct stored *s, const char *const *want, size_t n)
{
	struct conf *conf = read_conf();
	struct findings f;
	struct err err = ERR_INIT;
	const struct finding *all;

	s->list.at = s->at;
	qsort(s->list.at, s->list.n, sizeof(*s->list.at), user_cert_compare);
	findings_init(&f);
	ASSERT_OK(user_check(conf, &s->list, anchors_file(), (int64_t)time(NULL), &f, &err), &err);
	all = f.v.items;
	CU_ASSERT_EQUAL(f.v.len, n);
	for (size_t i = 0; i < f.v.len; i++) {
		static const char *const levels[] = {"error", "warning", "note"};
		char line[1200];

		snprintf(line, sizeof(line), "%s %s %s", levels[all[i].level], all[i].subject,
			 all[i].text);
		if (i >= n || strstr(line, want[i]) == NULL) {
			CU_FAIL("found something else");
			fprintf(stderr, "found %s\nwant %s\n", line, i < n ? want[i] : "no more");
		}
	}
	findings_clear(&f);
	conf_free(conf);
}

static void test_nothing_to_find(void)
{
	static const char der[] = "not DER";
	static struct stored s;
	struct testcert good = {USER};
	struct testcert alias = {.cn = "J", .email = "john@example.org", .issuer = &sub};
	struct testcert self = {SELF};
	struct cert *issuer = testcert_cert(&sub);
	struct span chain[1];
	struct buf sub_der;
	struct err err = ERR_INIT;
	struct user_cert *u;

	assert_found(&s, NULL, 0);
	buf_init(&sub_der, USER_DER_MAX);
	ASSERT_OK(cert_write_der(issuer, &sub_der, &err), &err);
	chain[0] = buf_span(&sub_der);
	u = put(&s, "john@example.com", &good, -1, 300);
	u->chain = chain;
	u->n_chain = 1;
	u = put(&s, "john@example.com", &alias, -1, 301);
	u->chain = chain;
	u->n_chain = 1;
	u = put(&s, "john@example.com", &self, -1, 302);
	u->pinned = true;
	assert_found(&s, NULL, 0);
	ROW("a damaged chain");
	chain[0] = SPAN_LIT(der);
	{
		static const char *const want[] = {"error john@example.com its certificate",
						   "no DER certificate: "};

		assert_found(&s, want, 2);
	}
	ROW("");
	clear(&s);
	buf_clear(&sub_der);
	cert_unref(issuer);
}

static void test_everything_to_find(void)
{
	static const char *const want[] = {
		"note a@left.example has 1 certificate, but the configuration",
		"note c@example.com no valid certificate before",
		"error d@example.com no valid certificate any more, the last one ended",
		"warning e@example.com its certificate",
		"error f@example.com its certificate",
		"error g@example.com its certificate",
		"warning h@example.com its certificate",
		"warning i@example.com its certificate",
	};
	static const char *const texts[] = {NULL,
					    NULL,
					    NULL,
					    " ends in 5 days",
					    "no DER certificate: ",
					    "it is not what the catalogue says of it",
					    "not trusted: no path",
					    "other address: it is for john@example.com"};
	static struct stored s;
	struct testcert any[8];

	for (size_t i = 0; i < COUNT_OF(any); i++)
		any[i] = (struct testcert){.cn = "X"};
	any[0].email = "a@left.example";
	any[1].email = "c@example.com";
	any[2].email = "d@example.com";
	any[3].email = "e@example.com";
	any[4].email = "f@example.com";
	any[5].email = "g@example.com";
	any[6].email = "h@example.com";
	any[7].email = "john@example.com";
	put(&s, "a@left.example", &any[0], -1, 300)->pinned = true;
	put(&s, "c@example.com", &any[1], 1, 300)->pinned = true;
	put(&s, "d@example.com", &any[2], -10, -1)->pinned = true;
	put(&s, "e@example.com", &any[3], -1, 5)->pinned = true;
	put(&s, "f@example.com", &any[4], -1, 300)->der = SPAN_LIT("nothing");
	put(&s, "g@example.com", &any[5], -1, 300)->bits = 4096;
	put(&s, "h@example.com", &any[6], -1, 300);
	put(&s, "i@example.com", &any[7], -1, 300)->pinned = true;
	assert_found(&s, want, COUNT_OF(want));
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		const char *only[1] = {texts[i]};
		struct stored one = {.at = {s.at[i]}, .list = {.n = 1}};

		ROW(want[i]);
		if (texts[i] != NULL)
			assert_found(&one, only, 1);
	}
	ROW("");
	clear(&s);
}

static void test_no_flood(void)
{
	static struct stored s;
	static char accounts[30][32];
	const char *want[21];
	struct testcert c = {.cn = "X", .email = "x@example.com"};

	for (size_t i = 0; i < COUNT_OF(accounts); i++) {
		snprintf(accounts[i], sizeof(accounts[i]), "u%02zu@left.example", i);
		put(&s, accounts[i], &c, -1, 300);
	}
	for (size_t i = 0; i < 20; i++)
		want[i] = "note u";
	want[20] = "note certificates 10 more accounts are of domains that are not configured";
	assert_found(&s, want, COUNT_OF(want));
	clear(&s);
}

int main(void)
{
	static const struct test tests[] = {
		{"a file is judged", test_judged},
		{"a key beside the certificate", test_a_key_beside},
		{"check: nothing to find", test_nothing_to_find},
		{"check: everything to find", test_everything_to_find},
		{"check: no flood", test_no_flood},
	};
	int status;

	testcert_make(&root);
	testcert_make(&sub);
	testcert_make(&stranger);
	status = test_main("certfile", tests, COUNT_OF(tests));
	testcert_free(&stranger);
	testcert_free(&sub);
	testcert_free(&root);
	return status;
}
