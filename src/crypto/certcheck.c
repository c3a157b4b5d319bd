/* May a message be sealed with this certificate, for this address? */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crypto/cert.h"
#include "crypto/ossl.h"
#include "mail/domain.h"

enum { RSA_BITS_MIN = 2048 };

struct trust_anchors {
	X509_STORE *store;
};

enum rc trust_anchors_new(const char *pem_file, struct trust_anchors **ret, struct err *err)
{
	struct trust_anchors *t = calloc(1, sizeof(*t));

	if (t == NULL || (t->store = X509_STORE_new()) == NULL) {
		free(t);
		return err_openssl(err, RC_NOMEM, "out of memory for trusted certificates");
	}
	if (pem_file != NULL && access(pem_file, F_OK) == 0 &&
	    X509_STORE_load_file(t->store, pem_file) != 1) {
		trust_anchors_free(t);
		return err_openssl(err, RC_CONF, "%s: trusted certificates cannot be read",
				   pem_file);
	}
	*ret = t;
	return RC_OK;
}

struct trust_anchors *trust_anchors_free(struct trust_anchors *t)
{
	if (t != NULL) {
		X509_STORE_free(t->store);
		free(t);
	}
	return NULL;
}

enum cert_fault cert_fault_of_time(const struct cert *c, int64_t now)
{
	if (now < cert_not_before(c))
		return CERT_NOT_YET_VALID;
	return now > cert_not_after(c) ? CERT_EXPIRED : CERT_GOOD;
}

/* NIST P-256, P-384, P-521. */
static bool is_known_curve(const EVP_PKEY *key)
{
	static const char *const known[] = {"prime256v1", "P-256",     "secp384r1",
					    "P-384",	  "secp521r1", "P-521"};
	char group[64];
	size_t len;

	if (EVP_PKEY_get_group_name(key, group, sizeof(group), &len) != 1)
		return false;
	for (size_t i = 0; i < COUNT_OF(known); i++)
		if (strcmp(group, known[i]) == 0)
			return true;
	return false;
}

static enum cert_fault check_key(const struct cert *c, char *why, size_t size)
{
	enum cert_kind kind = cert_kind(c);

	if (kind == CERT_RSA && cert_bits(c) < RSA_BITS_MIN) {
		snprintf(why, size, "RSA key of %u bits, at least %d are needed", cert_bits(c),
			 RSA_BITS_MIN);
		return CERT_KEY_SIZE;
	}
	if (kind == CERT_RSA || (kind == CERT_EC && is_known_curve(X509_get0_pubkey(cert_x509(c)))))
		return CERT_GOOD;
	snprintf(why, size, "its key is neither RSA nor on P-256, P-384 or P-521");
	return CERT_KEY_TYPE;
}

/* Own rule: OpenSSL's smimeencrypt purpose wants keyEncipherment of EC certificates too, which carry keyAgreement
 * (RFC 5753 2, RFC 8550 4.4.2). */
static enum cert_fault check_usage(const struct cert *c, char *why, size_t size)
{
	uint32_t usage = X509_get_key_usage(cert_x509(c));
	uint32_t extended = X509_get_extended_key_usage(cert_x509(c));
	uint32_t wanted = cert_kind(c) == CERT_RSA ? KU_KEY_ENCIPHERMENT : KU_KEY_AGREEMENT;

	if (usage != UINT32_MAX && (usage & wanted) == 0) {
		snprintf(why, size, "its key usage does not have %s",
			 wanted == KU_KEY_ENCIPHERMENT ? "keyEncipherment" : "keyAgreement");
		return CERT_KEY_USAGE;
	}
	if (extended != UINT32_MAX && (extended & (XKU_SMIME | XKU_ANYEKU)) == 0) {
		snprintf(why, size, "its extended key usage does not have emailProtection");
		return CERT_EXTENDED_USAGE;
	}
	return CERT_GOOD;
}

/* What `openssl req -x509` makes is a CA and a user at once; by name (pinned) it may be used. */
static enum cert_fault check_ca(const struct cert *c, bool pinned, char *why, size_t size)
{
	X509 *x = cert_x509(c);

	if (X509_check_ca(x) != 1 || (pinned && X509_check_issued(x, x) == X509_V_OK))
		return CERT_GOOD;
	snprintf(why, size, "it is the certificate of a CA, not of a user");
	return CERT_IS_CA;
}

/* RFC 5321 2.4: local parts are compared exactly by the letter of it; no user has two that differ in case. */
static bool same_address(struct span a, struct span b)
{
	char domain_a[DOMAIN_SIZE], domain_b[DOMAIN_SIZE];
	size_t at_a = a.len, at_b = b.len;

	while (at_a > 0 && a.p[at_a - 1] != '@')
		at_a--;
	while (at_b > 0 && b.p[at_b - 1] != '@')
		at_b--;
	if (at_a == 0 || at_b == 0 || !span_ieq(span_sub(a, 0, at_a), span_sub(b, 0, at_b)))
		return false;
	return domain_to_ascii(span_from(a, at_a), domain_a, NULL) == RC_OK &&
	       domain_to_ascii(span_from(b, at_b), domain_b, NULL) == RC_OK &&
	       strcmp(domain_a, domain_b) == 0;
}

