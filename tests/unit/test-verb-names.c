/* The words of the command line that name a verb: found, grouped, and guessed at. */
#include <string.h>

#include "test.h"
#include "tool/frame.h"

static void test_find(void)
{
	static const struct {
		const char *label;
		const char *words[4];
		size_t n;
		const char *want; /* NULL: none */
		size_t used;
	} rows[] = {
		{"nothing", {NULL}, 0, NULL, 0},
		{"a whole word", {"setup"}, 1, "setup", 1},
		{"its arguments are not looked at", {"setup", "list"}, 2, "setup", 1},
		{"a noun alone", {"selector"}, 1, NULL, 1},
		{"noun and verb", {"selector", "add"}, 2, "selector add", 2},
		{"what follows are arguments", {"selector", "add", "add"}, 3, "selector add", 2},
		{"three words", {"user", "cert", "add", "x"}, 4, "user cert add", 3},
		{"two of three", {"user", "cert"}, 2, NULL, 2},
		{"an unknown third", {"user", "cert", "paint"}, 3, NULL, 2},
		{"an unknown verb", {"selector", "paint", "x"}, 3, NULL, 1},
		{"an unknown noun", {"elephant", "add"}, 2, NULL, 0},
		{"the beginning of a word is none", {"selec", "add"}, 2, NULL, 0},
		{"two words in one", {"selector add"}, 1, NULL, 0},
		{"the empty word", {""}, 1, NULL, 0},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char name[VERB_NAME_SIZE] = "(none)";
		size_t used = 99;
		const struct tool_verb *v = verb_find(rows[i].words, rows[i].n, &used);

		ROW(rows[i].label);
		if (v != NULL)
			verb_name(v, name);
		ASSERT_STR(name, rows[i].want != NULL ? rows[i].want : "(none)");
		CU_ASSERT_EQUAL(used, rows[i].used);
	}
	ROW("");
}

/* Every name is found by its words, and fits. */
static void test_every_name(void)
{
	for (const struct tool_verb *v = verb_next(NULL); v != NULL; v = verb_next(v)) {
		char name[VERB_NAME_SIZE], text[VERB_NAME_SIZE];
		const char *words[4];
		size_t n = 0, used;

		verb_name(v, name);
		ROW(name);
		CU_ASSERT_TRUE(strlen(name) < VERB_NAME_SIZE - 1);
		strcpy(text, name);
		for (char *word = strtok(text, " "); word != NULL && n < COUNT_OF(words);
		     word = strtok(NULL, " "))
			words[n++] = word;
		CU_ASSERT_TRUE(n <= 3); /* the completion script knows no more */
		CU_ASSERT_PTR_EQUAL(verb_find(words, n, &used), v);
		CU_ASSERT_EQUAL(used, n);
	}
	ROW("");
}

static void test_groups(void)
{
	static const struct {
		const char *label;
		const char *words[3];
		size_t n;
		const char *group;
		bool in;
		const char *word; /* behind the group */
	} rows[] = {
		{"all are in the first", {"setup"}, 1, "", true, "setup"},
		{"a noun", {"selector", "add"}, 2, "selector", true, "add"},
		{"the part of a noun", {"user", "cert", "add"}, 3, "user cert", true, "add"},
		{"a noun that has parts", {"user", "cert", "add"}, 3, "user", true, "cert"},
		{"another noun", {"selector", "add"}, 2, "domain", false, NULL},
		{"the beginning of a noun", {"selector", "add"}, 2, "select", false, NULL},
		{"a whole word is no group", {"setup"}, 1, "setup", false, NULL},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		size_t used;
		const struct tool_verb *v = verb_find(rows[i].words, rows[i].n, &used);
		char name[VERB_NAME_SIZE];

		ROW(rows[i].label);
		CU_ASSERT_PTR_NOT_NULL_FATAL(v);
		verb_name(v, name);
		CU_ASSERT_EQUAL(verb_in_group(v, rows[i].group), rows[i].in);
		if (rows[i].in)
			ASSERT_SPAN(verb_word(name, rows[i].group), span_str(rows[i].word));
	}
	ROW("");
}

static void test_nearest(void)
{
	static const struct {
		const char *group, *word, *want; /* NULL: none is near */
	} rows[] = {
		{"", "selectr", "selector"}, {"", "statsu", "status"},
		{"", "elephant", NULL},	     {"selector", "actvate", "activate"},
		{"user", "crt", "cert"},     {"user cert", "lst", "list"},
		{"selector", "xyzzy", NULL}, {"domain", "add", NULL},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char near[VERB_NAME_SIZE] = "(none)";

		ROW(rows[i].word);
		CU_ASSERT_EQUAL(verb_nearest(rows[i].group, rows[i].word, near),
				rows[i].want != NULL);
		ASSERT_STR(near, rows[i].want != NULL ? rows[i].want : "(none)");
	}
	ROW("");
}

int main(void)
{
	static const struct test tests[] = {
		{"found by their words", test_find},
		{"every name", test_every_name},
		{"groups", test_groups},
		{"the nearest word", test_nearest},
	};

	return test_main("verb names", tests, COUNT_OF(tests));
}
