#include "tool/milterprobe.h"

#include "base/buf.h"
#include "tool/socket.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* The milter protocol, version 6 (libmilter/mfdef.h). Commands and replies are one byte. */
enum {
	VERSION = 6,
	ALL_ACTIONS = 0x1ff,
	ALL_STEPS = 0x1fffff,
	NO_HELO = 0x2,
	NO_CONNECT = 0x1,
	NO_MAIL = 0x4,
	NO_RCPT = 0x8,
	NO_BODY = 0x10,
	NO_HEADERS = 0x20,
	NO_END_OF_HEADERS = 0x40,
	NO_REPLY_HEADER = 0x80,
	NO_DATA = 0x200,
	NO_REPLY_CONNECT = 0x1000,
	NO_REPLY_HELO = 0x2000,
	NO_REPLY_MAIL = 0x4000,
	NO_REPLY_RCPT = 0x8000,
	NO_REPLY_DATA = 0x10000,
	NO_REPLY_END_OF_HEADERS = 0x40000,
	NO_REPLY_BODY = 0x80000,
	LEADING_SPACE = 0x100000,
	PACKET_MAX = 1 << 20
};

struct wire {
	int fd;
	int64_t until;
	unsigned steps; /* what the filter chose of ALL_STEPS */
	bool accepted;	/* it wants to see nothing more of this message */
	struct buf in;
	struct milterprobe_result result;
};

static void put32(char *p, uint32_t n)
{
	for (int i = 3; i >= 0; i--, n >>= 8)
		p[i] = (char)(n & 0xff);
}

static uint32_t get32(const char *p)
{
	const unsigned char *u = (const unsigned char *)p;

	return (uint32_t)u[0] << 24 | (uint32_t)u[1] << 16 | (uint32_t)u[2] << 8 | u[3];
}

static enum rc send_packet(struct wire *w, char command, struct span data, struct err *err)
{
	char head[5];
	enum rc rc;

	put32(head, (uint32_t)data.len + 1);
	head[4] = command;
	rc = socket_write(w->fd, span_of(head, sizeof(head)), w->until, err);
	return rc == RC_OK ? socket_write(w->fd, data, w->until, err) : rc;
}

static enum rc read_exactly(struct wire *w, size_t n, struct err *err)
{
	w->in.len = 0;
	while (w->in.len < n) {
		char piece[4096];
		size_t want = n - w->in.len, got;
		enum rc rc =
			socket_read_some(w->fd, piece, want < sizeof(piece) ? want : sizeof(piece),
					 w->until, &got, err);

		if (rc == RC_OK && got == 0)
			rc = err_set(err, RC_UNAVAIL, "the filter closed the connection");
		if (rc == RC_OK)
			rc = buf_add(&w->in, span_of(piece, got), err);
		if (rc != RC_OK)
			return rc;
	}
	return RC_OK;
}

/* *RET_DATA points into w->in until the next packet. */
static enum rc read_packet(struct wire *w, char *ret_reply, struct span *ret_data, struct err *err)
{
	enum rc rc = read_exactly(w, 4, err);
	uint32_t len;

	if (rc != RC_OK)
		return rc;
	len = get32(w->in.p);
	if (len == 0 || len > PACKET_MAX)
		return err_set(err, RC_UNAVAIL, "the filter sent a packet of %u bytes: no milter?",
			       (unsigned)len);
	rc = read_exactly(w, len, err);
	if (rc != RC_OK)
		return rc;
	*ret_reply = w->in.p[0];
	*ret_data = span_from(buf_span(&w->in), 1);
	return RC_OK;
}

/* An insertion carries an index of four bytes and then the name; other changes are only counted. */
static void note_change(struct wire *w, char reply, struct span data)
{
	struct span name = span_from(data, reply == 'i' ? 4 : 0);

	name = span_sub(name, 0, span_find(name, '\0', 0));
	if ((reply == 'i' || reply == 'h') && span_ieq_str(name, "DKIM-Signature"))
		w->result.signatures++;
	else
		w->result.changes++;
}

