/* conf/schema.h - every key of the configuration: what it takes, what it is without being set, and whether the job
 * behind it is built yet. Private to src/conf (and to its tests, which hold the sample and the man page against it).
 *
 * The defaults are written as in a file, and are read as a file before all others.
 */
#ifndef CONF_SCHEMA_H
#define CONF_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"

struct value_reader;
struct node;
struct schema_key;

/* Read a node into TO, the field of the key (or scratch memory where it has none); complain and leave TO alone when
 * it is wrong. */
typedef void schema_read(struct value_reader *r, const struct schema_key *k, const struct node *n,
			 void *to);

#define SCHEMA_NO_FIELD SIZE_MAX

struct schema_key {
	const char *name;
	schema_read *read;
	const char *initial; /* the default, as a file has it; NULL: none of its own */
	size_t field;	     /* offset in the structure of its group; SCHEMA_NO_FIELD */
	const char *const *words;
	int64_t min, max;
	const char *later;		/* the job that is not built yet: "sealing"; NULL: built */
	const char *const *later_words; /* only these words of it are not built yet; NULL ends */
};

/* A group of keys: name = { ... }; "" for the top level. */
struct schema_group {
	const char *name;
	const struct schema_key *keys;
	size_t n;
	size_t in_conf;	  /* offset of the structure that the fields lie in, in struct conf */
	size_t in_domain; /* in struct conf_domain; SCHEMA_NO_FIELD: not set by domains */
};

extern const struct schema_group schema_groups[];
extern const size_t schema_n_groups;
/* The keys of one domain beside its groups; fields in struct conf_domain. */
extern const struct schema_group schema_domain;
/* trust.certificates; fields in struct conf_certificate. */
extern const struct schema_group schema_certificate;

const struct schema_group *schema_group_find(const char *name);
const struct schema_key *schema_key_find(const struct schema_group *g, const char *name);
/* Which group has a key of this NAME (the first one but NOT)? NULL: none. */
const struct schema_group *schema_home(const char *name, const struct schema_group *not_this);

/* The defaults of the top level and its groups as the text of a configuration file, appended. */
MUST_CHECK enum rc schema_show_defaults(struct buf *out, struct err *err);
/* Those of a domain's own keys. */
MUST_CHECK enum rc schema_show_domain_defaults(struct buf *out, struct err *err);

#endif
