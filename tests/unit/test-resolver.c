/* Look-ups against a small DNS server of our own on a loopback port. */
#include "dns/resolver.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "test.h"

enum { TYPE_CNAME = 5, TYPE_SOA = 6, TYPE_TXT = 16, HEADER = 12, PACKET = 4096 };

/* ---- the server: what it answers is decided by the first label of the name ---- */

struct packet {
	uint8_t b[PACKET];
	size_t len;
};

static void put8(struct packet *p, unsigned v)
{
	p->b[p->len++] = (uint8_t)v;
}

static void put16(struct packet *p, unsigned v)
{
	put8(p, v >> 8);
	put8(p, v & 0xff);
}

static void put32(struct packet *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p, v & 0xffff);
}

static void put_bytes(struct packet *p, const void *bytes, size_t len)
{
	memcpy(p->b + p->len, bytes, len);
	p->len += len;
}

/* "a.b" as labels. */
static void put_name(struct packet *p, const char *name)
{
	while (*name != '\0') {
		size_t len = strcspn(name, ".");

		put8(p, (unsigned)len);
		put_bytes(p, name, len);
		name += len + (name[len] == '.');
	}
	put8(p, 0);
}

static void count_answer(struct packet *p)
{
	p->b[7]++;
}

/* One TXT RR for the name at OFFSET; STRINGS "ab|cd". */
static void put_txt(struct packet *p, unsigned offset, uint32_t ttl, const char *strings)
{
	const char *s = strings;

	put16(p, 0xc000 | offset);
	put16(p, TYPE_TXT);
	put16(p, 1);
	put32(p, ttl);
	put16(p, (unsigned)strlen(strings) + 1);
	for (;;) {
		size_t len = strcspn(s, "|");

		put8(p, (unsigned)len);
		put_bytes(p, s, len);
		if (s[len] == '\0')
			break;
		s += len + 1;
	}
	count_answer(p);
}

static void put_soa(struct packet *p)
{
	put_name(p, "test");
	put16(p, TYPE_SOA);
	put16(p, 1);
	put32(p, 60);
	put16(p, 2 + 2 + 20);
	put16(p, 0xc000 | HEADER);
	put16(p, 0xc000 | HEADER);
	for (int i = 0; i < 5; i++)
		put32(p, 60);
	p->b[9]++;
}

static void put_cname(struct packet *p)
{
	put16(p, 0xc000 | HEADER);
	put16(p, TYPE_CNAME);
	put16(p, 1);
	put32(p, 300);
	put16(p, (unsigned)strlen("target.test") + 2);
	put_name(p, "target.test");
	count_answer(p);
}

static void set_rcode(struct packet *p, unsigned rcode)
{
	p->b[3] = (uint8_t)((p->b[3] & 0xf0) | rcode);
}

/* False: say nothing. P holds header and question. */
static bool answer(struct packet *p, const char *label)
{
	static const char long_one[] = "v=DKIM1; p=|0123456789|abc|";

	if (strcmp(label, "one") == 0)
		put_txt(p, HEADER, 4711, "v=DKIM1; p=");
	else if (strcmp(label, "strings") == 0)
		put_txt(p, HEADER, 60, long_one);
	else if (strcmp(label, "several") == 0) {
		put_txt(p, HEADER, 60, "first");
		put_txt(p, HEADER, 60, "se|cond");
	} else if (strcmp(label, "empty") == 0)
		put_txt(p, HEADER, 60, "");
	else if (strcmp(label, "target") == 0)
		put_txt(p, HEADER, 60, "behind the alias");
	else if (strcmp(label, "alias") == 0)
		put_cname(p);
	else if (strcmp(label, "nodata") == 0)
		put_soa(p);
	else if (strcmp(label, "servfail") == 0)
		set_rcode(p, 2);
	else if (strcmp(label, "refused") == 0)
		set_rcode(p, 5);
	else if (strcmp(label, "silent") == 0)
		return false;
	else {
		put_soa(p);
		set_rcode(p, 3);
	}
	return true;
}

