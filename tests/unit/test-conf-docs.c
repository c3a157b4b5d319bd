/* What administrators read says what the program does: the sample configuration and the man page against the table of
 * keys. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "conf/conf.h"
#include "conf/problems.h"
#include "conf/schema.h"
#include "conf/source.h"
#include "conf/tree.h"
#include "test.h"

static void read_shipped(const char *name, struct buf *out)
{
	const char *srcdir = getenv("srcdir");
	struct err e = ERR_INIT;
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", srcdir != NULL ? srcdir : ".", name);
	buf_init(out, 1 << 20);
	if (!ASSERT_OK(file_read(path, out, &e), &e))
		exit(1);
}

/* Behind "#" stands a space in what is meant for people, anything else in a setting that may be taken in. */
static void take_in(struct span text, struct buf *out)
{
	struct span line;

	buf_init(out, 1 << 20);
	while (span_split(&text, '\n', &line)) {
		size_t at = 0;

		while (at < line.len && is_wsp(line.p[at]))
			at++;
		if (at + 1 < line.len && line.p[at] == '#' && line.p[at + 1] != ' ')
			line = span_from(line, at + 1);
		CU_ASSERT_EQUAL(buf_add(out, line, NULL), RC_OK);
		CU_ASSERT_EQUAL(buf_addc(out, '\n', NULL), RC_OK);
	}
}

static struct conf *read_conf(struct span text, struct conf_problems *p)
{
	const char *path = test_path("mailseal.conf");
	struct conf *c = NULL;
	struct err e = ERR_INIT;

	conf_problems_init(p);
	ASSERT_OK(file_write_atomic(path, text, 0600, true, &e), &e);
	ASSERT_OK(conf_read(path, &c, p, &e), &e);
	CU_ASSERT_EQUAL(p->errors + p->warnings, 0);
	for (size_t i = 0; i < p->v.len; i++) {
		const struct conf_problem *x = vec_at(&p->v, i);

		if (x->severity != CONF_NOTE)
			fprintf(stderr, "  line %u: %s\n", x->line, x->text);
	}
	return c;
}

static void test_sample_as_shipped(void)
{
	struct conf_problems p;
	struct conf *c;
	struct buf text;

	read_shipped("etc/mailseal.conf.sample", &text);
	c = read_conf(buf_span(&text), &p);
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	CU_ASSERT_EQUAL(p.notes, 0);
	CU_ASSERT_EQUAL(c->n_domains, 0);
	conf_free(c);
	conf_problems_clear(&p);
	buf_clear(&text);
}

static void test_sample_taken_in(void)
{
	struct conf_problems p;
	struct conf *c;
	struct buf text, settings;

	read_shipped("etc/mailseal.conf.sample", &text);
	take_in(buf_span(&text), &settings);
	c = read_conf(buf_span(&settings), &p);
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	CU_ASSERT(p.notes > 10);
	CU_ASSERT_EQUAL(c->n_domains, 1);
	conf_free(c);
	conf_problems_clear(&p);
	buf_clear(&settings);
	buf_clear(&text);
}

static bool same_value(const struct node *a, const struct node *b)
{
	if (a->type != b->type)
		return false;
	switch (a->type) {
	case NODE_BOOL:
		return a->u.truth == b->u.truth;
	case NODE_INT:
		return a->u.number == b->u.number;
	case NODE_TEXT:
		return strcmp(a->u.text, b->u.text) == 0;
	case NODE_LIST:
		for (size_t i = 0; i < a->u.kids.n && i < b->u.kids.n; i++)
			if (!same_value(&a->u.kids.at[i], &b->u.kids.at[i]))
				return false;
		return a->u.kids.n == b->u.kids.n;
	default:
		return false;
	}
}

static void build(struct span text, struct arena *arena, struct node *ret)
{
	struct conf_problems p;
	struct source s;
	struct err e = ERR_INIT;

	conf_problems_init(&p);
	source_init(&s);
	ASSERT_OK(source_of_text(&s, "text", text, &p, &e), &e);
	if (!ASSERT_OK(tree_build(&s, arena, ret, &p, &e), &e))
		exit(1);
	source_clear(&s);
	conf_problems_clear(&p);
}

/* An empty list shows nothing: the sample has something in these. */
static bool is_shown_by_example(const struct schema_group *g, const struct schema_key *k)
{
	static const char *const names[] = {"domains", "rules", "aliases", "shared"};

	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (g != &schema_domain && strcmp(k->name, names[i]) == 0)
			return true;
	return false;
}

/* Every key of G that has a default stands in GROUP with it. */
static void assert_shows(const struct schema_group *g, const struct node *group,
			 struct arena *arena)
{
	for (size_t i = 0; i < g->n; i++) {
		const struct schema_key *k = &g->keys[i];
		const struct node *shown = group != NULL ? node_member(group, k->name) : NULL;
		struct node wanted;
		char text[200];

		ROW(k->name);
		CU_ASSERT_PTR_NOT_NULL(shown);
		if (shown == NULL)
			fprintf(stderr, "the sample has no %s in %s\n", k->name, g->name);
		if (shown == NULL || k->initial == NULL || is_shown_by_example(g, k))
			continue;
		snprintf(text, sizeof(text), "x = %s;", k->initial);
		build(span_str(text), arena, &wanted);
		CU_ASSERT(same_value(shown, &wanted.u.kids.at[0]));
		if (!same_value(shown, &wanted.u.kids.at[0]))
			fprintf(stderr, "line %u: the default is %s\n", shown->line, k->initial);
	}
	ROW("");
}

