/* From bytes of a file to nodes: the scanner, @include, the tree. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "conf/problems.h"
#include "conf/source.h"
#include "conf/tree.h"
#include "test.h"

static void write_file(const char *path, const char *text)
{
	struct err e = ERR_INIT;

	ASSERT_OK(file_write_atomic(path, span_str(text), 0600, true, &e), &e);
}

/* Read TEXT as the file NAME of the test directory. */
static bool read_tree(const char *name, struct span text, struct arena *arena, struct node *root,
		      struct conf_problems *p)
{
	const char *path = test_path(name);
	struct err e = ERR_INIT;
	struct source s;
	bool good = false;

	ASSERT_OK(file_write_atomic(path, text, 0600, true, &e), &e);
	source_init(&s);
	ASSERT_OK(source_read(&s, path, true, arena, p, &e), &e);
	if (p->errors == 0)
		good = tree_build(&s, arena, root, p, &e) == RC_OK;
	source_clear(&s);
	return good;
}

static const struct conf_problem *problem_at(const struct conf_problems *p, unsigned line,
					     const char *words)
{
	for (size_t i = 0; i < p->v.len; i++) {
		const struct conf_problem *x = vec_at(&p->v, i);

		if (x->severity == CONF_ERROR && x->line == line && strstr(x->text, words) != NULL)
			return x;
	}
	return NULL;
}

static void print_problems(const struct conf_problems *p)
{
	for (size_t i = 0; i < p->v.len; i++) {
		const struct conf_problem *x = vec_at(&p->v, i);

		fprintf(stderr, "  %s:%u: %s\n", x->file, x->line, x->text);
	}
}

/* ERRORS is how many there are; one of them stands on LINE and has WORDS. */
struct bad_row {
	const char *label;
	const char *text;
	size_t errors;
	unsigned line;
	const char *words;
};

