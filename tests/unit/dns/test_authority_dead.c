// SPDX-License-Identifier: Apache-2.0
// Dead zones are found without their servers and without the resolver's patience.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <limits.h>
#include <string.h>

#include "common/clock.h"
#include "tests/unit/dns/bench.h"
#include "tests/unit/dns/house.h"
#include "tests/unit/dns/world.h"

static struct authority_report *
ask(struct authority *authority, const char *name, int64_t for_ms)
{
    const struct authority_question questions[] = {{name, DNS_TXT}};
    struct authority_report *report = NULL;
    assert_int_equal(authority_ask(authority, questions, 1, BENCH_BUDGET(clock_mono_ms() + for_ms),
                                   &report, NULL),
                     ST_OK);
    return report;
}

static void
a_dead_zone_is_found_long_before_the_resolver_gives_up(void **state)
{
    (void)state;
    enum { PATIENT_MS = 10 * BENCH_LONG_MS };
    AUTO_HOUSE house = open_house(BENCH_TIMEOUT_MS, 0);
    const struct authority_question questions[] = {{"s-15.test", DNS_TXT},
                                                   {"_dmarc.s-15.test", DNS_TXT}};
    struct authority_report *report = NULL;
    int64_t start = clock_mono_ms();
    assert_int_equal(authority_ask(house.authority, questions, 2, BENCH_BUDGET(start + PATIENT_MS),
                                   &report, NULL),
                     ST_OK);
    assert_true(clock_mono_ms() - start < BENCH_SLACK_MS);
    for (size_t i = 0; i < 2; i++) {
        assert_true(report->results[i].zone->is_from_parent);
        assert_int_equal(report->results[i].answers[0].outcome, AUTHORITY_TIMEOUT);
        assert_int_equal(report->results[i].resolver.answer->status, DNS_TEMPORARY);
    }
    assert_false(report->is_port_blocked);
    authority_report_free(report);
}

static void
a_resolver_that_is_only_slow_is_heard_beside_servers_that_live(void **state)
{
    (void)state;
    AUTO_HOUSE house = open_house(BENCH_LONG_MS, 0);
    struct authority_report *report = ask(house.authority, "s-11.test", BENCH_LONG_MS);
    const struct authority_result *result = &report->results[0];
    assert_true(result->zone->is_from_parent);
    bench_assert_text(result->answers[0].answer, "new");
    bench_assert_text(result->resolver.answer, "cached");
    authority_report_free(report);
}

static void
who_runs_the_servers_is_found_without_waiting_for_them(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool is_sound;
        const char *provider;
    } cases[] = {
        {"z-15.test", true, "host.test"},
        {"_dmarc.z-15.test", true, "host.test"},
        {"s-15-11.test", true, "host.test"}, // only the resolver is slow
        {"d-11.test", true, "host.test"},
        {"d-13.test", true, "host.test"}, // it answers, though it refuses
        {"d-15.test", false, "host.test"},
        {"d-99.test", false, "host.test"},
        {"b-15.test", true, "host.test"},
        {"no.such", false, ""},
        {"a..b", false, ""},
    };
    AUTO_HOUSE house = open_house(BENCH_LONG_MS, 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct authority_provider provider;
        authority_find_provider(house.authority, cases[i].name,
                                BENCH_BUDGET(clock_mono_ms() + BENCH_LONG_MS), &provider);
        if (provider.is_sound != cases[i].is_sound ||
            strcmp(provider.name, cases[i].provider) != 0) {
            fail_msg("%s: %d '%s'", cases[i].name, provider.is_sound, provider.name);
        }
    }
    unsigned before = world_resolver_count();
    authority_report_free(ask(house.authority, "d-11.test", BENCH_LONG_MS));
    assert_int_equal(world_resolver_count(), before + 2); // the question alone, and again with CD
}

// A slow server is not dead because a hasty question got no answer.
static void
what_a_hasty_question_did_not_get_makes_no_server_dead(void **state)
{
    (void)state;
    AUTO_HOUSE house = open_house(4 * AUTHORITY_SHORT_TRY_MS, 0);
    struct authority_provider provider;
    for (int i = 0; i <= AUTHORITY_DEAD_AFTER; i++) {
        authority_find_provider(house.authority, "d-15.test",
                                BENCH_BUDGET(clock_mono_ms() + BENCH_LONG_MS), &provider);
        assert_false(provider.is_sound);
    }
    struct authority_report *report = ask(house.authority, "d-15.test", BENCH_LONG_MS);
    assert_true(report->results[0].answers[0].took_ms >= 4 * AUTHORITY_SHORT_TRY_MS);
    authority_report_free(report);
}

// The hasty look before a check must not spoil the check.
static void
a_server_whose_address_was_not_found_in_haste_is_asked_when_there_is_time(void **state)
{
    (void)state;
    AUTO_HOUSE house = open_house(BENCH_TIMEOUT_MS, 0);
    struct authority_provider provider;
    authority_find_provider(house.authority, "z-late.test",
                            BENCH_BUDGET(clock_mono_ms() + BENCH_TIMEOUT_MS), &provider);
    assert_string_equal(provider.name, "host.test");
    struct authority_report *report = ask(house.authority, "z-late.test", BENCH_LONG_MS);
    bench_assert_text(report->results[0].answers[0].answer, "new");
    authority_report_free(report);
}

static void
servers_that_are_known_to_be_dead_are_not_asked_who_runs_them(void **state)
{
    (void)state;
    AUTO_HOUSE house = open_house(BENCH_TIMEOUT_MS, 0);
    for (int i = 0; i < AUTHORITY_DEAD_AFTER; i++) {
        authority_report_free(ask(house.authority, "d-15.test", BENCH_LONG_MS));
    }
    struct authority_provider provider;
    unsigned before = world_count(WORLD_SILENT);
    authority_find_provider(house.authority, "d-15.test",
                            BENCH_BUDGET(clock_mono_ms() + BENCH_LONG_MS), &provider);
    assert_false(provider.is_sound);
    assert_int_equal(world_count(WORLD_SILENT), before);
}

static void
behind_a_blocked_port_a_slow_resolver_gets_its_time(void **state)
{
    (void)state;
    AUTO_HOUSE house = open_house(BENCH_TIMEOUT_MS, 0);
    world_block(true);
    struct authority_report *report = ask(house.authority, "w-11.test", BENCH_LONG_MS);
    world_block(false);
    assert_non_null(report->results[0].zone);
    assert_false(report->results[0].zone->is_from_parent);
    assert_true(report->is_port_blocked);
    bench_assert_text(report->results[0].resolver.answer, "cached");
    authority_report_free(report);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dead_zone_is_found_long_before_the_resolver_gives_up),
        cmocka_unit_test(a_resolver_that_is_only_slow_is_heard_beside_servers_that_live),
        cmocka_unit_test(who_runs_the_servers_is_found_without_waiting_for_them),
        cmocka_unit_test(what_a_hasty_question_did_not_get_makes_no_server_dead),
        cmocka_unit_test(a_server_whose_address_was_not_found_in_haste_is_asked_when_there_is_time),
        cmocka_unit_test(servers_that_are_known_to_be_dead_are_not_asked_who_runs_them),
        cmocka_unit_test(behind_a_blocked_port_a_slow_resolver_gets_its_time),
    };
    return cmocka_run_group_tests(tests, world_start, world_stop);
}
