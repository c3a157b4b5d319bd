/* For test scripts: mkuser DIR NAME... writes for each name DIR/NAME.pem, a certificate of NAME@example.com, and
 * DIR/NAME.key, its private key. */
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "testcert.h"

static void put(const char *dir, const char *name, const char *kind, const struct buf *text)
{
	struct err err = ERR_INIT;
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s.%s", dir, name, kind);
	if (file_write_atomic(path, buf_span(text), 0600, true, &err) != RC_OK) {
		fprintf(stderr, "mkuser: %s\n", err.text);
		exit(1);
	}
}

static void make_user(const char *dir, const char *name)
{
	char address[300];
	struct testcert c = {.cn = name, .email = address};
	struct buf cert, key;

	snprintf(address, sizeof(address), "%s@example.com", name);
	buf_init(&cert, 65536);
	buf_init(&key, 65536);
	testcert_make(&c);
	testcert_pem(&c, &cert);
	testcert_key_pem(&c, &key);
	put(dir, name, "pem", &cert);
	put(dir, name, "key", &key);
	buf_clear(&cert);
	buf_clear(&key);
	testcert_free(&c);
}

int main(int argc, char **argv)
{
	if (argc < 3) {
		fprintf(stderr, "usage: mkuser DIR NAME...\n");
		return 2;
	}
	for (int i = 2; i < argc; i++)
		make_user(argv[1], argv[i]);
	return 0;
}
