/* tool/tool.h - the frame of the command line: one table of verbs, their options, help, output, exit status.
 *
 * A verb is a row: nothing else knows it. --help, completion, spelling, option parsing, --json and --dry-run
 * come from the row. A verb writes data to stdout and talk to stderr through the calls below, returns an
 * enum rc, and never exits. One process runs one verb; no thread rule is needed.
 *
 * A failure is shown as "mailseal: TEXT" with the text of the struct err ("what: why"), then the lines given
 * to tool_next(). The exit status is that of rc_exit_status(), or 2 after tool_usage(), or 1 after tool_found().
 */
#ifndef TOOL_TOOL_H
#define TOOL_TOOL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"
#include "conf/snapshot.h"
#include "directory/directory.h"

/* A name means the same kind (switch or with an argument) wherever it is used: options may stand before the
 * noun, where the verb is not known yet. Held by a test. */
struct tool_option {
	const char *name; /* "selector" for --selector */
	const char *arg;  /* "NAME", or NULL for a switch; "NAME..." may be given several times */
	const char *help; /* one line */
};

enum tool_flag {
	TOOL_READS = 1 << 0,  /* has --json */
	TOOL_WRITES = 1 << 1, /* has --dry-run, and --json for what it did */
	/* run() touches the state directory and no file of the caller: the frame runs it by tool_as_user().
	 * A verb that also reads or writes files of the caller (import, backup) leaves this out, opens them
	 * itself and calls tool_as_user() for the rest. */
	TOOL_STATE = 1 << 2,
	TOOL_ROOT = 1 << 3 /* needs root: exit 77 otherwise */
};

struct tool;

struct tool_verb {
	const char *noun;	/* "selector"; or the whole word ("setup") when verb is NULL */
	const char *verb;	/* "add"; "cert add" where a noun has parts of its own */
	const char *args;	/* "DOMAIN [NAME]" for the usage line; "" for none */
	int min_args, max_args; /* positional; max -1: any number */
	const char *summary;	/* one line, begins with an imperative, no final dot */
	/* Paragraphs under 79 columns, ends with a newline; the last one begins with "Example:" and holds at
	 * least one command that works as printed. */
	const char *help;
	const struct tool_option
		*options; /* ends with name == NULL; may be NULL; global ones added */
	unsigned flags;	  /* enum tool_flag, or-ed */
	enum rc (*run)(struct tool *t, struct err *err);
};

/* Each noun's file exports its rows, ended by one with noun == NULL; tool/verbs.c lists the tables. */
extern const struct tool_verb tool_verbs_backup[];
extern const struct tool_verb tool_verbs_check[];
extern const struct tool_verb tool_verbs_completion[];
extern const struct tool_verb tool_verbs_daemon[]; /* reload, status */
extern const struct tool_verb tool_verbs_dns[];
extern const struct tool_verb tool_verbs_domain[];
extern const struct tool_verb tool_verbs_help[];
extern const struct tool_verb tool_verbs_mailbox[];
extern const struct tool_verb tool_verbs_message[];
extern const struct tool_verb tool_verbs_postfix[];
extern const struct tool_verb tool_verbs_restore[];
extern const struct tool_verb tool_verbs_rule[];
extern const struct tool_verb tool_verbs_selector[];
extern const struct tool_verb tool_verbs_sendmail[];
extern const struct tool_verb tool_verbs_setup[];
extern const struct tool_verb tool_verbs_user[];
extern const struct tool_verb *const tool_all_verbs[]; /* ends with NULL */

/* The command line, parsed. */
int tool_argc(const struct tool *t);		   /* positional arguments behind the verb */
const char *tool_arg(const struct tool *t, int i); /* NULL past the end */
/* The value of --NAME, "" for a switch that is set, NULL when it was not given. */
const char *tool_opt(const struct tool *t, const char *name);
/* The I-th value (from 0) of an option that may be repeated; NULL past the last. */
const char *tool_opt_at(const struct tool *t, const char *name, size_t i);
bool tool_has(const struct tool *t, const char *name);
const char *tool_conf_file(const struct tool *t);
bool tool_json_wanted(const struct tool *t);
bool tool_dry_run(const struct tool *t);
int64_t tool_now(const struct tool *t);
/* The trusted set "builtin", TRUST_BUILTIN_FILE: who may issue certificates of accounts. */
const char *tool_anchors_file(const struct tool *t);

