// SPDX-License-Identifier: Apache-2.0
#include "router/delivery/announcer.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/xalloc.h"
#include "router/delivery/announcement.h"
#include "router/delivery/request.h"
#include "router/delivery/schedule.h"
#include "router/delivery/transfers.h"

enum {
    IDLE_MS = 10 * 1000,          /* kicks come sooner; another host may write to the store too */
    TROUBLE_MS = 5 * 1000,        /* the store does not answer */
    WAIT_MOST_MS = 60 * 60 * 1000 /* between two tries, whatever the destination's retry says */
};

static const char *const KINDS[] = {"domain.verified",
                                    "domain.at_risk",
                                    "domain.failed",
                                    "domain.restored",
                                    "domain.removed",
                                    "domain.contested",
                                    NULL};
_Static_assert(ARRAY_LEN(KINDS) - 1 <= STORE_EVENT_KINDS_MAX, "the store takes them all");

struct announcer {
    struct store *store;
    struct config_holder *holder;
    struct transfers *transfers;
    pthread_t thread;
    atomic_bool closing;
    atomic_bool kicked;
    /* the thread's own */
    uint64_t told; /* in memory, ahead of the store when that could not be written */
    bool knows_told;
    int64_t due_mono_ms;
    bool is_asked; /* by a kick: is there another event, or another endpoint? */
    /* the request under way; NULL: none */
    struct request *request;
    struct config *config;                        /* what it began with */
    const struct config_destination *destination; /* of it */
    struct store_event_row event;
    uint64_t attempts; /* of the event */
    /* of the last one, while it is waited to repeat it */
    struct config *failed_config;
    const struct config_destination *failed;
};

/* ---- outcomes -------------------------------------------------------------------------------- */

static void
end_request(struct announcer *announcer)
{
    if (announcer->request != NULL && request_handle(announcer->request) != NULL) {
        transfers_remove(announcer->transfers, request_handle(announcer->request),
                         request_is_private(announcer->request));
    }
    request_free(announcer->request);
    announcer->request = NULL;
    config_unref(announcer->config);
    announcer->config = NULL;
    announcer->destination = NULL;
}

static void
wait_for(struct announcer *announcer, int64_t ms)
{
    announcer->due_mono_ms = clock_mono_ms() + ms;
}

static const struct config_destination *
find_destination(const struct config *config)
{
    const char *key = config->verification.events;
    return key == NULL ? NULL : config_find_destination(config, key);
}

// A reload names another endpoint than the one that failed, or there is none by now.
static bool
has_changed(const struct announcer *announcer)
{
    AUTO_CONFIG *config = config_holder_get(announcer->holder);
    const struct config_destination *is = find_destination(config);
    return is == NULL || announcer->failed == NULL || !config_same_endpoint(announcer->failed, is);
}

static void
forget_failed(struct announcer *announcer)
{
    config_unref(announcer->failed_config);
    announcer->failed_config = NULL;
    announcer->failed = NULL;
}

static void
start_anew(struct announcer *announcer)
{
    forget_failed(announcer);
    announcer->attempts = 0;
    announcer->due_mono_ms = 0;
}

// The event is done with. What the store does not keep now goes out once more after a restart.
static void
pass(struct announcer *announcer)
{
    struct why why;
    announcer->told = announcer->event.number;
    start_anew(announcer);
    if (store_told_put(announcer->store, announcer->told, &why) != ST_OK) {
        log_err("event.not_marked", LOG_STR("event", announcer->event.id.text),
                LOG_STR("why", why.text));
    }
}

static void
drop(struct announcer *announcer, const char *reason)
{
    const struct store_event_row *event = &announcer->event;
    log_warn("event.dropped", LOG_STR("event", event->id.text), LOG_STR("kind", event->kind),
             LOG_STR("domain", event->domain), LOG_STR("reason", reason));
    pass(announcer);
}

static void
try_again(struct announcer *announcer, const struct request_result *result)
{
    const struct config_destination *destination = announcer->destination;
    assert(destination != NULL); // else nothing was asked
    uint32_t random = 0;
    (void)!getrandom(&random, sizeof(random), 0); // without it the wait has no jitter, no more
    const struct schedule schedule = {.first_ms = destination->retry_first_ms,
                                      .most_ms = destination->retry_most_ms < WAIT_MOST_MS
                                                     ? destination->retry_most_ms
                                                     : WAIT_MOST_MS,
                                      .for_ms = ANNOUNCER_KEEP_MS};
    const struct schedule_input input = {.attempts = announcer->attempts,
                                         .now_ms = clock_wall_ms(),
                                         .started_at = announcer->event.at,
                                         .least_ms = result->retry_after_ms,
                                         .random = random};
    int64_t due_at = 0;
    if (!schedule_next(&schedule, &input, &due_at)) {
        drop(announcer, "too old");
        return;
    }
    forget_failed(announcer);
    announcer->failed_config = config_ref(announcer->config);
    announcer->failed = destination;
    wait_for(announcer, due_at - input.now_ms);
    log_warn("event.not_told", LOG_STR("event", announcer->event.id.text),
             LOG_STR("kind", announcer->event.kind), LOG_STR("domain", announcer->event.domain),
             LOG_INT("status", result->http_status), LOG_INT("attempts", announcer->attempts),
             LOG_STR("detail", result->detail));
}

