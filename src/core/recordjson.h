/* core/recordjson.h - a message's record as one JSON object on one line; the keys are in core/record.h. */
#ifndef CORE_RECORDJSON_H
#define CORE_RECORDJSON_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "core/record.h"

MUST_CHECK enum rc record_show_json(const struct record *r, struct buf *out, struct err *err);

#endif
