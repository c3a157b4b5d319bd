#include "people.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "directory/directory.h"

enum { PEM_MAX = 65536, DAY = 86400, FIRST_SERIAL = 4096 };

static void must(enum rc rc, const char *what, const struct err *err)
{
	if (rc != RC_OK) {
		fprintf(stderr, "golden: %s: %s\n", what, err->text);
		exit(99);
	}
}

static bool next_word(struct span *line, char *ret, size_t size)
{
	struct span w;

	do {
		if (!span_split(line, ' ', &w))
			return false;
	} while (w.len == 0);
	snprintf(ret, size, "%.*s", SPAN_ARG(w));
	return true;
}

static void make(struct person *p, const char *keys_dir, const char *key, long serial)
{
	struct err err = ERR_INIT;
	char path[1200];

	snprintf(path, sizeof(path), "%s/%s.pem", keys_dir, key);
	buf_init(&p->key_pem, PEM_MAX);
	must(file_read(path, &p->key_pem, &err), path, &err);
	p->c.cn = p->name;
	p->c.key_pem = buf_cstr(&p->key_pem);
	p->c.serial = serial;
	testcert_make(&p->c);
}

static void make_authority(struct people *p, const char *keys_dir, int64_t now)
{
	strcpy(p->authority.name, "Authority");
	p->authority.c.ca = true;
	p->authority.c.not_before = now - (int64_t)10000 * DAY;
	p->authority.c.not_after = now + (int64_t)10000 * DAY;
	make(&p->authority, keys_dir, "authority", 1);
}

static void make_one(struct people *all, struct span line, const char *keys_dir, int64_t now)
{
	struct person *p = &all->at[all->n];
	char key[64], from[16], to[16];
	struct span rest = line;

	if (all->n == PEOPLE_MAX || !next_word(&rest, p->name, sizeof(p->name)) ||
	    !next_word(&rest, p->account, sizeof(p->account)) ||
	    !next_word(&rest, key, sizeof(key)) || !next_word(&rest, from, sizeof(from)) ||
	    !next_word(&rest, to, sizeof(to))) {
		fprintf(stderr, "golden: certificate '%.*s'?\n", SPAN_ARG(line));
		exit(99);
	}
	p->c.email = p->account[0] != '-' ? p->account : NULL;
	p->c.not_before = now + (int64_t)atoi(from) * DAY;
	p->c.not_after = now + (int64_t)atoi(to) * DAY;
	p->c.issuer = &all->authority.c;
	make(p, keys_dir, key, FIRST_SERIAL + (long)all->n++);
}

void people_make(struct people *p, struct span text, const char *keys_dir, int64_t now)
{
	struct span line;

	memset(p, 0, sizeof(*p));
	make_authority(p, keys_dir, now);
	while (span_split(&text, '\n', &line))
		if (line.len != 0 && line.p[0] != '#')
			make_one(p, line, keys_dir, now);
}

static void free_one(struct person *p)
{
	testcert_free(&p->c);
	buf_clear(&p->key_pem);
}

void people_free(struct people *p)
{
	for (size_t i = 0; i < p->n; i++)
		free_one(&p->at[i]);
	free_one(&p->authority);
	memset(p, 0, sizeof(*p));
}

static void add(struct directory *d, const struct person *p)
{
	struct cert *cert = testcert_cert(&p->c);
	struct user_cert u = {.account = p->account,
			      .pinned = true,
			      .kind = cert_kind(cert),
			      .bits = cert_bits(cert),
			      .not_before = cert_not_before(cert),
			      .not_after = cert_not_after(cert),
			      .added = cert_not_before(cert)};
	struct err err = ERR_INIT;
	struct buf der;

	buf_init(&der, PEM_MAX);
	must(cert_write_der(cert, &der, &err), p->name, &err);
	u.der = buf_span(&der);
	strcpy(u.fingerprint, cert_fingerprint(cert));
	must(d->ops->user_cert_add(d, &u, &err), p->name, &err);
	buf_clear(&der);
	cert_unref(cert);
}

static void write_pem(const struct person *p, const char *dir)
{
	struct err err = ERR_INIT;
	struct buf pem;
	char path[1200];

	snprintf(path, sizeof(path), "%s/%s.pem", dir, p->name);
	buf_init(&pem, PEM_MAX);
	testcert_pem(&p->c, &pem);
	must(file_write_atomic(path, buf_span(&pem), 0644, true, &err), path, &err);
	buf_clear(&pem);
}

void people_store(const struct people *p, const char *state_dir, const char *dir)
{
	struct directory *d = NULL;
	struct err err = ERR_INIT;

	must(directory_open(state_dir, DIRECTORY_WRITE, &d, &err), state_dir, &err);
	for (size_t i = 0; i < p->n; i++) {
		if (p->at[i].account[0] != '-')
			add(d, &p->at[i]);
		write_pem(&p->at[i], dir);
	}
	directory_close(d);
}
