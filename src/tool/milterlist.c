#include "tool/milterlist.h"

#include <string.h>

enum { ITEMS_MAX = 1000 };

static bool is_separator(char c)
{
	return is_wsp(c) || c == ',' || c == '\r' || c == '\n';
}

static size_t skip_separators(struct span s, size_t at)
{
	while (at < s.len && is_separator(s.p[at]))
		at++;
	return at;
}

/* Behind the element that begins at AT; separators inside braces belong to it. s.len + 1: a brace is open. */
static size_t end_of_item(struct span s, size_t at)
{
	size_t depth = 0;

	for (; at < s.len && (depth > 0 || !is_separator(s.p[at])); at++) {
		if (s.p[at] == '{')
			depth++;
		else if (s.p[at] == '}' && depth > 0)
			depth--;
	}
	return depth > 0 ? s.len + 1 : at;
}

static struct span endpoint_of(struct span text)
{
	size_t at, end;

	if (text.p[0] != '{')
		return text;
	text = span_sub(text, 1, text.len - 2);
	at = skip_separators(text, 0);
	for (end = at; end < text.len && !is_separator(text.p[end]);)
		end++;
	return span_sub(text, at, end - at);
}

enum rc milterlist_read(struct span value, struct vec *ret, struct err *err)
{
	size_t at = skip_separators(value, 0);

	vec_init(ret, sizeof(struct milter_item), ITEMS_MAX);
	while (at < value.len) {
		size_t end = end_of_item(value, at);
		struct milter_item *item;

		if (end > value.len)
			return err_set(err, RC_INPUT, "'%.*s': a brace is not closed",
				       SPAN_ARG(value));
		item = vec_push(ret);
		if (item == NULL)
			return err_set(err, RC_LIMIT, "a list of more than %d milters", ITEMS_MAX);
		item->text = span_sub(value, at, end - at);
		item->endpoint = endpoint_of(item->text);
		at = skip_separators(value, end);
	}
	return RC_OK;
}

/* An endpoint taken apart; spans point into the text. */
struct endpoint {
	bool is_unix;
	bool relative;
	struct span path;	/* unix, without the queue directory */
	struct span host, port; /* inet */
};

static bool take_apart(struct span s, const char *queue_dir, struct endpoint *ret)
{
	size_t queue_len = strlen(queue_dir);
	size_t colon;

	memset(ret, 0, sizeof(*ret));
	if (span_istarts(s, SPAN_LIT("unix:")) || span_istarts(s, SPAN_LIT("local:"))) {
		ret->is_unix = true;
		ret->path = span_from(s, span_find(s, ':', 0) + 1);
		ret->relative = ret->path.len == 0 || ret->path.p[0] != '/';
		if (span_starts(ret->path, span_str(queue_dir)) && ret->path.len > queue_len &&
		    ret->path.p[queue_len] == '/') {
			ret->path = span_from(ret->path, queue_len + 1);
			ret->relative = true;
		}
		return true;
	}
	if (!span_istarts(s, SPAN_LIT("inet:")))
		return false;
	s = span_from(s, 5);
	for (colon = s.len; colon > 0 && s.p[colon - 1] != ':';)
		colon--;
	if (colon == 0)
		return false;
	ret->port = span_from(s, colon);
	ret->host = span_sub(s, 0, colon - 1);
	if (ret->host.len >= 2 && ret->host.p[0] == '[')
		ret->host = span_sub(ret->host, 1, ret->host.len - 2);
	if (ret->host.len == 0 || span_ieq_str(ret->host, "localhost"))
		ret->host = SPAN_LIT("127.0.0.1");
	return true;
}

bool milterlist_same(struct span a, struct span b, const char *queue_dir)
{
	struct endpoint x, y;

	if (!take_apart(a, queue_dir, &x) || !take_apart(b, queue_dir, &y))
		return span_eq(a, b);
	if (x.is_unix != y.is_unix)
		return false;
	if (x.is_unix)
		return x.relative == y.relative && span_eq(x.path, y.path);
	return span_ieq(x.host, y.host) && span_eq(x.port, y.port);
}

bool milterlist_refers(const struct milter_item *item, const char *name)
{
	struct span s = item->endpoint;

	if (s.len < 2 || s.p[0] != '$')
		return false;
	s = span_from(s, 1);
	if (s.len >= 2 && (s.p[0] == '{' || s.p[0] == '('))
		s = span_sub(s, 1, s.len - 2);
	return span_eq_str(s, name);
}

static enum rc add_inet(struct span port_at_host, struct buf *out, struct err *err)
{
	size_t at = span_find(port_at_host, '@', 0);
	struct span port = span_sub(port_at_host, 0, at);
	struct span host = span_from(port_at_host, at + 1);
	bool brackets = span_has(host, ':');

	if (host.len == 0)
		host = SPAN_LIT("127.0.0.1");
	return buf_addf(out, err, "inet:%s%.*s%s:%.*s", brackets ? "[" : "", SPAN_ARG(host),
			brackets ? "]" : "", SPAN_ARG(port));
}

enum rc milterlist_endpoint(const char *socket, const char *queue_dir, struct buf *out,
			    struct err *err)
{
	struct span s = span_str(socket);
	struct endpoint e;

