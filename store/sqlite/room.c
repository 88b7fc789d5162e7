// SPDX-License-Identifier: Apache-2.0
// How much there is: usage, room on the disk, counts.
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "common/clock.h"
#include "common/xalloc.h"
#include "store/sqlite/internal.h"
#include "store/sqlite/schema.h"

enum { ROOM_AGE_MS = 1000 };

void
store_usage(struct store *store, const char *tenant, struct store_usage *out)
{
    usage_get(store->usage, tenant, out);
}

static uint64_t
file_size(const char *path, const char *suffix)
{
    AUTO_STRBUF name = STRBUF_INIT(4096);
    strbuf_printf(&name, "%s%s", path, suffix);
    struct stat status;
    return stat(strbuf_text(&name), &status) == 0 ? (uint64_t)status.st_size : 0;
}

// The file without the room that purged messages left in it. While the WAL is not copied the file
// may be shorter than what is known of its free pages.
static uint64_t
database_bytes(const struct store *store)
{
    uint64_t size = file_size(store->path, "");
    uint64_t unused = atomic_load(&store->unused_bytes);
    return size > unused ? size - unused : 0;
}

void
store_room(struct store *store, struct store_room *out)
{
    AUTO_LOCK(lock, &store->room_mutex);
    int64_t now = clock_mono_ms();
    if (store->room_mono_ms == 0 || now - store->room_mono_ms >= ROOM_AGE_MS) {
        struct statvfs disk;
        bool known = statvfs(store->path, &disk) == 0;
        store->room = (struct store_room){
            .database_bytes = database_bytes(store),
            .wal_bytes = file_size(store->path, "-wal"),
            .free_disk_bytes = known ? (uint64_t)disk.f_bavail * disk.f_frsize : 0,
        };
        store->room_mono_ms = now;
    }
    *out = store->room;
}

static enum status
count_states(struct sql *sql, struct store_counts *counts, struct why *why)
{
    AUTO_QUERY *query = NULL; // each branch is answered by its small partial index
    enum status status = sql_query(
        sql,
        "SELECT state, count(*) FROM delivery WHERE " SQL_WAITING " GROUP BY state UNION ALL"
        " SELECT 'leased', count(*) FROM delivery WHERE state = 'leased' UNION ALL"
        " SELECT state, count(*) FROM delivery WHERE " SQL_PARKED " GROUP BY state",
        SQL_NO_VALUES, &query, why);
    while (status == ST_OK && (status = query_next(query, why)) == ST_OK) {
        enum delivery_state state;
        if (delivery_state_from_name(query_text(query, 0), &state) == ST_OK) {
            counts->deliveries[state] = (uint64_t)query_int(query, 1);
        }
    }
    return status == ST_NOT_FOUND ? ST_OK : status;
}

static void
take_earliest(void *context, const struct store_due *due)
{
    int64_t *earliest = context;
    *earliest = due->due_at < *earliest ? due->due_at : *earliest;
}

enum status
store_counts(struct store *store, struct store_counts *out, struct why *why)
{
    struct store_counts counts = {.commits = writer_commits(store->writer)};
    uint64_t rest = 0; // those not done are few, so the done ones are what is left
    usage_totals(store->usage, &rest, &counts.submitted);
    enum status status;
    {
        AUTO_READER reader = reader_borrow(store->readers);
        status = count_states(reader.sql, &counts, why);
    }
    int64_t earliest = INT64_MAX;
    if (status == ST_OK) {
        status = store_due_list(store, take_earliest, &earliest, why);
    }
    if (status != ST_OK) {
        return status;
    }
    for (size_t i = 0; i < ARRAY_LEN(counts.deliveries); i++) {
        rest -= counts.deliveries[i] < rest ? counts.deliveries[i] : rest;
    }
    counts.deliveries[DELIVERY_DONE] = rest;
    int64_t now = clock_steady_ms();
    counts.oldest_queued_ms = earliest < now ? (uint64_t)(now - earliest) : 0;
    struct store_usage all;
    usage_get(store->usage, "", &all);
    counts.messages = all.messages;
    *out = counts;
    return ST_OK;
}
