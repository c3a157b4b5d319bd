/* Certificates that end: what is said when, and of whom. */
#include "core/expiry.h"

#include "test.h"

#define DAY EXPIRY_DAY

static const int64_t END = 1800000000;

static void test_crossed(void)
{
	static const struct {
		const char *label;
		int64_t last, now; /* before the end; 0: never looked */
		int want;
	} rows[] = {
		{"the first look, far away", 0, 400 * DAY, -1},
		{"the first look, a second before 30 days", 0, 30 * DAY + 1, -1},
		{"the first look at 30 days", 0, 30 * DAY, 30},
		{"the first look says the nearest only", 0, 10 * DAY, 14},
		{"an hour later nothing new", 10 * DAY, 10 * DAY - 3600, -1},
		{"the same moment again", 14 * DAY, 14 * DAY, -1},
		{"30", 31 * DAY, 30 * DAY, 30},
		{"14", 14 * DAY + 1, 14 * DAY, 14},
		{"7", 8 * DAY, 7 * DAY - 1, 7},
		{"1", 2 * DAY, DAY, 1},
		{"the last second is a good one", DAY, 1, -1},
		{"several at once after a long pause", 40 * DAY, 3 * DAY, 7},
		{"a clock that was set back", 5 * DAY, 29 * DAY, -1},
		{"and goes on to where it was", 5 * DAY, 5 * DAY, -1},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		int64_t last = rows[i].last != 0 ? END - rows[i].last : EXPIRY_NEVER;

		ROW(rows[i].label);
		CU_ASSERT_EQUAL(expiry_crossed(END, last, END - rows[i].now), rows[i].want);
	}
	ROW("the end");
	CU_ASSERT_EQUAL(expiry_crossed(END, END - DAY, END), -1);
	CU_ASSERT_EQUAL(expiry_crossed(END, END, END + 1), 0);
	CU_ASSERT_EQUAL(expiry_crossed(END, END + 1, END + 2), -1);
	CU_ASSERT_EQUAL(expiry_crossed(END, EXPIRY_NEVER, END + 1000 * (int64_t)DAY), 0);
	ROW("");
}

/* However the looks fall, each threshold is said at most once, in order, and the end always. */
static void test_once_each(void)
{
	for (int round = 0; round < 200; round++) {
		int64_t last = EXPIRY_NEVER, now = END - 40 * DAY;
		int said = 100;

		while (now < END + 10 * DAY) {
			int got = expiry_crossed(END, last, now);

			CU_ASSERT_TRUE(got == -1 || got < said);
			if (got != -1)
				said = got;
			last = now;
			now += 1 + (int64_t)test_random(10 * DAY);
		}
		CU_ASSERT_EQUAL(expiry_crossed(END, last, now), said == 0 ? -1 : 0);
	}
}

#define FROM_TO(from, to)                                                                          \
	{                                                                                          \
		.not_before = (from)*DAY, .not_after = (to)*DAY                                    \
	}

