/* What the services of master.cf have of their own: other filters, none at all, a root directory without our socket. */
#include <stdio.h>
#include <string.h>

#include "tool/postfixreport.h"

enum { SUBJECT_SIZE = 300 };

static bool is_submission(const struct postfix_service *s)
{
	static const char *const names[] = {"submission", "submissions", "smtps", "587", "465"};
	struct span port = s->name, before;

	/* "smtps", "127.0.0.1:465", "[::1]:465" */
	for (struct span rest = port; span_split(&rest, ':', &before);)
		port = before;
	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (span_eq_str(port, names[i]))
			return true;
	return false;
}

/* One smtpd that does not use our filter: fine where signed mail is handed back, wrong where users send. */
static enum rc report_bypass(const struct postfix_service *s, const char *subject, const char *why,
			     struct findings *f, struct err *err)
{
	if (is_submission(s))
		return findings_add(f, FINDING_WARNING, subject, NULL, err,
				    "users send here, and %s: their mail leaves unsigned", why);
	return findings_add(f, FINDING_NOTE, subject, NULL, err,
			    "%s: right for a port where a filter hands mail back that was signed "
			    "on its way in",
			    why);
}

static bool has_no_milters(const struct postfix *p, const struct postfix_service *s)
{
	return postfix_list_has(postfix_override(p, s, "receive_override_options"), "no_milters");
}

static enum rc report_smtpd(const struct postfix *p, const struct postfix_service *s,
			    const char *subject, struct findings *f, struct err *err)
{
	struct span milters = postfix_override(p, s, "smtpd_milters");
	struct span filter = postfix_override(p, s, "content_filter");
	struct span proxy = postfix_override(p, s, "smtpd_proxy_filter");
	enum milter_place place = PLACE_LAST;
	enum rc rc = RC_OK;

	if (milters.p != NULL)
		rc = milterlist_place(milters, buf_span(&p->endpoint), postfix_queue_dir(p), &place,
				      err);
	if (rc == RC_OK && has_no_milters(p, s))
		rc = report_bypass(s, subject, "receive_override_options has no_milters", f, err);
	else if (rc == RC_OK && place == PLACE_NONE)
		rc = report_bypass(s, subject, "its own smtpd_milters are without our filter", f,
				   err);
	else if (rc == RC_OK && place != PLACE_LAST)
		rc = report_place(subject, place, "", f, err);
	if (rc == RC_OK && place != PLACE_NONE)
		rc = report_behaviour(p, s, subject, "smtpd_milters", f, err);
	if (rc == RC_OK && proxy.len > 0)
		rc = report_proxy_filter(subject, proxy, f, err);
	if (rc == RC_OK && filter.len > 0)
		rc = report_content_filter(p, subject, filter, f, err);
	return rc;
}

/* Mail that did not come by SMTP meets its filters in cleanup(8). */
static enum rc report_cleanup(const struct postfix *p, const struct postfix_service *s,
			      const char *subject, struct findings *f, struct err *err)
{
	struct span milters = postfix_override(p, s, "non_smtpd_milters");
	enum milter_place place = PLACE_LAST;
	enum rc rc = RC_OK;

	if (milters.p != NULL)
		rc = milterlist_place(milters, buf_span(&p->endpoint), postfix_queue_dir(p), &place,
				      err);
	if (rc == RC_OK)
		rc = report_place(subject, place,
				  "its own non_smtpd_milters are without our filter: mail from "
				  "sendmail(1) and bounces pass us by",
				  f, err);
	return rc == RC_OK ? report_behaviour(p, s, subject, "non_smtpd_milters", f, err) : rc;
}

static enum rc report_pickup(const struct postfix *p, const struct postfix_service *s,
			     const char *subject, struct findings *f, struct err *err)
{
	struct span filter = postfix_override(p, s, "content_filter");
	enum rc rc = RC_OK;

	if (has_no_milters(p, s))
		rc = findings_add(f, FINDING_WARNING, subject, NULL, err,
				  "receive_override_options has no_milters: what comes here passes "
				  "us by");
	return rc == RC_OK && filter.len > 0 ? report_content_filter(p, subject, filter, f, err)
					     : rc;
}

static enum rc report_bounce(const struct postfix *p, const struct postfix_service *s,
			     const char *subject, struct findings *f, struct err *err)
{
	struct span classes = postfix_override(p, s, "internal_mail_filter_classes");

	if (classes.p == NULL || postfix_list_has(classes, "bounce"))
		return RC_OK;
	return findings_add(f, FINDING_WARNING, subject, NULL, err,
			    "its own internal_mail_filter_classes have no 'bounce': bounces leave "
			    "unsigned");
}

/* Is our socket at a path that only the whole file system has? Below the queue directory it is written relative. */
static bool is_out_of_chroot(const struct postfix *p)
{
	return span_starts(buf_span(&p->endpoint), SPAN_LIT("unix:/"));
}

static enum rc report_chroot(const struct postfix *p, const struct postfix_service *s,
			     const char *subject, struct findings *f, struct err *err)
{
	char next[4200];

	if (!s->chroot || !is_out_of_chroot(p))
		return RC_OK;
	snprintf(next, sizeof(next),
		 "set milter.socket = \"unix:%s/mailseal/mailseal.sock\" and restart mailseald",
		 postfix_queue_dir(p));
	return findings_add(f, FINDING_ERROR, subject, next, err,
			    "runs chrooted in %s and cannot reach %s", postfix_queue_dir(p),
			    p->conf->milter_socket);
}

typedef enum rc report_program(const struct postfix *p, const struct postfix_service *s,
			       const char *subject, struct findings *f, struct err *err);

static const struct {
	const char *command;
	report_program *report; /* NULL: nothing of its own */
	bool connects;		/* to our socket */
} programs[] = {
	{"smtpd", report_smtpd, true},	  {"cleanup", report_cleanup, true},
	{"pickup", report_pickup, false}, {"qmqpd", report_pickup, false},
	{"bounce", report_bounce, false}, {"smtp", NULL, false},
};

static enum rc report_service(const struct postfix *p, const struct postfix_service *s,
			      struct findings *f, struct err *err)
{
	char subject[SUBJECT_SIZE];
	size_t i = 0;
	enum rc rc = RC_OK;

	while (i < COUNT_OF(programs) && !span_eq_str(s->command, programs[i].command))
		i++;
	if (i == COUNT_OF(programs))
		return RC_OK;
	snprintf(subject, sizeof(subject), "master.cf: %.*s", SPAN_ARG(s->name));
	if (programs[i].connects)
		rc = report_chroot(p, s, subject, f, err);
	if (rc == RC_OK && programs[i].report != NULL)
		rc = programs[i].report(p, s, subject, f, err);
	return rc == RC_OK ? report_changers(p, s, subject, f, err) : rc;
}

enum rc report_services(const struct postfix *p, struct findings *f, struct err *err)
{
	struct span rest = buf_span(&p->services);
	struct postfix_service s;
	enum rc rc = RC_OK;

	while (rc == RC_OK && postfix_next_service(p, &rest, &s))
		rc = report_service(p, &s, f, err);
	return rc;
}
