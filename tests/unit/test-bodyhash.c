/* The streaming body hash: known hashes, and a plain reference that has the whole body, at every split. */
#include <stdlib.h>
#include <string.h>

#include "crypto/base64.h"
#include "dkim/bodyhash.h"
#include "test.h"

/* RFC 6376 3.4.3, 3.4.4 word for word, for a body that is there as a whole. */
static void reference(enum canon c, struct span body, struct buf *out)
{
	struct err err = ERR_INIT;
	size_t content_end = 0; /* behind the last line that is not empty */

	while (body.len > 0) {
		size_t lf = span_find(body, '\n', 0);
		struct span line = span_sub(body, 0, lf);

		if (lf < body.len && span_ends(line, SPAN_LIT("\r")))
			line.len--;
		body = span_from(body, lf + 1);
		if (c == CANON_RELAXED)
			while (line.len > 0 && is_wsp(line.p[line.len - 1]))
				line.len--;
		for (size_t i = 0; i < line.len; i++) {
			if (c == CANON_SIMPLE || !is_wsp(line.p[i]))
				ASSERT_OK(buf_addc(out, line.p[i], &err), &err);
			else if (!is_wsp(line.p[i + 1]))
				ASSERT_OK(buf_addc(out, ' ', &err), &err);
		}
		ASSERT_OK(buf_adds(out, "\r\n", &err), &err);
		if (line.len > 0)
			content_end = out->len;
	}
	out->len = content_end;
	if (c == CANON_SIMPLE && content_end == 0)
		ASSERT_OK(buf_adds(out, "\r\n", &err), &err);
}

static struct bodyhash *new_hash(enum canon c, uint64_t limit)
{
	struct err err = ERR_INIT;
	struct bodyhash *bh = NULL;

