/* What the rules make of a message: order, levels, accounts, aliases, certificates, contents; in rows, and for random rules
 * by what must hold of every route. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "core/route.h"
#include "core/transit.h"
#include "rulesroom.h"
#include "test.h"
#include "testcert.h"

#define DAY INT64_C(86400)

static const char site[] =
	"timezone = \"UTC\"; domains = (\n"
	"{ name = \"example.com\"; aliases = [\"example.org\"]; }, { name = \"b.example\"; },\n"
	"{ name = \"rej.example\"; seal = { on_missing_certificate = \"reject\"; }; },\n"
	"{ name = \"plain.example\"; seal = { on_missing_certificate = \"plain\"; }; },\n"
	"{ name = \"xdefer.example\"; seal = { on_expired_certificate = \"defer\"; "
	"on_missing_certificate = \"plain\"; }; },\n"
	"{ name = \"xreject.example\"; seal = { on_expired_certificate = \"reject\"; }; },\n"
	"{ name = \"xplain.example\"; seal = { on_expired_certificate = \"plain\"; }; },\n"
	"{ name = \"short.example\"; seal = { certificate_grace = \"1d\"; }; },\n"
	"{ name = \"obs.example\"; observe = true; },\n"
	"{ name = \"list.example\"; accounts = [\"ann\"]; },\n"
	"{ name = \"test.example\"; mode = \"disabled\"; } );\n"
	"mailboxes = { shared = ( (\"example.com\", \"~jim@example.com/*\"),\n"
	"(\"example.com\", \"~public@example.com/*\"), (\"example.com\", "
	"\"~nobody@rej.example/*\"),\n"
	"(\"example.com\", \"~nobody@plain.example/*\"), (\"plain.example\", "
	"\"~jim@example.com/*\") ); "
	"};\n";

/* Of jim there is an old one, which is not taken. */
static const struct room_cert certs[] = {
	{"jim@example.com", "11", CERT_RSA, ROOM_NOW - 100 * DAY, ROOM_NOW + 100 * DAY},
	{"jim@example.com", "99", CERT_RSA, ROOM_NOW - 200 * DAY, ROOM_NOW - 1},
	{"john@example.com", "22", CERT_RSA, ROOM_NOW - 100 * DAY, ROOM_NOW + 100 * DAY},
	{"jane@example.com", "33", CERT_RSA, ROOM_NOW - 100 * DAY, ROOM_NOW + 100 * DAY},
	{"public@example.com", "44", CERT_RSA, ROOM_NOW - 100 * DAY, ROOM_NOW + 100 * DAY},
	{"JACK@example.com", "55", CERT_RSA, ROOM_NOW - 100 * DAY, ROOM_NOW + 100 * DAY},
	{"curve@example.com", "66", CERT_EC, ROOM_NOW - 100 * DAY, ROOM_NOW + 100 * DAY},
	{"both@example.com", "67", CERT_EC, ROOM_NOW - 1 * DAY, ROOM_NOW + 100 * DAY},
	{"both@example.com", "68", CERT_RSA, ROOM_NOW - 100 * DAY, ROOM_NOW + 1 * DAY},
	{"turn@example.com", "69", CERT_EC, ROOM_NOW - 1 * DAY, ROOM_NOW + 100 * DAY},
	{"turn@example.com", "70", CERT_RSA, ROOM_NOW - 100 * DAY, ROOM_NOW - 1 * DAY},
	{"late@example.com", "77", CERT_RSA, ROOM_NOW - 100 * DAY, ROOM_NOW - 30 * DAY},
	{"gone@example.com", "78", CERT_RSA, ROOM_NOW - 100 * DAY, ROOM_NOW - 30 * DAY - 1},
	{"soon@example.com", "79", CERT_RSA, ROOM_NOW + 1, ROOM_NOW + 100 * DAY},
	{"now@example.com", "80", CERT_RSA, ROOM_NOW, ROOM_NOW},
	{"late@xdefer.example", "81", CERT_RSA, ROOM_NOW - 100 * DAY, ROOM_NOW - 1},
	{"late@xreject.example", "82", CERT_RSA, ROOM_NOW - 100 * DAY, ROOM_NOW - 1},
	{"late@xplain.example", "83", CERT_RSA, ROOM_NOW - 100 * DAY, ROOM_NOW - 1},
	{"soon@xplain.example", "84", CERT_RSA, ROOM_NOW + 1, ROOM_NOW + 100 * DAY},
	{"late@short.example", "85", CERT_RSA, ROOM_NOW - 100 * DAY, ROOM_NOW - DAY - 1},
	{"jim@b.example", "86", CERT_RSA, ROOM_NOW - 100 * DAY, ROOM_NOW + 100 * DAY},
	{"jim@obs.example", "87", CERT_RSA, ROOM_NOW - 100 * DAY, ROOM_NOW + 100 * DAY},
	{"jim@plain.example", "88", CERT_RSA, ROOM_NOW - 100 * DAY, ROOM_NOW + 100 * DAY},
};

static void open_room(struct room *room, const char *rules)
{
	struct buf conf;

	buf_init(&conf, 16 << 20);
	CU_ASSERT_EQUAL(buf_adds(&conf, site, NULL), RC_OK);
	room_rules(rules, &conf);
	room_open(room, test_dir(), buf_cstr(&conf), certs, COUNT_OF(certs));
	buf_clear(&conf);
}

/* --- a route as text ------------------------------------------------------------------------------ */

