// SPDX-License-Identifier: Apache-2.0
// Domains' changes of state, told to a real endpoint that misbehaves.
#include "router/delivery/announcer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/strbuf.h"
#include "endpoint.h"
#include "house.h"
#include "router/delivery/announcement.h"

#define DESTINATION                                                                                \
    "    allow_private: [127.0.0.0/8]\n    retry: {first: 100ms, most: 100ms, for: 1h}\n"          \
    "    connect_timeout: 300ms\n    timeout: 300ms\n"
#define TOLD_LATE LOCAL LATE "verification:\n  events: psa\n"
#define TOLD DESTINATION "verification:\n  events: psa\n"

enum { AWAIT_TRIES = 2000, AWAIT_US = 10000 };

static const struct endpoint_reply GOOD = {.status = 200};

static struct announcer *
open_announcer(struct house *house)
{
    struct announcer *announcer = NULL;
    assert_int_equal(announcer_open(house->store, house->holder, &announcer, NULL), ST_OK);
    return announcer;
}

static void
open_store(struct house *house)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/store.db", house->folder.path);
    const struct store_settings settings = {.path = path};
    assert_int_equal(store_open(&settings, &house->store, NULL), ST_OK);
}

// A domain whose status changes as told; the events in their order.
static void
change(struct house *house, struct store_domain *domain, enum domain_status status,
       const char *kind)
{
    const struct store_event event = {
        .kind = kind, .detail = "a \"detail\"", .findings = "missing stale_cache"};
    if (domain->version == 0) {
        *domain = (struct store_domain){
            .id = id_new(), .tenant = "acme", .profile = "local", .token = "t"};
        (void)snprintf(domain->name, sizeof(domain->name), "yourmsp.example");
    }
    domain->status = status;
    assert_int_equal(store_domain_put(house->store, domain, domain->version, &event, NULL), ST_OK);
}

static uint64_t
told(struct house *house)
{
    uint64_t number = 0;
    assert_int_equal(store_told_get(house->store, &number, NULL), ST_OK);
    return number;
}

static void
await_told(struct house *house, uint64_t number)
{
    for (int i = 0; i < AWAIT_TRIES && told(house) < number; i++) {
        (void)usleep(AWAIT_US); // the store tells nobody that it was written
    }
    assert_int_equal(told(house), number);
}

/* ---- what is told ---------------------------------------------------------------------------- */

static void
the_payload_is_as_documented(void **state)
{
    (void)state;
    struct store_event_row event = {.at = 1700000000000,
                                    .tenant = "acme",
                                    .domain = "yourmsp.example",
                                    .domain_id = {"d1"},
                                    .kind = "domain.at_risk",
                                    .detail = "say \"x\"",
                                    .status = "at_risk",
                                    .previous = "verified",
                                    .findings = "missing stale_cache"};
    AUTO_STRBUF out = STRBUF_INIT(ANNOUNCEMENT_MAX);
    announcement_write(&event, &out);
    assert_string_equal(strbuf_text(&out),
                        "{\"type\":\"domain.at_risk\",\"timestamp\":\"2023-11-14T22:13:20.000Z\","
                        "\"data\":{\"id\":\"d1\",\"domain\":\"yourmsp.example\",\"tenant\":\"acme\""
                        ",\"status\":\"at_risk\",\"previous\":\"verified\","
                        "\"detail\":\"say \\\"x\\\"\","
                        "\"findings\":[\"missing\",\"stale_cache\"]}}");
    AUTO_STRBUF large = STRBUF_INIT(ANNOUNCEMENT_MAX);
    memset(event.detail, 1, sizeof(event.detail) - 1);
    memset(event.findings, 1, sizeof(event.findings) - 1);
    memset(event.domain, 1, sizeof(event.domain) - 1);
    memset(event.tenant, 1, sizeof(event.tenant) - 1);
    announcement_write(&event, &large);
    assert_false(large.overflow);
}

