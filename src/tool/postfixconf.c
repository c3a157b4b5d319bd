#include "tool/postfix.h"

#include "base/file.h"
#include "tool/exec.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { TEXT_MAX = 4 << 20, FILE_MAX = 16 << 20 };

static const char backup_prefix[] = "main.cf.mailseal-";

void postfix_clear(struct postfix *p)
{
	buf_clear(&p->raw);
	buf_clear(&p->expanded);
	buf_clear(&p->services);
	buf_clear(&p->overrides);
	buf_clear(&p->endpoint);
	buf_clear(&p->queue_dir);
	buf_clear(&p->config_dir);
	buf_clear(&p->mail_owner);
}

const char *postfix_queue_dir(const struct postfix *p)
{
	return p->queue_dir.p;
}

const char *postfix_config_dir(const struct postfix *p)
{
	return p->config_dir.p;
}

static bool next_line(struct span *rest, struct span *line)
{
	return rest->len > 0 && span_split(rest, '\n', line);
}

struct span postfix_value(const struct buf *text, const char *name)
{
	struct span rest = buf_span(text), line, wanted = span_str(name);

	while (next_line(&rest, &line))
		if (span_starts(line, wanted) &&
		    span_starts(span_from(line, wanted.len), SPAN_LIT(" =")))
			return span_trim(span_from(line, wanted.len + 2));
	return SPAN_NONE;
}

bool postfix_list_has(struct span list, const char *word)
{
	struct span piece;
	struct span rest = list;

	while (rest.len > 0) {
		size_t end = 0;

		while (end < rest.len && rest.p[end] != ',' && !is_wsp(rest.p[end]))
			end++;
		piece = span_sub(rest, 0, end);
		rest = span_from(rest, end + 1);
		if (span_ieq_str(piece, word))
			return true;
	}
	return false;
}

static struct span next_word(struct span *rest)
{
	size_t end = 0;
	struct span word;

	*rest = span_trim(*rest);
	while (end < rest->len && !is_wsp(rest->p[end]))
		end++;
	word = span_sub(*rest, 0, end);
	*rest = span_from(*rest, end);
	return word;
}

/* master(5): "-" in the chroot column means no since compatibility_level 1, yes before. */
static bool chroot_by_default(const struct postfix *p)
{
	struct span level = postfix_value(&p->expanded, "compatibility_level");

	return level.len == 0 || span_eq_str(level, "0");
}

bool postfix_next_service(const struct postfix *p, struct span *rest, struct postfix_service *ret)
{
	struct span line, chroot;

	if (!next_line(rest, &line))
		return false;
	ret->name = next_word(&line);
	ret->type = next_word(&line);
	(void)next_word(&line); /* private */
	(void)next_word(&line); /* unpriv */
	chroot = next_word(&line);
	(void)next_word(&line); /* wakeup */
	(void)next_word(&line); /* maxproc */
	ret->command = next_word(&line);
	ret->chroot =
		span_eq_str(chroot, "y") || (span_eq_str(chroot, "-") && chroot_by_default(p));
	return true;
}

struct span postfix_override(const struct postfix *p, const struct postfix_service *s,
			     const char *name)
{
	struct buf key;
	struct span value = SPAN_NONE;

	buf_init(&key, 4096);
	if (buf_addf(&key, NULL, "%.*s/%.*s/%s", SPAN_ARG(s->name), SPAN_ARG(s->type), name) ==
	    RC_OK)
		value = postfix_value(&p->overrides, buf_cstr(&key));
	buf_clear(&key);
	return value;
}

static enum rc postconf(const struct postfix *p, const char *const *args, struct buf *out,
			struct err *err)
{
	const char *argv[8] = {"postconf"};
	size_t n = 1;

	if (p->dir != NULL) {
		argv[n++] = "-c";
		argv[n++] = p->dir;
	}
	for (; *args != NULL && n < COUNT_OF(argv) - 1; args++)
		argv[n++] = *args;
	argv[n] = NULL;
	return exec_run(argv, out, err);
}

static enum rc keep_string(struct buf *out, struct span value, const char *name, struct err *err)
{
	enum rc rc;

