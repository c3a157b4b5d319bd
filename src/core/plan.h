/* core/plan.h - what will be done with one message, decided at the end of its headers.
 *
 * plan_decide() is pure and total: the same snapshot, facts, fields and time give the same plan, and every
 * message gets one, with the reason when it is not signed.
 */
#ifndef CORE_PLAN_H
#define CORE_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/err.h"
#include "conf/snapshot.h"
#include "core/facts.h"
#include "core/trust.h"
#include "mail/from.h"

/* Why a message is not signed. The names (plan_reason_name) are stable words for logs, JSON and counters. */
enum plan_reason {
	REASON_NONE,		/* it will be signed */
	REASON_NOT_TRUSTED,	/* "not trusted" */
	REASON_FROM,		/* "From": missing, repeated, empty, ambiguous, ...; detail says */
	REASON_NO_DOMAIN,	/* "domain not ours" */
	REASON_DISABLED,	/* "disabled": sign.enabled = false, or mode is not "enabled" */
	REASON_LOCAL,		/* "local mail": sign.local = false */
	REASON_SENDER_MISMATCH, /* "sender mismatch": trust.sender_match = "require" */
	REASON_NO_SELECTOR,	/* "no active selector": sign.before_dns */
	REASON_EXISTING,	/* "signed already": sign.existing = "keep" */
	REASON_TOO_LARGE,	/* "too large": limits.headers */
	REASON_ERROR,		/* "error": a fault of ours; sign.on_error */
	REASONS
};

/* d= is domain->sign_domain, and the selectors are those that the catalogue has for that name. */
struct plan_signature {
	const struct conf_domain *domain;
	const struct selector *selector;
	struct dkim_policy policy; /* ulabels cleared unless the mail is SMTPUTF8 */
};

struct plan {
	enum plan_reason reason;
	char detail[256]; /* one line: what exactly, for people */
	bool tempfail;	  /* sign.before_dns = "tempfail" applies */
	struct trust trust;
	struct from from;
	const struct conf_domain *domain; /* whose mail it is; NULL when none of ours */
	struct plan_signature
		*signatures; /* own domain first (topmost on the message), then sign.also */
	size_t n_signatures;
	bool check_existing; /* DKIM-Signature fields are there and sign.existing = "keep": those with our d= are
			      * to be verified while the body goes by */
	const char *
		warning; /* sender mismatch under "warn", a domain of sign.also that cannot sign; or NULL */
	bool sendmail; /* whose habits the risks are to be held against */
	bool observe;  /* the domain has observe = true: log what would be done, do nothing */
};

/* The first reason that applies, in the order of enum plan_reason. RC_NOMEM only. Strings lie in ARENA, domains and
 * selectors in SNAP. */
MUST_CHECK enum rc plan_decide(const struct snapshot *snap, const struct facts *facts,
			       const struct fields *fields, int64_t now, struct arena *arena,
			       struct plan *ret, struct err *err);

/* The message is not signed after all: REASON with its detail. */
void plan_refuse(struct plan *p, enum plan_reason reason, const char *fmt, ...) PRINTF_LIKE(3, 4);

const char *plan_reason_name(enum plan_reason r);

#endif
