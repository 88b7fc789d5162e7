// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "daemon/maintenance.h"
#include "house.h"
#include "intake_client.h"
#include "router/intake.h"

static struct house house;
static struct id stored;

// A house that keeps one held message.
static int
setup(void **state)
{
    (void)state;
    house_open(&house);
    house_open_dispatcher(&house);
    const struct intake_context context = {.store = house.store,
                                           .registry = house.registry,
                                           .holder = house.holder,
                                           .dispatcher = house.dispatcher,
                                           .limits = house.limits};
    struct intake *intake = NULL;
    assert_int_equal(intake_open(&context, &house.socket, &intake, NULL), ST_OK);
    AUTO_FD int fd = client_open(house.socket_path);
    const struct client_message message = {
        .recipients = "both@ours.example", .hold = "reason", .evidence = "{}"};
    struct client_answer answer = client_commit(fd, &message);
    assert_int_equal(answer.outcome, INTAKE_STORED);
    memcpy(stored.text, answer.message_id, sizeof(stored.text));
    intake_close(intake);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    house_close(&house);
    return 0;
}

static struct clock_guard guard;

static struct maintenance
due_now(void)
{
    struct maintenance maintenance;
    clock_guard_init(&guard);
    maintenance_init(&maintenance, &guard);
    maintenance.due_mono_ms = 0;
    return maintenance;
}

static const struct config_store SHORT = {.keep_dead_ms = 1, .hold_for_ms = 0};
static const struct config_store LONG = {
    .keep_done_ms = 86400000, .hold_for_ms = 86400000, .keep_evidence_ms = 86400000};

static void
nothing_happens_before_it_is_due(void **state)
{
    (void)state;
    struct maintenance maintenance;
    clock_guard_init(&guard);
    maintenance_init(&maintenance, &guard);
    int wait_ms = maintenance_step(&maintenance, house.store, &SHORT);
    assert_true(wait_ms > 0 && wait_ms <= MAINTENANCE_EVERY_MS);
    assert_int_equal(house_messages(&house), 1);
}

static void
step_sets_the_time_of_the_next(void **state)
{
    (void)state;
    struct maintenance maintenance = due_now();
    assert_int_equal(maintenance_step(&maintenance, house.store, &LONG), MAINTENANCE_EVERY_MS);
    assert_true(maintenance.due_mono_ms > clock_mono_ms());
    assert_int_equal(house_messages(&house), 1);
}

static bool
has_evidence(void)
{
    struct store_evidence evidence;
    AUTO_FREE void *owner = NULL;
    return store_evidence_get(house.store, stored.text, &evidence, &owner, NULL) == ST_OK;
}

static void
evidence_goes_and_stays_by_its_own_time(void **state)
{
    (void)state;
    static const struct config_store MESSAGES_ONLY = {.keep_done_ms = 86400000,
                                                      .hold_for_ms = 86400000};
    struct maintenance maintenance = due_now();
    (void)maintenance_step(&maintenance, house.store, &LONG);
    assert_true(has_evidence());
    int64_t give_up = clock_mono_ms() + 20000;
    while (has_evidence() && clock_mono_ms() < give_up) { // older than now within a millisecond
        maintenance = due_now();
        (void)maintenance_step(&maintenance, house.store, &MESSAGES_ONLY);
    }
    assert_false(has_evidence());
    assert_int_equal(house_messages(&house), 1);
}

static void
hold_expires_and_dead_message_is_purged(void **state)
{
    (void)state;
    int64_t give_up = clock_mono_ms() + 20000;
    while (house_messages(&house) > 0 && clock_mono_ms() < give_up) {
        struct maintenance maintenance = due_now();
        (void)maintenance_step(&maintenance, house.store, &SHORT);
    }
    assert_int_equal(house_messages(&house), 0);
}

static void
jump_of_the_clock_stops_all_purging(void **state)
{
    (void)state;
    static const int64_t jumps[] = {CLOCK_GUARD_DRIFT_MS + 1000, -(CLOCK_GUARD_DRIFT_MS + 1000)};
    for (size_t i = 0; i < ARRAY_LEN(jumps); i++) {
        struct maintenance maintenance = due_now();
        guard.wall_minus_mono_ms += jumps[i];
        (void)maintenance_step(&maintenance, house.store, &SHORT);
        maintenance.due_mono_ms = 0;
        guard.wall_minus_mono_ms -= jumps[i]; // back again: still not trusted
        (void)maintenance_step(&maintenance, house.store, &SHORT);
        assert_true(maintenance.told && !clock_guard_is_sane(&guard));
    }
    struct store_counts counts;
    assert_int_equal(store_counts(house.store, &counts, NULL), ST_OK);
    assert_int_equal(counts.deliveries[DELIVERY_HELD], 2);
    assert_true(has_evidence());
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(nothing_happens_before_it_is_due),
        CASE(step_sets_the_time_of_the_next),
        CASE(evidence_goes_and_stays_by_its_own_time),
        CASE(hold_expires_and_dead_message_is_purged),
        CASE(jump_of_the_clock_stops_all_purging),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
