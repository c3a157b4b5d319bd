#include "daemon/milter.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmilter/mfapi.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core/line.h"
#include "daemon/agreement.h"
#include "daemon/log.h"
#include "daemon/socket.h"

/* What is asked of the mail server on a unix socket: no answers where none is needed, which saves a switch between two
 * processes for every header field. Never for RCPT and EOH: there a message ends early. Never for CONNECT: libmilter
 * passes over one that follows SMFIC_QUIT_NC at the wrong moment, and without an answer to wait for, the mail of a new
 * client would go on as that of the client before. On TCP none is suppressed, nor is the DATA event, whose macros
 * Postfix sends all the same: the answers carry the acknowledgement that the mail server's next small write waits for
 * (40 ms, a delayed ACK). */
#define QUIET_STAGES (SMFIP_NR_HELO | SMFIP_NR_MAIL | SMFIP_NR_DATA | SMFIP_NR_HDR | SMFIP_NR_BODY)

/* The largest packet, so the largest header field, that libmilter takes. At its own limit of 65,535 bytes it ends the
 * connection, and a mail server that does not cut its fields shorter (Postfix does, at 60,000) defers that message
 * again and again. What is over limits.headers is said to be too large, but it has to be read for that. */
enum { PACKET_MAX = 16 * 1024 * 1024 };

/* What may be asked for at the end of a message. What the mail server does not offer of it makes the messages that need it
 * temporary failures. */
#define ACTIONS                                                                                    \
	(SMFIF_ADDHDRS | SMFIF_CHGHDRS | SMFIF_CHGBODY | SMFIF_ADDRCPT | SMFIF_ADDRCPT_PAR |       \
	 SMFIF_DELRCPT | SMFIF_QUARANTINE | SMFIF_SETSYMLIST)

/* An SMTP command is at most 512 octets and a few extensions more (RFC 5321 4.5.3.1.4). */
enum { ESMTP_ARGS_MAX = 64 };

/* How long the listener is given to end: a second. */
enum { STOP_STEPS = 100, STOP_STEP_US = 10000, WAKE_SIGNAL = SIGUSR2 };

/* One client on a connection of the mail server. */
struct conn {
	struct session *session;
	unsigned long quiet; /* the SMFIP_NR_* that were agreed on */
	bool negotiated;
	bool broken; /* something about the client could not be kept: every message fails */
	bool in_message;
	bool failed; /* the message under way fails at the next stage that is answered */
	bool has_queue_id;
	bool rcpt_args; /* recipients can be added with ESMTP parameters */
};

static const struct session_env *env;
static int listener = -1;
static bool tcp, started;
static struct socket_file socket_file = {.path = NULL, .lock = -1};
static pthread_t thread;
static void (*when_ended)(void);
static atomic_bool retired, stopping, ended;
static _Atomic unsigned open_connections, open_messages;
static _Atomic int64_t last_word; /* when any connection last said something, ms */

static int64_t monotonic_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* --- one message ------------------------------------------------------------------------------ */

static void message_begins(struct conn *conn)
{
	if (!conn->in_message)
		open_messages++;
	conn->in_message = true;
	conn->failed = false;
	conn->has_queue_id = false;
}

static void message_ends(struct conn *conn)
{
	if (conn->in_message)
		open_messages--;
	conn->in_message = false;
	conn->failed = false;
}

/* Of a message whose line could not be written. */
static void log_lost(struct span queue_id, const char *why)
{
	char line[200];

	line_set(line, sizeof(line), "%.*s: no log line: %s", SPAN_ARG(queue_id), why);
	log_record(LEVEL_ERROR, span_str(line));
}

static void log_message(const struct conn *conn, const struct record *record)
{
	const struct snapshot *snap = session_snapshot(conn->session);
	enum conf_log_format format = snap != NULL ? snap->conf->log_format : FORMAT_PLAIN;
	struct err err = ERR_INIT;
	struct buf line;

	buf_init(&line, (size_t)64 * 1024);
	if (record_show(record, format, &line, &err) == RC_OK)
		log_record(record_level(record), buf_span(&line));
	else
		log_lost(record->queue_id, err.text);
	buf_clear(&line);
}

