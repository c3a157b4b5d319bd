#include "mail/domain.h"

#include <idn2.h>
#include <libpsl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* No name with U-labels that is legal is longer: 253 characters of 4 bytes each. Mapping is costly,
 * so that more than this is not even tried. */
enum { NAME_BYTES_MAX = 4 * (DOMAIN_SIZE - 1), LABEL_MAX = 63, PART_SIZE = NAME_BYTES_MAX + 1 };

static bool is_name_char(char c)
{
	return is_ascii_alpha(c) || is_ascii_digit(c) || c == '-' || c == '_';
}

static bool label_is_good(struct span label)
{
	if (label.len == 0 || label.len > LABEL_MAX)
		return false;
	for (size_t i = 0; i < label.len; i++)
		if (!is_name_char(label.p[i]))
			return false;
	return label.p[0] != '-' && label.p[label.len - 1] != '-';
}

/* What is wrong with a label: for people. */
static enum rc bad_label(struct span whole, struct span label, struct err *err)
{
	if (label.len == 0)
		return err_set(err, RC_INPUT, "'%.*s' is no domain name: it has an empty label",
			       SPAN_ARG(whole));
	if (label.len > LABEL_MAX)
		return err_set(err, RC_INPUT,
			       "'%.*s' is no domain name: a label has more than %d bytes",
			       SPAN_ARG(whole), LABEL_MAX);
	return err_set(err, RC_INPUT,
		       "'%.*s' is no domain name: labels are letters, digits, '-' and '_', with no "
		       "'-' at either end",
		       SPAN_ARG(whole));
}

static bool has_8bit(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.p[i] >= 0x80)
			return true;
	return false;
}

/* Map PART, the text between two dots. It may become several labels: other scripts have dots of
 * their own, which IDNA maps. No IDN2_USE_STD3_ASCII_RULES: with it libidn2 drops what it should
 * refuse ("a" U+FF20 "b" becomes "ab", not "a@b"); label_is_good() refuses what comes out instead. */
static enum rc map_part(struct span part, struct span whole, struct buf *out, struct err *err)
{
	char text[PART_SIZE];
	uint8_t *mapped = NULL;
	enum rc rc;
	int status;

	memcpy(text, part.p, part.len);
	text[part.len] = '\0';
	status = idn2_lookup_u8((const uint8_t *)text, &mapped,
				IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
	if (status == IDN2_MALLOC)
		return err_set(err, RC_NOMEM, "out of memory");
	if (status != IDN2_OK)
		return err_set(err, RC_INPUT, "'%.*s' is no domain name: %s", SPAN_ARG(whole),
			       idn2_strerror(status));
	rc = buf_adds(out, (const char *)mapped, err);
	idn2_free(mapped);
	return rc;
}

/* D, each part of it that is not ASCII mapped, appended to OUT. */
static enum rc map_name(struct span d, struct buf *out, struct err *err)
{
	struct span rest = d, part;
	enum rc rc = RC_OK;

	while (rc == RC_OK && span_split(&rest, '.', &part)) {
		rc = has_8bit(part) ? map_part(part, d, out, err) : buf_add(out, part, err);
		if (rc == RC_OK && rest.p != NULL)
			rc = buf_addc(out, '.', err);
	}
	return rc;
}

/* NAME is ASCII now, but for hostile bytes. */
static enum rc copy_ascii(struct span name, struct span whole, char ret[DOMAIN_SIZE],
			  struct err *err)
{
	struct span rest, label;

	if (name.len > 1 && name.p[name.len - 1] == '.')
		name.len--;
	if (name.len >= DOMAIN_SIZE)
		return err_set(err, RC_INPUT,
			       "'%.60s...' is no domain name: it has more than %d bytes", name.p,
			       DOMAIN_SIZE - 1);
	rest = name;
	while (span_split(&rest, '.', &label))
		if (!label_is_good(label))
			return bad_label(whole, label, err);
	for (size_t i = 0; i < name.len; i++)
		ret[i] = ascii_lower(name.p[i]);
	ret[name.len] = '\0';
	return RC_OK;
}

enum rc domain_to_ascii(struct span d, char ret[DOMAIN_SIZE], struct err *err)
{
	struct buf mapped;
	enum rc rc;

