#include "daemon/certwatch.h"

#include <string.h>

#include "base/buf.h"
#include "base/units.h"
#include "core/expiry.h"
#include "daemon/log.h"

enum { LINES_MAX = 20, NAMES_MAX = 5 };

static bool was_seen(const struct certwatch *w, const struct user_cert *c)
{
	const struct user_cert *run;
	size_t n;

	if (w->seen == NULL)
		return false;
	run = user_cert_list_account(w->seen->users, c->account, &n);
	for (size_t i = 0; i < n; i++)
		if (strcmp(run[i].fingerprint, c->fingerprint) == 0)
			return true;
	return false;
}

/* The nearest threshold that C has passed since somebody looked, or -1. */
static int newly_crossed(const struct certwatch *w, const struct user_cert *c, int64_t now)
{
	/* Most are far from their end: do not search for those. */
	if (expiry_crossed(c->not_after, EXPIRY_NEVER, now) < 0)
		return -1;
	return expiry_crossed(c->not_after, was_seen(w, c) ? w->looked : EXPIRY_NEVER, now);
}

static void say(const char *what, const char *fingerprint, const char *whose, int64_t not_after,
		int64_t now)
{
	struct buf date;
	int64_t days = expiry_days(not_after, now);

	buf_init(&date, 64);
	if (units_show_time(not_after, &date, NULL) != RC_OK)
		date.len = 0;
	if (days > 0)
		log_say(LEVEL_WARNING, "%s %.16s of %s ends in %lld day%s (%.*s)", what,
			fingerprint, whose, (long long)days, days == 1 ? "" : "s",
			SPAN_ARG(buf_span(&date)));
	else
		log_say(LEVEL_ERROR, "%s %.16s of %s has ended (%.*s)", what, fingerprint, whose,
			SPAN_ARG(buf_span(&date)));
	buf_clear(&date);
}

static void say_thresholds(const struct certwatch *w, const struct user_cert_list *l, int64_t now)
{
	size_t said = 0, n;

	for (size_t i = 0; i < l->n; i += n) {
		const struct user_cert *run = user_cert_list_account(l, l->at[i].account, &n);

		for (size_t k = 0; k < n; k++)
			if (newly_crossed(w, &run[k], now) >= 0 && expiry_matters(run, n, k) &&
			    said++ < LINES_MAX)
				say("certificate", run[k].fingerprint, run[k].account,
				    run[k].not_after, now);
	}
	if (said > LINES_MAX)
		log_say(LEVEL_WARNING,
			"%zu more certificates end soon or have ended; \"mailseal check\" names "
			"them",
			said - LINES_MAX);
}

static bool escrow_was_seen(const struct certwatch *w, const struct conf_domain *d)
{
	const struct conf_domain *old =
		w->seen != NULL ? conf_domain_find(w->seen->conf, d->name) : NULL;

	return old != NULL && old->escrow != NULL &&
	       strcmp(cert_fingerprint(old->escrow), cert_fingerprint(d->escrow)) == 0;
}

/* Everything that is sealed for the domain's accounts is sealed for it too. */
static void say_escrow(const struct certwatch *w, const struct conf *conf, int64_t now)
{
	for (size_t i = 0; i < conf->n_domains; i++) {
		const struct conf_domain *d = &conf->domains[i];

		if (d->escrow == NULL)
			continue;
		if (expiry_crossed(cert_not_after(d->escrow),
				   escrow_was_seen(w, d) ? w->looked : EXPIRY_NEVER, now) >= 0)
			say("escrow certificate", cert_fingerprint(d->escrow), d->name,
			    cert_not_after(d->escrow), now);
	}
}

/* Some names, so that one knows where to begin. */
static void name_ended(const struct user_cert_list *l, int64_t now, struct buf *out)
{
	size_t named = 0, n;

	for (size_t i = 0; i < l->n && named < NAMES_MAX; i += n) {
		const struct user_cert *run = user_cert_list_account(l, l->at[i].account, &n);

		if (expiry_of_account(run, n, now) != EXPIRY_ENDED)
			continue;
		if (buf_addf(out, NULL, "%s%s", named > 0 ? ", " : "", run->account) != RC_OK)
			break;
		named++;
	}
}

static void say_ended(const struct user_cert_list *l, int64_t now)
{
	size_t ended = expiry_count(l, now).ended;
	struct buf names;

	if (ended == 0)
		return;
	buf_init(&names, 2048);
	name_ended(l, now, &names);
	log_say(LEVEL_ERROR, "%zu account%s ha%s no valid certificate any more: %.*s%s", ended,
		ended == 1 ? "" : "s", ended == 1 ? "s" : "ve", SPAN_ARG(buf_span(&names)),
		ended > NAMES_MAX ? ", ...; \"mailseal check\" names more" : "");
	buf_clear(&names);
}

void certwatch_look(struct certwatch *w, struct snapshot *snap, int64_t now)
{
	say_thresholds(w, snap->users, now);
	say_escrow(w, snap->conf, now);
	/* The first look has said it for each of them. */
	if (w->seen != NULL && now - w->summed >= EXPIRY_DAY)
		say_ended(snap->users, now);
	if (w->seen == NULL || now - w->summed >= EXPIRY_DAY)
		w->summed = now;
	if (now > w->looked)
		w->looked = now;
	snapshot_unref(w->seen);
	w->seen = snapshot_ref(snap);
}

void certwatch_clear(struct certwatch *w)
{
	w->seen = snapshot_unref(w->seen);
}
