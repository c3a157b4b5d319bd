#include "tool/tool.h"

#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "mail/domain.h"
#include "tool/dnstext.h"

enum { OUTPUT_MAX = 64 << 20 };

typedef enum rc show_record(const struct dnstext *r, struct buf *out, struct err *err);

enum format { FORMAT_ZONE, FORMAT_WEB, FORMAT_NSUPDATE, FORMAT_AS_JSON, FORMAT_BOTH };

static enum rc read_format(struct tool *t, enum format *ret, struct err *err)
{
	static const char *const words[] = {"zone", "web", "nsupdate", "json"};
	const char *word = tool_opt(t, "format");

	if (word == NULL) {
		*ret = isatty(STDOUT_FILENO) ? FORMAT_BOTH : FORMAT_ZONE;
		if (tool_json_wanted(t))
			*ret = FORMAT_AS_JSON;
		return RC_OK;
	}
	for (size_t i = 0; i < COUNT_OF(words); i++) {
		if (strcmp(word, words[i]) != 0)
			continue;
		*ret = (enum format)i;
		if (tool_json_wanted(t) && *ret != FORMAT_AS_JSON)
			return tool_usage(t, err, "--format %s and --json exclude each other",
					  word);
		return RC_OK;
	}
	return tool_usage(t, err, "--format %s: zone, web, nsupdate or json expected", word);
}

/* --zone as A-labels, "" without it. */
static enum rc read_zone(struct tool *t, enum format format, char ret[DOMAIN_SIZE], struct err *err)
{
	const char *word = tool_opt(t, "zone");

	ret[0] = '\0';
	if (word == NULL)
		return RC_OK;
	if (format != FORMAT_NSUPDATE)
		return tool_usage(t, err, "--zone is for --format nsupdate");
	if (domain_to_ascii(span_str(word), ret, NULL) != RC_OK)
		return tool_usage(t, err, "--zone %s: a domain expected", word);
	return RC_OK;
}

/* All selectors of the domain, or the one that --selector names. */
static bool is_shown(const struct tool *t, const struct selector *s)
{
	const char *only = tool_opt(t, "selector");

	return only == NULL || strcmp(only, s->name) == 0;
}

static enum rc show_each(struct tool *t, const struct conf_domain *d, const struct selector *s,
			 size_t n, show_record *show, struct buf *out, struct err *err)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; i < n && rc == RC_OK; i++) {
		struct dnstext text = dnstext_of(d, &s[i]);

		if (is_shown(t, &s[i]))
			rc = show(&text, out, err);
	}
	return rc;
}

static enum rc show_json(struct tool *t, const struct conf_domain *d, const struct selector *s,
			 size_t n, struct err *err)
{
	json_t *records = json_array();
	enum rc rc = RC_OK;

	for (size_t i = 0; i < n && rc == RC_OK; i++) {
		struct dnstext text = dnstext_of(d, &s[i]);
		json_t *record = NULL;

		if (!is_shown(t, &s[i]))
			continue;
		rc = dnstext_json(&text, &record, err);
		if (rc == RC_OK)
			json_array_append_new(records, record);
	}
	if (rc == RC_OK)
		return tool_emit_json(
			t, json_pack("{s:s, s:o}", "domain", d->name, "records", records), err);
	json_decref(records);
	return rc;
}

/* knsupdate(1) wants to be told, nsupdate(1) asks the DNS. */
static enum rc add_zone(const char *zone, const struct conf_domain *d, struct buf *out,
			struct err *err)
{
	if (*zone == '\0')
		return RC_OK;
	if (!domain_is_within(d->sign_domain, zone))
		return err_set(err, RC_INPUT,
			       "--zone %s: the records are of %s, which is not in it", zone,
			       d->sign_domain);
	return buf_addf(out, err, "zone %s.\n", zone);
}

