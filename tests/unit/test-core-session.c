/* Messages through a session: real keys, real catalogue, a mail server of a few lines. */
#include "core/session.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "fixture.h"
#include "test.h"

static const char conf_text[] =
	"limits = { headers = \"10kB\"; };\n"
	"domains = (\n"
	"  { name = \"example.com\"; },\n"
	"  { name = \"two.example\"; sign = { also = [\"example.com\", \"simple.example\"]; }; },\n"
	"  { name = \"simple.example\"; sign = { canonicalization = \"simple/simple\"; }; },\n"
	"  { name = \"replace.example\"; sign = { existing = \"replace\"; }; },\n"
	"  { name = \"broken.example\"; },\n"
	"  { name = \"half.example\"; },\n"
	"  { name = \"lax.example\"; sign = { on_error = \"unsigned\"; }; },\n"
	"  { name = \"full.example\"; sign = { on_error = \"unsigned\"; }; },\n"
	"  { name = \"later.example\"; sign = { before_dns = \"tempfail\"; }; },\n"
	"  { name = \"watch.example\"; observe = true; },\n"
	"  { name = \"alsobad.example\"; sign = { also = [\"broken.example\"]; }; }\n"
	");\n";

static const char selectors_text[] =
	"example.com r1 rsa-sha256 active 1700000000 1700000000 rsa\n"
	"example.com x1 ed25519-sha256 active 1700000000 1700000000 ed25519\n"
	"example.com gone ed25519-sha256 revoked 1700000000 1700000000 ed25519\n"
	"two.example x2 ed25519-sha256 active 1700000000 1700000000 ed25519\n"
	"simple.example x3 ed25519-sha256 active 1700000000 1700000000 ed25519\n"
	"replace.example x4 ed25519-sha256 active 1700000000 1700000000 ed25519\n"
	"broken.example r5 rsa-sha256 active 1700000000 1700000000 missing\n"
	"half.example r6 rsa-sha256 active 1700000000 1700000000 ed25519\n"
	"half.example x6 ed25519-sha256 active 1700000000 1700000000 ed25519\n"
	"lax.example r7 rsa-sha256 active 1700000000 1700000000 missing\n"
	"lax.example x7 ed25519-sha256 active 1700000000 1700000000 ed25519\n"
	"full.example xa ed25519-sha256 active 1700000000 1700000000 ed25519\n"
	"watch.example x8 ed25519-sha256 active 1700000000 1700000000 ed25519\n"
	"alsobad.example x9 ed25519-sha256 active 1700000000 1700000000 ed25519\n";

static struct fixture fixture;

static void open_fixture(void)
{
	struct err err = ERR_INIT;

	ASSERT_OK(fixture_open(&fixture, test_dir(), span_str(conf_text), span_str(selectors_text),
			       &err),
		  &err);
}

static void close_fixture(void)
{
	fixture_close(&fixture);
	CU_ASSERT_PTR_NULL(fixture.store);
}

static struct session *new_session(void)
{
	struct err err = ERR_INIT;
	struct session *s = NULL;

