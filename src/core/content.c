#include "core/content.h"

#include <stdlib.h>
#include <string.h>

#include "conf/accounts.h"
#include "crypto/base64.h"
#include "mail/address.h"
#include "smime/entity.h"

static enum rc no_memory(struct err *err)
{
	return err_set(err, RC_NOMEM, "out of memory (edits of the header)");
}

/* --- the header --------------------------------------------------------------------------------- */

/* FIELD is the how-manieth of its name, from 1? */
static int index_of(const struct fields *fields, size_t which)
{
	int index = 1;

	for (size_t i = 0; i < which; i++)
		if (span_ieq(fields_at(fields, i)->name, fields_at(fields, which)->name))
			index++;
	return index;
}

static enum rc delete_inside(const struct fields *fields, struct arena *arena, struct edits *edits,
			     struct err *err)
{
	enum rc rc = RC_OK;

	for (size_t i = fields_count(fields); i > 0 && rc == RC_OK; i--) {
		const struct field *f = fields_at(fields, i - 1);
		const char *name;

		if (!entity_field_is_replaced(f))
			continue;
		name = arena_strndup(arena, f->name);
		if (name == NULL)
			return no_memory(err);
		rc = edits_delete(edits, arena, name, index_of(fields, i - 1), err);
	}
	return rc;
}

/* RFC 2047 2: an encoded-word has at most 75 characters, and a line with one at most 76: behind "Subject: " that leaves 52
 * of base64. */
enum { WORD_OCTETS = 39, LINE_OCTETS = 900 };

/* So many octets of S that no UTF-8 character is cut. */
static size_t whole_characters(struct span s)
{
	size_t n = s.len < WORD_OCTETS ? s.len : WORD_OCTETS;

	while (n < s.len && n > 1 && ((unsigned char)s.p[n] & 0xc0) == 0x80)
		n--;
	return n;
}

static bool is_ascii(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.p[i] >= 0x80)
			return false;
	return true;
}

/* Each encoded-word on a line of its own but the first. */
static enum rc add_words(struct span text, struct buf *out, struct err *err)
{
	enum rc rc = RC_OK;

	for (size_t n; text.len != 0 && rc == RC_OK; text = span_from(text, n)) {
		n = whole_characters(text);
		rc = buf_adds(out, "=?UTF-8?B?", err);
		if (rc == RC_OK)
			rc = base64_encode(span_sub(text, 0, n), out, err);
		if (rc == RC_OK)
			rc = buf_adds(out, n < text.len ? "?=\n\t" : "?=", err);
	}
	return rc;
}

/* RFC 2047 6.2: white space between two encoded-words is not shown; what is to be seen there must be in one of them. */
static enum rc add_tag(const char *tag, bool before_word, struct buf *out, struct err *err)
{
	struct span text = span_str(tag);
	struct buf spaced;
	enum rc rc;

	if (is_ascii(text) && text.len <= LINE_OCTETS)
		return buf_add(out, text, err);
	buf_init(&spaced, text.len + 1);
	rc = buf_add(&spaced, text, err);
	if (rc == RC_OK && before_word)
		rc = buf_addc(&spaced, ' ', err);
	if (rc == RC_OK)
		rc = add_words(buf_span(&spaced), out, err);
	buf_clear(&spaced);
	return rc;
}

/* RFC 5322 2.2.3: what stands before OLD on its first line. A fold may be there already. */
static const char *fold_before(struct span old)
{
	if (old.p[0] == '\n' || old.p[0] == '\r')
		return "";
	return is_wsp(old.p[0]) ? "\n" : "\n ";
}

/* " TAG OLD", OLD with its own leading space; a fold between them keeps old lines as long as they were. */
static enum rc tag_value(const char *tag, struct span old, struct arena *arena, const char **ret,
			 struct err *err)
{
	struct span text = old.p != NULL ? span_trim_fold(old) : SPAN_NONE;
	struct buf out;
	enum rc rc;

	buf_init(&out, 8 * strlen(tag) + old.len + 64);
	rc = buf_addc(&out, ' ', err);
	if (rc == RC_OK)
		rc = add_tag(tag, span_starts(text, SPAN_LIT("=?")), &out, err);
	if (rc == RC_OK && text.len != 0)
		rc = buf_adds(&out, fold_before(old), err);
	if (rc == RC_OK && text.len != 0)
		rc = buf_add(&out, old, err);
	if (rc == RC_OK)
		*ret = arena_strndup(arena, buf_span(&out));
	buf_clear(&out);
	return rc == RC_OK && *ret == NULL ? no_memory(err) : rc;
}

