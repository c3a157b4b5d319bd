/* Hostile messages against rules that ask for everything: what is decided early is what is decided in the end, nobody's mail
 * is in clear where a rule seals it, and certificates of two recipients never share an envelope. The first byte chooses
 * recipients and sender, the rest is the message. */
#include <ftw.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"
#include "rulesroom.h"

/* Every condition with operators that fit it; each account's rule is one question. */
#define ASK(name, owner, condition)                                                                \
	"{ name = \"" name "\"; level = \"account\"; owner = \"" owner                             \
	"\"; priority = 7; when = ( " condition                                                    \
	" ); do = ( (\"Store Encrypted in\", \"INBOX\"), (\"Discard\") ); },\n"

static const char conf_text[] =
	"domains = ( { name = \"example.com\"; }, { name = \"two.example\"; } );\n"
	"timezone = \"UTC\";\n"
	"aliases = ( (\"all@example.com\", \"jim@example.com, john@example.com\") );\n"
	"rules = (\n" ASK(
		"from", "jim@example.com",
		"(\"From\", \"in\", \"*@bank.example,b*\")") ASK("sender", "jim@example.com",
								 "(\"Sender\", \"is not\", \"*\")")
		ASK("to", "jim@example.com",
		    "(\"Any To or Cc\", \"is\", \"*jim*\"), (\"Each To or Cc\", \"in\", \"*@*\")")
			ASK("name", "john@example.com", "(\"From Name\", \"is\", \"*a*\")") ASK(
				"subject", "john@example.com",
				"(\"Subject\", \"not in\", \"*spam*,*x*\")")
				ASK("id", "john@example.com",
				    "(\"Message-ID\", \"is\", \"*@*\"), (\"Reply-To\", \"is not\", "
				    "\"*z*\")") ASK("size", "ann@two.example",
						    "(\"Message Size\", \"greater than\", "
						    "\"200B\")") ASK("field", "ann@two.example",
								     "(\"Header Field\", \"is\", "
								     "\"X-*: *y*\")")
					ASK("human", "ann@two.example",
					    "(\"Human Generated\")") ASK("security",
									 "bob@two.example",
									 "(\"Security\", \"is "
									 "not\", \"encrypted\"), "
									 "(\"Security\", \"is "
									 "not\", \"signed\")")
						ASK("each", "bob@two.example",
						    "(\"Each Recipient\", \"in\", "
						    "\"*@two.example\")") "{ name = \"late\"; "
									  "level = \"domain\"; "
									  "owner = "
									  "\"two.example\"; "
									  "priority = 1;\n"
									  "  when = ( (\"Source\", "
									  "\"is\", \"relayed\") ); "
									  "do = ( (\"Tag "
									  "Subject\", \"[x]\") ); "
									  "}\n"
									  ");\n";

static const struct room_cert certs[] = {
	{"jim@example.com", "aa", CERT_RSA, ROOM_NOW - 1000, ROOM_NOW + 1000},
	{"john@example.com", "bb", CERT_RSA, ROOM_NOW - 1000, ROOM_NOW + 1000},
	{"ann@two.example", "cc", CERT_RSA, ROOM_NOW - 1000, ROOM_NOW - 10},
	{"bob@two.example", "dd", CERT_RSA, ROOM_NOW - 1000, ROOM_NOW + 1000},
};

static const char *const recipients[] = {
	"<jim@example.com>",
	"<john@example.com> <jim@example.com>",
	"<ann@two.example>",
	"<bob@two.example> <ann@two.example>",
	"<all@example.com>",
	"<jim+box@example.com> <x@else.example>",
	"<Bob@TWO.example>;NOTIFY=NEVER",
	"<postmaster>",
};

static char dir[] = "/tmp/mailseal-fuzz-XXXXXX";
static struct room room;

static int remove_entry(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static void close_world(void)
{
	room_close(&room);
	nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void open_world(void)
{
	static bool is_open;

	if (is_open)
		return;
	is_open = true;
	PROMISE(mkdtemp(dir) != NULL);
	atexit(close_world);
	room_open(&room, dir, conf_text, certs, COUNT_OF(certs));
}

/* What is decided at STAGE; false: not yet. */
static bool decide(struct room_letter *l, enum room_stage stage, struct route *ret)
{
	enum evidence_need need = NEED_NOTHING;
	struct err err = ERR_INIT;
	enum rc rc;

	room_show(l, stage);
	rc = route_decide(&l->evidence, l->rcpt, l->n_rcpt, ret, &need, NULL, &err);
	PROMISE(rc == RC_OK || rc == RC_NOMEM || rc == RC_LIMIT);
	PROMISE(stage != STAGE_END || rc != RC_OK || need == NEED_NOTHING);
	return rc == RC_OK && need == NEED_NOTHING;
}

static void same_route(const struct route *a, const struct route *b)
{
	PROMISE(a->outcome == b->outcome);
	PROMISE(a->contents.len == b->contents.len);
	PROMISE(a->deliveries.len == b->deliveries.len);
	for (size_t i = 0; i < a->contents.len; i++) {
		const struct route_content *x = vec_at(&a->contents, i);
		const struct route_content *y = vec_at(&b->contents, i);

		PROMISE(x->seal == y->seal && x->n_certs == y->n_certs);
	}
}

/* Here no rule stores into another's mailbox: one account, one certificate. */
static void check_contents(const struct route *r)
{
	for (size_t i = 0; i < r->contents.len; i++) {
		const struct route_content *c = vec_at(&r->contents, i);

		PROMISE(!c->seal || (c->n_certs == 1 && c->n_accounts == 1));
		PROMISE(!c->seal || strcmp(c->certs[0]->account, c->accounts[0]) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct room_mail mail = {.text = NULL};
	struct route early[STAGES], *first = NULL;
	struct room_letter l;
	unsigned which = size > 0 ? data[0] : 0;

	open_world();
	mail.rcpt = recipients[which % COUNT_OF(recipients)];
	mail.mail_from = which & 0x40 ? "<>" : NULL;
	mail.source = which & 0x80 ? SOURCE_AUTHENTICATED : SOURCE_RELAYED;
	mail.bytes = size > 0 ? span_of(data + 1, size - 1) : SPAN_LIT("\r\n");
	room_letter(&room, &mail, &l);
	for (enum room_stage s = STAGE_HEADER; s < STAGES; s++)
		route_init(&early[s]);
	for (enum room_stage s = STAGE_HEADER; s < STAGES; s++) {
		if (!decide(&l, s, &early[s]))
			continue;
		check_contents(&early[s]);
		if (first != NULL)
			same_route(first, &early[s]);
		first = first != NULL ? first : &early[s];
	}
	for (enum room_stage s = STAGE_HEADER; s < STAGES; s++)
		route_clear(&early[s]);
	room_letter_clear(&l);
	return 0;
}