static void test_sample_has_all(void)
{
	struct arena *arena = arena_new(1 << 20);
	struct node root;
	const struct node *domain;
	struct buf text, settings;

	read_shipped("etc/mailseal.conf.sample", &text);
	take_in(buf_span(&text), &settings);
	build(buf_span(&settings), arena, &root);
	for (size_t i = 0; i < schema_n_groups; i++) {
		const struct schema_group *g = &schema_groups[i];

		assert_shows(g, *g->name != '\0' ? node_member(&root, g->name) : &root, arena);
	}
	domain = &node_member(&root, "domains")->u.kids.at[0];
	assert_shows(&schema_domain, domain, arena);
	for (size_t i = 1; i < schema_n_groups; i++)
		if (schema_groups[i].in_domain != SCHEMA_NO_FIELD)
			CU_ASSERT_PTR_NOT_NULL(node_member(domain, schema_groups[i].name));
	buf_clear(&settings);
	buf_clear(&text);
	arena_free(arena);
}

/* What the man page says of one group: from its heading to the next one. */
static struct span section_of(struct span page, const struct schema_group *g)
{
	char heading[100];
	struct span section;
	size_t at;

	if (*g->name == '\0')
		snprintf(heading, sizeof(heading), "\n.Ss Settings outside of groups\n");
	else
		snprintf(heading, sizeof(heading), "\n.Ss %s\n", g->name);
	at = span_search(page, span_str(heading), 0, false);
	CU_ASSERT(at < page.len);
	if (at == page.len)
		fprintf(stderr, "mailseal.conf(5) has no section '%s'\n", g->name);
	section = span_from(page, at + (at < page.len));
	section = span_sub(section, 0, span_search(section, SPAN_LIT("\n.Ss "), 1, false));
	return span_sub(section, 0, span_search(section, SPAN_LIT("\n.Sh "), 1, false));
}

/* .It Cm "socket = \(dqunix:...\(dq" */
static void item_line(const struct schema_key *k, struct buf *out)
{
	enum rc rc;

	if (k->initial == NULL) {
		CU_ASSERT_EQUAL(buf_addf(out, NULL, "\n.It Cm %s\n", k->name), RC_OK);
		return;
	}
	rc = buf_addf(out, NULL, "\n.It Cm \"%s = ", k->name);
	for (const char *c = k->initial; rc == RC_OK && *c != '\0'; c++)
		rc = *c == '"' ? buf_adds(out, "\\(dq", NULL) : buf_addc(out, *c, NULL);
	if (rc == RC_OK)
		rc = buf_adds(out, "\"\n", NULL);
	CU_ASSERT_EQUAL(rc, RC_OK);
}

/* The item of K: from its line, which has the default, to the next one. */
static struct span item_of(struct span section, const struct schema_key *k)
{
	struct buf line;
	size_t at;

	buf_init(&line, 1000);
	item_line(k, &line);
	at = span_search(section, buf_span(&line), 0, false);
	CU_ASSERT(at < section.len);
	if (at == section.len)
		fprintf(stderr, "mailseal.conf(5) has no line '%s'\n", buf_cstr(&line) + 1);
	buf_clear(&line);
	section = span_from(section, at);
	return span_sub(section, 0, span_search(section, SPAN_LIT("\n.It "), 1, false));
}

static bool says_not_built(struct span text)
{
	return span_search(text, SPAN_LIT("Not built yet"), 0, false) < text.len;
}

static void assert_page_has(struct span page, const struct schema_group *g)
{
	struct span section = section_of(page, g);
	struct span intro =
		span_sub(section, 0, span_search(section, SPAN_LIT("\n.It "), 0, false));
	bool none_built = says_not_built(intro);

	for (size_t i = 0; i < g->n; i++) {
		const struct schema_key *k = &g->keys[i];
		bool not_built = none_built || says_not_built(item_of(section, k));

		ROW(k->name);
		CU_ASSERT_EQUAL(not_built, k->later != NULL || k->later_words != NULL);
		if (not_built != (k->later != NULL || k->later_words != NULL))
			fprintf(stderr, "%s %s: is it built or not?\n", g->name, k->name);
	}
	ROW("");
}

static void test_man_page(void)
{
	struct buf page;

	read_shipped("doc/mailseal.conf.5", &page);
	for (size_t i = 0; i < schema_n_groups; i++)
		assert_page_has(buf_span(&page), &schema_groups[i]);
	assert_page_has(buf_span(&page), &schema_domain);
	buf_clear(&page);
}

/* The example of the page, and the lists that it says are the defaults. */
static void test_man_examples(void)
{
	struct buf page;
	struct span rest, example;
	size_t found = 0;

	read_shipped("doc/mailseal.conf.5", &page);
	rest = buf_span(&page);
	for (;;) {
		static const struct span begin = SPAN_LIT(".Bd -literal -offset indent\n");
		struct conf_problems p;
		size_t at = span_search(rest, begin, 0, false);

		if (at == rest.len)
			break;
		rest = span_from(rest, at + begin.len);
		example = span_sub(rest, 0, span_search(rest, SPAN_LIT(".Ed\n"), 0, false));
		conf_free(read_conf(example, &p));
		conf_problems_clear(&p);
		found++;
	}
	CU_ASSERT(found >= 3);
	for (const char *const *name = dkim_default_sign; *name != NULL; name++) {
		ROW(*name);
		CU_ASSERT(span_search(buf_span(&page), span_str(*name), 0, false) < page.len);
	}
	ROW("");
	buf_clear(&page);
}

int main(void)
{
	static const struct test tests[] = {
		{"the sample as it is shipped", test_sample_as_shipped},
		{"the sample with every setting taken in", test_sample_taken_in},
		{"the sample has every key with its default", test_sample_has_all},
		{"the man page has every key with its default", test_man_page},
		{"examples of the man page are good", test_man_examples},
	};

	return test_main("conf-docs", tests, COUNT_OF(tests));
}
