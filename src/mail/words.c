#include "mail/words.h"

#include <errno.h>
#include <iconv.h>
#include <string.h>

#include "base/utf8.h"

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

enum { CHARSET_MAX = 40 };

/* One "=?charset?E?text?=". */
struct word {
	struct span charset; /* without the language of RFC 2231 5 */
	char encoding;	     /* 'b' or 'q' */
	struct span text;
	size_t len; /* of the whole */
};

/* A run of adjacent words of one charset: decoded together, since writers cut characters in two. */
struct run {
	struct span charset;
	struct buf bytes;
	struct span written; /* as it stands in the field, for what cannot be decoded */
};

static bool read_word(struct span s, struct word *ret)
{
	size_t charset_end, text_end;

	if (s.len < 6 || s.p[0] != '=' || s.p[1] != '?')
		return false;
	charset_end = span_find(s, '?', 2);
	if (charset_end == 2 || charset_end - 2 > CHARSET_MAX || charset_end + 2 >= s.len ||
	    s.p[charset_end + 2] != '?')
		return false;
	ret->encoding = ascii_lower(s.p[charset_end + 1]);
	text_end = span_find(s, '?', charset_end + 3);
	if ((ret->encoding != 'b' && ret->encoding != 'q') || text_end + 1 >= s.len ||
	    s.p[text_end + 1] != '=')
		return false;
	ret->charset = span_sub(s, 2, charset_end - 2);
	ret->charset.len = span_find(ret->charset, '*', 0);
	ret->text = span_sub(s, charset_end + 3, text_end - charset_end - 3);
	ret->len = text_end + 2;
	return ret->charset.len > 0;
}

static int hex_value(char c)
{
	c = ascii_lower(c);
	if (is_ascii_digit(c))
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* RFC 2047 4.2: Q. */
static enum rc decode_q(struct span text, struct buf *out, struct err *err)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; i < text.len && rc == RC_OK; i++) {
		char c = text.p[i];
		int hi = c == '=' && i + 2 < text.len ? hex_value(text.p[i + 1]) : -1;
		int lo = hi >= 0 ? hex_value(text.p[i + 2]) : -1;

		if (lo >= 0) {
			c = (char)(hi * 16 + lo);
			i += 2;
		} else if (c == '_') {
			c = ' ';
		}
		rc = buf_addc(out, c, err);
	}
	return rc;
}

static int base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (is_ascii_digit(c))
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* RFC 2047 4.1: B. As lenient as readers are: padding may be missing, foreign bytes are skipped. */
static enum rc decode_b(struct span text, struct buf *out, struct err *err)
{
	unsigned long bits = 0;
	unsigned have = 0;
	enum rc rc = RC_OK;

	for (size_t i = 0; i < text.len && rc == RC_OK; i++) {
		int v = base64_value(text.p[i]);

		if (v < 0)
			continue;
		bits = (bits << 6 | (unsigned long)v) & 0xffff;
		have += 6;
		if (have >= 8) {
			have -= 8;
			rc = buf_addc(out, (char)(bits >> have & 0xff), err);
		}
	}
	return rc;
}

static enum rc add_utf8(struct span s, struct buf *out, struct err *err)
{
	enum rc rc = RC_OK;

	while (s.len > 0 && rc == RC_OK) {
		size_t len = utf8_length(s);

		rc = len > 0 ? buf_add(out, span_sub(s, 0, len), err)
			     : buf_adds(out, REPLACEMENT, err);
		s = span_from(s, len > 0 ? len : 1);
	}
	return rc;
}

/* All of BYTES through CD; a byte that does not belong becomes U+FFFD. At the end comes what iconv() has kept back: a
 * letter that an accent might have followed. */
static enum rc convert(iconv_t cd, struct span bytes, struct buf *out, struct err *err)
{
	char *in = (char *)bytes.p; /* iconv() does not write there */
	size_t in_left = bytes.len;
	bool ended = false;
	enum rc rc = RC_OK;

