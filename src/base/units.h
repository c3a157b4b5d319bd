/* base/units.h - sizes and times as people write them. Pure. */
#ifndef BASE_UNITS_H
#define BASE_UNITS_H

#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

/* "25MB" = 25*10^6, "25MiB" = 25*2^20; B, kB (or KB), MB, GB, KiB, MiB, GiB; a bare number is
 * bytes. No sign, no fraction. RC_INPUT says what was expected; RC_LIMIT past INT64_MAX. */
MUST_CHECK enum rc units_size(struct span text, int64_t *ret_bytes, struct err *err);

/* "30s", "5m", "6h", "90d", "2w", several in a row ("1h30m", the larger unit first), or "0".
 * Seconds. A bare number other than 0 is refused: it has no unit. RC_INPUT, RC_LIMIT past INT64_MAX. */
MUST_CHECK enum rc units_duration(struct span text, int64_t *ret_seconds, struct err *err);

/* Exact, in d, h, m and s: 5184000 -> "60d", 90 -> "1m30s", 0 -> "0". units_duration() reads it
 * back. */
MUST_CHECK enum rc units_show_duration(int64_t seconds, struct buf *out, struct err *err);
/* Exact, in the largest unit that divides it: 1000000 -> "1MB", 1536 -> "1536B". */
MUST_CHECK enum rc units_show_size(int64_t bytes, struct buf *out, struct err *err);
/* UTC, "2026-11-24T12:00:00Z". RC_INPUT outside the years 0 to 9999. */
MUST_CHECK enum rc units_show_time(int64_t when, struct buf *out, struct err *err);

#endif
