#include "tool/sealfile.h"

#include "mail/ctype.h"
#include "smime/entity.h"
#include "smime/envelope.h"
#include "smime/open.h"

enum { PIECE = 65536, INNER_HEADER_MAX = 2 * MSGFILE_HEADER_MAX };

static const char *eol_of(const struct msgfile *m, bool crlf)
{
	return crlf || m->crlf ? "\r\n" : "\n";
}

/* For what stands in the file already. */
static enum lineends_to as_stored(bool crlf)
{
	return crlf ? LINEENDS_CRLF : LINEENDS_KEEP;
}

/* For what has CRLF now. */
static enum lineends_to from_crlf(const struct msgfile *m, bool crlf)
{
	if (crlf)
		return LINEENDS_CRLF;
	return m->crlf ? LINEENDS_KEEP : LINEENDS_LF;
}

/* A piece of a header, with a line end where it has none. */
static enum rc put_piece(struct lineends *out, struct span text, const char *eol, struct err *err)
{
	enum rc rc = lineends_write(out, text, err);

	if (rc == RC_OK && !span_ends(text, SPAN_LIT("\n")))
		rc = lineends_write(out, span_str(eol), err);
	return rc;
}

/* ": VALUE" with its folds as \n; OUT makes the line ends of the file of them. */
static enum rc put_field(struct lineends *out, const char *name, const char *value, struct err *err)
{
	enum rc rc = lineends_write(out, span_str(name), err);

	if (rc == RC_OK)
		rc = lineends_write(out, SPAN_LIT(":"), err);
	if (rc == RC_OK)
		rc = lineends_write(out, span_str(value), err);
	return rc == RC_OK ? lineends_write(out, SPAN_LIT("\n"), err) : rc;
}

typedef enum rc body_sink(void *ctx, struct span piece, struct err *err);

static enum rc each_piece(struct msgfile *m, body_sink *sink, void *ctx, struct err *err)
{
	char room[PIECE];
	size_t len = 1;
	enum rc rc = msgfile_rewind(m, err);

	while (rc == RC_OK && len > 0) {
		rc = msgfile_read(m, room, sizeof(room), &len, err);
		if (rc == RC_OK && len > 0)
			rc = sink(ctx, span_of(room, len), err);
	}
	return rc;
}

static enum rc to_out(void *ctx, struct span piece, struct err *err)
{
	return lineends_write(ctx, piece, err);
}

/* PGP comes as multipart/encrypted or as text. */
bool sealfile_is_cms(const struct msgfile *m)
{
	const struct field *f = fields_find(&m->fields, "Content-Type", 0, NULL);
	struct arena *arena = arena_new(1 << 20);
	struct ctype type;
	bool cms = f != NULL && arena != NULL &&
		   ctype_read(f->value, arena, &type, NULL) == RC_OK &&
		   span_eq_str(type.type, "application");

	arena_free(arena);
	return cms;
}

enum rc sealfile_copy(struct msgfile *m, bool crlf, struct lineends *out, struct err *err)
{
	enum rc rc = lineends_set(out, as_stored(crlf), err);

	if (rc == RC_OK)
		rc = lineends_write(out, msgfile_before_body(m), err);
	if (rc == RC_OK)
		rc = each_piece(m, to_out, out, err);
	return rc == RC_OK ? lineends_finish(out, err) : rc;
}

static enum rc put_sealed_header(const struct msgfile *m, bool crlf, struct lineends *out,
				 struct err *err)
{
	struct msgfile_pieces pieces = {&m->fields, m->header, 0};
	const struct entity_outer *outer = entity_outer_fields(false);
	const struct field *f;
	struct span text;
	enum rc rc = lineends_set(out, as_stored(crlf), err);

	while (rc == RC_OK && msgfile_next_piece(&pieces, &f, &text))
		if (f == NULL || !entity_field_is_replaced(f))
			rc = put_piece(out, text, eol_of(m, crlf), err);
	if (rc == RC_OK)
		rc = lineends_set(out, crlf || m->crlf ? LINEENDS_CRLF : LINEENDS_KEEP, err);
	for (size_t i = 0; rc == RC_OK && i < ENTITY_OUTER_FIELDS; i++)
		rc = put_field(out, outer[i].name, outer[i].value, err);
	return rc == RC_OK ? lineends_write(out, SPAN_LIT("\n"), err) : rc;
}