static void spoil(struct packet *p, const char *label)
{
	if (strcmp(label, "garbage") == 0)
		memset(p->b + 2, 0xa5, p->len - 2);
	else if (strcmp(label, "cut") == 0) {
		put_txt(p, HEADER, 60, "0123456789");
		p->len -= 5;
	} else if (strcmp(label, "badtxt") == 0) {
		put_txt(p, HEADER, 60, "0123456789");
		p->b[p->len - 11] = 200; /* the string claims more than the record has */
	}
}

static void serve_one(int fd)
{
	struct sockaddr_in from;
	socklen_t from_len = sizeof(from);
	struct packet q, p = {.len = 0};
	ssize_t got = recvfrom(fd, q.b, 512, 0, (struct sockaddr *)&from, &from_len);
	char label[64] = "";
	size_t end = HEADER;

	if (got <= HEADER)
		return;
	while (end < (size_t)got && q.b[end] != 0)
		end += q.b[end] + 1u;
	if (q.b[HEADER] >= sizeof(label) || end + 5 > (size_t)got)
		return;
	memcpy(label, q.b + HEADER + 1, q.b[HEADER]);
	put_bytes(&p, q.b, end + 5);
	p.b[2] = (uint8_t)(0x80 | (q.b[2] & 0x79) | 0x04); /* an authoritative answer */
	p.b[3] = 0x80;
	p.b[5] = 1;
	p.b[6] = p.b[7] = p.b[8] = p.b[9] = p.b[10] = p.b[11] = 0;
	if (strcmp(label, "garbage") == 0 || strcmp(label, "cut") == 0 ||
	    strcmp(label, "badtxt") == 0)
		spoil(&p, label);
	else if (!answer(&p, label))
		return;
	sendto(fd, p.b, p.len, 0, (const struct sockaddr *)&from, from_len);
}

static struct {
	int fd;
	char address[40];
	pthread_t thread;
	atomic_bool stop;
} server;

static void *serve(void *arg)
{
	while (!atomic_load(&server.stop))
		serve_one(server.fd);
	return arg;
}

static void start_server(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct timeval tick = {.tv_usec = 50000};
	socklen_t len = sizeof(a);

	server.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	CU_ASSERT_TRUE_FATAL(server.fd >= 0);
	CU_ASSERT_EQUAL(bind(server.fd, (struct sockaddr *)&a, sizeof(a)), 0);
	CU_ASSERT_EQUAL(getsockname(server.fd, (struct sockaddr *)&a, &len), 0);
	CU_ASSERT_EQUAL(setsockopt(server.fd, SOL_SOCKET, SO_RCVTIMEO, &tick, sizeof(tick)), 0);
	snprintf(server.address, sizeof(server.address), "127.0.0.1@%u", ntohs(a.sin_port));
	CU_ASSERT_EQUAL(pthread_create(&server.thread, NULL, serve, NULL), 0);
}

static void stop_server(void)
{
	atomic_store(&server.stop, true);
	CU_ASSERT_EQUAL(pthread_join(server.thread, NULL), 0);
	close(server.fd);
}

/* ---- the tests ---- */

static struct resolver *new_resolver(const char *address, unsigned timeout)
{
	struct resolver *r = NULL;
	struct err err = ERR_INIT;

	ASSERT_OK(resolver_new(address, timeout, &r, &err), &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(r);
	return r;
}

static void test_answers(void)
{
	static const struct {
		const char *name;
		size_t n;
		const char *first, *second;
		uint32_t ttl;
	} rows[] = {
		{"one.example.com", 1, "v=DKIM1; p=", NULL, 4711},
		{"one.example.test", 1, "v=DKIM1; p=", NULL, 4711},
		{"one.invalid", 1, "v=DKIM1; p=", NULL, 4711},
		{"strings.test", 1, "v=DKIM1; p=0123456789abc", NULL, 60},
		{"several.test", 2, "first", "second", 60},
		{"empty.test", 1, "", NULL, 60},
		{"alias.test", 1, "behind the alias", NULL, 60},
	};
	struct resolver *r = new_resolver(server.address, 10);

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct dns_txt t = {.values = NULL};
		struct err err = ERR_INIT;
		size_t swap;

		ROW(rows[i].name);
		ASSERT_OK(resolver_txt(r, rows[i].name, &t, &err), &err);
		CU_ASSERT_EQUAL_FATAL(t.n, rows[i].n);
		/* RRs of a set have no order. */
		swap = t.n > 1 && !span_eq_str(buf_span(&t.values[0]), rows[i].first);
		ASSERT_SPAN(buf_span(&t.values[swap]), span_str(rows[i].first));
		if (t.n > 1)
			ASSERT_SPAN(buf_span(&t.values[1 - swap]), span_str(rows[i].second));
		CU_ASSERT_TRUE(t.ttl <= rows[i].ttl && t.ttl + 5 >= rows[i].ttl);
		CU_ASSERT_FALSE(t.secure);
		dns_txt_clear(&t);
		CU_ASSERT_EQUAL(t.n, 0);
	}
	ROW("");
	resolver_free(r);
}