	ASSERT_OK(session_new(&fixture.env, &s, &err), &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	return s;
}

static uint64_t counted(enum counter which)
{
	return counters_get(&fixture.counters, which);
}

static void reset_counters(void)
{
	for (int i = 0; i < COUNTERS; i++)
		atomic_store(&fixture.counters.at[i], 0);
}

/* Every message that ended was counted as one thing. */
static void check_sums(void)
{
	uint64_t sum = counted(COUNT_SIGNED) + counted(COUNT_TEMPFAILED);

	for (int i = COUNT_UNSIGNED_NOT_TRUSTED; i <= COUNT_UNSIGNED_OBSERVED; i++)
		sum += counted((enum counter)i);
	CU_ASSERT_EQUAL(sum, counted(COUNT_MESSAGES));
}

/* Reason and detail do not say anything twice. */
static void check_words(struct span line)
{
	size_t begin =
		span_search(line, SPAN_LIT("not signed: "), 0, false) + strlen("not signed: ");
	size_t end = span_search(line, SPAN_LIT(" sender="), 0, false);

	if (begin < end)
		ASSERT_NO_ECHO(span_sub(line, begin, end - begin));
}

static void expect_record(struct session *s, const char *want)
{
	const struct record *r = session_finish(s);
	struct err err = ERR_INIT;
	struct buf line;

	CU_ASSERT_PTR_NOT_NULL_FATAL(r);
	buf_init(&line, 10000);
	ASSERT_OK(record_show(r, FORMAT_PLAIN, &line, &err), &err);
	if (span_search(buf_span(&line), span_str(want), 0, false) == line.len)
		ASSERT_SPAN(buf_span(&line), span_str(want));
	check_words(buf_span(&line));
	buf_clear(&line);
}

static size_t inserts(const struct edits *e)
{
	size_t n = 0;

	for (size_t i = 0; e != NULL && i < e->v.len; i++)
		n += ((const struct edit *)vec_at(&e->v, i))->kind == EDIT_INSERT;
	return n;
}

struct row {
	const char *label;
	const char *from;
	enum session_next next;
	size_t n_inserts;
	enum counter outcome;
	const char *record;
};

static void test_outcomes(void)
{
	static const struct row rows[] = {
		{"both algorithms", "joe@example.com", NEXT_GO_ON, 2, COUNT_SIGNED,
		 "4F1: signed d=example.com s=r1,x1 from=joe@example.com sender=<joe@example.com> "
		 "trust=\"network 127.0.0.0/8\" body=6"},
		{"several domains, two canonicalizations", "joe@two.example", NEXT_GO_ON, 4,
		 COUNT_SIGNED, "signed d=two.example s=x2 d=example.com s=r1,x1 d=simple.example"},
		{"not ours", "joe@foreign.example", NEXT_ACCEPT, 0, COUNT_UNSIGNED_NO_DOMAIN,
		 "4F1: not signed: domain not ours (foreign.example) from=joe@foreign.example"},
		{"observed", "joe@watch.example", NEXT_ACCEPT, 0, COUNT_UNSIGNED_OBSERVED,
		 "4F1: would sign d=watch.example s=x8 (observe)"},
		{"no selector, deferred", "joe@later.example", NEXT_TEMPFAIL, 0, COUNT_TEMPFAILED,
		 "4F1: temporary failure: no active selector (later.example: there is none at "
		 "all)"},
		{"key missing, deferred", "joe@broken.example", NEXT_TEMPFAIL, 0, COUNT_TEMPFAILED,
		 "4F1: temporary failure: selector 'r5' of broken.example: "},
		{"key of another algorithm", "joe@half.example", NEXT_TEMPFAIL, 0, COUNT_TEMPFAILED,
		 "temporary failure: selector 'r6' of half.example: key "},
		{"one of two keys missing, unsigned", "joe@lax.example", NEXT_ACCEPT, 0,
		 COUNT_UNSIGNED_ERROR, "4F1: not signed: error (selector 'r7' of lax.example: "},
		{"key of sign.also missing", "joe@alsobad.example", NEXT_TEMPFAIL, 0,
		 COUNT_TEMPFAILED, "temporary failure: selector 'r5' of broken.example: "},
		{"the others are not affected", "joe@simple.example", NEXT_GO_ON, 1, COUNT_SIGNED,
		 "signed d=simple.example s=x3"},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct session *s = new_session();
		struct fixture_message m;
		const struct edits *edits;
		char raw[200];

		ROW(rows[i].label);
		reset_counters();
		snprintf(raw, sizeof(raw), "From: %s\nSubject: x\n\nbody\n", rows[i].from);
		m = fixture_message(span_str(raw));
		CU_ASSERT_EQUAL(fixture_send(s, &m, &edits), rows[i].next);
		CU_ASSERT_EQUAL(inserts(edits), rows[i].n_inserts);
		expect_record(s, rows[i].record);
		CU_ASSERT_EQUAL(counted(rows[i].outcome), 1);
		CU_ASSERT_EQUAL(counted(COUNT_MESSAGES), 1);
		CU_ASSERT_EQUAL(counted(COUNT_SIGNATURES), rows[i].n_inserts);
		CU_ASSERT_EQUAL(counted(COUNT_CONNECTIONS), 1);
		check_sums();
		session_free(s);
		CU_ASSERT_EQUAL(counted(COUNT_ABORTED), 0);
	}
}

/* A message with the edits' fields on top, as the next hop gets it. */
static void show_edited(const struct edits *e, const char *header, const char *body,
			struct buf *out)
{
	struct err err = ERR_INIT;

