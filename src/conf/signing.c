#include "conf/signing.h"

#include "base/span.h"

bool signing_has_field(const char *const *list, const char *name)
{
	for (; *list != NULL; list++)
		if (span_ieq(span_str(*list), span_str(name)))
			return true;
	return false;
}

static size_t length(const char *const *list)
{
	size_t n = 0;

	while (list[n] != NULL)
		n++;
	return n;
}

/* FIRST, then the names of MORE that it has not. */
static const char *const *joined(struct value_reader *r, const char *const *first,
				 const char *const *more)
{
	const char **list = value_alloc(r, length(first) + length(more) + 1, sizeof(*list));
	size_t n = 0;

	if (list == NULL)
		return first;
	for (; *first != NULL; first++)
		list[n++] = *first;
	for (; *more != NULL; more++)
		if (!signing_has_field(list, *more))
			list[n++] = *more;
	return list;
}

/* The names of LIST that are in OTHER too. */
static const char *const *common(struct value_reader *r, const char *const *list,
				 const char *const *other)
{
	const char **both = value_alloc(r, length(list) + 1, sizeof(*both));
	size_t n = 0;

	if (both == NULL)
		return list;
	for (; *list != NULL; list++)
		if (signing_has_field(other, *list))
			both[n++] = *list;
	return both;
}

void signing_finish(struct value_reader *r, struct dkim_policy *p)
{
	static const char *const always[] = {"From", NULL};
	bool own_sign = *p->sign != NULL, own_oversign = *p->oversign != NULL;

	if (!own_sign)
		p->sign = dkim_default_sign;
	else if (!signing_has_field(p->sign, always[0]))
		p->sign = joined(r, always, p->sign);
	if (!own_oversign)
		p->oversign = own_sign ? common(r, dkim_default_oversign, p->sign)
				       : dkim_default_oversign;
	else
		p->sign = joined(r, p->sign, p->oversign);
}
