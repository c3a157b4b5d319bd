/* tool/postfixreport.h - the parts of `mailseal postfix status`: postfixreport.c looks at main.cf, postfixmaster.c at the
 * services of master.cf, each for what they both have. */
#ifndef TOOL_POSTFIXREPORT_H
#define TOOL_POSTFIXREPORT_H

#include "base/attr.h"
#include "tool/findings.h"
#include "tool/postfix.h"

/* S is NULL for main.cf; SUBJECT says where it stands. */

/* Our place in a list of milters; MISSING says what it means that we are in none. */
MUST_CHECK enum rc report_place(const char *subject, enum milter_place place, const char *missing,
				struct findings *f, struct err *err);
/* The list NAME ("smtpd_milters"): what it says of us, milter_default_action and milter_protocol where it says nothing. Of
 * a service only what it has of its own. */
MUST_CHECK enum rc report_behaviour(const struct postfix *p, const struct postfix_service *s,
				    const char *subject, const char *name, struct findings *f,
				    struct err *err);
/* Settings that change mail behind us or pass us by; of a service, those that its program reads. */
MUST_CHECK enum rc report_changers(const struct postfix *p, const struct postfix_service *s,
				   const char *subject, struct findings *f, struct err *err);
MUST_CHECK enum rc report_content_filter(const struct postfix *p, const char *subject,
					 struct span filter, struct findings *f, struct err *err);
MUST_CHECK enum rc report_proxy_filter(const char *subject, struct span proxy, struct findings *f,
				       struct err *err);

/* postfixmaster.c */
MUST_CHECK enum rc report_services(const struct postfix *p, struct findings *f, struct err *err);

#endif
