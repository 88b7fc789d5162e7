// SPDX-License-Identifier: Apache-2.0
// A SQLite connection with cached statements and typed values. The only place that knows
// sqlite3.h; results become `enum status`. One thread at a time per connection.
#ifndef STORE_SQLITE_SQL_H
#define STORE_SQLITE_SQL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cleanup.h"
#include "common/status.h"

struct sql;   /* a connection */
struct query; /* a statement that runs */

enum sql_role { SQL_WRITER, SQL_READER };

struct sql_value {
    enum { SQL_VALUE_TEXT, SQL_VALUE_INT, SQL_VALUE_BLOB } kind;
    const void *data; /* borrowed until the query is done */
    size_t size;      /* of a blob */
    int64_t number;
};

#define SQL_TEXT(value)                                                                            \
    {                                                                                              \
        .kind = SQL_VALUE_TEXT, .data = (const char *)(value)                                      \
    }
#define SQL_INT(value)                                                                             \
    {                                                                                              \
        .kind = SQL_VALUE_INT, .number = (int64_t)(value)                                          \
    }
#define SQL_BLOB(bytes, length)                                                                    \
    {                                                                                              \
        .kind = SQL_VALUE_BLOB, .data = (bytes), .size = (length)                                  \
    }
/** The values of ?1, ?2, ... and their count: two arguments. */
#define SQL_VALUES(...)                                                                            \
    (const struct sql_value[]){__VA_ARGS__},                                                       \
        sizeof((const struct sql_value[]){__VA_ARGS__}) / sizeof(struct sql_value)
#define SQL_NO_VALUES NULL, 0

/**
 * Open (a writer creates) the database and set the connection up.
 *
 * @return ST_OK; else as sql_run
 */
MUST_CHECK enum status sql_open(const char *path, enum sql_role role, struct sql **sql_out,
                                struct why *why);

/** NULL-safe; all queries must be done. */
void sql_close(struct sql *sql);

static inline void
sql_cleanup(struct sql **sql)
{
    sql_close(*sql);
}
#define AUTO_SQL AUTO(sql_cleanup) struct sql

/**
 * Run one statement to its end; rows are passed over.
 *
 * @return ST_OK; ST_CONFLICT a constraint; ST_AGAIN locked for longer than the busy timeout;
 *         ST_NO_SPACE; ST_TOO_LARGE; ST_IO everything else
 */
MUST_CHECK enum status sql_run(struct sql *sql, const char *text, const struct sql_value *values,
                               size_t count, struct why *why);

/** Run statements without values (pragmas, migrations); nothing is cached. */
MUST_CHECK enum status sql_script(struct sql *sql, const char *text, struct why *why);

/** Run a statement that gives one number. ST_NOT_FOUND without a row; else as sql_run. */
MUST_CHECK enum status sql_number(struct sql *sql, const char *text, const struct sql_value *values,
                                  size_t count, int64_t *out, struct why *why);

/** Rows the last statement changed. */
uint64_t sql_changes(struct sql *sql);

/** Rows changed since the connection was opened. */
uint64_t sql_total_changes(struct sql *sql);

/** True while a transaction is open (a failed statement may have rolled it back). */
bool sql_in_transaction(struct sql *sql);

/** Start a statement that gives rows. Errors as sql_run. */
MUST_CHECK enum status sql_query(struct sql *sql, const char *text, const struct sql_value *values,
                                 size_t count, struct query **query_out, struct why *why);

/** ST_OK a row is there; ST_NOT_FOUND no more rows (`why` untouched); else as sql_run. */
MUST_CHECK enum status query_next(struct query *query, struct why *why);

/** Columns of the row, from 0. Text and blob are borrowed until the next query_next. */
const char *query_text(struct query *query, int column); /* "" for NULL */
int64_t query_int(struct query *query, int column);

/** End the statement, and its read lock. NULL-safe. */
void query_done(struct query *query);

static inline void
query_cleanup(struct query **query)
{
    query_done(*query);
}
#define AUTO_QUERY AUTO(query_cleanup) struct query

/** Read part of a blob cell without loading the rest. The range must lie inside the cell. */
MUST_CHECK enum status sql_blob_read(struct sql *sql, const char *table, const char *column,
                                     int64_t rowid, uint64_t offset, void *buffer, size_t size,
                                     struct why *why);

/**
 * Copy the WAL into the database and make it empty.
 *
 * @return ST_OK; ST_AGAIN a reader is in the way; else as sql_run
 */
MUST_CHECK enum status sql_checkpoint_truncate(struct sql *sql, struct why *why);

/** Copy what no reader holds back; never waits. */
MUST_CHECK enum status sql_checkpoint_passive(struct sql *sql, struct why *why);

struct sql_copy; /* of a database, being made */

/**
 * Begin to copy the database to the new file `path`. What `from` writes meanwhile is copied too.
 *
 * @from  the only writer; used by its own thread, which all calls below are made on
 */
MUST_CHECK enum status sql_copy_start(struct sql *from, const char *path,
                                      struct sql_copy **copy_out, struct why *why);

/**
 * Copy up to `pages` more; outside of transactions of `from`.
 *
 * @done_out  true: the copy is complete, and synced
 */
MUST_CHECK enum status sql_copy_step(struct sql_copy *copy, int pages, bool *done_out,
                                     struct why *why);

/** Give up, or end. NULL-safe. */
void sql_copy_end(struct sql_copy *copy);

/** Frames in the WAL after the last commit of this connection. */
uint64_t sql_wal_frames(const struct sql *sql);

#endif
