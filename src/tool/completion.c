/* completion bash: a script made from the table of verbs. */
#include "tool/frame.h"

#include <string.h>

/* Everything that is not made from the table. Only what bash itself has is used; the package bash-completion
 * is not needed. */
static const char script_head[] =
	"# bash completion for mailseal, printed by: mailseal completion bash\n"
	"\n"
	"_mailseal_domains()\n"
	"{\n"
	"	\"$1\" \"${_mailseal_conf[@]}\" domain list --json 2>/dev/null |\n"
	"		sed -n 's/^ *\"\\(name\\|domain\\)\": \"\\([^\"]*\\)\".*/\\2/p'\n"
	"}\n"
	"\n"
	"_mailseal()\n"
	"{\n"
	"	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
	"	local i word command= kind= want=\n"
	"	local -a words=() _mailseal_conf=()\n"
	"\n"
	"	COMPREPLY=()\n"
	"	# What stands before the cursor, without options and their values.\n"
	"	for ((i = 1; i < COMP_CWORD; i++)); do\n"
	"		word=${COMP_WORDS[i]}\n"
	"		_mailseal_value \"$word\"\n"
	"		if [[ $want ]]; then\n"
	"			[[ ${COMP_WORDS[i+1]} == = ]] && ((i++))\n"
	"			((i++))\n"
	"			[[ $word == -c || $word == --config ]] && ((i < COMP_CWORD)) &&\n"
	"				_mailseal_conf=(-c \"${COMP_WORDS[i]}\")\n"
	"		elif [[ $word != -?* ]]; then\n"
	"			words+=(\"$word\")\n"
	"		fi\n"
	"	done\n"
	"	# The value of an option: --name VALUE, or --name=VALUE (three words to bash).\n"
	"	[[ $cur == = ]] && cur=\n"
	"	[[ $prev == = ]] && prev=${COMP_WORDS[COMP_CWORD-2]}\n"
	"	_mailseal_value \"$prev\"\n"
	"	kind=$want\n"
	"	if [[ ! $kind ]]; then\n"
	"		_mailseal_command \"${words[@]}\"\n"
	"	fi\n"
	"	case $kind in\n"
	"	FILE* | DIR*)\n"
	"		compopt -o filenames 2>/dev/null\n"
	"		COMPREPLY=($(compgen -f -- \"$cur\")) ;;\n"
	"	DOMAIN*)\n"
	"		COMPREPLY=($(compgen -W \"$(_mailseal_domains \"$1\")\" -- \"$cur\")) ;;\n"
	"	=*)\n"
	"		COMPREPLY=($(compgen -W \"${kind#=}\" -- \"$cur\")) ;;\n"
	"	esac\n"
	"}\n"
	"\n";

static const char script_tail[] = "complete -F _mailseal mailseal\n";

/* What an argument called ARG is completed with: files, domains, or the words of "zone|web|json". */
static void put_kind(const char *arg, FILE *out)
{
	if (strncmp(arg, "FILE", 4) == 0 || strncmp(arg, "DIR", 3) == 0) {
		fprintf(out, "%.*s", (int)strcspn(arg, ".|"), arg);
		return;
	}
	if (strncmp(arg, "DOMAIN", 6) == 0) {
		fputs("DOMAIN", out);
		return;
	}
	if (strchr(arg, '|') == NULL) {
		fputc('-', out);
		return;
	}
	fputc('=', out);
	for (const char *p = arg; *p != '\0' && *p != '.'; p++)
		fputc(*p == '|' ? ' ' : *p, out);
}

static bool printed_before(const struct tool_verb *until, const struct tool_option *o)
{
	for (const struct tool_verb *v = verb_next(NULL); v != until; v = verb_next(v))
		for (const struct tool_option *p = v->options; p != NULL && p->name != NULL; p++)
			if (strcmp(p->name, o->name) == 0)
				return true;
	return false;
}

static void put_option_values(const struct tool_verb *v, const struct tool_option *o, FILE *out)
{
	for (; o != NULL && o->name != NULL; o++) {
		if (o->arg == NULL || (v != NULL && printed_before(v, o)))
			continue;
		fprintf(out, "	%s--%s) want='", strcmp(o->name, "config") == 0 ? "-c | " : "",
			o->name);
		put_kind(o->arg, out);
		fputs("' ;;\n", out);
	}
}

/* _mailseal_value OPTION: want = what its value is, empty for a switch. */
static void put_value_function(FILE *out)
{
	fputs("_mailseal_value()\n{\n	want=\n	case $1 in\n", out);
	put_option_values(NULL, options_global, out);
	for (const struct tool_verb *v = verb_next(NULL); v != NULL; v = verb_next(v))
		put_option_values(v, v->options, out);
	fputs("	esac\n}\n\n", out);
}

