#include "daemon/changes.h"

#include <stdio.h>
#include <string.h>

#include "daemon/log.h"

enum { PROBLEMS_MAX = 100, NAMES_MAX = 20 };

static enum conf_log_level level_of(enum conf_severity s)
{
	switch (s) {
	case CONF_ERROR:
		return LEVEL_ERROR;
	case CONF_WARNING:
		return LEVEL_WARNING;
	case CONF_NOTE:
		return LEVEL_DEBUG;
	}
	return LEVEL_ERROR;
}

static void log_problem(const struct conf_problem *p)
{
	struct buf line;

	buf_init(&line, 4096);
	if (conf_problem_show(p, &line, NULL) == RC_OK)
		log_record(level_of(p->severity), buf_span(&line));
	else /* too long to be shown whole */
		log_say(level_of(p->severity), "%s:%u: %.1000s", p->file, p->line, p->text);
	buf_clear(&line);
}

void changes_log_problems(const struct conf_problems *problems)
{
	const struct conf_problem *p = problems->v.items;
	size_t n = problems->v.len;

	for (size_t i = 0; i < n && i < PROBLEMS_MAX; i++)
		log_problem(&p[i]);
	if (n > PROBLEMS_MAX)
		log_say(LEVEL_ERROR, "%zu more; \"mailseal check\" prints all", n - PROBLEMS_MAX);
}

/* Both lists are sorted by name. WORD is said of those in A that B does not have. */
static void log_missing(const struct conf *a, const struct conf *b, const char *word)
{
	size_t said = 0;

	for (size_t i = 0, j = 0; i < a->n_domains; i++) {
		const char *name = a->domains[i].name;

		while (j < b->n_domains && strcmp(b->domains[j].name, name) < 0)
			j++;
		if (j < b->n_domains && strcmp(b->domains[j].name, name) == 0)
			continue;
		if (said++ < NAMES_MAX)
			log_say(LEVEL_INFO, "domain %s: %s", name, word);
	}
	if (said > NAMES_MAX)
		log_say(LEVEL_INFO, "%zu more domains: %s", said - NAMES_MAX, word);
}

static void log_restart(const char *key, const char *old, const char *new_one)
{
	if (strcmp(old, new_one) != 0)
		log_say(LEVEL_WARNING, "%s: \"%s\" until a restart, \"%s\" then", key, old,
			new_one);
}

void changes_log(const struct snapshot *old, const struct snapshot *new_one)
{
	const struct conf *a = old->conf, *b = new_one->conf;

	log_missing(b, a, "new");
	log_missing(a, b, "gone from the configuration");
	log_restart("milter.socket", a->milter_socket, b->milter_socket);
	log_restart("control.socket", a->control_socket, b->control_socket);
	log_restart("user", a->user, b->user);
	if (a->milter_backlog != b->milter_backlog || a->milter_timeout != b->milter_timeout ||
	    a->log_target != b->log_target)
		log_say(LEVEL_WARNING,
			"milter.backlog, milter.timeout and log.target change with a restart");
}

void changes_summary(const struct snapshot *snap, char *ret, size_t size)
{
	char certificates[64] = "";

	if (snap->users->n > 0)
		snprintf(certificates, sizeof(certificates), ", %zu certificate%s", snap->users->n,
			 snap->users->n == 1 ? "" : "s");
	snprintf(ret, size, "state %llu: %zu domain%s, %zu selector%s%s (generation %lld)",
		 (unsigned long long)snap->serial, snap->conf->n_domains,
		 snap->conf->n_domains == 1 ? "" : "s", snap->selectors->n,
		 snap->selectors->n == 1 ? "" : "s", certificates,
		 (long long)snap->selectors->generation);
}
