/* core/expiry.h - which certificates of accounts end soon, and when that is said. Pure; any thread. */
#ifndef CORE_EXPIRY_H
#define CORE_EXPIRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "directory/directory.h"

/* "Soon" is the first of the thresholds. */
enum { EXPIRY_DAY = 86400, EXPIRY_SOON = 30 * EXPIRY_DAY };
/* Nobody has looked before. */
#define EXPIRY_NEVER INT64_MIN

/* The nearest threshold (30, 14, 7, 1 days before NOT_AFTER, 0: it has ended) that was passed after LAST and not after
 * NOW; -1: none. One look that comes late says the nearest one only; a clock that was set back says nothing twice. */
int expiry_crossed(int64_t not_after, int64_t last, int64_t now);

/* Does the end of RUN[I] matter to its account (RUN has N certificates, its whole run)? Not where another one goes on
 * from there: it has begun by then, and ends later. */
bool expiry_matters(const struct user_cert *run, size_t n, size_t i);

/* Of an account with at least one certificate. */
enum expiry_state {
	EXPIRY_GOOD,
	EXPIRY_ENDS_SOON, /* one is valid, and all is over within EXPIRY_SOON */
	EXPIRY_ENDED,	  /* none is valid, one was */
	EXPIRY_TO_COME	  /* all begin later */
};
enum expiry_state expiry_of_account(const struct user_cert *run, size_t n, int64_t now);

struct expiry_counts {
	size_t accounts, soon, ended, to_come;
};
struct expiry_counts expiry_count(const struct user_cert_list *l, int64_t now);

/* Whole days from NOW to NOT_AFTER, begun ones counted: 1 on the last day; 0 when it has ended. */
int64_t expiry_days(int64_t not_after, int64_t now);

#endif
