/* tool/lineends.h - line ends changed while bytes pass. One thread at a time. */
#ifndef TOOL_LINEENDS_H
#define TOOL_LINEENDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/span.h"

enum lineends_to {
	LINEENDS_KEEP,
	LINEENDS_CRLF, /* an LF without a CR before it becomes CRLF */
	/* A CRLF becomes LF, but not behind a CR: whoever reads LF as CRLF gets the same bytes back. */
	LINEENDS_LF
};

typedef enum rc lineends_sink(void *ctx, struct span piece, struct err *err);

struct lineends {
	lineends_sink *sink;
	void *ctx;
	enum lineends_to to;
	char last;	 /* what passed last; with a held CR: what was before it */
	bool held;	 /* a CR that may belong to a line end */
	uint64_t n_out;	 /* bytes that the sink got */
	uint64_t n_crlf; /* what they are when every LF counts as CRLF (RFC822.SIZE) */
	char last_out;
	size_t n_room;
	char room[16384];
};

void lineends_init(struct lineends *l, lineends_sink *sink, void *ctx);
/* From here on. Bytes that are held are let go first. */
MUST_CHECK enum rc lineends_set(struct lineends *l, enum lineends_to to, struct err *err);
/* Pieces may split anywhere, between CR and LF too. */
MUST_CHECK enum rc lineends_write(struct lineends *l, struct span piece, struct err *err);
/* The sink gets what is left. */
MUST_CHECK enum rc lineends_finish(struct lineends *l, struct err *err);

#endif
