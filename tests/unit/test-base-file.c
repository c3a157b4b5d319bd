/* The base: whole files, and where a secret may lie. */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "test.h"

static mode_t mode_of(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 ? st.st_mode & 07777 : 0;
}

/* Names in DIR without the two dots. */
static unsigned count_entries(const char *dir)
{
	DIR *d = opendir(dir);
	unsigned n = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(d);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n - 2;
}

static void put(const char *path, const char *content, mode_t mode)
{
	struct err err = ERR_INIT;

	ASSERT_OK(file_write_atomic(path, span_str(content), mode, true, &err), &err);
}

static void test_read_appends_up_to_the_maximum(void)
{
	const char *path = test_path("ten");
	struct err err = ERR_INIT;
	struct buf b;

	put(path, "0123456789", 0600);
	buf_init(&b, 12);
	ASSERT_OK(buf_adds(&b, "ab", &err), &err);
	ASSERT_OK(file_read(path, &b, &err), &err);
	ASSERT_SPAN(buf_span(&b), SPAN_LIT("ab0123456789"));
	b.len = 3;
	ASSERT_FAILS(file_read(path, &b, &err), RC_LIMIT, &err, path);
	ASSERT_SPAN(buf_span(&b), SPAN_LIT("ab0"));
	buf_clear(&b);
}

static void test_read_refuses(void)
{
	struct err err = ERR_INIT;
	struct buf b;

	buf_init(&b, 100);
	ASSERT_FAILS(file_read(test_path("absent"), &b, &err), RC_NOTFOUND, &err, "absent");
	put(test_path("plain"), "x", 0600);
	ASSERT_FAILS(file_read(test_path("plain/below"), &b, &err), RC_NOTFOUND, &err, "plain/");
	ASSERT_FAILS(file_read(test_dir(), &b, &err), RC_INPUT, &err, "directory");
	ASSERT_FAILS(file_read("/dev/zero", &b, &err), RC_INPUT, &err, "/dev/zero");
	CU_ASSERT_EQUAL(b.len, 0);
	/* No size is known beforehand; still the maximum holds. */
	ASSERT_FAILS(file_read("/proc/self/status", &b, &err), RC_LIMIT, &err, "100 bytes");
	CU_ASSERT_EQUAL(b.len, 0);
	buf_clear(&b);
}

static void *write_fifo(void *path)
{
	int fd = open(path, O_WRONLY);

	for (int i = 0; i < 1000; i++)
		if (write(fd, "0123456789", 10) != 10)
			break;
	close(fd);
	return NULL;
}

static void test_read_takes_a_fifo(void)
{
	char path[PATH_MAX];
	struct err err = ERR_INIT;
	pthread_t writer;
	struct buf b;

	snprintf(path, sizeof(path), "%s", test_path("fifo"));
	CU_ASSERT_EQUAL_FATAL(mkfifo(path, 0600), 0);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&writer, NULL, write_fifo, path), 0);
	buf_init(&b, 10000);
	ASSERT_OK(file_read(path, &b, &err), &err);
	CU_ASSERT_EQUAL(b.len, 10000);
	pthread_join(writer, NULL);
	buf_clear(&b);
	remove(path);
}

/* Nobody writes to the pipe: whoever opens it as a file waits for ever. */
static void test_read_regular(void)
{
	static const struct {
		const char *label, *path;
		enum rc want;
		const char *words;
	} rows[] = {
		{"a file", "plain", RC_OK, ""},
		{"a link to a file", "link", RC_OK, ""},
		{"a file of that name", "-", RC_OK, ""},
		{"a pipe", "fifo", RC_INPUT, "fifo is no regular file"},
		{"a link to a pipe", "pipelink", RC_INPUT, "pipelink is no regular file"},
		{"a device", "/dev/zero", RC_INPUT, "/dev/zero is no regular file"},
		{"a terminal", "/dev/ptmx", RC_INPUT, "/dev/ptmx is no regular file"},
		{"a directory", ".", RC_INPUT, ". is a directory"},
		{"nothing", "absent", RC_NOTFOUND, "absent"},
		{"too large", "large", RC_LIMIT, "100 bytes"},
	};
	struct err err = ERR_INIT;
	char large[101] = "";
	char *old = getcwd(NULL, 0);
	struct buf b;

	CU_ASSERT_TRUE_FATAL(old != NULL && chdir(test_dir()) == 0);
	put("plain", "x", 0600);
	put("-", "x", 0600);
	memset(large, 'x', sizeof(large));
	ASSERT_OK(file_write_atomic("large", span_of(large, sizeof(large)), 0600, true, &err),
		  &err);
	CU_ASSERT_EQUAL_FATAL(mkfifo("fifo", 0600), 0);
	CU_ASSERT_EQUAL_FATAL(symlink("plain", "link"), 0);
	CU_ASSERT_EQUAL_FATAL(symlink("fifo", "pipelink"), 0);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		enum rc rc;

		ROW(rows[i].label);
		buf_init(&b, 100);
		rc = file_read_regular(rows[i].path, &b, &err);
		CU_ASSERT_EQUAL(b.len, rc == RC_OK);
		if (rows[i].want == RC_OK)
			ASSERT_OK(rc, &err);
		else
			ASSERT_FAILS(rc, rows[i].want, &err, rows[i].words);
		buf_clear(&b);
	}
	ROW("");
	remove("fifo");
	CU_ASSERT_EQUAL(chdir(old), 0);
	free(old);
}

