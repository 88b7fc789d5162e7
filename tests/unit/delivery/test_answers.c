// SPDX-License-Identifier: Apache-2.0
// What the dispatcher makes of what comes back from an endpoint: answers, cuts, silence.
#include "router/delivery/dispatcher.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "endpoint.h"
#include "house.h"

#define IMPATIENT "    connect_timeout: 300ms\n    timeout: 300ms\n"

enum { KILOBYTE = 1024, MEGABYTE = 1024 * KILOBYTE };

static const struct endpoint_reply GOOD = {.status = 200};

static void
a_500_is_repeated_with_the_same_id_and_bytes(void **state)
{
    struct house *house = *state;
    const struct endpoint_reply replies[] = {{.status = 500, .body = "broken\nhere"}, GOOD};
    struct endpoint *endpoint = endpoint_open(&HOUSE_SECRET, replies, 2);
    house_begin(house, endpoint_port(endpoint), LOCAL SOON);
    struct id id = house_submit(house, 4096);
    house_await(house, &id, DELIVERY_DONE);
    assert_int_equal(endpoint_count(endpoint), 2);
    const struct endpoint_seen *first = endpoint_seen(endpoint, 0);
    const struct endpoint_seen *second = endpoint_seen(endpoint, 1);
    assert_string_equal(first->id, second->id);
    assert_memory_equal(first->sha256, second->sha256, sizeof(first->sha256));
    assert_true(first->signature_good && second->signature_good);
    assert_int_equal(house_delivery(house, &id).attempts, 2);
    assert_int_equal(house_status(house).failed, 1);
    house_stop(house, 1000);
    endpoint_close(endpoint);
}

static void
a_429_with_retry_after_pauses_the_destination(void **state)
{
    struct house *house = *state;
    const struct endpoint_reply replies[] = {{.status = 429, .headers = "Retry-After: 1\r\n"},
                                             GOOD};
    struct endpoint *endpoint = endpoint_open(&HOUSE_SECRET, replies, 2);
    house_begin(house, endpoint_port(endpoint), LOCAL SOON "    concurrency: 1\n");
    int64_t begin = clock_mono_ms();
    struct id first = house_submit(house, 1000);
    struct id second = house_submit(house, 1000);
    house_await(house, &first, DELIVERY_DONE);
    house_await(house, &second, DELIVERY_DONE);
    assert_true(clock_mono_ms() - begin >= 1000);
    assert_int_equal(house_delivery(house, &second).attempts, 1); // waiting was no attempt
    assert_int_equal(endpoint_count(endpoint), 3);
    house_stop(house, 1000);
    endpoint_close(endpoint);
}

static void
a_retry_after_of_years_is_cut_to_an_hour(void **state)
{
    static const char *const HEADERS[] = {"Retry-After: 99999999\r\n",
                                          "Retry-After: Fri, 01 Jan 2100 00:00:00 GMT\r\n"};
    struct house *house = *state;
    const struct endpoint_reply replies[] = {{.status = 503, .headers = HEADERS[0]},
                                             {.status = 503, .headers = HEADERS[1]}};
    struct endpoint *endpoint = endpoint_open(&HOUSE_SECRET, replies, 2);
    for (size_t i = 0; i < ARRAY_LEN(HEADERS); i++) {
        house_begin(house, endpoint_port(endpoint), LOCAL SOON);
        struct id id = house_submit(house, 1000);
        endpoint_await(endpoint, i + 1);
        house_await(house, &id, DELIVERY_QUEUED);
        house_stop(house, 10000); // the outcome is stored when this returns
        int64_t wait = house_delivery(house, &id).due_at - clock_wall_ms();
        assert_in_range(wait, 3590 * 1000, 3600 * 1000);
    }
    endpoint_close(endpoint);
}

static void
a_slow_endpoint_leaves_the_outcome_unknown(void **state)
{
    struct house *house = *state;
    const struct endpoint_reply replies[] = {{.status = 200, .wait = true}, GOOD};
    struct endpoint *endpoint = endpoint_open(&HOUSE_SECRET, replies, 2);
    house_begin(house, endpoint_port(endpoint),
                LOCAL IMPATIENT "    retry: {first: 1s, most: 1s, for: 1h}\n");
    struct id id = house_submit(house, 1000);
    house_await(house, &id, DELIVERY_UNKNOWN);
    assert_string_equal(house_attempt(house, &id).outcome, "unknown");
    assert_int_equal(house_status(house).unknown, 1);
    house_await(house, &id, DELIVERY_DONE);
    assert_string_equal(endpoint_seen(endpoint, 0)->id, endpoint_seen(endpoint, 1)->id);
    house_stop(house, 1000);
    endpoint_close(endpoint);
}

