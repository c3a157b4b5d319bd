/* A mail server gone mad: the input is a sequence of milter events, in any order, against real configuration and a
 * real key. No crash, edits all or none, every message counted once. */
#include <ftw.h>
#include <string.h>

#include "core/session.h"
#include "fixture.h"
#include "fuzz.h"

static const char conf_text[] =
	"limits = { headers = \"10kB\"; };\n"
	"domains = (\n"
	" { name = \"example.com\"; subdomains = true; sign = { also = [\"two.example\"]; }; },\n"
	" { name = \"two.example\"; aliases = [\"zwei.example\"]; sign = { ulabels = true; "
	"diagnostics "
	"= true; canonicalization = \"simple/simple\"; }; },\n"
	" { name = \"replace.example\"; sign = { existing = \"replace\"; also = [\"example.com\"]; "
	"}; },\n"
	" { name = \"broken.example\"; },\n"
	" { name = \"lax.example\"; sign = { on_error = \"unsigned\"; }; },\n"
	" { name = \"later.example\"; sign = { before_dns = \"tempfail\"; }; },\n"
	" { name = \"watch.example\"; observe = true; }\n"
	");\n";
static const char selectors_text[] =
	"example.com x1 ed25519-sha256 active 1700000000 1700000000 ed25519\n"
	"two.example x2 ed25519-sha256 active 1700000000 1700000000 ed25519\n"
	"replace.example x3 ed25519-sha256 active 1700000000 1700000000 ed25519\n"
	"broken.example x4 ed25519-sha256 active 1700000000 1700000000 missing\n"
	"lax.example x5 ed25519-sha256 active 1700000000 1700000000 missing\n"
	"watch.example x6 ed25519-sha256 active 1700000000 1700000000 ed25519\n";

static char dir[] = "/tmp/mailseal-fuzz-XXXXXX";
static struct fixture fixture;

