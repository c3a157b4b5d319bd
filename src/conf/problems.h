/* conf/problems.h - collecting what is wrong. Private to src/conf.
 *
 * Adding never fails: what finds no memory is remembered as lost, and conf_problems_result() says so. */
#ifndef CONF_PROBLEMS_H
#define CONF_PROBLEMS_H

#include "conf/conf.h"

/* FILE is copied. Control bytes of the text are shown as '?', so that it stays one line. */
void conf_problems_add(struct conf_problems *p, enum conf_severity severity, const char *file,
		       unsigned line, const char *fmt, ...) PRINTF_LIKE(5, 6);

/* By file (bytewise), line, severity, text. */
void conf_problems_sort(struct conf_problems *p);

/* Of sorted problems. RC_CONF when there are errors: the text has their number and the first one.
 * RC_NOMEM when one was lost. */
MUST_CHECK enum rc conf_problems_result(const struct conf_problems *p, struct err *err);

#endif
