/* message encrypt, message decrypt: one stored message. */
#include <errno.h>
#include <stdio.h>

#include "tool/message.h"
#include "tool/sealfile.h"
#include "tool/sealkeys.h"

static enum rc to_stdout(void *ctx UNUSED, struct span piece, struct err *err)
{
	if (fwrite(piece.p, 1, piece.len, stdout) != piece.len)
		return err_sys(err, RC_IO, errno, "standard output");
	return RC_OK;
}

static enum rc to_nowhere(void *ctx UNUSED, struct span piece UNUSED, struct err *err UNUSED)
{
	return RC_OK;
}

/* With --json the message itself is not written. */
static lineends_sink *sink_of(const struct tool *t)
{
	return tool_json_wanted(t) ? to_nowhere : to_stdout;
}

/* MORE (may be NULL): what else is to be said; taken over. */
static enum rc show(struct tool *t, const char *result, json_t *more, uint64_t bytes,
		    struct err *err)
{
	json_t *all;

	if (!tool_json_wanted(t)) {
		json_decref(more);
		return RC_OK;
	}
	all = json_pack("{s:s, s:I}", "result", result, "bytes", (json_int_t)bytes);
	if (all != NULL && more != NULL && json_object_update(all, more) != 0) {
		json_decref(all);
		all = NULL;
	}
	json_decref(more);
	return tool_emit_json(t, all, err);
}

static enum rc leave_as_is(struct tool *t, struct msgfile *m, const char *why, struct err *err)
{
	struct lineends out;
	enum rc rc;

	tool_say(t, "%s: left as it is: %s\n", m->name, why);
	lineends_init(&out, sink_of(t), NULL);
	rc = sealfile_copy(m, tool_has(t, "crlf"), &out, err);
	return rc == RC_OK ? show(t, "left", json_pack("{s:s}", "why", why), out.n_out, err) : rc;
}

static enum rc seal(struct tool *t, struct msgfile *m, const struct sealcerts *certs,
		    struct err *err)
{
	enum security security = SECURITY_PLAIN;
	struct lineends out;
	enum rc rc = msgfile_security(m, &security, err);

	if (rc != RC_OK)
		return rc;
	if (security == SECURITY_ENCRYPTED)
		return leave_as_is(t, m, "it is encrypted already", err);
	lineends_init(&out, sink_of(t), NULL);
	rc = sealfile_seal(m, certs->at, certs->n, tool_has(t, "crlf"), &out, err);
	if (rc != RC_OK)
		return err_wrap(err, rc, "%s", m->name);
	return show(t, "sealed", json_pack("{s:o}", "certificates", sealcerts_json(certs)),
		    out.n_out, err);
}

enum rc message_encrypt(struct tool *t, struct err *err)
{
	struct sealcerts certs;
	struct msgfile m;
	enum rc rc = sealkeys_certs(t, &certs, err);

	if (rc == RC_OK) {
		rc = msgfile_open(&m, tool_arg(t, 0), false, err);
		if (rc == RC_OK)
			rc = seal(t, &m, &certs, err);
		msgfile_close(&m);
	}
	sealcerts_clear(&certs);
	return rc;
}

static enum rc open_sealed(struct tool *t, struct msgfile *m, const struct openkey *key,
			   lineends_sink *sink, uint64_t *ret_bytes, struct err *err)
{
	struct lineends out;
	enum rc rc;

	lineends_init(&out, sink, NULL);
	rc = sealfile_open(m, key, tool_has(t, "crlf"), &out, err);
	*ret_bytes = out.n_out;
	return rc == RC_OK ? rc : err_wrap(err, rc, "%s", m->name);
}

/* Twice: nothing is written before all of it has come out well. */
static enum rc unseal(struct tool *t, struct msgfile *m, const struct openkey *key, struct err *err)
{
	enum security security = SECURITY_PLAIN;
	uint64_t bytes = 0;
	enum rc rc = msgfile_security(m, &security, err);

	if (rc != RC_OK)
		return rc;
	if (security != SECURITY_ENCRYPTED)
		return leave_as_is(t, m, "it is not encrypted", err);
	if (!sealfile_is_cms(m))
		return err_set(err, RC_INPUT,
			       "%s: it is encrypted with PGP, which is not opened here", m->name);
	rc = open_sealed(t, m, key, to_nowhere, &bytes, err);
	if (rc == RC_OK && !tool_json_wanted(t))
		rc = open_sealed(t, m, key, to_stdout, &bytes, err);
	return rc == RC_OK ? show(t, "opened", NULL, bytes, err) : rc;
}

enum rc message_decrypt(struct tool *t, struct err *err)
{
	struct openkey *key = NULL;
	struct msgfile m;
	enum rc rc = sealkeys_key(t, &key, err);

	if (rc == RC_OK) {
		rc = msgfile_open(&m, tool_arg(t, 0), true, err);
		if (rc == RC_OK)
			rc = unseal(t, &m, key, err);
		msgfile_close(&m);
	}
	openkey_free(key);
	return rc;
}
