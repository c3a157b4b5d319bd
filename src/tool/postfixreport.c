/* What in a Postfix configuration would bypass the filter or break what it does. */
#include "tool/postfixreport.h"

#include <stdio.h>
#include <string.h>

#include "tool/milterreach.h"

/* Settings that change a message behind the milters: the smtp(8) client's own, and what is applied to fields that a
 * milter inserts. Header checks, canonical and masquerade maps of cleanup(8) are no such: they run before milters. */
static const struct {
	const char *name;
	const char *program; /* that reads it */
	const char *why;
} changers[] = {
	{"smtp_generic_maps", "smtp", "rewrites addresses in the header after signing"},
	{"smtp_header_checks", "smtp", "may change or remove header fields after signing"},
	{"smtp_mime_header_checks", "smtp", "may change MIME header fields after signing"},
	{"smtp_nested_header_checks", "smtp",
	 "may change header fields of attached messages after signing"},
	{"smtp_body_checks", "smtp", "may change the body after signing"},
	{"milter_header_checks", "cleanup", "may change or drop the DKIM-Signature field itself"},
	{"smtpd_milter_maps", "smtpd", "may switch milters off for some clients"},
};

/* What cleanup(8) does once more when a content filter hands mail back. */
static const char *const second_pass[] = {
	"header_checks",
	"mime_header_checks",
	"nested_header_checks",
	"body_checks",
	"canonical_maps",
	"sender_canonical_maps",
	"recipient_canonical_maps",
	"masquerade_domains",
	"always_add_missing_headers",
	"remote_header_rewrite_domain",
};

/* What matters only where rules seal mail. */
static const struct {
	const char *name;
	enum finding_level level;
	const char *why;
} for_rules[] = {
	{"virtual_alias_maps", FINDING_WARNING,
	 "leads from other addresses to accounts: our rules do not know them, and what is sent "
	 "there is stored as it came. Name the map in alias_maps of the configuration too"},
	{"canonical_maps", FINDING_WARNING,
	 "changes recipients before delivery: our rules see the address that the client gave"},
	{"recipient_canonical_maps", FINDING_WARNING,
	 "changes recipients before delivery: our rules see the address that the client gave"},
	{"always_bcc", FINDING_NOTE,
	 "gets copies, sealed ones too, which only the owner of the mailbox can open"},
	{"recipient_bcc_maps", FINDING_NOTE,
	 "makes copies, of sealed mail too, which only the owner of the mailbox can open"},
	{"sender_bcc_maps", FINDING_NOTE,
	 "makes copies, of sealed mail too, which only the owner of the mailbox can open"},
};

static struct span setting(const struct postfix *p, const char *name)
{
	return postfix_value(&p->expanded, name);
}

static bool is_on(struct span value)
{
	return value.len > 0 && !span_ieq_str(value, "no");
}

enum rc report_changers(const struct postfix *p, const struct postfix_service *s,
			const char *subject, struct findings *f, struct err *err)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; rc == RC_OK && i < COUNT_OF(changers); i++) {
		struct span value = SPAN_NONE;

		if (s == NULL)
			value = setting(p, changers[i].name);
		else if (span_eq_str(s->command, changers[i].program))
			value = postfix_override(p, s, changers[i].name);
		if (value.len > 0)
			rc = findings_add(
				f, FINDING_WARNING, subject != NULL ? subject : changers[i].name,
				NULL, err, "%s%s'%.*s' %s", subject != NULL ? changers[i].name : "",
				subject != NULL ? " " : "", SPAN_ARG(value), changers[i].why);
	}
	return rc;
}

/* Is this one of the alias maps of our own configuration? */
static bool is_known_map(const struct postfix *p, struct span value)
{
	for (const char *const *map = p->conf->alias_maps; *map != NULL; map++)
		if (span_ends(value, span_str(*map)))
			return true;
	return false;
}

static enum rc report_for_rules(const struct postfix *p, struct findings *f, struct err *err)
{
	enum rc rc = RC_OK;

	if (p->conf->rules.n == 0)
		return RC_OK;
	for (size_t i = 0; rc == RC_OK && i < COUNT_OF(for_rules); i++) {
		struct span value = setting(p, for_rules[i].name);

		if (value.len > 0 && !is_known_map(p, value))
			rc = findings_add(f, for_rules[i].level, for_rules[i].name, NULL, err,
					  "'%.*s' %s", SPAN_ARG(value), for_rules[i].why);
	}
	return rc;
}