	if (value.len == 0)
		return err_set(err, RC_CONF, "Postfix has no %s", name);
	rc = buf_add(out, value, err);
	if (rc == RC_OK && buf_cstr(out) == NULL)
		rc = err_set(err, RC_NOMEM, "%s", name);
	return rc;
}

static enum rc read_texts(struct postfix *p, struct err *err)
{
	static const char *const raw[] = {NULL}, *const expanded[] = {"-x", NULL},
				 *const services[] = {"-M", NULL},
				 *const overrides[] = {"-xP", NULL};
	enum rc rc = postconf(p, raw, &p->raw, err);

	if (rc == RC_OK)
		rc = postconf(p, expanded, &p->expanded, err);
	if (rc == RC_OK)
		rc = postconf(p, services, &p->services, err);
	if (rc == RC_OK)
		rc = postconf(p, overrides, &p->overrides, err);
	return rc;
}

static enum rc find_places(struct postfix *p, struct err *err)
{
	struct span ours = buf_span(&p->endpoint);
	enum rc rc = milterlist_place(postfix_value(&p->expanded, "smtpd_milters"), ours,
				      p->queue_dir.p, &p->smtpd, err);

	if (rc == RC_OK)
		rc = milterlist_place(postfix_value(&p->expanded, "non_smtpd_milters"), ours,
				      p->queue_dir.p, &p->non_smtpd, err);
	p->bounces = postfix_list_has(postfix_value(&p->expanded, "internal_mail_filter_classes"),
				      "bounce");
	return rc;
}

enum rc postfix_read(struct postfix *p, const char *dir, const struct conf *conf, struct err *err)
{
	enum rc rc;

	memset(p, 0, sizeof(*p));
	p->dir = dir;
	p->conf = conf;
	buf_init(&p->raw, TEXT_MAX);
	buf_init(&p->expanded, TEXT_MAX);
	buf_init(&p->services, TEXT_MAX);
	buf_init(&p->overrides, TEXT_MAX);
	buf_init(&p->endpoint, 4096);
	buf_init(&p->queue_dir, 4096);
	buf_init(&p->config_dir, 4096);
	buf_init(&p->mail_owner, 4096);
	rc = read_texts(p, err);
	if (rc == RC_OK)
		rc = keep_string(&p->queue_dir, postfix_value(&p->expanded, "queue_directory"),
				 "queue_directory", err);
	if (rc == RC_OK)
		rc = keep_string(&p->config_dir,
				 dir != NULL ? span_str(dir)
					     : postfix_value(&p->expanded, "config_directory"),
				 "config_directory", err);
	if (rc == RC_OK)
		rc = keep_string(&p->mail_owner, postfix_value(&p->expanded, "mail_owner"),
				 "mail_owner", err);
	if (rc == RC_OK)
		rc = milterlist_endpoint(conf->milter_socket, p->queue_dir.p, &p->endpoint, err);
	return rc == RC_OK ? find_places(p, err) : rc;
}

enum rc postfix_set(const struct postfix *p, const char *name, struct span value, struct err *err)
{
	struct buf text;
	enum rc rc;

	buf_init(&text, 65536);
	if (value.len == 0)
		rc = buf_adds(&text, name, err);
	else
		rc = buf_addf(&text, err, "%s = %.*s", name, SPAN_ARG(value));
	if (rc == RC_OK && buf_cstr(&text) == NULL)
		rc = err_set(err, RC_NOMEM, "%s", name);
	if (rc == RC_OK) {
		const char *args[] = {value.len == 0 ? "-X" : "-e", text.p, NULL};

		rc = postconf(p, args, NULL, err);
	}
	buf_clear(&text);
	return rc;
}

static enum rc add_main_cf(const struct postfix *p, struct buf *out, struct err *err)
{
	enum rc rc = buf_addf(out, err, "%s/main.cf", p->config_dir.p);

	if (rc == RC_OK && buf_cstr(out) == NULL)
		rc = err_set(err, RC_NOMEM, "main.cf");
	return rc;
}

