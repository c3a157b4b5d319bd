#include "core/rewrites.h"

#include <stdint.h>
#include <string.h>

#include "mail/skip.h"

enum {
	MEMBER_MAX = 230, /* Sendmail's buffer for one is 256 (MAXNAME) */
	LINE_MAX_SENDMAIL = 78
};

/* Those that it rewrites and that we sign. */
static const char *const address_fields[] = {
	"From",	       "Sender",	"Reply-To",  "To",	 "Cc",
	"Resent-From", "Resent-Sender", "Resent-To", "Resent-Cc"};

/* Where what begins at AT has ended: a quoted string, a comment, or one octet. SIZE_MAX: it has no end. */
static size_t pass(struct span s, size_t at)
{
	if (s.p[at] == '"')
		return skip_quoted(s, at);
	if (s.p[at] == '(')
		return skip_comment(s, at);
	return at + 1;
}

/* Where C stands first outside quotes and comments; s.len: nowhere; SIZE_MAX: they have no end. */
static size_t find_bare(struct span s, char c, size_t from)
{
	size_t at = from;

	while (at < s.len && s.p[at] != c)
		at = pass(s, at);
	return at;
}

/* A display name that is not written in quotes. */
static bool phrase_is_kept(struct span phrase)
{
	for (size_t at = 0; at < phrase.len; at = pass(phrase, at))
		if (memchr(".'[];\\@>)", phrase.p[at], 9) != NULL)
			return false;
	return true;
}

/* user@domain; of comments it may have some around it where it does not stand in angle brackets. */
static bool address_is_kept(struct span a)
{
	size_t at_signs = 0;
	bool ended = false, begun = false;
	char last = 0;

	for (size_t at = 0; at < a.len; at = pass(a, at)) {
		char c = a.p[at];

		if (is_fws(c) || c == '(') {
			ended = begun;
			continue;
		}
		if (ended || memchr(";:\\<>),", c, 7) != NULL ||
		    (c == '@' && (++at_signs > 1 || !begun)))
			return false;
		begun = true;
		last = c;
	}
	return at_signs == 1 && last != '.';
}

static bool angle_is_kept(struct span member, size_t open)
{
	size_t close = find_bare(member, '>', open);
	struct span inner;

	if (close >= member.len || find_bare(member, '<', close) != member.len)
		return false;
	inner = span_sub(member, open + 1, close - open - 1);
	for (size_t at = 0; at < inner.len; at = pass(inner, at))
		if (is_fws(inner.p[at]) || inner.p[at] == '(')
			return false;
	return phrase_is_kept(span_sub(member, 0, open)) &&
	       (inner.len == 0 || address_is_kept(inner));
}

/* One member of the list, trimmed; its quotes and comments have an end. */
static bool member_is_kept(struct span member)
{
	size_t open, colon;

	if (member.len == 0 || member.len > MEMBER_MAX)
		return false;
	open = find_bare(member, '<', 0);
	if (open < member.len)
		return angle_is_kept(member, open);
	/* RFC 5322 3.4: "name: a@b" begins a group, "c@d;" ends one. */
	colon = find_bare(member, ':', 0);
	if (colon < member.len) {
		if (!phrase_is_kept(span_sub(member, 0, colon)))
			return false;
		member = span_trim_fold(span_from(member, colon + 1));
		if (member.len == 0)
			return true;
	}
	if (member.len > 0 && member.p[member.len - 1] == ';') {
		member = span_trim_fold(span_sub(member, 0, member.len - 1));
		if (member.len == 0)
			return true;
	}
	return address_is_kept(member);
}

/* What stands between one member and the next, its comma not counted. */
static bool separator_is_kept(struct span before, struct span after, bool simple)
{
	size_t blanks = 0;

	if (before.len > 0 && is_fws(before.p[before.len - 1]))
		return false;
	while (blanks < after.len && is_fws(after.p[blanks]))
		blanks++;
	return simple ? blanks == 1 && after.p[0] == ' ' : blanks > 0;
}

static bool list_is_kept(struct span value, bool simple, size_t *ret_members)
{
	size_t start = 0, comma;

	for (*ret_members = 1; (comma = find_bare(value, ',', start)) < value.len; ++*ret_members) {
		struct span member = span_sub(value, start, comma - start);

		if (!separator_is_kept(member, span_from(value, comma + 1), simple) ||
		    !member_is_kept(span_trim_fold(member)))
			return false;
		start = comma + 1;
	}
	return comma != SIZE_MAX && member_is_kept(span_trim_fold(span_from(value, start)));
}

/* The white space at both ends, and whether there is a reason to fold. */
static bool layout_is_kept(const struct field *f, size_t members)
{
	struct span v = f->value;

	if (v.len == 0 || v.p[0] == '\t' || v.p[0] == '\r' || v.p[0] == '\n' ||
	    is_fws(v.p[v.len - 1]))
		return false;
	return members == 1 || f->name.len + 1 + v.len <= LINE_MAX_SENDMAIL;
}

bool rewrites_field(const struct field *f, bool simple)
{
	size_t members = 0;
	bool ours = false;

	for (size_t i = 0; i < COUNT_OF(address_fields) && !ours; i++)
		ours = span_ieq_str(f->name, address_fields[i]);
	if (!ours || f->space_before_colon || span_trim_fold(f->value).len == 0)
		return false;
	return !list_is_kept(f->value, simple, &members) || (simple && !layout_is_kept(f, members));
}
