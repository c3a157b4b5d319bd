#include "core/edit.h"

/* Far above what one message can need: every signature of ours, and every old one deleted. */
enum { EDITS_MAX = 20000 };

void edits_init(struct edits *e)
{
	vec_init(&e->v, sizeof(struct edit), EDITS_MAX);
}

void edits_clear(struct edits *e)
{
	vec_clear(&e->v);
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

enum rc edits_delete(struct edits *e, struct arena *arena, const char *name, int index,
		     struct err *err)
{
	struct edit edit = {.kind = EDIT_DELETE, .index = index};

	edit.name = arena_strdup(arena, name);
	if (edit.name == NULL)
		return err_set(err, RC_NOMEM, "out of memory (field %s)", name);
	return push(e, edit, err);
}

static enum rc apply_one(const struct edit *edit, const struct mta_ops *ops, void *mta,
			 bool leading_space)
{
	const char *value = edit->value;

	/* Without SMFIP_HDR_LEADSPC the MTA puts one space behind the colon itself. */
	if (value != NULL && !leading_space && *value == ' ')
		value++;
	if (edit->kind == EDIT_INSERT)
		return ops->insert(mta, edit->index, edit->name, value);
	return ops->change(mta, edit->index, edit->name, value);
}

enum rc edits_apply(const struct edits *e, const struct mta_ops *ops, void *mta, bool leading_space,
		    struct err *err)
{
	for (size_t i = 0; i < e->v.len; i++) {
		const struct edit *edit = vec_at(&e->v, i);
		enum rc rc = apply_one(edit, ops, mta, leading_space);

		if (rc != RC_OK)
			return err_set(err, rc,
				       "the mail server refused edit %zu of %zu (field %s at %d)",
				       i + 1, e->v.len, edit->name, edit->index);
	}
	return RC_OK;
}
