/* mail/domain.h - domain names: A-labels, U-labels, the Public Suffix List.
 *
 * Inside the program a domain is a C string of A-labels in lower case without a final dot. Thread
 * rule: any thread. No network. */
#ifndef MAIL_DOMAIN_H
#define MAIL_DOMAIN_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

/* RFC 1035 2.3.4: 253 visible octets, and the NUL. */
#define DOMAIN_SIZE 254

/* RFC 5890 2.3.2.1: D in A-labels, lower case, final dot removed. U-labels are mapped by IDNA2008
 * (non-transitional). RC_INPUT: empty, empty label, bad characters, label over 63, name over 253,
 * address literal, or no valid IDN. Underscore is accepted (names of records need it). What is
 * written as an A-label ("xn--...") is taken as it stands, as the DNS does. */
MUST_CHECK enum rc domain_to_ascii(struct span d, char ret[DOMAIN_SIZE], struct err *err);

/* The U-label form, UTF-8, appended to OUT; the A-label form where there is none, or where it would
 * not map back to ASCII. */
MUST_CHECK enum rc domain_to_unicode(const char *ascii, struct buf *out, struct err *err);

/* CHILD is PARENT or lies below it (both as domain_to_ascii() gives them). */
bool domain_is_within(const char *child, const char *parent);

/* The parent ("b.c" of "a.b.c"), or NULL for a single label. Points into D. */
const char *domain_parent(const char *d);

/* On the Public Suffix List (ICANN or private part), or a single label. When no list can be
 * loaded: only single labels are. */
bool domain_is_public_suffix(const char *ascii);

/* The organizational domain of ASCII (its public suffix plus one label), or NULL
 * where ASCII is itself a public suffix. Points into ASCII. */
const char *domain_organizational(const char *ascii);

/* A selector name: labels of letters, digits, '-' and '_' joined by dots, 1 to 63 octets a label
 * with no '-' at either end (RFC 6376 3.1), so that SELECTOR._domainkey.DOMAIN stays a legal name. */
bool domain_selector_valid(struct span selector);

#endif
