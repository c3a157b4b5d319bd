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

static bool is_first_of_noun(const struct tool_verb *v)
{
	for (const struct tool_verb *u = verb_next(NULL); u != v; u = verb_next(u))
		if (strcmp(u->noun, v->noun) == 0)
			return false;
	return true;
}

static void put_nouns(FILE *out)
{
	const char *space = "";

	for (const struct tool_verb *v = verb_next(NULL); v != NULL; v = verb_next(v)) {
		if (!is_first_of_noun(v))
			continue;
		fprintf(out, "%s%s", space, v->noun);
		space = " ";
	}
}

static void put_verbs(const char *noun, FILE *out)
{
	const char *space = "";

	for (const struct tool_verb *v = verb_next(NULL); v != NULL; v = verb_next(v)) {
		if (strcmp(v->noun, noun) != 0)
			continue;
		fprintf(out, "%s%s", space, v->verb);
		space = " ";
	}
}

static void put_verb_case(const struct tool_verb *v, FILE *out)
{
	fprintf(out, "	'%s%s%s')\n		n=%d kinds=(", v->noun, v->verb != NULL ? " " : "",
		v->verb != NULL ? v->verb : "", v->verb != NULL ? 2 : 1);
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
	      "	local -a kinds=()\n\n	case \"$1 $2\" in\n",
	      out);
	fputs("	' ') kind='=", out);
	put_nouns(out);
	fputs("' ;;\n", out);
	for (const struct tool_verb *v = verb_next(NULL); v != NULL; v = verb_next(v)) {
		if (v->verb == NULL || !is_first_of_noun(v))
			continue;
		fprintf(out, "	'%s ') kind='=", v->noun);
		put_verbs(v->noun, out);
		fputs("' ;;\n", out);
	}
	fputs("	esac\n	case \"$1 $2\" in\n", out);
	for (const struct tool_verb *v = verb_next(NULL); v != NULL; v = verb_next(v))
		if (v->verb != NULL)
			put_verb_case(v, out);
	fputs("	*)\n	case $1 in\n", out);
	for (const struct tool_verb *v = verb_next(NULL); v != NULL; v = verb_next(v))
		if (v->verb == NULL)
			put_verb_case(v, out);
	fputs("	esac ;;\n	esac\n"
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
