// SPDX-License-Identifier: Apache-2.0
// Why mail was refused, on its way to the store: as much of it as strangers may cause.
#ifndef ROUTER_REFUSALS_H
#define ROUTER_REFUSALS_H

#include "common/intake_protocol.h"
#include "config/config.h"
#include "router/limits.h"
#include "store/store.h"

enum { REFUSALS_PER_MINUTE = 600 }; /* kept; the rest of a minute's is counted and told */

struct refusals; /* one thread at a time */

/** Both are borrowed and must outlive it. */
struct refusals *refusals_new(struct store *store, struct limits *limits);
void refusals_free(struct refusals *refusals); /* NULL-safe */

/** Who waits to hear whether it is kept. */
struct refusals_waiter {
    /** Called once, on any thread, perhaps before refusals_keep returns. Must not block. */
    void (*answered)(void *context, bool kept);
    void *context;
};

/**
 * Keep it, unless store.keep_evidence is 0, the minute has had its share, a message of its size
 * would find no room, or the store fails. Never blocks.
 *
 * @now_ms  monotonic
 * @return  ST_OK: `waiter` is answered; ST_INVALID: the packet's id is no id, and it is not
 */
MUST_CHECK enum status refusals_keep(struct refusals *refusals, const struct config *config,
                                     const struct intake_refused *refused, int64_t now_ms,
                                     const struct refusals_waiter *waiter, struct why *why);

#endif