enum rc postfix_backup(const struct postfix *p, int64_t now, struct buf *ret, struct err *err)
{
	struct buf path, content;
	time_t when = (time_t)now;
	struct tm tm;
	char stamp[32];
	struct stat st;
	enum rc rc;

	buf_init(&path, 8192);
	buf_init(&content, FILE_MAX);
	rc = add_main_cf(p, &path, err);
	if (rc == RC_OK && (gmtime_r(&when, &tm) == NULL ||
			    strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm) == 0))
		rc = err_set(err, RC_INPUT, "the clock shows no valid date");
	if (rc == RC_OK && stat(path.p, &st) != 0)
		rc = err_sys(err, RC_IO, errno, "%s", path.p);
	if (rc == RC_OK)
		rc = file_read(path.p, &content, err);
	if (rc == RC_OK)
		rc = buf_addf(ret, err, "%s/%s%s", p->config_dir.p, backup_prefix, stamp);
	if (rc == RC_OK && buf_cstr(ret) == NULL)
		rc = err_set(err, RC_NOMEM, "backup");
	if (rc == RC_OK)
		rc = file_write_atomic(ret->p, buf_span(&content), st.st_mode & 0777, true, err);
	buf_clear(&path);
	buf_clear(&content);
	return rc;
}

enum rc postfix_restore(const struct postfix *p, const char *path, struct err *err)
{
	struct buf main_cf;
	enum rc rc;

	buf_init(&main_cf, 8192);
	rc = add_main_cf(p, &main_cf, err);
	if (rc == RC_OK && rename(path, main_cf.p) != 0)
		rc = err_sys(err, RC_IO, errno, "%s", path);
	if (rc == RC_OK)
		rc = file_sync_parent(main_cf.p, err);
	buf_clear(&main_cf);
	return rc;
}

/* The newest: the names sort by time. */
static enum rc find_backup(const struct postfix *p, struct buf *ret, struct err *err)
{
	DIR *dir = opendir(p->config_dir.p);
	char newest[256] = "";
	const struct dirent *e;
	enum rc rc;

	if (dir == NULL)
		return err_sys(err, RC_IO, errno, "%s", p->config_dir.p);
	while ((e = readdir(dir)) != NULL)
		if (strncmp(e->d_name, backup_prefix, strlen(backup_prefix)) == 0 &&
		    strlen(e->d_name) < sizeof(newest) && strcmp(e->d_name, newest) > 0)
			strcpy(newest, e->d_name);
	closedir(dir);
	if (newest[0] == '\0')
		return err_set(err, RC_NOTFOUND, "%s/%s*: no backup is there", p->config_dir.p,
			       backup_prefix);
	rc = buf_addf(ret, err, "%s/%s", p->config_dir.p, newest);
	if (rc == RC_OK && buf_cstr(ret) == NULL)
		rc = err_set(err, RC_NOMEM, "backup");
	return rc;
}

/* The last setting of NAME in a main.cf, its continuation lines included (postconf(5): a line that begins with white
 * space continues, comments between do not end it). */
static bool file_setting_has(struct span file, const char *name, const char *word)
{
	struct span line, wanted = span_str(name);
	bool ours = false, has = false;

	while (next_line(&file, &line)) {
		if (line.len == 0 || line.p[0] == '#')
			continue;
		if (!is_wsp(line.p[0])) {
			size_t equals = span_find(line, '=', 0);

			ours = span_eq(span_trim(span_sub(line, 0, equals)), wanted);
			has = has && !ours;
			line = span_from(line, equals + 1);
		}
		if (ours && postfix_list_has(span_trim(line), word))
			has = true;
	}
	return has;
}

enum rc postfix_backup_had_bounce(const struct postfix *p, bool *ret, struct err *err)
{
	struct buf path, content;
	enum rc rc;

	buf_init(&path, 8192);
	buf_init(&content, FILE_MAX);
	rc = find_backup(p, &path, err);
	if (rc == RC_OK)
		rc = file_read(path.p, &content, err);
	if (rc == RC_OK)
		*ret = file_setting_has(buf_span(&content), "internal_mail_filter_classes",
					"bounce");
	buf_clear(&path);
	buf_clear(&content);
	return rc;
}
