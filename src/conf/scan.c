#include "conf/scan.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "conf/problems.h"

/* libconfig looks for a name among all names of the group each time one is added: what a schema never needs is
 * not let near it. */
enum { SETTINGS_MAX = 1000 };

/* Of a word in a message. */
enum { SHOWN_MAX = 60 };
#define SHOWN(w) SPAN_ARG(span_sub((w), 0, SHOWN_MAX))

#define COMPLAIN(s, f, ...)                                                                        \
	conf_problems_add((s)->problems, CONF_ERROR, (f)->name, (f)->line, __VA_ARGS__)

void scan_init(struct scan *s, struct conf_problems *problems, struct vec *texts)
{
	memset(s, 0, sizeof(*s));
	s->problems = problems;
	s->texts = texts;
	s->stack[0].open = '{';
	s->depth = 1;
}

static struct scan_bracket *innermost(struct scan *s)
{
	return &s->stack[s->depth - 1];
}

static bool in_group(struct scan *s)
{
	return innermost(s)->open == '{';
}

static char byte_at(const struct scan_file *f, size_t pos)
{
	return pos < f->raw.len ? f->raw.p[pos] : '\0';
}

static char here(const struct scan_file *f)
{
	return byte_at(f, f->pos);
}

static void newline(struct scan_file *f)
{
	f->pos++;
	f->line++;
	f->joined++;
	f->after_include = false;
}

static void skip_to_end_of_line(struct scan_file *f)
{
	f->pos = span_find(f->raw, '\n', f->pos);
}

static void skip_block_comment(struct scan *s, struct scan_file *f)
{
	unsigned line = f->line;

	f->pos += 2;
	while (f->pos < f->raw.len) {
		if (here(f) == '*' && byte_at(f, f->pos + 1) == '/') {
			f->pos += 2;
			return;
		}
		if (here(f) == '\n')
			newline(f);
		else
			f->pos++;
	}
	conf_problems_add(s->problems, CONF_ERROR, f->name, line,
			  "the comment that begins here is never closed by */");
}

static bool is_comment(const struct scan_file *f, size_t pos)
{
	char next = byte_at(f, pos + 1);

	return byte_at(f, pos) == '#' || (byte_at(f, pos) == '/' && (next == '/' || next == '*'));
}

static void skip_comment(struct scan *s, struct scan_file *f)
{
	if (here(f) == '/' && byte_at(f, f->pos + 1) == '*')
		skip_block_comment(s, f);
	else
		skip_to_end_of_line(f);
}

/* The bytes from the current one up to white space, a comment, or a byte of SEPARATORS. */
static struct span loose_word(const struct scan_file *f, const char *separators)
{
	size_t end = f->pos;

	while (end < f->raw.len && (unsigned char)f->raw.p[end] > ' ' &&
	       strchr(separators, f->raw.p[end]) == NULL && !is_comment(f, end))
		end++;
	return span_sub(f->raw, f->pos, end - f->pos);
}

static bool follows_value(enum scan_token last)
{
	return last == SCAN_VALUE || last == SCAN_TEXT || last == SCAN_CLOSE;
}

/* May a value (SHOWN) stand here? */
static void check_value_place(struct scan *s, struct scan_file *f, struct span shown)
{
	if (!in_group(s)) {
		if (follows_value(s->last))
			COMPLAIN(s, f, "a comma is missing before %.*s", SHOWN(shown));
	} else if (s->last == SCAN_NAME) {
		COMPLAIN(s, f, "a '=' is missing before %.*s", SHOWN(shown));
	} else if (s->last != SCAN_ASSIGN) {
		COMPLAIN(s, f,
			 "%.*s has no name: a setting is written as name = value; (is a quote or a "
			 "semicolon missing before it?)",
			 SHOWN(shown));
	}
}

/* An escape of a text; its backslash is at the current byte. */
static void scan_escape(struct scan *s, struct scan_file *f)
{
	char c = byte_at(f, f->pos + 1);
	char hex[3] = {0};
	long value;

	if (c == '\\' || c == '"') {
		f->pos += 2;
		return;
	}
	if (c != 'x') {
		COMPLAIN(s, f, "a backslash in a text stands before \\, \" or xHH only");
		f->pos += 1;
		return;
	}
	for (size_t i = 0; i < 2; i++)
		if (strchr("0123456789abcdefABCDEF", byte_at(f, f->pos + 2 + i)) != NULL)
			hex[i] = byte_at(f, f->pos + 2 + i);
	value = strtol(hex, NULL, 16);
	if (strlen(hex) != 2 || value < 0x20 || value == 0x7f)
		COMPLAIN(s, f,
			 "\\x%s in a text: two hexadecimal digits of no control character "
			 "are wanted",
			 hex);
	f->pos += 2 + strlen(hex);
}

