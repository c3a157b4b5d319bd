/* tool/certfile.h - may mail of an account be sealed for the certificate in this file? The reason if not, and what to do.
 *
 * Pure: the file is read and the clock is asked by the caller. */
#ifndef TOOL_CERTFILE_H
#define TOOL_CERTFILE_H

#include "crypto/cert.h"

struct certfile {
	struct cert **certs; /* the leaf first, then what came along */
	size_t n;
	bool has_key; /* a private key lies in the file too; nothing was taken from it */
};

/* RC_INPUT: no certificate can be read, or several leaves. Clear it after a failure too. */
MUST_CHECK enum rc certfile_read(struct span bytes, struct certfile *ret, struct err *err);
void certfile_clear(struct certfile *f);

/* cert_check() for any of ADDRESSES (of one account, its name first; NULL ends); WHY speaks of the name. */
enum cert_fault certfile_check(const struct cert *c, struct cert *const *chain, size_t n_chain,
			       const char *const *addresses, const struct trust_anchors *anchors,
			       bool pinned, int64_t now, char *why, size_t why_size);

struct certfile_question {
	const char *const *addresses; /* of the account, its name first; NULL ends */
	const struct trust_anchors *anchors;
	bool pin;   /* good without a path to one of them */
	bool force; /* good although it has ended */
	int64_t now;
};

/* The word that would make it good. */
enum certfile_remedy { REMEDY_NONE, REMEDY_PIN, REMEDY_FORCE };

struct certfile_verdict {
	enum cert_fault fault;
	enum certfile_remedy remedy;
};

/* Everything of cert_check(), for any of the addresses, and that it has not ended (not: that it is valid already).
 * RC_INPUT where no word helps, RC_REFUSED where the remedy does; the text says why, and what to do. *RET is filled
 * then too. */
MUST_CHECK enum rc certfile_judge(const struct certfile *f, const struct certfile_question *q,
				  struct certfile_verdict *ret, struct err *err);

#endif
