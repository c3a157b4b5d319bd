/* rule list and rule test: what the rules are, and what they make of a message. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "conf/rules.h"
#include "core/line.h"
#include "tool/message.h"
#include "tool/ruletest.h"
#include "tool/tool.h"

enum { OUTPUT_MAX = 64 << 20, NAME_MAX_LEN = 320 };

/* --- list --------------------------------------------------------------------------------------- */

static const char *owner_shown(const struct rule *r)
{
	return r->level == RULE_SERVER ? "server" : r->owner;
}

static bool is_of(const struct rule *r, const char *who)
{
	const char *at = who != NULL ? strrchr(who, '@') : NULL;

	if (who == NULL || strcmp(r->owner, who) == 0 || r->level == RULE_SERVER)
		return true;
	return r->level == RULE_DOMAIN && at != NULL && strcmp(r->owner, at + 1) == 0;
}

static json_t *parts_json(const struct rule *r)
{
	json_t *when = json_array(), *todo = json_array();

	for (size_t i = 0; i < r->n_when; i++)
		json_array_append_new(when,
				      json_pack("[s,s,s]", condition_name(r->when[i].kind),
						condition_op_name(r->when[i].op), r->when[i].text));
	for (size_t i = 0; i < r->n_todo; i++)
		json_array_append_new(todo, json_string(action_name(r->todo[i].kind)));
	return json_pack("{s:s, s:s, s:s, s:i, s:o, s:o, s:s, s:i}", "name", r->name, "level",
			 rule_level_name(r->level), "owner", r->owner, "priority", (int)r->priority,
			 "when", when, "do", todo, "file", r->file, "line", (int)r->line);
}

static const char *priority_shown(const struct rule *r, char text[16])
{
	if (r->priority == RULE_INACTIVE)
		return "inactive";
	if (r->priority == RULE_HIGHEST)
		return "highest";
	text[0] = (char)('0' + r->priority);
	text[1] = '\0';
	return text;
}

static void print_rule(const struct tool *t, const struct rule *r)
{
	char priority[16];

	tool_print(t, "%s%s%s  %s, priority %s  (%s:%u)\n", tool_style(t, 1, INK_BOLD), r->name,
		   tool_style(t, 1, INK_OFF), owner_shown(r), priority_shown(r, priority), r->file,
		   r->line);
	for (size_t i = 0; i < r->n_when; i++)
		tool_print(t, "    when  %s %s %s\n", condition_name(r->when[i].kind),
			   condition_op_name(r->when[i].op), r->when[i].text);
	for (size_t i = 0; i < r->n_todo; i++) {
		const struct rule_action *a = &r->todo[i];

		tool_print(t, "    do    %s", action_name(a->kind));
		if (a->mailbox.box != NULL)
			tool_print(t, " %s%s%s%s", a->mailbox.account != NULL ? "~" : "",
				   a->mailbox.account != NULL ? a->mailbox.account : "",
				   a->mailbox.account != NULL ? "/" : "", a->mailbox.box);
		if (a->field != NULL)
			tool_print(t, " %s:", a->field);
		if (a->text != NULL)
			tool_print(t, " %s", a->text);
		for (const char *const *to = a->addresses; to != NULL && *to != NULL; to++)
			tool_print(t, " %s", *to);
		tool_print(t, "\n");
	}
}

/* ACCOUNT or DOMAIN as the rules name it. */
static enum rc read_owner(struct tool *t, const char *text, char ret[NAME_MAX_LEN + 1],
			  struct err *err)
{
	const char *at = strrchr(text, '@');
	const struct conf_domain *d;
	enum rc rc = tool_domain(t, at != NULL ? at + 1 : text, &d, err);
	size_t local = at != NULL ? (size_t)(at - text) + 1 : 0;

	if (rc != RC_OK)
		return rc;
	if (local + strlen(d->name) > NAME_MAX_LEN)
		return err_set(err, RC_INPUT, "%.60s... is too long for an account", text);
	for (size_t i = 0; i < local; i++)
		ret[i] = ascii_lower(text[i]);
	strcpy(ret + local, d->name);
	return RC_OK;
}

static enum rc list_run(struct tool *t, struct err *err)
{
	char owner[NAME_MAX_LEN + 1];
	const struct conf *conf;
	const char *who = NULL;
	json_t *all;
	enum rc rc = tool_conf(t, &conf, err);

