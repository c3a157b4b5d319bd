/* A built sendmail.cf: its lines, the filters, daemons, mailers and options in it, and what is none. */
#include "test.h"

#include <stdio.h>
#include <string.h>

#include "tool/sendmailcf.h"

/* Parses TEXT with a V line before it. */
static enum rc parse(struct sendmailcf *cf, const char *text, struct err *err)
{
	enum rc rc;

	sendmailcf_init(cf);
	rc = buf_adds(&cf->text, "V10/Berkeley\n", err);
	if (rc == RC_OK)
		rc = buf_adds(&cf->text, text, err);
	return rc == RC_OK ? sendmailcf_parse(cf, "test.cf", err) : rc;
}

static void test_filters(void)
{
	static const struct {
		const char *label, *line, *name, *socket, *flags;
		int64_t connect, send, read, end;
	} rows[] = {
		{"all of it", "Xmailseal, S=unix:/run/m.sock, F=T, T=C:10s;S:1m;R:2m;E:5m",
		 "mailseal", "unix:/run/m.sock", "T", 10, 60, 120, 300},
		{"Sendmail's own times", "Xa, S=inet:8891@localhost", "a", "inet:8891@localhost",
		 "", 300, 10, 10, 300},
		{"over two lines", "Xa, S=unix:/a,\n\tF=R,\r\n T=E:1h", "a", "unix:/a", "R", 300,
		 10, 10, 3600},
		{"quotes and backslashes", "Xa,S=\"unix:/a,b\\\"c\" ,F=4", "a", "unix:/a,b\"c", "4",
		 300, 10, 10, 300},
		{"long names", "Xa Socket=/a, Flags=T, Timeouts=R:90", "a", "/a", "T", 300, 10, 90,
		 300},
		{"what has no value", "Xa, S, F=, T=", "a", "", "", 300, 10, 10, 300},
		{"what is no time", "Xa, S=/a, T=C:soon;S:;R:1x;E:-1s", "a", "/a", "", -1, -1, -1,
		 -1},
		{"blanks", "Xa , S = unix:/a , F = T ", "a", "unix:/a", "T", 300, 10, 10, 300},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct err err = ERR_INIT;
		const struct sendmailcf_filter *f;
		struct sendmailcf cf;

		ROW(rows[i].label);
		ASSERT_OK(parse(&cf, rows[i].line, &err), &err);
		CU_ASSERT_EQUAL_FATAL(cf.filters.len, 1);
		f = cf.filters.items;
		ASSERT_SPAN(f->name, span_str(rows[i].name));
		ASSERT_SPAN(f->socket, span_str(rows[i].socket));
		ASSERT_SPAN(f->flags, span_str(rows[i].flags));
		CU_ASSERT_EQUAL(f->connect, rows[i].connect);
		CU_ASSERT_EQUAL(f->send, rows[i].send);
		CU_ASSERT_EQUAL(f->read, rows[i].read);
		CU_ASSERT_EQUAL(f->end, rows[i].end);
		sendmailcf_clear(&cf);
	}
}

static void test_no_lines(void)
{
	struct err err = ERR_INIT;
	struct sendmailcf cf;

	ASSERT_OK(parse(&cf,
			"#Xa, S=/a\n"
			"# a comment\n\tXb, S=/b\n"
			"\n"
			"HX-Mailer: x\n"
			"O\n"
			"X",
			&err),
		  &err);
	CU_ASSERT_EQUAL(cf.filters.len, 1); /* the last, which has no name */
	CU_ASSERT_EQUAL(cf.options.len, 0);
	sendmailcf_clear(&cf);
}

