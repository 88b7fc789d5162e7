// SPDX-License-Identifier: Apache-2.0
// May one more message come in? Counts what the store keeps, what is promised to transactions under
// way (so that many of them at once cannot overrun a limit together), and what each tenant took in
// the last minute. All from memory: after a restart a tenant's minute begins anew.
#ifndef ROUTER_LIMITS_H
#define ROUTER_LIMITS_H

#include "common/smtp_reply.h"
#include "config/config.h"
#include "store/store.h"

struct limits;

/** A promise for one message; all zero is none. Belongs to one thread at a time. */
struct reservation {
    bool held;
    bool stored; /* limits_keep */
    uint64_t bytes;
    uint64_t recipients;
    int64_t minute; /* in which it counts */
    char tenant[STORE_NAME_SIZE];
};

struct limits_request {
    const char *tenant;
    uint64_t bytes;
    uint64_t recipients; /* so far; 0: no mail (evidence), so rates and refusals do not count it */
};

/** What one tenant does to its limits. */
struct limits_tenant {
    uint64_t messages_in_last_minute;
    uint64_t recipients_in_last_minute;
    uint64_t refused_for_room; /* these two: answers since the start */
    uint64_t refused_for_rate;
};

/** The store must outlive it. */
struct limits *limits_new(struct store *store);
void limits_free(struct limits *limits);

/**
 * Promise room for a message; a promise already held is replaced, and stays as it was when the new
 * one is refused. A message and its recipients count in the tenant's minute from now on, unless the
 * promise is released without limits_keep.
 *
 * @return NULL: reserved. Else the reply to refuse with, static: 552 5.3.4 larger than
 *         message_bytes; 452 4.3.1 store or disk full; 452 4.2.2 the tenant's share is used up;
 *         450 4.2.1 the tenant's messages or recipients per minute are
 * @thread any; never blocks on the store
 */
MUST_CHECK const struct smtp_reply *limits_reserve(struct limits *limits,
                                                   const struct config_limits *settings,
                                                   const struct limits_request *request,
                                                   struct reservation *reservation);

/** The message is stored: it stays counted in its tenant's minute. Any thread. */
void limits_keep(struct reservation *reservation);

/** Give a promise back; nothing happens when none is held. Any thread. */
void limits_release(struct limits *limits, struct reservation *reservation);

/** One tenant at a glance; all 0 for one that never wrote. Any thread. */
void limits_of_tenant(struct limits *limits, const char *tenant, struct limits_tenant *out);

#endif
