#include "opencms.h"

#include <openssl/cms.h>
#include <openssl/err.h>

#include "crypto/base64.h"

static bool has_good_lines(struct span text)
{
	struct span line;

	while (span_split(&text, '\n', &line))
		if (line.len > 77 || (line.len != 0 && line.p[line.len - 1] != '\r'))
			return false;
	return true;
}

static CMS_ContentInfo *read_cms(struct span base64)
{
	CMS_ContentInfo *cms = NULL;
	const unsigned char *p;
	struct buf der;

	buf_init(&der, 64 << 20);
	if (has_good_lines(base64) && base64_decode(base64, &der, NULL) == RC_OK) {
		p = (const unsigned char *)der.p;
		cms = d2i_CMS_ContentInfo(NULL, &p, (long)der.len);
		if (cms != NULL && (const char *)p != der.p + der.len) {
			CMS_ContentInfo_free(cms);
			cms = NULL;
		}
	}
	buf_clear(&der);
	return cms;
}

bool opencms(struct span base64, const struct testcert *who, struct buf *plain)
{
	CMS_ContentInfo *cms = read_cms(base64);
	BIO *out = BIO_new(BIO_s_mem());
	char *bytes = NULL;
	bool good;
	long len;

	plain->len = 0;
	good = cms != NULL && CMS_decrypt(cms, who->pkey, who->x509, NULL, out, CMS_BINARY) == 1;
	len = BIO_get_mem_data(out, &bytes);
	if (good)
		good = buf_add(plain, span_of(bytes, (size_t)len), NULL) == RC_OK;
	BIO_free(out);
	CMS_ContentInfo_free(cms);
	ERR_clear_error();
	return good;
}

size_t opencms_recipients(struct span base64)
{
	CMS_ContentInfo *cms = read_cms(base64);
	STACK_OF(CMS_RecipientInfo) *all = cms != NULL ? CMS_get0_RecipientInfos(cms) : NULL;
	int n = all != NULL ? sk_CMS_RecipientInfo_num(all) : 0;

	CMS_ContentInfo_free(cms);
	return n > 0 ? (size_t)n : 0;
}