	if (rc == RC_OK && tool_argc(t) > 0) {
		rc = read_owner(t, tool_arg(t, 0), owner, err);
		who = owner;
	}
	if (rc != RC_OK)
		return rc;
	all = json_array();
	for (size_t i = 0; i < conf->rules.n; i++) {
		const struct rule *r = &conf->rules.at[i];

		if (!is_of(r, who))
			continue;
		json_array_append_new(all, parts_json(r));
		if (!tool_json_wanted(t))
			print_rule(t, r);
	}
	if (json_array_size(all) == 0 && !tool_json_wanted(t))
		tool_say(t, "no rules%s%s\n", who != NULL ? " for " : "", who != NULL ? who : "");
	if (tool_json_wanted(t))
		return tool_emit_json(t, json_pack("{s:o}", "rules", all), err);
	json_decref(all);
	return RC_OK;
}

/* --- test --------------------------------------------------------------------------------------- */

static enum rc read_source(struct tool *t, struct ruletest *ret, struct err *err)
{
	static const enum trust_source all[] = {SOURCE_RELAYED, SOURCE_TRUSTED,
						SOURCE_AUTHENTICATED, SOURCE_LOCAL};
	const char *word = tool_opt(t, "source");

	ret->source = SOURCE_RELAYED;
	for (size_t i = 0; i < COUNT_OF(all) && word != NULL; i++) {
		if (strcmp(word, trust_source_name(all[i])) != 0)
			continue;
		ret->source = all[i];
		return RC_OK;
	}
	if (word != NULL)
		return tool_usage(t, err,
				  "--source %s: relayed, trusted, authenticated or local expected",
				  word);
	return RC_OK;
}

static enum rc test_work(struct tool *t, void *ctx, struct buf *reply, struct err *err)
{
	struct ruletest *r = ctx;
	enum rc rc = tool_snapshot(t, &r->snap, err);

	return rc == RC_OK ? ruletest_run(r, reply, err) : rc;
}

static enum rc test_run(struct tool *t, struct err *err)
{
	struct ruletest r = {.tool = t, .now = tool_now(t), .json = tool_json_wanted(t)};
	struct buf raw, reply;
	enum rc rc = read_source(t, &r, err);

	buf_init(&raw, 0);
	buf_init(&reply, OUTPUT_MAX);
	if (rc == RC_OK)
		rc = message_read(tool_arg(t, 0), &raw, err);
	if (rc == RC_OK) {
		r.raw = buf_span(&raw);
		r.mail_from = tool_opt(t, "from");
		rc = tool_as_user(t, test_work, &r, &reply, err);
	}
	if (rc == RC_OK)
		tool_write(t, buf_span(&reply));
	buf_clear(&reply);
	buf_clear(&raw);
	return rc;
}

static const struct tool_option test_options[] = {
	{"from", "ADDRESS", "the envelope sender (default: that of From:)"},
	{"rcpt", "ADDRESS...", "a recipient (default: those of To: and Cc: that are ours)"},
	{"source", "SOURCE", "relayed (default), trusted, authenticated or local"},
	{NULL, NULL, NULL},
};

const struct tool_verb tool_verbs_rule[] = {
	{
		.noun = "rule",
		.verb = "list",
		.args = "[ACCOUNT|DOMAIN]",
		.max_args = 1,
		.summary = "List rules in the order in which they are asked",
		.help = "The server's rules, those of domains, those of accounts; of one ACCOUNT: "
			"all that\n"
			"are asked for its mail.\n"
			"\n"
			"Example: mailseal rule list john@example.com\n",
		.flags = TOOL_READS,
		.run = list_run,
	},
	{
		.noun = "rule",
		.verb = "test",
		.args = "FILE|-",
		.min_args = 1,
		.max_args = 1,
		.summary = "Show what the rules would do with a message",
		.help = "For each recipient every rule, which condition held or failed and on what "
			"value,\n"
			"and what would come of it. Nothing is delivered.\n"
			"\n"
			"Example: mailseal rule test --rcpt john@example.com letter.eml\n",
		.options = test_options,
		.flags = TOOL_READS,
		.run = test_run,
	},
	{.noun = NULL},
};
