#include "tool/progress.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { EVERY_MS = 100, BAR = 30 };

static int64_t now_ms(void)
{
	struct timespec ts = {0};

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void progress_begin(struct progress *p, const struct tool *t)
{
	*p = (struct progress){.on = !tool_has(t, "quiet") && isatty(STDERR_FILENO) == 1};
}

void progress_show(struct progress *p, const char *what, size_t done, size_t all)
{
	static const char full[] = "##############################",
			  none[] = "                              ";
	int64_t now = p->on ? now_ms() : 0;
	int bar = all > 0 ? (int)(done * BAR / all) : BAR;

	if (!p->on || (p->shown && now - p->last_ms < EVERY_MS && done < all))
		return;
	/* To the beginning of the line, and what stood behind goes. */
	fprintf(stderr, "\r[%.*s%.*s] %zu/%zu %.40s\033[K", bar, full, BAR - bar, none, done, all,
		what);
	fflush(stderr);
	p->shown = true;
	p->last_ms = now;
}

void progress_clear(struct progress *p)
{
	if (p->shown)
		fputs("\r\033[K", stderr);
	p->shown = false;
}
