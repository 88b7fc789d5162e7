// SPDX-License-Identifier: Apache-2.0
#include "router/delivery/schedule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "common/attrs.h"

enum { SECOND = 1000, HOUR = 3600 * SECOND };

static const struct schedule PLAN = {.first_ms = 30 * SECOND, .most_ms = HOUR, .for_ms = 72 * HOUR};
static const uint32_t MIDDLE = UINT32_MAX / 2; /* no jitter, but for rounding */

static int64_t
wait_after(uint64_t attempts, uint32_t random)
{
    struct schedule_input input = {
        .attempts = attempts, .now_ms = 1000, .started_at = 1000, .random = random};
    int64_t due_at = -1;
    assert_true(schedule_next(&PLAN, &input, &due_at));
    return due_at - input.now_ms;
}

static void
waits_double_up_to_the_longest(void **state)
{
    (void)state;
    static const int64_t SECONDS[] = {30, 60, 120, 240, 480, 960, 1920, 3600, 3600};
    for (size_t i = 0; i < ARRAY_LEN(SECONDS); i++) {
        assert_in_range(wait_after(i + 1, MIDDLE), SECONDS[i] * SECOND - 2, SECONDS[i] * SECOND);
    }
    assert_in_range(wait_after(UINT64_MAX, MIDDLE), HOUR - 2, HOUR);
}

static void
jitter_spreads_by_a_fifth_in_both_directions(void **state)
{
    (void)state;
    assert_in_range(wait_after(1, 0), 24 * SECOND - 1, 24 * SECOND);
    assert_in_range(wait_after(1, UINT32_MAX), 36 * SECOND - 1, 36 * SECOND);
}

static void
a_longer_wait_the_endpoint_asked_for_wins(void **state)
{
    (void)state;
    struct schedule_input input = {.attempts = 1, .least_ms = HOUR, .random = MIDDLE};
    int64_t due_at = -1;
    assert_true(schedule_next(&PLAN, &input, &due_at));
    assert_int_equal(due_at, HOUR);
}

static void
the_last_attempt_falls_on_the_age_limit(void **state)
{
    (void)state;
    struct schedule_input input = {
        .attempts = 50, .now_ms = PLAN.for_ms - 1, .started_at = 0, .random = MIDDLE};
    int64_t due_at = -1;
    assert_true(schedule_next(&PLAN, &input, &due_at));
    assert_int_equal(due_at, PLAN.for_ms);
}

static void
at_the_age_limit_there_is_no_next_attempt(void **state)
{
    (void)state;
    struct schedule_input input = {
        .attempts = 50, .now_ms = PLAN.for_ms, .started_at = 0, .random = MIDDLE};
    int64_t due_at = -1;
    assert_false(schedule_next(&PLAN, &input, &due_at));
    assert_int_equal(due_at, -1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_double_up_to_the_longest),
        cmocka_unit_test(jitter_spreads_by_a_fifth_in_both_directions),
        cmocka_unit_test(a_longer_wait_the_endpoint_asked_for_wins),
        cmocka_unit_test(the_last_attempt_falls_on_the_age_limit),
        cmocka_unit_test(at_the_age_limit_there_is_no_next_attempt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
