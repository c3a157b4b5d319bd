#include "core/expiry.h"

/* Days before the end, the last of them the end itself. */
static const int thresholds[] = {30, 14, 7, 1, 0};

/* How many of the thresholds are passed at WHEN. */
static size_t passed(int64_t not_after, int64_t when)
{
	size_t n = 0;

	/* WHEN may be INT64_MIN: nothing is subtracted from it. A certificate is good in its last second. */
	while (n < COUNT_OF(thresholds) &&
	       (thresholds[n] > 0 ? when >= not_after - thresholds[n] * (int64_t)EXPIRY_DAY
				  : when > not_after))
		n++;
	return n;
}

int expiry_crossed(int64_t not_after, int64_t last, int64_t now)
{
	size_t before = passed(not_after, last), after = passed(not_after, now);

	return after > before ? thresholds[after - 1] : -1;
}

bool expiry_matters(const struct user_cert *run, size_t n, size_t i)
{
	int64_t end = run[i].not_after;

	for (size_t k = 0; k < n; k++) {
		if (k == i || run[k].not_before > end)
			continue;
		/* Two that end together: the first one speaks for both. */
		if (run[k].not_after > end || (k < i && run[k].not_after == end))
			return false;
	}
	return true;
}

static bool valid_at(const struct user_cert *c, int64_t when)
{
	return c->not_before <= when && when <= c->not_after;
}

/* The end of the time from NOW on in which there is always a valid one; there is one now. */
static int64_t end_of_cover(const struct user_cert *run, size_t n, int64_t now)
{
	int64_t end = now;

	for (size_t rounds = 0; rounds < n; rounds++) {
		int64_t before = end;

		for (size_t i = 0; i < n; i++)
			if (valid_at(&run[i], end) && run[i].not_after > end)
				end = run[i].not_after;
		if (end == before)
			break;
	}
	return end;
}

enum expiry_state expiry_of_account(const struct user_cert *run, size_t n, int64_t now)
{
	bool valid = false, ended = false;

	for (size_t i = 0; i < n; i++) {
		valid = valid || valid_at(&run[i], now);
		ended = ended || run[i].not_after < now;
	}
	if (!valid)
		return ended ? EXPIRY_ENDED : EXPIRY_TO_COME;
	return end_of_cover(run, n, now) - now <= EXPIRY_SOON ? EXPIRY_ENDS_SOON : EXPIRY_GOOD;
}

struct expiry_counts expiry_count(const struct user_cert_list *l, int64_t now)
{
	struct expiry_counts c = {0};
	size_t n;

	for (size_t i = 0; i < l->n; i += n) {
		const struct user_cert *run = user_cert_list_account(l, l->at[i].account, &n);
		enum expiry_state state = expiry_of_account(run, n, now);

		c.accounts++;
		c.soon += state == EXPIRY_ENDS_SOON;
		c.ended += state == EXPIRY_ENDED;
		c.to_come += state == EXPIRY_TO_COME;
	}
	return c;
}

int64_t expiry_days(int64_t not_after, int64_t now)
{
	if (now > not_after)
		return 0;
	return not_after == now ? 1 : (not_after - now + EXPIRY_DAY - 1) / EXPIRY_DAY;
}
