/* File names of a Maildir, and Dovecot's list of them. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "test.h"
#include "tool/maildirname.h"
#include "tool/uidlist.h"

static const struct {
	const char *label, *name, *base, *stem;
	int s, w;	   /* -1: none */
	const char *sized; /* with S=10, W=12 where it has sizes */
	const char *added; /* with both */
} names[] = {
	{"Dovecot's", "1.M2P3.h,S=56,W=61:2,FS", "1.M2P3.h,S=56,W=61", "1.M2P3.h", 56, 61,
	 "1.M2P3.h,S=10,W=12:2,FS", "1.M2P3.h,S=10,W=12:2,FS"},
	{"in new/", "1.M2P3.h,S=56,W=61", "1.M2P3.h,S=56,W=61", "1.M2P3.h", 56, 61,
	 "1.M2P3.h,S=10,W=12", "1.M2P3.h,S=10,W=12"},
	{"no sizes", "1.V1I2.h:2,", "1.V1I2.h", "1.V1I2.h", -1, -1, "1.V1I2.h:2,",
	 "1.V1I2.h,S=10,W=12:2,"},
	{"no sizes, in new/", "1.V1I2.h", "1.V1I2.h", "1.V1I2.h", -1, -1, "1.V1I2.h",
	 "1.V1I2.h,S=10,W=12"},
	{"S alone", "1.h,S=5:2,S", "1.h,S=5", "1.h", 5, -1, "1.h,S=10:2,S", "1.h,S=10,W=12:2,S"},
	{"W alone", "1.h,W=5:2,S", "1.h,W=5", "1.h", -1, 5, "1.h,W=12:2,S", "1.h,W=12,S=10:2,S"},
	{"W first", "1.h,W=5,S=4:2,", "1.h,W=5,S=4", "1.h", 4, 5, "1.h,W=12,S=10:2,",
	 "1.h,W=12,S=10:2,"},
	{"others between", "1.h,A=x,S=4,B=y,W=5,C:2,", "1.h,A=x,S=4,B=y,W=5,C", "1.h", 4, 5,
	 "1.h,A=x,S=10,B=y,W=12,C:2,", "1.h,A=x,S=10,B=y,W=12,C:2,"},
	{"sizes in the flags are none", "1.h:2,S,S=4,W=5", "1.h", "1.h", -1, -1, "1.h:2,S,S=4,W=5",
	 "1.h,S=10,W=12:2,S,S=4,W=5"},
	{"no number", "1.h,S=x,W=:2,", "1.h,S=x,W=", "1.h", -1, -1, "1.h,S=x,W=:2,",
	 "1.h,S=x,W=,S=10,W=12:2,"},
	{"a number and more", "1.h,S=4x:2,", "1.h,S=4x", "1.h", -1, -1, "1.h,S=4x:2,",
	 "1.h,S=4x,S=10,W=12:2,"},
	{"left in between", "1.h,mailseal:2,S", "1.h,mailseal", "1.h", -1, -1, "1.h:2,S",
	 "1.h,S=10,W=12:2,S"},
	{"nothing", "", "", "", -1, -1, "", ",S=10,W=12"},
};

static void test_names(void)
{
	struct buf out;

	buf_init(&out, 4096);
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		struct span name = span_str(names[i].name);
		struct err err = ERR_INIT;
		uint64_t size = 0;

		ROW(names[i].label);
		ASSERT_SPAN(maildirname_base(name), span_str(names[i].base));
		ASSERT_SPAN(maildirname_stem(name), span_str(names[i].stem));
		CU_ASSERT_EQUAL(maildirname_size(name, 'S', &size), names[i].s >= 0);
		CU_ASSERT(names[i].s < 0 || size == (uint64_t)names[i].s);
		CU_ASSERT_EQUAL(maildirname_size(name, 'W', &size), names[i].w >= 0);
		CU_ASSERT(names[i].w < 0 || size == (uint64_t)names[i].w);
		out.len = 0;
		ASSERT_OK(maildirname_resize(name, 10, 12, false, &out, &err), &err);
		ASSERT_SPAN(buf_span(&out), span_str(names[i].sized));
		out.len = 0;
		ASSERT_OK(maildirname_resize(name, 10, 12, true, &out, &err), &err);
		ASSERT_SPAN(buf_span(&out), span_str(names[i].added));
	}
	ROW("");
	buf_clear(&out);
}

