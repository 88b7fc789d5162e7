// SPDX-License-Identifier: Apache-2.0
// Usage, room, counts and purging.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conformance.h"
#include "fixture.h"

enum { EVERYTHING = 1000 };
static const int64_t FAR_FUTURE = 99999999999999;

static struct store *
store_of(void **state)
{
    return ((struct fixture *)*state)->store;
}

static void
assert_usage(struct store *store, const char *tenant, uint64_t messages, uint64_t bytes)
{
    struct store_usage usage = {.messages = 99};
    store_usage(store, tenant, &usage);
    assert_int_equal(usage.messages, messages);
    assert_int_equal(usage.bytes, bytes);
}

static void
complete_one(struct store *store, enum delivery_state state)
{
    struct claimed claimed = claim_wait(store, "psa", 1, 60000);
    assert_int_equal(claimed.count, 1);
    assert_int_equal(complete_wait(store, &claimed.deliveries[0], state, "", 0, 200), ST_OK);
}

static void
usage_follows_messages_and_survives_reopening(void **state)
{
    submit_new(store_of(state), 100);
    submit_new(store_of(state), 50);
    struct sample other = sample_new(7);
    other.message.tenant = "other";
    assert_int_equal(submit_wait(store_of(state), &other).status, ST_OK);
    for (unsigned i = 0; i < 2; i++) {
        assert_usage(store_of(state), "acme", 2, 150);
        assert_usage(store_of(state), "other", 1, 7);
        assert_usage(store_of(state), "", 3, 157);
        assert_usage(store_of(state), "nobody", 0, 0);
        fixture_reopen(*state);
    }
}

static void
room_tells_sizes_on_disk(void **state)
{
    submit_new(store_of(state), 100000);
    struct store_room room = {.database_bytes = 0};
    store_room(store_of(state), &room);
    assert_true(room.database_bytes + room.wal_bytes > 100000);
    assert_true(room.free_disk_bytes > 0);
}

static void
counts_tell_states_and_commits(void **state)
{
    struct store *store = store_of(state);
    struct store_counts before;
    assert_int_equal(store_counts(store, &before, NULL), ST_OK);
    assert_int_equal(before.messages, 0);
    assert_int_equal(before.oldest_queued_ms, 0);
    struct sample sample = sample_new(10);
    sample.delivery_count = 3;
    sample.deliveries[1].destination = "crm";
    sample.deliveries[2].state = DELIVERY_HELD;
    assert_int_equal(submit_wait(store, &sample).status, ST_OK);
    complete_one(store, DELIVERY_DONE);
    struct store_counts counts;
    assert_int_equal(store_counts(store, &counts, NULL), ST_OK);
    assert_int_equal(counts.messages, 1);
    assert_int_equal(counts.submitted, 1);
    assert_int_equal(counts.commits, before.commits + 2); // the claim needs none
    assert_int_equal(counts.deliveries[DELIVERY_QUEUED], 1);
    assert_int_equal(counts.deliveries[DELIVERY_LEASED], 0);
    assert_int_equal(counts.deliveries[DELIVERY_HELD], 1);
    assert_int_equal(counts.deliveries[DELIVERY_DONE], 1);
    assert_int_equal(counts.deliveries[DELIVERY_DEAD], 0);
    assert_true(counts.oldest_queued_ms > 1000);
}

