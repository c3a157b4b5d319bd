/* tests/unit/iofault.h - the n-th call of a spool to its file fails: open(), pwrite(), pread().
 *
 * Of a program that is linked with WRAP_FILE_CALLS (tests/unit/core.inc). One thread. */
#ifndef UNIT_IOFAULT_H
#define UNIT_IOFAULT_H

#include <stdbool.h>
#include <stddef.h>

/* N more succeed, then one fails with WHY (errno), then all succeed. WHY 0: pwrite() and pread() do a part of it, to go
 * on from there. */
void iofault_after(long n, int why);
/* None fails any more. Did one? */
bool iofault_end(void);
/* Did one, since iofault_after()? */
bool iofault_failed(void);

/* Descriptors that are open, and files in DIR. */
size_t open_descriptors(void);
size_t files_in(const char *dir);

#endif
