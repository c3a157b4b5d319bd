/* Opening: what was sealed, by us and by others, comes out byte for byte; what cannot be opened says why. */
#include <openssl/cms.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/base64.h"
#include "smime/envelope.h"
#include "smime/open.h"
#include "test.h"
#include "testcert.h"

enum { ROOM = 8 << 20 };

static struct testcert john = {.cn = "John", .email = "john@example.com"};
static struct testcert eve = {.cn = "Eve", .email = "eve@example.com"};
static struct testcert ec = {.cn = "EC", .email = "ec@example.com", .key = "p256"};
static struct testcert ed = {.cn = "Ed", .email = "ed@example.com", .key = "ed25519"};

/* A body in memory that is read in pieces of at most PIECE octets, and breaks after FAIL_AFTER of them (0: never). */
struct memory {
	struct span body;
	size_t at, piece, fail_after;
};

static enum rc memory_rewind(void *ctx, struct err *err UNUSED)
{
	((struct memory *)ctx)->at = 0;
	return RC_OK;
}

static enum rc memory_read(void *ctx, char *room, size_t size, size_t *ret_len, struct err *err)
{
	struct memory *m = ctx;
	struct span part = span_sub(m->body, m->at, size < m->piece ? size : m->piece);

	if (m->fail_after != 0 && m->at >= m->fail_after)
		return err_set(err, RC_IO, "disk broken");
	if (part.len > 0)
		memcpy(room, part.p, part.len);
	m->at += part.len;
	*ret_len = part.len;
	return RC_OK;
}

/* What came out. */
struct got {
	struct buf header, body;
	size_t n_fields;
	int calls_of_header;
	bool refuse_header, refuse_body;
};

static enum rc got_header(void *ctx, const struct fields *inner, struct span raw, struct err *err)
{
	struct got *g = ctx;

	g->calls_of_header++;
	g->n_fields = fields_count(inner);
	if (g->refuse_header)
		return err_set(err, RC_IO, "header refused");
	return buf_add(&g->header, raw, err);
}

static enum rc got_body(void *ctx, struct span piece, struct err *err)
{
	struct got *g = ctx;

	CU_ASSERT_EQUAL(g->calls_of_header, 1);
	if (g->refuse_body)
		return err_set(err, RC_IO, "disk full");
	return buf_add(&g->body, piece, err);
}

static void got_init(struct got *g)
{
	memset(g, 0, sizeof(*g));
	buf_init(&g->header, ROOM);
	buf_init(&g->body, ROOM);
}

static void got_clear(struct got *g)
{
	buf_clear(&g->header);
	buf_clear(&g->body);
}

static struct openkey *key_of(const struct testcert *c)
{
	struct err err = ERR_INIT;
	struct openkey *k = NULL;
	struct buf pem;

	buf_init(&pem, 65536);
	testcert_key_pem(c, &pem);
	testcert_pem(c, &pem);
	ASSERT_OK(openkey_read(buf_span(&pem), NULL, &k, &err), &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(k);
	buf_clear(&pem);
	return k;
}

/* HEADER of the sealed message ("" or lines with LF), BODY, opened with K in pieces of PIECE. */
static enum rc open_memory(const struct openkey *k, const char *header, struct memory *m,
			   struct got *g, struct err *err)
{
	struct open_source src = {.rewind = memory_rewind, .read = memory_read, .ctx = m};
	struct open_sink sink = {.header = got_header, .body = got_body, .ctx = g};
	struct arena *arena = arena_new(1 << 20);
	struct fields fields;
	struct span rest;
	bool crlf;
	enum rc rc;

	fields_init(&fields, arena, 65536);
	CU_ASSERT_EQUAL(fields_read(&fields, span_str(header), &rest, &crlf, NULL), RC_OK);
	g->header.len = g->body.len = 0;
	g->calls_of_header = 0;
	rc = open_entity(k, &fields, &src, &sink, err);
	fields_clear(&fields);
	arena_free(arena);
	return rc;
}

static enum rc open_span(const struct openkey *k, const char *header, struct span body,
			 struct got *g, struct err *err)
{
	struct memory m = {.body = body, .piece = 65536};

