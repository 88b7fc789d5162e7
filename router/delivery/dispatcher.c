// SPDX-License-Identifier: Apache-2.0
#include "router/delivery/dispatcher.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/id.h"
#include "common/log.h"
#include "common/xalloc.h"
#include "router/delivery/dispatcher_parts.h"

/* ---- the loop -------------------------------------------------------------------------------- */

static void
begin_closing(struct dispatcher *dispatcher, int64_t grace_ms)
{
    dispatcher->closing = true;
    dispatcher->close_mono_ms = clock_mono_ms() + grace_ms;
    handover_pause_all(dispatcher);
    completions_drop(dispatcher);
    attempts_give_back(dispatcher, false);
}

static void
take_kicks(struct dispatcher *dispatcher, const struct map *kicks)
{
    int64_t now = store_now_ms(dispatcher->store);
    const char *key = NULL;
    for (size_t cursor = 0; map_next(kicks, &cursor, &key) != NULL;) {
        claims_due(dispatcher, claims_lane(dispatcher, key), now);
    }
}

static void
read_inbox(struct dispatcher *dispatcher)
{
    struct inbox_content content = inbox_take(&dispatcher->inbox);
    dispatcher->outstanding -= content.ended;
    struct inbox_item *next = NULL;
    for (struct inbox_item *item = content.first; item != NULL; item = next) {
        next = item->next;
        item->handle(item);
    }
    if (content.reload) {
        claims_reload(dispatcher);
    }
    if (content.kicks != NULL) {
        take_kicks(dispatcher, content.kicks);
        map_free(content.kicks, NULL);
    }
    if (content.kick_all || clock_mono_ms() >= dispatcher->refresh_mono_ms) {
        claims_refresh(dispatcher);
    }
    if (content.close) {
        begin_closing(dispatcher, content.close_grace_ms);
    }
}

static bool
has_ended(const struct dispatcher *dispatcher)
{
    return dispatcher->closing && dispatcher->attempts == NULL && dispatcher->outstanding == 0;
}

static int
sleep_ms(struct dispatcher *dispatcher)
{
    if (dispatcher->preparing != NULL || has_ended(dispatcher)) {
        return 0;
    }
    int64_t mono = clock_mono_ms();
    int64_t waits[] = {
        dispatcher->scan_at - store_now_ms(dispatcher->store),
        dispatcher->refresh_mono_ms - mono,
        dispatcher->unsaved != NULL ? 1000 : DISPATCHER_SLEEP_MAX_MS,
        dispatcher->closing ? dispatcher->close_mono_ms - mono : DISPATCHER_SLEEP_MAX_MS,
    };
    int64_t sleep = DISPATCHER_SLEEP_MAX_MS;
    for (size_t i = 0; i < ARRAY_LEN(waits); i++) {
        sleep = waits[i] < sleep ? waits[i] : sleep;
    }
    return sleep < 0 ? 0 : (int)sleep;
}

static bool
is_over(struct dispatcher *dispatcher)
{
    if (dispatcher->closing && clock_mono_ms() >= dispatcher->close_mono_ms) {
        attempts_give_back(dispatcher, true);
        dispatcher->close_mono_ms = INT64_MAX; // what is left are answers of the store
    }
    return has_ended(dispatcher);
}

static void *
run(void *context)
{
    struct dispatcher *dispatcher = context;
    (void)pthread_setname_np(pthread_self(), "delivery");
    claims_reload(dispatcher);
    while (!is_over(dispatcher)) {
        read_inbox(dispatcher);
        claims_scan(dispatcher);
        attempts_prepare(dispatcher);
        completions_repeat(dispatcher);
        transfers_wait(dispatcher->transfers, sleep_ms(dispatcher));
        attempts_settle(dispatcher);
    }
    return NULL;
}

/* ---- life ------------------------------------------------------------------------------------ */

void
dispatcher_close(struct dispatcher *dispatcher)
{
    if (dispatcher == NULL) {
        return;
    }
    handover_drop_late(dispatcher);
    for (size_t i = 0; i < dispatcher->lane_count; i++) {
        lane_free(dispatcher->lanes[i]);
    }
    free(dispatcher->lanes);
    map_free(dispatcher->lanes_by_key, NULL);
    transfers_close(dispatcher->transfers);
    config_unref(dispatcher->config);
    inbox_done(&dispatcher->inbox);
    (void)pthread_mutex_destroy(&dispatcher->lanes_lock);
    free(dispatcher);
}

static void
cleanup_dispatcher(struct dispatcher **dispatcher)
{
    dispatcher_close(*dispatcher);
}

enum status
dispatcher_open(struct store *store, struct config_holder *holder,
                struct dispatcher **dispatcher_out, struct why *why)
{
    AUTO(cleanup_dispatcher) struct dispatcher *dispatcher = xcalloc(1, sizeof(*dispatcher));
    dispatcher->store = store;
    dispatcher->holder = holder;
    dispatcher->lanes_by_key = map_new();
    inbox_init(&dispatcher->inbox);
    (void)pthread_mutex_init(&dispatcher->lanes_lock, NULL);
    struct id id = id_new();
    (void)snprintf(dispatcher->owner, sizeof(dispatcher->owner), "%ld-%s", (long)getpid(), id.text);
    enum status status = transfers_open(&dispatcher->transfers, why);
    if (status != ST_OK) {
        return status;
    }
    if (pthread_create(&dispatcher->thread, NULL, run, dispatcher) != 0) {
        return why_set(why, ST_AGAIN, "no thread for delivery");
    }
    *dispatcher_out = STEAL(dispatcher);
    return ST_OK;
}

void
dispatcher_stop(struct dispatcher *dispatcher, int64_t grace_ms)
{
    if (dispatcher == NULL) {
        return;
    }
    if (inbox_close(&dispatcher->inbox, grace_ms)) {
        transfers_wake(dispatcher->transfers);
    }
    (void)pthread_join(dispatcher->thread, NULL);
}

void
dispatcher_kick(struct dispatcher *dispatcher, const char *destination)
{
    if (inbox_kick(&dispatcher->inbox, destination)) {
        transfers_wake(dispatcher->transfers);
    }
}

const char *
dispatcher_owner(const struct dispatcher *dispatcher)
{
    return dispatcher->owner;
}

int64_t
dispatcher_lease_ms(const struct config_destination *destination)
{
    return destination->timeout_ms + DISPATCHER_LEASE_EXTRA_MS;
}

void
dispatcher_reload(struct dispatcher *dispatcher)
{
    if (inbox_reload(&dispatcher->inbox)) {
        transfers_wake(dispatcher->transfers);
    }
}

void
dispatcher_status(struct dispatcher *dispatcher, dispatcher_visit *visit, void *context)
{
    AUTO_LOCK(guard, &dispatcher->lanes_lock);
    for (size_t i = 0; i < dispatcher->lane_count; i++) {
        const struct lane *lane = dispatcher->lanes[i];
        struct dispatcher_destination destination = {
            .key = lane->key,
            .in_flight = lane->in_flight,
            .paused_until_ms = lane->paused_until,
            .done = lane->done,
            .failed = lane->failed,
            .dead = lane->dead,
            .unknown = lane->unknown,
        };
        visit(context, &destination);
    }
}
