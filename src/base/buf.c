#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUF_FIRST = 256 };

void buf_init(struct buf *b, size_t max)
{
	memset(b, 0, sizeof(*b));
	b->max = max;
}

void buf_clear(struct buf *b)
{
	size_t max = b->max;

	free(b->p);
	buf_init(b, max);
}

void buf_wipe(struct buf *b)
{
	if (b->p != NULL)
		explicit_bzero(b->p, b->cap);
	buf_clear(b);
}

/* One byte more than asked for is always there: buf_cstr() and buf_addf() put their NUL in it.
 * A secret must not be left behind by realloc(), so the old block is copied and overwritten. */
enum rc buf_reserve(struct buf *b, size_t extra, struct err *err)
{
	size_t cap = b->cap != 0 ? b->cap : BUF_FIRST;
	char *grown;

	if (extra > b->max || b->len > b->max - extra)
		return err_set(err, RC_LIMIT, "more than %zu bytes", b->max);
	if (b->cap > b->len + extra)
		return RC_OK;
	while (cap <= b->len + extra)
		cap *= 2;
	grown = malloc(cap);
	if (grown == NULL)
		return err_set(err, RC_NOMEM, "out of memory (%zu bytes)", cap);
	if (b->p != NULL) {
		memcpy(grown, b->p, b->len);
		explicit_bzero(b->p, b->cap);
		free(b->p);
	}
	b->p = grown;
	b->cap = cap;
	return RC_OK;
}

enum rc buf_add(struct buf *b, struct span s, struct err *err)
{
	enum rc rc = buf_reserve(b, s.len, err);

	if (rc != RC_OK || s.len == 0)
		return rc;
	memcpy(b->p + b->len, s.p, s.len);
	b->len += s.len;
	return RC_OK;
}

enum rc buf_addc(struct buf *b, char c, struct err *err)
{
	return buf_add(b, span_of(&c, 1), err);
}

enum rc buf_adds(struct buf *b, const char *s, struct err *err)
{
	return buf_add(b, span_str(s), err);
}

enum rc buf_addf(struct buf *b, struct err *err, const char *fmt, ...)
{
	va_list args;
	int wanted;
	enum rc rc;

	va_start(args, fmt);
	wanted = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (wanted < 0)
		return err_set(err, RC_INPUT, "text cannot be formatted");
	rc = buf_reserve(b, (size_t)wanted, err);
	if (rc != RC_OK)
		return rc;
	va_start(args, fmt);
	vsnprintf(b->p + b->len, (size_t)wanted + 1, fmt, args);
	va_end(args);
	b->len += (size_t)wanted;
	return RC_OK;
}

struct span buf_span(const struct buf *b)
{
	return span_of(b->p, b->len);
}

const char *buf_cstr(struct buf *b)
{
	if (buf_reserve(b, 0, NULL) != RC_OK)
		return NULL;
	b->p[b->len] = '\0';
	return b->p;
}
