#include "conf/schema.h"

#include <string.h>

#include "conf/aliasread.h"
#include "conf/conf.h"
#include "conf/value.h"
#include "crypto/key.h"

/* In the order of the enums of conf/conf.h. */
static const char *const log_targets[] = {"auto", "stderr", "syslog", "journal", NULL};
static const char *const log_levels[] = {"error", "warning", "info", "debug", NULL};
static const char *const log_formats[] = {"plain", "opendkim", "json", NULL};
static const char *const sender_matches[] = {"off", "warn", "require", NULL};
static const char *const existings[] = {"keep", "replace", NULL};
static const char *const repairs[] = {"none", "mime", NULL};
static const char *const before_dnss[] = {"unsigned", "sign", "tempfail", NULL};
static const char *const on_errors[] = {"tempfail", "unsigned", NULL};
static const char *const dns_checks[] = {"all", "resolver", "none", NULL};
static const char *const modes[] = {"disabled", "test", "enabled", NULL};
static const char *const profiles[] = {"compat", "modern", NULL};
static const char *const protections[] = {"none", "protect", "obscure", NULL};
static const char *const fallbacks[] = {"seal", "defer", "reject", "plain", NULL};

static const char *const later_repair[] = {"mime", NULL};
static const char *const later_mode[] = {"test", NULL};
static const char *const later_profile[] = {"modern", NULL};
static const char *const later_protection[] = {"protect", "obscure", NULL};
static const char delivery[] = "delivery of sealed copies";
static const char rotation[] = "rotation of selectors";
static const char dns_watch[] = "watching DNS";
static const char dns_update[] = "publishing records";
static const char metrics[] = "metrics";
static const char asking_why[] = "mailseal why";

#define SECOND INT64_C(1)
#define HOUR (3600 * SECOND)
#define DAY (24 * HOUR)
#define YEAR (365 * DAY)
#define KB INT64_C(1000)
#define MB (1000 * KB)
#define GB (1000 * MB)

#define IN_CONF(member) offsetof(struct conf, member)

/* Designated, so that a column left out is zero on purpose. */
#define KEY(n, r, i, f, ...)                                                                       \
	{                                                                                          \
		.name = (n), .read = (r), .initial = (i), .field = (f), __VA_ARGS__                \
	}

static const struct schema_key top[] = {
	KEY("state_dir", value_path, "\"/var/lib/mailseal\"", IN_CONF(state_dir)),
	KEY("user", value_user, "\"mailseal\"", IN_CONF(user)),
	KEY("recipient_delimiter", value_delimiter, "\"+\"", IN_CONF(recipient_delimiter)),
	KEY("timezone", value_string, "\"\"", IN_CONF(timezone)),
	KEY("aliases", value_aliases, "()", SCHEMA_NO_FIELD),
	KEY("alias_maps", value_strings, "[\"" ALIAS_DEFAULT_MAP "\"]", IN_CONF(alias_maps)),
	KEY("rules", value_rules, "()", SCHEMA_NO_FIELD),
	/* Read by conf/domains.c. */
	KEY("domains", value_list, "()", SCHEMA_NO_FIELD),
};

static const struct schema_key milter[] = {
	KEY("socket", value_milter_socket, "\"unix:/run/mailseal/mailseal.sock\"",
	    IN_CONF(milter_socket)),
	KEY("backlog", value_int, "128", IN_CONF(milter_backlog), .min = 1, .max = 65535),
	KEY("timeout", value_time, "\"2h\"", IN_CONF(milter_timeout), .min = 10 * SECOND,
	    .max = 7 * DAY),
	KEY("stop_timeout", value_time, "\"30s\"", IN_CONF(milter_stop_timeout), .max = HOUR),
};

static const struct schema_key control[] = {
	KEY("socket", value_control_socket, "\"/run/mailseal/control.sock\"",
	    IN_CONF(control_socket)),
};

