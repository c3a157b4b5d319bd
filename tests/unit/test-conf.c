/* conf_read(): values, defaults, domains, and what is said of each mistake. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "conf/conf.h"
#include "conf/problems.h"
#include "test.h"

static void write_file(const char *path, struct span text)
{
	struct err e = ERR_INIT;

	ASSERT_OK(file_write_atomic(path, text, 0600, true, &e), &e);
}

/* TEXT as mailseal.conf, with no domains.d beside it. */
static enum rc read_text(const char *text, struct conf **ret, struct conf_problems *p,
			 struct err *e)
{
	write_file(test_path("mailseal.conf"), span_str(text));
	return conf_read(test_path("mailseal.conf"), ret, p, e);
}

static void show_problems(const struct conf_problems *p)
{
	for (size_t i = 0; i < p->v.len; i++) {
		struct buf out;

		buf_init(&out, 1 << 20);
		if (conf_problem_show(vec_at(&p->v, i), &out, NULL) == RC_OK)
			fprintf(stderr, "  %s\n", buf_cstr(&out));
		buf_clear(&out);
	}
}

static bool said(const struct conf_problems *p, enum conf_severity severity, unsigned line,
		 const char *words)
{
	for (size_t i = 0; i < p->v.len; i++) {
		const struct conf_problem *x = vec_at(&p->v, i);

		if (x->severity == severity && x->line == line && strstr(x->text, words) != NULL)
			return true;
	}
	return false;
}

/* One thing is said of TEXT, as SEVERITY, on LINE, with WORDS; FINE: nothing is. */
enum { FINE = -1, ERROR = CONF_ERROR, WARN = CONF_WARNING, NOTE = CONF_NOTE };

struct row {
	const char *label;
	const char *text;
	int severity;
	unsigned line;
	const char *words;
};

#define DOMAIN(rest) "domains = ( { name = \"example.com\"; " rest " } );"