	return open_memory(k, header, &m, g, err);
}

static enum rc to_buf(void *ctx, struct span piece, struct err *err)
{
	return buf_add(ctx, piece, err);
}

/* By our own envelope, as base64 text. */
static void seal(const struct testcert *c, struct span text, struct buf *out)
{
	struct err err = ERR_INIT;
	struct envelope *e = NULL;
	struct cert *cert = testcert_cert(c);

	out->len = 0;
	ASSERT_OK(envelope_new(PROFILE_COMPAT, &cert, 1, to_buf, out, &e, &err), &err);
	ASSERT_OK(envelope_update(e, text, &err), &err);
	ASSERT_OK(envelope_finish(e, &err), &err);
	envelope_free(e);
	cert_unref(cert);
}

enum form { FORM_DER, FORM_BER, FORM_OAEP, FORM_KEYID, FORM_GCM, FORM_GCM_BER, FORM_3DES };

/* By OpenSSL alone, in one of the forms that others send; DER or BER octets. */
static void seal_as(enum form form, const struct testcert *c, struct span text, struct buf *out)
{
	bool gcm = form == FORM_GCM || form == FORM_GCM_BER;
	/* OpenSSL 3.0 cannot stream a GCM envelope of nothing. */
	bool stream = (form == FORM_BER || form == FORM_GCM_BER) && text.len > 0;
	unsigned flags = CMS_BINARY | CMS_PARTIAL | (stream ? CMS_STREAM : 0);
	const EVP_CIPHER *cipher = gcm		       ? EVP_aes_256_gcm()
				   : form == FORM_3DES ? EVP_des_ede3_cbc()
						       : EVP_aes_128_cbc();
	CMS_ContentInfo *cms = CMS_encrypt(NULL, NULL, cipher, flags);
	unsigned extra = CMS_KEY_PARAM | (form == FORM_KEYID ? CMS_USE_KEYID : 0);
	CMS_RecipientInfo *ri = CMS_add1_recipient_cert(cms, c->x509, extra);
	BIO *in = BIO_new_mem_buf(text.p, (int)text.len), *mem = BIO_new(BIO_s_mem());
	char *bytes;
	long len;

	CU_ASSERT_PTR_NOT_NULL_FATAL(ri);
	if (form == FORM_OAEP) {
		EVP_PKEY_CTX *ctx = CMS_RecipientInfo_get0_pkey_ctx(ri);

		CU_ASSERT_EQUAL(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING), 1);
		CU_ASSERT_EQUAL(EVP_PKEY_CTX_set_rsa_oaep_md(ctx, EVP_sha256()), 1);
	}
	if (stream) {
		CU_ASSERT_EQUAL_FATAL(i2d_CMS_bio_stream(mem, cms, in, (int)flags), 1);
	} else {
		CU_ASSERT_EQUAL_FATAL(CMS_final(cms, in, NULL, flags), 1);
		CU_ASSERT_EQUAL_FATAL(i2d_CMS_bio(mem, cms), 1);
	}
	len = BIO_get_mem_data(mem, &bytes);
	out->len = 0;
	CU_ASSERT_EQUAL(buf_add(out, span_of(bytes, (size_t)len), NULL), RC_OK);
	BIO_free(in);
	BIO_free(mem);
	CMS_ContentInfo_free(cms);
}

static void make_all(void)
{
	if (john.x509 != NULL)
		return;
	testcert_make(&john);
	testcert_make(&eve);
	testcert_make(&ec);
	testcert_make(&ed);
}

#define BASE64 "Content-Transfer-Encoding: base64\n"
#define BINARY "Content-Transfer-Encoding: Binary\n"

