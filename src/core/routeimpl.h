/* core/routeimpl.h - what the parts of core/route share. Private to them.
 *
 * route.c: the road of a message; routepass.c: the rules of one account; routecontent.c: contents and who can open
 * them. */
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
	const char *why;
	size_t n_rejected;
	bool muted; /* observe: nothing that is decided counts, it is only told */
	struct err *err;
};

/* The rules of one account for one recipient (or of the server) under way. */
struct pass {
	const struct pass *outer; /* redirected from there */
	unsigned depth;
	size_t recipient;
	const struct account_target *target; /* NULL: the server's rules */
	struct mods mods;
	bool ended, discarded, rejected, stopped;
};

/* Strings in the arena; NULL when out of memory. */
char *route_text(struct router *r, const char *fmt, ...) PRINTF_LIKE(2, 3);
enum rc route_no_memory(struct router *r);

/* routepass.c: the server's rules (TARGET NULL), or those of an account and its domain. */
MUST_CHECK enum rc route_run(struct router *r, struct pass *p);
/* One address that mail is sent on to: its own rules where it is an account of ours, else a delivery. */
MUST_CHECK enum rc route_target(struct router *r, const struct pass *outer, size_t recipient,
				const struct account_target *t, const struct mods *mods,
				const struct rule *rule, bool extra);

/* routecontent.c */
MUST_CHECK enum rc route_deliver(struct router *r, struct route_delivery d,
				 const struct route_content *content);
/* In words, what would be delivered to ADDRESS; CONTENT NULL: nothing. */
MUST_CHECK enum rc route_observe(struct router *r, const char *address,
				 const struct route_content *content);
/* CONTENT becomes one that is sealed for OWNER and (not NULL, another one) ALSO. *RET_REJECTED: a certificate is
 * missing, and the domain says "reject"; "defer" sets r->defer. */
MUST_CHECK enum rc route_seal(struct router *r, const char *owner, const char *also,
			      struct route_content *content, bool *ret_rejected);
struct route_content route_content_of(const struct mods *m);

MUST_CHECK enum rc route_trace_add(struct router *r, struct route_trace_entry entry);

#endif