static void set_reply(SMFICTX *ctx, char *code, const char *xcode, const char *text)
{
	/* libmilter's parameters are not const; it only reads. '%' would be taken for a format by Sendmail. */
	if (smfi_setreply(ctx, code, (char *)(uintptr_t)xcode, (char *)(uintptr_t)text) !=
	    MI_SUCCESS)
		log_say(LEVEL_DEBUG, "libmilter refused our reply text, its own goes out");
}

/* The reply that goes out to the sender: what is wrong with us is for our log, not for them. */
static sfsistat refuse(SMFICTX *ctx, const struct record *record)
{
	bool fault = record == NULL || record->error != NULL;

	if (!fault && record->reply.text != NULL)
		set_reply(ctx, "451", record->reply.xcode,
			  "This message cannot be stored now, try "
			  "again later");
	else if (fault)
		set_reply(ctx, "451", "4.3.0",
			  "This message cannot be processed now, try again later");
	else
		set_reply(ctx, "451", "4.7.0",
			  "No signing key is in use for this domain yet, try again later");
	return SMFIS_TEMPFAIL;
}

static sfsistat reject(SMFICTX *ctx, const struct reply *reply)
{
	set_reply(ctx, strcmp(reply->xcode, "5.3.4") == 0 ? "552" : "550", reply->xcode,
		  reply->text);
	return SMFIS_REJECT;
}

/* The one log line of the message, and its verdict. */
static sfsistat conclude(SMFICTX *ctx, struct conn *conn, sfsistat good)
{
	const struct record *record = session_finish(conn->session);
	sfsistat answer = good;

	if (record != NULL)
		log_message(conn, record);
	if (record == NULL || record->verdict == VERDICT_TEMPFAIL)
		answer = refuse(ctx, record);
	else if (record->verdict == VERDICT_REJECT)
		answer = reject(ctx, &record->reply);
	else if (record->verdict == VERDICT_DISCARD)
		answer = SMFIS_DISCARD;
	session_release(conn->session);
	message_ends(conn);
	return answer;
}

/* --- events ----------------------------------------------------------------------------------- */

static void fail(struct conn *conn, const struct err *err)
{
	if (!conn->failed)
		session_fail(conn->session, err);
	conn->failed = true;
}

/* The answer to an event at which no message ends. A failure is answered at the next stage that ends one. */
static sfsistat go_on(struct conn *conn, enum rc rc, const struct err *err, unsigned long stage)
{
	if (rc != RC_OK && conn->in_message)
		fail(conn, err);
	else if (rc != RC_OK)
		conn->broken = true;
	return (conn->quiet & stage) != 0 ? SMFIS_NOREPLY : SMFIS_CONTINUE;
}

/* Of the two first failures the earlier one is told. */
static enum rc first_of(enum rc earlier, enum rc later)
{
	return earlier != RC_OK ? earlier : later;
}

static enum rc tell_macro(SMFICTX *ctx, struct conn *conn, enum macro m, struct err *err)
{
	/* libmilter's parameter is not const; it only reads. */
	const char *value = smfi_getsymval(ctx, (char *)(uintptr_t)macro_name(m));

	if (m == MACRO_QUEUE_ID)
		conn->has_queue_id = value != NULL && *value != '\0';
	return session_macro(conn->session, m, value != NULL ? span_str(value) : SPAN_NONE, err);
}

static enum rc tell_macros(SMFICTX *ctx, struct conn *conn, const enum macro *which, size_t n,
			   struct err *err)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; i < n && rc == RC_OK; i++)
		rc = tell_macro(ctx, conn, which[i], err);
	return rc;
}

/* Sendmail has the queue id at MAIL, Postfix from DATA on. */
static enum rc tell_queue_id(SMFICTX *ctx, struct conn *conn, struct err *err)
{
	return conn->has_queue_id ? RC_OK : tell_macro(ctx, conn, MACRO_QUEUE_ID, err);
}

static struct conn *conn_free(struct conn *conn)
{
	if (conn == NULL)
		return NULL;
	message_ends(conn);
	session_free(conn->session);
	free(conn);
	open_connections--;
	return NULL;
}

