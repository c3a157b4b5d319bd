/* mail/ctype.h - Content-Type and Content-Disposition, read as far as sealing needs them. RFC 2045 5.1. Pure. */
#ifndef MAIL_CTYPE_H
#define MAIL_CTYPE_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/err.h"
#include "base/span.h"

struct ctype {
	struct span type;    /* "application", lower case */
	struct span subtype; /* "pkcs7-mime", lower case; empty for a Content-Disposition */
	struct ctype_param {
		struct span name; /* lower case */
		struct span
			value; /* quoting removed; RFC 2231 continuations and charsets are joined and decoded */
	} * params;
	size_t n_params;
};

/* Comments and folds are skipped. RC_INPUT when there is no type; broken parameters end the list quietly
 * (that is what readers do). At most 64 parameters. */
MUST_CHECK enum rc ctype_read(struct span value, struct arena *arena, struct ctype *ret,
			      struct err *err);
/* The value of parameter NAME, p == NULL when absent. */
struct span ctype_param(const struct ctype *c, const char *name);

#endif
