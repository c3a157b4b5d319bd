#include "sealed.h"

#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/base64.h"
#include "smime/cmsread.h"

enum { TEXT_MAX = 64 << 20, LINE_OCTETS = 76 };

static void must(bool good, const char *what)
{
	if (!good) {
		fprintf(stderr, "golden: sealed: %s\n", what);
		ERR_print_errors_fp(stderr);
		exit(99);
	}
}

static void put(struct buf *out, const char *s)
{
	must(buf_adds(out, s, NULL) == RC_OK, "out of memory");
}

/* --- octets ------------------------------------------------------------------------------------- */

static void put_octet(struct buf *out, unsigned char c)
{
	bool shown = c == '\t' || (c >= ' ' && c < 0x7f && c != '\\');

	must((shown ? buf_addc(out, (char)c, NULL) : buf_addf(out, NULL, "\\x%02x", c)) == RC_OK,
	     "out of memory");
}

void sealed_show_text(struct span text, struct buf *out)
{
	bool begins = true;

	for (size_t i = 0; i < text.len; i++) {
		if (begins)
			put(out, "|");
		begins = span_starts(span_from(text, i), SPAN_LIT("\r\n"));
		if (begins) {
			put(out, "\n");
			i++;
		} else {
			put_octet(out, (unsigned char)text.p[i]);
		}
	}
	put(out, begins ? "" : "\n(no line end)\n");
}

/* Lines of 76 octets, all of them but the last. */
static void check_lines(struct span body, struct buf *out)
{
	bool good = span_ends(body, SPAN_LIT("\r\n")), last = false;
	struct span line;

	while (span_split(&body, '\n', &line) && body.p != NULL) {
		good = good && !last && span_ends(line, SPAN_LIT("\r")) && line.len > 1 &&
		       line.len <= LINE_OCTETS + 1;
		last = line.len != LINE_OCTETS + 1;
	}
	put(out, good ? "base64 in lines of 76\n" : "base64 in lines that are not of 76\n");
}

/* --- the structure ------------------------------------------------------------------------------ */

struct cursor {
	struct span rest;
};

static enum rc pull(void *ctx, unsigned char *room, size_t size, size_t *ret_len,
		    struct err *err UNUSED)
{
	struct cursor *c = ctx;

	*ret_len = size < c->rest.len ? size : c->rest.len;
	if (*ret_len != 0)
		memcpy(room, c->rest.p, *ret_len);
	c->rest = span_from(c->rest, *ret_len);
	return RC_OK;
}

static void show_cipher(struct span der, struct buf *out)
{
	struct cursor at = {der};
	struct cmsread *c = calloc(1, sizeof(*c));
	struct err err = ERR_INIT;
	const unsigned char *p;
	const ASN1_OBJECT *oid;
	X509_ALGOR *algorithm;

	must(c != NULL, "out of memory");
	must(cmsread_begin(c, pull, &at, &err) == RC_OK, err.text);
	p = (const unsigned char *)c->algorithm.p;
	algorithm = d2i_X509_ALGOR(NULL, &p, (long)c->algorithm.len);
	must(algorithm != NULL, "the cipher's name");
	X509_ALGOR_get0(&oid, NULL, NULL, algorithm);
	put(out, OBJ_nid2ln(OBJ_obj2nid(oid)));
	X509_ALGOR_free(algorithm);
	cmsread_clear(c);
	free(c);
}

static CMS_ContentInfo *read_cms(struct span der)
{
	BIO *bio = BIO_new_mem_buf(der.p, (int)der.len);
	CMS_ContentInfo *cms = d2i_CMS_bio(bio, NULL);

	must(cms != NULL && BIO_pending(bio) == 0, "no ContentInfo, or something behind it");
	BIO_free(bio);
	return cms;
}

static void show_type(CMS_ContentInfo *cms, struct span der, struct buf *out)
{
	put(out, OBJ_nid2ln(OBJ_obj2nid(CMS_get0_type(cms))));
	put(out, " of ");
	put(out, OBJ_nid2ln(OBJ_obj2nid(CMS_get0_eContentType(cms))));
	put(out, ", ");
	show_cipher(der, out);
	put(out, "\n");
}

