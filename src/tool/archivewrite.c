/* Making an archive. */
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "directory/sqlite_image.h"
#include "tool/archiveimpl.h"

struct archive_writer {
	sqlite3 *db;
	sqlite3_stmt *add;
	struct archive_head head;
	struct arena *arena; /* of the head's texts */
};

static enum rc failed(const struct archive_writer *w, int code, struct err *err)
{
	switch (code & 0xff) {
	case SQLITE_NOMEM:
		return err_set(err, RC_NOMEM, "the archive: out of memory");
	case SQLITE_FULL:
	case SQLITE_TOOBIG:
		return err_set(err, RC_LIMIT, "the archive would be larger than %d bytes",
			       IMAGE_MAX);
	case SQLITE_CONSTRAINT:
		return err_set(err, RC_EXISTS, "the archive has a file of that name already");
	default:
		return err_set(err, RC_IO, "the archive: %s", sqlite3_errmsg(w->db));
	}
}

static enum rc keep_head(struct archive_writer *w, const struct archive_head *head, struct err *err)
{
	w->arena = arena_new(65536);
	if (w->arena == NULL)
		return err_set(err, RC_NOMEM, "the archive: out of memory");
	w->head = (struct archive_head){.made = head->made,
					.version = arena_strdup(w->arena, head->version),
					.conf_name = arena_strdup(w->arena, head->conf_name),
					.state_dir = arena_strdup(w->arena, head->state_dir)};
	if (w->head.version == NULL || w->head.conf_name == NULL || w->head.state_dir == NULL)
		return err_set(err, RC_NOMEM, "the archive: out of memory");
	return RC_OK;
}

static enum rc make_tables(struct archive_writer *w, struct err *err)
{
	static const char add[] = "INSERT INTO file (kind, name, mode, time, size, sha256, content)"
				  " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
	char pragmas[96];
	int code;

	snprintf(pragmas, sizeof(pragmas),
		 "PRAGMA application_id = %d; PRAGMA user_version = %d; BEGIN",
		 ARCHIVE_APPLICATION_ID, ARCHIVE_FORMAT);
	code = sqlite3_exec(w->db, archive_sql, NULL, NULL, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_exec(w->db, pragmas, NULL, NULL, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_prepare_v2(w->db, add, -1, &w->add, NULL);
	return code == SQLITE_OK ? RC_OK : failed(w, code, err);
}

enum rc archive_begin(const struct archive_head *head, struct archive_writer **ret, struct err *err)
{
	struct archive_writer *w = calloc(1, sizeof(*w));
	enum rc rc;

	if (w == NULL)
		return err_set(err, RC_NOMEM, "the archive: out of memory");
	rc = keep_head(w, head, err);
	if (rc == RC_OK)
		rc = image_new(&w->db, err);
	if (rc == RC_OK)
		rc = make_tables(w, err);
	if (rc == RC_OK)
		*ret = w;
	else
		archive_writer_free(w);
	return rc;
}

struct archive_writer *archive_writer_free(struct archive_writer *w)
{
	if (w != NULL) {
		sqlite3_finalize(w->add);
		sqlite3_close(w->db);
		arena_free(w->arena);
		free(w);
	}
	return NULL;
}

enum rc archive_add(struct archive_writer *w, const struct archive_file *f, struct span content,
		    struct err *err)
{
	uint8_t hash[SHA256_LEN];
	char hex[SHA256_HEX_SIZE];
	enum rc rc = archive_check_file(f->kind, f->name, f->mode, content.len, err);
	int code;

	if (rc == RC_OK)
		rc = sha256_of(content, hash, err);
	if (rc != RC_OK)
		return rc;
	sha256_hex(hash, hex);
	sqlite3_bind_text(w->add, 1, archive_kind_word(f->kind), -1, SQLITE_STATIC);
	sqlite3_bind_text(w->add, 2, f->name, -1, SQLITE_STATIC);
	sqlite3_bind_int64(w->add, 3, f->mode);
	sqlite3_bind_int64(w->add, 4, f->time);
	sqlite3_bind_int64(w->add, 5, (sqlite3_int64)content.len);
	sqlite3_bind_text(w->add, 6, hex, -1, SQLITE_STATIC);
	/* Without a pointer it would be NULL. */
	sqlite3_bind_blob64(w->add, 7, content.p != NULL ? content.p : "", content.len,
			    SQLITE_STATIC);
	code = sqlite3_step(w->add);
	sqlite3_reset(w->add);
	sqlite3_clear_bindings(w->add);
	if (code == SQLITE_DONE)
		return RC_OK;
	rc = failed(w, code, err);
	return err_wrap(err, rc, "%s '%s'", archive_kind_word(f->kind), f->name);
}

static enum rc add_head(struct archive_writer *w, const char *manifest, struct err *err)
{
	static const char sql[] = "INSERT INTO archive VALUES (1, ?1, ?2, ?3, ?4, ?5)";
	sqlite3_stmt *st = NULL;
	int code = sqlite3_prepare_v2(w->db, sql, -1, &st, NULL);

	if (code == SQLITE_OK) {
		sqlite3_bind_int64(st, 1, w->head.made);
		sqlite3_bind_text(st, 2, w->head.version, -1, SQLITE_STATIC);
		sqlite3_bind_text(st, 3, w->head.conf_name, -1, SQLITE_STATIC);
		sqlite3_bind_text(st, 4, w->head.state_dir, -1, SQLITE_STATIC);
		sqlite3_bind_text(st, 5, manifest, -1, SQLITE_STATIC);
		code = sqlite3_step(st);
	}
	sqlite3_finalize(st);
	if (code == SQLITE_DONE)
		code = sqlite3_exec(w->db, "COMMIT", NULL, NULL, NULL);
	return code == SQLITE_OK ? RC_OK : failed(w, code, err);
}

enum rc archive_end(struct archive_writer *w, struct span *ret, struct err *err)
{
	char manifest[SHA256_HEX_SIZE];
	enum rc rc = archive_manifest(w->db, &w->head, manifest, err);

	if (rc == RC_OK)
		rc = add_head(w, manifest, err);
	return rc == RC_OK ? image_bytes(w->db, ret, err) : rc;
}