static const struct schema_key logs[] = {
	KEY("target", value_word, "\"auto\"", IN_CONF(log_target), .words = log_targets),
	KEY("level", value_word, "\"info\"", IN_CONF(log_level), .words = log_levels),
	KEY("format", value_word, "\"plain\"", IN_CONF(log_format), .words = log_formats),
};

static const struct schema_key why[] = {
	KEY("keep", value_int, "10000", SCHEMA_NO_FIELD, .max = 1000000, .later = asking_why),
};

static const struct schema_key metric[] = {
	KEY("listen", value_string, "\"\"", SCHEMA_NO_FIELD, .later = metrics),
	KEY("file", value_string, "\"\"", SCHEMA_NO_FIELD, .later = metrics),
};

static const struct schema_key limits[] = {
	KEY("headers", value_size, "\"1MB\"", IN_CONF(limit_headers), .min = 10 * KB,
	    .max = 64 * MB),
	KEY("message", value_size, "\"100MB\"", IN_CONF(limit_message), .min = 100 * KB,
	    .max = 100 * GB),
	KEY("recipients", value_int, "1000", IN_CONF(limit_recipients), .min = 1, .max = 1000000),
};

static const struct schema_key spool[] = {
	KEY("dir", value_path, "\"/var/lib/mailseal/spool\"", IN_CONF(spool_dir)),
	KEY("memory", value_size, "\"1MB\"", IN_CONF(spool_memory), .max = GB),
};

static const struct schema_key trust[] = {
	KEY("networks", value_networks, "[\"127.0.0.0/8\", \"::1\"]", 0),
	KEY("daemons", value_strings, "[\"ORIGINATING\"]", offsetof(struct conf_trust, daemons)),
	KEY("not_daemons", value_strings, "[]", offsetof(struct conf_trust, not_daemons)),
	KEY("certificates", value_certificates, "()", 0),
	KEY("any", value_trust_any, "false", offsetof(struct conf_trust, any)),
	KEY("sender_match", value_word, "\"warn\"", offsetof(struct conf_trust, sender_match),
	    .words = sender_matches),
};

#define IN_SIGN(member) offsetof(struct conf_sign, member)

static const struct schema_key sign[] = {
	KEY("enabled", value_bool, "true", IN_SIGN(enabled)),
	KEY("canonicalization", value_canonicalization, "\"relaxed/relaxed\"", IN_SIGN(policy)),
	KEY("algorithms", value_algorithms, "[\"rsa-sha256\", \"ed25519-sha256\"]", 0),
	KEY("headers", value_fields, "[]", IN_SIGN(policy.sign)),
	KEY("oversign", value_fields, "[]", IN_SIGN(policy.oversign)),
	KEY("also", value_domains, "[]", IN_SIGN(also)),
	KEY("expire", value_expire, "\"0\"", IN_SIGN(policy.expire), .max = 10 * YEAR),
	KEY("identity", value_identity, "\"\"", IN_SIGN(policy.identity)),
	KEY("diagnostics", value_bool, "false", IN_SIGN(policy.diagnostics)),
	KEY("ulabels", value_bool, "false", IN_SIGN(policy.ulabels)),
	KEY("existing", value_word, "\"keep\"", IN_SIGN(existing), .words = existings),
	KEY("repair", value_word, "\"none\"", IN_SIGN(repair), .words = repairs,
	    .later_words = later_repair),
	KEY("before_dns", value_word, "\"unsigned\"", IN_SIGN(before_dns), .words = before_dnss),
	KEY("on_error", value_word, "\"tempfail\"", IN_SIGN(on_error), .words = on_errors),
	KEY("local", value_bool, "true", IN_SIGN(local)),
};

static const struct schema_key rotate[] = {
	KEY("every", value_time, "\"90d\"", offsetof(struct conf_rotate, every), .max = 10 * YEAR,
	    .later = rotation),
	KEY("retire", value_time, "\"7d\"", offsetof(struct conf_rotate, retire), .max = YEAR,
	    .later = rotation),
	KEY("rsa_bits", value_rsa_bits, "2048", offsetof(struct conf_rotate, rsa_bits),
	    .min = KEY_RSA_MIN, .max = KEY_RSA_MAX),
	KEY("standby", value_int, "0", offsetof(struct conf_rotate, standby), .max = 10,
	    .later = rotation),
};

