#include "daemon/spooldir.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "daemon/log.h"

void spooldir_prepare(const struct conf *c)
{
	struct err err = ERR_INIT;

	if (c->rules.n == 0)
		return;
	if (file_mkdirs(c->spool_dir, 0700, &err) != RC_OK)
		log_say(LEVEL_ERROR, "large messages cannot be sealed: %s", err.text);
	else if (access(c->spool_dir, W_OK | X_OK) != 0)
		log_say(LEVEL_ERROR, "large messages cannot be sealed: %s: %s", c->spool_dir,
			strerror(errno));
}
