#include "tool/findings.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const level_names[FINDING_LEVELS] = {
	[FINDING_ERROR] = "error", [FINDING_WARNING] = "warning", [FINDING_NOTE] = "note"};

void findings_init(struct findings *f)
{
	memset(f, 0, sizeof(*f));
	vec_init(&f->v, sizeof(struct finding), FINDINGS_MAX);
}

static void free_one(struct finding *one)
{
	free(one->subject);
	free(one->text);
	free(one->next);
}

void findings_clear(struct findings *f)
{
	struct finding *all = f->v.items;

	for (size_t i = 0; i < f->v.len; i++)
		free_one(&all[i]);
	vec_clear(&f->v);
	memset(f->count, 0, sizeof(f->count));
}

enum rc findings_add(struct findings *f, enum finding_level level, const char *subject,
		     const char *next, struct err *err, const char *fmt, ...)
{
	struct finding one = {.level = level}, *place;
	va_list args;
	int made;

	va_start(args, fmt);
	made = vasprintf(&one.text, fmt, args);
	va_end(args);
	if (made < 0)
		one.text = NULL;
	one.subject = strdup(subject);
	one.next = strdup(next != NULL ? next : "");
	if (one.text == NULL || one.subject == NULL || one.next == NULL ||
	    (place = vec_push(&f->v)) == NULL) {
		free_one(&one);
		return f->v.len == FINDINGS_MAX
			       ? err_set(err, RC_LIMIT, "more than %d findings", FINDINGS_MAX)
			       : err_set(err, RC_NOMEM, "list of findings");
	}
	*place = one;
	f->count[level]++;
	return RC_OK;
}

bool findings_serious(const struct findings *f)
{
	return f->count[FINDING_ERROR] > 0 || f->count[FINDING_WARNING] > 0;
}

void findings_print(const struct tool *t, const struct findings *f)
{
	static const enum tool_ink inks[FINDING_LEVELS] = {INK_BAD, INK_WARN, INK_DIM};
	const struct finding *all = f->v.items;

	for (size_t i = 0; i < f->v.len; i++) {
		tool_print(t, "%s%s:%s %s: %s\n", tool_style(t, 1, inks[all[i].level]),
			   level_names[all[i].level], tool_style(t, 1, INK_OFF), all[i].subject,
			   all[i].text);
		if (all[i].next[0] != '\0')
			tool_print(t, "  next: %s\n", all[i].next);
	}
}

json_t *findings_json(const struct findings *f)
{
	const struct finding *all = f->v.items;
	json_t *list = json_array();

	for (size_t i = 0; list != NULL && i < f->v.len; i++) {
		json_t *one = json_pack("{s:s, s:s, s:s, s:s}", "level", level_names[all[i].level],
					"subject", all[i].subject, "text", all[i].text, "next",
					all[i].next);

		if (one == NULL || json_array_append_new(list, one) != 0) {
			json_decref(list);
			list = NULL;
		}
	}
	return list;
}

enum rc findings_from_json(const json_t *array, struct findings *f, struct err *err)
{
	size_t i;
	json_t *one;

	json_array_foreach(array, i, one)
	{
		const char *level, *subject, *text, *next;
		enum finding_level l = FINDING_ERROR;
		enum rc rc;

		if (json_unpack(one, "{s:s, s:s, s:s, s:s}", "level", &level, "subject", &subject,
				"text", &text, "next", &next) != 0)
			return err_set(err, RC_INPUT, "list of findings: not as it was written");
		while (l < FINDING_NOTE && strcmp(level, level_names[l]) != 0)
			l++;
		rc = findings_add(f, l, subject, next, err, "%s", text);
		if (rc != RC_OK)
			return rc;
	}
	return RC_OK;
}
