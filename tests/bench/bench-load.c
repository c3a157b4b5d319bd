/* bench-load: shows one message to a filter again and again, on several connections, as Postfix would.
 *
 * usage: bench-load SOCKET CONNECTIONS MESSAGES FILE [DOMAINS]
 * Prints: messages, seconds, header fields that the filter inserted. Ends with 1 as soon as a message is not
 * accepted or the connection breaks. FILE has CRLF line ends. With DOMAINS, the six digits of "d000000.example" in From
 * count from 0 up to it, again and again.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* What Postfix 3.7 offers: version 6, every action, every protocol option. */
#define OFFER_VERSION 6
#define OFFER_ACTIONS 0x1ff
#define OFFER_PROTOCOL 0x1fffff
#define LEADSPC 0x100000
#define CHUNK 65535
#define FIELDS_MAX 200
#define DIGITS 6
#define DOMAINS_MAX 1000000

struct field {
	char *name, *value; /* folds as bare LF, leading blank kept */
};

struct message {
	char *text; /* owns what the fields point to */
	struct field fields[FIELDS_MAX];
	size_t n_fields;
	size_t sender;	  /* the field From */
	size_t digits_at; /* where in it the number of the domain is */
	const char *body;
	size_t body_len;
};

/* One event of the protocol: may the filter have declined it, or its reply? */
struct event {
	char command;
	uint32_t no_step, no_reply;
};

static const struct event EVENTS[] = {
	{'C', 0x1, 0x1000},    {'H', 0x2, 0x2000}, {'M', 0x4, 0x4000},	 {'R', 0x8, 0x8000},
	{'T', 0x200, 0x10000}, {'L', 0x20, 0x80},  {'N', 0x40, 0x40000}, {'B', 0x10, 0x80000},
};

struct conn {
	int fd;
	uint32_t protocol; /* what the filter chose */
	unsigned char in[65536];
	size_t in_len, in_at;
	unsigned char
		out[4096]; /* small events are sent together when no reply is due between them */
	size_t out_len;
};

static const char *socket_path;
static struct message message;
static long messages_wanted, domains = 1;
static atomic_long messages_begun, fields_inserted;

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "bench-load: %s: %s\n", what,
		errno != 0 ? strerror(errno) : "protocol error");
	exit(1);
}

static void write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0)
			die("write");
		p += n;
		len -= (size_t)n;
	}
}

static void flush(struct conn *c)
{
	write_all(c->fd, c->out, c->out_len);
	c->out_len = 0;
}

static void put(struct conn *c, const void *data, size_t len)
{
	if (len > sizeof(c->out) - c->out_len)
		flush(c);
	if (len > sizeof(c->out)) {
		write_all(c->fd, data, len);
		return;
	}
	memcpy(c->out + c->out_len, data, len);
	c->out_len += len;
}

static void put_packet(struct conn *c, char command, const void *data, size_t len)
{
	uint32_t size = htonl((uint32_t)len + 1);

	put(c, &size, sizeof(size));
	put(c, &command, 1);
	put(c, data, len);
}

static void get(struct conn *c, void *data, size_t len)
{
	unsigned char *p = data;

	while (len > 0) {
		size_t n;

		if (c->in_at == c->in_len) {
			ssize_t got = read(c->fd, c->in, sizeof(c->in));

			if (got <= 0)
				die("the filter closed the connection");
			c->in_len = (size_t)got;
			c->in_at = 0;
		}
		n = c->in_len - c->in_at < len ? c->in_len - c->in_at : len;
		memcpy(p, c->in + c->in_at, n);
		c->in_at += n;
		p += n;
		len -= n;
	}
}

/* The next packet; its data, cut at SIZE, into DATA. */
static char get_packet(struct conn *c, unsigned char *data, size_t size)
{
	uint32_t len;
	char command;

	flush(c);
	get(c, &len, sizeof(len));
	get(c, &command, 1);
	for (size_t left = ntohl(len) - 1, at = 0; left > 0; left--, at++) {
		unsigned char octet;

		get(c, &octet, 1);
		if (at < size)
			data[at] = octet;
	}
	return command;
}

