/* The nouns that ask the running daemon: reload, status. */
#include "tool/control.h"
#include "tool/tool.h"

#include <stdio.h>

/* Ask; whoever is not there is unavailable, and the way to start it is the next command. */
static enum rc ask(struct tool *t, const char *command, json_t **ret, struct err *err)
{
	const struct conf *conf;
	enum rc rc = tool_conf(t, &conf, err);

	if (rc != RC_OK)
		return rc;
	rc = control_ask(conf->control_socket, command, ret, err);
	if (rc != RC_NOTFOUND)
		return rc;
	tool_next(t, "systemctl start mailseal");
	return err_wrap(err, RC_UNAVAIL, "mailseald is not running");
}

static enum rc reload_run(struct tool *t, struct err *err)
{
	json_t *reply = NULL;
	enum rc rc = ask(t, "reload", &reply, err);

	if (rc != RC_OK)
		return rc;
	rc = control_reply_ok(reply, err);
	if (rc != RC_OK) {
		err_wrap(err, rc, "mailseald keeps its old state");
		tool_next(t, "mailseal check");
	}
	if (rc == RC_OK && tool_json_wanted(t))
		return tool_emit_json(t, reply, err);
	if (rc == RC_OK)
		tool_say(t, "mailseald has read configuration and catalogue anew\n");
	json_decref(reply);
	return rc;
}

/* "counters.messages            12": whatever the daemon tells, in its order. */
static void print_object(struct tool *t, const char *prefix, const json_t *object)
{
	const char *name;
	json_t *value;
	char path[128];

	json_object_foreach((json_t *)object, name, value)
	{
		snprintf(path, sizeof(path), "%s%s%s", prefix, *prefix != '\0' ? "." : "", name);
		if (json_is_object(value))
			print_object(t, path, value);
		else if (json_is_string(value))
			tool_print(t, "%-36s %s\n", path, json_string_value(value));
		else if (json_is_integer(value))
			tool_print(t, "%-36s %lld\n", path, (long long)json_integer_value(value));
		else if (json_is_boolean(value))
			tool_print(t, "%-36s %s\n", path, json_is_true(value) ? "yes" : "no");
	}
}

/* What does not wait for somebody to read all the lines. */
static void say_certificates(struct tool *t, const json_t *reply)
{
	const json_t *accounts = json_object_get(reply, "accounts");
	json_int_t soon = json_integer_value(json_object_get(accounts, "ends_soon"));
	json_int_t ended = json_integer_value(json_object_get(accounts, "ended"));

	if (soon == 0 && ended == 0)
		return;
	tool_say(
		t,
		"mailseal: certificates: of %lld account%s all have ended, of %lld they end soon\n",
		(long long)ended, ended == 1 ? "" : "s", (long long)soon);
	tool_next(t, "mailseal check");
}

static enum rc status_run(struct tool *t, struct err *err)
{
	json_t *reply = NULL;
	enum rc rc = ask(t, "status", &reply, err);

	if (rc != RC_OK)
		return rc;
	rc = control_reply_ok(reply, err);
	if (rc == RC_OK && tool_json_wanted(t))
		return tool_emit_json(t, reply, err);
	if (rc == RC_OK) {
		print_object(t, "", reply);
		say_certificates(t, reply);
	}
	json_decref(reply);
	return rc;
}

const struct tool_verb tool_verbs_daemon[] = {
	{
		.noun = "status",
		.args = "",
		.summary = "Ask the running daemon how it is",
		.help = "Prints what mailseald says of itself over its control socket: since when\n"
			"it runs, which state it has loaded, and what it counted since it "
			"started.\n"
			"Exit status 69 when it is not running.\n"
			"\n"
			"Example: mailseal status --json\n",
		.flags = TOOL_READS,
		.run = status_run,
	},
	{
		.noun = "reload",
		.args = "",
		.summary = "Make the running daemon read configuration and catalogue anew",
		.help = "A wrong configuration is refused: the daemon keeps the state it has, and\n"
			"this command says why. Mail under way is not touched. Commands that "
			"change\n"
			"the catalogue reload by themselves.\n"
			"\n"
			"Example: mailseal reload\n",
		.flags = TOOL_READS,
		.run = reload_run,
	},
	{.noun = NULL},
};
