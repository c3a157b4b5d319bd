/* A key record, as TXT and as the file that a record came in. */
#include "dkim/record.h"
#include "fuzz.h"

enum { TEXT_MAX = 1 << 16 };

static void check_key(const struct dkim_record *r)
{
	PROMISE(r->key != NULL && !key_has_private(r->key));
	PROMISE(key_type(r->key) == dkim_alg_key_type(r->alg));
	PROMISE(key_bits(r->key) == 256 ||
		(key_bits(r->key) >= KEY_RSA_MIN && key_bits(r->key) <= KEY_RSA_MAX));
}

/* What a record says of its key is written, read back, and the same. */
static void check_shown(const struct dkim_record *r)
{
	struct dkim_record back;
	struct buf base64, txt;

	buf_init(&base64, TEXT_MAX);
	buf_init(&txt, TEXT_MAX);
	PROMISE(r->revoked || key_public_base64(r->key, &base64, NULL) == RC_OK);
	PROMISE(dkim_record_show(r->alg, buf_span(&base64), r->testing, &txt, NULL) == RC_OK);
	PROMISE(dkim_record_read(buf_span(&txt), &back, NULL) == RC_OK);
	PROMISE(back.alg == r->alg && back.revoked == r->revoked && back.testing == r->testing);
	PROMISE(r->revoked ||
		span_eq_str(span_str(key_fingerprint(back.key)), key_fingerprint(r->key)));
	dkim_record_clear(&back);
	buf_clear(&base64);
	buf_clear(&txt);
}

static void check_record(struct span txt)
{
	struct err err = ERR_INIT;
	struct dkim_record r;
	enum rc rc = dkim_record_read(txt, &r, &err);

	PROMISE(rc == RC_OK || rc == RC_INPUT);
	if (rc != RC_OK) {
		PROMISE(err.text[0] != '\0');
		return;
	}
	PROMISE(r.revoked == (r.key == NULL));
	if (!r.revoked)
		check_key(&r);
	check_shown(&r);
	dkim_record_clear(&r);
}

static void check_file(struct span content)
{
	struct err err = ERR_INIT;
	struct buf value;
	enum rc rc;

	buf_init(&value, TEXT_MAX);
	rc = dkim_record_from_file(content, &value, &err);
	PROMISE(rc == RC_OK || rc == RC_INPUT || rc == RC_LIMIT);
	PROMISE(rc == RC_OK || err.text[0] != '\0');
	PROMISE(value.len <= content.len);
	if (rc == RC_OK)
		check_record(buf_span(&value));
	buf_clear(&value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_record(span_of(data, size));
	check_file(span_of(data, size));
	return 0;
}
