#include "mail/field.h"

#include <string.h>

void fields_init(struct fields *f, struct arena *arena, size_t max_bytes)
{
	memset(f, 0, sizeof(*f));
	f->arena = arena;
	f->max_bytes = max_bytes;
	vec_init(&f->v, sizeof(struct field), HEADER_FIELDS_MAX);
}

void fields_clear(struct fields *f)
{
	vec_clear(&f->v);
	f->bytes = 0;
}

/* Line feeds that will be CRLF on the wire. */
static size_t count_bare_lf(struct span value)
{
	size_t n = 0;

	for (size_t i = span_find(value, '\n', 0); i < value.len; i = span_find(value, '\n', i + 1))
		if (i == 0 || value.p[i - 1] != '\r')
			n++;
	return n;
}

/* LEAD is put in front of VALUE. */
static enum rc add(struct fields *f, struct span name, struct span lead, struct span value,
		   struct err *err)
{
	size_t written = name.len + 1 + lead.len + value.len + count_bare_lf(value) + 2;
	struct field field = {.value = {NULL, lead.len + value.len}};
	struct field *slot;
	char *copy;

	if (f->v.len == HEADER_FIELDS_MAX)
		return err_set(err, RC_LIMIT, "more than %d header fields", HEADER_FIELDS_MAX);
	if (f->bytes > f->max_bytes || written > f->max_bytes - f->bytes)
		return err_set(err, RC_LIMIT, "a header of more than %zu bytes", f->max_bytes);
	while (name.len > 0 && is_wsp(name.p[name.len - 1])) {
		field.space_before_colon = true;
		name.len--;
	}
	field.name = arena_dup(f->arena, name);
	copy = arena_alloc(f->arena, field.value.len + 1);
	if (field.name.p == NULL || copy == NULL)
		return err_set(err, RC_NOMEM, "out of memory for header fields");
	slot = vec_push(&f->v);
	if (slot == NULL)
		return err_set(err, RC_NOMEM, "out of memory for header fields");
	if (lead.len > 0)
		memcpy(copy, lead.p, lead.len);
	if (value.len > 0)
		memcpy(copy + lead.len, value.p, value.len);
	field.value.p = copy;
	*slot = field;
	f->bytes += written;
	return RC_OK;
}

enum rc fields_add(struct fields *f, struct span name, struct span value, struct err *err)
{
	return add(f, name, SPAN_NONE, value, err);
}

/* Without SMFIP_HDR_LEADSPC Sendmail and Postfix remove one space, never a tab, if there is one, so
 * that "A: b" and "A:b" arrive alike. A value that begins with a tab or a fold had most likely
 * nothing in front of that: software that puts them there puts them right behind the colon. */
static bool space_was_removed(struct span value)
{
	return value.len == 0 || (value.p[0] != '\t' && value.p[0] != '\r' && value.p[0] != '\n');
}

enum rc fields_add_milter(struct fields *f, struct span name, struct span value, bool leading_space,
			  struct err *err)
{
	bool put_back = !leading_space && space_was_removed(value);

	return add(f, name, put_back ? SPAN_LIT(" ") : SPAN_NONE, value, err);
}

size_t fields_count(const struct fields *f)
{
	return f->v.len;
}

const struct field *fields_at(const struct fields *f, size_t i)
{
	return vec_at(&f->v, i);
}

size_t fields_count_of(const struct fields *f, const char *name)
{
	size_t n = 0;

	for (size_t i = 0; i < f->v.len; i++)
		n += span_ieq_str(fields_at(f, i)->name, name);
	return n;
}

const struct field *fields_find(const struct fields *f, const char *name, size_t from,
				size_t *ret_index)
{
	for (size_t i = from; i < f->v.len; i++) {
		if (!span_ieq_str(fields_at(f, i)->name, name))
			continue;
		if (ret_index != NULL)
			*ret_index = i;
		return fields_at(f, i);
	}
	return NULL;
}

/* Where the line that begins at FROM ends, its line end included. */
static size_t line_end(struct span raw, size_t from)
{
	size_t lf = span_find(raw, '\n', from);

	return lf < raw.len ? lf + 1 : raw.len;
}

static struct span without_line_end(struct span line)
{
	if (line.len > 0 && line.p[line.len - 1] == '\n') {
		line.len--;
		if (line.len > 0 && line.p[line.len - 1] == '\r')
			line.len--;
	}
	return line;
}

/* The index of the colon of a line that begins a field, or 0. RFC 5322 3.6.8: names are printable
 * ASCII; 4.5.3: white space may stand before the colon. */
static size_t find_colon(struct span line)
{
	size_t i = 0;

	while (i < line.len && line.p[i] > ' ' && line.p[i] < 0x7f && line.p[i] != ':')
		i++;
	if (i == 0)
		return 0;
	while (i < line.len && is_wsp(line.p[i]))
		i++;
	return i < line.len && line.p[i] == ':' ? i : 0;
}

/* "From joe@example.com Tue Nov 24 ...", but not the field "From :". */
static bool is_mbox_line(struct span line)
{
	return span_starts(line, SPAN_LIT("From ")) && find_colon(line) == 0;
}

/* From FROM on, the lines of one field: up to the first that does not begin with white space. */
static size_t field_end(struct span raw, size_t from)
{
	size_t at = line_end(raw, from);

	while (at < raw.len && is_wsp(raw.p[at]))
		at = line_end(raw, at);
	return at;
}

static enum rc read_header(struct fields *f, struct span raw, struct span *ret_body,
			   struct err *err)
{
	size_t at = 0;

	if (is_mbox_line(span_sub(raw, 0, line_end(raw, 0))))
		at = line_end(raw, 0);
	while (at < raw.len) {
		size_t end = line_end(raw, at);
		struct span line = without_line_end(span_sub(raw, at, end - at));
		size_t colon = find_colon(line);
		enum rc rc;

		if (line.len == 0)
			at = end;
		if (colon == 0)
			break;
		end = field_end(raw, at);
		line = without_line_end(span_sub(raw, at, end - at));
		rc = fields_add(f, span_sub(line, 0, colon), span_from(line, colon + 1), err);
		if (rc != RC_OK)
			return rc;
		at = end;
	}
	*ret_body = span_from(raw, at);
	return RC_OK;
}

enum rc fields_read(struct fields *f, struct span raw, struct span *ret_body, bool *ret_crlf,
		    struct err *err)
{
	size_t count = f->v.len, bytes = f->bytes;
	size_t first = line_end(raw, 0);
	enum rc rc = read_header(f, raw, ret_body, err);

	if (rc != RC_OK) {
		f->v.len = count;
		f->bytes = bytes;
		return rc;
	}
	*ret_crlf = span_ends(span_sub(raw, 0, first), SPAN_LIT("\r\n"));
	return RC_OK;
}
