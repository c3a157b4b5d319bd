#include "conf/conf.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "conf/accounts.h"
#include "conf/domains.h"
#include "conf/problems.h"
#include "conf/read.h"
#include "conf/rulesread.h"
#include "conf/source.h"
#include "conf/zone.h"
#include "crypto/cert.h"
#include "mail/domain.h"

static const char defaults_name[] = "(defaults)";

/* A directory that a chrooted Postfix sees and that belongs to us, when the administrator (or `mailseal postfix
 * connect`) made it. */
#define POSTFIX_DIR "/var/spool/postfix/mailseal"

/* Bounds what one configuration may take. */
#define CONF_BYTES_MAX ((size_t)1 << 30)
#define CERTS_MAX ((size_t)1 << 20)

struct loader {
	struct conf *c;
	struct conf_problems *problems;
	struct value_reader reader;
	struct domains domains;
	struct vec files; /* of const char * */
	struct rules_drafts drafts;
};

struct conf *conf_free(struct conf *c)
{
	if (c == NULL)
		return NULL;
	for (size_t i = 0; i < c->certs.len; i++)
		cert_unref(*(struct cert **)vec_at(&c->certs, i));
	vec_clear(&c->certs);
	arena_free(c->arena);
	return NULL;
}

static enum rc conf_new(const char *file, struct conf **ret, struct err *err)
{
	struct arena *arena = arena_new(CONF_BYTES_MAX);
	struct conf *c = arena != NULL ? arena_alloc(arena, sizeof(*c)) : NULL;

	if (c != NULL)
		c->file = arena_strdup(arena, file);
	if (c == NULL || c->file == NULL) {
		arena_free(arena);
		return err_set(err, RC_NOMEM, "out of memory");
	}
	c->arena = arena;
	vec_init(&c->certs, sizeof(struct cert *), CERTS_MAX);
	*ret = c;
	return RC_OK;
}

static enum rc remember_files(struct loader *l, const struct source *s, struct err *err)
{
	const char **all = s->files.items;

	for (size_t i = 0; i < s->files.len; i++) {
		const char **place = vec_push(&l->files);

		if (place == NULL)
			return err_set(err, RC_NOMEM, "out of memory");
		*place = all[i];
	}
	return RC_OK;
}

/* One file (or, with PATH == NULL, TEXT) as a tree in *RET_ARENA, which the caller frees. *RET_GOOD is false where
 * the file has mistakes that make it unreadable; they have been complained of. */
static enum rc load(struct loader *l, const char *path, struct span text, struct arena **ret_arena,
		    struct node *ret, bool *ret_good, struct err *err)
{
	size_t errors = l->problems->errors;
	struct source source;
	enum rc rc;

	source_init(&source);
	*ret_arena = arena_new(CONF_BYTES_MAX);
	*ret_good = false;
	if (*ret_arena == NULL)
		rc = err_set(err, RC_NOMEM, "out of memory");
	else if (path != NULL)
		rc = source_read(&source, path, path == l->c->file, l->c->arena, l->problems, err);
	else
		rc = source_of_text(&source, defaults_name, text, l->problems, err);
	if (rc == RC_OK)
		rc = remember_files(l, &source, err);
	if (rc == RC_OK && l->problems->errors == errors) {
		rc = tree_build(&source, *ret_arena, ret, l->problems, err);
		*ret_good = rc == RC_OK;
		if (rc == RC_CONF)
			rc = RC_OK;
	}
	source_clear(&source);
	return rc;
}

typedef void use_tree(struct loader *l, const struct node *root);

static enum rc load_and_use(struct loader *l, const char *path, struct span text, use_tree *use,
			    struct err *err)
{
	struct arena *arena = NULL;
	struct node root = {.type = NODE_GROUP};
	bool good;
	enum rc rc = load(l, path, text, &arena, &root, &good, err);

	if (rc == RC_OK && good)
		use(l, &root);
	else
		l->domains.incomplete = true;
	arena_free(arena);
	return rc;
}

static void use_defaults(struct loader *l, const struct node *root)
{
	read_top(&l->reader, root, l->c);
}

static void use_domain_defaults(struct loader *l, const struct node *root)
{
	read_domain(&l->reader, root, &l->domains.initial);
}

typedef enum rc show_defaults(struct buf *out, struct err *err);

static enum rc apply_defaults(struct loader *l, show_defaults *show, use_tree *use, struct err *err)
{
	struct buf text;
	enum rc rc;

	buf_init(&text, 65536);
	rc = show(&text, err);
	if (rc == RC_OK)
		rc = load_and_use(l, NULL, buf_span(&text), use, err);
	buf_clear(&text);
	return rc;
}

/* Notes of what is not built yet are for what an administrator wrote: those of the defaults go. */
static enum rc read_defaults(struct loader *l, struct err *err)
{
	enum rc rc = apply_defaults(l, schema_show_defaults, use_defaults, err);

