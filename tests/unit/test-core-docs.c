/* mailseald(8) against the words of the program: every reason, detail, risk, counter and source that a log line or
 * the status can have is on the page, as an item of its own or in a list of words, and no other reason or counter. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "core/counters.h"
#include "core/plan.h"
#include "core/record.h"
#include "core/trust.h"
#include "mail/from.h"
#include "test.h"

static struct buf page;

static void test_page_is_there(void)
{
	const char *srcdir = getenv("srcdir");
	struct err e = ERR_INIT;
	char path[4096];

	snprintf(path, sizeof(path), "%s/doc/mailseald.8", srcdir != NULL ? srcdir : ".");
	buf_init(&page, 1 << 20);
	if (!ASSERT_OK(file_read(path, &page, &e), &e))
		exit(1);
}

static struct span section(const char *heading)
{
	struct span text = buf_span(&page);
	size_t at = span_search(text, span_str(heading), 0, false), end;

	CU_ASSERT_FATAL(at < text.len);
	text = span_from(text, at + strlen(heading));
	end = span_search(text, SPAN_LIT("\n.Ss "), 0, false);
	text = span_sub(text, 0, end);
	return span_sub(text, 0, span_search(text, SPAN_LIT("\n.Sh "), 0, false));
}

/* "\n.It Li WORD\n"; more words than one stand in quotes. */
static void assert_line(struct span text, const char *macro, const char *word)
{
	const char *quote = strchr(word, ' ') != NULL ? "\"" : "";
	char line[200];

	snprintf(line, sizeof(line), "\n%s %s%s%s\n", macro, quote, word, quote);
	ROW(word);
	CU_ASSERT(span_search(text, span_str(line), 0, false) < text.len);
	if (span_search(text, span_str(line), 0, false) == text.len)
		fprintf(stderr, "mailseald(8) does not have the line %s", line + 1);
	ROW("");
}

static size_t count_lines(struct span text, const char *begin)
{
	struct span line;
	size_t n = 0;

	while (text.len > 0 && span_split(&text, '\n', &line))
		n += span_starts(line, span_str(begin));
	return n;
}

static void test_reasons(void)
{
	struct span text = section("\n.Ss Reasons");

	for (int r = REASON_NONE + 1; r < REASONS; r++)
		assert_line(text, ".It Li", plan_reason_name((enum plan_reason)r));
	CU_ASSERT_EQUAL(count_lines(text, ".It Li "), REASONS - 1);
}

static void test_what_is_wrong_with_from(void)
{
	struct span text = section("\n.Ss Reasons");

	for (int s = FROM_GOOD + 1; s <= FROM_SEVERAL; s++)
		assert_line(text, ".Li", from_status_text((enum from_status)s));
	CU_ASSERT_EQUAL(count_lines(text, ".Li "), FROM_SEVERAL);
}

static void test_risks(void)
{
	struct span text = section("\n.Sh THE LOG");

	for (unsigned risk = 1; risk <= RISK_LAST; risk <<= 1)
		assert_line(text, ".It Li", record_risk_name((enum risk)risk));
}

static void test_counters(void)
{
	struct span text = section("\n.Ss The control socket");

	for (int c = 0; c < COUNTERS; c++)
		assert_line(text, ".It Va", counter_name((enum counter)c));
	CU_ASSERT_EQUAL(count_lines(text, ".It Va "), COUNTERS);
}

static void test_sources(void)
{
	struct span text = section("\n.Ss Other formats");
	char word[100];

	for (int s = SOURCE_RELAYED; s <= SOURCE_LOCAL; s++) {
		snprintf(word, sizeof(word), "\n.Ql %s", trust_source_name((enum trust_source)s));
		ROW(word);
		CU_ASSERT(span_search(text, span_str(word), 0, false) < text.len);
	}
	ROW("");
}

int main(void)
{
	static const struct test tests[] = {
		{"the page is there", test_page_is_there},
		{"every reason, and no other", test_reasons},
		{"every fault of From:, and no other", test_what_is_wrong_with_from},
		{"every risk", test_risks},
		{"every counter, and no other", test_counters},
		{"every source of trust", test_sources},
	};
	int status = test_main("core-docs", tests, COUNT_OF(tests));

	buf_clear(&page);
	return status;
}
