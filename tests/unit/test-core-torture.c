/* Memory runs out at each allocation in turn: a message is signed wholly and sealed for good, or deferred. */
#include <openssl/bio.h>
#include <openssl/cms.h>
#include <stdio.h>
#include <string.h>

#include "core/session.h"
#include "crypto/ossl.h"
#include "fixture.h"
#include "oom.h"
#include "test.h"
#include "testcert.h"

struct field_text {
	const char *name, *value;
};

enum { SIGNATURE_SIZE = 2048 };

/* What became of one message. No memory for the session at all counts as deferred. */
struct outcome {
	enum verdict verdict;
	size_t n_signed;
	bool starved;
	bool line_shown;
	struct buf edits;		/* as text; without the signatures of a sealed message */
	struct buf body;		/* what it becomes; empty: it stays */
	char signature[SIGNATURE_SIZE]; /* the last one that was made */
};

static enum rc send_message(struct session *s, const struct field_text *fields, size_t n,
			    const struct edits **ret_edits, struct err *err)
{
	static const uint8_t loopback[] = {127, 0, 0, 1};
	enum verdict verdict = VERDICT_ACCEPT;
	struct reply reply = {NULL, NULL};
	enum session_next next;
	enum rc rc;

	session_set_leading_space(s, true);
	rc = session_macro(s, MACRO_MTA_NAME, SPAN_LIT("mx.example.com"), err);
	if (rc == RC_OK)
		rc = session_connect(s, SPAN_LIT("localhost"), CLIENT_INET, loopback, 9, err);
	if (rc == RC_OK)
		rc = session_mail(s, SPAN_LIT("<joe@example.com>"), NULL, 0, err);
	if (rc == RC_OK)
		rc = session_rcpt(s, SPAN_LIT("<jim@sealed.example>"), NULL, 0, &verdict, &reply,
				  err);
	for (size_t i = 0; i < n && rc == RC_OK; i++)
		rc = session_header(s, span_str(fields[i].name), span_str(fields[i].value), err);
	if (rc == RC_OK)
		rc = session_end_of_headers(s, &next, err);
	if (rc == RC_OK)
		rc = session_body(s, SPAN_LIT("body\r\n"), err);
	if (rc == RC_OK)
		rc = session_end_of_message(s, &next, ret_edits, err);
	return rc;
}

static bool show_line(const struct record *r)
{
	struct buf line;
	bool shown;

	buf_init(&line, 10000);
	shown = record_show(r, FORMAT_JSON, &line, NULL) == RC_OK &&
		record_show(r, FORMAT_PLAIN, &line, NULL) == RC_OK;
	buf_clear(&line);
	return shown;
}

static enum rc add_piece(void *ctx, struct span piece, struct err *err)
{
	return buf_add(ctx, piece, err);
}

static void keep_edits(const struct edits *edits, struct outcome *o)
{
	for (size_t i = 0; i < edits->v.len; i++) {
		const struct edit *e = vec_at(&edits->v, i);
		bool varies = edits->body != NULL && e->kind == EDIT_INSERT;

		(void)!buf_addf(&o->edits, NULL, "%d %s %d:%s\n", (int)e->kind, e->name, e->index,
				e->value != NULL && !varies ? e->value : "");
		if (e->kind == EDIT_INSERT)
			snprintf(o->signature, sizeof(o->signature), "%s", e->value);
	}
	if (edits->body != NULL)
		(void)!spool_replay(edits->body, 65536, add_piece, &o->body, NULL);
}

static void run(const struct session_env *env, const struct field_text *fields, size_t n,
		struct outcome *o)
{
	const struct edits *edits = NULL;
	const struct record *record;
	struct session *s = NULL;
	struct err err = ERR_INIT;

	*o = (struct outcome){.verdict = VERDICT_TEMPFAIL, .line_shown = true};
	buf_init(&o->edits, 1 << 20);
	buf_init(&o->body, 1 << 20);
	if (session_new(env, &s, &err) != RC_OK) {
		o->starved = oom_end();
		return;
	}
	if (send_message(s, fields, n, &edits, &err) != RC_OK)
		session_fail(s, &err);
	record = session_finish(s);
	if (record != NULL) {
		o->verdict = record->verdict;
		o->n_signed = record->n_signed;
		o->line_shown = show_line(record);
	}
	o->starved = oom_end();
	if (edits != NULL)
		keep_edits(edits, o);
	session_free(s);
}

