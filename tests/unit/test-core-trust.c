/* Whose mail is it: every row is a client, what it showed, and what the header shows. */
#include "core/trust.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "core/received.h"
#include "test.h"

#define HOST "mx.example.com"

static const struct conf_network networks[] = {
	{.addr = {127}, .bytes = 4, .bits = 8},
	{.addr = {[15] = 1}, .bytes = 16, .bits = 128},
	{.addr = {10, 1}, .bytes = 4, .bits = 16},
	{.addr = {0x20, 0x01, 0x0d, 0xb8, 0, 1}, .bytes = 16, .bits = 48},
};
static const char *const daemons[] = {"ORIGINATING", "submit", NULL};
static const char *const not_daemons[] = {"INBOUND", NULL};
static const struct conf_certificate certificates[] = {
	{.subject = "relay.example.com", .issuer = "Example CA"},
	{.subject = "", .issuer = "Staff CA"},
	{.subject = "lone.example.com", .issuer = ""},
	{.subject = "", .issuer = ""},
};

static struct conf_trust base_conf(void)
{
	return (struct conf_trust){
		.networks = networks,
		.n_networks = COUNT_OF(networks),
		.daemons = daemons,
		.not_daemons = not_daemons,
		.certificates = certificates,
		.n_certificates = COUNT_OF(certificates),
	};
}

static void set_client(struct facts *f, const char *text)
{
	if (strcmp(text, "unknown") == 0)
		f->client = CLIENT_UNKNOWN;
	else if (strcmp(text, "unix") == 0)
		f->client = CLIENT_UNIX;
	else if (inet_pton(AF_INET, text, f->addr) == 1)
		f->client = CLIENT_INET;
	else if (inet_pton(AF_INET6, text, f->addr) == 1)
		f->client = CLIENT_INET6;
	else
		abort();
}

/* "Name: value" */
static void add_field(struct fields *fields, const char *line)
{
	struct err err = ERR_INIT;
	struct span s = span_str(line);
	size_t colon = span_find(s, ':', 0);

	ASSERT_OK(fields_add(fields, span_sub(s, 0, colon), span_from(s, colon + 1), &err), &err);
}

struct row {
	const char *label;
	const char *client;
	const char *host;
	unsigned port;
	const char *auth, *daemon, *verify, *subject, *issuer, *version;
	const char *cn_subject, *cn_issuer;
	const char *fields[3];
	bool trusted;
	enum trust_source source;
	const char *why;
};

/* Shorthands: a client from outside, one on loopback over SMTP, and sendmail(1) under Postfix. */
#define OUTSIDE .client = "192.0.2.9", .host = "mail.example.net", .port = 4711
#define LOOP .client = "127.0.0.1", .host = "localhost", .port = 4711
#define PICKUP .client = "127.0.0.1", .host = "localhost", .port = 0
#define POSTFIX .version = "Postfix 3.7.11"
#define SENDMAIL .version = "8.17.1"
#define DENY(text) .trusted = false, .source = SOURCE_RELAYED, .why = (text)
#define GRANT(from, text) .trusted = true, .source = (from), .why = (text)

#define FROM_OUTSIDE                                                                               \
	"Received: from mail.example.net (mail.example.net [192.0.2.9])\n\t(using TLSv1.3 with "   \
	"cipher TLS_AES_256_GCM_SHA384 (256/256 bits))\n\tby " HOST                                \
	" (Postfix) with ESMTPS id 4F1\n\tfor <joe@example.com>; Tue, 24 Nov 2026 10:00:00 +0000"
#define FROM_AUTHENTICATED                                                                         \
	"Received: from [192.168.7.7] (dsl.example.net [192.0.2.77])\n\t(Authenticated sender: "   \
	"joe)\n\tby " HOST " (Postfix) with ESMTPSA id 4F2; Tue, 24 Nov 2026 10:00:00 +0000"

