/* sendmail show: the lines for sendmail.mc. Nothing of Sendmail's is read or changed. */
#include <string.h>

#include "base/buf.h"
#include "tool/tool.h"

enum { LINES_MAX = 4096 };

/* Sendmail spells sockets as libmilter does, and so as milter.socket; but within m4's quotes, between commas. */
static enum rc check_socket(const struct tool *t, const char *socket, struct err *err)
{
	if (strpbrk(socket, "`',") == NULL)
		return RC_OK;
	return err_set(err, RC_CONF,
		       "%s: milter.socket: \"%s\" has a quote or a comma, which sendmail.mc cannot "
		       "hold; choose another path",
		       tool_conf_file(t), socket);
}

/* F=T: while the daemon is away mail is deferred, neither unsigned nor in clear. The end of a message may take as long
 * as libmilter goes on saying that there is progress. */
static enum rc filter_lines(const char *socket, struct buf *out, struct err *err)
{
	return buf_addf(out, err,
			"dnl Behind other INPUT_MAIL_FILTER lines: what they change is signed and "
			"sealed too.\n"
			"INPUT_MAIL_FILTER(`mailseal', `S=%s, F=T, "
			"T=C:10s;S:1m;R:1m;E:5m')dnl\n",
			socket);
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
			"SMTP. The filter asks Sendmail for the macros that it needs.\n"
			"\n"
			"Example: mailseal sendmail show\n",
		.flags = TOOL_READS,
		.run = show_run,
	},
	{.noun = NULL},
};
