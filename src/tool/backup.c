/* backup: catalogue, key files and configuration in one file. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "config.h"
#include "directory/keystore.h"
#include "directory/sqlite.h"
#include "tool/archive.h"
#include "tool/conffiles.h"
#include "tool/tool.h"

enum { KEYS_MAX = 10000000, PIECE = 65536 };

/* What the part that reads state works with. */
struct job {
	const struct conf *conf;
	struct vec conf_files; /* of struct conffile */
	const struct conffile *main_file;
	const char *file; /* as it is called in the end */
	int fd;		  /* where the archive goes; -1 with --dry-run */
	int64_t now;
	struct archive_writer *writer;
	struct selector_list *rows; /* of the copy of the catalogue */
	struct vec stored;	    /* fingerprints of the keys of keys/ that are in it, sorted */
};

/* ---- as the configured user: what is in it ---- */

static enum rc load_rows(struct job *job, struct span copy, struct err *err)
{
	char *path = state_path(job->conf->state_dir, CATALOGUE_FILE);
	struct directory *d = NULL;
	enum rc rc = path != NULL ? directory_open_copy(copy, path, &d, err)
				  : err_set(err, RC_NOMEM, "catalogue: out of memory");

	if (rc == RC_OK)
		rc = d->ops->load(d, &job->rows, err);
	directory_close(d);
	free(path);
	return rc;
}

static enum rc add_catalogue(void *ctx, struct span copy, struct err *err)
{
	struct job *job = ctx;
	struct archive_file f = {
		.kind = ARCHIVE_CATALOGUE, .name = CATALOGUE_FILE, .mode = 0600, .time = job->now};
	enum rc rc = load_rows(job, copy, err);

	return rc == RC_OK ? archive_add(job->writer, &f, copy, err) : rc;
}

static enum rc remember_key(struct job *job, const char *fingerprint, struct err *err)
{
	char *place = vec_push(&job->stored);

	if (place == NULL)
		return err_set(err, RC_NOMEM, "list of key files: out of memory");
	memcpy(place, fingerprint, SHA256_HEX_SIZE);
	return RC_OK;
}

/* The key file in PLACE as KIND. RC_NOTFOUND: it is not there. */
static enum rc add_key(struct job *job, enum keystore_place place, enum archive_kind kind,
		       const char *fingerprint, struct err *err)
{
	char name[SHA256_HEX_SIZE + 8];
	struct archive_file f = {.kind = kind, .name = name, .mode = 0600};
	struct buf pem;
	enum rc rc;

	snprintf(name, sizeof(name), "%s.pem", fingerprint);
	buf_init(&pem, KEY_FILE_MAX);
	rc = keystore_read(job->conf->state_dir, place, fingerprint, &pem, &f.time, err);
	if (rc == RC_OK)
		rc = archive_add(job->writer, &f, buf_span(&pem), err);
	if (rc == RC_OK && kind == ARCHIVE_KEY)
		rc = remember_key(job, fingerprint, err);
	buf_wipe(&pem);
	return rc;
}

static enum rc add_keys(struct job *job, enum keystore_place place, enum archive_kind kind,
			struct err *err)
{
	const char(*all)[SHA256_HEX_SIZE];
	struct vec found;
	enum rc rc = keystore_list_place(job->conf->state_dir, place, &found, err);

	if (rc != RC_OK)
		return rc;
	all = found.items;
	for (size_t i = 0; rc == RC_OK && i < found.len; i++) {
		rc = add_key(job, place, kind, all[i], err);
		/* Moved since it was listed. */
		if (rc == RC_NOTFOUND)
			rc = RC_OK;
	}
	vec_clear(&found);
	return rc;
}

static int compare_keys(const void *a, const void *b)
{
	return strcmp(a, b);
}

static bool is_stored(const struct job *job, const char *fingerprint)
{
	return job->stored.len > 0 && bsearch(fingerprint, job->stored.items, job->stored.len,
					      SHA256_HEX_SIZE, compare_keys) != NULL;
}

/* A selector that was removed after the catalogue was copied: its row is in the copy, and its key went to the trash. It is
 * looked for there last, so that no row is without its key whatever other commands do meanwhile. */
static enum rc add_moved_keys(struct job *job, struct err *err)
{
	const struct selector *all = job->rows->at;
	size_t n = job->stored.len;
	enum rc rc = RC_OK;

