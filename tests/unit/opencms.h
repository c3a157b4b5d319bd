/* tests/unit/opencms.h - an envelope opened by OpenSSL, for tests. */
#ifndef UNIT_OPENCMS_H
#define UNIT_OPENCMS_H

#include <stdbool.h>

#include "base/buf.h"
#include "testcert.h"

/* What WHO finds in BASE64, instead of what is in PLAIN; false where nothing in it is for WHO, and where it is no envelope or
 * a line of it has more than 76 octets. */
bool opencms(struct span base64, const struct testcert *who, struct buf *plain);
size_t opencms_recipients(struct span base64);

#endif
