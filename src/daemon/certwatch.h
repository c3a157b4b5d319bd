/* daemon/certwatch.h - says in the log which certificates of accounts end soon: 30, 14, 7 and 1 days before, and when they
 * have ended; each once. Thread rule: the reloader's thread alone. */
#ifndef DAEMON_CERTWATCH_H
#define DAEMON_CERTWATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/snapshot.h"

/* All zero: nothing was looked at yet. */
struct certwatch {
	struct snapshot *seen; /* what was looked at last: a certificate that is not in it is new */
	int64_t looked;	       /* when; never goes back */
	int64_t summed;	       /* when the accounts without a valid one were named last */
};

/* Look at SNAP. At most 20 lines and a count of the rest; once a day a line about the accounts whose certificates have
 * all ended. */
void certwatch_look(struct certwatch *w, struct snapshot *snap, int64_t now);
void certwatch_clear(struct certwatch *w);

#endif