static void test_options(void)
{
	static const char text[] = "O MaxMimeHeaderLength=256/128\n"
				   "#O EightBitMode=pass8\n"
				   "O eightbitmode = mimefy\n"
				   "O DontBlameSendmail=Safe,TrustStickyBit\n"
				   "O DontBlameSendmail=GroupWritableDirPathSafe\n"
				   "OX10\n"
				   "O Empty=\n"
				   "O MaxMimeHeaderLength=0\n";
	struct err err = ERR_INIT;
	struct sendmailcf cf;

	ASSERT_OK(parse(&cf, text, &err), &err);
	ASSERT_SPAN(sendmailcf_option(&cf, "MaxMimeHeaderLength"), SPAN_LIT("0"));
	ASSERT_SPAN(sendmailcf_option(&cf, "EightBitMode"), SPAN_LIT("mimefy"));
	CU_ASSERT_PTR_NOT_NULL(sendmailcf_option(&cf, "Empty").p);
	CU_ASSERT_PTR_NULL(sendmailcf_option(&cf, "MaxHeadersLength").p);
	CU_ASSERT(sendmailcf_option_has(&cf, "DontBlameSendmail", "truststickybit"));
	CU_ASSERT(sendmailcf_option_has(&cf, "DontBlameSendmail", "GroupWritableDirPathSafe"));
	CU_ASSERT_FALSE(sendmailcf_option_has(&cf, "DontBlameSendmail", "Trust"));
	sendmailcf_clear(&cf);
}

static void test_daemons(void)
{
	static const char text[] =
		"O DaemonPortOptions=Family=inet, Name=MTA, Addr=127.0.0.1, Port=25\n"
		"O DaemonPortOptions=N=MSA, P=587, M=Ea, I=a;mailseal\n"
		"O DaemonPortOptions=Port=26, InputMailFilters=,Addr\n"
		"O DaemonPortOptions=name=last, inputmailfilters=";
	struct err err = ERR_INIT;
	const struct sendmailcf_daemon *d;
	struct sendmailcf cf;

	ASSERT_OK(parse(&cf, text, &err), &err);
	CU_ASSERT_EQUAL_FATAL(cf.daemons.len, 4);
	d = cf.daemons.items;
	ASSERT_SPAN(d[0].name, SPAN_LIT("MTA"));
	ASSERT_SPAN(d[0].port, SPAN_LIT("25"));
	CU_ASSERT_PTR_NULL(d[0].filters.p);
	ASSERT_SPAN(d[1].name, SPAN_LIT("MSA"));
	ASSERT_SPAN(d[1].modifiers, SPAN_LIT("Ea"));
	ASSERT_SPAN(d[1].filters, SPAN_LIT("a;mailseal"));
	CU_ASSERT_PTR_NOT_NULL(d[2].filters.p);
	CU_ASSERT_EQUAL(d[2].filters.len, 0);
	CU_ASSERT_PTR_NOT_NULL(d[3].filters.p);
	CU_ASSERT_EQUAL(d[3].filters.len, 0);
	sendmailcf_clear(&cf);
}

static void test_mailers(void)
{
	static const char text[] =
		"Mesmtp,\t\tP=[IPC], F=mDFMuXa, S=EnvFromSMTP/HdrFromSMTP, R=EnvToSMTP, E=\\r\\n, "
		"L=990,\n\t\tT=DNS/RFC822/SMTP,\n\t\tA=TCP $h\n"
		"Mlocal, P=/usr/bin/procmail, F=lsDFMAw5:/|@qSPfhn9,\n"
		" A=procmail -Y -a $h -d $u\n";
	struct err err = ERR_INIT;
	const struct sendmailcf_mailer *m;
	struct sendmailcf cf;

	ASSERT_OK(parse(&cf, text, &err), &err);
	CU_ASSERT_EQUAL_FATAL(cf.mailers.len, 2);
	m = cf.mailers.items;
	ASSERT_SPAN(m[0].name, SPAN_LIT("esmtp"));
	ASSERT_SPAN(m[0].path, SPAN_LIT("[IPC]"));
	ASSERT_SPAN(m[0].flags, SPAN_LIT("mDFMuXa"));
	CU_ASSERT_EQUAL(m[0].line, 990);
	ASSERT_SPAN(m[1].path, SPAN_LIT("/usr/bin/procmail"));
	CU_ASSERT_EQUAL(m[1].line, 0);
	sendmailcf_clear(&cf);
}

