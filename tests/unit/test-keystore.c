/* Key files: written once, checked at each load, moved to the trash. */
#include "directory/keystore.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test.h"

static const int64_t NOW = 1795521600;
static const int64_t DAY = 86400;

static struct key *new_key(void)
{
	struct err err = ERR_INIT;
	struct key *k = NULL;

	ASSERT_OK(key_generate(KEY_ED25519, 0, &k, &err), &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(k);
	return k;
}

/* "NAME/keys/SUBfingerprint.pem" below the test's directory. */
static const char *file_of(const char *name, const char *sub, const struct key *k)
{
	char below[300];

	snprintf(below, sizeof(below), "%s/keys/%s%s.pem", name, sub, key_fingerprint(k));
	return test_path(below);
}

static unsigned mode_of(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? (unsigned)st.st_mode & 07777 : 0;
}

static void put_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);

	CU_ASSERT_TRUE_FATAL(fd >= 0);
	CU_ASSERT_EQUAL(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static void test_put_and_get(void)
{
	struct key *k = new_key(), *back = NULL;
	struct err err = ERR_INIT;
	mode_t old = umask(0);
	struct stat before, after;

	ASSERT_OK(keystore_put(test_path("a"), k, &err), &err);
	CU_ASSERT_EQUAL(mode_of(test_path("a/keys")), 0700);
	CU_ASSERT_EQUAL(mode_of(test_path("a/keys/trash")), 0700);
	CU_ASSERT_EQUAL(mode_of(file_of("a", "", k)), 0600);
	ASSERT_OK(keystore_get(test_path("a"), key_fingerprint(k), &back, &err), &err);
	ASSERT_STR(key_fingerprint(back), key_fingerprint(k));
	CU_ASSERT_TRUE(key_has_private(back));
	key_unref(back);
	CU_ASSERT_EQUAL(stat(file_of("a", "", k), &before), 0);
	ASSERT_OK(keystore_put(test_path("a"), k, &err), &err);
	CU_ASSERT_EQUAL(stat(file_of("a", "", k), &after), 0);
	CU_ASSERT_EQUAL(before.st_ino, after.st_ino);
	key_unref(k);
	umask(old);
}

static void test_what_is_no_fingerprint(void)
{
	static const char good[] =
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	static const char *const bad[] = {
		"",
		"../../../etc/shadow",
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde",
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0",
		"0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef",
		"../../789abcdef0123456789abcdef0123456789abcdef0123456789abcdef01",
	};
	struct err err = ERR_INIT;
	struct key *k = NULL;

	CU_ASSERT_TRUE(fingerprint_valid(good));
	CU_ASSERT_FALSE(fingerprint_valid(NULL));
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		ROW(bad[i]);
		CU_ASSERT_FALSE(fingerprint_valid(bad[i]));
		ASSERT_FAILS(keystore_get(test_path("a"), bad[i], &k, &err), RC_INPUT, &err,
			     "no fingerprint");
		ASSERT_FAILS(keystore_trash(test_path("a"), bad[i], NOW, &err), RC_INPUT, &err,
			     "no fingerprint");
	}
	ROW("");
	CU_ASSERT_PTR_NULL(k);
}

static void assert_get_fails(const struct key *k, enum rc want, const char *words)
{
	struct err err = ERR_INIT;
	struct key *back = NULL;

	ASSERT_FAILS(keystore_get(test_path("c"), key_fingerprint(k), &back, &err), want, &err,
		     words);
	CU_ASSERT_PTR_NULL(back);
	/* The text must say where to look. */
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, test_path("c")));
}

