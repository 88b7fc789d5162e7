// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/attrs.h"
#include "common/cleanup.h"
#include "common/condition.h"

static int64_t
nanoseconds_of(const struct timespec *when)
{
    return (int64_t)when->tv_sec * 1000000000 + when->tv_nsec;
}

static void
a_deadline_lies_so_many_milliseconds_ahead(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        int64_t ahead_ms;
    } CASES[] = {{0, 0}, {-1, 0}, {INT64_MIN, 0}, {1, 1}, {999, 999}, {1000, 1000}, {61999, 61999}};
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        struct timespec before;
        struct timespec after;
        (void)clock_gettime(CLOCK_MONOTONIC, &before);
        struct timespec when = condition_deadline(CASES[i].ms);
        (void)clock_gettime(CLOCK_MONOTONIC, &after);
        int64_t ahead_ns = CASES[i].ahead_ms * 1000000;
        assert_true(nanoseconds_of(&when) >= nanoseconds_of(&before) + ahead_ns);
        assert_true(nanoseconds_of(&when) <= nanoseconds_of(&after) + ahead_ns);
        assert_in_range(when.tv_nsec, 0, 999999999);
    }
}

static void
a_wait_ends_at_its_deadline(void **state)
{
    (void)state;
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t condition;
    condition_init(&condition);
    struct timespec until = condition_deadline(20);
    int error = 0;
    {
        AUTO_LOCK(lock, &mutex);
        while (error == 0) {
            error = pthread_cond_timedwait(&condition, &mutex, &until);
        }
    }
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    assert_int_equal(error, ETIMEDOUT);
    assert_true(nanoseconds_of(&now) >= nanoseconds_of(&until));
    (void)pthread_cond_destroy(&condition);
}

struct bell {
    pthread_mutex_t mutex;
    pthread_cond_t condition;
    bool rung;
};

static void *
ring(void *context)
{
    struct bell *bell = context;
    AUTO_LOCK(lock, &bell->mutex);
    bell->rung = true;
    (void)pthread_cond_signal(&bell->condition);
    return NULL;
}

static void
the_longest_deadline_is_a_deadline_and_a_signal_ends_the_wait(void **state)
{
    (void)state;
    struct bell bell = {.mutex = PTHREAD_MUTEX_INITIALIZER};
    condition_init(&bell.condition);
    struct timespec until = condition_deadline(INT64_MAX);
    pthread_t ringer;
    int error = 0;
    {
        AUTO_LOCK(lock, &bell.mutex);
        assert_int_equal(pthread_create(&ringer, NULL, ring, &bell), 0);
        while (!bell.rung && error == 0) {
            error = pthread_cond_timedwait(&bell.condition, &bell.mutex, &until);
        }
    }
    assert_int_equal(error, 0);
    assert_int_equal(pthread_join(ringer, NULL), 0);
    (void)pthread_cond_destroy(&bell.condition);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_deadline_lies_so_many_milliseconds_ahead),
        cmocka_unit_test(a_wait_ends_at_its_deadline),
        cmocka_unit_test(the_longest_deadline_is_a_deadline_and_a_signal_ends_the_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
