/* The body through an envelope into the spool: whatever the pieces, for those who may open it and nobody else; and whatever
 * fails, nothing is left behind and nothing is called good. */
#include <errno.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/sealer.h"
#include "crypto/base64.h"
#include "crypto/ossl.h"
#include "dkim/bodyhash.h"
#include "dkimcheck.h"
#include "iofault.h"
#include "oom.h"
#include "opencms.h"
#include "test.h"
#include "testcert.h"

static struct testcert jim = {.cn = "jim", .email = "jim@example.com"};
static struct testcert ann = {.cn = "ann", .email = "ann@example.com"};
static struct testcert vault = {.cn = "vault", .email = "vault@example.com"};
static struct testcert eve = {.cn = "eve", .email = "eve@example.com"};
static struct testcert curve = {.cn = "curve", .email = "curve@example.com", .key = "p256"};

/* Certificates as the catalogue has them, and contents of them. */
static struct user_cert of_jim, of_ann, of_curve, broken;
static const struct user_cert *certs[ENVELOPE_CERTS_MAX + 1];
static const char *accounts[ENVELOPE_CERTS_MAX + 1];
static struct cert *escrow[1];

static void catalogue(struct user_cert *to, const struct testcert *from)
{
	unsigned char *der = NULL;
	int len = i2d_X509(from->x509, &der);

	CU_ASSERT_TRUE_FATAL(len > 0);
	*to = (struct user_cert){.account = from->email};
	to->der = span_of(der, (size_t)len);
}

static void make_all(void)
{
	testcert_make(&jim);
	testcert_make(&ann);
	testcert_make(&vault);
	testcert_make(&eve);
	testcert_make(&curve);
	catalogue(&of_jim, &jim);
	catalogue(&of_ann, &ann);
	catalogue(&of_curve, &curve);
	broken = of_jim;
	broken.der = span_sub(of_jim.der, 0, of_jim.der.len - 1);
	escrow[0] = testcert_cert(&vault);
}

static void free_all(void)
{
	OPENSSL_free((void *)(uintptr_t)of_jim.der.p);
	OPENSSL_free((void *)(uintptr_t)of_ann.der.p);
	OPENSSL_free((void *)(uintptr_t)of_curve.der.p);
	cert_unref(escrow[0]);
	testcert_free(&jim);
	testcert_free(&ann);
	testcert_free(&vault);
	testcert_free(&eve);
	testcert_free(&curve);
}

static struct route_content content_for(const struct user_cert *first,
					const struct user_cert *second, bool with_escrow)
{
	certs[0] = first;
	certs[1] = second;
	for (int i = 0; i < 2; i++)
		accounts[i] = certs[i] != NULL ? certs[i]->account : NULL;
	return (struct route_content){.seal = true,
				      .accounts = accounts,
				      .certs = certs,
				      .n_accounts = second != NULL ? 2 : 1,
				      .n_certs = second != NULL ? 2 : 1,
				      .escrow = escrow,
				      .n_escrow = with_escrow ? 1 : 0};
}

/* --- one run ------------------------------------------------------------------------------------ */

struct job {
	const struct route_content *content;
	const char *header, *dir;
	size_t memory;
	struct span body;
	size_t cut, piece; /* the first piece, and all behind it; 0: at random */
	struct signer *signer;
	long oom_at; /* the allocation that fails, from 1; 0: none */
};

static enum rc add_piece(void *ctx, struct span piece, struct err *err)
{
	return buf_add(ctx, piece, err);
}

static enum rc send_body(struct sealer *s, const struct job *j, struct err *err)
{
	struct span rest = span_from(j->body, j->cut);
	enum rc rc = sealer_body(s, span_sub(j->body, 0, j->cut), err);

	while (rest.len != 0 && rc == RC_OK) {
		size_t n = j->piece != 0 ? j->piece : 1 + test_random(40000);

		rc = sealer_body(s, span_sub(rest, 0, n), err);
		rest = span_from(rest, n);
	}
	return rc;
}

