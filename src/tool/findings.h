/* tool/findings.h - what a check found: collected, then shown as lines or as JSON. */
#ifndef TOOL_FINDINGS_H
#define TOOL_FINDINGS_H

#include <jansson.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/vec.h"
#include "tool/tool.h"

enum finding_level { FINDING_ERROR, FINDING_WARNING, FINDING_NOTE };
enum { FINDING_LEVELS = 3, FINDINGS_MAX = 1000000 };

struct finding {
	enum finding_level level;
	char *subject; /* what it is about: a domain, a setting, a port */
	char *text;
	char *next; /* the command that mends it; "" when there is none */
};

struct findings {
	struct vec v; /* of struct finding, in the order of finding */
	size_t count[FINDING_LEVELS];
};

void findings_init(struct findings *f);
void findings_clear(struct findings *f);
/* NEXT may be NULL. RC_NOMEM; RC_LIMIT past FINDINGS_MAX. */
MUST_CHECK enum rc findings_add(struct findings *f, enum finding_level level, const char *subject,
				const char *next, struct err *err, const char *fmt, ...)
	PRINTF_LIKE(6, 7);
/* Any error or warning? Notes are no reason to worry. */
bool findings_serious(const struct findings *f);

/* stdout: "warning: SUBJECT: TEXT", and "  next: COMMAND". */
void findings_print(const struct tool *t, const struct findings *f);
/* An array of {"level", "subject", "text", "next"}; NULL when out of memory. */
json_t *findings_json(const struct findings *f);
/* The way back, for what a child found; appended to F. */
MUST_CHECK enum rc findings_from_json(const json_t *array, struct findings *f, struct err *err);

#endif