static void agree(struct conn *conn, struct agreement agreed)
{
	conn->negotiated = true;
	conn->quiet = agreed.quiet;
	conn->rcpt_args = agreed.rcpt_args;
	session_set_leading_space(conn->session, agreed.leading_space);
}

/* The client's object; made by its first event. NULL when out of memory. */
static struct conn *conn_of(SMFICTX *ctx)
{
	struct conn *conn = smfi_getpriv(ctx);
	struct agreement agreed;
	struct err err = ERR_INIT;

	last_word = monotonic_ms();
	if (conn != NULL)
		return conn;
	conn = calloc(1, sizeof(*conn));
	if (conn == NULL)
		goto fail;
	open_connections++;
	if (session_new(env, &conn->session, &err) != RC_OK)
		goto fail;
	if (smfi_setpriv(ctx, conn) != MI_SUCCESS)
		goto fail;
	if (agreement_recall(ctx, &agreed)) /* by a client before */
		agree(conn, agreed);
	return conn;
fail:
	log_say(LEVEL_ERROR, "a connection of the mail server is refused: %s",
		err.rc != RC_OK ? err.text : "out of memory");
	return conn_free(conn);
}

#define TLS_NAMES "{verify} {cert_subject} {cert_issuer} {cn_subject} {cn_issuer}"

/* {mail_addr}: libmilter forgets the macros of the message before only when there are others in their place, and where
 * nobody logged in there may be none. It always is. */
static void ask_for_macros(SMFICTX *ctx)
{
	static const struct {
		int stage;
		const char *names;
	} wanted[] = {
		{SMFIM_CONNECT, "j v {daemon_name}"},
		{SMFIM_HELO, TLS_NAMES},
		{SMFIM_ENVFROM, "i {mail_addr} {auth_type} {auth_authen} " TLS_NAMES},
		{SMFIM_ENVRCPT, "i"},
		{SMFIM_DATA, "i"},
		{SMFIM_EOH, "i"},
		{SMFIM_EOM, "i"},
	};

	for (size_t i = 0; i < COUNT_OF(wanted); i++)
		if (smfi_setsymlist(ctx, wanted[i].stage, (char *)(uintptr_t)wanted[i].names) !=
		    MI_SUCCESS)
			log_say(LEVEL_DEBUG, "libmilter did not take a list of macros");
}

/* OFFERED_PROTOCOL also holds what libmilter fakes for older mail servers. The snapshot may change while the connection
 * is open, so every event that some configuration needs is asked for, always. */
static sfsistat on_negotiate(SMFICTX *ctx, unsigned long offered_actions,
			     unsigned long offered_protocol, unsigned long f2, unsigned long f3,
			     unsigned long *ret_actions, unsigned long *ret_protocol,
			     unsigned long *ret_f2, unsigned long *ret_f3)
{
	struct conn *conn = conn_of(ctx);
	struct agreement agreed;

	(void)f2;
	(void)f3;
	if (conn == NULL)
		return SMFIS_REJECT;
	if ((offered_actions & SMFIF_ADDHDRS) == 0)
		log_say(LEVEL_ERROR,
			"the mail server does not let us add header fields (it offers "
			"actions 0x%lx): what is to be signed will be deferred",
			offered_actions);
	agreed.quiet = tcp ? 0 : offered_protocol & QUIET_STAGES;
	agreed.leading_space = (offered_protocol & SMFIP_HDR_LEADSPC) != 0;
	agreed.rcpt_args = (offered_actions & SMFIF_ADDRCPT_PAR) != 0;
	agreement_keep(ctx, agreed);
	agree(conn, agreed);
	*ret_actions = offered_actions & ACTIONS;
	*ret_protocol = conn->quiet | (offered_protocol & (SMFIP_HDR_LEADSPC | SMFIP_NOUNKNOWN));
	if (!tcp)
		*ret_protocol |= offered_protocol & SMFIP_NODATA;
	*ret_f2 = 0;
	*ret_f3 = 0;
	if ((offered_actions & SMFIF_SETSYMLIST) != 0)
		ask_for_macros(ctx);
	return SMFIS_CONTINUE;
}

