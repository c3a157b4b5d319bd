/* The small parts of the core: lines, edits, counters, risks, what the mail server told. */
#include <stdio.h>
#include <string.h>

#include "core/counters.h"
#include "core/edit.h"
#include "core/factstore.h"
#include "core/line.h"
#include "core/plan.h"
#include "core/record.h"
#include "core/risks.h"
#include "test.h"

static void test_line_set(void)
{
	char small[8];

	line_set(small, sizeof(small), "%s", "abcdefg");
	ASSERT_STR(small, "abcdefg");
	line_set(small, sizeof(small), "%s", "abcdefgh");
	ASSERT_STR(small, "abcd...");
	line_set(small, sizeof(small), "a\r\n\x7f%c", 1);
	ASSERT_STR(small, "a????");
}

static void test_line_escape(void)
{
	static const struct {
		const char *label;
		struct span in;
		char quote;
		size_t max;
		const char *want;
	} rows[] = {
		{"plain", SPAN_LIT("joe@example.com"), 0, 100, "joe@example.com"},
		{"empty", SPAN_LIT(""), 0, 100, ""},
		{"controls", SPAN_LIT("a\r\n\t\0\x7f"), 0, 100, "a\\x0d\\x0a\\x09\\x00\\x7f"},
		{"backslash", SPAN_LIT("\\x00"), 0, 100, "\\\\x00"},
		{"quote", SPAN_LIT("a\"b"), '"', 100, "a\\\"b"},
		{"no quote asked for", SPAN_LIT("a\"b"), 0, 100, "a\"b"},
		{"UTF-8", SPAN_LIT("\xc3\xbc \xe2\x82\xac \xf0\x9f\x93\xa7"), 0, 100,
		 "\xc3\xbc \xe2\x82\xac \xf0\x9f\x93\xa7"},
		{"latin1", SPAN_LIT("\xfc"), 0, 100, "\\xfc"},
		{"cut character", SPAN_LIT("\xe2\x82"), 0, 100, "\\xe2\\x82"},
		{"overlong", SPAN_LIT("\xc0\xaf\xe0\x80\xaf\xf0\x80\x80\xaf"), 0, 100,
		 "\\xc0\\xaf\\xe0\\x80\\xaf\\xf0\\x80\\x80\\xaf"},
		{"surrogate", SPAN_LIT("\xed\xa0\x80"), 0, 100, "\\xed\\xa0\\x80"},
		{"past the last", SPAN_LIT("\xf4\x90\x80\x80"), 0, 100, "\\xf4\\x90\\x80\\x80"},
		{"the last", SPAN_LIT("\xf4\x8f\xbf\xbf"), 0, 100, "\xf4\x8f\xbf\xbf"},
		{"C1 control", SPAN_LIT("\xc2\x9b"), 0, 100, "\\xc2\\x9b"},
		{"no-break space", SPAN_LIT("\xc2\xa0"), 0, 100, "\xc2\xa0"},
		{"exactly the length", SPAN_LIT("abc"), 0, 3, "abc"},
		{"one more", SPAN_LIT("abcd"), 0, 3, "abc..."},
		{"cut before a character, not in it", SPAN_LIT("ab\xc3\xbc"), 0, 3, "ab..."},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct err err = ERR_INIT;
		struct buf out;

		ROW(rows[i].label);
		buf_init(&out, 1000);
		ASSERT_OK(line_escape(rows[i].in, rows[i].quote, rows[i].max, &out, &err), &err);
		ASSERT_SPAN(buf_span(&out), span_str(rows[i].want));
		buf_clear(&out);
	}
}

/* A mail server that writes down what it was asked, and refuses the N-th. */
struct mta {
	char log[1000];
	unsigned asked, refuse;
};

static enum rc note(struct mta *m, const char *what, int index, const char *name, const char *value)
{
	size_t len = strlen(m->log);

	snprintf(m->log + len, sizeof(m->log) - len, "%s %d %s%s%s\n", what, index, name,
		 value != NULL ? ":" : "", value != NULL ? value : "");
	return ++m->asked == m->refuse ? RC_IO : RC_OK;
}

static enum rc mta_insert(void *ctx, int index, const char *name, const char *value)
{
	return note(ctx, "insert", index, name, value);
}

