#include "smime/cmsread.h"

#include <string.h>

enum {
	TAG_INTEGER = 0x02,
	TAG_OCTETS = 0x04,
	TAG_OCTETS_PARTS = 0x24, /* constructed */
	TAG_OID = 0x06,
	TAG_SEQUENCE = 0x30,
	TAG_SET = 0x31,
	TAG_0 = 0x80, /* [0], primitive */
	TAG_0_PARTS = 0xa0,
	TAG_1_PARTS = 0xa1,
	/* RFC 5084 3.2: 12 to 16 octets; fewer would be guessed. */
	MAC_MIN = 12,
	MAC_MAX = 16
};

static const char oid_enveloped[] = "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03";
static const char oid_auth_enveloped[] = "\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x17";

/* Tag and length of one element as they stand. */
struct element {
	unsigned char raw[12];
	size_t raw_len;
	unsigned char tag;
	bool indefinite;
	uint64_t len;
};

static enum rc cut(struct err *err)
{
	return err_set(err, RC_INPUT, "the envelope is cut: it ends in the middle");
}

/* There is at least one octet to take, unless it is the end: *RET_MORE. */
static enum rc fill(struct cmsread *c, bool *ret_more, struct err *err)
{
	enum rc rc = RC_OK;

	if (c->in_at == c->in_len) {
		c->in_at = c->in_len = 0;
		rc = c->pull(c->ctx, c->in, sizeof(c->in), &c->in_len, err);
	}
	*ret_more = c->in_at < c->in_len;
	return rc;
}

static enum rc take(struct cmsread *c, unsigned char *ret, struct err *err)
{
	bool more;
	enum rc rc = fill(c, &more, err);

	if (rc == RC_OK && !more)
		return cut(err);
	if (rc == RC_OK) {
		*ret = c->in[c->in_at++];
		c->pos++;
	}
	return rc;
}

static enum rc peek(struct cmsread *c, unsigned char *ret, struct err *err)
{
	enum rc rc = take(c, ret, err);

	if (rc == RC_OK) {
		c->in_at--;
		c->pos--;
	}
	return rc;
}

/* X.690 8.1.3.5: the long form. */
static enum rc take_long_length(struct cmsread *c, struct element *e, size_t octets,
				struct err *err)
{
	enum rc rc = RC_OK;

	if (octets > 8)
		return err_set(err, RC_INPUT, "no envelope: a length of %zu octets", octets);
	e->len = 0;
	for (size_t i = 0; i < octets && rc == RC_OK; i++) {
		rc = take(c, &e->raw[e->raw_len], err);
		if (rc == RC_OK)
			e->len = e->len << 8 | e->raw[e->raw_len++];
	}
	if (rc == RC_OK && e->len > INT64_MAX)
		return err_set(err, RC_INPUT, "no envelope: a length that no file has");
	return rc;
}

static enum rc take_element(struct cmsread *c, struct element *e, struct err *err)
{
	enum rc rc;

	memset(e, 0, sizeof(*e));
	rc = take(c, &e->raw[0], err);
	if (rc == RC_OK)
		rc = take(c, &e->raw[1], err);
	if (rc != RC_OK)
		return rc;
	e->tag = e->raw[0];
	e->raw_len = 2;
	e->len = e->raw[1];
	if ((e->tag & 0x1f) == 0x1f)
		return err_set(err, RC_INPUT, "no envelope: a tag of several octets");
	e->indefinite = e->raw[1] == 0x80;
	if (e->indefinite && (e->tag & 0x20) == 0)
		return err_set(err, RC_INPUT, "no envelope: a string without an end");
	return e->raw[1] > 0x80 ? take_long_length(c, e, e->raw[1] & 0x7f, err) : RC_OK;
}

static enum rc wrong_tag(unsigned char got, const char *what, struct err *err)
{
	return err_set(err, RC_INPUT, "no envelope: no %s where one has to be (tag %02x)", what,
		       got);
}

static struct cms_level level_of(const struct cmsread *c, const struct element *e)
{
	return (struct cms_level){.indefinite = e->indefinite, .end = c->pos + e->len};
}