static enum rc tell_client(struct session *s, const char *host, const struct sockaddr *addr,
			   struct err *err)
{
	struct span name = span_str(host);

	if (addr == NULL)
		return session_connect(s, name, CLIENT_UNKNOWN, NULL, 0, err);
	if (addr->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)addr;

		return session_connect(s, name, CLIENT_INET, (const uint8_t *)&in->sin_addr,
				       ntohs(in->sin_port), err);
	}
	if (addr->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)addr;

		return session_connect(s, name, CLIENT_INET6, (const uint8_t *)&in6->sin6_addr,
				       ntohs(in6->sin6_port), err);
	}
	return session_connect(s, name, CLIENT_UNIX, NULL, 0, err);
}

static sfsistat on_connect(SMFICTX *ctx, char *host, struct sockaddr *addr)
{
	static const enum macro macros[] = {MACRO_MTA_NAME, MACRO_MTA_VERSION, MACRO_DAEMON_NAME};
	struct conn *conn = conn_of(ctx);
	struct err err = ERR_INIT;
	enum rc rc;

	if (conn == NULL)
		return SMFIS_TEMPFAIL;
	if (!conn->negotiated) {
		log_say(LEVEL_ERROR, "the mail server began a session without negotiation: "
				     "its mail is deferred");
		return SMFIS_TEMPFAIL;
	}
	rc = tell_macros(ctx, conn, macros, COUNT_OF(macros), &err);
	if (rc == RC_OK)
		rc = tell_client(conn->session, host, addr, &err);
	return go_on(conn, rc, &err, 0);
}

static sfsistat on_helo(SMFICTX *ctx, char *name)
{
	static const enum macro macros[] = {MACRO_VERIFY, MACRO_CERT_SUBJECT, MACRO_CERT_ISSUER,
					    MACRO_CN_SUBJECT, MACRO_CN_ISSUER};
	struct conn *conn = conn_of(ctx);
	struct err err = ERR_INIT;
	enum rc rc;

	if (conn == NULL)
		return SMFIS_TEMPFAIL;
	rc = tell_macros(ctx, conn, macros, COUNT_OF(macros), &err);
	if (rc == RC_OK)
		rc = session_helo(conn->session, span_str(name), &err);
	return go_on(conn, rc, &err, SMFIP_NR_HELO);
}

/* ARGV[1...] as spans; *RET_N of them. */
static enum rc args_of(char **argv, struct span args[ESMTP_ARGS_MAX], size_t *ret_n,
		       struct err *err)
{
	size_t n = 0;

	for (; argv[0] != NULL && argv[n + 1] != NULL; n++) {
		if (n == ESMTP_ARGS_MAX)
			return err_set(err, RC_LIMIT, "more than %d parameters in one SMTP command",
				       ESMTP_ARGS_MAX);
		args[n] = span_str(argv[n + 1]);
	}
	*ret_n = n;
	return RC_OK;
}

/* The session hears of the message even when something about it failed: it keeps the record. */
static sfsistat on_mail(SMFICTX *ctx, char **argv)
{
	static const enum macro macros[] = {
		MACRO_QUEUE_ID,	   MACRO_MTA_NAME,    MACRO_MTA_VERSION, MACRO_DAEMON_NAME,
		MACRO_AUTH_TYPE,   MACRO_AUTH_AUTHEN, MACRO_VERIFY,	 MACRO_CERT_SUBJECT,
		MACRO_CERT_ISSUER, MACRO_CN_SUBJECT,  MACRO_CN_ISSUER};
	struct conn *conn = conn_of(ctx);
	struct span args[ESMTP_ARGS_MAX];
	struct err err = ERR_INIT, mail_err = ERR_INIT;
	size_t n_args = 0;
	enum rc rc, mail_rc;

	if (conn == NULL || !conn->negotiated)
		return SMFIS_TEMPFAIL;
	message_begins(conn);
	rc = conn->broken ? err_set(&err, RC_NOMEM, "out of memory when the client connected")
			  : tell_macros(ctx, conn, macros, COUNT_OF(macros), &err);
	if (rc == RC_OK)
		rc = args_of(argv, args, &n_args, &err);
	mail_rc = session_mail(conn->session, span_str(argv[0]), args, n_args, &mail_err);
	return go_on(conn, first_of(rc, mail_rc), rc != RC_OK ? &err : &mail_err, SMFIP_NR_MAIL);
}

