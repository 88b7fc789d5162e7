// SPDX-License-Identifier: Apache-2.0
#include "store/sqlite/sql.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <string.h>

#include <sqlite3.h>

#include "common/map.h"
#include "common/xalloc.h"

enum {
    BUSY_TIMEOUT_MS = 5000,
    CHECKPOINT_TIMEOUT_MS = 50, /* our readers are short; a stranger's must not stop the writer */
    CACHED_STATEMENTS = 200     /* filters build texts at run time; beyond this they are not kept */
};

struct query {
    struct sql *sql;
    sqlite3_stmt *statement;
    bool is_cached;
    bool in_use;
};

struct sql {
    sqlite3 *db;
    struct map *queries; /* by text */
    uint64_t wal_frames;
};

static const char SETUP_COMMON[] = "PRAGMA foreign_keys=ON; PRAGMA trusted_schema=OFF;"
                                   "PRAGMA temp_store=MEMORY; PRAGMA mmap_size=0;"
                                   "PRAGMA secure_delete=FAST; PRAGMA cell_size_check=ON;";
// page_size and auto_vacuum count only before the first table is made. Checkpoints are ours to
// run, behind the answers and not before them.
static const char SETUP_WRITER[] = "PRAGMA page_size=8192; PRAGMA auto_vacuum=INCREMENTAL;"
                                   "PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0;"
                                   "PRAGMA cache_size=-16384; PRAGMA synchronous=FULL;";
static const char SETUP_READER[] = "PRAGMA query_only=ON; PRAGMA cache_size=-2048;";

static enum status
status_of(const struct sql *sql, int code)
{
    int told = sqlite3_system_errno(sql->db);
    int error = told == 0 ? errno : told; // of a write inside COMMIT SQLite does not tell it
    switch (code & 0xff) {
    case SQLITE_CONSTRAINT:
        return ST_CONFLICT;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_NOMEM:
        return ST_AGAIN;
    case SQLITE_FULL:
        return ST_NO_SPACE;
    case SQLITE_TOOBIG:
        return ST_TOO_LARGE;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
        return error == ENOSPC || error == EDQUOT ? ST_NO_SPACE : ST_IO;
    default:
        return ST_IO;
    }
}

static enum status
fail(const struct sql *sql, int code, struct why *why)
{
    enum status status = status_of(sql, code);
    (void)why_set(why, status, "store: %s", sqlite3_errmsg(sql->db));
    return status;
}

static int
on_wal_commit(void *context, sqlite3 *db, const char *name, int frames)
{
    (void)db;
    (void)name;
    struct sql *sql = context;
    sql->wal_frames = (uint64_t)frames;
    return SQLITE_OK;
}

// SQLite would count every allocation, under a lock that all connections share. Nobody asks.
static void
set_up_sqlite(void)
{
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); // refused only behind the first use
}

enum status
sql_open(const char *path, enum sql_role role, struct sql **sql_out, struct why *why)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, set_up_sqlite);
    AUTO_SQL *sql = xcalloc(1, sizeof(*sql));
    sql->queries = map_new();
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    flags |= role == SQL_WRITER ? SQLITE_OPEN_CREATE : 0;
    int code = sqlite3_open_v2(path, &sql->db, flags, NULL);
    if (code != SQLITE_OK) {
        return fail(sql, code, why);
    }
    (void)sqlite3_busy_timeout(sql->db, BUSY_TIMEOUT_MS);
    enum status status = sql_script(sql, SETUP_COMMON, why);
    if (status == ST_OK) {
        status = sql_script(sql, role == SQL_WRITER ? SETUP_WRITER : SETUP_READER, why);
    }
    if (status != ST_OK) {
        return status;
    }
    (void)sqlite3_wal_hook(sql->db, on_wal_commit, sql);
    *sql_out = STEAL(sql);
    return ST_OK;
}

static void
free_query(void *value)
{
    struct query *query = value;
    (void)sqlite3_finalize(query->statement); // repeats the error of the last step
    free(query);
}

