/* base/spool.h - bytes that are kept for a while: in memory up to a bound, past it in a file without a name.
 *
 * The file is made with mode 0600 in a directory that is given and has no name from the beginning (or loses it at once),
 * so that nothing is left behind whatever happens. One thread at a time.
 */
#ifndef BASE_SPOOL_H
#define BASE_SPOOL_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/span.h"

struct spool; /* opaque */

/* DIR is copied and used when more than MEMORY bytes come. */
MUST_CHECK enum rc spool_new(const char *dir, size_t memory, struct spool **ret, struct err *err);
/* Memory and file go. NULL is fine; always returns NULL. */
struct spool *spool_free(struct spool *s);

/* Append. RC_IO with the directory and the reason (disk full, no such directory, ...): the spool is worthless then. */
MUST_CHECK enum rc spool_add(struct spool *s, struct span piece, struct err *err);
uint64_t spool_size(const struct spool *s);

typedef enum rc spool_sink(void *ctx, struct span piece, struct err *err);
/* Everything from the beginning, in order, in pieces of at most PIECE bytes (1 to 65,536). Stops at the sink's first
 * error. May be called again; spool_add() may follow. */
MUST_CHECK enum rc spool_replay(struct spool *s, size_t piece, spool_sink *sink, void *ctx,
				struct err *err);

#endif
