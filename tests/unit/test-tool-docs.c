/* mailseal(1) against the table of verbs, both ways: every verb with its arguments and options is on the page, and
 * nothing is on the page that is no more. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "test.h"
#include "tool/frame.h"

enum { USAGE_MAX = 1000 };

static struct buf page;

static void test_page_is_there(void)
{
	const char *srcdir = getenv("srcdir");
	struct err e = ERR_INIT;
	char path[4096];

	snprintf(path, sizeof(path), "%s/doc/mailseal.1", srcdir != NULL ? srcdir : ".");
	buf_init(&page, 1 << 20);
	if (!ASSERT_OK(file_read(path, &page, &e), &e))
		exit(1);
}

/* Letters and digits, in small letters: what brackets and dots there are between them is the page's business. */
static void add_word(struct buf *out, struct span word)
{
	for (size_t i = 0; i < word.len; i++) {
		char c = word.p[i];

		c = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
		if ((c >= 'a' && c <= 'z') || is_ascii_digit(c))
			CU_ASSERT_EQUAL_FATAL(buf_addc(out, c, NULL), RC_OK);
	}
}

/* mdoc(7) macros that stand within a line. */
static bool is_macro(struct span word)
{
	static const char *const names[] = {"Ar", "Cm", "Fl", "It", "No", "Ns", "Op", "Xc", "Xo"};

	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (span_eq_str(word, names[i]))
			return true;
	return false;
}

/* ".Op Fl -bits Ar n" -> "bitsn" */
static void add_line(struct buf *out, struct span line)
{
	struct span word;

	if (span_starts(line, SPAN_LIT(".")))
		line = span_from(line, 1);
	while (line.len > 0 && span_split(&line, ' ', &word))
		if (!is_macro(word))
			add_word(out, word);
}

static void add_option(struct buf *out, const struct tool_option *o)
{
	add_word(out, span_str(o->name));
	if (o->arg != NULL)
		add_word(out, span_str(o->arg));
}

/* What the head of the verb's item says, as add_line() leaves it: options in the order of the table, then those of
 * all commands that depend on the verb. */
static void add_usage(struct buf *out, const struct tool_verb *v)
{
	add_word(out, span_str(v->noun));
	if (v->verb != NULL)
		add_word(out, span_str(v->verb));
	add_word(out, span_str(v->args));
	for (const struct tool_option *o = v->options; o != NULL && o->name != NULL; o++)
		add_option(out, o);
	if ((v->flags & TOOL_WRITES) != 0)
		add_word(out, SPAN_LIT("dry-run"));
	if ((v->flags & (TOOL_READS | TOOL_WRITES)) != 0)
		add_word(out, SPAN_LIT("json"));
}

/* From the line HEADING to the next line that begins with END. */
static struct span part(struct span text, const char *heading, struct span end)
{
	size_t at = span_search(text, span_str(heading), 0, false);

	CU_ASSERT_FATAL(at < text.len);
	text = span_from(text, at + 1);
	return span_sub(text, 0, span_search(text, end, 0, false));
}

static struct span verbs_part(void)
{
	return part(buf_span(&page), "\n.Ss The whole\n", SPAN_LIT("\n.Sh "));
}

/* The next item: its line, or the lines from Xo to Xc. */
static bool next_item(struct span *rest, struct buf *out, bool *ret_is_option)
{
	struct span line;
	bool more = false;

	out->len = 0;
	while (rest->len > 0 && span_split(rest, '\n', &line)) {
		if (!more && !span_starts(line, SPAN_LIT(".It ")))
			continue;
		if (!more)
			*ret_is_option = span_starts(line, SPAN_LIT(".It Fl "));
		more = !span_eq_str(line, ".Xc") && (more || span_eq_str(line, ".It Xo"));
		add_line(out, line);
		if (!more)
			return true;
	}
	return false;
}

static bool same(const struct buf *a, const struct buf *b)
{
	return span_eq(buf_span(a), buf_span(b));
}

/* How many items of TEXT have this head? */
static size_t count_items(struct span text, const struct buf *head, bool option)
{
	struct buf item;
	bool is_option;
	size_t n = 0;

	buf_init(&item, USAGE_MAX);
	while (next_item(&text, &item, &is_option))
		n += is_option == option && same(&item, head);
	buf_clear(&item);
	return n;
}

static void test_every_verb_is_there(void)
{
	struct buf usage;

	buf_init(&usage, USAGE_MAX);
	for (const struct tool_verb *v = verb_next(NULL); v != NULL; v = verb_next(v)) {
		usage.len = 0;
		add_usage(&usage, v);
		ROW(buf_cstr(&usage));
		CU_ASSERT_EQUAL(count_items(verbs_part(), &usage, false), 1);
		if (count_items(verbs_part(), &usage, false) != 1)
			fprintf(stderr, "mailseal(1) should have one item for: %s %s %s, with %s\n",
				v->noun, v->verb != NULL ? v->verb : "", v->args,
				"the options of its help");
	}
	ROW("");
	buf_clear(&usage);
}

