#include "smime/open.h"

#include <limits.h>
#include <openssl/cms.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/ossl.h"
#include "smime/cmsread.h"

enum { TEXT_ROOM = 8192, PIECE_ROOM = 16384, NONCE_MAX = 16, NAMED_MAX = 3 };

/* The body as it stands, its transfer encoding taken off. */
struct octets {
	const struct open_source *src;
	bool base64;
	char text[TEXT_ROOM];
	size_t text_at, text_len;
	unsigned bits, have; /* of a base64 group that is not complete */
	bool padded;	     /* RFC 2045 6.8: "=" ends the data */
};

/* What is known of the header of the entity while it comes. */
struct opened {
	const struct open_sink *sink;
	struct buf header;
	size_t line; /* where the line begins that is not complete yet */
	bool in_body;
};

struct opening {
	const struct openkey *key;
	struct octets octets;
	struct cmsread read;
	CMS_ContentInfo *cms;
	struct cert *cert; /* of the key's, the one that the envelope names */
	struct opened out;
	struct err in_err, out_err; /* OpenSSL has no way to hand them up */
};

static int base64_digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (is_ascii_digit(c))
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* RFC 2045 6.8: whatever is no digit is skipped. Every four characters at most give three octets, so ROOM that is as
 * large as the text is large enough. */
static size_t decode(struct octets *o, struct span text, unsigned char *room)
{
	size_t len = 0;

	for (size_t i = 0; i < text.len && !o->padded; i++) {
		int v = base64_digit(text.p[i]);

		o->padded = text.p[i] == '=';
		if (v < 0)
			continue;
		o->bits = (o->bits << 6 | (unsigned)v) & 0xffff;
		o->have += 6;
		if (o->have >= 8) {
			o->have -= 8;
			room[len++] = (unsigned char)(o->bits >> o->have & 0xff);
		}
	}
	return len;
}

/* cms_pull */
static enum rc pull_octets(void *ctx, unsigned char *room, size_t size, size_t *ret_len,
			   struct err *err)
{
	struct octets *o = ctx;
	enum rc rc = RC_OK;

	*ret_len = 0;
	if (!o->base64)
		return o->src->read(o->src->ctx, (char *)room, size, ret_len, err);
	while (rc == RC_OK && *ret_len == 0 && !o->padded) {
		struct span text;

		if (o->text_at == o->text_len) {
			o->text_at = o->text_len = 0;
			rc = o->src->read(o->src->ctx, o->text, TEXT_ROOM, &o->text_len, err);
			if (rc != RC_OK || o->text_len == 0)
				break;
		}
		text = span_sub(span_of(o->text, o->text_len), o->text_at, size);
		o->text_at += text.len;
		*ret_len = decode(o, text, room);
	}
	return rc;
}

static enum rc read_encoding(const struct fields *fields, bool *ret_base64, struct err *err)
{
	const struct field *f = fields_find(fields, "Content-Transfer-Encoding", 0, NULL);
	struct span v = f != NULL ? span_trim_fold(f->value) : SPAN_LIT("7bit");

	*ret_base64 = span_ieq_str(v, "base64");
	if (*ret_base64 || span_ieq_str(v, "7bit") || span_ieq_str(v, "8bit") ||
	    span_ieq_str(v, "binary"))
		return RC_OK;
	return err_set(err, RC_INPUT, "Content-Transfer-Encoding \"%.*s\": no envelope has it",
		       SPAN_ARG(span_sub(v, 0, 40)));
}

/* To the first octet of the encrypted content. The caller has cleared o->read. */
static enum rc begin(struct opening *o, struct err *err)
{
	const struct open_source *src = o->octets.src;
	enum rc rc = src->rewind(src->ctx, err);

	o->octets.text_at = o->octets.text_len = 0;
	o->octets.bits = o->octets.have = 0;
	o->octets.padded = false;
	return rc == RC_OK ? cmsread_begin(&o->read, pull_octets, &o->octets, err) : rc;
}

static enum rc take_apart(struct opening *o, struct buf *out, struct err *err)
{
	enum rc rc = begin(o, err);
	size_t len = 1;

	while (rc == RC_OK && len > 0) {
		unsigned char skipped[4096];

		rc = cmsread_content(&o->read, skipped, sizeof(skipped), &len, err);
	}
	if (rc == RC_OK)
		rc = cmsread_end(&o->read, err);
	return rc == RC_OK ? cmsread_rebuild(&o->read, out, err) : rc;
}

static bool is_gcm(int nid)
{
	return nid == NID_aes_128_gcm || nid == NID_aes_192_gcm || nid == NID_aes_256_gcm;
}

