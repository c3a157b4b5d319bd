#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "crypto/key.h"
#include "dkim/alg.h"
#include "fixture-keys.h"
#include "mail/field.h"

struct state {
	char dir[480];
	struct directory *directory;
	struct key *rsa, *ed25519;
};

static int64_t fixed_clock(void *ctx)
{
	return ((struct fixture *)ctx)->now;
}

static enum rc word(struct span *line, char *ret, size_t size, struct err *err)
{
	struct span w;

	do {
		if (!span_split(line, ' ', &w))
			return err_set(err, RC_INPUT, "a word is missing");
	} while (w.len == 0);
	snprintf(ret, size, "%.*s", SPAN_ARG(w));
	return RC_OK;
}

/* Any 64 digits that name no file. */
static void no_key(struct selector *s)
{
	memset(s->fingerprint, '0', sizeof(s->fingerprint) - 1);
	s->bits = 2048;
}

static enum rc add_selector(struct state *st, struct span line, struct err *err)
{
	char words[7][256];
	struct selector s = {0};
	struct key *key;
	struct buf public;
	enum rc rc = RC_OK;

	for (size_t i = 0; i < COUNT_OF(words); i++) {
		rc = word(&line, words[i], sizeof(words[i]), err);
		if (rc != RC_OK)
			return rc;
	}
	if (!dkim_alg_read(span_str(words[2]), &s.alg) || !sel_state_read(words[3], &s.state))
		return err_set(err, RC_INPUT, "'%s' or '%s'", words[2], words[3]);
	s.domain = words[0];
	s.name = words[1];
	s.not_before = strtoll(words[4], NULL, 10);
	s.created = strtoll(words[5], NULL, 10);
	key = s.alg == DKIM_RSA_SHA256 ? st->rsa : st->ed25519;
	buf_init(&public, 4096);
	rc = key_public_base64(key, &public, err);
	s.public_base64 = buf_cstr(&public);
	s.bits = key_bits(key);
	strcpy(s.fingerprint,
	       key_fingerprint(strcmp(words[6], "rsa") == 0 ? st->rsa : st->ed25519));
	if (strcmp(words[6], "missing") == 0)
		no_key(&s);
	if (rc == RC_OK)
		rc = st->directory->ops->selector_add(st->directory, &s, err);
	buf_clear(&public);
	return rc;
}

static enum rc add_selectors(struct state *st, struct span text, struct err *err)
{
	struct span line;
	enum rc rc = RC_OK;

	while (rc == RC_OK && span_split(&text, '\n', &line)) {
		line = span_trim(line);
		if (line.len == 0 || line.p[0] == '#')
			continue;
		rc = add_selector(st, line, err);
		if (rc != RC_OK)
			err_wrap(err, rc, "selector line '%.*s'", SPAN_ARG(line));
	}
	return rc;
}

static enum rc make_keys(struct state *st, struct err *err)
{
	enum rc rc = key_read_pem(SPAN_LIT(FIXTURE_KEY_RSA), NULL, &st->rsa, err);

	if (rc == RC_OK)
		rc = key_read_pem(SPAN_LIT(FIXTURE_KEY_ED25519), NULL, &st->ed25519, err);
	if (rc == RC_OK)
		rc = keystore_put(st->dir, st->rsa, err);
	if (rc == RC_OK)
		rc = keystore_put(st->dir, st->ed25519, err);
	return rc;
}

static enum rc make_state(const char *dir, struct span selectors, struct err *err)
{
	struct state st = {.directory = NULL};
	enum rc rc;

	snprintf(st.dir, sizeof(st.dir), "%s/state", dir);
	rc = file_mkdirs(st.dir, 0700, err);
	if (rc == RC_OK)
		rc = make_keys(&st, err);
	if (rc == RC_OK)
		rc = directory_open(st.dir, DIRECTORY_CREATE, &st.directory, err);
	if (rc == RC_OK)
		rc = add_selectors(&st, selectors, err);
	directory_close(st.directory);
	key_unref(st.rsa);
	key_unref(st.ed25519);
	return rc;
}

enum rc fixture_reload(struct fixture *f, struct span conf, struct err *err)
{
	struct snapshot *snap = NULL;
	struct buf text;
	enum rc rc;

