#include <string.h>

#include "base/utf8.h"
#include "conf/rulesread.h"
#include "mail/address.h"
#include "mail/domain.h"

static bool find_action(const char *name, enum action_kind *ret)
{
	for (unsigned i = 0; i < ACTIONS; i++) {
		if (strcmp(name, action_name((enum action_kind)i)) == 0) {
			*ret = (enum action_kind)i;
			return true;
		}
	}
	return false;
}

/* --- mailboxes ---------------------------------------------------------------------------------- */

static bool is_box_char(char c)
{
	return is_ascii_alpha(c) || is_ascii_digit(c) || c == '.' || c == '_' || c == '-';
}

bool rules_is_box(struct span box)
{
	struct span rest = box, part;

	if (box.len == 0 || box.len > RULE_BOX_MAX)
		return false;
	while (span_split(&rest, '/', &part)) {
		if (part.len == 0 || span_eq_str(part, ".") || span_eq_str(part, ".."))
			return false;
		for (size_t i = 0; i < part.len; i++)
			if (!is_box_char(part.p[i]))
				return false;
	}
	return true;
}

static const char *keep(struct value_reader *r, struct span s)
{
	char *p = value_alloc(r, s.len + 1, 1);

	if (p != NULL && s.p != NULL)
		memcpy(p, s.p, s.len);
	return p;
}

/* "Box", "~account/Box", "~account@domain/Box"; the account stays as written until all domains are known. */
static bool read_mailbox(struct value_reader *r, const struct rule_draft *draft,
			 const struct node *n, struct rule_action *a)
{
	struct span text = span_str(n->u.text), account = SPAN_NONE;

	if (span_starts(text, SPAN_LIT("~"))) {
		account = span_sub(text, 1, span_find(text, '/', 0) - 1);
		text = span_from(text, 1 + account.len + 1);
	}
	if (span_ieq_str(text, "INBOX"))
		text = SPAN_LIT("INBOX");
	if (!rules_is_box(text) || (account.p != NULL && account.len == 0)) {
		rules_complain(r, CONF_ERROR, draft, n,
			       "\"%.60s\" is no mailbox: \"INBOX\", \"Box/Sub\", \"~jim/INBOX\" or "
			       "\"~jim@example.com/Box\" is wanted, of letters, digits, '.', '_' "
			       "and '-'",
			       n->u.text);
		return false;
	}
	a->mailbox.box = keep(r, text);
	a->mailbox.account = account.len != 0 ? keep(r, account) : NULL;
	return a->mailbox.box != NULL && (account.len == 0 || a->mailbox.account != NULL);
}

/* --- texts -------------------------------------------------------------------------------------- */

static bool is_printable_ascii(const char *s)
{
	for (; *s != '\0'; s++)
		if (*s < ' ' || *s > '~')
			return false;
	return true;
}

/* RFC 5321 4.2: what stands in a reply. */
static bool read_reply(struct value_reader *r, const struct rule_draft *draft, const struct node *n,
		       struct rule_action *a)
{
	if (*n->u.text == '\0' || strlen(n->u.text) > RULE_TEXT_MAX ||
	    !is_printable_ascii(n->u.text)) {
		rules_complain(r, CONF_ERROR, draft, n,
			       "\"%s\": a line of 1 to %d ASCII characters is wanted",
			       action_name(a->kind), RULE_TEXT_MAX);
		return false;
	}
	a->text = value_strdup(r, n->u.text);
	return a->text != NULL;
}

static bool read_tag(struct value_reader *r, const struct rule_draft *draft, const struct node *n,
		     struct rule_action *a)
{
	if (*n->u.text == '\0' || strlen(n->u.text) > RULE_TEXT_MAX) {
		rules_complain(r, CONF_ERROR, draft, n,
			       "\"Tag Subject\": a text of 1 to %d bytes is wanted", RULE_TEXT_MAX);
		return false;
	}
	if (!utf8_valid(span_str(n->u.text))) {
		rules_complain(r, CONF_ERROR, draft, n, "\"Tag Subject\": UTF-8 is wanted");
		return false;
	}
	a->text = value_strdup(r, n->u.text);
	return a->text != NULL;
}

