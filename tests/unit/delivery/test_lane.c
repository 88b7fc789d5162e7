// SPDX-License-Identifier: Apache-2.0
#include "router/delivery/lane.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static int
new_lane(void **state)
{
    *state = lane_new("psa");
    return 0;
}

static int
free_lane(void **state)
{
    lane_free(*state);
    return 0;
}

static void
a_new_lane_has_nothing_due(void **state)
{
    assert_int_equal(lane_room(*state, 4, 0, 1000), 0);
    assert_true(lane_wake_at(*state) == LANE_NOTHING_DUE);
}

static void
room_is_what_concurrency_leaves(void **state)
{
    struct lane *lane = *state;
    lane_due(lane, 100);
    assert_int_equal(lane_room(lane, 4, 0, 99), 0);
    assert_int_equal(lane_wake_at(lane), 100);
    assert_int_equal(lane_room(lane, 4, 0, 100), 4);
    lane->in_flight = 3;
    assert_int_equal(lane_room(lane, 4, 0, 100), 1);
    lane->in_flight = 4;
    assert_int_equal(lane_room(lane, 4, 0, 100), 0);
}

static void
one_claim_at_a_time(void **state)
{
    struct lane *lane = *state;
    lane_due(lane, 100);
    lane_claim_begin(lane, 4);
    assert_int_equal(lane_room(lane, 4, 0, 100), 0);
    lane_claim_end(lane, 2, 0);
    assert_int_equal(lane->in_flight, 2);
    assert_true(lane->due_at == LANE_NOTHING_DUE);
}

static void
what_became_due_during_a_claim_is_not_forgotten(void **state)
{
    struct lane *lane = *state;
    lane_due(lane, 100);
    lane_claim_begin(lane, 4);
    lane_due(lane, 150);
    lane_claim_end(lane, 0, 700);
    assert_int_equal(lane->due_at, 150);
    lane_claim_begin(lane, 4);
    lane_claim_end(lane, 0, 700);
    assert_int_equal(lane->due_at, 700);
}

static void
the_breaker_opens_after_the_named_number_of_failures(void **state)
{
    struct lane *lane = *state;
    lane_due(lane, 0);
    for (int i = 1; i < LANE_FAILURES_MAX; i++) {
        assert_false(lane_failed(lane, 1000));
    }
    assert_int_equal(lane_room(lane, 4, 0, 1000), 4);
    assert_true(lane_failed(lane, 1000));
    assert_int_equal(lane_room(lane, 4, 0, 1000 + LANE_PAUSE_FIRST_MS - 1), 0);
    assert_int_equal(lane_wake_at(lane), 1000 + LANE_PAUSE_FIRST_MS);
    assert_int_equal(lane_room(lane, 4, 0, 1000 + LANE_PAUSE_FIRST_MS), 1);
}

static void
an_answer_in_between_starts_the_count_again(void **state)
{
    struct lane *lane = *state;
    for (int i = 1; i < LANE_FAILURES_MAX; i++) {
        (void)lane_failed(lane, 1000);
    }
    assert_false(lane_answered(lane));
    assert_false(lane_failed(lane, 1000));
}

static void
a_failed_probe_doubles_the_pause_up_to_the_longest(void **state)
{
    struct lane *lane = *state;
    int64_t now = 1000;
    for (int i = 0; i < LANE_FAILURES_MAX; i++) {
        (void)lane_failed(lane, now);
    }
    assert_false(lane_failed(lane, now)); // was under way when the breaker opened
    int64_t pause = LANE_PAUSE_FIRST_MS;
    for (int i = 0; i < 8; i++) {
        now = lane->paused_until;
        assert_true(lane_failed(lane, now));
        pause = pause * 2 < LANE_PAUSE_MOST_MS ? pause * 2 : LANE_PAUSE_MOST_MS;
        assert_int_equal(lane->paused_until - now, pause);
    }
    lane_due(lane, 0);
    lane->in_flight = 1;
    assert_int_equal(lane_room(lane, 4, 0, lane->paused_until), 0); // the probe is under way
    lane->in_flight = 0;
    assert_true(lane_answered(lane));
    assert_int_equal(lane_room(lane, 4, 0, now), 4);
}

static void
a_pause_the_endpoint_asked_for_is_never_shortened(void **state)
{
    struct lane *lane = *state;
    lane_due(lane, 0);
    lane_pause(lane, 5000);
    lane_pause(lane, 3000);
    assert_int_equal(lane_room(lane, 4, 0, 4999), 0);
    assert_int_equal(lane_room(lane, 4, 0, 5000), 4);
}

static void
nothing_is_held_against_another_endpoint(void **state)
{
    struct lane *lane = *state;
    for (int i = 0; i < LANE_FAILURES_MAX; i++) {
        (void)lane_failed(lane, 1000);
    }
    lane_pause(lane, 1000 * 1000);
    lane_renew(lane);
    assert_int_equal(lane_room(lane, 4, 0, 1001), 4); // and it is due
    assert_false(lane_failed(lane, 1001));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_is_held_against_another_endpoint, new_lane,
                                        free_lane),
        cmocka_unit_test_setup_teardown(a_new_lane_has_nothing_due, new_lane, free_lane),
        cmocka_unit_test_setup_teardown(room_is_what_concurrency_leaves, new_lane, free_lane),
        cmocka_unit_test_setup_teardown(one_claim_at_a_time, new_lane, free_lane),
        cmocka_unit_test_setup_teardown(what_became_due_during_a_claim_is_not_forgotten, new_lane,
                                        free_lane),
        cmocka_unit_test_setup_teardown(the_breaker_opens_after_the_named_number_of_failures,
                                        new_lane, free_lane),
        cmocka_unit_test_setup_teardown(an_answer_in_between_starts_the_count_again, new_lane,
                                        free_lane),
        cmocka_unit_test_setup_teardown(a_failed_probe_doubles_the_pause_up_to_the_longest,
                                        new_lane, free_lane),
        cmocka_unit_test_setup_teardown(a_pause_the_endpoint_asked_for_is_never_shortened, new_lane,
                                        free_lane),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
