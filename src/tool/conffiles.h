/* tool/conffiles.h - every file of the configuration, as it goes into an archive. */
#ifndef TOOL_CONFFILES_H
#define TOOL_CONFFILES_H

#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/vec.h"
#include "conf/conf.h"

#define CONFFILES_OUTSIDE "outside"

struct conffile {
	char *path; /* absolute, without "." and ".." */
	/* Below the directory of the main file; a file that lies elsewhere is CONFFILES_OUTSIDE and its path. */
	char *name;
	unsigned mode;
	int64_t time; /* of the last change */
	struct buf content;
};

/* Read all that CONF was read from, as whoever runs this: *RET becomes a vec of struct conffile, sorted by name, each once,
 * to be cleared by conffiles_clear(); *RET_MAIN (in it) is the main one. Fails with the path in
 * the text where one cannot be read any more. */
MUST_CHECK enum rc conffiles_read(const struct conf *conf, struct vec *ret,
				  const struct conffile **ret_main, struct err *err);
void conffiles_clear(struct vec *files);

#endif