static const struct row rows[] = {
	{"empty file", "", FINE, 0, ""},
	{"unknown setting", "\nfoo = 1;", ERROR, 2,
	 "foo: there is no such setting (mailseal.conf(5)"},
	{"unknown setting, near", "stat_dir = \"/x\";", ERROR, 1, "is 'state_dir' meant?"},
	{"unknown group, near", "milterr = { };", ERROR, 1, "is 'milter' meant?"},
	{"unknown in a group, near", "milter = {\n timout = \"1h\"; };", ERROR, 2,
	 "milter.timout: there is no such setting; is 'timeout' meant?"},
	{"setting of a group at the top", "canonicalization = \"x\";", ERROR, 1,
	 "stands in the group sign: sign = { canonicalization = ...; };"},
	{"setting of the top in a group", "milter = { state_dir = \"/x\"; };", ERROR, 1,
	 "milter.state_dir: this stands at the top level"},
	{"setting of a domain at the top", "subdomains = true;", ERROR, 1, "within a domain"},
	{"group in a group", "sign = { trust = { }; };", ERROR, 1,
	 "sign.trust: this group stands at the top level"},
	{"global group in a domain", DOMAIN("milter = { };"), ERROR, 1,
	 "domain example.com: milter: this group stands at the top level"},
	{"global setting in a domain", DOMAIN("user = \"x\";"), ERROR, 1,
	 "domain example.com: user: this stands at the top level"},
	{"value for a group", "milter = 1;", ERROR, 1,
	 "a group is wanted: milter = { ... }; found the number 1"},
	{"list for a group", "sign = ( );", ERROR, 1, "found a list"},
	{"empty group", "milter = { }; sign = { };", FINE, 0, ""},

	{"socket: unix", "milter = { socket = \"unix:/run/x\"; };", FINE, 0, ""},
	{"socket: relative", "milter = { socket = \"unix:run/x\"; };", ERROR, 1,
	 "no absolute path"},
	{"socket: root", "milter = { socket = \"unix:/\"; };", ERROR, 1, "no absolute path"},
	{"socket: no kind", "milter = { socket = \"/run/x\"; };", ERROR, 1, "\"unix:/PATH\""},
	{"socket: local:", "milter = { socket = \"local:/run/x\"; };", ERROR, 1, "\"unix:/PATH\""},
	{"socket: 107 bytes",
	 "milter = { socket = \"unix:/"
	 "1234567890123456789012345678901234567890123456789012345678901234567890123456789012345678"
	 "901234567890123456\"; };",
	 FINE, 0, ""},
	{"socket: 108 bytes",
	 "milter = { socket = \"unix:/"
	 "1234567890123456789012345678901234567890123456789012345678901234567890123456789012345678"
	 "9012345678901234567\"; };",
	 ERROR, 1, "the path has 108 bytes; the system takes sockets of at most 107"},
	{"socket: inet", "milter = { socket = \"inet:8891@127.0.0.1\"; };", FINE, 0, ""},
	{"socket: inet, all of loopback", "milter = { socket = \"inet:1@127.9.9.9\"; };", FINE, 0,
	 ""},
	{"socket: localhost", "milter = { socket = \"inet:65535@localhost\"; };", FINE, 0, ""},
	{"socket: inet outside", "milter = { socket = \"inet:8891@192.0.2.1\"; };", WARN, 1,
	 "whoever reaches 192.0.2.1"},
	{"socket: inet everywhere", "milter = { socket = \"inet:8891@0.0.0.0\"; };", WARN, 1,
	 "firewall"},
	{"socket: inet name", "milter = { socket = \"inet:8891@mail.example.com\"; };", WARN, 1,
	 "firewall"},
	{"socket: inet no host", "milter = { socket = \"inet:8891\"; };", ERROR, 1,
	 "inet:PORT@ADDRESS is wanted, such as \"inet:8891@127.0.0.1\""},
	{"socket: inet other way round", "milter = { socket = \"inet:127.0.0.1:8891\"; };", ERROR,
	 1, "inet:PORT@ADDRESS"},
	{"socket: port 0", "milter = { socket = \"inet:0@127.0.0.1\"; };", ERROR, 1, "inet:PORT"},
	{"socket: port 65536", "milter = { socket = \"inet:65536@127.0.0.1\"; };", ERROR, 1,
	 "PORT"},
	{"socket: huge port", "milter = { socket = \"inet:4294967297@127.0.0.1\"; };", ERROR, 1,
	 "PORT"},
	{"socket: bad address", "milter = { socket = \"inet:1@127.0.0.256\"; };", ERROR, 1,
	 "no IPv4 address"},
	{"socket: inet6", "milter = { socket = \"inet6:8891@::1\"; };", FINE, 0, ""},
	{"socket: inet6 outside", "milter = { socket = \"inet6:8891@2001:db8::1\"; };", WARN, 1,
	 "bind it to ::1"},
	{"socket: inet6 with IPv4", "milter = { socket = \"inet6:1@127.0.0.1\"; };", ERROR, 1,
	 "no IPv6 address"},
	{"socket: number", "milter = { socket = 8891; };", ERROR, 1, "found the number 8891"},
	{"backlog", "milter = { backlog = 1; };", FINE, 0, ""},
	{"backlog 0", "milter = { backlog = 0; };", ERROR, 1, "0 is outside of 1 to 65535"},
	{"backlog in quotes", "milter = { backlog = \"128\"; };", ERROR, 1,
	 "a whole number without quotes is wanted, found the text \"128\""},
	{"backlog with a point", "milter = { backlog = 1.5; };", ERROR, 1, "found the number 1.5"},
	{"backlog past 32 bits", "milter = {\n backlog = 4294967424; };", ERROR, 2, "too large"},
	{"backlog in long form", "milter = { backlog = 4294967424L; };", ERROR, 1,
	 "4294967424 is outside"},
	{"timeout", "milter = { timeout = \"1h30m\"; stop_timeout = \"0\"; };", FINE, 0, ""},
	{"timeout without unit", "milter = { timeout = \"30\"; };", ERROR, 1, "'30' is no time"},
	{"timeout as a number", "milter = { timeout = 30; };", ERROR, 1,
	 "a time in quotes with its unit, such as \"90d\""},
	{"timeout too short", "milter = { timeout = \"9s\"; };", ERROR, 1,
	 "\"9s\" is outside of 10s to 7d"},
	{"stop_timeout too long", "milter = { stop_timeout = \"61m\"; };", ERROR, 1, "0 to 1h"},

	{"state_dir", "state_dir = \"/srv/mailseal\";", FINE, 0, ""},
	{"state_dir relative", "state_dir = \"mailseal\";", ERROR, 1, "no absolute path"},
	{"state_dir empty", "state_dir = \"\";", ERROR, 1, "no absolute path"},
	{"user", "user = \"_mail-seal\";", FINE, 0, ""},
	{"user empty", "user = \"\";", ERROR, 1, "no name of a user"},
	{"user and group", "user = \"mailseal:postfix\";", ERROR, 1, "no name of a user"},
	{"delimiter", "recipient_delimiter = \"+-\";", FINE, 0, ""},
	{"no delimiter", "recipient_delimiter = \"\";", FINE, 0, ""},
	{"delimiter of a letter", "recipient_delimiter = \"a\";", ERROR, 1, "no delimiter"},
	{"delimiter @", "recipient_delimiter = \"@\";", ERROR, 1, "no delimiter"},
	{"control socket", "control = { socket = \"/run/x\"; };", FINE, 0, ""},
	{"control socket with unix:", "control = { socket = \"unix:/run/x\"; };", ERROR, 1,
	 "without \"unix:\": \"/run/x\""},

	{"log", "log = { target = \"syslog\"; level = \"debug\"; format = \"json\"; };", FINE, 0,
	 ""},
	{"log target", "log = { target = \"file\"; };", ERROR, 1,
	 "\"auto\", \"stderr\", \"syslog\" or \"journal\" is wanted, found the text \"file\""},
	{"log target, near", "log = { target = \"sylog\"; };", ERROR, 1, "is \"syslog\" meant?"},
	{"log level as a number", "log = { level = 2; };", ERROR, 1, "found the number 2"},
	{"log format in capitals", "log = { format = \"JSON\"; };", ERROR, 1, "is \"json\" meant?"},

	{"limits", "limits = { headers = \"64kB\"; };", FINE, 0, ""},
	{"size with a space", "limits = { headers = \"1 MB\"; };", ERROR, 1, "is no size"},
	{"size as a number", "limits = { headers = 1000000; };", ERROR, 1,
	 "a size in quotes with its unit"},
	{"size too small", "limits = { headers = \"1kB\"; };", ERROR, 1,
	 "\"1kB\" is outside of 10kB to 64MB"},
	{"size past 64 bits", "limits = { headers = \"9999999999GB\"; };", ERROR, 1, "too large"},

	{"networks", "trust = { networks = [\"10.0.0.0/8\", \"192.0.2.7\", \"2001:db8::/32\"]; };",
	 FINE, 0, ""},
	{"networks: none", "trust = { networks = []; };", FINE, 0, ""},
	{"networks as a list", "trust = { networks = (\"10.0.0.0/8\"); };", FINE, 0, ""},
	{"networks: Postfix brackets", "trust = { networks = [\"[::1]/128\"]; };", FINE, 0, ""},
	{"networks: one text", "trust = { networks = \"10.0.0.0/8\"; };", ERROR, 1,
	 "a list of texts, such as [\"one\", \"two\"] is wanted"},
	{"networks: number", "trust = { networks = (10); };", ERROR, 1, "found the number 10"},
	{"networks: host bits", "trust = { networks = [\"127.0.0.1\",\n\"10.1.2.3/8\"]; };", WARN,
	 2, "it is taken as \"10.0.0.0/8\""},
	{"networks: host bits of IPv6", "trust = { networks = [\"2001:db8::1/33\"]; };", WARN, 1,
	 "taken as \"2001:db8::/33\""},
	{"networks: everybody", "trust = { networks = [\"0.0.0.0/0\"]; };", WARN, 1,
	 "trusts every client"},
	{"networks: everybody, mapped", "trust = { networks = [\"::ffff:0:0/96\"]; };", WARN, 1,
	 "trusts every client"},
	{"networks: short", "trust = { networks = [\"10/8\"]; };", ERROR, 1,
	 "\"10/8\" is no network"},
	{"networks: prefix 33", "trust = { networks = [\"10.0.0.0/33\"]; };", ERROR, 1,
	 "no network"},
	{"networks: prefix 129", "trust = { networks = [\"::1/129\"]; };", ERROR, 1, "no network"},
	{"networks: no prefix", "trust = { networks = [\"10.0.0.0/\"]; };", ERROR, 1, "no network"},
	{"networks: netmask", "trust = { networks = [\"10.0.0.0/255.0.0.0\"]; };", ERROR, 1,
	 "no network"},
	{"networks: negative", "trust = { networks = [\"10.0.0.0/-8\"]; };", ERROR, 1,
	 "no network"},
	{"networks: name", "trust = { networks = [\"localhost\"]; };", ERROR, 1, "no network"},
	{"networks: IPv4 in brackets", "trust = { networks = [\"[10.0.0.1]\"]; };", ERROR, 1,
	 "no network"},
	{"networks: second is wrong", "trust = { networks = [\"::1\",\n\n\"x\"]; };", ERROR, 3,
	 "\"x\" is no network"},
	{"daemons", "trust = { daemons = [\"A\", \"B\"]; not_daemons = [\"C\"]; };", FINE, 0, ""},
	{"daemons: empty text", "trust = { daemons = [\"\"]; };", ERROR, 1, "an empty text"},
	{"daemons in both", "trust = {\n not_daemons = [\"ORIGINATING\"]; };", WARN, 2,
	 "\"ORIGINATING\" is in trust.daemons too"},
	{"certificates", "trust = { certificates = ( { subject = \"a\"; issuer = \"b\"; } ); };",
	 FINE, 0, ""},
	{"certificates: none", "trust = { certificates = ( ); };", FINE, 0, ""},
	{"certificates: subject alone", "trust = { certificates = ( { subject = \"a\"; } ); };",
	 FINE, 0, ""},
	{"certificates: empty", "trust = { certificates = ( { } ); };", ERROR, 1,
	 "at least one of the two"},
	{"certificates: text", "trust = { certificates = ( \"a\" ); };", ERROR, 1, "a group {"},
	{"certificates: group", "trust = { certificates = { }; };", ERROR, 1, "a list of groups"},
	{"certificates: unknown",
	 "trust = { certificates = ( { subjet = \"a\"; issuer = \"x\"; } ); };", ERROR, 1,
	 "trust.certificates.subjet: there is no such setting; is 'subject' meant?"},
	{"trust any", "trust = { any = true; };", WARN, 1, "whoever sent it"},
	{"trust not any", "trust = { any = false; };", FINE, 0, ""},
	{"trust any in quotes", "trust = { any = \"true\"; };", ERROR, 1,
	 "true or false, without quotes, is wanted"},
	{"sender_match", "trust = { sender_match = \"require\"; };", FINE, 0, ""},
	{"sender_match, near", "trust = { sender_match = \"required\"; };", ERROR, 1,
	 "is \"require\" meant?"},

	{"canonicalization", "sign = { canonicalization = \"simple/relaxed\"; };", FINE, 0, ""},
	{"canonicalization of one word", "sign = { canonicalization = \"simple\"; };", FINE, 0, ""},
	{"canonicalization wrong", "sign = { canonicalization = \"relaxed-simple\"; };", ERROR, 1,
	 "\"simple/simple\" (header/body) is wanted, found \"relaxed-simple\""},
	{"algorithms", "sign = { algorithms = [\"rsa-sha256\"]; };", FINE, 0, ""},
	{"algorithms: none", "sign = { algorithms = []; };", ERROR, 1, "write enabled = false"},
	{"algorithms: twice", "sign = { algorithms = [\"rsa-sha256\", \"rsa-sha256\"]; };", ERROR,
	 1, "listed twice"},
	{"algorithms: unknown", "sign = { algorithms = [\"rsa-sha1\"]; };", ERROR, 1,
	 "\"rsa-sha256\" or \"ed25519-sha256\" is wanted"},
	{"headers", "sign = { headers = [\"From\", \"Subject\"]; };", FINE, 0, ""},
	{"headers: Received", "sign = { headers = [\"From\",\n\"received\"]; };", ERROR, 2,
	 "received cannot be signed"},
	{"headers: Return-Path", "sign = { headers = [\"Return-Path\"]; };", ERROR, 1, "cannot"},
	{"headers: Delivered-To", "sign = { headers = [\"Delivered-To\"]; };", ERROR, 1, "cannot"},
	{"headers: Bcc", "sign = { oversign = [\"Bcc\"]; };", ERROR, 1,
	 "sign.oversign: Bcc cannot"},
	{"headers: DKIM-Signature", "sign = { headers = [\"DKIM-Signature\"]; };", ERROR, 1,
	 "cannot"},
	{"headers: colon", "sign = { headers = [\"From:\"]; };", ERROR, 1,
	 "no name of a header field"},
	{"headers: semicolon", "sign = { headers = [\"X;Y\"]; };", ERROR, 1, "no name"},
	{"headers: space", "sign = { headers = [\"X Y\"]; };", ERROR, 1, "no name"},
	{"headers: not ASCII", "sign = { headers = [\"X\xc3\xa9\"]; };", ERROR, 1, "no name"},
	{"headers: empty", "sign = { headers = [\"\"]; };", ERROR, 1, "no name"},
	{"headers: twice", "sign = { headers = [\"Date\", \"date\"]; };", ERROR, 1,
	 "date is listed twice"},
	{"expire off", "sign = { expire = \"0\"; };", FINE, 0, ""},
	{"expire", "sign = { expire = \"6d\"; };", FINE, 0, ""},
	{"expire short", "sign = { expire = \"143h\"; };", WARN, 1, "under 6d"},
	{"expire wrong", "sign = { expire = \"never\"; };", ERROR, 1, "'never' is no time"},
	{"identity", "sign = { identity = \"@mail.example.com\"; }; " DOMAIN(""), FINE, 0, ""},
	{"identity with a user", "sign = { identity = \"ne+ws@Example.COM\"; }; " DOMAIN(""), FINE,
	 0, ""},
	{"identity elsewhere", "sign = { identity = \"@example.net\"; };\n" DOMAIN(""), ERROR, 2,
	 "\"@example.net\" of the global settings does not lie within example.com"},
	{"identity elsewhere in a domain",
	 "domains = ( { name = \"example.com\";\n sign = {\n identity = \"@xexample.com\"; }; } );",
	 ERROR, 3, "\"@xexample.com\" does not lie within example.com"},
	{"identity of a parent",
	 DOMAIN("sign_domain = \"example.com\"; "
		"sign = { identity = \"@com\"; };"),
	 ERROR, 1, "does not lie within"},
	{"identity without @", "sign = { identity = \"example.com\"; };", ERROR, 1,
	 "\"@sub.example.com\" or \"user@example.com\" is wanted"},
	{"identity with two @", "sign = { identity = \"a@b@example.com\"; };", ERROR, 1,
	 "is wanted"},
	{"identity with a space", "sign = { identity = \"a b@example.com\"; };", ERROR, 1,
	 "is wanted"},
	{"identity without a domain", "sign = { identity = \"user@\"; };", ERROR, 1,
	 "sign.identity"},
	{"sign flags",
	 "sign = { enabled = false; diagnostics = true; ulabels = true; local = false; };", FINE, 0,
	 ""},
	{"existing", "sign = { existing = \"replac\"; };", ERROR, 1, "is \"replace\" meant?"},
	{"repair none", "sign = { repair = \"none\"; };", FINE, 0, ""},
	{"repair mime", "sign = {\n repair = \"mime\"; };", NOTE, 2, "not built yet: \"mime\""},
	{"before_dns", "sign = { before_dns = \"tempfail\"; };", FINE, 0, ""},
	{"on_error", "sign = { on_error = \"accept\"; };", ERROR, 1,
	 "\"tempfail\" or \"unsigned\""},
	{"rsa_bits", "rotate = { rsa_bits = 4096; };", FINE, 0, ""},
	{"rsa_bits weak", "rotate = { rsa_bits = 1024; };", WARN, 1, "under 2048 bits are weak"},
	{"rsa_bits refused", "rotate = { rsa_bits = 512; };", ERROR, 1,
	 "512 is outside of 1024 to 16384"},
	{"rsa_bits large", "rotate = { rsa_bits = 32768; };", ERROR, 1, "outside"},
	{"resolver", "dns = { resolver = \"127.0.0.1@5353\"; };", FINE, 0, ""},
	{"resolver IPv6", "dns = { resolver = \"::1\"; };", FINE, 0, ""},
	{"resolver of the system", "dns = { resolver = \"\"; };", FINE, 0, ""},
	{"resolver by name", "dns = { resolver = \"ns.example\"; };", ERROR, 1, "the address of a"},
	{"resolver port with :", "dns = { resolver = \"127.0.0.1:53\"; };", ERROR, 1,
	 "127.0.0.1@5353"},
	{"resolver port empty", "dns = { resolver = \"127.0.0.1@\"; };", ERROR, 1,
	 "the address of a"},
	{"ttl", "dns = { ttl = \"5m\"; };", FINE, 0, ""},
	{"ttl 0", "dns = { ttl = \"0\"; };", ERROR, 1, "is outside of 1s to 30d"},

	{"not built: why", "why = {\n keep = 5; };", NOTE, 2, "why.keep: accepted; not built yet"},
	{"not built, wrong", "why = { keep = \"5\"; };", ERROR, 1, "a whole number"},
	{"not built: metrics", "metrics = { listen = \"127.0.0.1:9100\"; };", NOTE, 1,
	 "metrics.listen"},
	{"not built: profile", "seal = { profile = \"modern\"; };", NOTE, 1,
	 "not built yet: \"modern\""},
	{"not built: protect", "seal = { headers = \"protect\"; };", NOTE, 1, "\"protect\""},
	{"not built: obscure", "seal = { headers = \"obscure\"; };", NOTE, 1, "\"obscure\""},
	{"not built, near", "seal = { profile = \"moderm\"; };", ERROR, 1, "is \"modern\" meant?"},
	{"not built: deliver", "deliver = { connections = 2; };", NOTE, 1, "deliver.connections"},
	{"not built: journal", "journal = { keep = \"1h\"; };", NOTE, 1, "journal.keep"},
	{"spool", "spool = { memory = \"2MB\"; };", FINE, 0, ""},
	{"limits.message", "limits = { message = \"1GB\"; };", FINE, 0, ""},
	{"missing: no word of it", "seal = { on_missing_certificate = \"seal\"; };", ERROR, 1,
	 "\"defer\", \"reject\" or \"plain\" is wanted"},
	{"zone", "timezone = \"Europe/Berlin\";", FINE, 0, ""},
	{"zone unknown", "timezone = \"Europe/Berlyn\";", ERROR, 1, "timezone: "},
	{"zone leads out", "timezone = \"../../../etc/passwd\";", ERROR, 1,
	 "no name of a time zone"},
	{"mailbox_address", "deliver = { mailbox_address = \"${mailbox}=${local}@m.example\"; };",
	 FINE, 0, ""},
	{"mailbox_address without a box", "deliver = { mailbox_address = \"${local}@x\"; };", ERROR,
	 1, "an address of"},
	{"mailbox_address, unknown variable",
	 "deliver = { mailbox_address = \"${local}+${mailbox}@${host}\"; };", ERROR, 1,
	 "an address of"},
	{"not built: rotate.every", "rotate = { every = \"30d\"; };", NOTE, 1,
	 "rotation of selectors"},
	{"not built: dns.push", "dns = { push = \"x\"; };", NOTE, 1, "publishing records"},
	{"escrow missing", DOMAIN("escrow = \"/nowhere.pem\";"), ERROR, 1,
	 "domain example.com: escrow"},
	{"escrow none", DOMAIN("escrow = \"\";"), FINE, 0, ""},
	{"seal in a domain", DOMAIN("seal = { certificate_grace = \"1d\"; };"), FINE, 0, ""},
	{"accounts any", DOMAIN("accounts = \"any\";"), FINE, 0, ""},
	{"accounts listed", DOMAIN("accounts = [\"Jim\", \"john\"];"), FINE, 0, ""},
	{"accounts with a domain", DOMAIN("accounts = [\"jim@example.com\"];"), ERROR, 1,
	 "before the '@'"},
	{"accounts wrong", DOMAIN("accounts = \"all\";"), ERROR, 1, "\"any\" or a list"},

	{"domain", DOMAIN(""), FINE, 0, ""},
	{"domains: none", "domains = ();", FINE, 0, ""},
	{"domains: array", "domains = [];", FINE, 0, ""},
	{"domains: group", "domains = { };", ERROR, 1, "a list ( ... ) is wanted"},
	{"domains: texts", "domains = (\"example.com\");", ERROR, 1,
	 "a group { name = \"example.com\"; ... } is wanted, found the text \"example.com\""},
	{"domain without name", "domains = (\n{ mode = \"enabled\"; } );", ERROR, 2,
	 "without a name"},
	{"domain name: number", "domains = ( { name = 1; } );", ERROR, 1, "the name of a domain"},
	{"domain name: empty", "domains = ( { name = \"\"; } );", ERROR, 1, "domain : name"},
	{"domain name: space", "domains = ( { name = \"example com\"; } );", ERROR, 1, "name:"},
	{"domain name: address", "domains = ( { name = \"user@example.com\"; } );", ERROR, 1,
	 "name:"},
	{"domain name: wildcard", "domains = ( { name = \"*.example.com\"; } );", ERROR, 1,
	 "name:"},
	{"public suffix", "domains = ( {\n name = \"co.uk\"; } );", ERROR, 2, "public suffix"},
	{"single label", "domains = ( { name = \"localhost\"; } );", ERROR, 1, "public suffix"},
	{"alias a public suffix", DOMAIN("aliases = [\"com\"];"), ERROR, 1,
	 "aliases: com: a public"},
	{"alias bad", DOMAIN("aliases = [\"a..b\"];"), ERROR, 1, "aliases:"},
	{"alias its own name", DOMAIN("aliases = [\"EXAMPLE.com\"];"), ERROR, 1,
	 "the name example.com is given twice (name or aliases)"},
	{"alias twice", DOMAIN("aliases = [\"a.example\", \"a.example\"];"), ERROR, 1,
	 "the name a.example is given twice"},
	{"domain twice", "domains = ( { name = \"example.com\"; },\n{ name = \"Example.com\"; } );",
	 ERROR, 2, "domain example.com at "},
	{"alias another's name",
	 "domains = ( { name = \"b.example\"; aliases = [\"a.example\"]; },\n"
	 "{ name = \"a.example\"; } );",
	 ERROR, 1, "domain b.example: the name a.example is given twice: domain a.example at "},
	{"unknown in a domain", DOMAIN("\n subdomain = true;"), ERROR, 2,
	 "domain example.com: subdomain: there is no such setting; is 'subdomains' meant?"},
	{"unknown in a group of a domain", DOMAIN("sign = { exsting = \"keep\"; };"), ERROR, 1,
	 "domain example.com: sign.exsting: there is no such setting; is 'existing' meant?"},
	{"mode", DOMAIN("mode = \"disabled\";"), FINE, 0, ""},
	{"mode test", DOMAIN("\nmode = \"test\";"), NOTE, 2, "not built yet: \"test\""},
	{"mode, near", DOMAIN("mode = \"enable\";"), ERROR, 1, "is \"enabled\" meant?"},
	{"sign_domain of a parent",
	 "domains = ( { name = \"mail.example.com\"; sign_domain = \"example.com\"; } );", FINE, 0,
	 ""},
	{"sign_domain its own", DOMAIN("sign_domain = \"example.com\";"), FINE, 0, ""},
	{"sign_domain of a child", DOMAIN("sign_domain = \"mail.example.com\";"), ERROR, 1,
	 "the domain itself or a parent of it"},
	{"sign_domain of another", DOMAIN("\nsign_domain = \"example.net\";"), ERROR, 2,
	 "a parent"},
	{"sign_domain a public suffix",
	 "domains = ( { name = \"example.co.uk\"; sign_domain = \"co.uk\"; } );", ERROR, 1,
	 "a public suffix cannot sign"},
	{"also",
	 "domains = ( { name = \"a.example\"; sign = { also = [\"b.example\"]; }; },\n"
	 "{ name = \"b.example\"; } );",
	 FINE, 0, ""},
	{"also for all",
	 "sign = { also = [\"b.example\"]; }; domains = ( { name = \"b.example\"; } );", FINE, 0,
	 ""},
	{"also unknown", "\nsign = { also = [\"b.example\"]; };", ERROR, 2,
	 "sign.also: b.example is no domain of this configuration"},
	{"also near",
	 "domains = ( { name = \"a.example\";\n sign = { also = [\"bb.exampl\"]; }; },\n"
	 "{ name = \"bb.example\"; } );",
	 ERROR, 2,
	 "domain a.example: sign.also: bb.exampl is no domain of this configuration; is "
	 "bb.example meant?"},
	{"also an alias",
	 "sign = { also = [\"c.example\"]; };\n"
	 "domains = ( { name = \"b.example\"; aliases = [\"c.example\"]; } );",
	 ERROR, 1, "c.example is an alias"},
	{"also twice",
	 "sign = { also = [\"b.example\", \"b.example\"]; };\n"
	 "domains = ( { name = \"b.example\"; } );",
	 ERROR, 1, "b.example is listed twice"},
	{"also itself", DOMAIN("sign = { also = [\"example.com\"]; };"), WARN, 1,
	 "signs for itself"},
	{"also disabled",
	 "sign = { also = [\"b.example\"]; };\n"
	 "domains = ( { name = \"b.example\"; mode = \"disabled\"; } );",
	 WARN, 1, "b.example is not enabled"},
	{"also too many",
	 DOMAIN("sign = { also = [\"a1.example\", \"a2.example\", \"a3.example\", \"a4.example\", "
		"\"a5.example\", \"a6.example\", \"a7.example\", \"a8.example\", \"a9.example\", "
		"\"b1.example\", \"b2.example\", \"b3.example\", \"b4.example\", \"b5.example\", "
		"\"b6.example\", \"b7.example\"]; };"),
	 ERROR, 1, "34 signatures on one message, at most 32"},
};