/* What the steps below share. */
struct header {
	const struct route_content *content;
	const struct fields *fields;
	struct arena *arena;
	struct edits *edits;
	struct fields *outgoing;
	struct err *err;
};

static enum rc append(struct header *h, const char *name, const char *value)
{
	enum rc rc = edits_add(h->edits, h->arena, EDIT_APPEND, 0, name, value, h->err);

	return rc == RC_OK ? fields_add(h->outgoing, span_str(name), span_str(value), h->err) : rc;
}

static enum rc keep(struct header *h, size_t i)
{
	const struct field *f = fields_at(h->fields, i);
	bool tagged = h->content->tag != NULL && span_ieq_str(f->name, "Subject");
	struct field *kept;
	const char *value;
	enum rc rc;

	if (tagged) {
		rc = tag_value(h->content->tag, f->value, h->arena, &value, h->err);
		if (rc == RC_OK)
			rc = edits_add(h->edits, h->arena, EDIT_CHANGE, index_of(h->fields, i),
				       "Subject", value, h->err);
		return rc == RC_OK ? fields_add(h->outgoing, f->name, span_str(value), h->err) : rc;
	}
	rc = fields_add(h->outgoing, f->name, f->value, h->err);
	if (rc != RC_OK)
		return rc;
	kept = vec_at(&h->outgoing->v, h->outgoing->v.len - 1);
	kept->space_before_colon = f->space_before_colon;
	return RC_OK;
}

static enum rc keep_all(struct header *h)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; i < fields_count(h->fields) && rc == RC_OK; i++)
		if (!h->content->seal || !entity_field_is_replaced(fields_at(h->fields, i)))
			rc = keep(h, i);
	return rc;
}

static enum rc append_all(struct header *h)
{
	const struct entity_outer *outer = entity_outer_fields(false);
	const struct route_content *c = h->content;
	const char *value;
	enum rc rc = RC_OK;

	if (c->tag != NULL && fields_count_of(h->fields, "Subject") == 0) {
		rc = tag_value(c->tag, SPAN_NONE, h->arena, &value, h->err);
		if (rc == RC_OK)
			rc = append(h, "Subject", value);
	}
	for (size_t i = 0; i < c->n_added && rc == RC_OK; i++)
		rc = append(h, c->added[i].name, c->added[i].value);
	for (size_t i = 0; c->seal && i < ENTITY_OUTER_FIELDS && rc == RC_OK; i++)
		rc = append(h, outer[i].name, outer[i].value);
	return rc;
}

enum rc content_edits(const struct route_content *content, const struct fields *fields,
		      struct arena *arena, struct edits *edits, struct fields *outgoing,
		      struct err *err)
{
	struct header h = {content, fields, arena, edits, outgoing, err};
	enum rc rc = content->seal ? delete_inside(fields, arena, edits, err) : RC_OK;

	if (rc == RC_OK)
		rc = keep_all(&h);
	return rc == RC_OK ? append_all(&h) : rc;
}

/* --- the envelope ------------------------------------------------------------------------------- */

/* As the mail server sees a recipient when it is told to forget one: no brackets, no route, no quotes but needed ones. What
 * cannot be read stays as it is. */
static enum rc plain_address(struct span given, struct arena *arena, const char **ret,
			     struct err *err)
{
	struct mailbox m;
	struct buf out;
	enum rc rc = address_envelope_read(given, arena, &m, err);

	if (rc == RC_INPUT) {
		*ret = arena_strndup(arena, given);
		return *ret != NULL ? RC_OK : no_memory(err);
	}
	if (rc != RC_OK)
		return rc;
	buf_init(&out, 2 * given.len + 16);
	rc = address_show(&m, &out, err);
	if (rc == RC_OK)
		*ret = arena_strndup(arena, buf_span(&out));
	buf_clear(&out);
	return rc == RC_OK && *ret == NULL ? no_memory(err) : rc;
}

/* The recipients as they were given, who of them goes on, and for whom there is a delivery of which the sender is told
 * what becomes. */
struct given {
	const struct route_recipient *at;
	size_t n;
	const char **address;
	bool *kept, *told;
	bool anybody_told;
};

static enum rc read_given(const struct route_recipient *recipients, size_t n, struct arena *arena,
			  struct given *ret, struct err *err)
{
	enum rc rc = RC_OK;

	*ret = (struct given){.at = recipients, .n = n};
	ret->address = arena_calloc(arena, n + 1, sizeof(*ret->address));
	ret->kept = arena_calloc(arena, n + 1, sizeof(*ret->kept));
	ret->told = arena_calloc(arena, n + 1, sizeof(*ret->told));
	if (ret->address == NULL || ret->kept == NULL || ret->told == NULL)
		return no_memory(err);
	for (size_t i = 0; i < n && rc == RC_OK; i++)
		rc = plain_address(recipients[i].given, arena, &ret->address[i], err);
	return rc;
}

