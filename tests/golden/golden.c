/* Golden tests: message + configuration -> edits and log line, as text.
 *
 *	golden			every case of $srcdir/tests/golden/cases against its file "expected"
 *	golden --print CASE	what CASE gives now, on standard output; nothing is ever written to a file
 *
 * A case is a directory with
 *	message		header, empty line, body; lines end in LF and go out as CRLF
 *	conf		configuration, rules and all; state_dir is added, and alias_maps = [] where it has none; @DIR@ is a
 *			directory with NAME.pem for each certificate, and "aliases"
 *	events		optional, one a line: "leadspc off", "client ADDRESS|unix|unknown", "host NAME", "port N",
 *			"mail <ADDRESS>", "rcpt <ADDRESS> PARAMETER..." for each recipient, "macro NAME VALUE", "smtputf8",
 *			"bare-lf", "chunk N"
 *	aliases		optional: a map file
 *	selectors	optional, see unit/fixture.h; else tests/golden/selectors
 *	certificates	optional, see people.h; else tests/golden/certificates
 *	expected	that the configuration is refused, or what each RCPT that was given is answered; the verdict; the edits in their order; of a sealed body its
 *			structure and what was sealed; recipients and header afterwards, where more was done than a field put on
 *			top; the log line plain and as JSON; and what our verifier says of the message as it leaves
 * The clock stands still and the keys are fixed, so that every byte is the same in every run. Of a sealed message the cipher
 * text is not, and the signatures over it: their octets are not shown, the verifier's word is. */
#include <arpa/inet.h>
#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "dkim/verify.h"
#include "fixture.h"
#include "mta.h"
#include "people.h"
#include "sealed.h"

enum { FILE_MAX = 4 << 20, RECIPIENTS_MAX = 16 };

static void die(const char *what, const struct err *err)
{
	fprintf(stderr, "golden: %s: %s\n", what, err->text);
	exit(99);
}