/* The kinds of the positional arguments, one word each: "DOMAIN [NAME]" -> "DOMAIN -". */
static void put_arg_kinds(const char *args, FILE *out)
{
	while (*args != '\0') {
		char word[64];
		size_t len;

		args += strspn(args, " []");
		len = strcspn(args, " []");
		if (len == 0 || len >= sizeof(word))
			return;
		memcpy(word, args, len);
		word[len] = '\0';
		args += len;
		put_kind(word, out);
		fputc(' ', out);
	}
}

static void put_verb_options(const struct tool_verb *v, FILE *out)
{
	for (const struct tool_option *o = v->options; o != NULL && o->name != NULL; o++)
		fprintf(out, "--%s ", o->name);
	if ((v->flags & (TOOL_READS | TOOL_WRITES)) != 0)
		fputs("--json ", out);
	if ((v->flags & TOOL_WRITES) != 0)
		fputs("--dry-run ", out);
	fputs("--config --quiet --no-color --help", out);
}

/* Does an earlier verb show the same word behind GROUP? */
static bool word_before(const struct tool_verb *v, const char *group)
{
	char name[VERB_NAME_SIZE], earlier[VERB_NAME_SIZE];

	verb_name(v, name);
	for (const struct tool_verb *u = verb_next(NULL); u != v; u = verb_next(u)) {
		verb_name(u, earlier);
		if (verb_in_group(u, group) &&
		    span_eq(verb_word(earlier, group), verb_word(name, group)))
			return true;
	}
	return false;
}

/* The words that may follow GROUP. */
static void put_words(const char *group, FILE *out)
{
	const char *space = "";

	for (const struct tool_verb *v = verb_next(NULL); v != NULL; v = verb_next(v)) {
		char name[VERB_NAME_SIZE];

		if (!verb_in_group(v, group) || word_before(v, group))
			continue;
		verb_name(v, name);
		fprintf(out, "%s%.*s", space, SPAN_ARG(verb_word(name, group)));
		space = " ";
	}
}

/* As many blanks as a pattern of three words needs behind NAME. */
static int blanks_behind(const char *name)
{
	int n = 2;

	for (; *name != '\0'; name++)
		n -= *name == ' ';
	return n;
}

static void put_group_case(const char *group, FILE *out)
{
	fprintf(out, "	'%s%*s') kind='=", group, blanks_behind(group), "");
	put_words(group, out);
	fputs("' ;;\n", out);
}

/* "user" and "user cert" for "user cert add", each where it is met first. */
static void put_groups_of(const struct tool_verb *v, FILE *out)
{
	char group[VERB_NAME_SIZE];

	verb_name(v, group);
	for (size_t i = 0; group[i] != '\0'; i++) {
		const struct tool_verb *first = verb_next(NULL);

		if (group[i] != ' ')
			continue;
		group[i] = '\0';
		while (!verb_in_group(first, group))
			first = verb_next(first);
		if (first == v)
			put_group_case(group, out);
		group[i] = ' ';
	}
}

static void put_verb_case(const struct tool_verb *v, FILE *out)
{
	char name[VERB_NAME_SIZE];
	int blanks;

	verb_name(v, name);
	blanks = blanks_behind(name);
	/* What follows the name are its arguments. */
	fprintf(out, "	'%s%s'%s)\n		n=%d kinds=(", name, blanks > 0 ? " " : "",
		blanks > 0 ? "*" : "", 3 - blanks);
	put_arg_kinds(v->args, out);
	fputs(")\n		options='", out);
	put_verb_options(v, out);
	fputs("' ;;\n", out);
}

/* _mailseal_command WORDS: kind = what comes next behind them. */
static void put_command_function(FILE *out)
{
	fputs("_mailseal_command()\n{\n"
	      "	local n=0 options='--config --quiet --no-color --help --version'\n"
	      "	local -a kinds=()\n\n	case \"$1 $2 $3\" in\n",
	      out);
	put_group_case("", out);
	for (const struct tool_verb *v = verb_next(NULL); v != NULL; v = verb_next(v))
		put_groups_of(v, out);
	for (const struct tool_verb *v = verb_next(NULL); v != NULL; v = verb_next(v))
		put_verb_case(v, out);
	fputs("	esac\n"
	      "	((n > 0)) && kind=${kinds[$# - n]}\n"
	      "	[[ $cur == -* ]] && kind=\"=$options\"\n"
	      "	return 0\n}\n\n",
	      out);
}

static enum rc completion_run(struct tool *t UNUSED, struct err *err UNUSED)
{
	put_value_function(stdout);
	put_command_function(stdout);
	fputs(script_head, stdout);
	fputs(script_tail, stdout);
	return RC_OK;
}

const struct tool_verb tool_verbs_completion[] = {
	{
		.noun = "completion",
		.verb = "bash",
		.args = "",
		.summary = "Print a completion script for bash",
		.help = "Completes commands, options, files, and the names of configured domains.\n"
			"\n"
			"Example: mailseal completion bash > /etc/bash_completion.d/mailseal\n",
		.run = completion_run,
	},
	{.noun = NULL},
};
