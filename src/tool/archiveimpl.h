/* tool/archiveimpl.h - what making and reading an archive have in common: for archive*.c alone. */
#ifndef TOOL_ARCHIVEIMPL_H
#define TOOL_ARCHIVEIMPL_H

#include <sqlite3.h>

#include "tool/archive.h"

/* The schema of ARCHIVE_FORMAT. */
extern const char archive_sql[];

/* As archive_open() was given it. */
const char *archive_name(const struct archive *a);
const char *archive_kind_word(enum archive_kind kind);
/* RC_INPUT: NAME is not one that a file of KIND may have; MODE or SIZE are out of bounds. */
MUST_CHECK enum rc archive_check_file(enum archive_kind kind, const char *name, int64_t mode,
				      size_t size, struct err *err);
/* SHA-256 over HEAD and what DB says of every file. */
MUST_CHECK enum rc archive_manifest(sqlite3 *db, const struct archive_head *head,
				    char ret[SHA256_HEX_SIZE], struct err *err);

#endif
