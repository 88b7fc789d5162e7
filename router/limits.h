// SPDX-License-Identifier: Apache-2.0
// Is there room for one more message? Counts what the store keeps and what is promised to
// transactions under way, so that many of them at once cannot overrun a limit together.
#ifndef ROUTER_LIMITS_H
#define ROUTER_LIMITS_H

#include "common/smtp_reply.h"
#include "config/config.h"
#include "store/store.h"

struct limits;

/** A promise of room for one message; all zero is none. Belongs to one thread at a time. */
struct reservation {
    bool held;
    uint64_t bytes;
    char tenant[STORE_NAME_SIZE];
};

/** The store must outlive it. */
struct limits *limits_new(struct store *store);
void limits_free(struct limits *limits);

/**
 * Promise room for a message of `bytes` of this tenant; a promise already held is replaced, and
 * stays as it was when there is no room.
 *
 * @return NULL: reserved. Else the reply to refuse with, static: 552 5.3.4 larger than
 *         message_bytes; 452 4.3.1 store or disk full; 452 4.2.2 the tenant's share is used up
 * @thread any; never blocks on the store
 */
MUST_CHECK const struct smtp_reply *limits_reserve(struct limits *limits,
                                                   const struct config_limits *settings,
                                                   const char *tenant, uint64_t bytes,
                                                   struct reservation *reservation);

/** Give a promise back; nothing happens when none is held. Any thread. */
void limits_release(struct limits *limits, struct reservation *reservation);

#endif
