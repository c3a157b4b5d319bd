/* What in a built configuration of Sendmail changes mail behind the filters. Sendmail writes the header when it delivers:
 * for each mailer addresses go through the rules once more, and only then lines are broken. */
#include "tool/sendmail.h"

#include <stdio.h>
#include <string.h>

#include "core/risks.h"

enum {
	MIME_VALUE = 2048, /* Sendmail's own limits where nothing is set */
	MIME_PARAMETER = 1024,
	HEADERS_LEAST = 16384 /* below, Sendmail itself warns */
};

/* Maps that rewrite addresses in the header, by the names that m4 gives them. */
static const struct {
	const char *name, *feature, *why;
} changers[] = {
	{"generics", "genericstable",
	 "rewrites senders in the header after signing: move it to submit.mc, where it comes "
	 "before the filter"},
	{"domaintable", "domaintable", "rewrites domains in the header after signing"},
};

/* Maps that lead to accounts. */
static const struct {
	const char *name, *feature;
} leaders[] = {
	{"virtuser", "virtusertable"},
	{"ldapmra", "LDAP routing"},
};

static enum rc report_changers(const struct sendmail *s, struct findings *f, struct err *err)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; rc == RC_OK && i < COUNT_OF(changers); i++) {
		struct span map = sendmailcf_map(&s->cf, changers[i].name);

		if (map.p != NULL)
			rc = findings_add(f, FINDING_WARNING, changers[i].feature, NULL, err,
					  "'%.*s' %s", SPAN_ARG(map), changers[i].why);
	}
	return rc;
}

static enum rc report_masquerade(const struct sendmail *s, struct findings *f, struct err *err)
{
	if (s->cf.masquerade.len == 0)
		return RC_OK;
	return findings_add(f, FINDING_WARNING, "MASQUERADE_AS", NULL, err,
			    "senders of this host and of MASQUERADE_DOMAIN become @%.*s in the "
			    "header after signing: move it to submit.mc, where it comes before "
			    "the filter",
			    SPAN_ARG(s->cf.masquerade));
}

/* The modifier C of a daemon is as good as FEATURE(`nocanonify'). */
static enum rc report_canonify(const struct sendmail *s, struct findings *f, struct err *err)
{
	const struct sendmailcf_daemon *all = s->cf.daemons.items;
	bool everywhere = s->cf.daemons.len > 0;

	for (size_t i = 0; i < s->cf.daemons.len; i++)
		everywhere = everywhere && span_has(all[i].modifiers, 'C');
	if (!s->cf.canonifies || everywhere)
		return RC_OK;
	return findings_add(
		f, FINDING_WARNING, "nocanonify", NULL, err,
		"is not set: where DNS has a CNAME for the domain of an address in the "
		"header, the address is rewritten after signing: FEATURE(`nocanonify')");
}

/* --- mailers ------------------------------------------------------------------------------------ */

/* Mail leaves through them; what is stored on this host is for other programs to verify. */
static bool is_smtp(const struct sendmailcf_mailer *m)
{
	return span_ieq_str(m->path, "[IPC]") || span_ieq_str(m->path, "[TCP]");
}

typedef bool mailer_test(const struct sendmailcf_mailer *m);

static bool breaks_short_lines(const struct sendmailcf_mailer *m)
{
	return m->line > 0 && m->line < RISK_LINE_MAX_SENDMAIL;
}

static bool breaks_long_lines(const struct sendmailcf_mailer *m)
{
	return m->line >= RISK_LINE_MAX_SENDMAIL && m->line < RISK_LINE_MAX;
}

static bool converts_8bit(const struct sendmailcf_mailer *m)
{
	return !span_has(m->flags, '8');
}

static bool strips_bits(const struct sendmailcf_mailer *m)
{
	return span_has(m->flags, '7') || span_has(m->flags, '6');
}

static bool drops_comments(const struct sendmailcf_mailer *m)
{
	return span_has(m->flags, 'c');
}

static bool quotes_from(const struct sendmailcf_mailer *m)
{
	return span_has(m->flags, 'E');
}

static bool decodes(const struct sendmailcf_mailer *m)
{
	return span_has(m->flags, '9');
}

