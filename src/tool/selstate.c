/* selector activate, retire, revoke, remove: from state to state. */
#include "tool/selector.h"

#include <string.h>

#include "directory/keystore.h"

static enum rc refuse(struct selector_work *w, const char *why, struct err *err)
{
	return err_set(err, RC_REFUSED, "%s._domainkey.%s is %s: %s", w->selector->name,
		       w->selector->domain, sel_state_name(w->selector->state), why);
}

enum rc selector_check_key(struct selector_work *w, const char *fingerprint, struct err *err)
{
	bool revoked = false;
	enum rc rc = w->directory->ops->key_revoked(w->directory, fingerprint, &revoked, err);

	if (rc != RC_OK || !revoked)
		return rc;
	tool_next(w->t, "mailseal selector add %s", w->domain->name);
	return err_set(err, RC_REFUSED,
		       "key %.16s... was revoked: it never signs again, make a new one",
		       fingerprint);
}

static enum rc check_activation(struct selector_work *w, struct err *err)
{
	enum sel_state state = w->selector->state;
	enum rc rc;

	if (state == SEL_RETIRING || state == SEL_REVOKED)
		return refuse(w, "it cannot become active again; make a new one", err);
	rc = selector_check_key(w, w->selector->fingerprint, err);
	if (rc != RC_OK || tool_has(w->t, "force"))
		return rc;
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
	struct selector_work w;
	enum rc rc = selector_work_open(t, DIRECTORY_WRITE, true, &w, err);

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

/* Its domain would be without it from one moment to the next. */
static enum rc check_in_use(struct selector_work *w, struct err *err)
{
	if (w->selector->state != SEL_ACTIVE || tool_has(w->t, "force"))
		return RC_OK;
	tool_next(w->t, "mailseal selector list %s", w->domain->name);
	return refuse(w, "its domain signs with it; activate another first, or say --force", err);
}

static enum rc set_state(struct selector_work *w, enum sel_state to, struct err *err)
{
	enum rc rc = RC_OK;

	if (!tool_dry_run(w->t))
		rc = w->directory->ops->selector_set_state(w->directory, w->selector, to,
							   tool_now(w->t), err);
	return rc == RC_OK ? selector_work_renew(w, err) : rc;
}

/* One that was active has left its domain without a signature: --force was said, the consequence is too. */
static void say_unsigned(const struct selector_work *w)
{
	const struct selector *s = w->selector;

	if (!tool_dry_run(w->t))
		tool_say(w->t, "nothing signs for %s with %s any more\n", s->domain,
			 dkim_alg_name(s->alg));
}

static enum rc retire(struct selector_work *w, struct err *err)
{
	enum rc rc;

	if (w->selector->state == SEL_RETIRING)
		return selector_report(w, "is retiring already", "is retiring already", err);
	if (w->selector->state != SEL_ACTIVE)
		return refuse(w, "only an active selector retires", err);
	rc = check_in_use(w, err);
	if (rc == RC_OK)
		rc = set_state(w, SEL_RETIRING, err);
	if (rc == RC_OK)
		rc = selector_report(
			w, "retiring: it signs no more, its record must stay for a week",
			"would be retiring and sign no more; its record must stay for a week then",
			err);
	if (rc == RC_OK)
		say_unsigned(w);
	return rc;
}

enum rc selector_retire_run(struct tool *t, struct err *err)
{
	struct selector_work w;
	enum rc rc = selector_work_open(t, DIRECTORY_WRITE, true, &w, err);

	if (rc == RC_OK)
		rc = retire(&w, err);
	selector_work_close(&w);
	return rc;
}

/* An imported key may stand behind several selectors. */
const struct selector *selector_other_user(const struct selector_list *l, const struct selector *s)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct selector *other = &l->at[i];

