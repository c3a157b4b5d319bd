/* Values of smtpd_milters and non_smtpd_milters: reading, comparing, adding, cutting out. */
#include "test.h"

#include "tool/milterlist.h"

#define QUEUE "/var/spool/postfix"
#define OURS "unix:mailseal/mailseal.sock"

static void test_read(void)
{
	static const struct {
		const char *label, *value, *texts, *endpoints; /* joined by '|' */
	} rows[] = {
		{"nothing", "", "", ""},
		{"separators only", " ,\t, ", "", ""},
		{"one", "inet:localhost:8891", "inet:localhost:8891", "inet:localhost:8891"},
		{"commas and spaces", "unix:a, inet:h:1 unix:b,unix:c",
		 "unix:a|inet:h:1|unix:b|unix:c", "unix:a|inet:h:1|unix:b|unix:c"},
		{"braces", "{ unix:a, default_action=tempfail } unix:b",
		 "{ unix:a, default_action=tempfail }|unix:b", "unix:a|unix:b"},
		{"braces without spaces", "{unix:a,connect_timeout=5s}",
		 "{unix:a,connect_timeout=5s}", "unix:a"},
		{"braces in braces", "{ unix:a, x={ y z } }", "{ unix:a, x={ y z } }", "unix:a"},
		{"name", "$smtpd_milters, unix:b", "$smtpd_milters|unix:b",
		 "$smtpd_milters|unix:b"},
		{"conditional name", "${x?{unix:a unix:b}:{}} unix:c",
		 "${x?{unix:a unix:b}:{}}|unix:c", "${x?{unix:a unix:b}:{}}|unix:c"},
		{"empty braces", "{} unix:a", "{}|unix:a", "|unix:a"},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct err err = ERR_INIT;
		struct buf texts, endpoints;
		struct vec items;
		const struct milter_item *all;

		ROW(rows[i].label);
		buf_init(&texts, 4096);
		buf_init(&endpoints, 4096);
		ASSERT_OK(milterlist_read(span_str(rows[i].value), &items, &err), &err);
		all = items.items;
		for (size_t k = 0; k < items.len; k++) {
			ASSERT_OK(buf_addf(&texts, &err, "%s%.*s", k > 0 ? "|" : "",
					   SPAN_ARG(all[k].text)),
				  &err);
			ASSERT_OK(buf_addf(&endpoints, &err, "%s%.*s", k > 0 ? "|" : "",
					   SPAN_ARG(all[k].endpoint)),
				  &err);
		}
		ASSERT_SPAN(buf_span(&texts), span_str(rows[i].texts));
		ASSERT_SPAN(buf_span(&endpoints), span_str(rows[i].endpoints));
		vec_clear(&items);
		buf_clear(&texts);
		buf_clear(&endpoints);
	}
}

static void test_read_refuses(void)
{
	static const struct {
		const char *label, *value;
	} rows[] = {{"open brace", "unix:a { unix:b"},
		    {"open brace in a name", "${x?{a}"},
		    {"brace alone", "{"}};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct err err = ERR_INIT;
		struct vec items;

		ROW(rows[i].label);
		ASSERT_FAILS(milterlist_read(span_str(rows[i].value), &items, &err), RC_INPUT, &err,
			     "brace");
		vec_clear(&items);
	}
}

