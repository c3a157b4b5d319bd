/* conf/aliasread.h - aliases = ( ... ) and the files of alias_maps. Private to src/conf. */
#ifndef CONF_ALIASREAD_H
#define CONF_ALIASREAD_H

#include "base/vec.h"
#include "conf/conf.h"
#include "conf/value.h"

enum { ALIAS_FILE_MAX = 64 << 20 };

/* "postmaster@example.com", "jim@example.com, john@example.com", as written. */
struct alias_draft {
	const char *name, *targets;
	const char *file;
	unsigned line;
};

#define ALIAS_DEFAULT_MAP "/etc/mailseal/aliases"

/* When all domains are known: DRAFTS (of struct alias_draft) and the files of C->alias_maps into C->aliases. A map that
 * is not there is an error, unless it is the default one. */
void aliases_finish(struct value_reader *r, const struct vec *drafts, struct conf *c);

#endif
