#include "conf/aliasread.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "conf/accounts.h"
#include "conf/problems.h"
#include "conf/rulesread.h"
#include "mail/address.h"
#include "mail/domain.h"

#define ALIASES_MAX ((size_t)20 * 1000 * 1000)

struct aliases_reader {
	struct value_reader *r;
	struct conf *c;
	struct vec all; /* of struct conf_alias */
};

static bool take_alias(struct value_reader *r, const char *name, const char *targets,
		       const struct node *place)
{
	struct alias_draft *kept = vec_push(&r->rules->aliases);

	if (kept != NULL)
		*kept = (struct alias_draft){name, targets, place->file, place->line};
	return kept != NULL;
}

/* aliases = ( ("postmaster@example.com", "jim@example.com"), ... ) */
void value_aliases(struct value_reader *r, const struct schema_key *k, const struct node *n,
		   void *to)
{
	(void)to;
	value_pairs(r, k, n,
		    "pairs (\"alias@example.com\", \"account@example.com, other@example.net\") are "
		    "wanted",
		    take_alias);
}

static void complain(const struct aliases_reader *a, enum conf_severity severity, const char *file,
		     unsigned line, struct span name, const char *text)
{
	conf_problems_add(a->r->problems, severity, file, line, "alias \"%.*s\": %s",
			  SPAN_ARG(span_sub(name, 0, 100)), text);
}

/* LOCAL in lower case, '@', DOMAIN. NULL: no memory. */
static const char *join(const struct aliases_reader *a, struct span local, const char *domain)
{
	const char *p = account_join(a->r->arena, local, domain);

	a->r->problems->lost = a->r->problems->lost || p == NULL;
	return p;
}

static size_t last_at(struct span s)
{
	size_t i = s.len;

	while (i > 0 && s.p[i - 1] != '@')
		i--;
	return i > 0 ? i - 1 : s.len;
}

/* "user@domain", "@domain", "user": as accounts_resolve() looks for it. *RET_HOME: the domain, for bare targets. NULL: it
 * is none of ours. */
static const char *read_name(const struct aliases_reader *a, struct span text,
			     const struct conf_domain **ret_home)
{
	size_t at = last_at(text);
	char domain[DOMAIN_SIZE];
	char *bare;

	*ret_home = NULL;
	if (at == text.len) {
		bare = value_alloc(a->r, text.len + 1, 1);
		for (size_t i = 0; bare != NULL && i < text.len; i++)
			bare[i] = ascii_lower(text.p[i]);
		return bare;
	}
	if (domain_to_ascii(span_from(text, at + 1), domain, NULL) == RC_OK)
		*ret_home = conf_domain_find(a->c, domain);
	return *ret_home != NULL ? join(a, span_sub(text, 0, at), (*ret_home)->name) : NULL;
}

/* "|program", "/file", ":include:" of aliases(5), which only the mail server can follow. */
static bool is_bare_address(struct span text)
{
	return text.len != 0 && strchr("|/:\"", text.p[0]) == NULL && !span_has(text, '@');
}

/* LOCAL@DOMAIN without quotes, the domain in A-labels. NULL: it is no address, or no memory. */
static const char *read_address(const struct aliases_reader *a, struct span text)
{
	char domain[DOMAIN_SIZE];
	struct mailbox m;
	char *p;

	if (address_envelope_read(text, a->r->arena, &m, NULL) != RC_OK || m.local.len == 0 ||
	    domain_to_ascii(m.domain, domain, NULL) != RC_OK)
		return NULL;
	p = value_alloc(a->r, m.local.len + 1 + strlen(domain) + 1, 1);
	if (p != NULL) {
		memcpy(p, m.local.p, m.local.len);
		p[m.local.len] = '@';
		memcpy(p + m.local.len + 1, domain, strlen(domain));
	}
	return p;
}

/* A target; a bare one is of HOME. NULL after a complaint. */
static const char *read_target(const struct aliases_reader *a, const struct alias_draft *d,
			       struct span text, const struct conf_domain *home)
{
	const char *target = NULL, *whole;