static void test_failures(void)
{
	static const struct {
		const char *name;
		enum rc rc;
		const char *words;
	} rows[] = {
		{"nothere.example.com", RC_NOTFOUND, "NXDOMAIN"},
		{"nodata.test", RC_NOTFOUND, "no TXT record"},
		{"servfail.test", RC_AGAIN, "SERVFAIL"},
		{"refused.test", RC_AGAIN, "refused.test: DNS answered"},
		{"garbage.test", RC_AGAIN, "garbage.test"},
		{"cut.test", RC_AGAIN, "cut.test"},
		{"badtxt.test", RC_AGAIN, "badtxt.test"},
		{"silent.test", RC_AGAIN, "no answer from 127.0.0.1@"},
		{"..", RC_AGAIN, "DNS"},
	};
	struct resolver *r = new_resolver(server.address, 2);

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct dns_txt t = {.n = 77};
		struct err err = ERR_INIT;

		ROW(rows[i].name);
		ASSERT_FAILS(resolver_txt(r, rows[i].name, &t, &err), rows[i].rc, &err,
			     rows[i].words);
		CU_ASSERT_EQUAL(t.n, 77);
	}
	ROW("");
	resolver_free(r);
}

/* A dead server costs the timeout, not the minutes that libunbound would try. */
static void test_timeout_bounds(void)
{
	struct resolver *r = new_resolver(server.address, 1);
	struct dns_txt t = {.values = NULL};
	struct err err = ERR_INIT;
	struct timespec a, b;

	clock_gettime(CLOCK_MONOTONIC, &a);
	ASSERT_FAILS(resolver_txt(r, "silent.example.com", &t, &err), RC_AGAIN, &err, "within 1 s");
	clock_gettime(CLOCK_MONOTONIC, &b);
	CU_ASSERT_TRUE(b.tv_sec - a.tv_sec < 20);
	/* The next look-up of the same resolver is not disturbed by it. */
	ASSERT_OK(resolver_txt(r, "one.example.com", &t, &err), &err);
	dns_txt_clear(&t);
	resolver_free(r);
}

static void test_addresses(void)
{
	static const struct {
		const char *server;
		enum rc rc;
	} rows[] = {
		{"127.0.0.1", RC_OK},
		{"127.0.0.1@5353", RC_OK},
		{"::1", RC_OK},
		{"::1@5353", RC_OK},
		{"", RC_OK},
		{"localhost", RC_CONF},
		{"127.0.0.1:53", RC_CONF},
		{"127.0.0.1@notaport", RC_CONF},
		{"127.0.0.1@65536", RC_CONF},
		{"127.0.0.1@0", RC_CONF},
		{"127.0.0.1@", RC_CONF},
		{"127.0.0.1@53@53", RC_CONF},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct resolver *r = NULL;
		struct err err = ERR_INIT;

		ROW(rows[i].server);
		if (rows[i].rc == RC_OK)
			ASSERT_OK(resolver_new(rows[i].server, 1, &r, &err), &err);
		else
			ASSERT_FAILS(resolver_new(rows[i].server, 1, &r, &err), rows[i].rc, &err,
				     rows[i].server);
		CU_ASSERT_PTR_NULL(resolver_free(r));
	}
	ROW("");
}

int main(void)
{
	static const struct test tests[] = {
		{"a server", start_server},
		{"addresses of servers", test_addresses},
		{"answers", test_answers},
		{"failures", test_failures},
		{"the timeout bounds a look-up", test_timeout_bounds},
		{"the server ends", stop_server},
	};

	return test_main("resolver", tests, COUNT_OF(tests));
}
