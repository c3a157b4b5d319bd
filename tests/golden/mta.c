#include "mta.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MTA_MAX = 64 << 20 };

struct mta_field {
	struct span name, value; /* the value as it stands behind the colon */
	bool space_before_colon, deleted;
};

static void must(bool good, const char *what)
{
	if (!good) {
		fprintf(stderr, "golden: mail server: %s\n", what);
		exit(99);
	}
}

static void put(struct buf *out, struct span s)
{
	must(buf_add(out, s, NULL) == RC_OK, "out of memory");
}

static struct span keep(struct mta *m, struct span s)
{
	struct span copy = arena_dup(m->arena, s);

	must(copy.p != NULL, "out of memory");
	return copy;
}

static struct mta_field *add_at(struct mta *m, size_t at)
{
	struct mta_field *all;

	must(vec_push(&m->fields) != NULL, "out of memory");
	all = m->fields.items;
	memmove(&all[at + 1], &all[at], (m->fields.len - 1 - at) * sizeof(*all));
	memset(&all[at], 0, sizeof(all[at]));
	return &all[at];
}

void mta_open(struct mta *m, const struct fields *fields, struct span body)
{
	m->arena = arena_new(MTA_MAX);
	must(m->arena != NULL, "out of memory");
	vec_init(&m->fields, sizeof(struct mta_field), HEADER_FIELDS_MAX);
	vec_init(&m->recipients, sizeof(const char *), 10000);
	buf_init(&m->body, MTA_MAX);
	buf_init(&m->asked, MTA_MAX);
	put(&m->body, body);
	for (size_t i = 0; i < fields_count(fields); i++) {
		const struct field *f = fields_at(fields, i);

		*add_at(m, i) = (struct mta_field){keep(m, f->name), keep(m, f->value),
						   f->space_before_colon, false};
	}
}

void mta_close(struct mta *m)
{
	vec_clear(&m->fields);
	vec_clear(&m->recipients);
	buf_clear(&m->body);
	buf_clear(&m->asked);
	m->arena = arena_free(m->arena);
}

void mta_add_recipient(struct mta *m, struct span given)
{
	const char **slot = vec_push(&m->recipients);

	must(slot != NULL, "out of memory");
	*slot = keep(m, given).p;
}

/* --- writing down --------------------------------------------------------------------------------- */

/* The base64 text of tags "bh" and "b" of a DKIM-Signature becomes x; line ends and padding stay. */
static struct span hide(struct mta *m, struct span name, struct span value)
{
	struct span copy = keep(m, value);
	char *p = (char *)(uintptr_t)copy.p;
	bool in_tag = false;

	if (!m->hides_signatures || !span_ieq_str(name, "DKIM-Signature"))
		return value;
	for (size_t i = 0; i < copy.len; i++) {
		if (p[i] == ';')
			in_tag = false;
		else if (in_tag && (is_ascii_alpha(p[i]) || is_ascii_digit(p[i]) || p[i] == '+' ||
				    p[i] == '/'))
			p[i] = 'x';
		else if (p[i] == '=' && i >= 2 && p[i - 1] == 'b' &&
			 strchr(" \t", p[i - 2]) != NULL)
			in_tag = true;
		else if (p[i] == '=' && i >= 2 && p[i - 1] == 'h' && p[i - 2] == 'b')
			in_tag = true;
	}
	return copy;
}

/* Each line behind a bar. */
static void put_lines(struct buf *out, struct span text)
{
	struct span line;

	while (span_split(&text, '\n', &line)) {
		put(out, SPAN_LIT("|"));
		put(out, line);
		put(out, SPAN_LIT("\n"));
	}
}

static void ask(struct mta *m, const char *verb, const char *what, int index)
{
	must(!m->new_body, "something is asked for behind the new body");
	must(buf_addf(&m->asked, NULL, "%s %s", verb, what) == RC_OK, "out of memory");
	if (index >= 0)
		must(buf_addf(&m->asked, NULL, " %d", index) == RC_OK, "out of memory");
	put(&m->asked, SPAN_LIT("\n"));
}

static void ask_field(struct mta *m, const char *verb, int index, const char *name,
		      const char *value)
{
	ask(m, verb, name, index);
	put_lines(&m->asked, hide(m, span_str(name), span_str(value)));
}

/* --- doing ---------------------------------------------------------------------------------------- */

static struct mta_field made(struct mta *m, const char *name, const char *value)
{
	struct mta_field f = {.name = keep(m, span_str(name))};
	char *p = arena_calloc(m->arena, strlen(value) + 2, 1);