static int remove_entry(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static void close_world(void)
{
	fixture_close(&fixture);
	nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void open_world(void)
{
	static bool is_open;
	struct err err = ERR_INIT;

	if (is_open)
		return;
	is_open = true;
	PROMISE(mkdtemp(dir) != NULL);
	atexit(close_world);
	PROMISE(fixture_open(&fixture, dir, span_str(conf_text), span_str(selectors_text), &err) ==
		RC_OK);
}

/* --- the input, as numbers and texts ---------------------------------------------------------- */

static unsigned take(struct span *in)
{
	unsigned c = in->len > 0 ? (unsigned char)in->p[0] : 0;

	*in = span_from(*in, 1);
	return c;
}

static struct span take_bytes(struct span *in)
{
	unsigned n = take(in);
	struct span s = span_sub(*in, 0, n);

	*in = span_from(*in, s.len);
	return s;
}

/* One of WORDS, or bytes of the input. */
static struct span take_text(struct span *in, const char *const *words, size_t n)
{
	unsigned which = take(in);

	return which < n ? span_str(words[which]) : take_bytes(in);
}

static const char *const names[] = {
	"From",	   "Sender", "DKIM-Signature", "Received", "Authentication-Results",
	"Subject", "To",     "from ",	       "List-Id"};
static const char *const values[] = {
	" joe@example.com",
	" joe@two.example",
	" joe@replace.example",
	" joe@broken.example",
	" joe@lax.example",
	" joe@later.example",
	" joe@watch.example",
	" joe@foreign.example",
	" v=1; a=ed25519-sha256; d=example.com; s=x1; h=from; bh=eA==; b=eA==",
	" v=1; a=ed25519-sha256; d=replace.example; s=x3; h=from; bh=eA==; b=eA==",
	" from a (a [192.0.2.9]) by mx.example.com with ESMTP id 1",
	" mx.example.com; auth=pass",
};
static const char *const senders[] = {"<joe@example.com>", "<>", "joe", "<joe@two.example>"};
static const char *const macros[] = {"mx.example.com", "joe@example.com", "ORIGINATING", "OK",
				     "Postfix 3.7.11"};
static const char *const hosts[] = {"localhost", "mail.example.net"};

/* --- events ----------------------------------------------------------------------------------- */

struct run {
	struct session *s;
	uint64_t mails; /* MAIL events */
	uint64_t signatures;
	bool counted; /* the message's record was handed out */
};

static void connect_client(struct run *r, struct span *in)
{
	static const uint8_t clients[][16] = {
		{127, 0, 0, 1}, {192, 0, 2, 9}, {[15] = 1}, {[10] = 0xff, 0xff, 127, 0, 0, 1}};
	struct span host = take_text(in, hosts, COUNT_OF(hosts));
	unsigned which = take(in);

	(void)!session_connect(r->s, host, (enum client_kind)(which % 4), clients[which / 4 % 4],
			       (uint16_t)(which / 16), NULL);
}

static void mail(struct run *r, struct span *in)
{
	struct span args[2] = {SPAN_LIT("SMTPUTF8"), SPAN_NONE};
	struct span from = take_text(in, senders, COUNT_OF(senders));

	args[1] = take_bytes(in);
	(void)!session_mail(r->s, from, args, take(in) % 3, NULL);
	r->mails++;
	r->counted = false;
}

static void header(struct run *r, struct span *in)
{
	struct span name = take_text(in, names, COUNT_OF(names));
	struct span value = take_text(in, values, COUNT_OF(values));

	for (unsigned repeat = take(in) % 8 == 7 ? 300 : 1; repeat > 0; repeat--)
		(void)!session_header(r->s, name, value, NULL);
}

static void check_line(const struct record *record)
{
	struct err err = ERR_INIT;
	struct buf line;

	buf_init(&line, 100000);
	PROMISE(record_show(record, FORMAT_PLAIN, &line, &err) == RC_OK);
	PROMISE(line.len <= 1000 && !span_has(buf_span(&line), '\n'));
	line.len = 0;
	PROMISE(record_show(record, FORMAT_OPENDKIM, &line, &err) == RC_OK);
	line.len = 0;
	PROMISE(record_show(record, FORMAT_JSON, &line, &err) == RC_OK);
	PROMISE(line.p[0] == '{' && line.p[line.len - 1] == '}');
	buf_clear(&line);
}

static void finish(struct run *r)
{
	const struct record *record = session_finish(r->s);

	if (record == NULL)
		return;
	PROMISE(session_finish(r->s) == record);
	PROMISE((record->n_signed != 0) ==
		(record->verdict == VERDICT_ACCEPT && record->plan->reason == REASON_NONE &&
		 !record->plan->observe));
	PROMISE(record->verdict == VERDICT_ACCEPT || record->n_signed == 0);
	check_line(record);
	if (!r->counted)
		r->signatures += record->n_signed;
	r->counted = true;
}

/* Deletions first, then insertions on top, each with its leading space, no bare CR, no line end that is no fold. */
static size_t check_edits(const struct edits *edits)
{
	size_t inserted = 0;

	for (size_t i = 0; i < edits->v.len; i++) {
		const struct edit *e = vec_at(&edits->v, i);

		PROMISE(strcmp(e->name, "DKIM-Signature") == 0);
		PROMISE((e->kind == EDIT_DELETE) == (e->value == NULL));
		if (e->kind == EDIT_DELETE) {
			PROMISE(inserted == 0 && e->index >= 1);
			continue;
		}
		inserted++;
		PROMISE(e->kind == EDIT_INSERT && e->index == 0 && e->value[0] == ' ');
		PROMISE(strchr(e->value, '\r') == NULL);
		for (const char *p = strchr(e->value, '\n'); p != NULL; p = strchr(p + 1, '\n'))
			PROMISE(p[1] == '\t');
	}
	return inserted;
}

static void end_of_message(struct run *r)
{
	const struct record *record;
	const struct edits *edits;
	enum session_next next;
	size_t inserted;

	if (session_end_of_message(r->s, &next, &edits, NULL) != RC_OK)
		return;
	inserted = check_edits(edits);
	PROMISE((edits->v.len != 0) == (next == NEXT_GO_ON));
	PROMISE(edits->v.len == 0 || inserted != 0);
	record = session_finish(r->s);
	PROMISE(inserted == 0 || (record != NULL && record->n_signed == inserted));
	finish(r);
}

static void fail(struct run *r)
{
	struct err err = ERR_INIT;

	err_set(&err, RC_IO, "the mail server went away");
	session_fail(r->s, &err);
}

static void one_event(struct run *r, struct span *in)
{
	enum session_next next;
	enum verdict verdict;
	struct reply reply;
	unsigned op = take(in);

	switch (op % 16) {
	case 0:
		connect_client(r, in);
		break;
	case 1:
		(void)!session_helo(r->s, take_bytes(in), NULL);
		break;
	case 2:
	case 3:
		mail(r, in);
		break;
	case 4:
		(void)!session_rcpt(r->s, take_bytes(in), NULL, 0, &verdict, &reply, NULL);
		break;
	case 5:
	case 6:
	case 7:
		header(r, in);
		break;
	case 8:
		(void)!session_end_of_headers(r->s, &next, NULL);
		break;
	case 9:
		(void)!session_body(r->s, take_bytes(in), NULL);
		break;
	case 10:
		end_of_message(r);
		break;
	case 11:
		(void)!session_macro(r->s, (enum macro)(take(in) % MACROS),
				     take_text(in, macros, COUNT_OF(macros)), NULL);
		break;
	case 12:
		op & 16 ? session_abort(r->s) : session_release(r->s);
		break;
	case 13:
		fail(r);
		break;
	case 14:
		finish(r);
		break;
	default:
		session_set_leading_space(r->s, op & 16);
	}
}

static uint64_t counted(enum counter which)
{
	return counters_get(&fixture.counters, which);
}

static void check_counters(const struct run *r)
{
	uint64_t outcomes = counted(COUNT_SIGNED) + counted(COUNT_TEMPFAILED);

	for (int i = COUNT_UNSIGNED_NOT_TRUSTED; i <= COUNT_UNSIGNED_OBSERVED; i++)
		outcomes += counted((enum counter)i);
	PROMISE(counted(COUNT_MESSAGES) == outcomes);
	PROMISE(counted(COUNT_MESSAGES) + counted(COUNT_ABORTED) == r->mails);
	PROMISE(counted(COUNT_SIGNATURES) == r->signatures);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of(data, size);
	struct run r = {.s = NULL};

	open_world();
	memset(&fixture.counters, 0, sizeof(fixture.counters));
	PROMISE(session_new(&fixture.env, &r.s, NULL) == RC_OK);
	while (in.len > 0)
		one_event(&r, &in);
	session_free(r.s);
	check_counters(&r);
	return 0;
}