static const struct row rows[] = {
	/* SMTP AUTH */
	{"authenticated from outside", OUTSIDE, .auth = "joe",
	 GRANT(SOURCE_AUTHENTICATED, "authenticated")},
	{"authenticated on an inbound daemon", OUTSIDE, .auth = "joe", .daemon = "INBOUND",
	 GRANT(SOURCE_AUTHENTICATED, "authenticated")},
	{"authenticated, trace shows outside", OUTSIDE, .auth = "joe", .fields = {FROM_OUTSIDE},
	 GRANT(SOURCE_AUTHENTICATED, "authenticated")},
	{"empty login is none", OUTSIDE, .auth = "", DENY("not authenticated, client 192.0.2.9")},
	{"nothing to show", OUTSIDE,
	 DENY("not authenticated, client 192.0.2.9 not in trust.networks")},
	/* the daemon's name */
	{"daemon", OUTSIDE, .daemon = "ORIGINATING", GRANT(SOURCE_TRUSTED, "daemon ORIGINATING")},
	{"daemon, other case", OUTSIDE, .daemon = "Originating",
	 GRANT(SOURCE_TRUSTED, "daemon Originating")},
	{"second daemon of the list", OUTSIDE, .daemon = "submit",
	 GRANT(SOURCE_TRUSTED, "daemon submit")},
	{"daemon outweighs the trace", LOOP, .daemon = "ORIGINATING", .fields = {FROM_OUTSIDE},
	 GRANT(SOURCE_TRUSTED, "daemon ORIGINATING")},
	{"daemon not listed", OUTSIDE, .daemon = "MTA", DENY("client 192.0.2.9")},
	{"daemon that only begins so", OUTSIDE, .daemon = "ORIGINATING2", DENY("192.0.2.9")},
	{"empty daemon name", OUTSIDE, .daemon = "", DENY("192.0.2.9")},
	{"inbound daemon on loopback", LOOP, .daemon = "INBOUND",
	 DENY("daemon INBOUND is in trust.not_daemons")},
	{"inbound daemon, other case", LOOP, .daemon = "inbound", DENY("trust.not_daemons")},
	{"inbound daemon and sendmail(1)", PICKUP, POSTFIX, .daemon = "INBOUND",
	 GRANT(SOURCE_LOCAL, "local submission")},
	/* certificates */
	{"Sendmail, verified", OUTSIDE, SENDMAIL, .verify = "OK", .subject = "relay.example.com",
	 .issuer = "Example CA", GRANT(SOURCE_TRUSTED, "client certificate")},
	{"Sendmail, not verified", OUTSIDE, SENDMAIL, .verify = "FAIL",
	 .subject = "relay.example.com", .issuer = "Example CA", DENY("192.0.2.9")},
	{"Sendmail, NO", OUTSIDE, SENDMAIL, .verify = "NO", .subject = "relay.example.com",
	 .issuer = "Example CA", DENY("192.0.2.9")},
	{"Sendmail, whole names and common names", OUTSIDE, SENDMAIL, .verify = "OK",
	 .subject = "/O=Us/CN=relay.example.com", .issuer = "/O=Us/CN=Example+20CA",
	 .cn_subject = "relay.example.com", .cn_issuer = "Example+20CA",
	 GRANT(SOURCE_TRUSTED, "client certificate")},
	{"Sendmail, common names, not verified", OUTSIDE, SENDMAIL, .verify = "FAIL",
	 .cn_subject = "relay.example.com", .cn_issuer = "Example+20CA", DENY("192.0.2.9")},
	{"Sendmail, whole names alone", OUTSIDE, SENDMAIL, .verify = "OK",
	 .subject = "/O=Us/CN=relay.example.com", .issuer = "/O=Us/CN=Example+20CA",
	 DENY("192.0.2.9")},
	{"the common name outweighs the whole name", OUTSIDE, SENDMAIL, .verify = "OK",
	 .subject = "relay.example.com", .issuer = "Example CA", .cn_subject = "joe",
	 .cn_issuer = "Example+20CA", DENY("192.0.2.9")},
	{"xtext, another octet", OUTSIDE, SENDMAIL, .verify = "OK",
	 .cn_subject = "relay.example.com", .cn_issuer = "Example+21CA", DENY("192.0.2.9")},
	{"xtext that breaks off", OUTSIDE, SENDMAIL, .verify = "OK",
	 .cn_subject = "relay.example.co+6", .cn_issuer = "Example+20CA", DENY("192.0.2.9")},
	{"xtext that is none", OUTSIDE, SENDMAIL, .verify = "OK", .cn_subject = "relay.example.com",
	 .cn_issuer = "Example+2gCA", DENY("192.0.2.9")},
	{"xtext, shorter", OUTSIDE, SENDMAIL, .verify = "OK", .cn_subject = "lone.example.co",
	 .cn_issuer = "any", DENY("192.0.2.9")},
	{"xtext, longer", OUTSIDE, SENDMAIL, .verify = "OK", .cn_subject = "lone.example.com+00",
	 .cn_issuer = "any", DENY("192.0.2.9")},
	{"xtext of plain letters", OUTSIDE, SENDMAIL, .verify = "OK",
	 .cn_subject = "+6Cone.example.com", .cn_issuer = "any",
	 GRANT(SOURCE_TRUSTED, "client certificate")},
	{"no common name at all", OUTSIDE, SENDMAIL, .verify = "OK", .subject = "lone.example.com",
	 .cn_subject = "", .cn_issuer = "", DENY("192.0.2.9")},
	{"verify is compared exactly", OUTSIDE, SENDMAIL, .verify = "ok",
	 .subject = "relay.example.com", .issuer = "Example CA", DENY("192.0.2.9")},
	{"Sendmail without verify", OUTSIDE, SENDMAIL, .subject = "relay.example.com",
	 .issuer = "Example CA", DENY("192.0.2.9")},
	{"no version, no verify", OUTSIDE, .subject = "relay.example.com", .issuer = "Example CA",
	 DENY("192.0.2.9")},
	{"Postfix has no verify", OUTSIDE, POSTFIX, .subject = "relay.example.com",
	 .issuer = "Example CA", GRANT(SOURCE_TRUSTED, "client certificate")},
	{"Postfix, empty verify", OUTSIDE, POSTFIX, .verify = "", .subject = "relay.example.com",
	 .issuer = "Example CA", DENY("192.0.2.9")},
	{"another issuer", OUTSIDE, POSTFIX, .subject = "relay.example.com", .issuer = "Evil CA",
	 DENY("192.0.2.9")},
	{"another subject", OUTSIDE, POSTFIX, .subject = "relay.example.net",
	 .issuer = "Example CA", DENY("192.0.2.9")},
	{"names are compared exactly", OUTSIDE, POSTFIX, .subject = "RELAY.example.com",
	 .issuer = "Example CA", DENY("192.0.2.9")},
	{"issuer alone is listed", OUTSIDE, POSTFIX, .subject = "anybody", .issuer = "Staff CA",
	 GRANT(SOURCE_TRUSTED, "client certificate")},
	{"subject alone is listed", OUTSIDE, POSTFIX, .subject = "lone.example.com",
	 .issuer = "Any CA", GRANT(SOURCE_TRUSTED, "client certificate")},
	{"an empty entry lists nobody", OUTSIDE, POSTFIX, DENY("192.0.2.9")},
	{"certificate outweighs the trace", LOOP, POSTFIX, .subject = "lone.example.com",
	 .fields = {FROM_OUTSIDE}, GRANT(SOURCE_TRUSTED, "client certificate")},
	/* networks */
	{"loopback", LOOP, GRANT(SOURCE_TRUSTED, "network 127.0.0.0/8")},
	{"far end of loopback", .client = "127.255.255.254", .host = "x", .port = 1,
	 GRANT(SOURCE_TRUSTED, "network 127.0.0.0/8")},
	{"just past loopback", .client = "128.0.0.1", .host = "x", .port = 1, DENY("128.0.0.1")},
	{"IPv6 loopback", .client = "::1", .host = "localhost", .port = 9,
	 GRANT(SOURCE_TRUSTED, "network ::1/128")},
	{"IPv6 beside loopback", .client = "::2", .host = "localhost", .port = 9, DENY("::2")},
	{"mapped loopback", .client = "::ffff:127.0.0.1", .host = "localhost", .port = 9,
	 GRANT(SOURCE_TRUSTED, "network 127.0.0.0/8")},
	{"mapped inside", .client = "::ffff:10.1.2.3", .host = "pc", .port = 9,
	 GRANT(SOURCE_TRUSTED, "network 10.1.0.0/16")},
	{"mapped outside", .client = "::ffff:192.0.2.9", .host = "pc", .port = 9,
	 DENY("client 192.0.2.9 not")},
	{"inside", .client = "10.1.255.255", .host = "pc", .port = 9,
	 GRANT(SOURCE_TRUSTED, "network 10.1.0.0/16")},
	{"beside the inside", .client = "10.2.0.0", .host = "pc", .port = 9, DENY("10.2.0.0")},
	{"IPv6 inside", .client = "2001:db8:1::25", .host = "pc", .port = 9,
	 GRANT(SOURCE_TRUSTED, "network 2001:db8:1::/48")},
	{"IPv6 outside", .client = "2001:db8:2::25", .host = "pc", .port = 9,
	 DENY("2001:db8:2::25")},
	{"name localhost proves nothing", .client = "192.0.2.9", .host = "localhost", .port = 0,
	 DENY("192.0.2.9")},
	/* local submission */
	{"sendmail(1) under Postfix", PICKUP, POSTFIX, GRANT(SOURCE_LOCAL, "local submission")},
	{"the same over IPv6", .client = "::1", .host = "localhost", POSTFIX,
	 GRANT(SOURCE_LOCAL, "local submission")},
	{"the same, mapped", .client = "::ffff:127.0.0.1", .host = "LOCALHOST", POSTFIX,
	 GRANT(SOURCE_LOCAL, "local submission")},
	{"port 0 of another host", .client = "10.1.2.3", .host = "pc", POSTFIX,
	 GRANT(SOURCE_TRUSTED, "network")},
	{"sendmail -bs under Sendmail", .client = "unknown", .host = "localhost", SENDMAIL,
	 GRANT(SOURCE_LOCAL, "local submission")},
	{"no version at all", .client = "unknown", .host = "localhost",
	 GRANT(SOURCE_LOCAL, "local submission")},
	{"no address, another name", .client = "unknown", .host = "mail.example.net", SENDMAIL,
	 DENY("client unknown")},
	{"no address under Postfix", .client = "unknown", .host = "localhost", POSTFIX,
	 DENY("client unknown")},
	{"a unix socket", .client = "unix", .host = "", POSTFIX,
	 GRANT(SOURCE_LOCAL, "local submission")},
	{"pickup's own Received", PICKUP, POSTFIX,
	 .fields = {"Received: by " HOST " (Postfix, from userid 1000)\n\tid 4F3; Tue, 24 Nov"},
	 GRANT(SOURCE_LOCAL, "local submission")},
	{"Sendmail's own Received", PICKUP,
	 .fields = {"Received: (from joe@localhost)\n\tby " HOST " (8.17.1/8.17.1/Submit) id x"},
	 GRANT(SOURCE_LOCAL, "local submission")},
	/* trace fields: mail from outside that is handed back */
	{"handed back on loopback", LOOP, .fields = {FROM_OUTSIDE},
	 DENY("came from outside: Received from [192.0.2.9]")},
	{"handed back by sendmail(1)", PICKUP, POSTFIX, .fields = {FROM_OUTSIDE},
	 DENY("came from outside")},
	{"handed back by a filter elsewhere", .client = "10.1.0.9", .host = "filter", .port = 7,
	 .fields = {FROM_OUTSIDE}, DENY("came from outside")},
	{"below the filter's own Received", LOOP,
	 .fields = {"Received: from localhost ([127.0.0.1]) by localhost (" HOST
		    " [127.0.0.1]) (amavis, port 10024) with ESMTP id x",
		    FROM_OUTSIDE},
	 DENY("came from outside")},
	{"one that would be inside does not help", LOOP,
	 .fields = {FROM_AUTHENTICATED, FROM_OUTSIDE}, DENY("came from outside")},
	{"authenticated, handed back", LOOP, .fields = {FROM_AUTHENTICATED},
	 GRANT(SOURCE_TRUSTED, "network")},
	{"inside client, handed back", LOOP,
	 .fields = {"Received: from [192.0.2.1] (pc [10.1.2.3]) by " HOST " (Postfix) with SMTP"},
	 GRANT(SOURCE_TRUSTED, "network")},
	{"inside IPv6 client, handed back", LOOP,
	 .fields = {"Received: from pc (pc [IPv6:2001:db8:1::3]) by " HOST " with ESMTP id 1"},
	 GRANT(SOURCE_TRUSTED, "network")},
	{"outside IPv6 client", LOOP,
	 .fields = {"Received: from pc (pc [IPv6:2001:db8:2::3]) by " HOST " with ESMTP id 1"},
	 DENY("Received from [IPv6:2001:db8:2::3]")},
	{"HELO shows an inside address", LOOP,
	 .fields = {"Received: from [10.1.2.3] (unknown [192.0.2.9]) by " HOST " with ESMTP id 1"},
	 DENY("192.0.2.9")},
	{"HELO holds words of the field", LOOP,
	 .fields = {"Received: from by (a [192.0.2.9]) with ESMTPSA by " HOST " with ESMTP id 1"},
	 DENY("192.0.2.9")},
	{"a recipient holds words of the field", LOOP,
	 .fields = {"Received: from a (a [192.0.2.9]) by " HOST
		    " id 1 for <\"x by y with ESMTPSA z\"@example.com>; date"},
	 DENY("192.0.2.9")},
	{"a comment holds words of the field", LOOP,
	 .fields = {"Received: from a (a [192.0.2.9]) by " HOST " (x with ESMTPSA \\) (y)) with "
		    "ESMTP id 1"},
	 DENY("192.0.2.9")},
	{"unknown client", LOOP,
	 .fields = {"Received: from unknown (unknown [unknown]) by " HOST " with SMTP id 1"},
	 DENY("Received from [unknown]")},
	{"no address at all", LOOP,
	 .fields = {"Received: from pop.example.net by " HOST " with POP3 (fetchmail) for <joe>"},
	 DENY("Received from [pop.example.net]")},
	{"fetchmail's form", LOOP,
	 .fields = {"Received: from pop.example.net [192.0.2.44] by " HOST " with IMAP; date"},
	 DENY("Received from [192.0.2.44]")},
	{"LMTP on this host", LOOP,
	 .fields = {"Received: from " HOST "\n\tby " HOST " with LMTP id 1"},
	 GRANT(SOURCE_TRUSTED, "network")},
	{"another host saw it come", LOOP,
	 .fields = {"Received: from a (a [192.0.2.9]) by mx.example.net with ESMTP id 1"},
	 GRANT(SOURCE_TRUSTED, "network")},
	{"this host in other case, with a dot", LOOP,
	 .fields = {"RECEIVED: FROM a (a [192.0.2.9]) BY MX.Example.COM. WITH ESMTP id 1"},
	 DENY("192.0.2.9")},
	{"unclosed comment", LOOP, .fields = {"Received: by " HOST " (x"},
	 GRANT(SOURCE_TRUSTED, "network")},
	{"unclosed bracket before by", LOOP,
	 .fields = {"Received: from a (a [192.0.2.9) by " HOST " id 1"}, DENY("192.0.2.9")},
	{"HELO hides the rest in an angle bracket", LOOP,
	 .fields = {"Received: from < (a [192.0.2.9]) by " HOST " with ESMTPSA id 1 for <a@b>"},
	 DENY("192.0.2.9")},
	{"HELO hides the rest in a comment", LOOP,
	 .fields = {"Received: from ( (a [192.0.2.9]) by " HOST " with ESMTPSA id 1"},
	 DENY("192.0.2.9")},
	{"HELO hides the rest in quotes", LOOP,
	 .fields = {"Received: from \" (a [192.0.2.9]) by " HOST " with ESMTPSA id 1"},
	 DENY("192.0.2.9")},
	{"results of this host", LOOP,
	 .fields = {"Authentication-Results: " HOST "; spf=fail smtp.mailfrom=example.com"},
	 DENY("came from outside: Authentication-Results")},
	{"results of this host, quoted, with versions", LOOP,
	 .fields = {"Authentication-Results: (x) \"" HOST "\" 1; dkim=none; IPREV/1=pass"},
	 DENY("Results")},
	{"results of this host, spaced out", LOOP,
	 .fields = {"Authentication-Results: " HOST " ;\n\t(c) spf (x) = pass"}, DENY("Results")},
	{"results of this host: no results", LOOP,
	 .fields = {"Authentication-Results: " HOST "; none"}, GRANT(SOURCE_TRUSTED, "network")},
	{"results of a verifier before us", PICKUP, POSTFIX,
	 .fields = {"Authentication-Results: " HOST "; dkim=none; dkim-atps=neutral",
		    "Authentication-Results: " HOST ";\n\tdkim=pass header.d=example.org;\n\t"
		    "dmarc=pass (p=none) header.from=example.org reason=\"spf=fail\""},
	 GRANT(SOURCE_LOCAL, "local submission")},
	{"of several results one judges the client", LOOP,
	 .fields = {"Authentication-Results: " HOST "; dkim=none",
		    "Authentication-Results: " HOST "; arc=none; spf=none"},
	 DENY("Results")},
	{"results say authenticated", LOOP,
	 .fields = {"Authentication-Results: " HOST ";\n\tauth=pass smtp.auth=joe"},
	 GRANT(SOURCE_TRUSTED, "network")},
	{"results of another host", LOOP,
	 .fields = {"Authentication-Results: mx.example.net; spf=pass"},
	 GRANT(SOURCE_TRUSTED, "network")},
	{"empty trace fields", LOOP, .fields = {"Received:", "Authentication-Results: "},
	 GRANT(SOURCE_TRUSTED, "network")},
};

