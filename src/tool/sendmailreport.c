/* Whether a built configuration of Sendmail has our filter, and what becomes of mail without it. */
#include "tool/sendmail.h"

#include <stdio.h>
#include <string.h>

enum { SHORT_ANSWER = 10, SHORT_END = 60, NAMES_SHOWN = 400 };

static const char input_filters[] = "InputMailFilters";
static const char show[] = "mailseal sendmail show";

static const struct sendmailcf_filter *filter_called(const struct sendmailcf *cf, struct span name)
{
	const struct sendmailcf_filter *all = cf->filters.items;

	for (size_t i = 0; i < cf->filters.len; i++)
		if (span_eq(all[i].name, name))
			return &all[i];
	return NULL;
}

static bool is_ours(const struct sendmail *s, const struct sendmailcf_filter *filter)
{
	return filter != NULL &&
	       sendmailcf_same_socket(filter->socket, span_str(s->conf->milter_socket));
}

/* Our place in LIST; *RET_BEHIND: what comes behind us in it. */
static enum rc place_in(const struct sendmail *s, struct span list, enum milter_place *ret,
			const struct sendmailcf_filter **ret_ours, struct span *ret_behind,
			struct err *err)
{
	struct span name;
	size_t n = 0, ours = 0, last = 0;

	while (sendmailcf_next_word(&list, &name)) {
		const struct sendmailcf_filter *filter = filter_called(&s->cf, name);

		if (n++ == SENDMAILCF_FILTERS)
			return err_set(err, RC_LIMIT, "%s: a list of more than %d filters", s->file,
				       SENDMAILCF_FILTERS);
		if (!is_ours(s, filter))
			continue;
		ours++;
		last = n;
		*ret_ours = filter;
		*ret_behind = list;
	}
	if (ours == 0)
		*ret = PLACE_NONE;
	else if (ours > 1)
		*ret = PLACE_TWICE;
	else
		*ret = last == n ? PLACE_LAST : PLACE_EARLIER;
	return RC_OK;
}

enum rc sendmail_read(struct sendmail *s, const char *file, const struct conf *conf,
		      struct err *err)
{
	const struct sendmailcf_filter *all;
	struct span behind;
	enum rc rc;

	*s = (struct sendmail){.file = file, .conf = conf};
	sendmailcf_init(&s->cf);
	rc = sendmailcf_read(file, &s->cf, err);
	all = s->cf.filters.items;
	for (size_t i = 0; rc == RC_OK && s->ours == NULL && i < s->cf.filters.len; i++)
		if (is_ours(s, &all[i]))
			s->ours = &all[i];
	return rc == RC_OK ? place_in(s, sendmailcf_option(&s->cf, input_filters), &s->place,
				      &s->ours, &behind, err)
			   : rc;
}

void sendmail_clear(struct sendmail *s)
{
	sendmailcf_clear(&s->cf);
}

/* --- our place -------------------------------------------------------------------------------- */

static enum rc report_missing(const struct sendmail *s, const char *subject,
			      enum finding_level level, struct findings *f, struct err *err)
{
	const struct sendmailcf_filter *named = filter_called(&s->cf, SPAN_LIT("mailseal"));

	if (s->ours == NULL && named != NULL)
		return findings_add(f, level, subject, show, err,
				    "the filter mailseal has the socket %.*s, but the daemon "
				    "listens at %s: mail passes us by",
				    SPAN_ARG(named->socket), s->conf->milter_socket);
	if (s->ours == NULL)
		return findings_add(f, level, subject, show, err,
				    "no filter has our socket %s: mail passes us by",
				    s->conf->milter_socket);
	return findings_add(f, level, subject, show, err, "is without %.*s: mail passes us by",
			    SPAN_ARG(s->ours->name));
}

/* SUBJECT says whose list it is; MISSING is how bad it is to be in none. */
static enum rc report_list(const struct sendmail *s, const char *subject, struct span list,
			   enum finding_level missing, struct findings *f, struct err *err)
{
	const struct sendmailcf_filter *ours = NULL;
	struct span behind = SPAN_NONE;
	enum milter_place place;
	enum rc rc = place_in(s, list, &place, &ours, &behind, err);

