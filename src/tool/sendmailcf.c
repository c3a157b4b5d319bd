#include "tool/sendmailcf.h"

#include <string.h>

#include "base/file.h"

/* Sendmail's milter.c: what holds where T= says nothing. */
enum { DEFAULT_CONNECT = 300, DEFAULT_SEND = 10, DEFAULT_READ = 10, DEFAULT_END = 300 };

static bool is_blank(char c)
{
	return is_wsp(c) || c == '\n' || c == '\r';
}

static struct span trim(struct span s)
{
	return span_trim_fold(s);
}

/* One equate of a list: "S=unix:/a\, b". *REST loses it; quotes and backslashes are taken out in place, as Sendmail's
 * munchstring() does. False at the end. */
static bool next_equate(struct span *rest, struct span *ret_code, struct span *ret_value)
{
	char *from, *to, *end;
	bool quoted = false;
	size_t equals;

	while (rest->len > 0 && (is_blank(rest->p[0]) || rest->p[0] == ','))
		*rest = span_from(*rest, 1);
	if (rest->len == 0)
		return false;
	for (equals = 0; equals < rest->len && rest->p[equals] != '=' && rest->p[equals] != ',';)
		equals++;
	*ret_code = trim(span_sub(*rest, 0, equals));
	*rest = span_from(*rest, equals);
	*ret_value = SPAN_NONE;
	if (rest->len == 0 || rest->p[0] == ',')
		return true;
	*rest = span_from(*rest, 1);
	/* The text is the reader's own. */
	from = to = (char *)(uintptr_t)rest->p;
	end = from + rest->len;
	*ret_value = span_of(to, 0);
	for (; from < end && (quoted || *from != ','); from++) {
		if (*from == '"')
			quoted = !quoted;
		else if (*from == '\\' && from + 1 < end)
			*to++ = *++from;
		else
			*to++ = *from;
	}
	*ret_value = trim(span_of(ret_value->p, (size_t)(to - ret_value->p)));
	*rest = span_of(from, (size_t)(end - from));
	return true;
}

/* --- words and numbers ------------------------------------------------------------------------ */

bool sendmailcf_next_word(struct span *rest, struct span *ret)
{
	size_t end = 0;

	while (rest->len > 0 && (is_blank(rest->p[0]) || strchr(",;", rest->p[0]) != NULL))
		*rest = span_from(*rest, 1);
	while (end < rest->len && !is_blank(rest->p[end]) && strchr(",;", rest->p[end]) == NULL)
		end++;
	*ret = span_sub(*rest, 0, end);
	*rest = span_from(*rest, end);
	return end > 0;
}

bool sendmailcf_list_has(struct span list, struct span word)
{
	struct span found;

	while (sendmailcf_next_word(&list, &found))
		if (span_ieq(found, word))
			return true;
	return false;
}

static int64_t unit_seconds(char unit)
{
	switch (unit) {
	case 's':
		return 1;
	case 'm':
		return 60;
	case 'h':
		return 3600;
	case 'd':
		return 86400;
	case 'w':
		return 7 * 86400;
	default:
		return -1;
	}
}

int64_t sendmailcf_seconds(struct span s, char unit)
{
	const int64_t most = 1000000000;
	int64_t sum = 0;
	size_t i = 0;

	if (s.len == 0)
		return -1;
	while (i < s.len) {
		int64_t n = 0, each;
		size_t from = i;

		for (; i < s.len && is_ascii_digit(s.p[i]); i++)
			n = n * 10 + (s.p[i] - '0') < most ? n * 10 + (s.p[i] - '0') : most;
		each = unit_seconds(i < s.len ? ascii_lower(s.p[i]) : unit);
		if (i == from || each < 0)
			return -1;
		sum = sum + n * each < most ? sum + n * each : most;
		i++;
	}
	return sum;
}

/* As atol(): what stands in front. */
static long number(struct span s)
{
	long n = 0;

	for (size_t i = 0; i < s.len && is_ascii_digit(s.p[i]) && n < 100000000; i++)
		n = n * 10 + (s.p[i] - '0');
	return n;
}

/* --- sockets ---------------------------------------------------------------------------------- */