static const char conf_text[] =
	"sign = { on_error = \"unsigned\"; };\n"
	"domains = ( { name = \"example.com\"; sign = { also = [\"example.net\"]; }; },\n"
	" { name = \"example.net\"; sign = { canonicalization = \"simple/simple\"; diagnostics = "
	"true; }; },\n"
	" { name = \"rsa.example\"; sign = { existing = \"replace\"; }; },\n"
	" { name = \"sealed.example\"; sign = { enabled = false; }; rules = (\n"
	"   { name = \"seal\"; level = \"account\"; owner = \"jim@sealed.example\";\n"
	"     when = ( (\"Security\", \"is not\", \"encrypted\"), (\"Subject\", \"is\", "
	"\"secret\") );\n"
	"     do = ( (\"Tag Subject\", \"[s]\"), (\"Store Encrypted in\", \"INBOX\"), "
	"(\"Discard\") ); } ); } );\n";
static const char selectors_text[] =
	"example.com r1 rsa-sha256 active 1700000000 1700000000 rsa\n"
	"example.com x1 ed25519-sha256 active 1700000000 1700000000 ed25519\n"
	"example.net x1 ed25519-sha256 active 1700000000 1700000000 ed25519\n"
	"rsa.example r1 rsa-sha256 active 1700000000 1700000000 rsa\n";

static struct testcert jim = {.cn = "jim", .email = "jim@sealed.example"};

static void add_jim(void)
{
	unsigned char *der = NULL;
	int len;
	struct user_cert u = {.account = "jim@sealed.example", .kind = CERT_RSA, .bits = 2048};
	struct directory *d = NULL;
	struct err err = ERR_INIT;
	struct cert *c;

	testcert_make(&jim);
	c = testcert_cert(&jim);
	len = i2d_X509(jim.x509, &der);
	u.der = span_of(der, (size_t)len);
	u.not_before = 1;
	u.not_after = FIXTURE_NOW * (int64_t)2;
	memcpy(u.fingerprint, cert_fingerprint(c), sizeof(u.fingerprint));
	ASSERT_OK(directory_open(test_path("state"), DIRECTORY_WRITE, &d, &err), &err);
	ASSERT_OK(d->ops->user_cert_add(d, &u, &err), &err);
	directory_close(d);
	cert_unref(c);
	OPENSSL_free(der);
}

/* BODY is an envelope that Jim opens, and in it is all of the message. */
static void check_envelope(struct span body)
{
	static const char plain[] = "Content-Type: text/plain\r\n\r\nbody\r\n";
	BIO *text = BIO_new_mem_buf(body.p, (int)body.len), *base64 = BIO_new(BIO_f_base64());
	BIO *out = BIO_new(BIO_s_mem());
	CMS_ContentInfo *cms = d2i_CMS_bio(BIO_push(base64, text), NULL);
	char *opened = NULL;
	long len;

	CU_ASSERT_PTR_NOT_NULL_FATAL(cms);
	CU_ASSERT_EQUAL(CMS_decrypt(cms, jim.pkey, jim.x509, NULL, out, 0), 1);
	len = BIO_get_mem_data(out, &opened);
	ASSERT_SPAN(span_of(opened, (size_t)len), SPAN_LIT(plain));
	CMS_ContentInfo_free(cms);
	BIO_free(out);
	BIO_free_all(base64);
}

static void check_outcome(const struct outcome *o, const struct outcome *want)
{
	if (o->verdict == VERDICT_ACCEPT) {
		CU_ASSERT_EQUAL(o->n_signed, want->n_signed);
		CU_ASSERT_TRUE(span_eq(buf_span(&o->edits), buf_span(&want->edits)));
		CU_ASSERT_EQUAL(o->body.len != 0, want->body.len != 0);
		if (o->body.len != 0)
			check_envelope(buf_span(&o->body));
	} else {
		CU_ASSERT_EQUAL(o->n_signed, 0);
		CU_ASSERT_EQUAL(o->edits.len, 0);
		CU_ASSERT_EQUAL(o->body.len, 0);
	}
	CU_ASSERT_TRUE(o->starved || (o->verdict == VERDICT_ACCEPT && o->line_shown));
}

struct scene {
	const char *label;
	const struct field_text *fields;
	size_t n;
	bool keys_are_read;
	long step; /* every n-th allocation: OpenSSL makes some thousand to read a key */
	size_t n_signed;
	bool sealed;
};

