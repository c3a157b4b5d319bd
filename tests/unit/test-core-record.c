/* The one line of a message, in its three formats. */
#include "core/record.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test.h"

static const struct conf_domain example = {.name = "example.com", .sign_domain = "example.com"};
static const struct conf_domain esp = {.name = "esp.example", .sign_domain = "esp.example"};
static const struct selector rsa_1 = {.name = "rsa-1", .alg = DKIM_RSA_SHA256};
static const struct selector ed_1 = {.name = "ed-1", .alg = DKIM_ED25519_SHA256};
static const struct selector e1 = {.name = "e1", .alg = DKIM_RSA_SHA256};
static struct plan_signature signatures[] = {
	{.domain = &example, .selector = &rsa_1},
	{.domain = &example, .selector = &ed_1},
	{.domain = &esp, .selector = &e1},
};

static struct plan good_plan(void)
{
	struct plan p = {.domain = &example, .signatures = signatures, .n_signatures = 2};

	strcpy(p.from.domain, "example.com");
	p.from.author.local = SPAN_LIT("joe");
	p.from.author.domain = SPAN_LIT("example.com");
	p.trust.trusted = true;
	p.trust.source = SOURCE_AUTHENTICATED;
	strcpy(p.trust.why, "authenticated");
	return p;
}

static struct record good_record(const struct plan *plan)
{
	return (struct record){
		.queue_id = SPAN_LIT("4F1"),
		.plan = plan,
		.n_signed = plan->n_signatures,
		.mail_from = SPAN_LIT("<joe@example.com>"),
		.body_bytes = 1234,
		.when = 1750000000,
	};
}

static void expect(const struct record *r, enum conf_log_format format, const char *want)
{
	struct err err = ERR_INIT;
	struct buf out;

	buf_init(&out, 100000);
	ASSERT_OK(buf_adds(&out, "> ", &err), &err);
	ASSERT_OK(record_show(r, format, &out, &err), &err);
	ASSERT_SPAN(span_from(buf_span(&out), 2), span_str(want));
	buf_clear(&out);
}

static void test_signed(void)
{
	struct plan p = good_plan();
	struct record r = good_record(&p);

	ROW("one domain");
	expect(&r, FORMAT_PLAIN,
	       "4F1: signed d=example.com s=rsa-1,ed-1 from=joe@example.com "
	       "sender=<joe@example.com> trust=\"authenticated\" body=1234");
	expect(&r, FORMAT_OPENDKIM,
	       "4F1: DKIM-Signature field added (s=rsa-1, d=example.com)\n"
	       "4F1: DKIM-Signature field added (s=ed-1, d=example.com)");
	CU_ASSERT_EQUAL(record_level(&r), LEVEL_INFO);
	ROW("two domains, risks, a warning, no queue id");
	p.n_signatures = 3;
	p.warning = "also \"x\": no active selector";
	r = good_record(&p);
	r.queue_id = SPAN_NONE;
	r.mail_from = SPAN_LIT("<>");
	r.risks = RISK_8BIT | RISK_LONG_LINE | RISK_BARE_CR | RISK_BARE_LF | RISK_NUL;
	expect(&r, FORMAT_PLAIN,
	       "NOQUEUE: signed d=example.com s=rsa-1,ed-1 d=esp.example s=e1 "
	       "from=joe@example.com sender=<> trust=\"authenticated\" body=1234 "
	       "risks=8bit,long-line,bare-cr,bare-lf,nul warning=\"also \\\"x\\\": no active "
	       "selector\"");
	CU_ASSERT_EQUAL(record_level(&r), LEVEL_WARNING);
	ROW("observed");
	p.observe = true;
	p.n_signatures = 1;
	r = good_record(&p);
	r.n_signed = 0;
	r.body_bytes = 0;
	expect(&r, FORMAT_PLAIN,
	       "4F1: would sign d=example.com s=rsa-1 (observe) from=joe@example.com "
	       "sender=<joe@example.com> trust=\"authenticated\" warning=\"also \\\"x\\\": no "
	       "active selector\"");
}

