// SPDX-License-Identifier: Apache-2.0
// What each tenant keeps, in memory: staged by the writer inside a transaction, visible after it.
#ifndef STORE_SQLITE_USAGE_H
#define STORE_SQLITE_USAGE_H

#include "store/sqlite/sql.h"
#include "store/store.h"

struct usage;

struct usage_change {
    char tenant[STORE_NAME_SIZE];
    int64_t messages;
    int64_t bytes;
    int64_t deliveries;
};

struct usage *usage_new(void);
void usage_free(struct usage *usage); /* NULL-safe */

/** Count what the database holds. At open, before any other call. */
MUST_CHECK enum status usage_load(struct usage *usage, struct sql *sql, struct why *why);

/** Remember a change of the running transaction. Writer thread, as the three below. */
void usage_stage(struct usage *usage, const struct usage_change *change);

/** How many changes are staged; usage_rewind(mark) forgets the later ones. */
size_t usage_mark(const struct usage *usage);
void usage_rewind(struct usage *usage, size_t mark);

/** The transaction is committed: make the staged changes visible. */
void usage_apply(struct usage *usage);

/** Any thread. */
void usage_get(struct usage *usage, const char *tenant, struct store_usage *out);

/** Deliveries in the store, and messages committed since the start. Any thread. */
void usage_totals(struct usage *usage, uint64_t *deliveries_out, uint64_t *submitted_out);

#endif