	for (size_t i = 0; rc == RC_OK && i < job->rows->n; i++) {
		if (all[i].state == SEL_REVOKED || is_stored(job, all[i].fingerprint))
			continue;
		rc = add_key(job, KEYSTORE_TRASH, ARCHIVE_KEY, all[i].fingerprint, err);
		/* Nowhere: that is told with the summary. Twice: two selectors with one key. */
		if (rc == RC_NOTFOUND || rc == RC_EXISTS)
			rc = RC_OK;
		job->stored.len = n; /* sorted, as it was */
	}
	return rc;
}

static enum rc add_conf(struct job *job, struct err *err)
{
	const struct conffile *all = job->conf_files.items;
	enum rc rc = RC_OK;

	for (size_t i = 0; rc == RC_OK && i < job->conf_files.len; i++) {
		struct archive_file f = {.kind = ARCHIVE_CONF,
					 .name = all[i].name,
					 .mode = all[i].mode,
					 .time = all[i].time};

		rc = archive_add(job->writer, &f, buf_span(&all[i].content), err);
	}
	return rc;
}

static enum rc collect(struct tool *t, struct job *job, struct err *err)
{
	struct archive_head head = {.made = job->now,
				    .version = PACKAGE_VERSION,
				    .conf_name = job->main_file->name,
				    .state_dir = job->conf->state_dir};
	struct directory *d;
	enum rc rc = tool_directory(t, DIRECTORY_READ, &d, err);

	if (rc == RC_OK)
		rc = archive_begin(&head, &job->writer, err);
	if (rc == RC_OK)
		rc = d->ops->backup(d, add_catalogue, job, err);
	if (rc == RC_OK)
		rc = add_keys(job, KEYSTORE_KEYS, ARCHIVE_KEY, err);
	if (rc == RC_OK)
		rc = add_keys(job, KEYSTORE_TRASH, ARCHIVE_TRASH, err);
	if (rc == RC_OK)
		rc = add_moved_keys(job, err);
	return rc == RC_OK ? add_conf(job, err) : rc;
}

/* What is not good for a restore is no backup. */
static enum rc check(struct span image, const struct job *job, struct archive_summary *ret,
		     struct err *err)
{
	struct archive *a = NULL;
	enum rc rc = archive_open(image, job->conf->state_dir, &a, err);

	if (rc == RC_OK)
		rc = archive_check(a, ret, err);
	archive_free(a);
	return rc;
}

static enum rc write_image(const struct job *job, struct span image, struct err *err)
{
	while (image.len > 0) {
		ssize_t n = write(job->fd, image.p, image.len);

		if (n < 0 && errno != EINTR)
			return err_sys(err, RC_IO, errno, "%s: cannot be written", job->file);
		if (n > 0)
			image = span_from(image, (size_t)n);
	}
	return RC_OK;
}

static enum rc tell(struct span image, const struct archive_summary *s, struct buf *reply,
		    struct err *err)
{
	uint8_t hash[SHA256_LEN];
	char hex[SHA256_HEX_SIZE];
	enum rc rc = sha256_of(image, hash, err);

	if (rc != RC_OK)
		return rc;
	sha256_hex(hash, hex);
	return buf_addf(
		reply, err,
		"{\"sha256\":\"%s\",\"bytes\":%zu,\"selectors\":%zu,\"certificates\":%zu,"
		"\"keys\":%zu,\"trash\":%zu,\"configuration_files\":%zu,\"without_key\":%zu}",
		hex, image.len, s->selectors, s->certificates, s->keys, s->trash, s->conf_files,
		s->without_key);
}

static enum rc backup_state(struct tool *t, void *ctx, struct buf *reply, struct err *err)
{
	struct job *job = ctx;
	struct archive_summary summary = {.selectors = 0};
	struct span image = SPAN_NONE;
	enum rc rc;

	vec_init(&job->stored, SHA256_HEX_SIZE, KEYS_MAX);
	rc = collect(t, job, err);
	if (rc == RC_OK)
		rc = archive_end(job->writer, &image, err);
	if (rc == RC_OK)
		rc = check(image, job, &summary, err);
	if (rc == RC_OK && job->fd >= 0)
		rc = write_image(job, image, err);
	if (rc == RC_OK)
		rc = tell(image, &summary, reply, err);
	job->writer = archive_writer_free(job->writer);
	selector_list_free(job->rows);
	vec_clear(&job->stored);
	if (rc != RC_INPUT)
		return rc;
	/* A catalogue or a key that is not what it should be: of our own state, not of somebody's input. */
	tool_next(t, "mailseal check");
	return err_wrap(err, RC_CONF, "nothing is backed up that could not be restored");
}

