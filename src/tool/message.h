/* tool/message.h - what the verbs of the noun message share. */
#ifndef TOOL_MESSAGE_H
#define TOOL_MESSAGE_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "tool/tool.h"

/* Larger than any mail server takes; a bound all the same. */
enum { MESSAGE_FILE_MAX = 256 << 20 };

/* RAW (initialized here, cleared by the caller even on failure) gets the file, "-" standard input. */
MUST_CHECK enum rc message_read(const char *path, struct buf *raw, struct err *err);

/* run() of "message encrypt" and "message decrypt" (encrypt.c). */
enum rc message_encrypt(struct tool *t, struct err *err);
enum rc message_decrypt(struct tool *t, struct err *err);

/* run() of "message verify" (verify.c). */
enum rc message_verify(struct tool *t, struct err *err);

#endif