	if (rc != RC_OK)
		return rc;
	switch (place) {
	case PLACE_NONE:
		return report_missing(s, subject, missing, f, err);
	case PLACE_EARLIER:
		behind = span_sub(span_trim(span_from(behind, 1)), 0, NAMES_SHOWN);
		return findings_add(f, FINDING_WARNING, subject, NULL, err,
				    "%.*s comes after ours and may change what was signed or "
				    "sealed: let our INPUT_MAIL_FILTER be the last",
				    SPAN_ARG(behind));
	case PLACE_TWICE:
		return findings_add(f, FINDING_WARNING, subject, NULL, err,
				    "our socket is there more than once");
	case PLACE_LAST:
		return RC_OK;
	}
	return RC_OK;
}

/* A port that mail comes to from outside or from users, and not one where a content filter hands mail back. */
static bool is_usual_port(struct span port)
{
	static const char *const usual[] = {"", "25", "smtp", "587", "submission", "465", "smtps"};

	for (size_t i = 0; i < COUNT_OF(usual); i++)
		if (span_ieq_str(port, usual[i]))
			return true;
	return false;
}

static enum rc report_daemon(const struct sendmail *s, const struct sendmailcf_daemon *d,
			     struct findings *f, struct err *err)
{
	char subject[200];

	snprintf(subject, sizeof(subject), "DaemonPortOptions: %.*s",
		 SPAN_ARG(d->name.len > 0 ? d->name : d->port));
	return report_list(s, subject, d->filters,
			   is_usual_port(d->port) ? FINDING_WARNING : FINDING_NOTE, f, err);
}

static enum rc report_places(const struct sendmail *s, struct findings *f, struct err *err)
{
	const struct sendmailcf_daemon *all = s->cf.daemons.items;
	bool all_own = s->cf.daemons.len > 0;
	enum rc rc = RC_OK;

	for (size_t i = 0; rc == RC_OK && i < s->cf.daemons.len; i++) {
		if (all[i].filters.p == NULL)
			all_own = false;
		else
			rc = report_daemon(s, &all[i], f, err);
	}
	/* Where every daemon has a list of its own, the common one is heeded by nobody. */
	if (rc == RC_OK && !all_own)
		rc = report_list(s, input_filters, sendmailcf_option(&s->cf, input_filters),
				 FINDING_WARNING, f, err);
	return rc;
}

/* --- what Sendmail does without us -------------------------------------------------------------- */

/* Sendmail's milter.c looks for them in this order. */
const char *sendmail_away_word(const struct sendmailcf_filter *filter)
{
	if (span_has(filter->flags, 'T'))
		return "deferred";
	if (span_has(filter->flags, '4'))
		return "deferred, and the connection closed";
	return span_has(filter->flags, 'R') ? "refused" : "passed on";
}

static enum rc report_flags(const struct sendmail *s, const char *subject,
			    const struct sendmailcf_filter *filter, struct findings *f,
			    struct err *err)
{
	if (span_has(filter->flags, 'T') || span_has(filter->flags, '4'))
		return RC_OK;
	if (span_has(filter->flags, 'R'))
		return findings_add(f, FINDING_WARNING, subject, show, err,
				    "with F=R mail is refused for good while the daemon is down, "
				    "for the moment of a restart too: F=T defers it");
	if (s->conf->rules.n != 0)
		return findings_add(f, FINDING_ERROR, subject, show, err,
				    "without F=T mail is stored in clear whatever the rules say, "
				    "and leaves unsigned, while the daemon is down");
	return findings_add(f, FINDING_WARNING, subject, show, err,
			    "without F=T mail leaves unsigned while the daemon is down");
}

static enum rc report_timeouts(const char *subject, const struct sendmailcf_filter *filter,
			       struct findings *f, struct err *err)
{
	const struct {
		char letter;
		int64_t value, least;
		const char *what;
	} rows[] = {
		{'C', filter->connect, 0, "to connect"},
		{'S', filter->send, SHORT_ANSWER, "to send"},
		{'R', filter->read, SHORT_ANSWER, "for an answer"},
		{'E', filter->end, SHORT_END, "for the answer at the end of a message"},
	};
	enum rc rc = RC_OK;

