/* tests/golden/sealed.h - a sealed body as text that is the same in every run: its structure, and what comes out of it.
 * By OpenSSL's own CMS reader, with the keys of the certificates; of ours is the reader of the cipher's name alone. */
#ifndef GOLDEN_SEALED_H
#define GOLDEN_SEALED_H

#include "base/buf.h"
#include "people.h"

/* BODY as it is sent, appended to OUT. Everybody whom it names opens it, and finds the same. */
void sealed_show(struct span body, const struct people *p, struct buf *out);
/* Any bytes: a bar before each line, what is neither printable ASCII nor a tab as \xHH, line ends CRLF; the last line may
 * have none, which is said. */
void sealed_show_text(struct span text, struct buf *out);

#endif
