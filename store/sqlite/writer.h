// SPDX-License-Identifier: Apache-2.0
// The one thread that writes. It takes all operations that wait, runs each in its own savepoint of
// one transaction, commits, and only then tells their callers: groups grow with the load, no timer.
// Operations that can wait ride with the next that cannot: most need no transaction of their own.
#ifndef STORE_SQLITE_WRITER_H
#define STORE_SQLITE_WRITER_H

#include "store/sqlite/sql.h"
#include "store/sqlite/usage.h"

struct writer;

struct operation {
    /** Do the work (writer thread, inside the transaction). A failure undoes this operation only.
     */
    enum status (*run)(void *context, struct sql *sql, struct why *why);
    /** Called once, behind the commit, on the writer thread; may release the operation. */
    void (*finish)(void *context, enum status status, const struct why *why);
    void *context;
    bool durable;  /* wants its own sync; else it is durable with the next durable one */
    bool can_wait; /* up to STORE_PATIENCE_MS, for one that cannot: nobody waits for its end */
    size_t weight; /* bytes it will write, about */
    bool is_alone; /* `run` is called between transactions: it changes nothing in the store */
    /* the writer's own */
    struct operation *next;
    enum status status;
    struct why why;
    size_t usage_mark;
};

struct writer_settings {
    struct sql *sql;     /* borrowed; used by the writer thread only, until writer_stop */
    struct usage *usage; /* borrowed: told of commits */
    bool synchronous_off;
    /** Called about once a second between transactions, on the writer thread. */
    void (*tick)(void *context, struct sql *sql);
    void *context;
};

/** Start the thread. ST_AGAIN: none to be had. */
MUST_CHECK enum status writer_start(const struct writer_settings *settings,
                                    struct writer **writer_out, struct why *why);

/** Run what waits, give up what was put off (ST_AGAIN), checkpoint, end. NULL-safe. */
void writer_stop(struct writer *writer);

/** Queue an operation, borrowed until `finish`. Any thread, never blocks. */
void writer_queue(struct writer *writer, struct operation *operation);

/** As writer_queue, about a second later. From `finish` only. False: not taken, we are closing. */
bool writer_queue_later(struct writer *writer, struct operation *operation);

/** Queue an operation without `finish` and wait for its end. Never on the writer thread. */
MUST_CHECK enum status writer_call(struct writer *writer, struct operation *operation,
                                   struct why *why);

/** Synced transactions since the start. Any thread. */
uint64_t writer_commits(const struct writer *writer);

#endif