static void test_between(void)
{
	struct err err = ERR_INIT;
	struct buf out;

	buf_init(&out, 4096);
	ASSERT_OK(maildirname_between(SPAN_LIT("1.h,S=4,W=5:2,FS"), &out, &err), &err);
	ASSERT_SPAN(buf_span(&out), SPAN_LIT("1.h,mailseal:2,FS"));
	CU_ASSERT_TRUE(maildirname_is_between(buf_span(&out)));
	CU_ASSERT_FALSE(maildirname_is_between(SPAN_LIT("1.h,S=4,W=5:2,FS")));
	CU_ASSERT_FALSE(maildirname_is_between(SPAN_LIT("1.h:2,mailseal")));
	out.len = 0;
	ASSERT_OK(maildirname_between(SPAN_LIT("1.h"), &out, &err), &err);
	ASSERT_SPAN(buf_span(&out), SPAN_LIT("1.h,mailseal"));
	buf_clear(&out);
}

static void test_long_names(void)
{
	struct err err = ERR_INIT;
	struct buf out;
	char name[300];

	buf_init(&out, 4096);
	memset(name, 'x', sizeof(name));
	ASSERT_OK(maildirname_resize(span_of(name, 255), 1, 1, false, &out, &err), &err);
	CU_ASSERT_EQUAL(out.len, 255);
	out.len = 0;
	ASSERT_FAILS(maildirname_resize(span_of(name, 255), 1, 1, true, &out, &err), RC_LIMIT, &err,
		     "255 bytes");
	ASSERT_FAILS(maildirname_resize(span_of(name, 256), 1, 1, false, &out, &err), RC_LIMIT,
		     &err, "255 bytes");
	ASSERT_FAILS(maildirname_between(span_of(name, 250), &out, &err), RC_LIMIT, &err,
		     "255 bytes");
	CU_ASSERT_EQUAL(out.len, 0);
	ASSERT_OK(maildirname_resize(span_of(name, 247), 1, 1, true, &out, &err), &err);
	CU_ASSERT_EQUAL(out.len, 255);
	/* The second size is put in before much that follows. */
	memcpy(name, ",W=5,", 5);
	ASSERT_FAILS(
		maildirname_resize(span_of(name, 255), UINT64_MAX, UINT64_MAX, true, &out, &err),
		RC_LIMIT, &err, "255 bytes");
	buf_clear(&out);
}

#define HEADER "3 V1275660208 N25 G3085f01b7f11094c501100008c4a11c1\n"

static const struct {
	const char *label, *text, *wrong; /* NULL: good */
} lists[] = {
	{"empty list", HEADER, NULL},
	{"messages", HEADER "1 :a\n2 W5 :b,S=1\n9 G1 PX :c\n", NULL},
	{"a base with a colon before it", HEADER "1 : :a\n", NULL},
	{"no final line end", HEADER "1 :a", NULL},
	{"nothing", "", "not version 3"},
	{"version 1", "1 1275660208 25\n1 a\n", "not version 3"},
	{"no UID", HEADER "1 :a\nx :b\n", "dovecot-uidlist:3"},
	{"no base", HEADER "1 :\n", "dovecot-uidlist:2"},
	{"no colon", HEADER "1 a\n", "dovecot-uidlist:2"},
	{"an empty line", HEADER "\n1 :a\n", "dovecot-uidlist:2"},
	{"a path", HEADER "1 :../a\n", "dovecot-uidlist:2"},
};

static void test_lists(void)
{
	for (size_t i = 0; i < COUNT_OF(lists); i++) {
		struct err err = ERR_INIT;
		enum rc rc = uidlist_check(span_str(lists[i].text), &err);

		ROW(lists[i].label);
		if (lists[i].wrong == NULL)
			ASSERT_OK(rc, &err);
		else
			ASSERT_FAILS(rc, RC_INPUT, &err, lists[i].wrong);
	}
	ROW("");
}

static void test_bases(void)
{
	struct span rest = SPAN_LIT(HEADER "1 :a\n2 W5 S4 :b,S=1\n"), base;

	CU_ASSERT_TRUE(uidlist_next(&rest, &base));
	ASSERT_SPAN(base, SPAN_LIT("a"));
	CU_ASSERT_TRUE(uidlist_next(&rest, &base));
	ASSERT_SPAN(base, SPAN_LIT("b,S=1"));
	CU_ASSERT_FALSE(uidlist_next(&rest, &base));
}

