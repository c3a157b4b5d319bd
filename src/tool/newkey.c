#include "tool/newkey.h"

#include "directory/keystore.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum rc newkey_name(struct directory *d, const char *domain, enum dkim_alg alg, int64_t now,
		    char ret[64], struct err *err)
{
	const char *kind = alg == DKIM_RSA_SHA256 ? "rsa" : "ed";
	time_t when = (time_t)now;
	struct tm day;
	char name[64];

	if (gmtime_r(&when, &day) == NULL)
		return err_set(err, RC_INPUT, "the clock shows no valid date");
	for (int suffix = 'a'; suffix <= 'z'; suffix++) {
		char tail[2] = {suffix == 'a' ? '\0' : (char)suffix, '\0'};
		bool used;
		enum rc rc;

		snprintf(name, sizeof(name), "%s-%04d%02d%02d%s", kind, day.tm_year + 1900,
			 day.tm_mon + 1, day.tm_mday, tail);
		rc = d->ops->selector_name_used(d, domain, name, &used, err);
		if (rc != RC_OK)
			return rc;
		if (!used) {
			memcpy(ret, name, sizeof(name));
			return RC_OK;
		}
	}
	return err_set(err, RC_EXISTS, "domain %s: all 26 names like %s-%04d%02d%02d are used",
		       domain, kind, day.tm_year + 1900, day.tm_mon + 1, day.tm_mday);
}

static enum rc fill_row(const char *domain, const char *name, const struct key *key, int64_t now,
			struct arena *arena, struct selector *ret, struct err *err)
{
	struct buf base64;
	enum rc rc;

	buf_init(&base64, 8192);
	rc = key_public_base64(key, &base64, err);
	if (rc == RC_OK) {
		*ret = (struct selector){
			.domain = arena_strdup(arena, domain),
			.name = arena_strdup(arena, name),
			.alg = dkim_alg_of_key(key_type(key)),
			.state = SEL_STANDBY,
			.public_base64 = arena_strndup(arena, buf_span(&base64)),
			.bits = key_bits(key),
			.created = now,
		};
		memcpy(ret->fingerprint, key_fingerprint(key), sizeof(ret->fingerprint));
		if (ret->domain == NULL || ret->name == NULL || ret->public_base64 == NULL)
			rc = err_set(err, RC_NOMEM, "selector");
	}
	buf_clear(&base64);
	return rc;
}

enum rc newkey_store(struct directory *d, const char *state_dir, const char *domain,
		     const char *name, const struct key *key, int64_t now, struct arena *arena,
		     struct selector *ret, struct err *err)
{
	struct selector row;
	struct key *there = NULL;
	bool was_there = keystore_get(state_dir, key_fingerprint(key), &there, NULL) == RC_OK;
	enum rc rc = fill_row(domain, name, key, now, arena, &row, err);

	key_unref(there);
	if (rc == RC_OK)
		rc = keystore_put(state_dir, key, err);
	if (rc != RC_OK)
		return rc;
	rc = d->ops->selector_add(d, &row, err);
	if (rc != RC_OK && !was_there)
		(void)!keystore_discard(state_dir, row.fingerprint, NULL);
	if (rc == RC_OK)
		*ret = row;
	return rc;
}
