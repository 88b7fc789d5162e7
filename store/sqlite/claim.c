// SPDX-License-Identifier: Apache-2.0
// The life of one attempt: claim a due delivery, complete it.
#include <inttypes.h>
#include <string.h>

#include "common/clock.h"
#include "common/xalloc.h"
#include "store/sqlite/internal.h"
#include "store/sqlite/schema.h"

struct claim {
    struct operation operation;
    const struct store_claim *wanted;
    struct arena arena;
    struct store_delivery *deliveries;
    size_t count;
    int64_t next_due_at;
};

static enum status
select_due(struct claim *claim, struct sql *sql, int64_t now, struct why *why)
{
    const struct store_claim *wanted = claim->wanted;
    AUTO_QUERY *query = NULL;
    enum status status =
        sql_query(sql,
                  "SELECT " SQL_DELIVERY_COLUMNS " FROM delivery WHERE " SQL_WAITING
                  " AND destination = ? AND due_at <= ? ORDER BY due_at LIMIT ?",
                  SQL_VALUES(SQL_TEXT(wanted->destination), SQL_INT(now), SQL_INT(wanted->most)),
                  &query, why);
    size_t size = 0;
    while (status == ST_OK && (status = query_next(query, why)) == ST_OK) {
        if (claim->count == size) {
            size = size == 0 ? 16 : size * 2;
            claim->deliveries = xreallocarray(claim->deliveries, size, sizeof(*claim->deliveries));
        }
        delivery_read(query, &claim->arena, &claim->deliveries[claim->count++]);
    }
    return status == ST_NOT_FOUND ? ST_OK : status;
}

static enum status
lease(const struct claim *claim, struct store_delivery *delivery, struct sql *sql, int64_t now,
      struct why *why)
{
    delivery->state = DELIVERY_LEASED;
    delivery->fence++;
    return sql_run(sql,
                   "UPDATE delivery SET state = 'leased', fence = ?, lease_owner = ?,"
                   " lease_until = ?, state_at = ? WHERE id = ?",
                   SQL_VALUES(SQL_INT(delivery->fence), SQL_TEXT(claim->wanted->owner),
                              SQL_INT(now + claim->wanted->lease_ms), SQL_INT(now),
                              SQL_TEXT(delivery->id.text)),
                   why);
}

static enum status
run_claim(void *context, struct sql *sql, struct why *why)
{
    struct claim *claim = context;
    int64_t now = clock_steady_ms();
    enum status status = select_due(claim, sql, now, why);
    for (size_t i = 0; status == ST_OK && i < claim->count; i++) {
        status = lease(claim, &claim->deliveries[i], sql, now, why);
    }
    if (status != ST_OK) {
        return status;
    }
    return sql_number(sql,
                      "SELECT coalesce(min(due_at), 0) FROM delivery WHERE " SQL_WAITING
                      " AND destination = ?",
                      SQL_VALUES(SQL_TEXT(claim->wanted->destination)), &claim->next_due_at, why);
}

static void
finish_claim(void *context, enum status status, const struct why *why)
{
    (void)why;
    struct claim *claim = context;
    bool ok = status == ST_OK;
    claim->wanted->done(claim->wanted->context, status, claim->deliveries, ok ? claim->count : 0,
                        ok ? claim->next_due_at : 0);
    arena_done(&claim->arena);
    free(claim->deliveries);
    free(claim);
}

void
store_claim(struct store *store, const struct store_claim *claim)
{
    struct claim *queued = xcalloc(1, sizeof(*queued));
    *queued = (struct claim){
        .operation = {.run = run_claim, .finish = finish_claim, .context = queued},
        .wanted = claim,
    };
    writer_queue(store->writer, &queued->operation);
}

struct complete {
    struct operation operation;
    struct store_completion completion;
    struct arena arena; /* the completion's texts */
};

static enum status
insert_attempt(struct sql *sql, const struct store_completion *completion, struct why *why)
{
    const struct store_attempt *attempt = &completion->attempt;
    return sql_run(sql,
                   "INSERT INTO attempt (delivery_id, at, number, outcome, http_status, detail,"
                   " duration_ms) VALUES (?, ?, ?, ?, ?, ?, ?)",
                   SQL_VALUES(SQL_TEXT(completion->delivery_id.text), SQL_INT(attempt->at),
                              SQL_INT(attempt->number), SQL_TEXT(attempt->outcome),
                              SQL_INT(attempt->http_status), SQL_TEXT(attempt->detail),
                              SQL_INT(attempt->duration_ms)),
                   why);
}

static enum status
run_complete(void *context, struct sql *sql, struct why *why)
{
    const struct complete *complete = context;
    const struct store_completion *completion = &complete->completion;
    bool was_tried = completion->attempt.number > 0;
    // The fence grows here too, so that a completion counts once. 'queued' with the fence of the
    // claim: the lease ran out, and nobody has taken the delivery since.
    enum status status = sql_run(
        sql,
        "UPDATE delivery SET state = ?1, reason = ?2, due_at = ?3, attempts = attempts + ?4,"
        " last_http_status = iif(?4 = 1, ?5, last_http_status), fence = fence + 1, state_at = ?6,"
        " lease_owner = '', lease_until = 0"
        " WHERE id = ?7 AND fence = ?8 AND state IN ('leased', 'queued')",
        SQL_VALUES(SQL_TEXT(delivery_state_name(completion->state)), SQL_TEXT(completion->reason),
                   SQL_INT(completion->due_at), SQL_INT(was_tried),
                   SQL_INT(completion->attempt.http_status), SQL_INT(clock_steady_ms()),
                   SQL_TEXT(completion->delivery_id.text), SQL_INT(completion->fence)),
        why);
    if (status == ST_OK && sql_changes(sql) == 0) {
        return why_set(why, ST_CONFLICT, "delivery %s is not leased with fence %" PRIu64,
                       completion->delivery_id.text, completion->fence);
    }
    return status == ST_OK && was_tried ? insert_attempt(sql, completion, why) : status;
}

static void
finish_complete(void *context, enum status status, const struct why *why)
{
    (void)why;
    struct complete *complete = context;
    complete->completion.done(complete->completion.context, status);
    arena_done(&complete->arena);
    free(complete);
}

static const char *
or_empty(const char *text)
{
    return text == NULL ? "" : text;
}

void
store_complete(struct store *store, const struct store_completion *completion)
{
    struct complete *complete = xcalloc(1, sizeof(*complete));
    *complete = (struct complete){
        .operation = {.run = run_complete,
                      .finish = finish_complete,
                      .context = complete,
                      .durable = true,
                      .can_wait = completion->can_wait},
        .completion = *completion,
    };
    struct store_completion *copy = &complete->completion;
    copy->reason = arena_text(&complete->arena, or_empty(completion->reason));
    copy->attempt.outcome = arena_text(&complete->arena, or_empty(completion->attempt.outcome));
    copy->attempt.detail = arena_text(&complete->arena, or_empty(completion->attempt.detail));
    writer_queue(store->writer, &complete->operation);
}
