/* What will be done with a message: real configuration and catalogue, and every reason not to sign. */
#include "core/plan.h"

#include <stdio.h>
#include <string.h>

#include "fixture.h"
#include "test.h"

static const char conf_text[] =
	"trust = { sender_match = \"off\"; };\n"
	"domains = (\n"
	"  { name = \"example.com\"; aliases = [\"example.org\"]; sign = { also = "
	"[\"esp.example\", "
	"\"idle.example\", \"off.example\", \"ed.example\"]; }; },\n"
	"  { name = \"esp.example\"; subdomains = true; sign = { existing = \"replace\"; }; },\n"
	"  { name = \"ed.example\"; sign = { algorithms = [\"ed25519-sha256\"]; }; },\n"
	"  { name = \"reverse.example\"; sign = { algorithms = [\"ed25519-sha256\", "
	"\"rsa-sha256\"]; }; },\n"
	"  { name = \"idle.example\"; },\n"
	"  { name = \"none.example\"; },\n"
	"  { name = \"early.example\"; sign = { before_dns = \"sign\"; }; },\n"
	"  { name = \"later.example\"; sign = { before_dns = \"tempfail\"; }; },\n"
	"  { name = \"seen.example\"; observe = true; sign = { before_dns = \"tempfail\"; }; },\n"
	"  { name = \"watch.example\"; observe = true; },\n"
	"  { name = \"off.example\"; mode = \"disabled\"; },\n"
	"  { name = \"test.example\"; mode = \"test\"; },\n"
	"  { name = \"mute.example\"; sign = { enabled = false; }; },\n"
	"  { name = \"remote.example\"; sign = { local = false; }; },\n"
	"  { name = \"mail.child.example\"; sign_domain = \"child.example\"; },\n"
	"  { name = \"utf8.example\"; sign = { ulabels = true; }; }\n"
	");\n";

/* FIXTURE_NOW is 1750000000. */
static const char selectors_text[] =
	"example.com rsa-1 rsa-sha256 retiring 1700000000 1700000000 rsa\n"
	"example.com rsa-2 rsa-sha256 active 1750000000 1700000000 rsa\n"
	"example.com ed-1 ed25519-sha256 retiring 1700000000 1700000000 ed25519\n"
	"example.com ed-2 ed25519-sha256 active 1750000001 1700000000 ed25519\n"
	"example.com ed-3 ed25519-sha256 published 0 1749999999 ed25519\n"
	"esp.example e1 rsa-sha256 active 1700000000 1700000000 rsa\n"
	"ed.example r1 rsa-sha256 active 1700000000 1700000000 rsa\n"
	"ed.example x1 ed25519-sha256 active 1700000000 1700000000 ed25519\n"
	"reverse.example r1 rsa-sha256 active 1700000000 1700000000 rsa\n"
	"reverse.example x1 ed25519-sha256 active 1700000000 1700000000 ed25519\n"
	"idle.example i1 rsa-sha256 published 0 1700000000 rsa\n"
	"idle.example i2 rsa-sha256 revoked 1700000000 1700000000 rsa\n"
	"early.example r1 rsa-sha256 published 0 1700000000 rsa\n"
	"early.example r2 rsa-sha256 standby 0 1700000002 rsa\n"
	"early.example r3 rsa-sha256 standby 0 1700000001 rsa\n"
	"early.example r4 rsa-sha256 revoked 0 1700000009 rsa\n"
	"early.example x1 ed25519-sha256 standby 0 1700000000 ed25519\n"
	"later.example r1 rsa-sha256 standby 0 1700000000 rsa\n"
	"watch.example r1 rsa-sha256 active 1700000000 1700000000 rsa\n"
	"off.example r1 rsa-sha256 active 1700000000 1700000000 rsa\n"
	"test.example r1 rsa-sha256 active 1700000000 1700000000 rsa\n"
	"mute.example r1 rsa-sha256 active 1700000000 1700000000 rsa\n"
	"remote.example r1 rsa-sha256 active 1700000000 1700000000 rsa\n"
	"child.example c1 rsa-sha256 active 1700000000 1700000000 rsa\n"
	"utf8.example u1 rsa-sha256 active 1700000000 1700000000 rsa\n";

