#include "dns/resolver.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unbound.h>
#include <unistd.h>

#include "base/span.h"

enum {
	TYPE_TXT = 16,
	CLASS_IN = 1,
	RCODE_NOERROR = 0,
	RCODE_NXDOMAIN = 3,
	TXT_MAX = 65535, /* of one record: its length has 16 bits (RFC 1035 3.2.1) */
	RECORDS_MAX = 64
};

/* Debian's dns-root-data. Without it nothing is validated. */
static const char anchor_file[] = "/usr/share/dns/root.key";

struct resolver {
	struct ub_ctx *ctx;
	char *server; /* for texts */
	unsigned timeout;
};

static enum rc err_unbound(struct err *err, int code, const char *what)
{
	return err_set(err, code == UB_NOMEM ? RC_NOMEM : RC_UNAVAIL, "%s: %s", what,
		       ub_strerror(code));
}

static int set_options(struct ub_ctx *ctx)
{
	static const char *const options[][2] = {
		/* A server on loopback is skipped otherwise; it must come before the server. */
		{"do-not-query-localhost:", "no"},
		/* A forwarder that strips signatures (many home routers) must not make every signed zone
		 * fail: what cannot be validated is then answered as not secure. */
		{"val-permissive-mode:", "yes"},
	};
	int code = UB_NOERROR;

	for (size_t i = 0; code == UB_NOERROR && i < COUNT_OF(options); i++)
		code = ub_ctx_set_option(ctx, options[i][0], options[i][1]);
	return code;
}

static enum rc use_system(struct ub_ctx *ctx, struct err *err)
{
	int code = ub_ctx_resolvconf(ctx, NULL);

	if (code != UB_NOERROR)
		return err_unbound(err, code, "/etc/resolv.conf");
	if (access(anchor_file, R_OK) == 0) {
		code = ub_ctx_add_ta_file(ctx, anchor_file);
		if (code != UB_NOERROR)
			return err_unbound(err, code, anchor_file);
	}
	return RC_OK;
}

/* "ADDRESS" or "ADDRESS@PORT"; libunbound would take port 65536 and more. */
static bool server_valid(const char *server)
{
	struct span rest = span_str(server), address, port;
	struct in6_addr parsed;
	char text[INET6_ADDRSTRLEN];
	unsigned number = 0;

	span_split(&rest, '@', &address);
	if (address.len >= sizeof(text))
		return false;
	memcpy(text, address.p, address.len);
	text[address.len] = '\0';
	if (inet_pton(AF_INET, text, &parsed) != 1 && inet_pton(AF_INET6, text, &parsed) != 1)
		return false;
	if (rest.p == NULL)
		return true;
	port = rest;
	for (size_t i = 0; i < port.len && number <= 65535; i++) {
		if (!is_ascii_digit(port.p[i]))
			return false;
		number = number * 10 + (unsigned)(port.p[i] - '0');
	}
	return number > 0 && number <= 65535;
}

/* A server that was named may be authoritative for names that exist nowhere else, also below those that
 * libunbound answers by itself (RFC 6761: test, invalid). */
static enum rc use_server(struct ub_ctx *ctx, const char *server, struct err *err)
{
	static const char *const own[] = {"test.", "invalid."};
	int code;

	if (!server_valid(server))
		return err_set(err, RC_CONF,
			       "DNS server '%s': expected an address, or ADDRESS@PORT", server);
	code = ub_ctx_set_fwd(ctx, server);
	for (size_t i = 0; code == UB_NOERROR && i < COUNT_OF(own); i++)
		code = ub_ctx_zone_remove(ctx, own[i]);
	return code == UB_NOERROR ? RC_OK : err_unbound(err, code, "resolver");
}

enum rc resolver_new(const char *server, unsigned timeout, struct resolver **ret, struct err *err)
{
	struct resolver *r = calloc(1, sizeof(*r));
	enum rc rc = RC_OK;
	int code;

	if (r == NULL || (r->server = strdup(server)) == NULL ||
	    (r->ctx = ub_ctx_create()) == NULL) {
		resolver_free(r);
		return err_set(err, RC_NOMEM, "resolver: out of memory");
	}
	r->timeout = timeout;
	code = ub_ctx_async(r->ctx, 1); /* a thread, not a child */
	if (code == UB_NOERROR)
		code = set_options(r->ctx);
	if (code != UB_NOERROR)
		rc = err_unbound(err, code, "resolver");
	else
		rc = *server == '\0' ? use_system(r->ctx, err) : use_server(r->ctx, server, err);
	if (rc != RC_OK) {
		resolver_free(r);
		return rc;
	}
	*ret = r;
	return RC_OK;
}

struct resolver *resolver_free(struct resolver *r)
{
	if (r != NULL) {
		ub_ctx_delete(r->ctx);
		free(r->server);
		free(r);
	}
	return NULL;
}

/* ---- one look-up ---- */

struct lookup {
	bool done;
	int code;
	struct ub_result *result;
};

