#include "core/edit.h"

/* Far above what one message can need: every signature of ours, every old field deleted, every recipient exchanged. */
enum { EDITS_MAX = 300000 };

void edits_init(struct edits *e)
{
	vec_init(&e->v, sizeof(struct edit), EDITS_MAX);
	e->body = NULL;
}

void edits_clear(struct edits *e)
{
	vec_clear(&e->v);
	e->body = NULL;
}

static enum rc push(struct edits *e, struct edit edit, struct err *err)
{
	struct edit *slot = vec_push(&e->v);

	if (slot == NULL)
		return err_set(err, RC_NOMEM, "out of memory (list of edits)");
	*slot = edit;
	return RC_OK;
}

enum rc edits_insert(struct edits *e, struct arena *arena, int index, const char *name,
		     struct span value, struct err *err)
{
	struct edit edit = {.kind = EDIT_INSERT, .index = index};

	edit.name = arena_strdup(arena, name);
	edit.value = arena_strndup(arena, value);
	if (edit.name == NULL || edit.value == NULL)
		return err_set(err, RC_NOMEM, "out of memory (field %s)", name);
	return push(e, edit, err);
}

enum rc edits_add(struct edits *e, struct arena *arena, enum edit_kind kind, int index,
		  const char *name, const char *value, struct err *err)
{
	struct edit edit = {.kind = kind, .index = index};

	edit.name = arena_strdup(arena, name);
	edit.value = value != NULL ? arena_strdup(arena, value) : NULL;
	if (edit.name == NULL || (value != NULL && edit.value == NULL))
		return err_set(err, RC_NOMEM, "out of memory (edit of %s)", name);
	return push(e, edit, err);
}

enum rc edits_delete(struct edits *e, struct arena *arena, const char *name, int index,
		     struct err *err)
{
	return edits_add(e, arena, EDIT_DELETE, index, name, NULL, err);
}

enum rc edits_join(struct edits *e, const struct edits *more, struct err *err)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; i < more->v.len && rc == RC_OK; i++)
		rc = push(e, *(const struct edit *)vec_at(&more->v, i), err);
	return rc;
}

static enum rc apply_one(const struct edit *edit, const struct mta_ops *ops, void *mta,
			 bool leading_space)
{
	const char *value = edit->value;
	bool field =
		edit->kind == EDIT_INSERT || edit->kind == EDIT_CHANGE || edit->kind == EDIT_APPEND;

	/* Without SMFIP_HDR_LEADSPC the MTA puts one space behind the colon itself. */
	if (field && value != NULL && !leading_space && *value == ' ')
		value++;
	switch (edit->kind) {
	case EDIT_INSERT:
		return ops->insert(mta, edit->index, edit->name, value);
	case EDIT_CHANGE:
		return ops->change(mta, edit->index, edit->name, value);
	case EDIT_DELETE:
		return ops->change(mta, edit->index, edit->name, NULL);
	case EDIT_APPEND:
		return ops->append(mta, edit->name, value);
	case EDIT_ADD_RCPT:
		return ops->add_rcpt(mta, edit->name, value);
	case EDIT_DELETE_RCPT:
		return ops->delete_rcpt(mta, edit->name);
	case EDIT_QUARANTINE:
		return ops->quarantine(mta, edit->name);
	}
	return RC_IO;
}

static const char *kind_name(enum edit_kind kind)
{
	static const char *const names[] = {
		[EDIT_INSERT] = "insert field",	     [EDIT_CHANGE] = "change field",
		[EDIT_DELETE] = "delete field",	     [EDIT_APPEND] = "append field",
		[EDIT_ADD_RCPT] = "add recipient",   [EDIT_DELETE_RCPT] = "delete recipient",
		[EDIT_QUARANTINE] = "quarantine as",
	};

	return names[kind];
}

struct replacement {
	const struct mta_ops *ops;
	void *mta;
};

static enum rc replace_piece(void *ctx, struct span piece, struct err *err)
{
	const struct replacement *r = ctx;

	if (r->ops->replace_body(r->mta, piece) == RC_OK)
		return RC_OK;
	return err_set(err, RC_IO, "the mail server refused the new body");
}

enum rc edits_apply(const struct edits *e, const struct mta_ops *ops, void *mta, bool leading_space,
		    struct err *err)
{
	struct replacement r = {ops, mta};

	for (size_t i = 0; i < e->v.len; i++) {
		const struct edit *edit = vec_at(&e->v, i);
		enum rc rc = apply_one(edit, ops, mta, leading_space);

		if (rc != RC_OK)
			return err_set(
				err, rc, "the mail server refused edit %zu of %zu (%s %s at %d)",
				i + 1, e->v.len, kind_name(edit->kind), edit->name, edit->index);
	}
	return e->body == NULL ? RC_OK
			       : spool_replay(e->body, EDIT_PIECE_MAX, replace_piece, &r, err);
}
