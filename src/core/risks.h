/* core/risks.h - what in a message may break its signature after us, found while the message streams by.
 * Pure; state is O(1); one thread at a time. */
#ifndef CORE_RISKS_H
#define CORE_RISKS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"
#include "core/record.h"
#include "mail/field.h"

/* RFC 5322 2.1.1: octets of a line, its CRLF not counted. Postfix folds what is longer (smtp_line_length_limit).
 * Sendmail breaks what is longer than its mailer's L= (990 for SMTP). */
enum { RISK_LINE_MAX = 998, RISK_LINE_MAX_SENDMAIL = 990 };

/* All zero is the beginning of a body. */
struct risk_scan {
	unsigned found; /* enum risk, or-ed */
	bool sendmail;	/* its habits count */
	bool simple;	/* a signature has the header in the simple canonicalization */
	size_t line;	/* octets of the line so far, a CR that was last not counted */
	bool cr;	/* the last octet was a CR */
};

/* One header field. Folds that came as LF are line ends, not bare LFs. */
void risks_field(struct risk_scan *s, const struct field *f);
/* The next piece of the body; pieces may split anywhere. */
void risks_body(struct risk_scan *s, struct span piece);
/* The end of the body: a CR that was last was bare. */
void risks_finish(struct risk_scan *s);

#endif
