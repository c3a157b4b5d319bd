/* Digests, base64, keys: what comes in wrong is refused with its reason, and what is shared between
 * threads stays right. */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/base64.h"
#include "crypto/digest.h"
#include "crypto/key.h"
#include "crypto/ossl.h"
#include "test.h"
#include "vectors.h"

#define RSA_512                                                                                    \
	"-----BEGIN PRIVATE KEY-----\n"                                                            \
	"MIIBUwIBADANBgkqhkiG9w0BAQEFAASCAT0wggE5AgEAAkEAvVmyFSBgSwM7IMcJ\n"                       \
	"wyguB/3c9JsvjgdG46CPI70xRFSJWyRVXEozsnPLhga8WsQlA5F6WdhLG6DFkkEK\n"                       \
	"49x6bQIDAQABAkAcPfeo3QZfyeCU1/slx6Vt/bhqJ4dlSMKTCwyuiPaDOVL4pAbN\n"                       \
	"HsBlSi5McThlMxZ/3XsvZC3WTzZDkoKwRVpBAiEA45QHUsIqmdxlvR1tOLE1cgMa\n"                       \
	"ilo7UatVqu5dvyTrbJ0CIQDU/3kAX0L+y27jhTy0LhauhlGDAIvkmvsHSr7cG1YU\n"                       \
	"EQIgXcyxiAbHkEsrE9uBHRDNOoTU95lhQbQgxycgNJx+/HECIG9EtjVXjmwEYf1B\n"                       \
	"USDfIsIxMMu6sVnPDGwWw/W/4gvBAiBg6FTnoAcIvNFxHsi/xWyzlVRHKH+gcUeX\n"                       \
	"lj0ca7Kt4g==\n"                                                                           \
	"-----END PRIVATE KEY-----\n"
#define EC_KEY                                                                                     \
	"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"           \
	"-----BEGIN EC PRIVATE KEY-----\n"                                                         \
	"MHcCAQEEIIIK8z13Ex7zDD0foLal8IrgLG9/kVoSMjqOvH1BoBdEoAoGCCqGSM49\n"                       \
	"AwEHoUQDQgAEt1zkiH7uWuziNUFo3KdC0QLWVAAM1B8US0HMoCeQgN2irdpetgz3\n"                       \
	"cHqSJ6BepuEydAB/AS3dYr+l/5ToxoNg3w==\n"                                                   \
	"-----END EC PRIVATE KEY-----\n"
#define DSA_KEY                                                                                    \
	"-----BEGIN PRIVATE KEY-----\n"                                                            \
	"MIIBWgIBADCCATMGByqGSM44BAEwggEmAoGBAMK6CuV/g+9b2YK7RffeO6DQe+z5\n"                       \
	"U9OMCT7ro8D+93tA96Eu0FGALpGJU5WW4vWya99g/mKoMNH84bV0A9LXPMaxlE8W\n"                       \
	"U0m6+C7VljBQYVI4TLvHF0AtnX4m4v+mrtMBt9j+lmJBvNagQU4u2lXR3lKsX9k8\n"                       \
	"55TnNZAHIzoPibVVAh0An9LfqT7gfd6orI/Xdkkgqak8cSe0byILtj092QKBgBi9\n"                       \
	"0CMMVzQc0KvUkNFZWbXAvY4HeLJ03DLzdui+rRJSGqFb18vdeVTchNd8AZTmR7v7\n"                       \
	"ONyAPuR0z0NFHspB+8BO+3YdgXP/0Kd1GG/HZvRxF3AMQgCZ6glAwPRXf5fvlKXH\n"                       \
	"mugaMwEAdgi/ol+6EIeWUxIP204psP/dqRrfue4lBB4CHCQUpit3wzhgJttAkBW5\n"                       \
	"E720OJdWAV/lD6lP0+U=\n"                                                                   \
	"-----END PRIVATE KEY-----\n"
