#include "tool/msgtext.h"

#include <stddef.h>
#include <string.h>

enum { PIECES_MAX = 20000 };

struct piece {
	struct span name; /* of a field; empty for an mbox line */
	struct span text; /* with its line end; p == NULL: deleted */
};

/* From a line's first byte to behind its LF, or to the end. */
static struct span take_line(struct span *rest)
{
	size_t end = span_find(*rest, '\n', 0);
	struct span line = span_sub(*rest, 0, end + 1);

	*rest = span_from(*rest, line.len);
	return line;
}

static bool is_continuation(struct span rest)
{
	return rest.len > 0 && is_wsp(rest.p[0]);
}

static struct span name_of(struct span text)
{
	size_t colon = span_find(text, ':', 0);

	return colon < text.len ? span_trim(span_sub(text, 0, colon)) : SPAN_NONE;
}

static enum rc add_piece(struct msgtext *m, struct span text, struct err *err)
{
	struct piece *p = vec_push(&m->lines);

	if (p == NULL)
		return err_set(err, RC_LIMIT, "more than %d header fields", PIECES_MAX);
	*p = (struct piece){.name = name_of(text), .text = text};
	return RC_OK;
}

/* The header is what stands before BODY; the empty line between, if there is one, goes with the body. */
enum rc msgtext_init(struct msgtext *m, struct arena *arena, struct span raw, struct span body,
		     bool crlf, struct err *err)
{
	size_t header_len = body.p != NULL ? (size_t)(body.p - raw.p) : raw.len;
	struct span header = span_sub(raw, 0, header_len), line;
	enum rc rc = RC_OK;

	m->arena = arena;
	m->crlf = crlf;
	m->rest = span_from(raw, header_len);
	vec_init(&m->lines, sizeof(struct piece), PIECES_MAX);
	while (rc == RC_OK && header.len > 0) {
		const char *begin = header.p;

		line = take_line(&header);
		if (span_eq_str(line, "\n") || span_eq_str(line, "\r\n")) {
			m->rest = span_from(raw, (size_t)(begin - raw.p));
			break;
		}
		while (is_continuation(header))
			line.len += take_line(&header).len;
		rc = add_piece(m, line, err);
	}
	return rc;
}

void msgtext_clear(struct msgtext *m)
{
	vec_clear(&m->lines);
}

/* "NAME:VALUE" and a line end, folds as this file has them. */
static struct span make_field(struct msgtext *m, const char *name, const char *value)
{
	struct buf text;
	struct span made = SPAN_NONE, rest = span_str(value), line;
	const char *eol = m->crlf ? "\r\n" : "\n";
	enum rc rc;

	buf_init(&text, 1 << 20);
	rc = buf_addf(&text, NULL, "%s:", name);
	while (rc == RC_OK && span_split(&rest, '\n', &line)) {
		rc = buf_add(&text, line, NULL);
		if (rc == RC_OK)
			rc = buf_adds(&text, eol, NULL);
	}
	if (rc == RC_OK)
		made = arena_dup(m->arena, buf_span(&text));
	buf_clear(&text);
	return made;
}

static enum rc insert_field(void *mta, int index, const char *name, const char *value)
{
	struct msgtext *m = mta;
	struct span text = make_field(m, name, value);
	size_t at = index > 0 ? (size_t)index : 0;
	struct piece *all;

	if (text.p == NULL || vec_push(&m->lines) == NULL)
		return RC_IO;
	all = m->lines.items;
	if (at > m->lines.len - 1)
		at = m->lines.len - 1;
	/* An mbox line stays on top: it is no part of the message. */
	if (at == 0 && m->lines.len > 1 && all[0].name.len == 0)
		at = 1;
	memmove(all + at + 1, all + at, (m->lines.len - 1 - at) * sizeof(*all));
	all[at] = (struct piece){.name = name_of(text), .text = text};
	return RC_OK;
}

static enum rc change_field(void *mta, int index, const char *name, const char *value)
{
	struct msgtext *m = mta;
	struct piece *all = m->lines.items;

	for (size_t i = 0; i < m->lines.len; i++) {
		if (all[i].text.p == NULL || !span_ieq_str(all[i].name, name) || --index > 0)
			continue;
		all[i].text = value != NULL ? make_field(m, name, value) : SPAN_NONE;
		return value != NULL && all[i].text.p == NULL ? RC_IO : RC_OK;
	}
	return RC_IO;
}

const struct mta_ops msgtext_ops = {.insert = insert_field, .change = change_field};

enum rc msgtext_to_crlf(struct span text, struct buf *out, struct err *err)
{
	enum rc rc = RC_OK;

	while (rc == RC_OK && text.len > 0) {
		size_t lf = span_find(text, '\n', 0);
		bool bare = lf < text.len && (lf == 0 || text.p[lf - 1] != '\r');

		rc = buf_add(out, span_sub(text, 0, lf), err);
		if (rc == RC_OK && lf < text.len)
			rc = buf_adds(out, bare ? "\r\n" : "\n", err);
		text = span_from(text, lf + 1);
	}
	return rc;
}

enum rc msgtext_to_lf(struct span text, struct buf *out, struct err *err)
{
	enum rc rc = RC_OK;

	while (rc == RC_OK && text.len > 0) {
		size_t lf = span_find(text, '\n', 0);
		size_t keep = lf > 0 && lf < text.len && text.p[lf - 1] == '\r' ? lf - 1 : lf;

		rc = buf_add(out, span_sub(text, 0, keep), err);
		if (rc == RC_OK && lf < text.len)
			rc = buf_addc(out, '\n', err);
		text = span_from(text, lf + 1);
	}
	return rc;
}

enum rc msgtext_show(const struct msgtext *m, bool force_crlf, struct buf *out, struct err *err)
{
	const struct piece *all = m->lines.items;
	enum rc rc = RC_OK;

	for (size_t i = 0; rc == RC_OK && i < m->lines.len; i++)
		rc = force_crlf ? msgtext_to_crlf(all[i].text, out, err)
				: buf_add(out, all[i].text, err);
	if (rc == RC_OK)
		rc = force_crlf ? msgtext_to_crlf(m->rest, out, err) : buf_add(out, m->rest, err);
	return rc;
}
