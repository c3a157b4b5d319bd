/* core/session.h - one connection of the mail server: events in, edits and a verdict out.
 *
 * The snapshot is pinned at MAIL and let go at the end of the message: a reload never changes a message that is
 * under way. Header and plan lie in one bounded arena, the body is never kept. No call logs, no call asks the MTA
 * for anything.
 *
 *	session_macro()*, session_connect(), session_helo(),
 *	{ session_mail(), session_rcpt()*, session_header()*, session_end_of_headers(),
 *	  session_body()*, session_end_of_message(), edits_apply(), session_finish(), session_release() }*
 *
 * Thread rule: one thread at a time for each session; sessions share nothing but the snapshot store, the key cache
 * and the counters. Every call after session_new() may come in any order: what comes out of turn is ignored or
 * ends the message with a temporary failure, never crashes.
 */
#ifndef CORE_SESSION_H
#define CORE_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/span.h"
#include "conf/snapshot.h"
#include "core/counters.h"
#include "core/edit.h"
#include "core/facts.h"
#include "core/record.h"
#include "directory/keystore.h"

/* What the pure part is given from outside. Must outlive every session. */
struct session_env {
	struct snapshot_store *store;
	struct keycache *keys;
	struct counters *counters;
	int64_t (*now)(void *ctx);
	void *now_ctx;
	bool sign_only; /* rules are left alone: `mailseal message sign` */
};

/* What is to be told to the MTA after an event. */
enum session_next {
	NEXT_GO_ON,    /* continue; at the end of the message: apply the edits, then accept */
	NEXT_ACCEPT,   /* nothing will be done with this message: its record is ready */
	NEXT_TEMPFAIL, /* the message gets a temporary failure: its record is ready */
	NEXT_REJECT,   /* it is refused for good: likewise */
	NEXT_DISCARD   /* it is taken and delivered to nobody: likewise */
};

struct session; /* opaque */

MUST_CHECK enum rc session_new(const struct session_env *env, struct session **ret,
			       struct err *err);
/* Ends a message under way as aborted. NULL is fine. */
struct session *session_free(struct session *s);

/* SMFIP_HDR_LEADSPC was negotiated. */
void session_set_leading_space(struct session *s, bool leading_space);
bool session_leading_space(const struct session *s);

/* Tell a macro before the event whose stage has it; VALUE is copied, VALUE.p == NULL forgets it. Macros of the
 * connection stay. Those of the message (i, auth) are forgotten at MAIL, those of TLS (verify, cert) at HELO, unless
 * they were told since the last event, so as that event's own. */
MUST_CHECK enum rc session_macro(struct session *s, enum macro m, struct span value,
				 struct err *err);

MUST_CHECK enum rc session_connect(struct session *s, struct span host, enum client_kind kind,
				   const uint8_t *addr, uint16_t port, struct err *err);
MUST_CHECK enum rc session_helo(struct session *s, struct span name, struct err *err);
/* Starts a message: forgets an unfinished one. ARGS: ESMTP parameters. RC_UNAVAIL when no snapshot is there. */
MUST_CHECK enum rc session_mail(struct session *s, struct span from, const struct span *args,
				size_t n_args, struct err *err);
/* The message's, empty where the mail server has not told it yet; good until the next macro or message. */
struct span session_queue_id(const struct session *s);
/* *RET: VERDICT_ACCEPT, or what this one recipient alone is answered with *RET_REPLY: it is none of the message's then. */
MUST_CHECK enum rc session_rcpt(struct session *s, struct span to, const struct span *args,
				size_t n_args, enum verdict *ret, struct reply *ret_reply,
				struct err *err);
MUST_CHECK enum rc session_header(struct session *s, struct span name, struct span value,
				  struct err *err);
/* Decides the plan. */
MUST_CHECK enum rc session_end_of_headers(struct session *s, enum session_next *ret,
					  struct err *err);
MUST_CHECK enum rc session_body(struct session *s, struct span piece, struct err *err);
/* Computes everything. On success *RET_EDITS (owned by the session until the next MAIL or session_release()) is what
 * to apply: every edit, or none. */
MUST_CHECK enum rc session_end_of_message(struct session *s, enum session_next *ret,
					  const struct edits **ret_edits, struct err *err);
/* A call above failed, or the MTA refused an edit: the record becomes a temporary failure with ERR's text. */
void session_fail(struct session *s, const struct err *err);
/* After NEXT_ACCEPT, NEXT_TEMPFAIL, session_fail() or applied edits: count the message, then hand out its record
 * (good until session_release(), the next MAIL, close or abort). NULL when no message is ready; counted once,
 * whatever is called twice. */
const struct record *session_finish(struct session *s);
/* The pinned snapshot: from MAIL until session_release(), the next MAIL, close or abort; or NULL. */
const struct snapshot *session_snapshot(const struct session *s);
/* The record has been written: let go of the message's memory and snapshot now, so that an idle connection holds on
 * to neither. A message that was not finished counts as aborted. */
void session_release(struct session *s);
/* The MTA gave the message up. A finished one stays finished. */
void session_abort(struct session *s);

#endif
