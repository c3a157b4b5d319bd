/* message verify: every signature of a file, with keys from the catalogue, from record files, or from the DNS. */
#include "tool/message.h"

#include "dkim/verify.h"
#include "dns/resolver.h"
#include "mail/domain.h"
#include "mail/field.h"
#include "tool/msgtext.h"

#include "base/file.h"

#include <stdlib.h>
#include <string.h>

enum { RECORD_FILE_MAX = 1 << 20, RECORDS_MAX = 1000, LOOKUP_SECONDS = 10 };

/* One --record file. */
struct record_file {
	const char *path;
	struct buf content;
	struct buf value;
};

/* Where keys come from: the first of the three that is set. */
struct keys {
	struct vec files; /* of struct record_file */
	struct resolver *resolver;
	const struct selector_list *selectors;
};

static void keys_clear(struct keys *k)
{
	struct record_file *all = k->files.items;

	for (size_t i = 0; i < k->files.len; i++) {
		buf_clear(&all[i].content);
		buf_clear(&all[i].value);
	}
	vec_clear(&k->files);
	resolver_free(k->resolver);
}

static enum rc read_record_file(struct keys *k, const char *path, struct err *err)
{
	struct record_file *f = vec_push(&k->files);
	enum rc rc;

	if (f == NULL)
		return err_set(err, RC_LIMIT, "more than %d record files", RECORDS_MAX);
	f->path = path;
	buf_init(&f->content, RECORD_FILE_MAX);
	buf_init(&f->value, RECORD_FILE_MAX);
	rc = file_read(path, &f->content, err);
	if (rc == RC_OK)
		rc = dkim_record_from_file(buf_span(&f->content), &f->value, err);
	return rc == RC_OK ? RC_OK : err_wrap(err, rc, "record file %s", path);
}

/* A file that names selectors is for the one it names; one that names none is for any of its algorithm. */
static bool names_selector(const struct record_file *f, const char *selector, bool *ret_names_any)
{
	struct span content = buf_span(&f->content);
	size_t len = strlen(selector), at = 0;
	struct span mark = SPAN_LIT("._domainkey");

	*ret_names_any = false;
	while ((at = span_search(content, mark, at, true)) < content.len) {
		*ret_names_any = true;
		if (at >= len && span_ieq_str(span_sub(content, at - len, len), selector) &&
		    (at == len || content.p[at - len - 1] <= ' '))
			return true;
		at += mark.len;
	}
	return false;
}

static enum rc find_in_files(const struct keys *k, const char *domain, const char *selector,
			     enum dkim_alg alg, struct dkim_record *ret, struct err *err)
{
	const struct record_file *all = k->files.items;

	for (size_t i = 0; i < k->files.len; i++) {
		struct dkim_record r;
		bool names_any;
		bool named = names_selector(&all[i], selector, &names_any);
		enum rc rc;

		if (!named && names_any)
			continue;
		rc = dkim_record_read(buf_span(&all[i].value), &r, err);
		if (rc != RC_OK)
			return err_wrap(err, rc, "%s", all[i].path);
		if (named || r.alg == alg) {
			*ret = r;
			return RC_OK;
		}
		dkim_record_clear(&r);
	}
	return err_set(err, RC_NOTFOUND, "no record file is for %s._domainkey.%s", selector,
		       domain);
}

static enum rc find_in_dns(struct keys *k, const char *domain, const char *selector,
			   struct dkim_record *ret, struct err *err)
{
	struct dns_txt txt = {0};
	struct buf name;
	enum rc rc;

	buf_init(&name, 1024);
	rc = buf_addf(&name, err, "%s._domainkey.%s", selector, domain);
	if (rc == RC_OK && buf_cstr(&name) == NULL)
		rc = err_set(err, RC_NOMEM, "name of a record");
	if (rc == RC_OK)
		rc = resolver_txt(k->resolver, name.p, &txt, err);
	if (rc == RC_OK) {
		/* RFC 6376 3.6.2.2: several records are an error of the domain; which one is meant is undefined. */
		if (txt.n != 1)
			rc = err_set(err, RC_INPUT, "%s has %zu TXT records instead of one", name.p,
				     txt.n);
		else
			rc = dkim_record_read(buf_span(&txt.values[0]), ret, err);
		dns_txt_clear(&txt);
	}
	buf_clear(&name);
	return rc;
}

