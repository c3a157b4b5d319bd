/* Header fields with From: and Sender: among them: whose message is it? */
#include <string.h>

#include "fuzz.h"
#include "mail/from.h"

enum { HEADER_MAX = 1 << 20, ARENA_MAX = 32 << 20 };

/* What it promises of a domain: A-labels, lower case, a legal name. */
static void check_domain(const char *domain)
{
	char again[DOMAIN_SIZE];

	PROMISE(domain[0] != '\0' && strlen(domain) < DOMAIN_SIZE);
	for (const char *p = domain; *p != '\0'; p++)
		PROMISE((*p >= 'a' && *p <= 'z') || is_ascii_digit(*p) || strchr("-_.", *p));
	PROMISE(domain_to_ascii(span_str(domain), again, NULL) == RC_OK);
	PROMISE(strcmp(domain, again) == 0);
}

/* The author's domain, as it was written, is the domain. */
static void check_good(const struct from *from)
{
	char own[DOMAIN_SIZE];

	check_domain(from->domain);
	PROMISE(domain_to_ascii(from->author.domain, own, NULL) == RC_OK);
	PROMISE(strcmp(own, from->domain) == 0);
}

/* Of several domains the one that Sender: names was taken; else all are the same one. */
static void check_list(const struct from *from)
{
	bool found = from->list.n == 0, all = true;

	for (size_t i = 0; i < from->list.n; i++) {
		char own[DOMAIN_SIZE];

		PROMISE(domain_to_ascii(from->list.at[i].domain, own, NULL) == RC_OK);
		if (strcmp(own, from->domain) == 0)
			found = true;
		else
			all = false;
	}
	PROMISE(found && all == !from->by_sender);
}

/* A domain whose bytes are not to be found in the header, as such or as a U-label, came from nowhere.
 * Only ASCII headers can be searched so. */
static void check_named(const struct from *from, struct span value)
{
	struct span domain = span_str(from->domain);

	for (size_t i = 0; i < value.len; i++)
		if ((unsigned char)value.p[i] >= 0x80 || is_wsp(value.p[i]) || value.p[i] == '(')
			return;
	PROMISE(span_search(value, domain, 0, true) < value.len);
}

static void check(const struct fields *fields, const struct from *from)
{
	size_t n = fields_count_of(fields, "From");

	PROMISE((from->status == FROM_MISSING) == (n == 0));
	PROMISE((from->status == FROM_REPEATED) == (n > 1));
	PROMISE(strcmp(from_status_text(from->status), "unknown") != 0);
	if (from->status != FROM_GOOD) {
		PROMISE(from->domain[0] == '\0' && from->author.domain.len == 0);
		PROMISE(!from->by_sender);
		return;
	}
	check_good(from);
	check_list(from);
	check_named(from, fields_find(fields, "From", 0, NULL)->value);
}

static void read_from(const struct fields *fields, struct arena *arena)
{
	struct from from;

	PROMISE(from_read(fields, arena, &from, NULL) == RC_OK);
	check(fields, &from);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span raw = span_of(data, size), body;
	struct arena *arena = arena_new(ARENA_MAX);
	struct fields f;
	bool crlf;

	PROMISE(arena != NULL);
	/* The input as the value of From:, line ends and all. */
	fields_init(&f, arena, HEADER_MAX);
	if (fields_add(&f, SPAN_LIT("From"), raw, NULL) == RC_OK)
		read_from(&f, arena);
	fields_clear(&f);
	/* The input as a message. */
	arena_reset(arena);
	fields_init(&f, arena, HEADER_MAX);
	if (fields_read(&f, raw, &body, &crlf, NULL) == RC_OK)
		read_from(&f, arena);
	fields_clear(&f);
	arena_free(arena);
	return 0;
}