struct endpoint {
	bool is_unix;
	struct span path, port, host;
};

static struct endpoint take_apart(struct span s)
{
	struct endpoint e = {.is_unix = true, .path = s};
	size_t colon = span_find(s, ':', 0);
	struct span kind = span_sub(s, 0, colon);
	size_t at;

	if (colon < s.len)
		e.path = span_from(s, colon + 1);
	if (!span_ieq_str(kind, "inet") && !span_ieq_str(kind, "inet6"))
		return e;
	e.is_unix = false;
	at = span_find(e.path, '@', 0);
	e.port = span_sub(e.path, 0, at);
	e.host = span_from(e.path, at + 1);
	if (e.host.len >= 2 && e.host.p[0] == '[')
		e.host = span_sub(e.host, 1, e.host.len - 2);
	if (e.host.len == 0 || span_ieq_str(e.host, "localhost"))
		e.host = span_ieq_str(kind, "inet6") ? SPAN_LIT("::1") : SPAN_LIT("127.0.0.1");
	return e;
}

bool sendmailcf_same_socket(struct span a, struct span b)
{
	struct endpoint x = take_apart(a), y = take_apart(b);

	if (x.is_unix != y.is_unix)
		return false;
	if (x.is_unix)
		return span_eq(x.path, y.path);
	return span_eq(x.port, y.port) && span_ieq(x.host, y.host);
}

/* --- the lines -------------------------------------------------------------------------------- */

/* Why vec_push() gave nothing. */
static enum rc no_room(const struct vec *v, const char *what, struct err *err)
{
	if (v->len < v->max)
		return err_set(err, RC_NOMEM, "list of %s", what);
	return err_set(err, RC_LIMIT, "more than %zu %s", v->max, what);
}

/* "C:10s;S:1m;R:1m;E:5m" */
static void read_timeouts(struct span s, struct sendmailcf_filter *f)
{
	struct span part;

	while (s.len > 0 && span_split(&s, ';', &part)) {
		struct span value;
		size_t colon;

		part = trim(part);
		colon = span_find(part, ':', 0);
		value = trim(span_from(part, colon + 1));
		switch (part.len > 0 ? part.p[0] : '\0') {
		case 'C':
			f->connect = sendmailcf_seconds(value, 's');
			break;
		case 'S':
			f->send = sendmailcf_seconds(value, 's');
			break;
		case 'R':
			f->read = sendmailcf_seconds(value, 's');
			break;
		case 'E':
			f->end = sendmailcf_seconds(value, 's');
			break;
		default:
			break;
		}
	}
}

/* The name in front of "," or white space; *RET_REST what follows. */
static struct span name_of(struct span line, struct span *ret_rest)
{
	size_t end = 0;

	while (end < line.len && line.p[end] != ',' && !is_blank(line.p[end]))
		end++;
	*ret_rest = span_from(line, end);
	return span_sub(line, 0, end);
}

static enum rc read_filter(struct sendmailcf *cf, struct span line, struct err *err)
{
	struct sendmailcf_filter *f = vec_push(&cf->filters);
	struct span rest, code, value;

	if (f == NULL)
		return no_room(&cf->filters, "filters", err);
	*f = (struct sendmailcf_filter){.connect = DEFAULT_CONNECT,
					.send = DEFAULT_SEND,
					.read = DEFAULT_READ,
					.end = DEFAULT_END};
	f->name = name_of(line, &rest);
	while (next_equate(&rest, &code, &value)) {
		char c = code.len > 0 ? code.p[0] : '\0';

		if (c == 'S')
			f->socket = value;
		else if (c == 'F')
			f->flags = value;
		else if (c == 'T')
			read_timeouts(value, f);
	}
	return RC_OK;
}

static enum rc read_mailer(struct sendmailcf *cf, struct span line, struct err *err)
{
	struct sendmailcf_mailer *m = vec_push(&cf->mailers);
	struct span rest, code, value;