static const struct {
	const char *label, *line, *base, *new_base, *want;
} rewrites[] = {
	{"another base", "7 :a,S=1", "a,S=1", "a,S=2", "7 Ga,S=1 :a,S=2"},
	{"a GUID that is there", "7 Gxyz :a", "a", "a,S=2", "7 Gxyz :a,S=2"},
	{"sizes go", "7 W1 S2 PX :a", "a", "a,S=2", "7 PX Ga :a,S=2"},
	{"sizes alone", "7 W1 PX S2 :a", "a", NULL, "7 PX :a"},
	{"nothing to do", "7 PX :a", "a", NULL, "7 PX :a"},
	{"another message", "7 W1 :a,S=1", "a", "b", "7 W1 :a,S=1"},
	{"a base with a blank is no GUID", "7 :a b", "a b", "c", "7 :c"},
};

static void test_rewriting(void)
{
	struct buf text, want, out;

	buf_init(&text, 4096);
	buf_init(&want, 4096);
	buf_init(&out, 4096);
	for (size_t i = 0; i < COUNT_OF(rewrites); i++) {
		struct uidlist_change changes[] = {
			{"zzz", "yyy"}, {rewrites[i].base, rewrites[i].new_base}, {"000", "111"}};
		struct err err = ERR_INIT;
		bool changed = false;

		ROW(rewrites[i].label);
		text.len = want.len = out.len = 0;
		CU_ASSERT_EQUAL(
			buf_addf(&text, NULL, HEADER "5 :first\n%s\n9 :last\n", rewrites[i].line),
			RC_OK);
		CU_ASSERT_EQUAL(
			buf_addf(&want, NULL, HEADER "5 :first\n%s\n9 :last\n", rewrites[i].want),
			RC_OK);
		ASSERT_OK(uidlist_rewrite(buf_span(&text), changes, 3, &out, &changed, &err), &err);
		ASSERT_SPAN(buf_span(&out), buf_span(&want));
		CU_ASSERT_EQUAL(changed, strcmp(rewrites[i].line, rewrites[i].want) != 0);
	}
	ROW("");
	buf_clear(&text);
	buf_clear(&want);
	buf_clear(&out);
}

/* Many at once, in any order. */
static void test_rewriting_many(void)
{
	enum { N = 500 };
	struct uidlist_change *changes = calloc(N, sizeof(*changes));
	static char from[N][20], to[N][20];
	struct buf text, out, want;
	struct err err = ERR_INIT;
	bool changed = false;

	buf_init(&text, 1 << 20);
	buf_init(&out, 1 << 20);
	buf_init(&want, 1 << 20);
	CU_ASSERT_PTR_NOT_NULL_FATAL(changes);
	CU_ASSERT_EQUAL(buf_adds(&text, HEADER, NULL), RC_OK);
	CU_ASSERT_EQUAL(buf_adds(&want, HEADER, NULL), RC_OK);
	for (int i = 0; i < N; i++) {
		int k = (i * 77) % N;

		snprintf(from[i], sizeof(from[i]), "%d.h", i * 3);
		snprintf(to[i], sizeof(to[i]), "%d.h,S=1", i * 3);
		changes[k] = (struct uidlist_change){from[i], to[i]};
		CU_ASSERT_EQUAL(buf_addf(&text, NULL, "%d :%s\n", i + 1, from[i]), RC_OK);
		CU_ASSERT_EQUAL(buf_addf(&want, NULL, "%d G%s :%s\n", i + 1, from[i], to[i]),
				RC_OK);
	}
	ASSERT_OK(uidlist_rewrite(buf_span(&text), changes, N, &out, &changed, &err), &err);
	CU_ASSERT_TRUE(changed);
	ASSERT_SPAN(buf_span(&out), buf_span(&want));
	free(changes);
	buf_clear(&text);
	buf_clear(&out);
	buf_clear(&want);
}

static void put(const char *name, struct span text)
{
	struct err err = ERR_INIT;

	ASSERT_OK(file_write_atomic(test_path(name), text, 0640, true, &err), &err);
}