static enum rc to_envelope(void *ctx, struct span piece, struct err *err)
{
	return envelope_update(ctx, piece, err);
}

static enum rc put_envelope(struct msgfile *m, struct envelope *e, struct err *err)
{
	struct buf inner;
	enum rc rc;

	buf_init(&inner, INNER_HEADER_MAX);
	rc = entity_inner_header(&m->fields, &inner, err);
	if (rc == RC_OK)
		rc = envelope_update(e, buf_span(&inner), err);
	if (rc == RC_OK)
		rc = each_piece(m, to_envelope, e, err);
	if (rc == RC_OK)
		rc = envelope_finish(e, err);
	buf_wipe(&inner);
	return rc;
}

enum rc sealfile_seal(struct msgfile *m, struct cert *const *certs, size_t n, bool crlf,
		      struct lineends *out, struct err *err)
{
	struct envelope *e = NULL;
	enum rc rc = envelope_new(PROFILE_COMPAT, certs, n, to_out, out, &e, err);

	if (rc == RC_OK)
		rc = put_sealed_header(m, crlf, out, err);
	if (rc == RC_OK)
		rc = lineends_set(out, from_crlf(m, crlf), err);
	if (rc == RC_OK)
		rc = put_envelope(m, e, err);
	envelope_free(e);
	return rc == RC_OK ? lineends_finish(out, err) : rc;
}

/* What becomes of a field that was inside. */
enum inner_use {
	INNER_CONTENT,	/* Content-*: as sealing put it there */
	INNER_REPLACES, /* stands for the outer ones of its name */
	INNER_FILLS,	/* only where there is none of its name outside */
	INNER_DROPPED
};

static enum inner_use use_of(const struct field *f)
{
	static const struct {
		const char *name;
		enum inner_use use;
	} known[] = {
		{"MIME-Version", INNER_DROPPED},
		{"HP-Outer", INNER_DROPPED}, /* RFC 9788: says what was outside */
		{"Authentication-Results", INNER_DROPPED},
		{"ARC-Authentication-Results", INNER_DROPPED},
		{"ARC-Message-Signature", INNER_DROPPED},
		{"ARC-Seal", INNER_DROPPED},
		{"Received", INNER_FILLS},
		{"Received-SPF", INNER_FILLS},
		{"Return-Path", INNER_FILLS},
		{"Delivered-To", INNER_FILLS},
		{"X-Original-To", INNER_FILLS},
	};

	if (entity_field_is_inside(f))
		return INNER_CONTENT;
	for (size_t i = 0; i < COUNT_OF(known); i++)
		if (span_ieq_str(f->name, known[i].name))
			return known[i].use;
	return INNER_REPLACES;
}

static bool has_field(const struct fields *all, struct span name)
{
	for (size_t i = 0; i < fields_count(all); i++)
		if (span_ieq(fields_at(all, i)->name, name))
			return true;
	return false;
}

/* A message that is being put together again. */
struct restoring {
	struct msgfile *m;
	struct lineends *out;
	bool crlf;
	const struct fields *inner; /* while the header is written */
	struct span inner_raw;
	bool has_version, has_content; /* written */
};

/* Its line ends are those of the file, also where somebody sealed bare LF. */
static enum lineends_to inner_header(const struct restoring *r)
{
	return r->crlf || r->m->crlf ? LINEENDS_CRLF : LINEENDS_LF;
}

/* The inner fields that F of the envelope gives way to: Content-*, once. */
static enum rc put_content(struct restoring *r, struct err *err)
{
	struct msgfile_pieces pieces = {r->inner, r->inner_raw, 0};
	const struct field *f;
	struct span text;
	enum rc rc = RC_OK;

