/* conf/scan.h - reads the tokens of a configuration file before libconfig does. Private to src/conf.
 *
 * libconfig answers most mistakes with "syntax error" and stops, and says nothing at all of others: a number past
 * 32 bits wraps to another one, ["a" "b"] is one text, \x00 vanishes, a comment that never ends swallows the rest.
 * The scanner names each of them with its line and goes on. It also finds what libconfig would not do as we want
 * it (@include, see conf/source.h) or not tell exactly (the line of a text in a list).
 *
 * One scanner goes through a file and all that it includes. Work and memory are linear in the text.
 */
#ifndef CONF_SCAN_H
#define CONF_SCAN_H

#include <stdbool.h>

#include "base/span.h"
#include "base/vec.h"
#include "conf/conf.h"

enum { SCAN_DEPTH_MAX = 16 };

enum scan_token {
	SCAN_START,
	SCAN_NAME,
	SCAN_ASSIGN,
	SCAN_VALUE, /* number or boolean */
	SCAN_TEXT,
	SCAN_OPEN,
	SCAN_CLOSE,
	SCAN_COMMA,
	SCAN_SEMICOLON
};

struct scan_bracket {
	char open; /* '{', '(' or '['; '{' for the top level */
	const char *file;
	unsigned line;
	unsigned settings;
};

struct scan {
	struct conf_problems *problems;
	struct vec *texts; /* of unsigned: see scan_init() */
	enum scan_token last;
	struct scan_bracket stack[SCAN_DEPTH_MAX];
	unsigned depth; /* brackets on the stack, the top level counted */
	bool given_up;	/* after a mistake that makes nonsense of what follows */
};

/* One file under the scanner. */
struct scan_file {
	const char *name;
	struct span raw;
	size_t pos;
	unsigned line;	 /* in the file, of pos */
	unsigned joined; /* in the joined text (conf/source.h), of pos */
	bool after_include;
};

/* TEXTS gets the line in the joined text of each text literal, in their order; adjacent ones that libconfig joins
 * count once. */
void scan_init(struct scan *s, struct conf_problems *problems, struct vec *texts);

/* Up to the next @include, whose file name *RET gets (true; F stands behind it), or to the end of F (false).
 * *RET_END: where the text before the directive ends, always at the beginning of a line, or the end of F. */
bool scan_next_include(struct scan *s, struct scan_file *f, size_t *ret_end, struct span *ret);

/* After the last file: what is open still? */
void scan_finish(struct scan *s);

#endif
