/* tool/ruletest.h - one message held against the rules, and what comes of it in words. */
#ifndef TOOL_RULETEST_H
#define TOOL_RULETEST_H

#include "base/buf.h"
#include "base/err.h"
#include "core/trust.h"
#include "tool/tool.h"

struct ruletest {
	struct tool *tool; /* for --rcpt and colours */
	struct span raw;
	const char *mail_from; /* NULL: that of From: */
	enum trust_source source;
	int64_t now;
	bool json;
	const struct snapshot *snap;
};

/* Append text or JSON to OUT. RC_INPUT: no recipient is known. */
MUST_CHECK enum rc ruletest_run(struct ruletest *r, struct buf *out, struct err *err);

#endif
