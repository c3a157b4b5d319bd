/* What in a Postfix configuration would bypass the filter or break its signatures. */
#include "tool/postfix.h"

#include "tool/milterprobe.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Settings that change a message behind the milters: the smtp(8) client's own, and what is applied to fields that a
 * milter inserts. Header checks, canonical and masquerade maps of cleanup(8) are no such: they run before milters. */
static const struct {
	const char *name;
	const char *why;
} after_us[] = {
	{"smtp_generic_maps", "rewrites addresses in the header after signing"},
	{"smtp_header_checks", "may change or remove header fields after signing"},
	{"smtp_mime_header_checks", "may change MIME header fields after signing"},
	{"smtp_nested_header_checks",
	 "may change header fields of attached messages after signing"},
	{"smtp_body_checks", "may change the body after signing"},
	{"milter_header_checks", "may change or drop the DKIM-Signature field itself"},
	{"smtpd_milter_maps", "may switch milters off for some clients"},
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

static bool is_on(struct span value)
{
	return value.len > 0 && !span_ieq_str(value, "no");
}

static enum rc report_after_us(const struct postfix *p, struct findings *f, struct err *err)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; rc == RC_OK && i < COUNT_OF(after_us); i++) {
		struct span value = postfix_value(&p->expanded, after_us[i].name);

		if (value.len > 0)
			rc = findings_add(f, FINDING_WARNING, after_us[i].name, NULL, err,
					  "'%.*s' %s", SPAN_ARG(value), after_us[i].why);
	}
	return rc;
}

/* Postfix's defaults, which only touch unusual messages: said, but no reason to worry. */
static enum rc report_limits(const struct postfix *p, struct findings *f, struct err *err)
{
	struct span length = postfix_value(&p->expanded, "smtp_line_length_limit");
	struct span output = postfix_value(&p->expanded, "disable_mime_output_conversion");
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

static enum rc report_default_action(const struct postfix *p, struct findings *f, struct err *err)
{
	struct span action = postfix_value(&p->expanded, "milter_default_action");

	if (!span_ieq_str(action, "accept"))
		return RC_OK;
	return findings_add(f, FINDING_WARNING, "milter_default_action",
			    "postconf -e milter_default_action=tempfail", err,
			    "with 'accept' mail leaves unsigned while the daemon is down");
}

/* Macros without which mail is not known as our own, or cannot be named in the log. */
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
		struct span value = postfix_value(&p->expanded, needed[i].setting);

		if (value.p != NULL && !postfix_list_has(value, needed[i].macro))
			rc = findings_add(f, FINDING_WARNING, needed[i].setting, NULL, err,
					  "has no %s: %s", needed[i].macro, needed[i].why);
	}
	return rc;
}

static enum rc report_protocol(const struct postfix *p, struct findings *f, struct err *err)
{
	struct span v = postfix_value(&p->expanded, "milter_protocol");

	if (v.len == 0 || v.p[0] == '6')
		return RC_OK;
	return findings_add(f, FINDING_WARNING, "milter_protocol", "postconf -e milter_protocol=6",
			    err, "'%.*s' is old: header fields do not arrive as they are",
			    SPAN_ARG(v));
}