static enum rc refused(char reply, struct span data, struct err *err)
{
	switch (reply) {
	case 'y':
		return err_set(err, RC_UNAVAIL, "the filter answered %.*s", SPAN_ARG(data));
	case 't':
		return err_set(err, RC_UNAVAIL, "the filter answered with a temporary failure");
	case 'r':
		return err_set(err, RC_UNAVAIL, "the filter rejected the message");
	case 'd':
		return err_set(err, RC_UNAVAIL, "the filter would discard the message");
	case '4':
	case 'f':
		return err_set(err, RC_UNAVAIL, "the filter ended the session");
	default:
		return err_set(err, RC_UNAVAIL, "the filter sent an unknown reply 0x%02x",
			       (unsigned char)reply);
	}
}

/* Replies until one that decides: continue, accept, or a refusal. */
static enum rc read_verdict(struct wire *w, struct err *err)
{
	for (;;) {
		char reply;
		struct span data;
		enum rc rc = read_packet(w, &reply, &data, err);

		if (rc != RC_OK)
			return rc;
		if (reply == 'c' || reply == 's')
			return RC_OK;
		if (reply == 'a') {
			w->accepted = true;
			return RC_OK;
		}
		if (reply == 'p')
			continue;
		if (strchr("ihmb+-2eq", reply) == NULL)
			return refused(reply, data, err);
		note_change(w, reply, data);
	}
}

/* One step, unless the filter does not want it or has decided. */
static enum rc step(struct wire *w, char command, struct span data, unsigned unwanted,
		    unsigned silent, const char *name, struct err *err)
{
	enum rc rc;

	if (w->accepted || (w->steps & unwanted) != 0)
		return RC_OK;
	rc = send_packet(w, command, data, err);
	if (rc == RC_OK && (w->steps & silent) == 0)
		rc = read_verdict(w, err);
	return rc == RC_OK ? RC_OK : err_wrap(err, rc, "%s", name);
}

static enum rc negotiate(struct wire *w, struct err *err)
{
	char offer[12], reply;
	struct span data;
	enum rc rc;

	put32(offer, VERSION);
	put32(offer + 4, ALL_ACTIONS);
	put32(offer + 8, ALL_STEPS);
	rc = send_packet(w, 'O', span_of(offer, sizeof(offer)), err);
	if (rc == RC_OK)
		rc = read_packet(w, &reply, &data, err);
	if (rc == RC_OK && (reply != 'O' || data.len < 12))
		rc = err_set(err, RC_UNAVAIL, "the answer is no milter's");
	if (rc != RC_OK)
		return err_wrap(err, rc, "negotiation");
	w->steps = get32(data.p + 8) & ALL_STEPS;
	return RC_OK;
}

/* The macros that Postfix gives for mail that did not come by SMTP. */
static enum rc open_session(struct wire *w, struct err *err)
{
	static const char macros[] = "Cj\0localhost\0v\0Postfix 3.7\0{daemon_name}\0localhost";
	static const char client[] = "localhost\0"
				     "4\0\0"
				     "127.0.0.1";
	enum rc rc = send_packet(w, 'D', span_of(macros, sizeof(macros)), err);

	if (rc == RC_OK)
		rc = step(w, 'C', span_of(client, sizeof(client)), NO_CONNECT, NO_REPLY_CONNECT,
			  "connection", err);
	if (rc == RC_OK)
		rc = step(w, 'H', span_of("localhost", 10), NO_HELO, NO_REPLY_HELO, "HELO", err);
	return rc;
}

static enum rc send_envelope(struct wire *w, const char *address, struct err *err)
{
	static const char macros[] = "Mi\0mailseal-probe";
	struct span data = span_of(address, strlen(address) + 1);
	enum rc rc = send_packet(w, 'D', span_of(macros, sizeof(macros)), err);

	if (rc == RC_OK)
		rc = step(w, 'M', data, NO_MAIL, NO_REPLY_MAIL, "MAIL", err);
	if (rc == RC_OK)
		rc = step(w, 'R', data, NO_RCPT, NO_REPLY_RCPT, "RCPT", err);
	if (rc == RC_OK)
		rc = step(w, 'T', SPAN_NONE, NO_DATA, NO_REPLY_DATA, "DATA", err);
	return rc;
}

static enum rc send_field(struct wire *w, const char *name, const char *value, struct err *err)
{
	struct buf data;
	enum rc rc;

