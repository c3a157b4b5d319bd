#include "smime/envelope.h"

#include <openssl/cms.h>
#include <openssl/evp.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/ossl.h"

enum {
	LINE_BYTES = 57, /* become 76 characters, RFC 2045 6.8 */
	LINE_CHARS = 76,
	TEXT_ROOM = 8192, /* what is gathered before the sink is called */
	PLAIN_ROOM =
		16384 /* what is gathered before it is encrypted: every write becomes OCTET STRINGs of its own */
};

struct envelope {
	CMS_ContentInfo *cms;
	BIO *top; /* OpenSSL's chain on ours */
	BIO *out; /* ours: base64 text to the sink */
	envelope_sink *sink;
	void *ctx;
	unsigned char line[LINE_BYTES];
	size_t line_len;
	char text[TEXT_ROOM];
	size_t text_len;
	char plain[PLAIN_ROOM];
	size_t plain_len;
	bool last_was_cr;
	enum rc sink_rc;     /* the sink's first failure, after which it gets nothing more */
	struct err sink_err; /* why: OpenSSL has no way to hand it up */
};

static bool flush_text(struct envelope *e)
{
	struct span piece = span_of(e->text, e->text_len);

	e->text_len = 0;
	if (piece.len != 0 && e->sink_rc == RC_OK)
		e->sink_rc = e->sink(e->ctx, piece, &e->sink_err);
	return e->sink_rc == RC_OK;
}

/* RFC 2045 6.8: the line that is gathered becomes text, CRLF behind it. */
static bool end_line(struct envelope *e)
{
	int chars;

	if (e->line_len == 0)
		return true;
	if (e->text_len + LINE_CHARS + 3 > TEXT_ROOM && !flush_text(e))
		return false;
	chars = EVP_EncodeBlock((unsigned char *)e->text + e->text_len, e->line, (int)e->line_len);
	e->text_len += (size_t)chars;
	memcpy(e->text + e->text_len, "\r\n", 2);
	e->text_len += 2;
	e->line_len = 0;
	return true;
}

static int text_write(BIO *bio, const char *bytes, size_t len, size_t *ret_written)
{
	struct envelope *e = BIO_get_data(bio);
	size_t done = 0;

	if (e->sink_rc != RC_OK)
		return -1;
	while (done < len) {
		size_t room = LINE_BYTES - e->line_len;
		size_t take = len - done < room ? len - done : room;

		memcpy(e->line + e->line_len, bytes + done, take);
		e->line_len += take;
		done += take;
		if (e->line_len == LINE_BYTES && !end_line(e))
			return -1; /* at 0 BIO_flush() would try again for ever */
	}
	*ret_written = len;
	return 1;
}

static long text_ctrl(BIO *bio, int cmd, long num, void *ptr)
{
	(void)bio;
	(void)num;
	(void)ptr;
	return cmd == BIO_CTRL_FLUSH ? 1 : 0;
}

/* Made by the first who needs it, and never freed. pthread_once() would not do: what failed for want of memory must be
 * tried again. */
static const BIO_METHOD *text_method(void)
{
	static _Atomic(BIO_METHOD *) shared;
	BIO_METHOD *m = atomic_load(&shared), *first = NULL;

	if (m != NULL)
		return m;
	m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "base64 text");
	if (m == NULL || BIO_meth_set_write_ex(m, text_write) != 1 ||
	    BIO_meth_set_ctrl(m, text_ctrl) != 1 ||
	    !atomic_compare_exchange_strong(&shared, &first, m)) {
		BIO_meth_free(m);
		return first;
	}
	return m;
}

static enum rc open_out(struct envelope *e, struct err *err)
{
	const BIO_METHOD *method = text_method();

	if (method == NULL || (e->out = BIO_new(method)) == NULL)
		return err_openssl(err, RC_NOMEM, "cannot make an output for the envelope");
	BIO_set_data(e->out, e);
	BIO_set_init(e->out, 1);
	return RC_OK;
}

static bool in_before(struct cert *const *certs, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (strcmp(cert_fingerprint(certs[k]), cert_fingerprint(certs[i])) == 0)
			return true;
	return false;
}

/* RFC 5652 6.2.1: KeyTransRecipientInfo by issuer and serial, the form that every reader finds its key by. */
static enum rc add_recipients(CMS_ContentInfo *cms, struct cert *const *certs, size_t n,
			      struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		if (cert_kind(certs[i]) != CERT_RSA)
			return err_set(err, RC_INPUT, "certificate %s: no RSA key",
				       cert_subject(certs[i]));
		if (in_before(certs, i))
			continue;
		if (CMS_add1_recipient_cert(cms, cert_x509(certs[i]), 0) == NULL)
			return err_openssl(err, RC_CRYPTO, "certificate %s: cannot seal for it",
					   cert_subject(certs[i]));
	}
	return RC_OK;
}

static enum rc open_cms(struct envelope *e, struct cert *const *certs, size_t n, struct err *err)
{
	enum rc rc;

