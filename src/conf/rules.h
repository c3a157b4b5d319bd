/* conf/rules.h - the rules of the configuration: what they ask and what they do, checked and sorted.
 *
 * Everything lies in the configuration's arena and never changes: any thread may read. Evaluation is core/route.
 *
 *	rules = ( { name = "..."; level = "account"; owner = "john@example.com"; priority = 5;
 *		    when = ( ("From", "in", "*@bank.example"), ... );
 *		    do = ( ("Store Encrypted in", "INBOX"), ("Discard") ); }, ... );
 *
 * Within `domains = ( { rules = ( ... ); } )` level is "domain" unless said otherwise, and owner the domain's name.
 */
#ifndef CONF_RULES_H
#define CONF_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/span.h"

struct conf;
struct conf_domain;

enum rule_level { RULE_SERVER, RULE_DOMAIN, RULE_ACCOUNT };

/* In the order of their names (rule_condition_name()). */
enum condition_kind {
	COND_FROM,	    /* "From": the addresses of From: */
	COND_SENDER,	    /* "Sender" */
	COND_RETURN_PATH,   /* "Return-Path": MAIL FROM; "<>" for the null sender */
	COND_TO,	    /* "To" */
	COND_CC,	    /* "Cc" */
	COND_REPLY_TO,	    /* "Reply-To" */
	COND_ANY_TO_OR_CC,  /* "Any To or Cc" */
	COND_EACH_TO_OR_CC, /* "Each To or Cc" */
	COND_FROM_NAME,	    /* "From Name": display names, decoded (RFC 2047) */
	COND_SUBJECT,	    /* "Subject": decoded */
	COND_MESSAGE_ID,    /* "Message-ID": without its angle brackets */
	COND_SIZE,	    /* "Message Size": header and body, line ends CRLF */
	COND_HEADER_FIELD,  /* "Header Field": each whole "Name: value", unfolded and decoded */
	COND_ANY_RECIPIENT, /* "Any Recipient": RCPT TO as given */
	COND_EACH_RECIPIENT,
	COND_HUMAN,	     /* "Human Generated": no operator, no value */
	COND_SECURITY,	     /* "Security": "encrypted", "signed" */
	COND_SOURCE,	     /* "Source": "trusted", "authenticated", "local", "relayed" */
	COND_SUBMIT_ADDRESS, /* "Submit Address": the client's IP address */
	COND_TIME_OF_DAY,    /* "Time Of Day": "HH:MM" or "HH:MM:SS" in conf->zone */
	COND_DATE, /* "Current Date": "1 Feb 2027" or "1 Feb 2027 14:30:00" in conf->zone */
	COND_DAY,  /* "Current Day": "Mon" ... "Sun" */
	CONDITIONS
};

enum condition_op { OP_NONE, OP_IS, OP_IS_NOT, OP_IN, OP_NOT_IN, OP_LESS, OP_GREATER };

struct rule_condition {
	enum condition_kind kind;
	enum condition_op op;
	const char *text; /* as written, for people */
	const char *const *
		pictures; /* IS and IS_NOT: one; IN and NOT_IN: those of the list, trimmed, empty ones
				      * dropped; NULL ends. NULL where the kind takes none. For days their names */
	int64_t number;	  /* LESS, GREATER: bytes, seconds of the day, or a time since the epoch */
};

enum action_kind {
	ACTION_STORE_ENCRYPTED, /* "Store Encrypted in", BOX */
	ACTION_STORE,		/* "Store in", BOX */
	ACTION_DISCARD,		/* "Discard" */
	ACTION_STOP,		/* "Stop Processing" */
	ACTION_REJECT,		/* "Reject with", TEXT */
	ACTION_ADD_HEADER,	/* "Add Header", "Name: value" */
	ACTION_TAG_SUBJECT,	/* "Tag Subject", TEXT */
	ACTION_REDIRECT,	/* "Redirect To", ADDRESSES */
	ACTION_MIRROR,		/* "Mirror To", ADDRESSES */
	ACTION_QUARANTINE,	/* "Quarantine", TEXT (optional) */
	ACTIONS
};

/* A mailbox: BOX of ACCOUNT. */
struct rule_mailbox {
	const char *
		account; /* "jim@example.com", a domain of the configuration; NULL: of the account for which the
			      * rule runs */
	const char *box; /* "INBOX" (that spelling whatever was written), "Bank/2026" */
};

struct rule_action {
	enum action_kind kind;
	struct rule_mailbox mailbox; /* STORE, STORE_ENCRYPTED */
	const char *
		text; /* REJECT, TAG_SUBJECT, QUARANTINE: text; ADD_HEADER: the value, with its leading space */
	const char *field;	      /* ADD_HEADER: the name */
	const char *const *addresses; /* REDIRECT, MIRROR: local@domain (A-labels); NULL ends */
};

enum { RULE_INACTIVE = 0, RULE_HIGHEST = 10 };

struct rule {
	enum rule_level level;
	const char *name;
	const char *
		owner; /* RULE_SERVER: ""; RULE_DOMAIN: a domain's name; RULE_ACCOUNT: local@domain-name */
	unsigned priority; /* RULE_INACTIVE, 1..9, RULE_HIGHEST */
	unsigned order;	   /* place in the files: ties of priority */
	const struct rule_condition *when;
	size_t n_when;
	const struct rule_action *todo;
	size_t n_todo;
	bool keep_clear;
	const char *file;
	unsigned line;
};

/* All rules, sorted by level, owner (bytewise, local parts in lower case), priority (the highest first), then the order
 * of the files. Inactive ones are there, at the end of each run. */
struct rules {
	const struct rule *at;
	size_t n;
	bool seal; /* an active one has "Store Encrypted in" */
};

/* The run of rules of LEVEL and OWNER; inactive ones left out. Logarithmic. */
const struct rule *rules_of(const struct rules *r, enum rule_level level, const char *owner,
			    size_t *ret_n);

/* "Any To or Cc", "is not", "Store Encrypted in", "account": the words of the configuration. */
const char *condition_name(enum condition_kind k);
const char *condition_op_name(enum condition_op op);
const char *action_name(enum action_kind k);
const char *rule_level_name(enum rule_level l);

/* May rules of WHO (an account, local@domain) store into BOX of ACCOUNT? mailboxes.shared, and one's own. */
bool rules_may_store(const struct conf *c, const char *who, const char *account, const char *box);

#endif