	if (m == NULL)
		return no_room(&cf->mailers, "mailers", err);
	m->name = name_of(line, &rest);
	while (next_equate(&rest, &code, &value)) {
		char c = code.len > 0 ? code.p[0] : '\0';

		if (c == 'P')
			m->path = value;
		else if (c == 'F')
			m->flags = value;
		else if (c == 'L')
			m->line = number(value);
	}
	return RC_OK;
}

/* Values are not quoted here, and the first letter is the name. */
static enum rc read_daemon(struct sendmailcf *cf, struct span line, struct err *err)
{
	struct sendmailcf_daemon *d = vec_push(&cf->daemons);
	struct span part;

	if (d == NULL)
		return no_room(&cf->daemons, "daemons", err);
	while (line.len > 0 && span_split(&line, ',', &part)) {
		struct span value;
		size_t equals;

		part = trim(part);
		equals = span_find(part, '=', 0);
		if (part.len == 0 || equals == part.len)
			continue;
		value = trim(span_from(part, equals + 1));
		switch (ascii_lower(part.p[0])) {
		case 'n':
			d->name = value;
			break;
		case 'p':
			d->port = value;
			break;
		case 'm':
			d->modifiers = value;
			break;
		case 'i':
			d->filters = value;
			break;
		default:
			break;
		}
	}
	return RC_OK;
}

static enum rc add_setting(struct vec *v, const char *what, struct span name, struct span value,
			   struct err *err)
{
	struct sendmailcf_setting *s = vec_push(v);

	if (s == NULL)
		return no_room(v, what, err);
	s->name = name;
	s->value = value;
	return RC_OK;
}

static enum rc read_option(struct sendmailcf *cf, struct span line, struct err *err)
{
	size_t equals = span_find(line, '=', 0);
	struct span name = trim(span_sub(line, 0, equals));
	struct span value = trim(span_from(line, equals + 1));

	if (span_ieq_str(name, "DaemonPortOptions"))
		return read_daemon(cf, value, err);
	return add_setting(&cf->options, "options", name, value, err);
}

static enum rc read_map(struct sendmailcf *cf, struct span line, struct err *err)
{
	struct span rest, name = name_of(trim(line), &rest);

	return add_setting(&cf->maps, "maps", name, trim(rest), err);
}

/* "DMexample.com" and "D{M}example.com". */
static void read_macro(struct sendmailcf *cf, struct span line)
{
	char name = line.len > 0 ? line.p[0] : '\0';
	struct span value = trim(span_from(line, 1));

	if (span_starts(line, SPAN_LIT("{M}"))) {
		name = 'M';
		value = trim(span_from(line, 3));
	}
	if (name == 'M')
		cf->masquerade = value;
	else if (name == 'Z')
		cf->version = value;
}

/* Without FEATURE(`nocanonify') that ruleset asks the name server about every host name; with it, only for those of
 * class {Canonify}, and where a daemon's modifiers have "c". */
static void read_rule(struct sendmailcf *cf, struct span line)
{
	struct span left = span_sub(line, 0, span_find(line, '\t', 0));
	struct span right = span_from(line, left.len);

	if (!cf->in_canonify || !span_has(right, '$') ||
	    span_search(right, SPAN_LIT("$["), 0, false) == right.len)
		return;
	if (!span_has(left, '{') && span_search(left, SPAN_LIT(" c "), 0, false) == left.len &&
	    span_search(left, SPAN_LIT("UUCP"), 0, false) == left.len)
		cf->canonifies = true;
}

static enum rc read_line(struct sendmailcf *cf, struct span line, struct err *err)
{
	struct span rest = span_from(line, 1);

	switch (line.p[0]) {
	case 'X':
		return read_filter(cf, rest, err);
	case 'M':
		return read_mailer(cf, rest, err);
	case 'K':
		return read_map(cf, rest, err);
	case 'O':
		/* Without a space it is an option of one letter, as files of old have. */
		return rest.len > 0 && is_wsp(rest.p[0]) ? read_option(cf, rest, err) : RC_OK;
	case 'D':
		read_macro(cf, rest);
		return RC_OK;
	case 'S':
		cf->in_canonify = span_starts(rest, SPAN_LIT("Canonify2"));
		return RC_OK;
	case 'R':
		read_rule(cf, rest);
		return RC_OK;
	case 'V':
		cf->has_level = cf->has_level || (rest.len > 0 && is_ascii_digit(rest.p[0]));
		return RC_OK;
	default:
		return RC_OK;
	}
}

