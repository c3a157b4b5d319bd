#include "conf/tree.h"

#include <libconfig.h>
#include <string.h>

#include "conf/problems.h"

struct builder {
	const struct source *source;
	struct arena *arena;
	size_t texts; /* seen so far */
};

static bool build(struct builder *b, const config_setting_t *setting, struct node *ret);

static bool build_kids(struct builder *b, const config_setting_t *setting, struct node *ret)
{
	int n = config_setting_length(setting);

	ret->u.kids.n = (size_t)n;
	if (n == 0)
		return true;
	ret->u.kids.at = arena_calloc(b->arena, ret->u.kids.n, sizeof(struct node));
	if (ret->u.kids.at == NULL)
		return false;
	for (int i = 0; i < n; i++)
		if (!build(b, config_setting_get_elem(setting, (unsigned)i), &ret->u.kids.at[i]))
			return false;
	return true;
}

/* libconfig gives a text in a list the line of what follows it; the scanner counted them. */
static bool build_text(struct builder *b, const config_setting_t *setting, struct node *ret)
{
	const struct vec *lines = &b->source->texts;

	if (b->texts < lines->len)
		ret->file =
			source_place(b->source, *(unsigned *)vec_at(lines, b->texts), &ret->line);
	b->texts++;
	ret->u.text = arena_strdup(b->arena, config_setting_get_string(setting));
	return ret->u.text != NULL;
}

static bool build_value(struct builder *b, const config_setting_t *setting, struct node *ret)
{
	switch (config_setting_type(setting)) {
	case CONFIG_TYPE_GROUP:
		ret->type = NODE_GROUP;
		return build_kids(b, setting, ret);
	case CONFIG_TYPE_ARRAY:
	case CONFIG_TYPE_LIST:
		ret->type = NODE_LIST;
		return build_kids(b, setting, ret);
	case CONFIG_TYPE_STRING:
		ret->type = NODE_TEXT;
		return build_text(b, setting, ret);
	case CONFIG_TYPE_BOOL:
		ret->type = NODE_BOOL;
		ret->u.truth = config_setting_get_bool(setting) != 0;
		return true;
	case CONFIG_TYPE_FLOAT:
		ret->type = NODE_FLOAT;
		ret->u.real = config_setting_get_float(setting);
		return true;
	case CONFIG_TYPE_INT:
		ret->type = NODE_INT;
		ret->u.number = config_setting_get_int(setting);
		return true;
	default:
		ret->type = NODE_INT;
		ret->u.number = config_setting_get_int64(setting);
		return true;
	}
}

/* The depth is bounded by the scanner (SCAN_DEPTH_MAX). */
static bool build(struct builder *b, const config_setting_t *setting, struct node *ret)
{
	const char *name = config_setting_name(setting);

	ret->file =
		source_place(b->source, (unsigned)config_setting_source_line(setting), &ret->line);
	if (name != NULL) {
		ret->name = arena_strdup(b->arena, name);
		if (ret->name == NULL)
			return false;
	}
	return build_value(b, setting, ret);
}

static enum rc refused(const struct source *s, const config_t *config,
		       struct conf_problems *problems)
{
	int at = config_error_line(config);
	unsigned line;
	const char *file = source_place(s, at > 0 ? (unsigned)at : 1, &line);
	const char *text = config_error_text(config);
	struct span shown = source_line(s, at > 0 ? (unsigned)at : 1);

	conf_problems_add(problems, CONF_ERROR, file, line, "%s: %.*s",
			  text != NULL ? text : "cannot be read", SPAN_ARG(span_sub(shown, 0, 80)));
	return RC_CONF;
}

enum rc tree_build(struct source *s, struct arena *arena, struct node *ret,
		   struct conf_problems *problems, struct err *err)
{
	struct builder b = {.source = s, .arena = arena};
	const char *text = buf_cstr(&s->text);
	config_t config;
	enum rc rc = RC_OK;

	if (text == NULL)
		return err_set(err, RC_NOMEM, "out of memory");
	config_init(&config);
	if (config_read_string(&config, text) != CONFIG_TRUE)
		rc = refused(s, &config, problems);
	else if (!build(&b, config_root_setting(&config), ret))
		rc = RC_NOMEM;
	config_destroy(&config);
	return rc == RC_OK ? rc : err_set(err, rc, "%s", rc_word(rc));
}

const struct node *node_member(const struct node *group, const char *name)
{
	for (size_t i = 0; i < group->u.kids.n; i++)
		if (strcmp(group->u.kids.at[i].name, name) == 0)
			return &group->u.kids.at[i];
	return NULL;
}
