// SPDX-License-Identifier: Apache-2.0
// A message and its deliveries become durable, once.
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/xalloc.h"
#include "store/sqlite/internal.h"

struct submit {
    struct operation operation;
    struct store *store;
    const struct store_submission *submission;
    bool is_staged; /* the body was, or began to be, written before */
    enum status staging;
    struct store_submit_result result;
};

enum { ROW_WEIGHT = 2048 }; /* bytes of a message or delivery row with its indexes, about */

static enum status
find_earlier(struct sql *sql, const struct store_submission *submission, struct id *earlier_out,
             struct why *why)
{
    const struct store_message *message = submission->message;
    AUTO_QUERY *query = NULL;
    // The same id: a repeat after ST_AMBIGUOUS.
    enum status status = sql_query(
        sql,
        "SELECT id FROM message WHERE id = ?1 UNION ALL"
        " SELECT message_id FROM dedupe WHERE key = ?2 AND expires_at > ?3",
        SQL_VALUES(SQL_TEXT(message->id.text), SQL_BLOB(submission->dedupe.key, SHA256_SIZE),
                   SQL_INT(clock_steady_ms())),
        &query, why);
    if (status == ST_OK) {
        status = query_next(query, why);
    }
    if (status == ST_OK) {
        id_read(query, 0, earlier_out);
    }
    return status;
}

static enum status
insert_message(struct sql *sql, const struct store_message *message, struct why *why)
{
    return sql_run(
        sql, "INSERT INTO message (" SQL_MESSAGE_COLUMNS ") VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
        SQL_VALUES(SQL_TEXT(message->id.text), SQL_TEXT(message->tenant), SQL_TEXT(message->domain),
                   SQL_TEXT(message->sender), SQL_TEXT(message->recipients),
                   SQL_TEXT(message->queue_id), SQL_TEXT(message->client_address),
                   SQL_TEXT(message->client_name), SQL_TEXT(message->helo),
                   SQL_TEXT(message->subject), SQL_TEXT(message->message_id_field),
                   SQL_TEXT(message->verdict), SQL_INT(message->received_at),
                   SQL_INT(message->size), SQL_INT(message->header_length)),
        why);
}

static enum status
insert_delivery(struct sql *sql, const struct store_submission *submission,
                const struct store_delivery *delivery, struct why *why)
{
    bool is_leased = delivery->state == DELIVERY_LEASED;
    int64_t now = clock_steady_ms();
    return sql_run(
        sql,
        "INSERT INTO delivery (" SQL_DELIVERY_COLUMNS ", state_at, lease_owner, lease_until)"
        " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,0,?,0,?,?,?)",
        SQL_VALUES(SQL_TEXT(delivery->id.text), SQL_TEXT(submission->message->id.text),
                   SQL_TEXT(delivery->tenant), SQL_TEXT(delivery->domain),
                   SQL_TEXT(delivery->recipient), SQL_TEXT(delivery->route),
                   SQL_TEXT(delivery->action), SQL_TEXT(delivery->destination),
                   SQL_TEXT(delivery->captures), SQL_TEXT(delivery->reason),
                   SQL_TEXT(delivery_state_name(delivery->state)), SQL_INT(delivery->created_at),
                   SQL_INT(delivery->due_at), SQL_INT(is_leased ? delivery->fence : 0),
                   SQL_INT(now), SQL_TEXT(is_leased ? submission->lease_owner : ""),
                   SQL_INT(is_leased ? now + submission->lease_ms : 0)),
        why);
}

static enum status
insert_dedupe(struct sql *sql, const struct store_submission *submission, struct why *why)
{
    const struct store_dedupe *dedupe = &submission->dedupe;
    // Replace: an expired key that no purge has met yet.
    return sql_run(sql,
                   "INSERT OR REPLACE INTO dedupe (key, message_id, expires_at,"
                   " until_acknowledged) VALUES (?, ?, ?, ?)",
                   SQL_VALUES(SQL_BLOB(dedupe->key, SHA256_SIZE),
                              SQL_TEXT(submission->message->id.text),
                              SQL_INT(clock_steady_ms() + dedupe->keep_ms),
                              SQL_INT(dedupe->until_acknowledged)),
                   why);
}

static bool
has_evidence(const struct store_submission *submission)
{
    return submission->evidence != NULL && submission->evidence[0] != '\0' &&
           strlen(submission->evidence) <= STORE_EVIDENCE_MAX;
}

static enum status
insert_evidence(struct sql *sql, const struct store_submission *submission, struct why *why)
{
    const struct store_message *message = submission->message;
    const struct store_evidence evidence = {.id = message->id,
                                            .tenant = message->tenant,
                                            .domain = message->domain,
                                            .data = submission->evidence};
    return evidence_insert(sql, &evidence, why);
}

// The staged chunks become the body of the message that is inserted in the same transaction.
static enum status
claim_staged(struct sql *sql, const struct store_message *message, struct why *why)
{
    int64_t chunks = 0;
    enum status status = sql_number(sql, "SELECT count(*) FROM body WHERE message_id = ?",
                                    SQL_VALUES(SQL_TEXT(message->id.text)), &chunks, why);
    uint64_t wanted = (message->size + STORE_CHUNK_SIZE - 1) / STORE_CHUNK_SIZE;
    if (status == ST_OK && (uint64_t)chunks != wanted) {
        // A sweep of an earlier try with the same id was still under way.
        return why_set(why, ST_AGAIN, "staged body of %s is incomplete", message->id.text);
    }
    if (status == ST_OK) {
        status = sql_run(sql, "DELETE FROM staged WHERE message_id = ?",
                         SQL_VALUES(SQL_TEXT(message->id.text)), why);
    }
    return status;
}

