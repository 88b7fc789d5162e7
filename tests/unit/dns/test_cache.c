// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "verifier/dns/cache.h"
#include "verifier/dns/reply.h"

enum { CACHE_BYTES = 64 * 1024, TTL_MS = 60000 };

static const struct dns_answer *
new_answer(size_t bytes)
{
    AUTO_REPLY reply;
    struct dns_name name;
    char data[4096] = "";
    assert_true(bytes <= sizeof(data) && dns_name_parse("example.com", &name));
    dns_reply_init(&reply, &name);
    assert_true(dns_reply_add(&reply, 0, data, bytes));
    reply.status = DNS_OK;
    return dns_answer_new(&reply, DNS_TXT, TTL_MS);
}

static enum dns_cache_outcome
find(struct dns_cache *cache, const char *key)
{
    const struct dns_answer *answer = NULL;
    enum dns_cache_outcome outcome = dns_cache_find(cache, key, INT64_MAX, false, &answer);
    if (outcome == DNS_CACHE_HIT) {
        dns_answer_release(answer);
    }
    return outcome;
}

static void
put(struct dns_cache *cache, const char *key, size_t bytes)
{
    AUTO_ANSWER *answer = new_answer(bytes);
    assert_int_equal(find(cache, key), DNS_CACHE_LEAD);
    dns_cache_publish(cache, key, answer);
}

static void
what_is_kept_never_exceeds_the_bytes_given(void **state)
{
    (void)state;
    struct dns_cache *cache = dns_cache_new(CACHE_BYTES);
    char key[32];
    for (int i = 0; i < 2000; i++) {
        (void)snprintf(key, sizeof(key), "16 name%d", i);
        put(cache, key, 100 + (size_t)i % 700);
        assert_true(dns_cache_bytes(cache) <= CACHE_BYTES);
    }
    assert_true(dns_cache_bytes(cache) > CACHE_BYTES / 2);
    assert_int_equal(find(cache, key), DNS_CACHE_HIT);
    dns_cache_free(cache);
}

static void
what_is_used_outlives_what_is_not(void **state)
{
    (void)state;
    struct dns_cache *cache = dns_cache_new(CACHE_BYTES);
    put(cache, "16 used", 100);
    put(cache, "16 unused", 100);
    char key[32];
    for (int i = 0; i < 2000; i++) {
        (void)snprintf(key, sizeof(key), "16 name%d", i);
        put(cache, key, 100);
        assert_int_equal(find(cache, "16 used"), DNS_CACHE_HIT);
    }
    assert_int_equal(find(cache, "16 unused"), DNS_CACHE_LEAD);
    dns_cache_publish(cache, "16 unused", NULL);
    dns_cache_free(cache);
}

static void
what_is_too_large_is_passed_on_but_not_kept(void **state)
{
    (void)state;
    static const struct {
        const char *label;
        size_t cache_bytes;
        size_t answer_bytes;
    } cases[] = {{"larger than a share", CACHE_BYTES / 4, 4000}, {"no cache at all", 0, 1}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct dns_cache *cache = dns_cache_new(cases[i].cache_bytes);
        put(cache, "16 large", cases[i].answer_bytes);
        put(cache, "16 large", cases[i].answer_bytes);
        if (dns_cache_bytes(cache) != 0) {
            fail_msg("%s", cases[i].label);
        }
        dns_cache_free(cache);
    }
}

static void
an_answer_outlives_the_cache_that_gave_it(void **state)
{
    (void)state;
    struct dns_cache *cache = dns_cache_new(CACHE_BYTES);
    put(cache, "16 a", 10);
    const struct dns_answer *answer = NULL;
    assert_int_equal(dns_cache_find(cache, "16 a", 0, false, &answer), DNS_CACHE_HIT);
    dns_cache_free(cache);
    assert_string_equal(answer->canonical, "example.com");
    dns_answer_release(answer);
    dns_cache_free(NULL);
}

static void
who_may_not_wait_is_told_at_once(void **state)
{
    (void)state;
    struct dns_cache *cache = dns_cache_new(CACHE_BYTES);
    const struct dns_answer *answer = NULL;
    assert_int_equal(find(cache, "16 a"), DNS_CACHE_LEAD);
    assert_int_equal(dns_cache_find(cache, "16 a", clock_mono_ms() - 1, false, &answer),
                     DNS_CACHE_LATE);
    assert_null(answer);
    assert_int_equal(find(cache, "1 a"), DNS_CACHE_LEAD); // another question
    dns_cache_publish(cache, "1 a", NULL);
    dns_cache_publish(cache, "16 a", NULL);
    assert_int_equal(find(cache, "16 a"), DNS_CACHE_LEAD); // nothing was kept
    dns_cache_publish(cache, "16 a", NULL);
    dns_cache_free(cache);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_kept_never_exceeds_the_bytes_given),
        cmocka_unit_test(what_is_used_outlives_what_is_not),
        cmocka_unit_test(what_is_too_large_is_passed_on_but_not_kept),
        cmocka_unit_test(an_answer_outlives_the_cache_that_gave_it),
        cmocka_unit_test(who_may_not_wait_is_told_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
