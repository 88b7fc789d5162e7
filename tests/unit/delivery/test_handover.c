// SPDX-License-Identifier: Apache-2.0
// Deliveries that come straight from their commit, with a real store and a real endpoint.
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/attrs.h"
#include "endpoint.h"
#include "house.h"
#include "router/delivery/dispatcher.h"

static const struct endpoint_reply GOOD = {.status = 200};
static const char BYTES[] =
    "Subject: at hand\r\nTo: support+42@yourmsp.example\r\n\r\nnot in the store\r\n";

// The first message of a destination makes it known.
static void
get_known(struct house *house)
{
    struct id id = house_submit(house, 1000);
    house_await(house, &id, DELIVERY_DONE);
}

static void
unknown_destination_has_no_place(void **state)
{
    struct house *house = *state;
    struct endpoint *endpoint = endpoint_open(&HOUSE_SECRET, &GOOD, 1);
    house_begin(house, endpoint_port(endpoint), LOCAL SOON);
    assert_false(dispatcher_take_place(house->dispatcher, "psa"));
    assert_false(dispatcher_take_place(house->dispatcher, "nobody"));
    house_stop(house, 1000);
    endpoint_close(endpoint);
}

static void
what_has_a_place_is_sent_from_memory_and_completed(void **state)
{
    struct house *house = *state;
    struct endpoint *endpoint = endpoint_open(&HOUSE_SECRET, &GOOD, 1);
    house_begin(house, endpoint_port(endpoint), LOCAL SOON "    format: raw\n");
    get_known(house);
    house_take_place(house);
    struct id id = house_hand_over(house, BYTES);
    house_await(house, &id, DELIVERY_DONE);
    assert_int_equal(endpoint_count(endpoint), 2);
    const struct endpoint_seen *seen = endpoint_seen(endpoint, 1);
    assert_string_equal(seen->id, id.text);
    assert_true(seen->signature_good);
    assert_non_null(strstr(seen->start, BYTES));
    assert_string_equal(seen->recipient, "support+42@yourmsp.example");
    assert_int_equal(house_delivery(house, &id).attempts, 1);
    assert_int_equal(house_status(house).done, 2);
    house_stop(house, 1000);
    endpoint_close(endpoint);
}

static void
repeat_of_what_was_handed_over_is_read_from_the_store(void **state)
{
    struct house *house = *state;
    const struct endpoint_reply replies[] = {GOOD, {.status = 500}, GOOD};
    struct endpoint *endpoint = endpoint_open(&HOUSE_SECRET, replies, ARRAY_LEN(replies));
    house_begin(house, endpoint_port(endpoint), LOCAL SOON "    format: raw\n");
    get_known(house);
    house_take_place(house);
    struct id id = house_hand_over(house, BYTES);
    house_await(house, &id, DELIVERY_DONE);
    assert_int_equal(endpoint_count(endpoint), 3);
    assert_string_equal(endpoint_seen(endpoint, 2)->id, id.text);
    assert_non_null(strstr(endpoint_seen(endpoint, 2)->start, "Subject: a ticket\r\n"));
    assert_int_equal(house_delivery(house, &id).attempts, 2);
    house_stop(house, 1000);
    endpoint_close(endpoint);
}

static void
there_are_as_many_places_as_requests_at_once(void **state)
{
    struct house *house = *state;
    struct endpoint *endpoint = endpoint_open(&HOUSE_SECRET, &GOOD, 1);
    house_begin(house, endpoint_port(endpoint), LOCAL SOON "    concurrency: 2\n");
    get_known(house);
    house_take_place(house);
    house_take_place(house);
    assert_false(dispatcher_take_place(house->dispatcher, "psa"));
    dispatcher_return_place(house->dispatcher, "psa");
    house_take_place(house);
    assert_false(dispatcher_take_place(house->dispatcher, "psa"));
    struct id first = house_hand_over(house, BYTES);
    struct id second = house_hand_over(house, BYTES);
    house_await(house, &first, DELIVERY_DONE);
    house_await(house, &second, DELIVERY_DONE);
    house_take_place(house); // they are free again
    dispatcher_return_place(house->dispatcher, "psa");
    house_stop(house, 1000);
    endpoint_close(endpoint);
}

struct taker {
    struct house *house;
    atomic_bool is_over;
    bool has_place;
    uint64_t in_flight; /* when it got its place */
};

// As a commit does that meets the moment, again and again.
static void *
take_while_another_is_handed_over(void *context)
{
    struct taker *taker = context;
    while (!taker->has_place && !atomic_load(&taker->is_over)) {
        taker->has_place = dispatcher_take_place(taker->house->dispatcher, "psa");
    }
    taker->in_flight = taker->has_place ? house_status(taker->house).in_flight : 0;
    return NULL;
}

