/* A message, split into header fields and body. */
#include <string.h>

#include "fuzz.h"
#include "mail/field.h"

enum { HEADER_MAX = 1 << 20, ARENA_MAX = 8 << 20 };

static void check_field(const struct field *f)
{
	PROMISE(f->name.len > 0);
	PROMISE(!is_wsp(f->name.p[f->name.len - 1]));
	PROMISE(!span_has(f->name, ':') && !span_has(f->name, '\n') && !span_has(f->name, '\0'));
	/* Each line end within the value is a fold, and none is behind it. */
	for (size_t i = span_find(f->value, '\n', 0); i < f->value.len;
	     i = span_find(f->value, '\n', i + 1))
		PROMISE(i + 1 < f->value.len && is_wsp(f->value.p[i + 1]));
}

/* Names, colons, values and line ends are the bytes that were read, but for LF that counts as CRLF,
 * white space before colons, the mbox line and the empty line. */
static void check_sizes(const struct fields *f, struct span raw, struct span body)
{
	size_t least = 0;

	for (size_t i = 0; i < fields_count(f); i++)
		least += fields_at(f, i)->name.len + 1 + fields_at(f, i)->value.len;
	PROMISE(least <= raw.len - body.len);
	PROMISE(f->bytes >= least + 2 * fields_count(f));
	PROMISE(f->bytes <= 2 * (raw.len - body.len) + 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span raw = span_of(data, size), body;
	struct arena *arena = arena_new(ARENA_MAX);
	struct fields f;
	enum rc rc;
	bool crlf;

	PROMISE(arena != NULL);
	fields_init(&f, arena, HEADER_MAX);
	rc = fields_read(&f, raw, &body, &crlf, NULL);
	PROMISE(rc == RC_OK || rc == RC_LIMIT);
	if (rc == RC_OK) {
		PROMISE(body.p + body.len == raw.p + raw.len && fuzz_within(body, raw));
		for (size_t i = 0; i < fields_count(&f); i++)
			check_field(fields_at(&f, i));
		check_sizes(&f, raw, body);
	} else {
		PROMISE(fields_count(&f) == 0 && f.bytes == 0);
	}
	fields_clear(&f);
	arena_free(arena);
	return 0;
}