/* Whoever has this address already goes on. False: nobody has it. */
static bool keep_address(struct given *g, const char *address)
{
	for (size_t i = 0; i < g->n; i++) {
		if (!span_ieq_str(span_str(g->address[i]), address))
			continue;
		g->kept[i] = true;
		return true;
	}
	return false;
}

/* A mail server that is told to forget one recipient forgets all that have its address. */
static bool is_kept(const struct given *g, const char *address)
{
	for (size_t i = 0; i < g->n; i++)
		if (g->kept[i] && span_ieq_str(span_str(g->address[i]), address))
			return true;
	return false;
}

/* A copy beside the message: nobody has to hear of it. One that is all that is left of the message for a recipient is none. */
static bool is_beside(const struct route_delivery *d, const struct given *g)
{
	if (d->recipient == SIZE_MAX)
		return g->anybody_told;
	return d->extra && g->told[d->recipient];
}

/* RFC 3461 4: what the sender asked for the recipient goes on to the address that stands for it. */
static enum rc parameters(const struct route_delivery *d, struct given *g, struct arena *arena,
			  const char **ret, struct err *err)
{
	const struct route_recipient *r;
	struct buf out;
	enum rc rc = RC_OK;

	*ret = is_beside(d, g) ? "NOTIFY=NEVER" : NULL;
	if (*ret != NULL)
		return RC_OK;
	g->anybody_told = true;
	if (d->recipient == SIZE_MAX)
		return RC_OK;
	r = &g->at[d->recipient];
	g->told[d->recipient] = true;
	buf_init(&out, 4096);
	for (size_t i = 0; i < r->n_args && rc == RC_OK; i++) {
		if (!span_istarts(r->args[i], SPAN_LIT("NOTIFY=")) &&
		    !span_istarts(r->args[i], SPAN_LIT("ORCPT=")))
			continue;
		if (out.len != 0)
			rc = buf_addc(&out, ' ', err);
		if (rc == RC_OK)
			rc = buf_add(&out, r->args[i], err);
	}
	if (rc == RC_OK && out.len != 0) {
		*ret = arena_strndup(arena, buf_span(&out));
		rc = *ret != NULL ? RC_OK : no_memory(err);
	}
	buf_clear(&out);
	return rc;
}

static enum rc deliver(const struct route_delivery *d, struct given *g, struct arena *arena,
		       struct edits *edits, struct err *err)
{
	const char *args;
	enum rc rc;

	if (d->as_given)
		g->kept[d->recipient] = true;
	if (d->as_given || keep_address(g, d->address))
		return RC_OK;
	rc = parameters(d, g, arena, &args, err);
	return rc == RC_OK ? edits_add(edits, arena, EDIT_ADD_RCPT, 0, d->address, args, err) : rc;
}

static enum rc drop(const struct route_recipient *r, struct arena *arena, struct edits *edits,
		    struct err *err)
{
	const char *given = arena_strndup(arena, r->given);

	if (given == NULL)
		return no_memory(err);
	return edits_add(edits, arena, EDIT_DELETE_RCPT, 0, given, NULL, err);
}

static void count_told(const struct route *r, struct given *g)
{
	for (size_t i = 0; i < r->deliveries.len; i++) {
		const struct route_delivery *d = vec_at(&r->deliveries, i);

		if (d->extra || d->recipient == SIZE_MAX)
			continue;
		g->told[d->recipient] = true;
		g->anybody_told = true;
	}
}

/* Added ones first: a message never has no recipient between two edits. */
enum rc content_envelope(const struct route *r, const struct route_recipient *recipients, size_t n,
			 struct arena *arena, struct edits *edits, struct err *err)
{
	const struct route_content *content = vec_at(&r->contents, 0);
	struct given given;
	enum rc rc = read_given(recipients, n, arena, &given, err);

	if (rc == RC_OK)
		count_told(r, &given);
	for (size_t i = 0; i < r->deliveries.len && rc == RC_OK; i++)
		rc = deliver(vec_at(&r->deliveries, i), &given, arena, edits, err);
	for (size_t i = 0; i < n && rc == RC_OK; i++)
		if (!given.kept[i] && !is_kept(&given, given.address[i]))
			rc = drop(&recipients[i], arena, edits, err);
	if (rc == RC_OK && content->quarantine != NULL)
		rc = edits_add(edits, arena, EDIT_QUARANTINE, 0, content->quarantine, NULL, err);
	return rc;
}
