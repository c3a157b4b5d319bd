#include "core/received.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <string.h>

#include "base/attr.h"
#include "core/line.h"
#include "mail/skip.h"

enum token_kind { TOKEN_END, TOKEN_WORD, TOKEN_COMMENT, TOKEN_SEMICOLON };

struct token {
	enum token_kind kind;
	struct span
		text; /* a comment's without its outer parentheses, a quoted string's without its quotes */
	size_t at; /* where it begins in the value */
};

/* What has no end goes on to that of S. */
static size_t end_in(struct span s, size_t end)
{
	return end < s.len ? end : s.len;
}

/* <...> of a for clause: one token, so that no word of a recipient's address is taken for a keyword. */
static size_t skip_angle(struct span s, size_t at)
{
	while (at < s.len && s.p[at] != '>')
		at = s.p[at] == '"' ? end_in(s, skip_quoted(s, at)) : at + 1;
	return at < s.len ? at + 1 : s.len;
}

static size_t skip_word(struct span s, size_t at)
{
	while (at < s.len && !is_fws(s.p[at]) && s.p[at] != '(' && s.p[at] != ';' &&
	       s.p[at] != '"' && s.p[at] != '<')
		at++;
	return at;
}

static struct token next_token(struct span s, size_t *pos)
{
	struct token t = {.kind = TOKEN_END};
	size_t at = *pos, end;

	while (at < s.len && is_fws(s.p[at]))
		at++;
	t.at = at;
	if (at >= s.len)
		return t;
	t.kind = TOKEN_WORD;
	if (s.p[at] == '(') {
		end = end_in(s, skip_comment(s, at));
		t.kind = TOKEN_COMMENT;
		t.text = span_sub(s, at + 1, end - at - 1 - (s.p[end - 1] == ')'));
	} else if (s.p[at] == ';') {
		end = at + 1;
		t.kind = TOKEN_SEMICOLON;
	} else if (s.p[at] == '"') {
		end = end_in(s, skip_quoted(s, at));
		t.text = span_sub(s, at + 1, end - at - 1 - (end > at + 1 && s.p[end - 1] == '"'));
	} else {
		end = s.p[at] == '<' ? skip_angle(s, at) : skip_word(s, at);
		t.text = span_sub(s, at, end - at);
	}
	*pos = end;
	return t;
}

static bool is_host(struct span name, struct span host)
{
	if (name.len > 1 && name.p[name.len - 1] == '.')
		name.len--;
	return span_ieq(name, host);
}

/* The address of "[192.0.2.1]" or "[IPv6:2001:db8::1]" (RFC 5321 4.1.3), without the brackets. */
static bool is_inside(const struct conf_trust *conf, struct span literal)
{
	char text[INET6_ADDRSTRLEN];
	uint8_t addr[16];
	unsigned bytes = 0;

	if (span_istarts(literal, SPAN_LIT("IPv6:")))
		literal = span_from(literal, 5);
	if (literal.len >= sizeof(text) || span_has(literal, '\0'))
		return false;
	memcpy(text, literal.p, literal.len);
	text[literal.len] = '\0';
	if (inet_pton(AF_INET, text, addr) == 1)
		bytes = 4;
	else if (inet_pton(AF_INET6, text, addr) == 1)
		bytes = 16;
	for (size_t i = 0; bytes != 0 && i < conf->n_networks; i++)
		if (conf_network_has(&conf->networks[i], addr, bytes))
			return true;
	return false;
}

/* What a stretch of text says of clients. */
struct clients {
	bool any;	     /* a literal was there */
	struct span outside; /* the first one that is not of trust.networks; p == NULL: none */
};

static void find_literals(const struct conf_trust *conf, struct span s, struct clients *ret)
{
	for (size_t at = span_find(s, '[', 0); at < s.len; at = span_find(s, '[', at + 1)) {
		size_t end = span_find(s, ']', at);
		struct span literal = span_sub(s, at + 1, end - at - 1);

		ret->any = true;
		if (ret->outside.p == NULL && !is_inside(conf, literal))
			ret->outside = literal;
		at = end;
	}
}

/* One Received field, taken apart. What stands before the last "by" may hold words of the client's choice (its
 * HELO); what stands behind is the host's own. */
struct received {
	bool by_us;
	bool authenticated;
	struct span from;	   /* the first word of the from clause; p == NULL: there is none */
	struct clients in_comment; /* where MTAs write the address they saw */
	struct clients in_clear;   /* HELO, and where fetchmail writes it */
};

/* RFC 3848, RFC 6531 4.3, RFC 8314: SMTP AUTH was used. */
static bool says_authenticated(struct span with)
{
	static const char *const words[] = {"ESMTPA",	 "ESMTPSA",    "LMTPA",	    "LMTPSA",
					    "UTF8SMTPA", "UTF8SMTPSA", "UTF8LMTPA", "UTF8LMTPSA"};

	for (size_t i = 0; i < COUNT_OF(words); i++)
		if (span_ieq_str(with, words[i]))
			return true;
	return false;
}