	buf_init(out, 100000);
	for (size_t i = e->v.len; i > 0; i--) {
		const struct edit *edit = vec_at(&e->v, i - 1);

		CU_ASSERT_EQUAL(edit->kind, EDIT_INSERT);
		CU_ASSERT_EQUAL(edit->index, 0);
		CU_ASSERT_EQUAL(edit->value[0], ' ');
		ASSERT_OK(buf_addf(out, &err, "%s:%s\n", edit->name, edit->value), &err);
	}
	ASSERT_OK(buf_addf(out, &err, "%s\n%s", header, body), &err);
}

#define HEADER "From: joe@example.com\nSubject: \xc3\xa9\n"

/* The same bytes whatever the pieces of the body, and with and without SMFIP_HDR_LEADSPC. */
static void limit_files(rlim_t most)
{
	struct rlimit files;

	CU_ASSERT_EQUAL(getrlimit(RLIMIT_NOFILE, &files), 0);
	files.rlim_cur = most;
	CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &files), 0);
}

/* It passes by itself: whatever sign.on_error says, and not remembered of the key. */
static void test_no_descriptor_is_left(void)
{
	struct fixture_message m = fixture_message(SPAN_LIT("From: joe@full.example\n\nbody\n"));
	struct session_env env = fixture.env;
	struct session *s = NULL;
	const struct edits *edits;
	struct err err = ERR_INIT;
	struct rlimit files;

	CU_ASSERT_EQUAL(getrlimit(RLIMIT_NOFILE, &files), 0);
	ASSERT_OK(keycache_new(test_path("state"), 10, &env.keys, &err), &err);
	ASSERT_OK(session_new(&env, &s, &err), &err);
	ROW("none");
	limit_files(0);
	CU_ASSERT_EQUAL(fixture_send(s, &m, &edits), NEXT_TEMPFAIL);
	limit_files(files.rlim_cur);
	expect_record(s, "4F1: temporary failure: selector 'xa' of full.example: ");
	expect_record(s, "Too many open files");
	ROW("some again");
	CU_ASSERT_EQUAL(fixture_send(s, &m, &edits), NEXT_GO_ON);
	expect_record(s, "4F1: signed d=full.example s=xa");
	session_free(s);
	keycache_free(env.keys);
}

static void test_pieces_do_not_matter(void)
{
	static const char body[] = "one\n \n  two \t three\n\n.\n\n\n";
	struct buf want = {.max = 0};

	for (size_t chunk = 1; chunk < sizeof(body) + 10; chunk++)
		for (int leading = 0; leading <= 1; leading++) {
			struct fixture_message m = fixture_message(
				SPAN_LIT(HEADER "\none\n \n  two \t three\n\n.\n\n\n"));
			struct session *s = new_session();
			const struct edits *edits;
			struct buf got;

			m.chunk = chunk;
			m.leading_space = leading;
			CU_ASSERT_EQUAL(fixture_send(s, &m, &edits), NEXT_GO_ON);
			CU_ASSERT_EQUAL(session_leading_space(s), leading);
			show_edited(edits, HEADER, body, &got);
			if (want.p == NULL) {
				want = got;
			} else {
				ASSERT_SPAN(buf_span(&got), buf_span(&want));
				buf_clear(&got);
			}
			session_free(s);
		}
	buf_clear(&want);
}