/* What the record of a selector of ours says, or will say once it is published. */
static enum rc find_in_catalogue(const struct keys *k, const char *domain, const char *selector,
				 struct dkim_record *ret, struct err *err)
{
	const struct selector *s = selector_list_find(k->selectors, domain, selector);
	struct buf value;
	enum rc rc;

	if (s == NULL)
		return err_set(err, RC_NOTFOUND,
			       "%s._domainkey.%s is not in the catalogue: --dns asks the DNS, "
			       "--record FILE takes a file",
			       selector, domain);
	buf_init(&value, RECORD_FILE_MAX);
	rc = dkim_record_show(s->alg, span_str(s->state == SEL_REVOKED ? "" : s->public_base64),
			      false, &value, err);
	if (rc == RC_OK)
		rc = dkim_record_read(buf_span(&value), ret, err);
	buf_clear(&value);
	return rc;
}

static enum rc find_key(void *ctx, const char *domain, const char *selector, enum dkim_alg alg,
			struct dkim_record *ret, struct err *err)
{
	struct keys *k = ctx;

	if (k->files.len > 0)
		return find_in_files(k, domain, selector, alg, ret, err);
	if (k->resolver != NULL)
		return find_in_dns(k, domain, selector, ret, err);
	return find_in_catalogue(k, domain, selector, ret, err);
}

static enum tool_ink ink_of(enum dkim_result r)
{
	return r == DKIM_PASS ? INK_GOOD : r == DKIM_TEMPERROR ? INK_WARN : INK_BAD;
}

static void print_signature(const struct tool *t, const struct dkim_signature *s)
{
	tool_print(t, "%s%-9s%s", tool_style(t, 1, ink_of(s->result)), dkim_result_name(s->result),
		   tool_style(t, 1, INK_OFF));
	if (s->readable)
		tool_print(t, " d=%s s=%s a=%s", s->domain, s->selector, dkim_alg_name(s->alg));
	if (s->testing)
		tool_print(t, " t=y");
	if (s->reason[0] != '\0')
		tool_print(t, " (%s)", s->reason);
	tool_print(t, "\n");
}

static json_t *signature_json(const struct dkim_signature *s)
{
	if (!s->readable)
		return json_pack("{s:s, s:s}", "result", dkim_result_name(s->result), "reason",
				 s->reason);
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:i}", "result",
			 dkim_result_name(s->result), "reason", s->reason, "domain", s->domain,
			 "selector", s->selector, "algorithm", dkim_alg_name(s->alg), "testing",
			 s->testing, "key_bits", (int)s->key_bits);
}

static enum rc emit_json(struct tool *t, const struct dkim_verifier *v, struct err *err)
{
	json_t *list = json_array();

	for (size_t i = 0; list != NULL && i < dkim_verifier_count(v); i++)
		if (json_array_append_new(list, signature_json(dkim_verifier_at(v, i))) != 0) {
			json_decref(list);
			list = NULL;
		}
	return tool_emit_json(t, json_pack("{s:o}", "signatures", list), err);
}

static enum rc show_results(struct tool *t, const struct dkim_verifier *v, struct err *err)
{
	size_t n = dkim_verifier_count(v);

	for (size_t i = 0; i < n; i++) {
		if (dkim_verifier_at(v, i)->result != DKIM_PASS)
			tool_found(t);
		if (!tool_json_wanted(t))
			print_signature(t, dkim_verifier_at(v, i));
	}
	if (n == 0) {
		tool_found(t);
		tool_say(t, "no DKIM-Signature field\n");
	}
	return tool_json_wanted(t) ? emit_json(t, v, err) : RC_OK;
}

static enum rc feed_body(struct dkim_verifier *v, struct span body, bool crlf, struct err *err)
{
	struct buf converted;
	enum rc rc;