static const struct {
	const char *label;
	struct span entity, header, body; /* what comes out of ENTITY */
	size_t n_fields;
} entities[] = {
	{"plain", SPAN_LIT("Content-Type: text/plain\r\n\r\nhello\r\n"),
	 SPAN_LIT("Content-Type: text/plain\r\n"), SPAN_LIT("hello\r\n"), 1},
	{"no fields", SPAN_LIT("\r\nhello\r\n"), SPAN_LIT(""), SPAN_LIT("hello\r\n"), 0},
	{"header alone", SPAN_LIT("Content-ID: <a@b>\r\n\r\n"), SPAN_LIT("Content-ID: <a@b>\r\n"),
	 SPAN_LIT(""), 1},
	{"header without its empty line", SPAN_LIT("Content-ID: <a@b>"),
	 SPAN_LIT("Content-ID: <a@b>"), SPAN_LIT(""), 1},
	{"nothing", SPAN_LIT(""), SPAN_LIT(""), SPAN_LIT(""), 0},
	{"folds", SPAN_LIT("Content-Type: text/plain;\r\n\tcharset=x\r\nContent-ID: 1\r\n\r\n\r\n"),
	 SPAN_LIT("Content-Type: text/plain;\r\n\tcharset=x\r\nContent-ID: 1\r\n"),
	 SPAN_LIT("\r\n"), 2},
	{"NUL, CR, CR CR LF, 8 bit", SPAN_LIT("A: b\r\n\r\n\0\r\0\r\r\n\xff\xe4\r\n\r"),
	 SPAN_LIT("A: b\r\n"), SPAN_LIT("\0\r\0\r\r\n\xff\xe4\r\n\r"), 1},
};

static void assert_entity(const struct got *g, size_t i)
{
	ASSERT_SPAN(buf_span(&g->header), entities[i].header);
	ASSERT_SPAN(buf_span(&g->body), entities[i].body);
	CU_ASSERT_EQUAL(g->n_fields, entities[i].n_fields);
}

static void test_ours_at_every_split(void)
{
	struct openkey *k;
	struct buf text;
	struct got g;

	make_all();
	k = key_of(&john);
	got_init(&g);
	buf_init(&text, ROOM);
	for (size_t i = 0; i < COUNT_OF(entities); i++) {
		ROW(entities[i].label);
		seal(&john, entities[i].entity, &text);
		for (size_t piece = 1; piece < 90; piece++) {
			struct memory m = {.body = buf_span(&text), .piece = piece};
			struct err err = ERR_INIT;

			ASSERT_OK(open_memory(k, BASE64, &m, &g, &err), &err);
			assert_entity(&g, i);
		}
	}
	ROW("");
	got_clear(&g);
	buf_clear(&text);
	openkey_free(k);
}

static void test_forms_of_others(void)
{
	static const struct {
		const char *label;
		enum form form;
		struct testcert *to;
	} forms[] = {
		{"DER", FORM_DER, &john},	   {"BER stream", FORM_BER, &john},
		{"RSA-OAEP", FORM_OAEP, &john},	   {"key identifier", FORM_KEYID, &john},
		{"AES-GCM", FORM_GCM, &john},	   {"AES-GCM, BER stream", FORM_GCM_BER, &john},
		{"3DES", FORM_3DES, &john},	   {"ECDH, DER", FORM_DER, &ec},
		{"ECDH, stream", FORM_BER, &ec},   {"ECDH, AES-GCM", FORM_GCM, &ec},
		{"ECDH, key id", FORM_KEYID, &ec},
	};
	struct buf octets;
	struct got g;

	make_all();
	got_init(&g);
	buf_init(&octets, ROOM);
	for (size_t f = 0; f < COUNT_OF(forms); f++) {
		struct openkey *k = key_of(forms[f].to);

		ROW(forms[f].label);
		for (size_t i = 0; i < COUNT_OF(entities); i++) {
			struct err err = ERR_INIT;

			seal_as(forms[f].form, forms[f].to, entities[i].entity, &octets);
			ASSERT_OK(open_span(k, BINARY, buf_span(&octets), &g, &err), &err);
			assert_entity(&g, i);
		}
		openkey_free(k);
	}
	ROW("");
	got_clear(&g);
	buf_clear(&octets);
}

