#include "conf/value.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/spell.h"
#include "base/units.h"
#include "conf/problems.h"

/* Of a text in a message. */
enum { SHOWN_TEXT_MAX = 60 };

/* Enumerations and bool are stored by memcpy() from these. */
_Static_assert(sizeof(enum conf_mode) == sizeof(unsigned), "enums are stored as unsigned");

void value_complain(struct value_reader *r, enum conf_severity severity, const struct schema_key *k,
		    const struct node *n, const char *fmt, ...)
{
	const char *dot = *r->group != '\0' ? "." : "";
	char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	if (text == NULL)
		r->problems->lost = true;
	else if (r->domain != NULL)
		conf_problems_add(r->problems, severity, n->file, n->line, "domain %s: %s%s%s: %s",
				  r->domain, r->group, dot, k->name, text);
	else
		conf_problems_add(r->problems, severity, n->file, n->line, "%s%s%s: %s", r->group,
				  dot, k->name, text);
	free(text);
}

const char *value_shown(const struct node *n, char buf[VALUE_SHOWN_SIZE])
{
	switch (n->type) {
	case NODE_BOOL:
		snprintf(buf, VALUE_SHOWN_SIZE, "%s", n->u.truth ? "true" : "false");
		break;
	case NODE_INT:
		snprintf(buf, VALUE_SHOWN_SIZE, "the number %" PRId64, n->u.number);
		break;
	case NODE_FLOAT:
		snprintf(buf, VALUE_SHOWN_SIZE, "the number %g", n->u.real);
		break;
	case NODE_TEXT:
		snprintf(buf, VALUE_SHOWN_SIZE, "the text \"%.*s\"", SHOWN_TEXT_MAX, n->u.text);
		break;
	case NODE_LIST:
		snprintf(buf, VALUE_SHOWN_SIZE, "a list");
		break;
	case NODE_GROUP:
		snprintf(buf, VALUE_SHOWN_SIZE, "a group { }");
		break;
	}
	return buf;
}

static void wrong_type(struct value_reader *r, const struct schema_key *k, const struct node *n,
		       const char *wanted)
{
	char shown[VALUE_SHOWN_SIZE];

	value_complain(r, CONF_ERROR, k, n, "%s is wanted, found %s", wanted,
		       value_shown(n, shown));
}

const char *value_text(struct value_reader *r, const struct schema_key *k, const struct node *n,
		       const char *wanted)
{
	if (n->type == NODE_TEXT)
		return n->u.text;
	wrong_type(r, k, n, wanted);
	return NULL;
}

bool value_is_texts(struct value_reader *r, const struct schema_key *k, const struct node *n)
{
	static const char wanted[] = "a list of texts, such as [\"one\", \"two\"]";

	if (n->type != NODE_LIST) {
		wrong_type(r, k, n, wanted);
		return false;
	}
	for (size_t i = 0; i < n->u.kids.n; i++) {
		if (n->u.kids.at[i].type != NODE_TEXT) {
			wrong_type(r, k, &n->u.kids.at[i], wanted);
			return false;
		}
	}
	return true;
}

static bool is_pair(const struct node *n)
{
	return n->type == NODE_LIST && n->u.kids.n == 2 && n->u.kids.at[0].type == NODE_TEXT &&
	       n->u.kids.at[1].type == NODE_TEXT;
}

void value_pairs(struct value_reader *r, const struct schema_key *k, const struct node *n,
		 const char *wanted, value_take_pair *take)
{
	if (n->type != NODE_LIST) {
		value_complain(r, CONF_ERROR, k, n, "%s", wanted);
		return;
	}
	for (size_t i = 0; i < n->u.kids.n; i++) {
		const struct node *pair = &n->u.kids.at[i];
		const char *first, *second;

		if (!is_pair(pair)) {
			value_complain(r, CONF_ERROR, k, pair, "%s", wanted);
			continue;
		}
		first = value_strdup(r, pair->u.kids.at[0].u.text);
		second = value_strdup(r, pair->u.kids.at[1].u.text);
		if (first == NULL || second == NULL || !take(r, first, second, pair)) {
			r->problems->lost = true;
			return;
		}
	}
}

void *value_alloc(struct value_reader *r, size_t count, size_t size)
{
	void *p = arena_calloc(r->arena, count, size);

	if (p == NULL)
		r->problems->lost = true;
	return p;
}

const char *value_strdup(struct value_reader *r, const char *s)
{
	char *p = value_alloc(r, strlen(s) + 1, 1);

	return p != NULL ? strcpy(p, s) : NULL;
}

void value_remember_file(struct value_reader *r, const char *path)
{
	const char *copy = value_strdup(r, path);
	const char **place = copy != NULL ? vec_push(r->files) : NULL;

	if (place == NULL)
		r->problems->lost = true;
	else
		*place = copy;
}

void value_bool(struct value_reader *r, const struct schema_key *k, const struct node *n, void *to)
{
	if (n->type != NODE_BOOL)
		wrong_type(r, k, n, "true or false, without quotes,");
	else
		memcpy(to, &n->u.truth, sizeof(bool));
}