/* Passphrase "secret". */
#define ENCRYPTED_ED25519                                                                          \
	"-----BEGIN ENCRYPTED PRIVATE KEY-----\n"                                                  \
	"MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAjdQG2V+DGYJwICCAAw\n"                       \
	"DAYIKoZIhvcNAgkFADAdBglghkgBZQMEAQIEEOHO/Y7eL4aqmDlGMBZA0pgEQC3r\n"                       \
	"s82K701XaBL31ZmZkUdvXf+eXc5QnPv16MYL+3slNOAy5KgSPGsBtbmVTx05nIA1\n"                       \
	"/b/VHv1XyWbifS8Q7ag=\n"                                                                   \
	"-----END ENCRYPTED PRIVATE KEY-----\n"
#define ENCRYPTED_OLD                                                                              \
	"-----BEGIN RSA PRIVATE KEY-----\n"                                                        \
	"Proc-Type: 4,ENCRYPTED\n"                                                                 \
	"DEK-Info: AES-128-CBC,62452FB768F4EEF63A4148CF6A9AF2FE\n"                                 \
	"\n"                                                                                       \
	"NliQweIQ1ybCFE2IVN+InsPN8p4SSVWnMGHUwWHBftzEN0lPQlqJo4BJRLBuV2vI\n"                       \
	"-----END RSA PRIVATE KEY-----\n"
#define PUBLIC_PEM "-----BEGIN PUBLIC KEY-----\n" RFC8463_RSA_PUBLIC "\n-----END PUBLIC KEY-----\n"

static struct key *read_pem(const char *pem)
{
	struct err err = ERR_INIT;
	struct key *k = NULL;

	ASSERT_OK(key_read_pem(span_str(pem), NULL, &k, &err), &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(k);
	return k;
}

/* The p= that BASE64 stands for, as a key. */
static enum rc read_public(enum key_type type, const char *base64, struct key **ret,
			   struct err *err)
{
	struct buf der;
	enum rc rc;