	ASSERT_OK(bodyhash_new(c, limit, &bh, &err), &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(bh);
	return bh;
}

static void feed(struct bodyhash *bh, struct span piece)
{
	struct err err = ERR_INIT;

	ASSERT_OK(bodyhash_update(bh, piece, &err), &err);
}

/* Ends BH and compares with the hash of WANT, of which it had to see the first LIMIT bytes. */
static void finish(struct bodyhash *bh, struct span want, uint64_t limit)
{
	struct err err = ERR_INIT;
	uint8_t digest[SHA256_LEN], expected[SHA256_LEN];
	uint64_t length = 0;
	size_t hashed = limit < want.len ? (size_t)limit : want.len;

	ASSERT_OK(bodyhash_finish(bh, digest, &length, &err), &err);
	ASSERT_OK(sha256_of(span_sub(want, 0, hashed), expected, &err), &err);
	ASSERT_SPAN(span_of(digest, SHA256_LEN), span_of(expected, SHA256_LEN));
	CU_ASSERT_EQUAL(length, want.len);
	CU_ASSERT_PTR_NULL(bodyhash_free(bh));
}

struct row {
	const char *label;
	struct span body;
	const char *simple;
	const char *relaxed;
};

#define EMPTY_RELAXED "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
#define EMPTY_SIMPLE "frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY="
#define ABC "VSuraGTHp7aaUC7RhUuSRcDhow8AiqoLKB2mJYX9sCU="

/* The hashes were computed by dkimpy 1.1.4 from the same bodies. */
static const struct row rows[] = {
	{"empty", SPAN_LIT(""), EMPTY_SIMPLE, EMPTY_RELAXED},
	{"one CRLF", SPAN_LIT("\r\n"), EMPTY_SIMPLE, EMPTY_RELAXED},
	{"CRLFs only", SPAN_LIT("\r\n\r\n\r\n"), EMPTY_SIMPLE, EMPTY_RELAXED},
	{"no final CRLF", SPAN_LIT("abc"), ABC, ABC},
	{"final CRLF", SPAN_LIT("abc\r\n"), ABC, ABC},
	{"final LF", SPAN_LIT("abc\n"), ABC, ABC},
	{"trailing CRLFs", SPAN_LIT("abc\r\n\r\n\r\n"), ABC, ABC},
	{"trailing LFs", SPAN_LIT("abc\n\n\r\n\n"), ABC, ABC},
	{"white space only", SPAN_LIT(" \t \r\n"),
	 "h/Elg7NriedTdILJfJAPZiQJIWCUY7qXU+I1dYJIx7k=", EMPTY_RELAXED},
	{"white space only, no CRLF", SPAN_LIT(" \t "),
	 "h/Elg7NriedTdILJfJAPZiQJIWCUY7qXU+I1dYJIx7k=", EMPTY_RELAXED},
	{"trailing lines of white space", SPAN_LIT("abc\r\n \r\n\t\r\n\r\n"),
	 "QM8hFMqjVl37pcyrfQnf6hD0mSl2IVsS1RpIqU5WWMM=", ABC},
	{"white space at line end", SPAN_LIT("abc \t\r\ndef\r\n"),
	 "Ab1RQTSA9GmpYPCVJyI/0qjj19O/sUsAqXyKVjXd5Z4=",
	 "UxdTL3XBl+Tt56ACUmPw4kYe2veG9CMR1WxYLqD1jwA="},
	{"run of white space", SPAN_LIT("a \t b\r\n"),
	 "OV1/b8lRC7eCp1Wp317UXbcPeiFcLSogGo8PpNm3HlY=",
	 "SuEZjyiTjUp1XHpGpmLw9XKayjy3FMrk431guExO6cw="},
	{"leading white space", SPAN_LIT(" \tabc\r\n"),
	 "24X1qdLFW46aYr7qr8/ttDHUScB0ggKIAWQgIVkUlxU=",
	 "CMYIQwR5sRmNm5gW8Zl6Q3D6NvN1ndsM9C9tzaE3HcA="},
	{"RFC 6376 3.4.5", SPAN_LIT(" C \r\nD \t E\r\n\r\n\r\n"),
	 "NOeivbQlDH9TmNKJUw7D53wZfsk8YMZ/hTuVVwTgi8s=",
	 "unak6JHq0wL+Q1HP7dW1tjBx9FLA6DffoZ0qrLwbbpo="},
	{"empty line within", SPAN_LIT("a\r\n\r\nb\r\n"),
	 "zCIZgM59A4jZIcXrGIzhpoD2WhSv0BLiYnkKxFCegn8=",
	 "zCIZgM59A4jZIcXrGIzhpoD2WhSv0BLiYnkKxFCegn8="},
	{"form feed, vertical tab", SPAN_LIT("a\f\v\r\n"),
	 "vEN9EdOoi0o7eN6zqXdMJv0iH32ucXaxmY7ZX/1+eXc=",
	 "vEN9EdOoi0o7eN6zqXdMJv0iH32ucXaxmY7ZX/1+eXc="},
	{"8 bit", SPAN_LIT("\xc3\xa9\xa0\xff\r\n"), "vLymzMQoIVvBiKVf32xp5t1J0mE1TMJL0tliPMDJYQo=",
	 "vLymzMQoIVvBiKVf32xp5t1J0mE1TMJL0tliPMDJYQo="},
	{"NUL", SPAN_LIT("a\0b\r\n"), "7uTTqDM1tKte8yrdskzi9pZiTXxsZOijxNHq9IsNxd4=",
	 "7uTTqDM1tKte8yrdskzi9pZiTXxsZOijxNHq9IsNxd4="},
	{"CR within", SPAN_LIT("a\rb\r\n"), "LyKRrVaOri6zT8fJNyWWbX0dJvvNQVCly5aCYrYNasE=",
	 "LyKRrVaOri6zT8fJNyWWbX0dJvvNQVCly5aCYrYNasE="},
	{"dots", SPAN_LIT(".\r\n..\r\n"), "Zfnjjww6CrHRbAX/Zg+EOrnnHjDZlYodI6qa+BSEzWQ=",
	 "Zfnjjww6CrHRbAX/Zg+EOrnnHjDZlYodI6qa+BSEzWQ="},
};

static void check_row(const struct row *row, enum canon c, const char *want, size_t cut)
{
	struct err err = ERR_INIT;
	struct bodyhash *bh = new_hash(c, UINT64_MAX);
	uint8_t digest[SHA256_LEN];
	struct buf b64;

	buf_init(&b64, 100);
	feed(bh, span_sub(row->body, 0, cut));
	feed(bh, span_from(row->body, cut));
	ASSERT_OK(bodyhash_finish(bh, digest, NULL, &err), &err);
	ASSERT_OK(base64_encode(span_of(digest, SHA256_LEN), &b64, &err), &err);
	ASSERT_SPAN(buf_span(&b64), span_str(want));
	buf_clear(&b64);
	bodyhash_free(bh);
}

static void test_known_hashes(void)
{
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		ROW(rows[i].label);
		for (size_t cut = 0; cut <= rows[i].body.len; cut++) {
			check_row(&rows[i], CANON_SIMPLE, rows[i].simple, cut);
			check_row(&rows[i], CANON_RELAXED, rows[i].relaxed, cut);
		}
	}
	ROW("");
}

