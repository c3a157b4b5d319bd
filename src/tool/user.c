#include "tool/frame.h"
#include "tool/undo.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* What a child sends back, followed by the next lines and the reply. Same program on both ends: raw bytes. */
struct outcome {
	enum rc rc;
	bool found, usage;
	size_t next_len, reply_len;
	char text[ERR_TEXT_MAX];
};

#define OUTCOME_MAX (2 * TOOL_REPLY_MAX)

static enum rc find_account(struct tool *t, const struct conf *conf, struct passwd **ret,
			    struct err *err)
{
	struct passwd *pw;

	errno = 0;
	pw = getpwnam(conf->user);
	if (pw != NULL) {
		*ret = pw;
		return RC_OK;
	}
	if (errno != 0 && errno != ENOENT && errno != ESRCH)
		return err_sys(err, RC_IO, errno, "user '%s'", conf->user);
	tool_next(t, "useradd --system --home-dir %s --shell /usr/sbin/nologin %s", conf->state_dir,
		  conf->user);
	return err_set(err, RC_CONF, "user '%s' of %s: there is no such account", conf->user,
		       conf->file);
}

enum rc tool_make_state_dir(struct tool *t, struct undo *undo, struct err *err)
{
	const struct conf *conf;
	const struct passwd *pw = NULL;
	enum rc rc = tool_conf(t, &conf, err);

	if (rc == RC_OK && geteuid() == 0 && (pw = getpwnam(conf->user)) == NULL)
		return RC_OK;
	return rc == RC_OK ? undo_mkdirs(undo, conf->state_dir, 0700,
					 pw != NULL ? pw->pw_uid : (uid_t)-1,
					 pw != NULL ? pw->pw_gid : (gid_t)-1, err)
			   : rc;
}

/* The configured user, or whoever owns the state. */
static bool is_keeper(const struct conf *conf)
{
	const struct passwd *pw = getpwnam(conf->user);
	struct stat st;

	if (pw != NULL && pw->pw_uid == geteuid())
		return true;
	return stat(conf->state_dir, &st) == 0 && st.st_uid == geteuid();
}

/* As a shell reads it as one word; false for the few that would need more than quotes. */
static bool add_shell_word(struct buf *out, const char *word)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789_@%+=:,./-";
	const char *quote = *word == '\0' || word[strspn(word, plain)] != '\0' ? "'" : "";

	return strchr(word, '\'') == NULL &&
	       buf_addf(out, NULL, " %s%s%s", quote, word, quote) == RC_OK;
}

void tool_next_as_root(struct tool *t)
{
	struct buf line;
	bool good = true;

	buf_init(&line, ERR_TEXT_MAX / 2);
	for (int i = 1; good && i < t->argc; i++)
		good = add_shell_word(&line, t->argv[i]);
	if (good)
		tool_next(t, "sudo mailseal%.*s", SPAN_ARG(buf_span(&line)));
	buf_clear(&line);
}

enum rc tool_check_keeper(struct tool *t, const struct conf *conf, struct err *err)
{
	if (geteuid() == 0 || is_keeper(conf))
		return RC_OK;
	tool_next_as_root(t);
	return err_set(err, RC_PERM, "%s belongs to user '%s': run this as root or as that user",
		       conf->state_dir, conf->user);
}

static enum rc become(const struct passwd *pw, struct err *err)
{
	if (initgroups(pw->pw_name, pw->pw_gid) != 0 || setgid(pw->pw_gid) != 0 ||
	    setuid(pw->pw_uid) != 0)
		return err_sys(err, RC_PERM, errno, "becoming user '%s'", pw->pw_name);
	return RC_OK;
}

static enum rc write_all(int fd, struct span s)
{
	while (s.len > 0) {
		ssize_t n = write(fd, s.p, s.len);

		if (n < 0 && errno != EINTR)
			return RC_IO;
		if (n > 0)
			s = span_from(s, (size_t)n);
	}
	return RC_OK;
}

static enum rc send_outcome(int fd, struct tool *t, const struct buf *reply, enum rc rc,
			    const struct err *err)
{
	struct outcome o = {.rc = rc,
			    .found = t->found,
			    .usage = t->usage,
			    .next_len = t->next.len,
			    .reply_len = reply->len};

	memcpy(o.text, err->text, sizeof(o.text));
	if (write_all(fd, span_of(&o, sizeof(o))) != RC_OK ||
	    write_all(fd, buf_span(&t->next)) != RC_OK)
		return RC_IO;
	return write_all(fd, buf_span(reply));
}

