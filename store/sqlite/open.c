// SPDX-License-Identifier: Apache-2.0
// Opening and closing the SQLite backend.
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#include "common/clock.h"
#include "common/xalloc.h"
#include "store/sqlite/internal.h"
#include "store/sqlite/schema.h"

enum { PATH_CAP = 4096, FILE_MODE = 0600 };

// Leases of a process that is gone are over at once; of one that lives, when their time is.
static const char EXPIRE_LEASES[] =
    "UPDATE delivery SET state = 'queued', due_at = ?2, state_at = ?2, lease_owner = '',"
    " lease_until = 0 WHERE state = 'leased' AND lease_until < ?1";

static enum status
expire_leases(struct sql *sql, int64_t before, struct why *why)
{
    return sql_run(sql, EXPIRE_LEASES, SQL_VALUES(SQL_INT(before), SQL_INT(clock_steady_ms())),
                   why);
}

static enum status
note_unused(struct store *store, struct sql *sql, struct why *why)
{
    int64_t bytes = 0;
    enum status status = sql_number(
        sql, "SELECT freelist_count * page_size FROM pragma_freelist_count, pragma_page_size",
        SQL_NO_VALUES, &bytes, why);
    if (status == ST_OK) {
        atomic_store(&store->unused_bytes, (uint64_t)bytes);
    }
    return status;
}

// What fails here is repeated in a second.
static void
on_tick(void *context, struct sql *sql)
{
    status_ignore(expire_leases(sql, clock_steady_ms(), NULL));
    status_ignore(note_unused(context, sql, NULL));
}

static enum status
lock_store(const char *path, int *fd_out, struct why *why)
{
    AUTO_STRBUF name = STRBUF_INIT(PATH_CAP);
    strbuf_printf(&name, "%s.lock", path);
    if (name.overflow) {
        return why_set(why, ST_INVALID, "store: path too long");
    }
    AUTO_FD int fd = open(strbuf_text(&name), O_RDWR | O_CREAT | O_CLOEXEC, FILE_MODE);
    if (fd < 0) {
        return why_errno(why, ST_IO, "open %s", strbuf_text(&name));
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        return errno == EWOULDBLOCK
                   ? why_set(why, ST_CONFLICT, "store %s is in use by another process", path)
                   : why_errno(why, ST_IO, "lock %s", strbuf_text(&name));
    }
    *fd_out = STEAL_FD(fd);
    return ST_OK;
}

// The database file is made by us, for its rights; SQLite gives the same to its other files.
static enum status
make_file(const char *path, struct why *why)
{
    AUTO_FD int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, FILE_MODE);
    if (fd < 0) {
        return why_errno(why, ST_IO, "open %s", path);
    }
    AUTO_FREE char *copy = xstrdup(path);
    AUTO_FD int folder = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0 || fsync(folder) != 0) { // the name itself must survive a power cut
        return why_errno(why, ST_IO, "sync the folder of %s", path);
    }
    return ST_OK;
}

static enum status
check_wal(struct sql *sql, struct why *why)
{
    AUTO_QUERY *query = NULL;
    enum status status = sql_query(sql, "PRAGMA journal_mode", SQL_NO_VALUES, &query, why);
    if (status == ST_OK) {
        status = query_next(query, why);
    }
    if (status == ST_OK && strcmp(query_text(query, 0), "wal") != 0) {
        return why_set(why, ST_IO, "store: no WAL on this file system (journal mode %s)",
                       query_text(query, 0));
    }
    return status;
}

// What must be so before the writer runs.
static enum status
prepare(struct store *store, struct why *why)
{
    struct sql *sql = store->write_sql;
    enum status status = check_wal(sql, why);
    if (status == ST_OK) {
        status = schema_migrate(sql, why);
    }
    if (status == ST_OK) {
        status = body_sweep_all(sql, why);
    }
    if (status == ST_OK) {
        status = expire_leases(sql, INT64_MAX, why);
    }
    if (status == ST_OK) {
        status = note_unused(store, sql, why);
    }
    return status == ST_OK ? usage_load(store->usage, sql, why) : status;
}

static enum status
start(struct store *store, const struct store_settings *settings, struct why *why)
{
    enum status status = readers_open(settings->path, &store->readers, why);
    if (status != ST_OK) {
        return status;
    }
    const struct writer_settings writer = {
        .sql = store->write_sql,
        .usage = store->usage,
        .synchronous_off = settings->synchronous_off,
        .tick = on_tick,
        .context = store,
    };
    return writer_start(&writer, &store->writer, why);
}

void
store_close(struct store *store)
{
    if (store == NULL) {
        return;
    }
    writer_stop(store->writer);
    readers_close(store->readers);
    sql_close(store->write_sql);
    usage_free(store->usage);
    if (store->lock_fd >= 0) {
        (void)close(store->lock_fd); // and the lock goes with it
    }
    (void)pthread_mutex_destroy(&store->room_mutex);
    free(store->path);
    free(store);
}

static void
store_cleanup(struct store **store)
{
    store_close(*store);
}

enum status
store_open(const struct store_settings *settings, struct store **store_out, struct why *why)
{
    AUTO(store_cleanup) struct store *store = xcalloc(1, sizeof(*store));
    store->lock_fd = -1;
    store->path = xstrdup(settings->path);
    store->usage = usage_new();
    (void)pthread_mutex_init(&store->room_mutex, NULL);
    enum status status = lock_store(settings->path, &store->lock_fd, why);
    if (status == ST_OK) {
        status = make_file(settings->path, why);
    }
    if (status == ST_OK) {
        status = sql_open(settings->path, SQL_WRITER, &store->write_sql, why);
    }
    if (status == ST_OK) {
        status = prepare(store, why);
    }
    if (status == ST_OK) {
        status = start(store, settings, why);
    }
    if (status == ST_OK) {
        *store_out = STEAL(store);
    }
    return status;
}

int64_t
store_now_ms(struct store *store)
{
    (void)store;
    return clock_steady_ms();
}
