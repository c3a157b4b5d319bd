#include "daemon/signals.h"

#include <errno.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

/* libmilter starts a thread that sits in sigwait(3) for HUP, TERM and INT and takes the first two as "stop", the third as
 * "abort every session". A signal sent to the process may go to any thread that waits for it, so one that came while the
 * main thread was busy with the one before would end the daemon. Two SIGHUPs in a row are enough. There is no setting
 * against it, so its call resolves to this function, which never returns; nothing else here calls sigwait(). */
int sigwait(const sigset_t *set, int *sig)
{
	(void)set;
	(void)sig;
	for (;;)
		pause();
}

static void our_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGHUP);
	sigaddset(set, SIGUSR1);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
}

enum rc signals_block(struct err *err)
{
	sigset_t set;

	our_signals(&set);
	if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0)
		return err_set(err, RC_IO, "block signals");
	/* A mail server that went away is an error of write(2), not the end; so is a file that may not grow. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	return RC_OK;
}

static enum wish wish_of(int sig)
{
	switch (sig) {
	case SIGHUP:
	case SIGUSR1: /* opendkim's signal for it */
		return WISH_RELOAD;
	case SIGTERM:
	case SIGINT:
		return WISH_STOP;
	default:
		return WISH_NONE;
	}
}

enum wish signals_wait(int wait_ms)
{
	const struct timespec wait = {.tv_sec = wait_ms / 1000,
				      .tv_nsec = (long)(wait_ms % 1000) * 1000000};
	sigset_t set;
	int sig;

	our_signals(&set);
	do
		sig = wait_ms < 0 ? sigwaitinfo(&set, NULL) : sigtimedwait(&set, NULL, &wait);
	while (sig < 0 && errno == EINTR);
	return wish_of(sig);
}