	if (rc == RC_OK)
		rc = apply_defaults(l, schema_show_domain_defaults, use_domain_defaults, err);
	if (rc == RC_OK)
		rc = conf_problems_result(l->problems, err);
	conf_problems_clear(l->problems);
	return rc;
}

static const struct node *member_of(const struct node *root, const char *group, const char *key)
{
	const struct node *g = node_member(root, group);

	return g != NULL && g->type == NODE_GROUP ? node_member(g, key) : NULL;
}

static void choose_socket(struct loader *l, const struct node *root)
{
	struct stat st;

	if (member_of(root, "milter", "socket") == NULL && stat(POSTFIX_DIR, &st) == 0 &&
	    S_ISDIR(st.st_mode))
		l->c->milter_socket = "unix:" POSTFIX_DIR "/mailseal.sock";
}

static void check_daemons(struct loader *l, const struct node *root)
{
	const struct node *n = member_of(root, "trust", "not_daemons");
	const struct conf_trust *t = &l->c->trust;

	for (const char *const *no = t->not_daemons; n != NULL && *no != NULL; no++)
		for (const char *const *yes = t->daemons; *yes != NULL; yes++)
			if (strcmp(*no, *yes) == 0)
				conf_problems_add(l->problems, CONF_WARNING, n->file, n->line,
						  "trust.not_daemons: \"%s\" is in trust.daemons "
						  "too, which counts",
						  *no);
}

static void read_zone(struct loader *l, const struct node *root)
{
	const struct node *n = node_member(root, "timezone");
	struct err why = ERR_INIT;
	enum rc rc = zone_read(l->c->timezone, l->c->arena, &l->c->zone, &why);

	l->problems->lost = l->problems->lost || rc == RC_NOMEM;
	if (rc == RC_OK || rc == RC_NOMEM)
		return;
	conf_problems_add(l->problems, CONF_ERROR, n != NULL ? n->file : l->c->file,
			  n != NULL ? n->line : 0, "timezone: %s", why.text);
}

static void use_main(struct loader *l, const struct node *root)
{
	const struct node *domains = node_member(root, "domains");

	read_top(&l->reader, root, l->c);
	choose_socket(l, root);
	check_daemons(l, root);
	read_zone(l, root);
	domains_inherit(&l->domains, member_of(root, "sign", "also"));
	if (domains != NULL && domains->type == NODE_LIST)
		domains_add(&l->domains, domains);
}

/* May go on after it: the file is there and ours to read, but no good. */
static bool is_fault_of_file(enum rc rc)
{
	return rc == RC_INPUT || rc == RC_LIMIT || rc == RC_IO;
}

/* Without the main file the defaults are what the other files are checked against. */
static enum rc read_main(struct loader *l, struct err *err)
{
	struct err why = ERR_INIT;
	enum rc rc = load_and_use(l, l->c->file, SPAN_NONE, use_main, &why);

	if (is_fault_of_file(rc)) {
		conf_problems_add(l->problems, CONF_ERROR, l->c->file, 0, "%s", why.text);
		rc = RC_OK;
	}
	if (rc != RC_OK)
		return err_set(err, rc, "%s", why.text);
	if (l->domains.incomplete)
		domains_inherit(&l->domains, NULL);
	return RC_OK;
}

static void misplaced(struct loader *l, const struct node *n)
{
	if (schema_key_find(&schema_domain, n->name) != NULL)
		conf_problems_add(l->problems, CONF_ERROR, n->file, n->line,
				  "%s: a domain is written as domains = ( { name = "
				  "\"example.com\"; ... } );",
				  n->name);
	else
		conf_problems_add(l->problems, CONF_ERROR, n->file, n->line,
				  "%s: in domains.d only domains = ( ... ); may stand; other "
				  "settings belong into %s",
				  n->name, l->c->file);
}

static void use_more(struct loader *l, const struct node *root)
{
	char shown[VALUE_SHOWN_SIZE];

	for (size_t i = 0; i < root->u.kids.n; i++) {
		const struct node *n = &root->u.kids.at[i];

		if (strcmp(n->name, "domains") != 0)
			misplaced(l, n);
		else if (n->type == NODE_LIST)
			domains_add(&l->domains, n);
		else
			conf_problems_add(l->problems, CONF_ERROR, n->file, n->line,
					  "domains: a list ( { ... }, ... ) is wanted, found %s",
					  value_shown(n, shown));
	}
}

/* "DIR/domains.d" beside the main file. */
static const char *domains_dir(const struct conf *c)
{
	static const char name[] = "domains.d";
	const char *slash = strrchr(c->file, '/');
	size_t dir = slash != NULL ? (size_t)(slash - c->file) + 1 : 0;
	char *path = arena_alloc(c->arena, dir + sizeof(name));

	if (path != NULL) {
		memcpy(path, c->file, dir);
		memcpy(path + dir, name, sizeof(name));
	}
	return path;
}

static int is_conf_file(const struct dirent *e)
{
	return e->d_name[0] != '.' && strlen(e->d_name) > 5 &&
	       span_ends(span_str(e->d_name), SPAN_LIT(".conf"));
}

