// SPDX-License-Identifier: Apache-2.0
// What lookups share: the budget of a message, the cache, one query for equal questions.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>

#include "common/clock.h"
#include "tests/unit/dns/bench.h"

/* ---- budget ---------------------------------------------------------------------------------- */

static struct dns_budget
budget_of(int64_t ms, unsigned queries)
{
    return (struct dns_budget){.deadline_mono_ms = clock_mono_ms() + ms, .queries_left = queries};
}

static void
the_budget_counts_queries_and_hits(void **state)
{
    struct dns_budget budget = budget_of(BENCH_LONG_MS, 4);
    AUTO_ANSWER *first = dns_get(*state, &budget, "good.test", DNS_TXT);
    AUTO_ANSWER *again = dns_get(*state, &budget, "good.test", DNS_TXT);
    assert_ptr_equal(first, again);
    AUTO_ANSWER *chain = dns_get(*state, &budget, "chain2.test", DNS_TXT);
    bench_assert_text(chain, "end");
    assert_int_equal(budget.queries, 4);
    assert_int_equal(budget.hits, 1);
    assert_int_equal(budget.queries_left, 0);
    AUTO_ANSWER *hit = dns_get(*state, &budget, "good.test", DNS_TXT);
    bench_assert_text(hit, "hello"); // hits are free
    AUTO_ANSWER *none_left = dns_get(*state, &budget, "strings.test", DNS_TXT);
    bench_assert_temporary(none_left);
    struct dns_counts counts;
    dns_counts(*state, &counts);
    assert_int_equal(counts.queries, 4);
    assert_int_equal(counts.hits, 2);
    assert_int_equal(counts.temporary, 1);
}

static void
what_one_budget_could_not_pay_another_can(void **state)
{
    struct dns_budget poor = budget_of(BENCH_LONG_MS, 0);
    AUTO_ANSWER *refused = dns_get(*state, &poor, "good.test", DNS_TXT);
    bench_assert_temporary(refused);
    struct dns_budget late = budget_of(-1, 9);
    AUTO_ANSWER *too_late = dns_get(*state, &late, "good.test", DNS_TXT);
    bench_assert_temporary(too_late);
    assert_int_equal(late.queries, 0);
    AUTO_ANSWER *answer = dns_get(*state, NULL, "good.test", DNS_TXT);
    bench_assert_text(answer, "hello");
}

static void
no_lookup_outlives_its_deadline(void **state)
{
    (void)state;
    const char *servers[] = {server_text(bench_server)};
    struct dns *dns = bench_open(servers, 1, BENCH_LONG_MS, 2);
    static const char *const names[] = {"silent.test", "wrong-id.test",
                                        "truncated-tcp-stalls.test"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct dns_budget budget = budget_of(50, 9);
        int64_t start = clock_mono_ms();
        AUTO_ANSWER *answer = dns_get(dns, &budget, names[i], DNS_TXT);
        bench_assert_temporary(answer);
        assert_true(clock_mono_ms() - start < BENCH_SLACK_MS);
    }
    dns_close(dns);
}

/* ---- cache ----------------------------------------------------------------------------------- */

static void
answers_are_kept_as_long_as_they_may_be(void **state)
{
    enum { HOUR = 3600, QUARTER = 900 };
    static const struct {
        const char *name;
        int64_t seconds;
    } cases[] = {
        {"good.test", 300},     {"ttl-week.test", HOUR},          {"ttl-negative.test", 0},
        {"nxdomain.test", 100}, {"nodata.test", QUARTER},         {"nxdomain-without-soa.test", 0},
        {"servfail.test", 5},   {"nxdomain-foreign-soa.test", 0}, {"reversed-chain.test", 60},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t now = 1000000;
        clock_fake_set(now, now);
        unsigned before = server_udp_count(bench_server);
        dns_answer_release(dns_get(*state, NULL, cases[i].name, DNS_TXT));
        clock_fake_set(now, now + cases[i].seconds * 1000 - 1);
        dns_answer_release(dns_get(*state, NULL, cases[i].name, DNS_TXT));
        unsigned within = server_udp_count(bench_server) - before;
        clock_fake_set(now, now + cases[i].seconds * 1000);
        dns_answer_release(dns_get(*state, NULL, cases[i].name, DNS_TXT));
        unsigned after = server_udp_count(bench_server) - before;
        unsigned kept = cases[i].seconds > 0 ? 1 : 2;
        if (within != kept || after != kept + 1) {
            fail_msg("%s: %u queries within, %u after", cases[i].name, within, after);
        }
    }
}

