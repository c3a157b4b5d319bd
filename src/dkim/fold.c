#include "dkim/fold.h"

enum { LINE_MAX_COLUMNS = 77, TAB_COLUMNS = 8 };

void fold_init(struct fold *f, struct buf *out, size_t column)
{
	f->out = out;
	f->column = column;
}

enum rc fold_newline(struct fold *f, struct err *err)
{
	f->column = TAB_COLUMNS;
	return buf_add(f->out, SPAN_LIT("\n\t"), err);
}

static enum rc put(struct fold *f, struct span s, struct err *err)
{
	f->column += s.len;
	return buf_add(f->out, s, err);
}

/* Nothing stands on the line but its tab. */
static bool is_fresh(const struct fold *f)
{
	return f->column == TAB_COLUMNS && span_ends(buf_span(f->out), SPAN_LIT("\n\t"));
}

enum rc fold_word(struct fold *f, struct span word, bool spaced, struct err *err)
{
	enum rc rc = RC_OK;

	if (is_fresh(f))
		return put(f, word, err);
	if (f->column + spaced + word.len > LINE_MAX_COLUMNS)
		rc = fold_newline(f, err);
	else if (spaced)
		rc = put(f, SPAN_LIT(" "), err);
	return rc == RC_OK ? put(f, word, err) : rc;
}

/* How much of TEXT, at most ROOM, may be put on one line. */
static size_t breakable(struct span text, size_t room)
{
	if (text.len <= room)
		return text.len;
	if (room >= 1 && text.p[room - 1] == '=')
		return room - 1;
	if (room >= 2 && text.p[room - 2] == '=')
		return room - 2;
	return room;
}

enum rc fold_text(struct fold *f, struct span text, struct err *err)
{
	enum rc rc = RC_OK;

	while (text.len > 0 && rc == RC_OK) {
		size_t room = f->column < LINE_MAX_COLUMNS ? LINE_MAX_COLUMNS - f->column : 0;
		size_t n = breakable(text, room);

		rc = put(f, span_sub(text, 0, n), err);
		text = span_from(text, n);
		if (text.len > 0 && rc == RC_OK)
			rc = fold_newline(f, err);
	}
	return rc;
}
