#include "conf/rulesread.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/spell.h"
#include "conf/problems.h"

/* More than any file can hold. */
#define DRAFTS_MAX ((size_t)10 * 1000 * 1000)

void rules_drafts_init(struct rules_drafts *d)
{
	vec_init(&d->rules, sizeof(struct rule_draft), DRAFTS_MAX);
	vec_init(&d->shares, sizeof(struct share_draft), DRAFTS_MAX);
	vec_init(&d->aliases, sizeof(struct alias_draft), DRAFTS_MAX);
}

void rules_drafts_clear(struct rules_drafts *d)
{
	vec_clear(&d->rules);
	vec_clear(&d->shares);
	vec_clear(&d->aliases);
}

void rules_complain(struct value_reader *r, enum conf_severity severity,
		    const struct rule_draft *draft, const struct node *n, const char *fmt, ...)
{
	const char *name = draft->rule.name != NULL ? draft->rule.name : "";
	char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	if (text == NULL)
		r->problems->lost = true;
	else
		conf_problems_add(r->problems, severity, n != NULL ? n->file : draft->rule.file,
				  n != NULL ? n->line : draft->rule.line, "%s%s%srule \"%s\": %s",
				  draft->domain != NULL ? "domain " : "",
				  draft->domain != NULL ? draft->domain : "",
				  draft->domain != NULL ? ": " : "", name, text);
	free(text);
}

void rules_unknown(struct value_reader *r, const struct rule_draft *draft, const struct node *n,
		   const char *what, const char *const *words, size_t n_words)
{
	const char *near;
	char shown[VALUE_SHOWN_SIZE];

	if (n->type != NODE_TEXT) {
		rules_complain(r, CONF_ERROR, draft, n, "%s is wanted, found %s", what,
			       value_shown(n, shown));
		return;
	}
	near = spell_nearest(span_str(n->u.text), words, n_words);
	if (near != NULL)
		rules_complain(r, CONF_ERROR, draft, n, "\"%.60s\" is no %s; is \"%s\" meant?",
			       n->u.text, what, near);
	else
		rules_complain(r, CONF_ERROR, draft, n, "\"%.60s\" is no %s%s", n->u.text, what,
			       strchr(what, '(') != NULL ? ""
							 : " (mailseal.conf(5) has all of them)");
}

static const char *text_of(struct value_reader *r, const struct rule_draft *draft,
			   const struct node *n)
{
	char shown[VALUE_SHOWN_SIZE];

	if (n->type == NODE_TEXT)
		return value_strdup(r, n->u.text);
	rules_complain(r, CONF_ERROR, draft, n, "%s: a text in quotes is wanted, found %s", n->name,
		       value_shown(n, shown));
	return NULL;
}

static bool read_level(struct value_reader *r, struct rule_draft *draft, const struct node *n)
{
	static const char *const words[] = {"server", "domain", "account"};

	for (unsigned i = 0; n->type == NODE_TEXT && i < COUNT_OF(words); i++) {
		if (strcmp(n->u.text, words[i]) != 0)
			continue;
		draft->rule.level = (enum rule_level)i;
		draft->has_level = true;
		return true;
	}
	rules_unknown(r, draft, n, "level (server, domain, account)", words, COUNT_OF(words));
	draft->bad_owner = true;
	return false;
}

static bool read_priority(struct value_reader *r, struct rule_draft *draft, const struct node *n)
{
	static const char *const words[] = {"inactive", "highest"};

	if (n->type == NODE_INT && n->u.number >= 1 && n->u.number <= 9) {
		draft->rule.priority = (unsigned)n->u.number;
		return true;
	}
	if (n->type == NODE_TEXT && strcmp(n->u.text, words[0]) == 0) {
		draft->rule.priority = RULE_INACTIVE;
		return true;
	}
	if (n->type == NODE_TEXT && strcmp(n->u.text, words[1]) == 0) {
		draft->rule.priority = RULE_HIGHEST;
		return true;
	}
	rules_unknown(r, draft, n, "priority (1 to 9, \"highest\", \"inactive\")", words,
		      COUNT_OF(words));
	return false;
}