	if (span_has(text, '@'))
		target = read_address(a, text);
	else if (home != NULL && is_bare_address(text)) {
		whole = join(a, text, home->name);
		target = whole != NULL ? read_address(a, span_str(whole)) : NULL;
	}
	if (target == NULL)
		complain(a, CONF_ERROR, d->file, d->line, span_str(d->name),
			 "its targets are addresses, account@domain");
	return target;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == ',';
}

/* Targets stand apart by commas or white space. */
static bool next_target(struct span *rest, struct span *ret)
{
	size_t n = 0;

	while (rest->len != 0 && is_space(rest->p[0]))
		*rest = span_from(*rest, 1);
	while (n < rest->len && !is_space(rest->p[n]))
		n++;
	*ret = span_sub(*rest, 0, n);
	*rest = span_from(*rest, n);
	return n != 0;
}

static const char *const *read_targets(const struct aliases_reader *a, const struct alias_draft *d,
				       const struct conf_domain *home)
{
	struct span rest = span_str(d->targets), part;
	size_t n = 0, at = 0;
	const char **list;

	while (next_target(&rest, &part))
		n++;
	if (n == 0 || n > ACCOUNT_TARGETS_MAX) {
		complain(a, CONF_ERROR, d->file, d->line, span_str(d->name),
			 n == 0 ? "it has no target" : "it has more than 1000 targets");
		return NULL;
	}
	list = value_alloc(a->r, n + 1, sizeof(*list));
	rest = span_str(d->targets);
	while (list != NULL && next_target(&rest, &part)) {
		list[at] = read_target(a, d, part, home);
		if (list[at++] == NULL)
			return NULL;
	}
	return list;
}

static void add(struct aliases_reader *a, const struct alias_draft *d)
{
	const struct conf_domain *home;
	struct conf_alias alias = {.file = d->file, .line = d->line};
	struct conf_alias *kept;

	alias.name = read_name(a, span_str(d->name), &home);
	if (alias.name == NULL) {
		complain(a, CONF_WARNING, d->file, d->line, span_str(d->name),
			 "it is no address of a domain of this configuration and has no effect");
		return;
	}
	alias.targets = read_targets(a, d, home);
	if (alias.targets == NULL)
		return;
	kept = vec_push(&a->all);
	if (kept != NULL)
		*kept = alias;
	else
		a->r->problems->lost = true;
}

/* --- files, in the format of virtual(5) --------------------------------------------------------- */

static const char *copy(const struct aliases_reader *a, struct span s)
{
	char *p = value_alloc(a->r, s.len + 1, 1);

	if (p != NULL && s.len != 0)
		memcpy(p, s.p, s.len);
	return p;
}

/* "name targets", or "name: targets" as in aliases(5). */
static void read_entry(struct aliases_reader *a, const char *file, unsigned line, struct span text)
{
	struct alias_draft d = {.file = file, .line = line};
	struct span name;
	size_t n = 0;

	text = span_trim_fold(text);
	while (n < text.len && !is_wsp(text.p[n]))
		n++;
	name = span_sub(text, 0, n);
	if (name.len > 1 && name.p[name.len - 1] == ':')
		name.len--;
	d.name = copy(a, name);
	d.targets = copy(a, span_trim_fold(span_from(text, n)));
	if (d.name != NULL && d.targets != NULL)
		add(a, &d);
}

static bool is_text(struct span s)
{
	return memchr(s.p != NULL ? s.p : "", '\0', s.len) == NULL;
}

/* An entry on its way: its lines as one. */
struct entry {
	struct buf text;
	unsigned first; /* line; 0: none has begun */
};

static void end_entry(struct aliases_reader *a, const char *file, struct entry *e)
{
	if (e->first != 0)
		read_entry(a, file, e->first, buf_span(&e->text));
	e->text.len = 0;
	e->first = 0;
}

/* A line that begins with white space goes on from the one before. */
static void take_line(struct aliases_reader *a, const char *file, struct entry *e, unsigned number,
		      struct span line)
{
	if (!is_wsp(line.p[0])) {
		end_entry(a, file, e);
		e->first = number;
	}
	if (e->first == 0)
		conf_problems_add(a->r->problems, CONF_WARNING, file, number,
				  "alias_maps: the line begins with white space, and there is none "
				  "before it to go on from");
	else if (buf_add(&e->text, line, NULL) != RC_OK || buf_addc(&e->text, ' ', NULL) != RC_OK)
		a->r->problems->lost = true;
}

