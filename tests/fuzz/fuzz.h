/* tests/fuzz/fuzz.h - what every fuzzer needs. */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/span.h"

/* One input; always 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Stop here unless the promise holds; never compiled away, as assert() is. */
#define PROMISE(held)                                                                              \
	do {                                                                                       \
		if (!(held)) {                                                                     \
			fprintf(stderr, "%s:%d: broken promise: %s\n", __FILE__, __LINE__, #held); \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/* INNER lies within OUTER. */
static inline bool fuzz_within(struct span inner, struct span outer)
{
	return inner.p >= outer.p && inner.p + inner.len <= outer.p + outer.len;
}

#endif