/* ---- as the caller: the file ---- */

static enum rc cannot_make(const char *file, int number, struct err *err)
{
	enum rc rc = number == ENOENT || number == ENOTDIR		      ? RC_NOTFOUND
		     : number == EACCES || number == EPERM || number == EROFS ? RC_PERM
									      : RC_IO;

	return err_sys(err, rc, number, "%s: cannot be made", file);
}

/* A new file beside FILE, whose name comes in *RET_PATH. */
static enum rc make_beside(const char *file, char **ret_path, int *ret_fd, struct err *err)
{
	const char *slash = strrchr(file, '/');
	int fd;

	if (asprintf(ret_path, "%.*s.mailseal.XXXXXX", slash != NULL ? (int)(slash - file) + 1 : 0,
		     file) < 0) {
		*ret_path = NULL;
		return err_set(err, RC_NOMEM, "%s: out of memory", file);
	}
	fd = mkostemp(*ret_path, O_CLOEXEC);
	if (fd < 0) {
		free(*ret_path);
		*ret_path = NULL;
		return cannot_make(file, errno, err);
	}
	*ret_fd = fd;
	return RC_OK;
}

static enum rc hash_file(int fd, char ret[SHA256_HEX_SIZE], struct err *err)
{
	struct sha256 *d = NULL;
	uint8_t hash[SHA256_LEN];
	char piece[PIECE];
	ssize_t n = 1;
	enum rc rc = sha256_new(&d, err);

	while (rc == RC_OK && n != 0) {
		n = read(fd, piece, sizeof(piece));
		if (n > 0)
			rc = sha256_update(d, span_of(piece, (size_t)n), err);
		else if (n < 0 && errno != EINTR)
			rc = err_sys(err, RC_IO, errno, "cannot be read back");
	}
	if (rc == RC_OK)
		rc = sha256_finish(d, hash, err);
	if (rc == RC_OK)
		sha256_hex(hash, ret);
	sha256_free(d);
	explicit_bzero(piece, sizeof(piece));
	return rc;
}

/* Is in PATH what the child has written? */
static enum rc read_back(const char *path, const char *wanted, struct err *err)
{
	char hex[SHA256_HEX_SIZE] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	enum rc rc;

	if (fd < 0)
		return err_sys(err, RC_IO, errno, "cannot be read back");
	rc = hash_file(fd, hex, err);
	if (rc == RC_OK && strcmp(hex, wanted) != 0)
		rc = err_set(err, RC_IO, "what was written cannot be read back");
	close(fd);
	return rc;
}

/* Never over another file, not even one that has come meanwhile. */
static enum rc give_name(const char *path, const char *file, struct err *err)
{
	if (link(path, file) != 0)
		return errno == EEXIST ? err_set(err, RC_EXISTS, "%s is there already", file)
				       : cannot_make(file, errno, err);
	unlink(path);
	return file_sync_parent(file, err);
}

static enum rc finish_file(int fd, const char *path, const char *file, const json_t *report,
			   struct err *err)
{
	const char *wanted = json_string_value(json_object_get(report, "sha256"));
	enum rc rc = RC_OK;

	if (fsync(fd) != 0)
		rc = err_sys(err, RC_IO, errno, "cannot be written");
	if (rc == RC_OK)
		rc = read_back(path, wanted != NULL ? wanted : "", err);
	if (rc != RC_OK)
		return err_wrap(err, rc, "%s", file);
	return give_name(path, file, err);
}

/* The state's part, and what it tells. */
static enum rc run_job(struct tool *t, struct job *job, json_t **ret, struct err *err)
{
	struct buf reply;
	enum rc rc;

	buf_init(&reply, 65536);
	rc = tool_as_user(t, backup_state, job, &reply, err);
	if (rc == RC_OK) {
		*ret = json_loadb(reply.p, reply.len, 0, NULL);
		if (*ret == NULL)
			rc = err_set(err, RC_NOMEM, "JSON");
	}
	buf_clear(&reply);
	return rc;
}

