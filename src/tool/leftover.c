#include "tool/leftover.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static enum rc push(struct vec *v, const char *name, struct err *err)
{
	const char **place = vec_push(v);

	if (place == NULL)
		return err_set(err, RC_NOMEM, "out of memory");
	*place = name;
	return RC_OK;
}

static void sort(struct vec *v)
{
	if (v->len > 1)
		qsort(v->items, v->len, sizeof(const char *), compare);
}

static bool has(const struct vec *sorted, const char *name)
{
	return sorted->len > 0 &&
	       bsearch(&name, sorted->items, sorted->len, sizeof(const char *), compare) != NULL;
}

static enum rc sign_domains(const struct conf *conf, struct vec *out, struct err *err)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; rc == RC_OK && i < conf->n_domains; i++)
		rc = push(out, conf->domains[i].sign_domain, err);
	sort(out);
	return rc;
}

enum rc leftover_domains(const struct conf *conf, const struct selector_list *list, struct vec *ret,
			 struct err *err)
{
	struct vec known;
	enum rc rc;
	size_t n;

	vec_init(ret, sizeof(const char *), SIZE_MAX);
	vec_init(&known, sizeof(const char *), SIZE_MAX);
	rc = sign_domains(conf, &known, err);
	for (size_t i = 0; rc == RC_OK && i < list->n; i += n) {
		const char *domain = list->at[i].domain;

		(void)selector_list_domain(list, domain, &n);
		if (!has(&known, domain))
			rc = push(ret, domain, err);
	}
	vec_clear(&known);
	return rc;
}

enum rc leftover_keys(const struct vec *files, const struct selector_list *list, struct vec *ret,
		      struct err *err)
{
	const char(*all)[SHA256_HEX_SIZE] = files->items;
	struct vec used;
	enum rc rc = RC_OK;

	vec_init(ret, sizeof(const char *), SIZE_MAX);
	vec_init(&used, sizeof(const char *), SIZE_MAX);
	for (size_t i = 0; rc == RC_OK && i < list->n; i++)
		rc = push(&used, list->at[i].fingerprint, err);
	sort(&used);
	for (size_t i = 0; rc == RC_OK && i < files->len; i++)
		if (!has(&used, all[i]))
			rc = push(ret, all[i], err);
	vec_clear(&used);
	return rc;
}
