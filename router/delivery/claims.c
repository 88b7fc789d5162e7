// SPDX-License-Identifier: Apache-2.0
#include "router/delivery/dispatcher_parts.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/xalloc.h"

enum { CLAIM_AGAIN_MS = 1000 /* after the store could not answer a claim */ };

/* ---- lanes ----------------------------------------------------------------------------------- */

static void
append_lane(struct dispatcher *dispatcher, struct lane *lane)
{
    AUTO_LOCK(guard, &dispatcher->lanes_lock);
    size_t count = dispatcher->lane_count;
    if ((count & (count - 1)) == 0) { // room grows at powers of two
        dispatcher->lanes =
            xreallocarray(dispatcher->lanes, count == 0 ? 1 : count * 2, sizeof(struct lane *));
    }
    (void)map_put(dispatcher->lanes_by_key, lane->key, lane);
    dispatcher->lanes[count] = lane;
    dispatcher->lane_count++;
}

struct lane *
claims_lane(struct dispatcher *dispatcher, const char *key)
{
    struct lane *lane = map_get(dispatcher->lanes_by_key, key);
    if (lane == NULL) {
        lane = lane_new(key);
        append_lane(dispatcher, lane);
    }
    return lane;
}

/* ---- claims ---------------------------------------------------------------------------------- */

struct claim {
    struct inbox_item item; /* first: the inbox hands it back */
    struct dispatcher *dispatcher;
    struct lane *lane;
    struct store_claim what;
    enum status status;
    struct job *jobs; /* in the order of the store */
    size_t count;
    int64_t next_due_at;
};

// On the store's thread: nothing but copying.
static void
on_claimed(void *context, enum status status, const struct store_delivery *deliveries, size_t count,
           int64_t next_due_at)
{
    struct claim *claim = context;
    claim->status = status;
    claim->next_due_at = next_due_at;
    if (status == ST_OK) {
        struct job **end = &claim->jobs;
        for (size_t i = 0; i < count; i++) {
            *end = job_new(&deliveries[i]);
            end = &(*end)->next;
        }
        claim->count = count;
    }
    struct dispatcher *dispatcher = claim->dispatcher;
    if (inbox_post(&dispatcher->inbox, &claim->item)) {
        transfers_wake(dispatcher->transfers);
    }
}

static void
note_wake(struct dispatcher *dispatcher, const struct lane *lane, int64_t now)
{
    int64_t wake_at = lane_wake_at(lane);
    if (wake_at > now && wake_at < dispatcher->scan_at) {
        dispatcher->scan_at = wake_at;
    }
}

static void try_claim(struct dispatcher *dispatcher, struct lane *lane, int64_t now);

static void
on_answer(struct inbox_item *item)
{
    struct claim *claim = (struct claim *)item;
    struct dispatcher *dispatcher = claim->dispatcher;
    struct lane *lane = claim->lane;
    int64_t now = store_now_ms(dispatcher->store);
    dispatcher->outstanding--;
    dispatcher->busy -= lane->reserved - claim->count;
    if (claim->status != ST_OK) {
        log_warn("claim.failed", LOG_STR("destination", lane->key),
                 LOG_STR("why", status_name(claim->status)));
        claim->next_due_at = now + CLAIM_AGAIN_MS;
    }
    lane_claim_end(lane, claim->count, claim->next_due_at);
    struct job *next = NULL;
    for (struct job *job = claim->jobs; job != NULL; job = next) {
        next = job->next;
        attempts_start(dispatcher, lane, job);
    }
    free(claim);
    try_claim(dispatcher, lane, now);
}

static void
send_claim(struct dispatcher *dispatcher, struct lane *lane,
           const struct config_destination *destination, size_t most)
{
    struct claim *claim = xcalloc(1, sizeof(*claim));
    claim->item.handle = on_answer;
    claim->dispatcher = dispatcher;
    claim->lane = lane;
    claim->what = (struct store_claim){
        .owner = dispatcher->owner,
        .destination = lane->key,
        .most = most,
        .lease_ms = dispatcher_lease_ms(destination),
        .done = on_claimed,
        .context = claim,
    };
    lane_claim_begin(lane, most);
    dispatcher->busy += most;
    dispatcher->outstanding++;
    store_claim(dispatcher->store, &claim->what);
}