void value_int(struct value_reader *r, const struct schema_key *k, const struct node *n, void *to)
{
	int value;

	if (n->type != NODE_INT) {
		wrong_type(r, k, n, "a whole number without quotes");
		return;
	}
	if (n->u.number < k->min || n->u.number > k->max) {
		value_complain(r, CONF_ERROR, k, n,
			       "%" PRId64 " is outside of %" PRId64 " to %" PRId64, n->u.number,
			       k->min, k->max);
		return;
	}
	value = (int)n->u.number;
	memcpy(to, &value, sizeof(value));
}

/* "a", "b" or "c" */
static enum rc show_words(const struct schema_key *k, size_t n, struct buf *out)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; i < n && rc == RC_OK; i++)
		rc = buf_addf(out, NULL, "%s\"%s\"",
			      i == 0	   ? ""
			      : i == n - 1 ? " or "
					   : ", ",
			      k->words[i]);
	return rc;
}

static void unknown_word(struct value_reader *r, const struct schema_key *k, const struct node *n,
			 size_t n_words)
{
	const char *near = NULL, *text;
	struct buf words;
	char shown[VALUE_SHOWN_SIZE];

	buf_init(&words, 1024);
	if (n->type == NODE_TEXT)
		near = spell_nearest(span_str(n->u.text), k->words, n_words);
	text = show_words(k, n_words, &words) == RC_OK ? buf_cstr(&words) : NULL;
	if (text == NULL)
		r->problems->lost = true;
	else if (near != NULL)
		value_complain(r, CONF_ERROR, k, n, "%s is wanted, found %s; is \"%s\" meant?",
			       text, value_shown(n, shown), near);
	else
		wrong_type(r, k, n, text);
	buf_clear(&words);
}

void value_word(struct value_reader *r, const struct schema_key *k, const struct node *n, void *to)
{
	unsigned i = 0;

	while (k->words[i] != NULL && (n->type != NODE_TEXT || strcmp(k->words[i], n->u.text) != 0))
		i++;
	if (k->words[i] == NULL)
		unknown_word(r, k, n, i);
	else
		memcpy(to, &i, sizeof(i));
}

typedef enum rc read_unit(struct span text, int64_t *ret, struct err *err);
typedef enum rc show_unit(int64_t value, struct buf *out, struct err *err);

static void out_of_bounds(struct value_reader *r, const struct schema_key *k, const struct node *n,
			  show_unit *show)
{
	const char *low, *high;
	struct buf a, b;

	buf_init(&a, 64);
	buf_init(&b, 64);
	low = show(k->min, &a, NULL) == RC_OK ? buf_cstr(&a) : NULL;
	high = show(k->max, &b, NULL) == RC_OK ? buf_cstr(&b) : NULL;
	if (low == NULL || high == NULL)
		r->problems->lost = true;
	else
		value_complain(r, CONF_ERROR, k, n, "\"%.*s\" is outside of %s to %s",
			       SHOWN_TEXT_MAX, n->u.text, low, high);
	buf_clear(&a);
	buf_clear(&b);
}

static void value_unit(struct value_reader *r, const struct schema_key *k, const struct node *n,
		       read_unit *read, show_unit *show, const char *wanted, void *to)
{
	struct err why = ERR_INIT;
	int64_t value;

	if (n->type != NODE_TEXT)
		wrong_type(r, k, n, wanted);
	else if (read(span_str(n->u.text), &value, &why) != RC_OK)
		value_complain(r, CONF_ERROR, k, n, "%s", why.text);
	else if (value < k->min || value > k->max)
		out_of_bounds(r, k, n, show);
	else
		memcpy(to, &value, sizeof(value));
}

void value_size(struct value_reader *r, const struct schema_key *k, const struct node *n, void *to)
{
	value_unit(r, k, n, units_size, units_show_size,
		   "a size in quotes with its unit, such as \"25MB\",", to);
}

void value_time(struct value_reader *r, const struct schema_key *k, const struct node *n, void *to)
{
	value_unit(r, k, n, units_duration, units_show_duration,
		   "a time in quotes with its unit, such as \"90d\" or \"30s\",", to);
}

void value_string(struct value_reader *r, const struct schema_key *k, const struct node *n,
		  void *to)
{
	const char *text = value_text(r, k, n, "a text in quotes");

	if (text != NULL)
		text = value_strdup(r, text);
	if (text != NULL)
		memcpy(to, &text, sizeof(text));
}

void value_strings(struct value_reader *r, const struct schema_key *k, const struct node *n,
		   void *to)
{
	const char **list;

	if (!value_is_texts(r, k, n))
		return;
	list = value_alloc(r, n->u.kids.n + 1, sizeof(*list));
	for (size_t i = 0; i < n->u.kids.n && list != NULL; i++) {
		list[i] = value_strdup(r, n->u.kids.at[i].u.text);
		if (list[i] == NULL)
			list = NULL;
		else if (*list[i] == '\0')
			value_complain(r, CONF_ERROR, k, &n->u.kids.at[i],
				       "an empty text in the list");
	}
	if (list != NULL)
		memcpy(to, &list, sizeof(list));
}

void value_list(struct value_reader *r, const struct schema_key *k, const struct node *n, void *to)
{
	(void)to;
	if (n->type != NODE_LIST)
		wrong_type(r, k, n, "a list ( ... )");
}