static enum status
insert_all(const struct submit *submit, struct sql *sql, struct why *why)
{
    const struct store_submission *submission = submit->submission;
    const struct store_message *message = submission->message;
    enum status status = insert_message(sql, message, why);
    if (status == ST_OK) {
        status =
            submit->is_staged ? claim_staged(sql, message, why) : body_insert(sql, submission, why);
    }
    for (size_t i = 0; status == ST_OK && i < submission->delivery_count; i++) {
        status = insert_delivery(sql, submission, &submission->deliveries[i], why);
    }
    if (status == ST_OK) {
        status = insert_dedupe(sql, submission, why);
    }
    return status == ST_OK && has_evidence(submission) ? insert_evidence(sql, submission, why)
                                                       : status;
}

static void
stage_usage(const struct submit *submit)
{
    const struct store_message *message = submit->submission->message;
    struct usage_change change = {.messages = 1,
                                  .bytes = (int64_t)message->size,
                                  .deliveries = (int64_t)submit->submission->delivery_count};
    (void)snprintf(change.tenant, sizeof(change.tenant), "%s", message->tenant);
    usage_stage(submit->store->usage, &change);
}

static enum status
run_submit(void *context, struct sql *sql, struct why *why)
{
    struct submit *submit = context;
    const struct store_submission *submission = submit->submission;
    if (submit->staging != ST_OK) {
        return why_set(why, submit->staging, "%s", submit->result.why.text);
    }
    enum status status = find_earlier(sql, submission, &submit->result.message_id, why);
    if (status != ST_NOT_FOUND) {
        submit->result.duplicate = status == ST_OK;
        return status;
    }
    if (submission->still_wanted != NULL && !submission->still_wanted(submission->context)) {
        return why_set(why, ST_REFUSED, "nobody waits for message %s any more",
                       submission->message->id.text);
    }
    status = insert_all(submit, sql, why);
    if (status == ST_OK) {
        stage_usage(submit);
    }
    // Two deliveries with one id, or such: nothing that the sender could mend.
    return status == ST_CONFLICT ? ST_IO : status;
}

static void
finish_submit(void *context, enum status status, const struct why *why)
{
    struct submit *submit = context;
    struct store_submit_result *result = &submit->result;
    result->status = status;
    result->duplicate = result->duplicate && status == ST_OK;
    if (status != ST_OK) {
        result->why = *why;
        result->message_id = submit->submission->message->id;
    }
    if (submit->is_staged && (status != ST_OK || result->duplicate)) {
        body_sweep(submit->store, &submit->submission->message->id); // ahead of any repeat
    }
    submit->submission->done(submit->submission->context, result);
    free(submit);
}

static enum status
check(const struct store_submission *submission, struct why *why)
{
    size_t count = submission->delivery_count;
    if (count == 0) {
        return why_set(why, ST_INVALID, "a message without deliveries");
    }
    if (count > STORE_DELIVERIES_MAX) {
        return why_set(why, ST_TOO_LARGE, "%zu deliveries; at most %d", count,
                       STORE_DELIVERIES_MAX);
    }
    return ST_OK;
}

void
store_submit(struct store *store, const struct store_submission *submission)
{
    const struct store_message *message = submission->message;
    struct submit *submit = xcalloc(1, sizeof(*submit));
    *submit = (struct submit){
        .operation = {.run = run_submit, .finish = finish_submit, .context = submit},
        .store = store,
        .submission = submission,
        .result = {.message_id = message->id},
    };
    submit->staging = check(submission, &submit->result.why);
    submit->operation.durable = submit->staging == ST_OK;
    submit->operation.weight = ROW_WEIGHT * (submission->delivery_count + 1) +
                               (has_evidence(submission) ? strlen(submission->evidence) : 0);
    if (submit->staging == ST_OK && message->size > STORE_STAGE_ABOVE) {
        submit->is_staged = true;
        submit->staging = body_stage(store, submission, &submit->result.why);
    } else {
        submit->operation.weight += (size_t)message->size;
    }
    writer_queue(store->writer, &submit->operation);
}

struct acknowledge {
    struct operation operation;
    struct id id;
};

static enum status
run_acknowledge(void *context, struct sql *sql, struct why *why)
{
    const struct acknowledge *acknowledge = context;
    return sql_run(sql, "DELETE FROM dedupe WHERE message_id = ? AND until_acknowledged = 1",
                   SQL_VALUES(SQL_TEXT(acknowledge->id.text)), why);
}

// A key that stays longer than it should takes the next equal alert for a copy: no reason to fail
// now, and nobody to tell.
static void
finish_acknowledge(void *context, enum status status, const struct why *why)
{
    (void)status;
    (void)why;
    free(context);
}

void
store_acknowledge(struct store *store, const struct id *message_id)
{
    struct acknowledge *acknowledge = xcalloc(1, sizeof(*acknowledge));
    *acknowledge = (struct acknowledge){
        .operation = {.run = run_acknowledge,
                      .finish = finish_acknowledge,
                      .context = acknowledge,
                      .can_wait = true},
        .id = *message_id,
    };
    writer_queue(store->writer, &acknowledge->operation);
}