static void test_large_in_pieces(void)
{
	static const size_t pieces[] = {1, 7, 4096, 65536};
	struct openkey *k;
	struct buf octets, entity;
	struct got g;

	make_all();
	k = key_of(&john);
	got_init(&g);
	buf_init(&octets, ROOM);
	buf_init(&entity, ROOM);
	CU_ASSERT_EQUAL(buf_adds(&entity, "A: b\r\n\r\n", NULL), RC_OK);
	for (size_t i = 0; i < 300000; i++)
		CU_ASSERT_EQUAL(buf_addc(&entity, (char)test_random(256), NULL), RC_OK);
	for (int form = FORM_DER; form <= FORM_GCM_BER; form++) {
		seal_as((enum form)form, &john, buf_span(&entity), &octets);
		for (size_t i = 0; i < COUNT_OF(pieces); i++) {
			struct memory m = {.body = buf_span(&octets), .piece = pieces[i]};
			struct err err = ERR_INIT;

			ASSERT_OK(open_memory(k, "", &m, &g, &err), &err);
			ASSERT_SPAN(buf_span(&g.body), span_from(buf_span(&entity), 8));
		}
	}
	got_clear(&g);
	buf_clear(&octets);
	buf_clear(&entity);
	openkey_free(k);
}

/* Cut anywhere, an envelope never opens: the structure must be whole before anything comes out. */
static void test_cut_anywhere(void)
{
	struct openkey *k;
	struct buf octets;
	struct got g;

	make_all();
	k = key_of(&john);
	got_init(&g);
	buf_init(&octets, ROOM);
	for (int form = FORM_DER; form <= FORM_GCM_BER; form++) {
		seal_as((enum form)form, &john, entities[0].entity, &octets);
		for (size_t len = 0; len < octets.len; len++) {
			struct err err = ERR_INIT;

			ASSERT_FAILS(
				open_span(k, "", span_sub(buf_span(&octets), 0, len), &g, &err),
				RC_INPUT, &err, "cut");
			CU_ASSERT_EQUAL(g.calls_of_header, 0);
		}
	}
	got_clear(&g);
	buf_clear(&octets);
	openkey_free(k);
}

/* One bit damaged anywhere: AuthEnvelopedData never gives anything but what was sealed; no form breaks the reader. */
static void test_damaged_anywhere(void)
{
	static const enum form forms[] = {FORM_GCM, FORM_GCM_BER, FORM_DER, FORM_BER};
	struct openkey *k;
	struct buf octets;
	struct got g;

	make_all();
	k = key_of(&john);
	got_init(&g);
	buf_init(&octets, ROOM);
	for (size_t f = 0; f < COUNT_OF(forms); f++) {
		seal_as(forms[f], &john, entities[0].entity, &octets);
		for (size_t bit = 0; bit < octets.len * 8; bit += 1 + test_random(14)) {
			struct err err = ERR_INIT;
			enum rc rc;

			octets.p[bit / 8] ^= (char)(1 << bit % 8);
			rc = open_span(k, "", buf_span(&octets), &g, &err);
			if (rc == RC_OK && f < 2)
				assert_entity(&g, 0);
			else if (rc != RC_OK)
				CU_ASSERT_TRUE(err.text[0] != '\0');
			octets.p[bit / 8] ^= (char)(1 << bit % 8);
		}
	}
	got_clear(&g);
	buf_clear(&octets);
	openkey_free(k);
}

/* A certificate of EVE's key with JOHN's issuer and serial number. */
static struct openkey *forged_key(void)
{
	struct testcert forged = eve;
	struct openkey *k;

	forged.x509 = X509_dup(john.x509);
	X509_set_pubkey(forged.x509, eve.pkey);
	CU_ASSERT_TRUE_FATAL(X509_sign(forged.x509, eve.pkey, EVP_sha256()) > 0);
	k = key_of(&forged);
	X509_free(forged.x509);
	return k;
}