static void set_facts(const struct row *row, struct facts *f)
{
	memset(f, 0, sizeof(*f));
	set_client(f, row->client);
	f->host = span_str(row->host);
	f->port = (uint16_t)row->port;
	f->mta_name = SPAN_LIT(HOST);
	f->auth_authen = span_str(row->auth);
	f->daemon_name = span_str(row->daemon);
	f->verify = span_str(row->verify);
	f->cert_subject = span_str(row->subject);
	f->cert_issuer = span_str(row->issuer);
	f->mta_version = span_str(row->version);
	f->cn_subject = span_str(row->cn_subject);
	f->cn_issuer = span_str(row->cn_issuer);
}

static void check_row(const struct row *row, const struct conf_trust *conf, struct trust *ret)
{
	struct arena *arena = arena_new(100000);
	struct fields fields;
	struct facts facts;

	set_facts(row, &facts);
	fields_init(&fields, arena, 100000);
	for (size_t i = 0; i < COUNT_OF(row->fields) && row->fields[i] != NULL; i++)
		add_field(&fields, row->fields[i]);
	trust_decide(conf, &facts, &fields, ret);
	fields_clear(&fields);
	arena_free(arena);
}

static void test_decisions(void)
{
	struct conf_trust conf = base_conf();
	struct trust t;

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		ROW(rows[i].label);
		check_row(&rows[i], &conf, &t);
		CU_ASSERT_EQUAL(t.trusted, rows[i].trusted);
		CU_ASSERT_EQUAL(t.source, rows[i].source);
		if (strstr(t.why, rows[i].why) == NULL)
			ASSERT_STR(t.why, rows[i].why);
	}
	CU_ASSERT_TRUE(COUNT_OF(rows) >= 60);
}

