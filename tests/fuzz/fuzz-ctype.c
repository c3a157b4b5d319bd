/* A Content-Type or Content-Disposition. */
#include "fuzz.h"
#include "mail/ctype.h"

enum { ARENA_MAX = 32 << 20, PARAMS_MAX = 64 };

static bool is_lower_token(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.p[i] <= 0x20 || s.p[i] == 0x7f || s.p[i] == '/' ||
		    s.p[i] == ';' || (s.p[i] >= 'A' && s.p[i] <= 'Z'))
			return false;
	return true;
}

static void check_params(const struct ctype *c, struct span input)
{
	size_t bytes = 0;

	PROMISE(c->n_params <= PARAMS_MAX);
	for (size_t i = 0; i < c->n_params; i++) {
		const struct ctype_param *p = &c->params[i];

		PROMISE(p->name.len > 0 && is_lower_token(p->name));
		PROMISE(p->value.len <= input.len);
		for (size_t k = 0; k < p->value.len; k++)
			bytes += (unsigned char)p->value.p[k];
	}
	PROMISE(bytes <= 255 * PARAMS_MAX * input.len);
}

/* The first of several values under one name is the one that counts. */
static void check_found(const struct ctype *c)
{
	static const char *const names[] = {"name", "filename", "boundary", "smime-type"};

	for (size_t n = 0; n < COUNT_OF(names); n++) {
		size_t i = 0;

		while (i < c->n_params && !span_eq_str(c->params[i].name, names[n]))
			i++;
		PROMISE(ctype_param(c, names[n]).p ==
			(i < c->n_params ? c->params[i].value.p : NULL));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new(ARENA_MAX);
	struct span input = span_of(data, size);
	struct err err = ERR_INIT;
	struct ctype c;
	enum rc rc;

	PROMISE(arena != NULL);
	rc = ctype_read(input, arena, &c, &err);
	PROMISE(rc == RC_OK || (rc == RC_INPUT && err.text[0] != '\0'));
	if (rc == RC_OK) {
		PROMISE(c.type.len > 0 && is_lower_token(c.type) && is_lower_token(c.subtype));
		check_params(&c, input);
		check_found(&c);
	}
	arena_free(arena);
	return 0;
}