/* Output. tool_say(): stderr, not with --quiet. tool_print(), tool_write(): stdout; a failure to write there
 * is noticed at the end of the run. tool_emit_json(): stdout, steals OBJECT (NULL: RC_NOMEM).
 * tool_style(): "" unless stdout (FD 1) or stderr (FD 2) is a terminal that wants colour. */
void tool_say(const struct tool *t, const char *fmt, ...) PRINTF_LIKE(2, 3);
void tool_print(const struct tool *t, const char *fmt, ...) PRINTF_LIKE(2, 3);
void tool_write(const struct tool *t, struct span bytes);
MUST_CHECK enum rc tool_emit_json(const struct tool *t, json_t *object, struct err *err);
enum tool_ink { INK_BOLD, INK_GOOD, INK_WARN, INK_BAD, INK_DIM, INK_OFF };
const char *tool_style(const struct tool *t, int fd, enum tool_ink ink);

/* A check found something: exit status 1 although run() returns RC_OK. */
void tool_found(struct tool *t);
/* A command to type next, shown as "next: ..." under the error, or under the talk when all went well. */
void tool_next(struct tool *t, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* The command line itself is wrong (a value of an option, arguments that exclude each other): sets ERR, makes the
 * exit status 2, returns RC_INPUT. */
enum rc tool_usage(struct tool *t, struct err *err, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* The configuration alone, read once and kept until the end; its problems go to stderr (errors: RC_CONF). */
MUST_CHECK enum rc tool_conf(struct tool *t, const struct conf **ret, struct err *err);
/* The configuration and catalogue, read once and kept until the end. Only as the configured user (TOOL_STATE). */
MUST_CHECK enum rc tool_snapshot(struct tool *t, const struct snapshot **ret, struct err *err);
/* The configured domain called NAME (U-labels and aliases too). RC_NOTFOUND with the nearest known name and the
 * next command to type. */
MUST_CHECK enum rc tool_domain(struct tool *t, const char *name, const struct conf_domain **ret,
			       struct err *err);
/* The catalogue of the configured state_dir, for a verb that has TOOL_STATE; closed at the end. Asked for again
 * with another mode, the first is closed. With --dry-run every mode is DIRECTORY_READ, whatever was asked for. */
MUST_CHECK enum rc tool_directory(struct tool *t, enum directory_mode mode, struct directory **ret,
				  struct err *err);
/* After a change of state: poke the daemon's control socket so that it reloads. Silent when none is running;
 * says on stderr why when the daemon refused the new state. Nothing with --dry-run. */
void tool_poke_daemon(struct tool *t);

/* Make state_dir where it is missing, for the configured user when run by root. (Without such an account nothing is
 * made: tool_as_user() says what is missing, and how to make it.) */
struct undo;
MUST_CHECK enum rc tool_make_state_dir(struct tool *t, struct undo *undo, struct err *err);

/* From here on an interrupt waits, so that what must be done as a whole leaves nothing half-done; until the other call,
 * which is made on every way out. */
void tool_hold_signals(void);
void tool_release_signals(void);

/* What FN may append to its REPLY below: findings about 100,000 domains take a twentieth of it. */
#define TOOL_REPLY_MAX ((size_t)1 << 29)

/* Work on the state directory. Root: FN runs in a child as the configured user; the configured user and the
 * owner of state_dir: at once; anybody else: RC_PERM. The child's error, tool_found(), tool_next() and
 * tool_usage() come back, and what FN appends to REPLY (may be NULL); nothing else that FN changes does. */
typedef enum rc tool_work(struct tool *t, void *ctx, struct buf *reply, struct err *err);
MUST_CHECK enum rc tool_as_user(struct tool *t, tool_work *fn, void *ctx, struct buf *reply,
				struct err *err);

#endif