static const struct bad_row bad_rows[] = {
	{"number past 32 bits", "a = 1;\nb = 4294967296;\n", 1, 2, "4294967296 is too large"},
	{"number that would wrap to a good one", "a = 99999999999;", 1, 1, "too large"},
	{"one past the largest", "a = 2147483648;", 1, 1, "2147483648 is too large"},
	{"one under the smallest", "a = -2147483649;", 1, 1, "too large"},
	{"number past 64 bits", "a = 99999999999999999999;", 1, 1, "too large"},
	{"long number past 64 bits", "a = 9223372036854775808L;", 1, 1, "too large"},
	{"hexadecimal past 31 bits", "a = 0xFFFFFFFF;", 1, 1, "0xFFFFFFFF is too large"},
	{"in a list", "a = (1,\n 4294967296);", 1, 2, "too large"},
	{"yes", "a = yes;", 1, 1, "true and false"},
	{"No", "a = No;", 1, 1, "true and false"},
	{"word without quotes", "a = relaxed;", 1, 1, "needs quotes: \"relaxed\""},
	{"time without quotes", "a = 90d;", 1, 1, "needs quotes: \"90d\""},
	{"path without quotes", "a = /var/lib/x;", 1, 1, "needs quotes: \"/var/lib/x\""},
	{"socket without quotes", "a = unix:/run/x;", 1, 1, "needs quotes: \"unix:/run/x\""},
	{"address without quotes", "a = [127.0.0.1, \"x\"];", 1, 1, "\"127.0.0.1\""},
	{"network without quotes", "a = [10.0.0.0/8];", 1, 1, "\"10.0.0.0/8\""},
	{"variable without quotes", "a = $x;", 1, 1, "needs quotes: \"$x\""},
	{"single quotes", "a = 'x';", 1, 1, "needs quotes"},
	{"0x alone", "a = 0x;", 1, 1, "needs quotes"},
	{"date", "a = 2024-01-01;", 1, 1, "needs quotes"},
	{"comma before )", "a = (1, 2,\n);", 1, 2, "comma stands before ')'"},
	{"comma before ]", "a = [1, ];", 1, 1, "comma stands before ']'"},
	{"comma missing between texts", "a = [\"x\"\n \"y\"];", 1, 2, "comma is missing"},
	{"comma missing between groups", "a = ({ b = 1; }\n{ b = 2; });", 1, 2, "comma is missing"},
	{"comma missing between numbers", "a = (1 2);", 1, 1, "comma is missing before 2"},
	{"comma first", "a = (,1);", 1, 1, "nothing stands before this ','"},
	{"two commas", "a = (1,,2);", 1, 1, "nothing stands before this ','"},
	{"semicolon in a list", "a = (1; 2);", 1, 1, "';' inside '('"},
	{"two semicolons", "a = 1;;", 1, 1, "nothing stands before this ';'"},
	{"semicolon alone", ";", 1, 1, "nothing stands before this ';'"},
	{"no value", "a = ;", 1, 1, "a value is missing before ';'"},
	{"no value before }", "a = { b = };", 1, 1, "a value is missing before '}'"},
	{"name alone", "a;", 1, 1, "a value is missing before ';'"},
	{"two names", "a b = 1;", 1, 1, "'=' is missing before b"},
	{"group without =", "a { b = 1; };", 1, 1, "'=' is missing before {"},
	{"text without name", "\"x\";", 1, 1, "has no name"},
	{"text after a number", "a = 1 \"x\";", 1, 1, "has no name"},
	{"two =", "a == 1;", 1, 1, "'=' without the name"},
	{"= alone", "= 1;", 1, 1, "'=' without the name"},
	{"dot in a name", "example.com = { };", 1, 1, "domains = ( {"},
	{"boolean as a name", "true = 1;", 2, 1, "has no name"},
	{"text never closed", "a = \"x;\nb = 1;\n", 1, 1, "closing quote of a text is missing"},
	{"text never closed at the end", "a = \"x", 1, 1, "closing quote"},
	{"text over two lines", "a = \"x\n y\";\n", 3, 1, "closing quote"},
	{"tab in a text", "a = \"x\ty\";", 1, 1, "control character (0x09)"},
	{"escaped line end", "a = \"x\\ny\";", 1, 1, "backslash in a text"},
	{"escaped NUL", "a = \"x\\x00y\";", 1, 1, "\\x00"},
	{"escape of one digit", "a = \"x\\x4\";", 1, 1, "two hexadecimal digits"},
	{"unknown escape", "a = \"C:\\q\";", 1, 1, "backslash in a text"},
	{"comment never closed", "a = 1;\n/* x\n\n", 1, 2, "never closed by */"},
	{"group never closed", "a = 1;\nb = {\n c = 1;\n", 1, 2,
	 "'{' of this line is never closed"},
	{"list never closed", "b = (\n 1", 1, 1, "'(' of this line is never closed"},
	{"wrong bracket", "a = (\n { b = 1; );", 1, 2, "'}' is wanted"},
	{"bracket too many", "a = { };\n}", 1, 2, "closes nothing"},
	{"control byte", "a = \001 1;", 1, 1, "byte 0x01"},
	{"byte order mark",
	 "\xef\xbb\xbf"
	 "a = 1;",
	 1, 1, "byte order mark"},
	{"letter that is none of ours", "\xc3\xa9 = 1;", 1, 1, "byte 0xc3"},
	{"at sign", "a = 1; @include \"x\"", 1, 1, "@include \"FILE\""},
	{"include without quotes", "@include x\n", 1, 1, "@include \"FILE\""},
	{"include of nothing", "@include \"\"\n", 1, 1, "@include \"FILE\""},
	{"include that is not there", "a = 1;\n@include \"no-such\"\n", 1, 2, "No such file"},
	{"include in a list", "a = (\n@include \"x\"\n);", 1, 2, "not within a value"},
	{"include for a value", "a =\n@include \"x\"\n;", 2, 2, "not within a value"},
	{"percent", "a = 1;\n% = 2;", 1, 2, "'%' has no meaning"},
	{"same name twice", "a = 1;\nb = 2;\na = 3;\n", 1, 3, "duplicate setting name: a = 3;"},
	{"mixed array", "a = [1, \"x\"];", 1, 1, "mismatched element type"},
	{"group in an array", "a = [{ }];", 1, 1, "syntax error: a = [{ }];"},
	{"several mistakes", "a = yes;\nb = 1;\nc = \"x;\nd = (1,);\n", 3, 3, "closing quote"},
};

