/* Would Sendmail take our socket? It looks at every directory on the way and at the socket itself, and does not start, or
 * goes on as if the filter were away, where somebody else could put another one in its place (its safefile.c). */
#include "tool/sendmail.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tool/milterreach.h"

enum { LINKS_MAX = 20 };

struct look {
	const char *socket; /* for the findings: as milter.socket has it */
	bool sticky_is_safe, group_is_safe;
	const char *user; /* RunAsUser; NULL: root */
	struct findings *f;
	bool done;
};

/* The first thing that is found is enough. */
static enum rc say(struct look *l, const char *text, struct err *err)
{
	l->done = true;
	return findings_add(l->f, FINDING_ERROR, l->socket, NULL, err, "%s", text);
}

/* That nobody is there is found by the other look. */
static enum rc cannot_look(struct look *l, const char *path, struct err *err)
{
	int why = errno;

	l->done = true;
	if (why == ENOENT || why == ENOTDIR)
		return RC_OK;
	return findings_add(l->f, FINDING_NOTE, l->socket, NULL, err, "%s cannot be looked at: %s",
			    path, strerror(why));
}

static enum rc check_mode(struct look *l, const char *dir, mode_t mode, struct err *err)
{
	mode_t bad = S_IWOTH | (l->group_is_safe ? 0 : S_IWGRP);
	bool sticky = (mode & S_ISVTX) != 0;
	char next[PATH_MAX + 32];

	if ((mode & bad) == 0 || (sticky && l->sticky_is_safe))
		return RC_OK;
	l->done = true;
	snprintf(next, sizeof(next), "chmod go-w %.*s", PATH_MAX, dir);
	return findings_add(
		l->f, FINDING_ERROR, l->socket, sticky ? NULL : next, err,
		"Sendmail does not take the socket: %s may write to %s (mode %04o)%s",
		(mode & S_IWOTH) != 0 ? "everybody" : "its group", dir, (unsigned)(mode & 07777),
		sticky ? ". Put it elsewhere, or TrustStickyBit into confDONT_BLAME_SENDMAIL" : "");
}

static enum rc check_dirs(struct look *l, const char *path, int links, struct err *err);

/* DIR is a symbolic link: where it leads is looked at in its place. */
static enum rc follow(struct look *l, const char *dir, int links, struct err *err)
{
	char target[PATH_MAX], path[PATH_MAX];
	ssize_t n = readlink(dir, target, sizeof(target) - 1);
	const char *slash = strrchr(dir, '/');
	int len;

	if (n < 0)
		return cannot_look(l, dir, err);
	target[n] = '\0';
	if (target[0] == '/' || slash == NULL)
		len = snprintf(path, sizeof(path), "%s", target);
	else
		len = snprintf(path, sizeof(path), "%.*s/%s", (int)(slash - dir), dir, target);
	if (links == LINKS_MAX || len < 0 || (size_t)len >= sizeof(path))
		return say(l, "too many symbolic links lead to it", err);
	return check_dirs(l, path, links + 1, err);
}

/* Every directory of PATH, which is one itself. */
static enum rc check_dirs(struct look *l, const char *path, int links, struct err *err)
{
	size_t len = strlen(path);
	enum rc rc = RC_OK;

	for (size_t end = 1; rc == RC_OK && !l->done && end <= len; end++) {
		char dir[PATH_MAX];
		struct stat st;

		if (end > 1 && end < len && path[end] != '/')
			continue;
		snprintf(dir, sizeof(dir), "%.*s", (int)end, path); /* PATH is shorter */
		if (lstat(dir, &st) != 0)
			return cannot_look(l, dir, err);
		rc = S_ISLNK(st.st_mode) ? follow(l, dir, links, err)
					 : check_mode(l, dir, st.st_mode, err);
	}
	return rc;
}

static bool in_group(const char *user, gid_t group)
{
	const struct group *gr = getgrgid(group);

	for (char **member = gr != NULL ? gr->gr_mem : NULL; member != NULL && *member != NULL;
	     member++)
		if (strcmp(*member, user) == 0)
			return true;
	return false;
}

/* The bits that Sendmail asks for: read and write, as root those of the owner. */
static mode_t wanted_bits(const struct look *l, const struct stat *st)
{
	const struct passwd *pw = l->user != NULL ? getpwnam(l->user) : NULL;

	if (pw == NULL || pw->pw_uid == 0 || pw->pw_uid == st->st_uid)
		return S_IRUSR | S_IWUSR;
	if (pw->pw_gid == st->st_gid || in_group(l->user, st->st_gid))
		return S_IRGRP | S_IWGRP;
	return S_IROTH | S_IWOTH;
}

static enum rc check_socket(struct look *l, const char *path, struct err *err)
{
	struct stat st;
	mode_t wanted;

	if (lstat(path, &st) != 0)
		return cannot_look(l, path, err);
	if (S_ISLNK(st.st_mode))
		return say(l, "is a symbolic link, which Sendmail does not take", err);
	if (st.st_nlink != 1)
		return say(l, "has a second name, and Sendmail takes none such", err);
	wanted = wanted_bits(l, &st);
	if ((st.st_mode & wanted) == wanted)
		return RC_OK;
	return say(l, "has a mode by which Sendmail's user may not read and write", err);
}

static enum rc check_unix(struct look *l, const char *path, struct err *err)
{
	const char *slash = strrchr(path, '/');
	char dir[PATH_MAX];
	enum rc rc;

	if (slash == NULL || path[0] != '/')
		return RC_OK;
	snprintf(dir, sizeof(dir), "%.*s", slash == path ? 1 : (int)(slash - path), path);
	rc = check_dirs(l, dir, 0, err);
	return rc == RC_OK && !l->done ? check_socket(l, path, err) : rc;
}

/* "smmsp:smmsp": the user alone. NULL: root. */
static const char *run_as(const struct sendmail *s, char *user, size_t size)
{
	struct span value = sendmailcf_option(&s->cf, "RunAsUser");
	size_t end = 0;

	while (end < value.len && strchr(":./", value.p[end]) == NULL)
		end++;
	snprintf(user, size, "%.*s", SPAN_ARG(span_sub(value, 0, end)));
	return user[0] != '\0' && strcmp(user, "root") != 0 ? user : NULL;
}

enum rc sendmail_report_socket(const struct sendmail *s, struct findings *f, struct err *err)
{
	const char *socket = s->conf->milter_socket;
	char user[64];
	struct look l = {.socket = socket, .f = f};
	enum rc rc = RC_OK;

	l.user = run_as(s, user, sizeof(user));
	l.sticky_is_safe = sendmailcf_option_has(&s->cf, "DontBlameSendmail", "TrustStickyBit");
	l.group_is_safe =
		sendmailcf_option_has(&s->cf, "DontBlameSendmail", "GroupWritableDirPathSafe");
	if (strncmp(socket, "unix:", 5) == 0)
		rc = check_unix(&l, socket + 5, err);
	return rc == RC_OK ? milterreach_report(socket, l.user, f, err) : rc;
}