static void test_who_cannot(void)
{
	struct openkey *k_eve, *k_ec, *k_forged;
	struct buf text;
	struct got g;
	struct err err = ERR_INIT;

	make_all();
	k_eve = key_of(&eve);
	k_ec = key_of(&ec);
	k_forged = forged_key();
	got_init(&g);
	buf_init(&text, ROOM);
	seal(&john, entities[0].entity, &text);
	ASSERT_FAILS(open_span(k_eve, BASE64, buf_span(&text), &g, &err), RC_PERM, &err,
		     "not sealed for CN=Eve");
	ASSERT_FAILS(open_span(k_ec, BASE64, buf_span(&text), &g, &err), RC_PERM, &err, "CN=John");
	/* The envelope names it, the key is another: random octets come out, mostly no padding at their end. */
	for (int i = 0; i < 300; i++) {
		seal(&john, entities[0].entity, &text);
		ASSERT_FAILS(open_span(k_forged, BASE64, buf_span(&text), &g, &err), RC_INPUT, &err,
			     "the private key is not the one");
	}
	seal_as(FORM_DER, &ec, entities[0].entity, &text);
	ASSERT_FAILS(open_span(k_eve, "", buf_span(&text), &g, &err), RC_PERM, &err, "CN=Eve");
	got_clear(&g);
	buf_clear(&text);
	openkey_free(k_eve);
	openkey_free(k_ec);
	openkey_free(k_forged);
}

/* The first place where LEN octets are WHAT. */
static char *find(struct buf *in, const char *what, size_t len)
{
	size_t at = span_search(buf_span(in), span_of(what, len), 0, false);

	CU_ASSERT_TRUE_FATAL(at < in->len);
	return in->p + at;
}

static const char oid_data[] = "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03";
static const char oid_gcm[] = "\x60\x86\x48\x01\x65\x03\x04\x01\x2e";
static const char oid_cbc[] = "\x60\x86\x48\x01\x65\x03\x04\x01\x02";

static void test_refusals(void)
{
	static const struct {
		const char *label;
		const char *header;
		struct span body;
		const char *words;
	} rows[] = {
		{"nothing", "", SPAN_LIT(""), "cut"},
		{"text", "", SPAN_LIT("hello, world"), "no ContentInfo"},
		{"text as base64", BASE64, SPAN_LIT("aGVsbG8sIHdvcmxk"), "no ContentInfo"},
		{"other encoding", "Content-Transfer-Encoding: quoted-printable\n", SPAN_LIT("x"),
		 "quoted-printable"},
		{"SignedData", "",
		 SPAN_LIT("\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0\x80"),
		 "no envelope"},
		{"no set of recipients", "",
		 SPAN_LIT("\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03\xa0\x80\x30\x80"
			  "\x02\x01\x00\x30\x80"),
		 "no set of recipients"},
		{"length of nine octets", "", SPAN_LIT("\x30\x89\1\1\1\1\1\1\1\1\1"), "9 octets"},
		{"length past every file", "", SPAN_LIT("\x30\x88\xff\1\1\1\1\1\1\1"),
		 "that no file has"},
		{"long tag", "", SPAN_LIT("\x3f\x81\x01"), "several octets"},
		{"string without an end", "", SPAN_LIT("\x30\x80\x06\x80"), "without an end"},
	};
	struct openkey *k;
	struct buf octets, keyless;
	struct openkey *alone = NULL;
	struct got g;
	struct err err = ERR_INIT;

	make_all();
	k = key_of(&john);
	got_init(&g);
	buf_init(&octets, ROOM);
	buf_init(&keyless, ROOM);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		ROW(rows[i].label);
		ASSERT_FAILS(open_span(k, rows[i].header, rows[i].body, &g, &err), RC_INPUT, &err,
			     rows[i].words);
	}
	ROW("plain text inside, no entity");
	seal_as(FORM_DER, &john, SPAN_LIT("just a line\r\nand another\r\n"), &octets);
	ASSERT_FAILS(open_span(k, "", buf_span(&octets), &g, &err), RC_INPUT, &err,
		     "no MIME entity");
	CU_ASSERT_EQUAL(g.calls_of_header, 0);
	ROW("the tag taken away: CBC called GCM and GCM called CBC");
	seal_as(FORM_GCM, &john, entities[0].entity, &octets);
	memcpy(find(&octets, oid_gcm, 9), "\x60\x86\x48\x01\x65\x03\x04\x01\x2a", 9);
	ASSERT_FAILS(open_span(k, "", buf_span(&octets), &g, &err), RC_INPUT, &err,
		     "does not belong into AuthEnvelopedData");
	seal_as(FORM_DER, &john, entities[0].entity, &octets);
	memcpy(find(&octets, oid_cbc, 9), oid_gcm, 9);
	ASSERT_FAILS(open_span(k, "", buf_span(&octets), &g, &err), RC_INPUT, &err,
		     "does not belong into EnvelopedData");
	seal_as(FORM_DER, &john, entities[0].entity, &octets);
	memcpy(find(&octets, oid_cbc, 9), "\x60\x86\x48\x01\x65\x03\x04\x01\x7f", 9);
	ASSERT_FAILS(open_span(k, "", buf_span(&octets), &g, &err), RC_INPUT, &err, "not known");
	seal_as(FORM_DER, &john, entities[0].entity, &octets);
	memcpy(find(&octets, oid_data, 9), "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x06", 9);
	ASSERT_FAILS(open_span(k, "", buf_span(&octets), &g, &err), RC_INPUT, &err, "no envelope");
	ROW("a key without its certificate");
	testcert_key_pem(&john, &keyless);
	ASSERT_OK(openkey_read(buf_span(&keyless), NULL, &alone, &err), &err);
	ASSERT_FAILS(open_span(alone, "", buf_span(&octets), &g, &err), RC_INPUT, &err, "--cert");
	ROW("");
	openkey_free(alone);
	got_clear(&g);
	buf_clear(&octets);
	buf_clear(&keyless);
	openkey_free(k);
}

