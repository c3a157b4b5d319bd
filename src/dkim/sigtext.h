/* dkim/sigtext.h - the text of a DKIM-Signature field, up to the b= that is still empty. Pure. */
#ifndef DKIM_SIGTEXT_H
#define DKIM_SIGTEXT_H

#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/vec.h"
#include "dkim/fold.h"
#include "dkim/sign.h"

/* NAMES (struct span): h=, not empty. FIELDS (const struct field *): for z=. */
MUST_CHECK enum rc sigtext_write(struct fold *fold, const struct dkim_job *job,
				 const struct vec *names, const struct vec *fields, int64_t now,
				 struct err *err);

#endif
