/* mailbox encrypt, mailbox decrypt: what lies in a Maildir, and in its folders. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tool/mailboxwork.h"

enum { DEPTH_MAX = 32, FOLDERS_MAX = 100000 };

/* A folder: "" the mailbox itself, else a path below it. */
static enum rc add_folder(struct vec *folders, const char *below, struct err *err)
{
	char **slot = vec_push(folders);

	if (slot == NULL || (*slot = strdup(below)) == NULL)
		return err_set(err, RC_NOMEM, "out of memory for the names of folders");
	return RC_OK;
}

static void free_folders(struct vec *folders)
{
	for (size_t i = 0; i < folders->len; i++)
		free(*(char **)vec_at(folders, i));
	vec_clear(folders);
}

static bool is_dir_of_messages(const char *name)
{
	return strcmp(name, "cur") == 0 || strcmp(name, "new") == 0 || strcmp(name, "tmp") == 0;
}

static bool has_cur(int dir)
{
	struct stat st;

	return fstatat(dir, "cur", &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

static enum rc find_below(int at, const char *name, const char *below, int depth,
			  struct vec *folders, struct err *err);

/* Directories in DIR (which is closed here), Maildir++ (.Name) and nested ones alike. */
static enum rc find_in(int fd, const char *below, int depth, struct vec *folders, struct err *err)
{
	struct dirent *entry;
	DIR *dir = fdopendir(fd);
	enum rc rc = RC_OK;

	if (dir == NULL) {
		err_sys(err, RC_IO, errno, "cannot list %s", below);
		close(fd);
		return RC_IO;
	}
	while (rc == RC_OK && (entry = readdir(dir)) != NULL) {
		char *path = NULL;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
		    is_dir_of_messages(entry->d_name))
			continue;
		if (asprintf(&path, "%s%s%s", below, *below != '\0' ? "/" : "", entry->d_name) < 0)
			path = NULL;
		rc = path == NULL ? err_set(err, RC_NOMEM, "out of memory for the names of folders")
				  : find_below(fd, entry->d_name, path, depth + 1, folders, err);
		free(path);
	}
	closedir(dir);
	return rc;
}

/* NAME in AT, if it is a directory and no symbolic link. */
static enum rc find_below(int at, const char *name, const char *below, int depth,
			  struct vec *folders, struct err *err)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	enum rc rc = RC_OK;

	if (fd < 0)
		return errno == ENOTDIR || errno == ELOOP || errno == ENOENT
			       ? RC_OK
			       : err_sys(err, RC_IO, errno, "cannot open folder %s", below);
	if (depth > DEPTH_MAX) {
		close(fd);
		return err_set(err, RC_LIMIT, "folders are nested more than %d deep: %s", DEPTH_MAX,
			       below);
	}
	if (has_cur(fd))
		rc = add_folder(folders, below, err);
	if (rc != RC_OK) {
		close(fd);
		return rc;
	}
	return find_in(fd, below, depth, folders, err);
}

