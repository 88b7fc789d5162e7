// SPDX-License-Identifier: Apache-2.0
// Events of domains: written with the row they are about.
#ifndef STORE_SQLITE_EVENTS_H
#define STORE_SQLITE_EVENTS_H

#include "store/sqlite/sql.h"
#include "store/store.h"

enum { EVENT_STATUS_SIZE = sizeof(((struct store_event_row *)NULL)->status) };

/** Add these, linked, in the writer's transaction. `previous` is the status before. As sql_run. */
MUST_CHECK enum status events_write(struct sql *sql, const struct store_domain *domain,
                                    const char *previous, const struct store_event *events,
                                    struct why *why);

#endif