/* The current byte is the quote. No value has a reason to go over the end of a line: there a closing quote is
 * missing, and the text is taken to end. */
static void scan_text_body(struct scan *s, struct scan_file *f)
{
	f->pos++;
	while (f->pos < f->raw.len && here(f) != '"' && here(f) != '\n') {
		unsigned char c = (unsigned char)here(f);

		if (c == '\\') {
			scan_escape(s, f);
			continue;
		}
		if (c == '\r' && byte_at(f, f->pos + 1) == '\n')
			break;
		if (c < 0x20 || c == 0x7f)
			COMPLAIN(s, f, "a text has a control character (0x%02x) in it", c);
		f->pos++;
	}
	if (here(f) == '"')
		f->pos++;
	else
		COMPLAIN(s, f, "the closing quote of a text is missing on this line");
}

static void scan_text(struct scan *s, struct scan_file *f)
{
	struct span shown = loose_word(f, ";,)]}");
	bool joined = in_group(s) && s->last == SCAN_TEXT;

	if (!joined) {
		unsigned *line = vec_push(s->texts);

		check_value_place(s, f, shown);
		if (line != NULL)
			*line = f->joined;
		else
			s->problems->lost = true;
	}
	scan_text_body(s, f);
	s->last = SCAN_TEXT;
}

static bool is_boolean(struct span word)
{
	return span_ieq_str(word, "true") || span_ieq_str(word, "false");
}

static bool is_name(struct span word)
{
	for (size_t i = 0; i < word.len; i++) {
		char c = word.p[i];

		if (is_ascii_alpha(c) || c == '*')
			continue;
		if (i == 0 || !(is_ascii_digit(c) || c == '-' || c == '_'))
			return false;
	}
	return word.len > 0;
}

/* A value that is neither number nor boolean and has no quotes. It is taken up to the end of the value. */
static void bare_value(struct scan *s, struct scan_file *f)
{
	static const char *const yes_no[] = {"yes", "no", "on", "off"};
	struct span word = loose_word(f, ";,)]}\"");

	f->pos += word.len;
	for (size_t i = 0; i < COUNT_OF(yes_no); i++) {
		if (span_ieq_str(word, yes_no[i])) {
			COMPLAIN(s, f, "%.*s: the words for it are true and false", SHOWN(word));
			return;
		}
	}
	COMPLAIN(s, f, "%.*s: a value that is no number, true or false needs quotes: \"%.*s\"",
		 SHOWN(word), SHOWN(word));
}

static void scan_name(struct scan *s, struct scan_file *f)
{
	struct span word = loose_word(f, "=:;,(){}[]\"");

	f->pos += word.len;
	if (s->last == SCAN_NAME)
		COMPLAIN(s, f, "a '=' is missing before %.*s", SHOWN(word));
	else if (!is_name(word))
		COMPLAIN(s, f, "%.*s: a name has letters, digits, - and _ only%s", SHOWN(word),
			 span_has(word, '.') ? "; a domain is written as "
					       "domains = ( { name = \"example.com\"; } );"
					     : "");
	s->last = SCAN_NAME;
}

static void scan_word(struct scan *s, struct scan_file *f)
{
	struct span word = loose_word(f, "=:;,(){}[]\"");
	bool value_place = !in_group(s) || s->last == SCAN_ASSIGN;

	if (!value_place && !is_boolean(word)) {
		scan_name(s, f);
		return;
	}
	check_value_place(s, f, word);
	if (is_boolean(word))
		f->pos += word.len;
	else
		bare_value(s, f);
	s->last = SCAN_VALUE;
}

static size_t digits(struct span s, size_t from)
{
	size_t i = from;

	while (i < s.len && is_ascii_digit(s.p[i]))
		i++;
	return i - from;
}

static bool is_float(struct span w, size_t at)
{
	size_t whole = digits(w, at), fraction = 0;

	at += whole;
	if (at < w.len && w.p[at] == '.') {
		fraction = digits(w, at + 1);
		at += 1 + fraction;
	}
	if (whole + fraction == 0)
		return false;
	if (at < w.len && (w.p[at] == 'e' || w.p[at] == 'E')) {
		at++;
		if (at < w.len && (w.p[at] == '+' || w.p[at] == '-'))
			at++;
		if (digits(w, at) == 0)
			return false;
		at += digits(w, at);
	}
	return at == w.len;
}

enum { NUMBER_MAX_BYTES = 64 };

