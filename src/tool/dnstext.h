/* tool/dnstext.h - the TXT record of one selector, as zone file, web form and nsupdate want it. */
#ifndef TOOL_DNSTEXT_H
#define TOOL_DNSTEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "conf/conf.h"
#include "directory/directory.h"

struct dnstext {
	const char *domain;   /* d=, A-labels */
	const char *selector; /* without ._domainkey */
	enum dkim_alg alg;
	const char *public_base64; /* "": revoked */
	bool testing;		   /* t=y */
	int64_t ttl;		   /* seconds */
};

/* The record of S in the domain D: revoked without a key, t=y in mode "test", the TTL of dns.ttl. */
struct dnstext dnstext_of(const struct conf_domain *d, const struct selector *s);

/* Each appends to OUT. */
/* "rsa-20261124._domainkey.example.com", no final dot. */
MUST_CHECK enum rc dnstext_name(const struct dnstext *r, struct buf *out, struct err *err);
/* The value as one string. */
MUST_CHECK enum rc dnstext_value(const struct dnstext *r, struct buf *out, struct err *err);
/* One zone entry in the layout of opendkim-genkey, which scripts read by pattern: name with its final dot,
 * no TTL, IN TXT, strings of at most 255 octets (RFC 1035 3.3) in parentheses, a comment. */
MUST_CHECK enum rc dnstext_zone(const struct dnstext *r, struct buf *out, struct err *err);
/* Three labelled lines: name, type, value in one piece. */
MUST_CHECK enum rc dnstext_web(const struct dnstext *r, struct buf *out, struct err *err);
/* "update delete" and "update add"; the caller ends the whole with "send\n". */
MUST_CHECK enum rc dnstext_nsupdate(const struct dnstext *r, struct buf *out, struct err *err);
/* {"name", "type", "ttl", "value", "strings"} */
MUST_CHECK enum rc dnstext_json(const struct dnstext *r, json_t **ret, struct err *err);

#endif
