#include "dkim/canon.h"

static bool is_line_end(struct span s, size_t i)
{
	return s.p[i] == '\n' || (s.p[i] == '\r' && i + 1 < s.len && s.p[i + 1] == '\n');
}

/* RFC 6376 3.4.1: nothing is changed; a fold leaves as CRLF, however it came. */
static enum rc add_simple(const struct field *field, struct buf *out, struct err *err)
{
	struct span rest = field->value;
	struct span line;
	bool more = true;
	enum rc rc = buf_add(out, field->name, err);

	if (rc == RC_OK)
		rc = buf_addc(out, ':', err);
	while (rc == RC_OK && more) {
		size_t lf = span_find(rest, '\n', 0);

		more = lf < rest.len;
		line = span_sub(rest, 0, lf);
		if (more && span_ends(line, SPAN_LIT("\r")))
			line.len--;
		rest = span_from(rest, lf + 1);
		rc = buf_add(out, line, err);
		if (rc == RC_OK)
			rc = buf_add(out, SPAN_LIT("\r\n"), err);
	}
	return rc;
}

/* RFC 6376 3.4.2: unfolded, each run of white space one SP, none at the ends. A line end counts as
 * nothing, the white space behind it makes the run. */
static void add_relaxed_value(struct span value, struct buf *out)
{
	bool pending = false;
	bool begun = false;

	for (size_t i = 0; i < value.len; i++) {
		if (is_wsp(value.p[i])) {
			pending = true;
			continue;
		}
		if (is_line_end(value, i))
			continue;
		if (pending && begun)
			out->p[out->len++] = ' ';
		out->p[out->len++] = value.p[i];
		pending = false;
		begun = true;
	}
}

static enum rc add_relaxed(const struct field *field, struct buf *out, struct err *err)
{
	enum rc rc = buf_reserve(out, field->name.len + field->value.len + 3, err);

	if (rc != RC_OK)
		return rc;
	for (size_t i = 0; i < field->name.len; i++)
		out->p[out->len++] = ascii_lower(field->name.p[i]);
	out->p[out->len++] = ':';
	add_relaxed_value(field->value, out);
	out->p[out->len++] = '\r';
	out->p[out->len++] = '\n';
	return RC_OK;
}

enum rc canon_field(enum canon c, const struct field *field, struct buf *out, struct err *err)
{
	size_t old_len = out->len;
	enum rc rc;

	if (c == CANON_RELAXED)
		return add_relaxed(field, out, err);
	rc = add_simple(field, out, err);
	if (rc != RC_OK)
		out->len = old_len;
	return rc;
}
