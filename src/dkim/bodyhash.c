#include "dkim/bodyhash.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Lines that are canonical as they come go to the digest in one span, however many they are. What is
 * shorter than LONG_SPAN is gathered first: a call of OpenSSL for each word would cost more than the
 * hashing. */
enum { GATHER_SIZE = 1024, LONG_SPAN = 256 };

struct bodyhash {
	enum canon canon;
	struct sha256 *digest;
	uint64_t limit;
	uint64_t length;      /* canonical octets so far */
	uint64_t empty_lines; /* seen, and hashed only if a line with content follows */
	bool in_line;	      /* the line has canonical content */
	bool wsp;	      /* relaxed: white space seen, hashed only if content follows */
	bool cr;	      /* a CR was the last byte: half a line end, or content */
	size_t gathered;
	char gather[GATHER_SIZE];
};

enum rc bodyhash_new(enum canon c, uint64_t limit, struct bodyhash **ret, struct err *err)
{
	struct bodyhash *bh = calloc(1, sizeof(*bh));
	enum rc rc;

	if (bh == NULL)
		return err_set(err, RC_NOMEM, "out of memory (body hash)");
	bh->canon = c;
	bh->limit = limit;
	rc = sha256_new(&bh->digest, err);
	if (rc != RC_OK) {
		bodyhash_free(bh);
		return rc;
	}
	*ret = bh;
	return RC_OK;
}

struct bodyhash *bodyhash_free(struct bodyhash *bh)
{
	if (bh != NULL)
		sha256_free(bh->digest);
	free(bh);
	return NULL;
}

static enum rc flush(struct bodyhash *bh, struct err *err)
{
	struct span s = span_of(bh->gather, bh->gathered);

	bh->gathered = 0;
	return sha256_update(bh->digest, s, err);
}

/* Canonical octets to the digest, as far as l= lets them. */
static enum rc emit(struct bodyhash *bh, struct span s, struct err *err)
{
	uint64_t room = bh->length < bh->limit ? bh->limit - bh->length : 0;
	enum rc rc = RC_OK;

	bh->length += s.len;
	if (s.len > room)
		s.len = (size_t)room;
	if (s.len == 0)
		return RC_OK;
	if (bh->gathered + s.len > GATHER_SIZE || s.len >= LONG_SPAN)
		rc = flush(bh, err);
	if (rc != RC_OK)
		return rc;
	if (s.len >= LONG_SPAN)
		return sha256_update(bh->digest, s, err);
	memcpy(bh->gather + bh->gathered, s.p, s.len);
	bh->gathered += s.len;
	return RC_OK;
}

/* Empty lines that turned out not to be the last ones. */
static enum rc emit_empty_lines(struct bodyhash *bh, struct err *err)
{
	static const char lines[] =
		"\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n";
	const uint64_t most = (sizeof(lines) - 1) / 2;
	enum rc rc = RC_OK;

	while (bh->empty_lines > 0 && rc == RC_OK) {
		uint64_t n = bh->empty_lines < most ? bh->empty_lines : most;

		rc = emit(bh, span_of(lines, (size_t)n * 2), err);
		bh->empty_lines -= n;
	}
	return rc;
}

static enum rc emit_content(struct bodyhash *bh, struct span s, struct err *err)
{
	enum rc rc = emit_empty_lines(bh, err);

	if (rc == RC_OK && bh->wsp)
		rc = emit(bh, SPAN_LIT(" "), err);
	bh->wsp = false;
	bh->in_line = true;
	if (rc == RC_OK)
		rc = emit(bh, s, err);
	return rc;
}

/* RFC 6376 3.4.4: white space at the end of a line is ignored, so a line of nothing else is empty. */
static enum rc end_line(struct bodyhash *bh, struct err *err)
{
	bh->cr = false;
	bh->wsp = false;
	if (!bh->in_line) {
		bh->empty_lines++;
		return RC_OK;
	}
	bh->in_line = false;
	return emit(bh, SPAN_LIT("\r\n"), err);
}

/* 0x80 nowhere but in the bytes of V that equal C: no carry crosses a byte. */
static uint64_t bytes_equal(uint64_t v, char c)
{
	const uint64_t ones = 0x0101010101010101u;
	const uint64_t low7 = 0x7f * ones;

	v ^= (uint64_t)c * ones;
	return ~(((v & low7) + low7) | v | low7);
}

/* Index of the first white space that is not one single SP, or LEN: HTAB, or SP before more of it.
 * One byte behind the LEN may be read. Eight at a time: most lines of most mails have none. */
static size_t find_run(const char *p, size_t len)
{
	uint64_t here, next;
	size_t i;

	for (i = 0; i + sizeof(here) <= len; i += sizeof(here)) {
		memcpy(&here, p + i, sizeof(here));
		memcpy(&next, p + i + 1, sizeof(next));
		if (((bytes_equal(here, ' ') & bytes_equal(next, ' ')) | bytes_equal(here, '\t')) !=
		    0)
			break;
	}
	while (i < len && !(p[i] == '\t' || (p[i] == ' ' && is_wsp(p[i + 1]))))
		i++;
	/* The block before may have ended in the SP of this run. */
	if (i > 0 && i < len && p[i - 1] == ' ')
		i--;
	return i;
}

