/* A message that is to be sealed: what goes inside, and is it sealed already? */
#include "fuzz.h"
#include "mail/field.h"
#include "smime/detect.h"
#include "smime/entity.h"

enum { HEADER_MAX = 1 << 18, ARENA_MAX = 64 << 20 };

static bool is_inside(struct span name)
{
	return span_istarts(name, SPAN_LIT("Content-"));
}

/* VALUE as it came, but for LF that is CRLF inside. */
static bool same_value(struct span came, struct span inside)
{
	size_t i = 0;

	for (size_t k = 0; k < inside.len; k++) {
		if (i < came.len && inside.p[k] == came.p[i])
			i++;
		else if (inside.p[k] != '\r' || i == came.len || came.p[i] != '\n')
			return false;
	}
	return i == came.len;
}

/* The inner header, read again, has the fields that were to go inside, in their order. */
static void check_inner(const struct fields *f, struct arena *arena)
{
	struct fields inner;
	struct buf header;
	struct span body;
	size_t k = 0;
	bool crlf;

	buf_init(&header, 2 * HEADER_MAX + 2);
	PROMISE(entity_inner_header(f, &header, NULL) == RC_OK);
	PROMISE(span_ends(buf_span(&header), SPAN_LIT("\r\n")));
	fields_init(&inner, arena, 2 * HEADER_MAX);
	PROMISE(fields_read(&inner, buf_span(&header), &body, &crlf, NULL) == RC_OK);
	PROMISE(body.len == 0 && crlf);
	for (size_t i = 0; i < fields_count(f); i++) {
		const struct field *field = fields_at(f, i);

		PROMISE(entity_field_is_inside(field) == is_inside(field->name));
		PROMISE(entity_field_is_replaced(field) ==
			(is_inside(field->name) || span_ieq_str(field->name, "MIME-Version")));
		if (!is_inside(field->name))
			continue;
		PROMISE(k < fields_count(&inner));
		PROMISE(span_eq(fields_at(&inner, k)->name, field->name));
		PROMISE(same_value(field->value, fields_at(&inner, k)->value));
		k++;
	}
	PROMISE(k == fields_count(&inner));
	fields_clear(&inner);
	buf_clear(&header);
}

/* What the fields decide alone, the body does not change; and no more of it is looked at than is said. */
static void check_detection(const struct fields *f, struct span body, struct arena *arena)
{
	enum security by_fields = SECURITY_PLAIN;
	bool alone = detect_by_fields(f, arena, &by_fields);
	enum security all = detect_with_body(f, body, arena);

	PROMISE(all >= SECURITY_PLAIN && all <= SECURITY_ENCRYPTED);
	PROMISE(!alone || all == by_fields);
	PROMISE(!alone || by_fields != SECURITY_ENCRYPTED);
	PROMISE(detect_with_body(f, span_sub(body, 0, DETECT_BODY_MAX), arena) == all);
	PROMISE(all != SECURITY_ENCRYPTED || body.len > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new(ARENA_MAX);
	struct span body;
	struct fields f;
	bool crlf;

	PROMISE(arena != NULL);
	fields_init(&f, arena, HEADER_MAX);
	if (fields_read(&f, span_of(data, size), &body, &crlf, NULL) == RC_OK) {
		check_inner(&f, arena);
		check_detection(&f, body, arena);
	}
	fields_clear(&f);
	arena_free(arena);
	return 0;
}