NORETURN static void run_child(struct tool *t, const struct passwd *pw, tool_work *fn, void *ctx,
			       int fd)
{
	struct err err = ERR_INIT, out = ERR_INIT;
	struct buf reply;
	enum rc rc;

	buf_init(&reply, TOOL_REPLY_MAX);
	rc = become(pw, &err);
	if (rc == RC_OK)
		rc = fn(t, ctx, &reply, &err);
	/* stdout has a buffer of its own here, and its failure must not be lost. */
	if (output_finish(&out) != RC_OK && rc == RC_OK) {
		rc = RC_IO;
		err = out;
	}
	t->directory = directory_close(t->directory);
	rc = send_outcome(fd, t, &reply, rc, &err);
	buf_wipe(&reply);
	_exit(rc == RC_OK ? 0 : 1);
}

static enum rc read_all(int fd, struct buf *out, struct err *err)
{
	for (;;) {
		char piece[8192];
		ssize_t n = read(fd, piece, sizeof(piece));
		enum rc rc;

		if (n == 0)
			return RC_OK;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, RC_IO, errno, "read from the child");
		rc = buf_add(out, span_of(piece, (size_t)n), err);
		if (rc != RC_OK)
			return rc;
	}
}

static enum rc wait_child(pid_t pid, struct err *err)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_sys(err, RC_IO, errno, "waitpid");
	if (WIFSIGNALED(status))
		return err_set(err, RC_IO, "the child was ended by signal %d", WTERMSIG(status));
	if (WEXITSTATUS(status) != 0)
		return err_set(err, RC_IO, "the child ended with status %d", WEXITSTATUS(status));
	return RC_OK;
}

static enum rc take_outcome(struct tool *t, struct span all, struct buf *reply, struct err *err)
{
	struct outcome o;
	enum rc rc;

	if (all.len < sizeof(o))
		return err_set(err, RC_IO, "the child said nothing");
	memcpy(&o, all.p, sizeof(o));
	all = span_from(all, sizeof(o));
	if (all.len != o.next_len + o.reply_len)
		return err_set(err, RC_IO, "the child was cut short");
	t->found = t->found || o.found;
	t->usage = t->usage || o.usage;
	t->next.len = 0; /* the child began with a copy of ours */
	rc = buf_add(&t->next, span_sub(all, 0, o.next_len), err);
	if (rc == RC_OK && reply != NULL)
		rc = buf_add(reply, span_from(all, o.next_len), err);
	if (rc != RC_OK)
		return rc;
	return o.rc != RC_OK ? err_set(err, o.rc, "%s", o.text) : RC_OK;
}

static enum rc run_in_child(struct tool *t, const struct passwd *pw, tool_work *fn, void *ctx,
			    struct buf *reply, struct err *err)
{
	struct buf all;
	int fds[2] = {-1, -1};
	pid_t pid;
	enum rc rc;

	if (fflush(stdout) != 0 || pipe(fds) != 0)
		return err_sys(err, RC_IO, errno, "child process");
	pid = fork();
	if (pid < 0) {
		rc = err_sys(err, RC_AGAIN, errno, "fork");
		close(fds[0]);
		close(fds[1]);
		return rc;
	}
	if (pid == 0) {
		close(fds[0]);
		run_child(t, pw, fn, ctx, fds[1]);
	}
	close(fds[1]);
	buf_init(&all, OUTCOME_MAX);
	rc = read_all(fds[0], &all, err);
	close(fds[0]);
	if (rc == RC_OK)
		rc = wait_child(pid, err);
	else
		(void)wait_child(pid, NULL);
	if (rc == RC_OK)
		rc = take_outcome(t, buf_span(&all), reply, err);
	else
		err_wrap(err, rc, "work as user '%s'", pw->pw_name);
	buf_wipe(&all);
	return rc;
}

static enum rc run_here(struct tool *t, tool_work *fn, void *ctx, struct buf *reply,
			struct err *err)
{
	struct buf unread;
	enum rc rc;

	buf_init(&unread, TOOL_REPLY_MAX);
	rc = fn(t, ctx, reply != NULL ? reply : &unread, err);
	buf_wipe(&unread);
	return rc;
}

enum rc tool_as_user(struct tool *t, tool_work *fn, void *ctx, struct buf *reply, struct err *err)
{
	const struct conf *conf;
	struct passwd *pw = NULL;
	enum rc rc = tool_conf(t, &conf, err);

	if (rc != RC_OK)
		return rc;
	rc = tool_check_keeper(t, conf, err);
	if (rc != RC_OK)
		return rc;
	if (geteuid() != 0)
		return run_here(t, fn, ctx, reply, err);
	rc = find_account(t, conf, &pw, err);
	if (rc != RC_OK)
		return rc;
	if (pw->pw_uid == 0)
		return run_here(t, fn, ctx, reply, err);
	return run_in_child(t, pw, fn, ctx, reply, err);
}