void
sql_close(struct sql *sql)
{
    if (sql == NULL) {
        return;
    }
    map_free(sql->queries, free_query);
    (void)sqlite3_close_v2(sql->db); // cannot fail with no statement left
    free(sql);
}

enum status
sql_script(struct sql *sql, const char *text, struct why *why)
{
    int code = sqlite3_exec(sql->db, text, NULL, NULL, NULL);
    return code == SQLITE_OK ? ST_OK : fail(sql, code, why);
}

// The cached statement of this text, or a new one.
static enum status
get_query(struct sql *sql, const char *text, struct query **query_out, struct why *why)
{
    struct query *query = map_get(sql->queries, text);
    if (query != NULL && !query->in_use) {
        query->in_use = true;
        *query_out = query;
        return ST_OK;
    }
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v3(sql->db, text, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL);
    if (code != SQLITE_OK) {
        return fail(sql, code, why);
    }
    bool keep = query == NULL && map_count(sql->queries) < CACHED_STATEMENTS;
    query = xcalloc(1, sizeof(*query));
    *query = (struct query){.sql = sql, .statement = statement, .is_cached = keep, .in_use = true};
    if (keep) {
        (void)map_put(sql->queries, text, query);
    }
    *query_out = query;
    return ST_OK;
}

static int
bind_value(sqlite3_stmt *statement, int index, const struct sql_value *value)
{
    switch (value->kind) {
    case SQL_VALUE_TEXT:
        return sqlite3_bind_text(statement, index, value->data, -1, SQLITE_STATIC);
    case SQL_VALUE_INT:
        return sqlite3_bind_int64(statement, index, value->number);
    case SQL_VALUE_BLOB:
        return sqlite3_bind_blob64(statement, index, value->data, value->size, SQLITE_STATIC);
    }
    return SQLITE_MISUSE;
}

enum status
sql_query(struct sql *sql, const char *text, const struct sql_value *values, size_t count,
          struct query **query_out, struct why *why)
{
    AUTO_QUERY *query = NULL;
    enum status status = get_query(sql, text, &query, why);
    if (status != ST_OK) {
        return status;
    }
    for (size_t i = 0; i < count; i++) {
        int code = bind_value(query->statement, (int)i + 1, &values[i]);
        if (code != SQLITE_OK) {
            return fail(sql, code, why);
        }
    }
    *query_out = STEAL(query);
    return ST_OK;
}

enum status
query_next(struct query *query, struct why *why)
{
    assert(query != NULL);
    errno = 0;
    int code = sqlite3_step(query->statement);
    if (code == SQLITE_ROW) {
        return ST_OK;
    }
    return code == SQLITE_DONE ? ST_NOT_FOUND : fail(query->sql, code, why);
}

const char *
query_text(struct query *query, int column)
{
    const unsigned char *text = sqlite3_column_text(query->statement, column);
    return text == NULL ? "" : (const char *)text;
}

int64_t
query_int(struct query *query, int column)
{
    return sqlite3_column_int64(query->statement, column);
}

void
query_done(struct query *query)
{
    if (query == NULL) {
        return;
    }
    if (!query->is_cached) {
        free_query(query);
        return;
    }
    (void)sqlite3_reset(query->statement); // repeats the error of the last step
    (void)sqlite3_clear_bindings(query->statement);
    query->in_use = false;
}

enum status
sql_run(struct sql *sql, const char *text, const struct sql_value *values, size_t count,
        struct why *why)
{
    AUTO_QUERY *query = NULL;
    enum status status = sql_query(sql, text, values, count, &query, why);
    while (status == ST_OK) {
        status = query_next(query, why);
    }
    return status == ST_NOT_FOUND ? ST_OK : status;
}

