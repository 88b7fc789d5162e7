// SPDX-License-Identifier: Apache-2.0
// The cache of SPF records: how long, how much, and from many threads.
#include "support.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/xalloc.h"
#include "verifier/message/spf.h"

enum { NOW_MS = 1000000, FIXTURE_TTL_MS = 300 * 1000, CACHE_BYTES = 1 << 20 };

static const struct spf_policy *
make_policy(const char *text, int64_t expires_mono_ms)
{
    struct spf_policy *policy = spf_policy_new();
    policy->state = SPF_POLICY_RECORD;
    policy->expires_mono_ms = expires_mono_ms;
    assert_int_equal(spf_record_parse(text, strlen(text), &policy->record, NULL), ST_OK);
    return policy;
}

static void
put(struct spf_cache *cache, const char *name, const char *text, int64_t expires_mono_ms)
{
    AUTO_POLICY *policy = make_policy(text, expires_mono_ms);
    spf_cache_put(cache, name, policy);
}

static bool
has(struct spf_cache *cache, const char *name)
{
    AUTO_POLICY *policy = spf_cache_find(cache, name);
    return policy != NULL;
}

static void
policy_is_found_until_it_expires(void **state)
{
    (void)state;
    clock_fake_set(NOW_MS, NOW_MS);
    struct spf_cache *cache = spf_cache_new(CACHE_BYTES);
    put(cache, "ex.com", "v=spf1 -all", NOW_MS + 1000);
    assert_true(has(cache, "ex.com"));
    assert_false(has(cache, "ex.org"));
    clock_fake_set(NOW_MS, NOW_MS + 999);
    assert_true(has(cache, "ex.com"));
    clock_fake_set(NOW_MS, NOW_MS + 1000);
    assert_false(has(cache, "ex.com"));
    assert_int_equal(spf_cache_bytes(cache), 0);
    put(cache, "ex.com", "v=spf1 -all", NOW_MS + 1000);
    assert_int_equal(spf_cache_bytes(cache), 0);
    spf_cache_free(cache);
    clock_fake_off();
}

static void
newer_policy_replaces_the_older(void **state)
{
    (void)state;
    struct spf_cache *cache = spf_cache_new(CACHE_BYTES);
    put(cache, "ex.com", "v=spf1 -all", INT64_MAX);
    size_t bytes = spf_cache_bytes(cache);
    put(cache, "ex.com", "v=spf1 ~all", INT64_MAX);
    assert_int_equal(spf_cache_bytes(cache), bytes);
    AUTO_POLICY *policy = spf_cache_find(cache, "ex.com");
    assert_non_null(policy);
    assert_string_equal(policy->record.text, "v=spf1 ~all");
    spf_cache_free(cache);
    assert_string_equal(policy->record.text, "v=spf1 ~all"); // references outlive the cache
}

static void
cache_stays_within_its_bytes(void **state)
{
    (void)state;
    enum { NAMES = 2000, BYTES = 256 * 1024 };
    struct spf_cache *cache = spf_cache_new(BYTES);
    char name[32];
    size_t most = 0;
    for (int i = 0; i < NAMES; i++) {
        (void)snprintf(name, sizeof(name), "n%d.example", i);
        put(cache, name, "v=spf1 a mx include:%{d2} -all", INT64_MAX);
        size_t bytes = spf_cache_bytes(cache);
        most = bytes > most ? bytes : most;
        assert_true(bytes <= BYTES);
        assert_true(has(cache, name));
    }
    assert_true(most > BYTES / 2);
    assert_false(has(cache, "n0.example"));
    spf_cache_free(cache);
}

static void
policy_larger_than_the_room_is_not_kept(void **state)
{
    (void)state;
    struct spf_cache *cache = spf_cache_new(16 * 1024);
    char text[2048] = "v=spf1";
    for (size_t at = 6; at + 3 < sizeof(text); at += 2) {
        memcpy(text + at, " a", 3);
    }
    put(cache, "ex.com", text, INT64_MAX);
    assert_false(has(cache, "ex.com"));
    spf_cache_free(cache);
    cache = spf_cache_new(0);
    put(cache, "ex.com", "v=spf1", INT64_MAX);
    assert_false(has(cache, "ex.com"));
    spf_cache_free(cache);
    spf_cache_free(NULL);
}

