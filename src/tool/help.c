#include "tool/frame.h"

#include <stdio.h>
#include <string.h>

/* The five commands that a new administrator needs, in the order of typing them. */
static const char short_usage[] =
	"usage: mailseal NOUN VERB [ARGUMENTS] [OPTIONS]\n"
	"\n"
	"  mailseal setup example.com        make keys and configuration, show the records\n"
	"  mailseal check                    find what is wrong: configuration, keys, selectors\n"
	"  mailseal dns show example.com     show the DNS records to publish\n"
	"  mailseal postfix connect          put the filter into Postfix\n"
	"  mailseal status                   ask the running daemon how it is\n"
	"\n"
	"mailseal --help lists all commands; mailseal help NOUN VERB explains one.\n";

static const char exit_statuses[] =
	"Exit status: 0 good; 1 a check found something; 2 wrong usage; 65 bad input;\n"
	"66 not found; 69 unavailable; 75 try again later; 77 not permitted;\n"
	"78 wrong configuration.\n";

void help_short(FILE *out)
{
	fputs(short_usage, out);
}

static void put_row(const struct tool_verb *v, FILE *out)
{
	char name[VERB_NAME_SIZE];
	int width;

	verb_name(v, name);
	width = fprintf(out, "  %s", name);
	fprintf(out, "%*s%s\n", width < 24 ? 24 - width : 1, "", v->summary);
}

static void put_option(const struct tool_option *o, FILE *out)
{
	int width = fprintf(out, "  --%s%s%s", o->name, o->arg != NULL ? " " : "",
			    o->arg != NULL ? o->arg : "");

	fprintf(out, "%*s%s\n", width < 24 ? 24 - width : 1, "", o->help);
}

/* --json and --dry-run only where the verb has them. */
static bool has_global(const struct tool_verb *v, const struct tool_option *o)
{
	if (v == NULL)
		return true;
	if (strcmp(o->name, "json") == 0)
		return (v->flags & (TOOL_READS | TOOL_WRITES)) != 0;
	if (strcmp(o->name, "dry-run") == 0)
		return (v->flags & TOOL_WRITES) != 0;
	return strcmp(o->name, "version") != 0;
}

static void put_globals(const struct tool_verb *v, FILE *out)
{
	for (const struct tool_option *o = options_global; o->name != NULL; o++)
		if (has_global(v, o))
			put_option(o, out);
}

void help_all(FILE *out)
{
	fputs("usage: mailseal NOUN VERB [ARGUMENTS] [OPTIONS]\n\ncommands:\n", out);
	for (const struct tool_verb *v = verb_next(NULL); v != NULL; v = verb_next(v))
		put_row(v, out);
	fputs("\noptions of all commands:\n", out);
	put_globals(NULL, out);
	fputc('\n', out);
	fputs(exit_statuses, out);
}

void help_group(const char *group, FILE *out)
{
	fprintf(out, "usage: mailseal %s VERB [ARGUMENTS] [OPTIONS]\n\n", group);
	for (const struct tool_verb *v = verb_next(NULL); v != NULL; v = verb_next(v))
		if (verb_in_group(v, group))
			put_row(v, out);
	fprintf(out, "\nmailseal help %s VERB explains one.\n", group);
}

void help_verb(const struct tool_verb *v, FILE *out)
{
	char name[VERB_NAME_SIZE];

	verb_name(v, name);
	fprintf(out, "usage: mailseal %s%s%s [OPTIONS]\n\n%s.\n\n%s\noptions:\n", name,
		v->args[0] != '\0' ? " " : "", v->args, v->summary, v->help);
	for (const struct tool_option *o = v->options; o != NULL && o->name != NULL; o++)
		put_option(o, out);
	put_globals(v, out);
}

static enum rc help_run(struct tool *t, struct err *err)
{
	const char *const *words = t->args.items;
	size_t n = t->args.len, used;
	const struct tool_verb *v = verb_find(words, n, &used);
	char typed[VERB_NAME_SIZE] = "";
	size_t len = 0;

	for (size_t i = 0; i < n && len < sizeof(typed); i++)
		len += (size_t)snprintf(typed + len, sizeof(typed) - len, "%s%s", i > 0 ? " " : "",
					words[i]);
	if (used < n)
		return tool_usage(t, err, "no command '%s'", typed);
	if (n == 0)
		help_all(stdout);
	else if (v != NULL)
		help_verb(v, stdout);
	else
		help_group(typed, stdout);
	return RC_OK;
}

const struct tool_verb tool_verbs_help[] = {
	{
		.noun = "help",
		.args = "[NOUN [VERB...]]",
		.max_args = 3,
		.summary = "Explain a command, or list them all",
		.help = "Example: mailseal help message verify\n",
		.run = help_run,
	},
	{.noun = NULL},
};
