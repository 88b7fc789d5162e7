// SPDX-License-Identifier: Apache-2.0
// A reload that changes where, or how, a destination is asked: what waits for the endpoint as it
// was goes to the new one at once.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "endpoint.h"
#include "house.h"

static const struct endpoint_reply GOOD = {.status = 200};

static void
await_attempt(struct house *house, const struct id *id)
{
    while (house_attempt(house, id).count == 0) {
        (void)usleep(5000);
    }
}

static void
what_waits_is_tried_at_once_where_a_reload_points_to(void **state)
{
    struct house *house = *state;
    static const struct {
        const char *label;
        struct endpoint_reply reply;
        enum delivery_state waits;
    } cases[] = {
        {"later", {.status = 500}, DELIVERY_QUEUED},
        {"Retry-After", {.status = 503, .headers = "Retry-After: 3600\r\n"}, DELIVERY_QUEUED},
        {"unknown", {.status = 0}, DELIVERY_UNKNOWN},
        {"gone", {.status = 410}, DELIVERY_BLOCKED},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct endpoint *was = endpoint_open(&HOUSE_SECRET, &cases[i].reply, 1);
        struct endpoint *is = endpoint_open(&HOUSE_SECRET, &GOOD, 1);
        house_begin(house, endpoint_port(was), LOCAL LATE);
        struct id id = house_submit(house, 1000);
        house_await(house, &id, cases[i].waits);
        await_attempt(house, &id);
        house_configure(house, endpoint_port(was), LOCAL LATE "    concurrency: 2\n");
        assert_int_equal(house_delivery(house, &id).state, cases[i].waits); // asked as before
        house_configure(house, endpoint_port(is), LOCAL LATE);
        house_await(house, &id, DELIVERY_DONE);
        if (endpoint_count(was) != 1 || endpoint_count(is) != 1) {
            fail_msg("%s: asked %zu and %zu times", cases[i].label, endpoint_count(was),
                     endpoint_count(is));
        }
        house_stop(house, 1000);
        endpoint_close(was);
        endpoint_close(is);
    }
}

static void
a_new_secret_or_authorization_is_tried_at_once(void **state)
{
    struct house *house = *state;
    static const struct {
        const char *secret; /* NULL: as it was */
        const char *extra;
    } cases[] = {
        {"whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n", LOCAL LATE},
        {NULL, LOCAL LATE "    authorization_file: authorization\n"},
        {NULL, LOCAL LATE "    format: raw\n"},
        {NULL, LOCAL LATE "    timeout: 59s\n"},
    };
    folder_write(&house->folder, "authorization", "Bearer x\n");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct endpoint_reply replies[] = {{.status = 401}, GOOD};
        struct endpoint *endpoint = endpoint_open(&HOUSE_SECRET, replies, ARRAY_LEN(replies));
        house_begin(house, endpoint_port(endpoint), LOCAL LATE);
        struct id id = house_submit(house, 1000);
        await_attempt(house, &id);
        if (cases[i].secret != NULL) {
            folder_write(&house->folder, "secret", cases[i].secret);
        }
        house_configure(house, endpoint_port(endpoint), cases[i].extra);
        house_await(house, &id, DELIVERY_DONE);
        house_stop(house, 1000);
        endpoint_close(endpoint);
    }
}

static void
a_paused_destination_is_tried_at_once_when_it_changes(void **state)
{
    struct house *house = *state;
    const struct endpoint_reply bad = {.status = 502};
    struct endpoint *was = endpoint_open(&HOUSE_SECRET, &bad, 1);
    struct endpoint *is = endpoint_open(&HOUSE_SECRET, &GOOD, 1);
    house_configure(house, endpoint_port(was), LOCAL LATE);
    struct id ids[8];
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        ids[i] = house_submit(house, 1000);
    }
    house_start(house);
    while (house_status(house).paused_until_ms < clock_wall_ms()) {
        (void)usleep(5000);
    }
    house_configure(house, endpoint_port(is), LOCAL LATE);
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        house_await(house, &ids[i], DELIVERY_DONE);
    }
    house_stop(house, 1000);
    endpoint_close(was);
    endpoint_close(is);
}

// Its answer says nothing of the endpoint that is configured now.
static void
a_request_under_way_while_it_changes_is_repeated_at_once(void **state)
{
    struct house *house = *state;
    static const struct endpoint_reply cases[] = {
        {.status = 500, .wait = true},
        {.status = 503, .headers = "Retry-After: 3600\r\n", .wait = true},
        {.status = 410, .wait = true},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct endpoint *was = endpoint_open(&HOUSE_SECRET, &cases[i], 1);
        struct endpoint *is = endpoint_open(&HOUSE_SECRET, &GOOD, 1);
        house_begin(house, endpoint_port(was), LOCAL LATE);
        struct id id = house_submit(house, 1000);
        endpoint_await(was, 1);
        house_configure(house, endpoint_port(is), LOCAL LATE "    concurrency: 2\n");
        struct id other = house_submit(house, 1000); // is sent behind the reload
        house_await(house, &other, DELIVERY_DONE);
        endpoint_release(was);
        house_await(house, &id, DELIVERY_DONE);
        house_stop(house, 1000);
        endpoint_close(was);
        endpoint_close(is);
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, house_setup, house_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_waits_is_tried_at_once_where_a_reload_points_to),
        CASE(a_new_secret_or_authorization_is_tried_at_once),
        CASE(a_paused_destination_is_tried_at_once_when_it_changes),
        CASE(a_request_under_way_while_it_changes_is_repeated_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