/* The keys are read by each message, or were before the first one. */
static void set_scene(const struct scene *scene, struct session_env *env, struct outcome *ret)
{
	struct err err = ERR_INIT;

	ASSERT_OK(keycache_new(test_path("state"), 10, &env->keys, &err), &err);
	run(env, scene->fields, scene->n, ret);
	CU_ASSERT_EQUAL(ret->verdict, VERDICT_ACCEPT);
	CU_ASSERT_EQUAL(ret->n_signed, scene->n_signed);
	CU_ASSERT_EQUAL(ret->edits.len != 0, scene->n_signed != 0 || scene->sealed);
	CU_ASSERT_EQUAL(ret->body.len != 0, scene->sealed);
	if (scene->keys_are_read)
		keycache_free(env->keys);
}

static void fail_each_allocation(const struct session_env *shared, const struct scene *scene,
				 char signature[SIGNATURE_SIZE])
{
	struct session_env env = *shared;
	struct outcome want, got;
	long at = 0;

	ROW(scene->label);
	set_scene(scene, &env, &want);
	do {
		struct err err = ERR_INIT;

		if (scene->keys_are_read)
			ASSERT_OK(keycache_new(test_path("state"), 10, &env.keys, &err), &err);
		oom_after(at);
		at += scene->step;
		run(&env, scene->fields, scene->n, &got);
		check_outcome(&got, &want);
		buf_clear(&got.edits);
		buf_clear(&got.body);
		if (scene->keys_are_read)
			keycache_free(env.keys);
	} while (got.starved);
	printf("    %s: %ld allocations\n", scene->label, at);
	CU_ASSERT_TRUE(at > 30);
	if (!scene->keys_are_read)
		keycache_free(env.keys);
	buf_clear(&want.edits);
	buf_clear(&want.body);
	memcpy(signature, want.signature, sizeof(want.signature));
}

static void test_every_allocation(void)
{
	static const struct field_text fields[] = {
		{"DKIM-Signature",
		 " v=1; a=rsa-sha256; d=example.com; s=r1; h=from; bh=eA==; b=eA=="},
		{"Received", " from a (a [10.0.0.1]) by mx.example.net with ESMTP id 1"},
		{"From", " \"Joe\" <joe@example.com>"},
		{"Subject", " one\n two"},
	};
	static const struct field_text of_ed[] = {{"From", " joe@example.net"}};
	static const struct field_text of_rsa[] = {
		{"DKIM-Signature",
		 " v=1; a=rsa-sha256; d=rsa.example; s=r0; h=from; bh=eA==; b=eA=="},
		{"From", " joe@rsa.example"},
	};
	static const struct field_text to_jim[] = {
		{"From", " x@other.example"},
		{"Subject", " secret"},
		{"Content-Type", " text/plain"},
	};
	static const struct field_text from_us_to_jim[] = {
		{"From", " joe@example.net"},
		{"Subject", " secret"},
		{"Content-Type", " text/plain"},
	};
	static const struct scene scenes[] = {
		{"sealed", to_jim, COUNT_OF(to_jim), false, 1, 0, true},
		{"a signature is there already", fields, COUNT_OF(fields), false, 1, 3, false},
		{"none is there", fields + 1, COUNT_OF(fields) - 1, false, 1, 3, false},
		{"a signature is replaced", of_rsa, COUNT_OF(of_rsa), false, 1, 1, false},
		{"sealed and signed", from_us_to_jim, COUNT_OF(from_us_to_jim), false, 1, 1, true},
		{"an RSA key is read first", of_rsa, COUNT_OF(of_rsa), true, 3, 1, false},
		{"three keys are read first", fields + 1, COUNT_OF(fields) - 1, true, 101, 3,
		 false},
		{"an Ed25519 key is read first", of_ed, COUNT_OF(of_ed), true, 3, 1, false},
	};
	char signature[SIGNATURE_SIZE] = "";
	const struct field_text signed_already[] = {{"DKIM-Signature", signature}, of_ed[0]};
	const struct scene last = {"it is signed already",
				   signed_already,
				   COUNT_OF(signed_already),
				   false,
				   1,
				   0,
				   false};
	struct fixture fixture;
	struct err err = ERR_INIT;

	ASSERT_OK(fixture_open(&fixture, test_dir(), span_str(conf_text), span_str(selectors_text),
			       &err),
		  &err);
	add_jim();
	ASSERT_OK(fixture_reload(&fixture, span_str(conf_text), &err), &err);
	for (size_t i = 0; i < COUNT_OF(scenes); i++)
		fail_each_allocation(&fixture.env, &scenes[i], signature);
	fail_each_allocation(&fixture.env, &last, signature);
	fixture_close(&fixture);
	testcert_free(&jim);
}

int main(void)
{
	static const struct test tests[] = {{"every allocation fails once", test_every_allocation}};

	ossl_watch_memory();
	return test_main("core-torture", tests, COUNT_OF(tests));
}