static void check_row(const struct row *row)
{
	struct conf *c = NULL;
	struct conf_problems p;
	struct err e = ERR_INIT;
	enum rc rc;
	bool good;

	conf_problems_init(&p);
	rc = read_text(row->text, &c, &p, &e);
	if (row->severity == FINE)
		good = p.v.len == 0;
	else
		good = p.v.len == 1 &&
		       said(&p, (enum conf_severity)row->severity, row->line, row->words);
	CU_ASSERT(good);
	if (!good) {
		fprintf(stderr, "%s: wanted %d on line %u: %s; got:\n", row->label, row->severity,
			row->line, row->words);
		show_problems(&p);
	}
	CU_ASSERT_EQUAL(rc, row->severity == ERROR ? RC_CONF : RC_OK);
	CU_ASSERT_EQUAL(c == NULL, row->severity == ERROR);
	conf_free(c);
	conf_problems_clear(&p);
}

static void test_rows(void)
{
	CU_ASSERT(COUNT_OF(rows) >= 100);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		ROW(rows[i].label);
		check_row(&rows[i]);
	}
	ROW("");
}

static struct conf *must_read(const char *text)
{
	struct conf *c = NULL;
	struct conf_problems p;
	struct err e = ERR_INIT;

	conf_problems_init(&p);
	if (!ASSERT_OK(read_text(text, &c, &p, &e), &e)) {
		show_problems(&p);
		exit(1);
	}
	conf_problems_clear(&p);
	return c;
}

