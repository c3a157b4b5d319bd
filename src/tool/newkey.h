/* tool/newkey.h - a new key pair as a selector: for setup and for "selector add". */
#ifndef TOOL_NEWKEY_H
#define TOOL_NEWKEY_H

#include "base/arena.h"
#include "base/attr.h"
#include "base/err.h"
#include "conf/conf.h"
#include "crypto/key.h"
#include "directory/directory.h"

/* A free name for a selector of ALG made on the day of NOW: "rsa-20261124", "ed-20261124", then with the suffix
 * b, c ... z. Names are never reused, not even those of removed selectors. RC_EXISTS when all are used. */
MUST_CHECK enum rc newkey_name(struct directory *d, const char *domain, enum dkim_alg alg,
			       int64_t now, char ret[64], struct err *err);

/* Store KEY, file first, and add its row as standby under NAME. Strings of *RET lie in ARENA. When the row
 * cannot be added, a key file that was not there before is deleted again. */
MUST_CHECK enum rc newkey_store(struct directory *d, const char *state_dir, const char *domain,
				const char *name, const struct key *key, int64_t now,
				struct arena *arena, struct selector *ret, struct err *err);

#endif
