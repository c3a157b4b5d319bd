/* Memory runs out at each allocation in turn: a message is signed wholly, or deferred. The program is linked so that
 * the allocations of our own code come by here. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/session.h"
#include "fixture.h"
#include "test.h"

static long countdown = -1; /* allocations until one fails; -1: none does */
static bool has_failed;

static bool fails(void)
{
	if (countdown < 0 || countdown-- > 0)
		return false;
	has_failed = true;
	return true;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__real_reallocarray(void *p, size_t n, size_t size);
char *__real_strdup(const char *s);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_reallocarray(void *p, size_t n, size_t size);
char *__wrap_strdup(const char *s);

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
	return fails() ? NULL : __real_realloc(p, size);
}

void *__wrap_reallocarray(void *p, size_t n, size_t size)
{
	return fails() ? NULL : __real_reallocarray(p, n, size);
}

char *__wrap_strdup(const char *s)
{
	return fails() ? NULL : __real_strdup(s);
}

struct field_text {
	const char *name, *value;
};

/* One message; the record's verdict. No memory for the session at all counts as deferred. */
struct outcome {
	enum verdict verdict;
	size_t n_signed, n_edits;
	bool line_shown;
};

static enum rc send_message(struct session *s, const struct field_text *fields, size_t n,
			    const struct edits **ret_edits, struct err *err)
{
	static const uint8_t loopback[] = {127, 0, 0, 1};
	enum session_next next;
	enum rc rc = session_macro(s, MACRO_MTA_NAME, SPAN_LIT("mx.example.com"), err);

	if (rc == RC_OK)
		rc = session_connect(s, SPAN_LIT("localhost"), CLIENT_INET, loopback, 9, err);
	if (rc == RC_OK)
		rc = session_mail(s, SPAN_LIT("<joe@example.com>"), NULL, 0, err);
	for (size_t i = 0; i < n && rc == RC_OK; i++)
		rc = session_header(s, span_str(fields[i].name), span_str(fields[i].value), err);
	if (rc == RC_OK)
		rc = session_end_of_headers(s, &next, err);
	if (rc == RC_OK)
		rc = session_body(s, SPAN_LIT("body\r\n"), err);
	if (rc == RC_OK)
		rc = session_end_of_message(s, &next, ret_edits, err);
	return rc;
}

static bool show_line(const struct record *r)
{
	struct buf line;
	bool shown;

	buf_init(&line, 10000);
	shown = record_show(r, FORMAT_JSON, &line, NULL) == RC_OK &&
		record_show(r, FORMAT_PLAIN, &line, NULL) == RC_OK;
	buf_clear(&line);
	return shown;
}

static struct outcome run(const struct session_env *env, const struct field_text *fields, size_t n)
{
	struct outcome o = {.verdict = VERDICT_TEMPFAIL, .line_shown = true};
	const struct edits *edits = NULL;
	const struct record *record;
	struct session *s = NULL;
	struct err err = ERR_INIT;

	if (session_new(env, &s, &err) != RC_OK)
		return o;
	if (send_message(s, fields, n, &edits, &err) != RC_OK)
		session_fail(s, &err);
	else
		o.n_edits = edits->v.len;
	record = session_finish(s);
	if (record != NULL) {
		o.verdict = record->verdict;
		o.n_signed = record->n_signed;
		o.line_shown = show_line(record);
	}
	session_free(s);
	return o;
}

static const char conf_text[] = "domains = ( { name = \"example.com\"; sign = { on_error = "
				"\"unsigned\"; also = [\"example.net\"]; }; },\n"
				" { name = \"example.net\"; sign = { canonicalization = "
				"\"simple/simple\"; diagnostics = true; }; } );\n";
static const char selectors_text[] =
	"example.com r1 rsa-sha256 active 1700000000 1700000000 rsa\n"
	"example.com x1 ed25519-sha256 active 1700000000 1700000000 ed25519\n"
	"example.net x1 ed25519-sha256 active 1700000000 1700000000 ed25519\n";

static void fail_each_allocation(struct fixture *f, const char *state_dir,
				 const struct field_text *fields, size_t n)
{
	struct session_env env = f->env;
	long at = 0;

	do {
		struct err err = ERR_INIT;
		struct outcome o;

		/* Its own cache: a key that could not be read is remembered for a while. */
		ASSERT_OK(keycache_new(state_dir, 10, &env.keys, &err), &err);
		has_failed = false;
		countdown = at++;
		o = run(&env, fields, n);
		countdown = -1;
		CU_ASSERT_TRUE(o.verdict == VERDICT_ACCEPT ? o.n_signed == 3 && o.n_edits == 3
							   : o.n_signed == 0 && o.n_edits == 0);
		CU_ASSERT_TRUE(has_failed || (o.verdict == VERDICT_ACCEPT && o.line_shown));
		keycache_free(env.keys);
	} while (has_failed && at < 5000);
	CU_ASSERT_FALSE(has_failed);
	CU_ASSERT_TRUE(at > 30);
}

static void test_every_allocation(void)
{
	static const struct field_text fields[] = {
		{"DKIM-Signature",
		 " v=1; a=rsa-sha256; d=example.com; s=r1; h=from; bh=eA==; b=eA=="},
		{"Received", " from a (a [10.0.0.1]) by mx.example.net with ESMTP id 1"},
		{"From", " \"Joe\" <joe@example.com>"},
		{"Subject", " one\n two"},
	};
	char state_dir[600];
	struct fixture fixture;
	struct err err = ERR_INIT;

	ASSERT_OK(fixture_open(&fixture, test_dir(), span_str(conf_text), span_str(selectors_text),
			       &err),
		  &err);
	snprintf(state_dir, sizeof(state_dir), "%s/state", test_dir());
	ROW("a signature is there already");
	fail_each_allocation(&fixture, state_dir, fields, COUNT_OF(fields));
	ROW("none is there");
	fail_each_allocation(&fixture, state_dir, fields + 1, COUNT_OF(fields) - 1);
	fixture_close(&fixture);
}

int main(void)
{
	static const struct test tests[] = {{"every allocation fails once", test_every_allocation}};

	return test_main("core-torture", tests, COUNT_OF(tests));
}
