/* conf/value.h - the kinds of value that keys take, each with its reader. Private to src/conf.
 *
 * A reader stores what the comment beside it says, in memory of the configuration's arena. */
#ifndef CONF_VALUE_H
#define CONF_VALUE_H

#include "base/arena.h"
#include "conf/conf.h"
#include "conf/schema.h"
#include "conf/tree.h"

struct rules_drafts;

/* What the readers share. */
struct value_reader {
	struct arena *arena; /* of the configuration */
	struct conf_problems *problems;
	const char *group;	    /* "sign": for the texts; "" at the top level */
	const char *domain;	    /* whose settings are read; NULL: the global ones */
	struct rules_drafts *rules; /* what waits until all domains are known */
	struct vec *certs;	    /* of struct cert *: the configuration's */
	struct vec *files;	    /* of const char *: what was read beside the texts themselves */
};

/* "sign.expire: TEXT", "domain example.com: sign.expire: TEXT". */
void value_complain(struct value_reader *r, enum conf_severity severity, const struct schema_key *k,
		    const struct node *n, const char *fmt, ...) PRINTF_LIKE(5, 6);
/* "the number 25", "a list": for "found ...". */
#define VALUE_SHOWN_SIZE 96
const char *value_shown(const struct node *n, char buf[VALUE_SHOWN_SIZE]);
/* The text of N; NULL after a complaint that says what was WANTED. */
const char *value_text(struct value_reader *r, const struct schema_key *k, const struct node *n,
		       const char *wanted);
/* Is N a list of texts? Complains. */
bool value_is_texts(struct value_reader *r, const struct schema_key *k, const struct node *n);
/* The pairs of N, ( ("a", "b"), ... ), copied, each to TAKE; what is no such list is complained of by WANTED. */
typedef bool value_take_pair(struct value_reader *r, const char *first, const char *second,
			     const struct node *place);
void value_pairs(struct value_reader *r, const struct schema_key *k, const struct node *n,
		 const char *wanted, value_take_pair *take);
/* Memory of the arena; NULL is remembered as lost. */
void *value_alloc(struct value_reader *r, size_t count, size_t size);
const char *value_strdup(struct value_reader *r, const char *s);
/* A setting names the file PATH, which was read: for conf->files. */
void value_remember_file(struct value_reader *r, const char *path);

/* conf/value.c */
schema_read value_bool;	   /* bool */
schema_read value_int;	   /* int or unsigned; min, max */
schema_read value_word;	   /* an enum: the index in words */
schema_read value_size;	   /* int64_t bytes; min, max */
schema_read value_time;	   /* int64_t seconds; min, max */
schema_read value_string;  /* const char * */
schema_read value_strings; /* const char *const *, NULL ends */
schema_read value_list;	   /* any list; nothing is stored */

/* conf/value-seal.c */
schema_read
	value_accounts;	  /* const char *const *: local parts, lower case, NULL ends; "any": NULL */
schema_read value_escrow; /* struct cert *: of a PEM file */
schema_read value_missing;  /* enum conf_fallback, never FALLBACK_SEAL */
schema_read value_template; /* const char *: deliver.mailbox_address */

/* conf/rulesread.c, conf/aliasread.c: drafts of r->rules; nothing is stored. */
schema_read value_rules;
schema_read value_shares;
schema_read value_aliases;

/* conf/value-net.c */
schema_read value_path;		  /* const char *: absolute */
schema_read value_user;		  /* const char *: the name of an account */
schema_read value_delimiter;	  /* const char *: punctuation, or "" */
schema_read value_milter_socket;  /* const char * */
schema_read value_control_socket; /* const char *: an absolute path that fits a socket */
schema_read value_resolver;	  /* const char * */

/* conf/value-trust.c */
schema_read value_networks;	/* struct conf_trust */
schema_read value_certificates; /* struct conf_trust */
schema_read value_trust_any;	/* bool */

/* conf/value-sign.c */
schema_read value_canonicalization; /* struct dkim_policy */
schema_read value_algorithms;	    /* struct conf_sign */
schema_read value_fields;	    /* const char *const *: names of header fields, NULL ends */
schema_read value_identity;	    /* const char * */
schema_read value_expire;	    /* int64_t seconds */
schema_read value_rsa_bits;	    /* unsigned */
schema_read value_domain;	    /* const char *: A-labels */
schema_read value_domains;	    /* const char *const *: A-labels, NULL ends */

#endif
