#include "tool/lineends.h"

#include <string.h>

void lineends_init(struct lineends *l, lineends_sink *sink, void *ctx)
{
	memset(l, 0, offsetof(struct lineends, room));
	l->sink = sink;
	l->ctx = ctx;
}

static enum rc flush(struct lineends *l, struct err *err)
{
	struct span all = span_of(l->room, l->n_room);

	l->n_room = 0;
	return all.len > 0 ? l->sink(l->ctx, all, err) : RC_OK;
}

static enum rc put(struct lineends *l, char c, struct err *err)
{
	l->room[l->n_room++] = c;
	l->n_out++;
	l->n_crlf += c == '\n' && l->last_out != '\r' ? 2 : 1;
	l->last_out = c;
	return l->n_room == sizeof(l->room) ? flush(l, err) : RC_OK;
}

static enum rc let_go(struct lineends *l, struct err *err)
{
	if (!l->held)
		return RC_OK;
	l->held = false;
	l->last = '\r';
	return put(l, '\r', err);
}

static enum rc to_crlf(struct lineends *l, char c, struct err *err)
{
	enum rc rc = RC_OK;

	if (c == '\n' && l->last != '\r')
		rc = put(l, '\r', err);
	l->last = c;
	return rc == RC_OK ? put(l, c, err) : rc;
}

static enum rc to_lf(struct lineends *l, char c, struct err *err)
{
	enum rc rc = RC_OK;

	if (c == '\n' && l->held && l->last != '\r')
		l->held = false; /* the CR is dropped */
	else
		rc = let_go(l, err);
	if (c == '\r') {
		l->held = true;
		return rc;
	}
	l->last = c;
	return rc == RC_OK ? put(l, c, err) : rc;
}

enum rc lineends_set(struct lineends *l, enum lineends_to to, struct err *err)
{
	enum rc rc = let_go(l, err);

	l->to = to;
	return rc;
}

enum rc lineends_write(struct lineends *l, struct span piece, struct err *err)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; i < piece.len && rc == RC_OK; i++) {
		char c = piece.p[i];

		if (l->to == LINEENDS_CRLF)
			rc = to_crlf(l, c, err);
		else if (l->to == LINEENDS_LF)
			rc = to_lf(l, c, err);
		else
			rc = put(l, l->last = c, err);
	}
	return rc;
}

enum rc lineends_finish(struct lineends *l, struct err *err)
{
	enum rc rc = let_go(l, err);

	return rc == RC_OK ? flush(l, err) : rc;
}
