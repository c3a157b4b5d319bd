/* tool/sendmailcf.h - a built configuration of Sendmail (sendmail.cf), as far as it touches a filter. Pure, but for
 * sendmailcf_read().
 *
 * Lines are as Sendmail's readcf() takes them: "#" begins a comment, white space at the beginning goes on with the line
 * before, CR is nothing. Options are looked for by their long names, in any case ("O MaxMimeHeaderLength=256/128").
 * Everything points into the text that sendmailcf_parse() was given, which it changes: quotes are taken out in place.
 */
#ifndef TOOL_SENDMAILCF_H
#define TOOL_SENDMAILCF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"
#include "base/vec.h"

enum {
	SENDMAILCF_MAX = 4 << 20,   /* bytes of a file; a usual one has 65,000 */
	SENDMAILCF_FILTERS = 100,   /* definitions, and names in a list; Sendmail takes 25 */
	SENDMAILCF_DAEMONS = 100,   /* Sendmail takes 10 */
	SENDMAILCF_MAILERS = 1000,  /* Sendmail takes 25 */
	SENDMAILCF_SETTINGS = 10000 /* options, maps */
};

/* "Xname, S=unix:/path, F=T, T=C:10s;S:1m;R:1m;E:5m". Times are seconds, Sendmail's defaults where none is given, -1
 * where it cannot be read. */
struct sendmailcf_filter {
	struct span name, socket, flags;
	int64_t connect, send, read, end;
};

/* "O DaemonPortOptions=Name=MTA, Port=25, InputMailFilters=a;b". */
struct sendmailcf_daemon {
	struct span name, port, modifiers;
	struct span filters; /* p == NULL: it has no list of its own */
};

/* "Mesmtp, P=[IPC], F=mDFMuXa, L=990, ..." */
struct sendmailcf_mailer {
	struct span name, path, flags;
	long line; /* L=; 0: no limit */
};

struct sendmailcf_setting {
	struct span name, value;
};

struct sendmailcf {
	struct buf text;	/* owned */
	struct vec filters;	/* of struct sendmailcf_filter */
	struct vec daemons;	/* of struct sendmailcf_daemon */
	struct vec mailers;	/* of struct sendmailcf_mailer */
	struct vec options;	/* of struct sendmailcf_setting, in the order of the file */
	struct vec maps;	/* of struct sendmailcf_setting: K lines */
	struct span masquerade; /* DM: MASQUERADE_AS */
	struct span version;	/* DZ: "8.17.1.9" */
	bool canonifies;  /* host names in addresses are looked up: no FEATURE(`nocanonify') */
	bool in_canonify; /* while it is read: the ruleset that does that */
	bool has_level;	  /* a V line, which every built file has */
};

void sendmailcf_init(struct sendmailcf *cf);
void sendmailcf_clear(struct sendmailcf *cf);
/* The file PATH ("-": standard input). RC_NOTFOUND, RC_PERM, RC_LIMIT: too large, or too many lines of one kind; RC_INPUT:
 * no text, or no built configuration (a sendmail.mc, say). */
MUST_CHECK enum rc sendmailcf_read(const char *path, struct sendmailcf *cf, struct err *err);
/* The same of what is in cf->text; PATH is for messages. */
MUST_CHECK enum rc sendmailcf_parse(struct sendmailcf *cf, const char *path, struct err *err);

/* The last "O NAME=value"; p == NULL: there is none. */
struct span sendmailcf_option(const struct sendmailcf *cf, const char *name);
/* The I-th of them, for options that add up: false when there are no more. *AT starts as 0. */
bool sendmailcf_next_option(const struct sendmailcf *cf, const char *name, size_t *at,
			    struct span *ret);
/* Is one of the values of an option that adds up (DontBlameSendmail) WORD? */
bool sendmailcf_option_has(const struct sendmailcf *cf, const char *name, const char *word);
/* The arguments of the map NAME ("hash /etc/mail/genericstable"); p == NULL: there is none. */
struct span sendmailcf_map(const struct sendmailcf *cf, const char *name);
/* The next name of a list of filters, or of macros: separated by commas, semicolons and white space. */
bool sendmailcf_next_word(struct span *rest, struct span *ret);
bool sendmailcf_list_has(struct span list, struct span word);

/* Do two sockets as libmilter and Sendmail write them mean the same? "unix:", "local:" and nothing are one, and so are
 * localhost and the loopback address. */
bool sendmailcf_same_socket(struct span a, struct span b);
/* "10s", "1m30s", "2h": seconds; -1 where it cannot be read. A bare number is of UNIT. */
int64_t sendmailcf_seconds(struct span s, char unit);

#endif
