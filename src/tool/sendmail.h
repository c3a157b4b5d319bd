/* tool/sendmail.h - what `mailseal sendmail status` looks at. Nothing of Sendmail's is changed. */
#ifndef TOOL_SENDMAIL_H
#define TOOL_SENDMAIL_H

#include "base/attr.h"
#include "base/err.h"
#include "conf/conf.h"
#include "tool/findings.h"
#include "tool/milterlist.h"
#include "tool/sendmailcf.h"

struct sendmail {
	const char *file;
	const struct conf *conf; /* ours; borrowed */
	struct sendmailcf cf;
	/* The filter that has our socket, the one that is used where there are several; NULL: none has. */
	const struct sendmailcf_filter *ours;
	enum milter_place place; /* in InputMailFilters */
};

/* Reads FILE; CONF is borrowed. What it fails with: sendmailcf_read(). All zero may be cleared. */
MUST_CHECK enum rc sendmail_read(struct sendmail *s, const char *file, const struct conf *conf,
				 struct err *err);
void sendmail_clear(struct sendmail *s);
/* What becomes of mail while the daemon is away: "deferred", "deferred, and the connection closed", "refused",
 * "passed on". */
const char *sendmail_away_word(const struct sendmailcf_filter *filter);

/* Each appends to F what would pass us by or break what we do, and nothing of what is in order. */

/* sendmailreport.c: our place in the lists, flags, timeouts, macros. */
MUST_CHECK enum rc sendmail_report(const struct sendmail *s, struct findings *f, struct err *err);
/* sendmailsettings.c: settings that change mail behind the filters, and recipients that rules do not know. */
MUST_CHECK enum rc sendmail_report_settings(const struct sendmail *s, struct findings *f,
					    struct err *err);
/* sendmailsocket.c: would Sendmail take our socket, and does somebody answer there? */
MUST_CHECK enum rc sendmail_report_socket(const struct sendmail *s, struct findings *f,
					  struct err *err);

#endif
