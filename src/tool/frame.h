/* tool/frame.h - the inside of the frame: for the files of the frame and their tests, not for verbs. */
#ifndef TOOL_FRAME_H
#define TOOL_FRAME_H

#include <stdio.h>

#include "base/vec.h"
#include "tool/tool.h"

enum { EXIT_USAGE = 2 };

/* One option as it was given. */
struct tool_given {
	const char *name;
	const char *value; /* "" for a switch */
};

struct tool {
	const struct tool_verb *verb; /* NULL: help or version was asked for, or nothing was */
	const char *noun;	      /* the noun that was typed, also where no verb followed */
	struct vec args;	      /* of const char *: positional, behind the verb */
	struct vec given;	      /* of struct tool_given */
	const char *conf_file;
	bool json, dry_run, quiet, help, version;
	bool colour[3]; /* by file descriptor; 0 unused */
	bool found, usage;
	int64_t now;
	struct buf next; /* lines, each ended by LF */
	struct conf *conf;
	struct snapshot *snapshot;
	struct directory *directory;
	enum directory_mode directory_mode;
};

enum rc tool_init(struct tool *t, struct err *err);
void tool_clear(struct tool *t);
/* Run one command line as main() does, up to the exit status. */
int tool_main(int argc, char **argv);

/* Read the configuration anew the next time it is asked for. */
void tool_forget_conf(struct tool *t);

/* options.c: fill T from ARGV. Wrong: as tool_usage(). */
MUST_CHECK enum rc options_read(struct tool *t, int argc, char **argv, struct err *err);
extern const struct tool_option options_global[]; /* ends with name == NULL */
bool option_repeats(const struct tool_option *o);

/* verbs.c */
const struct tool_verb *verb_find(const char *noun, const char *verb);
bool verb_noun_known(const char *noun);
/* Every row in the order of the tables: start with NULL; NULL ends. */
const struct tool_verb *verb_next(const struct tool_verb *v);
/* The nearest noun (NOUN NULL), or verb of NOUN; NULL when none is near. */
const char *verb_nearest(const char *noun, const char *word);

/* help.c */
void help_short(FILE *out);
void help_all(FILE *out);
void help_noun(const char *noun, FILE *out);
void help_verb(const struct tool_verb *v, FILE *out);

/* output.c */
void output_init(struct tool *t, bool no_color);
/* Flush stdout; RC_IO when anything that was written to it did not get there. */
MUST_CHECK enum rc output_finish(struct err *err);
void output_error(const struct tool *t, const struct err *err);
void output_next(struct tool *t);

#endif