/* The last octets of a GCM envelope in DER are its tag: 04 10 and 16 octets. Made shorter, with every length around
 * it left as it is where BER has none. */
static void test_short_tag(void)
{
	struct openkey *k;
	struct buf octets;
	struct got g;
	struct err err = ERR_INIT;
	char *tag;

	make_all();
	k = key_of(&john);
	got_init(&g);
	buf_init(&octets, ROOM);
	seal_as(FORM_GCM_BER, &john, entities[0].entity, &octets);
	tag = octets.p + octets.len - 6 - 18;
	CU_ASSERT_EQUAL_FATAL(memcmp(tag, "\x04\x10", 2), 0);
	ASSERT_OK(open_span(k, "", buf_span(&octets), &g, &err), &err);
	tag[1] = 4;
	memmove(tag + 6, tag + 18, 6);
	octets.len -= 12;
	ASSERT_FAILS(open_span(k, "", buf_span(&octets), &g, &err), RC_INPUT, &err, "4 octets");
	got_clear(&g);
	buf_clear(&octets);
	openkey_free(k);
}

static void test_source_and_sink_that_fail(void)
{
	struct openkey *k;
	struct buf octets;
	struct got g;
	struct err err = ERR_INIT;
	struct memory m;

	make_all();
	k = key_of(&john);
	got_init(&g);
	buf_init(&octets, ROOM);
	seal_as(FORM_BER, &john, entities[0].entity, &octets);
	m = (struct memory){.body = buf_span(&octets), .piece = 10, .fail_after = 100};
	ASSERT_FAILS(open_memory(k, "", &m, &g, &err), RC_IO, &err, "disk broken");
	g.refuse_body = true;
	ASSERT_FAILS(open_span(k, "", buf_span(&octets), &g, &err), RC_IO, &err, "disk full");
	g.refuse_header = true;
	ASSERT_FAILS(open_span(k, "", buf_span(&octets), &g, &err), RC_IO, &err, "header refused");
	got_clear(&g);
	buf_clear(&octets);
	openkey_free(k);
}

enum key_form {
	KEY_PKCS8,
	KEY_TRADITIONAL,
	KEY_DER,
	KEY_ENCRYPTED,
	KEY_ENCRYPTED_DER,
	KEY_P12,
	KEY_P12_OLD,
	KEY_P12_EMPTY,
	KEY_P12_NO_KEY,
	KEY_CERT_ONLY,
	KEY_NOTHING
};

