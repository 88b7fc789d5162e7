// SPDX-License-Identifier: Apache-2.0
// What people do to many deliveries at once: retry, release, discard, block. In steps, by id, so
// that a million rows do not stop the writer, and none is met twice.
#include "common/clock.h"
#include "store/sqlite/internal.h"

enum { MOVE_STEP = 500 };

struct move {
    const struct store_filter *filter;
    const char *condition; /* " AND ..." beside the filter; without values */
    const char *change;    /* "state = 'x', ..."; its values are ?1 (now) and ?2 (reason) */
    const char *reason;
    const char *reason_before; /* NULL: any */
    int64_t state_before;      /* only what is in its state since before this; 0: all */
    bool skip_due;             /* not what is queued and due already */
    int64_t now;
    struct id after;
    uint64_t last_step;
    uint64_t count;
};

static void
build_select(const struct move *move, struct filter_sql *sql)
{
    filter_start(sql, "SELECT id FROM delivery WHERE 1");
    filter_deliveries(sql, move->filter);
    filter_text(sql, " AND reason = ?", move->reason_before);
    if (move->state_before != 0) {
        filter_int(sql, " AND state_at < ?", move->state_before);
    }
    if (move->skip_due) {
        filter_int(sql, " AND NOT (state = 'queued' AND due_at <= ?)", move->now);
    }
    strbuf_puts(&sql->text, move->condition);
    filter_text(sql, " AND id > ?", move->after.text);
    filter_int(sql, " ORDER BY id LIMIT ?", MOVE_STEP);
}

static enum status
select_step(const struct move *move, struct sql *sql, struct id *ids, size_t *count_out,
            struct why *why)
{
    AUTO_FILTER_SQL select;
    build_select(move, &select);
    AUTO_QUERY *query = NULL;
    enum status status =
        sql_query(sql, strbuf_text(&select.text), select.values, select.count, &query, why);
    size_t count = 0;
    while (status == ST_OK && (status = query_next(query, why)) == ST_OK) {
        id_read(query, 0, &ids[count++]);
    }
    *count_out = count;
    return status == ST_NOT_FOUND ? ST_OK : status;
}

static enum status
run_step(void *context, struct sql *sql, struct why *why)
{
    struct move *move = context;
    struct id ids[MOVE_STEP];
    size_t count = 0;
    enum status status = select_step(move, sql, ids, &count, why);
    AUTO_FILTER_SQL update;
    filter_start(&update, "UPDATE delivery SET state_at = ?1, ");
    strbuf_printf(&update.text, "%s WHERE id = ?3", move->change);
    for (size_t i = 0; status == ST_OK && i < count; i++) {
        status = sql_run(
            sql, strbuf_text(&update.text),
            SQL_VALUES(SQL_INT(move->now), SQL_TEXT(move->reason), SQL_TEXT(ids[i].text)), why);
    }
    if (status == ST_OK && count > 0) {
        move->after = ids[count - 1];
    }
    move->last_step = count;
    return status;
}

static enum status
run_move(struct store *store, struct move *move, uint64_t *count_out, struct why *why)
{
    move->now = clock_steady_ms();
    do {
        struct operation operation = {.run = run_step, .context = move, .durable = true};
        enum status status = writer_call(store->writer, &operation, why);
        if (status != ST_OK) {
            return status;
        }
        move->count += move->last_step;
    } while (move->last_step == MOVE_STEP);
    if (count_out != NULL) {
        *count_out = move->count;
    }
    return ST_OK;
}

static bool
is_empty(const struct store_filter *filter)
{
    return filter->tenant == NULL && filter->domain == NULL && filter->message_id == NULL &&
           filter->delivery_id == NULL && filter->destination == NULL && filter->state == NULL;
}

enum status
store_delivery_retry(struct store *store, const struct store_filter *filter, uint64_t *count_out,
                     struct why *why)
{
    if (is_empty(filter)) {
        return why_set(why, ST_INVALID, "say what to retry: an empty filter is refused");
    }
    // What is done is repeated only when asked for by name: a replay of everything that one
    // destination ever got must not happen by leaving a word out.
    bool with_done = filter->message_id != NULL || filter->delivery_id != NULL ||
                     (filter->state != NULL && *filter->state == DELIVERY_DONE);
    struct move move = {
        .filter = filter,
        .condition = with_done ? " AND state IN ('dead', 'blocked', 'unknown', 'queued', 'done')"
                               : " AND state IN ('dead', 'blocked', 'unknown', 'queued')",
        .change = "state = 'queued', reason = ?2, due_at = ?1, attempts = 0",
        .reason = "",
        .skip_due = true,
    };
    return run_move(store, &move, count_out, why);
}

// A filter that names another state than `held` selects nothing.
static struct move
of_held(const struct store_filter *filter)
{
    return (struct move){.filter = filter,
                         .condition = " AND state = 'held' AND state IN ('held','blocked','dead')",
                         .reason = ""};
}

enum status
store_hold_release(struct store *store, const struct store_filter *filter, uint64_t *count_out,
                   struct why *why)
{
    if (is_empty(filter)) {
        return why_set(why, ST_INVALID, "say what to release: an empty filter is refused");
    }
    struct move move = of_held(filter);
    move.change = "state = 'queued', reason = ?2, due_at = ?1";
    return run_move(store, &move, count_out, why);
}

enum status
store_hold_discard(struct store *store, const struct store_filter *filter, const char *reason,
                   uint64_t *count_out, struct why *why)
{
    if (is_empty(filter)) {
        return why_set(why, ST_INVALID, "say what to discard: an empty filter is refused");
    }
    struct move move = of_held(filter);
    move.change = "state = 'dead', reason = ?2";
    move.reason = reason;
    return run_move(store, &move, count_out, why);
}

enum status
store_hold_expire(struct store *store, int64_t before_ms, uint64_t *count_out, struct why *why)
{
    struct move move = of_held(&(struct store_filter){.tenant = NULL});
    move.change = "state = 'dead', reason = ?2";
    move.reason = "hold expired";
    move.state_before = before_ms;
    return run_move(store, &move, count_out, why);
}

enum status
store_block(struct store *store, const char *destination, const char *reason, struct why *why)
{
    const struct store_filter filter = {.destination = destination};
    struct move move = {.filter = &filter,
                        .condition = " AND state IN ('queued','unknown')",
                        .change = "state = 'blocked', reason = ?2",
                        .reason = reason};
    return run_move(store, &move, NULL, why);
}

enum status
store_unblock(struct store *store, const char *destination, const char *reason, uint64_t *count_out,
              struct why *why)
{
    const struct store_filter filter = {.destination = destination};
    struct move move = {.filter = &filter,
                        .condition =
                            " AND state = 'blocked' AND state IN ('held','blocked','dead')",
                        .change = "state = 'queued', reason = ?2, due_at = ?1",
                        .reason = "",
                        .reason_before = reason};
    return run_move(store, &move, count_out, why);
}