static void test_mistakes(void)
{
	for (size_t i = 0; i < COUNT_OF(bad_rows); i++) {
		const struct bad_row *row = &bad_rows[i];
		struct arena *arena = arena_new(1 << 20);
		struct node root;
		struct conf_problems p;
		bool found;

		ROW(row->label);
		conf_problems_init(&p);
		CU_ASSERT_FALSE(read_tree("bad.conf", span_str(row->text), arena, &root, &p));
		found = problem_at(&p, row->line, row->words) != NULL && p.errors == row->errors;
		CU_ASSERT(found);
		if (!found) {
			fprintf(stderr, "%s: wanted %zu errors, on line %u \"%s\"; got:\n",
				row->label, row->errors, row->line, row->words);
			print_problems(&p);
		}
		conf_problems_clear(&p);
		arena_free(arena);
	}
	ROW("");
}

struct good_row {
	const char *label;
	const char *text;
};

static const struct good_row good_rows[] = {
	{"nothing", ""},
	{"a comment without a line end", "# x"},
	{"all comments", "# a\n// b\n/* c\n d */ a = 1; # \"x\n b = 2; // {\n"},
	{"no semicolons", "a = 1\nb = 2"},
	{"commas for semicolons", "a = 1, b = 2, c = { d = 1, }"},
	{"CRLF", "a = 1;\r\nb = \"x\";\r\nc = {\r\n d = 1;\r\n};\r\n"},
	{"colon for =", "a : 1; b : { c : true; };"},
	{"largest and smallest",
	 "a = 2147483647; b = -2147483648; c = 0x7fffffff; d = +5; e = 010;"},
	{"long numbers", "a = 4294967296L; b = 9223372036854775807LL;"},
	{"numbers with a point", "a = 1.5; b = -.5e3; c = 5.;"},
	{"booleans", "a = true; b = FALSE; c = (true, False);"},
	{"escapes", "a = \"x\\\\y\\\"z\\x41\";"},
	{"joined text", "a = \"x\"\n  \"y\";"},
	{"comment signs in a text", "a = \"# // /* { ( [\";"},
	{"text in UTF-8", "a = \"b\xc3\xbc"
			  "cher\";"},
	{"empty things", "a = { }; b = ( ); c = [ ]; d = \"\";"},
	{"names", "A-b_9 = 1; a*b = 2; trueish = 3;"},
	{"as deep as allowed", "a=((((((((((((((1))))))))))))));"},
};

static void test_good(void)
{
	for (size_t i = 0; i < COUNT_OF(good_rows); i++) {
		struct arena *arena = arena_new(1 << 20);
		struct node root;
		struct conf_problems p;

		ROW(good_rows[i].label);
		conf_problems_init(&p);
		CU_ASSERT(read_tree("good.conf", span_str(good_rows[i].text), arena, &root, &p));
		CU_ASSERT_EQUAL(p.errors, 0);
		print_problems(&p);
		conf_problems_clear(&p);
		arena_free(arena);
	}
	ROW("");
}

static const struct node *kid(const struct node *n, size_t i)
{
	static const struct node none = {.line = 9999, .u.text = "none"};

	CU_ASSERT(n != NULL && i < n->u.kids.n);
	return n != NULL && i < n->u.kids.n ? &n->u.kids.at[i] : &none;
}