static void test_read_takes_standard_input(void)
{
	struct err err = ERR_INIT;
	int saved = dup(STDIN_FILENO);
	int fd;
	struct buf b;

	put(test_path("in"), "from stdin", 0600);
	fd = open(test_path("in"), O_RDONLY);
	CU_ASSERT_TRUE_FATAL(fd >= 0 && dup2(fd, STDIN_FILENO) == 0);
	buf_init(&b, 100);
	ASSERT_OK(file_read("-", &b, &err), &err);
	ASSERT_SPAN(buf_span(&b), SPAN_LIT("from stdin"));
	buf_clear(&b);
	close(fd);
	if (saved >= 0) {
		dup2(saved, STDIN_FILENO);
		close(saved);
	}
}

static void test_write_is_whole(void)
{
	const char *dir = test_path("write");
	const char *path = test_path("write/file");
	struct err err = ERR_INIT;
	mode_t old_mask = umask(077);
	char *big = malloc(300000);
	struct buf b;

	CU_ASSERT_PTR_NOT_NULL_FATAL(big);
	memset(big, 'z', 300000);
	CU_ASSERT_EQUAL_FATAL(mkdir(dir, 0700), 0);
	ASSERT_OK(file_write_atomic(path, SPAN_LIT("one"), 0644, false, &err), &err);
	CU_ASSERT_EQUAL(mode_of(path), 0644);
	ASSERT_FAILS(file_write_atomic(path, SPAN_LIT("two"), 0600, false, &err), RC_EXISTS, &err,
		     "exists already");
	buf_init(&b, 300000);
	ASSERT_OK(file_read(path, &b, &err), &err);
	ASSERT_SPAN(buf_span(&b), SPAN_LIT("one"));
	ASSERT_OK(file_write_atomic(path, span_of(big, 300000), 0600, true, &err), &err);
	b.len = 0;
	ASSERT_OK(file_read(path, &b, &err), &err);
	ASSERT_SPAN(buf_span(&b), span_of(big, 300000));
	CU_ASSERT_EQUAL(mode_of(path), 0600);
	CU_ASSERT_EQUAL(count_entries(dir), 1);
	buf_clear(&b);
	free(big);
	umask(old_mask);
}

static void test_failed_write_leaves_nothing(void)
{
	const char *dir = test_path("failed");
	const char *in_the_way = test_path("failed/dir");
	struct err err = ERR_INIT;

	CU_ASSERT_EQUAL_FATAL(mkdir(dir, 0700), 0);
	CU_ASSERT_EQUAL_FATAL(mkdir(in_the_way, 0700), 0);
	ASSERT_FAILS(file_write_atomic(in_the_way, SPAN_LIT("x"), 0600, true, &err), RC_IO, &err,
		     in_the_way);
	ASSERT_FAILS(file_write_atomic(in_the_way, SPAN_LIT("x"), 0600, false, &err), RC_EXISTS,
		     &err, in_the_way);
	CU_ASSERT_EQUAL(count_entries(dir), 1);
	ASSERT_FAILS(file_write_atomic(test_path("nowhere/file"), SPAN_LIT("x"), 0600, true, &err),
		     RC_NOTFOUND, &err, "nowhere");
}

