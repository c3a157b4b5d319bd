/* tool/milterlist.h - values of Postfix's smtpd_milters and non_smtpd_milters, as text. Pure.
 *
 * Elements are separated by white space or commas: "inet:host:port", "unix:path", "{ unix:path, name=value ... }"
 * (Postfix 3.0 and later), "$other" and "${other}". Texts are never rewritten: an element of ours is added behind the
 * last or cut out, and all other bytes stay as they are.
 */
#ifndef TOOL_MILTERLIST_H
#define TOOL_MILTERLIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"
#include "base/vec.h"

struct milter_item {
	struct span text;     /* as written, braces included; points into the value */
	struct span endpoint; /* "unix:path", "inet:host:port", "$other" */
};

/* RET (initialized here, cleared by the caller even on failure) gets the elements in order. RC_INPUT: a brace that
 * is not closed; RC_LIMIT: over 1,000 elements. */
MUST_CHECK enum rc milterlist_read(struct span value, struct vec *ret, struct err *err);

/* The same socket? Paths of unix: that do not begin with "/" lie in QUEUE_DIR; localhost and 127.0.0.1 are one. */
bool milterlist_same(struct span a, struct span b, const char *queue_dir);
/* "$NAME", "${NAME}" or "$(NAME)". */
bool milterlist_refers(const struct milter_item *item, const char *name);

/* The socket of our configuration ("unix:/path", "inet:8891@127.0.0.1", "inet6:8891@::1") as Postfix writes it,
 * appended: "unix:mailseal/mailseal.sock" (relative where it lies in QUEUE_DIR), "inet:127.0.0.1:8891",
 * "inet:[::1]:8891". */
MUST_CHECK enum rc milterlist_endpoint(const char *socket, const char *queue_dir, struct buf *out,
				       struct err *err);

/* VALUE with the elements that are ENDPOINT cut out, appended to OUT. */
MUST_CHECK enum rc milterlist_without(struct span value, struct span endpoint,
				      const char *queue_dir, struct buf *out, struct err *err);
/* VALUE with ENDPOINT behind its last element, cut out elsewhere, appended to OUT. A last element that is ours
 * already stays as it is written. */
MUST_CHECK enum rc milterlist_with_last(struct span value, struct span endpoint,
					const char *queue_dir, struct buf *out, struct err *err);

/* What the first element that is ENDPOINT says of itself: "accept" for default_action of "{ unix:a,
 * default_action=accept }". p == NULL: nothing. */
MUST_CHECK enum rc milterlist_setting(struct span value, struct span endpoint,
				      const char *queue_dir, const char *name, struct span *ret,
				      struct err *err);

enum milter_place { PLACE_NONE, PLACE_LAST, PLACE_EARLIER, PLACE_TWICE };
/* Where ENDPOINT stands in VALUE (with $names expanded). */
MUST_CHECK enum rc milterlist_place(struct span value, struct span endpoint, const char *queue_dir,
				    enum milter_place *ret, struct err *err);
/* "missing", "last", "not last", "twice". */
const char *milterlist_place_word(enum milter_place place);

#endif