static enum rc mta_change(void *ctx, int index, const char *name, const char *value)
{
	return note(ctx, "change", index, name, value);
}

static void test_edits(void)
{
	static const struct mta_ops ops = {.insert = mta_insert, .change = mta_change};
	struct arena *arena = arena_new(10000), *full = arena_new(0);
	struct mta with = {.log = ""}, without = {.log = ""}, refusing = {.refuse = 2};
	struct err err = ERR_INIT;
	struct edits e;

	edits_init(&e);
	ASSERT_OK(edits_delete(&e, arena, "DKIM-Signature", 2, &err), &err);
	ASSERT_OK(edits_insert(&e, arena, 0, "A", SPAN_LIT(" one\n\ttwo"), &err), &err);
	ASSERT_OK(edits_insert(&e, arena, 1, "B", SPAN_LIT("  two spaces"), &err), &err);
	ASSERT_OK(edits_apply(&e, &ops, &with, true, &err), &err);
	ASSERT_STR(with.log, "change 2 DKIM-Signature\ninsert 0 A: one\n\ttwo\ninsert 1 B:  two "
			     "spaces\n");
	ASSERT_OK(edits_apply(&e, &ops, &without, false, &err), &err);
	ASSERT_STR(without.log,
		   "change 2 DKIM-Signature\ninsert 0 A:one\n\ttwo\ninsert 1 B: two spaces\n");
	ASSERT_FAILS(edits_apply(&e, &ops, &refusing, true, &err), RC_IO, &err,
		     "edit 2 of 3 (insert field A at 0)");
	CU_ASSERT_EQUAL(refusing.asked, 2);
	ASSERT_FAILS(edits_insert(&e, full, 0, "A", SPAN_LIT(" x"), &err), RC_NOMEM, &err, "A");
	ASSERT_FAILS(edits_delete(&e, full, "A", 1, &err), RC_NOMEM, &err, "A");
	CU_ASSERT_EQUAL(e.v.len, 3);
	edits_clear(&e);
	arena_free(arena);
	arena_free(full);
}

static void test_counters(void)
{
	struct counters c = {0};

	for (int i = 0; i < COUNTERS; i++) {
		const char *name = counter_name((enum counter)i);

		CU_ASSERT_TRUE(name != NULL && name[0] != '\0');
		for (int k = 0; k < i; k++)
			CU_ASSERT_STRING_NOT_EQUAL(name, counter_name((enum counter)k));
	}
	counters_add(&c, COUNT_SIGNATURES, 3);
	counters_add(&c, COUNT_SIGNATURES, 2);
	CU_ASSERT_EQUAL(counters_get(&c, COUNT_SIGNATURES), 5);
	CU_ASSERT_EQUAL(counters_get(&c, COUNT_SIGNED), 0);
}

static void test_one_outcome_a_message(void)
{
	static const struct {
		const char *label;
		enum plan_reason reason;
		enum verdict verdict;
		size_t n_signed;
		enum counter want;
	} rows[] = {
		{"signed", REASON_NONE, VERDICT_ACCEPT, 2, COUNT_SIGNED},
		{"observed", REASON_NONE, VERDICT_ACCEPT, 0, COUNT_UNSIGNED_OBSERVED},
		{"not trusted", REASON_NOT_TRUSTED, VERDICT_ACCEPT, 0, COUNT_UNSIGNED_NOT_TRUSTED},
		{"From", REASON_FROM, VERDICT_ACCEPT, 0, COUNT_UNSIGNED_FROM},
		{"domain", REASON_NO_DOMAIN, VERDICT_ACCEPT, 0, COUNT_UNSIGNED_NO_DOMAIN},
		{"disabled", REASON_DISABLED, VERDICT_ACCEPT, 0, COUNT_UNSIGNED_DISABLED},
		{"local", REASON_LOCAL, VERDICT_ACCEPT, 0, COUNT_UNSIGNED_LOCAL},
		{"mismatch", REASON_SENDER_MISMATCH, VERDICT_ACCEPT, 0,
		 COUNT_UNSIGNED_SENDER_MISMATCH},
		{"selector", REASON_NO_SELECTOR, VERDICT_ACCEPT, 0, COUNT_UNSIGNED_NO_SELECTOR},
		{"selector, deferred", REASON_NO_SELECTOR, VERDICT_TEMPFAIL, 0, COUNT_TEMPFAILED},
		{"existing", REASON_EXISTING, VERDICT_ACCEPT, 0, COUNT_UNSIGNED_EXISTING},
		{"large", REASON_TOO_LARGE, VERDICT_ACCEPT, 0, COUNT_UNSIGNED_TOO_LARGE},
		{"error", REASON_ERROR, VERDICT_ACCEPT, 0, COUNT_UNSIGNED_ERROR},
		{"error, deferred", REASON_ERROR, VERDICT_TEMPFAIL, 0, COUNT_TEMPFAILED},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct plan plan = {.reason = rows[i].reason};
		struct record r = {.verdict = rows[i].verdict,
				   .plan = &plan,
				   .n_signed = rows[i].n_signed,
				   .risks = i % 2 ? RISK_NUL : 0};
		struct counters c = {0};

		ROW(rows[i].label);
		counters_message(&c, &r);
		for (int k = 0; k < COUNTERS; k++) {
			uint64_t want = k == COUNT_MESSAGES || k == (int)rows[i].want;

			if (k == COUNT_SIGNATURES)
				want = rows[i].n_signed;
			if (k == COUNT_RISKY)
				want = i % 2;
			CU_ASSERT_EQUAL(counters_get(&c, (enum counter)k), want);
		}
	}
}