static void
a_connection_cut_after_the_request_leaves_the_outcome_unknown(void **state)
{
    struct house *house = *state;
    const struct endpoint_reply replies[] = {{.status = 0}, GOOD};
    struct endpoint *endpoint = endpoint_open(&HOUSE_SECRET, replies, 2);
    house_begin(house, endpoint_port(endpoint),
                LOCAL "    retry: {first: 1s, most: 1s, for: 1h}\n");
    struct id id = house_submit(house, 1000);
    house_await(house, &id, DELIVERY_UNKNOWN);
    house_await(house, &id, DELIVERY_DONE);
    assert_int_equal(endpoint_count(endpoint), 2);
    assert_string_equal(endpoint_seen(endpoint, 0)->id, endpoint_seen(endpoint, 1)->id);
    house_stop(house, 1000);
    endpoint_close(endpoint);
}

// libcurl repeats by itself what was sent on a kept connection that ended without an answer; but
// the endpoint may have acted on it, so it is an attempt of its own.
static void
a_kept_connection_cut_after_the_request_leaves_the_outcome_unknown(void **state)
{
    static const size_t SIZES[] = {1000, 2 * MEGABYTE}; // from memory, streamed
    struct house *house = *state;
    for (size_t i = 0; i < ARRAY_LEN(SIZES); i++) {
        const struct endpoint_reply replies[] = {GOOD, {.status = 0}, GOOD};
        struct endpoint *endpoint = endpoint_open(&HOUSE_SECRET, replies, 3);
        house_begin(house, endpoint_port(endpoint), LOCAL SOON);
        struct id first = house_submit(house, 1000);
        house_await(house, &first, DELIVERY_DONE);
        struct id cut = house_submit(house, SIZES[i]);
        house_await(house, &cut, DELIVERY_DONE);
        assert_int_equal(endpoint_count(endpoint), 3);
        assert_int_equal(house_status(house).unknown, 1);
        assert_int_equal(house_attempt(house, &cut).count, 2);
        assert_string_equal(endpoint_seen(endpoint, 1)->id, endpoint_seen(endpoint, 2)->id);
        house_stop(house, 1000);
        endpoint_close(endpoint);
    }
}

// Nothing of the request was read: a fresh connection costs no attempt.
static void
a_kept_connection_that_ended_meanwhile_is_replaced_unseen(void **state)
{
    struct house *house = *state;
    const struct endpoint_reply replies[] = {{.status = 200, .hang_up = true}, GOOD};
    struct endpoint *endpoint = endpoint_open(&HOUSE_SECRET, replies, 2);
    house_begin(house, endpoint_port(endpoint), LOCAL SOON);
    for (size_t i = 0; i < 2; i++) {
        struct id id = house_submit(house, 1000);
        house_await(house, &id, DELIVERY_DONE);
        assert_int_equal(house_attempt(house, &id).count, 1);
        assert_string_equal(house_attempt(house, &id).outcome, "done");
    }
    assert_int_equal(house_status(house).unknown, 0);
    house_stop(house, 1000);
    endpoint_close(endpoint);
}

static void
a_connection_cut_inside_the_request_is_a_plain_failure(void **state)
{
    struct house *house = *state;
    const struct endpoint_reply replies[] = {{.cut_early = true}, GOOD};
    struct endpoint *endpoint = endpoint_open(&HOUSE_SECRET, replies, 2);
    house_begin(house, endpoint_port(endpoint), LOCAL SOON);
    struct id id = house_submit(house, 20 * MEGABYTE); // more than the sockets' buffers hold
    house_await(house, &id, DELIVERY_DONE);
    assert_int_equal(house_status(house).failed, 1);
    assert_int_equal(house_status(house).unknown, 0);
    house_stop(house, 1000);
    endpoint_close(endpoint);
}

static void
a_410_blocks_all_that_waits_for_the_destination(void **state)
{
    struct house *house = *state;
    const struct endpoint_reply replies[] = {{.status = 410}};
    struct endpoint *endpoint = endpoint_open(&HOUSE_SECRET, replies, 1);
    house_configure(house, endpoint_port(endpoint), LOCAL SOON "    concurrency: 1\n");
    struct id ids[] = {house_submit(house, 1000), house_submit(house, 1000),
                       house_submit(house, 1000)};
    house_start(house);
    uint64_t attempts = 0;
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        house_await(house, &ids[i], DELIVERY_BLOCKED);
        struct house_delivery delivery = house_delivery(house, &ids[i]);
        assert_string_equal(delivery.reason, "endpoint answered 410");
        attempts += delivery.attempts;
    }
    assert_int_equal(attempts, 1);
    house_stop(house, 1000);
    endpoint_close(endpoint);
}

static void
a_422_is_a_dead_letter_with_what_the_endpoint_said(void **state)
{
    struct house *house = *state;
    const struct endpoint_reply replies[] = {{.status = 422, .body = "no\r\nsuch \xc3\xa9 client"}};
    struct endpoint *endpoint = endpoint_open(&HOUSE_SECRET, replies, 1);
    house_begin(house, endpoint_port(endpoint), LOCAL SOON);
    struct id id = house_submit(house, 1000);
    house_await(house, &id, DELIVERY_DEAD);
    assert_string_equal(house_delivery(house, &id).reason, "endpoint answered 422");
    assert_string_equal(house_attempt(house, &id).detail, "no  such ?? client");
    assert_int_equal(house_status(house).dead, 1);
    house_stop(house, 1000);
    endpoint_close(endpoint);
}

