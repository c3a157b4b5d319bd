#include "base/spell.h"
#include "base/vec.h"
#include "tool/frame.h"

#include <string.h>

/* In the order of "mailseal --help". */
const struct tool_verb *const tool_all_verbs[] = {
	tool_verbs_setup,
	tool_verbs_check,
	tool_verbs_domain,
	tool_verbs_selector,
	tool_verbs_dns,
	tool_verbs_message,
	tool_verbs_postfix,
	tool_verbs_daemon,
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

static bool same_word(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

const struct tool_verb *verb_find(const char *noun, const char *verb)
{
	for (const struct tool_verb *v = verb_next(NULL); v != NULL; v = verb_next(v))
		if (strcmp(v->noun, noun) == 0 && same_word(v->verb, verb))
			return v;
	return NULL;
}

bool verb_noun_known(const char *noun)
{
	for (const struct tool_verb *v = verb_next(NULL); v != NULL; v = verb_next(v))
		if (strcmp(v->noun, noun) == 0)
			return true;
	return false;
}

const char *verb_nearest(const char *noun, const char *word)
{
	const char *words[128];
	size_t n = 0;

	for (const struct tool_verb *v = verb_next(NULL); v != NULL && n < COUNT_OF(words);
	     v = verb_next(v)) {
		if (noun == NULL)
			words[n++] = v->noun;
		else if (strcmp(noun, v->noun) == 0 && v->verb != NULL)
			words[n++] = v->verb;
	}
	return spell_nearest(span_str(word), words, n);
}
