/* directory/directory.h - where selectors and the certificates of accounts live.
 *
 * An interface; directory/sqlite.c is behind it now, PostgreSQL and LDAP can follow. Readers take the whole
 * content as one immutable list; only the tool writes. A directory is used by one thread at a time.
 */
#ifndef DIRECTORY_DIRECTORY_H
#define DIRECTORY_DIRECTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/span.h"
#include "crypto/cert.h"
#include "crypto/digest.h"
#include "dkim/alg.h"

/* standby (made) -> published (the right record was seen) -> active (signs) -> retiring (its record stays; signs
 * until its successor's not_before) -> removed. Revoked: its record says so by an empty p=. "Removed" is no state:
 * the row is gone, its name stays reserved for ever. */
enum sel_state { SEL_STANDBY, SEL_PUBLISHED, SEL_ACTIVE, SEL_RETIRING, SEL_REVOKED };

const char *sel_state_name(enum sel_state s);
bool sel_state_read(const char *s, enum sel_state *ret);

struct selector {
	const char *domain; /* A-labels */
	const char *name;   /* without ._domainkey */
	enum dkim_alg alg;
	enum sel_state state;
	char fingerprint[SHA256_HEX_SIZE]; /* names the key file */
	const char *public_base64;	   /* p= */
	unsigned bits;
	int64_t created;
	int64_t not_before; /* signs from here on; 0: never activated */
	int64_t seen_since; /* record first seen; 0: not yet */
	int64_t retired;    /* when it became retiring; 0 */
	int64_t revision;   /* guards every change */
};

/* All selectors, sorted by domain (bytewise), then alg, then name. Immutable. */
struct selector_list {
	struct selector *at;
	size_t n;
	int64_t generation; /* of the catalogue when it was read */
	struct arena *arena;
};
void selector_list_free(struct selector_list *l);
/* The run of DOMAIN's selectors: *RET_N of them from the returned one; NULL and 0 when none. */
const struct selector *selector_list_domain(const struct selector_list *l, const char *domain,
					    size_t *ret_n);
const struct selector *selector_list_find(const struct selector_list *l, const char *domain,
					  const char *name);

/* Among ACTIVE and RETIRING of ALG, the one with the greatest not_before <= NOW; ties by
 * greater created, then by greater name. NULL when none, or when none is ACTIVE: a retiring one only signs until its
 * successor does, and without a successor not at all (it was retired by hand, or its successor was revoked). Where all
 * are of a later time than NOW the clock went back: the earliest, whose record has been seen nevertheless. Pure. */
const struct selector *selector_for_signing(const struct selector *s, size_t n, enum dkim_alg alg,
					    int64_t now);

/* One certificate of an account. An account may have several. */
struct user_cert {
	const char
		*account; /* local@domain: A-labels in lower case, the local part as it was given */
	char fingerprint[SHA256_HEX_SIZE]; /* of DER */
	struct span der;
	const struct span *chain; /* what came along, DER each */
	size_t n_chain;
	bool pinned;	     /* good by itself, without a path to a trusted certificate */
	enum cert_kind kind; /* CERT_RSA or CERT_EC */
	unsigned bits;
	int64_t not_before, not_after, added;
};

/* All of them, sorted by account (without ASCII case), RSA before EC, the newest not_before first, then fingerprint.
 * Immutable. */
struct user_cert_list {
	struct user_cert *at;
	size_t n;
	int64_t generation; /* of the catalogue when it was read */
	struct arena *arena;
};
void user_cert_list_free(struct user_cert_list *l);
/* For qsort(): that order. */
int user_cert_compare(const void *a, const void *b);
/* The run of ACCOUNT's certificates (found without regard to ASCII case): *RET_N of them from the returned one; NULL
 * and 0 when none. Logarithmic. */
const struct user_cert *user_cert_list_account(const struct user_cert_list *l, const char *account,
					       size_t *ret_n);

struct user_cert_choice {
	const struct user_cert *cert;
	bool expired;
};
/* Which one of RUN (N certificates of one account, in the order of the list) a message is sealed with: the newest
 * valid one, RSA before EC; else, in the same order, one that expired at most GRACE seconds ago (0: never). One that is
 * not yet valid is never taken. False: none; *RET is untouched then. Pure. */
bool user_cert_for_sealing(const struct user_cert *run, size_t n, int64_t now, int64_t grace,
			   struct user_cert_choice *ret);

struct directory;

/* COPY is the caller's, and gone after the call. */
typedef enum rc directory_take(void *ctx, struct span copy, struct err *err);

