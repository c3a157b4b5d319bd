#include "daemon/control.h"

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "config.h"
#include "core/expiry.h"
#include "daemon/log.h"
#include "daemon/milter.h"
#include "daemon/socket.h"

enum {
	CLIENT_MS = 2000, /* for the whole command, and for each piece of the answer */
	RELOAD_WAIT = 30,
	COMMAND_MAX = 64,
	GROUPS_MAX = 1024,
	BACKLOG = 16
};

struct control {
	struct control_env env;
	struct socket_file file;
	gid_t group;
	int fd;
	pthread_t thread;
	bool started;
	atomic_bool stop;
};

/* --- commands: each appends its answer, without the final LF ------------------------------------ */

static enum rc answer_ping(struct control *c, struct buf *out, struct err *err)
{
	(void)c;
	return buf_adds(out, "ok", err);
}

static enum rc answer_reload(struct control *c, struct buf *out, struct err *err)
{
	char summary[RELOAD_SUMMARY];
	enum rc rc = reloader_run(c->env.reloader, RELOAD_WAIT, summary, err);

	return rc != RC_OK ? rc : buf_addf(out, err, "ok: %s", summary);
}

static json_t *show_counters(const struct counters *counters)
{
	json_t *all = json_object();

	for (int i = 0; i < COUNTERS; i++)
		if (json_object_set_new(
			    all, counter_name((enum counter)i),
			    json_integer((json_int_t)counters_get(counters, (enum counter)i))) != 0)
			break;
	return all;
}

/* Those that have a certificate. */
static json_t *show_accounts(const struct user_cert_list *users, int64_t now)
{
	struct expiry_counts c = expiry_count(users, now);

	return json_pack("{s:I, s:I, s:I, s:I}", "with_certificate", (json_int_t)c.accounts,
			 "ends_soon", (json_int_t)c.soon, "ended", (json_int_t)c.ended, "to_come",
			 (json_int_t)c.to_come);
}

static json_t *show_status(const struct control *c, const struct snapshot *snap)
{
	int64_t now = (int64_t)time(NULL);
	unsigned connections, messages;

	milter_load(&connections, &messages);
	return json_pack(
		"{s:s, s:I, s:I, s:I, s:s, s:s, s:{s:I, s:I, s:I, s:I, s:I, s:I}, s:o, s:I, s:I, "
		"s:o}",
		"version", PACKAGE_VERSION, "pid", (json_int_t)getpid(), "started",
		(json_int_t)c->env.started, "uptime", (json_int_t)(now - c->env.started),
		"configuration", snap->conf->file, "socket", snap->conf->milter_socket, "state",
		"serial", (json_int_t)snap->serial, "loaded", (json_int_t)snap->loaded, "domains",
		(json_int_t)snap->conf->n_domains, "selectors", (json_int_t)snap->selectors->n,
		"certificates", (json_int_t)snap->users->n, "generation",
		(json_int_t)snap->selectors->generation, "accounts",
		show_accounts(snap->users, now), "connections", (json_int_t)connections, "messages",
		(json_int_t)messages, "counters", show_counters(c->env.counters));
}

static enum rc answer_status(struct control *c, struct buf *out, struct err *err)
{
	struct snapshot *snap = snapshot_store_get(c->env.store);
	json_t *status = show_status(c, snap);
	char *text = status != NULL ? json_dumps(status, JSON_COMPACT) : NULL;
	enum rc rc = text != NULL ? buf_adds(out, text, err) : err_set(err, RC_NOMEM, "status");

	free(text);
	json_decref(status);
	snapshot_unref(snap);
	return rc;
}

static const struct {
	const char *word;
	enum rc (*answer)(struct control *c, struct buf *out, struct err *err);
} commands[] = {
	{"ping", answer_ping},
	{"reload", answer_reload},
	{"status", answer_status},
};

static enum rc answer(struct control *c, struct span command, struct buf *out, struct err *err)
{
	for (size_t i = 0; i < COUNT_OF(commands); i++)
		if (span_eq_str(command, commands[i].word))
			return commands[i].answer(c, out, err);
	return err_set(err, RC_INPUT, "unknown command; ping, reload and status are known");
}

/* --- one client ------------------------------------------------------------------------------- */

static bool peer_in_group(int fd, gid_t group)
{
	gid_t groups[GROUPS_MAX];
	socklen_t len = sizeof(groups);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) != 0)
		return false;
	for (size_t i = 0; i < len / sizeof(groups[0]); i++)
		if (groups[i] == group)
			return true;
	return false;
}