/* An integer as libconfig reads it: decimal or 0x, 64 bits with a final L or LL, else 32.
 * False: none. *RET_FITS: libconfig makes the same number of it. */
static bool read_integer(struct span w, bool *ret_fits)
{
	char text[NUMBER_MAX_BYTES + 1] = {0}, *end;
	bool is_long = w.len > 0 && w.p[w.len - 1] == 'L';
	int64_t value;
	int base = 10;

	while (w.len > 0 && w.p[w.len - 1] == 'L')
		w.len--;
	if (w.len == 0 || w.len > NUMBER_MAX_BYTES || is_wsp(w.p[0]))
		return false;
	memcpy(text, w.p, w.len);
	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
		base = 16;
	errno = 0;
	value = strtoll(text, &end, base);
	if (end == text || *end != '\0' || (base == 16 && w.len == 2))
		return false;
	*ret_fits = errno == 0 && (is_long || (value >= INT32_MIN && value <= INT32_MAX));
	return true;
}

static void scan_number(struct scan *s, struct scan_file *f)
{
	struct span word = loose_word(f, ";,(){}[]\"=");
	bool fits = true;

	check_value_place(s, f, word);
	if (read_integer(word, &fits)) {
		if (!fits)
			COMPLAIN(s, f,
				 "the number %.*s is too large (at most %d); sizes and times are "
				 "texts with a unit, such as \"25MB\" and \"90d\"",
				 SHOWN(word), INT32_MAX);
		f->pos += word.len;
	} else if (is_float(word, word.p[0] == '-' || word.p[0] == '+')) {
		f->pos += word.len;
	} else {
		bare_value(s, f);
	}
	s->last = SCAN_VALUE;
}

static void scan_assign(struct scan *s, struct scan_file *f)
{
	struct scan_bracket *group = innermost(s);

	if (s->last != SCAN_NAME) {
		COMPLAIN(s, f, "'%c' without the name of a setting before it", here(f));
	} else if (++group->settings > SETTINGS_MAX) {
		COMPLAIN(s, f,
			 "more than %d settings in one group; domains and rules are written as a "
			 "list: domains = ( { name = \"example.com\"; }, ... );",
			 SETTINGS_MAX);
		s->given_up = true;
	}
	f->pos++;
	s->last = SCAN_ASSIGN;
}

static void scan_open(struct scan *s, struct scan_file *f)
{
	check_value_place(s, f, span_sub(f->raw, f->pos, 1));
	if (s->depth == SCAN_DEPTH_MAX) {
		COMPLAIN(s, f, "more than %d brackets are open here", SCAN_DEPTH_MAX - 1);
		s->given_up = true;
		return;
	}
	s->stack[s->depth++] =
		(struct scan_bracket){.open = here(f), .file = f->name, .line = f->line};
	f->pos++;
	s->last = SCAN_OPEN;
}

static char closing_of(char open)
{
	return open == '{' ? '}' : open == '(' ? ')' : ']';
}

static void scan_close(struct scan *s, struct scan_file *f)
{
	const struct scan_bracket *b = innermost(s);
	char c = here(f);

	if (s->depth == 1) {
		COMPLAIN(s, f, "'%c' closes nothing: no bracket is open here", c);
		s->given_up = true;
		return;
	}
	if (c != closing_of(b->open)) {
		COMPLAIN(s, f, "'%c' where '%c' is wanted, which closes the '%c' of line %u", c,
			 closing_of(b->open), b->open, b->line);
		s->given_up = true;
		return;
	}
	if (!in_group(s) && s->last == SCAN_COMMA)
		COMPLAIN(s, f, "a comma stands before '%c': the last element has none after it", c);
	if (in_group(s) && (s->last == SCAN_NAME || s->last == SCAN_ASSIGN))
		COMPLAIN(s, f, "a value is missing before '%c'", c);
	s->depth--;
	f->pos++;
	s->last = SCAN_CLOSE;
}

static void scan_separator(struct scan *s, struct scan_file *f)
{
	char c = here(f);

	if (c == ';' && !in_group(s))
		COMPLAIN(s, f, "';' inside '%c': the elements are separated by commas",
			 innermost(s)->open);
	else if (s->last == SCAN_NAME || s->last == SCAN_ASSIGN)
		COMPLAIN(s, f, "a value is missing before '%c'", c);
	else if (!follows_value(s->last))
		COMPLAIN(s, f, "nothing stands before this '%c'", c);
	f->pos++;
	s->last = c == ';' ? SCAN_SEMICOLON : SCAN_COMMA;
}