	buf_init(&text, 1 << 20);
	rc = buf_addf(&text, err, "state_dir = \"%.*s/state\";\n",
		      (int)(strrchr(f->conf_path, '/') - f->conf_path), f->conf_path);
	if (rc == RC_OK)
		rc = buf_add(&text, conf, err);
	if (rc == RC_OK)
		rc = file_write_atomic(f->conf_path, buf_span(&text), 0644, true, err);
	if (rc == RC_OK)
		rc = snapshot_load(f->conf_path, f->now, &snap, NULL, err);
	if (rc == RC_OK)
		snapshot_store_swap(f->store, snap);
	buf_clear(&text);
	return rc;
}

enum rc fixture_open(struct fixture *f, const char *dir, struct span conf, struct span selectors,
		     struct err *err)
{
	char state_dir[sizeof(f->conf_path)];
	enum rc rc;

	memset(f, 0, sizeof(*f));
	f->now = FIXTURE_NOW;
	snprintf(f->conf_path, sizeof(f->conf_path), "%s/mailseal.conf", dir);
	snprintf(state_dir, sizeof(state_dir), "%s/state", dir);
	rc = make_state(dir, selectors, err);
	if (rc == RC_OK)
		rc = snapshot_store_new(&f->store, err);
	if (rc == RC_OK)
		rc = fixture_reload(f, conf, err);
	if (rc == RC_OK)
		rc = keycache_new(state_dir, 100, &f->keys, err);
	f->env = (struct session_env){.store = f->store,
				      .keys = f->keys,
				      .counters = &f->counters,
				      .now = fixed_clock,
				      .now_ctx = f};
	return rc;
}

void fixture_close(struct fixture *f)
{
	keycache_free(f->keys);
	snapshot_store_free(f->store);
	memset(f, 0, sizeof(*f));
}

struct fixture_message fixture_message(struct span raw)
{
	return (struct fixture_message){
		.host = "localhost",
		.client = CLIENT_INET,
		.addr = {127, 0, 0, 1},
		.port = 4711,
		.macros = {[MACRO_QUEUE_ID] = "4F1", [MACRO_MTA_NAME] = "mx.example.com"},
		.mail_from = "<joe@example.com>",
		.raw = raw,
		.leading_space = true,
	};
}

static enum rc tell_macros(struct session *s, const struct fixture_message *m, unsigned first,
			   unsigned last, struct err *err)
{
	enum rc rc = RC_OK;

	for (unsigned i = first; i <= last && rc == RC_OK; i++)
		if (m->macros[i] != NULL)
			rc = session_macro(s, (enum macro)i, span_str(m->macros[i]), err);
	return rc;
}

static enum rc send_recipient(struct session *s, struct fixture_recipient *r, struct err *err)
{
	struct reply reply = {NULL, NULL};
	enum rc rc = session_rcpt(s, r->given, r->args, r->n_args, &r->verdict, &reply, err);

	r->reply[0] = '\0';
	if (rc == RC_OK && r->verdict != VERDICT_ACCEPT)
		snprintf(r->reply, sizeof(r->reply), "%s %s", reply.xcode, reply.text);
	return rc;
}

static enum rc send_recipients(struct session *s, const struct fixture_message *m, struct err *err)
{
	struct fixture_recipient usual = {.given = SPAN_LIT("<ann@example.net>")};
	enum rc rc = RC_OK;

	if (m->n_recipients == 0)
		return send_recipient(s, &usual, err);
	for (size_t i = 0; i < m->n_recipients && rc == RC_OK; i++)
		rc = send_recipient(s, &m->recipients[i], err);
	return rc;
}

static bool nobody_is_left(const struct fixture_message *m)
{
	for (size_t i = 0; i < m->n_recipients; i++)
		if (m->recipients[i].verdict == VERDICT_ACCEPT)
			return false;
	return m->n_recipients != 0;
}

static enum rc send_envelope(struct session *s, const struct fixture_message *m, struct err *err)
{
	static const struct span args[] = {SPAN_LIT("SMTPUTF8")};
	enum rc rc = tell_macros(s, m, MACRO_MTA_NAME, MACRO_DAEMON_NAME, err);

