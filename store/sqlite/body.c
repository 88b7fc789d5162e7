// SPDX-License-Identifier: Apache-2.0
// The bytes of messages: 256 KB chunk rows, read one at a time. Large bodies are written in slices
// before their message ("staged"), so that no transaction is long; a table names the ids whose
// chunks no message claims, and a purge of a large message leaves its chunks there too.
#include <errno.h>
#include <inttypes.h>

#include "common/xalloc.h"
#include "store/sqlite/internal.h"

enum { CHUNKS_PER_SLICE = STORE_SLICE_SIZE / STORE_CHUNK_SIZE };

static enum status
read_exactly(int fd, uint64_t offset, char *buffer, size_t size, struct why *why)
{
    size_t have = 0;
    while (have < size) {
        ssize_t got = pread(fd, buffer + have, size - have, (off_t)(offset + have));
        if (got == 0) {
            return why_set(why, ST_IO, "message ends at byte %" PRIu64 ", before its size",
                           offset + have);
        }
        if (got < 0 && errno != EINTR) {
            return why_errno(why, ST_IO, "read the message");
        }
        have += got > 0 ? (size_t)got : 0;
    }
    return ST_OK;
}

static enum status
insert_chunk(struct sql *sql, const struct id *message_id, uint64_t number, const char *bytes,
             size_t size, struct why *why)
{
    // Replace: a slice repeated after an unclear failure is the same bytes again.
    return sql_run(sql, "INSERT OR REPLACE INTO body (message_id, number, data) VALUES (?, ?, ?)",
                   SQL_VALUES(SQL_TEXT(message_id->text), SQL_INT(number), SQL_BLOB(bytes, size)),
                   why);
}

enum status
body_insert(struct sql *sql, const struct store_submission *submission, struct why *why)
{
    uint64_t end = submission->message->size;
    size_t room = end < STORE_CHUNK_SIZE ? (size_t)end : (size_t)STORE_CHUNK_SIZE;
    const char *body = submission->body; // else each chunk is read
    AUTO_FREE char *buffer = body == NULL ? xcalloc(room + 1, 1) : NULL;
    enum status status = ST_OK;
    for (uint64_t offset = 0; status == ST_OK && offset < end; offset += STORE_CHUNK_SIZE) {
        size_t size = end - offset < room ? (size_t)(end - offset) : room;
        if (body == NULL) {
            status = read_exactly(submission->body_fd, offset, buffer, size, why);
        }
        if (status == ST_OK) {
            status = insert_chunk(sql, &submission->message->id, offset / STORE_CHUNK_SIZE,
                                  body == NULL ? buffer : body + offset, size, why);
        }
    }
    return status;
}

struct slice {
    const struct id *message_id;
    uint64_t first_chunk;
    const char *bytes;
    size_t length;
};

static enum status
run_slice(void *context, struct sql *sql, struct why *why)
{
    const struct slice *slice = context;
    const char *id = slice->message_id->text;
    int64_t exists = 0;
    enum status status = sql_number(sql, "SELECT 1 FROM message WHERE id = ?",
                                    SQL_VALUES(SQL_TEXT(id)), &exists, why);
    if (status != ST_NOT_FOUND) { // a repeated submission: its body is there and stays
        return status;
    }
    status = sql_run(sql, "INSERT OR IGNORE INTO staged VALUES (?)", SQL_VALUES(SQL_TEXT(id)), why);
    uint64_t number = slice->first_chunk;
    for (size_t offset = 0; status == ST_OK && offset < slice->length; offset += STORE_CHUNK_SIZE) {
        size_t rest = slice->length - offset;
        status = insert_chunk(sql, slice->message_id, number++, slice->bytes + offset,
                              rest < STORE_CHUNK_SIZE ? rest : (size_t)STORE_CHUNK_SIZE, why);
    }
    return status;
}

// The descriptor's slice at `offset`, read on the caller's thread: only its own message waits for
// a disk that is slow to read it.
static enum status
stage_slice(struct store *store, const struct store_submission *submission, uint64_t offset,
            char *buffer, struct why *why)
{
    uint64_t rest = submission->message->size - offset;
    struct slice slice = {.message_id = &submission->message->id,
                          .first_chunk = offset / STORE_CHUNK_SIZE,
                          .bytes = buffer,
                          .length = rest < STORE_SLICE_SIZE ? (size_t)rest : STORE_SLICE_SIZE};
    // No sync of its own: the commit that claims the slices syncs them all.
    struct operation operation = {.run = run_slice, .context = &slice, .weight = slice.length};
    enum status status = read_exactly(submission->body_fd, offset, buffer, slice.length, why);
    return status == ST_OK ? writer_call(store->writer, &operation, why) : status;
}