#define MUST(call)                                                                                 \
	do {                                                                                       \
		if ((call) != RC_OK)                                                               \
			die(#call, &err);                                                          \
	} while (0)

/* --- one case, read --------------------------------------------------------------------------- */

struct golden_case {
	const char *name;
	struct buf message, conf, events, aliases, selectors, certificates, expected;
	struct fixture_message m;
	struct fixture_recipient recipients[RECIPIENTS_MAX];
	bool own_state;	     /* selectors or certificates that are not the usual ones */
	char words[16][256]; /* what M's strings point to */
	size_t n_words;
};

static const char *base_dir(void)
{
	const char *srcdir = getenv("srcdir");

	return srcdir != NULL ? srcdir : ".";
}

static bool read_part(const struct golden_case *c, const char *part, struct buf *out)
{
	struct err err = ERR_INIT;
	char path[1024];
	enum rc rc;

	snprintf(path, sizeof(path), "%s/tests/golden/cases/%s/%s", base_dir(), c->name, part);
	buf_init(out, FILE_MAX);
	rc = file_read(path, out, &err);
	if (rc != RC_OK && rc != RC_NOTFOUND)
		die(path, &err);
	return rc == RC_OK;
}

static bool has(struct span text, const char *what)
{
	return span_search(text, span_str(what), 0, false) < text.len;
}

static const char *keep_word(struct golden_case *c, struct span s)
{
	char *w = c->words[c->n_words++ % COUNT_OF(c->words)];

	snprintf(w, sizeof(c->words[0]), "%.*s", SPAN_ARG(s));
	return w;
}

static void set_client(struct golden_case *c, const char *text)
{
	memset(c->m.addr, 0, sizeof(c->m.addr));
	if (strcmp(text, "unix") == 0)
		c->m.client = CLIENT_UNIX;
	else if (strcmp(text, "unknown") == 0)
		c->m.client = CLIENT_UNKNOWN;
	else if (inet_pton(AF_INET, text, c->m.addr) == 1)
		c->m.client = CLIENT_INET;
	else if (inet_pton(AF_INET6, text, c->m.addr) == 1)
		c->m.client = CLIENT_INET6;
}

static bool set_macro(struct golden_case *c, struct span rest)
{
	struct span name;

	if (!span_split(&rest, ' ', &name))
		return false;
	for (int m = 0; m < MACROS; m++)
		if (span_eq_str(name, macro_name((enum macro)m))) {
			c->m.macros[m] = keep_word(c, rest);
			return true;
		}
	return false;
}

static bool add_recipient(struct golden_case *c, struct span words)
{
	struct fixture_recipient *r = &c->recipients[c->m.n_recipients];

	if (c->m.n_recipients == RECIPIENTS_MAX || !span_split(&words, ' ', &r->given))
		return false;
	while (r->n_args < COUNT_OF(r->args) && span_split(&words, ' ', &r->args[r->n_args]))
		r->n_args++;
	c->m.recipients = c->recipients;
	c->m.n_recipients++;
	return true;
}

static bool read_event(struct golden_case *c, struct span line)
{
	struct span verb = SPAN_NONE, rest = line;
	const char *word;

	if (line.len == 0)
		return true;
	(void)span_split(&rest, ' ', &verb);
	if (span_eq_str(verb, "macro"))
		return set_macro(c, rest);
	if (span_eq_str(verb, "rcpt"))
		return add_recipient(c, rest);
	word = keep_word(c, rest);
	if (span_eq_str(verb, "leadspc"))
		c->m.leading_space = strcmp(word, "on") == 0;
	else if (span_eq_str(verb, "client"))
		set_client(c, word);
	else if (span_eq_str(verb, "host"))
		c->m.host = word;
	else if (span_eq_str(verb, "port"))
		c->m.port = (uint16_t)strtoul(word, NULL, 10);
	else if (span_eq_str(verb, "mail"))
		c->m.mail_from = word;
	else if (span_eq_str(verb, "smtputf8"))
		c->m.smtputf8 = true;
	else if (span_eq_str(verb, "bare-lf"))
		c->m.bare_lf = true;
	else if (span_eq_str(verb, "chunk"))
		c->m.chunk = strtoul(word, NULL, 10);
	else
		return false;
	return true;
}

static void case_read(struct golden_case *c, const char *name)
{
	struct span rest, line;

	memset(c, 0, sizeof(*c));
	c->name = name;
	if (!read_part(c, "message", &c->message) || !read_part(c, "conf", &c->conf)) {
		fprintf(stderr, "golden: case %s has no message or no conf\n", name);
		exit(99);
	}
	/* Both, or neither: tests/golden has the usual ones. */
	c->own_state = read_part(c, "selectors", &c->selectors);
	c->own_state = read_part(c, "certificates", &c->certificates) || c->own_state;
	(void)read_part(c, "events", &c->events);
	(void)read_part(c, "aliases", &c->aliases);
	(void)read_part(c, "expected", &c->expected);
	c->m = fixture_message(buf_span(&c->message));
	rest = buf_span(&c->events);
	while (span_split(&rest, '\n', &line))
		if (!read_event(c, line)) {
			fprintf(stderr, "golden: %s: event '%.*s'?\n", name, SPAN_ARG(line));
			exit(99);
		}
}

static void case_clear(struct golden_case *c)
{
	buf_clear(&c->message);
	buf_clear(&c->conf);
	buf_clear(&c->events);
	buf_clear(&c->aliases);
	buf_clear(&c->selectors);
	buf_clear(&c->certificates);
	buf_clear(&c->expected);
}

/* --- what it gives ---------------------------------------------------------------------------- */

static void show_record(const struct record *r, struct buf *out)
{
	struct err err = ERR_INIT;

	MUST(buf_adds(out, "plain ", &err));
	MUST(record_show(r, FORMAT_PLAIN, out, &err));
	MUST(buf_adds(out, "\njson ", &err));
	MUST(record_show(r, FORMAT_JSON, out, &err));
	MUST(buf_adds(out, "\n", &err));
}

/* --- what the next hop gets, and whether it verifies ------------------------------------------ */

/* FIELDS and BODY as the mail server has them, and what it was asked for done to them. */
static void ask_mta(struct mta *m, const struct golden_case *c, const struct fields *fields,
		    struct span body, const struct edits *e)
{
	struct err err = ERR_INIT;

	mta_open(m, fields, body);
	m->leading_space = c->m.leading_space;
	m->hides_signatures = e->body != NULL;
	for (size_t i = 0; i < c->m.n_recipients; i++)
		if (c->recipients[i].verdict == VERDICT_ACCEPT)
			mta_add_recipient(m, c->recipients[i].given);
	if (c->m.n_recipients == 0)
		mta_add_recipient(m, SPAN_LIT("<ann@example.net>"));
	MUST(edits_apply(e, &mta_ops, m, m->leading_space, &err));
}

/* Where deleted fields are counted, and where they are not. */
static void check_header(const struct mta *a, const struct mta *b)
{
	struct buf one, other;

	buf_init(&one, FILE_MAX);
	buf_init(&other, FILE_MAX);
	mta_show_header(a, &one);
	mta_show_header(b, &other);
	if (!span_eq(buf_span(&one), buf_span(&other))) {
		fprintf(stderr, "golden: the header depends on how a mail server counts\n");
		exit(99);
	}
	buf_clear(&one);
	buf_clear(&other);
}

static void add_sent_body(const struct golden_case *c, struct span body, struct buf *out)
{
	struct err err = ERR_INIT;

	for (size_t i = 0; i < body.len; i++)
		MUST(buf_add(out,
			     !c->m.bare_lf && body.p[i] == '\n' ? SPAN_LIT("\r\n")
								: span_sub(body, i, 1),
			     &err));
}

/* What becomes of the message: the edits written down, and M. */
static void apply(const struct golden_case *c, const struct edits *e, struct mta *m)
{
	struct arena *arena = arena_new(64 << 20);
	struct mta other = {.counts_deleted = true};
	struct err err = ERR_INIT;
	struct fields in;
	struct span body;
	struct buf sent;
	bool crlf;

	fields_init(&in, arena, FILE_MAX);
	MUST(fields_read(&in, c->m.raw, &body, &crlf, &err));
	buf_init(&sent, FILE_MAX);
	add_sent_body(c, body, &sent);
	ask_mta(m, c, &in, buf_span(&sent), e);
	ask_mta(&other, c, &in, buf_span(&sent), e);
	check_header(m, &other);
	mta_close(&other);
	buf_clear(&sent);
	fields_clear(&in);
	arena_free(arena);
}

static bool only_inserts(const struct edits *e)
{
	for (size_t i = 0; i < e->v.len; i++)
		if (((const struct edit *)vec_at(&e->v, i))->kind != EDIT_INSERT)
			return false;
	return e->body == NULL;
}

static void show_edits(const struct edits *e, const struct mta *m, const struct people *people,
		       struct buf *out)
{
	struct err err = ERR_INIT;

	MUST(buf_add(out, buf_span(&m->asked), &err));
	if (m->new_body)
		sealed_show(buf_span(&m->body), people, out);
	if (only_inserts(e))
		return;
	MUST(buf_adds(out, "leaves to", &err));
	for (size_t i = 0; i < m->recipients.len; i++)
		MUST(buf_addf(out, &err, " %s", *(const char **)vec_at(&m->recipients, i)));
	MUST(buf_adds(out, "\n", &err));
	mta_show_header(m, out);
}

static enum rc find_key(void *ctx, const char *domain, const char *selector, enum dkim_alg alg,
			struct dkim_record *ret, struct err *err)
{
	const struct snapshot *snap = ctx;
	const struct selector *s = selector_list_find(snap->selectors, domain, selector);
	struct buf txt;
	enum rc rc;

	if (s == NULL || s->alg != alg)
		return err_set(err, RC_NOTFOUND, "no such selector");
	buf_init(&txt, 10000);
	rc = dkim_record_show(alg, span_str(s->public_base64), false, &txt, err);
	if (rc == RC_OK)
		rc = dkim_record_read(buf_span(&txt), ret, err);
	buf_clear(&txt);
	return rc;
}

static void verify(const struct mta *m, const struct fixture *f, struct buf *out)
{
	struct arena *arena = arena_new(64 << 20);
	struct snapshot *snap = snapshot_store_get(f->store);
	struct dkim_verifier *v = NULL;
	struct err err = ERR_INIT;
	struct fields fields;

	fields_init(&fields, arena, FILE_MAX);
	mta_fields(m, &fields);
	MUST(dkim_verifier_new(&fields, NULL, arena, &v, &err));
	for (size_t i = 0; i < m->body.len; i++)
		MUST(dkim_verifier_body(v, span_sub(buf_span(&m->body), i, 1), &err));
	MUST(dkim_verifier_finish(v, find_key, snap, f->now, &err));
	for (size_t i = 0; i < dkim_verifier_count(v); i++) {
		const struct dkim_signature *s = dkim_verifier_at(v, i);

		MUST(buf_addf(out, &err, "verify d=%s s=%s %s\n", s->readable ? s->domain : "?",
			      s->readable ? s->selector : "?", dkim_result_name(s->result)));
	}
	dkim_verifier_free(v);
	fields_clear(&fields);
	snapshot_unref(snap);
	arena_free(arena);
}

static const char *next_name(enum session_next next)
{
	static const char *const names[] = {[NEXT_GO_ON] = "accept",
					    [NEXT_ACCEPT] = "accept as it is",
					    [NEXT_TEMPFAIL] = "tempfail",
					    [NEXT_REJECT] = "reject",
					    [NEXT_DISCARD] = "discard"};

	return names[next];
}

/* FROM in TEXT becomes TO: paths of the temporary directory differ in every run. */
static void exchange(struct span text, const char *from, const char *to, struct buf *out)
{
	struct span what = span_str(from);
	struct err err = ERR_INIT;

	while (text.len != 0) {
		size_t at = span_search(text, what, 0, false);

		MUST(buf_add(out, span_sub(text, 0, at), &err));
		if (at < text.len)
			MUST(buf_adds(out, to, &err));
		text = span_from(text, at + (at < text.len ? what.len : 0));
	}
}

/* --- running it ------------------------------------------------------------------------------- */

static void write_part(const struct buf *part, const char *dir, const char *name)
{
	struct err err = ERR_INIT;
	char path[1024];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (part->p != NULL)
		MUST(file_write_atomic(path, buf_span(part), 0644, true, &err));
}

/* A catalogue and its keys: making them takes longer than a case. */
struct world {
	char dir[600];
	struct fixture f;
	struct people people;
};

static void read_or_default(const struct buf *part, const char *name, struct buf *out)
{
	struct err err = ERR_INIT;
	char path[1024];

	snprintf(path, sizeof(path), "%s/tests/golden/%s", base_dir(), name);
	buf_init(out, FILE_MAX);
	if (part->p == NULL)
		MUST(file_read(path, out, &err));
	else
		MUST(buf_add(out, buf_span(part), &err));
}

static void world_open(struct world *w, const char *work_dir, const char *name,
		       const struct golden_case *c)
{
	struct err err = ERR_INIT;
	char keys[1024], state[1024];
	struct buf selectors, certificates;

	snprintf(w->dir, sizeof(w->dir), "%s/%s", work_dir, name);
	snprintf(keys, sizeof(keys), "%s/tests/golden/keys", base_dir());
	snprintf(state, sizeof(state), "%s/state", w->dir);
	read_or_default(&c->selectors, "selectors", &selectors);
	read_or_default(&c->certificates, "certificates", &certificates);
	MUST(file_mkdirs(w->dir, 0700, &err));
	people_make(&w->people, buf_span(&certificates), keys, FIXTURE_NOW);
	MUST(fixture_open(&w->f, w->dir, SPAN_NONE, buf_span(&selectors), &err));
	people_store(&w->people, state, w->dir);
	buf_clear(&selectors);
	buf_clear(&certificates);
}

static void world_close(struct world *w)
{
	if (w->dir[0] == '\0')
		return;
	fixture_close(&w->f);
	people_free(&w->people);
	w->dir[0] = '\0';
}

/* RC_CONF: it is refused. */
static enum rc read_conf(struct world *w, const struct golden_case *c, struct err *ret)
{
	struct err err = ERR_INIT;
	struct buf conf;
	enum rc rc;

	write_part(&c->aliases, w->dir, "aliases");
	buf_init(&conf, FILE_MAX);
	if (!has(buf_span(&c->conf), "alias_maps"))
		MUST(buf_adds(&conf, "alias_maps = [];\n", &err));
	exchange(buf_span(&c->conf), "@DIR@", w->dir, &conf);
	rc = fixture_reload(&w->f, buf_span(&conf), ret);
	if (rc != RC_OK && rc != RC_CONF)
		die("configuration", ret);
	buf_clear(&conf);
	return rc;
}

static void show_answers(const struct golden_case *c, struct buf *out)
{
	static const char *const words[] = {[VERDICT_ACCEPT] = "taken",
					    [VERDICT_TEMPFAIL] = "put off",
					    [VERDICT_REJECT] = "refused"};
	struct err err = ERR_INIT;

	for (size_t i = 0; i < c->m.n_recipients; i++) {
		const struct fixture_recipient *r = &c->recipients[i];

		MUST(buf_addf(out, &err, "rcpt %.*s %s%s%s\n", SPAN_ARG(r->given),
			      words[r->verdict], r->reply[0] != '\0' ? " " : "", r->reply));
	}
}

static void show_message(const struct golden_case *c, enum session_next next,
			 const struct edits *edits, const struct record *record,
			 const struct people *people, const struct fixture *f, struct buf *out)
{
	struct mta mta = {.counts_deleted = false};
	struct err err = ERR_INIT;

	MUST(buf_addf(out, &err, "%s\n", next_name(next)));
	if (record->reply.text != NULL)
		MUST(buf_addf(out, &err, "reply %s %s\n", record->reply.xcode, record->reply.text));
	apply(c, edits, &mta);
	show_edits(edits, &mta, people, out);
	show_record(record, out);
	if (edits->v.len != 0)
		verify(&mta, f, out);
	mta_close(&mta);
}

static void send_message(struct golden_case *c, const struct fixture *f,
			 const struct people *people, struct buf *out)
{
	static const struct edits none;
	const struct edits *edits;
	const struct record *record;
	struct session *s = NULL;
	struct err err = ERR_INIT;
	enum session_next next;

	MUST(session_new(&f->env, &s, &err));
	next = fixture_send(s, &c->m, &edits);
	show_answers(c, out);
	record = session_finish(s);
	if (record != NULL)
		show_message(c, next, edits != NULL ? edits : &none, record, people, f, out);
	else
		MUST(buf_adds(out, "no DATA\n", &err));
	session_free(s);
}

static struct world usual;

static void case_run(struct golden_case *c, const char *work_dir, struct buf *out)
{
	struct world own = {.dir = ""}, *w = c->own_state ? &own : &usual;
	struct err err = ERR_INIT, why = ERR_INIT;
	struct buf raw;

	buf_init(&raw, FILE_MAX);
	if (w->dir[0] == '\0')
		world_open(w, work_dir, c->own_state ? c->name : "usual", c);
	if (read_conf(w, c, &why) == RC_OK)
		send_message(c, &w->f, &w->people, &raw);
	else
		MUST(buf_addf(&raw, &err, "configuration refused\n%s\n", why.text));
	exchange(buf_span(&raw), w->dir, "DIR", out);
	world_close(&own);
	buf_clear(&raw);
}

/* --- all of them ------------------------------------------------------------------------------ */

static void show_difference(struct span got, struct span want)
{
	struct span g, w;

	for (;;) {
		bool more_g = span_split(&got, '\n', &g), more_w = span_split(&want, '\n', &w);

		if (!more_g && !more_w)
			return;
		if (more_g && more_w && span_eq(g, w))
			continue;
		if (more_w)
			printf("  -%.*s\n", SPAN_ARG(w));
		if (more_g)
			printf("  +%.*s\n", SPAN_ARG(g));
	}
}

static bool case_check(const char *name, const char *work_dir, bool print)
{
	struct golden_case *c = malloc(sizeof(*c));
	struct buf got;
	bool good = true;

	if (c == NULL)
		exit(99);
	case_read(c, name);
	buf_init(&got, FILE_MAX);
	case_run(c, work_dir, &got);
	if (print) {
		fwrite(got.p, 1, got.len, stdout);
	} else if (!span_eq(buf_span(&got), buf_span(&c->expected))) {
		good = false;
		printf("FAIL %s (- expected, + got)\n", name);
		show_difference(buf_span(&got), buf_span(&c->expected));
	}
	buf_clear(&got);
	case_clear(c);
	free(c);
	return good;
}

static int is_case(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

static int check_all(const char *work_dir)
{
	struct dirent **all = NULL;
	char path[1024];
	int n, failed = 0;

	snprintf(path, sizeof(path), "%s/tests/golden/cases", base_dir());
	n = scandir(path, &all, is_case, alphasort);
	for (int i = 0; i < n; i++) {
		failed += !case_check(all[i]->d_name, work_dir, false);
		free(all[i]);
	}
	free(all);
	world_close(&usual);
	printf("golden: %d cases, %d failed\n", n, failed);
	return n > 0 && failed == 0 ? 0 : 1;
}

static char dir[] = "/tmp/mailseal-golden-XXXXXX";

static int remove_entry(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static void remove_dir(void)
{
	nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static int print(const char *name)
{
	case_check(name, dir, true);
	world_close(&usual);
	return 0;
}

int main(int argc, char **argv)
{
	if (mkdtemp(dir) == NULL)
		return 99;
	atexit(remove_dir);
	if (argc == 3 && strcmp(argv[1], "--print") == 0)
		return print(argv[2]);
	return check_all(dir);
}