static enum rc report_place(const char *name, enum milter_place place, const char *missing,
			    struct findings *f, struct err *err)
{
	switch (place) {
	case PLACE_NONE:
		return findings_add(f, FINDING_WARNING, name, "mailseal postfix connect", err, "%s",
				    missing);
	case PLACE_EARLIER:
		return findings_add(f, FINDING_WARNING, name, "mailseal postfix connect", err,
				    "other milters come after ours and may change what was signed");
	case PLACE_TWICE:
		return findings_add(f, FINDING_WARNING, name, "mailseal postfix connect", err,
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

static enum rc report_content_filter(const struct postfix *p, struct findings *f, const char *where,
				     struct span filter, struct err *err)
{
	enum rc rc = findings_add(
		f, FINDING_WARNING, where, NULL, err,
		"content_filter %.*s gets mail after it was signed: what it changes breaks the "
		"signature. Leave our filter out in front of it and put it on the port that the "
		"content filter hands mail back to",
		SPAN_ARG(filter));

	for (size_t i = 0; rc == RC_OK && i < COUNT_OF(second_pass); i++)
		if (is_on(postfix_value(&p->expanded, second_pass[i])))
			rc = findings_add(f, FINDING_WARNING, second_pass[i], NULL, err,
					  "is applied a second time when the content filter hands "
					  "mail back, which is after signing");
	return rc;
}

static bool is_submission(const struct postfix_service *s)
{
	static const char *const names[] = {"submission", "submissions", "smtps", "587", "465"};
	struct span port = s->name;
	size_t colon = span_find(port, ':', 0);

	if (colon < port.len)
		port = span_from(port, colon + 1);
	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (span_eq_str(port, names[i]))
			return true;
	return false;
}

/* One smtpd that does not use our filter: fine where signed mail is handed back, wrong where users send. */
static enum rc report_bypass(const struct postfix_service *s, const char *why, struct findings *f,
			     struct err *err)
{
	char subject[300];

	snprintf(subject, sizeof(subject), "master.cf: %.*s", SPAN_ARG(s->name));
	if (is_submission(s))
		return findings_add(f, FINDING_WARNING, subject, NULL, err,
				    "users send here, and %s: their mail leaves unsigned", why);
	return findings_add(f, FINDING_NOTE, subject, NULL, err,
			    "%s: right for a port where a filter hands mail back that was signed "
			    "on its way in",
			    why);
}

static enum rc report_smtpd(const struct postfix *p, const struct postfix_service *s,
			    struct findings *f, struct err *err)
{
	struct span options = postfix_override(p, s, "receive_override_options");
	struct span milters = postfix_override(p, s, "smtpd_milters");
	struct span filter = postfix_override(p, s, "content_filter");
	enum milter_place place = PLACE_LAST;
	char subject[300];
	enum rc rc = RC_OK;

	snprintf(subject, sizeof(subject), "master.cf: %.*s", SPAN_ARG(s->name));
	if (milters.p != NULL)
		rc = milterlist_place(milters, buf_span(&p->endpoint), postfix_queue_dir(p), &place,
				      err);
	if (rc == RC_OK && postfix_list_has(options, "no_milters"))
		rc = report_bypass(s, "receive_override_options has no_milters", f, err);
	else if (rc == RC_OK && place == PLACE_NONE)
		rc = report_bypass(s, "its own smtpd_milters are without our filter", f, err);
	else if (rc == RC_OK && place != PLACE_LAST)
		rc = report_place(subject, place, "", f, err);
	if (rc == RC_OK && filter.len > 0)
		rc = report_content_filter(p, f, subject, filter, err);
	return rc;
}

/* Is a path of ours under the queue directory? Then endpoint has it relative. */
static bool reaches_into_chroot(const struct postfix *p)
{
	struct span e = buf_span(&p->endpoint);

	return !span_starts(e, SPAN_LIT("unix:/"));
}

static enum rc report_chroot(const struct postfix *p, const struct postfix_service *s,
			     struct findings *f, struct err *err)
{
	char subject[300], next[4200];

	if (!s->chroot || reaches_into_chroot(p))
		return RC_OK;
	snprintf(subject, sizeof(subject), "master.cf: %.*s", SPAN_ARG(s->name));
	snprintf(next, sizeof(next),
		 "set milter.socket = \"unix:%s/mailseal/mailseal.sock\" and restart mailseald",
		 postfix_queue_dir(p));
	return findings_add(f, FINDING_ERROR, subject, next, err,
			    "runs chrooted in %s and cannot reach %s", postfix_queue_dir(p),
			    p->socket);
}

/* Overrides of smtp clients, which change mail after us as the global settings do. */
static enum rc report_client(const struct postfix *p, const struct postfix_service *s,
			     struct findings *f, struct err *err)
{
	char subject[300];
	enum rc rc = RC_OK;

	snprintf(subject, sizeof(subject), "master.cf: %.*s", SPAN_ARG(s->name));
	for (size_t i = 0; rc == RC_OK && i < COUNT_OF(after_us); i++) {
		struct span value = postfix_override(p, s, after_us[i].name);

		if (value.len > 0)
			rc = findings_add(f, FINDING_WARNING, subject, NULL, err, "%s '%.*s' %s",
					  after_us[i].name, SPAN_ARG(value), after_us[i].why);
	}
	return rc;
}

static enum rc report_services(const struct postfix *p, struct findings *f, struct err *err)
{
	struct span rest = buf_span(&p->services);
	struct postfix_service s;
	enum rc rc = RC_OK;

	while (rc == RC_OK && postfix_next_service(p, &rest, &s)) {
		bool smtpd = span_eq_str(s.command, "smtpd");

		if (smtpd || span_eq_str(s.command, "cleanup"))
			rc = report_chroot(p, &s, f, err);
		if (rc == RC_OK && smtpd)
			rc = report_smtpd(p, &s, f, err);
		if (rc == RC_OK && span_eq_str(s.command, "smtp"))
			rc = report_client(p, &s, f, err);
	}
	return rc;
}

enum rc postfix_report(const struct postfix *p, struct findings *f, struct err *err)
{
	struct span filter = postfix_value(&p->expanded, "content_filter");
	struct span options = postfix_value(&p->expanded, "receive_override_options");
	enum rc rc = report_places(p, f, err);

	if (rc == RC_OK)
		rc = report_services(p, f, err);
	if (rc == RC_OK && postfix_list_has(options, "no_milters"))
		rc = findings_add(f, FINDING_ERROR, "receive_override_options", NULL, err,
				  "has no_milters: all SMTP mail passes us by");
	if (rc == RC_OK && filter.len > 0)
		rc = report_content_filter(p, f, "main.cf", filter, err);
	if (rc == RC_OK)
		rc = report_after_us(p, f, err);
	if (rc == RC_OK)
		rc = report_default_action(p, f, err);
	if (rc == RC_OK)
		rc = report_macros(p, f, err);
	if (rc == RC_OK)
		rc = report_protocol(p, f, err);
	return rc == RC_OK ? report_limits(p, f, err) : rc;
}

/* Try the socket as the user that smtpd and cleanup run as: no guess about modes, groups and ACLs. */
static enum rc connect_as(const struct passwd *pw, const char *socket, struct err *err)
{
	int status, fd = -1;
	pid_t pid = fork();

	if (pid < 0)
		return err_sys(err, RC_AGAIN, errno, "fork");
	if (pid == 0) {
		if (initgroups(pw->pw_name, pw->pw_gid) != 0 || setgid(pw->pw_gid) != 0 ||
		    setuid(pw->pw_uid) != 0)
			_exit(RC_IO);
		_exit((int)milterprobe_connect(socket, &fd, NULL));
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_sys(err, RC_IO, errno, "waitpid");
	if (!WIFEXITED(status))
		return err_set(err, RC_IO, "the child was ended by a signal");
	return (enum rc)WEXITSTATUS(status);
}

enum rc postfix_report_socket(const struct postfix *p, struct findings *f, struct err *err)
{
	const struct passwd *pw = getpwnam(p->mail_owner.p);
	int fd = -1;
	enum rc rc = milterprobe_connect(p->socket, &fd, NULL);

	if (fd >= 0)
		close(fd);
	if (rc == RC_OK && geteuid() == 0 && pw != NULL)
		rc = connect_as(pw, p->socket, NULL);
	switch (rc) {
	case RC_OK:
		return RC_OK;
	case RC_NOTFOUND:
		return findings_add(f, FINDING_ERROR, p->socket, "systemctl start mailseal", err,
				    "no daemon listens there");
	case RC_PERM:
		return findings_add(f, FINDING_ERROR, p->socket, NULL, err,
				    "user '%s' may not connect: give the socket's directory mode "
				    "2750 and group '%s', and restart mailseald",
				    p->mail_owner.p, p->mail_owner.p);
	default:
		return findings_add(f, FINDING_ERROR, p->socket, NULL, err, "cannot be reached");
	}
}
