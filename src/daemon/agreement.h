/* daemon/agreement.h - what each connection of the mail server agreed on.
 *
 * A mail server that keeps its connection for a further client (SMFIC_QUIT_NC) does not negotiate again. libmilter
 * closes the first client's session then as it closes a connection, and serves either from any thread.
 * Any thread; a fixed amount of memory. */
#ifndef DAEMON_AGREEMENT_H
#define DAEMON_AGREEMENT_H

#include <stdbool.h>

struct agreement {
	unsigned long quiet; /* the SMFIP_NR_* that were agreed on */
	bool leading_space;  /* SMFIP_HDR_LEADSPC */
	bool rcpt_args;	     /* SMFIF_ADDRCPT_PAR */
};

/* Every connection begins with it, so an older one at the same address is forgotten. */
void agreement_keep(const void *connection, struct agreement a);
/* False: unknown, also where another connection has taken the place since. */
bool agreement_recall(const void *connection, struct agreement *ret);

#endif