/* How many bytes at the front of S are empty lines. */
static size_t empty_lines(struct span s)
{
	size_t done = 0;

	while (done + 1 < s.len && s.p[done] == '\r' && s.p[done + 1] == '\n')
		done += 2;
	return done;
}

/* How many bytes at the front of S are whole lines that have content and are canonical as they are. */
static size_t canonical_lines(enum canon c, struct span s)
{
	size_t done = 0;

	while (done < s.len) {
		const char *line = s.p + done;
		const char *lf = memchr(line, '\n', s.len - done);
		size_t len = lf != NULL ? (size_t)(lf - line) : 0; /* with its CR */

		if (len < 2 || lf[-1] != '\r')
			break;
		if (c == CANON_RELAXED && (is_wsp(lf[-2]) || find_run(line, len - 1) < len - 1))
			break;
		done += len + 1;
	}
	return done;
}

/* RFC 6376 3.4.4: a run of white space within a line is one SP. LINE does not end in white space, so
 * that a byte stands behind each that it has. */
static enum rc emit_reduced(struct bodyhash *bh, struct span line, struct err *err)
{
	enum rc rc = RC_OK;
	bool with_sp;
	size_t run;

	while (bh->wsp && is_wsp(line.p[0])) /* the run began in the piece before */
		line = span_from(line, 1);
	while (line.len > 0 && rc == RC_OK) {
		run = find_run(line.p, line.len - 1);
		if (run == line.len - 1)
			return emit_content(bh, line, err);
		with_sp = run > 0 && line.p[run] == ' '; /* goes with what stands before it */
		if (run > 0)
			rc = emit_content(bh, span_sub(line, 0, run + with_sp), err);
		while (is_wsp(line.p[run]))
			run++;
		bh->wsp = !with_sp;
		line = span_from(line, run);
	}
	return rc;
}

/* The front of S, which is not empty, to its first LF, or all of it. */
static enum rc take_line(struct bodyhash *bh, struct span s, size_t *ret_taken, struct err *err)
{
	size_t lf = span_find(s, '\n', 0);
	struct span line = span_sub(s, 0, lf);
	bool ends = lf < s.len;
	bool wsp = false;
	enum rc rc = RC_OK;

	*ret_taken = ends ? lf + 1 : s.len;
	if (bh->cr && line.len > 0) /* no LF followed it: a byte like any other */
		rc = emit_content(bh, SPAN_LIT("\r"), err);
	bh->cr = line.len > 0 ? line.p[line.len - 1] == '\r' : bh->cr;
	if (line.len > 0 && bh->cr)
		line.len--;
	while (bh->canon == CANON_RELAXED && line.len > 0 && is_wsp(line.p[line.len - 1])) {
		line.len--;
		wsp = true;
	}
	if (rc == RC_OK && line.len > 0)
		rc = bh->canon == CANON_RELAXED ? emit_reduced(bh, line, err)
						: emit_content(bh, line, err);
	bh->wsp = bh->wsp || wsp;
	return rc == RC_OK && ends ? end_line(bh, err) : rc;
}

/* As many lines as can be had at once, where S begins with a new line. */
static enum rc take_lines(struct bodyhash *bh, struct span s, size_t *ret_taken, struct err *err)
{
	size_t taken = empty_lines(s);
	enum rc rc;

	*ret_taken = taken;
	if (taken > 0) {
		bh->empty_lines += taken / 2;
		return RC_OK;
	}
	taken = canonical_lines(bh->canon, s);
	if (taken == 0)
		return take_line(bh, s, ret_taken, err);
	*ret_taken = taken;
	rc = emit_content(bh, span_sub(s, 0, taken), err);
	bh->in_line = false; /* the last line end is in the span */
	return rc;
}

enum rc bodyhash_update(struct bodyhash *bh, struct span piece, struct err *err)
{
	enum rc rc = RC_OK;
	size_t taken;

	while (piece.len > 0 && rc == RC_OK) {
		if (bh->in_line || bh->wsp || bh->cr)
			rc = take_line(bh, piece, &taken, err);
		else
			rc = take_lines(bh, piece, &taken, err);
		piece = span_from(piece, taken);
	}
	return rc;
}

enum rc bodyhash_finish(struct bodyhash *bh, uint8_t ret[SHA256_LEN], uint64_t *ret_length,
			struct err *err)
{
	enum rc rc = RC_OK;

	if (bh->cr) {
		bh->cr = false;
		rc = emit_content(bh, SPAN_LIT("\r"), err);
	}
	if (rc == RC_OK && bh->in_line)
		rc = end_line(bh, err);
	/* RFC 6376 3.4.3: simple makes a CRLF of an empty body; 3.4.4: relaxed leaves it empty. */
	if (rc == RC_OK && bh->length == 0 && bh->canon == CANON_SIMPLE)
		rc = emit(bh, SPAN_LIT("\r\n"), err);
	if (rc == RC_OK)
		rc = flush(bh, err);
	if (rc == RC_OK)
		rc = sha256_finish(bh->digest, ret, err);
	if (rc == RC_OK && ret_length != NULL)
		*ret_length = bh->length;
	return rc;
}