static int compare_folders(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static enum rc find_folders(const struct tool *t, const char *top, struct vec *folders,
			    struct err *err)
{
	enum rc rc = add_folder(folders, "", err);
	int fd;

	if (rc != RC_OK || !tool_has(t, "recursive"))
		return rc;
	/* The mailbox itself is opened, and complained of, when it is its turn. */
	fd = open(top, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0)
		rc = find_in(fd, "", 0, folders, err);
	if (folders->len > 1)
		qsort(folders->items, folders->len, sizeof(char *), compare_folders);
	return rc == RC_OK ? rc : err_wrap(err, rc, "%s", top);
}

static bool is_dir(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* Where Dovecot keeps things of the folder BELOW, when OPTION names its directory for them: it has INBOX as ".INBOX"
 * there. *RET stays NULL without the option; else to be freed. */
static enum rc find_place(const struct tool *t, const char *option, const char *below, char **ret,
			  struct err *err)
{
	const char *dir = tool_opt(t, option);

	if (dir == NULL)
		return RC_OK;
	if (asprintf(ret, "%s/%s", dir, *below != '\0' ? below : ".INBOX") < 0)
		*ret = NULL;
	else if (*below == '\0' && !is_dir(*ret))
		(*ret)[strlen(dir)] = '\0';
	if (*ret == NULL)
		return err_set(err, RC_NOMEM, "out of memory for --%s", option);
	if (!is_dir(*ret))
		return err_set(err, RC_NOTFOUND, "--%s: there is no directory %s", option, *ret);
	return RC_OK;
}

static enum rc one_folder(struct mailbox_work *w, const char *top, const char *below,
			  struct err *err)
{
	char *path = NULL, *control = NULL, *index = NULL;
	enum rc rc = find_place(w->t, "control", below, &control, err);

	if (rc == RC_OK)
		rc = find_place(w->t, "index", below, &index, err);
	if (rc == RC_OK && asprintf(&path, "%s%s%s", top, *below != '\0' ? "/" : "", below) < 0)
		rc = err_set(err, RC_NOMEM, "out of memory for the name of a folder");
	if (rc == RC_OK) {
		struct maildir_places places = {control, index};

		rc = mailbox_folder(w, path, &places, err);
		free(path);
	}
	free(control);
	free(index);
	return rc;
}

static void say_count(const struct tool *t, size_t n, const char *what)
{
	if (n > 0)
		tool_say(t, ", %zu %s", n, what);
}

static void say_counts(const struct mailbox_work *w)
{
	const struct mailbox_counts *n = &w->n;
	bool dry_run = tool_dry_run(w->t);

	tool_say(w->t, "%zu message%s in %zu folder%s: %zu %s%s", n->messages,
		 n->messages == 1 ? "" : "s", n->folders, n->folders == 1 ? "" : "s", n->changed,
		 dry_run ? "would be " : "", w->decrypt ? "opened" : "sealed");
	say_count(w->t, n->already, w->decrypt ? "not encrypted" : "encrypted already");
	say_count(w->t, n->not_for_key, "sealed for others");
	say_count(w->t, n->failed, "not possible");
	say_count(w->t, n->skipped, "passed over");
	say_count(w->t, n->moved, "in use by somebody else");
	tool_say(w->t, "\n");
}

static enum rc show(const struct mailbox_work *w, const char *done, struct err *err)
{
	const struct mailbox_counts *n = &w->n;

	return tool_emit_json(
		w->t,
		json_pack("{s:s, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "done", done,
			  "dry_run", tool_dry_run(w->t), "folders", (json_int_t)n->folders,
			  "messages", (json_int_t)n->messages, w->decrypt ? "opened" : "sealed",
			  (json_int_t)n->changed, w->decrypt ? "not_encrypted" : "already",
			  (json_int_t)n->already, "for_others", (json_int_t)n->not_for_key,
			  "failed", (json_int_t)n->failed, "skipped", (json_int_t)n->skipped,
			  "in_use", (json_int_t)n->moved),
		err);
}

/* What was done is said, also where it ended early. */
static enum rc report(struct mailbox_work *w, enum rc rc, struct err *err)
{
	const char *done = w->decrypt ? "opened" : "sealed";

	if (tool_dry_run(w->t))
		done = w->decrypt ? "would be opened" : "would be sealed";
	if (rc == RC_OK || w->n.folders > 0)
		say_counts(w);
	if (w->n.failed > 0 || w->n.moved > 0 || w->n.not_for_key > 0)
		tool_found(w->t);
	if (w->n.changed > 0 && w->dovecot && !tool_dry_run(w->t))
		tool_say(
			w->t,
			"Where Dovecot counts quotas by its index: doveadm quota recalc -u USER\n");
	return rc == RC_OK && tool_json_wanted(w->t) ? show(w, done, err) : rc;
}

static enum rc all_folders(struct mailbox_work *w, struct err *err)
{
	char *top = strdup(tool_arg(w->t, 0));
	struct vec folders;
	enum rc rc;

	if (top == NULL)
		return err_set(err, RC_NOMEM, "out of memory for the name of a folder");
	for (size_t len = strlen(top); len > 1 && top[len - 1] == '/'; len--)
		top[len - 1] = '\0';
	vec_init(&folders, sizeof(char *), FOLDERS_MAX);
	rc = find_folders(w->t, top, &folders, err);
	for (size_t i = 0; rc == RC_OK && i < folders.len; i++)
		rc = one_folder(w, top, *(char **)vec_at(&folders, i), err);
	free_folders(&folders);
	free(top);
	return rc;
}

/* What would end the program has to wait until nothing is half done. */
static enum rc run_work(struct mailbox_work *w, struct err *err)
{
	sigset_t ends, old;
	enum rc rc;

	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &ends, &old) != 0)
		return err_sys(err, RC_IO, errno, "signals");
	progress_begin(&w->progress, w->t);
	rc = all_folders(w, err);
	rc = report(w, rc, err);
	sigprocmask(SIG_SETMASK, &old, NULL);
	return rc;
}

