/* daemon/changes.h - what a load says: the problems of the files, and what differs from before. */
#ifndef DAEMON_CHANGES_H
#define DAEMON_CHANGES_H

#include <stddef.h>

#include "conf/snapshot.h"

/* One line a problem, "FILE:LINE: error: TEXT", with its level; the first hundred. */
void changes_log_problems(const struct conf_problems *problems);

/* Domains that came and went, and settings that wait for a restart. */
void changes_log(const struct snapshot *old, const struct snapshot *new_one);

/* "state 3: 2 domains, 4 selectors, 7 certificates (generation 17)", cut to SIZE. */
void changes_summary(const struct snapshot *snap, char *ret, size_t size);

#endif
