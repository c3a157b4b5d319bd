#include "crypto/ossl.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#undef err_openssl /* the analyzer's, for callers */

static _Thread_local bool memory_failed;

static void *watched_malloc(size_t size, const char *file, int line)
{
	void *p = size != 0 ? malloc(size) : NULL;

	(void)file;
	(void)line;
	memory_failed = memory_failed || (p == NULL && size != 0);
	return p;
}

/* CRYPTO_realloc(3): a size of 0 frees. */
static void *watched_realloc(void *old, size_t size, const char *file, int line)
{
	void *p = NULL;

	(void)file;
	(void)line;
	if (size == 0)
		free(old);
	else
		p = realloc(old, size);
	memory_failed = memory_failed || (p == NULL && size != 0);
	return p;
}

static void watched_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	free(p);
}

void ossl_watch_memory(void)
{
	(void)CRYPTO_set_mem_functions(watched_malloc, watched_realloc, watched_free);
}

void ossl_begin(void)
{
	ERR_clear_error();
	memory_failed = false;
}

bool ossl_memory_failed(void)
{
	bool failed = memory_failed;

	memory_failed = false;
	return failed;
}

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
	nomem = ossl_memory_failed() || nomem;
	if (nomem)
		rc = RC_NOMEM;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	/* The reason only: what OpenSSL adds to it as data may quote the input. */
	reason = nomem ? rc_word(RC_NOMEM) : code != 0 ? ERR_reason_error_string(code) : NULL;
	if (reason == NULL)
		return err_set(err, rc, "%s", text);
	return err_set(err, rc, "%s: %s", text, reason);
}
