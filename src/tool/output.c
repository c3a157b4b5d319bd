#include "tool/frame.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool wants_colour(int fd, bool no_color)
{
	const char *off = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	if (no_color || (off != NULL && *off != '\0'))
		return false;
	if (term == NULL || *term == '\0' || strcmp(term, "dumb") == 0)
		return false;
	return isatty(fd) == 1;
}

void output_init(struct tool *t, bool no_color)
{
	for (int fd = 1; fd <= 2; fd++)
		t->colour[fd] = wants_colour(fd, no_color);
}

const char *tool_style(const struct tool *t, int fd, enum tool_ink ink)
{
	static const char *const codes[] = {
		[INK_BOLD] = "\033[1m", [INK_GOOD] = "\033[32m", [INK_WARN] = "\033[33m",
		[INK_BAD] = "\033[31m", [INK_DIM] = "\033[2m",	 [INK_OFF] = "\033[0m",
	};

	if (fd < 1 || fd > 2 || !t->colour[fd] || (size_t)ink >= COUNT_OF(codes))
		return "";
	return codes[ink];
}

void tool_say(const struct tool *t, const char *fmt, ...)
{
	va_list args;

	if (t->quiet)
		return;
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
}

void tool_print(const struct tool *t UNUSED, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vfprintf(stdout, fmt, args);
	va_end(args);
}

void tool_write(const struct tool *t UNUSED, struct span bytes)
{
	if (bytes.len > 0)
		fwrite(bytes.p, 1, bytes.len, stdout);
}

enum rc tool_emit_json(const struct tool *t UNUSED, json_t *object, struct err *err)
{
	enum rc rc = RC_OK;

	if (object == NULL)
		return err_set(err, RC_NOMEM, "JSON");
	if (json_dumpf(object, stdout, JSON_INDENT(2)) != 0)
		rc = err_set(err, RC_IO, "JSON could not be written");
	else
		fputc('\n', stdout);
	json_decref(object);
	return rc;
}

/* A full disk or a reader that went away shows up only here: stdio keeps what it could not write. */
enum rc output_finish(struct err *err)
{
	if (fflush(stdout) == 0 && ferror(stdout) == 0)
		return RC_OK;
	return err_sys(err, RC_IO, errno != 0 ? errno : EIO, "standard output");
}

void output_error(const struct tool *t, const struct err *err)
{
	fprintf(stderr, "%smailseal:%s %s\n", tool_style(t, 2, INK_BAD), tool_style(t, 2, INK_OFF),
		err->text);
}

void output_next(struct tool *t)
{
	struct span rest = buf_span(&t->next), line;

	while (rest.len > 0 && span_split(&rest, '\n', &line))
		fprintf(stderr, "next: %s%.*s%s\n", tool_style(t, 2, INK_BOLD), SPAN_ARG(line),
			tool_style(t, 2, INK_OFF));
	t->next.len = 0;
}

void tool_found(struct tool *t)
{
	t->found = true;
}

void tool_next(struct tool *t, const char *fmt, ...)
{
	struct err line = ERR_INIT; /* cleans control bytes and bounds the line */
	va_list args;
	char text[ERR_TEXT_MAX];

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	err_set(&line, RC_OK, "%s", text);
	/* A hint that does not fit is dropped: it never makes a run fail. */
	if (buf_addf(&t->next, NULL, "%s\n", line.text) != RC_OK)
		return;
}

enum rc tool_usage(struct tool *t, struct err *err, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	t->usage = true;
	return err_set(err, RC_INPUT, "%s", text);
}
