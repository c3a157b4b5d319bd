/* daemon/signals.h - every signal that means something to us goes to the main thread, none to libmilter. */
#ifndef DAEMON_SIGNALS_H
#define DAEMON_SIGNALS_H

#include "base/attr.h"
#include "base/err.h"

enum wish { WISH_NONE, WISH_RELOAD, WISH_STOP };

/* Before the first thread: HUP, USR1, TERM and INT are blocked from here on, PIPE and XFSZ are ignored. */
MUST_CHECK enum rc signals_block(struct err *err);

/* Main thread only: the next wish; WISH_NONE after WAIT_MS milliseconds without one (-1: wait for ever). */
enum wish signals_wait(int wait_ms);

#endif