/* sign.existing: send what was signed once more, with HEADER and BODY changed or not. */
static void send_again(const char *header, const char *body, const char *more,
		       enum session_next next, const char *record)
{
	struct fixture_message m;
	struct session *s = new_session();
	const struct edits *edits;
	struct buf once, twice;
	struct err err = ERR_INIT;

	m = fixture_message(SPAN_LIT(HEADER "\nbody\n"));
	CU_ASSERT_EQUAL_FATAL(fixture_send(s, &m, &edits), NEXT_GO_ON);
	show_edited(edits, header, body, &once);
	buf_init(&twice, 200000);
	ASSERT_OK(buf_addf(&twice, &err, "%s", more), &err);
	ASSERT_OK(buf_add(&twice, buf_span(&once), &err), &err);
	session_finish(s);
	m.raw = buf_span(&twice);
	CU_ASSERT_EQUAL(fixture_send(s, &m, &edits), next);
	expect_record(s, record);
	session_free(s);
	buf_clear(&once);
	buf_clear(&twice);
}

static void test_existing_is_kept(void)
{
	ROW("valid");
	send_again(HEADER, "body\n", "", NEXT_ACCEPT,
		   "4F1: not signed: signed already (d=example.com s=r1)");
	ROW("a trace field on top changes nothing");
	send_again(HEADER, "body\n", "Received: x\n", NEXT_ACCEPT, "signed already");
	ROW("the body was changed");
	send_again(HEADER, "bodY\n", "", NEXT_GO_ON, "4F1: signed d=example.com s=r1,x1");
	ROW("the header was changed");
	send_again("From: joe@example.com\nSubject: y\n", "body\n", "", NEXT_GO_ON, "4F1: signed");
}

/* Signatures that nobody can check with a key of ours prove nothing. */
static void test_foreign_selector_is_signed_beside(void)
{
	static const char *const rows[] = {
		"DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed; d=example.com; "
		"s=other;\n"
		" h=from; bh=frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY=; b=AAAA\n",
		"DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed; d=example.com; s=gone;\n"
		" h=from; bh=frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY=; b=AAAA\n",
		"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=foreign.example; s=r1;\n"
		" h=from; bh=frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY=; b=AAAA\n",
		"DKIM-Signature: d=example.com\n",
		"DKIM-Signature:\n",
		"DKIM-Signature : v=1; d=example.com\n",
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct session *s = new_session();
		const struct edits *edits;
		struct fixture_message m;
		char raw[1000];

		ROW(rows[i]);
		snprintf(raw, sizeof(raw), "%s" HEADER "\nbody\n", rows[i]);
		m = fixture_message(span_str(raw));
		CU_ASSERT_EQUAL(fixture_send(s, &m, &edits), NEXT_GO_ON);
		CU_ASSERT_EQUAL(inserts(edits), 2);
		expect_record(s, "signed d=example.com s=r1,x1");
		session_free(s);
	}
}

static void test_existing_is_replaced(void)
{
	static const char raw[] = "DKIM-Signature: v=1; a=rsa-sha256; d=replace.example; s=a; "
				  "h=from; bh=eA==; b=eA==\n"
				  "Received: x\n"
				  "dkim-signature: v=1; a=rsa-sha256; d=foreign.example; s=b; "
				  "h=from; bh=eA==; b=eA==\n"
				  "DKIM-Signature: v=1; a=rsa-sha256; d=REPLACE.example; s=c; "
				  "h=from; bh=eA==; b=eA==\n"
				  "From: joe@replace.example\n\nbody\n";
	struct fixture_message m = fixture_message(span_str(raw));
	struct session *s = new_session();
	const struct edits *edits;
	const struct edit *e;

	CU_ASSERT_EQUAL(fixture_send(s, &m, &edits), NEXT_GO_ON);
	CU_ASSERT_EQUAL_FATAL(edits->v.len, 3);
	e = edits->v.items;
	CU_ASSERT_EQUAL(e[0].kind, EDIT_DELETE);
	CU_ASSERT_EQUAL(e[0].index, 3);
	CU_ASSERT_EQUAL(e[1].kind, EDIT_DELETE);
	CU_ASSERT_EQUAL(e[1].index, 1);
	CU_ASSERT_EQUAL(e[2].kind, EDIT_INSERT);
	CU_ASSERT_EQUAL(e[2].index, 0);
	CU_ASSERT_PTR_NULL(e[0].value);
	expect_record(s, "4F1: signed d=replace.example s=x4");
	session_free(s);
}

