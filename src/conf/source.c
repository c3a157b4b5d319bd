#include "conf/source.h"

#include <string.h>

#include "base/file.h"
#include "conf/problems.h"
#include "conf/scan.h"

struct reader {
	struct source *source;
	struct arena *names;
	struct conf_problems *problems;
	struct scan scan;
	unsigned joined; /* line of the joined text that comes next */
	unsigned includes;
	unsigned depth;
};

void source_init(struct source *s)
{
	/* One more byte, so that a last line without its end can be given one. */
	buf_init(&s->text, SOURCE_SIZE_MAX + 1);
	vec_init(&s->runs, sizeof(struct source_run), SIZE_MAX / sizeof(struct source_run));
	vec_init(&s->texts, sizeof(unsigned), SOURCE_SIZE_MAX);
	vec_init(&s->files, sizeof(const char *), SOURCE_INCLUDES_MAX + 1);
}

void source_clear(struct source *s)
{
	buf_clear(&s->text);
	vec_clear(&s->runs);
	vec_clear(&s->texts);
	vec_clear(&s->files);
}

static enum rc add_run(struct reader *r, const struct scan_file *f, struct err *err)
{
	struct source_run *run = vec_push(&r->source->runs);

	if (run == NULL)
		return err_set(err, RC_NOMEM, "out of memory");
	*run = (struct source_run){.first = r->joined, .file = f->name, .line = f->line};
	return RC_OK;
}

/* Append the lines of F from FROM to END; a missing line end is added, as libconfig 1.5 takes a last comment without
 * one for a syntax error. */
static enum rc add_lines(struct reader *r, struct scan_file *f, size_t from, size_t end,
			 struct err *err)
{
	struct span lines = span_sub(f->raw, from, end - from);
	enum rc rc = buf_add(&r->source->text, lines, err);

	if (rc == RC_OK && lines.len > 0 && lines.p[lines.len - 1] != '\n') {
		rc = buf_addc(&r->source->text, '\n', err);
		f->joined++;
	}
	r->joined = f->joined;
	return rc;
}

/* NAME as written, beside the file FROM; in the arena. */
static const char *include_path(struct reader *r, const char *from, struct span name)
{
	const char *slash = strrchr(from, '/');
	size_t dir = slash != NULL && name.p[0] != '/' ? (size_t)(slash - from) + 1 : 0;
	char *path = arena_alloc(r->names, dir + name.len + 1);

	if (path != NULL) {
		memcpy(path, from, dir);
		memcpy(path + dir, name.p, name.len);
	}
	return path;
}

static enum rc read_file(struct reader *r, const char *path, bool any, struct err *err);

static enum rc include(struct reader *r, const struct scan_file *f, struct span name,
		       struct err *err)
{
	struct err why = ERR_INIT;
	const char *path = include_path(r, f->name, name);
	enum rc rc;

	if (path == NULL)
		return err_set(err, RC_NOMEM, "out of memory");
	if (r->depth == SOURCE_DEPTH_MAX) {
		conf_problems_add(r->problems, CONF_ERROR, f->name, f->line,
				  "files include each other more than %d deep; does %s include "
				  "itself?",
				  SOURCE_DEPTH_MAX, path);
		r->scan.given_up = true;
		return RC_OK;
	}
	if (++r->includes > SOURCE_INCLUDES_MAX) {
		conf_problems_add(r->problems, CONF_ERROR, f->name, f->line,
				  "more than %d files are included", SOURCE_INCLUDES_MAX);
		r->scan.given_up = true;
		return RC_OK;
	}
	rc = read_file(r, path, false, &why);
	if (rc == RC_OK || rc == RC_NOMEM)
		return rc != RC_OK ? err_set(err, rc, "%s", why.text) : RC_OK;
	conf_problems_add(r->problems, CONF_ERROR, f->name, f->line, "@include: %s", why.text);
	return RC_OK;
}

/* A C string is all that libconfig takes. */
static bool has_nul(struct reader *r, const struct scan_file *f)
{
	size_t at = span_find(f->raw, '\0', 0);
	unsigned line = 1;

	if (at == f->raw.len)
		return false;
	for (size_t i = 0; i < at; i++)
		line += f->raw.p[i] == '\n';
	conf_problems_add(r->problems, CONF_ERROR, f->name, line,
			  "a NUL byte: this is no text file");
	return true;
}

static enum rc read_text(struct reader *r, const char *name, struct span raw, struct err *err)
{
	struct scan_file f = {.name = name, .raw = raw, .line = 1, .joined = r->joined};
	struct span included;
	enum rc rc = add_run(r, &f, err);
	bool more = true;

	if (has_nul(r, &f))
		return rc;
	while (rc == RC_OK && more) {
		size_t from = f.pos, end;

		more = scan_next_include(&r->scan, &f, &end, &included);
		rc = add_lines(r, &f, from, end, err);
		if (rc != RC_OK || !more)
			break;
		rc = include(r, &f, included, err);
		f.joined = r->joined;
		if (rc == RC_OK)
			rc = add_run(r, &f, err);
	}
	return rc;
}

static enum rc remember_file(struct reader *r, const char *path, struct err *err)
{
	const char **place = vec_push(&r->source->files);

	if (place == NULL)
		return err_set(err, RC_NOMEM, "out of memory");
	*place = path;
	return RC_OK;
}

static enum rc read_file(struct reader *r, const char *path, bool any, struct err *err)
{
	struct buf raw;
	enum rc rc;

	buf_init(&raw, SOURCE_SIZE_MAX - r->source->text.len);
	rc = any ? file_read(path, &raw, err) : file_read_regular(path, &raw, err);
	if (rc == RC_OK)
		rc = remember_file(r, path, err);
	r->depth++;
	if (rc == RC_OK)
		rc = read_text(r, path, buf_span(&raw), err);
	r->depth--;
	buf_clear(&raw);
	return rc;
}

static void start(struct reader *r, struct source *s, struct arena *names,
		  struct conf_problems *problems)
{
	*r = (struct reader){.source = s, .names = names, .problems = problems, .joined = 1};
	scan_init(&r->scan, problems, &s->texts);
}

enum rc source_read(struct source *s, const char *path, bool any, struct arena *names,
		    struct conf_problems *problems, struct err *err)
{
	const char *name = arena_strdup(names, path);
	struct reader r;
	enum rc rc;

	start(&r, s, names, problems);
	if (name == NULL)
		return err_set(err, RC_NOMEM, "out of memory");
	rc = read_file(&r, name, any, err);
	scan_finish(&r.scan);
	return rc;
}

enum rc source_of_text(struct source *s, const char *name, struct span text,
		       struct conf_problems *problems, struct err *err)
{
	struct reader r;
	enum rc rc;

	start(&r, s, NULL, problems);
	rc = read_text(&r, name, text, err);
	scan_finish(&r.scan);
	return rc;
}

const char *source_place(const struct source *s, unsigned joined, unsigned *ret_line)
{
	const struct source_run *runs = s->runs.items;
	size_t low = 0, high = s->runs.len;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (runs[middle].first <= joined)
			low = middle;
		else
			high = middle;
	}
	*ret_line = runs[low].line + (joined > runs[low].first ? joined - runs[low].first : 0);
	return runs[low].file;
}

struct span source_line(const struct source *s, unsigned joined)
{
	struct span rest = buf_span(&s->text), line = SPAN_NONE;

	while (joined-- > 0 && span_split(&rest, '\n', &line))
		;
	return span_trim_fold(line);
}