static void assert_list(const char *const *list, const char *wanted)
{
	struct buf joined;

	buf_init(&joined, 10000);
	for (; *list != NULL; list++)
		CU_ASSERT_EQUAL(buf_addf(&joined, NULL, "%s ", *list), RC_OK);
	ASSERT_SPAN(buf_span(&joined), span_str(wanted));
	buf_clear(&joined);
}

static void test_defaults(void)
{
	struct conf *c = must_read("");
	struct stat st;

	if (stat("/var/spool/postfix/mailseal", &st) == 0)
		ASSERT_STR(c->milter_socket, "unix:/var/spool/postfix/mailseal/mailseal.sock");
	else
		ASSERT_STR(c->milter_socket, "unix:/run/mailseal/mailseal.sock");
	CU_ASSERT_EQUAL(c->milter_backlog, 128);
	CU_ASSERT_EQUAL(c->milter_timeout, 7200);
	CU_ASSERT_EQUAL(c->milter_stop_timeout, 30);
	ASSERT_STR(c->state_dir, "/var/lib/mailseal");
	ASSERT_STR(c->user, "mailseal");
	ASSERT_STR(c->recipient_delimiter, "+");
	ASSERT_STR(c->control_socket, "/run/mailseal/control.sock");
	CU_ASSERT_EQUAL(c->log_target, LOG_AUTO);
	CU_ASSERT_EQUAL(c->log_level, LEVEL_INFO);
	CU_ASSERT_EQUAL(c->log_format, FORMAT_PLAIN);
	CU_ASSERT_EQUAL(c->limit_headers, 1000000);
	CU_ASSERT_EQUAL(c->limit_message, 100000000);
	CU_ASSERT_EQUAL(c->limit_recipients, 1000);
	ASSERT_STR(c->spool_dir, "/var/lib/mailseal/spool");
	CU_ASSERT_EQUAL(c->spool_memory, 1000000);
	CU_ASSERT_EQUAL(c->trust.n_networks, 2);
	assert_list(c->trust.daemons, "ORIGINATING ");
	assert_list(c->trust.not_daemons, "");
	CU_ASSERT_EQUAL(c->trust.n_certificates, 0);
	CU_ASSERT_FALSE(c->trust.any);
	CU_ASSERT_EQUAL(c->trust.sender_match, MATCH_WARN);
	CU_ASSERT_EQUAL(c->rotate.every, 90 * 86400);
	CU_ASSERT_EQUAL(c->rotate.retire, 7 * 86400);
	CU_ASSERT_EQUAL(c->rotate.rsa_bits, 2048);
	CU_ASSERT_EQUAL(c->rotate.standby, 0);
	ASSERT_STR(c->dns.resolver, "");
	CU_ASSERT_EQUAL(c->dns.check, DNS_CHECK_ALL);
	CU_ASSERT_EQUAL(c->dns.max_wait, 86400);
	CU_ASSERT_EQUAL(c->dns.ttl, 3600);
	ASSERT_STR(c->dns.push, "");
	ASSERT_STR(c->dns.tsig_key_file, "");
	ASSERT_STR(c->dns.hook, "");
	CU_ASSERT_EQUAL(c->n_domains, 0);
	CU_ASSERT_PTR_NULL(conf_domain_find(c, "example.com"));
	CU_ASSERT_PTR_NULL(conf_domain_for_mail(c, "example.com"));
	conf_free(c);
}

