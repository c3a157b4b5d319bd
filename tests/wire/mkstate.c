/* Makes the state of a test: a catalogue whose selectors are active, and their keys.
 *
 *	mkstate STATE_DIR DOMAIN:SELECTOR:rsa|ed|ACCOUNT:PEM_FILE:cert ...
 *
 * Prints "SELECTOR._domainkey.DOMAIN v=DKIM1; k=...; p=..." for each. RSA keys have 1,024 bits, to be quick. A second run
 * with further selectors adds to what is there; the newest active one of an algorithm signs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/file.h"
#include "crypto/cert.h"
#include "crypto/key.h"
#include "directory/directory.h"
#include "directory/keystore.h"

enum { RSA_BITS = 1024 };

struct wanted {
	char *domain, *selector;
	enum dkim_alg alg;
};

/* TEXT is cut into its three words. */
static enum rc read_wanted(char *text, struct wanted *ret, struct err *err)
{
	char *selector = strchr(text, ':');
	char *type = selector != NULL ? strchr(selector + 1, ':') : NULL;

	if (type == NULL)
		return err_set(err, RC_INPUT, "expected DOMAIN:SELECTOR:rsa|ed, not %s", text);
	*selector++ = '\0';
	*type++ = '\0';
	*ret = (struct wanted){.domain = text,
			       .selector = selector,
			       .alg = strcmp(type, "ed") == 0 ? DKIM_ED25519_SHA256
							      : DKIM_RSA_SHA256};
	return RC_OK;
}

static enum rc add(struct directory *d, const struct wanted *w, const struct key *key,
		   const char *public_base64, struct err *err)
{
	int64_t now = (int64_t)time(NULL);
	struct selector s = {.domain = w->domain,
			     .name = w->selector,
			     .alg = w->alg,
			     .state = SEL_PUBLISHED,
			     .public_base64 = public_base64,
			     .bits = key_bits(key),
			     .created = now,
			     .seen_since = now};
	struct selector_list *list = NULL;
	const struct selector *added;
	enum rc rc;

	memcpy(s.fingerprint, key_fingerprint(key), sizeof(s.fingerprint));
	rc = d->ops->selector_add(d, &s, err);
	if (rc == RC_OK)
		rc = d->ops->load(d, &list, err);
	if (rc != RC_OK)
		return rc;
	added = selector_list_find(list, w->domain, w->selector);
	rc = added != NULL ? d->ops->selector_activate(d, added, now, now, err)
			   : err_set(err, RC_NOTFOUND, "%s: not in the catalogue", w->selector);
	selector_list_free(list);
	return rc;
}

/* The certificates of the file, as they are: nothing about them is checked. */
static enum rc add_cert(struct directory *d, const char *account, const char *file, struct err *err)
{
	struct user_cert u = {.account = account, .pinned = true};
	struct cert **certs = NULL;
	struct buf bytes, der;
	size_t n = 0;
	enum rc rc;

	buf_init(&bytes, 1 << 20);
	buf_init(&der, 1 << 20);
	rc = file_read(file, &bytes, err);
	if (rc == RC_OK)
		rc = cert_read_bundle(buf_span(&bytes), &certs, &n, err);
	if (rc == RC_OK)
		rc = cert_write_der(certs[0], &der, err);
	if (rc == RC_OK) {
		memcpy(u.fingerprint, cert_fingerprint(certs[0]), sizeof(u.fingerprint));
		u.der = buf_span(&der);
		u.kind = cert_kind(certs[0]);
		u.bits = cert_bits(certs[0]);
		u.not_before = cert_not_before(certs[0]);
		u.not_after = cert_not_after(certs[0]);
		u.added = (int64_t)time(NULL);
		rc = d->ops->user_cert_add(d, &u, err);
	}
	if (certs != NULL)
		cert_array_free(certs, n);
	buf_clear(&bytes);
	buf_clear(&der);
	return rc;
}

static enum rc make_key(struct directory *d, const char *state_dir, char *text, struct err *err)
{
	struct key *key = NULL;
	struct wanted w = {.domain = NULL};
	struct buf p;
	enum rc rc;

	buf_init(&p, 8192);
	rc = read_wanted(text, &w, err);
	if (rc == RC_OK)
		rc = key_generate(dkim_alg_key_type(w.alg), RSA_BITS, &key, err);
	if (rc == RC_OK)
		rc = keystore_put(state_dir, key, err);
	if (rc == RC_OK)
		rc = key_public_base64(key, &p, err);
	if (rc == RC_OK)
		rc = add(d, &w, key, buf_cstr(&p), err);
	if (rc == RC_OK)
		printf("%s._domainkey.%s v=DKIM1; k=%s; p=%s\n", w.selector, w.domain,
		       dkim_alg_key(w.alg), buf_cstr(&p));
	buf_clear(&p);
	key_unref(key);
	return rc;
}

static enum rc make(struct directory *d, const char *state_dir, char *text, struct err *err)
{
	char *type = strrchr(text, ':'), *file = strchr(text, ':');

	if (type == NULL || strcmp(type, ":cert") != 0 || file == type)
		return make_key(d, state_dir, text, err);
	*type = '\0';
	*file++ = '\0';
	return add_cert(d, text, file, err);
}

int main(int argc, char **argv)
{
	struct directory *d = NULL;
	struct err err = ERR_INIT;
	enum rc rc;

	if (argc < 3) {
		fputs("usage: mkstate STATE_DIR DOMAIN:SELECTOR:rsa|ed ...\n", stderr);
		return 2;
	}
	rc = directory_open(argv[1], DIRECTORY_CREATE, &d, &err);
	for (int i = 2; i < argc && rc == RC_OK; i++)
		rc = make(d, argv[1], argv[i], &err);
	directory_close(d);
	if (rc != RC_OK)
		fprintf(stderr, "mkstate: %s\n", err.text);
	return rc == RC_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