static enum cert_fault check_address(const struct cert *c, const char *address, char *why,
				     size_t size)
{
	const char *const *have = cert_addresses(c);

	for (size_t i = 0; have[i] != NULL; i++)
		if (same_address(span_str(have[i]), span_str(address)))
			return CERT_GOOD;
	snprintf(why, size, "it is for %s%s, not for %s", have[0] != NULL ? have[0] : "no address",
		 have[0] != NULL && have[1] != NULL ? " and others" : "", address);
	return CERT_ADDRESS;
}

/* The moment at which the path is judged: now, or the last (first) at which the certificate itself was valid. An
 * expired one that is used for a while longer must have had a good path, and dates are judged elsewhere. */
static time_t moment_of(const struct cert *c, int64_t now)
{
	if (now < cert_not_before(c))
		return cert_not_before(c);
	return now > cert_not_after(c) ? cert_not_after(c) : now;
}

static STACK_OF(X509) * chain_stack(struct cert *const *chain, size_t n)
{
	STACK_OF(X509) *stack = sk_X509_new_null();

	for (size_t i = 0; stack != NULL && i < n; i++) {
		if (sk_X509_push(stack, cert_x509(chain[i])) == 0) {
			sk_X509_free(stack);
			return NULL;
		}
	}
	return stack;
}

static enum cert_fault check_path(const struct cert *c, STACK_OF(X509) * chain,
				  const struct trust_anchors *anchors, int64_t now, char *why,
				  size_t size)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	X509_VERIFY_PARAM *param;
	enum cert_fault fault = CERT_UNTRUSTED;

	if (ctx == NULL || X509_STORE_CTX_init(ctx, anchors->store, cert_x509(c), chain) != 1) {
		snprintf(why, size, "out of memory");
		goto out;
	}
	param = X509_STORE_CTX_get0_param(ctx);
	/* "Equal to, or issued by the holder of, a trusted certificate": it need not be self-signed. */
	X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
	X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_ANY);
	X509_VERIFY_PARAM_set_time(param, moment_of(c, now));
	if (X509_verify_cert(ctx) == 1)
		fault = CERT_GOOD;
	else
		snprintf(why, size, "no path to a trusted certificate (%s)",
			 X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx)));
out:
	X509_STORE_CTX_free(ctx);
	return fault;
}

static enum cert_fault check_trust(const struct cert *c, struct cert *const *chain, size_t n_chain,
				   const struct trust_anchors *anchors, int64_t now, char *why,
				   size_t size)
{
	STACK_OF(X509) *stack = chain_stack(chain, n_chain);
	enum cert_fault fault;

	if (stack == NULL) {
		snprintf(why, size, "out of memory");
		return CERT_UNTRUSTED;
	}
	fault = check_path(c, stack, anchors, now, why, size);
	sk_X509_free(stack);
	return fault;
}

enum cert_fault cert_check(const struct cert *c, struct cert *const *chain, size_t n_chain,
			   const char *address, const struct trust_anchors *anchors, bool pinned,
			   int64_t now, char *why, size_t why_size)
{
	enum cert_fault fault = check_key(c, why, why_size);

	if (fault == CERT_GOOD)
		fault = check_usage(c, why, why_size);
	if (fault == CERT_GOOD)
		fault = check_ca(c, pinned, why, why_size);
	if (fault == CERT_GOOD)
		fault = check_address(c, address, why, why_size);
	if (fault == CERT_GOOD && !pinned)
		fault = check_trust(c, chain, n_chain, anchors, now, why, why_size);
	if (fault == CERT_GOOD && why_size > 0)
		why[0] = '\0';
	/* Extensions are first read here, and some cannot be. */
	err_openssl(NULL, RC_OK, "leave the queue empty");
	return fault;
}

const char *cert_fault_name(enum cert_fault f)
{
	static const char *const names[] = {
		[CERT_GOOD] = "good",
		[CERT_NOT_YET_VALID] = "not yet valid",
		[CERT_EXPIRED] = "expired",
		[CERT_IS_CA] = "CA certificate",
		[CERT_KEY_TYPE] = "key type",
		[CERT_KEY_SIZE] = "key size",
		[CERT_KEY_USAGE] = "key usage",
		[CERT_EXTENDED_USAGE] = "extended key usage",
		[CERT_ADDRESS] = "other address",
		[CERT_UNTRUSTED] = "not trusted",
	};

	return (size_t)f < COUNT_OF(names) ? names[f] : "unknown";
}
