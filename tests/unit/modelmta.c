#include "modelmta.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/span.h"

static void *must_have(const void *p)
{
	if (p == NULL) {
		fprintf(stderr, "model: out of memory\n");
		exit(99);
	}
	return (void *)(uintptr_t)p;
}

static void must(enum rc rc)
{
	must_have(rc == RC_OK ? "" : NULL);
}

static const char *keep(const struct model *m, const char *s)
{
	return must_have(arena_strdup(m->arena, s));
}

static const char *with_space(const struct model *m, const char *value)
{
	size_t len = strlen(value);
	char *p = must_have(arena_alloc(m->arena, len + 2));

	snprintf(p, len + 2, "%s%s", m->adds_space ? " " : "", value);
	return p;
}

static void put_field(struct model *m, size_t at, const char *name, const char *value)
{
	struct model_field *all;

	must_have(vec_push(&m->fields));
	all = m->fields.items;
	memmove(&all[at + 1], &all[at], (m->fields.len - 1 - at) * sizeof(*all));
	all[at] = (struct model_field){keep(m, name), with_space(m, value)};
}

static enum rc insert(void *ctx, int index, const char *name, const char *value)
{
	struct model *m = ctx;
	size_t at = index < 0 ? 0 : (size_t)index;

	put_field(m, at < m->fields.len ? at : m->fields.len, name, value);
	return RC_OK;
}

static enum rc append(void *ctx, const char *name, const char *value)
{
	struct model *m = ctx;

	put_field(m, m->fields.len, name, value);
	return RC_OK;
}

static enum rc change(void *ctx, int index, const char *name, const char *value)
{
	struct model *m = ctx;
	struct model_field *all = m->fields.items;

	for (size_t i = 0; i < m->fields.len; i++) {
		if (!span_ieq(span_str(all[i].name), span_str(name)) || --index != 0)
			continue;
		if (value != NULL) {
			all[i].value = with_space(m, value);
			return RC_OK;
		}
		m->fields.len--;
		memmove(&all[i], &all[i + 1], (m->fields.len - i) * sizeof(*all));
		return RC_OK;
	}
	m->wrong = true;
	return RC_OK;
}

static enum rc add_rcpt(void *ctx, const char *address, const char *args)
{
	struct model *m = ctx;
	struct model_rcpt *slot = must_have(vec_push(&m->rcpts));

	*slot = (struct model_rcpt){keep(m, address), args != NULL ? keep(m, args) : ""};
	return RC_OK;
}

/* Postfix and Sendmail look at the address without its brackets and quotes, and all that have it go. */
static const char *inner(const struct model *m, const char *address)
{
	char *p = must_have(arena_alloc(m->arena, strlen(address) + 1));
	size_t n = 0;

	for (; *address != '\0'; address++)
		if (strchr("<>\"\\", *address) == NULL)
			p[n++] = *address;
	p[n] = '\0';
	return p;
}

static enum rc delete_rcpt(void *ctx, const char *given)
{
	struct model *m = ctx;
	struct model_rcpt *all = m->rcpts.items;
	size_t n = 0;

	for (size_t i = 0; i < m->rcpts.len; i++)
		if (strcmp(inner(m, all[i].address), inner(m, given)) != 0)
			all[n++] = all[i];
	m->wrong = m->wrong || n == 0;
	m->rcpts.len = n;
	return RC_OK;
}

static enum rc quarantine(void *ctx, const char *reason)
{
	struct model *m = ctx;

	m->quarantine = keep(m, reason);
	return RC_OK;
}

static enum rc replace_body(void *ctx, struct span piece)
{
	struct model *m = ctx;

	if (!m->replaced)
		m->body.len = 0;
	m->replaced = true;
	m->wrong = m->wrong || piece.len == 0 || piece.len > EDIT_PIECE_MAX;
	return buf_add(&m->body, piece, NULL);
}

const struct mta_ops model_ops = {.insert = insert,
				  .change = change,
				  .append = append,
				  .add_rcpt = add_rcpt,
				  .delete_rcpt = delete_rcpt,
				  .quarantine = quarantine,
				  .replace_body = replace_body};

void model_begin(struct model *m, struct arena *arena, const struct fields *fields)
{
	*m = (struct model){.arena = arena};
	vec_init(&m->fields, sizeof(struct model_field), 100000);
	vec_init(&m->rcpts, sizeof(struct model_rcpt), 100000);
	buf_init(&m->body, 64 << 20);
	for (size_t i = 0; fields != NULL && i < fields_count(fields); i++) {
		const struct field *f = fields_at(fields, i);

		put_field(m, i, must_have(arena_strndup(arena, f->name)),
			  must_have(arena_strndup(arena, f->value)));
	}
}

void model_add_rcpt(struct model *m, struct span given)
{
	struct model_rcpt *slot = must_have(vec_push(&m->rcpts));

	*slot = (struct model_rcpt){must_have(arena_strndup(m->arena, given)), NULL};
}

void model_clear(struct model *m)
{
	vec_clear(&m->fields);
	vec_clear(&m->rcpts);
	buf_clear(&m->body);
}

void model_show_header(const struct model *m, struct buf *out)
{
	const struct model_field *all = m->fields.items;

	out->len = 0;
	for (size_t i = 0; i < m->fields.len; i++)
		must(buf_addf(out, NULL, "%s:%s\n", all[i].name, all[i].value));
}

void model_show_rcpts(const struct model *m, struct buf *out)
{
	const struct model_rcpt *all = m->rcpts.items;

	out->len = 0;
	for (size_t i = 0; i < m->rcpts.len; i++)
		must(buf_addf(out, NULL, "%s%s%s\n", all[i].address, all[i].args != NULL ? " " : "",
			      all[i].args != NULL ? all[i].args : ""));
	if (m->quarantine != NULL)
		must(buf_addf(out, NULL, "quarantine: %s\n", m->quarantine));
}
