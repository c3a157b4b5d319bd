/* trust.sender_match: From: held against who logged in and what the envelope says. */
#include <string.h>

#include "core/line.h"
#include "core/trust.h"
#include "mail/domain.h"

/* Is DOMAIN (as written somewhere) the same domain of ours as the author's? */
static bool is_same_domain(const struct conf *conf, const struct conf_domain *ours,
			   const char *from, struct span domain)
{
	char ascii[DOMAIN_SIZE];
	const struct conf_domain *theirs;

	if (domain_to_ascii(domain, ascii, NULL) != RC_OK)
		return false;
	if (strcmp(ascii, from) == 0)
		return true;
	theirs = conf_domain_for_mail(conf, ascii);
	if (theirs != NULL)
		return theirs == ours;
	/* Nobody else's, though not configured: bounces.example.com for mail from example.com, and example.com
	 * where it signs for mail.example.com. */
	return domain_is_within(ascii, from) || strcmp(ascii, ours->sign_domain) == 0;
}

static struct span without_detail(const struct conf *conf, struct span local)
{
	size_t end = local.len;

	for (const char *d = conf->recipient_delimiter; *d != '\0'; d++) {
		size_t at = span_find(local, *d, 1);

		end = at < end ? at : end;
	}
	return span_sub(local, 0, end);
}

static bool login_matches(const struct conf *conf, const struct facts *facts,
			  const struct conf_domain *ours, const struct from *from)
{
	struct span login = facts->auth_authen;
	size_t at = login.len;

	while (at > 0 && login.p[at - 1] != '@')
		at--;
	if (at > 0)
		return is_same_domain(conf, ours, from->domain, span_from(login, at));
	if (conf->n_domains <= 1)
		return true;
	return span_ieq(without_detail(conf, from->author.local), login);
}

static bool is_null_sender(struct span mail_from)
{
	return mail_from.len == 0 || span_eq_str(mail_from, "<>");
}

enum rc trust_sender_matches(const struct conf *conf, const struct facts *facts,
			     const struct trust *trust, const struct from *from,
			     struct arena *arena, bool *ret, char *why, size_t why_size,
			     struct err *err)
{
	const struct conf_domain *ours = conf_domain_for_mail(conf, from->domain);
	struct mailbox sender;
	enum rc rc;

	*ret = true;
	if (trust->source == SOURCE_LOCAL || is_null_sender(facts->mail_from))
		return RC_OK;
	*ret = false;
	if (facts->auth_authen.len != 0 && !login_matches(conf, facts, ours, from)) {
		line_set(why, why_size, "From is of %s, authenticated user is %.*s", from->domain,
			 SPAN_ARG(facts->auth_authen));
		return RC_OK;
	}
	rc = address_envelope_read(facts->mail_from, arena, &sender, err);
	if (rc == RC_NOMEM)
		return rc;
	*ret = rc == RC_OK && is_same_domain(conf, ours, from->domain, sender.domain);
	if (!*ret)
		line_set(why, why_size, "From is of %s, envelope sender is %.*s", from->domain,
			 SPAN_ARG(facts->mail_from));
	return RC_OK;
}