	buf_init(&der, 10000);
	ASSERT_OK(base64_decode(span_str(base64), &der, err), err);
	rc = key_read_public(type, buf_span(&der), ret, err);
	buf_clear(&der);
	return rc;
}

static void test_digest(void)
{
	static const struct row {
		const char *label;
		const char *text;
		const char *hex;
	} rows[] = {
		/* FIPS 180-4, as NIST's examples give them */
		{"nothing", "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
		{"abc", "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
		{"two blocks", "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		 "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
	};
	struct err err = ERR_INIT;
	uint8_t digest[SHA256_LEN];
	char hex[SHA256_HEX_SIZE];

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct span text = span_str(rows[i].text);
		struct sha256 *d = NULL;
		struct sha256 *copy = NULL;

		ROW(rows[i].label);
		ASSERT_OK(sha256_of(text, digest, &err), &err);
		sha256_hex(digest, hex);
		ASSERT_STR(hex, rows[i].hex);
		ASSERT_OK(sha256_new(&d, &err), &err);
		ASSERT_OK(sha256_update(d, span_sub(text, 0, 1), &err), &err);
		ASSERT_OK(sha256_copy(d, &copy, &err), &err);
		ASSERT_OK(sha256_update(d, SPAN_LIT("another end"), &err), &err);
		ASSERT_OK(sha256_update(copy, span_from(text, 1), &err), &err);
		ASSERT_OK(sha256_finish(copy, digest, &err), &err);
		sha256_hex(digest, hex);
		ASSERT_STR(hex, rows[i].hex);
		CU_ASSERT_PTR_NULL(sha256_free(copy));
		CU_ASSERT_PTR_NULL(sha256_free(d));
	}
	ROW("");
	CU_ASSERT_PTR_NULL(sha256_free(NULL));
}

static void test_base64(void)
{
	static const struct row {
		struct span bytes;
		const char *text;
	} rows[] = {
		/* RFC 4648 10 */
		{SPAN_LIT(""), ""},
		{SPAN_LIT("f"), "Zg=="},
		{SPAN_LIT("fo"), "Zm8="},
		{SPAN_LIT("foo"), "Zm9v"},
		{SPAN_LIT("foob"), "Zm9vYg=="},
		{SPAN_LIT("fooba"), "Zm9vYmE="},
		{SPAN_LIT("foobar"), "Zm9vYmFy"},
		{SPAN_LIT("\0\xff\xfe"), "AP/+"},
	};
	struct err err = ERR_INIT;
	struct buf b;

	buf_init(&b, 100);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		ROW(rows[i].text);
		b.len = 0;
		ASSERT_OK(base64_encode(rows[i].bytes, &b, &err), &err);
		ASSERT_SPAN(buf_span(&b), span_str(rows[i].text));
		b.len = 0;
		ASSERT_OK(base64_decode(span_str(rows[i].text), &b, &err), &err);
		ASSERT_SPAN(buf_span(&b), rows[i].bytes);
	}
	ROW("folded");
	b.len = 0;
	ASSERT_OK(base64_decode(SPAN_LIT(" Z\r\n\tm 9v\n Yg =\t= "), &b, &err), &err);
	ASSERT_SPAN(buf_span(&b), SPAN_LIT("foob"));
	ROW("appended");
	ASSERT_OK(base64_encode(SPAN_LIT("f"), &b, &err), &err);
	ASSERT_SPAN(buf_span(&b), SPAN_LIT("foobZg=="));
	buf_clear(&b);
}

static void test_base64_refuses(void)
{
	static const struct row {
		const char *label;
		struct span text;
		const char *words;
	} rows[] = {
		{"cut", SPAN_LIT("Zm9"), "3 characters left over"},
		{"one character", SPAN_LIT("Z"), "1 characters left over"},
		{"no padding", SPAN_LIT("Zg"), "left over"},
		{"bits left over", SPAN_LIT("Zh=="), "no base64"},
		{"bits left over, two", SPAN_LIT("Zm9="), "no base64"},
		{"three pads", SPAN_LIT("Z==="), "no base64"},
		{"four pads", SPAN_LIT("===="), "no base64"},
		{"pad in the middle", SPAN_LIT("Z=g="), "no base64"},
		{"more behind padding", SPAN_LIT("Zg==Zg=="), "character 8"},
		{"url alphabet", SPAN_LIT("AP_-"), "no base64"},
		{"minus", SPAN_LIT("Zm9v-m9v"), "no base64"},
		{"NUL", SPAN_LIT("Zm\0v"), "no base64"},
		{"8 bit", SPAN_LIT("Zm9\xc3"), "no base64"},
		{"vertical tab", SPAN_LIT("Zm9\v"), "no base64"},
	};
	struct err err = ERR_INIT;
	struct buf b;

	buf_init(&b, 100);
	ASSERT_OK(buf_adds(&b, "kept", &err), &err);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		ROW(rows[i].label);
		ASSERT_FAILS(base64_decode(rows[i].text, &b, &err), RC_INPUT, &err, rows[i].words);
		ASSERT_SPAN(buf_span(&b), SPAN_LIT("kept"));
	}
	ROW("maximum");
	buf_clear(&b);
	buf_init(&b, 5);
	ASSERT_FAILS(base64_decode(SPAN_LIT("Zm9vYmFy"), &b, &err), RC_LIMIT, &err, "");
	CU_ASSERT_EQUAL(b.len, 0);
	ASSERT_FAILS(base64_encode(SPAN_LIT("foob"), &b, &err), RC_LIMIT, &err, "");
	buf_clear(&b);
}

static void test_err_openssl(void)
{
	struct err err = ERR_INIT;

	ERR_clear_error();
	CU_ASSERT_EQUAL(err_openssl(&err, RC_INPUT, "key %d", 7), RC_INPUT);
	ASSERT_STR(err.text, "key 7");
	ERR_raise(ERR_LIB_USER, ERR_R_MALLOC_FAILURE);
	ERR_raise(ERR_LIB_USER, ERR_R_PASSED_NULL_PARAMETER);
	CU_ASSERT_EQUAL(err_openssl(&err, RC_INPUT, "key"), RC_NOMEM);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "key: "));
	CU_ASSERT_EQUAL(ERR_peek_error(), 0);
	ERR_raise(ERR_LIB_USER, ERR_R_PASSED_NULL_PARAMETER);
	CU_ASSERT_EQUAL(err_openssl(NULL, RC_CRYPTO, "nobody listens"), RC_CRYPTO);
	CU_ASSERT_EQUAL(ERR_peek_error(), 0);
}