#define X10 "xxxxxxxxxx"
#define X100 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10
#define X900 X100 X100 X100 X100 X100 X100 X100 X100 X100
#define X998 X900 X10 X10 X10 X10 X10 X10 X10 X10 X10 "xxxxxxxx"

struct risk_row {
	const char *label;
	struct span text;
	unsigned want;
};

static void check_body_at_every_split(const struct risk_row *row)
{
	for (size_t a = 0; a <= row->text.len; a++) {
		size_t step = row->text.len > 50 ? 97 : 1;

		for (size_t b = a; b <= row->text.len; b += step) {
			struct risk_scan s = {0};

			risks_body(&s, span_sub(row->text, 0, a));
			risks_body(&s, span_sub(row->text, a, b - a));
			risks_body(&s, span_from(row->text, b));
			risks_finish(&s);
			if (s.found != row->want) {
				CU_ASSERT_EQUAL(s.found, row->want);
				return;
			}
		}
	}
	CU_ASSERT_TRUE(true);
}

static void test_risks_of_bodies(void)
{
	static const struct risk_row rows[] = {
		{"nothing", SPAN_LIT(""), 0},
		{"clean", SPAN_LIT("Hello,\r\n\r\n.\r\nbye\r\n"), 0},
		{"no final line end", SPAN_LIT("Hello"), 0},
		{"8bit", SPAN_LIT("caf\xc3\xa9\r\n"), RISK_8BIT},
		{"8bit in the ninth octet", SPAN_LIT("12345678\x80\r\n"), RISK_8BIT},
		{"0x7f is 7bit", SPAN_LIT("\x7f\r\n"), 0},
		{"NUL", SPAN_LIT("a\0b\r\n"), RISK_NUL},
		{"bare LF", SPAN_LIT("a\nb\r\n"), RISK_BARE_LF},
		{"LF first", SPAN_LIT("\n"), RISK_BARE_LF},
		{"bare CR", SPAN_LIT("a\rb\r\n"), RISK_BARE_CR},
		{"CR last", SPAN_LIT("a\r"), RISK_BARE_CR},
		{"CR CR LF", SPAN_LIT("a\r\r\n"), RISK_BARE_CR},
		{"LF CR", SPAN_LIT("\n\r"), RISK_BARE_LF | RISK_BARE_CR},
		{"998", SPAN_LIT(X998 "\r\nx\r\n"), 0},
		{"998 at the end", SPAN_LIT(X998), 0},
		{"999", SPAN_LIT(X998 "x\r\n"), RISK_LONG_LINE},
		{"999 in the second line", SPAN_LIT("a\r\n" X998 "x\r\n"), RISK_LONG_LINE},
		{"999 with a bare CR", SPAN_LIT(X998 "\rx\r\n"), RISK_LONG_LINE | RISK_BARE_CR},
		{"two short ones", SPAN_LIT(X900 "\r\n" X900 "\r\n"), 0},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		ROW(rows[i].label);
		check_body_at_every_split(&rows[i]);
	}
}

