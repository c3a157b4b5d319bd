#include "base/spell.h"
#include "base/vec.h"
#include "tool/frame.h"

#include <stdio.h>
#include <string.h>

/* In the order of "mailseal --help". */
const struct tool_verb *const tool_all_verbs[] = {
	tool_verbs_setup,
	tool_verbs_check,
	tool_verbs_domain,
	tool_verbs_selector,
	tool_verbs_dns,
	tool_verbs_user,
	tool_verbs_message,
	tool_verbs_mailbox,
	tool_verbs_rule,
	tool_verbs_postfix,
	tool_verbs_sendmail,
	tool_verbs_daemon,
	tool_verbs_backup,
	tool_verbs_restore,
	tool_verbs_completion,
	tool_verbs_help,
	NULL,
};

const struct tool_verb *verb_next(const struct tool_verb *v)
{
	size_t table = 0;

	if (v == NULL)
		return tool_all_verbs[0];
	if (v[1].noun != NULL)
		return v + 1;
	/* The end of a table: find which, and go to the one behind it. */
	for (table = 0; tool_all_verbs[table] != NULL; table++)
		for (const struct tool_verb *row = tool_all_verbs[table]; row->noun != NULL; row++)
			if (row == v)
				return tool_all_verbs[table + 1];
	return NULL;
}

void verb_name(const struct tool_verb *v, char ret[VERB_NAME_SIZE])
{
	snprintf(ret, VERB_NAME_SIZE, "%s%s%s", v->noun, v->verb != NULL ? " " : "",
		 v->verb != NULL ? v->verb : "");
}

/* How many of the words NAME begins with; *RET_WHOLE: they are all of it. */
static size_t words_in_common(const char *name, const char *const *words, size_t n, bool *ret_whole)
{
	struct span rest = span_str(name), word;
	size_t i = 0;

	*ret_whole = false;
	while (i < n && span_split(&rest, ' ', &word) && span_eq_str(word, words[i])) {
		*ret_whole = rest.p == NULL;
		i++;
	}
	return i;
}

const struct tool_verb *verb_find(const char *const *words, size_t n, size_t *ret_used)
{
	const struct tool_verb *found = NULL;
	char name[VERB_NAME_SIZE];
	size_t begun = 0, used = 0;

	for (const struct tool_verb *v = verb_next(NULL); v != NULL; v = verb_next(v)) {
		bool whole;
		size_t common;

		verb_name(v, name);
		common = words_in_common(name, words, n, &whole);
		if (common > begun)
			begun = common;
		if (whole && common > used) {
			found = v;
			used = common;
		}
	}
	*ret_used = found != NULL ? used : begun;
	return found;
}

bool verb_in_group(const struct tool_verb *v, const char *group)
{
	char name[VERB_NAME_SIZE];
	size_t len = strlen(group);

	verb_name(v, name);
	return len == 0 || (strncmp(name, group, len) == 0 && name[len] == ' ');
}

struct span verb_word(const char *name, const char *group)
{
	struct span rest = span_str(name + (*group != '\0' ? strlen(group) + 1 : 0));

	return span_sub(rest, 0, span_find(rest, ' ', 0));
}

bool verb_nearest(const char *group, const char *word, char ret[VERB_NAME_SIZE])
{
	char kept[128][VERB_NAME_SIZE];
	const char *words[COUNT_OF(kept)];
	const char *near;
	size_t n = 0;

	for (const struct tool_verb *v = verb_next(NULL); v != NULL && n < COUNT_OF(words);
	     v = verb_next(v)) {
		char name[VERB_NAME_SIZE];

		if (!verb_in_group(v, group))
			continue;
		verb_name(v, name);
		snprintf(kept[n], VERB_NAME_SIZE, "%.*s", SPAN_ARG(verb_word(name, group)));
		words[n] = kept[n];
		n++;
	}
	near = spell_nearest(span_str(word), words, n);
	if (near != NULL)
		snprintf(ret, VERB_NAME_SIZE, "%s", near);
	return near != NULL;
}
