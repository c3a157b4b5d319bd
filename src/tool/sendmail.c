/* The noun sendmail: show, status. Nothing of Sendmail's is changed. */
#include "tool/sendmail.h"

#include <string.h>

#include "base/buf.h"
#include "tool/tool.h"

enum { LINES_MAX = 4096 };

static const char usual_file[] = "/etc/mail/sendmail.cf";

/* Sendmail spells sockets as libmilter does, and so as milter.socket; but within m4's quotes, between commas. */
static enum rc check_socket(const struct tool *t, const char *socket, struct err *err)
{
	if (strpbrk(socket, "`',\"\\") == NULL)
		return RC_OK;
	return err_set(err, RC_CONF,
		       "%s: milter.socket: \"%s\" has a quote, a comma or a backslash, which "
		       "sendmail.mc cannot hold; choose another path",
		       tool_conf_file(t), socket);
}

/* What the filter reads and Sendmail's own lists do not have, in front of what is in them. The whole is quoted anew: the
 * usual way to add one, by a list's name within another definition, would cut it off at the first comma that is not. */
static const char macro_lines[] =
	"dnl Sendmail before 8.14 gives these macros by its lists alone; later ones are asked.\n"
	"define(`mailseal_list', ```$*''')dnl\n"
	"define(`confMILTER_MACROS_CONNECT', "
	"mailseal_list(`v', confMILTER_MACROS_CONNECT))dnl\n"
	"define(`confMILTER_MACROS_HELO', "
	"mailseal_list(`{verify}, {cn_subject}, {cn_issuer}', confMILTER_MACROS_HELO))dnl\n"
	"define(`confMILTER_MACROS_ENVFROM', "
	"mailseal_list(`{verify}, {cn_subject}, {cn_issuer}', confMILTER_MACROS_ENVFROM))dnl\n";

/* F=T: while the daemon is away mail is deferred, neither unsigned nor in clear. The end of a message may take as long
 * as libmilter goes on saying that there is progress. */
static enum rc filter_lines(const char *socket, struct buf *out, struct err *err)
{
	return buf_addf(out, err,
			"%s"
			"dnl Behind other INPUT_MAIL_FILTER lines: what they change is signed and "
			"sealed too.\n"
			"dnl Where confINPUT_MAIL_FILTERS or a daemon's InputMailFilters is set, "
			"mailseal is last there.\n"
			"INPUT_MAIL_FILTER(`mailseal', `S=%s, F=T, "
			"T=C:10s;S:1m;R:1m;E:5m')dnl\n",
			macro_lines, socket);
}

static enum rc show_run(struct tool *t, struct err *err)
{
	const struct conf *conf;
	struct buf lines;
	enum rc rc = tool_conf(t, &conf, err);

	buf_init(&lines, LINES_MAX);
	if (rc == RC_OK)
		rc = check_socket(t, conf->milter_socket, err);
	if (rc == RC_OK)
		rc = filter_lines(conf->milter_socket, &lines, err);
	if (rc == RC_OK && tool_json_wanted(t))
		rc = tool_emit_json(t,
				    json_pack("{s:s, s:s%}", "socket", conf->milter_socket, "lines",
					      lines.p, lines.len),
				    err);
	else if (rc == RC_OK)
		tool_write(t, buf_span(&lines));
	buf_clear(&lines);
	return rc;
}

static json_t *timeouts_json(const struct sendmailcf_filter *filter)
{
	return json_pack("{s:I, s:I, s:I, s:I}", "connect", (json_int_t)filter->connect, "send",
			 (json_int_t)filter->send, "read", (json_int_t)filter->read, "end",
			 (json_int_t)filter->end);
}

static enum rc status_json(struct tool *t, const struct sendmail *s, const struct findings *f,
			   struct err *err)
{
	const struct sendmailcf_filter *o = s->ours;