static bool is_field_name(struct span name)
{
	for (size_t i = 0; i < name.len; i++)
		if (name.p[i] <= ' ' || name.p[i] > '~' || name.p[i] == ':')
			return false;
	return name.len != 0 && name.len <= 76;
}

/* Fields that decide how the message is read, whose it is, or that somebody vouches for. */
static bool is_reserved(struct span name)
{
	static const char *const names[] = {
		"From",	      "Sender",	     "MIME-Version", "DKIM-Signature",
		"Received",   "Return-Path", "Subject",	     "Date",
		"Message-ID", "To",	     "Cc",	     "Bcc"};

	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (span_ieq_str(name, names[i]))
			return true;
	return span_istarts(name, SPAN_LIT("Content-")) || span_istarts(name, SPAN_LIT("ARC-")) ||
	       span_istarts(name, SPAN_LIT("Resent-"));
}

/* "Name: value" */
static bool read_field(struct value_reader *r, const struct rule_draft *draft, const struct node *n,
		       struct rule_action *a)
{
	struct span text = span_str(n->u.text);
	size_t colon = span_find(text, ':', 0);
	struct span name = span_sub(text, 0, colon), value = span_trim(span_from(text, colon + 1));
	char *with_space;

	if (colon == text.len || !is_field_name(name) || value.len == 0 ||
	    text.len > RULE_TEXT_MAX || !is_printable_ascii(n->u.text)) {
		rules_complain(r, CONF_ERROR, draft, n,
			       "\"Add Header\": \"Name: value\" of at most %d ASCII characters is "
			       "wanted",
			       RULE_TEXT_MAX);
		return false;
	}
	if (is_reserved(name)) {
		rules_complain(r, CONF_ERROR, draft, n, "\"Add Header\" cannot add %.*s",
			       SPAN_ARG(name));
		return false;
	}
	with_space = value_alloc(r, value.len + 2, 1);
	a->field = keep(r, name);
	if (with_space == NULL || a->field == NULL)
		return false;
	with_space[0] = ' ';
	memcpy(with_space + 1, value.p, value.len);
	a->text = with_space;
	return true;
}

/* --- addresses ---------------------------------------------------------------------------------- */

/* "local@domain" in A-labels, without quotes. NULL after a complaint, or for want of memory. */
static const char *read_address(struct value_reader *r, const struct rule_draft *draft,
				const struct node *n, struct span text)
{
	char domain[DOMAIN_SIZE];
	struct mailbox m;
	size_t len;
	char *p;

	if (address_envelope_read(text, r->arena, &m, NULL) != RC_OK || m.local.len == 0 ||
	    domain_to_ascii(m.domain, domain, NULL) != RC_OK) {
		rules_complain(r, CONF_ERROR, draft, n, "\"%.*s\" is no address", SPAN_ARG(text));
		return NULL;
	}
	len = m.local.len + 1 + strlen(domain) + 1;
	p = value_alloc(r, len, 1);
	if (p == NULL)
		return NULL;
	memcpy(p, m.local.p, m.local.len);
	p[m.local.len] = '@';
	memcpy(p + m.local.len + 1, domain, strlen(domain));
	return p;
}

static bool read_addresses(struct value_reader *r, const struct rule_draft *draft,
			   const struct node *n, struct rule_action *a)
{
	struct span rest = span_str(n->u.text), part;
	size_t room = 2, at = 0;
	const char **list;
	bool good = true;

	for (const char *p = n->u.text; *p != '\0'; p++)
		room += *p == ',';
	list = value_alloc(r, room, sizeof(*list));
	while (list != NULL && span_split(&rest, ',', &part)) {
		list[at] = read_address(r, draft, n, span_trim(part));
		good = list[at] != NULL && good;
		at += list[at] != NULL;
	}
	a->addresses = list;
	return list != NULL && good;
}

/* --- one action --------------------------------------------------------------------------------- */

