/* core/route.h - what the rules make of one message: where it goes, in which contents, sealed for whom. Pure.
 *
 * Server rules run once; then, for each recipient's account, those of its domain and its own together, by priority.
 * The same snapshot, evidence and recipients give the same route.
 */
#ifndef CORE_ROUTE_H
#define CORE_ROUTE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/err.h"
#include "base/vec.h"
#include "conf/accounts.h"
#include "conf/rules.h"
#include "core/condition.h"

enum route_outcome {
	ROUTE_PASS,    /* no rule changes anything */
	ROUTE_EDIT,    /* one content for all who get it: contents[0], edited in place */
	ROUTE_DISCARD, /* nobody gets it */
	ROUTE_REJECT,  /* 550 5.7.1 TEXT */
	ROUTE_DEFER    /* 451 4.7.5 TEXT: a certificate is missing, or copies would be needed */
};

struct route_recipient {
	struct span given;	 /* as in RCPT TO: "<a@b>" or "a@b" */
	const struct span *args; /* ESMTP parameters */
	size_t n_args;
};

struct route_field {
	const char *name, *value; /* value with its leading space */
};

/* A content of the message: the message itself, or what is made of it. */
struct route_content {
	bool seal;
	bool was_encrypted; /* to be sealed, but it came encrypted: stored as it is */
	bool plain; /* to be sealed, but a certificate is missing and on_missing_certificate = "plain" */
	const char *const *accounts; /* sealed for: sorted, n_accounts */
	size_t n_accounts;
	const struct user_cert *const *certs; /* one for each account; of escrow: */
	size_t n_certs;
	struct cert *const *escrow; /* borrowed from the configuration */
	size_t n_escrow;
	const struct route_field *added; /* "Add Header", in their order */
	size_t n_added;
	const char *tag;	/* "Tag Subject"; NULL: none */
	const char *quarantine; /* reason; NULL: none */
};

struct route_delivery {
	const char *address; /* local@domain for RCPT TO, RFC 5321 quoting, no angle brackets */
	size_t recipient; /* for which of the message's recipients; SIZE_MAX: a server rule's own store */
	bool as_given;	/* that recipient's own address, untouched */
	bool extra;	/* a copy for somebody else: NOTIFY=NEVER, unless it is all that is left */
	size_t content; /* index */
	const char *mailbox;	 /* "~jim@example.com/INBOX": for people; NULL: nothing names one */
	const struct rule *rule; /* whose action; NULL: delivery as usual */
};

struct route {
	enum route_outcome outcome;
	const char *text;      /* REJECT, DEFER: for the sender and the log, one line */
	struct vec contents;   /* of struct route_content; [0] what stays in place */
	struct vec deliveries; /* of struct route_delivery, no address twice for one content */
	struct vec dropped;    /* of size_t: recipients that nothing is delivered for */
	const struct route_recipient *recipients; /* borrowed: who was decided for */
	const char *warning;			  /* expired certificates used, ...; or NULL */
	const char *
		observed; /* what would be done for accounts of domains with observe = true; or NULL */
};

/* One line of what happened, for `mailseal rule test`. */
enum trace_kind { TRACE_RECIPIENT, TRACE_CONDITION, TRACE_RULE, TRACE_ACTION };
struct route_trace_entry {
	enum trace_kind kind;
	size_t recipient;	 /* SIZE_MAX: the server's rules */
	const char *account;	 /* RECIPIENT: the account or address that was resolved */
	const struct rule *rule; /* RULE, CONDITION, ACTION */
	const struct rule_condition *condition;
	enum truth held;		  /* RULE, CONDITION */
	struct span value;		  /* CONDITION: what decided */
	const struct rule_action *action; /* ACTION */
};
struct route_trace {
	struct vec v; /* of struct route_trace_entry */
};

/* Does it leave the message as it is? */
bool route_content_is_plain(const struct route_content *c);

void route_init(struct route *r);
void route_clear(struct route *r);

/* *RET_NEED other than NEED_NOTHING: not to be decided yet; call again when it is there. EVIDENCE holds the recipients'
 * spans too. TRACE may be NULL. Strings lie in EVIDENCE's arena and in the snapshot. RC_NOMEM; RC_LIMIT: more copies or
 * targets than allowed, the text says which. */
MUST_CHECK enum rc route_decide(struct evidence *evidence, const struct route_recipient *recipients,
				size_t n, struct route *ret, enum evidence_need *ret_need,
				struct route_trace *trace, struct err *err);

/* At RCPT: must this one recipient be refused already, whatever the message says? EVIDENCE without header. *RET is
 * ROUTE_PASS, ROUTE_REJECT or ROUTE_DEFER with *RET_TEXT. With ROUTE_PASS *RET_CONTENT tells what this recipient's content
 * will be, where that is certain: equal texts stand for equal contents; NULL: it depends on the message. */
MUST_CHECK enum rc route_early(struct evidence *evidence, const struct route_recipient *recipient,
			       enum route_outcome *ret, const char **ret_text,
			       const char **ret_content, struct err *err);

#endif
