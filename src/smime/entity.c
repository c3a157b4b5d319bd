#include "smime/entity.h"

static const struct entity_outer enveloped[ENTITY_OUTER_FIELDS] = {
	{"MIME-Version", " 1.0"},
	{"Content-Type",
	 " application/pkcs7-mime; smime-type=enveloped-data;\n\tname=\"smime.p7m\""},
	{"Content-Transfer-Encoding", " base64"},
	{"Content-Disposition", " attachment; filename=\"smime.p7m\""},
};

/* RFC 8551 3.2.2: authEnveloped-data. */
static const struct entity_outer auth_enveloped[ENTITY_OUTER_FIELDS] = {
	{"MIME-Version", " 1.0"},
	{"Content-Type",
	 " application/pkcs7-mime; smime-type=authEnveloped-data;\n\tname=\"smime.p7m\""},
	{"Content-Transfer-Encoding", " base64"},
	{"Content-Disposition", " attachment; filename=\"smime.p7m\""},
};

const struct entity_outer *entity_outer_fields(bool authenticated)
{
	return authenticated ? auth_enveloped : enveloped;
}

bool entity_field_is_inside(const struct field *field)
{
	return span_istarts(field->name, SPAN_LIT("Content-"));
}

bool entity_field_is_replaced(const struct field *field)
{
	return entity_field_is_inside(field) || span_ieq_str(field->name, "MIME-Version");
}

/* Folds come as LF from a milter and as CRLF from a file; inside they are CRLF. */
static enum rc add_value(struct span value, struct buf *out, struct err *err)
{
	enum rc rc = RC_OK;
	char before = '\0';

	for (size_t i = 0; i < value.len && rc == RC_OK; i++) {
		if (value.p[i] == '\n' && before != '\r')
			rc = buf_addc(out, '\r', err);
		before = value.p[i];
		if (rc == RC_OK)
			rc = buf_addc(out, before, err);
	}
	return rc;
}

static enum rc add_field(const struct field *field, struct buf *out, struct err *err)
{
	enum rc rc = buf_add(out, field->name, err);

	if (rc == RC_OK)
		rc = buf_addc(out, ':', err);
	if (rc == RC_OK)
		rc = add_value(field->value, out, err);
	if (rc == RC_OK)
		rc = buf_adds(out, "\r\n", err);
	return rc;
}

enum rc entity_inner_header(const struct fields *fields, struct buf *out, struct err *err)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; i < fields_count(fields) && rc == RC_OK; i++)
		if (entity_field_is_inside(fields_at(fields, i)))
			rc = add_field(fields_at(fields, i), out, err);
	return rc == RC_OK ? buf_adds(out, "\r\n", err) : rc;
}