/* Postfix's defaults, which only touch unusual messages: said, but no reason to worry. */
static enum rc report_limits(const struct postfix *p, struct findings *f, struct err *err)
{
	struct span length = setting(p, "smtp_line_length_limit");
	struct span output = setting(p, "disable_mime_output_conversion");
	enum rc rc = RC_OK;

	if (length.len > 0 && !span_eq_str(length, "0"))
		rc = findings_add(f, FINDING_NOTE, "smtp_line_length_limit", NULL, err,
				  "lines over %.*s bytes are broken after signing; such messages "
				  "are logged as long-line",
				  SPAN_ARG(length));
	if (rc == RC_OK && !is_on(output))
		rc = findings_add(f, FINDING_NOTE, "disable_mime_output_conversion", NULL, err,
				  "8-bit mail is converted after signing where the next server has "
				  "no 8BITMIME; such messages are logged as 8bit");
	return rc;
}

/* --- what Postfix does without us ------------------------------------------------------------- */

static enum rc report_action(const struct postfix *p, const char *subject, const char *next,
			     struct span action, struct findings *f, struct err *err)
{
	if (span_ieq_str(action, "accept"))
		return findings_add(f, FINDING_WARNING, subject, next, err,
				    "with 'accept' mail leaves unsigned%s while the daemon is down",
				    p->conf->rules.n != 0
					    ? ", and is stored in clear whatever the rules say,"
					    : "");
	if (span_ieq_str(action, "reject"))
		return findings_add(f, FINDING_WARNING, subject, next, err,
				    "with 'reject' mail is refused for good while the daemon is "
				    "down, for the moment of a restart too");
	if (span_ieq_str(action, "quarantine"))
		return findings_add(f, FINDING_WARNING, subject, next, err,
				    "with 'quarantine' mail that comes while the daemon is down "
				    "waits in the hold queue, and leaves unsigned when it is "
				    "released");
	return RC_OK;
}

/* Macros without which mail is not known as our own, or cannot be named in the log. From version 6 on the filter asks for
 * what it needs, and these lists do not matter. */
static enum rc report_macros(const struct postfix *p, struct findings *f, struct err *err)
{
	static const struct {
		const char *setting, *macro, *why;
	} needed[] = {
		{"milter_connect_macros", "{daemon_name}", "trust.daemons has nothing to compare"},
		{"milter_mail_macros", "{auth_authen}", "authenticated users are not recognized"},
		{"milter_end_of_data_macros", "i", "log lines carry no queue id"},
	};
	enum rc rc = RC_OK;

	for (size_t i = 0; rc == RC_OK && i < COUNT_OF(needed); i++) {
		struct span value = setting(p, needed[i].setting);

		if (value.p != NULL && !postfix_list_has(value, needed[i].macro))
			rc = findings_add(f, FINDING_WARNING, needed[i].setting, NULL, err,
					  "has no %s: %s", needed[i].macro, needed[i].why);
	}
	return rc;
}

static enum rc report_protocol(const struct postfix *p, const char *subject, const char *next,
			       struct span version, struct findings *f, struct err *err)
{
	enum rc rc;

	if (version.len == 0 || version.p[0] == '6')
		return RC_OK;
	rc = findings_add(f, FINDING_WARNING, subject, next, err,
			  "'%.*s' is old: header fields do not arrive as they are",
			  SPAN_ARG(version));
	return rc == RC_OK ? report_macros(p, f, err) : rc;
}

/* What NAME ("default_action") is for us: in the list itself, else by the service's or main.cf's milter_NAME. */
static enum rc find_behaviour(const struct postfix *p, const struct postfix_service *s,
			      struct span list, const char *name, struct span *ret,
			      bool *ret_global, struct err *err)
{
	char global[64];
	enum rc rc = milterlist_setting(list, buf_span(&p->endpoint), postfix_queue_dir(p), name,
					ret, err);

	*ret_global = false;
	if (rc != RC_OK || ret->p != NULL)
		return rc;
	snprintf(global, sizeof(global), "milter_%s", name);
	if (s != NULL) {
		*ret = postfix_override(p, s, global);
		return RC_OK;
	}
	*ret = setting(p, global);
	*ret_global = true;
	return RC_OK;
}

