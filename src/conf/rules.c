#include "conf/rules.h"

#include <string.h>

static const char *const conditions[] = {
	[COND_FROM] = "From",
	[COND_SENDER] = "Sender",
	[COND_RETURN_PATH] = "Return-Path",
	[COND_TO] = "To",
	[COND_CC] = "Cc",
	[COND_REPLY_TO] = "Reply-To",
	[COND_ANY_TO_OR_CC] = "Any To or Cc",
	[COND_EACH_TO_OR_CC] = "Each To or Cc",
	[COND_FROM_NAME] = "From Name",
	[COND_SUBJECT] = "Subject",
	[COND_MESSAGE_ID] = "Message-ID",
	[COND_SIZE] = "Message Size",
	[COND_HEADER_FIELD] = "Header Field",
	[COND_ANY_RECIPIENT] = "Any Recipient",
	[COND_EACH_RECIPIENT] = "Each Recipient",
	[COND_HUMAN] = "Human Generated",
	[COND_SECURITY] = "Security",
	[COND_SOURCE] = "Source",
	[COND_SUBMIT_ADDRESS] = "Submit Address",
	[COND_TIME_OF_DAY] = "Time Of Day",
	[COND_DATE] = "Current Date",
	[COND_DAY] = "Current Day",
};
_Static_assert(COUNT_OF(conditions) == CONDITIONS, "a name for each condition");

static const char *const operators[] = {
	[OP_NONE] = "",
	[OP_IS] = "is",
	[OP_IS_NOT] = "is not",
	[OP_IN] = "in",
	[OP_NOT_IN] = "not in",
	[OP_LESS] = "less than",
	[OP_GREATER] = "greater than",
};

static const char *const actions[] = {
	[ACTION_STORE_ENCRYPTED] = "Store Encrypted in",
	[ACTION_STORE] = "Store in",
	[ACTION_DISCARD] = "Discard",
	[ACTION_STOP] = "Stop Processing",
	[ACTION_REJECT] = "Reject with",
	[ACTION_ADD_HEADER] = "Add Header",
	[ACTION_TAG_SUBJECT] = "Tag Subject",
	[ACTION_REDIRECT] = "Redirect To",
	[ACTION_MIRROR] = "Mirror To",
	[ACTION_QUARANTINE] = "Quarantine",
};
_Static_assert(COUNT_OF(actions) == ACTIONS, "a name for each action");

const char *condition_name(enum condition_kind k)
{
	return conditions[k];
}

const char *condition_op_name(enum condition_op op)
{
	return operators[op];
}

const char *action_name(enum action_kind k)
{
	return actions[k];
}

const char *rule_level_name(enum rule_level l)
{
	static const char *const names[] = {"server", "domain", "account"};

	return names[l];
}

/* Where in the order of struct rules does R stand to LEVEL and OWNER? */
static int compare_owner(const struct rule *r, enum rule_level level, const char *owner)
{
	if (r->level != level)
		return r->level < level ? -1 : 1;
	return strcmp(r->owner, owner);
}

static size_t first_of_owner(const struct rules *r, enum rule_level level, const char *owner)
{
	size_t low = 0, high = r->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_owner(&r->at[middle], level, owner) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct rule *rules_of(const struct rules *r, enum rule_level level, const char *owner,
			    size_t *ret_n)
{
	size_t first = first_of_owner(r, level, owner), end = first;

	while (end < r->n && compare_owner(&r->at[end], level, owner) == 0 &&
	       r->at[end].priority != RULE_INACTIVE)
		end++;
	*ret_n = end - first;
	return end > first ? &r->at[first] : NULL;
}
