/* crypto/ossl.h - OpenSSL's error queue as one text. The queue is per thread. */
#ifndef CRYPTO_OSSL_H
#define CRYPTO_OSSL_H

#include "base/attr.h"
#include "base/err.h"

/* As err_set(), with OpenSSL's last reason behind it, if it has one; empties the queue.
 * A memory failure there makes it RC_NOMEM whatever RC says. */
enum rc err_openssl(struct err *err, enum rc rc, const char *fmt, ...) PRINTF_LIKE(3, 4);

#ifdef __clang_analyzer__ /* see base/err.h */
#define err_openssl(err, rc, ...) ((void)(err_openssl)(err, rc, __VA_ARGS__), (rc))
#endif

#endif
