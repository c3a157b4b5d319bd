/* The noun postfix: connect, status, disconnect. */
#include "tool/postfix.h"

#include "tool/exec.h"
#include "tool/milterprobe.h"

#include <stdio.h>
#include <string.h>

enum { PROBE_SECONDS = 20 };

static const char smtpd_milters[] = "smtpd_milters";
static const char non_smtpd_milters[] = "non_smtpd_milters";
static const char filter_classes[] = "internal_mail_filter_classes";

/* What connect or disconnect will write; an unchanged setting has changes[i] false. */
struct wiring {
	const char *name[3];
	struct buf value[3];
	bool change[3];
	size_t n;
};

static void wiring_init(struct wiring *w)
{
	memset(w, 0, sizeof(*w));
	for (size_t i = 0; i < COUNT_OF(w->value); i++)
		buf_init(&w->value[i], 65536);
}

static void wiring_clear(struct wiring *w)
{
	for (size_t i = 0; i < COUNT_OF(w->value); i++)
		buf_clear(&w->value[i]);
}

/* The value of the setting NAME is in w->value[w->n]; it is a change where OLD differs. */
static void wiring_put(struct wiring *w, const char *name, struct span old)
{
	w->name[w->n] = name;
	w->change[w->n] = !span_eq(buf_span(&w->value[w->n]), old);
	w->n++;
}

static bool wiring_changes(const struct wiring *w)
{
	for (size_t i = 0; i < w->n; i++)
		if (w->change[i])
			return true;
	return false;
}

/* Does the list include $smtpd_milters? Then we are in it through that. */
static enum rc refers_to_smtpd(struct span value, bool *ret, struct err *err)
{
	struct vec items;
	const struct milter_item *all;
	enum rc rc = milterlist_read(value, &items, err);

	all = items.items;
	*ret = false;
	for (size_t i = 0; rc == RC_OK && i < items.len; i++)
		*ret = *ret || milterlist_refers(&all[i], smtpd_milters);
	vec_clear(&items);
	return rc;
}

static enum rc wire_lists(const struct postfix *p, struct wiring *w, struct err *err)
{
	struct span ours = buf_span(&p->endpoint);
	struct span smtpd = postfix_value(&p->raw, smtpd_milters);
	struct span other = postfix_value(&p->raw, non_smtpd_milters);
	bool refers;
	enum rc rc = milterlist_with_last(smtpd, ours, postfix_queue_dir(p), &w->value[w->n], err);

	if (rc != RC_OK)
		return rc;
	wiring_put(w, smtpd_milters, smtpd);
	rc = refers_to_smtpd(other, &refers, err);
	if (rc == RC_OK)
		rc = refers ? milterlist_without(other, ours, postfix_queue_dir(p), &w->value[w->n],
						 err)
			    : milterlist_with_last(other, ours, postfix_queue_dir(p),
						   &w->value[w->n], err);
	if (rc == RC_OK)
		wiring_put(w, non_smtpd_milters, other);
	return rc;
}

static enum rc wire_connect(const struct postfix *p, struct wiring *w, struct err *err)
{
	struct span classes = postfix_value(&p->raw, filter_classes);
	enum rc rc = wire_lists(p, w, err);

	if (rc == RC_OK)
		rc = buf_add(&w->value[w->n], classes, err);
	if (rc == RC_OK && !p->bounces)
		rc = buf_addf(&w->value[w->n], err, "%sbounce", classes.len > 0 ? ", " : "");
	if (rc == RC_OK)
		wiring_put(w, filter_classes, classes);
	return rc;
}

/* CLASSES without "bounce" and the separator in front of it. */
static enum rc drop_bounce(struct span classes, struct buf *out, struct err *err)
{
	const char *separator = "";
	enum rc rc = RC_OK;

	while (rc == RC_OK && classes.len > 0) {
		size_t end = 0;
		struct span word;

		while (end < classes.len && classes.p[end] != ',' && !is_wsp(classes.p[end]))
			end++;
		word = span_sub(classes, 0, end);
		classes = span_from(classes, end + 1);
		if (word.len == 0 || span_ieq_str(word, "bounce"))
			continue;
		rc = buf_addf(out, err, "%s%.*s", separator, SPAN_ARG(word));
		separator = ", ";
	}
	return rc;
}

/* bounce goes only where it was not there before we came: the backup knows. */
static enum rc wire_classes_back(struct tool *t, const struct postfix *p, struct wiring *w,
				 struct err *err)
{
	struct span classes = postfix_value(&p->raw, filter_classes);
	bool had = true;
	enum rc rc = postfix_backup_had_bounce(p, &had, err);