/* Types, values, and the line of each: libconfig alone gives "y" the line of the bracket. */
static void test_tree(void)
{
	static const char text[] = "a = [\n\"x\",\n\"y\"\n];\nb = 7;\nc\n=\n\"jo\"\n\"in\";\n"
				   "d = (\n{\n e = true; },\n2.5 );\nf = 5L;\n";
	struct arena *arena = arena_new(1 << 20);
	struct node root;
	struct conf_problems p;

	conf_problems_init(&p);
	CU_ASSERT(read_tree("tree.conf", span_str(text), arena, &root, &p));
	CU_ASSERT_EQUAL(root.type, NODE_GROUP);
	CU_ASSERT_EQUAL(root.u.kids.n, 5);
	CU_ASSERT_EQUAL(kid(&root, 0)->type, NODE_LIST);
	CU_ASSERT_EQUAL(kid(kid(&root, 0), 0)->line, 2);
	CU_ASSERT_EQUAL(kid(kid(&root, 0), 1)->line, 3);
	ASSERT_STR(kid(kid(&root, 0), 1)->u.text, "y");
	CU_ASSERT_PTR_NULL(kid(kid(&root, 0), 1)->name);
	CU_ASSERT_EQUAL(node_member(&root, "b")->u.number, 7);
	CU_ASSERT_EQUAL(node_member(&root, "b")->line, 5);
	ASSERT_STR(node_member(&root, "c")->u.text, "join");
	CU_ASSERT_EQUAL(node_member(&root, "c")->line, 8);
	CU_ASSERT_EQUAL(kid(node_member(&root, "d"), 0)->line, 11);
	CU_ASSERT_EQUAL(kid(kid(node_member(&root, "d"), 0), 0)->type, NODE_BOOL);
	CU_ASSERT(kid(kid(node_member(&root, "d"), 0), 0)->u.truth);
	CU_ASSERT_EQUAL(kid(node_member(&root, "d"), 1)->type, NODE_FLOAT);
	CU_ASSERT_EQUAL(node_member(&root, "f")->u.number, 5);
	CU_ASSERT_PTR_NULL(node_member(&root, "x"));
	conf_problems_clear(&p);
	arena_free(arena);
}

/* Beside the including file, from whatever directory the process runs in; each line knows its file. */
static void test_include(void)
{
	static const char text[] =
		"a = 1;\n  @include \"inc/one.conf\" # why\nb = 2;\n"
		"c = {\n@include \"inc/empty.conf\"\n@include \"inc/two.conf\"\n};\n";
	struct arena *arena = arena_new(1 << 20);
	struct node root;
	struct conf_problems p;
	const struct node *n;

	CU_ASSERT_EQUAL(mkdir(test_path("inc"), 0700), 0);
	write_file(test_path("inc/one.conf"), "x = 1;\n@include \"two.conf\"\ny = 2;");
	write_file(test_path("inc/two.conf"), "\nz = \"q\"; # no line end");
	write_file(test_path("inc/empty.conf"), "");
	conf_problems_init(&p);
	CU_ASSERT(read_tree("main.conf", span_str(text), arena, &root, &p));
	print_problems(&p);
	n = node_member(&root, "x");
	ASSERT_STR(n->file, test_path("inc/one.conf"));
	CU_ASSERT_EQUAL(n->line, 1);
	n = node_member(&root, "z");
	ASSERT_STR(n->file, test_path("inc/two.conf"));
	CU_ASSERT_EQUAL(n->line, 2);
	n = node_member(&root, "y");
	ASSERT_STR(n->file, test_path("inc/one.conf"));
	CU_ASSERT_EQUAL(n->line, 3);
	n = node_member(&root, "b");
	ASSERT_STR(n->file, test_path("main.conf"));
	CU_ASSERT_EQUAL(n->line, 3);
	n = node_member(node_member(&root, "c"), "z");
	ASSERT_STR(n->file, test_path("inc/two.conf"));
	conf_problems_clear(&p);
	arena_free(arena);
}

static void test_include_absolute(void)
{
	struct arena *arena = arena_new(1 << 20);
	struct node root;
	struct conf_problems p;
	char text[600];

	write_file(test_path("absolute.conf"), "x = 1;");
	snprintf(text, sizeof(text), "@include \"%s\"\n", test_path("absolute.conf"));
	conf_problems_init(&p);
	CU_ASSERT(read_tree("main.conf", span_str(text), arena, &root, &p));
	CU_ASSERT_PTR_NOT_NULL(node_member(&root, "x"));
	conf_problems_clear(&p);
	arena_free(arena);
}

