/* conf/tree.h - what libconfig makes of a text, as nodes that know where they stand. Private to src/conf.
 *
 * tree.c is the only file that sees libconfig. Texts hold no control bytes (conf/scan.h). */
#ifndef CONF_TREE_H
#define CONF_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/err.h"
#include "conf/conf.h"
#include "conf/source.h"

enum node_type { NODE_BOOL, NODE_INT, NODE_FLOAT, NODE_TEXT, NODE_LIST, NODE_GROUP };

struct node {
	const char *name; /* NULL for elements of lists */
	const char *file; /* lives as long as the names of the source */
	unsigned line;
	enum node_type type;
	union {
		bool truth;
		int64_t number;
		double real;
		const char *text;
		struct {
			struct node *at;
			size_t n;
		} kids; /* NODE_LIST: ( ) or [ ]; NODE_GROUP */
	} u;
};

/* The top-level group of S, in ARENA. RC_CONF: libconfig refused it, which PROBLEMS says. */
MUST_CHECK enum rc tree_build(struct source *s, struct arena *arena, struct node *ret,
			      struct conf_problems *problems, struct err *err);

/* The member called NAME of a group, or NULL. */
const struct node *node_member(const struct node *group, const char *name);

#endif