enum client { OUTSIDE, TRUSTED, LOCAL };

/* The message: From (NULL: none), a second From, and whether a DKIM-Signature is there. */
struct row {
	const char *label;
	enum client client;
	const char *from, *from2;
	bool signature, smtputf8;
	const char *want; /* see plan_text() */
};

#define ALSO_WARNING " !also idle.example: no active selector; also off.example: disabled"

static const struct row rows[] = {
	{"both algorithms, RSA first, then also", TRUSTED, "joe@example.com", NULL, false, false,
	 "example.com/rsa-2 example.com/ed-1 esp.example/e1 ed.example/x1" ALSO_WARNING},
	{"alias", TRUSTED, "joe@example.org", NULL, false, false,
	 "example.com/rsa-2 example.com/ed-1 esp.example/e1 ed.example/x1" ALSO_WARNING},
	{"one algorithm has a selector", TRUSTED, "joe@esp.example", NULL, false, false,
	 "esp.example/e1"},
	{"one algorithm is configured", TRUSTED, "joe@ed.example", NULL, false, false,
	 "ed.example/x1"},
	{"the order of the configuration", TRUSTED, "joe@reverse.example", NULL, false, false,
	 "reverse.example/x1 reverse.example/r1"},
	{"a subdomain", TRUSTED, "joe@a.b.esp.example", NULL, false, false, "esp.example/e1"},
	{"a subdomain that is not signed for", TRUSTED, "joe@a.ed.example", NULL, false, false,
	 "domain not ours (a.ed.example)"},
	{"selectors are those of d=", TRUSTED, "joe@mail.child.example", NULL, false, false,
	 "child.example/c1"},
	{"signed already, keep", TRUSTED, "joe@ed.example", NULL, true, false,
	 "ed.example/x1 check"},
	{"signed already, replace", TRUSTED, "joe@esp.example", NULL, true, false,
	 "esp.example/e1"},
	{"U-labels for SMTPUTF8", TRUSTED, "joe@utf8.example", NULL, false, true,
	 "utf8.example/u1 ulabels"},
	{"no U-labels otherwise", TRUSTED, "joe@utf8.example", NULL, false, false,
	 "utf8.example/u1"},
	{"no U-labels unless asked for", TRUSTED, "joe@ed.example", NULL, false, true,
	 "ed.example/x1"},
	{"observed", TRUSTED, "joe@watch.example", NULL, false, false, "watch.example/r1 observe"},
	{"local", LOCAL, "joe@ed.example", NULL, false, false, "ed.example/x1"},
	{"local, not wanted", LOCAL, "joe@remote.example", NULL, false, false,
	 "local mail (remote.example: sign.local = false)"},
	{"the same from elsewhere", TRUSTED, "joe@remote.example", NULL, false, false,
	 "remote.example/r1"},
	{"not trusted", OUTSIDE, "joe@example.com", NULL, false, false,
	 "not trusted (not authenticated, client 192.0.2.9 not in trust.networks)"},
	{"not trusted comes before From", OUTSIDE, NULL, NULL, false, false,
	 "not trusted (not authenticated, client 192.0.2.9 not in trust.networks)"},
	{"no From", TRUSTED, NULL, NULL, false, false, "From (missing)"},
	{"two From fields", TRUSTED, "joe@example.com", "joe@example.com", false, false,
	 "From (more than one field)"},
	{"not ours", TRUSTED, "joe@foreign.example", NULL, false, false,
	 "domain not ours (foreign.example)"},
	{"disabled", TRUSTED, "joe@off.example", NULL, false, false,
	 "disabled (off.example: mode = \"disabled\")"},
	{"test mode", TRUSTED, "joe@test.example", NULL, false, false,
	 "disabled (test.example: mode = \"test\")"},
	{"signing disabled", TRUSTED, "joe@mute.example", NULL, false, false,
	 "disabled (mute.example: sign.enabled = false)"},
	{"nothing active, unsigned", TRUSTED, "joe@idle.example", NULL, false, false,
	 "no active selector (idle.example: see `mailseal selector list`)"},
	{"no selector, unsigned", TRUSTED, "joe@none.example", NULL, false, false,
	 "no active selector (none.example: there is none at all)"},
	{"nothing active, sign", TRUSTED, "joe@early.example", NULL, false, false,
	 "early.example/r2 early.example/x1"},
	{"nothing active, tempfail", TRUSTED, "joe@later.example", NULL, false, false,
	 "no active selector (later.example: see `mailseal selector list`) "
	 "tempfail"},
	{"nothing active, tempfail, observed", TRUSTED, "joe@seen.example", NULL, false, false,
	 "no active selector (seen.example: there is none at all) observe"},
};

