/* tool/rulecheck.h - what the rules need and the state does not have. */
#ifndef TOOL_RULECHECK_H
#define TOOL_RULECHECK_H

#include "directory/directory.h"
#include "tool/findings.h"

/* Accounts that a rule seals for and that have no certificate to seal with, at most RULE_CHECK_LINES and then a count; and
 * where spool.dir cannot be written. As the user that mailseald runs as. */
enum { RULE_CHECK_LINES = 20 };
MUST_CHECK enum rc rule_check(const struct conf *conf, const struct user_cert_list *list,
			      int64_t now, struct findings *f, struct err *err);

#endif
