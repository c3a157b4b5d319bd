/* tests/unit/rulesroom.h - a world for rules, made of text: configuration, certificates of accounts (never opened, so that
 * none has to be made), and messages as the rules see them from RCPT to the end. Mistakes of the test end the program. */
#ifndef UNIT_RULESROOM_H
#define UNIT_RULESROOM_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "conf/snapshot.h"
#include "core/condition.h"
#include "core/route.h"

/* A certificate of ACCOUNT; its fingerprint begins with ID. */
struct room_cert {
	const char *account, *id;
	enum cert_kind kind;
	int64_t not_before, not_after;
};

struct room {
	struct conf *conf;
	struct snapshot snap;
	struct selector_list selectors;
	struct user_cert_list users;
};

enum { ROOM_NOW = 1750000000 };

/* CONF is read from a file below DIR (an "alias_maps = []" is put in front, unless it has one); it must be without
 * errors. CERTS are copied and sorted. */
void room_open(struct room *r, const char *dir, const char *conf, const struct room_cert *certs,
	       size_t n);
void room_close(struct room *r);

/* Rules and aliases in few words, as configuration appended to OUT. Each on a line:
 *	alias NAME = TARGETS
 *	NAME OWNER PRIORITY [if CONDITION & ...]: ACTION; ...
 * OWNER: "server", a domain or an account. CONDITION: "Message Size|less than|25MB", "Human Generated", or "subject PICTURE".
 * ACTION: seal BOX, store BOX, discard, stop, reject TEXT, add LINE, tag TEXT, to ADDRESSES, mirror ADDRESSES, hold [TEXT]. */
void room_rules(const char *text, struct buf *out);

/* One message. What is left out is a message from outside to jim@example.com at ROOM_NOW. */
struct room_mail {
	const char *text;      /* header, empty line, body; LF or CRLF */
	struct span bytes;     /* the same where it may hold NUL; counts when TEXT is NULL */
	const char *mail_from; /* NULL: "<bob@else.example>" */
	const char *
		rcpt; /* apart by a space, ESMTP parameters behind a ';': "<a@b>;NOTIFY=NEVER <c@d>" */
	const char *client; /* an IP address, "unix" or "unknown"; NULL: "192.0.2.9" */
	enum trust_source source;
	int64_t now; /* 0: ROOM_NOW */
};

enum room_stage { STAGE_RCPT, STAGE_HEADER, STAGE_BEGINNING, STAGE_END, STAGES };

enum { ROOM_RCPT_MAX = 64 };

struct room_letter {
	struct arena *arena;
	struct fields fields;
	struct span body;
	struct facts facts;
	struct trust trust;
	struct span given[ROOM_RCPT_MAX];
	struct route_recipient rcpt[ROOM_RCPT_MAX];
	size_t n_rcpt;
	struct evidence evidence;
	int64_t size;
};

/* MAIL as the rules are shown it; the evidence is that of RCPT. */
void room_letter(struct room *r, const struct room_mail *mail, struct room_letter *ret);
/* What is known at STAGE is added to the evidence. */
void room_show(struct room_letter *l, enum room_stage stage);
/* The same letter, nothing seen and nothing remembered. */
void room_forget(struct room *r, const struct room_mail *mail, struct room_letter *l);
void room_letter_clear(struct room_letter *l);

#endif
