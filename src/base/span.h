/* base/span.h - bytes that somebody else owns.
 *
 * Message bytes are spans, never C strings: they may hold NUL and anything else. A span does not
 * own; it lives as long as the buffer or arena it points into. An empty span may have p == NULL.
 * Letters are ASCII letters only, and white space is SP and HTAB only (RFC 6376 2.8), whatever the
 * locale. Everything here is pure and safe from any thread.
 */
#ifndef BASE_SPAN_H
#define BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>

struct span {
	const char *p;
	size_t len;
};

/* For printf: printf("%.*s", SPAN_ARG(s)). At most INT_MAX bytes, stops at a NUL. */
#define SPAN_ARG(s) span_int_len(s), ((s).p != NULL ? (s).p : "")
/* A span of a string literal. */
#define SPAN_LIT(s) ((struct span){(s), sizeof(s) - 1})
#define SPAN_NONE ((struct span){NULL, 0})

static inline struct span span_of(const void *p, size_t len)
{
	return (struct span){(const char *)p, len};
}

/* S may be NULL: the empty span. */
struct span span_str(const char *s);
int span_int_len(struct span s);

bool span_eq(struct span a, struct span b);
/* Equal without regard to ASCII case. */
bool span_ieq(struct span a, struct span b);
bool span_eq_str(struct span a, const char *b);
bool span_ieq_str(struct span a, const char *b);
/* Bytewise order, a prefix first: <0, 0, >0 as memcmp. */
int span_cmp(struct span a, struct span b);
bool span_starts(struct span s, struct span prefix);
bool span_istarts(struct span s, struct span prefix);
bool span_ends(struct span s, struct span suffix);
bool span_iends(struct span s, struct span suffix);

/* Index of the first C at or after FROM, or s.len when there is none. */
size_t span_find(struct span s, char c, size_t from);
/* Index of the first byte of NEEDLE at or after FROM, or s.len; IGNORE_CASE for ASCII letters. */
size_t span_search(struct span s, struct span needle, size_t from, bool ignore_case);
bool span_has(struct span s, char c);

/* From FROM on, at most LEN bytes; both are cut to what is there. */
struct span span_sub(struct span s, size_t from, size_t len);
struct span span_from(struct span s, size_t from);
/* Without SP and HTAB at both ends. */
struct span span_trim(struct span s);
/* Without SP, HTAB, CR and LF at both ends: for values that may be folded. */
struct span span_trim_fold(struct span s);
/* Split off what stands before the first SEP: *HEAD gets it, *REST what follows SEP. False when
 * REST is exhausted (rest->p == NULL); a last piece without SEP is returned and exhausts it. */
bool span_split(struct span *rest, char sep, struct span *head);

static inline bool is_wsp(char c)
{
	return c == ' ' || c == '\t';
}
static inline bool is_ascii_digit(char c)
{
	return c >= '0' && c <= '9';
}
static inline bool is_ascii_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
static inline char ascii_lower(char c)
{
	return (c >= 'A' && c <= 'Z') ? (char)(c - 'A' + 'a') : c;
}

#endif