static void test_not_signed(void)
{
	struct plan p = good_plan();
	struct facts facts = {.client = CLIENT_INET,
			      .addr = {192, 0, 2, 9},
			      .host = SPAN_LIT("mail.example.net")};
	struct record r = good_record(&p);

	r.n_signed = 0;
	r.body_bytes = 0;
	r.facts = &facts;
	ROW("not trusted");
	p.trust.trusted = false;
	plan_refuse(&p, REASON_NOT_TRUSTED, "%s",
		    "not authenticated, client 192.0.2.9 not in "
		    "trust.networks");
	expect(&r, FORMAT_PLAIN,
	       "4F1: not signed: not trusted (not authenticated, client 192.0.2.9 not in "
	       "trust.networks) from=joe@example.com sender=<joe@example.com>");
	expect(&r, FORMAT_OPENDKIM,
	       "4F1: mail.example.net [192.0.2.9] not internal\n4F1: not authenticated");
	facts.client = CLIENT_INET6;
	expect(&r, FORMAT_OPENDKIM,
	       "4F1: mail.example.net [c000:209::] not internal\n4F1: not authenticated");
	r.facts = NULL;
	expect(&r, FORMAT_OPENDKIM,
	       "4F1: not signed: not trusted (not authenticated, client 192.0.2.9 not in "
	       "trust.networks) from=joe@example.com sender=<joe@example.com>");
	CU_ASSERT_EQUAL(record_level(&r), LEVEL_INFO);
	ROW("not ours");
	p = good_plan();
	plan_refuse(&p, REASON_NO_DOMAIN, "example.com");
	expect(&r, FORMAT_PLAIN,
	       "4F1: not signed: domain not ours (example.com) from=joe@example.com "
	       "sender=<joe@example.com> trust=\"authenticated\"");
	expect(&r, FORMAT_OPENDKIM, "4F1: no signing table match for 'joe@example.com'");
	ROW("no author");
	plan_refuse(&p, REASON_FROM, "missing");
	p.from.status = FROM_MISSING;
	expect(&r, FORMAT_PLAIN,
	       "4F1: not signed: From (missing) sender=<joe@example.com> "
	       "trust=\"authenticated\"");
	ROW("levels");
	plan_refuse(&p, REASON_NO_SELECTOR, "example.com: none");
	CU_ASSERT_EQUAL(record_level(&r), LEVEL_WARNING);
	plan_refuse(&p, REASON_ERROR, "key");
	CU_ASSERT_EQUAL(record_level(&r), LEVEL_ERROR);
}

#define BEGINNING "4F1: not signed: "

/* Reason and detail stand beside each other; the text of an author's fault is the same for all messages. */
static void test_no_word_twice(void)
{
	static const struct {
		enum plan_reason reason;
		const char *detail;
	} rows[] = {
		{REASON_NOT_TRUSTED, "not authenticated, client 192.0.2.9 not in trust.networks"},
		{REASON_NOT_TRUSTED, "daemon smtpd is in trust.not_daemons"},
		{REASON_NOT_TRUSTED, "came from outside: Received from [192.0.2.9]"},
		{REASON_NO_DOMAIN, "example.net"},
		{REASON_DISABLED, "example.com: sign.enabled = false"},
		{REASON_LOCAL, "example.com: sign.local = false"},
		{REASON_SENDER_MISMATCH,
		 "From is of example.com, envelope sender is <a@b.example>"},
		{REASON_NO_SELECTOR, "example.com: there is none at all"},
		{REASON_EXISTING, "d=example.com s=rsa-1"},
		{REASON_TOO_LARGE, "header over limits.headers, 1048576 bytes"},
		{REASON_ERROR, "selector 'rsa-1' of example.com: no such file"},
	};
	struct plan p = good_plan();
	struct record r = good_record(&p);
	struct err err = ERR_INIT;
	struct buf out;

	buf_init(&out, 10000);
	r.n_signed = 0;
	for (size_t i = 0; i < COUNT_OF(rows) + FROM_SEVERAL; i++) {
		size_t status = i - COUNT_OF(rows) + 1;

		out.len = 0;
		if (i < COUNT_OF(rows))
			plan_refuse(&p, rows[i].reason, "%s", rows[i].detail);
		else
			plan_refuse(&p, REASON_FROM, "%s",
				    from_status_text((enum from_status)status));
		ASSERT_OK(record_show(&r, FORMAT_PLAIN, &out, &err), &err);
		CU_ASSERT_TRUE(span_starts(buf_span(&out), SPAN_LIT(BEGINNING)));
		ASSERT_NO_ECHO(span_sub(buf_span(&out), strlen(BEGINNING),
					span_search(buf_span(&out), SPAN_LIT(" from="), 0, false) -
						strlen(BEGINNING)));
	}
	buf_clear(&out);
}

