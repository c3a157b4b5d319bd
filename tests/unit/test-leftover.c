/* What the catalogue has and nothing refers to. */
#include "test.h"

#include <string.h>

#include "tool/leftover.h"

enum { NAMES_MAX = 4 };

static char fingerprints[3][SHA256_HEX_SIZE];

static void make_fingerprints(void)
{
	for (size_t i = 0; i < COUNT_OF(fingerprints); i++)
		memset(fingerprints[i], '1' + (int)i, SHA256_HEX_SIZE - 1);
}

static size_t count(const char *const *names)
{
	size_t n = 0;

	while (n < NAMES_MAX && names[n] != NULL)
		n++;
	return n;
}

static void assert_names(const struct vec *found, const char *const *want)
{
	const char *const *all = found->items;

	CU_ASSERT_EQUAL_FATAL(found->len, count(want));
	for (size_t i = 0; i < found->len; i++)
		CU_ASSERT_STRING_EQUAL(all[i], want[i]);
}

static void test_domains(void)
{
	static const struct {
		const char *label;
		const char *signers[NAMES_MAX];	  /* what the configuration signs as */
		const char *catalogue[NAMES_MAX]; /* the domains of its selectors, sorted */
		const char *left[NAMES_MAX];
	} rows[] = {
		{"nothing at all", {NULL}, {NULL}, {NULL}},
		{"all are named", {"a.example", "b.example"}, {"a.example", "b.example"}, {NULL}},
		{"no configuration",
		 {NULL},
		 {"a.example", "b.example"},
		 {"a.example", "b.example"}},
		{"no catalogue", {"a.example"}, {NULL}, {NULL}},
		{"one left, of several selectors",
		 {"a.example", "c.example"},
		 {"a.example", "b.example", "b.example", "c.example"},
		 {"b.example"}},
		{"the first and the last",
		 {"b.example"},
		 {"a.example", "b.example", "c.example"},
		 {"a.example", "c.example"}},
		{"signers in any order, one for two domains",
		 {"z.example", "a.example", "z.example"},
		 {"a.example", "m.example", "z.example"},
		 {"m.example"}},
		{"a part of a name is not the name",
		 {"a.example"},
		 {"a.exampl", "a.example2"},
		 {"a.exampl", "a.example2"}},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct conf_domain domains[NAMES_MAX];
		struct selector selectors[NAMES_MAX];
		struct conf conf;
		struct selector_list list = {.at = selectors, .n = count(rows[i].catalogue)};
		struct err err = ERR_INIT;
		struct vec left;

		ROW(rows[i].label);
		memset(domains, 0, sizeof(domains));
		memset(selectors, 0, sizeof(selectors));
		memset(&conf, 0, sizeof(conf));
		conf.domains = domains;
		conf.n_domains = count(rows[i].signers);
		for (size_t k = 0; k < conf.n_domains; k++)
			domains[k].sign_domain = rows[i].signers[k];
		for (size_t k = 0; k < list.n; k++)
			selectors[k].domain = rows[i].catalogue[k];
		ASSERT_OK(leftover_domains(&conf, &list, &left, &err), &err);
		assert_names(&left, rows[i].left);
		vec_clear(&left);
	}
}

static void test_keys(void)
{
	static const struct {
		const char *label;
		const char *files, *selectors, *left; /* each digit is a key */
	} rows[] = {
		{"nothing at all", "", "", ""},
		{"each has its file", "123", "312", ""},
		{"no selector", "12", "", "12"},
		{"no file", "", "12", ""},
		{"one in the middle", "123", "31", "2"},
		{"several selectors of one key", "12", "1111", "2"},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct selector selectors[NAMES_MAX];
		struct selector_list list = {.at = selectors, .n = strlen(rows[i].selectors)};
		const char *want[NAMES_MAX] = {NULL};
		struct err err = ERR_INIT;
		struct vec files, left;

		ROW(rows[i].label);
		vec_init(&files, SHA256_HEX_SIZE, NAMES_MAX);
		for (const char *f = rows[i].files; *f != '\0'; f++)
			memcpy(vec_push(&files), fingerprints[*f - '1'], SHA256_HEX_SIZE);
		memset(selectors, 0, sizeof(selectors));
		for (size_t k = 0; k < list.n; k++)
			memcpy(selectors[k].fingerprint, fingerprints[rows[i].selectors[k] - '1'],
			       SHA256_HEX_SIZE);
		for (size_t k = 0; rows[i].left[k] != '\0'; k++)
			want[k] = fingerprints[rows[i].left[k] - '1'];
		ASSERT_OK(leftover_keys(&files, &list, &left, &err), &err);
		assert_names(&left, want);
		vec_clear(&left);
		vec_clear(&files);
	}
}

int main(void)
{
	static const struct test tests[] = {
		{"domains that only the catalogue has", test_domains},
		{"keys without a selector", test_keys},
	};

	make_fingerprints();
	return test_main("leftover", tests, COUNT_OF(tests));
}
