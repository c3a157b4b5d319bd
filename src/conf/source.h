/* conf/source.h - the text of a configuration file with everything it includes, and where each line came from.
 * Private to src/conf.
 *
 * A line `@include "FILE"` is replaced by the lines of FILE before libconfig sees the text: libconfig would look for
 * FILE from the working directory of the process (1.5 cannot read an absolute name beside that), and its included
 * files would go past the scanner. A FILE that is not absolute lies beside the file that includes it.
 */
#ifndef CONF_SOURCE_H
#define CONF_SOURCE_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"
#include "base/vec.h"
#include "conf/conf.h"

enum { SOURCE_SIZE_MAX = 64 << 20, SOURCE_INCLUDES_MAX = 1000, SOURCE_DEPTH_MAX = 10 };

/* From line FIRST of the joined text on, up to the next run: line LINE of FILE and those after it. */
struct source_run {
	unsigned first;
	const char *file;
	unsigned line;
};

struct source {
	struct buf text;  /* joined */
	struct vec runs;  /* of struct source_run, at least one */
	struct vec texts; /* of unsigned: scan_init() */
	struct vec files; /* of const char *: what was read, in that order */
};

void source_init(struct source *s);
void source_clear(struct source *s);

/* Read PATH, which may be a pipe or "-" where ANY; what is included must be a regular file. Mistakes in it and in what it includes go to PROBLEMS; where there are any, S is not fit for libconfig.
 * File names lie in NAMES. Fails (with PROBLEMS as they were) when PATH itself cannot be read: RC_NOTFOUND, RC_PERM,
 * RC_INPUT, RC_LIMIT, RC_IO; and with RC_NOMEM. */
MUST_CHECK enum rc source_read(struct source *s, const char *path, bool any, struct arena *names,
			       struct conf_problems *problems, struct err *err);
/* TEXT as if it were the file NAME (which must live as long as S's users); no includes. */
MUST_CHECK enum rc source_of_text(struct source *s, const char *name, struct span text,
				  struct conf_problems *problems, struct err *err);

/* Of a line of the joined text: its file, and its line there. */
const char *source_place(const struct source *s, unsigned joined, unsigned *ret_line);
/* The text of that line, without white space at its ends. */
struct span source_line(const struct source *s, unsigned joined);

#endif
