// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/clock.h"
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

// One message to `recipients`: the reply's code, 0 when it was reserved.
static uint64_t
reserve_for(const struct config_limits *settings, const char *tenant, uint64_t bytes,
            uint64_t recipients, struct reservation *reservation)
{
    const struct limits_request request = {
        .tenant = tenant, .bytes = bytes, .recipients = recipients};
    const struct smtp_reply *reply = limits_reserve(limits, settings, &request, reservation);
    return reply == NULL ? 0 : reply->code;
}

static uint64_t
reserve(const struct config_limits *settings, const char *tenant, uint64_t bytes,
        struct reservation *reservation)
{
    return reserve_for(settings, tenant, bytes, 1, reservation);
}

static void
expect_refusal(const struct config_limits *settings, const char *tenant, uint64_t bytes,
               uint64_t code, const char *enhanced)
{
    struct reservation reservation = {.held = false};
    const struct limits_request request = {.tenant = tenant, .bytes = bytes, .recipients = 1};
    const struct smtp_reply *reply = limits_reserve(limits, settings, &request, &reservation);
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

/* ---- tenants' own limits --------------------------------------------------------------------- */

static char ACME[] = "acme";
static char TINY[] = "tiny";
static char FREE[] = "free";

static struct config_tenant OWN[] = {
    {.name = ACME, .percent = 50},
    {.name = TINY, .store_bytes = 4000, .store_messages = 2},
};

static void
a_tenants_own_share_or_room_stands_in_the_place_of_the_common_share(void **state)
{
    (void)state;
    struct config_limits settings = WIDE;
    settings.store_bytes = 100000000;
    settings.message_bytes = settings.store_bytes;
    settings.tenant_percent = 20;
    settings.tenants = OWN;
    settings.tenant_count = ARRAY_LEN(OWN);
    expect_room(&settings, "acme", 50000000);
    expect_refusal(&settings, "acme", 50000001, 452, "4.2.2");
    expect_room(&settings, "tiny", 4000);
    expect_refusal(&settings, "tiny", 4001, 452, "4.2.2");
    struct reservation held[2] = {{.held = false}, {.held = false}};
    assert_int_equal(reserve(&settings, "tiny", 1, &held[0]), 0);
    assert_int_equal(reserve(&settings, "tiny", 1, &held[1]), 0);
    expect_refusal(&settings, "tiny", 1, 452, "4.2.2");
    limits_release(limits, &held[0]);
    limits_release(limits, &held[1]);
    expect_room(&settings, "zenith", 20000000);
    expect_refusal(&settings, "zenith", 20000001, 452, "4.2.2");
}

/* ---- rate ------------------------------------------------------------------------------------ */

// The test's clock stands at the beginning of a minute.
enum { WALL_MS = 1700000000, MONO_MS = 1000 * 60 * 1000 };

static void
set_clock(int64_t passed_ms)
{
    clock_fake_set(WALL_MS + passed_ms, MONO_MS + passed_ms);
}

static int
teardown_clock(void **state)
{
    clock_fake_off();
    return teardown(state);
}

// Store one message to so many recipients.
static uint64_t
take(const struct config_limits *settings, const char *tenant, uint64_t recipients)
{
    struct reservation reservation = {.held = false};
    uint64_t code = reserve_for(settings, tenant, 1, recipients, &reservation);
    limits_keep(&reservation);
    limits_release(limits, &reservation);
    return code;
}

static void
messages_of_a_minute_at_and_over_their_limit(void **state)
{
    (void)state;
    struct config_limits settings = WIDE;
    settings.tenant_messages_per_minute = 4;
    set_clock(0);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(take(&settings, "acme", 10), 0);
    }
    expect_refusal(&settings, "acme", 1, 450, "4.2.1");
    expect_room(&settings, "zenith", 1);
    set_clock(59999);
    expect_refusal(&settings, "acme", 1, 450, "4.2.1");
    set_clock(60000);
    expect_refusal(&settings, "acme", 1, 450, "4.2.1"); // those of second 0 are 60 s old
    set_clock(60000 + 15000);                           // a quarter of them counts no more
    assert_int_equal(take(&settings, "acme", 1), 0);
    expect_refusal(&settings, "acme", 1, 450, "4.2.1");
    set_clock(3 * 60000);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(take(&settings, "acme", 1), 0);
    }
    expect_refusal(&settings, "acme", 1, 450, "4.2.1");
}

