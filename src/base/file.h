/* base/file.h - whole files, read with a bound and written so that a crash leaves old or new.
 * Thread rule: any thread; nothing is kept between calls. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"

/* Append the whole file (a regular file, FIFO or "-" for standard input) to OUT, whose maximum is
 * the bound; as it was on failure. RC_NOTFOUND, RC_PERM, RC_LIMIT, RC_IO, RC_INPUT (a directory, a
 * device), RC_AGAIN (no descriptor is left); the text names PATH. */
MUST_CHECK enum rc file_read(const char *path, struct buf *out, struct err *err);
/* The same of a regular file only, and never waiting: RC_INPUT for a pipe, and "-" is a file's name. For
 * names that somebody may have put into a file or a directory. */
MUST_CHECK enum rc file_read_regular(const char *path, struct buf *out, struct err *err);

/* First thing in main(). With 0, 1 or 2 closed, the next open() would get that number, and what is said would go into a
 * catalogue, a key file or a mail server's connection. They are opened in the wrong direction on purpose: writing to a
 * closed standard output stays an error. */
MUST_CHECK enum rc file_hold_standard(struct err *err);

/* Write PATH as a whole: temporary file in the same directory, fsync, rename over PATH (link, when
 * !REPLACE: RC_EXISTS if PATH is there), fsync of the directory. On failure nothing is left, unless
 * only the last fsync failed after a file was replaced. The umask does not matter; a symbolic link PATH is replaced itself. */
MUST_CHECK enum rc file_write_atomic(const char *path, struct span content, mode_t mode,
				     bool replace, struct err *err);

/* fsync the directory that holds PATH. */
MUST_CHECK enum rc file_sync_parent(const char *path, struct err *err);

/* Make every missing directory of PATH with exactly MODE (whatever the umask), durably. Directories
 * that are there are left alone; RC_EXISTS where a component is something else. */
MUST_CHECK enum rc file_mkdirs(const char *path, mode_t mode, struct err *err);

/* Is PATH safe to keep a secret in? Every component from / on, symbolic links followed, must belong
 * to root or OWNER and must not be writable by group or others (a sticky directory such as /tmp is
 * allowed above the last two components); the file itself must be regular, belong to root or OWNER
 * and grant others nothing, and group at most reading when the group is OWNER's own primary one.
 * RC_PERM: the text names the component, its owner and mode, and the command that mends it.
 * RC_NOTFOUND: it is not there. Symbolic links must belong to root or OWNER too. */
MUST_CHECK enum rc file_check_secret(const char *path, uid_t owner, struct err *err);

#endif
