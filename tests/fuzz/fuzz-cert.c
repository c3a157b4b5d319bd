/* A file with certificates: read, and judged for an address. */
#include <string.h>

#include <openssl/err.h>

#include "crypto/cert.h"
#include "fuzz.h"

enum { OUT_MAX = 1 << 22, CERTS_MAX = 32, WHY_SIZE = 300 };

static struct trust_anchors *anchors;

static void check_text(const char *s)
{
	PROMISE(s != NULL);
	for (; *s != '\0'; s++)
		PROMISE((unsigned char)*s >= 0x20 && *s != 0x7f);
}

/* What was read is the same when it is written and read again. */
static void check_written(const struct cert *c)
{
	struct cert *back = NULL, **certs = NULL;
	struct buf out;
	size_t n = 0;

	buf_init(&out, OUT_MAX);
	PROMISE(cert_write_der(c, &out, NULL) == RC_OK);
	PROMISE(cert_read_der(buf_span(&out), &back, NULL) == RC_OK);
	PROMISE(strcmp(cert_fingerprint(back), cert_fingerprint(c)) == 0);
	out.len = 0;
	PROMISE(cert_write_pem(back, &out, NULL) == RC_OK);
	PROMISE(cert_read_bundle(buf_span(&out), &certs, &n, NULL) == RC_OK && n == 1);
	PROMISE(strcmp(cert_fingerprint(certs[0]), cert_fingerprint(c)) == 0);
	cert_array_free(certs, n);
	cert_unref(back);
	buf_clear(&out);
}

static void check_cert(const struct cert *c)
{
	PROMISE(cert_kind(c) <= CERT_OTHER);
	PROMISE(strlen(cert_fingerprint(c)) == SHA256_HEX_SIZE - 1);
	check_text(cert_subject(c));
	check_text(cert_issuer(c));
	check_text(cert_serial(c));
	for (const char *const *address = cert_addresses(c); *address != NULL; address++)
		check_text(*address);
	check_written(c);
}

/* A certificate that is good when it has to be trusted is good when it need not be. */
static void judge(struct cert *const *certs, size_t n, const char *address, int64_t now)
{
	char why[WHY_SIZE] = "x", pinned[WHY_SIZE] = "x";
	enum cert_fault f = cert_check(certs[0], certs + 1, n - 1, address, anchors, false, now,
				       why, sizeof(why));
	enum cert_fault p = cert_check(certs[0], certs + 1, n - 1, address, anchors, true, now,
				       pinned, sizeof(pinned));

	PROMISE((f == CERT_GOOD) == (why[0] == '\0') && (p == CERT_GOOD) == (pinned[0] == '\0'));
	PROMISE(f != CERT_GOOD || p == CERT_GOOD);
	PROMISE(strcmp(cert_fault_name(f), "unknown") != 0);
	PROMISE(strcmp(cert_fault_name(cert_fault_of_time(certs[0], now)), "unknown") != 0);
	PROMISE(strlen(why) < sizeof(why));
	check_text(why);
	check_text(pinned);
}

static void check_bundle(struct cert *const *certs, size_t n)
{
	PROMISE(n >= 1 && n <= CERTS_MAX);
	for (size_t i = 0; i < n; i++)
		check_cert(certs[i]);
	judge(certs, n, "joe@example.com", cert_not_before(certs[0]));
	for (const char *const *address = cert_addresses(certs[0]); *address != NULL; address++)
		judge(certs, n, *address, cert_not_after(certs[0]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cert **certs = NULL;
	struct err err = ERR_INIT;
	size_t n = 0;
	enum rc rc;

	if (anchors == NULL)
		PROMISE(trust_anchors_new(NULL, &anchors, NULL) == RC_OK);
	rc = cert_read_bundle(span_of(data, size), &certs, &n, &err);
	PROMISE(rc == RC_OK || rc == RC_INPUT || rc == RC_LIMIT);
	if (rc == RC_OK)
		check_bundle(certs, n);
	else
		check_text(err.text);
	PROMISE(rc == RC_OK || err.text[0] != '\0');
	PROMISE(ERR_peek_error() == 0);
	cert_array_free(certs, n);
	return 0;
}