/* One recipient is refused, the message goes on for the others. */
static sfsistat refuse_rcpt(SMFICTX *ctx, const char *to, enum verdict verdict,
			    const struct reply *reply)
{
	bool for_good = verdict == VERDICT_REJECT;
	struct span id = session_queue_id(conn_of(ctx)->session);
	char queue_id[100], shown[320], line[1000];

	line_set(queue_id, sizeof(queue_id), "%.*s", SPAN_ARG(id));
	line_set(shown, sizeof(shown), "%s", to);
	line_set(line, sizeof(line), "%s: recipient %s %s: %s", id.len > 0 ? queue_id : "NOQUEUE",
		 shown, for_good ? "rejected" : "deferred", reply->text);
	log_record(LEVEL_INFO, span_str(line));
	if (for_good)
		return reject(ctx, reply);
	set_reply(ctx, strcmp(reply->xcode, "4.5.3") == 0 ? "452" : "451", reply->xcode,
		  "This recipient cannot be served now, try again later");
	return SMFIS_TEMPFAIL;
}

static sfsistat on_rcpt(SMFICTX *ctx, char **argv)
{
	struct conn *conn = conn_of(ctx);
	enum verdict verdict = VERDICT_ACCEPT;
	struct span args[ESMTP_ARGS_MAX];
	struct reply reply = {NULL, NULL};
	struct err err = ERR_INIT;
	size_t n_args = 0;
	enum rc rc;

	if (conn == NULL || !conn->negotiated)
		return SMFIS_TEMPFAIL;
	rc = tell_queue_id(ctx, conn, &err);
	if (rc == RC_OK)
		rc = args_of(argv, args, &n_args, &err);
	if (rc == RC_OK && !conn->failed)
		rc = session_rcpt(conn->session, span_str(argv[0]), args, n_args, &verdict, &reply,
				  &err);
	if (rc == RC_OK && verdict != VERDICT_ACCEPT)
		return refuse_rcpt(ctx, argv[0], verdict, &reply);
	return go_on(conn, rc, &err, 0);
}

static sfsistat on_data(SMFICTX *ctx)
{
	struct conn *conn = conn_of(ctx);
	struct err err = ERR_INIT;

	if (conn == NULL)
		return SMFIS_TEMPFAIL;
	return go_on(conn, tell_queue_id(ctx, conn, &err), &err, SMFIP_NR_DATA);
}

static sfsistat on_header(SMFICTX *ctx, char *name, char *value)
{
	struct conn *conn = conn_of(ctx);
	struct err err = ERR_INIT;
	enum rc rc = RC_OK;

	if (conn == NULL)
		return SMFIS_TEMPFAIL;
	if (!conn->failed)
		rc = session_header(conn->session, span_str(name), span_str(value), &err);
	return go_on(conn, rc, &err, SMFIP_NR_HDR);
}

static sfsistat on_eoh(SMFICTX *ctx)
{
	struct conn *conn = conn_of(ctx);
	enum session_next next = NEXT_GO_ON;
	struct err err = ERR_INIT;
	enum rc rc;

	if (conn == NULL)
		return SMFIS_TEMPFAIL;
	rc = tell_queue_id(ctx, conn, &err);
	if (rc == RC_OK && !conn->failed)
		rc = session_end_of_headers(conn->session, &next, &err);
	if (rc != RC_OK)
		fail(conn, &err);
	if (conn->failed || next != NEXT_GO_ON)
		return conclude(ctx, conn, SMFIS_ACCEPT);
	return SMFIS_CONTINUE;
}

