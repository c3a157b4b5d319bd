#include "dkim/tags.h"

/* RFC 6376 3.2: ALPHA *(ALPHA / DIGIT / "_") */
static bool is_name(struct span s)
{
	if (s.len == 0 || !is_ascii_alpha(s.p[0]))
		return false;
	for (size_t i = 1; i < s.len; i++)
		if (!is_ascii_alpha(s.p[i]) && !is_ascii_digit(s.p[i]) && s.p[i] != '_')
			return false;
	return true;
}

/* RFC 6376 2.8: a line end is white space only where more white space follows it. A CRLF at the end of
 * S would be that of the field, which S does not have. */
static bool is_fold(struct span s, size_t i)
{
	if (s.p[i] == '\r')
		return i + 1 < s.len && s.p[i + 1] == '\n';
	return s.p[i] == '\n' && i + 1 < s.len && is_wsp(s.p[i + 1]);
}

/* All bytes of the list but its ';', which separate. */
static enum rc check_bytes(struct span text, struct err *err)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.p[i];

		if ((c < 0x21 && c != ' ' && c != '\t' && !is_fold(text, i)) || c == 0x7f)
			return err_set(err, RC_INPUT,
				       "byte 0x%02x at %zu may not stand in a tag list", c, i + 1);
	}
	return RC_OK;
}

static enum rc add_tag(struct tags *tags, struct span spec, struct err *err)
{
	size_t equals = span_find(spec, '=', 0);
	struct span name = span_trim_fold(span_sub(spec, 0, equals));
	struct span raw = span_from(spec, equals + 1);

	if (equals == spec.len)
		return err_set(err, RC_INPUT, "tag '%.*s' has no '='",
			       SPAN_ARG(span_sub(name, 0, 40)));
	if (!is_name(name))
		return err_set(err, RC_INPUT, "'%.*s' is no name of a tag",
			       SPAN_ARG(span_sub(name, 0, 40)));
	for (size_t i = 0; i < tags->n; i++)
		if (span_eq(tags->at[i].name, name))
			return err_set(err, RC_INPUT, "tag %.*s= stands there twice",
				       SPAN_ARG(span_sub(name, 0, 40)));
	if (tags->n == TAGS_MAX)
		return err_set(err, RC_INPUT, "more than %d tags", TAGS_MAX);
	tags->at[tags->n++] = (struct tag){name, raw, span_trim_fold(raw)};
	return RC_OK;
}

enum rc tags_read(struct span text, struct tags *ret, struct err *err)
{
	struct span rest = text;
	struct span spec;
	enum rc rc = check_bytes(text, err);

	ret->n = 0;
	while (rc == RC_OK && span_split(&rest, ';', &spec)) {
		if (span_trim_fold(spec).len > 0)
			rc = add_tag(ret, spec, err);
		else if (rest.p != NULL)
			rc = err_set(err, RC_INPUT, "nothing between two ';'");
	}
	if (rc == RC_OK && ret->n == 0)
		rc = err_set(err, RC_INPUT, "empty: no tags");
	return rc;
}

const struct tag *tags_find(const struct tags *tags, const char *name)
{
	for (size_t i = 0; i < tags->n; i++)
		if (span_eq_str(tags->at[i].name, name))
			return &tags->at[i];
	return NULL;
}

bool tags_next_item(struct span *rest, struct span *ret_item)
{
	if (!span_split(rest, ':', ret_item))
		return false;
	*ret_item = span_trim_fold(*ret_item);
	return true;
}

bool tags_lists(struct span value, const char *word)
{
	struct span item;

	while (tags_next_item(&value, &item))
		if (span_eq_str(item, word))
			return true;
	return false;
}
