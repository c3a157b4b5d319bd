/* conf/signing.h - what becomes of sign.headers and sign.oversign. Private to src/conf. */
#ifndef CONF_SIGNING_H
#define CONF_SIGNING_H

#include <stdbool.h>

#include "conf/conf.h"
#include "conf/value.h"

/* Is NAME in LIST (NULL ends), ASCII case ignored? */
bool signing_has_field(const char *const *list, const char *name);

/* The lists as the files have them, empty for the defaults, into those that dkim_sign() takes: From is always signed
 * (RFC 6376 5.4), what is oversigned is signed too. Names of its own in headers alone keep of the default
 * oversigned ones those that they hold. */
void signing_finish(struct value_reader *r, struct dkim_policy *p);

#endif
