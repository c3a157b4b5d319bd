#include "tool/maildirname.h"

#include <string.h>

enum { NAME_BYTES_MAX = 255, DIGITS_MAX = 18, ROOM = 1024 };

static const struct span mark = {",mailseal", 9};

struct span maildirname_base(struct span name)
{
	return span_sub(name, 0, span_find(name, ':', 0));
}

struct span maildirname_stem(struct span name)
{
	struct span base = maildirname_base(name);

	return span_sub(base, 0, span_find(base, ',', 0));
}

bool maildirname_is_between(struct span name)
{
	return span_ends(maildirname_base(name), mark);
}

static enum rc check_length(struct span name, size_t more, struct err *err)
{
	if (name.len + more <= NAME_BYTES_MAX)
		return RC_OK;
	return err_set(err, RC_LIMIT, "its name would be longer than %d bytes", NAME_BYTES_MAX);
}

enum rc maildirname_between(struct span name, struct buf *out, struct err *err)
{
	struct span stem = maildirname_stem(name), base = maildirname_base(name);
	struct span info = span_from(name, base.len);
	enum rc rc = check_length(stem, mark.len + info.len, err);

	if (rc == RC_OK)
		rc = buf_add(out, stem, err);
	if (rc == RC_OK)
		rc = buf_add(out, mark, err);
	return rc == RC_OK ? buf_add(out, info, err) : rc;
}

/* Where the digits behind ",KEY=" stand in BASE; an empty span where there are none, or too many. */
static struct span digits_of(struct span base, char key)
{
	char what[] = {',', key, '='};
	size_t at = span_search(base, span_of(what, sizeof(what)), 0, false);
	struct span rest = span_from(base, at < base.len ? at + sizeof(what) : at);
	size_t len = 0;

	while (len < rest.len && is_ascii_digit(rest.p[len]))
		len++;
	if (len > DIGITS_MAX || (len < rest.len && rest.p[len] != ','))
		return SPAN_NONE;
	return span_sub(rest, 0, len);
}

bool maildirname_size(struct span name, char key, uint64_t *ret)
{
	struct span digits = digits_of(maildirname_base(name), key);
	uint64_t size = 0;

	for (size_t i = 0; i < digits.len; i++)
		size = size * 10 + (uint64_t)(digits.p[i] - '0');
	if (digits.len > 0)
		*ret = size;
	return digits.len > 0;
}

/* BASE with the number behind ",KEY=" changed, or put in at its end, or as it is. */
static enum rc put_size(struct buf *base, char key, uint64_t size, bool add, struct err *err)
{
	struct span digits = digits_of(buf_span(base), key);
	/* Where they begin, or where they will. */
	size_t from = digits.len > 0 ? (size_t)(digits.p - base->p) : base->len;
	char behind[ROOM];
	size_t len = base->len - from - digits.len;
	enum rc rc = RC_OK;

	if (digits.len == 0 && !add)
		return RC_OK;
	memcpy(behind, base->p + from + digits.len, len);
	base->len = from;
	if (digits.len == 0)
		rc = buf_addf(base, err, ",%c=", key);
	if (rc == RC_OK)
		rc = buf_addf(base, err, "%llu", (unsigned long long)size);
	return rc == RC_OK ? buf_add(base, span_of(behind, len), err) : rc;
}

enum rc maildirname_resize(struct span name, uint64_t size, uint64_t crlf_size, bool add,
			   struct buf *out, struct err *err)
{
	struct span old = maildirname_base(name), info = span_from(name, old.len);
	struct buf base;
	enum rc rc = check_length(name, 0, err);

	if (rc != RC_OK)
		return rc;
	if (maildirname_is_between(name))
		old.len -= mark.len;
	buf_init(&base, ROOM);
	rc = buf_add(&base, old, err);
	if (rc == RC_OK)
		rc = put_size(&base, 'S', size, add, err);
	if (rc == RC_OK)
		rc = put_size(&base, 'W', crlf_size, add, err);
	if (rc == RC_OK)
		rc = check_length(buf_span(&base), info.len, err);
	if (rc == RC_OK)
		rc = buf_add(out, buf_span(&base), err);
	if (rc == RC_OK)
		rc = buf_add(out, info, err);
	buf_clear(&base);
	return rc;
}
