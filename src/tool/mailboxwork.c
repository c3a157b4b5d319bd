#include "tool/mailboxwork.h"

#include <signal.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tool/sealfile.h"

/* A message that is renamed while it is worked on is tried again so often. */
enum { PASSES = 4 };

/* What becomes of one message. */
enum fate { FATE_PREPARED, FATE_ALREADY, FATE_OTHERS, FATE_FAILED, FATE_SKIPPED, FATE_MOVED };

/* One folder under work. */
struct folder {
	struct mailbox_work *w;
	struct maildir m;
	struct vec moved; /* of struct maildir_file: were not what they had been */
};

static void say_of(const struct folder *d, const struct maildir_file *f, const struct err *why)
{
	struct err line = ERR_INIT; /* cleans control bytes */

	err_set(&line, RC_OK, "%s/%s/%s: %s", d->m.path, f->in_new ? "new" : "cur", f->name,
		why->text);
	progress_clear(&d->w->progress);
	tool_say(d->w->t, "%s\n", line.text);
}

/* maildir_transform */
static enum rc transform(void *ctx, struct msgfile *m, struct lineends *out, struct err *err)
{
	const struct mailbox_work *w = ctx;

	if (w->decrypt)
		return sealfile_open(m, w->key, false, out, err);
	return sealfile_seal(m, w->certs.at, w->certs.n, false, out, err);
}

/* RC_INPUT: nothing can be done with it. */
static enum rc is_wanted(const struct mailbox_work *w, struct msgfile *file, bool *ret,
			 struct err *err)
{
	enum security security = SECURITY_PLAIN;
	enum rc rc;

	if (fields_count(&file->fields) == 0)
		return err_set(
			err, RC_INPUT,
			"it does not begin with a header field; what a mail server compresses "
			"or encrypts cannot be read here");
	rc = msgfile_security(file, &security, err);
	if (rc == RC_OK && w->decrypt && security == SECURITY_ENCRYPTED && !sealfile_is_cms(file))
		rc = err_set(err, RC_INPUT, "it is encrypted with PGP, which is not opened here");
	*ret = (security == SECURITY_ENCRYPTED) == w->decrypt;
	return rc;
}

/* FD is the file F, read as FILE. ERR says why for each fate that is said. */
static enum fate work_on(struct folder *d, const struct maildir_file *f, int fd,
			 struct msgfile *file, struct err *err)
{
	bool wanted = false, dry_run = tool_dry_run(d->w->t);
	enum rc rc = is_wanted(d->w, file, &wanted, err);

	if (rc == RC_OK && !dry_run)
		rc = wanted ? maildir_prepare(&d->m, f, fd, file, transform, d->w, err)
			    : maildir_prepare_name(&d->m, f, fd, err);
	if (rc == RC_OK)
		return wanted ? FATE_PREPARED : FATE_ALREADY;
	return d->w->decrypt && wanted && rc == RC_PERM ? FATE_OTHERS : FATE_FAILED;
}

static enum fate one_message(struct folder *d, const struct maildir_file *f, struct err *err)
{
	struct msgfile file;
	struct stat st;
	enum fate fate;
	int fd = -1;
	enum rc rc = maildir_open_file(&d->m, f, &fd, err);

	if (rc == RC_NOTFOUND)
		return FATE_MOVED;
	if (rc != RC_OK)
		return rc == RC_REFUSED ? FATE_SKIPPED : FATE_FAILED;
	if (fstat(fd, &st) == 0 && st.st_size == 0) {
		err_set(err, RC_REFUSED, "it is empty");
		close(fd);
		return FATE_SKIPPED;
	}
	rc = msgfile_attach(&file, fd, "the message", err);
	fate = rc == RC_OK ? work_on(d, f, fd, &file, err) : FATE_FAILED;
	msgfile_close(&file);
	close(fd);
	return fate;
}