	return tool_emit_json(
		t,
		json_pack("{s:s, s:s, s:s%, s:s, s:s%, s:s*, s:o*, s:o*}", "file", s->file,
			  "milter", s->conf->milter_socket, "filter", o != NULL ? o->name.p : "",
			  o != NULL ? o->name.len : (size_t)0, "place",
			  milterlist_place_word(s->place), "flags",
			  o != NULL && o->flags.p != NULL ? o->flags.p : "",
			  o != NULL ? o->flags.len : (size_t)0, "away",
			  o != NULL ? sendmail_away_word(o) : NULL, "timeouts",
			  o != NULL ? timeouts_json(o) : NULL, "findings", findings_json(f)),
		err);
}

static void status_lines(struct tool *t, const struct sendmail *s, const struct findings *f)
{
	const struct sendmailcf_filter *o = s->ours;

	tool_print(t, "%-18s %s\n", "configuration", s->file);
	tool_print(t, "%-18s %s\n", "milter", s->conf->milter_socket);
	tool_print(t, "%-18s %s\n", "InputMailFilters", milterlist_place_word(s->place));
	if (o != NULL) {
		tool_print(t, "%-18s %.*s\n", "filter", SPAN_ARG(o->name));
		tool_print(t, "%-18s mail is %s (F=%.*s)\n", "without us", sendmail_away_word(o),
			   SPAN_ARG(o->flags));
		tool_print(t, "%-18s C:%llds;S:%llds;R:%llds;E:%llds\n", "timeouts",
			   (long long)o->connect, (long long)o->send, (long long)o->read,
			   (long long)o->end);
	}
	findings_print(t, f);
}

static enum rc status_run(struct tool *t, struct err *err)
{
	const char *file = tool_argc(t) > 0 ? tool_arg(t, 0) : usual_file;
	const struct conf *conf;
	struct sendmail s = {0};
	struct findings f;
	enum rc rc = tool_conf(t, &conf, err);

	findings_init(&f);
	if (rc == RC_OK)
		rc = sendmail_read(&s, file, conf, err);
	if (rc == RC_OK)
		rc = sendmail_report_socket(&s, &f, err);
	if (rc == RC_OK)
		rc = sendmail_report(&s, &f, err);
	if (rc == RC_OK)
		rc = sendmail_report_settings(&s, &f, err);
	if (rc == RC_OK && tool_json_wanted(t))
		rc = status_json(t, &s, &f, err);
	else if (rc == RC_OK)
		status_lines(t, &s, &f);
	if (rc == RC_OK && findings_serious(&f))
		tool_found(t);
	findings_clear(&f);
	sendmail_clear(&s);
	return rc;
}

const struct tool_verb tool_verbs_sendmail[] = {
	{
		.noun = "sendmail",
		.verb = "show",
		.args = "",
		.summary = "Print the lines for sendmail.mc that put the filter into Sendmail",
		.help = "They belong behind other INPUT_MAIL_FILTER lines and before the MAILER "
			"lines.\n"
			"Then build sendmail.cf again, as the system does it, and restart "
			"Sendmail.\n"
			"Mail of sendmail(1) comes to the filter too, since it is handed to the "
			"daemon by\n"
			"SMTP. While the daemon is away mail is deferred.\n"
			"\n"
			"Example: mailseal sendmail show\n",
		.flags = TOOL_READS,
		.run = show_run,
	},
	{
		.noun = "sendmail",
		.verb = "status",
		.args = "[FILE]",
		.max_args = 1,
		.summary =
			"Say whether Sendmail uses the filter, and what passes it by or breaks it",
		.help = "Looks at FILE, the sendmail.cf that m4 has made "
			"(/etc/mail/sendmail.cf): the\n"
			"place among the filters, flags and timeouts, daemons with filters of "
			"their own,\n"
			"whether Sendmail takes the socket by the modes of its directories, "
			"whether the\n"
			"daemon answers, and settings that change mail after it was signed. Run "
			"by root,\n"
			"the socket is tried as RunAsUser. Nothing is changed. Exit status 1 when "
			"there is\n"
			"an error or a warning.\n"
			"\n"
			"Example: mailseal sendmail status\n",
		.flags = TOOL_READS,
		.run = status_run,
	},
	{.noun = NULL},
};