	buf_init(&data, 4096);
	rc = buf_addf(&data, err, "%s%c%s%s%c", name, '\0',
		      (w->steps & LEADING_SPACE) != 0 ? " " : "", value, '\0');
	if (rc == RC_OK)
		rc = step(w, 'L', buf_span(&data), NO_HEADERS, NO_REPLY_HEADER, "header", err);
	buf_clear(&data);
	return rc;
}

static enum rc send_header(struct wire *w, const struct milterprobe *p, const char *address,
			   struct err *err)
{
	char date[64], id[400];
	time_t when = (time_t)p->now;
	struct tm tm;
	enum rc rc;

	if (gmtime_r(&when, &tm) == NULL ||
	    strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S +0000", &tm) == 0)
		return err_set(err, RC_INPUT, "the clock shows no valid date");
	snprintf(id, sizeof(id), "<mailseal-probe.%lld@%s>", (long long)p->now, p->domain);
	rc = send_field(w, "From", address, err);
	if (rc == RC_OK)
		rc = send_field(w, "To", address, err);
	if (rc == RC_OK)
		rc = send_field(w, "Subject", "mailseal test message, delivered nowhere", err);
	if (rc == RC_OK)
		rc = send_field(w, "Date", date, err);
	if (rc == RC_OK)
		rc = send_field(w, "Message-ID", id, err);
	if (rc == RC_OK)
		rc = step(w, 'N', SPAN_NONE, NO_END_OF_HEADERS, NO_REPLY_END_OF_HEADERS,
			  "end of header", err);
	return rc;
}

static enum rc converse(struct wire *w, const struct milterprobe *p, struct err *err)
{
	static const char body[] = "This message tests a filter.\r\n";
	char address[300];
	enum rc rc = negotiate(w, err);

	snprintf(address, sizeof(address), "postmaster@%s", p->domain);
	if (rc == RC_OK)
		rc = open_session(w, err);
	if (rc == RC_OK)
		rc = send_envelope(w, address, err);
	if (rc == RC_OK)
		rc = send_header(w, p, address, err);
	if (rc == RC_OK)
		rc = step(w, 'B', span_str(body), NO_BODY, NO_REPLY_BODY, "body", err);
	if (rc == RC_OK)
		rc = step(w, 'E', SPAN_NONE, 0, 0, "end of message", err);
	/* Whatever came of it, take leave: an open session would be reported as lost. */
	(void)!send_packet(w, 'Q', SPAN_NONE, NULL);
	return rc;
}

enum rc milterprobe_connect(const char *socket, int *ret_fd, struct err *err)
{
	const char *rest = strchr(socket, ':');
	char port[16], host[256];
	enum rc rc;

	if (strncmp(socket, "unix:", 5) == 0) {
		rc = socket_connect_unix(rest + 1, ret_fd, err);
		return rc == RC_OK ? RC_OK : err_wrap(err, rc, "%s", socket);
	}
	if (rest == NULL || sscanf(rest + 1, "%15[0-9]@%255s", port, host) < 1)
		return err_set(err, RC_CONF, "milter.socket '%s' is not understood", socket);
	if (strchr(rest, '@') == NULL)
		strcpy(host, "localhost");
	rc = socket_connect_inet(host, port, strncmp(socket, "inet6", 5) == 0 ? AF_INET6 : AF_INET,
				 ret_fd, err);
	return rc == RC_OK ? RC_OK : err_wrap(err, rc, "%s", socket);
}

enum rc milterprobe_run(const struct milterprobe *p, struct milterprobe_result *ret,
			struct err *err)
{
	struct wire w = {.fd = -1, .until = socket_clock_ms() + p->patience * 1000};
	enum rc rc;

	buf_init(&w.in, PACKET_MAX);
	rc = milterprobe_connect(p->socket, &w.fd, err);
	if (rc == RC_OK) {
		rc = converse(&w, p, err);
		if (rc != RC_OK)
			err_wrap(err, rc, "test message through %s", p->socket);
	}
	if (rc == RC_OK)
		*ret = w.result;
	if (w.fd >= 0)
		close(w.fd);
	buf_clear(&w.in);
	return rc;
}