enum status
sql_number(struct sql *sql, const char *text, const struct sql_value *values, size_t count,
           int64_t *out, struct why *why)
{
    AUTO_QUERY *query = NULL;
    enum status status = sql_query(sql, text, values, count, &query, why);
    if (status == ST_OK) {
        status = query_next(query, why);
    }
    if (status == ST_OK) {
        *out = query_int(query, 0);
    }
    return status;
}

uint64_t
sql_changes(struct sql *sql)
{
    return (uint64_t)sqlite3_changes64(sql->db);
}

uint64_t
sql_total_changes(struct sql *sql)
{
    return (uint64_t)sqlite3_total_changes64(sql->db);
}

bool
sql_in_transaction(struct sql *sql)
{
    return sqlite3_get_autocommit(sql->db) == 0;
}

enum status
sql_blob_read(struct sql *sql, const char *table, const char *column, int64_t rowid,
              uint64_t offset, void *buffer, size_t size, struct why *why)
{
    if (offset > INT_MAX || size > INT_MAX) {
        return why_set(why, ST_BUG, "store: blob range");
    }
    sqlite3_blob *blob = NULL;
    int code = sqlite3_blob_open(sql->db, "main", table, column, rowid, 0, &blob);
    if (code == SQLITE_OK) {
        code = sqlite3_blob_read(blob, buffer, (int)size, (int)offset);
    }
    enum status status = code == SQLITE_OK ? ST_OK : fail(sql, code, why);
    (void)sqlite3_blob_close(blob); // opened for reading: nothing is left to fail
    return status;
}

static enum status
checkpoint(struct sql *sql, int mode, struct why *why)
{
    (void)sqlite3_busy_timeout(sql->db, CHECKPOINT_TIMEOUT_MS);
    int code = sqlite3_wal_checkpoint_v2(sql->db, "main", mode, NULL, NULL);
    (void)sqlite3_busy_timeout(sql->db, BUSY_TIMEOUT_MS);
    if (code != SQLITE_OK) {
        return fail(sql, code, why);
    }
    if (mode == SQLITE_CHECKPOINT_TRUNCATE) {
        sql->wal_frames = 0;
    }
    return ST_OK;
}

enum status
sql_checkpoint_truncate(struct sql *sql, struct why *why)
{
    return checkpoint(sql, SQLITE_CHECKPOINT_TRUNCATE, why);
}

enum status
sql_checkpoint_passive(struct sql *sql, struct why *why)
{
    return checkpoint(sql, SQLITE_CHECKPOINT_PASSIVE, why);
}

uint64_t
sql_wal_frames(const struct sql *sql)
{
    return sql->wal_frames;
}

struct sql_copy {
    struct sql to;
    sqlite3_backup *backup;
};

enum status
sql_copy_start(struct sql *from, const char *path, struct sql_copy **copy_out, struct why *why)
{
    struct sql_copy *copy = xcalloc(1, sizeof(*copy));
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    enum status status = ST_OK;
    int code = sqlite3_open_v2(path, &copy->to.db, flags, NULL);
    if (code != SQLITE_OK) {
        status = fail(&copy->to, code, why);
    } else {
        copy->backup = sqlite3_backup_init(copy->to.db, "main", from->db, "main");
        if (copy->backup == NULL) {
            status = fail(&copy->to, sqlite3_extended_errcode(copy->to.db), why);
        }
    }
    if (status != ST_OK) {
        sql_copy_end(copy);
        return status;
    }
    *copy_out = copy;
    return ST_OK;
}

enum status
sql_copy_step(struct sql_copy *copy, int pages, bool *done_out, struct why *why)
{
    int code = sqlite3_backup_step(copy->backup, pages);
    *done_out = code == SQLITE_DONE;
    return code == SQLITE_OK || code == SQLITE_DONE ? ST_OK : fail(&copy->to, code, why);
}

void
sql_copy_end(struct sql_copy *copy)
{
    if (copy == NULL) {
        return;
    }
    (void)sqlite3_backup_finish(copy->backup); // repeats the error of the last step
    (void)sqlite3_close(copy->to.db);
    free(copy);
}
