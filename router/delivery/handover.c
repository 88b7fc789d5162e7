// SPDX-License-Identifier: Apache-2.0
// Deliveries that come straight from their commit: whoever commits takes a place of the lane
// first, writes the delivery as leased, and hands it over. No claim, nothing read back. Only where
// nothing else of the lane is due, so that nobody is overtaken.
#include <stdlib.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/xalloc.h"
#include "router/delivery/dispatcher_parts.h"

struct handed {
    struct inbox_item item; /* first: the inbox hands it back */
    struct dispatcher *dispatcher;
    struct job *job;
};

/* ---- places: under lanes_lock ---------------------------------------------------------------- */

static size_t
places_of(const struct dispatcher *dispatcher, const struct lane *lane, int64_t now)
{
    const struct config_destination *destination =
        config_find_destination(dispatcher->config, lane->key);
    if (dispatcher->closing || destination == NULL || !lane_is_free(lane, now)) {
        return 0;
    }
    uint64_t in_flight = lane->in_flight;
    return in_flight < destination->concurrency ? (size_t)(destination->concurrency - in_flight)
                                                : 0;
}

void
handover_offer(struct dispatcher *dispatcher, struct lane *lane, int64_t now)
{
    size_t places = places_of(dispatcher, lane, now);
    AUTO_LOCK(guard, &dispatcher->lanes_lock);
    lane->offered = places;
    dispatcher->offered = dispatcher->busy < DISPATCHER_TRANSFERS_MAX
                              ? DISPATCHER_TRANSFERS_MAX - dispatcher->busy
                              : 0;
}

struct handover_taken
handover_pause(struct dispatcher *dispatcher, struct lane *lane)
{
    AUTO_LOCK(guard, &dispatcher->lanes_lock);
    lane->offered = 0;
    dispatcher->offered = 0; // what is claimed for this lane may be the last room of all
    return (struct handover_taken){.of_lane = lane->taken, .of_all = dispatcher->taken};
}

void
handover_pause_all(struct dispatcher *dispatcher)
{
    AUTO_LOCK(guard, &dispatcher->lanes_lock);
    for (size_t i = 0; i < dispatcher->lane_count; i++) {
        dispatcher->lanes[i]->offered = 0;
    }
}

bool
dispatcher_take_place(struct dispatcher *dispatcher, const char *destination)
{
    AUTO_LOCK(guard, &dispatcher->lanes_lock);
    struct lane *lane = map_get(dispatcher->lanes_by_key, destination);
    if (lane == NULL || lane->taken >= lane->offered || dispatcher->taken >= dispatcher->offered) {
        return false;
    }
    lane->taken++;
    dispatcher->taken++;
    return true;
}

static void
put_back(struct dispatcher *dispatcher, const char *destination)
{
    AUTO_LOCK(guard, &dispatcher->lanes_lock);
    struct lane *lane = map_get(dispatcher->lanes_by_key, destination);
    lane->taken--;
    dispatcher->taken--;
}

// The place becomes a request: from one moment to the next it is neither taken nor offered.
static void
use_up(struct dispatcher *dispatcher, struct lane *lane)
{
    AUTO_LOCK(guard, &dispatcher->lanes_lock);
    lane->in_flight++;
    lane->taken--;
    lane->offered -= lane->offered > 0 ? 1 : 0; // none while a claim is under way
    dispatcher->busy++;
    dispatcher->taken--;
    dispatcher->offered -= dispatcher->offered > 0 ? 1 : 0;
}

void
dispatcher_return_place(struct dispatcher *dispatcher, const char *destination)
{
    put_back(dispatcher, destination);
    dispatcher_kick(dispatcher, destination); // others may have waited for it
}

/* ---- jobs ------------------------------------------------------------------------------------ */

static void
on_handed(struct inbox_item *item)
{
    struct handed *handed = (struct handed *)item;
    struct dispatcher *dispatcher = handed->dispatcher;
    struct job *job = handed->job;
    struct lane *lane = claims_lane(dispatcher, job->delivery.destination);
    free(handed);
    use_up(dispatcher, lane);
    attempts_start(dispatcher, lane, job);
    handover_offer(dispatcher, lane, store_now_ms(dispatcher->store));
}

void
dispatcher_hand_over(struct dispatcher *dispatcher, const struct store_delivery *delivery,
                     const char *recipients, struct letter *letter)
{
    struct handed *handed = xcalloc(1, sizeof(*handed));
    handed->item.handle = on_handed;
    handed->dispatcher = dispatcher;
    handed->job = job_new(delivery);
    handed->job->letter = letter_ref(letter);
    handed->job->recipients = xstrdup(recipients);
    if (inbox_post(&dispatcher->inbox, &handed->item)) {
        transfers_wake(dispatcher->transfers);
    }
}

void
handover_drop_late(struct dispatcher *dispatcher)
{
    struct inbox_content content = inbox_take(&dispatcher->inbox);
    struct inbox_item *next = NULL;
    for (struct inbox_item *item = content.first; item != NULL; item = next) {
        next = item->next;
        job_free(((struct handed *)item)->job);
        free(item);
    }
    map_free(content.kicks, NULL);
}