static void test_checked_at_each_load(void)
{
	struct key *k = new_key(), *other = new_key(), *back = NULL;
	struct err err = ERR_INIT;
	char pem[4096];
	ssize_t len;
	int fd;

	ASSERT_OK(keystore_put(test_path("c"), k, &err), &err);
	ASSERT_OK(keystore_put(test_path("c"), other, &err), &err);
	ROW("file that others may read");
	CU_ASSERT_EQUAL(chmod(file_of("c", "", k), 0644), 0);
	assert_get_fails(k, RC_PERM, ".pem");
	CU_ASSERT_EQUAL(chmod(file_of("c", "", k), 0600), 0);
	ROW("directory that others may write");
	CU_ASSERT_EQUAL(chmod(test_path("c/keys"), 0777), 0);
	assert_get_fails(k, RC_PERM, "c/keys");
	CU_ASSERT_EQUAL(chmod(test_path("c/keys"), 0700), 0);
	ASSERT_OK(keystore_get(test_path("c"), key_fingerprint(k), &back, &err), &err);
	key_unref(back);
	ROW("another key in it");
	fd = open(file_of("c", "", other), O_RDONLY | O_CLOEXEC);
	len = read(fd, pem, sizeof(pem) - 1);
	close(fd);
	CU_ASSERT_TRUE_FATAL(len > 0);
	pem[len] = '\0';
	put_text(file_of("c", "", k), pem);
	assert_get_fails(k, RC_INPUT, "holds another key");
	ASSERT_FAILS(keystore_put(test_path("c"), k, &err), RC_INPUT, &err, "another key");
	ROW("no key in it");
	put_text(file_of("c", "", k), "");
	assert_get_fails(k, RC_INPUT, ".pem");
	ROW("gone");
	CU_ASSERT_EQUAL(unlink(file_of("c", "", k)), 0);
	assert_get_fails(k, RC_NOTFOUND, ".pem");
	ROW("");
	explicit_bzero(pem, sizeof(pem));
	key_unref(k);
	key_unref(other);
}

static void test_discard(void)
{
	struct key *k = new_key(), *other = new_key();
	struct err err = ERR_INIT;

	ASSERT_OK(keystore_put(test_path("d"), k, &err), &err);
	ASSERT_OK(keystore_put(test_path("d"), other, &err), &err);
	ASSERT_OK(keystore_discard(test_path("d"), key_fingerprint(k), &err), &err);
	CU_ASSERT_NOT_EQUAL(access(file_of("d", "", k), F_OK), 0);
	CU_ASSERT_NOT_EQUAL(access(file_of("d", "trash/", k), F_OK), 0);
	CU_ASSERT_EQUAL(access(file_of("d", "", other), F_OK), 0);
	ASSERT_FAILS(keystore_discard(test_path("d"), key_fingerprint(k), &err), RC_NOTFOUND, &err,
		     key_fingerprint(k));
	ASSERT_FAILS(keystore_discard(test_path("d"), "../d", &err), RC_INPUT, &err, "../d");
	key_unref(k);
	key_unref(other);
}

static void test_trash(void)
{
	struct key *k = new_key(), *young = new_key(), *late = new_key();
	struct err err = ERR_INIT;
	struct stat st;

	ASSERT_FAILS(keystore_trash(test_path("t"), key_fingerprint(k), NOW, &err), RC_NOTFOUND,
		     &err, key_fingerprint(k));
	ASSERT_OK(keystore_put(test_path("t"), k, &err), &err);
	ASSERT_OK(keystore_put(test_path("t"), young, &err), &err);
	ASSERT_OK(keystore_put(test_path("t"), late, &err), &err);
	ASSERT_OK(keystore_trash(test_path("t"), key_fingerprint(k), NOW, &err), &err);
	CU_ASSERT_NOT_EQUAL(access(file_of("t", "", k), F_OK), 0);
	CU_ASSERT_EQUAL(stat(file_of("t", "trash/", k), &st), 0);
	CU_ASSERT_EQUAL(st.st_mtime, NOW);
	ASSERT_FAILS(keystore_trash(test_path("t"), key_fingerprint(k), NOW, &err), RC_NOTFOUND,
		     &err, "no such file");
	ASSERT_OK(keystore_trash(test_path("t"), key_fingerprint(young), NOW + 2 * DAY, &err),
		  &err);
	CU_ASSERT_EQUAL(access(file_of("t", "trash/", k), F_OK), 0);
	/* 31 days after the first, 29 after the second. */
	ASSERT_OK(keystore_trash(test_path("t"), key_fingerprint(late), NOW + 31 * DAY, &err),
		  &err);
	CU_ASSERT_NOT_EQUAL(access(file_of("t", "trash/", k), F_OK), 0);
	CU_ASSERT_EQUAL(access(file_of("t", "trash/", young), F_OK), 0);
	CU_ASSERT_EQUAL(access(file_of("t", "trash/", late), F_OK), 0);
	key_unref(k);
	key_unref(young);
	key_unref(late);
}