static enum rc make_file(struct tool *t, struct job *job, const char *file, json_t **ret,
			 struct err *err)
{
	char *path = NULL;
	enum rc rc;

	tool_hold_signals();
	rc = make_beside(file, &path, &job->fd, err);
	if (rc == RC_OK)
		rc = run_job(t, job, ret, err);
	if (rc == RC_OK)
		rc = finish_file(job->fd, path, file, *ret, err);
	if (job->fd >= 0)
		close(job->fd);
	if (rc != RC_OK && path != NULL)
		unlink(path);
	tool_release_signals();
	free(path);
	return rc;
}

static long long number(const json_t *report, const char *name)
{
	return json_integer_value(json_object_get(report, name));
}

static enum rc show(struct tool *t, const char *file, json_t *report, struct err *err)
{
	bool dry = tool_dry_run(t);

	if (number(report, "without_key") > 0) {
		tool_say(t,
			 "mailseal: %lld of the selectors have no key file: the archive has none "
			 "either\n",
			 number(report, "without_key"));
		tool_next(t, "mailseal check");
		tool_found(t);
	}
	if (tool_json_wanted(t)) {
		json_t *all = json_pack("{s:s, s:b, s:o?, s:I}", "done",
					dry ? "would be made" : "made", "dry_run", dry, "file",
					json_string(file), "made", (json_int_t)tool_now(t));

		if (all == NULL || json_object_update(all, report) != 0) {
			json_decref(all);
			all = NULL;
		}
		return tool_emit_json(t, all, err);
	}
	tool_say(t,
		 "%s: %s: %lld selectors, %lld certificates of accounts, %lld keys and %lld in "
		 "the trash, %lld files of configuration; %lld bytes\n",
		 file, dry ? "would be made" : "made", number(report, "selectors"),
		 number(report, "certificates"), number(report, "keys"), number(report, "trash"),
		 number(report, "configuration_files"), number(report, "bytes"));
	if (!dry)
		tool_say(t, "It holds private keys: keep it where nobody else can read it\n");
	return RC_OK;
}

static enum rc check_name(struct tool *t, const char *file, struct err *err)
{
	struct stat st;

	if (strcmp(file, "-") == 0)
		return tool_usage(t, err,
				  "a backup is not written to standard output: it is read back and "
				  "checked before it gets its name");
	if (lstat(file, &st) == 0)
		return err_set(err, RC_EXISTS, "%s is there already, and is not overwritten", file);
	return RC_OK;
}

static enum rc backup_run(struct tool *t, struct err *err)
{
	const char *file = tool_arg(t, 0);
	struct job job = {.file = file, .fd = -1, .now = tool_now(t)};
	json_t *report = NULL;
	enum rc rc = check_name(t, file, err);

	if (rc == RC_OK)
		rc = tool_conf(t, &job.conf, err);
	if (rc == RC_OK)
		rc = conffiles_read(job.conf, &job.conf_files, &job.main_file, err);
	if (rc != RC_OK)
		return rc;
	if (tool_dry_run(t))
		rc = run_job(t, &job, &report, err);
	else
		rc = make_file(t, &job, file, &report, err);
	if (rc == RC_OK)
		rc = show(t, file, report, err);
	json_decref(report);
	conffiles_clear(&job.conf_files);
	return rc;
}

const struct tool_verb tool_verbs_backup[] = {
	{
		.noun = "backup",
		.args = "FILE",
		.min_args = 1,
		.max_args = 1,
		.summary = "Write catalogue, keys and configuration into one file",
		.help = "FILE is new, readable by its owner alone, and holds private keys. It has\n"
			"a copy of the catalogue of one moment, also while another command "
			"changes\n"
			"it; every key, those in the trash too; and all files that the\n"
			"configuration was read from: mailseal.conf, domains.d, what they "
			"include,\n"
			"maps of aliases, certificates of escrow. Hooks and TSIG keys are not in\n"
			"it.\n"
			"\n"
			"It gets its name when it has been read back and checked: whatever fails,\n"
			"nothing stays behind. Exit status 1 when FILE is there already, and when\n"
			"it was made, but a selector has no key file.\n"
			"\n"
			"Example: mailseal backup /var/backups/mailseal-$(date +%F).backup\n",
		.flags = TOOL_WRITES,
		.run = backup_run,
	},
	{.noun = NULL},
};
