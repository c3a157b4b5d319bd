/* bench-bare: the least that a signing filter can do, as a yardstick: libmilter, everything received, one RSA
 * signature over the body's SHA-256, one header field added ("X-Bare: BASE64").
 *
 * usage: bench-bare SOCKET KEY.pem
 * On inet sockets TCP_NODELAY is set and no reply is suppressed; on unix sockets those are that may be:
 * what a filter that was thought about would do.
 */
#include <arpa/inet.h>
#include <libmilter/mfapi.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define NO_REPLIES                                                                                 \
	(SMFIP_NR_CONN | SMFIP_NR_HELO | SMFIP_NR_MAIL | SMFIP_NR_DATA | SMFIP_NR_HDR |            \
	 SMFIP_NR_BODY)

static EVP_PKEY *key;
static EVP_MD *sha256;
static int on_inet;

static sfsistat on_negotiate(SMFICTX *ctx, unsigned long f0, unsigned long f1, unsigned long f2,
			     unsigned long f3, unsigned long *pf0, unsigned long *pf1,
			     unsigned long *pf2, unsigned long *pf3)
{
	(void)ctx, (void)f0, (void)f2, (void)f3;
	*pf0 = SMFIF_ADDHDRS;
	*pf1 = SMFIP_HDR_LEADSPC | (on_inet ? 0 : f1 & NO_REPLIES);
	*pf2 = *pf3 = 0;
	return SMFIS_CONTINUE;
}

static sfsistat on_mail(SMFICTX *ctx, char **argv)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();

	(void)argv;
	if (md == NULL || EVP_DigestInit_ex2(md, sha256, NULL) != 1)
		return SMFIS_TEMPFAIL;
	smfi_setpriv(ctx, md);
	return SMFIS_CONTINUE;
}

static sfsistat on_rcpt(SMFICTX *ctx, char **argv)
{
	(void)ctx, (void)argv;
	return SMFIS_CONTINUE;
}

static sfsistat on_header(SMFICTX *ctx, char *name, char *value)
{
	(void)ctx, (void)name, (void)value;
	return SMFIS_CONTINUE;
}

static sfsistat on_eoh(SMFICTX *ctx)
{
	(void)ctx;
	return SMFIS_CONTINUE;
}

static sfsistat on_body(SMFICTX *ctx, unsigned char *body, size_t len)
{
	return EVP_DigestUpdate(smfi_getpriv(ctx), body, len) == 1 ? SMFIS_CONTINUE
								   : SMFIS_TEMPFAIL;
}

static sfsistat on_abort(SMFICTX *ctx)
{
	EVP_MD_CTX_free(smfi_getpriv(ctx));
	smfi_setpriv(ctx, NULL);
	return SMFIS_CONTINUE;
}

static sfsistat on_eom(SMFICTX *ctx)
{
	unsigned char digest[EVP_MAX_MD_SIZE], signature[1024];
	char value[1500] = " ";
	unsigned digest_len = 0;
	size_t len = sizeof(signature);
	EVP_PKEY_CTX *signer = EVP_PKEY_CTX_new(key, NULL);
	sfsistat status = SMFIS_TEMPFAIL;

	if (signer != NULL && EVP_DigestFinal_ex(smfi_getpriv(ctx), digest, &digest_len) == 1 &&
	    EVP_PKEY_sign_init(signer) == 1 && EVP_PKEY_CTX_set_signature_md(signer, sha256) == 1 &&
	    EVP_PKEY_sign(signer, signature, &len, digest, digest_len) == 1) {
		EVP_EncodeBlock((unsigned char *)value + 1, signature, (int)len);
		if (smfi_insheader(ctx, 0, "X-Bare", value) == MI_SUCCESS)
			status = SMFIS_ACCEPT;
	}
	EVP_PKEY_CTX_free(signer);
	on_abort(ctx);
	return status;
}

static sfsistat on_close(SMFICTX *ctx)
{
	return on_abort(ctx);
}

static EVP_PKEY *read_key(const char *path)
{
	FILE *f = fopen(path, "r");
	EVP_PKEY *k = f != NULL ? PEM_read_PrivateKey(f, NULL, NULL, NULL) : NULL;

	if (f != NULL)
		fclose(f);
	return k;
}

/* libmilter leaves Nagle's algorithm on; what is set on the listening socket is inherited. */
static void set_nodelay(void)
{
	for (int fd = 3; fd < 64; fd++) {
		int listens = 0, on = 1;
		socklen_t size = sizeof(listens);

		if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens)
			setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	}
}

int main(int argc, char **argv)
{
	struct smfiDesc filter = {
		.xxfi_name = "bare",
		.xxfi_version = SMFI_VERSION,
		.xxfi_flags = SMFIF_ADDHDRS,
		.xxfi_negotiate = on_negotiate,
		.xxfi_envfrom = on_mail,
		.xxfi_envrcpt = on_rcpt,
		.xxfi_header = on_header,
		.xxfi_eoh = on_eoh,
		.xxfi_body = on_body,
		.xxfi_eom = on_eom,
		.xxfi_abort = on_abort,
		.xxfi_close = on_close,
	};

	if (argc != 3) {
		fprintf(stderr, "usage: bench-bare SOCKET KEY.pem\n");
		return 2;
	}
	on_inet = strncmp(argv[1], "inet", 4) == 0;
	key = read_key(argv[2]);
	sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	if (key == NULL || sha256 == NULL) {
		fprintf(stderr, "bench-bare: cannot read %s\n", argv[2]);
		return 1;
	}
	if (smfi_setconn(argv[1]) != MI_SUCCESS || smfi_register(filter) != MI_SUCCESS ||
	    smfi_opensocket(1) != MI_SUCCESS) {
		fprintf(stderr, "bench-bare: cannot listen on %s\n", argv[1]);
		return 1;
	}
	if (on_inet)
		set_nodelay();
	return smfi_main() == MI_SUCCESS ? 0 : 1;
}
