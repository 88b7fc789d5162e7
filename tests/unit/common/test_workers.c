// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/attrs.h"
#include "common/cleanup.h"
#include "common/workers.h"

enum { ITEMS = 200, THREADS = 4 };

struct yard {
    pthread_mutex_t gate; /* held by the test: the worker waits inside its item */
    atomic_int worked;
    atomic_int dropped;
    atomic_int begun;
};

static void
work(void *context, void *item)
{
    struct yard *yard = context;
    atomic_fetch_add(&yard->begun, 1);
    AUTO_LOCK(lock, &yard->gate);
    atomic_fetch_add(&yard->worked, *(int *)item);
}

static void
drop(void *context, void *item)
{
    struct yard *yard = context;
    atomic_fetch_add(&yard->dropped, *(int *)item);
}

static void
each_item_is_worked_or_dropped_exactly_once(void **state)
{
    (void)state;
    struct yard yard = {.gate = PTHREAD_MUTEX_INITIALIZER};
    struct workers *workers = NULL;
    int ones[ITEMS];
    assert_int_equal(workers_open(3, work, &yard, &workers, NULL), ST_OK);
    for (size_t i = 0; i < ITEMS; i++) {
        ones[i] = 1;
        workers_push(workers, &ones[i]);
    }
    workers_close(workers, drop);
    assert_int_equal(yard.worked + yard.dropped, ITEMS);
    assert_int_equal(yard.worked, yard.begun);
}

static void *
close_pool(void *workers)
{
    workers_close(workers, drop);
    return NULL;
}

static void
closing_finishes_what_was_begun_and_drops_the_rest(void **state)
{
    (void)state;
    struct yard yard = {.gate = PTHREAD_MUTEX_INITIALIZER};
    struct workers *workers = NULL;
    static int weights[3] = {1, 10, 100};
    pthread_t closer;
    {
        AUTO_LOCK(lock, &yard.gate);
        assert_int_equal(workers_open(1, work, &yard, &workers, NULL), ST_OK);
        for (size_t i = 0; i < ARRAY_LEN(weights); i++) {
            workers_push(workers, &weights[i]);
        }
        while (atomic_load(&yard.begun) == 0) {
            // the only worker is on its way to the gate
        }
        assert_int_equal(pthread_create(&closer, NULL, close_pool, workers), 0);
    }
    assert_int_equal(pthread_join(closer, NULL), 0);
    assert_int_equal(yard.worked % 10, 1); // the first was begun, so it was finished
    assert_int_equal(yard.worked + yard.dropped, 111);
}

static void
closing_without_drop_works_on_everything_queued(void **state)
{
    (void)state;
    struct yard yard = {.gate = PTHREAD_MUTEX_INITIALIZER};
    struct workers *workers = NULL;
    int ones[ITEMS];
    assert_int_equal(workers_open(THREADS, work, &yard, &workers, NULL), ST_OK);
    for (size_t i = 0; i < ITEMS; i++) {
        ones[i] = 1;
        workers_push(workers, &ones[i]);
    }
    workers_close(workers, NULL);
    assert_int_equal(yard.worked, ITEMS);
}

static void
meet(void *context, void *item)
{
    (void)context;
    // Passes only when all threads are in an item at the same time; else the test times out.
    (void)pthread_barrier_wait(item);
}

static void
items_are_worked_on_side_by_side(void **state)
{
    (void)state;
    struct workers *workers = NULL;
    pthread_barrier_t barrier;
    assert_int_equal(pthread_barrier_init(&barrier, NULL, THREADS), 0);
    assert_int_equal(workers_open(THREADS, meet, NULL, &workers, NULL), ST_OK);
    for (size_t i = 0; i < THREADS; i++) {
        workers_push(workers, &barrier);
    }
    workers_close(workers, NULL);
    assert_int_equal(pthread_barrier_destroy(&barrier), 0);
}

static void
closing_nothing_is_allowed(void **state)
{
    (void)state;
    workers_close(NULL, drop);
    workers_close(NULL, NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_item_is_worked_or_dropped_exactly_once),
        cmocka_unit_test(closing_finishes_what_was_begun_and_drops_the_rest),
        cmocka_unit_test(closing_without_drop_works_on_everything_queued),
        cmocka_unit_test(items_are_worked_on_side_by_side),
        cmocka_unit_test(closing_nothing_is_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
