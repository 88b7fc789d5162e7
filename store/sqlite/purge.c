// SPDX-License-Identifier: Apache-2.0
// Deleting what is over, in small steps, and giving the room back to the file system.
#include <stdio.h>

#include "common/clock.h"
#include "store/sqlite/internal.h"
#include "store/sqlite/schema.h"

enum {
    PURGE_STEP = 50,           /* messages, none larger than STORE_STAGE_ABOVE, in a transaction */
    DEDUPE_STEP = 2000,        /* keys in a transaction */
    DEDUPE_STEPS = 100,        /* in one call */
    VACUUM_PAGES = 512,        /* 4 MB moved in a transaction */
    VACUUM_STEPS = 16,         /* in one call: nobody waits long for it */
    VACUUM_ABOVE_PAGES = 2048, /* free pages worth keeping for the next messages */
    VACUUM_ABOVE_SHARE = 4     /* give back when more than a quarter of the file is free */
};

struct purge {
    struct store *store;
    int64_t done_before;
    int64_t dead_before;
    size_t limit;
    struct id large[PURGE_STEP]; /* their chunks are left to a sweep */
    size_t large_count;
    size_t last_step;
    uint64_t count;
};

// Every delivery must be over for long enough; what finished before the limits leads to them.
static const char SELECT_OVER[] =
    "SELECT m.id, m.tenant, m.size FROM message AS m WHERE m.id IN"
    " (SELECT message_id FROM delivery WHERE state = 'done' AND " SQL_FINISHED "  AND state_at < ?1"
    "  UNION SELECT message_id FROM delivery WHERE state = 'dead' AND " SQL_FINISHED
    "  AND state_at < ?2)"
    " AND NOT EXISTS (SELECT 1 FROM delivery AS d WHERE d.message_id = m.id"
    "  AND NOT (d.state = 'done' AND d.state_at < ?1)"
    "  AND NOT (d.state = 'dead' AND d.state_at < ?2)) LIMIT ?3";

struct over {
    struct id id;
    struct usage_change change;
};

static enum status
select_over(const struct purge *purge, struct sql *sql, struct over *rows, size_t *count_out,
            struct why *why)
{
    size_t wanted = purge->limit < PURGE_STEP ? purge->limit : (size_t)PURGE_STEP;
    AUTO_QUERY *query = NULL;
    enum status status = sql_query(
        sql, SELECT_OVER,
        SQL_VALUES(SQL_INT(purge->done_before), SQL_INT(purge->dead_before), SQL_INT(wanted)),
        &query, why);
    *count_out = 0;
    while (status == ST_OK && (status = query_next(query, why)) == ST_OK) {
        struct over *row = &rows[(*count_out)++];
        id_read(query, 0, &row->id);
        row->change = (struct usage_change){.messages = -1, .bytes = -query_int(query, 2)};
        (void)snprintf(row->change.tenant, sizeof(row->change.tenant), "%s", query_text(query, 1));
    }
    return status == ST_NOT_FOUND ? ST_OK : status;
}

static enum status
delete_body(struct purge *purge, struct sql *sql, const struct over *row, struct why *why)
{
    const char *statement = "DELETE FROM body WHERE message_id = ?";
    if (-row->change.bytes > STORE_STAGE_ABOVE) {
        statement = "INSERT OR IGNORE INTO staged VALUES (?)";
        purge->large[purge->large_count++] = row->id;
    }
    return sql_run(sql, statement, SQL_VALUES(SQL_TEXT(row->id.text)), why);
}

static enum status
delete_message(struct purge *purge, struct sql *sql, struct over *row, struct why *why)
{
    const struct sql_value id[] = {SQL_TEXT(row->id.text)};
    enum status status = sql_run(sql,
                                 "DELETE FROM attempt WHERE delivery_id IN"
                                 " (SELECT id FROM delivery WHERE message_id = ?)",
                                 id, 1, why);
    if (status == ST_OK) {
        status = sql_run(sql, "DELETE FROM delivery WHERE message_id = ?", id, 1, why);
        row->change.deliveries = -(int64_t)sql_changes(sql);
    }
    if (status == ST_OK) {
        status = sql_run(sql, "DELETE FROM message WHERE id = ?", id, 1, why);
    }
    if (status == ST_OK) {
        status = delete_body(purge, sql, row, why);
    }
    if (status == ST_OK) {
        usage_stage(purge->store->usage, &row->change);
    }
    return status;
}