static enum rc enter(struct cmsread *c, unsigned char tag, const char *what, struct cms_level *ret,
		     struct err *err)
{
	struct element e;
	enum rc rc = take_element(c, &e, err);

	if (rc != RC_OK)
		return rc;
	if (e.tag != tag)
		return wrong_tag(e.tag, what, err);
	*ret = level_of(c, &e);
	return RC_OK;
}

/* Is LEVEL at its end? The octets that end an indefinite one are taken. */
static enum rc at_end(struct cmsread *c, const struct cms_level *level, bool *ret, struct err *err)
{
	unsigned char octet = 0;
	enum rc rc;

	*ret = false;
	if (!level->indefinite) {
		if (c->pos > level->end)
			return err_set(err, RC_INPUT,
				       "no envelope: an element is longer than what it is in");
		*ret = c->pos == level->end;
		return RC_OK;
	}
	rc = peek(c, &octet, err);
	if (rc != RC_OK || octet != 0)
		return rc;
	rc = take(c, &octet, err);
	if (rc == RC_OK)
		rc = take(c, &octet, err);
	if (rc == RC_OK && octet != 0)
		return err_set(err, RC_INPUT, "no envelope: an end mark with a length");
	*ret = true;
	return rc;
}

static enum rc leave(struct cmsread *c, const struct cms_level *level, struct err *err)
{
	bool end;
	enum rc rc = at_end(c, level, &end, err);

	if (rc == RC_OK && !end)
		return err_set(err, RC_INPUT, "no envelope: more elements than it may have");
	return rc;
}

static enum rc copy_octets(struct cmsread *c, uint64_t len, struct buf *out, struct err *err)
{
	enum rc rc = RC_OK;

	while (len > 0 && rc == RC_OK) {
		size_t part;
		bool more;

		rc = fill(c, &more, err);
		if (rc == RC_OK && !more)
			rc = cut(err);
		if (rc != RC_OK)
			break;
		part = c->in_len - c->in_at < len ? c->in_len - c->in_at : (size_t)len;
		rc = buf_add(out, span_of(c->in + c->in_at, part), err);
		c->in_at += part;
		c->pos += part;
		len -= part;
	}
	return rc;
}

static enum rc copy_inside(struct cmsread *c, const struct element *e, int depth, struct buf *out,
			   struct err *err);

/* One element as it stands, with all that is in it. */
static enum rc copy_element(struct cmsread *c, int depth, struct buf *out, struct err *err)
{
	struct element e;
	enum rc rc = take_element(c, &e, err);

	if (rc == RC_OK)
		rc = buf_add(out, span_of(e.raw, e.raw_len), err);
	return rc == RC_OK ? copy_inside(c, &e, depth, out, err) : rc;
}

static enum rc copy_inside(struct cmsread *c, const struct element *e, int depth, struct buf *out,
			   struct err *err)
{
	struct cms_level level = level_of(c, e);
	bool end = false;
	enum rc rc = RC_OK;

	if (!e->indefinite)
		return copy_octets(c, e->len, out, err);
	if (depth >= CMS_NESTED_MAX)
		return err_set(err, RC_INPUT, "no envelope: elements nested too deeply");
	while (rc == RC_OK && !end) {
		rc = at_end(c, &level, &end, err);
		if (rc == RC_OK && !end)
			rc = copy_element(c, depth + 1, out, err);
	}
	return rc == RC_OK ? buf_add(out, span_of("\0\0", 2), err) : rc;
}

static enum rc copy_if(struct cmsread *c, unsigned char tag, struct buf *out, struct err *err)
{
	unsigned char got = 0;
	enum rc rc = peek(c, &got, err);

	return rc == RC_OK && got == tag ? copy_element(c, 0, out, err) : rc;
}

static enum rc copy_one(struct cmsread *c, unsigned char tag, const char *what, struct buf *out,
			struct err *err)
{
	unsigned char got = 0;
	enum rc rc = peek(c, &got, err);

	if (rc == RC_OK && got != tag)
		return wrong_tag(got, what, err);
	return rc == RC_OK ? copy_element(c, 0, out, err) : rc;
}

