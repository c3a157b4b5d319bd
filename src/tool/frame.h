/* tool/frame.h - the inside of the frame: for the files of the frame and their tests, not for verbs. */
#ifndef TOOL_FRAME_H
#define TOOL_FRAME_H

#include <stdio.h>

#include "base/vec.h"
#include "tool/tool.h"

enum { EXIT_USAGE = 2, VERB_NAME_SIZE = 64 };

/* One option as it was given. */
struct tool_given {
	const char *name;
	const char *value; /* "" for a switch */
};

struct tool {
	int argc; /* the command line as it was typed */
	char **argv;
	const struct tool_verb *verb; /* NULL: help or version was asked for, or nothing was */
	/* No verb: what was typed of one ("user", "user cert"), or "". */
	char group[VERB_NAME_SIZE];
	struct vec args;  /* of const char *: positional, behind the verb */
	struct vec given; /* of struct tool_given */
	const char *conf_file;
	const char *anchors_file; /* tests put another in its place */
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

/* user.c: the same command line by sudo, as tool_next(). */
void tool_next_as_root(struct tool *t);
/* May this process do the work of tool_as_user()? RC_PERM: neither root nor the configured user nor the owner of what is
 * there. */
MUST_CHECK enum rc tool_check_keeper(struct tool *t, const struct conf *conf, struct err *err);

/* Read the configuration anew the next time it is asked for. */
void tool_forget_conf(struct tool *t);

/* options.c: fill T from ARGV. Wrong: as tool_usage(). */
MUST_CHECK enum rc options_read(struct tool *t, int argc, char **argv, struct err *err);
extern const struct tool_option options_global[]; /* ends with name == NULL */
bool option_repeats(const struct tool_option *o);

/* verbs.c. The name of a verb is what is typed for it: "setup", "selector add", "user cert add". A group is what stands
 * before the last word of one: "selector", "user", "user cert". */
void verb_name(const struct tool_verb *v, char ret[VERB_NAME_SIZE]);
/* The verb whose name the first of the N words are, the longest where there are several; NULL: none. *RET_USED: how many
 * words are its name; without a verb, how many are the beginning of one. */
const struct tool_verb *verb_find(const char *const *words, size_t n, size_t *ret_used);
/* Is V in GROUP ("": all are)? */
bool verb_in_group(const struct tool_verb *v, const char *group);
/* The word behind GROUP in the name of V, which is in it, as a span of NAME. */
struct span verb_word(const char *name, const char *group);
/* Every row in the order of the tables: start with NULL; NULL ends. */
const struct tool_verb *verb_next(const struct tool_verb *v);
/* Of the words that may follow GROUP ("" for the first) the one nearest to WORD, in RET; false when none is near. */
bool verb_nearest(const char *group, const char *word, char ret[VERB_NAME_SIZE]);

/* help.c */
void help_short(FILE *out);
void help_all(FILE *out);
void help_group(const char *group, FILE *out);
void help_verb(const struct tool_verb *v, FILE *out);

/* output.c */
void output_init(struct tool *t, bool no_color);
/* Flush stdout; RC_IO when anything that was written to it did not get there. */
MUST_CHECK enum rc output_finish(struct err *err);
void output_error(const struct tool *t, const struct err *err);
void output_next(struct tool *t);

#endif
