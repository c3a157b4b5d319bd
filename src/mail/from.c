#include "mail/from.h"

#include <string.h>

#include "mail/loose.h"

/* A NUL, or a line end that is no fold. */
static bool has_broken_line(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		char next = i + 1 < s.len ? s.p[i + 1] : '\0';

		if (s.p[i] == '\0' || (s.p[i] == '\r' && next != '\n') ||
		    (s.p[i] == '\n' && !is_wsp(next)))
			return true;
	}
	return false;
}

/* A Sender: that every reader reads alike: one field, one mailbox. Its domain, or RC_INPUT. */
static enum rc read_sender(const struct fields *fields, struct arena *arena,
			   char domain[DOMAIN_SIZE], struct err *err)
{
	const struct field *sender = fields_find(fields, "Sender", 0, NULL);
	struct address_list list;
	enum rc rc;

	if (sender == NULL || fields_count_of(fields, "Sender") > 1)
		return err_set(err, RC_INPUT, "no single Sender: field");
	rc = address_list_read(sender->value, arena, &list, err);
	if (rc == RC_OK && (list.n != 1 || list.unusual))
		rc = err_set(err, RC_INPUT, "no single address in Sender:");
	return rc == RC_OK ? domain_to_ascii(list.at[0].domain, domain, err) : rc;
}

/* The first mailbox of LIST in DOMAIN becomes the author, if there is one. All domains are legal. */
static enum rc take_author(struct from *f, const char *domain, struct err *err)
{
	for (size_t i = 0; i < f->list.n; i++) {
		char own[DOMAIN_SIZE];
		enum rc rc = domain_to_ascii(f->list.at[i].domain, own, err);

		if (rc != RC_OK)
			return rc;
		if (strcmp(own, domain) != 0)
			continue;
		memcpy(f->domain, own, sizeof(own));
		f->author = f->list.at[i];
		f->status = FROM_GOOD;
		return RC_OK;
	}
	return RC_OK;
}

static enum rc judge_several(const struct fields *fields, struct arena *arena, struct from *f,
			     struct err *err)
{
	char domain[DOMAIN_SIZE];
	enum rc rc = read_sender(fields, arena, domain, err);

	f->status = FROM_SEVERAL;
	if (rc == RC_OK)
		rc = take_author(f, domain, err);
	f->by_sender = f->status == FROM_GOOD;
	return rc == RC_NOMEM ? rc : RC_OK;
}

/* The strict reading gave at least one mailbox. */
static enum rc judge_list(const struct fields *fields, struct arena *arena, struct from *f,
			  struct err *err)
{
	char first[DOMAIN_SIZE] = "", own[DOMAIN_SIZE];
	bool several = false;

	for (size_t i = 0; i < f->list.n; i++) {
		enum rc rc = domain_to_ascii(f->list.at[i].domain, own, err);

		if (rc == RC_NOMEM)
			return rc;
		if (rc != RC_OK) {
			f->status = FROM_NO_DOMAIN;
			return RC_OK;
		}
		if (i == 0)
			memcpy(first, own, sizeof(own));
		several = several || strcmp(own, first) != 0;
	}
	return several ? judge_several(fields, arena, f, err) : take_author(f, first, err);
}

static const enum from_status status_of_loose[] = {
	[LOOSE_ONE] = FROM_GOOD,
	[LOOSE_DIFFERENT] = FROM_AMBIGUOUS,
	[LOOSE_NO_DOMAIN] = FROM_NO_DOMAIN,
	[LOOSE_EMPTY] = FROM_EMPTY,
	[LOOSE_SYNTAX] = FROM_SYNTAX,
};

/* The strict grammar refused VALUE. */
static enum rc judge_loosely(struct span value, struct from *f, struct err *err)
{
	struct loose loose;
	enum rc rc = loose_read(value, &loose, err);

	if (rc != RC_OK)
		return rc;
	f->status = status_of_loose[loose.kind];
	if (f->status == FROM_GOOD) {
		memcpy(f->domain, loose.domain, sizeof(f->domain));
		f->author.local = loose.local;
		f->author.domain = loose.domain_text;
	}
	return RC_OK;
}

/* Legal, but with white space, comments or a route inside an address: what the strict reading found
 * holds only where loose readers find nothing else. */
static enum rc confirm(struct span value, struct from *f, struct err *err)
{
	struct loose loose;
	enum rc rc = loose_read(value, &loose, err);

	if (rc != RC_OK)
		return rc;
	if (loose.kind != LOOSE_ONE || strcmp(loose.domain, f->domain) != 0) {
		f->status = FROM_AMBIGUOUS;
		f->domain[0] = '\0';
		f->by_sender = false;
		f->author = (struct mailbox){.in_group = false};
	}
	return RC_OK;
}

static enum rc read_value(const struct fields *fields, struct span value, struct arena *arena,
			  struct from *f, struct err *err)
{
	enum rc rc;

	if (has_broken_line(value)) {
		f->status = FROM_SYNTAX;
		return RC_OK;
	}
	rc = address_list_read(value, arena, &f->list, err);
	if (rc == RC_NOMEM)
		return rc;
	if (rc != RC_OK)
		return judge_loosely(value, f, err);
	if (f->list.n == 0) {
		f->status = FROM_EMPTY;
		return RC_OK;
	}
	rc = judge_list(fields, arena, f, err);
	if (rc == RC_OK && f->list.unusual && f->status != FROM_NO_DOMAIN)
		rc = confirm(value, f, err);
	return rc;
}

enum rc from_read(const struct fields *fields, struct arena *arena, struct from *ret,
		  struct err *err)
{
	const struct field *from = fields_find(fields, "From", 0, NULL);
	struct from f = {.status = FROM_MISSING};
	enum rc rc = RC_OK;

	if (from != NULL && fields_count_of(fields, "From") > 1)
		f.status = FROM_REPEATED;
	else if (from != NULL && from->space_before_colon)
		f.status = FROM_SPACED;
	else if (from != NULL)
		rc = read_value(fields, from->value, arena, &f, err);
	if (rc == RC_OK)
		*ret = f;
	return rc;
}

const char *from_status_text(enum from_status s)
{
	static const char *const texts[] = {
		[FROM_GOOD] = "one domain",
		[FROM_MISSING] = "missing",
		[FROM_REPEATED] = "more than one field",
		[FROM_SPACED] = "white space before the colon",
		[FROM_EMPTY] = "no address",
		[FROM_SYNTAX] = "cannot be read",
		[FROM_AMBIGUOUS] = "can be read in several ways",
		[FROM_NO_DOMAIN] = "an address without a domain name",
		[FROM_SEVERAL] = "several domains",
	};

	return (size_t)s < COUNT_OF(texts) ? texts[s] : "unknown";
}