static void test_same(void)
{
	static const struct {
		const char *label, *a, *b;
		bool same;
	} rows[] = {
		{"equal paths", "unix:a/b", "unix:a/b", true},
		{"absolute below the queue", "unix:" QUEUE "/a/b", "unix:a/b", true},
		{"absolute elsewhere", "unix:/run/a/b", "unix:a/b", false},
		{"a name that only begins like the queue", "unix:" QUEUE "x/a", "unix:x/a", false},
		{"other path", "unix:a/b", "unix:a/c", false},
		{"local: is unix:", "local:a", "unix:a", true},
		{"case of the type", "UNIX:a", "unix:a", true},
		{"case of a path matters", "unix:A", "unix:a", false},
		{"inet", "inet:127.0.0.1:8891", "inet:127.0.0.1:8891", true},
		{"localhost", "inet:localhost:8891", "inet:127.0.0.1:8891", true},
		{"other port", "inet:localhost:8892", "inet:127.0.0.1:8891", false},
		{"IPv6", "inet:[::1]:8891", "inet:::1:8891", true},
		{"other kind", "inet:localhost:8891", "unix:localhost:8891", false},
		{"names", "$a", "$a", true},
		{"name and socket", "$a", "unix:a", false},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		ROW(rows[i].label);
		CU_ASSERT_EQUAL(milterlist_same(span_str(rows[i].a), span_str(rows[i].b), QUEUE),
				rows[i].same);
		CU_ASSERT_EQUAL(milterlist_same(span_str(rows[i].b), span_str(rows[i].a), QUEUE),
				rows[i].same);
	}
}

static void test_endpoint(void)
{
	static const struct {
		const char *label, *socket, *wanted;
	} rows[] = {
		{"below the queue", "unix:" QUEUE "/mailseal/mailseal.sock", OURS},
		{"elsewhere", "unix:/run/mailseal/mailseal.sock",
		 "unix:/run/mailseal/mailseal.sock"},
		{"inet", "inet:8891@127.0.0.1", "inet:127.0.0.1:8891"},
		{"inet without a host", "inet:8891", "inet:127.0.0.1:8891"},
		{"inet6", "inet6:8891@::1", "inet:[::1]:8891"},
	};
	struct err err = ERR_INIT;
	struct buf out;

	buf_init(&out, 4096);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		ROW(rows[i].label);
		out.len = 0;
		ASSERT_OK(milterlist_endpoint(rows[i].socket, QUEUE, &out, &err), &err);
		ASSERT_SPAN(buf_span(&out), span_str(rows[i].wanted));
	}
	ROW("unknown kind");
	ASSERT_FAILS(milterlist_endpoint("tcp:1", QUEUE, &out, &err), RC_CONF, &err, "tcp:1");
	buf_clear(&out);
}

/* Added last, and cut out again: what others put there stays byte for byte. */
static void test_edit(void)
{
	static const struct {
		const char *label, *value, *with, *without;
	} rows[] = {
		{"empty", "", OURS, ""},
		{"behind others", "inet:h:1", "inet:h:1, " OURS, "inet:h:1"},
		{"odd separators stay", "inet:h:1 ,\t unix:b", "inet:h:1 ,\t unix:b, " OURS,
		 "inet:h:1 ,\t unix:b"},
		{"there already", "inet:h:1 " OURS, "inet:h:1 " OURS, "inet:h:1"},
		{"there already, with options", "{ " OURS ", default_action=accept }",
		 "{ " OURS ", default_action=accept }", ""},
		{"in front", OURS ", inet:h:1", "inet:h:1, " OURS, "inet:h:1"},
		{"between", "unix:a, " OURS ", unix:b", "unix:a, unix:b, " OURS, "unix:a, unix:b"},
		{"twice", OURS " unix:a " OURS, "unix:a " OURS, "unix:a"},
		{"by its whole path", "unix:" QUEUE "/mailseal/mailseal.sock, unix:a",
		 "unix:a, " OURS, "unix:a"},
		{"options of others", "{ unix:a, default_action=accept }",
		 "{ unix:a, default_action=accept }, " OURS, "{ unix:a, default_action=accept }"},
		{"names of others", "$a ${b}", "$a ${b}, " OURS, "$a ${b}"},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct span value = span_str(rows[i].value), ours = SPAN_LIT(OURS);
		struct err err = ERR_INIT;
		enum milter_place place;
		struct buf out;

		ROW(rows[i].label);
		buf_init(&out, 4096);
		ASSERT_OK(milterlist_with_last(value, ours, QUEUE, &out, &err), &err);
		ASSERT_SPAN(buf_span(&out), span_str(rows[i].with));
		ASSERT_OK(milterlist_place(buf_span(&out), ours, QUEUE, &place, &err), &err);
		CU_ASSERT_EQUAL(place, PLACE_LAST);
		out.len = 0;
		ASSERT_OK(milterlist_without(value, ours, QUEUE, &out, &err), &err);
		ASSERT_SPAN(buf_span(&out), span_str(rows[i].without));
		ASSERT_OK(milterlist_place(buf_span(&out), ours, QUEUE, &place, &err), &err);
		CU_ASSERT_EQUAL(place, PLACE_NONE);
		buf_clear(&out);
	}
}

