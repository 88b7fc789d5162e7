// SPDX-License-Identifier: Apache-2.0
// Several threads ask through one authority: what they share is whole, and a dead zone of one
// thread does not hold up the others.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "tests/unit/dns/bench.h"
#include "tests/unit/dns/world.h"

enum { THREADS = 4, ROUNDS = 25, QUESTIONS = 8, DEAD_TRY_MS = 2500 };

static struct authority *authority;
static atomic_uint wrong;
static atomic_bool is_dead_done;

// One check: two servers, one of them late.
static void
check(int number)
{
    char names[QUESTIONS][64];
    struct authority_question questions[QUESTIONS];
    struct authority_report *report = NULL;
    for (int i = 0; i < QUESTIONS; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "n%d-%d.z-11-12-13.test", i, number % 3);
        questions[i] = (struct authority_question){names[i], DNS_TXT};
    }
    if (authority_ask(authority, questions, QUESTIONS,
                      BENCH_BUDGET(clock_mono_ms() + BENCH_LONG_MS), &report, NULL) != ST_OK) {
        atomic_fetch_add(&wrong, 1);
        return;
    }
    for (size_t i = 0; i < report->count; i++) {
        const struct authority_answer *answers = report->results[i].answers;
        if (report->results[i].zone == NULL || answers[0].outcome != AUTHORITY_FOUND ||
            answers[1].outcome != AUTHORITY_FOUND || answers[2].outcome != AUTHORITY_LAME ||
            strcmp(answers[0].answer->records[0].data, "new") != 0 ||
            strcmp(answers[1].answer->records[0].data, "old") != 0) {
            atomic_fetch_add(&wrong, 1);
        }
    }
    authority_report_free(report);
}

static void *
check_many(void *context)
{
    (void)context;
    for (int i = 0; i < ROUNDS; i++) {
        check(i);
    }
    return NULL;
}

static void
open_world(struct dns **dns, unsigned per_second)
{
    *dns = world_dns();
    struct authority_settings settings = world_settings(*dns, BENCH_LONG_MS);
    settings.queries_per_second = per_second;
    assert_int_equal(authority_open(&settings, &authority, NULL), ST_OK);
    atomic_store(&wrong, 0);
}

static void
threads_share_zones_and_rates(void **state)
{
    (void)state;
    struct dns *dns = NULL;
    pthread_t threads[THREADS];
    open_world(&dns, 20000);
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, check_many, NULL), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    assert_int_equal(atomic_load(&wrong), 0);
    authority_close(authority);
    dns_close(dns);
}

static void *
ask_dead_zone(void *context)
{
    (void)context;
    const struct authority_question question = {"z-15.test", DNS_TXT};
    struct authority_report *report = NULL;
    if (authority_ask(authority, &question, 1, BENCH_BUDGET(clock_mono_ms() + BENCH_LONG_MS),
                      &report, NULL) != ST_OK ||
        report->results[0].answers[0].outcome != AUTHORITY_TIMEOUT) {
        atomic_fetch_add(&wrong, 1);
    }
    authority_report_free(report);
    atomic_store(&is_dead_done, true);
    return NULL;
}

static void
a_dead_zone_holds_up_its_own_thread_only(void **state)
{
    (void)state;
    struct dns *dns = world_dns();
    struct authority_settings settings = world_settings(dns, DEAD_TRY_MS);
    pthread_t thread;
    assert_int_equal(authority_open(&settings, &authority, NULL), ST_OK);
    atomic_store(&wrong, 0);
    unsigned before = world_count(WORLD_SILENT);
    assert_int_equal(pthread_create(&thread, NULL, ask_dead_zone, NULL), 0);
    while (world_count(WORLD_SILENT) == before) {
        check(0); // and each is right
    }
    check(1);
    assert_false(atomic_load(&is_dead_done));
    (void)pthread_join(thread, NULL);
    assert_true(atomic_load(&is_dead_done));
    assert_int_equal(atomic_load(&wrong), 0);
    authority_close(authority);
    dns_close(dns);
}

// A check of a dead zone lasts until its deadline; a daemon that stops does not wait for it.
static void
cancelling_ends_what_a_silent_server_holds_up(void **state)
{
    (void)state;
    struct dns *dns = world_dns();
    struct authority_settings settings = world_settings(dns, BENCH_LONG_MS);
    pthread_t thread;
    assert_int_equal(authority_open(&settings, &authority, NULL), ST_OK);
    atomic_store(&wrong, 0);
    unsigned before = world_count(WORLD_SILENT);
    int64_t start = clock_mono_ms();
    assert_int_equal(pthread_create(&thread, NULL, ask_dead_zone, NULL), 0);
    while (world_count(WORLD_SILENT) == before) {
        (void)sched_yield();
    }
    dns_cancel(dns);
    dns_cancel(dns); // again is no harm
    (void)pthread_join(thread, NULL);
    assert_true(clock_mono_ms() - start < BENCH_SLACK_MS);
    assert_int_equal(atomic_load(&wrong), 0);
    const struct authority_question question = {"z-11.test", DNS_TXT};
    struct authority_report *report = NULL;
    assert_int_equal(authority_ask(authority, &question, 1,
                                   BENCH_BUDGET(clock_mono_ms() + BENCH_LONG_MS), &report, NULL),
                     ST_OK);
    assert_null(report->results[0].zone); // nothing is asked any more
    assert_int_equal(report->results[0].resolver.answer->status, DNS_TEMPORARY);
    assert_false(report->is_port_blocked);
    assert_true(clock_mono_ms() - start < BENCH_SLACK_MS);
    authority_report_free(report);
    authority_close(authority);
    dns_close(dns);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_share_zones_and_rates),
        cmocka_unit_test(a_dead_zone_holds_up_its_own_thread_only),
        cmocka_unit_test(cancelling_ends_what_a_silent_server_holds_up),
    };
    return cmocka_run_group_tests(tests, world_start, world_stop);
}
