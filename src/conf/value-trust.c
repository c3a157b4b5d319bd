#include <arpa/inet.h>
#include <string.h>

#include "conf/read.h"
#include "conf/value.h"

enum { IPV4_BYTES = 4, IPV6_BYTES = 16, MAPPED_BYTES = 12, NETWORK_MAX_BYTES = 64 };

static const uint8_t mapped_prefix[MAPPED_BYTES] = {[10] = 0xff, [11] = 0xff};

/* The first BITS bits are equal. */
static bool same_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	if (memcmp(a, b, whole) != 0)
		return false;
	return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

bool conf_network_has(const struct conf_network *n, const uint8_t *addr, unsigned bytes)
{
	if (bytes == IPV6_BYTES && memcmp(addr, mapped_prefix, MAPPED_BYTES) == 0) {
		addr += MAPPED_BYTES;
		bytes = IPV4_BYTES;
	}
	return bytes == n->bytes && same_bits(n->addr, addr, n->bits);
}

/* Clear what lies behind the prefix; was there anything? */
static bool clear_host_bits(struct conf_network *net)
{
	bool set = false;

	for (unsigned i = 0; i < net->bytes; i++) {
		unsigned kept = net->bits > i * 8 ? net->bits - i * 8 : 0;
		uint8_t mask = kept >= 8 ? 0xff : (uint8_t)(0xff00 >> kept);

		set = set || (net->addr[i] & ~mask) != 0;
		net->addr[i] &= mask;
	}
	return set;
}

/* IPv4-mapped addresses are matched as IPv4, so networks of them must be IPv4 ones. */
static void unmap(struct conf_network *net)
{
	if (net->bytes != IPV6_BYTES || net->bits < MAPPED_BYTES * 8 ||
	    memcmp(net->addr, mapped_prefix, MAPPED_BYTES) != 0)
		return;
	memmove(net->addr, net->addr + MAPPED_BYTES, IPV4_BYTES);
	memset(net->addr + IPV4_BYTES, 0, MAPPED_BYTES);
	net->bytes = IPV4_BYTES;
	net->bits -= MAPPED_BYTES * 8;
}

/* "10.0.0.0/8", "::1", and "[2001:db8::]/32" as Postfix writes it. */
static bool read_network(const char *text, struct conf_network *ret)
{
	struct span s = span_str(text), address = span_sub(s, 0, span_find(s, '/', 0));
	struct span length = span_from(s, address.len);
	bool brackets = span_starts(address, SPAN_LIT("[")) && span_ends(address, SPAN_LIT("]"));
	char buf[NETWORK_MAX_BYTES] = "";
	struct conf_network net = {.bits = 0};

	if (brackets)
		address = span_sub(address, 1, address.len - 2);
	if (address.len >= sizeof(buf))
		return false;
	if (address.len > 0)
		memcpy(buf, address.p, address.len);
	if (!brackets && inet_pton(AF_INET, buf, net.addr) == 1)
		net.bytes = IPV4_BYTES;
	else if (inet_pton(AF_INET6, buf, net.addr) == 1)
		net.bytes = IPV6_BYTES;
	else
		return false;
	net.bits = net.bytes * 8;
	if (length.len == 1 || length.len > 4)
		return false;
	for (size_t i = 1; i < length.len; i++) {
		if (!is_ascii_digit(length.p[i]))
			return false;
		net.bits = (i == 1 ? 0 : net.bits * 10) + (unsigned)(length.p[i] - '0');
	}
	if (net.bits > net.bytes * 8)
		return false;
	*ret = net;
	return true;
}

bool conf_network_read(const char *text, struct conf_network *ret)
{
	if (!read_network(text, ret))
		return false;
	clear_host_bits(ret);
	unmap(ret);
	return true;
}

static void check_network(struct value_reader *r, const struct schema_key *k, const struct node *n,
			  struct conf_network *net)
{
	char address[INET6_ADDRSTRLEN];

	if (clear_host_bits(net)) {
		inet_ntop(net->bytes == IPV4_BYTES ? AF_INET : AF_INET6, net->addr, address,
			  sizeof(address));
		value_complain(r, CONF_WARNING, k, n,
			       "\"%s\" has bits set behind its prefix; it is taken as \"%s/%u\"",
			       n->u.text, address, net->bits);
	}
	unmap(net);
	if (net->bits == 0)
		value_complain(r, CONF_WARNING, k, n,
			       "\"%s\" trusts every client: whatever the mail server accepts from "
			       "anybody is signed",
			       n->u.text);
}

void value_networks(struct value_reader *r, const struct schema_key *k, const struct node *n,
		    void *to)
{
	struct conf_trust *trust = to;
	struct conf_network *nets;
	size_t good = 0;

	if (!value_is_texts(r, k, n))
		return;
	nets = value_alloc(r, n->u.kids.n + 1, sizeof(*nets));
	for (size_t i = 0; i < n->u.kids.n && nets != NULL; i++) {
		const struct node *element = &n->u.kids.at[i];

		if (read_network(element->u.text, &nets[good]))
			check_network(r, k, element, &nets[good++]);
		else
			value_complain(
				r, CONF_ERROR, k, element,
				"\"%.60s\" is no network: an address with or without a prefix "
				"length is wanted, such as \"10.0.0.0/8\", \"192.0.2.7\" or "
				"\"2001:db8::/32\"",
				element->u.text);
	}
	if (nets == NULL)
		return;
	trust->networks = nets;
	trust->n_networks = good;
}

static bool read_certificate(struct value_reader *r, const struct schema_key *k,
			     const struct node *n, struct conf_certificate *ret)
{
	static const char wanted[] = "a group { subject = \"...\"; issuer = \"...\"; } is wanted";

	if (n->type != NODE_GROUP) {
		value_complain(r, CONF_ERROR, k, n, "%s", wanted);
		return false;
	}
	*ret = (struct conf_certificate){.subject = "", .issuer = ""};
	read_group(r, &schema_certificate, n, ret);
	if (*ret->subject == '\0' && *ret->issuer == '\0') {
		value_complain(r, CONF_ERROR, k, n, "%s, at least one of the two not empty",
			       wanted);
		return false;
	}
	return true;
}

void value_certificates(struct value_reader *r, const struct schema_key *k, const struct node *n,
			void *to)
{
	struct conf_trust *trust = to;
	struct conf_certificate *all;
	size_t good = 0;

	if (n->type != NODE_LIST) {
		value_complain(r, CONF_ERROR, k, n,
			       "a list of groups is wanted: ( { subject = \"...\"; }, ... )");
		return;
	}
	all = value_alloc(r, n->u.kids.n + 1, sizeof(*all));
	for (size_t i = 0; i < n->u.kids.n && all != NULL; i++)
		if (read_certificate(r, k, &n->u.kids.at[i], &all[good]))
			good++;
	if (all == NULL)
		return;
	trust->certificates = all;
	trust->n_certificates = good;
}

void value_trust_any(struct value_reader *r, const struct schema_key *k, const struct node *n,
		     void *to)
{
	value_bool(r, k, n, to);
	if (n->type == NODE_BOOL && n->u.truth)
		value_complain(r, CONF_WARNING, k, n,
			       "every message with a From: of ours is signed, whoever sent it");
}
