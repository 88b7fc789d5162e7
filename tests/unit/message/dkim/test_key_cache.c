// SPDX-License-Identifier: Apache-2.0
#include "support.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/strbuf.h"
#include "verifier/message/key_cache.h"

enum {
    CACHE_BYTES = 256 * 1024, /* three keys to a shard */
    ZONE_MAX = 128 * 1024,
    NAMES = 200,
    THREADS = 4,
    ROUNDS = 2000,
    DAY_MS = 24 * 60 * 60 * 1000
};

static struct dns *dns;
static const unsigned char HASH[SHA256_SIZE] = {9};
static unsigned char signature[KEY_SIGNATURE_MAX];
static size_t signature_length;

static int
open_zone(void **state)
{
    (void)state;
    AUTO_STRBUF lines = STRBUF_INIT(ZONE_MAX);
    EVP_PKEY *rsa = support_rsa(1024);
    AUTO_FREE char *record = support_record(rsa);
    signature_length = support_sign(rsa, HASH, signature);
    for (int i = 0; i < NAMES; i++) {
        strbuf_printf(&lines, "k%d.example TXT %s\n", i, record);
    }
    strbuf_printf(&lines, "two.example TXT %s\ntwo.example TXT %s\n", record, record);
    strbuf_printf(&lines, "other.example TXT text\nother.example TXT %s\n", record);
    strbuf_puts(&lines, "temp.example TXT !SERVFAIL\nempty.example A 192.0.2.1\n"
                        "bad.example TXT v=DKIM1; p=AAAA\n");
    dns = support_zone(strbuf_text(&lines));
    EVP_PKEY_free(rsa);
    return 0;
}

static int
close_zone(void **state)
{
    (void)state;
    dns_close(dns);
    return 0;
}

static struct dns_budget
new_budget(void)
{
    return (struct dns_budget){.deadline_mono_ms = clock_mono_ms() + 5000, .queries_left = 100};
}

// How often the DNS was asked for this name, cached answers of its own included.
static unsigned
ask(struct key_cache *cache, const char *name, bool fresh, enum auth_result wanted)
{
    struct dns_budget budget = new_budget();
    budget.fresh = fresh;
    AUTO_DKIM_KEY *key = dkim_key_get(cache, dns, &budget, name);
    assert_int_equal(key->result, wanted);
    assert_int_equal(key->record.key != NULL, wanted == AUTH_NONE);
    return budget.queries + budget.hits;
}

static void
a_key_is_read_once(void **state)
{
    (void)state;
    struct key_cache *cache = key_cache_new(CACHE_BYTES);
    assert_int_equal(ask(cache, "k0.example", false, AUTH_NONE), 1);
    assert_int_equal(ask(cache, "k0.example", false, AUTH_NONE), 0);
    assert_int_equal(ask(cache, "k1.example", false, AUTH_NONE), 1);
    assert_int_equal(ask(cache, "k0.example", true, AUTH_NONE), 1); // asked to pass the cache over
    assert_int_equal(ask(NULL, "k0.example", false, AUTH_NONE), 1);
    key_cache_free(cache);
}

static void
a_key_is_forgotten_when_the_dns_says_so(void **state)
{
    (void)state;
    struct key_cache *cache = key_cache_new(CACHE_BYTES);
    clock_fake_set(1, 1);
    assert_int_equal(ask(cache, "k2.example", false, AUTH_NONE), 1);
    assert_int_equal(ask(cache, "k2.example", false, AUTH_NONE), 0);
    clock_fake_set(1 + DAY_MS, 1 + DAY_MS);
    assert_int_equal(ask(cache, "k2.example", false, AUTH_NONE), 1);
    assert_int_equal(ask(cache, "k2.example", false, AUTH_NONE), 0);
    clock_fake_off();
    key_cache_free(cache);
}

struct answer_case {
    const char *name;
    enum auth_result result;
    const char *reason;
    bool kept;
};

