/* mailseal.conf of arbitrary bytes. */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "conf/conf.h"
#include "fuzz.h"

static void check_text(const char *s)
{
	PROMISE(s != NULL);
	for (; *s != '\0'; s++)
		PROMISE((unsigned char)*s >= 0x20 && *s != 0x7f);
}

static void check_list(const char *const *list)
{
	PROMISE(list != NULL);
	for (; *list != NULL; list++)
		check_text(*list);
}

static bool has_field(const char *const *list, const char *name)
{
	for (; *list != NULL; list++)
		if (span_ieq(span_str(*list), span_str(name)))
			return true;
	return false;
}

static void check_sign(const struct conf_sign *s)
{
	PROMISE(s->n_algorithms >= 1 && s->n_algorithms <= DKIM_ALGS);
	check_list(s->policy.sign);
	check_list(s->policy.oversign);
	check_list(s->also);
	check_text(s->policy.identity);
	PROMISE(s->policy.expire >= 0);
	PROMISE(has_field(s->policy.sign, "From") && !has_field(s->policy.sign, "Received"));
	for (const char *const *name = s->policy.oversign; *name != NULL; name++)
		PROMISE(has_field(s->policy.sign, *name));
}

static void check_domain(const struct conf *c, const struct conf_domain *d)
{
	check_sign(&d->sign);
	PROMISE(conf_domain_find(c, d->name) == d && conf_domain_for_mail(c, d->name) == d);
	for (const char *const *alias = d->aliases; *alias != NULL; alias++)
		PROMISE(conf_domain_find(c, *alias) == d);
	PROMISE(strlen(d->sign_domain) <= strlen(d->name) && d->line > 0);
	for (const char *const *also = d->sign.also; *also != NULL; also++)
		PROMISE(conf_domain_find(c, *also) != NULL && strcmp(*also, d->name) != 0);
}

static void check_conf(const struct conf *c)
{
	check_text(c->milter_socket);
	check_text(c->control_socket);
	check_text(c->user);
	PROMISE(c->state_dir[0] == '/' && c->milter_backlog > 0 && c->limit_headers > 0);
	for (size_t i = 0; i < c->trust.n_networks; i++)
		PROMISE(c->trust.networks[i].bits <= 8 * c->trust.networks[i].bytes);
	check_list(c->trust.daemons);
	check_sign(&c->sign);
	for (size_t i = 0; i < c->n_domains; i++) {
		check_domain(c, &c->domains[i]);
		PROMISE(i == 0 || strcmp(c->domains[i - 1].name, c->domains[i].name) < 0);
	}
}

static void check_problems(const struct conf_problems *p)
{
	for (size_t i = 0; i < p->v.len; i++) {
		const struct conf_problem *x = vec_at(&p->v, i);

		check_text(x->text);
		check_text(x->file);
	}
}

/* A file that is in memory only, under a name that can be opened. */
static int make_file(const uint8_t *data, size_t size, char *path, size_t path_size)
{
	int fd = memfd_create("conf", MFD_CLOEXEC);

	PROMISE(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	snprintf(path, path_size, "/proc/self/fd/%d", fd);
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf_problems p;
	struct err err = ERR_INIT;
	struct conf *c = NULL;
	char path[64];
	int fd = make_file(data, size, path, sizeof(path));
	enum rc rc;

	conf_problems_init(&p);
	rc = conf_read(path, &c, &p, &err);
	PROMISE(rc == RC_OK || rc == RC_CONF);
	PROMISE((rc == RC_OK) == (c != NULL) && (rc == RC_OK) == (p.errors == 0));
	check_problems(&p);
	if (c != NULL)
		check_conf(c);
	conf_free(c);
	conf_problems_clear(&p);
	close(fd);
	return 0;
}