enum status
body_stage(struct store *store, const struct store_submission *submission, struct why *why)
{
    uint64_t size = submission->message->size;
    AUTO_FREE char *buffer = xcalloc(size < STORE_SLICE_SIZE ? (size_t)size : STORE_SLICE_SIZE, 1);
    enum status status = ST_OK;
    for (uint64_t offset = 0; status == ST_OK && offset < size; offset += STORE_SLICE_SIZE) {
        if (submission->still_wanted != NULL && !submission->still_wanted(submission->context)) {
            return why_set(why, ST_REFUSED, "nobody waits for message %s any more",
                           submission->message->id.text);
        }
        status = stage_slice(store, submission, offset, buffer, why);
    }
    return status;
}

// Delete one slice of unclaimed chunks; *more_out false when the id is clean.
static enum status
sweep_slice(struct sql *sql, const char *id, bool *more_out, struct why *why)
{
    int64_t staged = 0;
    enum status status = sql_number(sql, "SELECT 1 FROM staged WHERE message_id = ?",
                                    SQL_VALUES(SQL_TEXT(id)), &staged, why);
    *more_out = false;
    if (status != ST_OK) {
        return status == ST_NOT_FOUND ? ST_OK : status;
    }
    status = sql_run(sql,
                     "DELETE FROM body WHERE rowid IN"
                     " (SELECT rowid FROM body WHERE message_id = ? LIMIT ?)",
                     SQL_VALUES(SQL_TEXT(id), SQL_INT(CHUNKS_PER_SLICE)), why);
    *more_out = status == ST_OK && sql_changes(sql) == CHUNKS_PER_SLICE;
    if (status == ST_OK && !*more_out) {
        status =
            sql_run(sql, "DELETE FROM staged WHERE message_id = ?", SQL_VALUES(SQL_TEXT(id)), why);
    }
    return status;
}

struct sweep {
    struct operation operation;
    struct writer *writer;
    struct id id;
    bool has_more;
};

static enum status
run_sweep(void *context, struct sql *sql, struct why *why)
{
    struct sweep *sweep = context;
    return sweep_slice(sql, sweep->id.text, &sweep->has_more, why);
}

static void
finish_sweep(void *context, enum status status, const struct why *why)
{
    (void)why;
    struct sweep *sweep = context;
    if (status == ST_OK && sweep->has_more) {
        writer_queue(sweep->writer, &sweep->operation);
        return;
    }
    // On a full disk deleting fails too, until there is room; the next open sweeps as well.
    if (status == ST_OK || !writer_queue_later(sweep->writer, &sweep->operation)) {
        free(sweep);
    }
}

void
body_sweep(struct store *store, const struct id *message_id)
{
    struct sweep *sweep = xcalloc(1, sizeof(*sweep));
    *sweep = (struct sweep){
        .operation = {.run = run_sweep, .finish = finish_sweep, .context = sweep},
        .writer = store->writer,
        .id = *message_id,
    };
    writer_queue(store->writer, &sweep->operation);
}

static enum status
first_staged(struct sql *sql, struct id *id_out, struct why *why)
{
    AUTO_QUERY *query = NULL;
    enum status status =
        sql_query(sql, "SELECT message_id FROM staged LIMIT 1", SQL_NO_VALUES, &query, why);
    if (status == ST_OK) {
        status = query_next(query, why);
    }
    if (status == ST_OK) {
        id_read(query, 0, id_out);
    }
    return status;
}

enum status
body_sweep_all(struct sql *sql, struct why *why)
{
    struct id id;
    enum status status;
    while ((status = first_staged(sql, &id, why)) == ST_OK) {
        bool has_more = false;
        status = sweep_slice(sql, id.text, &has_more, why);
        if (status != ST_OK) {
            return status;
        }
    }
    return status == ST_NOT_FOUND ? ST_OK : status;
}

enum status
store_body_read(struct store *store, const struct id *message_id, uint64_t offset, void *buffer,
                size_t size, size_t *length_out, struct why *why)
{
    AUTO_READER reader = reader_borrow(store->readers);
    AUTO_QUERY *query = NULL; // its read lock keeps the row while the blob is read
    enum status status = sql_query(
        reader.sql,
        "SELECT body.rowid, length(data) FROM message LEFT JOIN body"
        " ON message_id = message.id AND number = ?2 WHERE id = ?1",
        SQL_VALUES(SQL_TEXT(message_id->text), SQL_INT(offset / STORE_CHUNK_SIZE)), &query, why);
    if (status == ST_OK) {
        status = query_next(query, why);
    }
    if (status != ST_OK) {
        return status == ST_NOT_FOUND ? why_set(why, status, "no message %s", message_id->text)
                                      : status;
    }
    uint64_t within = offset % STORE_CHUNK_SIZE;
    uint64_t chunk = (uint64_t)query_int(query, 1); // 0 behind the end
    uint64_t rest = chunk > within ? chunk - within : 0;
    size_t length = rest < size ? (size_t)rest : size;
    if (length > 0) {
        status = sql_blob_read(reader.sql, "body", "data", query_int(query, 0), within, buffer,
                               length, why);
    }
    if (status == ST_OK) {
        *length_out = length;
    }
    return status;
}