static void on_result(void *data, int code, struct ub_result *result)
{
	struct lookup *l = data;

	l->done = true;
	l->code = code;
	l->result = result;
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Until the answer is there or the time is over; UB_NOERROR in both cases. */
static int wait_for(struct resolver *r, struct lookup *l)
{
	int64_t end = now_ms() + (int64_t)r->timeout * 1000;
	struct pollfd p = {.fd = ub_fd(r->ctx), .events = POLLIN};
	int code = UB_NOERROR;

	while (!l->done && code == UB_NOERROR) {
		int64_t left = end - now_ms();
		int ready = left > 0 ? poll(&p, 1, (int)left) : 0;

		if (ready > 0)
			code = ub_process(r->ctx);
		else if (ready == 0)
			break;
		else if (errno != EINTR)
			code = UB_PIPE;
	}
	return code;
}

static enum rc ask(struct resolver *r, const char *name, struct lookup *l, struct err *err)
{
	int id = 0;
	int code = ub_resolve_async(r->ctx, name, TYPE_TXT, CLASS_IN, l, on_result, &id);

	if (code == UB_NOERROR)
		code = wait_for(r, l);
	/* Without this the callback could still come, for a struct lookup that is gone. */
	if (!l->done)
		ub_cancel(r->ctx, id);
	if (code == UB_NOERROR && l->done)
		code = l->code;
	if (code != UB_NOERROR)
		return err_set(err, code == UB_NOMEM ? RC_NOMEM : RC_AGAIN, "%s: DNS: %s", name,
			       ub_strerror(code));
	if (!l->done)
		return err_set(err, RC_AGAIN, "%s: no answer from %s within %u s", name,
			       *r->server != '\0' ? r->server : "the system's DNS server",
			       r->timeout);
	return RC_OK;
}

static enum rc check_rcode(const struct ub_result *u, const char *name, struct err *err)
{
	static const char *const words[] = {"NOERROR",	"FORMERR", "SERVFAIL",
					    "NXDOMAIN", "NOTIMP",  "REFUSED"};

	if (u->bogus)
		return err_set(err, RC_AGAIN, "%s: DNSSEC: %s", name,
			       u->why_bogus != NULL ? u->why_bogus : "the answer is forged");
	if (u->rcode == RCODE_NXDOMAIN)
		return err_set(err, RC_NOTFOUND, "%s: no such name in DNS (NXDOMAIN)", name);
	if (u->rcode != RCODE_NOERROR && (size_t)u->rcode < COUNT_OF(words))
		return err_set(err, RC_AGAIN, "%s: DNS answered %s", name, words[u->rcode]);
	if (u->rcode != RCODE_NOERROR)
		return err_set(err, RC_AGAIN, "%s: DNS answered error %d", name, u->rcode);
	if (!u->havedata)
		return err_set(err, RC_NOTFOUND, "%s: the name has no TXT record", name);
	return RC_OK;
}

/* RFC 1035 3.3.14: strings, each with a length byte. RFC 6376 3.6.2.2: joined with nothing between. */
static enum rc join_strings(struct span rdata, const char *name, struct buf *out, struct err *err)
{
	enum rc rc = RC_OK;

	while (rc == RC_OK && rdata.len > 0) {
		size_t len = (unsigned char)rdata.p[0];

		if (len + 1 > rdata.len)
			return err_set(err, RC_AGAIN, "%s: DNS answered a malformed TXT record",
				       name);
		rc = buf_add(out, span_sub(rdata, 1, len), err);
		rdata = span_from(rdata, len + 1);
	}
	return rc;
}

static enum rc read_records(const struct ub_result *u, const char *name, struct dns_txt *t,
			    struct err *err)
{
	enum rc rc = RC_OK;
	size_t n = 0;

	while (u->data[n] != NULL)
		n++;
	if (n > RECORDS_MAX)
		return err_set(err, RC_LIMIT, "%s: more than %d TXT records", name, RECORDS_MAX);
	t->values = calloc(n + 1, sizeof(*t->values));
	if (t->values == NULL)
		return err_set(err, RC_NOMEM, "%s: out of memory", name);
	for (; rc == RC_OK && t->n < n; t->n++) {
		size_t len = u->len[t->n] > 0 ? (size_t)u->len[t->n] : 0;

		buf_init(&t->values[t->n], TXT_MAX);
		rc = join_strings(span_of(u->data[t->n], len), name, &t->values[t->n], err);
	}
	t->ttl = u->ttl > 0 ? (uint32_t)u->ttl : 0;
	t->secure = u->secure != 0;
	return rc;
}

enum rc resolver_txt(struct resolver *r, const char *name, struct dns_txt *ret, struct err *err)
{
	struct lookup l = {.done = false};
	struct dns_txt t = {.values = NULL};
	enum rc rc = ask(r, name, &l, err);

	if (rc == RC_OK)
		rc = check_rcode(l.result, name, err);
	if (rc == RC_OK)
		rc = read_records(l.result, name, &t, err);
	if (rc == RC_OK)
		*ret = t;
	else
		dns_txt_clear(&t);
	ub_resolve_free(l.result);
	return rc;
}

void dns_txt_clear(struct dns_txt *t)
{
	for (size_t i = 0; i < t->n; i++)
		buf_clear(&t->values[i]);
	free(t->values);
	*t = (struct dns_txt){.values = NULL};
}