static void
a_fresh_question_passes_over_the_cache_and_renews_it(void **state)
{
    struct dns_budget budget = budget_of(BENCH_LONG_MS, 9);
    AUTO_ANSWER *first = dns_get(*state, &budget, "good.test", DNS_TXT);
    budget.fresh = true;
    AUTO_ANSWER *second = dns_get(*state, &budget, "good.test", DNS_TXT);
    assert_ptr_not_equal(first, second);
    budget.fresh = false;
    AUTO_ANSWER *third = dns_get(*state, &budget, "good.test", DNS_TXT);
    assert_ptr_equal(second, third);
    assert_int_equal(server_udp_count(bench_server), 2);
}

struct asker {
    pthread_t thread;
    struct dns *dns;
    const char *name;
    int64_t budget_ms;
    atomic_uint *started;
    enum dns_status status;
};

static void *
ask(void *context)
{
    struct asker *asker = context;
    struct dns_budget budget = budget_of(asker->budget_ms, 9);
    atomic_fetch_add(asker->started, 1);
    AUTO_ANSWER *answer = dns_get(asker->dns, &budget, asker->name, DNS_TXT);
    asker->status = answer->status;
    return NULL;
}

static void
start_asker(struct asker *asker)
{
    assert_int_equal(pthread_create(&asker->thread, NULL, ask, asker), 0);
}

static void
wait_until(atomic_uint *counter, unsigned value)
{
    while (atomic_load(counter) < value) {
        (void)sched_yield();
    }
}

static void
equal_questions_at_once_are_sent_once(void **state)
{
    (void)state;
    enum { ASKERS = 8 };
    const char *servers[] = {server_text(bench_server)};
    struct dns *dns = bench_open(servers, 1, BENCH_LONG_MS, 1);
    struct asker askers[ASKERS];
    atomic_uint started = 0;
    for (size_t i = 0; i < ASKERS; i++) {
        askers[i] = (struct asker){
            .dns = dns, .name = "gated.test", .budget_ms = BENCH_LONG_MS, .started = &started};
        start_asker(&askers[i]);
    }
    wait_until(&started, ASKERS);
    wait_until(&answers_asked, 1);
    (void)sem_post(&answers_gate);
    for (size_t i = 0; i < ASKERS; i++) {
        (void)pthread_join(askers[i].thread, NULL);
        assert_int_equal(askers[i].status, DNS_OK);
    }
    assert_int_equal(server_udp_count(bench_server), 1);
    dns_close(dns);
}

static void
who_waits_for_anothers_query_gives_up_at_its_own_deadline(void **state)
{
    (void)state;
    const char *servers[] = {server_text(bench_server)};
    struct dns *dns = bench_open(servers, 1, BENCH_LONG_MS, 1);
    atomic_uint started = 0;
    struct asker leader = {
        .dns = dns, .name = "gated.test", .budget_ms = BENCH_LONG_MS, .started = &started};
    start_asker(&leader);
    wait_until(&answers_asked, 1);
    struct dns_budget budget = budget_of(30, 9);
    AUTO_ANSWER *answer = dns_get(dns, &budget, "gated.test", DNS_TXT);
    bench_assert_temporary(answer);
    (void)sem_post(&answers_gate);
    (void)pthread_join(leader.thread, NULL);
    assert_int_equal(leader.status, DNS_OK);
    dns_close(dns);
}

