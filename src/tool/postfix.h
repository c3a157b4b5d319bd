/* tool/postfix.h - a Postfix configuration directory, read and changed only through postconf(1). */
#ifndef TOOL_POSTFIX_H
#define TOOL_POSTFIX_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"
#include "conf/conf.h"
#include "tool/findings.h"
#include "tool/milterlist.h"
#include "tool/tool.h"

struct postfix {
	const char *dir;	 /* --config-dir, or NULL: Postfix's own */
	const struct conf *conf; /* ours */
	struct buf raw;		 /* postconf: "name = value" lines, $names as written */
	struct buf expanded;	 /* postconf -x */
	struct buf services;	 /* postconf -M: one line a service */
	struct buf overrides;	 /* postconf -xP: "service/type/name = value" */
	struct buf endpoint;	 /* our socket as Postfix writes it */
	struct buf queue_dir, config_dir, mail_owner; /* C strings by buf_cstr() */
	/* where we stand, of the expanded lists */
	enum milter_place smtpd, non_smtpd;
	bool bounces; /* internal_mail_filter_classes has bounce */
};

/* All zero may be cleared. */
void postfix_clear(struct postfix *p);
/* Read everything. CONF and DIR are borrowed. RC_UNAVAIL: no postconf, or it failed. */
MUST_CHECK enum rc postfix_read(struct postfix *p, const char *dir, const struct conf *conf,
				struct err *err);
const char *postfix_queue_dir(const struct postfix *p);
const char *postfix_config_dir(const struct postfix *p);

/* The value of NAME in one of the texts above; p == NULL when it is not there. */
struct span postfix_value(const struct buf *text, const char *name);
/* One word of a list separated by commas and white space. */
bool postfix_list_has(struct span list, const char *word);

/* One service of master.cf. */
struct postfix_service {
	struct span name, type; /* "127.0.0.1:10025", "inet" */
	struct span command;	/* "smtpd" */
	bool chroot;
};
/* The next service: *REST starts as buf_span(&p->services). False at the end. */
bool postfix_next_service(const struct postfix *p, struct span *rest, struct postfix_service *ret);
/* An -o override of this service; p == NULL when there is none. */
struct span postfix_override(const struct postfix *p, const struct postfix_service *s,
			     const char *name);

/* postconf -e 'NAME=VALUE', or postconf -X NAME where VALUE is empty. */
MUST_CHECK enum rc postfix_set(const struct postfix *p, const char *name, struct span value,
			       struct err *err);
/* Copy main.cf to main.cf.mailseal-TIME beside it; the path is appended to RET. */
MUST_CHECK enum rc postfix_backup(const struct postfix *p, int64_t now, struct buf *ret,
				  struct err *err);
/* The backup at PATH becomes main.cf again, and is gone. */
MUST_CHECK enum rc postfix_restore(const struct postfix *p, const char *path, struct err *err);
/* Did the newest backup's internal_mail_filter_classes have bounce? RC_NOTFOUND: there is no backup. */
MUST_CHECK enum rc postfix_backup_had_bounce(const struct postfix *p, bool *ret, struct err *err);

/* postfixreport.c, postfixmaster.c: everything that would bypass or break us, appended to F. */
MUST_CHECK enum rc postfix_report(const struct postfix *p, struct findings *f, struct err *err);
/* Can the mail server's user reach the socket? As root, tried as that user. */
MUST_CHECK enum rc postfix_report_socket(const struct postfix *p, struct findings *f,
					 struct err *err);

/* What connecting came to, for setup. */
enum postfix_outcome { POSTFIX_WAS_CONNECTED, POSTFIX_CONNECTED, POSTFIX_WOULD_CONNECT };
/* The work of "postfix connect", reporting to stderr. */
MUST_CHECK enum rc postfix_connect(struct tool *t, const char *dir, bool reload,
				   enum postfix_outcome *ret, struct err *err);

#endif