static unsigned
count_queries(struct spf_cache *cache, const char *zone, const char *sender,
              enum auth_result wanted, bool fresh)
{
    struct dns *dns = support_zone(zone);
    struct dns_budget budget = {.deadline_mono_ms = INT64_MAX, .queries_left = 100, .fresh = fresh};
    struct spf_query query = {.client_address = "192.0.2.1", .helo = "x", .sender = sender};
    struct verdict_spf verdict;
    spf_check(cache, dns, &budget, &query, &verdict, NULL);
    dns_close(dns);
    assert_int_equal(verdict.result, wanted);
    return budget.queries;
}

static void
second_check_reads_no_record(void **state)
{
    (void)state;
    static const char zone[] = "ex.com TXT v=spf1 include:i.ex.com -all\n"
                               "i.ex.com TXT v=spf1 ip4:192.0.2.1\nbad.com TXT v=spf1 moo";
    clock_fake_set(NOW_MS, NOW_MS);
    struct spf_cache *cache = spf_cache_new(CACHE_BYTES);
    assert_int_equal(count_queries(cache, zone, "a@ex.com", AUTH_PASS, false), 2);
    assert_int_equal(count_queries(cache, "x.y AAAA ::1", "b@EX.com", AUTH_PASS, false), 0);
    assert_int_equal(count_queries(cache, zone, "a@bad.com", AUTH_PERMERROR, false), 1);
    assert_int_equal(count_queries(cache, zone, "a@bad.com", AUTH_PERMERROR, false), 0);
    assert_int_equal(count_queries(cache, zone, "a@ex.com", AUTH_PASS, true), 2);
    clock_fake_set(NOW_MS, NOW_MS + FIXTURE_TTL_MS);
    assert_int_equal(count_queries(cache, "ex.com TXT v=spf1 -all", "a@ex.com", AUTH_FAIL, false),
                     1);
    spf_cache_free(cache);
    clock_fake_off();
}

static void
temporary_trouble_is_not_kept(void **state)
{
    (void)state;
    struct spf_cache *cache = spf_cache_new(CACHE_BYTES);
    static const char trouble[] = "ex.com TXT !SERVFAIL";
    assert_int_equal(count_queries(cache, trouble, "a@ex.com", AUTH_TEMPERROR, false), 1);
    assert_int_equal(count_queries(cache, "ex.com TXT v=spf1 -all", "a@ex.com", AUTH_FAIL, false),
                     1);
    spf_cache_free(cache);
}

static void *
use_cache(void *argument)
{
    enum { ROUNDS = 2000, NAMES = 7 };
    struct spf_cache *cache = argument;
    char name[32];
    for (int i = 0; i < ROUNDS; i++) {
        (void)snprintf(name, sizeof(name), "n%d.example", i % NAMES);
        AUTO_POLICY *found = spf_cache_find(cache, name);
        if (found == NULL || i % 5 == 0) {
            put(cache, name, "v=spf1 a:%{d2} -all", INT64_MAX);
        } else if (found->record.count != 2) {
            return argument; // not what was put there
        }
    }
    return NULL;
}

static void
threads_share_the_cache(void **state)
{
    (void)state;
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    struct spf_cache *cache = spf_cache_new(16 * 1024); // one or two to a shard
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, use_cache, cache), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        void *problem = NULL;
        assert_int_equal(pthread_join(threads[i], &problem), 0);
        assert_null(problem);
    }
    spf_cache_free(cache);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(policy_is_found_until_it_expires),
        cmocka_unit_test(newer_policy_replaces_the_older),
        cmocka_unit_test(cache_stays_within_its_bytes),
        cmocka_unit_test(policy_larger_than_the_room_is_not_kept),
        cmocka_unit_test(second_check_reads_no_record),
        cmocka_unit_test(temporary_trouble_is_not_kept),
        cmocka_unit_test(threads_share_the_cache),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