/* trust.any: whoever was refused is trusted, whoever was granted keeps his source. */
static void test_any(void)
{
	struct conf_trust conf = base_conf();
	struct trust t;

	conf.any = true;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		ROW(rows[i].label);
		check_row(&rows[i], &conf, &t);
		CU_ASSERT_TRUE(t.trusted);
		CU_ASSERT_EQUAL(t.source, rows[i].trusted ? rows[i].source : SOURCE_TRUSTED);
		if (!rows[i].trusted)
			ASSERT_STR(t.why, "trust.any");
	}
}

/* Without macro j nobody knows which fields are this host's. */
static void test_no_host_name(void)
{
	struct conf_trust conf = base_conf();
	struct arena *arena = arena_new(100000);
	struct fields fields;
	char why[100];

	fields_init(&fields, arena, 100000);
	add_field(&fields, FROM_OUTSIDE);
	CU_ASSERT_TRUE(received_from_outside(&conf, SPAN_LIT(HOST), &fields, why, sizeof(why)));
	CU_ASSERT_FALSE(received_from_outside(&conf, SPAN_NONE, &fields, why, sizeof(why)));
	fields_clear(&fields);
	arena_free(arena);
}

/* Hostile trace fields cost no more than their length. */
static void test_hostile_trace_is_linear(void)
{
	static const char *const parts[] = {"(", "[", "\"", "<", "\\", "by ", "from ", "((", "[["};
	struct conf_trust conf = base_conf();
	enum { SIZE = 400000 };
	char why[100];

	for (size_t i = 0; i < COUNT_OF(parts); i++) {
		struct arena *arena = arena_new(4 * SIZE);
		struct err err = ERR_INIT;
		struct fields fields;
		struct buf value;

		ROW(parts[i]);
		buf_init(&value, SIZE);
		while (value.len + 10 < SIZE && buf_adds(&value, parts[i], &err) == RC_OK)
			;
		CU_ASSERT_TRUE(value.len + 10 >= SIZE);
		fields_init(&fields, arena, 2 * SIZE);
		ASSERT_OK(fields_add(&fields, SPAN_LIT("Received"), buf_span(&value), &err), &err);
		CU_ASSERT_FALSE(
			received_from_outside(&conf, SPAN_LIT(HOST), &fields, why, sizeof(why)));
		buf_clear(&value);
		fields_clear(&fields);
		arena_free(arena);
	}
}

