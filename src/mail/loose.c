#include "mail/loose.h"

#include <string.h>

/* What has been seen up to here. */
struct survey {
	struct span value;
	struct loose found;
	bool any_good;	  /* FOUND has a domain */
	bool differs;	  /* another domain, or text that some readers take for a part of one */
	bool any_illegal; /* an address without a legal domain name */
	bool any_odd;	  /* an '@' without anything before or behind it */
};

static bool is_fws(char c)
{
	return is_wsp(c) || c == '\r' || c == '\n';
}

/* What may be a part of a domain name, in any reading. */
static bool is_name_byte(char c)
{
	return is_ascii_alpha(c) || is_ascii_digit(c) || (unsigned char)c >= 0x80 ||
	       (c != '\0' && strchr("-_.", c) != NULL);
}

/* What may be a part of an unquoted local part. */
static bool is_local_byte(char c)
{
	return is_name_byte(c) || (c != '\0' && strchr("!#$%&'*+/=?^`{|}~", c) != NULL);
}

static size_t skip_fws(struct span s, size_t at)
{
	while (at < s.len && is_fws(s.p[at]))
		at++;
	return at;
}

/* Is there a local part before the '@' at AT? *RET gets it when it is not quoted. */
static bool find_local(struct span s, size_t at, struct span *ret)
{
	size_t end = at, start;

	while (end > 0 && is_fws(s.p[end - 1]))
		end--;
	start = end;
	while (start > 0 && is_local_byte(s.p[start - 1]))
		start--;
	*ret = span_sub(s, start, end - start);
	return start < end || (end > 0 && (s.p[end - 1] == '"' || s.p[end - 1] == ')'));
}

/* Is what follows white space at AT a byte at which every reader ends a domain? */
static bool is_delimited(struct span s, size_t at)
{
	at = skip_fws(s, at);
	return at == s.len || (s.p[at] != '\0' && strchr(",;<>()\"", s.p[at]) != NULL);
}

/* Behind a comment a domain may go on ("a@good.com(x).evil.org"), and readers differ in where it ends:
 * they nest, or heed backslashes, or do not. So whatever could end it is looked at, up to the next '@'
 * (else the cost would not be linear). */
static bool comments_end_for_all(struct span s, size_t at)
{
	size_t depth = 0;

	for (; at < s.len && s.p[at] != '@'; at++) {
		bool escaped = s.p[at - 1] == '\\';

		if (s.p[at] == '(' && !escaped)
			depth++;
		if (s.p[at] != ')')
			continue;
		if (!is_delimited(s, at + 1))
			return false;
		if (escaped || --depth > 0)
			continue;
		at = skip_fws(s, at + 1);
		if (at == s.len || s.p[at] != '(')
			return true;
		depth = 1;
	}
	return at == s.len;
}

/* Does every reader end the domain at END? There are readers that join what white space parts, and
 * readers that take whatever is not a delimiter. A closing apostrophe or the end of an encoded word
 * right behind is common, and no part of a name that can exist. */
static bool ends_for_all(struct span s, size_t end)
{
	if (end < s.len && s.p[end] == '\'')
		end++;
	else if (span_starts(span_from(s, end), SPAN_LIT("?=")))
		end += 2;
	end = skip_fws(s, end);
	if (end < s.len && s.p[end] == '(')
		return comments_end_for_all(s, end);
	return is_delimited(s, end);
}

static void note_domain(struct survey *v, const char *domain, struct span text, struct span local)
{
	struct loose *found = &v->found;

	if (!v->any_good) {
		memcpy(found->domain, domain, strlen(domain) + 1);
		found->domain_text = text;
		found->local = local;
		v->any_good = true;
		return;
	}
	if (strcmp(found->domain, domain) != 0)
		v->differs = true;
	if (!span_eq(found->local, local))
		found->local = SPAN_NONE;
}

/* The '@' at AT. *RET_END: up to where it was looked at. */
static enum rc survey_at(struct survey *v, size_t at, size_t *ret_end, struct err *err)
{
	size_t start = skip_fws(v->value, at + 1), end = start;
	char domain[DOMAIN_SIZE];
	struct span text, local;
	enum rc rc;

	while (end < v->value.len && is_name_byte(v->value.p[end]))
		end++;
	text = span_sub(v->value, start, end - start);
	*ret_end = end;
	if (!find_local(v->value, at, &local)) {
		v->any_odd = true;
		return RC_OK;
	}
	if (text.len == 0) {
		if (end < v->value.len && v->value.p[end] == '[')
			v->any_illegal = true;
		else
			v->any_odd = true;
		return RC_OK;
	}
	rc = domain_to_ascii(text, domain, err);
	if (rc == RC_NOMEM)
		return rc;
	if (rc != RC_OK)
		v->any_illegal = true;
	else if (!ends_for_all(v->value, end))
		v->differs = true;
	else
		note_domain(v, domain, text, local);
	return RC_OK;
}

/* "<joe>" beside addresses: readers that take it find no domain, or their own. */
static bool has_angle_without_at(struct span s)
{
	bool open = false, at = false;

	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] == '<' && !open) {
			open = true;
			at = false;
		} else if (s.p[i] == '@') {
			at = true;
		} else if (s.p[i] == '>') {
			if (open && !at)
				return true;
			open = false;
		}
	}
	return open && !at;
}

/* Without any '@': do quotes and comments end? *RET_WORDS: there is text that could be a name. */
static bool is_balanced(struct span s, bool *ret_words)
{
	size_t depth = 0;
	bool quoted = false;

	*ret_words = false;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.p[i];

		if (c == '\\')
			i++;
		else if (c == '"' && depth == 0)
			quoted = !quoted;
		else if (c == '(' && !quoted)
			depth++;
		else if (c == ')' && !quoted && depth > 0)
			depth--;
		else if (depth == 0 && is_local_byte(c))
			*ret_words = true;
	}
	return !quoted && depth == 0;
}

static enum loose_kind judge(const struct survey *v, bool any_at)
{
	bool words;

	if (!any_at) {
		if (!is_balanced(v->value, &words))
			return LOOSE_SYNTAX;
		return words ? LOOSE_NO_DOMAIN : LOOSE_EMPTY;
	}
	if (v->differs)
		return LOOSE_DIFFERENT;
	if (!v->any_good)
		return v->any_illegal ? LOOSE_NO_DOMAIN : LOOSE_SYNTAX;
	if (v->any_illegal || v->any_odd || has_angle_without_at(v->value))
		return LOOSE_DIFFERENT;
	return LOOSE_ONE;
}

enum rc loose_read(struct span value, struct loose *ret, struct err *err)
{
	struct survey v = {.value = value};
	size_t at = span_find(value, '@', 0);
	bool any_at = at < value.len;

	while (at < value.len && !v.differs) {
		size_t end;
		enum rc rc = survey_at(&v, at, &end, err);

		if (rc != RC_OK)
			return rc;
		at = span_find(value, '@', end);
	}
	v.found.kind = judge(&v, any_at);
	*ret = v.found;
	return RC_OK;
}