enum rc report_behaviour(const struct postfix *p, const struct postfix_service *s,
			 const char *subject, const char *name, struct findings *f, struct err *err)
{
	struct span list = s != NULL ? postfix_override(p, s, name) : setting(p, name);
	struct span action = SPAN_NONE, version = SPAN_NONE;
	bool global_action = false, global_version = false;
	enum rc rc = find_behaviour(p, s, list, "default_action", &action, &global_action, err);

	if (rc == RC_OK && !global_action)
		rc = report_action(p, subject, NULL, action, f, err);
	if (rc == RC_OK)
		rc = find_behaviour(p, s, list, "protocol", &version, &global_version, err);
	if (rc == RC_OK && !global_version)
		rc = report_protocol(p, subject, NULL, version, f, err);
	return rc;
}

/* The global ones count where a list says nothing of us, or does not have us yet. */
static enum rc report_global_behaviour(const struct postfix *p, struct findings *f, struct err *err)
{
	static const char *const lists[] = {"smtpd_milters", "non_smtpd_milters"};
	bool action_counts = false, version_counts = false;
	enum rc rc = RC_OK;

	for (size_t i = 0; i < COUNT_OF(lists) && rc == RC_OK; i++) {
		struct span list = setting(p, lists[i]), ignored;
		bool global;

		rc = find_behaviour(p, NULL, list, "default_action", &ignored, &global, err);
		action_counts = action_counts || global;
		if (rc == RC_OK)
			rc = find_behaviour(p, NULL, list, "protocol", &ignored, &global, err);
		version_counts = version_counts || global;
	}
	if (rc == RC_OK && action_counts)
		rc = report_action(p, "milter_default_action",
				   "postconf -e milter_default_action=tempfail",
				   setting(p, "milter_default_action"), f, err);
	if (rc == RC_OK && version_counts)
		rc = report_protocol(p, "milter_protocol", "postconf -e milter_protocol=6",
				     setting(p, "milter_protocol"), f, err);
	return rc;
}

/* --- our place -------------------------------------------------------------------------------- */

enum rc report_place(const char *subject, enum milter_place place, const char *missing,
		     struct findings *f, struct err *err)
{
	switch (place) {
	case PLACE_NONE:
		return findings_add(f, FINDING_WARNING, subject, "mailseal postfix connect", err,
				    "%s", missing);
	case PLACE_EARLIER:
		return findings_add(f, FINDING_WARNING, subject, "mailseal postfix connect", err,
				    "other milters come after ours and may change what was signed");
	case PLACE_TWICE:
		return findings_add(f, FINDING_WARNING, subject, "mailseal postfix connect", err,
				    "our socket is there more than once");
	case PLACE_LAST:
		return RC_OK;
	}
	return RC_OK;
}

static enum rc report_places(const struct postfix *p, struct findings *f, struct err *err)
{
	enum rc rc = report_place("smtpd_milters", p->smtpd, "mail that comes by SMTP passes us by",
				  f, err);

	if (rc == RC_OK)
		rc = report_place("non_smtpd_milters", p->non_smtpd,
				  "mail from sendmail(1) and bounces pass us by", f, err);
	if (rc == RC_OK && !p->bounces)
		rc = findings_add(f, FINDING_WARNING, "internal_mail_filter_classes",
				  "mailseal postfix connect", err,
				  "has no 'bounce': bounces of this server leave unsigned");
	return rc;
}

enum rc report_content_filter(const struct postfix *p, const char *subject, struct span filter,
			      struct findings *f, struct err *err)
{
	enum rc rc = findings_add(
		f, FINDING_WARNING, subject, NULL, err,
		"content_filter %.*s gets mail after it was signed: what it changes breaks the "
		"signature. Leave our filter out in front of it and put it on the port that the "
		"content filter hands mail back to",
		SPAN_ARG(filter));

	for (size_t i = 0; rc == RC_OK && i < COUNT_OF(second_pass); i++)
		if (is_on(setting(p, second_pass[i])))
			rc = findings_add(f, FINDING_WARNING, second_pass[i], NULL, err,
					  "is applied a second time when the content filter hands "
					  "mail back, which is after signing");
	return rc;
}