static void expect_error(const char *text, size_t len, const char *words)
{
	struct arena *arena = arena_new(64 << 20);
	struct node root;
	struct conf_problems p;
	struct err e = ERR_INIT;

	conf_problems_init(&p);
	CU_ASSERT_FALSE(read_tree("main.conf", span_of(text, len), arena, &root, &p));
	conf_problems_sort(&p);
	ASSERT_FAILS(conf_problems_result(&p, &e), RC_CONF, &e, words);
	conf_problems_clear(&p);
	arena_free(arena);
}

static void test_include_bounds(void)
{
	char text[8192];
	size_t len = 0;

	expect_error("@include \"main.conf\"\n", 21, "include itself?");
	write_file(test_path("e"), "");
	expect_error("@include \"e\" a = 1;\n", 20, "follows the @include");
	write_file(test_path("broken.conf"), "a = 1;\nb = yes;\n");
	expect_error("@include \"broken.conf\"\n", 23, "broken.conf:2: yes");
	write_file(test_path("open.conf"), "x = {\n");
	expect_error("\n@include \"open.conf\"\n", 22, "open.conf:1: the '{' of this line");
	while (len + 14 < sizeof(text))
		len += (size_t)snprintf(text + len, sizeof(text) - len, "@include \"e\"\n");
	write_file(test_path("many"), text);
	CU_ASSERT_EQUAL(mkfifo(test_path("pipe"), 0600), 0);
	expect_error("a = 1;\n@include \"pipe\"\n", 23, "main.conf:2: @include: ");
	expect_error("a = 1;\n@include \"pipe\"\n", 23, "pipe is no regular file");
	expect_error("@include \"/dev/zero\"\n", 21, "/dev/zero is no regular file");
	expect_error("@include \".\"\n", 13, "is a directory");
	expect_error("@include \"many\"\n@include \"many\"\n", 32, "1000 files are included");
}

static void test_bounds(void)
{
	struct buf text;
	struct err e = ERR_INIT;

	expect_error("a = 1;\n\0b", 9, ":2: a NUL byte");
	expect_error("a=("
		     "(((((((((((((((1))))))))))))))));",
		     35, "more than 15 brackets");
	buf_init(&text, 1 << 20);
	for (unsigned i = 0; i <= 1000; i++)
		ASSERT_OK(buf_addf(&text, &e, "a%u = 1;\n", i), &e);
	expect_error(text.p, text.len, ":1001: more than 1000 settings in one group");
	buf_clear(&text);
}

static void test_unreadable(void)
{
	struct arena *arena = arena_new(1 << 20);
	struct conf_problems p;
	struct source s;
	struct err e = ERR_INIT;

	conf_problems_init(&p);
	source_init(&s);
	ASSERT_FAILS(source_read(&s, test_path("none"), true, arena, &p, &e), RC_NOTFOUND, &e,
		     "none");
	ASSERT_FAILS(source_read(&s, test_dir(), true, arena, &p, &e), RC_INPUT, &e, "directory");
	CU_ASSERT_EQUAL(p.errors, 0);
	source_clear(&s);
	conf_problems_clear(&p);
	arena_free(arena);
}

static void test_too_large(void)
{
	struct arena *arena = arena_new(1 << 20);
	struct conf_problems p;
	struct source s;
	struct err e = ERR_INIT;
	const char *path = test_path("large.conf");

	write_file(path, "#");
	CU_ASSERT_EQUAL(truncate(path, SOURCE_SIZE_MAX + 1), 0);
	conf_problems_init(&p);
	source_init(&s);
	ASSERT_FAILS(source_read(&s, path, true, arena, &p, &e), RC_LIMIT, &e, "larger than");
	source_clear(&s);
	conf_problems_clear(&p);
	arena_free(arena);
}

