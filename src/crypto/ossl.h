/* crypto/ossl.h - OpenSSL's error queue as one text, and its want of memory told from everything else. Both are per
 * thread. */
#ifndef CRYPTO_OSSL_H
#define CRYPTO_OSSL_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/err.h"

/* Notice when an allocation of OpenSSL's fails. It goes on then and says that a key is of no supported format, or has 0
 * bits. First thing in main(): what was allocated before is not noticed. */
void ossl_watch_memory(void);
/* Forget what earlier calls have left in this thread: errors, and that memory was short. */
void ossl_begin(void);
/* Has an allocation failed since ossl_begin(), this call, or err_openssl()? Never, unless watched. */
bool ossl_memory_failed(void);

/* As err_set(), with OpenSSL's last reason behind it, if it has one; empties the queue.
 * A memory failure there makes it RC_NOMEM whatever RC says. */
enum rc err_openssl(struct err *err, enum rc rc, const char *fmt, ...) PRINTF_LIKE(3, 4);

#ifdef __clang_analyzer__ /* see base/err.h */
#define err_openssl(err, rc, ...) ((void)(err_openssl)(err, rc, __VA_ARGS__), (rc))
#endif

#endif