static void test_risks_of_fields(void)
{
	static const struct risk_row rows[] = {
		{"clean", SPAN_LIT(" Hello"), 0},
		{"folds as LF", SPAN_LIT(" a\n\tb\n c"), 0},
		{"folds as CRLF", SPAN_LIT(" a\r\n\tb"), 0},
		{"8bit", SPAN_LIT(" \xfc"), RISK_8BIT},
		{"NUL", SPAN_LIT(" a\0"), RISK_NUL},
		{"CR", SPAN_LIT(" a\rb"), RISK_BARE_CR},
		{"CR last", SPAN_LIT(" a\r"), RISK_BARE_CR},
		{"LF that is no fold", SPAN_LIT(" a\nb"), RISK_BARE_LF},
		{"LF last", SPAN_LIT(" a\n"), RISK_BARE_LF},
		{"name and colon count", SPAN_LIT(X900 X10 X10 X10 X10 X10 X10 X10 X10 X10), 0},
		{"name and colon count, one more",
		 SPAN_LIT(X900 X10 X10 X10 X10 X10 X10 X10 X10 X10 "x"), RISK_LONG_LINE},
		{"long after a fold", SPAN_LIT(" a\n " X998), RISK_LONG_LINE},
		{"long in sum only", SPAN_LIT(" " X900 "\n " X900), 0},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct field f = {.name = SPAN_LIT("Subject"), .value = rows[i].text};
		struct risk_scan s = {0};

		ROW(rows[i].label);
		risks_field(&s, &f);
		CU_ASSERT_EQUAL(s.found, rows[i].want);
		CU_ASSERT_EQUAL(s.line, 0);
		CU_ASSERT_FALSE(s.cr);
	}
}

static void test_risks_of_encodings(void)
{
	static const struct {
		const char *name, *value;
		unsigned want;
	} rows[] = {
		{"Content-Transfer-Encoding", " 8bit", RISK_8BIT},
		{"content-transfer-encoding", "\n\t8BIT ", RISK_8BIT},
		{"Content-Transfer-Encoding", " binary", RISK_8BIT},
		{"Content-Transfer-Encoding", " 7bit", 0},
		{"Content-Transfer-Encoding", " base64", 0},
		{"Content-Transfer-Encoding", "", 0},
		{"X-Transfer-Encoding", " 8bit", 0},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct field f = {.name = span_str(rows[i].name), .value = span_str(rows[i].value)};
		struct risk_scan s = {0};

		ROW(rows[i].value);
		risks_field(&s, &f);
		CU_ASSERT_EQUAL(s.found, rows[i].want);
	}
	ROW("");
}

static void test_risks_of_sendmail(void)
{
	static const char x[] = X900 X10 X10 X10 X10 X10 X10 X10 X10 X10 "x";

	for (size_t n = RISK_LINE_MAX_SENDMAIL; n <= RISK_LINE_MAX_SENDMAIL + 1; n++) {
		struct risk_scan s = {.sendmail = true};

		risks_body(&s, span_of(x, n));
		risks_finish(&s);
		CU_ASSERT_EQUAL(s.found, n > RISK_LINE_MAX_SENDMAIL ? RISK_LONG_LINE : 0);
	}
}

static void tell(struct factstore *s, enum macro m, const char *value)
{
	struct err err = ERR_INIT;

	ASSERT_OK(factstore_macro(s, m, span_str(value), &err), &err);
}

