// SPDX-License-Identifier: Apache-2.0
#include "router/delivery/inbox.h"

#include "common/cleanup.h"

void
inbox_init(struct inbox *inbox)
{
    *inbox = (struct inbox){.waking = false};
    (void)pthread_mutex_init(&inbox->lock, NULL);
}

void
inbox_done(struct inbox *inbox)
{
    map_free(inbox->content.kicks, NULL);
    (void)pthread_mutex_destroy(&inbox->lock);
}

// With the lock held: only the first of several posts wakes.
static bool
must_wake(struct inbox *inbox)
{
    bool first = !inbox->waking;
    inbox->waking = true;
    return first;
}

bool
inbox_post(struct inbox *inbox, struct inbox_item *item)
{
    AUTO_LOCK(guard, &inbox->lock);
    item->next = NULL;
    if (inbox->content.first == NULL) {
        inbox->content.first = item;
    } else {
        inbox->last->next = item;
    }
    inbox->last = item;
    return must_wake(inbox);
}

bool
inbox_ended(struct inbox *inbox)
{
    AUTO_LOCK(guard, &inbox->lock);
    inbox->content.ended++;
    return inbox->closing && must_wake(inbox);
}

bool
inbox_kick(struct inbox *inbox, const char *destination)
{
    static char marker; // the map is used as a set
    AUTO_LOCK(guard, &inbox->lock);
    if (destination == NULL) {
        inbox->content.kick_all = true;
        return must_wake(inbox);
    }
    if (inbox->content.kicks == NULL) {
        inbox->content.kicks = map_new();
    }
    (void)map_put(inbox->content.kicks, destination, &marker);
    return must_wake(inbox);
}

bool
inbox_reload(struct inbox *inbox)
{
    AUTO_LOCK(guard, &inbox->lock);
    inbox->content.reload = true;
    return must_wake(inbox);
}

bool
inbox_close(struct inbox *inbox, int64_t grace_ms)
{
    AUTO_LOCK(guard, &inbox->lock);
    inbox->content.close = true;
    inbox->closing = true;
    inbox->content.close_grace_ms = grace_ms;
    return must_wake(inbox);
}

struct inbox_content
inbox_take(struct inbox *inbox)
{
    AUTO_LOCK(guard, &inbox->lock);
    struct inbox_content content = inbox->content;
    inbox->content = (struct inbox_content){.first = NULL};
    inbox->last = NULL;
    inbox->waking = false;
    return content;
}
