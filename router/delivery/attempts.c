// SPDX-License-Identifier: Apache-2.0
#include "router/delivery/dispatcher_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/xalloc.h"
#include "router/delivery/request.h"
#include "router/delivery/schedule.h"

enum {
    PREPARE_BUDGET_MS = 5,        /* then transfers get their turn */
    LOCAL_TROUBLE_MS = 30 * 1000, /* the store could not be read: wait, without counting it */
};

struct attempt {
    struct attempt *next; /* all attempts */
    struct attempt *previous;
    struct attempt *next_preparing;
    struct lane *lane;
    struct job *job;
    struct config *config; /* what it began with */
    const struct config_destination *destination;
    struct request *request;
    bool running; /* curl has it */
};

/* ---- lists ----------------------------------------------------------------------------------- */

static void
queue_preparing(struct dispatcher *dispatcher, struct attempt *attempt)
{
    attempt->next_preparing = NULL;
    if (dispatcher->preparing == NULL) {
        dispatcher->preparing = attempt;
    } else {
        dispatcher->preparing_last->next_preparing = attempt;
    }
    dispatcher->preparing_last = attempt;
}

static void
link_attempt(struct dispatcher *dispatcher, struct attempt *attempt)
{
    attempt->next = dispatcher->attempts;
    if (attempt->next != NULL) {
        attempt->next->previous = attempt;
    }
    dispatcher->attempts = attempt;
}

// The attempt is over: free it, and its place with the lane.
static void
end_attempt(struct dispatcher *dispatcher, struct attempt *attempt)
{
    if (attempt->previous == NULL) {
        dispatcher->attempts = attempt->next;
    } else {
        attempt->previous->next = attempt->next;
    }
    if (attempt->next != NULL) {
        attempt->next->previous = attempt->previous;
    }
    struct lane *lane = attempt->lane;
    request_free(attempt->request);
    config_unref(attempt->config);
    job_free(attempt->job);
    free(attempt);
    claims_release(dispatcher, lane);
}

/* ---- outcome --------------------------------------------------------------------------------- */

static void
log_outcome(const struct attempt *attempt, const struct request_result *result,
            enum outcome outcome)
{
    char event[32];
    (void)snprintf(event, sizeof(event), "delivery.%s", outcome_name(outcome));
    const struct store_delivery *delivery = &attempt->job->delivery;
    bool alarm = outcome == OUTCOME_DEAD || outcome == OUTCOME_BLOCKED;
    log_at(alarm ? LOG_LEVEL_WARN : LOG_LEVEL_INFO, event,
           LOG_STR("message", delivery->message_id.text), LOG_STR("delivery", delivery->id.text),
           LOG_STR("destination", delivery->destination), LOG_INT("status", result->http_status),
           LOG_INT("ms", result->duration_ms), LOG_INT("attempts", delivery->attempts + 1),
           LOG_STR("queue_id", request_queue_id(attempt->request)),
           LOG_STR(outcome == OUTCOME_DONE ? NULL : "detail", result->detail));
}

static uint32_t
random_number(void)
{
    uint32_t number = 0;
    (void)!getrandom(&number, sizeof(number), 0); // without it the wait has no jitter, no more
    return number;
}

struct run {
    int64_t started_at;
};

static void
visit_attempt(void *context, const struct store_attempt *attempt)
{
    struct run *run = context;
    if (attempt->number == 1) {
        run->started_at = attempt->at; // the latest of them: a replay counts from 1 again
    }
}

// The age counts from the first try of this run: held, blocked and replayed mail gets all its time.
static int64_t
run_started_at(const struct dispatcher *dispatcher, const struct store_delivery *delivery,
               int64_t now)
{
    struct run run = {.started_at = now};
    if (delivery->attempts > 0 &&
        store_attempts(dispatcher->store, delivery->id.text, visit_attempt, &run, NULL) != ST_OK) {
        return now; // better one try too many than a message dead too early
    }
    return run.started_at;
}

// When to try again; false: out of time.
static bool
next_due(const struct dispatcher *dispatcher, const struct attempt *attempt,
         const struct request_result *result, int64_t now, int64_t *due_at_out)
{
    const struct config_destination *destination = attempt->destination;
    const struct store_delivery *delivery = &attempt->job->delivery;
    struct schedule schedule = {.first_ms = destination->retry_first_ms,
                                .most_ms = destination->retry_most_ms,
                                .for_ms = destination->retry_for_ms};
    struct schedule_input input = {
        .attempts = delivery->attempts + 1,
        .now_ms = now,
        .started_at = delivery->created_at,
        .least_ms = result->retry_after_ms,
        .random = random_number(),
    };
    if (now - delivery->created_at > destination->retry_for_ms / 2) { // costs a read
        input.started_at = run_started_at(dispatcher, delivery, now);
    }
    return schedule_next(&schedule, &input, due_at_out);
}

