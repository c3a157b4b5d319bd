#include "base/spell.h"
#include "tool/frame.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ARGS_MAX = 10000 };

const struct tool_option options_global[] = {
	{"config", "FILE", "the configuration file (-c); domains.d lies beside it"},
	{"json", NULL, "write JSON for programs"},
	{"dry-run", NULL, "say what would be done, change nothing"},
	{"quiet", NULL, "no talk on standard error, errors only (-q)"},
	{"no-color", NULL, "no colour, as with NO_COLOR in the environment"},
	{"help", NULL, "explain the command (-h)"},
	{"version", NULL, "print the version"},
	{NULL, NULL, NULL},
};

bool option_repeats(const struct tool_option *o)
{
	size_t len = o->arg != NULL ? strlen(o->arg) : 0;

	return len > 3 && strcmp(o->arg + len - 3, "...") == 0;
}

static const struct tool_option *find_in(const struct tool_option *o, const char *name, size_t len)
{
	for (; o != NULL && o->name != NULL; o++)
		if (strlen(o->name) == len && memcmp(o->name, name, len) == 0)
			return o;
	return NULL;
}

/* Whatever verb has it: options may stand before the noun, and one name is of one kind everywhere. */
static const struct tool_option *find_anywhere(const char *name, size_t len)
{
	const struct tool_option *o = find_in(options_global, name, len);

	for (const struct tool_verb *v = verb_next(NULL); o == NULL && v != NULL; v = verb_next(v))
		o = find_in(v->options, name, len);
	return o;
}

/* WORDS has place for MAX; their new number. */
static size_t add_names(const struct tool_option *o, const char **words, size_t n, size_t max)
{
	for (; o != NULL && o->name != NULL && n < max; o++)
		words[n++] = o->name;
	return n;
}

/* Of the verb's options; of all there are where the verb is not known. */
static const char *nearest_option(const struct tool_verb *verb, const char *name, size_t len)
{
	const char *words[512];
	size_t n = add_names(options_global, words, 0, COUNT_OF(words));

	if (verb != NULL)
		n = add_names(verb->options, words, n, COUNT_OF(words));
	else
		for (const struct tool_verb *v = verb_next(NULL); v != NULL; v = verb_next(v))
			n = add_names(v->options, words, n, COUNT_OF(words));
	return spell_nearest(span_of(name, len), words, n);
}

/* The verb as far as it has been typed: whose options are meant, and whose help is shown next. */
static void guess_verb(struct tool *t)
{
	size_t used;

	t->verb = verb_find(t->args.items, t->args.len, &used);
}

static enum rc unknown_option(struct tool *t, const char *name, size_t len, struct err *err)
{
	const char *near = nearest_option(t->verb, name, len);

	if (near == NULL)
		return tool_usage(t, err, "unknown option --%.*s", (int)len, name);
	return tool_usage(t, err, "unknown option --%.*s: did you mean --%s?", (int)len, name,
			  near);
}

static enum rc keep_option(struct tool *t, const struct tool_option *o, const char *value,
			   struct err *err)
{
	struct tool_given *g = vec_push(&t->given);

	if (g == NULL)
		return err_set(err, RC_NOMEM, "command line");
	*g = (struct tool_given){o->name, value};
	return RC_OK;
}

/* What is being read: argv[at] is the next word. */
struct words {
	int argc, at;
	char **argv;
};

/* --name, --name=value, --name value */
static enum rc read_long(struct tool *t, struct words *w, const char *word, struct err *err)
{
	const char *equals = strchr(word, '=');
	size_t len = equals != NULL ? (size_t)(equals - word) : strlen(word);
	const struct tool_option *o = find_anywhere(word, len);

	if (o == NULL) {
		guess_verb(t);
		return unknown_option(t, word, len, err);
	}
	if (o->arg == NULL && equals != NULL)
		return tool_usage(t, err, "option --%s takes no value", o->name);
	if (o->arg == NULL)
		return keep_option(t, o, "", err);
	if (equals != NULL)
		return keep_option(t, o, equals + 1, err);
	if (w->at == w->argc)
		return tool_usage(t, err, "option --%s needs a value: --%s %s", o->name, o->name,
				  o->arg);
	return keep_option(t, o, w->argv[w->at++], err);
}

/* -c FILE, -cFILE, -h, -q, one a word */
static enum rc read_short(struct tool *t, struct words *w, const char *word, struct err *err)
{
	static const struct {
		char letter;
		const char *name;
	} shorts[] = {{'c', "config"}, {'h', "help"}, {'q', "quiet"}};

	for (size_t i = 0; i < COUNT_OF(shorts); i++) {
		const struct tool_option *o;

		if (shorts[i].letter != word[0])
			continue;
		o = find_in(options_global, shorts[i].name, strlen(shorts[i].name));
		if (o->arg != NULL && word[1] != '\0')
			return keep_option(t, o, word + 1, err);
		if (word[1] == '\0')
			return read_long(t, w, o->name, err);
	}
	return tool_usage(t, err, "unknown option -%s: the short ones are -c FILE, -h and -q",
			  word);
}

static enum rc keep_arg(struct tool *t, const char *word, struct err *err)
{
	const char **arg = vec_push(&t->args);

	if (arg == NULL)
		return err_set(err, RC_LIMIT, "command line: more than %d arguments", ARGS_MAX);
	*arg = word;
	return RC_OK;
}

/* Words into options and the rest. */
static enum rc split_words(struct tool *t, struct words *w, struct err *err)
{
	bool options_ended = false;
	enum rc rc = RC_OK;

