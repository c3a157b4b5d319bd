/* core/routeimpl.h - what the parts of core/route share. Private to them.
 *
 * route.c: the road of a message; routename.c: recipients in odd forms; routepass.c: the rules of one account;
 * routecontent.c: contents and who can open them. */
#ifndef CORE_ROUTEIMPL_H
#define CORE_ROUTEIMPL_H

#include "core/route.h"

/* What has been done to the message so far: copied whenever it changes. */
struct mods {
	const struct route_field *added;
	size_t n_added;
	const char *tag, *quarantine;
};

struct router {
	struct evidence *e;
	struct arena *arena;
	const struct route_recipient *recipients;
	size_t n_recipients;
	struct route *route;
	struct route_trace *trace;
	enum evidence_need need; /* NEED_NOTHING, or why it stopped */
	const char *defer;	 /* first text of a temporary failure; NULL: none */
	const char *reject;	 /* first text of a rejection */
	bool *got;		 /* for each recipient: something is delivered for it */
	size_t n_to_tell; /* so many recipients are rejected whose sender wants to hear of it */
	bool muted;	  /* observe: nothing that is decided counts */

	/* of the recipient under way */
	const struct seen *seen; /* whose rules have been asked */
	bool refused;	      /* its own rules, or those of an account that it stands for, reject */
	bool refused_further; /* those of an account that rules send it on to do */
	struct err *err;
};

struct seen {
	const struct seen *next;
	const char *account;
};

/* The rules of one account for one recipient (or of the server) under way. */
struct pass {
	const struct pass *outer; /* redirected from there */
	unsigned depth;
	size_t recipient;
	const struct account_target *target; /* NULL: the server's rules */
	struct mods mods;
	const struct rule *rule; /* that sent it here; NULL: none */
	bool extra;		 /* a copy for somebody else: NOTIFY=NEVER */
	bool ended, discarded, rejected;
};

/* Strings in the arena; NULL when out of memory. */
char *route_text(struct router *r, const char *fmt, ...) PRINTF_LIKE(2, 3);
enum rc route_no_memory(struct router *r);

/* routepass.c: the server's rules (TARGET NULL), or those of an account and its domain. */
MUST_CHECK enum rc route_run(struct router *r, struct pass *p);
/* P->target: its own rules where it is an account of ours, else a delivery. The rest of P says how it came there. */
MUST_CHECK enum rc route_target(struct router *r, struct pass *p);

/* Does an active rule of DOMAIN, or of ACCOUNT in it, seal? Not so while the domain is only observed. */
bool route_seals(const struct router *r, const struct conf_domain *domain, const char *account);

/* routename.c: GIVEN (READ: as RFC 5321 reads it; NULL: it does not) may stand for another account to the mail server
 * than it does to us. *RET: why no message is taken for it; NULL: it is. */
MUST_CHECK enum rc route_loose_name(struct router *r, struct span given, const struct mailbox *read,
				    const char **ret);

/* routecontent.c */
MUST_CHECK enum rc route_deliver(struct router *r, struct route_delivery d,
				 const struct route_content *content);
/* In words, what would be delivered to ADDRESS; CONTENT NULL: nothing. */
MUST_CHECK enum rc route_observe(struct router *r, const char *address,
				 const struct route_content *content);
/* In words, what else would be done. */
MUST_CHECK enum rc route_would(struct router *r, const char *text);

/* Why nothing is delivered. */
struct refusal {
	const char *text; /* what the sender is told; NULL: nothing is refused */
	bool later;	  /* for now only: where r is muted, else that is r->defer */
};

/* CONTENT becomes one that is sealed for OWNER and (not NULL, another one) ALSO. *RET: a certificate is missing, and the
 * domain says "reject"; "defer" sets r->defer. */
MUST_CHECK enum rc route_seal(struct router *r, const char *owner, const char *also,
			      struct route_content *content, struct refusal *ret);
struct route_content route_content_of(const struct mods *m);

MUST_CHECK enum rc route_trace_add(struct router *r, struct route_trace_entry entry);

#endif
