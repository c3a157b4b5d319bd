#include "tool/leftover.h"
#include "tool/tool.h"

#include <string.h>

static const char *mode_word(enum conf_mode mode)
{
	static const char *const words[] = {
		[MODE_DISABLED] = "disabled", [MODE_TEST] = "test", [MODE_ENABLED] = "enabled"};

	return words[mode];
}

static json_t *signing_now(const struct tool *t, const struct snapshot *snap,
			   const struct conf_domain *d)
{
	json_t *all = json_array();
	size_t n;
	const struct selector *s = snapshot_selectors(snap, d->sign_domain, &n);

	for (size_t i = 0; i < d->sign.n_algorithms; i++) {
		const struct selector *now =
			selector_for_signing(s, n, d->sign.algorithms[i], tool_now(t));

		if (now != NULL)
			json_array_append_new(all, json_string(now->name));
	}
	return all;
}

static json_t *as_json(const struct tool *t, const struct snapshot *snap,
		       const struct conf_domain *d)
{
	json_t *aliases = json_array();
	size_t n;

	for (size_t i = 0; d->aliases[i] != NULL; i++)
		json_array_append_new(aliases, json_string(d->aliases[i]));
	(void)snapshot_selectors(snap, d->sign_domain, &n);
	return json_pack("{s:s, s:s, s:s, s:b, s:o, s:i, s:o, s:s, s:i}", "name", d->name, "mode",
			 mode_word(d->mode), "sign_domain", d->sign_domain, "subdomains",
			 d->subdomains, "aliases", aliases, "selectors", (int)n, "signing",
			 signing_now(t, snap, d), "file", d->file, "line", (int)d->line);
}

static void print_signing(const struct tool *t, const struct snapshot *snap,
			  const struct conf_domain *d)
{
	json_t *names = signing_now(t, snap, d);

	for (size_t i = 0; i < json_array_size(names); i++)
		tool_print(t, "%s%s", i > 0 ? "," : "",
			   json_string_value(json_array_get(names, i)));
	if (json_array_size(names) == 0)
		tool_print(t, "none");
	json_decref(names);
}

/* Domains that configuration no longer names keep what the catalogue has of them. */
static enum rc print_left_over(const struct tool *t, const struct snapshot *snap, json_t *all,
			       struct err *err)
{
	struct vec left;
	enum rc rc = leftover_domains(snap->conf, snap->selectors, &left, err);
	const char *const *names = left.items;

	for (size_t i = 0; rc == RC_OK && i < left.len; i++) {
		if (tool_json_wanted(t))
			json_array_append_new(all, json_pack("{s:s, s:s}", "name", names[i], "mode",
							     "not configured"));
		else
			tool_print(t, "%-32s %s\n", names[i],
				   "not configured, only in the catalogue");
	}
	vec_clear(&left);
	return rc;
}

static enum rc list_run(struct tool *t, struct err *err)
{
	const struct snapshot *snap;
	json_t *all;
	enum rc rc = tool_snapshot(t, &snap, err);

	if (rc != RC_OK)
		return rc;
	all = json_array();
	for (size_t i = 0; i < snap->conf->n_domains; i++) {
		const struct conf_domain *d = &snap->conf->domains[i];

		if (tool_json_wanted(t)) {
			json_array_append_new(all, as_json(t, snap, d));
			continue;
		}
		tool_print(t, "%-32s %-9s signs with ", d->name, mode_word(d->mode));
		print_signing(t, snap, d);
		tool_print(t, "\n");
	}
	rc = print_left_over(t, snap, all, err);
	if (rc == RC_OK && tool_json_wanted(t))
		return tool_emit_json(t, json_pack("{s:o}", "domains", all), err);
	json_decref(all);
	return rc;
}

static void print_domain(const struct tool *t, const struct snapshot *snap,
			 const struct conf_domain *d)
{
	size_t n;
	const struct selector *s = snapshot_selectors(snap, d->sign_domain, &n);

	tool_print(t, "%-12s %s (%s:%u)\n%-12s %s\n%-12s", "domain", d->name, d->file, d->line,
		   "mode", mode_word(d->mode), "aliases");
	for (size_t i = 0; d->aliases[i] != NULL; i++)
		tool_print(t, " %s", d->aliases[i]);
	tool_print(t, "\n%-12s %s\n%-12s %s\n%-12s ", "subdomains", d->subdomains ? "yes" : "no",
		   "signs as", d->sign_domain, "signs with");
	print_signing(t, snap, d);
	tool_print(t, "\n");
	for (size_t i = 0; i < n; i++)
		tool_print(t, "%-12s %-20s %-14s %s\n", i == 0 ? "selectors" : "", s[i].name,
			   dkim_alg_name(s[i].alg), sel_state_name(s[i].state));
}

static enum rc show_run(struct tool *t, struct err *err)
{
	const struct conf_domain *d;
	const struct snapshot *snap;
	enum rc rc = tool_snapshot(t, &snap, err);

	if (rc == RC_OK)
		rc = tool_domain(t, tool_arg(t, 0), &d, err);
	if (rc != RC_OK)
		return rc;
	if (tool_json_wanted(t))
		return tool_emit_json(t, as_json(t, snap, d), err);
	print_domain(t, snap, d);
	return RC_OK;
}

const struct tool_verb tool_verbs_domain[] = {
	{
		.noun = "domain",
		.verb = "list",
		.args = "",
		.summary = "List the domains and what signs for them",
		.help = "Domains are made by configuration (\"mailseal setup\" writes it). Those "
			"that\n"
			"only the catalogue still has are listed as such.\n"
			"\n"
			"Example: mailseal domain list\n",
		.flags = TOOL_READS | TOOL_STATE,
		.run = list_run,
	},
	{
		.noun = "domain",
		.verb = "show",
		.args = "DOMAIN",
		.min_args = 1,
		.max_args = 1,
		.summary = "Show one domain: settings, selectors, what signs now",
		.help = "Example: mailseal domain show example.com\n",
		.flags = TOOL_READS | TOOL_STATE,
		.run = show_run,
	},
	{.noun = NULL},
};
