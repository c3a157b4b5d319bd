#include "tool/milterreach.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tool/milterprobe.h"

static enum rc connect_as(const struct passwd *pw, const char *socket, struct err *err)
{
	int status, fd = -1;
	pid_t pid = fork();

	if (pid < 0)
		return err_sys(err, RC_AGAIN, errno, "fork");
	if (pid == 0) {
		if (initgroups(pw->pw_name, pw->pw_gid) != 0 || setgid(pw->pw_gid) != 0 ||
		    setuid(pw->pw_uid) != 0)
			_exit(RC_IO);
		_exit((int)milterprobe_connect(socket, &fd, NULL));
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_sys(err, RC_IO, errno, "waitpid");
	if (!WIFEXITED(status))
		return err_set(err, RC_IO, "the child was ended by a signal");
	return (enum rc)WEXITSTATUS(status);
}

/* The findings name the socket themselves. */
static const char *without_name(const char *text, const char *socket)
{
	size_t len = strlen(socket);

	if (strncmp(text, socket, len) == 0 && strncmp(text + len, ": ", 2) == 0)
		text += len + 2;
	return text;
}

enum rc milterreach_report(const char *socket, const char *user, struct findings *f,
			   struct err *err)
{
	const struct passwd *pw = user != NULL ? getpwnam(user) : NULL;
	struct err why = ERR_INIT;
	int fd = -1;
	enum rc rc = milterprobe_connect(socket, &fd, &why);

	if (fd >= 0)
		close(fd);
	if (rc == RC_OK && geteuid() == 0 && pw != NULL)
		rc = connect_as(pw, socket, NULL);
	switch (rc) {
	case RC_OK:
		return RC_OK;
	case RC_NOTFOUND:
		return findings_add(f, FINDING_ERROR, socket, "systemctl start mailseal", err,
				    "no daemon listens there");
	case RC_PERM:
		if (user == NULL)
			return findings_add(f, FINDING_NOTE, socket, NULL, err,
					    "this user may not connect: only root can try it");
		return findings_add(f, FINDING_ERROR, socket, NULL, err,
				    "user '%s' may not connect: give the socket's directory mode "
				    "2750 and group '%s', and restart mailseald",
				    user, user);
	default:
		return findings_add(f, FINDING_ERROR, socket, NULL, err, "cannot be reached: %s",
				    why.rc == rc ? without_name(why.text, socket) : rc_word(rc));
	}
}
