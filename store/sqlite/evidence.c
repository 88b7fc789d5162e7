// SPDX-License-Identifier: Apache-2.0
// Why messages were judged as they were. The evidence of stored mail is written by the message's
// own transaction (submit.c), that of refused mail here.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/xalloc.h"
#include "store/sqlite/internal.h"

enum { EVIDENCE_STEP = 200 /* rows deleted in a transaction */ };

enum status
evidence_insert(struct sql *sql, const struct store_evidence *evidence, struct why *why)
{
    return sql_run(sql,
                   "INSERT OR IGNORE INTO evidence (id, refused, tenant, domain, size, data)"
                   " VALUES (?, ?, ?, ?, ?, ?)",
                   SQL_VALUES(SQL_TEXT(evidence->id.text), SQL_INT(evidence->refused),
                              SQL_TEXT(evidence->tenant), SQL_TEXT(evidence->domain),
                              SQL_INT(strlen(evidence->data)), SQL_TEXT(evidence->data)),
                   why);
}

// ---- of refused mail

struct put {
    struct operation operation;
    struct store_evidence evidence;
    char *texts; /* what the evidence points into */
    store_evidence_done *done;
    void *context;
};

static enum status
run_put(void *context, struct sql *sql, struct why *why)
{
    const struct put *put = context;
    return evidence_insert(sql, &put->evidence, why);
}

static void
finish_put(void *context, enum status status, const struct why *why)
{
    struct put *put = context;
    put->done(put->context, status, why);
    free(put->texts);
    free(put);
}

// The three texts behind each other in one block, which free() releases.
static char *
own_texts(const char *tenant, const char *domain, const char *data, struct store_evidence *out)
{
    const char *const texts[] = {tenant, domain, data};
    const char **const targets[] = {&out->tenant, &out->domain, &out->data};
    size_t size = 0;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        size += strlen(texts[i]) + 1;
    }
    char *block = xcalloc(size, 1);
    char *at = block;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        size_t length = strlen(texts[i]) + 1;
        memcpy(at, texts[i], length);
        *targets[i] = at;
        at += length;
    }
    return block;
}

void
store_evidence_put(struct store *store, const struct store_evidence *evidence,
                   store_evidence_done *done, void *context)
{
    size_t length = strlen(evidence->data);
    if (length > STORE_EVIDENCE_MAX) {
        struct why why;
        done(context,
             why_set(&why, ST_TOO_LARGE, "evidence of %zu bytes; at most %d", length,
                     STORE_EVIDENCE_MAX),
             &why);
        return;
    }
    struct put *put = xcalloc(1, sizeof(*put));
    put->operation =
        (struct operation){.run = run_put, .finish = finish_put, .context = put, .weight = length};
    put->done = done;
    put->context = context;
    put->evidence = *evidence;
    put->texts = own_texts(evidence->tenant, evidence->domain, evidence->data, &put->evidence);
    writer_queue(store->writer, &put->operation);
}

// ---- reading

enum status
store_evidence_get(struct store *store, const char *id, struct store_evidence *evidence_out,
                   void **owner_out, struct why *why)
{
    AUTO_READER reader = reader_borrow(store->readers);
    AUTO_QUERY *query = NULL;
    enum status status =
        sql_query(reader.sql, "SELECT id, refused, tenant, domain, data FROM evidence WHERE id = ?",
                  SQL_VALUES(SQL_TEXT(id)), &query, why);
    if (status == ST_OK) {
        status = query_next(query, why);
    }
    if (status == ST_OK) {
        id_read(query, 0, &evidence_out->id);
        evidence_out->refused = query_int(query, 1) != 0;
        *owner_out = own_texts(query_text(query, 2), query_text(query, 3), query_text(query, 4),
                               evidence_out);
    }
    return status == ST_NOT_FOUND ? why_set(why, status, "no evidence of %.40s", id) : status;
}

// ---- deleting

struct evidence_purge {
    struct id before;
    size_t most;      /* rows of this step */
    uint64_t deleted; /* by it */
};

static enum status
delete_old(struct evidence_purge *purge, struct sql *sql, struct why *why)
{
    enum status status =
        sql_run(sql,
                "DELETE FROM evidence WHERE id IN"
                " (SELECT id FROM evidence WHERE id < ? ORDER BY id LIMIT ?)",
                SQL_VALUES(SQL_TEXT(purge->before.text), SQL_INT(purge->most)), why);
    purge->deleted = status == ST_OK ? sql_changes(sql) : 0;
    return status;
}

// Strangers decide how much mail there is to refuse.
static enum status
delete_excess(struct evidence_purge *purge, struct sql *sql, struct why *why)
{
    int64_t bytes = 0;
    enum status status =
        sql_number(sql, "SELECT coalesce(sum(size), 0) FROM evidence WHERE refused = 1",
                   SQL_NO_VALUES, &bytes, why);
    if (status != ST_OK || bytes <= STORE_EVIDENCE_REFUSED_MAX) {
        return status;
    }
    status = sql_run(sql,
                     "DELETE FROM evidence WHERE id IN"
                     " (SELECT id FROM evidence WHERE refused = 1 ORDER BY id LIMIT ?)",
                     SQL_VALUES(SQL_INT(purge->most)), why);
    purge->deleted = status == ST_OK ? sql_changes(sql) : 0;
    return status;
}

static enum status
run_purge(void *context, struct sql *sql, struct why *why)
{
    struct evidence_purge *purge = context;
    enum status status = delete_old(purge, sql, why);
    return status == ST_OK && purge->deleted == 0 ? delete_excess(purge, sql, why) : status;
}

enum status
store_evidence_purge(struct store *store, int64_t before_ms, size_t limit, uint64_t *count_out,
                     struct why *why)
{
    uint64_t count = 0;
    struct evidence_purge purge = {.before = id_floor(before_ms)};
    do {
        purge.most = limit - count < EVIDENCE_STEP ? (size_t)(limit - count) : EVIDENCE_STEP;
        struct operation operation = {.run = run_purge, .context = &purge};
        enum status status = writer_call(store->writer, &operation, why);
        if (status != ST_OK) {
            return status;
        }
        count += purge.deleted;
    } while (purge.deleted > 0 && count < limit);
    *count_out = count;
    return ST_OK;
}