		if (other->state != SEL_REVOKED &&
		    strcmp(other->fingerprint, s->fingerprint) == 0 &&
		    (strcmp(other->name, s->name) != 0 || strcmp(other->domain, s->domain) != 0))
			return other;
	}
	return NULL;
}

/* After the row: a row that may sign never names a key that is not there. *RET_MOVED false: it was not there any more. */
static enum rc trash_key(struct selector_work *w, bool *ret_moved, struct err *err)
{
	enum rc rc = RC_OK;

	*ret_moved = true;
	if (tool_dry_run(w->t))
		return RC_OK;
	rc = keystore_trash(w->snap->conf->state_dir, w->selector->fingerprint, tool_now(w->t),
			    err);
	*ret_moved = rc == RC_OK;
	return rc == RC_NOTFOUND ? RC_OK : rc;
}

/* A key that is no longer secret is of no use to the other either. */
static enum rc report_shared(struct selector_work *w, const struct selector *other, struct err *err)
{
	tool_next(w->t, "mailseal selector revoke %s %s --force", other->domain, other->name);
	return selector_report(
		w, "revoked: publish its empty record now; its key stays, another selector has it",
		"would be revoked; its key would stay, another selector has it", err);
}

static enum rc revoke(struct selector_work *w, struct err *err)
{
	enum sel_state before = w->selector->state;
	bool moved;
	const struct selector *other;
	enum rc rc = check_in_use(w, err);

	if (rc == RC_OK && before != SEL_REVOKED)
		rc = set_state(w, SEL_REVOKED, err);
	if (rc != RC_OK)
		return rc;
	if (before == SEL_ACTIVE)
		say_unsigned(w);
	tool_next(w->t, "mailseal dns show %s --selector %s", w->domain->name, w->selector->name);
	other = selector_other_user(w->now != NULL ? w->now : w->snap->selectors, w->selector);
	if (other != NULL)
		return report_shared(w, other, err);
	/* Also where the row was revoked before: that run may not have come so far. */
	rc = trash_key(w, &moved, err);
	if (rc != RC_OK)
		return rc;
	if (before == SEL_REVOKED && (!moved || tool_dry_run(w->t)))
		return selector_report(w, "is revoked already", "is revoked already", err);
	return selector_report(
		w, "revoked: publish its empty record now; its key lies in keys/trash for 30 days",
		"would be revoked; its key would go to keys/trash for 30 days", err);
}

enum rc selector_revoke_run(struct tool *t, struct err *err)
{
	struct selector_work w;
	enum rc rc = selector_work_open(t, DIRECTORY_WRITE, true, &w, err);

	if (rc == RC_OK)
		rc = revoke(&w, err);
	selector_work_close(&w);
	return rc;
}

static enum rc remove_selector(struct selector_work *w, struct err *err)
{
	const struct selector *other = selector_other_user(w->snap->selectors, w->selector);
	bool moved;
	enum rc rc = RC_OK;

	if (w->selector->state == SEL_ACTIVE)
		return refuse(w, "retire or revoke it first", err);
	if (!tool_dry_run(w->t))
		rc = w->directory->ops->selector_remove(w->directory, w->selector, err);
	if (rc == RC_OK && other == NULL)
		rc = trash_key(w, &moved, err);
	if (rc == RC_OK)
		rc = selector_work_renew(w, err);
	if (rc != RC_OK)
		return rc;
	if (other != NULL)
		return selector_report(
			w, "removed; its key stays, another selector has it",
			"would be removed; its key would stay, another selector has it", err);
	return selector_report(w, "removed; its key lies in keys/trash for 30 days",
			       "would be removed; its key would go to keys/trash for 30 days", err);
}

enum rc selector_remove_run(struct tool *t, struct err *err)
{
	struct selector_work w;
	enum rc rc = selector_work_open(t, DIRECTORY_WRITE, true, &w, err);

	if (rc == RC_OK)
		rc = remove_selector(&w, err);
	selector_work_close(&w);
	return rc;
}