// Claim if the lane is ready, else remember when it will be.
static void
claim_if_ready(struct dispatcher *dispatcher, struct lane *lane, struct handover_taken taken,
               int64_t now)
{
    if (dispatcher->closing || lane_wake_at(lane) > now) {
        note_wake(dispatcher, lane, now);
        return;
    }
    const struct config_destination *destination =
        config_find_destination(dispatcher->config, lane->key);
    if (destination == NULL) {
        claims_block(dispatcher, lane, DISPATCHER_MISSING);
        return;
    }
    size_t room = lane_room(lane, destination->concurrency, taken.of_lane, now);
    size_t under_way = dispatcher->busy + taken.of_all;
    size_t left = under_way < DISPATCHER_TRANSFERS_MAX ? DISPATCHER_TRANSFERS_MAX - under_way : 0;
    if (room > 0 && left == 0) {
        dispatcher->starved = true;
    } else if (room > 0) {
        send_claim(dispatcher, lane, destination, room < left ? room : left);
    }
}

static void
try_claim(struct dispatcher *dispatcher, struct lane *lane, int64_t now)
{
    claim_if_ready(dispatcher, lane, handover_pause(dispatcher, lane), now);
    handover_offer(dispatcher, lane, now);
}

void
claims_due(struct dispatcher *dispatcher, struct lane *lane, int64_t due_at)
{
    lane_due(lane, due_at);
    try_claim(dispatcher, lane, store_now_ms(dispatcher->store));
}

void
claims_release(struct dispatcher *dispatcher, struct lane *lane)
{
    lane->in_flight--;
    dispatcher->busy--;
    if (dispatcher->starved) {
        dispatcher->starved = false;
        dispatcher->scan_at = 0; // it may be another lane's turn
    }
    try_claim(dispatcher, lane, store_now_ms(dispatcher->store));
}

void
claims_scan(struct dispatcher *dispatcher)
{
    int64_t now = store_now_ms(dispatcher->store);
    size_t count = dispatcher->lane_count;
    if (now < dispatcher->scan_at) {
        return;
    }
    dispatcher->scan_at = LANE_NOTHING_DUE;
    if (count == 0) {
        return;
    }
    dispatcher->scan_start = (dispatcher->scan_start + 1) % count; // nobody is always the last
    for (size_t i = 0; i < count; i++) {
        try_claim(dispatcher, dispatcher->lanes[(dispatcher->scan_start + i) % count], now);
    }
}

/* ---- what the store and the configuration say ------------------------------------------------ */

void
claims_block(struct dispatcher *dispatcher, struct lane *lane, const char *reason)
{
    struct why why;
    int64_t again = LANE_NOTHING_DUE;
    if (store_block(dispatcher->store, lane->key, reason, &why) != ST_OK) {
        log_err("destination.block_failed", LOG_STR("destination", lane->key),
                LOG_STR("why", why.text));
        again = store_now_ms(dispatcher->store) + CLAIM_AGAIN_MS;
    } else {
        log_warn("destination.blocked", LOG_STR("destination", lane->key),
                 LOG_STR("reason", reason));
    }
    if (!lane->claiming) { // else the claim under way tells
        lane->due_at = again;
        note_wake(dispatcher, lane, 0);
    }
}

static void
visit_due(void *context, const struct store_due *due)
{
    lane_due(claims_lane(context, due->destination), due->due_at);
}

void
claims_refresh(struct dispatcher *dispatcher)
{
    struct why why;
    if (store_due_list(dispatcher->store, visit_due, dispatcher, &why) != ST_OK) {
        log_warn("due_list.failed", LOG_STR("why", why.text));
    }
    dispatcher->refresh_mono_ms = clock_mono_ms() + DISPATCHER_REFRESH_MS;
    dispatcher->scan_at = 0;
}

