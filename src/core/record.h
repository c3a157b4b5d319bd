/* core/record.h - what became of one message: the data of its one log line. Pure. */
#ifndef CORE_RECORD_H
#define CORE_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "conf/conf.h"
#include "core/plan.h"
#include "core/route.h"

/* What may break a signature after us. */
enum risk {
	RISK_8BIT = 1 << 0,	 /* "8bit": 8-bit bytes, or a field that says so; a next hop without
			   8BITMIME forces a conversion */
	RISK_LONG_LINE = 1 << 1, /* "long-line": over 998 octets */
	RISK_BARE_CR = 1 << 2,	 /* "bare-cr" */
	RISK_BARE_LF = 1 << 3,	 /* "bare-lf" */
	RISK_NUL = 1 << 4,	 /* "nul" */
	RISK_ADDRESS = 1 << 5,	 /* "address": a field that Sendmail writes anew */
	RISK_LAST = RISK_ADDRESS
};

enum verdict {
	VERDICT_ACCEPT,
	VERDICT_TEMPFAIL,
	VERDICT_REJECT, /* a rule says so, or a limit */
	VERDICT_DISCARD /* rules have taken it from everybody */
};

/* What the sender is told (RFC 5321 4.2, RFC 3463); text NULL: the daemon's own words. */
struct reply {
	const char *xcode; /* "4.7.5" */
	const char *text;
};

struct record {
	struct span queue_id; /* empty: shown as "NOQUEUE" */
	enum verdict verdict;
	struct reply reply;
	const struct plan *plan; /* never NULL */
	const struct route *
		route; /* what the rules made of it; NULL: there are none, or it never came so far */
	const struct facts *facts; /* or NULL; the OpenDKIM format names the client */
	size_t n_signed;	   /* signatures that the message now bears from us */
	unsigned risks;		   /* enum risk, or-ed */
	struct span mail_from;
	uint64_t body_bytes;
	const char *error; /* text of a fault of ours, or NULL */
	int64_t when;
};

/* No line is longer, of whatever format: a JSON line of the longest names and of nothing but bytes to escape. */
enum { RECORD_LINE_MAX = 48000 };

/* Append the message's line(s), no final newline. Hostile bytes are escaped (core/line.h). A line is at most 1,000
 * bytes, the rest is cut with "..."; a JSON line is whole instead, its strings are cut, and its lists
 * ("deliveries_more" and "dropped_more" say how many are missing).
 *
 * Plain, one line:
 *	QID: signed d=example.com s=rsa-1,ed-1 from=joe@example.com sender=<joe@example.com> trust="authenticated"
 *		body=1234 risks=8bit
 *	QID: would sign d=... s=... (observe) from=... sender=<...> trust="..."
 *	QID: not signed: REASON (DETAIL) from=... sender=<...> trust="..."
 *	QID: temporary failure: TEXT from=... sender=<...> trust="..."
 *	QID: rejected: TEXT from=... sender=<...> trust="..."
 *	QID: discarded: rules leave no recipient from=... sender=<...>
 *	QID: sealed for=jim@example.com,john@example.com rule="bank mail" to=jim@example.com; not signed: ...
 *	QID: encrypted already | changed | not sealed: no certificate, each with rule= and to= as above; signed ...
 * " d=... s=..." comes once a domain; from= only where From: was understood; trust= only where the message is
 * trusted; body= and risks= only where the body was looked at and has some; warning="...", observe="..." and, where others
 * get the message, dropped=ann@example.com,... at the end.
 *
 * OpenDKIM: its own phrases, for the log readers that look for them; one line for each signature made ("QID:
 * DKIM-Signature field added (s=SEL, d=DOM)"), joined by LF; the plain line where it has no phrase.
 *
 * JSON: an object with queue_id, time, result ("signed", "would sign", "not signed", "temporary failure"),
 * signatures [{domain, selector, algorithm}], reason, detail, error, domain, from, sender, trust {trusted, source,
 * why}, body_bytes, risks, warning, dropped; what does not apply is left out. */
MUST_CHECK enum rc record_show(const struct record *r, enum conf_log_format format, struct buf *out,
			       struct err *err);
/* Rules changed the message or where it goes, or would have sealed it. */
bool record_is_routed(const struct record *r);
/* From: was read and gives an author. (The plan of a message that failed early is all zero.) */
bool record_has_author(const struct record *r);
/* The envelope sender without its angle brackets. */
struct span record_sender(const struct record *r);
/* The I-th recipient that rules have dropped, likewise. */
struct span record_dropped(const struct route *r, size_t i);
/* "long-line" */
const char *record_risk_name(enum risk risk);
/* "8bit,long-line"; "" when none. */
MUST_CHECK enum rc record_show_risks(unsigned risks, struct buf *out, struct err *err);
/* The severity of the line: faults of ours are errors, warnings warn, everything else is info. */
enum conf_log_level record_level(const struct record *r);

#endif