	if (rc == RC_NOTFOUND && p->bounces) {
		tool_say(t, "%s keeps 'bounce': without a backup nobody knows who put it there\n",
			 filter_classes);
		return RC_OK;
	}
	if (rc == RC_NOTFOUND || (rc == RC_OK && had))
		return RC_OK;
	if (rc == RC_OK)
		rc = drop_bounce(classes, &w->value[w->n], err);
	if (rc == RC_OK)
		wiring_put(w, filter_classes, classes);
	return rc;
}

static enum rc wire_disconnect(struct tool *t, const struct postfix *p, struct wiring *w,
			       struct err *err)
{
	static const char *const lists[] = {smtpd_milters, non_smtpd_milters};
	enum rc rc = RC_OK;

	for (size_t i = 0; rc == RC_OK && i < COUNT_OF(lists); i++) {
		struct span old = postfix_value(&p->raw, lists[i]);

		rc = milterlist_without(old, buf_span(&p->endpoint), postfix_queue_dir(p),
					&w->value[w->n], err);
		if (rc == RC_OK)
			wiring_put(w, lists[i], old);
	}
	/* Only where we were connected: bounce alone is nobody's trace. */
	if (rc == RC_OK && wiring_changes(w))
		rc = wire_classes_back(t, p, w, err);
	return rc;
}

static void say_wiring(struct tool *t, const struct wiring *w)
{
	for (size_t i = 0; i < w->n; i++) {
		if (!w->change[i])
			continue;
		if (w->value[i].len == 0)
			tool_say(t, "  %s removed\n", w->name[i]);
		else
			tool_say(t, "  %s = %.*s\n", w->name[i], SPAN_ARG(buf_span(&w->value[i])));
	}
}

static void next_with_dir(struct tool *t, const char *program, const struct postfix *p,
			  const char *words)
{
	if (p->dir != NULL)
		tool_next(t, "%s -c %s %s", program, p->dir, words);
	else
		tool_next(t, "%s %s", program, words);
}

/* Some settings may have been made, and the next one could not. */
static void take_back(struct tool *t, const struct postfix *p, const char *backup)
{
	if (postfix_restore(p, backup, NULL) == RC_OK)
		tool_say(t, "main.cf is as it was before\n");
	else
		tool_next(t, "cp %s %s/main.cf", backup, postfix_config_dir(p));
}

static enum rc apply_wiring(struct tool *t, const struct postfix *p, const struct wiring *w,
			    struct err *err)
{
	struct buf backup;
	bool saved;
	enum rc rc;

	buf_init(&backup, 8192);
	rc = postfix_backup(p, tool_now(t), &backup, err);
	saved = rc == RC_OK;
	if (saved)
		tool_say(t, "main.cf is kept as %s\n", buf_cstr(&backup));
	for (size_t i = 0; rc == RC_OK && i < w->n; i++)
		if (w->change[i])
			rc = postfix_set(p, w->name[i], buf_span(&w->value[i]), err);
	if (rc != RC_OK && saved)
		take_back(t, p, buf_cstr(&backup));
	buf_clear(&backup);
	return rc;
}

static enum rc reload_or_tell(struct tool *t, const struct postfix *p, bool reload, struct err *err)
{
	const char *argv[5] = {"postfix", NULL};
	size_t n = 1;
	enum rc rc;

	if (!reload) {
		next_with_dir(t, "postfix", p, "reload");
		return RC_OK;
	}
	if (p->dir != NULL) {
		argv[n++] = "-c";
		argv[n++] = p->dir;
	}
	argv[n++] = "reload";
	argv[n] = NULL;
	rc = exec_run(argv, NULL, err);
	if (rc != RC_OK)
		next_with_dir(t, "postfix", p, "reload");
	return rc;
}

/* The domain that the test message comes from: one that is signed for, if there is any. */
static const char *probe_domain(const struct conf *conf)
{
	for (size_t i = 0; i < conf->n_domains; i++)
		if (conf->domains[i].mode != MODE_DISABLED)
			return conf->domains[i].name;
	return "probe.invalid";
}

static enum rc probe(struct tool *t, const struct conf *conf, struct err *err)
{
	struct milterprobe p = {.socket = conf->milter_socket,
				.domain = probe_domain(conf),
				.now = tool_now(t),
				.patience = PROBE_SECONDS};
	struct milterprobe_result result;
	enum rc rc = milterprobe_run(&p, &result, err);

	if (rc == RC_NOTFOUND) {
		tool_next(t, "systemctl start mailseal");
		rc = RC_UNAVAIL;
	}
	if (rc != RC_OK)
		return err_wrap(err, rc, "Postfix is left as it is");
	if (result.signatures > 0)
		tool_say(t, "a test message from %s passed the filter: %zu signature%s\n", p.domain,
			 result.signatures, result.signatures == 1 ? "" : "s");
	else
		tool_say(t,
			 "a test message from %s passed the filter, unsigned; the daemon's log "
			 "says why\n",
			 p.domain);
	return RC_OK;
}

