/* message sign: the daemon's own path on a file. */
#include "tool/message.h"

#include "base/file.h"
#include "core/session.h"
#include "mail/field.h"
#include "tool/msgtext.h"
#include "tool/sealkeys.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { BODY_PIECE = 65535 };

enum rc message_read(const char *path, struct buf *raw, struct err *err)
{
	enum rc rc;

	buf_init(raw, MESSAGE_FILE_MAX);
	rc = file_read(path, raw, err);
	if (rc == RC_OK && raw->len == 0)
		rc = err_set(err, RC_INPUT, "%s: the message is empty", path);
	return rc;
}

/* What the mail server would have told. */
struct origin {
	enum client_kind kind;
	uint8_t addr[16];
	uint16_t port;
	const char *host;
	const char *authenticated, *daemon_name, *mail_from, *queue_id;
	bool smtputf8;
};

/* A client of its own address and port is mail by SMTP; without --client it is a local submission, as Postfix shows it:
 * localhost with port 0. */
static enum rc read_origin(struct tool *t, struct origin *o, struct err *err)
{
	const char *client = tool_opt(t, "client");

	memset(o, 0, sizeof(*o));
	o->authenticated = tool_opt(t, "authenticated");
	o->daemon_name = tool_opt(t, "daemon-name");
	o->mail_from = tool_opt(t, "mail-from");
	o->queue_id = tool_opt(t, "queue-id");
	o->smtputf8 = tool_has(t, "smtputf8");
	o->host = "localhost";
	o->kind = CLIENT_INET;
	memcpy(o->addr, "\177\0\0\1", 4);
	if (client == NULL && o->authenticated == NULL)
		return RC_OK;
	o->port = 25252;
	if (client == NULL)
		return RC_OK;
	o->host = client;
	if (inet_pton(AF_INET, client, o->addr) == 1)
		return RC_OK;
	if (inet_pton(AF_INET6, client, o->addr) != 1)
		return tool_usage(t, err, "--client %s is no IP address", client);
	o->kind = CLIENT_INET6;
	return RC_OK;
}

static enum rc give_macro(struct session *s, enum macro m, const char *value, struct err *err)
{
	return value != NULL ? session_macro(s, m, span_str(value), err) : RC_OK;
}

static enum rc open_session(struct session *s, const struct origin *o, struct err *err)
{
	char name[256] = "localhost";
	enum rc rc;

	if (gethostname(name, sizeof(name)) != 0)
		strcpy(name, "localhost");
	name[sizeof(name) - 1] = '\0';
	session_set_leading_space(s, true);
	rc = session_macro(s, MACRO_MTA_NAME, span_str(name), err);
	if (rc == RC_OK)
		rc = give_macro(s, MACRO_DAEMON_NAME, o->daemon_name, err);
	if (rc == RC_OK)
		rc = session_connect(s, span_str(o->host), o->kind, o->addr, o->port, err);
	if (rc == RC_OK)
		rc = session_helo(s, span_str("localhost"), err);
	return rc;
}

static enum rc open_message(struct session *s, const struct origin *o, struct err *err)
{
	const struct span args[] = {SPAN_LIT("SMTPUTF8")};
	enum verdict verdict;
	struct reply reply;
	enum rc rc = give_macro(s, MACRO_QUEUE_ID, o->queue_id, err);

	if (rc == RC_OK && o->authenticated != NULL)
		rc = give_macro(s, MACRO_AUTH_TYPE, "PLAIN", err);
	if (rc == RC_OK)
		rc = give_macro(s, MACRO_AUTH_AUTHEN, o->authenticated, err);
	if (rc == RC_OK)
		rc = session_mail(s, span_str(o->mail_from != NULL ? o->mail_from : "<>"), args,
				  o->smtputf8 ? 1 : 0, err);
	if (rc == RC_OK)
		rc = session_rcpt(s, span_str("<postmaster>"), NULL, 0, &verdict, &reply, err);
	return rc;
}

/* As a milter gets it: folds as LF, and the white space before the colon, if there is any, at the end of the name. */
static enum rc feed_field(struct session *s, const struct field *f, struct err *err)
{
	struct buf name, value;
	enum rc rc;

