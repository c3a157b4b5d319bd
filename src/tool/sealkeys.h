/* tool/sealkeys.h - for whom messages are sealed, and with what they are opened: --cert, --for, --key. */
#ifndef TOOL_SEALKEYS_H
#define TOOL_SEALKEYS_H

#include <stddef.h>

#include "base/attr.h"
#include "base/err.h"
#include "crypto/cert.h"
#include "smime/envelope.h"
#include "smime/openkey.h"
#include "tool/tool.h"

struct sealcerts {
	struct cert *at[ENVELOPE_CERTS_MAX];
	size_t n;
};

/* The certificates of every --cert FILE (the leaf of what is in it) and of every --for ACCOUNT (what the catalogue has
 * for sealing; read as the configured user). At least one. A file's certificate must be fit for sealing, whoever it is
 * of; one whose time is over is used, and said. RC_INPUT, RC_NOTFOUND with the reason; usage without either option.
 * CERTS is cleared by the caller, even on failure. */
MUST_CHECK enum rc sealkeys_certs(struct tool *t, struct sealcerts *certs, struct err *err);
void sealcerts_clear(struct sealcerts *certs);
/* What --json shows of them: an array, or NULL. */
json_t *sealcerts_json(const struct sealcerts *certs);

/* The private key of --key FILE, with the certificates in that file and those of --cert FILE; --passphrase-file FILE
 * opens it. The caller frees it. */
MUST_CHECK enum rc sealkeys_key(struct tool *t, struct openkey **ret, struct err *err);

/* What these options say in a table of options. */
#define SEALKEYS_CERT_HELP "seal for the certificate in FILE (PEM, DER, PKCS#7)"
#define SEALKEYS_FOR_HELP "seal for the certificate that the catalogue has of ACCOUNT"
#define SEALKEYS_KEY_HELP "the private key: PKCS#12, or PEM or DER"
#define SEALKEYS_KEY_CERT_HELP "its certificate, when it is not in the file of the key"
#define SEALKEYS_PASSPHRASE_HELP "opens an encrypted key"

#endif
