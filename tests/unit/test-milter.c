/* The daemon's callbacks, called by a libmilter of our own: what a real one and a mail server do at times only. */
#include "daemon/milter.h"

#include <libmilter/mfapi.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "crypto/ossl.h"
#include "daemon/log.h"
#include "fixture.h"
#include "oom.h"
#include "test.h"

/* --- the library, and what it was told ---------------------------------------------------------- */

struct smfi_str {
	void *priv;
	bool priv_refused, reply_refused;
	size_t edits, edits_allowed;
	size_t replies;
	const char *queue_id; /* macro i, or NULL */
};

static struct smfiDesc filter;
static struct sockaddr_un listen_at = {.sun_family = AF_UNIX};

int smfi_register(struct smfiDesc d)
{
	filter = d;
	return MI_SUCCESS;
}

int smfi_setconn(char *spec)
{
	snprintf(listen_at.sun_path, sizeof(listen_at.sun_path), "%s", spec + strlen("unix:"));
	return MI_SUCCESS;
}

int smfi_setbacklog(int n)
{
	return n > 0 ? MI_SUCCESS : MI_FAILURE;
}

int smfi_settimeout(int seconds)
{
	return seconds > 0 ? MI_SUCCESS : MI_FAILURE;
}

/* Its descriptor stays open, as libmilter's does. */
size_t smfi_setmaxdatasize(size_t n)
{
	return n;
}

int smfi_opensocket(bool remove)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)remove;
	return fd >= 0 && bind(fd, (struct sockaddr *)&listen_at, sizeof(listen_at)) == 0 &&
			       listen(fd, 1) == 0
		       ? MI_SUCCESS
		       : MI_FAILURE;
}

int smfi_main(void)
{
	return MI_SUCCESS;
}

int smfi_stop(void)
{
	return MI_SUCCESS;
}

void *smfi_getpriv(SMFICTX *ctx)
{
	return ctx->priv;
}

int smfi_setpriv(SMFICTX *ctx, void *priv)
{
	if (ctx->priv_refused && priv != NULL)
		return MI_FAILURE;
	ctx->priv = priv;
	return MI_SUCCESS;
}

char *smfi_getsymval(SMFICTX *ctx, char *name)
{
	return strcmp(name, "i") == 0 ? (char *)(uintptr_t)ctx->queue_id : NULL;
}

int smfi_setsymlist(SMFICTX *ctx, int stage, char *names)
{
	(void)ctx;
	(void)stage;
	return *names != '\0' ? MI_SUCCESS : MI_FAILURE;
}

int smfi_setreply(SMFICTX *ctx, char *code, char *status, char *text)
{
	CU_ASSERT_EQUAL(code[0], '4');
	CU_ASSERT_EQUAL(status[0], '4');
	CU_ASSERT_NOT_EQUAL(text[0], '\0');
	ctx->replies++;
	return ctx->reply_refused ? MI_FAILURE : MI_SUCCESS;
}

/* All messages here that are signed are the same, and the clock stands still: so are their signatures. */
static char signatures[2][2000];

static void check_signature(size_t i, const char *value)
{
	CU_ASSERT_TRUE_FATAL(i < COUNT_OF(signatures));
	if (signatures[i][0] == '\0')
		snprintf(signatures[i], sizeof(signatures[i]), "%s", value);
	CU_ASSERT_STRING_EQUAL(value, signatures[i]);
}

int smfi_insheader(SMFICTX *ctx, int index, char *name, char *value)
{
	CU_ASSERT_EQUAL(index, 0);
	CU_ASSERT_STRING_EQUAL(name, "DKIM-Signature");
	if (ctx->edits == ctx->edits_allowed)
		return MI_FAILURE;
	check_signature(ctx->edits, value);
	ctx->edits++;
	return MI_SUCCESS;
}

/* No message here bears a signature that would have to go. */
int smfi_chgheader(SMFICTX *ctx, char *name, int index, char *value)
{
	(void)ctx;
	(void)name;
	(void)index;
	(void)value;
	CU_FAIL("a field is changed");
	return MI_FAILURE;
}

int smfi_addheader(SMFICTX *ctx, char *name, char *value)
{
	return value != NULL ? smfi_chgheader(ctx, name, 1, value) : MI_FAILURE;
}

