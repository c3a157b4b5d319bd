/* conf/read.h - nodes into structures, by the schema. Private to src/conf. */
#ifndef CONF_READ_H
#define CONF_READ_H

#include "conf/schema.h"
#include "conf/tree.h"
#include "conf/value.h"

/* The keys of G that GROUP sets, into the structure BASE; unknown ones are complained of. */
void read_group(struct value_reader *r, const struct schema_group *g, const struct node *group,
		void *base);
/* The top level of mailseal.conf into C. Its domains are left to conf/domains.h. */
void read_top(struct value_reader *r, const struct node *root, struct conf *c);
/* One domain's group into D. */
void read_domain(struct value_reader *r, const struct node *group, struct conf_domain *d);

#endif