	while (rc == RC_OK && w->at < w->argc) {
		const char *word = w->argv[w->at++];

		if (options_ended || word[0] != '-' || word[1] == '\0')
			rc = keep_arg(t, word, err);
		else if (strcmp(word, "--") == 0)
			options_ended = true;
		else if (word[1] == '-')
			rc = read_long(t, w, word + 2, err);
		else
			rc = read_short(t, w, word + 1, err);
	}
	return rc;
}

static enum rc unknown_word(struct tool *t, const char *word, struct err *err)
{
	const char *group = t->group, *space = *group != '\0' ? " " : "";
	char near[VERB_NAME_SIZE];

	if (!verb_nearest(group, word, near))
		return tool_usage(t, err, "no command '%s%s%s'", group, space, word);
	return tool_usage(t, err, "no command '%s%s%s': did you mean '%s%s%s'?", group, space, word,
			  group, space, near);
}

static void drop_args(struct tool *t, size_t n)
{
	const char **all = t->args.items;

	memmove(all, all + n, (t->args.len - n) * sizeof(*all));
	t->args.len -= n;
}

/* The words that begin the name of a verb, but are none yet. */
static void keep_group(struct tool *t, const char *const *words, size_t n)
{
	size_t len = 0;

	for (size_t i = 0; i < n; i++)
		len += (size_t)snprintf(t->group + len, sizeof(t->group) - len, "%s%s",
					i > 0 ? " " : "", words[i]);
}

/* The first words name the verb. */
static enum rc find_verb(struct tool *t, struct err *err)
{
	const char *const *words = t->args.items;
	size_t n = t->args.len, used;

	t->verb = verb_find(words, n, &used);
	if (t->verb != NULL) {
		drop_args(t, used);
		return RC_OK;
	}
	keep_group(t, words, used);
	return used < n ? unknown_word(t, words[used], err) : RC_OK;
}

static bool given_before(const struct tool *t, size_t i)
{
	const struct tool_given *g = t->given.items;

	for (size_t k = 0; k < i; k++)
		if (strcmp(g[k].name, g[i].name) == 0)
			return true;
	return false;
}

/* Each option belongs to the verb or is global, and is there once unless it may be repeated. */
static enum rc check_options(struct tool *t, struct err *err)
{
	const struct tool_given *g = t->given.items;

	for (size_t i = 0; i < t->given.len; i++) {
		size_t len = strlen(g[i].name);
		const struct tool_option *o = find_in(options_global, g[i].name, len);

		if (o == NULL && t->verb != NULL)
			o = find_in(t->verb->options, g[i].name, len);
		if (o == NULL)
			return unknown_option(t, g[i].name, len, err);
		if (o->arg != NULL && !option_repeats(o) && given_before(t, i))
			return tool_usage(t, err, "option --%s is given twice", o->name);
	}
	return RC_OK;
}

static enum rc check_flags(struct tool *t, struct err *err)
{
	unsigned flags = t->verb->flags;

	if (t->json && (flags & (TOOL_READS | TOOL_WRITES)) == 0)
		return tool_usage(t, err,
				  "unknown option --json: this command has nothing to show");
	if (t->dry_run && (flags & TOOL_WRITES) == 0)
		return tool_usage(t, err, "unknown option --dry-run: this command changes nothing");
	return RC_OK;
}

static enum rc check_args(struct tool *t, struct err *err)
{
	const struct tool_verb *v = t->verb;
	int n = (int)t->args.len;

	if (n < v->min_args)
		return tool_usage(t, err, "an argument is missing: %s", v->args);
	if (v->max_args >= 0 && n > v->max_args && v->max_args == 0)
		return tool_usage(t, err, "argument '%s' is one too many: there are none",
				  tool_arg(t, 0));
	if (v->max_args >= 0 && n > v->max_args)
		return tool_usage(t, err, "argument '%s' is one too many: %s",
				  tool_arg(t, v->max_args), v->args);
	return RC_OK;
}

static void take_globals(struct tool *t)
{
	const char *conf_file = tool_opt(t, "config");

	if (conf_file != NULL)
		t->conf_file = conf_file;
	t->json = tool_has(t, "json");
	t->dry_run = tool_has(t, "dry-run");
	t->quiet = tool_has(t, "quiet");
	t->help = tool_has(t, "help");
	t->version = tool_has(t, "version");
}

enum rc options_read(struct tool *t, int argc, char **argv, struct err *err)
{
	struct words w = {.argc = argc, .at = 1, .argv = argv};
	enum rc rc;

	vec_init(&t->args, sizeof(const char *), ARGS_MAX);
	vec_init(&t->given, sizeof(struct tool_given), ARGS_MAX);
	rc = split_words(t, &w, err);
	if (rc != RC_OK)
		return rc;
	take_globals(t);
	rc = find_verb(t, err);
	if (rc == RC_OK)
		rc = check_options(t, err);
	if (rc != RC_OK || t->verb == NULL || t->help || t->version)
		return rc;
	rc = check_flags(t, err);
	return rc == RC_OK ? check_args(t, err) : rc;
}

int tool_argc(const struct tool *t)
{
	return (int)t->args.len;
}

const char *tool_arg(const struct tool *t, int i)
{
	const char *const *all = t->args.items;

	return i >= 0 && (size_t)i < t->args.len ? all[i] : NULL;
}

const char *tool_opt_at(const struct tool *t, const char *name, size_t i)
{
	const struct tool_given *g = t->given.items;

	for (size_t k = 0; k < t->given.len; k++)
		if (strcmp(g[k].name, name) == 0 && i-- == 0)
			return g[k].value;
	return NULL;
}

const char *tool_opt(const struct tool *t, const char *name)
{
	return tool_opt_at(t, name, 0);
}

bool tool_has(const struct tool *t, const char *name)
{
	return tool_opt(t, name) != NULL;
}