static void
changes_of_state_are_told_signed_in_order_and_once(void **state)
{
    struct house *house = *state;
    struct endpoint *endpoint = endpoint_open(&HOUSE_SECRET, &GOOD, 1);
    house_configure(house, endpoint_port(endpoint), TOLD);
    struct announcer *announcer = open_announcer(house);
    struct store_domain domain = {.version = 0};
    change(house, &domain, DOMAIN_PENDING, "domain.added"); // no change of state
    change(house, &domain, DOMAIN_VERIFIED, "domain.verified");
    change(house, &domain, DOMAIN_AT_RISK, "domain.at_risk");
    change(house, &domain, DOMAIN_AT_RISK, "domain.inbound_held");
    announcer_kick(announcer);
    endpoint_await(endpoint, 2);
    await_told(house, 3);
    announcer_close(announcer);
    announcer = open_announcer(house); // after a restart nothing comes again
    change(house, &domain, DOMAIN_VERIFIED, "domain.restored");
    announcer_kick(announcer);
    endpoint_await(endpoint, 3);
    await_told(house, 5);
    announcer_close(announcer);
    static const char *const kinds[] = {"domain.verified", "domain.at_risk", "domain.restored"};
    assert_int_equal(endpoint_count(endpoint), ARRAY_LEN(kinds));
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        const struct endpoint_seen *seen = endpoint_seen(endpoint, i);
        assert_non_null(strstr(seen->start, kinds[i]));
        assert_true(seen->signature_good);
        assert_true(id_is_valid(seen->id));
        assert_string_equal(seen->id, seen->key);
        assert_string_equal(seen->content_type, "application/json");
    }
    assert_non_null(strstr(endpoint_seen(endpoint, 1)->start, "\"previous\":\"verified\""));
    endpoint_close(endpoint);
}

/* ---- what goes wrong ------------------------------------------------------------------------- */

static void
an_event_is_repeated_with_its_id_until_it_is_taken(void **state)
{
    static const struct endpoint_reply replies[] = {
        {.status = 500}, {.status = 0}, {.status = 410}, {.status = 302}, {.status = 200}};
    struct house *house = *state;
    struct endpoint *endpoint = endpoint_open(&HOUSE_SECRET, replies, ARRAY_LEN(replies));
    house_configure(house, endpoint_port(endpoint), TOLD);
    struct store_domain domain = {.version = 0};
    change(house, &domain, DOMAIN_VERIFIED, "domain.verified");
    change(house, &domain, DOMAIN_REMOVED, "domain.removed");
    struct announcer *announcer = open_announcer(house);
    await_told(house, 2);
    announcer_close(announcer);
    assert_int_equal(endpoint_count(endpoint), ARRAY_LEN(replies) + 1);
    for (size_t i = 1; i < ARRAY_LEN(replies); i++) {
        assert_string_equal(endpoint_seen(endpoint, i)->id, endpoint_seen(endpoint, 0)->id);
    }
    assert_string_not_equal(endpoint_seen(endpoint, ARRAY_LEN(replies))->id,
                            endpoint_seen(endpoint, 0)->id);
    endpoint_close(endpoint);
}

static void
what_is_refused_for_good_or_too_old_is_dropped(void **state)
{
    static const struct endpoint_reply replies[] = {{.status = 422}, {.status = 200}};
    struct house *house = *state;
    struct endpoint *endpoint = endpoint_open(&HOUSE_SECRET, replies, ARRAY_LEN(replies));
    house_configure(house, endpoint_port(endpoint), TOLD);
    struct store_domain domain = {.version = 0};
    int64_t long_ago = clock_wall_ms() - ANNOUNCER_KEEP_MS - 1000;
    store_close(house->store); // its thread asks the clock too
    clock_fake_set(long_ago, clock_mono_ms());
    open_store(house);
    change(house, &domain, DOMAIN_VERIFIED, "domain.verified"); // too old
    store_close(house->store);
    clock_fake_off();
    open_store(house);
    change(house, &domain, DOMAIN_AT_RISK, "domain.at_risk"); // refused
    change(house, &domain, DOMAIN_VERIFIED, "domain.restored");
    struct announcer *announcer = open_announcer(house);
    await_told(house, 3);
    announcer_close(announcer);
    assert_int_equal(endpoint_count(endpoint), 2);
    assert_non_null(strstr(endpoint_seen(endpoint, 0)->start, "domain.at_risk"));
    assert_non_null(strstr(endpoint_seen(endpoint, 1)->start, "domain.restored"));
    endpoint_close(endpoint);
}