	buf_init(&name, MESSAGE_FILE_MAX);
	buf_init(&value, MESSAGE_FILE_MAX);
	rc = buf_add(&name, f->name, err);
	if (rc == RC_OK && f->space_before_colon)
		rc = buf_addc(&name, ' ', err);
	if (rc == RC_OK)
		rc = msgtext_to_lf(f->value, &value, err);
	if (rc == RC_OK)
		rc = session_header(s, buf_span(&name), buf_span(&value), err);
	buf_clear(&name);
	buf_clear(&value);
	return rc;
}

static enum rc feed_body(struct session *s, struct span body, struct err *err)
{
	enum rc rc = RC_OK;

	for (; rc == RC_OK && body.len > 0; body = span_from(body, BODY_PIECE))
		rc = session_body(s, span_sub(body, 0, BODY_PIECE), err);
	return rc;
}

/* One message through a session, up to its edits. *RET_EDITS NULL: nothing is to be done with it. */
static enum rc feed(struct session *s, const struct origin *o, const struct fields *fields,
		    struct span body, const struct edits **ret_edits, struct err *err)
{
	enum session_next next = NEXT_GO_ON;
	enum rc rc = open_session(s, o, err);

	*ret_edits = NULL;
	if (rc == RC_OK)
		rc = open_message(s, o, err);
	for (size_t i = 0; rc == RC_OK && i < fields_count(fields); i++)
		rc = feed_field(s, fields_at(fields, i), err);
	if (rc == RC_OK)
		rc = session_end_of_headers(s, &next, err);
	if (rc != RC_OK || next != NEXT_GO_ON)
		return rc;
	rc = feed_body(s, body, err);
	if (rc == RC_OK)
		rc = session_end_of_message(s, &next, ret_edits, err);
	return rc;
}

/* A file, taken apart. */
struct parts {
	struct arena *arena;
	struct fields fields;
	struct buf body_crlf;
	struct msgtext text;
	struct span body; /* as it travels: with CRLF */
};

static void parts_clear(struct parts *p)
{
	msgtext_clear(&p->text);
	buf_clear(&p->body_crlf);
	fields_clear(&p->fields);
	arena_free(p->arena);
}

static enum rc parts_read(struct parts *p, struct span raw, bool force_crlf, struct err *err)
{
	struct span body;
	bool crlf;
	enum rc rc;

	memset(p, 0, sizeof(*p));
	buf_init(&p->body_crlf, 2 * (size_t)MESSAGE_FILE_MAX);
	p->arena = arena_new(4 * (size_t)MESSAGE_FILE_MAX);
	if (p->arena == NULL)
		return err_set(err, RC_NOMEM, "message");
	fields_init(&p->fields, p->arena, MESSAGE_FILE_MAX);
	rc = fields_read(&p->fields, raw, &body, &crlf, err);
	if (rc == RC_OK)
		rc = msgtext_init(&p->text, p->arena, raw, body, crlf || force_crlf, err);
	p->body = body;
	if (rc == RC_OK && !crlf) {
		rc = msgtext_to_crlf(body, &p->body_crlf, err);
		p->body = buf_span(&p->body_crlf);
	}
	return rc;
}

static int64_t session_now(void *ctx)
{
	return tool_now(ctx);
}

/* Why it is not signed, for people. The record's error is a fault of ours and comes first. */
static void explain(struct tool *t, const struct record *r)
{
	if (r == NULL)
		return;
	if (r->error != NULL)
		tool_say(t, "not signed: %s\n", r->error);
	else if (r->n_signed == 0 && r->plan != NULL)
		tool_say(t, "not signed: %s%s%s\n", plan_reason_name(r->plan->reason),
			 r->plan->detail[0] != '\0' ? ": " : "", r->plan->detail);
}

/* What the daemon would have logged, instead of the message. */
static enum rc show_record(const struct record *r, struct buf *reply, struct err *err)
{
	enum rc rc = record_show(r, FORMAT_JSON, reply, err);

	return rc == RC_OK ? buf_addc(reply, '\n', err) : rc;
}