	if (crlf)
		return dkim_verifier_body(v, body, err);
	buf_init(&converted, 2 * (size_t)MESSAGE_FILE_MAX);
	rc = msgtext_to_crlf(body, &converted, err);
	if (rc == RC_OK)
		rc = dkim_verifier_body(v, buf_span(&converted), err);
	buf_clear(&converted);
	return rc;
}

static enum rc verify_message(struct tool *t, struct span raw, struct keys *keys, struct err *err)
{
	struct arena *arena = arena_new(4 * (size_t)MESSAGE_FILE_MAX);
	struct dkim_verifier *v = NULL;
	struct fields fields;
	struct span body;
	bool crlf;
	enum rc rc;

	if (arena == NULL)
		return err_set(err, RC_NOMEM, "message");
	fields_init(&fields, arena, MESSAGE_FILE_MAX);
	rc = fields_read(&fields, raw, &body, &crlf, err);
	if (rc == RC_OK)
		rc = dkim_verifier_new(&fields, NULL, arena, &v, err);
	if (rc == RC_OK)
		rc = feed_body(v, body, crlf, err);
	if (rc == RC_OK)
		rc = dkim_verifier_finish(v, find_key, keys, tool_now(t), err);
	if (rc == RC_OK)
		rc = show_results(t, v, err);
	dkim_verifier_free(v);
	fields_clear(&fields);
	arena_free(arena);
	return rc;
}

struct verify_work {
	struct span raw;
	struct keys keys;
};

static enum rc with_catalogue(struct tool *t, void *ctx, struct buf *reply UNUSED, struct err *err)
{
	struct verify_work *w = ctx;
	const struct snapshot *snapshot;
	enum rc rc = tool_snapshot(t, &snapshot, err);

	if (rc != RC_OK)
		return rc;
	w->keys.selectors = snapshot->selectors;
	return verify_message(t, w->raw, &w->keys, err);
}

static enum rc read_records(struct tool *t, struct keys *k, struct err *err)
{
	enum rc rc = RC_OK;

	vec_init(&k->files, sizeof(struct record_file), RECORDS_MAX);
	for (size_t i = 0; rc == RC_OK && tool_opt_at(t, "record", i) != NULL; i++)
		rc = read_record_file(k, tool_opt_at(t, "record", i), err);
	return rc;
}

/* The one of the configuration, unless another is named. Whoever has no configuration, or may not read it, or has to
 * mend it first, verifies all the same. */
static enum rc open_resolver(struct tool *t, struct resolver **ret, struct err *err)
{
	const char *server = tool_opt(t, "resolver");
	struct conf *conf = NULL;
	enum rc rc;

	if (server == NULL && conf_read(tool_conf_file(t), &conf, NULL, NULL) == RC_OK)
		server = conf->dns.resolver;
	rc = resolver_new(server != NULL ? server : "", LOOKUP_SECONDS, ret, err);
	conf_free(conf);
	return rc;
}

static enum rc open_keys(struct tool *t, struct keys *k, struct err *err)
{
	bool dns = tool_has(t, "dns") || tool_has(t, "resolver");
	enum rc rc = read_records(t, k, err);

	if (rc == RC_OK && k->files.len > 0 && dns)
		return tool_usage(t, err, "--record and --dns exclude each other");
	if (rc == RC_OK && dns)
		rc = open_resolver(t, &k->resolver, err);
	return rc;
}

enum rc message_verify(struct tool *t, struct err *err)
{
	struct verify_work w;
	struct buf raw;
	enum rc rc;

	memset(&w, 0, sizeof(w));
	rc = open_keys(t, &w.keys, err);
	buf_init(&raw, 0);
	if (rc == RC_OK)
		rc = message_read(tool_arg(t, 0), &raw, err);
	w.raw = buf_span(&raw);
	if (rc == RC_OK && (w.keys.files.len > 0 || w.keys.resolver != NULL))
		rc = verify_message(t, w.raw, &w.keys, err);
	else if (rc == RC_OK)
		rc = tool_as_user(t, with_catalogue, &w, NULL, err);
	if (rc == RC_PERM)
		tool_next(t, "mailseal message verify --dns %s", tool_arg(t, 0));
	buf_clear(&raw);
	keys_clear(&w.keys);
	return rc;
}