/* The text of the envelope in OUT, or nothing. */
static enum rc seal(const struct job *j, const struct fields *fields, struct buf *out,
		    struct sealer *s, struct err *err)
{
	enum rc rc = sealer_begin(s, j->content, fields, j->dir, j->memory, j->signer, err);

	out->len = 0;
	if (rc == RC_OK)
		rc = send_body(s, j, err);
	if (rc == RC_OK)
		rc = sealer_finish(s, err);
	if (rc == RC_OK)
		rc = spool_replay(s->text, 65535, add_piece, out, err);
	if (rc != RC_OK)
		out->len = 0;
	return rc;
}

/* From the header to the end, all cleared, and nothing is left: no descriptor, no file. *RET_SIGN: how the signer did. */
static enum rc run(const struct job *j, struct buf *out, enum rc *ret_sign, struct err *err)
{
	struct arena *arena = arena_new(1 << 20);
	struct sealer s = {.envelope = NULL};
	size_t before = open_descriptors();
	struct fields fields;
	struct span body;
	enum rc rc;
	bool crlf;

	CU_ASSERT_PTR_NOT_NULL_FATAL(arena);
	fields_init(&fields, arena, 1 << 20);
	rc = fields_read(&fields, span_str(j->header), &body, &crlf, err);
	if (j->oom_at != 0)
		oom_after(j->oom_at - 1);
	if (rc == RC_OK)
		rc = seal(j, &fields, out, &s, err);
	if (ret_sign != NULL)
		*ret_sign = s.sign_rc;
	sealer_clear(&s);
	CU_ASSERT_PTR_NULL(s.envelope);
	CU_ASSERT_PTR_NULL(s.text);
	CU_ASSERT_EQUAL(open_descriptors(), before);
	CU_ASSERT_EQUAL(files_in(j->dir), 0);
	fields_clear(&fields);
	arena_free(arena);
	return rc;
}

static const char *spool_dir(void)
{
	static char path[600];

	snprintf(path, sizeof(path), "%s/spool", test_dir());
	(void)mkdir(path, 0700);
	return path;
}

#define HEADER                                                                                     \
	"From: a\nContent-Type: text/plain;\n\tcharset=utf-8\nSubject: s\nContent-ID: <x>\n\n"
#define INSIDE "Content-Type: text/plain;\r\n\tcharset=utf-8\r\nContent-ID: <x>\r\n\r\n"

static struct job job(const struct route_content *c, struct span body)
{
	return (struct job){.content = c,
			    .header = HEADER,
			    .dir = spool_dir(),
			    .memory = 1000,
			    .body = body,
			    .piece = 65535};
}

/* The plain reference: what is to be found inside. A bare LF is a line end. */
static void inside_of(struct span body, struct buf *out)
{
	out->len = 0;
	CU_ASSERT_EQUAL(buf_adds(out, INSIDE, NULL), RC_OK);
	for (size_t i = 0; i < body.len; i++) {
		if ((body.p[i] == '\n' && (i == 0 || body.p[i - 1] != '\r') &&
		     buf_addc(out, '\r', NULL) != RC_OK) ||
		    buf_addc(out, body.p[i], NULL) != RC_OK)
			CU_FAIL_FATAL("out of memory");
	}
}

/* --- splits ------------------------------------------------------------------------------------- */

static const struct {
	const char *label;
	struct span body;
} short_rows[] = {
	{"text", SPAN_LIT("hello\r\nworld\r\n")},
	{"nothing", SPAN_LIT("")},
	{"an empty line", SPAN_LIT("\r\n")},
	{"no line end", SPAN_LIT("abc")},
	{"bare LF and CR", SPAN_LIT("a\nb\rc\r\rd\n\n\r\n")},
	{"NUL and eight bits", SPAN_LIT("\0\xff\xc3\xbc\0\r\n")},
};