static void test_large_header_passes_unsigned(void)
{
	struct session *s = new_session();
	struct fixture_message m;
	const struct edits *edits;
	struct err err = ERR_INIT;
	struct buf raw;

	buf_init(&raw, 1 << 20);
	ASSERT_OK(buf_adds(&raw, "From: joe@example.com\n", &err), &err);
	for (int i = 0; i < 500; i++)
		ASSERT_OK(buf_addf(&raw, &err, "X-%d: 0123456789012345678901234567890\n", i), &err);
	ASSERT_OK(buf_adds(&raw, "\nbody\n", &err), &err);
	reset_counters();
	m = fixture_message(buf_span(&raw));
	ROW("trusted");
	CU_ASSERT_EQUAL(fixture_send(s, &m, &edits), NEXT_ACCEPT);
	expect_record(s, "not signed: too large (header over limits.headers, 10000 bytes)");
	CU_ASSERT_EQUAL(record_level(session_finish(s)), LEVEL_WARNING);
	CU_ASSERT_EQUAL(counted(COUNT_UNSIGNED_TOO_LARGE), 1);
	ROW("not trusted");
	m.addr[0] = 192;
	CU_ASSERT_EQUAL(fixture_send(s, &m, &edits), NEXT_ACCEPT);
	expect_record(s, "not signed: not trusted");
	ROW("the next one");
	m = fixture_message(SPAN_LIT(HEADER "\nbody\n"));
	CU_ASSERT_EQUAL(fixture_send(s, &m, &edits), NEXT_GO_ON);
	expect_record(s, "4F1: signed");
	check_sums();
	session_free(s);
	buf_clear(&raw);
}

static struct err failure(const char *text)
{
	struct err err = ERR_INIT;

	err_set(&err, RC_IO, "%s", text);
	return err;
}

#define JOE " joe@example.com"

/* From loopback, one field and then another one N times. */
static enum session_next send_many(struct session *s, const char *const first[2],
				   const char *const field[2], int n)
{
	static const uint8_t loopback[16] = {127, 0, 0, 1};
	enum session_next next = NEXT_GO_ON;
	const struct edits *edits;
	struct err err = ERR_INIT;

	ASSERT_OK(session_connect(s, SPAN_LIT("localhost"), CLIENT_INET, loopback, 1, &err), &err);
	ASSERT_OK(session_mail(s, SPAN_LIT("<joe@example.com>"), NULL, 0, &err), &err);
	ASSERT_OK(session_header(s, span_str(first[0]), span_str(first[1]), &err), &err);
	for (int i = 0; i < n; i++)
		ASSERT_OK(session_header(s, span_str(field[0]), span_str(field[1]), &err), &err);
	ASSERT_OK(session_end_of_headers(s, &next, &err), &err);
	if (next == NEXT_GO_ON)
		ASSERT_OK(session_end_of_message(s, &next, &edits, &err), &err);
	return next;
}

