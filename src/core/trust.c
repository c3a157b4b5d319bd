#include "core/trust.h"

#include <arpa/inet.h>
#include <string.h>

#include "core/line.h"
#include "core/received.h"

enum { INET_LEN = 4, INET6_LEN = 16 };

static const uint8_t mapped_prefix[12] = {[10] = 0xff, [11] = 0xff};

/* The client's address: *RET_BYTES of it, IPv4-mapped ones as IPv4; 0 when it has none. */
static const uint8_t *client_address(const struct facts *facts, unsigned *ret_bytes)
{
	*ret_bytes = 0;
	if (facts->client == CLIENT_INET)
		*ret_bytes = INET_LEN;
	if (facts->client != CLIENT_INET6)
		return facts->addr;
	if (memcmp(facts->addr, mapped_prefix, sizeof(mapped_prefix)) == 0) {
		*ret_bytes = INET_LEN;
		return facts->addr + sizeof(mapped_prefix);
	}
	*ret_bytes = INET6_LEN;
	return facts->addr;
}

static void client_show(const struct facts *facts, char ret[INET6_ADDRSTRLEN])
{
	unsigned bytes;
	const uint8_t *addr = client_address(facts, &bytes);

	if (bytes == 0 ||
	    inet_ntop(bytes == INET_LEN ? AF_INET : AF_INET6, addr, ret, INET6_ADDRSTRLEN) == NULL)
		strcpy(ret, "unknown");
}

static bool is_loopback(const struct facts *facts)
{
	static const uint8_t loopback6[INET6_LEN] = {[15] = 1};
	unsigned bytes;
	const uint8_t *addr = client_address(facts, &bytes);

	return bytes == INET_LEN    ? addr[0] == 127
	       : bytes == INET6_LEN ? memcmp(addr, loopback6, sizeof(loopback6)) == 0
				    : false;
}

static bool is_postfix(const struct facts *facts)
{
	return span_starts(facts->mta_version, SPAN_LIT("Postfix"));
}

/* Mail that came by no SMTP connection from elsewhere. Postfix shows "localhost", loopback, port 0 for sendmail(1)
 * and its own bounces; Sendmail gives no address and "localhost". From Postfix an unknown address is that of a
 * client that is gone or that a proxy concealed (XCLIENT ADDR=[UNAVAILABLE]), so not local. */
static bool is_local_submission(const struct facts *facts)
{
	if (facts->client == CLIENT_UNIX)
		return true;
	if (!span_ieq_str(facts->host, "localhost"))
		return false;
	if (facts->client == CLIENT_UNKNOWN)
		return !is_postfix(facts);
	return is_loopback(facts) && facts->port == 0;
}

static bool is_listed(const char *const *names, struct span name)
{
	if (name.len == 0)
		return false;
	for (; *names != NULL; names++)
		if (span_ieq_str(name, *names))
			return true;
	return false;
}

/* Postfix gives the names of a certificate only when it has verified it, and has no {verify}; Sendmail gives the
 * names whatever {verify} says. */
static bool certificate_is_verified(const struct facts *facts)
{
	if (facts->verify.p != NULL)
		return span_eq_str(facts->verify, "OK");
	return is_postfix(facts);
}

/* What two hexadecimal digits stand for; -1 where they are none. */
static int hex_octet(const char *p)
{
	int value = 0;

	for (size_t i = 0; i < 2; i++) {
		if (p[i] >= '0' && p[i] <= '9')
			value = value * 16 + (p[i] - '0');
		else if (p[i] >= 'A' && p[i] <= 'F')
			value = value * 16 + (p[i] - 'A' + 10);
		else
			return -1;
	}
	return value;
}

/* RFC 3461 4: xtext = *( xchar / "+" 2 hexadecimal digits ); so Sendmail shows what is in a certificate. */
static bool xtext_is(struct span shown, const char *name)
{
	size_t len = strlen(name), n = 0;

	for (size_t i = 0; i < shown.len; i++, n++) {
		int octet = (uint8_t)shown.p[i];

		if (octet == '+') {
			octet = shown.len - i > 2 ? hex_octet(shown.p + i + 1) : -1;
			i += 2;
		}
		if (n == len || octet != (uint8_t)name[n])
			return false;
	}
	return n == len;
}

/* Sendmail's {cert_subject} and {cert_issuer} are whole names, and a slash in one of their parts cannot be told from
 * that between two: the common name is taken from where it stands alone. */