	for (size_t i = 0; rc == RC_OK && i < COUNT_OF(rows); i++) {
		if (rows[i].value < 0)
			rc = findings_add(f, FINDING_WARNING, subject, show, err,
					  "T=%c: is no time", rows[i].letter);
		else if (rows[i].value < rows[i].least)
			rc = findings_add(f, FINDING_WARNING, subject, show, err,
					  "T=%c:%llds is little %s: under load our answer comes "
					  "later, and then mail goes on as if we were away",
					  rows[i].letter, (long long)rows[i].value, rows[i].what);
	}
	return rc;
}

static enum rc report_behaviour(const struct sendmail *s, struct findings *f, struct err *err)
{
	const struct sendmailcf_filter *all = s->cf.filters.items;
	enum rc rc = RC_OK;

	for (size_t i = 0; rc == RC_OK && i < s->cf.filters.len; i++) {
		char subject[200];

		if (!is_ours(s, &all[i]))
			continue;
		snprintf(subject, sizeof(subject), "X%.*s", SPAN_ARG(all[i].name));
		rc = report_flags(s, subject, &all[i], f, err);
		if (rc == RC_OK)
			rc = report_timeouts(subject, &all[i], f, err);
	}
	return rc;
}

/* --- macros ------------------------------------------------------------------------------------ */

/* "8.13.8" is before 8.14, where filters cannot ask for macros yet. What has no version is taken for one of today. */
static bool is_before_8_14(struct span version)
{
	unsigned major = 0, minor = 0;
	char text[32];

	snprintf(text, sizeof(text), "%.*s", SPAN_ARG(version));
	if (sscanf(text, "%3u.%3u", &major, &minor) != 2)
		return false;
	return major < 8 || (major == 8 && minor < 14);
}

/* A word of a list of macros; "i" and "{i}" are one. */
static bool has_macro(struct span list, const char *name)
{
	char other[64];

	if (name[0] == '{')
		return sendmailcf_list_has(list, span_str(name));
	snprintf(other, sizeof(other), "{%s}", name);
	return sendmailcf_list_has(list, span_str(name)) ||
	       sendmailcf_list_has(list, span_str(other));
}

/* From 8.14 on the filter asks for what it needs, and these lists do not matter. */
static enum rc report_macros(const struct sendmail *s, struct findings *f, struct err *err)
{
	static const struct {
		const char *option, *macro, *why;
	} needed[] = {
		{"Milter.macros.connect", "{daemon_name}", "trust.daemons has nothing to compare"},
		{"Milter.macros.envfrom", "i", "log lines carry no queue id"},
		{"Milter.macros.envfrom", "{auth_type}", "authenticated users are not recognized"},
		{"Milter.macros.envfrom", "{auth_authen}",
		 "authenticated users are not recognized"},
		{"Milter.macros.envfrom", "{verify}", "client certificates are not trusted"},
		{"Milter.macros.envfrom", "{cn_subject}", "client certificates are not recognized"},
		{"Milter.macros.envfrom", "{cn_issuer}", "client certificates are not recognized"},
	};
	enum rc rc = RC_OK;

	if (!is_before_8_14(s->cf.version))
		return RC_OK;
	for (size_t i = 0; rc == RC_OK && i < COUNT_OF(needed); i++)
		if (!has_macro(sendmailcf_option(&s->cf, needed[i].option), needed[i].macro))
			rc = findings_add(f, FINDING_WARNING, needed[i].option, show, err,
					  "has no %s, and this Sendmail (%.*s) cannot be asked: %s",
					  needed[i].macro, SPAN_ARG(s->cf.version), needed[i].why);
	return rc;
}

enum rc sendmail_report(const struct sendmail *s, struct findings *f, struct err *err)
{
	enum rc rc = report_places(s, f, err);

	if (rc == RC_OK)
		rc = report_behaviour(s, f, err);
	return rc == RC_OK ? report_macros(s, f, err) : rc;
}