/* What a byte of each kind does next to each other kind. The text has no meaning; it is long enough for
 * blocks of eight to begin at every distance from a run. */
static const struct span nasty[] = {
	SPAN_LIT("\r\r\n\r\r\r\n\r"),
	SPAN_LIT("a\r \r\n \r\tb\r\n\r \n"),
	SPAN_LIT("\n\r\n\r\r\n\n a\n\n"),
	SPAN_LIT("abcdefg \thijklmno \tpqrs\r\n\t tuvwxyz  \r\n"),
	SPAN_LIT("one two three four five six seven\r\n\r\neight nine  ten\r\n"),
	SPAN_LIT("1234567 \t\r\n12345678 \t9\r\n123456789\t 0\r\n1 2 3 4 5 6 7 8  9\r\n"),
	SPAN_LIT(" \r\n x\r\n\t\r\n  y\r\n \r\n\r\n"),
	SPAN_LIT("a \r"),
	SPAN_LIT("\r \r"),
	SPAN_LIT(" \r \n\0 \0\0  \xa0 \x0b\r\n"),
};

static void split_in_two(struct span body, enum canon c, struct span want)
{
	for (size_t cut = 0; cut <= body.len; cut++) {
		struct bodyhash *bh = new_hash(c, UINT64_MAX);

		feed(bh, span_sub(body, 0, cut));
		feed(bh, span_from(body, cut));
		finish(bh, want, UINT64_MAX);
	}
}

static void one_by_one(struct span body, enum canon c, struct span want)
{
	struct bodyhash *bh = new_hash(c, UINT64_MAX);

	for (size_t i = 0; i < body.len; i++)
		feed(bh, span_sub(body, i, 1));
	finish(bh, want, UINT64_MAX);
}

static void test_every_split(void)
{
	struct buf want;

	buf_init(&want, 100000);
	for (size_t i = 0; i < COUNT_OF(nasty) * 2; i++) {
		struct span body = nasty[i / 2];
		enum canon c = i % 2 == 0 ? CANON_SIMPLE : CANON_RELAXED;

		ROW(canon_name(c));
		want.len = 0;
		reference(c, body, &want);
		split_in_two(body, c, buf_span(&want));
		one_by_one(body, c, buf_span(&want));
	}
	ROW("");
	buf_clear(&want);
}

/* All bodies of up to five bytes over the bytes that matter. */
static void test_all_short_bodies(void)
{
	static const char alphabet[] = {'\r', '\n', ' ', '\t', 'a'};
	struct buf want;
	char body[5];

	buf_init(&want, 1000);
	for (unsigned len = 0, count = 1; len <= sizeof(body); len++, count *= 5) {
		for (unsigned n = 0; n < count; n++) {
			for (unsigned i = 0, rest = n; i < len; i++, rest /= 5)
				body[i] = alphabet[rest % 5];
			for (int c = CANON_SIMPLE; c <= CANON_RELAXED; c++) {
				want.len = 0;
				reference((enum canon)c, span_of(body, len), &want);
				one_by_one(span_of(body, len), (enum canon)c, buf_span(&want));
			}
		}
	}
	buf_clear(&want);
}

/* Random text with all that canonicalization looks at; DENSE: little else. */
static void fill(char *p, size_t len, bool dense)
{
	static const char special[] = "\r\n\r\n\n\r \t  \r\n";

	for (size_t i = 0; i < len; i++)
		p[i] = test_random(dense ? 2 : 12) == 0 ? special[test_random(sizeof(special) - 1)]
							: (char)('a' + test_random(26));
}

static void test_random_splits_of_long_bodies(void)
{
	enum { LEN = 5000 };
	char *body = malloc(LEN);
	struct buf want;

	CU_ASSERT_PTR_NOT_NULL_FATAL(body);
	buf_init(&want, 3 * LEN);
	for (unsigned round = 0; round < 200; round++) {
		enum canon c = round % 2 == 0 ? CANON_SIMPLE : CANON_RELAXED;
		struct bodyhash *bh = new_hash(c, UINT64_MAX);
		struct span rest = span_of(body, LEN);

		fill(body, LEN, round % 4 < 2);
		want.len = 0;
		reference(c, rest, &want);
		while (rest.len > 0) {
			size_t n = 1 + test_random(round % 3 == 0 ? 4000 : 40);

			feed(bh, span_sub(rest, 0, n));
			rest = span_from(rest, n);
		}
		finish(bh, buf_span(&want), UINT64_MAX);
	}
	buf_clear(&want);
	free(body);
}