static void write_p12(BIO *bio, const struct testcert *c, const char *passphrase, int nid, bool key)
{
	PKCS12 *p12 = PKCS12_create(passphrase, "name", key ? c->pkey : NULL, c->x509, NULL, nid,
				    nid, 0, 0, 0);

	CU_ASSERT_PTR_NOT_NULL_FATAL(p12);
	CU_ASSERT_EQUAL(i2d_PKCS12_bio(bio, p12), 1);
	PKCS12_free(p12);
}

static void write_key(enum key_form form, const struct testcert *c, struct buf *out)
{
	const EVP_CIPHER *aes = EVP_aes_256_cbc();
	BIO *bio = BIO_new(BIO_s_mem());
	char pass[] = "secret", *bytes;
	long len;

	switch (form) {
	case KEY_PKCS8:
		PEM_write_bio_PKCS8PrivateKey(bio, c->pkey, NULL, NULL, 0, NULL, NULL);
		break;
	case KEY_TRADITIONAL:
		PEM_write_bio_PrivateKey_traditional(bio, c->pkey, NULL, NULL, 0, NULL, NULL);
		break;
	case KEY_DER:
		i2d_PrivateKey_bio(bio, c->pkey);
		break;
	case KEY_ENCRYPTED:
		PEM_write_bio_PKCS8PrivateKey(bio, c->pkey, aes, pass, 6, NULL, NULL);
		break;
	case KEY_ENCRYPTED_DER:
		i2d_PKCS8PrivateKey_bio(bio, c->pkey, aes, pass, 6, NULL, NULL);
		break;
	case KEY_P12:
		write_p12(bio, c, pass, 0, true);
		break;
	case KEY_P12_OLD:
		write_p12(bio, c, pass, NID_pbe_WithSHA1And3_Key_TripleDES_CBC, true);
		break;
	case KEY_P12_EMPTY:
		write_p12(bio, c, "", 0, true);
		break;
	case KEY_P12_NO_KEY:
		write_p12(bio, c, pass, 0, false);
		break;
	case KEY_CERT_ONLY:
		PEM_write_bio_X509(bio, c->x509);
		break;
	case KEY_NOTHING:
		break;
	}
	len = BIO_get_mem_data(bio, &bytes);
	out->len = 0;
	CU_ASSERT_EQUAL(buf_add(out, span_of(bytes, (size_t)len), NULL), RC_OK);
	BIO_free(bio);
}

static void test_keys(void)
{
	static const struct {
		const char *label;
		enum key_form form;
		struct testcert *of;
		const char *passphrase;
		size_t n_certs;
		const char *words; /* NULL: good */
	} rows[] = {
		{"PKCS#8", KEY_PKCS8, &john, NULL, 0, NULL},
		{"PKCS#8, a passphrase that is not needed", KEY_PKCS8, &john, "x", 0, NULL},
		{"PKCS#1", KEY_TRADITIONAL, &john, NULL, 0, NULL},
		{"SEC 1", KEY_TRADITIONAL, &ec, NULL, 0, NULL},
		{"DER", KEY_DER, &john, NULL, 0, NULL},
		{"EC in DER", KEY_DER, &ec, NULL, 0, NULL},
		{"encrypted", KEY_ENCRYPTED, &john, "secret", 0, NULL},
		{"encrypted, wrong passphrase", KEY_ENCRYPTED, &john, "public", 0,
		 "the passphrase does not open it"},
		{"encrypted, no passphrase", KEY_ENCRYPTED, &john, NULL, 0, "--passphrase-file"},
		{"encrypted DER", KEY_ENCRYPTED_DER, &john, "secret", 0, NULL},
		{"encrypted DER, no passphrase", KEY_ENCRYPTED_DER, &john, NULL, 0, "passphrase"},
		{"PKCS#12", KEY_P12, &john, "secret", 1, NULL},
		{"PKCS#12 of EC", KEY_P12, &ec, "secret", 1, NULL},
		{"PKCS#12, 3DES", KEY_P12_OLD, &john, "secret", 1, NULL},
		{"PKCS#12, empty passphrase, none given", KEY_P12_EMPTY, &john, NULL, 1, NULL},
		{"PKCS#12, wrong passphrase", KEY_P12, &john, "public", 0,
		 "the passphrase does not open it"},
		{"PKCS#12, no passphrase", KEY_P12, &john, NULL, 0, "--passphrase-file"},
		{"PKCS#12 without a key", KEY_P12_NO_KEY, &john, "secret", 0, "no private key"},
		{"a certificate alone", KEY_CERT_ONLY, &john, NULL, 0, "no readable private key"},
		{"Ed25519", KEY_PKCS8, &ed, NULL, 0, "neither RSA nor EC"},
		{"an empty file", KEY_NOTHING, &john, NULL, 0, "empty"},
	};
	struct buf file;

	make_all();
	buf_init(&file, 65536);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct err err = ERR_INIT;
		struct openkey *k = NULL;
		enum rc rc;

		ROW(rows[i].label);
		write_key(rows[i].form, rows[i].of, &file);
		rc = openkey_read(buf_span(&file), rows[i].passphrase, &k, &err);
		if (rows[i].words != NULL) {
			ASSERT_FAILS(rc, RC_INPUT, &err, rows[i].words);
			CU_ASSERT_PTR_NULL(k);
			continue;
		}
		ASSERT_OK(rc, &err);
		CU_ASSERT_PTR_NOT_NULL_FATAL(k);
		CU_ASSERT_EQUAL(openkey_n_certs(k), rows[i].n_certs);
		openkey_free(k);
	}
	ROW("");
	buf_clear(&file);
}