static void test_place(void)
{
	static const struct {
		const char *label, *value;
		enum milter_place place;
	} rows[] = {
		{"empty", "", PLACE_NONE},
		{"others only", "unix:a", PLACE_NONE},
		{"alone", OURS, PLACE_LAST},
		{"last", "unix:a, { " OURS ", default_action=tempfail }", PLACE_LAST},
		{"earlier", OURS " unix:a", PLACE_EARLIER},
		{"twice", OURS " unix:a " OURS, PLACE_TWICE},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct err err = ERR_INIT;
		enum milter_place place;

		ROW(rows[i].label);
		ASSERT_OK(milterlist_place(span_str(rows[i].value), SPAN_LIT(OURS), QUEUE, &place,
					   &err),
			  &err);
		CU_ASSERT_EQUAL(place, rows[i].place);
	}
}

static void test_setting(void)
{
	static const struct {
		const char *label, *value, *want; /* NULL: nothing */
	} rows[] = {
		{"no braces", OURS, NULL},
		{"nothing said", "{ " OURS " }", NULL},
		{"something else", "{ " OURS ", protocol=6, default_actions=x }", NULL},
		{"said", "unix:a { " OURS ", protocol=6, default_action=accept }", "accept"},
		{"commas only", "{" OURS ",default_action=accept,protocol=6}", "accept"},
		{"in braces of its own", "{ " OURS ", { default_action = accept } }", "accept"},
		{"empty", "{ " OURS ", default_action= }", ""},
		{"of another", "{ unix:a, default_action=accept } " OURS, NULL},
		{"the first of two",
		 "{ " OURS ", default_action=tempfail } { " OURS ", default_action=accept }",
		 "tempfail"},
		{"not there", "{ unix:a, default_action=accept }", NULL},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct err err = ERR_INIT;
		struct span got;

		ROW(rows[i].label);
		ASSERT_OK(milterlist_setting(span_str(rows[i].value), SPAN_LIT(OURS), QUEUE,
					     "default_action", &got, &err),
			  &err);
		CU_ASSERT_EQUAL(got.p == NULL, rows[i].want == NULL);
		ASSERT_SPAN(got, span_str(rows[i].want));
	}
}

static void test_refers(void)
{
	static const struct {
		const char *label, *text;
		bool refers;
	} rows[] = {{"plain", "$smtpd_milters", true},	    {"braces", "${smtpd_milters}", true},
		    {"brackets", "$(smtpd_milters)", true}, {"longer", "$smtpd_milters2", false},
		    {"no name", "smtpd_milters", false},    {"dollar", "$", false}};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct milter_item item = {.text = span_str(rows[i].text),
					   .endpoint = span_str(rows[i].text)};

		ROW(rows[i].label);
		CU_ASSERT_EQUAL(milterlist_refers(&item, "smtpd_milters"), rows[i].refers);
	}
}

int main(void)
{
	static const struct test tests[] = {
		{"lists are read", test_read},
		{"open braces are refused", test_read_refuses},
		{"sockets are compared", test_same},
		{"our socket as Postfix writes it", test_endpoint},
		{"ours is added and cut out", test_edit},
		{"our place is found", test_place},
		{"what a list says of us is found", test_setting},
		{"references are recognized", test_refers},
	};
	return test_main("milterlist", tests, COUNT_OF(tests));
}
