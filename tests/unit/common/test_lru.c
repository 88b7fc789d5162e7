// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "common/attrs.h"
#include "common/cleanup.h"
#include "common/clock.h"
#include "common/lru.h"

enum { CACHE_BYTES = 1 << 20, VALUE_BYTES = 1000, NOW = 5000, KEY_SIZE = 16 };

struct value {
    atomic_int references; /* 1: the test's own */
};

static void
take(const void *value)
{
    struct value *counted = (struct value *)(uintptr_t)value;
    assert_true(atomic_fetch_add(&counted->references, 1) >= 1);
}

static void
release(const void *value)
{
    struct value *counted = (struct value *)(uintptr_t)value;
    assert_true(atomic_fetch_sub(&counted->references, 1) > 1);
}

static const struct lru_references COUNTED = {.take = take, .release = release};

static int
stop_clock(void **state)
{
    (void)state;
    clock_fake_set(0, NOW);
    return 0;
}

static int
free_clock(void **state)
{
    (void)state;
    clock_fake_off();
    return 0;
}

// Whether it is found as this value; the reference is given back.
static bool
holds(struct lru *lru, const char *key, const struct value *value)
{
    const void *found = lru_find(lru, key);
    if (found != NULL) {
        release(found);
    }
    return found != NULL && found == value;
}

// A cache with room for exactly `count` entries of VALUE_BYTES in each shard.
static struct lru *
cache_of(size_t count)
{
    return lru_new(LRU_SHARDS * count * lru_entry_bytes("k0000", VALUE_BYTES), &COUNTED);
}

// Keys that stand in one shard: in a cache of one entry a shard, each drives the first one out.
static void
keys_of_one_shard(char keys[][KEY_SIZE], size_t count)
{
    struct value value = {.references = 1};
    (void)snprintf(keys[0], KEY_SIZE, "k%04u", 0);
    unsigned tried = 1;
    for (size_t found = 1; found < count;) {
        struct lru *lru = cache_of(1);
        lru_put(lru, keys[0], &value, VALUE_BYTES, INT64_MAX);
        (void)snprintf(keys[found], KEY_SIZE, "k%04u", tried++);
        lru_put(lru, keys[found], &value, VALUE_BYTES, INT64_MAX);
        found += holds(lru, keys[0], &value) ? 0 : 1;
        lru_free(lru);
        assert_true(tried < 1000);
    }
}

static void
what_was_put_is_found_until_its_time(void **state)
{
    (void)state;
    struct value value = {.references = 1};
    struct lru *lru = lru_new(CACHE_BYTES, &COUNTED);
    assert_null(lru_find(lru, "a"));
    lru_put(lru, "a", &value, VALUE_BYTES, NOW + 10);
    assert_int_equal(value.references, 2);
    clock_fake_set(0, NOW + 9);
    assert_ptr_equal(lru_find(lru, "a"), &value);
    assert_int_equal(value.references, 3);
    assert_null(lru_find(lru, "A"));
    clock_fake_set(0, NOW + 10);
    assert_null(lru_find(lru, "a"));
    assert_int_equal(value.references, 2);
    assert_int_equal(lru_bytes(lru), 0);
    lru_free(lru);
    assert_int_equal(value.references, 2); // the one that was found is still good
}

static void
a_new_value_takes_the_old_ones_place(void **state)
{
    (void)state;
    struct value values[2] = {{.references = 1}, {.references = 1}};
    struct lru *lru = lru_new(CACHE_BYTES, &COUNTED);
    lru_put(lru, "a", &values[0], VALUE_BYTES, INT64_MAX);
    lru_put(lru, "a", &values[1], VALUE_BYTES + 1, INT64_MAX);
    assert_true(holds(lru, "a", &values[1]));
    assert_int_equal(lru_bytes(lru), lru_entry_bytes("a", VALUE_BYTES + 1));
    assert_int_equal(values[0].references, 1);
    lru_put(lru, "a", &values[0], VALUE_BYTES, NOW); // has expired, and says that the old one has
    assert_null(lru_find(lru, "a"));
    assert_int_equal(lru_bytes(lru), 0);
    lru_free(lru);
    assert_int_equal(values[1].references, 1);
}

