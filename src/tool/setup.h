/* tool/setup.h - the part of setup that works on state, as the configured user. */
#ifndef TOOL_SETUP_H
#define TOOL_SETUP_H

#include "tool/tool.h"

/* Makes the selectors that DOMAIN (a const char *, the context) lacks: one of each configured algorithm, standby.
 * REPLY gets JSON: {"made": [NAME...], "kept": [NAME...], "wanted": [ALGORITHM...], "zone": TEXT, "web": TEXT,
 * "records": [...]}; "wanted" is what --dry-run would make. On failure nothing of this run stays. */
MUST_CHECK enum rc setup_selectors(struct tool *t, void *ctx, struct buf *reply, struct err *err);

#endif
