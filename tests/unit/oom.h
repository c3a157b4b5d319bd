/* tests/unit/oom.h - the n-th allocation from now on fails.
 *
 * Of a program that is linked with WRAP_ALLOCATIONS (tests/unit/core.inc): our own code's allocations, and OpenSSL's once
 * ossl_watch_memory() was called. One thread. */
#ifndef UNIT_OOM_H
#define UNIT_OOM_H

#include <stdbool.h>

/* N more succeed, then one fails, then all succeed. */
void oom_after(long n);
/* None fails any more. Did one? */
bool oom_end(void);

#endif