#define IN_DNS(member) offsetof(struct conf_dns, member)

static const struct schema_key dns[] = {
	KEY("resolver", value_resolver, "\"\"", IN_DNS(resolver)),
	KEY("check", value_word, "\"all\"", IN_DNS(check), .words = dns_checks, .later = dns_watch),
	KEY("max_wait", value_time, "\"24h\"", IN_DNS(max_wait), .max = 30 * DAY,
	    .later = dns_watch),
	KEY("ttl", value_time, "\"1h\"", IN_DNS(ttl), .min = SECOND, .max = 30 * DAY),
	KEY("push", value_string, "\"\"", IN_DNS(push), .later = dns_update),
	KEY("tsig_key_file", value_string, "\"\"", IN_DNS(tsig_key_file), .later = dns_update),
	KEY("hook", value_string, "\"\"", IN_DNS(hook), .later = dns_update),
};

#define IN_SEAL(member) offsetof(struct conf_seal, member)

static const struct schema_key seal[] = {
	KEY("profile", value_word, "\"compat\"", IN_SEAL(profile), .words = profiles,
	    .later_words = later_profile),
	KEY("headers", value_word, "\"none\"", IN_SEAL(headers), .words = protections,
	    .later_words = later_protection),
	KEY("on_missing_certificate", value_missing, "\"defer\"", IN_SEAL(on_missing),
	    .words = fallbacks),
	KEY("on_expired_certificate", value_word, "\"seal\"", IN_SEAL(on_expired),
	    .words = fallbacks),
	KEY("certificate_grace", value_time, "\"30d\"", IN_SEAL(grace), .max = YEAR),
};

static const struct schema_key deliver[] = {
	KEY("reentry", value_string, "\"inet:10026@127.0.0.1\"", SCHEMA_NO_FIELD,
	    .later = delivery),
	KEY("mailbox_address", value_template, "\"${local}+${mailbox}@${domain}\"",
	    offsetof(struct conf_deliver, mailbox_address)),
	KEY("separator", value_string, "\"/\"", offsetof(struct conf_deliver, separator)),
	KEY("timeout", value_time, "\"60s\"", SCHEMA_NO_FIELD, .min = SECOND, .max = HOUR,
	    .later = delivery),
	KEY("connections", value_int, "4", SCHEMA_NO_FIELD, .min = 1, .max = 1000,
	    .later = delivery),
	KEY("max_copies", value_int, "200", SCHEMA_NO_FIELD, .min = 1, .max = 100000,
	    .later = delivery),
	KEY("max_bytes", value_size, "\"2GB\"", SCHEMA_NO_FIELD, .min = MB, .max = 1000 * GB,
	    .later = delivery),
};

static const struct schema_key journal[] = {
	KEY("keep", value_time, "\"6h\"", SCHEMA_NO_FIELD, .max = 30 * DAY, .later = delivery),
};

static const struct schema_key mailboxes[] = {
	KEY("shared", value_shares, "()", SCHEMA_NO_FIELD),
};

#define IN_DOMAIN(member) offsetof(struct conf_domain, member)

static const struct schema_key domain[] = {
	KEY("name", value_domain, NULL, IN_DOMAIN(name)),
	KEY("mode", value_word, "\"enabled\"", IN_DOMAIN(mode), .words = modes,
	    .later_words = later_mode),
	KEY("aliases", value_domains, "[]", IN_DOMAIN(aliases)),
	KEY("subdomains", value_bool, "false", IN_DOMAIN(subdomains)),
	KEY("sign_domain", value_domain, NULL, IN_DOMAIN(sign_domain)),
	KEY("observe", value_bool, "false", IN_DOMAIN(observe)),
	KEY("escrow", value_escrow, "\"\"", IN_DOMAIN(escrow)),
	KEY("rules", value_rules, "()", SCHEMA_NO_FIELD),
	KEY("accounts", value_accounts, "\"any\"", IN_DOMAIN(accounts)),
};