/* RFC 5084 3.2: GCMParameters. OpenSSL before 3.0.19 took a nonce of any length into a fixed array (CVE-2025-15467). */
static bool nonce_is_sane(int type, const void *value)
{
	const ASN1_STRING *s = value;
	const unsigned char *p;
	ASN1_SEQUENCE_ANY *all;
	bool sane = false;

	if (type != V_ASN1_SEQUENCE)
		return false;
	p = ASN1_STRING_get0_data(s);
	all = d2i_ASN1_SEQUENCE_ANY(NULL, &p, ASN1_STRING_length(s));
	if (sk_ASN1_TYPE_num(all) > 0) {
		const ASN1_TYPE *nonce = sk_ASN1_TYPE_value(all, 0);

		sane = ASN1_TYPE_get(nonce) == V_ASN1_OCTET_STRING &&
		       ASN1_STRING_length(nonce->value.octet_string) > 0 &&
		       ASN1_STRING_length(nonce->value.octet_string) <= NONCE_MAX;
	}
	sk_ASN1_TYPE_pop_free(all, ASN1_TYPE_free);
	return sane;
}

/* A cipher with a tag belongs into AuthEnvelopedData, any other into EnvelopedData: who swaps the two takes the tag away. */
static enum rc check_cipher(const struct cmsread *c, struct err *err)
{
	const unsigned char *p = (const unsigned char *)c->algorithm.p;
	X509_ALGOR *algorithm = d2i_X509_ALGOR(NULL, &p, (long)c->algorithm.len);
	const ASN1_OBJECT *oid = NULL;
	const void *value = NULL;
	char name[80] = "";
	int type = 0, nid;
	enum rc rc = RC_OK;

	if (algorithm == NULL)
		return err_openssl(err, RC_INPUT, "no envelope: its cipher cannot be read");
	X509_ALGOR_get0(&oid, &type, &value, algorithm);
	nid = OBJ_obj2nid(oid);
	OBJ_obj2txt(name, sizeof(name), oid, 0);
	if (is_gcm(nid) != c->authenticated)
		rc = err_set(err, RC_INPUT, "cipher %s does not belong into %s", name,
			     c->authenticated ? "AuthEnvelopedData" : "EnvelopedData");
	else if (is_gcm(nid) && !nonce_is_sane(type, value))
		rc = err_set(err, RC_INPUT, "cipher %s: its nonce is not 1 to %d octets", name,
			     NONCE_MAX);
	else if (EVP_get_cipherbynid(nid) == NULL)
		rc = err_set(err, RC_INPUT, "cipher %s is not known here", name);
	X509_ALGOR_free(algorithm);
	return rc;
}

/* RFC 5652 6.2.1, 6.2.2: is this RecipientInfo for X? */
static bool names_cert(CMS_RecipientInfo *ri, X509 *x)
{
	STACK_OF(CMS_RecipientEncryptedKey) * keys;

	if (CMS_RecipientInfo_type(ri) == CMS_RECIPINFO_TRANS)
		return CMS_RecipientInfo_ktri_cert_cmp(ri, x) == 0;
	if (CMS_RecipientInfo_type(ri) != CMS_RECIPINFO_AGREE)
		return false;
	keys = CMS_RecipientInfo_kari_get0_reks(ri);
	for (int i = 0; i < sk_CMS_RecipientEncryptedKey_num(keys); i++)
		if (CMS_RecipientEncryptedKey_cert_cmp(sk_CMS_RecipientEncryptedKey_value(keys, i),
						       x) == 0)
			return true;
	return false;
}

/* "serial 1F of CN=...", for people. */
static bool name_recipient(CMS_RecipientInfo *ri, struct buf *out)
{
	ASN1_OCTET_STRING *key_id = NULL;
	ASN1_INTEGER *number = NULL;
	X509_NAME *issuer = NULL;
	BIGNUM *bn;
	char *hex, *text;
	bool good = false;

	if (CMS_RecipientInfo_type(ri) != CMS_RECIPINFO_TRANS ||
	    CMS_RecipientInfo_ktri_get0_signer_id(ri, &key_id, &issuer, &number) != 1 ||
	    number == NULL || issuer == NULL)
		return false;
	bn = ASN1_INTEGER_to_BN(number, NULL);
	hex = bn != NULL ? BN_bn2hex(bn) : NULL;
	text = X509_NAME_oneline(issuer, NULL, 0);
	if (hex != NULL && text != NULL)
		good = buf_addf(out, NULL, "%sserial %s of %s", out->len > 0 ? "; " : "", hex,
				text) == RC_OK;
	OPENSSL_free(text);
	OPENSSL_free(hex);
	BN_free(bn);
	return good;
}