static void test_temporary_failure(void)
{
	struct plan p = good_plan(), nothing = {0};
	struct record r = good_record(&p);

	ROW("a fault");
	plan_refuse(&p, REASON_ERROR, "selector 'rsa-1': no key");
	r.verdict = VERDICT_TEMPFAIL;
	r.n_signed = 0;
	r.error = "selector 'rsa-1': no key";
	expect(&r, FORMAT_PLAIN,
	       "4F1: temporary failure: selector 'rsa-1': no key from=joe@example.com "
	       "sender=<joe@example.com> trust=\"authenticated\" body=1234");
	expect(&r, FORMAT_OPENDKIM,
	       "4F1: temporary failure: selector 'rsa-1': no key from=joe@example.com "
	       "sender=<joe@example.com> trust=\"authenticated\" body=1234");
	ROW("no selector");
	plan_refuse(&p, REASON_NO_SELECTOR, "example.com: none");
	r.error = NULL;
	r.body_bytes = 0;
	expect(&r, FORMAT_PLAIN,
	       "4F1: temporary failure: no active selector (example.com: none) "
	       "from=joe@example.com sender=<joe@example.com> trust=\"authenticated\"");
	ROW("before anything was known");
	plan_refuse(&nothing, REASON_ERROR, "no configuration");
	r.plan = &nothing;
	r.error = "no configuration";
	expect(&r, FORMAT_PLAIN,
	       "4F1: temporary failure: no configuration sender=<joe@example.com>");
}

static void test_hostile_bytes(void)
{
	struct plan p = good_plan();
	struct record r = good_record(&p);
	char big[5000];
	struct err err = ERR_INIT;
	struct buf out;

	r.queue_id = SPAN_LIT("a\nb");
	r.mail_from = SPAN_LIT("<x>\r\n\xff\xc3\xbc>");
	p.from.author.local = SPAN_LIT("a b\0c");
	expect(&r, FORMAT_PLAIN,
	       "a\\x0ab: signed d=example.com s=rsa-1,ed-1 from=\"a\\ b\\x00c\"@example.com "
	       "sender=<x\\>\\x0d\\x0a\\xff\xc3\xbc> trust=\"authenticated\" body=1234");
	ROW("long");
	memset(big, 'x', sizeof(big));
	for (size_t i = 0; i < 4; i++) {
		p.from.author.local = span_of(big, i == 0 ? sizeof(big) : 1);
		r.mail_from = span_of(big, i == 1 ? sizeof(big) : 1);
		r.queue_id = span_of(big, i == 2 ? sizeof(big) : 1);
		r.error = i == 3 ? big : NULL;
		big[sizeof(big) - 1] = '\0';
		buf_init(&out, 100000);
		ASSERT_OK(record_show(&r, FORMAT_PLAIN, &out, &err), &err);
		CU_ASSERT_TRUE(out.len <= 1000);
		CU_ASSERT_FALSE(span_has(buf_span(&out), '\n'));
		buf_clear(&out);
	}
}