int smfi_addrcpt(SMFICTX *ctx, char *address)
{
	return smfi_addheader(ctx, address, address);
}

int smfi_addrcpt_par(SMFICTX *ctx, char *address, char *args)
{
	return smfi_addheader(ctx, address, args);
}

int smfi_delrcpt(SMFICTX *ctx, char *address)
{
	return smfi_addheader(ctx, address, address);
}

int smfi_quarantine(SMFICTX *ctx, char *reason)
{
	return smfi_addheader(ctx, reason, reason);
}

int smfi_replacebody(SMFICTX *ctx, unsigned char *bytes, int len)
{
	(void)len;
	return smfi_addheader(ctx, "body", (char *)bytes);
}

/* --- the log ------------------------------------------------------------------------------------ */

static size_t complaints, lines;
static char last_line[2000];

void log_say(enum conf_log_level level, const char *fmt, ...)
{
	(void)fmt;
	complaints += level == LEVEL_ERROR;
}

void log_record(enum conf_log_level level, struct span text)
{
	(void)level;
	lines++;
	snprintf(last_line, sizeof(last_line), "%.*s", SPAN_ARG(text));
}

/* --- the mail server's side ----------------------------------------------------------------------- */

static struct fixture fixture;

static void new_connection(struct smfi_str *ctx)
{
	*ctx = (struct smfi_str){.edits_allowed = SIZE_MAX, .queue_id = "4F1"};
	complaints = 0;
	lines = 0;
	last_line[0] = '\0';
}

static sfsistat negotiate(struct smfi_str *ctx)
{
	unsigned long actions = 0, protocol = 0, f2 = 0, f3 = 0;

	return filter.xxfi_negotiate(ctx, SMFIF_ADDHDRS | SMFIF_CHGHDRS | SMFIF_SETSYMLIST,
				     SMFIP_HDR_LEADSPC, 0, 0, &actions, &protocol, &f2, &f3);
}

/* False: the client is sent away. */
static bool connect_client(struct smfi_str *ctx)
{
	return negotiate(ctx) == SMFIS_CONTINUE &&
	       filter.xxfi_connect(ctx, "localhost", NULL) == SMFIS_CONTINUE &&
	       filter.xxfi_helo(ctx, "client.example.com") == SMFIS_CONTINUE;
}

static char *no_args[] = {(char[]){"<joe@example.com>"}, NULL};

static sfsistat send_header(struct smfi_str *ctx, const char *from)
{
	sfsistat answer = filter.xxfi_envfrom(ctx, no_args);

	if (answer == SMFIS_CONTINUE)
		answer = filter.xxfi_envrcpt(ctx, no_args);
	if (answer == SMFIS_CONTINUE)
		answer = filter.xxfi_data(ctx);
	if (answer == SMFIS_CONTINUE)
		answer = filter.xxfi_header(ctx, "From", (char *)(uintptr_t)from);
	if (answer == SMFIS_CONTINUE)
		answer = filter.xxfi_header(ctx, "Subject", " x");
	return answer;
}

/* One message: the answer that ends it. */
static sfsistat send_message(struct smfi_str *ctx, const char *from)
{
	unsigned char body[] = "hello\r\n";
	sfsistat answer = send_header(ctx, from);

	ctx->edits = 0;
	if (answer == SMFIS_CONTINUE)
		answer = filter.xxfi_eoh(ctx);
	if (answer == SMFIS_CONTINUE)
		answer = filter.xxfi_body(ctx, body, sizeof(body) - 1);
	if (answer == SMFIS_CONTINUE)
		answer = filter.xxfi_eom(ctx);
	return answer;
}

static void close_connection(struct smfi_str *ctx)
{
	unsigned connections, messages;

	CU_ASSERT_EQUAL(filter.xxfi_close(ctx), SMFIS_CONTINUE);
	CU_ASSERT_PTR_NULL(ctx->priv);
	milter_load(&connections, &messages);
	CU_ASSERT_EQUAL(connections, 0);
	CU_ASSERT_EQUAL(messages, 0);
	CU_ASSERT_TRUE(milter_is_quiet());
}

