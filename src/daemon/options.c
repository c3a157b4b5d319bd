#include "daemon/options.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/attr.h"
#include "base/spell.h"
#include "conf/conf.h"
#include "config.h"

enum { EXIT_USAGE = 2 };

static const struct option long_options[] = {
	{"config", required_argument, NULL, 'c'},
	{"check", no_argument, NULL, 't'},
	{"foreground", no_argument, NULL, 'f'},
	{"verbose", no_argument, NULL, 'v'},
	{"version", no_argument, NULL, 'V'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static const char usage[] =
	"Usage: mailseald [-c FILE] [-fv]\n"
	"       mailseald -t [-c FILE]\n"
	"\n"
	"The mailseal mail filter: signs outgoing mail for Postfix and Sendmail. Stays in the\n"
	"foreground.\n"
	"\n"
	"  -c, --config FILE  read FILE (default " CONF_DEFAULT_FILE ")\n"
	"  -t, --check        check configuration and catalogue, print every problem, and exit\n"
	"  -n                 the same as -t\n"
	"  -v, --verbose      log everything (log.level = \"debug\")\n"
	"  -f, --foreground   accepted, has no effect\n"
	"      --version      print the version\n"
	"      --help         print this\n"
	"\n"
	"Signals: HUP and USR1 reload, TERM and INT stop after the messages under way.\n"
	"Exit status: 0 good, 2 usage, 69 unavailable, 77 not permitted, 78 configuration.\n"
	"Manual: mailseald(8), mailseal.conf(5).\n";

/* WORD as it was typed, without its dashes and what follows a '='. */
static void complain_long(const char *word)
{
	const char *names[COUNT_OF(long_options)];
	struct span typed = span_str(word + 2);
	const char *near;
	size_t n = 0;

	for (; long_options[n].name != NULL; n++)
		names[n] = long_options[n].name;
	typed = span_sub(typed, 0, span_find(typed, '=', 0));
	near = spell_nearest(typed, names, n);
	fprintf(stderr, "mailseald: unknown option %s%s%s%s; \"mailseald --help\" lists them\n",
		word, near != NULL ? ": did you mean --" : "", near != NULL ? near : "",
		near != NULL ? "?" : "");
}

static int bad_option(char **argv, int wrong)
{
	const char *word = argv[optind - 1];

	if (wrong == ':')
		fprintf(stderr, "mailseald: option %s needs a file name\n", word);
	else if (optopt == 0 && strncmp(word, "--", 2) == 0)
		complain_long(word);
	else if (strncmp(word, "--", 2) == 0)
		fprintf(stderr, "mailseald: option %s takes no value\n", word);
	else
		fprintf(stderr, "mailseald: unknown option -%c; \"mailseald --help\" lists them\n",
			optopt);
	return EXIT_USAGE;
}

int options_read(int argc, char **argv, struct options *ret)
{
	struct options o = {.conf_file = CONF_DEFAULT_FILE, .action = ACTION_RUN};
	int c;

	while ((c = getopt_long(argc, argv, ":c:tnfvh", long_options, NULL)) != -1) {
		switch (c) {
		case 'c':
			o.conf_file = optarg;
			break;
		case 't':
		case 'n': /* opendkim's letter */
			o.action = ACTION_CHECK;
			break;
		case 'f': /* opendkim's, too: units that were copied from it go on working */
			break;
		case 'v':
			o.verbose = true;
			break;
		case 'V':
			puts("mailseald " PACKAGE_VERSION);
			return 0;
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			return bad_option(argv, c);
		}
	}
	if (optind < argc) {
		fprintf(stderr,
			"mailseald: unexpected argument \"%s\"; the commands are those of "
			"mailseal(1)\n",
			argv[optind]);
		return EXIT_USAGE;
	}
	*ret = o;
	return OPTIONS_GO_ON;
}