static void test_key_reads_pem(void)
{
	static const struct row {
		const char *label;
		const char *pem;
		enum key_type type;
		unsigned bits;
		const char *public;
	} rows[] = {
		{"PKCS#1", RFC8463_RSA_PEM, KEY_RSA, 1024, RFC8463_RSA_PUBLIC},
		{"the other", RFC6376_RSA_PEM, KEY_RSA, 1024, RFC6376_RSA_PUBLIC},
		{"Ed25519", RFC8463_ED25519_PEM, KEY_ED25519, 256, RFC8463_ED25519_PUBLIC},
		{"text before and after", "Private-Key: (256 bit)\n" RFC8463_ED25519_PEM "bye\n",
		 KEY_ED25519, 256, RFC8463_ED25519_PUBLIC},
		{"public block before", PUBLIC_PEM RFC8463_ED25519_PEM, KEY_ED25519, 256,
		 RFC8463_ED25519_PUBLIC},
		{"no final line end",
		 "-----BEGIN PRIVATE KEY-----\r\n"
		 "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\r\n"
		 "-----END PRIVATE KEY-----",
		 KEY_ED25519, 256, RFC8463_ED25519_PUBLIC},
	};
	struct err err = ERR_INIT;

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct key *k, *public = NULL;
		struct buf b;

		ROW(rows[i].label);
		buf_init(&b, 10000);
		k = read_pem(rows[i].pem);
		CU_ASSERT_EQUAL(key_type(k), rows[i].type);
		CU_ASSERT_EQUAL(key_bits(k), rows[i].bits);
		CU_ASSERT_TRUE(key_has_private(k));
		ASSERT_OK(key_public_base64(k, &b, &err), &err);
		ASSERT_SPAN(buf_span(&b), span_str(rows[i].public));
		ASSERT_OK(read_public(rows[i].type, rows[i].public, &public, &err), &err);
		ASSERT_STR(key_fingerprint(public), key_fingerprint(k));
		CU_ASSERT_FALSE(key_has_private(public));
		buf_clear(&b);
		key_unref(public);
		key_unref(k);
	}
	ROW("");
}

static void test_key_refuses_pem(void)
{
	static const struct row {
		const char *label;
		struct span pem;
		const char *words;
	} rows[] = {
		{"nothing", SPAN_LIT(""), "BEGIN PRIVATE KEY"},
		{"no PEM", SPAN_LIT("hello\n"), "no PEM block"},
		{"512 bits", SPAN_LIT(RSA_512), "512 bits: RFC 8301 forbids"},
		{"EC", SPAN_LIT(EC_KEY), "type EC"},
		{"DSA", SPAN_LIT(DSA_KEY), "type DSA"},
		{"public only", SPAN_LIT(PUBLIC_PEM), "\"PUBLIC KEY\""},
		{"encrypted PKCS#8", SPAN_LIT(ENCRYPTED_ED25519), "encrypted with a passphrase"},
		{"encrypted PKCS#1", SPAN_LIT(ENCRYPTED_OLD), "encrypted with a passphrase"},
		{"no END line",
		 SPAN_LIT("-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v\n"), "cut"},
		{"BEGIN only", SPAN_LIT("-----BEGIN "), "no private key"},
		{"a line is missing",
		 SPAN_LIT("-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/Vpg\n"
			  "-----END PRIVATE KEY-----\n"),
		 "no readable key"},
		{"NUL in it",
		 SPAN_LIT("-----BEGIN PRIVATE KEY-----\nMC4CAQ\0wBQYDK2VwBCIEIJ1hsZ3v/Vpg\n"
			  "-----END PRIVATE KEY-----\n"),
		 "no readable key"},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct err err = ERR_INIT;
		struct key *k = NULL;

		ROW(rows[i].label);
		ASSERT_FAILS(key_read_pem(rows[i].pem, NULL, &k, &err), RC_INPUT, &err,
			     rows[i].words);
		CU_ASSERT_PTR_NULL(k);
		/* No text may quote the key. */
		CU_ASSERT_PTR_NULL(strstr(err.text, "MC4C"));
		CU_ASSERT_PTR_NULL(strstr(err.text, "MIIB"));
	}
	ROW("");
}