static void test_macros_live_as_long_as_they_hold(void)
{
	struct err err = ERR_INIT;
	struct factstore s;

	factstore_init(&s);
	tell(&s, MACRO_MTA_NAME, "mx.example.com");
	tell(&s, MACRO_CERT_SUBJECT, "relay");
	ASSERT_OK(factstore_helo(&s, SPAN_LIT("relay"), &err), &err);
	factstore_end_event(&s);
	tell(&s, MACRO_AUTH_AUTHEN, "joe");
	ASSERT_OK(factstore_mail(&s, SPAN_LIT("<joe@example.com>"), NULL, 0, &err), &err);
	factstore_end_event(&s);
	ROW("told for this event");
	ASSERT_SPAN(s.facts.auth_authen, SPAN_LIT("joe"));
	ASSERT_SPAN(s.facts.cert_subject, SPAN_LIT("relay"));
	tell(&s, MACRO_QUEUE_ID, "4F1");
	factstore_end_event(&s);
	ASSERT_SPAN(s.facts.queue_id, SPAN_LIT("4F1"));
	ROW("the next message");
	ASSERT_OK(factstore_mail(&s, SPAN_LIT("<>"), NULL, 0, &err), &err);
	CU_ASSERT_PTR_NULL(s.facts.auth_authen.p);
	CU_ASSERT_PTR_NULL(s.facts.queue_id.p);
	ASSERT_SPAN(s.facts.cert_subject, SPAN_LIT("relay"));
	ASSERT_SPAN(s.facts.mta_name, SPAN_LIT("mx.example.com"));
	ASSERT_SPAN(s.facts.mail_from, SPAN_LIT("<>"));
	factstore_end_event(&s);
	ROW("the next handshake");
	ASSERT_OK(factstore_helo(&s, SPAN_LIT("other"), &err), &err);
	CU_ASSERT_PTR_NULL(s.facts.cert_subject.p);
	ASSERT_SPAN(s.facts.mta_name, SPAN_LIT("mx.example.com"));
	ROW("empty is not absent");
	tell(&s, MACRO_VERIFY, "");
	CU_ASSERT_PTR_NOT_NULL(s.facts.verify.p);
	tell(&s, MACRO_VERIFY, NULL);
	CU_ASSERT_PTR_NULL(s.facts.verify.p);
	factstore_clear(&s);
}

static void test_what_mail_says(void)
{
	static const struct span args[] = {SPAN_LIT("SIZE=100"), SPAN_LIT("smtputf8"),
					   SPAN_LIT("BODY=8BITMIME")};
	static const struct span other[] = {SPAN_LIT("SMTPUTF8X"), SPAN_LIT("BODY=7BIT")};
	struct err err = ERR_INIT;
	struct factstore s;
	struct buf big;

	factstore_init(&s);
	ASSERT_OK(factstore_mail(&s, SPAN_LIT("<a@b>"), args, COUNT_OF(args), &err), &err);
	CU_ASSERT_TRUE(s.facts.smtputf8);
	CU_ASSERT_TRUE(s.facts.body_8bit);
	ASSERT_OK(factstore_mail(&s, SPAN_LIT("<a@b>"), other, COUNT_OF(other), &err), &err);
	CU_ASSERT_FALSE(s.facts.smtputf8);
	CU_ASSERT_FALSE(s.facts.body_8bit);
	buf_init(&big, 100000);
	ASSERT_OK(buf_reserve(&big, 70000, &err), &err);
	memset(big.p, 'x', 70000);
	big.len = 70000;
	ASSERT_FAILS(factstore_macro(&s, MACRO_QUEUE_ID, buf_span(&big), &err), RC_LIMIT, &err,
		     "macro i");
	CU_ASSERT_PTR_NULL(s.facts.queue_id.p);
	buf_clear(&big);
	factstore_clear(&s);
	for (int m = 0; m < MACROS; m++)
		CU_ASSERT_PTR_NOT_NULL(macro_name((enum macro)m));
	ASSERT_STR(macro_name(MACRO_QUEUE_ID), "i");
	ASSERT_STR(macro_name(MACRO_CERT_ISSUER), "{cert_issuer}");
}

int main(void)
{
	static const struct test tests[] = {
		{"a line is one line", test_line_set},
		{"bytes from outside are escaped", test_line_escape},
		{"edits are applied in order", test_edits},
		{"counters", test_counters},
		{"one outcome a message", test_one_outcome_a_message},
		{"risks of bodies", test_risks_of_bodies},
		{"risks of fields", test_risks_of_fields},
		{"risks of encodings", test_risks_of_encodings},
		{"risks of Sendmail's lines", test_risks_of_sendmail},
		{"macros live as long as they hold", test_macros_live_as_long_as_they_hold},
		{"what MAIL says", test_what_mail_says},
	};

	return test_main("core-parts", tests, COUNT_OF(tests));
}
