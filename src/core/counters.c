#include "core/counters.h"

#include "core/record.h"

void counters_add(struct counters *c, enum counter which, uint64_t n)
{
	atomic_fetch_add_explicit(&c->at[which], n, memory_order_relaxed);
}

uint64_t counters_get(const struct counters *c, enum counter which)
{
	return atomic_load_explicit(&c->at[which], memory_order_relaxed);
}

const char *counter_name(enum counter which)
{
	static const char *const names[COUNTERS] = {
		[COUNT_CONNECTIONS] = "connections",
		[COUNT_MESSAGES] = "messages",
		[COUNT_SIGNED] = "signed",
		[COUNT_SIGNATURES] = "signatures",
		[COUNT_UNSIGNED_NOT_TRUSTED] = "unsigned_not_trusted",
		[COUNT_UNSIGNED_FROM] = "unsigned_from",
		[COUNT_UNSIGNED_NO_DOMAIN] = "unsigned_no_domain",
		[COUNT_UNSIGNED_DISABLED] = "unsigned_disabled",
		[COUNT_UNSIGNED_LOCAL] = "unsigned_local",
		[COUNT_UNSIGNED_SENDER_MISMATCH] = "unsigned_sender_mismatch",
		[COUNT_UNSIGNED_NO_SELECTOR] = "unsigned_no_selector",
		[COUNT_UNSIGNED_EXISTING] = "unsigned_existing",
		[COUNT_UNSIGNED_TOO_LARGE] = "unsigned_too_large",
		[COUNT_UNSIGNED_ERROR] = "unsigned_error",
		[COUNT_UNSIGNED_OBSERVED] = "unsigned_observed",
		[COUNT_TEMPFAILED] = "tempfailed",
		[COUNT_REJECTED] = "rejected",
		[COUNT_DISCARDED] = "discarded",
		[COUNT_SEALED] = "sealed",
		[COUNT_ENCRYPTED_ALREADY] = "encrypted_already",
		[COUNT_STORED_CLEAR] = "stored_clear",
		[COUNT_RECIPIENTS_REFUSED] = "recipients_refused",
		[COUNT_ABORTED] = "aborted",
		[COUNT_RISKY] = "risky",
		[COUNT_RELOADS] = "reloads",
		[COUNT_RELOADS_FAILED] = "reloads_failed",
	};

	return names[which];
}

static enum counter outcome(const struct record *r)
{
	static const enum counter by_reason[REASONS] = {
		[REASON_NONE] = COUNT_SIGNED,
		[REASON_NOT_TRUSTED] = COUNT_UNSIGNED_NOT_TRUSTED,
		[REASON_FROM] = COUNT_UNSIGNED_FROM,
		[REASON_NO_DOMAIN] = COUNT_UNSIGNED_NO_DOMAIN,
		[REASON_DISABLED] = COUNT_UNSIGNED_DISABLED,
		[REASON_LOCAL] = COUNT_UNSIGNED_LOCAL,
		[REASON_SENDER_MISMATCH] = COUNT_UNSIGNED_SENDER_MISMATCH,
		[REASON_NO_SELECTOR] = COUNT_UNSIGNED_NO_SELECTOR,
		[REASON_EXISTING] = COUNT_UNSIGNED_EXISTING,
		[REASON_TOO_LARGE] = COUNT_UNSIGNED_TOO_LARGE,
		[REASON_ERROR] = COUNT_UNSIGNED_ERROR,
	};

	if (r->verdict == VERDICT_TEMPFAIL)
		return COUNT_TEMPFAILED;
	if (r->verdict == VERDICT_REJECT)
		return COUNT_REJECTED;
	if (r->verdict == VERDICT_DISCARD)
		return COUNT_DISCARDED;
	if (r->plan->reason == REASON_NONE && r->n_signed == 0)
		return COUNT_UNSIGNED_OBSERVED;
	return by_reason[r->plan->reason];
}

static void count_content(struct counters *c, const struct record *r)
{
	const struct route_content *content;

	if (r->verdict != VERDICT_ACCEPT || !record_is_routed(r))
		return;
	content = vec_at(&r->route->contents, 0);
	counters_add(c, COUNT_SEALED, content->seal);
	counters_add(c, COUNT_ENCRYPTED_ALREADY, content->was_encrypted);
	counters_add(c, COUNT_STORED_CLEAR, content->plain);
}

void counters_message(struct counters *c, const struct record *r)
{
	counters_add(c, COUNT_MESSAGES, 1);
	counters_add(c, outcome(r), 1);
	counters_add(c, COUNT_SIGNATURES, r->n_signed);
	count_content(c, r);
	if (r->risks != 0)
		counters_add(c, COUNT_RISKY, 1);
}