/* l= counts canonical octets, wherever they end. */
static void test_limit(void)
{
	struct span body = SPAN_LIT("a  b \r\n\r\n\r\nc\t d");
	struct buf want;

	buf_init(&want, 1000);
	for (int c = CANON_SIMPLE; c <= CANON_RELAXED; c++) {
		want.len = 0;
		reference((enum canon)c, body, &want);
		for (uint64_t limit = 0; limit <= want.len + 1; limit++) {
			struct bodyhash *bh = new_hash((enum canon)c, limit);

			feed(bh, body);
			finish(bh, buf_span(&want), limit);
		}
	}
	buf_clear(&want);
}

/* Long runs are counted, not kept: 3 million empty lines and white space that never ends. */
static void test_long_runs(void)
{
	static char crlfs[60000], spaces[60000];
	struct bodyhash *bh = new_hash(CANON_RELAXED, UINT64_MAX);

	for (size_t i = 0; i < sizeof(crlfs); i++)
		crlfs[i] = "\r\n"[i % 2];
	memset(spaces, ' ', sizeof(spaces));
	feed(bh, SPAN_LIT("abc"));
	for (unsigned i = 0; i < 100; i++)
		feed(bh, span_of(spaces, sizeof(spaces)));
	for (unsigned i = 0; i < 100; i++)
		feed(bh, span_of(crlfs, sizeof(crlfs)));
	finish(bh, SPAN_LIT("abc\r\n"), UINT64_MAX);
}

static void test_algorithm_words(void)
{
	enum dkim_alg alg = DKIM_RSA_SHA256;
	enum canon header = CANON_SIMPLE, body = CANON_RELAXED;

	for (int i = 0; i < DKIM_ALGS; i++) {
		CU_ASSERT_TRUE(dkim_alg_read(span_str(dkim_alg_name((enum dkim_alg)i)), &alg));
		CU_ASSERT_EQUAL((int)alg, i);
		CU_ASSERT_EQUAL((int)dkim_alg_of_key(dkim_alg_key_type(alg)), i);
	}
	ASSERT_STR(dkim_alg_key(DKIM_RSA_SHA256), "rsa");
	ASSERT_STR(dkim_alg_key(DKIM_ED25519_SHA256), "ed25519");
	CU_ASSERT_FALSE(dkim_alg_read(SPAN_LIT("rsa-sha1"), &alg));
	CU_ASSERT_FALSE(dkim_alg_read(SPAN_LIT(""), &alg));
	CU_ASSERT_TRUE(canon_pair_read(SPAN_LIT("relaxed"), &header, &body));
	CU_ASSERT_EQUAL(header, CANON_RELAXED);
	CU_ASSERT_EQUAL(body, CANON_SIMPLE);
	CU_ASSERT_TRUE(canon_pair_read(SPAN_LIT("simple/relaxed"), &header, &body));
	CU_ASSERT_EQUAL(header, CANON_SIMPLE);
	CU_ASSERT_EQUAL(body, CANON_RELAXED);
	CU_ASSERT_FALSE(canon_pair_read(SPAN_LIT("relaxed/"), &header, &body));
	CU_ASSERT_FALSE(canon_pair_read(SPAN_LIT("/simple"), &header, &body));
	CU_ASSERT_FALSE(canon_pair_read(SPAN_LIT("simple/simple/simple"), &header, &body));
	CU_ASSERT_FALSE(canon_pair_read(SPAN_LIT("nofws"), &header, &body));
	CU_ASSERT_EQUAL(body, CANON_RELAXED);
}

int main(void)
{
	static const struct test tests[] = {
		{"known hashes at every split", test_known_hashes},
		{"the reference at every split", test_every_split},
		{"all short bodies", test_all_short_bodies},
		{"random splits of long bodies", test_random_splits_of_long_bodies},
		{"l= ends where it says", test_limit},
		{"long runs", test_long_runs},
		{"words of algorithms", test_algorithm_words},
	};

	return test_main("bodyhash", tests, COUNT_OF(tests));
}
