// SPDX-License-Identifier: Apache-2.0
// The dispatcher's state and the parts that work on it, all on its one thread:
//   dispatcher.c   life, thread, loop        claims.c       which deliveries are taken, and when
//   attempts.c     request, outcome          completions.c  what the store is told of it
//   handover.c     deliveries that come straight from their commit
// Private to router/delivery/.
#ifndef ROUTER_DELIVERY_DISPATCHER_PARTS_H
#define ROUTER_DELIVERY_DISPATCHER_PARTS_H

#include "config/config.h"
#include "router/delivery/dispatcher.h"
#include "router/delivery/inbox.h"
#include "router/delivery/job.h"
#include "router/delivery/lane.h"
#include "router/delivery/transfers.h"
#include "store/store.h"

enum {
    DISPATCHER_TRANSFERS_MAX = 256,        /* under way at once, of all destinations */
    DISPATCHER_REFRESH_MS = 60 * 1000,     /* the store is asked at least this often what is due */
    DISPATCHER_SLEEP_MAX_MS = 10 * 1000,   /* the wall clock may have been set meanwhile */
    DISPATCHER_LEASE_EXTRA_MS = 120 * 1000 /* beyond the destination's timeout, for preparing */
};

#define DISPATCHER_MISSING "destination missing"
#define DISPATCHER_ANOTHERS "destination belongs to another tenant"
#define DISPATCHER_GONE "endpoint answered 410"

struct attempt;
struct completion;

struct dispatcher {
    struct store *store;
    struct config_holder *holder;
    struct transfers *transfers;
    struct inbox inbox;
    pthread_t thread;
    char owner[80];

    /* The thread's own. */
    struct config *config;
    struct map *lanes_by_key;  /* other threads look under lanes_lock */
    size_t scan_start;         /* lane the next scan begins with */
    int64_t scan_at;           /* wall clock; a lane may be ready then */
    int64_t refresh_mono_ms;   /* the store is asked then what is due */
    bool starved;              /* a lane had to wait for room among all transfers */
    size_t busy;               /* deliveries claimed or being claimed */
    size_t outstanding;        /* asynchronous calls of the store not answered yet */
    struct attempt *attempts;  /* all, linked */
    struct attempt *preparing; /* queue */
    struct attempt *preparing_last;
    struct completion *unsaved; /* completions the store could not take, to be repeated */
    bool closing;
    int64_t close_mono_ms; /* running requests are broken off then */

    pthread_mutex_t lanes_lock; /* protects growth of both lists of lanes, and what is below */
    struct lane **lanes;        /* never shrinks while the thread runs */
    size_t lane_count;
    size_t offered; /* as in a lane, for all of them together */
    size_t taken;
};

/* ---- claims.c -------------------------------------------------------------------------------- */

/** The lane of a destination, made if need be. */
struct lane *claims_lane(struct dispatcher *dispatcher, const char *key);

/** Something of the lane is due at that time: claim if it is now and there is room. */
void claims_due(struct dispatcher *dispatcher, struct lane *lane, int64_t due_at);

/** A delivery of the lane is no longer under way: its place is free. */
void claims_release(struct dispatcher *dispatcher, struct lane *lane);

/** Ask the store what is due. */
void claims_refresh(struct dispatcher *dispatcher);

/** Take the configuration in force; block what lost its destination, resume what got it back, try
 *  at once what waits for an endpoint that is another one now. */
void claims_reload(struct dispatcher *dispatcher);

/** Claim for all lanes that are ready, once scan_at is reached. */
void claims_scan(struct dispatcher *dispatcher);

/** Block all that waits for the lane's destination. */
void claims_block(struct dispatcher *dispatcher, struct lane *lane, const char *reason);

/* ---- attempts.c ------------------------------------------------------------------------------ */

/** Take the job (and a place of the lane) and queue it for preparing. */
void attempts_start(struct dispatcher *dispatcher, struct lane *lane, struct job *job);

/** Prepare queued requests for a few milliseconds. */
void attempts_prepare(struct dispatcher *dispatcher);

/** Settle the transfers that are over. */
void attempts_settle(struct dispatcher *dispatcher);

/** Give back what is not running; with `all` break off the running ones too. */
void attempts_give_back(struct dispatcher *dispatcher, bool all);

/* ---- handover.c ------------------------------------------------------------------------------ */

/** How many places commits under way have taken. */
struct handover_taken {
    size_t of_lane;
    size_t of_all;
};

/** Let commits take what places the lane has now. */
void handover_offer(struct dispatcher *dispatcher, struct lane *lane, int64_t now);

/** No more of them; tells how many were taken. */
struct handover_taken handover_pause(struct dispatcher *dispatcher, struct lane *lane);
void handover_pause_all(struct dispatcher *dispatcher);

/** Free what was handed over behind the thread's end: it is leased, and sent after the next start.
 */
void handover_drop_late(struct dispatcher *dispatcher);

/* ---- completions.c --------------------------------------------------------------------------- */

/** As store_complete, repeated until the store has taken it. `what` is copied; done and context
 *  are set here. */
void completions_send(struct dispatcher *dispatcher, const struct store_completion *what);

/** The delivery was not tried: state and reason, no attempt. */
void completions_untried(struct dispatcher *dispatcher, const struct store_delivery *delivery,
                         enum delivery_state state, const char *reason, int64_t due_at);

/** Repeat what is due to be repeated. */
void completions_repeat(struct dispatcher *dispatcher);

/** Forget what could not be saved: its lease ends by itself. */
void completions_drop(struct dispatcher *dispatcher);

#endif
