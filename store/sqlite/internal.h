// SPDX-License-Identifier: Apache-2.0
// What the files of the SQLite backend share.
#ifndef STORE_SQLITE_INTERNAL_H
#define STORE_SQLITE_INTERNAL_H

#include <stdatomic.h>

#include "common/strbuf.h"
#include "store/sqlite/arena.h"
#include "store/sqlite/readers.h"
#include "store/sqlite/usage.h"
#include "store/sqlite/writer.h"
#include "store/store.h"

struct store {
    char *path;
    int lock_fd; /* holds the flock that keeps a second daemon out */
    struct sql *write_sql;
    struct writer *writer;
    struct readers *readers;
    struct usage *usage;
    atomic_uint_fast64_t unused_bytes; /* of the database file: free pages, as of the last tick */
    pthread_mutex_t room_mutex;        /* protects what follows */
    struct store_room room;
    int64_t room_mono_ms; /* 0: never looked */
};

/* ---- body.c ---- */

/** Insert the message's bytes as chunk rows. Writer thread. */
MUST_CHECK enum status body_insert(struct sql *sql, const struct store_submission *submission,
                                   struct why *why);

/** Write a large body before its message, with memory for one slice. ST_REFUSED: not wanted any
 *  more. On failure too, body_sweep must follow. Blocks; never on the writer thread. */
MUST_CHECK enum status body_stage(struct store *store, const struct store_submission *submission,
                                  struct why *why);

/** Delete in slices, in the background, what is staged under this id and not claimed. */
void body_sweep(struct store *store, const struct id *message_id);

/** Delete everything staged and not claimed. Before the writer runs. */
MUST_CHECK enum status body_sweep_all(struct sql *sql, struct why *why);

/* ---- evidence.c ---- */

/** Insert; what is there already stays. Writer thread. */
MUST_CHECK enum status evidence_insert(struct sql *sql, const struct store_evidence *evidence,
                                       struct why *why);

/* ---- rows.c ---- */

#define SQL_MESSAGE_COLUMNS                                                                        \
    "id, tenant, domain, sender, recipients, queue_id, client_address, client_name, helo, "        \
    "subject, message_id_field, verdict, received_at, size, header_length"
#define SQL_DELIVERY_COLUMNS                                                                       \
    "id, message_id, tenant, domain, recipient, route, action, destination, captures, reason, "    \
    "state, created_at, due_at, attempts, fence, last_http_status"

/** The row of SQL_MESSAGE_COLUMNS; its texts are copied into the arena. */
void message_read(struct query *query, struct arena *arena, struct store_message *message_out);

/** As message_read; the texts are in one block, which the caller frees. */
void message_read_owned(struct query *query, struct store_message *message_out, void **owner_out);

/** The row of SQL_DELIVERY_COLUMNS; its texts are copied into the arena. */
void delivery_read(struct query *query, struct arena *arena, struct store_delivery *delivery_out);

void id_read(struct query *query, int column, struct id *id_out);

/* ---- filter.c ---- */

enum { FILTER_VALUES_MAX = 12, FILTER_SQL_MAX = 2048 };

/** A statement put together from a filter; values are borrowed from it. */
struct filter_sql {
    struct strbuf text;
    struct sql_value values[FILTER_VALUES_MAX];
    size_t count;
};

void filter_start(struct filter_sql *sql, const char *text);

/** Append `text`, which uses the next value: "?". */
void filter_text(struct filter_sql *sql, const char *text, const char *value);
void filter_int(struct filter_sql *sql, const char *text, int64_t value);

/** " AND ..." for each part of the filter, on the table message or delivery. */
void filter_messages(struct filter_sql *sql, const struct store_filter *filter);
void filter_deliveries(struct filter_sql *sql, const struct store_filter *filter);

static inline void
filter_sql_cleanup(struct filter_sql *sql)
{
    strbuf_done(&sql->text);
}
#define AUTO_FILTER_SQL AUTO(filter_sql_cleanup) struct filter_sql

#endif
