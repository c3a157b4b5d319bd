/* smime/cmsread.h - the outside of an EnvelopedData or AuthEnvelopedData, read while it streams. X.690, RFC 5652 6.1,
 * RFC 5083 2.1.
 *
 * OpenSSL reads a ContentInfo as a whole; a sealed message may be large. This takes the structure apart: what stands
 * before and behind the encrypted content is kept (bounded), the content itself is handed on in pieces. BER and DER,
 * definite and indefinite lengths, strings in one piece or many. It holds no key and decrypts nothing.
 * One thread at a time. */
#ifndef SMIME_CMSREAD_H
#define SMIME_CMSREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

/* Up to SIZE octets into ROOM; *RET_LEN 0 at the end. */
typedef enum rc cms_pull(void *ctx, unsigned char *room, size_t size, size_t *ret_len,
			 struct err *err);

enum { CMS_HEAD_MAX = 1 << 20, CMS_TAIL_MAX = 65536, CMS_NESTED_MAX = 16 };

/* One constructed element that is being read. */
struct cms_level {
	bool indefinite;
	uint64_t end; /* where it ends, in octets from the beginning; nothing when INDEFINITE */
};

struct cmsread {
	cms_pull *pull;
	void *ctx;
	unsigned char in[8192];
	size_t in_at, in_len;
	uint64_t pos;				  /* octets taken so far */
	bool authenticated;			  /* AuthEnvelopedData */
	struct cms_level info, explicit0, data;	  /* ContentInfo, its [0], the structure inside */
	struct cms_level content_info;		  /* EncryptedContentInfo */
	struct cms_level strings[CMS_NESTED_MAX]; /* the strings that the content is in */
	size_t n_strings;
	uint64_t string_left; /* of the primitive string that is being read */
	struct buf oid;	      /* contentType of the ContentInfo, whole */
	struct buf before;    /* version to recipientInfos, whole elements */
	struct buf type;      /* contentType of the content and the cipher, whole elements */
	struct buf algorithm; /* the cipher alone, whole */
	struct buf behind;    /* mac and what surrounds it; empty unless AUTHENTICATED */
	size_t mac_len;	      /* octets of the authentication tag */
};

/* Reads up to the first octet of the content. RC_INPUT: no such structure (the text says where it stops being one), or
 * cut; RC_LIMIT: more than CMS_HEAD_MAX octets before the content. C is cleared by the caller, even on failure. */
MUST_CHECK enum rc cmsread_begin(struct cmsread *c, cms_pull *pull, void *ctx, struct err *err);
/* The next octets of the encrypted content; *RET_LEN 0: all were there. */
MUST_CHECK enum rc cmsread_content(struct cmsread *c, unsigned char *room, size_t size,
				   size_t *ret_len, struct err *err);
/* After the content: the rest, to the end of the ContentInfo. What follows that is not looked at. */
MUST_CHECK enum rc cmsread_end(struct cmsread *c, struct err *err);
/* Appends a ContentInfo that is the one that was read, without its content: for CMS_decrypt() with detached content. */
MUST_CHECK enum rc cmsread_rebuild(const struct cmsread *c, struct buf *out, struct err *err);
void cmsread_clear(struct cmsread *c);

#endif
