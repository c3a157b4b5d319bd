/* tool/mailboxwork.h - every message of a Maildir folder sealed, or opened. */
#ifndef TOOL_MAILBOXWORK_H
#define TOOL_MAILBOXWORK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/err.h"
#include "smime/openkey.h"
#include "tool/maildir.h"
#include "tool/progress.h"
#include "tool/sealkeys.h"
#include "tool/tool.h"

struct mailbox_counts {
	size_t folders, messages;
	size_t changed;	    /* sealed or opened; with --dry-run: would be */
	size_t already;	    /* are what is wanted */
	size_t not_for_key; /* sealed for others */
	size_t failed;	    /* unreadable, damaged, ... */
	size_t skipped;	    /* no regular file, empty */
	size_t moved;	    /* renamed whenever it was their turn */
};

struct mailbox_work {
	struct tool *t;
	bool decrypt, force;
	bool dovecot;		/* a folder had its list of UIDs */
	struct sealcerts certs; /* encrypt */
	struct openkey *key;	/* decrypt */
	struct mailbox_counts n;
	struct progress progress;
};

/* The folder PATH; SIGINT, SIGTERM and SIGHUP are blocked, and looked for between two messages (RC_AGAIN). What is wrong
 * with single messages is said and counted; an error is one of the folder, after which nothing is half done. */
MUST_CHECK enum rc mailbox_folder(struct mailbox_work *w, const char *path,
				  const struct maildir_places *places, struct err *err);

#endif