static void test_sign_defaults(void)
{
	struct conf *c = must_read("");

	CU_ASSERT(c->sign.enabled);
	CU_ASSERT_EQUAL(c->sign.n_algorithms, 2);
	CU_ASSERT_EQUAL(c->sign.algorithms[0], DKIM_RSA_SHA256);
	CU_ASSERT_EQUAL(c->sign.algorithms[1], DKIM_ED25519_SHA256);
	CU_ASSERT_EQUAL(c->sign.policy.header_canon, CANON_RELAXED);
	CU_ASSERT_EQUAL(c->sign.policy.body_canon, CANON_RELAXED);
	CU_ASSERT_PTR_EQUAL(c->sign.policy.sign, dkim_default_sign);
	CU_ASSERT_PTR_EQUAL(c->sign.policy.oversign, dkim_default_oversign);
	CU_ASSERT_EQUAL(c->sign.policy.expire, 0);
	ASSERT_STR(c->sign.policy.identity, "");
	CU_ASSERT_FALSE(c->sign.policy.diagnostics);
	CU_ASSERT_FALSE(c->sign.policy.ulabels);
	assert_list(c->sign.also, "");
	CU_ASSERT_EQUAL(c->sign.existing, EXISTING_KEEP);
	CU_ASSERT_EQUAL(c->sign.repair, REPAIR_NONE);
	CU_ASSERT_EQUAL(c->sign.before_dns, BEFORE_DNS_UNSIGNED);
	CU_ASSERT_EQUAL(c->sign.on_error, ON_ERROR_TEMPFAIL);
	CU_ASSERT(c->sign.local);
	conf_free(c);
}

/* Each value is another than the default, so that a field that is mixed up shows. */
static void test_values(void)
{
	struct conf *c = must_read(
		"milter = { socket = \"inet:7@127.0.0.1\"; backlog = 9; timeout = \"11s\";"
		" stop_timeout = \"12s\"; }; state_dir = \"/s\"; user = \"u\";"
		"recipient_delimiter = \"-\"; control = { socket = \"/c\"; };"
		"log = { target = \"journal\"; level = \"error\"; format = \"opendkim\"; };"
		"limits = { headers = \"20kB\"; message = \"1MiB\"; recipients = 13; };"
		"spool = { dir = \"/sp\"; memory = \"14kB\"; };"
		"trust = { networks = [\"::ffff:192.0.2.0/120\", \"10.1.2.3/9\"]; daemons = "
		"[\"D\"];"
		" not_daemons = [\"N\", \"M\"]; certificates = ( { issuer = \"I\"; } );"
		" any = true; sender_match = \"off\"; };"
		"sign = { enabled = false; canonicalization = \"simple/relaxed\";"
		" algorithms = [\"ed25519-sha256\"]; expire = \"7d\"; identity = "
		"\"A@B\xc3\xbc.Example\";"
		" diagnostics = true; ulabels = true; existing = \"replace\"; repair = \"mime\";"
		" before_dns = \"sign\"; on_error = \"unsigned\"; local = false; };"
		"rotate = { every = \"1d\"; retire = \"2d\"; rsa_bits = 3072; standby = 2; };"
		"dns = { resolver = \"::1@5353\"; check = \"none\"; max_wait = \"1h\"; ttl = "
		"\"2h\";"
		" push = \"p\"; tsig_key_file = \"t\"; hook = \"h\"; };");

	ASSERT_STR(c->milter_socket, "inet:7@127.0.0.1");
	CU_ASSERT_EQUAL(c->milter_backlog, 9);
	CU_ASSERT_EQUAL(c->milter_timeout, 11);
	CU_ASSERT_EQUAL(c->milter_stop_timeout, 12);
	ASSERT_STR(c->state_dir, "/s");
	ASSERT_STR(c->user, "u");
	ASSERT_STR(c->recipient_delimiter, "-");
	ASSERT_STR(c->control_socket, "/c");
	CU_ASSERT_EQUAL(c->log_target, LOG_JOURNAL);
	CU_ASSERT_EQUAL(c->log_level, LEVEL_ERROR);
	CU_ASSERT_EQUAL(c->log_format, FORMAT_OPENDKIM);
	CU_ASSERT_EQUAL(c->limit_headers, 20000);
	CU_ASSERT_EQUAL(c->limit_message, 1 << 20);
	CU_ASSERT_EQUAL(c->limit_recipients, 13);
	ASSERT_STR(c->spool_dir, "/sp");
	CU_ASSERT_EQUAL(c->spool_memory, 14000);
	CU_ASSERT_EQUAL(c->trust.networks[0].bytes, 4);
	CU_ASSERT_EQUAL(c->trust.networks[0].bits, 24);
	CU_ASSERT_EQUAL(memcmp(c->trust.networks[1].addr, "\x0a\x00\x00\x00", 4), 0);
	assert_list(c->trust.daemons, "D ");
	assert_list(c->trust.not_daemons, "N M ");
	CU_ASSERT_EQUAL(c->trust.n_certificates, 1);
	ASSERT_STR(c->trust.certificates[0].subject, "");
	ASSERT_STR(c->trust.certificates[0].issuer, "I");
	CU_ASSERT(c->trust.any);
	CU_ASSERT_EQUAL(c->trust.sender_match, MATCH_OFF);
	CU_ASSERT_EQUAL(c->rotate.every, 86400);
	CU_ASSERT_EQUAL(c->rotate.retire, 2 * 86400);
	CU_ASSERT_EQUAL(c->rotate.rsa_bits, 3072);
	CU_ASSERT_EQUAL(c->rotate.standby, 2);
	ASSERT_STR(c->dns.resolver, "::1@5353");
	CU_ASSERT_EQUAL(c->dns.check, DNS_CHECK_NONE);
	CU_ASSERT_EQUAL(c->dns.max_wait, 3600);
	CU_ASSERT_EQUAL(c->dns.ttl, 7200);
	ASSERT_STR(c->dns.push, "p");
	ASSERT_STR(c->dns.tsig_key_file, "t");
	ASSERT_STR(c->dns.hook, "h");
	CU_ASSERT_FALSE(c->sign.enabled);
	CU_ASSERT_EQUAL(c->sign.n_algorithms, 1);
	CU_ASSERT_EQUAL(c->sign.algorithms[0], DKIM_ED25519_SHA256);
	CU_ASSERT_EQUAL(c->sign.policy.header_canon, CANON_SIMPLE);
	CU_ASSERT_EQUAL(c->sign.policy.body_canon, CANON_RELAXED);
	CU_ASSERT_EQUAL(c->sign.policy.expire, 7 * 86400);
	ASSERT_STR(c->sign.policy.identity, "A@xn--b-eha.example");
	CU_ASSERT(c->sign.policy.diagnostics && c->sign.policy.ulabels);
	CU_ASSERT_EQUAL(c->sign.existing, EXISTING_REPLACE);
	CU_ASSERT_EQUAL(c->sign.repair, REPAIR_MIME);
	CU_ASSERT_EQUAL(c->sign.before_dns, BEFORE_DNS_SIGN);
	CU_ASSERT_EQUAL(c->sign.on_error, ON_ERROR_UNSIGNED);
	CU_ASSERT_FALSE(c->sign.local);
	conf_free(c);
}