static void
place_that_becomes_a_request_is_not_given_to_another(void **state)
{
    struct house *house = *state;
    struct endpoint *endpoint = endpoint_open(&HOUSE_SECRET, &GOOD, 1);
    house_begin(house, endpoint_port(endpoint), LOCAL SOON "    concurrency: 1\n");
    get_known(house);
    for (unsigned i = 0; i < 100; i++) {
        struct taker taker = {.house = house};
        pthread_t thread;
        house_take_place(house);
        assert_int_equal(pthread_create(&thread, NULL, take_while_another_is_handed_over, &taker),
                         0);
        struct id id = house_hand_over(house, BYTES);
        house_await(house, &id, DELIVERY_DONE);
        atomic_store(&taker.is_over, true);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_int_equal(taker.in_flight, 0); // the request before had ended
        if (taker.has_place) {
            dispatcher_return_place(house->dispatcher, "psa");
        }
    }
    house_stop(house, 1000);
    endpoint_close(endpoint);
}

static void
places_that_are_taken_count_when_others_are_claimed(void **state)
{
    struct house *house = *state;
    struct endpoint *endpoint = endpoint_open(&HOUSE_SECRET, &GOOD, 1);
    house_begin(house, endpoint_port(endpoint), LOCAL SOON "    concurrency: 1\n");
    get_known(house);
    house_take_place(house);
    struct id waiting = house_submit(house, 1000);
    struct id handed = house_hand_over(house, BYTES);
    house_await(house, &handed, DELIVERY_DONE);
    house_await(house, &waiting, DELIVERY_DONE);
    assert_int_equal(endpoint_most_at_once(endpoint), 1);
    assert_string_equal(endpoint_seen(endpoint, 1)->id, handed.text);
    house_stop(house, 1000);
    endpoint_close(endpoint);
}

static void
no_place_where_the_endpoint_asked_for_rest(void **state)
{
    struct house *house = *state;
    const struct endpoint_reply replies[] = {GOOD,
                                             {.status = 429, .headers = "Retry-After: 3600\r\n"}};
    struct endpoint *endpoint = endpoint_open(&HOUSE_SECRET, replies, ARRAY_LEN(replies));
    house_begin(house, endpoint_port(endpoint), LOCAL LATE);
    get_known(house);
    struct id id = house_submit(house, 1000);
    endpoint_await(endpoint, 2);
    house_await(house, &id, DELIVERY_QUEUED);
    assert_false(dispatcher_take_place(house->dispatcher, "psa"));
    house_stop(house, 1000);
    endpoint_close(endpoint);
}

static void
destination_that_went_meanwhile_blocks_what_is_handed_over(void **state)
{
    struct house *house = *state;
    struct endpoint *endpoint = endpoint_open(&HOUSE_SECRET, &GOOD, 1);
    house_begin(house, endpoint_port(endpoint), LOCAL SOON);
    get_known(house);
    house_take_place(house);
    house_configure(house, 0, "");
    struct id id = house_hand_over(house, BYTES);
    house_await(house, &id, DELIVERY_BLOCKED);
    assert_int_equal(endpoint_count(endpoint), 1);
    house_stop(house, 1000);
    endpoint_close(endpoint);
}

// A commit may end behind the dispatcher: its delivery stays leased, until the next start.
static void
what_comes_behind_the_end_stays_leased(void **state)
{
    struct house *house = *state;
    struct endpoint *endpoint = endpoint_open(&HOUSE_SECRET, &GOOD, 1);
    house_begin(house, endpoint_port(endpoint), LOCAL SOON);
    get_known(house);
    house_take_place(house);
    dispatcher_stop(house->dispatcher, 1000);
    assert_false(dispatcher_take_place(house->dispatcher, "psa"));
    struct id id = house_hand_over(house, BYTES);
    dispatcher_close(house->dispatcher);
    house->dispatcher = NULL;
    assert_int_equal(house_delivery(house, &id).state, DELIVERY_LEASED);
    assert_int_equal(endpoint_count(endpoint), 1);
    endpoint_close(endpoint);
}

int
main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, house_setup, house_teardown)
    const struct CMUnitTest tests[] = {
        CASE(unknown_destination_has_no_place),
        CASE(what_has_a_place_is_sent_from_memory_and_completed),
        CASE(repeat_of_what_was_handed_over_is_read_from_the_store),
        CASE(there_are_as_many_places_as_requests_at_once),
        CASE(place_that_becomes_a_request_is_not_given_to_another),
        CASE(places_that_are_taken_count_when_others_are_claimed),
        CASE(no_place_where_the_endpoint_asked_for_rest),
        CASE(destination_that_went_meanwhile_blocks_what_is_handed_over),
        CASE(what_comes_behind_the_end_stays_leased),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