/* Postfix's MILTER_README: with a proxy behind smtpd, milters hear of SMTP commands and never see a message. */
enum rc report_proxy_filter(const char *subject, struct span proxy, struct findings *f,
			    struct err *err)
{
	return findings_add(f, FINDING_WARNING, subject, NULL, err,
			    "smtpd_proxy_filter %.*s gets the mail, and no filter sees it: put "
			    "ours on the port that the proxy hands it back to",
			    SPAN_ARG(proxy));
}

/* --- whose mail it is ------------------------------------------------------------------------- */

/* What is no Postfix by its macro v is taken for a Sendmail, which shows local mail as such of an unknown client. */
static enum rc report_name(const struct postfix *p, struct findings *f, struct err *err)
{
	struct span v = setting(p, "milter_macro_v");

	if (v.p == NULL || span_starts(v, SPAN_LIT("Postfix")))
		return RC_OK;
	return findings_add(f, FINDING_WARNING, "milter_macro_v",
			    "postconf -e 'milter_macro_v=Postfix $mail_version'", err,
			    "'%.*s' does not begin with 'Postfix': mail of a client whose address "
			    "is unknown counts as handed in on this host",
			    SPAN_ARG(v));
}

static bool is_trusted(const struct conf_trust *trust, const struct conf_network *n)
{
	for (size_t i = 0; i < trust->n_networks; i++)
		if (trust->networks[i].bytes == n->bytes && trust->networks[i].bits <= n->bits &&
		    conf_network_has(&trust->networks[i], n->addr, n->bytes))
			return true;
	return false;
}

static enum rc report_network(const struct postfix *p, struct span word, struct findings *f,
			      struct err *err)
{
	struct conf_network network;
	char text[64];

	/* What is longer, excluded, or no network, is the name of a table. */
	snprintf(text, sizeof(text), "%.*s", SPAN_ARG(word));
	if (!conf_network_read(text, &network) || is_trusted(&p->conf->trust, &network))
		return RC_OK;
	return findings_add(f, FINDING_NOTE, "mynetworks", NULL, err,
			    "%s may send through this server, but is not in trust.networks: mail "
			    "from there leaves unsigned",
			    text);
}

static enum rc report_networks(const struct postfix *p, struct findings *f, struct err *err)
{
	struct span rest = setting(p, "mynetworks");
	enum rc rc = RC_OK;

	if (p->conf->trust.any)
		return RC_OK;
	while (rc == RC_OK && rest.len > 0) {
		size_t end = 0;

		while (end < rest.len && rest.p[end] != ',' && !is_wsp(rest.p[end]))
			end++;
		rc = report_network(p, span_sub(rest, 0, end), f, err);
		rest = span_from(rest, end + 1);
	}
	return rc;
}

/* --- all of it -------------------------------------------------------------------------------- */

static enum rc report_main(const struct postfix *p, struct findings *f, struct err *err)
{
	struct span filter = setting(p, "content_filter");
	struct span proxy = setting(p, "smtpd_proxy_filter");
	enum rc rc = RC_OK;

	if (postfix_list_has(setting(p, "receive_override_options"), "no_milters"))
		rc = findings_add(f, FINDING_ERROR, "receive_override_options", NULL, err,
				  "has no_milters: all SMTP mail passes us by");
	if (rc == RC_OK && proxy.len > 0)
		rc = report_proxy_filter("main.cf", proxy, f, err);
	if (rc == RC_OK && filter.len > 0)
		rc = report_content_filter(p, "main.cf", filter, f, err);
	return rc == RC_OK ? report_changers(p, NULL, NULL, f, err) : rc;
}

enum rc postfix_report(const struct postfix *p, struct findings *f, struct err *err)
{
	static enum rc (*const parts[])(const struct postfix *, struct findings *, struct err *) = {
		report_places, report_services,	 report_main,	  report_global_behaviour,
		report_name,   report_for_rules, report_networks, report_limits,
	};
	enum rc rc = report_behaviour(p, NULL, "smtpd_milters", "smtpd_milters", f, err);

	if (rc == RC_OK)
		rc = report_behaviour(p, NULL, "non_smtpd_milters", "non_smtpd_milters", f, err);
	for (size_t i = 0; i < COUNT_OF(parts) && rc == RC_OK; i++)
		rc = parts[i](p, f, err);
	return rc;
}

enum rc postfix_report_socket(const struct postfix *p, struct findings *f, struct err *err)
{
	return milterreach_report(p->conf->milter_socket, p->mail_owner.p, f, err);
}
