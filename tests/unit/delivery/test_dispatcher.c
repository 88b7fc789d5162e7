// SPDX-License-Identifier: Apache-2.0
// The dispatcher with a real store and a real endpoint that misbehaves.
#include "router/delivery/dispatcher.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/xalloc.h"
#include "endpoint.h"
#include "house.h"

static const struct endpoint_reply GOOD = {.status = 200};

/* ---- what is sent ---------------------------------------------------------------------------- */

static void
a_message_arrives_signed_and_is_done(void **state)
{
    struct house *house = *state;
    struct endpoint *endpoint = endpoint_open(&HOUSE_SECRET, &GOOD, 1);
    char extra[256];
    (void)snprintf(extra, sizeof(extra), "%s    authorization_file: %s/auth\n", LOCAL SOON,
                   house->folder.path);
    house_begin(house, endpoint_port(endpoint), extra);
    struct id id = house_submit(house, 4096);
    house_await(house, &id, DELIVERY_DONE);
    assert_int_equal(endpoint_count(endpoint), 1);
    const struct endpoint_seen *seen = endpoint_seen(endpoint, 0);
    assert_string_equal(seen->id, id.text);
    assert_string_equal(seen->key, id.text);
    assert_true(seen->signature_good);
    assert_string_equal(seen->content_type, "application/json");
    assert_string_equal(seen->authorization, "Bearer token-of-the-test");
    assert_string_equal(seen->agent, "mailspur/" MAILSPUR_VERSION);
    assert_in_range(seen->timestamp, clock_wall_ms() / 1000 - 30, clock_wall_ms() / 1000);
    assert_non_null(strstr(seen->start, "\"tenant\":\"acme\""));
    assert_int_equal(house_delivery(house, &id).last_http_status, 200);
    assert_string_equal(house_attempt(house, &id).outcome, "done");
    assert_int_equal(house_status(house).done, 1);
    house_stop(house, 1000);
    endpoint_close(endpoint);
}

static void
raw_format_sends_the_message_itself(void **state)
{
    struct house *house = *state;
    struct endpoint *endpoint = endpoint_open(&HOUSE_SECRET, &GOOD, 1);
    house_begin(house, endpoint_port(endpoint), LOCAL SOON "    format: raw\n");
    struct id id = house_submit(house, 4096);
    house_await(house, &id, DELIVERY_DONE);
    const struct endpoint_seen *seen = endpoint_seen(endpoint, 0);
    assert_string_equal(seen->content_type, "message/rfc822");
    assert_true(seen->signature_good);
    assert_string_equal(seen->recipient, "support+42@yourmsp.example");
    assert_memory_equal(seen->start, "X-Original-To: support+42@yourmsp.example\r\n", 43);
    assert_non_null(strstr(seen->start, "Subject: a ticket\r\n"));
    house_stop(house, 1000);
    endpoint_close(endpoint);
}

enum { KILOBYTE = 1024, MEGABYTE = 1024 * KILOBYTE };

// Peak resident memory of this process since the last reset, in KB.
static long
peak_kb(void)
{
    long peak = 0;
    FILE *file = fopen("/proc/self/status", "re");
    assert_non_null(file);
    char line[256];
    while (fgets(line, sizeof(line), file) != NULL) {
        (void)sscanf(line, "VmHWM: %ld", &peak);
    }
    (void)fclose(file);
    return peak;
}

static void
reset_peak(void)
{
    FILE *file = fopen("/proc/self/clear_refs", "we");
    assert_non_null(file);
    (void)fputs("5", file);
    assert_int_equal(fclose(file), 0);
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { MEMORY_TOLD = false }; // the sanitizers' own memory grows with ours
#else
enum { MEMORY_TOLD = true };
#endif

static void
thirty_megabytes_are_streamed_in_little_memory(void **state)
{
    struct house *house = *state;
    struct endpoint *endpoint = endpoint_open(&HOUSE_SECRET, &GOOD, 1);
    house_configure(house, endpoint_port(endpoint), LOCAL SOON "    timeout: 60s\n");
    struct id id = house_submit(house, 30 * MEGABYTE);
    reset_peak();
    long before = peak_kb();
    house_start(house);
    house_await(house, &id, DELIVERY_DONE);
    long grown = peak_kb() - before;
    const struct endpoint_seen *seen = endpoint_seen(endpoint, 0);
    assert_true(seen->whole);
    assert_true(seen->signature_good);
    assert_in_range(seen->length, 40 * MEGABYTE, 40 * MEGABYTE + 4 * KILOBYTE);
    if (MEMORY_TOLD) {
        assert_in_range(grown, 0, 12 * KILOBYTE);
    }
    house_stop(house, 1000);
    endpoint_close(endpoint);
}

static void
deliveries_of_one_destination_share_a_connection(void **state)
{
    struct house *house = *state;
    struct endpoint *endpoint = endpoint_open(&HOUSE_SECRET, &GOOD, 1);
    house_begin(house, endpoint_port(endpoint), LOCAL SOON "    concurrency: 1\n");
    struct id ids[20];
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        ids[i] = house_submit(house, 1000);
    }
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        house_await(house, &ids[i], DELIVERY_DONE);
    }
    assert_int_equal(endpoint_count(endpoint), ARRAY_LEN(ids));
    assert_int_equal(endpoint_connections(endpoint), 1);
    house_stop(house, 1000);
    endpoint_close(endpoint);
}