static sfsistat on_body(SMFICTX *ctx, unsigned char *piece, size_t len)
{
	struct conn *conn = conn_of(ctx);
	struct err err = ERR_INIT;
	enum rc rc = RC_OK;

	if (conn == NULL)
		return SMFIS_TEMPFAIL;
	if (!conn->failed)
		rc = session_body(conn->session, span_of(piece, len), &err);
	return go_on(conn, rc, &err, SMFIP_NR_BODY);
}

/* --- what is asked of the mail server ----------------------------------------------------------- */

/* libmilter's parameters are not const; it only reads. */
static char *text(const char *s)
{
	return (char *)(uintptr_t)s;
}

static enum rc answer(int status)
{
	return status == MI_SUCCESS ? RC_OK : RC_IO;
}

static enum rc mta_insert(void *mta, int index, const char *name, const char *value)
{
	return answer(smfi_insheader(mta, index, text(name), text(value)));
}

static enum rc mta_change(void *mta, int index, const char *name, const char *value)
{
	return answer(smfi_chgheader(mta, text(name), index, text(value)));
}

static enum rc mta_append(void *mta, const char *name, const char *value)
{
	return answer(smfi_addheader(mta, text(name), text(value)));
}

static enum rc mta_add_rcpt(void *mta, const char *address, const char *args)
{
	const struct conn *conn = smfi_getpriv(mta);

	if (args != NULL && conn->rcpt_args)
		return answer(smfi_addrcpt_par(mta, text(address), text(args)));
	return answer(smfi_addrcpt(mta, text(address)));
}

static enum rc mta_delete_rcpt(void *mta, const char *given)
{
	return answer(smfi_delrcpt(mta, text(given)));
}

static enum rc mta_quarantine(void *mta, const char *reason)
{
	return answer(smfi_quarantine(mta, text(reason)));
}

static enum rc mta_replace_body(void *mta, struct span piece)
{
	return answer(smfi_replacebody(mta, (unsigned char *)(uintptr_t)piece.p, (int)piece.len));
}

static const struct mta_ops mta_ops = {
	.insert = mta_insert,
	.change = mta_change,
	.append = mta_append,
	.add_rcpt = mta_add_rcpt,
	.delete_rcpt = mta_delete_rcpt,
	.quarantine = mta_quarantine,
	.replace_body = mta_replace_body,
};

static sfsistat on_eom(SMFICTX *ctx)
{
	struct conn *conn = conn_of(ctx);
	const struct edits *edits = NULL;
	enum session_next next = NEXT_GO_ON;
	struct err err = ERR_INIT;
	enum rc rc;

	if (conn == NULL)
		return SMFIS_TEMPFAIL;
	rc = tell_queue_id(ctx, conn, &err);
	if (rc == RC_OK && !conn->failed)
		rc = session_end_of_message(conn->session, &next, &edits, &err);
	if (rc == RC_OK && !conn->failed && next == NEXT_GO_ON)
		rc = edits_apply(edits, &mta_ops, ctx, session_leading_space(conn->session), &err);
	if (rc != RC_OK)
		fail(conn, &err);
	return conclude(ctx, conn, SMFIS_CONTINUE);
}

static sfsistat on_abort(SMFICTX *ctx)
{
	struct conn *conn = smfi_getpriv(ctx);

	if (conn == NULL)
		return SMFIS_CONTINUE;
	if (conn->in_message)
		log_say(LEVEL_DEBUG, "the mail server gave a message up");
	session_abort(conn->session);
	message_ends(conn);
	return SMFIS_CONTINUE;
}

/* Comes for every connection, also one that never said a word. */
static sfsistat on_close(SMFICTX *ctx)
{
	conn_free(smfi_getpriv(ctx));
	smfi_setpriv(ctx, NULL);
	return SMFIS_CONTINUE;
}

/* --- the library ------------------------------------------------------------------------------ */