/* ContentInfo: contentType, [0] content. */
static enum rc begin_info(struct cmsread *c, struct err *err)
{
	struct span oid;
	enum rc rc = enter(c, TAG_SEQUENCE, "ContentInfo", &c->info, err);

	if (rc == RC_OK)
		rc = copy_one(c, TAG_OID, "content type", &c->oid, err);
	if (rc != RC_OK)
		return rc;
	oid = buf_span(&c->oid);
	c->authenticated =
		span_eq(oid, span_of(oid_auth_enveloped, sizeof(oid_auth_enveloped) - 1));
	if (!c->authenticated && !span_eq(oid, span_of(oid_enveloped, sizeof(oid_enveloped) - 1)))
		return err_set(err, RC_INPUT, "a CMS structure that is no envelope");
	return enter(c, TAG_0_PARTS, "content", &c->explicit0, err);
}

/* version, originatorInfo [0] or not, recipientInfos. */
static enum rc begin_data(struct cmsread *c, struct err *err)
{
	enum rc rc = enter(c, TAG_SEQUENCE, "EnvelopedData", &c->data, err);

	if (rc == RC_OK)
		rc = copy_one(c, TAG_INTEGER, "version", &c->before, err);
	if (rc == RC_OK)
		rc = copy_if(c, TAG_0_PARTS, &c->before, err);
	if (rc == RC_OK)
		rc = copy_one(c, TAG_SET, "set of recipients", &c->before, err);
	return rc;
}

/* The content may be one string or many. */
static enum rc begin_content(struct cmsread *c, struct err *err)
{
	struct element e;
	bool end;
	enum rc rc = at_end(c, &c->content_info, &end, err);

	if (rc == RC_OK && end)
		return err_set(err, RC_INPUT, "the envelope is empty: it has no content");
	if (rc == RC_OK)
		rc = take_element(c, &e, err);
	if (rc != RC_OK)
		return rc;
	if (e.tag == TAG_0)
		c->string_left = e.len;
	else if (e.tag == TAG_0_PARTS)
		c->strings[c->n_strings++] = level_of(c, &e);
	else
		return wrong_tag(e.tag, "encrypted content", err);
	return RC_OK;
}

enum rc cmsread_begin(struct cmsread *c, cms_pull *pull, void *ctx, struct err *err)
{
	enum rc rc;

	memset(c, 0, sizeof(*c));
	c->pull = pull;
	c->ctx = ctx;
	buf_init(&c->oid, 32);
	buf_init(&c->before, CMS_HEAD_MAX);
	buf_init(&c->type, 1024);
	buf_init(&c->algorithm, 1024);
	buf_init(&c->behind, CMS_TAIL_MAX);
	rc = begin_info(c, err);
	if (rc == RC_OK)
		rc = begin_data(c, err);
	if (rc == RC_OK)
		rc = enter(c, TAG_SEQUENCE, "EncryptedContentInfo", &c->content_info, err);
	if (rc == RC_OK)
		rc = copy_one(c, TAG_OID, "content type", &c->type, err);
	if (rc == RC_OK)
		rc = copy_one(c, TAG_SEQUENCE, "cipher", &c->algorithm, err);
	if (rc == RC_OK)
		rc = buf_add(&c->type, buf_span(&c->algorithm), err);
	return rc == RC_OK ? begin_content(c, err) : rc;
}

/* On to the next primitive string that is not empty; none left: string_left stays 0. */
static enum rc next_string(struct cmsread *c, struct err *err)
{
	enum rc rc = RC_OK;

	while (rc == RC_OK && c->n_strings > 0 && c->string_left == 0) {
		struct element e;
		bool end;

		rc = at_end(c, &c->strings[c->n_strings - 1], &end, err);
		if (rc == RC_OK && end) {
			c->n_strings--;
			continue;
		}
		if (rc == RC_OK)
			rc = take_element(c, &e, err);
		if (rc != RC_OK)
			break;
		if (e.tag == TAG_OCTETS)
			c->string_left = e.len;
		else if (e.tag == TAG_OCTETS_PARTS && c->n_strings < CMS_NESTED_MAX)
			c->strings[c->n_strings++] = level_of(c, &e);
		else
			rc = wrong_tag(e.tag, "string", err);
	}
	return rc;
}

