#include "core/risks.h"

#include <stdint.h>
#include <string.h>

#include "core/rewrites.h"

/* Words first: this looks at every octet of a body of which nearly all have none. */
static bool has_8bit(struct span s)
{
	static const uint64_t high = 0x8080808080808080u;
	uint64_t word;
	size_t i = 0;

	for (; i + sizeof(word) <= s.len; i += sizeof(word)) {
		memcpy(&word, s.p + i, sizeof(word));
		if ((word & high) != 0)
			return true;
	}
	for (; i < s.len; i++)
		if ((unsigned char)s.p[i] >= 0x80)
			return true;
	return false;
}

static void scan_octets(struct risk_scan *s, struct span piece)
{
	if ((s->found & RISK_8BIT) == 0 && has_8bit(piece))
		s->found |= RISK_8BIT;
	if ((s->found & RISK_NUL) == 0 && span_has(piece, '\0'))
		s->found |= RISK_NUL;
}

static void add_to_line(struct risk_scan *s, size_t n)
{
	s->line += n;
	if (s->line > (s->sendmail ? RISK_LINE_MAX_SENDMAIL : RISK_LINE_MAX))
		s->found |= RISK_LONG_LINE;
}

/* What stands before a line end, or before the end of the piece: no LF in it, not empty. */
static void scan_text(struct risk_scan *s, struct span text)
{
	bool last_cr = text.p[text.len - 1] == '\r';
	struct span before = span_sub(text, 0, text.len - last_cr);

	if (s->cr) { /* it was the end of the last piece, and no LF followed */
		s->found |= RISK_BARE_CR;
		add_to_line(s, 1);
	}
	if ((s->found & RISK_BARE_CR) == 0 && span_has(before, '\r'))
		s->found |= RISK_BARE_CR;
	add_to_line(s, before.len);
	s->cr = last_cr;
}

static void end_line(struct risk_scan *s)
{
	if (!s->cr)
		s->found |= RISK_BARE_LF;
	s->cr = false;
	s->line = 0;
}

static void scan_lines(struct risk_scan *s, struct span piece)
{
	for (size_t at = 0; at < piece.len;) {
		size_t lf = span_find(piece, '\n', at);

		if (lf > at)
			scan_text(s, span_sub(piece, at, lf - at));
		if (lf < piece.len)
			end_line(s);
		at = lf + 1;
	}
}

void risks_body(struct risk_scan *s, struct span piece)
{
	if (piece.len == 0)
		return;
	scan_octets(s, piece);
	scan_lines(s, piece);
}

void risks_finish(struct risk_scan *s)
{
	if (s->cr)
		s->found |= RISK_BARE_CR;
	s->cr = false;
	s->line = 0;
}

/* RFC 2045 6.2. Postfix goes by what the field says: for a server without 8BITMIME it is written anew, and the body, too. */
static bool says_8bit(const struct field *f)
{
	struct span value = span_trim_fold(f->value);

	return span_ieq_str(f->name, "Content-Transfer-Encoding") &&
	       (span_ieq_str(value, "8bit") || span_ieq_str(value, "binary"));
}

void risks_field(struct risk_scan *s, const struct field *f)
{
	struct span rest = f->value;
	struct span line;

	if (s->sendmail && rewrites_field(f, s->simple))
		s->found |= RISK_ADDRESS;
	if (says_8bit(f))
		s->found |= RISK_8BIT;
	scan_octets(s, f->name);
	scan_octets(s, f->value);
	s->line = 0;
	add_to_line(s, f->name.len + 1);
	while (span_split(&rest, '\n', &line)) {
		if (rest.p != NULL && line.len > 0 && line.p[line.len - 1] == '\r')
			line.len--;
		if (span_has(line, '\r'))
			s->found |= RISK_BARE_CR;
		add_to_line(s, line.len);
		s->line = 0;
		/* RFC 5322 2.2.3: a fold goes on with white space; an LF before anything else is a bare one. */
		if (rest.p != NULL && (rest.len == 0 || !is_wsp(rest.p[0])))
			s->found |= RISK_BARE_LF;
	}
}