struct sender_row {
	const char *label;
	const char *from; /* of From: */
	const char *login;
	const char *envelope;
	enum trust_source source;
	bool two_domains;
	bool matches;
};

static const struct sender_row sender_rows[] = {
	{"all the same", "joe@example.com", "joe@example.com", "<joe@example.com>",
	 SOURCE_AUTHENTICATED, true, true},
	{"another mailbox of the domain", "info@example.com", "joe@example.com",
	 "<joe@example.com>", SOURCE_AUTHENTICATED, true, true},
	{"alias in From", "joe@example.org", "joe@example.com", "<joe@example.com>",
	 SOURCE_AUTHENTICATED, true, true},
	{"alias as login and envelope", "joe@example.com", "joe@EXAMPLE.org", "<joe@example.org>",
	 SOURCE_AUTHENTICATED, true, true},
	{"login of another domain of ours", "joe@example.com", "joe@other.example",
	 "<joe@example.com>", SOURCE_AUTHENTICATED, true, false},
	{"login of a foreign domain", "joe@example.com", "joe@foreign.example", "<joe@example.com>",
	 SOURCE_AUTHENTICATED, true, false},
	{"login with nothing behind the at", "joe@example.com", "joe@", "<joe@example.com>",
	 SOURCE_AUTHENTICATED, true, false},
	{"login with two ats", "joe@example.com", "joe@x@example.com", "<joe@example.com>",
	 SOURCE_AUTHENTICATED, true, true},
	{"bare login, same local part", "joe@example.com", "joe", "<joe@example.com>",
	 SOURCE_AUTHENTICATED, true, true},
	{"bare login, other case, extension", "Joe+news@example.com", "joe", "<joe@example.com>",
	 SOURCE_AUTHENTICATED, true, true},
	{"bare login, another local part", "ann@example.com", "joe", "<ann@example.com>",
	 SOURCE_AUTHENTICATED, true, false},
	{"bare login, one domain only", "ann@example.com", "joe", "<ann@example.com>",
	 SOURCE_AUTHENTICATED, false, true},
	{"envelope of another domain of ours", "joe@example.com", "joe@example.com",
	 "<joe@other.example>", SOURCE_AUTHENTICATED, true, false},
	{"envelope of a foreign domain", "joe@example.com", NULL, "<joe@foreign.example>",
	 SOURCE_TRUSTED, true, false},
	{"envelope as Postfix gives local ones", "joe@example.com", NULL, "joe@example.com",
	 SOURCE_TRUSTED, true, true},
	{"envelope in a subdomain", "joe@example.com", NULL, "<b-1@bounces.example.com>",
	 SOURCE_TRUSTED, true, true},
	{"envelope in a subdomain that is another's", "joe@example.com", NULL,
	 "<x@cust.example.com>", SOURCE_TRUSTED, true, false},
	{"envelope that only ends alike", "joe@example.com", NULL, "<x@badexample.com>",
	 SOURCE_TRUSTED, true, false},
	{"envelope in the parent", "joe@cust.example.com", NULL, "<joe@example.com>",
	 SOURCE_TRUSTED, true, false},
	{"envelope in the domain that signs", "joe@mail.child.example", NULL, "<x@child.example>",
	 SOURCE_TRUSTED, true, true},
	{"envelope beside it", "joe@mail.child.example", NULL, "<x@www.child.example>",
	 SOURCE_TRUSTED, true, false},
	{"envelope that cannot be read", "joe@example.com", NULL, "<joe@@example.com",
	 SOURCE_TRUSTED, true, false},
	{"envelope without a domain", "joe@example.com", NULL, "<postmaster>", SOURCE_TRUSTED, true,
	 false},
	{"null sender", "joe@example.com", "ann", "<>", SOURCE_AUTHENTICATED, true, true},
	{"null sender, nothing", "joe@example.com", NULL, "", SOURCE_TRUSTED, true, true},
	{"local submission", "joe@example.com", NULL, "root@foreign.example", SOURCE_LOCAL, true,
	 true},
};