	if (d.len == 0)
		return err_set(err, RC_INPUT, "an empty domain name");
	if (d.p[0] == '[')
		return err_set(err, RC_INPUT, "'%.*s' is an address literal, not a domain name",
			       SPAN_ARG(d));
	if (span_has(d, '\0'))
		return err_set(err, RC_INPUT, "a domain name with a NUL in it");
	if (!has_8bit(d))
		return copy_ascii(d, d, ret, err);
	if (d.len > NAME_BYTES_MAX)
		return err_set(err, RC_INPUT, "a domain name of more than %d bytes",
			       NAME_BYTES_MAX);
	buf_init(&mapped, 2 * (size_t)NAME_BYTES_MAX);
	rc = map_name(d, &mapped, err);
	if (rc == RC_LIMIT)
		rc = err_set(err, RC_INPUT, "'%.*s' is too long a domain name", SPAN_ARG(d));
	if (rc == RC_OK)
		rc = copy_ascii(buf_span(&mapped), d, ret, err);
	buf_clear(&mapped);
	return rc;
}

enum rc domain_to_unicode(const char *ascii, struct buf *out, struct err *err)
{
	char back[DOMAIN_SIZE];
	char *unicode = NULL;
	int status = idn2_to_unicode_8z8z(ascii, &unicode, 0);
	enum rc rc;

	if (status == IDN2_MALLOC)
		return err_set(err, RC_NOMEM, "out of memory");
	/* A made-up A-label may hide anything (line ends, other labels): only what maps back to it
	 * is its U-label. */
	if (status == IDN2_OK && domain_to_ascii(span_str(unicode), back, NULL) == RC_OK &&
	    strcmp(back, ascii) == 0)
		rc = buf_adds(out, unicode, err);
	else
		rc = buf_adds(out, ascii, err);
	idn2_free(unicode);
	return rc;
}

bool domain_is_within(const char *child, const char *parent)
{
	size_t child_len = strlen(child), len = strlen(parent);
	const char *tail;

	if (len == 0 || child_len < len)
		return false;
	tail = child + (child_len - len);
	return strcmp(tail, parent) == 0 && (tail == child || tail[-1] == '.');
}

const char *domain_parent(const char *d)
{
	const char *dot = strchr(d, '.');

	return dot != NULL ? dot + 1 : NULL;
}

static pthread_once_t psl_once = PTHREAD_ONCE_INIT;
static const psl_ctx_t *psl; /* lives as long as the process; NULL: no list is there */

static void load_psl(void)
{
	psl = psl_latest(NULL);
	if (psl == NULL)
		psl = psl_builtin();
}

static const psl_ctx_t *get_psl(void)
{
	pthread_once(&psl_once, load_psl);
	return psl;
}

bool domain_is_public_suffix(const char *ascii)
{
	const psl_ctx_t *list = get_psl();

	if (strchr(ascii, '.') == NULL)
		return true;
	return list != NULL && psl_is_public_suffix(list, ascii) != 0;
}

const char *domain_organizational(const char *ascii)
{
	const psl_ctx_t *list = get_psl();
	const char *found = ascii, *parent;

	if (domain_is_public_suffix(ascii))
		return NULL;
	if (list != NULL)
		return psl_registrable_domain(list, ascii);
	while ((parent = domain_parent(found)) != NULL && strchr(parent, '.') != NULL)
		found = parent;
	return found;
}

bool domain_selector_valid(struct span selector)
{
	/* What "._domainkey." and a domain of one byte leave of a name. */
	const size_t longest = DOMAIN_SIZE - 1 - (sizeof("._domainkey.") - 1) - 1;
	struct span rest = selector, label;

	if (selector.len == 0 || selector.len > longest)
		return false;
	while (span_split(&rest, '.', &label))
		if (!label_is_good(label))
			return false;
	return true;
}
