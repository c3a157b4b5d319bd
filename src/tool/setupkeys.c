#include "tool/setup.h"

#include "directory/keystore.h"
#include "tool/dnstext.h"
#include "tool/newkey.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct work {
	struct tool *t;
	const struct conf *conf;
	const struct conf_domain *domain;
	struct directory *directory; /* NULL: no catalogue yet, and --dry-run */
	bool new_catalogue;
	struct arena *arena;
	struct selector made[DKIM_ALGS];
	size_t n_made;
	json_t *reply;
};

static bool is_of_use(const struct selector *s, enum dkim_alg alg)
{
	return s->alg == alg &&
	       (s->state == SEL_STANDBY || s->state == SEL_PUBLISHED || s->state == SEL_ACTIVE);
}

static bool has_selector(const struct selector_list *list, const char *domain, enum dkim_alg alg)
{
	size_t n = 0;
	const struct selector *run = list != NULL ? selector_list_domain(list, domain, &n) : NULL;

	for (size_t i = 0; i < n; i++)
		if (is_of_use(&run[i], alg))
			return true;
	return false;
}

static enum rc add_word(struct work *w, const char *list, const char *word, struct err *err)
{
	if (json_array_append_new(json_object_get(w->reply, list), json_string(word)) != 0)
		return err_set(err, RC_NOMEM, "JSON");
	return RC_OK;
}

static enum rc make_selector(struct work *w, enum dkim_alg alg, struct err *err)
{
	struct key *key = NULL;
	char name[64];
	const char *domain = w->domain->sign_domain;
	enum rc rc = newkey_name(w->directory, domain, alg, tool_now(w->t), name, err);

	if (rc == RC_OK)
		rc = key_generate(dkim_alg_key_type(alg), w->domain->rotate.rsa_bits, &key, err);
	if (rc == RC_OK)
		rc = newkey_store(w->directory, w->conf->state_dir, domain, name, key,
				  tool_now(w->t), w->arena, &w->made[w->n_made], err);
	if (rc == RC_OK) {
		w->n_made++;
		rc = add_word(w, "made", name, err);
	}
	key_unref(key);
	return rc;
}

static enum rc make_missing(struct work *w, struct err *err)
{
	const struct conf_domain *d = w->domain;
	struct selector_list *list = NULL;
	enum rc rc = RC_OK;

	if (w->directory != NULL)
		rc = w->directory->ops->load(w->directory, &list, err);
	for (size_t i = 0; rc == RC_OK && i < d->sign.n_algorithms; i++) {
		enum dkim_alg alg = d->sign.algorithms[i];

		if (has_selector(list, d->sign_domain, alg))
			continue;
		if (tool_dry_run(w->t))
			rc = add_word(w, "wanted", dkim_alg_name(alg), err);
		else
			rc = make_selector(w, alg, err);
	}
	selector_list_free(list);
	return rc;
}

static enum rc show_one(struct work *w, const struct selector *s, struct buf *zone, struct buf *web,
			struct err *err)
{
	struct dnstext r = dnstext_of(w->domain, s);
	json_t *record = NULL;
	enum rc rc = dnstext_zone(&r, zone, err);

	if (rc == RC_OK && web->len > 0)
		rc = buf_addc(web, '\n', err);
	if (rc == RC_OK)
		rc = dnstext_web(&r, web, err);
	if (rc == RC_OK)
		rc = dnstext_json(&r, &record, err);
	if (rc == RC_OK && json_array_append_new(json_object_get(w->reply, "records"), record) != 0)
		rc = err_set(err, RC_NOMEM, "JSON");
	return rc;
}

static bool was_made(const struct work *w, const struct selector *s)
{
	for (size_t i = 0; i < w->n_made; i++)
		if (strcmp(w->made[i].name, s->name) == 0)
			return true;
	return false;
}

/* Every record that should be in the DNS: of all selectors but the revoked. */
static enum rc show_records(struct work *w, struct err *err)
{
	struct selector_list *list = NULL;
	const struct selector *run = NULL;
	struct buf zone, web;
	size_t n = 0;
	enum rc rc = RC_OK;

