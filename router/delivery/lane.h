// SPDX-License-Identifier: Apache-2.0
// One destination in the dispatcher's memory: when it has something due, how much is under way, and
// whether it is paused. Pure bookkeeping; the times are the store's wall clock.
//
// The circuit breaker: after LANE_FAILURES_MAX failures in a row the lane pauses, and then tries
// one request at a time until one is answered. Waiting costs deliveries no attempt.
#ifndef ROUTER_DELIVERY_LANE_H
#define ROUTER_DELIVERY_LANE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    LANE_FAILURES_MAX = 5,           /* in a row, then the breaker opens */
    LANE_PAUSE_FIRST_MS = 30 * 1000, /* doubles with each failed probe */
    LANE_PAUSE_MOST_MS = 5 * 60 * 1000
};

#define LANE_NOTHING_DUE INT64_MAX

/** Only the dispatcher's thread writes; the atomic members may be read by any thread. */
struct lane {
    char *key;
    int64_t due_at;        /* earliest known; LANE_NOTHING_DUE */
    int64_t due_meanwhile; /* became due while a claim was under way, which may not know of it */
    bool claiming;
    size_t reserved;   /* most the claim under way may bring */
    unsigned failures; /* in a row */
    int64_t pause_ms;  /* the breaker's last pause; 0: it is closed */
    size_t offered; /* under the dispatcher's lanes_lock: how many places may be taken at once, */
    size_t taken;   /* and how many are, by commits under way: see handover.c */
    _Atomic(uint64_t) in_flight;
    _Atomic(int64_t) paused_until; /* 0: not paused */
    _Atomic(uint64_t) done;
    _Atomic(uint64_t) failed;
    _Atomic(uint64_t) dead;
    _Atomic(uint64_t) unknown;
};

struct lane *lane_new(const char *key);
void lane_free(struct lane *lane);

/** Something is due at that time. */
void lane_due(struct lane *lane, int64_t due_at);

/** How many deliveries may be claimed now, at most `concurrency` under way in all, with `taken`
 *  that are about to come. */
size_t lane_room(const struct lane *lane, uint64_t concurrency, size_t taken, int64_t now);

/** Nothing is due or being claimed, and the endpoint is believed to be well: what comes new may go
 *  at once. */
bool lane_is_free(const struct lane *lane, int64_t now);

/** From when on lane_room may be above 0; LANE_NOTHING_DUE: not by the mere passing of time. */
int64_t lane_wake_at(const struct lane *lane);

void lane_claim_begin(struct lane *lane, size_t most);

/** The claim brought `count` deliveries, which are under way now. @next_due_at 0: nothing left. */
void lane_claim_end(struct lane *lane, size_t count, int64_t next_due_at);

/** The endpoint answered for good or bad: the breaker closes. True if it was open. */
bool lane_answered(struct lane *lane);

/** No answer, or one that asks for a repeat. True if the breaker opened (or stays open) by it. */
bool lane_failed(struct lane *lane, int64_t now);

/** Another endpoint stands behind the lane: nothing is held against it, and all of it is due. */
void lane_renew(struct lane *lane);

/** The endpoint asked for rest (Retry-After). */
void lane_pause(struct lane *lane, int64_t until);

#endif