static void
a_redirect_is_not_followed_but_told(void **state)
{
    struct house *house = *state;
    const struct endpoint_reply replies[] = {
        {.status = 308, .headers = "Location: http://127.0.0.1:1/new\r\n"}};
    struct endpoint *endpoint = endpoint_open(&HOUSE_SECRET, replies, 1);
    house_begin(house, endpoint_port(endpoint), LOCAL LATE);
    struct id id = house_submit(house, 1000);
    endpoint_await(endpoint, 1);
    house_stop(house, 10000);
    assert_string_equal(house_attempt(house, &id).outcome, "retry");
    assert_non_null(strstr(house_attempt(house, &id).detail, "http://127.0.0.1:1/new"));
    endpoint_close(endpoint);
}

static void
an_endless_answer_is_cut_and_its_status_counts(void **state)
{
    struct house *house = *state;
    size_t length = 200 * KILOBYTE;
    char *body = malloc(length + 1);
    assert_non_null(body);
    memset(body, 'x', length);
    body[length] = '\0';
    const struct endpoint_reply replies[] = {{.status = 200, .body = body}};
    struct endpoint *endpoint = endpoint_open(&HOUSE_SECRET, replies, 1);
    house_begin(house, endpoint_port(endpoint), LOCAL LATE);
    struct id id = house_submit(house, 1000);
    house_await(house, &id, DELIVERY_DONE);
    house_stop(house, 1000);
    endpoint_close(endpoint);
    free(body);
}

static void
a_delivery_older_than_its_limit_is_dead(void **state)
{
    struct house *house = *state;
    const struct endpoint_reply replies[] = {{.status = 500, .body = "still broken"}};
    struct endpoint *endpoint = endpoint_open(&HOUSE_SECRET, replies, 1);
    house_begin(house, endpoint_port(endpoint),
                LOCAL "    retry: {first: 400ms, most: 400ms, for: 1s}\n");
    struct id id = house_submit(house, 1000);
    house_await(house, &id, DELIVERY_DEAD);
    struct house_delivery delivery = house_delivery(house, &id);
    assert_string_equal(delivery.reason, "out of time; last: still broken");
    assert_in_range(delivery.attempts, 3, 4);
    house_stop(house, 1000);
    endpoint_close(endpoint);
}

static void
a_replayed_dead_letter_gets_all_its_time_again(void **state)
{
    struct house *house = *state;
    const struct endpoint_reply replies[] = {{.status = 422}, {.status = 500}, GOOD};
    struct endpoint *endpoint = endpoint_open(&HOUSE_SECRET, replies, 3);
    house_begin(house, endpoint_port(endpoint),
                LOCAL "    retry: {first: 100ms, most: 100ms, for: 1s}\n");
    struct id id = house_submit(house, 1000);
    house_await(house, &id, DELIVERY_DEAD);
    int64_t old = clock_mono_ms() + 1100;
    while (clock_mono_ms() < old) {
        (void)usleep(1000); // the delivery must be older than its limit
    }
    struct store_filter filter = {.delivery_id = id.text};
    uint64_t count = 0;
    struct why why;
    assert_int_equal(store_delivery_retry(house->store, &filter, &count, &why), ST_OK);
    assert_int_equal(count, 1);
    dispatcher_kick(house->dispatcher, NULL);
    house_await(house, &id, DELIVERY_DONE);
    assert_int_equal(endpoint_count(endpoint), 3);
    house_stop(house, 1000);
    endpoint_close(endpoint);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, house_setup, house_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_500_is_repeated_with_the_same_id_and_bytes),
        CASE(a_429_with_retry_after_pauses_the_destination),
        CASE(a_retry_after_of_years_is_cut_to_an_hour),
        CASE(a_slow_endpoint_leaves_the_outcome_unknown),
        CASE(a_connection_cut_after_the_request_leaves_the_outcome_unknown),
        CASE(a_kept_connection_cut_after_the_request_leaves_the_outcome_unknown),
        CASE(a_kept_connection_that_ended_meanwhile_is_replaced_unseen),
        CASE(a_connection_cut_inside_the_request_is_a_plain_failure),
        CASE(a_410_blocks_all_that_waits_for_the_destination),
        CASE(a_422_is_a_dead_letter_with_what_the_endpoint_said),
        CASE(a_redirect_is_not_followed_but_told),
        CASE(an_endless_answer_is_cut_and_its_status_counts),
        CASE(a_delivery_older_than_its_limit_is_dead),
        CASE(a_replayed_dead_letter_gets_all_its_time_again),
    };
    (void)signal(SIGPIPE, SIG_IGN); // as the daemon does
    return cmocka_run_group_tests(tests, NULL, NULL);
}
