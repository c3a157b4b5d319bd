#include "core/sealer.h"

#include <string.h>

#include "crypto/cert.h"
#include "smime/entity.h"

/* What leaves goes to the spool and past the signer. */
static enum rc take(void *ctx, struct span piece, struct err *err)
{
	struct sealer *s = ctx;

	if (s->signer != NULL && s->sign_rc == RC_OK)
		s->sign_rc = signer_body(s->signer, piece, &s->sign_err);
	return spool_add(s->text, piece, err);
}

/* Certificates of the catalogue are parsed for each message: what costs is the RSA operation. */
static enum rc read_certs(const struct route_content *content, struct cert **certs, size_t *ret_n,
			  struct err *err)
{
	enum rc rc = RC_OK;
	size_t n = 0;

	for (size_t i = 0; i < content->n_certs && rc == RC_OK; i++) {
		rc = cert_read_der(content->certs[i]->der, &certs[n], err);
		if (rc == RC_OK)
			n++;
		else
			err_wrap(err, rc, "certificate of %s", content->accounts[i]);
	}
	for (size_t i = 0; i < content->n_escrow && rc == RC_OK; i++)
		certs[n++] = cert_ref(content->escrow[i]);
	*ret_n = n;
	return rc;
}

static enum rc open_envelope(struct sealer *s, const struct route_content *content, struct err *err)
{
	struct cert *certs[ENVELOPE_CERTS_MAX] = {NULL};
	size_t n = 0;
	enum rc rc;

	if (content->n_certs + content->n_escrow > ENVELOPE_CERTS_MAX)
		return err_set(err, RC_LIMIT, "more than %d certificates in one envelope",
			       ENVELOPE_CERTS_MAX);
	rc = read_certs(content, certs, &n, err);
	if (rc == RC_OK)
		rc = envelope_new(PROFILE_COMPAT, certs, n, take, s, &s->envelope, err);
	while (n > 0)
		cert_unref(certs[--n]);
	return rc;
}

static enum rc put_header(struct sealer *s, const struct fields *fields, struct err *err)
{
	struct buf header;
	enum rc rc;

	/* A fold may grow by its CR. */
	buf_init(&header, 2 * fields->bytes + 64);
	rc = entity_inner_header(fields, &header, err);
	if (rc == RC_OK)
		rc = envelope_update(s->envelope, buf_span(&header), err);
	buf_clear(&header);
	return rc;
}

enum rc sealer_begin(struct sealer *s, const struct route_content *content,
		     const struct fields *fields, const char *spool_dir, size_t memory,
		     struct signer *signer, struct err *err)
{
	enum rc rc = spool_new(spool_dir, memory, &s->text, err);

	s->signer = signer;
	if (rc == RC_OK)
		rc = open_envelope(s, content, err);
	if (rc == RC_OK)
		rc = put_header(s, fields, err);
	return rc == RC_OK ? RC_OK : err_wrap(err, rc, "sealing");
}

enum rc sealer_body(struct sealer *s, struct span piece, struct err *err)
{
	enum rc rc = envelope_update(s->envelope, piece, err);

	return rc == RC_OK ? RC_OK : err_wrap(err, rc, "sealing");
}

enum rc sealer_finish(struct sealer *s, struct err *err)
{
	enum rc rc = envelope_finish(s->envelope, err);

	return rc == RC_OK ? RC_OK : err_wrap(err, rc, "sealing");
}

void sealer_clear(struct sealer *s)
{
	envelope_free(s->envelope);
	spool_free(s->text);
	memset(s, 0, sizeof(*s));
}