static void
what_is_no_key_has_a_reason(void **state)
{
    (void)state;
    static const struct answer_case CASES[] = {
        {"other.example", AUTH_NONE, "", true},
        {"two.example", AUTH_PERMERROR, "there are several keys of this name", true},
        {"bad.example", AUTH_PERMERROR, "the key cannot be decoded", true},
        {"empty.example", AUTH_PERMERROR, "there is no key", false},
        {"absent.example", AUTH_PERMERROR, "there is no key", false},
        {"a..b", AUTH_PERMERROR, "there is no key", false},
        {"temp.example", AUTH_TEMPERROR, "the key could not be looked up", false},
    };
    struct key_cache *cache = key_cache_new(CACHE_BYTES);
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        size_t before = key_cache_bytes(cache);
        struct dns_budget budget = new_budget();
        AUTO_DKIM_KEY *key = dkim_key_get(cache, dns, &budget, CASES[i].name);
        assert_int_equal(key->result, CASES[i].result);
        assert_string_equal(key->reason, CASES[i].reason);
        assert_int_equal(key_cache_bytes(cache) > before, CASES[i].kept);
    }
    key_cache_free(cache);
}

static void
a_budget_used_up_is_temporary(void **state)
{
    (void)state;
    struct dns *fresh = support_zone("x.example TXT v=DKIM1; p=\n");
    struct dns_budget budget = new_budget();
    budget.queries_left = 0;
    AUTO_DKIM_KEY *key = dkim_key_get(NULL, fresh, &budget, "x.example");
    assert_int_equal(key->result, AUTH_TEMPERROR);
    dns_close(fresh);
}

static void
the_oldest_go_when_it_is_full(void **state)
{
    (void)state;
    struct key_cache *cache = key_cache_new(CACHE_BYTES);
    struct dns_budget budget = new_budget();
    AUTO_DKIM_KEY *held = dkim_key_get(cache, dns, &budget, "k0.example");
    for (int i = 1; i < NAMES; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "k%d.example", i);
        assert_int_equal(ask(cache, name, false, AUTH_NONE), 1);
        assert_int_equal(ask(cache, "k1.example", false, AUTH_NONE), 0); // in use: it stays
        assert_true(key_cache_bytes(cache) <= CACHE_BYTES);
    }
    assert_true(key_cache_bytes(cache) > CACHE_BYTES / 2);
    assert_true(public_key_verify(held->record.key, HASH, signature, signature_length));
    assert_int_equal(ask(cache, "k0.example", false, AUTH_NONE), 1);
    key_cache_free(cache);
    assert_true(public_key_verify(held->record.key, HASH, signature, signature_length));
}

static void
a_cache_too_small_for_a_key_keeps_none(void **state)
{
    (void)state;
    struct key_cache *cache = key_cache_new(100);
    assert_int_equal(ask(cache, "k0.example", false, AUTH_NONE), 1);
    assert_int_equal(ask(cache, "k0.example", false, AUTH_NONE), 1);
    assert_int_equal(key_cache_bytes(cache), 0);
    key_cache_free(cache);
}

static void *
use_many_keys(void *argument)
{
    struct key_cache *cache = argument;
    uintptr_t wrong = 0;
    for (int i = 0; i < ROUNDS; i++) {
        char name[32];
        struct dns_budget budget = new_budget();
        (void)snprintf(name, sizeof(name), "k%d.example", i % NAMES);
        AUTO_DKIM_KEY *key = dkim_key_get(cache, dns, &budget, name);
        bool good = key->result == AUTH_NONE &&
                    public_key_verify(key->record.key, HASH, signature, signature_length);
        wrong += good ? 0 : 1;
    }
    return (void *)wrong;
}

static void
threads_share_keys_that_come_and_go(void **state)
{
    (void)state;
    struct key_cache *cache = key_cache_new(CACHE_BYTES);
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, use_many_keys, cache), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        void *wrong = NULL;
        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        assert_null(wrong);
    }
    assert_true(key_cache_bytes(cache) <= CACHE_BYTES);
    key_cache_free(cache);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_is_read_once),
        cmocka_unit_test(a_key_is_forgotten_when_the_dns_says_so),
        cmocka_unit_test(what_is_no_key_has_a_reason),
        cmocka_unit_test(a_budget_used_up_is_temporary),
        cmocka_unit_test(the_oldest_go_when_it_is_full),
        cmocka_unit_test(a_cache_too_small_for_a_key_keeps_none),
        cmocka_unit_test(threads_share_keys_that_come_and_go),
    };
    return cmocka_run_group_tests(tests, open_zone, close_zone);
}
