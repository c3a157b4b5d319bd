/* The file that a backup makes: what goes in comes out, and whatever is not as it should be is refused. */
#include "tool/archive.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "conf/conf.h"
#include "directory/keystore.h"
#include "directory/sqlite.h"
#include "directory/sqlite_image.h"
#include "test.h"
#include "tool/conffiles.h"

static const int64_t NOW = 1795521600;

/* What every archive here is made of. */
static struct {
	struct buf catalogue; /* has a selector with KEY, and one whose key is nowhere */
	struct key *key, *other;
	struct buf pem, other_pem;
	char name[80], other_name[80];
	struct buf image; /* a good archive of all that */
} good;

static enum rc take(void *ctx, struct span copy, struct err *err)
{
	return buf_add(ctx, copy, err);
}

static void add_selector(struct directory *d, const char *name, const struct key *k)
{
	struct err err = ERR_INIT;
	struct selector s = {.domain = "a.example",
			     .name = name,
			     .alg = DKIM_ED25519_SHA256,
			     .state = SEL_STANDBY,
			     .public_base64 = "MCow",
			     .bits = 256,
			     .created = NOW};

	memcpy(s.fingerprint, key_fingerprint(k), sizeof(s.fingerprint));
	ASSERT_OK(d->ops->selector_add(d, &s, &err), &err);
}

static struct key *new_key(struct buf *pem, char name[80])
{
	struct key *k = NULL;
	struct err err = ERR_INIT;

	ASSERT_OK(key_generate(KEY_ED25519, 0, &k, &err), &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(k);
	buf_init(pem, KEY_FILE_MAX);
	ASSERT_OK(key_write_pem(k, pem, &err), &err);
	snprintf(name, 80, "%s.pem", key_fingerprint(k));
	return k;
}

static struct archive_writer *begin(void)
{
	static const struct archive_head head = {
		.made = 1795521600,
		.version = "0.1",
		.conf_name = "mailseal.conf",
		.state_dir = "/var/lib/mailseal",
	};
	struct archive_writer *w = NULL;
	struct err err = ERR_INIT;

	ASSERT_OK(archive_begin(&head, &w, &err), &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(w);
	return w;
}

static void put(struct archive_writer *w, enum archive_kind kind, const char *name,
		struct span content)
{
	struct archive_file f = {.kind = kind, .name = name, .mode = 0640, .time = NOW - 1};
	struct err err = ERR_INIT;

	ASSERT_OK(archive_add(w, &f, content, &err), &err);
}

static struct buf end(struct archive_writer *w)
{
	struct span image = SPAN_NONE;
	struct err err = ERR_INIT;
	struct buf b;

