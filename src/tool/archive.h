/* tool/archive.h - what "mailseal backup" makes: catalogue, key files and configuration in one SQLite database, which is
 * made and read in memory. It holds private keys: overwrite the bytes when they are done with. (What SQLite itself
 * has of them goes with the process.)
 *
 * PRAGMA application_id is ARCHIVE_APPLICATION_ID, user_version the format. Table archive has one row: when and by which
 * version it was made, of what, and a SHA-256 over that and over every file's row. Table file has a row for each file:
 * kind, name, mode, time, size, SHA-256, content. */
#ifndef TOOL_ARCHIVE_H
#define TOOL_ARCHIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"
#include "crypto/key.h"

/* "MSba" */
enum { ARCHIVE_APPLICATION_ID = 0x4d536261, ARCHIVE_FORMAT = 1 };

enum archive_kind {
	ARCHIVE_CATALOGUE, /* one, CATALOGUE_FILE */
	ARCHIVE_CONF,	   /* a path below the directory of the main configuration file */
	ARCHIVE_KEY,	   /* FINGERPRINT.pem */
	ARCHIVE_TRASH	   /* the same, of keys/trash; its time is that of the removal */
};

struct archive_head {
	int64_t made;
	const char *version;   /* of the mailseal that made it */
	const char *conf_name; /* which of the configuration files is the main one */
	const char *state_dir; /* where the state was */
};

struct archive_file {
	enum archive_kind kind;
	const char *name;
	unsigned mode;
	int64_t time; /* of the last change */
	size_t size;
	int64_t row;
};

/* ---- making ---- */

struct archive_writer; /* opaque */
MUST_CHECK enum rc archive_begin(const struct archive_head *head, struct archive_writer **ret,
				 struct err *err);
/* F->size and F->row are not looked at. RC_INPUT: a name that no archive may have; RC_EXISTS; RC_LIMIT. */
MUST_CHECK enum rc archive_add(struct archive_writer *w, const struct archive_file *f,
			       struct span content, struct err *err);
/* The whole; good until archive_writer_free(). Nothing may be added after it. */
MUST_CHECK enum rc archive_end(struct archive_writer *w, struct span *ret, struct err *err);
struct archive_writer *archive_writer_free(struct archive_writer *w);

/* ---- reading ---- */

struct archive; /* opaque */
/* BYTES and NAME, which begins every text, must stay until archive_free(). Nobody needs to trust them: names, types, sizes
 * and every hash are checked, and the work is bounded by the number of bytes. RC_INPUT says what is wrong. */
MUST_CHECK enum rc archive_open(struct span bytes, const char *name, struct archive **ret,
				struct err *err);
struct archive *archive_free(struct archive *a);
const struct archive_head *archive_head(const struct archive *a);
/* Its files of KIND, sorted by name (bytewise): *RET_N from the returned one. */
const struct archive_file *archive_run(const struct archive *a, enum archive_kind kind,
				       size_t *ret_n);
/* Is there a key (KIND: of which place) with this fingerprint? */
bool archive_has_key(const struct archive *a, enum archive_kind kind, const char *fingerprint);
/* Append its content to OUT. */
MUST_CHECK enum rc archive_content(struct archive *a, const struct archive_file *f, struct buf *out,
				   struct err *err);
/* The private key of F, a key of either kind. RC_INPUT unless it has the fingerprint of its name. */
MUST_CHECK enum rc archive_key(struct archive *a, const struct archive_file *f, struct key **ret,
			       struct err *err);

struct archive_summary {
	size_t selectors, certificates; /* of accounts */
	size_t keys, trash, conf_files;
	size_t without_key; /* selectors that are not revoked, and whose key is not in it */
};
/* Would it restore? The catalogue must open and be sound, each key be one and have the fingerprint of its name. */
MUST_CHECK enum rc archive_check(struct archive *a, struct archive_summary *ret, struct err *err);

#endif