// A reload has changed the endpoint meanwhile: this answer says nothing of the one there is now.
static bool
is_outdated(const struct dispatcher *dispatcher, const struct attempt *attempt)
{
    const struct config_destination *is =
        config_find_destination(dispatcher->config, attempt->lane->key);
    return is != NULL && !config_same_endpoint(attempt->destination, is);
}

// Fills state, reason and time; returns the outcome for the record, which age may turn to dead.
static enum outcome
decide(const struct dispatcher *dispatcher, const struct attempt *attempt,
       const struct request_result *result, int64_t now, char reason[STORE_REASON_SIZE],
       struct store_completion *out)
{
    reason[0] = '\0';
    bool outdated = is_outdated(dispatcher, attempt);
    switch (result->outcome) {
    case OUTCOME_DONE:
        out->state = DELIVERY_DONE;
        return OUTCOME_DONE;
    case OUTCOME_BLOCKED:
        if (outdated) {
            break;
        }
        out->state = DELIVERY_BLOCKED;
        (void)snprintf(reason, STORE_REASON_SIZE, "%s", DISPATCHER_GONE);
        return OUTCOME_BLOCKED;
    case OUTCOME_DEAD:
        out->state = DELIVERY_DEAD;
        (void)snprintf(reason, STORE_REASON_SIZE, "endpoint answered %ld", result->http_status);
        return OUTCOME_DEAD;
    case OUTCOME_RETRY:
    case OUTCOME_UNKNOWN:
        break;
    }
    if (outdated) {
        out->state = DELIVERY_QUEUED;
        out->due_at = now;
        return result->outcome;
    }
    if (next_due(dispatcher, attempt, result, now, &out->due_at)) {
        out->state = result->outcome == OUTCOME_UNKNOWN ? DELIVERY_UNKNOWN : DELIVERY_QUEUED;
        return result->outcome;
    }
    out->state = DELIVERY_DEAD;
    (void)snprintf(reason, STORE_REASON_SIZE, "out of time; last: %.180s", result->detail);
    return OUTCOME_DEAD;
}

static void
count(struct lane *lane, enum outcome outcome)
{
    switch (outcome) {
    case OUTCOME_DONE:
        lane->done++;
        break;
    case OUTCOME_RETRY:
        lane->failed++;
        break;
    case OUTCOME_UNKNOWN:
        lane->unknown++;
        break;
    case OUTCOME_DEAD:
        lane->dead++;
        break;
    case OUTCOME_BLOCKED:
        break;
    }
}

// What the answer says about the endpoint as a whole.
static void
judge_endpoint(struct lane *lane, const struct request_result *result, int64_t now)
{
    if (result->retry_after_ms > 0 && outcome_pauses_destination(result->http_status)) {
        lane_pause(lane, now + result->retry_after_ms);
    }
    if (result->outcome != OUTCOME_RETRY && result->outcome != OUTCOME_UNKNOWN) {
        if (lane_answered(lane)) {
            log_notice("destination.recovered", LOG_STR("destination", lane->key));
        }
    } else if (lane_failed(lane, now)) {
        log_warn("destination.paused", LOG_STR("destination", lane->key),
                 LOG_INT("failures", lane->failures),
                 LOG_INT("seconds", (lane->paused_until - now) / 1000),
                 LOG_STR("detail", result->detail));
    }
}

static void
settle(struct dispatcher *dispatcher, struct attempt *attempt, const struct request_result *result)
{
    struct lane *lane = attempt->lane;
    const struct store_delivery *delivery = &attempt->job->delivery;
    int64_t now = store_now_ms(dispatcher->store);
    char reason[STORE_REASON_SIZE];
    struct store_completion completion = {
        .delivery_id = delivery->id, .fence = delivery->fence, .reason = reason};
    enum outcome outcome = decide(dispatcher, attempt, result, now, reason, &completion);
    completion.attempt = (struct store_attempt){
        .at = result->started_at,
        .number = delivery->attempts + 1,
        .outcome = outcome_name(outcome),
        .http_status = (uint64_t)result->http_status,
        .detail = result->detail,
        .duration_ms = result->duration_ms,
    };
    log_outcome(attempt, result, outcome);
    count(lane, outcome);
    if (!is_outdated(dispatcher, attempt)) {
        judge_endpoint(lane, result, now);
    }
    completions_send(dispatcher, &completion);
    if (completion.state == DELIVERY_QUEUED || completion.state == DELIVERY_UNKNOWN) {
        lane_due(lane, completion.due_at);
    } else if (completion.state == DELIVERY_BLOCKED) {
        claims_block(dispatcher, lane, DISPATCHER_GONE);
    }
    end_attempt(dispatcher, attempt);
}

/* ---- the way of an attempt ------------------------------------------------------------------- */

// A domain may move to another tenant, and its file name a destination as the old one did: what was
// accepted for the one is never sent to the other.
static const char *
why_blocked(const struct config_destination *destination, const struct store_delivery *delivery)
{
    if (destination == NULL) {
        return DISPATCHER_MISSING;
    }
    bool is_theirs =
        destination->tenant == NULL || strcmp(destination->tenant, delivery->tenant) == 0;
    return is_theirs ? NULL : DISPATCHER_ANOTHERS;
}