static void check_sender(const struct sender_row *row, const struct conf *conf)
{
	struct arena *arena = arena_new(100000);
	struct facts facts = {.auth_authen = span_str(row->login),
			      .mail_from = span_str(row->envelope)};
	struct trust trust = {.trusted = true, .source = row->source};
	struct span address = span_str(row->from);
	size_t at = span_find(address, '@', 0);
	struct from from = {.status = FROM_GOOD};
	struct err err = ERR_INIT;
	char why[200] = "";
	bool matches = !row->matches;

	from.author.local = span_sub(address, 0, at);
	from.author.domain = span_from(address, at + 1);
	strcpy(from.domain, row->from + at + 1);
	ASSERT_OK(trust_sender_matches(conf, &facts, &trust, &from, arena, &matches, why,
				       sizeof(why), &err),
		  &err);
	CU_ASSERT_EQUAL(matches, row->matches);
	CU_ASSERT_EQUAL(why[0] != '\0', !row->matches);
	arena_free(arena);
}

static void test_sender_match(void)
{
	static const struct conf_domain domains[] = {
		{.name = "cust.example.com", .sign_domain = "cust.example.com"},
		{.name = "example.com", .sign_domain = "example.com"},
		{.name = "mail.child.example", .sign_domain = "child.example"},
		{.name = "other.example", .sign_domain = "other.example"}};
	static const struct conf_name names[] = {{"cust.example.com", &domains[0]},
						 {"example.com", &domains[1]},
						 {"example.org", &domains[1]},
						 {"mail.child.example", &domains[2]},
						 {"other.example", &domains[3]}};
	struct conf conf = {.recipient_delimiter = "+",
			    .domains = domains,
			    .n_domains = COUNT_OF(domains),
			    .names = names,
			    .n_names = COUNT_OF(names)};

	for (size_t i = 0; i < COUNT_OF(sender_rows); i++) {
		ROW(sender_rows[i].label);
		conf.n_domains = sender_rows[i].two_domains ? COUNT_OF(domains) : 1;
		check_sender(&sender_rows[i], &conf);
	}
}

int main(void)
{
	static const struct test tests[] = {
		{"decisions", test_decisions},
		{"trust.any", test_any},
		{"no host name", test_no_host_name},
		{"hostile trace fields", test_hostile_trace_is_linear},
		{"sender match", test_sender_match},
	};

	return test_main("core-trust", tests, COUNT_OF(tests));
}