/* Notes never crowd out errors, the counts are of all, and the order is by file, line and severity. */
static void test_problems(void)
{
	struct conf_problems p;
	struct err e = ERR_INIT;
	struct buf shown;
	const struct conf_problem *all;

	conf_problems_init(&p);
	ASSERT_OK(conf_problems_result(&p, &e), &e);
	for (unsigned i = 0; i < 1500; i++)
		conf_problems_add(&p, CONF_NOTE, "b", i, "note");
	conf_problems_add(&p, CONF_WARNING, "b", 3, "a\nwarning");
	ASSERT_OK(conf_problems_result(&p, &e), &e);
	conf_problems_add(&p, CONF_ERROR, "c", 1, "later");
	conf_problems_add(&p, CONF_ERROR, "b", 3, "%s", "first");
	conf_problems_add(&p, CONF_ERROR, "a\n", 0, "whole file");
	CU_ASSERT_EQUAL(p.notes, 1500);
	CU_ASSERT_EQUAL(p.warnings, 1);
	CU_ASSERT_EQUAL(p.errors, 3);
	CU_ASSERT_EQUAL(p.v.len, 1004);
	conf_problems_sort(&p);
	all = p.v.items;
	ASSERT_STR(all[0].text, "whole file");
	ASSERT_STR(all[4].text, "first");
	ASSERT_STR(all[5].text, "a?warning");
	ASSERT_STR(all[1003].text, "later");
	buf_init(&shown, 1000);
	ASSERT_OK(conf_problem_show(&all[0], &shown, &e), &e);
	ASSERT_OK(conf_problem_show(&all[5], &shown, &e), &e);
	ASSERT_OK(conf_problem_show(&all[6], &shown, &e), &e);
	ASSERT_SPAN(buf_span(&shown),
		    SPAN_LIT("a?: error: whole fileb:3: warning: a?warningb:3: note: note"));
	ASSERT_FAILS(conf_problems_result(&p, &e), RC_CONF, &e,
		     "3 errors in the configuration, the first: a?: whole file");
	buf_clear(&shown);
	conf_problems_clear(&p);
	CU_ASSERT_EQUAL(p.errors + p.warnings + p.notes + p.v.len, 0);
}

/* Random cuts and changes of a good file: nothing is read past its end, and an accepted one has a tree. */
static void test_damaged(void)
{
	static const char good[] = "a = { b = [\"x\", \"y\\x41\"]; c = 0x10; /* d */ };\n"
				   "e = ( { f = 1.5; }, true, -3L ); # g\nh = \"i\" \"j\";\n";
	static const char alphabet[] = "\"\\{}()[],;=:#/*@\n\r x0-+.L\377\t";
	size_t accepted = 0;

	for (unsigned i = 0; i < 3000; i++) {
		struct arena *arena = arena_new(1 << 20);
		size_t len = test_random(sizeof(good));
		char *text = malloc(len + 1);
		struct node root;
		struct conf_problems p;
		struct source s;
		struct err e = ERR_INIT;

		memcpy(text, good, len);
		for (unsigned j = test_random(3); j > 0 && len > 0; j--)
			text[test_random((unsigned)len)] = alphabet[test_random(sizeof(alphabet))];
		conf_problems_init(&p);
		source_init(&s);
		ASSERT_OK(source_of_text(&s, "text", span_of(text, len), &p, &e), &e);
		if (p.errors == 0 && tree_build(&s, arena, &root, &p, &e) == RC_OK)
			accepted++;
		else
			CU_ASSERT(p.errors > 0);
		source_clear(&s);
		conf_problems_clear(&p);
		arena_free(arena);
		free(text);
	}
	CU_ASSERT(accepted > 100 && accepted < 2900);
}

int main(void)
{
	static const struct test tests[] = {
		{"each mistake is named with its line", test_mistakes},
		{"what is right passes", test_good},
		{"nodes have types, values and lines", test_tree},
		{"include: beside the file, lines kept", test_include},
		{"include: absolute names", test_include_absolute},
		{"include: bounds and mistakes within", test_include_bounds},
		{"bounds of one file", test_bounds},
		{"files that cannot be read", test_unreadable},
		{"a file over the limit", test_too_large},
		{"problems: order, counts, bounds", test_problems},
		{"damaged files", test_damaged},
	};

	return test_main("conf-syntax", tests, COUNT_OF(tests));
}