static const struct schema_key certificate[] = {
	KEY("subject", value_string, "\"\"", offsetof(struct conf_certificate, subject)),
	KEY("issuer", value_string, "\"\"", offsetof(struct conf_certificate, issuer)),
};

#define KEYS(table) table, COUNT_OF(table)

const struct schema_group schema_groups[] = {
	{"", KEYS(top), 0, SCHEMA_NO_FIELD},
	{"milter", KEYS(milter), 0, SCHEMA_NO_FIELD},
	{"control", KEYS(control), 0, SCHEMA_NO_FIELD},
	{"log", KEYS(logs), 0, SCHEMA_NO_FIELD},
	{"why", KEYS(why), 0, SCHEMA_NO_FIELD},
	{"metrics", KEYS(metric), 0, SCHEMA_NO_FIELD},
	{"limits", KEYS(limits), 0, SCHEMA_NO_FIELD},
	{"spool", KEYS(spool), 0, SCHEMA_NO_FIELD},
	{"trust", KEYS(trust), IN_CONF(trust), SCHEMA_NO_FIELD},
	{"sign", KEYS(sign), IN_CONF(sign), IN_DOMAIN(sign)},
	{"rotate", KEYS(rotate), IN_CONF(rotate), IN_DOMAIN(rotate)},
	{"dns", KEYS(dns), IN_CONF(dns), IN_DOMAIN(dns)},
	{"seal", KEYS(seal), IN_CONF(seal), IN_DOMAIN(seal)},
	{"deliver", KEYS(deliver), IN_CONF(deliver), SCHEMA_NO_FIELD},
	{"journal", KEYS(journal), 0, SCHEMA_NO_FIELD},
	{"mailboxes", KEYS(mailboxes), 0, SCHEMA_NO_FIELD},
};
const size_t schema_n_groups = COUNT_OF(schema_groups);

const struct schema_group schema_domain = {"domains", KEYS(domain), SCHEMA_NO_FIELD, 0};
const struct schema_group schema_certificate = {"trust.certificates", KEYS(certificate), 0,
						SCHEMA_NO_FIELD};

const struct schema_group *schema_group_find(const char *name)
{
	for (size_t i = 0; i < schema_n_groups; i++)
		if (strcmp(schema_groups[i].name, name) == 0)
			return &schema_groups[i];
	return NULL;
}

const struct schema_key *schema_key_find(const struct schema_group *g, const char *name)
{
	for (size_t i = 0; i < g->n; i++)
		if (strcmp(g->keys[i].name, name) == 0)
			return &g->keys[i];
	return NULL;
}

const struct schema_group *schema_home(const char *name, const struct schema_group *not_this)
{
	for (size_t i = 0; i < schema_n_groups; i++)
		if (&schema_groups[i] != not_this &&
		    schema_key_find(&schema_groups[i], name) != NULL)
			return &schema_groups[i];
	if (&schema_domain != not_this && schema_key_find(&schema_domain, name) != NULL)
		return &schema_domain;
	return NULL;
}

static enum rc show_keys(const struct schema_group *g, struct buf *out, struct err *err)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; i < g->n && rc == RC_OK; i++)
		if (g->keys[i].initial != NULL)
			rc = buf_addf(out, err, "%s = %s;\n", g->keys[i].name, g->keys[i].initial);
	return rc;
}

enum rc schema_show_defaults(struct buf *out, struct err *err)
{
	enum rc rc = show_keys(&schema_groups[0], out, err);

	for (size_t i = 1; i < schema_n_groups && rc == RC_OK; i++) {
		rc = buf_addf(out, err, "%s = {\n", schema_groups[i].name);
		if (rc == RC_OK)
			rc = show_keys(&schema_groups[i], out, err);
		if (rc == RC_OK)
			rc = buf_adds(out, "};\n", err);
	}
	return rc;
}

enum rc schema_show_domain_defaults(struct buf *out, struct err *err)
{
	return show_keys(&schema_domain, out, err);
}