void
attempts_start(struct dispatcher *dispatcher, struct lane *lane, struct job *job)
{
    const struct config_destination *destination =
        config_find_destination(dispatcher->config, lane->key);
    const char *blocked = why_blocked(destination, &job->delivery);
    if (dispatcher->closing || blocked != NULL) {
        completions_untried(dispatcher, &job->delivery,
                            blocked == NULL ? DELIVERY_QUEUED : DELIVERY_BLOCKED,
                            blocked == NULL ? "" : blocked, job->delivery.due_at);
        job_free(job);
        claims_release(dispatcher, lane);
        return;
    }
    struct attempt *attempt = xcalloc(1, sizeof(*attempt));
    attempt->lane = lane;
    attempt->job = job;
    attempt->config = config_ref(dispatcher->config);
    attempt->destination = destination;
    attempt->request = request_new(dispatcher->store, attempt->config, destination, &job->delivery);
    if (job->letter != NULL) {
        request_give_letter(attempt->request, job->letter, job->recipients);
    }
    link_attempt(dispatcher, attempt);
    queue_preparing(dispatcher, attempt);
}

// The request could not even be made. That is no fault of the endpoint.
static void
fail_unsent(struct dispatcher *dispatcher, struct attempt *attempt, enum status status,
            const struct why *why)
{
    const struct store_delivery *delivery = &attempt->job->delivery;
    bool temporary = status_is_temporary(status);
    int64_t due_at = store_now_ms(dispatcher->store) + LOCAL_TROUBLE_MS;
    log_err("delivery.unprepared", LOG_STR("message", delivery->message_id.text),
            LOG_STR("delivery", delivery->id.text), LOG_STR("why", why->text));
    completions_untried(dispatcher, delivery, temporary ? DELIVERY_QUEUED : DELIVERY_DEAD,
                        temporary ? "" : why->text, due_at);
    if (temporary) {
        lane_due(attempt->lane, due_at);
    }
    end_attempt(dispatcher, attempt);
}

static void
prepare_one(struct dispatcher *dispatcher, struct attempt *attempt)
{
    struct why why = {.text = ""};
    bool ready = false;
    enum status status = request_prepare(attempt->request, &ready, &why);
    if (status == ST_OK && !ready) {
        queue_preparing(dispatcher, attempt);
        return;
    }
    if (status == ST_OK) {
        status = transfers_add(dispatcher->transfers, request_handle(attempt->request),
                               request_is_private(attempt->request), attempt, &why);
    }
    if (status != ST_OK) {
        fail_unsent(dispatcher, attempt, status, &why);
        return;
    }
    attempt->running = true;
}

void
attempts_prepare(struct dispatcher *dispatcher)
{
    int64_t until = clock_mono_ms() + PREPARE_BUDGET_MS;
    while (dispatcher->preparing != NULL && clock_mono_ms() < until) {
        struct attempt *attempt = dispatcher->preparing;
        dispatcher->preparing = attempt->next_preparing;
        prepare_one(dispatcher, attempt);
    }
}

static void
stop_transfer(struct dispatcher *dispatcher, struct attempt *attempt)
{
    transfers_remove(dispatcher->transfers, request_handle(attempt->request),
                     request_is_private(attempt->request));
    attempt->running = false;
}

void
attempts_settle(struct dispatcher *dispatcher)
{
    CURLcode code = CURLE_OK;
    struct attempt *attempt;
    while ((attempt = transfers_next_over(dispatcher->transfers, &code)) != NULL) {
        struct request_result result;
        request_result(attempt->request, code, &result);
        stop_transfer(dispatcher, attempt);
        settle(dispatcher, attempt, &result);
    }
}

static void
give_back(struct dispatcher *dispatcher, struct attempt *attempt)
{
    completions_untried(dispatcher, &attempt->job->delivery, DELIVERY_QUEUED, "",
                        attempt->job->delivery.due_at);
    end_attempt(dispatcher, attempt);
}

// What was sent whole is not "not tried": it is recorded as the outcome it has by now.
static void
break_off(struct dispatcher *dispatcher, struct attempt *attempt)
{
    struct request_result result;
    request_result(attempt->request, CURLE_ABORTED_BY_CALLBACK, &result);
    stop_transfer(dispatcher, attempt);
    if (result.outcome == OUTCOME_RETRY) {
        give_back(dispatcher, attempt);
    } else {
        settle(dispatcher, attempt, &result);
    }
}

void
attempts_give_back(struct dispatcher *dispatcher, bool all)
{
    dispatcher->preparing = NULL;
    struct attempt *next = NULL;
    for (struct attempt *attempt = dispatcher->attempts; attempt != NULL; attempt = next) {
        next = attempt->next;
        if (!attempt->running) {
            give_back(dispatcher, attempt);
        } else if (all) {
            break_off(dispatcher, attempt);
        }
    }
}