static void set_facts(const struct row *row, struct facts *f)
{
	static const struct facts clients[] = {
		[OUTSIDE] = {.client = CLIENT_INET, .addr = {192, 0, 2, 9}, .port = 1},
		[TRUSTED] = {.client = CLIENT_INET, .addr = {127, 0, 0, 1}, .port = 1},
		[LOCAL] = {.client = CLIENT_UNIX},
	};

	*f = clients[row->client];
	f->smtputf8 = row->smtputf8;
}

static void set_fields(const struct row *row, struct fields *fields)
{
	struct err err = ERR_INIT;

	if (row->from != NULL)
		ASSERT_OK(fields_add(fields, SPAN_LIT("From"), span_str(row->from), &err), &err);
	if (row->from2 != NULL)
		ASSERT_OK(fields_add(fields, SPAN_LIT("From"), span_str(row->from2), &err), &err);
	if (row->signature)
		ASSERT_OK(fields_add(fields, SPAN_LIT("DKIM-Signature"), SPAN_LIT(" v=1"), &err),
			  &err);
}

/* "d/s d/s check" or "reason (detail)", then flags, then " !warning". */
static void plan_text(const struct plan *p, char *out, size_t size)
{
	size_t len = 0;

	out[0] = '\0';
	if (p->reason != REASON_NONE)
		len += (size_t)snprintf(out, size, " %s (%s)", plan_reason_name(p->reason),
					p->detail);
	for (size_t i = 0; p->reason == REASON_NONE && i < p->n_signatures; i++)
		len += (size_t)snprintf(out + len, size - len, " %s/%s%s",
					p->signatures[i].domain->sign_domain,
					p->signatures[i].selector->name,
					p->signatures[i].policy.ulabels ? " ulabels" : "");
	snprintf(out + len, size - len, "%s%s%s%s%s", p->check_existing ? " check" : "",
		 p->tempfail ? " tempfail" : "", p->observe ? " observe" : "",
		 p->warning != NULL ? " !" : "", p->warning != NULL ? p->warning : "");
	memmove(out, out + 1, strlen(out));
}

/* Decide for ROW in SNAP; the text of the plan in OUT. */
static void decide(const struct snapshot *snap, const struct row *row, char *out, size_t size)
{
	struct arena *arena = arena_new(1000000);
	struct err err = ERR_INIT;
	struct fields fields;
	struct facts facts;
	struct plan plan;

	set_facts(row, &facts);
	fields_init(&fields, arena, 100000);
	set_fields(row, &fields);
	ASSERT_OK(plan_decide(snap, &facts, &fields, FIXTURE_NOW, arena, &plan, &err), &err);
	plan_text(&plan, out, size);
	fields_clear(&fields);
	arena_free(arena);
}

static struct fixture fixture;
static struct snapshot *snap;

static void open_fixture(void)
{
	struct err err = ERR_INIT;

	ASSERT_OK(fixture_open(&fixture, test_dir(), span_str(conf_text), span_str(selectors_text),
			       &err),
		  &err);
	snap = snapshot_store_get(fixture.store);
	CU_ASSERT_PTR_NOT_NULL_FATAL(snap);
}

static void test_plans(void)
{
	char got[1000];

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		ROW(rows[i].label);
		decide(snap, &rows[i], got, sizeof(got));
		ASSERT_STR(got, rows[i].want);
		if (strchr(got, '(') != NULL)
			ASSERT_NO_ECHO(span_str(got));
	}
}

