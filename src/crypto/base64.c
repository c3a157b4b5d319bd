#include "crypto/base64.h"

#include <limits.h>
#include <openssl/evp.h>
#include <string.h>

enum rc base64_encode(struct span bytes, struct buf *out, struct err *err)
{
	enum rc rc;
	int len;

	/* EVP_EncodeBlock() counts in int. */
	if (bytes.len > INT_MAX / 2)
		return err_set(err, RC_LIMIT, "%zu bytes are too many for base64", bytes.len);
	/* Its final NUL goes where buf_reserve() keeps one byte more than asked for. */
	rc = buf_reserve(out, (bytes.len + 2) / 3 * 4, err);
	if (rc != RC_OK || bytes.len == 0)
		return rc;
	len = EVP_EncodeBlock((unsigned char *)out->p + out->len, (const unsigned char *)bytes.p,
			      (int)bytes.len);
	out->len += (size_t)len;
	return RC_OK;
}

/* One group of four characters. What OpenSSL makes of it is encoded again: only the canonical spelling
 * comes out the same, which excludes a '=' in the middle, bits left over, and every other character. */
static size_t decode_quad(const char quad[4], unsigned char ret[3])
{
	unsigned char again[5];
	size_t len = 3;

	for (size_t i = 3; i >= 2 && quad[i] == '='; i--)
		len--;
	if (EVP_DecodeBlock(ret, (const unsigned char *)quad, 4) != 3)
		return 0;
	EVP_EncodeBlock(again, ret, (int)len);
	return memcmp(again, quad, 4) == 0 ? len : 0;
}

static bool is_fws(char c)
{
	return is_wsp(c) || c == '\r' || c == '\n';
}

enum rc base64_decode(struct span text, struct buf *out, struct err *err)
{
	size_t old_len = out->len;
	unsigned char bytes[3];
	char quad[4];
	size_t filled = 0;
	size_t got = 3; /* bytes of the last group: fewer than 3 must be the end */
	enum rc rc = RC_OK;

	for (size_t i = 0; i < text.len && rc == RC_OK; i++) {
		if (is_fws(text.p[i]))
			continue;
		quad[filled++] = text.p[i];
		if (filled < sizeof(quad))
			continue;
		filled = 0;
		if (got == 3 && (got = decode_quad(quad, bytes)) > 0)
			rc = buf_add(out, span_of(bytes, got), err);
		else
			rc = err_set(err, RC_INPUT, "no base64 at character %zu", i + 1);
	}
	if (rc == RC_OK && filled != 0)
		rc = err_set(err, RC_INPUT, "base64 is cut short: %zu characters left over",
			     filled);
	if (rc != RC_OK)
		out->len = old_len;
	return rc;
}