static void test_every_split(void)
{
	static const size_t memory[] = {0, 100, 1 << 20};
	struct route_content c = content_for(&of_jim, NULL, false);
	struct err err = ERR_INIT;
	struct buf out, got, want;

	buf_init(&out, 1 << 20);
	buf_init(&got, 1 << 20);
	buf_init(&want, 1 << 20);
	for (size_t i = 0; i < COUNT_OF(short_rows); i++) {
		ROW(short_rows[i].label);
		inside_of(short_rows[i].body, &want);
		for (size_t cut = 0; cut <= short_rows[i].body.len; cut++) {
			struct job j = job(&c, short_rows[i].body);

			j.cut = cut;
			j.piece = cut % 3 + 1;
			j.memory = memory[cut % COUNT_OF(memory)];
			ASSERT_OK(run(&j, &out, NULL, &err), &err);
			CU_ASSERT_TRUE(opencms(buf_span(&out), &jim, &got));
			ASSERT_SPAN(buf_span(&got), buf_span(&want));
		}
	}
	ROW("");
	buf_clear(&out);
	buf_clear(&got);
	buf_clear(&want);
}

static void random_body(struct buf *out, size_t len)
{
	static const char often[] = "\r\n\n\r a=";

	out->len = 0;
	while (out->len < len) {
		char c = test_random(3) == 0 ? often[test_random(sizeof(often) - 1)]
					     : (char)test_random(256);

		if (buf_addc(out, c, NULL) != RC_OK)
			CU_FAIL_FATAL("out of memory");
	}
}

static void test_random_splits(void)
{
	struct route_content c = content_for(&of_jim, &of_ann, true);
	struct buf body, out, got, want;
	struct err err = ERR_INIT;

	buf_init(&body, 1 << 20);
	buf_init(&out, 4 << 20);
	buf_init(&got, 4 << 20);
	buf_init(&want, 4 << 20);
	for (int i = 0; i < 25; i++) {
		struct job j;

		random_body(&body, test_random(200000));
		inside_of(buf_span(&body), &want);
		j = job(&c, buf_span(&body));
		j.cut = test_random((unsigned)body.len + 1);
		j.piece = 0;
		j.memory = test_random(300000);
		ASSERT_OK(run(&j, &out, NULL, &err), &err);
		CU_ASSERT_EQUAL(opencms_recipients(buf_span(&out)), 3);
		CU_ASSERT_TRUE(opencms(buf_span(&out), &jim, &got));
		ASSERT_SPAN(buf_span(&got), buf_span(&want));
		CU_ASSERT_TRUE(opencms(buf_span(&out), &ann, &got));
		ASSERT_SPAN(buf_span(&got), buf_span(&want));
		CU_ASSERT_TRUE(opencms(buf_span(&out), &vault, &got));
		ASSERT_SPAN(buf_span(&got), buf_span(&want));
		CU_ASSERT_FALSE(opencms(buf_span(&out), &eve, &got));
	}
	buf_clear(&body);
	buf_clear(&out);
	buf_clear(&got);
	buf_clear(&want);
}

/* --- what cannot be sealed ---------------------------------------------------------------------- */

static void test_refused(void)
{
	struct route_content c = content_for(&of_jim, &broken, false);
	struct err err = ERR_INIT;
	struct buf out;
	struct job j;

	buf_init(&out, 1 << 20);
	j = job(&c, SPAN_LIT("x\r\n"));
	ASSERT_FAILS(run(&j, &out, NULL, &err), RC_INPUT, &err,
		     "sealing: certificate of jim@example.com: ");
	c = content_for(&of_curve, NULL, false);
	ASSERT_FAILS(run(&j, &out, NULL, &err), RC_INPUT, &err, "sealing: ");
	c = content_for(&of_jim, &of_curve, false);
	ASSERT_FAILS(run(&j, &out, NULL, &err), RC_INPUT, &err, "sealing: ");
	for (size_t i = 0; i < COUNT_OF(certs); i++) {
		certs[i] = &of_jim;
		accounts[i] = of_jim.account;
	}
	c.n_certs = c.n_accounts = ENVELOPE_CERTS_MAX;
	ASSERT_OK(run(&j, &out, NULL, &err), &err);
	CU_ASSERT_EQUAL(opencms_recipients(buf_span(&out)), 1);
	c.n_certs = c.n_accounts = ENVELOPE_CERTS_MAX + 1;
	ASSERT_FAILS(run(&j, &out, NULL, &err), RC_LIMIT, &err, "more than 64 certificates");
	c.n_certs = c.n_accounts = ENVELOPE_CERTS_MAX;
	c.n_escrow = 1;
	ASSERT_FAILS(run(&j, &out, NULL, &err), RC_LIMIT, &err, "more than 64 certificates");
	CU_ASSERT_EQUAL(out.len, 0);
	buf_clear(&out);
}