/* A line with those that go on with it. */
static struct span take_line(struct span *rest)
{
	size_t end = span_find(*rest, '\n', 0);
	struct span line;

	while (end + 1 < rest->len && is_wsp(rest->p[end + 1]))
		end = span_find(*rest, '\n', end + 1);
	line = span_sub(*rest, 0, end);
	*rest = span_from(*rest, end + 1);
	while (line.len > 0 && is_blank(line.p[line.len - 1]))
		line.len--;
	return line;
}

enum rc sendmailcf_parse(struct sendmailcf *cf, const char *path, struct err *err)
{
	struct span rest = buf_span(&cf->text);
	enum rc rc = RC_OK;

	if (span_has(rest, '\0'))
		return err_set(err, RC_INPUT, "%s: this is no text", path);
	while (rc == RC_OK && rest.len > 0) {
		struct span line = take_line(&rest);

		if (line.len > 0)
			rc = read_line(cf, line, err);
	}
	if (rc != RC_OK)
		return err_wrap(err, rc, "%s", path);
	if (!cf->has_level)
		return err_set(err, RC_INPUT,
			       "%s: this is no sendmail.cf: it has no line V (of a sendmail.mc it "
			       "is the file that m4 makes of it)",
			       path);
	return RC_OK;
}

enum rc sendmailcf_read(const char *path, struct sendmailcf *cf, struct err *err)
{
	enum rc rc = file_read(path, &cf->text, err);

	return rc == RC_OK ? sendmailcf_parse(cf, path, err) : rc;
}

void sendmailcf_init(struct sendmailcf *cf)
{
	memset(cf, 0, sizeof(*cf));
	buf_init(&cf->text, SENDMAILCF_MAX);
	vec_init(&cf->filters, sizeof(struct sendmailcf_filter), SENDMAILCF_FILTERS);
	vec_init(&cf->daemons, sizeof(struct sendmailcf_daemon), SENDMAILCF_DAEMONS);
	vec_init(&cf->mailers, sizeof(struct sendmailcf_mailer), SENDMAILCF_MAILERS);
	vec_init(&cf->options, sizeof(struct sendmailcf_setting), SENDMAILCF_SETTINGS);
	vec_init(&cf->maps, sizeof(struct sendmailcf_setting), SENDMAILCF_SETTINGS);
}

void sendmailcf_clear(struct sendmailcf *cf)
{
	buf_clear(&cf->text);
	vec_clear(&cf->filters);
	vec_clear(&cf->daemons);
	vec_clear(&cf->mailers);
	vec_clear(&cf->options);
	vec_clear(&cf->maps);
}

/* --- asked for ---------------------------------------------------------------------------------- */

bool sendmailcf_next_option(const struct sendmailcf *cf, const char *name, size_t *at,
			    struct span *ret)
{
	const struct sendmailcf_setting *all = cf->options.items;

	while (*at < cf->options.len) {
		const struct sendmailcf_setting *s = &all[(*at)++];

		if (span_ieq_str(s->name, name)) {
			*ret = s->value;
			return true;
		}
	}
	return false;
}

struct span sendmailcf_option(const struct sendmailcf *cf, const char *name)
{
	struct span last = SPAN_NONE;

	for (size_t at = 0; sendmailcf_next_option(cf, name, &at, &last);)
		continue;
	return last;
}

bool sendmailcf_option_has(const struct sendmailcf *cf, const char *name, const char *word)
{
	struct span value;

	for (size_t at = 0; sendmailcf_next_option(cf, name, &at, &value);)
		if (sendmailcf_list_has(value, span_str(word)))
			return true;
	return false;
}

struct span sendmailcf_map(const struct sendmailcf *cf, const char *name)
{
	const struct sendmailcf_setting *all = cf->maps.items;

	for (size_t i = 0; i < cf->maps.len; i++)
		if (span_eq_str(all[i].name, name))
			return all[i].value;
	return SPAN_NONE;
}
