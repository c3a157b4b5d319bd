/* user list, user cert list. */
#include "tool/users.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "mail/domain.h"

/* --- user list -------------------------------------------------------------------------------- */

/* What is listed: all, one domain, one account, or the accounts that match a pattern. */
struct filter {
	char domain[DOMAIN_SIZE]; /* "": any */
	const char *account, *pattern;
	bool unknown; /* the configuration does not name the domain */
};

static enum rc read_domain(struct tool *t, const char *text, struct filter *ret, struct err *err)
{
	const struct conf *conf;
	const struct conf_domain *d;
	enum rc rc = domain_to_ascii(span_str(text), ret->domain, err);

	if (rc != RC_OK)
		return err_wrap(err, rc, "domain '%s'", text);
	rc = tool_conf(t, &conf, err);
	if (rc != RC_OK)
		return rc;
	d = conf_domain_find(conf, ret->domain);
	ret->unknown = d == NULL;
	if (d != NULL)
		snprintf(ret->domain, sizeof(ret->domain), "%s", d->name);
	return RC_OK;
}

static enum rc read_filter(struct tool *t, const struct snapshot *snap, struct arena *arena,
			   struct filter *ret, struct err *err)
{
	const char *text = tool_arg(t, 0);
	struct account account = {.name = NULL};
	enum rc rc;

	*ret = (struct filter){.pattern = NULL};
	if (text == NULL)
		return RC_OK;
	if (strpbrk(text, "*?[") != NULL) {
		ret->pattern = text;
		return RC_OK;
	}
	if (strchr(text, '@') == NULL)
		return read_domain(t, text, ret, err);
	rc = account_read(t, text, snap->users, arena, &account, err);
	ret->account = account.name;
	return rc;
}

static bool is_listed(const struct filter *f, const char *account)
{
	if (f->domain[0] != '\0')
		return strcmp(strrchr(account, '@') + 1, f->domain) == 0;
	if (f->account != NULL)
		return span_ieq_str(span_str(account), f->account);
	return f->pattern == NULL || fnmatch(f->pattern, account, FNM_CASEFOLD) == 0;
}

static json_t *account_json(const struct conf *conf, const struct user_cert *run, size_t n,
			    int64_t now)
{
	const struct conf_domain *d = conf_domain_find(conf, strrchr(run->account, '@') + 1);
	const struct user_cert *seals = user_sealing_now(d, run, n, now);

	return json_pack("{s:s, s:b, s:I, s:s, s:o}", "account", run->account, "configured",
			 (int)(d != NULL), "certificates", (json_int_t)n, "state",
			 user_account_word(expiry_of_account(run, n, now)), "sealing",
			 seals != NULL ? user_cert_json(seals, now) : json_null());
}

static void print_account(const struct tool *t, const struct conf *conf,
			  const struct user_cert *run, size_t n)
{
	const struct conf_domain *d = conf_domain_find(conf, strrchr(run->account, '@') + 1);
	const struct user_cert *seals = user_sealing_now(d, run, n, tool_now(t));
	char kind[USER_KIND_SIZE], to[USER_DATE_SIZE];

	tool_print(t, "%-40s %3zu  %-9s  ", run->account, n,
		   user_account_word(expiry_of_account(run, n, tool_now(t))));
	if (seals != NULL)
		tool_print(t, "%s until %s%s", user_kind(seals, kind),
			   user_date(seals->not_after, to),
			   seals->not_after < tool_now(t) ? ", still used" : "");
	else if (d != NULL)
		tool_print(t, "no certificate to seal for");
	tool_print(t, "%s\n", d != NULL ? "" : "its domain is not configured");
}

static enum rc show_list(struct tool *t, const struct snapshot *snap, const struct filter *f,
			 struct err *err)
{
	const struct user_cert_list *l = snap->users;
	const struct conf_domain *d;
	json_t *all = json_array();
	size_t n, shown = 0;

	for (size_t i = 0; i < l->n; i += n) {
		const struct user_cert *run = user_cert_list_account(l, l->at[i].account, &n);

		if (!is_listed(f, run->account))
			continue;
		shown++;
		if (tool_json_wanted(t))
			json_array_append_new(all, account_json(snap->conf, run, n, tool_now(t)));
		else
			print_account(t, snap->conf, run, n);
	}
	if (shown == 0 && f->unknown) {
		json_decref(all);
		return tool_domain(t, f->domain, &d, err);
	}
	if (tool_json_wanted(t))
		return tool_emit_json(t, json_pack("{s:o}", "accounts", all), err);
	if (shown == 0)
		tool_say(t, "mailseal: no account has a certificate%s\n",
			 tool_arg(t, 0) != NULL ? " there" : "");
	json_decref(all);
	return RC_OK;
}

enum rc user_list_run(struct tool *t, struct err *err)
{
	struct arena *arena = arena_new(1u << 20);
	const struct snapshot *snap;
	struct filter filter;
	enum rc rc = arena != NULL ? tool_snapshot(t, &snap, err)
				   : err_set(err, RC_NOMEM, "out of memory");

	if (rc == RC_OK)
		rc = read_filter(t, snap, arena, &filter, err);
	if (rc == RC_OK)
		rc = show_list(t, snap, &filter, err);
	arena_free(arena);
	return rc;
}

/* --- user cert list ---------------------------------------------------------------------------- */

static void print_row(const struct tool *t, const struct user_cert *c, bool seals)
{
	char kind[USER_KIND_SIZE], from[USER_DATE_SIZE], to[USER_DATE_SIZE];

	tool_print(t, "%.16s  %-9s  %s  %s  %-7s%s%s\n", c->fingerprint, user_kind(c, kind),
		   user_date(c->not_before, from), user_date(c->not_after, to),
		   user_state_word(c, tool_now(t)), seals ? "  seals" : "",
		   c->pinned ? "  pinned" : "");
}

static enum rc show_certs(struct users_work *w, struct err *err)
{
	const struct user_cert *seals =
		user_sealing_now(w->account.config, w->run, w->n, tool_now(w->t));
	json_t *all = json_array();

	for (size_t i = 0; i < w->n; i++) {
		const struct user_cert *c = &w->run[i];

		if (tool_json_wanted(w->t))
			json_array_append_new(all, user_listed_json(c, c == seals, tool_now(w->t)));
		else
			print_row(w->t, c, c == seals);
	}
	if (tool_json_wanted(w->t))
		return tool_emit_json(
			w->t,
			json_pack("{s:s, s:o}", "account", w->account.name, "certificates", all),
			err);
	if (w->n == 0) {
		tool_say(w->t, "mailseal: %s has no certificate\n", w->account.name);
		tool_next(w->t, "mailseal user cert add %s FILE", w->account.name);
	}
	json_decref(all);
	return RC_OK;
}

enum rc user_cert_list_run(struct tool *t, struct err *err)
{
	struct users_work w;
	enum rc rc = users_open(t, &w, err);

	if (rc == RC_OK)
		rc = show_certs(&w, err);
	users_close(&w);
	return rc;
}