	while (!ended && rc == RC_OK) {
		char piece[256];
		char *to = piece;
		size_t to_left = sizeof(piece);
		bool last = in_left == 0;
		size_t got = iconv(cd, last ? NULL : &in, &in_left, &to, &to_left);
		int why = errno;

		rc = add_utf8(span_of(piece, (size_t)(to - piece)), out, err);
		if (got == (size_t)-1 && why == E2BIG)
			continue;
		ended = last;
		if (got != (size_t)-1 || last || rc != RC_OK)
			continue;
		in++;
		in_left--;
		rc = buf_adds(out, REPLACEMENT, err);
	}
	return rc;
}

static enum rc flush_run(struct run *run, struct buf *out, struct err *err)
{
	char charset[CHARSET_MAX + 1];
	iconv_t cd;
	enum rc rc;

	if (run->charset.len == 0)
		return RC_OK;
	memcpy(charset, run->charset.p, run->charset.len);
	charset[run->charset.len] = '\0';
	cd = iconv_open("UTF-8", charset);
	if (cd == (iconv_t)-1) {
		rc = add_utf8(run->written, out, err);
	} else {
		rc = convert(cd, buf_span(&run->bytes), out, err);
		iconv_close(cd);
	}
	run->charset = SPAN_NONE;
	run->bytes.len = 0;
	return rc;
}

/* Put the word at S into the run that is open, or end that one and begin another. */
static enum rc take_word(struct run *run, struct span s, const struct word *w, struct buf *out,
			 struct err *err)
{
	enum rc rc = RC_OK;

	if (run->charset.len > 0 && !span_ieq(run->charset, w->charset))
		rc = flush_run(run, out, err);
	if (rc != RC_OK)
		return rc;
	if (run->charset.len == 0)
		run->written = span_sub(s, 0, 0);
	run->charset = w->charset;
	run->written.len = (size_t)(s.p - run->written.p) + w->len;
	return w->encoding == 'q' ? decode_q(w->text, &run->bytes, err)
				  : decode_b(w->text, &run->bytes, err);
}

/* RFC 2047 6.2: how much white space at S stands before another word; 0 when none follows. */
static size_t gap_before_word(struct span s)
{
	size_t i = 0;
	struct word w;

	while (i < s.len && is_wsp(s.p[i]))
		i++;
	return i > 0 && read_word(span_from(s, i), &w) ? i : 0;
}

static enum rc decode_all(struct span s, struct run *run, struct buf *out, struct err *err)
{
	enum rc rc = RC_OK;

	while (s.len > 0 && rc == RC_OK) {
		struct word w;
		size_t used = 1;

		if (read_word(s, &w)) {
			rc = take_word(run, s, &w, out, err);
			used = w.len;
			used += gap_before_word(span_from(s, used));
		} else {
			size_t next = span_find(s, '=', 1);

			rc = flush_run(run, out, err);
			if (rc == RC_OK)
				rc = add_utf8(span_sub(s, 0, next), out, err);
			used = next;
		}
		s = span_from(s, used);
	}
	return rc == RC_OK ? flush_run(run, out, err) : rc;
}

/* RFC 5322 2.2.3: line ends of folds go, the white space behind them stays. */
static enum rc unfold(struct span value, struct buf *out, struct err *err)
{
	enum rc rc = buf_reserve(out, value.len, err);

	for (size_t i = 0; i < value.len && rc == RC_OK; i++)
		if (value.p[i] != '\r' && value.p[i] != '\n')
			rc = buf_addc(out, value.p[i], err);
	return rc;
}

/* White space that was in an encoded word, too. */
static void trim_from(struct buf *out, size_t start)
{
	struct span text = span_trim_fold(span_from(buf_span(out), start));

	if (text.len > 0)
		memmove(out->p + start, text.p, text.len);
	out->len = start + text.len;
}

enum rc words_decode(struct span value, struct buf *out, struct err *err)
{
	struct run run = {.charset = SPAN_NONE};
	size_t start = out->len;
	struct buf line;
	enum rc rc;

	buf_init(&line, value.len);
	buf_init(&run.bytes, value.len);
	rc = unfold(value, &line, err);
	if (rc == RC_OK)
		rc = decode_all(buf_span(&line), &run, out, err);
	if (rc == RC_OK)
		trim_from(out, start);
	buf_clear(&line);
	buf_clear(&run.bytes);
	return rc;
}
