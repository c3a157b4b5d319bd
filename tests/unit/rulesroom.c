#include "rulesroom.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LETTER_MAX = 64 << 20 };

static void must(enum rc rc, const struct err *err, const char *what)
{
	if (rc == RC_OK)
		return;
	fprintf(stderr, "room: %s: %s: %s\n", what, rc_word(rc), err->text);
	exit(99);
}

static void *must_have(void *p)
{
	if (p == NULL) {
		fprintf(stderr, "room: out of memory\n");
		exit(99);
	}
	return p;
}

/* --- configuration and certificates --------------------------------------------------------------- */

/* Not to disk: there are thousands of them. */
static void write_text(const char *path, struct span text)
{
	FILE *f = fopen(path, "we");

	if (f == NULL || fwrite(text.p, 1, text.len, f) != text.len || fclose(f) != 0) {
		perror(path);
		exit(99);
	}
}

static void read_conf(struct room *r, const char *dir, const char *text)
{
	struct err err = ERR_INIT;
	struct buf whole;
	char path[600];

	snprintf(path, sizeof(path), "%s/room.conf", dir);
	buf_init(&whole, 64 << 20);
	must(buf_addf(&whole, &err, "%s%s",
		      strstr(text, "alias_maps") != NULL ? "" : "alias_maps = []; ", text),
	     &err, "configuration");
	write_text(path, buf_span(&whole));
	must(conf_read(path, &r->conf, NULL, &err), &err, text);
	buf_clear(&whole);
}

static void add_cert(struct user_cert *to, const struct room_cert *from)
{
	memset(to, 0, sizeof(*to));
	to->account = from->account;
	to->kind = from->kind;
	to->not_before = from->not_before;
	to->not_after = from->not_after;
	memset(to->fingerprint, '0', sizeof(to->fingerprint) - 1);
	memcpy(to->fingerprint, from->id, strlen(from->id));
	to->der = span_str(from->id);
}

void room_open(struct room *r, const char *dir, const char *conf, const struct room_cert *certs,
	       size_t n)
{
	memset(r, 0, sizeof(*r));
	read_conf(r, dir, conf);
	r->users.arena = must_have(arena_new(64 << 20));
	r->users.at = must_have(arena_calloc(r->users.arena, n + 1, sizeof(*r->users.at)));
	for (size_t i = 0; i < n; i++)
		add_cert(&r->users.at[i], &certs[i]);
	r->users.n = n;
	qsort(r->users.at, n, sizeof(*r->users.at), user_cert_compare);
	r->snap = (struct snapshot){
		.conf = r->conf, .selectors = &r->selectors, .users = &r->users, .serial = 1};
}

void room_close(struct room *r)
{
	conf_free(r->conf);
	arena_free(r->users.arena);
	memset(r, 0, sizeof(*r));
}

/* --- a message ------------------------------------------------------------------------------------ */

static void set_client(struct facts *f, const char *text)
{
	f->port = 4711;
	if (strcmp(text, "unix") == 0)
		f->client = CLIENT_UNIX;
	else if (strcmp(text, "unknown") == 0)
		f->client = CLIENT_UNKNOWN;
	else if (inet_pton(AF_INET, text, f->addr) == 1)
		f->client = CLIENT_INET;
	else if (inet_pton(AF_INET6, text, f->addr) == 1)
		f->client = CLIENT_INET6;
}

static void add_recipient(struct room_letter *l, struct span word)
{
	struct span *args = must_have(arena_calloc(l->arena, 16, sizeof(*args))), address;
	struct route_recipient *to = &l->rcpt[l->n_rcpt];
	size_t n = 0;

	(void)span_split(&word, ';', &address);
	while (n < 16 && span_split(&word, ';', &args[n]))
		n++;
	*to = (struct route_recipient){.given = address, .args = args, .n_args = n};
	l->given[l->n_rcpt++] = address;
}

static void add_recipients(struct room_letter *l, const char *text)
{
	struct span rest = span_str(text), word;

	while (l->n_rcpt < ROOM_RCPT_MAX && span_split(&rest, ' ', &word))
		if (word.len != 0)
			add_recipient(l, word);
}

/* Line ends count as CRLF. */
static int64_t size_of(const struct room_letter *l)
{
	size_t size = l->fields.bytes + 2 + l->body.len;

	for (size_t i = 0; i < l->body.len; i++)
		size += l->body.p[i] == '\n' && (i == 0 || l->body.p[i - 1] != '\r');
	return (int64_t)size;
}

static void set_evidence(struct room *r, const struct room_mail *mail, struct room_letter *l)
{
	l->evidence = (struct evidence){.snap = &r->snap,
					.facts = &l->facts,
					.recipients = l->given,
					.n_recipients = l->n_rcpt,
					.size = -1,
					.now = mail->now != 0 ? mail->now : ROOM_NOW,
					.arena = l->arena};
}

void room_letter(struct room *r, const struct room_mail *mail, struct room_letter *ret)
{
	struct err err = ERR_INIT;
	bool crlf;

	memset(ret, 0, sizeof(*ret));
	ret->arena = must_have(arena_new(LETTER_MAX));
	fields_init(&ret->fields, ret->arena, LETTER_MAX / 4);
	must(fields_read(&ret->fields, mail->text != NULL ? span_str(mail->text) : mail->bytes,
			 &ret->body, &crlf, &err),
	     &err, "message");
	ret->facts.mail_from =
		span_str(mail->mail_from != NULL ? mail->mail_from : "<bob@else.example>");
	set_client(&ret->facts, mail->client != NULL ? mail->client : "192.0.2.9");
	ret->trust.source = mail->source;
	ret->trust.trusted = mail->source != SOURCE_RELAYED;
	add_recipients(ret, mail->rcpt != NULL ? mail->rcpt : "<jim@example.com>");
	ret->size = size_of(ret);
	set_evidence(r, mail, ret);
}

void room_show(struct room_letter *l, enum room_stage stage)
{
	static const char nothing[] = "";
	struct evidence *e = &l->evidence;

	if (stage >= STAGE_HEADER) {
		e->trust = &l->trust;
		e->fields = &l->fields;
		e->all_recipients = true;
	}
	if (stage >= STAGE_BEGINNING)
		e->beginning = l->body.len != 0 ? span_sub(l->body, 0, DETECT_BODY_MAX)
						: span_str(nothing);
	if (stage >= STAGE_END)
		e->size = l->size;
}

void room_forget(struct room *r, const struct room_mail *mail, struct room_letter *l)
{
	set_evidence(r, mail, l);
}

void room_letter_clear(struct room_letter *l)
{
	fields_clear(&l->fields);
	arena_free(l->arena);
	memset(l, 0, sizeof(*l));
}
