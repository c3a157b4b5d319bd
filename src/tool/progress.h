/* tool/progress.h - how far a long work is: one line on a terminal, nothing elsewhere. One thread at a time. */
#ifndef TOOL_PROGRESS_H
#define TOOL_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tool/tool.h"

struct progress {
	bool on; /* standard error is a terminal, and --quiet was not given */
	bool shown;
	int64_t last_ms;
};

void progress_begin(struct progress *p, const struct tool *t);
/* WHAT (a path, say), DONE of ALL. Shown ten times a second at most. */
void progress_show(struct progress *p, const char *what, size_t done, size_t all);
/* Before anything else is written to standard error, and at the end. */
void progress_clear(struct progress *p);

#endif