static enum rc for_others(STACK_OF(CMS_RecipientInfo) * all, const struct openkey *key,
			  struct err *err)
{
	int n = sk_CMS_RecipientInfo_num(all), named = 0;
	struct buf who;
	const char *text;

	buf_init(&who, 700);
	for (int i = 0; i < n && named < NAMED_MAX; i++)
		named += name_recipient(sk_CMS_RecipientInfo_value(all, i), &who);
	text = who.len > 0 ? buf_cstr(&who) : NULL;
	err_set(err, RC_PERM, "it is not sealed for %s, but for %d other%s%s%s%s",
		cert_subject(openkey_cert(key, 0)), n, n == 1 ? "" : "s", text != NULL ? " (" : "",
		text != NULL ? text : "", text != NULL ? ")" : "");
	buf_clear(&who);
	return RC_PERM;
}

static enum rc find_recipient(struct opening *o, struct err *err)
{
	STACK_OF(CMS_RecipientInfo) *all = CMS_get0_RecipientInfos(o->cms);

	for (size_t k = 0; k < openkey_n_certs(o->key); k++)
		for (int i = 0; i < sk_CMS_RecipientInfo_num(all); i++)
			if (names_cert(sk_CMS_RecipientInfo_value(all, i),
				       cert_x509(openkey_cert(o->key, k)))) {
				o->cert = openkey_cert(o->key, k);
				return RC_OK;
			}
	return for_others(all, o->key, err);
}

/* The whole structure is looked at before anything is decrypted. */
static enum rc examine(struct opening *o, struct err *err)
{
	struct buf der;
	const unsigned char *p;
	enum rc rc;

	buf_init(&der, 2 * (size_t)CMS_HEAD_MAX);
	rc = take_apart(o, &der, err);
	if (rc == RC_OK)
		rc = check_cipher(&o->read, err);
	if (rc == RC_OK) {
		p = (const unsigned char *)der.p;
		o->cms = d2i_CMS_ContentInfo(NULL, &p, (long)der.len);
		if (o->cms == NULL)
			rc = err_openssl(err, RC_INPUT, "no envelope: it cannot be read");
	}
	if (rc == RC_OK)
		rc = find_recipient(o, err);
	buf_clear(&der);
	return rc;
}

static enum rc no_entity(struct err *err)
{
	return err_set(err, RC_INPUT,
		       "what comes out is no MIME entity: the private key is not the one that it "
		       "was sealed for, or it is damaged");
}

/* The header is complete: END is where its last line ends. */
static enum rc hand_header(struct opened *out, size_t end, struct err *err)
{
	struct arena *arena = arena_new(4 * (size_t)OPEN_HEADER_MAX);
	struct span raw = span_sub(buf_span(&out->header), 0, end), rest = SPAN_NONE;
	struct fields inner;
	bool crlf;
	enum rc rc;

	if (arena == NULL)
		return err_set(err, RC_NOMEM, "out of memory for a header");
	fields_init(&inner, arena, OPEN_HEADER_MAX);
	rc = fields_read(&inner, raw, &rest, &crlf, err);
	if (rc == RC_OK && rest.len > 0)
		rc = no_entity(err);
	if (rc == RC_OK)
		rc = out->sink->header(out->sink->ctx, &inner, raw, err);
	fields_clear(&inner);
	arena_free(arena);
	out->in_body = true;
	return rc;
}

/* *RET_END: behind the empty line that ends the header; false: it has not come yet. */
static bool header_is_there(struct opened *out, size_t *ret_end)
{
	struct span all = buf_span(&out->header);

	for (;;) {
		size_t lf = span_find(all, '\n', out->line);
		size_t len = lf - out->line;

		if (lf == all.len)
			return false;
		if (len == 0 || (len == 1 && all.p[out->line] == '\r')) {
			*ret_end = lf + 1;
			return true;
		}
		out->line = lf + 1;
	}
}

static enum rc take_plain(struct opened *out, struct span piece, struct err *err)
{
	size_t end;
	enum rc rc;

	if (out->in_body)
		return out->sink->body(out->sink->ctx, piece, err);
	rc = buf_add(&out->header, piece, err);
	if (rc == RC_LIMIT)
		return no_entity(err);
	if (rc != RC_OK || !header_is_there(out, &end))
		return rc;
	/* One octet in 256 is an LF: of random ones it is taken for the end of a header only behind a field. */
	if (end == 1)
		return no_entity(err);
	rc = hand_header(out, out->line, err);
	if (rc == RC_OK && end < out->header.len)
		rc = out->sink->body(out->sink->ctx, span_from(buf_span(&out->header), end), err);
	buf_wipe(&out->header);
	return rc;
}

