/* Makes a certificate, and the key to it, for tests of the command line:
 *
 *	mkcert NAME=VALUE ...
 *
 * cn (default "John"), email, subject_email, key ("rsa2048"; as in testcert.h), usage, extended, ca=1, from and to (days from
 * now, "-1" and "300"; an hour less, so that nobody waits for a second to pass), issuer=FILE and out=FILE. OUT gets the
 * certificate in PEM, OUT.key its key; ISSUER is the OUT of an earlier run, self-signed without. */
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "testcert.h"

enum { DAY = 86400 };

static const char *value_of(int argc, char **argv, const char *name, const char *otherwise)
{
	size_t len = strlen(name);

	for (int i = 1; i < argc; i++)
		if (strncmp(argv[i], name, len) == 0 && argv[i][len] == '=')
			return argv[i] + len + 1;
	return otherwise;
}

static FILE *must_open(const char *path, const char *suffix, const char *mode)
{
	char full[4096];
	FILE *f;

	snprintf(full, sizeof(full), "%s%s", path, suffix);
	f = fopen(full, mode);
	if (f == NULL) {
		perror(full);
		exit(1);
	}
	return f;
}

static void read_issuer(const char *path, struct testcert *ret)
{
	FILE *cert = must_open(path, "", "r"), *key = must_open(path, ".key", "r");

	ret->x509 = PEM_read_X509(cert, NULL, NULL, NULL);
	ret->pkey = PEM_read_PrivateKey(key, NULL, NULL, NULL);
	fclose(cert);
	fclose(key);
	if (ret->x509 == NULL || ret->pkey == NULL) {
		fprintf(stderr, "mkcert: %s cannot be read\n", path);
		exit(1);
	}
}

static void write_pem(const char *path, const char *suffix, const struct buf *pem)
{
	FILE *f = must_open(path, suffix, "w");
	size_t n = fwrite(pem->p, 1, pem->len, f);

	if (fclose(f) != 0 || n != pem->len) {
		perror(path);
		exit(1);
	}
}

static int64_t when(int argc, char **argv, const char *name, const char *otherwise)
{
	return (int64_t)time(NULL) + (int64_t)atoi(value_of(argc, argv, name, otherwise)) * DAY -
	       3600;
}

int main(int argc, char **argv)
{
	const char *out = value_of(argc, argv, "out", NULL);
	const char *issuer_file = value_of(argc, argv, "issuer", NULL);
	struct testcert issuer = {.cn = NULL};
	struct testcert c = {.cn = value_of(argc, argv, "cn", "John"),
			     .email = value_of(argc, argv, "email", NULL),
			     .subject_email = value_of(argc, argv, "subject_email", NULL),
			     .key = value_of(argc, argv, "key", "rsa2048"),
			     .usage = value_of(argc, argv, "usage", NULL),
			     .extended = value_of(argc, argv, "extended", NULL),
			     .ca = value_of(argc, argv, "ca", NULL) != NULL,
			     .not_before = when(argc, argv, "from", "-1"),
			     .not_after = when(argc, argv, "to", "300"),
			     .issuer = issuer_file != NULL ? &issuer : NULL};
	struct buf pem;

	if (out == NULL) {
		fputs("usage: mkcert out=FILE NAME=VALUE ...\n", stderr);
		return 2;
	}
	if (issuer_file != NULL)
		read_issuer(issuer_file, &issuer);
	buf_init(&pem, 100000);
	testcert_make(&c);
	testcert_pem(&c, &pem);
	write_pem(out, "", &pem);
	pem.len = 0;
	testcert_key_pem(&c, &pem);
	write_pem(out, ".key", &pem);
	buf_clear(&pem);
	testcert_free(&c);
	testcert_free(&issuer);
	return 0;
}
