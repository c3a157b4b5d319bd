#include "mail/address.h"
#include "mail/skip.h"

#include <string.h>

enum { COMMENT_DEPTH_MAX = 100 };

/* RFC 5322 3.2.3 atext, and RFC 6532 3.2: whatever is not ASCII. */
static bool is_atext(char c)
{
	return is_ascii_alpha(c) || is_ascii_digit(c) || (unsigned char)c >= 0x80 ||
	       (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

/* Bytes of the UTF-8 sequence at AT (RFC 3629 4), or 0: there is none. */
static size_t utf8_len(struct span s, size_t at)
{
	static const struct {
		unsigned char first_min, first_max, second_min, second_max;
		size_t len;
	} forms[] = {
		{0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
		{0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3},
		{0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
		{0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
	};
	const unsigned char *p = (const unsigned char *)s.p + at;

	for (size_t i = 0; i < COUNT_OF(forms); i++) {
		if (p[0] < forms[i].first_min || p[0] > forms[i].first_max)
			continue;
		if (forms[i].len > s.len - at || p[1] < forms[i].second_min ||
		    p[1] > forms[i].second_max)
			return 0;
		for (size_t k = 2; k < forms[i].len; k++)
			if (p[k] < 0x80 || p[k] > 0xbf)
				return 0;
		return forms[i].len;
	}
	return 0;
}

static enum rc bad(struct err *err, size_t at, const char *what)
{
	return err_set(err, RC_INPUT, "byte %zu of the addresses: %s", at + 1, what);
}

/* What no part of the grammar allows. Past this, CR and LF are parts of folds, and what is not ASCII
 * is UTF-8. */
static enum rc check_bytes(struct span s, struct err *err)
{
	for (size_t i = 0; i < s.len;) {
		unsigned char c = (unsigned char)s.p[i];
		size_t len = 1;

		if (c >= 0x80)
			len = utf8_len(s, i);
		else if (c == '\r' && (i + 1 == s.len || s.p[i + 1] != '\n'))
			return bad(err, i, "a CR without LF");
		else if (c == '\n' && (i + 1 == s.len || !is_wsp(s.p[i + 1])))
			return bad(err, i, "a line end that is no fold");
		else if ((c < 0x20 && !is_fws((char)c)) || c == 0x7f)
			return bad(err, i, "a control character");
		if (len == 0)
			return bad(err, i, "neither ASCII nor UTF-8");
		i += len;
	}
	return RC_OK;
}

/* Behind the quoted string that begins at AT, or 0: it does not end, or quotes a line end. */
static size_t quoted_end(struct span s, size_t at)
{
	for (size_t i = at + 1; i < s.len; i++) {
		if (s.p[i] == '"')
			return i + 1;
		if (s.p[i] != '\\')
			continue;
		i++;
		if (i == s.len || s.p[i] == '\r' || s.p[i] == '\n')
			return 0;
	}
	return 0;
}

/* Behind the comment that begins at AT, or 0: it does not end, or is nested too deep. */
static size_t comment_end(struct span s, size_t at)
{
	size_t depth = 0;

	for (size_t i = at; i < s.len; i++) {
		if (s.p[i] == '(' && ++depth > COMMENT_DEPTH_MAX)
			return 0;
		if (s.p[i] == ')' && --depth == 0)
			return i + 1;
		if (s.p[i] != '\\')
			continue;
		i++;
		if (i == s.len || s.p[i] == '\r' || s.p[i] == '\n')
			return 0;
	}
	return 0;
}

struct reader {
	struct span s;
	size_t at;
	struct arena *arena;
	struct err *err;
	struct address_list list;
	size_t room; /* elements of list.at */
	bool in_group;
	bool gaps;  /* white space or comments within an address */
	bool route; /* RFC 5322 4.4: obsolete */
};

/* The byte at hand, or NUL at the end: check_bytes() has refused NUL. */
static char peek(const struct reader *r)
{
	return r->at < r->s.len ? r->s.p[r->at] : '\0';
}

static enum rc fail(const struct reader *r, const char *what)
{
	return bad(r->err, r->at, what);
}

/* RFC 5322 3.2.2 [CFWS]; *RET_ANY (may be NULL) becomes true if there was some. */
static enum rc skip_cfws(struct reader *r, bool *ret_any)
{
	size_t start = r->at;

	for (;;) {
		if (is_fws(peek(r))) {
			r->at++;
		} else if (peek(r) == '(') {
			size_t end = comment_end(r->s, r->at);

			if (end == 0)
				return fail(r,
					    "a comment that does not end, or is nested too deep");
			r->at = end;
		} else {
			break;
		}
	}
	if (ret_any != NULL && r->at > start)
		*ret_any = true;
	return RC_OK;
}

static bool take_atom(struct reader *r)
{
	size_t start = r->at;

	while (is_atext(peek(r)))
		r->at++;
	return r->at > start;
}

/* Words and dots in a row: a local part if they alternate, a phrase if a word is first. */
struct words {
	size_t from, to;
	bool is_local;
	bool is_phrase;
	bool gaps; /* white space or comments among them or behind */
};

static enum rc scan_words(struct reader *r, struct words *w)
{
	bool want_word = true;
	enum rc rc;

	*w = (struct words){.from = r->at, .to = r->at, .is_local = true};
	w->is_phrase = peek(r) == '"' || is_atext(peek(r));
	for (;;) {
		bool dot = peek(r) == '.';

		if (peek(r) == '"') {
			size_t end = quoted_end(r->s, r->at);

			if (end == 0)
				return fail(r, "a quoted string that does not end");
			r->at = end;
		} else if (dot) {
			r->at++;
		} else if (!take_atom(r)) {
			break;
		}
		if (dot == want_word)
			w->is_local = false;
		want_word = dot;
		w->to = r->at;
		rc = skip_cfws(r, &w->gaps);
		if (rc != RC_OK)
			return rc;
	}
	if (want_word)
		w->is_local = false;
	return RC_OK;
}

/* Copy the quoted string at AT without its quoting; gives the index behind it. Folds are removed, the
 * white space of them stays. */
static size_t copy_quoted(struct span s, size_t at, char *out, size_t *n)
{
	for (at++; s.p[at] != '"'; at++) {
		if (s.p[at] == '\\')
			out[(*n)++] = s.p[++at];
		else if (s.p[at] != '\r' && s.p[at] != '\n')
			out[(*n)++] = s.p[at];
	}
	return at + 1;
}

static bool is_plain(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (is_fws(s.p[i]) || s.p[i] == '"' || s.p[i] == '(')
			return false;
	return true;
}

/* The text of words, dots and what stands between, all of it checked already. With SPACES one space
 * for white space and comments between them, else none. */
static enum rc join(struct reader *r, size_t from, size_t to, bool spaces, struct span *ret)
{
	struct span s = span_sub(r->s, 0, to);
	bool gap = false;
	size_t n = 0;
	char *out;

	if (is_plain(span_from(s, from))) {
		*ret = span_from(s, from);
		return RC_OK;
	}
	out = arena_alloc(r->arena, to - from);
	if (out == NULL)
		return err_set(r->err, RC_NOMEM, "out of memory for addresses");
	while (from < to) {
		if (is_fws(s.p[from]) || s.p[from] == '(') {
			from = s.p[from] == '(' ? comment_end(s, from) : from + 1;
			gap = true;
			continue;
		}
		if (gap && spaces && n > 0)
			out[n++] = ' ';
		gap = false;
		if (s.p[from] == '"')
			from = copy_quoted(s, from, out, &n);
		else
			out[n++] = s.p[from++];
	}
	*ret = span_of(out, n);
	return RC_OK;
}

/* RFC 5322 3.4.1 domain-literal, without folds. */
static enum rc take_literal(struct reader *r, struct span *ret)
{
	size_t start = r->at++;

	while (peek(r) > ' ' && peek(r) != '[' && peek(r) != '\\' && peek(r) != ']')
		r->at++;
	if (peek(r) != ']')
		return fail(r, "an address literal without ']'");
	r->at++;
	*ret = span_sub(r->s, start, r->at - start);
	return skip_cfws(r, NULL);
}

/* Atoms joined by dots. */
static enum rc take_domain_name(struct reader *r, struct span *ret)
{
	size_t start = r->at, end;

	for (;;) {
		bool gap = false;
		enum rc rc;

		if (!take_atom(r))
			return fail(r, "a domain name is expected here");
		end = r->at;
		rc = skip_cfws(r, &gap);
		if (rc != RC_OK)
			return rc;
		if (peek(r) != '.')
			break;
		r->at++;
		rc = skip_cfws(r, &gap);
		if (rc != RC_OK)
			return rc;
		r->gaps = r->gaps || gap;
	}
	return join(r, start, end, false, ret);
}

/* What follows '@'. */
static enum rc take_domain(struct reader *r, struct span *ret)
{
	enum rc rc = skip_cfws(r, &r->gaps);

	if (rc != RC_OK)
		return rc;
	return peek(r) == '[' ? take_literal(r, ret) : take_domain_name(r, ret);
}

/* RFC 5322 4.4 obs-route: "@a,@b:". Nobody routes by it any more; it is dropped. */
static enum rc skip_route(struct reader *r)
{
	enum rc rc = RC_OK;

	r->route = true;
	while (rc == RC_OK && peek(r) != ':') {
		struct span dropped;

		if (peek(r) == ',') {
			r->at++;
			rc = skip_cfws(r, &r->gaps);
			continue;
		}
		if (peek(r) != '@')
			return fail(r, "a route that does not end in ':'");
		r->at++;
		rc = take_domain(r, &dropped);
		if (rc == RC_OK && peek(r) != ',' && peek(r) != ':')
			return fail(r, "a route that does not end in ':'");
	}
	r->at++;
	return rc == RC_OK ? skip_cfws(r, &r->gaps) : rc;
}

/* The words W were a local part, and '@' is at hand. */
static enum rc finish_addr_spec(struct reader *r, const struct words *w, struct mailbox *m)
{
	enum rc rc;

	if (!w->is_local)
		return fail(r, "what stands before this '@' is no local part");
	r->gaps = r->gaps || w->gaps;
	r->at++;
	rc = join(r, w->from, w->to, false, &m->local);
	return rc == RC_OK ? take_domain(r, &m->domain) : rc;
}

/* "<user@dom>" with '<' at hand. */
static enum rc take_angle(struct reader *r, struct mailbox *m)
{
	struct words w;
	enum rc rc;

	r->at++;
	rc = skip_cfws(r, NULL);
	if (rc == RC_OK && peek(r) == '@')
		rc = skip_route(r);
	if (rc == RC_OK)
		rc = scan_words(r, &w);
	if (rc != RC_OK)
		return rc;
	if (peek(r) != '@')
		return fail(r, "an '@' is expected here");
	rc = finish_addr_spec(r, &w, m);
	if (rc != RC_OK)
		return rc;
	if (peek(r) != '>')
		return fail(r, "a '>' is expected here");
	r->at++;
	return skip_cfws(r, NULL);
}

static enum rc add_mailbox(struct reader *r, const struct mailbox *m)
{
	if (r->list.n == r->room)
		return err_set(r->err, RC_LIMIT, "more than %d addresses in one field",
			       ADDRESS_MAX);
	r->list.at[r->list.n] = *m;
	r->list.at[r->list.n++].in_group = r->in_group;
	return RC_OK;
}

static enum rc begin_group(struct reader *r, const struct words *w)
{
	if (r->in_group)
		return fail(r, "a group within a group");
	if (!w->is_phrase)
		return fail(r, "a group without a name");
	r->at++;
	r->in_group = true;
	r->list.has_group = true;
	return RC_OK;
}

/* One mailbox, or the name of a group; *RET_MAILBOX says which. */
static enum rc take_address(struct reader *r, bool *ret_mailbox)
{
	struct mailbox m = {.in_group = false};
	struct words w;
	enum rc rc = scan_words(r, &w);

	if (rc != RC_OK)
		return rc;
	*ret_mailbox = peek(r) != ':';
	if (!*ret_mailbox)
		return begin_group(r, &w);
	if (peek(r) == '@') {
		rc = finish_addr_spec(r, &w, &m);
	} else if (peek(r) == '<' && (w.is_phrase || w.from == w.to)) {
		rc = join(r, w.from, w.to, true, &m.display);
		if (rc == RC_OK)
			rc = take_angle(r, &m);
	} else {
		rc = fail(r, w.from == w.to ? "an address is expected here"
					    : "words without an address");
	}
	return rc == RC_OK ? add_mailbox(r, &m) : rc;
}

/* RFC 5322 3.4 address-list, empty members allowed (4.4 obs-addr-list). */
static enum rc take_list(struct reader *r)
{
	bool separated = true;
	enum rc rc = skip_cfws(r, NULL);

	while (rc == RC_OK && r->at < r->s.len) {
		if (peek(r) == ',') {
			r->at++;
			separated = true;
		} else if (peek(r) == ';' && r->in_group) {
			r->at++;
			r->in_group = false;
			separated = false;
		} else if (!separated) {
			return fail(r, "a comma is expected here");
		} else {
			bool mailbox = false;

			rc = take_address(r, &mailbox);
			separated = !mailbox;
		}
		if (rc == RC_OK)
			rc = skip_cfws(r, NULL);
	}
	if (rc == RC_OK && r->in_group)
		return fail(r, "a group without ';' at its end");
	return rc;
}

/* Room for all mailboxes there can be: each has an '@' of its own. */
static enum rc make_room(struct reader *r)
{
	size_t n = 0;

	for (size_t i = span_find(r->s, '@', 0); i < r->s.len && n < ADDRESS_MAX;
	     i = span_find(r->s, '@', i + 1))
		n++;
	r->room = n;
	r->list.at = n > 0 ? arena_calloc(r->arena, n, sizeof(r->list.at[0])) : NULL;
	if (n > 0 && r->list.at == NULL)
		return err_set(r->err, RC_NOMEM, "out of memory for addresses");
	return RC_OK;
}

enum rc address_list_read(struct span value, struct arena *arena, struct address_list *ret,
			  struct err *err)
{
	struct reader r = {.s = value, .arena = arena, .err = err};
	enum rc rc = check_bytes(value, err);

	if (rc == RC_OK)
		rc = make_room(&r);
	if (rc == RC_OK)
		rc = take_list(&r);
	if (rc != RC_OK)
		return rc;
	r.list.unusual = r.gaps || r.route;
	*ret = r.list;
	return RC_OK;
}

/* RFC 5321 4.1.2: neither white space nor comments. */
static enum rc take_envelope(struct reader *r, struct mailbox *m)
{
	char last = r->s.p[r->s.len - 1];
	struct words w;
	enum rc rc = RC_OK;

	if (peek(r) == '@')
		rc = skip_route(r);
	if (rc == RC_OK)
		rc = scan_words(r, &w);
	if (rc != RC_OK)
		return rc;
	if (peek(r) == '@')
		rc = finish_addr_spec(r, &w, m);
	else if (w.is_local)
		rc = join(r, w.from, w.to, false, &m->local);
	if (rc != RC_OK)
		return rc;
	if (r->at < r->s.len || !w.is_local)
		return fail(r, "no address of an envelope");
	if (r->gaps || w.gaps || is_fws(last) || last == ')')
		return fail(r, "white space or a comment in an address of an envelope");
	return RC_OK;
}

/* "user@dom." is user@dom to Postfix, which takes the dot away when it has told us of it: not so "user@dom..". */
static bool ends_in_root(struct span s)
{
	return s.len > 2 && s.p[s.len - 1] == '.' && strchr(".@", s.p[s.len - 2]) == NULL &&
	       span_has(s, '@');
}

enum rc address_envelope_read(struct span text, struct arena *arena, struct mailbox *ret,
			      struct err *err)
{
	struct reader r = {.s = span_trim(text), .arena = arena, .err = err};
	struct mailbox m = {.in_group = false};
	enum rc rc = check_bytes(r.s, err);

	if (rc != RC_OK)
		return rc;
	if (r.s.len > 0 && r.s.p[0] == '<') {
		if (r.s.p[r.s.len - 1] != '>')
			return bad(err, r.s.len, "a '>' is expected here");
		r.s = span_sub(r.s, 1, r.s.len - 2);
	}
	if (ends_in_root(r.s))
		r.s.len--;
	if (r.s.len > 0)
		rc = take_envelope(&r, &m);
	if (rc == RC_OK)
		*ret = m;
	return rc;
}

/* RFC 5321 4.1.2 Dot-string. */
static bool is_dot_string(struct span s)
{
	struct span atom;

	if (s.len == 0)
		return false;
	while (span_split(&s, '.', &atom)) {
		if (atom.len == 0)
			return false;
		for (size_t i = 0; i < atom.len; i++)
			if (!is_atext(atom.p[i]))
				return false;
	}
	return true;
}

static enum rc show_quoted(struct span local, struct buf *out, struct err *err)
{
	enum rc rc = buf_addc(out, '"', err);

	for (size_t i = 0; i < local.len && rc == RC_OK; i++) {
		if (local.p[i] == '"' || local.p[i] == '\\')
			rc = buf_addc(out, '\\', err);
		if (rc == RC_OK)
			rc = buf_addc(out, local.p[i], err);
	}
	return rc == RC_OK ? buf_addc(out, '"', err) : rc;
}

enum rc address_show(const struct mailbox *m, struct buf *out, struct err *err)
{
	size_t start = out->len;
	enum rc rc;

	if (m->local.len == 0 && m->domain.len == 0)
		return RC_OK;
	rc = is_dot_string(m->local) ? buf_add(out, m->local, err)
				     : show_quoted(m->local, out, err);
	if (rc == RC_OK && m->domain.len > 0)
		rc = buf_addc(out, '@', err);
	if (rc == RC_OK && m->domain.len > 0)
		rc = buf_add(out, m->domain, err);
	if (rc != RC_OK)
		out->len = start;
	return rc;
}
