/* tool/maildir.h - the messages of one Maildir folder, each replaced by another form of itself.
 *
 * Flags, times, owner and mode of a file stay, and so does its name, but for S= and W=, which are put right; Dovecot's
 * list of UIDs follows. A message is never lost, doubled or half written, whenever the process or the machine stops: the
 * new form is written to tmp/ and synced, and then takes the place of the old one in one step; what a killed run has left
 * is put right by the next one. Dovecot may deliver and change flags meanwhile: a message whose file is renamed under us
 * is left as it is, and reported.
 *
 * Symbolic links are never followed; all work is done relative to open directories. One thread at a time. */
#ifndef TOOL_MAILDIR_H
#define TOOL_MAILDIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/vec.h"
#include "tool/lineends.h"
#include "tool/msgfile.h"

/* Where Dovecot keeps what it knows of a folder; NULL: in the folder. */
struct maildir_places {
	const char *control; /* dovecot-uidlist (CONTROL= of mail_location) */
	const char *index;   /* dovecot.index.cache (INDEX=) */
};

/* A message file as it was listed. */
struct maildir_file {
	bool in_new; /* in new/, else in cur/ */
	char *name;
};

/* A change that is prepared. */
struct maildir_change {
	struct maildir_file file;
	char *between;	 /* its name while its content changes; NULL: the same */
	char *new_name;	 /* with S= and W= put right; the same where it has none */
	const char *now; /* one of the three, as maildir_commit() leaves it */
	bool content;	 /* false: the name alone changes */
	char *temp; /* the new form in tmp/, the old one once it is DONE; NULL: removed, or never there */
	dev_t dev; /* what was read */
	ino_t ino;
	off_t size;
	struct timespec mtime;
	bool done; /* by maildir_commit() */
};

struct maildir {
	char *path;
	int dir, cur, new_dir, tmp;
	int control;	    /* -1: there is no list of UIDs */
	int index;	    /* where the cache is, if there is one */
	struct vec files;   /* of struct maildir_file, by name */
	struct vec changes; /* of struct maildir_change */
	unsigned n_temps;   /* names that were used */
	uint64_t bytes;	    /* in the prepared files */
	bool stuck;	    /* a file could not be written: nothing more can be prepared */
};

/* Writes the new form of M to OUT, and finishes OUT. */
typedef enum rc maildir_transform(void *ctx, struct msgfile *m, struct lineends *out,
				  struct err *err);

/* Opens PATH, which has cur, new and tmp, and lists it. No other run works on it meanwhile (RC_AGAIN). RC_INPUT: no
 * Maildir; a symbolic link; RC_REFUSED: names have sizes, as Dovecot writes them, and there is no list of UIDs, or it is
 * Courier's (courierimapuiddb): the messages would get new UIDs. FORCE says that this does not matter. M is closed by the
 * caller, even on failure. */
MUST_CHECK enum rc maildir_open(struct maildir *m, const char *path,
				const struct maildir_places *places, bool force, struct err *err);
void maildir_close(struct maildir *m);

/* Before the first change: the list of UIDs agrees with the names again, and what a killed run has left is removed. */
MUST_CHECK enum rc maildir_recover(struct maildir *m, struct err *err);

/* Opens a file for reading. RC_NOTFOUND: it is not there any more; RC_REFUSED: no regular file; RC_PERM, RC_IO. */
MUST_CHECK enum rc maildir_open_file(struct maildir *m, const struct maildir_file *f, int *ret_fd,
				     struct err *err);

/* The new form of M_FILE, which is F and open as FD, is made by FN and prepared. Whatever fails is a matter of this
 * message alone unless m->stuck is set. */
MUST_CHECK enum rc maildir_prepare(struct maildir *m, const struct maildir_file *f, int fd,
				   struct msgfile *m_file, maildir_transform *fn, void *ctx,
				   struct err *err);
/* The same where only the sizes in the name may be wrong. Nothing is prepared where they are right. */
MUST_CHECK enum rc maildir_prepare_name(struct maildir *m, const struct maildir_file *f, int fd,
					struct err *err);
/* Enough is prepared: time for maildir_commit(). */
bool maildir_is_full(const struct maildir *m);
/* What is prepared takes its place. Afterwards m->changes say which were done; one that was not had been renamed,
 * removed or replaced meanwhile. On failure too, each message is there once, in one form or the other. */
MUST_CHECK enum rc maildir_commit(struct maildir *m, struct err *err);
/* Forgets m->changes; what is prepared and not done is removed. */
void maildir_forget(struct maildir *m);

/* Lists of struct maildir_file: an empty one, one more name, the end. */
void maildir_files_init(struct vec *files);
MUST_CHECK enum rc maildir_files_add(struct vec *files, bool in_new, const char *name,
				     struct err *err);
void maildir_files_free(struct vec *files);
/* m->files become those messages of NAMES that are there now, under whatever flags. */
MUST_CHECK enum rc maildir_relist(struct maildir *m, const struct vec *names, struct err *err);

/* Names in tmp/ that are ours. */
#define MAILDIR_TEMP_PREFIX "mailseal."

/* For maildir.c and maildircommit.c: an error of the system about NAME in the folder. */
enum rc maildir_fail(const struct maildir *m, const char *what, const char *name, struct err *err);
/* cur/ and new/, listed into FILES by name. */
MUST_CHECK enum rc maildir_list(const struct maildir *m, struct vec *files, struct err *err);

#endif
