/* core/transit.h - one message on its way through us: who signs, who it is sealed for, what the mail server is asked.
 *
 *	transit_begin(), transit_rcpt()*, transit_headers(), transit_body()*, transit_end(), transit_clear()
 *
 * Decided at the end of the header where the rules allow it, else when enough of the body is there; what came until then
 * is kept (spool.memory, then spool.dir). Sealed first, then signed: the signature covers what leaves. Pure but for the key
 * cache and the spool. ERR is never NULL. One thread at a time. */
#ifndef CORE_TRANSIT_H
#define CORE_TRANSIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/err.h"
#include "conf/snapshot.h"
#include "core/edit.h"
#include "core/plan.h"
#include "core/record.h"
#include "core/route.h"
#include "core/sealer.h"
#include "core/signer.h"
#include "directory/keystore.h"
#include "mail/field.h"

enum transit_state {
	TRANSIT_HEADER, /* before its end */
	TRANSIT_WAIT,	/* the rules need more of the body */
	TRANSIT_BODY,	/* it is decided, and something will be done at the end */
	TRANSIT_DONE	/* verdict and reply are final */
};

struct transit {
	/* given */
	const struct snapshot *snap;
	struct keycache *keys;
	const struct facts *facts;
	const struct fields *fields; /* the caller's, filled until transit_headers() */
	struct arena *arena;
	bool too_large; /* the header is not whole */
	bool sign_only; /* the rules are left alone */
	int64_t now;

	enum transit_state state;
	enum verdict verdict;
	struct reply reply;
	struct plan plan;
	struct route route;
	bool routed; /* rules were asked, and ROUTE says what they made of it */
	size_t n_signed;
	uint64_t body_bytes;
	struct edits edits;

	/* private */
	struct arena *values; /* of conditions */
	struct evidence evidence;
	struct vec recipients; /* of struct route_recipient */
	const char *content;   /* of those, as far as it was certain at RCPT; or NULL */
	enum evidence_need need;
	struct spool *waiting;
	struct buf beginning;
	struct fields outgoing;
	bool changed; /* OUTGOING differs from FIELDS */
	bool signs, seals;
	struct signer signer;
	struct sealer sealer;
};

/* All zero before, but for sign_only. SNAP, FACTS, FIELDS and ARENA must outlive T. */
MUST_CHECK enum rc transit_begin(struct transit *t, const struct snapshot *snap,
				 struct keycache *keys, const struct facts *facts,
				 const struct fields *fields, struct arena *arena, struct err *err);
/* A recipient; ACCEPT false: it is refused with REPLY for itself alone (VERDICT_REJECT or VERDICT_TEMPFAIL), and forgotten.
 * That happens in SMTP sessions only. From a mail server (no AUTH), a recipient who certainly needs another content than
 * one before is put off with 4.5.3 (RFC 5321 4.5.3.1.10): it comes in a message of its own, and no copy is needed. */
MUST_CHECK enum rc transit_rcpt(struct transit *t, struct span given, const struct span *args,
				size_t n_args, int64_t now, enum verdict *ret,
				struct reply *ret_reply, struct err *err);
MUST_CHECK enum rc transit_headers(struct transit *t, int64_t now, struct err *err);
MUST_CHECK enum rc transit_body(struct transit *t, struct span piece, struct err *err);
/* VERDICT_ACCEPT: T->edits is all that is to be asked for. */
MUST_CHECK enum rc transit_end(struct transit *t, struct err *err);
void transit_clear(struct transit *t);

#endif
