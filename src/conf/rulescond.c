#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/picture.h"
#include "base/units.h"
#include "conf/rulesread.h"

/* What the value of a condition is. */
enum value_kind {
	VALUE_ADDRESS,
	VALUE_TEXT,
	VALUE_WORDS, /* of a few known ones; '*' may stand for some */
	VALUE_SIZE,
	VALUE_CLOCK,
	VALUE_DATE,
	VALUE_NOTHING
};

static const char *const securities[] = {"encrypted", "signed", NULL};
static const char *const sources[] = {"trusted", "authenticated", "local", "relayed", NULL};
static const char *const days[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun", NULL};

static enum value_kind value_kind_of(enum condition_kind k)
{
	switch (k) {
	case COND_FROM:
	case COND_SENDER:
	case COND_RETURN_PATH:
	case COND_TO:
	case COND_CC:
	case COND_REPLY_TO:
	case COND_ANY_TO_OR_CC:
	case COND_EACH_TO_OR_CC:
	case COND_ANY_RECIPIENT:
	case COND_EACH_RECIPIENT:
		return VALUE_ADDRESS;
	case COND_SIZE:
		return VALUE_SIZE;
	case COND_HUMAN:
		return VALUE_NOTHING;
	case COND_SECURITY:
	case COND_SOURCE:
	case COND_DAY:
		return VALUE_WORDS;
	case COND_TIME_OF_DAY:
		return VALUE_CLOCK;
	case COND_DATE:
		return VALUE_DATE;
	default:
		return VALUE_TEXT;
	}
}

static bool find_kind(const char *name, enum condition_kind *ret)
{
	for (unsigned i = 0; i < CONDITIONS; i++) {
		if (strcmp(name, condition_name((enum condition_kind)i)) == 0) {
			*ret = (enum condition_kind)i;
			return true;
		}
	}
	return false;
}

static bool find_op(const char *name, enum condition_op *ret)
{
	for (unsigned i = OP_IS; i <= OP_GREATER; i++) {
		if (strcmp(name, condition_op_name((enum condition_op)i)) == 0) {
			*ret = (enum condition_op)i;
			return true;
		}
	}
	return false;
}

static const char *const *words_of(enum condition_kind k)
{
	return k == COND_SECURITY ? securities : k == COND_SOURCE ? sources : days;
}

/* --- pictures ----------------------------------------------------------------------------------- */

static const char *fold(struct value_reader *r, struct span text)
{
	struct span folded;

	if (picture_fold(text, r->arena, &folded, NULL) != RC_OK) {
		r->problems->lost = true;
		return NULL;
	}
	/* Zeroed memory lies behind it. */
	return folded.p;
}

static bool is_word(const char *const *words, const char *picture)
{
	for (; *words != NULL; words++)
		if (picture_match(span_str(picture), span_str(*words)))
			return true;
	return false;
}

/* "Monday" is "mon". */
static const char *short_day(const char *word)
{
	static const char *const whole[] = {"monday", "tuesday",  "wednesday", "thursday",
					    "friday", "saturday", "sunday"};

	for (size_t i = 0; i < COUNT_OF(whole); i++)
		if (strcmp(word, whole[i]) == 0)
			return days[i];
	return word;
}

static bool check_word(struct value_reader *r, const struct rule_draft *draft, const struct node *n,
		       enum condition_kind k, const char *word)
{
	const char *const *words = words_of(k);
	struct node shown = *n;
	size_t n_words = 0;

	if (is_word(words, word))
		return true;
	while (words[n_words] != NULL)
		n_words++;
	shown.u.text = word;
	rules_unknown(r, draft, &shown,
		      k == COND_SECURITY ? "word of Security (encrypted, signed)"
		      : k == COND_SOURCE ? "word of Source (trusted, authenticated, local, relayed)"
					 : "day (Mon, Tue, Wed, Thu, Fri, Sat, Sun)",
		      words, n_words);
	return false;
}

static void check_address(struct value_reader *r, const struct rule_draft *draft,
			  const struct node *n, const struct rule_condition *c, const char *picture)
{
	if (strchr(picture, '@') == NULL && strchr(picture, '*') == NULL &&
	    strcmp(picture, "<>") != 0)
		rules_complain(r, CONF_WARNING, draft, n,
			       "\"%s\" is no address and has no '*': it matches nothing; is "
			       "\"*@%s\" meant?",
			       picture, picture);
	else if ((c->op == OP_IS || c->op == OP_IS_NOT) && strchr(picture, ',') != NULL)
		rules_complain(r, CONF_WARNING, draft, n,
			       "\"%s\" has a comma, which no address has; is \"%s\" meant?",
			       picture, c->op == OP_IS ? "in" : "not in");
}

/* What could never match is most likely meant in another way. */
static void check_text(struct value_reader *r, const struct rule_draft *draft, const struct node *n,
		       const struct rule_condition *c, const char *picture)
{
	struct span s = span_str(picture);

	if (c->kind == COND_SUBMIT_ADDRESS && span_has(s, '/'))
		rules_complain(r, CONF_WARNING, draft, n,
			       "\"%s\" matches no address: networks are written with '*', such as "
			       "\"10.*\"",
			       picture);
	if (c->kind == COND_MESSAGE_ID && s.len > 2 && s.p[0] == '<' && s.p[s.len - 1] == '>')
		rules_complain(r, CONF_WARNING, draft, n,
			       "\"%s\" has angle brackets, which are left out here; is \"%.*s\" "
			       "meant?",
			       picture, SPAN_ARG(span_sub(s, 1, s.len - 2)));
}

static bool add_picture(struct value_reader *r, const struct rule_draft *draft,
			const struct node *n, struct rule_condition *c, struct span text,
			const char **list, size_t *at)
{
	enum value_kind kind = value_kind_of(c->kind);
	const char *folded;

	if (text.len > RULE_PICTURE_MAX) {
		rules_complain(r, CONF_ERROR, draft, n, "a picture of more than %d bytes",
			       RULE_PICTURE_MAX);
		return false;
	}
	folded = fold(r, text);
	if (folded == NULL)
		return false;
	if (c->kind == COND_DAY)
		folded = short_day(folded);
	if (kind == VALUE_WORDS && !check_word(r, draft, n, c->kind, folded))
		return false;
	if (kind == VALUE_ADDRESS)
		check_address(r, draft, n, c, folded);
	if (kind == VALUE_TEXT)
		check_text(r, draft, n, c, folded);
	list[(*at)++] = folded;
	return true;
}

static bool read_pictures(struct value_reader *r, const struct rule_draft *draft,
			  const struct node *n, struct rule_condition *c)
{
	bool many = c->op == OP_IN || c->op == OP_NOT_IN, good = true;
	struct span rest = span_str(n->u.text), part;
	size_t room = 2, at = 0;
	const char **list;

	for (const char *p = n->u.text; many && *p != '\0'; p++)
		room += *p == ',';
	list = value_alloc(r, room, sizeof(*list));
	if (list == NULL)
		return false;
	c->pictures = list;
	if (!many)
		return add_picture(r, draft, n, c, rest, list, &at);
	while (span_split(&rest, ',', &part))
		if (span_trim(part).len != 0)
			good = add_picture(r, draft, n, c, span_trim(part), list, &at) && good;
	if (at == 0 && good) {
		rules_complain(r, CONF_ERROR, draft, n, "the list of \"%s\" is empty",
			       condition_op_name(c->op));
		return false;
	}
	return good;
}

/* --- numbers ------------------------------------------------------------------------------------ */

/* Digits up to SEP or the end. */
static bool take_number(struct span *text, char sep, int max, int *ret)
{
	size_t n = 0;
	int value = 0;

	while (n < text->len && n < 5 && is_ascii_digit(text->p[n]))
		value = value * 10 + (text->p[n++] - '0');
	if (n == 0 || value > max)
		return false;
	*text = span_from(*text, n);
	*ret = value;
	if (sep == '\0')
		return true;
	if (text->len == 0 || text->p[0] != sep)
		return false;
	*text = span_from(*text, 1);
	return true;
}

/* "HH:MM" or "HH:MM:SS" */
static bool read_clock(struct span text, int64_t *ret)
{
	int hour, minute, second = 0;

	if (!take_number(&text, ':', 24, &hour) || !take_number(&text, '\0', 59, &minute))
		return false;
	if (text.len != 0) {
		if (text.p[0] != ':')
			return false;
		text = span_from(text, 1);
		if (!take_number(&text, '\0', 59, &second))
			return false;
	}
	*ret = ((int64_t)hour * 60 + minute) * 60 + second;
	return text.len == 0 && *ret <= (int64_t)24 * 3600;
}

static bool take_month(struct span *text, int *ret)
{
	static const char names[] = "janfebmaraprmayjunjulaugsepoctnovdec";

	for (int i = 0; i < 12; i++) {
		if (!span_istarts(*text, span_of(names + 3 * i, 3)))
			continue;
		*ret = i + 1;
		*text = span_from(*text, 3);
		return span_starts(*text, SPAN_LIT(" "));
	}
	return false;
}

static bool is_day_of(int64_t year, int month, int day)
{
	static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return day >= 1 && day <= lengths[month - 1] + (month == 2 && leap ? 1 : 0);
}

/* "1 Feb 2027" or "1 Feb 2027 14:30:00": the clock of the zone, which may be read later (rules_finish()). */
static bool read_date(struct span text, int64_t *ret)
{
	int day, month, year;
	int64_t second = 0;
	struct tm tm;

	if (!take_number(&text, ' ', 31, &day) || !take_month(&text, &month))
		return false;
	text = span_trim(text);
	if (!take_number(&text, '\0', 9999, &year) || year < 1970 || !is_day_of(year, month, day))
		return false;
	if (text.len != 0 && (text.p[0] != ' ' || !read_clock(span_trim(text), &second)))
		return false;
	tm = (struct tm){.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day};
	*ret = (int64_t)timegm(&tm) + second;
	return true;
}

static bool read_when(struct value_reader *r, const struct rule_draft *draft, const struct node *n,
		      struct rule_condition *c)
{
	struct span text = span_trim(span_str(n->u.text));

	if (value_kind_of(c->kind) == VALUE_CLOCK) {
		if (read_clock(text, &c->number))
			return true;
		rules_complain(r, CONF_ERROR, draft, n,
			       "\"%.60s\" is no time of day, such as \"08:30\" or \"17:00:00\"",
			       n->u.text);
		return false;
	}
	if (read_date(text, &c->number))
		return true;
	rules_complain(r, CONF_ERROR, draft, n,
		       "\"%.60s\" is no date, such as \"1 Feb 2027\" or \"1 Feb 2027 14:30:00\"",
		       n->u.text);
	return false;
}

static bool read_number(struct value_reader *r, const struct rule_draft *draft,
			const struct node *n, struct rule_condition *c)
{
	struct err why = ERR_INIT;

	if (value_kind_of(c->kind) != VALUE_SIZE)
		return read_when(r, draft, n, c);
	if (units_size(span_str(n->u.text), &c->number, &why) == RC_OK)
		return true;
	rules_complain(r, CONF_ERROR, draft, n, "Message Size: %s", why.text);
	return false;
}

/* --- one condition ------------------------------------------------------------------------------ */

static bool fits(struct value_reader *r, const struct rule_draft *draft, const struct node *n,
		 const struct rule_condition *c)
{
	enum value_kind kind = value_kind_of(c->kind);
	bool number = kind == VALUE_SIZE || kind == VALUE_CLOCK || kind == VALUE_DATE;
	bool compares = c->op == OP_LESS || c->op == OP_GREATER;

	if (number == compares)
		return true;
	rules_complain(r, CONF_ERROR, draft, n, "\"%s\" cannot be asked with \"%s\"; %s is wanted",
		       condition_name(c->kind), condition_op_name(c->op),
		       number ? "\"less than\" or \"greater than\""
			      : "\"is\", \"is not\", \"in\" or \"not in\"");
	return false;
}

static bool read_kind(struct value_reader *r, const struct rule_draft *draft, const struct node *n,
		      struct rule_condition *c)
{
	const char *names[CONDITIONS];

	if (n->type == NODE_TEXT && find_kind(n->u.text, &c->kind))
		return true;
	for (unsigned i = 0; i < CONDITIONS; i++)
		names[i] = condition_name((enum condition_kind)i);
	rules_unknown(r, draft, n, "condition", names, COUNT_OF(names));
	return false;
}

static bool read_op(struct value_reader *r, const struct rule_draft *draft, const struct node *n,
		    struct rule_condition *c)
{
	static const char *const names[] = {"is",     "is not",	   "in",
					    "not in", "less than", "greater than"};

	if (n->type == NODE_TEXT && find_op(n->u.text, &c->op))
		return true;
	rules_unknown(r, draft, n, "operator", names, COUNT_OF(names));
	return false;
}

static bool read_condition(struct value_reader *r, struct rule_draft *draft, const struct node *n,
			   struct rule_condition *c)
{
	const struct node *parts = n->u.kids.at;
	size_t wanted;

	if (n->type != NODE_LIST || n->u.kids.n == 0) {
		rules_complain(
			r, CONF_ERROR, draft, n,
			"when: a condition (\"From\", \"in\", \"*@bank.example\") is wanted");
		return false;
	}
	if (!read_kind(r, draft, &parts[0], c))
		return false;
	wanted = c->kind == COND_HUMAN ? 1 : 3;
	if (n->u.kids.n != wanted) {
		rules_complain(r, CONF_ERROR, draft, n,
			       wanted == 1
				       ? "\"%s\" has neither operator nor value"
				       : "\"%s\" wants an operator and a value: (\"%s\", \"...\", "
					 "\"...\")",
			       condition_name(c->kind), condition_name(c->kind));
		return false;
	}
	c->text = "";
	if (wanted == 1)
		return true;
	if (!read_op(r, draft, &parts[1], c) || !fits(r, draft, &parts[1], c))
		return false;
	if (parts[2].type != NODE_TEXT) {
		rules_complain(r, CONF_ERROR, draft, &parts[2], "a value in quotes is wanted");
		return false;
	}
	c->text = value_strdup(r, parts[2].u.text);
	return c->op == OP_LESS || c->op == OP_GREATER ? read_number(r, draft, &parts[2], c)
						       : read_pictures(r, draft, &parts[2], c);
}

bool rules_read_conditions(struct value_reader *r, struct rule_draft *draft, const struct node *n)
{
	struct rule_condition *all;
	bool good = true;

	if (n->type != NODE_LIST || n->u.kids.n > RULE_PARTS_MAX) {
		rules_complain(r, CONF_ERROR, draft, n,
			       "when: a list of at most %d conditions is wanted", RULE_PARTS_MAX);
		return false;
	}
	all = value_alloc(r, n->u.kids.n + 1, sizeof(*all));
	for (size_t i = 0; i < n->u.kids.n && all != NULL; i++)
		good = read_condition(r, draft, &n->u.kids.at[i], &all[i]) && good;
	draft->when = all;
	draft->rule.when = all;
	draft->rule.n_when = n->u.kids.n;
	return all != NULL && good;
}