static void
purge_deletes_only_what_is_over_for_long_enough(void **state)
{
    static const struct {
        const char *label;
        enum delivery_state states[2];
        bool done_is_old;
        bool dead_is_old;
        bool purged;
    } cases[] = {
        {"all done, old", {DELIVERY_DONE, DELIVERY_DONE}, true, false, true},
        {"all done, young", {DELIVERY_DONE, DELIVERY_DONE}, false, false, false},
        {"one waits", {DELIVERY_DONE, DELIVERY_QUEUED}, true, true, false},
        {"one dead, the dead are kept", {DELIVERY_DONE, DELIVERY_DEAD}, true, false, false},
        {"one dead, old", {DELIVERY_DONE, DELIVERY_DEAD}, true, true, true},
        {"all dead, old", {DELIVERY_DEAD, DELIVERY_DEAD}, false, true, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        print_message("%s\n", cases[i].label);
        fixture_teardown(state);
        fixture_setup(state);
        struct store *store = store_of(state);
        struct sample sample = sample_new(10);
        sample.delivery_count = 2;
        assert_int_equal(submit_wait(store, &sample).status, ST_OK);
        for (size_t at = 0; at < 2; at++) {
            if (cases[i].states[at] != DELIVERY_QUEUED) {
                complete_one(store, cases[i].states[at]);
            }
        }
        uint64_t count = 99;
        assert_int_equal(store_purge(store, cases[i].done_is_old ? FAR_FUTURE : 1,
                                     cases[i].dead_is_old ? FAR_FUTURE : 0, EVERYTHING, &count,
                                     NULL),
                         ST_OK);
        assert_int_equal(count, cases[i].purged);
        assert_usage(store, "acme", cases[i].purged ? 0 : 1, cases[i].purged ? 0 : 10);
        struct store_message message;
        void *owner = NULL;
        assert_int_equal(store_message_get(store, sample.message.id.text, &message, &owner, NULL),
                         cases[i].purged ? ST_NOT_FOUND : ST_OK);
        free(owner);
    }
}

static void
purge_stops_at_its_limit(void **state)
{
    struct store *store = store_of(state);
    for (unsigned i = 0; i < 120; i++) {
        submit_new(store, 10);
        complete_one(store, DELIVERY_DONE);
    }
    static const struct {
        size_t limit;
        uint64_t count;
    } cases[] = {{0, 0}, {1, 1}, {51, 51}, {EVERYTHING, 68}, {EVERYTHING, 0}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t count = 99;
        assert_int_equal(store_purge(store, FAR_FUTURE, 0, cases[i].limit, &count, NULL), ST_OK);
        assert_int_equal(count, cases[i].count);
    }
    assert_usage(store, "", 0, 0);
    struct store_counts counts;
    assert_int_equal(store_counts(store, &counts, NULL), ST_OK);
    assert_int_equal(counts.deliveries[DELIVERY_DONE], 0);
}

static void
purge_gives_the_room_of_large_messages_back(void **state)
{
    struct store *store = store_of(state);
    for (unsigned i = 0; i < 8; i++) {
        submit_new(store, (uint64_t)STORE_SLICE_SIZE + 5);
        complete_one(store, DELIVERY_DONE);
    }
    struct sample kept = submit_new(store, (uint64_t)STORE_SLICE_SIZE + 5);
    uint64_t count = 0;
    assert_int_equal(store_purge(store, FAR_FUTURE, 0, EVERYTHING, &count, NULL), ST_OK);
    assert_int_equal(count, 8);
    fixture_reopen(*state); // the sweep is over, the WAL copied
    assert_int_equal(store_purge(store_of(state), FAR_FUTURE, 0, EVERYTHING, &count, NULL), ST_OK);
    fixture_reopen(*state);
    struct store_room room;
    store_room(store_of(state), &room);
    assert_in_range(room.database_bytes, STORE_SLICE_SIZE,
                    (uint64_t)STORE_SLICE_SIZE + (uint64_t)20 * 1024 * 1024);
    assert_body(store_of(state), &kept);
}

static void
purge_forgets_expired_keys_but_not_others(void **state)
{
    struct store *store = store_of(state);
    struct sample brief = sample_new(10);
    brief.dedupe.keep_ms = 1;
    assert_int_equal(submit_wait(store, &brief).status, ST_OK);
    struct sample lasting = submit_new(store, 10);
    wait_until_after(store, store_now_ms(store) + 1);
    uint64_t count = 0;
    assert_int_equal(store_purge(store, 1, 0, EVERYTHING, &count, NULL), ST_OK);
    struct sample again = sample_new(10);
    again.dedupe = lasting.dedupe;
    assert_true(submit_wait(store, &again).duplicate);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int
run_room_tests(void)
{
    const struct CMUnitTest tests[] = {
        TEST(usage_follows_messages_and_survives_reopening),
        TEST(room_tells_sizes_on_disk),
        TEST(counts_tell_states_and_commits),
        TEST(purge_deletes_only_what_is_over_for_long_enough),
        TEST(purge_stops_at_its_limit),
        TEST(purge_gives_the_room_of_large_messages_back),
        TEST(purge_forgets_expired_keys_but_not_others),
    };
    return cmocka_run_group_tests_name("room", tests, NULL, NULL);
}
