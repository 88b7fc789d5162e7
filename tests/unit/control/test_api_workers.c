// SPDX-License-Identifier: Apache-2.0
// The threads that run handlers.
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "control/api/workers.h"

enum { THREADS = 4, JOBS = 1000 };

static atomic_size_t runs_of[JOBS];

static void
count_run(void *job)
{
    atomic_fetch_add((atomic_size_t *)job, 1);
}

static void
close_runs_every_queued_job_once(void **state)
{
    (void)state;
    struct api_workers *workers = NULL;
    struct why why;
    assert_int_equal(api_workers_open(THREADS, count_run, &workers, &why), ST_OK);
    for (size_t i = 0; i < JOBS; i++) {
        api_workers_submit(workers, &runs_of[i]);
    }
    api_workers_close(workers);
    for (size_t i = 0; i < JOBS; i++) {
        assert_int_equal(atomic_load(&runs_of[i]), 1);
    }
}

static void
meet(void *job)
{
    // Passes only when all threads are in a job at the same time; else the test times out.
    (void)pthread_barrier_wait(job);
}

static void
jobs_run_side_by_side(void **state)
{
    (void)state;
    struct api_workers *workers = NULL;
    struct why why;
    pthread_barrier_t barrier;
    assert_int_equal(pthread_barrier_init(&barrier, NULL, THREADS), 0);
    assert_int_equal(api_workers_open(THREADS, meet, &workers, &why), ST_OK);
    for (size_t i = 0; i < THREADS; i++) {
        api_workers_submit(workers, &barrier);
    }
    api_workers_close(workers);
    assert_int_equal(pthread_barrier_destroy(&barrier), 0);
}

static void
closing_nothing_is_fine(void **state)
{
    (void)state;
    api_workers_close(NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(close_runs_every_queued_job_once),
        cmocka_unit_test(jobs_run_side_by_side),
        cmocka_unit_test(closing_nothing_is_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