static bool name_is(struct span cert, struct span cn, const char *name)
{
	return cn.p != NULL ? xtext_is(cn, name) : span_eq_str(cert, name);
}

static bool certificate_is_listed(const struct conf_trust *conf, const struct facts *facts)
{
	if (!certificate_is_verified(facts))
		return false;
	for (size_t i = 0; i < conf->n_certificates; i++) {
		const struct conf_certificate *c = &conf->certificates[i];

		if (c->subject[0] == '\0' && c->issuer[0] == '\0')
			continue;
		if ((c->subject[0] == '\0' ||
		     name_is(facts->cert_subject, facts->cn_subject, c->subject)) &&
		    (c->issuer[0] == '\0' ||
		     name_is(facts->cert_issuer, facts->cn_issuer, c->issuer)))
			return true;
	}
	return false;
}

static const struct conf_network *network_of(const struct conf_trust *conf,
					     const struct facts *facts)
{
	unsigned bytes;
	const uint8_t *addr = client_address(facts, &bytes);

	for (size_t i = 0; bytes != 0 && i < conf->n_networks; i++)
		if (conf_network_has(&conf->networks[i], addr, bytes))
			return &conf->networks[i];
	return NULL;
}

static void grant(struct trust *t, enum trust_source source)
{
	t->trusted = true;
	t->source = source;
}

/* What the MTA says of this client cannot be forged by what the message says. */
static bool trust_by_credentials(const struct conf_trust *conf, const struct facts *facts,
				 struct trust *t)
{
	if (facts->auth_type.len != 0 || facts->auth_authen.len != 0) {
		grant(t, SOURCE_AUTHENTICATED);
		line_set(t->why, sizeof(t->why), "authenticated");
	} else if (is_listed(conf->daemons, facts->daemon_name)) {
		grant(t, SOURCE_TRUSTED);
		line_set(t->why, sizeof(t->why), "daemon %.*s", SPAN_ARG(facts->daemon_name));
	} else if (certificate_is_listed(conf, facts)) {
		grant(t, SOURCE_TRUSTED);
		line_set(t->why, sizeof(t->why), "client certificate");
	}
	return t->trusted;
}

static void say_network(const struct conf_network *n, char *why, size_t why_size)
{
	char text[INET6_ADDRSTRLEN];

	if (inet_ntop(n->bytes == INET_LEN ? AF_INET : AF_INET6, n->addr, text, sizeof(text)) ==
	    NULL)
		text[0] = '\0';
	line_set(why, why_size, "network %s/%u", text, n->bits);
}

static void trust_by_place(const struct conf_trust *conf, const struct facts *facts,
			   const struct fields *fields, struct trust *t)
{
	const struct conf_network *network = network_of(conf, facts);
	char client[INET6_ADDRSTRLEN];

	if (is_local_submission(facts)) {
		grant(t, SOURCE_LOCAL);
		line_set(t->why, sizeof(t->why), "local submission");
	} else if (network != NULL && is_listed(conf->not_daemons, facts->daemon_name)) {
		line_set(t->why, sizeof(t->why), "daemon %.*s is in trust.not_daemons",
			 SPAN_ARG(facts->daemon_name));
	} else if (network != NULL) {
		grant(t, SOURCE_TRUSTED);
		say_network(network, t->why, sizeof(t->why));
	} else {
		client_show(facts, client);
		line_set(t->why, sizeof(t->why),
			 "not authenticated, client %s not in trust.networks", client);
	}
	if (t->trusted &&
	    received_from_outside(conf, facts->mta_name, fields, t->why, sizeof(t->why))) {
		t->trusted = false;
		t->source = SOURCE_RELAYED;
	}
}

void trust_decide(const struct conf_trust *conf, const struct facts *facts,
		  const struct fields *fields, struct trust *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->source = SOURCE_RELAYED;
	if (!trust_by_credentials(conf, facts, ret))
		trust_by_place(conf, facts, fields, ret);
	if (!ret->trusted && conf->any) {
		grant(ret, SOURCE_TRUSTED);
		line_set(ret->why, sizeof(ret->why), "trust.any");
	}
}

const char *trust_source_name(enum trust_source s)
{
	static const char *const names[] = {
		[SOURCE_RELAYED] = "relayed",
		[SOURCE_TRUSTED] = "trusted",
		[SOURCE_AUTHENTICATED] = "authenticated",
		[SOURCE_LOCAL] = "local",
	};

	return names[s];
}