/* Faults of the message: it would fail again whenever it is sent again. */
static void test_messages_that_cannot_be_signed(void)
{
	static const struct {
		const char *label, *first[2], *field[2];
		int n;
		enum session_next next;
		const char *record;
	} rows[] = {
		{"as many fields as are read",
		 {"From", JOE},
		 {"X", "y"},
		 9999,
		 NEXT_GO_ON,
		 "signed d=example.com"},
		{"one more",
		 {"From", JOE},
		 {"X", "y"},
		 10000,
		 NEXT_ACCEPT,
		 "not signed: too large (more than 10000 fields)"},
		{"as many to sign as h= can name",
		 {"From", JOE},
		 {"To", "y"},
		 9999,
		 NEXT_GO_ON,
		 "signed d=example.com"},
		{"too many to sign",
		 {"From", JOE},
		 {"Content-Type", "y"},
		 5000,
		 NEXT_ACCEPT,
		 "not signed: too large (the names of the fields to sign do not fit into h=)"},
		{"white space before the colon of From",
		 {"From ", JOE},
		 {"To", "x"},
		 1,
		 NEXT_ACCEPT,
		 "not signed: From (white space before the colon)"},
		{"a second From with white space",
		 {"From", JOE},
		 {"From\t", JOE},
		 1,
		 NEXT_ACCEPT,
		 "not signed: From (more than one field)"},
	};
	struct session *s = new_session();
	char text[sizeof(conf_text)];
	struct err err = ERR_INIT;

	strcpy(text, strstr(conf_text, "\n"));
	ASSERT_OK(fixture_reload(&fixture, span_str(text), &err), &err);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		ROW(rows[i].label);
		CU_ASSERT_EQUAL(send_many(s, rows[i].first, rows[i].field, rows[i].n),
				rows[i].next);
		expect_record(s, rows[i].record);
	}
	session_free(s);
	ROW("");
	ASSERT_OK(fixture_reload(&fixture, span_str(conf_text), &err), &err);
}

static void test_refused_edit(void)
{
	struct fixture_message m = fixture_message(SPAN_LIT(HEADER "\nbody\n"));
	struct err err = failure("edit 1 of 2");
	struct session *s = new_session();
	const struct edits *edits;

	reset_counters();
	CU_ASSERT_EQUAL(fixture_send(s, &m, &edits), NEXT_GO_ON);
	session_fail(s, &err);
	expect_record(s, "4F1: temporary failure: edit 1 of 2 from=joe@example.com");
	CU_ASSERT_EQUAL(counted(COUNT_TEMPFAILED), 1);
	CU_ASSERT_EQUAL(counted(COUNT_SIGNATURES), 0);
	ROW("what was counted stays");
	err = failure("too late");
	session_fail(s, &err);
	expect_record(s, "4F1: temporary failure: edit 1 of 2");
	CU_ASSERT_EQUAL(counted(COUNT_MESSAGES), 1);
	session_release(s);
	CU_ASSERT_PTR_NULL(session_finish(s));
	CU_ASSERT_PTR_NULL(session_snapshot(s));
	session_abort(s);
	session_free(s);
	CU_ASSERT_EQUAL(counted(COUNT_ABORTED), 0);
	CU_ASSERT_EQUAL(counted(COUNT_MESSAGES), 1);
}

/* Events of one message, given up after N of them. */
static void send_some(struct session *s, int n)
{
	enum session_next next;
	enum verdict verdict;
	struct reply reply;
	const struct edits *edits;
	struct err err = ERR_INIT;

	if (n > 0)
		ASSERT_OK(session_mail(s, SPAN_LIT("<a@b.example>"), NULL, 0, &err), &err);
	if (n > 1)
		ASSERT_OK(
			session_rcpt(s, SPAN_LIT("<c@d.example>"), NULL, 0, &verdict, &reply, &err),
			&err);
	if (n > 2)
		ASSERT_OK(session_header(s, SPAN_LIT("From"), SPAN_LIT(" a@example.com"), &err),
			  &err);
	if (n > 3)
		ASSERT_OK(session_end_of_headers(s, &next, &err), &err);
	if (n > 4)
		ASSERT_OK(session_body(s, SPAN_LIT("x\r\n"), &err), &err);
	if (n > 5)
		ASSERT_OK(session_end_of_message(s, &next, &edits, &err), &err);
}