static void test_maps_and_macros(void)
{
	static const char text[] = "DMexample.com\n"
				   "DZ8.17.1.9\n"
				   "C{M}a.example b.example\n"
				   "Kgenerics hash -o /etc/mail/genericstable\n"
				   "Kdequote dequote\n";
	struct err err = ERR_INIT;
	struct sendmailcf cf;

	ASSERT_OK(parse(&cf, text, &err), &err);
	ASSERT_SPAN(cf.masquerade, SPAN_LIT("example.com"));
	ASSERT_SPAN(cf.version, SPAN_LIT("8.17.1.9"));
	ASSERT_SPAN(sendmailcf_map(&cf, "generics"), SPAN_LIT("hash -o /etc/mail/genericstable"));
	CU_ASSERT_PTR_NULL(sendmailcf_map(&cf, "domaintable").p);
	sendmailcf_clear(&cf);
	ASSERT_OK(parse(&cf, "C{M}a.example\n", &err), &err);
	CU_ASSERT_EQUAL(cf.masquerade.len, 0);
	sendmailcf_clear(&cf);
	ASSERT_OK(parse(&cf, "D{M}example.org\n", &err), &err);
	ASSERT_SPAN(cf.masquerade, SPAN_LIT("example.org"));
	sendmailcf_clear(&cf);
}

static void test_canonify(void)
{
	static const struct {
		const char *label, *text;
		bool want;
	} rows[] = {
		{"as m4 makes it",
		 "SCanonify2=96\nR$* $| $* < @ $* > $*\t\t$: $2 < @ $[ $3 $] > $4\n", true},
		{"nocanonify",
		 "SCanonify2=96\n"
		 "R$* $| $* < @ $* $={Canonify} > $*\t$: $2 < @ $[ $3 $4 $] > $5\n"
		 "R$* c $* $| $* < @ $* > $*\t$: $3 < @ $[ $4 $] > $5\n"
		 "R$* $| $* < @ $+ . > $*\t\t$: $2 < @ $3 . > $4\n",
		 false},
		{"UUCP alone",
		 "SCanonify2=96\nR$* < @ $+ . UUCP > $*\t\t$: $1 < @ $[ $2 $] . UUCP . > $3\n",
		 false},
		{"in another ruleset",
		 "SCanonify2=96\nSBasic_check_mail\nR<@> $+\t\t\t$:<?>  $[ $1 $]\n", false},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct err err = ERR_INIT;
		struct sendmailcf cf;

		ROW(rows[i].label);
		ASSERT_OK(parse(&cf, rows[i].text, &err), &err);
		CU_ASSERT_EQUAL(cf.canonifies, rows[i].want);
		sendmailcf_clear(&cf);
	}
}

static void test_sockets(void)
{
	static const struct {
		const char *a, *b;
		bool want;
	} rows[] = {
		{"unix:/run/m.sock", "local:/run/m.sock", true},
		{"unix:/run/m.sock", "/run/m.sock", true},
		{"unix:/run/m.sock", ":/run/m.sock", true},
		{"unix:/run/m.sock", "unix:/run/m.socket", false},
		{"inet:8891@127.0.0.1", "inet:8891@localhost", true},
		{"inet:8891@127.0.0.1", "inet:8891@[127.0.0.1]", true},
		{"inet:8891", "inet:8891@localhost", true},
		{"inet:8891@127.0.0.1", "inet:8892@127.0.0.1", false},
		{"inet:8891@127.0.0.1", "inet:8891@192.0.2.1", false},
		{"inet6:8891@::1", "inet6:8891@[::1]", true},
		{"inet6:8891@::1", "inet:8891@127.0.0.1", false},
		{"inet6:8891@::1", "inet6:8891@localhost", true},
		{"inet:8891@127.0.0.1", "unix:8891@127.0.0.1", false},
		{"unix:/a", "", false},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		ROW(rows[i].b);
		CU_ASSERT_EQUAL(sendmailcf_same_socket(span_str(rows[i].a), span_str(rows[i].b)),
				rows[i].want);
		CU_ASSERT_EQUAL(sendmailcf_same_socket(span_str(rows[i].b), span_str(rows[i].a)),
				rows[i].want);
	}
}

static void test_seconds(void)
{
	static const struct {
		const char *text;
		int64_t want;
	} rows[] = {
		{"10s", 10},
		{"10", 10},
		{"1m30s", 90},
		{"1H", 3600},
		{"1w2d", 9 * 86400},
		{"0", 0},
		{"", -1},
		{"s", -1},
		{"5y", -1},
		{"1m s", -1},
		{"99999999999999999999999d", 1000000000},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		ROW(rows[i].text);
		CU_ASSERT_EQUAL(sendmailcf_seconds(span_str(rows[i].text), 's'), rows[i].want);
	}
}