	session_set_leading_space(s, m->leading_space);
	if (rc == RC_OK)
		rc = session_connect(s, span_str(m->host), m->client, m->addr, m->port, err);
	if (rc == RC_OK)
		rc = tell_macros(s, m, MACRO_VERIFY, MACRO_CN_ISSUER, err);
	if (rc == RC_OK)
		rc = session_helo(s, SPAN_LIT("client.example.com"), err);
	if (rc == RC_OK)
		rc = tell_macros(s, m, MACRO_AUTH_TYPE, MACRO_AUTH_AUTHEN, err);
	if (rc == RC_OK)
		rc = session_mail(s, span_str(m->mail_from), args, m->smtputf8, err);
	if (rc == RC_OK)
		rc = send_recipients(s, m, err);
	return rc;
}

static enum rc send_field(struct session *s, const struct field *f, bool leading_space,
			  struct err *err)
{
	struct span value = f->value;
	struct buf name;
	enum rc rc;

	if (!leading_space && value.len > 0 && value.p[0] == ' ')
		value = span_from(value, 1);
	buf_init(&name, 1 << 20);
	rc = buf_add(&name, f->name, err);
	if (rc == RC_OK && f->space_before_colon)
		rc = buf_addc(&name, ' ', err);
	if (rc == RC_OK)
		rc = session_header(s, buf_span(&name), value, err);
	buf_clear(&name);
	return rc;
}

static enum rc send_header(struct session *s, const struct fixture_message *m,
			   struct span *ret_body, struct err *err)
{
	struct arena *arena = arena_new(64 << 20);
	struct fields fields;
	enum rc rc;
	bool crlf;

	fields_init(&fields, arena, 16 << 20);
	rc = fields_read(&fields, m->raw, ret_body, &crlf, err);
	for (size_t i = 0; i < fields_count(&fields) && rc == RC_OK; i++)
		rc = send_field(s, fields_at(&fields, i), m->leading_space, err);
	fields_clear(&fields);
	arena_free(arena);
	return rc;
}

static enum rc send_pieces(struct session *s, struct span body, size_t chunk, struct err *err)
{
	enum rc rc = RC_OK;

	for (size_t at = 0; at < body.len && rc == RC_OK; at += chunk)
		rc = session_body(s, span_sub(body, at, chunk), err);
	return rc;
}

static enum rc send_body(struct session *s, const struct fixture_message *m, struct span body,
			 struct err *err)
{
	size_t chunk = m->chunk != 0 ? m->chunk : 65535;
	struct buf crlf;
	enum rc rc = RC_OK;

	if (m->bare_lf)
		return send_pieces(s, body, chunk, err);
	buf_init(&crlf, 64 << 20);
	for (size_t i = 0; i < body.len && rc == RC_OK; i++)
		rc = body.p[i] == '\n' ? buf_adds(&crlf, "\r\n", err)
				       : buf_addc(&crlf, body.p[i], err);
	if (rc == RC_OK)
		rc = send_pieces(s, buf_span(&crlf), chunk, err);
	buf_clear(&crlf);
	return rc;
}

enum session_next fixture_send(struct session *s, const struct fixture_message *m,
			       const struct edits **ret_edits)
{
	enum session_next next = NEXT_GO_ON;
	struct err err = ERR_INIT;
	struct span body;
	enum rc rc = send_envelope(s, m, &err);

	*ret_edits = NULL;
	if (rc == RC_OK && nobody_is_left(m)) {
		session_abort(s);
		return NEXT_TEMPFAIL;
	}
	if (rc == RC_OK)
		rc = send_header(s, m, &body, &err);
	if (rc == RC_OK)
		rc = tell_macros(s, m, MACRO_QUEUE_ID, MACRO_QUEUE_ID, &err);
	if (rc == RC_OK)
		rc = session_end_of_headers(s, &next, &err);
	if (rc == RC_OK && next != NEXT_GO_ON)
		return next;
	if (rc == RC_OK)
		rc = send_body(s, m, body, &err);
	if (rc == RC_OK)
		rc = session_end_of_message(s, &next, ret_edits, &err);
	if (rc == RC_OK)
		return next;
	session_fail(s, &err);
	return NEXT_TEMPFAIL;
}