static void test_aborted_at_every_step(void)
{
	static const uint8_t loopback[] = {127, 0, 0, 1};

	for (int n = 0; n <= 6; n++)
		for (int how = 0; how < 3; how++) {
			struct session *s = new_session();
			struct err err = ERR_INIT;

			reset_counters();
			ASSERT_OK(session_connect(s, SPAN_LIT("x"), CLIENT_INET, loopback, 9, &err),
				  &err);
			send_some(s, n);
			if (how == 0)
				session_abort(s);
			if (how == 1) /* another MAIL */
				send_some(s, 1);
			session_free(s);
			CU_ASSERT_EQUAL(counted(COUNT_ABORTED), (uint64_t)(n > 0) + (how == 1));
			CU_ASSERT_EQUAL(counted(COUNT_MESSAGES), 0);
		}
}

static void test_out_of_turn(void)
{
	struct session *s = new_session();
	enum session_next next = NEXT_ACCEPT;
	const struct edits *edits = NULL;
	struct err err = failure("x");

	ROW("nothing began");
	session_fail(s, &err);
	session_abort(s);
	CU_ASSERT_PTR_NULL(session_finish(s));
	ASSERT_OK(session_header(s, SPAN_LIT("From"), SPAN_LIT(" x"), &err), &err);
	ASSERT_OK(session_end_of_headers(s, &next, &err), &err);
	CU_ASSERT_EQUAL(next, NEXT_GO_ON);
	ASSERT_OK(session_body(s, SPAN_LIT("x"), &err), &err);
	ASSERT_OK(session_end_of_message(s, &next, &edits, &err), &err);
	CU_ASSERT_EQUAL(next, NEXT_TEMPFAIL);
	CU_ASSERT_EQUAL(edits->v.len, 0);
	CU_ASSERT_PTR_NULL(session_finish(s));
	CU_ASSERT_PTR_NULL(session_snapshot(s));
	ROW("body and end without the end of the headers, no macros, no connect");
	ASSERT_OK(session_macro(s, MACRO_AUTH_AUTHEN, SPAN_LIT("joe"), &err), &err);
	ASSERT_OK(session_mail(s, SPAN_LIT("<joe@example.com>"), NULL, 0, &err), &err);
	ASSERT_OK(session_header(s, SPAN_LIT("From"), SPAN_LIT(" joe@example.com"), &err), &err);
	ASSERT_OK(session_body(s, SPAN_LIT("x"), &err), &err);
	ASSERT_OK(session_end_of_message(s, &next, &edits, &err), &err);
	CU_ASSERT_EQUAL(next, NEXT_GO_ON);
	CU_ASSERT_EQUAL(inserts(edits), 2);
	ROW("more behind the end");
	ASSERT_OK(session_header(s, SPAN_LIT("From"), SPAN_LIT(" x"), &err), &err);
	ASSERT_OK(session_body(s, SPAN_LIT("x"), &err), &err);
	ASSERT_OK(session_end_of_message(s, &next, &edits, &err), &err);
	CU_ASSERT_EQUAL(next, NEXT_ACCEPT);
	CU_ASSERT_EQUAL(edits->v.len, 0);
	expect_record(s, "NOQUEUE: signed d=example.com s=r1,x1");
	session_free(s);
	CU_ASSERT_PTR_NULL(session_free(NULL));
}

/* What a message showed is not the next one's. */
static void test_second_message_has_its_own_login(void)
{
	struct session *s = new_session();
	enum session_next next;
	struct err err = ERR_INIT;
	static const uint8_t outside[] = {192, 0, 2, 9};

	ASSERT_OK(session_connect(s, SPAN_LIT("x"), CLIENT_INET, outside, 9, &err), &err);
	ASSERT_OK(session_macro(s, MACRO_AUTH_AUTHEN, SPAN_LIT("joe@example.com"), &err), &err);
	send_some(s, 3);
	ASSERT_OK(session_end_of_headers(s, &next, &err), &err);
	CU_ASSERT_EQUAL(next, NEXT_GO_ON);
	send_some(s, 3);
	ASSERT_OK(session_end_of_headers(s, &next, &err), &err);
	CU_ASSERT_EQUAL(next, NEXT_ACCEPT);
	expect_record(s, "not signed: not trusted (not authenticated, client 192.0.2.9");
	session_free(s);
}