static const struct {
	const char *label, *text, *sign, *oversign;
} field_rows[] = {
	{"headers alone keep of the default oversigned what they have",
	 "headers = [\"subject\", \"X-A\", \"from\"];", "subject X-A from ", "From Subject "},
	{"From is always signed", "headers = [\"X-A\"]; oversign = [\"X-A\"];", "From X-A ",
	 "X-A "},
	{"oversigned is signed too",
	 "headers = [\"From\", \"X-A\"]; oversign = [\"x-a\", \"X-B\"];", "From X-A X-B ",
	 "x-a X-B "},
};

static void test_fields(void)
{
	for (size_t i = 0; i < COUNT_OF(field_rows); i++) {
		char text[400];
		struct conf *c;

		ROW(field_rows[i].label);
		snprintf(text, sizeof(text), "sign = { %s };", field_rows[i].text);
		c = must_read(text);
		assert_list(c->sign.policy.sign, field_rows[i].sign);
		assert_list(c->sign.policy.oversign, field_rows[i].oversign);
		conf_free(c);
	}
	ROW("");
}

static void test_oversign_alone(void)
{
	struct conf *c = must_read("sign = { oversign = [\"X-A\", \"To\"]; };");
	size_t n = 0, m = 0;

	assert_list(c->sign.policy.oversign, "X-A To ");
	while (dkim_default_sign[n] != NULL) {
		ASSERT_STR(c->sign.policy.sign[n], dkim_default_sign[n]);
		n++;
	}
	while (c->sign.policy.sign[m] != NULL)
		m++;
	CU_ASSERT_EQUAL(m, n + 1);
	ASSERT_STR(c->sign.policy.sign[n], "X-A");
	conf_free(c);
}

static void test_domain_values(void)
{
	struct conf *c = must_read(
		"sign = { existing = \"replace\"; headers = [\"From\", \"To\"]; };\n"
		"rotate = { rsa_bits = 3072; }; dns = { ttl = \"2h\"; };\n"
		"domains = ( { name = \"Z.example\"; },\n"
		"{ name = \"mail.b\xc3\xbc"
		"cher.example\"; aliases = [\"Q.example\", \"p.example\"];\n"
		"  subdomains = true; observe = true; sign_domain = \"b\xc3\xbc"
		"cher.example\";\n"
		"  mode = \"disabled\"; sign = { on_error = \"unsigned\"; oversign = [\"Cc\"]; };\n"
		"  rotate = { rsa_bits = 4096; }; dns = { resolver = \"::1\"; }; } );");
	const struct conf_domain *d = &c->domains[0], *z = &c->domains[1];

	CU_ASSERT_EQUAL(c->n_domains, 2);
	CU_ASSERT_EQUAL(c->n_names, 4);
	ASSERT_STR(d->name, "mail.xn--bcher-kva.example");
	assert_list(d->aliases, "q.example p.example ");
	CU_ASSERT_EQUAL(d->mode, MODE_DISABLED);
	CU_ASSERT(d->subdomains && d->observe);
	ASSERT_STR(d->sign_domain, "xn--bcher-kva.example");
	CU_ASSERT_EQUAL(d->sign.existing, EXISTING_REPLACE);
	CU_ASSERT_EQUAL(d->sign.on_error, ON_ERROR_UNSIGNED);
	assert_list(d->sign.policy.sign, "From To Cc ");
	assert_list(d->sign.policy.oversign, "Cc ");
	CU_ASSERT_EQUAL(d->rotate.rsa_bits, 4096);
	CU_ASSERT_EQUAL(d->rotate.retire, 7 * 86400);
	ASSERT_STR(d->dns.resolver, "::1");
	CU_ASSERT_EQUAL(d->dns.ttl, 7200);
	ASSERT_STR(d->file, test_path("mailseal.conf"));
	CU_ASSERT_EQUAL(d->line, 4);
	ASSERT_STR(z->name, "z.example");
	ASSERT_STR(z->sign_domain, "z.example");
	assert_list(z->aliases, "");
	CU_ASSERT_EQUAL(z->mode, MODE_ENABLED);
	CU_ASSERT_FALSE(z->subdomains || z->observe);
	CU_ASSERT_EQUAL(z->sign.on_error, ON_ERROR_TEMPFAIL);
	CU_ASSERT_PTR_EQUAL(z->sign.policy.sign, c->sign.policy.sign);
	CU_ASSERT_EQUAL(z->rotate.rsa_bits, 3072);
	CU_ASSERT_PTR_EQUAL(conf_domain_find(c, "p.example"), d);
	CU_ASSERT_PTR_EQUAL(conf_domain_find(c, "q.example"), d);
	CU_ASSERT_PTR_EQUAL(conf_domain_find(c, "z.example"), z);
	CU_ASSERT_PTR_NULL(conf_domain_find(c, "x.example"));
	CU_ASSERT_PTR_NULL(conf_domain_find(c, ""));
	conf_free(c);
}

/* The global list reaches a domain that it names without the domain itself. */
static void test_also(void)
{
	struct conf *c =
		must_read("sign = { also = [\"b.example\", \"c.example\"]; };\n"
			  "domains = ( { name = \"a.example\"; }, { name = \"b.example\"; },\n"
			  "{ name = \"c.example\"; sign = { also = []; }; } );");

	assert_list(c->domains[0].sign.also, "b.example c.example ");
	assert_list(c->domains[1].sign.also, "c.example ");
	assert_list(c->domains[2].sign.also, "");
	conf_free(c);
}

static const struct {
	const char *label, *name, *found;
} mail_rows[] = {
	{"exact", "example.com", "example.com"},
	{"below one with subdomains", "x.example.com", "example.com"},
	{"far below", "x.y.z.example.com", "example.com"},
	{"the nearest", "x.deep.example.com", "deep.example.com"},
	{"one without subdomains is passed over", "x.flat.example.com", "example.com"},
	{"itself, without subdomains", "flat.example.com", "flat.example.com"},
	{"below an alias", "x.example.org", "example.com"},
	{"above", "com", NULL},
	{"no boundary", "xexample.com", NULL},
	{"another", "example.net", NULL},
	{"nothing", "", NULL},
};

static void test_for_mail(void)
{
	struct conf *c = must_read("domains = ( { name = \"example.com\"; subdomains = true;\n"
				   " aliases = [\"example.org\"]; }, { name = "
				   "\"deep.example.com\"; subdomains = true; },\n"
				   "{ name = \"flat.example.com\"; } );");

	for (size_t i = 0; i < COUNT_OF(mail_rows); i++) {
		const struct conf_domain *d = conf_domain_for_mail(c, mail_rows[i].name);

		ROW(mail_rows[i].label);
		CU_ASSERT_EQUAL(d == NULL, mail_rows[i].found == NULL);
		if (d != NULL && mail_rows[i].found != NULL)
			ASSERT_STR(d->name, mail_rows[i].found);
	}
	ROW("");
	conf_free(c);
}