struct sign_work {
	struct span raw;
	struct origin origin;
};

static enum rc report(struct tool *t, struct session *s, struct parts *p, const struct edits *edits,
		      struct buf *reply, struct err *err)
{
	const struct record *r = session_finish(s);
	bool is_signed = r != NULL && r->n_signed > 0 && r->verdict == VERDICT_ACCEPT;
	enum rc rc = RC_OK;

	if (!is_signed) {
		explain(t, r);
		tool_found(t);
	}
	if (tool_json_wanted(t))
		return r != NULL ? show_record(r, reply, err) : RC_OK;
	if (!is_signed || edits == NULL)
		return RC_OK;
	rc = edits_apply(edits, &msgtext_ops, &p->text, true, err);
	return rc == RC_OK ? msgtext_show(&p->text, tool_has(t, "crlf"), reply, err) : rc;
}

static enum rc run_session(struct tool *t, const struct session_env *env, struct sign_work *w,
			   struct buf *reply, struct err *err)
{
	struct session *s = NULL;
	const struct edits *edits = NULL;
	struct parts p;
	enum rc rc = parts_read(&p, w->raw, tool_has(t, "crlf"), err);

	if (rc == RC_OK)
		rc = session_new(env, &s, err);
	if (rc == RC_OK) {
		struct err fault = ERR_INIT;

		/* As in the daemon: a fault becomes the record of this message. */
		if (feed(s, &w->origin, &p.fields, p.body, &edits, &fault) != RC_OK) {
			session_fail(s, &fault);
			edits = NULL;
		}
		rc = report(t, s, &p, edits, reply, err);
	}
	session_free(s);
	parts_clear(&p);
	return rc;
}

/* In the child: with catalogue and keys at hand. */
static enum rc sign_work(struct tool *t, void *ctx, struct buf *reply, struct err *err)
{
	struct snapshot *snapshot = NULL;
	struct counters counters = {0};
	struct session_env env = {
		.counters = &counters, .now = session_now, .now_ctx = t, .sign_only = true};
	const struct conf *conf;
	enum rc rc = tool_conf(t, &conf, err);

	if (rc == RC_OK)
		rc = snapshot_load(tool_conf_file(t), tool_now(t), &snapshot, NULL, err);
	if (rc == RC_OK)
		rc = snapshot_store_new(&env.store, err);
	if (rc == RC_OK)
		rc = keycache_new(conf->state_dir, 64, &env.keys, err);
	if (rc == RC_OK) {
		snapshot_store_swap(env.store, snapshot);
		snapshot = NULL; /* the store's now */
		rc = run_session(t, &env, ctx, reply, err);
	}
	keycache_free(env.keys);
	snapshot_store_free(env.store);
	snapshot_unref(snapshot);
	return rc;
}

static enum rc sign_run(struct tool *t, struct err *err)
{
	struct sign_work w;
	struct buf raw, reply;
	enum rc rc = read_origin(t, &w.origin, err);

	buf_init(&raw, 0);
	buf_init(&reply, 2 * (size_t)MESSAGE_FILE_MAX);
	if (rc == RC_OK)
		rc = message_read(tool_arg(t, 0), &raw, err);
	if (rc == RC_OK) {
		w.raw = buf_span(&raw);
		rc = tool_as_user(t, sign_work, &w, &reply, err);
	}
	if (rc == RC_OK)
		tool_write(t, buf_span(&reply));
	buf_clear(&reply);
	buf_clear(&raw);
	return rc;
}

static const struct tool_option sign_options[] = {
	{"authenticated", "USER", "as if USER had logged in by SMTP AUTH"},
	{"client", "ADDRESS", "as if it came by SMTP from this IP address"},
	{"daemon-name", "NAME", "as if {daemon_name} were NAME"},
	{"mail-from", "ADDRESS", "the envelope sender; without it the null sender"},
	{"queue-id", "ID", "the queue id that messages are named by"},
	{"smtputf8", NULL, "as if the client had asked for SMTPUTF8"},
	{"crlf", NULL, "write every line with CRLF"},
	{NULL, NULL, NULL},
};

