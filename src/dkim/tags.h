/* dkim/tags.h - tag lists ("v=1; a=rsa-sha256"): of DKIM-Signature fields and of key records.
 * RFC 6376 3.2, RFC 8616 5 (UTF-8 in values). Pure; spans point into the text. */
#ifndef DKIM_TAGS_H
#define DKIM_TAGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/span.h"

struct tag {
	struct span name;
	struct span raw;   /* all that stands between '=' and ';' */
	struct span value; /* without white space at both ends; may have folds inside */
};

/* Fourteen are known; who writes more than this writes no DKIM. */
enum { TAGS_MAX = 32 };

struct tags {
	struct tag at[TAGS_MAX];
	size_t n;
};

/* Strict: a name twice, a tag without '=', or a byte that no value may have is RC_INPUT. Names are
 * case-sensitive. A ';' at the end is allowed. */
MUST_CHECK enum rc tags_read(struct span text, struct tags *ret, struct err *err);

/* NULL: absent. */
const struct tag *tags_find(const struct tags *tags, const char *name);

/* Items of a list with colons (h=, s=, t=, q=), white space around them removed. False at the end. */
bool tags_next_item(struct span *rest, struct span *ret_item);
/* VALUE, a list with colons, has WORD. */
bool tags_lists(struct span value, const char *word);

#endif