static enum status
run_purge(void *context, struct sql *sql, struct why *why)
{
    struct purge *purge = context;
    struct over rows[PURGE_STEP];
    size_t count = 0;
    purge->large_count = 0;
    enum status status = select_over(purge, sql, rows, &count, why);
    for (size_t i = 0; status == ST_OK && i < count; i++) {
        status = delete_message(purge, sql, &rows[i], why);
    }
    purge->last_step = count;
    return status;
}

static enum status
purge_messages(struct purge *purge, struct why *why)
{
    do {
        struct operation operation = {.run = run_purge, .context = purge};
        enum status status = writer_call(purge->store->writer, &operation, why);
        if (status != ST_OK) {
            return status;
        }
        for (size_t i = 0; i < purge->large_count; i++) {
            body_sweep(purge->store, &purge->large[i]);
        }
        purge->count += purge->last_step;
        purge->limit -= purge->last_step;
    } while (purge->last_step == PURGE_STEP && purge->limit > 0);
    return ST_OK;
}

// Steps of the other kinds set *has_more. What is left over `most` is for the next call.
static enum status
repeat(struct store *store, enum status (*run)(void *context, struct sql *sql, struct why *why),
       unsigned most, struct why *why)
{
    bool has_more = true;
    enum status status = ST_OK;
    for (unsigned i = 0; i < most && status == ST_OK && has_more; i++) {
        struct operation operation = {.run = run, .context = &has_more};
        status = writer_call(store->writer, &operation, why);
    }
    return status;
}

static enum status
run_dedupe(void *context, struct sql *sql, struct why *why)
{
    bool *has_more = context;
    enum status status = sql_run(sql,
                                 "DELETE FROM dedupe WHERE key IN (SELECT key FROM dedupe"
                                 " WHERE expires_at <= ? LIMIT ?)",
                                 SQL_VALUES(SQL_INT(clock_steady_ms()), SQL_INT(DEDUPE_STEP)), why);
    *has_more = status == ST_OK && sql_changes(sql) == DEDUPE_STEP;
    return status;
}

static enum status
is_worth_vacuum(struct sql *sql, bool *worth_out, struct why *why)
{
    int64_t pages = 0;
    int64_t unused = 0;
    enum status status = sql_number(sql, "PRAGMA page_count", SQL_NO_VALUES, &pages, why);
    if (status == ST_OK) {
        status = sql_number(sql, "PRAGMA freelist_count", SQL_NO_VALUES, &unused, why);
    }
    *worth_out = unused > VACUUM_ABOVE_PAGES && unused > pages / VACUUM_ABOVE_SHARE;
    return status;
}

static enum status
run_vacuum(void *context, struct sql *sql, struct why *why)
{
    bool *has_more = context;
    enum status status = is_worth_vacuum(sql, has_more, why);
    if (status != ST_OK || !*has_more) {
        return status;
    }
    char statement[64];
    (void)snprintf(statement, sizeof(statement), "PRAGMA incremental_vacuum(%d)", VACUUM_PAGES);
    return sql_run(sql, statement, SQL_NO_VALUES, why);
}

enum status
store_purge(struct store *store, int64_t done_before_ms, int64_t dead_before_ms, size_t limit,
            uint64_t *count_out, struct why *why)
{
    struct purge purge = {.store = store,
                          .done_before = done_before_ms,
                          .dead_before = dead_before_ms,
                          .limit = limit};
    enum status status = purge_messages(&purge, why);
    if (status == ST_OK) {
        status = repeat(store, run_dedupe, DEDUPE_STEPS, why);
    }
    if (status == ST_OK) {
        status = repeat(store, run_vacuum, VACUUM_STEPS, why);
    }
    if (status == ST_OK && count_out != NULL) {
        *count_out = purge.count;
    }
    return status;
}
