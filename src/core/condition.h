/* core/condition.h - does a condition of a rule hold for this message? Pure.
 *
 * What is not known yet (the header at RCPT, the size before the end) makes a condition UNKNOWN, never false.
 */
#ifndef CORE_CONDITION_H
#define CORE_CONDITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/err.h"
#include "base/span.h"
#include "conf/rules.h"
#include "conf/snapshot.h"
#include "core/facts.h"
#include "core/trust.h"
#include "mail/field.h"
#include "smime/detect.h"

enum truth { TRUTH_NO, TRUTH_YES, TRUTH_UNKNOWN };

/* What has to be seen before an UNKNOWN becomes an answer; the later one counts. */
enum evidence_need { NEED_NOTHING, NEED_HEADER, NEED_BEGINNING, NEED_END };

/* One value of a message that a picture is held against. */
struct value_forms {
	struct span text;    /* for people */
	struct span folded;  /* base/picture.h; addresses with their domain in A-labels */
	struct span unicode; /* folded, the domain in U-labels; p == NULL: no other form */
};

struct values {
	const struct value_forms *at;
	size_t n;
};

/* What is known of a message. The caller sets the first part; the rest is filled when it is first asked for. */
struct evidence {
	const struct snapshot *snap;
	const struct facts *facts;
	const struct trust *trust;     /* NULL: not decided yet */
	const struct fields *fields;   /* NULL: not seen yet */
	const struct span *recipients; /* RCPT TO as given */
	size_t n_recipients;
	bool all_recipients; /* no more will come */
	struct span
		beginning; /* of the body; p == NULL: not seen yet. At least DETECT_BODY_MAX octets, or all */
	int64_t size; /* header and body, line ends CRLF; -1: not known yet */
	int64_t now;
	struct arena *arena; /* for what is read */

	struct values seen[CONDITIONS];
	bool has[CONDITIONS];
	bool security_known;
	enum security security;
};

/* *RET_VALUE (may be NULL) gets the value that decided, or what there is of it, for people; p == NULL: none there.
 * *RET_NEED is set with TRUTH_UNKNOWN. RC_NOMEM, RC_LIMIT (more addresses than mail/address.h allows). */
MUST_CHECK enum rc condition_holds(const struct rule_condition *c, struct evidence *e,
				   enum truth *ret, enum evidence_need *ret_need,
				   struct span *ret_value, struct err *err);

/* Is the message encrypted or signed? TRUTH_UNKNOWN when the beginning of the body is needed, which is then told. */
enum truth evidence_is_encrypted(struct evidence *e);

#endif
