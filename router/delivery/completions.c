// SPDX-License-Identifier: Apache-2.0
#include "router/delivery/dispatcher_parts.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/xalloc.h"
#include "router/delivery/request.h"

enum { REPEAT_AFTER_MS = 1000 };

struct completion {
    struct inbox_item item; /* first: the inbox hands it back */
    struct dispatcher *dispatcher;
    struct store_completion what; /* its texts are the two below */
    char reason[STORE_REASON_SIZE];
    char detail[REQUEST_DETAIL_SIZE];
    enum status status;
    int64_t repeat_mono_ms;
    struct completion *next;
};

static void
on_stored(void *context, enum status status)
{
    struct completion *completion = context;
    struct dispatcher *dispatcher = completion->dispatcher;
    completion->status = status;
    bool is_over = status == ST_OK;
    if (is_over) {
        free(completion);
    }
    if (is_over ? inbox_ended(&dispatcher->inbox)
                : inbox_post(&dispatcher->inbox, &completion->item)) {
        transfers_wake(dispatcher->transfers);
    }
}

static void
ask_store(struct completion *completion)
{
    completion->dispatcher->outstanding++;
    store_complete(completion->dispatcher->store, &completion->what);
}

static void
on_answer(struct inbox_item *item)
{
    struct completion *completion = (struct completion *)item;
    struct dispatcher *dispatcher = completion->dispatcher;
    dispatcher->outstanding--;
    log_warn("delivery.unsaved", LOG_STR("delivery", completion->what.delivery_id.text),
             LOG_STR("why", status_name(completion->status)));
    if (dispatcher->closing ||
        !(status_is_temporary(completion->status) || completion->status == ST_AMBIGUOUS)) {
        free(completion); // another worker has it, or will when the lease is over
        return;
    }
    completion->repeat_mono_ms = clock_mono_ms() + REPEAT_AFTER_MS;
    completion->next = dispatcher->unsaved;
    dispatcher->unsaved = completion;
}

void
completions_send(struct dispatcher *dispatcher, const struct store_completion *what)
{
    struct completion *completion = xcalloc(1, sizeof(*completion));
    completion->item.handle = on_answer;
    completion->dispatcher = dispatcher;
    completion->what = *what;
    (void)snprintf(completion->reason, sizeof(completion->reason), "%s", what->reason);
    (void)snprintf(completion->detail, sizeof(completion->detail), "%s", what->attempt.detail);
    completion->what.reason = completion->reason;
    completion->what.attempt.detail = completion->detail;
    completion->what.can_wait = true; // the endpoint has its message, and nobody else waits
    completion->what.done = on_stored;
    completion->what.context = completion;
    ask_store(completion);
}

void
completions_untried(struct dispatcher *dispatcher, const struct store_delivery *delivery,
                    enum delivery_state state, const char *reason, int64_t due_at)
{
    completions_send(dispatcher, &(struct store_completion){
                                     .delivery_id = delivery->id,
                                     .fence = delivery->fence,
                                     .state = state,
                                     .reason = reason,
                                     .due_at = due_at,
                                     .attempt = {.number = 0, .outcome = "", .detail = ""},
                                 });
}

void
completions_repeat(struct dispatcher *dispatcher)
{
    struct completion *list = dispatcher->unsaved;
    dispatcher->unsaved = NULL;
    int64_t now = clock_mono_ms();
    while (list != NULL) {
        struct completion *completion = list;
        list = completion->next;
        if (completion->repeat_mono_ms <= now) {
            ask_store(completion);
        } else {
            completion->next = dispatcher->unsaved;
            dispatcher->unsaved = completion;
        }
    }
}

void
completions_drop(struct dispatcher *dispatcher)
{
    while (dispatcher->unsaved != NULL) {
        struct completion *completion = dispatcher->unsaved;
        dispatcher->unsaved = completion->next;
        free(completion);
    }
}
