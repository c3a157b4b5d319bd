#include "oom.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/attr.h"

static long countdown = -1; /* allocations until one fails; -1: none does */
static bool has_failed;

void oom_after(long n)
{
	has_failed = false;
	countdown = n;
}

bool oom_end(void)
{
	countdown = -1;
	return has_failed;
}

static bool fails(void)
{
	if (countdown < 0 || countdown-- > 0)
		return false;
	has_failed = true;
	return true;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__real_reallocarray(void *p, size_t n, size_t size);
char *__real_strdup(const char *s);
char *__real_strndup(const char *s, size_t n);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_reallocarray(void *p, size_t n, size_t size);
char *__wrap_strdup(const char *s);
char *__wrap_strndup(const char *s, size_t n);
int __wrap_asprintf(char **ret, const char *fmt, ...) PRINTF_LIKE(2, 3);
int __wrap___asprintf_chk(char **ret, int flag, const char *fmt, ...) PRINTF_LIKE(3, 4);

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
	return fails() ? NULL : __real_realloc(p, size);
}

void *__wrap_reallocarray(void *p, size_t n, size_t size)
{
	return fails() ? NULL : __real_reallocarray(p, n, size);
}

char *__wrap_strdup(const char *s)
{
	return fails() ? NULL : __real_strdup(s);
}

char *__wrap_strndup(const char *s, size_t n)
{
	return fails() ? NULL : __real_strndup(s, n);
}

int __wrap_asprintf(char **ret, const char *fmt, ...)
{
	va_list args;
	int len;

	if (fails())
		return -1;
	va_start(args, fmt);
	len = vasprintf(ret, fmt, args);
	va_end(args);
	return len;
}

/* What asprintf() is called with _FORTIFY_SOURCE. */
int __wrap___asprintf_chk(char **ret, int flag, const char *fmt, ...)
{
	va_list args;
	int len;

	(void)flag;
	if (fails())
		return -1;
	va_start(args, fmt);
	len = vasprintf(ret, fmt, args);
	va_end(args);
	return len;
}