/* An error that the connection itself would not mend makes it useless. */
static enum rc refuse_errors(struct tool *t, const struct findings *f, struct err *err)
{
	const struct finding *all = f->v.items;

	for (size_t i = 0; i < f->v.len; i++) {
		if (all[i].level != FINDING_ERROR)
			continue;
		if (all[i].next[0] != '\0')
			tool_next(t, "%s", all[i].next);
		return err_set(err, RC_CONF, "Postfix is left as it is: %s: %s", all[i].subject,
			       all[i].text);
	}
	return RC_OK;
}

static enum rc change_postfix(struct tool *t, const struct conf *conf, const struct postfix *p,
			      const struct wiring *w, bool reload, enum postfix_outcome *ret,
			      struct err *err)
{
	enum rc rc;

	if (!wiring_changes(w)) {
		tool_say(t, "Postfix is connected already: nothing to do\n");
		*ret = POSTFIX_WAS_CONNECTED;
		return RC_OK;
	}
	rc = probe(t, conf, err);
	if (rc != RC_OK)
		return rc;
	tool_say(t, "%s in %s/main.cf:\n", tool_dry_run(t) ? "would be set" : "set",
		 postfix_config_dir(p));
	say_wiring(t, w);
	*ret = POSTFIX_WOULD_CONNECT;
	if (tool_dry_run(t))
		return RC_OK;
	rc = apply_wiring(t, p, w, err);
	if (rc == RC_OK)
		rc = reload_or_tell(t, p, reload, err);
	if (rc == RC_OK)
		*ret = POSTFIX_CONNECTED;
	return rc;
}

enum rc postfix_connect(struct tool *t, const char *dir, bool reload, enum postfix_outcome *ret,
			struct err *err)
{
	const struct conf *conf;
	struct postfix p = {0};
	struct findings f;
	struct wiring w;
	enum rc rc = tool_conf(t, &conf, err);

	findings_init(&f);
	wiring_init(&w);
	if (rc == RC_OK)
		rc = postfix_read(&p, dir, conf, err);
	if (rc == RC_OK)
		rc = postfix_report(&p, &f, err);
	if (rc == RC_OK)
		rc = refuse_errors(t, &f, err);
	if (rc == RC_OK)
		rc = wire_connect(&p, &w, err);
	if (rc == RC_OK)
		rc = change_postfix(t, conf, &p, &w, reload, ret, err);
	wiring_clear(&w);
	findings_clear(&f);
	postfix_clear(&p);
	return rc;
}

static const char *outcome_word(enum postfix_outcome o)
{
	static const char *const words[] = {[POSTFIX_WAS_CONNECTED] = "was connected",
					    [POSTFIX_CONNECTED] = "connected",
					    [POSTFIX_WOULD_CONNECT] = "would connect"};

	return words[o];
}

static enum rc connect_run(struct tool *t, struct err *err)
{
	enum postfix_outcome outcome;
	enum rc rc =
		postfix_connect(t, tool_opt(t, "config-dir"), tool_has(t, "reload"), &outcome, err);

	if (rc == RC_OK && tool_json_wanted(t))
		rc = tool_emit_json(t, json_pack("{s:s}", "result", outcome_word(outcome)), err);
	return rc;
}

static enum rc disconnect(struct tool *t, const struct postfix *p, const struct wiring *w,
			  const char **ret_word, struct err *err)
{
	enum rc rc;

	if (!wiring_changes(w)) {
		tool_say(t, "Postfix is not connected: nothing to do\n");
		*ret_word = "was not connected";
		return RC_OK;
	}
	tool_say(t, "%s in %s/main.cf:\n", tool_dry_run(t) ? "would be set" : "set",
		 postfix_config_dir(p));
	say_wiring(t, w);
	*ret_word = "would disconnect";
	if (tool_dry_run(t))
		return RC_OK;
	rc = apply_wiring(t, p, w, err);
	if (rc == RC_OK)
		rc = reload_or_tell(t, p, tool_has(t, "reload"), err);
	if (rc == RC_OK)
		*ret_word = "disconnected";
	return rc;
}

static enum rc disconnect_run(struct tool *t, struct err *err)
{
	const char *word = "";
	const struct conf *conf;
	struct postfix p = {0};
	struct wiring w;
	enum rc rc = tool_conf(t, &conf, err);

	wiring_init(&w);
	if (rc == RC_OK)
		rc = postfix_read(&p, tool_opt(t, "config-dir"), conf, err);
	if (rc == RC_OK)
		rc = wire_disconnect(t, &p, &w, err);
	if (rc == RC_OK)
		rc = disconnect(t, &p, &w, &word, err);
	if (rc == RC_OK && tool_json_wanted(t))
		rc = tool_emit_json(t, json_pack("{s:s}", "result", word), err);
	wiring_clear(&w);
	postfix_clear(&p);
	return rc;
}

