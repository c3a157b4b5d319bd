#include "test.h"

#include <CUnit/Basic.h>
#include <ftw.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *row_label = "";
static char dir[64];
static uint64_t random_state = 0x9e3779b97f4a7c15u;

void test_row(const char *label)
{
	row_label = label;
}

static void explain(const char *file, int line)
{
	fprintf(stderr, "%s:%d: %s%s", file, line, row_label, *row_label != '\0' ? ": " : "");
}

static bool check(bool good, const char *what, const char *file, int line)
{
	CU_assertImplementation(good, (unsigned)line, what, file, "", CU_FALSE);
	return good;
}

bool test_assert_ok(enum rc rc, const struct err *err, const char *what, const char *file, int line)
{
	if (rc != RC_OK) {
		explain(file, line);
		fprintf(stderr, "%s: %s: %s\n", what, rc_word(rc), err != NULL ? err->text : "");
	}
	return check(rc == RC_OK, what, file, line);
}

bool test_assert_fails(enum rc got, enum rc want, const struct err *err, const char *words,
		       const char *what, const char *file, int line)
{
	bool good = got == want && err->text[0] != '\0' && strstr(err->text, words) != NULL;

	if (!good) {
		explain(file, line);
		fprintf(stderr, "%s: got '%s: %s', wanted '%s: ...%s...'\n", what, rc_word(got),
			err->text, rc_word(want), words);
	}
	return check(good, what, file, line);
}

static void show(const char *label, struct span s)
{
	fprintf(stderr, "  %s (%zu) \"", label, s.len);
	for (size_t i = 0; i < s.len && i < 2000; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c == '\n')
			fputs("\\n", stderr);
		else if (c < 0x20 || c >= 0x7f || c == '"' || c == '\\')
			fprintf(stderr, "\\x%02x", c);
		else
			fputc(c, stderr);
	}
	fputs("\"\n", stderr);
}

bool test_assert_span(struct span got, struct span want, const char *file, int line)
{
	bool good = span_eq(got, want);

	if (!good) {
		explain(file, line);
		fputs("bytes differ\n", stderr);
		show("got", got);
		show("want", want);
	}
	return check(good, "bytes are equal", file, line);
}

static int remove_entry(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static void remove_dir(void)
{
	if (dir[0] != '\0')
		nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static bool is_letter(char c)
{
	return (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') || (unsigned char)c >= 0x80;
}

/* The first word of *REST, which is left behind it; empty at the end. */
static struct span next_word(struct span *rest)
{
	struct span word;

	while (rest->len > 0 && !is_letter(rest->p[0]))
		*rest = span_from(*rest, 1);
	word = span_sub(*rest, 0, 0);
	while (word.len < rest->len && is_letter(rest->p[word.len]))
		word.len++;
	*rest = span_from(*rest, word.len);
	return word;
}

bool test_assert_no_echo(struct span text, const char *file, int line)
{
	struct span rest = text, last = next_word(&rest);
	bool good = true;

	while (good && rest.len > 0) {
		struct span word = next_word(&rest);

		good = word.len == 0 || !span_ieq(word, last);
		last = word;
	}
	if (!good) {
		explain(file, line);
		fprintf(stderr, "a word is said twice\n");
		show("got", text);
	}
	return check(good, "no word is said twice", file, line);
}

const char *test_dir(void)
{
	if (dir[0] == '\0') {
		strcpy(dir, "/tmp/mailseal-unit-XXXXXX");
		if (mkdtemp(dir) == NULL) {
			perror("mkdtemp");
			exit(99);
		}
		atexit(remove_dir);
	}
	return dir;
}

const char *test_path(const char *name)
{
	static char paths[8][512];
	static unsigned next;
	char *path = paths[next++ % 8];

	snprintf(path, sizeof(paths[0]), "%s/%s", test_dir(), name);
	return path;
}

unsigned test_random(unsigned below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return below == 0 ? 0 : (unsigned)(random_state % below);
}

int test_main(const char *name, const struct test *tests, size_t n)
{
	CU_pSuite suite;
	unsigned failed, asserts;

	if (CU_initialize_registry() != CUE_SUCCESS)
		return 99;
	suite = CU_add_suite(name, NULL, NULL);
	for (size_t i = 0; suite != NULL && i < n; i++)
		if (CU_add_test(suite, tests[i].name, tests[i].run) == NULL)
			suite = NULL;
	if (suite == NULL)
		return 99;
	CU_basic_set_mode(CU_BRM_SILENT);
	CU_basic_run_tests();
	CU_basic_show_failures(CU_get_failure_list());
	failed = CU_get_number_of_failures();
	asserts = CU_get_number_of_asserts();
	printf("%s: %zu tests, %u asserts, %u failed\n", name, n, asserts, failed);
	CU_cleanup_registry();
	return failed == 0 && asserts > 0 ? 0 : 1;
}
