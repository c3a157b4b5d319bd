#include "conf/problems.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

/* Of each severity, so that a flood of notes never hides an error. */
enum { KEPT_MAX = 1000, SEVERITIES = 3 };

void conf_problems_init(struct conf_problems *p)
{
	memset(p, 0, sizeof(*p));
	vec_init(&p->v, sizeof(struct conf_problem), (size_t)KEPT_MAX * SEVERITIES);
}

void conf_problems_clear(struct conf_problems *p)
{
	struct conf_problem *all = p->v.items;

	for (size_t i = 0; i < p->v.len; i++) {
		free(all[i].file);
		free(all[i].text);
	}
	vec_clear(&p->v);
	conf_problems_init(p);
}

static size_t *counter(struct conf_problems *p, enum conf_severity severity)
{
	switch (severity) {
	case CONF_ERROR:
		return &p->errors;
	case CONF_WARNING:
		return &p->warnings;
	default:
		return &p->notes;
	}
}

static void hide_control_bytes(char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			*s = '?';
}

static void keep(struct conf_problems *p, enum conf_severity severity, const char *file,
		 unsigned line, char *text)
{
	char *name = strdup(file);
	struct conf_problem *new_one = name != NULL && text != NULL ? vec_push(&p->v) : NULL;

	if (new_one == NULL) {
		p->lost = true;
		free(name);
		free(text);
		return;
	}
	hide_control_bytes(name);
	hide_control_bytes(text);
	*new_one = (struct conf_problem){
		.severity = severity, .file = name, .line = line, .text = text};
}

void conf_problems_add(struct conf_problems *p, enum conf_severity severity, const char *file,
		       unsigned line, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;

	if ((*counter(p, severity))++ >= KEPT_MAX)
		return;
	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL; /* its content is undefined then */
	va_end(ap);
	keep(p, severity, file, line, text);
}

static int compare(const void *a, const void *b)
{
	const struct conf_problem *x = a, *y = b;
	int order = strcmp(x->file, y->file);

	if (order == 0)
		order = (x->line > y->line) - (x->line < y->line);
	if (order == 0)
		order = (int)x->severity - (int)y->severity;
	return order != 0 ? order : strcmp(x->text, y->text);
}

void conf_problems_sort(struct conf_problems *p)
{
	if (p->v.len > 1)
		qsort(p->v.items, p->v.len, sizeof(struct conf_problem), compare);
}

static const char *severity_word(enum conf_severity s)
{
	static const char *const words[SEVERITIES] = {"error", "warning", "note"};

	return words[s];
}

enum rc conf_problem_show(const struct conf_problem *p, struct buf *out, struct err *err)
{
	const char *word = severity_word(p->severity);

	if (p->line == 0)
		return buf_addf(out, err, "%s: %s: %s", p->file, word, p->text);
	return buf_addf(out, err, "%s:%u: %s: %s", p->file, p->line, word, p->text);
}

static const struct conf_problem *first_error(const struct conf_problems *p)
{
	const struct conf_problem *all = p->v.items;

	for (size_t i = 0; i < p->v.len; i++)
		if (all[i].severity == CONF_ERROR)
			return &all[i];
	return NULL;
}

enum rc conf_problems_result(const struct conf_problems *p, struct err *err)
{
	const struct conf_problem *first = first_error(p);

	if (p->lost)
		return err_set(err, RC_NOMEM, "out of memory while reading the configuration");
	if (p->errors == 0 || first == NULL)
		return RC_OK;
	if (first->line == 0)
		return err_set(err, RC_CONF, "%zu error%s in the configuration, the first: %s: %s",
			       p->errors, p->errors == 1 ? "" : "s", first->file, first->text);
	return err_set(err, RC_CONF, "%zu error%s in the configuration, the first: %s:%u: %s",
		       p->errors, p->errors == 1 ? "" : "s", first->file, first->line, first->text);
}
