#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* What the analyzer is shown in their place (base/err.h) is for callers. */
#undef err_set
#undef err_sys
#undef err_wrap

/* One line, whatever was formatted into it. */
static void clean_text(char *text)
{
	for (unsigned char *p = (unsigned char *)text; *p != '\0'; p++)
		if (*p < 0x20 || *p == 0x7f)
			*p = '?';
}

static void mark_cut(char *text, int wanted)
{
	if (wanted >= ERR_TEXT_MAX)
		memcpy(text + ERR_TEXT_MAX - 4, "...", 4);
}

PRINTF_LIKE(2, 0) static void format_text(struct err *err, const char *fmt, va_list args)
{
	int wanted = vsnprintf(err->text, sizeof(err->text), fmt, args);

	mark_cut(err->text, wanted);
	clean_text(err->text);
}

enum rc err_set(struct err *err, enum rc rc, const char *fmt, ...)
{
	va_list args;

	if (err == NULL)
		return rc;
	err->rc = rc;
	va_start(args, fmt);
	format_text(err, fmt, args);
	va_end(args);
	return rc;
}

/* strerror_r() gives a text in glibc and a status by POSIX; its type says which of the two it is. */
static const char *text_given(const char *text, const char *room)
{
	(void)room;
	return text;
}

static const char *text_filled_in(int status, const char *room)
{
	return status == 0 ? room : "unknown error";
}

static const char *errno_text(int number, char *room, size_t size)
{
	return _Generic(strerror_r(number, room, size), char *
			: text_given, int
			: text_filled_in)(strerror_r(number, room, size), room);
}

enum rc err_sys(struct err *err, enum rc rc, int saved_errno, const char *fmt, ...)
{
	char room[128];
	va_list args;
	size_t len;

	if (err == NULL)
		return rc;
	err->rc = rc;
	va_start(args, fmt);
	format_text(err, fmt, args);
	va_end(args);
	len = strlen(err->text);
	mark_cut(err->text, (int)len + snprintf(err->text + len, sizeof(err->text) - len, ": %s",
						errno_text(saved_errno, room, sizeof(room))));
	return rc;
}

enum rc err_wrap(struct err *err, enum rc rc, const char *fmt, ...)
{
	char old[ERR_TEXT_MAX];
	va_list args;
	size_t len;

	if (err == NULL)
		return rc;
	memcpy(old, err->text, sizeof(old));
	err->rc = rc;
	va_start(args, fmt);
	format_text(err, fmt, args);
	va_end(args);
	len = strlen(err->text);
	mark_cut(err->text,
		 (int)len + snprintf(err->text + len, sizeof(err->text) - len, ": %s", old));
	return rc;
}

int rc_exit_status(enum rc rc)
{
	switch (rc) {
	case RC_OK:
	case RC_STOP:
		return 0;
	case RC_INPUT:
	case RC_LIMIT:
		return 65;
	case RC_NOTFOUND:
		return 66;
	case RC_UNAVAIL:
	case RC_IO:
	case RC_CRYPTO:
		return 69;
	case RC_NOMEM:
	case RC_AGAIN:
		return 75;
	case RC_PERM:
		return 77;
	case RC_CONF:
		return 78;
	case RC_EXISTS:
	case RC_REFUSED:
		return 1;
	}
	return 1;
}

const char *rc_word(enum rc rc)
{
	static const char *const words[] = {
		[RC_OK] = "ok",
		[RC_NOMEM] = "out of memory",
		[RC_IO] = "system error",
		[RC_CRYPTO] = "cryptographic error",
		[RC_INPUT] = "bad input",
		[RC_LIMIT] = "over a limit",
		[RC_NOTFOUND] = "not found",
		[RC_EXISTS] = "exists already",
		[RC_CONF] = "configuration",
		[RC_PERM] = "not permitted",
		[RC_UNAVAIL] = "unavailable",
		[RC_AGAIN] = "try again later",
		[RC_REFUSED] = "refused",
		[RC_STOP] = "stopped",
	};

	if ((size_t)rc >= COUNT_OF(words) || words[rc] == NULL)
		return "unknown error";
	return words[rc];
}