static const struct {
	mailer_test *test;
	enum finding_level level;
	const char *why;
} mailer_rows[] = {
	{breaks_short_lines, FINDING_WARNING,
	 "by L= lines under 990 octets are broken after signing, and nobody is told: raise "
	 "SMTP_MAILER_LL"},
	{breaks_long_lines, FINDING_NOTE,
	 "by L= lines over 990 octets are broken after signing; such messages are logged as "
	 "long-line. SMTP_MAILER_LL says where"},
	{converts_8bit, FINDING_NOTE,
	 "without F=8, 8-bit mail is converted after signing where the next server has no "
	 "8BITMIME; such messages are logged as 8bit"},
	{strips_bits, FINDING_WARNING, "F=7 and F=6 take away the eighth bit after signing"},
	{drops_comments, FINDING_WARNING,
	 "F=c takes names and comments out of addresses after signing"},
	{quotes_from, FINDING_WARNING,
	 "F=E puts > before lines that begin with From, after signing"},
	{decodes, FINDING_WARNING, "F=9 takes quoted-printable and base64 away after signing"},
};

/* Finding ROW, for all mailers that it is true of. */
static enum rc report_mailers_of(const struct sendmail *s, size_t row, struct findings *f,
				 struct err *err)
{
	const struct sendmailcf_mailer *all = s->cf.mailers.items;
	char subject[200] = "";
	size_t len = 0;

	for (size_t i = 0; i < s->cf.mailers.len; i++) {
		struct span name = span_sub(all[i].name, 0, 40);

		if (!is_smtp(&all[i]) || !mailer_rows[row].test(&all[i]) ||
		    len + name.len + 10 > sizeof(subject))
			continue;
		len += (size_t)snprintf(subject + len, sizeof(subject) - len, "%s%.*s",
					len == 0 ? "mailer " : ", ", SPAN_ARG(name));
	}
	if (len == 0)
		return RC_OK;
	return findings_add(f, mailer_rows[row].level, subject, NULL, err, "%s",
			    mailer_rows[row].why);
}

static enum rc report_mailers(const struct sendmail *s, struct findings *f, struct err *err)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; rc == RC_OK && i < COUNT_OF(mailer_rows); i++)
		rc = report_mailers_of(s, i, f, err);
	return rc;
}

/* --- options ------------------------------------------------------------------------------------ */

static long number(struct span s)
{
	char text[16];
	long n = 0;

	snprintf(text, sizeof(text), "%.*s", SPAN_ARG(s));
	return sscanf(text, "%9ld", &n) == 1 && n > 0 ? n : 0;
}

/* "N/M": a value of a MIME field, one of its parameters; half of N where there is no M. 0: no limit. */
static enum rc report_mime_limit(const struct sendmail *s, struct findings *f, struct err *err)
{
	struct span value = sendmailcf_option(&s->cf, "MaxMimeHeaderLength");
	size_t slash = span_find(value, '/', 0);
	long whole = number(span_sub(value, 0, slash));
	long part = slash + 1 < value.len ? number(span_from(value, slash + 1)) : whole / 2;

	if (value.p == NULL ||
	    ((whole == 0 || whole >= MIME_VALUE) && (part == 0 || part >= MIME_PARAMETER)))
		return RC_OK;
	return findings_add(f, FINDING_WARNING, "MaxMimeHeaderLength", NULL, err,
			    "'%.*s' cuts longer Content-Type and other MIME fields after signing: "
			    "define(`confMAX_MIME_HEADER_LENGTH', `0/0')",
			    SPAN_ARG(value));
}

static enum rc report_header_limit(const struct sendmail *s, struct findings *f, struct err *err)
{
	struct span value = sendmailcf_option(&s->cf, "MaxHeadersLength");
	long limit = number(value);

	if (limit == 0 || limit >= HEADERS_LEAST)
		return RC_OK;
	return findings_add(f, FINDING_WARNING, "MaxHeadersLength", NULL, err,
			    "mail with a header over %ld octets is refused before it comes to us, "
			    "and signatures make headers longer: leave out "
			    "confMAX_HEADERS_LENGTH, which is 32768 then",
			    limit);
}

static enum rc report_8bit_mode(const struct sendmail *s, struct findings *f, struct err *err)
{
	struct span value = sendmailcf_option(&s->cf, "EightBitMode");