static void
nothing_is_told_where_no_destination_is_named(void **state)
{
    struct house *house = *state;
    struct endpoint *endpoint = endpoint_open(&HOUSE_SECRET, &GOOD, 1);
    house_configure(house, endpoint_port(endpoint), DESTINATION);
    struct store_domain domain = {.version = 0};
    change(house, &domain, DOMAIN_VERIFIED, "domain.verified");
    struct announcer *announcer = open_announcer(house);
    announcer_kick(announcer);
    house_configure(house, endpoint_port(endpoint), TOLD); // from now on
    announcer_kick(announcer);
    endpoint_await(endpoint, 1);
    await_told(house, 1);
    announcer_close(announcer);
    endpoint_close(endpoint);
}

static void
an_endpoint_that_a_reload_names_is_told_at_once(void **state)
{
    struct house *house = *state;
    static const struct endpoint_reply cases[] = {{.status = 500}, {.status = 500, .wait = true}};
    struct store_domain domain = {.version = 0};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct endpoint *was = endpoint_open(&HOUSE_SECRET, &cases[i], 1);
        struct endpoint *is = endpoint_open(&HOUSE_SECRET, &GOOD, 1);
        house_configure(house, endpoint_port(was), TOLD_LATE);
        change(house, &domain, i == 0 ? DOMAIN_VERIFIED : DOMAIN_AT_RISK, "domain.verified");
        struct announcer *announcer = open_announcer(house);
        endpoint_await(was, 1);
        announcer_kick(announcer); // nothing has changed
        house_configure(house, endpoint_port(is), TOLD_LATE);
        announcer_kick(announcer);
        endpoint_release(was);
        await_told(house, i + 1);
        announcer_close(announcer);
        assert_int_equal(endpoint_count(was), 1);
        assert_int_equal(endpoint_count(is), 1);
        endpoint_close(was);
        endpoint_close(is);
    }
}

static void
a_dead_endpoint_keeps_no_mail_waiting(void **state)
{
    static const struct endpoint_reply hangs = {.status = 200, .wait = true};
    struct house *house = *state;
    struct endpoint *good = endpoint_open(&HOUSE_SECRET, &GOOD, 1);
    struct endpoint *dead = endpoint_open(&HOUSE_SECRET, &hangs, 1);
    char extra[512];
    (void)snprintf(extra, sizeof(extra),
                   DESTINATION "  other:\n    kind: crm\n    url: http://127.0.0.1:%u/\n"
                               "    allow_http: on\n    allow_private: [127.0.0.0/8]\n"
                               "    timeout: 60s\nverification:\n  events: other\n",
                   endpoint_port(dead));
    house_configure(house, endpoint_port(good), extra);
    house_start(house);
    struct store_domain domain = {.version = 0};
    change(house, &domain, DOMAIN_VERIFIED, "domain.verified");
    struct announcer *announcer = open_announcer(house);
    endpoint_await(dead, 1);
    struct id id = house_submit(house, 4096);
    house_await(house, &id, DELIVERY_DONE);
    int64_t before = clock_mono_ms();
    announcer_close(announcer); // breaks off
    assert_true(clock_mono_ms() - before < 10000);
    assert_int_equal(told(house), 0); // and it will be told again
    house_stop(house, 1000);
    endpoint_release(dead);
    endpoint_close(dead);
    endpoint_close(good);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_payload_is_as_documented),
        cmocka_unit_test_setup_teardown(changes_of_state_are_told_signed_in_order_and_once,
                                        house_setup, house_teardown),
        cmocka_unit_test_setup_teardown(an_event_is_repeated_with_its_id_until_it_is_taken,
                                        house_setup, house_teardown),
        cmocka_unit_test_setup_teardown(what_is_refused_for_good_or_too_old_is_dropped, house_setup,
                                        house_teardown),
        cmocka_unit_test_setup_teardown(nothing_is_told_where_no_destination_is_named, house_setup,
                                        house_teardown),
        cmocka_unit_test_setup_teardown(an_endpoint_that_a_reload_names_is_told_at_once,
                                        house_setup, house_teardown),
        cmocka_unit_test_setup_teardown(a_dead_endpoint_keeps_no_mail_waiting, house_setup,
                                        house_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