static void test_longest_file_name(void)
{
	struct err err = ERR_INIT;
	char name[256];

	memset(name, 'n', 255);
	name[255] = '\0';
	ASSERT_OK(file_write_atomic(test_path(name), SPAN_LIT("x"), 0600, true, &err), &err);
	CU_ASSERT_EQUAL(mode_of(test_path(name)), 0600);
}

static void test_parent_of_odd_paths(void)
{
	static const char *const paths[] = {"x", "./x", "/x", "/", "//x", "/tmp/", "/tmp//x/"};
	struct err err = ERR_INIT;

	for (size_t i = 0; i < COUNT_OF(paths); i++) {
		ROW(paths[i]);
		ASSERT_OK(file_sync_parent(paths[i], &err), &err);
	}
	ROW("");
	ASSERT_FAILS(file_sync_parent("/nonexistent/x", &err), RC_NOTFOUND, &err, "/nonexistent:");
}

static void test_mkdirs(void)
{
	struct err err = ERR_INIT;
	mode_t old_mask = umask(077);

	ASSERT_OK(file_mkdirs(test_path("m/a//b/"), 02750, &err), &err);
	CU_ASSERT_EQUAL(mode_of(test_path("m")), 02750);
	CU_ASSERT_EQUAL(mode_of(test_path("m/a")), 02750);
	CU_ASSERT_EQUAL(mode_of(test_path("m/a/b")), 02750);
	ASSERT_OK(file_mkdirs(test_path("m/a/c"), 0700, &err), &err);
	CU_ASSERT_EQUAL(mode_of(test_path("m/a")), 02750);
	CU_ASSERT_EQUAL(mode_of(test_path("m/a/c")), 0700);
	ASSERT_OK(file_mkdirs("/", 0700, &err), &err);
	put(test_path("m/file"), "x", 0600);
	ASSERT_FAILS(file_mkdirs(test_path("m/file/x"), 0700, &err), RC_EXISTS, &err, "m/file is");
	umask(old_mask);
}

/* One row: what is done to the tree, then the verdict. The tree: safe/keys/key, all of OWNER, modes
 * 0755, 0700, 0600. */
struct secret_row {
	const char *label;
	const char *path; /* below the tree; "safe/keys/key" mostly */
	const char *at;	  /* what CHMOD and CHOWN change; NULL: nothing */
	int mode;	  /* -1: left */
	long uid, gid;	  /* -1: left */
	enum rc rc;
	const char *component; /* at the front of the text, below the tree */
	const char *command;   /* in the text */
};

enum { OWNER = 1 /* daemon: its primary group is 1 */, STRANGER = 65534 };

#define KEY "safe/keys/key"
#define GOOD RC_OK, "", ""
#define LEFT -1, -1, -1

