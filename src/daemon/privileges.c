#include "daemon/privileges.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

static enum rc become(const struct passwd *pw, struct err *err)
{
	if (initgroups(pw->pw_name, pw->pw_gid) != 0 ||
	    setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) != 0 ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) != 0)
		return err_sys(err, RC_PERM, errno, "become user '%s'", pw->pw_name);
	if (setuid(0) == 0)
		return err_set(err, RC_PERM, "user '%s' could become root again", pw->pw_name);
	return RC_OK;
}

enum rc privileges_drop(const char *user, struct err *err)
{
	const struct passwd *pw;

	errno = 0;
	pw = getpwnam(user);
	if (pw == NULL)
		return err_set(
			err, RC_CONF,
			"user = \"%s\": there is no such user; make it with \"systemd-sysusers\" "
			"or \"adduser --system --group %s\"",
			user, user);
	if (pw->pw_uid == geteuid())
		return RC_OK;
	if (geteuid() != 0)
		return err_set(err, RC_PERM,
			       "started as uid %ld, but the configuration says user = \"%s\"; "
			       "start mailseald as root or as that user",
			       (long)geteuid(), user);
	return become(pw, err);
}

enum rc privileges_harden(struct err *err)
{
	const struct rlimit none = {0, 0};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return err_sys(err, RC_PERM, errno, "no_new_privs");
	/* After the change of user, which sets it anew. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		return err_sys(err, RC_PERM, errno, "PR_SET_DUMPABLE");
	if (setrlimit(RLIMIT_CORE, &none) != 0)
		return err_sys(err, RC_PERM, errno, "no core dumps");
	return RC_OK;
}

void privileges_raise_files(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur == files.rlim_max)
		return;
	files.rlim_cur = files.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &files);
}
