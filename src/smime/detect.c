#include "smime/detect.h"

#include <string.h>

#include "mail/ctype.h"

/* How the body of the message has to be looked at. */
enum look {
	LOOK_NOT,	/* decided */
	LOOK_CMS,	/* a ContentInfo, perhaps */
	LOOK_PGP_MIME,	/* multipart/encrypted: the armour must be there */
	LOOK_PGP_INLINE /* a text that may begin with armour */
};

/* RFC 5652 4, 6.1, 5.1; RFC 5083 2.1: the object identifiers, tag and length included. */
static const char oid_enveloped[] = "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03";
static const char oid_signed[] = "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02";
static const char oid_auth_enveloped[] = "\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x17";

static bool is_pkcs7_name(struct span name)
{
	return span_iends(name, SPAN_LIT(".p7m")) || span_iends(name, SPAN_LIT(".p7z"));
}

static bool read_field(const struct fields *fields, const char *name, struct arena *arena,
		       struct ctype *ret)
{
	const struct field *f = fields_find(fields, name, 0, NULL);

	return f != NULL && ctype_read(f->value, arena, ret, NULL) == RC_OK;
}

/* The file name of an octet-stream, from either of the two places. */
static bool names_pkcs7(const struct fields *fields, const struct ctype *type, struct arena *arena)
{
	struct ctype disposition;

	if (is_pkcs7_name(ctype_param(type, "name")))
		return true;
	return read_field(fields, "Content-Disposition", arena, &disposition) &&
	       is_pkcs7_name(ctype_param(&disposition, "filename"));
}

static enum look look_at_application(const struct fields *fields, const struct ctype *type,
				     struct arena *arena)
{
	if (span_eq_str(type->subtype, "pkcs7-mime") || span_eq_str(type->subtype, "x-pkcs7-mime"))
		return LOOK_CMS;
	if (span_eq_str(type->subtype, "octet-stream") && names_pkcs7(fields, type, arena))
		return LOOK_CMS;
	return LOOK_NOT;
}

/* RFC 1847: multipart/signed and multipart/encrypted. */
static enum look look_at_multipart(const struct ctype *type, enum security *ret)
{
	if (span_eq_str(type->subtype, "encrypted"))
		return LOOK_PGP_MIME;
	if (span_eq_str(type->subtype, "signed"))
		*ret = SECURITY_SIGNED;
	return LOOK_NOT;
}

/* *RET is set where LOOK_NOT is returned. A label alone never makes a message encrypted: whoever writes a false one
 * would keep it from being sealed. */
static enum look how_to_look(const struct fields *fields, struct arena *arena, enum security *ret)
{
	struct ctype type;

	*ret = SECURITY_PLAIN;
	if (fields_count_of(fields, "Content-Type") > 1)
		return LOOK_NOT; /* readers differ over which one counts */
	if (!read_field(fields, "Content-Type", arena, &type))
		return LOOK_PGP_INLINE; /* RFC 2045 5.2: text/plain */
	if (span_eq_str(type.type, "multipart"))
		return look_at_multipart(&type, ret);
	if (span_eq_str(type.type, "application"))
		return look_at_application(fields, &type, arena);
	return span_eq_str(type.type, "text") && span_eq_str(type.subtype, "plain")
		       ? LOOK_PGP_INLINE
		       : LOOK_NOT;
}

bool detect_by_fields(const struct fields *fields, struct arena *arena, enum security *ret)
{
	enum security by_label;

	if (how_to_look(fields, arena, &by_label) != LOOK_NOT)
		return false;
	*ret = by_label;
	return true;
}

static bool is_base64(const struct fields *fields)
{
	const struct field *f = fields_find(fields, "Content-Transfer-Encoding", 0, NULL);

	return f != NULL && span_ieq_str(span_trim_fold(f->value), "base64");
}

static int base64_digit(char c)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c != '\0' ? strchr(digits, c) : NULL;

	return at != NULL ? (int)(at - digits) : -1;
}

/* RFC 2045 6.8: what is no digit is skipped. The beginning may end in the middle of a group, which a block decoder
 * would refuse. */
static struct span decode_beginning(struct span text, struct arena *arena)
{
	char *out = arena_alloc(arena, text.len + 1);
	unsigned bits = 0, have = 0;
	size_t len = 0;

	for (size_t i = 0; out != NULL && i < text.len; i++) {
		int v = base64_digit(text.p[i]);

		if (v < 0)
			continue;
		bits = (bits << 6 | (unsigned)v) & 0xffff;
		have += 6;
		if (have >= 8) {
			have -= 8;
			out[len++] = (char)(bits >> have & 0xff);
		}
	}
	return out != NULL ? span_of(out, len) : SPAN_NONE;
}

/* The first octets behind SEQUENCE and its length (short, long or indefinite form). */
static struct span inside_sequence(struct span der)
{
	unsigned char len = der.len > 1 ? (unsigned char)der.p[1] : 0;
	size_t skip = 2;

	if (der.len < 2 || der.p[0] != 0x30)
		return SPAN_NONE;
	if (len > 0x80)
		skip += len & 0x7f;
	return skip < der.len ? span_from(der, skip) : SPAN_NONE;
}

static enum security by_content_info(struct span der)
{
	struct span oid = inside_sequence(der);

	if (span_starts(oid, span_of(oid_enveloped, sizeof(oid_enveloped) - 1)) ||
	    span_starts(oid, span_of(oid_auth_enveloped, sizeof(oid_auth_enveloped) - 1)))
		return SECURITY_ENCRYPTED;
	if (span_starts(oid, span_of(oid_signed, sizeof(oid_signed) - 1)))
		return SECURITY_SIGNED;
	return SECURITY_PLAIN;
}

static bool has_armour(struct span text, bool at_start)
{
	struct span mark = SPAN_LIT("-----BEGIN PGP MESSAGE-----");
	size_t at = span_search(text, mark, 0, false);

	if (at == text.len)
		return false;
	if (at_start)
		return span_trim_fold(span_sub(text, 0, at)).len == 0;
	return at == 0 || text.p[at - 1] == '\n';
}

enum security detect_with_body(const struct fields *fields, struct span beginning,
			       struct arena *arena)
{
	enum security by_label;
	enum look look = how_to_look(fields, arena, &by_label);

	if (look == LOOK_NOT)
		return by_label;
	beginning = span_sub(beginning, 0, DETECT_BODY_MAX);
	if (is_base64(fields) && look != LOOK_PGP_MIME)
		beginning = decode_beginning(beginning, arena);
	if (look == LOOK_CMS)
		return by_content_info(beginning);
	return has_armour(beginning, look == LOOK_PGP_INLINE) ? SECURITY_ENCRYPTED : SECURITY_PLAIN;
}