	buf_init(&b, 64 << 20);
	ASSERT_OK(archive_end(w, &image, &err), &err);
	CU_ASSERT_EQUAL_FATAL(buf_add(&b, image, NULL), RC_OK);
	archive_writer_free(w);
	return b;
}

static void make_good(void)
{
	struct directory *d = NULL;
	struct err err = ERR_INIT;
	struct archive_writer *w;

	good.key = new_key(&good.pem, good.name);
	good.other = new_key(&good.other_pem, good.other_name);
	ASSERT_OK(directory_open(test_path("state"), DIRECTORY_CREATE, &d, &err), &err);
	add_selector(d, "s1", good.key);
	add_selector(d, "s2", good.other);
	buf_init(&good.catalogue, 64 << 20);
	ASSERT_OK(d->ops->backup(d, take, &good.catalogue, &err), &err);
	directory_close(d);
	w = begin();
	put(w, ARCHIVE_CONF, "mailseal.conf", SPAN_LIT("user = \"x\";\n"));
	put(w, ARCHIVE_CONF, "domains.d/a.conf", SPAN_NONE);
	put(w, ARCHIVE_CATALOGUE, CATALOGUE_FILE, buf_span(&good.catalogue));
	put(w, ARCHIVE_TRASH, good.other_name, buf_span(&good.other_pem));
	put(w, ARCHIVE_KEY, good.name, buf_span(&good.pem));
	good.image = end(w);
}

/* ---- what is right ---- */

static void test_there_and_back(void)
{
	struct archive *a = NULL;
	struct archive_summary s;
	struct err err = ERR_INIT;
	const struct archive_file *run;
	struct key *k = NULL;
	struct buf content;
	size_t n;

	ASSERT_OK(archive_open(buf_span(&good.image), "x.backup", &a, &err), &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(a);
	CU_ASSERT_EQUAL(archive_head(a)->made, NOW);
	ASSERT_STR(archive_head(a)->conf_name, "mailseal.conf");
	ASSERT_STR(archive_head(a)->state_dir, "/var/lib/mailseal");
	run = archive_run(a, ARCHIVE_CONF, &n);
	CU_ASSERT_EQUAL_FATAL(n, 2);
	ASSERT_STR(run[0].name, "domains.d/a.conf");
	CU_ASSERT_EQUAL(run[0].size, 0);
	CU_ASSERT_EQUAL(run[1].mode, 0640);
	CU_ASSERT_EQUAL(run[1].time, NOW - 1);
	buf_init(&content, 1000);
	ASSERT_OK(archive_content(a, &run[1], &content, &err), &err);
	ASSERT_SPAN(buf_span(&content), SPAN_LIT("user = \"x\";\n"));
	buf_clear(&content);
	run = archive_run(a, ARCHIVE_KEY, &n);
	CU_ASSERT_EQUAL_FATAL(n, 1);
	ASSERT_OK(archive_key(a, &run[0], &k, &err), &err);
	ASSERT_STR(key_fingerprint(k), key_fingerprint(good.key));
	key_unref(k);
	CU_ASSERT_TRUE(archive_has_key(a, ARCHIVE_KEY, key_fingerprint(good.key)));
	CU_ASSERT_FALSE(archive_has_key(a, ARCHIVE_KEY, key_fingerprint(good.other)));
	CU_ASSERT_TRUE(archive_has_key(a, ARCHIVE_TRASH, key_fingerprint(good.other)));
	ASSERT_OK(archive_check(a, &s, &err), &err);
	CU_ASSERT_EQUAL(s.selectors, 2);
	CU_ASSERT_EQUAL(s.without_key, 1);
	CU_ASSERT_EQUAL(s.certificates, 0);
	CU_ASSERT_EQUAL(s.keys, 1);
	CU_ASSERT_EQUAL(s.trash, 1);
	CU_ASSERT_EQUAL(s.conf_files, 2);
	archive_free(a);
}

#define X50 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define A63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* Names, for the writer and for the reader. */
static const struct {
	const char *label;
	enum archive_kind kind;
	const char *name;
	bool fine;
} name_rows[] = {
	{"a file", ARCHIVE_CONF, "mailseal.conf", true},
	{"a file below", ARCHIVE_CONF, "domains.d/b.conf", true},
	{"far below", ARCHIVE_CONF, "outside/srv/mail/common.conf", true},
	{"dots in a name", ARCHIVE_CONF, "..a/b..", true},
	{"another alphabet", ARCHIVE_CONF, "domains.d/b\xc3\xbc.conf", true},
	{"no name", ARCHIVE_CONF, "", false},
	{"absolute", ARCHIVE_CONF, "/etc/passwd", false},
	{"upwards", ARCHIVE_CONF, "../x", false},
	{"upwards in the middle", ARCHIVE_CONF, "a/../../x", false},
	{"upwards at the end", ARCHIVE_CONF, "a/..", false},
	{"this directory", ARCHIVE_CONF, "./x", false},
	{"nothing between slashes", ARCHIVE_CONF, "a//x", false},
	{"a slash at the end", ARCHIVE_CONF, "a/", false},
	{"a line end", ARCHIVE_CONF, "a\nb", false},
	{"an escape", ARCHIVE_CONF, "a\033[2J", false},
	{"a long part", ARCHIVE_CONF, X50 X50 X50 X50 X50 X50, false},
	{"a key", ARCHIVE_KEY, "a" A63 ".pem", true},
	{"a key in the trash", ARCHIVE_TRASH, "a" A63 ".pem", true},
	{"a key without its ending", ARCHIVE_KEY, "a" A63, false},
	{"a key in capital letters", ARCHIVE_KEY, "A" A63 ".pem", false},
	{"a short key", ARCHIVE_KEY, A63 ".pem", false},
	{"a key elsewhere", ARCHIVE_KEY, "../a" A63 ".pem", false},
	{"a key elsewhere, as long as one", ARCHIVE_TRASH,
	 "../../../../../../../../../../../../../../../../../../../../a/b/.pem", false},
	{"a key called after a letter", ARCHIVE_KEY, "x.pem", false},
	{"a catalogue of another name", ARCHIVE_CATALOGUE, "../catalogue.db", false},
};

static void test_names_to_write(void)
{
	struct archive_writer *w = begin();

	for (size_t i = 0; i < COUNT_OF(name_rows); i++) {
		struct archive_file f = {.kind = name_rows[i].kind, .name = name_rows[i].name};
		struct err err = ERR_INIT;

		ROW(name_rows[i].label);
		if (name_rows[i].fine)
			ASSERT_OK(archive_add(w, &f, SPAN_NONE, &err), &err);
		else
			ASSERT_FAILS(archive_add(w, &f, SPAN_NONE, &err), RC_INPUT, &err,
				     "no archive has a file of that name");
	}
	ROW("");
	archive_writer_free(w);
}

static void test_writer_refuses(void)
{
	struct archive_writer *w = begin();
	struct archive_file f = {.kind = ARCHIVE_CONF, .name = "a", .mode = 0600};
	struct err err = ERR_INIT;
	char large[KEY_FILE_MAX + 1] = "";

	ASSERT_OK(archive_add(w, &f, SPAN_NONE, &err), &err);
	ASSERT_FAILS(archive_add(w, &f, SPAN_NONE, &err), RC_EXISTS, &err,
		     "conf 'a': the archive has a file of that name already");
	f.name = "b";
	f.mode = 010000;
	ASSERT_FAILS(archive_add(w, &f, SPAN_NONE, &err), RC_INPUT, &err, "mode");
	f = (struct archive_file){.kind = ARCHIVE_KEY, .name = good.name, .mode = 0600};
	ASSERT_OK(archive_add(w, &f, span_of(large, KEY_FILE_MAX), &err), &err);
	f.name = good.other_name;
	ASSERT_FAILS(archive_add(w, &f, span_of(large, KEY_FILE_MAX + 1), &err), RC_LIMIT, &err,
		     "larger than the 65536 bytes");
	archive_writer_free(w);
}

/* ---- what is wrong ---- */

static void run_sql(sqlite3 *db, const char *sql)
{
	char *why = NULL;

	CU_ASSERT_EQUAL(sqlite3_exec(db, sql, NULL, NULL, &why), SQLITE_OK);
	if (why != NULL)
		fprintf(stderr, "%s: %s\n", sql, why);
	sqlite3_free(why);
}

/* The good archive, changed by SQL, as a strange program would. */
static struct buf changed(const char *sql, const char *text)
{
	struct err err = ERR_INIT;
	struct span bytes = SPAN_NONE;
	sqlite3 *db = NULL;
	sqlite3_stmt *st = NULL;
	struct buf b;

	buf_init(&b, 64 << 20);
	ASSERT_OK(image_copy(buf_span(&good.image), &db, &err), &err);
	sqlite3_db_config(db, SQLITE_DBCONFIG_WRITABLE_SCHEMA, 1, (int *)NULL);
	if (text != NULL) {
		CU_ASSERT_EQUAL_FATAL(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
		sqlite3_bind_text(st, 1, text, -1, SQLITE_STATIC);
		CU_ASSERT_EQUAL(sqlite3_step(st), SQLITE_DONE);
		sqlite3_finalize(st);
	} else {
		run_sql(db, sql);
	}
	ASSERT_OK(image_bytes(db, &bytes, &err), &err);
	CU_ASSERT_EQUAL_FATAL(buf_add(&b, bytes, NULL), RC_OK);
	sqlite3_close(db);
	return b;
}

/* No part of a private key is in a text. */
static void check_text(const struct err *err)
{
	struct span pem = buf_span(&good.pem), line;

	CU_ASSERT_PTR_NOT_NULL(strstr(err->text, "x.backup: "));
	while (span_split(&pem, '\n', &line))
		if (line.len > 12 && line.p[0] != '-')
			CU_ASSERT_EQUAL(
				span_search(span_str(err->text), span_sub(line, 4, 8), 0, false),
				strlen(err->text));
}

static void refused(struct span image, const char *words)
{
	struct archive *a = NULL;
	struct archive_summary s;
	struct err err = ERR_INIT;
	enum rc rc = archive_open(image, "x.backup", &a, &err);

	if (rc == RC_OK)
		rc = archive_check(a, &s, &err);
	ASSERT_FAILS(rc, RC_INPUT, &err, words);
	check_text(&err);
	archive_free(a);
}

static void test_names_to_read(void)
{
	for (size_t i = 0; i < COUNT_OF(name_rows); i++) {
		static const char *const sqls[] = {
			[ARCHIVE_CATALOGUE] = "UPDATE file SET name = ?1 WHERE kind = 'catalogue'",
			[ARCHIVE_CONF] = "UPDATE file SET name = ?1 WHERE size = 0",
			[ARCHIVE_KEY] = "UPDATE file SET name = ?1 WHERE kind = 'key'",
			[ARCHIVE_TRASH] = "UPDATE file SET name = ?1 WHERE kind = 'trash'",
		};
		struct buf b;

		/* There is a file of that name: the row would be another one's. */
		if (strcmp(name_rows[i].name, "mailseal.conf") == 0)
			continue;
		ROW(name_rows[i].label);
		b = changed(sqls[name_rows[i].kind], name_rows[i].name);
		refused(buf_span(&b), name_rows[i].fine ? "list of its files does not fit its hash"
							: "no archive has a file of that name");
		buf_clear(&b);
	}
	ROW("");
}

static const struct {
	const char *label, *sql, *words;
} sql_rows[] = {
	{"another application", "PRAGMA application_id = 7", "none that 'mailseal backup'"},
	{"a catalogue", "PRAGMA application_id = 1297311073",
	 "a catalogue, not what 'mailseal backup'"},
	{"no format", "PRAGMA user_version = 0", "none that 'mailseal backup'"},
	{"a newer format", "PRAGMA user_version = 2",
	 "format 2, this program knows up to 1; install the newer"},
	{"a table more", "CREATE TABLE more (x)", "'more' is strange to it"},
	{"a trigger more", "CREATE TRIGGER t AFTER INSERT ON file BEGIN SELECT 1; END",
	 "'t' is strange to it"},
	{"a view for the files",
	 "ALTER TABLE file RENAME TO was; CREATE VIEW file AS SELECT id, kind, name, mode, time,"
	 " size, sha256, zeroblob(1000000000) AS content FROM was",
	 "is strange to it"},
	{"content that is computed",
	 "ALTER TABLE file ADD COLUMN more AS (zeroblob(900000000)) VIRTUAL",
	 "'file' is strange to it"},
	{"no head", "DELETE FROM archive", "it has no head"},
	{"a head of wrong types", "UPDATE archive SET version = x'00'", "the head has a value"},
	{"a time that is a text", "UPDATE archive SET made = 'yesterday'", "the head has a value"},
	{"no hash over all", "UPDATE archive SET manifest = ''", "the head has a value"},
	{"another hash over all",
	 "UPDATE archive SET manifest = replace(hex(zeroblob(32)), '0', 'a')",
	 "list of its files does not fit"},
	{"made at another time", "UPDATE archive SET made = made + 1", "does not fit its hash"},
	{"another main file", "UPDATE archive SET conf_name = 'domains.d/a.conf'",
	 "does not fit its hash"},
	{"a kind that there is not", "UPDATE file SET kind = 'device' WHERE kind = 'key'",
	 "'device' is no kind of file"},
	{"a kind that is no text", "UPDATE file SET kind = x'6b6579' WHERE kind = 'key'",
	 "a value of a wrong type"},
	{"a name that is no text", "UPDATE file SET name = CAST(name AS BLOB) WHERE size = 0",
	 "a value of a wrong type"},
	{"a name with a NUL", "UPDATE file SET name = 'a' || char(0) || 'b' WHERE size = 0",
	 "a value of a wrong type"},
	{"a mode that is a text", "UPDATE file SET mode = 'rwx'", "a value of a wrong type"},
	{"a mode that is none", "UPDATE file SET mode = 65536", "mode 65536 is none"},
	{"a mode below zero", "UPDATE file SET mode = -1", "mode -1 is none"},
	{"a time that is a fraction", "UPDATE file SET time = 0.5", "a value of a wrong type"},
	{"a size that is a text", "UPDATE file SET size = 'much' WHERE size = 0",
	 "a value of a wrong type"},
	{"a size below zero", "UPDATE file SET size = -1 WHERE size = 0", "has 0 bytes and should"},
	{"a size that is too large", "UPDATE file SET size = 9223372036854775807 WHERE size = 0",
	 "has 0 bytes and should have"},
	{"content that is a text", "UPDATE file SET content = 'abc', size = 3 WHERE size = 0",
	 "a value of a wrong type"},
	{"content that is another", "UPDATE file SET content = x'00', size = 1 WHERE size = 0",
	 "does not fit its hash"},
	{"content that is shorter", "UPDATE file SET content = x'' WHERE kind = 'key'",
	 "has 0 bytes and should have"},
	{"a key that is too large",
	 "UPDATE file SET content = zeroblob(65537), size = 65537 WHERE kind = 'key'",
	 "larger than the 65536 bytes that are allowed"},
	{"a hash that is a number", "UPDATE file SET sha256 = 5 WHERE kind = 'key'",
	 "does not fit its hash"},
	{"no catalogue", "DELETE FROM file WHERE kind = 'catalogue'", "does not fit its hash"},
	{"a key less", "DELETE FROM file WHERE kind = 'key'", "does not fit its hash"},
	{"a key moved to the trash", "UPDATE file SET kind = 'trash' WHERE kind = 'key'",
	 "does not fit its hash"},
};

static void test_changed(void)
{
	for (size_t i = 0; i < COUNT_OF(sql_rows); i++) {
		struct buf b = changed(sql_rows[i].sql, NULL);

		ROW(sql_rows[i].label);
		refused(buf_span(&b), sql_rows[i].words);
		buf_clear(&b);
	}
	ROW("");
}

static void test_cut(void)
{
	refused(SPAN_NONE, "no SQLite database");
	refused(SPAN_LIT("-----BEGIN PRIVATE KEY-----\n"), "no SQLite database");
	refused(buf_span(&good.catalogue), "a catalogue, not what 'mailseal backup'");
	for (size_t len = 16; len < good.image.len; len += 997)
		refused(span_sub(buf_span(&good.image), 0, len), "cut short");
}

/* A catalogue of the day after tomorrow. */
static struct buf newer_catalogue(void)
{
	struct span bytes = SPAN_NONE;
	struct err err = ERR_INIT;
	sqlite3 *db = NULL;
	struct buf b;

	buf_init(&b, 64 << 20);
	ASSERT_OK(image_copy(buf_span(&good.catalogue), &db, &err), &err);
	run_sql(db, "PRAGMA user_version = 9999");
	ASSERT_OK(image_bytes(db, &bytes, &err), &err);
	CU_ASSERT_EQUAL_FATAL(buf_add(&b, bytes, NULL), RC_OK);
	sqlite3_close(db);
	return b;
}

/* A key in whose middle something else stands. */
static struct buf broken_key(void)
{
	struct buf b;

	buf_init(&b, KEY_FILE_MAX);
	CU_ASSERT_EQUAL_FATAL(buf_add(&b, buf_span(&good.pem), NULL), RC_OK);
	memcpy(b.p + 35, "AAAA", 4);
	return b;
}

/* Archives of a program that lies: every hash fits, and the content is not what it should be. */
static void test_content(void)
{
	struct buf newer = newer_catalogue(), broken = broken_key();
	struct span catalogue = buf_span(&good.catalogue), pem = buf_span(&good.pem);
	const struct {
		const char *label;
		struct span catalogue, key;
		const char *words;
	} rows[] = {
		{"no catalogue but something", SPAN_LIT("nothing"), pem,
		 "x.backup: its catalogue: no SQLite database"},
		{"a catalogue that is cut", span_sub(catalogue, 0, 8192), pem,
		 "its catalogue: cut short"},
		{"a newer catalogue", buf_span(&newer), pem,
		 "its catalogue: written by a newer mailseal: schema 9999"},
		{"an archive for a catalogue", buf_span(&good.image), pem,
		 "not a catalogue of mailseal"},
		{"no key", catalogue, SPAN_LIT("nothing"), ".pem'"},
		{"a damaged key", catalogue, buf_span(&broken), ".pem'"},
		{"a key without its end", catalogue, span_sub(pem, 0, 60), ".pem'"},
		{"another key", catalogue, buf_span(&good.other_pem),
		 "holds another key (fingerprint "},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct archive_writer *w = begin();
		struct buf image;

		ROW(rows[i].label);
		put(w, ARCHIVE_CONF, "mailseal.conf", SPAN_NONE);
		put(w, ARCHIVE_CATALOGUE, CATALOGUE_FILE, rows[i].catalogue);
		put(w, ARCHIVE_KEY, good.name, rows[i].key);
		image = end(w);
		refused(buf_span(&image), rows[i].words);
		buf_clear(&image);
	}
	ROW("");
	buf_clear(&newer);
	buf_wipe(&broken);
}

static void test_parts_missing(void)
{
	struct archive_writer *w = begin();
	struct buf image;

	put(w, ARCHIVE_CONF, "mailseal.conf", SPAN_NONE);
	image = end(w);
	refused(buf_span(&image), "it has no catalogue");
	buf_clear(&image);
	w = begin();
	put(w, ARCHIVE_CONF, "other.conf", SPAN_NONE);
	put(w, ARCHIVE_CATALOGUE, CATALOGUE_FILE, buf_span(&good.catalogue));
	image = end(w);
	refused(buf_span(&image), "it has no configuration file 'mailseal.conf'");
	buf_clear(&image);
}

/* Any byte: an error, or what was changed is not used. */
static void test_changed_bytes(void)
{
	struct buf b;
	size_t refusals = 0;

	buf_init(&b, good.image.len);
	CU_ASSERT_EQUAL_FATAL(buf_add(&b, buf_span(&good.image), NULL), RC_OK);
	for (size_t i = 0; i < 300; i++) {
		size_t at = test_random((unsigned)b.len);
		struct archive *a = NULL;
		char was = b.p[at];
		struct err err = ERR_INIT;

		b.p[at] = (char)(was ^ (char)(1u << test_random(8)));
		if (archive_open(buf_span(&b), "x.backup", &a, &err) == RC_OK) {
			archive_free(a);
		} else {
			check_text(&err);
			refusals++;
		}
		b.p[at] = was;
	}
	CU_ASSERT_TRUE(refusals > 50);
	buf_clear(&b);
}

/* ---- the configuration ---- */

static void write_file(const char *name, const char *text)
{
	struct err err = ERR_INIT;
	char *path = strdup(test_path(name));

	CU_ASSERT_PTR_NOT_NULL_FATAL(path);
	*strrchr(path, '/') = '\0';
	ASSERT_OK(file_mkdirs(path, 0700, &err), &err);
	free(path);
	ASSERT_OK(file_write_atomic(test_path(name), span_str(text), 0640, true, &err), &err);
}

static struct conf *read_conf(const char *path)
{
	struct conf *c = NULL;
	struct err err = ERR_INIT;

	ASSERT_OK(conf_read(path, &c, NULL, &err), &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	return c;
}

static void check_conffiles(const struct conf *c)
{
	static const char *const names[] = {"domains.d/a.conf", "domains.d/shared.inc", "main.conf",
					    "more/one.inc"};
	const struct conffile *main_file = NULL, *all;
	struct err err = ERR_INIT;
	char outside[1000];
	struct vec files;

	ASSERT_OK(conffiles_read(c, &files, &main_file, &err), &err);
	CU_ASSERT_EQUAL_FATAL(files.len, COUNT_OF(names) + 1);
	all = files.items;
	for (size_t i = 0; i < COUNT_OF(names); i++)
		ASSERT_STR(all[i].name, names[i]);
	snprintf(outside, sizeof(outside), "outside%s", test_path("else/where.inc"));
	ASSERT_STR(all[4].name, outside);
	ASSERT_STR(all[4].path, test_path("else/where.inc"));
	CU_ASSERT_PTR_EQUAL(main_file, &all[2]);
	CU_ASSERT_EQUAL(all[1].mode, 0640);
	CU_ASSERT_TRUE(all[1].time > 0);
	ASSERT_SPAN(buf_span(&all[1].content), SPAN_LIT("# shared\n"));
	conffiles_clear(&files);
}

static void test_conffiles(void)
{
	struct conf *c;
	char here[4096];

	write_file("site/main.conf", "@include \"more/one.inc\"\n");
	write_file("site/more/one.inc", "@include \"../domains.d/shared.inc\"\n"
					"@include \"./../../else/./where.inc\"\n");
	write_file("site/domains.d/shared.inc", "# shared\n");
	write_file("site/domains.d/a.conf", "@include \"shared.inc\"\n");
	write_file("else/where.inc", "# elsewhere\n");
	c = read_conf(test_path("site/main.conf"));
	check_conffiles(c);
	conf_free(c);
	/* The same by a name from here. */
	CU_ASSERT_PTR_NOT_NULL_FATAL(getcwd(here, sizeof(here)));
	CU_ASSERT_EQUAL_FATAL(chdir(test_path("site/more")), 0);
	c = read_conf("../main.conf");
	check_conffiles(c);
	conf_free(c);
	CU_ASSERT_EQUAL_FATAL(chdir(here), 0);
}

static void test_conffiles_refused(void)
{
	const struct conffile *main_file = NULL;
	struct err err = ERR_INIT;
	struct conf *c;
	struct vec files;
	char text[2000];

	/* Two files of one name. */
	write_file("two/x.inc", "# x\n");
	snprintf(text, sizeof(text), "clash/outside%s/x.inc", test_path("two"));
	write_file(text, "# the same name\n");
	snprintf(text, sizeof(text), "@include \"%s\"\n@include \"outside%s\"\n",
		 test_path("two/x.inc"), test_path("two/x.inc"));
	write_file("clash/main.conf", text);
	c = read_conf(test_path("clash/main.conf"));
	ASSERT_FAILS(conffiles_read(c, &files, &main_file, &err), RC_EXISTS, &err,
		     "would both be 'outside/");
	conf_free(c);
	/* Gone since it was read. */
	write_file("gone/main.conf", "@include \"x.inc\"\n");
	write_file("gone/x.inc", "");
	c = read_conf(test_path("gone/main.conf"));
	CU_ASSERT_EQUAL(unlink(test_path("gone/x.inc")), 0);
	ASSERT_FAILS(conffiles_read(c, &files, &main_file, &err), RC_NOTFOUND, &err, "gone/x.inc");
	conf_free(c);
}

int main(void)
{
	static const struct test tests[] = {
		{"make a good one", make_good},
		{"there and back", test_there_and_back},
		{"names to write", test_names_to_write},
		{"what the writer refuses", test_writer_refuses},
		{"names to read", test_names_to_read},
		{"changed", test_changed},
		{"cut", test_cut},
		{"content that is none", test_content},
		{"parts that are missing", test_parts_missing},
		{"changed bytes", test_changed_bytes},
		{"files of the configuration", test_conffiles},
		{"files of the configuration, refused", test_conffiles_refused},
	};
	int status = test_main("archive", tests, COUNT_OF(tests));

	key_unref(good.key);
	key_unref(good.other);
	buf_wipe(&good.pem);
	buf_wipe(&good.other_pem);
	buf_clear(&good.catalogue);
	buf_wipe(&good.image);
	return status;
}