static enum rc encrypt_run(struct tool *t, struct err *err)
{
	struct mailbox_work w = {.t = t, .force = tool_has(t, "force")};
	enum rc rc = sealkeys_certs(t, &w.certs, err);

	if (rc == RC_OK)
		rc = run_work(&w, err);
	sealcerts_clear(&w.certs);
	return rc;
}

static enum rc decrypt_run(struct tool *t, struct err *err)
{
	struct mailbox_work w = {.t = t, .decrypt = true, .force = tool_has(t, "force")};
	enum rc rc = sealkeys_key(t, &w.key, err);

	if (rc == RC_OK)
		rc = run_work(&w, err);
	openkey_free(w.key);
	return rc;
}

#define PLACE_OPTIONS                                                                              \
	{"recursive", NULL, "its folders too"},                                                    \
		{"control", "DIR",                                                                 \
		 "where Dovecot has dovecot-uidlist (CONTROL= of mail_location)"},                 \
		{"index", "DIR", "where Dovecot has its cache (INDEX= of mail_location)"},         \
	{                                                                                          \
		"force", NULL, "although the messages may get new UIDs"                            \
	}

static const struct tool_option encrypt_options[] = {
	{"cert", "FILE...", SEALKEYS_CERT_HELP},
	{"for", "ACCOUNT...", SEALKEYS_FOR_HELP},
	PLACE_OPTIONS,
	{NULL, NULL, NULL},
};

static const struct tool_option decrypt_options[] = {
	{"key", "FILE", SEALKEYS_KEY_HELP},
	{"cert", "FILE...", SEALKEYS_KEY_CERT_HELP},
	{"passphrase-file", "FILE", SEALKEYS_PASSPHRASE_HELP},
	PLACE_OPTIONS,
	{NULL, NULL, NULL},
};

const struct tool_verb tool_verbs_mailbox[] = {
	{
		.noun = "mailbox",
		.verb = "encrypt",
		.args = "DIR",
		.min_args = 1,
		.max_args = 1,
		.summary = "Seal the messages that lie in a Maildir",
		.help = "Every message is put into an S/MIME envelope, as by message encrypt; what "
			"is\n"
			"encrypted already stays as it is. Flags, dates, owners and, with Dovecot, "
			"UIDs\n"
			"stay; Dovecot's sizes are put right and its cache is removed. Mail may "
			"be\n"
			"delivered and read meanwhile. It may be stopped at any point: no message "
			"is\n"
			"lost or half written, and another run goes on where it was. What other\n"
			"programs have taken from the clear text, a search index say, is theirs "
			"to\n"
			"forget. Exit status 1 when a message could not be sealed.\n"
			"\n"
			"Example: mailseal mailbox encrypt /home/joe/Maildir --recursive --cert "
			"joe.pem\n",
		.options = encrypt_options,
		.flags = TOOL_WRITES,
		.run = encrypt_run,
	},
	{
		.noun = "mailbox",
		.verb = "decrypt",
		.args = "DIR",
		.min_args = 1,
		.max_args = 1,
		.summary = "Open the sealed messages that lie in a Maildir",
		.help = "The opposite of mailbox encrypt, for what is sealed for the certificate "
			"of the\n"
			"private key. Other messages stay as they are. Exit status 1 when there "
			"are\n"
			"some that are sealed for others or cannot be opened.\n"
			"\n"
			"Example: mailseal mailbox decrypt /home/joe/Maildir --recursive --key "
			"joe.p12\n",
		.options = decrypt_options,
		.flags = TOOL_WRITES,
		.run = decrypt_run,
	},
	{.noun = NULL},
};
