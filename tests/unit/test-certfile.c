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
	if (c->key == NULL)
		c->key = "rsa2048";
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

/* ESCROW: more of the first domain, or "". */
static struct conf *read_conf(const char *escrow)
{
	const char *path = test_path("mailseal.conf");
	struct err err = ERR_INIT;
	struct conf *conf = NULL;
	char text[2000];

	snprintf(text, sizeof(text),
		 "domains = ( { name = \"example.com\"; aliases = [\"example.org\"]; %s },\n"
		 "  { name = \"strict.example\"; accounts = [\"ann\"];\n"
		 "    seal = { on_expired_certificate = \"defer\"; }; } );\n"
		 "aliases = ( (\"info@example.com\", \"john@example.com\") );\n",
		 escrow);
	ASSERT_OK(file_write_atomic(path, span_str(text), 0600, true, &err), &err);
	ASSERT_OK(conf_read(path, &conf, NULL, &err), &err);
	return conf;
}

/* What was found, as "level subject text" lines. */
static void assert_found_with(const char *escrow, struct stored *s, const char *const *want,
			      size_t n)
{
	struct conf *conf = read_conf(escrow);
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

static void assert_found(struct stored *s, const char *const *want, size_t n)
{
	assert_found_with("", s, want, n);
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

/* One certificate each, pinned. What is found, and what its text must have in it as well. */
static const struct {
	const char *label, *account, *email, *key;
	int from, to;
	const char *want, *more; /* NULL: nothing is found */
} stored_rows[] = {
	{"good", "john@example.com", "john@example.com", NULL, -1, 300, NULL, NULL},
	{"31 days", "john@example.com", "john@example.com", NULL, -1, 32, NULL, NULL},
	{"30 days", "john@example.com", "john@example.com", NULL, -1, 30,
	 "warning john@example.com its certificate", " ends in 30 days ("},
	{"the last day", "john@example.com", "john@example.com", NULL, -1, 1,
	 "warning john@example.com its certificate", " ends in 1 day ("},
	{"ended, within the grace", "john@example.com", "john@example.com", NULL, -10, -1,
	 "error john@example.com no valid certificate any more", "and is used until"},
	{"ended, past the grace", "john@example.com", "john@example.com", NULL, -90, -31,
	 "error john@example.com no valid certificate any more", "the last one ended"},
	{"ended, without any grace", "ann@strict.example", "ann@strict.example", NULL, -10, -1,
	 "error ann@strict.example no valid certificate any more", "Z"},
	{"to come", "john@example.com", "john@example.com", NULL, 1, 300,
	 "note john@example.com no valid certificate before ", NULL},
	{"an EC key", "john@example.com", "john@example.com", "p256", -1, 300,
	 "warning john@example.com its certificate", "for an EC key"},
	{"of another", "jim@example.com", "john@example.com", NULL, -1, 300,
	 "warning jim@example.com its certificate", "other address: it is for john@example.com"},
	{"an unknown domain", "a@left.example", "a@left.example", NULL, -1, 300,
	 "note a@left.example has 1 certificate, but is no account: ", "does not name its domain"},
	{"an account that is not listed", "bob@strict.example", "bob@strict.example", NULL, -1, 300,
	 "note bob@strict.example has 1 certificate, but is no account: ", "does not list it"},
	{"one that is", "ANN@strict.example", "ann@strict.example", NULL, -1, 300, NULL, NULL},
	{"an alias", "info@example.com", "info@example.com", NULL, -1, 300,
	 "note info@example.com has 1 certificate, but is no account: ", "it is an alias"},
	{"a detail", "john+x@example.com", "john+x@example.com", NULL, -1, 300,
	 "note john+x@example.com has 1 certificate, but is no account: ", "has a detail"},
};

static void test_one_of_each(void)
{
	static struct stored s;

	for (size_t i = 0; i < COUNT_OF(stored_rows); i++) {
		struct testcert c = {
			.cn = "X", .email = stored_rows[i].email, .key = stored_rows[i].key};
		const char *want = stored_rows[i].want;

		ROW(stored_rows[i].label);
		put(&s, stored_rows[i].account, &c, stored_rows[i].from, stored_rows[i].to)
			->pinned = true;
		assert_found(&s, &want, want != NULL);
		if (stored_rows[i].more != NULL)
			assert_found(&s, &stored_rows[i].more, 1);
		clear(&s);
	}
	ROW("");
}

static void test_what_is_stored(void)
{
	static const char *const want[] = {
		"error e@example.com its certificate",
		"error f@example.com its certificate",
		"error g@example.com its certificate",
		"warning h@example.com its certificate",
	};
	static const char *const more[] = {
		"its bytes have changed; add it again",
		"no DER certificate: ", "it is not what the catalogue says of it",
		"not trusted: no path"};
	static struct stored s;
	struct testcert e = {.cn = "X", .email = "e@example.com"};
	struct testcert f = {.cn = "X", .email = "f@example.com"};
	struct testcert g = {.cn = "X", .email = "g@example.com"};
	struct testcert h = {.cn = "X", .email = "h@example.com"};
	uint8_t digest[SHA256_LEN];
	struct user_cert *u;

	put(&s, "e@example.com", &e, -1, 300)->der = SPAN_LIT("nothing");
	u = put(&s, "f@example.com", &f, -1, 300);
	u->der = SPAN_LIT("nothing");
	ASSERT_OK(sha256_of(u->der, digest, NULL), NULL);
	sha256_hex(digest, u->fingerprint);
	put(&s, "g@example.com", &g, -1, 300)->bits = 4096;
	put(&s, "h@example.com", &h, -1, 300);
	assert_found(&s, want, COUNT_OF(want));
	assert_found(&s, more, COUNT_OF(more));
	clear(&s);
}

static void test_escrow(void)
{
	static const struct {
		const char *label;
		int to;
		const char *want;
	} escrows[] = {
		{"good", 300, NULL},
		{"ends soon", 5, "warning example.com its escrow certificate ends in 5 days"},
		{"ended", -1, "error example.com its escrow certificate ended"},
	};
	static struct stored s;

	for (size_t i = 0; i < COUNT_OF(escrows); i++) {
		struct testcert c = {.cn = "Escrow", .key = "rsa2048"};
		struct err err = ERR_INIT;
		struct buf pem;
		char setting[600];

		ROW(escrows[i].label);
		c.not_before = (int64_t)time(NULL) - 100 * (int64_t)DAY;
		c.not_after = (int64_t)time(NULL) + escrows[i].to * (int64_t)DAY - 3600;
		testcert_make(&c);
		buf_init(&pem, 100000);
		testcert_pem(&c, &pem);
		ASSERT_OK(file_write_atomic(test_path("escrow.pem"), buf_span(&pem), 0600, true,
					    &err),
			  &err);
		snprintf(setting, sizeof(setting), "escrow = \"%s\";", test_path("escrow.pem"));
		assert_found_with(setting, &s, &escrows[i].want, escrows[i].want != NULL);
		buf_clear(&pem);
		testcert_free(&c);
	}
	ROW("");
}

static void test_no_flood(void)
{
	static struct stored s;
	static char accounts[30][32];
	const char *want[21];
	struct testcert c = {.cn = "X", .key = "p256", .email = "x@example.com"};

	for (size_t i = 0; i < COUNT_OF(accounts); i++) {
		snprintf(accounts[i], sizeof(accounts[i]), "u%02zu@left.example", i);
		put(&s, accounts[i], &c, -1, 300);
	}
	for (size_t i = 0; i < 20; i++)
		want[i] = "note u";
	want[20] = "note certificates 10 more accounts are none by the configuration";
	assert_found(&s, want, COUNT_OF(want));
	clear(&s);
}

int main(void)
{
	static const struct test tests[] = {
		{"a file is judged", test_judged},
		{"a key beside the certificate", test_a_key_beside},
		{"check: nothing to find", test_nothing_to_find},
		{"check: one of each", test_one_of_each},
		{"check: what is stored", test_what_is_stored},
		{"check: escrow", test_escrow},
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