	if (r->has_content)
		return RC_OK;
	r->has_content = true;
	rc = lineends_set(r->out, inner_header(r), err);
	while (rc == RC_OK && msgfile_next_piece(&pieces, &f, &text))
		if (f != NULL && use_of(f) == INNER_CONTENT)
			rc = put_piece(r->out, text, "\r\n", err);
	return rc == RC_OK ? lineends_set(r->out, as_stored(r->crlf), err) : rc;
}

static bool gives_way(const struct restoring *r, const struct field *outer)
{
	for (size_t i = 0; i < fields_count(r->inner); i++) {
		const struct field *f = fields_at(r->inner, i);

		if (span_ieq(f->name, outer->name) && use_of(f) == INNER_REPLACES)
			return true;
	}
	return false;
}

static enum rc put_outer(struct restoring *r, const struct field *f, struct span text,
			 struct err *err)
{
	bool version = f != NULL && span_ieq_str(f->name, "MIME-Version");

	if (f != NULL && entity_field_is_inside(f))
		return put_content(r, err);
	if (version && r->has_version)
		return RC_OK;
	if (f != NULL && !version && gives_way(r, f))
		return RC_OK;
	r->has_version = r->has_version || version;
	return put_piece(r->out, text, eol_of(r->m, r->crlf), err);
}

/* Those inner fields that are no Content-*, in their order. */
static enum rc put_others(struct restoring *r, struct err *err)
{
	struct msgfile_pieces pieces = {r->inner, r->inner_raw, 0};
	const struct field *f;
	struct span text;
	enum rc rc = lineends_set(r->out, inner_header(r), err);

	while (rc == RC_OK && msgfile_next_piece(&pieces, &f, &text)) {
		enum inner_use use = f != NULL ? use_of(f) : INNER_DROPPED;

		if (use == INNER_REPLACES ||
		    (use == INNER_FILLS && !has_field(&r->m->fields, f->name)))
			rc = put_piece(r->out, text, "\r\n", err);
	}
	return rc;
}

/* open_sink */
static enum rc restore_header(void *ctx, const struct fields *inner, struct span raw,
			      struct err *err)
{
	struct restoring *r = ctx;
	struct msgfile_pieces pieces = {&r->m->fields, r->m->header, 0};
	const struct field *f;
	struct span text;
	enum rc rc = lineends_set(r->out, as_stored(r->crlf), err);

	r->inner = inner;
	r->inner_raw = raw;
	while (rc == RC_OK && msgfile_next_piece(&pieces, &f, &text))
		rc = put_outer(r, f, text, err);
	if (rc == RC_OK)
		rc = put_content(r, err);
	if (rc == RC_OK)
		rc = put_others(r, err);
	/* RFC 2045 4: every message that is MIME says so. */
	if (rc == RC_OK && !r->has_version)
		rc = lineends_write(r->out, SPAN_LIT("MIME-Version: 1.0\r\n"), err);
	if (rc == RC_OK)
		rc = lineends_write(r->out, SPAN_LIT("\r\n"), err);
	return rc == RC_OK ? lineends_set(r->out, from_crlf(r->m, r->crlf), err) : rc;
}

/* open_sink */
static enum rc restore_body(void *ctx, struct span piece, struct err *err)
{
	return lineends_write(((struct restoring *)ctx)->out, piece, err);
}

static enum rc source_rewind(void *ctx, struct err *err)
{
	return msgfile_rewind(ctx, err);
}

static enum rc source_read(void *ctx, char *room, size_t size, size_t *ret_len, struct err *err)
{
	return msgfile_read(ctx, room, size, ret_len, err);
}

enum rc sealfile_open(struct msgfile *m, const struct openkey *key, bool crlf, struct lineends *out,
		      struct err *err)
{
	struct restoring r = {.m = m, .out = out, .crlf = crlf};
	const struct open_source src = {source_rewind, source_read, m};
	const struct open_sink sink = {restore_header, restore_body, &r};
	enum rc rc = open_entity(key, &m->fields, &src, &sink, err);

	return rc == RC_OK ? lineends_finish(out, err) : rc;
}
