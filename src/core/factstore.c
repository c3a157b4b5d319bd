#include "core/factstore.h"

#include <string.h>

/* Longest macro value, host name, HELO or envelope sender that is kept. */
enum { TEXT_MAX = 64 * 1024 };

enum {
	MESSAGE_MACROS = 1 << MACRO_QUEUE_ID | 1 << MACRO_AUTH_TYPE | 1 << MACRO_AUTH_AUTHEN,
	TLS_MACROS = 1 << MACRO_VERIFY | 1 << MACRO_CERT_SUBJECT | 1 << MACRO_CERT_ISSUER |
		     1 << MACRO_CN_SUBJECT | 1 << MACRO_CN_ISSUER
};

const char *macro_name(enum macro m)
{
	static const char *const names[MACROS] = {
		[MACRO_QUEUE_ID] = "i",
		[MACRO_MTA_NAME] = "j",
		[MACRO_MTA_VERSION] = "v",
		[MACRO_DAEMON_NAME] = "{daemon_name}",
		[MACRO_AUTH_TYPE] = "{auth_type}",
		[MACRO_AUTH_AUTHEN] = "{auth_authen}",
		[MACRO_VERIFY] = "{verify}",
		[MACRO_CERT_SUBJECT] = "{cert_subject}",
		[MACRO_CERT_ISSUER] = "{cert_issuer}",
		[MACRO_CN_SUBJECT] = "{cn_subject}",
		[MACRO_CN_ISSUER] = "{cn_issuer}",
	};

	return names[m];
}

void factstore_init(struct factstore *s)
{
	memset(s, 0, sizeof(*s));
	for (size_t m = 0; m < MACROS; m++)
		buf_init(&s->macros[m], TEXT_MAX);
	buf_init(&s->host, TEXT_MAX);
	buf_init(&s->helo, TEXT_MAX);
	buf_init(&s->mail_from, TEXT_MAX);
}

void factstore_clear(struct factstore *s)
{
	for (size_t m = 0; m < MACROS; m++)
		buf_clear(&s->macros[m]);
	buf_clear(&s->host);
	buf_clear(&s->helo);
	buf_clear(&s->mail_from);
	memset(&s->facts, 0, sizeof(s->facts));
}

/* Where the facts have what a macro says. */
static struct span *macro_fact(struct facts *facts, enum macro m)
{
	struct span *const at[MACROS] = {
		[MACRO_QUEUE_ID] = &facts->queue_id,
		[MACRO_MTA_NAME] = &facts->mta_name,
		[MACRO_MTA_VERSION] = &facts->mta_version,
		[MACRO_DAEMON_NAME] = &facts->daemon_name,
		[MACRO_AUTH_TYPE] = &facts->auth_type,
		[MACRO_AUTH_AUTHEN] = &facts->auth_authen,
		[MACRO_VERIFY] = &facts->verify,
		[MACRO_CERT_SUBJECT] = &facts->cert_subject,
		[MACRO_CERT_ISSUER] = &facts->cert_issuer,
		[MACRO_CN_SUBJECT] = &facts->cn_subject,
		[MACRO_CN_ISSUER] = &facts->cn_issuer,
	};

	return at[m];
}

/* Replace TEXT's content; *RET_SPAN gets a pointer even to an empty text: told, though empty. */
static enum rc keep(struct buf *text, struct span value, struct span *ret_span, struct err *err)
{
	enum rc rc;

	*ret_span = SPAN_NONE;
	text->len = 0;
	rc = buf_reserve(text, value.len, err);
	if (rc == RC_OK)
		rc = buf_add(text, value, err);
	if (rc == RC_OK)
		*ret_span = buf_span(text);
	return rc;
}

enum rc factstore_macro(struct factstore *s, enum macro m, struct span value, struct err *err)
{
	struct span *fact = macro_fact(&s->facts, m);
	enum rc rc;

	s->told |= 1u << m;
	*fact = SPAN_NONE;
	if (value.p == NULL)
		return RC_OK;
	rc = keep(&s->macros[m], value, fact, err);
	return rc == RC_OK ? RC_OK : err_wrap(err, rc, "macro %s", macro_name(m));
}

static void forget_untold(struct factstore *s, unsigned which)
{
	for (unsigned m = 0; m < MACROS; m++)
		if ((which & ~s->told & 1u << m) != 0)
			*macro_fact(&s->facts, m) = SPAN_NONE;
}

enum rc factstore_connect(struct factstore *s, struct span host, enum client_kind kind,
			  const uint8_t *addr, uint16_t port, struct err *err)
{
	s->facts.client = kind;
	s->facts.port = port;
	memset(s->facts.addr, 0, sizeof(s->facts.addr));
	if (addr != NULL && kind == CLIENT_INET)
		memcpy(s->facts.addr, addr, 4);
	if (addr != NULL && kind == CLIENT_INET6)
		memcpy(s->facts.addr, addr, 16);
	return keep(&s->host, host, &s->facts.host, err);
}

enum rc factstore_helo(struct factstore *s, struct span name, struct err *err)
{
	forget_untold(s, TLS_MACROS);
	return keep(&s->helo, name, &s->facts.helo, err);
}

enum rc factstore_mail(struct factstore *s, struct span from, const struct span *args,
		       size_t n_args, struct err *err)
{
	forget_untold(s, MESSAGE_MACROS);
	s->facts.smtputf8 = false;
	s->facts.body_8bit = false;
	for (size_t i = 0; i < n_args; i++) {
		if (span_ieq_str(args[i], "SMTPUTF8"))
			s->facts.smtputf8 = true;
		if (span_ieq_str(args[i], "BODY=8BITMIME"))
			s->facts.body_8bit = true;
	}
	return keep(&s->mail_from, from, &s->facts.mail_from, err);
}

void factstore_end_event(struct factstore *s)
{
	s->told = 0;
}

bool facts_sendmail(const struct facts *facts)
{
	return facts->mta_version.len > 0 && facts->mta_version.p[0] >= '0' &&
	       facts->mta_version.p[0] <= '9';
}