struct directory_ops {
	/* Differs whenever the content does. Cheap: made to be polled on an open handle, which also notices that
	 * another file was put in the place of the one it has open (a restore). */
	enum rc (*generation)(struct directory *d, int64_t *ret, struct err *err);
	enum rc (*load)(struct directory *d, struct selector_list **ret, struct err *err);
	/* Empty where the catalogue is of an older schema, which has none. */
	enum rc (*users_load)(struct directory *d, struct user_cert_list **ret, struct err *err);
	/* Both, of one moment: their generations are the same. */
	enum rc (*load_all)(struct directory *d, struct selector_list **ret_selectors,
			    struct user_cert_list **ret_users, struct err *err);
	/* RC_EXISTS: the name was used before (also by a selector since removed); RC_REFUSED: the key was revoked. The
	 * revision becomes 1. */
	enum rc (*selector_add)(struct directory *d, const struct selector *s, struct err *err);
	/* One transaction: the domain's old active one of the same algorithm becomes retiring, this one active with
	 * NOT_BEFORE (> 0); any other that would begin at NOT_BEFORE or later is set to begin before it, so that
	 * from NOT_BEFORE on this one signs. RC_AGAIN: revision moved on; RC_NOTFOUND; RC_REFUSED: the key was
	 * revoked, with this selector or another. */
	enum rc (*selector_activate)(struct directory *d, const struct selector *s,
				     int64_t not_before, int64_t now, struct err *err);
	/* RC_AGAIN: s->revision is not the current one; RC_NOTFOUND; RC_INPUT for SEL_ACTIVE. PUBLISHED sets
	 * seen_since to NOW, STANDBY to 0; RETIRING sets retired. */
	enum rc (*selector_set_state)(struct directory *d, const struct selector *s,
				      enum sel_state state, int64_t now, struct err *err);
	enum rc (*selector_remove)(struct directory *d, const struct selector *s, struct err *err);
	/* Was this name ever used for the domain? */
	enum rc (*selector_name_used)(struct directory *d, const char *domain, const char *name,
				      bool *ret, struct err *err);
	/* Was a selector with this key ever revoked, also one that was removed since? */
	enum rc (*key_revoked)(struct directory *d, const char *fingerprint, bool *ret,
			       struct err *err);
	/* RC_EXISTS: the account has that certificate already; RC_INPUT: not complete, or an account or a chain
	 * that is none (at most USER_CHAIN_MAX certificates of USER_DER_MAX bytes). */
	enum rc (*user_cert_add)(struct directory *d, const struct user_cert *c, struct err *err);
	/* RC_NOTFOUND */
	enum rc (*user_cert_remove)(struct directory *d, const char *account,
				    const char *fingerprint, struct err *err);
	/* A copy of everything, of one moment, is made in memory, whatever a writer is about; TAKE gets it once. */
	enum rc (*backup)(struct directory *d, directory_take *take, void *ctx, struct err *err);
	/* In one transaction everything becomes what COPY holds (made by backup(), of this or an older schema, known
	 * good by directory_open_copy()), but for what must never be forgotten: names that were used here stay
	 * reserved, keys that were revoked here come back revoked. The generation moves on. */
	enum rc (*restore)(struct directory *d, struct span copy, struct err *err);
	/* Integrity: RC_CONF with the reason. */
	enum rc (*check)(struct directory *d, struct err *err);
	void (*close)(struct directory *d);
};

struct directory {
	const struct directory_ops *ops;
};

enum { USER_CHAIN_MAX = 32, USER_DER_MAX = 65536 };

enum directory_mode { DIRECTORY_READ, DIRECTORY_WRITE, DIRECTORY_CREATE };

/* STATE_DIR/catalogue.db. READ changes nothing and needs no -wal to exist; it may have to make the -shm file that
 * readers and writers share, so STATE_DIR must be writable for it too (RC_PERM says so). RC_NOTFOUND: no catalogue
 * yet; RC_CONF: corrupt, empty, or of a newer schema (the text says which; an older one is read as it is); RC_UNAVAIL: locked past the busy timeout
 * (READ 1 s, else 5 s); RC_PERM. CREATE makes STATE_DIR and its file; WRITE and CREATE bring an older schema up. */
MUST_CHECK enum rc directory_open(const char *state_dir, enum directory_mode mode,
				  struct directory **ret, struct err *err);
/* What backup() has made, for reading. Nobody needs to trust it: it is checked as a whole first, and the work is bounded
 * by its size. COPY must stay as it is until directory_close(); NAME begins every text. RC_INPUT: damaged, no
 * catalogue, or of a newer schema; RC_LIMIT. */
MUST_CHECK enum rc directory_open_copy(struct span copy, const char *name, struct directory **ret,
				       struct err *err);
struct directory *directory_close(struct directory *d);

#endif