static const struct {
	const char *network, *addr;
	bool has;
} network_rows[] = {
	{"127.0.0.0/8", "127.255.0.1", true},
	{"127.0.0.0/8", "128.0.0.1", false},
	{"127.0.0.0/8", "::ffff:127.0.0.1", true},
	{"10.1.2.128/25", "10.1.2.128", true},
	{"10.1.2.128/25", "10.1.2.127", false},
	{"192.0.2.7", "192.0.2.7", true},
	{"192.0.2.7", "192.0.2.6", false},
	{"0.0.0.0/0", "203.0.113.1", true},
	{"0.0.0.0/0", "2001:db8::1", false},
	{"::1", "::1", true},
	{"::1", "::2", false},
	{"2001:db8::/33", "2001:db8:7fff::1", true},
	{"2001:db8::/33", "2001:db8:8000::1", false},
	{"::/0", "2001:db8::1", true},
	{"::/0", "::ffff:192.0.2.1", false},
	{"::ffff:192.0.2.0/120", "192.0.2.200", true},
	{"::ffff:192.0.2.0/120", "::ffff:192.0.2.200", true},
	{"::ffff:192.0.2.0/120", "192.0.3.1", false},
};

static void test_accounts(void)
{
	static const struct {
		const char *label;
		struct span local;
		bool is_one;
	} locals[] = {
		{"the first", SPAN_LIT("ann"), true},
		{"the last", SPAN_LIT("z.\xc3\xa4"), true},
		{"in capitals, as it was written", SPAN_LIT("JIM"), true},
		{"in small letters", SPAN_LIT("jim"), true},
		{"longer than the one before", SPAN_LIT("jimmy"), true},
		{"the beginning of one", SPAN_LIT("ji"), false},
		{"longer than one", SPAN_LIT("annn"), false},
		{"between two", SPAN_LIT("bob"), false},
		{"behind all", SPAN_LIT("zz\xff"), false},
		{"a NUL behind one", SPAN_LIT("ann\0"), false},
		{"nothing", SPAN_LIT(""), false},
	};
	struct conf *c = must_read("domains = ( { name = \"a.example\"; accounts = [\"john\", "
				   "\"Jim\", \"z.\xc3\xa4\", \"jimmy\", \"ann\"]; },\n"
				   "  { name = \"b.example\"; accounts = []; },\n"
				   "  { name = \"c.example\"; } );");

	CU_ASSERT_EQUAL(c->domains[0].n_accounts, 5);
	for (size_t i = 0; i < COUNT_OF(locals); i++) {
		ROW(locals[i].label);
		CU_ASSERT_EQUAL(conf_domain_has_account(&c->domains[0], locals[i].local),
				locals[i].is_one);
		CU_ASSERT_FALSE(conf_domain_has_account(&c->domains[1], locals[i].local));
		CU_ASSERT_TRUE(conf_domain_has_account(&c->domains[2], locals[i].local));
	}
	ROW("");
	conf_free(c);
}

static void test_networks(void)
{
	for (size_t i = 0; i < COUNT_OF(network_rows); i++) {
		bool six = strchr(network_rows[i].addr, ':') != NULL;
		uint8_t addr[16];
		char text[200];
		struct conf *c;

		ROW(network_rows[i].network);
		snprintf(text, sizeof(text), "trust = { networks = [\"%s\"]; };",
			 network_rows[i].network);
		c = must_read(text);
		CU_ASSERT_EQUAL(inet_pton(six ? AF_INET6 : AF_INET, network_rows[i].addr, addr), 1);
		CU_ASSERT_EQUAL(conf_network_has(&c->trust.networks[0], addr, six ? 16 : 4),
				network_rows[i].has);
		conf_free(c);
	}
	ROW("");
}

/* A directory with mailseal.conf and domains.d of its own. */
static const char *make_site(const char *name, const char *text)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/domains.d", test_path(name));
	CU_ASSERT_EQUAL(mkdir(test_path(name), 0700), 0);
	CU_ASSERT_EQUAL(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/mailseal.conf", name);
	write_file(test_path(path), span_str(text));
	return test_path(path);
}

static void add_to_site(const char *name, const char *file, const char *text)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/domains.d/%s", name, file);
	write_file(test_path(path), span_str(text));
}

static void test_domains_dir(void)
{
	const char *main_file = make_site("good", "domains = ( { name = \"m.example\"; } );");
	struct conf *c = NULL;
	struct conf_problems p;
	struct err e = ERR_INIT;

	add_to_site("good", "b.conf", "domains = ( { name = \"b.example\"; } );");
	add_to_site("good", "a.conf", "# nothing\n");
	add_to_site("good", "c.conf.bak", "this is no configuration");
	add_to_site("good", ".hidden.conf", "nor is this");
	add_to_site("good", ".conf", "nor this");
	add_to_site(
		"good", "d.conf",
		"domains = (\n { name = \"d.example\"; sign = { also = [\"m.example\"]; }; } );");
	conf_problems_init(&p);
	ASSERT_OK(conf_read(main_file, &c, &p, &e), &e);
	CU_ASSERT_EQUAL(p.v.len, 0);
	show_problems(&p);
	CU_ASSERT_EQUAL(c->n_domains, 3);
	ASSERT_STR(c->file, main_file);
	ASSERT_STR(conf_domain_find(c, "d.example")->file, test_path("good/domains.d/d.conf"));
	CU_ASSERT_EQUAL(conf_domain_find(c, "d.example")->line, 2);
	conf_free(c);
	conf_problems_clear(&p);
}

/* What a backup must take along. */
static void test_files(void)
{
	static const char *const want[] = {
		"files/mailseal.conf",	  "files/one.inc",	     "files/domains.d/two.inc",
		"files/domains.d/a.conf", "files/domains.d/two.inc", "files/domains.d/b.conf",
		"files/aliases",
	};
	const char *main_file = make_site("files", "");
	struct conf *c = NULL;
	struct err e = ERR_INIT;
	char text[1000];

	snprintf(text, sizeof(text), "@include \"one.inc\"\nalias_maps = [\"%s\"];\n",
		 test_path("files/aliases"));
	write_file(main_file, span_str(text));
	write_file(test_path("files/aliases"), SPAN_LIT("# none\n"));
	write_file(test_path("files/one.inc"), SPAN_LIT("@include \"domains.d/two.inc\"\n"));
	add_to_site("files", "two.inc", "# nothing\n");
	add_to_site("files", "a.conf", "\n@include \"two.inc\"\n");
	add_to_site("files", "b.conf", "");
	ASSERT_OK(conf_read(main_file, &c, NULL, &e), &e);
	CU_ASSERT_EQUAL_FATAL(c->n_files, COUNT_OF(want));
	for (size_t i = 0; i < COUNT_OF(want); i++)
		ASSERT_STR(c->files[i], test_path(want[i]));
	CU_ASSERT_PTR_NULL(c->files[c->n_files]);
	conf_free(c);
}