enum rc cmsread_content(struct cmsread *c, unsigned char *room, size_t size, size_t *ret_len,
			struct err *err)
{
	size_t len;
	bool more;
	enum rc rc = next_string(c, err);

	*ret_len = 0;
	if (rc != RC_OK || c->string_left == 0)
		return rc;
	rc = fill(c, &more, err);
	if (rc == RC_OK && !more)
		rc = cut(err);
	if (rc != RC_OK)
		return rc;
	len = c->in_len - c->in_at < size ? c->in_len - c->in_at : size;
	len = len < c->string_left ? len : (size_t)c->string_left;
	memcpy(room, c->in + c->in_at, len);
	c->in_at += len;
	c->pos += len;
	c->string_left -= len;
	*ret_len = len;
	return RC_OK;
}

/* RFC 5083 2.1: authAttrs [1] or not, mac. */
static enum rc take_mac(struct cmsread *c, struct err *err)
{
	struct element e;
	unsigned char tag = 0;
	enum rc rc = peek(c, &tag, err);

	if (rc == RC_OK && tag == TAG_1_PARTS)
		return err_set(err, RC_INPUT,
			       "the envelope has authenticated attributes, which OpenSSL cannot "
			       "check");
	if (rc == RC_OK)
		rc = take_element(c, &e, err);
	if (rc != RC_OK)
		return rc;
	if (e.tag != TAG_OCTETS)
		return wrong_tag(e.tag, "authentication tag", err);
	if (e.len < MAC_MIN || e.len > MAC_MAX)
		return err_set(err, RC_INPUT,
			       "the envelope's authentication tag has %llu octets, not %d to %d",
			       (unsigned long long)e.len, MAC_MIN, MAC_MAX);
	c->mac_len = (size_t)e.len;
	rc = buf_add(&c->behind, span_of(e.raw, e.raw_len), err);
	return rc == RC_OK ? copy_octets(c, e.len, &c->behind, err) : rc;
}

/* Attributes that nothing protects: read over, not kept. */
static enum rc skip_attributes(struct cmsread *c, struct err *err)
{
	struct buf unused;
	bool end = false;
	enum rc rc = RC_OK;

	buf_init(&unused, CMS_TAIL_MAX);
	while (rc == RC_OK && !end) {
		rc = at_end(c, &c->data, &end, err);
		if (rc == RC_OK && !end)
			rc = copy_element(c, 0, &unused, err);
	}
	buf_clear(&unused);
	return rc;
}

enum rc cmsread_end(struct cmsread *c, struct err *err)
{
	enum rc rc = leave(c, &c->content_info, err);

	if (rc == RC_OK && c->authenticated)
		rc = take_mac(c, err);
	if (rc == RC_OK)
		rc = skip_attributes(c, err);
	if (rc == RC_OK)
		rc = leave(c, &c->explicit0, err);
	return rc == RC_OK ? leave(c, &c->info, err) : rc;
}

enum rc cmsread_rebuild(const struct cmsread *c, struct buf *out, struct err *err)
{
	const struct span parts[] = {
		span_of("\x30\x80", 2), buf_span(&c->oid),	span_of("\xa0\x80\x30\x80", 4),
		buf_span(&c->before),	span_of("\x30\x80", 2), buf_span(&c->type),
		span_of("\0\0", 2),	buf_span(&c->behind),	span_of("\0\0\0\0\0\0", 6),
	};
	enum rc rc = RC_OK;

	for (size_t i = 0; i < COUNT_OF(parts) && rc == RC_OK; i++)
		rc = buf_add(out, parts[i], err);
	return rc;
}

void cmsread_clear(struct cmsread *c)
{
	buf_clear(&c->oid);
	buf_clear(&c->before);
	buf_clear(&c->type);
	buf_clear(&c->algorithm);
	buf_clear(&c->behind);
}