/* A line is cut at 1,000 bytes, and not in the middle of a character. */
static void test_long_lines_are_cut(void)
{
	static struct plan_signature many[32];
	char name[64];
	struct selector long_name = {.name = name};
	struct plan p = good_plan();
	struct err err = ERR_INIT;
	struct record r;
	struct buf out;

	memset(name, 's', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	for (size_t i = 0; i < COUNT_OF(many); i++)
		many[i] = (struct plan_signature){.domain = &example, .selector = &long_name};
	p.signatures = many;
	p.n_signatures = COUNT_OF(many);
	r = good_record(&p);
	buf_init(&out, 100000);
	ASSERT_OK(record_show(&r, FORMAT_PLAIN, &out, &err), &err);
	CU_ASSERT_EQUAL(out.len, 1000);
	CU_ASSERT_TRUE(span_ends(buf_span(&out), SPAN_LIT("sss...")));
	out.len = 0;
	strcpy(name, "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac");
	ASSERT_OK(record_show(&r, FORMAT_PLAIN, &out, &err), &err);
	CU_ASSERT_TRUE(out.len <= 1000);
	out.len = 0;
	ASSERT_OK(record_show(&r, FORMAT_JSON, &out, &err), &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(buf_cstr(&out));
	json_decref(json_loads(buf_cstr(&out), 0, NULL));
	buf_clear(&out);
}

/* JSON is not cut, since it would be none any more: whatever the message holds, it has room in a line of the log. */
static void test_longest_json(void)
{
	static char bytes[5000];
	static struct plan_signature many[DKIM_JOBS_MAX];
	char name[DOMAIN_SIZE];
	struct conf_domain domain = {.name = name, .sign_domain = name};
	struct selector selector = {.name = name, .alg = DKIM_ED25519_SHA256};
	struct plan p = good_plan();
	struct err err = ERR_INIT;
	struct record r;
	struct buf out;
	json_t *json;

	memset(bytes, 0xff, sizeof(bytes) - 1);
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	for (size_t i = 0; i < COUNT_OF(many); i++)
		many[i] = (struct plan_signature){.domain = &domain, .selector = &selector};
	p.signatures = many;
	p.n_signatures = COUNT_OF(many);
	p.domain = &domain;
	p.from.author.local = p.from.author.domain = span_str(bytes);
	p.warning = bytes;
	memcpy(p.trust.why, bytes, sizeof(p.trust.why) - 1);
	for (int failed = 0; failed < 2; failed++) {
		if (failed)
			plan_refuse(&p, REASON_ERROR, "%s", bytes);
		r = good_record(&p);
		r.verdict = failed ? VERDICT_TEMPFAIL : VERDICT_ACCEPT;
		r.error = failed ? bytes : NULL;
		r.queue_id = r.mail_from = span_str(bytes);
		buf_init(&out, 100000);
		ASSERT_OK(record_show(&r, FORMAT_JSON, &out, &err), &err);
		CU_ASSERT_TRUE(out.len > 8192);
		CU_ASSERT_TRUE(out.len <= RECORD_LINE_MAX);
		json = json_loads(buf_cstr(&out), 0, NULL);
		CU_ASSERT_PTR_NOT_NULL(json);
		json_decref(json);
		printf("    %zu bytes\n", out.len);
		buf_clear(&out);
	}
}

static void check_list(const json_t *json, const char *key, const char *more_key, size_t count,
		       size_t room)
{
	size_t more = (size_t)json_integer_value(json_object_get(json, more_key));

	CU_ASSERT_EQUAL(json_array_size(json_object_get(json, key)) + more, count);
	CU_ASSERT_EQUAL(more == 0, count <= room);
}

/* A message to thousands: some are named, the rest is counted, and the line is JSON. */
static void test_many_deliveries(void)
{
	static char bytes[5000];
	static const size_t counts[] = {1, 2, 10000};
	struct route_content content = {.tag = "t"};
	struct route_delivery *all = calloc(10000, sizeof(*all));
	struct rule rule = {.name = bytes};
	struct route_recipient nobody = {.given = span_of(bytes, sizeof(bytes) - 1)};
	size_t *first = calloc(10000, sizeof(*first));
	struct route route = {.outcome = ROUTE_EDIT,
			      .contents = {.items = &content, .len = 1, .elem = sizeof(content)},
			      .deliveries = {.items = all, .elem = sizeof(*all)},
			      .dropped = {.items = first, .elem = sizeof(*first)},
			      .recipients = &nobody};
	struct plan p = good_plan();
	struct record r = good_record(&p);
	struct err err = ERR_INIT;
	struct buf out;

	CU_ASSERT_PTR_NOT_NULL_FATAL(all);
	CU_ASSERT_PTR_NOT_NULL_FATAL(first);
	memset(bytes, 0xff, sizeof(bytes) - 1);
	for (size_t i = 0; i < 10000; i++)
		all[i] = (struct route_delivery){bytes, .mailbox = bytes, .rule = &rule};
	r.route = &route;
	for (size_t i = 0; i < COUNT_OF(counts); i++) {
		json_t *json;

		route.deliveries.len = route.dropped.len = counts[i];
		buf_init(&out, 100000);
		ASSERT_OK(record_show(&r, FORMAT_JSON, &out, &err), &err);
		/* The rest of the longest line has room beside it. */
		CU_ASSERT_TRUE(out.len <= 13000);
		json = json_loads(buf_cstr(&out), 0, NULL);
		check_list(json, "deliveries", "deliveries_more", counts[i], 1);
		check_list(json, "dropped", "dropped_more", counts[i], 3);
		json_decref(json);
		buf_clear(&out);
	}
	free(all);
	free(first);
}

static void test_no_room(void)
{
	struct plan p = good_plan();
	struct record r = good_record(&p);
	struct err err = ERR_INIT;

	for (size_t max = 3; max < 100; max++)
		for (int format = FORMAT_PLAIN; format <= FORMAT_JSON; format++) {
			struct buf out;

			buf_init(&out, max);
			ASSERT_OK(buf_adds(&out, "abc", &err), &err);
			CU_ASSERT_EQUAL(record_show(&r, (enum conf_log_format)format, &out, &err),
					RC_LIMIT);
			ASSERT_SPAN(buf_span(&out), SPAN_LIT("abc"));
			buf_clear(&out);
		}
}

static void test_json(void)
{
	struct plan p = good_plan(), nothing = {0};
	struct record r = good_record(&p);

	r.risks = RISK_8BIT | RISK_NUL;
	p.warning = "w";
	ROW("signed");
	expect(&r, FORMAT_JSON,
	       "{\"queue_id\":\"4F1\",\"time\":1750000000,\"result\":\"signed\",\"signatures\":"
	       "[{\"domain\":\"example.com\",\"selector\":\"rsa-1\",\"algorithm\":\"rsa-sha256\"},"
	       "{\"domain\":\"example.com\",\"selector\":\"ed-1\",\"algorithm\":\"ed25519-sha256\"}"
	       "],\"from\":\"joe@example.com\",\"domain\":\"example.com\",\"sender\":"
	       "\"joe@example.com\",\"trust\":{\"trusted\":true,\"source\":\"authenticated\","
	       "\"why\":\"authenticated\"},\"body_bytes\":1234,\"risks\":[\"8bit\",\"nul\"],"
	       "\"warning\":\"w\"}");
	ROW("not signed, hostile bytes");
	p = good_plan();
	plan_refuse(&p, REASON_NO_SELECTOR, "example.com: \"none\"");
	r.risks = 0;
	r.n_signed = 0;
	r.body_bytes = 0;
	r.mail_from = SPAN_LIT("<\"\xff\n>");
	expect(&r, FORMAT_JSON,
	       "{\"queue_id\":\"4F1\",\"time\":1750000000,\"result\":\"not signed\",\"reason\":"
	       "\"no active selector\",\"detail\":\"example.com: \\\"none\\\"\",\"from\":"
	       "\"joe@example.com\",\"domain\":\"example.com\",\"sender\":\"\\\"\\\\xff\\\\x0a\","
	       "\"trust\":{\"trusted\":true,\"source\":\"authenticated\",\"why\":"
	       "\"authenticated\"},\"body_bytes\":0}");
	ROW("failed before anything was known");
	plan_refuse(&nothing, REASON_ERROR, "e");
	r = (struct record){.verdict = VERDICT_TEMPFAIL, .plan = &nothing, .error = "e"};
	expect(&r, FORMAT_JSON,
	       "{\"queue_id\":\"NOQUEUE\",\"time\":0,\"result\":\"temporary failure\",\"reason\":"
	       "\"error\",\"detail\":\"e\",\"error\":\"e\",\"sender\":\"\",\"body_bytes\":0}");
}

int main(void)
{
	static const struct test tests[] = {
		{"signed", test_signed},
		{"not signed", test_not_signed},
		{"no word twice", test_no_word_twice},
		{"temporary failure", test_temporary_failure},
		{"hostile bytes", test_hostile_bytes},
		{"the longest JSON", test_longest_json},
		{"many deliveries", test_many_deliveries},
		{"long lines are cut", test_long_lines_are_cut},
		{"no room", test_no_room},
		{"JSON", test_json},
	};

	return test_main("core-record", tests, COUNT_OF(tests));
}
