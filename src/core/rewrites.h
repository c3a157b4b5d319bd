/* core/rewrites.h - address fields that Sendmail writes in other words when it delivers, after its filters. Pure. */
#ifndef CORE_REWRITES_H
#define CORE_REWRITES_H

#include <stdbool.h>

#include "mail/field.h"

/* Sendmail takes address fields apart and puts them together again: a display name with any of .'[];\@ outside quotes is
 * quoted, a comma gets one blank behind it and none in front, empty members are left out, white space inside an address,
 * routes and a dot behind the domain vanish, a bare name gets a domain, what is longer than its buffer is cut. True where
 * that may change what a signature covers by the relaxed canonicalization of the header (RFC 6376 3.4.2); with SIMPLE (3.4.1)
 * new folds and other white space count, too. In doubt it is true. Linear in the length of the value. */
bool rewrites_field(const struct field *f, bool simple);

#endif
