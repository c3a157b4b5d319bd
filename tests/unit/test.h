/* tests/unit/test.h - what every unit test program needs around CUnit.
 *
 *	static void test_thing(void) { CU_ASSERT_EQUAL(thing(), 1); }
 *	int main(void)
 *	{
 *		static const struct test tests[] = {{"thing gives one", test_thing}};
 *		return test_main("thing", tests, COUNT_OF(tests));
 *	}
 *
 * Tables have labelled rows; ROW(label) names the row of the asserts that follow when one of them fails.
 */
#ifndef UNIT_TEST_H
#define UNIT_TEST_H

#include <CUnit/CUnit.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

struct test {
	const char *name;
	void (*run)(void);
};

/* Runs all, prints failures with their row and one line "NAME: N asserts, N failed". 0 when all passed and at least
 * one assert was made, else 1. */
int test_main(const char *name, const struct test *tests, size_t n);

/* The label of the table row that is being checked; "" outside tables. */
void test_row(const char *label);
#define ROW(label) test_row(label)

/* Assert that RC is RC_OK; prints the text of E otherwise. */
#define ASSERT_OK(call, e) test_assert_ok((call), (e), #call, __FILE__, __LINE__)
bool test_assert_ok(enum rc rc, const struct err *err, const char *what, const char *file,
		    int line);
/* Assert that CALL gives RC and that the text of E contains WORDS ("" = any text, but not empty). */
#define ASSERT_FAILS(call, rc, e, words)                                                           \
	test_assert_fails((call), (rc), (e), (words), #call, __FILE__, __LINE__)
bool test_assert_fails(enum rc got, enum rc want, const struct err *err, const char *words,
		       const char *what, const char *file, int line);
/* Assert that two byte strings are equal; prints both, escaped, otherwise. */
#define ASSERT_SPAN(got, want) test_assert_span((got), (want), __FILE__, __LINE__)
bool test_assert_span(struct span got, struct span want, const char *file, int line);
#define ASSERT_STR(got, want) test_assert_span(span_str(got), span_str(want), __FILE__, __LINE__)

/* Assert that no word (letters) of TEXT is followed by the same word again: "From (From: ...)". */
#define ASSERT_NO_ECHO(text) test_assert_no_echo((text), __FILE__, __LINE__)
bool test_assert_no_echo(struct span text, const char *file, int line);

/* A private directory for this program's files, removed at the end; made on first use. */
const char *test_dir(void);
/* "DIR/NAME"; good until the next 8 calls. */
const char *test_path(const char *name);

/* Small deterministic random numbers (fixed seed a program). */
unsigned test_random(unsigned below);

#endif