struct returned {
    const struct config *config;
    struct map *keys; /* as a set */
};

static void
visit_blocked(void *context, const struct store_delivery *delivery)
{
    struct returned *returned = context;
    if (strcmp(delivery->reason, DISPATCHER_MISSING) == 0 &&
        config_find_destination(returned->config, delivery->destination) != NULL) {
        (void)map_put(returned->keys, delivery->destination, returned);
    }
}

static void
resume(struct dispatcher *dispatcher, const char *key)
{
    struct why why;
    uint64_t count = 0;
    if (store_unblock(dispatcher->store, key, DISPATCHER_MISSING, &count, &why) != ST_OK) {
        log_err("destination.unblock_failed", LOG_STR("destination", key),
                LOG_STR("why", why.text));
        return;
    }
    log_notice("destination.back", LOG_STR("destination", key), LOG_INT("deliveries", count));
    lane_due(claims_lane(dispatcher, key), 0);
}

static void
resume_returned(struct dispatcher *dispatcher)
{
    struct returned returned = {.config = dispatcher->config, .keys = map_new()};
    enum delivery_state blocked = DELIVERY_BLOCKED;
    struct store_filter filter = {.state = &blocked};
    struct why why;
    if (store_delivery_list(dispatcher->store, &filter, visit_blocked, &returned, &why) != ST_OK) {
        log_err("destination.unblock_failed", LOG_STR("why", why.text));
    }
    const char *key = NULL;
    for (size_t cursor = 0; map_next(returned.keys, &cursor, &key) != NULL;) {
        resume(dispatcher, key);
    }
    map_free(returned.keys, NULL);
}

static void
block_missing(struct dispatcher *dispatcher)
{
    for (size_t i = 0; i < dispatcher->lane_count; i++) {
        struct lane *lane = dispatcher->lanes[i];
        if (lane->due_at != LANE_NOTHING_DUE &&
            config_find_destination(dispatcher->config, lane->key) == NULL) {
            claims_block(dispatcher, lane, DISPATCHER_MISSING);
        }
    }
}

// What waits for the endpoint as it was: to be tried again, or for good.
static enum status
queue_again(struct dispatcher *dispatcher, const char *key, uint64_t *count_out, struct why *why)
{
    static const enum delivery_state WAITING[] = {DELIVERY_QUEUED, DELIVERY_UNKNOWN};
    enum status status = store_unblock(dispatcher->store, key, DISPATCHER_GONE, count_out, why);
    for (size_t i = 0; status == ST_OK && i < ARRAY_LEN(WAITING); i++) {
        const struct store_filter filter = {.destination = key, .state = &WAITING[i]};
        uint64_t count = 0;
        status = store_delivery_retry(dispatcher->store, &filter, &count, why);
        *count_out += count;
    }
    return status;
}

static void
renew(struct dispatcher *dispatcher, const char *key)
{
    struct why why;
    uint64_t count = 0;
    lane_renew(claims_lane(dispatcher, key));
    if (queue_again(dispatcher, key, &count, &why) == ST_OK) {
        log_notice("destination.changed", LOG_STR("destination", key),
                   LOG_INT("deliveries", count));
    } else {
        log_err("destination.retry_failed", LOG_STR("destination", key), LOG_STR("why", why.text));
    }
}

static void
renew_changed(struct dispatcher *dispatcher, const struct config *before)
{
    for (size_t i = 0; before != NULL && i < dispatcher->config->destination_count; i++) {
        const struct config_destination *is = dispatcher->config->destinations[i];
        const struct config_destination *was = config_find_destination(before, is->key);
        if (was != NULL && !config_same_endpoint(was, is)) {
            renew(dispatcher, is->key);
        }
    }
}

void
claims_reload(struct dispatcher *dispatcher)
{
    AUTO_CONFIG *before = dispatcher->config;
    dispatcher->config = config_holder_get(dispatcher->holder);
    claims_refresh(dispatcher);
    block_missing(dispatcher);
    resume_returned(dispatcher);
    renew_changed(dispatcher, before);
}
