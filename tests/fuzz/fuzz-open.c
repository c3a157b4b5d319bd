/* A sealed message, opened with a key that fits some of the corpus. The first octet says how the body is encoded. */
#include <string.h>

#include "fuzz.h"
#include "smime/open.h"

/* Made for this and used nowhere else. */
static const char key_pem[] = "-----BEGIN PRIVATE KEY-----\n"
			      "MIICeAIBADANBgkqhkiG9w0BAQEFAASCAmIwggJeAgEAAoGBAMEw3KU9QlPUUmIB\n"
			      "5N6MC30AUWIkn3pY9S5AfYSoqIIBERCgKYp4lSAiy0Qfwby0tpQ2PdNMfP7/v6sE\n"
			      "sVh2Nwyy2WAmI8ZrhJSqHrTRzC4qMi0yJVtVbBWIxEF4CiLSwzq+6iww8BJrwsc2\n"
			      "zWo3yaMdTHpvF56LEOBg+ITLwgc5AgMBAAECgYEArUXB4IKdJsrcSQMh32kENM1A\n"
			      "MSJf10BKR32YFo+e81s5jwvXtlaIihYq8aL6BOKgjzZHJWkJAz0nD6BZ39nHbJFJ\n"
			      "axyoByOpH7jz7aIOCYjIZGaeoPpGT0b6brRjKVSHRo9IR0oyDbY4cRe4dXSR1gh8\n"
			      "/BT4IrNhXVOWtUdd0AECQQDjFKNfAYUVUCpXF77WOdirijNqNv04nP43V69nVFro\n"
			      "3MtRSzWezmklzUSLuxGh/TTf2voodUa7ooBDpNTynUS5AkEA2ctWk/ADppVmbjAZ\n"
			      "Bl++2BG3IglEaaxLeHlre68Dnc2UYlrNKwLp68dz3BrOtjRaMiQ4Mnor/7RD1he8\n"
			      "4y6WgQJBAJZAvajLdKeZl6pxB9DwDbHTjBmnsP2Yw40S8/jHFDAoiE+OGDiwE1rz\n"
			      "63sZmJ060ZWdaxECKH9XEs+vbUfrT+ECQQCi8casl/2jPFOOTN3sLuYRse9Zv6U3\n"
			      "inhMgkswFhiWj6BclaK6c0uf43GDU2skVrbEnOSOn2kbvjqiis//CHQBAkBCrTtC\n"
			      "UqQCXLqXWKv+e1TyyWtuyEaVSZnQMU0dbYjkFicJ6T8ZLqsYuXl/kgq8lKXxtsrx\n"
			      "S+0IHS1YDVF4+865\n"
			      "-----END PRIVATE KEY-----\n"
			      "-----BEGIN CERTIFICATE-----\n"
			      "MIIB/DCCAWWgAwIBAgIUM8CVza1XwvDI5uZ7/+3Hdz9XDyUwDQYJKoZIhvcNAQEL\n"
			      "BQAwDzENMAsGA1UEAwwEZnV6ejAgFw0yNjExMjcxMjM0NTNaGA8yMTI2MTEwMzEy\n"
			      "MzQ1M1owDzENMAsGA1UEAwwEZnV6ejCBnzANBgkqhkiG9w0BAQEFAAOBjQAwgYkC\n"
			      "gYEAwTDcpT1CU9RSYgHk3owLfQBRYiSfelj1LkB9hKioggEREKApiniVICLLRB/B\n"
			      "vLS2lDY900x8/v+/qwSxWHY3DLLZYCYjxmuElKoetNHMLioyLTIlW1VsFYjEQXgK\n"
			      "ItLDOr7qLDDwEmvCxzbNajfJox1Mem8XnosQ4GD4hMvCBzkCAwEAAaNTMFEwHQYD\n"
			      "VR0OBBYEFKKc/P6D29C8DaCGFfgD4PoQzUJbMB8GA1UdIwQYMBaAFKKc/P6D29C8\n"
			      "DaCGFfgD4PoQzUJbMA8GA1UdEwEB/wQFMAMBAf8wDQYJKoZIhvcNAQELBQADgYEA\n"
			      "rkvVHUGgj1OuqrO0cn5kyiTcacDE6ecaV22U5zWZKQcfvgVDw6upwJrAnATP7VrO\n"
			      "GmJ+3i8LqY9wjdx4XJ0jufg8MZ5tGfI5dBrvPZRzNtKUa4fDjwfVjZfK5mgjKI1a\n"
			      "gT0dQqg9yIoAsajEhjk5oTv9J4PRoX7B7nrOE+oJyDk=\n"
			      "-----END CERTIFICATE-----\n";

struct memory {
	struct span body;
	size_t at;
};

static enum rc memory_rewind(void *ctx, struct err *err)
{
	(void)err;
	((struct memory *)ctx)->at = 0;
	return RC_OK;
}

/* In pieces of changing size. */
static enum rc memory_read(void *ctx, char *room, size_t size, size_t *ret_len, struct err *err)
{
	struct memory *m = ctx;
	struct span part = span_sub(m->body, m->at, 1 + m->at % 61);

	(void)err;
	part = span_sub(part, 0, size);
	if (part.len > 0)
		memcpy(room, part.p, part.len);
	m->at += part.len;
	*ret_len = part.len;
	return RC_OK;
}

struct seen {
	int headers;
};

static enum rc see_header(void *ctx, const struct fields *inner, struct span raw, struct err *err)
{
	(void)err;
	PROMISE(++((struct seen *)ctx)->headers == 1);
	PROMISE(fields_count(inner) <= raw.len);
	return RC_OK;
}

static enum rc see_body(void *ctx, struct span piece, struct err *err)
{
	(void)err;
	PROMISE(((struct seen *)ctx)->headers == 1 && piece.len > 0);
	return RC_OK;
}

static const struct openkey *the_key(void)
{
	static struct openkey *key;

	if (key == NULL)
		PROMISE(openkey_read(span_str(key_pem), NULL, &key, NULL) == RC_OK &&
			openkey_n_certs(key) == 1);
	return key;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct memory m = {.body = span_from(span_of(data, size), 1)};
	struct open_source src = {.rewind = memory_rewind, .read = memory_read, .ctx = &m};
	struct seen seen = {0};
	struct open_sink sink = {.header = see_header, .body = see_body, .ctx = &seen};
	struct arena *arena = arena_new(65536);
	struct err err = ERR_INIT;
	struct fields fields;
	enum rc rc;

	PROMISE(arena != NULL);
	fields_init(&fields, arena, 1024);
	if (size > 0 && data[0] == 'B')
		PROMISE(fields_add(&fields, SPAN_LIT("Content-Transfer-Encoding"),
				   SPAN_LIT(" base64"), NULL) == RC_OK);
	rc = open_entity(the_key(), &fields, &src, &sink, &err);
	PROMISE(rc == RC_OK ? seen.headers == 1 : err.text[0] != '\0');
	PROMISE(rc == RC_OK || rc == RC_INPUT || rc == RC_PERM || rc == RC_LIMIT);
	fields_clear(&fields);
	arena_free(arena);
	return 0;
}
