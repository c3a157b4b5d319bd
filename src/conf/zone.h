/* conf/zone.h - a time zone that is read once and then only looked at. RFC 8536.
 *
 * The C library has one zone for the whole process (TZ); a snapshot has its own. Immutable; any thread. */
#ifndef CONF_ZONE_H
#define CONF_ZONE_H

#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/err.h"

struct zone; /* opaque */

/* NAME: "Europe/Berlin", "UTC"; "": the system's (/etc/localtime; UTC where there is none). In ARENA. RC_NOTFOUND: no
 * such zone; RC_INPUT: the name leads out of the zone directory, or the file is no TZif. */
MUST_CHECK enum rc zone_read(const char *name, struct arena *arena, const struct zone **ret,
			     struct err *err);

/* Seconds east of UTC at WHEN. */
int32_t zone_offset(const struct zone *z, int64_t when);

struct zone_time {
	int64_t year;
	int month, day;	   /* 1..12, 1..31 */
	int weekday;	   /* 0 = Sunday */
	int second_of_day; /* 0..86399 */
};
void zone_time(const struct zone *z, int64_t when, struct zone_time *ret);
/* The instant at which the clock of Z shows CIVIL (seconds since 1970-01-01 00:00, counted as if it were UTC); of two
 * the earlier one, in a gap the one that the offset before it gives. */
int64_t zone_instant(const struct zone *z, int64_t civil);

#endif