static char get_verdict(struct conn *c)
{
	unsigned char data[16];
	char command;

	do {
		command = get_packet(c, data, sizeof(data));
		if (command == 'i')
			atomic_fetch_add(&fields_inserted, 1);
	} while (command == 'p' || command == 'i');
	return command;
}

/* Send one event unless it was declined, and read the reply unless that was. */
static char show(struct conn *c, char command, const void *data, size_t len)
{
	const struct event *e = EVENTS;

	while (e->command != command)
		e++;
	if ((c->protocol & e->no_step) != 0)
		return 'c';
	put_packet(c, command, data, len);
	return (c->protocol & e->no_reply) != 0 ? 'c' : get_verdict(c);
}

static void show_or_die(struct conn *c, char command, const void *data, size_t len)
{
	if (show(c, command, data, len) != 'c')
		die("the filter stopped a message before its end");
}

static void negotiate(struct conn *c)
{
	uint32_t offer[3] = {htonl(OFFER_VERSION), htonl(OFFER_ACTIONS), htonl(OFFER_PROTOCOL)};
	uint32_t answer[3];

	put_packet(c, 'O', offer, sizeof(offer));
	if (get_packet(c, (unsigned char *)answer, sizeof(answer)) != 'O')
		die("negotiation");
	c->protocol = ntohl(answer[2]);
}

#define MACROS_CONNECT "Cj\0mta.example\0{daemon_name}\0smtpd\0v\0Postfix 3.7.11\0"
#define PEER "localhost\0004\0\062127.0.0.1\0"

static void connect_filter(struct conn *c)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	strncpy(a.sun_path, socket_path, sizeof(a.sun_path) - 1);
	c->fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&a, sizeof(a)) != 0)
		die(socket_path);
	negotiate(c);
	put_packet(c, 'D', MACROS_CONNECT, sizeof(MACROS_CONNECT) - 1);
	show_or_die(c, 'C', PEER, sizeof(PEER) - 1);
	show_or_die(c, 'H', "localhost", sizeof("localhost"));
}

static void put_digits(char *to, long number)
{
	for (int i = DIGITS; i-- > 0; number /= 10)
		to[i] = (char)('0' + number % 10);
}

static void show_field(struct conn *c, const struct field *f, long domain)
{
	char data[8192];
	const char *value = f->value;
	size_t name_len = strlen(f->name) + 1, value_len;

	if ((c->protocol & LEADSPC) == 0 && *value == ' ')
		value++;
	value_len = strlen(value) + 1;
	if (name_len + value_len > sizeof(data))
		die("a header field is too long for this program");
	memcpy(data, f->name, name_len);
	memcpy(data + name_len, value, value_len);
	if (domains > 1 && f == &message.fields[message.sender])
		put_digits(data + name_len + message.digits_at - (size_t)(value - f->value),
			   domain);
	show_or_die(c, 'L', data, name_len + value_len);
}

static void show_body(struct conn *c, const char *body, size_t len)
{
	while (len > 0) {
		size_t n = len < CHUNK ? len : CHUNK;

		if (show(c, 'B', body, n) == 's')
			return;
		body += n;
		len -= n;
	}
}

static void show_message(struct conn *c, long number)
{
	char macros[64];
	int len = snprintf(macros, sizeof(macros), "Mi%c4B%lX", 0, number);

	put_packet(c, 'D', macros, (size_t)len + 1);
	show_or_die(c, 'M', "<ann@bench.example>", sizeof("<ann@bench.example>"));
	show_or_die(c, 'R', "<bob@sink.example>", sizeof("<bob@sink.example>"));
	show_or_die(c, 'T', "", 0);
	for (size_t i = 0; i < message.n_fields; i++)
		show_field(c, &message.fields[i], number % domains);
	show_or_die(c, 'N', "", 0);
	show_body(c, message.body, message.body_len);
	put_packet(c, 'E', "", 0);
	switch (get_verdict(c)) {
	case 'a':
	case 'c':
		break;
	default:
		die("a message was not accepted");
	}
}

