/* selector activate, retire, revoke, remove: from state to state. */
#include "tool/selector.h"

#include <string.h>

#include "directory/keystore.h"

static enum rc refuse(struct selector_work *w, const char *why, struct err *err)
{
	return err_set(err, RC_REFUSED, "%s._domainkey.%s is %s: %s", w->selector->name,
		       w->selector->domain, sel_state_name(w->selector->state), why);
}

static enum rc check_activation(struct selector_work *w, struct err *err)
{
	enum sel_state state = w->selector->state;

	if (state == SEL_RETIRING || state == SEL_REVOKED)
		return refuse(w, "it cannot become active again; make a new one", err);
	if (tool_has(w->t, "force"))
		return RC_OK;
	tool_next(w->t, "mailseal dns show %s --selector %s", w->domain->name, w->selector->name);
	tool_next(w->t, "mailseal selector activate %s %s --force", w->domain->name,
		  w->selector->name);
	return refuse(
		w,
		"DNS is not watched yet, so nobody knows whether its record is visible; see for "
		"yourself, then say --force",
		err);
}

/* The key must be there and fit before anything is signed with it. */
static enum rc check_key(struct selector_work *w, struct err *err)
{
	struct key *key = NULL;
	enum rc rc = keystore_get(w->snap->conf->state_dir, w->selector->fingerprint, &key, err);

	key_unref(key);
	return rc;
}

static enum rc activate(struct selector_work *w, struct err *err)
{
	int64_t now = tool_now(w->t);
	enum rc rc = check_activation(w, err);

	if (rc == RC_OK)
		rc = check_key(w, err);
	if (rc == RC_OK && !tool_dry_run(w->t))
		rc = w->directory->ops->selector_activate(w->directory, w->selector, now, now, err);
	return rc == RC_OK ? selector_work_renew(w, err) : rc;
}

enum rc selector_activate_run(struct tool *t, struct err *err)
{
	static const char already[] = "is active already";
	enum directory_mode mode = tool_dry_run(t) ? DIRECTORY_READ : DIRECTORY_WRITE;
	struct selector_work w;
	enum rc rc = selector_work_open(t, mode, true, &w, err);

	if (rc == RC_OK && w.selector->state == SEL_ACTIVE) {
		rc = selector_report(&w, already, already, err);
	} else if (rc == RC_OK) {
		rc = activate(&w, err);
		if (rc == RC_OK)
			rc = selector_report(&w, "active: it signs from now on",
					     "would be active and sign from now on", err);
	}
	selector_work_close(&w);
	return rc;
}

/* One row for each verb that only changes the state. */
struct change {
	enum sel_state to;
	const char *done, *would, *already;
};

static enum rc check_change(struct selector_work *w, const struct change *c, struct err *err)
{
	if (c->to == SEL_RETIRING && w->selector->state != SEL_ACTIVE)
		return refuse(w, "only an active selector retires", err);
	if (w->selector->state != SEL_ACTIVE || tool_has(w->t, "force"))
		return RC_OK;
	tool_next(w->t, "mailseal selector list %s", w->domain->name);
	return refuse(w, "its domain signs with it; activate another first, or say --force", err);
}

static enum rc set_state(struct selector_work *w, const struct change *c, struct err *err)
{
	enum rc rc = check_change(w, c, err);

	if (rc == RC_OK && !tool_dry_run(w->t))
		rc = w->directory->ops->selector_set_state(w->directory, w->selector, c->to,
							   tool_now(w->t), err);
	return rc == RC_OK ? selector_work_renew(w, err) : rc;
}

static enum rc change_state(struct tool *t, const struct change *c, struct err *err)
{
	enum directory_mode mode = tool_dry_run(t) ? DIRECTORY_READ : DIRECTORY_WRITE;
	struct selector_work w;
	enum rc rc = selector_work_open(t, mode, true, &w, err);

	if (rc == RC_OK && w.selector->state == c->to) {
		rc = selector_report(&w, c->already, c->already, err);
	} else if (rc == RC_OK) {
		rc = set_state(&w, c, err);
		if (rc == RC_OK)
			rc = selector_report(&w, c->done, c->would, err);
	}
	selector_work_close(&w);
	return rc;
}

enum rc selector_retire_run(struct tool *t, struct err *err)
{
	static const struct change c = {SEL_RETIRING, "retiring: its record must stay for a week",
					"would be retiring; its record must stay for a week then",
					"is retiring already"};

	return change_state(t, &c, err);
}

enum rc selector_revoke_run(struct tool *t, struct err *err)
{
	static const struct change c = {
		SEL_REVOKED, "revoked: publish the record with the empty p= now",
		"would be revoked; its record gets an empty p= then", "is revoked already"};

	return change_state(t, &c, err);
}

/* An imported key may stand behind several selectors. */
static bool key_is_shared(const struct selector_work *w)
{
	const struct selector_list *l = w->snap->selectors;

	for (size_t i = 0; i < l->n; i++)
		if (&l->at[i] != w->selector &&
		    strcmp(l->at[i].fingerprint, w->selector->fingerprint) == 0)
			return true;
	return false;
}

static enum rc remove_selector(struct selector_work *w, bool shared, struct err *err)
{
	enum rc rc;

	if (w->selector->state == SEL_ACTIVE)
		return refuse(w, "retire or revoke it first", err);
	if (tool_dry_run(w->t))
		return RC_OK;
	/* The row first: a row never names a key that is not there. */
	rc = w->directory->ops->selector_remove(w->directory, w->selector, err);
	if (rc == RC_OK && !shared) {
		rc = keystore_trash(w->snap->conf->state_dir, w->selector->fingerprint,
				    tool_now(w->t), err);
		if (rc == RC_NOTFOUND)
			rc = RC_OK;
	}
	return rc == RC_OK ? selector_work_renew(w, err) : rc;
}

enum rc selector_remove_run(struct tool *t, struct err *err)
{
	enum directory_mode mode = tool_dry_run(t) ? DIRECTORY_READ : DIRECTORY_WRITE;
	struct selector_work w;
	bool shared = false;
	enum rc rc = selector_work_open(t, mode, true, &w, err);

	if (rc == RC_OK) {
		shared = key_is_shared(&w);
		rc = remove_selector(&w, shared, err);
	}
	if (rc == RC_OK && shared)
		rc = selector_report(
			&w, "removed; its key stays, another selector has it",
			"would be removed; its key would stay, another selector has it", err);
	else if (rc == RC_OK)
		rc = selector_report(&w, "removed; its key lies in keys/trash for 30 days",
				     "would be removed; its key would go to keys/trash for 30 days",
				     err);
	selector_work_close(&w);
	return rc;
}
