/* tests/unit/fixture.h - the world of a message: configuration, catalogue and keys in a private directory, read by
 * the daemon's own code, with a clock that stands still. */
#ifndef UNIT_FIXTURE_H
#define UNIT_FIXTURE_H

#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/span.h"
#include "conf/snapshot.h"
#include "core/counters.h"
#include "core/session.h"
#include "directory/keystore.h"

#define FIXTURE_NOW 1750000000

struct fixture {
	char conf_path[512];
	struct snapshot_store *store;
	struct keycache *keys;
	struct counters counters;
	int64_t now;
	struct session_env env; /* of the above */
};

/* Write DIR/mailseal.conf (CONF behind a line that sets state_dir) and the catalogue, and load both. DIR must be there
 * and hold nothing. SELECTORS has lines "DOMAIN NAME ALG STATE NOT_BEFORE CREATED KEY"; KEY is "rsa", "ed25519", or
 * "missing" (no file for it); empty lines and those that begin with # are skipped. */
MUST_CHECK enum rc fixture_open(struct fixture *f, const char *dir, struct span conf,
				struct span selectors, struct err *err);
/* Replace the configuration, as a reload does. */
MUST_CHECK enum rc fixture_reload(struct fixture *f, struct span conf, struct err *err);
void fixture_close(struct fixture *f);

/* A recipient: what RCPT TO says, and (filled in) what it is answered. */
struct fixture_recipient {
	struct span given;
	struct span args[4]; /* ESMTP parameters */
	size_t n_args;
	enum verdict verdict;
	char reply[400]; /* "4.7.5 TEXT"; "" where it is taken */
};

/* One message as a mail server tells it. */
struct fixture_message {
	const char *host;
	enum client_kind client;
	uint8_t addr[16];
	uint16_t port;
	const char *
		macros[MACROS]; /* NULL: not sent; the queue id comes with the end of the headers */
	const char *mail_from;
	bool smtputf8;
	struct fixture_recipient *recipients; /* N_RECIPIENTS; none: <ann@example.net> */
	size_t n_recipients;
	struct span raw;    /* header, empty line, body; lines end in LF */
	bool bare_lf;	    /* send the body's LFs as they are, not as CRLF */
	size_t chunk;	    /* longest piece of the body; 0: 65535 */
	bool leading_space; /* SMFIP_HDR_LEADSPC */
};

/* A message from loopback with MAIL FROM:<joe@example.com>. */
struct fixture_message fixture_message(struct span raw);

/* From connect to the end of the message, as the daemon does it: a failure is told by session_fail(), the body is left
 * out where the end of the headers decides. *RET_EDITS is NULL then. Where every recipient was refused no DATA follows:
 * session_finish() has no record. */
enum session_next fixture_send(struct session *s, const struct fixture_message *m,
			       const struct edits **ret_edits);

#endif