static void say(struct buf *out, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void say(struct buf *out, const char *fmt, ...)
{
	char text[2000];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	CU_ASSERT_EQUAL(buf_adds(out, text, NULL), RC_OK);
}

static void show_content(const struct route_content *c, size_t i, struct buf *out)
{
	say(out, "[%zu]%s%s%s", i, c->seal ? " sealed" : " clear",
	    c->was_encrypted ? ", was encrypted" : "", c->plain ? ", no certificate" : "");
	for (size_t k = 0; c->seal && k < c->n_accounts; k++)
		say(out, " %s:%.2s", c->accounts[k], c->certs[k]->fingerprint);
	if (c->n_escrow != 0)
		say(out, " escrow:%zu", c->n_escrow);
	for (size_t k = 0; k < c->n_added; k++)
		say(out, " +%s:%s", c->added[k].name, c->added[k].value);
	if (c->tag != NULL)
		say(out, " tag \"%s\"", c->tag);
	if (c->quarantine != NULL)
		say(out, " quarantine \"%s\"", c->quarantine);
	say(out, "\n");
}

static void show_delivery(const struct route_delivery *d, struct buf *out)
{
	if (d->recipient == SIZE_MAX)
		say(out, "server");
	else
		say(out, "%zu", d->recipient);
	say(out, " %s %s [%zu]", d->as_given ? "=" : ">", d->address, d->content);
	if (d->mailbox != NULL)
		say(out, " in %s", d->mailbox);
	if (d->rule != NULL)
		say(out, " by %s", d->rule->name);
	say(out, "%s\n", d->extra ? " extra" : "");
}

static void show_route(const struct route *r, struct buf *out)
{
	static const char *const outcomes[] = {[ROUTE_PASS] = "pass",
					       [ROUTE_EDIT] = "edit",
					       [ROUTE_DISCARD] = "discard",
					       [ROUTE_REJECT] = "reject",
					       [ROUTE_DEFER] = "defer"};
	bool shown = r->outcome == ROUTE_PASS || r->outcome == ROUTE_EDIT;

	say(out, "%s%s%s\n", outcomes[r->outcome], r->text != NULL ? ": " : "",
	    r->text != NULL ? r->text : "");
	for (size_t i = 0; i < r->contents.len && shown; i++)
		show_content(vec_at(&r->contents, i), i, out);
	for (size_t i = 0; i < r->deliveries.len && shown; i++)
		show_delivery(vec_at(&r->deliveries, i), out);
	for (size_t i = 0; i < r->dropped.len && shown; i++)
		say(out, "%zu dropped\n", *(const size_t *)vec_at(&r->dropped, i));
	if (r->warning != NULL)
		say(out, "warning: %s\n", r->warning);
	if (r->observed != NULL)
		say(out, "observed: %s\n", r->observed);
}

static enum evidence_need decide(struct room_letter *l, struct route *route, struct buf *out)
{
	enum evidence_need need = NEED_END;
	struct err e = ERR_INIT;

	ASSERT_OK(route_decide(&l->evidence, l->rcpt, l->n_rcpt, route, &need, NULL, &e), &e);
	out->len = 0;
	if (need == NEED_NOTHING)
		show_route(route, out);
	return need;
}

/* The route of MAIL. Whatever is decided before all of it is there is the same. */
static void route_of(struct room *room, const struct room_mail *mail, struct buf *out)
{
	struct room_letter l;
	struct route route;
	struct buf early;

	buf_init(&early, 1 << 20);
	route_init(&route);
	room_letter(room, mail, &l);
	room_show(&l, STAGE_END);
	CU_ASSERT_EQUAL(decide(&l, &route, out), NEED_NOTHING);
	for (unsigned s = STAGE_HEADER; s < STAGES; s++) {
		room_forget(room, mail, &l);
		room_show(&l, (enum room_stage)s);
		if (decide(&l, &route, &early) == NEED_NOTHING)
			ASSERT_SPAN(buf_span(&early), buf_span(out));
	}
	room_letter_clear(&l);
	route_clear(&route);
	buf_clear(&early);
}

/* --- rows ----------------------------------------------------------------------------------------- */

struct row {
	const char *label, *rules, *rcpt, *route;
	const char *mail_from; /* NULL: <bob@else.example> */
	enum trust_source source;
	const char *text; /* NULL: a plain message called "hello" */
};

#define COPIES                                                                                     \
	"defer: this needs copies of the message (deliver.reentry), which are not built yet\n"
#define FROM_OUTSIDE NULL, SOURCE_RELAYED, NULL
#define FROM_NULL "<>", SOURCE_RELAYED, NULL
#define ENVELOPED_TEXT                                                                             \
	"Content-Type: application/pkcs7-mime; "                                                   \
	"smime-type=enveloped-data\nContent-Transfer-Encoding: "                                   \
	"base64\n\nMIAGCSqGSIb3DQEHA6CAMIACAQAxKg==\n"

static const struct row order_rows[] = {
	{"no rules", "", "<jim@example.com>", "pass\n[0] clear\n0 = jim@example.com [0]\n",
	 FROM_OUTSIDE},
	{"a rule that does not apply", "r jim@example.com 5 if subject other: discard\n",
	 "<jim@example.com>", "pass\n[0] clear\n0 = jim@example.com [0]\n", FROM_OUTSIDE},
	{"a rule of somebody else", "r john@example.com 5: discard\n", "<jim@example.com>",
	 "pass\n[0] clear\n0 = jim@example.com [0]\n", FROM_OUTSIDE},
	{"discarded", "r jim@example.com 5: discard\n", "<jim@example.com>", "discard\n",
	 FROM_OUTSIDE},
	{"all conditions must hold",
	 "r jim@example.com 5 if subject hello & subject other: discard\n", "<jim@example.com>",
	 "pass\n[0] clear\n0 = jim@example.com [0]\n", FROM_OUTSIDE},
	{"all conditions hold", "r jim@example.com 5 if subject h* & subject *o: discard\n",
	 "<jim@example.com>", "discard\n", FROM_OUTSIDE},
	{"the highest first",
	 "a jim@example.com 1: tag 1\n"
	 "b jim@example.com highest: tag top\n"
	 "c jim@example.com 9: tag 9\n",
	 "<jim@example.com>", "edit\n[0] clear tag \"1 9 top\"\n0 = jim@example.com [0]\n",
	 FROM_OUTSIDE},
	{"domain and account by priority",
	 "a jim@example.com 4: tag a4\n"
	 "d example.com 5: tag d5\n"
	 "b jim@example.com 6: tag a6\n"
	 "e example.com 3: tag d3\n",
	 "<jim@example.com>", "edit\n[0] clear tag \"d3 a4 d5 a6\"\n0 = jim@example.com [0]\n",
	 FROM_OUTSIDE},
	{"ties by the order of the files",
	 "a jim@example.com 5: tag 1\n"
	 "d example.com 5: tag 2\n"
	 "b jim@example.com 5: tag 3\n"
	 "e example.com 5: tag 4\n",
	 "<jim@example.com>", "edit\n[0] clear tag \"4 3 2 1\"\n0 = jim@example.com [0]\n",
	 FROM_OUTSIDE},
	{"an inactive rule", "r jim@example.com inactive: discard\n", "<jim@example.com>",
	 "pass\n[0] clear\n0 = jim@example.com [0]\n", FROM_OUTSIDE},
	{"stop ends what comes behind",
	 "a example.com 6: stop\n"
	 "b jim@example.com 5: discard\n",
	 "<jim@example.com>", "pass\n[0] clear\n0 = jim@example.com [0]\n", FROM_OUTSIDE},
	{"stop keeps what came before",
	 "a example.com 6: tag t; stop\n"
	 "b jim@example.com 5: discard\n",
	 "<jim@example.com>", "edit\n[0] clear tag \"t\"\n0 = jim@example.com [0]\n", FROM_OUTSIDE},
	{"discard ends",
	 "a example.com 6: discard\n"
	 "b jim@example.com 5: reject no\n",
	 "<jim@example.com>", "discard\n", FROM_OUTSIDE},
	{"reject ends",
	 "a example.com 6: reject no\n"
	 "b jim@example.com 5: discard\n",
	 "<jim@example.com>", "reject: no\n", FROM_OUTSIDE},

	{"server: discard, nobody else is asked",
	 "a server 5: discard\n"
	 "b jim@example.com 5: reject no\n",
	 "<jim@example.com> <x@else.example>", "discard\n", FROM_OUTSIDE},
	{"server: reject", "a server 5: reject not here\n", "<jim@example.com> <john@example.com>",
	 "reject: not here\n", FROM_OUTSIDE},
	{"server: stop ends its own level only",
	 "a server 5: stop\n"
	 "c server 4: discard\n"
	 "b jim@example.com 5: tag b\n",
	 "<jim@example.com>", "edit\n[0] clear tag \"b\"\n0 = jim@example.com [0]\n", FROM_OUTSIDE},
	{"server: what it changes holds for all, outside too", "a server 5: add X-A: 1; tag s\n",
	 "<jim@example.com> <x@else.example> <Postmaster>",
	 "edit\n[0] clear +X-A: 1 tag \"s\"\n0 = jim@example.com [0]\n1 = x@else.example [0]\n2 = "
	 "Postmaster [0]\n",
	 FROM_OUTSIDE},
	{"server: before the account's",
	 "a server 1: add X-A: 1\n"
	 "b jim@example.com 9: add X-B: 2\n",
	 "<jim@example.com>", "edit\n[0] clear +X-A: 1 +X-B: 2\n0 = jim@example.com [0]\n",
	 FROM_OUTSIDE},
	{"server: stores a copy", "a server 5: store ~public@example.com/All\n",
	 "<jim@example.com>",
	 "edit\n[0] clear\nserver > public+All@example.com [0] in ~public@example.com/All by a "
	 "extra\n0 = "
	 "jim@example.com [0]\n",
	 FROM_OUTSIDE},
	{"server: stores and discards", "a server 5: store ~public@example.com/All; discard\n",
	 "<jim@example.com>",
	 "edit\n[0] clear\nserver > public+All@example.com [0] in ~public@example.com/All by a "
	 "extra\n0 "
	 "dropped\n",
	 FROM_OUTSIDE},
	{"server: seals for the owner of the mailbox alone",
	 "a server 5: seal ~jim@example.com/INBOX; discard\n", "<john@example.com>",
	 "edit\n[0] sealed jim@example.com:11\nserver > jim@example.com [0] in "
	 "~jim@example.com/INBOX by "
	 "a extra\n0 dropped\n",
	 FROM_OUTSIDE},
	{"server: stores, and then rejects",
	 "a server 6: store ~public@example.com/All\n"
	 "b server 5: reject no\n",
	 "<jim@example.com>", COPIES, FROM_OUTSIDE},
	{"server: redirects, whose rules are asked",
	 "a server 5: to jim@example.com; discard\n"
	 "b jim@example.com 5: tag jim\n",
	 "<john@example.com>",
	 "edit\n[0] clear tag \"jim\"\nserver > jim@example.com [0] by a\n0 dropped\n",
	 FROM_OUTSIDE},

	{"added, tagged, held",
	 "a jim@example.com 5: add X-A: 1; add X-A: 2; tag [one]; tag [two]; hold\n"
	 "b jim@example.com 4: add X-B: 3\n",
	 "<jim@example.com>",
	 "edit\n[0] clear +X-A: 1 +X-A: 2 +X-B: 3 tag \"[two] [one]\" quarantine \"a\"\n0 = "
	 "jim@example.com [0]\n",
	 FROM_OUTSIDE},
	{"held for a reason, the last counts", "a jim@example.com 5: hold one; hold two\n",
	 "<jim@example.com>", "edit\n[0] clear quarantine \"two\"\n0 = jim@example.com [0]\n",
	 FROM_OUTSIDE},
	{"two tags beyond ASCII", "a jim@example.com 5: tag [\xc3\xa4]; tag [\xc3\xbc]\n",
	 "<jim@example.com>",
	 "edit\n[0] clear tag \"[\xc3\xbc] [\xc3\xa4]\"\n0 = jim@example.com [0]\n", FROM_OUTSIDE},
	{"a domain that is not enabled", "a test.example 5: discard\n", "<jim@test.example>",
	 "pass\n[0] clear\n0 = jim@test.example [0]\n", FROM_OUTSIDE},
};

static const struct row store_rows[] = {
	{"a copy in a box, and the message goes on", "a jim@example.com 5: store Box/Sub\n",
	 "<jim@example.com>",
	 "edit\n[0] clear\n0 > jim+Box/Sub@example.com [0] in ~jim@example.com/Box/Sub by a\n0 = "
	 "jim@example.com [0]\n",
	 FROM_OUTSIDE},
	{"a copy in INBOX is the message itself", "a jim@example.com 5: store INBOX\n",
	 "<jim@example.com>",
	 "pass\n[0] clear\n0 = jim@example.com [0] in ~jim@example.com/INBOX by a\n", FROM_OUTSIDE},
	{"given with a dot behind the domain", "r jim@example.com 5: seal INBOX; discard\n",
	 "<jim@example.com.>",
	 "edit\n[0] sealed jim@example.com:11\n0 = jim@example.com [0] in "
	 "~jim@example.com/INBOX by r\n",
	 FROM_OUTSIDE},
	{"the same box twice is one copy",
	 "a jim@example.com 5: store A; store A\n"
	 "b jim@example.com 4: store A; discard\n",
	 "<jim@example.com>",
	 "edit\n[0] clear\n0 > jim+A@example.com [0] in ~jim@example.com/A by a\n", FROM_OUTSIDE},
	{"sealed in INBOX", "s jim@example.com 5: seal INBOX; discard\n", "<jim@example.com>",
	 "edit\n[0] sealed jim@example.com:11\n0 = jim@example.com [0] in ~jim@example.com/INBOX "
	 "by s\n",
	 FROM_OUTSIDE},
	{"sealed, address in capitals, alias of the domain",
	 "s jim@example.com 5: seal INBOX; discard\n", "<JIM@Example.ORG>",
	 "edit\n[0] sealed jim@example.com:11\n0 = JIM@Example.ORG [0] in ~jim@example.com/INBOX "
	 "by s\n",
	 FROM_OUTSIDE},
	{"sealed, a quoted local part", "s jim@example.com 5: seal INBOX; discard\n",
	 "<\"jim\"@example.com>",
	 "edit\n[0] sealed jim@example.com:11\n0 = jim@example.com [0] in ~jim@example.com/INBOX "
	 "by s\n",
	 FROM_OUTSIDE},
	{"sealed, a certificate in other letters", "s jack@example.com 5: seal INBOX; discard\n",
	 "<jack@example.com>",
	 "edit\n[0] sealed jack@example.com:55\n0 = jack@example.com [0] in "
	 "~jack@example.com/INBOX by "
	 "s\n",
	 FROM_OUTSIDE},
	{"sealed in two boxes of one account",
	 "s jim@example.com 5: seal INBOX; seal Bank/2026; discard\n", "<jim@example.com>",
	 "edit\n[0] sealed jim@example.com:11\n0 = jim@example.com [0] in ~jim@example.com/INBOX "
	 "by s\n0 "
	 "> jim+Bank/2026@example.com [0] in ~jim@example.com/Bank/2026 by s\n",
	 FROM_OUTSIDE},
	{"sealed by the domain's rule, for each its own", "s example.com 5: seal INBOX; discard\n",
	 "<john@example.com>",
	 "edit\n[0] sealed john@example.com:22\n0 = john@example.com [0] in "
	 "~john@example.com/INBOX by "
	 "s\n",
	 FROM_OUTSIDE},
	{"sealed into another's box: for both", "s john@example.com 5: seal ~jim/INBOX; discard\n",
	 "<john@example.com>",
	 "edit\n[0] sealed jim@example.com:11 john@example.com:22\n0 > jim@example.com [0] in "
	 "~jim@example.com/INBOX by s extra\n",
	 FROM_OUTSIDE},
	{"sealed into another's box by the domain: for both",
	 "s example.com 5: seal ~public/All; discard\n", "<jane@example.com>",
	 "edit\n[0] sealed jane@example.com:33 public@example.com:44\n0 > public+All@example.com "
	 "[0] in "
	 "~public@example.com/All by s extra\n",
	 FROM_OUTSIDE},
	{"sealed into it by the domain for the owner himself",
	 "s example.com 5: seal ~jim/INBOX; discard\n", "<jim@example.com>",
	 "edit\n[0] sealed jim@example.com:11\n0 = jim@example.com [0] in ~jim@example.com/INBOX "
	 "by s\n",
	 FROM_OUTSIDE},
	{"sealed with what was done before",
	 "a jim@example.com 6: add X-A: 1; tag t\n"
	 "s jim@example.com 5: seal INBOX; discard\n",
	 "<jim@example.com>",
	 "edit\n[0] sealed jim@example.com:11 +X-A: 1 tag \"t\"\n0 = jim@example.com [0] in "
	 "~jim@example.com/INBOX by s\n",
	 FROM_OUTSIDE},
	{"encrypted already", "s jim@example.com 5: seal INBOX; discard\n", "<jim@example.com>",
	 "pass\n[0] clear, was encrypted\n0 = jim@example.com [0] in ~jim@example.com/INBOX by s\n",
	 NULL, SOURCE_RELAYED, ENVELOPED_TEXT},
	{"encrypted already, no certificate needed",
	 "s nobody@example.com 5: seal INBOX; discard\n", "<nobody@example.com>",
	 "pass\n[0] clear, was encrypted\n0 = nobody@example.com [0] in ~nobody@example.com/INBOX "
	 "by s\n",
	 NULL, SOURCE_RELAYED, ENVELOPED_TEXT},
	{"encrypted already, into another's box",
	 "s john@example.com 5: seal ~jim/INBOX; discard\n", "<john@example.com>",
	 "edit\n[0] clear, was encrypted\n0 > jim@example.com [0] in ~jim@example.com/INBOX by s "
	 "extra\n",
	 NULL, SOURCE_RELAYED, ENVELOPED_TEXT},
	{"a rule that asks for it",
	 "s jim@example.com 5 if Security|is not|encrypted: seal INBOX; discard\n",
	 "<jim@example.com>", "pass\n[0] clear\n0 = jim@example.com [0]\n", NULL, SOURCE_RELAYED,
	 ENVELOPED_TEXT},

	{"two accounts with contents of their own", "s example.com 5: seal INBOX; discard\n",
	 "<jim@example.com> <john@example.com>", COPIES, FROM_OUTSIDE},
	{"sealed for one, clear for another", "s jim@example.com 5: seal INBOX; discard\n",
	 "<jim@example.com> <x@else.example>", COPIES, FROM_OUTSIDE},
	{"sealed for one, discarded by the other",
	 "s jim@example.com 5: seal INBOX; discard\n"
	 "d john@example.com 5: discard\n",
	 "<jim@example.com> <john@example.com>",
	 "edit\n[0] sealed jim@example.com:11\n0 = jim@example.com [0] in ~jim@example.com/INBOX "
	 "by s\n1 "
	 "dropped\n",
	 FROM_OUTSIDE},
	{"one account by two addresses", "s jim@example.com 5: seal INBOX; discard\n",
	 "<jim@example.com> <jim@example.org> <jim+x@example.com>",
	 "edit\n[0] sealed jim@example.com:11\n0 = jim@example.com [0] in ~jim@example.com/INBOX "
	 "by s\n1 = "
	 "jim@example.org [0] in ~jim@example.com/INBOX by s\n2 > jim@example.com [0] in "
	 "~jim@example.com/INBOX by s\n",
	 FROM_OUTSIDE},
	{"two who send it to one box have two contents",
	 "s example.com 5: seal ~public/All; discard\n", "<jim@example.com> <john@example.com>",
	 COPIES, FROM_OUTSIDE},
	{"both of one envelope, whichever of them has the rule",
	 "s john@example.com 5: seal ~jim/INBOX; discard\n"
	 "t jim@example.com 5: seal ~jim/INBOX; discard\n",
	 "<john@example.com> <jim@example.com>", COPIES, FROM_OUTSIDE},
	{"the same changes for all are one content", "d example.com 5: tag t\n",
	 "<jim@example.com> <john@example.com>",
	 "edit\n[0] clear tag \"t\"\n0 = jim@example.com [0]\n1 = john@example.com [0]\n",
	 FROM_OUTSIDE},
	{"changes for one of two", "d jim@example.com 5: tag t\n",
	 "<jim@example.com> <john@example.com>", COPIES, FROM_OUTSIDE},
	{"another header for one of two",
	 "a jim@example.com 5: add X-A: 1\n"
	 "b john@example.com 5: add X-A: 2\n",
	 "<jim@example.com> <john@example.com>", COPIES, FROM_OUTSIDE},
	{"held for one of two", "d jim@example.com 5: hold\n",
	 "<jim@example.com> <john@example.com>", COPIES, FROM_OUTSIDE},
	{"two copies of one content, and the message", "a example.com 5: store Copy\n",
	 "<jim@example.com> <john@example.com>",
	 "edit\n[0] clear\n0 > jim+Copy@example.com [0] in ~jim@example.com/Copy by a\n0 = "
	 "jim@example.com [0]\n1 > john+Copy@example.com [0] in ~john@example.com/Copy by a\n1 = "
	 "john@example.com [0]\n",
	 FROM_OUTSIDE},
};

static const struct row cert_rows[] = {
	{"missing: defer", "s nobody@example.com 5: seal INBOX; discard\n", "<nobody@example.com>",
	 "defer: no valid certificate of nobody@example.com to seal with\n", FROM_OUTSIDE},
	{"missing: reject", "s nobody@rej.example 5: seal INBOX; discard\n", "<nobody@rej.example>",
	 "reject: no valid certificate of nobody@rej.example to seal with\n", FROM_OUTSIDE},
	{"missing: plain", "s nobody@plain.example 5: seal INBOX; discard\n",
	 "<nobody@plain.example>",
	 "pass\n[0] clear, no certificate\n0 = nobody@plain.example [0] in "
	 "~nobody@plain.example/INBOX by "
	 "s\n",
	 FROM_OUTSIDE},
	{"expired within the grace", "s late@example.com 5: seal INBOX; discard\n",
	 "<late@example.com>",
	 "edit\n[0] sealed late@example.com:77\n0 = late@example.com [0] in "
	 "~late@example.com/INBOX by "
	 "s\nwarning: certificate of late@example.com has expired\n",
	 FROM_OUTSIDE},
	{"expired past the grace is missing", "s gone@example.com 5: seal INBOX; discard\n",
	 "<gone@example.com>", "defer: no valid certificate of gone@example.com to seal with\n",
	 FROM_OUTSIDE},
	{"a domain's own grace", "s late@short.example 5: seal INBOX; discard\n",
	 "<late@short.example>", "defer: no valid certificate of late@short.example to seal with\n",
	 FROM_OUTSIDE},
	{"not yet valid", "s soon@example.com 5: seal INBOX; discard\n", "<soon@example.com>",
	 "defer: no valid certificate of soon@example.com to seal with\n", FROM_OUTSIDE},
	{"valid this very second", "s now@example.com 5: seal INBOX; discard\n",
	 "<now@example.com>",
	 "edit\n[0] sealed now@example.com:80\n0 = now@example.com [0] in ~now@example.com/INBOX "
	 "by s\n",
	 FROM_OUTSIDE},
	{"expired: defer, though missing is plain",
	 "s late@xdefer.example 5: seal INBOX; discard\n", "<late@xdefer.example>",
	 "defer: no valid certificate of late@xdefer.example to seal with\n", FROM_OUTSIDE},
	{"expired: reject", "s late@xreject.example 5: seal INBOX; discard\n",
	 "<late@xreject.example>",
	 "reject: no valid certificate of late@xreject.example to seal with\n", FROM_OUTSIDE},
	{"expired: plain", "s late@xplain.example 5: seal INBOX; discard\n",
	 "<late@xplain.example>",
	 "pass\n[0] clear, no certificate\n0 = late@xplain.example [0] in "
	 "~late@xplain.example/INBOX by "
	 "s\n",
	 FROM_OUTSIDE},
	{"not yet valid is not expired", "s soon@xplain.example 5: seal INBOX; discard\n",
	 "<soon@xplain.example>",
	 "defer: no valid certificate of soon@xplain.example to seal with\n", FROM_OUTSIDE},
	{"an EC key only", "s curve@example.com 5: seal INBOX; discard\n", "<curve@example.com>",
	 "defer: no certificate of curve@example.com to seal with: those for elliptic-curve keys "
	 "are not "
	 "built yet\n",
	 FROM_OUTSIDE},
	{"RSA before EC", "s both@example.com 5: seal INBOX; discard\n", "<both@example.com>",
	 "edit\n[0] sealed both@example.com:68\n0 = both@example.com [0] in "
	 "~both@example.com/INBOX by "
	 "s\n",
	 FROM_OUTSIDE},
	{"an expired RSA key before an EC key", "s turn@example.com 5: seal INBOX; discard\n",
	 "<turn@example.com>",
	 "edit\n[0] sealed turn@example.com:70\n0 = turn@example.com [0] in "
	 "~turn@example.com/INBOX by "
	 "s\nwarning: certificate of turn@example.com has expired\n",
	 FROM_OUTSIDE},

	{"the owner of the box has none: reject",
	 "s john@example.com 5: seal ~nobody@rej.example/INBOX; discard\n", "<john@example.com>",
	 "reject: no valid certificate of nobody@rej.example to seal with\n", FROM_OUTSIDE},
	{"the account of the rule has none: defer, though the owner's domain says plain",
	 "s nobody@example.com 5: seal ~nobody@plain.example/INBOX; discard\n",
	 "<nobody@example.com>", "defer: no valid certificate of nobody@example.com to seal with\n",
	 FROM_OUTSIDE},
	{"the account of the rule has none: plain, though the owner has one",
	 "s nobody@plain.example 5: seal ~jim@example.com/INBOX; discard\n",
	 "<nobody@plain.example>",
	 "edit\n[0] clear, no certificate\n0 > jim@example.com [0] in ~jim@example.com/INBOX by s "
	 "extra\n",
	 FROM_OUTSIDE},
	{"plain for one, sealed for the other", "s plain.example 5: seal INBOX; discard\n",
	 "<nobody@plain.example> <jim@plain.example>", COPIES, FROM_OUTSIDE},
	{"one of several has none: the whole message waits",
	 "s example.com 5: seal INBOX; discard\n", "<jim@example.com> <nobody@example.com>",
	 "defer: no valid certificate of nobody@example.com to seal with\n", FROM_OUTSIDE},
	{"the log names what is plain beside what is clear anyhow",
	 "s nobody@plain.example 5: seal INBOX; discard\n",
	 "<jim@example.com> <nobody@plain.example>",
	 "pass\n[0] clear, no certificate\n0 = jim@example.com [0]\n1 = nobody@plain.example [0] "
	 "in "
	 "~nobody@plain.example/INBOX by s\n",
	 FROM_OUTSIDE},
	{"what has expired is told once", "s late@example.com 5: seal INBOX; seal A; discard\n",
	 "<late@example.com>",
	 "edit\n[0] sealed late@example.com:77\n0 = late@example.com [0] in "
	 "~late@example.com/INBOX by "
	 "s\n0 > late+A@example.com [0] in ~late@example.com/A by s\nwarning: certificate of "
	 "late@example.com has expired\n",
	 FROM_OUTSIDE},
	{"a later discard does not help", "a nobody@example.com 6: seal INBOX; discard\n",
	 "<nobody@example.com>", "defer: no valid certificate of nobody@example.com to seal with\n",
	 FROM_OUTSIDE},
};

static const struct row send_rows[] = {
	{"outside, and the message goes on", "r jim@example.com 5: to x@else.example\n",
	 "<jim@example.com>",
	 "edit\n[0] clear\n0 > x@else.example [0] by r\n0 = jim@example.com [0]\n", FROM_OUTSIDE},
	{"outside instead",
	 "r jim@example.com 5: to x@else.example, Y@B\xc3\xbc"
	 "cher.example; discard\n",
	 "<jim@example.com>",
	 "edit\n[0] clear\n0 > x@else.example [0] by r\n0 > Y@xn--bcher-kva.example [0] by r\n",
	 FROM_OUTSIDE},
	{"a local part that wants quotes",
	 "r jim@example.com 5: to \"a b\"@else.example; discard\n", "<jim@example.com>",
	 "edit\n[0] clear\n0 > \"a b\"@else.example [0] by r\n", FROM_OUTSIDE},
	{"mirrored", "r jim@example.com 5: mirror x@else.example\n", "<jim@example.com>",
	 "edit\n[0] clear\n0 > x@else.example [0] by r extra\n0 = jim@example.com [0]\n",
	 FROM_OUTSIDE},
	{"with what was done before, not after",
	 "r jim@example.com 5: tag a; to x@else.example; discard\n", "<jim@example.com>",
	 "edit\n[0] clear tag \"a\"\n0 > x@else.example [0] by r\n", FROM_OUTSIDE},
	{"another content than that which goes on",
	 "r jim@example.com 5: to x@else.example; tag a\n", "<jim@example.com>", COPIES,
	 FROM_OUTSIDE},
	{"an account of ours: its rules are asked",
	 "r jim@example.com 5: to john@example.com; discard\n"
	 "s john@example.com 5: seal INBOX; discard\n",
	 "<jim@example.com>",
	 "edit\n[0] sealed john@example.com:22\n0 > john@example.com [0] in "
	 "~john@example.com/INBOX by "
	 "s\n",
	 FROM_OUTSIDE},
	{"mirrored to an account of ours: what it stores is extra",
	 "r jim@example.com 5: mirror john@example.com; discard\n"
	 "s john@example.com 5: seal INBOX; discard\n",
	 "<jim@example.com>",
	 "edit\n[0] sealed john@example.com:22\n0 > john@example.com [0] in "
	 "~john@example.com/INBOX by s "
	 "extra\n",
	 FROM_OUTSIDE},
	{"mirrored, and sent on from there: extra all the way",
	 "r jim@example.com 5: mirror john@example.com\n"
	 "s john@example.com 5: to x@else.example; discard\n",
	 "<jim@example.com>",
	 "edit\n[0] clear\n0 > x@else.example [0] by s extra\n0 = jim@example.com [0]\n",
	 FROM_OUTSIDE},
	{"the rules of an account into whose box is stored are not asked",
	 "r john@example.com 5: store ~jim/A; discard\n"
	 "d jim@example.com 5: discard\n",
	 "<john@example.com>",
	 "edit\n[0] clear\n0 > jim+A@example.com [0] in ~jim@example.com/A by r extra\n",
	 FROM_OUTSIDE},
	{"to itself", "r jim@example.com 5: to jim@example.com; discard\n", "<jim@example.com>",
	 "edit\n[0] clear\n0 > jim@example.com [0] by r\n", FROM_OUTSIDE},
	{"a circle of two, each discards",
	 "r jim@example.com 5: to john@example.com; discard\n"
	 "s john@example.com 5: to jim@example.com; discard\n",
	 "<jim@example.com>", "edit\n[0] clear\n0 > jim@example.com [0] by s\n", FROM_OUTSIDE},
	{"a circle of two, both keep it",
	 "r jim@example.com 5: to john@example.com\n"
	 "s john@example.com 5: to jim@example.com\n",
	 "<jim@example.com>",
	 "edit\n[0] clear\n0 > jim@example.com [0] by s\n0 > john@example.com [0] by r\n0 = "
	 "jim@example.com [0]\n",
	 FROM_OUTSIDE},
	{"two ways to one account: its rules are asked once",
	 "r jim@example.com 5: to john@example.com, jane@example.com; discard\n"
	 "s john@example.com 5: to jack@example.com; discard\n"
	 "t jane@example.com 5: to jack@example.com; discard\n"
	 "u jack@example.com 5: to x@else.example; discard\n",
	 "<jim@example.com>", "edit\n[0] clear\n0 > x@else.example [0] by u\n", FROM_OUTSIDE},
	{"two recipients send it on to one", "r example.com 5: to x@else.example; discard\n",
	 "<jim@example.com> <john@example.com>", "edit\n[0] clear\n0 > x@else.example [0] by r\n",
	 FROM_OUTSIDE},
	{"to an account that rejects: the sender is told that",
	 "r jim@example.com 5: to john@example.com; discard\n"
	 "s john@example.com 5: reject not john\n",
	 "<jim@example.com>", "reject: not john\n", FROM_OUTSIDE},
	{"to an account that rejects, and one keeps it",
	 "r jim@example.com 5: to john@example.com\n"
	 "s john@example.com 5: reject not john\n",
	 "<jim@example.com>", "pass\n[0] clear\n0 = jim@example.com [0]\n", FROM_OUTSIDE},
	{"to an account that rejects, another recipient gets it",
	 "r jim@example.com 5: to john@example.com; discard\n"
	 "s john@example.com 5: reject not john\n",
	 "<jim@example.com> <x@else.example>", COPIES, FROM_OUTSIDE},
	{"outside the accounts of a domain", "r list.example 5: discard\n", "<bob@list.example>",
	 "pass\n[0] clear\n0 = bob@list.example [0]\n", FROM_OUTSIDE},
	{"one of its accounts", "r list.example 5: discard\n", "<ANN+x@list.example>", "discard\n",
	 FROM_OUTSIDE},
	{"by a domain's alias",
	 "r jim@example.com 5: to john@example.org; discard\n"
	 "s john@example.com 5: tag j\n",
	 "<jim@example.com>", "edit\n[0] clear tag \"j\"\n0 > john@example.org [0] by r\n",
	 FROM_OUTSIDE},
};

static const struct row alias_rows[] = {
	{"unchanged: as it was given",
	 "alias info@example.com = jim@example.com\n"
	 "r john@example.com 5: discard\n",
	 "<Info@example.com>", "pass\n[0] clear\n0 = Info@example.com [0]\n", FROM_OUTSIDE},
	{"several, unchanged",
	 "alias info@example.com = jim@example.com, x@else.example, john@example.com\n",
	 "<info@example.com>", "pass\n[0] clear\n0 = info@example.com [0]\n", FROM_OUTSIDE},
	{"several, all changed in one way",
	 "alias info@example.com = jim@example.com, john@example.com\n"
	 "r example.com 5: tag t\n",
	 "<info@example.com>", "edit\n[0] clear tag \"t\"\n0 = info@example.com [0]\n",
	 FROM_OUTSIDE},
	{"several, beside a recipient with another content before",
	 "alias info@example.com = jim@example.com, john@example.com\n"
	 "r example.com 5: tag t\n",
	 "<x@else.example> <info@example.com>", COPIES, FROM_OUTSIDE},
	{"one of several discards: the others are named",
	 "alias info@example.com = jim@example.com, john@example.com, x@else.example\n"
	 "r john@example.com 5: discard\n",
	 "<info@example.com>", "edit\n[0] clear\n0 > jim@example.com [0]\n0 > x@else.example [0]\n",
	 FROM_OUTSIDE},
	{"one of several rejects: the sender is to be told",
	 "alias info@example.com = jim@example.com, john@example.com\n"
	 "r john@example.com 5: reject no\n",
	 "<info@example.com>", COPIES, FROM_OUTSIDE},
	{"one of several rejects, and nobody wants to hear",
	 "alias info@example.com = jim@example.com, john@example.com\n"
	 "r john@example.com 5: reject no\n",
	 "<info@example.com>;NOTIFY=NEVER", "edit\n[0] clear\n0 > jim@example.com [0]\n",
	 FROM_OUTSIDE},
	{"one of several stores: the others are named",
	 "alias info@example.com = jim@example.com, john@example.com\n"
	 "r john@example.com 5: store A\n",
	 "<info@example.com>",
	 "edit\n[0] clear\n0 > jim@example.com [0]\n0 > john+A@example.com [0] in "
	 "~john@example.com/A by "
	 "r\n0 > john@example.com [0]\n",
	 FROM_OUTSIDE},
	{"sealed for the account behind it",
	 "alias info@example.com = jim@example.com\n"
	 "s jim@example.com 5: seal INBOX; discard\n",
	 "<info@example.com>",
	 "edit\n[0] sealed jim@example.com:11\n0 > jim@example.com [0] in ~jim@example.com/INBOX "
	 "by s\n",
	 FROM_OUTSIDE},
	{"an alias and its account: one copy",
	 "alias info@example.com = jim@example.com\n"
	 "s jim@example.com 5: seal INBOX; discard\n",
	 "<jim@example.com> <info@example.com>",
	 "edit\n[0] sealed jim@example.com:11\n0 = jim@example.com [0] in ~jim@example.com/INBOX "
	 "by s\n1 > "
	 "jim@example.com [0] in ~jim@example.com/INBOX by s\n",
	 FROM_OUTSIDE},
	{"two aliases of one account: one copy",
	 "alias a@example.com = jim@example.com\n"
	 "alias b@example.com = jim@example.com\n"
	 "s jim@example.com 5: seal INBOX; discard\n",
	 "<a@example.com> <b@example.com>",
	 "edit\n[0] sealed jim@example.com:11\n0 > jim@example.com [0] in ~jim@example.com/INBOX "
	 "by s\n",
	 FROM_OUTSIDE},
	{"all of a domain",
	 "alias @b.example = jim@example.com\n"
	 "s jim@example.com 5: seal INBOX; discard\n",
	 "<any@b.example>",
	 "edit\n[0] sealed jim@example.com:11\n0 > jim@example.com [0] in ~jim@example.com/INBOX "
	 "by s\n",
	 FROM_OUTSIDE},
	{"a bare name",
	 "alias info = jim@example.com\n"
	 "s jim@example.com 5: seal INBOX; discard\n",
	 "<INFO@b.example>",
	 "edit\n[0] sealed jim@example.com:11\n0 > jim@example.com [0] in ~jim@example.com/INBOX "
	 "by s\n",
	 FROM_OUTSIDE},
	{"itself among its targets",
	 "alias jim@example.com = jim@example.com, x@else.example\n"
	 "r jim@example.com 5: store A; discard\n",
	 "<jim@example.com>",
	 "edit\n[0] clear\n0 > jim+A@example.com [0] in ~jim@example.com/A by r\n0 > "
	 "x@else.example [0]\n",
	 FROM_OUTSIDE},
	{"a redirection to an alias",
	 "alias info@example.com = jim@example.com, x@else.example\n"
	 "r john@example.com 5: to info@example.com; discard\n",
	 "<john@example.com>",
	 "edit\n[0] clear\n0 > jim@example.com [0] by r\n0 > x@else.example [0] by r\n",
	 FROM_OUTSIDE},
};

static const struct row detail_rows[] = {
	{"kept where nothing seals", "r jim@example.com 5: tag t\n", "<jim+Spam@example.com>",
	 "edit\n[0] clear tag \"t\"\n0 = jim+Spam@example.com [0]\n", FROM_OUTSIDE},
	{"a stranger's is cut where something seals",
	 "s jim@example.com 5 if subject other: seal INBOX; discard\n", "<jim+Spam@example.com>",
	 "edit\n[0] clear\n0 > jim@example.com [0]\n", FROM_OUTSIDE},
	{"where the domain seals", "s example.com 5 if subject other: seal INBOX; discard\n",
	 "<jim+Spam@example.com>", "edit\n[0] clear\n0 > jim@example.com [0]\n", FROM_OUTSIDE},
	{"one's own is kept", "s jim@example.com 5 if subject other: seal INBOX; discard\n",
	 "<jim+Spam@example.com>", "pass\n[0] clear\n0 = jim+Spam@example.com [0]\n", NULL,
	 SOURCE_AUTHENTICATED, NULL},
	{"an inactive rule seals nothing", "s jim@example.com inactive: seal INBOX; discard\n",
	 "<jim+Spam@example.com>", "pass\n[0] clear\n0 = jim+Spam@example.com [0]\n", FROM_OUTSIDE},
	{"a rule names the box", "s jim@example.com 5: seal INBOX; discard\n",
	 "<jim+Spam@example.com>",
	 "edit\n[0] sealed jim@example.com:11\n0 > jim@example.com [0] in ~jim@example.com/INBOX "
	 "by s\n",
	 FROM_OUTSIDE},
	{"an alias with a detail carries it on",
	 "alias info@example.com = jim@example.com\n"
	 "r jim@example.com 5: tag t\n",
	 "<info+x@example.com>", "edit\n[0] clear tag \"t\"\n0 = info+x@example.com [0]\n",
	 FROM_OUTSIDE},
	{"an alias with a detail, and one that is outside",
	 "alias info@example.com = jim@example.com, x@else.example\n"
	 "r jim@example.com 5: store A\n",
	 "<info+y@example.com>",
	 "edit\n[0] clear\n0 > jim+A@example.com [0] in ~jim@example.com/A by r\n0 > "
	 "jim+y@example.com [0]\n0 "
	 "> x+y@else.example [0]\n",
	 FROM_OUTSIDE},
	{"an observed domain's is kept",
	 "s jim@obs.example 5 if subject other: seal INBOX; discard\n", "<jim+Spam@obs.example>",
	 "pass\n[0] clear\n0 = jim+Spam@obs.example [0]\n", FROM_OUTSIDE},
};

static const struct row reject_rows[] = {
	{"all", "r example.com 5: reject go away\n", "<jim@example.com> <john@example.com>",
	 "reject: go away\n", FROM_OUTSIDE},
	{"one of two: the sender is to be told", "r jim@example.com 5: reject go away\n",
	 "<jim@example.com> <john@example.com>", COPIES, FROM_OUTSIDE},
	{"one of two, the null sender", "r jim@example.com 5: reject go away\n",
	 "<jim@example.com> <john@example.com>",
	 "edit\n[0] clear\n1 = john@example.com [0]\n0 dropped\n", FROM_NULL},
	{"one of two, NOTIFY=NEVER", "r jim@example.com 5: reject go away\n",
	 "<jim@example.com>;NOTIFY=never <john@example.com>",
	 "edit\n[0] clear\n1 = john@example.com [0]\n0 dropped\n", FROM_OUTSIDE},
	{"one of two, no FAILURE asked for", "r jim@example.com 5: reject go away\n",
	 "<jim@example.com>;ORCPT=rfc822;NOTIFY=SUCCESS,DELAY <john@example.com>",
	 "edit\n[0] clear\n1 = john@example.com [0]\n0 dropped\n", FROM_OUTSIDE},
	{"one of two, FAILURE asked for", "r jim@example.com 5: reject go away\n",
	 "<jim@example.com>;NOTIFY=SUCCESS,FAILURE <john@example.com>", COPIES, FROM_OUTSIDE},
	{"NOTIFY=NEVER of the other does not count", "r jim@example.com 5: reject go away\n",
	 "<jim@example.com> <john@example.com>;NOTIFY=NEVER", COPIES, FROM_OUTSIDE},
	{"rejected and discarded: nobody is left",
	 "r jim@example.com 5: reject go away\n"
	 "d john@example.com 5: discard\n",
	 "<john@example.com> <jim@example.com>", "reject: go away\n", FROM_OUTSIDE},
	{"one discards, one rejects whose sender does not want to hear, one gets it",
	 "r jim@example.com 5: reject go away\n"
	 "d john@example.com 5: discard\n",
	 "<john@example.com> <jim@example.com>;NOTIFY=NEVER <jane@example.com>",
	 "edit\n[0] clear\n2 = jane@example.com [0]\n0 dropped\n1 dropped\n", FROM_OUTSIDE},
	{"two texts: the first",
	 "r jim@example.com 5: reject one\n"
	 "s john@example.com 5: reject two\n",
	 "<john@example.com> <jim@example.com>", "reject: two\n", FROM_OUTSIDE},
	{"stored before: a copy would have to be sent", "r jim@example.com 5: store A; reject no\n",
	 "<jim@example.com>", COPIES, FROM_OUTSIDE},
};

static const struct row observe_rows[] = {
	{"as usual", "s jim@obs.example 5: seal INBOX; discard\n", "<jim@obs.example>",
	 "pass\n[0] clear\n0 = jim@obs.example [0]\nobserved: sealed for jim@obs.example to "
	 "jim@obs.example; nothing more to jim@obs.example\n",
	 FROM_OUTSIDE},
	{"no certificate", "s nobody@obs.example 5: seal INBOX; discard\n", "<nobody@obs.example>",
	 "pass\n[0] clear\n0 = nobody@obs.example [0]\nobserved: temporary failure for "
	 "nobody@obs.example: no valid certificate of nobody@obs.example to seal with\n",
	 FROM_OUTSIDE},
	{"rejected", "r jim@obs.example 5: reject no\n", "<jim@obs.example>",
	 "pass\n[0] clear\n0 = jim@obs.example [0]\nobserved: rejected for jim@obs.example: no\n",
	 FROM_OUTSIDE},
	{"changed", "r jim@obs.example 5: tag t\n", "<jim@obs.example>",
	 "pass\n[0] clear\n0 = jim@obs.example [0]\n", FROM_OUTSIDE},
	{"beside another domain",
	 "r jim@obs.example 5: discard\n"
	 "s jim@example.com 5: seal INBOX; discard\n",
	 "<jim@example.com>",
	 "edit\n[0] sealed jim@example.com:11\n0 = jim@example.com [0] in ~jim@example.com/INBOX "
	 "by s\n",
	 FROM_OUTSIDE},
	{"redirected within: nothing comes of it, and another way there is open",
	 "r john@example.com 5: to jim@obs.example, jane@example.com; discard\n"
	 "o jim@obs.example 5: to jane@example.com; discard\n",
	 "<john@example.com>",
	 "edit\n[0] clear\n0 > jim@obs.example [0] by r\n0 > jane@example.com [0] by r\nobserved: "
	 "clear to "
	 "jane@example.com; nothing more to jim@obs.example\n",
	 FROM_OUTSIDE},
	{"what the server did holds",
	 "a server 5: add X-A: 1\n"
	 "r jim@obs.example 5: add X-B: 2\n",
	 "<jim@obs.example>", "edit\n[0] clear +X-A: 1\n0 = jim@obs.example [0]\n", FROM_OUTSIDE},
};

static void check_rows(const struct row *rows, size_t n)
{
	struct buf out;

	buf_init(&out, 1 << 20);
	for (size_t i = 0; i < n; i++) {
		const struct row *r = &rows[i];
		struct room_mail mail = {.text = r->text != NULL ? r->text
								 : "Subject: hello\n\nhello\n",
					 .mail_from = r->mail_from,
					 .rcpt = r->rcpt,
					 .source = r->source};
		struct room room;

		ROW(r->label);
		open_room(&room, r->rules);
		route_of(&room, &mail, &out);
		ASSERT_SPAN(buf_span(&out), span_str(r->route));
		room_close(&room);
	}
	ROW("");
	buf_clear(&out);
}

static void test_order(void)
{
	check_rows(order_rows, COUNT_OF(order_rows));
}

static void test_stores(void)
{
	check_rows(store_rows, COUNT_OF(store_rows));
}

static void test_certs(void)
{
	check_rows(cert_rows, COUNT_OF(cert_rows));
}

static void test_sends(void)
{
	check_rows(send_rows, COUNT_OF(send_rows));
}

static void test_aliases(void)
{
	check_rows(alias_rows, COUNT_OF(alias_rows));
}

static void test_details(void)
{
	check_rows(detail_rows, COUNT_OF(detail_rows));
}

static void test_rejects(void)
{
	check_rows(reject_rows, COUNT_OF(reject_rows));
}

static void test_observe(void)
{
	check_rows(observe_rows, COUNT_OF(observe_rows));
}

/* --- at RCPT -------------------------------------------------------------------------------------- */

static const struct {
	const char *label, *rules, *rcpt;
	enum route_outcome outcome;
	const char *text; /* NULL: none */
	bool certain;	  /* its content is known */
} early_rows[] = {
	{"no rules", "", "<jim@example.com>", ROUTE_PASS, NULL, true},
	{"sealed", "s jim@example.com 5: seal INBOX; discard\n", "<jim@example.com>", ROUTE_PASS,
	 NULL, true},
	{"missing: defer", "s nobody@example.com 5: seal INBOX; discard\n", "<nobody@example.com>",
	 ROUTE_DEFER, "no valid certificate of nobody@example.com to seal with", false},
	{"missing: reject", "s nobody@rej.example 5: seal INBOX; discard\n", "<nobody@rej.example>",
	 ROUTE_REJECT, "no valid certificate of nobody@rej.example to seal with", false},
	{"missing: plain", "s nobody@plain.example 5: seal INBOX; discard\n",
	 "<nobody@plain.example>", ROUTE_PASS, NULL, true},
	{"expired: defer", "s late@xdefer.example 5: seal INBOX; discard\n",
	 "<late@xdefer.example>", ROUTE_DEFER,
	 "no valid certificate of late@xdefer.example to seal with", false},
	{"expired: seal", "s late@example.com 5: seal INBOX; discard\n", "<late@example.com>",
	 ROUTE_PASS, NULL, true},
	{"missing, but it depends on the message",
	 "s nobody@example.com 5 if subject *: seal INBOX; discard\n", "<nobody@example.com>",
	 ROUTE_PASS, NULL, false},
	{"missing, behind a rule that depends on the message",
	 "a nobody@example.com 6 if subject *: stop\n"
	 "s nobody@example.com 5: seal INBOX; discard\n",
	 "<nobody@example.com>", ROUTE_PASS, NULL, false},
	{"missing, before a rule that depends on the message",
	 "a nobody@example.com 4 if subject *: stop\n"
	 "s nobody@example.com 5: seal INBOX; discard\n",
	 "<nobody@example.com>", ROUTE_DEFER,
	 "no valid certificate of nobody@example.com to seal with", false},
	{"missing, and the envelope decides",
	 "s nobody@example.com 5 if Return-Path|is|bob@*: seal INBOX; discard\n",
	 "<nobody@example.com>", ROUTE_DEFER,
	 "no valid certificate of nobody@example.com to seal with", false},
	{"missing, and the envelope decides against it",
	 "s nobody@example.com 5 if subject * & Return-Path|is not|bob@*: seal INBOX; discard\n",
	 "<nobody@example.com>", ROUTE_PASS, NULL, true},
	{"each recipient, of whom more may come",
	 "s nobody@example.com 5 if Each Recipient|is|nobody@*: seal INBOX; discard\n",
	 "<nobody@example.com>", ROUTE_PASS, NULL, false},
	{"by an alias",
	 "alias info@example.com = jim@example.com, nobody@example.com\n"
	 "s nobody@example.com 5: seal INBOX; discard\n",
	 "<info@example.com>", ROUTE_DEFER,
	 "no valid certificate of nobody@example.com to seal with", false},
	{"by a redirection",
	 "r jim@example.com 5: to nobody@example.com; discard\n"
	 "s nobody@example.com 5: seal INBOX; discard\n",
	 "<jim@example.com>", ROUTE_DEFER,
	 "no valid certificate of nobody@example.com to seal with", false},
	{"rejected", "r jim@example.com 5: reject go away\n", "<jim@example.com>", ROUTE_REJECT,
	 "go away", false},
	{"rejected by one behind an alias",
	 "alias info@example.com = jim@example.com, x@else.example\n"
	 "r jim@example.com 5: reject go away\n",
	 "<info@example.com>", ROUTE_PASS, NULL, true},
	{"discarded is no refusal", "r jim@example.com 5: discard\n", "<jim@example.com>",
	 ROUTE_PASS, NULL, false},
	{"the server's rules are not asked yet", "r server 5: reject no\n", "<jim@example.com>",
	 ROUTE_PASS, NULL, true},
	{"observed: reject", "r jim@obs.example 5: reject no\n", "<jim@obs.example>", ROUTE_PASS,
	 NULL, true},
	{"observed: missing", "s nobody@obs.example 5: seal INBOX; discard\n",
	 "<nobody@obs.example>", ROUTE_PASS, NULL, true},
	{"no address", "s jim@example.com 5: seal INBOX; discard\n", "<<>>", ROUTE_PASS, NULL,
	 true},
};

static enum route_outcome early_of(struct room_letter *l, size_t i, const char **ret_text,
				   const char **ret_content)
{
	enum route_outcome outcome = ROUTE_DISCARD;
	struct err e = ERR_INIT;

	l->evidence.recipients = &l->given[i];
	l->evidence.n_recipients = 1;
	ASSERT_OK(route_early(&l->evidence, &l->rcpt[i], &outcome, ret_text, ret_content, &e), &e);
	return outcome;
}

static void test_early(void)
{
	for (size_t i = 0; i < COUNT_OF(early_rows); i++) {
		struct room_mail mail = {.text = "Subject: hello\n\n", .rcpt = early_rows[i].rcpt};
		const char *text, *content;
		struct room_letter l;
		struct room room;

		ROW(early_rows[i].label);
		open_room(&room, early_rows[i].rules);
		room_letter(&room, &mail, &l);
		CU_ASSERT_EQUAL(early_of(&l, 0, &text, &content), early_rows[i].outcome);
		CU_ASSERT_EQUAL(text == NULL, early_rows[i].text == NULL);
		if (text != NULL && early_rows[i].text != NULL)
			ASSERT_STR(text, early_rows[i].text);
		CU_ASSERT_EQUAL(content != NULL, early_rows[i].certain);
		room_letter_clear(&l);
		room_close(&room);
	}
	ROW("");
}

/* Equal contents have equal texts, others have others. */
static void test_early_contents(void)
{
	static const char rcpt[] =
		"<jim@example.com> <jim+x@example.org> <john@example.com> <x@else.example> "
		"<y@else.example> <info@example.com> <jane@example.com> <jack@example.com>";
	static const unsigned class_of[] = {1, 1, 2, 3, 3, 1, 4, 5};
	struct room_mail mail = {.text = "Subject: hello\n\n", .rcpt = rcpt};
	const char *texts[COUNT_OF(class_of)], *text;
	struct room_letter l;
	struct room room;

	open_room(&room, "alias info@example.com = jim@example.com\n"
			 "s jim@example.com 5: seal INBOX; discard\n"
			 "v john@example.com 5: seal INBOX; discard\n"
			 "t jane@example.com 5: tag t\n"
			 "u jack@example.com 5: add X-A: t\n");
	room_letter(&room, &mail, &l);
	CU_ASSERT_EQUAL_FATAL(l.n_rcpt, COUNT_OF(class_of));
	for (size_t i = 0; i < COUNT_OF(class_of); i++) {
		CU_ASSERT_EQUAL(early_of(&l, i, &text, &texts[i]), ROUTE_PASS);
		CU_ASSERT_PTR_NOT_NULL_FATAL(texts[i]);
		for (size_t k = 0; k < i; k++)
			CU_ASSERT_EQUAL(strcmp(texts[i], texts[k]) == 0,
					class_of[i] == class_of[k]);
	}
	room_letter_clear(&l);
	room_close(&room);
}

/* --- escrow --------------------------------------------------------------------------------------- */

static const struct row escrow_rows[] = {
	{"sealed for it as well", "s jim@esc.example 5: seal INBOX; discard\n", "<jim@esc.example>",
	 "edit\n[0] sealed jim@esc.example:aa escrow:1\n0 = jim@esc.example [0] in "
	 "~jim@esc.example/INBOX by s\n",
	 FROM_OUTSIDE},
	{"of both domains, once", "s ann@esc2.example 5: seal ~jim@esc.example/INBOX; discard\n",
	 "<ann@esc2.example>",
	 "edit\n[0] sealed jim@esc.example:aa ann@esc2.example:bb escrow:2\n0 > jim@esc.example "
	 "[0] in "
	 "~jim@esc.example/INBOX by s extra\n",
	 FROM_OUTSIDE},
	{"of one domain twice, once", "s joe@esc.example 5: seal ~jim/INBOX; discard\n",
	 "<joe@esc.example>",
	 "edit\n[0] sealed jim@esc.example:aa joe@esc.example:cc escrow:1\n0 > jim@esc.example [0] "
	 "in "
	 "~jim@esc.example/INBOX by s extra\n",
	 FROM_OUTSIDE},
	{"not of a domain without", "s jim@no.example 5: seal INBOX; discard\n", "<jim@no.example>",
	 "edit\n[0] sealed jim@no.example:dd\n0 = jim@no.example [0] in ~jim@no.example/INBOX by "
	 "s\n",
	 FROM_OUTSIDE},
	{"not where nothing is sealed", "s jim@esc.example 5: tag t\n", "<jim@esc.example>",
	 "edit\n[0] clear tag \"t\"\n0 = jim@esc.example [0]\n", FROM_OUTSIDE},
	{"it does not stand in for a missing certificate",
	 "s nobody@esc.example 5: seal INBOX; discard\n", "<nobody@esc.example>",
	 "defer: no valid certificate of nobody@esc.example to seal with\n", FROM_OUTSIDE},
};

static const struct room_cert escrow_certs[] = {
	{"jim@esc.example", "aa", CERT_RSA, 0, ROOM_NOW + DAY},
	{"ann@esc2.example", "bb", CERT_RSA, 0, ROOM_NOW + DAY},
	{"joe@esc.example", "cc", CERT_RSA, 0, ROOM_NOW + DAY},
	{"jim@no.example", "dd", CERT_RSA, 0, ROOM_NOW + DAY},
};

static void put_cert(const char *name)
{
	struct testcert c = {.cn = name};
	struct err e = ERR_INIT;
	struct buf pem;

	buf_init(&pem, 1 << 16);
	testcert_make(&c);
	testcert_pem(&c, &pem);
	ASSERT_OK(file_write_atomic(test_path(name), buf_span(&pem), 0600, true, &e), &e);
	testcert_free(&c);
	buf_clear(&pem);
}

static void test_escrow(void)
{
	struct buf out;

	put_cert("one.pem");
	put_cert("two.pem");
	buf_init(&out, 1 << 20);
	for (size_t i = 0; i < COUNT_OF(escrow_rows); i++) {
		struct room_mail mail = {.text = "Subject: hello\n\n", .rcpt = escrow_rows[i].rcpt};
		struct room room;
		struct buf whole;
		char conf[2000];

		ROW(escrow_rows[i].label);
		snprintf(conf, sizeof(conf),
			 "domains = ( { name = \"esc.example\"; escrow = \"%s\"; }, { name = "
			 "\"esc2.example\"; escrow = \"%s\"; }, { name = \"no.example\"; } );\n"
			 "mailboxes = { shared = ( (\"esc2.example\", \"~jim@esc.example/*\"), "
			 "(\"esc.example\", \"~jim@esc.example/*\") ); };\n",
			 test_path("one.pem"), test_path("two.pem"));
		buf_init(&whole, 1 << 20);
		say(&whole, "%s", conf);
		room_rules(escrow_rows[i].rules, &whole);
		room_open(&room, test_dir(), buf_cstr(&whole), escrow_certs,
			  COUNT_OF(escrow_certs));
		buf_clear(&whole);
		route_of(&room, &mail, &out);
		ASSERT_SPAN(buf_span(&out), span_str(escrow_rows[i].route));
		room_close(&room);
	}
	ROW("");
	buf_clear(&out);
}

/* --- how far it goes ------------------------------------------------------------------------------ */

/* N accounts a0, a1, ..., each sends its mail on to the next, and the last to itself. */
static void chain(struct buf *rules, unsigned n)
{
	rules->len = 0;
	for (unsigned i = 0; i < n; i++)
		say(rules, "r%u a%u@example.com 5: to a%u@example.com; discard\n", i, i, i + 1);
}

static void test_depth(void)
{
	struct room_mail mail = {.text = "Subject: hello\n\n", .rcpt = "<a0@example.com>"};
	struct buf conf, out;
	struct room room;

	buf_init(&conf, 1 << 20);
	buf_init(&out, 1 << 20);
	chain(&conf, 10);
	open_room(&room, buf_cstr(&conf));
	route_of(&room, &mail, &out);
	ASSERT_SPAN(buf_span(&out), SPAN_LIT("edit\n[0] clear\n0 > a10@example.com [0] by r9\n"));
	room_close(&room);
	chain(&conf, 11);
	open_room(&room, buf_cstr(&conf));
	route_of(&room, &mail, &out);
	ASSERT_SPAN(buf_span(&out),
		    SPAN_LIT("defer: rules send mail on more than 10 times in a row, last "
			     "to a11@example.com\n"));
	room_close(&room);
	buf_clear(&conf);
	buf_clear(&out);
}

/* What a mail server takes for an account whose mail is sealed, though it is not written as one. */
static const struct {
	const char *label, *given;
	bool refused; /* where a stranger says it */
} loose_rows[] = {
	{"white space", "<jim @example.com>", true},
	{"white space around", "< jim@example.com >", true},
	{"white space in the domain", "<jim@example . com>", true},
	{"a comment", "<jim(x)@example.com>", true},
	{"a comment behind it", "<jim@example.com (x)>", true},
	{"a comment before the domain", "<jim@(x(y))example.com>", true},
	{"by another name of the domain", "<jim @EXAMPLE.org>", true},
	{"a quoted pair", "<ji\\m@example.com>", true},
	{"a dot too many", "<jim.@example.com>", true},
	{"two dots behind", "<jim @example.com.>", true},
	{"an @ behind", "<jim@example.com@>", true},
	{"brackets twice", "<Jim <jim@example.com>>", true},
	{"a bang path", "<example.com!jim>", true},
	{"a percent sign", "<jim%example.com>", true},
	{"a percent sign before a host", "<jim%example.com@mta.example>", true},
	{"and before a domain of ours", "<jim%example.com@b.example>", true},
	{"a bang path before a host", "<example.com!jim@mta.example>", true},
	{"an address in quotes before a host", "<\"jim@example.com\"@mta.example>", true},
	{"a percent sign, elsewhere", "<jim%else.example@mta.example>", false},
	{"a percent sign, and nothing behind it", "<jim%@b.example>", false},
	{"a local part alone", "<jim>", true},
	{"in capitals", "JIM", true},
	{"a local part alone, of a domain's rule", "<anybody>", false},
	{"one that nothing is sealed for", "<john>", false},
	{"postmaster", "<Postmaster>", false},
	{"nobody", "<>", false},
	{"elsewhere, and odd", "<a..b@else.example>", false},
	{"elsewhere, by a bang path", "<else.example!jim>", false},
	{"elsewhere, with a name of ours in it", "<example.com!jim (example.com)@else.example>",
	 false},
	{"a domain that is only observed", "<jim @obs.example>", false},
	{"a domain that is not enabled", "<jim @test.example>", false},
	{"nothing that could be a name", "<@@>", false},
};

static const struct {
	const char *label, *client;
	bool authenticated, refused, refused_bare; /* an odd form; a local part alone */
	uint16_t port;
} loose_clients[] = {
	{"from outside", "192.0.2.9", false, true, true, 4711},
	{"from outside, IPv6", "2001:db8::1", false, true, true, 4711},
	{"who has logged in", "192.0.2.9", true, true, false, 4711},
	{"this host", "127.0.0.1", false, true, false, 4711},
	{"this host, IPv6", "::1", false, true, false, 4711},
	{"a socket", "unix", false, true, false, 4711},
	{"no SMTP at all", "192.0.2.9", false, false, false, 0},
};

static void check_loose(struct room *room, const char *given, size_t client, bool refused)
{
	struct room_mail mail = {.text = "Subject: hello\n\n",
				 .client = loose_clients[client].client};
	const char *text, *content;
	enum evidence_need need;
	struct err e = ERR_INIT;
	struct room_letter l;
	struct route route;

	route_init(&route);
	room_letter(room, &mail, &l);
	l.facts.port = loose_clients[client].port;
	if (loose_clients[client].authenticated)
		l.facts.auth_authen = SPAN_LIT("joe");
	l.given[0] = l.rcpt[0].given = span_str(given);
	CU_ASSERT_EQUAL(early_of(&l, 0, &text, &content), refused ? ROUTE_REJECT : ROUTE_PASS);
	if (refused)
		ASSERT_STR(text, "its address is not in the form user@domain");
	room_show(&l, STAGE_END);
	ASSERT_OK(route_decide(&l.evidence, l.rcpt, 1, &route, &need, NULL, &e), &e);
	CU_ASSERT_EQUAL(route.outcome, refused ? ROUTE_REJECT : ROUTE_PASS);
	room_letter_clear(&l);
	route_clear(&route);
}

static void test_loose_names(void)
{
	struct room room;

	open_room(&room, "r jim@example.com 5: seal INBOX; discard\n"
			 "o obs.example 5: seal INBOX; discard\n"
			 "s john@example.com 5: store INBOX; discard\n");
	for (size_t i = 0; i < COUNT_OF(loose_rows); i++) {
		ROW(loose_rows[i].label);
		check_loose(&room, loose_rows[i].given, 0, loose_rows[i].refused);
	}
	for (size_t i = 0; i < COUNT_OF(loose_clients); i++) {
		ROW(loose_clients[i].label);
		check_loose(&room, "<jim @example.com>", i, loose_clients[i].refused);
		check_loose(&room, "<jim%example.com>", i, loose_clients[i].refused);
		check_loose(&room, "<jim>", i, loose_clients[i].refused_bare);
	}
	room_close(&room);
	open_room(&room, "r b.example 5: seal INBOX; discard\n");
	ROW("a local part alone, where all of a domain is sealed");
	check_loose(&room, "<anybody>", 0, true);
	check_loose(&room, "<postmaster>", 0, false);
	room_close(&room);
	open_room(&room, "r jim@example.com 5: store INBOX; discard\n");
	ROW("nothing is sealed");
	check_loose(&room, "<jim @example.com>", 0, false);
	check_loose(&room, "<jim>", 0, false);
	room_close(&room);
	ROW("");
}

/* Fifteen accounts, each sends all mail to all others: every way through them would take years. */
static void test_everybody_to_everybody(void)
{
	enum { N = 15 };
	struct room_mail mail = {.text = "Subject: hello\n\n", .rcpt = "<a0@example.com>"};
	enum evidence_need need;
	struct route_trace trace;
	struct err e = ERR_INIT;
	struct room_letter l;
	struct route route;
	struct room room;
	size_t targets = 0;
	struct buf conf;

	buf_init(&conf, 1 << 20);
	for (unsigned i = 0; i < N; i++) {
		say(&conf, "r%u a%u@example.com 5: ", i, i);
		for (unsigned k = 0; k < N; k++)
			say(&conf, "%sto a%u@example.com", k > 0 ? "; " : "", k);
		say(&conf, "\n");
	}
	open_room(&room, buf_cstr(&conf));
	room_letter(&room, &mail, &l);
	room_show(&l, STAGE_END);
	route_init(&route);
	vec_init(&trace.v, sizeof(struct route_trace_entry), 1000000);
	ASSERT_OK(route_decide(&l.evidence, l.rcpt, l.n_rcpt, &route, &need, &trace, &e), &e);
	CU_ASSERT_EQUAL(route.outcome, ROUTE_DEFER); /* the chain is longer than ten */
	for (size_t i = 0; i < trace.v.len; i++)
		targets +=
			((struct route_trace_entry *)vec_at(&trace.v, i))->kind == TRACE_RECIPIENT;
	CU_ASSERT(targets > N && targets <= (size_t)N * N + 1);
	vec_clear(&trace.v);
	route_clear(&route);
	room_letter_clear(&l);
	room_close(&room);
	buf_clear(&conf);
}

static void test_no_recipient(void)
{
	struct room_mail mail = {.text = "Subject: hello\n\n", .rcpt = ""};
	struct room room;
	struct buf out;

	buf_init(&out, 1 << 20);
	open_room(&room, "s jim@example.com 5: seal INBOX; discard\n");
	route_of(&room, &mail, &out);
	ASSERT_SPAN(
		buf_span(&out),
		SPAN_LIT("defer: the mail server named no recipient whose rules could be asked\n"));
	room_close(&room);
	buf_clear(&out);
}

/* Aliases that lead too far are a temporary failure that names one of them. */
static void test_alias_limit(void)
{
	struct room_mail mail = {.text = "Subject: hello\n\n", .rcpt = "<b0@example.com>"};
	enum evidence_need need;
	struct err e = ERR_INIT;
	struct room_letter l;
	struct route route;
	struct buf conf;
	struct room room;

	buf_init(&conf, 1 << 20);
	for (unsigned i = 0; i < 11; i++)
		say(&conf, "alias b%u@example.com = b%u@example.com\n", i, i + 1);
	open_room(&room, buf_cstr(&conf));
	room_letter(&room, &mail, &l);
	room_show(&l, STAGE_END);
	route_init(&route);
	ASSERT_FAILS(route_decide(&l.evidence, l.rcpt, l.n_rcpt, &route, &need, NULL, &e), RC_LIMIT,
		     &e, "more than 10 aliases in a row, last b10@example.com (");
	route_clear(&route);
	room_letter_clear(&l);
	room_close(&room);
	buf_clear(&conf);
}

/* A header made of addresses is not taken for a machine that is short of memory. */
static void test_too_much(void)
{
	struct room_mail mail = {.text = NULL};
	struct transit t = {.sign_only = false};
	struct room_letter l;
	enum verdict verdict;
	struct reply reply;
	struct err e = ERR_INIT;
	struct room room;
	struct buf text;

	buf_init(&text, 4 << 20);
	for (unsigned i = 0; i < 25; i++) {
		say(&text, "To: a@b");
		for (unsigned k = 0; k < 9000; k++)
			CU_ASSERT_EQUAL(buf_adds(&text, ",a@b", NULL), RC_OK);
		say(&text, "\n");
	}
	mail.bytes = buf_span(&text);
	open_room(&room, "r jim@example.com 5 if Any To or Cc|is|x@y.example: discard\n");
	room_letter(&room, &mail, &l);
	ASSERT_OK(transit_begin(&t, &room.snap, NULL, &l.facts, &l.fields, l.arena, &e), &e);
	ASSERT_OK(transit_rcpt(&t, l.given[0], NULL, 0, ROOM_NOW, &verdict, &reply, &e), &e);
	CU_ASSERT_EQUAL(verdict, VERDICT_ACCEPT);
	ASSERT_FAILS(transit_headers(&t, ROOM_NOW, &e), RC_LIMIT, &e,
		     "rules: the header and the recipients take more than ");
	transit_clear(&t);
	room_letter_clear(&l);
	room_close(&room);
	buf_clear(&text);
}

/* --- trace ---------------------------------------------------------------------------------------- */

static void show_trace(const struct route_trace *trace, struct buf *out)
{
	static const char held[] = {[TRUTH_NO] = '-', [TRUTH_YES] = '+', [TRUTH_UNKNOWN] = '?'};

	for (size_t i = 0; i < trace->v.len; i++) {
		const struct route_trace_entry *e = vec_at(&trace->v, i);

		if (e->kind == TRACE_RECIPIENT)
			say(out, "%s\n", e->account);
		else if (e->kind == TRACE_CONDITION)
			say(out, " %s%c %s \"%.*s\"\n", e->rule->name, held[e->held],
			    condition_name(e->condition->kind), SPAN_ARG(e->value));
		else if (e->kind == TRACE_RULE)
			say(out, " %s%c\n", e->rule->name, held[e->held]);
		else
			say(out, " %s! %s\n", e->rule->name, action_name(e->action->kind));
	}
}

static void test_trace(void)
{
	static const char wanted[] =
		" s+ Source \"relayed\"\n s+\n s! Add Header\njim@example.com\n"
		" a- Subject \"hello\"\n a-\n b+ Subject \"hello\"\n b+ From \"x@y.example\"\n"
		" b+\n b! Redirect To\njohn@example.com\n b! Discard\nx@else.example\n";
	struct room_mail mail = {.text = "Subject: hello\nFrom: x@y.example\n\n",
				 .rcpt = "<jim@example.com> <x@else.example>"};
	enum evidence_need need;
	struct route_trace trace;
	struct err e = ERR_INIT;
	struct room_letter l;
	struct route route;
	struct room room;
	struct buf out;

	buf_init(&out, 1 << 20);
	open_room(&room,
		  "s server 5 if Source|is|relayed: add X-A: 1\n"
		  "a jim@example.com 6 if subject other & From|is|*: discard\n"
		  "b jim@example.com 5 if subject hello & From|is|*: to john@example.com; discard\n"
		  "c jim@example.com 4: discard\n");
	room_letter(&room, &mail, &l);
	room_show(&l, STAGE_END);
	route_init(&route);
	vec_init(&trace.v, sizeof(struct route_trace_entry), 1000000);
	ASSERT_OK(route_decide(&l.evidence, l.rcpt, l.n_rcpt, &route, &need, &trace, &e), &e);
	show_trace(&trace, &out);
	ASSERT_SPAN(buf_span(&out), span_str(wanted));
	vec_clear(&trace.v);
	route_clear(&route);
	room_letter_clear(&l);
	room_close(&room);
	buf_clear(&out);
}

/* --- random rules --------------------------------------------------------------------------------- */

static const char *const some_owners[] = {
	"jim@example.com",  "john@example.com",	 "jane@example.com",	 "nobody@example.com",
	"late@example.com", "curve@example.com", "nobody@plain.example", "nobody@rej.example",
	"jim@obs.example",  "jim@b.example",	 "example.com",		 "b.example"};
static const char *const some_conditions[] = {
	"",
	"",
	"",
	" if subject hello",
	" if subject other",
	" if Message Size|less than|50",
	" if Security|is not|encrypted",
	" if Any Recipient|is|jim*",
	" if Each Recipient|is|j*",
	" if Return-Path|is|*@else.example",
	" if Source|is|relayed",
	" if Human Generated",
	" if subject hello & Return-Path|is not|bob*",
};
static const char *const some_actions[] = {
	"seal INBOX; discard",
	"seal INBOX; discard",
	"seal INBOX; seal Box; discard",
	"store Box",
	"store Box; discard",
	"discard",
	"stop",
	"reject no",
	"tag t",
	"add X-A: 1",
	"hold",
	"to john@example.com",
	"to jane@example.com, x@else.example; discard",
	"to info@example.com; discard",
	"mirror nobody@plain.example",
	"tag u; mirror jim@b.example",
	"to jim@obs.example; stop",
};
/* Of the domain example.com alone, which may store there. */
static const char *const shared_actions[] = {
	"seal ~jim@example.com/INBOX; discard", "seal ~public@example.com/All; discard",
	"seal ~nobody@rej.example/INBOX; discard", "store ~jim@example.com/Copy"};
static const char *const some_recipients[] = {"<jim@example.com>",
					      "<john@example.com>",
					      "<jane@example.com>;NOTIFY=NEVER",
					      "<nobody@example.com>",
					      "<late@example.com>",
					      "<curve@example.com>",
					      "<JIM+box@example.org>",
					      "<x@else.example>",
					      "<y@else.example>;NOTIFY=FAILURE",
					      "<info@example.com>",
					      "<list+z@example.com>",
					      "<nobody@plain.example>",
					      "<nobody@rej.example>",
					      "<jim@obs.example>",
					      "<jim@b.example>",
					      "<Postmaster>",
					      "<<>"};
static const char *const some_texts[] = {
	"Subject: hello\n\nhello\n",
	"Subject: other\nList-Id: x\n\nhello\n",
	"Subject: hello\nContent-Type: text/html\n\nhello, this is a longer message\n",
	ENVELOPED_TEXT,
	"Subject: other\nContent-Type: multipart/signed; boundary=x\n\n--x\n",
	"\n"};
static const char *const some_senders[] = {"<bob@else.example>", "<>", "<jim@example.com>"};

static const char *pick(const char *const *of, size_t n)
{
	return of[test_random((unsigned)n)];
}
#define PICK(table) pick(table, COUNT_OF(table))

static void random_rules(struct buf *rules)
{
	unsigned n = 1 + test_random(8);

	rules->len = 0;
	say(rules,
	    "alias info@example.com = jim@example.com, x@else.example\n"
	    "alias list@example.com = john@example.com, jane@example.com, list@example.com\n");
	for (unsigned i = 0; i < n; i++) {
		const char *owner = PICK(some_owners);
		bool shares = strstr(owner, "example.com") != NULL && test_random(4) == 0;

		say(rules, "r%u %s %u%s: %s\n", i, owner, 1 + test_random(9), PICK(some_conditions),
		    shares ? PICK(shared_actions) : PICK(some_actions));
	}
}

static bool is_in(const struct route_content *c, const char *account)
{
	for (size_t i = 0; i < c->n_accounts; i++)
		if (account_same(c->accounts[i], account))
			return true;
	return false;
}

/* A sealed content is for the owner of the mailbox, for the account whose rule it was, and for nobody else. */
static bool is_for_nobody_else(const struct route_content *c, const struct route_delivery *d)
{
	const char *slash = strchr(d->mailbox, '/');
	char owner[200];

	snprintf(owner, sizeof(owner), "%.*s", (int)(slash - d->mailbox) - 1, d->mailbox + 1);
	if (!is_in(c, owner) || c->n_accounts > 2 || c->n_certs != c->n_accounts ||
	    c->n_escrow != 0)
		return false;
	for (size_t i = 0; i < c->n_accounts; i++) {
		const char *a = c->accounts[i];

		if (!account_same(a, c->certs[i]->account) || c->certs[i]->kind != CERT_RSA)
			return false;
		if (account_same(a, owner))
			continue;
		if (d->rule->level == RULE_ACCOUNT
			    ? !account_same(a, d->rule->owner)
			    : strcmp(strchr(a, '@') + 1, d->rule->owner) != 0)
			return false;
	}
	return true;
}

static size_t check_deliveries(const struct route *r)
{
	size_t wrong = 0;

	for (size_t i = 0; i < r->deliveries.len; i++) {
		const struct route_delivery *d = vec_at(&r->deliveries, i);
		const struct route_content *c = vec_at(&r->contents, d->content);

		wrong += c->seal &&
			 (d->rule == NULL || d->mailbox == NULL || !is_for_nobody_else(c, d));
		wrong += c->seal && (c->plain || c->was_encrypted);
		for (size_t k = 0; k < i; k++) {
			const struct route_delivery *o = vec_at(&r->deliveries, k);

			wrong += o->content == d->content && strcmp(o->address, d->address) == 0 &&
				 !o->as_given && !d->as_given;
		}
	}
	return wrong;
}

/* Contents differ, and what leaves in place is one. */
static size_t check_contents(const struct route *r)
{
	bool goes_out = r->outcome == ROUTE_PASS || r->outcome == ROUTE_EDIT;
	size_t wrong = goes_out && (r->contents.len != 1 || r->deliveries.len == 0);

	wrong += r->outcome == ROUTE_PASS && !route_content_is_plain(vec_at(&r->contents, 0));
	wrong += r->outcome == ROUTE_DISCARD && r->deliveries.len != 0;
	wrong += (r->outcome == ROUTE_REJECT || r->outcome == ROUTE_DEFER) != (r->text != NULL);
	return wrong;
}

/* What is refused at RCPT would have been refused at the end, were this the only recipient; but for mail that turns out
 * to be encrypted. */
static size_t check_early(struct room *room, const struct room_mail *mail, bool encrypted)
{
	size_t wrong = 0;
	struct room_letter l;
	struct route route;

	route_init(&route);
	room_letter(room, mail, &l);
	for (size_t i = 0; i < l.n_rcpt; i++) {
		struct room_mail alone = *mail;
		const char *text, *content;
		enum route_outcome outcome = early_of(&l, i, &text, &content);
		enum evidence_need need;
		struct room_letter one;

		if (outcome == ROUTE_PASS || encrypted)
			continue;
		room_letter(room, &alone, &one);
		room_show(&one, STAGE_END);
		one.evidence.recipients = &one.given[i];
		one.evidence.n_recipients = 1;
		wrong += route_decide(&one.evidence, &one.rcpt[i], 1, &route, &need, NULL, NULL) !=
			 RC_OK;
		wrong += route.outcome != outcome || strcmp(route.text, text) != 0;
		room_letter_clear(&one);
	}
	room_letter_clear(&l);
	route_clear(&route);
	return wrong;
}

static size_t check_route(struct room *room, const struct room_mail *mail, size_t *outcomes)
{
	struct room_letter l;
	struct route route;
	struct buf late, early;
	size_t wrong = 0;

	buf_init(&late, 1 << 20);
	buf_init(&early, 1 << 20);
	route_init(&route);
	room_letter(room, mail, &l);
	room_show(&l, STAGE_END);
	wrong += decide(&l, &route, &late) != NEED_NOTHING;
	wrong += check_deliveries(&route) + check_contents(&route);
	outcomes[route.outcome]++;
	room_forget(room, mail, &l);
	for (unsigned s = STAGE_HEADER; s < STAGES; s++) {
		room_show(&l, (enum room_stage)s);
		if (decide(&l, &route, &early) == NEED_NOTHING)
			wrong += !span_eq(buf_span(&early), buf_span(&late));
	}
	room_letter_clear(&l);
	route_clear(&route);
	buf_clear(&late);
	buf_clear(&early);
	return wrong;
}

static void test_random_rules(void)
{
	size_t wrong = 0, outcomes[ROUTE_DEFER + 1] = {0};
	struct buf conf, rcpt;

	buf_init(&conf, 1 << 20);
	buf_init(&rcpt, 1 << 20);
	for (unsigned i = 0; i < 400 && wrong == 0; i++) {
		struct room room;

		random_rules(&conf);
		open_room(&room, buf_cstr(&conf));
		for (unsigned k = 0; k < 20 && wrong == 0; k++) {
			struct room_mail mail = {.text = PICK(some_texts),
						 .mail_from = PICK(some_senders),
						 .source = (enum trust_source)test_random(3)};

			rcpt.len = 0;
			for (unsigned n = 1 + test_random(test_random(3) == 0 ? 4 : 1); n > 0; n--)
				say(&rcpt, "%s ", PICK(some_recipients));
			mail.rcpt = buf_cstr(&rcpt);
			wrong += check_route(&room, &mail, outcomes);
			wrong += check_early(&room, &mail, strcmp(mail.text, ENVELOPED_TEXT) == 0);
			if (wrong != 0)
				fprintf(stderr, "%s\n%s\n%s\n", buf_cstr(&conf), mail.rcpt,
					mail.text);
		}
		room_close(&room);
	}
	CU_ASSERT_EQUAL(wrong, 0);
	for (size_t i = 0; i < COUNT_OF(outcomes); i++)
		CU_ASSERT(outcomes[i] > 30);
	buf_clear(&conf);
	buf_clear(&rcpt);
}

int main(void)
{
	static const struct test tests[] = {
		{"order, priority, levels", test_order},
		{"stored, sealed, for whom", test_stores},
		{"certificates that are missing or have expired", test_certs},
		{"redirected and mirrored", test_sends},
		{"aliases", test_aliases},
		{"details", test_details},
		{"rejected for some", test_rejects},
		{"observed", test_observe},
		{"at RCPT", test_early},
		{"contents, as they are known at RCPT", test_early_contents},
		{"escrow", test_escrow},
		{"addresses that only a mail server understands", test_loose_names},
		{"ten times in a row", test_depth},
		{"everybody to everybody", test_everybody_to_everybody},
		{"no recipient", test_no_recipient},
		{"aliases that lead too far", test_alias_limit},
		{"a header that takes too much", test_too_much},
		{"every step, for people", test_trace},
		{"random rules: what holds of every route", test_random_rules},
	};

	return test_main("route", tests, COUNT_OF(tests));
}
