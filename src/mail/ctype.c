#include "mail/ctype.h"

#include <string.h>

enum { PARAMS_MAX = 64 };

/* RFC 5322 3.2.2: white space, folds and nested comments from I on; the index behind them. */
static size_t skip_cfws(struct span s, size_t i)
{
	size_t depth = 0;

	for (; i < s.len; i++) {
		char c = s.p[i];

		if (c == '(')
			depth++;
		else if (depth > 0 && c == ')')
			depth--;
		else if (depth > 0 && c == '\\')
			i++;
		else if (depth == 0 && !is_wsp(c) && c != '\r' && c != '\n')
			return i;
	}
	return s.len;
}

/* RFC 2045 5.1: token. Octets above 127 are let through: they occur in parameter values. */
static bool is_token_byte(char c)
{
	unsigned char u = (unsigned char)c;

	return u > 0x20 && u != 0x7f && memchr("()<>@,;:\\\"/[]?=", c, 15) == NULL;
}

static struct span take_token(struct span s, size_t *i)
{
	size_t from = *i;

	while (*i < s.len && is_token_byte(s.p[*i]))
		(*i)++;
	return span_sub(s, from, *i - from);
}

/* From the opening quote on; false when it is never closed. Folds inside go (RFC 5322 3.2.4). */
static bool take_quoted(struct span s, size_t *i, struct arena *arena, struct span *ret)
{
	char *to = arena_alloc(arena, s.len - *i + 1);
	size_t len = 0;

	if (to == NULL)
		return false;
	for ((*i)++; *i < s.len; (*i)++) {
		char c = s.p[*i];

		if (c == '"') {
			(*i)++;
			*ret = span_of(to, len);
			return true;
		}
		if (c == '\\' && *i + 1 < s.len)
			c = s.p[++(*i)];
		else if (c == '\r' || c == '\n')
			continue;
		to[len++] = c;
	}
	return false;
}

static bool lower_copy(struct arena *arena, struct span s, struct span *ret)
{
	char *to = arena_strndup(arena, s);

	if (to == NULL)
		return false;
	for (size_t i = 0; i < s.len; i++)
		to[i] = ascii_lower(to[i]);
	*ret = span_of(to, s.len);
	return true;
}

/* One "name=value" at *I (behind the semicolon); false ends the list. */
static bool take_param(struct span s, size_t *i, struct arena *arena, struct ctype_param *ret)
{
	struct span name;

	*i = skip_cfws(s, *i);
	name = take_token(s, i);
	*i = skip_cfws(s, *i);
	if (name.len == 0 || *i >= s.len || s.p[*i] != '=')
		return false;
	*i = skip_cfws(s, *i + 1);
	if (*i < s.len && s.p[*i] == '"') {
		if (!take_quoted(s, i, arena, &ret->value))
			return false;
	} else {
		ret->value = take_token(s, i);
	}
	return lower_copy(arena, name, &ret->name);
}