	must(p != NULL, "out of memory");
	if (!m->leading_space)
		p[0] = ' ';
	strcpy(p + (m->leading_space ? 0 : 1), value);
	f.value = span_str(p);
	return f;
}

static size_t place(const struct mta *m, int index)
{
	const struct mta_field *all = m->fields.items;
	size_t i = 0;

	for (; i < m->fields.len && index > 0; i++)
		index -= m->counts_deleted || !all[i].deleted;
	return i;
}

static enum rc do_insert(void *mta, int index, const char *name, const char *value)
{
	struct mta *m = mta;

	ask_field(m, "insert", index, name, value);
	*add_at(m, place(m, index)) = made(m, name, value);
	return RC_OK;
}

static enum rc do_append(void *mta, const char *name, const char *value)
{
	struct mta *m = mta;

	ask_field(m, "append", -1, name, value);
	*add_at(m, m->fields.len) = made(m, name, value);
	return RC_OK;
}

/* A field that is not there is a mistake of ours: Postfix would add it. */
static enum rc do_change(void *mta, int index, const char *name, const char *value)
{
	struct mta *m = mta;
	struct mta_field *f = m->fields.items, *end = f + m->fields.len;

	if (value == NULL)
		ask(m, "delete", name, index);
	else
		ask_field(m, "change", index, name, value);
	for (; f < end; f++)
		if (span_ieq_str(f->name, name) && (m->counts_deleted || !f->deleted) &&
		    --index == 0)
			break;
	must(f < end && !f->deleted, "a change of a field that is not there");
	if (value == NULL)
		f->deleted = true;
	else
		f->value = made(m, name, value).value;
	return RC_OK;
}

static enum rc do_add_recipient(void *mta, const char *address, const char *args)
{
	struct mta *m = mta;
	char *given = arena_calloc(m->arena, strlen(address) + 3, 1);

	must(given != NULL, "out of memory");
	must(strlen(address) > 0 && address[0] != '<', "a recipient in angle brackets is added");
	sprintf(given, "<%s>", address);
	ask(m, "add recipient", address, -1);
	if (args != NULL)
		put_lines(&m->asked, span_str(args));
	mta_add_recipient(m, span_str(given));
	return RC_OK;
}

static enum rc do_delete_recipient(void *mta, const char *given)
{
	struct mta *m = mta;
	const char **all = m->recipients.items;
	size_t i = 0;

	ask(m, "delete recipient", given, -1);
	while (i < m->recipients.len && strcmp(all[i], given) != 0)
		i++;
	must(i < m->recipients.len, "a recipient is deleted that is not there");
	memmove(&all[i], &all[i + 1], (m->recipients.len - i - 1) * sizeof(*all));
	m->recipients.len--;
	must(m->recipients.len != 0, "the last recipient is deleted");
	return RC_OK;
}

static enum rc do_quarantine(void *mta, const char *reason)
{
	struct mta *m = mta;

	ask(m, "quarantine", reason, -1);
	m->quarantine = reason;
	return RC_OK;
}

static enum rc do_replace_body(void *mta, struct span piece)
{
	struct mta *m = mta;

	must(piece.len <= EDIT_PIECE_MAX, "a piece of the body is too large");
	if (!m->new_body) {
		ask(m, "replace", "body", -1);
		m->body.len = 0;
	}
	m->new_body = true;
	put(&m->body, piece);
	return RC_OK;
}

const struct mta_ops mta_ops = {do_insert,	  do_change,	       do_append,
				do_add_recipient, do_delete_recipient, do_quarantine,
				do_replace_body};

/* --- afterwards ----------------------------------------------------------------------------------- */

void mta_show_header(const struct mta *m, struct buf *out)
{
	for (size_t i = 0; i < m->fields.len; i++) {
		const struct mta_field *f = vec_at(&m->fields, i);
		struct buf line;

		if (f->deleted)
			continue;
		buf_init(&line, MTA_MAX);
		put(&line, f->name);
		put(&line, f->space_before_colon ? SPAN_LIT(" :") : SPAN_LIT(":"));
		put(&line, hide((struct mta *)(uintptr_t)m, f->name, f->value));
		put_lines(out, buf_span(&line));
		buf_clear(&line);
	}
}

void mta_fields(const struct mta *m, struct fields *out)
{
	for (size_t i = 0; i < m->fields.len; i++) {
		const struct mta_field *f = vec_at(&m->fields, i);
		struct field *kept;

		if (f->deleted)
			continue;
		must(fields_add(out, f->name, f->value, NULL) == RC_OK, "out of memory");
		kept = vec_at(&out->v, out->v.len - 1);
		kept->space_before_colon = f->space_before_colon;
	}
}