/* --- the spool ---------------------------------------------------------------------------------- */

static void test_no_directory(void)
{
	struct route_content c = content_for(&of_jim, NULL, false);
	struct err err = ERR_INIT;
	struct buf body, out;
	struct job j;

	buf_init(&body, 1 << 20);
	buf_init(&out, 1 << 20);
	random_body(&body, 50000);
	j = job(&c, buf_span(&body));
	j.dir = "/nonexistent";
	ASSERT_FAILS(run(&j, &out, NULL, &err), RC_IO, &err, "spool.dir /nonexistent");
	j.memory = 1 << 20; /* it is not asked for, then */
	ASSERT_OK(run(&j, &out, NULL, &err), &err);
	buf_clear(&body);
	buf_clear(&out);
}

/* The disk is full at each call in turn. A call that does a part of what it was asked for is no failure. */
static void test_disk(void)
{
	static const int reasons[] = {ENOSPC, EIO, EDQUOT, EINTR, 0};
	struct route_content c = content_for(&of_jim, NULL, false);
	struct err err = ERR_INIT;
	struct buf body, out, got, want;

	buf_init(&body, 1 << 20);
	buf_init(&out, 1 << 20);
	buf_init(&got, 1 << 20);
	buf_init(&want, 1 << 20);
	random_body(&body, 60000);
	inside_of(buf_span(&body), &want);
	for (size_t i = 0; i < COUNT_OF(reasons); i++) {
		bool failed = true;
		long n = 0;

		for (; failed; n++) {
			struct job j = job(&c, buf_span(&body));
			enum rc rc;

			j.piece = 5000;
			iofault_after(n, reasons[i]);
			rc = run(&j, &out, NULL, &err);
			failed = iofault_end();
			if (!failed || reasons[i] == 0 || (reasons[i] == EINTR && n > 0)) {
				ASSERT_OK(rc, &err);
				CU_ASSERT_TRUE(opencms(buf_span(&out), &jim, &got));
				ASSERT_SPAN(buf_span(&got), buf_span(&want));
			} else {
				ASSERT_FAILS(rc, RC_IO, &err, "spool.dir ");
				CU_ASSERT_EQUAL(out.len, 0);
			}
		}
		CU_ASSERT_TRUE(n > 8);
	}
	buf_clear(&body);
	buf_clear(&out);
	buf_clear(&got);
	buf_clear(&want);
}

/* --- the signer --------------------------------------------------------------------------------- */

static void signer_start(struct signer *s)
{
	struct err err = ERR_INIT;

	memset(s, 0, sizeof(*s));
	for (unsigned c = 0; c < COUNT_OF(s->hash); c++)
		ASSERT_OK(bodyhash_new((enum canon)c, UINT64_MAX, &s->hash[c], &err), &err);
}

/* Both hashes that S has are those of TEXT. */
static bool has_seen(struct signer *s, struct span text)
{
	bool good = true;

	for (unsigned c = 0; c < COUNT_OF(s->hash); c++) {
		uint8_t digest[SHA256_LEN];
		struct buf is, want;

		buf_init(&is, 100);
		buf_init(&want, 100);
		good = good && bodyhash_finish(s->hash[c], digest, NULL, NULL) == RC_OK &&
		       base64_encode(span_of(digest, SHA256_LEN), &is, NULL) == RC_OK;
		test_body_hash((enum canon)c, UINT64_MAX, text, &want);
		good = good && span_eq(buf_span(&is), buf_span(&want));
		buf_clear(&is);
		buf_clear(&want);
	}
	return good;
}