static enum rc configure(const struct milter_setup *setup, struct err *err)
{
	const struct smfiDesc filter = {
		.xxfi_name = "mailseal",
		.xxfi_version = SMFI_VERSION,
		.xxfi_flags = ACTIONS,
		.xxfi_connect = on_connect,
		.xxfi_helo = on_helo,
		.xxfi_envfrom = on_mail,
		.xxfi_envrcpt = on_rcpt,
		.xxfi_header = on_header,
		.xxfi_eoh = on_eoh,
		.xxfi_body = on_body,
		.xxfi_eom = on_eom,
		.xxfi_abort = on_abort,
		.xxfi_close = on_close,
		.xxfi_data = on_data,
		.xxfi_negotiate = on_negotiate,
	};
	const int64_t longest = 604800; /* a week: libmilter counts in int */
	int64_t timeout = setup->timeout < longest ? setup->timeout : longest;

	if (smfi_register(filter) != MI_SUCCESS ||
	    smfi_setconn((char *)(uintptr_t)setup->socket) != MI_SUCCESS ||
	    smfi_setbacklog(setup->backlog) != MI_SUCCESS ||
	    smfi_settimeout((int)timeout) != MI_SUCCESS)
		return err_set(err, RC_UNAVAIL, "libmilter does not take its settings (socket %s)",
			       setup->socket);
	(void)smfi_setmaxdatasize(PACKET_MAX);
	return RC_OK;
}

enum rc milter_open(const struct milter_setup *setup, const struct session_env *session_env,
		    struct err *err)
{
	enum rc rc = configure(setup, err);

	if (rc == RC_OK)
		rc = socket_prepare(setup->socket, &socket_file, err);
	if (rc != RC_OK)
		return rc;
	if (smfi_opensocket(false) != MI_SUCCESS) {
		socket_not_made(&socket_file);
		return err_set(err, RC_UNAVAIL, "libmilter cannot open socket %s (syslog has why)",
			       setup->socket);
	}
	socket_made(&socket_file);
	env = session_env;
	listener = socket_find_listener();
	if (listener < 0)
		return err_set(err, RC_UNAVAIL, "libmilter's listening socket is not to be found");
	return socket_set_nodelay(listener, &tcp, err);
}

static void *run(void *arg)
{
	(void)arg;
	(void)smfi_main();
	ended = true;
	if (!stopping)
		when_ended();
	return NULL;
}

static void do_nothing(int sig)
{
	(void)sig;
}

enum rc milter_start(void (*on_end)(void), struct err *err)
{
	const struct sigaction wake = {.sa_handler = do_nothing};
	int failed;

	when_ended = on_end;
	if (sigaction(WAKE_SIGNAL, &wake, NULL) != 0)
		return err_sys(err, RC_UNAVAIL, errno, "signal of the milter");
	failed = pthread_create(&thread, NULL, run, NULL);
	if (failed != 0)
		return err_sys(err, RC_UNAVAIL, failed, "thread of the milter");
	started = true;
	return RC_OK;
}

void milter_retire(void)
{
	struct err err = ERR_INIT;

	if (retired)
		return;
	retired = true;
	if (listener >= 0 && !ended && socket_retire(listener, &err) != RC_OK)
		log_say(LEVEL_WARNING, "%s", err.text);
	socket_remove(&socket_file);
}

static void *stop_libmilter(void *arg)
{
	(void)smfi_stop();
	return arg;
}

/* libmilter's listener looks whether it is to stop when its poll() is over, after 5 s or when a signal comes. All that
 * time it holds a lock that smfi_stop() wants, which therefore waits in a thread of its own. */
static void end_listener(void)
{
	pthread_t stopper;

	if (pthread_create(&stopper, NULL, stop_libmilter, NULL) != 0)
		return;
	pthread_detach(stopper);
	for (int i = 0; i < STOP_STEPS && !ended; i++) {
		(void)pthread_kill(thread, WAKE_SIGNAL);
		usleep(STOP_STEP_US);
	}
	if (ended)
		(void)pthread_join(thread, NULL);
}

void milter_stop(void)
{
	milter_retire();
	if (stopping)
		return;
	stopping = true;
	if (started)
		end_listener();
}

void milter_load(unsigned *ret_connections, unsigned *ret_messages)
{
	*ret_connections = open_connections;
	*ret_messages = open_messages;
}

bool milter_is_quiet(void)
{
	return open_messages == 0 && (open_connections == 0 || monotonic_ms() - last_word >= 1000);
}

bool milter_has_ended(void)
{
	return ended;
}