/* ---- limits ---------------------------------------------------------------------------------- */

static void
concurrency_is_never_passed(void **state)
{
    struct house *house = *state;
    const struct endpoint_reply replies[] = {{.status = 200, .wait = true}};
    struct endpoint *endpoint = endpoint_open(&HOUSE_SECRET, replies, 1);
    house_begin(house, endpoint_port(endpoint), LOCAL SOON "    concurrency: 2\n");
    struct id ids[10];
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        ids[i] = house_submit(house, 1000);
    }
    endpoint_await(endpoint, 2);
    assert_int_equal(house_status(house).in_flight, 2);
    (void)usleep(100 * 1000); // a third request would come now
    endpoint_release(endpoint);
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        house_await(house, &ids[i], DELIVERY_DONE);
    }
    assert_int_equal(endpoint_most_at_once(endpoint), 2);
    assert_int_equal(endpoint_count(endpoint), ARRAY_LEN(ids));
    house_stop(house, 1000);
    endpoint_close(endpoint);
}

static void
a_dead_endpoint_is_left_alone_and_waiting_costs_no_attempt(void **state)
{
    struct house *house = *state;
    const struct endpoint_reply replies[] = {{.status = 502}};
    struct endpoint *endpoint = endpoint_open(&HOUSE_SECRET, replies, 1);
    house_configure(house, endpoint_port(endpoint), LOCAL LATE "    concurrency: 1\n");
    struct id ids[8];
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        ids[i] = house_submit(house, 1000);
    }
    house_start(house);
    endpoint_await(endpoint, 5);
    (void)usleep(100 * 1000); // a sixth request would come now
    assert_true(house_status(house).paused_until_ms > clock_wall_ms());
    house_stop(house, 10000);
    assert_int_equal(endpoint_count(endpoint), 5);
    uint64_t attempts = 0;
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        struct house_delivery delivery = house_delivery(house, &ids[i]);
        assert_int_equal(delivery.state, DELIVERY_QUEUED);
        attempts += delivery.attempts;
    }
    assert_int_equal(attempts, 5);
    endpoint_close(endpoint);
}

static void
a_private_address_is_refused_unless_allowed(void **state)
{
    struct house *house = *state;
    struct endpoint *endpoint = endpoint_open(&HOUSE_SECRET, &GOOD, 1);
    house_begin(house, endpoint_port(endpoint), LOCAL LATE);
    struct id allowed = house_submit(house, 1000);
    house_await(house, &allowed, DELIVERY_DONE);
    house_configure(house, endpoint_port(endpoint), LATE);
    struct id refused = house_submit(house, 1000); // a kept connection must not serve it
    while (house_attempt(house, &refused).count == 0) {
        (void)usleep(5000);
    }
    assert_string_equal(house_attempt(house, &refused).outcome, "retry");
    assert_string_equal(house_attempt(house, &refused).detail,
                        "address 127.0.0.1 is not allowed for this destination");
    assert_int_equal(endpoint_count(endpoint), 1);
    house_stop(house, 1000);
    endpoint_close(endpoint);
}

/* ---- coming and going ------------------------------------------------------------------------ */

static void
a_missing_destination_blocks_until_a_reload_brings_it_back(void **state)
{
    struct house *house = *state;
    struct endpoint *endpoint = endpoint_open(&HOUSE_SECRET, &GOOD, 1);
    house_configure(house, 0, "");
    house_start(house);
    struct id id = house_submit(house, 1000);
    house_await(house, &id, DELIVERY_BLOCKED);
    struct house_delivery delivery = house_delivery(house, &id);
    assert_string_equal(delivery.reason, "destination missing");
    assert_int_equal(delivery.attempts, 0);
    house_configure(house, endpoint_port(endpoint), LOCAL SOON);
    house_await(house, &id, DELIVERY_DONE);
    house_stop(house, 1000);
    endpoint_close(endpoint);
}

// As when a domain moved to another tenant, whose file names a destination as the old one did.
static void
mail_of_another_tenant_is_never_sent_to_a_domains_destination(void **state)
{
    struct house *house = *state;
    struct endpoint *endpoint = endpoint_open(&HOUSE_SECRET, &GOOD, 1);
    static const struct {
        const char *tenant;
        enum delivery_state state;
    } cases[] = {{"acme", DELIVERY_DONE}, {"other", DELIVERY_BLOCKED}};
    house_configure(house, endpoint_port(endpoint), LOCAL SOON);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_CONFIG *config = config_holder_get(house->holder);
        free(config->destinations[0]->tenant);
        config->destinations[0]->tenant = xstrdup(cases[i].tenant);
        house_start(house);
        struct id id = house_submit(house, 4096);
        house_await(house, &id, cases[i].state);
        house_stop(house, 1000);
        if (cases[i].state == DELIVERY_BLOCKED) {
            assert_string_equal(house_delivery(house, &id).reason,
                                "destination belongs to another tenant");
        }
    }
    assert_int_equal(endpoint_count(endpoint), 1);
    endpoint_close(endpoint);
}

