// SPDX-License-Identifier: Apache-2.0
// Delivery: takes due deliveries from the store, makes HTTP requests, records what came of them.
// One thread with libcurl's multi interface; per destination a concurrency limit and a pause.
#ifndef ROUTER_DELIVERY_DISPATCHER_H
#define ROUTER_DELIVERY_DISPATCHER_H

#include "config/config.h"
#include "router/delivery/letter.h"
#include "store/store.h"

struct dispatcher;

/** Start the thread. Store and holder must outlive that. */
MUST_CHECK enum status dispatcher_open(struct store *store, struct config_holder *holder,
                                       struct dispatcher **dispatcher_out, struct why *why);

/** Let running requests end for at most `grace_ms`, give the rest back, stop the thread. The other
 *  functions may still be called, and do nothing more. NULL-safe. */
void dispatcher_stop(struct dispatcher *dispatcher, int64_t grace_ms);

/** Release a stopped dispatcher. Best behind store_close(): a thread of the store may be about to
 * wake it still. NULL-safe. */
void dispatcher_close(struct dispatcher *dispatcher);

/** Something of this destination (NULL: any) became due. Any thread, never blocks. */
void dispatcher_kick(struct dispatcher *dispatcher, const char *destination);

/* Handing over: a delivery that can be sent at once is committed as leased, and needs no claim.
 * All four: any thread, never block. */

/** The owner to be written with such a lease, and its time. */
const char *dispatcher_owner(const struct dispatcher *dispatcher);
int64_t dispatcher_lease_ms(const struct config_destination *destination);

/** Take a place of the destination for one delivery. False: there is none, or others wait; commit
 *  it as queued and kick. True: dispatcher_hand_over or dispatcher_return_place must follow. */
MUST_CHECK bool dispatcher_take_place(struct dispatcher *dispatcher, const char *destination);
void dispatcher_return_place(struct dispatcher *dispatcher, const char *destination);

/**
 * The delivery is committed. Everything is copied, or counted.
 *
 * @delivery    as it was stored: state, fence, message_id
 * @recipients  of the same domain and destination, one a line
 */
void dispatcher_hand_over(struct dispatcher *dispatcher, const struct store_delivery *delivery,
                          const char *recipients, struct letter *letter);

/** The configuration changed: destinations that came back resume, those that went block. */
void dispatcher_reload(struct dispatcher *dispatcher);

struct dispatcher_destination {
    const char *key;
    uint64_t in_flight;
    int64_t paused_until_ms; /* wall clock; 0: not paused */
    uint64_t done;           /* since the start; so are the others */
    uint64_t failed;         /* attempts that will be repeated */
    uint64_t dead;
    uint64_t unknown;
};
typedef void dispatcher_visit(void *context, const struct dispatcher_destination *destination);

/** Each destination seen since the start. Any thread. */
void dispatcher_status(struct dispatcher *dispatcher, dispatcher_visit *visit, void *context);

#endif