static void test_files(void)
{
	int dir = open(test_dir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct err err = ERR_INIT;
	struct buf text;
	struct stat st;

	buf_init(&text, UIDLIST_MAX);
	unlink(test_path("dovecot-uidlist"));
	ASSERT_FAILS(uidlist_read(dir, &text, &err), RC_NOTFOUND, &err, "dovecot-uidlist");
	put("dovecot-uidlist", SPAN_LIT(HEADER "1 :a\n"));
	ASSERT_OK(uidlist_read(dir, &text, &err), &err);
	ASSERT_STR(buf_cstr(&text), HEADER "1 :a\n");
	ASSERT_OK(uidlist_write(dir, SPAN_LIT(HEADER "1 :b\n"), &err), &err);
	text.len = 0;
	ASSERT_OK(uidlist_read(dir, &text, &err), &err);
	ASSERT_STR(buf_cstr(&text), HEADER "1 :a\n");
	ASSERT_OK(uidlist_replace(dir, &err), &err);
	text.len = 0;
	ASSERT_OK(uidlist_read(dir, &text, &err), &err);
	ASSERT_STR(buf_cstr(&text), HEADER "1 :b\n");
	CU_ASSERT_EQUAL(stat(test_path("dovecot-uidlist"), &st), 0);
	CU_ASSERT_EQUAL(st.st_mode & 0777, 0640);
	CU_ASSERT_FALSE(uidlist_clean(dir));
	ASSERT_OK(uidlist_write(dir, SPAN_LIT("x"), &err), &err);
	CU_ASSERT_TRUE(uidlist_clean(dir));
	ASSERT_FAILS(uidlist_replace(dir, &err), RC_NOTFOUND, &err, "dovecot-uidlist");
	buf_clear(&text);
	close(dir);
}

static void test_locks(void)
{
	int dir = open(test_dir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct uidlist_lock lock, other;
	struct err err = ERR_INIT;
	char text[300] = "", host[256] = "";

	put("dovecot-uidlist", SPAN_LIT(HEADER));
	ASSERT_OK(uidlist_lock(dir, 0, &lock, &err), &err);
	/* "PID:HOST", so that Dovecot sees whose it is. */
	CU_ASSERT_EQUAL(gethostname(host, sizeof(host) - 1), 0);
	snprintf(text, sizeof(text), "%ld:%s", (long)getpid(), host);
	{
		struct buf have;

		buf_init(&have, 1000);
		ASSERT_OK(file_read(test_path("dovecot-uidlist.lock"), &have, &err), &err);
		ASSERT_STR(buf_cstr(&have), text);
		buf_clear(&have);
	}
	ASSERT_FAILS(uidlist_lock(dir, 0, &other, &err), RC_AGAIN, &err, "somebody else");
	uidlist_unlock(&other);
	ASSERT_FAILS(uidlist_lock(dir, 0, &other, &err), RC_AGAIN, &err, "somebody else");
	uidlist_unlock(&lock);
	uidlist_unlock(&lock);
	ASSERT_OK(uidlist_lock(dir, 0, &other, &err), &err);
	/* Taken from us: what is there now is another's. */
	put("dovecot-uidlist.lock", SPAN_LIT("1:elsewhere"));
	uidlist_unlock(&other);
	CU_ASSERT_EQUAL(access(test_path("dovecot-uidlist.lock"), F_OK), 0);
	/* Of another host, it is broken by its age alone. */
	CU_ASSERT_FALSE(uidlist_break_stale(dir));
	put("dovecot-uidlist.lock", SPAN_LIT(""));
	CU_ASSERT_FALSE(uidlist_break_stale(dir));
	{
		const struct timespec old[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};

		CU_ASSERT_EQUAL(utimensat(dir, "dovecot-uidlist.lock", old, 0), 0);
		CU_ASSERT_FALSE(uidlist_break_stale(dir)); /* its list was changed just now */
		CU_ASSERT_EQUAL(utimensat(dir, "dovecot-uidlist", old, 0), 0);
		CU_ASSERT_TRUE(uidlist_break_stale(dir));
	}
	CU_ASSERT_NOT_EQUAL(access(test_path("dovecot-uidlist.lock"), F_OK), 0);
	close(dir);
}

int main(void)
{
	static const struct test tests[] = {
		{"names", test_names},
		{"names in between", test_between},
		{"long names", test_long_names},
		{"lists", test_lists},
		{"bases of a list", test_bases},
		{"a list rewritten", test_rewriting},
		{"many lines rewritten", test_rewriting_many},
		{"the files", test_files},
		{"the lock", test_locks},
	};
	return test_main("maildirname", tests, COUNT_OF(tests));
}
