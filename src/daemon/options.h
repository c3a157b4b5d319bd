/* daemon/options.h - the daemon's command line. */
#ifndef DAEMON_OPTIONS_H
#define DAEMON_OPTIONS_H

#include <stdbool.h>

enum action { ACTION_RUN, ACTION_CHECK };

struct options {
	const char *conf_file;
	enum action action;
	bool verbose; /* log.level is "debug" whatever the configuration says */
};

/* Nothing to do any more: --help and --version printed (0), or the command line is wrong (2, said on stderr). */
enum { OPTIONS_GO_ON = -1 };

/* OPTIONS_GO_ON with *RET filled, or the exit status. */
int options_read(int argc, char **argv, struct options *ret);

#endif
