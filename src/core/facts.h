/* core/facts.h - what the mail server told about a connection and a message, apart from the message itself.
 *
 * Filled by the session from milter events and macros (or by the tool from options); read by trust and plan.
 * Spans lie in the session's memory; a macro that the MTA did not send is an empty span with p == NULL.
 */
#ifndef CORE_FACTS_H
#define CORE_FACTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

enum client_kind {
	CLIENT_UNKNOWN, /* the MTA gave no address (Sendmail: local submission) */
	CLIENT_INET,	/* addr[0..3] */
	CLIENT_INET6,	/* addr[0..15] */
	CLIENT_UNIX	/* a unix socket */
};

/* The milter macros that are of interest. */
enum macro {
	MACRO_QUEUE_ID,	    /* i */
	MACRO_MTA_NAME,	    /* j */
	MACRO_MTA_VERSION,  /* v */
	MACRO_DAEMON_NAME,  /* {daemon_name} */
	MACRO_AUTH_TYPE,    /* {auth_type} */
	MACRO_AUTH_AUTHEN,  /* {auth_authen} */
	MACRO_VERIFY,	    /* {verify} */
	MACRO_CERT_SUBJECT, /* {cert_subject} */
	MACRO_CERT_ISSUER,  /* {cert_issuer} */
	MACRO_CN_SUBJECT,   /* {cn_subject} */
	MACRO_CN_ISSUER,    /* {cn_issuer} */
	MACROS
};
/* "i", "{daemon_name}": the MTA's own spelling. */
const char *macro_name(enum macro m);

struct facts {
	/* of the connection */
	enum client_kind client;
	uint8_t addr[16];
	uint16_t port; /* 0: Postfix says so for mail that did not come by SMTP */
	struct span host;
	struct span helo;
	struct span mta_name;	 /* macro j */
	struct span mta_version; /* macro v: "Postfix 3.7.11" */
	struct span daemon_name; /* {daemon_name} */
	/* of the message */
	struct span queue_id;		       /* macro i, from the first stage that has it */
	struct span auth_type;		       /* {auth_type} */
	struct span auth_authen;	       /* {auth_authen} */
	struct span verify;		       /* {verify}: OK, NO, FAIL, ... Sendmail only */
	struct span cert_subject, cert_issuer; /* CNs; from Sendmail whole names: "/O=Us/CN=joe" */
	struct span cn_subject, cn_issuer;     /* CNs, in xtext: "Our+20CA". Sendmail only */
	struct span mail_from;		       /* as given: "<a@b>", "a@b", "<>" or "" */
	bool smtputf8;			       /* MAIL parameter SMTPUTF8 */
	bool body_8bit;			       /* MAIL parameter BODY=8BITMIME */
};

/* Sendmail's macro v is its version alone: "8.17.1.9". It is asked for; where it was not given, nothing is known. */
bool facts_sendmail(const struct facts *facts);

#endif
