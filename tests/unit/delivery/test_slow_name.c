// SPDX-License-Identifier: Apache-2.0
// Endpoints whose name the DNS does not answer: the one thread of delivery must not wait for it.
#include <netdb.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "house.h"

enum { LOOK_EVERY_US = 5000, SLOW_MS = 10000, SOON_MS = SLOW_MS / 2, UNUSED_PORT = 9 };

static atomic_uint asked;  // lookups that began
static atomic_bool answer; // let them end

// libcurl's resolver threads come here: the program's function goes before the C library's.
int
getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
            struct addrinfo **list_out)
{
    (void)name;
    (void)service;
    (void)hints;
    (void)list_out;
    atomic_fetch_add(&asked, 1);
    for (int64_t until = clock_mono_ms() + SLOW_MS; clock_mono_ms() < until && !answer;) {
        (void)usleep(LOOK_EVERY_US);
    }
    return EAI_AGAIN;
}

static struct id
begin(struct house *house, const char *extra)
{
    asked = 0;
    answer = false;
    house->endpoint_host = "slow.example";
    house_configure(house, UNUSED_PORT, extra);
    house_start(house);
    struct id id = house_submit(house, 1000);
    while (asked == 0) {
        (void)usleep(LOOK_EVERY_US);
    }
    return id;
}

static void
a_name_that_does_not_resolve_is_given_up_at_the_timeout(void **state)
{
    struct house *house = *state;
    int64_t started = clock_mono_ms();
    struct id id = begin(house, "    connect_timeout: 300ms\n    timeout: 300ms\n"
                                "    retry: {first: 1h, most: 1h, for: 10h}\n");
    while (house_attempt(house, &id).count == 0) {
        (void)usleep(LOOK_EVERY_US);
    }
    assert_in_range(clock_mono_ms() - started, 300, SOON_MS);
    assert_string_equal(house_attempt(house, &id).outcome, "retry");
    answer = true;
    house_stop(house, 0);
}

static void
stopping_does_not_wait_for_a_name(void **state)
{
    struct house *house = *state;
    struct id id = begin(house, "");
    int64_t started = clock_mono_ms();
    house_stop(house, 0);
    assert_in_range(clock_mono_ms() - started, 0, SOON_MS);
    assert_int_equal(house_delivery(house, &id).state, DELIVERY_QUEUED);
    assert_int_equal(house_delivery(house, &id).attempts, 0);
    answer = true;
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, house_setup, house_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_name_that_does_not_resolve_is_given_up_at_the_timeout),
        CASE(stopping_does_not_wait_for_a_name),
    };
    (void)signal(SIGPIPE, SIG_IGN); // as the daemon does
    return cmocka_run_group_tests(tests, NULL, NULL);
}
