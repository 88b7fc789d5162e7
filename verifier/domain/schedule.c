// SPDX-License-Identifier: Apache-2.0
#include "verifier/domain/schedule.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/condition.h"
#include "common/xalloc.h"
#include "verifier/domain/agenda.h"
#include "verifier/domain/state.h"

enum { LONGEST_WAIT_MS = 30 * 1000 }; /* CLOCK_MONOTONIC stands still in a suspend: look again */

struct schedule {
    struct schedule_settings settings;
    pthread_mutex_t mutex; /* protects what follows, up to the threads */
    pthread_cond_t changed;
    struct agenda *agenda;
    bool closing;
    unsigned count; /* threads that were started */
    pthread_t threads[];
};

/* ---- threads --------------------------------------------------------------------------------- */

static void
wait_for_change(struct schedule *schedule)
{
    int64_t wait_ms = agenda_next_due(schedule->agenda) - clock_mono_ms();
    wait_ms = wait_ms < LONGEST_WAIT_MS ? wait_ms : LONGEST_WAIT_MS;
    if (wait_ms <= 0) {
        wait_ms = 1; // what is due is parked now
    }
    struct timespec until = condition_deadline(wait_ms);
    (void)pthread_cond_timedwait(&schedule->changed, &schedule->mutex, &until);
}

// False: the schedule closes.
static bool
take(struct schedule *schedule, struct id *id_out)
{
    AUTO_LOCK(lock, &schedule->mutex);
    while (!schedule->closing && !agenda_take(schedule->agenda, clock_mono_ms(), id_out)) {
        wait_for_change(schedule);
    }
    return !schedule->closing;
}

// False: it has to wait until others have ended.
static bool
may_go_on(struct schedule *schedule, const struct id *id, const char *provider)
{
    AUTO_LOCK(lock, &schedule->mutex);
    bool goes_on = agenda_meet(schedule->agenda, id, provider);
    (void)pthread_cond_broadcast(&schedule->changed);
    return goes_on;
}

static void
give_back(struct schedule *schedule, const struct id *id, int64_t next_in_ms, int64_t took_ms)
{
    int64_t due = next_in_ms == 0 ? 0 : clock_mono_ms() + next_in_ms;
    AUTO_LOCK(lock, &schedule->mutex);
    agenda_done(schedule->agenda, id, due, took_ms);
    (void)pthread_cond_broadcast(&schedule->changed);
}

static void *
run(void *argument)
{
    struct schedule *schedule = argument;
    const struct schedule_settings *settings = &schedule->settings;
    struct id id;
    while (take(schedule, &id)) {
        char provider[SCHEDULE_PROVIDER_SIZE];
        settings->find_provider(settings->context, &id, provider);
        if (may_go_on(schedule, &id, provider)) {
            int64_t began = clock_mono_ms();
            int64_t next_in_ms = settings->check(settings->context, &id);
            give_back(schedule, &id, next_in_ms, clock_mono_ms() - began);
        }
    }
    return NULL;
}

/* ---- opening, closing ------------------------------------------------------------------------ */

static void
close_schedule(struct schedule **schedule)
{
    schedule_close(*schedule);
}

enum status
schedule_open(const struct schedule_settings *settings, struct schedule **schedule_out,
              struct why *why)
{
    AUTO(close_schedule)
    struct schedule *schedule =
        xcalloc(1, sizeof(*schedule) + settings->checks_at_once * sizeof(pthread_t));
    schedule->settings = *settings;
    schedule->agenda = agenda_new(settings->checks_at_once);
    (void)pthread_mutex_init(&schedule->mutex, NULL);
    condition_init(&schedule->changed);
    for (; schedule->count < settings->checks_at_once; schedule->count++) {
        if (pthread_create(&schedule->threads[schedule->count], NULL, run, schedule) != 0) {
            return why_set(why, ST_AGAIN, "no thread for the checks of domains");
        }
    }
    *schedule_out = STEAL(schedule);
    return ST_OK;
}

void
schedule_close(struct schedule *schedule)
{
    if (schedule == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&schedule->mutex);
    schedule->closing = true;
    (void)pthread_cond_broadcast(&schedule->changed);
    (void)pthread_mutex_unlock(&schedule->mutex);
    for (unsigned i = 0; i < schedule->count; i++) {
        (void)pthread_join(schedule->threads[i], NULL);
    }
    agenda_free(schedule->agenda);
    (void)pthread_cond_destroy(&schedule->changed);
    (void)pthread_mutex_destroy(&schedule->mutex);
    free(schedule);
}

void
schedule_put(struct schedule *schedule, const struct id *id, int64_t in_ms)
{
    int64_t due = in_ms == 0 ? 0 : clock_mono_ms() + in_ms;
    AUTO_LOCK(lock, &schedule->mutex);
    int64_t next = agenda_next_due(schedule->agenda);
    agenda_put(schedule->agenda, id, due);
    if (agenda_next_due(schedule->agenda) < next) {
        (void)pthread_cond_broadcast(&schedule->changed);
    }
}

size_t
schedule_count(struct schedule *schedule)
{
    AUTO_LOCK(lock, &schedule->mutex);
    return agenda_count(schedule->agenda);
}

/* ---- the first check after a start ----------------------------------------------------------- */

static bool
is_calm(const struct store_domain *domain)
{
    bool is_suspected = domain->misses > 0 || domain->ownership_misses > 0;
    return domain->status == DOMAIN_REMOVED || domain->status == DOMAIN_FAILED ||
           (domain->status == DOMAIN_VERIFIED && !is_suspected);
}

int64_t
schedule_first_in_ms(const struct store_domain *domain, int64_t now)
{
    int64_t latest = domain_state_next_check(domain, now);
    if (latest == 0) {
        return 0;
    }
    int64_t in_ms = domain->next_check_at - now;
    if (in_ms > latest - now) { // the clock was set back
        in_ms = latest - now;
    }
    if (in_ms > 0) {
        return in_ms;
    }
    return 1 + domain_state_spread(domain, is_calm(domain) ? (int64_t)SCHEDULE_SPREAD_CALM_MS
                                                           : (int64_t)SCHEDULE_SPREAD_MS);
}