/* Every problem of every file in one run, in order; what a file that cannot be read may have is not missed. */
static void test_all_at_once(void)
{
	const char *main_file =
		make_site("bad", "milter = { backlog = 0;\n socket = \"x\"; };\nnonsense = 1;\n"
				 "sign = { expire = \"1d\"; also = [\"gone.example\"]; };\n"
				 "domains = ( { name = \"two.example\"; } );\n");
	static const struct {
		const char *file;
		unsigned line;
		enum conf_severity severity;
		const char *words;
	} wanted[] = {
		{"bad/domains.d/1.conf", 2, CONF_ERROR, "needs quotes"},
		{"bad/domains.d/2.conf", 1, CONF_ERROR, "other settings belong into "},
		{"bad/domains.d/2.conf", 2, CONF_ERROR, "name: a domain is written as"},
		{"bad/domains.d/3.conf", 0, CONF_ERROR, "is a directory"},
		{"bad/domains.d/4.conf", 0, CONF_ERROR, "No such file"},
		{"bad/domains.d/5.conf", 1, CONF_ERROR, "a list ( { ... }, ... ) is wanted"},
		{"bad/domains.d/6.conf", 0, CONF_ERROR, "is no regular file"},
		{"bad/mailseal.conf", 1, CONF_ERROR, "milter.backlog"},
		{"bad/mailseal.conf", 2, CONF_ERROR, "milter.socket"},
		{"bad/mailseal.conf", 3, CONF_ERROR, "nonsense"},
		{"bad/mailseal.conf", 4, CONF_WARNING, "sign.expire"},
		{"bad/mailseal.conf", 5, CONF_ERROR, "the name two.example is given twice"},
	};
	struct conf *c = NULL;
	struct conf_problems p;
	struct err e = ERR_INIT;

	add_to_site("bad", "1.conf", "domains = ( {\n name = gone.example; } );");
	add_to_site(
		"bad", "2.conf",
		"log = { };\nname = \"x.example\";\ndomains = ( { name = \"two.example\"; } );");
	CU_ASSERT_EQUAL(mkdir(test_path("bad/domains.d/3.conf"), 0700), 0);
	CU_ASSERT_EQUAL(symlink("nowhere", test_path("bad/domains.d/4.conf")), 0);
	add_to_site("bad", "5.conf", "domains = { name = \"x.example\"; };");
	CU_ASSERT_EQUAL(mkfifo(test_path("bad/domains.d/6.conf"), 0600), 0);
	conf_problems_init(&p);
	conf_problems_add(&p, CONF_ERROR, "stale", 1, "what was there before goes");
	ASSERT_FAILS(conf_read(main_file, &c, &p, &e), RC_CONF, &e,
		     "11 errors in the configuration, the first: ");
	CU_ASSERT_PTR_NULL(c);
	CU_ASSERT_EQUAL(p.errors, 11);
	CU_ASSERT_EQUAL(p.warnings, 1);
	CU_ASSERT_EQUAL(p.v.len, COUNT_OF(wanted));
	for (size_t i = 0; i < COUNT_OF(wanted) && i < p.v.len; i++) {
		const struct conf_problem *x = vec_at(&p.v, i);

		ROW(wanted[i].words);
		ASSERT_STR(x->file, test_path(wanted[i].file));
		CU_ASSERT_EQUAL(x->line, wanted[i].line);
		CU_ASSERT_EQUAL(x->severity, wanted[i].severity);
		CU_ASSERT_PTR_NOT_NULL(strstr(x->text, wanted[i].words));
	}
	ROW("");
	conf_problems_clear(&p);
}

static void test_unreadable(void)
{
	const char *main_file = make_site("unreadable", "");
	struct conf *c = NULL;
	struct conf_problems p;
	struct err e = ERR_INIT;

	conf_problems_init(&p);
	ASSERT_FAILS(conf_read(test_path("none.conf"), &c, NULL, &e), RC_NOTFOUND, &e, "none.conf");
	ASSERT_FAILS(conf_read(test_dir(), &c, &p, &e), RC_CONF, &e, "is a directory");
	CU_ASSERT_EQUAL(p.errors, 1);
	CU_ASSERT_EQUAL(truncate(main_file, (64 << 20) + 1), 0);
	ASSERT_FAILS(conf_read(main_file, &c, &p, &e), RC_CONF, &e, "larger than");
	write_file(main_file, SPAN_LIT("a = 1;\n\0"));
	ASSERT_FAILS(conf_read(main_file, &c, NULL, &e), RC_CONF, &e, ":2: a NUL byte");
	if (geteuid() != 0) {
		CU_ASSERT_EQUAL(chmod(main_file, 0), 0);
		ASSERT_FAILS(conf_read(main_file, &c, &p, &e), RC_PERM, &e, main_file);
		write_file(main_file, SPAN_LIT(""));
		CU_ASSERT_EQUAL(chmod(test_path("unreadable/domains.d"), 0), 0);
		ASSERT_FAILS(conf_read(main_file, &c, &p, &e), RC_CONF, &e, "cannot be read");
		CU_ASSERT_EQUAL(chmod(test_path("unreadable/domains.d"), 0700), 0);
	}
	CU_ASSERT_PTR_NULL(c);
	conf_problems_clear(&p);
}

static void test_domains_dir_is_a_file(void)
{
	struct conf *c = NULL;
	struct err e = ERR_INIT;

	CU_ASSERT_EQUAL(mkdir(test_path("odd"), 0700), 0);
	write_file(test_path("odd/mailseal.conf"), SPAN_LIT(""));
	ASSERT_OK(conf_read(test_path("odd/mailseal.conf"), &c, NULL, &e), &e);
	c = conf_free(c);
	write_file(test_path("odd/domains.d"), SPAN_LIT(""));
	ASSERT_FAILS(conf_read(test_path("odd/mailseal.conf"), &c, NULL, &e), RC_CONF, &e,
		     "the directory cannot be read: Not a directory");
}

/* The name of the main file has no directory: domains.d is looked for in the current one. */
static void test_relative(void)
{
	const char *main_file = make_site("here", "");
	char before[4096];
	struct conf *c = NULL;
	struct err e = ERR_INIT;

	(void)main_file;
	add_to_site("here", "a.conf", "domains = ( { name = \"a.example\"; } );");
	CU_ASSERT_PTR_NOT_NULL(getcwd(before, sizeof(before)));
	CU_ASSERT_EQUAL(chdir(test_path("here")), 0);
	ASSERT_OK(conf_read("mailseal.conf", &c, NULL, &e), &e);
	CU_ASSERT_EQUAL(chdir(before), 0);
	CU_ASSERT_EQUAL(c->n_domains, 1);
	conf_free(c);
}

/* Many domains and many mistakes: each name is found, and nothing grows faster than the file. */
static void test_many(void)
{
	enum { MANY = 20000 };
	struct buf text;
	struct conf *c = NULL;
	struct conf_problems p;
	struct err e = ERR_INIT;
	char name[64];

	buf_init(&text, 8 << 20);
	ASSERT_OK(buf_adds(&text, "domains = (\n", &e), &e);
	for (unsigned i = 0; i < MANY; i++)
		ASSERT_OK(buf_addf(&text, &e, "{ name = \"d%u.example\"; },\n", i * 7919 % MANY),
			  &e);
	ASSERT_OK(buf_adds(&text, "{ name = \"last.example\"; } );\n", &e), &e);
	write_file(test_path("mailseal.conf"), buf_span(&text));
	ASSERT_OK(conf_read(test_path("mailseal.conf"), &c, NULL, &e), &e);
	CU_ASSERT_EQUAL(c->n_domains, MANY + 1);
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "d%u.example", i);
		CU_ASSERT_STRING_EQUAL(conf_domain_find(c, name)->name, name);
	}
	CU_ASSERT_PTR_NULL(conf_domain_find(c, "d.example"));
	c = conf_free(c);
	for (size_t i = 0; i + 5 < text.len; i++)
		if (memcmp(text.p + i, "name", 4) == 0)
			memcpy(text.p + i, "nama", 4);
	write_file(test_path("mailseal.conf"), buf_span(&text));
	conf_problems_init(&p);
	ASSERT_FAILS(conf_read(test_path("mailseal.conf"), &c, &p, &e), RC_CONF, &e,
		     "20001 errors in the configuration, the first: ");
	CU_ASSERT_EQUAL(p.v.len, 1000);
	conf_problems_clear(&p);
	buf_clear(&text);
}

int main(void)
{
	static const struct test tests[] = {
		{"each value, good and bad", test_rows},
		{"defaults", test_defaults},
		{"defaults of signing", test_sign_defaults},
		{"each value reaches its field", test_values},
		{"sign.headers and sign.oversign", test_fields},
		{"sign.oversign alone", test_oversign_alone},
		{"domains: values, inherited and their own", test_domain_values},
		{"sign.also: not for the domain itself", test_also},
		{"the domain of a message", test_for_mail},
		{"accounts of a domain", test_accounts},
		{"networks", test_networks},
		{"domains.d", test_domains_dir},
		{"the files that were read", test_files},
		{"all mistakes of all files at once, in order", test_all_at_once},
		{"files that cannot be read", test_unreadable},
		{"domains.d that is none, or missing", test_domains_dir_is_a_file},
		{"a main file without a directory", test_relative},
		{"many domains, many mistakes", test_many},
	};

	return test_main("conf", tests, COUNT_OF(tests));
}
