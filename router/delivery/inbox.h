// SPDX-License-Identifier: Apache-2.0
// What other threads tell the dispatcher's: kicks, wishes, and the store's answers. Posting never
// blocks for longer than a list operation.
#ifndef ROUTER_DELIVERY_INBOX_H
#define ROUTER_DELIVERY_INBOX_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/attrs.h"
#include "common/map.h"

/** First member of what is posted; `handle` runs on the dispatcher's thread and owns the item. */
struct inbox_item {
    struct inbox_item *next;
    void (*handle)(struct inbox_item *item);
};

/** What was posted since the last look. */
struct inbox_content {
    struct inbox_item *first; /* in the order of posting */
    size_t ended;             /* calls that ended well: nothing is to be done but to count them */
    struct map *kicks;        /* keys of destinations; NULL: none */
    bool kick_all;
    bool reload;
    bool close;
    int64_t close_grace_ms;
};

struct inbox {
    pthread_mutex_t lock; /* protects all below */
    struct inbox_content content;
    struct inbox_item *last;
    bool waking;  /* a wake was asked for that the thread has not answered yet */
    bool closing; /* the thread waits for what is under way: every end wakes */
};

void inbox_init(struct inbox *inbox);
void inbox_done(struct inbox *inbox);

/** These return true when the dispatcher must be woken. Any thread. */
MUST_CHECK bool inbox_post(struct inbox *inbox, struct inbox_item *item);
MUST_CHECK bool inbox_ended(struct inbox *inbox);
MUST_CHECK bool inbox_kick(struct inbox *inbox, const char *destination);
MUST_CHECK bool inbox_reload(struct inbox *inbox);
MUST_CHECK bool inbox_close(struct inbox *inbox, int64_t grace_ms);

/** Take all. The caller frees `kicks` with map_free(kicks, NULL). */
struct inbox_content inbox_take(struct inbox *inbox);

#endif