/* --- tests -------------------------------------------------------------------------------------- */

static void open_all(void)
{
	static const char conf[] = "domains = ( { name = \"example.com\"; sign = { on_error = "
				   "\"unsigned\"; }; } );\n";
	static const char selectors[] =
		"example.com r1 rsa-sha256 active 1700000000 1700000000 rsa\n"
		"example.com x1 ed25519-sha256 active 1700000000 1700000000 ed25519\n";
	char spec[600];
	struct milter_setup setup = {.socket = spec, .backlog = 10, .timeout = 60};
	struct err err = ERR_INIT;

	ASSERT_OK(fixture_open(&fixture, test_dir(), SPAN_LIT(conf), SPAN_LIT(selectors), &err),
		  &err);
	snprintf(spec, sizeof(spec), "unix:%s/m.sock", test_dir());
	ASSERT_OK(milter_open(&setup, &fixture.env, &err), &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(filter.xxfi_eom);
}

static void close_all(void)
{
	milter_retire();
	fixture_close(&fixture);
}

/* The mail server takes the first N edits: what it took is void with the message's failure. */
static void test_refused_edits(void)
{
	struct smfi_str ctx;

	for (size_t allowed = 0; allowed <= 2; allowed++) {
		sfsistat want = allowed == 2 ? SMFIS_CONTINUE : SMFIS_TEMPFAIL;

		ROW(allowed == 0 ? "none" : allowed == 1 ? "one" : "both");
		new_connection(&ctx);
		CU_ASSERT_TRUE(connect_client(&ctx));
		ctx.edits_allowed = allowed;
		CU_ASSERT_EQUAL(send_message(&ctx, " joe@example.com"), want);
		CU_ASSERT_EQUAL(lines, 1);
		CU_ASSERT_EQUAL(ctx.replies, want == SMFIS_TEMPFAIL);
		CU_ASSERT_PTR_NOT_NULL(strstr(
			last_line, want == SMFIS_CONTINUE
					   ? "4F1: signed d=example.com s=r1,x1"
					   : "4F1: temporary failure: the mail server refused "
					     "edit"));
		ctx.edits_allowed = SIZE_MAX;
		CU_ASSERT_EQUAL(send_message(&ctx, " joe@example.com"), SMFIS_CONTINUE);
		CU_ASSERT_EQUAL(lines, 2);
		close_connection(&ctx);
	}
}

static void test_refusals_of_the_library(void)
{
	struct smfi_str ctx;

	ROW("the connection's object");
	new_connection(&ctx);
	ctx.priv_refused = true;
	CU_ASSERT_EQUAL(negotiate(&ctx), SMFIS_REJECT);
	CU_ASSERT_EQUAL(complaints, 1);
	CU_ASSERT_EQUAL(filter.xxfi_connect(&ctx, "localhost", NULL), SMFIS_TEMPFAIL);
	CU_ASSERT_EQUAL(send_message(&ctx, " joe@example.com"), SMFIS_TEMPFAIL);
	close_connection(&ctx);
	ROW("the text of the reply");
	new_connection(&ctx);
	CU_ASSERT_TRUE(connect_client(&ctx));
	ctx.reply_refused = true;
	ctx.edits_allowed = 0;
	CU_ASSERT_EQUAL(send_message(&ctx, " joe@example.com"), SMFIS_TEMPFAIL);
	CU_ASSERT_EQUAL(lines, 1);
	close_connection(&ctx);
}

enum event { CONNECT, HELO, MAIL, RCPT, DATA, HEADER, EOH, BODY, ABORT, NOTHING };

static sfsistat call(struct smfi_str *ctx, enum event event)
{
	unsigned char body[] = "x";

	switch (event) {
	case CONNECT:
		return filter.xxfi_connect(ctx, "x", NULL);
	case HELO:
		return filter.xxfi_helo(ctx, "x");
	case MAIL:
		return filter.xxfi_envfrom(ctx, no_args);
	case RCPT:
		return filter.xxfi_envrcpt(ctx, no_args);
	case DATA:
		return filter.xxfi_data(ctx);
	case HEADER:
		return filter.xxfi_header(ctx, "From", " joe@example.com");
	case EOH:
		return filter.xxfi_eoh(ctx);
	case BODY:
		return filter.xxfi_body(ctx, body, 1);
	case ABORT:
		return filter.xxfi_abort(ctx);
	case NOTHING:
		break;
	}
	return SMFIS_CONTINUE;
}

/* Each callback as the first of its connection, and the end of a message behind it: nothing is accepted that was not
 * looked at. */
static void test_out_of_the_blue(void)
{
	/* What a connection agreed on is kept by its address. */
	static struct smfi_str each[2];

	for (int negotiated = 0; negotiated < 2; negotiated++)
		for (int event = CONNECT; event <= NOTHING; event++) {
			struct smfi_str *ctx = &each[negotiated];
			/* A message of nothing has no From:. */
			sfsistat want =
				negotiated && event == MAIL ? SMFIS_CONTINUE : SMFIS_TEMPFAIL;

			new_connection(ctx);
			if (negotiated)
				CU_ASSERT_EQUAL(negotiate(ctx), SMFIS_CONTINUE);
			(void)call(ctx, (enum event)event);
			(void)call(ctx, (enum event)event);
			CU_ASSERT_EQUAL(filter.xxfi_eom(ctx), want);
			CU_ASSERT_EQUAL(filter.xxfi_eom(ctx), SMFIS_TEMPFAIL);
			CU_ASSERT_EQUAL(ctx->edits, 0);
			close_connection(ctx);
		}
}

/* What comes behind the end of a message belongs to none. */
static void test_after_the_end(void)
{
	struct smfi_str ctx;

	new_connection(&ctx);
	CU_ASSERT_TRUE(connect_client(&ctx));
	CU_ASSERT_EQUAL(send_message(&ctx, " x@other.example"), SMFIS_ACCEPT);
	CU_ASSERT_EQUAL(filter.xxfi_header(&ctx, "From", " joe@example.com"), SMFIS_CONTINUE);
	CU_ASSERT_EQUAL(filter.xxfi_eom(&ctx), SMFIS_TEMPFAIL);
	CU_ASSERT_EQUAL(filter.xxfi_abort(&ctx), SMFIS_CONTINUE);
	CU_ASSERT_EQUAL(filter.xxfi_abort(&ctx), SMFIS_CONTINUE);
	CU_ASSERT_EQUAL(send_message(&ctx, " joe@example.com"), SMFIS_CONTINUE);
	CU_ASSERT_EQUAL(ctx.edits, 2);
	CU_ASSERT_EQUAL(lines, 2);
	close_connection(&ctx);
}

/* Two messages of one connection, with memory for N allocations: the number of records. */
static void two_messages(struct smfi_str *ctx)
{
	if (!connect_client(ctx)) {
		CU_ASSERT_EQUAL(lines, 0);
		return;
	}
	for (size_t i = 1; i <= 2; i++) {
		sfsistat answer = send_message(ctx, " joe@example.com");

		CU_ASSERT_TRUE(answer == SMFIS_CONTINUE ? ctx->edits == 2
							: answer == SMFIS_TEMPFAIL);
		/* Without memory for the line the error says so. */
		CU_ASSERT_EQUAL(lines + complaints, i);
	}
}

static void test_every_allocation(void)
{
	struct smfi_str ctx;
	size_t signed_wholly = 0;
	long at = 0;
	bool starved;

	do {
		new_connection(&ctx);
		oom_after(at++);
		two_messages(&ctx);
		starved = oom_end();
		signed_wholly += ctx.edits == 2;
		close_connection(&ctx);
	} while (starved);
	printf("    %ld allocations\n", at);
	CU_ASSERT_TRUE(at > 100);
	/* Only what cannot be known of the client costs the second message. */
	CU_ASSERT_TRUE(signed_wholly > (size_t)at / 2);
}

int main(void)
{
	static const struct test tests[] = {
		{"(set up)", open_all},
		{"refused edits", test_refused_edits},
		{"refusals of the library", test_refusals_of_the_library},
		{"out of the blue", test_out_of_the_blue},
		{"after the end", test_after_the_end},
		{"every allocation fails once", test_every_allocation},
		{"(tear down)", close_all},
	};

	ossl_watch_memory();
	return test_main("milter", tests, COUNT_OF(tests));
}
