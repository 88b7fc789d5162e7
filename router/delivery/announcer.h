// SPDX-License-Identifier: Apache-2.0
// Tells the operator's endpoint (`verification.events`) of domains' changes of state: signed like
// deliveries, in order, each until it is taken or too old. Its thread and connections are its own:
// an endpoint that is dead keeps no mail waiting.
//
// Events are in the store before they are told of, and so is how far they have been told: after a
// crash the last one may come again, with the same webhook-id.
#ifndef ROUTER_DELIVERY_ANNOUNCER_H
#define ROUTER_DELIVERY_ANNOUNCER_H

#include "config/config.h"
#include "store/store.h"

#define ANNOUNCER_KEEP_MS                                                                          \
    ((int64_t)3 * 24 * 3600 * 1000) /* an older event is dropped, and logged */

struct announcer;

/** Start the thread. Store and holder must outlive it. ST_AGAIN: no thread. */
MUST_CHECK enum status announcer_open(struct store *store, struct config_holder *holder,
                                      struct announcer **announcer_out, struct why *why);

/** There may be something to tell, or another configuration. Any thread, never blocks. */
void announcer_kick(struct announcer *announcer);

/** Break off what is under way; it is told again by the next one. NULL-safe. */
void announcer_close(struct announcer *announcer);

#endif
