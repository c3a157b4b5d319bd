/* tool/msgfile.h - a message in a file: its header in memory, its body piece by piece.
 *
 * Memory does not grow with the body. One thread at a time. */
#ifndef TOOL_MSGFILE_H
#define TOOL_MSGFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"
#include "mail/field.h"
#include "smime/detect.h"

enum { MSGFILE_HEADER_MAX = 4 << 20 };

struct msgfile {
	const char *name; /* for texts; borrowed */
	struct fields fields;
	struct span
		header; /* as it stands, a line of an mbox too, without the empty line behind it */
	bool crlf;	/* the first line ends in CRLF */
	/* private */
	struct arena *arena;
	struct buf begin; /* what was read to find the end of the header */
	size_t body_at;	  /* in BEGIN; in the file behind FROM */
	size_t body_pos;  /* octets of the body that were read */
	int fd;
	bool own_fd, is_file;
	off_t from; /* where the message begins in a file */
};

/* PATH ("-": standard input) is a file or a pipe. TWICE: its body will be read more than once; what comes by a pipe is
 * kept for that in a file without a name in the directory for temporary files. RC_INPUT: empty, a directory, a device;
 * RC_LIMIT: a header of more than MSGFILE_HEADER_MAX; RC_NOTFOUND, RC_PERM, RC_IO. The texts name PATH. */
MUST_CHECK enum rc msgfile_open(struct msgfile *m, const char *path, bool twice, struct err *err);
/* The same of FD, a regular file, which stays the caller's. */
MUST_CHECK enum rc msgfile_attach(struct msgfile *m, int fd, const char *name, struct err *err);
/* After msgfile_open() and msgfile_attach(), whatever they returned. */
void msgfile_close(struct msgfile *m);

/* Everything before the body: header, empty line. */
struct span msgfile_before_body(const struct msgfile *m);
/* Up to SIZE octets of the body, as they stand; *RET_LEN 0 at the end. */
MUST_CHECK enum rc msgfile_read(struct msgfile *m, char *room, size_t size, size_t *ret_len,
				struct err *err);
/* To the beginning of the body. */
MUST_CHECK enum rc msgfile_rewind(struct msgfile *m, struct err *err);
/* Is it encrypted, or signed, already? The body is at its beginning afterwards. */
MUST_CHECK enum rc msgfile_security(struct msgfile *m, enum security *ret, struct err *err);

/* The pieces of a header, field by field. */
struct msgfile_pieces {
	const struct fields *fields;
	struct span rest;
	size_t i;
};
/* PIECES begins with {FIELDS, HEADER}. *RET_TEXT: the lines of the next one, line ends and all; *RET_FIELD what it is,
 * NULL for a line of an mbox. False: no more. */
bool msgfile_next_piece(struct msgfile_pieces *pieces, const struct field **ret_field,
			struct span *ret_text);

#endif