/* However little memory there is: RC_NOMEM and an untouched plan, or the right plan. */
static void test_memory_runs_out(void)
{
	struct facts facts = {.client = CLIENT_INET, .addr = {127, 0, 0, 1}, .port = 1};
	size_t refused = 0;

	for (size_t max = 0; max < 20000; max += 16) {
		struct arena *of_fields = arena_new(10000), *arena = arena_new(max);
		struct plan plan = {.reason = REASON_TOO_LARGE};
		struct err err = ERR_INIT;
		struct fields fields;
		enum rc rc;

		fields_init(&fields, of_fields, 10000);
		set_fields(&rows[0], &fields);
		rc = plan_decide(snap, &facts, &fields, FIXTURE_NOW, arena, &plan, &err);
		CU_ASSERT_TRUE(rc == RC_OK || rc == RC_NOMEM);
		CU_ASSERT_EQUAL(plan.reason, rc == RC_OK ? REASON_NONE : REASON_TOO_LARGE);
		refused += rc != RC_OK;
		fields_clear(&fields);
		arena_free(arena);
		arena_free(of_fields);
	}
	CU_ASSERT_TRUE(refused > 2);
	CU_ASSERT_TRUE(refused < 1000);
}

static void test_sender_match(void)
{
	static const struct {
		const char *label, *match, *mail_from, *want;
	} match_rows[] = {
		{"off", "off", "<x@foreign.example>", "ed.example/x1"},
		{"warn", "warn", "<x@foreign.example>",
		 "ed.example/x1 !From is of ed.example, envelope sender is <x@foreign.example>"},
		{"require", "require", "<x@foreign.example>",
		 "sender mismatch (From is of ed.example, envelope sender is <x@foreign.example>)"},
		{"require, agreed", "require", "<x@ed.example>", "ed.example/x1"},
		{"require, null sender", "require", "<>", "ed.example/x1"},
	};

	for (size_t i = 0; i < COUNT_OF(match_rows); i++) {
		struct facts facts = {.client = CLIENT_INET,
				      .addr = {127, 0, 0, 1},
				      .port = 1,
				      .mail_from = span_str(match_rows[i].mail_from)};
		struct arena *arena = arena_new(1000000);
		char text[500], got[1000];
		struct err err = ERR_INIT;
		struct snapshot *own;
		struct fields fields;
		struct plan plan;

		ROW(match_rows[i].label);
		snprintf(text, sizeof(text),
			 "trust = { sender_match = \"%s\"; };\n"
			 "domains = ( { name = \"ed.example\"; sign = { algorithms = "
			 "[\"ed25519-sha256\"]; }; } );\n",
			 match_rows[i].match);
		ASSERT_OK(fixture_reload(&fixture, span_str(text), &err), &err);
		own = snapshot_store_get(fixture.store);
		fields_init(&fields, arena, 10000);
		ASSERT_OK(fields_add(&fields, SPAN_LIT("From"), SPAN_LIT("joe@ed.example"), &err),
			  &err);
		ASSERT_OK(plan_decide(own, &facts, &fields, FIXTURE_NOW, arena, &plan, &err), &err);
		plan_text(&plan, got, sizeof(got));
		ASSERT_STR(got, match_rows[i].want);
		fields_clear(&fields);
		snapshot_unref(own);
		arena_free(arena);
	}
}

static void test_names_are_stable(void)
{
	static const char *const want[REASONS] = {"none",
						  "not trusted",
						  "From",
						  "domain not ours",
						  "disabled",
						  "local mail",
						  "sender mismatch",
						  "no active selector",
						  "signed already",
						  "too large",
						  "error"};

	for (int r = 0; r < REASONS; r++)
		ASSERT_STR(plan_reason_name((enum plan_reason)r), want[r]);
	ASSERT_STR(trust_source_name(SOURCE_RELAYED), "relayed");
	ASSERT_STR(trust_source_name(SOURCE_LOCAL), "local");
}

static void close_fixture(void)
{
	snap = snapshot_unref(snap);
	fixture_close(&fixture);
	CU_ASSERT_PTR_NULL(snap);
}

int main(void)
{
	static const struct test tests[] = {
		{"(set up)", open_fixture},
		{"plans", test_plans},
		{"memory runs out", test_memory_runs_out},
		{"trust.sender_match", test_sender_match},
		{"names are stable", test_names_are_stable},
		{"(tear down)", close_fixture},
	};

	return test_main("core-plan", tests, COUNT_OF(tests));
}