	buf_init(&zone, 1 << 20);
	buf_init(&web, 1 << 20);
	if (w->directory != NULL)
		rc = w->directory->ops->load(w->directory, &list, err);
	if (rc == RC_OK && list != NULL)
		run = selector_list_domain(list, w->domain->sign_domain, &n);
	for (size_t i = 0; rc == RC_OK && i < n; i++) {
		if (run[i].state == SEL_REVOKED)
			continue;
		rc = show_one(w, &run[i], &zone, &web, err);
		if (rc == RC_OK && !was_made(w, &run[i]))
			rc = add_word(w, "kept", run[i].name, err);
	}
	if (rc == RC_OK && n > 0 &&
	    (json_object_set_new(w->reply, "zone", json_stringn(zone.p, zone.len)) != 0 ||
	     json_object_set_new(w->reply, "web", json_stringn(web.p, web.len)) != 0))
		rc = err_set(err, RC_NOMEM, "JSON");
	buf_clear(&zone);
	buf_clear(&web);
	selector_list_free(list);
	return rc;
}

static void remove_file(const char *dir, const char *name)
{
	struct buf path;

	buf_init(&path, 8192);
	if (buf_addf(&path, NULL, "%s/%s", dir, name) == RC_OK && buf_cstr(&path) != NULL)
		(void)!remove(path.p);
	buf_clear(&path);
}

static void remove_row(struct directory *d, const struct selector *made)
{
	struct selector_list *list = NULL;
	const struct selector *row;

	if (d->ops->load(d, &list, NULL) != RC_OK)
		return;
	row = selector_list_find(list, made->domain, made->name);
	if (row != NULL)
		(void)!d->ops->selector_remove(d, row, NULL);
	selector_list_free(list);
}

/* Another process may have found our new catalogue meanwhile, and have used it. */
static bool holds_rows(struct directory *d)
{
	struct selector_list *list = NULL;
	bool some;

	if (d == NULL || d->ops->load(d, &list, NULL) != RC_OK)
		return false;
	some = list->n > 0;
	selector_list_free(list);
	return some;
}

/* A failure came after some were made. Their keys were never shown to anybody: they go for good. */
static void unmake(struct work *w)
{
	static const char *const catalogue[] = {"catalogue.db", "catalogue.db-wal",
						"catalogue.db-shm"};

	for (size_t i = 0; i < w->n_made; i++) {
		remove_row(w->directory, &w->made[i]);
		(void)!keystore_discard(w->conf->state_dir, w->made[i].fingerprint, NULL);
	}
	if (!w->new_catalogue || holds_rows(w->directory))
		return;
	w->directory = directory_close(w->directory);
	for (size_t i = 0; i < COUNT_OF(catalogue); i++)
		remove_file(w->conf->state_dir, catalogue[i]);
	remove_file(w->conf->state_dir, "keys/trash");
	remove_file(w->conf->state_dir, "keys");
}

/* Not by tool_directory(): a new catalogue must be known as one, to be taken away again. */
static enum rc open_catalogue(struct work *w, struct err *err)
{
	enum rc rc = directory_open(w->conf->state_dir, DIRECTORY_READ, &w->directory, err);

	if (rc == RC_NOTFOUND && tool_dry_run(w->t))
		return RC_OK;
	if (rc != RC_OK && rc != RC_NOTFOUND)
		return rc;
	if (tool_dry_run(w->t))
		return RC_OK;
	w->new_catalogue = rc == RC_NOTFOUND;
	w->directory = directory_close(w->directory);
	return directory_open(w->conf->state_dir, DIRECTORY_CREATE, &w->directory, err);
}

static enum rc dump_reply(const json_t *object, struct buf *reply, struct err *err)
{
	char *text = json_dumps(object, JSON_COMPACT);
	enum rc rc = text != NULL ? buf_adds(reply, text, err) : err_set(err, RC_NOMEM, "JSON");

	free(text);
	return rc;
}

enum rc setup_selectors(struct tool *t, void *ctx, struct buf *reply, struct err *err)
{
	struct work w = {.t = t};
	enum rc rc = tool_conf(t, &w.conf, err);

	if (rc == RC_OK)
		rc = tool_domain(t, ctx, &w.domain, err);
	if (rc != RC_OK)
		return rc;
	w.arena = arena_new(1 << 20);
	w.reply = json_pack("{s:[], s:[], s:[], s:s, s:s, s:[]}", "made", "kept", "wanted", "zone",
			    "", "web", "", "records");
	if (w.arena == NULL || w.reply == NULL)
		rc = err_set(err, RC_NOMEM, "selectors");
	if (rc == RC_OK)
		rc = open_catalogue(&w, err);
	if (rc == RC_OK)
		rc = make_missing(&w, err);
	if (rc == RC_OK)
		rc = show_records(&w, err);
	if (rc == RC_OK)
		rc = dump_reply(w.reply, reply, err);
	if (rc != RC_OK)
		unmake(&w);
	w.directory = directory_close(w.directory);
	json_decref(w.reply);
	arena_free(w.arena);
	return rc;
}
