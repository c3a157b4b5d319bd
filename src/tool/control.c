#include "tool/control.h"

#include "base/buf.h"
#include "tool/socket.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* A status with the counters is about 1 KB. */
enum { REPLY_MAX = 1 << 20, PATIENCE_MS = 30000 };

static enum rc read_line(int fd, struct buf *out, struct err *err)
{
	int64_t until = socket_clock_ms() + PATIENCE_MS;

	while (!span_has(buf_span(out), '\n')) {
		char piece[4096];
		size_t got;
		enum rc rc = socket_read_some(fd, piece, sizeof(piece), until, &got, err);

		if (rc != RC_OK)
			return rc;
		if (got == 0)
			break;
		rc = buf_add(out, span_of(piece, got), err);
		if (rc != RC_OK)
			return rc;
	}
	return RC_OK;
}

/* "ok", "ok: TEXT", "error: TEXT" as an object. NULL when it is none of them. */
static json_t *object_of_words(struct span line)
{
	struct span rest = line, word;

	if (!span_split(&rest, ':', &word))
		return NULL;
	rest = span_trim(rest);
	if (span_eq_str(span_trim(word), "ok"))
		return json_pack("{s:b, s:s%}", "ok", 1, "text", rest.len > 0 ? rest.p : "",
				 rest.len);
	if (span_eq_str(span_trim(word), "error"))
		return json_pack("{s:b, s:s%}", "ok", 0, "error", rest.len > 0 ? rest.p : "",
				 rest.len);
	return NULL;
}

static enum rc parse_reply(struct span line, json_t **ret, struct err *err)
{
	json_error_t why;
	json_t *reply;

	line = span_trim_fold(line);
	if (span_starts(line, SPAN_LIT("{")))
		reply = json_loadb(line.p, line.len, 0, &why);
	else
		reply = object_of_words(line);
	if (!json_is_object(reply)) {
		json_decref(reply);
		return err_set(err, RC_UNAVAIL, "the reply '%.*s' is not understood",
			       SPAN_ARG(span_sub(line, 0, 80)));
	}
	*ret = reply;
	return RC_OK;
}

enum rc control_ask(const char *path, const char *command, json_t **ret, struct err *err)
{
	struct buf line, text;
	int fd = -1;
	enum rc rc;

	buf_init(&line, 4096);
	buf_init(&text, REPLY_MAX);
	rc = socket_connect_unix(path, &fd, err);
	if (rc == RC_OK)
		rc = buf_addf(&line, err, "%s\n", command);
	if (rc == RC_OK)
		rc = socket_write(fd, buf_span(&line), socket_clock_ms() + PATIENCE_MS, err);
	if (rc == RC_OK)
		rc = read_line(fd, &text, err);
	if (rc == RC_OK)
		rc = parse_reply(buf_span(&text), ret, err);
	if (rc != RC_OK)
		err_wrap(err, rc, "control socket %s", path);
	if (fd >= 0)
		close(fd);
	buf_clear(&line);
	buf_clear(&text);
	return rc;
}

enum rc control_reply_ok(const json_t *reply, struct err *err)
{
	const char *text = json_string_value(json_object_get(reply, "error"));

	if (text == NULL && !json_is_false(json_object_get(reply, "ok")))
		return RC_OK;
	return err_set(err, RC_UNAVAIL, "%s", text != NULL ? text : "refused without a reason");
}