/* How the content's key is wrapped, and how the certificate is named. */
static void show_transport(CMS_RecipientInfo *ri, struct buf *out)
{
	ASN1_OCTET_STRING *key_id = NULL;
	const ASN1_OBJECT *oid;
	X509_ALGOR *algorithm = NULL;
	ASN1_INTEGER *serial = NULL;
	X509_NAME *issuer = NULL;

	must(CMS_RecipientInfo_ktri_get0_signer_id(ri, &key_id, &issuer, &serial) == 1,
	     "a recipient's identifier");
	must(CMS_RecipientInfo_ktri_get0_algs(ri, NULL, NULL, &algorithm) == 1, "key transport");
	X509_ALGOR_get0(&oid, NULL, NULL, algorithm);
	put(out, serial != NULL ? ", issuer and serial number, " : ", key identifier, ");
	put(out, OBJ_nid2ln(OBJ_obj2nid(oid)));
	put(out, "\n");
}

static bool is_named(CMS_ContentInfo *cms, const struct person *p, CMS_RecipientInfo **ret)
{
	STACK_OF(CMS_RecipientInfo) *all = CMS_get0_RecipientInfos(cms);

	for (int i = 0; i < sk_CMS_RecipientInfo_num(all); i++) {
		*ret = sk_CMS_RecipientInfo_value(all, i);
		if (CMS_RecipientInfo_type(*ret) == CMS_RECIPINFO_TRANS &&
		    CMS_RecipientInfo_ktri_cert_cmp(*ret, p->c.x509) == 0)
			return true;
	}
	return false;
}

/* --- what is in it ------------------------------------------------------------------------------ */

static void open_as(const struct person *p, struct span der, struct buf *ret)
{
	CMS_ContentInfo *cms = read_cms(der);
	BIO *bio = BIO_new(BIO_s_mem());
	char *bytes;
	long len;

	must(CMS_decrypt(cms, p->c.pkey, p->c.x509, NULL, bio, CMS_BINARY) == 1, p->name);
	len = BIO_get_mem_data(bio, &bytes);
	must(buf_add(ret, span_of(bytes, (size_t)len), NULL) == RC_OK, "out of memory");
	BIO_free(bio);
	CMS_ContentInfo_free(cms);
}

static void show_opened(CMS_ContentInfo *cms, const struct people *p, struct span der,
			struct buf *out)
{
	CMS_RecipientInfo *ri;
	struct buf first, one;
	int named = 0;

	buf_init(&first, TEXT_MAX);
	buf_init(&one, TEXT_MAX);
	for (size_t i = 0; i < p->n; i++) {
		if (!is_named(cms, &p->at[i], &ri))
			continue;
		put(out, "for ");
		put(out, p->at[i].name);
		show_transport(ri, out);
		one.len = 0;
		open_as(&p->at[i], der, &one);
		if (named++ == 0)
			must(buf_add(&first, buf_span(&one), NULL) == RC_OK, "out of memory");
		must(span_eq(buf_span(&first), buf_span(&one)), "two find different contents");
	}
	if (named != sk_CMS_RecipientInfo_num(CMS_get0_RecipientInfos(cms)))
		put(out, "and for somebody that nobody knows\n");
	put(out, "opened:\n");
	sealed_show_text(buf_span(&first), out);
	buf_clear(&first);
	buf_clear(&one);
}

void sealed_show(struct span body, const struct people *p, struct buf *out)
{
	struct err err = ERR_INIT;
	CMS_ContentInfo *cms;
	struct buf der;

	check_lines(body, out);
	buf_init(&der, TEXT_MAX);
	must(base64_decode(body, &der, &err) == RC_OK, err.text);
	cms = read_cms(buf_span(&der));
	show_type(cms, buf_span(&der), out);
	show_opened(cms, p, buf_span(&der), out);
	CMS_ContentInfo_free(cms);
	buf_clear(&der);
}
