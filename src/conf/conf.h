/* conf/conf.h - the configuration, read, checked and frozen.
 *
 * conf_read() makes one immutable object of mailseal.conf and domains.d/?*.conf (byte order), every problem
 * of every file reported at once. Everything in it lies in one arena; strings are C strings without control
 * bytes; domains are A-labels (mail/domain.h); times are seconds, sizes bytes.
 * Thread rule: after conf_read() nobody writes; any thread may read. Ownership: struct snapshot owns it.
 */
#ifndef CONF_CONF_H
#define CONF_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/err.h"
#include "base/span.h"
#include "base/vec.h"
#include "conf/rules.h"
#include "dkim/alg.h"
#include "dkim/sign.h"

#define CONF_DEFAULT_FILE SYSCONFDIR "/mailseal/mailseal.conf"

enum conf_log_target { LOG_AUTO, LOG_STDERR, LOG_SYSLOG, LOG_JOURNAL };
enum conf_log_level { LEVEL_ERROR, LEVEL_WARNING, LEVEL_INFO, LEVEL_DEBUG };
enum conf_log_format { FORMAT_PLAIN, FORMAT_OPENDKIM, FORMAT_JSON };
enum conf_sender_match { MATCH_OFF, MATCH_WARN, MATCH_REQUIRE };
enum conf_existing { EXISTING_KEEP, EXISTING_REPLACE };
enum conf_repair { REPAIR_NONE, REPAIR_MIME };
enum conf_before_dns { BEFORE_DNS_UNSIGNED, BEFORE_DNS_SIGN, BEFORE_DNS_TEMPFAIL };
enum conf_on_error { ON_ERROR_TEMPFAIL, ON_ERROR_UNSIGNED };
enum conf_dns_check { DNS_CHECK_ALL, DNS_CHECK_RESOLVER, DNS_CHECK_NONE };
enum conf_profile { CONF_PROFILE_COMPAT, CONF_PROFILE_MODERN };
enum conf_protection { PROTECTION_NONE, PROTECTION_PROTECT, PROTECTION_OBSCURE };
/* What mail gets whose certificate is missing; FALLBACK_SEAL only where it has expired. */
enum conf_fallback { FALLBACK_SEAL, FALLBACK_DEFER, FALLBACK_REJECT, FALLBACK_PLAIN };
/* Nothing signs for a domain that is not MODE_ENABLED; MODE_TEST is accepted with a note, no more yet. */
enum conf_mode { MODE_DISABLED, MODE_TEST, MODE_ENABLED };

/* An IPv4 or IPv6 network; IPv4-mapped IPv6 addresses are matched as IPv4. */
struct conf_network {
	uint8_t addr[16];
	unsigned bytes; /* 4 or 16 */
	unsigned bits;
};

/* trust.certificates: ( { subject = "..."; issuer = "..."; }, ... ): both CNs, which Postfix gives in
 * {cert_subject} and {cert_issuer}, Sendmail in {cn_subject} and {cn_issuer}; either may be left out ("" here), not both. */
struct conf_certificate {
	const char *subject;
	const char *issuer;
};

struct conf_trust {
	const struct conf_network *networks;
	size_t n_networks;
	const char *const *daemons;	/* NULL ends */
	const char *const *not_daemons; /* NULL ends */
	const struct conf_certificate *certificates;
	size_t n_certificates;
	bool any;
	enum conf_sender_match sender_match;
};

struct conf_sign {
	bool enabled;
	enum dkim_alg algorithms[DKIM_ALGS]; /* in the order of signing */
	size_t n_algorithms;
	struct dkim_policy policy;
	const char *const *also; /* domains of this configuration; NULL ends */
	enum conf_existing existing;
	enum conf_repair repair;
	enum conf_before_dns before_dns;
	enum conf_on_error on_error;
	bool local; /* sign local submissions */
};

struct conf_rotate {
	int64_t every, retire;
	unsigned rsa_bits;
	unsigned standby;
};

struct conf_dns {
	const char *resolver; /* "" system, or "127.0.0.1@5353" */
	enum conf_dns_check check;
	int64_t max_wait, ttl;
	const char *push, *tsig_key_file, *hook;
};

struct conf_seal {
	enum conf_profile profile;
	enum conf_protection headers;
	enum conf_fallback on_missing; /* never FALLBACK_SEAL */
	enum conf_fallback on_expired;
	int64_t grace; /* certificate_grace: how long after its end a certificate is still used */
};

struct conf_deliver {
	const char *mailbox_address; /* "${local}+${mailbox}@${domain}" */
	const char *separator;	     /* what stands for '/' in ${mailbox} */
};

struct cert;
struct conf_aliases;
struct conf_shares;
struct zone;