/* The clock stands at day 100. */
static const struct {
	const char *label;
	struct user_cert run[3];
	size_t n;
	bool matters[3];
	enum expiry_state state;
} accounts[] = {
	{"one, for long", {FROM_TO(0, 400)}, 1, {true}, EXPIRY_GOOD},
	{"one, 30 days", {FROM_TO(0, 130)}, 1, {true}, EXPIRY_ENDS_SOON},
	{"one, 31 days", {FROM_TO(0, 131)}, 1, {true}, EXPIRY_GOOD},
	{"one, over", {FROM_TO(0, 99)}, 1, {true}, EXPIRY_ENDED},
	{"one, its last second", {FROM_TO(0, 100)}, 1, {true}, EXPIRY_ENDS_SOON},
	{"one to come", {FROM_TO(101, 400)}, 1, {true}, EXPIRY_TO_COME},
	{"renewed", {FROM_TO(90, 400), FROM_TO(0, 105)}, 2, {true, false}, EXPIRY_GOOD},
	{"the old one is over", {FROM_TO(90, 400), FROM_TO(0, 95)}, 2, {true, false}, EXPIRY_GOOD},
	{"the next begins in time",
	 {FROM_TO(104, 400), FROM_TO(0, 105)},
	 2,
	 {true, false},
	 EXPIRY_GOOD},
	{"the next begins too late",
	 {FROM_TO(106, 400), FROM_TO(0, 105)},
	 2,
	 {true, true},
	 EXPIRY_ENDS_SOON},
	{"over, and the next to come",
	 {FROM_TO(106, 400), FROM_TO(0, 95)},
	 2,
	 {true, true},
	 EXPIRY_ENDED},
	{"two that end together",
	 {FROM_TO(0, 110), FROM_TO(50, 110)},
	 2,
	 {true, false},
	 EXPIRY_ENDS_SOON},
	{"a newer one that ends earlier",
	 {FROM_TO(90, 105), FROM_TO(0, 400)},
	 2,
	 {false, true},
	 EXPIRY_GOOD},
	{"three in a row",
	 {FROM_TO(118, 140), FROM_TO(108, 120), FROM_TO(0, 110)},
	 3,
	 {true, false, false},
	 EXPIRY_GOOD},
	{"three in a row, all soon",
	 {FROM_TO(118, 129), FROM_TO(108, 120), FROM_TO(0, 110)},
	 3,
	 {true, false, false},
	 EXPIRY_ENDS_SOON},
};

static void test_accounts(void)
{
	for (size_t i = 0; i < COUNT_OF(accounts); i++) {
		ROW(accounts[i].label);
		CU_ASSERT_EQUAL(expiry_of_account(accounts[i].run, accounts[i].n, 100 * DAY),
				accounts[i].state);
		for (size_t k = 0; k < accounts[i].n; k++)
			CU_ASSERT_EQUAL(expiry_matters(accounts[i].run, accounts[i].n, k),
					accounts[i].matters[k]);
	}
	ROW("");
}

static void test_count(void)
{
	struct user_cert all[] = {
		{.account = "a@x", .not_before = 0, .not_after = 400 * DAY},
		{.account = "b@x", .not_before = 0, .not_after = 95 * DAY},
		{.account = "B@x", .not_before = 0, .not_after = 90 * DAY},
		{.account = "c@x", .not_before = 0, .not_after = 110 * DAY},
		{.account = "d@x", .not_before = 101 * DAY, .not_after = 400 * DAY},
	};
	struct user_cert_list l = {.at = all, .n = COUNT_OF(all)};
	struct user_cert_list none = {.n = 0};
	struct expiry_counts c = expiry_count(&l, 100 * DAY);

	CU_ASSERT_EQUAL(c.accounts, 4);
	CU_ASSERT_EQUAL(c.soon, 1);
	CU_ASSERT_EQUAL(c.ended, 1);
	CU_ASSERT_EQUAL(c.to_come, 1);
	CU_ASSERT_EQUAL(expiry_count(&none, 0).accounts, 0);
}

static void test_days(void)
{
	CU_ASSERT_EQUAL(expiry_days(END, END + 1), 0);
	CU_ASSERT_EQUAL(expiry_days(END, END), 1);
	CU_ASSERT_EQUAL(expiry_days(END, END - DAY + 1), 1);
	CU_ASSERT_EQUAL(expiry_days(END, END - DAY), 1);
	CU_ASSERT_EQUAL(expiry_days(END, END - DAY - 1), 2);
	CU_ASSERT_EQUAL(expiry_days(END, END - 30 * DAY), 30);
}

int main(void)
{
	static const struct test tests[] = {
		{"thresholds that are crossed", test_crossed},
		{"each at most once", test_once_each},
		{"accounts", test_accounts},
		{"the count", test_count},
		{"days", test_days},
	};

	return test_main("expiry", tests, COUNT_OF(tests));
}
