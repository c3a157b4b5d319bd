/* tool/leftover.h - what the catalogue has and nothing refers to. */
#ifndef TOOL_LEFTOVER_H
#define TOOL_LEFTOVER_H

#include "base/attr.h"
#include "base/err.h"
#include "base/vec.h"
#include "conf/conf.h"
#include "directory/directory.h"

/* The domains with selectors in LIST for which no domain of CONF signs, each once, in the list's order. RET is made a vec
 * of const char *, to be cleared by the caller (also after an error); the names are the list's. */
MUST_CHECK enum rc leftover_domains(const struct conf *conf, const struct selector_list *list,
				    struct vec *ret, struct err *err);
/* Those of the sorted FILES (as keystore_list() gives them) that are the key of no selector in LIST. As above; the names
 * are those of FILES. */
MUST_CHECK enum rc leftover_keys(const struct vec *files, const struct selector_list *list,
				 struct vec *ret, struct err *err);

#endif