/* It sees what leaves, all of it, and not the message that came. */
static void test_signer(void)
{
	struct route_content c = content_for(&of_jim, NULL, false);
	struct err err = ERR_INIT;
	struct buf body, out;

	buf_init(&body, 1 << 20);
	buf_init(&out, 1 << 20);
	for (int i = 0; i < 20; i++) {
		enum rc sign_rc = RC_IO;
		struct signer signer;
		struct job j;

		random_body(&body, test_random(30000));
		j = job(&c, buf_span(&body));
		j.piece = 0;
		signer_start(&signer);
		j.signer = &signer;
		ASSERT_OK(run(&j, &out, &sign_rc, &err), &err);
		CU_ASSERT_EQUAL(sign_rc, RC_OK);
		CU_ASSERT_EQUAL(signer.body_bytes, out.len);
		CU_ASSERT_TRUE(has_seen(&signer, buf_span(&out)));
		signer_clear(&signer);
	}
	buf_clear(&body);
	buf_clear(&out);
}

/* --- memory ------------------------------------------------------------------------------------- */

/* The N-th allocation fails, our own or OpenSSL's: an error, or an envelope that is good. A signer that fails spoils no
 * envelope, and says so. *RET_RC: what became of it. False: there are not so many. */
static bool fail_one(long n, const struct buf *body, const struct buf *want, enum rc *ret_rc)
{
	struct route_content c = content_for(&of_jim, &of_ann, true);
	struct job j = job(&c, buf_span(body));
	enum rc sign_rc = RC_OK;
	struct signer signer;
	struct err err = ERR_INIT;
	struct buf out, got;
	bool failed;

	buf_init(&out, 1 << 20);
	buf_init(&got, 1 << 20);
	signer_start(&signer);
	j.signer = &signer;
	j.oom_at = n;
	*ret_rc = run(&j, &out, &sign_rc, &err);
	failed = oom_end();
	if (*ret_rc != RC_OK) {
		CU_ASSERT_TRUE(failed && err.text[0] != '\0' && out.len == 0);
	} else {
		CU_ASSERT_TRUE(opencms(buf_span(&out), &jim, &got));
		ASSERT_SPAN(buf_span(&got), buf_span(want));
		CU_ASSERT_TRUE(sign_rc != RC_OK || has_seen(&signer, buf_span(&out)));
	}
	signer_clear(&signer);
	buf_clear(&out);
	buf_clear(&got);
	return failed;
}

/* Some thousand are made while certificates are read, of which every seventh will do; of the rest each. */
static void test_allocations(void)
{
	enum { STEP = 7, EACH = 60 };
	size_t refused = 0;
	struct buf body, want;
	enum rc rc;
	long n = 1;

	buf_init(&body, 1 << 20);
	buf_init(&want, 1 << 20);
	random_body(&body, 20000);
	inside_of(buf_span(&body), &want);
	for (; fail_one(n, &body, &want, &rc); n += STEP)
		refused += rc != RC_OK;
	for (n -= EACH; fail_one(n, &body, &want, &rc); n++)
		refused += rc != RC_OK;
	printf("    %ld allocations, %zu refused\n", n, refused);
	CU_ASSERT_TRUE(refused > 50);
	buf_clear(&body);
	buf_clear(&want);
}

int main(void)
{
	static const struct test tests[] = {
		{"certificates", make_all},
		{"every split", test_every_split},
		{"random splits, for three", test_random_splits},
		{"what cannot be sealed", test_refused},
		{"no directory", test_no_directory},
		{"the disk at each call", test_disk},
		{"the signer", test_signer},
		{"each allocation", test_allocations},
	};
	int status;

	ossl_watch_memory();
	status = test_main("sealer", tests, COUNT_OF(tests));
	free_all();
	return status;
}
