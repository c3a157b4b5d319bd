#include "tool/exec.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STATUS_NOT_FOUND = 127, TALK_MAX = 65536 };

/* An administrator's PATH often lacks the sbin directories, where postconf lives. */
static void widen_path(void)
{
	const char *path = getenv("PATH");
	struct buf wide;

	buf_init(&wide, 65536);
	if (buf_addf(&wide, NULL, "%s:/usr/local/sbin:/usr/sbin:/sbin",
		     path != NULL ? path : "/usr/bin:/bin") == RC_OK)
		setenv("PATH", buf_cstr(&wide), 1);
	buf_clear(&wide);
}

NORETURN static void become_program(const char *const *argv, int out, int talk)
{
	int null = open("/dev/null", O_RDONLY);

	signal(SIGPIPE, SIG_DFL);
	signal(SIGXFSZ, SIG_DFL);
	widen_path();
	if (null >= 0 && dup2(null, 0) >= 0 && dup2(out, 1) >= 0 && dup2(talk, 2) >= 0)
		execvp(argv[0], (char *const *)argv);
	_exit(STATUS_NOT_FOUND);
}

/* One piece from P into B. False at the end of file. What does not fit is read and dropped, so that the program does
 * not hang; *RC remembers it. */
static bool take_piece(struct pollfd *p, struct buf *b, enum rc *rc, struct err *err)
{
	char piece[8192];
	ssize_t n = read(p->fd, piece, sizeof(piece));

	if (n < 0 && errno == EINTR)
		return true;
	if (n <= 0)
		return false;
	if (b != NULL && *rc == RC_OK)
		*rc = buf_add(b, span_of(piece, (size_t)n), err);
	return true;
}

static enum rc collect(int out_fd, int talk_fd, struct buf *out, struct buf *talk, struct err *err)
{
	struct pollfd p[2] = {{.fd = out_fd, .events = POLLIN}, {.fd = talk_fd, .events = POLLIN}};
	struct buf *into[2] = {out, talk};
	enum rc rc[2] = {RC_OK, RC_OK};

	while (p[0].fd >= 0 || p[1].fd >= 0) {
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return err_sys(err, RC_IO, errno, "poll");
		for (int i = 0; i < 2; i++) {
			struct err *where = i == 0 ? err : NULL;

			if (p[i].fd >= 0 && p[i].revents != 0 &&
			    !take_piece(&p[i], into[i], &rc[i], where))
				p[i].fd = -1;
		}
	}
	return rc[0];
}

static enum rc judge(const char *name, int status, const struct buf *talk, struct err *err)
{
	struct span rest = buf_span(talk), line = SPAN_NONE;

	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return RC_OK;
	if (WIFSIGNALED(status))
		return err_set(err, RC_UNAVAIL, "%s was ended by signal %d", name,
			       WTERMSIG(status));
	if (WEXITSTATUS(status) == STATUS_NOT_FOUND && talk->len == 0)
		return err_set(err, RC_UNAVAIL, "there is no program %s", name);
	(void)span_split(&rest, '\n', &line);
	return err_set(err, RC_UNAVAIL, "%s failed with status %d: %.*s", name, WEXITSTATUS(status),
		       SPAN_ARG(line));
}

static enum rc wait_for(pid_t pid, int *ret_status, struct err *err)
{
	while (waitpid(pid, ret_status, 0) < 0)
		if (errno != EINTR)
			return err_sys(err, RC_IO, errno, "waitpid");
	return RC_OK;
}

static void close_all(int fds[4])
{
	for (int i = 0; i < 4; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
		fds[i] = -1;
	}
}

enum rc exec_run(const char *const *argv, struct buf *out, struct err *err)
{
	int fds[4] = {-1, -1, -1, -1}, status = 0;
	struct buf talk;
	enum rc rc, waited;
	pid_t pid;

	buf_init(&talk, TALK_MAX);
	if (pipe2(fds, O_CLOEXEC) != 0 || pipe2(fds + 2, O_CLOEXEC) != 0 || (pid = fork()) < 0) {
		rc = err_sys(err, RC_IO, errno, "%s", argv[0]);
		goto out;
	}
	if (pid == 0)
		become_program(argv, fds[1], fds[3]);
	close(fds[1]);
	close(fds[3]);
	fds[1] = fds[3] = -1;
	rc = collect(fds[0], fds[2], out, &talk, err);
	waited = wait_for(pid, &status, rc == RC_OK ? err : NULL);
	if (rc == RC_OK)
		rc = waited;
	if (rc == RC_OK)
		rc = judge(argv[0], status, &talk, err);
out:
	close_all(fds);
	buf_clear(&talk);
	return rc;
}