static void test_certificates_of_a_key(void)
{
	struct testcert other = {.cn = "John again", .email = "john@example.com"};
	struct openkey *k;
	struct err err = ERR_INIT;
	struct buf pem;

	make_all();
	k = key_of(&john);
	buf_init(&pem, 65536);
	CU_ASSERT_EQUAL(openkey_n_certs(k), 1);
	ASSERT_STR(cert_subject(openkey_cert(k, 0)), "CN=John");
	testcert_pem(&john, &pem);
	ASSERT_OK(openkey_add_certs(k, buf_span(&pem), &err), &err);
	CU_ASSERT_EQUAL(openkey_n_certs(k), 1); /* the same one again */
	pem.len = 0;
	testcert_pem(&eve, &pem);
	ASSERT_FAILS(openkey_add_certs(k, buf_span(&pem), &err), RC_INPUT, &err,
		     "does not belong to certificate CN=Eve");
	/* Renewed: the same key, another certificate. */
	testcert_make(&other);
	X509_set_pubkey(other.x509, john.pkey);
	CU_ASSERT_TRUE(X509_sign(other.x509, john.pkey, EVP_sha256()) > 0);
	pem.len = 0;
	testcert_pem(&other, &pem);
	ASSERT_OK(openkey_add_certs(k, buf_span(&pem), &err), &err);
	CU_ASSERT_EQUAL(openkey_n_certs(k), 2);
	ASSERT_FAILS(openkey_add_certs(k, SPAN_LIT("x"), &err), RC_INPUT, &err, "no certificate");
	testcert_free(&other);
	buf_clear(&pem);
	openkey_free(k);
	openkey_free(NULL);
}

int main(void)
{
	static const struct test tests[] = {
		{"what we sealed, read at every split", test_ours_at_every_split},
		{"the forms that others send", test_forms_of_others},
		{"a large body in pieces of every size", test_large_in_pieces},
		{"cut anywhere", test_cut_anywhere},
		{"damaged anywhere", test_damaged_anywhere},
		{"who cannot open it", test_who_cannot},
		{"refusals", test_refusals},
		{"a tag that is too short", test_short_tag},
		{"a source and a sink that fail", test_source_and_sink_that_fail},
		{"key files", test_keys},
		{"certificates of a key", test_certificates_of_a_key},
	};
	int status = test_main("open", tests, COUNT_OF(tests));

	testcert_free(&john);
	testcert_free(&eve);
	testcert_free(&ec);
	testcert_free(&ed);
	return status;
}