static const struct tool_option verify_options[] = {
	{"record", "FILE...",
	 "a file with the TXT record of one selector, instead of the catalogue"},
	{"dns", NULL, "look the records up in the DNS"},
	{"resolver", "ADDRESS[@PORT]", "ask this server (implies --dns), not dns.resolver"},
	{NULL, NULL, NULL},
};

static const struct tool_option encrypt_options[] = {
	{"cert", "FILE...", SEALKEYS_CERT_HELP},
	{"for", "ACCOUNT...", SEALKEYS_FOR_HELP},
	{"crlf", NULL, "write every line with CRLF"},
	{NULL, NULL, NULL},
};

static const struct tool_option decrypt_options[] = {
	{"key", "FILE", SEALKEYS_KEY_HELP},
	{"cert", "FILE...", SEALKEYS_KEY_CERT_HELP},
	{"passphrase-file", "FILE", SEALKEYS_PASSPHRASE_HELP},
	{"crlf", NULL, "write every line with CRLF"},
	{NULL, NULL, NULL},
};

const struct tool_verb tool_verbs_message[] = {
	{
		.noun = "message",
		.verb = "sign",
		.args = "FILE|-",
		.min_args = 1,
		.max_args = 1,
		.summary = "Sign a message file as the daemon would",
		.help = "The message goes through the daemon's own path: configuration, trust, "
			"keys.\n"
			"Without options it counts as submitted on this host. The signed message "
			"goes\n"
			"to standard output, its line ends as they were. A message that is not "
			"signed\n"
			"is not written; why not is said, and the exit status is 1. With --json "
			"the\n"
			"log record is written instead of the message.\n"
			"\n"
			"Example: mailseal message sign letter.eml > signed.eml\n",
		.options = sign_options,
		.flags = TOOL_READS,
		.run = sign_run,
	},
	{
		.noun = "message",
		.verb = "verify",
		.args = "FILE|-",
		.min_args = 1,
		.max_args = 1,
		.summary = "Verify every DKIM signature of a message file",
		.help = "One line for each signature: result, domain, selector, algorithm, "
			"reason.\n"
			"Keys come from the catalogue of this host, or from files given with "
			"--record,\n"
			"or with --dns from the DNS. Exit status 1 when there is no signature or "
			"one\n"
			"does not pass.\n"
			"\n"
			"Example: mailseal message verify --dns signed.eml\n",
		.options = verify_options,
		.flags = TOOL_READS,
		.run = message_verify,
	},
	{
		.noun = "message",
		.verb = "encrypt",
		.args = "FILE|-",
		.min_args = 1,
		.max_args = 1,
		.summary = "Seal a stored message with S/MIME",
		.help = "The message is put into an envelope (EnvelopedData, AES-256) that "
			"those can open\n"
			"who have the private key of one of the certificates. Content-* fields and "
			"the\n"
			"body go inside, all other fields stay outside. The sealed message goes "
			"to\n"
			"standard output, its line ends as they were. One that is encrypted "
			"already "
			"is\n"
			"written as it is. With --json what was done is written instead of the "
			"message.\n"
			"\n"
			"Example: mailseal message encrypt letter.eml --cert joe.pem > "
			"sealed.eml\n",
		.options = encrypt_options,
		.flags = TOOL_READS,
		.run = message_encrypt,
	},
	{
		.noun = "message",
		.verb = "decrypt",
		.args = "FILE|-",
		.min_args = 1,
		.max_args = 1,
		.summary = "Open a message that is sealed with S/MIME",
		.help = "The message as it was goes to standard output: the fields that stood "
			"outside, the\n"
			"Content-* fields and the body that were inside. Nothing is written before "
			"all of\n"
			"it could be opened. One that is not encrypted is written as it is. With "
			"--json\n"
			"what was done is written instead of the message.\n"
			"\n"
			"Example: mailseal message decrypt sealed.eml --key joe.p12 "
			"--passphrase-file secret\n",
		.options = decrypt_options,
		.flags = TOOL_READS,
		.run = message_decrypt,
	},
	{.noun = NULL},
};
