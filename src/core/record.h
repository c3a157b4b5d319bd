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

/* design 3.7: what may break a signature after us. */
enum risk {
	RISK_8BIT =
		1 << 0, /* "8bit": 8-bit bytes; a next hop without 8BITMIME forces a conversion */
	RISK_LONG_LINE = 1 << 1, /* "long-line": over 998 octets */
	RISK_BARE_CR = 1 << 2,	 /* "bare-cr" */
	RISK_BARE_LF = 1 << 3,	 /* "bare-lf" */
	RISK_NUL = 1 << 4	 /* "nul" */
};

enum verdict { VERDICT_ACCEPT, VERDICT_TEMPFAIL };

struct record {
	struct span queue_id; /* empty: shown as "NOQUEUE" */
	enum verdict verdict;
	const struct plan *plan;
	size_t n_signed; /* signatures that the message now bears from us */
	unsigned risks;	 /* enum risk, or-ed */
	struct span mail_from;
	uint64_t body_bytes;
	const char *error; /* text of a fault of ours, or NULL */
	int64_t when;
};

/* Append the message's line(s), no final newline. Plain and JSON are one line; the OpenDKIM format is one line
 * for each signature made ("QUEUEID: DKIM-Signature field added (s=SEL, d=DOM)"), joined by LF. Hostile bytes
 * are escaped; a line is at most 1,000 bytes (the rest is cut with "..."). */
MUST_CHECK enum rc record_show(const struct record *r, enum conf_log_format format, struct buf *out,
			       struct err *err);
/* "8bit,long-line"; "" when none. */
MUST_CHECK enum rc record_show_risks(unsigned risks, struct buf *out, struct err *err);
/* The severity of the line: faults of ours are errors, warnings warn, everything else is info. */
enum conf_log_level record_level(const struct record *r);

#endif