	if (value.len == 0 || ascii_lower(value.p[0]) != 'm')
		return RC_OK;
	return findings_add(f, FINDING_WARNING, "EightBitMode", NULL, err,
			    "'%.*s' converts 8-bit mail that was not declared as such after "
			    "signing: define(`confEIGHT_BIT_HANDLING', `pass8')",
			    SPAN_ARG(value));
}

/* Sendmail quotes a name with one of these in it, where it is not quoted: "John Q. Public". Some are always quoted; "." is
 * where nothing is set, and the log foresees that one and no other. */
static enum rc report_quoting(const struct sendmail *s, struct findings *f, struct err *err)
{
	static const char foreseen[] = "@,;:\\()[]'.";
	struct span value = sendmailcf_option(&s->cf, "MustQuoteChars");
	enum finding_level level = FINDING_NOTE;

	if (value.p == NULL)
		value = SPAN_LIT(".");
	for (size_t i = 0; i < value.len; i++)
		if (strchr(foreseen, value.p[i]) == NULL)
			level = FINDING_WARNING;
	if (level == FINDING_NOTE && !span_has(value, '.'))
		return RC_OK;
	return findings_add(f, level, "MustQuoteChars", NULL, err,
			    "'%.*s': names in addresses that have one of these and no quotes (John "
			    "Q. Public) get quotes after signing%s: "
			    "define(`confMUST_QUOTE_CHARS', `')",
			    SPAN_ARG(value),
			    level == FINDING_NOTE ? "; such messages are logged as address" : "");
}

static enum rc report_recipients(const struct sendmail *s, struct findings *f, struct err *err)
{
	struct span value = sendmailcf_option(&s->cf, "NoRecipientAction");

	if (!span_ieq_str(value, "add-to") && !span_ieq_str(value, "add-to-undisclosed"))
		return RC_OK;
	return findings_add(f, FINDING_WARNING, "NoRecipientAction", NULL, err,
			    "'%.*s' adds a To to mail that has none, after signing: "
			    "define(`confNO_RCPT_ACTION', `none')",
			    SPAN_ARG(value));
}

static enum rc report_log_level(const struct sendmail *s, struct findings *f, struct err *err)
{
	struct span value = sendmailcf_option(&s->cf, "Milter.LogLevel");

	if (value.len == 0 || number(value) > 0)
		return RC_OK;
	return findings_add(f, FINDING_NOTE, "Milter.LogLevel", NULL, err,
			    "'%.*s': Sendmail does not log that it cannot reach a filter",
			    SPAN_ARG(value));
}

/* --- for rules ---------------------------------------------------------------------------------- */

static bool is_known_map(const struct sendmail *s, struct span map)
{
	for (const char *const *known = s->conf->alias_maps; *known != NULL; known++)
		if (span_ends(map, span_str(*known)))
			return true;
	return false;
}

/* Rules see the address that the client gave, and Sendmail leads it elsewhere behind them. */
static enum rc report_leaders(const struct sendmail *s, struct findings *f, struct err *err)
{
	enum rc rc = RC_OK;

	if (s->conf->rules.n == 0)
		return RC_OK;
	for (size_t i = 0; rc == RC_OK && i < COUNT_OF(leaders); i++) {
		struct span map = sendmailcf_map(&s->cf, leaders[i].name);

		if (map.p != NULL && !is_known_map(s, map))
			rc = findings_add(f, FINDING_WARNING, leaders[i].feature, NULL, err,
					  "'%.*s' leads from other addresses to accounts: our "
					  "rules do not know them, and what is sent there is "
					  "stored as it came",
					  SPAN_ARG(map));
	}
	return rc;
}

enum rc sendmail_report_settings(const struct sendmail *s, struct findings *f, struct err *err)
{
	static enum rc (*const parts[])(const struct sendmail *, struct findings *,
					struct err *) = {
		report_masquerade, report_changers,   report_canonify,	   report_quoting,
		report_recipients, report_mime_limit, report_header_limit, report_8bit_mode,
		report_log_level,  report_mailers,    report_leaders,
	};
	enum rc rc = RC_OK;

	for (size_t i = 0; i < COUNT_OF(parts) && rc == RC_OK; i++)
		rc = parts[i](s, f, err);
	return rc;
}