static void
settle(struct announcer *announcer, CURLcode code)
{
    struct request_result result;
    request_result(announcer->request, code, &result);
    announcer->attempts++;
    if (result.outcome == OUTCOME_DONE) {
        log_info("event.told", LOG_STR("event", announcer->event.id.text),
                 LOG_STR("kind", announcer->event.kind), LOG_STR("domain", announcer->event.domain),
                 LOG_INT("ms", result.duration_ms));
        pass(announcer);
    } else if (result.outcome == OUTCOME_DEAD) {
        drop(announcer, "the endpoint refused it for good");
    } else {
        try_again(announcer, &result);
    }
    end_request(announcer);
}

/* ---- the next event -------------------------------------------------------------------------- */

static enum status
find_next(struct announcer *announcer, struct why *why)
{
    struct store_event_row next;
    enum status status = ST_OK;
    if (!announcer->knows_told) {
        status = store_told_get(announcer->store, &announcer->told, why);
    }
    if (status != ST_OK) {
        return status;
    }
    announcer->knows_told = true;
    status = store_event_next(announcer->store, announcer->told, KINDS, &next, why);
    if (status == ST_OK && next.number != announcer->event.number) {
        announcer->event = next;
        announcer->attempts = 0;
    }
    return status;
}

static enum status
send_event(struct announcer *announcer, struct why *why)
{
    AUTO_STRBUF body = STRBUF_INIT(ANNOUNCEMENT_MAX);
    bool ready = false;
    announcement_write(&announcer->event, &body);
    announcer->request = request_new_text(announcer->config, announcer->destination,
                                          &announcer->event.id, strbuf_text(&body));
    enum status status = request_prepare(announcer->request, &ready, why);
    return status == ST_OK ? transfers_add(announcer->transfers, request_handle(announcer->request),
                                           request_is_private(announcer->request), announcer, why)
                           : status;
}

static void
begin(struct announcer *announcer)
{
    struct why why = {.text = ""};
    announcer->config = config_holder_get(announcer->holder);
    announcer->destination = find_destination(announcer->config);
    enum status status = announcer->destination == NULL ? ST_NOT_FOUND : find_next(announcer, &why);
    bool is_too_old = status == ST_OK && clock_wall_ms() - announcer->event.at > ANNOUNCER_KEEP_MS;
    if (is_too_old) {
        drop(announcer, "too old");
    } else if (status == ST_OK) {
        status = send_event(announcer, &why);
    }
    if (status == ST_NOT_FOUND) {
        wait_for(announcer, IDLE_MS);
    } else if (status != ST_OK) {
        log_err("event.not_prepared", LOG_STR("why", why.text));
        wait_for(announcer, TROUBLE_MS);
    }
    if (status != ST_OK || is_too_old) {
        end_request(announcer);
    }
}

/* ---- life ------------------------------------------------------------------------------------ */

static void
step(struct announcer *announcer)
{
    CURLcode code = CURLE_OK;
    if (atomic_exchange(&announcer->kicked, false)) {
        announcer->is_asked = true;
    }
    // An event that could not be told keeps its turn; others wait behind it anyway.
    if (announcer->is_asked && announcer->request == NULL) {
        announcer->is_asked = false;
        if (announcer->attempts == 0 || has_changed(announcer)) {
            start_anew(announcer);
        }
    }
    int64_t now = clock_mono_ms();
    if (announcer->request == NULL && now >= announcer->due_mono_ms) {
        begin(announcer);
        now = clock_mono_ms();
    }
    int64_t wait = announcer->request != NULL ? IDLE_MS : announcer->due_mono_ms - now;
    transfers_wait(announcer->transfers, wait < 0 ? 0 : wait > IDLE_MS ? IDLE_MS : (int)wait);
    if (transfers_next_over(announcer->transfers, &code) != NULL) {
        settle(announcer, code);
    }
}

static void *
run(void *context)
{
    struct announcer *announcer = context;
    while (!atomic_load(&announcer->closing)) {
        step(announcer);
    }
    end_request(announcer);
    forget_failed(announcer);
    return NULL;
}

enum status
announcer_open(struct store *store, struct config_holder *holder, struct announcer **announcer_out,
               struct why *why)
{
    AUTO_FREE struct announcer *announcer = xcalloc(1, sizeof(*announcer));
    announcer->store = store;
    announcer->holder = holder;
    enum status status = transfers_open(&announcer->transfers, why);
    if (status != ST_OK) {
        return status;
    }
    if (pthread_create(&announcer->thread, NULL, run, announcer) != 0) {
        transfers_close(announcer->transfers);
        return why_set(why, ST_AGAIN, "no thread for the announcer");
    }
    *announcer_out = STEAL(announcer);
    return ST_OK;
}

void
announcer_kick(struct announcer *announcer)
{
    atomic_store(&announcer->kicked, true);
    transfers_wake(announcer->transfers);
}

void
announcer_close(struct announcer *announcer)
{
    if (announcer == NULL) {
        return;
    }
    atomic_store(&announcer->closing, true);
    transfers_wake(announcer->transfers);
    (void)pthread_join(announcer->thread, NULL);
    transfers_close(announcer->transfers);
    free(announcer);
}
