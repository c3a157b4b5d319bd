/* tool/tool.h - the frame of the command line: one table of verbs, their options, help, output, exit status.
 *
 * A verb is a row: nothing else knows it. --help, completion, spelling, option parsing, --json and --dry-run come from the
 * row. A verb writes data to stdout and talk to stderr through the calls below, returns an enum rc, and never exits.
 * One process runs one verb; no thread rule is needed.
 */
#ifndef TOOL_TOOL_H
#define TOOL_TOOL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "conf/snapshot.h"
#include "directory/directory.h"

struct tool_option {
	const char *name; /* "selector" for --selector */
	const char *arg;  /* "NAME", or NULL for a switch */
	const char *help; /* one line */
};

enum tool_flag {
	TOOL_READS = 1 << 0,  /* has --json */
	TOOL_WRITES = 1 << 1, /* has --dry-run (and --json for what it did) */
	TOOL_STATE =
		1
		<< 2, /* touches the state directory: runs as the configured user, in a child when root */
	TOOL_ROOT = 1 << 3 /* needs root: exit 77 otherwise */
};

struct tool;

struct tool_verb {
	const char *noun; /* "selector"; or the whole word ("setup") when verb is NULL */
	const char *verb;
	const char *args;	/* "DOMAIN [NAME]" for the usage line */
	int min_args, max_args; /* positional; max -1: any number */
	const char *summary;	/* one line, begins with an imperative, no final dot */
	const char *help;	/* paragraphs and at least one example that works as printed */
	const struct tool_option
		*options; /* ends with name == NULL; may be NULL. The global ones are added */
	unsigned flags;
	enum rc (*run)(struct tool *t, struct err *err);
};

/* Each noun's file exports its rows, ended by one with noun == NULL; tool/verbs.c lists the tables. */
extern const struct tool_verb tool_verbs_backup[];
extern const struct tool_verb tool_verbs_check[];
extern const struct tool_verb tool_verbs_completion[];
extern const struct tool_verb tool_verbs_daemon[]; /* reload, status */
extern const struct tool_verb tool_verbs_dns[];
extern const struct tool_verb tool_verbs_domain[];
extern const struct tool_verb tool_verbs_message[];
extern const struct tool_verb tool_verbs_postfix[];
extern const struct tool_verb tool_verbs_selector[];
extern const struct tool_verb tool_verbs_setup[];
extern const struct tool_verb *const tool_all_verbs[]; /* ends with NULL */

/* The command line, parsed. */
int tool_argc(const struct tool *t);		   /* positional arguments behind the verb */
const char *tool_arg(const struct tool *t, int i); /* NULL past the end */
/* The value of --NAME, "" for a switch that is set, NULL when it was not given. */
const char *tool_opt(const struct tool *t, const char *name);
bool tool_has(const struct tool *t, const char *name);
const char *tool_conf_file(const struct tool *t);
bool tool_json_wanted(const struct tool *t);
bool tool_dry_run(const struct tool *t);
int64_t tool_now(const struct tool *t);

/* Output. tool_say(): stderr, not with --quiet. tool_print(): stdout. tool_emit_json(): stdout, steals OBJECT.
 * tool_style(): "" unless stdout (FD 1) or stderr (FD 2) is a terminal that wants colour. */
void tool_say(const struct tool *t, const char *fmt, ...) PRINTF_LIKE(2, 3);
void tool_print(const struct tool *t, const char *fmt, ...) PRINTF_LIKE(2, 3);
void tool_write(const struct tool *t, struct span bytes);
enum rc tool_emit_json(const struct tool *t, json_t *object, struct err *err);
enum tool_ink { INK_BOLD, INK_GOOD, INK_WARN, INK_BAD, INK_DIM, INK_OFF };
const char *tool_style(const struct tool *t, int fd, enum tool_ink ink);
/* A check found something: exit status 1 although run() returns RC_OK. */
void tool_found(struct tool *t);

/* The configuration and catalogue, read once and kept until the end; problems go to stderr (errors: RC_CONF). */
MUST_CHECK enum rc tool_snapshot(struct tool *t, const struct snapshot **ret, struct err *err);
/* RC_NOTFOUND with the nearest known name and the next command to type. */
MUST_CHECK enum rc tool_domain(struct tool *t, const char *name, const struct conf_domain **ret,
			       struct err *err);
/* The catalogue, for a verb that has TOOL_STATE; closed at the end. */
MUST_CHECK enum rc tool_directory(struct tool *t, enum directory_mode mode, struct directory **ret,
				  struct err *err);
/* After a change of state: poke the daemon's control socket so that it reloads. Silent when none is running. */
void tool_poke_daemon(struct tool *t);

/* Run FN(CTX) in a child as the configured user (at once when we are that user); err comes back from the child. */
MUST_CHECK enum rc tool_as_user(struct tool *t,
				enum rc (*fn)(struct tool *t, void *ctx, struct err *err),
				void *ctx, struct err *err);

#endif