static void test_reload_does_not_touch_a_message(void)
{
	struct session *s = new_session();
	const struct edits *edits;
	enum session_next next;
	struct err err = ERR_INIT;
	uint64_t serial;

	ASSERT_OK(session_macro(s, MACRO_AUTH_TYPE, SPAN_LIT("PLAIN"), &err), &err);
	send_some(s, 3);
	serial = session_snapshot(s)->serial;
	ASSERT_OK(fixture_reload(&fixture,
				 SPAN_LIT("sign = { enabled = false; };\n"
					  "domains = ( { name = \"example.com\"; } );"),
				 &err),
		  &err);
	ASSERT_OK(session_end_of_message(s, &next, &edits, &err), &err);
	CU_ASSERT_EQUAL(inserts(edits), 2);
	CU_ASSERT_EQUAL(session_snapshot(s)->serial, serial);
	expect_record(s, "signed d=example.com");
	ROW("the next one");
	ASSERT_OK(session_macro(s, MACRO_AUTH_TYPE, SPAN_LIT("PLAIN"), &err), &err);
	send_some(s, 3);
	CU_ASSERT_EQUAL(session_snapshot(s)->serial, serial + 1);
	ASSERT_OK(session_end_of_headers(s, &next, &err), &err);
	CU_ASSERT_EQUAL(next, NEXT_ACCEPT);
	expect_record(s, "not signed: disabled (example.com: sign.enabled = false)");
	session_free(s);
	ASSERT_OK(fixture_reload(&fixture, span_str(conf_text), &err), &err);
}

static void test_no_configuration_yet(void)
{
	struct session_env env = fixture.env;
	struct session *s = NULL;
	struct err err = ERR_INIT;
	enum session_next next;
	const struct edits *edits;

	reset_counters();
	ASSERT_OK(snapshot_store_new(&env.store, &err), &err);
	ASSERT_OK(session_new(&env, &s, &err), &err);
	ASSERT_FAILS(session_mail(s, SPAN_LIT("<>"), NULL, 0, &err), RC_UNAVAIL, &err,
		     "no configuration");
	ASSERT_OK(session_header(s, SPAN_LIT("From"), SPAN_LIT(" x"), &err), &err);
	ASSERT_OK(session_end_of_message(s, &next, &edits, &err), &err);
	CU_ASSERT_EQUAL(next, NEXT_TEMPFAIL);
	expect_record(s, "NOQUEUE: temporary failure: no configuration is loaded yet");
	CU_ASSERT_EQUAL(record_level(session_finish(s)), LEVEL_ERROR);
	CU_ASSERT_EQUAL(counted(COUNT_TEMPFAILED), 1);
	session_free(s);
	snapshot_store_free(env.store);
}

int main(void)
{
	static const struct test tests[] = {
		{"(set up)", open_fixture},
		{"outcomes", test_outcomes},
		{"no descriptor is left", test_no_descriptor_is_left},
		{"pieces do not matter", test_pieces_do_not_matter},
		{"existing signatures are kept", test_existing_is_kept},
		{"a foreign selector is signed beside", test_foreign_selector_is_signed_beside},
		{"existing signatures are replaced", test_existing_is_replaced},
		{"a large header passes unsigned", test_large_header_passes_unsigned},
		{"messages that cannot be signed", test_messages_that_cannot_be_signed},
		{"a refused edit", test_refused_edit},
		{"aborted at every step", test_aborted_at_every_step},
		{"out of turn", test_out_of_turn},
		{"a second message has its own login", test_second_message_has_its_own_login},
		{"a reload does not touch a message", test_reload_does_not_touch_a_message},
		{"no configuration yet", test_no_configuration_yet},
		{"(tear down)", close_fixture},
	};

	return test_main("core-session", tests, COUNT_OF(tests));
}