static enum rc show_status(struct tool *t, const struct postfix *p, const struct findings *f,
			   struct err *err)
{
	if (tool_json_wanted(t))
		return tool_emit_json(t,
				      json_pack("{s:s, s:s%, s:s, s:s, s:b, s:o*}",
						"config_directory", postfix_config_dir(p), "milter",
						p->endpoint.p, p->endpoint.len, smtpd_milters,
						milterlist_place_word(p->smtpd), non_smtpd_milters,
						milterlist_place_word(p->non_smtpd), "bounces",
						p->bounces, "findings", findings_json(f)),
				      err);
	tool_print(t, "%-18s %s\n", "configuration", postfix_config_dir(p));
	tool_print(t, "%-18s %.*s\n", "milter", SPAN_ARG(buf_span(&p->endpoint)));
	tool_print(t, "%-18s %s\n", smtpd_milters, milterlist_place_word(p->smtpd));
	tool_print(t, "%-18s %s\n", non_smtpd_milters, milterlist_place_word(p->non_smtpd));
	tool_print(t, "%-18s %s\n", "bounces", p->bounces ? "filtered" : "not filtered");
	findings_print(t, f);
	return RC_OK;
}

static enum rc status_run(struct tool *t, struct err *err)
{
	const struct conf *conf;
	struct postfix p = {0};
	struct findings f;
	enum rc rc = tool_conf(t, &conf, err);

	findings_init(&f);
	if (rc == RC_OK)
		rc = postfix_read(&p, tool_opt(t, "config-dir"), conf, err);
	if (rc == RC_OK)
		rc = postfix_report_socket(&p, &f, err);
	if (rc == RC_OK)
		rc = postfix_report(&p, &f, err);
	if (rc == RC_OK)
		rc = show_status(t, &p, &f, err);
	if (rc == RC_OK && findings_serious(&f))
		tool_found(t);
	findings_clear(&f);
	postfix_clear(&p);
	return rc;
}

static const struct tool_option change_options[] = {
	{"config-dir", "DIR", "Postfix's configuration directory, when it is not the usual one"},
	{"reload", NULL, "run \"postfix reload\" afterwards"},
	{NULL, NULL, NULL},
};

static const struct tool_option status_options[] = {
	{"config-dir", "DIR", "Postfix's configuration directory, when it is not the usual one"},
	{NULL, NULL, NULL},
};

const struct tool_verb tool_verbs_postfix[] = {
	{
		.noun = "postfix",
		.verb = "connect",
		.args = "",
		.summary = "Put the filter into Postfix, last in both milter lists",
		.help = "Sends a test message through the daemon's socket first, and changes "
			"nothing\n"
			"unless it comes through. Then smtpd_milters and non_smtpd_milters get "
			"our\n"
			"socket behind what is there, and internal_mail_filter_classes gets "
			"\"bounce\",\n"
			"by postconf -e. Other milters stay as they are. The old main.cf is kept "
			"beside\n"
			"the new one as main.cf.mailseal-TIME.\n"
			"\n"
			"Example: mailseal postfix connect --reload\n",
		.options = change_options,
		.flags = TOOL_WRITES,
		.run = connect_run,
	},
	{
		.noun = "postfix",
		.verb = "status",
		.args = "",
		.summary =
			"Say whether Postfix uses the filter, and what passes it by or breaks it",
		.help = "Looks at main.cf and master.cf: the place in the milter lists, chroot "
			"and\n"
			"rights of the socket (tried as Postfix's own user when run by root), what "
			"Postfix\n"
			"does while the daemon is down, ports without our filter, content filters "
			"and\n"
			"proxies, settings that change mail after it was signed, networks that are "
			"not\n"
			"trusted, and maps of addresses that rules do not know. Exit status 1 when "
			"there\n"
			"is an error or a warning.\n"
			"\n"
			"Example: mailseal postfix status --json\n",
		.options = status_options,
		.flags = TOOL_READS,
		.run = status_run,
	},
	{
		.noun = "postfix",
		.verb = "disconnect",
		.args = "",
		.summary = "Take the filter out of Postfix",
		.help = "Removes our socket from both milter lists, and \"bounce\" from\n"
			"internal_mail_filter_classes where connect has put it there. Everything "
			"else\n"
			"stays as it is.\n"
			"\n"
			"Example: mailseal postfix disconnect --dry-run\n",
		.options = change_options,
		.flags = TOOL_WRITES,
		.run = disconnect_run,
	},
	{.noun = NULL},
};