static size_t words_of(enum action_kind k, size_t *ret_least)
{
	*ret_least = k == ACTION_DISCARD || k == ACTION_STOP || k == ACTION_QUARANTINE ? 1 : 2;
	return k == ACTION_DISCARD || k == ACTION_STOP ? 1 : 2;
}

static bool read_value(struct value_reader *r, const struct rule_draft *draft, const struct node *n,
		       struct rule_action *a)
{
	if (n->type != NODE_TEXT) {
		rules_complain(r, CONF_ERROR, draft, n, "\"%s\": a text in quotes is wanted",
			       action_name(a->kind));
		return false;
	}
	switch (a->kind) {
	case ACTION_STORE_ENCRYPTED:
	case ACTION_STORE:
		return read_mailbox(r, draft, n, a);
	case ACTION_REJECT:
	case ACTION_QUARANTINE:
		return read_reply(r, draft, n, a);
	case ACTION_ADD_HEADER:
		return read_field(r, draft, n, a);
	case ACTION_TAG_SUBJECT:
		return read_tag(r, draft, n, a);
	case ACTION_REDIRECT:
	case ACTION_MIRROR:
		return read_addresses(r, draft, n, a);
	case ACTION_DISCARD:
	case ACTION_STOP:
	case ACTIONS:
		break;
	}
	return true;
}

static bool read_kind(struct value_reader *r, const struct rule_draft *draft, const struct node *n,
		      struct rule_action *a)
{
	const char *names[ACTIONS];

	if (n->type == NODE_TEXT && find_action(n->u.text, &a->kind))
		return true;
	for (unsigned i = 0; i < ACTIONS; i++)
		names[i] = action_name((enum action_kind)i);
	rules_unknown(r, draft, n, "action", names, COUNT_OF(names));
	return false;
}

static bool read_action(struct value_reader *r, const struct rule_draft *draft,
			const struct node *n, struct rule_action *a)
{
	const struct node *parts = n->u.kids.at;
	size_t least, most;

	if (n->type != NODE_LIST || n->u.kids.n == 0) {
		rules_complain(r, CONF_ERROR, draft, n,
			       "do: an action in ( ) is wanted, such as (\"Store Encrypted in\", "
			       "\"INBOX\") or (\"Discard\")");
		return false;
	}
	if (!read_kind(r, draft, &parts[0], a))
		return false;
	most = words_of(a->kind, &least);
	if (n->u.kids.n < least || n->u.kids.n > most) {
		rules_complain(r, CONF_ERROR, draft, n,
			       most == 1 ? "\"%s\" has no value" : "\"%s\" wants one value",
			       action_name(a->kind));
		return false;
	}
	return n->u.kids.n == 1 || read_value(r, draft, &parts[1], a);
}

static bool is_last(enum action_kind k)
{
	return k == ACTION_DISCARD || k == ACTION_REJECT || k == ACTION_STOP;
}

bool rules_read_actions(struct value_reader *r, struct rule_draft *draft, const struct node *n)
{
	struct rule_action *all;
	bool good = true;

	if (n->type != NODE_LIST || n->u.kids.n > RULE_PARTS_MAX) {
		rules_complain(r, CONF_ERROR, draft, n,
			       "do: a list of at most %d actions is wanted", RULE_PARTS_MAX);
		return false;
	}
	all = value_alloc(r, n->u.kids.n + 1, sizeof(*all));
	if (all == NULL)
		return false;
	for (size_t i = 0; i < n->u.kids.n; i++)
		good = read_action(r, draft, &n->u.kids.at[i], &all[i]) && good;
	for (size_t i = 1; i < n->u.kids.n && good; i++) {
		if (!is_last(all[i - 1].kind))
			continue;
		rules_complain(r, CONF_ERROR, draft, &n->u.kids.at[i],
			       "\"%s\" comes after \"%s\", behind which nothing is done",
			       action_name(all[i].kind), action_name(all[i - 1].kind));
		good = false;
	}
	draft->todo = all;
	draft->rule.todo = all;
	draft->rule.n_todo = n->u.kids.n;
	return good;
}