static bool is_verb(const struct buf *head)
{
	struct buf usage;
	bool found = false;

	buf_init(&usage, USAGE_MAX);
	for (const struct tool_verb *v = verb_next(NULL); v != NULL; v = verb_next(v)) {
		usage.len = 0;
		add_usage(&usage, v);
		found = found || same(&usage, head);
	}
	buf_clear(&usage);
	return found;
}

static void test_no_verb_is_made_up(void)
{
	struct span rest = verbs_part();
	struct buf head;
	bool is_option;
	size_t found = 0;

	buf_init(&head, USAGE_MAX);
	while (next_item(&rest, &head, &is_option)) {
		if (is_option)
			continue;
		ROW(buf_cstr(&head));
		CU_ASSERT(is_verb(&head));
		if (!is_verb(&head))
			fprintf(stderr, "mailseal(1) has an item that is no command: %s\n",
				buf_cstr(&head));
		found++;
	}
	CU_ASSERT(found > 20);
	ROW("");
	buf_clear(&head);
}

/* The subsection that explains V. */
static struct span section_of(const struct tool_verb *v)
{
	struct span rest = verbs_part();
	struct buf usage;

	buf_init(&usage, USAGE_MAX);
	add_usage(&usage, v);
	for (;;) {
		size_t end = span_search(rest, SPAN_LIT("\n.Ss "), 0, false);
		struct span section = span_sub(rest, 0, end);

		if (count_items(section, &usage, false) != 0 || end == rest.len) {
			buf_clear(&usage);
			return section;
		}
		rest = span_from(rest, end + 1);
	}
}

static void test_every_option_is_explained(void)
{
	struct buf head;

	buf_init(&head, USAGE_MAX);
	for (const struct tool_verb *v = verb_next(NULL); v != NULL; v = verb_next(v)) {
		for (const struct tool_option *o = v->options; o != NULL && o->name != NULL; o++) {
			head.len = 0;
			add_option(&head, o);
			ROW(o->name);
			CU_ASSERT(count_items(section_of(v), &head, true) > 0);
			if (count_items(section_of(v), &head, true) == 0)
				fprintf(stderr, "mailseal(1) does not explain --%s of %s %s\n",
					o->name, v->noun, v->verb != NULL ? v->verb : "");
		}
	}
	ROW("");
	buf_clear(&head);
}

static bool is_option_of(const struct tool_option *o, const struct buf *head)
{
	struct buf own;
	bool found = false;

	buf_init(&own, USAGE_MAX);
	for (; o != NULL && o->name != NULL; o++) {
		own.len = 0;
		add_option(&own, o);
		found = found || same(&own, head);
	}
	buf_clear(&own);
	return found;
}

static void test_no_option_is_made_up(void)
{
	struct span rest = verbs_part();
	struct buf head;
	bool is_option, known;

	buf_init(&head, USAGE_MAX);
	while (next_item(&rest, &head, &is_option)) {
		if (!is_option)
			continue;
		known = false;
		for (const struct tool_verb *v = verb_next(NULL); v != NULL; v = verb_next(v))
			known = known || is_option_of(v->options, &head);
		ROW(buf_cstr(&head));
		CU_ASSERT(known);
		if (!known)
			fprintf(stderr, "mailseal(1) explains what is no option: %s\n",
				buf_cstr(&head));
	}
	ROW("");
	buf_clear(&head);
}

/* "--config FILE, -c FILE" has two heads; the first counts. */
static void test_options_of_all_commands(void)
{
	struct span section =
		part(buf_span(&page), "\n.Ss Options of all commands\n", SPAN_LIT("\n.Ss "));
	struct span line;
	char wanted[100];
	size_t found = 0, known = 0;

	for (const struct tool_option *o = options_global; o->name != NULL; o++, known++) {
		snprintf(wanted, sizeof(wanted), "\n.It Fl -%s", o->name);
		ROW(o->name);
		CU_ASSERT(span_search(section, span_str(wanted), 0, false) < section.len);
	}
	while (section.len > 0 && span_split(&section, '\n', &line))
		found += span_starts(line, SPAN_LIT(".It "));
	CU_ASSERT_EQUAL(found, known);
	ROW("");
}

int main(void)
{
	static const struct test tests[] = {
		{"the page is there", test_page_is_there},
		{"every verb is on the page, with its arguments and options",
		 test_every_verb_is_there},
		{"what the page has is a verb", test_no_verb_is_made_up},
		{"every option is explained", test_every_option_is_explained},
		{"what the page explains is an option", test_no_option_is_made_up},
		{"the options of all commands", test_options_of_all_commands},
	};
	int status = test_main("tool-docs", tests, COUNT_OF(tests));

	buf_clear(&page);
	return status;
}