static enum rc show_text(struct tool *t, enum format format, const char *zone,
			 const struct conf_domain *d, const struct selector *s, size_t n,
			 struct err *err)
{
	struct buf out;
	enum rc rc = RC_OK;

	buf_init(&out, OUTPUT_MAX);
	if (format == FORMAT_BOTH)
		rc = buf_adds(&out, "; for a zone file\n", err);
	if (rc == RC_OK && (format == FORMAT_ZONE || format == FORMAT_BOTH))
		rc = show_each(t, d, s, n, dnstext_zone, &out, err);
	if (rc == RC_OK && format == FORMAT_BOTH)
		rc = buf_adds(&out, "\n; the same for a web form, each value in one piece\n", err);
	if (rc == RC_OK && (format == FORMAT_WEB || format == FORMAT_BOTH))
		rc = show_each(t, d, s, n, dnstext_web, &out, err);
	if (rc == RC_OK && format == FORMAT_NSUPDATE)
		rc = add_zone(zone, d, &out, err);
	if (rc == RC_OK && format == FORMAT_NSUPDATE)
		rc = show_each(t, d, s, n, dnstext_nsupdate, &out, err);
	if (rc == RC_OK && format == FORMAT_NSUPDATE)
		rc = buf_adds(&out, "send\n", err);
	if (rc == RC_OK)
		tool_write(t, buf_span(&out));
	buf_clear(&out);
	return rc;
}

static enum rc check_name(struct tool *t, const struct conf_domain *d, const struct selector *s,
			  size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++)
		if (is_shown(t, &s[i]))
			return RC_OK;
	if (n == 0)
		tool_next(t, "mailseal setup %s", d->name);
	else
		tool_next(t, "mailseal selector list %s", d->name);
	return err_set(err, RC_NOTFOUND, "%s: no selector%s%s", d->sign_domain,
		       tool_has(t, "selector") ? " " : "",
		       tool_has(t, "selector") ? tool_opt(t, "selector") : "");
}

static enum rc show_run(struct tool *t, struct err *err)
{
	const struct conf_domain *d;
	const struct snapshot *snap;
	const struct selector *s;
	enum format format = FORMAT_ZONE;
	char zone[DOMAIN_SIZE];
	size_t n;
	enum rc rc = read_format(t, &format, err);

	if (rc == RC_OK)
		rc = read_zone(t, format, zone, err);
	if (rc == RC_OK)
		rc = tool_snapshot(t, &snap, err);
	if (rc == RC_OK)
		rc = tool_domain(t, tool_arg(t, 0), &d, err);
	if (rc != RC_OK)
		return rc;
	s = snapshot_selectors(snap, d->sign_domain, &n);
	rc = check_name(t, d, s, n, err);
	if (rc != RC_OK)
		return rc;
	return format == FORMAT_AS_JSON ? show_json(t, d, s, n, err)
					: show_text(t, format, zone, d, s, n, err);
}

static const struct tool_option show_options[] = {
	{"format", "FORMAT", "zone (default), web, nsupdate or json"},
	{"selector", "NAME", "only the record of this selector"},
	{"zone", "ZONE", "with --format nsupdate: begin with this line, for knsupdate"},
	{NULL, NULL, NULL},
};

const struct tool_verb tool_verbs_dns[] = {
	{
		.noun = "dns",
		.verb = "show",
		.args = "DOMAIN",
		.min_args = 1,
		.max_args = 1,
		.summary = "Show the DNS records to publish",
		.help = "zone: lines for a zone file, strings of at most 255 octets. web: name, "
			"type and\n"
			"value in one piece, for a provider's form. nsupdate: input for "
			"nsupdate(1), and\n"
			"with --zone for knsupdate(1). On a terminal, zone and web.\n"
			"\n"
			"Example: mailseal dns show example.com --format nsupdate | nsupdate -k "
			"key\n",
		.options = show_options,
		.flags = TOOL_READS | TOOL_STATE,
		.run = show_run,
	},
	{.noun = NULL},
};