/* An entity without an empty line is a header alone. */
static enum rc end_plain(struct opened *out, struct err *err)
{
	return out->in_body ? RC_OK : hand_header(out, out->header.len, err);
}

static int content_read(BIO *bio, char *room, size_t size, size_t *ret_len)
{
	struct opening *o = BIO_get_data(bio);

	*ret_len = 0;
	if (o->in_err.rc != RC_OK)
		return 0;
	return cmsread_content(&o->read, (unsigned char *)room, size, ret_len, &o->in_err) ==
		       RC_OK &&
	       *ret_len > 0;
}

static int plain_write(BIO *bio, const char *bytes, size_t len, size_t *ret_len)
{
	struct opening *o = BIO_get_data(bio);

	*ret_len = len;
	return o->out_err.rc == RC_OK &&
	       take_plain(&o->out, span_of(bytes, len), &o->out_err) == RC_OK;
}

static long bio_ctrl(BIO *bio, int cmd, long num, void *ptr)
{
	(void)bio;
	(void)num;
	(void)ptr;
	return cmd == BIO_CTRL_FLUSH ? 1 : 0;
}

static BIO_METHOD *bio_method;
static pthread_once_t bio_method_once = PTHREAD_ONCE_INIT;

static void make_bio_method(void)
{
	BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "opening");

	if (m != NULL && BIO_meth_set_read_ex(m, content_read) == 1 &&
	    BIO_meth_set_write_ex(m, plain_write) == 1 && BIO_meth_set_ctrl(m, bio_ctrl) == 1)
		bio_method = m;
}

static BIO *bio_of(struct opening *o)
{
	BIO *bio;

	pthread_once(&bio_method_once, make_bio_method);
	bio = bio_method != NULL ? BIO_new(bio_method) : NULL;
	if (bio != NULL) {
		BIO_set_data(bio, o);
		BIO_set_init(bio, 1);
	}
	return bio;
}

/* CMS_decrypt() reports neither what the source nor what the sink said, and calls a sink that failed a success. */
static enum rc decrypt(struct opening *o, struct err *err)
{
	BIO *in = bio_of(o), *out = bio_of(o);
	int good = 0;
	enum rc rc;

	if (in == NULL || out == NULL)
		rc = err_openssl(err, RC_NOMEM, "out of memory for an envelope");
	else
		rc = begin(o, err);
	if (rc == RC_OK)
		good = CMS_decrypt(o->cms, openkey_pkey(o->key), cert_x509(o->cert), in, out,
				   CMS_BINARY);
	BIO_free(in);
	BIO_free(out);
	if (rc != RC_OK)
		return rc;
	if (o->in_err.rc != RC_OK)
		return err_set(err, o->in_err.rc, "%s", o->in_err.text);
	if (o->out_err.rc != RC_OK)
		return err_set(err, o->out_err.rc, "%s", o->out_err.text);
	if (good != 1)
		return err_openssl(err, RC_INPUT,
				   "it cannot be decrypted: it is damaged, or the private key is "
				   "not the one that it was sealed for");
	return end_plain(&o->out, err);
}

enum rc open_entity(const struct openkey *key, const struct fields *fields,
		    const struct open_source *src, const struct open_sink *sink, struct err *err)
{
	struct opening *o;
	enum rc rc;

	if (openkey_n_certs(key) == 0)
		return err_set(err, RC_INPUT,
			       "the certificate of the private key is needed: --cert FILE");
	o = calloc(1, sizeof(*o));
	if (o == NULL)
		return err_set(err, RC_NOMEM, "out of memory for an envelope");
	o->key = key;
	o->octets.src = src;
	o->out.sink = sink;
	buf_init(&o->out.header, OPEN_HEADER_MAX);
	rc = read_encoding(fields, &o->octets.base64, err);
	if (rc == RC_OK)
		rc = examine(o, err);
	cmsread_clear(&o->read);
	memset(&o->read, 0, sizeof(o->read));
	if (rc == RC_OK)
		rc = decrypt(o, err);
	cmsread_clear(&o->read);
	CMS_ContentInfo_free(o->cms);
	buf_wipe(&o->out.header);
	free(o);
	err_openssl(NULL, RC_OK, "leave the queue empty");
	return rc;
}