static void
recipients_of_a_minute_at_and_over_their_limit(void **state)
{
    (void)state;
    struct config_limits settings = WIDE;
    settings.tenant_recipients_per_minute = 10;
    set_clock(0);
    assert_int_equal(take(&settings, "acme", 7), 0);
    struct reservation held = {.held = false};
    assert_int_equal(reserve_for(&settings, "acme", 1, 4, &held), 450);
    assert_false(held.held);
    assert_int_equal(reserve_for(&settings, "acme", 1, 3, &held), 0);
    assert_int_equal(reserve_for(&settings, "acme", 1, 4, &held), 450);
    assert_int_equal(held.recipients, 3); // the promise stays
    expect_refusal(&settings, "acme", 1, 450, "4.2.1");
    limits_release(limits, &held); // RSET: nothing came in
    assert_int_equal(take(&settings, "acme", 3), 0);
}

static void
a_tenants_own_rate_wins_and_0_lifts_it(void **state)
{
    (void)state;
    static struct config_tenant own[] = {
        {.name = ACME, .sets_messages_per_minute = true, .messages_per_minute = 2},
        {.name = FREE, .sets_messages_per_minute = true, .sets_recipients_per_minute = true},
    };
    struct config_limits settings = WIDE;
    settings.tenant_messages_per_minute = 1;
    settings.tenant_recipients_per_minute = 5;
    settings.tenants = own;
    settings.tenant_count = ARRAY_LEN(own);
    set_clock(0);
    assert_int_equal(take(&settings, "acme", 1), 0);
    assert_int_equal(take(&settings, "acme", 1), 0);
    assert_int_equal(take(&settings, "acme", 1), 450);
    assert_int_equal(take(&settings, "zenith", 6), 450);
    assert_int_equal(take(&settings, "zenith", 5), 0);
    assert_int_equal(take(&settings, "zenith", 1), 450);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(take(&settings, "free", 100), 0);
    }
}

static void
what_is_given_back_in_a_later_minute_takes_nothing_from_others(void **state)
{
    (void)state;
    struct config_limits settings = WIDE;
    settings.tenant_messages_per_minute = 2;
    struct reservation slow = {.held = false};
    set_clock(0);
    assert_int_equal(reserve(&settings, "acme", 1, &slow), 0);
    set_clock(2 * 60000);
    assert_int_equal(take(&settings, "acme", 1), 0);
    limits_release(limits, &slow);
    assert_int_equal(take(&settings, "acme", 1), 0);
    expect_refusal(&settings, "acme", 1, 450, "4.2.1");
}

static void
a_tenant_at_a_glance(void **state)
{
    (void)state;
    struct config_limits settings = WIDE;
    settings.tenant_messages_per_minute = 2;
    struct limits_tenant seen;
    set_clock(0);
    limits_of_tenant(limits, "acme", &seen);
    assert_int_equal(seen.messages_in_last_minute, 0);
    assert_int_equal(take(&settings, "acme", 3), 0);
    assert_int_equal(take(&settings, "acme", 4), 0);
    assert_int_equal(take(&settings, "acme", 1), 450);
    settings.store_messages = 0;
    assert_int_equal(take(&settings, "acme", 1), 452);
    assert_int_equal(take(&settings, "acme", 0), 452); // evidence: no mail was refused
    limits_of_tenant(limits, "acme", &seen);
    assert_int_equal(seen.messages_in_last_minute, 2);
    assert_int_equal(seen.recipients_in_last_minute, 7);
    assert_int_equal(seen.refused_for_rate, 1);
    assert_int_equal(seen.refused_for_room, 1);
    set_clock(60000 + 30000);
    limits_of_tenant(limits, "acme", &seen);
    assert_int_equal(seen.messages_in_last_minute, 1);
    assert_int_equal(seen.recipients_in_last_minute, 4); // 3.5, rounded up
}

static void
releasing_nothing_is_allowed(void **state)
{
    (void)state;
    struct reservation none = {.held = false};
    limits_release(limits, &none);
    expect_room(&WIDE, "acme", 1);
}

#define CLOCK_CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown_clock)
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
        CASE(a_tenants_own_share_or_room_stands_in_the_place_of_the_common_share),
        CLOCK_CASE(messages_of_a_minute_at_and_over_their_limit),
        CLOCK_CASE(recipients_of_a_minute_at_and_over_their_limit),
        CLOCK_CASE(a_tenants_own_rate_wins_and_0_lifts_it),
        CLOCK_CASE(what_is_given_back_in_a_later_minute_takes_nothing_from_others),
        CLOCK_CASE(a_tenant_at_a_glance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
