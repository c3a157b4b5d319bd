#include "daemon/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include "core/record.h"

#undef LOG_SYSLOG /* a facility there, a target of ours here (conf/conf.h) */

/* A record fits (core/record.h). What is longer is cut. */
enum { LINE_MAX_BYTES = RECORD_LINE_MAX + 1 };

/* TO_STDERR_JOURNAL: sd-daemon(3), "<6>" in front of the line tells the level. */
enum way { TO_STDERR, TO_STDERR_JOURNAL, TO_SYSLOG, TO_JOURNAL };

static enum way way = TO_STDERR;
static _Atomic int max_level = LEVEL_INFO;
static int journal_fd = -1;

static const struct sockaddr_un journal_addr = {
	.sun_family = AF_UNIX,
	.sun_path = "/run/systemd/journal/socket",
};

static int priority_of(enum conf_log_level level)
{
	switch (level) {
	case LEVEL_ERROR:
		return LOG_ERR;
	case LEVEL_WARNING:
		return LOG_WARNING;
	case LEVEL_INFO:
		return LOG_INFO;
	case LEVEL_DEBUG:
		return LOG_DEBUG;
	}
	return LOG_ERR;
}

/* systemd.exec(5): JOURNAL_STREAM holds device and inode of the stream it connected us to. */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	return stream != NULL && sscanf(stream, "%llu:%llu", &dev, &ino) == 2 &&
	       fstat(STDERR_FILENO, &st) == 0 && st.st_dev == dev && st.st_ino == ino;
}

static enum way choose(enum conf_log_target target)
{
	switch (target) {
	case LOG_STDERR:
		return stderr_is_journal() ? TO_STDERR_JOURNAL : TO_STDERR;
	case LOG_SYSLOG:
		return TO_SYSLOG;
	case LOG_JOURNAL:
		return stderr_is_journal() ? TO_STDERR_JOURNAL : TO_JOURNAL;
	case LOG_AUTO:
		break;
	}
	if (stderr_is_journal())
		return TO_STDERR_JOURNAL;
	if (!isatty(STDERR_FILENO) && access("/dev/log", W_OK) == 0)
		return TO_SYSLOG;
	return TO_STDERR;
}

enum rc log_open(enum conf_log_target target, struct err *err)
{
	enum way chosen = choose(target);

	if (chosen == TO_JOURNAL) {
		if (access(journal_addr.sun_path, W_OK) != 0)
			return err_set(err, RC_UNAVAIL,
				       "log.target = \"journal\": no journal at %s; use \"auto\"",
				       journal_addr.sun_path);
		journal_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		if (journal_fd < 0)
			return err_set(err, RC_UNAVAIL, "log: no socket for the journal");
	}
	/* In every case: libmilter writes its own complaints by syslog(3). */
	openlog("mailseald", LOG_PID | LOG_NDELAY, LOG_MAIL);
	way = chosen;
	return RC_OK;
}

void log_set_level(enum conf_log_level level)
{
	max_level = (int)level;
}

/* The journal's own protocol: fields as lines. LINE holds no LF, so the short form is enough. */
static void to_journal(int priority, const char *line)
{
	char text[LINE_MAX_BYTES + 128];
	int len = snprintf(text, sizeof(text),
			   "PRIORITY=%d\nSYSLOG_FACILITY=%d\nSYSLOG_IDENTIFIER=mailseald\n"
			   "SYSLOG_PID=%ld\nMESSAGE=%s\n",
			   priority, LOG_MAIL >> 3, (long)getpid(), line);

	if (len > 0 && (size_t)len < sizeof(text))
		(void)sendto(journal_fd, text, (size_t)len, MSG_NOSIGNAL,
			     (const struct sockaddr *)&journal_addr, sizeof(journal_addr));
}

static void to_stderr(const char *mark, const char *line)
{
	char text[LINE_MAX_BYTES + 32];
	int len = snprintf(text, sizeof(text), "%s%s\n", mark, line);

	/* Nobody is left to hear of a failure here. */
	if (len > 0 && (size_t)len < sizeof(text) && write(STDERR_FILENO, text, (size_t)len) < 0)
		return;
}

static void put_line(enum conf_log_level level, const char *plain_mark, const char *line)
{
	int priority = priority_of(level);
	char mark[8];

	switch (way) {
	case TO_SYSLOG:
		syslog(priority, "%s", line);
		return;
	case TO_JOURNAL:
		to_journal(priority, line);
		return;
	case TO_STDERR_JOURNAL:
		snprintf(mark, sizeof(mark), "<%d>", priority);
		to_stderr(mark, line);
		return;
	case TO_STDERR:
		to_stderr(plain_mark, line);
		return;
	}
}

void log_say(enum conf_log_level level, const char *fmt, ...)
{
	static const char *const marks[] = {
		[LEVEL_ERROR] = "mailseald: error: ",
		[LEVEL_WARNING] = "mailseald: warning: ",
		[LEVEL_INFO] = "mailseald: ",
		[LEVEL_DEBUG] = "mailseald: ",
	};
	char line[LINE_MAX_BYTES];
	va_list args;

	if ((int)level > max_level)
		return;
	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	put_line(level, marks[level], line);
}

void log_record(enum conf_log_level level, struct span lines)
{
	char line[LINE_MAX_BYTES];
	struct span head;

	if ((int)level > max_level)
		return;
	while (span_split(&lines, '\n', &head)) {
		snprintf(line, sizeof(line), "%.*s", SPAN_ARG(head));
		put_line(level, "", line);
	}
}
