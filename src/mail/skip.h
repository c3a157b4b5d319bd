/* mail/skip.h - where the parts of structured fields end that may hold anything (RFC 5322 3.2.2, 3.2.4). Pure, linear. */
#ifndef MAIL_SKIP_H
#define MAIL_SKIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

/* White space, or part of a fold. */
static inline bool is_fws(char c)
{
	return is_wsp(c) || c == '\r' || c == '\n';
}

/* The index behind the quoted string that begins at AT; SIZE_MAX: it has no end. */
size_t skip_quoted(struct span s, size_t at);
/* The same for a comment, with those inside it. */
size_t skip_comment(struct span s, size_t at);

#endif
