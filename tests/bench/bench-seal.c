/* Sealing beside OpenSSL's CMS stream alone, in one run: processor time of one message, rounds interleaved, medians.
 *
 *	bench-seal [ROUNDS]
 *
 * Both read the same entity in pieces of 65,535 octets, seal it for one and for two RSA certificates of 2,048 bits and
 * give base64 to a sink that counts. What mailseal adds are lines of CRLF and the check of line ends. */
#include <openssl/bio.h>
#include <openssl/cms.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "smime/envelope.h"

enum { PIECE = 65535, ROUNDS = 5, ROUNDS_MAX = 101, CERTS = 2 };

/* design: at most so many times OpenSSL alone, for 64 KB and one certificate. */
static const double bar = 1.5;

static void must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "bench-seal: %s\n", what);
	exit(1);
}

static X509 *make_certificate(long serial)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
	X509 *x = X509_new();
	X509_NAME *name;

	must(key != NULL && x != NULL, "no key");
	X509_set_version(x, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x), serial);
	X509_gmtime_adj(X509_getm_notBefore(x), 0);
	X509_gmtime_adj(X509_getm_notAfter(x), 86400);
	name = X509_get_subject_name(x);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"bench", -1, -1,
				   0);
	X509_set_issuer_name(x, name);
	X509_set_pubkey(x, key);
	must(X509_sign(x, key, EVP_sha256()) > 0, "no certificate");
	EVP_PKEY_free(key);
	return x;
}

static struct cert *as_cert(X509 *x)
{
	unsigned char *der = NULL;
	int len = i2d_X509(x, &der);
	struct cert *c = NULL;

	must(len > 0 && cert_read_der(span_of(der, (size_t)len), &c, NULL) == RC_OK,
	     "no certificate");
	OPENSSL_free(der);
	return c;
}

static uint64_t written;

static enum rc count(void *ctx, struct span piece, struct err *err)
{
	(void)ctx;
	(void)err;
	written += piece.len;
	return RC_OK;
}

static void seal_ours(struct cert *const *certs, size_t n, struct span text)
{
	struct envelope *e = NULL;
	enum rc rc = envelope_new(PROFILE_COMPAT, certs, n, count, NULL, &e, NULL);

	for (; rc == RC_OK && text.len != 0; text = span_from(text, PIECE))
		rc = envelope_update(e, span_sub(text, 0, PIECE), NULL);
	if (rc == RC_OK)
		rc = envelope_finish(e, NULL);
	must(rc == RC_OK, "mailseal does not seal");
	envelope_free(e);
}

static void seal_openssl(X509 *const *certs, size_t n, struct span text)
{
	CMS_ContentInfo *cms =
		CMS_encrypt(NULL, NULL, EVP_aes_256_cbc(), CMS_BINARY | CMS_PARTIAL | CMS_STREAM);
	BIO *sink = BIO_new(BIO_s_null()), *base64 = BIO_new(BIO_f_base64()), *in;
	size_t put;

	must(cms != NULL, "no CMS");
	for (size_t i = 0; i < n; i++)
		must(CMS_add1_recipient_cert(cms, certs[i], 0) != NULL, "no recipient");
	BIO_push(base64, sink);
	in = BIO_new_CMS(base64, cms);
	must(in != NULL, "no stream");
	for (; text.len != 0; text = span_from(text, PIECE)) {
		struct span piece = span_sub(text, 0, PIECE);

		must(BIO_write_ex(in, piece.p, piece.len, &put) == 1, "OpenSSL does not write");
	}
	must(BIO_flush(in) == 1, "OpenSSL does not finish");
	while (in != base64) {
		BIO *next = BIO_pop(in);

		BIO_free(in);
		in = next;
	}
	BIO_free_all(base64);
	CMS_ContentInfo_free(cms);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static double median(double *at, size_t n)
{
	qsort(at, n, sizeof(*at), compare);
	return at[n / 2];
}

struct people {
	X509 *x509[CERTS];
	struct cert *cert[CERTS];
};

static void measure(const struct people *p, size_t n_certs, struct span text, const char *label,
		    size_t rounds)
{
	size_t repeat = 1 + 4000000 / (text.len + 20000);
	double ours[ROUNDS_MAX], theirs[ROUNDS_MAX], start, a, b;

	for (size_t round = 0; round < rounds; round++) {
		start = now();
		for (size_t i = 0; i < repeat; i++)
			seal_openssl(p->x509, n_certs, text);
		theirs[round] = (now() - start) / (double)repeat;
		start = now();
		for (size_t i = 0; i < repeat; i++)
			seal_ours(p->cert, n_certs, text);
		ours[round] = (now() - start) / (double)repeat;
	}
	a = median(ours, rounds);
	b = median(theirs, rounds);
	printf("  %-8s %zu certificate%s  mailseal %8.3f ms  OpenSSL's CMS alone %8.3f ms  ratio "
	       "%.2f%s\n",
	       label, n_certs, n_certs > 1 ? "s" : " ", a * 1e3, b * 1e3, a / b,
	       a / b > 1.5 * bar ? "  BEYOND 1.5 x THE BAR" : "");
}

int main(int argc, char **argv)
{
	static const struct {
		const char *label;
		size_t size;
	} rows[] = {{"2 KB", 2000}, {"64 KB", 64000}, {"10 MB", 10000000}};
	size_t rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : ROUNDS;
	struct people p;
	char *text = malloc(rows[2].size);

	must(text != NULL, "no memory");
	if (rounds == 0 || rounds > ROUNDS_MAX)
		rounds = ROUNDS;
	for (size_t i = 0; i < rows[2].size; i++)
		text[i] = i % 72 == 70 ? '\r' : i % 72 == 71 ? '\n' : (char)('a' + i % 26);
	for (long i = 0; i < CERTS; i++) {
		p.x509[i] = make_certificate(i + 1);
		p.cert[i] = as_cert(p.x509[i]);
	}
	printf("Sealing, processor time a message (bar: %.1f x OpenSSL's CMS stream alone)\n", bar);
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		for (size_t n = 1; n <= CERTS; n++)
			measure(&p, n, span_of(text, rows[i].size), rows[i].label, rounds);
	for (long i = 0; i < CERTS; i++) {
		cert_unref(p.cert[i]);
		X509_free(p.x509[i]);
	}
	free(text);
	return written > 0 ? 0 : 1;
}
