// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "house.h"
#include "router/limits.h"

static struct house house;
static struct limits *limits;

static const struct config_limits WIDE = {
    .message_bytes = 1000000,
    .store_bytes = 1000000000,
    .store_messages = 1000,
    .min_free_disk = 0,
    .tenant_percent = 100,
};

static int
setup(void **state)
{
    (void)state;
    house_open(&house);
    limits = limits_new(house.store);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    limits_free(limits);
    house_close(&house);
    return 0;
}

// The reply's code, 0 when it was reserved.
static uint64_t
reserve(const struct config_limits *settings, const char *tenant, uint64_t bytes,
        struct reservation *reservation)
{
    const struct smtp_reply *reply = limits_reserve(limits, settings, tenant, bytes, reservation);
    return reply == NULL ? 0 : reply->code;
}

static void
expect_refusal(const struct config_limits *settings, const char *tenant, uint64_t bytes,
               uint64_t code, const char *enhanced)
{
    struct reservation reservation = {.held = false};
    const struct smtp_reply *reply = limits_reserve(limits, settings, tenant, bytes, &reservation);
    assert_non_null(reply);
    assert_int_equal(reply->code, code);
    assert_string_equal(reply->enhanced, enhanced);
    assert_false(reservation.held);
}

static void
expect_room(const struct config_limits *settings, const char *tenant, uint64_t bytes)
{
    struct reservation reservation = {.held = false};
    assert_int_equal(reserve(settings, tenant, bytes, &reservation), 0);
    assert_true(reservation.held);
    limits_release(limits, &reservation);
    assert_false(reservation.held);
}

static void
message_size_at_and_over_its_limit(void **state)
{
    (void)state;
    struct config_limits settings = WIDE;
    settings.message_bytes = 5000;
    expect_room(&settings, "acme", 5000);
    expect_refusal(&settings, "acme", 5001, 552, "5.3.4");
}

static void
messages_under_way_count_at_and_over_the_limit(void **state)
{
    (void)state;
    struct config_limits settings = WIDE;
    settings.store_messages = 2;
    struct reservation first = {.held = false};
    struct reservation second = {.held = false};
    assert_int_equal(reserve(&settings, "acme", 1, &first), 0);
    assert_int_equal(reserve(&settings, "zenith", 1, &second), 0);
    expect_refusal(&settings, "acme", 1, 452, "4.3.1");
    limits_release(limits, &second);
    expect_room(&settings, "acme", 1);
    limits_release(limits, &first);
}

static void
store_bytes_count_database_wal_and_promises(void **state)
{
    (void)state;
    struct store_room room;
    store_room(house.store, &room);
    struct config_limits settings = WIDE;
    settings.store_bytes = room.database_bytes + room.wal_bytes + 5000;
    expect_room(&settings, "acme", 5000);
    expect_refusal(&settings, "acme", 5001, 452, "4.3.1");
    struct reservation held = {.held = false};
    assert_int_equal(reserve(&settings, "acme", 3000, &held), 0);
    expect_room(&settings, "acme", 2000);
    expect_refusal(&settings, "acme", 2001, 452, "4.3.1");
    limits_release(limits, &held);
}

static void
free_disk_is_kept(void **state)
{
    (void)state;
    struct store_room room;
    store_room(house.store, &room);
    struct config_limits settings = WIDE;
    settings.min_free_disk = room.free_disk_bytes - 4000;
    expect_room(&settings, "acme", 4000);
    expect_refusal(&settings, "acme", 4001, 452, "4.3.1");
    settings.min_free_disk = UINT64_MAX;
    expect_refusal(&settings, "acme", 1, 452, "4.3.1");
}

static void
share_of_bytes_is_per_tenant(void **state)
{
    (void)state;
    struct config_limits settings = WIDE;
    settings.store_bytes = 100000000;
    settings.message_bytes = settings.store_bytes;
    settings.tenant_percent = 20;
    expect_room(&settings, "acme", 20000000);
    expect_refusal(&settings, "acme", 20000001, 452, "4.2.2");
    struct reservation held = {.held = false};
    assert_int_equal(reserve(&settings, "acme", 20000000, &held), 0);
    expect_refusal(&settings, "acme", 1, 452, "4.2.2");
    expect_room(&settings, "zenith", 20000000);
    limits_release(limits, &held);
}

static void
share_of_messages_is_per_tenant(void **state)
{
    (void)state;
    struct config_limits settings = WIDE;
    settings.store_messages = 10;
    settings.tenant_percent = 20;
    struct reservation held[2] = {{.held = false}, {.held = false}};
    assert_int_equal(reserve(&settings, "acme", 1, &held[0]), 0);
    assert_int_equal(reserve(&settings, "acme", 1, &held[1]), 0);
    expect_refusal(&settings, "acme", 1, 452, "4.2.2");
    expect_room(&settings, "zenith", 1);
    limits_release(limits, &held[0]);
    expect_room(&settings, "acme", 1);
    limits_release(limits, &held[1]);
}

static void
promise_is_replaced_not_added(void **state)
{
    (void)state;
    struct config_limits settings = WIDE;
    settings.store_messages = 1;
    struct reservation held = {.held = false};
    assert_int_equal(reserve(&settings, "acme", 10, &held), 0);
    assert_int_equal(reserve(&settings, "zenith", 20, &held), 0);
    assert_int_equal(held.bytes, 20);
    assert_string_equal(held.tenant, "zenith");
    limits_release(limits, &held);
    expect_room(&settings, "acme", 1);
}

static void
promise_stays_when_a_larger_one_is_refused(void **state)
{
    (void)state;
    struct config_limits settings = WIDE;
    settings.store_messages = 1;
    settings.message_bytes = 100;
    struct reservation held = {.held = false};
    assert_int_equal(reserve(&settings, "acme", 10, &held), 0);
    assert_int_equal(reserve(&settings, "acme", 101, &held), 552);
    assert_true(held.held);
    settings.message_bytes = 1000000000000;
    settings.store_bytes = 999999999;
    assert_int_equal(reserve(&settings, "acme", 1000000000, &held), 452);
    assert_true(held.held);
    assert_int_equal(held.bytes, 10);
    assert_string_equal(held.tenant, "acme");
    expect_refusal(&settings, "acme", 1, 452, "4.3.1"); // it is still counted
    limits_release(limits, &held);
    expect_room(&settings, "acme", 1);
}

static void
releasing_nothing_is_allowed(void **state)
{
    (void)state;
    struct reservation none = {.held = false};
    limits_release(limits, &none);
    expect_room(&WIDE, "acme", 1);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(message_size_at_and_over_its_limit),
        CASE(messages_under_way_count_at_and_over_the_limit),
        CASE(store_bytes_count_database_wal_and_promises),
        CASE(free_disk_is_kept),
        CASE(share_of_bytes_is_per_tenant),
        CASE(share_of_messages_is_per_tenant),
        CASE(promise_is_replaced_not_added),
        CASE(promise_stays_when_a_larger_one_is_refused),
        CASE(releasing_nothing_is_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
