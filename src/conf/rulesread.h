/* conf/rulesread.h - rules = ( { ... }, ... ): from the files to struct rule. Private to src/conf.
 *
 * What one rule says is read when its file is; what needs all domains (owners, mailboxes, who may store where) waits for
 * rules_finish(). */
#ifndef CONF_RULESREAD_H
#define CONF_RULESREAD_H

#include "base/vec.h"
#include "conf/aliasread.h"
#include "conf/conf.h"
#include "conf/tree.h"
#include "conf/value.h"

enum { RULE_TEXT_MAX = 400, RULE_PICTURE_MAX = 1000, RULE_PARTS_MAX = 1000, RULE_BOX_MAX = 200 };

/* A rule that waits for the end. */
struct rule_draft {
	struct rule rule;
	struct rule_condition *when;
	struct rule_action *todo;
	bool has_level;
	bool bad_owner;	    /* its level or its owner has been complained of */
	bool bad;	    /* complained of: looked at for further mistakes, and then left out */
	const char *owner;  /* as written; NULL: not given */
	const char *domain; /* in whose rules = ( ) it stands, as written; NULL: at the top level */
};

struct share_draft {
	const char *who, *mailbox; /* as written */
	const char *file;
	unsigned line;
};

/* What value readers collect for the end. */
struct rules_drafts {
	struct vec rules;   /* of struct rule_draft */
	struct vec shares;  /* of struct share_draft */
	struct vec aliases; /* of struct alias_draft (conf/aliasread.h) */
};

void rules_drafts_init(struct rules_drafts *d);
void rules_drafts_clear(struct rules_drafts *d);

/* "rule 'NAME': TEXT", with the domain where it stands in one. */
void rules_complain(struct value_reader *r, enum conf_severity severity,
		    const struct rule_draft *draft, const struct node *n, const char *fmt, ...)
	PRINTF_LIKE(5, 6);
/* WHAT ("condition") called N->u.text is unknown; WORDS are. */
void rules_unknown(struct value_reader *r, const struct rule_draft *draft, const struct node *n,
		   const char *what, const char *const *words, size_t n_words);

/* conf/rulescond.c, conf/rulesact.c: `when` and `do`. False after complaints. */
bool rules_read_conditions(struct value_reader *r, struct rule_draft *draft, const struct node *n);
bool rules_read_actions(struct value_reader *r, struct rule_draft *draft, const struct node *n);

/* Names of mailboxes joined by '/': letters, digits, '.', '_', '-'; none of them empty, "." or "..". */
bool rules_is_box(struct span box);

/* conf/rulescheck.c: after all domains and aliases are there: into C->rules and C->shares. INCOMPLETE: names may be
 * missing because a file could not be read: nothing is said of unknown ones. */
void rules_finish(struct value_reader *r, struct rules_drafts *drafts, struct conf *c,
		  bool incomplete);

#endif
