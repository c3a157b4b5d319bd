#include "crypto/ossl.h"

#include <openssl/err.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#undef err_openssl /* the analyzer's, for callers */

/* The queue is read to its end: the last entry is the outermost reason, but a memory failure may lie
 * anywhere below it. */
static unsigned long drain_queue(bool *ret_nomem)
{
	unsigned long last = 0;
	unsigned long code;

	*ret_nomem = false;
	while ((code = ERR_get_error()) != 0) {
		if (ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE)
			*ret_nomem = true;
		last = code;
	}
	return last;
}

enum rc err_openssl(struct err *err, enum rc rc, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	const char *reason;
	unsigned long code;
	va_list args;
	bool nomem;

	code = drain_queue(&nomem);
	if (nomem)
		rc = RC_NOMEM;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	/* The reason only: what OpenSSL adds to it as data may quote the input. */
	reason = code != 0 ? ERR_reason_error_string(code) : NULL;
	if (reason == NULL)
		return err_set(err, rc, "%s", text);
	return err_set(err, rc, "%s: %s", text, reason);
}
