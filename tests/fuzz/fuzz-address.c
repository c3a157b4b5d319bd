/* An address list, and an address of an envelope. */
#include "fuzz.h"
#include "mail/address.h"

enum { ARENA_MAX = 16 << 20, SHOWN_MAX = 1 << 22 };

/* The parts of a mailbox lie in the input or in the arena; what is in the arena is never longer than
 * what it was made from. Touching each byte lets the sanitizers judge the rest. */
static void check_part(struct span part, struct span input, unsigned *sum)
{
	PROMISE(part.len <= input.len);
	for (size_t i = 0; i < part.len; i++)
		*sum += (unsigned char)part.p[i];
	PROMISE(!span_has(part, '\0') && !span_has(part, '\n') && !span_has(part, '\r'));
}

/* What address_show() writes is read back as the same address. */
static void check_shown(const struct mailbox *m, struct arena *arena)
{
	struct mailbox back;
	struct buf shown;

	buf_init(&shown, SHOWN_MAX);
	PROMISE(address_show(m, &shown, NULL) == RC_OK);
	PROMISE(address_envelope_read(buf_span(&shown), arena, &back, NULL) == RC_OK);
	PROMISE(span_eq(back.local, m->local) && span_eq(back.domain, m->domain));
	PROMISE(back.display.len == 0);
	buf_clear(&shown);
}

static void check_mailbox(const struct mailbox *m, struct span input, struct arena *arena)
{
	unsigned sum = 0;

	check_part(m->display, input, &sum);
	check_part(m->local, input, &sum);
	check_part(m->domain, input, &sum);
	for (size_t i = 0; i < m->domain.len && m->domain.p[0] != '['; i++)
		PROMISE(!is_wsp(m->domain.p[i]) && m->domain.p[i] != '@' && m->domain.p[i] != '>');
	check_shown(m, arena);
}

static void check_list(struct span input, struct arena *arena)
{
	struct address_list list;
	struct err err = ERR_INIT;
	enum rc rc = address_list_read(input, arena, &list, &err);

	PROMISE(rc == RC_OK || rc == RC_INPUT || rc == RC_LIMIT);
	PROMISE(rc == RC_OK || err.text[0] != '\0');
	if (rc != RC_OK)
		return;
	PROMISE(list.n <= ADDRESS_MAX && list.n <= input.len);
	for (size_t i = 0; i < list.n; i++) {
		PROMISE(list.at[i].domain.len > 0);
		PROMISE(!list.at[i].in_group || list.has_group);
		check_mailbox(&list.at[i], input, arena);
	}
}

static void check_envelope(struct span input, struct arena *arena)
{
	struct mailbox m;
	enum rc rc = address_envelope_read(input, arena, &m, NULL);

	PROMISE(rc == RC_OK || rc == RC_INPUT);
	if (rc == RC_OK)
		check_mailbox(&m, input, arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new(ARENA_MAX);

	PROMISE(arena != NULL);
	check_list(span_of(data, size), arena);
	check_envelope(span_of(data, size), arena);
	arena_free(arena);
	return 0;
}