static void unexpected_byte(struct scan *s, struct scan_file *f)
{
	unsigned char c = (unsigned char)here(f);

	if (f->line == 1 && span_starts(f->raw, SPAN_LIT("\xef\xbb\xbf")) && f->pos == 0) {
		COMPLAIN(s, f, "the file begins with a byte order mark: save it as plain UTF-8");
		f->pos += 3;
		return;
	}
	if (c == '@')
		COMPLAIN(s, f,
			 "'@': a directive is written as @include \"FILE\" at the beginning of a "
			 "line");
	else if (c > 0x20 && c < 0x7f)
		COMPLAIN(s, f, "'%c' has no meaning here; a text needs quotes", c);
	else
		COMPLAIN(s, f, "the byte 0x%02x outside of a text", c);
	skip_to_end_of_line(f);
}

static bool begins_number(const struct scan_file *f)
{
	char c = here(f), next = byte_at(f, f->pos + 1);

	return is_ascii_digit(c) ||
	       ((c == '-' || c == '+') && (is_ascii_digit(next) || next == '.')) ||
	       (c == '.' && is_ascii_digit(next));
}

static void scan_token(struct scan *s, struct scan_file *f)
{
	char c = here(f);

	if (c == '"')
		scan_text(s, f);
	else if (is_ascii_alpha(c) || c == '*')
		scan_word(s, f);
	else if (begins_number(f))
		scan_number(s, f);
	else if (c == '=' || c == ':')
		scan_assign(s, f);
	else if (c == '{' || c == '(' || c == '[')
		scan_open(s, f);
	else if (c == '}' || c == ')' || c == ']')
		scan_close(s, f);
	else if (c == ',' || c == ';')
		scan_separator(s, f);
	else if (c > ' ' && c < 0x7f && c != '@' && (!in_group(s) || s->last == SCAN_ASSIGN))
		scan_word(s, f);
	else
		unexpected_byte(s, f);
}

/* After an include: only a comment may stand on the rest of the line, since libconfig is given that rest as a line
 * of its own. */
static void check_rest_of_line(struct scan *s, struct scan_file *f)
{
	if (f->after_include && !is_comment(f, f->pos)) {
		COMPLAIN(s, f, "something follows the @include on this line");
		f->after_include = false;
	}
}

/* At the beginning of a line: is it the directive? Then F is moved behind it. */
static bool take_include(struct scan *s, struct scan_file *f, struct span *ret)
{
	static const struct span word = {"@include", 8};
	struct span line = span_sub(f->raw, f->pos, span_find(f->raw, '\n', f->pos) - f->pos);
	size_t at = 0, end;

	while (at < line.len && is_wsp(line.p[at]))
		at++;
	if (!span_starts(span_from(line, at), word))
		return false;
	at += word.len;
	while (at < line.len && is_wsp(line.p[at]))
		at++;
	end = span_find(line, '"', at + 1);
	if (at >= line.len || line.p[at] != '"' || end == line.len || end == at + 1)
		return false; /* '@' is complained of as an unexpected byte */
	if (in_group(s) && s->last != SCAN_ASSIGN && s->last != SCAN_NAME) {
		*ret = span_sub(line, at + 1, end - at - 1);
	} else {
		COMPLAIN(s, f, "@include stands where a setting may begin, not within a value");
		*ret = SPAN_NONE;
	}
	f->pos += end + 1;
	f->after_include = true;
	return ret->len > 0;
}

static bool at_line_start(const struct scan_file *f)
{
	return f->pos == 0 || f->raw.p[f->pos - 1] == '\n';
}

bool scan_next_include(struct scan *s, struct scan_file *f, size_t *ret_end, struct span *ret)
{
	while (f->pos < f->raw.len && !s->given_up) {
		char c = here(f);

		if (at_line_start(f)) {
			*ret_end = f->pos;
			if (take_include(s, f, ret))
				return true;
			c = here(f);
		}
		if (f->pos == f->raw.len)
			break;
		if (c == '\n') {
			newline(f);
		} else if (is_wsp(c) || c == '\r' || c == '\f') {
			f->pos++;
		} else {
			check_rest_of_line(s, f);
			if (is_comment(f, f->pos))
				skip_comment(s, f);
			else
				scan_token(s, f);
		}
	}
	*ret_end = f->raw.len;
	return false;
}

void scan_finish(struct scan *s)
{
	const struct scan_bracket *b = innermost(s);

	if (s->given_up || s->depth == 1)
		return;
	conf_problems_add(s->problems, CONF_ERROR, b->file, b->line,
			  "the '%c' of this line is never closed by '%c'", b->open,
			  closing_of(b->open));
}