static void test_refuses(void)
{
	struct err err = ERR_INIT;
	struct sendmailcf cf;

	sendmailcf_init(&cf);
	ASSERT_OK(buf_adds(&cf.text, "define(`confDOMAIN_NAME', `x')dnl\nO Timeout.initial=5m\n",
			   &err),
		  &err);
	ASSERT_FAILS(sendmailcf_parse(&cf, "sendmail.mc", &err), RC_INPUT, &err, "sendmail.mc: ");
	sendmailcf_clear(&cf);

	ASSERT_OK(buf_add(&cf.text, span_of("V10\n\0O x=y\n", 11), &err), &err);
	ASSERT_FAILS(sendmailcf_parse(&cf, "ls", &err), RC_INPUT, &err, "no text");
	sendmailcf_clear(&cf);

	ASSERT_FAILS(sendmailcf_read(test_path("none.cf"), &cf, &err), RC_NOTFOUND, &err,
		     "none.cf");
	sendmailcf_clear(&cf);
	ASSERT_FAILS(sendmailcf_read(test_dir(), &cf, &err), RC_INPUT, &err, "directory");
	sendmailcf_clear(&cf);
}

/* Lines of one kind over and over: the first one too many ends it. */
static void test_too_many(void)
{
	static const struct {
		const char *line, *words;
		size_t fits;
	} rows[] = {
		{"Xa, S=/a\n", "100 filters", SENDMAILCF_FILTERS},
		{"Ma, P=[IPC]\n", "1000 mailers", SENDMAILCF_MAILERS},
		{"Ka hash\n", "10000 maps", SENDMAILCF_SETTINGS},
		{"O a=b\n", "10000 options", SENDMAILCF_SETTINGS},
		{"O DaemonPortOptions=Name=a\n", "100 daemons", SENDMAILCF_DAEMONS},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct err err = ERR_INIT;
		struct sendmailcf cf;

		ROW(rows[i].words);
		ASSERT_OK(parse(&cf, "", &err), &err);
		for (size_t k = 0; k < rows[i].fits; k++)
			ASSERT_OK(buf_adds(&cf.text, rows[i].line, &err), &err);
		ASSERT_OK(sendmailcf_parse(&cf, "test.cf", &err), &err);
		sendmailcf_clear(&cf);
		ASSERT_OK(parse(&cf, "", &err), &err);
		for (size_t k = 0; k <= rows[i].fits; k++)
			ASSERT_OK(buf_adds(&cf.text, rows[i].line, &err), &err);
		ASSERT_FAILS(sendmailcf_parse(&cf, "test.cf", &err), RC_LIMIT, &err, rows[i].words);
		sendmailcf_clear(&cf);
	}
}

/* Whatever bytes: no line is read beyond its end. */
static void test_anything(void)
{
	static const char *const pieces[] = {
		"X",  "M",	   "O ", "K",  "R", "S", "D", "V1", "=",   ",",
		"\"", "\\",	   "\n", "\t", " ", ";", ":", "a",  "{M}", "DaemonPortOptions=",
		"I=", "Canonify2", "$[", "T=C"};

	for (size_t round = 0; round < 3000; round++) {
		struct sendmailcf cf;

		sendmailcf_init(&cf);
		ASSERT_OK(buf_adds(&cf.text, round % 2 == 0 ? "V10\n" : "", NULL), NULL);
		for (unsigned n = test_random(30); n > 0; n--)
			ASSERT_OK(buf_adds(&cf.text, pieces[test_random(COUNT_OF(pieces))], NULL),
				  NULL);
		CU_ASSERT(sendmailcf_parse(&cf, "x", NULL) != RC_LIMIT);
		sendmailcf_clear(&cf);
	}
}

int main(void)
{
	static const struct test tests[] = {
		{"filters", test_filters},
		{"comments and other lines", test_no_lines},
		{"options", test_options},
		{"daemons", test_daemons},
		{"mailers", test_mailers},
		{"maps and macros", test_maps_and_macros},
		{"host names looked up", test_canonify},
		{"the same socket", test_sockets},
		{"times", test_seconds},
		{"what is no configuration", test_refuses},
		{"too many of a kind", test_too_many},
		{"anything", test_anything},
	};

	return test_main("sendmailcf", tests, COUNT_OF(tests));
}
