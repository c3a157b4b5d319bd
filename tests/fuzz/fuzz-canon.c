/* Header fields and bodies in their canonical forms, against a plain reading of RFC 6376 3.4; and bodies in pieces, which
 * must not matter. Input: which way, where to cut, then a body (or the value of a field). */
#include <string.h>

#include "dkim/bodyhash.h"
#include "dkim/canon.h"
#include "fuzz.h"

enum { OUT_MAX = 1 << 22 };

static void put(struct buf *out, char c)
{
	PROMISE(buf_addc(out, c, NULL) == RC_OK);
}

/* Line by line: the next line without its end; a bare LF is a line end, as the MTA sends it. *ENDED: it had one. */
static struct span next_line(struct span *rest, bool *ended)
{
	size_t lf = span_find(*rest, '\n', 0);
	struct span line = span_sub(*rest, 0, lf);

	*ended = lf < rest->len;
	if (*ended && line.len > 0 && line.p[line.len - 1] == '\r')
		line.len--;
	*rest = span_from(*rest, lf + 1);
	return line;
}

/* RFC 6376 3.4.4: white space at the end goes, a run of it within the line is one SP. */
static void put_relaxed(struct span line, struct buf *out)
{
	while (line.len > 0 && is_wsp(line.p[line.len - 1]))
		line.len--;
	for (size_t i = 0; i < line.len; i++) {
		if (!is_wsp(line.p[i]))
			put(out, line.p[i]);
		else if (i + 1 == line.len || !is_wsp(line.p[i + 1]))
			put(out, ' ');
	}
}

static bool ends_in_empty_line(const struct buf *out)
{
	return out->len >= 4 && memcmp(out->p + out->len - 4, "\r\n\r\n", 4) == 0;
}

/* RFC 6376 3.4.3, 3.4.4. */
static void plain_body(enum canon c, struct span body, struct buf *out)
{
	while (body.len > 0) {
		bool ended;
		struct span line = next_line(&body, &ended);

		if (c == CANON_RELAXED)
			put_relaxed(line, out);
		else
			PROMISE(buf_add(out, line, NULL) == RC_OK);
		PROMISE(buf_adds(out, "\r\n", NULL) == RC_OK);
	}
	while (ends_in_empty_line(out))
		out->len -= 2;
	if (out->len == 2) /* nothing but empty lines */
		out->len = 0;
	if (out->len == 0 && c == CANON_SIMPLE)
		PROMISE(buf_adds(out, "\r\n", NULL) == RC_OK);
}

/* BODY in pieces of STEP bytes, the first one of FIRST. */
static void hash_pieces(enum canon c, uint64_t limit, struct span body, size_t first, size_t step,
			uint8_t ret[SHA256_LEN], uint64_t *ret_length)
{
	struct bodyhash *bh = NULL;

	PROMISE(bodyhash_new(c, limit, &bh, NULL) == RC_OK);
	for (size_t at = 0, len = first; at < body.len; at += len, len = step) {
		/* Each in memory of its own, so that the sanitizers see a byte too far. */
		struct span piece = span_sub(body, at, len);
		char *copy = malloc(piece.len + 1);

		PROMISE(copy != NULL);
		memcpy(copy, piece.p, piece.len);
		PROMISE(bodyhash_update(bh, span_of(copy, piece.len), NULL) == RC_OK);
		free(copy);
	}
	PROMISE(bodyhash_finish(bh, ret, ret_length, NULL) == RC_OK);
	bodyhash_free(bh);
}

static void check_body(enum canon c, uint64_t limit, struct span body, size_t first, size_t step)
{
	uint8_t want[SHA256_LEN], got[SHA256_LEN];
	uint64_t length;
	struct buf plain;

	buf_init(&plain, OUT_MAX);
	plain_body(c, body, &plain);
	PROMISE(sha256_of(span_sub(buf_span(&plain), 0, limit), want, NULL) == RC_OK);
	hash_pieces(c, limit, body, body.len, 1, got, &length);
	PROMISE(memcmp(got, want, SHA256_LEN) == 0 && length == plain.len);
	hash_pieces(c, limit, body, first, step, got, &length);
	PROMISE(memcmp(got, want, SHA256_LEN) == 0 && length == plain.len);
	buf_clear(&plain);
}

/* RFC 6376 3.4.2: unfolded, runs of white space are one SP, none at the ends. Of a value line ends are taken away
 * wherever they stand. */
static void plain_relaxed_field(struct span value, struct buf *out)
{
	struct buf unfolded;
	size_t first = 0;

	buf_init(&unfolded, OUT_MAX);
	for (size_t i = 0; i < value.len; i++)
		if (value.p[i] != '\n' &&
		    (value.p[i] != '\r' || i + 1 == value.len || value.p[i + 1] != '\n'))
			put(&unfolded, value.p[i]);
	while (first < unfolded.len && is_wsp(unfolded.p[first]))
		first++;
	PROMISE(buf_adds(out, "subject:", NULL) == RC_OK);
	put_relaxed(span_from(buf_span(&unfolded), first), out);
	PROMISE(buf_adds(out, "\r\n", NULL) == RC_OK);
	buf_clear(&unfolded);
}

static void plain_simple_field(struct span value, struct buf *out)
{
	PROMISE(buf_adds(out, "SubJect:", NULL) == RC_OK);
	for (size_t i = 0; i < value.len; i++) {
		if (value.p[i] == '\n' && (i == 0 || value.p[i - 1] != '\r'))
			put(out, '\r');
		put(out, value.p[i]);
	}
	PROMISE(buf_adds(out, "\r\n", NULL) == RC_OK);
}

static void check_field(enum canon c, struct span value)
{
	const struct field field = {SPAN_LIT("SubJect"), value, false};
	struct buf want, got;

	buf_init(&want, OUT_MAX);
	buf_init(&got, OUT_MAX);
	if (c == CANON_RELAXED)
		plain_relaxed_field(value, &want);
	else
		plain_simple_field(value, &want);
	PROMISE(canon_field(c, &field, &got, NULL) == RC_OK);
	PROMISE(span_eq(buf_span(&got), buf_span(&want)));
	buf_clear(&want);
	buf_clear(&got);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span rest;
	uint64_t limit;
	enum canon c;

	if (size < 4)
		return 0;
	c = (data[0] & 1) != 0 ? CANON_RELAXED : CANON_SIMPLE;
	limit = (data[0] & 2) != 0 ? data[3] : UINT64_MAX;
	rest = span_of(data + 4, size - 4);
	check_body(c, limit, rest, data[1], (size_t)data[2] + 1);
	check_field(c, rest);
	return 0;
}
