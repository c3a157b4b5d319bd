/* Golden tests: message + configuration -> edits and log line, as text.
 *
 *	golden			every case of $srcdir/tests/golden/cases against its file "expected"
 *	golden --print CASE	what CASE gives now, on standard output; nothing is ever written to a file
 *
 * A case is a directory with
 *	message		header, empty line, body; lines end in LF and go out as CRLF
 *	conf		configuration (state_dir is added)
 *	events		optional, one a line: "leadspc off", "client ADDRESS|unix|unknown", "host NAME", "port N",
 *			"mail <ADDRESS>", "macro NAME VALUE", "smtputf8", "bare-lf", "chunk N"
 *	selectors	optional, see unit/fixture.h; else tests/golden/selectors
 *	expected	the edits in their order, the log line plain and as JSON, and what our verifier says of the
 *			message with the edits applied
 * The clock stands still and the keys are fixed, so that every byte is the same in every run. */
#include <arpa/inet.h>
#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "dkim/verify.h"
#include "fixture.h"

enum { FILE_MAX = 4 << 20 };

static void die(const char *what, const struct err *err)
{
	fprintf(stderr, "golden: %s: %s\n", what, err->text);
	exit(99);
}

#define MUST(call)                                                                                 \
	do {                                                                                       \
		if ((call) != RC_OK)                                                               \
			die(#call, &err);                                                          \
	} while (0)

/* --- one case, read --------------------------------------------------------------------------- */

struct golden_case {
	const char *name;
	struct buf message, conf, events, selectors, expected;
	struct fixture_message m;
	char words[16][256]; /* what M's strings point to */
	size_t n_words;
};

static const char *base_dir(void)
{
	const char *srcdir = getenv("srcdir");

	return srcdir != NULL ? srcdir : ".";
}

static bool read_part(const struct golden_case *c, const char *part, struct buf *out)
{
	struct err err = ERR_INIT;
	char path[1024];
	enum rc rc;

	snprintf(path, sizeof(path), "%s/tests/golden/cases/%s/%s", base_dir(), c->name, part);
	buf_init(out, FILE_MAX);
	rc = file_read(path, out, &err);
	if (rc != RC_OK && rc != RC_NOTFOUND)
		die(path, &err);
	return rc == RC_OK;
}

static void read_default_selectors(struct buf *out)
{
	struct err err = ERR_INIT;
	char path[1024];

	snprintf(path, sizeof(path), "%s/tests/golden/selectors", base_dir());
	MUST(file_read(path, out, &err));
}

static const char *keep_word(struct golden_case *c, struct span s)
{
	char *w = c->words[c->n_words++ % COUNT_OF(c->words)];

	snprintf(w, sizeof(c->words[0]), "%.*s", SPAN_ARG(s));
	return w;
}

static void set_client(struct golden_case *c, const char *text)
{
	memset(c->m.addr, 0, sizeof(c->m.addr));
	if (strcmp(text, "unix") == 0)
		c->m.client = CLIENT_UNIX;
	else if (strcmp(text, "unknown") == 0)
		c->m.client = CLIENT_UNKNOWN;
	else if (inet_pton(AF_INET, text, c->m.addr) == 1)
		c->m.client = CLIENT_INET;
	else if (inet_pton(AF_INET6, text, c->m.addr) == 1)
		c->m.client = CLIENT_INET6;
}

static bool set_macro(struct golden_case *c, struct span rest)
{
	struct span name;

	if (!span_split(&rest, ' ', &name))
		return false;
	for (int m = 0; m < MACROS; m++)
		if (span_eq_str(name, macro_name((enum macro)m))) {
			c->m.macros[m] = keep_word(c, rest);
			return true;
		}
	return false;
}

static bool read_event(struct golden_case *c, struct span line)
{
	struct span verb = SPAN_NONE, rest = line;
	const char *word;

	if (line.len == 0)
		return true;
	(void)span_split(&rest, ' ', &verb);
	if (span_eq_str(verb, "macro"))
		return set_macro(c, rest);
	word = keep_word(c, rest);
	if (span_eq_str(verb, "leadspc"))
		c->m.leading_space = strcmp(word, "on") == 0;
	else if (span_eq_str(verb, "client"))
		set_client(c, word);
	else if (span_eq_str(verb, "host"))
		c->m.host = word;
	else if (span_eq_str(verb, "port"))
		c->m.port = (uint16_t)strtoul(word, NULL, 10);
	else if (span_eq_str(verb, "mail"))
		c->m.mail_from = word;
	else if (span_eq_str(verb, "smtputf8"))
		c->m.smtputf8 = true;
	else if (span_eq_str(verb, "bare-lf"))
		c->m.bare_lf = true;
	else if (span_eq_str(verb, "chunk"))
		c->m.chunk = strtoul(word, NULL, 10);
	else
		return false;
	return true;
}

static void case_read(struct golden_case *c, const char *name)
{
	struct span rest, line;

	memset(c, 0, sizeof(*c));
	c->name = name;
	if (!read_part(c, "message", &c->message) || !read_part(c, "conf", &c->conf)) {
		fprintf(stderr, "golden: case %s has no message or no conf\n", name);
		exit(99);
	}
	if (!read_part(c, "selectors", &c->selectors))
		read_default_selectors(&c->selectors);
	(void)read_part(c, "events", &c->events);
	(void)read_part(c, "expected", &c->expected);
	c->m = fixture_message(buf_span(&c->message));
	rest = buf_span(&c->events);
	while (span_split(&rest, '\n', &line))
		if (!read_event(c, line)) {
			fprintf(stderr, "golden: %s: event '%.*s'?\n", name, SPAN_ARG(line));
			exit(99);
		}
}

static void case_clear(struct golden_case *c)
{
	buf_clear(&c->message);
	buf_clear(&c->conf);
	buf_clear(&c->events);
	buf_clear(&c->selectors);
	buf_clear(&c->expected);
}

/* --- what it gives ---------------------------------------------------------------------------- */

static void show_edit(const struct edit *e, struct buf *out)
{
	struct err err = ERR_INIT;
	struct span rest = span_str(e->value), line;

	if (e->kind == EDIT_DELETE) {
		MUST(buf_addf(out, &err, "delete %s %d\n", e->name, e->index));
		return;
	}
	MUST(buf_addf(out, &err, "%s %s %d\n", e->kind == EDIT_INSERT ? "insert" : "change",
		      e->name, e->index));
	while (span_split(&rest, '\n', &line))
		MUST(buf_addf(out, &err, "|%.*s\n", SPAN_ARG(line)));
}

static void show_record(const struct record *r, struct buf *out)
{
	struct err err = ERR_INIT;

	MUST(buf_adds(out, "plain ", &err));
	MUST(record_show(r, FORMAT_PLAIN, out, &err));
	MUST(buf_adds(out, "\njson ", &err));
	MUST(record_show(r, FORMAT_JSON, out, &err));
	MUST(buf_adds(out, "\n", &err));
}

/* --- what the next hop gets, and whether it verifies ------------------------------------------ */

static bool is_deleted(const struct edits *e, int index)
{
	for (size_t i = 0; i < e->v.len; i++) {
		const struct edit *edit = vec_at(&e->v, i);

		if (edit->kind == EDIT_DELETE && edit->index == index)
			return true;
	}
	return false;
}

/* Every edit is an insertion on top, or a deletion of a DKIM-Signature. */
static void apply(const struct edits *e, struct span raw, struct fields *out, struct span *ret_body)
{
	struct arena *arena = arena_new(64 << 20);
	struct err err = ERR_INIT;
	struct fields in;
	int ordinal = 0;
	bool crlf;

	fields_init(&in, arena, FILE_MAX);
	MUST(fields_read(&in, raw, ret_body, &crlf, &err));
	for (size_t i = e->v.len; i > 0; i--) {
		const struct edit *edit = vec_at(&e->v, i - 1);

		if (edit->kind == EDIT_INSERT)
			MUST(fields_add(out, span_str(edit->name), span_str(edit->value), &err));
	}
	for (size_t i = 0; i < fields_count(&in); i++) {
		const struct field *f = fields_at(&in, i);

		if (span_ieq_str(f->name, "DKIM-Signature") && is_deleted(e, ++ordinal))
			continue;
		MUST(fields_add(out, f->name, f->value, &err));
	}
	fields_clear(&in);
	arena_free(arena);
}

static enum rc find_key(void *ctx, const char *domain, const char *selector, enum dkim_alg alg,
			struct dkim_record *ret, struct err *err)
{
	const struct snapshot *snap = ctx;
	const struct selector *s = selector_list_find(snap->selectors, domain, selector);
	struct buf txt;
	enum rc rc;

	if (s == NULL || s->alg != alg)
		return err_set(err, RC_NOTFOUND, "no such selector");
	buf_init(&txt, 10000);
	rc = dkim_record_show(alg, span_str(s->public_base64), false, &txt, err);
	if (rc == RC_OK)
		rc = dkim_record_read(buf_span(&txt), ret, err);
	buf_clear(&txt);
	return rc;
}

static void feed_body(struct dkim_verifier *v, const struct fixture_message *m, struct span body)
{
	struct err err = ERR_INIT;

	for (size_t i = 0; i < body.len; i++)
		MUST(dkim_verifier_body(v,
					!m->bare_lf && body.p[i] == '\n' ? SPAN_LIT("\r\n")
									 : span_sub(body, i, 1),
					&err));
}

static void verify(const struct golden_case *c, const struct edits *e, const struct fixture *f,
		   struct buf *out)
{
	struct arena *arena = arena_new(64 << 20);
	struct snapshot *snap = snapshot_store_get(f->store);
	struct dkim_verifier *v = NULL;
	struct err err = ERR_INIT;
	struct fields fields;
	struct span body;

	fields_init(&fields, arena, FILE_MAX);
	apply(e, c->m.raw, &fields, &body);
	MUST(dkim_verifier_new(&fields, NULL, arena, &v, &err));
	feed_body(v, &c->m, body);
	MUST(dkim_verifier_finish(v, find_key, snap, f->now, &err));
	for (size_t i = 0; i < dkim_verifier_count(v); i++) {
		const struct dkim_signature *s = dkim_verifier_at(v, i);

		MUST(buf_addf(out, &err, "verify d=%s s=%s %s\n", s->readable ? s->domain : "?",
			      s->readable ? s->selector : "?", dkim_result_name(s->result)));
	}
	dkim_verifier_free(v);
	fields_clear(&fields);
	snapshot_unref(snap);
	arena_free(arena);
}

static const char *next_name(enum session_next next)
{
	static const char *const names[] = {[NEXT_GO_ON] = "accept",
					    [NEXT_ACCEPT] = "accept as it is",
					    [NEXT_TEMPFAIL] = "tempfail",
					    [NEXT_REJECT] = "reject",
					    [NEXT_DISCARD] = "discard"};

	return names[next];
}

/* Paths of the temporary directory differ in every run. */
static void hide_dir(struct span text, const char *dir, struct buf *out)
{
	struct span what = span_str(dir);
	struct err err = ERR_INIT;

	while (text.len != 0) {
		size_t at = span_search(text, what, 0, false);

		MUST(buf_add(out, span_sub(text, 0, at), &err));
		if (at < text.len)
			MUST(buf_adds(out, "DIR", &err));
		text = span_from(text, at + (at < text.len ? what.len : 0));
	}
}

/* Run the case in a directory of its own below DIR. */
static void case_run(struct golden_case *c, const char *dir, struct buf *out)
{
	static const struct edits none;
	const struct edits *edits;
	struct session *s = NULL;
	struct err err = ERR_INIT;
	struct fixture f;
	char own[600];

	snprintf(own, sizeof(own), "%s/%s", dir, c->name);
	MUST(file_mkdirs(own, 0700, &err));
	MUST(fixture_open(&f, own, buf_span(&c->conf), buf_span(&c->selectors), &err));
	MUST(session_new(&f.env, &s, &err));
	MUST(buf_addf(out, &err, "%s\n", next_name(fixture_send(s, &c->m, &edits))));
	if (edits == NULL)
		edits = &none;
	for (size_t i = 0; i < edits->v.len; i++)
		show_edit(vec_at(&edits->v, i), out);
	show_record(session_finish(s), out);
	if (edits->v.len != 0)
		verify(c, edits, &f, out);
	session_free(s);
	fixture_close(&f);
}

/* --- all of them ------------------------------------------------------------------------------ */

static void show_difference(struct span got, struct span want)
{
	struct span g, w;

	for (;;) {
		bool more_g = span_split(&got, '\n', &g), more_w = span_split(&want, '\n', &w);

		if (!more_g && !more_w)
			return;
		if (more_g && more_w && span_eq(g, w))
			continue;
		if (more_w)
			printf("  -%.*s\n", SPAN_ARG(w));
		if (more_g)
			printf("  +%.*s\n", SPAN_ARG(g));
	}
}

static bool case_check(const char *name, const char *work_dir, bool print)
{
	struct golden_case *c = malloc(sizeof(*c));
	struct buf raw, got;
	bool good = true;

	if (c == NULL)
		exit(99);
	case_read(c, name);
	buf_init(&raw, FILE_MAX);
	buf_init(&got, FILE_MAX);
	case_run(c, work_dir, &raw);
	hide_dir(buf_span(&raw), work_dir, &got);
	if (print) {
		fwrite(got.p, 1, got.len, stdout);
	} else if (!span_eq(buf_span(&got), buf_span(&c->expected))) {
		good = false;
		printf("FAIL %s (- expected, + got)\n", name);
		show_difference(buf_span(&got), buf_span(&c->expected));
	}
	buf_clear(&raw);
	buf_clear(&got);
	case_clear(c);
	free(c);
	return good;
}

static int is_case(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

static int check_all(const char *work_dir)
{
	struct dirent **all = NULL;
	char path[1024];
	int n, failed = 0;

	snprintf(path, sizeof(path), "%s/tests/golden/cases", base_dir());
	n = scandir(path, &all, is_case, alphasort);
	for (int i = 0; i < n; i++) {
		failed += !case_check(all[i]->d_name, work_dir, false);
		free(all[i]);
	}
	free(all);
	printf("golden: %d cases, %d failed\n", n, failed);
	return n > 0 && failed == 0 ? 0 : 1;
}

static char dir[] = "/tmp/mailseal-golden-XXXXXX";

static int remove_entry(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static void remove_dir(void)
{
	nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

int main(int argc, char **argv)
{
	if (mkdtemp(dir) == NULL)
		return 99;
	atexit(remove_dir);
	if (argc == 3 && strcmp(argv[1], "--print") == 0)
		return case_check(argv[2], dir, true) ? 0 : 1;
	return check_all(dir);
}