static int hex_digit(char c)
{
	if (is_ascii_digit(c))
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* RFC 2231 4: %XX in place; what is no escape stays. */
static struct span percent_decode(char *p, size_t len)
{
	size_t to = 0;

	for (size_t i = 0; i < len; i++) {
		int hi = i + 2 < len && p[i] == '%' ? hex_digit(p[i + 1]) : -1;
		int lo = hi >= 0 ? hex_digit(p[i + 2]) : -1;

		if (lo >= 0) {
			p[to++] = (char)(hi * 16 + lo);
			i += 2;
		} else {
			p[to++] = p[i];
		}
	}
	return span_of(p, to);
}

/* RFC 2231 4: "charset'language'" stands before the value of the first piece. */
static struct span without_charset(struct span value)
{
	size_t quote = span_find(value, '\'', 0);

	quote = span_find(value, '\'', quote + 1);
	return quote < value.len ? span_from(value, quote + 1) : value;
}

/* Is NAME "BASE*" or "BASE*N" or "BASE*N*" with this N? */
static bool is_piece(struct span name, struct span base, size_t n, bool *extended)
{
	size_t number = 0;
	struct span rest;

	if (!span_starts(name, base) || name.len <= base.len || name.p[base.len] != '*')
		return false;
	rest = span_from(name, base.len + 1);
	*extended = rest.len == 0 || rest.p[rest.len - 1] == '*';
	if (rest.len > 0 && *extended)
		rest.len--;
	if (rest.len > 3)
		return false;
	for (size_t i = 0; i < rest.len; i++) {
		if (!is_ascii_digit(rest.p[i]))
			return false;
		number = number * 10 + (size_t)(rest.p[i] - '0');
	}
	return number == n;
}

static const struct ctype_param *find_piece(const struct ctype *c, struct span base, size_t n,
					    bool *extended)
{
	for (size_t i = 0; i < c->n_params; i++)
		if (is_piece(c->params[i].name, base, n, extended))
			return &c->params[i];
	return NULL;
}

/* RFC 2231 3: put the pieces of BASE together; false when out of memory. */
static bool join_pieces(const struct ctype *c, struct span base, struct arena *arena,
			struct span *ret)
{
	size_t room = 0, len = 0;
	bool extended;
	char *to;

	for (size_t i = 0; i < c->n_params; i++)
		room += c->params[i].value.len;
	to = arena_alloc(arena, room + 1);
	if (to == NULL)
		return false;
	for (size_t n = 0; n < PARAMS_MAX; n++) {
		const struct ctype_param *piece = find_piece(c, base, n, &extended);
		struct span value;

		if (piece == NULL)
			break;
		value = n == 0 && extended ? without_charset(piece->value) : piece->value;
		memcpy(to + len, value.p, value.len);
		len += extended ? percent_decode(to + len, value.len).len : value.len;
	}
	*ret = span_of(to, len);
	return true;
}

/* Give each first piece the joined value under the plain name. */
static bool join_all(struct ctype *c, struct arena *arena)
{
	for (size_t i = 0; i < c->n_params; i++) {
		struct ctype_param *p = &c->params[i];
		size_t star = span_find(p->name, '*', 0);
		struct span base = span_sub(p->name, 0, star);
		bool extended;
		struct span joined;

		if (star == 0 || star == p->name.len || !is_piece(p->name, base, 0, &extended))
			continue;
		if (!join_pieces(c, base, arena, &joined))
			return false;
		p->name = base;
		p->value = joined;
	}
	return true;
}

static bool read_params(struct span s, size_t i, struct arena *arena, struct ctype *ret)
{
	while (ret->n_params < PARAMS_MAX) {
		i = skip_cfws(s, i);
		if (i >= s.len || s.p[i] != ';')
			break;
		i = skip_cfws(s, i + 1);
		if (i < s.len && s.p[i] == ';') /* an empty one between two semicolons */
			continue;
		if (!take_param(s, &i, arena, &ret->params[ret->n_params]))
			break;
		ret->n_params++;
	}
	return join_all(ret, arena);
}

enum rc ctype_read(struct span value, struct arena *arena, struct ctype *ret, struct err *err)
{
	struct ctype c = {.n_params = 0};
	size_t i = skip_cfws(value, 0);
	struct span type = take_token(value, &i);
	struct span subtype = SPAN_NONE;

	if (type.len == 0)
		return err_set(err, RC_INPUT, "no media type");
	i = skip_cfws(value, i);
	if (i < value.len && value.p[i] == '/') {
		i = skip_cfws(value, i + 1);
		subtype = take_token(value, &i);
	}
	c.params = arena_calloc(arena, PARAMS_MAX, sizeof(*c.params));
	if (c.params == NULL || !lower_copy(arena, type, &c.type) ||
	    !lower_copy(arena, subtype, &c.subtype) || !read_params(value, i, arena, &c))
		return err_set(err, RC_NOMEM, "out of memory while reading a media type");
	*ret = c;
	return RC_OK;
}

struct span ctype_param(const struct ctype *c, const char *name)
{
	for (size_t i = 0; i < c->n_params; i++)
		if (span_eq_str(c->params[i].name, name))
			return c->params[i].value;
	return SPAN_NONE;
}