static const struct secret_row secret_rows[] = {
	{"as made", KEY, NULL, LEFT, GOOD},
	{"dots", "./safe/../safe//keys/./key", NULL, LEFT, GOOD},
	{"file of root", KEY, KEY, -1, 0, -1, GOOD},
	{"file of a stranger", KEY, KEY, -1, STRANGER, -1, RC_PERM, KEY " (owner nobody, mode 0600",
	 "chown daemon /"},
	{"file read-only", KEY, KEY, 0400, -1, -1, GOOD},
	{"file read by others", KEY, KEY, 0604, -1, -1, RC_PERM, KEY " (owner daemon, mode 0604",
	 "chmod o-rwx /"},
	{"file written by others", KEY, KEY, 0602, -1, -1, RC_PERM, KEY, "chmod o-rwx /"},
	{"file run by others", KEY, KEY, 0601, -1, -1, RC_PERM, KEY, "chmod o-rwx /"},
	{"file written by group", KEY, KEY, 0620, -1, OWNER, RC_PERM, KEY, "chmod g-wx /"},
	{"file run by group", KEY, KEY, 0610, -1, OWNER, RC_PERM, KEY, "chmod g-wx /"},
	{"file read by own group", KEY, KEY, 0640, -1, OWNER, GOOD},
	{"file read by group root", KEY, KEY, 0640, -1, 0, RC_PERM, KEY, "chmod g-rwx /"},
	{"root's file read by own group", KEY, KEY, 0640, 0, OWNER, GOOD},
	{"file of foreign group without rights", KEY, KEY, 0600, -1, STRANGER, GOOD},
	{"directory of root", KEY, "safe/keys", -1, 0, -1, GOOD},
	{"directory of a stranger", KEY, "safe/keys", -1, STRANGER, -1, RC_PERM, "safe/keys (",
	 "chown daemon /"},
	{"directory written by group", KEY, "safe/keys", 0770, -1, -1, RC_PERM,
	 "safe/keys (owner daemon, mode 0770", "chmod go-w /"},
	{"directory written by others", KEY, "safe/keys", 0702, -1, -1, RC_PERM, "safe/keys",
	 "chmod go-w /"},
	{"directory read by all", KEY, "safe/keys", 0755, -1, -1, GOOD},
	{"sticky just above the file", KEY, "safe/keys", 01777, -1, -1, RC_PERM,
	 "safe/keys (mode 1777)", "mkdir -m 700"},
	{"higher directory of a stranger", KEY, "safe", -1, STRANGER, -1, RC_PERM, "safe (",
	 "chown daemon /"},
	{"higher directory written by group", KEY, "safe", 0775, -1, -1, RC_PERM, "safe (",
	 "chmod go-w /"},
	{"higher directory sticky", KEY, "safe", 01777, -1, -1, GOOD},
	{"higher sticky directory of a stranger", KEY, "safe", 01777, STRANGER, -1, RC_PERM,
	 "safe (", "chown daemon /"},
	{"link to the file", "link", NULL, LEFT, GOOD},
	{"link of a stranger", "link", "link", -1, STRANGER, -1, RC_PERM, "link (owner nobody",
	 "chown -h daemon /"},
	{"link to a key that others read", "link", KEY, 0644, -1, -1, RC_PERM, KEY, "chmod o-rwx"},
	{"through a linked directory", "linkdir/key", NULL, LEFT, GOOD},
	{"through a linked directory that group writes", "linkdir/key", "safe/keys", 0720, -1, -1,
	 RC_PERM, "safe/keys (", "chmod go-w"},
	{"linked directory of a stranger", "linkdir/key", "linkdir", -1, STRANGER, -1, RC_PERM,
	 "linkdir (", "chown -h daemon"},
	{"link in a sticky directory into it", "here/key2", "", 01777, -1, -1, RC_PERM,
	 " (mode 1777)", "mkdir -m 700"},
	{"links in a ring", "ring", NULL, LEFT, RC_IO, "ring", "symbolic links"},
	{"missing file", "safe/keys/none", NULL, LEFT, RC_NOTFOUND, "safe/keys/none", "No such"},
	{"missing directory", "safe/none/key", NULL, LEFT, RC_NOTFOUND, "safe/none", "No such"},
	{"dangling link", "dangling", NULL, LEFT, RC_NOTFOUND, "nothing", "No such"},
	{"file as a directory", KEY "/key", NULL, LEFT, RC_NOTFOUND, KEY, "Not a directory"},
	{"a directory", "safe/keys", NULL, LEFT, RC_PERM, "safe/keys", "no regular file"},
	{"a directory by a dot", "safe/keys/.", NULL, LEFT, RC_PERM, "safe/keys",
	 "no regular file"},
	{"a fifo", "safe/keys/fifo", NULL, LEFT, RC_PERM, "safe/keys/fifo", "no regular file"},
};

static void give(const char *path, mode_t mode)
{
	CU_ASSERT_EQUAL_FATAL(chown(path, OWNER, 0), 0);
	CU_ASSERT_EQUAL_FATAL(chmod(path, mode), 0);
}

static void make_link(const char *target, const char *name)
{
	CU_ASSERT_EQUAL_FATAL(symlink(target, name), 0);
	CU_ASSERT_EQUAL_FATAL(lchown(name, OWNER, 0), 0);
}

static void make_tree(void)
{
	CU_ASSERT_EQUAL_FATAL(chmod(test_dir(), 0755), 0);
	CU_ASSERT_EQUAL_FATAL(mkdir(test_path("tree"), 0755), 0);
	CU_ASSERT_EQUAL_FATAL(chdir(test_path("tree")), 0);
	CU_ASSERT_EQUAL_FATAL(mkdir("safe", 0700) | mkdir("safe/keys", 0700), 0);
	CU_ASSERT_EQUAL_FATAL(mkfifo("safe/keys/fifo", 0600), 0);
	put(KEY, "secret", 0600);
	put("key2", "secret", 0600);
	give("safe", 0755);
	give("safe/keys", 0700);
	give(KEY, 0600);
	give("key2", 0600);
	make_link("safe/../safe/keys/key", "link");
	make_link(test_path("tree/safe/keys"), "linkdir");
	make_link(".", "here");
	make_link("ring", "ring");
	make_link("nothing", "dangling");
}