static void
a_reload_that_drops_a_destination_blocks_also_what_is_due_later(void **state)
{
    struct house *house = *state;
    const struct endpoint_reply replies[] = {{.status = 500}, GOOD};
    struct endpoint *endpoint = endpoint_open(&HOUSE_SECRET, replies, 2);
    house_begin(house, endpoint_port(endpoint), LOCAL LATE);
    struct id id = house_submit(house, 1000);
    while (house_attempt(house, &id).count == 0) {
        (void)usleep(5000);
    }
    house_configure(house, 0, "");
    house_await(house, &id, DELIVERY_BLOCKED);
    house_stop(house, 1000);
    house_configure(house, endpoint_port(endpoint), LOCAL LATE);
    house_start(house); // back while nothing ran
    house_await(house, &id, DELIVERY_DONE);
    house_stop(house, 1000);
    endpoint_close(endpoint);
}

static void
a_restart_goes_on_where_it_stopped(void **state)
{
    struct house *house = *state;
    const struct endpoint_reply replies[] = {{.status = 200, .wait = true}, GOOD};
    struct endpoint *endpoint = endpoint_open(&HOUSE_SECRET, replies, 2);
    house_begin(house, endpoint_port(endpoint), LOCAL SOON);
    struct id id = house_submit(house, 1000);
    endpoint_await(endpoint, 1);
    house_stop(house, 0);
    struct house_delivery delivery = house_delivery(house, &id);
    assert_int_equal(delivery.state, DELIVERY_UNKNOWN); // it was sent: that is told
    assert_int_equal(delivery.attempts, 1);
    house_start(house);
    house_await(house, &id, DELIVERY_DONE);
    assert_string_equal(endpoint_seen(endpoint, 0)->id, endpoint_seen(endpoint, 1)->id);
    house_stop(house, 1000);
    endpoint_close(endpoint);
}

static void
stopping_lets_a_running_request_end_within_the_grace(void **state)
{
    struct house *house = *state;
    struct endpoint *endpoint = endpoint_open(&HOUSE_SECRET, &GOOD, 1);
    house_begin(house, endpoint_port(endpoint), LOCAL SOON);
    struct id ids[30];
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        ids[i] = house_submit(house, 1000);
    }
    house_stop(house, 10000);
    size_t done = 0;
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        struct house_delivery delivery = house_delivery(house, &ids[i]);
        assert_true(delivery.state == DELIVERY_DONE || delivery.state == DELIVERY_QUEUED);
        assert_int_equal(delivery.attempts, delivery.state == DELIVERY_DONE ? 1 : 0);
        done += delivery.state == DELIVERY_DONE ? 1 : 0;
    }
    assert_int_equal(endpoint_count(endpoint), done);
    endpoint_close(endpoint);
}

static void
a_request_broken_off_half_way_was_no_attempt(void **state)
{
    struct house *house = *state;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); // accepts nobody, reads nothing
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    house_configure(house, ntohs(address.sin_port), LOCAL SOON);
    house_start(house);
    struct id id = house_submit(house, 20 * MEGABYTE);
    house_await(house, &id, DELIVERY_LEASED);
    house_stop(house, 300);
    struct house_delivery delivery = house_delivery(house, &id);
    assert_int_equal(delivery.state, DELIVERY_QUEUED);
    assert_int_equal(delivery.attempts, 0);
    assert_int_equal(house_attempt(house, &id).count, 0);
    (void)close(fd);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, house_setup, house_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_message_arrives_signed_and_is_done),
        CASE(raw_format_sends_the_message_itself),
        CASE(thirty_megabytes_are_streamed_in_little_memory),
        CASE(deliveries_of_one_destination_share_a_connection),
        CASE(concurrency_is_never_passed),
        CASE(a_dead_endpoint_is_left_alone_and_waiting_costs_no_attempt),
        CASE(a_private_address_is_refused_unless_allowed),
        CASE(a_missing_destination_blocks_until_a_reload_brings_it_back),
        CASE(mail_of_another_tenant_is_never_sent_to_a_domains_destination),
        CASE(a_reload_that_drops_a_destination_blocks_also_what_is_due_later),
        CASE(a_restart_goes_on_where_it_stopped),
        CASE(stopping_lets_a_running_request_end_within_the_grace),
        CASE(a_request_broken_off_half_way_was_no_attempt),
    };
    (void)signal(SIGPIPE, SIG_IGN); // as the daemon does
    return cmocka_run_group_tests(tests, NULL, NULL);
}