static void test_list(void)
{
	struct key *k[3] = {new_key(), new_key(), new_key()};
	struct err err = ERR_INIT;
	struct vec v;
	int fd;

	ASSERT_OK(keystore_list(test_path("l"), &v, &err), &err);
	CU_ASSERT_EQUAL(v.len, 0);
	vec_clear(&v);
	for (size_t i = 0; i < COUNT_OF(k); i++)
		ASSERT_OK(keystore_put(test_path("l"), k[i], &err), &err);
	fd = open(test_path("l/keys/README"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	close(fd);
	ASSERT_OK(keystore_trash(test_path("l"), key_fingerprint(k[0]), NOW, &err), &err);
	ASSERT_OK(keystore_list(test_path("l"), &v, &err), &err);
	CU_ASSERT_EQUAL_FATAL(v.len, 2);
	CU_ASSERT_TRUE(strcmp(vec_at(&v, 0), vec_at(&v, 1)) < 0);
	for (size_t i = 1; i < COUNT_OF(k); i++)
		CU_ASSERT_TRUE(strcmp(vec_at(&v, 0), key_fingerprint(k[i])) == 0 ||
			       strcmp(vec_at(&v, 1), key_fingerprint(k[i])) == 0);
	vec_clear(&v);
	for (size_t i = 0; i < COUNT_OF(k); i++)
		key_unref(k[i]);
}

/* What a backup takes: the bytes, and for the trash the time of removal. */
static void test_files_as_they_are(void)
{
	struct key *k = new_key();
	struct err err = ERR_INIT;
	char *path = NULL;
	struct buf pem;
	struct vec found;
	int64_t when = 0;

	buf_init(&pem, KEY_FILE_MAX);
	ASSERT_OK(keystore_put(test_path("raw"), k, &err), &err);
	ASSERT_OK(keystore_list_place(test_path("raw"), KEYSTORE_TRASH, &found, &err), &err);
	CU_ASSERT_EQUAL(found.len, 0);
	ASSERT_OK(keystore_path(test_path("raw"), KEYSTORE_KEYS, key_fingerprint(k), &path, &err),
		  &err);
	ASSERT_STR(path, file_of("raw", "", k));
	free(path);
	ASSERT_OK(keystore_read(test_path("raw"), KEYSTORE_KEYS, key_fingerprint(k), &pem, &when,
				&err),
		  &err);
	CU_ASSERT_TRUE(span_starts(buf_span(&pem), SPAN_LIT("-----BEGIN PRIVATE KEY-----")));
	ASSERT_OK(keystore_trash(test_path("raw"), key_fingerprint(k), NOW, &err), &err);
	pem.len = 0;
	ASSERT_FAILS(keystore_read(test_path("raw"), KEYSTORE_KEYS, key_fingerprint(k), &pem, &when,
				   &err),
		     RC_NOTFOUND, &err, "keys/");
	ASSERT_OK(keystore_list_place(test_path("raw"), KEYSTORE_TRASH, &found, &err), &err);
	CU_ASSERT_EQUAL(found.len, 1);
	vec_clear(&found);
	ASSERT_OK(keystore_read(test_path("raw"), KEYSTORE_TRASH, key_fingerprint(k), &pem, &when,
				&err),
		  &err);
	CU_ASSERT_EQUAL(when, NOW);
	CU_ASSERT_EQUAL(chmod(file_of("raw", "trash/", k), 0644), 0);
	ASSERT_FAILS(keystore_read(test_path("raw"), KEYSTORE_TRASH, key_fingerprint(k), &pem,
				   &when, &err),
		     RC_PERM, &err, "open to others");
	ASSERT_FAILS(keystore_path("x", KEYSTORE_TRASH, "../../etc/passwd", &path, &err), RC_INPUT,
		     &err, "is no fingerprint");
	buf_wipe(&pem);
	key_unref(k);
}

int main(void)
{
	static const struct test tests[] = {
		{"put and get", test_put_and_get},
		{"what is no fingerprint", test_what_is_no_fingerprint},
		{"checked at each load", test_checked_at_each_load},
		{"a key that nobody has seen is deleted", test_discard},
		{"trash", test_trash},
		{"list", test_list},
		{"files as they are", test_files_as_they_are},
	};

	return test_main("keystore", tests, COUNT_OF(tests));
}