	ossl_begin();
	e->cms = CMS_encrypt(NULL, NULL, EVP_aes_256_cbc(), CMS_BINARY | CMS_PARTIAL | CMS_STREAM);
	if (e->cms == NULL)
		return err_openssl(err, RC_CRYPTO, "cannot begin an envelope");
	rc = add_recipients(e->cms, certs, n, err);
	if (rc != RC_OK)
		return rc;
	rc = open_out(e, err);
	if (rc != RC_OK)
		return rc;
	e->top = BIO_new_CMS(e->out, e->cms);
	if (e->top == NULL || ossl_memory_failed())
		return err_openssl(err, RC_CRYPTO, "cannot begin an envelope");
	return RC_OK;
}

enum rc envelope_new(enum seal_profile profile, struct cert *const *certs, size_t n,
		     envelope_sink *sink, void *ctx, struct envelope **ret, struct err *err)
{
	struct envelope *e;
	enum rc rc;

	if (profile != PROFILE_COMPAT || n == 0 || n > ENVELOPE_CERTS_MAX)
		return err_set(err, RC_INPUT, "an envelope needs 1 to %d certificates",
			       ENVELOPE_CERTS_MAX);
	e = calloc(1, sizeof(*e));
	if (e == NULL)
		return err_set(err, RC_NOMEM, "out of memory for an envelope");
	e->sink = sink;
	e->ctx = ctx;
	rc = open_cms(e, certs, n, err);
	if (rc != RC_OK) {
		envelope_free(e);
		return rc;
	}
	*ret = e;
	return RC_OK;
}

/* What OpenSSL says of a write or a flush is not enough: a write whose last part the sink refuses is a success to it (it
 * keeps that part for the next one), and for want of memory it may leave out what stands around the cipher text. GOOD: it
 * found nothing wrong since ossl_begin(). */
static enum rc check_written(struct envelope *e, bool good, struct err *err)
{
	bool starved = ossl_memory_failed();

	if (good && !starved && e->sink_rc == RC_OK)
		return RC_OK;
	if (e->sink_rc == RC_OK && !starved)
		return err_openssl(err, RC_CRYPTO, "cannot encrypt");
	err_openssl(NULL, RC_IO, "dropped");
	return e->sink_rc != RC_OK ? err_set(err, e->sink_rc, "%s", e->sink_err.text)
				   : err_set(err, RC_NOMEM, "cannot encrypt: out of memory");
}

static enum rc flush_plain(struct envelope *e, struct err *err)
{
	size_t len = e->plain_len;
	size_t written = 0;
	bool good;

	e->plain_len = 0;
	ossl_begin();
	good = len == 0 || (BIO_write_ex(e->top, e->plain, len, &written) == 1 && written == len);
	return check_written(e, good, err);
}

static enum rc add_plain(struct envelope *e, struct span s, struct err *err)
{
	enum rc rc = RC_OK;

	while (s.len > 0 && rc == RC_OK) {
		struct span part = span_sub(s, 0, PLAIN_ROOM - e->plain_len);

		memcpy(e->plain + e->plain_len, part.p, part.len);
		e->plain_len += part.len;
		s = span_from(s, part.len);
		if (e->plain_len == PLAIN_ROOM)
			rc = flush_plain(e, err);
	}
	return rc;
}

/* The next LF at or after FROM that no CR stands before, or the end. */
static size_t find_bare_lf(const struct envelope *e, struct span piece, size_t from)
{
	size_t lf = span_find(piece, '\n', from);

	while (lf < piece.len && (lf > 0 ? piece.p[lf - 1] == '\r' : e->last_was_cr))
		lf = span_find(piece, '\n', lf + 1);
	return lf;
}

enum rc envelope_update(struct envelope *e, struct span piece, struct err *err)
{
	enum rc rc = RC_OK;
	size_t from = 0;

	while (from < piece.len && rc == RC_OK) {
		size_t lf = find_bare_lf(e, piece, from);

		rc = add_plain(e, span_sub(piece, from, lf - from), err);
		if (rc == RC_OK && lf < piece.len)
			rc = add_plain(e, SPAN_LIT("\r\n"), err);
		from = lf + 1;
	}
	if (piece.len > 0)
		e->last_was_cr = piece.p[piece.len - 1] == '\r';
	return rc;
}

enum rc envelope_finish(struct envelope *e, struct err *err)
{
	enum rc rc = flush_plain(e, err);

	if (rc != RC_OK)
		return rc;
	ossl_begin();
	return check_written(e, BIO_flush(e->top) == 1 && end_line(e) && flush_text(e), err);
}

/* BIO_new_CMS() put its own BIOs above ours; they are not part of what CMS_ContentInfo_free() frees. */
static void free_chain(struct envelope *e)
{
	while (e->top != NULL && e->top != e->out) {
		BIO *next = BIO_pop(e->top);

		BIO_free(e->top);
		e->top = next;
	}
	BIO_free(e->out);
}

struct envelope *envelope_free(struct envelope *e)
{
	if (e != NULL) {
		free_chain(e);
		CMS_ContentInfo_free(e->cms);
		OPENSSL_cleanse(e->plain, sizeof(e->plain));
		free(e);
	}
	return NULL;
}
