/* directory/keystore.h - STATE_DIR/keys: one PEM PKCS#8 file a key, named by fingerprint, never changed in
 * place; STATE_DIR/keys/trash for removed ones. Thread rule: any thread.
 * Write order: key file first, then the row; removal the other way round. */
#ifndef DIRECTORY_KEYSTORE_H
#define DIRECTORY_KEYSTORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/vec.h"
#include "crypto/key.h"

/* Bytes that a key file may have. */
enum { KEY_FILE_MAX = 65536 };

/* 64 digits of lower-case hex, which become the name of a file. S may be NULL. */
bool fingerprint_valid(const char *s);

/* Makes STATE_DIR/keys (0700) and trash when missing. Writes fingerprint.pem 0600, synced. A file with that
 * fingerprint that is there already is a no-op. */
MUST_CHECK enum rc keystore_put(const char *state_dir, const struct key *k, struct err *err);
/* Owner (ours; for root the state directory's), mode and every path component are checked each time a file is loaded; the text names the
 * component at fault. RC_NOTFOUND, RC_PERM, RC_INPUT (not this key). */
MUST_CHECK enum rc keystore_get(const char *state_dir, const char *fingerprint, struct key **ret,
				struct err *err);
/* Move to trash/, and delete there what was moved more than 30 days before NOW. Missing: RC_NOTFOUND. */
MUST_CHECK enum rc keystore_trash(const char *state_dir, const char *fingerprint, int64_t now,
				  struct err *err);
/* Delete a key that nobody has seen yet: no trash. Missing: RC_NOTFOUND. */
MUST_CHECK enum rc keystore_discard(const char *state_dir, const char *fingerprint,
				    struct err *err);
/* Every fingerprint that has a file, sorted: RET is made a vec of char[SHA256_HEX_SIZE], to be cleared by the
 * caller; empty where no key was ever made. */
MUST_CHECK enum rc keystore_list(const char *state_dir, struct vec *ret, struct err *err);

/* For backup and restore, which work on files. */
enum keystore_place { KEYSTORE_KEYS, KEYSTORE_TRASH };
MUST_CHECK enum rc keystore_list_place(const char *state_dir, enum keystore_place place,
				       struct vec *ret, struct err *err);
/* The file's path, to be freed, whether it is there or not. RC_INPUT: not a fingerprint. */
MUST_CHECK enum rc keystore_path(const char *state_dir, enum keystore_place place,
				 const char *fingerprint, char **ret, struct err *err);
/* The file as it is, checked as by keystore_get(), appended to PEM (wipe it), and the time it was last changed: in the
 * trash, that of its removal. */
MUST_CHECK enum rc keystore_read(const char *state_dir, enum keystore_place place,
				 const char *fingerprint, struct buf *pem, int64_t *ret_time,
				 struct err *err);

/* Parsed keys of the whole process by fingerprint: bounded, filled on first use by one thread while others that
 * want the same key wait for it, thread safe. A failure is remembered for RETRY seconds (10), so that a broken
 * key costs one look a while and not one a message; not so where memory or descriptors ran out. */
struct keycache; /* opaque */
MUST_CHECK enum rc keycache_new(const char *state_dir, size_t max_keys, struct keycache **ret,
				struct err *err);
struct keycache *keycache_free(struct keycache *c);
/* A new reference in *RET. */
MUST_CHECK enum rc keycache_get(struct keycache *c, const char *fingerprint, struct key **ret,
				struct err *err);
/* Drop remembered failures, so that a mended key is seen at once (called on reload). */
void keycache_forget_failures(struct keycache *c);
/* For tests: seconds that never run backwards, instead of CLOCK_MONOTONIC. Before the first keycache_get(). */
void keycache_set_clock(struct keycache *c, int64_t (*clock)(void));

#endif