static bool is_delimiter(char c)
{
	return is_fws(c) || strchr("()<>\";", c) != NULL;
}

/* "by HOST" anywhere, within comments and quotes too: a client must not be able to hide the clause behind an
 * unclosed parenthesis or quote in its HELO. */
static bool is_by_host(struct span value, struct span host)
{
	bool after_by = false;

	for (size_t at = 0, end; at < value.len; at = end + 1) {
		struct span word;

		for (end = at; end < value.len && !is_delimiter(value.p[end]);)
			end++;
		word = span_sub(value, at, end - at);
		if (word.len == 0)
			continue;
		if (after_by && is_host(word, host))
			return true;
		after_by = span_ieq_str(word, "by");
	}
	return false;
}

/* Where the last clause "by" begins, or the end. */
static size_t find_by(struct span value)
{
	size_t pos = 0, last = value.len;
	struct token t;

	while ((t = next_token(value, &pos)).kind != TOKEN_END)
		if (t.kind == TOKEN_WORD && span_ieq_str(t.text, "by"))
			last = t.at;
	return last;
}

static void read_from(const struct conf_trust *conf, struct span clause, struct received *ret)
{
	size_t pos = 0;
	bool after_from = false;
	struct token t;

	while ((t = next_token(clause, &pos)).kind != TOKEN_END) {
		find_literals(conf, t.text,
			      t.kind == TOKEN_COMMENT ? &ret->in_comment : &ret->in_clear);
		if (t.kind != TOKEN_WORD)
			continue;
		if (after_from && ret->from.p == NULL)
			ret->from = t.text;
		after_from = after_from || span_ieq_str(t.text, "from");
	}
}

static void read_by(struct span clause, struct received *ret)
{
	size_t pos = 0;
	bool after_with = false;
	struct token t;

	while ((t = next_token(clause, &pos)).kind != TOKEN_END) {
		if (t.kind != TOKEN_WORD)
			continue;
		if (after_with) {
			ret->authenticated = says_authenticated(t.text);
			return;
		}
		after_with = span_ieq_str(t.text, "with");
	}
}

static void received_read(const struct conf_trust *conf, struct span host, struct span value,
			  struct received *ret)
{
	size_t by;

	memset(ret, 0, sizeof(*ret));
	ret->by_us = is_by_host(value, host);
	if (!ret->by_us)
		return;
	by = find_by(value);
	read_from(conf, span_sub(value, 0, by), ret);
	read_by(span_from(value, by), ret);
}

static bool received_is_outside(const struct received *r, struct span host, struct span *ret_client)
{
	if (!r->by_us || r->authenticated)
		return false;
	*ret_client = r->in_comment.any ? r->in_comment.outside : r->in_clear.outside;
	if (r->in_comment.any || r->in_clear.any)
		return ret_client->p != NULL;
	/* No address at all: a program of this host, if it names nobody else. */
	*ret_client = r->from;
	return r->from.p != NULL && !is_host(r->from, host) && !span_ieq_str(r->from, "localhost");
}

/* RFC 8601 2.2: "spf=fail", "spf/1=fail", "spf = fail". Those that judge the client; what a DKIM or DMARC verifier
 * says, it says of our own mail as well, when it stands before us in the list of filters. */
static bool judges_client(struct span method)
{
	static const char *const names[] = {"spf", "iprev", "sender-id"};
	size_t end = span_find(method, '=', 0), slash = span_find(method, '/', 0);

	method = span_sub(method, 0, slash < end ? slash : end);
	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (span_ieq_str(method, names[i]))
			return true;
	return false;
}

static bool results_are_of_outside(struct span value, struct span host)
{
	bool ours = false, id_seen = false, method_next = false, outside = false;
	size_t pos = 0;
	struct token t;

	while ((t = next_token(value, &pos)).kind != TOKEN_END) {
		if (t.kind == TOKEN_SEMICOLON)
			method_next = true;
		if (t.kind != TOKEN_WORD)
			continue;
		if (!id_seen)
			ours = is_host(t.text, host);
		else if (span_ieq_str(t.text, "auth=pass"))
			return false;
		else if (method_next)
			outside = outside || judges_client(t.text);
		id_seen = true;
		method_next = false;
	}
	return ours && outside;
}

bool received_from_outside(const struct conf_trust *conf, struct span host,
			   const struct fields *fields, char *why, size_t why_size)
{
	if (host.len == 0)
		return false;
	for (size_t i = 0; i < fields_count(fields); i++) {
		const struct field *f = fields_at(fields, i);
		struct span client = SPAN_NONE;
		struct received r;

		if (span_ieq_str(f->name, "Received")) {
			received_read(conf, host, f->value, &r);
			if (!received_is_outside(&r, host, &client))
				continue;
			line_set(why, why_size, "came from outside: Received from [%.*s]",
				 SPAN_ARG(client));
			return true;
		}
		if (span_ieq_str(f->name, "Authentication-Results") &&
		    results_are_of_outside(f->value, host)) {
			line_set(why, why_size,
				 "came from outside: Authentication-Results of this host");
			return true;
		}
	}
	return false;
}
