// SPDX-License-Identifier: Apache-2.0
// The threads over the agenda, and what is due after a start.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/attrs.h"
#include "common/cleanup.h"
#include "common/clock.h"
#include "verifier/domain/agenda.h"
#include "verifier/domain/schedule.h"
#include "verifier/domain/state.h"

enum { AT_ONCE = 4, PATIENCE_MS = 20000 };

// What the checks do; the first letter of an id says how.
struct world {
    pthread_mutex_t mutex; /* protects what follows */
    pthread_cond_t changed;
    unsigned checks;
    unsigned under_way;
    unsigned most; /* under way at once */
    bool dead_may_end;
};

static void
world_init(struct world *world)
{
    *world =
        (struct world){.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
}

static void
find_provider(void *context, const struct id *id, char provider_out[SCHEDULE_PROVIDER_SIZE])
{
    (void)context;
    (void)snprintf(provider_out, SCHEDULE_PROVIDER_SIZE, "%s",
                   id->text[0] == 'd' ? AGENDA_DEAD : "seven.example");
}

static int64_t
check(void *context, const struct id *id)
{
    struct world *world = context;
    AUTO_LOCK(lock, &world->mutex);
    world->under_way++;
    world->most = world->under_way > world->most ? world->under_way : world->most;
    (void)pthread_cond_broadcast(&world->changed);
    while (id->text[0] == 'd' && !world->dead_may_end) { // dead servers
        (void)pthread_cond_wait(&world->changed, &world->mutex);
    }
    world->under_way--;
    world->checks++;
    (void)pthread_cond_broadcast(&world->changed);
    return id->text[0] == 'r' ? 1 : 0; // again and again
}

static struct schedule *
open_schedule(struct world *world)
{
    const struct schedule_settings settings = {.checks_at_once = AT_ONCE,
                                               .find_provider = find_provider,
                                               .check = check,
                                               .context = world};
    struct schedule *schedule = NULL;
    struct why why = {.text = ""};
    if (schedule_open(&settings, &schedule, &why) != ST_OK) {
        fail_msg("%s", why.text);
    }
    return schedule;
}

static void
put(struct schedule *schedule, char kind, unsigned number, int64_t in_ms)
{
    struct id id;
    (void)snprintf(id.text, sizeof(id.text), "%c%u", kind, number);
    schedule_put(schedule, &id, in_ms);
}

static void
await_checks(struct world *world, unsigned wanted)
{
    AUTO_LOCK(lock, &world->mutex);
    struct timespec until;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_MS / 1000;
    while (world->checks < wanted) {
        if (pthread_cond_timedwait(&world->changed, &world->mutex, &until) != 0) {
            fail_msg("%u of %u checks", world->checks, wanted);
        }
    }
}

// A check counts a moment before its entry is gone.
static void
await_count(struct schedule *schedule, size_t wanted)
{
    int64_t give_up = clock_mono_ms() + PATIENCE_MS;
    while (schedule_count(schedule) != wanted) {
        assert_true(clock_mono_ms() < give_up);
        (void)sched_yield();
    }
}

static void
what_is_due_is_checked_by_a_few_threads(void **state)
{
    (void)state;
    enum { COUNT = 500 };
    struct world world;
    world_init(&world);
    struct schedule *schedule = open_schedule(&world);
    for (unsigned i = 0; i < COUNT; i++) {
        put(schedule, 'o', i, 1 + i % 3);
    }
    put(schedule, 'o', COUNT, 3600 * 1000);
    await_checks(&world, COUNT);
    assert_true(world.most <= AT_ONCE);
    await_count(schedule, 1); // that of later
    put(schedule, 'o', COUNT, 0);
    assert_int_equal(schedule_count(schedule), 0);
    schedule_close(schedule);
    assert_int_equal(world.checks, COUNT);
}

static void
a_check_says_when_the_next_one_is(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    struct schedule *schedule = open_schedule(&world);
    put(schedule, 'r', 1, 1);
    await_checks(&world, 20);
    schedule_close(schedule);
}

static void
what_is_put_sooner_wakes_the_threads(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    struct schedule *schedule = open_schedule(&world);
    put(schedule, 'o', 1, 3600 * 1000);
    put(schedule, 'o', 1, 1);
    await_checks(&world, 1);
    schedule_close(schedule);
}

static void
let_dead_end(struct world *world)
{
    AUTO_LOCK(lock, &world->mutex);
    world->dead_may_end = true;
    (void)pthread_cond_broadcast(&world->changed);
}

static void
dead_servers_delay_nobody_else(void **state)
{
    (void)state;
    enum { COUNT = 200, ROUNDS = 500 };
    struct world world;
    world_init(&world);
    struct schedule *schedule = open_schedule(&world);
    for (unsigned i = 0; i < COUNT; i++) {
        put(schedule, 'd', i, 1);
    }
    put(schedule, 'r', 1, 2);     // behind all of them, and nobody has been checked before
    await_checks(&world, ROUNDS); // while they hang
    let_dead_end(&world);
    await_checks(&world, ROUNDS + COUNT);
    schedule_close(schedule);
}

static void
closing_does_not_wait_for_what_is_queued(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    struct schedule *schedule = open_schedule(&world);
    for (unsigned i = 0; i < 5000; i++) {
        put(schedule, 'o', i, 3600 * 1000);
    }
    int64_t began = clock_mono_ms();
    schedule_close(schedule);
    assert_true(clock_mono_ms() - began < PATIENCE_MS);
    assert_int_equal(world.checks, 0);
    schedule_close(NULL);
}

/* ---- after a start --------------------------------------------------------------------------- */

static void
rows_that_were_just_read_come_when_they_say(void **state)
{
    (void)state;
    const int64_t now = 1795300000000;
    const int64_t day = STATE_DAY_MS;
    const int64_t minute = STATE_MINUTE_MS;
    const struct {
        const char *label;
        struct store_domain row;
        int64_t least_ms;
        int64_t most_ms;
    } cases[] = {
        {"in its time",
         {.status = DOMAIN_VERIFIED, .next_check_at = now + 3 * minute},
         3 * minute,
         3 * minute},
        {"the clock was set back by years",
         {.status = DOMAIN_VERIFIED, .next_check_at = now + 900 * day},
         day - day / 20,
         day + day / 20},
        {"at risk, set back",
         {.status = DOMAIN_AT_RISK, .misses = 2, .next_check_at = now + 900 * day},
         15 * minute,
         15 * minute},
        {"overdue",
         {.status = DOMAIN_VERIFIED, .next_check_at = now - 9 * day},
         1,
         SCHEDULE_SPREAD_CALM_MS},
        {"overdue and at risk",
         {.status = DOMAIN_AT_RISK, .misses = 2, .next_check_at = now - day},
         1,
         SCHEDULE_SPREAD_MS},
        {"overdue and suspected",
         {.status = DOMAIN_VERIFIED, .ownership_misses = 1, .next_check_at = now - day},
         1,
         SCHEDULE_SPREAD_MS},
        {"overdue and pending",
         {.status = DOMAIN_PENDING, .created_at = now - day},
         1,
         SCHEDULE_SPREAD_MS},
        {"of an older version",
         {.status = DOMAIN_VERIFIED, .next_check_at = 0},
         1,
         SCHEDULE_SPREAD_CALM_MS},
        {"forgotten", {.status = DOMAIN_REMOVED, .forgotten = true}, 0, 0},
        {"failed for long", {.status = DOMAIN_FAILED, .status_ms = 31 * day}, 0, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t in_ms = schedule_first_in_ms(&cases[i].row, now);
        if (in_ms < cases[i].least_ms || in_ms > cases[i].most_ms) {
            fail_msg("%s: in %lld ms", cases[i].label, (long long)in_ms);
        }
    }
}

static void
a_restart_is_no_burst(void **state)
{
    (void)state;
    enum { COUNT = 10000, SLICES = 60 };
    const int64_t now = 1795300000000;
    unsigned slices[SLICES] = {0};
    for (unsigned i = 0; i < COUNT; i++) {
        struct store_domain row = {.status = DOMAIN_VERIFIED, .next_check_at = now - 1};
        (void)snprintf(row.id.text, sizeof(row.id.text), "id-%u", i);
        int64_t in_ms = schedule_first_in_ms(&row, now);
        slices[(in_ms - 1) * SLICES / SCHEDULE_SPREAD_CALM_MS]++;
    }
    for (size_t i = 0; i < SLICES; i++) {
        if (slices[i] > 2 * COUNT / SLICES) {
            fail_msg("minute %zu has %u of %d", i, slices[i], COUNT);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_due_is_checked_by_a_few_threads),
        cmocka_unit_test(a_check_says_when_the_next_one_is),
        cmocka_unit_test(what_is_put_sooner_wakes_the_threads),
        cmocka_unit_test(dead_servers_delay_nobody_else),
        cmocka_unit_test(closing_does_not_wait_for_what_is_queued),
        cmocka_unit_test(rows_that_were_just_read_come_when_they_say),
        cmocka_unit_test(a_restart_is_no_burst),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