static void change(const struct secret_row *row, const char *at)
{
	if (row->uid >= 0 || row->gid >= 0)
		CU_ASSERT_EQUAL_FATAL(lchown(at, (uid_t)row->uid, (gid_t)row->gid), 0);
	if (row->mode >= 0)
		CU_ASSERT_EQUAL_FATAL(chmod(at, (mode_t)row->mode), 0);
}

static void check_secret_row(const struct secret_row *row)
{
	const char *at = row->at != NULL ? test_path("tree") : NULL;
	char changed[PATH_MAX], front[PATH_MAX + 64];
	struct err err = ERR_INIT;
	struct stat before;

	ROW(row->label);
	if (at != NULL) {
		snprintf(changed, sizeof(changed), "%s/%s", at, row->at);
		if (row->at[0] == '\0')
			changed[strlen(at)] = '\0';
		CU_ASSERT_EQUAL_FATAL(lstat(changed, &before), 0);
		change(row, changed);
	}
	if (row->rc == RC_OK) {
		ASSERT_OK(file_check_secret(row->path, OWNER, &err), &err);
	} else {
		snprintf(front, sizeof(front), "%s%s%s", test_path("tree"),
			 row->component[0] == ' ' ? "" : "/", row->component);
		ASSERT_FAILS(file_check_secret(row->path, OWNER, &err), row->rc, &err, front);
		ASSERT_FAILS(file_check_secret(row->path, OWNER, &err), row->rc, &err,
			     row->command);
	}
	if (at != NULL) {
		CU_ASSERT_EQUAL_FATAL(lchown(changed, before.st_uid, before.st_gid), 0);
		if (!S_ISLNK(before.st_mode))
			CU_ASSERT_EQUAL_FATAL(chmod(changed, before.st_mode & 07777), 0);
	}
}

static void test_secret_matrix(void)
{
	struct err err = ERR_INIT;

	if (geteuid() != 0) {
		printf("base-file: the matrix of owners and modes needs root: not run\n");
		return;
	}
	make_tree();
	for (size_t i = 0; i < COUNT_OF(secret_rows); i++)
		check_secret_row(&secret_rows[i]);
	ROW("the owner is root");
	ASSERT_FAILS(file_check_secret(KEY, 0, &err), RC_PERM, &err,
		     "must belong to root: chown root");
	ROW("an owner without an account has no group");
	CU_ASSERT_EQUAL(chown(KEY, 0, 54321) | chmod(KEY, 0640) | chown("safe", 0, 0) |
				chown("safe/keys", 0, 0),
			0);
	ASSERT_FAILS(file_check_secret(KEY, 54321, &err), RC_PERM, &err, "chmod g-rwx");
	ROW("too long a path");
	char *path = malloc(PATH_MAX + 10);

	CU_ASSERT_PTR_NOT_NULL_FATAL(path);
	memset(path, '/', PATH_MAX + 9);
	path[PATH_MAX + 9] = '\0';
	ASSERT_FAILS(file_check_secret(path, OWNER, &err), RC_IO, &err, "more than 4095 bytes");
	free(path);
	CU_ASSERT_EQUAL(chdir("/"), 0);
	ROW("");
}

int main(void)
{
	static const struct test tests[] = {
		{"reading appends up to the maximum", test_read_appends_up_to_the_maximum},
		{"what reading refuses", test_read_refuses},
		{"reading takes a FIFO", test_read_takes_a_fifo},
		{"reading regular files only", test_read_regular},
		{"reading takes standard input", test_read_takes_standard_input},
		{"writing is whole", test_write_is_whole},
		{"a failed write leaves nothing", test_failed_write_leaves_nothing},
		{"the longest file name", test_longest_file_name},
		{"the parents of odd paths", test_parent_of_odd_paths},
		{"directories are made", test_mkdirs},
		{"where a secret may lie", test_secret_matrix},
	};

	return test_main("base-file", tests, COUNT_OF(tests));
}