static bool read_keep_clear(struct value_reader *r, struct rule_draft *draft, const struct node *n)
{
	if (n->type != NODE_BOOL) {
		rules_complain(r, CONF_ERROR, draft, n,
			       "keep_clear: true or false, without quotes, is wanted");
		return false;
	}
	draft->rule.keep_clear = n->u.truth;
	return true;
}

static bool read_member(struct value_reader *r, struct rule_draft *draft, const struct node *n)
{
	static const char *const words[] = {"name", "level", "owner",	  "priority",
					    "when", "do",    "keep_clear"};

	if (strcmp(n->name, "name") == 0)
		return true;
	if (strcmp(n->name, "level") == 0)
		return read_level(r, draft, n);
	if (strcmp(n->name, "owner") == 0) {
		draft->owner = text_of(r, draft, n);
		draft->bad_owner = draft->bad_owner || draft->owner == NULL;
		return draft->owner != NULL;
	}
	if (strcmp(n->name, "priority") == 0)
		return read_priority(r, draft, n);
	if (strcmp(n->name, "when") == 0)
		return rules_read_conditions(r, draft, n);
	if (strcmp(n->name, "do") == 0)
		return rules_read_actions(r, draft, n);
	if (strcmp(n->name, "keep_clear") == 0)
		return read_keep_clear(r, draft, n);
	{
		struct node name = *n;

		name.type = NODE_TEXT;
		name.u.text = n->name;
		rules_unknown(r, draft, &name, "setting of a rule", words, COUNT_OF(words));
	}
	return false;
}

static bool read_name(struct value_reader *r, struct rule_draft *draft, const struct node *group)
{
	const struct node *n = node_member(group, "name");

	draft->rule.name = "";
	if (n == NULL || (n->type == NODE_TEXT && *n->u.text == '\0')) {
		rules_complain(r, CONF_ERROR, draft, n != NULL ? n : group,
			       "a name is missing: name = \"...\";");
		return false;
	}
	draft->rule.name = text_of(r, draft, n);
	if (draft->rule.name == NULL)
		draft->rule.name = "";
	return *draft->rule.name != '\0';
}

static void read_rule(struct value_reader *r, const struct node *group)
{
	struct rule_draft draft = {
		.domain = r->domain != NULL ? value_strdup(r, r->domain) : NULL,
		.rule = {.priority = 5, .file = group->file, .line = group->line}};
	struct rule_draft *kept;
	bool good = read_name(r, &draft, group);

	for (size_t i = 0; i < group->u.kids.n; i++)
		good = read_member(r, &draft, &group->u.kids.at[i]) && good;
	if (good && draft.rule.n_todo == 0) {
		rules_complain(r, CONF_ERROR, &draft, group,
			       "it does nothing: do = ( (\"Discard\") ); is missing");
		good = false;
	}
	draft.bad = !good;
	draft.rule.order = (unsigned)r->rules->rules.len;
	kept = vec_push(&r->rules->rules);
	if (kept != NULL)
		*kept = draft;
	else
		r->problems->lost = true;
}

void value_rules(struct value_reader *r, const struct schema_key *k, const struct node *n, void *to)
{
	char shown[VALUE_SHOWN_SIZE];

	(void)to;
	if (n->type != NODE_LIST) {
		value_complain(r, CONF_ERROR, k, n, "a list of rules ( { ... }, ... ) is wanted");
		return;
	}
	for (size_t i = 0; i < n->u.kids.n; i++) {
		const struct node *one = &n->u.kids.at[i];

		if (one->type == NODE_GROUP)
			read_rule(r, one);
		else
			value_complain(r, CONF_ERROR, k, one,
				       "a rule { name = \"...\"; ... } is wanted, found %s",
				       value_shown(one, shown));
	}
}

static bool take_share(struct value_reader *r, const char *who, const char *mailbox,
		       const struct node *place)
{
	struct share_draft *kept = vec_push(&r->rules->shares);

	if (kept != NULL)
		*kept = (struct share_draft){who, mailbox, place->file, place->line};
	return kept != NULL;
}

/* mailboxes.shared: ( ("john@example.com", "~jim@example.com/INBOX"), ... ) */
void value_shares(struct value_reader *r, const struct schema_key *k, const struct node *n,
		  void *to)
{
	(void)to;
	value_pairs(r, k, n,
		    "pairs (\"account or domain\", \"~account@domain/Mailbox\") are wanted",
		    take_share);
}