static void
one_larger_than_a_shard_is_not_kept(void **state)
{
    (void)state;
    static const struct {
        size_t cache_bytes;
        bool kept;
    } CASES[] = {
        {LRU_SHARDS * 2000, true},
        {LRU_SHARDS * 2000 - 1, false},
        {0, false},
    };
    struct value value = {.references = 1};
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        struct lru *lru = lru_new(CASES[i].cache_bytes, &COUNTED);
        size_t value_bytes = 2000 - lru_entry_bytes("a", 0);
        lru_put(lru, "a", &value, value_bytes, INT64_MAX);
        assert_int_equal(holds(lru, "a", &value), CASES[i].kept);
        assert_int_equal(lru_bytes(lru), CASES[i].kept ? 2000 : 0);
        lru_free(lru);
        assert_int_equal(value.references, 1);
    }
}

static void
the_least_recently_used_goes_first(void **state)
{
    (void)state;
    struct value value = {.references = 1};
    char keys[4][KEY_SIZE];
    keys_of_one_shard(keys, ARRAY_LEN(keys));
    struct lru *lru = cache_of(3);
    for (size_t i = 0; i < 3; i++) {
        lru_put(lru, keys[i], &value, VALUE_BYTES, INT64_MAX);
    }
    assert_true(holds(lru, keys[0], &value)); // now the second is the oldest
    lru_put(lru, keys[3], &value, VALUE_BYTES, INT64_MAX);
    assert_false(holds(lru, keys[1], &value));
    assert_true(holds(lru, keys[0], &value));
    assert_true(holds(lru, keys[2], &value));
    assert_true(holds(lru, keys[3], &value));
    size_t shard_bytes = 3 * lru_entry_bytes(keys[0], VALUE_BYTES);
    assert_int_equal(lru_bytes(lru), shard_bytes);
    lru_put(lru, keys[1], &value, shard_bytes - lru_entry_bytes(keys[1], 0), INT64_MAX);
    assert_true(holds(lru, keys[1], &value)); // its room was all of them
    assert_int_equal(lru_bytes(lru), shard_bytes);
    assert_int_equal(value.references, 2);
    lru_free(lru);
    assert_int_equal(value.references, 1);
}

enum { THREADS = 4, ROUNDS = 20000, VALUES = 64 };

struct crowd {
    struct lru *lru;
    struct value values[VALUES];
    atomic_uint next;
};

static void *
find_and_put(void *context)
{
    struct crowd *crowd = context;
    for (unsigned i = 0; i < ROUNDS; i++) {
        unsigned at = atomic_fetch_add(&crowd->next, 7) % VALUES;
        char key[KEY_SIZE];
        (void)snprintf(key, sizeof(key), "k%04u", at);
        const void *found = lru_find(crowd->lru, key);
        if (found == NULL) {
            lru_put(crowd->lru, key, &crowd->values[at], VALUE_BYTES, INT64_MAX);
        } else {
            assert_ptr_equal(found, &crowd->values[at]);
            release(found);
        }
    }
    return NULL;
}

static void
threads_share_it_and_no_reference_is_lost(void **state)
{
    (void)state;
    struct crowd crowd = {.lru = cache_of(2)}; // half of the values have room
    for (size_t i = 0; i < VALUES; i++) {
        atomic_init(&crowd.values[i].references, 1);
    }
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, find_and_put, &crowd), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_true(lru_bytes(crowd.lru) > 0);
    lru_free(crowd.lru);
    for (size_t i = 0; i < VALUES; i++) {
        assert_int_equal(crowd.values[i].references, 1);
    }
}

static void
freeing_nothing_is_fine(void **state)
{
    (void)state;
    lru_free(NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_put_is_found_until_its_time),
        cmocka_unit_test(a_new_value_takes_the_old_ones_place),
        cmocka_unit_test(one_larger_than_a_shard_is_not_kept),
        cmocka_unit_test(the_least_recently_used_goes_first),
        cmocka_unit_test(threads_share_it_and_no_reference_is_lost),
        cmocka_unit_test(freeing_nothing_is_fine),
    };
    return cmocka_run_group_tests(tests, stop_clock, free_clock);
}