static void
a_leader_out_of_time_leaves_the_lead_to_who_waits(void **state)
{
    (void)state;
    const char *servers[] = {server_text(bench_server)};
    struct dns *dns = bench_open(servers, 1, BENCH_LONG_MS, 1);
    atomic_uint started = 0;
    struct asker leader = {
        .dns = dns, .name = "second-time.test", .budget_ms = 200, .started = &started};
    start_asker(&leader);
    wait_until(&answers_asked, 1);
    struct dns_budget budget = budget_of(BENCH_LONG_MS, 9);
    AUTO_ANSWER *answer = dns_get(dns, &budget, "second-time.test", DNS_TXT);
    bench_assert_text(answer, "second");
    (void)pthread_join(leader.thread, NULL);
    assert_int_equal(leader.status, DNS_TEMPORARY);
    dns_close(dns);
}

static void *
ask_many(void *context)
{
    struct asker *asker = context;
    static const char *const names[] = {"good.test",     "strings.test",  "chain3.test",
                                        "nxdomain.test", "servfail.test", "truncated.test"};
    for (size_t i = 0; i < 200; i++) {
        struct dns_budget budget = {
            .deadline_mono_ms = INT64_MAX, .queries_left = 99, .fresh = i % 3 == 0};
        dns_answer_release(dns_get(asker->dns, &budget, names[i % ARRAY_LEN(names)], DNS_TXT));
    }
    return NULL;
}

static void
many_threads_ask_at_once(void **state)
{
    struct asker askers[6];
    for (size_t i = 0; i < ARRAY_LEN(askers); i++) {
        askers[i].dns = *state;
        assert_int_equal(pthread_create(&askers[i].thread, NULL, ask_many, &askers[i]), 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(askers); i++) {
        (void)pthread_join(askers[i].thread, NULL);
    }
    AUTO_ANSWER *answer = dns_get(*state, NULL, "good.test", DNS_TXT);
    bench_assert_text(answer, "hello");
}

static void
cancelling_ends_lookups_under_way_and_to_come(void **state)
{
    (void)state;
    const char *servers[] = {server_text(bench_server)};
    static const char *const names[] = {"silent.test", "truncated-tcp-stalls.test"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct dns *dns = bench_open(servers, 1, BENCH_LONG_MS, 2);
        atomic_uint started = 0;
        struct asker asker = {
            .dns = dns, .name = names[i], .budget_ms = BENCH_LONG_MS, .started = &started};
        unsigned before = server_udp_count(bench_server);
        int64_t start = clock_mono_ms();
        assert_int_equal(pthread_create(&asker.thread, NULL, ask, &asker), 0);
        while (server_udp_count(bench_server) == before) {
            (void)sched_yield();
        }
        dns_cancel(dns);
        (void)pthread_join(asker.thread, NULL);
        assert_int_equal(asker.status, DNS_TEMPORARY);
        AUTO_ANSWER *later = dns_get(dns, NULL, "good.test", DNS_TXT);
        bench_assert_temporary(later);
        assert_true(clock_mono_ms() - start < BENCH_SLACK_MS);
        dns_close(dns);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SERVER(the_budget_counts_queries_and_hits),
        WITH_SERVER(what_one_budget_could_not_pay_another_can),
        WITH_SERVER(no_lookup_outlives_its_deadline),
        WITH_SERVER(cancelling_ends_lookups_under_way_and_to_come),
        WITH_SERVER(answers_are_kept_as_long_as_they_may_be),
        WITH_SERVER(a_fresh_question_passes_over_the_cache_and_renews_it),
        WITH_SERVER(equal_questions_at_once_are_sent_once),
        WITH_SERVER(who_waits_for_anothers_query_gives_up_at_its_own_deadline),
        WITH_SERVER(a_leader_out_of_time_leaves_the_lead_to_who_waits),
        WITH_SERVER(many_threads_ask_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