/* Postfix' readllines(): '#' behind white space, too, begins a line that says nothing, also within an entry. */
static void read_lines(struct aliases_reader *a, const char *file, struct span text)
{
	struct entry e = {.first = 0};
	unsigned number = 0;
	struct span line;

	buf_init(&e.text, 2 * text.len + 2);
	while (span_split(&text, '\n', &line)) {
		struct span said = span_trim_fold(line);

		number++;
		if (said.len != 0 && said.p[0] != '#')
			take_line(a, file, &e, number,
				  span_sub(line, 0, (size_t)(said.p + said.len - line.p)));
	}
	end_entry(a, file, &e);
	buf_clear(&e.text);
}

static void read_map(struct aliases_reader *a, const char *file)
{
	struct err why = ERR_INIT;
	struct buf text;
	enum rc rc;
	bool optional = strcmp(file, ALIAS_DEFAULT_MAP) == 0;

	buf_init(&text, ALIAS_FILE_MAX);
	rc = file_read(file, &text, &why);
	if (rc == RC_OK)
		value_remember_file(a->r, file);
	if (rc != RC_OK && !(rc == RC_NOTFOUND && optional))
		conf_problems_add(a->r->problems, CONF_ERROR, file, 0, "alias_maps: %s", why.text);
	else if (!is_text(buf_span(&text)))
		conf_problems_add(a->r->problems, CONF_ERROR, file, 0,
				  "alias_maps: a NUL in it: the text is wanted, not its .db");
	else if (text.len != 0)
		read_lines(a, file, buf_span(&text));
	buf_clear(&text);
}

/* --- all of them -------------------------------------------------------------------------------- */

static int compare(const void *x, const void *y)
{
	const struct conf_alias *a = x, *b = y;

	return strcmp(a->name, b->name);
}

/* Entries of the configuration were added first: of equal names the first one stays. */
static int compare_stable(const void *x, const void *y)
{
	const struct conf_alias *a = *(const struct conf_alias *const *)x;
	const struct conf_alias *b = *(const struct conf_alias *const *)y;
	int order = compare(a, b);

	return order != 0 ? order : (a > b) - (a < b);
}

static void given_twice(const struct aliases_reader *a, const struct conf_alias *first,
			const struct conf_alias *again)
{
	conf_problems_add(a->r->problems, CONF_WARNING, again->file, again->line,
			  "alias \"%s\": given before at %s:%u, which counts", again->name,
			  first->file, first->line);
}

static void sort(struct aliases_reader *a, struct conf_aliases *to)
{
	size_t n = a->all.len;
	const struct conf_alias **order = calloc(n + 1, sizeof(const struct conf_alias *));
	struct conf_alias *kept = value_alloc(a->r, n + 1, sizeof(*kept));

	if (order == NULL || kept == NULL) {
		a->r->problems->lost = true;
		free(order);
		return;
	}
	for (size_t i = 0; i < n; i++)
		order[i] = vec_at(&a->all, i);
	qsort(order, n, sizeof(const struct conf_alias *), compare_stable);
	for (size_t i = 0; i < n; i++) {
		if (to->n != 0 && strcmp(kept[to->n - 1].name, order[i]->name) == 0)
			given_twice(a, &kept[to->n - 1], order[i]);
		else
			kept[to->n++] = *order[i];
	}
	to->at = kept;
	free(order);
}

void aliases_finish(struct value_reader *r, const struct vec *drafts, struct conf *c)
{
	struct aliases_reader a = {.r = r, .c = c};
	struct conf_aliases *to = value_alloc(r, 1, sizeof(*to));

	if (to == NULL)
		return;
	c->aliases = to;
	vec_init(&a.all, sizeof(struct conf_alias), ALIASES_MAX);
	for (size_t i = 0; i < drafts->len; i++) {
		const struct alias_draft *d = vec_at(drafts, i);

		if (d->name != NULL && d->targets != NULL)
			add(&a, d);
	}
	for (const char *const *map = c->alias_maps; map != NULL && *map != NULL; map++)
		read_map(&a, *map);
	sort(&a, to);
	vec_clear(&a.all);
}
