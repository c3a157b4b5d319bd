/* Record files: what opendkim-genkey, rspamd and our own tool write beside a key. */
#include "dkim/record.h"

/* A zone line being read. RFC 1035 5.1: strings in quotes, '(' and ')' for more lines than one, ';' for
 * comments. Owner, TTL, class and type are skipped: they are not in quotes. */
struct zone {
	struct span text;
	size_t at;
	unsigned depth; /* of parentheses */
	bool has_value;
	bool ended; /* the record that has_value is of is complete */
	struct buf *out;
};

/* The first line that says something; *REST gets what follows it. */
static bool first_line(struct span *rest, struct span *ret_line)
{
	while (span_split(rest, '\n', ret_line)) {
		*ret_line = span_trim_fold(*ret_line);
		if (ret_line->len > 0 && ret_line->p[0] != ';' && ret_line->p[0] != '#' &&
		    ret_line->p[0] != '$')
			return true;
	}
	return false;
}

/* RFC 1035 5.1: \DDD is the octet with that number, \X is X. AT stands behind the backslash. */
static enum rc read_escape(struct zone *z, struct err *err)
{
	struct span s = span_sub(z->text, z->at, 3);
	unsigned value;

	if (s.len == 0)
		return err_set(err, RC_INPUT, "a string ends in a backslash");
	if (!is_ascii_digit(s.p[0])) {
		z->at++;
		return buf_addc(z->out, s.p[0], err);
	}
	if (s.len < 3 || !is_ascii_digit(s.p[1]) || !is_ascii_digit(s.p[2]))
		return err_set(err, RC_INPUT, "a backslash wants three digits");
	value = (unsigned)((s.p[0] - '0') * 100 + (s.p[1] - '0') * 10 + (s.p[2] - '0'));
	if (value > 255)
		return err_set(err, RC_INPUT, "\\%u is no octet", value);
	z->at += 3;
	return buf_addc(z->out, (char)value, err);
}

/* AT stands behind the opening quote. */
static enum rc read_string(struct zone *z, struct err *err)
{
	enum rc rc = RC_OK;

	if (z->ended)
		return err_set(err, RC_INPUT, "more than one record");
	z->has_value = true;
	while (rc == RC_OK && z->at < z->text.len) {
		char c = z->text.p[z->at++];

		if (c == '"')
			return RC_OK;
		if (c == '\n')
			break;
		rc = c == '\\' ? read_escape(z, err) : buf_addc(z->out, c, err);
	}
	return rc != RC_OK ? rc : err_set(err, RC_INPUT, "a string has no closing quote");
}

static enum rc read_zone_byte(struct zone *z, struct err *err)
{
	switch (z->text.p[z->at++]) {
	case '"':
		return read_string(z, err);
	case ';':
		z->at = span_find(z->text, '\n', z->at);
		return RC_OK;
	case '(':
		z->depth++;
		return RC_OK;
	case ')':
		if (z->depth == 0)
			return err_set(err, RC_INPUT, "')' without '('");
		z->depth--;
		return RC_OK;
	case '\n':
		z->ended = z->has_value && z->depth == 0;
		return RC_OK;
	default:
		return RC_OK;
	}
}

static enum rc read_zone(struct span content, struct buf *out, struct err *err)
{
	struct zone z = {.text = content, .out = out};
	enum rc rc = RC_OK;

	while (rc == RC_OK && z.at < z.text.len)
		rc = read_zone_byte(&z, err);
	if (rc == RC_OK && z.depth > 0)
		rc = err_set(err, RC_INPUT, "'(' without ')'");
	if (rc == RC_OK && !z.has_value)
		rc = err_set(err, RC_INPUT, "no string in quotes");
	return rc;
}

enum rc dkim_record_from_file(struct span content, struct buf *out, struct err *err)
{
	size_t old_len = out->len;
	struct span rest = content;
	struct span line, more;
	enum rc rc;

	if (!first_line(&rest, &line))
		return err_set(err, RC_INPUT, "no record in it");
	if (span_has(line, '"') || span_has(line, '('))
		rc = read_zone(span_from(content, (size_t)(line.p - content.p)), out, err);
	else if (first_line(&rest, &more))
		rc = err_set(err, RC_INPUT, "a bare value must stand on one line");
	else
		rc = buf_add(out, line, err);
	if (rc != RC_OK)
		out->len = old_len;
	return rc;
}