static int byte_order(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static enum rc read_one(struct loader *l, const char *dir, const char *name, struct err *err)
{
	struct err why = ERR_INIT;
	struct buf path;
	const char *shown;
	enum rc rc;

	buf_init(&path, 8192);
	rc = buf_addf(&path, err, "%s/%s", dir, name);
	shown = rc == RC_OK ? buf_cstr(&path) : NULL;
	if (shown == NULL) {
		rc = RC_NOMEM;
	} else {
		rc = load_and_use(l, shown, SPAN_NONE, use_more, &why);
		if (rc != RC_OK && rc != RC_NOMEM) {
			conf_problems_add(l->problems, CONF_ERROR, shown, 0, "%s", why.text);
			rc = RC_OK;
		}
	}
	buf_clear(&path);
	return rc == RC_OK ? rc : err_set(err, rc, "out of memory");
}

static enum rc read_domains_dir(struct loader *l, struct err *err)
{
	const char *dir = domains_dir(l->c);
	struct dirent **files = NULL;
	enum rc rc = RC_OK;
	int n;

	if (dir == NULL)
		return err_set(err, RC_NOMEM, "out of memory");
	n = scandir(dir, &files, is_conf_file, byte_order);
	if (n < 0 && errno == ENOMEM)
		return err_set(err, RC_NOMEM, "out of memory");
	if (n < 0 && errno != ENOENT)
		conf_problems_add(l->problems, CONF_ERROR, dir, 0,
				  "the directory cannot be read: %s", strerror(errno));
	for (int i = 0; i < n; i++) {
		if (rc == RC_OK)
			rc = read_one(l, dir, files[i]->d_name, err);
		free(files[i]);
	}
	free(files);
	return rc;
}

/* Into the arena, which lives as long as what they are for. */
static enum rc keep_files(struct loader *l, struct err *err)
{
	const char **list = arena_calloc(l->c->arena, l->files.len + 1, sizeof(*list));

	if (list == NULL)
		return err_set(err, RC_NOMEM, "out of memory");
	if (l->files.len > 0)
		memcpy(list, l->files.items, l->files.len * sizeof(*list));
	l->c->files = list;
	l->c->n_files = l->files.len;
	return RC_OK;
}

/* When every file has been read. Without a zone there has been an error already. */
static void finish(struct loader *l)
{
	domains_finish(&l->domains);
	aliases_finish(&l->reader, &l->drafts.aliases, l->c);
	if (l->c->zone != NULL)
		rules_finish(&l->reader, &l->drafts, l->c, l->domains.incomplete);
}

static enum rc read_all(struct loader *l, struct err *err)
{
	enum rc rc;

	conf_problems_clear(l->problems);
	l->reader = (struct value_reader){.arena = l->c->arena,
					  .problems = l->problems,
					  .group = "",
					  .domain = NULL,
					  .rules = &l->drafts,
					  .certs = &l->c->certs,
					  .files = &l->files};
	rules_drafts_init(&l->drafts);
	domains_init(&l->domains, &l->reader, l->c);
	rc = read_defaults(l, err);
	if (rc == RC_OK)
		rc = read_main(l, err);
	if (rc == RC_OK)
		rc = read_domains_dir(l, err);
	if (rc == RC_OK)
		finish(l);
	if (rc == RC_OK)
		rc = keep_files(l, err);
	domains_clear(&l->domains);
	rules_drafts_clear(&l->drafts);
	conf_problems_sort(l->problems);
	return rc == RC_OK ? conf_problems_result(l->problems, err) : rc;
}

enum rc conf_read(const char *file, struct conf **ret, struct conf_problems *problems,
		  struct err *err)
{
	struct conf_problems own = {.errors = 0};
	struct loader l = {.problems = problems != NULL ? problems : &own};
	enum rc rc = conf_new(file, &l.c, err);

	conf_problems_init(&own);
	vec_init(&l.files, sizeof(const char *), SIZE_MAX / sizeof(const char *));
	if (rc == RC_OK)
		rc = read_all(&l, err);
	vec_clear(&l.files);
	conf_problems_clear(&own);
	if (rc == RC_OK)
		*ret = l.c;
	else
		conf_free(l.c);
	return rc;
}

static int compare_key(const void *key, const void *element)
{
	const struct conf_name *n = element;

	return strcmp(key, n->name);
}

const struct conf_domain *conf_domain_find(const struct conf *c, const char *name)
{
	const struct conf_name *n = NULL;

	if (c->n_names > 0)
		n = bsearch(name, c->names, c->n_names, sizeof(*c->names), compare_key);
	return n != NULL ? n->domain : NULL;
}

const struct conf_domain *conf_domain_for_mail(const struct conf *c, const char *name)
{
	const struct conf_domain *d = conf_domain_find(c, name);

	while (d == NULL && (name = domain_parent(name)) != NULL) {
		d = conf_domain_find(c, name);
		if (d != NULL && !d->subdomains)
			d = NULL;
	}
	return d;
}