/* The mode of the socket says the same; this holds also where a file system or a mistake does not keep it. */
static bool peer_allowed(const struct control *c, int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0)
		return false;
	if (peer.uid == 0 || peer.uid == geteuid() || peer.gid == c->group ||
	    peer_in_group(fd, c->group))
		return true;
	log_say(LEVEL_WARNING, "control socket: uid %ld is refused", (long)peer.uid);
	return false;
}

static int64_t monotonic_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* One line, without its end, or false: too late, too long, gone. */
static bool read_command(int fd, char line[COMMAND_MAX], struct span *ret)
{
	int64_t deadline = monotonic_ms() + CLIENT_MS, left;
	struct pollfd ready = {.fd = fd, .events = POLLIN};
	size_t len = 0, end;
	ssize_t got;

	while (len < COMMAND_MAX) {
		left = deadline - monotonic_ms();
		if (left <= 0 || poll(&ready, 1, (int)left) <= 0)
			return false;
		got = recv(fd, line + len, COMMAND_MAX - len, 0);
		if (got <= 0)
			return false;
		len += (size_t)got;
		end = span_find(span_of(line, len), '\n', 0);
		if (end < len) {
			*ret = span_trim_fold(span_of(line, end));
			return true;
		}
	}
	return false;
}

static void send_all(int fd, struct span text)
{
	ssize_t sent;

	while (text.len > 0) {
		sent = send(fd, text.p, text.len, MSG_NOSIGNAL);
		if (sent <= 0)
			return;
		text = span_from(text, (size_t)sent);
	}
}

static void serve(struct control *c, int fd)
{
	const struct timeval patience = {.tv_sec = CLIENT_MS / 1000};
	char line[COMMAND_MAX];
	struct err err = ERR_INIT;
	struct span command;
	struct buf out;

	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) != 0 ||
	    !peer_allowed(c, fd) || !read_command(fd, line, &command))
		return;
	buf_init(&out, (size_t)64 * 1024);
	if (answer(c, command, &out, &err) != RC_OK) {
		buf_clear(&out);
		(void)!buf_addf(&out, NULL, "error: %s", err.text);
	}
	if (buf_addc(&out, '\n', NULL) == RC_OK)
		send_all(fd, buf_span(&out));
	buf_clear(&out);
}

static void *run(void *arg)
{
	struct control *c = arg;
	int fd;

	while (!c->stop) {
		fd = accept4(c->fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0) {
			serve(c, fd);
			close(fd);
		} else if (!c->stop && errno != EINTR) {
			poll(NULL, 0, 100); /* out of descriptors, say: no busy loop */
		}
	}
	return NULL;
}

/* --- life ------------------------------------------------------------------------------------- */

static enum rc listen_on(struct control *c, const char *path, struct err *err)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct stat st;
	mode_t old;
	int failed;
	enum rc rc = socket_prepare_path(path, &c->file, err);

	if (rc != RC_OK)
		return err_wrap(err, rc, "control");
	memcpy(addr.sun_path, path, strlen(path)); /* its length was checked */
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	old = umask(0117);
	failed = c->fd < 0 || bind(c->fd, (const struct sockaddr *)&addr, sizeof(addr)) != 0 ||
		 listen(c->fd, BACKLOG) != 0 || stat(path, &st) != 0;
	umask(old);
	if (failed) {
		rc = err_sys(err, RC_UNAVAIL, errno, "control socket %s", path);
		socket_not_made(&c->file);
		return rc;
	}
	c->group = st.st_gid;
	socket_made(&c->file);
	return RC_OK;
}

enum rc control_new(const char *path, const struct control_env *env, struct control **ret,
		    struct err *err)
{
	struct control *c = calloc(1, sizeof(*c));
	enum rc rc;
	int failed;

	if (c == NULL)
		return err_set(err, RC_NOMEM, "control socket");
	c->env = *env;
	c->fd = -1;
	c->file.lock = -1;
	rc = listen_on(c, path, err);
	if (rc != RC_OK)
		goto out;
	failed = pthread_create(&c->thread, NULL, run, c);
	if (failed != 0) {
		rc = err_sys(err, RC_UNAVAIL, failed, "thread of the control socket");
		goto out;
	}
	c->started = true;
	*ret = c;
	c = NULL;
out:
	control_free(c);
	return rc;
}

struct control *control_free(struct control *c)
{
	if (c == NULL)
		return NULL;
	c->stop = true;
	if (c->started) {
		shutdown(c->fd, SHUT_RDWR); /* ends its accept() */
		pthread_join(c->thread, NULL);
	}
	if (c->fd >= 0)
		close(c->fd);
	socket_remove(&c->file);
	free(c);
	return NULL;
}
