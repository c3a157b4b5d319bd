/* base/err.h - how a function says that it failed.
 *
 * The code drives behaviour (which reply, which exit status); the text is for people and gains
 * context on its way up. Code below src/daemon and src/tool never logs and never prints: it fills a
 * struct err, and whoever is at the top says it once.
 *
 * Thread rule: a struct err belongs to one thread. Nothing here allocates; no call can fail.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

enum rc {
	RC_OK = 0,
	RC_NOMEM,    /* out of memory: temporary failure of one message */
	RC_IO,	     /* a system call failed */
	RC_CRYPTO,   /* OpenSSL refused */
	RC_INPUT,    /* bytes from outside are wrong: message, key, record, argument */
	RC_LIMIT,    /* right, but larger or more than allowed */
	RC_NOTFOUND, /* the thing asked for is not there */
	RC_EXISTS,   /* the thing to be made is there already, and differs */
	RC_CONF,     /* the configuration, or the state it names, is wrong */
	RC_PERM,     /* not permitted, or an owner or mode is unsafe */
	RC_UNAVAIL,  /* a service (DNS, catalogue, mail server) is not there */
	RC_AGAIN,    /* not now; the same call may succeed later */
	RC_REFUSED,  /* refused on purpose; the text says which word overrides it */
	RC_STOP	     /* a callback asked to stop: no error, never shown */
};

/* Longest text, its NUL included. Longer texts end in "...". */
#define ERR_TEXT_MAX 1024

struct err {
	enum rc rc;
	char text[ERR_TEXT_MAX];
};

#define ERR_INIT                                                                                   \
	{                                                                                          \
		.rc = RC_OK, .text = ""                                                            \
	}

/* Every call below returns RC so that it can stand in a return statement; ERR may be NULL.
 * Control bytes (NUL to 0x1f, 0x7f) in what was formatted are shown as '?', so that a text made
 * from hostile bytes stays one line. */

/* Set a new text. */
enum rc err_set(struct err *err, enum rc rc, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Set a new text and append ": strerror(saved_errno)". */
enum rc err_sys(struct err *err, enum rc rc, int saved_errno, const char *fmt, ...)
	PRINTF_LIKE(4, 5);

/* Put "context: " in front of the text that is there. */
enum rc err_wrap(struct err *err, enum rc rc, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* The analyzer looks at one file at a time and takes what it does not see to return anything: it is told the promise
 * above, or half of what it reports is a failure that returned RC_OK. */
#ifdef __clang_analyzer__
#define err_set(err, rc, ...) ((void)(err_set)(err, rc, __VA_ARGS__), (rc))
#define err_sys(err, rc, saved_errno, ...)                                                         \
	((void)(err_sys)(err, rc, saved_errno, __VA_ARGS__), (rc))
#define err_wrap(err, rc, ...) ((void)(err_wrap)(err, rc, __VA_ARGS__), (rc))
#endif

/* The exit status of the command line for RC: 0, 1, 65, 66, 69, 75, 77, 78 (sysexits.h where it has one). */
int rc_exit_status(enum rc rc);

/* Memory or descriptors ran out: that says nothing about what was asked for, and passes by itself. */
static inline bool rc_passes(enum rc rc)
{
	return rc == RC_NOMEM || rc == RC_AGAIN;
}

/* A short lower-case word for RC ("out of memory"); never NULL. */
const char *rc_word(enum rc rc);

#endif