static enum rc count(struct folder *d, const struct maildir_file *f, enum fate fate,
		     const struct err *why, struct err *err)
{
	struct mailbox_counts *n = &d->w->n;

	switch (fate) {
	case FATE_PREPARED:
		n->changed += tool_dry_run(d->w->t); /* else when it is done */
		return RC_OK;
	case FATE_ALREADY:
		n->already++;
		return RC_OK;
	case FATE_MOVED:
		return maildir_files_add(&d->moved, f->in_new, f->name, err);
	case FATE_OTHERS:
		n->not_for_key++;
		break;
	case FATE_FAILED:
		n->failed++;
		break;
	case FATE_SKIPPED:
		n->skipped++;
		break;
	}
	say_of(d, f, why);
	return RC_OK;
}

static bool is_interrupted(void)
{
	const struct timespec now = {0};
	sigset_t ends;

	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGHUP);
	return sigtimedwait(&ends, NULL, &now) > 0;
}

static enum rc commit(struct folder *d, struct err *err)
{
	enum rc rc = maildir_commit(&d->m, err), kept = RC_OK;

	for (size_t i = 0; i < d->m.changes.len; i++) {
		const struct maildir_change *c = vec_at(&d->m.changes, i);

		d->w->n.changed += c->done && c->content;
		if (!c->done && c->content && kept == RC_OK)
			kept = maildir_files_add(&d->moved, c->file.in_new, c->file.name,
						 rc == RC_OK ? err : NULL);
	}
	maildir_forget(&d->m);
	return rc == RC_OK ? kept : rc;
}

/* m.files, one after the other. What is prepared is brought to its end whatever happens. */
static enum rc one_pass(struct folder *d, struct err *err)
{
	enum rc rc = RC_OK, last;

	for (size_t i = 0; rc == RC_OK && i < d->m.files.len; i++) {
		const struct maildir_file *f = vec_at(&d->m.files, i);
		struct err why = ERR_INIT;
		enum fate fate;

		progress_show(&d->w->progress, d->m.path, i, d->m.files.len);
		if (is_interrupted()) {
			rc = err_set(err, RC_AGAIN, "%s: interrupted; run it again to go on",
				     d->m.path);
			break;
		}
		fate = one_message(d, f, &why);
		rc = d->m.stuck ? err_set(err, why.rc, "%s", why.text)
				: count(d, f, fate, &why, err);
		if (rc == RC_OK && maildir_is_full(&d->m))
			rc = commit(d, err);
	}
	last = commit(d, rc == RC_OK ? err : NULL);
	return rc == RC_OK ? last : rc;
}

/* Those that moved again, under the names that they have now. */
static enum rc prepare_next_pass(struct folder *d, struct err *err)
{
	enum rc rc = maildir_relist(&d->m, &d->moved, err);

	maildir_files_free(&d->moved);
	maildir_files_init(&d->moved);
	return rc;
}

static enum rc all_passes(struct folder *d, struct err *err)
{
	enum rc rc;

	d->w->n.folders++;
	d->w->n.messages += d->m.files.len;
	for (int pass = 0; pass < PASSES; pass++) {
		rc = one_pass(d, err);
		if (rc != RC_OK || d->moved.len == 0)
			return rc;
		rc = prepare_next_pass(d, err);
		if (rc != RC_OK)
			return rc;
	}
	/* What is not there any more was removed by its owner. */
	d->w->n.moved += d->m.files.len;
	return RC_OK;
}

enum rc mailbox_folder(struct mailbox_work *w, const char *path,
		       const struct maildir_places *places, struct err *err)
{
	struct folder d = {.w = w};
	enum rc rc;

	maildir_files_init(&d.moved);
	rc = maildir_open(&d.m, path, places, w->force, err);
	w->dovecot = w->dovecot || (rc == RC_OK && d.m.control >= 0);
	if (rc == RC_OK && !tool_dry_run(w->t))
		rc = maildir_recover(&d.m, err);
	if (rc == RC_OK)
		rc = all_passes(&d, err);
	progress_clear(&w->progress);
	maildir_files_free(&d.moved);
	maildir_close(&d.m);
	return rc;
}