struct conf_domain {
	const char *name;
	const char *const *aliases; /* NULL ends */
	enum conf_mode mode;
	bool subdomains;
	const char *sign_domain; /* d=; equal to name or an organizational parent of it */
	bool observe;
	struct conf_sign sign;
	struct conf_rotate rotate;
	struct conf_dns dns;
	struct conf_seal seal;
	struct cert
		*escrow; /* everything sealed for its accounts is sealed for it too; NULL: none */
	const char *const
		*accounts; /* local parts, lower case, sorted; NULL ends. NULL itself: any */
	size_t n_accounts;
	const char *file; /* where it is defined */
	unsigned line;
};

struct conf {
	struct arena *arena;
	const char *file; /* the main file, as given */
	/* Every file that was read, in no special order: the main file, domains.d, what they include, maps of aliases,
	 * certificates of escrow; as often as it was read. Paths as the reader opened them. */
	const char *const *files;
	size_t n_files;

	const char *milter_socket; /* "unix:/path", "inet:8891@127.0.0.1", "inet6:8891@::1" */
	int milter_backlog;
	int64_t milter_timeout, milter_stop_timeout;

	const char *state_dir, *user, *recipient_delimiter, *timezone;
	const char *control_socket;

	enum conf_log_target log_target;
	enum conf_log_level log_level;
	enum conf_log_format log_format;

	int64_t limit_headers, limit_message;
	unsigned limit_recipients;
	const char *spool_dir;
	int64_t spool_memory;

	struct conf_trust trust;
	struct conf_sign sign; /* the defaults of every domain */
	struct conf_rotate rotate;
	struct conf_dns dns;
	struct conf_seal seal;
	struct conf_deliver deliver;

	struct rules rules; /* conf/rules.h */
	const char *const *alias_maps;
	const struct conf_aliases *aliases; /* conf/accounts.h; never NULL */
	const struct conf_shares *shares;   /* mailboxes.shared; rules_may_store() */
	struct vec certs;		    /* of struct cert *: what domains point to */
	const struct zone *zone;	    /* conf/zone.h; never NULL */

	const struct conf_domain *domains; /* sorted by name, bytewise */
	size_t n_domains;
	const struct conf_name *names; /* sorted: each name and alias; see conf_domain_find() */
	size_t n_names;
};

struct conf_name {
	const char *name;
	const struct conf_domain *domain;
};

enum conf_severity { CONF_ERROR, CONF_WARNING, CONF_NOTE };

/* One thing that conf_read() has to say. NOTE: a setting whose job is not built yet, with its line. */
struct conf_problem {
	enum conf_severity severity;
	char *file;    /* owned by the problem list */
	unsigned line; /* 0: the file as a whole */
	char *text;    /* what was wrong, what was expected, the nearest known word */
};

struct conf_problems {
	/* Of struct conf_problem, sorted by file and line by conf_read(). At most the first 1000 of each
	 * severity are here; the counts are of all. */
	struct vec v;
	size_t errors, warnings, notes;
	bool lost; /* out of memory: one is missing */
};

void conf_problems_init(struct conf_problems *p);
void conf_problems_clear(struct conf_problems *p);
/* "FILE:LINE: error: TEXT"; "warning:", "note:". */
MUST_CHECK enum rc conf_problem_show(const struct conf_problem *p, struct buf *out,
				     struct err *err);

/* FILE and the domains.d beside it. On errors: RC_CONF, *RET untouched, PROBLEMS filled, err names the count
 * and the first one. RC_NOTFOUND when FILE is not there, RC_PERM when it may not be read. Warnings and notes
 * come with success as well. PROBLEMS may be NULL; what was in it goes. */
MUST_CHECK enum rc conf_read(const char *file, struct conf **ret, struct conf_problems *problems,
			     struct err *err);
struct conf *conf_free(struct conf *c);

/* The domain called NAME (A-labels), by name or alias. Logarithmic. */
const struct conf_domain *conf_domain_find(const struct conf *c, const char *name);
/* Is LOCAL (without quotes, in any case) the local part of an account of D? Logarithmic. */
bool conf_domain_has_account(const struct conf_domain *d, struct span local);
/* The domain whose configuration covers mail of NAME: exact, else the nearest parent that has
 * subdomains = true. Its mode is not looked at. */
const struct conf_domain *conf_domain_for_mail(const struct conf *c, const char *name);

bool conf_network_has(const struct conf_network *n, const uint8_t *addr, unsigned bytes);
/* "10.0.0.0/8", "::1", "[2001:db8::]/32"; what stands behind the prefix is cleared. False: no network. */
bool conf_network_read(const char *text, struct conf_network *ret);

#endif