static void test_key_opens_with_passphrase(void)
{
	struct err err = ERR_INIT;
	struct key *k = NULL;

	ASSERT_FAILS(key_read_pem(SPAN_LIT(ENCRYPTED_ED25519), "wrong", &k, &err), RC_INPUT, &err,
		     "no readable key");
	CU_ASSERT_PTR_NULL(k);
	ASSERT_OK(key_read_pem(SPAN_LIT(ENCRYPTED_ED25519), "secret", &k, &err), &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(k);
	CU_ASSERT_EQUAL(key_type(k), KEY_ED25519);
	key_unref(k);
}

/* The modulus of another key in between the private numbers: one bit is enough. */
static void test_key_refuses_a_pair_that_does_not_fit(void)
{
	enum { MODULUS_AT = 11 };
	struct err err = ERR_INIT;
	struct key *k = NULL;
	struct span pem = SPAN_LIT(RFC8463_RSA_PEM);
	size_t begin = span_find(pem, '\n', 0) + 1;
	size_t end = span_search(pem, SPAN_LIT("-----END"), 0, false);
	struct buf der, text;

	buf_init(&der, 1000);
	buf_init(&text, 2000);
	ASSERT_OK(base64_decode(span_sub(pem, begin, end - begin), &der, &err), &err);
	der.p[MODULUS_AT + 60] ^= 1;
	ASSERT_OK(buf_add(&text, span_sub(pem, 0, begin), &err), &err);
	for (size_t i = 0; i < der.len; i += 48) {
		ASSERT_OK(base64_encode(span_sub(buf_span(&der), i, 48), &text, &err), &err);
		ASSERT_OK(buf_addc(&text, '\n', &err), &err);
	}
	ASSERT_OK(buf_add(&text, span_from(pem, end), &err), &err);
	ASSERT_FAILS(key_read_pem(buf_span(&text), NULL, &k, &err), RC_INPUT, &err,
		     "do not belong together");
	CU_ASSERT_PTR_NULL(k);
	buf_clear(&der);
	buf_clear(&text);
}

static void test_public_key_encodings(void)
{
	struct err err = ERR_INIT;
	struct key *k = NULL, *other = NULL;
	struct buf der;

	buf_init(&der, 1000);
	ASSERT_OK(base64_decode(SPAN_LIT(RFC8463_RSA_PUBLIC), &der, &err), &err);
	ASSERT_OK(key_read_public(KEY_RSA, buf_span(&der), &k, &err), &err);
	ROW("RSAPublicKey: what the BIT STRING of the other holds");
	ASSERT_OK(key_read_public(KEY_RSA, span_from(buf_span(&der), 22), &other, &err), &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(other);
	ASSERT_STR(key_fingerprint(other), key_fingerprint(k));
	other = key_unref(other);
	ROW("cut");
	ASSERT_FAILS(key_read_public(KEY_RSA, span_sub(buf_span(&der), 0, 80), &other, &err),
		     RC_INPUT, &err, "no readable key");
	ROW("more behind it");
	ASSERT_OK(buf_addc(&der, '\0', &err), &err);
	ASSERT_FAILS(key_read_public(KEY_RSA, buf_span(&der), &other, &err), RC_INPUT, &err,
		     "followed by 1 bytes");
	ROW("empty");
	ASSERT_FAILS(key_read_public(KEY_RSA, SPAN_NONE, &other, &err), RC_INPUT, &err, "");
	ROW("an RSA key as Ed25519");
	ASSERT_FAILS(key_read_public(KEY_ED25519, buf_span(&der), &other, &err), RC_INPUT, &err,
		     "32 bytes");
	ROW("an Ed25519 key as RSA");
	ASSERT_FAILS(read_public(KEY_RSA, RFC8463_ED25519_PUBLIC, &other, &err), RC_INPUT, &err,
		     "no readable key");
	ROW("an Ed25519 SubjectPublicKeyInfo as RSA");
	ASSERT_FAILS(read_public(KEY_RSA,
				 "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
				 &other, &err),
		     RC_INPUT, &err, "");
	ROW("512 bits");
	ASSERT_FAILS(
		read_public(KEY_RSA,
			    "MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAL1ZshUgYEsDOyDHCcMoLgf93PSbL44HRuO"
			    "gjyO9MURUiVskVVxKM7Jzy4YGvFrEJQORelnYSxugxZJBCuPcem0CAwEAAQ==",
			    &other, &err),
		RC_INPUT, &err, "512 bits");
	CU_ASSERT_PTR_NULL(other);
	ROW("");
	key_unref(k);
	buf_clear(&der);
}

static void round_trip(struct key *k)
{
	struct err err = ERR_INIT;
	struct key *again = NULL;
	struct buf pem;

	buf_init(&pem, 100000);
	ASSERT_OK(key_write_pem(k, &pem, &err), &err);
	CU_ASSERT_TRUE(span_starts(buf_span(&pem), SPAN_LIT("-----BEGIN PRIVATE KEY-----\n")));
	ASSERT_OK(key_read_pem(buf_span(&pem), NULL, &again, &err), &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(again);
	ASSERT_STR(key_fingerprint(again), key_fingerprint(k));
	CU_ASSERT_EQUAL(key_bits(again), key_bits(k));
	buf_wipe(&pem);
	key_unref(again);
}

static void test_key_generates_and_writes(void)
{
	struct err err = ERR_INIT;
	struct key *rsa = NULL, *ed = NULL, *none = NULL;

	ASSERT_OK(key_generate(KEY_RSA, 1024, &rsa, &err), &err);
	ASSERT_OK(key_generate(KEY_ED25519, 0, &ed, &err), &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(rsa);
	CU_ASSERT_PTR_NOT_NULL_FATAL(ed);
	CU_ASSERT_EQUAL(key_bits(rsa), 1024);
	CU_ASSERT_EQUAL(key_bits(ed), 256);
	CU_ASSERT_EQUAL(strlen(key_fingerprint(rsa)), 64);
	CU_ASSERT_STRING_NOT_EQUAL(key_fingerprint(rsa), key_fingerprint(ed));
	round_trip(rsa);
	round_trip(ed);
	ASSERT_FAILS(key_generate(KEY_RSA, 1023, &none, &err), RC_INPUT, &err, "1023 bits");
	ASSERT_FAILS(key_generate(KEY_RSA, 16385, &none, &err), RC_INPUT, &err, "16384");
	CU_ASSERT_PTR_NULL(none);
	key_unref(rsa);
	key_unref(ed);
}

static void test_public_key_neither_signs_nor_is_written(void)
{
	struct err err = ERR_INIT;
	struct key *k = NULL;
	struct buf b;

	buf_init(&b, 10000);
	ASSERT_OK(read_public(KEY_ED25519, RFC8463_ED25519_PUBLIC, &k, &err), &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(k);
	ASSERT_FAILS(key_sign(k, (const uint8_t[SHA256_LEN]){0}, &b, &err), RC_INPUT, &err,
		     "cannot sign");
	ASSERT_FAILS(key_write_pem(k, &b, &err), RC_INPUT, &err, "private part");
	CU_ASSERT_EQUAL(b.len, 0);
	key_unref(k);
	buf_clear(&b);
}

static void test_key_signs_and_verifies(void)
{
	static const char *const pems[] = {RFC8463_RSA_PEM, RFC8463_ED25519_PEM};
	uint8_t digest[SHA256_LEN] = {1, 2, 3};
	struct err err = ERR_INIT;

	for (size_t i = 0; i < COUNT_OF(pems); i++) {
		struct key *k = read_pem(pems[i]);
		struct buf sig, again;

		buf_init(&sig, 10000);
		buf_init(&again, 10000);
		ROW(i == 0 ? "RSA" : "Ed25519");
		ASSERT_OK(key_sign(k, digest, &sig, &err), &err);
		ASSERT_OK(key_sign(k, digest, &again, &err), &err);
		ASSERT_SPAN(buf_span(&again), buf_span(&sig));
		ASSERT_OK(key_verify(k, digest, buf_span(&sig), &err), &err);
		digest[0] ^= 1;
		ASSERT_FAILS(key_verify(k, digest, buf_span(&sig), &err), RC_INPUT, &err,
			     "does not fit");
		digest[0] ^= 1;
		sig.p[5] ^= 1;
		ASSERT_FAILS(key_verify(k, digest, buf_span(&sig), &err), RC_INPUT, &err,
			     "does not fit");
		sig.p[5] ^= 1;
		ASSERT_FAILS(key_verify(k, digest, span_from(buf_span(&sig), 1), &err), RC_INPUT,
			     &err, "");
		ASSERT_FAILS(key_verify(k, digest, SPAN_NONE, &err), RC_INPUT, &err, "");
		CU_ASSERT_EQUAL(ERR_peek_error(), 0);
		buf_clear(&sig);
		buf_clear(&again);
		key_unref(k);
	}
	ROW("");
}

enum { THREADS = 8, ROUNDS = 40 };

struct worker {
	struct key *keys[2];
	struct span want[2];
	unsigned bad;
};

/* One key for many threads: takes and drops references, signs, verifies, hashes. */
static void *work(void *arg)
{
	struct worker *w = arg;
	const uint8_t digest[SHA256_LEN] = {42};
	uint8_t empty[SHA256_LEN];
	struct buf sig;

	buf_init(&sig, 10000);
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct key *k = key_ref(w->keys[i % 2]);

		sig.len = 0;
		if (key_sign(k, digest, &sig, NULL) != RC_OK ||
		    !span_eq(buf_span(&sig), w->want[i % 2]) ||
		    key_verify(k, digest, buf_span(&sig), NULL) != RC_OK ||
		    sha256_of(SPAN_NONE, empty, NULL) != RC_OK || empty[0] != 0xe3)
			w->bad++;
		key_unref(k);
	}
	buf_clear(&sig);
	return NULL;
}

static void test_one_key_many_threads(void)
{
	const uint8_t digest[SHA256_LEN] = {42};
	struct worker workers[THREADS];
	pthread_t threads[THREADS];
	struct err err = ERR_INIT;
	struct key *keys[2] = {read_pem(RFC8463_RSA_PEM), read_pem(RFC8463_ED25519_PEM)};
	struct buf want[2];

	for (size_t i = 0; i < 2; i++) {
		buf_init(&want[i], 10000);
		ASSERT_OK(key_sign(keys[i], digest, &want[i], &err), &err);
	}
	for (size_t i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){
			{keys[0], keys[1]}, {buf_span(&want[0]), buf_span(&want[1])}, 0};
		CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
	}
	for (size_t i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		CU_ASSERT_EQUAL(workers[i].bad, 0);
	}
	for (size_t i = 0; i < 2; i++) {
		key_unref(keys[i]);
		buf_clear(&want[i]);
	}
}

int main(void)
{
	static const struct test tests[] = {
		{"SHA-256 in pieces and in copies", test_digest},
		{"base64", test_base64},
		{"base64 refuses what is not canonical", test_base64_refuses},
		{"OpenSSL's reasons become texts", test_err_openssl},
		{"a key is read from PEM", test_key_reads_pem},
		{"a PEM that will not do is refused", test_key_refuses_pem},
		{"a passphrase opens an encrypted key", test_key_opens_with_passphrase},
		{"a pair that does not fit is refused", test_key_refuses_a_pair_that_does_not_fit},
		{"both encodings of a public key", test_public_key_encodings},
		{"keys are made and written", test_key_generates_and_writes},
		{"a public key neither signs nor is written",
		 test_public_key_neither_signs_nor_is_written},
		{"signatures", test_key_signs_and_verifies},
		{"one key, many threads", test_one_key_many_threads},
	};

	return test_main("crypto", tests, COUNT_OF(tests));
}