static void *run_connection(void *arg)
{
	struct conn *c = calloc(1, sizeof(*c));
	long number;

	(void)arg;
	if (c == NULL)
		die("memory");
	connect_filter(c);
	while ((number = atomic_fetch_add(&messages_begun, 1)) < messages_wanted)
		show_message(c, number);
	put_packet(c, 'Q', "", 0);
	flush(c);
	close(c->fd);
	free(c);
	return NULL;
}

static char *read_file(const char *path, size_t *len)
{
	FILE *f = fopen(path, "rb");
	char *text;
	long size;

	if (f == NULL || fseek(f, 0, SEEK_END) != 0 || (size = ftell(f)) < 0)
		die(path);
	rewind(f);
	text = malloc((size_t)size + 1);
	if (text == NULL || fread(text, 1, (size_t)size, f) != (size_t)size)
		die(path);
	text[size] = '\0';
	fclose(f);
	*len = (size_t)size;
	return text;
}

/* One field at *AT, cut out in place: "Name\0 value\n\tfolded\0". Leaves *AT behind it. */
static void cut_field(char **at, struct field *f)
{
	char *p = strchr(*at, ':'), *to;

	if (p == NULL)
		die("the message has a line that is no header field");
	*p++ = '\0';
	f->name = *at;
	f->value = to = p;
	for (;; p++) {
		if (p[0] == '\r' && p[1] == '\n') {
			if (p[2] != ' ' && p[2] != '\t')
				break;
			continue; /* a fold: the LF alone */
		}
		*to++ = *p;
	}
	*to = '\0';
	*at = p + 2;
}

static void read_message(const char *path, struct message *m)
{
	size_t len;
	char *end, *at;

	m->text = at = read_file(path, &len);
	end = strstr(m->text, "\r\n\r\n");
	if (end == NULL)
		die("the message has no end of header");
	while (at < end + 2 && m->n_fields < FIELDS_MAX)
		cut_field(&at, &m->fields[m->n_fields++]);
	m->body = end + 4;
	m->body_len = len - (size_t)(m->body - m->text);
}

static void find_digits(struct message *m)
{
	static const char pattern[] = "d000000.example";
	const char *found = NULL;

	for (size_t i = 0; i < m->n_fields && found == NULL; i++) {
		m->sender = i;
		if (strcmp(m->fields[i].name, "From") == 0)
			found = strstr(m->fields[i].value, pattern);
	}
	if (found == NULL)
		die("From is not of d000000.example");
	m->digits_at = (size_t)(found - m->fields[m->sender].value) + 1;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

int main(int argc, char **argv)
{
	pthread_t threads[256];
	long connections;
	double started;

	if (argc != 5 && argc != 6) {
		fprintf(stderr, "usage: bench-load SOCKET CONNECTIONS MESSAGES FILE [DOMAINS]\n");
		return 2;
	}
	socket_path = argv[1];
	connections = strtol(argv[2], NULL, 10);
	messages_wanted = strtol(argv[3], NULL, 10);
	if (argc == 6)
		domains = strtol(argv[5], NULL, 10);
	if (connections < 1 || connections > 256 || messages_wanted < 1 || domains < 1 ||
	    domains > DOMAINS_MAX)
		return 2;
	read_message(argv[4], &message);
	if (domains > 1)
		find_digits(&message);
	started = now();
	for (long i = 0; i < connections; i++)
		if (pthread_create(&threads[i], NULL, run_connection, NULL) != 0)
			die("thread");
	for (long i = 0; i < connections; i++)
		pthread_join(threads[i], NULL);
	printf("%ld %.6f %ld\n", messages_wanted, now() - started, atomic_load(&fields_inserted));
	free(message.text);
	return 0;
}
