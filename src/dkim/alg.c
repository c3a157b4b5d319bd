#include "dkim/alg.h"

#include "base/attr.h"

/* RFC 6376 3.2: values are case-sensitive unless said otherwise, and here nothing is said. */
static const struct {
	const char *name;
	const char *key;
	enum key_type type;
} algs[DKIM_ALGS] = {
	[DKIM_RSA_SHA256] = {"rsa-sha256", "rsa", KEY_RSA},
	[DKIM_ED25519_SHA256] = {"ed25519-sha256", "ed25519", KEY_ED25519},
};

static const char *const canon_names[] = {
	[CANON_SIMPLE] = "simple",
	[CANON_RELAXED] = "relaxed",
};

const char *dkim_alg_name(enum dkim_alg a)
{
	return algs[a].name;
}

const char *dkim_alg_key(enum dkim_alg a)
{
	return algs[a].key;
}

bool dkim_alg_read(struct span s, enum dkim_alg *ret)
{
	for (size_t i = 0; i < DKIM_ALGS; i++) {
		if (span_eq_str(s, algs[i].name)) {
			*ret = (enum dkim_alg)i;
			return true;
		}
	}
	return false;
}

enum key_type dkim_alg_key_type(enum dkim_alg a)
{
	return algs[a].type;
}

enum dkim_alg dkim_alg_of_key(enum key_type t)
{
	return t == KEY_RSA ? DKIM_RSA_SHA256 : DKIM_ED25519_SHA256;
}

const char *canon_name(enum canon c)
{
	return canon_names[c];
}

static bool canon_read(struct span s, enum canon *ret)
{
	for (size_t i = 0; i < COUNT_OF(canon_names); i++) {
		if (span_eq_str(s, canon_names[i])) {
			*ret = (enum canon)i;
			return true;
		}
	}
	return false;
}

bool canon_pair_read(struct span s, enum canon *ret_header, enum canon *ret_body)
{
	size_t slash = span_find(s, '/', 0);
	enum canon header;
	enum canon body = CANON_SIMPLE;

	if (!canon_read(span_sub(s, 0, slash), &header))
		return false;
	if (slash != s.len && !canon_read(span_from(s, slash + 1), &body))
		return false;
	*ret_header = header;
	*ret_body = body;
	return true;
}