	if (span_starts(s, SPAN_LIT("inet6:")))
		return add_inet(span_from(s, 6), out, err);
	if (span_starts(s, SPAN_LIT("inet:")))
		return add_inet(span_from(s, 5), out, err);
	if (!span_starts(s, SPAN_LIT("unix:")) || !take_apart(s, queue_dir, &e))
		return err_set(err, RC_CONF, "milter.socket '%s' is of no kind that Postfix knows",
			       socket);
	return buf_addf(out, err, "unix:%.*s", SPAN_ARG(e.path));
}

/* VALUE without the elements [from, to) of bytes: the separators in front go with them, or those behind where nothing
 * stands in front. */
static enum rc add_kept(struct span value, const struct vec *items, const bool *cut,
			struct buf *out, struct err *err)
{
	const struct milter_item *all = items->items;
	size_t from = 0;
	bool any = false;

	for (size_t i = 0; i < items->len; i++) {
		size_t begin = (size_t)(all[i].text.p - value.p);
		size_t end = begin + all[i].text.len;
		enum rc rc;

		if (cut[i]) {
			from = end;
			continue;
		}
		/* What separated it from the element before it in the result. */
		rc = buf_add(out, any ? span_sub(value, from, end - from) : all[i].text, err);
		if (rc != RC_OK)
			return rc;
		any = true;
		from = end;
	}
	return RC_OK;
}

/* Cut out ours; the last element stays when KEEP_LAST. *RET_KEPT: it stayed. */
static enum rc cut_ours(struct span value, struct span endpoint, const char *queue_dir,
			bool keep_last, bool *ret_kept, struct buf *out, struct err *err)
{
	bool cut[ITEMS_MAX] = {false};
	struct vec items;
	const struct milter_item *all;
	enum rc rc = milterlist_read(value, &items, err);

	*ret_kept = false;
	all = items.items;
	for (size_t i = 0; rc == RC_OK && i < items.len; i++) {
		cut[i] = milterlist_same(all[i].endpoint, endpoint, queue_dir);
		if (cut[i] && keep_last && i == items.len - 1) {
			cut[i] = false;
			*ret_kept = true;
		}
	}
	if (rc == RC_OK)
		rc = add_kept(value, &items, cut, out, err);
	vec_clear(&items);
	return rc;
}

enum rc milterlist_without(struct span value, struct span endpoint, const char *queue_dir,
			   struct buf *out, struct err *err)
{
	bool kept;

	return cut_ours(value, endpoint, queue_dir, false, &kept, out, err);
}

enum rc milterlist_with_last(struct span value, struct span endpoint, const char *queue_dir,
			     struct buf *out, struct err *err)
{
	size_t before = out->len;
	bool kept;
	enum rc rc = cut_ours(value, endpoint, queue_dir, true, &kept, out, err);

	if (rc != RC_OK || kept)
		return rc;
	return buf_addf(out, err, "%s%.*s", out->len > before ? ", " : "", SPAN_ARG(endpoint));
}

enum rc milterlist_place(struct span value, struct span endpoint, const char *queue_dir,
			 enum milter_place *ret, struct err *err)
{
	struct vec items;
	const struct milter_item *all;
	size_t n = 0, last = 0;
	enum rc rc = milterlist_read(value, &items, err);

	all = items.items;
	for (size_t i = 0; rc == RC_OK && i < items.len; i++)
		if (milterlist_same(all[i].endpoint, endpoint, queue_dir)) {
			n++;
			last = i;
		}
	if (rc == RC_OK && n == 0)
		*ret = PLACE_NONE;
	else if (rc == RC_OK && n > 1)
		*ret = PLACE_TWICE;
	else if (rc == RC_OK)
		*ret = last == items.len - 1 ? PLACE_LAST : PLACE_EARLIER;
	vec_clear(&items);
	return rc;
}

const char *milterlist_place_word(enum milter_place place)
{
	static const char *const words[] = {[PLACE_NONE] = "missing",
					    [PLACE_LAST] = "last",
					    [PLACE_EARLIER] = "not last",
					    [PLACE_TWICE] = "twice"};

	return words[place];
}

static struct span without_braces(struct span s)
{
	return span_starts(s, SPAN_LIT("{")) ? span_sub(s, 1, s.len - 2) : s;
}

/* Settings stand behind the endpoint: "name=value", or "{ name = value }". */
static struct span setting_of(const struct milter_item *item, const char *name)
{
	struct span inside = without_braces(item->text);
	struct span found = SPAN_NONE;

	if (inside.len == item->text.len)
		return found;
	for (size_t at = skip_separators(inside, 0), end; at < inside.len;
	     at = skip_separators(inside, end)) {
		struct span word, key;

		end = end_of_item(inside, at);
		word = without_braces(span_sub(inside, at, end - at));
		key = span_sub(word, 0, span_find(word, '=', 0));
		if (key.len < word.len && span_eq_str(span_trim(key), name))
			found = span_trim(span_from(word, key.len + 1));
	}
	return found;
}

enum rc milterlist_setting(struct span value, struct span endpoint, const char *queue_dir,
			   const char *name, struct span *ret, struct err *err)
{
	struct vec items;
	const struct milter_item *all;
	enum rc rc = milterlist_read(value, &items, err);

	*ret = SPAN_NONE;
	all = items.items;
	for (size_t i = 0; rc == RC_OK && i < items.len; i++) {
		if (!milterlist_same(all[i].endpoint, endpoint, queue_dir))
			continue;
		*ret = setting_of(&all[i], name);
		break;
	}
	vec_clear(&items);
	return rc;
}
