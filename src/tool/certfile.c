#include "tool/certfile.h"

#include <string.h>

enum rc certfile_read(struct span bytes, struct certfile *ret, struct err *err)
{
	*ret = (struct certfile){.certs = NULL};
	ret->has_key = span_search(bytes, SPAN_LIT("PRIVATE KEY-----"), 0, false) < bytes.len;
	return cert_read_bundle(bytes, &ret->certs, &ret->n, err);
}

void certfile_clear(struct certfile *f)
{
	cert_array_free(f->certs, f->n);
	f->certs = NULL;
	f->n = 0;
}

/* What can be done about it. */
static const char *const advice[] = {
	[CERT_EXPIRED] = "ask for a new one, or say --force for mail that is late",
	[CERT_IS_CA] = "give the one that it issued for the user",
	[CERT_KEY_TYPE] = "ask for one with an RSA key of 2048 bits or more, or on P-256",
	[CERT_KEY_SIZE] = "ask for one with an RSA key of 2048 bits or more, or on P-256",
	[CERT_KEY_USAGE] =
		"where a user has one for signing and one for encryption, give the other",
	[CERT_EXTENDED_USAGE] = "ask for one for S/MIME",
	[CERT_ADDRESS] = "add it to the account that it is for, or ask for one for this address",
	[CERT_UNTRUSTED] = "put the certificates of its issuers into the file behind it",
};

enum cert_fault certfile_check(const struct cert *c, struct cert *const *chain, size_t n_chain,
			       const char *const *addresses, const struct trust_anchors *anchors,
			       bool pinned, int64_t now, char *why, size_t why_size)
{
	enum cert_fault fault = CERT_ADDRESS;
	size_t n = 0;

	while (addresses[n] != NULL)
		n++;
	while (fault == CERT_ADDRESS && n-- > 0)
		fault = cert_check(c, chain, n_chain, addresses[n], anchors, pinned, now, why,
				   why_size);
	return fault;
}

static enum cert_fault check(const struct certfile *f, const struct certfile_question *q, bool pin,
			     char *why, size_t size)
{
	return certfile_check(f->certs[0], f->certs + 1, f->n - 1, q->addresses, q->anchors, pin,
			      q->now, why, size);
}

static enum rc refuse(const struct certfile *f, enum cert_fault fault, const char *why, bool pin,
		      struct err *err)
{
	return err_set(err, pin || fault == CERT_EXPIRED ? RC_REFUSED : RC_INPUT,
		       "the certificate of %.200s is not accepted: %s; %s%s",
		       cert_subject(f->certs[0]), why, advice[fault],
		       pin ? ", or, when the user has told you its fingerprint, say --pin" : "");
}

enum rc certfile_judge(const struct certfile *f, const struct certfile_question *q,
		       struct certfile_verdict *ret, struct err *err)
{
	char why[300] = "", unused[300];
	enum cert_fault fault = check(f, q, q->pin, why, sizeof(why));

	*ret = (struct certfile_verdict){.fault = fault, .remedy = REMEDY_NONE};
	if (fault != CERT_GOOD) {
		/* Also for what "openssl req -x509" makes: a CA, but nobody else's. */
		if (!q->pin && check(f, q, true, unused, sizeof(unused)) == CERT_GOOD)
			ret->remedy = REMEDY_PIN;
		return refuse(f, fault, why, ret->remedy == REMEDY_PIN, err);
	}
	if (q->force || cert_fault_of_time(f->certs[0], q->now) != CERT_EXPIRED)
		return RC_OK;
	*ret = (struct certfile_verdict){.fault = CERT_EXPIRED, .remedy = REMEDY_FORCE};
	return refuse(f, CERT_EXPIRED, "its time is over", false, err);
}
