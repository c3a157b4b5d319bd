#include "dkim/headhash.h"

#include <stdlib.h>
#include <string.h>

#include "dkim/canon.h"

struct headhash {
	enum canon canon;
	struct sha256 *hash;
	struct buf scratch;
};

enum rc headhash_new(enum canon c, size_t max, struct headhash **ret, struct err *err)
{
	struct headhash *h = calloc(1, sizeof(*h));
	enum rc rc;

	if (h == NULL)
		return err_set(err, RC_NOMEM, "out of memory (hash of a header)");
	h->canon = c;
	buf_init(&h->scratch, max);
	rc = sha256_new(&h->hash, err);
	if (rc != RC_OK) {
		headhash_free(h);
		return rc;
	}
	*ret = h;
	return RC_OK;
}

struct headhash *headhash_free(struct headhash *h)
{
	if (h == NULL)
		return NULL;
	sha256_free(h->hash);
	buf_clear(&h->scratch);
	free(h);
	return NULL;
}

enum rc headhash_add(struct headhash *h, const struct field *field, struct err *err)
{
	enum rc rc;

	h->scratch.len = 0;
	rc = canon_field(h->canon, field, &h->scratch, err);
	if (rc == RC_OK)
		rc = sha256_update(h->hash, buf_span(&h->scratch), err);
	return rc;
}

/* The value of SELF without B, to OUT. */
static enum rc cut_signature(const struct field *self, struct span b, struct buf *out,
			     struct err *err)
{
	size_t at = (size_t)(b.p - self->value.p);
	enum rc rc = buf_add(out, span_sub(self->value, 0, at), err);

	if (rc == RC_OK)
		rc = buf_add(out, span_from(self->value, at + b.len), err);
	return rc;
}

/* RFC 6376 3.7: the field itself comes last, without its CRLF. */
static enum rc canon_self(struct headhash *h, const struct field *self, struct span b,
			  struct err *err)
{
	struct field without = *self;
	struct buf value;
	enum rc rc;

	buf_init(&value, self->value.len);
	rc = cut_signature(self, b, &value, err);
	without.value = buf_span(&value);
	h->scratch.len = 0;
	if (rc == RC_OK)
		rc = canon_field(h->canon, &without, &h->scratch, err);
	if (rc == RC_OK)
		h->scratch.len -= strlen("\r\n");
	buf_clear(&value);
	return rc;
}

enum rc headhash_finish(struct headhash *h, const struct field *self, struct span b,
			uint8_t ret[SHA256_LEN], struct err *err)
{
	struct sha256 *hash = NULL;
	enum rc rc = canon_self(h, self, b, err);

	if (rc == RC_OK)
		rc = sha256_copy(h->hash, &hash, err);
	if (rc == RC_OK)
		rc = sha256_update(hash, buf_span(&h->scratch), err);
	if (rc == RC_OK)
		rc = sha256_finish(hash, ret, err);
	sha256_free(hash);
	return rc;
}
