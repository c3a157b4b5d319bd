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

/* --- rules in few words --------------------------------------------------------------------------- */

static void put(struct buf *out, const char *s)
{
	struct err err = ERR_INIT;

	must(buf_adds(out, s, &err), &err, "rules");
}

/* In quotes of libconfig. */
static void put_quoted(struct buf *out, struct span s)
{
	struct err err = ERR_INIT;

	put(out, "\"");
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] == '"' || s.p[i] == '\\')
			put(out, "\\");
		must(buf_addc(out, s.p[i], &err), &err, "rules");
	}
	put(out, "\"");
}

static void put_list(struct buf *out, const struct span *parts, size_t n)
{
	put(out, "(");
	for (size_t i = 0; i < n; i++) {
		put(out, i > 0 ? ", " : "");
		put_quoted(out, parts[i]);
	}
	put(out, ")");
}

/* What stands before WHAT; *REST what stands behind it, or nothing. */
static struct span cut(struct span *rest, const char *what)
{
	size_t at = span_search(*rest, span_str(what), 0, false);
	struct span head = span_sub(*rest, 0, at);

	*rest = span_from(*rest, at + strlen(what));
	return head;
}

static void put_condition(struct buf *out, struct span text)
{
	struct span parts[3] = {SPAN_LIT("Subject"), SPAN_LIT("is"), SPAN_NONE};
	size_t n = 0;

	if (span_starts(text, SPAN_LIT("subject "))) {
		parts[2] = span_from(text, strlen("subject "));
		n = 3;
	}
	while (n < 3 && text.len != 0)
		parts[n++] = cut(&text, "|");
	put_list(out, parts, n);
}

static void put_action(struct buf *out, struct span text)
{
	static const char *const words[][2] = {
		{"seal", "Store Encrypted in"}, {"store", "Store in"},	   {"discard", "Discard"},
		{"stop", "Stop Processing"},	{"reject", "Reject with"}, {"add", "Add Header"},
		{"tag", "Tag Subject"},		{"to", "Redirect To"},	   {"mirror", "Mirror To"},
		{"hold", "Quarantine"}};
	bool alone = !span_has(text, ' ');
	struct span verb = cut(&text, " "), parts[2] = {verb, text};

	for (size_t i = 0; i < COUNT_OF(words); i++)
		if (span_eq_str(verb, words[i][0]))
			parts[0] = span_str(words[i][1]);
	put_list(out, parts, alone ? 1 : 2);
}

typedef void put_part(struct buf *out, struct span text);

static void put_parts(struct buf *out, const char *name, struct span text, const char *between,
		      put_part *one)
{
	const char *comma = "";

	put(out, name);
	put(out, " = ( ");
	while (text.len != 0) {
		put(out, comma);
		one(out, cut(&text, between));
		comma = ", ";
	}
	put(out, " ); ");
}

static void put_rule(struct buf *out, struct span line)
{
	struct span head = cut(&line, ": "), name = cut(&head, " "), owner = cut(&head, " ");
	struct span priority = cut(&head, " if ");
	bool server = span_eq_str(owner, "server"), number = priority.len == 1;
	struct err err = ERR_INIT;

	put(out, "{ name = ");
	put_quoted(out, name);
	put(out, server			? "; level = \"server"
		 : span_has(owner, '@') ? "; level = \"account"
					: "; level = \"domain");
	put(out, server ? "\"; " : "\"; owner = ");
	if (!server)
		put_quoted(out, owner);
	put(out, server ? "priority = " : "; priority = ");
	if (number)
		must(buf_add(out, priority, &err), &err, "rules");
	else
		put_quoted(out, priority);
	put(out, "; ");
	put_parts(out, "when", head, " & ", put_condition);
	put_parts(out, "do", line, "; ", put_action);
	put(out, "}");
}

static void put_alias(struct buf *out, struct span line)
{
	struct span parts[2];

	(void)cut(&line, "alias ");
	parts[0] = cut(&line, " = ");
	parts[1] = line;
	put_list(out, parts, 2);
}

/* The lines that are aliases, or those that are not. */
static void put_lines(struct buf *out, const char *name, struct span text, bool aliases)
{
	const char *comma = "";

	put(out, name);
	put(out, " = ( ");
	while (text.len != 0) {
		struct span line = cut(&text, "\n");

		if (span_starts(line, SPAN_LIT("alias ")) != aliases)
			continue;
		put(out, comma);
		if (aliases)
			put_alias(out, line);
		else
			put_rule(out, line);
		comma = ",\n";
	}
	put(out, " );\n");
}

void room_rules(const char *text, struct buf *out)
{
	put_lines(out, "aliases", span_str(text), true);
	put_lines(out, "rules", span_str(text), false);
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
