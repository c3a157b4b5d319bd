/* conf/domains.h - the domains of all files: read, checked against each other, sorted. Private to src/conf. */
#ifndef CONF_DOMAINS_H
#define CONF_DOMAINS_H

#include "base/vec.h"
#include "conf/conf.h"
#include "conf/tree.h"
#include "conf/value.h"

struct domains {
	struct value_reader *r;
	struct conf *c;
	struct conf_domain initial; /* what a domain is without being told, sign lists as written */
	struct vec v;		    /* of struct conf_domain */
	struct vec also;	    /* of struct also: lists to look at when all are known */
	bool incomplete;	    /* a file could not be read: names may be missing */
};

void domains_init(struct domains *d, struct value_reader *r, struct conf *c);
void domains_clear(struct domains *d);

/* The global values that domains inherit, once they have been read into C; its sign lists are finished here.
 * ALSO: the node of sign.also; NULL where it is not set. */
void domains_inherit(struct domains *d, const struct node *also);
/* The elements of `domains = ( ... )`. */
void domains_add(struct domains *d, const struct node *list);
/* When all are there: into C, with the names; the checks that need all of them. */
void domains_finish(struct domains *d);

#endif
