/* core/counters.h - what happened since the daemon started. Any thread; each is exact, together they are not one
 * moment.
 *
 * Every message that reached its end is counted as exactly one of SIGNED, an UNSIGNED_ one, TEMPFAILED, REJECTED or
 * DISCARDED; one that did not is ABORTED. */
#ifndef CORE_COUNTERS_H
#define CORE_COUNTERS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum counter {
	COUNT_CONNECTIONS,
	COUNT_MESSAGES, /* that reached their end */
	COUNT_SIGNED,	/* messages */
	COUNT_SIGNATURES,
	COUNT_UNSIGNED_NOT_TRUSTED,
	COUNT_UNSIGNED_FROM,
	COUNT_UNSIGNED_NO_DOMAIN,
	COUNT_UNSIGNED_DISABLED,
	COUNT_UNSIGNED_LOCAL,
	COUNT_UNSIGNED_SENDER_MISMATCH,
	COUNT_UNSIGNED_NO_SELECTOR,
	COUNT_UNSIGNED_EXISTING,
	COUNT_UNSIGNED_TOO_LARGE,
	COUNT_UNSIGNED_ERROR,	 /* a fault of ours and sign.on_error = "unsigned" */
	COUNT_UNSIGNED_OBSERVED, /* would have been signed; observe = true */
	COUNT_TEMPFAILED,
	COUNT_REJECTED,
	COUNT_DISCARDED,
	COUNT_SEALED,		  /* messages, signed or not */
	COUNT_ENCRYPTED_ALREADY,  /* were to be sealed and came encrypted */
	COUNT_STORED_CLEAR,	  /* were to be sealed, on_missing_certificate = "plain" */
	COUNT_RECIPIENTS_REFUSED, /* at RCPT */
	COUNT_ABORTED,
	COUNT_RISKY, /* messages with a risk word */
	COUNT_RELOADS,
	COUNT_RELOADS_FAILED,
	COUNTERS
};

struct counters {
	_Atomic uint64_t at[COUNTERS];
};

void counters_add(struct counters *c, enum counter which, uint64_t n);
uint64_t counters_get(const struct counters *c, enum counter which);
struct record;
/* Count one message that reached its end. */
void counters_message(struct counters *c, const struct record *r);
/* "unsigned_not_trusted"; stable words. */
const char *counter_name(enum counter which);

#endif
